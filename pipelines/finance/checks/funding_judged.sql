-- All kinds of the newest year: of a kind that has no children there is nothing to pay.
WITH newest AS (
    SELECT f.period
    FROM funding_per_child f
    JOIN periods p ON p.period = f.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) r
    WHERE p.ends_on <= r.ends_on
    ORDER BY p.ends_on DESC
    LIMIT 1
)
SELECT 'funding' AS subject_kind, f.category AS subject_code
FROM funding_per_child f JOIN newest n ON n.period = f.period
WHERE f.level = $level
