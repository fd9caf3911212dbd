#!/usr/bin/env python3
"""Computes a month's figures from the submitted workbooks, sharing no code with Duban.

    oracle.py HOME PERIOD [--as-of 2024-10-14T00:30:00Z]
    oracle.py HOME PERIOD --files LIST.json

Which files count is read from HOME/data/ledger.sqlite (the newest accepted submission of each data
set, period and reporter; the bytes from HOME/data/archive), or from a list
[{"path", "dataset", "period", "reporter_code"}, ...] with paths relative to HOME, where the last one
of a key counts. Everything else is computed here: the forms are read with openpyxl and csv by this
script's own rules, units come from HOME/config/units.csv.

Prints JSON, tables with the columns of the metrics of the same names: three_rates,
three_rates_carried, class_size, teacher_ratio, certificates, rate_gaps; and what stays outside the
rates and who is missing. A town is missing unless its own file counts, and the bureau's too where a
直属园 lies in it. Rates are null at 0/0.
"""

import argparse
import csv
import datetime
import io
import json
import pathlib
import sqlite3
import sys
import unicodedata
from fractions import Fraction

import openpyxl

CLASS_LIMITS = {"lower": 25, "middle": 30, "upper": 35, "mixed": 30}
CLASS_TYPES = {"托班": "toddler", "小班": "lower", "中班": "middle", "大班": "upper",
               "混合班": "mixed", "混龄班": "mixed"}
PUBLIC = {"教育部门办", "教育部门", "其他部门办", "其他部门", "地方企业办", "地方企业", "事业单位办",
          "事业单位", "部队办", "部队", "集体办", "集体"}
INCLUSIVE = {"普惠性民办", "普惠民办"}
OTHER_PRIVATE = {"非普惠性民办", "非普惠民办"}
POINTS = {"托幼点", "民办托幼点"}
# "At least", as numerator and denominator. Three rates: the plan, and the national floor; the others:
# 教督〔2020〕1号 (85 % of classes within their limit, 1 teacher to 15 children, all certified).
TARGETS = {"gross_enrolment": {"campaign": (93, 100), "national": (85, 100)},
           "inclusive_coverage": {"campaign": (85, 100), "national": (80, 100)},
           "public_share": {"campaign": (50, 100), "national": (50, 100)},
           "class_size": {"national": (85, 100)}, "teacher_ratio": {"national": (1, 15)},
           "certificates": {"national": (100, 100)}}


