//! The document as the page style reads it: the typed document as JSON, with what a layout cannot
//! know by itself (merged headings, widths, the written date) worked out.

use serde_json::{Map, Value, json};

use super::{DrawChart, PdfError, PdfMeta, table};
use crate::report::document::{Align, Block, Cell, Column, Document, Table, light_mark};

pub(super) struct Prepared {
    /// `/document.json`.
    pub(super) json: Vec<u8>,
    /// The charts' files: path and SVG.
    pub(super) svgs: Vec<(String, String)>,
}

/// What the page style reads.
pub(super) fn prepare(
    document: &Document,
    charts: DrawChart<'_>,
    families: &[(String, Vec<String>)],
    meta: &PdfMeta<'_>,
) -> Result<Prepared, PdfError> {
    let mut svgs = Vec::new();
    let mut blocks = blocks(&document.blocks, charts, &mut svgs)?;
    if let Some(last) = document.last_words() {
        blocks[last]["is_last"] = json!(true);
    }
    let fonts: Map<String, Value> =
        families.iter().map(|(role, names)| (role.clone(), json!(names))).collect();
    let mut data = json!({
        "title": document.title,
        "subtitle": document.subtitle,
        "doc_number": document.doc_number,
        "addressees": document.addressees,
        "signature": document.signature,
        // 成文日期: Arabic figures, no leading zeros (GB/T 9704-2012, 7.3.5.4).
        "date": document.dated_on.map(|on| format!("{}年{}月{}日", on.year(), on.month(), on.day())),
        "imprint": document.imprint.iter().map(|line| imprint(line)).collect::<Vec<_>>(),
        "author": meta.author,
        "fonts": fonts,
        "blocks": blocks,
    });
    clean(&mut data);
    Ok(Prepared { json: serde_json::to_vec(&data)?, svgs })
}

fn blocks(
    blocks_in: &[Block],
    charts: DrawChart<'_>,
    svgs: &mut Vec<(String, String)>,
) -> Result<Vec<Value>, PdfError> {
    blocks_in
        .iter()
        .map(|block| match block {
            Block::Table(table) => Ok(table_data(table)),
            Block::Chart(chart) => {
                let svg = charts(chart)
                    .map_err(|source| PdfError::DrawChart { chart: chart.name.clone(), source })?;
                let path = format!("chart-{}.svg", svgs.len());
                svgs.push((path.clone(), svg));
                Ok(json!({
                    "kind": "chart", "path": path, "caption": chart.caption, "alt": chart.alt,
                }))
            }
            Block::Landscape(inner) => {
                Ok(json!({ "kind": "landscape", "blocks": blocks(inner, charts, svgs)? }))
            }
            Block::Appendix(appendix) => Ok(json!({
                "kind": "appendix",
                "label": appendix.label(),
                "title": appendix.title,
                "blocks": blocks(&appendix.blocks, charts, svgs)?,
            })),
            Block::AttachmentList(names) => {
                Ok(json!({ "kind": "attachment_list", "names": names }))
            }
            Block::Para(content) => Ok(json!({ "kind": "para", "content": content })),
            Block::Quote(content) => Ok(json!({ "kind": "quote", "content": content })),
            Block::Heading(heading) => Ok(json!({
                "kind": "heading",
                "level": heading.level.clamp(1, 4),
                "number": heading.number,
                "content": heading.content,
            })),
            Block::ListItem { depth, ordered, content } => Ok(json!({
                "kind": "list_item", "depth": depth, "ordered": ordered, "content": content,
            })),
            Block::PageBreak => Ok(json!({ "kind": "page_break" })),
        })
        .collect()
}

fn table_data(table: &Table) -> Value {
    let align = |column: &Column| json!(column.align);
    let rows = table.rows.iter().map(|row| {
        json!({
            "emphasis": row.emphasis,
            "breaks": row.cells.iter().any(|cell| cell.text.len() > MAX_UNBROKEN),
            "cells": row.cells.iter().zip(&table.columns).map(cell).collect::<Vec<_>>(),
        })
    });
    json!({
        "kind": "table",
        "caption": table.caption,
        "header": table::header(&table.columns),
        "aligns": table.columns.iter().map(align).collect::<Vec<_>>(),
        "widths": table::widths(table),
        "weights": table.columns.iter().map(|column| column.weight.max(0.1)).collect::<Vec<_>>(),
        "rows": rows.collect::<Vec<_>>(),
        "notes": table.notes,
    })
}

/// Bytes of a cell's text up to which its row stays on one page: what is longer might not find room on any.
const MAX_UNBROKEN: usize = 1200;

/// A cell's text; in a column of figures the runs of its words and numbers; with a light beside it if it has one.
fn cell((cell, column): (&Cell, &Column)) -> Value {
    let words = match column.align {
        Align::Right => json!(runs(&cell.text)),
        Align::Left | Align::Center => json!(cell.text),
    };
    match cell.light {
        Some(light) => json!({ "words": words, "light": light, "mark": light_mark(light) }),
        None => words,
    }
}

/// What is no digit and what is one, in turn; the first, which is always there, may be empty.
fn runs(text: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut rest = text;
    let mut takes_digits = false;
    loop {
        let ends = |c: char| c.is_ascii_digit() != takes_digits;
        let (run, next) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
        runs.push(run);
        if next.is_empty() {
            return runs;
        }
        rest = next;
        takes_digits = !takes_digits;
    }
}

/// A line of the 版记 has its office at the left and, after a run of blanks or a tab, its date at the right.
fn imprint(line: &str) -> Value {
    let is_blank = |c: char| c == '\u{3000}' || c == '\t' || c == ' ';
    let line = line.trim_matches(is_blank);
    let gap = line.char_indices().filter(|(_, c)| is_blank(*c)).map(|(at, _)| at).find(|at| {
        let run: String = line[*at..].chars().take_while(|c| is_blank(*c)).collect();
        run.contains('\t') || run.chars().count() >= 2
    });
    match gap {
        Some(at) => json!({
            "left": line[..at].trim_end_matches(is_blank),
            "right": line[at..].trim_start_matches(is_blank),
        }),
        None => json!({ "left": line, "right": "" }),
    }
}

/// Line ends and tabs of a cell become blanks; other control characters have no picture in print.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.chars().any(char::is_control) {
                *text = text
                    .chars()
                    .map(|c| if c.is_whitespace() { ' ' } else { c })
                    .filter(|c| !c.is_control())
                    .collect();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(entries) => entries.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn words_and_numbers_come_in_turn_words_first() {
        assert_eq!(runs("88.61%"), ["", "88", ".", "61", "%"]);
        assert_eq!(runs("-3"), ["-", "3"]);
        assert_eq!(runs("差12人"), ["差", "12", "人"]);
        assert_eq!(runs("—"), ["—"]);
        assert_eq!(runs(""), [""]);
        // Arabic-Indic and full-width digits have no half-width form to be exchanged for.
        assert_eq!(runs("１٣"), ["１٣"]);
    }
}
