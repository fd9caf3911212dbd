//! `[[wave]]`: the surveys of a data set of frequency `wave`, and the walk over periods that they make.

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::Contract;
use super::proof::Proof;
use crate::model::{Frequency, Period, Wave, Waves};

/// One `[[wave]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenWave {
    pub period: Spanned<String>,
    pub opens_on: Spanned<toml::value::Datetime>,
    pub closes_on: Spanned<toml::value::Datetime>,
}

/// Proves the list: names of waves, days that are days, each survey after the one before.
pub(super) fn prove(
    proof: &mut Proof<'_>,
    frequency: Frequency,
    stat_on: &Spanned<String>,
    written: &[WrittenWave],
) -> Waves {
    if frequency != Frequency::Wave {
        if let Some(wave) = written.first() {
            proof.refuse(
                wave.period.span(),
                format!("a data set of frequency \"{}\" has no waves", frequency.as_str()),
                "frequency = \"wave\"",
            );
        }
        return Waves::default();
    }
    if stat_on.get_ref() != "last_day" {
        proof.refuse(
            stat_on.span(),
            "the statistics date of a wave is the day that it closes on",
            "stat_on = \"last_day\"",
        );
    }
    if written.is_empty() {
        proof.refuse(
            stat_on.span(),
            "a data set of frequency \"wave\" lists no waves",
            "[[wave]] with period = \"2024-w1\", opens_on = 2024-05-20, closes_on = 2024-05-26",
        );
    }
    let mut waves: Vec<Wave> = Vec::with_capacity(written.len());
    for wave in written {
        let period = match wave.period.get_ref().parse::<Period>() {
            Ok(period) if period.frequency() == Frequency::Wave => period,
            _ => {
                let message = format!("`{}` is no wave", wave.period.get_ref());
                proof.refuse(wave.period.span(), message, "write it like \"2024-w1\"");
                continue;
            }
        };
        let (Some(opens_on), Some(closes_on)) =
            (day(proof, &wave.opens_on), day(proof, &wave.closes_on))
        else {
            continue;
        };
        if closes_on < opens_on {
            proof.refuse(wave.closes_on.span(), "the wave closes before it opens", "");
        }
        let later =
            waves.iter().find(|other| other.period >= period || other.closes_on >= opens_on);
        if let Some(other) = later {
            let message = if other.period == period {
                format!("the wave {period} is listed twice")
            } else {
                format!("{period} stands behind {} and does not come after it", other.period)
            };
            proof.refuse(
                wave.period.span(),
                message,
                "list the waves in their order; one opens when the one before has closed",
            );
        }
        waves.push(Wave { period, opens_on, closes_on });
    }
    Waves::new(waves)
}

fn day(proof: &mut Proof<'_>, written: &Spanned<toml::value::Datetime>) -> Option<Date> {
    let value = written.get_ref();
    let day = match (value.date, value.time) {
        (Some(_), None) => value.to_string().parse().ok(),
        _ => None,
    };
    if day.is_none() {
        proof.refuse(written.span(), "this is no day", "write it without quotes: 2024-05-26");
    }
    day
}

/// The walk over a data set's periods: by the calendar, or by the list of its waves.
impl Contract {
    /// Whether a period is one of this data set's: of its frequency, and listed if it is a wave.
    pub fn has_period(&self, period: Period) -> bool {
        period.frequency() == self.frequency && self.waves.has(period)
    }

    /// First and last day of a period.
    pub fn span(&self, period: Period) -> (Date, Date) {
        (self.waves.starts_on(period), self.waves.ends_on(period))
    }

    pub fn previous_period(&self, period: Period) -> Option<Period> {
        self.waves.previous(period)
    }

    pub fn next_period(&self, period: Period) -> Option<Period> {
        self.waves.next(period)
    }

    /// The period whose figures join those of `day`: the one that contains the day, or the newest wave
    /// that had closed by then (none before the first).
    pub fn period_joined_on(&self, day: Date) -> Option<Period> {
        self.waves.joined_on(self.frequency, day)
    }

    /// The newest period whose statistics date is past on `today`; none before the first wave's.
    pub fn newest_due(&self, today: Date) -> Option<Period> {
        let mut period = self.period_joined_on(today)?;
        while self.stat_on(period) >= today {
            period = self.previous_period(period)?;
        }
        Some(period)
    }
}
