//! Letters: what is made of a template of `_mails`, `_slips` or `_ledgers` and rows that the program gives, and
//! whom it reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use resvg::usvg::fontdb;

use super::{Pipeline, PipelineError, Progress};
use crate::config::report::ReportDefinition;
use crate::config::tables::Contact;
use crate::delivery::{Envelope, compose, message_id};
use crate::ledger::{Awaits, NewDelivery};
use crate::model::{Attachment, Frequency, MailContent, Period, UnitCode};
use crate::report::chart::Pictures;
use crate::report::document::{Chart, Document, Value};
use crate::report::fonts::Fonts;
use crate::report::{
    ColumnKind, EditionInfo, PeriodInfo, QueryRows, Rendered, ReportContext, chart, docx, mail,
    pdf, render,
};

/// Names and kinds of the columns that a template is given.
pub(super) type Columns = [(&'static str, ColumnKind)];

/// Rows for a template, with the columns that docs/definitions.md lists.
pub(super) fn rows(of: &Columns, rows: Vec<Vec<Value>>) -> QueryRows {
    QueryRows { columns: columns(of), rows }
}

pub(super) fn columns(of: &Columns) -> Vec<(String, ColumnKind)> {
    of.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect()
}

pub(super) fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// A text that may be absent or empty.
pub(super) fn some_text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::Text(text.to_owned()) }
}

pub(super) fn int(n: impl TryInto<i64>) -> Value {
    n.try_into().map_or(Value::Null, Value::Int)
}

/// What a paper's looks depend on besides its document.
pub(super) struct Look<'a> {
    pub mail_css: &'a str,
    /// The page style.
    pub page: &'a str,
    pub fonts: &'a Fonts,
    pub chart_fonts: &'a Arc<fontdb::Database>,
    pub zone: &'a TimeZone,
}

impl Look<'_> {
    /// How charts look on paper: their letters in the face of 黑体.
    pub(super) fn chart_style(&self) -> Result<chart::Style, PipelineError> {
        let font_family = self
            .fonts
            .css_families("hei")
            .map_err(|error| PipelineError::step("finding the charts' font", error))?;
        Ok(chart::Style { font_family, ..chart::Style::default() })
    }
}

/// Whom something reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Addresses that may be mailed, each once.
    pub addresses: BTreeSet<String>,
    /// Units that should be reached and are not, with why.
    pub trouble: BTreeMap<UnitCode, String>,
}

impl Reach {
    pub(super) fn extend(&mut self, other: Reach) {
        self.addresses.extend(other.addresses);
        self.trouble.extend(other.trouble);
    }
}

impl Pipeline {
    /// The facts that every letter may name. Letters belong to no period; theirs is the month of today.
    pub(super) fn letter_context(&self) -> ReportContext {
        let month = Period::containing(Frequency::Month, self.clock.today());
        let info = |period: Period| PeriodInfo::of(period, period.ends_on());
        ReportContext {
            period: info(month),
            previous: info(month.previous()),
            as_of: self.now(),
            as_of_local: self.clock.zone().to_datetime(self.now()),
            edition_number: 0,
            previous_edition: None::<EditionInfo>,
            corrects: None,
            unit: None,
            params: BTreeMap::new(),
            district: self.config.settings.district.name.clone(),
            changes: Vec::new(),
            restated: Vec::new(),
            notices: self.config.settings.reports.notices.clone(),
        }
    }

    /// Renders a letter.
    ///
    /// # Errors
    /// What is wrong with the template.
    pub(super) fn letter(
        &self,
        definition: &ReportDefinition,
        results: &BTreeMap<String, QueryRows>,
    ) -> Result<Rendered, PipelineError> {
        render(definition, results, &self.letter_context()).map_err(PipelineError::Definitions)
    }

    /// A rendered letter as the content of a mail.
    pub(super) fn mail_content(
        &self,
        rendered: &Rendered,
        attachments: Vec<Attachment>,
    ) -> Result<MailContent, PipelineError> {
        let mut charts = Vec::new();
        mail::collect_charts(&rendered.document.blocks, &mut charts);
        // Faces are large; a letter seldom has a chart.
        let fonts = if charts.is_empty() { Arc::default() } else { Arc::clone(self.chart_fonts()) };
        mail::compose(
            &rendered.document.for_print(),
            &rendered.subject,
            &self.config.mail_css,
            &Pictures::new(fonts, chart::Style::default()),
            attachments,
        )
        .map_err(|error| PipelineError::step("composing a mail", error))
    }

    /// A mail to one recipient, frozen: the same `key` is queued once.
    pub(super) fn frozen_mail(
        &self,
        kind: &str,
        key: String,
        recipient: &str,
        content: &MailContent,
    ) -> Result<NewDelivery, PipelineError> {
        let settings = &self.config.settings.mail;
        let message_id = message_id(&key, recipient, &settings.from);
        let envelope = Envelope {
            from: settings.from.clone(),
            to: recipient.to_owned(),
            reply_to: settings.reply_to.clone(),
            message_id: message_id.clone(),
            date: self.now(),
            edition: None,
        };
        let bytes = compose(content, &envelope)
            .map_err(|error| PipelineError::step("composing a mail", error))?;
        Ok(NewDelivery {
            edition_id: None,
            kind: kind.to_owned(),
            dedupe_key: key,
            recipient: recipient.to_owned(),
            message_id,
            bytes,
            transport: self.transport(),
            awaits: Awaits::Nothing,
            resend_of: None,
        })
    }

