//! The ladder, lights and deadlines on the official calendar. Days were worked out by hand:
//! in 2024 14 September, 29 September and 12 October were worked, 15–17 September and 1–7 October off.
//! The home's circular gathers by the week; more of that in `supervise_gather`.

use duban::config::check::{ClosesOn, OnCorrection};
use duban::config::supervision::{Ladder, LadderStep, StepDay};
use duban::model::{
    Act, Action, Due, Item, ItemEventKind, ItemSource, ItemState, Light, NewItem, Period, Said,
    UnitCode, Violation,
};
use duban::supervise::{escalate, follow_day, next_step, open_by_hand};
use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::supervise_support::{
    World, actor, apply, judged, key, only, rule, violation, wants, written,
};

const AUGUST: Period = Period::Month { year: 2024, month: 8 };
const SEPTEMBER: Period = Period::Month { year: 2024, month: 9 };
const OCTOBER: Period = Period::Month { year: 2024, month: 10 };

/// A missing form explains the town's share; three working days as in the home.
fn world(today: Date) -> World {
    let rules = [
        "id = \"submission_missing\"\ntitle = \"报表逾期未报\"\ndeadline_workdays = 3\non_correction = \"pass\"",
        "id = \"share\"\ntitle = \"占比未达标\"\ndeadline_workdays = 20\nheld_by = [{ check = \"submission_missing\" }]",
        "id = \"size\"\ntitle = \"班额未达标\"\ndeadline_workdays = 20\nheld_by = [{ check = \"submission_missing\" }]",
    ];
    let rules = rules
        .iter()
        .map(|text| written(&format!("[[check]]\nsql = \"c.sql\"\nlevel = \"town\"\n{text}\n")));
    World { rules: rules.collect(), ..World::on(today) }
}

const CHECKS: [&str; 3] = ["submission_missing", "share", "size"];

fn missing(period: Period) -> Violation {
    violation("submission_missing", "t1", period, 0.0)
}

/// The item of a form that is missing since Friday 20 September 2024; due on Wednesday the 25th.
fn opened() -> Item {
    let world = world(date(2024, 9, 20));
    let item = world.judge_and_store(&[], &[missing(AUGUST)], &judged(&CHECKS, AUGUST)).remove(0);
    assert_eq!(item.due_on, date(2024, 9, 25));
    item
}

/// Runs the days as the daemon does, twice each, and gives the steps that were taken.
fn pass_days(world: &mut World, items: &mut Vec<Item>, until: Date) -> Vec<(Date, i64, String)> {
    let mut taken = Vec::new();
    while world.today <= until {
        for _ in 0..2 {
            *items = apply(items, &follow_day(items, &world.setting()));
            for climb in escalate(items, &world.setting()) {
                assert_eq!(climb.change.kind, ItemEventKind::Escalated);
                let item = climb.change.item.clone();
                taken.push((world.today, item.item_no, climb.step));
                *items = apply(items, &[climb.change]);
            }
        }
        world.today = world.today.checked_add(1.day()).unwrap();
    }
    taken
}

fn steps(list: &[(Date, &str)]) -> Vec<(Date, i64, String)> {
    list.iter().map(|(day, step)| (*day, 1, (*step).to_owned())).collect()
}

fn day(month: i8, day: i8) -> Date {
    date(2024, month, day)
}

/// From the item as it is on a day, until another.
fn from(item: &Item, start: Date, until: Date) -> Vec<(Date, i64, String)> {
    pass_days(&mut world(start), &mut vec![item.clone()], until)
}

