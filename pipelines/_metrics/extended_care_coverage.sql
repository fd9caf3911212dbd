-- title: 延时服务开展情况
-- description: 各学期各镇街、组团和全区开展每日延时服务、假期服务的园数和参加幼儿数、轮值教师数。
-- A town counts if it has reported itself; its 直属园 come with the bureau's file. Missing is null, 零报告 0.
WITH reported AS (
    SELECT DISTINCT c.period, c.reporter_code AS town_code
    FROM coverage c JOIN units u ON u.code = c.reporter_code
    WHERE c.dataset = 'extended_care' AND u.level = 'town'
),
counted AS (
    SELECT k.period, CASE WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS town_code,
           COUNT(*) AS kindergartens,
           SUM(CASE WHEN k.is_daily THEN 1 ELSE 0 END) AS daily,
           SUM(CASE WHEN k.is_holiday THEN 1 ELSE 0 END) AS holiday,
           SUM(k.children) AS children,
           SUM(k.teachers) AS teachers
    FROM extended_care k LEFT JOIN units u ON u.code = k.unit_code
    GROUP BY 1, 2
),
figures AS (
    SELECT t.level, t.unit_code, t.unit_name, w.period, r.town_code IS NOT NULL AS reported, c.*
    FROM town_units t
    CROSS JOIN (SELECT DISTINCT period AS period FROM reported) w
    LEFT JOIN reported r ON r.period = w.period AND r.town_code = t.town_code
    LEFT JOIN (SELECT period AS of_period, town_code AS of_town, kindergartens, daily, holiday, children, teachers FROM counted) c
        ON c.of_period = w.period AND c.of_town = t.town_code
),
sums AS (
    SELECT level, unit_code, unit_name, period,
           SUM(CASE WHEN reported THEN COALESCE(kindergartens, 0) END) AS kindergartens,
           SUM(CASE WHEN reported THEN COALESCE(daily, 0) END) AS daily,
           SUM(CASE WHEN reported THEN COALESCE(holiday, 0) END) AS holiday,
           SUM(CASE WHEN reported THEN COALESCE(children, 0) END) AS children,
           SUM(CASE WHEN reported THEN COALESCE(teachers, 0) END) AS teachers,
           COUNT(*) AS n_units,
           SUM(CASE WHEN reported THEN 1 ELSE 0 END) AS n_reported
    FROM figures
    GROUP BY level, unit_code, unit_name, period
)
SELECT level, unit_code, unit_name, period, kindergartens, daily, holiday, children, teachers,
       CAST(daily AS DOUBLE) / NULLIF(kindergartens, 0) AS daily_coverage,
       daily AS num, kindergartens AS den,
       n_units, n_reported
FROM sums
