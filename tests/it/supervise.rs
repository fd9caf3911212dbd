use std::collections::{BTreeMap, BTreeSet};

use duban::calendar::Calendar;
use duban::config::check::{CheckRule, ClosesOn, OnCorrection, load};
use duban::model::{
    Item, ItemChange, ItemEventKind, ItemKey, ItemState, Judged, JudgedSubjects, Light, Period,
    UnitCode, Violation, Waves,
};
use duban::supervise::{Setting, light, reconcile};
use jiff::civil::{Date, date};
use proptest::prelude::*;

const SEPTEMBER: Period = Period::Month { year: 2024, month: 9 };
const OCTOBER: Period = Period::Month { year: 2024, month: 10 };

/// The autumn of 2024 (国办发明电〔2023〕7号): National Day off, 10/12 worked.
fn calendar() -> Calendar {
    let off = (1..=7).map(|day| (date(2024, 10, day), false));
    Calendar::new(off.chain([(date(2024, 9, 29), true), (date(2024, 10, 12), true)]).collect())
}

fn rule(id: &str, closes_on: ClosesOn, on_correction: OnCorrection) -> CheckRule {
    let toml = format!(
        "[[check]]\nid = \"{id}\"\ntitle = \"某项\"\nsql = \"c.sql\"\nlevel = \"town\"\n\
         deadline_workdays = 5\n"
    );
    let mut rule = load("c.toml", &toml, |_| Ok(String::new())).expect("a rule").remove(0);
    rule.closes_on = closes_on;
    rule.on_correction = on_correction;
    rule
}

fn rules() -> Vec<CheckRule> {
    vec![
        rule("share", ClosesOn::Data, OnCorrection::Withdraw),
        rule("visit", ClosesOn::Verification, OnCorrection::Withdraw),
        rule("missing", ClosesOn::Data, OnCorrection::Pass),
    ]
}

fn key(check: &str, town: &str) -> ItemKey {
    ItemKey {
        check_id: check.to_owned(),
        subject_kind: "town".to_owned(),
        subject_code: town.to_owned(),
    }
}

fn violation(check: &str, town: &str, period: Period, observed: f64) -> Violation {
    Violation {
        key: key(check, town),
        subject_name: format!("{town}镇"),
        unit_code: UnitCode::new(town),
        period,
        observed: Some(observed),
        target: Some(0.5),
        detail: format!("占比{observed}"),
    }
}

/// All three checks ran and could judge everybody.
fn all(period: Period) -> Judged {
    let checks = ["share", "visit", "missing"];
    Judged { period, checks: checks.map(|id| (id.to_owned(), JudgedSubjects::All)).into() }
}

fn run(items: &[Item], violations: &[Violation], judged: &Judged, today: Date) -> Vec<ItemChange> {
    let (rules, calendar, baselines) = (rules(), calendar(), BTreeMap::new());
    let waves = Waves::default();
    let setting =
        Setting { rules: &rules, calendar: &calendar, waves: &waves, today, baselines: &baselines };
    reconcile(items, violations, judged, &setting)
}

/// As the ledger would: changed items in place, new ones with a number.
fn apply(items: &[Item], changes: Vec<ItemChange>) -> Vec<Item> {
    let mut after = items.to_vec();
    for change in changes {
        if let Some(item) = after.iter_mut().find(|item| item.key == change.item.key) {
            *item = change.item;
        } else {
            let item_no = i64::try_from(after.len()).expect("few") + 1;
            after.push(Item { item_no, ..change.item });
        }
    }
    after
}

/// An item of `share` for town t1, opened on 2024-10-14 for September.
fn opened() -> Item {
    let found = [violation("share", "t1", SEPTEMBER, 0.4)];
    let changes = run(&[], &found, &all(SEPTEMBER), date(2024, 10, 14));
    apply(&[], changes).remove(0)
}

fn only(changes: Vec<ItemChange>) -> ItemChange {
    assert_eq!(changes.len(), 1, "{changes:#?}");
    changes.into_iter().next().expect("one")
}

