//! Items of supervision (督办事项): from what checks found to what becomes of each item. Pure: no
//! IO, no clock.
//!
//! | asked | by | answers |
//! |---|---|---|
//! | a period was judged | [`reconcile`] | what opens, closes, is held back by a cause |
//! | a day began | [`follow_day`] | what the calendar alone changes: lights, deadlines, what is archived |
//! | a working day began | [`escalate`] | who climbs a step of the ladder |
//! | a person wants something | [`act`], [`open_by_hand`] | the change, or why not and who may do what |
//! | what can be done now | [`allowed`], [`next_step`] | for lists and pages |
//!
//! ## Design notes
//! - Everything returns *changes* (an item as it is afterwards, with the event that says why) and
//!   changes nothing. No memory is kept, so applying the changes and asking again gives none.
//! - **Silence is no acquittal**: an item passes only if its check ran for the period and says that it
//!   could judge the subject (see [`crate::model::Judged`]). For the same reason a closed item is looked
//!   back at by [`reconcile`], which knows what was judged, and not by the calendar.
//! - An item is one matter with episodes. What was withdrawn, closed or archived opens again as the
//!   next episode of the same item, with a new deadline and nothing said yet; what belongs to the matter
//!   (who leads and answers, the remark) stays.
//! - **Data and people do not overrule each other on the same figures.** What a person closed or
//!   withdrew while its check failed reopens only on a later period's figures; what a person reopened
//!   while its check passed closes only on a later period's. So judging a month again undoes nobody's
//!   decision.
//! - An item whose check has vanished from the definitions is left alone by the program: it is neither
//!   judged nor urged, its light stands. People go on acting on it.
//! - Deadlines keep what they were counted from (`due_from`, `due_workdays`), so that one that reaches an
//!   unpublished year can be counted again exactly, also after a suspension. One that was set as a day
//!   is that day.

mod act;
mod allowed;
mod cause;
mod clock;
mod day;
mod deadline;
mod escalate;
mod found;
mod hand;
mod join;
mod light;
mod reconcile;
mod refusal;

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::calendar::Calendar;
use crate::config::check::CheckRule;
use crate::config::supervision::Supervision;
use crate::model::{BY_HAND, ItemKey, Waves};

pub use act::act;
pub use allowed::allowed;
pub use day::follow_day;
pub use escalate::{Climb, NextStep, escalate, next_step};
pub use hand::open_by_hand;
pub use light::light;
pub use reconcile::{HeldBack, Holding, Reconciled, reconcile};
pub use refusal::{Field, Now, Refusal};

/// What supervision goes by, besides items and violations.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    pub rules: &'a [CheckRule],
    pub supervision: &'a Supervision,
    pub calendar: &'a Calendar,
    /// The days of the periods that have none of their own.
    pub waves: &'a Waves,
    /// The day on which items are opened and lights are set: of the run, never of the period.
    pub today: Date,
    /// The observed figure of each item when its episode began (its last opened or reopened event).
    pub baselines: &'a BTreeMap<ItemKey, f64>,
    /// The version of each check's rule; 0 if it is not here.
    pub versions: &'a BTreeMap<String, u32>,
}

impl<'a> Setting<'a> {
    /// The rule of an item's check; none of items by hand, and of checks that have vanished.
    fn rule(&self, key: &ItemKey) -> Option<&'a CheckRule> {
        self.rules.iter().find(|rule| rule.id == key.check_id)
    }

    fn workdays(&self, from: Date, to: Date) -> i64 {
        self.calendar.workdays_between(from, to)
    }
}

/// Whether the program follows an item: by hand, or of a check that is defined.
fn follows(key: &ItemKey, rule: Option<&CheckRule>) -> bool {
    rule.is_some() || key.check_id == BY_HAND
}
