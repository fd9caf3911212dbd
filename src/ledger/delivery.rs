//! The outbox: every mail as a row with its bytes and Message-ID fixed, before anything is sent.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::Fault;
use super::value::{count, get, get_count, get_opt, instant};
use super::{DeliveryId, EditionId, Ledger, LedgerError, event, message};
use crate::model::{DeliveryPhase, DeliveryState, UnknownState};

/// Which way a mail goes. Fixed when it is queued: what is replayed never reaches a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    Folder,
    Smtp,
}

impl Transport {
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Folder => "folder",
            Transport::Smtp => "smtp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Transport {
    type Err = UnknownState;
    fn from_str(word: &str) -> Result<Transport, UnknownState> {
        match word {
            "folder" => Ok(Transport::Folder),
            "smtp" => Ok(Transport::Smtp),
            _ => Err(UnknownState { kind: "transport", word: word.to_owned() }),
        }
    }
}

/// A mail to one recipient, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The edition that it carries; an edition goes to a recipient once.
    pub edition_id: Option<EditionId>,
    /// `report`, `return`, …
    pub kind: String,
    /// What makes it the same mail when it is queued again: `report:12:a@b.cn`, `return:34:a@b.cn`.
    pub dedupe_key: String,
    /// An address without a name.
    pub recipient: String,
    /// Without angle brackets.
    pub message_id: String,
    /// The whole message, frozen.
    pub bytes: Vec<u8>,
    pub transport: Transport,
    /// The edition is to be approved first: until then it is held.
    pub awaits: Awaits,
    /// The mail that it repeats, by hand.
    pub resend_of: Option<DeliveryId>,
}

/// Whether an edition's mail waits for its approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    /// It goes at once.
    Nothing,
    /// It is held until somebody has approved the edition.
    Approval,
}

/// What queueing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    pub delivery: Delivery,
    /// It was queued before (and may have been sent): nothing was changed.
    pub already: bool,
}

/// A delivery as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    pub delivery_id: DeliveryId,
    pub edition_id: Option<EditionId>,
    pub kind: String,
    pub dedupe_key: String,
    pub recipient: String,
    pub message_id: String,
    pub transport: Transport,
    pub state: DeliveryState,
    /// Attempts begun.
    pub attempts: u64,
    /// Not to be tried before then.
    pub not_before: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_code: Option<u16>,
    /// What the other server said last, or what went wrong.
    pub last_reply: String,
    /// `approval` or `hand`; empty if it is not held.
    pub held_for: String,
    /// The mail that it repeats, by hand.
    pub resend_of: Option<DeliveryId>,
    /// What the last report of delivery said (RFC 3463), such as 5.1.1; empty if none came.
    pub dsn_status: String,
}

/// A mail that may go once its time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingMail {
    pub recipient: String,
    pub at: Timestamp,
}

/// A delivery that is to be made now: its attempt is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub delivery: Delivery,
    pub attempt_no: i64,
    pub bytes: Vec<u8>,
}

/// One attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    pub delivery_id: DeliveryId,
    pub attempt_no: i64,
    pub started_at: Timestamp,
    /// The last phase that was begun.
    pub phase: DeliveryPhase,
    pub phase_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// The state that it left the delivery in.
    pub state: Option<DeliveryState>,
    pub not_before: Option<Timestamp>,
    pub code: Option<u16>,
    pub reply: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    Accepted,
    /// The other server said "later" (4yz).
    Deferred {
        not_before: Timestamp,
    },
    /// The other server will not take it (5yz).
    Refused,
    /// No reply after the data: nobody knows. Never sent again by itself.
    Uncertain,
    /// It did not come to the data: queued again.
    NotSent {
        not_before: Timestamp,
    },
}

impl AttemptEnd {
    fn state(self) -> DeliveryState {
        match self {
            AttemptEnd::Accepted => DeliveryState::Accepted,
            AttemptEnd::Deferred { .. } => DeliveryState::Deferred,
            AttemptEnd::Refused => DeliveryState::Refused,
            AttemptEnd::Uncertain => DeliveryState::Uncertain,
            AttemptEnd::NotSent { .. } => DeliveryState::Queued,
        }
    }

    fn not_before(self) -> Option<Timestamp> {
        match self {
            AttemptEnd::Deferred { not_before } | AttemptEnd::NotSent { not_before } => {
                Some(not_before)
            }
            _ => None,
        }
    }
}

/// A delivery whose sender was gone, and where it stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    pub delivery_id: DeliveryId,
    pub phase: DeliveryPhase,
    pub state: DeliveryState,
}

