//! Formats, page set-up and the writing of text.

use std::borrow::Cow;

use rust_xlsxwriter::{
    Format as CellFormat, FormatAlign, FormatBorder, Worksheet, XlsxError, utility,
};
use unicode_width::UnicodeWidthStr;

/// The most that a cell of a workbook holds, in UTF-16 units.
pub(super) const MAX_TEXT: usize = 32_767;
const FONT: &str = "宋体";

/// The beginning of a text, of at most `max` UTF-16 units.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let mut units = 0;
    for (i, c) in text.char_indices() {
        units += c.len_utf16();
        if units > max {
            return &text[..i];
        }
    }
    text
}

pub(super) fn base() -> CellFormat {
    CellFormat::new().set_font_name(FONT).set_font_size(11).set_align(FormatAlign::VerticalCenter)
}

pub(super) fn boxed() -> CellFormat {
    base().set_border(FormatBorder::Thin).set_border_color(0x00B8_BCC2)
}

pub(super) fn title_format(size: u8) -> CellFormat {
    base().set_bold().set_font_size(size).set_align(FormatAlign::Center).set_text_wrap()
}

pub(super) fn head_format() -> CellFormat {
    boxed()
        .set_bold()
        .set_background_color(0x00E8_EDF3)
        .set_align(FormatAlign::Center)
        .set_text_wrap()
}

/// How a sheet lies on its A4 paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paper {
    Portrait,
    Landscape,
}

/// A4, as wide as the page, with page numbers.
pub(super) fn page_setup(sheet: &mut Worksheet, paper: Paper) {
    sheet.set_paper_size(9);
    if paper == Paper::Landscape {
        sheet.set_landscape();
    }
    sheet.set_print_center_horizontally(true);
    sheet.set_print_fit_to_pages(1, 0);
    sheet.set_margins(0.6, 0.6, 0.8, 0.7, 0.3, 0.3);
    sheet.set_footer("&C第 &P 页，共 &N 页");
}

/// Writes a string as a string. What a spreadsheet would take for a formula if it were typed in is marked as
/// text, and so is a row of digits: a unit's code is no number.
pub(super) fn text(
    sheet: &mut Worksheet,
    at: (u32, u16),
    text: &str,
    format: &CellFormat,
) -> Result<(), XlsxError> {
    let text = &*clean(text);
    if text.is_empty() {
        sheet.write_blank(at.0, at.1, format)?;
    } else if looks_like_formula(text) {
        let format = format.clone().set_quote_prefix();
        sheet.write_string_with_format(at.0, at.1, cut(text, MAX_TEXT), &format)?;
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let format = format.clone().set_num_format("@");
        sheet.write_string_with_format(at.0, at.1, cut(text, MAX_TEXT), &format)?;
    } else {
        sheet.write_string_with_format(at.0, at.1, cut(text, MAX_TEXT), format)?;
    }
    Ok(())
}

/// A town's file may bring tabs and other control characters; a cell has line ends alone.
fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_control() && c != '\n') {
        return Cow::Borrowed(text);
    }
    let lines = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', " ");
    Cow::Owned(lines.chars().filter(|c| !c.is_control() || *c == '\n').collect())
}

/// What a spreadsheet runs, or asks another program to run, when it is typed into a cell or comes by CSV; blanks
/// before it do not keep it from that.
fn looks_like_formula(text: &str) -> bool {
    text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

pub(super) fn across(
    sheet: &mut Worksheet,
    row: u32,
    last: u16,
    words: &str,
    format: &CellFormat,
) -> Result<(), XlsxError> {
    if last == 0 {
        text(sheet, (row, 0), words, format)
    } else {
        // The range gets its format first, its words as any cell does.
        sheet.merge_range(row, 0, row, last, "", format)?;
        text(sheet, (row, 0), words, format)
    }
}

/// The highest row that a workbook may have, in points.
const MAX_HEIGHT: f64 = 409.0;

/// The height that the tallest of some wrapped cells needs (text and column width in characters).
/// Excel fits rows when it opens a file; others, and print, show what stands in it.
pub(super) fn height_of<'a>(cells: impl IntoIterator<Item = (&'a str, f64)>) -> f64 {
    let n_lines = cells.into_iter().map(|(text, width)| {
        text.lines()
            .map(|line| {
                let wide = u32::try_from(line.width_cjk()).map_or(0.0, f64::from) * 1.1;
                (wide / (width - 1.0).max(1.0)).ceil().max(1.0)
            })
            .sum::<f64>()
    });
    (15.0 * n_lines.fold(1.0, f64::max) + 1.0).min(MAX_HEIGHT)
}

pub(super) fn column_letters(index: usize) -> String {
    utility::column_number_to_name(super::column_number(index))
}
