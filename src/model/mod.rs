//! The nouns that every module shares: units, periods, findings, states, mail.
//!
//! A leaf: it imports nothing of ours, does no IO and reads no clock.

mod finding;
mod item;
mod judged;
mod mail;
mod period;
mod rate;
mod state;
mod unit;
mod wave;

pub use finding::{Finding, Place, Severity};
pub use item::{Item, ItemChange, ItemEvent, ItemEventKind, ItemKey, Violation};
pub use judged::{Judged, JudgedSubjects};
pub use mail::{Attachment, InlineImage, MailContent};
pub use period::{Frequency, ParsePeriodError, Period};
pub use rate::Rate;
pub use state::{
    DeliveryPhase, DeliveryState, FetchState, ItemState, Light, RunState, SlotState,
    SubmissionState, UnknownState,
};
pub use unit::{Level, Unit, UnitCode, UnitDirectory, fold};
pub use wave::{Wave, Waves};
