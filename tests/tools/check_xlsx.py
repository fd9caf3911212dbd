#!/usr/bin/env python3
"""Reads a workbook with openpyxl and prints what is in it as JSON.

    check_xlsx.py FILE.xlsx [--max-rows N]

Of each sheet: name, state, size, freeze panes, auto filter, merged ranges, print titles, column
widths; `header`: the first row that is frozen above the panes' split, or the first row; `cells`:
every non-empty cell with its value, kind, number format and whether it is bold; `formulas`: the cells
that hold a formula, with its saved value; `numbers_as_text`: cells whose text is only a number,
which a reader could not add up; further links within the book, conditional formats, lists to choose
from and print set-up. Of the book: links to other files and names that are defined.
"""

import argparse
import datetime
import json
import re
import sys

import openpyxl


def value_of(value):
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    return value


def describe(sheet, saved, max_rows):
    cells, formulas, as_text = [], [], []
    for row in sheet.iter_rows(max_row=max_rows):
        for cell in row:
            if cell.value is None:
                continue
            shown = saved[cell.coordinate].value
            if cell.data_type == "f":
                formulas.append({"cell": cell.coordinate, "formula": str(cell.value),
                                 "saved": value_of(shown)})
            if isinstance(shown, str) and re.fullmatch(r"\s*-?[\d,]+(\.\d+)?%?\s*", shown):
                as_text.append(cell.coordinate)
            cells.append({"cell": cell.coordinate, "value": value_of(shown),
                          "kind": saved[cell.coordinate].data_type,
                          "number_format": cell.number_format, "bold": bool(cell.font.bold),
                          "kept_as_text": bool(cell.quotePrefix)})
    frozen = sheet.freeze_panes
    split = openpyxl.utils.cell.coordinate_from_string(frozen)[1] if frozen else 2
    header_row = max(1, split - 1)
    return {"name": sheet.title, "state": sheet.sheet_state, "rows": sheet.max_row,
            "columns": sheet.max_column, "freeze_panes": frozen,
            "auto_filter": sheet.auto_filter.ref, "print_title_rows": sheet.print_title_rows,
            "merged": sorted(str(area) for area in sheet.merged_cells.ranges),
            "widths": {letter: column.width for letter, column in sheet.column_dimensions.items()},
            "header_row": header_row,
            "header": [value_of(cell.value) for cell in saved[header_row]],
            "cells": cells, "formulas": formulas, "numbers_as_text": as_text,
            "links": {cell.coordinate: cell.hyperlink.location
                      for row in sheet.iter_rows(max_row=max_rows) for cell in row if cell.hyperlink},
            "conditional": [{"area": str(area.sqref), "rule": rule.formula[0],
                             "colour": rule.dxf.font.color.rgb}
                            for area in sheet.conditional_formatting for rule in area.rules],
            "choices": {str(choice.sqref): choice.formula1
                        for choice in sheet.data_validations.dataValidation},
            "print": {"paper": sheet.page_setup.paperSize,
                      "orientation": sheet.page_setup.orientation,
                      "fits_page": bool(sheet.sheet_properties.pageSetUpPr
                                        and sheet.sheet_properties.pageSetUpPr.fitToPage),
                      "wide": sheet.page_setup.fitToWidth, "high": sheet.page_setup.fitToHeight,
                      "footer": sheet.oddFooter.center.text,
                      "margins": [sheet.page_margins.left, sheet.page_margins.right,
                                  sheet.page_margins.top, sheet.page_margins.bottom]}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--max-rows", type=int)
    args = parser.parse_args()
    book = openpyxl.load_workbook(args.file)
    saved = openpyxl.load_workbook(args.file, data_only=True)
    properties = book.properties
    json.dump({"properties": {"title": properties.title, "creator": properties.creator,
                              "comment": properties.description,
                              "created": value_of(properties.created)},
               "external_links": len(book._external_links), "names": sorted(book.defined_names),
               "sheets": [describe(sheet, saved[sheet.title], args.max_rows)
                          for sheet in book.worksheets]},
              sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
