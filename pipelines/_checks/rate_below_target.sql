-- Units whose rate misses its target. $metric and $target_set come from the check's `params`.
-- A unit that did not report has a row of nulls: `met` is null, and it is no violation.
-- The percentage is cut, not rounded: 49.996 % must not read 50.00 % and fail.
WITH short AS (
    SELECT *, num * 10000 / NULLIF(den, 0) AS basis_points
    FROM rate_gaps
    WHERE metric = $metric AND target_set = $target_set AND level = $level AND period = $period
      AND NOT met
)
SELECT level AS subject_kind, unit_code AS subject_code, unit_name AS subject_name, unit_code, period,
       CAST(num AS DOUBLE) / den AS observed,
       CAST(target_num AS DOUBLE) / target_den AS target,
       CASE metric
           WHEN 'teacher_ratio' THEN
               concat('在园幼儿', CAST(den AS VARCHAR), '人，专任教师', CAST(num AS VARCHAR),
                      '人，目标师幼比不低于', CAST(target_num AS VARCHAR), ':',
                      CAST(target_den AS VARCHAR), '，尚缺专任教师', CAST(gap_unchanged AS VARCHAR), '人')
           ELSE
               concat(CASE metric WHEN 'gross_enrolment' THEN '学前三年毛入园率'
                                  WHEN 'inclusive_coverage' THEN '普惠性幼儿园覆盖率'
                                  WHEN 'public_share' THEN '公办园在园幼儿占比'
                                  WHEN 'class_size' THEN '班额达标率'
                                  WHEN 'staffing_standard' THEN '教职工配备达标率'
                                  WHEN 'certificates' THEN '园长和专任教师持证率'
                                  ELSE metric END,
                      CAST(basis_points / 100 AS VARCHAR), '.',
                      lpad(CAST(basis_points % 100 AS VARCHAR), 2, '0'), '%（',
                      CAST(num AS VARCHAR), '/', CAST(den AS VARCHAR), '），目标',
                      CASE op WHEN '>' THEN '高于' ELSE '不低于' END,
                      CASE WHEN target_num * 100 % target_den = 0
                           THEN CAST(target_num * 100 / target_den AS VARCHAR)
                           ELSE CAST(CAST(target_num AS DOUBLE) * 100 / target_den AS VARCHAR) END,
                      '%，',
                      CASE metric
                          WHEN 'gross_enrolment' THEN concat('尚差', CAST(gap_unchanged AS VARCHAR), '人')
                          WHEN 'class_size' THEN
                              concat('尚有', CAST(gap_unchanged AS VARCHAR), '个班须调整')
                          WHEN 'staffing_standard' THEN
                              concat('尚有', CAST(gap_unchanged AS VARCHAR), '所园须配齐')
                          WHEN 'certificates' THEN
                              concat('尚有', CAST(gap_unchanged AS VARCHAR), '人须持证')
                          ELSE concat('在园总数不变须转', CAST(gap_unchanged AS VARCHAR), '人，靠新增学位须增',
                                      CAST(gap_added AS VARCHAR), '人')
                      END)
       END || CASE WHEN n_reported < n_units
                   THEN concat('；另有', CAST(n_units - n_reported AS VARCHAR), '个镇街缺报，未计入')
                   ELSE '' END AS detail
FROM short
