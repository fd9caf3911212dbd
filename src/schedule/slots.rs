//! Which due times are to be run now, and which are missed.

use jiff::{SignedDuration, Timestamp};

use super::{Missed, Schedule};
use crate::calendar::Calendar;

/// A due time no older than this is on time although its schedule makes up for nothing.
pub const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// What a schedule asks for at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// To be run, oldest first.
    pub run: Vec<Timestamp>,
    pub missed: Option<MissedSlots>,
}

/// Due times that nobody will make up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissedSlots {
    /// The newest of them; older than all that are to be run.
    pub due_at: Timestamp,
    /// How many they are.
    pub n: u64,
}

/// Sorts the due times after `since` (when the schedule became what it is) and after `last_done` (the
/// newest that was run or missed), up to `now`, by the schedule's policy:
///
/// - `none`: the newest is run if it is no older than `grace`; all others are missed;
/// - `last`: the newest is run;
/// - `all`: the newest `limit` are run.
///
/// Time and memory are bounded by the limit and the days between, not by how many were missed.
pub fn due_slots(
    schedule: &Schedule,
    since: Timestamp,
    last_done: Option<Timestamp>,
    now: Timestamp,
    grace: SignedDuration,
    calendar: &Calendar,
) -> Due {
    let from = last_done.map_or(since, |done| done.max(since));
    if !schedule.enabled || from >= now {
        return Due::default();
    }
    let total = schedule.count_between(from, now, calendar);
    if total == 0 {
        return Due::default();
    }
    let wanted = match schedule.missed {
        Missed::None | Missed::Last => 1,
        Missed::All => u64::from(schedule.limit),
    };
    // One more than wanted: the newest of the missed ones.
    let mut newest = newest(schedule, from, now, wanted.saturating_add(1), calendar);
    let too_old = |at: &Timestamp| now.duration_since(*at) > grace;
    let n_run = match (schedule.missed, newest.last()) {
        (Missed::None, Some(last)) if too_old(last) => 0,
        _ => usize::try_from(wanted).unwrap_or(usize::MAX).min(newest.len()),
    };
    let run = newest.split_off(newest.len() - n_run);
    let n = total.saturating_sub(run.len() as u64);
    let missed = newest.last().map(|due_at| MissedSlots { due_at: *due_at, n });
    Due { run, missed }
}

/// The newest `wanted` due times in (`from`, `now`], oldest first.
fn newest(
    schedule: &Schedule,
    from: Timestamp,
    now: Timestamp,
    wanted: u64,
    calendar: &Calendar,
) -> Vec<Timestamp> {
    // The latest beginning after which there are that many, found by halving.
    let (mut low, mut high) = (from.as_second(), now.as_second());
    let at = |second: i64| Timestamp::from_second(second).unwrap_or(from);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if schedule.count_between(at(middle), now, calendar) >= wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    let mut found = Vec::new();
    let mut after = at(low).max(from);
    while let Some(next) = schedule.next_after(after, calendar).filter(|next| next.at <= now) {
        found.push(next.at);
        after = next.at;
    }
    let surplus = found.len().saturating_sub(usize::try_from(wanted).unwrap_or(usize::MAX));
    found.split_off(surplus)
}
