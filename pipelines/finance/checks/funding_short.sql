-- Kinds of kindergarten whose public money per child is below the national amount, in the newest year whose
-- form is not after the month. Whole yuan, cut.
WITH newest AS (
    SELECT f.period
    FROM funding_per_child f
    JOIN periods p ON p.period = f.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) r
    WHERE p.ends_on <= r.ends_on
    ORDER BY p.ends_on DESC
    LIMIT 1
)
SELECT 'funding' AS subject_kind, f.category AS subject_code, f.title AS subject_name, f.unit_code,
       f.period, CAST(f.num AS DOUBLE) / f.den AS observed,
       CAST(i.pass_num AS DOUBLE) / i.pass_den AS target,
       concat(f.title, CAST(f.yuan_per_child AS VARCHAR), '元（', CAST(f.num AS VARCHAR), '元，幼儿',
              CAST(f.den AS VARCHAR), '人），标准不低于', CAST(i.pass_num AS VARCHAR), '元') AS detail
FROM funding_per_child f
JOIN newest n ON n.period = f.period
JOIN national_indicators i ON i.figure = concat('funding_', f.category)
WHERE f.level = $level AND f.num * i.pass_den < i.pass_num * f.den
