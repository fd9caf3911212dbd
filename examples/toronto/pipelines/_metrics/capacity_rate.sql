-- title: Places for a child of 0 to 4 years
-- description: Licensed preschool and kindergarten places divided by residents aged 0 to 4.
-- Residents are those of the newest census day that is not after the period's end; its day stands beside
-- them. A rate sums both of its sides over the same wards.
WITH ranked AS (
    SELECT w.period, r.unit_code, r.pop_0_to_4, r.pop_5_to_9, r.as_of,
           ROW_NUMBER() OVER (PARTITION BY w.period, r.unit_code ORDER BY r.as_of DESC) AS n
    FROM (SELECT DISTINCT period FROM ward_places) w
    JOIN periods p ON p.period = w.period
    JOIN ward_population r ON r.as_of <= p.ends_on
),
figures AS (
    SELECT t.code AS ward_code, t.name AS ward_name, w.period, w.enrolled,
           r.pop_0_to_4, r.pop_5_to_9, r.as_of
    FROM units t
    JOIN ward_places w ON w.unit_code = t.code
    JOIN ranked r ON r.period = w.period AND r.unit_code = t.code AND r.n = 1
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
           SUM(enrolled) AS enrolled,
           SUM(pop_0_to_4) AS pop_0_to_4,
           SUM(pop_5_to_9) AS pop_5_to_9,
           COUNT(*) AS n_units,
           MIN(as_of) AS population_as_of
    FROM levels
    GROUP BY level, unit_code, unit_name, period
)
SELECT level, unit_code, unit_name, period, enrolled, pop_0_to_4, pop_5_to_9,
       CAST(enrolled AS DOUBLE) / NULLIF(pop_0_to_4, 0) AS capacity_per_pop_0_4,
       n_units, population_as_of
FROM sums
