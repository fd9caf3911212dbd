//! The digest: what a supervisor must know of a working day, in one mail.
//!
//! ## Design notes
//! - It says what is due and what has changed since the digest before; on a day that has neither, nobody is
//!   mailed.
//! - All its mails are queued in one transaction: killed before it, nothing was said; killed after it, they
//!   are delivered and no others are made. The dedupe key is the recipient and the day.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::letter::{Columns, Reach, columns, int, rows, some_text, text};
use super::slips::figures;
use super::{Pipeline, PipelineError, Progress};
use crate::config::letter::ITEMS_LEDGER;
use crate::config::supervision::AttachLedger;
use crate::ledger::{Delivery, ItemFilter};
use crate::model::{Attachment, Item, ItemEventKind, ItemState, Light, UnitCode};
use crate::report::document::Value;
use crate::report::{ColumnKind, QueryRows, Schemas};

/// What falls due within so many working days is listed.
const SOON_WORKDAYS: i64 = 5;

/// A digest that is due today.
#[derive(Debug, Clone, Default)]
pub struct DigestPlan {
    /// Empty on a day off, if it went out today, or if there is nothing to say.
    pub recipients: BTreeSet<String>,
    /// The workbook of all items goes with it.
    pub with_ledger: bool,
    /// How many items are open, past their deadline, and turned since the digest before.
    pub n_open: usize,
    pub n_overdue: usize,
    pub n_news: usize,
    unreachable: BTreeMap<UnitCode, String>,
    results: BTreeMap<String, QueryRows>,
}

/// What a run of the digest did.
#[derive(Debug, Clone, Default)]
pub struct DigestOutcome {
    pub queued: Vec<Delivery>,
    pub delivered: Vec<Delivery>,
}

use ColumnKind::{Bool, Date as Day, Int, Text};

/// Columns of `q.counts` (one row), as docs/definitions.md lists them.
const COUNTS: &Columns = &[
    ("n_open", Int),
    ("n_red", Int),
    ("n_yellow", Int),
    ("n_green", Int),
    ("n_overdue", Int),
    ("n_due_today", Int),
    ("n_due_soon", Int),
    ("n_answered", Int),
    ("n_asked", Int),
    ("n_suspended", Int),
    ("n_held", Int),
    ("n_unsteady", Int),
    ("n_opened", Int),
    ("n_reopened", Int),
    ("n_closed", Int),
    ("n_withdrawn", Int),
    ("since", Day),
    ("has_ledger", Bool),
];

/// Columns of `q.overdue`, `q.due`, `q.answered` and `q.asked`.
const ITEMS: &Columns = &[
    ("item_no", Int),
    ("title", Text),
    ("subject_name", Text),
    ("unit_code", Text),
    ("unit_name", Text),
    ("due_on", Day),
    ("due_provisional", Bool),
    ("days_left", Int),
    ("overdue_workdays", Int),
    ("target", Text),
    ("observed", Text),
    ("light", Text),
    ("light_word", Text),
    ("is_unsteady", Bool),
    ("state_word", Text),
    ("step_title", Text),
    ("n_slips", Int),
    ("answered_on", Day),
    ("waiting_workdays", Int),
    ("asked_due_on", Day),
    ("asked_reason", Text),
];

/// Columns of `q.overdue_units`: one row a unit, the longest overdue first.
const UNITS: &Columns = &[
    ("unit_code", Text),
    ("unit_name", Text),
    ("n_overdue", Int),
    ("max_overdue_workdays", Int),
    ("step_title", Text),
];

/// Columns of `q.news`.
const NEWS: &Columns = &[
    ("item_no", Int),
    ("title", Text),
    ("subject_name", Text),
    ("unit_name", Text),
    ("kind", Text),
    ("kind_word", Text),
    ("on_date", Day),
    ("due_on", Day),
];

/// Columns of `q.held`: one row a cause.
const HELD: &Columns = &[
    ("cause_item_no", Int),
    ("cause_title", Text),
    ("unit_name", Text),
    ("n_held", Int),
    ("titles", Text),
];

/// Columns of `q.slips`: the papers of today.
const SLIPS: &Columns = &[("title", Text), ("number", Text), ("unit_name", Text), ("n_items", Int)];

/// What the template of the digest is proven with.
pub(super) fn schemas() -> Schemas {
    [
        ("counts", COUNTS),
        ("overdue", ITEMS),
        ("overdue_units", UNITS),
        ("due", ITEMS),
        ("answered", ITEMS),
        ("asked", ITEMS),
        ("news", NEWS),
        ("held", HELD),
        ("slips", SLIPS),
    ]
    .map(|(name, of)| (name.to_owned(), columns(of)))
    .into()
}

