//! Items against violations.

use std::collections::HashMap;

use ecow::EcoString;
use rayon::prelude::*;

use super::cause::{Causes, Explains, Root};
use super::clock::keep_clock;
use super::found::{End, Judging, RuleNow, Verdict};
use super::join::{Joined, join};
use super::light::{begin_light, follow_light};
use super::{Setting, deadline};
use crate::model::{
    Actor, Item, ItemChange, ItemEventKind, ItemKey, ItemState, Judged, Period, UnitCode, Violation,
};

/// What reconciling comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reconciled {
    /// Sorted by key, at most one an item.
    pub changes: Vec<ItemChange>,
    /// Violations that open and reopen nothing because a cause explains them, sorted by key.
    pub held: Vec<HeldBack>,
    /// Open items that an item of `changes` explains which has no number yet: [`Reconciled::settle`]
    /// gives their changes once it has.
    pub holding: Vec<Holding>,
}

/// A violation that a cause explains.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldBack {
    pub violation: Violation,
    /// The item at the root: open, or opened by the same judging.
    pub cause: ItemKey,
}

/// An open item that is held back by one which is only now opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    /// With `held_by` 0 until the cause has its number.
    pub change: ItemChange,
    pub cause: ItemKey,
}

impl Reconciled {
    /// The changes of [`Reconciled::holding`], once the ledger has numbered what was opened.
    ///
    /// `stored` are the items of `changes` as the ledger gave them back.
    pub fn settle(&self, stored: &[Item]) -> Vec<ItemChange> {
        if self.holding.is_empty() {
            return Vec::new();
        }
        let numbers: HashMap<&ItemKey, i64> =
            stored.iter().map(|item| (&item.key, item.item_no)).collect();
        let settled = self.holding.iter().filter_map(|holding| {
            let mut change = holding.change.clone();
            change.item.held_by = Some(*numbers.get(&holding.cause)?);
            Some(change)
        });
        settled.collect()
    }
}

/// Compares items with violations and returns what changes.
///
/// `items` are **all** items of the ledger, the done ones too, as one of them may fail again.
///
/// | item | violation | becomes |
/// |---|---|---|
/// | none | yes | opened; due in working days from today, today not counted |
/// | open | yes | kept, if figures, deadline or light changed; `data_fails` if it had passed |
/// | open | no, judged | `data_passes`; closed (`closes_on = data`) after `passes` judged periods in a row |
/// | opened or only handed over by the program, first episode | no, judged for the period that opened it | withdrawn (`on_correction = withdraw`) |
/// | suspended | yes or no | its figures follow, its state does not |
/// | closed, archived, withdrawn | yes | reopened: next episode, new deadline |
/// | the same, by a person while its check failed | yes, of the period that was known | as it was |
/// | closed by data | no, judged for a later period, `look_back_workdays` after closing | looked back at |
/// | any | no, not judged | as it was; only light and provisional deadline follow the calendar |
/// | none, or done | yes, and a cause explains it | `held`: nothing opens |
/// | open | yes or no, and a cause explains it | held: the ladder's clock stands still; released when the cause is gone |
///
/// Of several violations with one key the greatest by period, then text, counts. Violations of
/// checks without a rule, and those of a period before the item's, change nothing. A cause is an item of
/// a check in `held_by` that is open and fails, or that this judging opens; see the module's notes.
pub fn reconcile(
    items: &[Item],
    violations: &[Violation],
    judged: &Judged,
    setting: &Setting<'_>,
) -> Reconciled {
    let judging = Judging::new(judged, setting);
    let Joined { checks, pairs } = join(items, violations);
    let rules: Vec<Option<&RuleNow<'_>>> = checks.iter().map(|check| judging.rule(check)).collect();
    let matters: Vec<Matter<'_>> = pairs
        .into_par_iter()
        .filter_map(|pair| {
            let now = (*rules.get(pair.check)?)?;
            let verdict = match (pair.item, pair.violation) {
                (Some(item), violation) => judging.verdict(item, now.rule, violation),
                (None, Some(violation)) => Verdict::Opens(violation),
                (None, None) => Verdict::Alone,
            };
            (!matches!(verdict, Verdict::Alone)).then_some(Matter {
                key: pair.key,
                now,
                item: pair.item,
                verdict,
            })
        })
        .collect();
    let causes = Causes::new(matters.iter().filter_map(Matter::as_cause).collect());

    let mut held = Vec::new();
    let mut tasks = Vec::with_capacity(matters.len());
    let mut unnumbered = Vec::new();
    for matter in matters {
        let root = matter.unit().and_then(|unit| causes.root(matter.key, matter.now, unit));
        match (matter.verdict, root) {
            (Verdict::Opens(violation) | Verdict::Reopens(violation), Some(root)) => {
                held.push((violation, root.key));
            }
            (_, Some(root)) if root.item_no.is_none() => unnumbered.push((matter, root)),
            _ => tasks.push((matter, root)),
        }
    }
    let mut changes: Vec<Option<ItemChange>> = Vec::new();
    tasks
        .into_par_iter()
        .map(|(matter, root)| matter.change(root, &judging))
        .collect_into_vec(&mut changes);
    #[expect(clippy::filter_map_identity, reason = "this way it is collected in place")]
    let changes = changes.into_iter().filter_map(|change| change).collect();
    let holding = unnumbered.into_iter().filter_map(|(matter, root)| {
        let change = matter.change(Some(root), &judging)?;
        Some(Holding { change, cause: root.key.clone() })
    });
    Reconciled {
        changes,
        held: held
            .into_par_iter()
            .map(|(violation, cause)| HeldBack {
                violation: violation.clone(),
                cause: cause.clone(),
            })
            .collect(),
        holding: holding.collect(),
    }
}

