//! `[schedule]` of contracts, reports, `_supervision.toml` and settings: written, then proven.

use std::fmt;
use std::ops::Range;

use jiff::civil::Time;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Spanned;

use crate::schedule::{Cron, MOST_WORKDAYS, Missed, Schedule, Timing, Workdays};

/// A schedule as it is written in a file with lines.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenSchedule {
    cron: Option<Spanned<String>>,
    workdays: Option<Spanned<WrittenDays>>,
    at: Option<Spanned<WrittenTimes>>,
    timezone: Option<Spanned<String>>,
    missed: Option<Spanned<Missed>>,
    limit: Option<Spanned<u32>>,
    enabled: Option<bool>,
}

/// A schedule as it stands in the layered settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSettings {
    pub cron: Option<String>,
    pub workdays: Option<WrittenDays>,
    pub at: Option<WrittenTimes>,
    pub timezone: Option<String>,
    pub missed: Option<Missed>,
    pub limit: Option<u32>,
    pub enabled: Option<bool>,
}

/// `"every"`, `5` or `[1, -1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrittenDays {
    Every,
    Nth(Vec<i64>),
}

/// `"08:30"` or a list of such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenTimes(pub Vec<String>);

/// What is wrong with one key of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleProblem {
    /// `cron`, `workdays`, `at`, `timezone`, `limit`; empty: the table as a whole.
    pub key: &'static str,
    /// Within the key's text, if only a part of it is wrong.
    pub within: Option<Range<usize>>,
    pub message: String,
    pub hint: String,
}

impl ScheduleSettings {
    /// The schedule, without a zone if none is named; or all that is wrong.
    pub fn prove(&self) -> Result<Schedule, Vec<ScheduleProblem>> {
        let mut problems = Vec::new();
        let mut wrong = |key, message: String, hint: &str| {
            problems.push(ScheduleProblem { key, within: None, message, hint: hint.to_owned() });
        };
        let mut schedule = match (&self.cron, &self.workdays) {
            (Some(_), Some(_)) => {
                let hint = "a schedule goes by one of them: keep `cron` or `workdays`";
                wrong("workdays", "both `cron` and `workdays`".into(), hint);
                None
            }
            (None, None) => {
                let hint = "cron = \"30 8 * * *\", or workdays = [5] with at = \"08:30\"; to switch it off, enabled = false";
                wrong("", "neither `cron` nor `workdays`".into(), hint);
                None
            }
            (Some(cron), None) => {
                if self.at.is_some() {
                    let hint = "the times of `cron` are in its fields: leave `at` away";
                    wrong("at", "`at` beside `cron`".into(), hint);
                }
                match Cron::parse(cron) {
                    Ok(cron) => Some(Schedule::new(Timing::Cron(cron))),
                    Err(error) => {
                        problems.push(ScheduleProblem {
                            key: "cron",
                            within: Some(error.at),
                            message: format!("not a schedule: {}", error.message),
                            hint: error.hint,
                        });
                        None
                    }
                }
            }
            (None, Some(days)) => {
                let times = self.times(&mut wrong);
                let workdays = match days {
                    WrittenDays::Every => Some(Workdays::every(times.clone().unwrap_or_default())),
                    WrittenDays::Nth(days) => {
                        let days: Option<Vec<i8>> =
                            days.iter().map(|n| i8::try_from(*n).ok()).collect();
                        days.and_then(|days| Workdays::nth(days, times.clone().unwrap_or_default()))
                    }
                };
                if workdays.is_none() {
                    let message = format!(
                        "working days of a month are 1 to {MOST_WORKDAYS}, or -1 (the last) to -{MOST_WORKDAYS}"
                    );
                    wrong("workdays", message, "workdays = [5], [1, -1] or \"every\"");
                }
                workdays
                    .filter(|_| times.is_some())
                    .map(|days| Schedule::new(Timing::Workdays(days)))
            }
        };
        let mut wrong = |key, message: String, hint: &str| {
            problems.push(ScheduleProblem { key, within: None, message, hint: hint.to_owned() });
        };
        if let Some(zone) = &self.timezone {
            let known = jiff::tz::TimeZone::get(zone).is_ok()
                && schedule.as_mut().is_none_or(|schedule| schedule.name_zone(zone));
            if !known {
                wrong(
                    "timezone",
                    format!("`{zone}` is no time zone"),
                    "for example \"Asia/Shanghai\"",
                );
            }
        }
        if self.limit == Some(0) {
            let hint = "missed = \"none\" makes up for nothing; the limit is at least 1";
            wrong("limit", "`limit` is 0".into(), hint);
        }
        if self.limit.is_some() && self.missed != Some(Missed::All) {
            let hint = "it says how many missed due times are made up for: add missed = \"all\"";
            wrong("limit", "`limit` without missed = \"all\"".into(), hint);
        }
        match schedule.filter(|_| problems.is_empty()) {
            Some(mut schedule) => {
                schedule.missed = self.missed.unwrap_or_default();
                schedule.limit = self.limit.unwrap_or(Schedule::DEFAULT_LIMIT);
                schedule.enabled = self.enabled.unwrap_or(true);
                Ok(schedule)
            }
            None => Err(problems),
        }
    }

