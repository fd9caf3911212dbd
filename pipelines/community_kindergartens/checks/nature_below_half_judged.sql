-- Applications that could be judged: decided, and the town's share was known on the day. Undecided ones, and those of a day on which
-- nothing was known, are left as they were; so is one that is merely left out of the form.
SELECT 'institution' AS subject_kind, a.inst_code AS subject_code
FROM community_applications a
JOIN community_standing s ON s.period = a.period AND s.inst_code = a.inst_code AND s.reporter_code = a.reporter_code
WHERE s.for_period = $period AND a.nature <> 'undecided' AND a.below_half IS NOT NULL
UNION
SELECT 'institution', i.inst_code
FROM institutions i
CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
WHERE i.closed_on <= m.ends_on
