use jiff::civil::Date;

use super::{Frequency, Period};

/// One survey: its name and the days on which it was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wave {
    /// Of frequency [`Frequency::Wave`].
    pub period: Period,
    pub opens_on: Date,
    /// The last day, included: the statistics date.
    pub closes_on: Date,
}

/// The waves that contracts list, in the order of their periods, which is that of their days.
///
/// Also answers for periods of every other frequency, which know their own days: whoever asks here is
/// right for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waves {
    list: Vec<Wave>,
}

impl Waves {
    /// Sorts; of a wave that is given twice, the first counts.
    pub fn new(waves: impl IntoIterator<Item = Wave>) -> Waves {
        let mut list: Vec<Wave> = waves.into_iter().collect();
        list.sort_by_key(|wave| wave.period);
        list.dedup_by_key(|wave| wave.period);
        Waves { list }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Wave> {
        self.list.iter()
    }

    pub fn get(&self, period: Period) -> Option<&Wave> {
        self.list.iter().find(|wave| wave.period == period)
    }

    /// Whether there is such a period: a wave must be listed, others always are.
    pub fn has(&self, period: Period) -> bool {
        period.frequency() != Frequency::Wave || self.get(period).is_some()
    }

    /// The first day of a period; of a wave that is not listed, that of its year.
    pub fn starts_on(&self, period: Period) -> Date {
        self.get(period).map_or(period.starts_on(), |wave| wave.opens_on)
    }

    /// The last day of a period, included; of a wave that is not listed, that of its year.
    pub fn ends_on(&self, period: Period) -> Date {
        self.get(period).map_or(period.ends_on(), |wave| wave.closes_on)
    }

    /// The first day on which a period can count in a report: the first of a span of the calendar,
    /// the last of a wave (one that is still open has no figures).
    pub fn counts_from(&self, period: Period) -> Date {
        match period.frequency() {
            Frequency::Wave => self.ends_on(period),
            _ => period.starts_on(),
        }
    }

    /// The period before; a listed wave's, as the list has it.
    pub fn previous(&self, period: Period) -> Option<Period> {
        match period.frequency() {
            Frequency::Wave => {
                self.list.iter().map(|wave| wave.period).rfind(|other| *other < period)
            }
            _ => Some(period.previous()),
        }
    }

    /// The period after; a listed wave's, as the list has it.
    pub fn next(&self, period: Period) -> Option<Period> {
        match period.frequency() {
            Frequency::Wave => {
                self.list.iter().map(|wave| wave.period).find(|other| *other > period)
            }
            _ => Some(period.next()),
        }
    }

    /// The same period of the year before; the wave of the same number, if it is listed.
    pub fn same_last_year(&self, period: Period) -> Option<Period> {
        Some(period.same_last_year()).filter(|other| self.has(*other))
    }

    /// The period of a frequency that figures of `day` join: the one that contains the day, or the
    /// newest wave that had closed by then.
    pub fn joined_on(&self, frequency: Frequency, day: Date) -> Option<Period> {
        match frequency {
            Frequency::Wave => {
                self.list.iter().rfind(|wave| wave.closes_on <= day).map(|wave| wave.period)
            }
            _ => Some(Period::containing(frequency, day)),
        }
    }
}
