//! The Word file, taken apart by python-docx and checked by openxml-audit: readers that share no code with the
//! writer.

use std::io::{Cursor, Read};
use std::sync::LazyLock;

use duban::model::Light;
use duban::report::document::{Block, Chart, Document, Inline};
use duban::report::docx::{self, BoxError, DocxError, DocxMeta};
use resvg::tiny_skia::Pixmap;
use serde_json::Value;

use crate::pdf_sample as sample;
use crate::tools::{python_with, repository};

/// A picture of twice as many pixels along as down.
#[expect(clippy::unnecessary_wraps, reason = "what the renderer calls")]
pub fn draw(_: &Chart) -> Result<Vec<u8>, BoxError> {
    Ok(Pixmap::new(200, 100).unwrap().encode_png().unwrap())
}

pub fn word(document: &Document) -> Vec<u8> {
    let meta = DocxMeta {
        author: &document.signature,
        created_at: "2024-09-05T09:30:00+08:00".parse().unwrap(),
    };
    docx::render(document, &draw, meta).unwrap_or_else(|error| panic!("{error}"))
}

/// What the reader finds; none if this machine has none.
pub fn read(bytes: &[u8], options: &[&str]) -> Option<Value> {
    let mut python = python_with("docx, openxml_audit", "a test of the Word file")?;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("paper.docx");
    fs_err::write(&path, bytes).unwrap();
    let tool = repository().join("tests/tools/read_docx.py");
    let output = python.arg(tool).arg(&path).args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The sample paper as it reads, found once.
fn paper() -> Option<&'static Value> {
    static PAPER: LazyLock<Option<Value>> = LazyLock::new(|| read(&word(&sample::document()), &[]));
    PAPER.as_ref()
}

/// Blank paper, to put one thing on.
pub fn plain(blocks: Vec<Block>) -> Document {
    Document {
        title: String::new(),
        addressees: String::new(),
        signature: String::new(),
        dated_on: None,
        doc_number: String::new(),
        imprint: Vec::new(),
        subtitle: String::new(),
        blocks,
    }
}

pub fn part(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value}"))
}

pub fn of_kind<'a>(read: &'a Value, kind: &str) -> Vec<&'a Value> {
    list(&read["blocks"]).iter().filter(|block| block["kind"] == kind).collect()
}

fn paragraph<'a>(read: &'a Value, starts: &str) -> &'a Value {
    of_kind(read, "paragraph")
        .into_iter()
        .find(|block| text(&block["text"]).starts_with(starts))
        .unwrap_or_else(|| panic!("no paragraph {starts:?}"))
}

#[track_caller]
fn close_to(value: &Value, expected: f64, within: f64) {
    let value = value.as_f64().unwrap_or_else(|| panic!("{value}"));
    assert!((value - expected).abs() <= within, "{value} is not {expected}");
}

#[test]
fn the_word_file_keeps_to_the_schemas() {
    let Some(paper) = paper() else { return };
    assert_eq!(list(&paper["problems"]), [] as [Value; 0]);
}

#[test]
fn a_word_file_that_breaks_the_schemas_would_be_found() {
    let bytes = word(&plain(vec![sample::para("甲")]));
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let mut broken = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        let name = file.name().unwrap().into_owned();
        if name == "word/document.xml" {
            let xml = String::from_utf8(content).unwrap();
            let style = r#"<w:pStyle w:val="OfficialBody"/>"#;
            assert!(xml.contains(style));
            content = xml.replace(style, &format!("<w:keepNext/>{style}")).into_bytes();
        }
        broken.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut broken, &content).unwrap();
    }
    let Some(read) = read(&broken.finish().unwrap().into_inner(), &[]) else { return };
    let problems = list(&read["problems"]);
    assert!(problems.iter().any(|problem| text(problem).contains("pStyle")), "{problems:?}");
}