def fold(value):
    """Text of a cell without widths and blanks."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = unicodedata.normalize("NFKC", str(value))
    return "".join(c for c in text if not c.isspace())


def count(value, where):
    text = fold(value)
    if text == "":
        return 0
    try:
        number = Fraction(text)
    except ValueError:
        raise SystemExit(f"{where}: {value!r} is no count")
    if number.denominator != 1:
        raise SystemExit(f"{where}: {value!r} is no whole count")
    return int(number)


# ---------------------------------------------------------------- units

class Units:
    def __init__(self, path):
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines()
                 if line.strip() and not line.startswith("#")]
        self.by_code = {row["code"]: row for row in csv.DictReader(lines)}
        self.names = {}
        for code, row in self.by_code.items():
            for name in [row["name"], code, *row["aliases"].split(";")]:
                if name:
                    self.names.setdefault(fold(name), code)

    def towns(self):
        return [row for row in self.by_code.values() if row["level"] == "town"]

    def town_of(self, text, where):
        code = self.names.get(fold(text))
        if code is None:
            raise SystemExit(f"{where}: no unit is called {text!r}")
        while self.by_code[code]["level"] == "park":
            code = self.by_code[code]["parent"]
        return code


# ---------------------------------------------------------------- files → tables

def workbook_tables(data):
    book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    for sheet in book.worksheets:
        grid = [[cell.value for cell in row] for row in sheet.iter_rows()]
        for area in sheet.merged_cells.ranges:
            value = sheet.cell(area.min_row, area.min_col).value
            for r in range(area.min_row - 1, area.max_row):
                for c in range(area.min_col - 1, area.max_col):
                    grid[r][c] = value
        yield sheet.title, grid


def csv_tables(data):
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise SystemExit("a text file in no known encoding")
    yield "csv", [[cell or None for cell in row] for row in csv.reader(io.StringIO(text))]


KEYS = {"园所代码": "code", "机构代码": "code", "园所名称": "name", "幼儿园名称": "name",
        "所属镇街": "place", "所在镇街": "place", "所属街镇": "place", "镇街": "place",
        "镇街名称": "place", "办园类型": "kind", "园所类型": "kind", "班级名称": "class",
        "班级": "class", "班级类型": "type", "班型": "type", "统计口径": "basis",
        "口径": "basis", "是否直属园": "direct", "直属园": "direct"}
COUNTS = {
    "enrollment": {("幼儿数", "合计"): "children", ("幼儿数", "男"): "male", ("幼儿数", "女"): "female"},
    "staffing": {("教职工数", "合计"): "staff", ("教职工数", "园长"): "heads",
                 ("教职工数", "专任教师"): "teachers", ("持证人数", "园长"): "heads_certified",
                 ("持证人数", "专任教师"): "teachers_certified"},
    "population": {("常住儿童数", "合计"): "resident", ("常住儿童数", "3岁"): "three",
                   ("常住儿童数", "4岁"): "four", ("常住儿童数", "5岁"): "five"},
    "institutions": {},
    "childcare_points": {},
}
# Of the form of childcare points, which has one row of headings.
POINT_KEYS = {"托幼点代码": "code", "机构代码": "code", "幼儿数": "children", "在托幼儿数": "children",
              "处置方式": "disposal", "处置情况": "disposal"}


def table(grid, dataset):
    """Finds the header in a grid and gives its rows as dicts, or None."""
    anchor = "place" if dataset == "population" else "code"
    names = POINT_KEYS if dataset == "childcare_points" else KEYS
    for top, row in enumerate(grid):
        cells = [fold(value) for value in row]
        if any(names.get(cell) == anchor for cell in cells):
            break
    else:
        return None
    wanted = COUNTS[dataset]
    lower = [fold(value) for value in grid[top + 1]] if top + 1 < len(grid) else []
    two = bool(wanted) and any(cell == name for cell in lower for _, name in wanted)
    columns, group = {}, ""
    for c, cell in enumerate(cells):
        if two:
            group = cell or group
            name = lower[c] if c < len(lower) else ""
            key = next((k for (g, n), k in wanted.items() if group.endswith(g) and name == n), None)
            if key:
                columns[key] = c
                continue
        if cell in names:
            columns[names[cell]] = c
    if any(key not in columns for key in wanted.values()):
        return None
    rows = []
    for line in grid[top + (2 if two else 1):]:
        first = next((fold(value) for value in line if fold(value)), "")
        if first in ("合计", "总计", "共计"):
            break
        if first in ("", "小计") or first.startswith("注"):
            continue
        rows.append({key: line[c] if c < len(line) else None for key, c in columns.items()})
    return rows


def read(entry, dataset):
    data, name = entry["bytes"], entry["path"]
    tables = csv_tables(data) if not data.startswith(b"PK") else workbook_tables(data)
    for _, grid in tables:
        rows = table(grid, dataset)
        if rows is not None:
            return rows
    raise SystemExit(f"{name}: no table of {dataset} found")


# ---------------------------------------------------------------- which files count

def archived(home, sha, name):
    archive = home / "data" / "archive"
    for place in (archive / sha[:2] / sha, archive / sha):
        if place.is_file():
            return place.read_bytes()
        if place.is_dir():
            files = sorted(p for p in place.iterdir() if p.is_file())
            if files:
                return files[0].read_bytes()
    found = [p for p in archive.rglob(f"{sha}*") if p.is_file()]
    if not found:
        raise SystemExit(f"{name}: the archive has no file {sha}")
    return found[0].read_bytes()


def from_ledger(home, as_of):
    ledger = sqlite3.connect(f"file:{home / 'data' / 'ledger.sqlite'}?mode=ro", uri=True)
    ledger.row_factory = sqlite3.Row
    columns = {row["name"] for row in ledger.execute("PRAGMA table_info(submissions)")}
    state = "decision" if "decision" in columns else "state"
    order = "decided_at" if "decided_at" in columns else "received_at"
    newest = {}
    for row in ledger.execute(f"SELECT * FROM submissions ORDER BY {order}, submission_id"):
        if row[state] not in ("accepted", "accepted_with_warnings"):
            continue
        if as_of and row[order] > as_of:
            continue
        newest[row["dataset"], row["period"], row["reporter_code"]] = row
    return [{"path": row["file_name"], "dataset": row["dataset"], "period": row["period"],
             "reporter_code": row["reporter_code"],
             "bytes": archived(home, row["sha256"], row["file_name"])}
            for row in newest.values()]


def from_list(home, path):
    newest = {}
    for row in json.loads(pathlib.Path(path).read_text(encoding="utf-8")):
        newest[row["dataset"], row["period"], row["reporter_code"]] = row
    return [dict(row, bytes=(home / row["path"]).read_bytes()) for row in newest.values()]


# ---------------------------------------------------------------- figures

def ceil(fraction):
    return -((-fraction.numerator) // fraction.denominator)


def gaps(num, den, target, metric):
    """Short of a target (at least): at an unchanged total, and by additions to both."""
    t = Fraction(*target)
    unchanged = max(0, ceil(t * den) - num)
    if metric in ("gross_enrolment", "teacher_ratio"):
        # More children in kindergartens are not more residents; more teachers not more children.
        added = unchanged
    elif t < 1:
        added = max(0, ceil((t * den - num) / (1 - t)))
    else:
        added = 0 if unchanged == 0 else None
    return {"met": num >= t * den, "gap_unchanged": unchanged, "gap_added": added}


def rate(num, den):
    return num / den if den and num is not None else None


def blank_town():
    return {"own": False, "own_staff": False, "enrolled": 0, "public": 0, "inclusive": 0,
            "classes": 0, "within": 0, "children": 0, "teachers": 0, "heads": 0,
            "teachers_certified": 0, "heads_certified": 0, "points": 0, "toddlers": 0}


class Campaign:
    """All files that count, read once: town figures by month, residents, who has a 直属园."""

    def __init__(self, home, entries):
        self.units = Units(home / "config" / "units.csv")
        self.bureaus = {c for c, row in self.units.by_code.items() if row["level"] == "bureau"}
        self.codes = [row["code"] for row in self.units.towns()]
        self.months = {}
        self.bureau = {"enrollment": set(), "staffing": set()}
        self.population = []
        self.direct = []
        self.points = {}
        for entry in entries:
            # What is counted here; the other forms have no figure in these tables.
            take = getattr(self, "take_" + entry["dataset"], None)
            if take:
                take(entry, read(entry, entry["dataset"]))

    def town(self, entry, row):
        text = row.get("place") or entry["reporter_code"]
        return self.units.town_of(text, entry["path"])

    def month(self, period):
        return self.months.setdefault(period, {code: blank_town() for code in self.codes})

    def report(self, entry, flag):
        if entry["reporter_code"] in self.bureaus:
            self.bureau[entry["dataset"]].add(entry["period"])
        elif entry["reporter_code"] in self.codes:
            self.month(entry["period"])[entry["reporter_code"]][flag] = True

    def take_enrollment(self, entry, rows):
        self.report(entry, "own")
        where = entry["path"]
        for row in rows:
            unit = self.month(entry["period"])[self.town(entry, row)]
            children, kind = count(row["children"], where), fold(row["kind"])
            if children != count(row["male"], where) + count(row["female"], where):
                raise SystemExit(f"{where}: {children} are not as many as boys and girls")
            class_type = CLASS_TYPES[fold(row["type"])]
            if kind in POINTS:
                unit["points"] += children
                continue
            if kind not in PUBLIC | INCLUSIVE | OTHER_PRIVATE:
                raise SystemExit(f"{where}: {kind!r} is no kind of kindergarten")
            # Staff is not counted by class, so the ratio counts the under-threes.
            unit["children"] += children
            if class_type == "toddler":
                unit["toddlers"] += children
                continue
            unit["enrolled"] += children
            unit["public"] += children if kind in PUBLIC else 0
            unit["inclusive"] += children if kind in PUBLIC | INCLUSIVE else 0
            unit["classes"] += children > 0
            unit["within"] += 0 < children <= CLASS_LIMITS[class_type]

    def take_staffing(self, entry, rows):
        self.report(entry, "own_staff")
        for row in rows:
            unit = self.month(entry["period"])[self.town(entry, row)]
            for key in ("teachers", "teachers_certified", "heads", "heads_certified"):
                unit[key] += count(row[key], entry["path"])

    def take_childcare_points(self, entry, rows):
        there = [row for row in rows
                 if fold(row["code"]) != "无" and fold(row["disposal"]) not in ("取缔", "转办", "合并")]
        month = self.points.setdefault(entry["period"], {})
        month[entry["reporter_code"]] = (
            len(there), sum(count(row["children"], entry["path"]) for row in there))

    def take_population(self, entry, rows):
        # Counted on 1 September of its year.
        counted = datetime.date(int(entry["period"]), 9, 1)
        for row in rows:
            number = count(row["resident"], entry["path"])
            ages = sum(count(row[age], entry["path"]) for age in ("three", "four", "five"))
            if number != ages:
                raise SystemExit(f"{entry['path']}: {number} is not the sum of the ages")
            basis = fold(row.get("basis"))
            code = {"常住": "resident_3_5", "户籍": "registered_3_5"}.get(basis[:2])
            self.population.append((counted, self.town(entry, row), number, code))

    def take_institutions(self, entry, rows):
        counted = datetime.date(int(entry["period"][:4]), 9, 1)
        for row in rows:
            if fold(row.get("direct")) == "是" and fold(row["kind"]) not in POINTS:
                self.direct.append((counted, self.town(entry, row)))

    # -------- by period

    def end(self, period):
        year, month = int(period[:4]), int(period[5:])
        after = datetime.date(year + month // 12, month % 12 + 1, 1)
        return after - datetime.timedelta(1)

    def residents(self, period):
        newest = {}
        for counted, town, number, basis in sorted(self.population, key=lambda p: (p[0], p[1])):
            if counted <= self.end(period):
                newest[town] = (number, basis, counted)
        return newest

    def reported(self, period, dataset):
        """The towns whose figures are whole: its own are there, and the bureau's if it needs them."""
        flag = "own" if dataset == "enrollment" else "own_staff"
        waits = {town for counted, town in self.direct if counted <= self.end(period)}
        has_bureau = period in self.bureau[dataset] or not self.bureaus
        return [code for code, town in self.month(period).items()
                if town[flag] and (has_bureau or code not in waits)]

    def groups(self):
        for code, row in self.units.by_code.items():
            members = {"town": lambda: [code],
                       "group": lambda: [t for t in self.codes
                                         if self.units.by_code[t]["group"] == code],
                       "district": lambda: list(self.codes)}.get(row["level"])
            if members:
                yield row, members()


