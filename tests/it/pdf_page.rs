//! The page of GB/T 9704-2012, measured with poppler: title, 附件, 版记, what a reader can copy, and what an archive asks.

use std::collections::BTreeMap;

use duban::report::document::{Appendix, Block, Chart, ChartShape, Document, Inline};
use duban::report::pdf::Pdf;

use crate::pdf::{
    POINTS_PER_MM, Word, close, machine_fonts, pages_of, plain, poppler, render, squeeze, words_of,
};
use crate::pdf_sample as sample;

/// Edges of the text block, in mm from the page's upper left.
const LEFT: f64 = 28.0;
const RIGHT: f64 = 28.0 + 156.0;
const TOP: f64 = 37.0;
const BOTTOM: f64 = 37.0 + 225.0;
/// 22 lines fill it.
const LINE: f64 = 225.0 / 22.0;

fn appendix(number: u32, title: &str, blocks: Vec<Block>) -> Block {
    Block::Appendix(Appendix { number: Some(number), title: title.to_owned(), blocks })
}

fn with_imprint(mut document: Document) -> Document {
    document.imprint = sample::document().imprint;
    document
}

/// A body of so many full lines, below the empty title: 19 fill the first page.
fn lines(n: usize) -> Document {
    let mut document = plain(vec![]);
    document.addressees = "国".repeat(28 * n);
    document
}

/// Which pages have a page mark, and which lie across.
fn marks_and_sizes(pdf: &Pdf) -> Option<Vec<(bool, bool)>> {
    let info = poppler("pdfinfo", pdf, &["-f", "1", "-l", "99"], &[])?;
    let sizes = info.lines().filter(|line| line.starts_with("Page ") && line.contains(" size:"));
    let sideways: Vec<bool> = sizes.map(|line| line.contains("841.89 x 595.276")).collect();
    (1..=pdf.n_pages)
        .map(|page| {
            let words = words_of(pdf, page)?;
            Some((words.iter().any(|word| word.text == "—"), sideways[page - 1]))
        })
        .collect()
}

#[track_caller]
fn find<'a>(words: &'a [Word], text: &str) -> &'a Word {
    words.iter().find(|word| word.text == text).unwrap_or_else(|| panic!("no {text} in {words:?}"))
}

#[test]
fn an_appendix_begins_a_page_with_its_label_in_the_corner_and_its_title_on_the_third_line() {
    let Some(fonts) = machine_fonts() else { return };
    let document = plain(vec![
        sample::para("正文。"),
        appendix(1, "各镇街情况表", vec![sample::para("附件正文。")]),
        appendix(2, "督办台账", vec![Block::Table(sample::towns())]),
    ]);
    let pdf = render(fonts, &document);
    let Some(words) = words_of(&pdf, 2) else { return };
    let label = find(&words, "附件1");
    close(label.left, LEFT);
    // 3号: 16 pt squares, the label's middle in the first line.
    close(label.bottom - label.top, 16.0 / POINTS_PER_MM);
    close(label.top.midpoint(label.bottom), TOP + LINE / 2.0);
    let title = find(&words, "各镇街情况表");
    close(title.left.midpoint(title.right), LEFT.midpoint(RIGHT));
    close(title.right - title.left, 6.0 * 22.0 / POINTS_PER_MM);
    close(title.top.midpoint(title.bottom), TOP + 2.5 * LINE);
    let body = find(&words, "附件正文。");
    close(body.left, LEFT + 2.0 * 156.0 / 28.0);
    close(body.top.midpoint(body.bottom), TOP + 4.5 * LINE);
    // The second one stands on the page after it; its table is in it.
    let pages = pages_of(&pdf).unwrap();
    assert!(pages[2].starts_with("附件2督办台账表1"), "{}", pages[2]);
    assert!(pages[0].starts_with("正文。") && !pages[0].contains("附件"), "{}", pages[0]);
}

