#!/usr/bin/env python3
"""Reads the HTML of a mail (from stdin) with Python's html.parser and prints its structure as JSON.

`errors`: tags that close nothing or are not closed; `shown`: the text without what is hidden, paragraph by
paragraph; `hidden`: the text that is not shown; `layout` and `data`: the tables' styles and attributes, data
tables with `rows` (cells' texts), `scrolls` (whether the frame around it scrolls) and `depth` (tables around it);
`images`: their attributes; `outlook`: what conditional comments hold; `style`: what stands in <style>.
"""

import json
import sys
from html.parser import HTMLParser

VOID = {"br", "img", "meta", "hr"}
BLOCK = {"p", "h1", "h2", "h3", "h4", "h5", "td", "th", "tr", "table", "div", "br"}


def styles(text):
    pairs = (part.split(":", 1) for part in (text or "").split(";") if ":" in part)
    return {name.strip(): value.strip() for name, value in pairs}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.stack, self.errors, self.layout, self.data, self.images = [], [], [], [], []
        self.shown, self.hidden, self.outlook, self.style = [""], "", [], ""
        self.tables, self.lang = [], None

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        style = styles(attributes.get("style"))
        if tag == "html":
            self.lang = attributes.get("lang")
        if tag in BLOCK and self.shown[-1]:
            self.shown.append("")
        if tag == "img":
            self.images.append(attributes | {"style": style})
        if tag in VOID:
            return
        if tag == "table":
            table = {"style": style, "width": attributes.get("width"), "class": attributes.get("class"),
                     "depth": len(self.tables), "rows": []}
            table["scrolls"] = bool(self.stack) and "overflow-x" in self.stack[-1][1]
            (self.layout if attributes.get("role") == "presentation" else self.data).append(table)
            self.tables.append(table)
        if tag == "tr" and self.tables:
            self.tables[-1]["rows"].append([])
        if tag in ("td", "th") and self.tables:
            self.tables[-1]["rows"][-1].append("")
        self.stack.append((tag, style))

    def handle_endtag(self, tag):
        if not self.stack or self.stack[-1][0] != tag:
            self.errors.append(f"</{tag}> at {self.getpos()}")
            return
        self.stack.pop()
        if tag == "table":
            self.tables.pop()
        if tag in BLOCK and self.shown[-1]:
            self.shown.append("")

    def handle_data(self, text):
        names = [name for name, _ in self.stack]
        if "style" in names:
            self.style += text
        elif any(style.get("display") == "none" for _, style in self.stack):
            self.hidden += text
        elif "body" in names:
            if self.tables and self.tables[-1]["rows"] and self.tables[-1]["rows"][-1]:
                self.tables[-1]["rows"][-1][-1] += text
            self.shown[-1] += text.strip("\n")

    def handle_comment(self, text):
        self.outlook.append(text)


page = Page()
page.feed(sys.stdin.buffer.read().decode())
page.close()
page.errors += [f"<{tag}> is not closed" for tag, _ in page.stack]
json.dump({"lang": page.lang, "errors": page.errors, "shown": [t.strip() for t in page.shown if t.strip()],
           "hidden": page.hidden.strip(), "layout": page.layout, "data": page.data, "images": page.images,
           "outlook": page.outlook, "style": page.style}, sys.stdout, ensure_ascii=False)
