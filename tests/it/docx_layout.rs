//! Where things stand in the Word file: pages, appendices, what closes a paper; and text that means harm.

use duban::report::document::{
    Align, Appendix, Block, Cell, Document, Format, Inline, Row, Table, Value as Typed,
};
use jiff::civil::date;
use serde_json::Value;

use crate::docx::{list, of_kind, part, plain, read, text, word};
use crate::home::files;
use crate::pdf_sample as sample;
use crate::small;
use crate::tools::{python_with, repository};

fn appendix(number: Option<u32>, title: &str, blocks: Vec<Block>) -> Block {
    Block::Appendix(Appendix { number, title: title.to_owned(), blocks })
}

fn small_table(rows: &[&[&str]]) -> Table {
    let cell = |words: &&str| Cell {
        value: Typed::Text((*words).to_owned()),
        text: (*words).to_owned(),
        light: None,
    };
    let n_columns = rows.first().map_or(1, |row| row.len());
    Table {
        name: "small".to_owned(),
        caption: String::new(),
        columns: (0..n_columns)
            .map(|at| sample::column(&[&format!("列{at}")], Format::Text, Align::Left))
            .collect(),
        rows: rows
            .iter()
            .map(|row| Row { cells: row.iter().map(cell).collect(), emphasis: false })
            .collect(),
        notes: Vec::new(),
        print_rows: None,
    }
}

fn text_of(document: &Document) -> Option<Value> {
    read(&word(document), &["--text-only"])
}

fn texts(read: &Value) -> Vec<&str> {
    let all = of_kind(read, "paragraph").into_iter().map(|block| text(&block["text"]));
    all.filter(|text| !text.is_empty()).collect()
}

fn find<'a>(read: &'a Value, words: &str) -> &'a Value {
    of_kind(read, "paragraph")
        .into_iter()
        .find(|block| block["text"] == words)
        .unwrap_or_else(|| panic!("no paragraph {words:?}"))
}

/// A paper with everything that encloses or closes it.
fn enclosed() -> Document {
    Document {
        signature: "区学前教育联席会议秘书处".to_owned(),
        dated_on: Some(date(2024, 9, 5)),
        imprint: vec![
            "抄送：各镇人民政府，各街道办事处。".to_owned(),
            "区学前教育联席会议秘书处　　2024年9月5日印发".to_owned(),
            "（共印30份）".to_owned(),
        ],
        ..plain(vec![
            sample::para("正文。"),
            Block::AttachmentList(vec!["各镇街三率".to_owned(), "督办台账".to_owned()]),
            appendix(Some(1), "各镇街三率", vec![Block::Table(sample::towns())]),
            appendix(Some(2), "督办台账", vec![Block::Table(sample::items())]),
        ])
    }
}

#[test]
fn appendices_follow_the_signature_on_pages_of_their_own() {
    let Some(read) = text_of(&enclosed()) else { return };
    let texts = texts(&read);
    let place = |words: &str| texts.iter().position(|text| *text == words).unwrap();
    let order = [
        "正文。",
        "附件：1. 各镇街三率",
        "2. 督办台账",
        "区学前教育联席会议秘书处",
        "2024年9月5日",
        "附件1",
        "各镇街三率",
        "附件2",
        "督办台账",
    ];
    let places = order.map(place);
    assert!(places.is_sorted(), "{texts:?}");
    let first = find(&read, "附件1");
    assert_eq!((&first["style"], &first["align"]), (&"附件序号".into(), &"left".into()));
    assert_eq!(first["runs"][0]["face"], "黑体");
    assert_eq!(first["page_break_before"], true);
    let title = find(&read, "各镇街三率");
    assert_eq!(title["style"], "附件标题");
    assert_eq!(title["runs"][0]["face"], "方正小标宋简体");
    assert_eq!((&title["align"], &title["outline"]), (&"center".into(), &"0".into()));
    // The ledger is too wide for an upright page: its section brings the new page.
    assert_eq!(find(&read, "附件2")["page_break_before"], false);
    let breaks: Vec<&str> = of_kind(&read, "paragraph")
        .into_iter()
        .filter(|block| block["ends_section"] == true)
        .map(|block| text(&block["text"]))
        .collect();
    // The towns' last note, and the ledger's.
    assert_eq!(
        breaks,
        ["2. 样例07镇缺报，全区数按已报镇街的分子、分母合计。", "注：时限按工作日计算。"]
    );
}

