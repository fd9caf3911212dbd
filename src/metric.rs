//! Metrics: SQL views with numerator and denominator, evaluated once each, in the order of need.
//!
//! ## Design notes
//! - Materialised, not views: a run reads `three_rates` in a dozen checks and report queries, and a
//!   view would compute it (and all below it) each time.
//! - The order is found from the tables that each query reads; nobody writes it down.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::metric::Metric;
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, SqlError, reserved_tables, table_references};

/// A metric that could not be evaluated. The definition was accepted before, so this is the data's
/// or the machine's doing, or a column that is not there.
#[derive(Debug, thiserror::Error)]
#[error("metric {name} cannot be evaluated")]
pub struct MetricError {
    pub name: String,
    /// With file, line and hint.
    pub diagnostic: Box<Diagnostic>,
    pub source: SqlError,
}

/// Puts metrics in an order in which each comes after those it reads.
///
/// # Errors
/// As [`in_levels`].
pub fn in_order(metrics: &[Metric]) -> Result<Vec<&Metric>, Vec<Diagnostic>> {
    Ok(in_levels(metrics)?.concat())
}

/// Puts metrics in levels: each reads metrics of earlier levels alone, so those of one level may be
/// evaluated at once.
///
/// # Errors
/// A diagnostic for every text that does not parse, every name that is taken, and every cycle.
pub fn in_levels(metrics: &[Metric]) -> Result<Vec<Vec<&Metric>>, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut reads: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let by_name: BTreeMap<&str, &Metric> =
        metrics.iter().map(|metric| (metric.name.as_str(), metric)).collect();
    for metric in metrics {
        if reserved_tables().any(|name| name == metric.name) {
            let message = format!("`{}` is the name of a reserved table", metric.name);
            problems.push(Diagnostic::file(&metric.file, message).hint("name the file otherwise"));
        }
        match table_references(&metric.sql) {
            Ok(tables) => {
                let own = tables.into_iter().filter(|name| by_name.contains_key(name.as_str()));
                reads.insert(&metric.name, own.collect());
            }
            Err(error) => problems.push(error.to_diagnostic(&metric.file, &metric.sql, 0)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut levels = Vec::new();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while done.len() < reads.len() {
        let ready: Vec<&str> = reads
            .iter()
            .filter(|(name, needs)| {
                !done.contains(**name) && needs.iter().all(|need| done.contains(need.as_str()))
            })
            .map(|(name, _)| *name)
            .collect();
        if ready.is_empty() {
            let (metric, path) = cycle(&reads, &done, &by_name);
            let message = format!("metrics read each other in a circle: {path}");
            let hint = "move what both need into a metric of its own";
            return Err(vec![Diagnostic::file(metric, message).hint(hint)]);
        }
        levels.push(ready.iter().filter_map(|name| by_name.get(name).copied()).collect());
        done.extend(ready);
    }
    Ok(levels)
}

/// One circle among the metrics that are not `done`: the file to name, and the way round.
fn cycle(
    reads: &BTreeMap<&str, BTreeSet<String>>,
    done: &BTreeSet<&str>,
    by_name: &BTreeMap<&str, &Metric>,
) -> (String, String) {
    let mut path: Vec<&str> = Vec::new();
    let mut at = reads.keys().copied().find(|name| !done.contains(name));
    while let Some(name) = at {
        if let Some(from) = path.iter().position(|seen| *seen == name) {
            path.drain(..from);
            path.push(name);
            break;
        }
        path.push(name);
        at = reads
            .get(name)
            .and_then(|needs| needs.iter().map(String::as_str).find(|need| !done.contains(need)));
    }
    let file = path.first().and_then(|name| by_name.get(name)).map(|metric| metric.file.clone());
    (file.unwrap_or_default(), path.join(" → "))
}

/// Evaluates each metric once, in order of need, and makes its result a table.
///
/// A metric whose name is a table already is left as it is: so a test case (or a rebuilt report)
/// may put figures in its place.
///
/// # Errors
/// [`MetricError`] of the first that fails. [`in_order`]'s diagnostics come as its diagnostic.
pub async fn register_all(engine: &Engine, metrics: &[Metric]) -> Result<(), Box<MetricError>> {
    let ordered = in_order(metrics).map_err(|problems| Box::new(unordered(problems)))?;
    for metric in ordered {
        if !engine.has_table(&metric.name) {
            register(engine, metric).await?;
        }
    }
    Ok(())
}

/// As [`register_all`], for the metrics that `wanted` tables need, directly or through others.
pub async fn register_needed(
    engine: &Engine,
    metrics: &[Metric],
    wanted: &BTreeSet<String>,
) -> Result<(), Box<MetricError>> {
    let ordered = in_order(metrics).map_err(|problems| Box::new(unordered(problems)))?;
    let mut needed = wanted.clone();
    for metric in ordered.iter().rev() {
        // A table that is there already needs nothing.
        if needed.contains(&metric.name) && !engine.has_table(&metric.name) {
            needed.extend(table_references(&metric.sql).unwrap_or_default());
        }
    }
    for metric in ordered {
        if needed.contains(&metric.name) && !engine.has_table(&metric.name) {
            register(engine, metric).await?;
        }
    }
    Ok(())
}

/// The error of metrics that cannot be put in order, as one that cannot be evaluated.
pub fn unordered(mut problems: Vec<Diagnostic>) -> MetricError {
    let diagnostic = if problems.is_empty() {
        Diagnostic::file("pipelines/_metrics", "the metrics cannot be ordered")
    } else {
        problems.swap_remove(0)
    };
    let source = SqlError::Text(crate::engine::TextError {
        line: diagnostic.line,
        column: diagnostic.column,
        message: diagnostic.message.clone(),
        hint: diagnostic.hint.clone(),
    });
    MetricError { name: diagnostic.file.clone(), diagnostic: Box::new(diagnostic), source }
}

/// Evaluates one metric and makes its result a table, in place of what bore its name.
///
/// # Errors
/// [`MetricError`]
pub async fn register(engine: &Engine, metric: &Metric) -> Result<(), Box<MetricError>> {
    let wrong = |source: SqlError| {
        let diagnostic = Box::new(source.to_diagnostic(&metric.file, &metric.sql, 0));
        Box::new(MetricError { name: metric.name.clone(), diagnostic, source })
    };
    let result = engine.query(&metric.sql, &[]).await.map_err(wrong)?;
    let schema = std::sync::Arc::clone(result.schema());
    engine.register_batches(&metric.name, schema, result.into_batches()).map_err(wrong)
}

/// Compiles all metrics against the tables of `engine` (empty ones will do), without keeping them.
///
/// # Errors
/// A diagnostic for every metric that does not compile; those that read a faulty one are left out,
/// as they would only repeat its fault.
pub async fn compile(engine: &Engine, metrics: &[Metric]) -> Result<(), Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut faulty: BTreeSet<String> = BTreeSet::new();
    for metric in in_order(metrics)? {
        let reads = table_references(&metric.sql).unwrap_or_default();
        if !reads.is_disjoint(&faulty) {
            faulty.insert(metric.name.clone());
            continue;
        }
        match engine.explain_schema(&metric.sql, &[]).await {
            Ok(schema) => {
                if !engine.has_table(&metric.name)
                    && let Err(error) = engine.register_batches(&metric.name, schema, vec![])
                {
                    problems.push(error.to_diagnostic(&metric.file, &metric.sql, 0));
                }
            }
            Err(error) => {
                faulty.insert(metric.name.clone());
                problems.push(error.to_diagnostic(&metric.file, &metric.sql, 0));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