def three_rates(campaign, period, carried):
    here = campaign.reported(period, "enrollment")
    # Where a town's figures come from: this period, or (carried) the newest before it.
    source = {code: period for code in here}
    if carried:
        for earlier in sorted(p for p in campaign.months if p < period):
            for code in campaign.reported(earlier, "enrollment"):
                if source.get(code, "") != period:
                    source[code] = earlier
    residents = campaign.residents(period)
    rows = []
    for row, members in campaign.groups():
        said = [code for code in members if code in source]
        known = [code for code in said if code in residents]
        add = lambda codes, key: sum(campaign.month(source[c])[c][key] for c in codes)
        total = lambda key: add(said, key) if said else None
        resident = sum(residents[code][0] for code in known) if known else None
        gross = add(known, "enrolled") if known else None
        enrolled, public, inclusive = total("enrolled"), total("public"), total("inclusive")
        bases = sorted({residents[code][1] for code in known})
        one = {"level": row["level"], "unit_code": row["code"], "unit_name": row["name"],
               "period": period, "resident": resident, "enrolled": enrolled,
               "inclusive_enrolled": inclusive, "public_enrolled": public,
               "gross_enrolment": rate(gross, resident),
               "inclusive_coverage": rate(inclusive, enrolled),
               "public_share": rate(public, enrolled), "gross_num": gross, "gross_den": resident,
               "coverage_num": inclusive, "coverage_den": enrolled, "share_num": public,
               "share_den": enrolled, "n_units": len(members),
               "n_reported": sum(code in here for code in members),
               "resident_basis": bases[0] if len(bases) == 1 else "口径不一" if bases else None,
               "resident_as_of": min(str(residents[c][2]) for c in known) if known else None}
        if carried:
            old = sorted(source[code] for code in said if source[code] != period)
            one["carried_from"] = old[0] if old else None
        rows.append(one)
    return rows


