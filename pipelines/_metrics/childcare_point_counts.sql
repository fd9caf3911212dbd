-- title: 民办托幼点情况
-- description: 各月各镇街、组团和全区的民办托幼点：期末在办点数、幼儿数，其中重新备案、存在隐患的，以及本月取缔、转办的。
-- A town that confirmed that it has none (零报告) is 0; one that has not reported is null, and outside the sums.
WITH reported AS (
    SELECT DISTINCT period, reporter_code AS town_code
    FROM coverage WHERE dataset = 'childcare_points'
),
counted AS (
    SELECT period, reporter_code AS town_code,
           SUM(CASE WHEN disposal IN ('transferred', 'closed') THEN 0 ELSE 1 END) AS points,
           SUM(CASE WHEN disposal IN ('transferred', 'closed') THEN 0 ELSE children END) AS children,
           SUM(CASE WHEN filing = 'renewed' THEN 1 ELSE 0 END) AS filed_again,
           SUM(CASE WHEN has_hazard THEN 1 ELSE 0 END) AS with_hazard,
           SUM(CASE WHEN disposal = 'closed' THEN 1 ELSE 0 END) AS closed,
           SUM(CASE WHEN disposal = 'transferred' THEN 1 ELSE 0 END) AS transferred
    FROM childcare_points
    GROUP BY period, reporter_code
),
wanted AS (
    SELECT DISTINCT period FROM reported
),
figures AS (
    SELECT t.level, t.unit_code, t.unit_name, w.period, r.town_code IS NOT NULL AS reported,
           c.points, c.children, c.filed_again, c.with_hazard, c.closed, c.transferred
    FROM town_units t
    CROSS JOIN wanted w
    LEFT JOIN reported r ON r.period = w.period AND r.town_code = t.town_code
    LEFT JOIN counted c ON c.period = w.period AND c.town_code = t.town_code
)
SELECT level, unit_code, unit_name, period,
       SUM(CASE WHEN reported THEN COALESCE(points, 0) END) AS points,
       SUM(CASE WHEN reported THEN COALESCE(children, 0) END) AS children,
       SUM(CASE WHEN reported THEN COALESCE(filed_again, 0) END) AS filed_again,
       SUM(CASE WHEN reported THEN COALESCE(with_hazard, 0) END) AS with_hazard,
       SUM(CASE WHEN reported THEN COALESCE(closed, 0) END) AS closed,
       SUM(CASE WHEN reported THEN COALESCE(transferred, 0) END) AS transferred,
       COUNT(*) AS n_units,
       SUM(CASE WHEN reported THEN 1 ELSE 0 END) AS n_reported
FROM figures
GROUP BY level, unit_code, unit_name, period
