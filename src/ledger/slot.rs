//! Schedules, their due times (slots), and the daemon that sees to them.
//!
//! A slot's row and its run begin in one transaction and end in one, so that a due time is never run
//! twice for want of a record, and never recorded without its run.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde::Serialize;
use serde_json::json;

use super::error::Fault;
use super::run::{begin, question};
use super::value::{count, get, get_count, get_json, get_opt, instant, json as to_json};
use super::{Holder, Ledger, LedgerError, NewRun, RunId, event};
use crate::model::{RunState, SlotState};

/// A schedule as the ledger last knew it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownSchedule {
    pub name: String,
    pub definition: String,
    /// Off: switched off, or gone from the definitions.
    pub enabled: bool,
    /// Due times up to and with this instant are nobody's.
    pub since: Timestamp,
}

/// A due time of a schedule: what names a slot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SlotKey {
    pub schedule: String,
    pub due_at: Timestamp,
}

/// A slot as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Slot {
    pub schedule: String,
    pub due_at: Timestamp,
    pub state: SlotState,
    /// How many due times the row stands for; more than one only of missed ones.
    pub n: u64,
    /// Runs begun for it.
    pub attempts: u64,
    pub begun_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// Of the last attempt.
    pub run_id: Option<RunId>,
    /// Why it failed or was missed.
    pub detail: String,
}

/// The daemon of a home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DaemonRow {
    pub holder: Holder,
    pub started_at: Timestamp,
    /// When it last said that it lives.
    pub seen_at: Timestamp,
    /// What it will not go on with, such as definitions that do not compile; empty if all is well.
    pub trouble: String,
    /// Where it answers `/healthz`; empty if it does not (yet).
    pub address: String,
}

impl Ledger {
    /// Brings the known schedules to those of the definitions (`name, definition, enabled`) and gives
    /// them back. One that is new, has another definition, or is on again begins at `at`; one that is
    /// not among them is off.
    pub fn sync_schedules(
        &self,
        defined: &[(String, String, bool)],
        at: Timestamp,
    ) -> Result<Vec<KnownSchedule>, LedgerError> {
        self.write("bring the schedules up to date", |tx| {
            let known = schedules(tx)?;
            for (name, definition, enabled) in defined {
                let before = known.iter().find(|schedule| schedule.name == *name);
                let begins = before.is_none_or(|before| {
                    before.definition != *definition || *enabled && !before.enabled
                });
                if !begins && before.is_some_and(|before| before.enabled == *enabled) {
                    continue;
                }
                tx.execute(
                    "INSERT INTO schedules (name, definition, enabled, since)
                     VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (name) DO UPDATE SET definition = excluded.definition,
                        enabled = excluded.enabled,
                        since = CASE WHEN ?5 THEN excluded.since ELSE since END",
                    (name, definition, enabled, instant(at), begins),
                )?;
                let detail = json!({ "definition": definition, "enabled": enabled });
                event(tx, at, "schedule_set", &format!("schedule:{name}"), &detail)?;
            }
            for gone in known.iter().filter(|schedule| {
                schedule.enabled && !defined.iter().any(|(name, ..)| *name == schedule.name)
            }) {
                tx.execute("UPDATE schedules SET enabled = 0 WHERE name = ?1", [&gone.name])?;
                let detail = json!({ "enabled": false });
                event(tx, at, "schedule_set", &format!("schedule:{}", gone.name), &detail)?;
            }
            Ok(schedules(tx)?)
        })
    }

    /// All schedules that were ever known, by name.
    pub fn known_schedules(&self) -> Result<Vec<KnownSchedule>, LedgerError> {
        self.read("list schedules", |conn| Ok(schedules(conn)?))
    }

    /// Begins a run for a slot and takes the lease, as [`Ledger::begin_run`] does. A slot that was begun
    /// before is begun again under its own row.
    ///
    /// # Errors
    /// [`LedgerError::Held`] if another living process runs: then there is no row of the slot;
    /// [`LedgerError::SlotSettled`] if it is done, failed or missed already.
    pub fn begin_slot_run(
        &self,
        slot: &SlotKey,
        new: &NewRun,
        is_alive: impl Fn(&Holder) -> bool,
        at: Timestamp,
    ) -> Result<RunId, LedgerError> {
        let dead = question(self, &is_alive)?;
        self.write("begin a slot's run", |tx| {
            if let Some(before) = find(tx, slot)?
                && before.state != SlotState::Running
            {
                return Err(settled(before).into());
            }
            let run = begin(tx, new, dead, at)?;
            tx.execute(
                "INSERT INTO slots (schedule, due_at, state, attempts, begun_at, run_id)
                 VALUES (?1, ?2, 'running', 1, ?3, ?4)
                 ON CONFLICT (schedule, due_at) DO UPDATE SET attempts = attempts + 1,
                    begun_at = excluded.begun_at, run_id = excluded.run_id",
                (&slot.schedule, instant(slot.due_at), instant(at), run),
            )?;
            event(tx, at, "slot_begun", &subject(slot), &json!({ "run_id": run }))?;
            Ok(run)
        })
    }

