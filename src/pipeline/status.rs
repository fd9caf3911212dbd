//! The state of a home: what `duban status` lays out, beside what the daemon says of itself.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::{ClosedCorrection, Pipeline, PipelineError, SourceTrouble, process};
use crate::ledger::{Delivery, DeliveryFilter, Edition, EditionFilter, ItemFilter, Run};
use crate::model::{DeliveryState, Frequency, ItemState, Light, Period, UnitCode};

/// What `duban status` shows of the pipeline.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub at: Timestamp,
    pub newest_month: Option<Period>,
    pub lease: Option<Lease>,
    /// The newest that ended, newest first.
    pub last_runs: Vec<Run>,
    /// Files of the drop folder that were not taken yet.
    pub n_waiting: usize,
    pub misplaced: Vec<Misplaced>,
    /// Files of open periods that a source could not give.
    pub sources: Vec<SourceTrouble>,
    pub n_sources: usize,
    /// A row for each data set, for the period that the newest month lies in.
    pub collection: Vec<Collection>,
    /// Corrections that came after their window and stand: somebody should ask why.
    pub closed_corrections: Vec<ClosedCorrection>,
    /// Units that should have been reminded and cannot be: unit and why.
    pub unreachable: BTreeMap<UnitCode, String>,
    /// Newest snapshot of each data set.
    pub snapshots: Vec<NewestSnapshot>,
    pub items: Items,
    pub last_edition: Option<LastEdition>,
    pub mails_by_state: BTreeMap<DeliveryState, usize>,
    /// Mails that need a person, or have failed and wait: refused, uncertain, deferred.
    pub mails_to_see: Vec<MailToSee>,
    pub disk: Disk,
}

/// Who holds the home.
#[derive(Debug, Clone, Serialize)]
pub struct Lease {
    pub run: Run,
    /// A dead holder's lease is taken over by the next run.
    pub alive: bool,
}

/// A file of the drop folder that cannot be taken.
#[derive(Debug, Clone, Serialize)]
pub struct Misplaced {
    pub label: String,
    pub message: String,
    pub hint: String,
}

/// How far a data set has come in.
#[derive(Debug, Clone, Serialize)]
pub struct Collection {
    pub dataset: String,
    pub title: String,
    pub period: Period,
    pub due_on: Date,
    pub n_expected: usize,
    pub n_reported: usize,
    /// Who is awaited; nobody while nothing of the data set has come at all.
    pub missing: Vec<Missing>,
}

/// A unit that is expected to report and has nothing current.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    pub unit_name: String,
    pub overdue: bool,
    /// Its newest file was returned.
    pub returned: bool,
}

/// The newest snapshot of a data set.
#[derive(Debug, Clone, Serialize)]
pub struct NewestSnapshot {
    pub dataset: String,
    pub period: Period,
    pub snapshot_id: String,
    pub cut_at: Timestamp,
    pub n_rows: u64,
    pub n_units: u64,
}

/// Supervision items, counted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Items {
    pub by_state: BTreeMap<ItemState, usize>,
    /// Of those that are open.
    pub by_light: BTreeMap<Light, usize>,
    pub n_open: usize,
    /// Open and past their due date.
    pub n_overdue: usize,
}

/// The newest edition of any report.
#[derive(Debug, Clone, Serialize)]
pub struct LastEdition {
    pub report: String,
    pub period: Period,
    pub edition_no: i64,
    pub created_at: Timestamp,
}

/// A mail that a person should look at.
#[derive(Debug, Clone, Serialize)]
pub struct MailToSee {
    pub delivery_id: i64,
    pub kind: String,
    pub recipient: String,
    pub state: DeliveryState,
    pub attempts: u64,
    pub not_before: Option<Timestamp>,
    pub last_reply: String,
}

/// What lies on disk, in bytes.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Disk {
    pub archive: u64,
    pub snapshots: u64,
    pub reports: u64,
    pub mail: u64,
    /// With its write-ahead log.
    pub ledger: u64,
}

impl Pipeline {
    pub fn status(&self) -> Result<Status, PipelineError> {
        let newest_month = self.newest_due(Frequency::Month);
        let (waiting, misplaced) = self.waiting(&[])?;
        let lease = self.ledger.lease()?.map(|run| {
            let alive = process::is_alive(&run.holder);
            Lease { run, alive }
        });
        let ended = |run: &Run| run.finished_at.is_some();
        let last_runs = self.ledger.runs(4)?.into_iter().filter(ended).take(3).collect();
        let deliveries = self.ledger.deliveries(&DeliveryFilter::default())?;
        let mut mails_by_state = BTreeMap::new();
        for delivery in &deliveries {
            *mails_by_state.entry(delivery.state).or_insert(0) += 1;
        }
        let editions = self.ledger.editions(&EditionFilter::default())?;
        let last = editions.into_iter().max_by_key(|edition| edition.edition_id);
        Ok(Status {
            at: self.clock.now(),
            newest_month,
            lease,
            last_runs,
            n_waiting: waiting.len(),
            misplaced: misplaced
                .into_iter()
                .map(|file| Misplaced { label: file.label, message: file.message, hint: file.hint })
                .collect(),
            sources: self.source_troubles()?,
            n_sources: self.config.sources.len(),
            collection: self.collection(newest_month)?,
            closed_corrections: self.closed_corrections()?,
            unreachable: self.ledger.unreachable()?,
            snapshots: self.newest_snapshots()?,
            items: self.count_items()?,
            last_edition: last.map(|edition: Edition| LastEdition {
                report: edition.report,
                period: edition.period,
                edition_no: edition.edition_no,
                created_at: edition.created_at,
            }),
            mails_by_state,
            mails_to_see: deliveries.into_iter().filter_map(to_see).collect(),
            disk: self.disk()?,
        })
    }

