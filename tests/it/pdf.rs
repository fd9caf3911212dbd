//! The printed paper, looked at with poppler: a reader that shares no code with the typesetter.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use duban::config::fonts::FontSettings;
use duban::report::document::{Block, Chart, Document};
use duban::report::fonts::Fonts;
use duban::report::pdf::{self, BoxError, Pdf, PdfError, PdfMeta};
use jiff::ZonedDateTime;

use crate::pdf_sample as sample;

const STYLE: &str = include_str!("../../report_templates/_base/page.typ");
pub const POINTS_PER_MM: f64 = 72.0 / 25.4;

/// The machine's faces, found once; none if it has no Chinese ones, which CI must have.
pub fn machine_fonts() -> Option<&'static Fonts> {
    static FONTS: LazyLock<Option<Fonts>> = LazyLock::new(find_fonts);
    FONTS.as_ref()
}

fn find_fonts() -> Option<Fonts> {
    let fonts = Fonts::discover(Path::new("no such folder"), &FontSettings::default());
    match fonts.resolve("fang") {
        Ok(_) => Some(fonts),
        Err(missing) => {
            left_out("a test of the printed paper", &missing.to_string());
            None
        }
    }
}

fn left_out(what: &str, why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must be able to run {what}: {why}");
    eprintln!("LEFT OUT: {what}: {why}");
}

#[expect(clippy::unnecessary_wraps, reason = "what the renderer calls")]
fn draw(chart: &Chart) -> Result<String, BoxError> {
    Ok(sample::svg(chart))
}

fn created_at() -> ZonedDateTime {
    "2024-09-05T09:30:00+08:00[Asia/Shanghai]".parse().unwrap()
}

pub fn render_with(style: &str, fonts: &Fonts, document: &Document) -> Result<Pdf, PdfError> {
    let created_at = created_at();
    let meta = PdfMeta { author: &document.signature, created_at: &created_at };
    pdf::render(document, &draw, fonts, style, meta)
}

pub fn render(fonts: &Fonts, document: &Document) -> Pdf {
    render_with(STYLE, fonts, document).unwrap_or_else(|error| panic!("{error}"))
}

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

/// What a poppler tool says of the file; none if the tool is not here.
pub fn poppler(tool: &str, pdf: &Pdf, before: &[&str], after: &[&str]) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("paper.pdf");
    fs_err::write(&path, &pdf.bytes).unwrap();
    match Command::new(tool).args(before).arg(&path).args(after).output() {
        Ok(output) => {
            assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(error) => {
            left_out(tool, &format!("{error}; apt-get install poppler-utils"));
            None
        }
    }
}

/// The text of each page without its blanks.
pub fn pages_of(pdf: &Pdf) -> Option<Vec<String>> {
    let text = poppler("pdftotext", pdf, &["-layout"], &["-"])?;
    Some(text.trim_end_matches('\u{c}').split('\u{c}').map(squeeze).collect())
}

