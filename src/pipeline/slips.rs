//! What stands on a slip and in the mail that carries it: rows for `_slips/<step>.md.j2` and
//! `_mails/supervision.md.j2`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::escalate::{DueSlip, OnSlip};
use super::letter::{Columns, columns, int, rows, some_text, text};
use super::{Pipeline, PipelineError};
use crate::config::supervision::UNIT_ROLE;
use crate::model::{Attachment, Item, MailContent, UnitCode};
use crate::report::document::{Format, Value};
use crate::report::{ColumnKind, QueryRows, ReportContext, Schemas, numbers};

/// A slip as it was rendered.
pub(super) struct Paper {
    /// What the mail says of it.
    pub brief: String,
    /// Of the attachment, without extension.
    pub file_name: String,
    /// Its PDF; none where the step has no number.
    pub bytes: Option<Vec<u8>>,
    /// What it was made from.
    pub context_json: String,
}

#[derive(Serialize)]
struct Context<'a> {
    context: ReportContext,
    results: &'a BTreeMap<String, QueryRows>,
}

use ColumnKind::{Bool, Date, Int, Text};

/// Columns of `q.slip`, as docs/definitions.md lists them.
const SLIP: &Columns = &[
    ("step", Text),
    ("title", Text),
    ("number", Text),
    ("unit_code", Text),
    ("unit_name", Text),
    ("addressee", Text),
    ("on_date", Date),
    ("n_items", Int),
    ("n_units", Int),
    ("n_overdue", Int),
    ("max_overdue_workdays", Int),
    ("first_due_on", Date),
    ("answer_by", Date),
    ("answer_provisional", Bool),
];

/// Columns of `q.items`.
const ITEMS: &Columns = &[
    ("item_no", Int),
    ("title", Text),
    ("subject_name", Text),
    ("unit_code", Text),
    ("unit_name", Text),
    ("source_word", Text),
    ("opened_on", Date),
    ("due_on", Date),
    ("due_provisional", Bool),
    ("overdue_workdays", Int),
    ("target", Text),
    ("observed", Text),
    ("detail", Text),
    ("light", Text),
    ("light_word", Text),
    ("state_word", Text),
    ("n_slips", Int),
    ("answer_by", Date),
    ("answer_provisional", Bool),
];

/// Columns of `q.units`: one row a unit of the slip.
const UNITS: &Columns = &[
    ("unit_code", Text),
    ("unit_name", Text),
    ("n_items", Int),
    ("n_overdue", Int),
    ("max_overdue_workdays", Int),
];

/// Columns of `q.recipient` of the mail: one row a post of the recipient.
const RECIPIENT: &Columns = &[("post", Text), ("role", Text), ("unit_name", Text)];

/// What `q.slips` of the mail has beside the columns of a slip.
const MAILED: &Columns = &[("brief", Text), ("attachment", Text)];

/// What a template of slips is proven with.
pub(super) fn slip_schemas() -> Schemas {
    [("slip", SLIP), ("items", ITEMS), ("units", UNITS)]
        .map(|(name, of)| (name.to_owned(), columns(of)))
        .into()
}

/// What the template of the mail is proven with.
pub(super) fn mail_schemas() -> Schemas {
    let mut slips = columns(SLIP);
    slips.extend(columns(MAILED));
    let mut items = columns(&[("paper", Text)]);
    items.extend(columns(ITEMS));
    [("slips", slips), ("items", items), ("recipient", columns(RECIPIENT))]
        .map(|(name, columns)| (name.to_owned(), columns))
        .into()
}

/// The file of a slip's paper within the folder of its day.
pub(super) fn file_of(slip: &DueSlip) -> String {
    format!("{}-{}.pdf", slip.step.id, slip.unit_code)
}

/// Target and figure of an item as a reader says them: a pair with a fraction in it is a rate; none where
/// there is none.
///
/// The ledger keeps numbers without their measure. A count is whole on both sides, and a rate that misses
/// its target is not; what lies above 3 is no rate.
pub(super) fn figures(item: &Item) -> (Option<String>, Option<String>) {
    let is_rate = is_rate(item);
    let say = |value: f64| {
        if is_rate {
            cut_percent(value)
        } else if value.fract() == 0.0 {
            numbers::number(Format::Int, value)
        } else {
            numbers::number(Format::Ratio, value)
        }
    };
    (item.target.map(say), item.observed.map(say))
}

