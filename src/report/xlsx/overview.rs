//! 总览: what the report is and where its sheets are. 文中数据: every figure of its text.

use rust_xlsxwriter::{FormatAlign, Worksheet, XlsxError};

use super::shown::{format_of_print, number_code};
use super::style::{
    Paper, across, base, boxed, head_format, height_of, page_setup, text, title_format,
};
use super::{FIGURES, OVERVIEW, Tabled, WorkbookError, column_number, excel_date};
use crate::report::document::{Block, Document, Figure, Inline, plain};

/// Widths of the overview's two columns, in characters.
const NAME_WIDTH: f64 = 34.0;
const WORDS_WIDTH: f64 = 58.0;

/// `others` are the sheets that are no table's: name and what stands there.
pub(super) fn overview_sheet(
    sheet: &mut Worksheet,
    document: &Document,
    tables: &[Tabled<'_>],
    others: &[(&str, &str)],
) -> Result<(), WorkbookError> {
    sheet.set_name(OVERVIEW)?;
    page_setup(sheet, Paper::Portrait);
    sheet.set_column_width(0, NAME_WIDTH)?;
    sheet.set_column_width(1, WORDS_WIDTH)?;
    across(sheet, 0, 1, &document.title, &title_format(16))?;
    let lines = [(document.title.as_str(), (NAME_WIDTH + WORDS_WIDTH) * 0.65)];
    sheet.set_row_height(0, (height_of(lines) * 1.4).max(32.0))?;
    let subtitle = base().set_align(FormatAlign::Center).set_font_size(10).set_text_wrap();
    across(sheet, 1, 1, &document.subtitle, &subtitle)?;

    let mut row = 3;
    for (name, words) in [
        ("文号", &document.doc_number),
        ("主送", &document.addressees),
        ("署名", &document.signature),
    ] {
        if !words.is_empty() {
            text(sheet, (row, 0), name, &head_format())?;
            text(sheet, (row, 1), words.trim_end_matches('：'), &boxed().set_text_wrap())?;
            row += 1;
        }
    }
    if let Some(date) = document.dated_on {
        text(sheet, (row, 0), "成文日期", &head_format())?;
        let format =
            boxed().set_num_format("yyyy\"年\"m\"月\"d\"日\"").set_align(FormatAlign::Left);
        sheet.write_datetime_with_format(row, 1, excel_date(date)?, &format)?;
        row += 1;
    }
    // What the paper says of its own figures (that they are invented, that towns are missing) goes with them.
    for words in quotes(&document.blocks) {
        text(sheet, (row, 0), "说明", &head_format())?;
        text(sheet, (row, 1), &words, &boxed().set_text_wrap())?;
        sheet.set_row_height(row, height_of([(words.as_str(), WORDS_WIDTH)]))?;
        row += 1;
    }

    row += 1;
    text(sheet, (row, 0), "工作表", &head_format())?;
    text(sheet, (row, 1), "内容", &head_format())?;
    let of_tables = tables.iter().map(|table| (table.sheet.as_str(), table.title.as_str()));
    for (name, words) in of_tables.chain(others.iter().copied()) {
        row += 1;
        let link = format!("internal:'{}'!A1", name.replace('\'', "''"));
        let format = boxed().set_font_color(0x001F_4E79).set_text_wrap();
        sheet.write_url_with_options(row, 0, link.as_str(), name, "", Some(&format))?;
        text(sheet, (row, 1), words, &boxed().set_text_wrap())?;
        sheet.set_row_height(row, height_of([(name, NAME_WIDTH), (words, WORDS_WIDTH)]))?;
    }
    Ok(())
}

fn quotes(blocks: &[Block]) -> Vec<String> {
    let mut found = Vec::new();
    for block in blocks {
        match block {
            Block::Quote(content) => found.push(plain(content)),
            Block::Landscape(blocks) => found.extend(quotes(blocks)),
            Block::Appendix(appendix) => found.extend(quotes(&appendix.blocks)),
            _ => {}
        }
    }
    found
}

/// A figure of the text, where it stands.
pub(super) struct FigureLine<'a> {
    section: String,
    sentence: String,
    figure: &'a Figure,
}

/// Each figure of the text with its section and its sentence.
pub(super) fn figures(blocks: &[Block]) -> Vec<FigureLine<'_>> {
    let mut figures = Vec::new();
    collect_figures(blocks, &mut String::new(), &mut figures);
    figures
}

