-- title: 教师轮训覆盖率
-- description: 各学期各镇街、组团和全区本轮已参训的专任教师占全部专任教师的比例，及本学期培训学时。
WITH counted AS (
    SELECT k.period, CASE WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS town_code,
           SUM(k.teachers) AS teachers, SUM(k.trained) AS trained, SUM(k.hours) AS hours
    FROM training k LEFT JOIN units u ON u.code = k.unit_code
    GROUP BY 1, 2
),
sums AS (
    SELECT t.level, t.unit_code, t.unit_name, r.period,
           SUM(CASE WHEN r.reported THEN COALESCE(c.teachers, 0) END) AS teachers,
           SUM(CASE WHEN r.reported THEN COALESCE(c.trained, 0) END) AS trained,
           SUM(CASE WHEN r.reported THEN COALESCE(c.hours, 0) END) AS hours,
           COUNT(*) AS n_units,
           SUM(CASE WHEN r.reported THEN 1 ELSE 0 END) AS n_reported
    FROM town_units t
    JOIN form_towns r ON r.town_code = t.town_code AND r.dataset = 'training'
    LEFT JOIN counted c ON c.period = r.period AND c.town_code = t.town_code
    GROUP BY t.level, t.unit_code, t.unit_name, r.period
)
SELECT level, unit_code, unit_name, period, teachers, trained, hours,
       CAST(trained AS DOUBLE) / NULLIF(teachers, 0) AS training_rate,
       trained AS num, teachers AS den, n_units, n_reported
FROM sums