/// In percent with two decimals, or none of a whole number, cut and not rounded, as the checks' own sentences are: the two stand
/// side by side, and 49.996 % is not 50 %.
fn cut_percent(value: f64) -> String {
    // What a double is below the number that was meant (0.57 is 0.56999…) is no fault of the figure.
    let cut = (value * 10_000.0 + 1e-6).floor() / 100.0;
    let text = format!("{cut:.2}");
    format!("{}%", text.strip_suffix(".00").unwrap_or(&text))
}

/// Whether an item's figures are fractions of one.
pub(super) fn is_rate(item: &Item) -> bool {
    let both = || [item.target, item.observed].into_iter().flatten();
    both().any(|value| value.fract() != 0.0) && both().all(|value| (0.0..=3.0).contains(&value))
}

impl Pipeline {
    /// Renders a slip and, where its step has a number, sets its paper.
    pub(super) fn paper_of(&self, slip: &DueSlip) -> Result<Paper, PipelineError> {
        let Some(definition) = self.config.letters.slips.get(&slip.step.id) else {
            return Err(PipelineError::wrong_hint(
                format!("there is no template of the step `{}`", slip.step.id),
                "report_templates/_slips of a new home has them: `duban init DIR`",
            ));
        };
        let results = BTreeMap::from([
            ("slip".to_owned(), rows(SLIP, vec![self.slip_row(slip)])),
            (
                "items".to_owned(),
                rows(ITEMS, slip.items.iter().map(|on| self.item_row(on)).collect()),
            ),
            ("units".to_owned(), rows(UNITS, self.unit_rows(slip))),
        ]);
        let rendered = self.letter(definition, &results)?;
        let bytes = match slip.n {
            Some(_) => Some(self.set_paper(&rendered.document.for_print(), self.now())?),
            None => None,
        };
        let context = Context { context: self.letter_context(), results: &results };
        Ok(Paper {
            brief: rendered.subject,
            file_name: rendered.file_name,
            bytes,
            context_json: serde_json::to_string(&context)
                .map_err(|error| PipelineError::step("storing a slip's context", error))?,
        })
    }

    /// The mail that carries a day's slips to a recipient.
    pub(super) fn supervision_mail(
        &self,
        recipient: &str,
        slips: &[(&DueSlip, &Paper)],
        attachments: Vec<Attachment>,
    ) -> Result<MailContent, PipelineError> {
        let Some(definition) = &self.config.letters.supervision else {
            return Err(PipelineError::wrong_hint(
                "there is no template of the mails of supervision",
                "report_templates/_mails/supervision.md.j2 stands in a new home: `duban init DIR`",
            ));
        };
        let held = self.config.contacts.iter().filter(|contact| contact.email == recipient);
        let own: BTreeSet<&UnitCode> = held.map(|contact| &contact.unit_code).collect();
        let mut slip_rows = Vec::new();
        let mut item_rows = Vec::new();
        for (slip, paper) in slips {
            let mut row = self.slip_row(slip);
            row.push(text(&paper.brief));
            row.push(match paper.bytes {
                Some(_) => text(format!("{}.pdf", paper.file_name)),
                None => Value::Null,
            });
            slip_rows.push(row);
            let name = if slip.number.is_empty() { &slip.step.title } else { &slip.number };
            for on in &slip.items {
                // A paper of all units has them all: its mail repeats the recipient's own.
                if slip.step.is_joint() && !own.contains(on.item.responsible_unit()) {
                    continue;
                }
                let mut row = vec![text(name)];
                row.extend(self.item_row(on));
                item_rows.push(row);
            }
        }
        let posts: BTreeSet<(String, String, String)> = self
            .config
            .contacts
            .iter()
            .filter(|contact| contact.email == recipient)
            .map(|contact| {
                let unit = self.unit_name(&contact.unit_code);
                let post = if contact.post.is_empty() { &unit } else { &contact.post };
                (post.clone(), contact.role.clone(), unit)
            })
            .collect();
        let posts =
            posts.into_iter().map(|(post, role, unit)| vec![text(post), text(role), text(unit)]);
        let schemas = mail_schemas();
        let of = |name: &str, rows: Vec<Vec<Value>>| {
            let columns = schemas.get(name).cloned().unwrap_or_default();
            (name.to_owned(), QueryRows { columns, rows })
        };
        let results = BTreeMap::from([
            of("slips", slip_rows),
            of("items", item_rows),
            of("recipient", posts.collect()),
        ]);
        self.mail_content(&self.letter(definition, &results)?, attachments)
    }

