"""The files of one edition with the libraries that a Python programme would use.

The typed document that Duban's renderers see is read as JSON (`document.json` in the folder that is given),
its charts as the PNG and SVG files that Duban drew: the peer is spared the drawing. What it makes:

- html: Jinja2, tables and figures as in our mail, without inlining the style;
- pdf: WeasyPrint, from that HTML with a page style after GB/T 9704-2012 (margins, grid, heading faces, page
  numbers left and right, landscape pages);
- docx: python-docx, with styles, eastAsia faces, repeated header rows, pictures;
- xlsx: XlsxWriter, a sheet a table, with formats, frozen headers, filters.

Started once; imports do not count. Each line of stdin names a format; the answer is one line: seconds, bytes.
Anything else ends it.
"""

import io
import json
import sys
import time
from pathlib import Path

import docx
import jinja2
import weasyprint
import xlsxwriter
from docx.enum.section import WD_ORIENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

FOLDER = Path(sys.argv[1])
MARKS = {"green": "●", "yellow": "▲", "red": "■"}
COLOURS = {"green": "#1b6e2a", "yellow": "#8a5a00", "red": "#b00020"}

PAGE = """
@page { size: A4; margin: 37mm 26mm 35mm 28mm; @bottom-right { content: "— " counter(page) " —"; font: 14pt "Noto Serif CJK SC" } }
@page :left { @bottom-right { content: "" } @bottom-left { content: "— " counter(page) " —"; font: 14pt "Noto Serif CJK SC" } }
@page wide { size: A4 landscape }
body { font: 16pt/28.99pt "Noto Serif CJK SC"; text-align: justify }
h1.title { font-size: 22pt; text-align: center; line-height: 36pt; font-weight: normal }
h2, h3, h4, h5 { font-size: 16pt; font-weight: normal; margin: 0; text-indent: 2em; font-family: "Noto Sans CJK SC" }
p { margin: 0; text-indent: 2em } p.note { font-size: 10.5pt; line-height: 16pt; text-indent: 0 }
p.caption { font-size: 12pt; text-align: center; text-indent: 0 }
table { border-collapse: collapse; width: 100%; font-size: 9pt; line-height: 13pt } thead { display: table-header-group }
th, td { border: 0.5pt solid black; padding: 1.6pt 3pt } th { font-family: "Noto Sans CJK SC"; font-weight: normal }
.wide { page: wide } .appendix { break-before: page } img { max-width: 100% }
"""