fn collect_figures<'a>(
    blocks: &'a [Block],
    section: &mut String,
    figures: &mut Vec<FigureLine<'a>>,
) {
    for block in blocks {
        match block {
            Block::Heading(heading) => {
                *section = format!("{}{}", heading.number, plain(&heading.content));
            }
            Block::Para(content) | Block::Quote(content) | Block::ListItem { content, .. } => {
                for (at, inline) in content.iter().enumerate() {
                    if let Inline::Figure(figure) = inline {
                        figures.push(FigureLine {
                            section: section.clone(),
                            sentence: sentence(content, at),
                            figure,
                        });
                    }
                }
            }
            Block::Landscape(blocks) => collect_figures(blocks, section, figures),
            Block::Appendix(appendix) => {
                *section = format!("{}　{}", appendix.label(), appendix.title);
                collect_figures(&appendix.blocks, section, figures);
            }
            _ => {}
        }
    }
}

/// The sentence of a paragraph that holds its part `at`.
fn sentence(content: &[Inline], at: usize) -> String {
    let is_end = |c: char| "。；！？".contains(c);
    let before = plain(&content[..at]);
    let before = before.rsplit(is_end).next().unwrap_or_default();
    let after = plain(&content[at + 1..]);
    let end = after
        .find(is_end)
        .map_or(after.len(), |i| i + after[i..].chars().next().map_or(0, char::len_utf8));
    format!("{}{}{}", before.trim_start(), plain(&content[at..=at]), &after[..end])
}

pub(super) fn figure_sheet(
    sheet: &mut Worksheet,
    figures: &[FigureLine<'_>],
) -> Result<(), WorkbookError> {
    sheet.set_name(FIGURES)?;
    page_setup(sheet, Paper::Landscape);
    let widths = [24.0, 64.0, 14.0, 10.0, 12.0, 12.0];
    for (column, width) in widths.into_iter().enumerate() {
        sheet.set_column_width(column_number(column), width)?;
    }
    across(sheet, 0, 5, FIGURES, &title_format(14))?;
    sheet.set_row_height(0, 26)?;
    let heads = ["章节", "文字", "数值", "单位", "分子", "分母"];
    for (column, words) in heads.into_iter().enumerate() {
        text(sheet, (1, column_number(column)), words, &head_format())?;
    }
    let mut row = 2;
    for line in figures {
        text(sheet, (row, 0), &line.section, &boxed().set_text_wrap())?;
        text(sheet, (row, 1), &line.sentence, &boxed().set_text_wrap())?;
        let texts = [(line.section.as_str(), widths[0]), (line.sentence.as_str(), widths[1])];
        sheet.set_row_height(row, height_of(texts))?;
        write_figure(sheet, row, line.figure)?;
        row += 1;
    }
    sheet.set_freeze_panes(2, 0)?;
    sheet.set_repeat_rows(1, 1)?;
    sheet.autofilter(1, 0, row - 1, 5)?;
    Ok(())
}

/// Value, unit, numerator and denominator.
fn write_figure(sheet: &mut Worksheet, row: u32, figure: &Figure) -> Result<(), XlsxError> {
    let value = match (figure.num, figure.den) {
        (Some(num), Some(den)) if den != 0.0 => Some(num / den),
        (Some(num), None) => Some(num),
        _ => None,
    };
    match value.filter(|value| value.is_finite()) {
        Some(value) => {
            let format = format_of_print(&figure.text, &figure.unit);
            let code = number_code(format, value, &figure.text);
            sheet.write_number_with_format(row, 2, value, &boxed().set_num_format(code))?;
        }
        None => text(sheet, (row, 2), &figure.text, &boxed().set_align(FormatAlign::Right))?,
    }
    text(sheet, (row, 3), &figure.unit, &boxed())?;
    let parts = [figure.num.filter(|_| figure.den.is_some()), figure.den];
    for (column, part) in [4, 5].into_iter().zip(parts) {
        match part.filter(|part| part.is_finite()) {
            Some(part) => {
                let format = boxed().set_num_format("#,##0");
                sheet.write_number_with_format(row, column, part, &format)?;
            }
            None => text(sheet, (row, column), "", &boxed())?,
        }
    }
    Ok(())
}
