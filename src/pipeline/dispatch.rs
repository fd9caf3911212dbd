//! The outbox: queueing an edition's mails with frozen bytes, and delivering what is queued.

use jiff::{Timestamp, ToSpan};

use super::{Pipeline, PipelineError, Progress};
use crate::config::mail::MailTransport;
use crate::delivery::{
    Envelope, GIVE_UP_AFTER, Outcome, Outgoing, RATE_WINDOW_SECONDS, Rate, backoff_minutes,
    compose, deliver_to_folder, message_id, rate, send,
};
use crate::ledger::{
    AttemptEnd, Awaits, Claim, Delivery, DeliveryFilter, Edition, EditionId, Hand, HandMove,
    NewDelivery, RunId, Transport,
};
use crate::model::{DeliveryPhase, DeliveryState};

impl Pipeline {
    /// Where mails go now: with an `--as-of` always to a folder.
    pub fn transport(&self) -> Transport {
        match self.config.settings.mail.transport {
            MailTransport::Smtp if !self.clock.is_fixed() => Transport::Smtp,
            _ => Transport::Folder,
        }
    }

    /// What mails may go by now: by SMTP only while the clock is the system's.
    pub(super) fn transports(&self) -> Vec<Transport> {
        let mut transports = vec![Transport::Folder];
        if !self.clock.is_fixed() {
            transports.push(Transport::Smtp);
        }
        transports
    }

    /// The addresses that a report goes to, by the roles that it names; of a unit's own sheet (`scope`) the
    /// contacts of that unit alone. Sorted, each once.
    pub fn recipients(&self, roles: &[String], scope: &str) -> Result<Vec<String>, PipelineError> {
        let mut addresses: Vec<String> = self
            .config
            .contacts
            .iter()
            .filter(|contact| roles.contains(&contact.role))
            .filter(|contact| scope.is_empty() || contact.unit_code.as_str() == scope)
            .map(|contact| contact.email.clone())
            .collect();
        addresses.sort();
        addresses.dedup();
        match addresses.iter().find(|address| !self.config.settings.mail.allows(address)) {
            Some(address) => Err(outside(address)),
            None => Ok(addresses),
        }
    }

