-- title: 国家督导评估自评
-- description: 各月37项指标（含社会认可度S）逐项自评：pass 合格，basic_pass 基本合格，fail 不合格，not_reported 未报齐（缺报、没有申报或没有佐证，不算不合格）。
-- num、den 为所据的数（zero 类 num 为问题数），value 为二者之比；basis 一句话说明依据，evidence 为申报的佐证，没有申报的为所据报表。
-- Source: 教督〔2020〕1号, thresholds in national_indicators. Rules of our own:
-- 1. A figure that lacks a unit is not_reported whichever way it points; a known fault against a zero is a fail at once.
-- 2. A declared answer counts with evidence alone; a form that contradicts it (20, 21, 33: fewer than all; 16, 17: unpaid wages) makes it fail.
-- 3. 11 needs the amount and the declared rules (rules alone: basic pass); 12 the amount, or the declared mechanism (basic pass);
--    16 the declaration and the ratio of pay; 16 and 17 pass basically where the gap has narrowed since the year before.
-- 4. Nothing to judge (no such kindergarten): 9, 27 pass; 11, 12 by the declaration.
WITH months AS (
    SELECT DISTINCT c.period
    FROM coverage c JOIN periods p ON p.period = c.period
    WHERE p.frequency = 'month'
),
joined AS (
    SELECT i.*, m.period, f.of_period, f.n_units, f.n_reported, f.before_num, f.before_den,
           CASE WHEN i.kind = 'zero' THEN f.num + COALESCE(g.num, 0) ELSE f.num END AS num,
           f.den, f.num AS num1, g.num AS num2, g.figure IS NOT NULL AS has_second,
           COALESCE(f.is_complete, false) AND (i.figure2 IS NULL OR COALESCE(g.is_complete, false))
               AS is_complete,
           COALESCE(f.is_complete, false) AS is_figure_complete,
           COALESCE(f.num, 0) + COALESCE(g.num, 0) AS faults,
           d.declared, COALESCE(d.is_backed, false) AS is_backed,
           COALESCE(d.declared <> 'done', false) AS is_denied, d.evidence AS declared_evidence,
           d.declared = 'done' AND NOT d.is_backed AS is_bare,
           g.n_units AS n_units2, g.n_reported AS n_reported2
    FROM months m
    CROSS JOIN national_indicators i
    LEFT JOIN district_figures f ON f.period = m.period AND f.figure = i.figure
    LEFT JOIN district_figures g ON g.period = m.period AND g.figure = i.figure2
    LEFT JOIN declared d ON d.period = m.period AND d.no = i.no
),
compared AS (
    SELECT *,
           CASE WHEN den > 0 THEN
               CASE op WHEN '>' THEN num * pass_den > pass_num * den
                       ELSE num * pass_den >= pass_num * den END END AS meets_pass,
           CASE WHEN den > 0 THEN num * basic_den >= basic_num * den END AS meets_basic,
           CASE WHEN den > 0 AND before_den > 0 THEN
               -- Four factors would pass 2⁶³: a ratio of pay may be compared as a double.
               CAST(num AS DOUBLE) / den > CAST(before_num AS DOUBLE) / before_den END AS is_narrower,
           is_figure_complete AND den > 0 AND num < den AS is_contradicted
    FROM joined
),
graded AS (
    SELECT *,
           CASE
               WHEN kind = 'zero' THEN
                   CASE WHEN faults > 0 THEN 'fail' WHEN is_complete THEN 'pass'
                        ELSE 'not_reported' END
               WHEN no = '11' THEN
                   CASE WHEN NOT is_complete THEN 'not_reported'
                        WHEN den > 0 AND meets_pass AND is_backed THEN 'pass'
                        WHEN den = 0 AND is_backed THEN 'pass'
                        WHEN is_backed THEN 'basic_pass'
                        WHEN is_denied THEN 'fail'
                        ELSE 'not_reported' END
               WHEN no = '12' THEN
                   CASE WHEN NOT is_complete THEN 'not_reported'
                        WHEN meets_pass THEN 'pass'
                        WHEN den = 0 AND is_backed THEN 'pass'
                        WHEN is_backed THEN 'basic_pass'
                        WHEN is_denied THEN 'fail'
                        ELSE 'not_reported' END
               WHEN no = '16' THEN
                   CASE WHEN num2 > 0 THEN 'fail'
                        WHEN NOT is_complete OR declared IS NULL OR is_bare THEN 'not_reported'
                        WHEN meets_pass AND is_backed THEN 'pass'
                        WHEN is_narrower THEN 'basic_pass'
                        WHEN is_narrower IS NULL THEN 'not_reported'
                        ELSE 'fail' END
               WHEN no = '17' THEN
                   CASE WHEN num2 > 0 THEN 'fail'
                        WHEN i_second_missing OR declared IS NULL OR is_bare THEN 'not_reported'
                        WHEN is_backed THEN 'pass'
                        WHEN is_figure_complete AND is_narrower THEN 'basic_pass'
                        WHEN is_narrower IS NULL THEN 'not_reported'
                        ELSE 'fail' END
               WHEN kind = 'yes-no' THEN
                   CASE WHEN is_backed AND COALESCE(is_contradicted, false) THEN 'fail'
                        WHEN is_backed THEN 'pass'
                        WHEN is_denied THEN 'fail'
                        ELSE 'not_reported' END
               WHEN NOT is_complete THEN 'not_reported'
               WHEN den = 0 AND no IN ('9', '27') THEN 'pass'
               WHEN meets_pass IS NULL THEN 'not_reported'
               WHEN meets_pass THEN 'pass'
               WHEN basic_num IS NOT NULL AND meets_basic THEN 'basic_pass'
               ELSE 'fail'
           END AS grade,
           CASE WHEN kind = 'yes-no' AND figure IS NULL THEN NULL
                WHEN n_units IS NULL THEN '没有所据报表'
                WHEN n_reported < n_units THEN
                    concat('报送不全（', CAST(n_reported AS VARCHAR), '/', CAST(n_units AS VARCHAR), '）')
           END AS gap,
           CASE WHEN declared IS NULL THEN '没有申报'
                WHEN is_bare THEN '申报已完成，没有佐证'
                WHEN declared = 'done' THEN '申报已完成'
                WHEN declared = 'in_progress' THEN '申报推进中'
                ELSE '申报未完成' END AS answer,
           num * 10000 / NULLIF(den, 0) AS basis_points
    FROM (SELECT *, figure2 IS NOT NULL AND (n_reported2 IS NULL OR n_reported2 < n_units2)
                        AS i_second_missing FROM compared)
)
SELECT 'district' AS level, u.code AS unit_code, u.name AS unit_name, g.no, g.position, g.aspect,
       g.first_level, g.second_level, g.scope, g.kind, g.pass, g.basic_pass, g.pass_text,
       g.basic_text, g.period, g.of_period,
       g.num, CASE WHEN g.kind = 'zero' THEN NULL ELSE g.den END AS den,
       CASE WHEN g.kind = 'zero' THEN CAST(g.num AS DOUBLE)
            ELSE CAST(g.num AS DOUBLE) / NULLIF(g.den, 0) END AS value,
       CASE WHEN g.kind = 'zero' THEN 0.0
            ELSE CAST(g.pass_num AS DOUBLE) / g.pass_den END AS target,
       g.grade,
       ltrim(concat(
           CASE
               WHEN g.kind = 'zero' AND g.num IS NOT NULL THEN
                   concat('发现', CAST(g.faults AS VARCHAR), '起（所）')
               WHEN g.kind = 'zero' AND g.faults > 0 THEN
                   concat('已知', CAST(g.faults AS VARCHAR), '起（所）')
               WHEN g.no IN ('10', '11', '12') AND g.den > 0 THEN
                   concat('生均', CAST(g.num / g.den AS VARCHAR), '元，标准',
                          CAST(g.pass_num AS VARCHAR), '元')
               WHEN g.no = '31' AND g.den > 0 THEN
                   concat('专任教师', CAST(g.num AS VARCHAR), '人，在园幼儿', CAST(g.den AS VARCHAR),
                          '人，标准1:15')
               WHEN g.no IN ('16', '17') AND g.den > 0 THEN
                   concat('工资比', CAST(g.basis_points / 100 AS VARCHAR), '.',
                          lpad(CAST(g.basis_points % 100 AS VARCHAR), 2, '0'), '%')
               WHEN g.den > 0 THEN
                   concat(CAST(g.basis_points / 100 AS VARCHAR), '.',
                          lpad(CAST(g.basis_points % 100 AS VARCHAR), 2, '0'), '%（',
                          CAST(g.num AS VARCHAR), '/', CAST(g.den AS VARCHAR), '）')
               WHEN g.den = 0 THEN '没有这类对象'
               ELSE '' END,
           CASE WHEN g.kind <> 'zero' AND g.num2 > 0
                THEN concat('；拖欠工资', CAST(g.num2 AS VARCHAR), '起') ELSE '' END,
           CASE WHEN g.gap IS NOT NULL THEN concat('；', g.gap) ELSE '' END,
           CASE WHEN g.figure2 IS NOT NULL AND g.i_second_missing
                THEN '；相关台账未报齐' ELSE '' END,
           CASE WHEN g.kind = 'yes-no' OR g.no IN ('11', '12', '16') THEN concat('；', g.answer)
                ELSE '' END,
           CASE WHEN g.no IN ('20', '21', '33') AND g.is_backed AND COALESCE(g.is_contradicted, false)
                THEN '，与报表不符' ELSE '' END,
           CASE WHEN g.no IN ('16', '17') AND g.is_narrower IS NOT NULL
                THEN CASE WHEN g.is_narrower THEN '，比上年缩小' ELSE '，比上年没有缩小' END
                ELSE '' END), '；') AS basis,
       COALESCE(g.declared_evidence,
                CASE WHEN g.of_period IS NOT NULL THEN concat(g.form, ' ', g.of_period) END)
           AS evidence,
       g.n_units, g.n_reported
FROM graded g
CROSS JOIN (SELECT code, name FROM units WHERE level = 'district') u
