-- Kindergartens of the reporters' newest forms that have children, and those that are no longer in them:
-- what was closed or moved is short of nothing.
WITH newest AS (
    SELECT c.reporter_code, c.period,
           ROW_NUMBER() OVER (PARTITION BY c.reporter_code ORDER BY p.stat_on DESC) AS n
    FROM (SELECT DISTINCT reporter_code, period FROM coverage WHERE dataset = 'facilities') c
    JOIN periods p ON p.period = c.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) r
    WHERE p.stat_on <= r.ends_on
)
SELECT DISTINCT 'institution' AS subject_kind, f.inst_code AS subject_code
FROM facility_institutions f
JOIN newest n ON n.reporter_code = f.reporter_code AND n.n = 1
LEFT JOIN facility_institutions g ON g.period = n.period AND g.inst_code = f.inst_code
WHERE f.period <= n.period AND (g.inst_code IS NULL OR g.is_short IS NOT NULL)
