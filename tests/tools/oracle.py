#!/usr/bin/env python3
"""Computes a month's figures from the submitted workbooks, sharing no code with Duban.

    oracle.py HOME PERIOD [--as-of 2024-10-14T00:30:00Z]
    oracle.py HOME PERIOD --files LIST.json

Which files count is read from HOME/data/ledger.sqlite (the newest accepted submission of each data
set, period and reporter; the bytes from HOME/data/archive), or from a list
[{"path", "dataset", "period", "reporter_code"}, ...] with paths relative to HOME, where the last one
of a key counts. Everything else is computed here: the forms are read with openpyxl and csv by this
script's own rules, units come from HOME/config/units.csv.

Prints JSON: three_rates, gaps, class_size, teacher_ratio, certificates. Rates are null at 0/0.
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
# (numerator / denominator) targets: campaign, national.
TARGETS = {"gross_enrolment": ((93, 100), (85, 100)),
           "inclusive_coverage": ((85, 100), (80, 100)),
           "public_share": ((50, 100), (50, 100))}


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
        "班级": "class", "班级类型": "type", "班型": "type"}
COUNTS = {
    "enrollment": {("幼儿数", "合计"): "children", ("幼儿数", "男"): "male", ("幼儿数", "女"): "female"},
    "staffing": {("教职工数", "合计"): "staff", ("教职工数", "园长"): "heads",
                 ("教职工数", "专任教师"): "teachers", ("持证人数", "园长"): "heads_certified",
                 ("持证人数", "专任教师"): "teachers_certified"},
    "population": {("常住儿童数", "合计"): "resident", ("常住儿童数", "3岁"): "three",
                   ("常住儿童数", "4岁"): "four", ("常住儿童数", "5岁"): "five"},
    "institutions": {},
}


def table(grid, dataset):
    """Finds the header in a grid and gives its rows as dicts, or None."""
    anchor = "place" if dataset == "population" else "code"
    for top, row in enumerate(grid):
        cells = [fold(value) for value in row]
        if any(KEYS.get(cell) == anchor for cell in cells):
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
        if cell in KEYS:
            columns[KEYS[cell]] = c
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


def gaps(num, den, target, of_children):
    """Children short of a target: at an unchanged total, and by added places."""
    if den == 0:
        return None
    t = Fraction(*target)
    unchanged = max(0, ceil(t * den) - num)
    if not of_children:
        # Gross enrolment: more children in kindergartens are not more resident children.
        return {"unchanged_total": unchanged, "added_places": unchanged}
    added = max(0, ceil((t * den - num) / (1 - t))) if t < 1 else None
    return {"unchanged_total": unchanged, "added_places": added}


def rate(num, den):
    return None if not den else num / den


def compute(home, period, entries):
    units = Units(home / "config" / "units.csv")
    bureaus = {code for code, row in units.by_code.items() if row["level"] == "bureau"}
    end = datetime.date.fromisoformat(f"{period}-28")
    blank = lambda: {"reported": False, "staffing": False, "enrolled": 0, "public": 0,
                     "inclusive": 0, "classes": 0, "classes_within": 0, "teachers": 0, "heads": 0,
                     "teachers_certified": 0, "heads_certified": 0, "resident": None,
                     "resident_period": None, "points": 0, "toddlers": 0}
    towns = {row["code"]: blank() for row in units.towns()}

    for entry in entries:
        dataset, reporter, where = entry["dataset"], entry["reporter_code"], entry["path"]

        def town(row):
            if reporter in bureaus or row.get("place"):
                return units.town_of(row.get("place"), where)
            return units.town_of(reporter, where)

        if dataset == "enrollment" and entry["period"] == period:
            if reporter in towns:
                towns[reporter]["reported"] = True
            for row in read(entry, dataset):
                unit = towns[town(row)]
                children, kind = count(row["children"], where), fold(row["kind"])
                class_type = CLASS_TYPES[fold(row["type"])]
                if kind in POINTS:
                    unit["points"] += children
                    continue
                if class_type == "toddler":
                    unit["toddlers"] += children
                    continue
                if kind not in PUBLIC | INCLUSIVE | OTHER_PRIVATE:
                    raise SystemExit(f"{where}: {kind!r} is no kind of kindergarten")
                unit["enrolled"] += children
                unit["public"] += children if kind in PUBLIC else 0
                unit["inclusive"] += children if kind in PUBLIC | INCLUSIVE else 0
                unit["classes"] += 1
                unit["classes_within"] += children <= CLASS_LIMITS[class_type]
        elif dataset == "staffing" and entry["period"] == period:
            if reporter in towns:
                towns[reporter]["staffing"] = True
            for row in read(entry, dataset):
                unit = towns[town(row)]
                for key in ("teachers", "teachers_certified", "heads", "heads_certified"):
                    unit[key] += count(row[key], where)
        elif dataset == "population":
            # Counted on 1 September of its year.
            counted = datetime.date(int(entry["period"]), 9, 1)
            if counted > end:
                continue
            for row in read(entry, dataset):
                unit = towns[town(row)]
                if unit["resident_period"] is None or unit["resident_period"] < counted:
                    unit["resident_period"] = counted
                    unit["resident"] = count(row["resident"], where)

    rows, class_size, ratio, certificates, short = [], [], [], [], []
    level_of = {"town": lambda code: [code],
                "group": lambda code: [t for t in towns if units.by_code[t]["group"] == code],
                "district": lambda code: list(towns)}
    for code, row in units.by_code.items():
        if row["level"] not in level_of:
            continue
        members = level_of[row["level"]](code)
        head = {"level": row["level"], "unit_code": code, "unit_name": row["name"], "period": period}
        said = [towns[t] for t in members if towns[t]["reported"]]
        both = [t for t in said if t["resident"] is not None]
        total = lambda items, key: sum(item[key] for item in items)
        known = [towns[t]["resident"] for t in members if towns[t]["resident"] is not None]
        gross = (total(both, "enrolled"), total(both, "resident"))
        coverage = (total(said, "inclusive"), total(said, "enrolled"))
        share = (total(said, "public"), total(said, "enrolled"))
        rows.append(head | {
            "resident": sum(known) if known else None,
            "enrolled": total(said, "enrolled") if said else None,
            "inclusive_enrolled": total(said, "inclusive") if said else None,
            "public_enrolled": total(said, "public") if said else None,
            "gross_enrolment": rate(*gross), "inclusive_coverage": rate(*coverage),
            "public_share": rate(*share),
            "gross_num": gross[0] if both else None, "gross_den": gross[1] if both else None,
            "coverage_num": coverage[0] if said else None,
            "coverage_den": coverage[1] if said else None,
            "share_num": share[0] if said else None, "share_den": share[1] if said else None,
            "n_units": len(members), "n_reported": len(said)})
        if said:
            for metric, (num, den) in (("gross_enrolment", gross), ("inclusive_coverage", coverage),
                                       ("public_share", share)):
                for target_set, target in zip(("campaign", "national"), TARGETS[metric]):
                    gap = gaps(num, den, target, metric != "gross_enrolment")
                    short.append(head | {"metric": metric, "target_set": target_set} | (gap or {}))
        within, classes = total(said, "classes_within"), total(said, "classes")
        class_size.append(head | {"classes_within": within, "classes": classes,
                                  "class_size_rate": rate(within, classes)})
        staffed = [towns[t] for t in members if towns[t]["staffing"]]
        pair = [t for t in staffed if t["reported"]]
        ratio.append(head | {"children": total(pair, "enrolled"), "teachers": total(pair, "teachers"),
                             "children_per_teacher": rate(total(pair, "enrolled"),
                                                          total(pair, "teachers"))})
        certified = total(staffed, "teachers_certified") + total(staffed, "heads_certified")
        persons = total(staffed, "teachers") + total(staffed, "heads")
        certificates.append(head | {
            "heads": total(staffed, "heads"), "heads_certified": total(staffed, "heads_certified"),
            "teachers": total(staffed, "teachers"),
            "teachers_certified": total(staffed, "teachers_certified"),
            "certified": certified, "persons": persons,
            "certificate_rate": rate(certified, persons)})
    outside = {"childcare_point_children": sum(t["points"] for t in towns.values()),
               "toddlers": sum(t["toddlers"] for t in towns.values())}
    missing = [code for code, t in towns.items() if not t["reported"]]
    return {"period": period, "three_rates": rows, "gaps": short, "class_size": class_size,
            "teacher_ratio": ratio, "certificates": certificates, "outside": outside,
            "missing_enrollment": missing,
            "missing_staffing": [code for code, t in towns.items() if not t["staffing"]]}


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
