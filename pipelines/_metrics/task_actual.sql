-- title: 任务实际进度
-- description: 各月每项任务的实际进度（万分之几，0—10000）：有指标的为（现值－基期）÷（目标－基期），基期取 tasks.csv，空的取最早一期（先取报齐的）；没有指标的取当月填报的进度。未报为空。
-- The basis is `metric` or `reported`. The three rates are one task: the slowest of them counts.
-- Fractions are compared in whole numbers: ((n·b' − b·d)·t') ÷ ((t·b' − b·t')·d) for now n/d, baseline b/b', target t/t'.
-- A target that the baseline had reached: done while it is held, nothing otherwise.
WITH measures AS (
    SELECT task_no, metric AS figure, target_num, target_den, baseline_num, baseline_den
    FROM tasks WHERE metric IS NOT NULL AND metric <> 'three_rates'
    UNION ALL
    SELECT k.task_no, r.figure, NULL, NULL, NULL, NULL
    FROM tasks k
    CROSS JOIN (VALUES ('gross_enrolment'), ('inclusive_coverage'), ('public_share')) AS r (figure)
    WHERE k.metric = 'three_rates'
),
campaign AS (
    SELECT metric, MIN(num) AS num, MIN(den) AS den
    FROM targets WHERE level = 'district' AND target_set = 'campaign' AND op = '>='
    GROUP BY metric
),
firsts AS (
    SELECT figure, num, den,
           ROW_NUMBER() OVER (PARTITION BY figure ORDER BY is_complete DESC, period) AS k
    FROM district_figures WHERE den > 0
),
fractions AS (
    SELECT f.period, m.task_no, f.num AS n, f.den AS d, f.is_complete,
           COALESCE(m.target_num, c.num) AS t, COALESCE(m.target_den, c.den) AS td,
           COALESCE(m.baseline_num, b.num) AS b, COALESCE(m.baseline_den, b.den) AS bd
    FROM measures m
    JOIN district_figures f ON f.figure = m.figure
    LEFT JOIN campaign c ON c.metric = m.figure
    LEFT JOIN firsts b ON b.figure = m.figure AND b.k = 1
),
measured AS (
    SELECT period, task_no, is_complete,
           CASE WHEN d > 0 AND td > 0 AND bd > 0 THEN
               CASE WHEN n * td >= t * d THEN 10000
                    WHEN t * bd <= b * td THEN 0
                    WHEN n * bd <= b * d THEN 0
                    ELSE (n * bd - b * d) * td * 10000 / ((t * bd - b * td) * d) END
           END AS actual
    FROM fractions
),
progress AS (
    SELECT period, task_no, COUNT(*) AS n_figures, COUNT(actual) AS n_known, MIN(actual) AS actual,
           SUM(CASE WHEN is_complete THEN 1 ELSE 0 END) AS n_complete
    FROM measured GROUP BY period, task_no
),
months AS (
    SELECT DISTINCT c.period
    FROM coverage c JOIN periods p ON p.period = c.period
    WHERE p.frequency = 'month'
)
SELECT m.period, k.task_no,
       CASE WHEN k.metric IS NULL THEN 'reported' ELSE 'metric' END AS basis,
       CASE WHEN k.metric IS NULL THEN r.progress * 100
            WHEN p.n_known = p.n_figures THEN p.actual END AS actual,
       CASE WHEN k.metric IS NULL THEN r.progress IS NOT NULL
            ELSE COALESCE(p.n_complete = p.n_figures AND p.n_known = p.n_figures, false) END
           AS is_complete,
       r.status, r.is_blocked
FROM months m
CROSS JOIN tasks k
LEFT JOIN progress p ON p.period = m.period AND p.task_no = k.task_no
LEFT JOIN task_progress r ON r.period = m.period AND r.task_no = k.task_no
