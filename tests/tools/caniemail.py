#!/usr/bin/env python3
"""Writes src/report/mail_lint/support.csv from a checkout of the Can I email project.

    git clone https://github.com/hteumeuleu/caniemail CHECKOUT
    caniemail.py CHECKOUT > src/report/mail_lint/support.csv

Can I email (https://www.caniemail.com) is published under the MIT licence, © 2019 Rémi Parmentier.
Carried over are facts alone: which feature, which client, supported (y), in part (a) or not (n), `?` where
nobody has looked, and when it was last tested. Of each program of a family the newest version tested
counts, and of a family the worst of its programs.
"""

import json
import pathlib
import re
import subprocess
import sys

# Programs of each family, as (family, platform) of the project.
FAMILIES = {
    "outlook": [("outlook", "windows")],
    "outlook_com": [("outlook", "outlook-com")],
    "outlook_phone": [("outlook", "ios"), ("outlook", "android")],
    "apple_mail": [("apple-mail", "macos"), ("apple-mail", "ios")],
    "gmail": [("gmail", "desktop-webmail"), ("gmail", "ios"), ("gmail", "android")],
    "samsung": [("samsung-email", "android")],
}

# What of a style sheet or a page a feature is about, where its name does not say so by itself.
MATCH = {
    "css-display-flex": "value display flex inline-flex",
    "css-display-grid": "value display grid inline-grid",
    "css-display-none": "value display none",
    "css-flex-direction": "property flex-direction",
    "css-flex-wrap": "property flex-wrap",
    "css-gap": "property gap column-gap row-gap",
    "css-grid-template": "property grid-template grid-template-columns grid-template-rows grid-template-areas",
    "css-block-inline-size": "property block-size inline-size",
    "css-inline-size": "property inline-size",
    "css-left-right-top-bottom": "property left right top bottom",
    "css-column-layout-properties": "property columns column-width column-rule column-span column-fill",
    "css-important": "keyword important",
    "css-comments": "comment",
    "css-variables": "function var",
    "css-unit-calc": "function calc",
    "css-unit-initial": "keyword initial",
    "css-unit-percent": "unit %",
    "css-rgb": "function rgb",
    "css-rgba": "function rgba",
    "css-modern-color": "function lch oklch lab oklab",
    "css-conic-gradient": "function conic-gradient",
    "css-linear-gradient": "function linear-gradient",
    "css-radial-gradient": "function radial-gradient",
    "css-intrinsic-size": "keyword fit-content min-content max-content",
    "css-sytem-ui": "keyword system-ui ui-serif ui-sans-serif ui-rounded ui-monospace",
    "css-font": "property font",
    "css-margin-block-start-end": "property margin-block-start margin-block-end",
    "css-margin-inline-block": "property margin-inline margin-block",
    "css-margin-inline-start-end": "property margin-inline-start margin-inline-end",
    "css-padding-block-start-end": "property padding-block-start padding-block-end",
    "css-padding-inline-block": "property padding-inline padding-block",
    "css-padding-inline-start-end": "property padding-inline-start padding-inline-end",
    "css-border-inline-block": "property border-inline border-block",
    "css-scroll-snap": "property scroll-snap-type scroll-snap-align",
    "css-selector-adjacent-sibling": "selector +",
    "css-selector-general-sibling": "selector ~",
    "css-selector-child": "selector >",
    "css-selector-descendant": "selector descendant",
    "css-selector-attribute": "selector [",
    "css-selector-id": "selector #",
    "css-selector-class": "selector .",
    "css-selector-type": "selector type",
    "css-selector-universal": "selector *",
    "css-selector-grouping": "selector grouped",
    "css-selector-chaining": "selector chained",
    "css-nesting": "selector &",
    "css-at-media-device-pixel-ratio": "media -webkit-device-pixel-ratio",
    "css-at-media-hover": "media hover any-hover",
    "css-inert-attribute": "attribute inert",
    "html-h1-h6": "element h1 h2 h3 h4 h5 h6",
    "html-lists": "element ul ol dl",
    "html-address": "element address",
    "html-base": "element base",
    "html-anchor-links": "url #",
    "html-mailto-links": "url mailto:",
    "html-comments": "comment",
    "html-doctype": "doctype",
    "html-image-maps": "element map area",
    "html-dir": "attribute dir",
    "html-meta-color-scheme": "meta color-scheme",
    "html-semantics": "element article aside details figcaption figure footer header main mark nav section summary time",
    "html-srcset": "attribute srcset sizes",
    "html-svg": "element svg",
    "amp": "", "bimi": "", "css-border-inline-block-individual": "", "css-border-inline-block-longhand": "",
    "css-border-radius-logical": "", "css-inset": "property inset",
}


