//! Checks → violations → changes of items.

use super::{Pipeline, PipelineError, Progress, Session};
use crate::check::{self, Moment, Outcome};
use crate::ledger::{ItemFilter, RunId};
use crate::model::{ItemChange, ItemEventKind, Period};
use crate::supervise::{self, reconcile};

/// What judging a period came to.
#[derive(Debug, Clone, Default)]
pub struct JudgeOutcome {
    pub n_violations: usize,
    pub changes: Vec<ItemChange>,
    /// The changes were not stored: the period is not the newest due one.
    pub withheld: bool,
}

impl JudgeOutcome {
    pub fn count(&self, kind: ItemEventKind) -> usize {
        self.changes.iter().filter(|change| change.kind == kind).count()
    }
}

impl Pipeline {
    /// Runs all checks for a period and reconciles the items; stores nothing.
    pub(super) fn judge(
        &self,
        session: &Session,
        period: Period,
    ) -> Result<JudgeOutcome, PipelineError> {
        let moment =
            Moment { period, as_of: self.now(), today: self.clock.today() };
        let mut outcomes: Vec<(&crate::config::check::CheckRule, Outcome)> = Vec::new();
        for rule in &self.config.checks {
            let outcome = session
                .wait(check::run(session.engine(), rule, &moment))
                .map_err(|error| PipelineError::step(format!("check {}", rule.id), error))?;
            outcomes.push((rule, outcome));
        }
        let items = self.ledger.items(&ItemFilter::default())?;
        let n_violations = outcomes.iter().map(|(_, outcome)| outcome.violations.len()).sum();
        let judged = supervise::Judged::from_outcomes(outcomes);
        let changes = reconcile(&items, &judged, period, self.clock.today(), &self.config.calendar);
        Ok(JudgeOutcome { n_violations, changes, withheld: false })
    }

    pub(super) fn judge_and_store(
        &self,
        run: RunId,
        session: &Session,
        period: Period,
        store: bool,
        progress: &dyn Progress,
    ) -> Result<JudgeOutcome, PipelineError> {
        let mut outcome = self.step(run, "check", &period.to_string(), progress, || {
            self.judge(session, period)
        })?;
        if store {
            self.step(run, "item", &period.to_string(), progress, || {
                self.ledger.apply_item_changes(&outcome.changes, Some(run), self.now())?;
                Ok(())
            })?;
        } else {
            outcome.withheld = true;
        }
        Ok(outcome)
    }
}
