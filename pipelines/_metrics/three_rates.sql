-- title: 三率
-- description: 学前三年毛入园率、普惠性幼儿园覆盖率、公办园在园幼儿占比，分镇街、组团、全区。
-- Source: the district's plan. A rate sums numerator and denominator over the same towns: for gross
-- enrolment those that reported and whose residents are known, for the others those that reported.
WITH figures AS (
    SELECT t.level, t.unit_code, t.unit_name, e.period, e.reported,
           e.enrolled, e.inclusive_enrolled, e.public_enrolled,
           CASE WHEN e.reported THEN r.resident END AS resident,
           CASE WHEN e.reported THEN r.basis END AS basis,
           CASE WHEN e.reported THEN r.as_of END AS as_of
    FROM town_units t
    JOIN town_enrollment e ON e.town_code = t.town_code
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
           MIN(as_of) AS resident_as_of
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
       n_units, n_reported, resident_basis, resident_as_of
FROM sums
