-- title: 全区各项数字
-- description: 各月全区各项数字（任务进度和国家自评所据），一行一项：月报取当月，其余取统计日不晚于月末的最新一期（of_period）。没有该期的没有行；n_reported < n_units 为报送不全。
-- The ratio of the year before goes with pay alone. `periods` has one statistics date a period, the earliest
-- of all forms: the finance form is of the year's last day.
WITH figures AS (
    SELECT metric AS figure, period, num, den, n_units, n_reported,
           CAST(NULL AS BIGINT) AS before_num, CAST(NULL AS BIGINT) AS before_den
    FROM rates
    WHERE level = 'district' AND metric IN ('gross_enrolment', 'inclusive_coverage', 'public_share',
        'class_size', 'teacher_ratio', 'certificates', 'staffing_standard')
    UNION ALL
    SELECT 'post_vacancies', period, num, den, n_units, n_reported, NULL, NULL
    FROM post_vacancies WHERE level = 'district'
    UNION ALL
    SELECT 'party_coverage', period, num, den, n_units, n_reported, NULL, NULL
    FROM party_coverage WHERE level = 'district'
    UNION ALL
    SELECT 'extended_care_public', period, public_daily, public, n_units, n_reported, NULL, NULL
    FROM extended_care_coverage WHERE level = 'district'
    UNION ALL
    SELECT 'training_coverage', period, num, den, n_units, n_reported, NULL, NULL
    FROM training_coverage WHERE level = 'district'
    UNION ALL
    SELECT 'town_layout', period, num, den, n_units, n_reported, NULL, NULL
    FROM town_layout WHERE level = 'district'
    UNION ALL
    SELECT 'community_inclusive', period, num, den, n_units, n_reported, NULL, NULL
    FROM community_inclusive WHERE level = 'district'
    UNION ALL
    SELECT 'facility_standard', period, num, den, n_units, n_reported, NULL, NULL
    FROM facility_standard WHERE level = 'district'
    UNION ALL
    SELECT 'facility_new', period, new_met, new_institutions, n_units, n_reported, NULL, NULL
    FROM facility_standard WHERE level = 'district'
    UNION ALL
    SELECT measure, period, num, den, n_units, n_reported, NULL, NULL
    FROM inspection_rates WHERE level = 'district'
    UNION ALL
    SELECT concat('incidents_', measure), period, num, NULL, n_units, n_reported, NULL, NULL
    FROM incident_counts WHERE level = 'district'
    UNION ALL
    SELECT concat('funding_', category), period, num, den, n_units, n_reported, NULL, NULL
    FROM funding_per_child WHERE level = 'district'
    UNION ALL
    SELECT concat('pay_', category), period, num, den, n_units, n_reported, before_num, before_den
    FROM pay_ratio WHERE level = 'district'
    UNION ALL
    -- All papers together; a paper that is not published leaves the figure incomplete.
    SELECT 'satisfaction', period, SUM(approving), SUM(n), COUNT(*), COUNT(n), NULL, NULL
    FROM satisfaction_published WHERE level = 'district' AND headline
    GROUP BY period
),
dated AS (
    SELECT f.*, p.frequency,
           CASE WHEN f.figure LIKE 'funding\_%' ESCAPE '\' OR f.figure LIKE 'pay\_%' ESCAPE '\'
                THEN p.ends_on ELSE p.stat_on END AS known_on
    FROM figures f JOIN periods p ON p.period = f.period
),
months AS (
    SELECT DISTINCT c.period, p.ends_on
    FROM coverage c JOIN periods p ON p.period = c.period
    WHERE p.frequency = 'month'
),
ranked AS (
    SELECT m.period, f.figure, f.period AS of_period, f.num, f.den, f.n_units, f.n_reported,
           f.before_num, f.before_den,
           ROW_NUMBER() OVER (PARTITION BY m.period, f.figure ORDER BY f.known_on DESC) AS k
    FROM months m
    JOIN dated f ON f.known_on <= m.ends_on AND (f.frequency <> 'month' OR f.period = m.period)
)
SELECT period, figure, of_period, num, den, n_units, n_reported, before_num, before_den,
       n_reported = n_units AND num IS NOT NULL AS is_complete
FROM ranked WHERE k = 1
