-- Kindergartens with children in extended care and no teacher in rotation.
SELECT 'institution' AS subject_kind, k.inst_code AS subject_code, k.inst_name AS subject_name,
       CASE WHEN r.level = 'bureau' THEN k.reporter_code
            WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS unit_code,
       k.period, CAST(k.teachers AS DOUBLE) AS observed, CAST(1 AS DOUBLE) AS target,
       concat('参加延时服务的幼儿', CAST(k.children AS VARCHAR), '人，没有轮值教师（', k.period, '）') AS detail
FROM extended_care k
JOIN newest_forms n ON n.dataset = 'extended_care' AND n.for_period = $period
    AND n.period = k.period AND n.reporter_code = k.reporter_code
LEFT JOIN units u ON u.code = k.unit_code
LEFT JOIN units r ON r.code = k.reporter_code
WHERE k.children > 0 AND k.teachers = 0
