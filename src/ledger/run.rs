//! Runs, their steps, and the lease: one run at a time changes a home.

use std::fmt;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::Fault;
use super::value::{get, get_json, get_opt, instant, json as to_json};
use super::{Ledger, LedgerError, RunId, StepId, event};
use crate::model::{Period, RunState};

/// The process that runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub host: String,
    /// Tells processes with the same pid apart (in a container the first is always 1): boot id and
    /// start time, or anything else that is the process's own. Empty if not known.
    pub started: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

/// A run that is to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// As typed, or as the daemon says it: `run --period 2024-09`.
    pub command: String,
    /// None for a command that is about no one period (`submit`, `mail resend`).
    pub period: Option<Period>,
    pub holder: Holder,
}

/// A run as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    pub run_id: RunId,
    pub command: String,
    pub period: Option<Period>,
    pub holder: Holder,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub state: RunState,
    /// Why it failed; empty otherwise.
    pub detail: String,
}

/// A step of a run: begun before its work, finished after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub step_id: StepId,
    pub run_id: RunId,
    /// `receive`, `normalize`, `snapshot`, `report`, …
    pub name: String,
    /// What it works on: a submission's number, `enrollment/2024-09`, …
    pub key: String,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub state: RunState,
    pub detail: String,
}

impl Ledger {
    /// Begins a run and takes the lease.
    ///
    /// A lease whose process is gone (`is_alive` says no; it is asked outside of any transaction) is
    /// taken over: its run and that run's open steps are marked interrupted.
    ///
    /// # Errors
    /// [`LedgerError::Held`] if another living process runs.
    pub fn begin_run(
        &self,
        new: &NewRun,
        is_alive: impl Fn(&Holder) -> bool,
        at: Timestamp,
    ) -> Result<RunId, LedgerError> {
        let dead = question(self, &is_alive)?;
        self.write("begin a run", |tx| begin(tx, new, dead, at))
    }

    /// The run that holds the lease, alive or not.
    pub fn lease(&self) -> Result<Option<Run>, LedgerError> {
        self.read("read the lease", |conn| Ok(lease(conn)?))
    }

    /// Ends a run (`Done` or `Failed`, with why) and gives the lease back. Steps still open are
    /// marked interrupted.
    pub fn finish_run(
        &self,
        id: RunId,
        state: RunState,
        detail: &str,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        self.write_durably("finish a run", |tx| end_run(tx, id, state, detail, at))
    }

    /// Records that a step begins, before any of its work is done.
    pub fn begin_step(
        &self,
        run: RunId,
        name: &str,
        key: &str,
        at: Timestamp,
    ) -> Result<StepId, LedgerError> {
        self.write("begin a step", |tx| {
            tx.prepare_cached(
                "INSERT INTO steps (run_id, name, key, started_at, state)
                 VALUES (?1, ?2, ?3, ?4, 'running')",
            )?
            .execute((run, name, key, instant(at)))?;
            let id = StepId(tx.last_insert_rowid());
            event(
                tx,
                at,
                "step_begun",
                &format!("step:{id}"),
                &json!({ "run_id": run, "name": name, "key": key }),
            )?;
            Ok(id)
        })
    }

