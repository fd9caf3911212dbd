#!/usr/bin/env python3
"""Saves a town's workbook as another office would.

    edit_workbook.py resave FROM TO     the same cells, written by openpyxl
    edit_workbook.py correct FROM TO    one more boy in the first class, totals with him

Prints nothing; fails if the form is not one of classes with 合计, 男, 女.
"""

import sys

import openpyxl

mode, source, target = sys.argv[1:4]
if mode == "resave":
    openpyxl.load_workbook(source).save(target)
    sys.exit()

book = openpyxl.load_workbook(source, data_only=True)
for sheet in book.worksheets:
    columns = {}
    for row in sheet.iter_rows():
        for cell in row:
            text = "".join(str(cell.value or "").split())
            for name, spellings in {"total": ("合计", "计"), "male": ("男", "男生", "男童"),
                                    "female": ("女", "女生", "女童")}.items():
                if text in spellings and name not in columns:
                    columns.setdefault(name, (cell.row, cell.column))
        if len(columns) == 3 and len({place[0] for place in columns.values()}) == 1:
            break
        if len(columns) < 3:
            columns = {} if not any(place[0] == row[0].row for place in columns.values()) else columns
    else:
        continue
    header = columns["total"][0]
    at = {name: place[1] for name, place in columns.items()}
    changed = False
    subtotal_due = True
    for row in range(header + 1, sheet.max_row + 1):
        values = [sheet.cell(row, at[name]).value for name in ("total", "male", "female")]
        if not all(isinstance(value, (int, float)) for value in values):
            continue
        words = "".join(str(cell.value or "") for cell in sheet[row]).replace(" ", "").replace("\u3000", "")
        is_subtotal = "小计" in words
        is_total = not is_subtotal and any(word in words for word in ("合计", "总计", "共计"))
        first = not changed and not is_subtotal and not is_total
        if first or is_total or (is_subtotal and changed and subtotal_due):
            sheet.cell(row, at["total"]).value += 1
            sheet.cell(row, at["male"]).value += 1
            changed = True
            subtotal_due = subtotal_due and not is_subtotal
    if changed:
        book.save(target)
        sys.exit()
sys.exit("no form of classes with 合计, 男, 女 in this workbook")
