use std::fmt;
use std::time::Duration;

use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::diagnostic::{Diagnostic, nearest};

/// Why a query gave no result.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The text is at fault: syntax, an unknown table or column, a wrong type, no read-only query.
    #[error("{0}")]
    Text(TextError),
    #[error("the query took longer than {} s and was stopped", limit.as_secs_f64())]
    TooLong { limit: Duration },
    #[error("the query gives more than {limit} rows: narrow it, or add LIMIT")]
    TooManyRows { limit: usize },
    #[error("the query needs more than its {} MiB of memory", limit_bytes >> 20)]
    OutOfMemory { limit_bytes: usize, source: Box<DataFusionError> },
    /// The data made it fail while it ran: a division by zero, a cast.
    #[error("the query failed while running: {message}")]
    Execution { message: String, source: Box<DataFusionError> },
    #[error("table {table}")]
    ReadFile { table: String, source: std::io::Error },
    #[error("table {table} cannot be registered")]
    Register { table: String, source: Box<DataFusionError> },
    #[error("the SQL session cannot be made")]
    Session { source: Box<DataFusionError> },
}

/// A fault in the text of a query, with its place where it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    /// 1-based.
    pub line: Option<usize>,
    pub column: Option<usize>,
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            if let Some(column) = self.column {
                write!(f, ", column {column}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl SqlError {
    /// The error as one of a definition file that holds the query.
    ///
    /// `text` is the file's whole text and `line_offset` the lines above the query in it (0 for a
    /// file of its own).
    pub fn to_diagnostic(&self, file: &str, text: &str, line_offset: usize) -> Diagnostic {
        match self {
            SqlError::Text(error) => {
                let diagnostic = match error.line {
                    Some(line) => Diagnostic::at_line(
                        file,
                        text,
                        line + line_offset,
                        error.column,
                        error.message.clone(),
                    ),
                    None => Diagnostic::file(file, error.message.clone()),
                };
                match &error.hint {
                    Some(hint) => diagnostic.hint(hint.clone()),
                    None => diagnostic,
                }
            }
            SqlError::Execution { .. } => {
                let hint = "1/2 is 0 and x/0 fails in SQL: CAST(… AS DOUBLE) / NULLIF(…, 0)";
                let diagnostic = Diagnostic::file(file, self.to_string());
                if self.to_string().to_lowercase().contains("divide by zero") {
                    diagnostic.hint(hint)
                } else {
                    diagnostic
                }
            }
            _ => Diagnostic::file(file, self.to_string()),
        }
    }

    pub(super) fn refused(message: impl Into<String>) -> SqlError {
        let message = message.into();
        SqlError::Text(TextError { line: None, column: None, message, hint: None })
    }

    pub(super) fn unknown_parameter(
        name: &str,
        at: Location,
        sql: &str,
        known: &[&str],
    ) -> SqlError {
        let place = usize::try_from(at.line).ok().zip(usize::try_from(at.column).ok());
        let place = place.filter(|(line, _)| *line > 0).or_else(|| find_word(sql, name));
        let bare = name.trim_start_matches('$');
        let hint = match nearest(bare, known.iter().copied()) {
            Some(near) => format!("did you mean `${near}`?"),
            None if known.is_empty() => "this query takes no parameters".to_owned(),
            None => format!("known here: ${}", known.join(", $")),
        };
        SqlError::Text(TextError {
            line: place.map(|p| p.0),
            column: place.map(|p| p.1),
            message: format!("unknown parameter `{name}`"),
            hint: Some(hint),
        })
    }

    /// An error of parsing or planning `sql`; `tables` are the names that there are.
    pub(super) fn from_planning(error: &DataFusionError, sql: &str, tables: &[String]) -> SqlError {
        // The first of several is enough: the next run names the next.
        let error = error.iter().next().unwrap_or(error);
        let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
        let place = span.and_then(|span| {
            usize::try_from(span.start.line).ok().zip(usize::try_from(span.start.column).ok())
        });
        let root = error.find_root();
        let mut message = first_line(&root.strip_backtrace());
        let mut hint = None;
        let mut word = None;
        let mut parsed_at = None;
        match root {
            DataFusionError::SchemaError(schema, _) => {
                if let SchemaError::FieldNotFound { field, valid_fields } = schema.as_ref() {
                    let name = field.name();
                    message = match &field.relation {
                        Some(relation) => format!("table `{relation}` has no column `{name}`"),
                        None => format!("there is no column `{name}` here"),
                    };
                    hint = hint_of(name, valid_fields.iter().map(Column::name));
                    word = Some(name.to_owned());
                }
            }
            DataFusionError::SQL(error, _) => {
                message = error.to_string();
                (message, parsed_at) = split_place(&message);
            }
            DataFusionError::Plan(text) => {
                if let Some(name) = missing_table(text) {
                    message = format!("there is no table `{name}`");
                    hint = hint_of(name, tables.iter().map(String::as_str));
                    word = Some(name.to_owned());
                } else if let Some((name, near)) = missing_function(text) {
                    message = format!("there is no function `{name}`");
                    hint = near.map(|near| format!("did you mean `{near}`?"));
                    word = Some(name.to_owned());
                } else {
                    message = first_line(text);
                }
            }
            _ => {}
        }
        let place = place
            .filter(|(line, _)| *line > 0)
            .or(parsed_at)
            .or_else(|| find_word(sql, word.as_deref()?));
        SqlError::Text(TextError {
            line: place.map(|p| p.0),
            column: place.map(|p| p.1),
            message,
            hint,
        })
    }

    pub(super) fn from_execution(error: DataFusionError, sql: &str, limit: usize) -> SqlError {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => {
                SqlError::OutOfMemory { limit_bytes: limit, source: Box::new(error) }
            }
            // Type coercion runs with the optimizer, after planning.
            DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => {
                SqlError::from_planning(&error, sql, &[])
            }
            root => SqlError::Execution {
                message: first_line(&root.strip_backtrace()),
                source: Box::new(error),
            },
        }
    }
}

