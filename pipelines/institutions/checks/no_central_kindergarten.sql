-- 镇 without a public central kindergarten, by the town's own newest register with a statistics date not after the month's end. 街道 are
-- not asked. Source: 教督〔2020〕1号, every rural 乡镇 has at least one.
WITH newest AS (
    SELECT l.*, ROW_NUMBER() OVER (PARTITION BY l.unit_code ORDER BY p.stat_on DESC) AS n
    FROM town_layout l
    JOIN periods p ON p.period = l.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
    WHERE l.level = 'town' AND l.den > 0 AND p.stat_on <= m.ends_on
)
SELECT 'town' AS subject_kind, unit_code AS subject_code, unit_name AS subject_name, unit_code, period,
       CAST(0 AS DOUBLE) AS observed, CAST(1 AS DOUBLE) AS target,
       concat(period, ' 机构名册中没有公办的镇中心园，每个镇至少应有1所') AS detail
FROM newest WHERE n = 1 AND num = 0
