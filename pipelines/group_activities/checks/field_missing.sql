-- Groups without an activity in one of the six fields in the newest term that is over and was reported. The 直属园 that leads answers.
-- Source: the plan names the fields; that each is to be seen every term is our judgement.
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
SELECT 'group' AS subject_kind, g.unit_code AS subject_code, MIN(g.unit_name) AS subject_name, g.unit_code, MIN(g.period) AS period,
       CAST(SUM(CASE WHEN g.activities > 0 THEN 1 ELSE 0 END) AS DOUBLE) AS observed, CAST(COUNT(*) AS DOUBLE) AS target,
       concat(MIN(g.period), ' 学期六个领域中没有活动的：',
              string_agg(CASE WHEN g.activities = 0 THEN g.field_title END, '、' ORDER BY g.position),
              '；全学期共开展活动', CAST(SUM(g.activities) AS VARCHAR), '次') AS detail
FROM group_progress g
JOIN newest n ON n.period = g.period
WHERE g.town_code IS NULL
GROUP BY g.unit_code
HAVING MIN(g.activities) = 0