/// Items as the digest parts them.
struct Parted<'a> {
    open: Vec<&'a Item>,
    overdue: Vec<&'a Item>,
    due: Vec<&'a Item>,
    answered: Vec<&'a Item>,
    asked: Vec<&'a Item>,
}

impl Pipeline {
    /// Mails the digest: a run of its own. On a day off, a second time on a day, or if there is nothing to
    /// say, nothing is done and no run is begun.
    ///
    /// # Errors
    /// If the lease is held, or the template or the ledger's workbook cannot be rendered.
    pub fn digest(&self, progress: &dyn Progress) -> Result<DigestOutcome, PipelineError> {
        if self.digest_due()?.recipients.is_empty() {
            return Ok(DigestOutcome::default());
        }
        self.with_run("digest", None, progress, |run| {
            let plan = self.digest_due()?;
            self.note_unreachable(&plan.unreachable, progress)?;
            let today = self.clock.today();
            let queued = self.step(run, "digest", &today.to_string(), progress, || {
                let content = self.digest_content(&plan)?;
                let mut mails = Vec::new();
                for recipient in &plan.recipients {
                    let key = format!("digest:{recipient}:{today}");
                    mails.push(self.frozen_mail("digest", key, recipient, &content)?);
                }
                Ok(self.ledger.enqueue_all(&mails, self.now())?)
            })?;
            Ok(DigestOutcome { queued, delivered: self.deliver(run, progress)? })
        })
    }

    /// What [`Pipeline::digest`] would mail now, and to whom.
    pub fn digest_due(&self) -> Result<DigestPlan, PipelineError> {
        let today = self.clock.today();
        let mut plan = DigestPlan::default();
        let Some(digest) = &self.config.supervision.digest else { return Ok(plan) };
        let last = self.ledger.newest_mail_at("digest")?;
        let is_said = last.is_some_and(|at| self.clock.date_of(at) == today);
        if is_said || !self.config.calendar.is_workday(today) {
            return Ok(plan);
        }
        let since = last.unwrap_or_else(|| self.day_before(today));
        let items = self.ledger.items(&ItemFilter::default())?;
        let parted = self.part(&items, today);
        let news = self.news(&items, since)?;
        plan.n_open = parted.open.len();
        plan.n_overdue = parted.overdue.len();
        plan.n_news = news.len();
        let lists = [&parted.overdue, &parted.due, &parted.answered, &parted.asked];
        if news.is_empty() && lists.iter().all(|list| list.is_empty()) {
            return Ok(plan);
        }
        plan.with_ledger = match digest.attach_ledger {
            AttachLedger::Daily => true,
            AttachLedger::Never => false,
            AttachLedger::Weekly => self.is_first_workday_of_week(today),
        };
        plan.results = self.digest_rows(&items, &parted, news, since)?;
        if let Some(row) = plan.results.get_mut("counts").and_then(|q| q.rows.first_mut()) {
            row.push(Value::Bool(plan.with_ledger));
        }
        let district = self.config.units.district().map(|unit| unit.code.clone());
        let mut reach = Reach::default();
        for role in &digest.to {
            let of = district.clone().unwrap_or_else(|| UnitCode::new(String::new()));
            reach.extend(self.reach_of(&self.contacts_with(role), &of, role));
        }
        plan.recipients = reach.addresses;
        plan.unreachable = reach.trouble;
        Ok(plan)
    }

