//! Schedules: working days, zones, what is refused, and which due times are run or missed.

use std::time::Instant;

use duban::config::schedule::{ScheduleSettings, WrittenDays, WrittenTimes};
use duban::schedule::{Cron, Due, Missed, Schedule, Timing, due_slots};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::calendar::of_the_repository;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn cron(text: &str, zone: &str) -> Schedule {
    let mut schedule = Schedule::new(Timing::Cron(Cron::parse(text).unwrap()));
    assert!(schedule.name_zone(zone));
    schedule
}

fn workdays(days: WrittenDays, times: &[&str]) -> Schedule {
    let settings = ScheduleSettings {
        workdays: Some(days),
        at: Some(WrittenTimes(times.iter().map(ToString::to_string).collect())),
        timezone: Some("Asia/Shanghai".into()),
        ..ScheduleSettings::default()
    };
    settings.prove().unwrap()
}

/// The next due times after an instant, in the schedule's zone, with `?` where provisional.
fn next(schedule: &Schedule, after: &str, n: usize) -> Vec<String> {
    let calendar = of_the_repository();
    let mut after = at(after);
    let mut found = Vec::new();
    for _ in 0..n {
        let Some(next) = schedule.next_after(after, &calendar) else { break };
        let mark = if next.provisional { "?" } else { "" };
        let civil = schedule.zone().to_offset(next.at).to_datetime(next.at);
        found.push(format!("{civil}{mark}"));
        after = next.at;
    }
    found
}

#[test]
fn the_fifth_working_day_of_october_2024_is_the_worked_saturday_after_the_holidays() {
    // 国办发明电〔2023〕7号: 1–7 October off, 12 October (a Saturday) worked; 2025 from 国办发明电〔2024〕12号.
    let fifth = workdays(WrittenDays::Nth(vec![5]), &["08:30"]);
    assert_eq!(
        next(&fifth, "2024-09-30T00:00:00Z", 3),
        ["2024-10-12T08:30:00", "2024-11-07T08:30:00", "2024-12-06T08:30:00"]
    );
    let last = workdays(WrittenDays::Nth(vec![-1]), &["17:00", "09:00"]);
    // 29 September 2024 (a Sunday) was worked, 30 September too.
    assert_eq!(
        next(&last, "2024-09-29T12:00:00Z", 3),
        ["2024-09-30T09:00:00", "2024-09-30T17:00:00", "2024-10-31T09:00:00"]
    );
    let every = workdays(WrittenDays::Every, &["08:30"]);
    assert_eq!(
        next(&every, "2024-09-29T00:00:00Z", 4),
        [
            "2024-09-29T08:30:00",
            "2024-09-30T08:30:00",
            "2024-10-08T08:30:00",
            "2024-10-09T08:30:00"
        ]
    );
}

#[test]
fn working_days_of_a_year_without_a_notice_are_provisional_and_cron_never_is() {
    let fifth = workdays(WrittenDays::Nth(vec![5]), &["08:30"]);
    // 2027 on plain weekdays: 1 January is a Friday, so the fifth working day is the 7th.
    assert_eq!(
        next(&fifth, "2026-12-01T00:00:00Z", 2),
        ["2026-12-07T08:30:00", "2027-01-07T08:30:00?"]
    );
    assert_eq!(
        next(&cron("30 8 * * *", "Asia/Shanghai"), "2027-01-01T00:00:00Z", 1),
        ["2027-01-01T08:30:00"]
    );
}

#[test]
fn a_day_that_few_months_have_is_waited_for() {
    let most = workdays(WrittenDays::Nth(vec![23]), &["08:30"]);
    // May, July, October 2024 have 21, 23, 19; counted by hand from the notice.
    assert_eq!(next(&most, "2024-05-01T00:00:00Z", 1), ["2024-07-31T08:30:00"]);
    assert_eq!(
        next(&cron("0 0 29 2 *", "UTC"), "2096-03-01T00:00:00Z", 1),
        ["2104-02-29T00:00:00"]
    );
}

