-- Kindergartens in the newest forms, and those that the register says are closed: one that is merely left out is not judged.
WITH newest AS (
    SELECT period, reporter_code
    FROM (
        SELECT c.period, c.reporter_code,
               ROW_NUMBER() OVER (PARTITION BY c.reporter_code ORDER BY p.stat_on DESC) AS n
        FROM (SELECT DISTINCT period, reporter_code FROM coverage WHERE dataset = 'extended_care') c
        JOIN periods p ON p.period = c.period
        CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
        WHERE p.stat_on <= m.ends_on
    )
    WHERE n = 1
)
SELECT 'institution' AS subject_kind, k.inst_code AS subject_code
FROM extended_care k
JOIN newest n ON n.period = k.period AND n.reporter_code = k.reporter_code
UNION
SELECT 'institution', i.inst_code
FROM institutions i
CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
WHERE i.closed_on <= m.ends_on
