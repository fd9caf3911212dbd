//! Tests in data: rows in, rows expected, for every check and metric. The same runner serves
//! `cargo test` and `duban check config`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

use crate::check::{CheckError, Moment, run};
use crate::config::check::CheckRule;
use crate::config::definition;
use crate::config::metric::Metric;
use crate::diagnostic::Diagnostic;
use crate::engine::{
    Engine, Limits, Param, batch_from_json, reserved_schema, reserved_tables, table_references,
};
use crate::metric;
use crate::model::{JudgedSubjects, Period};

/// What the cases are run against.
#[derive(Debug, Clone, Copy)]
pub struct Definitions<'a> {
    /// Name and columns of each data set; empty unless a case fills it.
    pub datasets: &'a [(String, SchemaRef)],
    /// Reserved tables that a case need not give: the home's units, calendar, periods, targets.
    pub tables: &'a [(String, RecordBatch)],
    pub metrics: &'a [Metric],
    pub checks: &'a [CheckRule],
}

/// One case as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub file: String,
    /// Line of its name.
    pub line: Option<usize>,
    pub name: String,
    pub subject: Subject,
    pub period: Period,
    /// The last day of the period, if none is given.
    pub today: Date,
    /// Tables replaced, as CSV.
    pub tables: BTreeMap<String, String>,
    /// Rows expected, as CSV: compared on the columns named, in any order.
    pub rows: String,
    /// Subjects that the check must have judged, as CSV.
    pub judged: Option<String>,
}

/// What a case tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Check(String),
    Metric(String),
}

/// How a case ended: well, or with what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    pub file: String,
    pub name: String,
    pub failure: Option<Diagnostic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    /// Tables that every case of the file has unless it says otherwise.
    #[serde(default)]
    tables: BTreeMap<String, String>,
    #[serde(default)]
    case: Vec<WrittenCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    check: Option<String>,
    metric: Option<String>,
    name: Spanned<String>,
    period: Spanned<String>,
    today: Option<Spanned<String>>,
    #[serde(default)]
    tables: BTreeMap<String, String>,
    expect: WrittenExpect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenExpect {
    rows: String,
    judged: Option<String>,
}

/// Reads the cases of one file.
///
/// # Errors
/// All problems with their places.
pub fn load_cases(file: &str, text: &str) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let written: WrittenFile = definition::parse(file, text).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let mut cases = Vec::new();
    for case in written.case {
        let at_name = |message: &str| Diagnostic::at(file, text, case.name.span(), message);
        let subject = match (case.check, case.metric) {
            (Some(check), None) => Subject::Check(check),
            (None, Some(metric)) => Subject::Metric(metric),
            _ => {
                problems.push(at_name("a case names either a check or a metric"));
                continue;
            }
        };
        let period: Period = match case.period.get_ref().parse() {
            Ok(period) => period,
            Err(error) => {
                problems.push(Diagnostic::at(file, text, case.period.span(), format!("{error}")));
                continue;
            }
        };
        let today = match &case.today {
            None => period.ends_on(),
            Some(day) => {
                let Ok(parsed) = day.get_ref().parse() else {
                    let problem = Diagnostic::at(file, text, day.span(), "this is no day");
                    problems.push(problem.hint("write it as 2024-10-20"));
                    continue;
                };
                parsed
            }
        };
        cases.push(Case {
            file: file.to_owned(),
            line: at_name("").line,
            name: case.name.into_inner(),
            subject,
            period,
            today,
            tables: with_defaults(case.tables, &written.tables),
            rows: case.expect.rows,
            judged: case.expect.judged,
        });
    }
    if problems.is_empty() { Ok(cases) } else { Err(problems) }
}

/// A case's own tables, and of the defaults those that it does not give.
fn with_defaults(
    own: BTreeMap<String, String>,
    defaults: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut tables = defaults.clone();
    tables.extend(own);
    tables
}

