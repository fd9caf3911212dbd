//! How fast mails may go out: pure arithmetic over the attempts that were begun.

use jiff::{Timestamp, ToSpan};

use crate::config::mail::RateLimits;

/// The longest window that a limit looks back on.
pub const RATE_WINDOW_SECONDS: i64 = 3600;

/// When the next mail may be begun, and to whom none may be yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rate {
    /// Not before then, to whomever; none: now.
    pub not_before: Option<Timestamp>,
    /// Addresses that were written to as often as is allowed, and until when.
    pub spared: Vec<(String, Timestamp)>,
}

impl Rate {
    /// When a mail to an address, due at `at`, may be begun.
    pub fn allowed_at(&self, recipient: &str, at: Timestamp) -> Timestamp {
        let spared = self.spared.iter().find(|(address, _)| address == recipient);
        let spared = spared.map(|(_, until)| *until);
        [self.not_before, spared].into_iter().flatten().fold(at, Timestamp::max)
    }
}

/// What the limits allow at `now`. `begun`: the attempts of the last hour, oldest first.
///
/// A window slides: of a limit of 30 a minute, the thirty-first mail may be begun a minute after the first.
pub fn rate(limits: RateLimits, begun: &[(String, Timestamp)], now: Timestamp) -> Rate {
    let free_at = |times: &[Timestamp], limit: u32, seconds: i64| {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if limit == 0 {
            return None;
        }
        let begun = times.len().checked_sub(limit).and_then(|first| times.get(first))?;
        let free = begun.checked_add(seconds.seconds()).ok()?;
        (free > now).then_some(free)
    };
    let all: Vec<Timestamp> = begun.iter().map(|(_, at)| *at).collect();
    let mut addresses: Vec<&String> = begun.iter().map(|(address, _)| address).collect();
    addresses.sort();
    addresses.dedup();
    let spared = addresses.into_iter().filter_map(|address| {
        let own = begun.iter().filter(|(other, _)| other == address);
        let own: Vec<Timestamp> = own.map(|(_, at)| *at).collect();
        let free = free_at(&own, limits.per_recipient_per_hour, RATE_WINDOW_SECONDS)?;
        Some((address.clone(), free))
    });
    Rate { spared: spared.collect(), not_before: free_at(&all, limits.per_minute, 60) }
}
