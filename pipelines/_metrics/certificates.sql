-- title: 园长和专任教师持证率
-- description: 持证的园长和专任教师占全部园长和专任教师的比例（不含托幼点）。
-- Source: 教督〔2020〕1号, 100 %.
WITH counted AS (
    SELECT period, town_code, SUM(teachers) AS teachers, SUM(heads) AS heads,
           SUM(teachers_certified) AS teachers_certified, SUM(heads_certified) AS heads_certified
    FROM institution_staff GROUP BY period, town_code
),
sums AS (
    SELECT t.level, t.unit_code, t.unit_name, r.period,
           SUM(CASE WHEN r.reported THEN COALESCE(c.teachers, 0) END) AS teachers,
           SUM(CASE WHEN r.reported THEN COALESCE(c.teachers_certified, 0) END)
               AS teachers_certified,
           SUM(CASE WHEN r.reported THEN COALESCE(c.heads, 0) END) AS heads,
           SUM(CASE WHEN r.reported THEN COALESCE(c.heads_certified, 0) END) AS heads_certified,
           COUNT(*) AS n_units,
           SUM(CASE WHEN r.reported THEN 1 ELSE 0 END) AS n_reported
    FROM town_units t
    JOIN reported_towns r ON r.town_code = t.town_code AND r.dataset = 'staffing'
    LEFT JOIN counted c ON c.period = r.period AND c.town_code = t.town_code
    GROUP BY t.level, t.unit_code, t.unit_name, r.period
)
SELECT level, unit_code, unit_name, period,
       teachers, teachers_certified, heads, heads_certified,
       CAST(teachers_certified + heads_certified AS DOUBLE) / NULLIF(teachers + heads, 0)
           AS certificate_rate,
       teachers_certified + heads_certified AS num, teachers + heads AS den, n_units, n_reported
FROM sums
