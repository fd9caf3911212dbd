//! The ladder: who is urged, step by step.
//!
//! ## Design notes
//! - A step that gathers waits for the last working day of its week or month. Meanwhile the item stays
//!   on its rung. When the step is taken, the ladder's clock is set back to the step's own day: who was
//!   named in a circular has as long until the next step as the ladder says, and not the days that the
//!   circular happened to leave. The days of waiting become days on which the clock stood still
//!   (`paused_workdays`), so nothing else has to know of them.

use jiff::ToSpan;
use jiff::civil::Date;
use rayon::prelude::*;

use super::clock::{ladder_clock, ladder_of, stands_still};
use super::reconcile::changed;
use super::{Setting, follows};
use crate::calendar::Calendar;
use crate::config::supervision::{Gather, Ladder, LadderStep, StepDay};
use crate::model::{Actor, Item, ItemChange, ItemEventKind, ItemState};

/// A step that an item takes today.
#[derive(Debug, Clone, PartialEq)]
pub struct Climb {
    /// Of kind `Escalated`; the state becomes `assigned` where the step hands an opened item over.
    pub change: ItemChange,
    pub ladder: String,
    /// The step's id.
    pub step: String,
}

/// The step that comes next, if nothing happens before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    pub step: String,
    pub title: String,
    pub on: Date,
    /// The day lies in a year whose days off are not yet published.
    pub provisional: bool,
}

/// Which items climb a step today, in the order of their numbers: one step an item and day at most.
///
/// | item | climbs |
/// |---|---|
/// | today is a day off | nothing |
/// | done, suspended, held back, verified, or its check passes | nothing |
/// | answered | nothing for `answer_pause_workdays` after the answer, then on from where it was |
/// | climbed today already, or has had `cap` messages | nothing |
/// | a step that hands over (`assigns`), and the unit has signed | left out |
/// | a step before the due date, and that is past | left out, but for one that hands over |
/// | the next step is due | that one; an opened item is assigned by one that hands over |
/// | the next step is due and gathers, and today is not the last working day of its week or month | nothing |
/// | the next step is not due, `repeat_workdays` after the last | the last one again |
///
/// Steps are taken in their order, one a day: after a standstill of the program nothing is skipped
/// and nothing comes twice. Past the due date the clock counts working days on which it did not stand
/// still; when a step that gathers is taken, the clock stands at that step's day. An item whose check has
/// vanished is left alone.
pub fn escalate(items: &[Item], setting: &Setting<'_>) -> Vec<Climb> {
    if !setting.calendar.is_workday(setting.today) {
        return Vec::new();
    }
    let mut climbs: Vec<Climb> = items
        .par_iter()
        .filter_map(|item| {
            let ladder = climbable(item, setting)?;
            let (at, step) = due_step(item, ladder, setting)?;
            Some(climb(item, ladder, at, step, setting))
        })
        .collect();
    climbs.sort_by_key(|climb| climb.change.item.item_no);
    climbs
}

/// The step that comes next and its day, if nobody does anything before; none if no more comes, or
/// not as long as the item stands still without an end.
pub fn next_step(item: &Item, setting: &Setting<'_>) -> Option<NextStep> {
    let mut day = setting.today;
    // Nothing is due later than the longest of a year: a step that is not found within it never comes.
    for _ in 0..400 {
        let on_day = Setting { today: day, ..*setting };
        if setting.calendar.is_workday(day)
            && let Some(ladder) = climbable(item, &on_day)
            && let Some((_, step)) = due_step(item, ladder, &on_day)
        {
            return Some(NextStep {
                step: step.id.clone(),
                title: step.title.clone(),
                on: day,
                provisional: setting.calendar.is_provisional(day),
            });
        }
        day = day.checked_add(1.day()).ok()?;
    }
    None
}

/// The ladder of an item that may climb today.
fn climbable<'a>(item: &Item, setting: &Setting<'a>) -> Option<&'a Ladder> {
    if item.is_done() || item.escalated_on.is_some_and(|last| last >= setting.today) {
        return None;
    }
    let rule = setting.rule(&item.key);
    if !follows(&item.key, rule) {
        return None;
    }
    let ladder = ladder_of(item, setting)?;
    let may = item.n_slips < ladder.cap && !stands_still(item, ladder, setting);
    may.then_some(ladder)
}

