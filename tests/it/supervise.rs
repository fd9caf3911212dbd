//! Items against violations: a hit and a miss for each line of `reconcile`'s table.

use std::collections::{BTreeMap, BTreeSet};

use duban::calendar::Calendar;
use duban::config::check::{CheckRule, ClosesOn, OnCorrection};
use duban::model::{
    Actor, Item, ItemChange, ItemEventKind, ItemSource, ItemState, Judged, JudgedSubjects, Light,
    Period, UnitCode, Violation,
};
use duban::supervise::{Setting, follow_day, light};
use jiff::civil::{Date, date};

use crate::supervise_support::{World, apply, key, only, rule, violation};

const SEPTEMBER: Period = Period::Month { year: 2024, month: 9 };
const OCTOBER: Period = Period::Month { year: 2024, month: 10 };

/// The autumn of 2024 (国办发明电〔2023〕7号): National Day off, 10/12 worked.
fn calendar() -> Calendar {
    let off = (1..=7).map(|day| (date(2024, 10, day), false));
    Calendar::new(off.chain([(date(2024, 9, 29), true), (date(2024, 10, 12), true)]).collect())
}

fn rules() -> Vec<CheckRule> {
    vec![
        rule("share", ClosesOn::Data, OnCorrection::Withdraw),
        rule("visit", ClosesOn::Verification, OnCorrection::Withdraw),
        rule("missing", ClosesOn::Data, OnCorrection::Pass),
    ]
}

/// All three checks ran and could judge everybody.
fn all(period: Period) -> Judged {
    let checks = ["share", "visit", "missing"];
    Judged { period, checks: checks.map(|id| (id.to_owned(), JudgedSubjects::All)).into() }
}

fn run(items: &[Item], violations: &[Violation], judged: &Judged, today: Date) -> Vec<ItemChange> {
    let world = World { rules: rules(), calendar: calendar(), ..World::on(today) };
    world.judge(items, violations, judged)
}

/// An item of `share` for town t1, opened on 2024-10-14 for September.
fn opened() -> Item {
    let found = [violation("share", "t1", SEPTEMBER, 0.4)];
    let changes = run(&[], &found, &all(SEPTEMBER), date(2024, 10, 14));
    apply(&[], &changes).remove(0)
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
    let world = World { rules: rules(), calendar: published, ..World::on(date(2024, 12, 30)) };
    let change = only(world.judge(&[item], &found, &all(SEPTEMBER)));
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
    item.key.check_id = "visit".into();
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
    assert!(change.item.data_passes, "the check passes now");

    let handed_over =
        Item { state: ItemState::Assigned, assigned_by: Actor::PROGRAM.into(), ..opened() };
    let change = only(run(&[handed_over], &[], &all(SEPTEMBER), date(2024, 10, 15)));
    assert_eq!(change.kind, ItemEventKind::Withdrawn, "only the program has handed it over");

    let by_hand = Item { state: ItemState::Assigned, assigned_by: "supervisor".into(), ..opened() };
    let change = only(run(&[by_hand], &[], &all(SEPTEMBER), date(2024, 10, 15)));
    assert_eq!(change.kind, ItemEventKind::Closed, "a person has handed it over");

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
        checks: [("share".to_owned(), JudgedSubjects::Only([("town".into(), "t2".into())].into()))]
            .into(),
    };
    let check_failed = Judged { period: OCTOBER, checks: BTreeMap::new() };
    let this_town = Judged {
        period: OCTOBER,
        checks: [("share".to_owned(), JudgedSubjects::Only([("town".into(), "t1".into())].into()))]
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
    let world = World { calendar: calendar(), ..World::on(date(2024, 10, 14)) };
    // Twenty working days: 14 October to 11 November.
    let item = Item { due_on: date(2024, 11, 11), ..opened() };
    let of = |item: &Item, today: Date, baseline: Option<f64>| {
        light(item, &Setting { today, ..world.setting() }, baseline)
    };
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
    let world = World { rules, calendar: calendar(), ..World::on(date(2024, 10, 14)) };
    let items = std::slice::from_ref(&item);
    assert_eq!(world.judge(items, &[], &all(OCTOBER)), []);
    assert_eq!(world.judge(items, &[], &all(SEPTEMBER)).len(), 1);
}

#[test]
fn a_check_without_a_rule_opens_nothing_and_touches_nothing() {
    let found = [violation("gone", "t1", SEPTEMBER, 0.4)];
    assert_eq!(run(&[], &found, &all(SEPTEMBER), date(2024, 10, 14)), []);
    let item = Item { key: key("gone", "t1"), ..opened() };
    assert_eq!(run(&[item], &[], &all(OCTOBER), date(2024, 12, 14)), []);
}

/// A check whose item closes after two judged periods that pass.
fn in_a_row() -> World {
    let mut twice = rule("share", ClosesOn::Data, OnCorrection::Withdraw);
    twice.passes = 2;
    World { rules: vec![twice], calendar: calendar(), ..World::on(date(2024, 11, 15)) }
}

const NOVEMBER: Period = Period::Month { year: 2024, month: 11 };

