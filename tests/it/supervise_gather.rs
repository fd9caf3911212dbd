//! Steps that gather: taken on the last working day of a week or month, and on no other. Days were worked out
//! by hand: in 2024 Sunday 29 September and Saturday 12 October were worked, 1–7 October off.

use duban::config::supervision::{Gather, Ladder, LadderStep, StepDay, load};
use duban::model::{Action, Item, ItemState, Period};
use duban::supervise::{escalate, next_step};
use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::supervise_support::{World, actor, apply, judged, violation, wants, written};

fn day(month: i8, day: i8) -> Date {
    date(2024, month, day)
}

fn step(id: &str, due: i32) -> LadderStep {
    LadderStep {
        id: id.to_owned(),
        title: id.to_owned(),
        when: StepDay::Due(due),
        to: vec!["unit".to_owned()],
        number: None,
        level: 1,
        assigns: false,
        repeat_workdays: None,
        gather: None,
    }
}

fn gathering(id: &str, due: i32, gather: Gather) -> LadderStep {
    LadderStep { gather: Some(gather), ..step(id, due) }
}

/// A district with one check and one ladder.
fn world(today: Date, steps: Vec<LadderStep>) -> World {
    let check = "[[check]]\nid = \"missing\"\ntitle = \"报表逾期未报\"\nsql = \"c.sql\"\nlevel = \"town\"\n\
        deadline_workdays = 3\n";
    let mut world = World { rules: vec![written(check)], ..World::on(today) };
    let ladder = Ladder { name: "own".to_owned(), steps, answer_pause_workdays: 5, cap: 12 };
    world.supervision.ladders = vec![ladder];
    world
}

/// Opened on Friday 20 September 2024, due on Wednesday the 25th.
fn opened() -> Item {
    let august = Period::Month { year: 2024, month: 8 };
    let found = [violation("missing", "t1", august, 0.0)];
    let item = world(day(9, 20), vec![step("urge", 1)])
        .judge_and_store(&[], &found, &judged(&["missing"], august))
        .remove(0);
    assert_eq!(item.due_on, day(9, 25));
    Item { state: ItemState::Signed, signed_on: Some(day(9, 23)), ..item }
}

/// The steps from a day until another, as the daemon takes them.
fn pass_days(item: &Item, world: &mut World, until: Date) -> Vec<(Date, String)> {
    let mut items = vec![item.clone()];
    let mut taken = Vec::new();
    while world.today <= until {
        for climb in escalate(&items, &world.setting()) {
            taken.push((world.today, climb.step));
            items = apply(&items, &[climb.change]);
        }
        world.today = world.today.checked_add(1.day()).unwrap();
    }
    taken
}

/// The days of a circular that is due so many working days after 25 September, and of the talk three later.
fn circular_and_talk(due: i32, gather: Option<Gather>) -> (Date, Date) {
    let circular = LadderStep { gather, ..step("circular", due) };
    let mut world = world(day(9, 25), vec![circular, step("talk", due + 3)]);
    let taken = pass_days(&opened(), &mut world, day(12, 31));
    let of = |id: &str| taken.iter().find(|(_, step)| step == id).unwrap().0;
    assert_eq!(taken.len(), 2, "{taken:?}");
    (of("circular"), of("talk"))
}

#[test]
fn a_weekly_step_waits_for_the_last_working_day_of_its_week_and_the_next_keeps_its_distance() {
    for (due, alone, gathered, talk) in [
        (2, day(9, 27), day(9, 29), day(10, 9)), // a week whose Sunday is worked
        (3, day(9, 29), day(9, 29), day(10, 9)), // that day itself
        (4, day(9, 30), day(9, 30), day(10, 10)), // the only working day before the National Day
        (5, day(10, 8), day(10, 12), day(10, 16)), // the week after, with a Saturday that is worked
        (8, day(10, 11), day(10, 12), day(10, 16)), // Friday is not its last
        (9, day(10, 12), day(10, 12), day(10, 16)),
        (10, day(10, 14), day(10, 18), day(10, 23)), // a plain week
    ] {
        assert_eq!(circular_and_talk(due, None).0, alone, "{due}: without gathering");
        assert_eq!(circular_and_talk(due, Some(Gather::Week)), (gathered, talk), "{due}");
    }
}

