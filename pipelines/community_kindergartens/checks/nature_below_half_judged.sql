-- Applications that could be judged: decided, and the town's share was known on the day. Undecided ones, and those of a day on which
-- nothing was known, are left as they were; so is one that is merely left out of the form.
WITH newest AS (
    SELECT period, reporter_code
    FROM (
        SELECT c.period, c.reporter_code,
               ROW_NUMBER() OVER (PARTITION BY c.reporter_code ORDER BY p.stat_on DESC) AS n
        FROM (SELECT DISTINCT period, reporter_code FROM coverage WHERE dataset = 'community_kindergartens') c
        JOIN periods p ON p.period = c.period
        CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
        WHERE p.stat_on <= m.ends_on
    )
    WHERE n = 1
)
SELECT 'institution' AS subject_kind, a.inst_code AS subject_code
FROM community_applications a
JOIN newest n ON n.period = a.period AND n.reporter_code = a.reporter_code
WHERE a.nature <> 'undecided' AND a.below_half IS NOT NULL
UNION
SELECT 'institution', i.inst_code
FROM institutions i
CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
WHERE i.closed_on <= m.ends_on
