//! Reminders: one mail a recipient and day, of all that its units owe.
//!
//! ## Design notes
//! - A reminder is due on the working day that its contract names, and for three working days after it:
//!   a machine that was down makes up for it. What fell due before the home's first event is nobody's.
//! - What a mail reminds of is recorded with its row in the outbox, in one transaction: killed before
//!   it, nothing was sent and the next run says it; killed after it, the mail is delivered and no other
//!   is made. The dedupe key is the recipient and the day.
//! - A unit is reached by the contacts whose role is its level (`town`, `bureau`). One that has none,
//!   or one outside `mail.allowed_domains`, is said to the operator once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::collection::{Duty, Facts};
use super::letter::columns;
use super::{Pipeline, PipelineError, Progress};
use crate::config::contract::Contract;
use crate::ledger::{Delivery, DeliveryFilter, ReminderKey, RunId, SubmissionId};
use crate::model::{MailContent, Period, Severity, UnitCode};
use crate::report::document::Value;
use crate::report::{ColumnKind, QueryRows, Schemas};

/// Working days after its day in which a reminder is still sent.
const MAKE_UP_WORKDAYS: i64 = 3;
/// Findings of a returned file that a mail repeats.
const MOST_FINDINGS: usize = 5;

/// One report that a unit owes.
#[derive(Debug, Clone)]
pub struct Owed {
    pub dataset: String,
    pub dataset_title: String,
    pub period: Period,
    pub unit_code: UnitCode,
    pub unit_name: String,
    pub due_on: Date,
    pub due_provisional: bool,
    /// Working days until the due date; negative: past it.
    pub days_left: i64,
    /// The newest file, if it was returned: its number, name and how many errors it has.
    pub returned: Option<(SubmissionId, String, u64)>,
    /// What may be written where there is nothing to report.
    pub nil_word: Option<String>,
    /// The reminders that are due now (working days after the due date); none: it is owed, and was
    /// reminded of before or will be.
    pub reminders: Vec<i32>,
}

impl Owed {
    /// What a clerk quotes in an answer.
    pub fn code(&self) -> String {
        format!("{}/{}/{}", self.dataset, self.period, self.unit_code)
    }

    fn key(&self, workdays: i32) -> ReminderKey {
        ReminderKey {
            dataset: self.dataset.clone(),
            period: self.period,
            reporter_code: self.unit_code.clone(),
            workdays,
        }
    }
}

/// A mail that is due today.
#[derive(Debug, Clone)]
pub struct DueReminder {
    pub recipient: String,
    /// By due date, then by data set.
    pub owed: Vec<Owed>,
}

/// Which reminders are due now.
#[derive(Debug, Clone, Default)]
pub struct ReminderPlan {
    pub mails: Vec<DueReminder>,
    /// Units that should be reminded and cannot be: name and why.
    pub unreachable: BTreeMap<UnitCode, String>,
}

/// What a run of reminders did.
#[derive(Debug, Clone, Default)]
pub struct ReminderOutcome {
    pub queued: Vec<Delivery>,
    pub delivered: Vec<Delivery>,
    /// Units that cannot be reminded, said for the first time.
    pub unreachable: Vec<(UnitCode, String)>,
}

impl Pipeline {
    /// Mails the reminders that are due: a run of its own.
    ///
    /// Nothing is mailed on a day that is no working day, to who owes nothing, or twice on one day.
    ///
    /// # Errors
    /// If the lease is held, or the template cannot be rendered; what was queued before stays queued.
    pub fn remind(&self, progress: &dyn Progress) -> Result<ReminderOutcome, PipelineError> {
        self.with_run("remind", None, progress, |run| {
            let plan = self.reminders_due()?;
            let new = self.note_unreachable(&plan.unreachable, progress)?;
            let mut outcome = ReminderOutcome { unreachable: new, ..ReminderOutcome::default() };
            for mail in &plan.mails {
                if let Some(delivery) = self.queue_reminder(run, mail, progress)? {
                    outcome.queued.push(delivery);
                }
            }
            outcome.delivered = self.deliver(run, progress)?;
            Ok(outcome)
        })
    }

