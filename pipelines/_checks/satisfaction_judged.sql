-- Papers of the newest wave whose rate is published: too few answers say nothing, and close nothing.
WITH newest AS (
    SELECT r.period
    FROM satisfaction_published r
    JOIN periods w ON w.period = r.period
    JOIN periods p ON p.period = $period
    WHERE w.stat_on <= p.ends_on
    ORDER BY w.stat_on DESC
    LIMIT 1
)
SELECT 'paper' AS subject_kind, concat(r.unit_code, ':', r.paper) AS subject_code
FROM satisfaction_published r
JOIN newest w ON w.period = r.period
WHERE r.headline AND r.level = $level AND r.met IS NOT NULL
