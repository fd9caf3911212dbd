-- Papers with fewer valid answers than planned, in the newest wave that had closed by the period's end.
WITH newest AS (
    SELECT s.period
    FROM survey_sample s
    JOIN periods w ON w.period = s.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) r
    WHERE w.stat_on <= r.ends_on
    ORDER BY w.stat_on DESC
    LIMIT 1
)
SELECT 'paper' AS subject_kind, concat(s.unit_code, ':', s.paper) AS subject_code,
       concat(s.unit_name, s.title) AS subject_name, s.unit_code, s.period,
       CAST(s.n AS DOUBLE) AS observed, CAST(s.planned AS DOUBLE) AS target,
       CASE WHEN s.n IS NULL
            THEN concat('有效答卷不足', CAST(s.min_answers AS VARCHAR), '份，计划',
                        CAST(s.planned AS VARCHAR), '份')
            ELSE concat('有效答卷', CAST(s.n AS VARCHAR), '份，计划', CAST(s.planned AS VARCHAR), '份，尚差',
                        CAST(s.short AS VARCHAR), '份') END AS detail
FROM survey_sample s JOIN newest n ON n.period = s.period
WHERE s.level = $level AND NOT s.met
