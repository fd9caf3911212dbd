#!/usr/bin/env python3
"""Whether both programs came to the same: compare.py DUBAN DUBAN_HOME PEER_FIGURES.json --at TIMESTAMP

Every figure of every unit and period must be equal, as integers; what became of each file; the findings that a
clerk must act on, by file and code; the violations, with their text. Exits 1 and says what differs.
"""

import argparse
import json
import subprocess
import sys

RATES = "level, unit_code, period, metric, num, den, n_units, n_reported"
SUMS = ("level, unit_code, period, enrolled, public_enrolled, inclusive_enrolled, resident, gross_num, n_units, n_reported AS e_units, "
        "resident_basis, resident_as_of")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("duban")
    arguments.add_argument("home")
    arguments.add_argument("figures")
    arguments.add_argument("--at", required=True)
    options = arguments.parse_args()
    with open(options.figures, encoding="utf-8") as file:
        peer = json.load(file)

    def ask(sql):
        command = [options.duban, "--home", options.home, "query", sql, "--format", "json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    def rows(records, columns):
        return {tuple(str(r[c]) if r[c] is not None else None for c in columns) for r in records}

    n_wrong = 0

    def same(what, ours, theirs):
        nonlocal n_wrong
        wrong = sorted(map(str, ours ^ theirs))
        n_wrong += bool(wrong)
        print(f"{what}: {len(ours)} of Duban, {len(theirs)} of the peer, {'equal' if not wrong else f'{len(wrong)} DIFFER'}")
        for row in wrong[:6]:
            print("   ", row)

    columns = [c.split(" AS ")[-1].strip() for c in SUMS.split(",")]
    same("three rates", rows(ask(f"SELECT {SUMS} FROM three_rates"), columns), rows(peer["sums"], columns))
    columns = RATES.split(", ")
    same("all rates", rows(ask(f"SELECT {RATES} FROM rates"), columns), rows(peer["rates"], columns))
    columns = ["level", "unit_code", "period", "metric", "target_set", "met", "gap_unchanged", "gap_added"]
    same("gaps to targets", rows(ask(f"SELECT {', '.join(columns)} FROM rate_gaps"), columns), rows(peer["gaps"], columns))
    columns = ["level", "unit_code", "period", "metric", "rank", "rank_change"]
    same("ranks", rows(ask(f"SELECT {', '.join(columns)} FROM rate_trend"), columns), rows(peer["trend"], columns))
    periods = "', '".join(sorted({s["period"] for s in peer["submissions"].values()}))
    # Files with identities and those of no known form are not said by all of their columns.
    ours = ask(f"SELECT file_name AS file, state FROM submissions WHERE period IN ('{periods}')")
    same("files and their states", rows(ours, ["file", "state"]), rows(peer["submissions"].values(), ["file", "state"]))
    ours = ask(f"""SELECT DISTINCT s.file_name AS file, f.severity FROM findings f JOIN submissions s USING (submission_id)
                   WHERE f.severity <> 'note' AND s.period IN ('{periods}')""")
    same("files with findings", rows(ours, ["file", "severity"]),
         rows([f for f in peer["findings"] if f["severity"] != "note"], ["file", "severity"]))
    columns = ["check_id", "subject_code", "subject_name", "detail", "opened_on", "due_on", "light"]
    theirs = [i | {"check_id": i["check"], "subject_code": i["subject"], "subject_name": i["name"]} for i in peer["items"]]
    same("violations, as items", rows(ask(f"SELECT {', '.join(columns)} FROM items"), columns), rows(theirs, columns))
    return 1 if n_wrong else 0


sys.exit(main())
