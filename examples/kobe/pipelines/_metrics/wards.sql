-- title: 区別の市立幼稚園
-- description: 各年5月1日現在の園数、学級数、幼児数。
-- A row of the workbook is a kindergarten; its ward comes from the subtotal row above it.
SELECT e.period, e.unit_code, u.name AS unit_name,
       COUNT(*) AS institutions, SUM(e.classes) AS classes, SUM(e.children) AS enrolled
FROM enrollment e JOIN units u ON u.code = e.unit_code
GROUP BY e.period, e.unit_code, u.name
