-- 镇 that no activity of their group reached in the newest term that is over and was reported. Not the town answers, but the 直属园 that
-- leads its group: unit_code is the group.
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
SELECT 'town' AS subject_kind, g.town_code AS subject_code, MIN(g.town_name) AS subject_name, MIN(g.unit_code) AS unit_code,
       MIN(g.period) AS period,
       CAST(0 AS DOUBLE) AS observed, CAST(1 AS DOUBLE) AS target,
       concat(MIN(g.period), ' 学期', MIN(g.unit_name), '没有在本镇开展帮扶活动') AS detail
FROM group_progress g
JOIN newest n ON n.period = g.period
WHERE g.town_code IS NOT NULL
GROUP BY g.town_code
HAVING SUM(g.activities) = 0
