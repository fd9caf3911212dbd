-- What is not hidden can be judged.
WITH newest AS (
    SELECT f.period
    FROM pay_ratio f
    JOIN periods p ON p.period = f.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) r
    WHERE p.ends_on <= r.ends_on
    ORDER BY p.ends_on DESC
    LIMIT 1
)
SELECT 'pay' AS subject_kind, f.category AS subject_code
FROM pay_ratio f
JOIN newest n ON n.period = f.period
JOIN national_indicators i ON i.figure = concat('pay_', f.category) AND i.pass_num IS NOT NULL
WHERE f.level = $level AND f.den > 0
