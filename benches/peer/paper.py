"""The report: rows for its tables, charts, HTML for mail and print, PDF, workbook."""

import base64
import datetime as dt
import io
from pathlib import Path

import css_inline
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import xlsxwriter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.ticker import PercentFormatter
from weasyprint import HTML

from figures import TITLES, missing_of, query

HERE = Path(__file__).parent
RATES = ("gross_enrolment", "inclusive_coverage", "public_share")
plt.rcParams |= {"font.family": ["Noto Sans CJK SC"], "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False,
                 "hatch.linewidth": 0.6, "font.size": 9}


def percent(value, num=None, den=None, target=None):
    """Two decimals, but never rounded up to a target that is missed."""
    if value is None:
        return "—"
    text = f"{100 * value:.2f}"
    if target is not None and value < target and float(text) >= 100 * target:
        text = f"{100 * target - 0.01:.2f}"
    return text + "%"


def signed(value):
    return "—" if value is None else f"{value:+.2f}"


def whole(value):
    return "—" if value is None else f"{value:,}"


def cn_date(day):
    return "—" if day is None else f"{day.year}年{day.month}月{day.day}日"


def mark(met):
    return "" if met is None else "●" if met else "■"


def gather(home, db, subs, items, period, as_of, today):
    """All that the templates and the workbook show."""
    p = dict(period=period.code)
    goals = query(db, """SELECT g.*, t.value, t.change_points FROM gaps g JOIN trend t USING (metric, level, unit_code, period)
                         WHERE g.level = 'district' AND g.period = $period ORDER BY g.metric, g.target_set""", **p)
    for g in goals:
        g["title"], g["target"] = TITLES[g["metric"]], g["target_num"] / g["target_den"]
    q = {"goals": [g for g in goals if g["metric"] in RATES],
         "tasks": [g for m in ("class_size", "certificates", "staffing_standard") for g in goals
                   if g["metric"] == m and g["target_set"] == "national"],
         "teachers": next((g for g in goals if g["metric"] == "teacher_ratio"), None)}
    before = query(db, "SELECT den / num AS ratio FROM rates WHERE metric = 'teacher_ratio' AND level = 'district' AND period = $period AND num > 0",
                   period=period.shift(-1).code)
    q["ratio_before"] = before[0]["ratio"] if before else None
    q["trend"] = query(db, """PIVOT (SELECT period, metric, value FROM trend WHERE level = 'district' AND metric IN
                              ('gross_enrolment', 'inclusive_coverage', 'public_share')) ON metric USING any_value(value) ORDER BY period""")
    q["trend"] = [t for t in q["trend"] if t["period"] <= period.code][-12:]
    q["district"] = query(db, "SELECT * FROM sums WHERE level = 'district' AND period = $period", **p)[0]
    towns = query(db, """
        WITH g AS (PIVOT (SELECT level, unit_code, metric, met FROM gaps WHERE period = $period AND target_set = 'campaign')
                   ON metric IN ('gross_enrolment', 'inclusive_coverage', 'public_share') USING any_value(met)),
             k AS (PIVOT (SELECT level, unit_code, metric, value, rank, rank_change FROM trend WHERE period = $period)
                   ON metric IN ('gross_enrolment', 'inclusive_coverage', 'public_share')
                   USING any_value(value) AS value, any_value(rank) AS rank, any_value(rank_change) AS up)
        SELECT s.unit_name, s.unit_code, s.level = 'district' AS is_total, s.enrolled, s.gross_num, s.resident, g.* EXCLUDE (level, unit_code),
               k.* EXCLUDE (level, unit_code)
        FROM sums s LEFT JOIN g USING (level, unit_code) LEFT JOIN k USING (level, unit_code)
        WHERE s.period = $period AND s.level IN ('town', 'district')
        ORDER BY is_total DESC, public_share_rank NULLS LAST, s.unit_code""".replace("$period", f"'{period.code}'"))
    q["towns"] = towns
    q["flips"] = query(db, """SELECT now.metric, now.unit_name, now.met FROM gaps now JOIN gaps b USING (metric, level, unit_code, target_set)
                              WHERE now.level = 'town' AND now.period = $period AND b.period = $previous AND target_set = 'campaign'
                                AND now.met <> b.met ORDER BY now.unit_code""", period=period.code, previous=period.shift(-1).code)
    q["over_full"] = [t["unit_name"] for t in sorted(towns, key=lambda t: t["unit_name"])
                      if not t["is_total"] and t["resident"] and t["gross_num"] > t["resident"]]
    q["carried"] = query(db, """
        WITH c AS (SELECT r.town, arg_max(struct_pack(e := t.enrolled, i := t.inclusive, p := t.public), t.period) AS v FROM towns r
                   JOIN towns t ON t.town = r.town AND t.e_in AND t.period <= r.period WHERE r.period = $period GROUP BY r.town),
        n AS (SELECT unit_code AS town, arg_max(resident_3_5, period) AS resident FROM read_parquet($population) GROUP BY ALL)
        SELECT sum(v.e) FILTER (resident IS NOT NULL)::BIGINT AS gross_num, sum(resident)::BIGINT AS resident, sum(v.e)::BIGINT AS enrolled,
               sum(v.i)::BIGINT AS inclusive, sum(v.p)::BIGINT AS public FROM c LEFT JOIN n USING (town)""",
        population=str(home.root / "data/current/population/*.parquet"), **p)[0]
    _, newest = missing_of(home, db, subs, period, today)
    q["missing"] = {}
    for form, _, reporter, due in newest:
        entry = q["missing"].setdefault((form.title, due), [])
        entry.append(home.units[reporter]["name"])
    last = {}
    for s in subs.values():
        if s.period == period and s.state != "refused":
            last[s.dataset, s.reporter] = s
    stands = {(s.dataset, s.reporter) for s in subs.values() if s.period == period and s.state.startswith("accepted")}
    q["returned"] = [(home.units[s.reporter]["name"], home.forms[s.dataset].title if s.dataset in home.forms else "", s.name,
                      sum(f["severity"] == "error" for f in s.findings), (s.dataset, s.reporter) in stands)
                     for s in last.values() if s.state == "returned"]
    q["items"] = sorted(items, key=lambda i: ({"red": 1, "yellow": 2}.get(i["light"], 3), i["due_on"], i["item_no"]))
    by_check = {}
    for i in items:
        row = by_check.setdefault(i["title"], {"title": i["title"], "n": 0, "red": 0, "yellow": 0, "green": 0, "overdue": 0, "first": i["due_on"]})
        row["n"] += 1
        row[i["light"]] += 1
        row["overdue"] += i["due_on"] < today
        row["first"] = min(row["first"], i["due_on"])
    q["by_check"] = sorted(by_check.values(), key=lambda r: (-r["n"], r["title"]))
    due = {}
    for i in sorted(items, key=lambda i: (i["due_on"], i["name"])):
        due.setdefault(i["due_on"], {}).setdefault(i["name"], []).append(i)
    q["upcoming"] = list(due.items())[:8]
    return q