#[test]
fn with_passes_an_item_closes_after_so_many_judged_periods_in_a_row_each_counted_once() {
    let mut world = in_a_row();
    let change = only(world.judge(&[opened()], &[], &all(OCTOBER)));
    assert_eq!((change.kind, change.item.n_passes), (ItemEventKind::DataPasses, 1));
    assert_eq!(change.item.state, ItemState::Opened);
    let passed = change.item;
    let again = world.judge(std::slice::from_ref(&passed), &[], &all(OCTOBER));
    assert_eq!(again, [], "the same period counts once");
    // A failure in between begins anew.
    world.today = date(2024, 12, 13);
    let found = [violation("share", "t1", NOVEMBER, 0.4)];
    let change = only(world.judge(std::slice::from_ref(&passed), &found, &all(NOVEMBER)));
    assert_eq!((change.kind, change.item.n_passes), (ItemEventKind::DataFails, 0));
    // The second period in a row closes it; one that was not judged in between does not matter.
    let change = only(world.judge(&[passed], &[], &all(NOVEMBER)));
    assert_eq!((change.kind, change.item.n_passes), (ItemEventKind::Closed, 2));
}

#[test]
fn an_older_period_run_again_says_nothing_against_a_newer_one_that_passed() {
    let world = in_a_row();
    let passed = only(world.judge(&[opened()], &[], &all(OCTOBER))).item;
    let found = [violation("share", "t1", SEPTEMBER, 0.4)];
    assert_eq!(world.judge(std::slice::from_ref(&passed), &found, &all(SEPTEMBER)), []);
    assert_eq!(world.judge(&[passed], &[], &all(SEPTEMBER)), []);
}

#[test]
fn what_a_person_closed_while_the_data_failed_reopens_only_on_a_later_period() {
    for state in [ItemState::Closed, ItemState::Archived, ItemState::Withdrawn] {
        let item = Item { state, data_passes: false, item_no: 3, ..opened() };
        let same = [violation("share", "t1", SEPTEMBER, 0.4)];
        let items = std::slice::from_ref(&item);
        assert_eq!(run(items, &same, &all(SEPTEMBER), date(2024, 10, 20)), [], "{state}");
        let later = [violation("share", "t1", OCTOBER, 0.4)];
        let change = only(run(items, &later, &all(OCTOBER), date(2024, 11, 15)));
        assert_eq!((change.kind, change.item.episode), (ItemEventKind::Reopened, 2));
        // Closed by data, the same period's correction reopens it.
        let by_data = Item { data_passes: true, passed_for: Some(SEPTEMBER), ..item };
        let change = only(run(&[by_data], &same, &all(SEPTEMBER), date(2024, 10, 20)));
        assert_eq!(change.kind, ItemEventKind::Reopened);
    }
}

#[test]
fn what_a_person_reopened_while_the_data_passed_closes_only_on_a_later_period() {
    let item = Item { passed_for: Some(OCTOBER), episode: 2, ..opened() };
    let items = std::slice::from_ref(&item);
    assert_eq!(run(items, &[], &all(OCTOBER), date(2024, 10, 15)), []);
    let change = only(run(items, &[], &all(NOVEMBER), date(2024, 12, 13)));
    assert_eq!(change.kind, ItemEventKind::Closed);
}

#[test]
fn a_new_episode_forgets_what_was_said_and_done_and_keeps_what_belongs_to_the_matter() {
    let old = Item {
        item_no: 9,
        state: ItemState::Archived,
        data_passes: true,
        remark: "与区规划局有关".into(),
        responsible: "unit".into(),
        responsible_code: Some(UnitCode::new("t2")),
        assigned_on: Some(date(2024, 10, 14)),
        assigned_by: "supervisor".into(),
        signed_on: Some(date(2024, 10, 14)),
        answered_on: Some(date(2024, 10, 15)),
        verified_on: Some(date(2024, 10, 15)),
        closed_on: Some(date(2024, 10, 16)),
        archived_on: Some(date(2024, 10, 17)),
        looked_back_on: Some(date(2024, 10, 17)),
        progress: Some(100),
        problem: "缺教室".into(),
        measures: "改造".into(),
        evidence: "武教函1号".into(),
        opinion: "属实".into(),
        original_due_on: Some(date(2024, 10, 21)),
        n_extensions: 1,
        n_returns: 2,
        n_slips: 3,
        ladder_steps: 4,
        escalation: 2,
        escalated_on: Some(date(2024, 10, 16)),
        paused_workdays: 5,
        light_changes: 6,
        n_passes: 1,
        passed_for: Some(OCTOBER),
        ..opened()
    };
    let found = [violation("share", "t1", OCTOBER, 0.3)];
    let change = only(run(std::slice::from_ref(&old), &found, &all(OCTOBER), date(2024, 11, 8)));
    let fresh = only(run(&[], &found, &all(OCTOBER), date(2024, 11, 8))).item;
    let expected = Item {
        item_no: 9,
        episode: 2,
        remark: old.remark,
        responsible: old.responsible,
        responsible_code: old.responsible_code,
        ..fresh
    };
    assert_eq!(change.item, expected);
}