#[test]
fn the_last_words_and_the_attachments_stay_with_the_signature() {
    let keeps = |document: &Document, words: &str| {
        Some(find(&text_of(document)?, words)["keep_next"].as_bool().unwrap())
    };
    let paper = Document {
        blocks: [vec![sample::para("前文。")], enclosed().blocks].concat(),
        ..enclosed()
    };
    let Some(before) = keeps(&paper, "前文。") else { return };
    assert!(!before);
    for words in ["正文。", "附件：1. 各镇街三率", "2. 督办台账", "区学前教育联席会议秘书处"]
    {
        assert_eq!(keeps(&paper, words), Some(true), "{words}");
    }
    assert_eq!(keeps(&paper, "2024年9月5日"), Some(false));
    // What no page has room for with all that follows is not held together.
    let long = "长".repeat(28 * 18);
    let blocks = vec![
        sample::para(&long),
        Block::AttachmentList(vec!["各镇街三率".to_owned(), "督办台账".to_owned()]),
    ];
    let long_paper = Document { blocks, ..enclosed() };
    assert_eq!(keeps(&long_paper, &long), Some(false));
    assert_eq!(keeps(&long_paper, "2. 督办台账"), Some(true));
    // Without a signature there is nothing to stay with.
    let unsigned = Document { signature: String::new(), dated_on: None, ..paper };
    assert_eq!(keeps(&unsigned, "正文。"), Some(false));
}

#[test]
fn the_only_appendix_has_no_number() {
    let document = plain(vec![
        sample::para("正文。"),
        Block::AttachmentList(vec!["甲".to_owned()]),
        appendix(None, "甲", vec![sample::para("乙")]),
    ]);
    let Some(read) = text_of(&document) else { return };
    assert_eq!(texts(&read), ["正文。", "附件：甲", "附件", "甲", "乙"]);
}

#[test]
fn a_wide_table_lies_on_landscape_pages_by_itself_and_a_narrow_one_does_not() {
    let orientations = |table: Table| -> Option<Vec<String>> {
        let document = plain(vec![sample::para("前"), Block::Table(table), sample::para("后")]);
        let read = read(&word(&document), &[])?;
        assert_eq!(list(&read["problems"]), [] as [Value; 0]);
        Some(list(&read["sections"]).iter().map(|s| text(&s["orientation"]).to_owned()).collect())
    };
    let Some(wide) = orientations(sample::items()) else { return };
    assert_eq!(wide, ["PORTRAIT", "LANDSCAPE", "PORTRAIT"]);
    assert_eq!(orientations(sample::towns()).unwrap(), ["PORTRAIT"]);
}

#[test]
fn a_page_break_starts_one_page_and_none_where_one_starts_anyway() {
    let document = plain(vec![
        Block::PageBreak,
        sample::para("一"),
        Block::PageBreak,
        Block::PageBreak,
        sample::para("二"),
        Block::PageBreak,
        Block::Landscape(vec![sample::para("三"), Block::Landscape(vec![sample::para("四")])]),
        Block::PageBreak,
        Block::Table(small_table(&[&["甲"]])),
    ]);
    let Some(read) = text_of(&document) else { return };
    let breaks = |words: &str| find(&read, words)["page_break_before"] == true;
    assert_eq!(["一", "二", "三", "四"].map(breaks), [false, true, false, false]);
    let sections =
        of_kind(&read, "paragraph").iter().filter(|block| block["ends_section"] == true).count();
    assert_eq!(sections, 2);
}

#[test]
fn two_tables_in_a_row_stay_two() {
    let table = || Block::Table(small_table(&[&["甲", "乙"]]));
    let Some(read) = text_of(&plain(vec![table(), table()])) else { return };
    let kinds: Vec<&str> = list(&read["blocks"]).iter().map(|b| text(&b["kind"])).collect();
    assert_eq!(kinds, ["table", "paragraph", "table", "paragraph"]);
}

