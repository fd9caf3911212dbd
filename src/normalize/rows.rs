//! The rows below a header: data, sections, subtotals, totals, notes; and their sums.

use std::collections::{BTreeSet, HashSet};

use super::findings::{Collector, Says};
use super::header::Header;
use super::nil;
use super::value::{Reader, Value, display_number};
use super::workbook::{Cell, Entry, Merge, Sheet};
use crate::config::contract::{Contract, Layout, RowKind, UnitSource};
use crate::model::{Place, UnitCode, fold};

use super::Context;

/// One data row's place and unit.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Index into [`Table::sheets`].
    pub(super) sheet: usize,
    /// 0-based.
    pub(super) number: u32,
    /// What the file says about the unit: a name, and the column where it stands.
    pub(super) named_unit: Option<(String, u32)>,
    /// The unit is known to be wrong and has been said to be.
    pub(super) is_unit_said: bool,
    pub(super) unit: Option<UnitCode>,
    /// Answers that name no town: the district's own.
    pub(super) is_own: bool,
}

/// The rows of a file, column by column.
pub(super) struct Table<'a> {
    pub(super) contract: &'a Contract,
    pub(super) readers: Vec<Reader<'a>>,
    pub(super) columns: Vec<Vec<Value>>,
    pub(super) rows: Vec<Row>,
    pub(super) sheets: Vec<Option<String>>,
    /// For each sheet: declared column → sheet column.
    pub(super) places: Vec<Vec<Option<u32>>>,
    /// Where sheets of the form say, before any data row, that there is nothing to report.
    pub(super) nil: Vec<nil::Said>,
}

impl<'a> Table<'a> {
    pub(super) fn new(contract: &'a Contract, untyped: bool) -> Table<'a> {
        Table {
            contract,
            readers: contract.columns.iter().map(|column| Reader::new(column, untyped)).collect(),
            columns: vec![Vec::new(); contract.columns.len()],
            rows: Vec::new(),
            sheets: Vec::new(),
            places: Vec::new(),
            nil: Vec::new(),
        }
    }

    /// Where a row's value of a column stands.
    pub(super) fn cell_of(&self, row: usize, column: usize) -> (Option<&str>, u32, u32) {
        let at = &self.rows[row];
        let col = self.places[at.sheet][column].unwrap_or(0);
        (self.sheets[at.sheet].as_deref(), at.number, col)
    }
}

/// Sums over rows, by declared column.
#[derive(Clone)]
struct Sums {
    n_rows: usize,
    first_row: u32,
    last_row: u32,
    totals: Vec<f64>,
    /// A cell of the column could not be read: its sum says nothing.
    unknown: Vec<bool>,
}

impl Sums {
    fn new(n_columns: usize) -> Sums {
        Sums {
            n_rows: 0,
            first_row: 0,
            last_row: 0,
            totals: vec![0.0; n_columns],
            unknown: vec![false; n_columns],
        }
    }

