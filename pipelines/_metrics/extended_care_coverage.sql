-- title: 延时服务开展情况
-- description: 各学期各镇街、组团和全区开展每日延时服务、假期服务的园数和参加幼儿数、轮值教师数；按直属园、镇街中心园、公办园
-- （含直属园和中心园）、民办园分列，类型取自名册。
-- A town counts if it has reported itself; its 直属园 come with the bureau's file. Missing is null, 零报告 0.
WITH reported AS (
    SELECT DISTINCT c.period, c.reporter_code AS town_code
    FROM coverage c JOIN units u ON u.code = c.reporter_code
    WHERE c.dataset = 'extended_care' AND u.level = 'town'
),
judged AS (
    SELECT k.period, CASE WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS town_code,
           k.children, k.teachers,
           CASE WHEN k.is_daily THEN 1 ELSE 0 END AS daily,
           CASE WHEN k.is_holiday THEN 1 ELSE 0 END AS holiday,
           CASE WHEN i.is_direct THEN 1 ELSE 0 END AS is_direct,
           CASE WHEN i.is_central THEN 1 ELSE 0 END AS is_central,
           CASE WHEN i.is_public THEN 1 ELSE 0 END AS is_public,
           CASE WHEN NOT i.is_public THEN 1 ELSE 0 END AS is_private
    FROM extended_care k
    LEFT JOIN units u ON u.code = k.unit_code
    LEFT JOIN institution_kinds i ON i.period = k.period AND i.inst_code = k.inst_code
),
counted AS (
    SELECT period AS of_period, town_code AS of_town,
           COUNT(*) AS kindergartens, SUM(daily) AS daily, SUM(holiday) AS holiday,
           SUM(children) AS children, SUM(teachers) AS teachers,
           SUM(is_direct) AS direct, SUM(is_direct * daily) AS direct_daily, SUM(is_direct * holiday) AS direct_holiday,
           SUM(is_central) AS central, SUM(is_central * daily) AS central_daily, SUM(is_central * holiday) AS central_holiday,
           SUM(is_public) AS public, SUM(is_public * daily) AS public_daily, SUM(is_public * holiday) AS public_holiday,
           SUM(is_private) AS private, SUM(is_private * daily) AS private_daily, SUM(is_private * holiday) AS private_holiday
    FROM judged
    GROUP BY period, town_code
),
figures AS (
    SELECT t.level, t.unit_code, t.unit_name, w.period, r.town_code IS NOT NULL AS reported, c.*
    FROM town_units t
    CROSS JOIN (SELECT DISTINCT period AS period FROM reported) w
    LEFT JOIN reported r ON r.period = w.period AND r.town_code = t.town_code
    LEFT JOIN counted c ON c.of_period = w.period AND c.of_town = t.town_code
),
sums AS (
    SELECT level, unit_code, unit_name, period,
           SUM(CASE WHEN reported THEN COALESCE(kindergartens, 0) END) AS kindergartens,
           SUM(CASE WHEN reported THEN COALESCE(daily, 0) END) AS daily,
           SUM(CASE WHEN reported THEN COALESCE(holiday, 0) END) AS holiday,
           SUM(CASE WHEN reported THEN COALESCE(children, 0) END) AS children,
           SUM(CASE WHEN reported THEN COALESCE(teachers, 0) END) AS teachers,
           SUM(CASE WHEN reported THEN COALESCE(direct, 0) END) AS direct,
           SUM(CASE WHEN reported THEN COALESCE(direct_daily, 0) END) AS direct_daily,
           SUM(CASE WHEN reported THEN COALESCE(direct_holiday, 0) END) AS direct_holiday,
           SUM(CASE WHEN reported THEN COALESCE(central, 0) END) AS central,
           SUM(CASE WHEN reported THEN COALESCE(central_daily, 0) END) AS central_daily,
           SUM(CASE WHEN reported THEN COALESCE(central_holiday, 0) END) AS central_holiday,
           SUM(CASE WHEN reported THEN COALESCE(public, 0) END) AS public,
           SUM(CASE WHEN reported THEN COALESCE(public_daily, 0) END) AS public_daily,
           SUM(CASE WHEN reported THEN COALESCE(public_holiday, 0) END) AS public_holiday,
           SUM(CASE WHEN reported THEN COALESCE(private, 0) END) AS private,
           SUM(CASE WHEN reported THEN COALESCE(private_daily, 0) END) AS private_daily,
           SUM(CASE WHEN reported THEN COALESCE(private_holiday, 0) END) AS private_holiday,
           COUNT(*) AS n_units,
           SUM(CASE WHEN reported THEN 1 ELSE 0 END) AS n_reported
    FROM figures
    GROUP BY level, unit_code, unit_name, period
)
SELECT level, unit_code, unit_name, period, kindergartens, daily, holiday, children, teachers,
       direct, direct_daily, direct_holiday, central, central_daily, central_holiday,
       public, public_daily, public_holiday, private, private_daily, private_holiday,
       CAST(daily AS DOUBLE) / NULLIF(kindergartens, 0) AS daily_coverage,
       CAST(public_daily AS DOUBLE) / NULLIF(public, 0) AS public_daily_coverage,
       daily AS num, kindergartens AS den,
       n_units, n_reported
FROM sums
