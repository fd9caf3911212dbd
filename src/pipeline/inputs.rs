//! What the content of a paper depends on, as a hash: the same, and no new edition is made.
//!
//! ## Design notes
//! - **Never the clock.** A new as-of alone makes no new edition: rows that a query takes from the day
//!   (how many days something is overdue) are not among the inputs, nor is what moves in the ledger with
//!   each run (lights, runs, mails). What items and returned files say instead is taken from the ledger by
//!   fields that only a person or a figure changes.
//! - **A report of all** goes by the ids of the snapshots, which name all data there is: no query is run to
//!   find that nothing changed.
//! - **A unit's own sheet** goes by its rows: its own and those that all may see, of the queries that read
//!   figures and configuration alone. Another unit's correction makes no new sheet of this one unless it
//!   moves something printed here, such as a rank or the district's rate. Queries that read the clock or
//!   the ledger are represented by the unit's own items and returned files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::publish::Sheet;
use super::{Pipeline, PipelineError};
use crate::config::report::ReportDefinition;
use crate::durable::sha256_hex;
use crate::engine::{reserved_tables, table_references};
use crate::ledger::{ItemFilter, SubmissionFilter};
use crate::model::{Period, SubmissionState, UnitCode};
use crate::report::QueryRows;
use crate::report::document::Value as Cell;

/// Tables of the program that hold configuration or data, not what runs leave in the ledger.
const STEADY: [&str; 7] =
    ["units", "contacts", "targets", "calendar", "periods", "coverage", "expected"];

/// Parameters that are other values tomorrow, or in the next edition.
const MOVING: [&str; 3] = ["$as_of", "$today", "$since"];

/// What the ledger says of one unit.
pub(super) struct Fact {
    pub unit: UnitCode,
    /// The unit that it is assigned to, or that sent it.
    pub with: UnitCode,
    pub what: Value,
}

/// What the ledger says that papers depend on.
pub(super) struct Facts {
    pub items: Vec<Fact>,
    /// Newest files that were returned and not replaced.
    pub returned: Vec<Fact>,
}

impl Pipeline {
    pub(super) fn stated(&self, period: Period) -> Result<Facts, PipelineError> {
        let waves = &self.config.waves;
        let until = waves.ends_on(period);
        let items = self.ledger.items(&ItemFilter::default())?.into_iter();
        let items = items.map(|item| Fact {
            with: item.responsible_unit().clone(),
            what: json!([
                item.item_no,
                item.state,
                item.episode,
                item.data_passes,
                item.due_on,
                item.period,
                item.observed,
                item.detail
            ]),
            unit: item.unit_code,
        });
        let items = items.collect();
        // A file that was returned and not replaced is said in the report; one that was accepted
        // shows in the snapshots, or changes nothing.
        let mut newest: BTreeMap<_, _> = BTreeMap::new();
        for submission in self.ledger.submissions(&SubmissionFilter::default())? {
            if waves.counts_from(submission.period) <= until {
                let key = (
                    submission.dataset.clone(),
                    submission.period,
                    submission.reporter_code.to_string(),
                );
                newest.insert(key, submission);
            }
        }
        let returned =
            newest.into_iter().filter(|(_, file)| file.state == SubmissionState::Returned);
        let returned = returned
            .map(|(key, file)| Fact {
                unit: file.reporter_code.clone(),
                with: file.reporter_code,
                what: json!((key, file.sha256)),
            })
            .collect();
        Ok(Facts { items, returned })
    }

