-- Childcare points at fault in the period's form, of those that still run. $rule:
-- review (not yet reviewed again after the plan's date), hazard (not removed by its deadline, or without one), unfit (found unfit and nothing
-- done about it). Source: the plan; the date: config/reference/plan_dates.csv. The day of a deadline is not past it.
WITH listed AS (
    SELECT k.*, p.stat_on, CASE WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS answers_code, d.on_date
    FROM childcare_points k
    JOIN periods p ON p.period = k.period
    CROSS JOIN (SELECT on_date FROM plan_dates WHERE name = 'childcare_review_until') d
    LEFT JOIN units u ON u.code = k.unit_code
    WHERE k.period = $period AND k.disposal NOT IN ('transferred', 'merged', 'closed')
)
SELECT 'point' AS subject_kind, point_code AS subject_code, point_name AS subject_name, answers_code AS unit_code, period,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       CASE $rule
           WHEN 'review' THEN concat('至', CAST(stat_on AS VARCHAR), '尚未复审，应于', CAST(on_date AS VARCHAR), '前完成；幼儿',
                                     CAST(children AS VARCHAR), '人')
           WHEN 'hazard' THEN concat(CASE WHEN hazard_deadline IS NULL THEN '存在隐患，未定整改期限'
                                          ELSE concat('隐患应于', CAST(hazard_deadline AS VARCHAR), '前整改，至',
                                                      CAST(stat_on AS VARCHAR), '仍未消除') END,
                                     '；幼儿', CAST(children AS VARCHAR), '人，应由镇街牵头处置，直至取缔')
           ELSE concat('复审不合格，至', CAST(stat_on AS VARCHAR), '未处置，仍有幼儿', CAST(children AS VARCHAR),
                       '人，应转办、合并或取缔')
       END AS detail
FROM listed
WHERE CASE $rule
          WHEN 'review' THEN review = 'pending' AND stat_on > on_date
          WHEN 'hazard' THEN has_hazard AND (hazard_deadline IS NULL OR hazard_deadline < stat_on)
          WHEN 'unfit' THEN review = 'failed' AND disposal = 'none'
      END
