//! Lights by progress against plan (序时进度), and their damping.

use jiff::civil::Date;

use super::Setting;
use crate::calendar::Calendar;
use crate::model::{Item, ItemState, Light};

/// The light that the figures of the day give (before damping), by progress against plan (序时进度).
///
/// Red: overdue, or more than `behind_red` points behind. Yellow: due within `near_due_workdays`, or
/// `behind_yellow` points behind. Behind = planned − actual progress, where planned is the share of the
/// deadline's working days that has gone by, and actual = (now − `baseline`) ÷ (target − `baseline`),
/// held in 0–100. Without a baseline (the figure when the episode began) or figures, the calendar
/// alone decides. What is done, suspended, or passes its check is green.
pub fn light(item: &Item, setting: &Setting<'_>, baseline: Option<f64>) -> Light {
    if item.is_done() || item.state == ItemState::Suspended || item.data_passes {
        return Light::Green;
    }
    let (today, lights) = (setting.today, &setting.supervision.lights);
    if today > item.due_on {
        return Light::Red;
    }
    let behind = behind(item, today, setting.calendar, baseline).unwrap_or(0.0);
    if behind > lights.behind_red {
        Light::Red
    } else if behind >= lights.behind_yellow
        || setting.workdays(today, item.due_on) <= i64::from(lights.near_due_workdays)
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

/// Sets the light of a new episode: as the figures give it.
pub(super) fn begin_light(item: &mut Item, setting: &Setting<'_>) {
    let light = light(item, setting, item.observed);
    item.light = light;
    item.raw_light = Some(light);
    item.better_since = None;
    item.light_since = Some(setting.today);
    item.light_changes = 0;
}

/// Sets an item's light on the day: worse at once, better only after it has been better for
/// `better_after_workdays`. What is done or suspended by somebody is green at once.
pub(super) fn follow_light(item: &mut Item, setting: &Setting<'_>) {
    if item.is_done() || item.state == ItemState::Suspended {
        show(item, Light::Green, setting.today);
        if item.raw_light.is_some() {
            item.raw_light = Some(Light::Green);
        }
        return;
    }
    let raw = light(item, setting, setting.baselines.get(&item.key).copied());
    if item.raw_light.unwrap_or(item.light) != raw {
        item.raw_light = Some(raw);
        item.light_changes += 1;
    }
    if raw >= item.light {
        show(item, raw, setting.today);
        return;
    }
    let since = *item.better_since.get_or_insert(setting.today);
    let lasted = setting.workdays(since, setting.today);
    if lasted >= i64::from(setting.supervision.lights.better_after_workdays) {
        show(item, raw, setting.today);
    }
}

fn show(item: &mut Item, light: Light, today: Date) {
    item.better_since = None;
    if item.light != light {
        item.light = light;
        item.light_since = Some(today);
    }
}
