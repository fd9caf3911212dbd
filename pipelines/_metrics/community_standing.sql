-- title: 小区配套园各期所知情况
-- description: 截至每期期末（for_period），每所小区配套园在其填报单位最新一期报表（period）中的情况，以及由谁答复（answers_code：区教育局
-- 填报的为区教育局，园区内的为所属镇街，其余为所在镇街）。最新一期报表漏列的园没有行。
SELECT n.for_period, n.stat_on, k.*,
       CASE WHEN r.level = 'bureau' THEN k.reporter_code WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS answers_code
FROM newest_forms n
JOIN community_kindergartens k ON k.period = n.period AND k.reporter_code = n.reporter_code
LEFT JOIN units u ON u.code = k.unit_code
LEFT JOIN units r ON r.code = k.reporter_code
WHERE n.dataset = 'community_kindergartens'