/// Reads the cases of a home's `pipelines` folder: `<data set>/tests/*.toml` and `_tests/*.toml`.
/// The `[tables]` of `_tests/world.toml` hold for the cases of every file.
///
/// # Errors
/// All problems of all files.
pub fn read_cases(pipelines: &Path) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut cases = Vec::new();
    let mut problems = Vec::new();
    let mut world = BTreeMap::new();
    for (file, text) in crate::config::files::under(pipelines, &["_tests", "*/tests"], "toml")? {
        if file.ends_with("/_tests/world.toml") {
            match definition::parse::<WrittenFile>(&file, &text) {
                Ok(written) => world = written.tables,
                Err(problem) => problems.push(problem),
            }
        }
        match load_cases(&file, &text) {
            Ok(read) => cases.extend(read),
            Err(more) => problems.extend(more),
        }
    }
    for case in &mut cases {
        case.tables = with_defaults(std::mem::take(&mut case.tables), &world);
    }
    if problems.is_empty() { Ok(cases) } else { Err(problems) }
}

/// Runs cases, each in a session of its own.
///
/// # Errors
/// None: what is wrong with a case, or with the definitions that it needs, is in its result.
pub async fn run_cases(definitions: &Definitions<'_>, cases: &[Case]) -> Vec<CaseResult> {
    let schemas = schemas(definitions).await;
    let mut results = Vec::new();
    for case in cases {
        let outcome = match &schemas {
            Ok(schemas) => run_case(definitions, schemas, case).await,
            Err(problem) => Err(problem.clone()),
        };
        let failure = outcome.err().map(|message| {
            let mut failure = Diagnostic::file(&case.file, format!("“{}”: {message}", case.name));
            failure.line = case.line;
            failure
        });
        results.push(CaseResult { file: case.file.clone(), name: case.name.clone(), failure });
    }
    results
}

/// The columns of every table that a case may replace.
async fn schemas(definitions: &Definitions<'_>) -> Result<BTreeMap<String, SchemaRef>, String> {
    let engine = bare_engine(definitions)?;
    metric::compile(&engine, definitions.metrics).await.map_err(|problems| {
        problems.first().map_or_else(String::new, std::string::ToString::to_string)
    })?;
    let mut schemas = BTreeMap::new();
    for name in engine.table_names() {
        if let Some(schema) = engine.table_schema(&name).await {
            schemas.insert(name, schema);
        }
    }
    Ok(schemas)
}

/// Data sets and reserved tables, the home's where there are any, else empty.
fn bare_engine(definitions: &Definitions<'_>) -> Result<Engine, String> {
    let engine = Engine::new(Limits::default()).map_err(|error| error.to_string())?;
    let reserved =
        reserved_tables().filter_map(|name| Some((name.to_owned(), reserved_schema(name)?)));
    for (name, schema) in definitions.datasets.iter().cloned().chain(reserved) {
        engine.register_batches(&name, schema, vec![]).map_err(|error| error.to_string())?;
    }
    // What was known when: a case gives `<data set>_versions` as it gives any other table.
    for (name, schema) in definitions.datasets {
        engine
            .register_versions(name, SchemaRef::clone(schema), &[])
            .map_err(|error| error.to_string())?;
    }
    for (name, batch) in definitions.tables {
        engine
            .register_batches(name, batch.schema(), vec![batch.clone()])
            .map_err(|error| error.to_string())?;
    }
    Ok(engine)
}

