//! Long random lives of items, in the program and in the model of `supervise_model`, side by side.

use std::collections::{BTreeMap, BTreeSet};

use duban::model::{
    Act, Action, Actor, Due, Item, ItemChange, ItemEvent, ItemEventKind, ItemKey, ItemSource,
    Judged, JudgedSubjects, NewItem, Said, UnitCode, Violation, difference, fold_events,
};
use duban::supervise::{escalate, follow_day, open_by_hand};
use jiff::ToSpan;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::supervise_model::{
    CHECKS, END, FIGURES, Judging, MAY, MOVES, Matter, START, TOWNS, later, model_act, model_day,
    model_judge, month, word,
};
use crate::supervise_support::{World, actor, violation, written};

/// The real one, with its ledger of events.
struct Real {
    world: World,
    items: Vec<Item>,
    events: BTreeMap<i64, Vec<ItemEvent>>,
}

impl Real {
    fn new() -> Real {
        let rules = CHECKS.iter().map(|(id, days, data, passes, withdrawn, held)| {
            let closes_on = if *data {
                format!("closes_on = \"data\"\npasses = {passes}")
            } else {
                "closes_on = \"verification\"".to_owned()
            };
            let correction = if *withdrawn { "withdraw" } else { "pass" };
            let held = if *held { "held_by = [{ check = \"missing\" }]" } else { "" };
            written(&format!(
                "[[check]]\nid = \"{id}\"\ntitle = \"{id}\"\nsql = \"c.sql\"\nlevel = \"town\"\n\
                 deadline_workdays = {days}\n{closes_on}\non_correction = \"{correction}\"\n{held}\n"
            ))
        });
        let world = World { rules: rules.collect(), ..World::on(START) };
        Real { world, items: Vec::new(), events: BTreeMap::new() }
    }

    fn store(&mut self, changes: Vec<ItemChange>) {
        for change in changes {
            let mut item = change.item;
            let at = self.items.iter().position(|other| other.key == item.key);
            if at.is_none() {
                assert_eq!(item.item_no, 0);
                item.item_no = i64::try_from(self.items.len()).unwrap() + 1;
            }
            let before = at.map(|at| self.items[at].clone());
            let events = self.events.entry(item.item_no).or_default();
            events.push(ItemEvent {
                item_no: item.item_no,
                seq: i64::try_from(events.len()).unwrap() + 1,
                at: "2024-09-02T00:00:00Z".parse().unwrap(),
                on_date: self.world.today,
                kind: change.kind.as_str().to_owned(),
                from_state: change.from_state,
                to_state: item.state,
                actor: change.actor,
                reason: change.reason.into(),
                observed: item.observed,
                rule_version: item.rule_version,
                run_id: None,
                set: difference(before.as_ref(), &item).unwrap(),
            });
            assert_eq!(change.from_state, before.as_ref().map(|item| item.state));
            assert_ne!(before.as_ref(), Some(&item), "a change that changes nothing");
            let folded = fold_events(events.iter()).unwrap();
            assert_eq!(folded.as_ref(), Some(&item), "the fold of its events");
            if matches!(change.kind, ItemEventKind::Opened | ItemEventKind::Reopened)
                && let Some(observed) = item.observed
            {
                self.world.baselines.insert(item.key.clone(), observed);
            }
            match at {
                Some(at) => self.items[at] = item,
                None => self.items.push(item),
            }
        }
    }

    fn judge(&mut self, judging: &Judging) {
        let period = judging.period();
        let mut violations: Vec<Violation> = Vec::new();
        let mut checks: BTreeMap<String, JudgedSubjects> = BTreeMap::new();
        for (_, check, town, found, judged) in judging.cells() {
            violations.extend(found.map(|figure| violation(check, town, period, figure)));
            let subjects = checks
                .entry(check.to_owned())
                .or_insert_with(|| JudgedSubjects::Only(BTreeSet::new()));
            if let (true, JudgedSubjects::Only(list)) = (judged, subjects) {
                list.insert(("town".into(), town.into()));
            }
        }
        let judged = Judged { period, checks };
        let reconciled = self.world.reconcile(&self.items, &violations, &judged);
        self.store(reconciled.changes.clone());
        let settled = reconciled.settle(&self.items);
        self.store(settled);
        let again = self.world.reconcile(&self.items, &violations, &judged);
        assert_eq!((again.changes, again.holding), (Vec::new(), Vec::new()), "judged twice");
    }
}

#[derive(Debug, Clone)]
enum Move {
    Days(u8),
    Judge(Judging),
    Act { item: usize, pick: usize, fits: bool, who: usize, why: bool, said: u8 },
}

fn any_move() -> impl Strategy<Value = Move> {
    let cell = (prop::option::of(0..FIGURES.len()), prop::bool::weighted(0.8));
    let cells = prop::collection::vec(cell, CHECKS.len() * TOWNS.len());
    prop_oneof![
        3 => (1..6_u8).prop_map(Move::Days),
        1 => (0..3_i8, cells).prop_map(|(month, cells)| Move::Judge(Judging { month, cells })),
        8 => (
            0..7_usize,
            0..60_usize,
            prop::bool::weighted(0.8),
            0..24_usize,
            prop::bool::weighted(0.9),
            0..6_u8,
        )
            .prop_map(|(item, pick, fits, who, why, said)| {
                Move::Act { item, pick, fits, who, why, said }
            }),
    ]
}

