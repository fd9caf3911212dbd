-- title: 在册幼儿园
-- description: 各学年名册中在办的幼儿园（不含托幼点；教学点、分园随总园，不另计）。
SELECT i.period, CASE WHEN u.level = 'park' THEN u.parent ELSE i.unit_code END AS town_code,
       i.inst_code, i.inst_name, i.inst_kind
FROM institutions i
JOIN periods p ON p.period = i.period
LEFT JOIN units u ON u.code = i.unit_code
WHERE i.inst_kind <> 'childcare_point' AND i.parent_code IS NULL
  AND (i.closed_on IS NULL OR i.closed_on > p.stat_on)
