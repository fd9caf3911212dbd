"""Figures and violations in DuckDB, over Parquet files: one statement a step, all periods at once."""

import duckdb

from home import Period

TITLES = {"gross_enrolment": "学前三年毛入园率", "inclusive_coverage": "普惠性幼儿园覆盖率", "public_share": "公办园在园幼儿占比",
          "class_size": "班额达标率", "teacher_ratio": "专任教师与在园幼儿之比", "certificates": "园长和专任教师持证率"}
NOUNS = {"teacher_ratio": "标准", "class_size": "标准", "certificates": "标准"}

STEPS = """
-- Every town's kindergartens by period. Parks lie in a town; childcare points and under-threes stay outside.
CREATE TABLE enr AS
SELECT e.* EXCLUDE (unit_code), coalesce(u.park_of, e.unit_code) AS town,
       e.inst_kind <> 'childcare_point' AS counts, starts_with(e.inst_kind, 'public_') AS is_public
FROM read_parquet($current || '/enrollment/*.parquet') e LEFT JOIN units u ON u.code = e.unit_code;
CREATE TABLE sta AS
SELECT s.* EXCLUDE (unit_code), coalesce(u.park_of, s.unit_code) AS town
FROM read_parquet($current || '/staffing/*.parquet') s LEFT JOIN units u ON u.code = s.unit_code;
CREATE TABLE reg AS
SELECT i.*, coalesce(u.park_of, i.unit_code) AS town, p.stat_on
FROM read_parquet($current || '/institutions/*.parquet') i LEFT JOIN units u ON u.code = i.unit_code
JOIN periods p ON p.period = i.period;

CREATE TABLE came AS
SELECT DISTINCT 'enrollment' AS dataset, period, reporter_code FROM enr
UNION ALL SELECT DISTINCT 'staffing', period, reporter_code FROM sta
UNION ALL SELECT DISTINCT 'institutions', period, reporter_code FROM reg
UNION ALL SELECT DISTINCT 'population', period, reporter_code FROM read_parquet($current || '/population/*.parquet');

-- A town has reported if its own file counts and, where a 直属园 lies in it, the bureau's too.
CREATE TABLE reported AS
WITH wanted AS (SELECT DISTINCT dataset, w.period, p.ends_on
                FROM came w JOIN periods p USING (period) WHERE dataset IN ('enrollment', 'staffing')),
direct AS (
    SELECT DISTINCT w.period, r.town FROM wanted w JOIN reg r ON r.stat_on <= w.ends_on
    WHERE r.is_direct AND r.inst_kind <> 'childcare_point' AND (r.closed_on IS NULL OR r.closed_on > w.ends_on)
      AND r.stat_on = (SELECT max(stat_on) FROM reg n WHERE n.reporter_code = r.reporter_code AND n.stat_on <= w.ends_on))
SELECT w.dataset, w.period, t.code AS town,
       o.reporter_code IS NOT NULL AND (d.town IS NULL OR b.reporter_code IS NOT NULL) AS reported
FROM wanted w CROSS JOIN (SELECT code FROM units WHERE level = 'town') t
LEFT JOIN came o ON (o.dataset, o.period, o.reporter_code) = (w.dataset, w.period, t.code)
LEFT JOIN direct d ON d.period = w.period AND d.town = t.code
LEFT JOIN (came JOIN units ON code = reporter_code AND level = 'bureau') b ON (b.dataset, b.period) = (w.dataset, w.period);

CREATE TABLE scope AS
SELECT 'town' AS level, code AS unit_code, name AS unit_name, code AS town FROM units WHERE level = 'town'
UNION ALL SELECT 'group', g.code, g.name, t.code FROM units g JOIN units t ON t."group" = g.code AND t.level = 'town' WHERE g.level = 'group'
UNION ALL SELECT 'district', d.code, d.name, t.code FROM units d CROSS JOIN units t WHERE d.level = 'district' AND t.level = 'town';

CREATE TABLE inst AS
SELECT period, inst_code, min(inst_kind) AS inst_kind, sum(children) AS children,
       count(*) FILTER (children > 0) AS classes FROM enr GROUP BY ALL;
CREATE TABLE staff AS
SELECT s.period, s.town, s.staff, s.heads, s.teachers, s.nurses, s.heads_certified, s.teachers_certified, i.children, i.classes
FROM sta s LEFT JOIN inst i USING (period, inst_code)
WHERE coalesce(i.inst_kind <> 'childcare_point',
               s.inst_code NOT IN (SELECT inst_code FROM reg WHERE inst_kind = 'childcare_point'));

-- What each town's own figures are, missing ones null.
CREATE TABLE towns AS
WITH e AS (
    SELECT period, town,
           sum(children) FILTER (counts AND class_type <> 'toddler') AS enrolled,
           sum(children) FILTER (class_type <> 'toddler' AND (is_public OR inst_kind = 'private_inclusive')) AS inclusive,
           sum(children) FILTER (class_type <> 'toddler' AND is_public) AS public,
           sum(children) FILTER (counts) AS all_children,
           count(*) FILTER (counts AND children > 0 AND class_type <> 'toddler') AS classes,
           count(*) FILTER (counts AND children > 0 AND class_type <> 'toddler' AND children <=
               CASE class_type WHEN 'lower' THEN 25 WHEN 'middle' THEN 30 WHEN 'upper' THEN 35 ELSE 30 END) AS within
    FROM enr GROUP BY ALL),
s AS (
    SELECT period, town, sum(teachers) AS teachers, sum(heads) AS heads, sum(teachers_certified + heads_certified) AS certified,
           count(*) FILTER (children > 0) AS judged,
           count(*) FILTER (children > 0 AND staff * 7 >= children AND (teachers + nurses) * 9 >= children AND
               (teachers >= 3 * classes OR (teachers >= 2 * classes AND nurses >= classes))) AS staffed
    FROM staff GROUP BY ALL),
residents AS (
    SELECT n.unit_code AS town, p.stat_on, sum(resident_3_5) AS resident, min(basis) AS basis
    FROM read_parquet($current || '/population/*.parquet') n JOIN periods p USING (period) GROUP BY ALL)
SELECT r.period, r.town, r.reported AS e_in, coalesce(q.reported, false) AS s_in, q.town IS NOT NULL AS s_any,
       CASE WHEN r.reported THEN coalesce(enrolled, 0) END AS enrolled, CASE WHEN r.reported THEN coalesce(inclusive, 0) END AS inclusive,
       CASE WHEN r.reported THEN coalesce(public, 0) END AS public, CASE WHEN r.reported THEN coalesce(classes, 0) END AS classes,
       CASE WHEN r.reported THEN coalesce(within, 0) END AS within,
       CASE WHEN r.reported THEN resident END AS resident, basis, n.stat_on,
       CASE WHEN q.reported AND r.reported THEN coalesce(all_children, 0) END AS all_children,
       CASE WHEN q.reported AND r.reported THEN coalesce(teachers, 0) END AS ratio_teachers,
       CASE WHEN q.reported THEN coalesce(teachers + heads, 0) END AS holders, CASE WHEN q.reported THEN coalesce(certified, 0) END AS certified,
       CASE WHEN q.reported AND r.reported THEN coalesce(judged, 0) END AS judged,
       CASE WHEN q.reported AND r.reported THEN coalesce(staffed, 0) END AS staffed
FROM reported r JOIN periods p ON p.period = r.period
LEFT JOIN reported q ON q.dataset = 'staffing' AND (q.period, q.town) = (r.period, r.town)
LEFT JOIN e ON (e.period, e.town) = (r.period, r.town) LEFT JOIN s ON (s.period, s.town) = (r.period, r.town)
ASOF LEFT JOIN residents n ON n.town = r.town AND p.ends_on >= n.stat_on
WHERE r.dataset = 'enrollment';

CREATE TABLE sums AS
SELECT level, unit_code, unit_name, period, count(*) AS n_units, count(*) FILTER (e_in) AS e_units, count(*) FILTER (s_in) AS s_units,
       count(*) FILTER (e_in AND s_in) AS b_units, bool_or(s_any) AS s_any,
       sum(enrolled)::BIGINT AS enrolled, sum(inclusive)::BIGINT AS inclusive_enrolled, sum(public)::BIGINT AS public_enrolled,
       sum(resident)::BIGINT AS resident, (sum(enrolled) FILTER (resident IS NOT NULL))::BIGINT AS gross_num,
       sum(within)::BIGINT AS within, sum(classes)::BIGINT AS classes, sum(ratio_teachers)::BIGINT AS ratio_teachers,
       sum(all_children)::BIGINT AS all_children, sum(certified)::BIGINT AS certified, sum(holders)::BIGINT AS holders,
       sum(staffed)::BIGINT AS staffed, sum(judged)::BIGINT AS judged,
       CASE WHEN count(DISTINCT basis) FILTER (e_in) > 1 THEN '口径不一' ELSE min(basis) FILTER (e_in) END AS resident_basis,
       min(stat_on) FILTER (e_in AND resident IS NOT NULL) AS resident_as_of
FROM scope JOIN towns USING (town) GROUP BY ALL;

CREATE TABLE rates AS
SELECT metric, level, unit_code, unit_name, period, num, den, n_units, n_reported
FROM sums, LATERAL (VALUES ('gross_enrolment', gross_num, resident, e_units), ('inclusive_coverage', inclusive_enrolled, enrolled, e_units),
    ('public_share', public_enrolled, enrolled, e_units), ('class_size', within, classes, e_units),
    ('teacher_ratio', ratio_teachers, all_children, b_units), ('certificates', certified, holders, s_units),
    ('staffing_standard', staffed, judged, b_units)) AS m(metric, num, den, n_reported)
WHERE s_any OR metric NOT IN ('teacher_ratio', 'certificates', 'staffing_standard');

-- Comparing and rounding in whole numbers; the targets of this district are all "at least".
CREATE TABLE gaps AS
SELECT r.*, t.target_set, t.num AS target_num, t.den AS target_den,
       CASE WHEN r.den > 0 THEN r.num * t.den >= t.num * r.den END AS met,
       CASE WHEN r.den > 0 THEN 100.0 * (t.num * r.den - t.den * r.num) / (t.den * r.den) END AS gap_points,
       CASE WHEN r.den > 0 THEN CASE WHEN met THEN 0 ELSE (t.num * r.den + t.den - 1) // t.den - r.num END END AS gap_unchanged,
       CASE WHEN r.den > 0 THEN CASE WHEN met THEN 0 WHEN r.metric IN ('gross_enrolment', 'teacher_ratio') THEN (t.num * r.den + t.den - 1) // t.den - r.num
            WHEN t.den > t.num THEN (t.num * r.den - t.den * r.num + t.den - t.num - 1) // (t.den - t.num) END END AS gap_added
FROM rates r JOIN periods p USING (period) JOIN targets t ON t.metric = r.metric AND t.level = r.level
    AND (t.unit_code IS NULL OR t.unit_code = r.unit_code)
    AND coalesce(t.valid_from <= p.ends_on, true) AND coalesce(t.valid_to >= p.ends_on, true)
QUALIFY row_number() OVER (PARTITION BY r.metric, r.level, r.unit_code, r.period, t.target_set ORDER BY t.unit_code NULLS LAST) = 1;

CREATE TABLE trend AS
WITH valued AS (SELECT r.*, r.num / nullif(r.den, 0) AS value, p.previous,
                       CASE WHEN den > 0 THEN rank() OVER (PARTITION BY metric, level, r.period ORDER BY r.num / nullif(r.den, 0) DESC NULLS LAST) END AS rank
                FROM rates r JOIN periods p USING (period))
SELECT v.* EXCLUDE (previous), 100 * (v.value - b.value) AS change_points, b.rank - v.rank AS rank_change
FROM valued v LEFT JOIN valued b ON (b.metric, b.level, b.unit_code, b.period) = (v.metric, v.level, v.unit_code, v.previous);
"""


