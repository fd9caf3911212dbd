-- Community kindergartens that have opened and are neither public nor inclusive private: undecided, or other private in the register.
-- Source: 教督〔2020〕1号 and the plan, all of them.
SELECT 'institution' AS subject_kind, s.inst_code AS subject_code, s.inst_name AS subject_name,
       s.answers_code AS unit_code, s.period,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat(CAST(s.opened_on AS VARCHAR), '已开办，',
              CASE WHEN s.nature = 'undecided' THEN '办园性质待定'
                   ELSE concat('报表为', CASE s.nature WHEN 'public' THEN '公办' ELSE '普惠性民办' END, '，名册仍登记为非普惠性民办') END,
              '；小区配套园应办成公办园或普惠性民办园') AS detail
FROM community_standing s
LEFT JOIN institution_kinds i ON i.period = s.period AND i.inst_code = s.inst_code
WHERE s.for_period = $period AND s.opened_on IS NOT NULL AND (s.nature = 'undecided' OR i.inst_kind = 'private_other')