def simple_rates(campaign, period):
    month = campaign.month(period)
    enrolled = set(campaign.reported(period, "enrollment"))
    staffed = set(campaign.reported(period, "staffing"))
    tables = {"class_size": [], "teacher_ratio": [], "certificates": []}
    for row, members in campaign.groups():
        head = {"level": row["level"], "unit_code": row["code"], "unit_name": row["name"],
                "period": period}

        def total(codes, *keys):
            codes = [code for code in members if code in codes]
            return sum(month[c][key] for c in codes for key in keys) if codes else None

        within, classes = total(enrolled, "within"), total(enrolled, "classes")
        tables["class_size"].append(head | {
            "classes": classes, "within": within, "class_size_rate": rate(within, classes),
            "num": within, "den": classes})
        both = enrolled & staffed
        children, teachers = total(both, "children"), total(both, "teachers")
        tables["teacher_ratio"].append(head | {
            "children": children, "teachers": teachers,
            "children_per_teacher": rate(children, teachers), "num": teachers, "den": children})
        num = total(staffed, "teachers_certified", "heads_certified")
        den = total(staffed, "teachers", "heads")
        tables["certificates"].append(head | {
            key: total(staffed, key)
            for key in ("teachers", "teachers_certified", "heads", "heads_certified")} | {
            "certificate_rate": rate(num, den), "num": num, "den": den})
    return tables


