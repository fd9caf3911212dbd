-- title: 与目标的差距
-- description: 各项比率与各组目标的比较。gap_points 为差几个百分点（已达标为负）；gap_unchanged 为分母不变时的差额（个）；
-- gap_added 为靠新增（新增的同时计入分子和分母）达标的最少数量。已达标为 0，无数据为空。
-- All comparing and rounding is in whole numbers. ⌈a/b⌉ = (a + b − 1) / b for a ≥ 0, b > 0; a strict
-- target (>) needs one more than ⌊a/b⌋. Adding children changes the denominator only where it counts
-- children, classes or people itself: not for gross enrolment (residents) nor teachers to children.
-- With a target of 100 % no number of additions makes up for one that fails: null.
WITH candidates AS (
    SELECT r.metric, r.level, r.unit_code, r.unit_name, r.period, r.num, r.den,
           r.n_units, r.n_reported,
           t.target_set, t.num AS target_num, t.den AS target_den, t.op,
           ROW_NUMBER() OVER (
               PARTITION BY r.metric, r.level, r.unit_code, r.period, t.target_set
               ORDER BY CASE WHEN t.unit_code IS NULL THEN 1 ELSE 0 END
           ) AS n
    FROM rates r
    JOIN periods p ON p.period = r.period
    JOIN targets t ON t.metric = r.metric AND t.level = r.level
    WHERE (t.unit_code IS NULL OR t.unit_code = r.unit_code)
      AND (t.valid_from IS NULL OR t.valid_from <= p.ends_on)
      AND (t.valid_to IS NULL OR t.valid_to >= p.ends_on)
),
compared AS (
    SELECT *,
           CASE WHEN den > 0 THEN
               CASE op WHEN '>=' THEN num * target_den >= target_num * den
                       WHEN '>' THEN num * target_den > target_num * den
                       WHEN '<=' THEN num * target_den <= target_num * den
                       WHEN '<' THEN num * target_den < target_num * den END
           END AS met,
           target_num * den - target_den * num AS short
    FROM candidates WHERE n = 1
)
SELECT level, unit_code, unit_name, period, metric, target_set, num, den,
       target_num, target_den, op, met,
       CASE WHEN den > 0 THEN
           CAST(CASE WHEN op IN ('<=', '<') THEN -short ELSE short END AS DOUBLE) * 100
           / (CAST(target_den AS DOUBLE) * den)
       END AS gap_points,
       CASE WHEN met IS NULL THEN NULL
            WHEN met THEN 0
            WHEN op = '>=' THEN (target_num * den + target_den - 1) / target_den - num
            WHEN op = '>' THEN target_num * den / target_den + 1 - num
            WHEN op = '<=' THEN num - target_num * den / target_den
            ELSE num - ((target_num * den + target_den - 1) / target_den - 1)
       END AS gap_unchanged,
       CASE WHEN met IS NULL THEN NULL
            WHEN met THEN 0
            WHEN op NOT IN ('>=', '>') THEN NULL
            WHEN metric IN ('gross_enrolment', 'teacher_ratio') THEN
                CASE op WHEN '>=' THEN (target_num * den + target_den - 1) / target_den - num
                        ELSE target_num * den / target_den + 1 - num END
            WHEN target_den <= target_num THEN NULL
            WHEN op = '>=' THEN
                (short + target_den - target_num - 1) / NULLIF(target_den - target_num, 0)
            ELSE short / NULLIF(target_den - target_num, 0) + 1
       END AS gap_added,
       n_units, n_reported
FROM compared
