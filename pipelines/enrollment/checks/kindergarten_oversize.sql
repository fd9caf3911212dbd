-- Kindergartens of more than 360 children (托班 included: it is one house). Source: 幼儿园工作规程 第11条, “一般不超过360人”.
SELECT 'institution' AS subject_kind, e.inst_code AS subject_code, MIN(e.inst_name) AS subject_name,
       MIN(CASE WHEN r.level = 'bureau' THEN e.reporter_code
                WHEN u.level = 'park' THEN u.parent ELSE e.unit_code END) AS unit_code,
       MIN(e.period) AS period,
       CAST(SUM(e.children) AS DOUBLE) AS observed, CAST(360 AS DOUBLE) AS target,
       concat('在园幼儿', CAST(SUM(e.children) AS VARCHAR), '人，一般不超过360人，超', CAST(SUM(e.children) - 360 AS VARCHAR), '人') AS detail
FROM enrollment e
LEFT JOIN units u ON u.code = e.unit_code
LEFT JOIN units r ON r.code = e.reporter_code
WHERE e.period = $period AND e.inst_kind <> 'childcare_point'
GROUP BY e.inst_code
HAVING SUM(e.children) > 360
