-- Community kindergartens that have waited too long for their next step, in working days from the last step to the form's statistics date: what
-- came after that is not known yet. How long is too long: config/reference/community_steps.csv. A step from before the calendar of working
-- days begins counts from its first day: at least so many.
WITH waiting AS (
    SELECT *,
           CASE WHEN approved_on IS NOT NULL THEN 'approved' WHEN reviewed_on IS NOT NULL THEN 'reviewed'
                WHEN applied_on IS NOT NULL THEN 'applied' WHEN handed_over_on IS NOT NULL THEN 'handed_over' END AS step,
           COALESCE(approved_on, reviewed_on, applied_on, handed_over_on) AS since
    FROM community_standing
    WHERE for_period = $period AND opened_on IS NULL
),
counted AS (
    SELECT w.*, s.title, s.next_title, s.workdays, t.workday_no - COALESCE(f.workday_no, 0) AS waited
    FROM waiting w
    JOIN community_steps s ON s.step = w.step
    JOIN calendar t ON t.date = w.stat_on
    LEFT JOIN calendar f ON f.date = w.since
)
SELECT 'institution' AS subject_kind, inst_code AS subject_code, inst_name AS subject_name,
       answers_code AS unit_code, period,
       CAST(waited AS DOUBLE) AS observed, CAST(workdays AS DOUBLE) AS target,
       concat(CAST(since AS VARCHAR), title, '后，至', CAST(stat_on AS VARCHAR), '已', CAST(waited AS VARCHAR),
              '个工作日，尚未', next_title, '（应在', CAST(workdays AS VARCHAR), '个工作日内）') AS detail
FROM counted WHERE waited > workdays
