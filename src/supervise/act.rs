//! What a person does to an item.

use super::allowed::{must_be_allowed, must_fit};
use super::clock::keep_clock;
use super::escalate::rewind;
use super::light::{begin_light, follow_light};
use super::reconcile::{finish, keep_matter};
use super::{Field, Refusal, Setting, deadline};
use crate::config::supervision::UNIT_ROLE;
use crate::model::{Act, Action, Item, ItemChange, ItemEventKind, ItemState, Said, UnitDirectory};
use jiff::civil::Date;

/// What an act makes of an item.
///
/// From which state, by whom, and what else must hold: see [`super::allowed`]. Besides:
///
/// | action | must say | becomes |
/// |---|---|---|
/// | assign | to another unit than before: why | assigned, with a new deadline if one is said; another unit begins the ladder anew |
/// | sign | | signed |
/// | progress | percent, problem, measures or a reason | in work |
/// | answer | measures, evidence or a reason | answered: the ladder stops for a while |
/// | return | why | sent back; the ladder goes on where it was |
/// | verify | | verified |
/// | close | | closed |
/// | look back | whether it lasted; if not, why | looked back at; if not, reopened |
/// | reopen | why | opened: the next episode, due on the day said or as the rule has it |
/// | extend | why, and a later day | the same, the request pending |
/// | grant | | due on the day that was asked for, if that is not past; the ladder begins anew, but for what belongs to opening |
/// | refuse | why | the request is gone |
/// | suspend | why | suspended |
/// | resume | | as before; the deadline moves by the working days between, and the event says so |
/// | withdraw | why | withdrawn: outside the statistics |
/// | note | the note | the same |
///
/// # Errors
/// A [`Refusal`] that says why, and what may be done now and by whom: the first of state, deadline and
/// data; then role and unit; then what is missing or does not belong.
pub fn act(
    item: &Item,
    act: &Act,
    setting: &Setting<'_>,
    units: &UnitDirectory,
) -> Result<ItemChange, Refusal> {
    must_fit(item, act.action, setting)?;
    must_be_allowed(item, act.action, &act.actor, setting, units)?;
    must_say(item, act, setting, units)?;
    let mut after = item.clone();
    let mut reason = act.reason.trim().to_owned();
    let kind = match act.action {
        Action::LookBack if act.said.lasted == Some(false) => {
            after = reopened(item, act.said.due_on, setting);
            reason = format!("回头看未保持：{reason}");
            ItemEventKind::Reopened
        }
        Action::Reopen => {
            after = reopened(item, act.said.due_on, setting);
            ItemEventKind::Reopened
        }
        Action::Resume => {
            let moved = resume(&mut after, setting);
            reason = if reason.is_empty() { moved } else { format!("{reason}；{moved}") };
            ItemEventKind::Resumed
        }
        _ => apply(&mut after, act, &reason, setting),
    };
    follow_light(&mut after, setting);
    if kind != ItemEventKind::Reopened {
        keep_clock(item, &mut after, setting);
    }
    let (from_state, actor) = (Some(item.state), act.actor.clone());
    Ok(ItemChange { kind, item: after, from_state, actor, reason: reason.into() })
}

