-- Kindergartens in the newest forms whose kind the register knows, and those that it says are closed.
SELECT 'institution' AS subject_kind, k.inst_code AS subject_code
FROM extended_care k
JOIN newest_forms n ON n.dataset = 'extended_care' AND n.for_period = $period
    AND n.period = k.period AND n.reporter_code = k.reporter_code
JOIN institution_kinds i ON i.period = k.period AND i.inst_code = k.inst_code
UNION
SELECT 'institution', i.inst_code
FROM institutions i
CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
WHERE i.closed_on <= m.ends_on
