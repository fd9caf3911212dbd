-- 镇 that have sent a register.
SELECT DISTINCT 'town' AS subject_kind, l.unit_code AS subject_code
FROM town_layout l
JOIN periods p ON p.period = l.period
CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
WHERE l.level = 'town' AND l.den > 0 AND p.stat_on <= m.ends_on
