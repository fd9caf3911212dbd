//! delivery: a composed mail → a folder, or a mail server.
//!
//! [`compose`] makes the bytes, once; they are frozen in the outbox. [`deliver_to_folder`] and
//! [`send`] hand those bytes on and say what became of them. This module never sees the ledger:
//! [`send`] calls back **before** each phase, so that the caller can put it on record.
//!
//! ## Design notes
//! - **At most once** counts completed DATA phases. What failed before the final dot was not taken by
//!   any server that keeps to RFC 5321 (4.1.1.4) and is tried again; once the dot is on its way and no
//!   reply comes, nobody knows: [`Outcome::Uncertain`], never sent again by itself.
//! - **A reply about us is no reply about the mail.** A refused login, a wrong certificate or a 554
//!   banner leave the mail unsent, to be tried again when the operator has mended it; only a 5yz to
//!   MAIL, RCPT, DATA or the dot refuses the mail itself.

use jiff::SignedDuration;

mod again;
mod bounce;
mod compose;
mod folder;
mod rate;
mod smtp;

pub use again::marked_again;
pub use bounce::{Bounce, BounceAction, mark_seen, read_bounce, unseen};
pub use compose::{ComposeError, Envelope, address_of, compose, message_id};
pub use folder::{FolderError, Placed, deliver_to_folder};
pub use rate::{RATE_WINDOW_SECONDS, Rate, rate};
pub use smtp::{Outcome, Outgoing, RecordPhase, send};

/// How long a mail is tried, from its first attempt on: the five days of RFC 5321, 4.5.4.1. What
/// could not be given over by then is refused by us: the server's last word stands beside it.
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);

/// Minutes to wait after the `attempt`-th attempt (from 1) that did not get through.
///
/// Grey-listing servers want five minutes; one that is down is asked a few times a day.
pub fn backoff_minutes(attempt: u64) -> u32 {
    match attempt {
        0 | 1 => 5,
        2 => 15,
        3 => 60,
        _ => 240,
    }
}