pub fn squeeze(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Words of one page with their boxes in mm from the page's upper left.
#[derive(Debug)]
pub struct Word {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub text: String,
}

pub fn words_of(pdf: &Pdf, page: usize) -> Option<Vec<Word>> {
    let page = page.to_string();
    let xml = poppler("pdftotext", pdf, &["-bbox", "-f", &page, "-l", &page], &["-"])?;
    let words = xml.lines().filter_map(|line| {
        let attributes: Vec<&str> = line.trim().strip_prefix("<word ")?.split('"').collect();
        let mm = |at: usize| attributes[at].parse::<f64>().unwrap() / POINTS_PER_MM;
        let text = attributes[8].trim_start_matches('>').trim_end_matches("</word>");
        Some(Word { left: mm(1), top: mm(3), right: mm(5), bottom: mm(7), text: text.to_owned() })
    });
    Some(words.collect())
}

#[track_caller]
pub fn close(is: f64, should: f64) {
    assert!((is - should).abs() <= 0.5, "{is} mm should be {should} mm");
}

#[test]
fn the_paper_holds_every_part_in_order() {
    let Some(fonts) = machine_fonts() else { return };
    let Some(pages) = pages_of(&render(fonts, &sample::document())) else { return };
    let text = pages.concat();
    let mut rest = text.as_str();
    for part in [
        "武学前督〔2024〕4号",
        sample::TITLE,
        "数据截至9月1日",
        "区专项工作委员会：",
        "全区在园幼儿25,113人",
        "公办园在园幼儿10,301人",
        "41.02%",
        "缺报1个镇",
        "一、总体进展",
        "（一）三率完成情况",
        "1.公办园占比",
        "（1）小区配套园",
        "所属镇街申请",
        "图中文字trend",
        "图1　公办园占比走势",
        "二、各镇街情况",
        "表1各镇街三率",
        "样例01镇",
        "样例30镇",
        "全区",
        "71.40%",
        "本表数据均为虚构",
        "图中文字gap",
        "三、下一步工作",
        "1. 督办台账",
        "区学前教育联席会议秘书处",
        "2024年9月5日",
        "附件1　督办台账",
        "2024-004",
        "抄送：各镇人民政府",
        "2024年9月5日印发",
    ] {
        match rest.split_once(&squeeze(part)) {
            Some((_, after)) => rest = after,
            None => panic!("{part:?} is not there, or not in its place, in:\n{text}"),
        }
    }
    assert!(!text.contains("2024年09月"), "a date has no leading zeros");
}

#[test]
fn pages_are_a4_with_all_fonts_embedded_as_subsets() {
    let Some(fonts) = machine_fonts() else { return };
    let pdf = render(fonts, &sample::document());
    let Some(info) = poppler("pdfinfo", &pdf, &["-f", "1", "-l", "99"], &[]) else { return };
    let n_pages: usize = info
        .lines()
        .find_map(|line| line.strip_prefix("Pages:"))
        .and_then(|count| count.trim().parse().ok())
        .unwrap();
    assert_eq!(n_pages, pdf.n_pages);
    let sizes: Vec<(f64, f64)> = info
        .lines()
        .filter(|line| line.starts_with("Page ") && line.contains(" size:"))
        .map(|line| {
            let numbers: Vec<f64> =
                line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            (numbers[1] / POINTS_PER_MM, numbers[2] / POINTS_PER_MM)
        })
        .collect();
    assert_eq!(sizes.len(), n_pages);
    for (at, (width, height)) in sizes.iter().enumerate() {
        let is_landscape = at + 2 == n_pages;
        close(*width, if is_landscape { 297.0 } else { 210.0 });
        close(*height, if is_landscape { 210.0 } else { 297.0 });
    }
    assert!(info.contains(sample::TITLE) && info.contains("区学前教育联席会议秘书处"), "{info}");
    assert!(info.contains("Sep  5") && info.contains("2024"), "{info}");

    let table = poppler("pdffonts", &pdf, &[], &[]).unwrap();
    let lines: Vec<&str> = table.lines().skip(2).collect();
    assert!(lines.len() >= 3, "{table}");
    for line in &lines {
        // A subset's name has six letters and a plus before it; `emb sub uni` are all yes.
        assert_eq!(line.find('+'), Some(6), "{line}");
        assert_eq!(line.matches("yes").count(), 3, "{line}");
    }
    // The face of charts is embedded once for their letters and once for the text's.
    let name_of = |line: &&str| line.split_whitespace().next().unwrap()[7..].to_owned();
    let mut names: Vec<String> = lines.iter().map(name_of).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), pdf.faces.len(), "{table}\n{:?}", pdf.faces);
    assert!(lines.len() <= names.len() + 1, "{table}");
}

#[test]
fn the_same_document_gives_the_same_bytes_from_freshly_found_fonts() {
    let Some(fonts) = machine_fonts() else { return };
    let first = render(fonts, &sample::document());
    let again = render(&find_fonts().unwrap(), &sample::document());
    assert!(first.bytes == again.bytes);
    let mut changed = sample::document();
    changed.subtitle.push('。');
    assert!(first.bytes != render(fonts, &changed).bytes);
}

