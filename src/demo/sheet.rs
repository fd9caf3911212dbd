//! A form as a clerk fills it, and its bytes as a workbook or as a GBK text file.
//!
//! The form is kept as cells first, so that a slip (`Fault`) can be made in it the way a clerk
//! makes it: in a cell, a heading, a sheet's name.

use jiff::civil::{Date, DateTime};
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, Workbook, Worksheet,
    XlsxError,
};

/// Printed on every form of the demo.
pub(super) const INVENTED: &str = "示例数据（虚构）";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Blank,
    Text(String),
    Number(u32),
    Date(Date),
    /// `=SUM(…)` over the data rows above, with the value that the clerk's office saved.
    Sum(u32),
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }
}

#[derive(Debug, Clone)]
pub(super) struct Heading {
    /// The upper level (幼儿数 over 合计, 男, 女), if there is one.
    pub group: Option<&'static str>,
    pub name: String,
    /// Adjacent equal cells of this column are merged, as neat clerks do.
    pub merge: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    Data,
    Total,
    Subtotal,
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub kind: RowKind,
    pub cells: Vec<Cell>,
}

#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub name: String,
    pub title: String,
    /// The line under the title: 填报单位, 填报日期, 填表人.
    pub subtitle: String,
    pub headings: Vec<Heading>,
    pub rows: Vec<Row>,
    pub notes: Vec<String>,
    /// A sheet of instructions stands before it.
    pub cover: bool,
    /// Rows are left empty between the header's lines and the title.
    pub gap_rows: u32,
}

impl Sheet {
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.headings.iter().position(|heading| heading.name == name)
    }

    /// The first data row whose cell of a column is a number, from the `nth` data row on.
    pub(super) fn number_at(&mut self, nth: usize, column: usize) -> Option<&mut Cell> {
        self.rows
            .iter_mut()
            .filter(|row| row.kind == RowKind::Data)
            .skip(nth)
            .filter_map(|row| row.cells.get_mut(column))
            .find(|cell| matches!(cell, Cell::Number(_)))
    }

    pub(super) fn total(&mut self, column: usize) -> Option<&mut Cell> {
        self.rows
            .iter_mut()
            .find(|row| row.kind == RowKind::Total)
            .and_then(|row| row.cells.get_mut(column))
    }

    fn has_groups(&self) -> bool {
        self.headings.iter().any(|heading| heading.group.is_some())
    }

    /// The form as a workbook, saved at `saved_at` (the same bytes for the same form).
    pub(super) fn to_xlsx(&self, saved_at: DateTime) -> Result<Vec<u8>, XlsxError> {
        let mut workbook = Workbook::new();
        let created = ExcelDateTime::from_ymd(
            saved_at.year().unsigned_abs(),
            saved_at.month().unsigned_abs(),
            saved_at.day().unsigned_abs(),
        )?
        .and_hms(
            u16::from(saved_at.hour().unsigned_abs()),
            saved_at.minute().unsigned_abs(),
            f64::from(saved_at.second()),
        )?;
        let properties = DocProperties::new()
            .set_title(&self.title)
            .set_comment(INVENTED)
            .set_author("（示例）学前教育专干")
            .set_creation_datetime(&created);
        workbook.set_properties(&properties);
        if self.cover {
            write_cover(workbook.add_worksheet())?;
        }
        let sheet = workbook.add_worksheet();
        sheet.set_name(&self.name)?;
        self.write_table(sheet)?;
        workbook.save_to_buffer()
    }

    fn write_table(&self, sheet: &mut Worksheet) -> Result<(), XlsxError> {
        let styles = Styles::new();
        let last_column = index(self.headings.len().saturating_sub(1));
        sheet.merge_range(0, 0, 0, last_column, &self.title, &styles.title)?;
        sheet.merge_range(1, 0, 1, last_column, &self.subtitle, &styles.plain)?;
        let first_header = 2 + self.gap_rows;
        let first_data = self.write_header(sheet, first_header, &styles)?;
        let mut at = first_data;
        for row in &self.rows {
            for (column, cell) in (0_u16..).zip(&row.cells) {
                write_cell(sheet, at, column, cell, first_data, &styles)?;
            }
            at += 1;
        }
        for (column, heading) in (0_u16..).zip(&self.headings) {
            if heading.merge {
                self.merge_column(sheet, first_data, column, &styles)?;
            }
        }
        for (offset, note) in (0_u32..).zip(&self.notes) {
            sheet.write_string(at + offset, 0, note)?;
        }
        sheet.set_freeze_panes(first_data, 0)?;
        Ok(())
    }

    /// Writes one or two header rows and gives the first row below them.
    fn write_header(
        &self,
        sheet: &mut Worksheet,
        top: u32,
        styles: &Styles,
    ) -> Result<u32, XlsxError> {
        let two = self.has_groups();
        let mut i = 0;
        while let Some(heading) = self.headings.get(i) {
            let column = index(i);
            let width = heading.name.chars().count();
            sheet.set_column_width(column, f64::from(index(width)) * 2.0 + 6.0)?;
            let Some(group) = heading.group else {
                if two {
                    sheet.merge_range(top, column, top + 1, column, &heading.name, &styles.head)?;
                } else {
                    sheet.write_string_with_format(top, column, &heading.name, &styles.head)?;
                }
                i += 1;
                continue;
            };
            let n = self.headings[i..].iter().take_while(|h| h.group == Some(group)).count();
            if n > 1 {
                sheet.merge_range(top, column, top, index(i + n - 1), group, &styles.head)?;
            } else {
                sheet.write_string_with_format(top, column, group, &styles.head)?;
            }
            for (column, heading) in (column..).zip(&self.headings[i..i + n]) {
                sheet.write_string_with_format(top + 1, column, &heading.name, &styles.head)?;
            }
            i += n;
        }
        Ok(if two { top + 2 } else { top + 1 })
    }

    fn merge_column(
        &self,
        sheet: &mut Worksheet,
        first_data: u32,
        column: u16,
        styles: &Styles,
    ) -> Result<(), XlsxError> {
        // Institutions are told apart by the first column (their code): two neighbours of one kind
        // are not merged into one.
        let mut start = 0;
        while start < self.rows.len() {
            let row = &self.rows[start];
            let n = self.rows[start..]
                .iter()
                .take_while(|other| {
                    other.kind == RowKind::Data && other.cells.first() == row.cells.first()
                })
                .count();
            if n > 1
                && row.kind == RowKind::Data
                && let Some(Cell::Text(text)) = row.cells.get(usize::from(column))
            {
                let top = first_data + u32::from(index(start));
                let bottom = top + u32::from(index(n - 1));
                sheet.merge_range(top, column, bottom, column, text, &styles.body)?;
            }
            start += n.max(1);
        }
        Ok(())
    }

    /// The form as an office of an older make exports it: comma-separated, GBK, CRLF.
    pub(super) fn to_gbk_csv(&self) -> Vec<u8> {
        let mut lines = vec![vec![self.title.clone()], vec![self.subtitle.clone()]];
        if self.has_groups() {
            // Of merged headings an export keeps the first cell only.
            let mut previous = None;
            let mut upper = Vec::new();
            let mut lower = Vec::new();
            for heading in &self.headings {
                if let Some(group) = heading.group {
                    let repeated = previous == Some(group);
                    upper.push(if repeated { String::new() } else { group.to_owned() });
                    lower.push(heading.name.clone());
                } else {
                    upper.push(heading.name.clone());
                    lower.push(String::new());
                }
                previous = heading.group;
            }
            lines.extend([upper, lower]);
        } else {
            lines.push(self.headings.iter().map(|heading| heading.name.clone()).collect());
        }
        for row in &self.rows {
            lines.push(row.cells.iter().map(cell_text).collect());
        }
        lines.extend(self.notes.iter().map(|note| vec![note.clone()]));
        let width = self.headings.len();
        let mut text = String::new();
        for line in lines {
            let blanks = width.saturating_sub(line.len());
            text.push_str(&line.join(","));
            text.push_str(&",".repeat(blanks));
            text.push_str("\r\n");
        }
        encoding_rs::GBK.encode(&text).0.into_owned()
    }
}

