-- Points in the period's form, and those that were reported as handed over, merged or closed, in it or before: they are listed no more.
-- One that is merely left out is not judged.
SELECT 'point' AS subject_kind, point_code AS subject_code FROM childcare_points WHERE period = $period
UNION
SELECT 'point', k.point_code
FROM childcare_points k
JOIN periods p ON p.period = k.period
CROSS JOIN (SELECT stat_on FROM periods WHERE period = $period) m
WHERE k.disposal IN ('transferred', 'merged', 'closed') AND p.stat_on <= m.stat_on
