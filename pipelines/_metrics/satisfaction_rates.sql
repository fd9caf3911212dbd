-- title: 满意率（未经隐去，只供计算）
-- description: 每次调查、每种问卷的满意率：镇街、组团、全区（代表题），全区另有各题；ci_low、ci_high 为 95% 置信区间（Wilson）。
-- 份数少的也在内，不得公布：公布一律用 satisfaction_published。与目标按整数比较，目标只对代表题。
-- Wilson's score interval (JASA 22, 1927, 209–212) with z = 1.959963984540054.
WITH sums AS (
    SELECT period, paper, question, headline, level, unit_code, unit_name,
           SUM(n) AS n, SUM(approving) AS approving
    FROM (
        SELECT c.period, c.paper, c.question, c.headline, t.level, t.unit_code, t.unit_name,
               c.n, c.approving
        FROM satisfaction_cells c
        JOIN town_units t ON t.town_code = c.unit_code
        WHERE c.level = 'town' AND t.level <> 'district' AND c.headline
        UNION ALL
        SELECT period, paper, question, headline, level, unit_code, unit_name, n, approving
        FROM satisfaction_cells
        WHERE level = 'unstated' AND headline
        UNION ALL
        SELECT c.period, c.paper, c.question, c.headline, d.level, d.code, d.name, c.n, c.approving
        FROM satisfaction_cells c CROSS JOIN units d
        WHERE d.level = 'district'
    )
    GROUP BY period, paper, question, headline, level, unit_code, unit_name
),
rated AS (
    SELECT *, CAST(approving AS DOUBLE) / NULLIF(n, 0) AS rate,
           1.959963984540054 * 1.959963984540054 AS z2
    FROM sums
),
bounded AS (
    SELECT *,
           (rate + z2 / (2 * NULLIF(n, 0))) / (1 + z2 / NULLIF(n, 0)) AS middle,
           SQRT(z2 * (rate * (1 - rate) + z2 / (4 * NULLIF(n, 0))) / NULLIF(n, 0))
               / (1 + z2 / NULLIF(n, 0)) AS half
    FROM rated
),
candidates AS (
    SELECT r.period, r.paper, r.question, r.level, r.unit_code, t.num, t.den, t.op,
           ROW_NUMBER() OVER (
               PARTITION BY r.period, r.paper, r.question, r.level, r.unit_code
               ORDER BY CASE WHEN t.unit_code IS NULL THEN 1 ELSE 0 END
           ) AS k
    FROM rated r
    JOIN periods p ON p.period = r.period
    JOIN targets t ON t.metric = 'satisfaction' AND t.level = r.level
    WHERE r.headline AND t.target_set = 'campaign'
      AND (t.unit_code IS NULL OR t.unit_code = r.unit_code)
      AND (t.valid_from IS NULL OR t.valid_from <= p.stat_on)
      AND (t.valid_to IS NULL OR t.valid_to >= p.stat_on)
)
SELECT b.period, b.paper, b.question, b.headline, b.level, b.unit_code, b.unit_name,
       b.n, b.approving, b.rate,
       CASE WHEN b.approving = 0 THEN b.rate ELSE b.middle - b.half END AS ci_low,
       CASE WHEN b.approving = b.n THEN b.rate ELSE b.middle + b.half END AS ci_high,
       p.previous AS previous_period, before.rate AS previous_rate,
       (b.rate - before.rate) * 100 AS change_points,
       t.num AS target_num, t.den AS target_den, t.op AS target_op,
       CAST(t.num AS DOUBLE) / t.den AS target,
       CASE WHEN b.n > 0 THEN
           CASE t.op WHEN '>=' THEN b.approving * t.den >= t.num * b.n
                     WHEN '>' THEN b.approving * t.den > t.num * b.n
                     WHEN '<=' THEN b.approving * t.den <= t.num * b.n
                     WHEN '<' THEN b.approving * t.den < t.num * b.n END
       END AS met
FROM bounded b
JOIN periods p ON p.period = b.period
LEFT JOIN rated before
       ON before.period = p.previous AND before.paper = b.paper AND before.question = b.question
      AND before.level = b.level AND before.unit_code = b.unit_code
LEFT JOIN candidates t
       ON t.period = b.period AND t.paper = b.paper AND t.question = b.question
      AND t.level = b.level AND t.unit_code = b.unit_code AND t.k = 1
