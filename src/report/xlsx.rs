//! The document as a workbook: a sheet a table, with real numbers.
//!
//! ## Design notes
//! - A judged column gets a column of its lights beside it: by it a secretariat can filter and sort,
//!   and the colours are conditional formats on it, so that they follow an edit by hand.
//! - A workbook rounds what it shows. Where two decimals would show 0.49996 as 50.00%, the cell gets
//!   as many decimals as keep it apart (see `numbers`); the number itself is never touched.
//! - Text is written as text, whatever it begins with: no cell is a formula.

use std::collections::HashSet;

use jiff::civil::{Date, DateTime};
use rust_xlsxwriter::{
    ConditionalFormatFormula, DocProperties, ExcelDateTime, Format as CellFormat, FormatAlign,
    FormatBorder, Formula, Workbook, Worksheet, XlsxError,
};
use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthStr;

use super::document::{
    Align, Block, Cell, Column, Document, Figure, Format, Inline, Row, Table, Value, light_mark,
};
use super::{headings, numbers};
use crate::model::Light;

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

/// The most that a cell of a workbook holds, in UTF-16 units.
const MAX_TEXT: usize = 32_767;
const FONT: &str = "宋体";

/// Makes the workbook. The same input gives the same bytes.
///
/// # Errors
/// If a table is larger than a sheet.
pub fn render(document: &Document, sources: &Sources) -> Result<Vec<u8>, WorkbookError> {
    let mut tables = Vec::new();
    collect_tables(&document.blocks, false, &mut tables);
    let mut taken: HashSet<String> = ["总览", "数据来源", "history"].map(str::to_owned).into();
    let names: Vec<String> =
        tables.iter().enumerate().map(|(i, (table, _))| sheet_name(table, i, &mut taken)).collect();

    let mut workbook = Workbook::new();
    let created = excel_time(sources.as_of)?;
    workbook.set_properties(
        &DocProperties::new()
            .set_title(&document.title)
            .set_author(&document.signature)
            .set_creation_datetime(&created),
    );
    overview(workbook.add_worksheet(), document, &tables, &names)?;
    for ((table, landscape), name) in tables.iter().zip(&names) {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name)?;
        table_sheet(sheet, table, &document.subtitle, *landscape)?;
    }
    source_sheet(workbook.add_worksheet(), sources)?;
    Ok(workbook.save_to_buffer()?)
}

fn collect_tables<'a>(blocks: &'a [Block], landscape: bool, tables: &mut Vec<(&'a Table, bool)>) {
    for block in blocks {
        match block {
            Block::Table(table) => tables.push((table, landscape)),
            Block::Landscape(blocks) => collect_tables(blocks, true, tables),
            _ => {}
        }
    }
}

