-- title: 督办事项各次办理
-- description: 每个督办事项的每一次办理（立项或重新立项算一次）一行：立项、时限（延期后）、销号日期，是否按期，退回、延期、催办次数，逾期工作日。撤销的 is_withdrawn 为真，不入统计。
-- 责任单位为镇街的，另有所属组团。as_of 为台账所知的最近一天（最近的事项记录或运行，按东八区）。
-- An episode goes from one opening to the next. Its deadline is the last that an event of it set; in_time is
-- null while it is open and not yet over its date, or suspended. The day after the deadline is day 1 of the delay.
WITH today AS (
    SELECT MAX(day) AS as_of
    FROM (
        SELECT MAX(on_date) AS day FROM item_events
        UNION ALL
        SELECT MAX(CAST(started_at + INTERVAL '8 hours' AS DATE)) FROM runs
    )
),
marked AS (
    SELECT item_no, seq, kind, on_date, due_on,
           SUM(CASE WHEN kind IN ('opened', 'reopened') THEN 1 ELSE 0 END)
               OVER (PARTITION BY item_no ORDER BY seq) AS episode
    FROM item_events
),
episodes AS (
    SELECT item_no, episode,
           MIN(CASE WHEN kind IN ('opened', 'reopened') THEN on_date END) AS opened_on,
           FIRST_VALUE(due_on ORDER BY seq) FILTER (WHERE due_on IS NOT NULL) AS original_due_on,
           LAST_VALUE(due_on ORDER BY seq) FILTER (WHERE due_on IS NOT NULL) AS due_on,
           MAX(CASE WHEN kind = 'closed' THEN on_date END) AS closed_on,
           MAX(CASE WHEN kind = 'withdrawn' THEN 1 ELSE 0 END) = 1 AS is_withdrawn,
           SUM(CASE WHEN kind = 'sent_back' THEN 1 ELSE 0 END) AS n_returns,
           SUM(CASE WHEN kind = 'extension_granted' THEN 1 ELSE 0 END) AS n_extensions,
           SUM(CASE WHEN kind = 'escalated' THEN 1 ELSE 0 END) AS n_slips
    FROM marked
    WHERE episode > 0
    GROUP BY item_no, episode
),
dated AS (
    SELECT e.*, t.as_of, i.check_id, i.check_title, i.level, i.source, i.subject_name,
           COALESCE(i.responsible_code, i.unit_code) AS unit_code,
           CASE WHEN e.is_withdrawn THEN 'withdrawn'
                WHEN e.episode < i.episode THEN 'closed' ELSE i.state END AS state,
           e.closed_on IS NULL AND NOT e.is_withdrawn AS is_open,
           CASE WHEN e.closed_on IS NOT NULL THEN e.closed_on
                WHEN NOT e.is_withdrawn AND i.state <> 'suspended' THEN t.as_of END AS until
    FROM episodes e
    JOIN items i ON i.item_no = e.item_no
    CROSS JOIN today t
)
SELECT d.item_no, d.episode, d.check_id, d.check_title, d.level, d.source, d.subject_name,
       d.unit_code, u.name AS unit_name, u.level AS unit_level, u.group_code, d.state, d.opened_on,
       d.original_due_on, d.due_on, d.closed_on, d.is_open, d.is_withdrawn,
       CASE WHEN d.is_withdrawn THEN NULL
            WHEN d.closed_on IS NOT NULL THEN d.closed_on <= d.due_on
            WHEN d.until > d.due_on THEN false END AS in_time,
       d.n_returns, d.n_extensions, d.n_slips,
       CASE WHEN NOT d.is_withdrawn AND d.until > d.due_on THEN b.workday_no - a.workday_no
            ELSE 0 END AS workdays_overdue, d.as_of
FROM dated d
LEFT JOIN units u ON u.code = d.unit_code
LEFT JOIN calendar a ON a.date = d.due_on
LEFT JOIN calendar b ON b.date = d.until
