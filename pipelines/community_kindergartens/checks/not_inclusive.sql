-- Community kindergartens that have opened and are neither public nor inclusive private: undecided, or other private in the register.
-- Source: 教督〔2020〕1号 and the plan, all of them.
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
SELECT 'institution' AS subject_kind, l.inst_code AS subject_code, l.inst_name AS subject_name,
       l.answers_code AS unit_code, l.period,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat(CAST(l.opened_on AS VARCHAR), '已开办，',
              CASE WHEN l.nature = 'undecided' THEN '办园性质待定'
                   ELSE concat('报表为', CASE l.nature WHEN 'public' THEN '公办' ELSE '普惠性民办' END, '，名册仍登记为非普惠性民办') END,
              '；小区配套园应办成公办园或普惠性民办园') AS detail
FROM listed l
LEFT JOIN institution_kinds i ON i.period = l.period AND i.inst_code = l.inst_code
WHERE l.opened_on IS NOT NULL AND (l.nature = 'undecided' OR i.inst_kind = 'private_other')