def charts(q):
    """Name → (PNG, SVG)."""
    lines, ax = plt.subplots(figsize=(7.1, 3.4))
    labels = [f"{t['period'][:4]}年{int(t['period'][5:])}月" for t in q["trend"]]
    for metric, style in zip(RATES, ("o-", "s--", "^:")):
        values = [t.get(metric) for t in q["trend"]]
        ax.plot(labels, values, style, label=TITLES[metric], linewidth=1.4, markersize=4)
        if values and values[-1] is not None:
            ax.annotate(percent(values[-1]), (labels[-1], values[-1]), textcoords="offset points", xytext=(6, 3))
    for g in q["goals"]:
        if g["target_set"] == "campaign":
            ax.axhline(g["target"], color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
            ax.annotate(f"目标{g['target_num'] * 100 // g['target_den']}%", (0, g["target"]), fontsize=7.5, color="#555555")
    ax.yaxis.set_major_formatter(PercentFormatter(1, 0))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)
    towns = [t for t in q["towns"] if not t["is_total"]][::-1]
    bars, ax = plt.subplots(figsize=(7.1, 7.6))
    for t in towns:
        missed = t["public_share"] is False
        value = t["public_share_value"]
        ax.barh(t["unit_name"], value or 0, color="#ffffff" if missed else "#1f4e79", edgecolor="#a61b1b" if missed else "#1f4e79",
                hatch="////" if missed else None, height=0.7)
        ax.annotate("缺报" if value is None else percent(value, target=0.5), (value or 0, t["unit_name"]), va="center",
                    textcoords="offset points", xytext=(3, 0), fontsize=7.5)
    ax.axvline(0.5, color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
    ax.xaxis.set_major_formatter(PercentFormatter(1, 0))
    ax.margins(y=0.01)
    made = {}
    for name, figure in (("trend", lines), ("towns", bars)):
        figure.tight_layout()
        png, svg = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=190)
        figure.savefig(svg, format="svg")
        plt.close(figure)
        made[name] = png.getvalue(), svg.getvalue()
    return made


