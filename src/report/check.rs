//! A template proven before anything runs: rendered with invented rows.

use std::collections::BTreeMap;

use jiff::civil::date;

use super::context::{
    Change, ColumnKind, EditionInfo, PeriodInfo, QueryRows, ReportContext, Restatement, UnitInfo,
};
use super::document::Value;
use super::mail_lint::Severity;
use super::{Rendered, functions, mail, render};
use crate::config::report::ReportDefinition;
use crate::diagnostic::Diagnostic;
use crate::model::Period;

/// Columns of each query, as the engine plans them.
pub type Schemas = BTreeMap<String, Vec<(String, ColumnKind)>>;

/// Renders a report four times: without rows, with a full row, with a row that has nothing but its
/// names (a town that did not report), and with figures of nought; with and without an edition
/// before. What fails in one of them would fail on some morning. Of a burst report also [`check_burst`].
pub fn check(definition: &ReportDefinition, schemas: &Schemas) -> Vec<Diagnostic> {
    let mut fillings = vec![EMPTY];
    fillings.extend(FILLED);
    let mut problems = check_burst(definition, schemas);
    problems.extend(check_with(definition, schemas, &fillings));
    problems
}

/// What keeps the rows of a burst report from being parted: a query that is neither shared nor says whose
/// each row is. Of a report that is not burst, nothing.
pub fn check_burst(definition: &ReportDefinition, schemas: &Schemas) -> Vec<Diagnostic> {
    let Some(burst) = &definition.burst else { return Vec::new() };
    let own = definition.queries.iter().filter(|(name, _)| !burst.is_shared(name));
    own.filter_map(|(name, query)| {
        let columns = schemas.get(name)?;
        if columns.iter().any(|(column, _)| *column == burst.column) {
            return None;
        }
        let message = format!(
            "query `{name}` has no column `{}`: nobody can tell which unit may see which row",
            burst.column
        );
        let problem =
            Diagnostic::at_line(&definition.file, &definition.text, query.line, None, message);
        Some(problem.hint(format!(
            "select {} too, or add \"{name}\" to `shared` of [burst] if every unit may see it whole",
            burst.column
        )))
    })
    .collect()
}

/// As [`check()`], for a letter that is never made without rows: a slip lists at least one item.
pub fn check_filled(definition: &ReportDefinition, schemas: &Schemas) -> Vec<Diagnostic> {
    check_with(definition, schemas, &FILLED)
}

/// What the linter says of the mail that a template makes, rendered with a full row: errors and warnings apart.
/// A template that cannot be rendered is [`check()`]'s matter.
pub fn check_mail(
    definition: &ReportDefinition,
    schemas: &Schemas,
    css: &str,
) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    check_each(definition, schemas, &FILLED[..1], &mut |rendered| match mail::lint_sample(
        &rendered.document,
        css,
    ) {
        Ok(problems) => {
            for problem in problems {
                let list = match problem.severity {
                    Severity::Error => &mut errors,
                    Severity::Warning => &mut warnings,
                };
                list.push(Diagnostic::file(&definition.file, format!("its mail, {problem}")));
            }
        }
        Err(error) => errors.push(Diagnostic::file(&definition.file, error.to_string())),
    });
    (errors, warnings)
}

/// What a cell of a column holds; none: there is no row.
type Filling = fn(ColumnKind) -> Option<Value>;

const EMPTY: Filling = |_| None;
const FILLED: [Filling; 3] = [
    |kind| Some(sample(kind)),
    |kind| Some(if kind == ColumnKind::Text { sample(kind) } else { Value::Null }),
    |kind| Some(nought(kind)),
];

fn check_with(
    definition: &ReportDefinition,
    schemas: &Schemas,
    fillings: &[Filling],
) -> Vec<Diagnostic> {
    check_each(definition, schemas, fillings, &mut |_| {})
}

/// Renders a report with each of the fillings and shows what came out to `seen`.
fn check_each(
    definition: &ReportDefinition,
    schemas: &Schemas,
    fillings: &[Filling],
    seen: &mut dyn FnMut(&Rendered),
) -> Vec<Diagnostic> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    for (i, filling) in fillings.iter().enumerate() {
        let results: BTreeMap<String, QueryRows> = schemas
            .iter()
            .map(|(name, columns)| {
                let row: Option<Vec<Value>> =
                    columns.iter().map(|(_, kind)| filling(*kind)).collect();
                let rows = row.into_iter().filter(|row| !row.is_empty()).collect();
                (name.clone(), QueryRows { columns: columns.clone(), rows })
            })
            .collect();
        let mut found = functions::charts::prove(definition, &results);
        match render(definition, &results, &sample_context(definition, i > 0)) {
            Ok(rendered) => seen(&rendered),
            Err(wrong) => found.extend(wrong),
        }
        for problem in found {
            if !problems.contains(&problem) {
                problems.push(problem);
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

fn sample_context(definition: &ReportDefinition, is_later: bool) -> ReportContext {
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
        corrects: is_later.then_some(1),
        unit: definition.burst.as_ref().map(|burst| UnitInfo {
            code: "A01".to_owned(),
            name: text(),
            level: burst.by,
        }),
        params: definition.params.clone(),
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
