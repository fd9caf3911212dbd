//! What a command prints: rows as a table, CSV, JSON or NDJSON on stdout; words on stderr.

use std::io::{IsTerminal, Write};

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::args::Format;

/// Rows with named columns, to be printed in any format.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

impl Rows {
    pub fn new(columns: &[&str]) -> Rows {
        Rows { columns: columns.iter().map(|c| (*c).to_owned()).collect(), rows: Vec::new() }
    }

    pub fn push(&mut self, row: Vec<Value>) {
        self.rows.push(row);
    }

    /// Prints to stdout.
    pub fn print(&self, format: Format) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(self.to_text(format)?.as_bytes())?;
        out.flush()
    }

    pub fn to_text(&self, format: Format) -> std::io::Result<String> {
        Ok(match format {
            Format::Table => self.table(),
            Format::Csv => self.csv()?,
            Format::Json => {
                let rows: Vec<Value> = (0..self.rows.len()).map(|i| self.object(i)).collect();
                serde_json::to_string_pretty(&rows)? + "\n"
            }
            Format::Ndjson => {
                let mut text = String::new();
                for i in 0..self.rows.len() {
                    text.push_str(&serde_json::to_string(&self.object(i))?);
                    text.push('\n');
                }
                text
            }
        })
    }

    fn object(&self, i: usize) -> Value {
        Value::Object(self.columns.iter().cloned().zip(self.rows[i].iter().cloned()).collect())
    }

    fn csv(&self) -> std::io::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(plain))?;
        }
        let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn table(&self) -> String {
        let cells: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|value| plain(value).replace('\n', " ")).collect())
            .collect();
        let mut widths: Vec<usize> =
            self.columns.iter().map(String::as_str).map(UnicodeWidthStr::width).collect();
        for row in &cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let numeric: Vec<bool> = (0..self.columns.len())
            .map(|i| {
                self.rows.iter().any(|row| row[i].is_number())
                    && self.rows.iter().all(|row| row[i].is_number() || row[i].is_null())
            })
            .collect();
        let mut text = String::new();
        let mut line = |cells: &[String]| {
            let mut parts = Vec::with_capacity(cells.len());
            for (i, cell) in cells.iter().enumerate() {
                let pad = " ".repeat(widths[i] - cell.width());
                parts.push(if numeric[i] { pad + cell } else { format!("{cell}{pad}") });
            }
            text.push_str(parts.join("  ").trim_end());
            text.push('\n');
        };
        line(&self.columns);
        line(&widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>());
        for row in &cells {
            line(row);
        }
        text
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Says something to the operator, on stderr.
pub fn say(text: impl AsRef<str>) {
    let mut err = std::io::stderr().lock();
    // Nothing sensible is left to do when stderr is gone.
    let _ = writeln!(err, "{}", text.as_ref());
}

/// Prints a line of data on stdout. A closed pipe (`| head`) ends the output silently.
pub fn put(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref());
}

/// Whether someone watches stderr.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}