#[test]
fn the_date_begins_two_characters_right_of_the_signature() {
    // Distance of a line's end from the right edge of the text, in characters of 15.8 pt.
    let gaps = |signature: &str| -> Option<(f64, f64)> {
        let document = Document {
            signature: signature.to_owned(),
            dated_on: Some(date(2024, 9, 5)),
            ..plain(Vec::new())
        };
        let read = text_of(&document)?;
        let gap = |words: &str| {
            let found = find(&read, words);
            assert_eq!(found["align"], "right");
            found["indent"]["right"].as_f64().unwrap() / 20.0 / 15.8
        };
        Some((gap(signature), gap("2024年9月5日")))
    };
    let near = |(a, b): (f64, f64), (x, y): (f64, f64)| {
        assert!((a - x).abs() < 0.1 && (b - y).abs() < 0.1, "{a} {b} instead of {x} {y}");
    };
    // 12 characters and 6 (three and six halves): the signature ends 2 in and begins 14 in, the date
    // begins 12 in and ends 6 in.
    let Some(long) = gaps("区学前教育联席会议秘书处") else { return };
    near(long, (2.0, 6.0));
    // 3 and 6: the date ends 2 in and begins 8 in, the signature begins 10 in and ends 7 in.
    near(gaps("秘书处").unwrap(), (7.0, 2.0));
}

#[test]
fn the_imprint_hangs_at_the_foot_of_the_last_page_between_its_rules() {
    let Some(read) = text_of(&enclosed()) else { return };
    let blocks = list(&read["blocks"]);
    let [.., imprint, anchor] = blocks else { panic!("{blocks:?}") };
    assert_eq!((&anchor["kind"], &anchor["text"]), (&"paragraph".into(), &"".into()));
    assert_eq!(imprint["place"]["vertAnchor"], "margin");
    assert_eq!(imprint["place"]["tblpYSpec"], "bottom");
    let rows: Vec<Vec<&str>> = list(&imprint["rows"])
        .iter()
        .map(|row| list(&row["cells"]).iter().map(|cell| text(&cell["text"])).collect())
        .collect();
    let expected: [&[&str]; 3] = [
        &["抄送：各镇人民政府，各街道办事处。"],
        &["区学前教育联席会议秘书处", "2024年9月5日印发"],
        &["（共印30份）"],
    ];
    assert_eq!(rows, expected);
    // Eighths of a point; rules next to each other are one: 0.35, 0.25, 0.25, 0.35 mm.
    let millimetres = |rule: &Value| rule.as_f64().unwrap() / 8.0 / 72.0 * 25.4;
    let cells = list(&imprint["borders"]);
    let rules = [&cells[0]["top"], &cells[0]["bottom"], &cells[2]["bottom"], &cells[3]["bottom"]];
    for (rule, expected) in rules.into_iter().zip([0.35, 0.25, 0.25, 0.35]) {
        assert!((millimetres(rule) - expected).abs() < 0.02, "{rule}");
    }
    let without = Document { imprint: Vec::new(), ..enclosed() };
    let read = text_of(&without).unwrap();
    assert!(of_kind(&read, "table").iter().all(|table| table["place"].is_null()));
}