#[test]
fn a_town_silent_for_two_months_is_one_item_that_climbs_step_by_step_until_it_reports() {
    // The town's share was an item before, opened on 10 September. 20 working days: 11–14 (Saturday worked),
    // 18–20, 23–27, 29 and 30 September, 8–12 and 14 October.
    let mut world = world(day(9, 10));
    let share = |period| violation("share", "t1", period, 0.4);
    let july = Period::Month { year: 2024, month: 7 };
    let mut items = world.judge_and_store(&[], &[share(july)], &judged(&CHECKS, july));
    assert_eq!(items[0].due_on, day(10, 14));
    let mut taken = pass_days(&mut world, &mut items, day(9, 19));
    // Not reported by the 20th. What follows from that would be a second fault: held back.
    world.today = day(9, 20);
    let size = |period| violation("size", "t1", period, 0.4);
    let silent = |period| [missing(period), size(period)];
    let reconciled = world.reconcile(&items, &silent(AUGUST), &judged(&CHECKS[..1], AUGUST));
    assert_eq!(reconciled.changes.len(), 1, "one item");
    assert_eq!(only(reconciled.held).violation.key, key("size", "t1"));
    items = world.judge_and_store(&items, &silent(AUGUST), &judged(&CHECKS[..1], AUGUST));
    taken.extend(pass_days(&mut world, &mut items, day(10, 24)));
    // October's judging: still silent, the same item.
    world.today = day(10, 25);
    items = world.judge_and_store(&items, &silent(SEPTEMBER), &judged(&CHECKS[..1], SEPTEMBER));
    assert_eq!((items.len(), items[1].episode, items[1].period), (2, 1, SEPTEMBER));
    taken.extend(pass_days(&mut world, &mut items, day(11, 19)));
    let of = |item_no: i64| -> Vec<(Date, String)> {
        let taken = taken.iter().filter(|(_, of, _)| *of == item_no);
        taken.map(|(day, _, step)| (*day, step.clone())).collect()
    };
    let expected = [
        (day(9, 20), "assign"),
        (day(9, 23), "near_due"),
        (day(9, 26), "urge"),       // 1 after Wednesday 25 September
        (day(9, 30), "notice"),     // 4: 26, 27, Sunday 29 (worked), 30
        (day(10, 12), "circular"),  // 8 is Friday the 11th; the week's last working day is Saturday
        (day(10, 18), "talk"),      // five after it, as from 8 to 13: 14, 15, 16, 17, 18
        (day(10, 25), "committee"), // 18: 21, 22, 23, 24, 25
    ];
    let expected: Vec<(Date, String)> =
        expected.iter().map(|(day, step)| (*day, (*step).to_owned())).collect();
    assert_eq!(of(2), expected);
    assert_eq!(of(1), [(day(9, 10), "assign".to_owned())], "its consequence is held back");
    assert_eq!((items[1].escalation, items[1].n_slips), (5, 7));
    assert_eq!(items[0].held_by, Some(2));
    assert_eq!(items[1].light, Light::Red);

    // It reports on 20 November, and the share is met: all is resolved.
    world.today = day(11, 20);
    let reconciled = world.reconcile(&items, &[], &judged(&CHECKS, OCTOBER));
    let kinds: Vec<_> = reconciled.changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ItemEventKind::Closed, ItemEventKind::Closed]);
    assert!(reconciled.held.is_empty());
    // Or it is not met: released, and what the silence had explained opens now.
    let found = [share(OCTOBER), size(OCTOBER)];
    let reconciled = world.reconcile(&items, &found, &judged(&CHECKS, OCTOBER));
    let kinds: Vec<_> = reconciled.changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ItemEventKind::Released, ItemEventKind::Opened, ItemEventKind::Closed]);
    // Nobody was urged while it was held, and the clock past the due date begins only now.
    let items = apply(&items, &reconciled.changes);
    world.today = day(11, 21);
    let climbs = escalate(&items, &world.setting());
    let steps: Vec<_> = climbs.iter().map(|c| (c.change.item.item_no, c.step.as_str())).collect();
    assert_eq!(steps, [(1, "urge"), (3, "assign")]);
}

#[test]
fn after_a_standstill_steps_come_one_a_working_day_and_those_before_the_due_date_are_left_out() {
    let assigned =
        apply(&[opened()], &[only(escalate(&[opened()], &world(day(9, 20)).setting())).change]);
    assert_eq!(assigned[0].state, ItemState::Assigned);
    assert_eq!(
        (assigned[0].assigned_on, assigned[0].assigned_by.as_str()),
        (Some(day(9, 20)), "duban")
    );
    let expected = steps(&[
        (day(10, 12), "urge"), // Saturday, worked; 9 working days late
        (day(10, 14), "notice"),
        (day(10, 18), "circular"), // Friday
        (day(10, 25), "talk"),     // five working days after it
        (day(11, 1), "committee"),
    ]);
    assert_eq!(from(&assigned[0], day(10, 12), day(11, 8)), expected);
    // What was never handed over is handed over first.
    let taken = from(&opened(), day(10, 12), day(10, 14));
    assert_eq!(taken, steps(&[(day(10, 12), "assign"), (day(10, 14), "urge")]));
}

