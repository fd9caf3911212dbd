-- Reporters without an accepted (or nil) submission for the newest due period of each data set.
-- A returned one is missing too: it says so. Late is after the due date, in working days.
WITH due AS (
    SELECT e.dataset, e.dataset_title, e.period, e.reporter_code, e.due_on,
           ROW_NUMBER() OVER (PARTITION BY e.dataset, e.reporter_code ORDER BY p.stat_on DESC) AS n
    FROM expected e
    JOIN periods p ON p.period = e.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) r
    WHERE e.due_on < CAST($today AS DATE) AND p.stat_on <= r.ends_on
),
current AS (
    SELECT DISTINCT dataset, period, reporter_code FROM coverage
),
returned AS (
    SELECT DISTINCT dataset, period, reporter_code FROM submissions WHERE state = 'returned'
)
SELECT 'submission' AS subject_kind,
       concat(d.dataset, ':', d.reporter_code) AS subject_code,
       concat(u.name, COALESCE(d.dataset_title, d.dataset)) AS subject_name,
       d.reporter_code AS unit_code, d.period,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat(d.period, ' 应于 ', CAST(d.due_on AS VARCHAR), ' 前报送，',
              CASE WHEN r.dataset IS NOT NULL THEN '所报文件已退回，尚未更正' ELSE '尚未收到' END) AS detail
FROM due d
JOIN units u ON u.code = d.reporter_code
LEFT JOIN current c
    ON c.dataset = d.dataset AND c.period = d.period AND c.reporter_code = d.reporter_code
LEFT JOIN returned r
    ON r.dataset = d.dataset AND r.period = d.period AND r.reporter_code = d.reporter_code
WHERE d.n = 1 AND c.dataset IS NULL
