//! Causes that explain others, and what must hold of reconciling whatever comes.

use std::collections::{BTreeMap, BTreeSet};

use duban::model::{
    Item, ItemChange, ItemEventKind, ItemKey, ItemState, Judged, JudgedSubjects, Light, Period,
    UnitCode, Violation,
};
use duban::supervise::{Reconciled, follow_day};
use jiff::civil::{Date, date};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::supervise_support::{World, apply, judged, only, violation, written};

const SEPTEMBER: Period = Period::Month { year: 2024, month: 9 };
const OCTOBER: Period = Period::Month { year: 2024, month: 10 };
const MONDAY: Date = date(2024, 10, 14);

const CHECKS: [(&str, &str); 9] = [
    ("town_silent", ""),
    ("submission_missing", "on_correction = \"pass\"\nheld_by = [{ check = \"town_silent\" }]"),
    (
        "share",
        "held_by = [{ check = \"submission_missing\", subject = \"enrollment:{unit_code}\" }]",
    ),
    ("size", "held_by = [{ check = \"submission_missing\" }]"),
    ("visit", "closes_on = \"verification\"\nheld_by = [{ check = \"share\" }]"),
    ("loop_a", "held_by = [{ check = \"loop_b\" }]"),
    ("loop_b", "held_by = [{ check = \"loop_c\" }]"),
    (
        "loop_c",
        "closes_on = \"verification\"\nheld_by = [{ check = \"loop_a\" }, { check = \"town_silent\" }]",
    ),
    ("twice", "passes = 2\nheld_by = [{ check = \"loop_a\" }]"),
];

fn names() -> Vec<&'static str> {
    CHECKS.iter().map(|(id, _)| *id).collect()
}

fn world(today: Date) -> World {
    let rules = CHECKS.iter().map(|(id, more)| {
        written(&format!(
            "[[check]]\nid = \"{id}\"\ntitle = \"{id}\"\nsql = \"c.sql\"\nlevel = \"town\"\n\
             deadline_workdays = 5\n{more}\n"
        ))
    });
    World { rules: rules.collect(), ..World::on(today) }
}

fn missing(form: &str, town: &str) -> Violation {
    Violation {
        key: ItemKey {
            check_id: "submission_missing".into(),
            subject_kind: "submission".into(),
            subject_code: format!("{form}:{town}").into(),
        },
        ..violation("submission_missing", town, SEPTEMBER, 0.0)
    }
}

fn of(check: &str, town: &str) -> Violation {
    violation(check, town, SEPTEMBER, 0.4)
}

fn opened(reconciled: &Reconciled) -> Vec<String> {
    let opened = reconciled.changes.iter().filter(|change| change.kind == ItemEventKind::Opened);
    opened.map(|change| short(&change.item.key)).collect()
}

fn held(reconciled: &Reconciled) -> Vec<(String, String)> {
    let held = reconciled.held.iter();
    held.map(|held| (short(&held.violation.key), short(&held.cause))).collect()
}

fn short(key: &ItemKey) -> String {
    format!("{} {}", key.check_id, key.subject_code)
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(what, cause)| ((*what).to_owned(), (*cause).to_owned())).collect()
}

#[test]
fn a_violation_of_the_same_judging_explains_what_names_its_subject_or_its_unit() {
    let world = world(MONDAY);
    let found = [
        missing("enrollment", "t1"),
        missing("staffing", "t2"),
        of("share", "t1"),
        of("size", "t1"),
        of("share", "t2"),
        of("size", "t2"),
        of("share", "t3"),
        of("size", "t3"),
    ];
    let reconciled = world.reconcile(&[], &found, &judged(&names(), SEPTEMBER));
    // t2 lacks another form: `share` goes by enrolment alone, `size` by any form.
    let expected = [
        "share t2",
        "share t3",
        "size t3",
        "submission_missing enrollment:t1",
        "submission_missing staffing:t2",
    ];
    assert_eq!(opened(&reconciled), expected);
    assert_eq!(
        held(&reconciled),
        pairs(&[
            ("share t1", "submission_missing enrollment:t1"),
            ("size t1", "submission_missing enrollment:t1"),
            ("size t2", "submission_missing staffing:t2"),
        ])
    );
}

