-- title: 任务进度
-- description: 各月每项任务的计划进度（节点之间按天匀速）、实际进度、落后的百分点和灯号：落后不足10个百分点绿，10至30黄，超过30或到期未完成红；未报、没有节点的没有灯号。
-- Progress in hundredths of a percent, cut. Lights: the district's rules of supervision (序时进度).
WITH steps AS (
    SELECT task_no, due_on, planned_progress,
           LAG(due_on) OVER w AS from_on, LAG(planned_progress) OVER w AS from_progress,
           ROW_NUMBER() OVER (PARTITION BY task_no ORDER BY due_on DESC) AS last
    FROM task_milestones
    WINDOW w AS (PARTITION BY task_no ORDER BY due_on)
),
ends AS (
    SELECT task_no, due_on AS ends_on, planned_progress FROM steps WHERE last = 1
),
planned AS (
    SELECT a.period, a.task_no, p.ends_on AS on_date,
           CASE WHEN p.ends_on >= e.ends_on THEN e.planned_progress * 100
                WHEN s.from_on IS NOT NULL THEN
                    s.from_progress * 100 + (s.planned_progress - s.from_progress) * 100
                        * (CAST(p.ends_on AS INT) - CAST(s.from_on AS INT))
                        / NULLIF(CAST(s.due_on AS INT) - CAST(s.from_on AS INT), 0)
                WHEN s.task_no IS NOT NULL THEN 0 END AS planned,
           e.ends_on
    FROM task_actual a
    JOIN periods p ON p.period = a.period
    LEFT JOIN ends e ON e.task_no = a.task_no
    LEFT JOIN steps s ON s.task_no = a.task_no AND s.due_on > p.ends_on
                     AND (s.from_on IS NULL OR s.from_on <= p.ends_on)
),
compared AS (
    SELECT a.period, a.task_no, a.basis, a.actual, a.is_complete, a.status, a.is_blocked,
           p.planned, p.ends_on, p.planned - a.actual AS behind,
           p.on_date >= p.ends_on AND a.actual < 10000 AS is_overdue
    FROM task_actual a
    JOIN planned p ON p.period = a.period AND p.task_no = a.task_no
)
SELECT c.period, c.task_no, k.known, k.aspect,
       CASE WHEN k.known THEN k.title ELSE concat('任务', CAST(c.task_no AS VARCHAR), '（名称待补）') END
           AS title,
       k.lead, c.basis, c.status, c.is_blocked, c.is_complete, c.ends_on AS due_on,
       CAST(c.planned AS DOUBLE) / 100 AS planned, CAST(c.actual AS DOUBLE) / 100 AS actual,
       CAST(c.behind AS DOUBLE) / 100 AS behind_points, c.is_overdue,
       CASE WHEN c.behind IS NULL THEN NULL
            WHEN c.is_overdue OR c.behind > 3000 THEN 'red'
            WHEN c.behind >= 1000 THEN 'yellow'
            ELSE 'green' END AS light,
       c.actual AS num, CASE WHEN c.planned IS NOT NULL THEN c.planned END AS den,
       1 AS n_units, CASE WHEN c.actual IS NULL THEN 0 ELSE 1 END AS n_reported
FROM compared c
JOIN tasks k ON k.task_no = c.task_no
