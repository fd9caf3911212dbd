-- Units that have sent nothing acceptable of any monthly form for the newest period for which one is due: one matter a unit, whatever it owes. The
-- form that is missing is the cause; what cannot be judged without it is held back. A returned file is nothing acceptable.
-- Owed is what is due since the unit last sent anything, and never what was before the home's own first month.
WITH forms AS (
    SELECT e.dataset, e.dataset_title, e.period, e.reporter_code, e.due_on, p.stat_on, c.dataset IS NOT NULL AS is_covered
    FROM expected e
    JOIN periods p ON p.period = e.period AND p.frequency = 'month'
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
    LEFT JOIN (SELECT DISTINCT dataset, period, reporter_code FROM coverage) c
        ON c.dataset = e.dataset AND c.period = e.period AND c.reporter_code = e.reporter_code
    WHERE e.due_on < CAST($today AS DATE) AND p.stat_on <= m.ends_on
),
newest AS (
    SELECT reporter_code, MAX(stat_on) AS stat_on, MAX(CASE WHEN is_covered THEN stat_on END) AS last_on
    FROM forms GROUP BY reporter_code
),
begun AS (
    SELECT MIN(stat_on) AS stat_on FROM forms WHERE is_covered
),
silent AS (
    SELECT f.reporter_code, MIN(f.period) AS period, MIN(f.due_on) AS due_on
    FROM forms f JOIN newest n ON n.reporter_code = f.reporter_code AND n.stat_on = f.stat_on
    GROUP BY f.reporter_code
    HAVING SUM(CASE WHEN f.is_covered THEN 1 ELSE 0 END) = 0
),
owed AS (
    SELECT f.reporter_code, COALESCE(f.dataset_title, f.dataset) AS title, COUNT(*) AS n_periods,
           string_agg(f.period, '、' ORDER BY f.period) AS listed
    FROM forms f
    JOIN silent s ON s.reporter_code = f.reporter_code
    JOIN newest n ON n.reporter_code = f.reporter_code
    CROSS JOIN begun b
    WHERE f.stat_on = n.stat_on
       OR f.stat_on >= b.stat_on AND (n.last_on IS NULL OR f.stat_on > n.last_on)
    GROUP BY f.reporter_code, COALESCE(f.dataset_title, f.dataset)
)
SELECT u.level AS subject_kind, s.reporter_code AS subject_code, u.name AS subject_name, s.reporter_code AS unit_code, s.period,
       CAST(SUM(o.n_periods) AS DOUBLE) AS observed, CAST(0 AS DOUBLE) AS target,
       concat(s.period, ' 各月报表应于 ', CAST(s.due_on AS VARCHAR), ' 前报送，均未收到可采用的；共欠',
              CAST(SUM(o.n_periods) AS VARCHAR), '份：',
              string_agg(concat(o.title, '（', o.listed, '）'), '；' ORDER BY o.title)) AS detail
FROM silent s
JOIN owed o ON o.reporter_code = s.reporter_code
JOIN units u ON u.code = s.reporter_code
GROUP BY u.level, s.reporter_code, u.name, s.period, s.due_on
