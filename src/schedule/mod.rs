//! When something is due: cron expressions, and working days of the month.
//!
//! A due time is what the clock on the wall shows in the schedule's zone. An hour that the clock
//! repeats (daylight saving ends) has its due times twice; a due time in an hour that it skips
//! comes when the skipping ends, unless the schedule is for every hour, which then loses nothing.
//!
//! ## Design notes
//! - A zone is a row of stretches with one offset each. Within one, civil time and instants run alike,
//!   so next and count are searches of civil days; the stretches' ends are looked at one by one.
//!   There is no probing second by second, and no year is walked in seconds: what was missed in
//!   a year of a schedule of seconds is counted by days.

mod cron;
mod slots;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::calendar::Calendar;

pub use cron::{Cron, CronError};
pub use slots::{Due, GRACE, MissedSlots, due_slots};

/// How far ahead a due time is looked for: as far as croniter does.
const HORIZON_YEARS: i16 = 50;

/// What becomes of due times that passed while nobody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    None,
    #[default]
    Last,
    All,
}

impl Missed {
    pub fn as_str(self) -> &'static str {
        match self {
            Missed::None => "none",
            Missed::Last => "last",
            Missed::All => "all",
        }
    }
}

/// On which days and at which times, before any zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timing {
    Cron(Cron),
    Workdays(Workdays),
}

/// Working days of each month, by the district's calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workdays {
    which: Which,
    /// Sorted, each once.
    at: Vec<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Every,
    /// The n-th of the month; counted from its end if negative.
    Nth(Vec<i8>),
}

/// No month has more working days.
pub const MOST_WORKDAYS: i8 = 23;

impl Workdays {
    /// Every working day at these times (one at least).
    pub fn every(at: Vec<Time>) -> Workdays {
        Workdays { which: Which::Every, at: sorted(at) }
    }

    /// The n-th working days of each month (1 the first, -1 the last) at these times. None if one of
    /// them is 0 or beyond [`MOST_WORKDAYS`], or if there is none.
    pub fn nth(days: Vec<i8>, at: Vec<Time>) -> Option<Workdays> {
        let range = 1..=MOST_WORKDAYS;
        let right = !days.is_empty() && days.iter().all(|n| range.contains(&n.saturating_abs()));
        right.then(|| Workdays { which: Which::Nth(sorted(days)), at: sorted(at) })
    }

    fn names_day(&self, date: Date, calendar: &Calendar) -> bool {
        if !calendar.is_workday(date) {
            return false;
        }
        let Which::Nth(days) = &self.which else { return true };
        let worked = |from: Date, to: Date| {
            from.series(1.day())
                .take_while(|day| *day <= to)
                .filter(|day| calendar.is_workday(*day))
                .count()
        };
        let from_start = i8::try_from(worked(date.first_of_month(), date)).unwrap_or(i8::MAX);
        let from_end = i8::try_from(worked(date, date.last_of_month())).unwrap_or(i8::MAX);
        days.iter().any(|n| *n == from_start || *n == -from_end)
    }
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values.dedup();
    values
}

/// When something is due by itself, and what becomes of what was missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub timing: Timing,
    /// The zone that the definition names; none: the district's.
    named_zone: Option<String>,
    zone: TimeZone,
    pub missed: Missed,
    /// With [`Missed::All`]: at most so many are made up for, the newest.
    pub limit: u32,
    pub enabled: bool,
}

/// An instant at which something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    pub at: Timestamp,
    /// It was counted in working days of a year whose notice is not published.
    pub provisional: bool,
}

impl Schedule {
    /// The limit where none is written.
    pub const DEFAULT_LIMIT: u32 = 31;

    /// A schedule that is on, in the zone of the system of reference until it is given another:
    /// [`Missed::Last`], [`Schedule::DEFAULT_LIMIT`].
    pub fn new(timing: Timing) -> Schedule {
        Schedule {
            timing,
            named_zone: None,
            zone: TimeZone::UTC,
            missed: Missed::default(),
            limit: Schedule::DEFAULT_LIMIT,
            enabled: true,
        }
    }