#[test]
fn nothing_goes_out_on_a_day_off_or_twice_on_a_day() {
    for off in [day(9, 21), day(9, 22), day(10, 1), day(10, 5), day(10, 7)] {
        assert_eq!(escalate(&[opened()], &world(off).setting()), [], "{off}");
    }
    let worked = world(day(9, 29));
    let climb = only(escalate(&[opened()], &worked.setting()));
    assert_eq!(escalate(&[climb.change.item], &worked.setting()), []);
}

#[test]
fn an_answer_stops_the_ladder_for_five_working_days_and_then_it_goes_on_where_it_was() {
    let urged = Item {
        state: ItemState::Signed,
        signed_on: Some(day(9, 23)),
        ladder_steps: 3,
        escalated_on: Some(day(9, 26)),
        n_slips: 3,
        ..opened()
    };
    let unit = || actor("town", "t1");
    let mut friday = world(day(9, 27));
    let answer = wants(Action::Answer, unit(), "已补报");
    let answered = friday.act(&urged, &answer).unwrap().item;
    assert_eq!(answered.paused_on, Some(day(9, 27)));
    // Paused: 29, 30 September, 8, 9, 10 October. Past due on 26, 27 September, 11 and 12 October: 4.
    // The circular is due at 8, on the 17th, and waits for Friday.
    let expected = steps(&[(day(10, 12), "notice"), (day(10, 18), "circular")]);
    assert_eq!(from(&answered, day(9, 27), day(10, 18)), expected);
    // Sent back on the 30th: 26, 27 September, 8, 9 October.
    friday.today = day(9, 30);
    let back = wants(Action::Return, actor("supervisor", "d"), "缺附件");
    let back = friday.act(&answered, &back).unwrap().item;
    assert_eq!((back.paused_on, back.paused_workdays), (None, 2));
    assert_eq!(from(&back, day(9, 30), day(10, 9)), steps(&[(day(10, 9), "notice")]));
    // Never answered: 26, 27, 29, 30 September.
    assert_eq!(from(&urged, day(9, 27), day(9, 30)), steps(&[(day(9, 30), "notice")]));
    // Verified, it waits for those who close it, for as long as it takes.
    friday.today = day(9, 30);
    let passes = Item { data_passes: true, ..answered };
    let verify = wants(Action::Verify, actor("supervisor", "d"), "");
    let verified = Item { data_passes: false, ..friday.act(&passes, &verify).unwrap().item };
    assert_eq!(from(&verified, day(9, 30), day(12, 31)), []);
}

#[test]
fn a_suspension_moves_the_deadline_by_its_working_days_and_says_so() {
    let urged = Item { ladder_steps: 3, escalated_on: Some(day(9, 26)), ..opened() };
    let urged = Item { state: ItemState::InWork, signed_on: Some(day(9, 24)), ..urged };
    let mut world = world(day(9, 27));
    let committee = || actor("committee", "d");
    let suspended =
        world.act(&urged, &wants(Action::Suspend, committee(), "园舍改造停工")).unwrap().item;
    assert_eq!((suspended.state, suspended.light), (ItemState::Suspended, Light::Green));
    assert_eq!(from(&suspended, day(9, 27), day(12, 31)), []);
    world.today = day(10, 10);
    let change = world.act(&suspended, &wants(Action::Resume, committee(), "复工")).unwrap();
    // 29, 30 September, 8, 9, 10 October: five days; 25 September and five are 8 October.
    assert_eq!(change.reason, "复工；中止5个工作日，办结期限由2024-09-25顺延至2024-10-08");
    let resumed = change.item;
    assert_eq!((resumed.state, resumed.due_on), (ItemState::InWork, day(10, 8)));
    // Two working days late as on 27 September; four on Saturday the 12th.
    assert_eq!(from(&resumed, day(10, 10), day(10, 12)), steps(&[(day(10, 12), "notice")]));
}

