//! 数据来源: the last sheet. Which snapshots the figures come from, who is missing in them, and the queries.

use rust_xlsxwriter::{FormatAlign, Worksheet};

use super::style::{
    Paper, across, base, boxed, head_format, height_of, page_setup, text, title_format,
};
use super::{SOURCES, Sources, WorkbookError, column_number};
use crate::report::numbers;

const WIDTHS: [f64; 5] = [28.0, 14.0, 68.0, 10.0, 36.0];

pub(super) fn source_sheet(sheet: &mut Worksheet, sources: &Sources) -> Result<(), WorkbookError> {
    sheet.set_name(SOURCES)?;
    page_setup(sheet, Paper::Landscape);
    for (column, width) in WIDTHS.into_iter().enumerate() {
        sheet.set_column_width(column_number(column), width)?;
    }
    across(sheet, 0, 4, SOURCES, &title_format(14))?;
    sheet.set_row_height(0, 26)?;
    let at = format!(
        "数据截至 {}{}时{:02}分",
        numbers::cn_date(sources.as_of.date()),
        sources.as_of.hour(),
        sources.as_of.minute()
    );
    across(sheet, 1, 4, &at, &base().set_align(FormatAlign::Center))?;
    let mut row = 3;
    let heads = ["数据集", "期间", "快照", "行数", "缺报单位"];
    for (column, words) in heads.into_iter().enumerate() {
        text(sheet, (row, column_number(column)), words, &head_format())?;
    }
    row += 1;
    for snapshot in &sources.snapshots {
        text(sheet, (row, 0), &snapshot.dataset_title, &boxed().set_text_wrap())?;
        text(sheet, (row, 1), &snapshot.period, &boxed())?;
        text(sheet, (row, 2), &snapshot.snapshot_id, &boxed())?;
        #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
        let n_rows = snapshot.n_rows as f64;
        sheet.write_number_with_format(row, 3, n_rows, &boxed().set_num_format("#,##0"))?;
        let missing = snapshot.missing_units.join("、");
        let missing = if missing.is_empty() { "无" } else { &missing };
        text(sheet, (row, 4), missing, &boxed().set_text_wrap())?;
        let texts = [(snapshot.dataset_title.as_str(), WIDTHS[0]), (missing, WIDTHS[4])];
        sheet.set_row_height(row, height_of(texts))?;
        row += 1;
    }
    row += 1;
    text(sheet, (row, 0), "查询", &head_format())?;
    sheet.merge_range(row, 1, row, 4, "", &head_format())?;
    text(sheet, (row, 1), "语句（SQL）", &head_format())?;
    row += 1;
    for (name, sql) in &sources.queries {
        text(sheet, (row, 0), name, &boxed().set_align(FormatAlign::Top))?;
        // A row a line: one cell of forty lines is higher than a row may be.
        for line in sql.trim().lines() {
            text(sheet, (row, 1), line, &base())?;
            row += 1;
        }
        row += 1;
    }
    Ok(())
}