#[test]
fn what_data_closed_is_looked_back_at_by_later_data_and_not_by_silence() {
    let closed = Item {
        state: ItemState::Closed,
        data_passes: true,
        closed_on: Some(date(2024, 10, 16)),
        passed_for: Some(OCTOBER),
        ..opened()
    };
    let items = std::slice::from_ref(&closed);
    let december = Period::Month { year: 2024, month: 12 };
    // `look_back_workdays` of the home is 60. After 16 October: 11 working days in October, 21 in November, 22
    // in December, 1 January off; 2, 3, 6, 7, 8 and 9 January.
    let world = |today| World { rules: rules(), ..World::on(today) };
    assert_eq!(
        world(date(2025, 1, 8)).calendar.add_workdays(date(2024, 10, 16), 60).on,
        date(2025, 1, 9)
    );
    assert_eq!(world(date(2025, 1, 8)).judge(items, &[], &all(december)), [], "too early");
    let late = world(date(2025, 1, 9));
    let nobody = Judged {
        period: december,
        checks: [("share".to_owned(), JudgedSubjects::Only(BTreeSet::new()))].into(),
    };
    assert_eq!(late.judge(items, &[], &nobody), [], "the town is silent");
    assert_eq!(late.judge(items, &[], &all(OCTOBER)), [], "no later figures");
    let change = only(late.judge(items, &[], &all(december)));
    assert_eq!((change.kind, change.item.state), (ItemEventKind::LookedBack, ItemState::Closed));
    assert_eq!(change.item.looked_back_on, Some(date(2025, 1, 9)));
    assert_eq!(late.judge(std::slice::from_ref(&change.item), &[], &all(december)), []);
    // It fails instead: reopened.
    let found = [violation("share", "t1", december, 0.4)];
    assert_eq!(only(late.judge(items, &found, &all(december))).kind, ItemEventKind::Reopened);
    // Archived the day after, not on the day itself.
    assert_eq!(follow_day(std::slice::from_ref(&change.item), &late.setting()), []);
    let next = world(date(2025, 1, 10));
    let archived = only(follow_day(&[change.item], &next.setting()));
    assert_eq!(
        (archived.kind, archived.item.state),
        (ItemEventKind::Archived, ItemState::Archived)
    );
    // What a person closed waits for a person.
    let by_person = Item { data_passes: false, ..closed.clone() };
    assert_eq!(late.judge(&[by_person], &[], &all(december)), []);
}

#[test]
fn a_matter_of_one_period_is_archived_without_looking_back() {
    let mut world = World { rules: rules(), ..World::on(date(2025, 1, 9)) };
    let closed = Item {
        state: ItemState::Closed,
        data_passes: true,
        closed_on: Some(date(2024, 10, 16)),
        ..opened()
    };
    assert_eq!(follow_day(std::slice::from_ref(&closed), &world.setting()), []);
    world.rules[0].per_period = true;
    let change = only(follow_day(std::slice::from_ref(&closed), &world.setting()));
    assert_eq!(change.kind, ItemEventKind::Archived);
    world.today = date(2025, 1, 8);
    assert_eq!(follow_day(&[closed], &world.setting()), []);
}

#[test]
fn an_item_says_which_version_of_its_rule_judged_it_last() {
    let mut world = World { rules: rules(), calendar: calendar(), ..World::on(date(2024, 10, 14)) };
    world.versions.insert("share".to_owned(), 2);
    let found = [violation("share", "t1", SEPTEMBER, 0.4)];
    let item = only(world.judge(&[], &found, &all(SEPTEMBER))).item;
    assert_eq!(item.rule_version, 2);
    world.versions.insert("share".to_owned(), 3);
    let change = only(world.judge(&[item], &found, &all(SEPTEMBER)));
    assert_eq!((change.kind, change.item.rule_version), (ItemEventKind::Kept, 3));
    assert_eq!(change.reason, "按第3版规则核对");
    let closed = only(world.judge(&[opened()], &[], &all(OCTOBER))).item;
    assert_eq!(closed.rule_version, 3);
}

#[test]
fn source_lead_and_responsible_are_the_rule_s() {
    let mut world = World { rules: rules(), calendar: calendar(), ..World::on(date(2024, 10, 14)) };
    world.rules[0].source = ItemSource::Task;
    world.rules[0].lead = "bureau".into();
    world.rules[0].responsible = "secretariat".into();
    let found = [violation("share", "t1", SEPTEMBER, 0.4)];
    let item = only(world.judge(&[], &found, &all(SEPTEMBER))).item;
    assert_eq!((item.source, item.lead.as_str()), (ItemSource::Task, "bureau"));
    assert_eq!(item.responsible, "secretariat");
    // Handed to another unit by a person, it stays there whatever the rule says.
    let handed =
        Item { responsible: "unit".into(), responsible_code: Some(UnitCode::new("t2")), ..item };
    let later = [violation("share", "t1", OCTOBER, 0.41)];
    let kept = only(world.judge(&[handed], &later, &all(OCTOBER))).item;
    assert_eq!((kept.responsible.as_str(), kept.responsible_unit().as_str()), ("unit", "t2"));
}