    fn times(&self, wrong: &mut impl FnMut(&'static str, String, &str)) -> Option<Vec<Time>> {
        let hint = "at = \"08:30\", or a list of times";
        let Some(WrittenTimes(words)) = &self.at else {
            wrong("workdays", "`workdays` without `at`".into(), hint);
            return None;
        };
        let mut times = Vec::new();
        for word in words {
            match clock_time(word) {
                Some(time) => times.push(time),
                None => wrong("at", format!("`{word}` is no time of day"), hint),
            }
        }
        if words.is_empty() {
            wrong("at", "no time is given".into(), hint);
        }
        (times.len() == words.len() && !times.is_empty()).then_some(times)
    }
}

/// `08:30` or `08:30:15`.
fn clock_time(word: &str) -> Option<Time> {
    let parts: Vec<&str> = word.split(':').collect();
    let right = (2..=3).contains(&parts.len())
        && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()));
    let number = |at: usize| parts.get(at).map_or(Some(0), |part| part.parse::<i8>().ok());
    right.then(|| Time::new(number(0)?, number(1)?, number(2)?, 0).ok())?
}

impl WrittenSchedule {
    /// The schedule, or nothing after `refuse` was told each problem with its span in the TOML text
    /// (of `text`, the table begins at `table`).
    pub fn prove(
        &self,
        table: Range<usize>,
        mut refuse: impl FnMut(Range<usize>, String, &str),
    ) -> Option<Schedule> {
        fn bare<T: Clone>(value: Option<&Spanned<T>>) -> Option<T> {
            value.map(|value| value.get_ref().clone())
        }
        let settings = ScheduleSettings {
            cron: bare(self.cron.as_ref()),
            workdays: bare(self.workdays.as_ref()),
            at: bare(self.at.as_ref()),
            timezone: bare(self.timezone.as_ref()),
            missed: bare(self.missed.as_ref()),
            limit: bare(self.limit.as_ref()),
            enabled: self.enabled,
        };
        let span = |key: &str| match key {
            "cron" => self.cron.as_ref().map(Spanned::span),
            "workdays" => self.workdays.as_ref().map(Spanned::span),
            "at" => self.at.as_ref().map(Spanned::span),
            "timezone" => self.timezone.as_ref().map(Spanned::span),
            "limit" => self.limit.as_ref().map(Spanned::span),
            _ => None,
        };
        match settings.prove() {
            Ok(schedule) => Some(schedule),
            Err(problems) => {
                for problem in problems {
                    let whole = span(problem.key).unwrap_or_else(|| table.clone());
                    // Behind the opening quote; a text with escapes is pointed at as a whole.
                    let plain = settings
                        .cron
                        .as_ref()
                        .is_some_and(|cron| problem.key == "cron" && cron.len() + 2 == whole.len());
                    let at = match problem.within {
                        Some(part) if plain => {
                            whole.start + 1 + part.start..whole.start + 1 + part.end
                        }
                        _ => whole,
                    };
                    refuse(at, problem.message, &problem.hint);
                }
                None
            }
        }
    }
}

impl<'de> Deserialize<'de> for WrittenDays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WrittenDays, D::Error> {
        struct Days;
        impl<'de> Visitor<'de> for Days {
            type Value = WrittenDays;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"every\", a number such as 5 or -1, or a list of numbers")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<WrittenDays, E> {
                match word {
                    "every" => Ok(WrittenDays::Every),
                    // The environment knows only text.
                    _ => word
                        .parse()
                        .map(|n| WrittenDays::Nth(vec![n]))
                        .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(word), &self)),
                }
            }
            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<WrittenDays, E> {
                Ok(WrittenDays::Nth(vec![n]))
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<WrittenDays, E> {
                Ok(WrittenDays::Nth(vec![i64::try_from(n).unwrap_or(i64::MAX)]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<WrittenDays, A::Error> {
                let mut days = Vec::new();
                while let Some(n) = seq.next_element()? {
                    days.push(n);
                }
                Ok(WrittenDays::Nth(days))
            }
        }
        deserializer.deserialize_any(Days)
    }
}

impl Serialize for WrittenDays {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            WrittenDays::Every => serializer.serialize_str("every"),
            WrittenDays::Nth(days) => days.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for WrittenTimes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WrittenTimes, D::Error> {
        struct Times;
        impl<'de> Visitor<'de> for Times {
            type Value = WrittenTimes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"08:30\", or a list of times")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<WrittenTimes, E> {
                Ok(WrittenTimes(vec![word.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<WrittenTimes, A::Error> {
                let mut times = Vec::new();
                while let Some(time) = seq.next_element()? {
                    times.push(time);
                }
                Ok(WrittenTimes(times))
            }
        }
        deserializer.deserialize_any(Times)
    }
}

impl Serialize for WrittenTimes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
