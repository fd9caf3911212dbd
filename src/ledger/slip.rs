//! Slips (催办单, 督办通知单, 通报 …): the numbered papers of supervision, what they list, and which mail carried
//! them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, Row, Transaction};
use serde::Serialize;
use serde_json::json;

use super::delivery::queue;
use super::error::Fault;
use super::value::{get, get_opt, instant, store_blob};
use super::{Delivery, DeliveryId, Ledger, LedgerError, NewDelivery, RunId, event, item};
use crate::model::{Item, ItemChange, UnitCode};

/// A slip that is to be recorded. One a step, unit and day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSlip {
    /// The id of the ladder's step.
    pub step: String,
    pub title: String,
    /// It is counted by step and year.
    pub year: i16,
    /// None where the step has no number: a mail without a paper.
    pub n: Option<i64>,
    /// As printed; empty without a number.
    pub number: String,
    /// The responsible unit; of a paper of all units, the district.
    pub unit_code: UnitCode,
    pub on: Date,
    /// Item and episode.
    pub items: Vec<(i64, u32)>,
    /// What it was made from, as JSON.
    pub context_json: String,
    /// Its PDF, which stands on disk: path relative to the home, and hash.
    pub file: Option<(String, String)>,
}

/// A mail of supervision that is to be queued, and which of the new slips (by index) it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSlipMail {
    pub mail: NewDelivery,
    pub slips: Vec<usize>,
}

/// A slip as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Slip {
    pub slip_id: i64,
    pub step: String,
    pub title: String,
    pub number: String,
    pub n: Option<i64>,
    pub unit_code: UnitCode,
    pub on_date: Date,
    pub at: Timestamp,
    pub path: Option<String>,
    pub sha256: Option<String>,
    /// By number.
    pub item_nos: Vec<i64>,
    /// The mails that carried it.
    pub deliveries: Vec<DeliveryId>,
}

/// What recording a day's escalation gave.
#[derive(Debug, Clone, Default)]
pub struct Escalated {
    /// The items as they are now, in the order of the changes.
    pub items: Vec<Item>,
    pub queued: Vec<Delivery>,
}

/// A violation that is explained by the item of a cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    pub check_id: String,
    pub subject_name: String,
    pub unit_code: UnitCode,
    pub cause_item_no: i64,
}

impl Ledger {
    /// Stores a day's escalation in one transaction: what changed of the items, the slips with their
    /// numbers, and the mails that carry them.
    ///
    /// # Errors
    /// [`LedgerError::SlipNumber`] if a number is not the next of its step and year: the slips were made
    /// on an old state. What [`Ledger::apply_item_changes`] fails with.
    pub fn record_escalation(
        &self,
        changes: &[ItemChange],
        slips: &[NewSlip],
        mails: &[NewSlipMail],
        run: RunId,
        at: Timestamp,
        on: Date,
    ) -> Result<Escalated, LedgerError> {
        self.write("store an escalation", |tx| {
            let mut escalated = Escalated::default();
            for change in changes {
                escalated.items.push(item::apply(tx, change, Some(run), at, on)?);
            }
            let ids = slips
                .iter()
                .map(|slip| insert(tx, slip, run, at))
                .collect::<Result<Vec<i64>, Fault>>()?;
            for new in mails {
                let queued = queue(tx, &new.mail, at)?;
                // What a mail of that key says was frozen without these slips.
                if queued.already {
                    let key = new.mail.dedupe_key.clone();
                    return Err(LedgerError::DeliveryDiffers { key }.into());
                }
                for slip_id in new.slips.iter().filter_map(|index| ids.get(*index)) {
                    tx.prepare_cached(
                        "INSERT OR IGNORE INTO slip_mails (slip_id, delivery_id) VALUES (?1, ?2)",
                    )?
                    .execute((slip_id, queued.delivery.delivery_id))?;
                }
                escalated.queued.push(queued.delivery);
            }
            Ok(escalated)
        })
    }

    /// The greatest number given, of each step of a year: the next is one more.
    pub fn slip_numbers(&self, year: i16) -> Result<BTreeMap<String, i64>, LedgerError> {
        self.read("read the numbers of slips", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT step, max(n) FROM slips WHERE year = ?1 AND n IS NOT NULL GROUP BY step",
            )?;
            let rows = statement.query_map([year], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Slips in the order in which they were made; of one day, if any is named.
    pub fn slips(&self, on: Option<Date>) -> Result<Vec<Slip>, LedgerError> {
        self.read("list slips", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT * FROM slips WHERE ?1 IS NULL OR on_date = ?1 ORDER BY slip_id",
            )?;
            let rows = statement.query_map([on.map(|on| on.to_string())], slip)?;
            let mut slips = rows.collect::<rusqlite::Result<Vec<Slip>>>()?;
            for slip in &mut slips {
                fill(conn, slip)?;
            }
            Ok(slips)
        })
    }