#[test]
fn an_hour_that_is_skipped_loses_no_daily_due_time_and_one_that_is_repeated_has_it_twice() {
    let daily = cron("30 2 * * *", "Europe/Berlin");
    assert_eq!(
        next(&daily, "2024-03-30T12:00:00Z", 2),
        ["2024-03-31T03:00:00", "2024-04-01T02:30:00"]
    );
    let twice: Vec<Timestamp> = ["2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z"].map(at).into();
    let calendar = of_the_repository();
    let first = daily.next_after(at("2024-10-26T12:00:00Z"), &calendar).unwrap().at;
    let second = daily.next_after(first, &calendar).unwrap().at;
    assert_eq!([first, second], twice[..]);
    // Every hour loses nothing by the skipped one.
    let hourly = cron("15 * * * *", "Europe/Berlin");
    assert_eq!(
        next(&hourly, "2024-03-31T00:00:00Z", 2),
        ["2024-03-31T01:15:00", "2024-03-31T03:15:00"]
    );
    // Half an hour, on the other side of the world.
    let howe = cron("10 2 * * *", "Australia/Lord_Howe");
    assert_eq!(
        next(&howe, "2024-10-05T00:00:00Z", 2),
        ["2024-10-06T02:30:00", "2024-10-07T02:10:00"]
    );
}

#[test]
fn seconds_of_a_skipped_hour_are_not_kept() {
    // croniter keeps them (03:00:15) and then, asked between 03:00:00 and 03:00:15, gives the next day.
    let daily = cron("15 30 2 * * *", "Europe/Berlin");
    assert_eq!(next(&daily, "2024-03-30T12:00:00Z", 1), ["2024-03-31T03:00:00"]);
}

#[test]
fn what_cron_programs_read_differently_is_refused_with_its_place() {
    for (text, place, word) in [
        ("0 0 * *", "0 0 * *", "five or six"),
        ("0 0 * * * * 2024", "0 0 * * * * 2024", "7 fields"),
        ("61 0 * * *", "61", "`61` is none of the minutes"),
        ("0 0 * JANUARY *", "JANUARY", "none of the months"),
        ("0 0 1,,3 * *", "", "`` is none of the days"),
        ("0 22-2 * * *", "22-2", "backwards"),
        ("*/60 * * * *", "*/60", "leaves only the first"),
        ("*/0 * * * *", "*/0", "no step"),
        ("0 0 15W * *", "15W", "holidays"),
        ("0 0 31 2,4 *", "31", "no such day"),
        ("0 0 */2 * 1", "*/2", "\"and\""),
        ("0 0 13 * 5#2", "13", "\"and\""),
        ("0 0 * * 1#6", "1#6", "weekday of a month"),
    ] {
        let error = Cron::parse(text).expect_err(text);
        assert_eq!(&text[error.at.clone()], place, "{text}");
        assert!(error.message.contains(word), "{text}: {}", error.message);
        assert!(!error.hint.is_empty(), "{text}");
    }
    // Friday the 13th is "or", as everywhere: the next after Monday the 2nd is Friday the 6th.
    assert_eq!(
        next(&cron("0 0 13 * 5", "UTC"), "2024-09-02T00:00:00Z", 3),
        ["2024-09-06T00:00:00", "2024-09-13T00:00:00", "2024-09-20T00:00:00"]
    );
    // What croner 3.0 gets wrong: the last Sunday by 7, every second weekday from Monday.
    assert_eq!(
        next(&cron("0 0 * * 7L", "UTC"), "2024-09-02T00:00:00Z", 1),
        ["2024-09-29T00:00:00"]
    );
    assert_eq!(
        next(&cron("0 0 * * 1/2", "UTC"), "2024-09-06T12:00:00Z", 1),
        ["2024-09-09T00:00:00"]
    );
}

#[test]
fn a_written_schedule_is_refused_for_all_that_is_wrong_at_once() {
    let settings = ScheduleSettings {
        workdays: Some(WrittenDays::Nth(vec![0, 24])),
        at: Some(WrittenTimes(vec!["8:30".into(), "24:00".into(), "08:30".into()])),
        timezone: Some("Asia/Shanghi".into()),
        limit: Some(0),
        ..ScheduleSettings::default()
    };
    let problems = settings.prove().unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["at", "at", "workdays", "timezone", "limit", "limit"]);
    let neither = ScheduleSettings::default().prove().unwrap_err();
    assert!(neither[0].message.contains("neither"), "{neither:?}");
    let both = ScheduleSettings {
        cron: Some("0 0 * * *".into()),
        workdays: Some(WrittenDays::Every),
        ..ScheduleSettings::default()
    };
    assert!(both.prove().unwrap_err()[0].message.contains("both"));
}

