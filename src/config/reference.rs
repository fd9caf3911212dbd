//! `config/reference/<name>.csv`: a district's own small tables, which its SQL reads by their names.
//!
//! What a metric counts as approval, how a survey's questions are called, from how many answers on a
//! figure is published: such things change without a release, and without a change of the SQL.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use jiff::civil::Date;

use super::contract::RESERVED_TABLES;
use crate::diagnostic::{Diagnostic, nearest};

/// One table, proven: every cell is of its column's type.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Its name in SQL: the file's, without `.csv`.
    pub name: String,
    pub file: String,
    /// As it is written: part of what a report depends on.
    pub text: String,
    pub batch: RecordBatch,
}

/// What a column of a reference table holds: what stands behind its name in the header.
const TYPES: [(&str, DataType); 5] = [
    ("text", DataType::Utf8),
    ("int", DataType::Int64),
    ("number", DataType::Float64),
    ("date", DataType::Date32),
    ("bool", DataType::Boolean),
];

const EXAMPLE: &str = "a header such as: paper,min_answers:int,share:number,since:date,counts:bool";

/// Reads one table; `file` is the name that the operator knows it by.
///
/// The header names each column and, behind a colon, its type (`text` without one). Lines that begin
/// with `#` are comments; a blank cell is null.
///
/// # Errors
/// Every problem, with its line.
pub fn load(file: &str, text: &str) -> Result<Reference, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".csv").to_owned();
    if !is_sql_name(&name) {
        let message = format!("`{name}` cannot be a table's name");
        problems.push(
            Diagnostic::file(file, message).hint("use a–z, 0–9 and _, beginning with a letter"),
        );
    } else if RESERVED_TABLES.contains(&name.as_str()) || name.ends_with("_versions") {
        let message = format!("`{name}` is the name of a table that Duban makes");
        problems.push(Diagnostic::file(file, message).hint("give the file another name"));
    }
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .flexible(true)
        .has_headers(false)
        .from_reader(bare.as_bytes());
    let mut columns: Option<Vec<(String, DataType)>> = None;
    let mut cells: Vec<Vec<Option<String>>> = Vec::new();
    let mut lines: Vec<usize> = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.push(Diagnostic::file(file, error.to_string()));
                break;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(0);
        let Some(columns) = &columns else {
            columns = Some(read_header(file, text, line, &record, &mut problems));
            continue;
        };
        if record.len() != columns.len() {
            let message =
                format!("{} cells, but the header has {} columns", record.len(), columns.len());
            problems.push(Diagnostic::at_line(file, text, line, None, message));
            continue;
        }
        lines.push(line);
        cells.push(record.iter().map(|cell| (!cell.is_empty()).then(|| cell.to_owned())).collect());
    }
    let Some(columns) = columns else {
        let problem = Diagnostic::file(file, "has no header").hint(EXAMPLE);
        problems.push(problem);
        return Err(problems);
    };
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
    for (i, (column, kind)) in columns.iter().enumerate() {
        let values: Vec<(usize, Option<&str>)> =
            lines.iter().zip(&cells).map(|(line, row)| (*line, row[i].as_deref())).collect();
        let mut wrong = |line: usize, cell: &str, expected: &str| {
            let message = format!("`{column}` is {cell:?}, which is no {expected}");
            problems.push(Diagnostic::at_line(file, text, line, None, message));
        };
        arrays.push(array(kind, &values, &mut wrong));
    }
    let fields: Vec<Field> =
        columns.iter().map(|(name, kind)| Field::new(name, kind.clone(), true)).collect();
    match RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays) {
        Ok(batch) if problems.is_empty() => {
            Ok(Reference { name, file: file.to_owned(), text: text.to_owned(), batch })
        }
        Ok(_) => Err(problems),
        Err(error) => {
            problems.push(Diagnostic::file(file, error.to_string()));
            Err(problems)
        }
    }
}

fn is_sql_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn read_header(
    file: &str,
    text: &str,
    line: usize,
    record: &csv::StringRecord,
    problems: &mut Vec<Diagnostic>,
) -> Vec<(String, DataType)> {
    let mut columns: Vec<(String, DataType)> = Vec::new();
    let mut names = BTreeSet::new();
    for cell in record {
        let (name, kind) = cell.split_once(':').unwrap_or((cell, "text"));
        let (name, kind) = (name.trim(), kind.trim());
        let at = |message: String| Diagnostic::at_line(file, text, line, None, message);
        if !is_sql_name(name) {
            problems.push(at(format!("`{name}` cannot be a column's name")).hint(EXAMPLE));
        } else if !names.insert(name.to_owned()) {
            problems.push(at(format!("the column `{name}` stands twice")));
        }
        let known = TYPES.iter().find(|(word, _)| *word == kind);
        if known.is_none() {
            let problem = at(format!("`{kind}` is no type of `{name}`"));
            let words = TYPES.iter().map(|(word, _)| *word);
            problems.push(match nearest(kind, words) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint("text, int, number, date or bool"),
            });
        }
        columns.push((name.to_owned(), known.map_or(DataType::Utf8, |(_, kind)| kind.clone())));
    }
    columns
}

/// The cells of a column as its type; a cell that is none is said to `wrong` and null.
fn array(
    kind: &DataType,
    values: &[(usize, Option<&str>)],
    wrong: &mut impl FnMut(usize, &str, &str),
) -> ArrayRef {
    fn read<T>(
        values: &[(usize, Option<&str>)],
        expected: &str,
        wrong: &mut impl FnMut(usize, &str, &str),
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<Option<T>> {
        values
            .iter()
            .map(|(line, cell)| {
                let value = parse((*cell)?);
                if let (None, Some(cell)) = (&value, cell) {
                    wrong(*line, cell, expected);
                }
                value
            })
            .collect()
    }
    match kind {
        DataType::Int64 => {
            let parse = |cell: &str| cell.parse::<i64>().ok();
            Arc::new(Int64Array::from(read(values, "whole number", wrong, parse)))
        }
        DataType::Float64 => {
            let parse = |cell: &str| cell.parse::<f64>().ok().filter(|number| number.is_finite());
            Arc::new(Float64Array::from(read(values, "number", wrong, parse)))
        }
        DataType::Date32 => {
            let epoch = Date::constant(1970, 1, 1);
            let parse = |cell: &str| {
                let day = cell.parse::<Date>().ok()?;
                day.since(epoch).ok().map(|span| span.get_days())
            };
            Arc::new(Date32Array::from(read(values, "day such as 2024-09-01", wrong, parse)))
        }
        DataType::Boolean => {
            let parse = |cell: &str| match cell {
                "1" | "true" | "是" => Some(true),
                "0" | "false" | "否" => Some(false),
                _ => None,
            };
            Arc::new(BooleanArray::from(read(values, "yes or no (1 or 0)", wrong, parse)))
        }
        _ => Arc::new(StringArray::from_iter(values.iter().map(|(_, cell)| *cell))),
    }
}
