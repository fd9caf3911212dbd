-- All groups, once a term that is over was reported.
WITH newest AS (
    SELECT g.period
    FROM group_progress g
    JOIN periods p ON p.period = g.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
    WHERE p.ends_on <= m.ends_on
    GROUP BY g.period, p.ends_on
    ORDER BY p.ends_on DESC
    LIMIT 1
)
SELECT DISTINCT 'group' AS subject_kind, g.unit_code AS subject_code
FROM group_progress g JOIN newest n ON n.period = g.period