#[test]
fn an_appendix_that_begins_with_a_wide_table_lies_across_from_its_label_on() {
    let Some(fonts) = machine_fonts() else { return };
    for blocks in [
        vec![Block::Table(sample::items())],
        vec![Block::Landscape(vec![Block::Table(sample::items())])],
        vec![sample::heading(1, "一、", "台账"), Block::Table(sample::items())],
    ] {
        let document = plain(vec![sample::para("正文。"), appendix(1, "督办台账", blocks)]);
        let pdf = render(fonts, &document);
        let Some(sizes) = marks_and_sizes(&pdf) else { return };
        assert_eq!(sizes, [(true, false), (true, true)], "no empty page before it");
        let words = words_of(&pdf, 2).unwrap();
        let label = find(&words, "附件1");
        // On its side the text block begins 35 mm from the left and 28 mm below the top.
        close(label.left, 297.0 - 37.0 - 225.0);
        close(label.top.midpoint(label.bottom), 28.0 + LINE / 2.0);
        let title = find(&words, "督办台账");
        close(title.left.midpoint(title.right), 35.0 + 225.0 / 2.0);
        assert!(words.iter().any(|word| word.text == "2024-004"));
    }
}

#[test]
fn wide_tables_beside_each_other_share_their_pages_and_take_their_headings_along() {
    let Some(fonts) = machine_fonts() else { return };
    let document = plain(vec![
        sample::para("前文。"),
        sample::heading(1, "一、", "台账"),
        Block::Table(sample::items()),
        sample::heading(1, "二、", "又一台账"),
        Block::Table(sample::items()),
        sample::para("后文。"),
    ]);
    let Some(pages) = pages_of(&render(fonts, &document)) else { return };
    assert_eq!(pages.len(), 3);
    assert!(!pages[0].contains("一、") && pages[1].contains("一、台账"), "{pages:?}");
    assert!(pages[1].contains("二、又一台账") && pages[2].starts_with("后文。"), "{pages:?}");
}

/// Horizontal rules of one page: height above the page's foot, length and thickness, all in mm.
/// A chart with a row a town takes most of a page: it stands at the top of one, and what follows fills the page before; but
/// nothing of what ends a text, begins a page or follows on other pages comes before it.
#[test]
fn a_tall_chart_leaves_no_page_half_empty_and_is_not_overtaken_by_the_end() {
    let Some(fonts) = machine_fonts() else { return };
    let tall = Block::Chart(Chart {
        shape: ChartShape::HorizontalBar,
        ..sample::chart("towns", "各镇街占比")
    });
    let pages = |blocks: Vec<Block>| {
        let signature = "示例秘书处".to_owned();
        pages_of(&render(fonts, &Document { signature, blocks, ..lines(10) }))
    };
    let holds = |page: &str, texts: [&str; 4]| {
        texts.iter().map(|text| squeeze(page).contains(text)).collect::<Vec<_>>()
    };
    let texts = ["各镇街占比", "随后", "末段", "示例秘书处"];
    let after = || sample::para(&"随后".repeat(56));
    let last = || sample::para("末段。");
    let Some(read) = pages(vec![tall.clone(), after(), last()]) else { return };
    assert_eq!(holds(&read[0], texts), [false, true, false, false], "{read:?}");
    assert!(holds(&read[1], texts)[0], "{read:?}");
    let end = read.last().expect("pages");
    assert_eq!(holds(end, texts)[2..], [true, true], "{read:?}");
    // The chart is the last thing before the attachments, or before a new page: nothing overtakes it, and no page is blank.
    for next in [
        vec![Block::AttachmentList(vec!["情况表".to_owned()])],
        vec![Block::PageBreak, after(), last()],
        vec![Block::PageBreak, Block::Landscape(vec![Block::Table(sample::items())])],
    ] {
        let Some(read) = pages([vec![tall.clone()], next].concat()) else { return };
        assert_eq!(holds(&read[0], texts), [false; 4], "{read:?}");
        assert!(read[1].contains("各镇街占比"), "{read:?}");
        assert!(read.iter().all(|page| squeeze(page).chars().count() > 4), "{read:?}");
    }
}

