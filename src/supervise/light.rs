use jiff::civil::Date;

use crate::calendar::Calendar;
use crate::model::{Item, ItemState, Light};

/// An item this near to its due date is yellow (临期).
pub const NEAR_DUE_WORKDAYS: i64 = 5;

/// Points of progress by which an item may be behind before it is yellow, and red.
const BEHIND_YELLOW: f64 = 10.0;
const BEHIND_RED: f64 = 30.0;

/// An item's light on a day, by progress against plan (序时进度).
///
/// Red: overdue, or more than 30 points behind. Yellow: due within 5 working days, or 10 points
/// behind. Behind = planned − actual progress, where planned is the share of the deadline's working
/// days that has gone by, and actual = (now − `baseline`) ÷ (target − `baseline`), held in 0–100.
/// Without a baseline (the figure when the episode began) or figures, the calendar alone decides.
/// What is done, or suspended, is green.
pub fn light(item: &Item, today: Date, calendar: &Calendar, baseline: Option<f64>) -> Light {
    if is_done(item.state) || item.state == ItemState::Suspended || item.data_passes {
        return Light::Green;
    }
    if today > item.due_on {
        return Light::Red;
    }
    let behind = behind(item, today, calendar, baseline).unwrap_or(0.0);
    if behind > BEHIND_RED {
        Light::Red
    } else if behind >= BEHIND_YELLOW
        || calendar.workdays_between(today, item.due_on) <= NEAR_DUE_WORKDAYS
    {
        Light::Yellow
    } else {
        Light::Green
    }
}

/// Planned minus actual progress in points; nothing if there is no figure to go by.
fn behind(item: &Item, today: Date, calendar: &Calendar, baseline: Option<f64>) -> Option<f64> {
    let (baseline, now, target) = (baseline?, item.observed?, item.target?);
    let way = target - baseline;
    if way.abs() < f64::EPSILON {
        return None;
    }
    let total = calendar.workdays_between(item.opened_on, item.due_on);
    let gone = calendar.workdays_between(item.opened_on, today);
    if total <= 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "working days of one deadline")]
    let planned = (gone as f64 / total as f64 * 100.0).clamp(0.0, 100.0);
    let actual = ((now - baseline) / way * 100.0).clamp(0.0, 100.0);
    Some(planned - actual)
}

/// Nothing more is asked of anybody.
pub(super) fn is_done(state: ItemState) -> bool {
    matches!(state, ItemState::Closed | ItemState::Archived | ItemState::Withdrawn)
}