    /// Records how a step ended.
    pub fn finish_step(
        &self,
        id: StepId,
        state: RunState,
        detail: &str,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        self.write("finish a step", |tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE steps SET finished_at = ?2, state = ?3, detail = ?4 WHERE step_id = ?1",
                )?
                .execute((id, instant(at), state.as_str(), detail))?;
            if changed == 0 {
                let error = LedgerError::NotFound { what: "step", key: id.to_string() };
                return Err(error.into());
            }
            let detail = json!({ "state": state, "detail": detail });
            Ok(event(tx, at, "step_finished", &format!("step:{id}"), &detail)?)
        })
    }

    /// Steps that were cut short, newest first: of runs that were interrupted.
    pub fn interrupted(&self) -> Result<Vec<Step>, LedgerError> {
        self.read("list interrupted steps", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT * FROM steps WHERE state = 'interrupted' ORDER BY step_id DESC",
            )?;
            let rows = statement.query_map([], step)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Whether something stands half done although no run holds the lease: a file received and not
    /// decided, a mail that is being sent.
    pub fn is_unfinished(&self) -> Result<bool, LedgerError> {
        self.read("look for unfinished work", |conn| {
            let unfinished = conn
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM submissions WHERE decided_at IS NULL)
                        OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'sending')",
                )?
                .query_row([], |row| row.get(0))?;
            Ok(unfinished)
        })
    }

    /// The steps of a run, in order.
    pub fn steps(&self, run: RunId) -> Result<Vec<Step>, LedgerError> {
        self.read("list steps", |conn| {
            let mut statement =
                conn.prepare_cached("SELECT * FROM steps WHERE run_id = ?1 ORDER BY step_id")?;
            let rows = statement.query_map([run], step)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Runs, newest first.
    pub fn runs(&self, limit: usize) -> Result<Vec<Run>, LedgerError> {
        self.read("list runs", |conn| {
            let mut statement =
                conn.prepare_cached("SELECT * FROM runs ORDER BY run_id DESC LIMIT ?1")?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map([limit], run)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// Asks whether the lease's holder lives, outside of any transaction. The run of one that does not.
pub(super) fn question(
    ledger: &Ledger,
    is_alive: &impl Fn(&Holder) -> bool,
) -> Result<Option<RunId>, LedgerError> {
    match ledger.lease()? {
        Some(run) if is_alive(&run.holder) => Err(held(run)),
        Some(run) => Ok(Some(run.run_id)),
        None => Ok(None),
    }
}

/// Begins a run, taking the lease over from the run that is known to be `dead`.
pub(super) fn begin(
    tx: &Transaction<'_>,
    new: &NewRun,
    dead: Option<RunId>,
    at: Timestamp,
) -> Result<RunId, Fault> {
    match lease(tx)? {
        // Someone else took it over between the question and now.
        Some(run) if Some(run.run_id) != dead => return Err(held(run).into()),
        Some(run) => {
            end_run(tx, run.run_id, RunState::Interrupted, "its process was gone", at)?;
        }
        None => {}
    }
    tx.execute(
        "INSERT INTO runs (command, period, holder_json, started_at, state)
         VALUES (?1, ?2, ?3, ?4, 'running')",
        (
            &new.command,
            new.period.map(|period| period.to_string()),
            to_json(&new.holder)?,
            instant(at),
        ),
    )?;
    let id = RunId(tx.last_insert_rowid());
    tx.execute("INSERT INTO lease (one, run_id) VALUES (1, ?1)", [id])?;
    event(
        tx,
        at,
        "run_begun",
        &format!("run:{id}"),
        &json!({ "command": new.command, "period": new.period, "holder": new.holder }),
    )?;
    Ok(id)
}

fn lease(conn: &Connection) -> rusqlite::Result<Option<Run>> {
    conn.query_row("SELECT runs.* FROM lease JOIN runs USING (run_id)", [], run).optional()
}

fn held(run: Run) -> LedgerError {
    LedgerError::Held {
        run: run.run_id,
        command: run.command,
        by: run.holder,
        since: run.started_at,
    }
}

fn end_run(
    tx: &Transaction<'_>,
    id: RunId,
    state: RunState,
    detail: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    let changed = tx.execute(
        "UPDATE runs SET finished_at = ?2, state = ?3, detail = ?4
         WHERE run_id = ?1 AND state = 'running'",
        (id, instant(at), state.as_str(), detail),
    )?;
    if changed == 0 {
        let error = LedgerError::NotFound { what: "running run", key: id.to_string() };
        return Err(error.into());
    }
    tx.execute(
        "UPDATE steps SET finished_at = ?2, state = 'interrupted'
         WHERE run_id = ?1 AND state = 'running'",
        (id, instant(at)),
    )?;
    tx.execute("DELETE FROM lease WHERE run_id = ?1", [id])?;
    super::slot::end_of_run(tx, id, state, detail, at)?;
    let detail = json!({ "state": state, "detail": detail });
    Ok(event(tx, at, "run_finished", &format!("run:{id}"), &detail)?)
}

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        run_id: row.get("run_id")?,
        command: row.get("command")?,
        period: get_opt(row, "period")?,
        holder: get_json(row, "holder_json")?,
        started_at: get(row, "started_at")?,
        finished_at: get_opt(row, "finished_at")?,
        state: get(row, "state")?,
        detail: row.get("detail")?,
    })
}

fn step(row: &Row<'_>) -> rusqlite::Result<Step> {
    Ok(Step {
        step_id: row.get("step_id")?,
        run_id: row.get("run_id")?,
        name: row.get("name")?,
        key: row.get("key")?,
        started_at: get(row, "started_at")?,
        finished_at: get_opt(row, "finished_at")?,
        state: get(row, "state")?,
        detail: row.get("detail")?,
    })
}