/// What a judging speaks of under one key.
#[derive(Clone, Copy)]
struct Matter<'a> {
    key: &'a ItemKey,
    now: &'a RuleNow<'a>,
    item: Option<&'a Item>,
    verdict: Verdict<'a>,
}

impl<'a> Matter<'a> {
    /// The unit at fault, of what is open or would be.
    fn unit(&self) -> Option<&'a UnitCode> {
        match self.verdict {
            Verdict::Opens(found) | Verdict::Reopens(found) | Verdict::Fails(found) => {
                Some(&found.unit_code)
            }
            Verdict::Time | Verdict::Passes(None) => self.item.map(|item| &item.unit_code),
            Verdict::Alone | Verdict::Passes(Some(_)) | Verdict::Lasted => None,
        }
    }

    /// As a cause of others: it is open and fails, or would be.
    fn as_cause(&self) -> Option<Explains<'a>> {
        let fails = match self.verdict {
            Verdict::Opens(_) | Verdict::Reopens(_) | Verdict::Fails(_) => true,
            Verdict::Time => self.item.is_some_and(|item| !item.data_passes),
            Verdict::Alone | Verdict::Passes(_) | Verdict::Lasted => false,
        };
        if !self.now.explains || !fails {
            return None;
        }
        Some(Explains {
            key: self.key,
            unit: self.unit()?,
            rule: self.now.rule,
            item_no: self.item.map(|item| item.item_no),
            stood: self.item.is_some_and(|item| !item.is_done() && item.held_by.is_none()),
        })
    }

    fn change(self, root: Option<Root<'_>>, judging: &Judging<'_>) -> Option<ItemChange> {
        let (now, setting) = (self.now, judging.setting);
        match (self.verdict, self.item) {
            (Verdict::Opens(violation), _) => Some(open(violation, now, setting)),
            (Verdict::Alone, _) | (_, None) => None,
            (Verdict::Reopens(violation), Some(item)) => {
                Some(reopen(item, violation, now, setting))
            }
            (Verdict::Lasted, Some(item)) => Some(look_back(item, judging.period(), setting)),
            (Verdict::Passes(Some(end)), Some(item)) => Some(end_by_data(item, end, now, judging)),
            (Verdict::Time | Verdict::Fails(_) | Verdict::Passes(None), Some(item)) => {
                go_on(item, self.verdict, now, root, judging)
            }
        }
    }
}

