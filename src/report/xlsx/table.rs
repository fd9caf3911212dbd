//! A table on its sheet: heading cells, typed cells, lights, filter, frozen heading, print set-up.

use rust_xlsxwriter::{
    ConditionalFormatFormula, DataValidation, Format as CellFormat, FormatAlign, Formula,
    IgnoreError, Worksheet, XlsxError,
};
use unicode_width::UnicodeWidthStr;

use super::shown::number_code;
use super::style::{
    Paper, across, base, boxed, column_letters, head_format, height_of, page_setup, text,
    title_format,
};
use super::{Tabled, WorkbookError, column_number, excel_date, row_number};
use crate::model::Light;
use crate::report::document::{Align, Cell, Column, Format, Row, Table, Value, light_mark};
use crate::report::{headings, numbers};

/// What fits across a portrait A4 page at its full size, in characters.
const PORTRAIT_WIDTH: f64 = 100.0;

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

/// The rows of a sheet above its data, and where they end.
struct Frame {
    /// The first row of the heading.
    top: u32,
    /// The first row of the data.
    first: u32,
    /// The row after the data.
    bottom: u32,
    last_column: u16,
}

pub(super) fn table_sheet(
    sheet: &mut Worksheet,
    tabled: &Tabled<'_>,
    subtitle: &str,
) -> Result<(), WorkbookError> {
    let table = tabled.table;
    let lit = with_lights(table);
    let n_columns = lit.columns.len();
    if n_columns > 16_000 || lit.rows.len() > 1_000_000 {
        return Err(WorkbookError::TooLarge {
            caption: table.caption.clone(),
            n_rows: table.rows.len(),
            n_columns,
        });
    }
    sheet.set_name(&tabled.sheet)?;
    let widths: Vec<f64> = lit
        .columns
        .iter()
        .enumerate()
        .map(|(c, column)| column_width(column, c, &lit.rows))
        .collect();
    let table_width: f64 = widths.iter().sum();
    for (c, width) in widths.iter().enumerate() {
        sheet.set_column_width(column_number(c), *width)?;
    }
    let is_wide = tabled.landscape || table_width > PORTRAIT_WIDTH;
    page_setup(sheet, if is_wide { Paper::Landscape } else { Paper::Portrait });

    let top = 2;
    let first = top + row_number(headings::depth(&lit.columns));
    let frame = Frame {
        top,
        first,
        bottom: first + row_number(lit.rows.len()),
        last_column: column_number(n_columns.saturating_sub(1)),
    };
    let last = frame.last_column;
    across(sheet, 0, last, &tabled.title, &title_format(14))?;
    sheet.set_row_height(0, height_of([(tabled.title.as_str(), table_width * 0.7)]).max(26.0))?;
    across(sheet, 1, last, subtitle, &base().set_align(FormatAlign::Center).set_font_size(9))?;
    write_heading(sheet, &lit.columns, &widths, frame.top)?;
    for (r, row) in lit.rows.iter().enumerate() {
        let at = frame.first + row_number(r);
        for (c, (column, cell)) in lit.columns.iter().zip(&row.cells).enumerate() {
            let format = cell_format(column, cell, row.emphasis);
            write_cell(sheet, (at, column_number(c)), column, cell, &format)?;
        }
        let texts = row.cells.iter().zip(&widths).map(|(cell, width)| (cell.text.as_str(), *width));
        sheet.set_row_height(at, height_of(texts))?;
    }
    for (row, note) in (frame.bottom..).zip(&table.notes) {
        across(sheet, row, last, note, &base().set_font_size(9).set_text_wrap())?;
        // Merged cells do not grow with their text by themselves; nine points are four fifths of a column's unit.
        let width = u32::try_from(note.width_cjk()).map_or(0.0, f64::from) * 0.9;
        sheet.set_row_height(row, 13.0 * (width / table_width).ceil().max(1.0) + 2.0)?;
    }
    sheet.set_freeze_panes(frame.first, 1)?;
    sheet.set_repeat_rows(frame.top, frame.first - 1)?;
    if !lit.rows.is_empty() {
        let end = frame.bottom - 1;
        sheet.autofilter(frame.first - 1, 0, end, last)?;
        sheet.ignore_error_range(frame.first, 0, end, last, IgnoreError::NumberStoredAsText)?;
        for (judged, lights) in &lit.lights {
            colour(sheet, (frame.first, end), *judged, *lights)?;
        }
    }
    Ok(())
}

fn write_heading(
    sheet: &mut Worksheet,
    columns: &[Column],
    widths: &[f64],
    top: u32,
) -> Result<(), XlsxError> {
    for cells in headings::cells(columns) {
        for cell in &cells {
            let (row, column) = (top + row_number(cell.row), column_number(cell.column));
            let (last_row, last_column) =
                (row + row_number(cell.n_rows) - 1, column + column_number(cell.n_columns) - 1);
            if (row, column) != (last_row, last_column) {
                sheet.merge_range(row, column, last_row, last_column, "", &head_format())?;
            }
            text(sheet, (row, column), &cell.text, &head_format())?;
        }
        let single = cells.iter().filter(|cell| cell.n_rows == 1 && cell.n_columns == 1);
        let texts = single.map(|cell| (cell.text.as_str(), widths[cell.column]));
        if let Some(row) = cells.first().map(|cell| top + row_number(cell.row)) {
            sheet.set_row_height(row, height_of(texts))?;
        }
    }
    Ok(())
}

/// Colours by the word in the column of lights, whose cells take the three words alone: chosen from a list, an edit
/// by hand keeps its colour.
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
    if judged != lights {
        let words = [Light::Green, Light::Yellow, Light::Red].map(light_word);
        let list = DataValidation::new().allow_list_strings(&words)?;
        sheet.add_data_validation(
            rows.0,
            column_number(lights),
            rows.1,
            column_number(lights),
            &list,
        )?;
    }
    Ok(())
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
        Value::Int(value) => {
            format.set_num_format(number_code(column.format, exact(*value), &cell.text))
        }
        Value::Float(value) => {
            format.set_num_format(number_code(column.format, *value, &cell.text))
        }
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
    // Room for the filter's arrow; a long text is wrapped, a long heading stands in two lines.
    let head = match column.heading.last().map_or(0, |text| text.width_cjk()) {
        head @ ..=14 => head + 3,
        head => head.div_ceil(2) + 4,
    };
    let width = (longest + 2).max(head).clamp(8, 48);
    u16::try_from(width).map_or(48.0, f64::from)
}