    fn slip_row(&self, slip: &DueSlip) -> Vec<Value> {
        let overdue = slip.items.iter().filter(|on| on.overdue_workdays > 0).count();
        let most = slip.items.iter().map(|on| on.overdue_workdays).max().unwrap_or(0);
        let first_due = slip.items.iter().map(|on| on.item.due_on).min();
        let answer = slip.items.iter().filter_map(|on| on.answer_by).min_by_key(|by| by.on);
        let units: BTreeSet<&UnitCode> =
            slip.items.iter().map(|on| on.item.responsible_unit()).collect();
        vec![
            text(&slip.step.id),
            text(&slip.step.title),
            some_text(&slip.number),
            text(slip.unit_code.as_str()),
            text(self.unit_name(&slip.unit_code)),
            text(self.addressee(slip)),
            Value::Date(self.clock.today()),
            int(slip.items.len()),
            int(units.len()),
            int(overdue),
            Value::Int(most),
            first_due.map_or(Value::Null, Value::Date),
            answer.map_or(Value::Null, |by| Value::Date(by.on)),
            Value::Bool(answer.is_some_and(|by| by.provisional)),
        ]
    }

    /// To whom a slip is addressed: the unit, or the posts of the roles that answer for its items; all towns
    /// for a paper of all units.
    fn addressee(&self, slip: &DueSlip) -> String {
        if slip.step.is_joint() {
            return "各镇街".to_owned();
        }
        let mut names: Vec<String> = Vec::new();
        for on in &slip.items {
            let unit = self.unit_name(on.item.responsible_unit());
            let name = if self.responsible_role(&on.item) == UNIT_ROLE {
                unit
            } else {
                let post =
                    self.responsible_of(&on.item).first().map(|contact| contact.post.clone());
                post.filter(|post| !post.is_empty()).unwrap_or(unit)
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join("、")
    }

    fn item_row(&self, on: &OnSlip) -> Vec<Value> {
        let item = &on.item;
        let (target, observed) = figures(item);
        let figure = |value: Option<String>| value.map_or(Value::Null, Value::Text);
        vec![
            Value::Int(item.item_no),
            text(&item.check_title),
            text(&item.subject_name),
            text(item.responsible_unit().as_str()),
            text(self.unit_name(item.responsible_unit())),
            text(item.source.label()),
            Value::Date(item.opened_on),
            Value::Date(item.due_on),
            Value::Bool(item.due_provisional),
            Value::Int(on.overdue_workdays),
            figure(target),
            figure(observed),
            some_text(&item.detail),
            text(item.light.as_str()),
            text(item.light.label()),
            text(item.state.label()),
            int(item.n_slips),
            on.answer_by.map_or(Value::Null, |by| Value::Date(by.on)),
            Value::Bool(on.answer_by.is_some_and(|by| by.provisional)),
        ]
    }

    fn unit_rows(&self, slip: &DueSlip) -> Vec<Vec<Value>> {
        let mut units: Vec<(&UnitCode, Vec<&OnSlip>)> = Vec::new();
        for on in &slip.items {
            let unit = on.item.responsible_unit();
            match units.iter_mut().find(|(other, _)| *other == unit) {
                Some((_, items)) => items.push(on),
                None => units.push((unit, vec![on])),
            }
        }
        let row = |(unit, items): (&UnitCode, Vec<&OnSlip>)| {
            let overdue = items.iter().filter(|on| on.overdue_workdays > 0).count();
            let most = items.iter().map(|on| on.overdue_workdays).max().unwrap_or(0);
            vec![
                text(unit.as_str()),
                text(self.unit_name(unit)),
                int(items.len()),
                int(overdue),
                Value::Int(most),
            ]
        };
        units.into_iter().map(row).collect()
    }
}
