-- Kindergartens whose rule could be judged in the period (both forms came, there are children), and those that the register says are
-- closed: one that is merely left out is not judged.
SELECT 'institution' AS subject_kind, inst_code AS subject_code
FROM institution_staffing
WHERE period = $period
  AND CASE $rule
          WHEN 'staff' THEN staff_met AND care_met
          WHEN 'class' THEN class_met
          WHEN 'heads' THEN heads_met
          WHEN 'health' THEN health_met
          WHEN 'guards' THEN guards_met
          WHEN 'certificates' THEN certified_met
          WHEN 'posts' THEN is_public AND posts_empty > 0
      END IS NOT NULL
UNION
SELECT 'institution', i.inst_code
FROM institutions i
CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
WHERE i.closed_on <= m.ends_on
