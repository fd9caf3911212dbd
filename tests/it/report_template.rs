//! Templates: escaping, limits, errors with the lines of the file.

use std::collections::BTreeMap;

use duban::config::report::ReportDefinition;
use duban::report::document::{Block, Document, Inline, Value};
use duban::report::{
    Change, ColumnKind, EditionInfo, PeriodInfo, QueryRows, Rendered, ReportContext, check, render,
};
use jiff::civil::date;

pub fn context() -> ReportContext {
    let period: duban::model::Period = "2024-12".parse().expect("a period");
    ReportContext {
        period: PeriodInfo::of(period, period.ends_on()),
        previous: PeriodInfo::of(period.previous(), period.previous().ends_on()),
        as_of: "2025-01-09T00:30:00Z".parse().expect("a time"),
        as_of_local: date(2025, 1, 9).at(8, 30, 0, 0),
        edition_number: 4,
        previous_edition: Some(EditionInfo {
            number: 3,
            period: "2024-11".to_owned(),
            period_label: "2024年11月".to_owned(),
            created_on: date(2024, 12, 9),
        }),
        corrects: None,
        unit: None,
        params: std::collections::BTreeMap::new(),
        district: "武清区".to_owned(),
        changes: vec![Change {
            unit_name: "高村镇".to_owned(),
            dataset_title: "在园幼儿月报".to_owned(),
            period: "2024年11月".to_owned(),
            file_name: "高村镇11月更正.xlsx".to_owned(),
            what: "更正".to_owned(),
        }],
        restated: Vec::new(),
        notices: Vec::new(),
    }
}

