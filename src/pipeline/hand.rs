//! What people do to editions and mails: approve, send, hold, release, cancel, send again.
//!
//! ## Design notes
//! - As with items, what is done by hand is a run of its own under the lease, waits for a run that holds the
//!   home, and is done to all that were named or to none.
//! - Who approves is taken at their word, as with items: the ledger records the role and the name. A role that
//!   the definition of the edition does not name is refused.

use std::collections::BTreeSet;

use super::dispatch::{label, outside};
use super::{ACT_PATIENCE, Pipeline, PipelineError, Progress};
use crate::delivery::{marked_again, message_id};
use crate::ledger::{
    Approval, Awaits, Delivery, DeliveryFilter, DeliveryId, Edition, EditionFilter, EditionId,
    Hand, HandMove, NewDelivery,
};
use crate::model::{DeliveryState, Period};

/// What is done to mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandAct {
    Move(HandMove),
    Resend,
}

/// Which editions are to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendWhat {
    Edition(EditionId),
    /// The newest of a report for a period (the newest that has one), of all its units.
    Report {
        name: String,
        period: Option<Period>,
    },
}

impl Pipeline {
    /// The roles that may approve an edition, as its definition had them; none: it goes at once.
    pub(super) fn approvers(&self, edition: &Edition) -> Result<Vec<String>, PipelineError> {
        let parts = self.ledger.edition_parts(edition.edition_id)?;
        Ok(match Self::frozen_definition(edition, &parts)? {
            Some(definition) => definition.approval,
            None => Vec::new(),
        })
    }

    /// Editions whose mails wait for an approval, with the roles that may give it; none that was corrected
    /// by a newer one.
    pub fn awaiting_approval(&self) -> Result<Vec<(EditionId, Vec<String>)>, PipelineError> {
        let filter =
            DeliveryFilter { state: Some(DeliveryState::Held), ..DeliveryFilter::default() };
        let held = self.ledger.deliveries(&filter)?;
        let editions: BTreeSet<EditionId> =
            held.iter().filter_map(|delivery| delivery.edition_id).collect();
        let mut waiting = Vec::new();
        for id in editions {
            let edition = self.ledger.edition(id)?;
            let newest =
                self.ledger.newest_edition(&edition.report, &edition.scope, edition.period)?;
            let is_newest = newest.is_some_and(|newest| newest.edition_id == id);
            let approvers = self.approvers(&edition)?;
            if is_newest && !approvers.is_empty() && self.ledger.approval(id)?.is_none() {
                waiting.push((id, approvers));
            }
        }
        Ok(waiting)
    }

    /// Lets an edition go out: its mails that were held for that are sent. Those that went.
    ///
    /// # Errors
    /// The role may not, the edition needs no approval, has it already, or was corrected by a newer one.
    pub fn approve(
        &self,
        id: EditionId,
        role: &str,
        hand: &Hand,
        progress: &dyn Progress,
    ) -> Result<Vec<Delivery>, PipelineError> {
        let edition = self.ledger.edition(id)?;
        let approvers = self.approvers(&edition)?;
        if approvers.is_empty() {
            let message = format!("edition {id} ({}) needs no approval", label(&edition));
            return Err(PipelineError::wrong(message));
        }
        if !approvers.iter().any(|known| known == role) {
            return Err(PipelineError::wrong_hint(
                format!("`{role}` may not approve {}", label(&edition)),
                format!("these may: {}", approvers.join(", ")),
            ));
        }
        let newest = self.ledger.newest_edition(&edition.report, &edition.scope, edition.period)?;
        if let Some(newest) = newest.filter(|newest| newest.edition_id != id) {
            return Err(PipelineError::wrong_hint(
                format!("{} was corrected by {}", label(&edition), label(&newest)),
                format!("look at edition {} and approve that", newest.edition_id),
            ));
        }
        let command = format!("report approve {id}");
        self.with_run_soon(ACT_PATIENCE, &command, progress, |run| {
            self.step(run, "approve", &label(&edition), progress, || {
                Ok(self.ledger.approve(&Approval {
                    edition_id: id,
                    role: role.to_owned(),
                    name: hand.name.clone(),
                    note: hand.reason.clone(),
                    at: self.now(),
                })?)
            })?;
            self.deliver(run, progress)?;
            self.mails_of(&[id])
        })
    }

