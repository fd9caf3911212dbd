//! A data set's contract: what a submission must look like to be read (`pipelines/<data set>/pipeline.toml`).
//!
//! What was written and what was proven are two types: [`Contract`] exists only after every
//! regular expression, cron line, expression and column name in it has been checked, so that
//! reading a file cannot fail for a reason that lies in the definitions.
//!
//! The reference of the file is docs/definitions.md.

mod proof;
mod tally;
mod wave;
mod written;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use indexmap::IndexMap;
use jiff::civil::Date;
use regex::Regex;
use serde::Deserialize;

use crate::calendar::{Calendar, Deadline};
use crate::diagnostic::Diagnostic;
use crate::model::{Frequency, Level, Period, Severity, Waves};
use crate::schedule::Schedule;

pub use self::tally::{Constant, Tally, WithoutUnit};

/// One data set: its form, its rules and when it is due. Proven; see [`Contract::load`].
#[derive(Debug, Clone)]
pub struct Contract {
    /// The file as the operator knows it.
    pub file: String,
    /// SHA-256 (hex) of the file's text: the version of the definitions that read a submission.
    pub hash: String,
    /// Its name in SQL.
    pub name: String,
    /// Its name in Chinese messages and reports.
    pub title: String,
    pub frequency: Frequency,
    pub stat_on: StatOn,
    /// The surveys, of a data set of frequency `wave`.
    pub waves: Waves,
    pub schema_version: u32,
    /// Levels of the units that are expected to report.
    pub reporters: Vec<Level>,
    /// Working days after the statistics date by which a submission is due.
    pub due_workdays: u32,
    /// The first period that is collected; `None`: that of the first submission.
    pub first_period: Option<Period>,
    /// Working days after the due date in which a correction is taken without a question.
    pub corrections_workdays: u32,
    /// When who has not reported is reminded: working days after the due date, negative before it;
    /// ascending. Empty: never.
    pub reminder_workdays: Vec<i32>,
    /// What a clerk writes who has nothing to report; `None`: a blank form is never taken.
    pub nil: Option<NilRule>,
    /// When the daemon collects it by itself.
    pub schedule: Option<Schedule>,
    pub unit: UnitRule,
    /// Headers whose columns are taken and never leave the archive.
    pub drop: Vec<String>,
    /// Headers of children's identities: a file that has one is refused.
    pub refuse: Vec<String>,
    /// In the order of the snapshot.
    pub columns: Vec<Column>,
    /// At least one.
    pub layouts: Vec<Layout>,
    pub rules: Vec<RowRule>,
    pub table_rules: Vec<TableRule>,
}

/// How a unit says that it has nothing to report (零报告): a word in the form's first row.
#[derive(Debug, Clone)]
pub struct NilRule {
    /// Held against folded text.
    pub matches: Regex,
    /// A word that matches, for telling the clerk what to write.
    pub word: String,
}

/// The statistics date within a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatOn {
    FirstDay,
    LastDay,
    /// A day of the year; where the period spans two years, the one that lies in it.
    MonthDay {
        month: i8,
        day: i8,
    },
}

/// Where the unit of a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitSource {
    /// Who sent the file; a column may name another (直属园 lie in towns and report to the bureau).
    Reporter,
    Column,
    /// A row above the rows of a unit names it.
    Section,
}

/// [`UnitSource`] with the column (an index into [`Contract::columns`]) that names the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitRule {
    pub from: UnitSource,
    pub column: Option<usize>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    Text,
    Int,
    Number,
    Date,
    Bool,
    /// One of a list; stored as the code.
    Code,
}

impl ColumnType {
    pub fn is_numeric(self) -> bool {
        matches!(self, ColumnType::Int | ColumnType::Number)
    }

    /// The Arrow type of its snapshot column.
    pub fn arrow(self) -> DataType {
        match self {
            ColumnType::Text | ColumnType::Code => DataType::Utf8,
            ColumnType::Int => DataType::Int64,
            ColumnType::Number => DataType::Float64,
            ColumnType::Date => DataType::Date32,
            ColumnType::Bool => DataType::Boolean,
        }
    }
}

/// What a blank cell means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlankRule {
    #[default]
    Null,
    Error,
    /// Of numbers.
    Zero,
    /// Of yes/no columns.
    False,
}

/// One declared column.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    /// The path of its header; the levels of a merged header are parted by `/`.
    pub header: String,
    pub aliases: Vec<String>,
    pub kind: ColumnType,
    pub required: bool,
    pub blank: BlankRule,
    pub fill_down: bool,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// The unit of measure that a reader is told (人, 元, 平方米).
    pub measure: Option<String>,
    pub key: bool,
    pub pattern: Option<Regex>,
    pub drop: bool,
    /// code → labels.
    pub codes: IndexMap<String, Vec<String>>,
}

impl Column {
    /// How a message to a clerk names it: the header as it stands in the form.
    pub fn label(&self) -> &str {
        &self.header
    }
}

/// One version of the form.
#[derive(Debug, Clone)]
pub struct Layout {
    pub name: String,
    /// On folded sheet names; none: every sheet may be the one.
    pub sheets: Vec<Glob>,
    pub every_sheet: bool,
    pub header_rows: u32,
    pub skip_hidden: bool,
    /// Column index → header paths that this version uses instead of the declared ones.
    pub headers: IndexMap<usize, Vec<String>>,
    pub rows: Vec<RowRuleOfLayout>,
    pub tally: Option<Tally>,
    pub constants: Vec<Constant>,
}