fn open(violation: &Violation, now: &RuleNow<'_>, setting: &Setting<'_>) -> ItemChange {
    let RuleNow { rule, deadline, version, .. } = *now;
    let key = violation.key.clone();
    let mut item = Item::opened(key, violation.unit_code.clone(), setting.today, deadline.on);
    deadline::put(&mut item, setting.today, rule.deadline_workdays, deadline);
    item.check_title.clone_from(&rule.title);
    item.level.clone_from(&rule.level);
    item.subject_name.clone_from(&violation.subject_name);
    item.period = violation.period;
    item.observed = violation.observed;
    item.target = violation.target;
    item.detail.clone_from(&violation.detail);
    item.source = rule.source;
    item.lead.clone_from(&rule.lead);
    item.responsible.clone_from(&rule.responsible);
    item.rule_version = version.unwrap_or(0);
    begin_light(&mut item, setting);
    let reason = violation.detail.clone();
    ItemChange {
        kind: ItemEventKind::Opened,
        item,
        from_state: None,
        actor: Actor::program(),
        reason,
    }
}

fn reopen(
    item: &Item,
    violation: &Violation,
    now: &RuleNow<'_>,
    setting: &Setting<'_>,
) -> ItemChange {
    let mut change = open(violation, now, setting);
    change.kind = ItemEventKind::Reopened;
    change.from_state = Some(item.state);
    keep_matter(item, &mut change.item);
    change
}

/// Carries into a new episode what belongs to the matter.
pub(super) fn keep_matter(item: &Item, next: &mut Item) {
    next.item_no = item.item_no;
    next.episode = item.episode + 1;
    next.remark.clone_from(&item.remark);
    if was_reassigned(item) {
        next.responsible.clone_from(&item.responsible);
        next.responsible_code.clone_from(&item.responsible_code);
    }
}

/// Whether somebody handed it to another unit than the one at fault.
fn was_reassigned(item: &Item) -> bool {
    item.responsible_unit() != &item.unit_code
}

fn look_back(item: &Item, period: Period, setting: &Setting<'_>) -> ItemChange {
    let mut after = item.clone();
    after.looked_back_on = Some(setting.today);
    let reason = format!("{}数据显示整改成效保持", period.label());
    changed(ItemEventKind::LookedBack, item, after, reason)
}

fn end_by_data(item: &Item, end: End, now: &RuleNow<'_>, judging: &Judging<'_>) -> ItemChange {
    let mut after = item.clone();
    passed(&mut after, now, judging);
    let label = judging.period().label();
    let (kind, state, reason) = match end {
        End::Withdrawn => (
            ItemEventKind::Withdrawn,
            ItemState::Withdrawn,
            format!("{label}数据更正后不再符合立项条件"),
        ),
        End::Closed => (ItemEventKind::Closed, ItemState::Closed, format!("{label}数据已达到要求")),
    };
    finish(&mut after, state, judging.setting);
    changed(kind, item, after, reason)
}

/// Ends an item: nothing more is asked of anybody.
pub(super) fn finish(item: &mut Item, state: ItemState, setting: &Setting<'_>) {
    item.state = state;
    item.closed_on = Some(setting.today);
    item.paused_on = None;
    item.held_by = None;
    item.suspended_from = None;
    item.asked_due_on = None;
    item.asked_by = None;
    follow_light(item, setting);
}

/// What the judging says in favour of an item, counted once a period.
fn passed(item: &mut Item, now: &RuleNow<'_>, judging: &Judging<'_>) {
    let until = |period| judging.setting.waves.ends_on(period);
    if item.passed_for.is_none_or(|last| until(last) < until(judging.period())) {
        item.passed_for = Some(judging.period());
        item.n_passes += 1;
    }
    item.data_passes = true;
    item.rule_version = now.version.unwrap_or(item.rule_version);
}