    /// Queues the mails of editions that were built without, and sends what is queued. Those of the editions.
    ///
    /// # Errors
    /// There is no such edition; as [`Pipeline::with_run`].
    pub fn send_editions(
        &self,
        what: &SendWhat,
        progress: &dyn Progress,
    ) -> Result<Vec<Delivery>, PipelineError> {
        let editions = self.editions_to_send(what)?;
        let names: Vec<String> = editions.iter().take(3).map(label).collect();
        let more = if editions.len() > names.len() { " …" } else { "" };
        let command = format!("report send {}{more}", names.join(" "));
        self.with_run_soon(ACT_PATIENCE, &command, progress, |run| {
            for edition in &editions {
                self.enqueue(run, edition, progress)?;
            }
            self.deliver(run, progress)?;
            let ids: Vec<EditionId> = editions.iter().map(|edition| edition.edition_id).collect();
            self.mails_of(&ids)
        })
    }

    /// The editions that are meant.
    pub fn editions_to_send(&self, what: &SendWhat) -> Result<Vec<Edition>, PipelineError> {
        let (name, period) = match what {
            SendWhat::Edition(id) => return Ok(vec![self.ledger.edition(*id)?]),
            SendWhat::Report { name, period } => (name, *period),
        };
        self.report(name)?;
        let filter = EditionFilter { report: Some(name.clone()), period, ..Default::default() };
        let all = self.ledger.editions(&filter)?;
        let Some(newest) = all.iter().map(|edition| edition.period).max() else {
            return Err(PipelineError::wrong_hint(
                format!("`{name}` has no edition yet"),
                format!("duban report build {name} --period …"),
            ));
        };
        // Of each scope the last that was made.
        let mut last = std::collections::BTreeMap::new();
        for edition in all.into_iter().filter(|edition| edition.period == newest) {
            last.insert(edition.scope.clone(), edition);
        }
        Ok(last.into_values().collect())
    }

    /// Holds, releases, cancels mails, or sends them again marked as such: all that are named, or none.
    ///
    /// # Errors
    /// The state of one does not allow it; an address is outside the allowed domains.
    pub fn handle_mails(
        &self,
        ids: &[DeliveryId],
        act: HandAct,
        hand: &Hand,
        progress: &dyn Progress,
    ) -> Result<Vec<Delivery>, PipelineError> {
        let numbers: Vec<String> = ids.iter().take(5).map(ToString::to_string).collect();
        let word = match act {
            HandAct::Move(HandMove::Hold) => "hold",
            HandAct::Move(HandMove::Release) => "release",
            HandAct::Move(HandMove::Cancel) => "cancel",
            HandAct::Resend => "resend",
        };
        let key = numbers.join(" ");
        self.with_run_soon(ACT_PATIENCE, &format!("mail {word} {key}"), progress, |run| {
            let moved = self.step(run, word, &key, progress, || match act {
                HandAct::Move(wanted) => {
                    Ok(self.ledger.move_by_hand(ids, wanted, hand, self.now())?)
                }
                HandAct::Resend => ids.iter().map(|id| self.queue_again(*id, hand)).collect(),
            })?;
            if matches!(act, HandAct::Resend | HandAct::Move(HandMove::Release)) {
                self.deliver(run, progress)?;
            }
            let moved = moved.iter().map(|delivery| self.ledger.delivery(delivery.delivery_id));
            Ok(moved.collect::<Result<_, _>>()?)
        })
    }

    fn queue_again(&self, id: DeliveryId, hand: &Hand) -> Result<Delivery, PipelineError> {
        let old = self.ledger.delivery(id)?;
        let mail = &self.config.settings.mail;
        if !mail.allows(&old.recipient) {
            return Err(outside(&old.recipient));
        }
        // Each time is another mail: none may be taken for the one before.
        let key = format!("again:{id}:{}", self.ledger.event_no()?);
        let message_id = message_id(&key, &old.recipient, &mail.from);
        let bytes = self.ledger.delivery_bytes(id)?;
        let new = NewDelivery {
            edition_id: old.edition_id,
            kind: old.kind.clone(),
            dedupe_key: key,
            recipient: old.recipient.clone(),
            bytes: marked_again(&bytes, &message_id, &old.message_id, self.now()),
            message_id,
            transport: self.transport(),
            awaits: Awaits::Nothing,
            resend_of: Some(id),
        };
        Ok(self.ledger.resend(id, &new, hand, self.now())?)
    }

    fn mails_of(&self, editions: &[EditionId]) -> Result<Vec<Delivery>, PipelineError> {
        let mut mails = Vec::new();
        for id in editions {
            let filter = DeliveryFilter { edition: Some(*id), ..Default::default() };
            mails.extend(self.ledger.deliveries(&filter)?);
        }
        Ok(mails)
    }
}
