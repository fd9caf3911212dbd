//! Mails as a reader sees them at the desk and on a telephone: read by Python's html.parser and email.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use duban::delivery::{Envelope, compose, message_id};
use duban::model::{Light, MailContent};
use duban::report::chart::{Pictures, Style};
use duban::report::document::{
    Align, Appendix, Block, Cell, Column, Document, Format, Heading, Inline, Row, Table, Value,
};
use duban::report::html::Attached;
use duban::report::{mail, text};
use jiff::civil::date;
use serde_json::Value as Json;

use crate::report_chart::{fonts, has_chinese_font, trend};
use crate::tools::{python_with, repository};

fn css() -> String {
    fs_err::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("report_templates/_base/mail.css"),
    )
    .expect("read")
}

fn words(text: &str) -> Vec<Inline> {
    vec![Inline::Text { text: text.to_owned() }]
}

fn table(n_columns: usize, n_rows: usize) -> Table {
    let column = |i: usize| Column {
        name: format!("c{i}"),
        heading: vec![format!("列{i}")],
        format: Format::Text,
        align: if i == 0 { Align::Left } else { Align::Right },
        weight: 1.0,
    };
    let cell = |row: usize, column: usize| Cell {
        value: Value::Null,
        text: format!("第{row}行第{column}格"),
        light: (column == 1).then_some(Light::Red),
    };
    let row = |row: usize| Row {
        cells: (0..n_columns).map(|column| cell(row, column)).collect(),
        emphasis: false,
    };
    Table {
        name: "t".to_owned(),
        caption: "表".to_owned(),
        columns: (0..n_columns).map(column).collect(),
        rows: (0..n_rows).map(row).collect(),
        notes: Vec::new(),
        print_rows: None,
    }
}

fn document(blocks: Vec<Block>) -> Document {
    Document {
        title: "工作进展情况报告".to_owned(),
        addressees: "区联席会议：".to_owned(),
        signature: "区联席会议秘书处".to_owned(),
        dated_on: Some(date(2025, 1, 9)),
        doc_number: "示例〔2025〕1号".to_owned(),
        imprint: vec!["抄送：各镇街".to_owned()],
        subtitle: "第4期　数据截至2025年1月9日".to_owned(),
        blocks,
    }
}

/// None is drawn yet.
pub fn pictures() -> Pictures {
    Pictures::new(fonts(), Style::default())
}

