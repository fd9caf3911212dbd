-- title: 组团帮扶成效
-- description: 各组团受助镇的三率自攻坚首月以来的变化（百分点），与其余各镇（不含街道）同期的变化相比。两头都有数字的镇才计入；
-- begin_ 为首月，others_ 为其余各镇，difference_points 为多升（负为少升）几个百分点。首月取攻坚开始后有数字的第一个月。
-- The others are all 镇 but the group's own: the total less the group. 街道 are in no group and no yardstick.
WITH rated AS (
    SELECT r.period, r.unit_code AS town_code, u.group_code, m.metric,
           CASE m.metric WHEN 'gross_enrolment' THEN r.gross_num WHEN 'inclusive_coverage' THEN r.coverage_num
                         ELSE r.share_num END AS num,
           CASE m.metric WHEN 'gross_enrolment' THEN r.gross_den WHEN 'inclusive_coverage' THEN r.coverage_den
                         ELSE r.share_den END AS den
    FROM three_rates r
    JOIN units u ON u.code = r.unit_code AND u.kind = '镇'
    CROSS JOIN (VALUES ('gross_enrolment'), ('inclusive_coverage'), ('public_share')) AS m(metric)
    WHERE r.level = 'town'
),
begun AS (
    SELECT MIN(r.period) AS period
    FROM rated r
    JOIN periods p ON p.period = r.period
    CROSS JOIN plan_dates d
    WHERE d.name = 'campaign_begin' AND p.starts_on >= d.on_date AND r.den > 0
),
pairs AS (
    SELECT n.period, n.metric, n.group_code, n.num, n.den, b.num AS begin_num, b.den AS begin_den
    FROM rated n
    JOIN begun f ON n.period >= f.period
    JOIN rated b ON b.period = f.period AND b.town_code = n.town_code AND b.metric = n.metric
    WHERE n.den > 0 AND b.den > 0
),
grouped AS (
    SELECT period, metric, group_code, COUNT(*) AS n_reported, SUM(num) AS num, SUM(den) AS den,
           SUM(begin_num) AS begin_num, SUM(begin_den) AS begin_den
    FROM pairs WHERE group_code IS NOT NULL GROUP BY period, metric, group_code
),
total AS (
    SELECT period, metric, COUNT(*) AS n_reported, SUM(num) AS num, SUM(den) AS den,
           SUM(begin_num) AS begin_num, SUM(begin_den) AS begin_den
    FROM pairs GROUP BY period, metric
),
compared AS (
    SELECT t.period, t.metric, g.code, g.name, s.n_units, f.period AS begin_period,
           COALESCE(c.n_reported, 0) AS n_reported, c.num, c.den, c.begin_num, c.begin_den,
           t.n_reported - COALESCE(c.n_reported, 0) AS others_reported,
           t.num - COALESCE(c.num, 0) AS others_num, t.den - COALESCE(c.den, 0) AS others_den,
           t.begin_num - COALESCE(c.begin_num, 0) AS others_begin_num,
           t.begin_den - COALESCE(c.begin_den, 0) AS others_begin_den
    FROM total t
    CROSS JOIN units g
    CROSS JOIN begun f
    JOIN (SELECT group_code, COUNT(*) AS n_units FROM units WHERE level = 'town' GROUP BY group_code) s
        ON s.group_code = g.code
    LEFT JOIN grouped c ON c.period = t.period AND c.metric = t.metric AND c.group_code = g.code
    WHERE g.level = 'group'
),
changed AS (
    SELECT *,
           (CAST(num AS DOUBLE) / NULLIF(den, 0) - CAST(begin_num AS DOUBLE) / NULLIF(begin_den, 0)) * 100 AS change_points,
           (CAST(others_num AS DOUBLE) / NULLIF(others_den, 0)
            - CAST(others_begin_num AS DOUBLE) / NULLIF(others_begin_den, 0)) * 100 AS others_change_points
    FROM compared
)
SELECT 'group' AS level, code AS unit_code, name AS unit_name, period, metric, begin_period,
       num, den, begin_num, begin_den, change_points,
       others_num, others_den, others_begin_num, others_begin_den, others_change_points,
       change_points - others_change_points AS difference_points,
       n_units, n_reported, others_reported
FROM changed
