#!/usr/bin/env python3
"""Reads a Word file with python-docx and prints what is in it as JSON; checks it with openxml-audit.

    read_docx.py FILE.docx [--text-only]

`problems`: what openxml-audit finds against the schemas and rules of the Open XML SDK; `properties`;
`settings`; `styles` by name, with their own properties; `sections` with lengths in millimetres and their
footers; `blocks`: paragraphs and tables in their order, each with what holds for it after its chain of
styles; `pictures`, `links`. With --text-only, blocks alone and without a check.
"""

import argparse
import json
import sys
import zipfile

import docx
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph


def on(parent, tag):
    """Whether an on/off property stands in `parent`, and is on."""
    found = None if parent is None else parent.find(qn(tag))
    return found is not None and found.get(qn("w:val")) not in ("0", "false")


def attribute(parent, tag, name):
    found = None if parent is None else parent.find(qn(tag))
    return None if found is None else found.get(qn(name))


def chain(style):
    """A style and those that it is based on."""
    while style is not None:
        yield style.element
        style = style.base_style


def effective(elements, default, path, tag, name):
    """The first that says it, of elements, else the document's default."""
    for element in [*elements, default]:
        parent = None if element is None else element.find(qn(path))
        value = attribute(parent, tag, name)
        if value is not None:
            return value
    return None


