-- title: 满意度调查样本
-- description: 每次调查每种问卷的计划份数与有效答卷数。计划按常住人口分档（survey_samples）；不足公布份数的，有效份数为空而 met 为假；分配未知的档没有计划，met 为空。
-- Heads and teachers answer one paper, so that their samples are planned together.
WITH band AS (
    SELECT s.*
    FROM survey_samples s
    JOIN survey_population p ON p.population >= s.min_population
    JOIN units d ON d.code = p.unit_code AND d.level = 'district'
    ORDER BY s.min_population DESC
    LIMIT 1
),
counted AS (
    SELECT period, paper, CAST(SUM(n) AS BIGINT) AS n
    FROM satisfaction_cells WHERE headline GROUP BY period, paper
),
waves AS (
    SELECT DISTINCT period FROM satisfaction_cells
),
planned AS (
    SELECT w.period, p.paper, p.title, p.min_answers, COALESCE(c.n, 0) AS n,
           CASE p.paper WHEN 'A' THEN b.parents WHEN 'B' THEN b.deputies
                        WHEN 'C' THEN b.heads + b.teachers END AS planned
    FROM waves w
    CROSS JOIN survey_papers p
    LEFT JOIN band b ON true
    LEFT JOIN counted c ON c.period = w.period AND c.paper = p.paper
)
SELECT d.level, d.code AS unit_code, d.name AS unit_name, p.period, p.paper, p.title, p.planned,
       CASE WHEN p.n >= p.min_answers THEN p.n END AS n, p.min_answers,
       p.n >= p.planned AS met,
       CASE WHEN p.n >= p.min_answers THEN GREATEST(p.planned - p.n, 0) END AS short,
       CASE WHEN p.n >= p.min_answers THEN p.n END AS num, p.planned AS den,
       1 AS n_units, 1 AS n_reported
FROM planned p
CROSS JOIN (SELECT level, code, name FROM units WHERE level = 'district') d
