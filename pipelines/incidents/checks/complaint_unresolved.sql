-- Complaints and incidents found true and not settled. Serious accidents and ethics cases, and unlicensed
-- operation, are matters of their own.
SELECT 'incident' AS subject_kind, incident_no AS subject_code,
       concat(CASE kind WHEN 'safety' THEN '安全事故 ' WHEN 'ethics' THEN '师德师风 '
                        WHEN 'fees' THEN '收费投诉 ' WHEN 'cross_term_fee' THEN '跨学期收费 '
                        WHEN 'school_like' THEN '小学化 ' WHEN 'unpaid_wages' THEN '拖欠工资 '
                        ELSE '其他投诉 ' END, incident_no) AS subject_name,
       town_code AS unit_code, period, CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat(CAST(occurred_on AS VARCHAR), ' 受理，核查属实，尚未办结') AS detail
FROM incident_register
WHERE period = $period AND validity = 'valid' AND resolved_on IS NULL AND kind <> 'unlicensed'
  AND NOT (kind IN ('safety', 'ethics') AND grade IN ('serious', 'grave'))
