-- title: 各园报表的上报情况
-- description: 办园条件表、教师轮训表各期各镇街是否齐全：本镇街已报，且镇街内有直属园的，局机关也已报。
-- As reported_towns, for forms of terms and school years. Where the direct institutions lie is what the
-- bureau's newest register says that is not after the period's end.
WITH wanted AS (
    SELECT DISTINCT c.dataset, c.period, p.ends_on
    FROM coverage c JOIN periods p ON p.period = c.period
    WHERE c.dataset IN ('facilities', 'training')
),
own AS (
    SELECT DISTINCT c.dataset, c.period, c.reporter_code AS town_code
    FROM coverage c JOIN units t ON t.code = c.reporter_code
    WHERE c.dataset IN ('facilities', 'training') AND t.level = 'town'
),
bureau AS (
    SELECT DISTINCT c.dataset, c.period
    FROM coverage c JOIN units b ON b.code = c.reporter_code
    WHERE c.dataset IN ('facilities', 'training') AND b.level = 'bureau'
),
registers AS (
    SELECT w.dataset, w.period, r.period AS register_period,
           ROW_NUMBER() OVER (PARTITION BY w.dataset, w.period ORDER BY r.stat_on DESC) AS n
    FROM wanted w
    JOIN (
        SELECT DISTINCT i.period, p.stat_on
        FROM institutions i
        JOIN units b ON b.code = i.reporter_code AND b.level = 'bureau'
        JOIN periods p ON p.period = i.period
    ) r ON r.stat_on <= w.ends_on
),
direct AS (
    SELECT DISTINCT r.dataset, r.period,
           CASE WHEN u.level = 'park' THEN u.parent ELSE i.unit_code END AS town_code
    FROM registers r
    JOIN institutions i ON i.period = r.register_period AND i.is_direct
    LEFT JOIN units u ON u.code = i.unit_code
    WHERE r.n = 1
)
SELECT w.dataset, w.period, t.code AS town_code,
       o.town_code IS NOT NULL AND (d.town_code IS NULL OR b.dataset IS NOT NULL) AS reported
FROM wanted w
CROSS JOIN (SELECT code FROM units WHERE level = 'town') t
LEFT JOIN own o ON o.dataset = w.dataset AND o.period = w.period AND o.town_code = t.code
LEFT JOIN direct d ON d.dataset = w.dataset AND d.period = w.period AND d.town_code = t.code
LEFT JOIN bureau b ON b.dataset = w.dataset AND b.period = w.period