def compute(home, period, entries):
    campaign = Campaign(home, entries)
    rates = three_rates(campaign, period, carried=False)
    tables = simple_rates(campaign, period)
    short = []
    for metric, (rows, num, den) in {
            "gross_enrolment": (rates, "gross_num", "gross_den"),
            "inclusive_coverage": (rates, "coverage_num", "coverage_den"),
            "public_share": (rates, "share_num", "share_den"),
            **{name: (rows, "num", "den") for name, rows in tables.items()}}.items():
        for target_set, target in TARGETS[metric].items():
            for row in rows:
                found = gaps(row[num], row[den], target, metric) if row[den] else {
                    "met": None, "gap_unchanged": None, "gap_added": None}
                short.append({key: row[key] for key in ("level", "unit_code", "unit_name", "period")}
                             | {"metric": metric, "target_set": target_set, "num": row[num],
                                "den": row[den]} | found)
    month = campaign.month(period)
    missing = lambda dataset: [code for code in campaign.codes
                               if code not in campaign.reported(period, dataset)]
    points = campaign.points.get(period, {}).values()
    return {"period": period, "three_rates": rates,
            "childcare_points": {"points": sum(n for n, _ in points),
                                 "children": sum(n for _, n in points)},
            "three_rates_carried": three_rates(campaign, period, carried=True), **tables,
            "rate_gaps": short,
            "outside": {"childcare_point_children": sum(t["points"] for t in month.values()),
                        "toddlers": sum(t["toddlers"] for t in month.values())},
            "missing_enrollment": missing("enrollment"), "missing_staffing": missing("staffing")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=pathlib.Path)
    parser.add_argument("period")
    parser.add_argument("--as-of", help="UTC, as the ledger writes it: 2024-10-14T00:30:00Z")
    parser.add_argument("--files", help="a JSON list of the files that count")
    args = parser.parse_args()
    entries = from_list(args.home, args.files) if args.files else from_ledger(args.home, args.as_of)
    json.dump(compute(args.home, args.period, entries), sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