#[test]
fn twenty_two_lines_of_twenty_eight_characters_fill_the_text_block() {
    let Some(fonts) = machine_fonts() else { return };
    let line = "国".repeat(28);
    // A quote and an indent would hide the grid: one unindented block, long enough for three pages.
    let mut document = plain(vec![]);
    document.addressees = line.repeat(60);
    let Some(words) = words_of(&render(fonts, &document), 2) else { return };
    let lines: Vec<&Word> = words.iter().filter(|word| word.text.contains('国')).collect();
    assert_eq!(lines.len(), 22);
    for word in &lines {
        assert_eq!(word.text.chars().count(), 28);
        close(word.left, 28.0);
        close(word.right, 28.0 + 156.0);
    }
    let pitch = (lines[21].top - lines[0].top) / 21.0 * POINTS_PER_MM;
    assert!((pitch - 28.99).abs() < 0.01, "{pitch}");
    // The square of 16 pt stands in the middle of its line.
    let half_gap = (28.99 - 16.0) / 2.0 / POINTS_PER_MM;
    close(lines[0].top, 37.0 + half_gap);
    close(lines[21].bottom, 37.0 + 225.0 - half_gap);
}

#[test]
fn page_numbers_stand_outside_right_and_left_in_turn() {
    let Some(fonts) = machine_fonts() else { return };
    let mut document = plain(vec![]);
    document.addressees = "国".repeat(28 * 60);
    let pdf = render(fonts, &document);
    for page in 1..=2 {
        let Some(words) = words_of(&pdf, page) else { return };
        let dashes: Vec<&Word> = words.iter().filter(|word| word.text == "—").collect();
        assert_eq!(dashes.len(), 2, "{words:?}");
        let number = words.iter().position(|word| word.text == page.to_string());
        assert_eq!(words[number.unwrap() - 1].text, "—");
        // One blank of 14 pt beside it, and the dash's line 7 mm below the text block.
        let blank = 14.0 / POINTS_PER_MM;
        if page == 1 {
            close(dashes[1].right, 28.0 + 156.0 - blank);
        } else {
            close(dashes[0].left, 28.0 + blank);
        }
        let middle = dashes[0].top + (0.88 - 0.38) * (dashes[0].bottom - dashes[0].top);
        close(middle, 37.0 + 225.0 + 7.0);
    }
}

#[test]
fn a_long_table_repeats_its_heading_and_keeps_its_rows() {
    let Some(fonts) = machine_fonts() else { return };
    let document = plain(vec![
        Block::Para(vec![sample::text(&"国".repeat(28 * 12))]),
        Block::Table(sample::towns()),
    ]);
    let Some(pages) = pages_of(&render(fonts, &document)) else { return };
    assert_eq!(pages.len(), 2);
    for page in &pages {
        assert!(
            page.contains("镇街") && page.contains("公办园") && page.contains("占比"),
            "{page}"
        );
    }
    let text = pages.concat();
    for town in 1..=30 {
        assert_eq!(text.matches(&format!("样例{town:02}镇")).count(), 1 + usize::from(town == 7));
    }
    assert_eq!(text.matches("表1各镇街三率").count(), 1);
    assert!(text.contains("■") && text.contains("●") && text.contains("▲"), "{text}");
    assert!(text.contains("注：1.本表数据均为虚构") && text.contains("2.样例07镇缺报"), "{text}");
}

#[test]
fn figures_stand_right_aligned_under_each_other() {
    let Some(fonts) = machine_fonts() else { return };
    let document = plain(vec![Block::Table(sample::towns())]);
    let pdf = render(fonts, &document);
    let Some(mut words) = words_of(&pdf, 1) else { return };
    words.extend(words_of(&pdf, 2).unwrap());
    let end = |text: &str| {
        let word = words.iter().find(|word| word.text == text);
        word.unwrap_or_else(|| panic!("{text} is not there")).right
    };
    close(end("437"), end("1029"));
    close(end("437"), end("25,113"));
    close(end("211"), end("10,301"));
}

#[test]
fn a_table_too_wide_for_a_portrait_page_gets_a_landscape_one_by_itself() {
    let Some(fonts) = machine_fonts() else { return };
    let document =
        plain(vec![sample::para("前文。"), Block::Table(sample::items()), sample::para("后文。")]);
    let pdf = render(fonts, &document);
    let Some(info) = poppler("pdfinfo", &pdf, &["-f", "2", "-l", "2"], &[]) else { return };
    assert_eq!(pdf.n_pages, 3);
    assert!(info.contains("841.89 x 595.276"), "{info}");
    let words = words_of(&pdf, 2).unwrap();
    // Within the text block, on its side: 28 mm above, 35 mm at the left, 225 mm wide.
    let table: Vec<&Word> = words.iter().filter(|word| word.text.contains("2024-0")).collect();
    assert_eq!(table.len(), 4);
    for word in &words {
        if word.text != "—" && word.text != "2" {
            assert!(word.left > 34.5 && word.right < 260.5 && word.top > 27.5, "{word:?}");
        }
    }
    // Even page: the number at the upper left, 7 mm off the table, so that bound it is at the foot.
    let number = words.iter().find(|word| word.text == "2").unwrap();
    close(number.left.midpoint(number.right), 35.0 - 7.0);
    assert!(number.top < 50.0, "{number:?}");
}