#[test]
fn a_violation_opens_an_item_due_in_working_days_from_today() {
    // Monday 30 September; 10/1–7 off: 8, 9, 10, 11 and Saturday 12 October (worked) are days 1–5.
    let found = [violation("share", "t1", SEPTEMBER, 0.4)];
    let change = only(run(&[], &found, &all(SEPTEMBER), date(2024, 9, 30)));
    assert_eq!((change.kind, change.from_state), (ItemEventKind::Opened, None));
    let item = change.item;
    assert_eq!((item.opened_on, item.due_on), (date(2024, 9, 30), date(2024, 10, 12)));
    assert_eq!((item.state, item.episode, item.item_no), (ItemState::Opened, 1, 0));
    assert!(!item.due_provisional && !item.data_passes);
    assert_eq!((item.observed, item.target, item.period), (Some(0.4), Some(0.5), SEPTEMBER));
    assert_eq!(item.check_title, "某项");
}

#[test]
fn a_deadline_in_an_unpublished_year_is_provisional_and_counted_again_when_it_is_published() {
    let found = [violation("share", "t1", SEPTEMBER, 0.4)];
    let item = only(run(&[], &found, &all(SEPTEMBER), date(2024, 12, 30))).item;
    assert_eq!((item.due_on, item.due_provisional), (date(2025, 1, 6), true));
    let off: BTreeMap<Date, bool> = [(date(2024, 10, 1), false), (date(2025, 1, 1), false)].into();
    let published = Calendar::new(off);
    let (rules, baselines) = (rules(), BTreeMap::new());
    let waves = Waves::default();
    let setting = Setting {
        rules: &rules,
        calendar: &published,
        waves: &waves,
        today: date(2024, 12, 30),
        baselines: &baselines,
    };
    let change = only(reconcile(&[item], &found, &all(SEPTEMBER), &setting));
    assert_eq!(change.kind, ItemEventKind::Kept);
    assert_eq!((change.item.due_on, change.item.due_provisional), (date(2025, 1, 7), false));
    assert_eq!(change.reason, "放假安排公布，办结期限确定为2025-01-07");
}

#[test]
fn the_same_month_again_changes_nothing() {
    let found = [violation("share", "t1", SEPTEMBER, 0.4)];
    assert_eq!(run(&[opened()], &found, &all(SEPTEMBER), date(2024, 10, 14)), []);
}

#[test]
fn new_figures_are_kept_and_the_deadline_stays() {
    let item = opened();
    let found = [violation("share", "t1", OCTOBER, 0.45)];
    let change = only(run(std::slice::from_ref(&item), &found, &all(OCTOBER), date(2024, 10, 15)));
    assert_eq!(change.kind, ItemEventKind::Kept);
    assert_eq!((change.item.observed, change.item.period), (Some(0.45), OCTOBER));
    assert_eq!((change.item.due_on, change.item.opened_on), (item.due_on, item.opened_on));
    assert_eq!(change.item.episode, 1);
    assert_eq!(change.reason, "占比0.45");
}

#[test]
fn data_that_pass_in_a_later_period_close_the_item() {
    let change = only(run(&[opened()], &[], &all(OCTOBER), date(2024, 11, 8)));
    assert_eq!(change.kind, ItemEventKind::Closed);
    assert_eq!(change.from_state, Some(ItemState::Opened));
    assert_eq!(change.item.state, ItemState::Closed);
    assert_eq!(change.item.closed_on, Some(date(2024, 11, 8)));
    assert!(change.item.data_passes);
}

#[test]
fn with_verification_passing_data_only_say_so_and_once() {
    let mut item = opened();
    item.key.check_id = "visit".to_owned();
    item.state = ItemState::InWork;
    let change = only(run(&[item], &[], &all(OCTOBER), date(2024, 10, 15)));
    assert_eq!(change.kind, ItemEventKind::DataPasses);
    assert_eq!((change.item.state, change.item.data_passes), (ItemState::InWork, true));
    let again = run(std::slice::from_ref(&change.item), &[], &all(OCTOBER), date(2024, 10, 15));
    assert_eq!(again, []);
    // It fails again before anyone verified it: same episode, same deadline.
    let found = [violation("visit", "t1", OCTOBER, 0.4)];
    let due_on = change.item.due_on;
    let change = only(run(&[change.item], &found, &all(OCTOBER), date(2024, 10, 16)));
    assert_eq!(change.kind, ItemEventKind::DataFails);
    assert_eq!((change.item.state, change.item.episode), (ItemState::InWork, 1));
    assert_eq!((change.item.data_passes, change.item.due_on), (false, due_on));
}