/// At most 31 characters, none that a sheet's name may not have, and unlike all others.
fn sheet_name(table: &Table, index: usize, taken: &mut HashSet<String>) -> String {
    let wanted = if table.caption.is_empty() { &table.name } else { &table.caption };
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

/// The beginning of a text, of at most `max` UTF-16 units.
fn cut(text: &str, max: usize) -> &str {
    let mut units = 0;
    for (i, c) in text.char_indices() {
        units += c.len_utf16();
        if units > max {
            return &text[..i];
        }
    }
    text
}

fn base() -> CellFormat {
    CellFormat::new().set_font_name(FONT).set_font_size(11).set_align(FormatAlign::VerticalCenter)
}

fn boxed() -> CellFormat {
    base().set_border(FormatBorder::Thin).set_border_color(0x00B8_BCC2)
}

fn title_format(size: u8) -> CellFormat {
    base().set_bold().set_font_size(size).set_align(FormatAlign::Center).set_text_wrap()
}

fn head_format() -> CellFormat {
    boxed()
        .set_bold()
        .set_background_color(0x00E8_EDF3)
        .set_align(FormatAlign::Center)
        .set_text_wrap()
}

/// A4, as wide as the page, with page numbers.
fn page_setup(sheet: &mut Worksheet, landscape: bool) {
    sheet.set_paper_size(9);
    if landscape {
        sheet.set_landscape();
    }
    sheet.set_print_fit_to_pages(1, 0);
    sheet.set_margins(0.6, 0.6, 0.8, 0.7, 0.3, 0.3);
    sheet.set_footer("&C第 &P 页，共 &N 页");
}

fn text(
    sheet: &mut Worksheet,
    at: (u32, u16),
    text: &str,
    format: &CellFormat,
) -> Result<(), XlsxError> {
    if text.is_empty() {
        sheet.write_blank(at.0, at.1, format)?;
    } else {
        sheet.write_string_with_format(at.0, at.1, cut(text, MAX_TEXT), format)?;
    }
    Ok(())
}

fn across(
    sheet: &mut Worksheet,
    row: u32,
    last: u16,
    words: &str,
    format: &CellFormat,
) -> Result<(), XlsxError> {
    if last == 0 {
        text(sheet, (row, 0), words, format)
    } else {
        sheet.merge_range(row, 0, row, last, cut(words, MAX_TEXT), format)?;
        Ok(())
    }
}

/// The first sheet: what the report is, its sheets, and every figure of its text.
/// The height that the tallest of some wrapped cells needs (text and column width in characters).
/// Excel fits rows when it opens a file; others, and print, show what stands in it.
fn height_of<'a>(cells: impl IntoIterator<Item = (&'a str, f64)>) -> f64 {
    let n_lines = cells.into_iter().map(|(text, width)| {
        text.lines()
            .map(|line| {
                let wide = u32::try_from(line.width_cjk()).map_or(0.0, f64::from) * 1.1;
                (wide / (width - 1.0).max(1.0)).ceil().max(1.0)
            })
            .sum::<f64>()
    });
    15.0 * n_lines.fold(1.0, f64::max) + 1.0
}

fn overview(
    sheet: &mut Worksheet,
    document: &Document,
    tables: &[(&Table, bool)],
    names: &[String],
) -> Result<(), WorkbookError> {
    sheet.set_name("总览")?;
    page_setup(sheet, false);
    for (column, width) in [(0, 24.0), (1, 64.0), (2, 14.0), (3, 9.0), (4, 12.0), (5, 12.0)] {
        sheet.set_column_width(column, width)?;
    }
    across(sheet, 0, 5, &document.title, &title_format(16))?;
    sheet.set_row_height(0, 32)?;
    across(
        sheet,
        1,
        5,
        &document.subtitle,
        &base().set_align(FormatAlign::Center).set_font_size(10),
    )?;
    let mut row = 3;
    if !names.is_empty() {
        text(sheet, (row, 0), "工作表", &head_format())?;
        text(sheet, (row, 1), "内容", &head_format())?;
        row += 1;
        for (name, (table, _)) in names.iter().zip(tables) {
            let link = format!("internal:'{}'!A1", name.replace('\'', "''"));
            sheet.write_url_with_options(
                row,
                0,
                link.as_str(),
                name.as_str(),
                "",
                Some(&boxed()),
            )?;
            text(sheet, (row, 1), &table.caption, &boxed().set_text_wrap())?;
            row += 1;
        }
        row += 1;
    }
    let mut figures = Vec::new();
    collect_figures(&document.blocks, &mut String::new(), &mut figures);
    if figures.is_empty() {
        return Ok(());
    }
    for (column, words) in ["章节", "文字", "数值", "单位", "分子", "分母"].into_iter().enumerate()
    {
        text(sheet, (row, column_number(column)), words, &head_format())?;
    }
    row += 1;
    for (section, sentence, figure) in figures {
        text(sheet, (row, 0), &section, &boxed().set_text_wrap())?;
        text(sheet, (row, 1), &sentence, &boxed().set_text_wrap())?;
        sheet.set_row_height(
            row,
            height_of([(section.as_str(), 24.0), (sentence.as_str(), 64.0)]),
        )?;
        let is_rate = figure.den.is_some();
        let value = match (figure.num, figure.den) {
            (Some(num), Some(den)) if den != 0.0 => Some(num / den),
            (Some(num), None) => Some(num),
            _ => None,
        };
        match value {
            Some(value) => {
                let is_percent = is_rate || figure.text.ends_with('%');
                let format = match is_percent {
                    true => Format::Percent,
                    false if value.fract() == 0.0 => Format::Int,
                    false => Format::Ratio,
                };
                let code = number_code(format, value);
                sheet.write_number_with_format(row, 2, value, &boxed().set_num_format(code))?;
            }
            None => text(sheet, (row, 2), &figure.text, &boxed().set_align(FormatAlign::Right))?,
        }
        text(sheet, (row, 3), &figure.unit, &boxed())?;
        let integers = [figure.num.filter(|_| is_rate), figure.den];
        for (column, part) in [4, 5].into_iter().zip(integers) {
            match part {
                Some(part) => {
                    sheet.write_number_with_format(
                        row,
                        column,
                        part,
                        &boxed().set_num_format("#,##0"),
                    )?;
                }
                None => text(sheet, (row, column), "", &boxed())?,
            }
        }
        row += 1;
    }
    Ok(())
}