    /// The newest slip over each item in an episode: its title.
    pub fn newest_slips(&self) -> Result<BTreeMap<(i64, u32), String>, LedgerError> {
        self.read("find the newest slips", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT item_no, episode, title FROM slip_items JOIN slips USING (slip_id)
                 ORDER BY slip_id",
            )?;
            let rows = statement
                .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, String>(2)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Who was mailed slips of a day.
    pub fn slip_recipients(&self, on: Date) -> Result<BTreeSet<String>, LedgerError> {
        self.read("find who was mailed slips", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT DISTINCT recipient FROM slips JOIN slip_mails USING (slip_id)
                    JOIN deliveries USING (delivery_id)
                 WHERE on_date = ?1",
            )?;
            let rows = statement.query_map([on.to_string()], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The files of all slips, relative to the home.
    pub fn slip_paths(&self) -> Result<BTreeSet<String>, LedgerError> {
        self.read("list the files of slips", |conn| {
            let mut statement =
                conn.prepare_cached("SELECT path FROM slips WHERE path IS NOT NULL")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// What was opened, reopened, closed and withdrawn after an instant, until another: item, kind of the
    /// event and day, in the order of the events.
    pub fn turns_between(
        &self,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(i64, String, Date)>, LedgerError> {
        self.read("read what was opened and closed", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT item_no, kind, on_date FROM item_events
                 WHERE at > ?1 AND at <= ?2 AND kind IN ('opened', 'reopened', 'closed', 'withdrawn')
                 ORDER BY at, item_no, seq",
            )?;
            let rows = statement.query_map((instant(after), instant(until)), |row| {
                Ok((row.get("item_no")?, row.get("kind")?, get(row, "on_date")?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Violations that no item was opened for because a cause explains them: check, subject's name, unit and
    /// the cause's item.
    pub fn held_back(&self) -> Result<Vec<HeldBack>, LedgerError> {
        self.read("list what is held back", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT check_id, subject_name, unit_code, cause_item_no FROM held
                 ORDER BY cause_item_no, check_id, subject_code",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(HeldBack {
                    check_id: row.get("check_id")?,
                    subject_name: row.get("subject_name")?,
                    unit_code: UnitCode::new(row.get::<_, String>("unit_code")?),
                    cause_item_no: row.get("cause_item_no")?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// When the newest mail of a kind was queued.
    pub fn newest_mail_at(&self, kind: &str) -> Result<Option<Timestamp>, LedgerError> {
        self.read("find the newest mail of a kind", |conn| {
            let newest = conn
                .prepare_cached("SELECT max(created_at) AS at FROM deliveries WHERE kind = ?1")?
                .query_row([kind], |row| get_opt(row, "at"))?;
            Ok(newest)
        })
    }

    /// Puts mails into the outbox, all of them or none.
    pub fn enqueue_all(
        &self,
        mails: &[NewDelivery],
        at: Timestamp,
    ) -> Result<Vec<Delivery>, LedgerError> {
        self.write("queue mails", |tx| {
            mails.iter().map(|mail| Ok(queue(tx, mail, at)?.delivery)).collect()
        })
    }
}

fn insert(tx: &Transaction<'_>, new: &NewSlip, run: RunId, at: Timestamp) -> Result<i64, Fault> {
    if let Some(n) = new.n {
        let last: i64 = tx
            .prepare_cached("SELECT coalesce(max(n), 0) FROM slips WHERE step = ?1 AND year = ?2")?
            .query_row((&new.step, new.year), |row| row.get(0))?;
        if n != last + 1 {
            let error = LedgerError::SlipNumber { step: new.step.clone(), year: new.year, n, last };
            return Err(error.into());
        }
    }
    let context_sha256 = store_blob(tx, new.context_json.as_bytes())?;
    let (path, sha256) = match &new.file {
        Some((path, sha256)) => (Some(path), Some(sha256)),
        None => (None, None),
    };
    tx.prepare_cached(
        "INSERT INTO slips (step, title, year, n, number, unit_code, on_date, at, run_id,
            context_sha256, path, sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute((
        &new.step,
        &new.title,
        new.year,
        new.n,
        &new.number,
        new.unit_code.as_str(),
        new.on.to_string(),
        instant(at),
        run,
        context_sha256,
        path,
        sha256,
    ))?;
    let slip_id = tx.last_insert_rowid();
    for (item_no, episode) in &new.items {
        tx.prepare_cached(
            "INSERT INTO slip_items (slip_id, item_no, episode) VALUES (?1, ?2, ?3)",
        )?
        .execute((slip_id, item_no, episode))?;
    }
    let items: Vec<i64> = new.items.iter().map(|(item_no, _)| *item_no).collect();
    let detail = json!({
        "step": new.step, "number": new.number, "unit_code": new.unit_code, "items": items,
    });
    event(tx, at, "slip_made", &format!("slip:{slip_id}"), &detail)?;
    Ok(slip_id)
}

fn slip(row: &Row<'_>) -> rusqlite::Result<Slip> {
    Ok(Slip {
        slip_id: row.get("slip_id")?,
        step: row.get("step")?,
        title: row.get("title")?,
        number: row.get("number")?,
        n: row.get("n")?,
        unit_code: UnitCode::new(row.get::<_, String>("unit_code")?),
        on_date: get(row, "on_date")?,
        at: get(row, "at")?,
        path: row.get("path")?,
        sha256: row.get("sha256")?,
        item_nos: Vec::new(),
        deliveries: Vec::new(),
    })
}

fn fill(conn: &Connection, slip: &mut Slip) -> rusqlite::Result<()> {
    let mut items =
        conn.prepare_cached("SELECT item_no FROM slip_items WHERE slip_id = ?1 ORDER BY item_no")?;
    slip.item_nos =
        items.query_map([slip.slip_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut mails = conn.prepare_cached(
        "SELECT delivery_id FROM slip_mails WHERE slip_id = ?1 ORDER BY delivery_id",
    )?;
    slip.deliveries =
        mails.query_map([slip.slip_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(())
}
