//! HTML, text, mail and workbook: from hand-made documents, and the joint-meeting report from
//! invented rows (tests/fixtures/report/joint_meeting_invented.json: no figure of it is real).

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use calamine::{Data, Reader, Xlsx};
use duban::config::report::ReportDefinition;
use duban::model::Light;
use duban::report::document::{
    Align, Block, Cell, Column, Document, Format, Heading, Inline, Row, Table, Value,
};
use duban::report::xlsx::{self, SnapshotSource, Sources};
use duban::report::{
    QueryRows, Rendered, ReportContext, Restatement, check, html, mail, render, text,
};
use jiff::civil::date;

use crate::report_chart::{fonts, has_chinese_font};
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

fn joint_report() -> Rendered {
    render(&joint_meeting(), &invented_rows(), &invented_context()).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn sources() -> Sources {
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

fn document(blocks: Vec<Block>) -> Document {
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

fn table(caption: &str, n_rows: usize) -> Table {
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

fn no_image(_: &duban::report::document::Chart) -> String {
    "cid:none".to_owned()
}

fn tables(blocks: &[Block]) -> Vec<&Table> {
    blocks
        .iter()
        .flat_map(|block| match block {
            Block::Table(table) => vec![table],
            Block::Landscape(blocks) => tables(blocks),
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
        "本期无督办事项",
        "本期无逾期未报单位",
        "本期无退回未更正的报送",
        "目前无未到期的在办事项",
    ] {
        assert!(said.contains(sentence), "{sentence}\n{said}");
    }
    assert!(!said.contains("None") && !said.contains("〔图〕"), "{said}");
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
    let made = mail::compose(&report.document, &report.subject, &css(), &fonts(), Vec::new())
        .expect("mail");
    let again = mail::compose(&report.document, &report.subject, &css(), &fonts(), Vec::new())
        .expect("mail");
    assert_eq!(made, again);
    assert!(made.html.len() < 100_000, "{} bytes", made.html.len());
    let images: Vec<&str> = made.html.split("<img ").skip(1).collect();
    assert_eq!((images.len(), made.inline.len()), (2, 2));
    for (image, inline) in images.iter().zip(&made.inline) {
        assert!(image.contains(&format!("src=\"cid:{}\"", inline.content_id)));
        let alt =
            image.split("alt=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("");
        assert!(alt.chars().count() > 20, "alt: {alt}");
        assert_eq!(&inline.bytes[1..4], b"PNG");
    }
    for word in ["<script", "<style", "<link", "http:", "https:"] {
        assert!(!made.html.contains(word), "{word}");
    }
    // Every cell stands in both bodies.
    for cell in tables(&report.document.blocks).iter().flat_map(|t| &t.rows).flat_map(|r| &r.cells)
    {
        assert!(made.text.contains(&cell.text) && made.html.contains(&cell.text), "{}", cell.text);
    }
}

#[test]
fn styles_are_inlined_and_lights_read_without_colour() {
    let html = html::render(&document(vec![Block::Table(table("表", 1))]), &css(), &no_image)
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
    let html = html::render(&doc, &css(), &no_image).expect("html");
    for bad in ["<script", "<b>", "<i>", "\"onload"] {
        assert!(!html.contains(bad), "{bad}");
    }
}

#[test]
fn a_very_long_table_is_cut_in_the_mail_and_says_so() {
    let html = html::render(&document(vec![Block::Table(table("表", 3000))]), &css(), &no_image)
        .expect("html");
    assert!(html.len() < html::MAX_BYTES);
    assert!(html.contains("其余2940行见附件。"), "{}", html.len());
    let html = html::render(&document(vec![Block::Table(table("表", 30))]), &css(), &no_image)
        .expect("html");
    assert!(!html.contains("其余"));
    let huge = "字".repeat(40_000);
    let wrong = html::render(
        &document(vec![Block::Para(vec![Inline::Text { text: huge }])]),
        &css(),
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

fn workbook(doc: &Document) -> (Vec<u8>, Xlsx<Cursor<Vec<u8>>>) {
    let bytes = xlsx::render(doc, &sources()).expect("workbook");
    let book = Xlsx::new(Cursor::new(bytes.clone())).expect("opens");
    (bytes, book)
}

fn part(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("zip");
    let mut text = String::new();
    archive.by_name(name).expect("part").read_to_string(&mut text).expect("utf-8");
    text
}

#[test]
fn the_workbook_holds_the_numbers_of_the_report() {
    let report = joint_report();
    let (bytes, mut book) = workbook(&report.document);
    assert_eq!(bytes, xlsx::render(&report.document, &sources()).expect("again"));
    let names = book.sheet_names();
    assert_eq!(names.first().map(String::as_str), Some("总览"));
    assert_eq!(names.last().map(String::as_str), Some("数据来源"));
    let tables = tables(&report.document.blocks);
    assert_eq!(names.len(), tables.len() + 2);
    for (table, name) in tables.iter().zip(&names[1..]) {
        let sheet = book.worksheet_range(name).expect("sheet");
        let found: Vec<Vec<f64>> = sheet
            .rows()
            .map(|row| {
                row.iter()
                    .filter_map(|cell| match cell {
                        Data::Float(number) => Some(*number),
                        _ => None,
                    })
                    .collect()
            })
            .filter(|row: &Vec<f64>| !row.is_empty())
            .collect();
        let expected: Vec<Vec<f64>> = table
            .rows
            .iter()
            .map(|row| {
                row.cells
                    .iter()
                    .filter_map(|cell| match cell.value {
                        Value::Int(number) => {
                            Some(f64::from(i32::try_from(number).expect("small")))
                        }
                        Value::Float(number) => Some(number),
                        _ => None,
                    })
                    .collect()
            })
            .filter(|row: &Vec<f64>| !row.is_empty())
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_sheet_is_frozen_filtered_and_set_up_for_print() {
    let (bytes, mut book) = workbook(&document(vec![Block::Table(table("表", 2))]));
    let sheet = part(&bytes, "xl/worksheets/sheet2.xml");
    for piece in [
        "<pane xSplit=\"1\" ySplit=\"4\" topLeftCell=\"B5\"",
        "<autoFilter ref=\"A4:F6\"",
        "<mergeCell ref=\"B3:D3\"",
        "paperSize=\"9\"",
        "fitToHeight=\"0\"",
        "<conditionalFormatting sqref=\"C5:D6\">",
        "RIGHT($D5,1)=\"红\"",
    ] {
        assert!(sheet.contains(piece), "{piece}\n{sheet}");
    }
    assert!(!sheet.contains("<f>"), "a cell is a formula");
    assert!(part(&bytes, "xl/workbook.xml").contains("表!$3:$4"), "print titles");
    assert!(part(&bytes, "docProps/core.xml").contains("2025-01-09T08:30:00Z"));
    let styles = part(&bytes, "xl/styles.xml");
    // 0.49996 with two decimals would show as 50.00%.
    assert!(styles.contains("formatCode=\"0.000%\"") && !styles.contains("formatCode=\"0.00%\""));
    let range = book.worksheet_range("表").expect("sheet");
    assert_eq!(range.get_value((4, 0)), Some(&Data::String("=1+1".to_owned())));
    assert_eq!(range.get_value((4, 1)), Some(&Data::Float(1234.0)));
    assert_eq!(range.get_value((4, 2)), Some(&Data::Float(0.49996)));
    assert_eq!(range.get_value((4, 3)), Some(&Data::String("■红".to_owned())));
    assert!(matches!(range.get_value((4, 4)), Some(Data::DateTime(_))));
    assert_eq!(range.get_value((4, 5)), Some(&Data::String("缺报".to_owned())));
}

#[test]
fn sheet_names_are_short_clean_and_unlike_each_other() {
    let long = "各镇街[三率]与位次：一张名称很长很长很长很长很长很长很长很长的表/含斜线";
    let blocks = [long, long, "总览", "", "History", "'引号'"]
        .map(|caption| Block::Table(table(caption, 1)))
        .to_vec();
    let (_, book) = workbook(&document(blocks));
    let names = book.sheet_names();
    assert_eq!(names.len(), 8);
    for (i, name) in names.iter().enumerate() {
        assert!(name.encode_utf16().count() <= 31, "{name}");
        assert!(!name.contains(['[', ']', ':', '*', '?', '/', '\\']), "{name}");
        assert!(!names[..i].contains(name), "{name} twice");
    }
}
