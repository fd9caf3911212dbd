//! A session of the engine: data sets, metrics, configuration and the ledger as tables.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use rayon::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{Pipeline, PipelineError};
use crate::config::Config;
use crate::config::metric::Metric;
use crate::diagnostic::Diagnostic;
use crate::engine::{
    Engine, Limits, Param, PeriodRow, QueryResult, SqlError, VersionFile, batch_from_json,
    calendar_batch, contacts_batch, periods_batch, reserved_schema, reserved_tables,
    table_references, targets_batch, units_batch,
};
use crate::ledger::{LedgerTable, Submission, SubmissionFilter, SubmissionId};
use crate::metric::{self, MetricError};
use crate::model::{Frequency, Period, SubmissionState, UnitCode};

/// Tables as they are at one instant. Queries are read-only.
pub struct Session {
    engine: Engine,
    runtime: Runtime,
}

impl Session {
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs a query with named parameters.
    pub fn query(&self, sql: &str, params: &[(&str, Param)]) -> Result<QueryResult, SqlError> {
        self.runtime.block_on(self.engine.query(sql, params))
    }

    /// Waits for work on the engine.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// A session with every table empty: to compile definitions against.
    pub fn empty(config: &Config) -> Result<Session, PipelineError> {
        let session = Session::bare(config)?;
        for name in reserved_tables() {
            let Some(schema) = reserved_schema(name) else { continue };
            session.engine.register_batches(name, schema, Vec::new())?;
        }
        for reference in &config.references {
            let batch = &reference.batch;
            session.engine.register_batches(
                &reference.name,
                batch.schema(),
                vec![batch.clone()],
            )?;
        }
        for contract in &config.contracts {
            let schema = contract.arrow_schema();
            session.engine.register_parquet(&contract.name, schema.clone(), &[])?;
            session.engine.register_versions(&contract.name, schema, &[])?;
        }
        Ok(session)
    }

