-- title: 三つの率
-- description: 市立幼稚園の就園率、普恵性の割合、公立の割合を区別と市全体で示す。
-- Municipal kindergartens alone: all of them are public, so the last two rates are 1, and the first is
-- arithmetic on the city's files, not Kobe's real enrolment rate. Enrolment of 1 May is divided by the
-- residents of 30 June of the same calendar year. A rate sums both of its sides over the same wards.
WITH figures AS (
    SELECT t.code AS ward_code, t.name AS ward_name, w.period, e.enrolled,
           CASE WHEN e.enrolled IS NOT NULL THEN r.resident END AS resident,
           CASE WHEN e.enrolled IS NOT NULL THEN r.as_of END AS as_of
    FROM units t
    CROSS JOIN (SELECT DISTINCT period FROM wards) w
    LEFT JOIN wards e ON e.period = w.period AND e.unit_code = t.code
    LEFT JOIN ward_residents r ON r.period = SUBSTR(w.period, 1, 4) AND r.unit_code = t.code
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
           SUM(resident) AS resident,
           SUM(enrolled) AS enrolled,
           SUM(CASE WHEN resident IS NOT NULL THEN enrolled END) AS gross_num,
           COUNT(*) AS n_units,
           COUNT(enrolled) AS n_reported,
           MIN(as_of) AS resident_as_of
    FROM levels
    GROUP BY level, unit_code, unit_name, period
)
SELECT level, unit_code, unit_name, period,
       resident, enrolled, enrolled AS inclusive_enrolled, enrolled AS public_enrolled,
       CAST(gross_num AS DOUBLE) / NULLIF(resident, 0) AS gross_enrolment,
       CAST(enrolled AS DOUBLE) / NULLIF(enrolled, 0) AS inclusive_coverage,
       CAST(enrolled AS DOUBLE) / NULLIF(enrolled, 0) AS public_share,
       gross_num, resident AS gross_den,
       enrolled AS coverage_num, enrolled AS coverage_den,
       enrolled AS share_num, enrolled AS share_den,
       n_units, n_reported,
       CASE WHEN resident IS NOT NULL THEN '住民基本台帳' END AS resident_basis,
       resident_as_of
FROM sums
