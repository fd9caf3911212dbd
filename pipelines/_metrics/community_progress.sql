-- title: 小区配套园办理进度
-- description: 各学期各镇街、组团和全区小区配套园：已移交、镇街已申请、教育局已审核、专委会已批准、已开办的园数，及其中公办、普惠性民办。
-- A town counts if it has reported itself; its 直属园 come with the bureau's file. Missing is null, 零报告 0.
WITH reported AS (
    SELECT DISTINCT c.period, c.reporter_code AS town_code
    FROM coverage c JOIN units u ON u.code = c.reporter_code
    WHERE c.dataset = 'community_kindergartens' AND u.level = 'town'
),
counted AS (
    SELECT k.period, CASE WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS town_code,
           COUNT(k.handed_over_on) AS handed_over,
           COUNT(k.applied_on) AS applied,
           COUNT(k.reviewed_on) AS reviewed,
           COUNT(k.approved_on) AS approved,
           COUNT(k.opened_on) AS opened,
           SUM(CASE WHEN k.nature = 'public' THEN 1 ELSE 0 END) AS public,
           SUM(CASE WHEN k.nature = 'inclusive' THEN 1 ELSE 0 END) AS inclusive
    FROM community_kindergartens k LEFT JOIN units u ON u.code = k.unit_code
    GROUP BY 1, 2
),
figures AS (
    SELECT t.level, t.unit_code, t.unit_name, w.period, r.town_code IS NOT NULL AS reported, c.*
    FROM town_units t
    CROSS JOIN (SELECT DISTINCT period AS period FROM reported) w
    LEFT JOIN reported r ON r.period = w.period AND r.town_code = t.town_code
    LEFT JOIN (SELECT period AS of_period, town_code AS of_town, handed_over, applied, reviewed, approved, opened, public, inclusive FROM counted) c
        ON c.of_period = w.period AND c.of_town = t.town_code
),
sums AS (
    SELECT level, unit_code, unit_name, period,
           SUM(CASE WHEN reported THEN COALESCE(handed_over, 0) END) AS handed_over,
           SUM(CASE WHEN reported THEN COALESCE(applied, 0) END) AS applied,
           SUM(CASE WHEN reported THEN COALESCE(reviewed, 0) END) AS reviewed,
           SUM(CASE WHEN reported THEN COALESCE(approved, 0) END) AS approved,
           SUM(CASE WHEN reported THEN COALESCE(opened, 0) END) AS opened,
           SUM(CASE WHEN reported THEN COALESCE(public, 0) END) AS public,
           SUM(CASE WHEN reported THEN COALESCE(inclusive, 0) END) AS inclusive,
           COUNT(*) AS n_units,
           SUM(CASE WHEN reported THEN 1 ELSE 0 END) AS n_reported
    FROM figures
    GROUP BY level, unit_code, unit_name, period
)
SELECT level, unit_code, unit_name, period, handed_over, applied, reviewed, approved, opened, public, inclusive,
       n_units, n_reported
FROM sums