    fn bare(config: &Config) -> Result<Session, PipelineError> {
        let sql = &config.settings.sql;
        let engine = Engine::new(Limits {
            memory_bytes: usize::try_from(sql.memory_mb).unwrap_or(512) << 20,
            timeout: Duration::from_secs(u64::from(sql.timeout_seconds)),
            max_rows: usize::try_from(sql.max_rows).unwrap_or(usize::MAX),
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .thread_name("duban-sql")
            .build()?;
        Ok(Session { engine, runtime })
    }
}

impl Pipeline {
    /// Opens a session as of now (`None`) or as of an instant, without the metrics.
    pub fn tables(&self, at: Option<Timestamp>) -> Result<Session, PipelineError> {
        self.tables_named(at, |_| true)
    }

    /// As [`Pipeline::tables`], of the ledger's tables those alone that are `wanted`: after two years they are
    /// the most of the work.
    fn tables_named(
        &self,
        at: Option<Timestamp>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Session, PipelineError> {
        let config = &self.config;
        let session = Session::bare(config)?;
        let engine = &session.engine;
        let mut periods: Vec<Period> = Vec::new();
        for contract in &config.contracts {
            let schema = contract.arrow_schema();
            let cuts = self.ledger.cuts(&contract.name, at)?;
            periods.extend(cuts.iter().map(|cut| cut.period));
            let root = config.home.root();
            let current: Vec<_> = cuts
                .iter()
                .filter(|cut| cut.superseded_at.is_none())
                .map(|cut| root.join(&cut.path))
                .collect();
            let versions: Vec<VersionFile> = cuts
                .iter()
                .map(|cut| VersionFile {
                    path: root.join(&cut.path),
                    recorded_at: cut.cut_at,
                    superseded_at: cut.superseded_at,
                })
                .collect();
            engine.register_parquet(&contract.name, schema.clone(), &current)?;
            engine.register_versions(&contract.name, schema, &versions)?;
        }
        let register = |name: &str, batch: arrow::array::RecordBatch| {
            engine.register_batches(name, batch.schema(), vec![batch])
        };
        let wrong = |name: &str| {
            let name = name.to_owned();
            move |error| PipelineError::step(format!("making the table `{name}`"), error)
        };
        for reference in &config.references {
            register(&reference.name, reference.batch.clone())?;
        }
        register("units", units_batch(&config.units).map_err(wrong("units"))?)?;
        register("contacts", contacts_batch(&config.contacts).map_err(wrong("contacts"))?)?;
        register("targets", targets_batch(&config.targets).map_err(wrong("targets"))?)?;
        let today = self.clock.today();
        let first = periods.iter().map(|period| period.starts_on().year()).min();
        let first = first.unwrap_or(today.year()).min(today.year());
        // One year on either side: deadlines reach into the next, comparisons into the last.
        let calendar = calendar_batch(&config.calendar, first - 1, today.year() + 1);
        register("calendar", calendar.map_err(wrong("calendar"))?)?;
        let rows = period_rows(config, first - 1, today.year() + 1);
        let batch = periods_batch(rows, &config.waves).map_err(wrong("periods"))?;
        register("periods", batch)?;
        if wanted("expected") {
            register("expected", self.expected(at)?)?;
        }
        for table in self.ledger.tables_named(at, &wanted)? {
            if table.name == "coverage" {
                register("coverage", self.coverage_of_cuts(at)?)?;
                continue;
            }
            let Some(schema) = reserved_schema(table.name) else { continue };
            let rows = objects(&table);
            let batch = batch_from_json(&schema, &rows).map_err(wrong(table.name))?;
            register(table.name, batch)?;
        }
        Ok(session)
    }

    /// Opens a session for these queries alone: the tables of the ledger that they read, and the metrics, through
    /// others too.
    pub(super) fn session_of<'a>(
        &self,
        queries: impl Iterator<Item = &'a str>,
        at: Option<Timestamp>,
    ) -> Result<Session, PipelineError> {
        let mut needed: BTreeSet<String> = BTreeSet::new();
        for sql in queries {
            needed.extend(table_references(sql).unwrap_or_default());
        }
        for metric in metric::in_order(&self.config.metrics).map_err(unordered)?.iter().rev() {
            if needed.contains(&metric.name) {
                needed.extend(table_references(&metric.sql).unwrap_or_default());
            }
        }
        let session = self.tables_named(at, |name| needed.contains(name))?;
        self.evaluate(&session, |metric| needed.contains(&metric.name))?;
        Ok(session)
    }

    /// Opens a session with the metrics evaluated.
    pub fn session(&self, at: Option<Timestamp>) -> Result<Session, PipelineError> {
        let session = self.tables(at)?;
        self.evaluate(&session, |_| true)?;
        Ok(session)
    }

    /// Brings the items of a session up to date, after a run has changed them, and the metrics that
    /// read them: the others, whose data have not changed, are not evaluated again.
    pub(super) fn refresh_items(&self, session: &Session) -> Result<(), PipelineError> {
        let mut changed: BTreeSet<String> = BTreeSet::new();
        let changes =
            |name: &str| matches!(name, "items" | "item_events" | "judgements" | "rules" | "held");
        for table in self.ledger.tables_named(None, changes)? {
            let Some(schema) = reserved_schema(table.name) else { continue };
            let batch = batch_from_json(&schema, &objects(&table)).map_err(|error| {
                PipelineError::step(format!("making the table `{}`", table.name), error)
            })?;
            session.engine.register_batches(table.name, schema, vec![batch])?;
            changed.insert(table.name.to_owned());
        }
        // What reads a metric that is evaluated again is evaluated again.
        for metric in metric::in_order(&self.config.metrics).map_err(unordered)? {
            let reads = table_references(&metric.sql).unwrap_or_default();
            if !reads.is_disjoint(&changed) {
                changed.insert(metric.name.clone());
            }
        }
        self.evaluate(session, |metric| changed.contains(&metric.name))
    }

    /// Evaluates metrics, on all cores those that do not read each other.
    fn evaluate(
        &self,
        session: &Session,
        wanted: impl Fn(&Metric) -> bool,
    ) -> Result<(), PipelineError> {
        for level in metric::in_levels(&self.config.metrics).map_err(unordered)? {
            let level: Vec<&Metric> = level.into_iter().filter(|metric| wanted(metric)).collect();
            let evaluated: Vec<Result<(), Box<MetricError>>> = level
                .par_iter()
                .map(|metric| session.wait(metric::register(&session.engine, metric)))
                .collect();
            // The first by name fails the run, whichever failed first.
            evaluated
                .into_iter()
                .collect::<Result<(), _>>()
                .map_err(|error| PipelineError::step(format!("metric {}", error.name), *error))?;
        }
        Ok(())
    }

    /// Opens a session for one query: only the metrics that it reads are evaluated.
    pub fn session_for(&self, sql: &str, at: Option<Timestamp>) -> Result<Session, PipelineError> {
        let session = self.tables(at)?;
        // A text that does not parse is said by the query itself, with its place.
        let wanted = table_references(sql).unwrap_or_default();
        let metrics = &self.config.metrics;
        let is_known = |name: &String| {
            session.engine.has_table(name) || metrics.iter().any(|metric| metric.name == *name)
        };
        if !wanted.iter().all(is_known) {
            // The query will fail by a name; with all metrics there, its error can propose one of
            // them. A metric that fails too is not what was asked about.
            let _ = session.wait(metric::register_all(&session.engine, metrics));
            return Ok(session);
        }
        session
            .wait(metric::register_needed(&session.engine, &self.config.metrics, &wanted))
            .map_err(|error| PipelineError::step(format!("metric {}", error.name), *error))?;
        Ok(session)
    }

    /// Whom the newest snapshots speak for. Not the ledger's own coverage: a file that was accepted
    /// after the snapshot was cut has no rows in it, and its town would look empty.
    fn coverage_of_cuts(
        &self,
        at: Option<Timestamp>,
    ) -> Result<arrow::array::RecordBatch, PipelineError> {
        let submissions: BTreeMap<SubmissionId, Submission> = self
            .ledger
            .submissions(&SubmissionFilter::default())?
            .into_iter()
            .map(|submission| (submission.submission_id, submission))
            .collect();
        let n_rows: BTreeMap<(SubmissionId, UnitCode), u64> = self
            .ledger
            .coverage(at)?
            .into_iter()
            .map(|row| ((row.submission_id, row.unit_code), row.n_rows))
            .collect();
        let mut rows = Vec::new();
        for cut in self.ledger.current_cuts(at)? {
            for input in self.ledger.cut_inputs(cut.cut_id)? {
                let Some(submission) = submissions.get(&input.submission_id) else { continue };
                // One that has been replaced since stands here until the next cut.
                let state = match submission.state {
                    SubmissionState::Superseded => SubmissionState::Accepted,
                    state => state,
                };
                rows.push(json!({
                    "dataset": cut.dataset, "period": cut.period.to_string(),
                    "reporter_code": submission.reporter_code.as_str(),
                    "unit_code": input.unit_code.as_str(),
                    "submission_id": input.submission_id.0, "state": state.as_str(),
                    "n_rows": n_rows.get(&(input.submission_id, input.unit_code.clone())),
                }));
            }
        }
        let schema = reserved_schema("coverage")
            .ok_or_else(|| PipelineError::wrong("the engine knows no table `coverage`"))?;
        batch_from_json(&schema, &rows)
            .map_err(|error| PipelineError::step("making the table `coverage`", error))
    }
}

fn unordered(problems: Vec<Diagnostic>) -> PipelineError {
    let error = metric::unordered(problems);
    PipelineError::step(format!("metric {}", error.name), error)
}

fn objects(table: &LedgerTable) -> Vec<Value> {
    table
        .rows
        .iter()
        .map(|row| {
            let fields = table.columns.iter().zip(row);
            Value::Object(
                fields.map(|((name, _), value)| ((*name).to_owned(), value.clone())).collect(),
            )
        })
        .collect()
}

/// Every period of every frequency that begins in these years, with its statistics date; and every
/// wave that a contract lists.
pub(super) fn period_rows(config: &Config, first: i16, last: i16) -> Vec<PeriodRow> {
    let mut rows: Vec<PeriodRow> = config
        .waves
        .iter()
        .map(|wave| PeriodRow { period: wave.period, stat_on: wave.closes_on })
        .collect();
    for frequency in Frequency::ALL.into_iter().filter(|f| *f != Frequency::Wave) {
        let contracts: Vec<_> =
            config.contracts.iter().filter(|c| c.frequency == frequency).collect();
        let mut period = Period::containing(frequency, jiff::civil::date(first, 1, 1));
        while period.starts_on().year() <= last {
            let stat_on = contracts.iter().map(|contract| contract.stat_on(period)).min();
            rows.push(PeriodRow { period, stat_on: stat_on.unwrap_or(period.ends_on()) });
            period = period.next();
        }
    }
    rows
}