/// Which deliveries to list; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    pub edition: Option<EditionId>,
    pub state: Option<DeliveryState>,
    pub recipient: Option<String>,
    /// The report whose edition it carries.
    pub report: Option<String>,
}

impl Ledger {
    /// Puts a mail into the outbox.
    ///
    /// The same `dedupe_key`, or the same edition to the same recipient, is queued once; the bytes
    /// of the first time stand.
    ///
    /// # Errors
    /// [`LedgerError::DeliveryDiffers`] if the key is taken by a mail to somebody else.
    pub fn enqueue(&self, new: &NewDelivery, at: Timestamp) -> Result<Enqueued, LedgerError> {
        self.write("queue a mail", |tx| queue(tx, new, at))
    }

    /// Takes the next mail that is due on a transport: it is `sending` from now on, and its attempt
    /// (phase `connect`) is on record before anything is sent. None if nothing is due. Mails to `spared`
    /// addresses are left for later.
    pub fn claim_next(
        &self,
        transport: Transport,
        spared: &[String],
        now: Timestamp,
    ) -> Result<Option<Claim>, LedgerError> {
        self.write("take the next mail", |tx| {
            let due: Option<DeliveryId> = tx
                .query_row(
                    "SELECT delivery_id FROM deliveries
                     WHERE transport = ?1 AND state IN ('queued', 'deferred')
                        AND (not_before IS NULL OR not_before <= ?2)
                        AND recipient NOT IN (SELECT value FROM json_each(?3))
                     ORDER BY delivery_id LIMIT 1",
                    (transport.as_str(), instant(now), json!(spared).to_string()),
                    |row| row.get(0),
                )
                .optional()?;
            let Some(id) = due else { return Ok(None) };
            tx.execute(
                "UPDATE deliveries SET state = 'sending', attempts = attempts + 1,
                    not_before = NULL, updated_at = ?2
                 WHERE delivery_id = ?1",
                (id, instant(now)),
            )?;
            let attempt_no: i64 = tx.query_row(
                "SELECT attempts FROM deliveries WHERE delivery_id = ?1",
                [id],
                |row| row.get(0),
            )?;
            tx.execute(
                "INSERT INTO attempts (delivery_id, attempt_no, started_at, phase, phase_at)
                 VALUES (?1, ?2, ?3, 'connect', ?3)",
                (id, attempt_no, instant(now)),
            )?;
            let detail = json!({ "attempt_no": attempt_no });
            event(tx, now, "attempt_begun", &format!("delivery:{id}"), &detail)?;
            Ok(Some(Claim { delivery: find(tx, id)?, attempt_no, bytes: message::read(tx, id)? }))
        })
    }