#[test]
fn the_open_item_of_a_cause_that_was_not_judged_explains_too() {
    let world = world(MONDAY);
    let all = judged(&names(), SEPTEMBER);
    let items = world.judge_and_store(&[], &[missing("enrollment", "t1")], &all);
    let found = [of("share", "t1"), of("share", "t2")];
    let only_share = judged(&["share"], SEPTEMBER);
    let reconciled = world.reconcile(&items, &found, &only_share);
    assert_eq!(opened(&reconciled), ["share t2"]);
    assert_eq!(held(&reconciled), pairs(&[("share t1", "submission_missing enrollment:t1")]));
    // The form comes in the same judging: what it explained opens at once.
    let reconciled = world.reconcile(&items, &found, &all);
    assert_eq!(opened(&reconciled), ["share t1", "share t2"]);
    assert!(reconciled.held.is_empty());
}

#[test]
fn the_root_explains_and_not_what_it_explains() {
    let world = world(MONDAY);
    let found = [
        of("town_silent", "t1"),
        missing("enrollment", "t1"),
        of("share", "t1"),
        of("visit", "t1"),
    ];
    let reconciled = world.reconcile(&[], &found, &judged(&names(), SEPTEMBER));
    assert_eq!(opened(&reconciled), ["town_silent t1"]);
    assert_eq!(
        held(&reconciled),
        pairs(&[
            ("share t1", "town_silent t1"),
            ("submission_missing enrollment:t1", "town_silent t1"),
            ("visit t1", "town_silent t1"),
        ])
    );
}

#[test]
fn of_a_circle_one_matter_stands_and_a_root_outside_wins() {
    let world = world(MONDAY);
    let circle = [of("loop_c", "t1"), of("loop_a", "t1"), of("loop_b", "t1"), of("twice", "t1")];
    let all = judged(&names(), SEPTEMBER);
    let reconciled = world.reconcile(&[], &circle, &all);
    assert_eq!(opened(&reconciled), ["loop_a t1"]);
    assert_eq!(
        held(&reconciled),
        pairs(&[("loop_b t1", "loop_a t1"), ("loop_c t1", "loop_a t1"), ("twice t1", "loop_a t1")])
    );
    // One that stands already goes on standing.
    let items = world.judge_and_store(&[], &circle[..1], &all);
    let reconciled = world.reconcile(&items, &circle, &all);
    assert_eq!(opened(&reconciled), [""; 0]);
    assert_eq!(
        held(&reconciled),
        pairs(&[("loop_a t1", "loop_c t1"), ("loop_b t1", "loop_c t1"), ("twice t1", "loop_c t1")])
    );
    let mut with_root = circle.to_vec();
    with_root.push(of("town_silent", "t1"));
    let reconciled = world.reconcile(&[], &with_root, &all);
    assert_eq!(opened(&reconciled), ["town_silent t1"]);
    assert_eq!(reconciled.held.len(), 4);
    // Not a circle: two of the three.
    let reconciled = world.reconcile(&[], &[of("loop_b", "t1"), of("loop_c", "t1")], &all);
    assert_eq!(opened(&reconciled), ["loop_c t1"]);
}

