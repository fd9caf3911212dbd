-- The ratio of non-tenured to tenured pay below the national one, in the newest year whose form is not after
-- the month. What is hidden (fewer than three institutions) is null, and no violation.
WITH newest AS (
    SELECT f.period
    FROM pay_ratio f
    JOIN periods p ON p.period = f.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) r
    WHERE p.ends_on <= r.ends_on
    ORDER BY p.ends_on DESC
    LIMIT 1
)
SELECT 'pay' AS subject_kind, f.category AS subject_code, f.title AS subject_name, f.unit_code,
       f.period, f.ratio AS observed, CAST(i.pass_num AS DOUBLE) / i.pass_den AS target,
       concat(f.title, '为', CAST(f.num * 10000 / f.den / 100 AS VARCHAR), '.',
              lpad(CAST(f.num * 10000 / f.den % 100 AS VARCHAR), 2, '0'), '%，标准不低于',
              CAST(i.pass_num AS VARCHAR), '%',
              CASE WHEN f.ratio > f.before_ratio THEN '；差距比上年缩小'
                   WHEN f.ratio <= f.before_ratio THEN '；差距比上年没有缩小' ELSE '' END) AS detail
FROM pay_ratio f
JOIN newest n ON n.period = f.period
JOIN national_indicators i ON i.figure = concat('pay_', f.category) AND i.pass_num IS NOT NULL
WHERE f.level = $level AND f.num * i.pass_den < i.pass_num * f.den
