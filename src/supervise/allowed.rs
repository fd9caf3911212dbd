//! What may be done to an item, by state, deadline and data; and by whom.
//!
//! | action | from | and |
//! |---|---|---|
//! | assign | opened; assigned, signed, in work, sent back (to another unit) | |
//! | sign | assigned | |
//! | progress | signed, in work, sent back | |
//! | answer | signed, in work, sent back | |
//! | return | answered, verified | |
//! | verify | answered | its check passes, or `closes_on = verification`, or no check judges it |
//! | close | verified | as for verify |
//! | close | any open state but suspended | its check passes |
//! | look back | closed, archived | |
//! | archive | closed | |
//! | reopen | closed, archived, withdrawn | |
//! | extend | assigned, signed, in work, sent back | before the due date; nothing asked already |
//! | grant | any open state but suspended | an extension was asked for, to a day that is not past; not by who asked or answers for it |
//! | refuse | any open state but suspended | an extension was asked for; likewise |
//! | suspend | any open state | |
//! | resume | suspended | |
//! | withdraw | any open state | |
//! | note | any | |

use jiff::civil::Date;

use super::{Now, Refusal, Setting};
use crate::config::check::ClosesOn;
use crate::config::supervision::UNIT_ROLE;
use crate::model::{Action, Actor, Item, ItemState, UnitDirectory};

/// The role of a unit's head, beside its own contacts.
const HEAD_ROLE: &str = "head";

/// What may be done to an item now, and by which roles; `unit` is whoever answers for it.
pub fn allowed(item: &Item, setting: &Setting<'_>) -> Vec<(Action, Vec<String>)> {
    let roles = &setting.supervision.roles;
    Action::ALL
        .into_iter()
        .filter(|action| obstacle(item, *action, setting).is_none())
        .map(|action| (action, roles.may(action, &item.level).to_vec()))
        .filter(|(_, may)| !may.is_empty())
        .collect()
}

/// Why nobody may do something to an item now.
enum Obstacle {
    State,
    TooLate,
    AlreadyAsked,
    NothingAsked,
    RanOut(Date),
    Data,
}

fn obstacle(item: &Item, action: Action, setting: &Setting<'_>) -> Option<Obstacle> {
    use ItemState as S;
    let state = item.state;
    let open = !item.is_done();
    let in_hand = matches!(state, S::Assigned | S::Signed | S::InWork | S::SentBack);
    let rule = setting.rule(&item.key);
    let data_allow =
        rule.is_none_or(|rule| rule.closes_on == ClosesOn::Verification || item.data_passes);
    let fits = match action {
        Action::New => false,
        Action::Assign => state == S::Opened || in_hand,
        Action::Sign => state == S::Assigned,
        Action::Progress | Action::Answer => {
            matches!(state, S::Signed | S::InWork | S::SentBack)
        }
        Action::Return => matches!(state, S::Answered | S::Verified),
        Action::Verify => state == S::Answered,
        Action::Close => {
            state == S::Verified
                || open && state != S::Suspended && rule.is_some() && item.data_passes
        }
        Action::LookBack => matches!(state, S::Closed | S::Archived),
        Action::Archive => state == S::Closed,
        Action::Reopen => !open,
        Action::Extend => in_hand,
        Action::Grant | Action::Refuse | Action::Suspend => open && state != S::Suspended,
        Action::Resume => state == S::Suspended,
        Action::Withdraw => open,
        Action::Note => true,
    };
    match action {
        _ if !fits => Some(Obstacle::State),
        Action::Verify | Action::Close if !data_allow => Some(Obstacle::Data),
        Action::Extend if setting.today >= item.due_on => Some(Obstacle::TooLate),
        Action::Extend if item.asked_due_on.is_some() => Some(Obstacle::AlreadyAsked),
        Action::Grant | Action::Refuse if item.asked_due_on.is_none() => {
            Some(Obstacle::NothingAsked)
        }
        Action::Grant => {
            item.asked_due_on.filter(|until| *until < setting.today).map(Obstacle::RanOut)
        }
        _ => None,
    }
}

/// Refuses what the item's state, deadline or data do not allow to anybody.
pub(super) fn must_fit(item: &Item, action: Action, setting: &Setting<'_>) -> Result<(), Refusal> {
    let Some(obstacle) = obstacle(item, action, setting) else { return Ok(()) };
    let now = Now(allowed(item, setting));
    let (state, due_on) = (item.state, item.due_on);
    Err(match obstacle {
        Obstacle::State => Refusal::State { action, state, now },
        Obstacle::TooLate => Refusal::TooLate { due_on, today: setting.today, now },
        Obstacle::AlreadyAsked => {
            Refusal::AlreadyAsked { until: item.asked_due_on.unwrap_or(due_on), now }
        }
        Obstacle::NothingAsked => Refusal::NothingAsked { action, now },
        Obstacle::RanOut(until) => Refusal::RanOut { until, today: setting.today, now },
        Obstacle::Data => Refusal::Data { action, detail: item.detail.to_string(), now },
    })
}

/// Refuses an actor whose role or unit may not do it.
pub(super) fn must_be_allowed(
    item: &Item,
    action: Action,
    actor: &Actor,
    setting: &Setting<'_>,
    units: &UnitDirectory,
) -> Result<(), Refusal> {
    let may = setting.supervision.roles.may(action, &item.level);
    let answers = answers_for(item, actor, units);
    let by_role = actor.role != Actor::PROGRAM && may.iter().any(|role| *role == actor.role);
    let by_unit = answers && may.iter().any(|role| role == UNIT_ROLE);
    if !by_role && !by_unit {
        let now = Now(allowed(item, setting));
        let is_of_a_unit = item.is_for_its_unit() && may.iter().any(|role| role == UNIT_ROLE);
        if is_of_a_unit && speaks_for_its_unit(actor, units) {
            let name = |code| units.get(code).map_or(code.as_str(), |unit| &unit.name).to_owned();
            return Err(Refusal::Unit {
                action,
                unit: actor.unit_code.as_ref().map(name).unwrap_or_default(),
                responsible: name(item.responsible_unit()),
                now,
            });
        }
        return Err(Refusal::Role { action, role: actor.role.to_string(), may: may.to_vec(), now });
    }
    let answers_request = matches!(action, Action::Grant | Action::Refuse);
    let asked = |by: &Actor| by.role == actor.role && by.unit_code == actor.unit_code;
    if answers_request && (answers || item.asked_by.as_ref().is_some_and(asked)) {
        return Err(Refusal::Asker { may: may.to_vec() });
    }
    Ok(())
}

/// Whether an actor is of those who answer for the item: the responsible unit's own contacts and its
/// head, or the responsible role.
fn answers_for(item: &Item, actor: &Actor, units: &UnitDirectory) -> bool {
    if !item.is_for_its_unit() {
        return actor.role == item.responsible;
    }
    actor.unit_code.as_ref() == Some(item.responsible_unit()) && speaks_for_its_unit(actor, units)
}

/// Whether the role is that of a unit's own contacts (named as its level) or of its head.
fn speaks_for_its_unit(actor: &Actor, units: &UnitDirectory) -> bool {
    let unit = actor.unit_code.as_ref().and_then(|code| units.get(code));
    unit.is_some_and(|unit| actor.role == HEAD_ROLE || actor.role == unit.level.as_str())
}
