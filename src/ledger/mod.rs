//! The ledger: one SQLite file that records every arrow of the flow, before and after.
//!
//! It imports only leaf modules, returns plain rows, touches no other file and no network. Every
//! change is one short transaction with one row of `events` or more; none is held while anything
//! else is done. No call reads the clock: each takes the instant (`at`) that it is recorded under.
//!
//! ## Design notes
//! - **As-of.** What follows from several rows (a submission's state, whether a snapshot is still
//!   current, an item on a given day) is computed by queries that take an as-of; there is no second
//!   code path for "now".
//! - **Newest** is by receipt, not by decision: a submission that recovery decides late does not
//!   take the place of one that arrived after it.
//! - **What is on disk, and when.** A commit survives the death of the process at once. A power cut may
//!   take the newest commits with it, but never one without those after it (SQLite's WAL with
//!   `synchronous = normal`): the ledger is then as it was a moment earlier, the files that it names
//!   are there, and the run is done again from there. Where that is not enough, the commit waits for the
//!   disk, with all before it (`write_durably`): before and after anything leaves this
//!   machine, before anything is removed, and when a run ends, for then someone is told that it is done.
//!   A sync takes some four milliseconds, and a month has a thousand commits.
//! - **One run at a time** may change a home: [`Ledger::begin_run`] takes the lease, and takes it over
//!   from a process that is gone.

mod bounce;
mod collection;
mod delivery;
mod delivery_hand;
mod edition;
mod error;
mod fetch;
mod id;
mod inbox;
mod item;
mod item_list;
mod message;
mod reminder;
mod rule;
mod run;
mod slip;
mod slot;
mod snapshot;
mod submission;
mod table;
mod tally;
mod value;

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

pub use bounce::Returned;
pub use collection::FirstAccepted;
pub use delivery::{
    Attempt, AttemptEnd, Awaits, Claim, Delivery, DeliveryFilter, Enqueued, NewDelivery, Recovered,
    Transport, WaitingMail,
};
pub use delivery_hand::{Approval, Hand, HandMove};
pub use edition::{Edition, EditionFile, EditionFilter, EditionPart, NewEdition, Recorded};
use error::Fault;
pub use error::LedgerError;
pub use fetch::{Fetch, NewFetch, Noted};
pub use id::{CutId, DeliveryId, EditionId, RunId, StepId, SubmissionId};
pub use inbox::{SeenFile, Sighting};
pub use item::{HeldMatter, ItemFault, ItemPaper};
pub use item_list::{ItemFilter, ItemPage, Waiting, urgency};
pub use reminder::{Reminder, ReminderKey};
pub use rule::{
    Compared, Effect, NewHeld, NewJudgement, NewJudging, NewRule, RuleEffect, RuleItem, RuleVersion,
};
pub use run::{Holder, NewRun, Run, Step};
pub use slip::{Escalated, HeldBack, NewSlip, NewSlipMail, Slip};
pub use slot::{DaemonRow, KnownSchedule, Slot, SlotKey};
pub use snapshot::{Cut, CutInput, NewCut, RecordedCut};
pub use submission::{
    Coverage, Decision, Door, NewSubmission, Received, Scope, Submission, SubmissionFilter,
};
pub use table::{ColumnKind, LedgerTable};
pub use tally::{Counts, RUN_SECONDS, RunTimes, Tally};

/// Scripts that bring a ledger from one version (`PRAGMA user_version`) to the next.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/001_begin.sql"),
    include_str!("migrations/002_sources.sql"),
    include_str!("migrations/003_daemon.sql"),
    include_str!("migrations/004_reminders.sql"),
    include_str!("migrations/005_daemon_address.sql"),
    include_str!("migrations/006_supervision.sql"),
    include_str!("migrations/007_reports.sql"),
];

/// How long a call waits for another process's short transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The open ledger. It may be shared between threads; each call is one transaction.
#[derive(Debug)]
pub struct Ledger {
    conn: Mutex<Connection>,
    path: PathBuf,
}

impl Ledger {
    /// Opens the ledger, creates it (readable by the owner alone) if it is not there, and brings it
    /// to this program's version.
    pub fn open(path: &Path) -> Result<Ledger, LedgerError> {
        create_private(path)
            .map_err(|source| LedgerError::Create { path: path.to_owned(), source })?;
        let opening = |source| LedgerError::Open { path: path.to_owned(), source };
        let mut conn = Connection::open(path).map_err(opening)?;
        configure(&conn).map_err(opening)?;
        migrate(&mut conn, path)?;
        conn.pragma_update(None, "synchronous", "normal").map_err(opening)?;
        // Only now: a migration may make a table anew that others refer to.
        conn.pragma_update(None, "foreign_keys", true).map_err(opening)?;
        Ok(Ledger { conn: Mutex::new(conn), path: path.to_owned() })
    }

