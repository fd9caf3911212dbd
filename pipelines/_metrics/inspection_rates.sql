-- title: 监管各项
-- description: 各学年各镇街、组团和全区，一项一行。前四项为达到的园数（num）与园数（den）；后四项为有问题的园数。n_units 为应列的园，n_reported 为监管表已列的园。
-- licensed 先证后照并年检, published 公示, evaluated 督导评估, inspector 督学挂牌; unlicensed 无证, profit_seeking 上市逐利,
-- school_like 小学化, fee_faults 收费. A kindergarten of the register that the form leaves out is missing, not at fault.
WITH sums AS (
    SELECT t.level, t.unit_code, t.unit_name, s.period,
           COUNT(*) AS n_units, SUM(CASE WHEN s.reported THEN 1 ELSE 0 END) AS n_reported,
           SUM(CASE WHEN s.has_licence AND s.is_inspected THEN 1 ELSE 0 END) AS licensed,
           SUM(CASE WHEN s.is_published THEN 1 ELSE 0 END) AS published,
           SUM(CASE WHEN s.is_evaluated THEN 1 ELSE 0 END) AS evaluated,
           SUM(CASE WHEN s.has_inspector THEN 1 ELSE 0 END) AS inspector,
           SUM(CASE WHEN NOT s.has_licence THEN 1 ELSE 0 END) AS unlicensed,
           SUM(CASE WHEN s.is_profit_seeking THEN 1 ELSE 0 END) AS profit_seeking,
           SUM(CASE WHEN s.is_school_like THEN 1 ELSE 0 END) AS school_like,
           SUM(CASE WHEN s.fees <> 'compliant' THEN 1 ELSE 0 END) AS fee_faults
    FROM town_units t
    JOIN inspection_status s ON s.town_code = t.town_code
    GROUP BY t.level, t.unit_code, t.unit_name, s.period
)
SELECT s.level, s.unit_code, s.unit_name, s.period, m.measure,
       CASE WHEN s.n_reported > 0 THEN
           CASE m.measure WHEN 'licensed' THEN s.licensed WHEN 'published' THEN s.published
                          WHEN 'evaluated' THEN s.evaluated WHEN 'inspector' THEN s.inspector
                          WHEN 'unlicensed' THEN s.unlicensed
                          WHEN 'profit_seeking' THEN s.profit_seeking
                          WHEN 'school_like' THEN s.school_like ELSE s.fee_faults END
       END AS num,
       NULLIF(s.n_reported, 0) AS den, s.n_units, s.n_reported
FROM sums s
CROSS JOIN (VALUES ('licensed'), ('published'), ('evaluated'), ('inspector'), ('unlicensed'),
                   ('profit_seeking'), ('school_like'), ('fee_faults')) AS m (measure)
