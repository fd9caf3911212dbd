-- title: 党组织覆盖率
-- description: 各学期各镇街、组团和全区幼儿园的党组织覆盖：组织覆盖指建有独立、联合或挂靠支部，工作覆盖还包括派驻指导员；
-- 公办、民办分列（类型取自名册，名册上没有的两边都不算）。num/den 为工作覆盖，organised 为组织覆盖。
-- A guide is no organisation: a kindergarten without members cannot have one, so the plan's 全覆盖 is work coverage. Of those with members
-- each should be in an organisation (organised_with_members of with_members).
-- A town counts if it has reported itself; its 直属园 come with the bureau's file. Missing is null, 零报告 0.
WITH reported AS (
    SELECT DISTINCT c.period, c.reporter_code AS town_code
    FROM coverage c JOIN units u ON u.code = c.reporter_code
    WHERE c.dataset = 'party_organisations' AND u.level = 'town'
),
judged AS (
    SELECT k.period, CASE WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS town_code, k.members, k.organisation,
           CASE WHEN k.organisation IN ('own', 'joint', 'attached') THEN 1 ELSE 0 END AS organised,
           CASE WHEN k.organisation <> 'none' THEN 1 ELSE 0 END AS covered,
           CASE WHEN i.is_public THEN 1 ELSE 0 END AS is_public,
           CASE WHEN NOT i.is_public THEN 1 ELSE 0 END AS is_private
    FROM party_organisations k
    LEFT JOIN units u ON u.code = k.unit_code
    LEFT JOIN institution_kinds i ON i.period = k.period AND i.inst_code = k.inst_code
),
counted AS (
    SELECT period AS of_period, town_code AS of_town,
           COUNT(*) AS kindergartens,
           SUM(members) AS members,
           SUM(CASE WHEN organisation = 'own' THEN 1 ELSE 0 END) AS own,
           SUM(CASE WHEN organisation IN ('joint', 'attached') THEN 1 ELSE 0 END) AS shared,
           SUM(CASE WHEN organisation = 'guide' THEN 1 ELSE 0 END) AS guided,
           SUM(organised) AS organised,
           SUM(covered) AS covered,
           SUM(CASE WHEN members > 0 THEN 1 ELSE 0 END) AS with_members,
           SUM(CASE WHEN members > 0 THEN organised ELSE 0 END) AS organised_with_members,
           SUM(is_public) AS public_kindergartens,
           SUM(is_public * organised) AS public_organised,
           SUM(is_public * covered) AS public_covered,
           SUM(is_private) AS private_kindergartens,
           SUM(is_private * organised) AS private_organised,
           SUM(is_private * covered) AS private_covered
    FROM judged
    GROUP BY period, town_code
),
figures AS (
    SELECT t.level, t.unit_code, t.unit_name, w.period, r.town_code IS NOT NULL AS reported, c.*
    FROM town_units t
    CROSS JOIN (SELECT DISTINCT period AS period FROM reported) w
    LEFT JOIN reported r ON r.period = w.period AND r.town_code = t.town_code
    LEFT JOIN counted c ON c.of_period = w.period AND c.of_town = t.town_code
),
sums AS (
    SELECT level, unit_code, unit_name, period,
           SUM(CASE WHEN reported THEN COALESCE(kindergartens, 0) END) AS kindergartens,
           SUM(CASE WHEN reported THEN COALESCE(members, 0) END) AS members,
           SUM(CASE WHEN reported THEN COALESCE(own, 0) END) AS own,
           SUM(CASE WHEN reported THEN COALESCE(shared, 0) END) AS shared,
           SUM(CASE WHEN reported THEN COALESCE(guided, 0) END) AS guided,
           SUM(CASE WHEN reported THEN COALESCE(organised, 0) END) AS organised,
           SUM(CASE WHEN reported THEN COALESCE(covered, 0) END) AS covered,
           SUM(CASE WHEN reported THEN COALESCE(with_members, 0) END) AS with_members,
           SUM(CASE WHEN reported THEN COALESCE(organised_with_members, 0) END) AS organised_with_members,
           SUM(CASE WHEN reported THEN COALESCE(public_kindergartens, 0) END) AS public_kindergartens,
           SUM(CASE WHEN reported THEN COALESCE(public_organised, 0) END) AS public_organised,
           SUM(CASE WHEN reported THEN COALESCE(public_covered, 0) END) AS public_covered,
           SUM(CASE WHEN reported THEN COALESCE(private_kindergartens, 0) END) AS private_kindergartens,
           SUM(CASE WHEN reported THEN COALESCE(private_organised, 0) END) AS private_organised,
           SUM(CASE WHEN reported THEN COALESCE(private_covered, 0) END) AS private_covered,
           COUNT(*) AS n_units,
           SUM(CASE WHEN reported THEN 1 ELSE 0 END) AS n_reported
    FROM figures
    GROUP BY level, unit_code, unit_name, period
)
SELECT level, unit_code, unit_name, period, kindergartens, members, own, shared, guided, organised, covered,
       with_members, organised_with_members,
       public_kindergartens, public_organised, public_covered,
       private_kindergartens, private_organised, private_covered,
       CAST(covered AS DOUBLE) / NULLIF(kindergartens, 0) AS party_coverage,
       CAST(organised AS DOUBLE) / NULLIF(kindergartens, 0) AS organisation_coverage,
       covered AS num, kindergartens AS den,
       n_units, n_reported
FROM sums