#[test]
fn data_that_looks_like_typst_prints_as_it_stands() {
    let Some(fonts) = machine_fonts() else { return };
    let hostile = r#"#panic("x") $x^2$ *b* _i_ [c] \u{41} <l> @r // `y` "q" 'a' ~ = -- ---"#;
    let mut table = sample::towns();
    hostile.clone_into(&mut table.rows[0].cells[1].text);
    hostile.clone_into(&mut table.caption);
    let mut document = plain(vec![
        sample::heading(1, "#1", hostile),
        sample::para(hostile),
        Block::AttachmentList(vec![hostile.to_owned()]),
        Block::Table(table),
    ]);
    hostile.clone_into(&mut document.title);
    hostile.clone_into(&mut document.signature);
    document.imprint.push(hostile.to_owned());
    let pdf = render(fonts, &document);
    let Some(text) = poppler("pdftotext", &pdf, &["-raw"], &["-"]) else { return };
    let text = squeeze(&text);
    assert!(text.matches(&squeeze(hostile)).count() >= 7, "{text}");
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_page() {
    let Some(fonts) = machine_fonts() else { return };
    let document = plain(vec![sample::para("甲\t乙\r\n丙\u{0}\u{7}丁")]);
    let Some(text) = poppler("pdftotext", &render(fonts, &document), &[], &["-"]) else { return };
    assert!(text.contains("甲 乙") && text.contains("丙丁"), "{text:?}");
}

#[test]
fn a_character_that_no_face_has_fails_the_paper_by_name() {
    let Some(fonts) = machine_fonts() else { return };
    // Two of private use, and one of Extension B that no face of the lists is known to have.
    let mut document = plain(vec![sample::para("甲\u{E123}乙\u{2A6DF}丙\u{E123}")]);
    document.title = "题\u{E125}目".to_owned();
    let error = render_with(STYLE, fonts, &document).unwrap_err();
    let PdfError::MissingGlyphs(missing) = &error else { panic!("{error:?}") };
    let characters: Vec<&[char]> = missing.iter().map(|m| m.characters.as_slice()).collect();
    assert_eq!(characters, [&['\u{E125}'][..], &['\u{E123}', '\u{2A6DF}'][..]]);
    let message = error.to_string();
    assert!(message.contains("(U+2A6DF)"), "{message}");
    assert!(message.contains("(U+E123)") && message.contains("fang (仿宋)"), "{message}");
    assert!(message.contains("biaosong (小标宋)"), "{message}");
    assert!(message.contains("[fonts.roles]") && message.contains("fonts-hanazono"), "{message}");
}

#[test]
fn rare_characters_of_names_and_places_are_drawn() {
    let Some(fonts) = machine_fonts() else { return };
    // The last is of Extension B.
    let rare = "珺玥堃喆甪滘漖㙍𠮷";
    let mut document = plain(vec![sample::heading(2, "（一）", rare), sample::para(rare)]);
    rare.clone_into(&mut document.title);
    let Some(text) = poppler("pdftotext", &render(fonts, &document), &[], &["-"]) else { return };
    assert_eq!(text.matches(rare).count(), 3, "{text}");
}

#[test]
fn a_character_of_a_chart_that_no_face_has_fails_the_paper_too() {
    let Some(fonts) = machine_fonts() else { return };
    let document = plain(vec![Block::Chart(sample::chart("\u{E123}", "图"))]);
    let error = render_with(STYLE, fonts, &document).unwrap_err();
    let PdfError::MissingGlyphs(missing) = &error else { panic!("{error:?}") };
    assert_eq!(
        (missing[0].role.as_str(), &missing[0].characters[..]),
        ("chart", &['\u{E123}'][..])
    );
}

#[test]
fn a_chart_is_lettered_in_the_family_that_it_names() {
    let Some(fonts) = machine_fonts() else { return };
    let document = plain(vec![Block::Chart(sample::chart("trend", ""))]);
    let created_at = created_at();
    let meta = PdfMeta { author: "", created_at: &created_at };
    for role in ["hei", "song", "kai"] {
        let families = fonts.css_families(role).unwrap();
        let draw = |chart: &Chart| {
            let svg = sample::svg(chart);
            Ok(svg.replace("\"Noto Sans CJK SC\"", &format!("\"{families}\"")))
        };
        let pdf = pdf::render(&document, &draw, fonts, STYLE, meta).unwrap();
        // Besides the page's number, the chart has the only letters of this paper.
        let name = &fonts.resolve(role).unwrap().post_script_name;
        let used: Vec<&str> = pdf.faces.iter().map(|face| face.post_script_name.as_str()).collect();
        assert!(used.contains(&name.as_str()) && used.len() <= 2, "{role}: {used:?}");
        let Some(table) = poppler("pdffonts", &pdf, &[], &[]) else { return };
        assert!(table.contains(name.as_str()), "{table}");
    }
}

#[test]
fn a_chart_that_cannot_be_drawn_or_read_fails_the_paper() {
    let Some(fonts) = machine_fonts() else { return };
    let document = plain(vec![Block::Chart(sample::chart("trend", "图"))]);
    let created_at = created_at();
    let meta = PdfMeta { author: "", created_at: &created_at };
    let refuse = |_: &Chart| Err("no series".into());
    let error = pdf::render(&document, &refuse, fonts, STYLE, meta).unwrap_err();
    assert_eq!(error.to_string(), "drawing the chart `trend` failed");
    let broken = |_: &Chart| Ok("<svg".to_owned());
    let error = pdf::render(&document, &broken, fonts, STYLE, meta).unwrap_err();
    assert!(matches!(error, PdfError::Style(_)), "{error:?}");
}

#[test]
fn a_fault_of_the_page_style_is_named_with_line_and_column() {
    let Some(fonts) = machine_fonts() else { return };
    let document = sample::document();
    let misspelt = STYLE.replacen("#let pitch =", "#let pich =", 1);
    let error = render_with(&misspelt, fonts, &document).unwrap_err().to_string();
    assert!(error.contains("report_templates/_base/page.typ:"), "{error}");
    assert!(error.contains("unknown variable: pitch"), "{error}");

    // typst only warns of a family that is not there, and would print in another.
    let family = STYLE.replacen("font: face(\"fang\"),", "font: \"No Such Face\",", 1);
    let error = render_with(&family, fonts, &document).unwrap_err();
    let PdfError::Style(diagnostics) = &error else { panic!("{error:?}") };
    assert!(diagnostics[0].message.contains("no such face"), "{error}");
    assert!(diagnostics[0].line.is_some(), "{error}");
}

#[test]
fn the_style_reads_nothing_but_the_document() {
    let Some(fonts) = machine_fonts() else { return };
    for source in ["#read(\"/etc/passwd\")", "#import \"@preview/a:0.1.0\"", "#datetime.today()"] {
        let error = render_with(source, fonts, &sample::document()).unwrap_err();
        assert!(matches!(error, PdfError::Style(_)), "{source}: {error:?}");
    }
}

#[test]
fn headings_are_bookmarks() {
    let Some(fonts) = machine_fonts() else { return };
    let pdf = render(fonts, &sample::document());
    let arguments = ["-xml", "-stdout", "-i", "-q"];
    let Some(xml) = poppler("pdftohtml", &pdf, &arguments, &[]) else { return };
    let (_, outline) = xml.split_once("<outline>").unwrap_or_else(|| panic!("no outline: {xml}"));
    for heading in ["一、总体进展", "（一）三率完成情况", "1.公办园占比", "附件1　督办台账"]
    {
        assert!(outline.contains(heading), "{outline}");
    }
}

#[test]
fn without_any_chinese_face_there_is_no_paper_but_a_hint() {
    let none = Fonts::from_dirs(&[], &FontSettings::default());
    let error = render_with(STYLE, &none, &sample::document()).unwrap_err();
    assert!(matches!(error, PdfError::MissingRole(_)), "{error:?}");
    assert!(error.to_string().contains("hint: install free faces"), "{error}");
}
