//! A pipeline.toml as it is written; [`super::proof`] makes a [`super::Contract`] of it.

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;

use super::tally::{WrittenConstant, WrittenTally};
use super::wave::WrittenWave;
use super::{BlankRule, ColumnType, RowKind, TableRuleKind, UnitSource};
use crate::config::schedule::WrittenSchedule;
use crate::model::{Frequency, Level, Severity};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub dataset: WrittenDataset,
    pub schedule: Option<Spanned<WrittenSchedule>>,
    #[serde(default)]
    pub wave: Vec<WrittenWave>,
    pub unit: WrittenUnit,
    #[serde(default)]
    pub drop: WrittenNames,
    #[serde(default)]
    pub refuse: WrittenNames,
    pub columns: IndexMap<Spanned<String>, WrittenColumn>,
    #[serde(default)]
    pub layout: Vec<WrittenLayout>,
    #[serde(default)]
    pub rule: Vec<WrittenRule>,
    #[serde(default)]
    pub table_rule: Vec<WrittenTableRule>,
    /// Checks stand in the same file and are read by their own module.
    #[serde(default, rename = "check")]
    pub _check: Vec<toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenDataset {
    pub name: Spanned<String>,
    pub title: String,
    pub frequency: Frequency,
    pub stat_on: Spanned<String>,
    #[serde(default = "one")]
    pub schema_version: u32,
    pub reporters: Spanned<Vec<Level>>,
    #[serde(default)]
    pub due_workdays: u32,
    pub first_period: Option<Spanned<String>>,
    #[serde(default = "ten")]
    pub corrections_workdays: u32,
    #[serde(default)]
    pub reminder_workdays: Vec<Spanned<i32>>,
    pub nil: Option<Spanned<String>>,
}

fn ten() -> u32 {
    10
}

fn one() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenUnit {
    pub from: Spanned<UnitSource>,
    pub column: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenNames {
    pub columns: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenColumn {
    pub header: Spanned<String>,
    #[serde(default)]
    pub aliases: Vec<Spanned<String>>,
    #[serde(rename = "type")]
    pub kind: ColumnType,
    #[serde(default = "yes")]
    pub required: bool,
    #[serde(default)]
    pub blank: Option<Spanned<BlankRule>>,
    #[serde(default)]
    pub fill_down: bool,
    pub min: Option<Spanned<f64>>,
    pub max: Option<Spanned<f64>>,
    pub measure: Option<String>,
    #[serde(default)]
    pub key: bool,
    pub pattern: Option<Spanned<String>>,
    #[serde(default)]
    pub drop: bool,
    pub codes: Option<Spanned<WrittenCodes>>,
}

/// Code → labels.
pub(super) type WrittenCodes = IndexMap<Spanned<String>, Vec<Spanned<String>>>;

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenLayout {
    pub name: Spanned<String>,
    #[serde(default)]
    pub sheets: Vec<Spanned<String>>,
    #[serde(default)]
    pub every_sheet: bool,
    #[serde(default = "one_row")]
    pub header_rows: Spanned<u32>,
    #[serde(default)]
    pub skip_hidden: bool,
    #[serde(default)]
    pub headers: IndexMap<Spanned<String>, OneOrMore>,
    #[serde(default)]
    pub rows: Vec<WrittenRow>,
    pub tally: Option<WrittenTally>,
    #[serde(default)]
    pub constant: Vec<WrittenConstant>,
}

fn one_row() -> Spanned<u32> {
    Spanned::new(0..0, 1)
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRow {
    pub kind: Spanned<RowKind>,
    pub column: Option<Spanned<String>>,
    #[serde(default)]
    pub any: bool,
    pub matches: Spanned<String>,
    #[serde(default)]
    pub checked: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRule {
    pub id: Spanned<String>,
    pub expr: Spanned<String>,
    #[serde(default = "error")]
    pub severity: Severity,
    pub expected: String,
    #[serde(default)]
    pub fix: String,
}

fn error() -> Severity {
    Severity::Error
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenTableRule {
    pub id: Spanned<String>,
    pub kind: TableRuleKind,
    #[serde(default)]
    pub within: Vec<Spanned<String>>,
    pub columns: Vec<Spanned<String>>,
    #[serde(default = "error")]
    pub severity: Severity,
    pub expected: String,
    #[serde(default)]
    pub fix: String,
}
