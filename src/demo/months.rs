//! The campaign's months, counted from 0: their periods, names, and the working days on which
//! offices send and the secretariat reports.
//!
//! The working days are the sample home's own (`config/calendar.csv`, the State Council's notices).

use std::sync::LazyLock;

use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::campaign::CampaignError;
use crate::calendar::Calendar;
use crate::config::tables::load_calendar;
use crate::model::Period;

/// 2023-01 … 2024-12.
pub(super) const N_MONTHS: usize = 24;
/// 2024-09: the first month of the school year that the world is built for; what was before it is
/// told backwards (`past`).
pub(super) const BUILT: usize = 20;
/// 2023-09: the first month of the school year before.
pub(super) const YEAR_BEFORE: usize = 8;
/// The first months of the campaign's terms.
pub(super) const TERM_BEGINS: [usize; 4] = [1, YEAR_BEFORE, 13, BUILT];
/// The last months of the terms that begin and end in it.
pub(super) const TERM_ENDS: [usize; 3] = [7, 12, 19];

/// The working day of the month after on which the joint meeting's report is made, at 08:30.
pub(super) const REPORT_WORKDAY: u32 = 7;
/// Monthly forms are due on this working day of the month after.
const DUE_WORKDAY: u32 = 5;

static CALENDAR: LazyLock<Calendar> = LazyLock::new(|| {
    let text = include_str!("../../config/calendar.csv");
    load_calendar("config/calendar.csv", text, &mut Vec::new())
});

fn year_and_month(month: usize) -> (i16, i8) {
    let year = 2023 + i16::try_from(month / 12).unwrap_or(0);
    (year, 1 + i8::try_from(month % 12).unwrap_or(0))
}

pub(super) fn period(month: usize) -> Period {
    let (year, month) = year_and_month(month);
    Period::Month { year, month }
}

/// `2024年9月`, as titles have it.
pub(super) fn label(month: usize) -> String {
    period(month).label()
}

pub(super) fn first_day(month: usize) -> Date {
    period(month).starts_on()
}

/// The calendar year in which the school year of a month began.
pub(super) fn school_year(month: usize) -> i16 {
    let (year, month) = year_and_month(month);
    if month >= 9 { year } else { year - 1 }
}

/// In July and August kindergartens are closed: offices report those enrolled at the end of June.
pub(super) fn is_summer(month: usize) -> bool {
    matches!(month % 12, 6 | 7)
}

/// The `n`-th working day after a day.
pub(super) fn workday_after(day: Date, n: u32) -> Date {
    CALENDAR.add_workdays(day, n).on
}

/// The working days within which a month's forms are due.
pub(super) fn sending_days(month: usize) -> [Date; 5] {
    let end = period(month).ends_on();
    std::array::from_fn(|i| workday_after(end, u32::try_from(i).unwrap_or(0) + 1))
}

/// The first working day after the due date: late, and before the report.
pub(super) fn late_day(month: usize) -> Date {
    workday_after(period(month).ends_on(), DUE_WORKDAY + 1)
}

pub(super) fn report_day(month: usize) -> Date {
    workday_after(period(month).ends_on(), REPORT_WORKDAY)
}

/// Five working days in the second week of September, when the yearly forms are sent (due on the
/// 14th working day after the 1st). Those of 2022, before the campaign, were asked for as it began.
pub(super) fn yearly_days(year: i16) -> [Date; 5] {
    let before = if year < 2023 { date(2023, 1, 2) } else { date(year, 9, 6) };
    std::array::from_fn(|i| workday_after(before, u32::try_from(i).unwrap_or(0) + 1))
}

/// Working days in the second and third week after a term's statistics day, its first (due on the
/// 20th working day after it).
pub(super) fn term_days(term: Period) -> [Date; 8] {
    let first = term.starts_on();
    std::array::from_fn(|i| workday_after(first, u32::try_from(i).unwrap_or(0) + 8))
}

/// A local time as an instant.
pub(super) fn instant(local: DateTime, zone: &TimeZone) -> Result<Timestamp, CampaignError> {
    zone.to_timestamp(local)
        .map_err(|source| CampaignError::PlaceInZone { local: local.to_string(), source })
}

/// The day after.
pub(super) fn next_day(day: Date) -> Date {
    day.checked_add(1.day()).unwrap_or(day)
}
