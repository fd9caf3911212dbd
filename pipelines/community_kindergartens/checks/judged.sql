-- Kindergartens in the newest forms, and those that the register says are closed: one that is merely left out is not judged.
SELECT 'institution' AS subject_kind, inst_code AS subject_code
FROM community_standing
WHERE for_period = $period
UNION
SELECT 'institution', i.inst_code
FROM institutions i
CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
WHERE i.closed_on <= m.ends_on
