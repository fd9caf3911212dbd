#!/usr/bin/env python3
"""A month of the campaign from files to mails, in one process: see README.md.

    month.py HOME PERIOD --at 2025-01-10T08:30:00+08:00
"""

import time

BEGUN = time.perf_counter()

import argparse  # noqa: E402
import datetime as dt  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
import sys  # noqa: E402
from email.message import EmailMessage  # noqa: E402
from email.utils import format_datetime, parseaddr  # noqa: E402

import figures  # noqa: E402
import paper  # noqa: E402
import reading  # noqa: E402
from home import Home, Period  # noqa: E402

IMPORTED = time.perf_counter()


def light(calendar, today, due):
    """An item's light on the day it is opened: red when overdue, yellow within five working days."""
    return "red" if today > due else "yellow" if calendar.between(today, due) <= 5 else "green"


def write(path, data):
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def mails(home, folder, subject, html, made, attachments, at):
    text = re.sub(r"\s*\n\s*", "\n", re.sub(r"<(style|title).*?</\1>|<[^>]+>", "", html, flags=re.S)).strip()
    for contact in home.contacts:
        if contact["role"] != "secretariat":
            continue
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"], mail["Date"] = home.sender, contact["email"], subject, format_datetime(at)
        key = hashlib.sha256(f"{subject}\0{contact['email']}".encode()).hexdigest()[:32]
        mail["Message-ID"] = f"<{key}@{parseaddr(home.sender)[1].split('@')[1]}>"
        mail.set_content(text)
        mail.add_alternative(html, subtype="html")
        for name, (png, _) in made.items():
            mail.get_payload()[1].add_related(png, "image", "png", cid=f"<{name}>")
        for name, kind, data in attachments:
            mail.add_attachment(data, maintype="application", subtype=kind, filename=name)
        write(folder / f"{key}.eml", mail.as_bytes())


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("home")
    arguments.add_argument("period")
    arguments.add_argument("--at", required=True)
    arguments.add_argument("--figures", help="write all figures here, to be compared")
    options = arguments.parse_args()
    steps = {}

    def done(step, since=[IMPORTED]):
        now = time.perf_counter()
        steps[step] = now - since[0]
        since[0] = now

    at = dt.datetime.fromisoformat(options.at)
    today, period, home = at.date(), Period(options.period), Home(options.home)
    current = home.root / "data/current"
    done("definitions")
    subs, frames = reading.take_inbox(home, today)
    done("read, check")
    for name, frame in frames.items():
        for (code,), rows in frame.group_by("period", maintain_order=True):
            path = current / name / f"{code}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows.write_parquet(path, compression="zstd")
    findings = [f for s in subs.values() for f in s.findings]
    write(home.root / "data/findings.json", json.dumps(findings, ensure_ascii=False, indent=1).encode())
    states = {s.number: {"file": s.name, "state": s.state, "dataset": s.dataset, "period": s.period.code} for s in subs.values()}
    write(home.root / "data/submissions.json", json.dumps(states, ensure_ascii=False, indent=1).encode())
    done("parquet, findings")
    db = figures.open_figures(home, current, period.starts_on.year - 2, today.year + 1)
    done("figures")
    items = []
    for number, v in enumerate(figures.violations(home, db, subs, period, today), 1):
        due = home.calendar.add(today, v["days"])[0]
        items.append(v | {"item_no": number, "opened_on": today, "due_on": due, "light": light(home.calendar, today, due)})
    write(home.root / "data/items.json", json.dumps(items, ensure_ascii=False, indent=1, default=str).encode())
    done("checks, items")
    q = paper.gather(home, db, subs, items, period, at, today)
    done("report: queries")
    made = paper.charts(q)
    done("report: charts")
    html, print_html = paper.pages(home, q, items, made, period, at, 1)
    done("report: html")
    pdf = paper.pdf(print_html)
    done("report: pdf")
    book = paper.workbook(q, frames, period, at)
    done("report: xlsx")
    stem = f"学前教育普及普惠攻坚工作进展情况报告_{period.code}_第1期"
    folder = home.root / "data/reports/joint_meeting" / period.code / "001"
    files = [(f"{stem}.pdf", "pdf", pdf), (f"{stem}.xlsx", "vnd.openxmlformats-officedocument.spreadsheetml.sheet", book)]
    for name, _, data in files:
        write(folder / name, data)
    write(folder / f"{stem}.html", html.replace('"cid:', '"').encode())
    for name, (png, _) in made.items():
        write(folder / name, png)
    mails(home, home.root / "data/mail", f"【联席会议】{period.label}学前教育普及普惠攻坚工作进展情况报告（第1期）", html, made, files, at)
    done("mails")
    if options.figures:
        tables = {t: figures.query(db, f"SELECT * FROM {t} ORDER BY ALL") for t in ("sums", "rates", "gaps", "trend")}
        with open(options.figures, "w", encoding="utf-8") as out:
            json.dump(tables | {"items": items, "submissions": states, "findings": findings}, out, ensure_ascii=False, default=str)
    total = time.perf_counter()
    print(json.dumps({"files": len(subs), "rows": sum(f.height for f in frames.values()), "items": len(items), "imports_s": IMPORTED - BEGUN,
                      "work_s": total - IMPORTED, "steps_s": {k: round(v, 4) for k, v in steps.items()}}, ensure_ascii=False))


sys.path.insert(0, os.path.dirname(__file__))
main()