/// Often an action that fits the state, sometimes any; seldom one that ends it early.
fn something(pick: usize, fits: bool, matter: &Matter) -> Action {
    let fit = |action: &Action| {
        let from = word(MOVES, *action);
        let early = matches!(action, Action::Withdraw | Action::Suspend) && !pick.is_multiple_of(5);
        let asked = matches!(action, Action::Grant | Action::Refuse);
        from.first().is_some_and(|from| from.split(',').any(|state| state == matter.state))
            && !early
            && *action != Action::Note
            && asked <= matter.asked.is_some()
    };
    let fitting: Vec<Action> = Action::ALL.into_iter().filter(fit).collect();
    match fitting.get(pick % fitting.len().max(1)) {
        Some(action) if fits => *action,
        _ => Action::ALL[pick % Action::ALL.len()],
    }
}

/// Often somebody who may, sometimes anybody.
fn somebody(who: usize, action: Action, matter: &Matter) -> Actor {
    let anybody = [
        actor("town", "t1"),
        actor("head", "t2"),
        actor("bureau", "b"),
        actor("experts", "d"),
        actor("coordination", "d"),
        actor("duban", ""),
    ];
    if let Some(actor) = anybody.get(who) {
        return actor.clone();
    }
    let may: Vec<&str> =
        word(MAY, action).first().map_or(Vec::new(), |may| may.split(',').collect());
    match may.get(who % may.len().max(1)) {
        Some(&"unit") | None => actor("town", &matter.unit),
        Some(role) => actor(role, "d"),
    }
}

fn wish(
    action: Action,
    who: Actor,
    why: bool,
    said: u8,
    matter: &Matter,
    today: jiff::civil::Date,
) -> Act {
    let mut act = Act {
        action,
        actor: who,
        reason: if why { "理由".to_owned() } else { String::new() },
        said: Said::default(),
    };
    let soon = later(today.max(matter.due), i64::from(said) * 2);
    match action {
        Action::Assign => {
            act.said.to_unit = (said < 2).then(|| UnitCode::new(TOWNS[usize::from(said)]));
            act.said.due_on = (said == 2).then_some(soon);
        }
        Action::Progress => act.said.progress = Some(said * 20),
        Action::Answer => act.said.measures = Some("措施".to_owned()),
        Action::Extend => act.said.due_on = (said > 0).then_some(soon),
        Action::LookBack => act.said.lasted = Some(said > 1),
        Action::Reopen => act.said.due_on = (said < 3).then_some(later(today, i64::from(said) * 6)),
        _ => {}
    }
    act
}

/// Matters and items must be the same in all that the design speaks of.
fn compare(matters: &[Matter], real: &Real) -> Result<(), TestCaseError> {
    prop_assert_eq!(matters.len(), real.items.len());
    for matter in matters {
        let key = match matter.check {
            "by_hand" => ("by_hand", "2024-001"),
            check => (check, matter.town),
        };
        let of = |key_: &ItemKey| (key_.check_id.as_str(), key_.subject_code.as_str()) == key;
        let item = real.items.iter().find(|item| of(&item.key)).expect("there is such an item");
        let shown = || format!("on {}\n{matter:#?}\n{item:#?}", real.world.today);
        prop_assert_eq!(item.state.as_str(), matter.state, "{}", shown());
        prop_assert_eq!(item.due_on, matter.due, "{}", shown());
        prop_assert_eq!(item.opened_on, matter.opened, "{}", shown());
        prop_assert_eq!(item.episode, matter.episode, "{}", shown());
        prop_assert_eq!(item.data_passes, matter.passes, "{}", shown());
        prop_assert_eq!(item.n_passes as usize, matter.passed.len(), "{}", shown());
        prop_assert_eq!(item.light, matter.light, "{}", shown());
        prop_assert_eq!(item.light_changes, matter.changes, "{}", shown());
        prop_assert_eq!(item.held_by.is_some(), matter.held, "{}", shown());
        prop_assert_eq!(item.ladder_steps as usize, matter.step, "{}", shown());
        prop_assert_eq!(item.n_slips, matter.slips, "{}", shown());
        prop_assert_eq!(item.escalation, matter.level, "{}", shown());
        prop_assert_eq!(item.responsible_unit().as_str(), &matter.unit, "{}", shown());
        prop_assert_eq!(item.original_due_on, matter.original_due, "{}", shown());
        prop_assert_eq!(item.n_extensions, matter.extensions, "{}", shown());
        prop_assert_eq!(item.n_returns, matter.returns, "{}", shown());
        let asked = matter.asked.as_ref().map(|(until, _)| *until);
        prop_assert_eq!(item.asked_due_on, asked, "{}", shown());
        prop_assert_eq!(item.looked_back_on, matter.looked, "{}", shown());
        prop_assert_eq!(item.closed_on, matter.closed, "{}", shown());
    }
    Ok(())
}

