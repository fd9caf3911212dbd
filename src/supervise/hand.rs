//! Items that no check opens: what a meeting decided, a complaint, an inspection.

use super::light::begin_light;
use super::{Field, Now, Refusal, Setting, deadline};
use crate::config::supervision::UNIT_ROLE;
use crate::model::{
    Action, Actor, BY_HAND, Due, Item, ItemChange, ItemEventKind, ItemKey, NewItem,
};

/// Opens an item by hand; `matter` is the subject code that tells it from all others by hand.
///
/// # Errors
/// [`Refusal::Role`] for a role that `[roles]` does not name under `new` at the item's level (`unit`:
/// a contact of the unit at fault), [`Refusal::Missing`] without title or content,
/// [`Refusal::NotAhead`] for a deadline that does not lie ahead.
pub fn open_by_hand(
    new: &NewItem,
    matter: &str,
    actor: &Actor,
    reason: &str,
    setting: &Setting<'_>,
) -> Result<ItemChange, Refusal> {
    let action = Action::New;
    let may = setting.supervision.roles.may(action, &new.level);
    let of_the_unit = actor.unit_code.as_ref() == Some(&new.unit_code);
    let allowed = |role: &String| *role == actor.role || role == UNIT_ROLE && of_the_unit;
    if actor.role == Actor::PROGRAM || !may.iter().any(allowed) {
        let (role, may) = (actor.role.to_string(), may.to_vec());
        let now = Now(vec![(action, may.clone())]);
        return Err(Refusal::Role { action, role, may, now });
    }
    for (text, field) in [(&new.title, Field::Title), (&new.detail, Field::Detail)] {
        if text.trim().is_empty() {
            return Err(Refusal::Missing { action, field });
        }
    }
    let today = setting.today;
    let key = ItemKey {
        check_id: BY_HAND.into(),
        subject_kind: "matter".into(),
        subject_code: matter.into(),
    };
    let mut item = Item::opened(key, new.unit_code.clone(), today, today);
    match new.due {
        Due::On(due_on) if due_on <= today => {
            return Err(Refusal::NotAhead { due_on, today });
        }
        Due::On(due_on) => deadline::set_day(&mut item, due_on),
        Due::Workdays(0) => return Err(Refusal::NotAhead { due_on: today, today }),
        Due::Workdays(days) => {
            deadline::set_counted(&mut item, today, days, setting.calendar);
        }
    }
    item.check_title = new.title.trim().into();
    item.detail = new.detail.trim().into();
    item.level = new.level.as_str().into();
    item.subject_name = new.subject_name.as_str().into();
    item.source = new.source;
    item.lead = new.lead.as_str().into();
    item.responsible = new.responsible.as_str().into();
    item.period = new.period;
    begin_light(&mut item, setting);
    let reason = match reason.trim() {
        "" => item.detail.clone(),
        reason => reason.into(),
    };
    Ok(ItemChange {
        kind: ItemEventKind::Opened,
        item,
        from_state: None,
        actor: actor.clone(),
        reason,
    })
}
