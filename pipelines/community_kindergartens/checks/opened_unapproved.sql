-- Community kindergartens that have opened and that the committee has not approved. The approval is the cure: one that came after the opening is
-- asked about when the form arrives (rule opened_after_approval). Those that opened before the campaign began are not asked: there was no committee.
SELECT 'institution' AS subject_kind, inst_code AS subject_code, inst_name AS subject_name,
       answers_code AS unit_code, period,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat(CAST(opened_on AS VARCHAR), '开办，办园性质未经专项工作委员会批准') AS detail
FROM community_standing
CROSS JOIN (SELECT on_date FROM plan_dates WHERE name = 'campaign_begin') d
WHERE for_period = $period AND opened_on >= d.on_date AND approved_on IS NULL
