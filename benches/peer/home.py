"""The district's files: units, calendar, targets, contacts, and the columns of the forms."""

import csv
import datetime as dt
import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

DATASETS = ("institutions", "population", "enrollment", "staffing")
_BLANK = re.compile(r"\s+")


def fold(value):
    """Text as it is compared: plain width, without blanks."""
    text = value if isinstance(value, str) else str(value)
    if text.isascii():
        return _BLANK.sub("", text)
    return _BLANK.sub("", unicodedata.normalize("NFKC", text))


def header_key(text):
    return fold(text).strip("*:").replace("/", "")


def read_csv(path):
    lines = [line for line in path.read_text("utf-8-sig").splitlines() if line and line[0] != "#"]
    return list(csv.DictReader(lines))


@dataclass
class Column:
    name: str
    title: str
    type: str
    required: bool
    blank: str
    codes: dict
    low: float | None
    high: float | None
    pattern: re.Pattern | None
    key: bool


@dataclass
class Form:
    name: str
    title: str
    frequency: str
    stat_on: str
    due_workdays: int
    reporters: list
    columns: list
    headers: dict = field(default_factory=dict)  # folded header -> column
    parts: set = field(default_factory=set)
    drop: set = field(default_factory=set)
    refuse: set = field(default_factory=set)

    @classmethod
    def load(cls, path):
        raw = tomllib.loads(path.read_text("utf-8"))
        d = raw["dataset"]
        form = cls(d["name"], d["title"], d["frequency"], d["stat_on"], d["due_workdays"], d["reporters"], [])
        for name, c in raw["columns"].items():
            codes = {fold(label): code for code, labels in c.get("codes", {}).items() for label in labels}
            pattern = re.compile(c["pattern"]) if "pattern" in c else None
            column = Column(name, c["header"], c["type"], c.get("required", True), c.get("blank", "null"), codes,
                            c.get("min"), c.get("max"), pattern, c.get("key", False))
            form.columns.append(column)
            for header in [c["header"], *c.get("aliases", [])]:
                form.headers[header_key(header)] = column
                form.parts.update(header_key(part) for part in header.split("/"))
                form.parts.add(header_key(header))
        form.drop = {header_key(h) for h in raw["drop"]["columns"]}
        form.refuse = {header_key(h) for h in raw["refuse"]["columns"]}
        return form


class Calendar:
    def __init__(self, path):
        self.special = {dt.date.fromisoformat(r["date"]): r["workday"] == "1" for r in read_csv(path)}
        self.last = max(day.year for day in self.special)

    def works(self, day):
        return self.special.get(day, day.weekday() < 5)

    def add(self, day, n):
        """The n-th working day after a day; and whether it reaches a year without a notice."""
        while n:
            day += dt.timedelta(1)
            n -= self.works(day)
        return day, day.year > self.last

    def between(self, first, last):
        return sum(self.works(first + dt.timedelta(i)) for i in range(1, (last - first).days + 1))


@dataclass(frozen=True)
class Period:
    code: str

    @property
    def frequency(self):
        return {4: "year", 7: "month", 9: "school_year"}[len(self.code)]

    @property
    def starts_on(self):
        if self.frequency == "month":
            return dt.date.fromisoformat(self.code + "-01")
        return dt.date(int(self.code[:4]), 9 if self.frequency == "school_year" else 1, 1)

    @property
    def ends_on(self):
        s = self.starts_on
        if self.frequency == "month":
            return (s.replace(day=28) + dt.timedelta(4)).replace(day=1) - dt.timedelta(1)
        return s.replace(year=s.year + 1) - dt.timedelta(1)

    def shift(self, n):
        s = self.starts_on
        if self.frequency == "month":
            months = s.year * 12 + s.month - 1 + n
            return Period(f"{months // 12}-{months % 12 + 1:02}")
        if self.frequency == "year":
            return Period(str(s.year + n))
        return Period(f"{s.year + n}-{s.year + n + 1}")

    def stat_on(self, form):
        if form.stat_on == "last_day":
            return self.ends_on
        month, day = map(int, form.stat_on.split("-"))
        return dt.date(self.starts_on.year, month, day)

    @property
    def label(self):
        if self.frequency == "month":
            return f"{self.code[:4]}年{int(self.code[5:])}月"
        return f"{self.code}学年" if self.frequency == "school_year" else f"{self.code}年"


class Home:
    def __init__(self, root):
        self.root = Path(root)
        self.units = {u["code"]: u for u in read_csv(self.root / "config/units.csv")}
        self.names = {}
        for code, u in self.units.items():
            for name in [u["name"], code, *u["aliases"].split(";")]:
                if name:
                    self.names[fold(name)] = code
        self.calendar = Calendar(self.root / "config/calendar.csv")
        self.targets = read_csv(self.root / "config/targets.csv")
        self.contacts = read_csv(self.root / "config/contacts.csv")
        self.forms = {name: Form.load(self.root / f"pipelines/{name}/pipeline.toml") for name in DATASETS}
        local = self.root / "config/duban.local.toml"
        settings = tomllib.loads((self.root / "config/duban.toml").read_text("utf-8"))
        self.sender = settings["mail"]["from"]
        self.district = settings["district"]
        extra = tomllib.loads(local.read_text("utf-8")) if local.exists() else {}
        self.notices = extra.get("reports", {}).get("notices", [])
        self.reporting = {f.name: [c for c, u in self.units.items() if u["level"] in f.reporters]
                          for f in self.forms.values()}

    def town_of(self, code):
        unit = self.units[code]
        return unit["parent"] if unit["level"] == "park" else code
