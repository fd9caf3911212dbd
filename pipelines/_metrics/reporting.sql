-- title: 报送率与及时率
-- description: 每张报表每期：各报送单位（镇街、局机关）、各组团和全区的应报、已报（含零报告）、按时、迟报、零报告、缺报和未到时限。
-- 及时看第一份可采用的报送何时到：按时报来而被退回、过时限才改好的，算迟报；此后的更正不影响。报送率、及时率的分母都是应报。
-- A group is the towns of it; the bureau is in none. The district is all that report.
WITH members AS (
    SELECT level, code AS unit_code, name AS unit_name, code AS reporter_code
    FROM units WHERE level NOT IN ('group', 'district', 'park')
    UNION ALL
    SELECT 'group', g.code, g.name, t.code
    FROM units g JOIN units t ON t.group_code = g.code AND t.level = 'town'
    WHERE g.level = 'group'
    UNION ALL
    SELECT 'district', d.code, d.name, r.code
    FROM units d CROSS JOIN units r
    WHERE d.level = 'district'
),
counted AS (
    SELECT e.dataset, e.dataset_title, e.period, m.level, m.unit_code, m.unit_name,
           COUNT(*) AS expected,
           COUNT(e.first_accepted_on) AS actual,
           COUNT(CASE WHEN e.first_accepted_on <= e.due_on THEN 1 END) AS on_time,
           COUNT(CASE WHEN e.first_accepted_on > e.due_on THEN 1 END) AS late,
           COUNT(CASE WHEN e.state = 'nil' THEN 1 END) AS nil,
           COUNT(CASE WHEN e.first_accepted_on IS NULL AND e.is_due THEN 1 END) AS missing,
           COUNT(CASE WHEN e.first_accepted_on IS NULL AND NOT e.is_due THEN 1 END) AS pending
    FROM expected e
    JOIN members m ON m.reporter_code = e.reporter_code
    GROUP BY e.dataset, e.dataset_title, e.period, m.level, m.unit_code, m.unit_name
)
SELECT dataset, dataset_title, period, level, unit_code, unit_name,
       expected, actual, on_time, late, nil, missing, pending,
       actual AS rate_num, expected AS rate_den, on_time AS on_time_num, expected AS on_time_den,
       CAST(actual AS DOUBLE) / NULLIF(expected, 0) AS rate,
       CAST(on_time AS DOUBLE) / NULLIF(expected, 0) AS on_time_rate
FROM counted
