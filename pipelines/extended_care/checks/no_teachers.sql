-- Kindergartens with children in extended care and no teacher in rotation.
WITH newest AS (
    SELECT period, reporter_code
    FROM (
        SELECT c.period, c.reporter_code,
               ROW_NUMBER() OVER (PARTITION BY c.reporter_code ORDER BY p.stat_on DESC) AS n
        FROM (SELECT DISTINCT period, reporter_code FROM coverage WHERE dataset = 'extended_care') c
        JOIN periods p ON p.period = c.period
        CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
        WHERE p.stat_on <= m.ends_on
    )
    WHERE n = 1
)
SELECT 'institution' AS subject_kind, k.inst_code AS subject_code, k.inst_name AS subject_name,
       CASE WHEN r.level = 'bureau' THEN k.reporter_code
            WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS unit_code,
       k.period, CAST(k.teachers AS DOUBLE) AS observed, CAST(1 AS DOUBLE) AS target,
       concat('参加延时服务的幼儿', CAST(k.children AS VARCHAR), '人，没有轮值教师（', k.period, '）') AS detail
FROM extended_care k
JOIN newest n ON n.period = k.period AND n.reporter_code = k.reporter_code
LEFT JOIN units u ON u.code = k.unit_code
LEFT JOIN units r ON r.code = k.reporter_code
WHERE k.children > 0 AND k.teachers = 0