#[test]
fn the_done_the_held_and_the_passed_are_not_urged() {
    let late = day(10, 17);
    let item = Item { ladder_steps: 2, state: ItemState::Assigned, ..opened() };
    assert_eq!(escalate(std::slice::from_ref(&item), &world(late).setting()).len(), 1);
    let still = [
        Item { state: ItemState::Closed, ..item.clone() },
        Item { state: ItemState::Archived, ..item.clone() },
        Item { state: ItemState::Withdrawn, ..item.clone() },
        Item { state: ItemState::Suspended, ..item.clone() },
        Item { state: ItemState::Verified, ..item.clone() },
        Item { held_by: Some(2), ..item.clone() },
        Item { data_passes: true, ..item.clone() },
        Item { n_slips: 12, ..item.clone() },
        Item { key: key("vanished", "t1"), ..item.clone() },
    ];
    for still in &still {
        assert_eq!(escalate(std::slice::from_ref(still), &world(late).setting()), []);
    }
    let almost = Item { n_slips: 11, ..item };
    assert_eq!(escalate(&[almost], &world(late).setting()).len(), 1);
}

fn step(id: &str, when: StepDay, repeat_workdays: Option<u32>) -> LadderStep {
    LadderStep {
        id: id.to_owned(),
        title: id.to_owned(),
        when,
        to: vec!["unit".to_owned()],
        number: None,
        level: 1,
        assigns: false,
        repeat_workdays,
        gather: None,
    }
}

#[test]
fn a_step_is_repeated_until_the_next_is_due_and_a_check_names_its_ladder() {
    let mut world = world(day(9, 25));
    let own = Ladder {
        name: "own".to_owned(),
        steps: vec![
            step("half", StepDay::Opened(2), None),
            step("urge", StepDay::Due(1), Some(2)),
            step("talk", StepDay::Due(6), Some(1)),
        ],
        answer_pause_workdays: 5,
        cap: 6,
    };
    world.supervision.ladders.push(own);
    world.rules[0].ladder = Some("own".to_owned());
    let taken = pass_days(&mut world, &mut vec![opened()], day(10, 31));
    let expected = steps(&[
        (day(9, 25), "half"), // due 2 working days after opening, taken late
        (day(9, 26), "urge"),
        (day(9, 29), "urge"),
        (day(10, 8), "urge"),
        (day(10, 9), "talk"),  // the sixth day past the due date
        (day(10, 10), "talk"), // and with that six messages
    ]);
    assert_eq!(taken, expected);
}

#[test]
fn what_the_unit_has_signed_for_is_not_handed_over_again() {
    let signed = Item { state: ItemState::Signed, signed_on: Some(day(9, 20)), ..opened() };
    assert_eq!(only(escalate(&[signed], &world(day(9, 23)).setting())).step, "near_due");
    let by_hand = Item { state: ItemState::Assigned, assigned_on: Some(day(9, 20)), ..opened() };
    let climb = only(escalate(&[by_hand], &world(day(9, 23)).setting()));
    assert_eq!(climb.step, "assign", "the paper has not gone out yet");
}

#[test]
fn a_granted_extension_begins_the_ladder_anew_under_the_new_deadline() {
    let mut world = world(day(9, 24));
    let item = Item {
        state: ItemState::Signed,
        signed_on: Some(day(9, 23)),
        ladder_steps: 2,
        escalated_on: Some(day(9, 23)),
        n_slips: 2,
        ..opened()
    };
    let ask = Act {
        said: Said { due_on: Some(day(10, 18)), ..Said::default() },
        ..wants(Action::Extend, actor("town", "t1"), "设备到货晚")
    };
    let asked = world.act(&item, &ask).unwrap().item;
    assert_eq!((asked.due_on, asked.asked_due_on), (day(9, 25), Some(day(10, 18))));
    // Answered late, when the old date was past and the unit had been urged.
    world.today = day(9, 27);
    let urged = Item { ladder_steps: 3, escalated_on: Some(day(9, 26)), n_slips: 3, ..asked };
    let granted = world.act(&urged, &wants(Action::Grant, actor("coordination", "d"), "")).unwrap();
    let granted = granted.item;
    assert_eq!((granted.due_on, granted.original_due_on), (day(10, 18), Some(day(9, 25))));
    assert_eq!((granted.n_extensions, granted.asked_due_on), (1, None));
    // Five working days before Friday 18 October: 17, 16, 15, 14 and Saturday 12 (worked), thus the 12th.
    let expected = steps(&[(day(10, 12), "near_due"), (day(10, 21), "urge")]);
    assert_eq!(from(&granted, day(9, 27), day(10, 21)), expected);
}

