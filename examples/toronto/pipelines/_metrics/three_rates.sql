-- title: Rates of public and inclusive places
-- description: Share of public and of inclusive places, by ward and for the city, with what they are made of.
-- There is no number of residents aged 3 to 5 by ward, so there is no gross enrolment: see capacity_rate.
WITH figures AS (
    SELECT t.code AS ward_code, t.name AS ward_name, w.period, p.institutions,
           p.enrolled, p.public_enrolled, p.inclusive_private_enrolled, p.private_enrolled
    FROM units t
    CROSS JOIN (SELECT DISTINCT period FROM ward_places) w
    LEFT JOIN ward_places p ON p.period = w.period AND p.unit_code = t.code
    WHERE t.level = 'town'
),
levels AS (
    SELECT 'town' AS level, ward_code AS unit_code, ward_name AS unit_name, figures.*
    FROM figures
    UNION ALL
    SELECT 'district', d.code, d.name, f.*
    FROM units d CROSS JOIN figures f
    WHERE d.level = 'district'
),
sums AS (
    SELECT level, unit_code, unit_name, period,
           SUM(institutions) AS institutions,
           SUM(enrolled) AS enrolled,
           SUM(public_enrolled) AS public_enrolled,
           SUM(inclusive_private_enrolled) AS inclusive_private_enrolled,
           SUM(private_enrolled) AS private_enrolled,
           SUM(public_enrolled) + SUM(inclusive_private_enrolled) AS inclusive_enrolled,
           COUNT(*) AS n_units,
           COUNT(enrolled) AS n_reported
    FROM levels
    GROUP BY level, unit_code, unit_name, period
)
SELECT level, unit_code, unit_name, period,
       institutions, enrolled, inclusive_enrolled, public_enrolled,
       inclusive_private_enrolled, private_enrolled,
       CAST(inclusive_enrolled AS DOUBLE) / NULLIF(enrolled, 0) AS inclusive_coverage,
       CAST(public_enrolled AS DOUBLE) / NULLIF(enrolled, 0) AS public_share,
       inclusive_enrolled AS coverage_num, enrolled AS coverage_den,
       public_enrolled AS share_num, enrolled AS share_den,
       n_units, n_reported
FROM sums