    /// Queues an edition's mail to each of its recipients. What was queued before stays as it was; an edition
    /// that is to be approved is held until it is, and the edition that it corrects, if that was still held,
    /// goes to nobody any more.
    pub(super) fn enqueue(
        &self,
        run: RunId,
        edition: &Edition,
        progress: &dyn Progress,
    ) -> Result<Vec<Delivery>, PipelineError> {
        let Some(definition) = self.config.reports.iter().find(|d| d.name == edition.report) else {
            return Ok(Vec::new());
        };
        let recipients = match self.recipients(&definition.to, &edition.scope) {
            Ok(recipients) => recipients,
            // One unit's wrong address does not keep the others from their sheets.
            Err(error) if !edition.scope.is_empty() => {
                progress.warn(&format!("{}: nobody is mailed: {}", label(edition), error.chain()));
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        if recipients.is_empty() {
            let whose = match self.config.units.find(&edition.scope) {
                Some(unit) => format!("{} ({}) has", unit.name, unit.code),
                None => "there is".to_owned(),
            };
            progress.warn(&format!(
                "{}: nobody is mailed: {whose} no contact with a role of {}",
                label(edition),
                definition.to.join(", ")
            ));
        }
        if let Some(corrected) = edition.supersedes {
            self.drop_held(corrected, edition)?;
        }
        let queued = self.ledger.deliveries(&DeliveryFilter {
            edition: Some(edition.edition_id),
            ..Default::default()
        })?;
        let new: Vec<String> = recipients
            .into_iter()
            .filter(|recipient| !queued.iter().any(|delivery| delivery.recipient == *recipient))
            .collect();
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let content = self.mail_of(edition)?;
        let awaits =
            if self.approvers(edition)?.is_empty() { Awaits::Nothing } else { Awaits::Approval };
        let mail = &self.config.settings.mail;
        let key = label(edition);
        let subject = match key.rsplit_once('/') {
            Some((of, no)) => format!("edition:{of}:{no}"),
            None => format!("edition:{key}"),
        };
        let mut deliveries = Vec::new();
        for recipient in new {
            let message_id = message_id(&subject, &recipient, &mail.from);
            let envelope = Envelope {
                from: mail.from.clone(),
                to: recipient.clone(),
                reply_to: mail.reply_to.clone(),
                message_id: message_id.clone(),
                // The edition's moment: the same bytes whenever it is queued.
                date: edition.created_at,
                edition: Some(key.replace('/', " ")),
            };
            let bytes = compose(&content, &envelope)
                .map_err(|error| PipelineError::step("composing a mail", error))?;
            let enqueued = self.step(run, "queue", &key, progress, || {
                Ok(self.ledger.enqueue(
                    &NewDelivery {
                        edition_id: Some(edition.edition_id),
                        kind: "report".into(),
                        dedupe_key: format!("{subject}:{recipient}"),
                        recipient,
                        message_id,
                        bytes,
                        transport: self.transport(),
                        awaits,
                        resend_of: None,
                    },
                    self.now(),
                )?)
            })?;
            deliveries.push(enqueued.delivery);
        }
        Ok(deliveries)
    }

    /// Cancels the mails of an edition that waited for an approval which a correction has overtaken.
    fn drop_held(&self, corrected: EditionId, by: &Edition) -> Result<(), PipelineError> {
        let held = self.ledger.deliveries(&DeliveryFilter {
            edition: Some(corrected),
            state: Some(DeliveryState::Held),
            ..Default::default()
        })?;
        let held: Vec<_> = held.iter().map(|delivery| delivery.delivery_id).collect();
        if !held.is_empty() {
            let hand = Hand { name: "duban".into(), reason: format!("corrected by {}", label(by)) };
            self.ledger.move_by_hand(&held, HandMove::Cancel, &hand, self.now())?;
        }
        Ok(())
    }

    /// Delivers all that is queued and due, one by one; by SMTP as fast as the limits allow, and what they do
    /// not allow yet waits.
    pub(super) fn deliver(
        &self,
        run: RunId,
        progress: &dyn Progress,
    ) -> Result<Vec<Delivery>, PipelineError> {
        self.read_bounces(progress)?;
        let mut done = Vec::new();
        for transport in self.transports() {
            while !progress.is_stopping() {
                let rate = self.rate(transport)?;
                if rate.not_before.is_some() {
                    self.say_waiting(transport, progress)?;
                    break;
                }
                let spared: Vec<String> =
                    rate.spared.into_iter().map(|(address, _)| address).collect();
                let Some(claim) = self.ledger.claim_next(transport, &spared, self.now())? else {
                    break;
                };
                let id = claim.delivery.delivery_id;
                self.step(run, "deliver", &id.to_string(), progress, || match transport {
                    Transport::Folder => self.put_into_folder(&claim),
                    Transport::Smtp => self.send_by_smtp(&claim, progress),
                })?;
                done.push(self.ledger.delivery(id)?);
            }
        }
        Ok(done)
    }

    /// What the limits allow now. A folder takes all.
    fn rate(&self, transport: Transport) -> Result<Rate, PipelineError> {
        let limits = self.config.settings.mail.limits();
        let is_free = limits.per_minute == 0 && limits.per_recipient_per_hour == 0;
        if transport == Transport::Folder || is_free {
            return Ok(Rate::default());
        }
        let now = self.now();
        let since = now.checked_sub(RATE_WINDOW_SECONDS.seconds()).unwrap_or(now);
        Ok(rate(limits, &self.ledger.begun_since(transport, since)?, now))
    }

    fn say_waiting(
        &self,
        transport: Transport,
        progress: &dyn Progress,
    ) -> Result<(), PipelineError> {
        let waiting = self.ledger.waiting_mails(transport)?;
        let due = waiting.iter().filter(|mail| mail.at <= self.now()).count();
        if due > 0 {
            progress.warn(&format!(
                "mail.per_minute is reached: mails to {due} address(es) wait for the daemon or the next run"
            ));
        }
        Ok(())
    }

    /// When the next mail may go out: queued ones at once, or as soon as the limits allow. None if none waits.
    pub fn next_delivery(&self) -> Result<Option<Timestamp>, PipelineError> {
        let mut next: Option<Timestamp> = None;
        for transport in self.transports() {
            let waiting = self.ledger.waiting_mails(transport)?;
            if waiting.is_empty() {
                continue;
            }
            let rate = self.rate(transport)?;
            let first = waiting.iter().map(|mail| rate.allowed_at(&mail.recipient, mail.at)).min();
            next = [next, first].into_iter().flatten().min();
        }
        Ok(next)
    }

    fn put_into_folder(&self, claim: &Claim) -> Result<(), PipelineError> {
        let folder = self.config.home.mail();
        let placed = deliver_to_folder(&folder, &claim.delivery.message_id, &claim.bytes);
        let (end, text) = match &placed {
            Ok((path, _)) => (AttemptEnd::Accepted, self.config.home.label(path)),
            Err(error) => {
                let not_before = self.later(claim.delivery.attempts);
                (AttemptEnd::NotSent { not_before }, error.to_string())
            }
        };
        self.finish_attempt(claim, end, None, &text)
    }

    fn send_by_smtp(&self, claim: &Claim, progress: &dyn Progress) -> Result<(), PipelineError> {
        let id = claim.delivery.delivery_id;
        let mail = &self.config.settings.mail;
        let settings = match &self.config.smtp {
            Ok(settings) => settings,
            Err(problems) => {
                let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
                let not_before = self.later(claim.delivery.attempts);
                let end = AttemptEnd::NotSent { not_before };
                return self.finish_attempt(claim, end, None, &text.join("; "));
            }
        };
        let outgoing =
            Outgoing { from: &mail.from, to: &claim.delivery.recipient, bytes: &claim.bytes };
        let mut record = |phase: DeliveryPhase| {
            self.ledger.attempt_phase(id, phase, self.now())?;
            self.stand_still("deliver", phase.as_str());
            Ok(())
        };
        let outcome = send(settings, &outgoing, &mut record);
        let later = || self.later(claim.delivery.attempts);
        let (end, code, text) = match outcome {
            Outcome::Accepted { code, text } => (AttemptEnd::Accepted, Some(code), text),
            Outcome::Deferred { code, text } => {
                (AttemptEnd::Deferred { not_before: later() }, Some(code), text)
            }
            Outcome::Refused { code, text } => (AttemptEnd::Refused, code, text),
            Outcome::Uncertain { text } => (AttemptEnd::Uncertain, None, text),
            Outcome::NotSent { phase, text } => {
                (AttemptEnd::NotSent { not_before: later() }, None, format!("{phase}: {text}"))
            }
        };
        self.finish_attempt(claim, end, code, &text)?;
        let delivery = self.ledger.delivery(id)?;
        if delivery.state != DeliveryState::Accepted {
            progress
                .warn(&format!("mail {id} to {}: {} {text}", delivery.recipient, delivery.state));
        }
        Ok(())
    }

    /// Records how an attempt ended. One more try than [`GIVE_UP_AFTER`] allows is not promised: the
    /// mail is refused then, with what stood in its way.
    fn finish_attempt(
        &self,
        claim: &Claim,
        end: AttemptEnd,
        code: Option<u16>,
        text: &str,
    ) -> Result<(), PipelineError> {
        let id = claim.delivery.delivery_id;
        let first = self.ledger.first_attempt_at(id)?.unwrap_or(self.now());
        let (end, text) = match end {
            AttemptEnd::Deferred { not_before } | AttemptEnd::NotSent { not_before }
                if not_before.duration_since(first) > GIVE_UP_AFTER =>
            {
                let days = GIVE_UP_AFTER.as_hours() / 24;
                (AttemptEnd::Refused, format!("given up after {days} days: {text}"))
            }
            end => (end, text.to_owned()),
        };
        Ok(self.ledger.finish_attempt(id, end, code, &text, self.now())?)
    }

    fn later(&self, attempts: u64) -> jiff::Timestamp {
        let minutes = i64::from(backoff_minutes(attempts));
        self.now().checked_add(minutes.minutes()).unwrap_or(self.now())
    }
}

/// An edition's name in steps and messages: `report/3`, `report/A01/3`.
pub(super) fn label(edition: &Edition) -> String {
    match edition.scope.as_str() {
        "" => format!("{}/{}", edition.report, edition.edition_no),
        scope => format!("{}/{scope}/{}", edition.report, edition.edition_no),
    }
}

/// The refusal of an address that the settings do not let us write to.
pub(super) fn outside(address: &str) -> PipelineError {
    PipelineError::wrong_hint(
        format!("{address} is outside mail.allowed_domains"),
        "correct config/contacts.csv, or allow its domain in config/duban.toml",
    )
}
