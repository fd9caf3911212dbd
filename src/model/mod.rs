//! The nouns that every module shares: units, periods, findings, states, mail.
//!
//! A leaf: it imports nothing of ours, does no IO and reads no clock.

mod action;
mod finding;
mod item;
mod item_set;
mod judged;
mod mail;
mod period;
mod rate;
mod state;
mod unit;
mod wave;

pub use action::{Act, Action, Said};
pub use finding::{Finding, Place, Severity};
pub use item::{
    Actor, BY_HAND, Due, Item, ItemChange, ItemEvent, ItemEventKind, ItemKey, NewItem, Violation,
};
pub use item_set::{difference, fold_events, merge};
pub use judged::{Judged, JudgedSubjects};
pub use mail::{Attachment, InlineImage, MailContent};
pub use period::{Frequency, ParsePeriodError, Period};
pub use rate::Rate;
pub use state::{
    DeliveryPhase, DeliveryState, FetchState, ItemSource, ItemState, Light, RunState, SlotState,
    SubmissionState, UnknownState,
};
pub use unit::{Level, Unit, UnitCode, UnitDirectory, fold};
pub use wave::{Wave, Waves};