    /// How far each data set has come in for the period that a month lies in.
    pub fn collection(&self, month: Option<Period>) -> Result<Vec<Collection>, PipelineError> {
        let Some(month) = month else { return Ok(Vec::new()) };
        let mut awaited = self.awaited(month)?;
        let coverage = self.ledger.coverage(None)?;
        let mut rows = Vec::new();
        for contract in &self.config.contracts {
            let ends_on = self.config.waves.ends_on(month);
            let Some(period) = contract.period_joined_on(ends_on) else { continue };
            let missing: Vec<Missing> = awaited
                .extract_if(.., |one| one.dataset == contract.name && one.period == period)
                .map(|one| Missing {
                    unit_name: one.unit_name,
                    overdue: one.overdue,
                    returned: one.returned,
                })
                .collect();
            let current: Vec<_> = coverage
                .iter()
                .filter(|row| row.dataset == contract.name && row.period == period)
                .cloned()
                .collect();
            let n_expected = self.reporters(contract).count();
            rows.push(Collection {
                dataset: contract.name.clone(),
                title: contract.title.clone(),
                period,
                due_on: contract.due_on(period, &self.config.calendar).on,
                n_expected,
                n_reported: n_expected.saturating_sub(self.missing(contract, &current).len()),
                missing,
            });
        }
        Ok(rows)
    }

    fn newest_snapshots(&self) -> Result<Vec<NewestSnapshot>, PipelineError> {
        let mut newest: BTreeMap<String, NewestSnapshot> = BTreeMap::new();
        for cut in self.ledger.current_cuts(None)? {
            if newest.get(&cut.dataset).is_none_or(|other| other.period < cut.period) {
                let snapshot = NewestSnapshot {
                    dataset: cut.dataset.clone(),
                    period: cut.period,
                    snapshot_id: cut.snapshot_id,
                    cut_at: cut.cut_at,
                    n_rows: cut.n_rows,
                    n_units: cut.n_units,
                };
                newest.insert(cut.dataset, snapshot);
            }
        }
        Ok(newest.into_values().collect())
    }

    fn count_items(&self) -> Result<Items, PipelineError> {
        let today = self.clock.today();
        let mut items = Items::default();
        for item in self.ledger.items(&ItemFilter::default())? {
            *items.by_state.entry(item.state).or_insert(0) += 1;
            if !matches!(item.state, ItemState::Closed | ItemState::Archived | ItemState::Withdrawn)
            {
                *items.by_light.entry(item.light).or_insert(0) += 1;
                items.n_open += 1;
                items.n_overdue += usize::from(item.due_on < today);
            }
        }
        Ok(items)
    }

    fn disk(&self) -> Result<Disk, PipelineError> {
        let home = &self.config.home;
        let ledger = home.ledger();
        let beside = ledger.with_extension("sqlite-wal");
        Ok(Disk {
            archive: size_of(&home.archive())?,
            snapshots: size_of(&home.snapshots())? + size_of(&home.current())?,
            reports: size_of(&home.reports())?,
            mail: size_of(&home.mail())?,
            ledger: [ledger, beside]
                .iter()
                .map(|path| fs_err::metadata(path).map_or(0, |file| file.len()))
                .sum(),
        })
    }
}

fn to_see(delivery: Delivery) -> Option<MailToSee> {
    let failed_before = delivery.state == DeliveryState::Queued && delivery.attempts > 0;
    let to_see = matches!(
        delivery.state,
        DeliveryState::Refused | DeliveryState::Uncertain | DeliveryState::Deferred
    );
    (to_see || failed_before).then_some(MailToSee {
        delivery_id: delivery.delivery_id.0,
        kind: delivery.kind,
        recipient: delivery.recipient,
        state: delivery.state,
        attempts: delivery.attempts,
        not_before: delivery.not_before,
        last_reply: delivery.last_reply,
    })
}

/// Bytes of all files under a folder; an absent one has none. What is swept away meanwhile is not counted.
fn size_of(folder: &Path) -> std::io::Result<u64> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut size = 0;
    for entry in entries {
        let entry = entry?;
        let Ok(facts) = entry.metadata() else { continue };
        size += if facts.is_dir() { size_of(&entry.path())? } else { facts.len() };
    }
    Ok(size)
}
