//! A small district to supervise: two towns, a bureau, the home's own ladder, lights and roles.

use std::collections::BTreeMap;

use duban::calendar::Calendar;
use duban::config::check::{CheckRule, ClosesOn, OnCorrection, load};
use duban::config::supervision::{self, Supervision};
use duban::model::{
    Act, Action, Actor, Item, ItemChange, ItemKey, Judged, JudgedSubjects, Level, Period, Said,
    Unit, UnitCode, UnitDirectory, Violation, Waves,
};
use duban::supervise::{self, Reconciled, Refusal, Setting, reconcile};
use jiff::civil::Date;

use crate::calendar::of_the_repository;
use crate::tools::repository;

/// All that supervision goes by, on a day.
pub struct World {
    pub rules: Vec<CheckRule>,
    pub supervision: Supervision,
    pub calendar: Calendar,
    pub waves: Waves,
    pub units: UnitDirectory,
    pub baselines: BTreeMap<ItemKey, f64>,
    pub versions: BTreeMap<String, u32>,
    pub today: Date,
}

impl World {
    /// No checks, the home's own supervision and calendar.
    pub fn on(today: Date) -> World {
        let file = "pipelines/_supervision.toml";
        let text = fs_err::read_to_string(repository().join(file)).unwrap();
        World {
            rules: Vec::new(),
            supervision: supervision::load(file, &text).unwrap(),
            calendar: of_the_repository(),
            waves: Waves::default(),
            units: units(),
            baselines: BTreeMap::new(),
            versions: BTreeMap::new(),
            today,
        }
    }

    pub fn setting(&self) -> Setting<'_> {
        Setting {
            rules: &self.rules,
            supervision: &self.supervision,
            calendar: &self.calendar,
            waves: &self.waves,
            today: self.today,
            baselines: &self.baselines,
            versions: &self.versions,
        }
    }

    pub fn reconcile(
        &self,
        items: &[Item],
        violations: &[Violation],
        judged: &Judged,
    ) -> Reconciled {
        reconcile(items, violations, judged, &self.setting())
    }

    /// The changes of a judging that holds nothing back.
    pub fn judge(
        &self,
        items: &[Item],
        violations: &[Violation],
        judged: &Judged,
    ) -> Vec<ItemChange> {
        let reconciled = self.reconcile(items, violations, judged);
        assert!(reconciled.held.is_empty() && reconciled.holding.is_empty(), "{reconciled:#?}");
        reconciled.changes
    }

    /// Judges and stores as the pipeline does; gives the items after it.
    pub fn judge_and_store(
        &self,
        items: &[Item],
        violations: &[Violation],
        judged: &Judged,
    ) -> Vec<Item> {
        let reconciled = self.reconcile(items, violations, judged);
        let stored = apply(items, &reconciled.changes);
        apply(&stored, &reconciled.settle(&stored))
    }

    pub fn act(&self, item: &Item, act: &Act) -> Result<ItemChange, Refusal> {
        supervise::act(item, act, &self.setting(), &self.units)
    }
}

fn units() -> UnitDirectory {
    let unit = |code: &str, name: &str, level| Unit {
        code: UnitCode::new(code),
        name: name.to_owned(),
        level,
        kind: String::new(),
        parent: None,
        group: None,
        aliases: Vec::new(),
    };
    UnitDirectory::new(vec![
        unit("d", "某区", Level::District),
        unit("b", "区教育局", Level::Bureau),
        unit("t1", "甲镇", Level::Town),
        unit("t2", "乙镇", Level::Town),
        unit("t3", "丙镇", Level::Town),
    ])
}

/// A check of towns with five working days.
pub fn rule(id: &str, closes_on: ClosesOn, on_correction: OnCorrection) -> CheckRule {
    let toml = format!(
        "[[check]]\nid = \"{id}\"\ntitle = \"某项\"\nsql = \"c.sql\"\nlevel = \"town\"\n\
         deadline_workdays = 5\n"
    );
    let mut rule = written(&toml);
    rule.closes_on = closes_on;
    rule.on_correction = on_correction;
    rule
}

/// A check as its TOML says.
pub fn written(toml: &str) -> CheckRule {
    load("c.toml", toml, |_| Ok(String::new())).expect("a rule").remove(0)
}

pub fn key(check: &str, town: &str) -> ItemKey {
    ItemKey { check_id: check.into(), subject_kind: "town".into(), subject_code: town.into() }
}

pub fn violation(check: &str, town: &str, period: Period, observed: f64) -> Violation {
    Violation {
        key: key(check, town),
        subject_name: format!("{town}镇").into(),
        unit_code: UnitCode::new(town),
        period,
        observed: Some(observed),
        target: Some(0.5),
        detail: format!("占比{observed}").into(),
    }
}

/// These checks ran and could judge everybody.
pub fn judged(checks: &[&str], period: Period) -> Judged {
    let checks = checks.iter().map(|id| ((*id).to_owned(), JudgedSubjects::All)).collect();
    Judged { period, checks }
}

/// As the ledger would: changed items in place, new ones with a number.
pub fn apply(items: &[Item], changes: &[ItemChange]) -> Vec<Item> {
    let mut after = items.to_vec();
    for change in changes {
        if let Some(item) = after.iter_mut().find(|item| item.key == change.item.key) {
            *item = change.item.clone();
        } else {
            let item_no = i64::try_from(after.len()).expect("few") + 1;
            after.push(Item { item_no, ..change.item.clone() });
        }
    }
    after
}

pub fn only<T: std::fmt::Debug>(changes: Vec<T>) -> T {
    assert_eq!(changes.len(), 1, "{changes:#?}");
    changes.into_iter().next().expect("one")
}

pub fn actor(role: &str, unit: &str) -> Actor {
    Actor {
        role: role.to_owned().into(),
        unit_code: (!unit.is_empty()).then(|| UnitCode::new(unit)),
        post: format!("（示例）{role}").into(),
    }
}

/// An act with nothing said but a reason.
pub fn wants(action: Action, actor: Actor, reason: &str) -> Act {
    Act { action, actor, reason: reason.to_owned(), said: Said::default() }
}
