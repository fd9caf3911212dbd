use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{ItemState, Light, Period, UnitCode};

/// One matter, one item (一事一单): what a check is about, for one subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemKey {
    pub check_id: String,
    /// `town`, `district`, `institution`, `submission`, …
    pub subject_kind: String,
    pub subject_code: String,
}

/// A subject that a check found at fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    pub key: ItemKey,
    pub subject_name: String,
    pub unit_code: UnitCode,
    pub period: Period,
    /// The check's own figures; none where the matter has no figure.
    pub observed: Option<f64>,
    pub target: Option<f64>,
    /// A Chinese sentence with the figures behind it.
    pub detail: String,
}

/// An entry of the ledger of supervision items (台账).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Given by the ledger, never used twice; 0 before that.
    pub item_no: i64,
    pub key: ItemKey,
    pub check_title: String,
    pub level: String,
    pub subject_name: String,
    pub unit_code: UnitCode,
    pub state: ItemState,
    pub light: Light,
    pub opened_on: Date,
    pub due_on: Date,
    /// The deadline reaches a year whose days off are not yet published.
    pub due_provisional: bool,
    pub escalation: u8,
    /// 1 on opening; one more at each reopening.
    pub episode: u32,
    /// The check passes on the newest data; the state follows only with `closes_on = data`.
    pub data_passes: bool,
    pub period: Period,
    pub observed: Option<f64>,
    pub target: Option<f64>,
    pub detail: String,
    pub closed_on: Option<Date>,
}

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemEventKind {
    Opened,
    /// Still at fault, with new figures.
    Kept,
    /// The check passes on the newest data.
    DataPasses,
    /// The check fails again before anyone closed the item.
    DataFails,
    Closed,
    Reopened,
    /// Opened by data that was corrected for the same period.
    Withdrawn,
}

impl ItemEventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            ItemEventKind::Opened => "opened",
            ItemEventKind::Kept => "kept",
            ItemEventKind::DataPasses => "data_passes",
            ItemEventKind::DataFails => "data_fails",
            ItemEventKind::Closed => "closed",
            ItemEventKind::Reopened => "reopened",
            ItemEventKind::Withdrawn => "withdrawn",
        }
    }
}

/// A change of one item: the item as it is afterwards, and the event that says why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemChange {
    pub kind: ItemEventKind,
    /// With `item_no` 0 if it is to be opened.
    pub item: Item,
    pub from_state: Option<ItemState>,
    pub reason: String,
}

/// An event of an item as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemEvent {
    pub item_no: i64,
    pub seq: i64,
    pub at: Timestamp,
    pub kind: String,
    pub from_state: Option<ItemState>,
    pub to_state: ItemState,
    /// `duban` for what a run did, else the role that acted.
    pub actor: String,
    pub reason: String,
    pub observed: Option<f64>,
}
