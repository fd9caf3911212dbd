-- title: 民办托幼点情况
-- description: 各月各镇街、组团和全区的民办托幼点：期末在办点数、幼儿数，其中重新备案、存在隐患（其中整改逾期）、未复审、复审不合格的，
-- 以及本月取缔、转办、合并的。
-- A town that confirmed that it has none (零报告) is 0; one that has not reported is null, and outside the sums.
WITH reported AS (
    SELECT DISTINCT period, reporter_code AS town_code
    FROM coverage WHERE dataset = 'childcare_points'
),
listed AS (
    SELECT c.*, p.stat_on, CASE WHEN c.disposal IN ('transferred', 'merged', 'closed') THEN 0 ELSE 1 END AS runs
    FROM childcare_points c JOIN periods p ON p.period = c.period
),
counted AS (
    SELECT period, reporter_code AS town_code,
           SUM(runs) AS points,
           SUM(runs * children) AS children,
           SUM(CASE WHEN filing = 'renewed' THEN 1 ELSE 0 END) AS filed_again,
           SUM(CASE WHEN has_hazard THEN 1 ELSE 0 END) AS with_hazard,
           SUM(CASE WHEN has_hazard AND hazard_deadline < stat_on THEN runs ELSE 0 END) AS hazard_overdue,
           SUM(CASE WHEN review = 'pending' THEN runs ELSE 0 END) AS pending_review,
           SUM(CASE WHEN review = 'failed' THEN runs ELSE 0 END) AS unfit,
           SUM(CASE WHEN disposal = 'closed' THEN 1 ELSE 0 END) AS closed,
           SUM(CASE WHEN disposal = 'transferred' THEN 1 ELSE 0 END) AS transferred,
           SUM(CASE WHEN disposal = 'merged' THEN 1 ELSE 0 END) AS merged
    FROM listed
    GROUP BY period, reporter_code
),
wanted AS (
    SELECT DISTINCT period FROM reported
),
figures AS (
    SELECT t.level, t.unit_code, t.unit_name, w.period, r.town_code IS NOT NULL AS reported,
           c.points, c.children, c.filed_again, c.with_hazard, c.hazard_overdue, c.pending_review, c.unfit,
           c.closed, c.transferred, c.merged
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
       SUM(CASE WHEN reported THEN COALESCE(hazard_overdue, 0) END) AS hazard_overdue,
       SUM(CASE WHEN reported THEN COALESCE(pending_review, 0) END) AS pending_review,
       SUM(CASE WHEN reported THEN COALESCE(unfit, 0) END) AS unfit,
       SUM(CASE WHEN reported THEN COALESCE(closed, 0) END) AS closed,
       SUM(CASE WHEN reported THEN COALESCE(transferred, 0) END) AS transferred,
       SUM(CASE WHEN reported THEN COALESCE(merged, 0) END) AS merged,
       COUNT(*) AS n_units,
       SUM(CASE WHEN reported THEN 1 ELSE 0 END) AS n_reported
FROM figures
GROUP BY level, unit_code, unit_name, period