#[test]
fn text_that_means_harm_prints_as_itself() {
    let rare = "珺玥堃喆甪滘漖𠮷😀";
    let nasty = [
        "]]><w:p/>",
        "<script>alert(1)</script>&amp;",
        "a\u{0}b\u{b}c\u{1b}d",
        "e\u{fffe}f\u{ffff}g",
        "=HYPERLINK(\"x\")",
        rare,
        "{{ title }}",
    ];
    let shown = [
        "]]><w:p/>",
        "<script>alert(1)</script>&amp;",
        "a b c d",
        "efg",
        "=HYPERLINK(\"x\")",
        rare,
        "{{ title }}",
    ];
    let long = "长".repeat(3000) + &"x".repeat(3000);
    let mut table = small_table(&[&nasty]);
    nasty.concat().clone_into(&mut table.caption);
    table.notes = nasty.map(str::to_owned).to_vec();
    let mut chart = sample::chart(nasty[0], nasty[1]);
    nasty.concat().clone_into(&mut chart.alt);
    let strong = |text: &str| Inline::Strong { text: text.to_owned() };
    let document = Document {
        title: nasty.concat(),
        subtitle: nasty.concat(),
        addressees: nasty.concat(),
        signature: nasty.concat(),
        doc_number: nasty.concat(),
        imprint: vec![nasty.concat()],
        ..plain(vec![
            Block::Para(nasty.map(strong).to_vec()),
            sample::para(&long),
            sample::para("上\n下"),
            sample::heading(9, nasty[2], nasty[0]),
            Block::AttachmentList(nasty.map(str::to_owned).to_vec()),
            Block::Table(table),
            Block::Chart(chart),
            appendix(Some(1), &nasty.concat(), vec![]),
        ])
    };
    let Some(read) = read(&word(&document), &[]) else { return };
    assert_eq!(list(&read["problems"]), [] as [Value; 0]);
    let all = texts(&read);
    let together = shown.concat();
    // 文号, 标题, subtitle, 主送, the paragraph, 署名, the caption, the appendix's title.
    assert_eq!(all.iter().filter(|text| **text == together).count(), 8, "{all:?}");
    assert!(all.contains(&long.as_str()));
    assert!(all.contains(&"上\n下"));
    assert!(all.contains(&"a b c d]]><w:p/>"));
    let cells: Vec<&str> = list(&of_kind(&read, "table")[0]["rows"][1]["cells"])
        .iter()
        .map(|cell| text(&cell["text"]))
        .collect();
    assert_eq!(cells, shown);
    assert_eq!(read["pictures"][0]["alt"], together);
    assert_eq!(read["properties"]["title"], together);
}

#[test]
fn an_empty_paper_is_still_a_word_file() {
    let Some(read) = read(&word(&plain(Vec::new())), &[]) else { return };
    assert_eq!(list(&read["problems"]), [] as [Value; 0]);
    assert_eq!(texts(&read), [] as [&str; 0]);
}

#[test]
fn a_row_that_lacks_cells_is_filled_and_none_is_lost_of_a_thousand() {
    let mut table = small_table(&[&["甲", "乙", "丙"][..]; 1000]);
    table.rows[999].cells.truncate(1);
    let xml = part(&word(&plain(vec![Block::Table(table)])), "word/document.xml");
    assert_eq!(xml.matches("<w:tr>").count(), 1001);
    assert_eq!(xml.matches("<w:tc>").count(), 3003);
    assert_eq!(xml.matches(">甲</w:t>").count(), 1000);
    assert_eq!(xml.matches(">乙</w:t>").count(), 999);
    assert_eq!(xml.matches("<w:cantSplit/>").count(), 1001);
}

#[test]
fn a_report_that_asks_for_it_is_written_and_mailed_as_a_word_file() {
    let home = small::home(&["secretariat"]);
    let template = "report_templates/note/report.md.j2";
    home.replace(template, "formats = [\"html\"]", "formats = [\"html\", \"docx\"]");
    small::drop_month(&home, "2024-09");
    home.ok(&["--as-of", "2024-10-14T01:00:00Z", "run", "--period", "2024-09", "--send"]);
    let written = files(&home.root.join("data/reports"), "docx");
    assert_eq!(written.len(), 1, "{written:?}");
    let bytes = fs_err::read(&written[0]).unwrap();
    let core = part(&bytes, "docProps/core.xml");
    assert!(core.contains(">2024-10-14T01:00:00Z<"), "{core}");
    // 10 + 20 + 30 children.
    let body = part(&bytes, "word/document.xml");
    assert!(body.contains("在园幼儿") && body.contains(">60人<"), "{body}");
    let Some(mut python) = python_with("email", "read_mail") else { return };
    let mails = files(&home.root.join("data"), "eml");
    assert_eq!(mails.len(), 1, "{mails:?}");
    python.arg(repository().join("tests/tools/read_mail.py")).arg(&mails[0]);
    let mail: Value = serde_json::from_slice(&python.output().unwrap().stdout).unwrap();
    let attached = list(&mail["attachments"]);
    assert_eq!(attached.len(), 1, "{attached:?}");
    assert!(text(&attached[0]["file_name"]).strip_suffix(".docx").is_some());
    assert_eq!(
        attached[0]["type"],
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    );
}
