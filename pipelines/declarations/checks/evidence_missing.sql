-- Indicators declared as done without a reference to the evidence.
SELECT 'indicator' AS subject_kind, d.no AS subject_code, concat('指标', d.no, ' ', i.second_level) AS subject_name,
       d.unit_code, d.of_period AS period, CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat('申报已完成，没有写明佐证（应备：', i.evidence, '），不算申报') AS detail
FROM declared d
JOIN national_indicators i ON i.no = d.no
WHERE d.period = $period AND NOT d.is_answered
