use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

/// How often a data set is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    Month,
    Term,
    SchoolYear,
    Year,
    /// A survey: held when its contract says, several a year or none.
    Wave,
}

impl Frequency {
    pub const ALL: [Frequency; 5] = [
        Frequency::Month,
        Frequency::Term,
        Frequency::SchoolYear,
        Frequency::Year,
        Frequency::Wave,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Frequency::Month => "month",
            Frequency::Term => "term",
            Frequency::SchoolYear => "school_year",
            Frequency::Year => "year",
            Frequency::Wave => "wave",
        }
    }

    /// How a period of this frequency is written.
    pub fn example(self) -> &'static str {
        match self {
            Frequency::Month => "2024-09",
            Frequency::Term => "2024-2025-1",
            Frequency::SchoolYear => "2024-2025",
            Frequency::Year => "2024",
            Frequency::Wave => "2024-w1",
        }
    }
}

/// What a figure is about (never when it was known: that is the as-of).
///
/// A school year runs 9/1–8/31; its first term ends on 31 January.
///
/// A wave has no days of its own: its contract lists them, and [`super::Waves`] knows them. What this
/// type says of a wave's days is only the year that it is numbered in, and its neighbours are those
/// of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    Month {
        year: i16,
        month: i8,
    },
    /// `term` is 1 or 2 of the school year that begins in `start`.
    Term {
        start: i16,
        term: i8,
    },
    SchoolYear {
        start: i16,
    },
    Year {
        year: i16,
    },
    /// The `n`-th survey of a year, from 1.
    Wave {
        year: i16,
        n: u8,
    },
}

/// The greatest number of a wave within its year.
const MAX_WAVE: u8 = 99;

impl Period {
    pub fn frequency(self) -> Frequency {
        match self {
            Period::Month { .. } => Frequency::Month,
            Period::Term { .. } => Frequency::Term,
            Period::SchoolYear { .. } => Frequency::SchoolYear,
            Period::Year { .. } => Frequency::Year,
            Period::Wave { .. } => Frequency::Wave,
        }
    }

    /// The period of a frequency that contains a day; of waves, the first of the day's year (ask
    /// the contract which one is meant).
    pub fn containing(frequency: Frequency, day: Date) -> Period {
        let start = if day.month() >= 9 { day.year() } else { day.year() - 1 };
        match frequency {
            Frequency::Month => Period::Month { year: day.year(), month: day.month() },
            Frequency::Term => {
                let term = if day.month() >= 9 || day.month() == 1 { 1 } else { 2 };
                Period::Term { start, term }
            }
            Frequency::SchoolYear => Period::SchoolYear { start },
            Frequency::Year => Period::Year { year: day.year() },
            Frequency::Wave => Period::Wave { year: day.year(), n: 1 },
        }
    }

    pub fn starts_on(self) -> Date {
        match self {
            Period::Month { year, month } => date(year, month, 1),
            Period::Term { start, term: 2 } => date(start + 1, 2, 1),
            Period::Term { start, .. } | Period::SchoolYear { start } => date(start, 9, 1),
            Period::Year { year } | Period::Wave { year, .. } => date(year, 1, 1),
        }
    }

    /// The last day, included.
    pub fn ends_on(self) -> Date {
        match self {
            Period::Month { year, month } => date(year, month, 1).last_of_month(),
            Period::Term { start, term: 1 } => date(start + 1, 1, 31),
            Period::Term { start, .. } | Period::SchoolYear { start } => date(start + 1, 8, 31),
            Period::Year { year } | Period::Wave { year, .. } => date(year, 12, 31),
        }
    }

    /// The period before; before the first wave of a year, the first of the year before.
    #[must_use]
    pub fn previous(self) -> Period {
        match self {
            Period::Wave { year, n: 0..=1 } => return Period::Wave { year: year - 1, n: 1 },
            Period::Wave { year, n } => return Period::Wave { year, n: n - 1 },
            _ => {}
        }
        let before = self.starts_on().checked_sub(1.day()).unwrap_or(self.starts_on());
        Period::containing(self.frequency(), before)
    }

