-- title: 生均拨款和补助
-- description: 各年全区生均财政拨款：public 教育部门和其他部门办园的公用经费，subsidised 企事业单位、部队、集体办园的补助，inclusive 普惠性民办园的补助。num 为金额（元），den 为幼儿数。
-- Source: 教督〔2020〕1号, at least 500 yuan a child and year. Amounts per child are cut to whole yuan.
WITH reported AS (
    SELECT DISTINCT period FROM coverage WHERE dataset = 'finance'
),
classed AS (
    SELECT period,
           CASE WHEN inst_kind IN ('public_education', 'public_other_department') THEN 'public'
                WHEN inst_kind LIKE 'public\_%' ESCAPE '\' THEN 'subsidised'
                WHEN inst_kind = 'private_inclusive' THEN 'inclusive' END AS category,
           institutions, children,
           CASE WHEN inst_kind IN ('public_education', 'public_other_department') THEN funding
                ELSE subsidy END AS amount
    FROM finance
),
counted AS (
    SELECT period, category, SUM(institutions) AS institutions, SUM(children) AS children,
           SUM(amount) AS amount
    FROM classed WHERE category IS NOT NULL GROUP BY period, category
)
SELECT d.level, d.code AS unit_code, d.name AS unit_name, r.period, k.category, k.title,
       COALESCE(c.institutions, 0) AS institutions, COALESCE(c.children, 0) AS children,
       COALESCE(c.amount, 0) AS amount, c.amount / NULLIF(c.children, 0) AS yuan_per_child,
       COALESCE(c.amount, 0) AS num, COALESCE(c.children, 0) AS den, 1 AS n_units, 1 AS n_reported
FROM reported r
CROSS JOIN (SELECT level, code, name FROM units WHERE level = 'district') d
CROSS JOIN (VALUES ('public', '公办园生均公用经费'), ('subsidised', '企事业单位、部队、集体办园生均补助'),
                   ('inclusive', '普惠性民办园生均补助')) AS k (category, title)
LEFT JOIN counted c ON c.period = r.period AND c.category = k.category
