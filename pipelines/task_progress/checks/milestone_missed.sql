-- Milestones that are over by the month's end while the task has not come so far.
SELECT 'milestone' AS subject_kind,
       concat(CAST(s.task_no AS VARCHAR), ':', CAST(m.due_on AS VARCHAR)) AS subject_code,
       concat(s.title, '：', m.milestone) AS subject_name, u.code AS unit_code, s.period,
       s.actual / 100 AS observed, CAST(m.planned_progress AS DOUBLE) / 100 AS target,
       concat('节点“', m.milestone, '”应于 ', CAST(m.due_on AS VARCHAR), ' 达到',
              CAST(m.planned_progress AS VARCHAR), '%，现为',
              CAST(s.num / 100 AS VARCHAR), CASE WHEN s.num % 100 = 0 THEN '' ELSE concat('.', lpad(CAST(s.num % 100 AS VARCHAR), 2, '0')) END, '%',
              CASE WHEN s.is_complete THEN '' ELSE '（报送不全）' END) AS detail
FROM task_status s
JOIN periods p ON p.period = s.period
JOIN task_milestones m ON m.task_no = s.task_no
CROSS JOIN (SELECT code FROM units WHERE level = $level) u
WHERE s.period = $period AND m.due_on <= p.ends_on AND s.num < m.planned_progress * 100