    /// The beginning of the working day before.
    fn day_before(&self, today: Date) -> Timestamp {
        let before = self.config.calendar.shift_workdays(today, -1).on;
        let midnight = self.clock.zone().to_timestamp(before.at(0, 0, 0, 0));
        midnight.unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn is_first_workday_of_week(&self, today: Date) -> bool {
        let since_monday = i64::from(today.weekday().to_monday_zero_offset());
        (1..=since_monday).all(|n| {
            let day = today.checked_sub(n.days()).unwrap_or(today);
            !self.config.calendar.is_workday(day)
        })
    }

    fn part<'a>(&self, items: &'a [Item], today: Date) -> Parted<'a> {
        let calendar = &self.config.calendar;
        let mut open: Vec<&Item> = items.iter().filter(|item| !item.is_done()).collect();
        open.sort_by_key(|item| (item.due_on, item.responsible_unit().clone(), item.item_no));
        // Who has answered waits for us; who is held back or suspended is asked for nothing.
        let is_asked_of = |item: &&&Item| {
            let waits = [ItemState::Answered, ItemState::Verified, ItemState::Suspended];
            !waits.contains(&item.state) && item.held_by.is_none()
        };
        let urgent = || open.iter().filter(is_asked_of).copied();
        let left = |item: &Item| calendar.workdays_between(today, item.due_on);
        let overdue = urgent().filter(|item| item.due_on < today).collect();
        let is_due = |item: &&Item| item.due_on >= today && left(item) <= SOON_WORKDAYS;
        let due = urgent().filter(is_due).collect();
        let is_answered =
            |item: &&&Item| matches!(item.state, ItemState::Answered | ItemState::Verified);
        let answered = open.iter().filter(is_answered).copied().collect();
        let asked = open.iter().filter(|item| item.asked_due_on.is_some()).copied().collect();
        Parted { open, overdue, due, answered, asked }
    }

    /// What turned since the digest before; of an item that turned more than once, each turn.
    fn news(&self, items: &[Item], since: Timestamp) -> Result<Vec<Vec<Value>>, PipelineError> {
        let by_no: BTreeMap<i64, &Item> = items.iter().map(|item| (item.item_no, item)).collect();
        let mut news = Vec::new();
        for (item_no, kind, on) in self.ledger.turns_between(since, self.now())? {
            let Some(item) = by_no.get(&item_no) else { continue };
            let word = ItemEventKind::ALL.into_iter().find(|known| known.as_str() == kind);
            news.push(vec![
                Value::Int(item_no),
                text(&item.check_title),
                text(&item.subject_name),
                text(self.unit_name(item.responsible_unit())),
                text(&kind),
                text(word.map_or("", ItemEventKind::label)),
                Value::Date(on),
                Value::Date(item.due_on),
            ]);
        }
        Ok(news)
    }

    fn digest_rows(
        &self,
        items: &[Item],
        parted: &Parted<'_>,
        news: Vec<Vec<Value>>,
        since: Timestamp,
    ) -> Result<BTreeMap<String, QueryRows>, PipelineError> {
        let today = self.clock.today();
        let steps = self.ledger.newest_slips()?;
        let list = |of: &[&Item]| -> Result<QueryRows, PipelineError> {
            let made = of.iter().map(|item| self.digest_item(item, &steps, today));
            Ok(rows(ITEMS, made.collect::<Result<_, PipelineError>>()?))
        };
        let held = self.held_rows(items)?;
        let n_held: usize = held.iter().map(|(_, n)| n).sum();
        let slips = self.ledger.slips(Some(today))?.into_iter().map(|slip| {
            vec![
                text(slip.title),
                some_text(&slip.number),
                text(self.unit_name(&slip.unit_code)),
                int(slip.item_nos.len()),
            ]
        });
        let slips = rows(SLIPS, slips.collect());
        let light = |light: Light| int(parted.open.iter().filter(|i| i.light == light).count());
        let turned = |kind: &str| int(news.iter().filter(|row| row[4] == text(kind)).count());
        let today_due = parted.due.iter().filter(|item| item.due_on == today).count();
        let unsteady = parted.open.iter().filter(|item| self.is_unsteady(item)).count();
        let suspended = parted.open.iter().filter(|i| i.state == ItemState::Suspended).count();
        let counts = vec![
            int(parted.open.len()),
            light(Light::Red),
            light(Light::Yellow),
            light(Light::Green),
            int(parted.overdue.len()),
            int(today_due),
            int(parted.due.len()),
            int(parted.answered.len()),
            int(parted.asked.len()),
            int(suspended),
            int(n_held),
            int(unsteady),
            turned("opened"),
            turned("reopened"),
            turned("closed"),
            turned("withdrawn"),
            Value::Date(self.clock.date_of(since)),
        ];
        Ok(BTreeMap::from([
            ("counts".to_owned(), rows(COUNTS, vec![counts])),
            ("overdue".to_owned(), list(&parted.overdue)?),
            ("overdue_units".to_owned(), rows(UNITS, self.overdue_units(parted, &steps))),
            ("due".to_owned(), list(&parted.due)?),
            ("answered".to_owned(), list(&parted.answered)?),
            ("asked".to_owned(), list(&parted.asked)?),
            ("news".to_owned(), rows(NEWS, news)),
            ("held".to_owned(), rows(HELD, held.into_iter().map(|(row, _)| row).collect())),
            ("slips".to_owned(), slips),
        ]))
    }

    fn overdue_units(
        &self,
        parted: &Parted<'_>,
        steps: &BTreeMap<(i64, u32), String>,
    ) -> Vec<Vec<Value>> {
        let (calendar, today) = (&self.config.calendar, self.clock.today());
        let mut units: BTreeMap<&UnitCode, Vec<&Item>> = BTreeMap::new();
        for item in &parted.overdue {
            units.entry(item.responsible_unit()).or_default().push(item);
        }
        let mut made: Vec<(i64, Vec<Value>)> = Vec::new();
        for (unit, items) in units {
            let days = |item: &&&Item| calendar.workdays_between(item.due_on, today);
            let most = items.iter().map(|item| days(&item)).max().unwrap_or(0);
            // How far the ladder was climbed over any of them.
            let highest = items.iter().max_by_key(|item| (item.escalation, item.n_slips));
            let step = highest.and_then(|item| steps.get(&(item.item_no, item.episode)));
            let row = vec![
                text(unit.as_str()),
                text(self.unit_name(unit)),
                int(items.len()),
                Value::Int(most),
                step.map_or(Value::Null, text),
            ];
            made.push((most, row));
        }
        made.sort_by_key(|(most, _)| std::cmp::Reverse(*most));
        made.into_iter().map(|(_, row)| row).collect()
    }

    fn is_unsteady(&self, item: &Item) -> bool {
        item.light_changes >= self.config.supervision.lights.flapping_changes
    }

    fn digest_item(
        &self,
        item: &Item,
        steps: &BTreeMap<(i64, u32), String>,
        today: Date,
    ) -> Result<Vec<Value>, PipelineError> {
        let calendar = &self.config.calendar;
        let (target, observed) = figures(item);
        let figure = |value: Option<String>| value.map_or(Value::Null, Value::Text);
        let day = |day: Option<Date>| day.map_or(Value::Null, Value::Date);
        let step = steps.get(&(item.item_no, item.episode));
        let reason = match item.asked_due_on {
            Some(_) => self.asked_reason(item.item_no)?,
            None => None,
        };
        let waiting = item.answered_on.map(|on| calendar.workdays_between(on, today));
        Ok(vec![
            Value::Int(item.item_no),
            text(&item.check_title),
            text(&item.subject_name),
            text(item.responsible_unit().as_str()),
            text(self.unit_name(item.responsible_unit())),
            Value::Date(item.due_on),
            Value::Bool(item.due_provisional),
            Value::Int(calendar.workdays_between(today, item.due_on).max(0)),
            Value::Int(calendar.workdays_between(item.due_on, today).max(0)),
            figure(target),
            figure(observed),
            text(item.light.as_str()),
            text(item.light.label()),
            Value::Bool(self.is_unsteady(item)),
            text(item.state.label()),
            step.map_or(Value::Null, text),
            int(item.n_slips),
            day(item.answered_on),
            waiting.map_or(Value::Null, Value::Int),
            day(item.asked_due_on),
            reason.map_or(Value::Null, |reason| some_text(&reason)),
        ])
    }

    /// Why an extension was asked for.
    fn asked_reason(&self, item_no: i64) -> Result<Option<String>, PipelineError> {
        let asked = ItemEventKind::ExtensionAsked.as_str();
        let events = self.ledger.item_events(item_no)?;
        Ok(events.into_iter().rev().find(|event| event.kind == asked).map(|event| event.reason))
    }

    /// What is held back, by cause: items that stand still, and violations that none was opened for.
    fn held_rows(&self, items: &[Item]) -> Result<Vec<(Vec<Value>, usize)>, PipelineError> {
        let mut causes: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for item in items.iter().filter(|item| !item.is_done()) {
            if let Some(cause) = item.held_by {
                causes.entry(cause).or_default().push(item.check_title.to_string());
            }
        }
        for held in self.ledger.held_back()? {
            let rule = self.config.checks.iter().find(|rule| rule.id == held.check_id);
            let title = rule.map_or(held.check_id, |rule| rule.title.to_string());
            causes.entry(held.cause_item_no).or_default().push(title);
        }
        let mut rows = Vec::new();
        for (cause, mut titles) in causes {
            let n_held = titles.len();
            titles.sort();
            titles.dedup();
            let Some(item) = items.iter().find(|item| item.item_no == cause) else { continue };
            let row = vec![
                Value::Int(cause),
                text(&item.check_title),
                text(self.unit_name(item.responsible_unit())),
                int(n_held),
                text(titles.join("、")),
            ];
            rows.push((row, n_held));
        }
        Ok(rows)
    }

    fn digest_content(
        &self,
        plan: &DigestPlan,
    ) -> Result<crate::model::MailContent, PipelineError> {
        let Some(definition) = &self.config.letters.digest else {
            return Err(PipelineError::wrong_hint(
                "there is no template of the digest",
                "report_templates/_mails/digest.md.j2 stands in a new home: `duban init DIR`",
            ));
        };
        let mut attachments = Vec::new();
        if plan.with_ledger {
            let book = self.ledger_book(ITEMS_LEDGER, None)?;
            attachments.push(Attachment {
                file_name: book.file_name,
                media_type: super::outputs::media_type("xlsx").into(),
                bytes: book.bytes,
            });
        }
        self.mail_content(&self.letter(definition, &plan.results)?, attachments)
    }
}
