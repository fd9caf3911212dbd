-- title: 各项比率的变化与位次
-- description: 本期值、上期值、上年同期值（0—1），变化（百分点）；同级单位由高到低的位次及其变化（正为上升）。缺报不排位。
-- Equal fractions give equal quotients in IEEE 754, so ties rank alike.
WITH valued AS (
    SELECT r.metric, r.level, r.unit_code, r.unit_name, r.period, r.num, r.den,
           CAST(r.num AS DOUBLE) / NULLIF(r.den, 0) AS value, p.previous, p.same_last_year
    FROM rates r JOIN periods p ON p.period = r.period
),
ranked AS (
    SELECT metric, level, unit_code, period,
           CAST(RANK() OVER (PARTITION BY metric, level, period ORDER BY value DESC) AS BIGINT)
               AS rank,
           COUNT(*) OVER (PARTITION BY metric, level, period) AS n_ranked
    FROM valued WHERE value IS NOT NULL
)
SELECT v.level, v.unit_code, v.unit_name, v.period, v.metric, v.num, v.den, v.value,
       b.value AS previous, (v.value - b.value) * 100 AS change_points,
       y.value AS same_last_year, (v.value - y.value) * 100 AS change_year_points,
       k.rank, k.n_ranked, kb.rank AS rank_previous, kb.rank - k.rank AS rank_change
FROM valued v
LEFT JOIN valued b
    ON b.metric = v.metric AND b.level = v.level AND b.unit_code = v.unit_code
    AND b.period = v.previous
LEFT JOIN valued y
    ON y.metric = v.metric AND y.level = v.level AND y.unit_code = v.unit_code
    AND y.period = v.same_last_year
LEFT JOIN ranked k
    ON k.metric = v.metric AND k.level = v.level AND k.unit_code = v.unit_code
    AND k.period = v.period
LEFT JOIN ranked kb
    ON kb.metric = v.metric AND kb.level = v.level AND kb.unit_code = v.unit_code
    AND kb.period = v.previous
