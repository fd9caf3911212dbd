-- title: 满意率（可公布）
-- description: 同 satisfaction_rates，但不公布的一律为空（hidden 为真，band 为“样本不足，不公布”）；与上次相比，两次都公布的才有。
-- Reports, charts and checks read this one alone.
WITH marked AS (
    SELECT r.*, h.unit_code IS NOT NULL AS hidden
    FROM satisfaction_rates r
    LEFT JOIN satisfaction_hidden h
           ON h.period = r.period AND h.paper = r.paper AND h.question = r.question
          AND h.level = r.level AND h.unit_code = r.unit_code
)
SELECT m.period, m.paper, m.question, m.headline, m.level, m.unit_code, m.unit_name, m.hidden,
       CASE WHEN m.hidden THEN '样本不足，不公布' END AS band,
       CASE WHEN NOT m.hidden THEN m.n END AS n,
       CASE WHEN NOT m.hidden THEN m.approving END AS approving,
       CASE WHEN NOT m.hidden THEN m.rate END AS rate,
       CASE WHEN NOT m.hidden THEN m.ci_low END AS ci_low,
       CASE WHEN NOT m.hidden THEN m.ci_high END AS ci_high,
       m.previous_period,
       CASE WHEN NOT m.hidden AND NOT before.hidden THEN m.previous_rate END AS previous_rate,
       CASE WHEN NOT m.hidden AND NOT before.hidden THEN m.change_points END AS change_points,
       m.target_num, m.target_den, m.target_op, m.target,
       CASE WHEN NOT m.hidden THEN m.met END AS met
FROM marked m
LEFT JOIN marked before
       ON before.period = m.previous_period AND before.paper = m.paper
      AND before.question = m.question AND before.level = m.level
      AND before.unit_code = m.unit_code
