use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::light::{is_done, light};
use crate::calendar::Calendar;
use crate::config::check::{CheckRule, ClosesOn, OnCorrection};
use crate::model::{
    Frequency, Item, ItemChange, ItemEventKind, ItemKey, ItemState, Judged, Light, Period,
    Violation, Waves,
};

/// What reconciling goes by, besides items and violations.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    pub rules: &'a [CheckRule],
    pub calendar: &'a Calendar,
    /// The days of the periods that have none of their own.
    pub waves: &'a Waves,
    /// The day on which items are opened and lights are set: of the run, never of the period.
    pub today: Date,
    /// The observed figure of each item when its episode began (its last opened or reopened event).
    pub baselines: &'a BTreeMap<ItemKey, f64>,
}

/// Compares items with violations and returns what changes, sorted by key: at most one change an
/// item.
///
/// `items` are **all** items of the ledger, the done ones too, as one of them may fail again.
///
/// | item | violation | becomes |
/// |---|---|---|
/// | none | yes | opened; due in working days from today, today not counted |
/// | in work | yes | kept, if figures, deadline or light changed; `data_fails` if it had passed |
/// | in work | no, judged | closed (`closes_on = data`), else `data_passes` |
/// | opened, nobody acted, first episode | no, judged for the period that opened it | withdrawn (`on_correction = withdraw`) |
/// | suspended | yes or no | its figures follow, its state does not |
/// | closed, archived, withdrawn | yes | reopened: next episode, new deadline |
/// | any | no, not judged | as it was; only light and provisional deadline follow the calendar |
///
/// Of several violations with one key the greatest by period, then text, counts. Violations of
/// checks without a rule, and those of a period before the item's, change nothing.
pub fn reconcile(
    items: &[Item],
    violations: &[Violation],
    judged: &Judged,
    setting: &Setting<'_>,
) -> Vec<ItemChange> {
    let rules: BTreeMap<&str, &CheckRule> =
        setting.rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
    let mut found: BTreeMap<&ItemKey, &Violation> = BTreeMap::new();
    for violation in violations {
        let best = found.entry(&violation.key).or_insert(violation);
        if rank(violation) > rank(best) {
            *best = violation;
        }
    }
    let mut changes = BTreeMap::new();
    for item in items {
        let Some(rule) = rules.get(item.key.check_id.as_str()) else { continue };
        let change = match found.get(&item.key) {
            // An older period run again says nothing about an item that newer figures speak of.
            Some(violation) if violation.period < item.period => recount(item, rule, setting),
            Some(violation) if is_done(item.state) => Some(reopen(item, violation, rule, setting)),
            Some(violation) => fails(item, violation, rule, setting),
            None if is_done(item.state) => None,
            // Each period is a matter of its own: another one's silence says nothing.
            None if rule.per_period && !is_of(item, judged.period, setting.waves) => {
                recount(item, rule, setting)
            }
            None if judged.covers(&item.key) && judged_not_before(item, judged, setting.waves) => {
                passes(item, rule, judged.period, setting)
            }
            None => recount(item, rule, setting),
        };
        if let Some(change) = change {
            changes.insert(item.key.clone(), change);
        }
    }
    let known: BTreeSet<&ItemKey> = items.iter().map(|item| &item.key).collect();
    for (key, violation) in found {
        if let (false, Some(rule)) = (known.contains(key), rules.get(key.check_id.as_str())) {
            changes.insert(key.clone(), open(violation, rule, setting));
        }
    }
    changes.into_values().collect()
}

fn rank(violation: &Violation) -> (Period, &str, &str, &str) {
    (violation.period, &violation.detail, &violation.subject_name, violation.unit_code.as_str())
}

/// A pass of an older period does not acquit an item that newer figures speak of. Periods of
/// different frequencies (a yearly form, judged in a month) are compared by their ends.
fn judged_not_before(item: &Item, judged: &Judged, waves: &Waves) -> bool {
    let judged_until = waves.ends_on(judged.period);
    judged_until >= waves.ends_on(item.period)
        || judged.period.frequency() != item.period.frequency()
            && judged_until >= waves.counts_from(item.period)
}

/// Whether judging `period` speaks of the item's own period: the same, or the wave that it joins.
fn is_of(item: &Item, period: Period, waves: &Waves) -> bool {
    item.period == period
        || item.period.frequency() == Frequency::Wave
            && waves.joined_on(Frequency::Wave, waves.ends_on(period)) == Some(item.period)
}

fn open(violation: &Violation, rule: &CheckRule, setting: &Setting<'_>) -> ItemChange {
    let deadline = setting.calendar.add_workdays(setting.today, rule.deadline_workdays);
    let mut item = Item {
        item_no: 0,
        key: violation.key.clone(),
        check_title: rule.title.clone(),
        level: rule.level.clone(),
        subject_name: violation.subject_name.clone(),
        unit_code: violation.unit_code.clone(),
        state: ItemState::Opened,
        light: Light::Green,
        opened_on: setting.today,
        due_on: deadline.on,
        due_provisional: deadline.provisional,
        escalation: 0,
        episode: 1,
        data_passes: false,
        period: violation.period,
        observed: violation.observed,
        target: violation.target,
        detail: violation.detail.clone(),
        closed_on: None,
    };
    item.light = light(&item, setting.today, setting.calendar, item.observed);
    let reason = violation.detail.clone();
    ItemChange { kind: ItemEventKind::Opened, item, from_state: None, reason }
}