fn write_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    first_data: u32,
    styles: &Styles,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Blank => sheet.write_blank(row, column, &styles.body)?,
        Cell::Text(text) => sheet.write_string_with_format(row, column, text, &styles.body)?,
        Cell::Number(n) => sheet.write_number_with_format(row, column, *n, &styles.number)?,
        Cell::Date(on) => {
            let day = ExcelDateTime::from_ymd(
                on.year().unsigned_abs(),
                on.month().unsigned_abs(),
                on.day().unsigned_abs(),
            )?;
            sheet.write_datetime_with_format(row, column, &day, &styles.date)?
        }
        Cell::Sum(value) => {
            let letter = column_letter(column);
            let formula = Formula::new(format!("=SUM({letter}{}:{letter}{row})", first_data + 1))
                .set_result(value.to_string());
            sheet.write_formula_with_format(row, column, formula, &styles.number)?
        }
    };
    Ok(())
}

fn cell_text(cell: &Cell) -> String {
    match cell {
        Cell::Blank => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::Number(n) | Cell::Sum(n) => n.to_string(),
        Cell::Date(on) => on.to_string(),
    }
}

fn write_cover(sheet: &mut Worksheet) -> Result<(), XlsxError> {
    sheet.set_name("填表说明")?;
    for (row, line) in (0_u32..).zip([
        "填表说明",
        "一、请在相应工作表中如实填写，不要改动表头。",
        "二、只填人数，不得填写幼儿、家长的姓名和证件号码。",
        INVENTED,
    ]) {
        sheet.write_string(row, 0, line)?;
    }
    Ok(())
}

/// A workbook with the instructions only: the clerk deleted the sheet that was meant.
pub(super) fn cover_only(saved_at: DateTime) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let created = ExcelDateTime::from_ymd(
        saved_at.year().unsigned_abs(),
        saved_at.month().unsigned_abs(),
        saved_at.day().unsigned_abs(),
    )?;
    workbook.set_properties(
        &DocProperties::new().set_comment(INVENTED).set_creation_datetime(&created),
    );
    write_cover(workbook.add_worksheet())?;
    workbook.save_to_buffer()
}

struct Styles {
    title: Format,
    plain: Format,
    head: Format,
    body: Format,
    number: Format,
    date: Format,
}

impl Styles {
    fn new() -> Styles {
        let cell =
            Format::new().set_border(FormatBorder::Thin).set_align(FormatAlign::VerticalCenter);
        Styles {
            title: Format::new().set_bold().set_font_size(16.0).set_align(FormatAlign::Center),
            plain: Format::new().set_align(FormatAlign::Left),
            head: cell.clone().set_bold().set_align(FormatAlign::Center).set_text_wrap(),
            number: cell.clone().set_num_format("#,##0"),
            date: cell.clone().set_num_format("yyyy-mm-dd"),
            body: cell,
        }
    }
}

fn index(i: usize) -> u16 {
    u16::try_from(i).unwrap_or(u16::MAX)
}

/// Forms here have fewer than 26 columns.
fn column_letter(column: u16) -> char {
    char::from(b'A' + u8::try_from(column.min(25)).unwrap_or(25))
}
