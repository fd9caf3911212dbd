-- Safety accidents and ethics cases that are serious or grave, unless found untrue, until they are settled.
-- The national zero indicators count them for two years; the matter to be dealt with is over when it is settled.
SELECT 'incident' AS subject_kind, incident_no AS subject_code,
       concat(CASE kind WHEN 'safety' THEN '安全责任事故 ' ELSE '师德师风事件 ' END, incident_no) AS subject_name,
       town_code AS unit_code, period, CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat(CAST(occurred_on AS VARCHAR), ' 发生，等级',
              CASE grade WHEN 'grave' THEN '重大' ELSE '较大' END,
              CASE validity WHEN 'pending' THEN '，正在核查' ELSE '，核查属实' END, '，尚未办结') AS detail
FROM incident_register
WHERE period = $period AND kind IN ('safety', 'ethics') AND grade IN ('serious', 'grave')
  AND validity <> 'invalid' AND resolved_on IS NULL
