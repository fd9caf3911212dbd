-- title: 有编不补的公办园
-- description: 各月各镇街、组团和全区在编数少于编制数的公办园（num）占公办园（den）的数量，及空编数。
-- Source: 教督〔2020〕1号 wants none. Kind as in the month's enrolment; an institution with posts that is not in it is taken for public.
WITH kinds AS (
    SELECT period, inst_code, MIN(inst_kind) AS inst_kind
    FROM enrollment GROUP BY period, inst_code
),
counted AS (
    SELECT s.period, CASE WHEN u.level = 'park' THEN u.parent ELSE s.unit_code END AS town_code,
           COUNT(*) AS institutions,
           SUM(CASE WHEN s.posts_filled < s.posts THEN 1 ELSE 0 END) AS vacant,
           SUM(s.posts - s.posts_filled) AS vacancies
    FROM staffing s
    LEFT JOIN units u ON u.code = s.unit_code
    LEFT JOIN kinds k ON k.period = s.period AND k.inst_code = s.inst_code
    WHERE k.inst_kind LIKE 'public\_%' ESCAPE '\' OR (k.inst_kind IS NULL AND s.posts > 0)
    GROUP BY 1, 2
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
           SUM(CASE WHEN r.reported THEN COALESCE(c.institutions, 0) END) AS institutions,
           SUM(CASE WHEN r.reported THEN COALESCE(c.vacant, 0) END) AS vacant,
           SUM(CASE WHEN r.reported THEN COALESCE(c.vacancies, 0) END) AS vacancies,
           COUNT(*) AS n_units,
           SUM(CASE WHEN r.reported THEN 1 ELSE 0 END) AS n_reported
    FROM town_units t
    JOIN both_reported r ON r.town_code = t.town_code
    LEFT JOIN counted c ON c.period = r.period AND c.town_code = t.town_code
    GROUP BY t.level, t.unit_code, t.unit_name, r.period
)
SELECT level, unit_code, unit_name, period, institutions, vacant, vacancies,
       vacant AS num, institutions AS den, n_units, n_reported
FROM sums
