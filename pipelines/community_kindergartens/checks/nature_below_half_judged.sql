-- Applications that could be judged: decided, and the town's share was known on the day. Undecided ones, and those of a day on which
-- nothing was known, are left as they were; so is one that is merely left out of the form.
SELECT 'institution' AS subject_kind, a.inst_code AS subject_code
FROM community_applications a
JOIN newest_forms n ON n.dataset = 'community_kindergartens' AND n.for_period = $period
    AND n.period = a.period AND n.reporter_code = a.reporter_code
WHERE a.nature <> 'undecided' AND a.below_half IS NOT NULL
UNION
SELECT 'institution', i.inst_code
FROM institutions i
CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
WHERE i.closed_on <= m.ends_on