def match_of(slug, title):
    if slug in MATCH:
        return MATCH[slug]
    for start, kind in [("css-at-media-", "media"), ("css-at-", "at-rule"), ("css-unit-", "unit"),
                        ("css-function-", "function"), ("css-pseudo-class-", "selector :"),
                        ("css-pseudo-element-", "selector ::"), ("image-", "image")]:
        if slug.startswith(start):
            rest = slug.removeprefix(start)
            return f"{kind}{rest}" if kind.endswith(":") else f"{kind} {rest}"
    if slug.startswith("css-"):
        return "property " + slug.removeprefix("css-")
    element = re.match(r'<(\w+)(?: type=)?', title)
    if element:
        kind = slug.removeprefix("html-").split("-")
        return f"element {element[1]}" if len(kind) == 1 else f"element {kind[0]}"
    return "attribute " + slug.removeprefix("html-").removesuffix("-attribute")


TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([\w.\-]+)|([{}:,])|(\s+|#[^\n]*)')


def read_stats(text):
    """The value of `stats:`: YAML's flow style, written with tabs, which YAML forbids."""
    begin = text.index("{", text.index("\nstats:"))
    depth, made = 0, []
    for token in TOKEN.finditer(text, begin):
        if token[3]:
            depth += {"{": 1, "}": -1}.get(token[3], 0)
            if token[3] == "}" and made[-1] == ",":
                made.pop()
            if token[3] != "," or made[-1] not in "{,":
                made.append(token[3])
        elif token[4] is None:
            made.append(json.dumps(token[1] if token[1] is not None else token[2]))
        if depth == 0:
            break
    return json.loads("".join(made))


def support(stats, family):
    found = []
    for client, platform in FAMILIES[family]:
        versions = list(stats.get(client, {}).get(platform, {}).values())
        # The newest version of which anything is known.
        known = [value[0] for value in versions if value and value[0] in "yan"]
        found += known[-1:]
    return min(found, key="nay".index, default="?")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    checkout = pathlib.Path(sys.argv[1])
    git = ["git", "-C", str(checkout), "log", "-1", "--format=%H %cs"]
    commit, day = subprocess.run(git, check=True, capture_output=True, text=True).stdout.split()
    print("# Which mail programs know what: facts from Can I email (https://www.caniemail.com), MIT licence,")
    print(f"# (c) 2019 Remi Parmentier; commit {commit[:12]} of {day}; made by tests/tools/caniemail.py.")
    print("# y: supported, a: in part, n: not, ?: not known. A feature's page: https://www.caniemail.com/features/<feature>/")
    print("feature,what," + ",".join(FAMILIES) + ",tested_on")
    # From the commit, not from the work tree: a mirror may have none.
    def show(path):
        return subprocess.run(["git", "-C", str(checkout), "show", f"{commit}:{path}"], check=True,
                              capture_output=True, text=True).stdout
    names = [name for name in show("_features").splitlines()[2:] if not name.startswith("_")]
    for name in sorted(names):
        slug, text = name.removesuffix(".md"), show(f"_features/{name}")
        title = re.search(r'^title:\s*"((?:[^"\\]|\\.)*)"', text, re.M)[1].replace('\\"', '"')
        what = match_of(slug, title)
        if not what:
            continue
        tested = re.search(r'^last_test_date:\s*"([\d-]+)"', text, re.M)[1]
        stats = read_stats(text)
        print(",".join([slug, what, *(support(stats, family) for family in FAMILIES), tested]))


if __name__ == "__main__":
    main()