    /// The hash for a report of all.
    pub(super) fn inputs_hash(
        &self,
        definition: &ReportDefinition,
        period: Period,
    ) -> Result<String, PipelineError> {
        let config = &self.config;
        let snapshots: Vec<_> = self
            .cuts_until(period, None)?
            .into_iter()
            .map(|cut| (cut.dataset, cut.period, cut.snapshot_id))
            .collect();
        let facts = self.stated(period)?;
        let what = |facts: Vec<Fact>| facts.into_iter().map(|f| f.what).collect::<Vec<_>>();
        let references: Vec<_> = config.references.iter().map(|r| (&r.name, &r.text)).collect();
        let targets: Vec<String> =
            config.targets.iter().map(|target| format!("{target:?}")).collect();
        let units: Vec<String> = config.units.iter().map(|unit| format!("{unit:?}")).collect();
        let mut inputs = json!({
            "report": definition.text,
            "mail_css": config.mail_css, "page": config.page_style,
            "metrics": config.metrics.iter().map(|m| &m.sql).collect::<Vec<_>>(),
            "checks": config.checks.iter().map(|c| (&c.id, &c.title)).collect::<Vec<_>>(),
            "contracts": config.contracts.iter().map(|c| &c.hash).collect::<Vec<_>>(),
            "references": references, "targets": targets, "units": units, "notices": config.settings.reports.notices,
            "snapshots": snapshots, "items": what(facts.items), "returned": what(facts.returned),
        });
        if !definition.params.is_empty() {
            inputs["params"] = json!(definition.params);
        }
        Ok(sha256_hex(inputs.to_string().as_bytes()))
    }

    /// The hash for a unit's own sheet. `steady`: the queries whose rows count ([`Pipeline::steady_queries`]).
    pub(super) fn sheet_hash(
        &self,
        sheet: &Sheet<'_>,
        steady: &BTreeSet<String>,
        facts: &Facts,
        concerns: impl Fn(&UnitCode) -> bool,
    ) -> String {
        let config = &self.config;
        let definition = sheet.definition;
        let of = |facts: &[Fact]| {
            let own = facts.iter().filter(|fact| concerns(&fact.unit) || concerns(&fact.with));
            own.map(|fact| fact.what.clone()).collect::<Vec<_>>()
        };
        let rows: BTreeMap<&String, Vec<String>> = sheet
            .results
            .iter()
            .filter(|(name, _)| steady.contains(*name))
            .map(|(name, rows)| (name, written(rows)))
            .collect();
        let inputs = json!({
            "report": definition.text, "params": definition.params,
            "mail_css": config.mail_css, "page": config.page_style,
            "checks": config.checks.iter().map(|c| (&c.id, &c.title)).collect::<Vec<_>>(),
            "notices": config.settings.reports.notices,
            "district": config.settings.district.name,
            "unit": sheet.unit.map(|unit| (unit.code.as_str(), &unit.name)),
            "rows": rows, "items": of(&facts.items), "returned": of(&facts.returned),
        });
        sha256_hex(inputs.to_string().as_bytes())
    }

    /// The queries of a report whose rows only data and definitions change: they name no parameter that
    /// moves, and read no table that runs write, not even by way of a metric.
    pub(super) fn steady_queries(&self, definition: &ReportDefinition) -> BTreeSet<String> {
        let living: BTreeSet<&str> =
            reserved_tables().filter(|table| !STEADY.contains(table)).collect();
        let is_steady = |sql: &str| {
            if MOVING.iter().any(|param| sql.contains(param)) {
                return false;
            }
            // A text that does not parse fails when it is run, and is said there.
            let mut ahead: Vec<String> =
                table_references(sql).unwrap_or_default().into_iter().collect();
            let mut seen = BTreeSet::new();
            while let Some(table) = ahead.pop() {
                if living.contains(table.as_str()) {
                    return false;
                }
                if !seen.insert(table.clone()) {
                    continue;
                }
                let metric = self.config.metrics.iter().find(|metric| metric.name == table);
                if let Some(metric) = metric {
                    ahead.extend(table_references(&metric.sql).unwrap_or_default());
                }
            }
            true
        };
        let queries = definition.queries.iter();
        queries.filter(|(_, query)| is_steady(&query.sql)).map(|(name, _)| name.clone()).collect()
    }
}

/// Rows as texts, sorted: the engine may give rows without ORDER BY in any order, and a sum of doubles
/// with another last digit.
fn written(rows: &QueryRows) -> Vec<String> {
    let cell = |cell: &Cell| match cell {
        Cell::Float(number) => format!("{number:.11e}"),
        other => format!("{other:?}"),
    };
    let mut written: Vec<String> = rows
        .rows
        .iter()
        .map(|row| row.iter().map(cell).collect::<Vec<_>>().join("\u{1f}"))
        .collect();
    written.sort();
    written
}
