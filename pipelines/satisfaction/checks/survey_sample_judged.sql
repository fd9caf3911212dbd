-- Papers of the newest wave that have a plan.
WITH newest AS (
    SELECT s.period
    FROM survey_sample s
    JOIN periods w ON w.period = s.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) r
    WHERE w.stat_on <= r.ends_on
    ORDER BY w.stat_on DESC
    LIMIT 1
)
SELECT 'paper' AS subject_kind, concat(s.unit_code, ':', s.paper) AS subject_code
FROM survey_sample s JOIN newest n ON n.period = s.period
WHERE s.level = $level AND s.met IS NOT NULL
