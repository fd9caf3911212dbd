//! Working days (工作日) with days off moved and weekends worked (调休).
//!
//! Source: the State Council's yearly notices on holidays, as kept in `config/calendar.csv`.
//! A year without a notice is counted on plain weekdays and every result that reaches into it is
//! marked provisional.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

/// Days that differ from plain weekdays, and the years whose notice has been published.
///
/// Counting takes no walk from day to day: plain weekdays follow from arithmetic, and of the days that
/// differ a running sum is kept. An item's clock is read for each of a hundred thousand items a day.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    exceptions: BTreeMap<Date, bool>,
    published: BTreeSet<i16>,
    /// By day: by how many working days the calendar differs from plain weekdays up to it, that day included.
    sums: Vec<(Date, i64)>,
}

/// A day reached by counting working days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    pub on: Date,
    /// The count ran through a year without a published notice.
    pub provisional: bool,
}

impl Calendar {
    /// `exceptions`: day → whether it is worked. A year is published if it has an exception.
    pub fn new(exceptions: BTreeMap<Date, bool>) -> Calendar {
        let published = exceptions.keys().map(|day| day.year()).collect();
        let mut sum = 0;
        let mut sums = Vec::with_capacity(exceptions.len());
        for (day, worked) in &exceptions {
            sum += i64::from(*worked) - i64::from(is_weekday(*day));
            sums.push((*day, sum));
        }
        Calendar { exceptions, published, sums }
    }

    pub fn is_workday(&self, day: Date) -> bool {
        self.exceptions.get(&day).copied().unwrap_or_else(|| is_weekday(day))
    }

    pub fn is_provisional(&self, day: Date) -> bool {
        !self.published.contains(&day.year())
    }

    pub fn published_years(&self) -> impl Iterator<Item = i16> {
        self.published.iter().copied()
    }

    /// The `n`-th working day after `day`; the day after issue is day 1. With `n = 0`, `day` itself.
    pub fn add_workdays(&self, day: Date, n: u32) -> Deadline {
        let mut on = day;
        let mut provisional = false;
        let mut left = n;
        while left > 0 {
            let Ok(next) = on.checked_add(1.day()) else { break };
            on = next;
            provisional |= self.is_provisional(on);
            if self.is_workday(on) {
                left -= 1;
            }
        }
        Deadline { on, provisional }
    }

    /// The working day `n` after `day`, or before it where `n` is negative. With `n = 0`, `day` itself.
    pub fn shift_workdays(&self, day: Date, n: i32) -> Deadline {
        if n >= 0 {
            return self.add_workdays(day, n.unsigned_abs());
        }
        let mut on = day;
        let mut provisional = false;
        let mut left = n.unsigned_abs();
        while left > 0 {
            let Ok(before) = on.checked_sub(1.day()) else { break };
            on = before;
            provisional |= self.is_provisional(on);
            if self.is_workday(on) {
                left -= 1;
            }
        }
        Deadline { on, provisional }
    }

    /// Working days in (`from`, `to`]; negative if `to` lies before `from`.
    pub fn workdays_between(&self, from: Date, to: Date) -> i64 {
        self.workday_no(to) - self.workday_no(from)
    }

    /// Working days from a fixed Monday to `day`, that day included.
    fn workday_no(&self, day: Date) -> i64 {
        let days = day.duration_since(MONDAY).as_hours() / 24;
        let weekdays = days.div_euclid(7) * 5 + (days.rem_euclid(7) + 1).min(5);
        let known = self.sums.partition_point(|(exception, _)| *exception <= day);
        let differs = known.checked_sub(1).and_then(|last| self.sums.get(last));
        weekdays + differs.map_or(0, |(_, sum)| *sum)
    }
}

const MONDAY: Date = date(1970, 1, 5);

fn is_weekday(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}
