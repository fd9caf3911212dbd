//! Bursting: one definition, an edition a unit, and each recipient its own unit's alone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::Level;

/// `[burst]` of a report, proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burst {
    /// [`Level::Town`] or [`Level::Group`]: one edition a unit of it.
    pub by: Level,
    /// The column that says whose a row is.
    pub column: String,
    /// Queries that every unit may see whole.
    pub shared: Vec<String>,
}

impl Burst {
    pub fn is_shared(&self, query: &str) -> bool {
        self.shared.iter().any(|shared| shared == query)
    }
}

/// The column that says whose a row is, unless `[burst]` says otherwise.
pub(super) fn usual_column() -> String {
    "unit_code".to_owned()
}

/// A constant of a report: `$name` in its SQL, `params.name` in its text. A number is finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number, a text, true or false")]
pub enum ParamValue {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

// Infinite and undefined numbers are refused where a definition or a command line is read.
impl Eq for ParamValue {}

impl ParamValue {
    pub fn is_finite(&self) -> bool {
        !matches!(self, ParamValue::Float(number) if !number.is_finite())
    }

    /// Another value of the same kind, as it is written on a command line.
    ///
    /// # Errors
    /// Which kind it must be of.
    pub fn read_like(&self, text: &str) -> Result<ParamValue, String> {
        fn read<T: FromStr>(text: &str, kind: &str) -> Result<T, String> {
            text.parse().map_err(|_| format!("`{text}` is not {kind}"))
        }
        let value = match self {
            ParamValue::Bool(_) => ParamValue::Bool(read(text, "true or false")?),
            ParamValue::Int(_) => ParamValue::Int(read(text, "a whole number")?),
            ParamValue::Float(_) => ParamValue::Float(read(text, "a number")?),
            ParamValue::Text(_) => ParamValue::Text(text.to_owned()),
        };
        if value.is_finite() { Ok(value) } else { Err(format!("`{text}` is not a number")) }
    }
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamValue::Bool(value) => write!(f, "{value}"),
            ParamValue::Int(value) => write!(f, "{value}"),
            ParamValue::Float(value) => write!(f, "{value}"),
            ParamValue::Text(value) => f.write_str(value),
        }
    }
}

/// Parameters of every report's SQL: no constant of a definition may take their names.
pub const GIVEN_PARAMS: [&str; 5] = ["period", "previous", "as_of", "today", "since"];
