//! The document as plain text: the mail's other body, for readers and programs without HTML.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::document::{Align, Block, Document, Inline, Table};
use super::html::{footer, with_mark};
use super::{headings, numbers};

/// Renders the whole document. Columns of tables stand under each other where a Chinese character
/// is as wide as two letters.
pub fn render(document: &Document) -> String {
    let mut out = String::new();
    if !document.doc_number.is_empty() {
        line(&mut out, &document.doc_number);
    }
    line(&mut out, &document.title);
    line(&mut out, &"=".repeat(document.title.width_cjk().min(76)));
    if !document.subtitle.is_empty() {
        line(&mut out, &document.subtitle);
    }
    out.push('\n');
    if !document.addressees.is_empty() {
        line(&mut out, &document.addressees);
        out.push('\n');
    }
    let (appendices, body): (Vec<&Block>, Vec<&Block>) =
        document.blocks.iter().partition(|block| matches!(block, Block::Appendix(_)));
    blocks(&body, &mut out);
    if !document.signature.is_empty() {
        line(&mut out, &document.signature);
    }
    if let Some(date) = document.dated_on {
        line(&mut out, &numbers::cn_date(date));
    }
    if !appendices.is_empty() {
        out.push('\n');
        blocks(&appendices, &mut out);
    }
    for imprint in &document.imprint {
        line(&mut out, imprint);
    }
    while out.ends_with('\n') {
        out.pop();
    }
    out.push_str("\n\n");
    line(&mut out, &"-".repeat(LINE));
    for one in footer(document) {
        line(&mut out, &one);
    }
    out
}

/// Columns that a line has where we decide on it; what is of no width in itself is left to the reader's window.
const LINE: usize = 76;

fn blocks(blocks: &[&Block], out: &mut String) {
    for (i, one) in blocks.iter().enumerate() {
        block(one, out);
        let next = blocks.get(i + 1);
        let is_item = |block: &&Block| matches!(block, Block::ListItem { .. });
        if is_item(one) && !next.is_some_and(is_item) {
            out.push('\n');
        }
    }
}

fn block(block: &Block, out: &mut String) {
    match block {
        Block::Heading(heading) => {
            line(out, &format!("{}{}", heading.number, inlines(&heading.content)));
            out.push('\n');
        }
        Block::Para(content) => {
            line(out, &format!("\u{3000}\u{3000}{}", inlines(content)));
            out.push('\n');
        }
        Block::ListItem { depth, ordered, content } => {
            let indent = "  ".repeat(usize::from(*depth) + 1);
            let mark = ordered.map_or_else(|| "-".to_owned(), |n| format!("{n}."));
            line(out, &format!("{indent}{mark} {}", inlines(content)));
        }
        Block::Quote(content) => {
            line(out, &format!("> {}", inlines(content)));
            out.push('\n');
        }
        Block::Table(table) => self::table(table, out),
        Block::Chart(chart) => {
            line(out, &format!("〔图〕{}", chart.alt));
            out.push('\n');
        }
        Block::AttachmentList(names) => {
            line(out, "附件：");
            for (i, name) in names.iter().enumerate() {
                line(out, &format!("  {}. {name}", i + 1));
            }
            out.push('\n');
        }
        Block::PageBreak => {}
        Block::Landscape(inner) => blocks(&inner.iter().collect::<Vec<_>>(), out),
        Block::Appendix(appendix) => {
            line(out, &format!("{}　{}", appendix.label(), appendix.title));
            out.push('\n');
            blocks(&appendix.blocks.iter().collect::<Vec<_>>(), out);
        }
    }
}

fn table(table: &Table, out: &mut String) {
    if !table.caption.is_empty() {
        line(out, &format!("〔表〕{}", table.caption));
    }
    let n = table.columns.len();
    let texts: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| row.cells.iter().map(|cell| with_mark(cell).replace('\n', " ")).collect())
        .collect();
    let mut widths: Vec<usize> = (0..n)
        .map(|i| {
            texts.iter().filter_map(|row| row.get(i)).map(|t| t.width_cjk()).max().unwrap_or(0)
        })
        .collect();
    narrow(&mut widths, table);
    let heads = headings::cells(&table.columns);
    // The lowest heading of a column decides on its width; one that spans many makes the last wider.
    for cell in heads.iter().flatten() {
        let span = cell.column..cell.column + cell.n_columns;
        let have: usize = widths[span.clone()].iter().sum::<usize>() + 2 * (cell.n_columns - 1);
        widths[span.end - 1] += cell.text.width_cjk().saturating_sub(have);
    }
    for row in &heads {
        let mut text = String::new();
        let mut column = 0;
        for cell in row {
            while column < cell.column {
                text += &" ".repeat(widths[column] + 2);
                column += 1;
            }
            let span = cell.column..cell.column + cell.n_columns;
            let width = widths[span].iter().sum::<usize>() + 2 * (cell.n_columns - 1);
            text += &pad(&cell.text, width, Align::Center);
            text += "  ";
            column += cell.n_columns;
        }
        line(out, &text);
    }
    line(out, &"-".repeat(widths.iter().sum::<usize>() + 2 * n.saturating_sub(1)));
    for row in &texts {
        let cells: Vec<Vec<String>> =
            row.iter().zip(&widths).map(|(text, width)| broken(text, *width)).collect();
        for at in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let parts = cells.iter().enumerate().map(|(i, lines)| {
                let text = lines.get(at).map_or("", String::as_str);
                pad(text, widths[i], table.columns[i].align)
            });
            line(out, &parts.collect::<Vec<_>>().join("  "));
        }
    }
    for note in &table.notes {
        line(out, note);
    }
    out.push('\n');
}

/// What a window shows without breaking lines by itself, in columns.
const WIDEST: usize = 110;
/// Text columns are not made narrower than this.
const NARROWEST: usize = 16;

/// Makes columns of text narrower, the widest first, until the table fits. Figures keep their width.
fn narrow(widths: &mut [usize], table: &Table) {
    let between = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + between > WIDEST {
        let texts = (0..widths.len()).filter(|i| table.columns[*i].align == Align::Left);
        let widest = texts.filter(|i| widths[*i] > NARROWEST).max_by_key(|i| widths[*i]);
        let Some(widest) = widest else { return };
        widths[widest] -= 1;
    }
}

/// A text in lines of at most so many columns.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width_cjk().unwrap_or(0);
        if used + wide > width && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
        used += wide;
    }
    lines
}

fn pad(text: &str, width: usize, align: Align) -> String {
    let blank = width.saturating_sub(text.width_cjk());
    match align {
        Align::Left => format!("{text}{}", " ".repeat(blank)),
        Align::Right => format!("{}{text}", " ".repeat(blank)),
        Align::Center => {
            format!("{}{text}{}", " ".repeat(blank / 2), " ".repeat(blank - blank / 2))
        }
    }
}

fn inlines(content: &[Inline]) -> String {
    content
        .iter()
        .map(|inline| match inline {
            Inline::Text { text } | Inline::Strong { text } | Inline::Emphasis { text } => {
                text.clone()
            }
            Inline::Link { text, url } if text == url => url.clone(),
            Inline::Link { text, url } => format!("{text}（{url}）"),
            Inline::Figure(figure) => figure.text.clone(),
            Inline::LineBreak => "\n".to_owned(),
        })
        .collect()
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}
