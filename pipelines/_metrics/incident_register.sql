-- title: 近两年的事件和投诉
-- description: 各月看来：近两年发生的和更早而未办结的事件、投诉，每件以不晚于该月的最新一期为准。is_public 为所涉园是否公办，不明为空。
-- Two years: 教督〔2020〕1号 (近两年无…). Months are written so that they sort by time.
WITH months AS (
    SELECT DISTINCT c.period, p.ends_on
    FROM coverage c JOIN periods p ON p.period = c.period
    WHERE c.dataset = 'incidents'
),
known AS (
    SELECT m.period, m.ends_on, i.period AS reported_in, i.incident_no, i.kind, i.grade, i.validity,
           i.occurred_on, i.resolved_on, i.inst_code,
           CASE WHEN u.level = 'park' THEN u.parent ELSE i.unit_code END AS town_code,
           ROW_NUMBER() OVER (PARTITION BY m.period, i.incident_no ORDER BY i.period DESC) AS n
    FROM months m
    JOIN incidents i ON i.period <= m.period
    LEFT JOIN units u ON u.code = i.unit_code
),
kinds AS (
    SELECT inst_code, inst_kind,
           ROW_NUMBER() OVER (PARTITION BY inst_code ORDER BY period DESC) AS n
    FROM register_kindergartens
)
SELECT k.period, k.incident_no, k.kind, k.grade, k.validity, k.occurred_on, k.resolved_on,
       k.town_code, k.inst_code, c.inst_kind LIKE 'public\_%' ESCAPE '\' AS is_public,
       k.occurred_on > k.ends_on - INTERVAL '2 years' AS is_recent, k.reported_in
FROM known k
LEFT JOIN kinds c ON c.inst_code = k.inst_code AND c.n = 1
WHERE k.n = 1 AND (k.occurred_on > k.ends_on - INTERVAL '2 years' OR k.resolved_on IS NULL)
