//! Deadlines: where they are counted from, and how they move.

use jiff::civil::Date;

use crate::calendar::{Calendar, Deadline};
use crate::config::check::CheckRule;
use crate::model::Item;

/// Sets a deadline `workdays` after `from`; the day after is day 1.
pub(super) fn set_counted(item: &mut Item, from: Date, workdays: u32, calendar: &Calendar) {
    put(item, from, workdays, calendar.add_workdays(from, workdays));
}

/// Sets a deadline that was already counted: the same for all items that a rule opens on one day.
pub(super) fn put(item: &mut Item, from: Date, workdays: u32, deadline: Deadline) {
    item.due_from = Some(from);
    item.due_workdays = workdays;
    item.due_on = deadline.on;
    item.due_provisional = deadline.provisional;
}

/// Sets a deadline as a day: it is never counted again.
pub(super) fn set_day(item: &mut Item, on: Date) {
    put(item, on, 0, Deadline { on, provisional: false });
}

/// Moves the deadline by working days: what was counted is counted so much further.
pub(super) fn move_on(item: &mut Item, workdays: u32, calendar: &Calendar) {
    let (from, n) = match item.due_from {
        Some(from) => (from, item.due_workdays),
        None => (item.due_on, 0),
    };
    set_counted(item, from, n.saturating_add(workdays), calendar);
}

/// Counts a provisional deadline again: the table may have gained its year.
pub(super) fn recount(item: &mut Item, rule: Option<&CheckRule>, calendar: &Calendar) {
    if !item.due_provisional {
        return;
    }
    match (item.due_from, rule) {
        (Some(from), _) => set_counted(item, from, item.due_workdays, calendar),
        // An item of an earlier version, which no extension had set as a day.
        (None, Some(rule)) if item.n_extensions == 0 => {
            let again = calendar.add_workdays(item.opened_on, rule.deadline_workdays);
            if !again.provisional {
                put(item, item.opened_on, rule.deadline_workdays, again);
            }
        }
        (None, _) => {}
    }
}
