-- title: 镇中心园布局
-- description: 各学年有公办中心园的镇占全部镇的比例（街道不要求，不在其内）；名册未报的镇为空。
-- Source: 教督〔2020〕1号, every rural 乡镇 has at least one public central kindergarten. Closed ones do not count.
WITH reported AS (
    SELECT DISTINCT c.period, c.reporter_code AS town_code
    FROM coverage c JOIN units u ON u.code = c.reporter_code
    WHERE c.dataset = 'institutions' AND u.level = 'town'
),
central AS (
    SELECT i.period, CASE WHEN u.level = 'park' THEN u.parent ELSE i.unit_code END AS town_code, COUNT(*) AS central
    FROM institutions i
    JOIN periods p ON p.period = i.period
    LEFT JOIN units u ON u.code = i.unit_code
    WHERE i.is_central AND i.inst_kind LIKE 'public\_%' ESCAPE '\'
      AND (i.closed_on IS NULL OR i.closed_on > p.stat_on)
    GROUP BY 1, 2
),
sums AS (
    SELECT t.level, t.unit_code, t.unit_name, w.period,
           SUM(CASE WHEN r.town_code IS NOT NULL THEN COALESCE(c.central, 0) END) AS central,
           SUM(CASE WHEN r.town_code IS NOT NULL THEN CASE WHEN c.central > 0 THEN 1 ELSE 0 END END) AS num,
           SUM(CASE WHEN r.town_code IS NOT NULL THEN 1 END) AS den,
           COUNT(*) AS n_units,
           SUM(CASE WHEN r.town_code IS NOT NULL THEN 1 ELSE 0 END) AS n_reported
    FROM town_units t
    JOIN units u ON u.code = t.town_code AND u.kind = '镇'
    CROSS JOIN (SELECT DISTINCT period AS period FROM reported) w
    LEFT JOIN reported r ON r.period = w.period AND r.town_code = t.town_code
    LEFT JOIN central c ON c.period = w.period AND c.town_code = t.town_code
    GROUP BY t.level, t.unit_code, t.unit_name, w.period
)
SELECT level, unit_code, unit_name, period, central,
       CAST(num AS DOUBLE) / NULLIF(den, 0) AS layout_rate, num, den, n_units, n_reported
FROM sums