#[test]
fn a_year_of_seconds_is_counted_without_being_walked() {
    let mut every_second = cron("* * * * * *", "Europe/Berlin");
    every_second.missed = Missed::All;
    every_second.limit = 3;
    let begun = Instant::now();
    let (since, now) = (at("2023-06-15T10:00:00Z"), at("2024-06-15T10:00:00Z"));
    let due =
        due_slots(&every_second, since, None, now, SignedDuration::ZERO, &of_the_repository());
    let second = |n: i64| Timestamp::from_second(now.as_second() - n).unwrap();
    assert_eq!(due.run, [second(2), second(1), now]);
    let missed = due.missed.unwrap();
    // 366 days: 2024 is a leap year; real seconds, whatever the clock on the wall does.
    assert_eq!((missed.due_at, missed.n), (second(3), 366 * 86_400 - 3));
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn an_edited_schedule_never_replays_what_was_before() {
    let daily = cron("0 0 * * *", "UTC");
    let calendar = of_the_repository();
    let ask = |since: &str, last: Option<&str>, now: &str| {
        due_slots(&daily, at(since), last.map(at), at(now), SignedDuration::ZERO, &calendar)
    };
    // Since noon of the 10th: midnights before it are nobody's, even if none was ever run.
    assert_eq!(ask("2024-09-10T12:00:00Z", None, "2024-09-10T13:00:00Z"), Due::default());
    // Exactly at `since` is before it.
    assert_eq!(ask("2024-09-10T00:00:00Z", None, "2024-09-10T00:00:00Z"), Due::default());
    let due = ask("2024-09-10T12:00:00Z", Some("2024-09-01T00:00:00Z"), "2024-09-11T00:00:00Z");
    assert_eq!((due.run, due.missed), (vec![at("2024-09-11T00:00:00Z")], None));
    let mut off = daily.clone();
    off.enabled = false;
    let (since, now) = (at("2024-09-01T00:00:00Z"), at("2024-09-11T00:00:00Z"));
    assert_eq!(due_slots(&off, since, None, now, SignedDuration::ZERO, &calendar), Due::default());
}

fn policies() -> impl Strategy<Value = (Missed, u32)> {
    prop_oneof![
        Just((Missed::None, 1)),
        Just((Missed::Last, 1)),
        (1_u32..6).prop_map(|limit| (Missed::All, limit)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Looked at in any rhythm, each due time is run at most once, in order, and run and missed together are all of
    /// them; what a policy makes up for is run.
    #[test]
    fn each_due_time_is_run_or_missed_once_whatever_the_rhythm(
        (missed, limit) in policies(),
        period in prop::sample::select(vec![1_i64, 7, 60, 420, 3600]),
        start in 0_i64..100_000,
        gaps in prop::collection::vec(0_i64..9000, 1..12),
    ) {
        let text = match period {
            1 => "* * * * * *",
            7 => "*/7 * * * * *",
            60 => "* * * * *",
            420 => "*/7 * * * *",
            _ => "0 * * * *",
        };
        // Without the library: seconds at which it is due. `*/7` begins anew with each minute or hour.
        let is_due = |t: i64| match period {
            7 => t % 60 % 7 == 0,
            420 => t % 60 == 0 && t % 3600 / 60 % 7 == 0,
            _ => t % period == 0,
        };
        let mut schedule = cron(text, "UTC");
        schedule.missed = missed;
        schedule.limit = limit;
        let calendar = of_the_repository();
        let second = |t: i64| Timestamp::from_second(t).unwrap();
        let grace = 90_i64;
        let (mut last, mut now, mut n_seen) = (None, start, 0_u64);
        for gap in gaps {
            let from = last.map_or(start, |last: Timestamp| last.as_second().max(start));
            now += gap;
            let due = due_slots(
                &schedule, second(start), last, second(now),
                SignedDuration::from_secs(grace), &calendar,
            );
            let all: Vec<i64> = (from + 1..=now).filter(|t| is_due(*t)).collect();
            let n_run = match (missed, all.last()) {
                (_, None) => 0,
                (Missed::None, Some(newest)) => usize::from(now - newest <= grace),
                (Missed::Last, Some(_)) => 1,
                (Missed::All, Some(_)) => all.len().min(limit as usize),
            };
            let (lost, run) = all.split_at(all.len() - n_run);
            let got: Vec<i64> = due.run.iter().map(|at| at.as_second()).collect();
            prop_assert_eq!(&got[..], run);
            let got = due.missed.map(|m| (m.due_at.as_second(), m.n));
            prop_assert_eq!(got, lost.last().map(|newest| (*newest, lost.len() as u64)));
            n_seen += all.len() as u64;
            last = due.run.last().copied().or(due.missed.map(|m| m.due_at)).or(last);
        }
        let expected = (start + 1..=now).filter(|t| is_due(*t)).count() as u64;
        prop_assert_eq!(n_seen, expected);
        prop_assert_eq!(schedule.count_between(second(start), second(now), &calendar), expected);
    }
}