def open_figures(home, current, first_year, last_year):
    """The engine with all figures of all periods under `current`."""
    db = duckdb.connect()
    units = [(c, u["name"], u["level"], u["group"] or None, u["parent"] if u["level"] == "park" else None) for c, u in home.units.items()]
    periods = []
    for frequency, sample in (("month", f"{first_year}-01"), ("year", str(first_year)), ("school_year", f"{first_year}-{first_year + 1}")):
        form = next(f for f in home.forms.values() if f.frequency == frequency)
        period = Period(sample)
        while period.starts_on.year <= last_year:
            periods.append((period.code, frequency, period.starts_on, period.ends_on, period.stat_on(form), period.shift(-1).code))
            period = period.shift(1)
    targets = [(t["metric"], t["level"], t["unit_code"] or None, t["target_set"], int(t["num"]), int(t["den"]), t["valid_from"] or None,
                t["valid_to"] or None) for t in home.targets]
    fill(db, 'units (code TEXT, name TEXT, level TEXT, "group" TEXT, park_of TEXT)', units)
    fill(db, "periods (period TEXT, frequency TEXT, starts_on DATE, ends_on DATE, stat_on DATE, previous TEXT)", periods)
    fill(db, "targets (metric TEXT, level TEXT, unit_code TEXT, target_set TEXT, num BIGINT, den BIGINT, valid_from DATE, valid_to DATE)", targets)
    for step in STEPS.split(";\n"):
        if step.strip():
            db.execute(step, {"current": str(current)} if "$current" in step else None)
    return db


