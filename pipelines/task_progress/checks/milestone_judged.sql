-- Milestones that are over, of tasks whose progress is known in full.
SELECT 'milestone' AS subject_kind,
       concat(CAST(s.task_no AS VARCHAR), ':', CAST(m.due_on AS VARCHAR)) AS subject_code
FROM task_status s
JOIN periods p ON p.period = s.period
JOIN task_milestones m ON m.task_no = s.task_no
WHERE s.period = $period AND m.due_on <= p.ends_on AND s.num IS NOT NULL AND s.is_complete
