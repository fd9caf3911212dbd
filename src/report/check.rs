//! A template proven before anything runs: rendered with invented rows.

use std::collections::BTreeMap;

use jiff::civil::date;

use super::context::{
    Change, ColumnKind, EditionInfo, PeriodInfo, QueryRows, ReportContext, Restatement,
};
use super::document::Value;
use super::render;
use crate::config::report::ReportDefinition;
use crate::diagnostic::Diagnostic;
use crate::model::Period;

/// Columns of each query, as the engine plans them.
pub type Schemas = BTreeMap<String, Vec<(String, ColumnKind)>>;

/// Renders a report four times: without rows, with a full row, with a row that has nothing but its
/// names (a town that did not report), and with figures of nought; with and without an edition
/// before. What fails in one of them would fail on some morning.
pub fn check(definition: &ReportDefinition, schemas: &Schemas) -> Vec<Diagnostic> {
    let fillings: [fn(ColumnKind) -> Option<Value>; 4] = [
        |_| None,
        |kind| Some(sample(kind)),
        |kind| Some(if kind == ColumnKind::Text { sample(kind) } else { Value::Null }),
        |kind| Some(nought(kind)),
    ];
    let mut problems: Vec<Diagnostic> = Vec::new();
    for (i, filling) in fillings.into_iter().enumerate() {
        let results: BTreeMap<String, QueryRows> = schemas
            .iter()
            .map(|(name, columns)| {
                let row: Option<Vec<Value>> =
                    columns.iter().map(|(_, kind)| filling(*kind)).collect();
                let rows = row.into_iter().filter(|row| !row.is_empty()).collect();
                (name.clone(), QueryRows { columns: columns.clone(), rows })
            })
            .collect();
        if let Err(found) = render(definition, &results, &sample_context(i > 0)) {
            for problem in found {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
    }
    problems
}

fn sample(kind: ColumnKind) -> Value {
    match kind {
        ColumnKind::Text => Value::Text("示例".to_owned()),
        ColumnKind::Int => Value::Int(12),
        ColumnKind::Float => Value::Float(0.5),
        ColumnKind::Date => Value::Date(date(2024, 9, 30)),
        ColumnKind::Bool => Value::Bool(true),
    }
}

fn nought(kind: ColumnKind) -> Value {
    match kind {
        ColumnKind::Int => Value::Int(0),
        ColumnKind::Float => Value::Float(0.0),
        ColumnKind::Bool => Value::Bool(false),
        kind => sample(kind),
    }
}

fn sample_context(is_later: bool) -> ReportContext {
    let period = Period::Month { year: 2024, month: 9 };
    let at = date(2024, 10, 9).at(8, 30, 0, 0);
    let text = || "示例".to_owned();
    ReportContext {
        period: PeriodInfo::of(period, period.ends_on()),
        previous: PeriodInfo::of(period.previous(), period.previous().ends_on()),
        as_of: jiff::Timestamp::UNIX_EPOCH,
        as_of_local: at,
        edition_number: if is_later { 2 } else { 1 },
        previous_edition: is_later.then(|| EditionInfo {
            number: 1,
            period: "2024-08".to_owned(),
            period_label: "2024年8月".to_owned(),
            created_on: date(2024, 9, 9),
        }),
        district: text(),
        changes: if is_later {
            vec![Change {
                unit_name: text(),
                dataset_title: text(),
                period: text(),
                file_name: text(),
                what: text(),
            }]
        } else {
            Vec::new()
        },
        restated: if is_later {
            vec![Restatement {
                metric_title: text(),
                level: "town".to_owned(),
                unit_name: text(),
                period: text(),
                before_num: Some(1),
                before_den: Some(2),
                after_num: None,
                after_den: Some(0),
            }]
        } else {
            Vec::new()
        },
        notices: if is_later { vec![text()] } else { Vec::new() },
    }
}
