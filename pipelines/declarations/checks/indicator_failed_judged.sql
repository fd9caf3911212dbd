-- Indicators that could be graded: silence is no pass.
SELECT 'indicator' AS subject_kind, no AS subject_code
FROM self_assessment
WHERE period = $period AND level = $level AND grade <> 'not_reported'
