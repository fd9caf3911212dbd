//! The document as plain text: the mail's other body, for readers and programs without HTML.

use unicode_width::UnicodeWidthStr;

use super::document::{Align, Block, Document, Inline, Table};
use super::html::with_mark;
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
    blocks(&document.blocks, &mut out);
    if !document.signature.is_empty() {
        line(&mut out, &document.signature);
    }
    if let Some(date) = document.dated_on {
        line(&mut out, &numbers::cn_date(date));
    }
    for imprint in &document.imprint {
        line(&mut out, imprint);
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

fn blocks(blocks: &[Block], out: &mut String) {
    for (i, one) in blocks.iter().enumerate() {
        block(one, out);
        let next = blocks.get(i + 1);
        let is_item = |block: &Block| matches!(block, Block::ListItem { .. });
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
        Block::Landscape(inner) => blocks(inner, out),
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
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(i, text)| pad(text, widths[i], table.columns[i].align))
            .collect();
        line(out, &cells.join("  "));
    }
    for note in &table.notes {
        line(out, note);
    }
    out.push('\n');
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
