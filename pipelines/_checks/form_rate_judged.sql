-- Units whose newest figures could be judged: none of the unit's towns is missing in them.
WITH newest AS (
    SELECT g.level, g.unit_code, g.n_units, g.n_reported,
           ROW_NUMBER() OVER (PARTITION BY g.unit_code ORDER BY p.stat_on DESC) AS n
    FROM rate_gaps g
    JOIN periods p ON p.period = g.period
    CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
    WHERE g.metric = $metric AND g.target_set = $target_set AND g.level = $level
      AND g.met IS NOT NULL AND p.stat_on <= m.ends_on
)
SELECT level AS subject_kind, unit_code AS subject_code FROM newest WHERE n = 1 AND n_reported = n_units