/// What stands on the paper, line by line, in the order of GB/T 9704: written down here by hand.
const LINES: [&str; 30] = [
    "武学前督〔2024〕4号",
    "学前教育普及普惠攻坚工作进展情况报告",
    "2024年9月·数据截至9月1日·第1期（虚构数据）",
    "区专项工作委员会：",
    "根据攻坚行动安排，现将截至2024年9月1日的进展情况报告如下。全区在园幼儿25,113人，其中公办园在园幼儿10,301人，\
     占41.02%，距目标差8.98个百分点；缺报1个镇，按已报镇街计算。详见数据说明。",
    "一、总体进展",
    "（一）三率完成情况",
    "普惠性幼儿园覆盖率稳步提高，公办资源持续扩大。普惠性幼儿园覆盖率稳步提高，公办资源持续扩大。\
     普惠性幼儿园覆盖率稳步提高，公办资源持续扩大。普惠性幼儿园覆盖率稳步提高，公办资源持续扩大。",
    "1.公办园占比",
    "公办园在园幼儿占比比上月提高0.35个百分点。",
    "（1）小区配套园",
    "1. 所属镇街申请，区教育局审核，区专项工作委员会批准。",
    "· 占比不足百分之五十的镇街，新移交的应办成公办园。",
    "新增小区配套园一律办成公办园或者普惠性民办园。",
    "图1　公办园占比走势（虚构数据）",
    "二、各镇街情况",
    "表1　各镇街三率（虚构数据）",
    "注：1. 本表数据均为虚构，仅供样例使用。",
    "2. 样例07镇缺报，全区数按已报镇街的分子、分母合计。",
    "图2　学位缺口（虚构数据）",
    "三、下一步工作",
    "请各镇街按时限要求落实整改，逾期未完成的予以通报。",
    "附件：1. 督办台账",
    "2. 关于名称较长需要回行的附件应当与上一行附件名称的首字对齐的说明",
    "区学前教育联席会议秘书处",
    "2024年9月5日",
    "附件1　督办台账",
    "表2　督办台账（虚构数据）",
    "注：时限按工作日计算。",
    "",
];

#[test]
fn every_line_of_the_paper_stands_in_it_in_its_order() {
    let Some(paper) = paper() else { return };
    let found: Vec<&str> = of_kind(paper, "paragraph")
        .into_iter()
        .filter(|block| block["pictures"] == 0)
        .map(|block| text(&block["text"]))
        .collect();
    assert_eq!(found, LINES);
}

#[test]
fn every_cell_of_a_table_stands_in_its_row_with_its_light() {
    let Some(paper) = paper() else { return };
    let towns = sample::towns();
    let table = of_kind(paper, "table")[0];
    let rows = list(&table["rows"]);
    assert_eq!(rows.len(), 2 + towns.rows.len());
    for (row, found) in towns.rows.iter().zip(&rows[2..]) {
        let cells = list(&found["cells"]);
        assert_eq!(cells.len(), row.cells.len());
        for (cell, found) in row.cells.iter().zip(cells) {
            let (mark, color) = match cell.light {
                Some(Light::Green) => ("●", Some("1B6E2A")),
                Some(Light::Yellow) => ("▲", Some("8A5A00")),
                Some(Light::Red) => ("■", Some("B00020")),
                None => ("", None),
            };
            assert_eq!(text(&found["text"]), format!("{mark}{}", cell.text));
            if let Some(run) = list(&found["runs"]).first() {
                assert_eq!(run["color"].as_str(), color, "{found}");
            }
            assert_eq!(found["fill"].as_str(), row.emphasis.then_some("EBEBEB"));
        }
        assert_eq!(found["cannot_split"], true);
        assert_eq!(found["is_head"], false);
    }
    let aligns: Vec<&str> = list(&rows[5]["cells"]).iter().map(|c| text(&c["align"])).collect();
    assert_eq!(aligns, ["right", "left", "right", "right", "right", "right", "right"]);
    let total = list(&rows[32]["cells"]);
    assert_eq!(text(&total[1]["runs"][0]["face"]), "黑体");
    assert_eq!(text(&list(&rows[31]["cells"])[1]["runs"][0]["face"]), "仿宋_GB2312");
}

