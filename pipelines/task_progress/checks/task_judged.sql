-- Tasks whose progress is known in full.
SELECT 'task' AS subject_kind, CAST(task_no AS VARCHAR) AS subject_code
FROM task_status
WHERE period = $period AND light IS NOT NULL AND is_complete