/// A day of both: the daemon's morning.
fn dawn(matters: &mut [Matter], real: &mut Real) -> Result<(), TestCaseError> {
    let today = real.world.today;
    for matter in matters.iter_mut() {
        matter.tick(today);
    }
    model_day(matters, today);
    let changes = follow_day(&real.items, &real.world.setting());
    real.store(changes);
    prop_assert_eq!(follow_day(&real.items, &real.world.setting()), vec![]);
    let mut expected: Vec<(&str, &str, &str)> = Vec::new();
    for matter in matters.iter_mut() {
        let taken = matter.climb(today).map(|step| (matter.check, matter.town, step));
        expected.extend(taken);
    }
    let climbs = escalate(&real.items, &real.world.setting());
    let mut steps: Vec<(&str, &str, &str)> = climbs
        .iter()
        .map(|climb| {
            let key = &climb.change.item.key;
            let town = TOWNS.into_iter().find(|town| *town == key.subject_code).unwrap_or("t1");
            (key.check_id.as_str(), town, climb.step.as_str())
        })
        .collect();
    expected.sort_unstable();
    steps.sort_unstable();
    prop_assert_eq!(steps, expected, "steps on {}", today);
    real.store(climbs.into_iter().map(|climb| climb.change).collect());
    Ok(())
}

/// Lives both, and compares them after every move; gives the events of the real one.
fn live(moves: Vec<Move>) -> Result<Real, TestCaseError> {
    let mut real = Real::new();
    let new = NewItem {
        title: "搬迁".to_owned(),
        detail: "某园搬迁".to_owned(),
        source: ItemSource::Meeting,
        level: "town".to_owned(),
        unit_code: UnitCode::new("t1"),
        subject_name: "甲镇".to_owned(),
        responsible: "unit".to_owned(),
        lead: "secretariat".to_owned(),
        due: Due::Workdays(15),
        period: month(8),
    };
    let secretariat = actor("secretariat", "d");
    let opened = open_by_hand(&new, "2024-001", &secretariat, "", &real.world.setting());
    real.store(vec![opened.expect("the secretariat may")]);
    let mut matters =
        vec![Matter::new("by_hand", "t1", START, later(START, 15), 8).begin(None, START)];
    for one in moves {
        let today = real.world.today;
        match one {
            Move::Days(n) => {
                for _ in 0..n {
                    if real.world.today < END {
                        real.world.today = real.world.today.checked_add(1.day()).unwrap();
                        dawn(&mut matters, &mut real)?;
                    }
                }
            }
            Move::Judge(mut judging) => {
                // The month before, or one or two before that, run again.
                let years = i8::try_from(today.year() - 2024).unwrap();
                judging.month = today.month() + years * 12 - 1 - judging.month;
                model_judge(&mut matters, &judging, today);
                real.judge(&judging);
            }
            Move::Act { item, pick, fits, who, why, said } => {
                let at = item % matters.len();
                let matter = matters[at].clone();
                let action = something(pick, fits, &matter);
                let who = somebody(who, action, &matter);
                let act = wish(action, who, why, said, &matter, today);
                let of = |item: &&Item| match matter.check {
                    "by_hand" => item.key.check_id == "by_hand",
                    check => item.key.check_id == check && item.key.subject_code == matter.town,
                };
                let item = real.items.iter().find(of).expect("an item").clone();
                match (real.world.act(&item, &act), model_act(&matter, &act, today)) {
                    (Ok(change), Some(next)) => {
                        matters[at] = next;
                        // What is said a second time changes nothing.
                        if change.item != item {
                            real.store(vec![change]);
                        }
                    }
                    (Err(_), None) => {}
                    (outcome, expected) => prop_assert!(
                        false,
                        "{act:#?}\n{item:#?}\nreal: {outcome:?}\nmodel: {expected:?}"
                    ),
                }
            }
        }
        compare(&matters, &real)?;
    }
    Ok(real)
}

fn many_moves() -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec(any_move(), 60..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn long_random_lives_of_items_go_as_the_model_says(moves in many_moves()) {
        live(moves)?;
    }
}

/// The same lives on every machine, so that what they reach can be asked for.
#[test]
fn the_random_lives_reach_every_kind_of_event_and_every_step() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut levels = [0; 6];
    for _ in 0..150 {
        let real = live(many_moves().new_tree(&mut runner).unwrap().current()).unwrap();
        for event in real.events.values().flatten() {
            *seen.entry(event.kind.clone()).or_default() += 1;
        }
        real.items.iter().for_each(|item| levels[usize::from(item.escalation)] += 1);
    }
    for kind in ItemEventKind::ALL {
        let n = seen.get(kind.as_str()).copied().unwrap_or(0);
        assert!(n >= 10, "{} only {n} times: {seen:?}", kind.as_str());
    }
    assert!(levels.iter().all(|n| *n > 0), "{levels:?}");
}