#[test]
fn headings_of_two_levels_are_merged_and_repeated_on_every_page() {
    let Some(paper) = paper() else { return };
    let table = of_kind(paper, "table")[0];
    let rows = list(&table["rows"]);
    let heads: Vec<bool> = rows.iter().map(|row| row["is_head"] == true).collect();
    assert_eq!(&heads[..4], [true, true, false, false]);
    let shape = |row: usize| -> Vec<(String, i64, Option<String>)> {
        list(&rows[row]["cells"])
            .iter()
            .map(|cell| {
                let merge = cell["merge"].as_str().map(str::to_owned);
                (text(&cell["text"]).to_owned(), cell["span"].as_i64().unwrap(), merge)
            })
            .collect()
    };
    let cell = |words: &str, span: i64, merge: Option<&str>| {
        (words.to_owned(), span, merge.map(str::to_owned))
    };
    let (start, on) = (Some("restart"), Some("continue"));
    assert_eq!(
        shape(0),
        [
            cell("序号", 1, start),
            cell("镇街", 1, start),
            cell("在园幼儿", 1, start),
            cell("公办园", 2, None),
            cell("普惠性幼儿园覆盖率", 1, start),
            cell("毛入园率", 1, start),
        ]
    );
    assert_eq!(
        shape(1),
        [
            cell("", 1, on),
            cell("", 1, on),
            cell("", 1, on),
            cell("人数", 1, None),
            cell("占比", 1, None),
            cell("", 1, on),
            cell("", 1, on),
        ]
    );
    assert_eq!(table["layout"], "fixed");
    let grid: Vec<i64> = list(&table["grid"]).iter().map(|w| w.as_i64().unwrap()).collect();
    // 156 mm in twips.
    assert!((grid.iter().sum::<i64>() - 8844).abs() <= 2, "{grid:?}");
    let merged = list(&rows[0]["cells"])[3]["width"].as_i64().unwrap();
    assert_eq!(merged, grid[3] + grid[4]);
}

#[test]
fn headings_have_their_level_and_face_and_stand_in_the_navigation_pane() {
    let Some(paper) = paper() else { return };
    let rows = [
        ("学前教育普及普惠", "Title", None, "方正小标宋简体", 22.0),
        ("一、总体进展", "Heading 1", Some("0"), "黑体", 16.0),
        ("（一）三率", "Heading 2", Some("1"), "楷体_GB2312", 16.0),
        ("1.公办园占比", "Heading 3", Some("2"), "仿宋_GB2312", 16.0),
        ("（1）小区", "Heading 4", Some("3"), "仿宋_GB2312", 16.0),
        ("根据攻坚", "公文正文", None, "仿宋_GB2312", 16.0),
        ("表1", "表题", None, "黑体", 12.0),
        ("注：1.", "附注", None, "仿宋_GB2312", 10.5),
        ("区学前教育联席", "发文机关署名", None, "仿宋_GB2312", 16.0),
    ];
    for (starts, style, outline, face, size) in rows {
        let found = paragraph(paper, starts);
        assert_eq!(found["style"], style, "{starts}");
        assert_eq!(found["outline"].as_str(), outline, "{starts}");
        for run in list(&found["runs"]) {
            if matches!(run["style"].as_str(), Some("Strong" | "Emphasis")) {
                continue;
            }
            assert_eq!(run["face"], face, "{run}");
            close_to(&run["size"], size, 0.0);
        }
    }
    for starts in ["一、总体进展", "（一）三率", "表1", "区学前教育联席"] {
        assert_eq!(paragraph(paper, starts)["keep_next"], true, "{starts}");
    }
    assert_eq!(paragraph(paper, "根据攻坚")["keep_next"], false);
    let lead = paragraph(paper, "根据攻坚");
    assert_eq!(lead["indent"]["firstLineChars"], 200);
    let run = |words: &str| {
        list(&lead["runs"])
            .iter()
            .find(|run| run["text"] == words)
            .unwrap_or_else(|| panic!("{words}"))
    };
    assert_eq!(run("缺报1个镇")["face"], "黑体");
    assert_eq!(run("按已报镇街计算")["face"], "楷体_GB2312");
}

