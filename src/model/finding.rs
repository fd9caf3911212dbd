use std::fmt;

use serde::{Deserialize, Serialize};

/// What a finding asks of the clerk who sent the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Must be fixed; the file is returned.
    Error,
    /// Fix, or give a reason; the file is accepted with warnings meanwhile.
    Confirm,
    /// Read and understood; nothing to do.
    Note,
}

impl Severity {
    /// The word in the ledger and in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Confirm => "confirm",
            Severity::Note => "note",
        }
    }

    /// The word that a town clerk reads.
    pub fn label(self) -> &'static str {
        match self {
            Severity::Error => "须更正",
            Severity::Confirm => "请核实",
            Severity::Note => "提示",
        }
    }
}

/// Where in a submitted file: sheet, and cell in A1 notation where one is meant.
///
/// Text files have no sheet; their cells are `第 12 行第 3 列` to the reader and `C12` here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    pub sheet: Option<String>,
    /// 0-based (row, column) as they stand in the sheet, not within its used range.
    pub cell: Option<(u32, u32)>,
}

impl Place {
    pub fn file() -> Place {
        Place::default()
    }

    pub fn sheet(name: impl Into<String>) -> Place {
        Place { sheet: Some(name.into()), cell: None }
    }

    pub fn cell(sheet: Option<&str>, row: u32, col: u32) -> Place {
        Place { sheet: sheet.map(str::to_owned), cell: Some((row, col)) }
    }

    /// `D14`, if a cell is meant.
    pub fn a1(&self) -> Option<String> {
        self.cell.map(|(row, col)| format!("{}{}", column_letters(col), u64::from(row) + 1))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.sheet, self.a1()) {
            (Some(sheet), Some(cell)) => write!(f, "{sheet}!{cell}"),
            (Some(sheet), None) => f.write_str(sheet),
            (None, Some(cell)) => f.write_str(&cell),
            (None, None) => f.write_str("整个文件"),
        }
    }
}

fn column_letters(col: u32) -> String {
    let mut letters = Vec::new();
    let mut n = u64::from(col) + 1;
    while n > 0 {
        let digit = u8::try_from((n - 1) % 26).unwrap_or(0);
        letters.push(char::from(b'A' + digit));
        n = (n - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// One problem of a submitted file, written for the clerk who must correct it.
///
/// All texts are Chinese sentences without Rust words, paths or SQL. `code` is short and stable
/// (`header.missing`, `cell.not_integer`, …): the word to quote in a telephone call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub code: String,
    pub severity: Severity,
    pub place: Place,
    /// What stood there, as read; empty if nothing did.
    pub read: String,
    /// What was expected.
    pub expected: String,
    /// What to do about it.
    pub fix: String,
}
