-- Units whose rate could be judged: it has a value, and none of the unit's towns is missing. A
-- district that reaches its target without its weakest town has not reached it.
SELECT level AS subject_kind, unit_code AS subject_code
FROM rate_gaps
WHERE metric = $metric AND target_set = $target_set AND level = $level AND period = $period
  AND met IS NOT NULL AND n_reported = n_units