/// 7.3.5.4: the last words go along with it; of those that are too long for a page with all that follows, the list of
/// attachments does.
#[test]
fn no_page_has_the_signature_alone() {
    let Some(fonts) = machine_fonts() else { return };
    // Lines of the last paragraph, entries of the list of attachments, and what stands above the signature at the least.
    for (n_words, n_attached, above) in [(3, 0, "末"), (12, 5, "末"), (13, 5, "附件：")] {
        let mut n_moved = 0;
        for n_before in 0..=19 {
            let words = sample::para(&"末".repeat(28 * n_words - 2));
            let list = Block::AttachmentList(vec!["各镇街情况表".to_owned(); n_attached]);
            let blocks = [words, list].into_iter().take(if n_attached == 0 { 1 } else { 2 });
            let document = Document {
                signature: "示例秘书处".to_owned(),
                blocks: blocks.collect(),
                ..lines(n_before)
            };
            let Some(pages) = pages_of(&render(fonts, &document)) else { return };
            let signed = pages.iter().position(|page| page.contains("示例秘书处")).expect("signed");
            assert!(pages[signed].contains(above), "{n_words} lines after {n_before}: {pages:?}");
            n_moved += usize::from(signed > 0);
        }
        assert!(n_moved > 3, "the signature goes over to the second page now and then: {n_moved}");
    }
}

