-- The eight groups as config/units.csv has them: $groups groups, each of $members 镇, every 镇 in one, no 街道 in any.
-- Source: the plan (八组团: 8 × 3 = 24 镇, the six 街道 are in no group). A unit names one group at most, so none is in two.
WITH of_group AS (
    SELECT g.code, g.name, COUNT(t.code) AS n, string_agg(t.name, '、' ORDER BY t.code) AS names
    FROM units g LEFT JOIN units t ON t.group_code = g.code AND t.level = 'town'
    WHERE g.level = 'group'
    GROUP BY g.code, g.name
),
faults AS (
    SELECT 'town' AS subject_kind, t.code AS subject_code, t.name AS subject_name,
           CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
           CASE WHEN t.kind = '镇' THEN '未列入任何组团，每个镇应在一个组团' ELSE '街道不入组团，却列在组团中' END AS detail
    FROM units t LEFT JOIN units g ON g.code = t.group_code AND g.level = 'group'
    WHERE t.level = 'town' AND (t.kind = '镇' AND g.code IS NULL OR t.kind <> '镇' AND g.code IS NOT NULL)
    UNION ALL
    SELECT 'group', code, name, CAST(n AS DOUBLE), CAST($members AS DOUBLE),
           concat('有', CAST(n AS VARCHAR), '个镇街', CASE WHEN n > 0 THEN concat('（', names, '）') ELSE '' END,
                  '，应为', $members, '个镇')
    FROM of_group WHERE n <> CAST($members AS BIGINT)
    UNION ALL
    SELECT 'district', d.code, d.name, CAST(c.n AS DOUBLE), CAST($groups AS DOUBLE),
           concat('共有', CAST(c.n AS VARCHAR), '个组团，应为', $groups, '个')
    FROM units d CROSS JOIN (SELECT COUNT(*) AS n FROM of_group) c
    WHERE d.level = 'district' AND c.n <> CAST($groups AS BIGINT)
)
SELECT f.subject_kind, f.subject_code, f.subject_name, d.code AS unit_code, $period AS period, f.observed, f.target, f.detail
FROM faults f CROSS JOIN units d
WHERE d.level = 'district'
