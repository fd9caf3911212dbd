-- title: 各园教职工与在园幼儿
-- description: 每所幼儿园（不含托幼点）当期的教职工、持证、编制、班级和幼儿数。幼儿含托班，因教职工不分班计。
-- unit_code is who answers for it: the town in which it lies, for a 直属园 the bureau that reports it.
WITH children AS (
    SELECT period, inst_code, MIN(inst_kind) AS inst_kind, SUM(children) AS children,
           SUM(CASE WHEN children > 0 THEN 1 ELSE 0 END) AS classes
    FROM enrollment GROUP BY period, inst_code
),
points AS (
    SELECT DISTINCT inst_code FROM institutions WHERE inst_kind = 'childcare_point'
)
SELECT s.period, CASE WHEN u.level = 'park' THEN u.parent ELSE s.unit_code END AS town_code,
       CASE WHEN r.level = 'bureau' THEN s.reporter_code
            WHEN u.level = 'park' THEN u.parent ELSE s.unit_code END AS unit_code,
       s.inst_code, s.inst_name, c.inst_kind, s.staff, s.heads, s.teachers, s.nurses, s.health, s.guards,
       s.teachers_certified, s.heads_certified, s.posts, s.posts_filled, c.children, c.classes
FROM staffing s
LEFT JOIN units u ON u.code = s.unit_code
LEFT JOIN units r ON r.code = s.reporter_code
LEFT JOIN children c ON c.period = s.period AND c.inst_code = s.inst_code
LEFT JOIN points k ON k.inst_code = s.inst_code
WHERE CASE WHEN c.inst_kind IS NOT NULL THEN c.inst_kind <> 'childcare_point'
           ELSE k.inst_code IS NULL END
