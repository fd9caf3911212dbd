-- Kindergartens in the newest forms, and those that the register says are closed: one that is merely left out is not judged.
SELECT 'institution' AS subject_kind, k.inst_code AS subject_code
FROM party_organisations k
JOIN newest_forms n ON n.dataset = 'party_organisations' AND n.for_period = $period
    AND n.period = k.period AND n.reporter_code = k.reporter_code
UNION
SELECT 'institution', i.inst_code
FROM institutions i
CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
WHERE i.closed_on <= m.ends_on
