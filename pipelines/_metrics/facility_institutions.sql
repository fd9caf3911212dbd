-- title: 各园办园条件
-- description: 各学年每所幼儿园的生均户外场地、活动用房、建筑面积、图书与标准（facility_standards）的比较；没有幼儿的园不能判断，为空。
-- Areas are compared in hundredths of a square metre, as whole numbers; per child, cut, in hundredths too.
WITH standards AS (
    SELECT MAX(CASE WHEN measure = 'outdoor_area' THEN min_hundredths END) AS outdoor,
           MAX(CASE WHEN measure = 'activity_area' THEN min_hundredths END) AS activity,
           MAX(CASE WHEN measure = 'floor_area' THEN min_hundredths END) AS floor,
           MAX(CASE WHEN measure = 'books' THEN min_hundredths END) AS books
    FROM facility_standards
),
measured AS (
    SELECT f.period, f.reporter_code,
           CASE WHEN u.level = 'park' THEN u.parent ELSE f.unit_code END AS town_code,
           f.inst_code, f.inst_name, f.children, NULLIF(f.children, 0) AS n,
           CAST(ROUND(f.outdoor_area * 100) AS BIGINT) AS outdoor,
           CAST(ROUND(f.activity_area * 100) AS BIGINT) AS activity,
           CAST(ROUND(f.floor_area * 100) AS BIGINT) AS floor,
           f.books * 100 AS books, f.toys_adequate, f.planned_after_2017, f.meets_standard
    FROM facilities f LEFT JOIN units u ON u.code = f.unit_code
),
compared AS (
    SELECT m.*,
           m.outdoor / m.n AS outdoor_per_child, m.activity / m.n AS activity_per_child,
           m.floor / m.n AS floor_per_child, m.books / m.n AS books_per_child,
           m.outdoor < s.outdoor * m.n AS outdoor_short,
           m.activity < s.activity * m.n AS activity_short,
           m.floor < s.floor * m.n AS floor_short,
           m.books < s.books * m.n AS books_short,
           CASE WHEN m.n IS NOT NULL THEN NOT m.toys_adequate END AS toys_short,
           CASE WHEN m.planned_after_2017 AND m.n IS NOT NULL THEN m.meets_standard <> 'met' END
               AS standard_short
    FROM measured m CROSS JOIN standards s
)
SELECT period, reporter_code, town_code, inst_code, inst_name, children,
       outdoor_per_child, activity_per_child, floor_per_child, books_per_child,
       outdoor_short, activity_short, floor_short, books_short, toys_short, standard_short,
       outdoor_short OR activity_short OR floor_short OR books_short OR toys_short AS is_short
FROM compared
