-- title: 区別の3〜5歳人口
-- description: 町別年齢別人口（6月末）を区ごとに合計した3〜5歳の人口と、その統計日。
-- Blocks with few residents are blank and counted with a neighbour: a blank adds nothing.
SELECT n.period, n.unit_code,
       SUM(n.age_3) + SUM(n.age_4) + SUM(n.age_5) AS resident, p.stat_on AS as_of
FROM population n JOIN periods p ON p.period = n.period
GROUP BY n.period, n.unit_code, p.stat_on
