-- Kindergartens of the newest school year's form, and those that neither it nor the register knows any more.
SELECT DISTINCT 'institution' AS subject_kind, s.inst_code AS subject_code
FROM inspection_status s
JOIN newest_forms n ON n.dataset = 'inspections' AND n.for_period = $period
LEFT JOIN inspection_status g ON g.period = n.period AND g.inst_code = s.inst_code
WHERE s.period <= n.period AND (g.inst_code IS NULL OR g.reported)