    /// Mails on a transport that wait, with when each may be tried: queued ones from their queueing on.
    pub fn waiting_mails(&self, transport: Transport) -> Result<Vec<WaitingMail>, LedgerError> {
        self.read("find the next mails", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT recipient, min(coalesce(not_before, created_at)) AS at FROM deliveries
                 WHERE transport = ?1 AND state IN ('queued', 'deferred') GROUP BY recipient",
            )?;
            let waiting = statement.query_map([transport.as_str()], |row| {
                Ok(WaitingMail { recipient: row.get("recipient")?, at: get(row, "at")? })
            })?;
            Ok(waiting.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Attempts that were begun on a transport after an instant: to whom and when, oldest first.
    pub fn begun_since(
        &self,
        transport: Transport,
        since: Timestamp,
    ) -> Result<Vec<(String, Timestamp)>, LedgerError> {
        self.read("count its attempts", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT recipient, started_at FROM attempts JOIN deliveries USING (delivery_id)
                 WHERE started_at > ?2 AND transport = ?1 ORDER BY started_at",
            )?;
            let begun = statement.query_map((transport.as_str(), instant(since)), |row| {
                Ok((row.get("recipient")?, get(row, "started_at")?))
            })?;
            Ok(begun.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// When the first attempt of a delivery was begun.
    pub fn first_attempt_at(&self, id: DeliveryId) -> Result<Option<Timestamp>, LedgerError> {
        self.read("find the first attempt", |conn| {
            let first = conn
                .prepare_cached(
                    "SELECT min(started_at) AS at FROM attempts WHERE delivery_id = ?1",
                )?
                .query_row([id], |row| get_opt(row, "at"))?;
            Ok(first)
        })
    }

    /// Records that a phase of the current attempt begins; to be called **before** it does.
    pub fn attempt_phase(
        &self,
        id: DeliveryId,
        phase: DeliveryPhase,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        self.write_durably("record a phase", |tx| {
            let attempt_no = current_attempt(tx, id)?;
            tx.execute(
                "UPDATE attempts SET phase = ?3, phase_at = ?4
                 WHERE delivery_id = ?1 AND attempt_no = ?2",
                (id, attempt_no, phase.as_str(), instant(at)),
            )?;
            let detail = json!({ "attempt_no": attempt_no, "phase": phase });
            Ok(event(tx, at, "attempt_phase", &format!("delivery:{id}"), &detail)?)
        })
    }

    /// Records how the current attempt ended.
    ///
    /// # Errors
    /// [`LedgerError::NotSending`] if there is none.
    pub fn finish_attempt(
        &self,
        id: DeliveryId,
        end: AttemptEnd,
        code: Option<u16>,
        reply: &str,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        self.write_durably("record how a mail went", |tx| finish(tx, id, end, code, reply, at))
    }

    /// Settles mails that were being sent by a process that is gone: to be called by who holds the
    /// lease, before it claims any.
    ///
    /// SMTP: before the data → queued; at the data or later → uncertain. To a folder: queued, because
    /// writing the same file again does nothing.
    pub fn recover_deliveries(&self, at: Timestamp) -> Result<Vec<Recovered>, LedgerError> {
        self.write("recover deliveries", |tx| {
            let sending: Vec<(DeliveryId, Transport, DeliveryPhase)> = tx
                .prepare(
                    "SELECT delivery_id, transport, phase FROM deliveries
                     JOIN attempts USING (delivery_id)
                     WHERE deliveries.state = 'sending' AND attempt_no = attempts
                     ORDER BY delivery_id",
                )?
                .query_map([], |row| {
                    Ok((row.get("delivery_id")?, get(row, "transport")?, get(row, "phase")?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            let mut recovered = Vec::new();
            for (delivery_id, transport, phase) in sending {
                let begun = matches!(phase, DeliveryPhase::Data | DeliveryPhase::End);
                let (end, text) = match transport {
                    Transport::Smtp if begun => {
                        (AttemptEnd::Uncertain, "the program ended after the data was begun")
                    }
                    _ => (
                        AttemptEnd::NotSent { not_before: at },
                        "the program ended before the mail was sent",
                    ),
                };
                finish(tx, delivery_id, end, None, text, at)?;
                recovered.push(Recovered { delivery_id, phase, state: end.state() });
            }
            Ok(recovered)
        })
    }

    /// Deliveries in the order in which they were queued.
    pub fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, LedgerError> {
        self.read("list deliveries", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT * FROM deliveries
                 WHERE (:edition IS NULL OR edition_id = :edition)
                    AND (:state IS NULL OR state = :state)
                    AND (:recipient IS NULL OR recipient = :recipient)
                    AND (:report IS NULL OR edition_id IN
                        (SELECT edition_id FROM editions WHERE report = :report))
                 ORDER BY delivery_id",
            )?;
            let rows = statement.query_map(
                named_params! {
                    ":edition": filter.edition,
                    ":state": filter.state.map(DeliveryState::as_str),
                    ":recipient": filter.recipient,
                    ":report": filter.report,
                },
                delivery,
            )?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// One delivery.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`]
    pub fn delivery(&self, id: DeliveryId) -> Result<Delivery, LedgerError> {
        self.read("read a delivery", |conn| find(conn, id))
    }

    /// The frozen bytes of a mail.
    pub fn delivery_bytes(&self, id: DeliveryId) -> Result<Vec<u8>, LedgerError> {
        self.read("read a mail", |conn| message::read(conn, id))
    }

    /// The attempts of a delivery, oldest first.
    pub fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, LedgerError> {
        self.read("list attempts", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT * FROM attempts WHERE delivery_id = ?1 ORDER BY attempt_no",
            )?;
            let rows = statement.query_map([id], attempt)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// As [`Ledger::enqueue`], within a transaction that records more.
pub(super) fn queue(
    tx: &Transaction<'_>,
    new: &NewDelivery,
    at: Timestamp,
) -> Result<Enqueued, Fault> {
    if let Some(delivery) = queued_before(tx, new)? {
        if delivery.recipient != new.recipient || delivery.kind != new.kind {
            let key = new.dedupe_key.clone();
            return Err(LedgerError::DeliveryDiffers { key }.into());
        }
        return Ok(Enqueued { delivery, already: true });
    }
    let bytes_sha256 = message::store(tx, &new.bytes)?;
    let approved = |edition: Option<EditionId>| {
        tx.query_row("SELECT count(*) FROM approvals WHERE edition_id = ?1", [edition], |row| {
            row.get::<_, i64>(0)
        })
    };
    let (state, held_for) = match new.awaits {
        Awaits::Approval if approved(new.edition_id)? == 0 => (DeliveryState::Held, "approval"),
        _ => (DeliveryState::Queued, ""),
    };
    tx.execute(
        "INSERT INTO deliveries (edition_id, kind, dedupe_key, recipient, message_id,
            bytes_sha256, transport, state, created_at, updated_at, held_for, resend_of)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?9, ?8, ?8, ?10, ?11)",
        (
            new.edition_id,
            &new.kind,
            &new.dedupe_key,
            &new.recipient,
            &new.message_id,
            bytes_sha256,
            new.transport.as_str(),
            instant(at),
            state.as_str(),
            held_for,
            new.resend_of,
        ),
    )?;
    let id = DeliveryId(tx.last_insert_rowid());
    let mut detail = json!({
        "edition_id": new.edition_id, "kind": new.kind, "message_id": new.message_id,
        "transport": new.transport,
    });
    if state == DeliveryState::Held {
        detail["state"] = json!(state);
    }
    if let Some(of) = new.resend_of {
        detail["resend_of"] = json!(of);
    }
    event(tx, at, "delivery_queued", &format!("delivery:{id}"), &detail)?;
    Ok(Enqueued { delivery: find(tx, id)?, already: false })
}

fn queued_before(tx: &Transaction<'_>, new: &NewDelivery) -> rusqlite::Result<Option<Delivery>> {
    tx.query_row(
        "SELECT * FROM deliveries
         WHERE dedupe_key = ?1 OR (edition_id = ?2 AND recipient = ?3 AND ?4 IS NULL)
         ORDER BY delivery_id LIMIT 1",
        (&new.dedupe_key, new.edition_id, &new.recipient, new.resend_of),
        delivery,
    )
    .optional()
}

fn current_attempt(tx: &Transaction<'_>, id: DeliveryId) -> Result<i64, Fault> {
    let delivery = find(tx, id)?;
    if delivery.state != DeliveryState::Sending {
        return Err(LedgerError::NotSending { id, state: delivery.state }.into());
    }
    Ok(count(delivery.attempts))
}

fn finish(
    tx: &Transaction<'_>,
    id: DeliveryId,
    end: AttemptEnd,
    code: Option<u16>,
    reply: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    let attempt_no = current_attempt(tx, id)?;
    let state = end.state();
    let not_before = end.not_before().map(instant);
    tx.execute(
        "UPDATE attempts SET finished_at = ?3, state = ?4, not_before = ?5, code = ?6, reply = ?7
         WHERE delivery_id = ?1 AND attempt_no = ?2",
        (id, attempt_no, instant(at), state.as_str(), &not_before, code, reply),
    )?;
    tx.execute(
        "UPDATE deliveries SET state = ?2, not_before = ?3, updated_at = ?4, last_code = ?5,
            last_reply = ?6
         WHERE delivery_id = ?1",
        (id, state.as_str(), &not_before, instant(at), code, reply),
    )?;
    let detail = json!({ "attempt_no": attempt_no, "state": state, "code": code, "reply": reply });
    Ok(event(tx, at, "attempt_finished", &format!("delivery:{id}"), &detail)?)
}

pub(super) fn find(conn: &Connection, id: DeliveryId) -> Result<Delivery, Fault> {
    conn.query_row("SELECT * FROM deliveries WHERE delivery_id = ?1", [id], delivery)
        .optional()?
        .ok_or_else(|| not_found(id))
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        delivery_id: row.get("delivery_id")?,
        edition_id: row.get("edition_id")?,
        kind: row.get("kind")?,
        dedupe_key: row.get("dedupe_key")?,
        recipient: row.get("recipient")?,
        message_id: row.get("message_id")?,
        transport: get(row, "transport")?,
        state: get(row, "state")?,
        attempts: get_count(row, "attempts")?,
        not_before: get_opt(row, "not_before")?,
        created_at: get(row, "created_at")?,
        updated_at: get(row, "updated_at")?,
        last_code: row.get("last_code")?,
        last_reply: row.get("last_reply")?,
        held_for: row.get("held_for")?,
        resend_of: row.get("resend_of")?,
        dsn_status: row.get("dsn_status")?,
    })
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        delivery_id: row.get("delivery_id")?,
        attempt_no: row.get("attempt_no")?,
        started_at: get(row, "started_at")?,
        phase: get(row, "phase")?,
        phase_at: get(row, "phase_at")?,
        finished_at: get_opt(row, "finished_at")?,
        state: get_opt(row, "state")?,
        not_before: get_opt(row, "not_before")?,
        code: row.get("code")?,
        reply: row.get("reply")?,
    })
}

fn not_found(id: DeliveryId) -> Fault {
    LedgerError::NotFound { what: "delivery", key: id.to_string() }.into()
}