async fn run_case(
    definitions: &Definitions<'_>,
    schemas: &BTreeMap<String, SchemaRef>,
    case: &Case,
) -> Result<(), String> {
    let engine = bare_engine(definitions)?;
    for (name, csv) in &case.tables {
        let schema = schemas.get(name).ok_or_else(|| {
            let near = crate::diagnostic::nearest(name, schemas.keys().map(String::as_str));
            let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            format!("there is no table `{name}`{hint}")
        })?;
        let batch = batch_of_csv(schema, csv).map_err(|error| format!("table {name}: {error}"))?;
        engine
            .register_batches(name, batch.schema(), vec![batch])
            .map_err(|error| error.to_string())?;
    }
    match &case.subject {
        Subject::Metric(name) => {
            let wanted = BTreeSet::from([name.clone()]);
            metric::register_needed(&engine, definitions.metrics, &wanted)
                .await
                .map_err(|error| error.diagnostic.to_string())?;
            let schema = engine
                .table_schema(name)
                .await
                .ok_or_else(|| format!("there is no metric `{name}`"))?;
            let of_period = schema.index_of("period").is_ok();
            let filter = if of_period { " WHERE period = $period" } else { "" };
            let params = [("period", Param::Text(case.period.to_string()))];
            let result = engine
                .query(&format!("SELECT * FROM {name}{filter}"), &params)
                .await
                .map_err(|error| error.to_string())?;
            let found = result.rows().map(|row| {
                let cells = row.cells.iter().map(crate::engine::Cell::to_text);
                result.columns().into_iter().map(str::to_owned).zip(cells).collect()
            });
            compare(&case.rows, found.collect())
        }
        Subject::Check(id) => {
            let check = definitions
                .checks
                .iter()
                .find(|check| check.id == *id)
                .ok_or_else(|| format!("there is no check `{id}`"))?;
            let mut wanted = BTreeSet::new();
            for sql in std::iter::once(&check.query).chain(&check.judged) {
                let tables = table_references(&sql.text);
                wanted.extend(
                    tables.map_err(|e| e.to_diagnostic(&sql.file, &sql.text, 0).to_string())?,
                );
            }
            metric::register_needed(&engine, definitions.metrics, &wanted)
                .await
                .map_err(|error| error.diagnostic.to_string())?;
            let noon = case.today.at(12, 0, 0, 0);
            let as_of = TimeZone::UTC.to_timestamp(noon).map_err(|error| error.to_string())?;
            let at = Moment { period: case.period, as_of, today: case.today };
            let outcome = run(&engine, check, &at).await.map_err(|error| match &error {
                CheckError::Query { diagnostic, .. } => diagnostic.to_string(),
                _ => error.to_string(),
            })?;
            let number = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
            let found = outcome.violations.iter().map(|violation| {
                let pairs = [
                    ("subject_kind", violation.key.subject_kind.to_string()),
                    ("subject_code", violation.key.subject_code.to_string()),
                    ("subject_name", violation.subject_name.to_string()),
                    ("unit_code", violation.unit_code.to_string()),
                    ("period", violation.period.to_string()),
                    ("observed", number(violation.observed)),
                    ("target", number(violation.target)),
                    ("detail", violation.detail.to_string()),
                ];
                pairs.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
            });
            compare(&case.rows, found.collect())?;
            let Some(judged) = &case.judged else { return Ok(()) };
            let JudgedSubjects::Only(subjects) = outcome.judged else {
                return Err("the check judges every subject: it has no `judged` query".to_owned());
            };
            let found = subjects.into_iter().map(|(kind, code)| {
                let pairs = [("subject_kind", kind), ("subject_code", code)];
                pairs
                    .map(|(name, value)| (name.to_owned(), value.to_string()))
                    .into_iter()
                    .collect()
            });
            compare(judged, found.collect()).map_err(|message| format!("judged: {message}"))
        }
    }
}

type TextRow = BTreeMap<String, String>;

/// Rows of a CSV text with a header.
fn read_csv(csv: &str) -> Result<(Vec<String>, Vec<TextRow>), String> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(csv.trim().as_bytes());
    let header: Vec<String> =
        reader.headers().map_err(|error| error.to_string())?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        rows.push(header.iter().cloned().zip(record.iter().map(str::to_owned)).collect());
    }
    Ok((header, rows))
}