def fill(db, table, rows):
    db.execute(f"CREATE TABLE {table}")
    if rows:
        marks = "(" + ", ".join("?" * len(rows[0])) + ")"
        db.execute(f"INSERT INTO {table.split()[0]} VALUES {', '.join([marks] * len(rows))}", [v for row in rows for v in row])


def query(db, sql, **params):
    cursor = db.execute(sql, params or None)
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


def expected(home, came, period, today):
    """Who is to report what, of each data set the newest period whose statistics date has come."""
    rows = []
    for form in home.forms.values():
        periods = sorted(p for d, p in came if d == form.name)
        if not periods:
            continue
        at = Period(periods[0])
        while at.stat_on(form) <= min(today, period.ends_on):
            due, newest = home.calendar.add(at.stat_on(form), form.due_workdays)[0], at
            at = at.shift(1)
            rows.append((form, newest, due))
    return rows


def missing_of(home, db, subs, period, today):
    """(data set, period, reporter, due) of what should be there and is not: overdue, and newest of all."""
    there = {tuple(r) for r in db.execute("SELECT dataset, period, reporter_code FROM came").fetchall()}
    seen = {(d, p) for d, p, _ in there} | {(s.dataset, s.period.code) for s in subs.values() if s.dataset in home.forms}
    overdue, newest = {}, {}
    for form, at, due in expected(home, seen, period, today):
        newest[form.name] = form, at, due
        if due < today:
            overdue[form.name] = form, at, due
    absent = lambda picked: [(f, p, r, due) for f, p, due in picked.values() for r in home.reporting[f.name]
                             if (f.name, p.code, r) not in there]
    return absent(overdue), absent(newest)


