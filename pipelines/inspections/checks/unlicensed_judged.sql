-- Kindergartens of the newest school year's form and those that are no longer in it; incidents of all months
-- up to this one, if this month's form has come.
SELECT DISTINCT 'institution' AS subject_kind, s.inst_code AS subject_code
FROM inspection_status s
JOIN newest_forms n ON n.dataset = 'inspections' AND n.for_period = $period
LEFT JOIN inspection_status g ON g.period = n.period AND g.inst_code = s.inst_code
WHERE s.period <= n.period AND (g.inst_code IS NULL OR g.reported)
UNION ALL
SELECT DISTINCT 'incident', i.incident_no
FROM incidents i
CROSS JOIN (SELECT DISTINCT period FROM coverage WHERE dataset = 'incidents' AND period = $period) m
WHERE i.period <= m.period AND i.kind = 'unlicensed'