#[test]
fn an_open_item_is_held_while_its_cause_is_open_and_released_after_it() {
    let mut world = world(MONDAY);
    let all = judged(&names(), SEPTEMBER);
    let share = of("share", "t1");
    let items = world.judge_and_store(&[], std::slice::from_ref(&share), &all);
    world.today = date(2024, 10, 16);
    let found = [share.clone(), missing("enrollment", "t1")];
    let reconciled = world.reconcile(&items, &found, &all);
    assert_eq!(opened(&reconciled), ["submission_missing enrollment:t1"]);
    assert!(reconciled.held.is_empty(), "there is an item: nothing is withheld");
    let [holding] = &reconciled.holding[..] else { panic!("{reconciled:#?}") };
    assert_eq!(short(&holding.cause), "submission_missing enrollment:t1");
    let stored = apply(&items, &reconciled.changes);
    let change = only(reconciled.settle(&stored));
    assert_eq!((change.kind, change.item.held_by), (ItemEventKind::Held, Some(2)));
    assert_eq!(change.item.paused_on, Some(date(2024, 10, 16)));
    assert_eq!(change.reason, "因“submission_missing”暂缓督办");
    let items = apply(&stored, &[change]);
    assert_eq!(world.reconcile(&items, &found, &all), Reconciled::default());

    // A cause with a number is named at once.
    let freed = Item { held_by: None, paused_on: None, ..items[0].clone() };
    let again = world.reconcile(&[freed, items[1].clone()], &found, &all);
    assert_eq!(only(again.changes).item.held_by, Some(2));

    // Due on Monday the 21st; held until Thursday the 24th: three working days past it do not count.
    assert_eq!(items[0].due_on, date(2024, 10, 21));
    world.today = date(2024, 10, 24);
    let reconciled = world.reconcile(&items, &[share], &all);
    let [released, closed] = &reconciled.changes[..] else { panic!("{reconciled:#?}") };
    assert_eq!((released.kind, released.item.held_by), (ItemEventKind::Released, None));
    assert_eq!((released.item.paused_on, released.item.paused_workdays), (None, 3));
    assert_eq!(closed.kind, ItemEventKind::Closed);
}

#[test]
fn a_cause_that_a_person_ended_releases_on_the_next_day() {
    let mut world = world(MONDAY);
    let all = judged(&names(), SEPTEMBER);
    let items = world.judge_and_store(&[], &[of("share", "t1")], &all);
    let found = [of("share", "t1"), missing("enrollment", "t1")];
    let mut items = world.judge_and_store(&items, &found, &all);
    assert_eq!(items[0].held_by, Some(2));
    world.today = date(2024, 10, 15);
    assert_eq!(follow_day(&items, &world.setting()), []);
    items[1].state = ItemState::Withdrawn;
    let change = only(follow_day(&items, &world.setting()));
    assert_eq!((change.kind, change.item.held_by), (ItemEventKind::Released, None));
    assert_eq!(follow_day(&apply(&items, &[change]), &world.setting()), []);
}

#[test]
fn a_cause_whose_check_passes_explains_nothing_though_somebody_must_still_verify_it() {
    let mut world = world(MONDAY);
    let all = judged(&names(), SEPTEMBER);
    let mut items = world.judge_and_store(&[], &[of("loop_c", "t1")], &all);
    let found = [of("loop_b", "t1")];
    let none = judged(&["loop_b"], SEPTEMBER);
    assert_eq!(held(&world.reconcile(&items, &found, &none)).len(), 1);
    items[0].data_passes = true;
    assert_eq!(opened(&world.reconcile(&items, &found, &none)), ["loop_b t1"]);
    // Nor does one that this judging acquits.
    items[0].data_passes = false;
    items[0].state = ItemState::InWork;
    world.today = date(2024, 10, 15);
    let reconciled = world.reconcile(&items, &found, &all);
    assert_eq!(opened(&reconciled), ["loop_b t1"]);
}

#[test]
fn a_done_item_is_not_reopened_while_a_cause_explains_it() {
    let world = world(MONDAY);
    let all = judged(&names(), OCTOBER);
    let done = Item {
        state: ItemState::Closed,
        data_passes: true,
        ..world.judge_and_store(&[], &[of("share", "t1")], &judged(&names(), SEPTEMBER)).remove(0)
    };
    let share = violation("share", "t1", OCTOBER, 0.3);
    let found = [share.clone(), missing("enrollment", "t1")];
    let reconciled = world.reconcile(std::slice::from_ref(&done), &found, &all);
    assert_eq!(held(&reconciled), pairs(&[("share t1", "submission_missing enrollment:t1")]));
    assert!(reconciled.changes.iter().all(|change| change.kind == ItemEventKind::Opened));
    let reconciled = world.reconcile(&[done], &[share], &all);
    assert_eq!(only(reconciled.changes).kind, ItemEventKind::Reopened);
}