fn apply(item: &mut Item, act: &Act, reason: &str, setting: &Setting<'_>) -> ItemEventKind {
    let today = setting.today;
    match act.action {
        Action::Assign => {
            assign(item, act, setting);
            ItemEventKind::Assigned
        }
        Action::Sign => {
            item.state = ItemState::Signed;
            item.signed_on = Some(today);
            ItemEventKind::Signed
        }
        Action::Progress => {
            item.state = ItemState::InWork;
            note_work(item, &act.said);
            ItemEventKind::Progressed
        }
        Action::Answer => {
            item.state = ItemState::Answered;
            item.answered_on = Some(today);
            note_work(item, &act.said);
            ItemEventKind::Answered
        }
        Action::Return => {
            item.state = ItemState::SentBack;
            item.verified_on = None;
            item.n_returns += 1;
            item.opinion = reason.into();
            ItemEventKind::SentBack
        }
        Action::Verify => {
            item.state = ItemState::Verified;
            item.verified_on = Some(today);
            item.opinion = reason.into();
            ItemEventKind::Verified
        }
        Action::Close => {
            finish(item, ItemState::Closed, setting);
            ItemEventKind::Closed
        }
        Action::Withdraw => {
            finish(item, ItemState::Withdrawn, setting);
            ItemEventKind::Withdrawn
        }
        Action::Archive => {
            item.state = ItemState::Archived;
            item.archived_on = Some(today);
            ItemEventKind::Archived
        }
        Action::Extend => {
            item.asked_due_on = act.said.due_on;
            item.asked_by = Some(act.actor.clone());
            ItemEventKind::ExtensionAsked
        }
        Action::Grant => {
            if let Some(until) = item.asked_due_on.take() {
                item.original_due_on.get_or_insert(item.due_on);
                item.n_extensions += 1;
                deadline::set_day(item, until);
                rewind(item, setting);
            }
            item.asked_by = None;
            ItemEventKind::ExtensionGranted
        }
        Action::Refuse => {
            item.asked_due_on = None;
            item.asked_by = None;
            ItemEventKind::ExtensionRefused
        }
        Action::Suspend => {
            item.suspended_from = Some(item.state);
            item.state = ItemState::Suspended;
            ItemEventKind::Suspended
        }
        Action::LookBack => {
            item.looked_back_on = Some(today);
            ItemEventKind::LookedBack
        }
        // `New`, `Resume` and `Reopen` do not come here.
        Action::Note | Action::New | Action::Resume | Action::Reopen => {
            item.remark = reason.into();
            ItemEventKind::Noted
        }
    }
}

fn assign(item: &mut Item, act: &Act, setting: &Setting<'_>) {
    let other = act.said.to_unit.as_ref().filter(|unit| *unit != item.responsible_unit());
    if let Some(unit) = other {
        if item.state != ItemState::Opened {
            item.ladder_steps = 0;
        }
        item.responsible_code = Some(unit.clone());
        item.asked_due_on = None;
        item.asked_by = None;
    }
    if act.said.to_unit.is_some() {
        item.responsible = UNIT_ROLE.into();
    }
    if let Some(due_on) = act.said.due_on {
        deadline::set_day(item, due_on);
        rewind(item, setting);
    }
    item.state = ItemState::Assigned;
    item.assigned_on = Some(setting.today);
    item.signed_on = None;
    item.assigned_by.clone_from(&act.actor.role);
}

fn note_work(item: &mut Item, said: &Said) {
    item.progress = said.progress.or(item.progress);
    let words = [
        (&mut item.problem, &said.problem),
        (&mut item.measures, &said.measures),
        (&mut item.evidence, &said.evidence),
    ];
    for (field, said) in words {
        if let Some(said) = said {
            *field = said.trim().into();
        }
    }
}

/// Takes an item up where it was; the working days between move its deadline.
fn resume(item: &mut Item, setting: &Setting<'_>) -> String {
    let since = item.paused_on.unwrap_or(setting.today);
    let stood = setting.workdays(since, setting.today);
    let days = u32::try_from(stood).unwrap_or(0);
    let due_on = item.due_on;
    if days > 0 {
        deadline::move_on(item, days, setting.calendar);
        if let Some(asked) = item.asked_due_on {
            item.asked_due_on = Some(setting.calendar.add_workdays(asked, days).on);
        }
    }
    item.state = item.suspended_from.take().unwrap_or(ItemState::Opened);
    if days == 0 {
        return format!("中止不足1个工作日，办结期限仍为{due_on}");
    }
    format!("中止{days}个工作日，办结期限由{due_on}顺延至{}", item.due_on)
}

/// The next episode of an item that a person opens again.
fn reopened(item: &Item, due_on: Option<Date>, setting: &Setting<'_>) -> Item {
    let mut next =
        Item::opened(item.key.clone(), item.unit_code.clone(), setting.today, setting.today);
    next.check_title.clone_from(&item.check_title);
    next.level.clone_from(&item.level);
    next.subject_name.clone_from(&item.subject_name);
    next.source = item.source;
    next.lead.clone_from(&item.lead);
    next.responsible.clone_from(&item.responsible);
    next.period = item.period;
    next.observed = item.observed;
    next.target = item.target;
    next.detail.clone_from(&item.detail);
    next.rule_version = item.rule_version;
    // The figures that the person knew do not close it again.
    next.passed_for = item.passed_for;
    keep_matter(item, &mut next);
    if let Some(due_on) = due_on {
        deadline::set_day(&mut next, due_on);
    } else {
        let by_hand = setting.supervision.life.by_hand_workdays;
        let days = setting.rule(&item.key).map_or(by_hand, |rule| rule.deadline_workdays);
        deadline::set_counted(&mut next, setting.today, days, setting.calendar);
    }
    begin_light(&mut next, setting);
    next
}