fn made(blocks: Vec<Block>, attached: Attached) -> MailContent {
    let frame = mail::Frame { subject: "报告", attached };
    mail::compose(&document(blocks), frame, &css(), &pictures(), Vec::new())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn read(test: &str, html: &str) -> Option<Json> {
    let mut python = python_with("html.parser", test)?;
    let mut child = python
        .arg(repository().join("tests/tools/read_page.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    child.stdin.take().expect("stdin").write_all(html.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("output");
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn strings(list: &Json) -> Vec<&str> {
    list.as_array().expect("a list").iter().filter_map(Json::as_str).collect()
}

#[test]
fn a_mail_is_as_wide_as_a_telephone_and_760_pixels_at_a_desk() {
    if !has_chinese_font("a_mail_is_as_wide_as_a_telephone") {
        return;
    }
    let blocks = vec![
        Block::Quote(words("数据均为虚构")),
        Block::Para(words("现将工作进展情况报告如下。")),
        Block::Table(table(2, 3)),
        Block::Table(table(12, 3)),
        Block::Chart(trend()),
    ];
    let content = made(blocks, Attached::Whole);
    let Some(page) = read("a_mail_is_as_wide", &content.html) else { return };
    assert_eq!(strings(&page["errors"]), Vec::<&str>::new());
    assert_eq!(page["lang"], "zh-CN");
    // Every table of layout is as wide as the window, the sheet no wider than a page.
    for table in page["layout"].as_array().expect("tables") {
        assert_eq!(table["width"], "100%", "{table}");
    }
    let sheet = &page["layout"][1];
    assert_eq!((&sheet["class"], &sheet["style"]["max-width"]), (&"sheet".into(), &"760px".into()));
    assert_eq!(sheet["style"]["table-layout"], "fixed");
    let outlook: String = strings(&page["outlook"]).concat();
    assert!(outlook.contains("width=\"760\"") && outlook.contains("</table>"), "{outlook}");
    // A wide table keeps its columns readable and scrolls in its frame; a narrow one fits a telephone.
    let tables = page["data"].as_array().expect("tables");
    assert_eq!(tables.len(), 2);
    assert!(tables.iter().all(|table| table["scrolls"] == true));
    assert_eq!(tables[0]["style"]["min-width"], Json::Null);
    let least = tables[1]["style"]["min-width"].as_str().and_then(|w| w.strip_suffix("px"));
    let least: u32 = least.expect("a width").parse().expect("pixels");
    assert!((331..=700).contains(&least), "{least}");
    assert_eq!(tables[1]["rows"][1][1], "■第0行第1格", "a light reads in black and white");
    // Sharp pictures that shrink.
    let image = &page["images"][0];
    assert_eq!((&image["width"], &image["style"]["max-width"]), (&"680".into(), &"100%".into()));
    let png = &content.inline[0].bytes;
    assert_eq!(u32::from_be_bytes([png[16], png[17], png[18], png[19]]), 2 * 680);
    let height = u32::from_be_bytes([png[20], png[21], png[22], png[23]]) / 2;
    assert_eq!(image["height"], height.to_string());
    // Nothing that is only in <style> is needed, and telephones get less padding.
    assert!(page["style"].as_str().is_some_and(|style| style.contains("max-width: 600px")));
}

#[test]
fn the_list_of_mails_shows_what_it_is_about_and_the_end_says_whom_to_ask() {
    let content = made(vec![Block::Para(words("现将工作进展情况报告如下。"))], Attached::Nothing);
    let Some(page) = read("the_list_of_mails", &content.html) else { return };
    assert_eq!(page["hidden"], "第4期　数据截至2025年1月9日　现将工作进展情况报告如下。");
    let shown = strings(&page["shown"]);
    let foot = [
        "您收到本邮件，是因为通讯录将您列为相关单位或岗位的联系人。",
        "工作进展情况报告　第4期　数据截至2025年1月9日",
        "对内容有疑问、联系人有变动的，请直接回复本邮件，或与区联席会议秘书处联系。",
        "本邮件由督办程序自动发出，不跟踪阅读情况。",
    ];
    assert_eq!(shown[shown.len() - 4..], foot);
    assert_eq!(
        shown[..6],
        [
            "示例〔2025〕1号",
            "工作进展情况报告",
            "第4期　数据截至2025年1月9日",
            "区联席会议：",
            "现将工作进展情况报告如下。",
            "区联席会议秘书处",
        ]
    );
    assert!(content.text.ends_with(&format!("{}\n", foot.join("\n"))), "{}", content.text);
}

fn appendix(n_rows: usize) -> Block {
    Block::Appendix(Appendix {
        number: Some(1),
        title: "各镇街情况表".to_owned(),
        blocks: vec![Block::Table(table(3, n_rows))],
    })
}

#[test]
fn a_long_appendix_is_left_to_the_attached_paper_and_a_short_one_stands_in_the_mail() {
    let line = "附件1　各镇街情况表：见所附文件。";
    let long = made(vec![appendix(30)], Attached::Whole);
    assert!(long.html.contains(line) && !long.html.contains("第29行第0格"));
    assert!(long.text.contains("第29行第0格"), "the plain text has all");
    let short = made(vec![appendix(5)], Attached::Whole);
    assert!(!short.html.contains(line) && short.html.contains("第4行第0格"));
    // A workbook has the tables, but not the words and pictures around them.
    for without_paper in [Attached::Nothing, Attached::Tables] {
        let alone = made(vec![appendix(30)], without_paper);
        assert!(!alone.html.contains(line) && alone.html.contains("第29行第0格"));
    }
    // 署名 stands before the appendices.
    let at = |text: &str| short.html.find(text).expect("there");
    assert!(at("<p class=\"right\"") < at("附件1　各镇街情况表"));
}

#[test]
fn what_is_too_much_for_a_mail_is_cut_at_a_row_and_said() {
    let blocks = || vec![Block::Table(table(12, 900)), appendix(9)];
    for (attached, said) in [
        (Attached::Whole, "行见附件。"),
        (Attached::Tables, "行见附件。"),
        (Attached::Nothing, "行从略，需要的请回复本邮件索取。"),
    ] {
        let content = made(blocks(), attached);
        assert!(content.html.len() < 100_000, "{}", content.html.len());
        assert!(content.html.contains(said), "{said}");
        assert_eq!(content, made(blocks(), attached), "the same every time");
        let Some(page) = read("what_is_too_much", &content.html) else { return };
        assert_eq!(strings(&page["errors"]), Vec::<&str>::new());
        let rows = page["data"][0]["rows"].as_array().expect("rows").len() - 1;
        assert!(content.html.contains(&format!("其余{}{said}", 900 - rows)), "{rows} rows");
        assert!(content.text.contains("第899行第11格"), "the plain text has all");
    }
}

#[test]
fn a_style_that_some_program_does_not_know_keeps_the_mail_from_being_made() {
    let document = document(vec![Block::Heading(Heading {
        level: 1,
        number: "一、".to_owned(),
        content: words("总体进展"),
    })]);
    let css = format!("{}\nh2 {{ display: flex; }}", css());
    let subject = "报告".to_owned();
    let wrong =
        mail::compose(&document, &subject, &css, &pictures(), Vec::new()).expect_err("refused");
    let said = wrong.to_string();
    assert!(
        said.contains("display: flex is not supported by Outlook") && said.contains("<h2"),
        "{said}"
    );
    let problems = mail::lint_sample(&document, &css).expect("made");
    assert!(problems.iter().any(|problem| problem.rule == "css-display-flex"), "{problems:?}");
    assert_eq!(mail::lint_sample(&document, &self::css()).expect("made"), []);
}

#[test]
fn long_texts_of_plain_tables_break_within_their_column() {
    let mut wide = table(4, 1);
    wide.columns[1].align = Align::Left;
    wide.rows[0].cells[1].text = "情况说明很长，".repeat(20);
    wide.rows[0].cells[1].light = None;
    let said = text::render(&document(vec![Block::Table(wide)]));
    let lines: Vec<&str> =
        said.lines().filter(|line| line.contains("情况") || line.contains("很长")).collect();
    assert!(lines.len() >= 3, "{said}");
    use unicode_width::UnicodeWidthStr as _;
    assert!(said.lines().all(|line| line.width_cjk() <= 110), "{said}");
    let joined: String = said.chars().filter(|c| !c.is_whitespace()).collect();
    assert_eq!(
        joined.matches("很长").count() + joined.matches("很第").count(),
        20,
        "nothing is lost: {said}"
    );
}

#[test]
fn file_names_are_told_in_the_old_way_and_in_the_new() {
    let mut content = made(vec![Block::Para(words("正文"))], Attached::Whole);
    let name = "武清区学前教育普及普惠攻坚工作进展情况报告（2024年9月，第3期）.pdf";
    content.attachments.push(duban::model::Attachment {
        file_name: name.to_owned(),
        media_type: "application/pdf".to_owned(),
        bytes: b"%PDF-1.7".to_vec(),
    });
    let envelope = Envelope {
        from: "秘书处 <duban@example.cn>".to_owned(),
        to: "town1@example.cn".to_owned(),
        reply_to: Some("office@example.cn".to_owned()),
        message_id: message_id("edition:1", "town1@example.cn", "duban@example.cn"),
        date: "2024-10-08T01:30:00Z".parse().expect("a timestamp"),
        edition: None,
    };
    let bytes = compose(&content, &envelope).expect("a mail");
    let Some(mut python) = python_with("email", "file_names") else { return };
    let script = "import sys, json, email, email.policy, email.header\n\
        raw = sys.stdin.buffer.read()\n\
        new = email.message_from_bytes(raw, policy=email.policy.default)\n\
        old = email.message_from_bytes(raw, policy=email.policy.compat32)\n\
        pick = lambda m: [p for p in m.walk() if p.get_content_type() == 'application/pdf'][0]\n\
        words = pick(old).get_param('name')\n\
        decoded = str(email.header.make_header(email.header.decode_header(words)))\n\
        json.dump({'new': pick(new).get_filename(), 'old': decoded, 'longest': max(map(len, words.split())),\n\
          'lines': max(len(l) for l in raw.split(b'\\r\\n')), 'suppress': new['X-Auto-Response-Suppress'],\n\
          'names': sorted(set(new.keys()))}, sys.stdout)";
    let mut child = python
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    child.stdin.take().expect("stdin").write_all(&bytes).expect("written");
    let output = child.wait_with_output().expect("output");
    let read: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&read["new"], &read["old"]), (&name.into(), &name.into()));
    assert!(read["longest"].as_u64().is_some_and(|n| n <= 75), "{read}");
    assert!(read["lines"].as_u64().is_some_and(|n| n <= 200), "{read}");
    assert_eq!(read["suppress"], "OOF, AutoReply");
    // Nothing of the machine, the program or other recipients.
    assert_eq!(
        strings(&read["names"]),
        [
            "Auto-Submitted",
            "Content-Type",
            "Date",
            "From",
            "MIME-Version",
            "Message-ID",
            "Reply-To",
            "Subject",
            "To",
            "X-Auto-Response-Suppress",
        ]
    );
}
