-- title: 教师工资之比
-- description: 各年全区：public 公办园非在编教师人均工资与在编教师之比；private 民办园教师人均工资与公办园教师之比。不足三所园的不公布（is_hidden），各数为空。
-- Source: 教督〔2020〕1号, at least 75 %. A ratio of two means: num = pay₁ · heads₂, den = pay₂ · heads₁, whole numbers.
-- Fewer than three institutions would tell what single ones pay.
WITH sums AS (
    SELECT period,
           SUM(CASE WHEN is_public THEN non_tenured_pay ELSE 0 END) AS a_pay,
           SUM(CASE WHEN is_public THEN non_tenured_teachers ELSE 0 END) AS a_heads,
           SUM(CASE WHEN is_public AND non_tenured_teachers > 0 THEN institutions ELSE 0 END) AS a_inst,
           SUM(CASE WHEN is_public THEN tenured_pay ELSE 0 END) AS b_pay,
           SUM(CASE WHEN is_public THEN tenured_teachers ELSE 0 END) AS b_heads,
           SUM(CASE WHEN is_public AND tenured_teachers > 0 THEN institutions ELSE 0 END) AS b_inst,
           SUM(CASE WHEN is_public THEN 0 ELSE tenured_pay + non_tenured_pay END) AS c_pay,
           SUM(CASE WHEN is_public THEN 0 ELSE tenured_teachers + non_tenured_teachers END) AS c_heads,
           SUM(CASE WHEN NOT is_public AND tenured_teachers + non_tenured_teachers > 0
                    THEN institutions ELSE 0 END) AS c_inst,
           SUM(CASE WHEN is_public AND tenured_teachers + non_tenured_teachers > 0
                    THEN institutions ELSE 0 END) AS d_inst
    FROM (SELECT *, inst_kind LIKE 'public\_%' ESCAPE '\' AS is_public FROM finance)
    GROUP BY period
),
ratios AS (
    SELECT period, 'public' AS category, '公办园非在编教师与在编教师人均工资之比' AS title,
           a_inst AS institutions, b_inst AS base_institutions,
           a_pay * b_heads AS num, b_pay * a_heads AS den
    FROM sums
    UNION ALL
    SELECT period, 'private', '民办园教师与公办园教师人均工资之比', c_inst, d_inst,
           c_pay * (a_heads + b_heads), (a_pay + b_pay) * c_heads
    FROM sums
),
shown AS (
    SELECT period, category, title, institutions,
           institutions < 3 OR base_institutions < 3 AS is_hidden,
           CASE WHEN institutions >= 3 AND base_institutions >= 3 AND den > 0 THEN num END AS num,
           CASE WHEN institutions >= 3 AND base_institutions >= 3 AND den > 0 THEN den END AS den
    FROM ratios
)
SELECT d.level, d.code AS unit_code, d.name AS unit_name, s.period, s.category, s.title,
       s.institutions, s.is_hidden, s.num, s.den, CAST(s.num AS DOUBLE) / s.den AS ratio,
       b.num AS before_num, b.den AS before_den, CAST(b.num AS DOUBLE) / b.den AS before_ratio,
       1 AS n_units, 1 AS n_reported
FROM shown s
CROSS JOIN (SELECT level, code, name FROM units WHERE level = 'district') d
JOIN periods p ON p.period = s.period
LEFT JOIN shown b ON b.period = p.previous AND b.category = s.category