fn reopen(
    item: &Item,
    violation: &Violation,
    rule: &CheckRule,
    setting: &Setting<'_>,
) -> ItemChange {
    let mut change = open(violation, rule, setting);
    change.kind = ItemEventKind::Reopened;
    change.from_state = Some(item.state);
    change.item.item_no = item.item_no;
    change.item.episode = item.episode + 1;
    change
}

/// The item with the violation's figures; its state and its clock stay.
fn fails(
    item: &Item,
    violation: &Violation,
    rule: &CheckRule,
    setting: &Setting<'_>,
) -> Option<ItemChange> {
    let mut after = item.clone();
    after.check_title.clone_from(&rule.title);
    after.level.clone_from(&rule.level);
    after.subject_name.clone_from(&violation.subject_name);
    after.unit_code = violation.unit_code.clone();
    after.period = violation.period;
    after.observed = violation.observed;
    after.target = violation.target;
    after.detail.clone_from(&violation.detail);
    after.data_passes = false;
    follow_calendar(&mut after, rule, setting);
    if after == *item {
        return None;
    }
    let kind = if item.data_passes { ItemEventKind::DataFails } else { ItemEventKind::Kept };
    let reason = if after.detail == item.detail && after.period == item.period {
        calendar_reason(item, &after)
    } else {
        after.detail.clone()
    };
    Some(ItemChange { kind, from_state: Some(item.state), item: after, reason })
}

/// Whether the period that the item speaks of is the one that opened it.
///
/// A period is judged when it is over, so an item that was opened before the end of its period has
/// been kept since, with figures of a later one: then a correction of these does not undo the
/// fault that opened it.
fn opened_for(item: &Item, waves: &Waves) -> bool {
    waves.ends_on(item.period) <= item.opened_on
}

fn passes(
    item: &Item,
    rule: &CheckRule,
    period: Period,
    setting: &Setting<'_>,
) -> Option<ItemChange> {
    let nobody_acted = item.state == ItemState::Opened && item.episode == 1;
    let waves = setting.waves;
    let corrected = is_of(item, period, waves) && opened_for(item, waves) && !item.data_passes;
    let mut after = item.clone();
    if nobody_acted && corrected && rule.on_correction == OnCorrection::Withdraw {
        after.state = ItemState::Withdrawn;
        after.light = Light::Green;
        after.closed_on = Some(setting.today);
        let reason = format!("{}数据更正后不再符合立项条件", period.label());
        let kind = ItemEventKind::Withdrawn;
        return Some(ItemChange { kind, from_state: Some(item.state), item: after, reason });
    }
    let reason = format!("{}数据已达到要求", period.label());
    if rule.closes_on == ClosesOn::Data && item.state != ItemState::Suspended {
        after.data_passes = true;
        after.state = ItemState::Closed;
        after.light = Light::Green;
        after.closed_on = Some(setting.today);
        let kind = ItemEventKind::Closed;
        return Some(ItemChange { kind, from_state: Some(item.state), item: after, reason });
    }
    if item.data_passes {
        return recount(item, rule, setting);
    }
    after.data_passes = true;
    follow_calendar(&mut after, rule, setting);
    let kind = ItemEventKind::DataPasses;
    Some(ItemChange { kind, from_state: Some(item.state), item: after, reason })
}

/// What time alone does to an item.
fn recount(item: &Item, rule: &CheckRule, setting: &Setting<'_>) -> Option<ItemChange> {
    if is_done(item.state) {
        return None;
    }
    let mut after = item.clone();
    follow_calendar(&mut after, rule, setting);
    (after != *item).then(|| ItemChange {
        kind: ItemEventKind::Kept,
        from_state: Some(item.state),
        reason: calendar_reason(item, &after),
        item: after,
    })
}

/// Sets the light, and counts a provisional deadline again once its year's notice is out.
fn follow_calendar(item: &mut Item, rule: &CheckRule, setting: &Setting<'_>) {
    if item.due_provisional {
        let again = setting.calendar.add_workdays(item.opened_on, rule.deadline_workdays);
        if !again.provisional {
            item.due_on = again.on;
            item.due_provisional = false;
        }
    }
    let baseline = setting.baselines.get(&item.key).copied();
    item.light = light(item, setting.today, setting.calendar, baseline);
}

fn calendar_reason(before: &Item, after: &Item) -> String {
    let mut parts = Vec::new();
    if before.due_on != after.due_on || before.due_provisional != after.due_provisional {
        parts.push(format!("放假安排公布，办结期限确定为{}", after.due_on));
    }
    if before.light != after.light {
        let (from, to) = (before.light.label(), after.light.label());
        parts.push(format!("灯号由{from}转{to}"));
    }
    if parts.is_empty() {
        parts.push("名称或规则有变".to_owned());
    }
    parts.join("；")
}
