//! The ladder's clock: working days past the due date on which somebody could have acted.
//!
//! ## Design notes
//! - It stands still while the item is held back by a cause, while its check passes, after it was
//!   verified, and for a while after an answer. `paused_on` says since when; `paused_workdays` are the
//!   working days past the due date that it stood still before that. Days before the due date are not
//!   counted: the clock has not begun.
//! - A suspension moves the deadline itself, so it is not counted as a pause too.
//! - When one reason ends and another begins, what has stood so far is added up and the next pause
//!   begins: days are counted once, however many reasons there were.

use jiff::civil::Date;

use super::Setting;
use crate::config::supervision::Ladder;
use crate::model::{Item, ItemState};

/// Why the clock stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reasons {
    suspended: bool,
    held: bool,
    passes: bool,
    verified: bool,
    answered: bool,
}

impl Reasons {
    fn of(item: &Item) -> Reasons {
        Reasons {
            suspended: item.state == ItemState::Suspended,
            held: item.held_by.is_some(),
            passes: item.data_passes,
            verified: item.state == ItemState::Verified,
            answered: item.state == ItemState::Answered,
        }
    }

    fn any(self) -> bool {
        self.suspended || self.answered || self.lasts()
    }

    /// Whether it stands still for as long as they hold, not only for a while.
    fn lasts(self) -> bool {
        self.held || self.passes || self.verified
    }
}

/// The last day on which an answer stops the ladder.
fn answer_ends(item: &Item, ladder: Option<&Ladder>, setting: &Setting<'_>) -> Option<Date> {
    let pause = ladder?.answer_pause_workdays;
    Some(setting.calendar.add_workdays(item.answered_on?, pause).on)
}

/// Whether nobody is urged over the item today.
pub(super) fn stands_still(item: &Item, ladder: &Ladder, setting: &Setting<'_>) -> bool {
    let reasons = Reasons::of(item);
    reasons.suspended
        || reasons.lasts()
        || reasons.answered
            && answer_ends(item, Some(ladder), setting).is_none_or(|end| setting.today <= end)
}

/// Working days past the due date that the clock has stood still until today.
fn stood(item: &Item, ladder: Option<&Ladder>, setting: &Setting<'_>) -> i64 {
    let before = i64::from(item.paused_workdays);
    let reasons = Reasons::of(item);
    let Some(since) = item.paused_on.filter(|_| !reasons.suspended) else { return before };
    let until = if reasons.lasts() {
        setting.today
    } else {
        answer_ends(item, ladder, setting).map_or(setting.today, |end| end.min(setting.today))
    };
    before + setting.workdays(since.max(item.due_on), until).max(0)
}

/// Working days past the due date, without those on which the clock stood still; negative before it.
pub(super) fn ladder_clock(item: &Item, ladder: &Ladder, setting: &Setting<'_>) -> i64 {
    setting.workdays(item.due_on, setting.today) - stood(item, Some(ladder), setting)
}

/// Keeps `paused_on` and `paused_workdays` right when something happened to an item.
pub(super) fn keep_clock(before: &Item, after: &mut Item, setting: &Setting<'_>) {
    let (was, is) = (Reasons::of(before), Reasons::of(after));
    if was == is || after.is_done() {
        return;
    }
    let ladder = ladder_of(before, setting);
    after.paused_workdays = u32::try_from(stood(before, ladder, setting)).unwrap_or(0);
    after.paused_on = match () {
        // What is held or released meanwhile does not begin a suspension anew: its days are counted.
        () if was.suspended && is.suspended => before.paused_on,
        () if is.any() => Some(setting.today),
        () => None,
    };
}

/// The ladder that an item climbs.
pub(super) fn ladder_of<'a>(item: &Item, setting: &Setting<'a>) -> Option<&'a Ladder> {
    setting.supervision.ladder(setting.rule(&item.key).and_then(|rule| rule.ladder.as_deref()))
}
