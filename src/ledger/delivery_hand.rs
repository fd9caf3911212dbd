//! What people and returned mails do to the outbox: approval, hold, release, cancel, bounce. Each is an event
//! with who and why.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction};
use serde::Serialize;
use serde_json::json;

use super::delivery::{Delivery, find};
use super::error::Fault;
use super::value::{get, instant};
use super::{DeliveryId, EditionId, Ledger, LedgerError, event};
use crate::model::DeliveryState;

/// Who did something by hand, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hand {
    pub name: String,
    pub reason: String,
}

/// What may be done to mails by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandMove {
    /// Queued or deferred → held.
    Hold,
    /// Held by hand → queued.
    Release,
    /// Not yet gone → never goes.
    Cancel,
}

impl HandMove {
    fn words(self) -> (&'static str, &'static str, DeliveryState) {
        match self {
            HandMove::Hold => ("held", "delivery_held", DeliveryState::Held),
            HandMove::Release => ("released", "delivery_released", DeliveryState::Queued),
            HandMove::Cancel => ("cancelled", "delivery_cancelled", DeliveryState::Cancelled),
        }
    }

    /// Whether a mail in this state may be moved so.
    pub fn may_begin_at(self, state: DeliveryState) -> bool {
        use DeliveryState as S;
        match self {
            HandMove::Hold => matches!(state, S::Queued | S::Deferred),
            HandMove::Release => state == S::Held,
            HandMove::Cancel => matches!(state, S::Queued | S::Deferred | S::Held),
        }
    }
}

/// That an edition may go out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approval {
    pub edition_id: EditionId,
    /// One that the definition names.
    pub role: String,
    pub name: String,
    pub note: String,
    pub at: Timestamp,
}

impl Ledger {
    /// Holds, releases or cancels mails: all of them or none. Those afterwards.
    ///
    /// # Errors
    /// [`LedgerError::NotMovable`] with the first whose state does not allow it;
    /// [`LedgerError::AwaitsApproval`] if it is its edition that waits.
    pub fn move_by_hand(
        &self,
        ids: &[DeliveryId],
        wanted: HandMove,
        hand: &Hand,
        at: Timestamp,
    ) -> Result<Vec<Delivery>, LedgerError> {
        self.write("change the state of mails", |tx| {
            let (word, kind, state) = wanted.words();
            let mut moved = Vec::new();
            for id in ids {
                let delivery = find(tx, *id)?;
                if !wanted.may_begin_at(delivery.state) {
                    let (id, state) = (*id, delivery.state);
                    return Err(LedgerError::NotMovable { id, state, wanted: word }.into());
                }
                if wanted == HandMove::Release
                    && delivery.held_for == "approval"
                    && let Some(edition) = delivery.edition_id
                {
                    return Err(LedgerError::AwaitsApproval { id: *id, edition }.into());
                }
                let held_for = if wanted == HandMove::Hold { "hand" } else { "" };
                put(tx, *id, state, held_for, at)?;
                let detail =
                    json!({ "from": delivery.state, "by": hand.name, "reason": hand.reason });
                event(tx, at, kind, &format!("delivery:{id}"), &detail)?;
                moved.push(find(tx, *id)?);
            }
            Ok(moved)
        })
    }

    /// Records that an edition may go out, and releases its mails that waited for it; gives their number.
    ///
    /// # Errors
    /// [`LedgerError::Approved`] if somebody did so before.
    pub fn approve(&self, approval: &Approval) -> Result<usize, LedgerError> {
        let at = approval.at;
        self.write("approve an edition", |tx| {
            if let Some(before) = approval_of(tx, approval.edition_id)? {
                let Approval { edition_id: edition, role, name, at, .. } = before;
                return Err(LedgerError::Approved { edition, role, name, at }.into());
            }
            tx.execute(
                "INSERT INTO approvals (edition_id, role, name, note, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                (approval.edition_id, &approval.role, &approval.name, &approval.note, instant(at)),
            )?;
            let held: Vec<DeliveryId> = tx
                .prepare(
                    "SELECT delivery_id FROM deliveries
                     WHERE edition_id = ?1 AND state = 'held' AND held_for = 'approval'
                     ORDER BY delivery_id",
                )?
                .query_map([approval.edition_id], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            for id in &held {
                put(tx, *id, DeliveryState::Queued, "", at)?;
            }
            let detail = json!({
                "role": approval.role, "by": approval.name, "note": approval.note,
                "n_released": held.len(),
            });
            let subject = format!("edition:{}", approval.edition_id);
            event(tx, at, "edition_approved", &subject, &detail)?;
            Ok(held.len())
        })
    }

    /// Who approved an edition.
    pub fn approval(&self, edition: EditionId) -> Result<Option<Approval>, LedgerError> {
        self.read("find an approval", |conn| Ok(approval_of(conn, edition)?))
    }

    /// What has been done by hand to a mail, and what servers reported of it, oldest first: when, the event's
    /// kind and its detail as JSON.
    pub fn delivery_events(
        &self,
        id: DeliveryId,
    ) -> Result<Vec<(Timestamp, String, String)>, LedgerError> {
        self.read("list a mail's events", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT at, kind, detail_json FROM events WHERE subject = ?1
                    AND kind IN ('delivery_held', 'delivery_released', 'delivery_cancelled',
                        'delivery_resent', 'delivery_returned')
                 ORDER BY seq",
            )?;
            let events = statement.query_map([format!("delivery:{id}")], |row| {
                Ok((get(row, "at")?, row.get("kind")?, row.get("detail_json")?))
            })?;
            Ok(events.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Records that a mail is sent again by hand, and why, with the row that does so.
    ///
    /// # Errors
    /// [`LedgerError::NotMovable`] unless it was settled: accepted, refused, uncertain, cancelled or bounced.
    pub fn resend(
        &self,
        id: DeliveryId,
        new: &super::NewDelivery,
        hand: &Hand,
        at: Timestamp,
    ) -> Result<Delivery, LedgerError> {
        self.write("queue a mail again", |tx| {
            let delivery = find(tx, id)?;
            use DeliveryState as S;
            let state = delivery.state;
            if !matches!(state, S::Accepted | S::Refused | S::Uncertain | S::Cancelled | S::Bounced)
            {
                return Err(LedgerError::NotMovable { id, state, wanted: "sent again" }.into());
            }
            let queued = super::delivery::queue(tx, new, at)?.delivery;
            let detail = json!({
                "by": hand.name, "reason": hand.reason, "as": queued.delivery_id, "from": state,
            });
            event(tx, at, "delivery_resent", &format!("delivery:{id}"), &detail)?;
            Ok(queued)
        })
    }
}

fn put(
    tx: &Transaction<'_>,
    id: DeliveryId,
    state: DeliveryState,
    held_for: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    tx.execute(
        "UPDATE deliveries SET state = ?2, held_for = ?3, not_before = NULL, updated_at = ?4
         WHERE delivery_id = ?1",
        (id, state.as_str(), held_for, instant(at)),
    )?;
    Ok(())
}

fn approval_of(
    conn: &rusqlite::Connection,
    edition: EditionId,
) -> rusqlite::Result<Option<Approval>> {
    conn.query_row("SELECT * FROM approvals WHERE edition_id = ?1", [edition], |row| {
        Ok(Approval {
            edition_id: row.get("edition_id")?,
            role: row.get("role")?,
            name: row.get("name")?,
            note: row.get("note")?,
            at: get(row, "at")?,
        })
    })
    .optional()
}
