-- title: 自评申报
-- description: 各月看来的申报：统计日不晚于月末的最新一年，一行一项指标。申报“已完成”须有佐证，is_backed 为已完成且有佐证。
WITH months AS (
    SELECT DISTINCT c.period, p.ends_on
    FROM coverage c JOIN periods p ON p.period = c.period
    WHERE p.frequency = 'month'
),
newest AS (
    SELECT m.period, y.period AS of_period,
           ROW_NUMBER() OVER (PARTITION BY m.period ORDER BY p.stat_on DESC) AS k
    FROM months m
    CROSS JOIN (SELECT DISTINCT period FROM coverage WHERE dataset = 'declarations') y
    JOIN periods p ON p.period = y.period
    WHERE p.stat_on <= m.ends_on
)
SELECT n.period, n.of_period, d.unit_code, CAST(d.indicator_no AS VARCHAR) AS no, d.declared,
       NULLIF(TRIM(d.evidence), '') AS evidence, d.declared_on,
       d.declared = 'done' AND COALESCE(TRIM(d.evidence), '') <> '' AS is_backed,
       d.declared <> 'done' OR COALESCE(TRIM(d.evidence), '') <> '' AS is_answered
FROM newest n
JOIN declarations d ON d.period = n.of_period
WHERE n.k = 1
