//! Snapshots, metrics, checks and items, on the demo's four months.

use std::collections::{BTreeMap, BTreeSet};

use duban::check::{Moment, run_all};
use duban::demo::Form;
use duban::ledger::ItemFilter;
use duban::metric::register_all;
use duban::model::UnitCode;
use duban::normalize::{Context, Submitted, normalize};
use duban::snapshot::{Metadata, Part, assemble, read, write};
use duban::supervise::{Setting, reconcile};
use jiff::civil::date;

use crate::Outcome;
use crate::fixture::{Campaign, folder};
use crate::measure::{Line, Plan, median, median_of, time};

/// A month's classes of the 30 towns, from record batches to a Parquet file.
pub fn snapshots(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    let config = &campaign.config;
    let contract = config
        .contracts
        .iter()
        .find(|contract| contract.name == Form::Enrollment.dataset())
        .ok_or("no contract for enrollment")?;
    let mut parts = Vec::new();
    let mut inputs = BTreeMap::new();
    let mut reporting: BTreeSet<UnitCode> = BTreeSet::new();
    let books = campaign.workbooks(Form::Enrollment)?;
    let period = books[0].period;
    for (id, arrival) in (1..).zip(&books) {
        let submitted = Submitted { file_name: &arrival.path, bytes: &arrival.bytes };
        let context = Context {
            units: &config.units,
            period: arrival.period,
            reporter: Some(arrival.reporter.clone()),
            today: date(2025, 1, 31),
        };
        let normalized = normalize(&submitted, contract, &context);
        let batch = normalized.batch.ok_or("a faultless workbook has no rows")?;
        let units: BTreeSet<UnitCode> = normalized.units.into_keys().collect();
        reporting.extend(units.iter().cloned());
        inputs.insert(id, duban::durable::sha256_hex(&arrival.bytes));
        parts.push(Part { submission_id: id, units, batch });
    }
    let schema = contract.arrow_schema();
    let put = || Ok(assemble(&schema, contract.schema_version, &reporting, &parts)?);
    let assembled = put()?;
    let n_rows = assembled.batch.num_rows();
    let metadata = Metadata {
        dataset: contract.name.clone(),
        period,
        schema_version: contract.schema_version,
        inputs,
        missing_units: Vec::new(),
    };
    let rounds = plan.rounds(21);
    let assembling = median_of(rounds, put)?;
    let mut writing = Vec::new();
    let mut reading = Vec::new();
    for _ in 0..rounds {
        // A snapshot that is there is not written again.
        let folder = folder()?;
        writing.push(time(|| Ok(write(folder.path(), &assembled, &metadata)?))?);
        let path = write(folder.path(), &assembled, &metadata)?;
        reading.push(time(|| Ok(read(&path)?))?);
    }
    Ok(vec![
        Line::new("snapshot: assemble, sort, id", assembling).of(n_rows, "row"),
        Line::new("snapshot: write, fsync", median(&mut writing)).of(n_rows, "row"),
        Line::new("snapshot: read", median(&mut reading)).of(n_rows, "row"),
    ])
}

/// All metrics over the four months.
pub fn metrics(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    let pipeline = &campaign.replayed()?.pipeline;
    let metrics = &pipeline.config().metrics;
    let rounds = plan.rounds(11);
    let mut opening = Vec::new();
    let mut evaluating = Vec::new();
    for _ in 0..=rounds {
        opening.push(time(|| Ok(pipeline.tables(None)?))?);
        let session = pipeline.tables(None)?;
        evaluating.push(time(|| {
            Ok(session.wait(register_all(session.engine(), metrics)).map_err(|error| *error)?)
        })?);
    }
    // The first warmed up.
    Ok(vec![
        Line::new("metric: tables of a session", median(&mut opening[1..])),
        Line::new("metric: all, four months", median(&mut evaluating[1..]))
            .of(metrics.len(), "metric"),
    ])
}

/// All checks for the last month, and what becomes of the items.
pub fn checks(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    let replayed = campaign.replayed()?;
    let pipeline = &replayed.pipeline;
    let config = pipeline.config();
    let session = pipeline.session(None)?;
    let today = pipeline.clock().date_of(replayed.last.at);
    let moment = Moment { period: replayed.last.period, as_of: replayed.last.at, today };
    let check = || {
        let checked = session.wait(run_all(session.engine(), &config.checks, &moment));
        match checked.errors.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok((checked.violations, checked.judged)),
        }
    };
    let (violations, judged) = check()?;
    let items = pipeline.ledger().items(&ItemFilter::default())?;
    let baselines = pipeline.ledger().item_baselines()?;
    let versions = std::collections::BTreeMap::new();
    let setting = Setting {
        rules: &config.checks,
        supervision: &config.supervision,
        calendar: &config.calendar,
        waves: &config.waves,
        today,
        baselines: &baselines,
        versions: &versions,
    };
    let checking = median_of(plan.rounds(11), check)?;
    let reconciling =
        median_of(plan.rounds(101), || Ok(reconcile(&items, &violations, &judged, &setting)))?;
    Ok(vec![
        Line::new("check: all, one month", checking)
            .of(config.checks.len(), "check")
            .remark(format!("{} violations", violations.len())),
        Line::new("check: reconcile", reconciling).of(items.len(), "item"),
    ])
}
