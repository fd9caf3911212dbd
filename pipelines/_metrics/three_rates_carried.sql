-- title: 三率（缺报按上期结转）
-- description: 同三率；缺报镇街取其最近一期已采用的数字，carried_from 为结转所用的最早一期。凡引用处须注明“按上期结转”。
-- n_reported still counts the towns that reported this very period.
WITH candidates AS (
    SELECT e.period, e.town_code, e.reported, o.period AS source,
           o.enrolled, o.inclusive_enrolled, o.public_enrolled,
           ROW_NUMBER() OVER (PARTITION BY e.period, e.town_code ORDER BY op.starts_on DESC) AS n
    FROM town_enrollment e
    JOIN periods p ON p.period = e.period
    JOIN town_enrollment o ON o.town_code = e.town_code AND o.reported
    JOIN periods op ON op.period = o.period AND op.frequency = p.frequency
    WHERE op.starts_on <= p.starts_on
),
carried AS (
    SELECT e.period, e.town_code, e.reported,
           c.enrolled, c.inclusive_enrolled, c.public_enrolled,
           CASE WHEN c.source <> e.period THEN c.source END AS carried_from
    FROM town_enrollment e
    LEFT JOIN candidates c ON c.period = e.period AND c.town_code = e.town_code AND c.n = 1
),
figures AS (
    SELECT t.level, t.unit_code, t.unit_name, e.period, e.reported,
           e.enrolled, e.inclusive_enrolled, e.public_enrolled, e.carried_from,
           CASE WHEN e.enrolled IS NOT NULL THEN r.resident END AS resident,
           CASE WHEN e.enrolled IS NOT NULL THEN r.basis END AS basis,
           CASE WHEN e.enrolled IS NOT NULL THEN r.as_of END AS as_of
    FROM town_units t
    JOIN carried e ON e.town_code = t.town_code
    LEFT JOIN town_residents r ON r.town_code = t.town_code AND r.period = e.period
),
sums AS (
    SELECT level, unit_code, unit_name, period,
           SUM(resident) AS resident,
           SUM(enrolled) AS enrolled,
           SUM(inclusive_enrolled) AS inclusive_enrolled,
           SUM(public_enrolled) AS public_enrolled,
           SUM(CASE WHEN resident IS NOT NULL THEN enrolled END) AS gross_num,
           COUNT(*) AS n_units,
           SUM(CASE WHEN reported THEN 1 ELSE 0 END) AS n_reported,
           CASE WHEN COUNT(DISTINCT basis) > 1 THEN '口径不一' ELSE MIN(basis) END
               AS resident_basis,
           MIN(as_of) AS resident_as_of,
           MIN(carried_from) AS carried_from
    FROM figures
    GROUP BY level, unit_code, unit_name, period
)
SELECT level, unit_code, unit_name, period,
       resident, enrolled, inclusive_enrolled, public_enrolled,
       CAST(gross_num AS DOUBLE) / NULLIF(resident, 0) AS gross_enrolment,
       CAST(inclusive_enrolled AS DOUBLE) / NULLIF(enrolled, 0) AS inclusive_coverage,
       CAST(public_enrolled AS DOUBLE) / NULLIF(enrolled, 0) AS public_share,
       gross_num, resident AS gross_den,
       inclusive_enrolled AS coverage_num, enrolled AS coverage_den,
       public_enrolled AS share_num, enrolled AS share_den,
       n_units, n_reported, resident_basis, resident_as_of, carried_from
FROM sums