    /// Puts it into a zone by an IANA name, for good. False, and nothing changed, if there is none.
    #[must_use]
    pub fn name_zone(&mut self, name: &str) -> bool {
        let Ok(zone) = TimeZone::get(name) else { return false };
        self.named_zone = Some(name.to_owned());
        self.zone = zone;
        true
    }

    /// The zone if its definition names none: the district's.
    pub fn default_zone(&mut self, zone: &TimeZone) {
        if self.named_zone.is_none() {
            self.zone = zone.clone();
        }
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The zone's name.
    pub fn timezone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// All that makes it this schedule, in one line: another line is another schedule, which begins
    /// anew. Whether it is on is not in it.
    pub fn definition(&self) -> String {
        let timing = self.describe();
        let limit = match self.missed {
            Missed::All => format!(" limit {}", self.limit),
            _ => String::new(),
        };
        format!("{timing} {} missed {}{limit}", self.timezone(), self.missed.as_str())
    }

    /// The days and times, as they are written.
    pub fn describe(&self) -> String {
        match &self.timing {
            Timing::Cron(cron) => format!("cron {}", cron.text()),
            Timing::Workdays(workdays) => {
                let days = match &workdays.which {
                    Which::Every => "every".to_owned(),
                    Which::Nth(days) => join(days.iter().map(ToString::to_string)),
                };
                let at = join(workdays.at.iter().map(|time| clock_face(*time)));
                format!("workdays {days} at {at}")
            }
        }
    }

    /// The first due time after an instant. Whether the schedule is on does not matter here.
    /// None if there is none within fifty years.
    pub fn next_after(&self, after: Timestamp, calendar: &Calendar) -> Option<Occurrence> {
        let mut stretch = Stretch::of(&self.zone, after);
        // The first whole second after it.
        let mut from = stretch.civil(Timestamp::from_second(after.as_second() + 1).ok()?);
        let horizon = from.date().year().checked_add(HORIZON_YEARS)?;
        loop {
            if let Some(found) = self.first_in(from, stretch.civil_end(), horizon, calendar) {
                let at = stretch.instant(found)?;
                return Some(Occurrence { at, provisional: self.is_provisional(found, calendar) });
            }
            let end = stretch.end?;
            let gap = stretch.civil(end);
            stretch = stretch.next(&self.zone)?;
            from = stretch.civil(end);
            if from.date().year() > horizon {
                return None;
            }
            if let Some(lost) = self.lost_in(gap, from, calendar) {
                let provisional = self.is_provisional(lost, calendar);
                return Some(Occurrence { at: end, provisional });
            }
        }
    }

    /// The first due time of a gap that the clock skips, to be made up for at its end; none if the
    /// schedule is for every hour, or has one at the end itself.
    fn lost_in(&self, gap: DateTime, end: DateTime, calendar: &Calendar) -> Option<DateTime> {
        let every_hour = matches!(&self.timing, Timing::Cron(cron) if cron.times.every_hour());
        let own = self.first_in(end, Some(end.saturating_add(1.second())), i16::MAX, calendar);
        if gap >= end || every_hour || own.is_some() {
            return None;
        }
        self.first_in(gap, Some(end), i16::MAX, calendar)
    }

    /// How many due times lie after `after`, up to and with `until`.
    pub fn count_between(&self, after: Timestamp, until: Timestamp, calendar: &Calendar) -> u64 {
        let first = |at: Timestamp| Timestamp::from_second(at.as_second() + 1).unwrap_or(at);
        let (mut start, stop) = (first(after), first(until));
        let mut count = 0;
        // Of `after`: what a gap lost is due with the stretch that begins at `start`.
        let mut stretch = Stretch::of(&self.zone, after);
        while start < stop {
            let end = stretch.end.map_or(stop, |end| end.min(stop));
            count += self.count_civil(stretch.civil(start), stretch.civil(end), calendar);
            if end >= stop {
                // A stretch that begins with `stop` is beyond it.
                break;
            }
            let gap = stretch.civil(end);
            let Some(next) = stretch.next(&self.zone) else { break };
            stretch = next;
            if self.lost_in(gap, stretch.civil(end), calendar).is_some() {
                count += 1;
            }
            start = end;
        }
        count
    }

    fn names_day(&self, date: Date, calendar: &Calendar) -> bool {
        match &self.timing {
            Timing::Cron(cron) => cron.names_day(date),
            Timing::Workdays(workdays) => workdays.names_day(date, calendar),
        }
    }

    fn is_provisional(&self, at: DateTime, calendar: &Calendar) -> bool {
        matches!(self.timing, Timing::Workdays(_)) && calendar.is_provisional(at.date())
    }

    fn first_time(&self, from: Time) -> Option<Time> {
        match &self.timing {
            Timing::Cron(cron) => cron.times.first_from(from),
            Timing::Workdays(workdays) => workdays.at.iter().copied().find(|time| *time >= from),
        }
    }

    /// The first civil due time from `from` (included) to `to` (not included), no later than a year.
    fn first_in(
        &self,
        from: DateTime,
        to: Option<DateTime>,
        last_year: i16,
        calendar: &Calendar,
    ) -> Option<DateTime> {
        let is_before = |found: DateTime| to.is_none_or(|to| found < to);
        let mut date = from.date();
        let mut time = from.time();
        while date.year() <= last_year && is_before(date.to_datetime(time)) {
            let skip_month = matches!(&self.timing, Timing::Cron(cron) if !cron.names_month(date));
            if skip_month {
                date = date.last_of_month();
            } else if self.names_day(date, calendar)
                && let Some(time) = self.first_time(time)
            {
                let found = date.to_datetime(time);
                return is_before(found).then_some(found);
            }
            date = date.tomorrow().ok()?;
            time = Time::midnight();
        }
        None
    }

    /// How many civil due times lie from `from` (included) to `to` (not included).
    fn count_civil(&self, from: DateTime, to: DateTime, calendar: &Calendar) -> u64 {
        let before = |time: Time| match &self.timing {
            Timing::Cron(cron) => cron.times.count_before(time),
            Timing::Workdays(workdays) => {
                workdays.at.iter().filter(|at| **at < time).count() as u64
            }
        };
        let whole = match &self.timing {
            Timing::Cron(cron) => cron.times.count(),
            Timing::Workdays(workdays) => workdays.at.len() as u64,
        };
        let mut count = 0;
        let mut date = from.date();
        while date <= to.date() {
            if self.names_day(date, calendar) {
                let early = if date == from.date() { before(from.time()) } else { 0 };
                let upto = if date == to.date() { before(to.time()) } else { whole };
                count += upto.saturating_sub(early);
            }
            match date.tomorrow() {
                Ok(next) => date = next,
                Err(_) => break,
            }
        }
        count
    }
}

/// `08:30`, with seconds only where there are some.
fn clock_face(time: Time) -> String {
    if time.second() == 0 {
        format!("{:02}:{:02}", time.hour(), time.minute())
    } else {
        time.to_string()
    }
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(",")
}

/// A stretch of time in which a zone keeps one offset.
struct Stretch {
    seconds: i32,
    end: Option<Timestamp>,
}

impl Stretch {
    fn of(zone: &TimeZone, at: Timestamp) -> Stretch {
        let end = zone.following(at).next().map(|transition| transition.timestamp());
        Stretch { seconds: zone.to_offset(at).seconds(), end }
    }

    fn next(&self, zone: &TimeZone) -> Option<Stretch> {
        self.end.map(|end| Stretch::of(zone, end))
    }

    fn civil(&self, at: Timestamp) -> DateTime {
        let shifted = at.saturating_add(SignedDuration::from_secs(self.seconds.into()));
        TimeZone::UTC.to_datetime(shifted.unwrap_or(at))
    }

    fn civil_end(&self) -> Option<DateTime> {
        self.end.map(|end| self.civil(end))
    }

    fn instant(&self, civil: DateTime) -> Option<Timestamp> {
        let utc = TimeZone::UTC.to_timestamp(civil).ok()?;
        utc.checked_sub(SignedDuration::from_secs(self.seconds.into())).ok()
    }
}