#[test]
fn the_next_step_and_its_day_are_known_beforehand() {
    let friday = world(day(9, 20));
    let next = next_step(&opened(), &friday.setting()).unwrap();
    assert_eq!((next.step.as_str(), next.on), ("assign", day(9, 20)));
    let urged = Item { ladder_steps: 3, escalated_on: Some(day(9, 30)), ..opened() };
    let next = next_step(&urged, &world(day(9, 30)).setting()).unwrap();
    assert_eq!(
        (next.step.as_str(), next.title.as_str(), next.on),
        ("notice", "督办通知单", day(10, 8))
    );
    let held = Item { held_by: Some(3), ..urged };
    assert_eq!(next_step(&held, &friday.setting()), None);
}

#[test]
fn what_was_opened_by_hand_climbs_the_district_s_first_ladder() {
    let world = world(day(9, 20));
    let new = NewItem {
        title: "会议议定事项".to_owned(),
        detail: "某园搬迁".to_owned(),
        source: ItemSource::Meeting,
        level: "town".to_owned(),
        unit_code: UnitCode::new("t1"),
        subject_name: "甲镇".to_owned(),
        responsible: "unit".to_owned(),
        lead: "secretariat".to_owned(),
        due: Due::Workdays(3),
        period: SEPTEMBER,
    };
    let secretariat = actor("secretariat", "d");
    let change = open_by_hand(&new, "2024-001", &secretariat, "", &world.setting()).unwrap();
    assert_eq!(change.item.due_on, day(9, 25));
    let items = apply(&[], &[change]);
    assert_eq!(only(escalate(&items, &world.setting())).step, "assign");
}

#[test]
fn a_light_turns_worse_at_once_and_better_only_after_five_working_days() {
    // Twenty working days from Friday 20 September: due on 24 October.
    let mut world = world(day(9, 20));
    world.rules = vec![rule("share", ClosesOn::Data, OnCorrection::Withdraw)];
    world.rules[0].deadline_workdays = 20;
    let found = |observed| [violation("share", "t1", AUGUST, observed)];
    let one = judged(&["share"], AUGUST);
    let mut items = world.judge_and_store(&[], &found(0.4), &one);
    world.baselines.insert(key("share", "t1"), 0.4);
    assert_eq!((items[0].light, items[0].light_since), (Light::Green, Some(day(9, 20))));
    // Half of the time gone on 12 October (23, 24, 25, 26, 27, 29, 30, 8, 9, 10, 11, 12: 12 of 20 = 60 %), nothing done.
    world.today = day(10, 12);
    items = world.judge_and_store(&items, &found(0.4), &one);
    assert_eq!((items[0].light, items[0].light_changes), (Light::Red, 1));
    // From 0.40 to 0.46 of 0.50 is 60 %: green, but shown red for five working days yet.
    items = world.judge_and_store(&items, &found(0.46), &one);
    assert_eq!((items[0].light, items[0].raw_light), (Light::Red, Some(Light::Green)));
    assert_eq!((items[0].better_since, items[0].light_changes), (Some(day(10, 12)), 2));
    world.today = day(10, 14); // 65 % of the time: five points behind
    assert_eq!(follow_day(&items, &world.setting()), []);
    // Back to nothing: it never was better.
    items = world.judge_and_store(&items, &found(0.4), &one);
    assert_eq!((items[0].light, items[0].better_since), (Light::Red, None));
    assert_eq!((items[0].light_changes, items[0].light_since), (3, Some(day(10, 12))));
    items = world.judge_and_store(&items, &found(0.49), &one);
    assert_eq!((items[0].light, items[0].light_changes), (Light::Red, 4));
    world.today = day(10, 18); // four working days later
    items = apply(&items, &follow_day(&items, &world.setting()));
    assert_eq!(items[0].light, Light::Red);
    world.today = day(10, 21); // five; and three before the due date, which is yellow
    let change = only(follow_day(&items, &world.setting()));
    assert_eq!((change.item.light, change.item.raw_light), (Light::Yellow, Some(Light::Yellow)));
    assert_eq!(change.reason, "灯号由红转黄");
    assert_eq!(change.item.light_since, Some(day(10, 21)));
    assert_eq!(follow_day(&apply(&items, &[change]), &world.setting()), []);
}

