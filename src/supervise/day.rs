//! What the calendar alone does to items.

use std::collections::HashSet;

use rayon::prelude::*;

use super::clock::keep_clock;
use super::light::follow_light;
use super::reconcile::{RELEASED, calendar_reason, changed};
use super::{Setting, deadline, follows};
use crate::config::check::ClosesOn;
use crate::model::{Item, ItemChange, ItemEventKind, ItemState};

/// What a new day changes, in the order of the items' numbers: at most one change an item, none
/// the second time on a day.
///
/// | item | becomes |
/// |---|---|
/// | open | kept, if its light turns or its provisional deadline can be counted again |
/// | held back by an item that is done by now, or passes | released |
/// | closed by data, and looked back at on a day before | archived |
/// | closed by data, of a check with `per_period`, `look_back_workdays` ago | archived: its period does not come again |
///
/// `items` are all items of the ledger. Looking back itself is [`super::reconcile`]'s, which knows
/// what was judged. Items that a person closed wait for a person.
pub fn follow_day(items: &[Item], setting: &Setting<'_>) -> Vec<ItemChange> {
    let holders: HashSet<i64> = items.iter().filter_map(|item| item.held_by).collect();
    let causes: HashSet<i64> = items
        .iter()
        .filter(|item| holders.contains(&item.item_no))
        .filter(|item| !item.is_done() && !item.data_passes)
        .map(|item| item.item_no)
        .collect();
    let mut changes: Vec<ItemChange> = items
        .par_iter()
        .filter_map(|item| match item.state {
            ItemState::Archived | ItemState::Withdrawn => None,
            ItemState::Closed => archive(item, setting),
            _ => follow(item, setting, |cause| causes.contains(&cause)),
        })
        .collect();
    changes.sort_by_key(|change| change.item.item_no);
    changes
}

fn follow(
    item: &Item,
    setting: &Setting<'_>,
    explains: impl Fn(i64) -> bool,
) -> Option<ItemChange> {
    let rule = setting.rule(&item.key);
    if !follows(&item.key, rule) {
        return None;
    }
    let mut after = item.clone();
    after.held_by = item.held_by.filter(|cause| explains(*cause));
    deadline::recount(&mut after, rule, setting.calendar);
    follow_light(&mut after, setting);
    keep_clock(item, &mut after, setting);
    if after == *item {
        return None;
    }
    let (kind, reason) = if after.held_by == item.held_by {
        (ItemEventKind::Kept, calendar_reason(item, &after))
    } else {
        (ItemEventKind::Released, RELEASED.to_owned())
    };
    Some(changed(kind, item, after, reason))
}

fn archive(item: &Item, setting: &Setting<'_>) -> Option<ItemChange> {
    let rule = setting.rule(&item.key)?;
    if rule.closes_on != ClosesOn::Data || !item.data_passes {
        return None;
    }
    let reason = match item.looked_back_on {
        Some(day) if day < setting.today => "回头看已完成，自动归档",
        None if rule.per_period => {
            let after = i64::from(setting.supervision.life.look_back_workdays);
            (setting.workdays(item.closed_on?, setting.today) >= after)
                .then_some("逐期事项已办结，自动归档")?
        }
        _ => return None,
    };
    let mut after = item.clone();
    after.state = ItemState::Archived;
    after.archived_on = Some(setting.today);
    Some(changed(ItemEventKind::Archived, item, after, reason.to_owned()))
}
