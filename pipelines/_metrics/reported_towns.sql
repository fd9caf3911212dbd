-- title: 镇街上报情况
-- description: 各期各镇街的月报是否齐全：本镇街已报，且镇街内有直属园的，局机关也已报。
-- A town that is itself expected to report must have done so; where one reporter sends the rows of
-- many (a city's file of all wards), its rows for the town are enough.
WITH wanted AS (
    SELECT DISTINCT dataset, period FROM coverage WHERE dataset IN ('enrollment', 'staffing')
),
own AS (
    SELECT DISTINCT c.dataset, c.period, c.unit_code AS town_code, c.reporter_code
    FROM coverage c
),
bureau AS (
    SELECT DISTINCT c.dataset, c.period
    FROM coverage c JOIN units b ON b.code = c.reporter_code
    WHERE b.level = 'bureau'
),
bureau_expected AS (
    SELECT DISTINCT e.dataset, e.period
    FROM expected e JOIN units b ON b.code = e.reporter_code
    WHERE b.level = 'bureau'
),
town_expected AS (
    SELECT DISTINCT e.dataset, e.period, e.reporter_code AS town_code
    FROM expected e JOIN units t ON t.code = e.reporter_code
    WHERE t.level = 'town'
),
self_reported AS (
    SELECT DISTINCT o.dataset, o.period, o.town_code
    FROM own o
    LEFT JOIN town_expected e
        ON e.dataset = o.dataset AND e.period = o.period AND e.town_code = o.town_code
    WHERE e.town_code IS NULL OR o.reporter_code = o.town_code
)
SELECT w.dataset, w.period, t.code AS town_code,
       s.town_code IS NOT NULL
           AND (d.town_code IS NULL OR be.dataset IS NULL OR b.dataset IS NOT NULL) AS reported
FROM wanted w
CROSS JOIN (SELECT code FROM units WHERE level = 'town') t
LEFT JOIN self_reported s
    ON s.dataset = w.dataset AND s.period = w.period AND s.town_code = t.code
LEFT JOIN direct_towns d ON d.period = w.period AND d.town_code = t.code
LEFT JOIN bureau_expected be ON be.dataset = w.dataset AND be.period = w.period
LEFT JOIN bureau b ON b.dataset = w.dataset AND b.period = w.period
