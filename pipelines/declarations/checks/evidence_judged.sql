-- Indicators that the newest declaration answers.
SELECT 'indicator' AS subject_kind, no AS subject_code
FROM declared WHERE period = $period