/// Each figure with its section and its sentence.
fn collect_figures<'a>(
    blocks: &'a [Block],
    section: &mut String,
    figures: &mut Vec<(String, String, &'a Figure)>,
) {
    for block in blocks {
        match block {
            Block::Heading(heading) => {
                *section = format!("{}{}", heading.number, plain(&heading.content));
            }
            Block::Para(content) | Block::Quote(content) | Block::ListItem { content, .. } => {
                for inline in content {
                    if let Inline::Figure(figure) = inline {
                        figures.push((section.clone(), plain(content), figure));
                    }
                }
            }
            Block::Landscape(blocks) => collect_figures(blocks, section, figures),
            _ => {}
        }
    }
}

fn plain(content: &[Inline]) -> String {
    content
        .iter()
        .map(|inline| match inline {
            Inline::Text { text }
            | Inline::Strong { text }
            | Inline::Emphasis { text }
            | Inline::Link { text, .. } => text.as_str(),
            Inline::Figure(figure) => &figure.text,
            Inline::LineBreak => " ",
        })
        .collect()
}

/// A table with a column of lights beside each judged one.
struct Lit {
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// (judged column, column of its lights); the same where the cell itself is the light's word.
    lights: Vec<(usize, usize)>,
}

fn with_lights(table: &Table) -> Lit {
    let mut lit = Lit { columns: Vec::new(), rows: Vec::new(), lights: Vec::new() };
    lit.rows =
        table.rows.iter().map(|row| Row { cells: Vec::new(), emphasis: row.emphasis }).collect();
    for (i, column) in table.columns.iter().enumerate() {
        let cells = || table.rows.iter().filter_map(|row| row.cells.get(i));
        lit.columns.push(column.clone());
        for (row, cell) in lit.rows.iter_mut().zip(cells()) {
            row.cells.push(cell.clone());
        }
        if cells().all(|cell| cell.light.is_none()) {
            continue;
        }
        let at = lit.columns.len() - 1;
        if cells().all(|cell| cell.light.is_none_or(|light| cell.text == light.label())) {
            lit.lights.push((at, at));
            continue;
        }
        let mut heading = column.heading.clone();
        let is_grouped = heading.len() > 1;
        if let Some(last) = heading.last_mut() {
            *last = if is_grouped { "灯".to_owned() } else { format!("{last}灯") };
        }
        lit.columns.push(Column {
            name: format!("{}_light", column.name),
            heading,
            format: Format::Text,
            align: Align::Center,
            weight: 4.0,
        });
        for (row, cell) in lit.rows.iter_mut().zip(cells()) {
            let word = cell.light.map(light_word).unwrap_or_default();
            row.cells.push(Cell { value: Value::Text(word.clone()), text: word, light: None });
        }
        lit.lights.push((at, at + 1));
    }
    lit
}

