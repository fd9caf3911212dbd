//! The one place that reads the system's clock.
//!
//! Everything else takes an instant as an argument, so that a campaign of two years ago can be
//! replayed today. `clippy.toml` forbids `Timestamp::now` elsewhere.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What time it is, for one command: the system's time, or the `--as-of` that was asked for.
#[derive(Debug, Clone)]
pub struct Clock {
    fixed: Option<Timestamp>,
    zone: TimeZone,
}

impl Clock {
    pub fn system(zone: TimeZone) -> Clock {
        Clock { fixed: None, zone }
    }

    pub fn fixed(at: Timestamp, zone: TimeZone) -> Clock {
        Clock { fixed: Some(at), zone }
    }

    /// Whether the time was passed in (`--as-of`): then mail goes to a folder, never to SMTP.
    pub fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    /// Now, to the second: finer is noise in a ledger of working days.
    pub fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that may")]
        let now = self.fixed.unwrap_or_else(Timestamp::now);
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// The civil date of an instant in the district's time zone.
    pub fn date_of(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    pub fn today(&self) -> Date {
        self.date_of(self.now())
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}