def pages(home, q, items, made, period, as_of, edition):
    """HTML for mail (styles inlined) and for print."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "signed": signed, "whole": whole, "cn_date": cn_date, "mark": mark}
    facts = dict(q=q, items=items, period=period, as_of=as_of, edition=edition, district=home.district["name"], notices=home.notices,
                 stat_on=period.ends_on, titles=TITLES, rates=RATES, today=as_of.date())
    template = environment.get_template("report.html.j2")
    mail = css_inline.inline(template.render(**facts, print=False, image={"trend": "cid:trend", "towns": "cid:towns"}))
    uris = {name: "data:image/svg+xml;base64," + base64.b64encode(svg).decode() for name, (_, svg) in made.items()}
    return mail, template.render(**facts, print=True, image=uris)


def pdf(html):
    return HTML(string=html).write_pdf()


def workbook(q, frames, period, as_of):
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"created": as_of.replace(tzinfo=None)})
    base = {"font_name": "宋体", "font_size": 10, "border": 1, "valign": "vcenter"}
    f = {name: book.add_format(base | extra) for name, extra in {
        "text": {"text_wrap": True}, "int": {"num_format": "#,##0"}, "percent": {"num_format": "0.00%"}, "points": {"num_format": "+0.00;-0.00;0.00"},
        "date": {"num_format": "yyyy-mm-dd", "align": "center"}, "head": {"bold": True, "bg_color": "#E8EDF3", "align": "center", "text_wrap": True},
        "title": {"bold": True, "font_size": 14, "border": 0}}.items()}
    lights = {"■": book.add_format({"font_color": "#B00020"}), "●": book.add_format({"font_color": "#1B6E3C"}),
              "红": book.add_format({"bg_color": "#F8D7DA"}), "黄": book.add_format({"bg_color": "#FFF3CD"}), "绿": book.add_format({"bg_color": "#D4EDDA"})}

    def sheet(name, caption, columns, rows):
        page = book.add_worksheet(name)
        page.write(0, 0, caption, f["title"])
        for c, (head, kind, width, get) in enumerate(columns):
            page.set_column(c, c, width)
            page.write(1, c, head, f["head"])
            for r, row in enumerate(rows, 2):
                value = get(row)
                if value is None or value == "":
                    page.write_blank(r, c, None, f["text"])
                elif kind == "date":
                    page.write_datetime(r, c, value, f["date"])
                elif kind == "text":
                    page.write_string(r, c, str(value), f["text"])
                else:
                    page.write_number(r, c, value, f[kind])
            if kind == "text" and head in ("达标", "灯号"):
                for word, style in lights.items():
                    page.conditional_format(2, c, len(rows) + 1, c, {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": style})
        page.freeze_panes(2, 1)
        page.autofilter(1, 0, len(rows) + 1, len(columns) - 1)
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)

    get = lambda key: lambda row: row[key]
    sheet("三率与目标", "全区三率与两组目标对照", [
        ("指标", "text", 22, get("title")), ("目标类别", "text", 10, lambda g: "攻坚目标" if g["target_set"] == "campaign" else "国家标准"),
        ("目标", "percent", 9, get("target")), ("现状", "percent", 9, get("value")), ("达标", "text", 6, lambda g: mark(g["met"])),
        ("较上期（百分点）", "points", 10, get("change_points")), ("与目标相比（百分点）", "points", 10, lambda g: -g["gap_points"]),
        ("总量不变尚差（人）", "int", 10, get("gap_unchanged")), ("新增学位尚差（人）", "int", 10, get("gap_added"))], q["goals"])
    sheet("重点任务", "重点任务指标完成情况（国家标准）", [
        ("指标", "text", 22, get("title")), ("标准", "percent", 9, get("target")), ("现状", "percent", 9, get("value")),
        ("达标", "text", 6, lambda g: mark(g["met"])), ("较上期（百分点）", "points", 10, get("change_points")), ("达标数", "int", 9, get("num")),
        ("总数", "int", 9, get("den")), ("尚差", "int", 9, get("gap_unchanged"))], q["tasks"])
    columns = [("镇街", "text", 14, get("unit_name")), ("在园幼儿（人）", "int", 10, get("enrolled"))]
    for metric in RATES:
        columns += [(TITLES[metric], "percent", 11, get(f"{metric}_value")), ("达标", "text", 6, lambda t, m=metric: mark(t[m])),
                    ("位次", "int", 6, get(f"{metric}_rank")), ("升降", "int", 6, get(f"{metric}_up"))]
    sheet("各镇街三率", "各镇街三率及位次", columns, q["towns"])
    sheet("事项分类", "在办督办事项分类统计", [
        ("事项", "text", 30, get("title")), ("在办（件）", "int", 8, get("n")), ("红灯", "int", 6, get("red")), ("黄灯", "int", 6, get("yellow")),
        ("绿灯", "int", 6, get("green")), ("逾期", "int", 6, get("overdue")), ("最早时限", "date", 12, get("first"))], q["by_check"])
    sheet("在办事项", "在办督办事项", [
        ("编号", "int", 6, get("item_no")), ("对象", "text", 14, get("name")), ("事项", "text", 22, get("title")), ("情况", "text", 60, get("detail")),
        ("立项日期", "date", 12, get("opened_on")), ("办结时限", "date", 12, get("due_on")),
        ("灯号", "text", 6, lambda i: {"red": "红", "yellow": "黄"}.get(i["light"], "绿")), ("状态", "text", 8, lambda i: "立项")], q["items"])
    sheet("数据来源", f"数据截至{as_of:%Y-%m-%d %H:%M}", [
        ("数据", "text", 20, get("name")), ("期间", "text", 14, get("period")), ("行数", "int", 9, get("rows"))],
        [{"name": name, "period": key[0], "rows": part.height} for name, frame in frames.items() for key, part in frame.group_by("period", maintain_order=True)])
    book.close()
    return out.getvalue()