#[test]
fn a_closed_item_that_fails_again_is_the_same_item_in_a_new_episode() {
    for state in [ItemState::Closed, ItemState::Archived, ItemState::Withdrawn] {
        let item = Item {
            state,
            closed_on: Some(date(2024, 10, 16)),
            data_passes: true,
            escalation: 2,
            item_no: 7,
            ..opened()
        };
        let found = [violation("share", "t1", OCTOBER, 0.3)];
        let change = only(run(&[item], &found, &all(OCTOBER), date(2024, 11, 8)));
        assert_eq!((change.kind, change.from_state), (ItemEventKind::Reopened, Some(state)));
        let item = change.item;
        assert_eq!((item.item_no, item.episode, item.escalation), (7, 2, 0));
        assert_eq!((item.state, item.closed_on), (ItemState::Opened, None));
        // Friday 8 November: five working days are 11–15.
        assert_eq!((item.opened_on, item.due_on), (date(2024, 11, 8), date(2024, 11, 15)));
        assert!(!item.data_passes);
    }
}

#[test]
fn a_correction_of_the_period_that_opened_it_withdraws_an_item_that_nobody_acted_on() {
    let change = only(run(&[opened()], &[], &all(SEPTEMBER), date(2024, 10, 15)));
    assert_eq!(change.kind, ItemEventKind::Withdrawn);
    assert_eq!(change.item.state, ItemState::Withdrawn);
    assert!(!change.item.data_passes);

    let acted = Item { state: ItemState::Signed, ..opened() };
    let change = only(run(&[acted], &[], &all(SEPTEMBER), date(2024, 10, 15)));
    assert_eq!(change.kind, ItemEventKind::Closed, "somebody has acted");

    let second = Item { episode: 2, ..opened() };
    let change = only(run(&[second], &[], &all(SEPTEMBER), date(2024, 10, 15)));
    assert_eq!(change.kind, ItemEventKind::Closed, "its first episode was real");

    let missing = Item { key: key("missing", "t1"), ..opened() };
    let change = only(run(&[missing], &[], &all(SEPTEMBER), date(2024, 10, 15)));
    assert_eq!(change.kind, ItemEventKind::Closed, "what comes late is late, and counts");

    // Opened for September, kept with October's figures: a correction of these does not undo it.
    let kept = Item { period: OCTOBER, ..opened() };
    let change = only(run(&[kept], &[], &all(OCTOBER), date(2024, 11, 15)));
    assert_eq!(change.kind, ItemEventKind::Closed);
}

#[test]
fn an_item_whose_subject_could_not_be_judged_does_not_pass() {
    let nobody = Judged {
        period: OCTOBER,
        checks: [("share".to_owned(), JudgedSubjects::Only(BTreeSet::new()))].into(),
    };
    let other_town = Judged {
        period: OCTOBER,
        checks: [(
            "share".to_owned(),
            JudgedSubjects::Only([("town".to_owned(), "t2".to_owned())].into()),
        )]
        .into(),
    };
    let check_failed = Judged { period: OCTOBER, checks: BTreeMap::new() };
    let this_town = Judged {
        period: OCTOBER,
        checks: [(
            "share".to_owned(),
            JudgedSubjects::Only([("town".to_owned(), "t1".to_owned())].into()),
        )]
        .into(),
    };
    for judged in [nobody, other_town, check_failed] {
        assert_eq!(run(&[opened()], &[], &judged, date(2024, 10, 14)), [], "{judged:?}");
    }
    let change = only(run(&[opened()], &[], &this_town, date(2024, 10, 14)));
    assert_eq!(change.kind, ItemEventKind::Closed);
}

