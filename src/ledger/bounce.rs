//! Reports of delivery: a mail that a server had accepted came back, or is late.

use jiff::Timestamp;
use rusqlite::OptionalExtension;
use serde_json::json;

use super::delivery::find;
use super::value::instant;
use super::{DeliveryId, Ledger, LedgerError, event};
use crate::model::DeliveryState;

/// What a report says of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Of our mail, without angle brackets.
    pub message_id: String,
    /// Empty if the report does not name it.
    pub recipient: String,
    /// It was given up; otherwise it is still being tried.
    pub has_failed: bool,
    /// RFC 3463.
    pub status: String,
    pub diagnostic: String,
}

impl Ledger {
    /// Records what a report says: a mail that failed is `bounced`, one that is late stays as it is and has an event.
    /// The delivery that it is about; none if it is about no mail of ours, or to another address. The same report
    /// again changes nothing.
    pub fn record_bounce(
        &self,
        returned: &Returned,
        at: Timestamp,
    ) -> Result<Option<DeliveryId>, LedgerError> {
        self.write("record a report of delivery", |tx| {
            let id: Option<DeliveryId> = tx
                .query_row(
                    "SELECT delivery_id FROM deliveries WHERE message_id = ?1
                        AND (?2 = '' OR lower(recipient) = lower(?2))",
                    (&returned.message_id, &returned.recipient),
                    |row| row.get(0),
                )
                .optional()?;
            let Some(id) = id else { return Ok(None) };
            let before = find(tx, id)?;
            let state = if returned.has_failed { DeliveryState::Bounced } else { before.state };
            if before.dsn_status == returned.status && before.state == state {
                return Ok(Some(id));
            }
            tx.execute(
                "UPDATE deliveries SET state = ?2, dsn_status = ?3, last_reply = ?4, updated_at = ?5
                 WHERE delivery_id = ?1",
                (id, state.as_str(), &returned.status, &returned.diagnostic, instant(at)),
            )?;
            let detail = json!({
                "from": before.state, "to": state, "status": returned.status,
                "diagnostic": returned.diagnostic,
            });
            event(tx, at, "delivery_returned", &format!("delivery:{id}"), &detail)?;
            Ok(Some(id))
        })
    }
}
