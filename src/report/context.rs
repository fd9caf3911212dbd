//! What a report is rendered from, besides its definition: rows, and facts about this edition.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

use super::document::Value;
use crate::config::burst::ParamValue;
use crate::model::{Level, Period, Unit};

/// What kind of values a column of a query holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    Text,
    Int,
    Float,
    Date,
    Bool,
}

/// The result of a query, as an edition stores it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct QueryRows {
    pub columns: Vec<(String, ColumnKind)>,
    /// Each as long as `columns`; [`Value::Null`] where there is nothing.
    pub rows: Vec<Vec<Value>>,
}

/// A period as templates see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodInfo {
    /// `2024-12`.
    pub code: String,
    /// `2024年12月`.
    pub label: String,
    pub starts_on: Date,
    pub ends_on: Date,
    /// The statistics date within it.
    pub stat_on: Date,
}

impl PeriodInfo {
    pub fn of(period: Period, stat_on: Date) -> PeriodInfo {
        PeriodInfo::spanning(period, (period.starts_on(), period.ends_on()), stat_on)
    }

    /// As [`PeriodInfo::of`], with the period's first and last day as listed (of a wave).
    pub fn spanning(period: Period, span: (Date, Date), stat_on: Date) -> PeriodInfo {
        PeriodInfo {
            code: period.to_string(),
            label: period.label(),
            starts_on: span.0,
            ends_on: span.1,
            stat_on,
        }
    }
}

/// An edition (第 N 期) before this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditionInfo {
    pub number: u32,
    pub period: String,
    pub period_label: String,
    pub created_on: Date,
}

/// A submission that came in since the previous edition and touches its figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub unit_name: String,
    pub dataset_title: String,
    /// As a reader says it: `2024年11月`.
    pub period: String,
    pub file_name: String,
    /// `补报`, `更正`, …: a few Chinese words.
    pub what: String,
}

/// A figure of the previous edition that is different now, for the same period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restatement {
    pub metric_title: String,
    pub level: String,
    pub unit_name: String,
    /// As a reader says it; the period that the figure is about.
    #[serde(default)]
    pub period: String,
    pub before_num: Option<i64>,
    pub before_den: Option<i64>,
    pub after_num: Option<i64>,
    pub after_den: Option<i64>,
}

/// The unit whose own sheet a paper is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitInfo {
    pub code: String,
    pub name: String,
    pub level: Level,
}

impl From<&Unit> for UnitInfo {
    fn from(unit: &Unit) -> UnitInfo {
        UnitInfo { code: unit.code.to_string(), name: unit.name.clone(), level: unit.level }
    }
}

/// Facts about this edition; with the rows all that a document depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportContext {
    pub period: PeriodInfo,
    pub previous: PeriodInfo,
    /// What was known when.
    pub as_of: Timestamp,
    /// The same instant on the district's clock.
    pub as_of_local: DateTime,
    /// 0: a preview, which has no number.
    pub edition_number: u32,
    pub previous_edition: Option<EditionInfo>,
    /// The number of the edition of the same period that this one corrects.
    #[serde(default)]
    pub corrects: Option<u32>,
    /// Of a report that is burst.
    #[serde(default)]
    pub unit: Option<UnitInfo>,
    /// The definition's constants, or what they were set to by hand.
    #[serde(default)]
    pub params: BTreeMap<String, ParamValue>,
    pub district: String,
    pub changes: Vec<Change>,
    pub restated: Vec<Restatement>,
    /// Sentences that stand above everything, such as that the data is invented.
    #[serde(default)]
    pub notices: Vec<String>,
}
