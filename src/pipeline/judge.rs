//! Checks → violations → changes of items.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{Pipeline, PipelineError, Progress, Session};
use crate::check::{self, Moment};
use crate::ledger::{ItemFilter, RunId};
use crate::model::{ItemChange, ItemEventKind, Judged, Period};
use crate::supervise::{Setting, reconcile};

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
        let moment = Moment { period, as_of: self.now(), today: self.clock.today() };
        let mut violations = Vec::new();
        let mut judged = Judged { period, checks: BTreeMap::new() };
        // On all cores: most of a check's time is the planning of its SQL.
        let outcomes: Vec<_> = self
            .config
            .checks
            .par_iter()
            .map(|rule| session.wait(check::run(session.engine(), rule, &moment)))
            .collect();
        for (rule, outcome) in self.config.checks.iter().zip(outcomes) {
            let outcome = outcome
                .map_err(|error| PipelineError::step(format!("check {}", rule.id), error))?;
            violations.extend(outcome.violations);
            judged.checks.insert(rule.id.clone(), outcome.judged);
        }
        let items = self.ledger.items(&ItemFilter::default())?;
        let baselines = self.ledger.item_baselines()?;
        let setting = Setting {
            rules: &self.config.checks,
            calendar: &self.config.calendar,
            waves: &self.config.waves,
            today: self.clock.today(),
            baselines: &baselines,
        };
        let changes = reconcile(&items, &violations, &judged, &setting);
        Ok(JudgeOutcome { n_violations: violations.len(), changes, withheld: false })
    }

    pub(super) fn judge_and_store(
        &self,
        run: RunId,
        session: &Session,
        period: Period,
        store: bool,
        progress: &dyn Progress,
    ) -> Result<JudgeOutcome, PipelineError> {
        let mut outcome =
            self.step(run, "check", &period.to_string(), progress, || self.judge(session, period))?;
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
