-- title: 各单位各表的最新一期
-- description: 截至每期期末（for_period），每个填报单位的每张非月报表的最新一期（period）及其统计日；该期以前从未报过的没有行。
SELECT for_period, dataset, reporter_code, period, stat_on
FROM (
    SELECT m.period AS for_period, c.dataset, c.reporter_code, c.period, p.stat_on,
           ROW_NUMBER() OVER (PARTITION BY m.period, c.dataset, c.reporter_code ORDER BY p.stat_on DESC) AS n
    FROM (SELECT DISTINCT dataset, period, reporter_code FROM coverage) c
    JOIN periods p ON p.period = c.period AND p.frequency <> 'month'
    JOIN periods m ON m.ends_on >= p.stat_on
)
WHERE n = 1