const TOWNS: [&str; 3] = ["t1", "t2", "t3"];

fn any_violation() -> impl Strategy<Value = Violation> {
    let checks: Vec<&str> = names().into_iter().chain(["gone"]).collect();
    let forms = select(vec!["enrollment", "staffing"]);
    (select(checks), select(TOWNS.to_vec()), forms, select(vec![SEPTEMBER, OCTOBER]), 0..4_i32)
        .prop_map(|(check, town, form, period, n)| {
            let mut violation = violation(check, town, period, f64::from(n) / 10.0);
            if check == "submission_missing" {
                violation.key = missing(form, town).key;
            }
            violation
        })
}

fn any_item() -> impl Strategy<Value = Item> {
    let lights = vec![Light::Green, Light::Yellow, Light::Red];
    let told = (
        any::<bool>(),
        1..3_u32,
        select(lights.clone()),
        prop::option::of(select(lights)),
        any::<bool>(),
        prop::option::of(0..40_i8),
        prop::option::of(1..12_i64),
        prop::option::of(select(vec![SEPTEMBER, OCTOBER])),
    );
    (any_violation(), select(ItemState::ALL.to_vec()), told).prop_map(|(found, state, told)| {
        let (data_passes, episode, light, raw_light, due_provisional, paused, held_by, passed_for) =
            told;
        let day = |n: i8| MONDAY.checked_add(jiff::ToSpan::days(n)).expect("a day");
        Item {
            state,
            data_passes,
            episode,
            light,
            raw_light,
            due_provisional,
            paused_on: paused.map(day),
            held_by,
            passed_for,
            n_passes: u32::from(passed_for.is_some()),
            closed_on: Some(MONDAY),
            answered_on: Some(MONDAY),
            suspended_from: Some(ItemState::Signed),
            assigned_by: if episode == 1 { "".into() } else { "duban".into() },
            period: found.period,
            observed: found.observed,
            detail: found.detail,
            subject_name: found.subject_name,
            ..Item::opened(found.key, found.unit_code, MONDAY, day(7))
        }
    })
}

fn any_judged() -> impl Strategy<Value = Judged> {
    let towns = prop::collection::btree_set(select(TOWNS.to_vec()), 0..4);
    let subjects = prop_oneof![
        Just(JudgedSubjects::All),
        towns.prop_map(|towns| {
            let mut subjects = BTreeSet::new();
            for town in towns {
                subjects.insert(("town".into(), town.into()));
                subjects.insert(("submission".into(), format!("enrollment:{town}").into()));
            }
            JudgedSubjects::Only(subjects)
        }),
    ];
    let checks =
        prop::collection::btree_map(select(names()).prop_map(str::to_owned), subjects, 0..9);
    (select(vec![SEPTEMBER, OCTOBER]), checks)
        .prop_map(|(period, checks)| Judged { period, checks })
}

