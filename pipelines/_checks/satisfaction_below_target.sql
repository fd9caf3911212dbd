-- Papers whose published rate misses the target in the newest wave that had closed by the period's end.
-- What is not published is not judged. The percentage is cut, not rounded.
WITH newest AS (
    SELECT r.period
    FROM satisfaction_published r
    JOIN periods w ON w.period = r.period
    JOIN periods p ON p.period = $period
    WHERE w.stat_on <= p.ends_on
    ORDER BY w.stat_on DESC
    LIMIT 1
),
short AS (
    SELECT r.*, r.approving * 10000 / NULLIF(r.n, 0) AS basis_points
    FROM satisfaction_published r
    JOIN newest w ON w.period = r.period
    WHERE r.headline AND r.level = $level AND NOT r.met
)
SELECT 'paper' AS subject_kind, concat(s.unit_code, ':', s.paper) AS subject_code,
       concat(s.unit_name, p.title) AS subject_name, s.unit_code, s.period,
       s.rate AS observed, s.target,
       concat('满意率', CAST(s.basis_points / 100 AS VARCHAR), '.',
              lpad(CAST(s.basis_points % 100 AS VARCHAR), 2, '0'), '%（',
              CAST(s.approving AS VARCHAR), '/', CAST(s.n AS VARCHAR), '），目标',
              CASE s.target_op WHEN '>' THEN '高于' ELSE '不低于' END,
              CASE WHEN s.target_num * 100 % s.target_den = 0
                   THEN CAST(s.target_num * 100 / s.target_den AS VARCHAR)
                   ELSE CAST(s.target * 100 AS VARCHAR) END, '%') AS detail
FROM short s
JOIN survey_papers p ON p.paper = s.paper
