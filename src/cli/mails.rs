//! `duban mail`: what became of each mail, and what people do to it.

use serde_json::{Value, json};

use super::args::{Cli, Format};
use super::commands::{Environment, ledger_error, text};
use super::output::{Rows, put};
use super::report_args::{HandArgs, MailCommand, MailsArgs};
use super::{CliError, Verdict, Watch, open};
use crate::ledger::{Delivery, DeliveryFilter, DeliveryId, EditionId, Hand, HandMove};
use crate::model::{DeliveryState, UnknownState};
use crate::pipeline::{HandAct, Pipeline};

pub(super) fn run(
    cli: &Cli,
    environment: &Environment,
    command: &MailCommand,
) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    match command {
        MailCommand::List { state, report, edition, recipient, format } => {
            let state = state.as_deref().map(read_state).transpose()?;
            let filter = DeliveryFilter {
                state,
                report: report.clone(),
                edition: edition.map(EditionId),
                recipient: recipient.clone(),
            };
            let mails = pipeline.ledger().deliveries(&filter).map_err(ledger_error)?;
            print(&mails, *format)?;
        }
        MailCommand::Show { delivery_id, raw, format } => {
            show(&pipeline, *delivery_id, *raw, *format)?;
        }
        MailCommand::Hold(args) => move_mails(cli, &pipeline, HandMove::Hold, args)?,
        MailCommand::Release(args) => move_mails(cli, &pipeline, HandMove::Release, args)?,
        MailCommand::Cancel(args) => move_mails(cli, &pipeline, HandMove::Cancel, args)?,
        MailCommand::Resend { delivery_id, hand } => {
            act(cli, &pipeline, &[DeliveryId(*delivery_id)], HandAct::Resend, hand)?;
        }
    }
    Ok(Verdict::Done)
}

fn read_state(word: &str) -> Result<DeliveryState, CliError> {
    word.parse().map_err(|error: UnknownState| CliError::Usage {
        message: error.to_string(),
        hint: Some(
            "queued, sending, accepted, deferred, refused, uncertain, held, cancelled, bounced"
                .into(),
        ),
    })
}

fn move_mails(
    cli: &Cli,
    pipeline: &Pipeline,
    wanted: HandMove,
    args: &MailsArgs,
) -> Result<(), CliError> {
    let ids: Vec<DeliveryId> = match args.edition {
        None => args.delivery_ids.iter().copied().map(DeliveryId).collect(),
        Some(edition) => {
            let filter =
                DeliveryFilter { edition: Some(EditionId(edition)), ..DeliveryFilter::default() };
            let mails = pipeline.ledger().deliveries(&filter).map_err(ledger_error)?;
            let movable = mails.into_iter().filter(|mail| wanted.may_begin_at(mail.state));
            movable.map(|mail| mail.delivery_id).collect()
        }
    };
    if ids.is_empty() {
        return Err(CliError::Usage {
            message: "no mail of this edition is in a state for that".into(),
            hint: Some(match args.edition {
                Some(edition) => format!("see `duban mail list --edition {edition}`"),
                None => "name its number".into(),
            }),
        });
    }
    act(cli, pipeline, &ids, HandAct::Move(wanted), &args.hand)
}

fn act(
    cli: &Cli,
    pipeline: &Pipeline,
    ids: &[DeliveryId],
    act: HandAct,
    hand: &HandArgs,
) -> Result<(), CliError> {
    let watch = Watch::new(cli);
    let hand = Hand { name: hand.by.clone(), reason: hand.reason.clone() };
    let moved = pipeline.handle_mails(ids, act, &hand, &watch)?;
    watch.done();
    lines(&moved);
    Ok(())
}

/// A line a mail.
pub(super) fn lines(mails: &[Delivery]) {
    for mail in mails {
        put(format!(
            "  mail {} {} {} {}",
            mail.delivery_id, mail.recipient, mail.state, mail.last_reply
        ));
    }
}

/// Which thing a mail carries: of a report's which edition.
fn carries(mail: &Delivery) -> String {
    match (mail.resend_of, mail.kind.as_str()) {
        (Some(of), kind) => format!("{kind}, mail {of} again"),
        (None, "report") => {
            mail.dedupe_key.rsplit_once(':').map_or("", |(what, _)| what).to_owned()
        }
        (None, kind) => kind.to_owned(),
    }
}

fn print(mails: &[Delivery], format: Format) -> Result<(), CliError> {
    let mut rows = Rows::new(&[
        "id",
        "kind",
        "edition",
        "recipient",
        "state",
        "attempts",
        "not_before",
        "code",
        "reply",
        "updated_at",
    ]);
    for mail in mails {
        let state = match mail.held_for.as_str() {
            "" => mail.state.as_str().to_owned(),
            why => format!("{} ({why})", mail.state),
        };
        // A program that reads asks for the bare word.
        let state = if format == Format::Table { state } else { mail.state.as_str().to_owned() };
        rows.push(vec![
            json!(mail.delivery_id.0),
            json!(carries(mail)),
            mail.edition_id.map_or(Value::Null, |id| json!(id)),
            json!(mail.recipient),
            json!(state),
            json!(mail.attempts),
            text(mail.not_before),
            mail.last_code.map_or(Value::Null, |code| json!(code)),
            json!(mail.last_reply),
            json!(mail.updated_at.to_string()),
        ]);
    }
    Ok(rows.print(format)?)
}

fn show(pipeline: &Pipeline, delivery_id: i64, raw: bool, format: Format) -> Result<(), CliError> {
    let ledger = pipeline.ledger();
    let id = DeliveryId(delivery_id);
    let delivery = ledger.delivery(id).map_err(ledger_error)?;
    let bytes = ledger.delivery_bytes(id).map_err(ledger_error)?;
    if raw {
        use std::io::Write;
        std::io::stdout().lock().write_all(&bytes)?;
        return Ok(());
    }
    let attempts = ledger.attempts(id).map_err(ledger_error)?;
    let events = ledger.delivery_events(id).map_err(ledger_error)?;
    if format == Format::Json {
        let events: Vec<Value> = events
            .iter()
            .map(|(at, kind, detail)| {
                let detail: Value = serde_json::from_str(detail).unwrap_or_default();
                json!({ "at": at, "kind": kind, "detail": detail })
            })
            .collect();
        let value = json!({
            "delivery": delivery, "attempts": attempts, "events": events, "size": bytes.len(),
        });
        put(serde_json::to_string_pretty(&value).unwrap_or_default());
        return Ok(());
    }
    put(format!("mail {delivery_id} to {}: {}", delivery.recipient, delivery.state));
    put(format!("  Message-ID <{}>, {} bytes", delivery.message_id, bytes.len()));
    if let Some(of) = delivery.resend_of {
        put(format!("  mail {of} once more"));
    }
    for (at, kind, detail) in &events {
        let detail: Value = serde_json::from_str(detail).unwrap_or_default();
        put(format!("  {at} {kind} {detail}"));
    }
    let mut rows = Rows::new(&["attempt", "started_at", "reached", "ended", "code", "reply"]);
    for attempt in attempts {
        rows.push(vec![
            json!(attempt.attempt_no),
            json!(attempt.started_at.to_string()),
            json!(attempt.phase.as_str()),
            text(attempt.state),
            attempt.code.map_or(Value::Null, |code| json!(code)),
            json!(attempt.reply),
        ]);
    }
    Ok(rows.print(format)?)
}
