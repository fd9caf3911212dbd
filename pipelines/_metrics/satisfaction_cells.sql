-- title: 满意度答卷数
-- description: 每次调查、每种问卷、每题、每个镇街的有效答卷（n）和满意（approving）份数，没有答卷的镇街为 0；
-- 没有写明镇街的另列一行（level = unstated），没有就没有这一行。怎样算有效、算满意见 survey_options。只供计算，不得公布。
WITH held AS (
    SELECT DISTINCT period, paper FROM satisfaction
),
leaves AS (
    SELECT 'town' AS level, code AS unit_code, name AS unit_name, group_code
    FROM units WHERE level = 'town'
    UNION ALL
    SELECT 'unstated', code, '未注明镇街', CAST(NULL AS VARCHAR)
    FROM units WHERE level = 'district'
),
counted AS (
    SELECT s.period, s.paper, s.question, s.unit_code,
           SUM(CASE WHEN o.in_base THEN s.answers ELSE 0 END) AS n,
           SUM(CASE WHEN o.in_base AND o.approves THEN s.answers ELSE 0 END) AS approving
    FROM satisfaction s
    JOIN survey_options o ON o.paper = s.paper AND o.option = s.option
    GROUP BY s.period, s.paper, s.question, s.unit_code
)
SELECT h.period, h.paper, q.question, q.headline, l.level, l.unit_code, l.unit_name, l.group_code,
       COALESCE(c.n, 0) AS n, COALESCE(c.approving, 0) AS approving
FROM held h
JOIN survey_questions q ON q.paper = h.paper
CROSS JOIN leaves l
LEFT JOIN counted c ON c.period = h.period AND c.paper = h.paper AND c.question = q.question
                   AND c.unit_code = l.unit_code
WHERE l.level = 'town' OR c.n > 0
