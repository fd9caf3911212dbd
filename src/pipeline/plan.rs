//! What a run would do now; nothing is changed.

pub use super::collection::Awaited;
use super::{
    DigestPlan, EscalationPlan, JudgeOutcome, Pipeline, PipelineError, PlannedPull, ReminderPlan,
    RunOptions, ScheduleStatus,
};
use crate::ledger::{DeliveryFilter, Submission};
use crate::model::{DeliveryState, Period};
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
    /// Reminders that a run of them would mail now.
    pub reminders: ReminderPlan,
    /// Slips that a run of the escalation would send now.
    pub escalation: EscalationPlan,
    /// The digest that would be mailed now.
    pub digest: DigestPlan,
    /// Changes of items on the figures as they are now, before anything is cut.
    pub judged: JudgeOutcome,
    /// Report and recipients.
    pub reports: Vec<(String, Vec<String>)>,
    pub n_queued: usize,
    /// What falls due by itself, whatever the period.
    pub schedules: Vec<ScheduleStatus>,
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
                let scopes = match &definition.burst {
                    Some(burst) => self.units_of(burst).iter().map(|u| u.code.as_str()).collect(),
                    None => vec![""],
                };
                let mut recipients = Vec::new();
                for scope in scopes {
                    recipients.extend(self.recipients(&definition.to, scope)?);
                }
                planned.push((definition.name.clone(), recipients));
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
            reminders: self.reminders_due()?,
            escalation: self.escalation_due()?,
            digest: self.digest_due()?,
            judged,
            reports: planned,
            n_queued,
            schedules: self.schedules()?,
        })
    }
}
