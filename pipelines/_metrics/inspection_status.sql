-- title: 各园监管情况
-- description: 各学年每所幼儿园的许可、年检、公示、督导评估（统计日前五年内）、督学挂牌、逐利、小学化、收费；名册有而监管表没有的，reported 为假，其余为空。
-- Evaluation: a round of three to five years (教督〔2020〕1号).
WITH listed AS (
    SELECT i.*, p.stat_on, CASE WHEN u.level = 'park' THEN u.parent ELSE i.unit_code END AS town_code
    FROM inspections i
    JOIN periods p ON p.period = i.period
    LEFT JOIN units u ON u.code = i.unit_code
),
missing AS (
    SELECT k.period, k.town_code, k.inst_code, k.inst_name
    FROM register_kindergartens k
    JOIN (SELECT DISTINCT period FROM coverage WHERE dataset = 'inspections') w ON w.period = k.period
    LEFT JOIN listed l ON l.period = k.period AND l.inst_code = k.inst_code
    WHERE l.inst_code IS NULL
)
SELECT period, town_code, inst_code, inst_name, true AS reported,
       has_licence, annual_inspection, annual_inspection IN ('passed', 'basic') AS is_inspected,
       is_published, evaluated_on,
       COALESCE(evaluated_on > stat_on - INTERVAL '5 years', false) AS is_evaluated,
       has_inspector, is_profit_seeking, is_school_like, fees
FROM listed
UNION ALL
SELECT period, town_code, inst_code, inst_name, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL
FROM missing
