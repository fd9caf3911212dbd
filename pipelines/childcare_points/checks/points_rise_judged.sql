-- Towns that reported the period and an earlier one to compare with.
SELECT DISTINCT $level AS subject_kind, c.unit_code AS subject_code
FROM childcare_point_counts c
JOIN periods p ON p.period = c.period
JOIN childcare_point_counts b ON b.level = c.level AND b.unit_code = c.unit_code AND b.points IS NOT NULL
JOIN periods bp ON bp.period = b.period
CROSS JOIN (SELECT on_date FROM plan_dates WHERE name = 'campaign_begin') d
WHERE c.level = $level AND c.period = $period AND c.points IS NOT NULL
  AND bp.stat_on < p.stat_on AND bp.stat_on >= d.on_date
