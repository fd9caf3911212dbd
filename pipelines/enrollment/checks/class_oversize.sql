-- Kindergartens with classes beyond the limit: 小班 25, 中班 30, 大班 35, 混合班 30. There is no rule for 托班.
-- Source: 幼儿园工作规程 第11条.
WITH beyond AS (
    SELECT e.inst_code, e.inst_name, e.period, e.class_name, e.children, e.limit_of,
           CASE WHEN r.level = 'bureau' THEN e.reporter_code
                WHEN u.level = 'park' THEN u.parent ELSE e.unit_code END AS unit_code
    FROM (
        SELECT *, CASE class_type WHEN 'lower' THEN 25 WHEN 'middle' THEN 30 WHEN 'upper' THEN 35
                                  WHEN 'mixed' THEN 30 END AS limit_of
        FROM enrollment
        WHERE period = $period AND inst_kind <> 'childcare_point'
    ) e
    LEFT JOIN units u ON u.code = e.unit_code
    LEFT JOIN units r ON r.code = e.reporter_code
    WHERE e.children > e.limit_of
)
SELECT 'institution' AS subject_kind, inst_code AS subject_code, MIN(inst_name) AS subject_name,
       MIN(unit_code) AS unit_code, MIN(period) AS period,
       CAST(COUNT(*) AS DOUBLE) AS observed, CAST(0 AS DOUBLE) AS target,
       concat(CAST(COUNT(*) AS VARCHAR), '个班超班额：',
              string_agg(concat(class_name, CAST(children AS VARCHAR), '人（限', CAST(limit_of AS VARCHAR), '人）'), '、'
                         ORDER BY class_name)) AS detail
FROM beyond
GROUP BY inst_code