/// The fields that may go with an action, besides a reason.
fn fields_of(action: Action) -> &'static [Field] {
    match action {
        Action::Assign => &[Field::ToUnit, Field::DueOn],
        Action::Progress => &[Field::Progress, Field::Problem, Field::Measures],
        Action::Answer => &[Field::Progress, Field::Problem, Field::Measures, Field::Evidence],
        Action::LookBack => &[Field::Lasted, Field::DueOn],
        Action::Reopen | Action::Extend => &[Field::DueOn],
        _ => &[],
    }
}

fn said_fields(said: &Said) -> Vec<Field> {
    let is_text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    [
        (Field::ToUnit, said.to_unit.is_some()),
        (Field::DueOn, said.due_on.is_some()),
        (Field::Progress, said.progress.is_some()),
        (Field::Problem, is_text(&said.problem)),
        (Field::Measures, is_text(&said.measures)),
        (Field::Evidence, is_text(&said.evidence)),
        (Field::Lasted, said.lasted.is_some()),
    ]
    .into_iter()
    .filter(|(_, is_said)| *is_said)
    .map(|(field, _)| field)
    .collect()
}

/// Refuses what is missing, does not belong, or cannot be.
fn must_say(
    item: &Item,
    act: &Act,
    setting: &Setting<'_>,
    units: &UnitDirectory,
) -> Result<(), Refusal> {
    let (action, said) = (act.action, &act.said);
    let fields = said_fields(said);
    let belongs = fields_of(action);
    if let Some(&field) = fields.iter().find(|field| !belongs.contains(field)) {
        return Err(Refusal::NotBelonging { action, field });
    }
    let missing = |field| Err(Refusal::Missing { action, field });
    let no_reason = act.reason.trim().is_empty();
    if let Some(progress) = said.progress.filter(|progress| *progress > 100) {
        return Err(Refusal::Progress { progress });
    }
    if let Some(code) = said.to_unit.as_ref().filter(|code| units.get(code).is_none()) {
        return Err(Refusal::UnknownUnit { code: code.to_string() });
    }
    match action {
        Action::Assign if item.state != ItemState::Opened => {
            // Whoever has it already needs no second paper; a later day is an extension.
            if said.to_unit.as_ref().is_none_or(|unit| unit == item.responsible_unit()) {
                return missing(Field::ToUnit);
            }
            if no_reason {
                return missing(Field::Reason);
            }
        }
        Action::Return
        | Action::Reopen
        | Action::Extend
        | Action::Refuse
        | Action::Suspend
        | Action::Withdraw
        | Action::Note
            if no_reason =>
        {
            return missing(Field::Reason);
        }
        Action::Progress if fields.is_empty() && no_reason => return missing(Field::Progress),
        Action::Answer => {
            let says = fields.contains(&Field::Measures) || fields.contains(&Field::Evidence);
            if !says && no_reason {
                return missing(Field::Measures);
            }
        }
        Action::LookBack => match said.lasted {
            None => return missing(Field::Lasted),
            Some(true) if said.due_on.is_some() => {
                return Err(Refusal::NotBelonging { action, field: Field::DueOn });
            }
            Some(false) if no_reason => return missing(Field::Reason),
            Some(_) => {}
        },
        _ => {}
    }
    match said.due_on {
        None if action == Action::Extend => missing(Field::DueOn),
        Some(asked) if action == Action::Extend && asked <= item.due_on => {
            Err(Refusal::NotLater { asked, due_on: item.due_on })
        }
        Some(due_on) if due_on <= setting.today => {
            Err(Refusal::NotAhead { due_on, today: setting.today })
        }
        _ => Ok(()),
    }
}
