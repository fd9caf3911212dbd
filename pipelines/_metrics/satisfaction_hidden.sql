-- title: 不公布的满意率
-- description: 哪些单位的份数和满意率不公布：份数少于 survey_papers.min_answers 的，以及为使其不能由合计推出而一并隐去的。
-- Complementary suppression over the tree district = groups + towns in no group + answers without a town,
-- group = its towns. A shown figure gives, by subtraction of all that is shown below it, the sum over
-- what is hidden below it; that sum must tell nothing. So of the children of each shown figure the
-- smallest are hidden until they are at least two, together at least min_answers, and neither all
-- approve nor none does (or each of them would be known to). Where not even all of them are enough,
-- the figure itself is hidden. A hidden group keeps at least its smallest town hidden, or it would be
-- the sum of its towns. tests/tools/satisfaction_attack.py tries to recover what is hidden here.
WITH leaves AS (
    SELECT c.period, c.paper, c.question, c.level, c.unit_code, c.group_code, c.n, c.approving,
           p.min_answers
    FROM satisfaction_cells c
    JOIN survey_papers p ON p.paper = c.paper
    WHERE c.headline
),
in_groups AS (
    SELECT period, paper, question, group_code, unit_code, n, approving, min_answers,
           CAST(ROW_NUMBER() OVER smallest AS BIGINT) AS k,
           SUM(n) OVER smallest AS sum_n,
           SUM(approving) OVER smallest AS sum_approving,
           SUM(CASE WHEN n < min_answers THEN 1 ELSE 0 END)
               OVER (PARTITION BY period, paper, question, group_code) AS n_small
    FROM leaves
    WHERE level = 'town' AND group_code IS NOT NULL
    WINDOW smallest AS (PARTITION BY period, paper, question, group_code
                        ORDER BY n, unit_code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- `hide`: how many of a group's smallest towns; null: not even all of them would be enough.
groups AS (
    SELECT period, paper, question, group_code, COUNT(*) AS size, SUM(n) AS n,
           CASE WHEN MAX(n_small) = 0 THEN 0
                ELSE MIN(CASE WHEN k >= 2 AND k >= n_small AND sum_n >= min_answers
                                   AND sum_approving > 0 AND sum_approving < sum_n THEN k END)
           END AS hide
    FROM in_groups
    GROUP BY period, paper, question, group_code
),
-- A hidden group takes out of sight what is hidden in it, not all of it.
children AS (
    SELECT g.period, g.paper, g.question, 'group' AS level, g.group_code AS unit_code, g.n,
           g.n < MIN(i.min_answers) OR g.hide IS NULL AS must,
           SUM(CASE WHEN i.k <= GREATEST(COALESCE(g.hide, g.size), 1) THEN i.n ELSE 0 END) AS out_n,
           SUM(CASE WHEN i.k <= GREATEST(COALESCE(g.hide, g.size), 1) THEN i.approving ELSE 0 END)
               AS out_approving,
           MIN(i.min_answers) AS min_answers
    FROM groups g
    JOIN in_groups i ON i.period = g.period AND i.paper = g.paper AND i.question = g.question
                    AND i.group_code = g.group_code
    GROUP BY g.period, g.paper, g.question, g.group_code, g.n, g.hide
    UNION ALL
    SELECT period, paper, question, level, unit_code, n, n < min_answers AS must, n AS out_n,
           approving AS out_approving, min_answers
    FROM leaves
    WHERE level = 'unstated' OR group_code IS NULL
),
ranked AS (
    SELECT *,
           CAST(ROW_NUMBER() OVER smallest AS BIGINT) AS k,
           SUM(out_n) OVER smallest AS sum_n,
           SUM(out_approving) OVER smallest AS sum_approving,
           SUM(CASE WHEN must THEN 1 ELSE 0 END)
               OVER (PARTITION BY period, paper, question) AS n_must
    FROM children
    WINDOW smallest AS (PARTITION BY period, paper, question
                        ORDER BY CASE WHEN must THEN 0 ELSE 1 END, n, level, unit_code
                        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
districts AS (
    SELECT period, paper, question, COUNT(*) AS size, SUM(n) < MIN(min_answers) AS is_small,
           CASE WHEN MAX(n_must) = 0 THEN 0
                ELSE MIN(CASE WHEN k >= 2 AND k >= n_must AND sum_n >= min_answers
                                   AND sum_approving > 0 AND sum_approving < sum_n THEN k END)
           END AS hide
    FROM ranked
    GROUP BY period, paper, question
),
hidden_children AS (
    SELECT r.period, r.paper, r.question, r.level, r.unit_code
    FROM ranked r
    JOIN districts d ON d.period = r.period AND d.paper = r.paper AND d.question = r.question
    WHERE r.k <= COALESCE(d.hide, d.size)
)
SELECT period, paper, question, level, unit_code FROM hidden_children
UNION ALL
SELECT i.period, i.paper, i.question, 'town', i.unit_code
FROM in_groups i
JOIN groups g ON g.period = i.period AND g.paper = i.paper AND g.question = i.question
             AND g.group_code = i.group_code
LEFT JOIN hidden_children h ON h.period = i.period AND h.paper = i.paper
                           AND h.question = i.question AND h.level = 'group'
                           AND h.unit_code = i.group_code
WHERE i.k <= GREATEST(COALESCE(g.hide, g.size), CASE WHEN h.unit_code IS NULL THEN 0 ELSE 1 END)
UNION ALL
SELECT d.period, d.paper, d.question, 'district', u.code
FROM districts d CROSS JOIN units u
WHERE u.level = 'district' AND (d.hide IS NULL OR d.is_small)
UNION ALL
-- The other questions stand for the district alone: nothing adds up to them.
SELECT r.period, r.paper, r.question, r.level, r.unit_code
FROM satisfaction_rates r
JOIN survey_papers p ON p.paper = r.paper
WHERE NOT r.headline AND r.n < p.min_answers