/// The violation's figures; the item's state and its clock stay.
fn failed(item: &mut Item, violation: &Violation, now: &RuleNow<'_>) {
    let rule = now.rule;
    item.check_title.clone_from(&rule.title);
    item.level.clone_from(&rule.level);
    item.source = rule.source;
    item.lead.clone_from(&rule.lead);
    move_fault(item, &violation.unit_code, &rule.responsible);
    item.subject_name.clone_from(&violation.subject_name);
    item.period = violation.period;
    item.observed = violation.observed;
    item.target = violation.target;
    item.detail.clone_from(&violation.detail);
    item.data_passes = false;
    item.n_passes = 0;
    item.passed_for = None;
    item.rule_version = now.version.unwrap_or(item.rule_version);
}

/// The unit at fault answers, unless somebody has handed the item to another.
fn move_fault(item: &mut Item, unit: &UnitCode, responsible: &EcoString) {
    if was_reassigned(item) {
        item.unit_code = unit.clone();
        return;
    }
    item.responsible.clone_from(responsible);
    if item.unit_code != *unit {
        item.unit_code = unit.clone();
        item.responsible_code = Some(unit.clone());
    }
}

/// An item that stays open: its figures, what holds it back, and what time does to it.
fn go_on(
    item: &Item,
    verdict: Verdict<'_>,
    now: &RuleNow<'_>,
    root: Option<Root<'_>>,
    judging: &Judging<'_>,
) -> Option<ItemChange> {
    let setting = judging.setting;
    let mut after = item.clone();
    match verdict {
        Verdict::Fails(violation) => failed(&mut after, violation, now),
        Verdict::Passes(_) => passed(&mut after, now, judging),
        _ => {}
    }
    after.held_by = root.map(|root| root.item_no.unwrap_or(0));
    deadline::recount(&mut after, Some(now.rule), setting.calendar);
    follow_light(&mut after, setting);
    keep_clock(item, &mut after, setting);
    if after == *item {
        return None;
    }
    let mut reasons = Vec::new();
    let mut kind = ItemEventKind::Kept;
    if after.data_passes != item.data_passes || after.n_passes > item.n_passes {
        if after.data_passes {
            kind = ItemEventKind::DataPasses;
            reasons.push(format!("{}数据已达到要求", judging.period().label()));
        } else {
            kind = ItemEventKind::DataFails;
        }
    }
    if kind == ItemEventKind::DataFails
        || after.detail != item.detail
        || after.period != item.period
    {
        reasons.push(after.detail.to_string());
    }
    if after.held_by != item.held_by {
        let cause = root.and_then(|root| judging.rule(&root.key.check_id));
        if let Some(cause) = cause {
            kind = ItemEventKind::Held;
            reasons.insert(0, format!("因“{}”暂缓督办", cause.rule.title));
        } else {
            kind = ItemEventKind::Released;
            reasons.insert(0, RELEASED.to_owned());
        }
    }
    if reasons.is_empty() {
        reasons.push(calendar_reason(item, &after));
    }
    Some(changed(kind, item, after, reasons.join("；")))
}

/// Why an item is released.
pub(super) const RELEASED: &str = "暂缓督办的原因已消除";

pub(super) fn changed(
    kind: ItemEventKind,
    before: &Item,
    item: Item,
    reason: impl Into<EcoString>,
) -> ItemChange {
    let actor = Actor::program();
    ItemChange { kind, from_state: Some(before.state), item, actor, reason: reason.into() }
}

/// What time alone changed, in words.
pub(super) fn calendar_reason(before: &Item, after: &Item) -> String {
    let mut parts = Vec::new();
    if before.due_on != after.due_on || before.due_provisional != after.due_provisional {
        let verb = if after.due_provisional { "重新计算" } else { "确定" };
        parts.push(format!("放假安排公布，办结期限{verb}为{}", after.due_on));
    }
    if before.light != after.light {
        let (from, to) = (before.light.label(), after.light.label());
        parts.push(format!("灯号由{from}转{to}"));
    } else if before.raw_light != after.raw_light || before.better_since != after.better_since {
        let raw = after.raw_light.unwrap_or(after.light).label();
        parts.push(format!("按当日数据灯号为{raw}，暂显示{}", after.light.label()));
    }
    if before.rule_version != after.rule_version {
        parts.push(format!("按第{}版规则核对", after.rule_version));
    }
    if parts.is_empty() {
        parts.push("名称或规则有变".to_owned());
    }
    parts.join("；")
}
