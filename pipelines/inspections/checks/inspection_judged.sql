-- Kindergartens of the newest school year's form, and those that neither it nor the register knows any more.
WITH newest AS (
    SELECT c.period
    FROM (SELECT DISTINCT period FROM coverage WHERE dataset = 'inspections') c
    JOIN periods p ON p.period = c.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) r
    WHERE p.stat_on <= r.ends_on
    ORDER BY p.stat_on DESC
    LIMIT 1
)
SELECT DISTINCT 'institution' AS subject_kind, s.inst_code AS subject_code
FROM inspection_status s
CROSS JOIN newest n
LEFT JOIN inspection_status g ON g.period = n.period AND g.inst_code = s.inst_code
WHERE s.period <= n.period AND (g.inst_code IS NULL OR g.reported)
