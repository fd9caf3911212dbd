use std::path::PathBuf;

use jiff::Timestamp;

use super::{DeliveryId, EditionId, Holder, RunId, SubmissionId};
use crate::model::{DeliveryState, SlotState, SubmissionState};

/// Why the ledger could not be opened, read or changed. Operator text.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("cannot create the ledger {}", path.display())]
    Create { path: PathBuf, source: std::io::Error },
    #[error("cannot open the ledger {}", path.display())]
    Open { path: PathBuf, source: rusqlite::Error },
    #[error("cannot bring the ledger {} to version {version}", path.display())]
    Migrate { path: PathBuf, version: usize, source: rusqlite::Error },
    #[error(
        "cannot bring the ledger {} to version {version}: {n_rows} rows would refer to rows that are gone (table `{table}` first); it was left as it was",
        path.display()
    )]
    BrokenReferences { path: PathBuf, version: usize, table: String, n_rows: u64 },
    #[error(
        "the ledger {} has version {found}, and this program knows versions up to {known}: use the newer program",
        path.display()
    )]
    Newer { path: PathBuf, found: usize, known: usize },
    #[error(
        "the ledger {} has version {found}, and this program reads version {known}: a command that changes it, such as `duban run`, brings it up to date",
        path.display()
    )]
    Older { path: PathBuf, found: usize, known: usize },
    #[error("the ledger could not {doing}")]
    Sql { doing: &'static str, source: rusqlite::Error },
    #[error("the ledger holds no {what} {key}")]
    NotFound { what: &'static str, key: String },
    #[error("submission {id} was decided already: {state}")]
    Decided { id: SubmissionId, state: SubmissionState },
    #[error("a submission cannot be decided as {state}")]
    NoDecision { state: SubmissionState },
    #[error("run {run} ({command}, {by}) holds this home since {since}; wait for it to end")]
    Held { run: RunId, command: String, by: Holder, since: Timestamp },
    #[error("the slot {due_at} of {schedule} is {state} already")]
    SlotSettled { schedule: String, due_at: Timestamp, state: SlotState },
    #[error(
        "a daemon runs for this home since {since} ({by}); stop it first, or leave the work to it"
    )]
    DaemonLives { by: Holder, since: Timestamp },
    #[error(
        "this is not the daemon of this home any more{}",
        by.as_ref().map(|by| format!(": {by} is")).unwrap_or_default()
    )]
    DaemonReplaced { by: Option<Holder> },
    #[error("item {key} exists already as number {item_no}")]
    ItemExists { key: String, item_no: i64 },
    #[error(
        "item {item_no} was changed meanwhile: this change was computed on an older state, and nothing of it was stored; do it again"
    )]
    ItemChanged { item_no: i64 },
    #[error("edition {wanted} of {report} is taken: the next is {next}")]
    EditionNumber { report: String, wanted: i64, next: i64 },
    #[error("number {n} of the slips `{step}` of {year} is not the next one after {last}")]
    SlipNumber { step: String, year: i16, n: i64, last: i64 },
    #[error("delivery {id} is {state}, not being sent")]
    NotSending { id: DeliveryId, state: DeliveryState },
    #[error("mail {id} is {state}: it cannot be {wanted}")]
    NotMovable { id: DeliveryId, state: DeliveryState, wanted: &'static str },
    #[error("mail {id} waits for the approval of edition {edition}, not for a release by hand")]
    AwaitsApproval { id: DeliveryId, edition: EditionId },
    #[error("edition {edition} was approved already by {name} ({role}) at {at}")]
    Approved { edition: EditionId, role: String, name: String, at: Timestamp },
    #[error("delivery {key} is queued already with other bytes or another recipient")]
    DeliveryDiffers { key: String },
}

/// What goes wrong within a transaction: told to the caller with what was being done.
pub(super) enum Fault {
    Sql(rusqlite::Error),
    Known(LedgerError),
}

impl From<rusqlite::Error> for Fault {
    fn from(source: rusqlite::Error) -> Fault {
        Fault::Sql(source)
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Fault {
        Fault::Known(error)
    }
}

impl Fault {
    pub(super) fn doing(self, doing: &'static str) -> LedgerError {
        match self {
            Fault::Sql(source) => LedgerError::Sql { doing, source },
            Fault::Known(error) => error,
        }
    }
}
