-- Community kindergartens with a step taken without the one before it. Dates out of order are the form's own rules.
-- Those that opened before the campaign began went another way, before there was a committee: they are not asked.
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
),
skipped AS (
    SELECT l.*,
           concat_ws('、',
               CASE WHEN applied_on IS NOT NULL AND handed_over_on IS NULL
                    THEN concat('未移交而已申请（', CAST(applied_on AS VARCHAR), '）') END,
               CASE WHEN reviewed_on IS NOT NULL AND applied_on IS NULL
                    THEN concat('未申请而已审核（', CAST(reviewed_on AS VARCHAR), '）') END,
               CASE WHEN approved_on IS NOT NULL AND reviewed_on IS NULL
                    THEN concat('未审核而已批准（', CAST(approved_on AS VARCHAR), '）') END) AS faults
    FROM listed l
    CROSS JOIN (SELECT on_date FROM plan_dates WHERE name = 'campaign_begin') d
    WHERE opened_on IS NULL OR opened_on >= d.on_date
)
SELECT 'institution' AS subject_kind, inst_code AS subject_code, inst_name AS subject_name,
       answers_code AS unit_code, period,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat('应先移交，再由镇街申请、教育局审核、专项工作委员会批准：', faults, '，请补办或补填前一步') AS detail
FROM skipped WHERE faults <> ''
