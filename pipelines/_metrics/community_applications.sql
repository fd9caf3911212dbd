-- title: 小区配套园申请当日的公办占比
-- description: 每所已由镇街申请的小区配套园：申请当日结束时所知最新一期的公办园在园幼儿占比（known_num/known_den），该期现在的数字
-- （current_num/current_den），以及当日是否低于 50%（below_half，整数比较，恰为 50% 不算低于；当日一无所知的为空）。
-- Source: the plan. Where the town's public share is below 50 %, a newly handed-over one must not become inclusive private. The verdict goes by
-- what was known, so that a later correction neither makes nor unmakes a fault; how the figure of that day reads now stands beside it.
WITH applied AS (
    SELECT k.period, k.inst_code, k.inst_name, k.reporter_code, k.applied_on, k.nature,
           CASE WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS town_code
    FROM community_kindergartens k LEFT JOIN units u ON u.code = k.unit_code
    WHERE k.applied_on IS NOT NULL
),
known AS (
    SELECT a.period, a.inst_code, v.period AS known_period, v.known_on, v.share_num, v.share_den,
           ROW_NUMBER() OVER (
               PARTITION BY a.period, a.inst_code ORDER BY p.starts_on DESC, v._recorded_at DESC
           ) AS n
    FROM applied a
    JOIN three_rates_versions v ON v.unit_code = a.town_code
    JOIN periods p ON p.period = v.period
    WHERE v.share_den > 0 AND v.known_on <= a.applied_on
      AND (v.known_until_on IS NULL OR v.known_until_on > a.applied_on)
)
SELECT a.period, a.town_code, a.town_code AS unit_code, a.reporter_code, a.inst_code, a.inst_name,
       a.applied_on, a.nature, k.known_period, k.known_on,
       k.share_num AS known_num, k.share_den AS known_den,
       r.share_num AS current_num, r.share_den AS current_den,
       k.share_num * 100 < 50 * k.share_den AS below_half
FROM applied a
LEFT JOIN known k ON k.period = a.period AND k.inst_code = a.inst_code AND k.n = 1
LEFT JOIN three_rates r ON r.level = 'town' AND r.unit_code = a.town_code AND r.period = k.known_period
