-- title: 督办统计
-- description: 督办事项的统计，一次办理算一件，撤销的不计：全部（all）、责任镇街（town）、组团（group）、层级（level）、规则（check）。
-- 办结率＝已销号÷立项；按期办结率＝按期销号÷应办结（已销号的和时限已过的）；退回率、延期率＝有过退回、延期的÷立项；平均逾期为逾期的（含已销号）平均工作日。
-- Each rate stands with its numerator and denominator. What is suspended is not due.
WITH counted AS (
    SELECT * FROM item_episodes WHERE NOT is_withdrawn
),
placed AS (
    SELECT 'all' AS dimension, 'all' AS code, '全部' AS title, c.* FROM counted c
    UNION ALL
    SELECT 'town' AS dimension, c.unit_code AS code, c.unit_name AS title, c.* FROM counted c WHERE c.unit_level = 'town'
    UNION ALL
    SELECT 'group' AS dimension, g.code AS code, g.name AS title, c.*
    FROM counted c JOIN units g ON g.code = c.group_code AND g.level = 'group'
    WHERE c.unit_level = 'town'
    UNION ALL
    SELECT 'level' AS dimension, c.level AS code,
           CASE c.level WHEN 'town' THEN '镇街' WHEN 'institution' THEN '园所' WHEN 'group' THEN '组团'
                        WHEN 'district' THEN '全区' ELSE c.level END AS title, c.*
    FROM counted c
    UNION ALL
    SELECT 'check' AS dimension, c.check_id AS code, c.check_title AS title, c.* FROM counted c
),
sums AS (
    SELECT dimension, code, MAX(title) AS title,
           COUNT(*) AS n_opened,
           SUM(CASE WHEN is_open THEN 0 ELSE 1 END) AS n_closed,
           SUM(CASE WHEN is_open THEN 1 ELSE 0 END) AS n_open,
           SUM(CASE WHEN in_time = false THEN 1 ELSE 0 END) AS n_overdue,
           SUM(CASE WHEN in_time = false AND is_open THEN 1 ELSE 0 END) AS n_open_overdue,
           COUNT(in_time) AS n_due,
           SUM(CASE WHEN in_time THEN 1 ELSE 0 END) AS n_on_time,
           SUM(CASE WHEN n_returns > 0 THEN 1 ELSE 0 END) AS n_returned,
           SUM(CASE WHEN n_extensions > 0 THEN 1 ELSE 0 END) AS n_extended,
           SUM(CASE WHEN in_time = false THEN workdays_overdue ELSE 0 END) AS workdays_overdue
    FROM placed
    GROUP BY dimension, code
)
SELECT dimension, code, title, n_opened, n_closed, n_open, n_overdue, n_open_overdue, n_due, n_on_time,
       CAST(n_closed AS DOUBLE) / NULLIF(n_opened, 0) AS close_rate,
       CAST(n_on_time AS DOUBLE) / NULLIF(n_due, 0) AS on_time_rate,
       CAST(workdays_overdue AS DOUBLE) / NULLIF(n_overdue, 0) AS mean_workdays_overdue,
       CAST(n_returned AS DOUBLE) / NULLIF(n_opened, 0) AS return_rate,
       CAST(n_extended AS DOUBLE) / NULLIF(n_opened, 0) AS extension_rate,
       n_closed AS close_num, n_opened AS close_den, n_on_time AS on_time_num, n_due AS on_time_den,
       workdays_overdue AS overdue_num, n_overdue AS overdue_den, n_returned AS return_num,
       n_opened AS return_den, n_extended AS extension_num, n_opened AS extension_den
FROM sums
