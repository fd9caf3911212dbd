-- Newly handed-over community kindergartens that become inclusive private although the town's public share was below 50 % as was known on the
-- day of the application. The figures and the verdict stand in the metric community_applications; percentages are cut.
SELECT 'institution' AS subject_kind, a.inst_code AS subject_code, a.inst_name AS subject_name, a.unit_code, a.period,
       CAST(a.known_num AS DOUBLE) / a.known_den AS observed, CAST(0.5 AS DOUBLE) AS target,
       concat(CAST(a.applied_on AS VARCHAR), '申请办成普惠性民办园；当日所知最新一期（', a.known_period, '）本镇街公办园在园幼儿占比',
              CAST(a.known_num * 10000 / a.known_den / 100 AS VARCHAR), '.',
              lpad(CAST(a.known_num * 10000 / a.known_den % 100 AS VARCHAR), 2, '0'), '%（',
              CAST(a.known_num AS VARCHAR), '/', CAST(a.known_den AS VARCHAR), '），低于50%，应办成公办园',
              CASE WHEN a.current_num <> a.known_num OR a.current_den <> a.known_den
                   THEN concat('；该期数字后来更正为',
                               CAST(a.current_num * 10000 / NULLIF(a.current_den, 0) / 100 AS VARCHAR), '.',
                               lpad(CAST(a.current_num * 10000 / NULLIF(a.current_den, 0) % 100 AS VARCHAR), 2, '0'), '%（',
                               CAST(a.current_num AS VARCHAR), '/', CAST(a.current_den AS VARCHAR), '），仍以申请当日所知为准')
                   ELSE '' END) AS detail
FROM community_applications a
JOIN newest_forms n ON n.dataset = 'community_kindergartens' AND n.for_period = $period
    AND n.period = a.period AND n.reporter_code = a.reporter_code
WHERE a.nature = 'inclusive' AND a.below_half
