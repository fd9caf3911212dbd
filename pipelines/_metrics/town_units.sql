-- title: 各级单位与所辖镇街
-- description: 每个镇街、组团和全区各由哪些镇街组成（镇街即其本身；街道不属任何组团；园区随所在镇街）。
SELECT 'town' AS level, code AS unit_code, name AS unit_name, code AS town_code
FROM units WHERE level = 'town'
UNION ALL
SELECT 'group', g.code, g.name, t.code
FROM units g JOIN units t ON t.group_code = g.code AND t.level = 'town'
WHERE g.level = 'group'
UNION ALL
SELECT 'district', d.code, d.name, t.code
FROM units d CROSS JOIN units t
WHERE d.level = 'district' AND t.level = 'town'
