//! Reminders: which went out in which mail, and who cannot be reached by any.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Row, named_params};
use serde::Serialize;
use serde_json::json;

use super::delivery::queue;
use super::value::{as_of, get, instant};
use super::{DeliveryId, Enqueued, Ledger, LedgerError, NewDelivery, event};
use crate::model::{Period, UnitCode};

/// One reminder of one missing submission: `workdays` after the due date (negative: before it).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ReminderKey {
    pub dataset: String,
    pub period: Period,
    pub reporter_code: UnitCode,
    pub workdays: i32,
}

/// A reminder that stands in a mail of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reminder {
    pub key: ReminderKey,
    pub recipient: String,
    pub delivery_id: DeliveryId,
    pub at: Timestamp,
}

impl Ledger {
    /// Puts a reminder's mail into the outbox and records, in the same transaction, what it reminds of.
    ///
    /// If the same mail (recipient and day) is queued already, nothing is recorded: what it does not
    /// say is still to be said.
    pub fn enqueue_reminder(
        &self,
        mail: &NewDelivery,
        of: &[ReminderKey],
        at: Timestamp,
    ) -> Result<Enqueued, LedgerError> {
        self.write("queue a reminder", |tx| {
            let queued = queue(tx, mail, at)?;
            if queued.already {
                return Ok(queued);
            }
            let mut insert = tx.prepare_cached(
                "INSERT OR IGNORE INTO reminders
                    (dataset, period, reporter_code, workdays, recipient, delivery_id, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for key in of {
                insert.execute((
                    &key.dataset,
                    key.period.to_string(),
                    key.reporter_code.as_str(),
                    key.workdays,
                    &mail.recipient,
                    queued.delivery.delivery_id,
                    instant(at),
                ))?;
            }
            let subject = format!("delivery:{}", queued.delivery.delivery_id);
            event(tx, at, "reminded", &subject, &json!({ "of": of }))?;
            Ok(queued)
        })
    }

    /// All reminders that were queued, or had been at an instant; by time.
    pub fn reminders(&self, at: Option<Timestamp>) -> Result<Vec<Reminder>, LedgerError> {
        self.read("list reminders", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT * FROM reminders WHERE at <= :as_of
                 ORDER BY at, delivery_id, dataset, period, reporter_code, workdays",
            )?;
            let rows = statement.query_map(named_params! { ":as_of": as_of(at) }, reminder)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Units that cannot be reminded, as they were last noted: unit → why.
    pub fn unreachable(&self) -> Result<BTreeMap<UnitCode, String>, LedgerError> {
        self.read("list who cannot be reached", |conn| {
            let mut statement =
                conn.prepare_cached("SELECT reporter_code, why FROM unreachable")?;
            let rows = statement
                .query_map([], |row| Ok((UnitCode::new(row.get::<_, String>(0)?), row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Notes who cannot be reminded (unit and why) and forgets those who can be again.
    ///
    /// Gives those that were not noted before for the same reason: they are to be said.
    pub fn note_unreachable(
        &self,
        now: &BTreeMap<UnitCode, String>,
        reachable: &[UnitCode],
        at: Timestamp,
    ) -> Result<Vec<(UnitCode, String)>, LedgerError> {
        self.write("note who cannot be reached", |tx| {
            for unit in reachable {
                tx.execute("DELETE FROM unreachable WHERE reporter_code = ?1", [unit.as_str()])?;
            }
            let mut new = Vec::new();
            for (unit, why) in now {
                let changed = tx.execute(
                    "INSERT INTO unreachable (reporter_code, why, since) VALUES (?1, ?2, ?3)
                     ON CONFLICT (reporter_code) DO UPDATE SET why = excluded.why,
                        since = excluded.since WHERE why <> excluded.why",
                    (unit.as_str(), why, instant(at)),
                )?;
                if changed > 0 {
                    let subject = format!("unit:{unit}");
                    event(tx, at, "unreachable", &subject, &json!({ "why": why }))?;
                    new.push((unit.clone(), why.clone()));
                }
            }
            Ok(new)
        })
    }
}

fn reminder(row: &Row<'_>) -> rusqlite::Result<Reminder> {
    Ok(Reminder {
        key: ReminderKey {
            dataset: row.get("dataset")?,
            period: get(row, "period")?,
            reporter_code: UnitCode::new(row.get::<_, String>("reporter_code")?),
            workdays: row.get("workdays")?,
        },
        recipient: row.get("recipient")?,
        delivery_id: row.get("delivery_id")?,
        at: get(row, "at")?,
    })
}
