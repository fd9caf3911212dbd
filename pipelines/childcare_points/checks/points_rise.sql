-- Towns whose number of childcare points does not fall as it must: more than in the month last reported before, more than at the campaign's
-- begin, or, from the plan's date on, as many as then (if its first figure is from before that date). A town without any is well.
-- The begin is the town's first figure since the campaign began. Source: the plan (many fewer points); dates: config/reference/plan_dates.csv.
WITH past AS (
    SELECT c.unit_code, c.points, c.period, p.stat_on,
           ROW_NUMBER() OVER (PARTITION BY c.unit_code ORDER BY p.stat_on DESC) AS newest,
           ROW_NUMBER() OVER (PARTITION BY c.unit_code ORDER BY p.stat_on) AS oldest
    FROM childcare_point_counts c
    JOIN periods p ON p.period = c.period
    CROSS JOIN (SELECT stat_on FROM periods WHERE period = $period) m
    CROSS JOIN (SELECT on_date FROM plan_dates WHERE name = 'campaign_begin') d
    WHERE c.level = $level AND c.points IS NOT NULL AND p.stat_on < m.stat_on AND p.stat_on >= d.on_date
),
compared AS (
    SELECT c.unit_code, c.unit_name, c.period, c.points, b.points AS before_points, b.period AS before_period,
           f.points AS first_points, f.period AS first_period, f.stat_on < w.on_date AND p.stat_on >= w.on_date AS is_late
    FROM childcare_point_counts c
    JOIN periods p ON p.period = c.period
    CROSS JOIN (SELECT on_date FROM plan_dates WHERE name = 'childcare_fewer_from') w
    JOIN past b ON b.unit_code = c.unit_code AND b.newest = 1
    JOIN past f ON f.unit_code = c.unit_code AND f.oldest = 1
    WHERE c.level = $level AND c.period = $period AND c.points IS NOT NULL
)
SELECT $level AS subject_kind, unit_code AS subject_code, unit_name AS subject_name, unit_code, period,
       CAST(points AS DOUBLE) AS observed,
       CAST(LEAST(before_points, first_points - CASE WHEN is_late THEN 1 ELSE 0 END) AS DOUBLE) AS target,
       concat('在办民办托幼点', CAST(points AS VARCHAR), '个；上次（', before_period, '）', CAST(before_points AS VARCHAR), '个，攻坚之初（',
              first_period, '）', CAST(first_points AS VARCHAR), '个；',
              CASE WHEN points > before_points THEN '比上次增加，应只减不增'
                   WHEN points > first_points THEN '比攻坚之初增加，应只减不增'
                   ELSE '至今没有减少' END) AS detail
FROM compared
WHERE points > before_points OR points > first_points OR (is_late AND points > 0 AND points >= first_points)
