-- All incidents known up to the month, if the month's form has come.
SELECT DISTINCT 'incident' AS subject_kind, i.incident_no AS subject_code
FROM incidents i
CROSS JOIN (SELECT DISTINCT period FROM coverage WHERE dataset = 'incidents' AND period = $period) m
WHERE i.period <= m.period