#[test]
fn an_older_period_run_again_neither_closes_nor_sets_back_an_item() {
    let item = Item { period: OCTOBER, ..opened() };
    assert_eq!(run(std::slice::from_ref(&item), &[], &all(SEPTEMBER), date(2024, 10, 14)), []);
    let found = [violation("share", "t1", SEPTEMBER, 0.1)];
    assert_eq!(run(&[item], &found, &all(SEPTEMBER), date(2024, 10, 14)), []);
}

#[test]
fn a_suspended_item_follows_the_figures_but_not_the_data_s_verdict() {
    let item = Item { state: ItemState::Suspended, light: Light::Green, ..opened() };
    let found = [violation("share", "t1", OCTOBER, 0.45)];
    let change = only(run(std::slice::from_ref(&item), &found, &all(OCTOBER), date(2024, 11, 8)));
    assert_eq!((change.kind, change.item.state), (ItemEventKind::Kept, ItemState::Suspended));
    assert_eq!(change.item.light, Light::Green);
    let change = only(run(&[item], &[], &all(OCTOBER), date(2024, 11, 8)));
    assert_eq!((change.kind, change.item.state), (ItemEventKind::DataPasses, ItemState::Suspended));
}

#[test]
fn time_alone_turns_an_unjudged_item_s_light() {
    let none = Judged { period: OCTOBER, checks: BTreeMap::new() };
    let item = opened();
    // Due on Monday 21 October (five working days after the 14th).
    assert_eq!(item.due_on, date(2024, 10, 21));
    let change = only(run(std::slice::from_ref(&item), &[], &none, date(2024, 10, 22)));
    assert_eq!((change.kind, change.item.light), (ItemEventKind::Kept, Light::Red));
    assert_eq!(change.reason, "灯号由黄转红");
    let closed = Item { state: ItemState::Closed, light: Light::Green, ..item };
    assert_eq!(run(&[closed], &[], &none, date(2024, 10, 22)), []);
}

#[test]
fn lights_go_by_the_calendar_and_by_progress_against_plan() {
    let calendar = calendar();
    // Twenty working days: 14 October to 11 November.
    let item = Item { due_on: date(2024, 11, 11), ..opened() };
    let of =
        |item: &Item, today: Date, baseline: Option<f64>| light(item, today, &calendar, baseline);
    let middle = date(2024, 10, 28); // ten of twenty gone: 50 % planned
    assert_eq!(of(&item, middle, None), Light::Green, "no baseline: the calendar alone");
    let at = |observed: f64| Item { observed: Some(observed), ..item.clone() };
    // From 0.40 to 0.50: 0.446 is 46 % of the way, 0.44 40 %, 0.41 10 %.
    assert_eq!(of(&at(0.446), middle, Some(0.4)), Light::Green, "4 points behind");
    assert_eq!(of(&at(0.435), middle, Some(0.4)), Light::Yellow, "15 points behind");
    assert_eq!(of(&at(0.41), middle, Some(0.4)), Light::Red, "40 points behind");
    assert_eq!(of(&at(0.35), middle, Some(0.4)), Light::Red, "worse than at the start is 0 %");
    assert_eq!(of(&item, date(2024, 11, 1), None), Light::Green, "six working days left");
    assert_eq!(of(&item, date(2024, 11, 4), None), Light::Yellow, "five");
    assert_eq!(of(&item, date(2024, 11, 11), None), Light::Yellow, "the due date itself");
    assert_eq!(of(&item, date(2024, 11, 12), None), Light::Red, "overdue");
    let passes = Item { data_passes: true, ..item };
    assert_eq!(of(&passes, date(2024, 11, 12), None), Light::Green);
}

#[test]
fn with_per_period_another_period_s_silence_closes_nothing() {
    let mut rules = rules();
    rules[0].per_period = true;
    let item = opened();
    let (calendar, baselines) = (calendar(), BTreeMap::new());
    let today = date(2024, 10, 14);
    let waves = Waves::default();
    let setting =
        Setting { rules: &rules, calendar: &calendar, waves: &waves, today, baselines: &baselines };
    let items = std::slice::from_ref(&item);
    assert_eq!(reconcile(items, &[], &all(OCTOBER), &setting), []);
    assert_eq!(reconcile(items, &[], &all(SEPTEMBER), &setting).len(), 1);
}

