//! Checks: SQL that returns violating subjects.
//!
//! ## Design notes
//! - A check also says whom it **could** judge (`judged = "….sql"`). That a town is not among the
//!   violations may mean that it is well, or that it sent nothing this month; only the first may
//!   close an item. A subject that the second query does not return is left as it was. Which data
//!   a subject needs is the district's matter (直属园 report to the bureau), so it is SQL.
//! - `$today` is the civil day of `$as_of` in the district's time zone: SQL need not know zones.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::{DataType, SchemaRef};
use ecow::{EcoString, eco_format};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::config::check::{CheckRule, GIVEN_PARAMS, SqlFile};
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Param, QueryResult, Row, SqlError};
use crate::model::{ItemKey, Judged, JudgedSubjects, Period, UnitCode, Violation};

/// The moment that a check is run for: both times, and the district's civil day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub period: Period,
    pub as_of: Timestamp,
    /// The civil day of `as_of` in the district's time zone.
    pub today: Date,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// One per subject, sorted by it.
    pub violations: Vec<Violation>,
    pub judged: JudgedSubjects,
}

/// Why a check gave no outcome.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("check {id} cannot be run")]
    Query { id: String, diagnostic: Box<Diagnostic>, source: SqlError },
    #[error("check {id}: row {row} of its result: {problem}")]
    Row { id: String, row: usize, problem: String },
    #[error("check {id} returns {subject} twice: group its rows by subject")]
    Twice { id: String, subject: String },
}

const COLUMNS: [(&str, Kind); 8] = [
    ("subject_kind", Kind::Text),
    ("subject_code", Kind::Text),
    ("subject_name", Kind::Text),
    ("unit_code", Kind::Text),
    ("period", Kind::Text),
    ("observed", Kind::Number),
    ("target", Kind::Number),
    ("detail", Kind::Text),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Number,
}

/// The parameters of a check's SQL: those of every check, and its own `params`.
fn params<'a>(check: &'a CheckRule, at: &Moment) -> Vec<(&'a str, Param)> {
    let given = [
        at.period.to_string(),
        at.as_of.to_string(),
        at.today.to_string(),
        check.level.to_string(),
    ];
    let own = check.params.iter().map(|(name, value)| (name.as_str(), Param::from(value.as_str())));
    GIVEN_PARAMS.into_iter().zip(given.map(Param::Text)).chain(own).collect()
}

/// Runs one check. The engine has the data sets, the reserved tables and the metrics.
///
/// # Errors
/// [`CheckError`] if the SQL fails, or a row is none of a violation.
pub async fn run(engine: &Engine, check: &CheckRule, at: &Moment) -> Result<Outcome, CheckError> {
    let result = query(engine, check, &check.query, at).await?;
    let mut violations: BTreeMap<ItemKey, Violation> = BTreeMap::new();
    for (i, row) in result.rows().enumerate() {
        let violation = violation(check, &row, at).map_err(|problem| CheckError::Row {
            id: check.id.clone(),
            row: i + 1,
            problem,
        })?;
        let subject = format!("{} {}", violation.key.subject_kind, violation.key.subject_code);
        if violations.insert(violation.key.clone(), violation).is_some() {
            return Err(CheckError::Twice { id: check.id.clone(), subject });
        }
    }
    let judged = match &check.judged {
        None => JudgedSubjects::All,
        Some(sql) => {
            let result = query(engine, check, sql, at).await?;
            let subject = |row: Row<'_>| {
                let code = subject_code(check, row.text("subject_code")?.into(), at);
                Some((row.text("subject_kind")?.into(), code))
            };
            JudgedSubjects::Only(result.rows().filter_map(subject).collect())
        }
    };
    Ok(Outcome { violations: violations.into_values().collect(), judged })
}

/// What all checks found, together.
#[derive(Debug)]
pub struct Checked {
    /// Sorted by check and subject.
    pub violations: Vec<Violation>,
    /// The checks that ran, and whom each could judge.
    pub judged: Judged,
    /// Checks that failed; their items are to be left alone, which `judged` sees to.
    pub errors: Vec<CheckError>,
}

/// Runs all checks for one moment. One that fails does not stop the others.
pub async fn run_all(engine: &Engine, checks: &[CheckRule], at: &Moment) -> Checked {
    let mut violations = Vec::new();
    let mut judged = Judged { period: at.period, checks: BTreeMap::new() };
    let mut errors = Vec::new();
    for check in checks {
        match run(engine, check, at).await {
            Ok(outcome) => {
                violations.extend(outcome.violations);
                judged.checks.insert(check.id.clone(), outcome.judged);
            }
            Err(error) => errors.push(error),
        }
    }
    violations.sort_by(|a, b| a.key.cmp(&b.key));
    Checked { violations, judged, errors }
}

