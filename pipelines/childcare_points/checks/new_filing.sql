-- Childcare points that are filed and were not before: first filed after the plan's date, in a town that had reported its points
-- earlier. What stood in a town's first report was there before us. One that was refused counts as filed before: it may be filed again.
-- Source: the plan, no new filing by any town; the date: config/reference/plan_dates.csv.
WITH reports AS (
    SELECT c.reporter_code, MIN(p.stat_on) AS first_on
    FROM (SELECT DISTINCT period, reporter_code FROM coverage WHERE dataset = 'childcare_points') c
    JOIN periods p ON p.period = c.period
    GROUP BY c.reporter_code
),
filed AS (
    SELECT k.point_code, MIN(p.stat_on) AS first_on, MIN(k.period) AS first_period
    FROM childcare_points k JOIN periods p ON p.period = k.period
    WHERE k.filing IN ('earlier', 'renewed', 'refused')
    GROUP BY k.point_code
)
SELECT 'point' AS subject_kind, k.point_code AS subject_code, k.point_name AS subject_name,
       CASE WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS unit_code, k.period,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat(f.first_period, ' 起列入备案，此前未备案；自', CAST(d.on_date AS VARCHAR), '起不再新增托幼点备案') AS detail
FROM childcare_points k
JOIN filed f ON f.point_code = k.point_code
JOIN reports r ON r.reporter_code = k.reporter_code
CROSS JOIN (SELECT on_date FROM plan_dates WHERE name = 'childcare_no_new_filing') d
LEFT JOIN units u ON u.code = k.unit_code
WHERE k.period = $period AND k.filing IN ('earlier', 'renewed')
  AND k.disposal NOT IN ('transferred', 'merged', 'closed')
  AND f.first_on > d.on_date AND f.first_on > r.first_on
