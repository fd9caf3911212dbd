-- Kindergartens short of room, outdoor space, books or toys, by their reporter's newest form that is not
-- after the month. Figures per child are cut: 3.999 must not read 4.00 and fail.
WITH short AS (
    SELECT f.*
    FROM facility_institutions f
    JOIN newest_forms n ON n.dataset = 'facilities' AND n.for_period = $period
        AND n.reporter_code = f.reporter_code AND n.period = f.period
    WHERE f.is_short OR f.standard_short
),
faults AS (
    SELECT inst_code, 'outdoor_area' AS measure, outdoor_per_child AS amount FROM short WHERE outdoor_short
    UNION ALL
    SELECT inst_code, 'activity_area', activity_per_child FROM short WHERE activity_short
    UNION ALL
    SELECT inst_code, 'floor_area', floor_per_child FROM short WHERE floor_short
    UNION ALL
    SELECT inst_code, 'books', books_per_child FROM short WHERE books_short
),
said AS (
    SELECT f.inst_code, COUNT(*) AS n,
           string_agg(concat(s.title, '生均', CAST(f.amount / 100 AS VARCHAR), '.',
                             lpad(CAST(f.amount % 100 AS VARCHAR), 2, '0'), s.measure_unit, '（标准',
                             CAST(s.min_hundredths / 100 AS VARCHAR),
                             CASE WHEN s.min_hundredths % 100 > 0
                                  THEN concat('.', lpad(CAST(s.min_hundredths % 100 AS VARCHAR), 2, '0'))
                                  ELSE '' END, '）'), '，' ORDER BY s.position) AS text
    FROM faults f JOIN facility_standards s ON s.measure = f.measure
    GROUP BY f.inst_code
)
SELECT 'institution' AS subject_kind, s.inst_code AS subject_code, s.inst_name AS subject_name,
       s.town_code AS unit_code, s.period,
       CAST(COALESCE(d.n, 0) + CASE WHEN s.toys_short THEN 1 ELSE 0 END
            + CASE WHEN s.standard_short THEN 1 ELSE 0 END AS DOUBLE) AS observed,
       CAST(0 AS DOUBLE) AS target,
       ltrim(concat('在园幼儿', CAST(s.children AS VARCHAR), '人',
                    CASE WHEN d.text IS NOT NULL THEN concat('，', d.text) ELSE '' END,
                    CASE WHEN s.toys_short THEN '，玩教具未达标' ELSE '' END,
                    CASE WHEN s.standard_short THEN '，2017年后规划设计而不符合建设标准' ELSE '' END), '，') AS detail
FROM short s LEFT JOIN said d ON d.inst_code = s.inst_code