fn light_word(light: Light) -> String {
    format!("{}{}", light_mark(light), light.label())
}

fn table_sheet(
    sheet: &mut Worksheet,
    table: &Table,
    subtitle: &str,
    landscape: bool,
) -> Result<(), WorkbookError> {
    let lit = with_lights(table);
    let n_columns = lit.columns.len();
    let too_large = || WorkbookError::TooLarge {
        caption: table.caption.clone(),
        n_rows: table.rows.len(),
        n_columns,
    };
    if n_columns > 16_000 || lit.rows.len() > 1_000_000 {
        return Err(too_large());
    }
    let last = column_number(n_columns.saturating_sub(1));
    page_setup(sheet, landscape || n_columns > 8);
    across(sheet, 0, last, &table.caption, &title_format(14))?;
    sheet.set_row_height(0, 26)?;
    across(sheet, 1, last, subtitle, &base().set_align(FormatAlign::Center).set_font_size(9))?;

    let top = 2;
    let depth = row_number(headings::depth(&lit.columns));
    for cell in headings::cells(&lit.columns).iter().flatten() {
        let (row, column) = (top + row_number(cell.row), column_number(cell.column));
        let (last_row, last_column) =
            (row + row_number(cell.n_rows) - 1, column + column_number(cell.n_columns) - 1);
        if (row, column) == (last_row, last_column) {
            text(sheet, (row, column), &cell.text, &head_format())?;
        } else {
            sheet.merge_range(row, column, last_row, last_column, &cell.text, &head_format())?;
        }
    }
    let first = top + depth;
    for (r, row) in lit.rows.iter().enumerate() {
        for (c, (column, cell)) in lit.columns.iter().zip(&row.cells).enumerate() {
            let format = cell_format(column, cell, row.emphasis);
            write_cell(sheet, (first + row_number(r), column_number(c)), column, cell, &format)?;
        }
    }
    let bottom = first + row_number(lit.rows.len());
    let mut table_width = 0.0;
    let mut widths = Vec::with_capacity(n_columns);
    for (c, column) in lit.columns.iter().enumerate() {
        let width = column_width(column, c, &lit.rows);
        table_width += width;
        widths.push(width);
        sheet.set_column_width(column_number(c), width)?;
    }
    for cells in headings::cells(&lit.columns) {
        let single = cells.iter().filter(|cell| cell.n_rows == 1 && cell.n_columns == 1);
        let texts = single.map(|cell| (cell.text.as_str(), widths[cell.column]));
        if let Some(row) = cells.first().map(|cell| top + row_number(cell.row)) {
            sheet.set_row_height(row, height_of(texts))?;
        }
    }
    for (r, row) in lit.rows.iter().enumerate() {
        let texts = row.cells.iter().zip(&widths).map(|(cell, width)| (cell.text.as_str(), *width));
        sheet.set_row_height(first + row_number(r), height_of(texts))?;
    }
    for (row, note) in (bottom..).zip(&table.notes) {
        across(sheet, row, last, note, &base().set_font_size(9).set_text_wrap())?;
        // Merged cells do not grow with their text by themselves; nine points are four fifths of a column's unit.
        let width = u32::try_from(note.width_cjk()).map_or(0.0, f64::from) * 0.9;
        sheet.set_row_height(row, 13.0 * (width / table_width).ceil().max(1.0) + 2.0)?;
    }
    sheet.set_freeze_panes(first, 1)?;
    sheet.set_repeat_rows(top, first - 1)?;
    if !lit.rows.is_empty() {
        sheet.autofilter(first - 1, 0, bottom - 1, last)?;
        for (judged, lights) in &lit.lights {
            colour(sheet, (first, bottom - 1), *judged, *lights)?;
        }
    }
    Ok(())
}