#[test]
fn the_page_holds_22_lines_of_28_characters() {
    let Some(paper) = paper() else { return };
    let points = |mm: f64| mm * 72.0 / 25.4;
    let pitch: f64 = text(&paper["defaults"]["line"]).parse::<f64>().unwrap() / 20.0;
    assert_eq!(paper["defaults"]["line_rule"], "exact");
    assert!((28.95..=29.0).contains(&pitch), "{pitch}");
    assert!(pitch * 22.0 <= points(225.0) && pitch * 23.0 > points(225.0));
    let body = &paper["styles"]["公文正文"];
    let tracking: f64 = text(&body["tracking"]).parse::<f64>().unwrap() / 20.0;
    let square = 16.0 + tracking;
    assert!(square * 28.0 <= points(156.0) && square * 29.0 > points(156.0), "{square}");
    for section in list(&paper["sections"]) {
        assert_eq!(section["grid"]["type"], "lines");
        assert_eq!(section["grid"]["linePitch"], paper["defaults"]["line"]);
    }
    for latin in ["ascii", "hAnsi"] {
        assert_eq!(paper["defaults"][latin], "Times New Roman");
    }
    assert_eq!(paper["defaults"]["eastAsia"], "仿宋_GB2312");
    assert_eq!(paper["defaults"]["language"], "zh-CN");
}

#[test]
fn sections_have_the_standards_page_upright_and_turned() {
    let Some(paper) = paper() else { return };
    let sections = list(&paper["sections"]);
    let shape: Vec<&str> = sections.iter().map(|s| text(&s["orientation"])).collect();
    // 版记 stands upright, after the landscape table.
    assert_eq!(shape, ["PORTRAIT", "LANDSCAPE", "PORTRAIT"]);
    for section in sections {
        // Top, right, bottom, left: a landscape page is an upright one turned clockwise.
        let (size, margins) = if section["orientation"] == "PORTRAIT" {
            ((210.0, 297.0), [37.0, 26.0, 35.0, 28.0])
        } else {
            ((297.0, 210.0), [28.0, 37.0, 26.0, 35.0])
        };
        close_to(&section["page_width"], size.0, 0.5);
        close_to(&section["page_height"], size.1, 0.5);
        let sides = ["top_margin", "right_margin", "bottom_margin", "left_margin"];
        for (side, expected) in sides.into_iter().zip(margins) {
            close_to(&section[side], expected, 0.5);
        }
        assert_eq!(section["start"], "NEW_PAGE");
    }
}

#[test]
fn page_numbers_stand_outside_odd_right_even_left_on_turned_pages_too() {
    let Some(paper) = paper() else { return };
    assert_eq!(paper["settings"]["odd_and_even"], true);
    for section in list(&paper["sections"]) {
        for (parity, align) in [("odd", "right"), ("even", "left")] {
            let footer = &section["footers"][parity];
            assert_eq!(footer["text"], "— 1 —");
            assert_eq!(footer["fields"], serde_json::json!([" PAGE "]));
            assert_eq!(footer["align"], align);
            assert_eq!(footer["face"], "宋体");
            close_to(&footer["size"], 14.0, 0.0);
            if section["orientation"] == "PORTRAIT" {
                assert!(footer["place"].is_null());
                // 14 pt of the number below, its dashes in the middle: 7 mm from the text block.
                let below =
                    35.0 - section["footer_distance"].as_f64().unwrap() - 14.0 / 72.0 * 25.4;
                close_to(&Value::from(below + 0.5 * 14.0 / 72.0 * 25.4), 7.0, 0.5);
            } else {
                assert_eq!(footer["direction"], serde_json::json!(["tbRl"]));
                assert_eq!(footer["place"]["vertAnchor"], "page");
            }
        }
    }
}