impl Layout {
    /// Whether a column is not looked for in a sheet's header: a name tells it, or the tally fills it.
    pub fn is_given(&self, column: usize) -> bool {
        let is_counted = self.tally.as_ref().is_some_and(|tally| {
            tally.questions.is_some()
                && [tally.question, tally.option, tally.answers].contains(&column)
        });
        is_counted || self.constants.iter().any(|constant| constant.column == column)
    }
}

/// `*` any text, `?` one character; matched against folded text.
#[derive(Debug, Clone)]
pub struct Glob {
    pub text: String,
    regex: Regex,
}

impl Glob {
    pub fn matches(&self, folded: &str) -> bool {
        self.regex.is_match(folded)
    }
}

/// What a row is that is no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// Names the unit of the rows below.
    Section,
    Total,
    Subtotal,
    Skip,
    /// Nothing below is read.
    End,
}

/// Which rows are no data; the first rule that matches wins.
#[derive(Debug, Clone)]
pub struct RowRuleOfLayout {
    pub kind: RowKind,
    /// `None`: the first cell of the row that is not blank.
    pub column: Option<usize>,
    pub matches: Regex,
    /// Its published figures must equal the sums of the rows that it covers.
    pub checked: bool,
}

/// An expression over the columns of one row that must hold.
#[derive(Debug, Clone)]
pub struct RowRule {
    pub id: String,
    /// A minijinja expression; proven to compile.
    pub expr: String,
    /// Columns that it reads, in the order in which they stand in the expression.
    pub columns: Vec<usize>,
    pub severity: Severity,
    pub expected: String,
    pub fix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableRuleKind {
    /// The columns together take no value twice (within the group).
    Unique,
    /// Each column takes one value within the group.
    Constant,
    /// Every code of each (code) column occurs in the file.
    Complete,
}

/// A rule over all rows of a file.
#[derive(Debug, Clone)]
pub struct TableRule {
    pub id: String,
    pub kind: TableRuleKind,
    pub within: Vec<usize>,
    pub columns: Vec<usize>,
    pub severity: Severity,
    pub expected: String,
    pub fix: String,
}

/// Names that SQL gives to other tables.
pub const RESERVED_TABLES: &[&str] = &[
    "units",
    "calendar",
    "periods",
    "targets",
    "coverage",
    "expected",
    "submissions",
    "findings",
    "items",
    "item_events",
    "deliveries",
    "reminders",
    "editions",
    "snapshots",
    "runs",
    "fetches",
];

/// Columns that every snapshot has.
pub const RESERVED_COLUMNS: &[&str] = &["unit_code", "reporter_code", "period"];

impl Contract {
    /// Reads and proves one pipeline.toml.
    ///
    /// `file` is the name that the operator knows it by, `text` its content.
    ///
    /// # Errors
    /// Every problem that can be told at once; a text that is no TOML of this shape gives the first.
    pub fn load(file: &str, text: &str) -> Result<Contract, Vec<Diagnostic>> {
        proof::load(file, text)
    }

    /// The columns of a snapshot, provenance last.
    pub fn arrow_schema(&self) -> SchemaRef {
        let mut fields: Vec<Field> =
            RESERVED_COLUMNS.iter().map(|name| Field::new(*name, DataType::Utf8, false)).collect();
        for column in self.kept_columns() {
            fields.push(Field::new(&column.name, column.kind.arrow(), true));
        }
        fields.push(Field::new("_submission", DataType::Int64, true));
        fields.push(Field::new("_sheet", DataType::Utf8, true));
        fields.push(Field::new("_row", DataType::Int64, true));
        Arc::new(Schema::new(fields))
    }

    /// The declared columns that reach the snapshot.
    pub fn kept_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.drop)
    }

    /// Whether its rows are counts of answers: what a unit's rows say may be too little to be said.
    pub fn keeps_counts(&self) -> bool {
        self.layouts.iter().any(|layout| layout.tally.is_some())
    }

    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The day that the figures of a period are about.
    pub fn stat_on(&self, period: Period) -> Date {
        match self.stat_on {
            StatOn::FirstDay => self.waves.starts_on(period),
            StatOn::LastDay => self.waves.ends_on(period),
            StatOn::MonthDay { month, day } => {
                let (first, last) = (period.starts_on(), period.ends_on());
                [first.year(), last.year()]
                    .into_iter()
                    .filter_map(|year| Date::new(year, month, day).ok())
                    .find(|date| (first..=last).contains(date))
                    .unwrap_or(last)
            }
        }
    }

    /// The day by which a period's submission is due.
    pub fn due_on(&self, period: Period, calendar: &Calendar) -> Deadline {
        calendar.add_workdays(self.stat_on(period), self.due_workdays)
    }

    /// The last day on which a correction of a period's figures is taken without a question.
    pub fn corrections_until(&self, period: Period, calendar: &Calendar) -> Deadline {
        let due = self.due_on(period, calendar);
        let until = calendar.add_workdays(due.on, self.corrections_workdays);
        Deadline { on: until.on, provisional: due.provisional || until.provisional }
    }

    /// The day of the reminder `workdays` after the due date (negative: before it).
    pub fn reminder_on(&self, period: Period, workdays: i32, calendar: &Calendar) -> Deadline {
        let due = self.due_on(period, calendar);
        let on = calendar.shift_workdays(due.on, workdays);
        Deadline { on: on.on, provisional: due.provisional || on.provisional }
    }

    /// Whether a period is one of those that are collected: not one before the first.
    pub fn collects(&self, period: Period) -> bool {
        period.frequency() == self.frequency
            && self.first_period.is_none_or(|first| first <= period)
    }
}
