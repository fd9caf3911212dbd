#!/usr/bin/env python3
"""Counts a survey's answers and computes its rates, sharing no code with Duban.

    satisfaction_oracle.py HOME WORKBOOK [--counts OUT.xlsx]

WORKBOOK is a survey platform's export: one sheet a paper, one row a respondent. It is read with
openpyxl by this script's own rules. Codes of options and questions come from
HOME/pipelines/satisfaction/pipeline.toml, units from HOME/config/units.csv, what counts as approval
from HOME/config/reference/.

Prints JSON: `counts` (unit_code, paper, question, option, answers) and `rates` (level, unit_code,
paper, question, n, approving, rate, ci_low, ci_high). With --counts the same answers are written as
the platform's other export, counts by option, one sheet a paper.

The 95 % interval is found by bisection: the shares p at which the score (x − n p) / √(n p (1 − p))
is ±1.959963984540054. Wilson's formula is not used.
"""

import argparse
import collections
import csv
import json
import pathlib
import re
import tomllib
import unicodedata

import openpyxl

Z = 1.959963984540054


def fold(value):
    text = unicodedata.normalize("NFKC", "" if value is None else str(value))
    return "".join(c for c in text if not c.isspace())


def table(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines()
             if not line.startswith("#")]
    return list(csv.DictReader(lines))


class District:
    def __init__(self, home):
        contract = tomllib.loads((home / "pipelines/satisfaction/pipeline.toml").read_text("utf-8"))
        columns = contract["columns"]
        self.options = {fold(label): code for code, labels in columns["option"]["codes"].items()
                        for label in labels}
        self.questions = {fold(label): code
                          for code, labels in columns["question"]["codes"].items()
                          for label in labels}
        self.question_text = {code: labels[0]
                              for code, labels in columns["question"]["codes"].items()}
        self.option_text = {code: labels[0] for code, labels in columns["option"]["codes"].items()}
        self.towns, self.names, self.group = {}, {}, {}
        for row in table(home / "config/units.csv"):
            if row["level"] == "district":
                self.code = row["code"]
            if row["level"] == "town":
                self.group[row["code"]] = row["group"]
                self.names[row["code"]] = row["name"]
                for name in [row["name"], *row["aliases"].split(";")]:
                    if name:
                        self.towns[fold(name)] = row["code"]
        reference = home / "config/reference"
        self.counted, self.approving = {}, {}
        for row in table(reference / "survey_options.csv"):
            key = (row["paper"], row["option"])
            self.counted[key] = row["in_base:bool"] == "1"
            self.approving[key] = row["approves:bool"] == "1"
        self.headline = {(row["paper"], row["question"]): row["headline:bool"] == "1"
                         for row in table(reference / "survey_questions.csv")}


PAPERS = {"家长": "A", "代表": "B", "教师": "C"}


def read(district, path):
    """(unit, paper, question, option) -> answers"""
    counts = collections.Counter()
    for sheet in openpyxl.load_workbook(path, read_only=True, data_only=True):
        paper = next(code for word, code in PAPERS.items() if word in sheet.title)
        town_at, question_at = None, {}
        for row in sheet.iter_rows(values_only=True):
            cells = [fold(cell) for cell in row]
            if town_at is None:
                for i, cell in enumerate(cells):
                    bare = re.sub(r"^\d+、|\?$", "", cell)
                    if bare == "您所在的镇街":
                        town_at = i
                    elif bare in district.questions:
                        question_at[i] = district.questions[bare]
                if not question_at:
                    town_at = None
                continue
            unit = district.towns.get(cells[town_at], district.code)
            assert unit != district.code or cells[town_at] in ("", "(空)"), cells[town_at]
            for i, question in question_at.items():
                answer = re.sub(r"^[A-F]\.", "", cells[i])
                if answer not in ("", "(跳过)", "(空)"):
                    counts[unit, paper, question, district.options[answer]] += 1
    return counts


def score_limit(x, n, upper):
    """The p above (or below) x/n at which the score test just rejects."""
    low, high = (x / n, 1.0) if upper else (0.0, x / n)
    if (upper and x == n) or (not upper and x == 0):
        return x / n
    for _ in range(200):
        p = (low + high) / 2
        score = abs(x - n * p) / (n * p * (1 - p)) ** 0.5 if 0 < p < 1 else float("inf")
        if (score < Z) == upper:
            low = p
        else:
            high = p
    return (low + high) / 2


def rates(district, counts):
    sums = collections.defaultdict(lambda: [0, 0])
    for (unit, paper, question, option), answers in counts.items():
        if not district.counted[paper, option]:
            continue
        places = [("district", district.code)]
        if district.headline[paper, question]:
            places.append(("unstated" if unit == district.code else "town", unit))
            if district.group.get(unit):
                places.append(("group", district.group[unit]))
        for place in places:
            total = sums[(*place, paper, question)]
            total[0] += answers
            total[1] += answers if district.approving[paper, option] else 0
    rows = []
    for (level, unit, paper, question), (n, approving) in sorted(sums.items()):
        rows.append({"level": level, "unit_code": unit, "paper": paper, "question": question,
                     "n": n, "approving": approving, "rate": approving / n,
                     "ci_low": score_limit(approving, n, False),
                     "ci_high": score_limit(approving, n, True)})
    return rows


def write_counts(district, counts, path):
    book = openpyxl.Workbook()
    book.remove(book.active)
    titles = {"A": "家长问卷", "B": "代表委员问卷", "C": "园长教师问卷"}
    for paper in "ABC":
        sheet = book.create_sheet(titles[paper])
        sheet.append(["示例数据（虚构）"])
        sheet.append(["镇街", "题目", "选项", "小计", "比例"])
        units = sorted({unit for unit, of, _, _ in counts if of == paper})
        for unit in units:
            for i, question in enumerate(district.question_text):
                asked = [option for option in district.option_text
                         if counts[unit, paper, question, option]]
                if not asked:
                    continue
                first = True
                for letter, (option, text) in zip("ABCDEF", district.option_text.items()):
                    # Merged as the platform does it: the question stands once.
                    sheet.append([district.names.get(unit, "未注明") if first else None,
                                  f"{i + 1}、{district.question_text[question]}？" if first else None,
                                  f"{letter}.{text}", counts[unit, paper, question, option], "—"])
                    first = False
                sheet.append([None, None, "本题有效填写人次",
                              sum(counts[unit, paper, question, o] for o in district.option_text)])
    book.save(path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=pathlib.Path)
    parser.add_argument("workbook", type=pathlib.Path)
    parser.add_argument("--counts", type=pathlib.Path)
    arguments = parser.parse_args()
    district = District(arguments.home)
    counts = read(district, arguments.workbook)
    if arguments.counts:
        write_counts(district, counts, arguments.counts)
    rows = [{"unit_code": unit, "paper": paper, "question": question, "option": option,
             "answers": answers}
            for (unit, paper, question, option), answers in sorted(counts.items())]
    print(json.dumps({"counts": rows, "rates": rates(district, counts)}, ensure_ascii=False))


if __name__ == "__main__":
    main()