/// The published years and an invented notice of 2027: 1–3 January off, the 9th worked.
fn with_2027() -> World {
    let mut world = world(date(2026, 12, 28));
    let text =
        fs_err::read_to_string(crate::tools::repository().join("config/calendar.csv")).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("20"));
    let mut days: std::collections::BTreeMap<Date, bool> =
        lines.map(|line| (line[..10].parse().unwrap(), &line[11..12] == "1")).collect();
    days.insert(date(2027, 1, 1), false);
    days.insert(date(2027, 1, 4), false);
    days.insert(date(2027, 1, 9), true);
    world.calendar = duban::calendar::Calendar::new(days);
    world
}

#[test]
fn a_deadline_in_2027_is_provisional_recounted_once_its_notice_is_out_and_the_ladder_follows() {
    // Monday 28 December 2026 and five working days: 29, 30, 31, (Friday 1 January), Monday 4.
    let before = world(date(2026, 12, 28));
    let september = judged(&["submission_missing"], SEPTEMBER);
    let mut world = with_2027();
    world.rules[0].deadline_workdays = 5;
    let rules = world.rules.clone();
    let before = World { rules, ..before };
    let item = before.judge_and_store(&[], &[missing(SEPTEMBER)], &september).remove(0);
    assert_eq!((item.due_on, item.due_provisional), (date(2027, 1, 4), true));
    assert_eq!(follow_day(std::slice::from_ref(&item), &before.setting()), []);
    let items = std::slice::from_ref(&item);
    // With the notice: 29, 30, 31, 5, 6.
    let change = only(follow_day(items, &world.setting()));
    assert_eq!((change.item.due_on, change.item.due_provisional), (date(2027, 1, 6), false));
    assert_eq!(change.reason, "放假安排公布，办结期限确定为2027-01-06");
    let urged = Item { ladder_steps: 2, escalated_on: Some(date(2026, 12, 29)), ..change.item };
    world.today = date(2027, 1, 4);
    let next = next_step(&urged, &world.setting()).unwrap();
    assert_eq!((next.step.as_str(), next.on, next.provisional), ("urge", date(2027, 1, 7), false));
    let unpublished = World { today: date(2027, 1, 4), ..before };
    let urged = Item { due_on: date(2027, 1, 4), ..urged };
    let next = next_step(&urged, &unpublished.setting());
    assert_eq!(next.map(|next| (next.on, next.provisional)), Some((date(2027, 1, 5), true)));
}

#[test]
fn a_moved_deadline_is_recounted_from_where_it_was_counted_and_one_set_as_a_day_is_not() {
    let mut before = world(date(2026, 12, 21));
    before.rules[0].deadline_workdays = 5;
    let item = before
        .judge_and_store(&[], &[missing(SEPTEMBER)], &judged(&CHECKS[..1], SEPTEMBER))
        .remove(0);
    assert_eq!((item.due_on, item.due_provisional), (date(2026, 12, 28), false));
    // Suspended on the 22nd, resumed on the 28th: 23, 24, 25, 28 move it to 4 January, provisionally.
    before.today = date(2026, 12, 22);
    let committee = || actor("committee", "d");
    let suspended = before.act(&item, &wants(Action::Suspend, committee(), "停工")).unwrap().item;
    before.today = date(2026, 12, 28);
    let resumed = before.act(&suspended, &wants(Action::Resume, committee(), "")).unwrap().item;
    assert_eq!((resumed.due_on, resumed.due_provisional), (date(2027, 1, 1), true));
    let mut after = with_2027();
    after.rules = before.rules.clone();
    let change = only(follow_day(std::slice::from_ref(&resumed), &after.setting()));
    assert_eq!((change.item.due_on, change.item.due_provisional), (date(2027, 1, 5), false));

    // An extension to a day is that day, whatever the notice says.
    let signed = Item { state: ItemState::Signed, ..resumed };
    let ask = Act {
        said: Said { due_on: Some(date(2027, 1, 4)), ..Said::default() },
        ..wants(Action::Extend, actor("town", "t1"), "停电")
    };
    let asked = before.act(&signed, &ask).unwrap().item;
    let granted =
        before.act(&asked, &wants(Action::Grant, actor("coordination", "d"), "")).unwrap();
    assert_eq!((granted.item.due_on, granted.item.due_provisional), (date(2027, 1, 4), false));
    let changes = follow_day(&[granted.item], &after.setting());
    assert!(changes.iter().all(|change| change.item.due_on == date(2027, 1, 4)), "{changes:#?}");
}