#[test]
fn a_monthly_step_waits_for_the_last_working_day_of_its_month() {
    for (due, gathered, talk) in [
        (2, day(9, 30), day(10, 10)),  // from the 27th on
        (4, day(9, 30), day(10, 10)),  // that day itself
        (5, day(10, 31), day(11, 5)),  // 8 October waits for a Thursday
        (24, day(11, 29), day(12, 4)), // 1 November; the month ends on a Saturday
    ] {
        assert_eq!(circular_and_talk(due, Some(Gather::Month)), (gathered, talk), "{due}");
    }
}

#[test]
fn an_answer_stops_a_step_that_waits_and_it_waits_for_the_next_week() {
    let steps = || vec![gathering("circular", 5, Gather::Week), step("talk", 8)];
    // Due on 8 October, it waits for the 12th.
    let item = opened();
    let before = pass_days(&item, &mut world(day(9, 25), steps()), day(10, 11));
    assert_eq!(before, []);
    let answer = wants(Action::Answer, actor("town", "t1"), "已补报");
    let answered = world(day(10, 10), steps()).act(&item, &answer).unwrap().item;
    // The answer holds until the 16th: 11, 12, 14, 15, 16.
    let taken = pass_days(&answered, &mut world(day(10, 10), steps()), day(11, 29));
    let expected = [(day(10, 18), "circular"), (day(10, 23), "talk")];
    assert_eq!(taken, expected.map(|(on, step)| (on, step.to_owned())));
}

#[test]
fn while_a_step_waits_none_before_it_is_repeated_and_none_after_it_is_taken() {
    let urge = LadderStep { repeat_workdays: Some(1), ..step("urge", 1) };
    let circular =
        LadderStep { repeat_workdays: Some(1), ..gathering("circular", 5, Gather::Week) };
    let steps = vec![urge, circular, step("talk", 12)];
    let taken = pass_days(&opened(), &mut world(day(9, 25), steps), day(12, 31));
    let expected = [
        (day(9, 26), "urge"),
        (day(9, 27), "urge"),
        (day(9, 29), "urge"),
        (day(9, 30), "urge"),
        // 8 to 11 October it is due and waits. Repeated, it gathers again.
        (day(10, 12), "circular"),
        (day(10, 18), "circular"),
        // Seven after the 12th: 14 to 18, 21, 22. The clock was set back once, not each time.
        (day(10, 22), "talk"),
    ];
    assert_eq!(taken, expected.map(|(on, step)| (on, step.to_owned())));
}

#[test]
fn the_day_for_which_a_step_waits_is_known_beforehand() {
    let monthly = world(day(10, 8), vec![gathering("circular", 5, Gather::Month)]);
    let next = next_step(&opened(), &monthly.setting()).unwrap();
    assert_eq!((next.step.as_str(), next.on), ("circular", day(10, 31)));
    let daily = world(day(10, 8), vec![step("circular", 5)]);
    assert_eq!(next_step(&opened(), &daily.setting()).unwrap().on, day(10, 8));
}

#[test]
fn only_a_week_or_a_month_is_gathered_for_and_only_after_the_due_date() {
    let file = "pipelines/_supervision.toml";
    let ladder = |day: &str, gather: &str| {
        let text = format!(
            "[[ladder]]\nname = \"standard\"\n[[ladder.step]]\nid = \"circular\"\ntitle = \"通报\"\n\
             {day}\nto = [\"towns\"]\n{gather}\n"
        );
        load(file, &text)
    };
    let refused = |day: &str, gather: &str| -> (Option<usize>, String) {
        let problem = ladder(day, gather).unwrap_err().remove(0);
        assert_eq!(problem.file, file);
        (problem.line, format!("{problem}"))
    };
    for (gather, expected) in [
        ("gather = \"week\"", Some(Gather::Week)),
        ("gather = \"month\"", Some(Gather::Month)),
        ("", None),
    ] {
        let supervision = ladder("due_workdays = 1", gather).unwrap();
        assert_eq!(supervision.ladders[0].steps[0].gather, expected);
    }
    let (line, words) = refused("due_workdays = 1", "gather = \"wek\"");
    assert_eq!(line, Some(8), "{words}");
    assert!(words.contains("unknown variant `wek`") && words.contains("`week`"), "{words}");
    for when in ["due_workdays = 0", "due_workdays = -5", "opened_workdays = 3"] {
        let (line, words) = refused(when, "gather = \"week\"");
        assert_eq!(line, Some(8), "{words}");
        assert!(words.contains("step `circular` gathers before the due date"), "{words}");
    }
}
