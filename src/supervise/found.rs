//! What a judging says of each item, without regard to what explains what.

use std::collections::HashMap;

use jiff::civil::Date;

use super::Setting;
use super::cause::cause_checks;
use crate::calendar::Deadline;
use crate::config::check::{CheckRule, ClosesOn, OnCorrection};
use crate::model::{Frequency, Item, ItemState, Judged, Period, Violation};

/// A rule on the day of the judging.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuleNow<'a> {
    pub rule: &'a CheckRule,
    /// Of what it opens today.
    pub deadline: Deadline,
    pub version: Option<u32>,
    /// Its matters may explain those of other checks.
    pub explains: bool,
}

/// A judging and the rules that it went by.
pub(super) struct Judging<'a> {
    pub setting: &'a Setting<'a>,
    judged: &'a Judged,
    judged_until: Date,
    rules: HashMap<&'a str, RuleNow<'a>>,
}

/// What the judging says of an item.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verdict<'a> {
    /// Nothing: it is done.
    Alone,
    /// Nothing, but time goes on.
    Time,
    /// There is no item yet.
    Opens(&'a Violation),
    Fails(&'a Violation),
    /// It passes, and may end by that.
    Passes(Option<End>),
    /// It is done and fails again.
    Reopens(&'a Violation),
    /// It was closed long ago and the data still say so.
    Lasted,
}

/// How an item ends whose check passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    Withdrawn,
}

impl<'a> Judging<'a> {
    pub(super) fn new(judged: &'a Judged, setting: &'a Setting<'a>) -> Judging<'a> {
        let explain = cause_checks(setting.rules);
        let now = |rule: &'a CheckRule| RuleNow {
            explains: explain.contains(rule.id.as_str()),
            rule,
            deadline: setting.calendar.add_workdays(setting.today, rule.deadline_workdays),
            version: setting.versions.get(&rule.id).copied(),
        };
        Judging {
            setting,
            judged,
            judged_until: setting.waves.ends_on(judged.period),
            rules: setting.rules.iter().map(|rule| (rule.id.as_str(), now(rule))).collect(),
        }
    }

    pub(super) fn period(&self) -> Period {
        self.judged.period
    }

    pub(super) fn rule(&self, check: &str) -> Option<&RuleNow<'a>> {
        self.rules.get(check)
    }

    pub(super) fn verdict<'v>(
        &self,
        item: &Item,
        rule: &CheckRule,
        violation: Option<&'v Violation>,
    ) -> Verdict<'v> {
        match violation {
            // An older period run again says nothing about an item that newer figures speak of.
            Some(violation) if violation.period < item.period || self.is_before_pass(item) => {
                if item.is_done() {
                    Verdict::Alone
                } else {
                    Verdict::Time
                }
            }
            Some(violation) if !item.is_done() => Verdict::Fails(violation),
            // A person closed or withdrew it knowing these figures.
            Some(violation) if item.data_passes || violation.period > item.period => {
                Verdict::Reopens(violation)
            }
            Some(_) => Verdict::Alone,
            None if item.is_done() => {
                if self.has_lasted(item, rule) {
                    Verdict::Lasted
                } else {
                    Verdict::Alone
                }
            }
            // Each period is a matter of its own: another one's silence says nothing.
            None if rule.per_period && !self.is_of(item) => Verdict::Time,
            None if self.judged.covers(&item.key) && self.is_not_before(item) => {
                self.passes(item, rule)
            }
            None => Verdict::Time,
        }
    }

    fn passes<'v>(&self, item: &Item, rule: &CheckRule) -> Verdict<'v> {
        let first =
            item.passed_for.is_none_or(|last| self.setting.waves.ends_on(last) < self.judged_until);
        let corrected = self.is_of(item) && self.was_opened_for_its_period(item);
        if first
            && corrected
            && !item.data_passes
            && rule.on_correction == OnCorrection::Withdraw
            && item.episode == 1
            && nobody_acted(item)
        {
            return Verdict::Passes(Some(End::Withdrawn));
        }
        if !first && !item.data_passes {
            // A person reopened it knowing that it passes.
            return Verdict::Time;
        }
        let n_passes = item.n_passes + u32::from(first);
        let closes = rule.closes_on == ClosesOn::Data
            && item.state != ItemState::Suspended
            && n_passes >= rule.passes;
        Verdict::Passes(closes.then_some(End::Closed))
    }

    /// A closed item is looked back at by later data that could have shown the matter again.
    fn has_lasted(&self, item: &Item, rule: &CheckRule) -> bool {
        let Some(closed_on) = item.closed_on else { return false };
        let known = self.setting.waves.ends_on(item.passed_for.unwrap_or(item.period));
        let after = i64::from(self.setting.supervision.life.look_back_workdays);
        item.state == ItemState::Closed
            && item.data_passes
            && item.looked_back_on.is_none()
            && rule.closes_on == ClosesOn::Data
            && !rule.per_period
            && self.judged.covers(&item.key)
            && self.judged_until > known
            && self.setting.workdays(closed_on, self.setting.today) >= after
    }

    /// Whether the item passed in a period later than the judged one.
    fn is_before_pass(&self, item: &Item) -> bool {
        item.passed_for.is_some_and(|last| self.judged_until < self.setting.waves.ends_on(last))
    }

    /// A pass of an older period does not acquit an item that newer figures speak of. Periods of
    /// different frequencies (a yearly form, judged in a month) are compared by their ends.
    fn is_not_before(&self, item: &Item) -> bool {
        let waves = self.setting.waves;
        !self.is_before_pass(item)
            && (self.judged_until >= waves.ends_on(item.period)
                || self.judged.period.frequency() != item.period.frequency()
                    && self.judged_until >= waves.counts_from(item.period))
    }

    /// Whether the judged period speaks of the item's own: the same, or the wave that it joins.
    fn is_of(&self, item: &Item) -> bool {
        item.period == self.judged.period
            || item.period.frequency() == Frequency::Wave
                && self.setting.waves.joined_on(Frequency::Wave, self.judged_until)
                    == Some(item.period)
    }

    /// Whether the period that the item speaks of is the one that opened it.
    ///
    /// A period is judged when it is over, so an item that was opened before the end of its period has
    /// been kept since, with figures of a later one: then a correction of these does not undo the
    /// fault that opened it.
    fn was_opened_for_its_period(&self, item: &Item) -> bool {
        self.setting.waves.ends_on(item.period) <= item.opened_on
    }
}

/// Opened, or handed over by the program, and nobody has said or done anything yet.
fn nobody_acted(item: &Item) -> bool {
    matches!(item.state, ItemState::Opened | ItemState::Assigned)
        && item.signed_on.is_none()
        && (item.assigned_by.is_empty() || item.assigned_by == crate::model::Actor::PROGRAM)
        && item.asked_by.is_none()
        && item.n_extensions == 0
}
