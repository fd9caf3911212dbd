-- Kindergartens without a licence in the newest school year's form, and unlicensed operation that was found
-- true and is not yet settled.
SELECT 'institution' AS subject_kind, s.inst_code AS subject_code, s.inst_name AS subject_name,
       s.town_code AS unit_code, s.period, CAST(NULL AS DOUBLE) AS observed,
       CAST(NULL AS DOUBLE) AS target,
       '监管表显示没有办园许可（先证后照）' AS detail
FROM inspection_status s JOIN newest_forms n ON n.dataset = 'inspections' AND n.for_period = $period AND n.period = s.period
WHERE NOT s.has_licence
UNION ALL
SELECT 'incident', i.incident_no, concat('无证办园 ', i.incident_no), i.town_code, i.period,
       CAST(NULL AS DOUBLE), CAST(NULL AS DOUBLE),
       concat(CAST(i.occurred_on AS VARCHAR), ' 受理的无证办园，核查属实，尚未办结')
FROM incident_register i
WHERE i.period = $period AND i.kind = 'unlicensed' AND i.validity = 'valid' AND i.resolved_on IS NULL
