-- Kindergartens that should offer extended care by now and do not, by the newest form of who reports them. $phase: first (直属园 and
-- 镇街中心园) | public (all other public ones). From when: config/reference/extended_care_phases.csv, against the form's statistics date.
-- That nobody has come to a service that is offered is no fault: it is voluntary.
WITH listed AS (
    SELECT k.inst_code, k.inst_name, k.period, k.is_daily, k.is_holiday, n.stat_on,
           CASE WHEN r.level = 'bureau' THEN k.reporter_code
            WHEN u.level = 'park' THEN u.parent ELSE k.unit_code END AS unit_code,
           CASE WHEN i.is_direct OR i.is_central THEN 'first' WHEN i.is_public THEN 'public' END AS phase,
           CASE WHEN i.is_direct THEN '直属园' WHEN i.is_central THEN '镇街中心园' ELSE '公办园' END AS kind
    FROM extended_care k
    JOIN newest_forms n ON n.dataset = 'extended_care' AND n.for_period = $period
        AND n.period = k.period AND n.reporter_code = k.reporter_code
    JOIN institution_kinds i ON i.period = k.period AND i.inst_code = k.inst_code
    LEFT JOIN units u ON u.code = k.unit_code
    LEFT JOIN units r ON r.code = k.reporter_code
),
due AS (
    SELECT l.*, f.daily_from, f.holiday_from,
           COALESCE(f.daily_from <= l.stat_on AND NOT l.is_daily, false) AS no_daily,
           COALESCE(f.holiday_from <= l.stat_on AND NOT l.is_holiday, false) AS no_holiday
    FROM listed l
    JOIN extended_care_phases f ON f.phase = l.phase
    WHERE l.phase = $phase
)
SELECT 'institution' AS subject_kind, inst_code AS subject_code, inst_name AS subject_name, unit_code, period,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target,
       concat(kind, '：', concat_ws('；',
           CASE WHEN no_daily THEN concat('自', CAST(daily_from AS VARCHAR), '起应开展每日延时服务，至', CAST(stat_on AS VARCHAR), '未开展') END,
           CASE WHEN no_holiday THEN concat('自', CAST(holiday_from AS VARCHAR), '起应开展假期服务，至', CAST(stat_on AS VARCHAR), '未开展') END)) AS detail
FROM due WHERE no_daily OR no_holiday
