-- Community kindergartens that have opened and that the committee has not approved. The approval is the cure: one that came after the opening is
-- asked about when the form arrives (rule opened_after_approval). Those that opened before the campaign began are not asked: there was no committee.
WITH newest AS (
    SELECT period, reporter_code
    FROM (
        SELECT c.period, c.reporter_code,
               ROW_NUMBER() OVER (PARTITION BY c.reporter_code ORDER BY p.stat_on DESC) AS n
        FROM (SELECT DISTINCT period, reporter_code FROM coverage WHERE dataset = 'community_kindergartens') c
        JOIN periods p ON p.period = c.period
        CROSS JOIN (SELECT ends_on FROM periods WHERE period = $period) m
        WHERE p.stat_on <= m.ends_on
    )
    WHERE n = 1
),
listed AS (
    SELECT k.*, p.stat_on, CASE WHEN r.level = 'bureau' THEN k.reporter_code
                WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS answers_code
    FROM community_kindergartens k
    JOIN newest n ON n.period = k.period AND n.reporter_code = k.reporter_code
    JOIN periods p ON p.period = k.period
    LEFT JOIN units u ON u.code = k.unit_code
    LEFT JOIN units r ON r.code = k.reporter_code
)
SELECT 'institution' AS subject_kind, inst_code AS subject_code, inst_name AS subject_name,
       answers_code AS unit_code, period,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat(CAST(opened_on AS VARCHAR), '开办，办园性质未经专项工作委员会批准') AS detail
FROM listed
CROSS JOIN (SELECT on_date FROM plan_dates WHERE name = 'campaign_begin') d
WHERE opened_on >= d.on_date AND approved_on IS NULL
