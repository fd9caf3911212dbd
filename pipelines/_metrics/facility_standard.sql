-- title: 办园条件达标率
-- description: 各学年园舍、户外场地、玩教具、图书都符合要求的幼儿园占全部幼儿园的比例；new_* 为2017年后规划设计的园符合建设标准的情况。
-- Source: 教督〔2020〕1号, 100 % (basic pass: at most 5 %, of new ones 3 %, short).
WITH counted AS (
    SELECT period, town_code, COUNT(is_short) AS institutions,
           SUM(CASE WHEN is_short = false THEN 1 ELSE 0 END) AS met,
           COUNT(standard_short) AS new_institutions,
           SUM(CASE WHEN standard_short = false THEN 1 ELSE 0 END) AS new_met
    FROM facility_institutions GROUP BY period, town_code
),
sums AS (
    SELECT t.level, t.unit_code, t.unit_name, r.period,
           SUM(CASE WHEN r.reported THEN COALESCE(c.institutions, 0) END) AS institutions,
           SUM(CASE WHEN r.reported THEN COALESCE(c.met, 0) END) AS met,
           SUM(CASE WHEN r.reported THEN COALESCE(c.new_institutions, 0) END) AS new_institutions,
           SUM(CASE WHEN r.reported THEN COALESCE(c.new_met, 0) END) AS new_met,
           COUNT(*) AS n_units,
           SUM(CASE WHEN r.reported THEN 1 ELSE 0 END) AS n_reported
    FROM town_units t
    JOIN form_towns r ON r.town_code = t.town_code AND r.dataset = 'facilities'
    LEFT JOIN counted c ON c.period = r.period AND c.town_code = t.town_code
    GROUP BY t.level, t.unit_code, t.unit_name, r.period
)
SELECT level, unit_code, unit_name, period, institutions, met AS n_met, new_institutions, new_met,
       CAST(met AS DOUBLE) / NULLIF(institutions, 0) AS facility_rate,
       met AS num, institutions AS den, n_units, n_reported
FROM sums
