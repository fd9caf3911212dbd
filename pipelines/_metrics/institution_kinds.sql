-- title: 各学期各园的办园类型
-- description: 学期报表里的园各属什么类型、是否直属园或镇街中心园：取统计日不晚于学期末的最新一份名册，没有的取其后最早一份。
-- The forms of a term do not say the kind; the register, once a school year, does. Before the first register (2023-09)
-- the first one known later speaks: kinds change rarely, and a kindergarten without a kind is in neither part.
WITH wanted AS (
    SELECT DISTINCT c.period, p.ends_on
    FROM coverage c JOIN periods p ON p.period = c.period
    WHERE c.dataset IN ('party_organisations', 'extended_care', 'community_kindergartens')
),
registered AS (
    SELECT i.inst_code, i.inst_kind, i.is_direct, i.is_central, p.stat_on
    FROM institutions i JOIN periods p ON p.period = i.period
),
ranked AS (
    SELECT w.period, r.inst_code, r.inst_kind, r.is_direct, r.is_central,
           ROW_NUMBER() OVER (
               PARTITION BY w.period, r.inst_code
               ORDER BY CASE WHEN r.stat_on <= w.ends_on THEN r.stat_on END DESC NULLS LAST, r.stat_on
           ) AS n
    FROM wanted w CROSS JOIN registered r
)
SELECT period, inst_code, inst_kind, is_direct, is_central,
       inst_kind LIKE 'public\_%' ESCAPE '\' AS is_public
FROM ranked WHERE n = 1
