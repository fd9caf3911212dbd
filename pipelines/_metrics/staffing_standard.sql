-- title: 教职工配备达标率
-- description: 配备达标的幼儿园占全部幼儿园的比例：六条（教职工1:7、保教1:9、每班两教一保或三教、园长、保健、保安）都达到的才算。
-- Source: 幼儿园教职工配备标准（暂行）; 教督〔2020〕1号 wants all kindergartens, 80 % for a basic pass. The rules stand in
-- institution_staffing; the staff of an institution without children cannot be judged.
WITH judged AS (
    SELECT period, town_code, CASE WHEN met THEN 1 ELSE 0 END AS met
    FROM institution_staffing WHERE children > 0
),
counted AS (
    SELECT period, town_code, COUNT(*) AS institutions, SUM(met) AS met
    FROM judged GROUP BY period, town_code
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
           SUM(CASE WHEN r.reported THEN COALESCE(c.met, 0) END) AS met,
           COUNT(*) AS n_units,
           SUM(CASE WHEN r.reported THEN 1 ELSE 0 END) AS n_reported
    FROM town_units t
    JOIN both_reported r ON r.town_code = t.town_code
    LEFT JOIN counted c ON c.period = r.period AND c.town_code = t.town_code
    GROUP BY t.level, t.unit_code, t.unit_name, r.period
)
SELECT level, unit_code, unit_name, period, institutions, met AS n_met,
       CAST(met AS DOUBLE) / NULLIF(institutions, 0) AS staffing_rate,
       met AS num, institutions AS den, n_units, n_reported
FROM sums
