//! Waves: how they are written, ordered and walked; what a contract says of them.

use duban::config::contract::Contract;
use duban::model::{Frequency, Period, Wave, Waves};
use jiff::civil::date;
use proptest::prelude::*;

fn wave(year: i16, n: u8) -> Period {
    Period::Wave { year, n }
}

#[test]
fn a_wave_is_written_in_one_way_and_said_in_chinese() {
    let first: Period = "2024-w1".parse().unwrap();
    assert_eq!(first, wave(2024, 1));
    assert_eq!((first.to_string(), first.label()), ("2024-w1".into(), "2024年第1次调查".into()));
    assert_eq!(first.frequency(), Frequency::Wave);
    assert_eq!(Frequency::Wave.example().parse::<Period>().unwrap().frequency(), Frequency::Wave);
    for wrong in ["2024-w0", "2024-w01", "2024-w", "2024-w+1", "2024-W1", "24-w1", "2024-w100"] {
        assert!(wrong.parse::<Period>().is_err(), "{wrong}");
    }
}

fn any_period() -> impl Strategy<Value = Period> {
    (1900_i16..=2199, 1_i8..=12, 1_u8..=99, 0_u8..5).prop_map(|(year, month, n, kind)| match kind {
        0 => Period::Month { year, month },
        1 => Period::Term { start: year, term: month % 2 + 1 },
        2 => Period::SchoolYear { start: year },
        3 => Period::Year { year },
        _ => Period::Wave { year, n },
    })
}

proptest! {
    #[test]
    fn every_period_is_read_back_as_it_is_written(period in any_period()) {
        prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
        let json = serde_json::to_string(&period).unwrap();
        prop_assert_eq!(serde_json::from_str::<Period>(&json).unwrap(), period);
    }

    #[test]
    fn only_equal_periods_compare_as_equal(a in any_period(), b in any_period()) {
        prop_assert_eq!(a.cmp(&b) == std::cmp::Ordering::Equal, a == b);
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert!(a.previous() < a && a < a.next());
    }

    #[test]
    fn waves_are_ordered_by_year_and_number(a in (1900_i16..2200, 1_u8..=99), b in (1900_i16..2200, 1_u8..=99)) {
        prop_assert_eq!(wave(a.0, a.1).cmp(&wave(b.0, b.1)), a.cmp(&b));
    }
}

fn listed() -> Waves {
    let one = |year, n, opens_on, closes_on| Wave { period: wave(year, n), opens_on, closes_on };
    Waves::new([
        one(2024, 1, date(2024, 5, 20), date(2024, 5, 26)),
        one(2023, 1, date(2023, 5, 22), date(2023, 5, 28)),
        one(2023, 2, date(2023, 10, 30), date(2023, 11, 5)),
    ])
}

#[test]
fn the_list_knows_each_wave_s_days_and_neighbours() {
    let waves = listed();
    assert_eq!(waves.starts_on(wave(2023, 2)), date(2023, 10, 30));
    assert_eq!(waves.ends_on(wave(2023, 2)), date(2023, 11, 5));
    assert_eq!(waves.previous(wave(2024, 1)), Some(wave(2023, 2)));
    assert_eq!(waves.previous(wave(2023, 1)), None);
    assert_eq!(waves.next(wave(2023, 2)), Some(wave(2024, 1)));
    assert_eq!(waves.next(wave(2024, 1)), None);
    assert_eq!(waves.same_last_year(wave(2024, 1)), Some(wave(2023, 1)));
    assert_eq!(waves.same_last_year(wave(2023, 1)), None);
    // Of the calendar's own periods it says what they say.
    let month = Period::Month { year: 2024, month: 3 };
    assert_eq!(
        (waves.starts_on(month), waves.ends_on(month)),
        (date(2024, 3, 1), date(2024, 3, 31))
    );
    assert_eq!(waves.previous(month), Some(Period::Month { year: 2024, month: 2 }));
    assert!(waves.has(month) && waves.has(wave(2023, 2)) && !waves.has(wave(2023, 3)));
}

