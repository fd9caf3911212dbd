-- title: 镇街常住适龄儿童
-- description: 各期各镇街的常住3—5岁儿童数：取统计日不晚于该期期末的最新一份，并记其口径和统计日。
WITH wanted AS (
    SELECT DISTINCT r.period, p.ends_on
    FROM reported_towns r JOIN periods p ON p.period = r.period
    WHERE r.dataset = 'enrollment'
),
yearly AS (
    SELECT n.unit_code AS town_code, p.stat_on, SUM(n.resident_3_5) AS resident,
           MIN(n.basis) AS basis
    FROM population n JOIN periods p ON p.period = n.period
    GROUP BY n.unit_code, p.stat_on
),
ranked AS (
    SELECT w.period, y.town_code, y.resident, y.basis, y.stat_on,
           ROW_NUMBER() OVER (PARTITION BY w.period, y.town_code ORDER BY y.stat_on DESC) AS n
    FROM wanted w JOIN yearly y ON y.stat_on <= w.ends_on
)
SELECT period, town_code, CAST(resident AS BIGINT) AS resident, basis, stat_on AS as_of
FROM ranked WHERE n = 1
