-- Community kindergartens with a step taken without the one before it. Dates out of order are the form's own rules.
-- Those that opened before the campaign began went another way, before there was a committee: they are not asked.
WITH skipped AS (
    SELECT s.*,
           concat_ws('、',
               CASE WHEN applied_on IS NOT NULL AND handed_over_on IS NULL
                    THEN concat('未移交而已申请（', CAST(applied_on AS VARCHAR), '）') END,
               CASE WHEN reviewed_on IS NOT NULL AND applied_on IS NULL
                    THEN concat('未申请而已审核（', CAST(reviewed_on AS VARCHAR), '）') END,
               CASE WHEN approved_on IS NOT NULL AND reviewed_on IS NULL
                    THEN concat('未审核而已批准（', CAST(approved_on AS VARCHAR), '）') END) AS faults
    FROM community_standing s
    CROSS JOIN (SELECT on_date FROM plan_dates WHERE name = 'campaign_begin') d
    WHERE for_period = $period AND (opened_on IS NULL OR opened_on >= d.on_date)
)
SELECT 'institution' AS subject_kind, inst_code AS subject_code, inst_name AS subject_name,
       answers_code AS unit_code, period,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat('应先移交，再由镇街申请、教育局审核、专项工作委员会批准：', faults, '，请补办或补填前一步') AS detail
FROM skipped WHERE faults <> ''