class Reader:
    def __init__(self, file):
        self.file = file
        self.document = docx.Document(file)
        defaults = self.document.styles.element.find(qn("w:docDefaults"))
        self.run_default = defaults.find(qn("w:rPrDefault"))
        self.para_default = defaults.find(qn("w:pPrDefault"))

    def paragraph(self, paragraph):
        element, style = paragraph._p, paragraph.style
        own = [element, *chain(style)]
        runs = [{"text": run.text, "style": run.style.name, "face": self.face(run, style),
                 "color": str(color) if (color := self.color(run)) else None,
                 "hint": attribute(run._r.rPr, "w:rFonts", "w:hint"), "size": self.size(run, style)}
                for run in paragraph.runs if run.text]
        properties = element.find(qn("w:pPr"))
        return {"kind": "paragraph", "style": style.name, "text": paragraph.text, "runs": runs,
                "outline": effective(own, None, "w:pPr", "w:outlineLvl", "w:val"),
                "align": effective(own, self.para_default, "w:pPr", "w:jc", "w:val"),
                "keep_next": any(on(e.find(qn("w:pPr")), "w:keepNext") for e in own),
                "page_break_before": on(properties, "w:pageBreakBefore"),
                "ends_section": properties is not None and properties.find(qn("w:sectPr")) is not None,
                "indent": {name: int(value) for name in
                           ("left", "right", "hanging", "firstLine", "firstLineChars")
                           if (value := effective(own, None, "w:pPr", "w:ind", f"w:{name}"))},
                "pictures": len(element.findall(".//" + qn("wp:inline")))}

    def face(self, run, style):
        own = [run._r, *chain(run.style), *chain(style)]
        return effective(own, self.run_default, "w:rPr", "w:rFonts", "w:eastAsia")

    def size(self, run, style):
        own = [run._r, *chain(run.style), *chain(style)]
        return int(effective(own, self.run_default, "w:rPr", "w:sz", "w:val")) / 2

    def color(self, run):
        return effective([run._r, *chain(run.style)], None, "w:rPr", "w:color", "w:val")

    def table(self, table):
        rows = []
        for row in table.rows:
            properties = row._tr.trPr
            cells = []
            for cell in row._tr.tc_lst:
                shade = cell.tcPr.find(qn("w:shd"))
                inner = [self.paragraph(Paragraph(p, table)) for p in cell.p_lst]
                merge = cell.tcPr.find(qn("w:vMerge"))
                cells.append({"text": "\n".join(p["text"] for p in inner),
                              "style": inner[0]["style"], "align": inner[0]["align"],
                              "runs": inner[0]["runs"], "span": cell.grid_span,
                              "merge": None if merge is None else merge.get(qn("w:val")),
                              "width": int(attribute(cell.tcPr, "w:tcW", "w:w")),
                              "fill": None if shade is None else shade.get(qn("w:fill"))})
            rows.append({"is_head": on(properties, "w:tblHeader"),
                         "cannot_split": on(properties, "w:cantSplit"), "cells": cells})
        place = table._tbl.tblPr.find(qn("w:tblpPr"))
        borders = [{side.tag.split("}")[1]: int(side.get(qn("w:sz"))) for side in found}
                   for found in table._tbl.iter(qn("w:tcBorders"))]
        return {"kind": "table", "style": table.style.name if table.style else None, "rows": rows,
                "grid": [int(column.get(qn("w:w"))) for column in table._tbl.tblGrid.gridCol_lst],
                "layout": attribute(table._tbl.tblPr, "w:tblLayout", "w:type"), "borders": borders,
                "place": None if place is None else
                {key.split("}")[1]: value for key, value in place.attrib.items()}}

    def blocks(self):
        return [self.table(block) if isinstance(block, Table) else self.paragraph(block)
                for block in self.document.iter_inner_content()]

    def section(self, section):
        grid = section._sectPr.find(qn("w:docGrid"))
        footers = {}
        for name, footer in (("odd", section.footer), ("even", section.even_page_footer)):
            upright = footer.tables[0] if footer.tables else None
            paragraphs = upright.cell(0, 0).paragraphs if upright is not None else footer.paragraphs
            shown = self.paragraph(paragraphs[0])
            codes = [code.text for code in footer._element.iter(qn("w:instrText"))]
            direction = [d.get(qn("w:val")) for d in footer._element.iter(qn("w:textDirection"))]
            footers[name] = {"text": shown["text"], "align": shown["align"], "fields": codes,
                             "face": shown["runs"][0]["face"], "size": shown["runs"][0]["size"],
                             "direction": direction,
                             "place": None if upright is None else self.table(upright)["place"]}
        return {"orientation": section.orientation.name, "start": section.start_type.name,
                **{name: getattr(section, name).mm for name in
                   ("page_width", "page_height", "top_margin", "bottom_margin", "left_margin",
                    "right_margin", "footer_distance")},
                "grid": {key.split("}")[1]: value for key, value in grid.attrib.items()},
                "footers": footers}

    def style(self, style):
        own, run = style.element, style.element.find(qn("w:rPr"))
        para = own.find(qn("w:pPr"))
        return {"id": style.style_id, "type": style.type.name,
                "based_on": style.base_style.name if getattr(style, "base_style", None) else None,
                "east_asia": attribute(run, "w:rFonts", "w:eastAsia"),
                "size": attribute(run, "w:sz", "w:val"), "color": attribute(run, "w:color", "w:val"),
                "tracking": attribute(run, "w:spacing", "w:val"),
                "line": attribute(para, "w:spacing", "w:line"),
                "line_rule": attribute(para, "w:spacing", "w:lineRule"),
                "outline": attribute(para, "w:outlineLvl", "w:val"),
                "first_line_chars": attribute(para, "w:ind", "w:firstLineChars")}

    def all(self):
        document = self.document
        core = document.core_properties
        fonts = self.run_default.find(qn("w:rPr")).find(qn("w:rFonts"))
        language = self.run_default.find(qn("w:rPr")).find(qn("w:lang"))
        pictures = []
        for inline in document.element.body.iter(qn("wp:inline")):
            extent, named = inline.find(qn("wp:extent")), inline.find(qn("wp:docPr"))
            blip = next(inline.iter(qn("a:blip"))).get(qn("r:embed"))
            pictures.append({"alt": named.get("descr"), "id": named.get("id"),
                             "width": int(extent.get("cx")) / 36000,
                             "height": int(extent.get("cy")) / 36000,
                             "bytes": len(document.part.related_parts[blip].blob)})
        links = [{"url": document.part.rels[link.get(qn("r:id"))].target_ref,
                  "text": "".join(text.text for text in link.iter(qn("w:t")))}
                 for link in document.element.body.iter(qn("w:hyperlink"))]
        outside = [rel.target_ref for rel in document.part.rels.values() if rel.is_external]
        return {"properties": {"title": core.title, "author": core.author, "subject": core.subject,
                               "language": core.language, "created": core.created.isoformat(),
                               "modified": core.modified.isoformat(),
                               "last_modified_by": core.last_modified_by},
                "settings": {"odd_and_even": document.settings.odd_and_even_pages_header_footer},
                "defaults": {**{key.split("}")[1]: value for key, value in fonts.attrib.items()},
                             "language": language.get(qn("w:eastAsia")),
                             "line": attribute(self.para_default.find(qn("w:pPr")), "w:spacing", "w:line"),
                             "line_rule": attribute(self.para_default.find(qn("w:pPr")), "w:spacing", "w:lineRule")},
                "styles": {style.name: self.style(style) for style in document.styles},
                "sections": [self.section(section) for section in document.sections],
                "blocks": self.blocks(), "pictures": pictures, "links": links, "outside": outside,
                "parts": zipfile.ZipFile(self.file).namelist()}


def problems(file):
    # Imported here: it is not needed for the text, and slow to load.
    from openxml_audit import OpenXmlValidator
    result = OpenXmlValidator(max_errors=50).validate(file)
    return [f"{error.part_uri} {error.path}: {error.description}" for error in result.errors]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--text-only", action="store_true")
    args = parser.parse_args()
    reader = Reader(args.file)
    found = {"blocks": reader.blocks()} if args.text_only else {
        **reader.all(), "problems": problems(args.file)}
    json.dump(found, sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
