"""Takes every figure of an edition back out of its files, with tools that share nothing with the program.

usage: figures_back.py DOCUMENT QUERIES HTML PDF DOCX XLSX   ('-' for a format that the edition does not have)

DOCUMENT is `duban report show EDITION --format json`, QUERIES a JSON object: rows of each named query, run anew by
`duban query`. Compared are

- each row of each table with a row of a query that has these columns (values, before they are shown);
- each inline figure's numerator and denominator with the values of the queries (found, or derived in the text);
- each value with its text, by the rules of this file (percent to two decimals, never on the other side of a round figure, …);
- each table, cell by cell, and each inline figure with what html.parser, pdftotext, python-docx and openpyxl read.

Prints JSON: how many figures were compared in each format, and what is wrong (nothing, if all is well).
"""

import json
import math
import re
import subprocess
import sys
from collections import Counter
from datetime import date, datetime
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

MARKS = "●▲■"


def clean(text):
    """Without blanks, line ends and the marks of lights: what remains must be equal."""
    return re.sub(rf"[\s\u00a0\u3000{MARKS}]+", "", text)


def walk(blocks):
    for block in blocks:
        yield block
        if block["kind"] == "landscape":
            yield from walk(block["block"])
        elif block["kind"] == "appendix":
            yield from walk(block["block"]["blocks"])


def inlines(document):
    for block in walk(document["blocks"]):
        if block["kind"] in ("para", "quote"):
            yield from block["block"]
        elif block["kind"] in ("list_item", "heading"):
            yield from block["block"]["content"]


def close(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool) and not isinstance(b, bool):
        return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
    return a == b


def plain(value):
    """The value of a typed cell."""
    return value.get("value")


def shown(fmt, value, text):
    """Whether `text` is how a value of this format may be written; a reason if it is not."""
    if value is None or isinstance(value, (str, bool)):
        return None
    if fmt in ("percent", "points"):
        match = re.fullmatch(r"([+-]?[\d.]+)%?", text)
        if not match:
            return "no number"
        exact = value * 100 if fmt == "percent" else value
        told = float(match[1])
        if abs(told - exact) > 0.01 + 1e-9:
            return f"{exact} is not {told}"
        # What lies below a multiple of half a percent is never shown as having reached it.
        if fmt == "percent" and abs(exact * 2 - round(exact * 2)) > 1e-9:
            if math.floor(exact * 2) != math.floor(told * 2):
                return f"{exact} is shown as the round figure {told}"
        elif abs(told - exact) > 0.005 + 1e-9 and abs(told) > 0.011:
            return f"{exact} is rounded wrongly: {told}"
        if fmt == "points" and (told > 0) != text.startswith("+"):
            return "a sign is missing"
        return None
    if fmt in ("int", "change"):
        told = int(text.replace(",", "").lstrip("+"))
        return None if abs(told - value) <= 0.5 else f"{value} is not {told}"
    if fmt == "ratio":
        return None if abs(float(text.replace(",", "")) - value) <= 0.1 else f"{value} is not {text}"
    return None


class Tables(HTMLParser):
    """Data tables (those that have a heading row) as lists of cells' texts, and all the text there is."""

    def __init__(self):
        super().__init__()
        self.tables, self.stack, self.text, self.skip = [], [], [], 0

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.stack.append({"rows": [], "data": "data" in (dict(attrs).get("class") or "") or dict(attrs).get("border") == "1"})
        elif tag == "tr" and self.stack:
            self.stack[-1]["rows"].append([])
        elif tag in ("td", "th") and self.stack and self.stack[-1]["rows"]:
            self.stack[-1]["rows"][-1].append("")
        elif tag in ("style", "script", "title"):
            self.skip += 1

    def handle_endtag(self, tag):
        if tag == "table":
            table = self.stack.pop()
            if table["data"]:
                self.tables.append(table["rows"])
        elif tag in ("style", "script", "title"):
            self.skip -= 1

    def handle_data(self, data):
        if self.skip:
            return
        self.text.append(data)
        for table in self.stack:
            if table["data"] and table["rows"] and table["rows"][-1]:
                table["rows"][-1][-1] += data