fn keys(changes: &[ItemChange]) -> Vec<&ItemKey> {
    changes.iter().map(|change| &change.item.key).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn whatever_comes_reconciling_is_idempotent_orderless_and_careful(
        items in prop::collection::vec(any_item(), 0..10),
        violations in prop::collection::vec(any_violation(), 0..14),
        judged in any_judged(),
        day in 0..60_i32,
        turns in any::<[Index; 3]>(),
    ) {
        // The ledger has one item a key, and numbers.
        let mut seen = BTreeSet::new();
        let items: Vec<Item> = items
            .into_iter()
            .filter(|item| seen.insert(item.key.clone()))
            .zip(1..)
            .map(|(item, item_no)| Item { item_no, ..item })
            .collect();
        let today = MONDAY.checked_add(jiff::ToSpan::days(day)).expect("a day");
        let world = world(today);
        let reconciled = world.reconcile(&items, &violations, &judged);

        // Sorted, at most one change an item.
        let mut all = keys(&reconciled.changes);
        prop_assert!(all.is_sorted());
        all.extend(reconciled.holding.iter().map(|holding| &holding.change.item.key));
        let unique: BTreeSet<&ItemKey> = all.iter().copied().collect();
        prop_assert_eq!(unique.len(), all.len());

        // Whatever the order of items, violations and rules.
        let mut other = world;
        let (mut other_items, mut other_violations) = (items.clone(), violations.clone());
        turn(&mut other_items, turns[0]);
        turn(&mut other_violations, turns[1]);
        turn(&mut other.rules, turns[2]);
        other_violations.reverse();
        other.rules.reverse();
        prop_assert_eq!(&other.reconcile(&other_items, &other_violations, &judged), &reconciled);

        // Silence closes nothing: only what was judged, and is no violation, passes.
        let before: BTreeMap<&ItemKey, &Item> = items.iter().map(|item| (&item.key, item)).collect();
        let holding = reconciled.holding.iter().map(|holding| &holding.change);
        for change in reconciled.changes.iter().chain(holding) {
            let key = &change.item.key;
            let better = before.get(key).is_some_and(|before| {
                change.item.data_passes && !before.data_passes
                    || change.item.is_done() && !before.is_done()
                    || change.item.n_passes > before.n_passes
            });
            if better || change.kind == ItemEventKind::LookedBack {
                prop_assert!(judged.covers(key));
                prop_assert!(violations.iter().all(|found| found.key != *key));
            }
        }

        // What is held opens nothing, and its cause stands open and is not held itself.
        let stored = apply(&items, &reconciled.changes);
        let after = apply(&stored, &reconciled.settle(&stored));
        for held in &reconciled.held {
            prop_assert!(!all.contains(&&held.violation.key));
            let cause = after.iter().find(|item| item.key == held.cause);
            let cause = cause.expect("the cause is an item");
            prop_assert!(!cause.is_done() && cause.held_by.is_none(), "{cause:#?}");
            prop_assert_eq!(&cause.unit_code, &held.violation.unit_code);
        }
        for item in after.iter().filter(|item| !item.is_done() && item.key.check_id != "gone") {
            if let Some(cause) = item.held_by {
                let cause = after.iter().find(|other| other.item_no == cause);
                prop_assert!(cause.is_some_and(|cause| !cause.is_done()), "{item:#?}");
            }
        }

        // Again: nothing, and the same is held.
        let again = other.reconcile(&after, &violations, &judged);
        prop_assert_eq!(&again.changes, &vec![]);
        prop_assert_eq!(&again.holding, &vec![]);
        prop_assert_eq!(&again.held, &reconciled.held);
        // Nor has the day anything to add to what was just judged, but for archives.
        let day = follow_day(&after, &other.setting());
        prop_assert!(
            day.iter().all(|change| change.kind == ItemEventKind::Archived),
            "{day:#?}"
        );
    }
}

fn turn<T>(list: &mut [T], by: Index) {
    if !list.is_empty() {
        let by = by.index(list.len());
        list.rotate_left(by);
    }
}

#[test]
fn a_check_that_vanished_leaves_its_items_alone_and_explains_nothing_new() {
    let mut world = world(MONDAY);
    let all = judged(&names(), SEPTEMBER);
    let items = world.judge_and_store(&[], &[of("town_silent", "t1")], &all);
    world.rules.retain(|rule| rule.id != "town_silent");
    world.today = date(2024, 12, 2);
    assert_eq!(world.reconcile(&items, &[], &judged(&names(), OCTOBER)), Reconciled::default());
    assert_eq!(follow_day(&items, &world.setting()), []);
    let unit = UnitCode::new("t1");
    assert_eq!(items[0].unit_code, unit);
    let reconciled = world.reconcile(&items, &[missing("enrollment", "t1")], &all);
    assert_eq!(opened(&reconciled), ["submission_missing enrollment:t1"]);
}