    /// How papers look today.
    pub(super) fn look(&self) -> Look<'_> {
        Look {
            mail_css: &self.config.mail_css,
            page: &self.config.page_style,
            fonts: self.fonts(),
            chart_fonts: self.chart_fonts(),
            zone: self.clock.zone(),
        }
    }

    /// Writes a document as a Word file, to be edited by hand.
    pub(super) fn write_draft(
        document: &Document,
        pictures: &Pictures,
        as_of: Timestamp,
    ) -> Result<Vec<u8>, PipelineError> {
        let draw = |chart: &Chart| Ok(pictures.of(chart)?.to_vec());
        let meta = docx::DocxMeta { author: &document.signature, created_at: as_of };
        docx::render(document, &draw, meta)
            .map_err(|error| PipelineError::step("writing the Word file", error))
    }

    /// Sets a document on the official page.
    pub(super) fn set_paper(
        &self,
        document: &Document,
        as_of: Timestamp,
    ) -> Result<Vec<u8>, PipelineError> {
        Self::set_paper_in(&self.look(), document, as_of)
    }

    /// As [`Pipeline::set_paper`], in the look of another day.
    pub(super) fn set_paper_in(
        look: &Look<'_>,
        document: &Document,
        as_of: Timestamp,
    ) -> Result<Vec<u8>, PipelineError> {
        let style = look.chart_style()?;
        let draw = |chart: &Chart| chart::svg(chart, &style).map_err(Into::into);
        let created_at = as_of.to_zoned_datetime(look.zone.clone());
        let meta = pdf::PdfMeta { author: &document.signature, created_at: &created_at };
        let paper = pdf::render(document, &draw, look.fonts, look.page, meta)
            .map_err(|error| PipelineError::step("setting the PDF", error))?;
        Ok(paper.bytes)
    }

    /// The contacts of a unit whose role is its level: who answers for it.
    pub(super) fn own_contacts(&self, unit: &UnitCode) -> Vec<&Contact> {
        let role = self.config.units.get(unit).map_or("", |unit| unit.level.as_str());
        self.contacts_of(unit, role)
    }

    pub(super) fn contacts_of(&self, unit: &UnitCode, role: &str) -> Vec<&Contact> {
        let contacts = self.config.contacts.iter();
        contacts.filter(|contact| contact.unit_code == *unit && contact.role == role).collect()
    }

    /// The contacts with a role, wherever they are.
    pub(super) fn contacts_with(&self, role: &str) -> Vec<&Contact> {
        self.config.contacts.iter().filter(|contact| contact.role == role).collect()
    }

    /// The addresses of contacts that may be mailed. `of` is who is not reached if there is none, or one
    /// outside `mail.allowed_domains`; `role` is the role that was looked for.
    pub(super) fn reach_of(&self, contacts: &[&Contact], of: &UnitCode, role: &str) -> Reach {
        let mut reach = Reach::default();
        if contacts.is_empty() {
            let why = format!("config/contacts.csv has no contact of it with the role `{role}`");
            reach.trouble.insert(of.clone(), why);
        }
        let mut outside: BTreeMap<&UnitCode, BTreeSet<&str>> = BTreeMap::new();
        for contact in contacts {
            if self.config.settings.mail.allows(&contact.email) {
                reach.addresses.insert(contact.email.clone());
            } else {
                outside.entry(&contact.unit_code).or_default().insert(&contact.email);
            }
        }
        for (unit, addresses) in outside {
            let addresses: Vec<&str> = addresses.into_iter().collect();
            let why = format!("{} is outside mail.allowed_domains", addresses.join(", "));
            reach.trouble.insert(unit.clone(), why);
        }
        reach
    }

    /// Whom a unit's own contacts reach.
    pub(super) fn reach_unit(&self, unit: &UnitCode) -> Reach {
        let role = self.config.units.get(unit).map_or("", |unit| unit.level.as_str());
        self.reach_of(&self.own_contacts(unit), unit, role)
    }

    /// Notes whom mails do not reach, forgets what is mended, and says what is new.
    pub(super) fn note_unreachable(
        &self,
        now: &BTreeMap<UnitCode, String>,
        progress: &dyn Progress,
    ) -> Result<Vec<(UnitCode, String)>, PipelineError> {
        let noted = self.ledger.unreachable()?.into_iter();
        let mended: Vec<UnitCode> = noted
            .filter(|(unit, why)| !self.troubles(unit).contains(why))
            .map(|(unit, _)| unit)
            .collect();
        let new = self.ledger.note_unreachable(now, &mended, self.now())?;
        for (unit, why) in &new {
            progress.warn(&format!("{} ({unit}) cannot be reached: {why}", self.unit_name(unit)));
        }
        Ok(new)
    }

    /// All that can be said of why something does not reach a unit.
    fn troubles(&self, unit: &UnitCode) -> BTreeSet<String> {
        let level = self.config.units.get(unit).map_or("", |unit| unit.level.as_str());
        let held = self.config.contacts.iter().filter(|contact| contact.unit_code == *unit);
        let asked = self.config.checks.iter().map(|rule| rule.responsible.as_str());
        let roles: BTreeSet<&str> = [level, HEAD]
            .into_iter()
            .chain(held.map(|contact| contact.role.as_str()))
            .chain(asked)
            .collect();
        let of = |role: &str| self.reach_of(&self.contacts_of(unit, role), unit, role).trouble;
        roles.into_iter().flat_map(|role| of(role).into_values()).collect()
    }
}

/// The role of a unit's head.
pub(super) const HEAD: &str = "head";
