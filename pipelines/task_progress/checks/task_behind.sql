-- Tasks that are ten points or more behind their plan, or over their date. Figures are cut.
SELECT 'task' AS subject_kind, CAST(s.task_no AS VARCHAR) AS subject_code, s.title AS subject_name,
       u.code AS unit_code, s.period, s.actual / 100 AS observed, s.planned / 100 AS target,
       concat('计划进度', CAST(s.den / 100 AS VARCHAR), CASE WHEN s.den % 100 = 0 THEN '' ELSE concat('.', lpad(CAST(s.den % 100 AS VARCHAR), 2, '0')) END,
              '%，实际', CAST(s.num / 100 AS VARCHAR), CASE WHEN s.num % 100 = 0 THEN '' ELSE concat('.', lpad(CAST(s.num % 100 AS VARCHAR), 2, '0')) END,
              '%，落后', CAST((s.den - s.num) / 100 AS VARCHAR), CASE WHEN (s.den - s.num) % 100 = 0 THEN '' ELSE concat('.', lpad(CAST((s.den - s.num) % 100 AS VARCHAR), 2, '0')) END, '个百分点',
              CASE WHEN s.is_overdue THEN concat('，', CAST(s.due_on AS VARCHAR), ' 到期未完成') ELSE '' END,
              CASE WHEN s.basis = 'reported' AND s.is_blocked THEN '，报称受阻' ELSE '' END,
              CASE WHEN s.is_complete THEN '' ELSE '（报送不全）' END) AS detail
FROM task_status s
CROSS JOIN (SELECT code FROM units WHERE level = $level) u
WHERE s.period = $period AND s.light <> 'green'
