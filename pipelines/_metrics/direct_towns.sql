-- title: 直属园所在镇街
-- description: 各期哪些镇街内有由局机关上报的直属园。名册按报送单位各取统计日不晚于该期期末的最新一份。
-- Without any register nothing is known of direct institutions, and no town waits for the bureau.
WITH wanted AS (
    SELECT DISTINCT period FROM coverage WHERE dataset IN ('enrollment', 'staffing')
),
registers AS (
    SELECT DISTINCT w.period, i.reporter_code, i.period AS register_period, rp.stat_on
    FROM wanted w
    JOIN periods p ON p.period = w.period
    CROSS JOIN (SELECT DISTINCT period, reporter_code FROM institutions) i
    JOIN periods rp ON rp.period = i.period
    WHERE rp.stat_on <= p.ends_on
),
newest AS (
    SELECT period, reporter_code, register_period,
           ROW_NUMBER() OVER (PARTITION BY period, reporter_code ORDER BY stat_on DESC) AS n
    FROM registers
)
SELECT DISTINCT r.period, CASE WHEN u.level = 'park' THEN u.parent ELSE i.unit_code END AS town_code
FROM newest r
JOIN institutions i ON i.period = r.register_period AND i.reporter_code = r.reporter_code
JOIN periods p ON p.period = r.period
LEFT JOIN units u ON u.code = i.unit_code
WHERE r.n = 1 AND i.is_direct AND i.inst_kind <> 'childcare_point'
  AND (i.closed_on IS NULL OR i.closed_on > p.ends_on)
