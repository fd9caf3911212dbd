-- Kindergartens of the reporters' newest forms that have children, and those that are no longer in them:
-- what was closed or moved is short of nothing.
SELECT DISTINCT 'institution' AS subject_kind, f.inst_code AS subject_code
FROM facility_institutions f
JOIN newest_forms n ON n.dataset = 'facilities' AND n.for_period = $period AND n.reporter_code = f.reporter_code
LEFT JOIN facility_institutions g ON g.period = n.period AND g.inst_code = f.inst_code
WHERE f.period <= n.period AND (g.inst_code IS NULL OR g.is_short IS NOT NULL)
