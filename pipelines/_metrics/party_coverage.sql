-- title: 党组织覆盖率
-- description: 各学期各镇街、组团和全区幼儿园党组织覆盖情况：建有独立、联合、挂靠支部或派驻指导员的园占全部园的比例。
-- A town counts if it has reported itself; its 直属园 come with the bureau's file. Missing is null, 零报告 0.
WITH reported AS (
    SELECT DISTINCT c.period, c.reporter_code AS town_code
    FROM coverage c JOIN units u ON u.code = c.reporter_code
    WHERE c.dataset = 'party_organisations' AND u.level = 'town'
),
counted AS (
    SELECT k.period, CASE WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS town_code,
           COUNT(*) AS kindergartens,
           SUM(k.members) AS members,
           SUM(CASE WHEN k.organisation = 'own' THEN 1 ELSE 0 END) AS own,
           SUM(CASE WHEN k.organisation IN ('joint', 'attached') THEN 1 ELSE 0 END) AS shared,
           SUM(CASE WHEN k.organisation = 'guide' THEN 1 ELSE 0 END) AS guided,
           SUM(CASE WHEN k.organisation <> 'none' THEN 1 ELSE 0 END) AS covered
    FROM party_organisations k LEFT JOIN units u ON u.code = k.unit_code
    GROUP BY 1, 2
),
figures AS (
    SELECT t.level, t.unit_code, t.unit_name, w.period, r.town_code IS NOT NULL AS reported, c.*
    FROM town_units t
    CROSS JOIN (SELECT DISTINCT period AS period FROM reported) w
    LEFT JOIN reported r ON r.period = w.period AND r.town_code = t.town_code
    LEFT JOIN (SELECT period AS of_period, town_code AS of_town, kindergartens, members, own, shared, guided, covered FROM counted) c
        ON c.of_period = w.period AND c.of_town = t.town_code
),
sums AS (
    SELECT level, unit_code, unit_name, period,
           SUM(CASE WHEN reported THEN COALESCE(kindergartens, 0) END) AS kindergartens,
           SUM(CASE WHEN reported THEN COALESCE(members, 0) END) AS members,
           SUM(CASE WHEN reported THEN COALESCE(own, 0) END) AS own,
           SUM(CASE WHEN reported THEN COALESCE(shared, 0) END) AS shared,
           SUM(CASE WHEN reported THEN COALESCE(guided, 0) END) AS guided,
           SUM(CASE WHEN reported THEN COALESCE(covered, 0) END) AS covered,
           COUNT(*) AS n_units,
           SUM(CASE WHEN reported THEN 1 ELSE 0 END) AS n_reported
    FROM figures
    GROUP BY level, unit_code, unit_name, period
)
SELECT level, unit_code, unit_name, period, kindergartens, members, own, shared, guided, covered,
       CAST(covered AS DOUBLE) / NULLIF(kindergartens, 0) AS party_coverage,
       covered AS num, kindergartens AS den,
       n_units, n_reported
FROM sums