def html_of(path):
    reader = Tables()
    reader.feed(Path(path).read_text())
    return clean("".join(reader.text)), [[[clean(cell) for cell in row] for row in table] for table in reader.tables]


def docx_of(path):
    import docx

    paper = docx.Document(path)
    texts = []
    for element in paper.element.body.iter():
        if element.tag.endswith("}t") and element.text:
            texts.append(element.text)
    tables = [[[clean(cell.text) for cell in row.cells] for row in table.rows] for table in paper.tables]
    return clean("".join(texts)), tables


def pdf_of(path):
    lines = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True, text=True).stdout
    raw = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, check=True, text=True).stdout
    # A page's number and the turn of a page stand between two lines of a paragraph.
    raw = re.sub(r"\n?— \d+ —\n?", "", raw.replace("\f", "\n"))
    return clean(raw), [line.strip() for line in re.split(r"[\n\f]", lines)]


def rows_of(table):
    n = table.get("print_rows")
    return table["rows"] if n is None else table["rows"][:n]


def is_figure(text):
    return bool(re.fullmatch(r"[+-]?[\d,.]+%?", text))


def compare_tables(name, tables, read, wrong):
    """Every table's rows stand, in their order, as rows of one table that was read."""
    n = 0
    read = [table for table in read if table]
    for table in tables:
        wanted = [[clean(cell["text"]) for cell in row["cells"]] for row in rows_of(table)]
        for found in read:
            if len(found) >= len(wanted) and found[-len(wanted):] == wanted:
                n += sum(is_figure(text) for row in wanted for text in row)
                break
        else:
            wrong.append(f"{name}: the table {table['caption'] or table['name']} is not there as it should be: {wanted[:2]}")
    return n


def compare_pdf_tables(tables, lines, wrong):
    """Every row's figures stand on one line, in their order, as often as there are such rows."""
    n = 0
    there = Counter()
    split = [re.sub(rf"[{MARKS}]", " ", line).split() for line in lines]
    for table in tables:
        for row in rows_of(table):
            figures = [clean(cell["text"]) for cell in row["cells"] if is_figure(clean(cell["text"]))]
            if not figures:
                continue
            there[tuple(figures)] += 1
            n += len(figures)
    for figures, times in there.items():
        found = 0
        for tokens in split:
            at = iter(tokens)
            found += all(any(token == figure for token in at) for figure in figures)
        if found < times:
            wrong.append(f"pdf: the row {figures} is there {found} times, not {times}")
    return n


def compare_workbook(tables, path, wrong):
    import openpyxl

    n = 0
    book = openpyxl.load_workbook(path)
    sheets = [list(sheet.iter_rows()) for sheet in book.worksheets]
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    wrong.append(f"xlsx: {sheet.title}!{cell.coordinate} is a formula")

    def same(cell, value, text):
        if value["type"] == "null":
            return cell.value in (None, text) or clean(str(cell.value)) == clean(text)
        if value["type"] in ("int", "float"):
            return isinstance(cell.value, (int, float)) and close(float(cell.value), float(value["value"]))
        if value["type"] == "date":
            told = cell.value.date() if isinstance(cell.value, datetime) else cell.value
            return told == date.fromisoformat(value["value"])
        return clean(str(cell.value if cell.value is not None else "")) == clean(text)

    for table in tables:
        wanted = [row["cells"] for row in table["rows"]]

        def holds(row, cells):
            """The cells stand in the row in their order; a column of lights may stand between them."""
            at = iter(row)
            return all(any(same(found, cell["value"], cell["text"]) for found in at) for cell in cells)

        def stands(rows, first):
            return len(rows) >= first + len(wanted) and all(holds(rows[first + i], cells) for i, cells in enumerate(wanted))

        if any(stands(rows, first) for rows in sheets for first in range(min(8, len(rows)))):
            n += sum(cell["value"]["type"] in ("int", "float") for cells in wanted for cell in cells)
        else:
            wrong.append(f"xlsx: no sheet holds the table {table['caption'] or table['name']}")
    return n


