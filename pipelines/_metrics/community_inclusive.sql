-- title: 小区配套园普惠率
-- description: 已开办的小区配套园中，办成公办园或普惠性民办园的比例；未定性的、名册仍登记为非普惠性民办的不算。未报的镇街为空。
-- Source: 教督〔2020〕1号 and the plan, 100 %. What the form decides must also be what the register says.
WITH reported AS (
    SELECT DISTINCT c.period, c.reporter_code AS town_code
    FROM coverage c JOIN units u ON u.code = c.reporter_code
    WHERE c.dataset = 'community_kindergartens' AND u.level = 'town'
),
counted AS (
    SELECT k.period, CASE WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS town_code,
           COUNT(*) AS opened,
           SUM(CASE WHEN k.nature IN ('public', 'inclusive') AND COALESCE(i.inst_kind, '') <> 'private_other'
                    THEN 1 ELSE 0 END) AS inclusive
    FROM community_kindergartens k
    LEFT JOIN units u ON u.code = k.unit_code
    LEFT JOIN institution_kinds i ON i.period = k.period AND i.inst_code = k.inst_code
    WHERE k.opened_on IS NOT NULL
    GROUP BY 1, 2
),
sums AS (
    SELECT t.level, t.unit_code, t.unit_name, w.period,
           SUM(CASE WHEN r.town_code IS NOT NULL THEN COALESCE(c.inclusive, 0) END) AS num,
           SUM(CASE WHEN r.town_code IS NOT NULL THEN COALESCE(c.opened, 0) END) AS den,
           COUNT(*) AS n_units,
           SUM(CASE WHEN r.town_code IS NOT NULL THEN 1 ELSE 0 END) AS n_reported
    FROM town_units t
    CROSS JOIN (SELECT DISTINCT period AS period FROM reported) w
    LEFT JOIN reported r ON r.period = w.period AND r.town_code = t.town_code
    LEFT JOIN counted c ON c.period = w.period AND c.town_code = t.town_code
    GROUP BY t.level, t.unit_code, t.unit_name, w.period
)
SELECT level, unit_code, unit_name, period,
       CAST(num AS DOUBLE) / NULLIF(den, 0) AS inclusive_rate, num, den, n_units, n_reported
FROM sums
