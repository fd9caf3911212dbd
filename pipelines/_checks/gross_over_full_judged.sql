-- Towns whose gross enrolment is known and not above 100 %. One that stays above is neither asked again nor acquitted.
SELECT level AS subject_kind, unit_code AS subject_code
FROM three_rates
WHERE level = $level AND period = $period AND gross_den > 0 AND gross_num <= gross_den