#[test]
fn a_check_without_a_rule_opens_nothing_and_touches_nothing() {
    let found = [violation("gone", "t1", SEPTEMBER, 0.4)];
    assert_eq!(run(&[], &found, &all(SEPTEMBER), date(2024, 10, 14)), []);
    let item = Item { key: key("gone", "t1"), ..opened() };
    assert_eq!(run(&[item], &[], &all(OCTOBER), date(2024, 12, 14)), []);
}

fn any_violation() -> impl Strategy<Value = Violation> {
    (
        prop::sample::select(vec!["share", "visit", "missing", "gone"]),
        prop::sample::select(vec!["t1", "t2", "t3"]),
        prop::sample::select(vec![SEPTEMBER, OCTOBER]),
        0..5_i32,
    )
        .prop_map(|(check, town, period, n)| violation(check, town, period, f64::from(n) / 10.0))
}

fn any_item() -> impl Strategy<Value = Item> {
    (
        any_violation(),
        prop::sample::select(ItemState::ALL.to_vec()),
        any::<bool>(),
        1..3_u32,
        prop::sample::select(vec![Light::Green, Light::Yellow, Light::Red]),
        any::<bool>(),
    )
        .prop_map(|(violation, state, data_passes, episode, light, due_provisional)| Item {
            key: violation.key,
            state,
            data_passes,
            episode,
            light,
            due_provisional,
            period: violation.period,
            observed: violation.observed,
            detail: violation.detail,
            ..opened()
        })
}

fn any_judged() -> impl Strategy<Value = Judged> {
    let subjects = prop_oneof![
        Just(JudgedSubjects::All),
        prop::collection::btree_set(prop::sample::select(vec!["t1", "t2", "t3"]), 0..3).prop_map(
            |towns| JudgedSubjects::Only(
                towns.into_iter().map(|town| ("town".to_owned(), town.to_owned())).collect()
            )
        ),
    ];
    let checks = prop::collection::btree_map(
        prop::sample::select(vec!["share", "visit", "missing"]).prop_map(str::to_owned),
        subjects,
        0..4,
    );
    (prop::sample::select(vec![SEPTEMBER, OCTOBER]), checks)
        .prop_map(|(period, checks)| Judged { period, checks })
}

proptest! {
    #[test]
    fn reconciling_twice_changes_nothing_more_and_order_does_not_matter(
        items in prop::collection::vec(any_item(), 0..6),
        violations in prop::collection::vec(any_violation(), 0..8),
        judged in any_judged(),
        day in 0..60_i32,
        seed in any::<prop::sample::Index>(),
    ) {
        // The ledger has one item a key.
        let mut seen = BTreeSet::new();
        let items: Vec<Item> =
            items.into_iter().filter(|item| seen.insert(item.key.clone())).collect();
        let today = jiff::ToSpan::days(day);
        let today = date(2024, 10, 14).checked_add(today).expect("a day");
        let changes = run(&items, &violations, &judged, today);

        let keys: Vec<&ItemKey> = changes.iter().map(|change| &change.item.key).collect();
        let mut sorted = keys.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(&keys, &sorted, "one change an item, sorted");

        let (mut other_items, mut other_violations) = (items.clone(), violations.clone());
        if !other_items.is_empty() {
            let by = seed.index(other_items.len());
            other_items.rotate_left(by);
        }
        other_violations.reverse();
        prop_assert_eq!(&run(&other_items, &other_violations, &judged, today), &changes);

        // Only what could be judged passes.
        for change in &changes {
            let passed = matches!(
                change.kind,
                ItemEventKind::Closed | ItemEventKind::DataPasses | ItemEventKind::Withdrawn
            );
            if passed {
                prop_assert!(judged.covers(&change.item.key));
                prop_assert!(violations.iter().all(|v| v.key != change.item.key));
            }
        }

        let after = apply(&items, changes);
        prop_assert_eq!(run(&after, &violations, &judged, today), vec![]);
    }
}