fn hint_of<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    match nearest(word, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() => None,
        None => Some(format!("known here: {}", known.join(", "))),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// DataFusion's own words for a table that is not there.
fn missing_table(text: &str) -> Option<&str> {
    let name = text.strip_prefix("table '")?.split_once("' not found")?.0;
    Some(name.rsplit('.').next().unwrap_or(name))
}

/// `Invalid function 'x'.\nDid you mean 'y'?`
fn missing_function(text: &str) -> Option<(&str, Option<&str>)> {
    let (name, rest) = text.strip_prefix("Invalid function '")?.split_once('\'')?;
    let near = rest.split_once("Did you mean '").and_then(|(_, near)| near.split('\'').next());
    Some((name, near))
}

/// The parser writes its place at the end of its message: `… at Line: 3, Column: 7`.
fn split_place(message: &str) -> (String, Option<(usize, usize)>) {
    let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
    let Some((text, place)) = message.rsplit_once(" at Line: ") else {
        return (message.to_owned(), None);
    };
    let digits = |text: &str| -> Option<usize> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let place = place
        .split_once(", Column: ")
        .and_then(|(line, column)| Some((digits(line)?, digits(column)?)));
    (text.to_owned(), place)
}

/// Line and column of an identifier's first occurrence as a whole word.
fn find_word(sql: &str, word: &str) -> Option<(usize, usize)> {
    let lower = sql.to_ascii_lowercase();
    let word = word.to_ascii_lowercase();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let at = lower.match_indices(&word).map(|(at, _)| at).find(|&at| {
        !lower[..at].ends_with(is_part) && !lower[at + word.len()..].starts_with(is_part)
    })?;
    let line_start = sql[..at].rfind('\n').map_or(0, |i| i + 1);
    Some((sql[..at].matches('\n').count() + 1, sql[line_start..at].chars().count() + 1))
}
