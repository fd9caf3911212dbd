-- title: 专任教师与在园幼儿之比
-- description: 每名专任教师对应的在园幼儿数（含托班，不含托幼点）；两张报表都已报的镇街才计入。
-- Source: 教督〔2020〕1号, ≥ 1:15. As a rate it is teachers (num) to children (den), so that more is better.
WITH children AS (
    SELECT e.period, CASE WHEN u.level = 'park' THEN u.parent ELSE e.unit_code END AS town_code,
           SUM(e.children) AS children
    FROM enrollment e LEFT JOIN units u ON u.code = e.unit_code
    WHERE e.inst_kind <> 'childcare_point'
    GROUP BY 1, 2
),
teachers AS (
    SELECT period, town_code, SUM(teachers) AS teachers
    FROM institution_staff GROUP BY period, town_code
),
both_reported AS (
    SELECT s.period, s.town_code, s.reported AND COALESCE(e.reported, false) AS reported
    FROM reported_towns s
    LEFT JOIN reported_towns e
        ON e.dataset = 'enrollment' AND e.period = s.period AND e.town_code = s.town_code
    WHERE s.dataset = 'staffing'
),
sums AS (
    SELECT t.level, t.unit_code, t.unit_name, r.period,
           SUM(CASE WHEN r.reported THEN COALESCE(c.children, 0) END) AS children,
           SUM(CASE WHEN r.reported THEN COALESCE(k.teachers, 0) END) AS teachers,
           COUNT(*) AS n_units,
           SUM(CASE WHEN r.reported THEN 1 ELSE 0 END) AS n_reported
    FROM town_units t
    JOIN both_reported r ON r.town_code = t.town_code
    LEFT JOIN children c ON c.period = r.period AND c.town_code = t.town_code
    LEFT JOIN teachers k ON k.period = r.period AND k.town_code = t.town_code
    GROUP BY t.level, t.unit_code, t.unit_name, r.period
)
SELECT level, unit_code, unit_name, period, children, teachers,
       CAST(children AS DOUBLE) / NULLIF(teachers, 0) AS children_per_teacher,
       teachers AS num, children AS den, n_units, n_reported
FROM sums