    /// Which reminders [`Pipeline::remind`] would mail now, and whom it cannot reach.
    pub fn reminders_due(&self) -> Result<ReminderPlan, PipelineError> {
        let today = self.clock.today();
        let mut plan = ReminderPlan::default();
        let reminding = self.config.contracts.iter().any(|c| !c.reminder_workdays.is_empty());
        if !reminding || !self.config.calendar.is_workday(today) {
            return Ok(plan);
        }
        let facts = self.facts(Some(self.now()))?;
        // A home knows nothing of the days before its own first.
        let born_on = self.ledger.first_event_at()?.map_or(today, |at| self.clock.date_of(at));
        let mut owed: BTreeMap<UnitCode, Vec<Owed>> = BTreeMap::new();
        for contract in &self.config.contracts {
            for one in self.owed_of(contract, &facts, today, born_on)? {
                owed.entry(one.unit_code.clone()).or_default().push(one);
            }
        }
        let sent: BTreeSet<(ReminderKey, String)> = self
            .ledger
            .reminders(None)?
            .into_iter()
            .map(|reminder| (reminder.key, reminder.recipient))
            .collect();
        let mut mails: BTreeMap<String, Vec<Owed>> = BTreeMap::new();
        for (unit, owed) in owed {
            let is_due = owed.iter().any(|one| !one.reminders.is_empty());
            let reach = self.reach_unit(&unit);
            if is_due {
                plan.unreachable.extend(reach.trouble);
            }
            for address in reach.addresses {
                let unsent = owed.iter().cloned().map(|mut one| {
                    let of = one.clone();
                    one.reminders
                        .retain(|workdays| !sent.contains(&(of.key(*workdays), address.clone())));
                    one
                });
                mails.entry(address.clone()).or_default().extend(unsent);
            }
        }
        for (recipient, mut owed) in mails {
            if owed.iter().all(|one| one.reminders.is_empty()) || self.is_reminded(&recipient)? {
                continue;
            }
            owed.sort_by(|a, b| {
                (a.due_on, &a.dataset, a.period, &a.unit_code).cmp(&(
                    b.due_on,
                    &b.dataset,
                    b.period,
                    &b.unit_code,
                ))
            });
            plan.mails.push(DueReminder { recipient, owed });
        }
        Ok(plan)
    }

    /// What is owed of a contract, as far as a reminder of it has come due at all.
    fn owed_of(
        &self,
        contract: &Contract,
        facts: &Facts,
        today: Date,
        born_on: Date,
    ) -> Result<Vec<Owed>, PipelineError> {
        let calendar = &self.config.calendar;
        let Some(&earliest) = contract.reminder_workdays.first() else {
            return Ok(Vec::new());
        };
        let on =
            |period: Period, workdays: i32| contract.reminder_on(period, workdays, calendar).on;
        let periods = self.collected_periods(contract, |period| on(period, earliest) <= today)?;
        let mut owed = Vec::new();
        for period in periods {
            let due: Vec<i32> = contract
                .reminder_workdays
                .iter()
                .copied()
                .filter(|&workdays| {
                    let on = on(period, workdays);
                    on >= born_on
                        && on <= today
                        && calendar.workdays_between(on, today) <= MAKE_UP_WORKDAYS
                })
                .collect();
            // What was over before this home began is not brought up by it.
            let latest = contract.reminder_workdays.last().map_or(born_on, |&n| on(period, n));
            if latest < born_on {
                continue;
            }
            for duty in self.duties(contract, period, facts) {
                if duty.standing.is_owed() {
                    owed.push(self.owed(&duty, today, due.clone()));
                }
            }
        }
        Ok(owed)
    }

    fn owed(&self, duty: &Duty<'_>, today: Date, reminders: Vec<i32>) -> Owed {
        Owed {
            dataset: duty.contract.name.clone(),
            dataset_title: duty.contract.title.clone(),
            period: duty.period,
            unit_code: duty.reporter.clone(),
            unit_name: self.unit_name(duty.reporter),
            due_on: duty.due.on,
            due_provisional: duty.due.provisional,
            days_left: self.config.calendar.workdays_between(today, duty.due.on),
            returned: duty
                .returned
                .as_ref()
                .map(|file| (file.submission_id, file.file_name.clone(), file.n_errors)),
            nil_word: duty.contract.nil.as_ref().map(|nil| nil.word.clone()),
            reminders,
        }
    }

    fn dedupe_key(&self, recipient: &str) -> String {
        format!("reminder:{recipient}:{}", self.clock.today())
    }

    fn is_reminded(&self, recipient: &str) -> Result<bool, PipelineError> {
        let filter =
            DeliveryFilter { recipient: Some(recipient.to_owned()), ..DeliveryFilter::default() };
        let dedupe_key = self.dedupe_key(recipient);
        Ok(self.ledger.deliveries(&filter)?.iter().any(|mail| mail.dedupe_key == dedupe_key))
    }

