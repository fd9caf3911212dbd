-- title: Residents by ward
-- description: Residents aged 0 to 4 and 5 to 9 of each ward, and the day of the census.
-- The file has a column a ward; here a row a ward.
WITH turned AS (
    SELECT n.period, n.age_group, u.code AS unit_code,
           CASE u.code
               WHEN '1' THEN n.ward_1
               WHEN '2' THEN n.ward_2
               WHEN '3' THEN n.ward_3
               WHEN '4' THEN n.ward_4
               WHEN '5' THEN n.ward_5
               WHEN '6' THEN n.ward_6
               WHEN '7' THEN n.ward_7
               WHEN '8' THEN n.ward_8
               WHEN '9' THEN n.ward_9
               WHEN '10' THEN n.ward_10
               WHEN '11' THEN n.ward_11
               WHEN '12' THEN n.ward_12
               WHEN '13' THEN n.ward_13
               WHEN '14' THEN n.ward_14
               WHEN '15' THEN n.ward_15
               WHEN '16' THEN n.ward_16
               WHEN '17' THEN n.ward_17
               WHEN '18' THEN n.ward_18
               WHEN '19' THEN n.ward_19
               WHEN '20' THEN n.ward_20
               WHEN '21' THEN n.ward_21
               WHEN '22' THEN n.ward_22
               WHEN '23' THEN n.ward_23
               WHEN '24' THEN n.ward_24
               WHEN '25' THEN n.ward_25
           END AS residents
    FROM population n CROSS JOIN units u
    WHERE u.level = 'town'
)
SELECT t.period, t.unit_code,
       SUM(CASE WHEN t.age_group = '0 to 4 years' THEN t.residents END) AS pop_0_to_4,
       SUM(CASE WHEN t.age_group = '5 to 9 years' THEN t.residents END) AS pop_5_to_9,
       p.stat_on AS as_of
FROM turned t JOIN periods p ON p.period = t.period
GROUP BY t.period, t.unit_code, p.stat_on
