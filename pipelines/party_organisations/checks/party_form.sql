-- Kindergartens whose party organisation is at fault by the newest form of who reports them, not after the month's end.
-- $rule: uncovered (none at all) | wrong_form. Source of the forms: the plan; three members have a branch of their own, one or two a
-- joint or attached one, none an assigned guide. One without members that is listed under a joint branch is let be.
WITH faults AS (
    SELECT k.inst_code, k.inst_name, k.period, k.members, k.organisation,
           CASE WHEN r.level = 'bureau' THEN k.reporter_code
            WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS unit_code,
           CASE WHEN k.organisation = 'none' THEN 'uncovered'
                WHEN k.members >= 3 AND k.organisation <> 'own' THEN 'wrong_form'
                WHEN k.members < 3 AND k.organisation = 'own' THEN 'wrong_form'
                WHEN k.members > 0 AND k.organisation = 'guide' THEN 'wrong_form' END AS rule
    FROM party_organisations k
    JOIN newest_forms n ON n.dataset = 'party_organisations' AND n.for_period = $period
        AND n.period = k.period AND n.reporter_code = k.reporter_code
    LEFT JOIN units u ON u.code = k.unit_code
    LEFT JOIN units r ON r.code = k.reporter_code
)
SELECT 'institution' AS subject_kind, inst_code AS subject_code, inst_name AS subject_name, unit_code, period,
       CAST(members AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat('党员', CAST(members AS VARCHAR), '名，',
              CASE organisation WHEN 'none' THEN '未建党组织，也未派驻指导员'
                                WHEN 'own' THEN '单独建立了支部'
                                WHEN 'joint' THEN '编在联合支部'
                                WHEN 'attached' THEN '编在挂靠支部'
                                ELSE '只派驻了指导员' END, '，',
              CASE WHEN members >= 3 THEN '应单独建立支部'
                   WHEN members > 0 THEN '应建联合支部或挂靠支部'
                   ELSE '应派驻指导员' END,
              '（', period, '）') AS detail
FROM faults WHERE rule = $rule
