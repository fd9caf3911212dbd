//! Checks → violations → changes of items, under the rules as they are now.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::act::Ground;
use super::rules::{attribute, new_rules};
use super::{Pipeline, PipelineError, Progress, RuleChange, Session};
use crate::check::{self, Moment};
use crate::ledger::{ItemFilter, NewHeld, NewJudgement, NewJudging, NewRule, RunId};
use crate::model::{ItemChange, ItemEventKind, ItemKey, Judged, JudgedSubjects, Period, Violation};
use crate::supervise::{HeldBack, Holding, reconcile};

/// What judging a period came to.
#[derive(Debug, Clone, Default)]
pub struct JudgeOutcome {
    pub n_violations: usize,
    pub changes: Vec<ItemChange>,
    /// Violations for which no item is opened, because the open item of a cause explains them.
    pub held: Vec<HeldBack>,
    /// Rules that are judged under a new version, and what that alone opens and closes.
    pub rules: Vec<RuleChange>,
    /// The changes were not stored: the period is not the newest due one.
    pub withheld: bool,
    record: Record,
}

/// What the ledger is told besides the changes.
#[derive(Debug, Clone, Default)]
struct Record {
    /// The ledger's event number when the items were read.
    seen: i64,
    checks: Vec<NewJudgement>,
    rules: Vec<NewRule>,
    /// Open items that an item explains which is only now opened.
    holding: Vec<Holding>,
}

impl JudgeOutcome {
    /// Whether the ledger's items, rules or what is held back may differ from before.
    pub(super) fn is_news(&self) -> bool {
        !(self.changes.is_empty()
            && self.record.holding.is_empty()
            && self.held.is_empty()
            && self.rules.is_empty())
    }

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
        let mut violations: Vec<Violation> = Vec::new();
        let mut judged = Judged { period, checks: BTreeMap::new() };
        let mut outcomes = BTreeMap::new();
        // On all cores: most of a check's time is the planning of its SQL.
        let results: Vec<_> = self
            .config
            .checks
            .par_iter()
            .map(|rule| session.wait(check::run(session.engine(), rule, &moment)))
            .collect();
        for (rule, outcome) in self.config.checks.iter().zip(results) {
            let outcome = outcome
                .map_err(|error| PipelineError::step(format!("check {}", rule.id), error))?;
            violations.extend(outcome.violations.iter().cloned());
            judged.checks.insert(rule.id.clone(), outcome.judged.clone());
            outcomes.insert(rule.id.clone(), outcome);
        }
        let rules = self.rules_now()?;
        let seen = self.ledger.event_no()?;
        let items = self.ledger.items(&ItemFilter::default())?;
        let baselines = self.ledger.item_baselines()?;
        let ground = Ground { baselines, versions: rules.versions.clone() };
        let reconciled = reconcile(&items, &violations, &judged, &self.setting(&ground));
        let mut changes = reconciled.changes;
        let told = self.judge_as_before(&rules.changed, &moment)?;
        for (check, outcome) in &told {
            if let Err(error) = outcome {
                tracing::warn!(
                    %check, error = %error.chain(),
                    "the rule's last version cannot be run any more: its effect is not told apart from the data's"
                );
            }
        }
        let held: BTreeSet<ItemKey> =
            reconciled.held.iter().map(|held| held.violation.key.clone()).collect();
        let rule_changes = attribute(&rules, &outcomes, &told, &items, &held, &mut changes);
        let checks = outcomes.iter().map(|(check_id, outcome)| NewJudgement {
            check_id: check_id.clone(),
            rule_version: rules.versions.get(check_id).copied().unwrap_or(0),
            n_violations: outcome.violations.len() as u64,
            n_judged: match &outcome.judged {
                JudgedSubjects::All => None,
                JudgedSubjects::Only(subjects) => Some(subjects.len() as u64),
            },
            n_held: held.iter().filter(|key| key.check_id == *check_id).count() as u64,
            inputs_sha256: rules.inputs.get(check_id).cloned().unwrap_or_default(),
        });
        let checks = checks.collect();
        let rules = new_rules(&rules, &rule_changes)?;
        let record = Record { seen, checks, rules, holding: reconciled.holding };
        Ok(JudgeOutcome {
            n_violations: violations.len(),
            changes,
            held: reconciled.held,
            rules: rule_changes,
            withheld: false,
            record,
        })
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
                self.store_judging(run, period, &outcome)
            })?;
        }
        outcome.withheld = !store;
        Ok(outcome)
    }

    fn store_judging(
        &self,
        run: RunId,
        period: Period,
        outcome: &JudgeOutcome,
    ) -> Result<(), PipelineError> {
        let held: Vec<NewHeld> = outcome
            .held
            .iter()
            .map(|held| NewHeld {
                key: held.violation.key.clone(),
                subject_name: held.violation.subject_name.to_string(),
                unit_code: held.violation.unit_code.clone(),
                period: held.violation.period,
                detail: held.violation.detail.to_string(),
                cause: held.cause.clone(),
            })
            .collect();
        let holding: Vec<(ItemChange, ItemKey)> = outcome
            .record
            .holding
            .iter()
            .map(|holding| (holding.change.clone(), holding.cause.clone()))
            .collect();
        let judging = NewJudging {
            seen: outcome.record.seen,
            changes: &outcome.changes,
            holding: &holding,
            period,
            checks: &outcome.record.checks,
            held: &held,
            rules: &outcome.record.rules,
        };
        self.ledger.record_judging(&judging, run, self.now(), self.clock.today())?;
        Ok(())
    }
}