/// A table of a case. Columns that it does not give are null, whatever the schema says.
fn batch_of_csv(schema: &SchemaRef, csv: &str) -> Result<RecordBatch, String> {
    let (_, rows) = read_csv(csv)?;
    let fields: Vec<Field> =
        schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    let schema = std::sync::Arc::new(Schema::new(fields));
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            let pairs = row.into_iter().map(|(name, value)| {
                let value = if value.is_empty() { Value::Null } else { Value::String(value) };
                (name, value)
            });
            Value::Object(pairs.collect::<Map<String, Value>>())
        })
        .collect();
    batch_from_json(&schema, &rows).map_err(|error| error.to_string())
}

/// Compares on the columns that are expected, as multisets; numbers by value.
fn compare(expected: &str, mut found: Vec<TextRow>) -> Result<(), String> {
    let (columns, expected) = read_csv(expected)?;
    if let Some(row) = found.first()
        && let Some(unknown) = columns.iter().find(|column| !row.contains_key(*column))
    {
        return Err(format!("the result has no column `{unknown}`"));
    }
    let mut missing = Vec::new();
    for row in &expected {
        let same = |other: &TextRow| columns.iter().all(|c| same_value(&row[c], &other[c]));
        match found.iter().position(same) {
            Some(i) => {
                found.swap_remove(i);
            }
            None => missing.push(row),
        }
    }
    if missing.is_empty() && found.is_empty() {
        return Ok(());
    }
    let show = |rows: Vec<&TextRow>| {
        let line =
            |row: &TextRow| columns.iter().map(|c| row[c].clone()).collect::<Vec<_>>().join(",");
        rows.into_iter().take(5).map(line).collect::<Vec<_>>().join(" | ")
    };
    Err(format!(
        "on {}: expected but not found [{}]; found but not expected [{}]",
        columns.join(","),
        show(missing),
        show(found.iter().collect())
    ))
}

fn same_value(expected: &str, found: &str) -> bool {
    if expected == found {
        return true;
    }
    match (expected.parse::<f64>(), found.parse::<f64>()) {
        // Codes are digits too: only what is written with a point is compared as a measurement.
        (Ok(a), Ok(b)) if expected.contains('.') || found.contains('.') => {
            (a - b).abs() <= 1e-9 * b.abs().max(1.0)
        }
        _ => false,
    }
}

/// The checks and metrics that lack a case that hits, or one that misses.
///
/// A hit expects a row; a miss expects none, or a null (a metric of a town that did not report), or
/// a judged subject that is no violation.
pub fn uncovered(definitions: &Definitions<'_>, cases: &[Case]) -> Vec<String> {
    let mut hits = BTreeSet::new();
    let mut misses = BTreeSet::new();
    for case in cases {
        let Ok((_, rows)) = read_csv(&case.rows) else { continue };
        let judged = case.judged.as_deref().and_then(|csv| read_csv(csv).ok());
        let n_judged = judged.map_or(0, |(_, rows)| rows.len());
        if !rows.is_empty() {
            hits.insert(case.subject.clone());
        }
        let with_null = matches!(case.subject, Subject::Metric(_))
            && rows.iter().any(|row| row.values().any(String::is_empty));
        if rows.is_empty() || with_null || n_judged > rows.len() {
            misses.insert(case.subject.clone());
        }
    }
    let checks = definitions.checks.iter().map(|check| Subject::Check(check.id.clone()));
    let metrics = definitions.metrics.iter().map(|metric| Subject::Metric(metric.name.clone()));
    let mut lacking = Vec::new();
    for subject in checks.chain(metrics) {
        let (kind, name) = match &subject {
            Subject::Check(id) => ("check", id),
            Subject::Metric(name) => ("metric", name),
        };
        if !hits.contains(&subject) {
            lacking.push(format!("{kind} {name} has no case that hits"));
        }
        if !misses.contains(&subject) {
            lacking.push(format!("{kind} {name} has no case that misses"));
        }
    }
    lacking
}
