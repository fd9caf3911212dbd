-- title: 各园教职工配备逐条判定
-- description: 每所幼儿园当期各条配备标准是否达到、应配几人、缺几人；六条（教职工、保教、每班、园长、保健、保安）都达到为 met。
-- 没有幼儿数的园不判（空）。持证、编制单列，不在六条之内。
-- Sources: 幼儿园教职工配备标准（暂行）(教师〔2013〕1号), full day: staff to children 1:5 to 1:7 (at most 7 a staff member), teachers and
-- 保育员 1:7 to 1:9 (at most 9), each class two teachers and one 保育员, or three teachers; 园长: fewer than 6 classes 1, 6 to 9
-- at most 2, 10 and more may have 3. Health: one for 150 children (one published page; below 150 one, who may be part-time and is to be
-- counted in the form). Guards: fewer than 100 children 1, from 1000 on 3 and one more for 500 (one published page); 2 between is our
-- judgement. The form does not tell half-day kindergartens apart: all are judged as full-day, to be confirmed by the district.
-- A class of either make satisfies its rule, so with n classes' 保育员 the others need a third teacher: teachers >= 3·classes − min(保育员, classes).
WITH needed AS (
    SELECT *,
           (children + 6) / 7 AS staff_needed,
           (children + 8) / 9 AS care_needed,
           3 * classes - LEAST(nurses, classes) AS class_teachers_needed,
           1 AS heads_least,
           CASE WHEN classes < 6 THEN 1 WHEN classes < 10 THEN 2 ELSE 3 END AS heads_most,
           (children + 149) / 150 AS health_needed,
           CASE WHEN children < 100 THEN 1 WHEN children < 1000 THEN 2
                ELSE 3 + (children - 1000) / 500 END AS guards_needed
    FROM institution_staff
    WHERE children > 0
),
judged AS (
    SELECT *,
           staff >= staff_needed AS staff_met,
           teachers + nurses >= care_needed AS care_met,
           teachers >= class_teachers_needed AS class_met,
           heads >= heads_least AND heads <= heads_most AS heads_met,
           health >= health_needed AS health_met,
           guards >= guards_needed AS guards_met
    FROM needed
)
SELECT s.period, s.town_code, s.unit_code, s.inst_code, s.inst_name, s.inst_kind,
       s.inst_kind LIKE 'public\_%' ESCAPE '\' AS is_public,
       s.children, s.classes, s.staff, s.heads, s.teachers, s.nurses, s.health, s.guards,
       s.teachers_certified, s.heads_certified, s.posts, s.posts_filled,
       j.staff_needed, j.staff_met, j.care_needed, j.care_met, j.class_teachers_needed, j.class_met,
       j.heads_least, j.heads_most, j.heads_met, j.health_needed, j.health_met, j.guards_needed, j.guards_met,
       j.staff_met AND j.care_met AND j.class_met AND j.heads_met AND j.health_met AND j.guards_met AS met,
       s.teachers_certified >= s.teachers AND s.heads_certified >= s.heads AS certified_met,
       s.posts - s.posts_filled AS posts_empty
FROM institution_staff s
LEFT JOIN judged j ON j.period = s.period AND j.inst_code = s.inst_code