#[test]
fn a_report_joins_the_newest_wave_that_had_closed_by_its_end() {
    let waves = listed();
    let joined = |day| waves.joined_on(Frequency::Wave, day);
    assert_eq!(joined(date(2023, 5, 27)), None);
    assert_eq!(joined(date(2023, 5, 28)), Some(wave(2023, 1)));
    // Opened in October, closed in November: October's report has the one before.
    assert_eq!(joined(date(2023, 10, 31)), Some(wave(2023, 1)));
    assert_eq!(joined(date(2023, 11, 30)), Some(wave(2023, 2)));
    assert_eq!(joined(date(2030, 1, 1)), Some(wave(2024, 1)));
    let month = Period::Month { year: 2023, month: 10 };
    assert_eq!(waves.joined_on(Frequency::Month, date(2023, 10, 31)), Some(month));
}

const SURVEY: &str = r#"
[dataset]
name = "survey"
title = "调查"
frequency = "wave"
stat_on = "last_day"
reporters = ["district"]
due_workdays = 3
[unit]
from = "reporter"
[columns.answers]
header = "小计"
type = "int"
[[wave]]
period = "2023-w1"
opens_on = 2023-05-22
closes_on = 2023-05-28
[[wave]]
period = "2023-w2"
opens_on = 2023-10-30
closes_on = 2023-11-05
"#;

#[test]
fn a_contract_walks_the_waves_that_it_lists() {
    let contract = Contract::load("p.toml", SURVEY).unwrap();
    assert_eq!(contract.span(wave(2023, 1)), (date(2023, 5, 22), date(2023, 5, 28)));
    assert_eq!(contract.stat_on(wave(2023, 1)), date(2023, 5, 28));
    assert_eq!(contract.next_period(wave(2023, 1)), Some(wave(2023, 2)));
    assert_eq!(contract.previous_period(wave(2023, 1)), None);
    assert!(contract.has_period(wave(2023, 2)) && !contract.has_period(wave(2023, 3)));
    assert!(!contract.has_period(Period::Month { year: 2023, month: 5 }));
    // Due is what has closed before today.
    assert_eq!(contract.newest_due(date(2023, 5, 28)), None);
    assert_eq!(contract.newest_due(date(2023, 5, 29)), Some(wave(2023, 1)));
    assert_eq!(contract.newest_due(date(2024, 5, 29)), Some(wave(2023, 2)));
    // Sunday 2023-11-05, three working days: Wednesday.
    let due = contract.due_on(wave(2023, 2), &duban::calendar::Calendar::default());
    assert_eq!(due.on, date(2023, 11, 8));
}

#[test]
fn each_slip_in_a_list_of_waves_is_refused_with_its_line() {
    for (from, to, line, words) in [
        ("\"2023-w2\"", "\"2023-w1\"", 19, "is listed twice"),
        ("\"2023-w2\"", "\"2023-11\"", 19, "is no wave"),
        ("\"2023-w2\"", "\"2022-w2\"", 19, "does not come after it"),
        ("= 2023-10-30", "= 2023-05-25", 19, "does not come after it"),
        ("= 2023-10-30", "= 2023-11-06", 21, "closes before it opens"),
        ("= 2023-10-30", "= 2023-10-30T08:00:00", 20, "this is no day"),
        ("\"last_day\"", "\"05-28\"", 6, "the day that it closes on"),
        ("\"wave\"", "\"month\"", 15, "has no waves"),
    ] {
        assert!(SURVEY.contains(from), "{from}");
        let problems = Contract::load("p.toml", &SURVEY.replacen(from, to, 1)).unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let said = said.join("\n");
        assert!(said.contains(&format!("p.toml:{line}:")) && said.contains(words), "{to}: {said}");
    }
    let without = SURVEY.split("[[wave]]").next().unwrap();
    let said = Contract::load("p.toml", without).unwrap_err()[0].to_string();
    assert!(said.contains("lists no waves"), "{said}");
}