    /// Records how a slot ended that had no run (there was nothing to do, or it could not begin), or
    /// whose run's process was gone too often.
    pub fn settle_slot(
        &self,
        slot: &SlotKey,
        state: SlotState,
        n: u64,
        detail: &str,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        self.write("settle a slot", |tx| {
            if let Some(before) = find(tx, slot)?
                && before.state != SlotState::Running
            {
                return Err(settled(before).into());
            }
            tx.execute(
                "INSERT INTO slots (schedule, due_at, state, n, begun_at, finished_at, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)
                 ON CONFLICT (schedule, due_at) DO UPDATE SET state = excluded.state,
                    n = excluded.n, finished_at = excluded.finished_at, detail = excluded.detail",
                (
                    &slot.schedule,
                    instant(slot.due_at),
                    state.as_str(),
                    count(n),
                    instant(at),
                    detail,
                ),
            )?;
            let detail = json!({ "state": state, "n": n, "detail": detail });
            Ok(event(tx, at, "slot_settled", &subject(slot), &detail)?)
        })
    }

    /// A slot, if there is a row of it.
    pub fn slot(&self, key: &SlotKey) -> Result<Option<Slot>, LedgerError> {
        self.read("read a slot", |conn| Ok(find(conn, key)?))
    }

    /// The slots of one schedule or of all, newest first.
    pub fn slots(&self, schedule: Option<&str>, limit: usize) -> Result<Vec<Slot>, LedgerError> {
        self.read("list slots", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT * FROM slots WHERE ?1 IS NULL OR schedule = ?1
                 ORDER BY due_at DESC, schedule LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map((schedule, limit), slot)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Slots whose run has not ended; with no daemon at work they are of one that died. Oldest first.
    pub fn running_slots(&self) -> Result<Vec<Slot>, LedgerError> {
        self.read("list running slots", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT * FROM slots WHERE state = 'running' ORDER BY due_at, schedule",
            )?;
            let rows = statement.query_map([], slot)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The newest due time of a schedule that has a row, of whatever state.
    pub fn last_due(&self, schedule: &str) -> Result<Option<Timestamp>, LedgerError> {
        self.read("find a schedule's last slot", |conn| {
            let newest = conn
                .prepare_cached(
                    "SELECT due_at FROM slots WHERE schedule = ?1 ORDER BY due_at DESC LIMIT 1",
                )?
                .query_row([schedule], |row| get(row, "due_at"))
                .optional()?;
            Ok(newest)
        })
    }

    /// The newest slot of a schedule in a state that is `wanted`.
    pub fn last_slot(
        &self,
        schedule: &str,
        wanted: impl Fn(SlotState) -> bool,
    ) -> Result<Option<Slot>, LedgerError> {
        self.read("find a schedule's last slot", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT * FROM slots WHERE schedule = ?1 AND state = ?2
                 ORDER BY due_at DESC LIMIT 1",
            )?;
            let mut newest: Option<Slot> = None;
            for state in SlotState::ALL.iter().filter(|state| wanted(**state)) {
                let found = statement.query_row((schedule, state.as_str()), slot).optional()?;
                newest = [newest, found].into_iter().flatten().max_by_key(|slot| slot.due_at);
            }
            Ok(newest)
        })
    }

    /// How many due times of a schedule were missed since it is what it is.
    pub fn n_missed(&self, schedule: &str) -> Result<u64, LedgerError> {
        self.read("count missed slots", |conn| {
            let n = conn
                .prepare_cached(
                    "SELECT coalesce(sum(n), 0) AS n FROM slots
                     JOIN schedules ON name = schedule
                     WHERE schedule = ?1 AND state = 'missed' AND due_at > since",
                )?
                .query_row([schedule], |row| get_count(row, "n"))?;
            Ok(n)
        })
    }

    /// Makes a process the daemon of this home. One that is gone (`is_alive` says no; it is asked
    /// outside of any transaction) is replaced.
    ///
    /// # Errors
    /// [`LedgerError::DaemonLives`] if another lives.
    pub fn begin_daemon(
        &self,
        holder: &Holder,
        is_alive: impl Fn(&Holder) -> bool,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        let dead = match self.daemon()? {
            Some(row) if is_alive(&row.holder) => return Err(lives(row)),
            before => before,
        };
        self.write("begin the daemon", |tx| {
            if let Some(row) = daemon(tx)?
                && dead.is_none_or(|dead| dead.holder != row.holder)
            {
                // Someone else took its place between the question and now.
                return Err(lives(row).into());
            }
            tx.execute(
                "INSERT INTO daemon (one, holder_json, started_at, seen_at) VALUES (1, ?1, ?2, ?2)
                 ON CONFLICT (one) DO UPDATE SET holder_json = excluded.holder_json,
                    started_at = excluded.started_at, seen_at = excluded.seen_at, trouble = '', address = ''",
                (to_json(holder)?, instant(at)),
            )?;
            Ok(event(tx, at, "daemon_begun", "daemon:1", &json!({ "holder": holder }))?)
        })
    }

    /// The daemon, alive or not.
    pub fn daemon(&self) -> Result<Option<DaemonRow>, LedgerError> {
        self.read("read the daemon", |conn| Ok(daemon(conn)?))
    }

    /// Says that the daemon lives and what troubles it. That it lives is no event: it would be one
    /// a minute for years.
    ///
    /// # Errors
    /// [`LedgerError::DaemonReplaced`] if the daemon of this home is another one now.
    pub fn daemon_seen(
        &self,
        holder: &Holder,
        trouble: &str,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        self.write("say that the daemon lives", |tx| {
            let before = match daemon(tx)? {
                Some(row) if row.holder == *holder => row,
                other => {
                    let by = other.map(|row| row.holder);
                    return Err(LedgerError::DaemonReplaced { by }.into());
                }
            };
            tx.execute(
                "UPDATE daemon SET seen_at = ?1, trouble = ?2 WHERE one = 1",
                (instant(at), trouble),
            )?;
            if before.trouble != trouble {
                event(tx, at, "daemon_trouble", "daemon:1", &json!({ "trouble": trouble }))?;
            }
            Ok(())
        })
    }

    /// Notes where the daemon answers `/healthz`.
    pub fn set_daemon_address(&self, address: &str) -> Result<(), LedgerError> {
        self.write("note the daemon's address", |tx| {
            tx.execute("UPDATE daemon SET address = ?1", [address])?;
            Ok(())
        })
    }

    /// The daemon ends of its own accord.
    pub fn end_daemon(&self, holder: &Holder, at: Timestamp) -> Result<(), LedgerError> {
        self.write("end the daemon", |tx| {
            if daemon(tx)?.is_some_and(|row| row.holder == *holder) {
                tx.execute("DELETE FROM daemon", [])?;
                event(tx, at, "daemon_ended", "daemon:1", &json!({ "holder": holder }))?;
            }
            Ok(())
        })
    }
}

/// Ends the slot whose run ends, if the run is a slot's. A slot whose run was interrupted stays
/// `running`: the daemon decides whether it is run again.
pub(super) fn end_of_run(
    tx: &Transaction<'_>,
    run: RunId,
    state: RunState,
    detail: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    let ended = match state {
        RunState::Done => SlotState::Done,
        RunState::Failed => SlotState::Failed,
        RunState::Running | RunState::Interrupted => return Ok(()),
    };
    tx.execute(
        "UPDATE slots SET state = ?2, finished_at = ?3, detail = ?4
         WHERE run_id = ?1 AND state = 'running'",
        (run, ended.as_str(), instant(at), detail),
    )?;
    Ok(())
}

fn subject(slot: &SlotKey) -> String {
    format!("slot:{}@{}", slot.schedule, slot.due_at)
}

fn settled(slot: Slot) -> LedgerError {
    LedgerError::SlotSettled { schedule: slot.schedule, due_at: slot.due_at, state: slot.state }
}

fn lives(row: DaemonRow) -> LedgerError {
    LedgerError::DaemonLives { by: row.holder, since: row.started_at }
}

fn schedules(conn: &Connection) -> rusqlite::Result<Vec<KnownSchedule>> {
    conn.prepare_cached("SELECT * FROM schedules ORDER BY name")?
        .query_map([], |row| {
            Ok(KnownSchedule {
                name: row.get("name")?,
                definition: row.get("definition")?,
                enabled: row.get("enabled")?,
                since: get(row, "since")?,
            })
        })?
        .collect()
}

fn find(conn: &Connection, key: &SlotKey) -> rusqlite::Result<Option<Slot>> {
    conn.prepare_cached("SELECT * FROM slots WHERE schedule = ?1 AND due_at = ?2")?
        .query_row((&key.schedule, instant(key.due_at)), slot)
        .optional()
}

fn slot(row: &Row<'_>) -> rusqlite::Result<Slot> {
    Ok(Slot {
        schedule: row.get("schedule")?,
        due_at: get(row, "due_at")?,
        state: get(row, "state")?,
        n: get_count(row, "n")?,
        attempts: get_count(row, "attempts")?,
        begun_at: get(row, "begun_at")?,
        finished_at: get_opt(row, "finished_at")?,
        run_id: row.get("run_id")?,
        detail: row.get("detail")?,
    })
}

fn daemon(conn: &Connection) -> rusqlite::Result<Option<DaemonRow>> {
    conn.query_row("SELECT * FROM daemon", [], |row| {
        Ok(DaemonRow {
            holder: get_json(row, "holder_json")?,
            started_at: get(row, "started_at")?,
            seen_at: get(row, "seen_at")?,
            trouble: row.get("trouble")?,
            address: row.get("address")?,
        })
    })
    .optional()
}