/// Colours by the word in the column of lights.
fn colour(
    sheet: &mut Worksheet,
    rows: (u32, u32),
    judged: usize,
    lights: usize,
) -> Result<(), XlsxError> {
    for (light, font, fill) in [
        (Light::Red, 0x00B0_0020, 0x00FB_E9EB),
        (Light::Yellow, 0x008A_5A00, 0x00FF_F5DC),
        (Light::Green, 0x001B_6E3C, 0x00E9_F5EC),
    ] {
        let letters = column_letters(lights);
        let rule = format!("=RIGHT(${letters}{},1)=\"{}\"", rows.0 + 1, light.label());
        let format = CellFormat::new().set_font_color(font).set_background_color(fill);
        let condition =
            ConditionalFormatFormula::new().set_rule(Formula::new(rule)).set_format(format);
        sheet.add_conditional_format(
            rows.0,
            column_number(judged),
            rows.1,
            column_number(lights),
            &condition,
        )?;
    }
    Ok(())
}

fn column_letters(index: usize) -> String {
    rust_xlsxwriter::utility::column_number_to_name(column_number(index))
}

fn cell_format(column: &Column, cell: &Cell, emphasis: bool) -> CellFormat {
    let mut format = boxed().set_align(match column.align {
        Align::Left => FormatAlign::Left,
        Align::Center => FormatAlign::Center,
        Align::Right => FormatAlign::Right,
    });
    if emphasis {
        format = format.set_bold().set_background_color(0x00F6_F3EA);
    }
    match &cell.value {
        Value::Int(value) => format.set_num_format(number_code(column.format, exact(*value))),
        Value::Float(value) => format.set_num_format(number_code(column.format, *value)),
        Value::Date(_) => format.set_num_format("yyyy\"年\"m\"月\"d\"日\""),
        Value::Text(_) => format.set_text_wrap(),
        Value::Null | Value::Bool(_) => format,
    }
}

fn write_cell(
    sheet: &mut Worksheet,
    at: (u32, u16),
    column: &Column,
    cell: &Cell,
    format: &CellFormat,
) -> Result<(), XlsxError> {
    match &cell.value {
        // An identifier of more digits than a double holds stays text.
        Value::Int(value) if value.unsigned_abs() > 1 << 53 => text(sheet, at, &cell.text, format)?,
        Value::Int(value) => {
            sheet.write_number_with_format(at.0, at.1, exact(*value), format)?;
        }
        Value::Float(value) if value.is_finite() => {
            sheet.write_number_with_format(at.0, at.1, *value, format)?;
        }
        Value::Date(date) => match excel_date(*date) {
            Ok(date) => {
                sheet.write_datetime_with_format(at.0, at.1, &date, format)?;
            }
            Err(_) => text(sheet, at, &cell.text, format)?,
        },
        Value::Null if cell.text == numbers::NO_VALUE && column.format != Format::Text => {
            sheet.write_blank(at.0, at.1, format)?;
        }
        _ => text(sheet, at, &cell.text, format)?,
    }
    Ok(())
}

/// The number format of a value: more decimals where fewer would show a round figure that it is not.
fn number_code(format: Format, value: f64) -> String {
    let zeros = |n: usize| "0".repeat(n);
    match format {
        Format::Percent => {
            let n = decimals(value * 100.0, 2, |shown| (shown * 2.0).fract() == 0.0);
            format!("0.{}%", zeros(n))
        }
        Format::Points => {
            let n = decimals(value, 2, |shown| shown == 0.0);
            format!("+0.{z};-0.{z};0.{z}", z = zeros(n))
        }
        Format::Ratio => {
            let n = decimals(value, 1, |shown| shown.fract() == 0.0);
            format!("0.{}", zeros(n))
        }
        Format::Change => "+#,##0;-#,##0;0".to_owned(),
        Format::Int => "#,##0".to_owned(),
        Format::Text | Format::Date => "General".to_owned(),
    }
}