/// The subject's code in the item's key: with the period, if every period is a matter of its own.
fn subject_code(check: &CheckRule, code: EcoString, at: &Moment) -> EcoString {
    if check.per_period { eco_format!("{code}@{}", at.period) } else { code }
}

async fn query(
    engine: &Engine,
    check: &CheckRule,
    sql: &SqlFile,
    at: &Moment,
) -> Result<QueryResult, CheckError> {
    engine.query(&sql.text, &params(check, at)).await.map_err(|source| CheckError::Query {
        id: check.id.clone(),
        diagnostic: Box::new(source.to_diagnostic(&sql.file, &sql.text, 0)),
        source,
    })
}

fn violation(check: &CheckRule, row: &Row<'_>, at: &Moment) -> Result<Violation, String> {
    let text = |column: &str| match row.text(column) {
        Some(text) if !text.is_empty() => Ok(EcoString::from(text)),
        _ => Err(format!("{column} is empty")),
    };
    let finite = |column: &str| row.float(column).filter(|value| value.is_finite());
    Ok(Violation {
        key: ItemKey {
            check_id: check.id.as_str().into(),
            subject_kind: text("subject_kind")?,
            subject_code: subject_code(check, text("subject_code")?, at),
        },
        subject_name: text("subject_name")?,
        unit_code: UnitCode::new(text("unit_code")?),
        period: text("period")?.parse().map_err(|error| format!("{error}"))?,
        observed: finite("observed"),
        target: finite("target"),
        detail: row.text("detail").unwrap_or_default().into(),
    })
}

/// Compiles all checks against the tables of `engine` (empty ones will do, the metrics among them).
///
/// # Errors
/// A diagnostic for every text that does not compile and every column that is missing or has the
/// wrong type.
pub async fn compile(engine: &Engine, checks: &[CheckRule]) -> Result<(), Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let any = Moment {
        period: Period::Month { year: 2024, month: 9 },
        as_of: Timestamp::UNIX_EPOCH,
        today: jiff::civil::date(1970, 1, 1),
    };
    for check in checks {
        let wanted = [(Some(&check.query), &COLUMNS[..]), (check.judged.as_ref(), &COLUMNS[..2])];
        for (sql, columns) in wanted {
            let Some(sql) = sql else { continue };
            match engine.explain_schema(&sql.text, &params(check, &any)).await {
                Ok(schema) => problems.extend(wrong_columns(check, sql, &schema, columns)),
                Err(error) => problems.push(error.to_diagnostic(&sql.file, &sql.text, 0)),
            }
        }
    }
    // Checks share files: a fault is said once.
    let mut said = BTreeSet::new();
    problems.retain(|problem| said.insert(problem.to_string()));
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn wrong_columns(
    check: &CheckRule,
    sql: &SqlFile,
    schema: &SchemaRef,
    columns: &[(&str, Kind)],
) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for (name, kind) in columns {
        let Ok(field) = schema.field_with_name(name) else {
            let message = format!("the query of check `{}` returns no column `{name}`", check.id);
            let returned: Vec<&str> =
                schema.fields().iter().map(|field| field.name().as_str()).collect();
            let problem = Diagnostic::file(&sql.file, message);
            let others = returned
                .iter()
                .copied()
                .filter(|returned| !columns.iter().any(|(known, _)| known == returned));
            let near = crate::diagnostic::nearest(name, others);
            problems.push(match near {
                Some(near) => problem.hint(format!("`{near} AS {name}`?")),
                None => problem.hint(format!("it returns {}", returned.join(", "))),
            });
            continue;
        };
        let data_type = field.data_type();
        let fits = match kind {
            Kind::Text => data_type.is_string() || *data_type == DataType::Null,
            Kind::Number => data_type.is_numeric() || *data_type == DataType::Null,
        };
        if !fits {
            let (wanted, cast) = match kind {
                Kind::Text => ("text", "VARCHAR"),
                Kind::Number => ("a number", "DOUBLE"),
            };
            let message =
                format!("column `{name}` of check `{}` is {data_type}, not {wanted}", check.id);
            let problem = Diagnostic::file(&sql.file, message);
            problems.push(problem.hint(format!("CAST({name} AS {cast}) AS {name}")));
        }
    }
    problems
}