    /// Opens an existing ledger for reading: every change fails.
    pub fn open_read_only(path: &Path) -> Result<Ledger, LedgerError> {
        let opening = |source| LedgerError::Open { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(opening)?;
        conn.busy_timeout(BUSY_TIMEOUT).map_err(opening)?;
        conn.pragma_update(None, "query_only", true).map_err(opening)?;
        let found = version(&conn).map_err(opening)?;
        let (path, known) = (path.to_owned(), MIGRATIONS.len());
        match found.cmp(&known) {
            Ordering::Greater => Err(LedgerError::Newer { path, found, known }),
            Ordering::Less => Err(LedgerError::Older { path, found, known }),
            Ordering::Equal => Ok(Ledger { conn: Mutex::new(conn), path }),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the ledger's newest event: it names the state of the whole ledger. 0 when empty.
    pub fn event_no(&self) -> Result<i64, LedgerError> {
        self.read("count its events", |conn| {
            Ok(conn.query_row("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get(0))?)
        })
    }

    /// When the newest recorded event happened: an as-of before it is read-only.
    pub fn last_event_at(&self) -> Result<Option<Timestamp>, LedgerError> {
        self.read("find its last event", |conn| {
            let newest = conn
                .query_row("SELECT at FROM events ORDER BY at DESC LIMIT 1", [], |row| {
                    value::get(row, "at")
                })
                .optional()?;
            Ok(newest)
        })
    }

    fn read<T>(
        &self,
        doing: &'static str,
        query: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, LedgerError> {
        query(&self.conn()).map_err(|fault| fault.doing(doing))
    }

    /// One transaction, begun with the write lock so that what it reads first still holds when it writes.
    fn write<T>(
        &self,
        doing: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, LedgerError> {
        commit(&mut self.conn(), change).map_err(|fault| fault.doing(doing))
    }

    /// As [`Ledger::write`], and on disk, with all earlier ones, when it returns.
    fn write_durably<T>(
        &self,
        doing: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, LedgerError> {
        let mut conn = self.conn();
        let within = |conn: &mut Connection| -> Result<T, Fault> {
            conn.pragma_update(None, "synchronous", "full")?;
            let written = commit(conn, change);
            conn.pragma_update(None, "synchronous", "normal")?;
            written
        };
        within(&mut conn).map_err(|fault| fault.doing(doing))
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere rolled its transaction back on the way out: the connection is sound.
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn commit<T>(
    conn: &mut Connection,
    change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = change(&tx)?;
    tx.commit()?;
    Ok(value)
}

/// Appends an event; its subject is written `kind:number` or `kind:key`.
fn event(
    tx: &Transaction<'_>,
    at: Timestamp,
    kind: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO events (at, kind, subject, detail_json) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((value::instant(at), kind, subject, detail.to_string()))?;
    Ok(())
}

fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn configure(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    // While the tables are made or changed; `normal` afterwards.
    conn.pragma_update(None, "synchronous", "full")?;
    // Pages; a checkpoint syncs twice. 16 MB beside the ledger at most, until it is closed.
    conn.pragma_update(None, "wal_autocheckpoint", 4000)?;
    conn.pragma_update(None, "foreign_keys", false)
}

fn version(conn: &Connection) -> rusqlite::Result<usize> {
    let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

fn migrate(conn: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let opening = |source| LedgerError::Open { path: path.to_owned(), source };
    let known = MIGRATIONS.len();
    loop {
        let migrating =
            |version| move |source| LedgerError::Migrate { path: path.to_owned(), version, source };
        // The version is read under the write lock: two programs may open a new ledger at once.
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(opening)?;
        let found = version(&tx).map_err(opening)?;
        if found > known {
            return Err(LedgerError::Newer { path: path.to_owned(), found, known });
        }
        let Some(script) = MIGRATIONS.get(found) else {
            return Ok(());
        };
        tx.execute_batch(script).map_err(migrating(found + 1))?;
        let broken = tx
            .query_row(
                "SELECT count(*), coalesce(min(\"table\"), '') FROM pragma_foreign_key_check",
                [],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
            )
            .map_err(migrating(found + 1))?;
        if let (n_rows @ 1.., table) = broken {
            return Err(LedgerError::BrokenReferences {
                path: path.to_owned(),
                version: found + 1,
                table,
                n_rows: n_rows.unsigned_abs(),
            });
        }
        tx.pragma_update(None, "user_version", value::count(found as u64 + 1))
            .map_err(migrating(found + 1))?;
        tx.commit().map_err(migrating(found + 1))?;
    }
}
