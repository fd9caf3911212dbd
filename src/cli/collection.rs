//! Reminders, as a person or a program reads them.

use serde_json::{Value, json};

use super::CliError;
use super::args::Format;
use super::output::{Rows, put};
use crate::pipeline::{ReminderOutcome, ReminderPlan};

/// Which reminders are due to whom; the same lines stand in `duban plan`.
pub(super) fn reminders(plan: &ReminderPlan, format: Format) -> Result<(), CliError> {
    if format == Format::Table {
        reminder_lines(plan);
        return Ok(());
    }
    let mut rows = Rows::new(&[
        "recipient",
        "unit_code",
        "dataset",
        "period",
        "due_on",
        "days_left",
        "state",
        "reminders",
    ]);
    for mail in &plan.mails {
        for one in &mail.owed {
            rows.push(vec![
                json!(mail.recipient),
                json!(one.unit_code),
                json!(one.dataset),
                json!(one.period),
                json!(one.due_on.to_string()),
                json!(one.days_left),
                json!(if one.returned.is_some() { "returned" } else { "missing" }),
                json!(days(&one.reminders)),
            ]);
        }
    }
    for (unit, why) in &plan.unreachable {
        let mut row = vec![Value::Null; 8];
        row[1] = json!(unit);
        row[6] = json!("unreachable");
        row[7] = json!(why);
        rows.push(row);
    }
    Ok(rows.print(format)?)
}

pub(super) fn reminder_lines(plan: &ReminderPlan) {
    put(format!("reminders due: {}", plan.mails.len()));
    for mail in plan.mails.iter().take(40) {
        let owed: Vec<String> = mail
            .owed
            .iter()
            .map(|one| {
                let returned = if one.returned.is_some() { " returned" } else { "" };
                format!("{}/{} due {}{returned}", one.dataset, one.period, one.due_on)
            })
            .collect();
        put(format!("  {}: {}", mail.recipient, owed.join(", ")));
    }
    if plan.mails.len() > 40 {
        put(format!("  … and {} more", plan.mails.len() - 40));
    }
    for (unit, why) in &plan.unreachable {
        put(format!("  {unit} cannot be reminded: {why}"));
    }
}

/// What a run of reminders did.
pub(super) fn reminded(outcome: &ReminderOutcome) {
    put(format!("reminders queued: {}", outcome.queued.len()));
    for delivery in &outcome.delivered {
        put(format!(
            "  mail {} {} {} {}",
            delivery.delivery_id, delivery.recipient, delivery.state, delivery.last_reply
        ));
    }
}

/// `-2 +1`: working days from the due date.
fn days(reminders: &[i32]) -> String {
    reminders.iter().map(|n| format!("{n:+}")).collect::<Vec<_>>().join(" ")
}
