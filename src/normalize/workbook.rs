//! A workbook as it was submitted: cells at their absolute places, nothing interpreted yet.

use jiff::civil::Date;

use crate::model::Finding;

/// What kind of file it was, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Xlsx,
    Xls,
    Xlsb,
    Ods,
    /// Comma, tab or semicolon separated.
    Text,
    Json,
}

impl Format {
    /// Cells of such files are all text: a number that is text there is nothing to remark.
    pub fn is_untyped(self) -> bool {
        self == Format::Text
    }
}

/// A submitted file, read.
#[derive(Debug, Clone)]
pub struct Workbook {
    /// As it came: survey platforms name the paper in it.
    pub file_name: String,
    pub format: Format,
    pub sheets: Vec<Sheet>,
    /// What the reading itself has to say (an encoding that was concluded, …).
    pub findings: Vec<Finding>,
}

/// One cell that is not blank.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Text(String),
    Number(f64),
    Bool(bool),
    /// A number with a date format. No date: a time of day, or out of range.
    Moment {
        serial: f64,
        date: Option<Date>,
    },
    /// A formula that failed (`#REF!`).
    Error(&'static str),
}

impl Cell {
    /// The cell as a reader of the sheet sees it, more or less: whole numbers without `.0`.
    pub fn display(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
            Cell::Bool(true) => "TRUE".to_owned(),
            Cell::Bool(false) => "FALSE".to_owned(),
            Cell::Moment { date: Some(date), .. } => date.to_string(),
            Cell::Moment { serial, date: None } => serial.to_string(),
            Cell::Error(name) => (*name).to_owned(),
        }
    }

    /// Whether nothing but white space stands there.
    pub fn is_blank(&self) -> bool {
        matches!(self, Cell::Text(text) if text.chars().all(|c| c.is_whitespace() || c == '\u{200b}'))
    }
}

/// A cell at its place (0-based, absolute).
#[derive(Debug, Clone)]
pub struct Entry {
    pub row: u32,
    pub col: u32,
    pub cell: Cell,
}

/// A rectangle of merged cells, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    pub first_row: u32,
    pub first_col: u32,
    pub last_row: u32,
    pub last_col: u32,
}

impl Merge {
    pub fn contains(&self, row: u32, col: u32) -> bool {
        (self.first_row..=self.last_row).contains(&row)
            && (self.first_col..=self.last_col).contains(&col)
    }
}

/// One sheet. Sparse: a sheet with two cells in far corners costs two cells.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// `None` for text files.
    pub name: Option<String>,
    pub hidden: bool,
    pub merges: Vec<Merge>,
    entries: Vec<Entry>,
    /// Where each row begins in `entries`.
    starts: Vec<u32>,
}

impl Sheet {
    /// Takes the cells that are not blank, in any order.
    pub fn new(name: Option<String>, mut entries: Vec<Entry>) -> Sheet {
        if !entries.is_sorted_by_key(|entry| (entry.row, entry.col)) {
            entries.sort_by_key(|entry| (entry.row, entry.col));
        }
        let mut starts = Vec::new();
        let mut last = None;
        for (i, entry) in (0_u32..).zip(&entries) {
            if last != Some(entry.row) {
                starts.push(i);
                last = Some(entry.row);
            }
        }
        Sheet { name, hidden: false, merges: Vec::new(), entries, starts }
    }

    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many rows have a cell that is not blank.
    pub fn n_rows(&self) -> usize {
        self.starts.len()
    }

    /// The `i`-th row that has a cell (not the row numbered `i`).
    pub fn nth_row(&self, i: usize) -> &[Entry] {
        let start = self.starts.get(i).map_or(self.entries.len(), |&start| start as usize);
        let end = self.starts.get(i + 1).map_or(self.entries.len(), |&end| end as usize);
        &self.entries[start..end]
    }

    /// The rows that have a cell, from the first whose number is at least `row`.
    pub fn rows_from(&self, row: u32) -> impl Iterator<Item = &[Entry]> {
        let first = self.starts.partition_point(|&start| self.entries[start as usize].row < row);
        (first..self.starts.len()).map(|i| self.nth_row(i))
    }

    /// The cells of the row numbered `row`.
    pub fn row(&self, row: u32) -> &[Entry] {
        self.rows_from(row).next().filter(|cells| cells[0].row == row).unwrap_or(&[])
    }

    pub fn cell(&self, row: u32, col: u32) -> Option<&Cell> {
        let cells = self.row(row);
        cells.binary_search_by_key(&col, |entry| entry.col).ok().map(|i| &cells[i].cell)
    }

    /// The number of the last row that has a cell.
    pub fn last_row(&self) -> u32 {
        self.entries.last().map_or(0, |entry| entry.row)
    }
}