def main():
    shown_document, queries, html, pdf, docx, xlsx = sys.argv[1:]
    document = json.loads(Path(shown_document).read_text())["document"]
    queries = json.loads(Path(queries).read_text())
    tables = [block["block"] for block in walk(document["blocks"]) if block["kind"] == "table"]
    figures = [inline for inline in inlines(document) if inline["kind"] == "figure"]
    wrong, counted = [], {"rows": 0, "values": 0, "figures": len(figures), "figures_in_queries": 0}

    for table in tables:
        names = [column["name"] for column in table["columns"]]
        sources = [rows for rows in queries.values() if rows and all(name in rows[0] for name in names)]
        for row in table["rows"]:
            values = [plain(cell["value"]) for cell in row["cells"]]
            if sources and not any(all(close(value, line[name]) for name, value in zip(names, values)) for rows in sources for line in rows):
                wrong.append(f"the row {dict(zip(names, values))} of {table['caption']} is in no query")
            counted["rows"] += bool(sources)
            for column, cell in zip(table["columns"], row["cells"]):
                value = plain(cell["value"])
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    counted["values"] += 1
                    reason = shown(column["format"], value, clean(cell["text"]))
                    if reason:
                        wrong.append(f"{table['caption']} {column['name']}: {cell['text']}: {reason}")

    known = set()
    for rows in queries.values():
        known.add(Fraction(len(rows)))
        for row in rows:
            known.update(Fraction(abs(value)) for value in row.values() if isinstance(value, (int, float)) and not isinstance(value, bool))
    for figure in figures:
        parts = [figure["num"]] + ([figure["den"]] if figure["den"] is not None else [])
        if all(part is None or Fraction(abs(part)) in known for part in parts):
            counted["figures_in_queries"] += 1
        text = clean(figure["text"].removesuffix(figure["unit"]))
        if figure["den"] and figure["num"] is not None:
            reason = shown("percent", figure["num"] / figure["den"], text)
            if reason:
                wrong.append(f"figure {figure}: {reason}")

    def in_text(name, text, figures=figures):
        for figure in figures:
            if clean(figure["text"]) not in text:
                wrong.append(f"{name}: the figure {figure['text']} is not there")
        return len(figures)

    if html != "-":
        text, read = html_of(html)
        # A long appendix is left to the attached papers; the mail must say so.
        told = {"blocks": []}
        for block in document["blocks"]:
            is_left = block["kind"] == "appendix" and clean(block["block"]["title"] + "：见所附文件。") in text
            counted["html_left_out"] = counted.get("html_left_out", 0) + is_left
            if not is_left:
                told["blocks"].append(block)
        shown_tables = [block["block"] for block in walk(told["blocks"]) if block["kind"] == "table"]
        shown_figures = [inline for inline in inlines(told) if inline["kind"] == "figure"]
        counted["html"] = in_text("html", text, shown_figures) + compare_tables("html", shown_tables, read, wrong)
    if docx != "-":
        text, read = docx_of(docx)
        counted["docx"] = in_text("docx", text) + compare_tables("docx", tables, read, wrong)
    if pdf != "-":
        text, lines = pdf_of(pdf)
        counted["pdf"] = in_text("pdf", text) + compare_pdf_tables(tables, lines, wrong)
    if xlsx != "-":
        counted["xlsx"] = compare_workbook(tables, xlsx, wrong)
    print(json.dumps({"counted": counted, "wrong": wrong}, ensure_ascii=False))


main()
