//! The document as a workbook: a sheet a table, with real numbers.
//!
//! ## Design notes
//! - A judged column gets a column of its lights beside it: by it a secretariat can filter and sort,
//!   and the colours are conditional formats on it, so that they follow an edit by hand.
//! - A workbook rounds what it shows, and rounds up: 0.49996 with two decimals is 50.00 % to it. Two decimals
//!   stand wherever they show what the paper prints; elsewhere the cell gets as many as keep the value
//!   apart (49.996 %). The number itself is never touched. See `shown`.
//! - Text is written as text, whatever it begins with: no cell is a formula, and what looks like one is
//!   marked as text (`quotePrefix`), so that it stays text when somebody edits the cell.
//! - A chart's numbers stand on a sheet of their own: a picture cannot be computed with.

mod charts;
mod overview;
mod shown;
mod sources;
mod style;
mod table;

use std::collections::HashSet;

use jiff::civil::{Date, DateTime};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};
use serde::{Deserialize, Serialize};

use super::document::{Block, Chart, Document, Table, plain};
use super::mail::collect_charts;
use style::cut;

/// Why a workbook could not be made.
#[derive(Debug, thiserror::Error)]
pub enum WorkbookError {
    #[error("write workbook")]
    Write(#[from] XlsxError),
    #[error("table {caption:?} is too large for a sheet: {n_rows} rows, {n_columns} columns")]
    TooLarge { caption: String, n_rows: usize, n_columns: usize },
}

/// A snapshot that the report's figures come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSource {
    pub dataset_title: String,
    pub period: String,
    pub snapshot_id: String,
    pub n_rows: u64,
    pub missing_units: Vec<String>,
}

/// Where the figures come from: the last sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// On the district's clock; it is also the file's date of creation.
    pub as_of: DateTime,
    /// Name and SQL, in the report's order.
    pub queries: Vec<(String, String)>,
    pub snapshots: Vec<SnapshotSource>,
}

/// Sheets that are no table's.
const OVERVIEW: &str = "总览";
const FIGURES: &str = "文中数据";
const CHARTS: &str = "图表数据";
const SOURCES: &str = "数据来源";

/// A table on its sheet.
struct Tabled<'a> {
    table: &'a Table,
    /// On landscape pages in the paper.
    landscape: bool,
    /// The caption; for a table without one, the title of what it stands in.
    title: String,
    sheet: String,
}

/// Makes the workbook. The same input gives the same bytes.
///
/// # Errors
/// If a table is larger than a sheet.
pub fn render(document: &Document, sources: &Sources) -> Result<Vec<u8>, WorkbookError> {
    let tables = tables(document);
    let mut charts: Vec<&Chart> = Vec::new();
    collect_charts(&document.blocks, &mut charts);
    let figures = overview::figures(&document.blocks);

    let mut workbook = Workbook::new();
    workbook.set_properties(
        &DocProperties::new()
            .set_title(&document.title)
            .set_author(&document.signature)
            .set_creation_datetime(&excel_time(sources.as_of)?),
    );
    let mut others = Vec::new();
    if !figures.is_empty() {
        others.push((FIGURES, "正文中的数字，逐个列出所在的句子"));
    }
    if !charts.is_empty() {
        others.push((CHARTS, "各图所依据的数字"));
    }
    others.push((SOURCES, "所用快照、缺报单位与查询语句"));
    overview::overview_sheet(workbook.add_worksheet(), document, &tables, &others)?;
    for tabled in &tables {
        table::table_sheet(workbook.add_worksheet(), tabled, &document.subtitle)?;
    }
    if !figures.is_empty() {
        overview::figure_sheet(workbook.add_worksheet(), &figures)?;
    }
    if !charts.is_empty() {
        charts::chart_sheet(workbook.add_worksheet(), &charts)?;
    }
    sources::source_sheet(workbook.add_worksheet(), sources)?;
    Ok(workbook.save_to_buffer()?)
}

/// Every table of the document, with the name of its sheet.
fn tables(document: &Document) -> Vec<Tabled<'_>> {
    let mut found = Vec::new();
    collect_tables(&document.blocks, false, &mut document.title.clone(), &mut found);
    let kept = [OVERVIEW, FIGURES, CHARTS, SOURCES, "history"];
    let mut taken: HashSet<String> = kept.map(str::to_owned).into();
    for (i, tabled) in found.iter_mut().enumerate() {
        let caption = &tabled.table.caption;
        let wanted = if caption.is_empty() { &tabled.table.name } else { caption };
        tabled.sheet = sheet_name(wanted, i, &mut taken);
    }
    found
}

fn collect_tables<'a>(
    blocks: &'a [Block],
    landscape: bool,
    section: &mut String,
    tables: &mut Vec<Tabled<'a>>,
) {
    for block in blocks {
        match block {
            Block::Table(table) => {
                let caption = &table.caption;
                let title = if caption.is_empty() { section.clone() } else { caption.clone() };
                tables.push(Tabled { table, landscape, title, sheet: String::new() });
            }
            Block::Heading(heading) => *section = plain(&heading.content),
            Block::Landscape(blocks) => collect_tables(blocks, true, section, tables),
            Block::Appendix(appendix) => {
                section.clone_from(&appendix.title);
                collect_tables(&appendix.blocks, landscape, section, tables);
            }
            _ => {}
        }
    }
}

/// At most 31 characters, none that a sheet's name may not have, and unlike all others.
fn sheet_name(wanted: &str, index: usize, taken: &mut HashSet<String>) -> String {
    let clean: String = wanted
        .chars()
        .map(|c| if r"[]:*?/\".contains(c) || c.is_control() { ' ' } else { c })
        .collect();
    let clean = clean.trim().trim_matches('\'').to_owned();
    let clean = if clean.is_empty() { format!("表{}", index + 1) } else { clean };
    for n in 1_usize.. {
        let tail = if n == 1 { String::new() } else { format!("({n})") };
        let name = format!("{}{tail}", cut(&clean, 31 - tail.len()));
        if taken.insert(name.to_lowercase()) {
            return name;
        }
    }
    clean
}

fn excel_time(at: DateTime) -> Result<ExcelDateTime, XlsxError> {
    ExcelDateTime::parse_from_str(&at.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

fn excel_date(date: Date) -> Result<ExcelDateTime, XlsxError> {
    ExcelDateTime::parse_from_str(&date.to_string())
}

fn column_number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

fn row_number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
