//! HTML, text and mail: from hand-made documents, and the joint-meeting report from
//! invented rows (tests/fixtures/report/joint_meeting_invented.json: no figure of it is real).

use std::collections::BTreeMap;
use std::path::Path;

use duban::config::report::ReportDefinition;
use duban::model::Light;
use duban::report::document::{
    Align, Block, Cell, Column, Document, Format, Heading, Inline, Row, Table, Value,
};
use duban::report::xlsx::{SnapshotSource, Sources};
use duban::report::{
    QueryRows, Rendered, ReportContext, Restatement, check, html, mail, render, text,
};
use jiff::civil::date;

use crate::mail_look::pictures;
use crate::report_chart::has_chinese_font;
use crate::report_template::context;

fn repository(path: &str) -> String {
    fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("read")
}

fn css() -> String {
    repository("report_templates/_base/mail.css")
}

fn joint_meeting() -> ReportDefinition {
    let file = "report_templates/joint_meeting/report.md.j2";
    ReportDefinition::load("joint_meeting", file, &repository(file)).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn invented_rows() -> BTreeMap<String, QueryRows> {
    serde_json::from_str(&repository("tests/fixtures/report/joint_meeting_invented.json"))
        .expect("rows")
}

fn invented_context() -> ReportContext {
    let mut context = context();
    context.notices = vec!["本报告所用数据均为虚构，仅供演示。".to_owned()];
    context.restated = vec![Restatement {
        metric_title: "公办园在园幼儿占比".to_owned(),
        level: "town".to_owned(),
        unit_name: "高村镇".to_owned(),
        period: "2024年11月".to_owned(),
        before_num: Some(110),
        before_den: Some(230),
        after_num: Some(118),
        after_den: Some(230),
    }];
    context
}

pub fn joint_report() -> Rendered {
    render(&joint_meeting(), &invented_rows(), &invented_context()).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

pub fn sources() -> Sources {
    Sources {
        as_of: date(2025, 1, 9).at(8, 30, 0, 0),
        queries: vec![("towns".to_owned(), "=SELECT 1\nFROM towns".to_owned())],
        snapshots: vec![SnapshotSource {
            dataset_title: "在园幼儿月报".to_owned(),
            period: "2024-12".to_owned(),
            snapshot_id: "ab12".to_owned(),
            n_rows: 1234,
            missing_units: vec!["白古屯镇".to_owned()],
        }],
    }
}

pub fn document(blocks: Vec<Block>) -> Document {
    Document {
        title: "报告".to_owned(),
        addressees: String::new(),
        signature: "秘书处".to_owned(),
        dated_on: Some(date(2025, 1, 9)),
        doc_number: String::new(),
        imprint: Vec::new(),
        subtitle: "数据截至2025年1月9日".to_owned(),
        blocks,
    }
}

pub fn table(caption: &str, n_rows: usize) -> Table {
    let column = |heading: &str, format, align| Column {
        name: heading.to_owned(),
        heading: heading.split('/').map(str::to_owned).collect(),
        format,
        align,
        weight: 8.0,
    };
    let row = Row {
        cells: vec![
            Cell { value: Value::Text("=1+1".to_owned()), text: "=1+1".to_owned(), light: None },
            Cell { value: Value::Int(1234), text: "1,234".to_owned(), light: None },
            Cell {
                value: Value::Float(0.49996),
                text: "49.99%".to_owned(),
                light: Some(Light::Red),
            },
            Cell {
                value: Value::Date(date(2024, 12, 9)),
                text: "2024年12月9日".to_owned(),
                light: None,
            },
            Cell { value: Value::Null, text: "缺报".to_owned(), light: None },
        ],
        emphasis: false,
    };
    Table {
        name: "t".to_owned(),
        caption: caption.to_owned(),
        columns: vec![
            column("镇街", Format::Text, Align::Left),
            column("在园/人数", Format::Int, Align::Right),
            column("在园/占比", Format::Percent, Align::Right),
            column("日期", Format::Date, Align::Center),
            column("得分", Format::Ratio, Align::Right),
        ],
        rows: vec![row; n_rows],
        notes: vec!["注：缺报不按零计。".to_owned()],
        print_rows: None,
    }
}

fn no_image(_: &duban::report::document::Chart) -> html::Picture {
    html::Picture { src: "cid:none".to_owned(), width: 680, height: 340 }
}

pub fn tables(blocks: &[Block]) -> Vec<&Table> {
    blocks
        .iter()
        .flat_map(|block| match block {
            Block::Table(table) => vec![table],
            Block::Landscape(blocks) => tables(blocks),
            Block::Appendix(appendix) => tables(&appendix.blocks),
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn the_joint_meeting_report_passes_its_own_check() {
    let schemas = invented_rows().into_iter().map(|(name, rows)| (name, rows.columns)).collect();
    let problems = check(&joint_meeting(), &schemas);
    assert!(problems.is_empty(), "{}", problems[0]);
}

#[test]
fn the_joint_meeting_report_reads_as_its_snapshot() {
    let report = joint_report();
    insta::assert_snapshot!("joint_meeting_text", text::render(&report.document));
    insta::assert_snapshot!(report.subject, @"【联席会议】2024年12月学前教育普及普惠攻坚工作进展情况报告（第4期）");
    insta::assert_snapshot!(report.file_name, @"学前教育普及普惠攻坚工作进展情况报告_2024-12_第4期");
}

#[test]
fn the_joint_meeting_report_without_any_row_says_so_in_words() {
    let rows = invented_rows()
        .into_iter()
        .map(|(name, rows)| (name, QueryRows { columns: rows.columns, rows: Vec::new() }))
        .collect();
    let mut context = invented_context();
    context.previous_edition = None;
    let report = render(&joint_meeting(), &rows, &context).expect("renders");
    let said = text::render(&report.document);
    for sentence in [
        "三率无法计算",
        "目前无督办事项",
        "本期无逾期未报单位",
        "本期无退回未更正的报送",
        "下期之前无到期的督办事项",
    ] {
        assert!(said.contains(sentence), "{sentence}\n{said}");
    }
    assert!(!said.contains("None") && !said.contains("〔图〕"), "{said}");
    assert!(!said.contains("均达到攻坚目标"), "nothing is known of the rates:\n{said}");
}

#[test]
fn a_document_survives_storage() {
    let report = joint_report();
    let stored = serde_json::to_string(&report).expect("stored");
    assert_eq!(serde_json::from_str::<Rendered>(&stored).expect("read"), report);
}

#[test]
fn the_mail_has_both_bodies_and_every_picture_with_words() {
    if !has_chinese_font("the_mail_has_both_bodies") {
        return;
    }
    let report = joint_report();
    let document = report.document.for_print();
    let compose = || {
        let frame = mail::Frame { subject: &report.subject, attached: html::Attached::Whole };
        mail::compose(&document, frame, &css(), &pictures(), Vec::new()).expect("mail")
    };
    let made = compose();
    let again = compose();
    assert_eq!(made, again);
    assert!(made.html.len() < 100_000, "{} bytes", made.html.len());
    let images: Vec<&str> = made.html.split("<img ").skip(1).collect();
    assert_eq!((images.len(), made.inline.len()), (3, 3), "rates, towns, lights");
    for (image, inline) in images.iter().zip(&made.inline) {
        assert!(image.contains(&format!("src=\"cid:{}\"", inline.content_id)));
        let alt =
            image.split("alt=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("");
        assert!(alt.chars().count() > 20, "alt: {alt}");
        assert_eq!(&inline.bytes[1..4], b"PNG");
    }
    for word in ["<script", "<link", "http:", "https:"] {
        assert!(!made.html.contains(word), "{word}");
    }
    // Every cell stands in both bodies; the appendices are left to the papers that go with it.
    let (appendices, body): (Vec<Block>, Vec<Block>) =
        document.blocks.into_iter().partition(|block| matches!(block, Block::Appendix(_)));
    assert_eq!(appendices.len(), 5);
    let body = tables(&body);
    assert!(body.len() > 8, "{}", body.len());
    for cell in body.iter().flat_map(|t| &t.rows).flat_map(|r| &r.cells) {
        // Long texts break within their column.
        let begin: String = cell.text.chars().take(7).collect();
        assert!(made.text.contains(&begin) && made.html.contains(&cell.text), "{}", cell.text);
    }
}

#[test]
fn styles_are_inlined_and_lights_read_without_colour() {
    let html = html::render(
        &document(vec![Block::Table(table("表", 1))]),
        &css(),
        html::Attached::Whole,
        &no_image,
    )
    .expect("html");
    let cell = html.split("<td").find(|cell| cell.contains("49.99%")).expect("cell");
    assert!(cell.contains("■49.99%") && cell.contains("color:"), "{cell}");
    assert!(html.contains("<th colspan=\"2\" nowrap=\"\">在园</th>"), "{html}");
    assert!(html.contains("<th rowspan=\"2\" nowrap=\"\">镇街</th>"), "{html}");
}

#[test]
fn data_cannot_become_html() {
    let mut doc = document(vec![
        Block::Heading(Heading {
            level: 1,
            number: "一、".to_owned(),
            content: vec![Inline::Text { text: "<b>".to_owned() }],
        }),
        Block::Para(vec![Inline::Link {
            text: "\"><script>".to_owned(),
            url: "https://x/\"onload=\"y".to_owned(),
        }]),
        Block::Table(table("<i>", 1)),
    ]);
    doc.title = "<script>alert(1)</script>".to_owned();
    let html = html::render(&doc, &css(), html::Attached::Whole, &no_image).expect("html");
    for bad in ["<script", "<b>", "<i>", "\"onload"] {
        assert!(!html.contains(bad), "{bad}");
    }
}

#[test]
fn a_very_long_table_is_cut_in_the_mail_and_says_so() {
    let html = html::render(
        &document(vec![Block::Table(table("表", 3000))]),
        &css(),
        html::Attached::Whole,
        &no_image,
    )
    .expect("html");
    assert!(html.len() < html::MAX_BYTES);
    assert!(html.contains("其余2940行见附件。"), "{}", html.len());
    let html = html::render(
        &document(vec![Block::Table(table("表", 30))]),
        &css(),
        html::Attached::Whole,
        &no_image,
    )
    .expect("html");
    assert!(!html.contains("其余"));
    let huge = "字".repeat(40_000);
    let wrong = html::render(
        &document(vec![Block::Para(vec![Inline::Text { text: huge }])]),
        &css(),
        html::Attached::Whole,
        &no_image,
    );
    assert!(matches!(wrong, Err(html::HtmlError::TooLarge { .. })));
}

#[test]
fn columns_of_text_tables_stand_under_each_other() {
    let said = text::render(&document(vec![Block::Table(table("表", 2))]));
    let rows: Vec<&str> = said.lines().filter(|line| line.contains("=1+1")).collect();
    assert_eq!(rows, ["=1+1  1,234  ■49.99%  2024年12月9日  缺报"; 2]);
}