TEMPLATE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{{ d.title }}</title><style>{{ style }}</style></head><body>
{%- macro inline(parts) -%}{% for p in parts %}{% if p.kind == "line_break" %}<br>{% elif p.kind == "strong" %}<b>{{ p.text }}</b>
{%- elif p.kind == "emphasis" %}<i>{{ p.text }}</i>{% elif p.kind == "link" %}<a href="{{ p.url }}">{{ p.text }}</a>
{%- elif p.kind == "figure" and p.light %}<span style="color:{{ colours[p.light] }}">{{ p.text }}</span>{% else %}{{ p.text }}{% endif %}{% endfor %}{%- endmacro -%}
{%- macro blocks(list) -%}{% for b in list %}
{% if b.kind == "heading" %}<h{{ b.block.level + 1 }}>{{ b.block.number }}{{ inline(b.block.content) }}</h{{ b.block.level + 1 }}>
{% elif b.kind == "para" or b.kind == "quote" %}<p>{{ inline(b.block) }}</p>
{% elif b.kind == "list_item" %}<p>{{ b.block.ordered or "·" }} {{ inline(b.block.content) }}</p>
{% elif b.kind == "chart" %}<p class="caption"><img src="{{ b.block.name }}.{{ picture }}" alt="{{ b.block.alt }}"><br>{{ b.block.caption }}</p>
{% elif b.kind == "attachment_list" %}{% for name in b.block %}<p>附件{{ loop.index }}. {{ name }}</p>{% endfor %}
{% elif b.kind == "landscape" %}<div class="wide">{{ blocks(b.block) }}</div>
{% elif b.kind == "appendix" %}<div class="appendix"><p>附件{{ b.block.number or "" }}</p><h2>{{ b.block.title }}</h2>{{ blocks(b.block.blocks) }}</div>
{% elif b.kind == "table" %}<p class="caption">{{ b.block.caption }}</p><table><thead>
{%- for row in b.block.head %}<tr>{% for c in row %}<th colspan="{{ c[1] }}" rowspan="{{ c[2] }}">{{ c[0] }}</th>{% endfor %}</tr>{% endfor %}</thead><tbody>
{%- for row in b.block.rows %}<tr>{% for c in row.cells %}<td style="text-align:{{ b.block.columns[loop.index0].align }}{% if c.light %};color:{{ colours[c.light] }}{% endif %}">
{%- if c.light %}{{ marks[c.light] }} {% endif %}{{ c.text }}</td>{% endfor %}</tr>{% endfor %}</tbody></table>
{% for note in b.block.notes %}<p class="note">{{ note }}</p>{% endfor %}{% endif %}{% endfor %}{%- endmacro -%}
<h1 class="title">{{ d.title }}</h1><p class="caption">{{ d.subtitle }}</p><p>{{ d.addressees }}</p>
{{ blocks(d.blocks) }}<p style="text-align:right">{{ d.signature }}</p><p style="text-align:right">{{ d.dated_on }}</p>
{% for line in d.imprint %}<p>{{ line }}</p>{% endfor %}</body></html>"""

ENVIRONMENT = jinja2.Environment(autoescape=True)
COMPILED = ENVIRONMENT.from_string(TEMPLATE)
DOCUMENT = json.loads((FOLDER / "document.json").read_text())


def heads(columns):
    """Heading cells row by row: (text, columns, rows); neighbours with the same path are one."""
    depth = max((len(column["heading"]) for column in columns), default=1)
    rows = []
    for row in range(depth):
        cells, at = [], 0
        while at < len(columns):
            path = columns[at]["heading"]
            if row >= len(path):
                at += 1
                continue
            span = 1
            if row + 1 < len(path):
                while at + span < len(columns) and columns[at + span]["heading"][: row + 1] == path[: row + 1]:
                    span += 1
            cells.append((path[row], span, depth - row if row + 1 == len(path) else 1, at))
            at += span
        rows.append(cells)
    return rows


def walk(blocks, wide=False):
    """All blocks, with whether they lie on landscape pages."""
    for block in blocks:
        yield block, wide
        if block["kind"] == "landscape":
            yield from walk(block["block"], True)
        elif block["kind"] == "appendix":
            yield from walk(block["block"]["blocks"], wide)


for one, _ in walk(DOCUMENT["blocks"]):
    if one["kind"] == "table":
        one["block"]["head"] = heads(one["block"]["columns"])


def text_of(parts):
    return "".join(part.get("text", "\n") for part in parts)


def html(picture="png", style=""):
    return COMPILED.render(d=DOCUMENT, style=style, picture=picture, marks=MARKS, colours=COLOURS).encode()


def pdf():
    source = html("svg", PAGE).decode()
    return weasyprint.HTML(string=source, base_url=str(FOLDER) + "/").write_pdf()


def face(style, east_asia, size):
    style.font.name, style.font.size = "Times New Roman", Pt(size)
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), east_asia)


def word():
    paper = docx.Document()
    section = paper.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.left_margin, section.right_margin, section.bottom_margin = Mm(37), Mm(28), Mm(26), Mm(35)
    face(paper.styles["Normal"], "仿宋_GB2312", 16)
    for level, name in enumerate(("黑体", "楷体_GB2312", "仿宋_GB2312", "仿宋_GB2312"), 1):
        face(paper.styles[f"Heading {level}"], name, 16)
    face(paper.styles["Title"], "方正小标宋简体", 22)
    paper.add_paragraph(DOCUMENT["title"], style="Title")
    paper.add_paragraph(DOCUMENT["subtitle"])
    paper.add_paragraph(DOCUMENT["addressees"])
    was_wide = False
    for block, wide in walk(DOCUMENT["blocks"]):
        kind, body = block["kind"], block["block"] if "block" in block else None
        if wide != was_wide and kind != "landscape":
            added = paper.add_section()
            added.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
            added.page_width, added.page_height = added.page_height, added.page_width
            was_wide = wide
        if kind == "heading":
            paper.add_heading(body["number"] + text_of(body["content"]), body["level"])
        elif kind in ("para", "quote"):
            line = paper.add_paragraph()
            for part in body:
                run = line.add_run(part.get("text", "\n"))
                run.bold = part["kind"] == "strong"
        elif kind == "list_item":
            paper.add_paragraph(text_of(body["content"]))
        elif kind == "attachment_list":
            for at, name in enumerate(body, 1):
                paper.add_paragraph(f"附件{at}. {name}")
        elif kind == "appendix":
            paper.add_page_break()
            paper.add_heading(body["title"], 1)
        elif kind == "chart":
            paper.add_picture(str(FOLDER / f"{body['name']}.png"), width=Mm(150))
            paper.add_paragraph(body["caption"])
        elif kind == "table":
            paper.add_paragraph(body["caption"])
            head = body["head"]
            table = paper.add_table(len(head) + len(body["rows"]), len(body["columns"]), style="Table Grid")
            cells = table._cells  # One list, as each look-up by row and column walks the whole table.
            n = len(body["columns"])
            for row, line in enumerate(head):
                for text, columns, rows, at in line:
                    first = cells[row * n + at]
                    if columns > 1 or rows > 1:
                        first = first.merge(cells[(row + rows - 1) * n + at + columns - 1])
                    first.text = text
                mark = OxmlElement("w:tblHeader")
                table.rows[row]._tr.get_or_add_trPr().append(mark)
            for row, line in enumerate(body["rows"], len(head)):
                for at, cell in enumerate(line["cells"]):
                    light = MARKS.get(cell["light"], "")
                    cells[row * n + at].text = light + cell["text"]
            for note in body["notes"]:
                paper.add_paragraph(note)
    paper.add_paragraph(DOCUMENT["signature"])
    paper.add_paragraph(str(DOCUMENT["dated_on"]))
    out = io.BytesIO()
    paper.save(out)
    return out.getvalue()


def workbook():
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    formats = {
        "int": book.add_format({"num_format": "#,##0", "border": 1}),
        "percent": book.add_format({"num_format": "0.00%", "border": 1}),
        "points": book.add_format({"num_format": "+0.00;-0.00;0.00", "border": 1}),
        "change": book.add_format({"num_format": "+0;-0;0", "border": 1}),
        "ratio": book.add_format({"num_format": "0.0", "border": 1}),
        "date": book.add_format({"num_format": "yyyy-mm-dd", "border": 1}),
        "text": book.add_format({"text_wrap": True, "border": 1}),
    }
    bold = book.add_format({"bold": True, "border": 1, "text_wrap": True, "align": "center"})
    taken = 0
    for block, wide in walk(DOCUMENT["blocks"]):
        if block["kind"] != "table":
            continue
        table, taken = block["block"], taken + 1
        sheet = book.add_worksheet(f"表{taken}")
        if wide:
            sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        for row, line in enumerate(table["head"]):
            for text, columns, rows, at in line:
                if columns > 1 or rows > 1:
                    sheet.merge_range(row, at, row + rows - 1, at + columns - 1, text, bold)
                else:
                    sheet.write_string(row, at, text, bold)
        top = len(table["head"])
        for row, line in enumerate(table["rows"], top):
            for at, cell in enumerate(line["cells"]):
                style, value = formats[table["columns"][at]["format"]], cell["value"]
                if value["type"] in ("int", "float"):
                    sheet.write_number(row, at, value["value"], style)
                elif value["type"] == "null":
                    sheet.write_blank(row, at, None, style)
                else:
                    sheet.write_string(row, at, cell["text"], style)
        sheet.freeze_panes(top, 1)
        sheet.repeat_rows(0, top - 1)
        sheet.autofilter(top - 1, 0, top + len(table["rows"]) - 1, len(table["columns"]) - 1)
    book.close()
    return out.getvalue()


MAKE = {"html": html, "pdf": pdf, "docx": word, "xlsx": workbook}
for line in sys.stdin:
    make = MAKE.get(line.strip())
    if make is None:
        break
    start = time.perf_counter()
    made = make()
    print(f"{time.perf_counter() - start:.6f} {len(made)}", flush=True)
