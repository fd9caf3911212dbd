-- Indicators of the national assessment that fail on what is known.
SELECT 'indicator' AS subject_kind, no AS subject_code, concat('指标', no, ' ', second_level) AS subject_name,
       unit_code, period, value AS observed, target,
       concat(basis, '；合格：', pass_text,
              CASE WHEN basic_text IS NULL THEN '' ELSE concat('，基本合格：', basic_text) END) AS detail
FROM self_assessment
WHERE period = $period AND level = $level AND grade = 'fail'
