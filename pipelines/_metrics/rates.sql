-- title: 各项比率
-- description: 三率、班额、师幼比、持证率、配备达标率（按月），党组织覆盖、小区配套园普惠、教师轮训（按学期），镇中心园、办园条件（按学年）等，一行一项，均为分子与分母；缺报为空。
SELECT 'gross_enrolment' AS metric, level, unit_code, unit_name, period,
       gross_num AS num, gross_den AS den, n_units, n_reported
FROM three_rates
UNION ALL
SELECT 'inclusive_coverage', level, unit_code, unit_name, period,
       coverage_num, coverage_den, n_units, n_reported
FROM three_rates
UNION ALL
SELECT 'public_share', level, unit_code, unit_name, period,
       share_num, share_den, n_units, n_reported
FROM three_rates
UNION ALL
SELECT 'party_coverage', level, unit_code, unit_name, period, num, den, n_units, n_reported
FROM party_coverage
UNION ALL
SELECT 'town_layout', level, unit_code, unit_name, period, num, den, n_units, n_reported
FROM town_layout
UNION ALL
SELECT 'community_inclusive', level, unit_code, unit_name, period, num, den, n_units, n_reported
FROM community_inclusive
UNION ALL
SELECT 'class_size', level, unit_code, unit_name, period, num, den, n_units, n_reported
FROM class_size
UNION ALL
SELECT 'teacher_ratio', level, unit_code, unit_name, period, num, den, n_units, n_reported
FROM teacher_ratio
UNION ALL
SELECT 'certificates', level, unit_code, unit_name, period, num, den, n_units, n_reported
FROM certificates
UNION ALL
SELECT 'staffing_standard', level, unit_code, unit_name, period, num, den, n_units, n_reported
FROM staffing_standard
UNION ALL
SELECT 'facility_standard', level, unit_code, unit_name, period, num, den, n_units, n_reported
FROM facility_standard
UNION ALL
SELECT 'training_coverage', level, unit_code, unit_name, period, num, den, n_units, n_reported
FROM training_coverage
