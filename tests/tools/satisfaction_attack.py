#!/usr/bin/env python3
"""Tries to recover what a publication of survey results hides.

    satisfaction_attack.py < publication.json

Reads {"units": [{"code", "group"}], "rows": [...]}: the towns with their groups (null: in none), and
the published rows (period, paper, level, unit_code, hidden, n, approving, rate, ci_low, ci_high,
previous_period, previous_rate, change_points, met); a hidden row has nothing but its name. Nothing
else is known here: neither the answers nor how the publisher chose what to hide.

For each period and paper the attacker sets up all that is known of the unknown counts of the hidden
units (n answers, a of them approving): a shown district is the sum of all towns and of the answers
without a town, a shown group that of its towns, and 0 <= a <= n. A hidden figure is recovered if

- it follows from the sums by exact linear algebra (its row lies in their row space, over fractions),
- or the sums and bounds leave it one value, or a hidden rate only 0 or only 1 (linear programmes),
- or the next survey's change, or anything else in a hidden row, gives it back.

Prints JSON: {"trees", "hidden", "recovered": [text, ...]}.
"""

import json
import sys
from fractions import Fraction

from scipy.optimize import linprog

FIGURES = ("n", "approving", "rate", "ci_low", "ci_high", "previous_rate", "change_points", "met")


def in_row_space(rows, wanted):
    """Whether `wanted` is a combination of `rows`, exactly."""
    basis = []  # (pivot, row), each row reduced by those before it

    def reduce(row):
        row = [Fraction(x) for x in row]
        for pivot, other in basis:
            if row[pivot]:
                factor = row[pivot] / other[pivot]
                row = [x - factor * y for x, y in zip(row, other)]
        return row

    for row in rows:
        row = reduce(row)
        pivot = next((i for i, x in enumerate(row) if x), None)
        if pivot is not None:
            basis.append((pivot, row))
    return not any(reduce(wanted))


def attack(name, units, rows):
    """What can be recovered of one period's rows of one paper."""
    shown = {(r["level"], r["unit_code"]): (r["n"], r["approving"])
             for r in rows if not r["hidden"]}
    hidden = {(r["level"], r["unit_code"]) for r in rows if r["hidden"]}
    nodes = {**{key: None for key in shown}, **{key: None for key in hidden}}
    leaves = [key for key in nodes if key[0] in ("town", "unstated")]
    group = {u["code"]: u["group"] for u in units}

    def below(key):
        level, code = key
        if level == "district":
            return leaves
        if level == "group":
            return [leaf for leaf in leaves if leaf[0] == "town" and group[leaf[1]] == code]
        return [key]

    unknown = [leaf for leaf in leaves if leaf in hidden]
    if not hidden:
        return 0, []
    place = {leaf: i for i, leaf in enumerate(unknown)}
    equations, right_n, right_a = [], [], []
    for key, (n, a) in shown.items():
        if key[0] in ("town", "unstated"):
            continue
        known = [shown[leaf] for leaf in below(key) if leaf in shown]
        equations.append([int(leaf in below(key)) for leaf in unknown])
        right_n.append(n - sum(k[0] for k in known))
        right_a.append(a - sum(k[1] for k in known))
    found = []
    for key in sorted(hidden):
        row = [int(leaf in below(key)) for leaf in unknown]
        if not any(row):
            found.append(f"{name} {key}: the sum of what is shown below it")
        elif in_row_space(equations, row):
            found.append(f"{name} {key}: follows from the sums")
    if found:
        return len(hidden), found
    # Variables: n of each unknown leaf, then a of each.
    m = len(unknown)
    zero = [0] * m
    equal = [e + zero for e in equations] + [zero + e for e in equations]
    at_most = [[-int(i == j) for i in range(m)] + [int(i == j) for i in range(m)] for j in range(m)]

    def greatest(objective):
        result = linprog([-x for x in objective], A_ub=at_most, b_ub=zero,
                         A_eq=equal or None, b_eq=(right_n + right_a) or None,
                         bounds=(0, None), method="highs")
        if result.status == 3:
            return float("inf")
        assert result.status == 0, result.message
        return -result.fun

    for key in sorted(hidden):
        row = [int(leaf in below(key)) for leaf in unknown]
        # A hidden figure that is a known part and an unknown one is as unknown as the latter.
        for what, objective in (("n", row + zero), ("approving", zero + row)):
            high, low = greatest(objective), -greatest([-x for x in objective])
            if high - low < 0.5:
                found.append(f"{name} {key}: {what} can only be one value")
        if greatest(row + [-x for x in row]) < 0.5:
            found.append(f"{name} {key}: everybody hidden approves")
        if greatest(zero + row) < 0.5:
            found.append(f"{name} {key}: nobody hidden approves")
    return len(hidden), found


def main():
    publication = json.load(sys.stdin)
    trees, by_key, found = {}, {}, []
    for row in publication["rows"]:
        trees.setdefault((row["period"], row["paper"]), []).append(row)
        by_key[row["period"], row["paper"], row["level"], row["unit_code"]] = row
    for row in publication["rows"]:
        name = f"{row['period']} {row['paper']} {row['level']} {row['unit_code']}"
        if row["hidden"]:
            found += [f"{name}: {figure} stands there" for figure in FIGURES
                      if row[figure] is not None]
        before = by_key.get((row["previous_period"], row["paper"], row["level"], row["unit_code"]))
        if before and before["hidden"] and (row["change_points"] is not None
                                            or row["previous_rate"] is not None):
            found.append(f"{name}: gives back {row['previous_period']}")
    n_hidden = 0
    for (period, paper), rows in trees.items():
        count, recovered = attack(f"{period} {paper}", publication["units"], rows)
        n_hidden += count
        found += recovered
    print(json.dumps({"trees": len(trees), "hidden": n_hidden, "recovered": found}))


if __name__ == "__main__":
    main()
