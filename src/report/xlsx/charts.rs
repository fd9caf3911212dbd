//! 图表数据: the numbers behind each chart, one table under the other.

use rust_xlsxwriter::{FormatAlign, Worksheet, XlsxError};

use super::shown::number_code;
use super::style::{
    Paper, across, base, boxed, head_format, height_of, page_setup, text, title_format,
};
use super::{CHARTS, WorkbookError, column_number};
use crate::report::document::{Chart, Format};
use crate::report::numbers::{self, NO_VALUE};

const NAME_WIDTH: f64 = 24.0;
const VALUE_WIDTH: f64 = 14.0;

pub(super) fn chart_sheet(sheet: &mut Worksheet, charts: &[&Chart]) -> Result<(), WorkbookError> {
    sheet.set_name(CHARTS)?;
    let n_columns = charts.iter().map(|chart| heads(chart).len()).max().unwrap_or(1).max(4);
    let last = column_number(n_columns - 1);
    page_setup(sheet, if n_columns > 6 { Paper::Landscape } else { Paper::Portrait });
    sheet.set_column_width(0, NAME_WIDTH)?;
    for column in 1..=last {
        sheet.set_column_width(column, VALUE_WIDTH)?;
    }
    let width = NAME_WIDTH + VALUE_WIDTH * f64::from(last);
    across(sheet, 0, last, CHARTS, &title_format(14))?;
    sheet.set_row_height(0, 26)?;
    let mut row = 2;
    for chart in charts {
        let title = if chart.caption.is_empty() { &chart.name } else { &chart.caption };
        across(sheet, row, last, title, &base().set_bold())?;
        // In words what the picture shows.
        let words = base().set_font_size(9).set_text_wrap().set_align(FormatAlign::Top);
        across(sheet, row + 1, last, &chart.alt, &words)?;
        sheet.set_row_height(row + 1, height_of([(chart.alt.as_str(), width)]))?;
        row = write_chart(sheet, row + 2, chart)? + 1;
    }
    Ok(())
}

/// Heading of each column: categories, series, targets, and whether a category misses its target.
fn heads(chart: &Chart) -> Vec<&str> {
    let mut heads = vec![""];
    heads.extend(chart.series.iter().map(|series| series.name.as_str()));
    heads.extend(chart.targets.iter().map(|(label, _)| label.as_str()));
    if !chart.missed.is_empty() {
        heads.push("是否达标");
    }
    heads
}

/// Writes a chart's table from `row` on; gives the row after it.
fn write_chart(sheet: &mut Worksheet, mut row: u32, chart: &Chart) -> Result<u32, XlsxError> {
    let heads = heads(chart);
    for (column, words) in heads.iter().enumerate() {
        text(sheet, (row, column_number(column)), words, &head_format())?;
    }
    let texts = heads[1..].iter().map(|words| (*words, VALUE_WIDTH));
    sheet.set_row_height(row, height_of(texts))?;
    for (at, category) in chart.categories.iter().enumerate() {
        row += 1;
        text(sheet, (row, 0), category, &boxed().set_text_wrap())?;
        let values = chart.series.iter().map(|series| series.values.get(at).copied().flatten());
        let targets = chart.targets.iter().map(|(_, value)| Some(*value));
        let mut column = 1;
        for value in values.chain(targets) {
            write_value(sheet, (row, column), chart.format, value)?;
            column += 1;
        }
        if let Some(missed) = chart.missed.get(at) {
            let has_value = chart
                .series
                .iter()
                .any(|series| series.values.get(at).is_some_and(Option::is_some));
            let word = match (*missed, has_value) {
                (true, _) => "未达标",
                (false, true) => "达标",
                (false, false) => NO_VALUE,
            };
            text(sheet, (row, column), word, &boxed().set_align(FormatAlign::Center))?;
        }
    }
    Ok(row + 1)
}

/// A missing value is no zero.
fn write_value(
    sheet: &mut Worksheet,
    at: (u32, u16),
    format: Format,
    value: Option<f64>,
) -> Result<(), XlsxError> {
    match value.filter(|value| value.is_finite()) {
        Some(value) => {
            let code = number_code(format, value, &numbers::number(format, value));
            let format = boxed().set_num_format(code).set_align(FormatAlign::Right);
            sheet.write_number_with_format(at.0, at.1, value, &format)?;
            Ok(())
        }
        None => text(sheet, at, NO_VALUE, &boxed().set_align(FormatAlign::Right)),
    }
}