    fn clear(&mut self) {
        *self = Sums::new(self.totals.len());
    }
}

/// A published figure that waits for the rows below it.
struct Pending {
    row: u32,
    label: String,
    figures: Vec<(usize, u32, f64)>,
}

/// What is being read: one sheet of the form.
struct Page<'a, 'b> {
    sheet: &'b Sheet,
    header: &'b Header,
    table: &'b mut Table<'a>,
    findings: &'b mut Collector,
    sheet_index: usize,
    all: Sums,
    since_total: Sums,
    section: Sums,
    open_section: Option<Pending>,
    open_total: Option<Pending>,
    /// The unit of the rows below the last section row; and whether it is unknown.
    unit: Option<(String, u32)>,
    is_unit_said: bool,
    /// Sheet columns without a header that hold something beside the data.
    nameless: BTreeSet<u32>,
    /// Values of columns that the sheet does not have.
    constants: Vec<Option<Value>>,
}

/// Reads the rows of one sheet into the table.
pub(super) fn read(
    table: &mut Table<'_>,
    sheet: &Sheet,
    header: &Header,
    layout: &Layout,
    constants: Vec<Option<Value>>,
    context: &Context<'_>,
    findings: &mut Collector,
) {
    let table_contract = table.contract;
    let n_columns = table_contract.columns.len();
    table.sheets.push(sheet.name.clone());
    table.places.push(header.places.clone());
    let sheet_index = table.sheets.len() - 1;
    let mut page = Page {
        sheet,
        header,
        table,
        findings,
        sheet_index,
        all: Sums::new(n_columns),
        since_total: Sums::new(n_columns),
        section: Sums::new(n_columns),
        open_section: None,
        open_total: None,
        unit: None,
        is_unit_said: false,
        nameless: BTreeSet::new(),
        constants,
    };
    let above: HashSet<&str> = sheet
        .rows_from(0)
        .take_while(|cells| cells[0].row < header.first_row)
        .flatten()
        .filter_map(|entry| match &entry.cell {
            Cell::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let mut merges: Vec<&Merge> = sheet
        .merges
        .iter()
        .filter(|merge| merge.first_row > header.last_row && merge.last_row > merge.first_row)
        .collect();
    merges.sort_by_key(|merge| merge.first_row);
    let mut next_merge = 0;
    let mut active: Vec<&Merge> = Vec::new();
    let mut cells: Vec<Option<&Cell>> = vec![None; n_columns];
    for entries in sheet.rows_from(header.last_row + 1) {
        let row = entries[0].row;
        while merges.get(next_merge).is_some_and(|merge| merge.first_row <= row) {
            page.say_merged_figure(merges[next_merge]);
            active.push(merges[next_merge]);
            next_merge += 1;
        }
        active.retain(|merge| merge.last_row >= row);
        cells.fill(None);
        let mut n_mapped = 0;
        for entry in entries {
            if let Some(&Some(index)) = header.columns.get(entry.col as usize) {
                cells[index] = Some(&entry.cell);
                n_mapped += 1;
            }
        }
        if page.is_repeated_header(entries) || is_repeated_title(entries, &above) {
            continue;
        }
        if page.all.n_rows == 0
            && !page.table.nil.iter().any(|said| said.sheet == sheet_index)
            && let Some(said) = nil::said(sheet, sheet_index, entries, table_contract, header)
        {
            page.table.nil.push(said);
            continue;
        }
        if let Some((kind, checked, label)) = classify(layout, entries, &cells) {
            match kind {
                RowKind::End => break,
                RowKind::Skip => {}
                RowKind::Section => page.section(row, &cells, label, checked, context),
                RowKind::Subtotal => page.subtotal(row, &cells, &label.text, checked),
                RowKind::Total => page.total(row, &cells, &label.text, checked),
            }
            continue;
        }
        if n_mapped > 0 {
            if n_mapped < entries.len() {
                page.note_nameless(entries);
            }
            fill_merged(sheet, header, table_contract, row, &active, &mut cells);
            page.data(row, &cells);
        }
    }
    page.finish();
}

/// What a row rule matched.
struct Label {
    text: String,
    /// The unit that a section names, as written.
    unit: Option<String>,
    col: u32,
}

/// The first row rule that a row matches.
fn classify(
    layout: &Layout,
    entries: &[Entry],
    cells: &[Option<&Cell>],
) -> Option<(RowKind, bool, Label)> {
    let mut first: Option<String> = None;
    for rule in &layout.rows {
        let text = match rule.column {
            Some(index) => match cells[index] {
                Some(cell) => fold(&cell.display()),
                None => continue,
            },
            None => first.get_or_insert_with(|| fold(&entries[0].cell.display())).clone(),
        };
        if let Some(captures) = rule.matches.captures(&text) {
            let unit = captures.name("unit").map(|found| found.as_str().to_owned());
            let label = Label { unit, col: entries[0].col, text };
            return Some((rule.kind, rule.checked, label));
        }
    }
    None
}

/// A title that is printed again on a later page.
fn is_repeated_title(entries: &[Entry], above: &HashSet<&str>) -> bool {
    matches!(entries, [Entry { cell: Cell::Text(text), .. }] if above.contains(text.as_str()))
}

/// A cell merged over several rows stands for each of them.
///
/// Only downwards: a name that is merged into the next column is not that column's value.
fn fill_merged<'s>(
    sheet: &'s Sheet,
    header: &Header,
    contract: &Contract,
    row: u32,
    active: &[&Merge],
    cells: &mut [Option<&'s Cell>],
) {
    for merge in active.iter().filter(|merge| merge.first_row < row) {
        let Some(&Some(index)) = header.columns.get(merge.first_col as usize) else { continue };
        if cells[index].is_none() && !contract.columns[index].kind.is_numeric() {
            cells[index] = sheet.cell(merge.first_row, merge.first_col);
        }
    }
}

impl Page<'_, '_> {
    /// Of a figure that is merged over several rows nobody can say whose it is.
    fn say_merged_figure(&mut self, merge: &Merge) {
        let Some(&Some(index)) = self.header.columns.get(merge.first_col as usize) else { return };
        let column = &self.table.contract.columns[index];
        let Some(cell) = self.sheet.cell(merge.first_row, merge.first_col) else { return };
        let rows_below = self.sheet.rows_from(merge.first_row + 1);
        let covers_data = rows_below
            .take_while(|cells| cells[0].row <= merge.last_row)
            .any(|cells| cells.iter().any(|entry| !merge.contains(entry.row, entry.col)));
        if !column.kind.is_numeric() || column.drop || !covers_data {
            return;
        }
        self.findings.say_of_cell(
            self.sheet.name(),
            merge.first_row,
            merge.first_col,
            Says::error("cell.merged_figure")
                .read(format!(
                    "{}，合并了 {} 行",
                    cell.display(),
                    merge.last_row - merge.first_row + 1
                ))
                .expected(format!("“{}”每行一格，各填各的数", column.label()))
                .fix("请取消合并单元格，逐行填写"),
        );
    }

    /// A header that is printed again on a later page: every cell stands in the header too.
    fn is_repeated_header(&self, entries: &[Entry]) -> bool {
        entries.len() >= 2
            && (self.header.first_row..=self.header.last_row).any(|row| {
                entries.iter().all(|entry| {
                    matches!(entry.cell, Cell::Text(_))
                        && self.sheet.cell(row, entry.col) == Some(&entry.cell)
                })
            })
    }

    fn data(&mut self, row: u32, cells: &[Option<&Cell>]) {
        let contract = self.table.contract;
        let index = self.table.rows.len();
        if self.all.n_rows == 0 {
            self.all.first_row = row;
        }
        if self.since_total.n_rows == 0 {
            self.since_total.first_row = row;
        }
        if self.section.n_rows == 0 {
            self.section.first_row = row;
        }
        for sums in [&mut self.all, &mut self.since_total, &mut self.section] {
            sums.n_rows += 1;
            sums.last_row = row;
        }
        for (i, column) in contract.columns.iter().enumerate() {
            if let Some(value) = &self.constants[i] {
                self.table.columns[i].push(value.clone());
                continue;
            }
            let Some(col) = self.header.places[i] else {
                self.table.columns[i].push(Value::Null);
                continue;
            };
            // A unit's name may be read and not kept: its code is.
            if column.drop && contract.unit.column != Some(i) {
                self.table.columns[i].push(Value::Null);
                continue;
            }
            if cells[i].is_none() && column.fill_down && index > 0 {
                let above = self.table.columns[i][index - 1].clone();
                if self.table.rows[index - 1].sheet == self.sheet_index && above != Value::Null {
                    self.table.columns[i].push(above);
                    continue;
                }
            }
            let (value, says) = self.table.readers[i].read(cells[i]);
            if let Some(says) = says {
                self.findings.say_of_cell(self.sheet.name(), row, col, says);
            }
            if column.kind.is_numeric() {
                let number = value.as_ref().map(Value::as_number);
                for sums in [&mut self.all, &mut self.since_total, &mut self.section] {
                    match number {
                        Some(number) => sums.totals[i] += number,
                        None => sums.unknown[i] = true,
                    }
                }
            }
            self.table.columns[i].push(value.unwrap_or(Value::Null));
        }
        let (named_unit, is_unit_said) = match (contract.unit.from, contract.unit.column) {
            (UnitSource::Section, _) => (self.unit.clone(), self.is_unit_said),
            (_, Some(i)) => match &self.table.columns[i][index] {
                Value::Text(text) => {
                    (Some((text.clone(), self.header.places[i].unwrap_or(0))), false)
                }
                // A cell that could not be read has been said; a column that is not there too.
                _ => (None, cells[i].is_some()),
            },
            (_, None) => (None, false),
        };
        self.table.rows.push(Row {
            sheet: self.sheet_index,
            number: row,
            named_unit,
            is_unit_said,
            unit: None,
            is_own: false,
        });
    }

    /// The figures of a row that is no data; what cannot be read is said.
    fn figures(&mut self, row: u32, cells: &[Option<&Cell>]) -> Vec<(usize, u32, f64)> {
        let contract = self.table.contract;
        let mut figures = Vec::new();
        for (i, column) in contract.columns.iter().enumerate() {
            if !column.kind.is_numeric() || column.drop {
                continue;
            }
            let (Some(col), Some(cell)) = (self.header.places[i], cells[i]) else { continue };
            match self.table.readers[i].read_figure(cell) {
                Ok(Some(number)) => figures.push((i, col, number)),
                Ok(None) => {}
                Err(says) => self.findings.say_of_cell(self.sheet.name(), row, col, *says),
            }
        }
        figures
    }

    fn section(
        &mut self,
        row: u32,
        cells: &[Option<&Cell>],
        label: Label,
        checked: bool,
        context: &Context<'_>,
    ) {
        self.close_section();
        let figures = if checked { self.figures(row, cells) } else { Vec::new() };
        let unit = label.unit.unwrap_or_else(|| label.text.clone());
        self.is_unit_said = context.units.find(&unit).is_none();
        if self.is_unit_said {
            self.findings.say(
                Place::cell(self.sheet.name(), row, label.col),
                super::units::unknown(&unit, context.units),
            );
        }
        self.unit = Some((unit, label.col));
        self.section.clear();
        self.open_section = checked.then_some(Pending { row, label: label.text, figures });
    }

    fn subtotal(&mut self, row: u32, cells: &[Option<&Cell>], label: &str, checked: bool) {
        if checked {
            let figures = self.figures(row, cells);
            let pending = Pending { row, label: label.to_owned(), figures };
            let sums = self.since_total.clone();
            self.compare(&pending, &sums);
        }
        self.since_total.clear();
    }

    /// A total above the rows waits for them; one below them covers all since the header.
    fn total(&mut self, row: u32, cells: &[Option<&Cell>], label: &str, checked: bool) {
        self.close_section();
        if checked {
            let figures = self.figures(row, cells);
            let pending = Pending { row, label: label.to_owned(), figures };
            if self.all.n_rows == 0 {
                self.open_total.get_or_insert(pending);
            } else {
                let sums = self.all.clone();
                self.compare(&pending, &sums);
            }
        }
        self.since_total.clear();
    }

    fn close_section(&mut self) {
        if let Some(pending) = self.open_section.take() {
            let sums = self.section.clone();
            self.compare(&pending, &sums);
        }
    }

    fn note_nameless(&mut self, entries: &[Entry]) {
        let nameless = entries.iter().map(|entry| entry.col).filter(|&col| !self.header.names(col));
        self.nameless.extend(nameless);
    }

    fn finish(mut self) {
        if let Some(&first) = self.nameless.first() {
            let letters: Vec<String> = self
                .nameless
                .iter()
                .take(8)
                .filter_map(|&col| Place::cell(None, 0, col).a1())
                .map(|a1| a1.trim_end_matches('1').to_owned())
                .collect();
            self.findings.say(
                Place::cell(self.sheet.name(), self.header.last_row, first),
                Says::note("header.nameless")
                    .read(format!("{} 列有内容而没有表头", letters.join("、")))
                    .expected("没有表头的列没有读取"),
            );
        }
        self.close_section();
        if let Some(pending) = self.open_total.take() {
            let sums = self.all.clone();
            self.compare(&pending, &sums);
        }
    }

    /// Published figures must equal the sums of the rows that they cover.
    fn compare(&mut self, pending: &Pending, sums: &Sums) {
        for &(i, col, figure) in &pending.figures {
            let sum = sums.totals[i];
            let difference = figure - sum;
            if sums.unknown[i] || difference.abs() <= 1e-6 * sum.abs().max(1.0) {
                continue;
            }
            let column = &self.table.contract.columns[i];
            let measure = column.measure.as_deref().unwrap_or_default();
            let rows = if sums.n_rows == 0 {
                "没有数据行".to_owned()
            } else {
                format!("第 {} 行至第 {} 行", sums.first_row + 1, sums.last_row + 1)
            };
            let (figure, shown) = (display_number(figure), display_number(sum));
            let more = if difference > 0.0 { "多" } else { "少" };
            let by = display_number(difference.abs());
            self.findings.say(
                Place::cell(self.sheet.name(), pending.row, col),
                Says::error("total.mismatch")
                    .read(format!("“{}”的“{}”为 {figure}{measure}", pending.label, column.label()))
                    .expected(format!(
                        "各行（{rows}）相加是 {shown}{measure}，这里{more}了 {by}{measure}"
                    ))
                    .fix("请核对各行和合计：是某一行填错、漏了一行，还是合计没有更新"),
            );
        }
    }
}