/// The step that is due today, and its place in the ladder.
fn due_step<'a>(
    item: &Item,
    ladder: &'a Ladder,
    setting: &Setting<'_>,
) -> Option<(usize, &'a LadderStep)> {
    let taken = usize::try_from(item.ladder_steps).unwrap_or(usize::MAX);
    let mut ahead = ladder.steps.iter().enumerate().skip(taken);
    let next = ahead.find(|(_, step)| !is_left_out(item, step, setting));
    if let Some((at, step)) = next
        && is_due(item, ladder, step, setting)
    {
        return gathers_today(step, setting).then_some((at, step));
    }
    let at = taken.checked_sub(1)?;
    let step = ladder.steps.get(at)?;
    let since = setting.workdays(item.escalated_on?, setting.today);
    (since >= i64::from(step.repeat_workdays?)
        && !is_left_out(item, step, setting)
        && gathers_today(step, setting))
    .then_some((at, step))
}

/// Whether a step may be taken on a day like today: one that does not gather may on any working day.
fn gathers_today(step: &LadderStep, setting: &Setting<'_>) -> bool {
    let Some(gather) = step.gather else { return true };
    ends_working_days(setting.today, gather, setting.calendar)
}

/// Whether a day is the last working day of its calendar week (Monday to Sunday) or month.
fn ends_working_days(day: Date, gather: Gather, calendar: &Calendar) -> bool {
    let last = match gather {
        Gather::Week => {
            let until_sunday = 6 - i64::from(day.weekday().to_monday_zero_offset());
            day.saturating_add(until_sunday.days())
        }
        Gather::Month => day.last_of_month(),
    };
    calendar.is_workday(day) && calendar.workdays_between(day, last) == 0
}

fn is_left_out(item: &Item, step: &LadderStep, setting: &Setting<'_>) -> bool {
    if step.assigns {
        return item.signed_on.is_some()
            || !matches!(item.state, ItemState::Opened | ItemState::Assigned);
    }
    let is_before = matches!(step.when, StepDay::Opened(_) | StepDay::Due(..=0));
    is_before && setting.today > item.due_on
}

fn is_due(item: &Item, ladder: &Ladder, step: &LadderStep, setting: &Setting<'_>) -> bool {
    match step.when {
        StepDay::Opened(n) => setting.workdays(item.opened_on, setting.today) >= i64::from(n),
        StepDay::Due(n @ ..=0) => {
            setting.today >= setting.calendar.shift_workdays(item.due_on, n).on
        }
        StepDay::Due(n) => ladder_clock(item, ladder, setting) >= i64::from(n),
    }
}

fn climb(
    item: &Item,
    ladder: &Ladder,
    at: usize,
    step: &LadderStep,
    setting: &Setting<'_>,
) -> Climb {
    let mut after = item.clone();
    after.ladder_steps = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
    after.escalated_on = Some(setting.today);
    after.n_slips += 1;
    if let (Some(_), StepDay::Due(n)) = (step.gather, step.when)
        && after.ladder_steps > item.ladder_steps
    {
        let waited = ladder_clock(item, ladder, setting) - i64::from(n);
        let waited = u32::try_from(waited).unwrap_or(0);
        after.paused_workdays = after.paused_workdays.saturating_add(waited);
    }
    after.escalation = after.escalation.max(step.level);
    if step.assigns && item.state == ItemState::Opened {
        after.state = ItemState::Assigned;
        after.assigned_on = Some(setting.today);
        after.assigned_by = Actor::PROGRAM.into();
    }
    let overdue = setting.workdays(item.due_on, setting.today);
    let reason = if overdue > 0 {
        format!("{}：应于{}办结，已逾期{overdue}个工作日", step.title, item.due_on)
    } else {
        format!("{}：应于{}办结", step.title, item.due_on)
    };
    let change = changed(ItemEventKind::Escalated, item, after, reason);
    Climb { change, ladder: ladder.name.clone(), step: step.id.clone() }
}

/// Begins the ladder anew under a new deadline: what was said on opening is not said again.
pub(super) fn rewind(item: &mut Item, setting: &Setting<'_>) {
    let opening = ladder_of(item, setting).map_or(0, |ladder| {
        let steps = ladder.steps.iter();
        steps.take_while(|step| matches!(step.when, StepDay::Opened(_))).count()
    });
    item.ladder_steps = item.ladder_steps.min(u32::try_from(opening).unwrap_or(u32::MAX));
    item.paused_workdays = 0;
}