pub fn rows(columns: &[(&str, ColumnKind)], rows: Vec<Vec<Value>>) -> QueryRows {
    let columns = columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    QueryRows { columns, rows }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn towns(name: &str) -> BTreeMap<String, QueryRows> {
    let columns = [
        ("unit_name", ColumnKind::Text),
        ("share", ColumnKind::Float),
        ("met", ColumnKind::Bool),
        ("n", ColumnKind::Int),
    ];
    let row = vec![text(name), Value::Float(0.49996), Value::Bool(false), Value::Int(1234)];
    BTreeMap::from([("towns".to_owned(), rows(&columns, vec![row]))])
}

fn definition(body: &str) -> ReportDefinition {
    let text = format!(
        "+++\ntitle = \"报告（{{{{ period.label }}}}）\"\nto = [\"secretariat\"]\nformats = [\"html\"]\nnumbering = true\n[queries]\ntowns = \"SELECT 1\"\n+++\n{body}"
    );
    ReportDefinition::load("t", "report_templates/t/report.md.j2", &text).expect("loads")
}

fn rendered(body: &str, name: &str) -> Document {
    let Rendered { document, .. } = render(&definition(body), &towns(name), &context())
        .unwrap_or_else(|problems| panic!("{}", join(&problems)));
    document
}

fn join(problems: &[duban::diagnostic::Diagnostic]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn refusal(body: &str) -> String {
    match render(&definition(body), &towns("高村镇"), &context()) {
        Ok(_) => panic!("not refused: {body}"),
        Err(problems) => join(&problems),
    }
}

fn shown(blocks: &[Block]) -> String {
    let mut all = String::new();
    for block in blocks {
        match block {
            Block::Para(inlines) | Block::Quote(inlines) => all += &inline(inlines),
            Block::Heading(heading) => {
                all += &format!("{}{}", heading.number, inline(&heading.content));
            }
            Block::ListItem { content, .. } => all += &inline(content),
            Block::Landscape(blocks) => all += &shown(blocks),
            Block::Table(table) => {
                for cell in table.rows.iter().flat_map(|row| &row.cells) {
                    all += &cell.text;
                    all.push('|');
                }
            }
            other => all += &format!("{other:?}"),
        }
        all.push('\n');
    }
    all
}

fn inline(inlines: &[Inline]) -> String {
    inlines
        .iter()
        .map(|inline| match inline {
            Inline::Text { text } | Inline::Emphasis { text } | Inline::Link { text, .. } => {
                text.clone()
            }
            Inline::Strong { text } => format!("<{text}>"),
            Inline::Figure(figure) => figure.text.clone(),
            Inline::LineBreak => "/".to_owned(),
        })
        .collect()
}

#[test]
fn a_town_named_like_markup_stays_a_name() {
    for name in [
        "**x** <script>alert(1)</script>",
        "[a](javascript:x)",
        "# 一",
        "1. x",
        "- x\n- y",
        "&lt;",
        "`x`",
        "| a | b |",
        "***",
        "+++",
    ] {
        let document = rendered(
            "{{ q.towns[0].unit_name }}\n\n文字{{ q.towns[0].unit_name }}文字\n\n{{ table(\"towns\", columns=[\"unit_name\"]) }}",
            name,
        );
        let plain = name.replace('\n', " ");
        assert!(
            matches!(&document.blocks[..], [Block::Para(a), Block::Para(b), Block::Table(_)]
            if a == &[Inline::Text { text: plain.clone() }]
            && b == &[Inline::Text { text: format!("文字{plain}文字") }]),
            "{name}: {document:#?}"
        );
        let Block::Table(table) = &document.blocks[2] else { unreachable!() };
        assert_eq!(table.rows[0].cells[0].text, name);
    }
}

#[test]
fn text_through_macros_and_joins_is_escaped_once() {
    let body = "{% macro say(x) %}{{ x }}{% endmacro %}{{ say(q.towns[0].unit_name) }}、{{ [q.towns[0].unit_name, q.towns[0].unit_name]|join(\"、\") }}{% set y %}{{ q.towns[0].unit_name }}{% endset %}、{{ y }}、{{ \"甲\" ~ q.towns[0].unit_name }}";
    assert_eq!(shown(&rendered(body, "*x*").blocks), "*x*、*x*、*x*、*x*、甲*x*\n");
}

#[test]
fn figures_tables_and_sections_become_typed_blocks() {
    let body = "# 总体\n## 其中\n## 其二\n# 镇街\n在园 **{{ fig(q.towns[0].n, unit=\"人\") }}**，占比{{ fig(q.towns[0].share, format=\"percent\", met=q.towns[0].met) }}\n，另行\n\n{% call landscape() %}\n{{ table(\"towns\", caption=\"表\", columns=[col(\"unit_name\", \"镇街\"), col(\"share\", \"公办园/占比\", format=\"percent\", met=\"met\")], notes=[\"注\"]) }}\n{% endcall %}\n\n{{ pagebreak() }}\n\n{{ attachments([\"附表一\"]) }}";
    let document = rendered(body, "高村镇");
    assert_eq!(document.title, "报告（2024年12月）");
    let text = shown(&document.blocks);
    assert!(text.starts_with("一、总体\n（一）其中\n（二）其二\n二、镇街\n在园 1,234人，占比49.99%，另行\n高村镇|49.99%|\n\nPageBreak"), "{text}");
    let Some(Block::Landscape(inner)) = document.blocks.get(5) else { panic!("{document:#?}") };
    let Block::Table(table) = &inner[0] else { panic!() };
    assert_eq!(table.columns[1].heading, ["公办园", "占比"]);
    assert_eq!(table.rows[0].cells[1].value, Value::Float(0.49996));
    assert_eq!(table.rows[0].cells[1].light, Some(duban::model::Light::Red));
    assert_eq!(table.notes, ["注"]);
}

#[test]
fn an_endless_loop_is_refused_with_its_line() {
    let said = refusal(
        "一\n\n{% for a in range(90000) %}{% for b in range(90000) %}{{ b }}{% endfor %}{% endfor %}",
    );
    assert!(said.starts_with("report_templates/t/report.md.j2:11"), "{said}");
    assert!(said.contains("a loop without end?") || said.contains("too much"), "{said}");
}

#[test]
fn unknown_words_are_refused_with_line_and_hint() {
    for (body, start, hint) in [
        (
            "甲\n\n{{ perid.label }}",
            "report_templates/t/report.md.j2:11:4: `perid` is not defined",
            "did you mean `period`?",
        ),
        (
            "{{ q.towns[0].unit_nam }}",
            "report_templates/t/report.md.j2:9:4: `q.towns[0].unit_nam` is not defined",
            "did you mean `unit_name`?",
        ),
        (
            "{% if q.town %}x{% endif %}",
            "report_templates/t/report.md.j2:9:7: `q.town` is not defined",
            "did you mean `towns`?",
        ),
        ("{{ 0.5|percnt }}", "report_templates/t/report.md.j2:9", "did you mean `percent`?"),
        ("{{ tabel(\"towns\") }}", "report_templates/t/report.md.j2:9", "did you mean `table`?"),
        (
            "{{ table(\"towns\", columns=[\"unit_nme\"]) }}",
            "report_templates/t/report.md.j2:9:4: unknown column `unit_nme`",
            "did you mean `unit_name`?",
        ),
        (
            "{{ table(\"towsn\", columns=[\"unit_nme\"]) }}",
            "report_templates/t/report.md.j2:9:4: unknown query `towsn`",
            "did you mean `towns`?",
        ),
        (
            "{{ table(\"towns\", colums=[\"unit_name\"]) }}",
            "report_templates/t/report.md.j2:9:4",
            "colum",
        ),
        (
            "{{ table(\"towns\", columns=[col(\"share\", format=\"persent\")]) }}",
            "report_templates/t/report.md.j2:9",
            "percent",
        ),
        ("甲\n\n乙<b>丙</b>", "report_templates/t/report.md.j2:11:2: raw HTML: <b>", "{#"),
        (
            "{% for r in q.towns %}\n\n<!-- x -->\n{% endfor %}",
            "report_templates/t/report.md.j2:11:1: raw HTML",
            "{#",
        ),
        ("{% if x %}", "report_templates/t/report.md.j2:9", "syntax error"),
    ] {
        let said = refusal(body);
        assert!(said.starts_with(start), "{body}\n{said}");
        assert!(said.contains(hint), "{body}\n{said}");
    }
}

#[test]
fn front_matter_is_refused_with_the_lines_of_the_whole_file() {
    let load = |text: &str| {
        join(
            &ReportDefinition::load("t", "report_templates/t/report.md.j2", text)
                .expect_err("refused"),
        )
    };
    let said = load(
        "+++\ntitle = \"t\"\nformats = [\"html\"]\nto = [\"x\"]\nnumberin = true\n[queries]\n+++\n",
    );
    assert!(
        said.starts_with("report_templates/t/report.md.j2:5:1: unknown field `numberin`"),
        "{said}"
    );
    assert!(said.contains("did you mean `numbering`?"), "{said}");
    let said = load(
        "+++\ntitle = \"t\"\nformats = [\"html\"]\nto = []\n[schedule]\ncron = \"30 8 * *\"\ntimezone = \"Asia/Shanghi\"\n[queries]\n'a b' = \"SELECT 1\"\n+++\n",
    );
    for place in [":4:6: ", ":6:9: ", ":7:12: ", ":9:1: "] {
        assert!(said.contains(place), "{place} {said}");
    }
    assert!(load("# x").contains(":1:1: the front matter is missing"));
    assert!(load("+++\ntitle = 1\n").contains("has no end"));
    let def = ReportDefinition::load("t", "f", "+++\ntitle = \"t\"\nformats = [\"html\"]\nto = [\"x\"]\n[queries]\na = \"\"\"\nSELECT 1\n\"\"\"\nb = \"SELECT 2\"\n+++\nx").expect("loads");
    assert_eq!((def.queries["a"].line, def.queries["b"].line), (7, 9));
    assert_eq!((def.body(), def.lines_before_body()), ("x", 10));
}

#[test]
fn a_subject_is_one_line_whatever_the_data_says() {
    let mut def = definition("x");
    def.subject = Some(duban::config::report::LineTemplate {
        text: "报告 {{ q.towns[0].unit_name }}".to_owned(),
        line: 2,
    });
    let rendered = render(&def, &towns("a\r\nBcc: x@example.com"), &context()).expect("renders");
    assert_eq!(rendered.subject, "报告 a Bcc: x@example.com");
}

#[test]
fn a_template_is_checked_with_and_without_rows() {
    let schemas = BTreeMap::from([(
        "towns".to_owned(),
        vec![("unit_name".to_owned(), ColumnKind::Text), ("n".to_owned(), ColumnKind::Int)],
    )]);
    let good = "{% for row in q.towns %}{{ row.unit_name }}{{ row.n|int }}{% endfor %}\n\n{{ table(\"towns\", columns=[\"unit_name\", \"n\"]) }}";
    assert_eq!(join(&check(&definition(good), &schemas)), "");
    for (bad, place) in [
        // Fails without rows.
        ("\n{{ q.towns[0].n }}", ":10:"),
        // Fails with rows.
        ("{% for row in q.towns %}\n{{ row.nn }}\n{% endfor %}", ":10:"),
        // Fails for a town that did not report.
        ("{% for row in q.towns %}\n\n{{ row.n * 2 }}\n{% endfor %}", ":11:"),
        // Fails at nought.
        (
            "{% for row in q.towns %}\n\n\n{{ 1 // row.n if row.n is not none else 0 }}\n{% endfor %}",
            ":12:",
        ),
        // Fails although there is nothing to show.
        ("{{ table(\"towns\", columns=[\"unit_nam\"]) }}", ":9:"),
    ] {
        let problems = check(&definition(bad), &schemas);
        assert_eq!(problems.len(), 1, "{bad}: {}", join(&problems));
        assert!(problems[0].to_string().contains(place), "{bad}: {}", problems[0]);
    }
}

#[test]
fn filters_write_numbers_as_a_chinese_report_does() {
    for (template, expected) in [
        ("{{ 0.49996|percent }}", "49.99%"),
        ("{{ 49996|percent(100000) }}", "49.99%"),
        ("{{ 1|percent(0) }}{{ none|percent }}", "——"),
        ("{{ 0.93|percent }}、{{ 0.999999|percent }}", "93.00%、99.99%"),
        ("{{ 1.254|points }}、{{ (0-0.4)|points }}", "+1.25、-0.40"),
        (
            "{{ 0.5|points_words }}、{{ (0-0.5)|points_words }}、{{ 0|points_words }}",
            "上升0.50个百分点、下降0.50个百分点、持平",
        ),
        ("{{ 12|change }}、{{ 1234567|int }}、{{ 15.04|ratio }}", "+12、1,234,567、15.1"),
        (
            "第{{ 12|cn_number }}期、{{ \"2024-12-09\"|cn_date }}、{{ as_of.at|cn_time }}",
            "第十二期、2024年12月9日、2025年1月9日8时30分",
        ),
        ("{{ \"13800001234\"|mask_phone }}", "138****1234"),
        ("{{ none }}、{{ true }}、{{ q.towns[0].n }}", "—、是、1234"),
    ] {
        assert_eq!(
            shown(&rendered(template, "高村镇").blocks),
            format!("{expected}\n"),
            "{template}"
        );
    }
    assert!(refusal("{{ \"12\"|percent }}").contains("is no number"));
    assert!(refusal("{{ \"x\"|cn_date }}").contains("is no date"));
}

#[test]
fn a_template_cannot_write_without_end_nor_pass_text_unescaped() {
    let said = refusal(
        "{% for a in range(60000) %}一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十{% endfor %}",
    );
    assert!(said.contains("writes too much"), "{said}");
    for filter in ["safe", "tojson", "escape", "e"] {
        assert!(
            refusal(&format!("{{{{ \"<b>\"|{filter} }}}}")).contains("unknown filter"),
            "{filter}"
        );
    }
    assert!(refusal("{% include \"x\" %}").contains("report.md.j2:9"));
}
