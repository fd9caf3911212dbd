//! Cron expressions: which civil days and times of day they name.
//!
//! ## Design notes
//! - **Own reading, not croner's** (3.0): there `7L` never comes, `1/2` of weekdays takes Sunday in, empty
//!   list entries and a seventh field pass unseen, and of an hour that the clock repeats only the
//!   first passage is found. `tests/it/schedule_cron.rs` holds ours to croniter's.
//! - **What cron programs read differently is refused** with the way to write it plainly: a stepped `*`, `#` or a
//!   weekday's `L` beside a restricted other day field (Vixie's cron takes "and", others "or"), ranges
//!   that run backwards (some wrap, some refuse), steps beyond their range, `W` (it knows no
//!   holidays: `workdays` does).

use std::ops::Range;

use jiff::civil::{Date, Time};

/// What is wrong with an expression, and where in its text (bytes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronError {
    pub at: Range<usize>,
    pub message: String,
    pub hint: String,
}

/// A cron expression, proven: five fields, or six with seconds first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    pub(super) times: Times,
    days: MonthDays,
    months: u64,
    weekdays: Weekdays,
}

/// Times of day: every combination of a set hour, minute and second (bit n: the value n).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Times {
    hours: u64,
    minutes: u64,
    seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct MonthDays {
    any: bool,
    days: u64,
    last: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Weekdays {
    any: bool,
    /// Every week; Sunday is 0.
    every: u64,
    /// The n-th of the month: bit `weekday * 8 + n`.
    nth: u64,
    /// The last of the month.
    last: u64,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// One field's range and the words that it knows.
struct Kind {
    name: &'static str,
    low: u32,
    high: u32,
    words: &'static [&'static str],
}

const SECONDS: Kind = Kind { name: "seconds", low: 0, high: 59, words: &[] };
const MINUTES: Kind = Kind { name: "minutes", low: 0, high: 59, words: &[] };
const HOURS: Kind = Kind { name: "hours", low: 0, high: 23, words: &[] };
const DAYS: Kind = Kind { name: "days of the month", low: 1, high: 31, words: &[] };
const MONTHS_OF_YEAR: Kind = Kind { name: "months", low: 1, high: 12, words: &MONTHS };
/// 7 is Sunday too; it is folded to 0 after a range is read.
const DAYS_OF_WEEK: Kind = Kind { name: "weekdays", low: 0, high: 6, words: &WEEKDAYS };

/// A field's text and where it begins in the expression.
#[derive(Clone, Copy)]
struct Field<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Field<'a> {
    fn wrong(&self, message: impl Into<String>, hint: impl Into<String>) -> CronError {
        CronError {
            at: self.start..self.start + self.text.len(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The entries of its list, each with its place.
    fn entries(self) -> impl Iterator<Item = Field<'a>> {
        let mut start = self.start;
        self.text.split(',').map(move |text| {
            let entry = Field { text, start };
            start += text.len() + 1;
            entry
        })
    }
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong, with its place in `text`; also if no day ever fits it.
    pub fn parse(text: &str) -> Result<Cron, CronError> {
        let mut fields: Vec<Field<'_>> = Vec::new();
        let mut rest = 0;
        for word in text.split_whitespace() {
            let start = text[rest..].find(word).map_or(rest, |at| rest + at);
            rest = start + word.len();
            fields.push(Field { text: word, start });
        }
        let whole = Field { text, start: 0 };
        let zero = Field { text: "0", start: 0 };
        let (second, minute, hour, day, month, weekday) = match fields[..] {
            [minute, hour, day, month, weekday] => (zero, minute, hour, day, month, weekday),
            [second, minute, hour, day, month, weekday] => {
                (second, minute, hour, day, month, weekday)
            }
            _ => {
                return Err(whole.wrong(
                    format!("{} fields, not five or six", fields.len()),
                    "minute hour day month weekday, with seconds in front if need be: \"30 8 * * *\" is every day at 08:30",
                ));
            }
        };
        let cron = Cron {
            text: fields.iter().map(|field| field.text).collect::<Vec<_>>().join(" "),
            times: Times {
                seconds: plain(second, &SECONDS)?,
                minutes: plain(minute, &MINUTES)?,
                hours: plain(hour, &HOURS)?,
            },
            days: month_days(day)?,
            months: plain(month, &MONTHS_OF_YEAR)?,
            weekdays: weekdays(weekday)?,
        };
        if !cron.days.any && !cron.weekdays.any {
            for (field, other) in [(day, weekday), (weekday, day)] {
                let stepped = field.entries().any(|entry| entry.text.starts_with('*'));
                let counted = cron.weekdays.nth != 0 || cron.weekdays.last != 0;
                if stepped || counted {
                    return Err(field.wrong(
                        format!(
                            "`{}` beside `{}` in the other day field means \"and\" to some cron programs and \"or\" to others",
                            field.text, other.text
                        ),
                        "restrict one of them and write `*` for the other, or list the days plainly (\"or\")",
                    ));
                }
            }
        }
        // 28 years see every weekday on every date of a leap year (outside 1900 and 2100).
        let mut date = jiff::civil::date(2024, 1, 1);
        while date.year() < 2024 + 28 {
            if cron.names_day(date) {
                return Ok(cron);
            }
            match date.tomorrow() {
                Ok(next) => date = next,
                Err(_) => break,
            }
        }
        Err(day.wrong("no such day ever comes", "the longest month has 31 days, February 29"))
    }

    /// As it was written, with single blanks.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it comes on a civil day. If both day fields are restricted, either will do.
    pub(super) fn names_day(&self, date: Date) -> bool {
        if !has(self.months, date.month().unsigned_abs().into()) {
            return false;
        }
        let by_month = self.days.names(date);
        let by_week = self.weekdays.names(date);
        match (self.days.any, self.weekdays.any) {
            (true, _) => by_week,
            (false, true) => by_month,
            (false, false) => by_month || by_week,
        }
    }

    /// Whether a day of the date's month can be one of it.
    pub(super) fn names_month(&self, date: Date) -> bool {
        has(self.months, date.month().unsigned_abs().into())
    }
}

impl MonthDays {
    fn names(&self, date: Date) -> bool {
        self.any
            || has(self.days, date.day().unsigned_abs().into())
            || self.last && date.day() == date.days_in_month()
    }
}

impl Weekdays {
    fn names(&self, date: Date) -> bool {
        let weekday = u32::from(date.weekday().to_sunday_zero_offset().unsigned_abs());
        let nth = (u32::from(date.day().unsigned_abs()) - 1) / 7 + 1;
        self.any
            || has(self.every, weekday)
            || has(self.nth, weekday * 8 + nth)
            || has(self.last, weekday) && date.day() > date.days_in_month() - 7
    }
}

impl Times {
    /// The first time of day from `from` (included) on.
    pub(super) fn first_from(&self, from: Time) -> Option<Time> {
        let (hour, minute, second) = parts(from);
        if has(self.hours, hour) {
            if has(self.minutes, minute)
                && let Some(second) = from_bit(self.seconds, second)
            {
                return time(hour, minute, second);
            }
            if let Some(minute) = from_bit(self.minutes, minute + 1) {
                return time(hour, minute, from_bit(self.seconds, 0)?);
            }
        }
        let hour = from_bit(self.hours, hour + 1)?;
        time(hour, from_bit(self.minutes, 0)?, from_bit(self.seconds, 0)?)
    }

    pub(super) fn count(&self) -> u64 {
        u64::from(self.hours.count_ones())
            * u64::from(self.minutes.count_ones())
            * u64::from(self.seconds.count_ones())
    }

    /// How many lie before a time of day.
    pub(super) fn count_before(&self, before: Time) -> u64 {
        let (hour, minute, second) = parts(before);
        let minutes = u64::from(self.minutes.count_ones());
        let seconds = u64::from(self.seconds.count_ones());
        let mut count = below(self.hours, hour) * minutes * seconds;
        if has(self.hours, hour) {
            count += below(self.minutes, minute) * seconds;
            if has(self.minutes, minute) {
                count += below(self.seconds, second);
            }
        }
        count
    }

    pub(super) fn every_hour(&self) -> bool {
        self.hours.count_ones() == 24
    }
}

fn has(bits: u64, n: u32) -> bool {
    n < 64 && bits & (1 << n) != 0
}

fn below(bits: u64, n: u32) -> u64 {
    u64::from((bits & !(u64::MAX << n)).count_ones())
}

/// The lowest set bit from `n` on.
fn from_bit(bits: u64, n: u32) -> Option<u32> {
    let left = bits & (u64::MAX << n);
    (left != 0).then(|| left.trailing_zeros())
}

fn parts(time: Time) -> (u32, u32, u32) {
    let part = |n: i8| u32::from(n.unsigned_abs());
    (part(time.hour()), part(time.minute()), part(time.second()))
}

fn time(hour: u32, minute: u32, second: u32) -> Option<Time> {
    let part = |n: u32| i8::try_from(n).ok();
    Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()
}

fn plain(field: Field<'_>, kind: &Kind) -> Result<u64, CronError> {
    field.entries().try_fold(0, |bits, entry| Ok(bits | range(entry, kind)?))
}

fn month_days(field: Field<'_>) -> Result<MonthDays, CronError> {
    let mut days = MonthDays { any: is_any(field), days: 0, last: false };
    for entry in field.entries() {
        match entry.text {
            "?" if days.any => {}
            "L" | "l" => days.last = true,
            text if text.contains(['W', 'w']) => {
                return Err(entry.wrong(
                    "`W` knows no holidays",
                    "`workdays = [5]` is the fifth working day of the month by config/calendar.csv",
                ));
            }
            _ => days.days |= range(entry, &DAYS)?,
        }
    }
    Ok(days)
}

fn weekdays(field: Field<'_>) -> Result<Weekdays, CronError> {
    let mut weekdays = Weekdays { any: is_any(field), every: 0, nth: 0, last: 0 };
    for entry in field.entries() {
        let text = entry.text;
        if weekdays.any && text == "?" {
            continue;
        }
        if let Some((day, nth)) = text.split_once('#') {
            let weekday = number(Field { text: day, ..entry }, &DAYS_OF_WEEK)? % 7;
            let Ok(nth @ 1..=5) = nth.parse::<u32>() else {
                let message = format!("`{text}` names no weekday of a month");
                return Err(entry.wrong(message, "`1#2` is the second Monday; `1L` the last"));
            };
            weekdays.nth |= 1 << (weekday * 8 + nth);
        } else if let Some(day) = text.strip_suffix(['L', 'l']) {
            weekdays.last |= 1 << (number(Field { text: day, ..entry }, &DAYS_OF_WEEK)? % 7);
        } else {
            weekdays.every |= range(entry, &DAYS_OF_WEEK)?;
        }
    }
    Ok(weekdays)
}

/// `*`, `?` and `*/1` restrict nothing.
fn is_any(field: Field<'_>) -> bool {
    matches!(field.text, "*" | "?" | "*/1")
}

/// One entry of a list: `*`, `*/n`, `a`, `a/n`, `a-b`, `a-b/n`.
fn range(entry: Field<'_>, kind: &Kind) -> Result<u64, CronError> {
    let (range, step) = match entry.text.split_once('/') {
        None => (entry.text, None),
        Some((range, step)) => match step.parse::<u32>() {
            Ok(step) if step > 0 => (range, Some(step)),
            _ => return Err(entry.wrong(format!("`{step}` is no step"), "such as */5")),
        },
    };
    let place = |text: &'_ str| {
        Field { text: entry.text, start: entry.start }
            .wrong(format!("`{text}` runs backwards"), "write both parts: \"22-23,0-2\"")
    };
    let (low, high) = if range == "*" {
        (kind.low, kind.high)
    } else if let Some((low, high)) = range.split_once('-') {
        let low = number(Field { text: low, start: entry.start }, kind)?;
        let mut high =
            number(Field { text: high, start: entry.start + range.len() - high.len() }, kind)?;
        // FRI-SUN: Sunday closes the week too.
        if is_week(kind) && high == 0 && low > 0 {
            high = 7;
        }
        if low > high {
            return Err(place(range));
        }
        (low, high)
    } else {
        let low = number(Field { text: range, start: entry.start }, kind)?;
        if step.is_none() { (low, low) } else { (low, kind.high.max(low)) }
    };
    let step = step.unwrap_or(1);
    if step > 1 && low + step > high {
        return Err(entry.wrong(
            format!("a step of {step} leaves only the first of the {}", kind.name),
            format!("write `{low}`"),
        ));
    }
    let mut bits = 0;
    let mut value = low;
    while value <= high {
        bits |= 1 << (if is_week(kind) { value % 7 } else { value });
        value += step;
    }
    Ok(bits)
}

fn is_week(kind: &Kind) -> bool {
    kind.high == DAYS_OF_WEEK.high
}

fn number(field: Field<'_>, kind: &Kind) -> Result<u32, CronError> {
    let word = field.text.to_ascii_uppercase();
    if let Some(at) = kind.words.iter().position(|known| *known == word) {
        return Ok(kind.low + u32::try_from(at).unwrap_or(0));
    }
    let high = if is_week(kind) { 7 } else { kind.high };
    let digits = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    match word.parse::<u32>() {
        Ok(n) if digits && (kind.low..=high).contains(&n) => Ok(n),
        _ => {
            let words = match kind.words {
                [first, .., last] => format!(" or {first}–{last}"),
                _ => String::new(),
            };
            Err(field.wrong(
                format!("`{}` is none of the {}", field.text, kind.name),
                format!("{}–{high}{words}, lists `1,3`, ranges `1-5`, steps `*/2`", kind.low),
            ))
        }
    }
}