fn rules_of(pdf: &Pdf, page: usize) -> Option<Vec<(f64, f64, f64)>> {
    let page = page.to_string();
    let svg = poppler("pdftocairo", pdf, &["-svg", "-f", &page, "-l", &page], &["-"])?;
    let attribute = |line: &str, name: &str| -> Option<String> {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    let numbers = |text: &str| -> Vec<f64> {
        text.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'))
            .filter_map(|part| part.parse().ok())
            .collect()
    };
    let height = numbers(&attribute(svg.lines().nth(1)?, "viewBox")?)[3];
    let rule = |line: &str| -> Option<(f64, f64, f64)> {
        let width = line.split_once("stroke-width:")?.1.split(';').next()?.parse::<f64>().ok()?;
        let path = numbers(&attribute(line, "d")?);
        let matrix = numbers(&attribute(line, "transform")?);
        let &[x1, y1, x2, y2] = path.as_slice() else { return None };
        ((y1 - y2).abs() < 0.01).then(|| {
            // A vector picture's page is scaled to whole units.
            let scale = matrix[0];
            let mm = scale * POINTS_PER_MM;
            (
                (height - (matrix[5] + y1 * matrix[3])) / mm,
                (x2 - x1) * scale / mm,
                width * scale / mm,
            )
        })
    };
    Some(svg.lines().filter(|line| line.starts_with("<path")).filter_map(rule).collect())
}

#[test]
fn the_imprint_stands_at_the_foot_of_the_last_even_page_between_its_rules() {
    let Some(fonts) = machine_fonts() else { return };
    // One page of text: the 版记 is on its back.
    let pdf = render(fonts, &with_imprint(lines(3)));
    let Some(marks) = marks_and_sizes(&pdf) else { return };
    assert_eq!(marks, [(true, false), (true, false)]);
    let words = words_of(&pdf, 2).unwrap();
    let first = words.iter().find(|word| word.text.starts_with("抄送")).unwrap();
    let last = words.iter().find(|word| word.text.starts_with("区学前教育")).unwrap();
    let date = words.iter().find(|word| word.text.ends_with("印发")).unwrap();
    // One blank of 4号 at either side.
    let blank = 14.0 / POINTS_PER_MM;
    close(first.left, LEFT + blank);
    close(last.left, LEFT + blank);
    close(date.right, RIGHT - blank);
    assert!(last.bottom < BOTTOM && last.bottom > BOTTOM - 24.0 / POINTS_PER_MM, "{last:?}");

    let Some(mut rules) = rules_of(&pdf, 2) else { return };
    rules.sort_by(|a, b| b.0.total_cmp(&a.0));
    assert_eq!(rules.len(), 3, "{rules:?}");
    for (rule, thickness) in rules.iter().zip([0.35, 0.25, 0.35]) {
        close(rule.1, 156.0);
        assert!((rule.2 - thickness).abs() < 0.005, "{rule:?} should be {thickness} mm thick");
    }
    // The last one lies on the lower edge of the text block.
    close(rules[2].0, 297.0 - BOTTOM);
}

#[test]
fn the_imprint_goes_where_the_text_leaves_room_on_an_even_page() {
    let Some(fonts) = machine_fonts() else { return };
    let wide = || vec![Block::Table(sample::items())];
    let appended = |n: usize| {
        let mut document = lines(n);
        document.blocks = vec![appendix(1, "督办台账", wide())];
        document
    };
    let (marked, bare, across) = ((true, false), (false, false), (true, true));
    for (case, document, pages) in [
        ("an even page with room", lines(30), vec![marked, marked]),
        // Nothing but the mark of a page may stand between text and 版记: blank and 版记 page carry none.
        ("an even page without", lines(40), vec![marked, marked, bare, bare]),
        ("an odd page", lines(45), vec![marked, marked, marked, marked]),
        ("a landscape even page", appended(3), vec![marked, across, bare, bare]),
        ("a landscape odd page", appended(30), vec![marked, marked, across, marked]),
    ] {
        let pdf = render(fonts, &with_imprint(document.clone()));
        let Some(found) = marks_and_sizes(&pdf) else { return };
        assert_eq!(found, pages, "{case}");
        let pages = pages_of(&pdf).unwrap();
        assert!(pages.last().unwrap().contains("抄送"), "{case}");
        assert_eq!(pages.concat().matches("抄送").count(), 1, "{case}");
        // Without a 版记 nothing is added.
        let bare = render(fonts, &document);
        assert!(bare.n_pages <= pdf.n_pages, "{case}");
        assert!(marks_and_sizes(&bare).unwrap().iter().all(|(is_marked, _)| *is_marked), "{case}");
    }
}

#[test]
fn copies_to_without_a_date_of_issue_stand_on_the_last_page_whichever_it_is() {
    let Some(fonts) = machine_fonts() else { return };
    for (n_lines, n_pages) in [(3, 1), (30, 2), (45, 3)] {
        let mut document = lines(n_lines);
        document.imprint = vec!["抄送：综合协调组。".to_owned()];
        let pdf = render(fonts, &document);
        let Some(pages) = pages_of(&pdf) else { return };
        assert_eq!(pages.len(), n_pages);
        assert!(pages.last().unwrap().contains("抄送：综合协调组。"), "{pages:?}");
        let words = words_of(&pdf, n_pages).unwrap();
        let line = find(&words, "抄送：综合协调组。");
        assert!(line.bottom < BOTTOM && line.bottom > BOTTOM - LINE, "{line:?}");
    }
}

/// Size and family of each line of text of a page, as `pdftohtml` tells them.
fn sizes_of(pdf: &Pdf) -> Option<BTreeMap<String, f64>> {
    let xml = poppler("pdftohtml", pdf, &["-xml", "-stdout", "-i", "-q", "-zoom", "1"], &[])?;
    let attribute = |line: &str, name: &str| -> Option<String> {
        Some(line.split_once(&format!("{name}=\""))?.1.split('"').next()?.to_owned())
    };
    let mut fonts: BTreeMap<String, f64> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for line in xml.lines().map(str::trim) {
        if line.starts_with("<fontspec") {
            fonts.insert(attribute(line, "id")?, attribute(line, "size")?.parse().ok()?);
        } else if line.starts_with("<text") {
            let words = line.split_once('>')?.1.replace("</text>", "");
            let words = words.replace("<b>", "").replace("</b>", "");
            found.insert(words.trim().to_owned(), fonts[&attribute(line, "font")?]);
        }
    }
    Some(found)
}

#[test]
fn title_body_headings_and_page_mark_have_the_sizes_of_the_standard() {
    let Some(fonts) = machine_fonts() else { return };
    let mut document = lines(2);
    document.title = "工作进展情况报告".to_owned();
    document.imprint = vec!["抄送：各镇。".to_owned()];
    document.blocks = vec![sample::heading(1, "一、", "总体进展"), sample::para("正文文字。")];
    let Some(sizes) = sizes_of(&render(fonts, &document)) else { return };
    for (text, size) in [
        ("工作进展情况报告", 22.0),
        ("一、总体进展", 16.0),
        ("正文文字。", 16.0),
        ("抄送：各镇。", 14.0),
        ("— 1 —", 14.0),
    ] {
        let found = sizes.get(text).unwrap_or_else(|| panic!("no {text} in {sizes:?}"));
        assert!((found - size).abs() < 0.1, "{text}: {found} pt should be {size} pt");
    }
}

/// Every text of the blocks, in their order.
fn texts_of(blocks: &[Block]) -> Vec<String> {
    let plain = |content: &[Inline]| -> String {
        content
            .iter()
            .map(|inline| match inline {
                Inline::Text { text }
                | Inline::Strong { text }
                | Inline::Emphasis { text }
                | Inline::Link { text, .. } => text.as_str(),
                Inline::Figure(figure) => &figure.text,
                Inline::LineBreak => "",
            })
            .collect()
    };
    let mut texts = Vec::new();
    for block in blocks {
        match block {
            Block::Heading(heading) => {
                texts.push(format!("{}{}", heading.number, plain(&heading.content)));
            }
            Block::Para(content) | Block::Quote(content) | Block::ListItem { content, .. } => {
                texts.push(plain(content));
            }
            Block::Table(table) => {
                texts.push(table.caption.clone());
                texts.extend(table.rows.iter().flat_map(|row| &row.cells).map(|c| c.text.clone()));
                texts.extend(table.notes.iter().cloned());
            }
            Block::Chart(chart) => texts.push(chart.caption.clone()),
            Block::AttachmentList(names) => texts.extend(names.iter().cloned()),
            Block::Landscape(blocks) => texts.extend(texts_of(blocks)),
            Block::Appendix(appendix) => {
                texts.extend([appendix.label(), appendix.title.clone()]);
                texts.extend(texts_of(&appendix.blocks));
            }
            Block::PageBreak => {}
        }
    }
    texts
}

/// Takes the page marks `—3—` out.
fn without_marks(text: &str, n_pages: usize) -> String {
    (1..=n_pages).fold(text.to_owned(), |text, page| text.replace(&format!("—{page}—"), ""))
}

#[test]
fn whoever_copies_the_text_gets_every_word_of_the_document_in_its_order() {
    let Some(fonts) = machine_fonts() else { return };
    let document = sample::document();
    let pdf = render(fonts, &document);
    let Some(text) = poppler("pdftotext", &pdf, &["-raw"], &["-"]) else { return };
    let text = without_marks(&squeeze(&text), pdf.n_pages);
    let mut rest = text.as_str();
    let texts = texts_of(&document.blocks);
    assert!(texts.len() > 250, "{}", texts.len());
    for part in texts.iter().map(|part| squeeze(part)).filter(|part| !part.is_empty()) {
        match rest.split_once(&part) {
            // A repeated heading or a light's mark may stand between, and little else.
            Some((skipped, after)) => {
                assert!(skipped.chars().count() < 150, "{skipped} before {part}");
                rest = after;
            }
            None => panic!("{part:?} is not there, or not in its place, in:\n{text}"),
        }
    }
}

#[test]
fn the_file_is_tagged_says_its_language_and_keeps_to_the_archives_standard() {
    let Some(fonts) = machine_fonts() else { return };
    let pdf = render(fonts, &sample::document());
    assert!(pdf.is_archival);
    let has = |part: &str| pdf.bytes.windows(part.len()).any(|bytes| bytes == part.as_bytes());
    assert!(has("<pdfaid:part>2</pdfaid:part>"), "PDF/A-2");
    assert!(has("<pdfaid:conformance>U</pdfaid:conformance>"), "every character is Unicode");
    assert!(has("/Lang(zh-CN)"));
    let Some(info) = poppler("pdfinfo", &pdf, &[], &[]) else { return };
    assert!(
        info.lines().any(|line| line.starts_with("Tagged:") && line.ends_with("yes")),
        "{info}"
    );
    let Some(tree) = poppler("pdfinfo", &pdf, &["-struct"], &[]) else { return };
    for element in ["H1", "H2", "H3", "H4", "P (block)", "Table", "TR", "TH", "TD", "Figure"] {
        assert!(tree.contains(element), "no {element} in {tree}");
    }
}

#[test]
fn a_bookmark_names_an_appendix_by_label_and_title() {
    let Some(fonts) = machine_fonts() else { return };
    let document = plain(vec![
        sample::heading(1, "一、", "总体进展"),
        appendix(1, "督办台账", vec![Block::Table(sample::items())]),
    ]);
    let pdf = render(fonts, &document);
    let arguments = ["-xml", "-stdout", "-i", "-q"];
    let Some(xml) = poppler("pdftohtml", &pdf, &arguments, &[]) else { return };
    let (_, outline) = xml.split_once("<outline>").unwrap_or_else(|| panic!("no outline: {xml}"));
    let items: Vec<&str> =
        outline.split("<item page=\"").skip(1).filter_map(|i| i.split('<').next()).collect();
    assert_eq!(items, ["1\">一、总体进展", "2\">附件1　督办台账"]);
}
