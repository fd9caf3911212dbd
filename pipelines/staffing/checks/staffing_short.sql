-- Kindergartens that miss one rule of the staffing standard in the period. $rule: staff (教职工 and 保教 to children) | class | heads |
-- health | guards | certificates | posts. The rules and their sources stand in the metric institution_staffing.
WITH faults AS (
    SELECT *,
           CASE $rule
               WHEN 'staff' THEN NOT (staff_met AND care_met)
               WHEN 'class' THEN NOT class_met
               WHEN 'heads' THEN NOT heads_met
               WHEN 'health' THEN NOT health_met
               WHEN 'guards' THEN NOT guards_met
               WHEN 'certificates' THEN NOT certified_met
               WHEN 'posts' THEN is_public AND posts_empty > 0
           END AS fails
    FROM institution_staffing
    WHERE period = $period
)
SELECT 'institution' AS subject_kind, inst_code AS subject_code, inst_name AS subject_name, unit_code, period,
       CAST(CASE $rule WHEN 'staff' THEN CASE WHEN staff_met THEN teachers + nurses ELSE staff END
                       WHEN 'class' THEN teachers
                       WHEN 'heads' THEN heads
                       WHEN 'health' THEN health
                       WHEN 'guards' THEN guards
                       WHEN 'certificates' THEN teachers_certified + heads_certified
                       WHEN 'posts' THEN posts_filled END AS DOUBLE) AS observed,
       CAST(CASE $rule WHEN 'staff' THEN CASE WHEN staff_met THEN care_needed ELSE staff_needed END
                       WHEN 'class' THEN class_teachers_needed
                       WHEN 'heads' THEN CASE WHEN heads < heads_least THEN heads_least ELSE heads_most END
                       WHEN 'health' THEN health_needed
                       WHEN 'guards' THEN guards_needed
                       WHEN 'certificates' THEN teachers + heads
                       WHEN 'posts' THEN posts END AS DOUBLE) AS target,
       CASE $rule
           WHEN 'staff' THEN concat(
               '幼儿', CAST(children AS VARCHAR), '人，',
               CASE WHEN staff_met THEN ''
                    ELSE concat('教职工', CAST(staff AS VARCHAR), '人，按1:7应有', CAST(staff_needed AS VARCHAR), '人，缺',
                                CAST(staff_needed - staff AS VARCHAR), '人') END,
               CASE WHEN staff_met OR care_met THEN '' ELSE '；' END,
               CASE WHEN care_met THEN ''
                    ELSE concat('保教人员', CAST(teachers + nurses AS VARCHAR), '人，按1:9应有', CAST(care_needed AS VARCHAR), '人，缺',
                                CAST(care_needed - teachers - nurses AS VARCHAR), '人') END)
           WHEN 'class' THEN concat(
               CAST(classes AS VARCHAR), '个班，专任教师', CAST(teachers AS VARCHAR), '人、保育员', CAST(nurses AS VARCHAR),
               '人；每班应两教一保或三教，现有保育员下应有专任教师', CAST(class_teachers_needed AS VARCHAR), '人，缺',
               CAST(class_teachers_needed - teachers AS VARCHAR), '人')
           WHEN 'heads' THEN concat(
               CAST(classes AS VARCHAR), '个班，园长', CAST(heads AS VARCHAR), '名，',
               CASE WHEN heads < heads_least THEN concat('至少应配', CAST(heads_least AS VARCHAR), '名')
                    ELSE concat('至多可配', CAST(heads_most AS VARCHAR), '名') END)
           WHEN 'health' THEN concat(
               '幼儿', CAST(children AS VARCHAR), '人，卫生保健人员', CAST(health AS VARCHAR), '人，按150名幼儿1名应有',
               CAST(health_needed AS VARCHAR), '人，缺', CAST(health_needed - health AS VARCHAR), '人')
           WHEN 'guards' THEN concat(
               '幼儿', CAST(children AS VARCHAR), '人，保安', CAST(guards AS VARCHAR), '人，应有',
               CAST(guards_needed AS VARCHAR), '人，缺', CAST(guards_needed - guards AS VARCHAR), '人')
           WHEN 'certificates' THEN concat(
               '专任教师', CAST(teachers AS VARCHAR), '人，持证', CAST(teachers_certified AS VARCHAR), '人；园长',
               CAST(heads AS VARCHAR), '人，持证', CAST(heads_certified AS VARCHAR), '人；尚有',
               CAST(teachers + heads - teachers_certified - heads_certified AS VARCHAR), '人须持证')
           WHEN 'posts' THEN concat(
               '编制', CAST(posts AS VARCHAR), '个，在编', CAST(posts_filled AS VARCHAR), '人，空编',
               CAST(posts_empty AS VARCHAR), '个')
       END AS detail
FROM faults WHERE fails
