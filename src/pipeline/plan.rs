//! What a run would do now; nothing is changed.

use super::{JudgeOutcome, Pipeline, PipelineError, PlannedPull, RunOptions};
use crate::ledger::{DeliveryFilter, Submission};
use crate::model::{DeliveryState, Period, SubmissionState};
use crate::source::{Arrived, Misplaced};

/// A snapshot that a run would cut.
#[derive(Debug, Clone)]
pub struct PlannedCut {
    pub dataset: String,
    pub period: Period,
    pub n_submissions: usize,
    pub n_missing: usize,
    /// The first of its period.
    pub is_first: bool,
}

/// A unit that is expected to report and has nothing current.
#[derive(Debug, Clone)]
pub struct Awaited {
    pub dataset: String,
    pub period: Period,
    pub unit_name: String,
    pub due_on: jiff::civil::Date,
    pub overdue: bool,
    /// Its newest file was returned.
    pub returned: bool,
}

/// What a run would do.
#[derive(Debug, Clone)]
pub struct Plan {
    pub period: Period,
    pub is_newest: bool,
    pub waiting: Vec<Arrived>,
    pub misplaced: Vec<Misplaced>,
    /// What each source would be asked for.
    pub pulls: Vec<PlannedPull>,
    pub undecided: Vec<Submission>,
    pub cuts: Vec<PlannedCut>,
    pub awaited: Vec<Awaited>,
    /// Changes of items on the figures as they are now, before anything is cut.
    pub judged: JudgeOutcome,
    /// Report and recipients.
    pub reports: Vec<(String, Vec<String>)>,
    pub n_queued: usize,
}

impl Pipeline {
    pub fn plan(&self, options: &RunOptions) -> Result<Plan, PipelineError> {
        let (datasets, reports) = self.named(&options.pipelines)?;
        let period = options.period;
        let (waiting, misplaced) = self.waiting(&options.units)?;
        let cuts = self
            .dirty(&datasets)?
            .into_iter()
            .map(|dirty| {
                let mut submissions: Vec<_> =
                    dirty.coverage.iter().map(|row| row.submission_id).collect();
                submissions.sort();
                submissions.dedup();
                PlannedCut {
                    dataset: dirty.contract.name.clone(),
                    period: dirty.period,
                    n_submissions: submissions.len(),
                    n_missing: self.missing(dirty.contract, &dirty.coverage).len(),
                    is_first: dirty.newest.is_none(),
                }
            })
            .collect();
        let session = self.session(None)?;
        let judged = self.judge(&session, period)?;
        let mut planned = Vec::new();
        for definition in &self.config.reports {
            let wanted = options.pipelines.is_empty() || reports.contains(&definition.name);
            if wanted && definition.frequency == period.frequency() {
                planned.push((definition.name.clone(), self.recipients(&definition.to)?));
            }
        }
        let queued = self.ledger.deliveries(&DeliveryFilter::default())?;
        let n_queued = queued
            .iter()
            .filter(|d| matches!(d.state, DeliveryState::Queued | DeliveryState::Deferred))
            .count();
        Ok(Plan {
            period,
            is_newest: self.is_newest(period),
            waiting,
            misplaced,
            pulls: self.plan_pull(&datasets, &options.units, period)?,
            undecided: self.ledger.undecided()?,
            cuts,
            awaited: self.awaited(period)?,
            judged,
            reports: planned,
            n_queued,
        })
    }

    /// Who has not reported for a period, or for the longer periods that it lies in.
    pub(super) fn awaited(&self, period: Period) -> Result<Vec<Awaited>, PipelineError> {
        let coverage = self.ledger.coverage(None)?;
        let submissions = self.ledger.submissions(&crate::ledger::SubmissionFilter::default())?;
        let today = self.clock.today();
        let mut awaited = Vec::new();
        for contract in &self.config.contracts {
            let period = Period::containing(contract.frequency, period.ends_on());
            if !submissions.iter().any(|s| s.dataset == contract.name && s.period == period) {
                // Nothing of it has come at all: it is not collected for this period, or not yet.
                if !self.expected_periods(contract)?.contains(&period) {
                    continue;
                }
            }
            let due = contract.due_on(period, &self.config.calendar);
            let rows: Vec<_> = coverage
                .iter()
                .filter(|row| row.dataset == contract.name && row.period == period)
                .cloned()
                .collect();
            for unit in self.missing(contract, &rows) {
                let returned = submissions
                    .iter()
                    .rfind(|s| {
                        s.dataset == contract.name && s.period == period && s.reporter_code == unit
                    })
                    .is_some_and(|s| s.state == SubmissionState::Returned);
                awaited.push(Awaited {
                    dataset: contract.name.clone(),
                    period,
                    unit_name: self.unit_name(&unit),
                    due_on: due.on,
                    overdue: today > due.on,
                    returned,
                });
            }
        }
        Ok(awaited)
    }
}
