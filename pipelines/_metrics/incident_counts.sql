-- title: 事件和投诉数
-- description: 各月看来近两年各镇街、组团和全区的事件和投诉，一类一行（num）。n_units 为两年内应报的月数，n_reported 为已报的月数；当月未报的没有行。
-- safety, ethics: serious or grave, unless found untrue; unlicensed: true and not yet settled; the others: found true.
-- Unpaid wages of an institution whose kind is not known count for public and private alike.
WITH months AS (
    SELECT DISTINCT c.period, p.ends_on
    FROM coverage c JOIN periods p ON p.period = c.period
    WHERE c.dataset = 'incidents'
),
wanted AS (
    SELECT DISTINCT e.period, p.ends_on
    FROM expected e JOIN periods p ON p.period = e.period
    WHERE e.dataset = 'incidents'
),
windows AS (
    SELECT m.period, COUNT(*) AS n_units, COUNT(r.period) AS n_reported
    FROM months m
    JOIN wanted w ON w.ends_on <= m.ends_on AND w.ends_on > m.ends_on - INTERVAL '2 years'
    LEFT JOIN months r ON r.period = w.period
    GROUP BY m.period
),
classed AS (
    SELECT period, town_code, 'safety' AS measure FROM incident_register
    WHERE kind = 'safety' AND grade IN ('serious', 'grave') AND validity <> 'invalid' AND is_recent
    UNION ALL
    SELECT period, town_code, 'ethics' FROM incident_register
    WHERE kind = 'ethics' AND grade IN ('serious', 'grave') AND validity <> 'invalid' AND is_recent
    UNION ALL
    SELECT period, town_code, 'unlicensed' FROM incident_register
    WHERE kind = 'unlicensed' AND validity = 'valid' AND resolved_on IS NULL
    UNION ALL
    SELECT period, town_code, 'fees' FROM incident_register
    WHERE kind IN ('fees', 'cross_term_fee') AND validity = 'valid' AND is_recent
    UNION ALL
    SELECT period, town_code, 'school_like' FROM incident_register
    WHERE kind = 'school_like' AND validity = 'valid' AND is_recent
    UNION ALL
    SELECT period, town_code, 'unpaid_public' FROM incident_register
    WHERE kind = 'unpaid_wages' AND validity = 'valid' AND is_recent AND COALESCE(is_public, true)
    UNION ALL
    SELECT period, town_code, 'unpaid_private' FROM incident_register
    WHERE kind = 'unpaid_wages' AND validity = 'valid' AND is_recent
      AND NOT COALESCE(is_public, false)
),
counted AS (
    SELECT c.period, t.level, t.unit_code, c.measure, COUNT(*) AS num
    FROM classed c JOIN town_units t ON t.town_code = c.town_code
    GROUP BY c.period, t.level, t.unit_code, c.measure
)
SELECT u.level, u.unit_code, u.unit_name, w.period, m.measure, COALESCE(c.num, 0) AS num,
       w.n_units, w.n_reported
FROM windows w
CROSS JOIN (SELECT DISTINCT level, unit_code, unit_name FROM town_units) u
CROSS JOIN (VALUES ('safety'), ('ethics'), ('unlicensed'), ('fees'), ('school_like'),
                   ('unpaid_public'), ('unpaid_private')) AS m (measure)
LEFT JOIN counted c ON c.period = w.period AND c.level = u.level AND c.unit_code = u.unit_code
                   AND c.measure = m.measure