/// The fewest decimals, from `least`, at which the shown value is not a round one that it is not.
fn decimals(value: f64, least: usize, is_round: fn(f64) -> bool) -> usize {
    let shown = |n: usize| {
        let factor = 10f64.powi(i32::try_from(n).unwrap_or(8));
        (value * factor).round() / factor
    };
    (least..9).find(|n| !is_round(shown(*n)) || (shown(*n) - value).abs() < 1e-8).unwrap_or(least)
}

#[expect(clippy::cast_precision_loss, reason = "larger numbers are written as text")]
fn exact(value: i64) -> f64 {
    value as f64
}

fn column_width(column: &Column, index: usize, rows: &[Row]) -> f64 {
    let longest = rows
        .iter()
        .filter_map(|row| row.cells.get(index))
        .flat_map(|cell| cell.text.lines())
        .map(UnicodeWidthStr::width_cjk)
        .max()
        .unwrap_or(0);
    let head = column.heading.last().map_or(0, |text| text.width_cjk().div_ceil(2));
    // Room for the filter's arrow; a long text is wrapped.
    let width = (longest + 2).max(head + 3).clamp(8, 48);
    u16::try_from(width).map_or(48.0, f64::from)
}

fn source_sheet(sheet: &mut Worksheet, sources: &Sources) -> Result<(), WorkbookError> {
    sheet.set_name("数据来源")?;
    page_setup(sheet, true);
    for (column, width) in [(0, 24.0), (1, 14.0), (2, 68.0), (3, 10.0), (4, 36.0)] {
        sheet.set_column_width(column, width)?;
    }
    across(sheet, 0, 4, "数据来源", &title_format(14))?;
    let at = format!(
        "数据截至 {}{}时{:02}分",
        numbers::cn_date(sources.as_of.date()),
        sources.as_of.hour(),
        sources.as_of.minute()
    );
    across(sheet, 1, 4, &at, &base())?;
    let mut row = 3;
    for (column, words) in ["数据集", "期间", "快照", "行数", "缺报单位"].into_iter().enumerate()
    {
        text(sheet, (row, column_number(column)), words, &head_format())?;
    }
    row += 1;
    for snapshot in &sources.snapshots {
        text(sheet, (row, 0), &snapshot.dataset_title, &boxed())?;
        text(sheet, (row, 1), &snapshot.period, &boxed())?;
        text(sheet, (row, 2), &snapshot.snapshot_id, &boxed())?;
        #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
        let n_rows = snapshot.n_rows as f64;
        sheet.write_number_with_format(row, 3, n_rows, &boxed().set_num_format("#,##0"))?;
        let missing = snapshot.missing_units.join("、");
        text(
            sheet,
            (row, 4),
            if missing.is_empty() { "无" } else { &missing },
            &boxed().set_text_wrap(),
        )?;
        row += 1;
    }
    row += 1;
    text(sheet, (row, 0), "查询", &head_format())?;
    sheet.merge_range(row, 1, row, 4, "语句（SQL）", &head_format())?;
    row += 1;
    for (name, sql) in &sources.queries {
        text(sheet, (row, 0), name, &boxed().set_align(FormatAlign::Top))?;
        let format = boxed().set_text_wrap().set_align(FormatAlign::Top);
        sheet.merge_range(row, 1, row, 4, cut(sql.trim(), MAX_TEXT), &format)?;
        let n_lines = sql.trim().lines().count().clamp(1, 26);
        sheet.set_row_height(row, u32::try_from(n_lines).unwrap_or(26) * 15)?;
        row += 1;
    }
    Ok(())
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