    /// Freezes a reminder in the outbox, with what it reminds of; nothing if it is there already.
    fn queue_reminder(
        &self,
        run: RunId,
        due: &DueReminder,
        progress: &dyn Progress,
    ) -> Result<Option<Delivery>, PipelineError> {
        self.step(run, "remind", &due.recipient, progress, || {
            let key = self.dedupe_key(&due.recipient);
            let content = self.reminder_content(due)?;
            let mail = self.frozen_mail("reminder", key, &due.recipient, &content)?;
            let reminded: Vec<ReminderKey> = due
                .owed
                .iter()
                .flat_map(|one| one.reminders.iter().map(|workdays| one.key(*workdays)))
                .collect();
            let queued = self.ledger.enqueue_reminder(&mail, &reminded, self.now())?;
            Ok((!queued.already).then_some(queued.delivery))
        })
    }

    /// The text of a reminder: `report_templates/_mails/reminder.md.j2` over what is owed.
    fn reminder_content(&self, due: &DueReminder) -> Result<MailContent, PipelineError> {
        let Some(definition) = &self.config.reminder else {
            return Err(PipelineError::wrong_hint(
                "there is no template of reminders",
                "report_templates/_mails/reminder.md.j2 stands in a new home: `duban init DIR`",
            ));
        };
        let results = BTreeMap::from([
            ("owed".to_owned(), owed_rows(&due.owed)),
            ("findings".to_owned(), self.finding_rows(&due.owed)?),
        ]);
        self.mail_content(&self.letter(definition, &results)?, Vec::new())
    }

    fn finding_rows(&self, owed: &[Owed]) -> Result<QueryRows, PipelineError> {
        let mut rows = Vec::new();
        for one in owed {
            let Some((id, file_name, _)) = &one.returned else { continue };
            let findings = self.ledger.findings(*id)?;
            let errors = findings.iter().filter(|f| f.severity == Severity::Error);
            for finding in errors.take(MOST_FINDINGS) {
                rows.push(vec![
                    Value::Text(one.code()),
                    Value::Text(file_name.clone()),
                    Value::Text(finding.place.to_string()),
                    Value::Text(finding.read.clone()),
                    Value::Text(finding.expected.clone()),
                    Value::Text(finding.fix.clone()),
                ]);
            }
        }
        Ok(QueryRows { columns: columns(FINDINGS), rows })
    }
}

/// Columns of `q.owed`, as docs/definitions.md lists them.
const OWED: &[(&str, ColumnKind)] = &[
    ("code", ColumnKind::Text),
    ("dataset", ColumnKind::Text),
    ("dataset_title", ColumnKind::Text),
    ("period", ColumnKind::Text),
    ("period_label", ColumnKind::Text),
    ("unit_code", ColumnKind::Text),
    ("unit_name", ColumnKind::Text),
    ("due_on", ColumnKind::Date),
    ("due_provisional", ColumnKind::Bool),
    ("days_left", ColumnKind::Int),
    ("state", ColumnKind::Text),
    ("file_name", ColumnKind::Text),
    ("n_errors", ColumnKind::Int),
    ("nil_word", ColumnKind::Text),
];

/// Columns of `q.findings`.
const FINDINGS: &[(&str, ColumnKind)] = &[
    ("code", ColumnKind::Text),
    ("file_name", ColumnKind::Text),
    ("place", ColumnKind::Text),
    ("read", ColumnKind::Text),
    ("expected", ColumnKind::Text),
    ("fix", ColumnKind::Text),
];

/// What a template of reminders is proven with.
pub(super) fn schemas() -> Schemas {
    BTreeMap::from([("owed".to_owned(), columns(OWED)), ("findings".to_owned(), columns(FINDINGS))])
}

fn owed_rows(owed: &[Owed]) -> QueryRows {
    let text = |text: &str| Value::Text(text.to_owned());
    let rows = owed
        .iter()
        .map(|one| {
            let (file_name, n_errors) = match &one.returned {
                Some((_, name, n)) => {
                    (text(name), i64::try_from(*n).map_or(Value::Null, Value::Int))
                }
                None => (Value::Null, Value::Int(0)),
            };
            vec![
                Value::Text(one.code()),
                text(&one.dataset),
                text(&one.dataset_title),
                Value::Text(one.period.to_string()),
                Value::Text(one.period.label()),
                text(one.unit_code.as_str()),
                text(&one.unit_name),
                Value::Date(one.due_on),
                Value::Bool(one.due_provisional),
                Value::Int(one.days_left),
                text(if one.returned.is_some() { "returned" } else { "missing" }),
                file_name,
                n_errors,
                one.nil_word.as_deref().map_or(Value::Null, text),
            ]
        })
        .collect();
    QueryRows { columns: columns(OWED), rows }
}
