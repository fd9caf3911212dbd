//! Escalation and digest, as a person or a program reads them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::args::{Cli, DigestArgs, EscalateArgs, Format};
use super::output::{Rows, put};
use super::{CliError, Verdict, Watch, open};
use crate::ledger::Delivery;
use crate::pipeline::{DueSlip, EscalationPlan};

type Environment = BTreeMap<String, String>;

/// `duban escalate`.
pub(super) fn run(
    cli: &Cli,
    environment: &Environment,
    args: &EscalateArgs,
) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    if args.dry_run {
        planned(&pipeline.escalation_due()?, args.format)?;
        return Ok(Verdict::Done);
    }
    let watch = Watch::new(cli);
    let outcome = pipeline.escalate(&watch)?;
    watch.done();
    put(format!(
        "slips: {}, mails queued: {}, items followed: {}",
        outcome.slips.len(),
        outcome.queued.len(),
        outcome.n_followed
    ));
    for slip in &outcome.slips {
        let number = if slip.number.is_empty() { &slip.title } else { &slip.number };
        let path = slip.path.as_deref().unwrap_or("in the mail alone");
        put(format!("  {number} {} items {:?}: {path}", slip.unit_code, slip.item_nos));
    }
    if outcome.n_postponed > 0 {
        put(format!(
            "  {} more wait for the next working day: somebody had today's mail",
            outcome.n_postponed
        ));
    }
    delivered(&outcome.delivered);
    Ok(Verdict::Done)
}

/// `duban digest`.
pub(super) fn digest(
    cli: &Cli,
    environment: &Environment,
    args: &DigestArgs,
) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    if args.dry_run {
        let plan = pipeline.digest_due()?;
        put(format!("digests due: {}", plan.recipients.len()));
        for recipient in &plan.recipients {
            put(format!("  {recipient}"));
        }
        put(format!(
            "items: {} open, {} overdue, {} turned since the digest before{}",
            plan.n_open,
            plan.n_overdue,
            plan.n_news,
            if plan.with_ledger { ", the ledger attached" } else { "" }
        ));
        return Ok(Verdict::Done);
    }
    let watch = Watch::new(cli);
    let outcome = pipeline.digest(&watch)?;
    watch.done();
    put(format!("digests queued: {}", outcome.queued.len()));
    delivered(&outcome.delivered);
    Ok(Verdict::Done)
}

fn delivered(deliveries: &[Delivery]) {
    for delivery in deliveries {
        put(format!(
            "  mail {} {} {} {}",
            delivery.delivery_id, delivery.recipient, delivery.state, delivery.last_reply
        ));
    }
}

fn planned(plan: &EscalationPlan, format: Format) -> Result<(), CliError> {
    if format == Format::Table {
        escalation_lines(plan);
        return Ok(());
    }
    let mut rows = Rows::new(&["when", "step", "number", "unit_code", "item_nos", "to", "trouble"]);
    let days = [("today", &plan.slips), ("next_workday", &plan.postponed)];
    for (when, slips) in days {
        for slip in slips {
            let to: Vec<&str> = slip.reach.addresses.iter().map(String::as_str).collect();
            let trouble: Vec<&str> = slip.reach.trouble.values().map(String::as_str).collect();
            let items: Vec<i64> = slip.items.iter().map(|on| on.item.item_no).collect();
            rows.push(vec![
                json!(when),
                json!(slip.step.id),
                if slip.number.is_empty() { Value::Null } else { json!(slip.number) },
                json!(slip.unit_code),
                json!(numbers(&items)),
                json!(to.join(" ")),
                json!(trouble.join("; ")),
            ]);
        }
    }
    Ok(rows.print(format)?)
}

/// Which slips are due to whom; the same lines stand in `duban plan`.
pub(super) fn escalation_lines(plan: &EscalationPlan) {
    put(format!("slips due: {}", plan.slips.len()));
    for slip in plan.slips.iter().take(40) {
        put(format!("  {}", line(slip)));
    }
    if plan.slips.len() > 40 {
        put(format!("  … and {} more", plan.slips.len() - 40));
    }
    if !plan.postponed.is_empty() {
        put(format!(
            "  {} more wait for the next working day: somebody had today's mail",
            plan.postponed.len()
        ));
    }
    for (unit, why) in plan.unreachable() {
        put(format!("  {unit} cannot be reached: {why}"));
    }
}

fn line(slip: &DueSlip) -> String {
    let number = if slip.number.is_empty() { String::new() } else { format!(" {}", slip.number) };
    let items: Vec<i64> = slip.items.iter().map(|on| on.item.item_no).collect();
    let to = match slip.reach.addresses.len() {
        0 => "nobody".to_owned(),
        n @ 1..=3 => {
            let all: Vec<&str> = slip.reach.addresses.iter().take(n).map(String::as_str).collect();
            all.join(", ")
        }
        n => format!("{n} recipients"),
    };
    format!("{}{number} {} items {} to {to}", slip.step.id, slip.unit_code, numbers(&items))
}

fn numbers(items: &[i64]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
