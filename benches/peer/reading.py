"""From the files of the inbox to checked rows: which form, header, cells, rules, findings."""

import csv
import datetime as dt
import hashlib
import io
import re
from dataclasses import dataclass, field

import polars as pl
from python_calamine import CalamineWorkbook

from home import Period, fold, header_key

ID_NUMBER = re.compile(r"(?<!\d)\d{17}[\dX](?!\d)")
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
NOTE = re.compile(r"^(注|说明|填表说明|备注|填报单位|填报人|填表人|制表人|审核人|负责人|单位负责人|填报日期|填表日期|联系电话)(:|$)")
TOTAL = re.compile(r"^(合计|总计|共计|全区)$")
SUBTOTAL = re.compile(r"^(小计|本园小计|园小计)$")
TITLE_PERIODS = (("month", re.compile(r"(\d{4})年(\d{1,2})月")), ("school_year", re.compile(r"(\d{4})[-—–]+(\d{4})学年")),
                 ("year", re.compile(r"(\d{4})年(?!\d{1,2}月)")))
YES, NO = {"是", "√", "有", "1"}, {"否", "×", "无", "0", ""}
TYPES = {"int": pl.Int64, "bool": pl.Boolean, "date": pl.Date}


@dataclass
class Submission:
    number: int
    name: str
    period: Period
    reporter: str
    sha256: str
    dataset: str = "unrecognised"
    state: str = "accepted"
    sheet: str = ""
    findings: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    totals: list = field(default_factory=list)
    places: dict = field(default_factory=dict)
    late: bool = False

    def say(self, code, severity, read="", expected="", row=None, column=None):
        cell = ""
        if row is not None and column is not None:
            at = self.places.get(column)
            if at is not None:
                cell = (chr(65 + at) if at < 26 else chr(64 + at // 26) + chr(65 + at % 26)) + str(row)
        self.findings.append({"submission": self.number, "file": self.name, "code": code, "severity": severity,
                              "sheet": self.sheet, "cell": cell, "read": str(read), "expected": expected})


def sheets_of(data, name):
    """(sheet name, rows, merged ranges) of a workbook or a text file."""
    if data[:2] == b"PK":
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for sheet in map(book.get_sheet_by_name, book.sheet_names):
            yield sheet.name, sheet.to_python(skip_empty_area=False), sheet.merged_cell_ranges or []
    else:
        try:
            text, encoding = data.decode("utf-8-sig"), "utf-8"
        except UnicodeDecodeError:
            text, encoding = data.decode("gb18030"), "gb18030"
        rows = list(csv.reader(io.StringIO(text)))
        # A text file tells no merged cells: a blank upper header repeats the one to its left.
        yield f"\0{encoding}", rows, []


def is_id_number(text):
    check = sum(int(d) * w for d, w in zip(text, ID_WEIGHTS)) % 11
    return text[17] == "10X98765432"[check]


def holds_identities(sheets, forms):
    refused = set().union(*(form.refuse for form in forms.values()))
    for _, rows, _ in sheets:
        for i, row in enumerate(rows):
            for value in row:
                if not isinstance(value, str):
                    if isinstance(value, float) and value >= 1e16 and ID_NUMBER.search(f"{value:.0f}"):
                        return True
                    continue
                if i < 8 and value and header_key(value) in refused:
                    return True
                if len(value) >= 18 and any(is_id_number(m) for m in ID_NUMBER.findall(value)):
                    return True
    return False


def header_at(rows, merged, first, form):
    """The columns under a header that begins in a row, one or two rows deep: (last row, places)."""
    best = None
    for depth in (1, 2):
        if first + depth > len(rows):
            break
        upper = [header_key(v) if v != "" else "" for v in rows[first]]
        if depth == 2:
            lower = [header_key(v) if v != "" else "" for v in rows[first + 1]]
            if merged:
                for (r0, c0), (r1, c1) in merged:
                    if r0 == first:
                        upper[c0:c1 + 1] = [upper[c0]] * (c1 + 1 - c0)
            else:
                for c in range(1, len(upper)):
                    if upper[c] == "" and lower[c]:
                        upper[c] = upper[c - 1]
            upper = [u + low for u, low in zip(upper, lower)]
        places = {}
        for c, key in enumerate(upper):
            column = form.headers.get(key) or form.headers.get(re.sub(r"\((人|名|个)\)$", "", key))
            if column and column.name not in places:
                places[column.name] = c
        score = (sum(c.required and c.name in places for c in form.columns), len(places), -depth)
        if best is None or score > best[0]:
            best = score, first + depth, places
    return best


def find_header(sheets, forms):
    """The best header of all sheets and forms."""
    best = None
    for name, rows, merged in sheets:
        for form in forms:
            required = sum(c.required for c in form.columns)
            for first, row in enumerate(rows[:30]):
                hits = sum(isinstance(v, str) and v != "" and header_key(v) in form.parts for v in row)
                if hits < 2:
                    continue
                score, body, places = header_at(rows, merged, first, form)
                # Of one more required column a form is the better fit.
                rank = (score[0] / required, score[1], score[2])
                if best is None or rank > best[0]:
                    best = rank, form, name, rows, merged, first, body, places
    return best


def read_title(sub, rows, first):
    for row in rows[:first]:
        for value in row:
            if not isinstance(value, str) or not value or value.startswith("填报"):
                continue
            text = fold(value)
            for frequency, pattern in TITLE_PERIODS:
                found = pattern.search(text)
                if not found or frequency != sub.period.frequency:
                    continue
                said = {"month": lambda a, b=None: f"{a}-{int(b or 0):02}", "year": lambda a, b=None: a,
                        "school_year": lambda a, b=None: f"{a}-{b}"}[frequency](*found.groups())
                if said != sub.period.code:
                    sub.say("period.mismatch", "error", value, sub.period.label)
                break


def number(sub, column, value, row, untyped):
    if isinstance(value, float):
        n = value
    else:
        text = fold(value).replace(",", "").removesuffix("人")
        try:
            n = float(text)
        except ValueError:
            sub.say("cell.not_number", "error", value, "整数", row, column.name)
            return None
        if not untyped:
            sub.say("cell.text_number", "note", value, "数字", row, column.name)
    if n != int(n):
        sub.say("cell.not_integer", "error", value, "整数", row, column.name)
        return None
    if n < 0 or (column.low is not None and n < column.low) or (column.high is not None and n > column.high):
        sub.say("cell.out_of_range", "error", value, f"{column.low}–{column.high}", row, column.name)
        return None
    return int(n)


def cell(sub, column, value, row, untyped):
    if value == "" or value is None or (isinstance(value, str) and value.strip() in ("", "-", "—", "／", "/")):
        if column.blank == "error":
            sub.say("cell.blank", "error", "", column.title, row, column.name)
        return {"zero": 0, "false": False}.get(column.blank)
    kind = column.type
    if kind == "int":
        return number(sub, column, value, row, untyped)
    if kind == "text":
        text = str(int(value)) if isinstance(value, float) and value == int(value) else str(value).strip()
        if column.pattern:
            text = fold(text)
            if not column.pattern.match(text):
                sub.say("cell.pattern", "error", value, column.pattern.pattern, row, column.name)
        return text
    folded = fold(value)
    if kind == "code":
        code = column.codes.get(folded)
        if code is None:
            sub.say("cell.unknown_code", "error", value, "、".join(column.codes), row, column.name)
        return code
    if kind == "bool":
        if folded in YES or folded in NO:
            return folded in YES
        sub.say("cell.not_yes_no", "error", value, "是或否", row, column.name)
        return None
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date(*map(int, re.findall(r"\d+", folded)[:3]))
    except (TypeError, ValueError):
        sub.say("cell.not_date", "error", value, "2024-09-01", row, column.name)
        return None


def is_sum(sub, shown, value, at, name):
    """Says so where a (sub)total that is printed is not the sum of its rows."""
    if shown != "" and int(float(fold(shown).replace(",", ""))) != value:
        sub.say("total.mismatch", "error", shown, str(value), at, name)


def read_rows(sub, form, rows, merged, body, home):
    """Cells below the header as typed rows; notes passed over, totals kept apart."""
    untyped = sub.sheet.startswith("\0")
    for (r0, c0), (r1, c1) in merged:
        if r0 >= body and r1 > r0:
            for r in range(r0 + 1, r1 + 1):
                rows[r][c0] = rows[r0][c0]
    width = len(rows[0]) if rows else 0
    own = {sub.reporter} | {c for c, u in home.units.items() if u["parent"] == sub.reporter}
    is_bureau = home.units[sub.reporter]["level"] == "bureau"
    ints = [c.name for c in form.columns if c.type == "int" and c.name in sub.places]
    since = 0
    for at, row in enumerate(rows[body:], body + 1):
        first = next((v for v in row if v != ""), None)
        if first is None:
            continue
        if isinstance(first, str):
            word = fold(first)
            if NOTE.match(word):
                continue
            if SUBTOTAL.match(word):
                for name in ints:
                    is_sum(sub, row[sub.places[name]], sum(r[name] or 0 for r in sub.rows[since:]), at, name)
                since = len(sub.rows)
                continue
            if TOTAL.match(word):
                sub.totals.append((at, [row[c] if c < width else "" for c in sub.places.values()]))
                continue
        out = {}
        for column in form.columns:
            c = sub.places.get(column.name)
            value = row[c] if c is not None else None
            if c is None:
                out[column.name] = None
            else:
                out[column.name] = cell(sub, column, value, at, untyped)
        unit = sub.reporter
        if out.get("unit"):
            unit = home.names.get(fold(out["unit"]))
            if unit is None:
                sub.say("unit.unknown", "error", out["unit"], "本区镇街", at, "unit")
            elif not is_bureau and unit not in own:
                sub.say("unit.foreign", "error", out["unit"], home.units[sub.reporter]["name"], at, "unit")
        elif is_bureau:
            sub.say("unit.missing", "error", "", "所属镇街", at, "unit")
        out["unit_code"], out["_row"] = unit, at
        sub.rows.append(out)
    if not sub.rows and not sub.findings:
        sub.say("rows.none", "error", "", "至少一行数据")


def take(home, number, path, period, reporter, sha256, data, today):
    sub = Submission(number, path.name, period, reporter, sha256)
    sheets = list(sheets_of(data, path.name))
    if holds_identities(sheets, home.forms):
        best = find_header(sheets, home.forms.values())
        if best:
            sub.dataset = best[1].name
        sub.say("privacy.id_number", "error", "", "不含幼儿、家长的身份信息")
        sub.state = "refused"
        return sub
    timely = [form for form in home.forms.values() if form.frequency == period.frequency]
    best = find_header(sheets, timely)
    if best is None or best[0][0] < 1:
        named = [f for f in timely if f.title.removesuffix("表").removesuffix("月报") in path.name]
        if len(named) == 1:
            best = find_header(sheets, named)
            sub.dataset = named[0].name
    if best is None:
        sub.say("form.not_recognised", "error", path.name, "、".join(f.title for f in timely))
    else:
        _, form, sub.sheet, rows, merged, first, body, sub.places = best
        sub.dataset = form.name
        if sub.sheet == "\0gb18030":
            sub.say("file.encoding", "note", "GB18030", "UTF-8")
        missing = [c for c in form.columns if c.required and c.name not in sub.places]
        for column in missing:
            sub.say("header.missing", "error", "", column.title)
        read_title(sub, rows, first)
        if not missing:
            read_rows(sub, form, rows, merged, body, home)
        sub.late = today > home.calendar.add(period.stat_on(form), form.due_workdays)[0]
    sub.sheet = sub.sheet.lstrip("\0")
    return sub


def rules(form, frame, subs):
    """Row rules, keys and totals of all files of a form at once."""
    c = pl.col
    checks = {
        "enrollment": [("sum_of_sexes", "error", c.children == c.male + c.female, "children"),
                       ("class_of_plausible_size", "confirm", c.children.is_between(5, 50), "children")],
        "staffing": [
            ("sum_of_posts", "error", c.staff == pl.sum_horizontal("heads", "teachers", "nurses", "health", "admin",
                                                                  "support", "logistics", ignore_nulls=False), "staff"),
            ("guards_within_logistics", "error", c.guards <= c.logistics, "guards"),
            ("certified_teachers_within_teachers", "error", c.teachers_certified <= c.teachers, "teachers_certified"),
            ("certified_heads_within_heads", "error", c.heads_certified <= c.heads, "heads_certified"),
            ("filled_within_posts", "error", c.posts_filled <= c.posts, "posts_filled"),
            ("has_a_head", "confirm", c.heads >= 1, "heads")],
        "population": [("sum_of_ages", "error", c.resident_3_5 == c.resident_3 + c.resident_4 + c.resident_5, "resident_3_5"),
                       ("no_children_at_all", "confirm", c.resident_3_5 > 0, "resident_3_5")],
        "institutions": [
            ("closed_after_opened", "error", c.closed_on >= c.opened_on, "closed_on"),
            ("direct_is_public", "error", ~c.is_direct | (c.inst_kind == "public_education"), "is_direct"),
            ("branch_is_not_its_own_parent", "error", c.parent_code != c.inst_code, "parent_code"),
            ("community_is_public_or_inclusive", "confirm",
             ~c.is_community | ~c.inst_kind.is_in(["private_other", "childcare_point"]), "is_community"),
            ("name_once", "confirm", ~c.inst_name.is_duplicated().over("_submission"), "inst_name")],
    }[form.name]
    marked = frame.select("_submission", "_row", *(ok.alias(rule) for rule, _, ok, _ in checks))
    for rule, severity, _, column in checks:
        for number, row in marked.filter(~c(rule)).select("_submission", "_row").iter_rows():
            subs[number].say(f"rule.{rule}", severity, "", rule, row, column)
    keys = [column.name for column in form.columns if column.key] or ["unit_code"]
    twice = frame.filter(pl.struct("_submission", *keys).is_duplicated() & ~pl.struct("_submission", *keys).is_first_distinct())
    for number, row in twice.select("_submission", "_row").iter_rows():
        subs[number].say("key.duplicate", "error", "", "、".join(keys), row, keys[0])
    if form.name == "enrollment":
        one = frame.group_by("_submission", "inst_code").agg(
            pl.max_horizontal(c.inst_name.n_unique(), c.inst_kind.n_unique(), c.unit.n_unique()).alias("n"), c._row.min())
        for number, row in one.filter(c.n > 1).select("_submission", "_row").iter_rows():
            subs[number].say("rule.one_name_and_kind_per_institution", "error", "", "", row, "inst_name")
    ints = [column.name for column in form.columns if column.type == "int"]
    if not ints:
        return
    sums = frame.group_by("_submission").agg(pl.col(ints).sum())
    for number, *values in sums.select("_submission", *ints).iter_rows():
        sub = subs[number]
        for at, printed in sub.totals:
            printed = dict(zip(sub.places, printed))
            for name, value in zip(ints, values):
                is_sum(sub, printed.get(name, ""), value, at, name)


def take_inbox(home, today):
    """All files of the inbox, in the order of their names: submissions and the accepted rows of each form."""
    subs, newest = {}, {}
    for folder in sorted((home.root / "inbox").iterdir()):
        period = Period(folder.name)
        for unit in sorted(folder.iterdir()):
            for path in sorted(unit.iterdir()):
                data = path.read_bytes()
                sha256 = hashlib.sha256(data).hexdigest()
                if any(s.sha256 == sha256 and s.period == period and s.reporter == unit.name for s in newest.values()):
                    continue
                (home.root / "data/archive").mkdir(parents=True, exist_ok=True)
                kept = home.root / "data/archive" / sha256
                sub = take(home, len(subs) + 1, path, period, unit.name, sha256, data, today)
                if sub.state != "refused":
                    kept.write_bytes(data)
                subs[sub.number] = sub
                newest[sub.dataset, period.code, unit.name] = sub
    frames = {}
    for form in home.forms.values():
        schema = {"unit_code": pl.String, "reporter_code": pl.String, "period": pl.String}
        schema |= {c.name: TYPES.get(c.type, pl.String) for c in form.columns}
        schema |= {"_submission": pl.Int64, "_sheet": pl.String, "_row": pl.Int64}
        rows = [r | {"reporter_code": s.reporter, "period": s.period.code, "_submission": s.number, "_sheet": s.sheet}
                for s in subs.values() if s.dataset == form.name and s.state != "refused" for r in s.rows]
        frame = pl.DataFrame(rows, schema=schema)
        rules(form, frame, subs)
        frames[form.name] = frame
    current = {}
    for sub in subs.values():
        severities = {f["severity"] for f in sub.findings}
        if sub.state == "refused":
            continue
        sub.state = ("returned" if "error" in severities or sub.dataset == "unrecognised" else
                     "accepted_with_warnings" if "confirm" in severities else "accepted")
        if sub.state != "returned":
            key = sub.dataset, sub.period.code, sub.reporter
            if key in current:
                current[key].state = "superseded"
            current[key] = sub
    counted = [s.number for s in current.values()]
    for name, frame in frames.items():
        order = ["unit_code", "reporter_code", *(c.name for c in home.forms[name].columns if c.key), "_row"]
        frames[name] = frame.filter(pl.col("_submission").is_in(counted)).sort(order)
    return subs, frames
