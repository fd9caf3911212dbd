#!/usr/bin/env python3
"""Duban and its peer side by side on the same month: see README.md.

    run.py --duban target/release/duban --python VENV/bin/python [--rounds 7] [--work DIR]

Each round copies the prepared home twice and runs both, another one first each time. Needs the standard library alone.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PERIOD, AT = "2024-12", "2025-01-10T08:30:00+08:00"
# When the months before were taken, all of them past.
BEFORE, BEFORE_AT = "2024-10", "2024-12-10T08:30:00+08:00"
INBOX = (PERIOD, "2024", "2024-2025")
DATASETS = ("institutions", "population", "enrollment", "staffing")


def prepare(duban, work):
    """A home whose inbox holds the month and the yearly forms, nothing of it taken; the months before as Parquet."""
    base = work / "base"
    if base.exists():
        return base
    demo, half = work / "demo", work / "base.part"
    for folder in (demo, half):
        shutil.rmtree(folder, ignore_errors=True)
    quiet = dict(check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([duban, "demo", "--home", demo, "--from", "2024-09"], **quiet)
    subprocess.run([duban, "init", half], **quiet)
    shutil.copy2(demo / "config/duban.local.toml", half / "config")
    # The peer knows four data sets. Of the others nobody expects anything in these months.
    for pipeline in (half / "pipelines").glob("*/pipeline.toml"):
        if pipeline.parent.name not in DATASETS:
            text = pipeline.read_text()
            pipeline.write_text(re.sub(r'first_period = "20\d\d(-20\d\d)?', lambda m: 'first_period = "2030' + ("-2031" if m[1] else ""), text))
    inbox = half / "inbox"

    def fill(wanted):
        """Files of the demo's four data sets, by whichever door they came, as if all had been dropped."""
        for row in sent:
            bytes_of = demo / "data/archive" / row["sha256"][:2] / row["sha256"]
            if wanted(row["period"]) and bytes_of.exists():
                folder = inbox / row["period"] / row["reporter_code"]
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(bytes_of, folder / row["file_name"])

    sql = "SELECT dataset, period, reporter_code, file_name, sha256 FROM submissions ORDER BY submission_id"
    asked = subprocess.run([duban, "--home", demo, "query", "--format", "json", sql], check=True, stdout=subprocess.PIPE)
    sent = [row for row in json.loads(asked.stdout) if row["dataset"] in DATASETS]
    fill(lambda period: len(period) == 7 and period < PERIOD)
    # Data sets by name and a period that is not the newest: snapshots, but no items and no edition.
    subprocess.run([duban, "--home", half, "--as-of", BEFORE_AT, "run", "enrollment", "staffing", "--period", BEFORE], **quiet)
    shutil.rmtree(inbox)
    fill(lambda period: period in INBOX)
    half.rename(base)
    return base


def run(command, log):
    """(wall seconds, CPU seconds, peak resident MB) of a command."""
    with open(log, "wb") as out:
        begun = time.perf_counter()
        child = subprocess.Popen(list(map(str, command)), stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command[0]} failed, see {log}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def show(name, values, unit):
    print(f"  {name:<34}{statistics.median(values):>9.3f} {unit:<3} ({min(values):.3f} – {max(values):.3f})")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--duban", type=Path, default=Path("target/release/duban"))
    arguments.add_argument("--python", type=Path, default=Path(sys.executable), help="with requirements.txt installed")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--work", type=Path, default=Path("target/peer"))
    options = arguments.parse_args()
    work, duban = options.work.resolve(), options.duban.resolve()
    # Not resolved: a venv's python is a link, and must be called by its own name.
    python = options.python.absolute()
    work.mkdir(parents=True, exist_ok=True)
    base = prepare(duban, work)
    homes = {name: work / f"home-{name}" for name in ("duban", "peer")}
    figures = work / "peer-figures.json"
    commands = {"duban": [duban, "--home", homes["duban"], "--as-of", AT, "run", "--period", PERIOD],
                "peer": [python, HERE / "month.py", homes["peer"], PERIOD, "--at", AT]}

    def one(name, extra=()):
        shutil.rmtree(homes[name], ignore_errors=True)
        shutil.copytree(base, homes[name])
        os.sync()
        return run([*commands[name], *extra], work / f"{name}.log")

    # The first of each warms caches (matplotlib's and fontconfig's lists of fonts) and is compared.
    one("duban")
    one("peer", ["--figures", figures])
    subprocess.run([sys.executable, HERE / "compare.py", duban, homes["duban"], figures, "--at", AT], check=True)
    taken = {name: [] for name in commands}
    bare = []
    for i in range(options.rounds):
        for name in sorted(commands, reverse=bool(i % 2)):
            taken[name].append(one(name))
        said = json.loads((work / "peer.log").read_text().splitlines()[-1])
        bare.append(said["work_s"])
    print(f"\n{options.rounds} rounds of {said['files']} files, {os.cpu_count()} cores; median (least – most)")
    for name, rows in taken.items():
        print(name)
        for column, (what, unit) in enumerate((("wall time", "s"), ("CPU time", "s"), ("peak resident memory", "MB"))):
            show(what, [row[column] for row in rows], unit)
    show("wall time without imports", bare, "s")
    print("peer to Duban, ratio within each round")
    pairs = list(zip(taken["peer"], taken["duban"]))
    for column, what in enumerate(("wall time", "CPU time", "peak resident memory")):
        show(what, [p[column] / d[column] for p, d in pairs], "×")
    show("wall time, peer without imports", [b / d[0] for b, d in zip(bare, taken["duban"])], "×")


main()
