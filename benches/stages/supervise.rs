//! A hundred thousand items against a million violations, and a day of their ladder. Invented.

use std::collections::BTreeMap;
use std::time::Duration;

use duban::calendar::Calendar;
use duban::config::check::{CheckRule, load};
use duban::config::supervision::Supervision;
use duban::model::{Item, ItemKey, Judged, JudgedSubjects, Period, UnitCode, Violation, Waves};
use duban::supervise::{Setting, escalate, follow_day, reconcile};
use jiff::civil::{Date, date};

use crate::Outcome;
use crate::fixture::Campaign;
use crate::measure::{Line, Plan, forget_peak, median_of, peak_mb};

const MONTH: Period = Period::Month { year: 2024, month: 9 };
/// A working day; what opens then is due on 29 October.
const OPENED: Date = date(2024, 9, 30);
const N_CHECKS: usize = 40;

struct District {
    rules: Vec<CheckRule>,
    supervision: Supervision,
    calendar: Calendar,
    waves: Waves,
    baselines: BTreeMap<ItemKey, f64>,
    versions: BTreeMap<String, u32>,
}

/// The last check is the cause of all others, in the same unit.
fn district(supervision: Supervision) -> Outcome<District> {
    let mut rules = Vec::new();
    for n in 0..N_CHECKS {
        let toml = format!(
            "[[check]]\nid = \"check_{n:02}\"\ntitle = \"某项\"\nsql = \"c.sql\"\nlevel = \"town\"\n\
             deadline_workdays = 20\n{}",
            if n + 1 < N_CHECKS { "held_by = [{ check = \"check_39\" }]\n" } else { "" }
        );
        rules.extend(load("c.toml", &toml, |_| Ok(String::new())).map_err(crate::told)?);
    }
    let off = (1..=7).map(|day| (date(2024, 10, day), false));
    let worked = [(date(2024, 9, 29), true), (date(2024, 10, 12), true)];
    Ok(District {
        rules,
        supervision,
        calendar: Calendar::new(off.chain(worked).collect()),
        waves: Waves::default(),
        baselines: BTreeMap::new(),
        versions: BTreeMap::new(),
    })
}

impl District {
    fn on(&self, today: Date) -> Setting<'_> {
        Setting {
            rules: &self.rules,
            supervision: &self.supervision,
            calendar: &self.calendar,
            waves: &self.waves,
            today,
            baselines: &self.baselines,
            versions: &self.versions,
        }
    }
}

/// The `n`-th violation, in an order that is not that of the keys: units interleave.
fn violation(n: usize, observed: f64) -> Violation {
    let unit = UnitCode::new(format!("1201{:05}", n % 3000));
    Violation {
        key: ItemKey {
            check_id: format!("check_{:02}", n % (N_CHECKS - 1)).into(),
            subject_kind: "institution".into(),
            subject_code: format!("{unit}-{n:07}").into(),
        },
        subject_name: format!("第{n}园").into(),
        unit_code: unit,
        period: MONTH,
        observed: Some(observed),
        target: Some(0.5),
        detail: format!("{MONTH}公办园在园幼儿占比{observed}，目标0.5").into(),
    }
}

/// Items opened on a day, with numbers.
fn items(n: usize, setting: &Setting<'_>, judged: &Judged) -> Vec<Item> {
    let violations: Vec<Violation> = (0..n).map(|n| violation(n, 0.4)).collect();
    let changes = reconcile(&[], &violations, judged, setting).changes;
    changes.into_iter().zip(1..).map(|(change, item_no)| Item { item_no, ..change.item }).collect()
}

/// Reconciling, a day and an escalation, at sizes beyond any district's; the home's own ladder and lights.
pub fn run(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    large(campaign.config.supervision.clone(), plan)
}

fn large(supervision: Supervision, plan: &Plan) -> Outcome<Vec<Line>> {
    let (n_items, n_violations) = if plan.quick { (1_000, 10_000) } else { (100_000, 1_000_000) };
    let district = district(supervision)?;
    let ids = district.rules.iter().map(|rule| rule.id.clone());
    let judged =
        Judged { period: MONTH, checks: ids.map(|id| (id, JudgedSubjects::All)).collect() };
    let later = district.on(date(2024, 10, 14));
    let items = items(n_items, &district.on(OPENED), &judged);
    let mut lines = Vec::new();

    let rounds = plan.rounds(5);
    for part in [2, 1] {
        let (n_items, n_violations) = (n_items / part, n_violations / part);
        let items = &items[..n_items];
        let violations: Vec<Violation> = (0..n_violations).map(|n| violation(n, 0.41)).collect();
        let work = || Ok(reconcile(items, &violations, &judged, &later));
        let name = format!("supervise: {n_items} items, {n_violations} violations, the rest opens");
        lines.push(measured(&name, n_violations, rounds, work)?);
    }
    // A cause in every unit: what is no item yet is held back.
    let mut violations: Vec<Violation> = (0..n_violations).map(|n| violation(n, 0.41)).collect();
    for n in 0..3000.min(n_violations) {
        let mut cause = violation(n, 0.0);
        cause.key.check_id = format!("check_{:02}", N_CHECKS - 1).into();
        cause.key.subject_kind = "town".into();
        violations[n_violations - 1 - n] = cause;
    }
    let work = || Ok(reconcile(&items, &violations, &judged, &later));
    let name = "supervise: the same, the rest held back by causes";
    lines.push(measured(name, n_violations, rounds, work)?);

    let late = district.on(date(2024, 11, 15));
    let follow = median_of(rounds, || Ok(follow_day(&items, &late)))?;
    lines.push(Line::new("supervise: a day, every light turns", follow).of(n_items, "item"));
    let every = escalate(&items, &late).len();
    let climb = median_of(rounds, || Ok(escalate(&items, &late)))?;
    lines.push(
        Line::new("supervise: escalation, every item climbs", climb)
            .of(n_items, "item")
            .remark(format!("{every} steps")),
    );
    Ok(lines)
}

fn measured<T>(
    name: &str,
    n: usize,
    rounds: usize,
    work: impl FnMut() -> Outcome<T>,
) -> Outcome<Line> {
    forget_peak();
    let before = peak_mb().unwrap_or(0);
    let time: Duration = median_of(rounds, work)?;
    let more = peak_mb().unwrap_or(0).saturating_sub(before);
    Ok(Line::new(name, time).of(n, "violation").remark(format!("{more} MB beside the input")))
}
