//! `config/calendar.csv` against the State Council's notices, as `chinesecalendar` has them.

use std::collections::BTreeMap;

use duban::calendar::Calendar;
use jiff::civil::{Date, date};

use crate::tools::{python_with, repository};

/// Reads the file by itself: the loader of the home is tested elsewhere.
pub fn of_the_repository() -> Calendar {
    let text = fs_err::read_to_string(repository().join("config/calendar.csv")).unwrap();
    let mut days: BTreeMap<Date, bool> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 3, "{line}");
        let worked = match fields[1] {
            "0" => false,
            "1" => true,
            other => panic!("{other:?} in {line}"),
        };
        assert!(days.insert(fields[0].parse().unwrap(), worked).is_none(), "twice: {line}");
    }
    Calendar::new(days)
}

fn all_days() -> impl Iterator<Item = Date> {
    date(2023, 1, 1).series(jiff::ToSpan::days(1)).take_while(|day| day.year() <= 2026)
}

#[test]
fn each_year_has_the_working_days_of_its_notice() {
    let calendar = of_the_repository();
    for (year, expected) in [(2023, 249), (2024, 251), (2025, 248), (2026, 248)] {
        let n = all_days().filter(|day| day.year() == year && calendar.is_workday(*day)).count();
        assert_eq!(n, expected, "{year}");
    }
    assert!(!calendar.is_provisional(date(2026, 12, 31)));
    assert!(calendar.is_provisional(date(2027, 1, 1)));
}

#[test]
fn the_fifth_working_day_after_september_2024_is_a_worked_saturday() {
    let due = of_the_repository().add_workdays(date(2024, 9, 30), 5);
    assert_eq!((due.on, due.provisional), (date(2024, 10, 12), false));
}

#[test]
fn every_day_of_four_years_agrees_with_chinesecalendar() {
    let Some(mut python) =
        python_with("chinese_calendar", "every_day_of_four_years_agrees_with_chinesecalendar")
    else {
        return;
    };
    let script = repository().join("tests/tools/chinese_workdays.py");
    let output = python.arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calendar = of_the_repository();
    let ours: Vec<String> =
        all_days().map(|day| format!("{day} {}", u8::from(calendar.is_workday(day)))).collect();
    let text = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<&str> = text.lines().collect();
    assert_eq!(ours.len(), 1461);
    assert_eq!(ours, theirs);
    // No notice yet: every day of the year after is provisional.
    let mut after = date(2027, 1, 1).series(jiff::ToSpan::days(1)).take(365);
    assert!(after.all(|day| calendar.is_provisional(day)));
    assert!(!all_days().any(|day| calendar.is_provisional(day)));
}

#[test]
fn deadlines_from_every_day_of_four_years_agree_with_chinesecalendar() {
    let test = "deadlines_from_every_day_of_four_years_agree_with_chinesecalendar";
    let Some(mut python) = python_with("chinese_calendar", test) else { return };
    let script = repository().join("tests/tools/chinese_deadlines.py");
    let output = python.arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calendar = of_the_repository();
    let mut ours = Vec::new();
    for day in all_days() {
        for n in [1, 3, 5, 20, 60] {
            let due = calendar.add_workdays(day, n);
            // Beyond the published years it is provisional, and within them never.
            assert_eq!(due.provisional, due.on.year() > 2026, "{day} {n}");
            let on = if due.provisional { "-".to_owned() } else { due.on.to_string() };
            ours.push(format!("{day} {n} {on}"));
            assert_eq!(calendar.workdays_between(day, due.on), i64::from(n), "{day} {n}");
        }
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<&str> = text.lines().collect();
    assert_eq!(ours.len(), 1461 * 5);
    assert_eq!(ours, theirs);
    assert!(ours.iter().filter(|line| line.ends_with('-')).count() > 60, "some reach 2027");
}

#[test]
fn working_days_are_counted_as_if_one_walked_from_day_to_day() {
    let calendar = of_the_repository();
    let starts = date(2022, 11, 1).series(jiff::ToSpan::days(37)).take(60);
    for start in starts {
        let mut walked = 0;
        for day in start.series(jiff::ToSpan::days(1)).skip(1).take(500) {
            walked += i64::from(calendar.is_workday(day));
            assert_eq!(calendar.workdays_between(start, day), walked, "{start} to {day}");
            assert_eq!(calendar.workdays_between(day, start), -walked, "{day} to {start}");
        }
    }
    assert_eq!(Calendar::default().workdays_between(date(1960, 1, 1), date(1960, 1, 11)), 6);
}
