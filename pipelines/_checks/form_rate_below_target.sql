-- Units whose rate misses its target, for rates of forms that come by term or school year: of each unit its newest figures with a
-- statistics date not after the month's end. $metric and $target_set come from the check's `params`. The percentage is cut.
WITH newest AS (
    SELECT g.*, g.num * 10000 / NULLIF(g.den, 0) AS basis_points,
           ROW_NUMBER() OVER (PARTITION BY g.unit_code ORDER BY p.stat_on DESC) AS n
    FROM rate_gaps g
    JOIN periods p ON p.period = g.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
    WHERE g.metric = $metric AND g.target_set = $target_set AND g.level = $level
      AND g.met IS NOT NULL AND p.stat_on <= m.ends_on
)
SELECT level AS subject_kind, unit_code AS subject_code, unit_name AS subject_name, unit_code, period,
       CAST(num AS DOUBLE) / den AS observed,
       CAST(target_num AS DOUBLE) / target_den AS target,
       concat(CASE metric WHEN 'party_coverage' THEN '幼儿园党的工作覆盖率'
                          WHEN 'community_inclusive' THEN '小区配套园普惠率'
                          WHEN 'town_layout' THEN '有公办中心园的镇占比'
                          WHEN 'training_coverage' THEN '教师轮训覆盖率'
                          ELSE metric END,
              CAST(basis_points / 100 AS VARCHAR), '.', lpad(CAST(basis_points % 100 AS VARCHAR), 2, '0'), '%（',
              CAST(num AS VARCHAR), '/', CAST(den AS VARCHAR), '），目标',
              CASE op WHEN '>' THEN '高于' ELSE '不低于' END,
              CASE WHEN target_num * 100 % target_den = 0
                   THEN CAST(target_num * 100 / target_den AS VARCHAR)
                   ELSE CAST(CAST(target_num AS DOUBLE) * 100 / target_den AS VARCHAR) END,
              '%，尚差', CAST(gap_unchanged AS VARCHAR),
              CASE metric WHEN 'town_layout' THEN '个镇' WHEN 'training_coverage' THEN '名教师' ELSE '所园' END,
              '（', period, '）',
              CASE WHEN n_reported < n_units
                   THEN concat('；另有', CAST(n_units - n_reported AS VARCHAR), '个镇街缺报，未计入')
                   ELSE '' END) AS detail
FROM newest
WHERE n = 1 AND NOT met
