-- title: Licensed places by ward
-- description: Centres, and licensed places of preschool and kindergarten age by who offers them.
-- Licensed places stand in for children. A centre of the city is public; another one is inclusive private
-- where it takes children with a fee subsidy, else private.
SELECT e.period, e.unit_code, u.name AS unit_name,
       COUNT(*) AS institutions,
       SUM(e.preschool + e.kindergarten) AS enrolled,
       SUM(CASE WHEN e.auspice = 'public' THEN e.preschool + e.kindergarten ELSE 0 END)
           AS public_enrolled,
       SUM(CASE WHEN e.auspice <> 'public' AND e.subsidy
                THEN e.preschool + e.kindergarten ELSE 0 END) AS inclusive_private_enrolled,
       SUM(CASE WHEN e.auspice <> 'public' AND NOT e.subsidy
                THEN e.preschool + e.kindergarten ELSE 0 END) AS private_enrolled,
       SUM(e.places) AS capacity
FROM enrollment e JOIN units u ON u.code = e.unit_code
GROUP BY e.period, e.unit_code, u.name
