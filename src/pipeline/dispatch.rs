//! The outbox: queueing an edition's mails with frozen bytes, and delivering what is queued.

use jiff::ToSpan;

use super::{Pipeline, PipelineError, Progress};
use crate::config::mail::MailTransport;
use crate::delivery::{
    Envelope, GIVE_UP_AFTER, Outcome, Outgoing, backoff_minutes, compose, deliver_to_folder,
    message_id, send,
};
use crate::ledger::{AttemptEnd, Claim, Delivery, Edition, NewDelivery, RunId, Transport};
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

    /// The addresses that a report goes to, by the roles that it names; sorted, each once.
    pub fn recipients(&self, roles: &[String]) -> Result<Vec<String>, PipelineError> {
        let mut addresses: Vec<String> = self
            .config
            .contacts
            .iter()
            .filter(|contact| roles.contains(&contact.role))
            .map(|contact| contact.email.clone())
            .collect();
        addresses.sort();
        addresses.dedup();
        let mail = &self.config.settings.mail;
        match addresses.iter().find(|address| !mail.allows(address)) {
            Some(address) => Err(PipelineError::wrong_hint(
                format!("{address} is outside mail.allowed_domains"),
                "correct config/contacts.csv, or allow its domain in config/duban.toml",
            )),
            None => Ok(addresses),
        }
    }

    /// Queues an edition's mail to each of its recipients. What was queued before stays as it was.
    pub(super) fn enqueue(
        &self,
        run: RunId,
        edition: &Edition,
        progress: &dyn Progress,
    ) -> Result<Vec<Delivery>, PipelineError> {
        let Some(definition) = self.config.reports.iter().find(|d| d.name == edition.report) else {
            return Ok(Vec::new());
        };
        let recipients = self.recipients(&definition.to)?;
        let queued = self.ledger.deliveries(&crate::ledger::DeliveryFilter {
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
        let mail = &self.config.settings.mail;
        let subject = format!("edition:{}:{}", edition.report, edition.edition_no);
        let mut deliveries = Vec::new();
        for recipient in new {
            let key = format!("{}/{}", edition.report, edition.edition_no);
            let message_id = message_id(&subject, &recipient, &mail.from);
            let envelope = Envelope {
                from: mail.from.clone(),
                to: recipient.clone(),
                reply_to: mail.reply_to.clone(),
                message_id: message_id.clone(),
                // The edition's moment: the same bytes whenever it is queued.
                date: edition.created_at,
                edition: Some(format!("{} {}", edition.report, edition.edition_no)),
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
                    },
                    self.now(),
                )?)
            })?;
            deliveries.push(enqueued.delivery);
        }
        Ok(deliveries)
    }

    /// Delivers all that is queued and due, one by one.
    pub(super) fn deliver(
        &self,
        run: RunId,
        progress: &dyn Progress,
    ) -> Result<Vec<Delivery>, PipelineError> {
        let mut done = Vec::new();
        for transport in self.transports() {
            while !progress.is_stopping()
                && let Some(claim) = self.ledger.claim_next(transport, self.now())?
            {
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
