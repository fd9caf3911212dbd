-- Every indicator of the month.
SELECT 'indicator' AS subject_kind, no AS subject_code
FROM self_assessment
WHERE period = $period AND level = $level
