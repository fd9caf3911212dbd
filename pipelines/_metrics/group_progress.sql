-- title: 八组团帮扶活动
-- description: 各学期各组团在六个领域各开展几次活动、多少人次参加，其中各受助镇各几次；受助镇为空的一行是组团该领域合计
-- （同一天同一类别的活动帮扶几个镇的算一次）。教育局报了（含零报告）而没有活动的为 0，未报的学期没有行。
-- Source: the plan (一帮三捆绑; the six fields). A town's group is that of config/units.csv, not what the form says.
WITH reported AS (
    SELECT DISTINCT period FROM coverage WHERE dataset = 'group_activities'
),
fields AS (
    SELECT * FROM (VALUES
        (1, 'direction', '办园方向'), (2, 'teachers', '师资培训'), (3, 'leaders', '干部培养'),
        (4, 'research', '园本教研'), (5, 'curriculum', '课程构建'), (6, 'management', '园内管理')
    ) AS f(position, field, field_title)
),
helped AS (
    SELECT a.period, t.group_code, a.unit_code AS town_code, a.field, a.held_on, a.content, a.participants
    FROM group_activities a JOIN units t ON t.code = a.unit_code AND t.level = 'town'
),
of_town AS (
    SELECT period, town_code, field, COUNT(*) AS activities, SUM(participants) AS participants
    FROM helped GROUP BY period, town_code, field
),
of_group AS (
    SELECT period, group_code, field, COUNT(*) AS activities, SUM(participants) AS participants
    FROM (
        SELECT period, group_code, field, held_on, content, SUM(participants) AS participants
        FROM helped GROUP BY period, group_code, field, held_on, content
    )
    GROUP BY period, group_code, field
)
SELECT 'group' AS level, g.code AS unit_code, g.name AS unit_name, r.period, f.position, f.field, f.field_title,
       t.code AS town_code, t.name AS town_name,
       COALESCE(c.activities, 0) AS activities, COALESCE(c.participants, 0) AS participants
FROM reported r
CROSS JOIN fields f
CROSS JOIN units g
JOIN units t ON t.group_code = g.code AND t.level = 'town'
LEFT JOIN of_town c ON c.period = r.period AND c.town_code = t.code AND c.field = f.field
WHERE g.level = 'group'
UNION ALL
SELECT 'group', g.code, g.name, r.period, f.position, f.field, f.field_title, NULL, NULL,
       COALESCE(c.activities, 0), COALESCE(c.participants, 0)
FROM reported r
CROSS JOIN fields f
CROSS JOIN units g
LEFT JOIN of_group c ON c.period = r.period AND c.group_code = g.code AND c.field = f.field
WHERE g.level = 'group'
