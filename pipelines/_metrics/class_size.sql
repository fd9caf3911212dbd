-- title: 班额达标率
-- description: 班额不超过规定（小班25、中班30、大班35、混合班30人）的班级占全部班级的比例；不含托班和托幼点。
-- Source: 幼儿园工作规程 第11条; 教督〔2020〕1号 wants 85 % of the classes within. There is no rule for 托班.
WITH classes AS (
    SELECT e.period, CASE WHEN u.level = 'park' THEN u.parent ELSE e.unit_code END AS town_code,
           COUNT(*) AS classes,
           SUM(CASE WHEN e.children <= CASE e.class_type WHEN 'lower' THEN 25 WHEN 'middle' THEN 30
                                           WHEN 'upper' THEN 35 ELSE 30 END
                    THEN 1 ELSE 0 END) AS within
    FROM enrollment e LEFT JOIN units u ON u.code = e.unit_code
    WHERE e.inst_kind <> 'childcare_point' AND e.children > 0
      AND e.class_type IN ('lower', 'middle', 'upper', 'mixed')
    GROUP BY 1, 2
),
sums AS (
    SELECT t.level, t.unit_code, t.unit_name, r.period,
           SUM(CASE WHEN r.reported THEN COALESCE(c.classes, 0) END) AS classes,
           SUM(CASE WHEN r.reported THEN COALESCE(c.within, 0) END) AS within,
           COUNT(*) AS n_units,
           SUM(CASE WHEN r.reported THEN 1 ELSE 0 END) AS n_reported
    FROM town_units t
    JOIN reported_towns r ON r.town_code = t.town_code AND r.dataset = 'enrollment'
    LEFT JOIN classes c ON c.period = r.period AND c.town_code = t.town_code
    GROUP BY t.level, t.unit_code, t.unit_name, r.period
)
SELECT level, unit_code, unit_name, period, classes, within,
       CAST(within AS DOUBLE) / NULLIF(classes, 0) AS class_size_rate,
       within AS num, classes AS den, n_units, n_reported
FROM sums
