-- title: 镇街在园幼儿
-- description: 各期各镇街在园幼儿数（不含托班和托幼点），其中普惠、公办；缺报为空。
-- Units that confirmed that there is nothing to report (nil) are 0, those missing are null.
WITH counted AS (
    SELECT e.period, CASE WHEN u.level = 'park' THEN u.parent ELSE e.unit_code END AS town_code,
           SUM(e.children) AS enrolled,
           SUM(CASE WHEN e.inst_kind LIKE 'public\_%' ESCAPE '\'
                         OR e.inst_kind = 'private_inclusive' THEN e.children ELSE 0 END)
               AS inclusive_enrolled,
           SUM(CASE WHEN e.inst_kind LIKE 'public\_%' ESCAPE '\'
                    THEN e.children ELSE 0 END) AS public_enrolled
    FROM enrollment e LEFT JOIN units u ON u.code = e.unit_code
    WHERE e.inst_kind <> 'childcare_point' AND e.class_type IS DISTINCT FROM 'toddler'
    GROUP BY 1, 2
)
SELECT r.period, r.town_code, r.reported,
       CASE WHEN r.reported THEN COALESCE(c.enrolled, 0) END AS enrolled,
       CASE WHEN r.reported THEN COALESCE(c.inclusive_enrolled, 0) END AS inclusive_enrolled,
       CASE WHEN r.reported THEN COALESCE(c.public_enrolled, 0) END AS public_enrolled
FROM reported_towns r
LEFT JOIN counted c ON c.period = r.period AND c.town_code = r.town_code
WHERE r.dataset = 'enrollment'