def violations(home, db, subs, period, today):
    """What the checks find: missing submissions, and rates below their targets."""
    returned = {(s.dataset, s.period.code, s.reporter) for s in subs.values() if s.state == "returned"}
    found = []
    overdue, _ = missing_of(home, db, subs, period, today)
    for form, at, reporter, due in overdue:
        what = "所报文件已退回，尚未更正" if (form.name, at.code, reporter) in returned else "尚未收到"
        found.append({"check": "submission_missing", "title": "报表逾期未报", "kind": "submission", "subject": f"{form.name}:{reporter}",
                      "name": home.units[reporter]["name"] + form.title.replace("月报表", "月报表"), "days": 3, "observed": None,
                      "detail": f"{at.code} 应于 {due} 前报送，{what}"})
    for g in query(db, "SELECT * FROM gaps WHERE period = $period AND NOT met AND level IN ('town', 'district') ORDER BY metric, level, unit_code",
                   period=period.code):
        wanted = "campaign" if g["metric"] in ("gross_enrolment", "inclusive_coverage", "public_share") else "national"
        if g["target_set"] != wanted:
            continue
        num, den, gap = g["num"], g["den"], g["gap_unchanged"]
        if g["metric"] == "teacher_ratio":
            detail = f"在园幼儿{den}人，专任教师{num}人，目标师幼比不低于{g['target_num']}:{g['target_den']}，尚缺专任教师{gap}人"
        else:
            points = num * 10000 // den
            tail = {"gross_enrolment": f"尚差{gap}人", "class_size": f"尚有{gap}个班须调整", "certificates": f"尚有{gap}人须持证"}.get(
                g["metric"], f"在园总数不变须转{gap}人，靠新增学位须增{g['gap_added']}人")
            detail = (f"{TITLES[g['metric']]}{points // 100}.{points % 100:02}%（{num}/{den}），目标不低于"
                      f"{g['target_num'] * 100 // g['target_den']}%，{tail}")
        if g["n_reported"] < g["n_units"]:
            detail += f"；另有{g['n_units'] - g['n_reported']}个镇街缺报，未计入"
        place = "镇街" if g["level"] == "town" else "全区"
        found.append({"check": f"{g['metric']}_{g['level']}", "title": f"{place}{TITLES[g['metric']]}未达{NOUNS.get(g['metric'], '目标')}",
                      "kind": g["level"], "subject": g["unit_code"], "name": g["unit_name"], "days": 20 if g["level"] == "town" else 60,
                      "observed": num / den, "detail": detail})
    return found