    /// The period after; after the last wave that a year can have, the first of the next year.
    #[must_use]
    pub fn next(self) -> Period {
        match self {
            Period::Wave { year, n: MAX_WAVE.. } => return Period::Wave { year: year + 1, n: 1 },
            Period::Wave { year, n } => return Period::Wave { year, n: n + 1 },
            _ => {}
        }
        let after = self.ends_on().checked_add(1.day()).unwrap_or(self.ends_on());
        Period::containing(self.frequency(), after)
    }

    #[must_use]
    pub fn same_last_year(self) -> Period {
        match self {
            Period::Month { year, month } => Period::Month { year: year - 1, month },
            Period::Term { start, term } => Period::Term { start: start - 1, term },
            Period::SchoolYear { start } => Period::SchoolYear { start: start - 1 },
            Period::Year { year } => Period::Year { year: year - 1 },
            Period::Wave { year, n } => Period::Wave { year: year - 1, n },
        }
    }

    /// As a Chinese reader says it: `2024年9月`, `2024—2025学年第一学期`, `2024年第1次调查`.
    pub fn label(self) -> String {
        match self {
            Period::Month { year, month } => format!("{year}年{month}月"),
            Period::Term { start, term } => {
                let name = if term == 1 { "第一学期" } else { "第二学期" };
                format!("{start}—{}学年{name}", start + 1)
            }
            Period::SchoolYear { start } => format!("{start}—{}学年", start + 1),
            Period::Year { year } => format!("{year}年"),
            Period::Wave { year, n } => format!("{year}年第{n}次调查"),
        }
    }
}

impl PartialOrd for Period {
    fn partial_cmp(&self, other: &Period) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Period {
    /// By the day of beginning, then by frequency; waves of a year by their numbers.
    fn cmp(&self, other: &Period) -> std::cmp::Ordering {
        let key = |period: &Period| {
            let n = if let Period::Wave { n, .. } = period { *n } else { 0 };
            (period.starts_on(), period.frequency(), n)
        };
        key(self).cmp(&key(other))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Month { year, month } => write!(f, "{year:04}-{month:02}"),
            Period::Term { start, term } => write!(f, "{start:04}-{:04}-{term}", start + 1),
            Period::SchoolYear { start } => write!(f, "{start:04}-{:04}", start + 1),
            Period::Year { year } => write!(f, "{year:04}"),
            Period::Wave { year, n } => write!(f, "{year:04}-w{n}"),
        }
    }
}

/// A text that names no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no period: write a month 2024-09, a term 2024-2025-1, a school year 2024-2025, a year 2024 or a survey 2024-w1"
)]
pub struct ParsePeriodError {
    pub text: String,
}

impl FromStr for Period {
    type Err = ParsePeriodError;

    fn from_str(text: &str) -> Result<Period, ParsePeriodError> {
        let wrong = || ParsePeriodError { text: text.to_owned() };
        let digits = |part: &str, len: usize| -> Option<i16> {
            (part.len() == len && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse().ok())?
        };
        let year = |part: &str| digits(part, 4).filter(|year| (1900..=2200).contains(year));
        let parts: Vec<&str> = text.split('-').collect();
        let period = match parts[..] {
            [y] => year(y).map(|year| Period::Year { year }),
            [y, w] if w.starts_with('w') => match (year(y), w[1..].parse::<u8>()) {
                // One way of writing each: no 2024-w01, no 2024-w+1.
                (Some(year), Ok(n @ 1..=MAX_WAVE)) if w[1..] == n.to_string() => {
                    Some(Period::Wave { year, n })
                }
                _ => None,
            },
            [y, m] if m.len() == 2 => match (year(y), digits(m, 2)) {
                (Some(year), Some(month @ 1..=12)) => {
                    i8::try_from(month).ok().map(|month| Period::Month { year, month })
                }
                _ => None,
            },
            [a, b] => match (year(a), year(b)) {
                (Some(start), Some(end)) if end == start + 1 => Some(Period::SchoolYear { start }),
                _ => None,
            },
            [a, b, t] => match (year(a), year(b), t) {
                (Some(start), Some(end), "1" | "2") if end == start + 1 => {
                    Some(Period::Term { start, term: if t == "1" { 1 } else { 2 } })
                }
                _ => None,
            },
            _ => None,
        };
        period.ok_or_else(wrong)
    }
}

impl Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
