-- title: 镇街三率的历次版本
-- description: 各期各镇街三率曾经是多少：在园幼儿快照的每一版一行，自 _recorded_at 起已知，到 _superseded_at 为止（空为仍是最新）；
-- known_on、known_until_on 为其在本区时区的日期。某日结束时所知：known_on 不晚于该日，known_until_on 为空或晚于该日。
-- 常住儿童数取该版记录时已知的最新一份。该版里还没有的镇街为空。
-- A town is known once the rows of somebody who answers for it are in the version, and the bureau's too where the register has a
-- 直属园 in it: as in reported_towns. A town that confirmed that it has no children (零报告) leaves no row, and no rate either.
-- The district's time zone stands here because SQL takes it as a literal only: it is that of [district] in duban.toml.
WITH versions AS (
    SELECT DISTINCT period, _recorded_at, _superseded_at FROM enrollment_versions
),
counted AS (
    SELECT e.period, e._recorded_at, CASE WHEN u.level = 'park' THEN u.parent ELSE e.unit_code END AS town_code,
           SUM(CASE WHEN e.inst_kind = 'childcare_point' OR e.class_type = 'toddler' THEN 0 ELSE e.children END) AS enrolled,
           SUM(CASE WHEN (e.class_type IS DISTINCT FROM 'toddler')
                     AND (e.inst_kind LIKE 'public\_%' ESCAPE '\' OR e.inst_kind = 'private_inclusive')
                    THEN e.children ELSE 0 END) AS inclusive_enrolled,
           SUM(CASE WHEN (e.class_type IS DISTINCT FROM 'toddler') AND e.inst_kind LIKE 'public\_%' ESCAPE '\'
                    THEN e.children ELSE 0 END) AS public_enrolled,
           SUM(CASE WHEN b.code IS NULL THEN 1 ELSE 0 END) AS own_rows,
           SUM(CASE WHEN b.code IS NULL THEN 0 ELSE 1 END) AS bureau_rows
    FROM enrollment_versions e
    LEFT JOIN units u ON u.code = e.unit_code
    LEFT JOIN units b ON b.code = e.reporter_code AND b.level = 'bureau'
    GROUP BY 1, 2, 3
),
known AS (
    SELECT v.period, v._recorded_at, v._superseded_at, t.code AS town_code, t.name AS town_name,
           c.enrolled, c.inclusive_enrolled, c.public_enrolled
    FROM versions v
    CROSS JOIN (SELECT code, name FROM units WHERE level = 'town') t
    LEFT JOIN direct_towns d ON d.period = v.period AND d.town_code = t.code
    LEFT JOIN counted c
        ON c.period = v.period AND c._recorded_at = v._recorded_at AND c.town_code = t.code
       AND c.own_rows > 0 AND (d.town_code IS NULL OR c.bureau_rows > 0)
),
yearly AS (
    SELECT n.unit_code AS town_code, p.stat_on, n._recorded_at, n._superseded_at,
           SUM(n.resident_3_5) AS resident
    FROM population_versions n JOIN periods p ON p.period = n.period
    GROUP BY n.unit_code, p.stat_on, n._recorded_at, n._superseded_at
),
residents AS (
    SELECT v.period, v._recorded_at, y.town_code, y.resident,
           ROW_NUMBER() OVER (PARTITION BY v.period, v._recorded_at, y.town_code ORDER BY y.stat_on DESC) AS n
    FROM versions v
    JOIN periods p ON p.period = v.period
    JOIN yearly y
        ON y.stat_on <= p.ends_on AND y._recorded_at <= v._recorded_at
       AND (y._superseded_at IS NULL OR y._superseded_at > v._recorded_at)
)
SELECT 'town' AS level, k.town_code AS unit_code, k.town_name AS unit_name, k.period,
       CASE WHEN k.enrolled IS NOT NULL THEN CAST(r.resident AS BIGINT) END AS resident,
       k.enrolled, k.inclusive_enrolled, k.public_enrolled,
       CAST(k.enrolled AS DOUBLE) / NULLIF(r.resident, 0) AS gross_enrolment,
       CAST(k.inclusive_enrolled AS DOUBLE) / NULLIF(k.enrolled, 0) AS inclusive_coverage,
       CAST(k.public_enrolled AS DOUBLE) / NULLIF(k.enrolled, 0) AS public_share,
       CASE WHEN r.resident IS NOT NULL THEN k.enrolled END AS gross_num,
       CASE WHEN k.enrolled IS NOT NULL THEN CAST(r.resident AS BIGINT) END AS gross_den,
       k.inclusive_enrolled AS coverage_num, k.enrolled AS coverage_den,
       k.public_enrolled AS share_num, k.enrolled AS share_den,
       1 AS n_units, CASE WHEN k.enrolled IS NULL THEN 0 ELSE 1 END AS n_reported,
       CAST(k._recorded_at AT TIME ZONE 'Asia/Shanghai' AS DATE) AS known_on,
       CAST(k._superseded_at AT TIME ZONE 'Asia/Shanghai' AS DATE) AS known_until_on,
       k._recorded_at AS _recorded_at, k._superseded_at AS _superseded_at
FROM known k
LEFT JOIN residents r
    ON r.period = k.period AND r._recorded_at = k._recorded_at AND r.town_code = k.town_code AND r.n = 1
