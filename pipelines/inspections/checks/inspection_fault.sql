-- Kindergartens at fault in the newest school year's form: one matter a kindergarten, with all that is wrong.
-- Without a licence it is a matter of its own. Evaluation: within five years before the statistics date.
WITH faults AS (
    SELECT s.*,
           CAST(CASE WHEN s.is_inspected THEN 0 ELSE 1 END + CASE WHEN s.is_published THEN 0 ELSE 1 END
                + CASE WHEN s.is_evaluated THEN 0 ELSE 1 END + CASE WHEN s.has_inspector THEN 0 ELSE 1 END
                + CASE WHEN s.is_profit_seeking THEN 1 ELSE 0 END
                + CASE WHEN s.is_school_like THEN 1 ELSE 0 END
                + CASE WHEN s.fees = 'compliant' THEN 0 ELSE 1 END AS DOUBLE) AS n_faults
    FROM inspection_status s JOIN newest_forms n ON n.dataset = 'inspections' AND n.for_period = $period AND n.period = s.period
    WHERE s.reported
)
SELECT 'institution' AS subject_kind, inst_code AS subject_code, inst_name AS subject_name,
       town_code AS unit_code, period, n_faults AS observed, CAST(0 AS DOUBLE) AS target,
       ltrim(concat(
           CASE annual_inspection WHEN 'failed' THEN '，年检不合格' WHEN 'none' THEN '，未年检' ELSE '' END,
           CASE WHEN is_published THEN '' ELSE '，基本信息未公示' END,
           CASE WHEN is_evaluated THEN ''
                WHEN evaluated_on IS NULL THEN '，本轮办园行为督导评估尚未开展'
                ELSE concat('，督导评估（', CAST(evaluated_on AS VARCHAR), '）已满五年') END,
           CASE WHEN has_inspector THEN '' ELSE '，责任督学未挂牌' END,
           CASE WHEN is_profit_seeking THEN '，上市或过度逐利' ELSE '' END,
           CASE WHEN is_school_like THEN '，存在小学化' ELSE '' END,
           CASE fees WHEN 'unreasonable' THEN '，不合理收费' WHEN 'cross_term' THEN '，跨学期预收费'
                     ELSE '' END), '，') AS detail
FROM faults
WHERE n_faults > 0
