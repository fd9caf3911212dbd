-- Towns whose gross enrolment passes 100 %: shown, asked about, never clamped (children cross town borders, or residents are counted low).
-- Only where it was not already so in the month before, or that month is missing: what has been looked into is not asked again each month.
SELECT r.level AS subject_kind, r.unit_code AS subject_code, r.unit_name AS subject_name, r.unit_code, r.period,
       r.gross_enrolment AS observed, CAST(1 AS DOUBLE) AS target,
       concat('学前三年毛入园率', CAST(r.gross_num * 10000 / r.gross_den / 100 AS VARCHAR), '.',
              lpad(CAST(r.gross_num * 10000 / r.gross_den % 100 AS VARCHAR), 2, '0'), '%（在园', CAST(r.gross_num AS VARCHAR),
              '人/常住适龄', CAST(r.gross_den AS VARCHAR), '人），超过100%，请核实两项数字，说明跨镇街入园等情况') AS detail
FROM three_rates r
JOIN periods p ON p.period = r.period
LEFT JOIN three_rates b ON b.level = r.level AND b.unit_code = r.unit_code AND b.period = p.previous
WHERE r.level = $level AND r.period = $period AND r.gross_den > 0 AND r.gross_num > r.gross_den
  AND NOT COALESCE(b.gross_num > b.gross_den, false)