#[test]
fn charts_are_pictures_with_words_as_wide_as_the_text() {
    let Some(paper) = paper() else { return };
    let pictures = list(&paper["pictures"]);
    assert_eq!(pictures.len(), 2);
    for picture in pictures {
        assert_eq!(picture["alt"], "公办园占比逐月走势");
        close_to(&picture["width"], 156.0, 0.1);
        close_to(&picture["height"], 78.0, 0.1);
    }
    assert_ne!(pictures[0]["id"], pictures[1]["id"]);
    let figure = of_kind(paper, "paragraph").into_iter().find(|p| p["pictures"] == 1).unwrap();
    assert_eq!((&figure["style"], &figure["keep_next"]), (&"图".into(), &true.into()));
}

#[test]
fn a_chart_without_a_picture_fails_the_file() {
    let document = plain(vec![Block::Chart(sample::chart("trend", "图1"))]);
    let meta = DocxMeta { author: "", created_at: jiff::Timestamp::UNIX_EPOCH };
    let failing = |_: &Chart| -> Result<Vec<u8>, BoxError> { Err("no font".into()) };
    let error = docx::render(&document, &failing, meta).unwrap_err();
    assert!(matches!(&error, DocxError::DrawChart { chart, .. } if chart == "trend"), "{error}");
    let empty = |_: &Chart| -> Result<Vec<u8>, BoxError> { Ok(b"<svg/>".to_vec()) };
    let error = docx::render(&document, &empty, meta).unwrap_err();
    assert!(matches!(&error, DocxError::Picture { chart } if chart == "trend"), "{error}");
}

#[test]
fn the_file_says_what_it_is_by_the_editions_time_and_leads_nowhere_else() {
    let Some(paper) = paper() else { return };
    let properties = &paper["properties"];
    assert_eq!(properties["title"], sample::TITLE);
    assert_eq!(properties["author"], "区学前教育联席会议秘书处");
    assert_eq!(properties["created"], "2024-09-05T01:30:00+00:00");
    assert_eq!(properties["modified"], "2024-09-05T01:30:00+00:00");
    assert_eq!(properties["language"], "zh-CN");
    let link = serde_json::json!([{ "url": "https://example.org/notes", "text": "数据说明" }]);
    assert_eq!(paper["links"], link);
    assert_eq!(paper["outside"], serde_json::json!(["https://example.org/notes"]));
    let parts: Vec<&str> = list(&paper["parts"]).iter().map(text).collect();
    // No macros, nothing embedded.
    let pictures: Vec<&str> = parts.iter().copied().filter(|part| part.contains("media")).collect();
    assert_eq!(pictures, ["word/media/image1.png", "word/media/image2.png"]);
    assert_eq!(parts.len(), 14 + 2, "{parts:?}");
}

#[test]
fn addresses_other_than_of_the_web_and_mail_stay_text() {
    let link = |url: &str| Inline::Link { text: format!("去{url}"), url: url.to_owned() };
    let urls = ["javascript:alert(1)", "file:///etc/passwd", "HTTPS://example.org/", ""];
    let bytes = word(&plain(vec![Block::Para(urls.map(link).to_vec())]));
    let relationships = part(&bytes, "word/_rels/document.xml.rels");
    assert_eq!(relationships.matches("External").count(), 1);
    assert!(relationships.contains("Target=\"HTTPS://example.org/\""), "{relationships}");
    let text = part(&bytes, "word/document.xml");
    assert!(urls.iter().all(|url| text.contains(&format!("去{url}"))), "{text}");
}

#[test]
fn the_same_paper_has_the_same_bytes_and_another_time_others() {
    let document = sample::document();
    let bytes = word(&document);
    assert!(bytes == word(&document));
    let later = "2024-09-06T09:30:00+08:00".parse().unwrap();
    let meta = DocxMeta { author: &document.signature, created_at: later };
    assert!(bytes != docx::render(&document, &draw, meta).unwrap());
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    for at in 0..archive.len() {
        let file = archive.by_index(at).unwrap();
        assert_eq!(file.last_modified().map(|time| time.year()), Some(1980), "{:?}", file.name());
    }
}
