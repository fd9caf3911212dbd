-- Indicators that cannot be graded: figures that are not complete, answers without evidence, or none.
SELECT 'indicator' AS subject_kind, no AS subject_code, concat('指标', no, ' ', second_level) AS subject_name,
       unit_code, period, CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       basis AS detail
FROM self_assessment
WHERE period = $period AND level = $level AND grade = 'not_reported'
