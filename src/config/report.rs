//! The definition of a report: `report_templates/<name>/report.md.j2`.
//!
//! TOML front matter between two `+++` lines, then Markdown with minijinja. What is written there
//! is proven here as far as it can be without data; `report::check` renders the rest.

use std::collections::BTreeMap;
use std::ops::Range;

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;

use crate::config::burst::{Burst, GIVEN_PARAMS, ParamValue, usual_column};
use crate::config::chart::{self, DeclaredChart, WrittenCharts};
use crate::config::definition::parse_block;
use crate::config::schedule::WrittenSchedule;
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Frequency, Level};
use crate::schedule::Schedule;

/// In what a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    Html,
    Pdf,
    Docx,
    Xlsx,
}

impl ReportFormat {
    /// The word in the front matter, and the extension of the file.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportFormat::Html => "html",
            ReportFormat::Pdf => "pdf",
            ReportFormat::Docx => "docx",
            ReportFormat::Xlsx => "xlsx",
        }
    }
}

/// A one-line template of the front matter, and the line of the file that it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTemplate {
    pub text: String,
    /// 1-based.
    pub line: usize,
}

/// A named query of the front matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedQuery {
    pub sql: String,
    /// The 1-based line of the file on which the SQL's first line stands: add a place within the SQL to it.
    pub line: usize,
}

/// A report as its file defines it, proven but not yet rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportDefinition {
    /// The folder's name; unique.
    pub name: String,
    /// As the operator knows the file: relative to the home.
    pub file: String,
    /// The whole file, as read.
    pub text: String,
    /// Byte offset of the body within `text`.
    pub body_start: usize,
    pub title: LineTemplate,
    pub subtitle: Option<LineTemplate>,
    /// Subject of the mail; the title if not given.
    pub subject: Option<LineTemplate>,
    /// 主送.
    pub addressees: Option<LineTemplate>,
    /// 署名.
    pub signature: Option<LineTemplate>,
    /// 文号.
    pub doc_number: Option<LineTemplate>,
    /// 版记.
    pub imprint: Vec<LineTemplate>,
    /// Name of the attached files, without extension; the title if not given.
    pub file_name: Option<LineTemplate>,
    /// Whether the day of the as-of is printed as 成文日期.
    pub dated: bool,
    /// Whether headings are numbered 一、（一）1.（1）.
    pub numbering: bool,
    /// Roles of contacts that receive it.
    pub to: Vec<String>,
    pub formats: Vec<ReportFormat>,
    /// Which of the formats go with the mail.
    pub attach: Vec<ReportFormat>,
    /// For whom it is, in words.
    pub audience: String,
    /// Roles that may say that an edition goes out; empty: it goes at once.
    pub approval: Vec<String>,
    /// Named constants.
    pub params: BTreeMap<String, ParamValue>,
    /// An edition for each unit instead of one for all.
    pub burst: Option<Burst>,
    /// Which kind of period it is about.
    pub frequency: Frequency,
    /// When it is run and mailed by itself.
    pub schedule: Option<Schedule>,
    /// In the order of the file.
    pub queries: IndexMap<String, NamedQuery>,
    /// `[charts.<name>]`.
    pub charts: IndexMap<String, DeclaredChart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    title: Spanned<String>,
    subtitle: Option<Spanned<String>>,
    subject: Option<Spanned<String>>,
    addressees: Option<Spanned<String>>,
    signature: Option<Spanned<String>>,
    doc_number: Option<Spanned<String>>,
    #[serde(default)]
    imprint: Vec<Spanned<String>>,
    file_name: Option<Spanned<String>>,
    #[serde(default = "yes")]
    dated: bool,
    #[serde(default)]
    numbering: bool,
    to: Spanned<Vec<String>>,
    formats: Spanned<Vec<ReportFormat>>,
    attach: Option<Spanned<Vec<ReportFormat>>>,
    #[serde(default)]
    audience: String,
    approval: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    params: IndexMap<Spanned<String>, Spanned<ParamValue>>,
    burst: Option<WrittenBurst>,
    #[serde(default = "monthly")]
    frequency: Frequency,
    schedule: Option<Spanned<WrittenSchedule>>,
    queries: IndexMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    charts: WrittenCharts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBurst {
    by: Spanned<Level>,
    #[serde(default = "usual_column")]
    column: String,
    #[serde(default)]
    shared: Vec<Spanned<String>>,
}

/// Front matter of a mail that is no report: it goes to whom it concerns, and has no queries of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMail {
    subject: Spanned<String>,
    title: Option<Spanned<String>>,
    addressees: Option<Spanned<String>>,
    signature: Option<Spanned<String>>,
    #[serde(default = "yes")]
    dated: bool,
}

/// Front matter of a paper of supervision (催办单, 督办通知单, …).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSlip {
    title: Spanned<String>,
    brief: Spanned<String>,
    subtitle: Option<Spanned<String>>,
    addressees: Option<Spanned<String>>,
    signature: Option<Spanned<String>>,
    doc_number: Option<Spanned<String>>,
    #[serde(default)]
    imprint: Vec<Spanned<String>>,
    file_name: Option<Spanned<String>>,
    #[serde(default = "yes")]
    dated: bool,
    #[serde(default)]
    numbering: bool,
}

/// Front matter of a workbook of the ledger (台账).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLedger {
    title: Spanned<String>,
    subtitle: Option<Spanned<String>>,
    signature: Option<Spanned<String>>,
    file_name: Option<Spanned<String>>,
    #[serde(default)]
    if_there: Vec<Spanned<String>>,
    queries: IndexMap<Spanned<String>, Spanned<String>>,
}

/// A workbook of the ledger: a report of which only the workbook is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerDefinition {
    pub report: ReportDefinition,
    /// Queries that are left out, and have no rows, where the home lacks a table that they read.
    pub if_there: Vec<String>,
}

fn yes() -> bool {
    true
}

fn monthly() -> Frequency {
    Frequency::Month
}

impl ReportDefinition {
    /// Reads a report's file. `name` is its folder's name, `file` what the operator calls it.
    ///
    /// # Errors
    /// All that is wrong with the front matter, with the lines of the whole file.
    pub fn load(name: &str, file: &str, text: &str) -> Result<ReportDefinition, Vec<Diagnostic>> {
        let front = front_matter(file, text)?;
        let block = &text[front.start..front.end];
        let written: Written = parse_block(file, block, 1).map_err(|error| vec![error])?;
        let place = Place { file, text, offset: front.start };
        let mut problems = Vec::new();

        if written.to.get_ref().is_empty() {
            let message = "a report goes to at least one role of contacts";
            problems.push(place.at(&written.to, message).hint("to = [\"secretariat\"]"));
        }
        if written.formats.get_ref().is_empty() {
            let message = "a report has at least one format";
            problems.push(
                place.at(&written.formats, message).hint("formats = [\"html\", \"pdf\", \"xlsx\"]"),
            );
        }
        let schedule = written.schedule.and_then(|schedule| {
            schedule.get_ref().prove(schedule.span(), |span, message, hint| {
                problems.push(place.at_span(span, message).hint(hint));
            })
        });
        let queries = place.queries(written.queries, &mut problems);
        let formats = written.formats.get_ref();
        let attach = place.attach(written.attach, formats, &mut problems);
        if let Some(roles) = written.approval.as_ref().filter(|roles| roles.get_ref().is_empty()) {
            let message = "no role could approve it";
            problems.push(place.at(roles, message).hint("approval = [\"secretariat\"]"));
        }
        let params = place.params(written.params, &mut problems);
        let burst = written.burst.map(|burst| place.burst(burst, &queries, &mut problems));
        let charts = chart::prove(
            written.charts,
            |start| place.line_at(start),
            |name| queries.contains_key(name),
            |span, message, hint| problems.push(place.at_span(span, message).hint(hint)),
        );
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(ReportDefinition {
            attach,
            audience: written.audience,
            approval: written.approval.map(Spanned::into_inner).unwrap_or_default(),
            params,
            burst,
            name: name.to_owned(),
            file: file.to_owned(),
            text: text.to_owned(),
            body_start: front.body,
            title: place.line(written.title),
            subtitle: written.subtitle.map(|text| place.line(text)),
            subject: written.subject.map(|text| place.line(text)),
            addressees: written.addressees.map(|text| place.line(text)),
            signature: written.signature.map(|text| place.line(text)),
            doc_number: written.doc_number.map(|text| place.line(text)),
            imprint: written.imprint.into_iter().map(|text| place.line(text)).collect(),
            file_name: written.file_name.map(|text| place.line(text)),
            dated: written.dated,
            numbering: written.numbering,
            to: written.to.into_inner(),
            formats: written.formats.into_inner(),
            frequency: written.frequency,
            schedule,
            queries,
            charts,
        })
    }

    /// Reads the template of a mail (`report_templates/_mails/<name>.md.j2`): a report whose rows are
    /// given by the program.
    ///
    /// # Errors
    /// What is wrong with the front matter, with the lines of the whole file.
    pub fn load_mail(
        name: &str,
        file: &str,
        text: &str,
    ) -> Result<ReportDefinition, Vec<Diagnostic>> {
        let front = front_matter(file, text)?;
        let block = &text[front.start..front.end];
        let written: WrittenMail = parse_block(file, block, 1).map_err(|error| vec![error])?;
        let place = Place { file, text, offset: front.start };
        let subject = place.line(written.subject);
        Ok(ReportDefinition {
            name: name.to_owned(),
            file: file.to_owned(),
            text: text.to_owned(),
            body_start: front.body,
            title: written.title.map_or_else(|| subject.clone(), |title| place.line(title)),
            subtitle: None,
            subject: Some(subject),
            addressees: written.addressees.map(|text| place.line(text)),
            signature: written.signature.map(|text| place.line(text)),
            doc_number: None,
            imprint: Vec::new(),
            file_name: None,
            dated: written.dated,
            numbering: false,
            to: Vec::new(),
            formats: vec![ReportFormat::Html],
            attach: Vec::new(),
            audience: String::new(),
            approval: Vec::new(),
            params: BTreeMap::new(),
            burst: None,
            frequency: Frequency::Month,
            schedule: None,
            queries: IndexMap::new(),
            charts: IndexMap::new(),
        })
    }

    /// Reads the template of a slip (`report_templates/_slips/<step>.md.j2`): a paper whose rows are given
    /// by the program. Its `brief`, one line that the mail says of it, becomes [`ReportDefinition::subject`].
    ///
    /// # Errors
    /// What is wrong with the front matter, with the lines of the whole file.
    pub fn load_slip(
        step: &str,
        file: &str,
        text: &str,
    ) -> Result<ReportDefinition, Vec<Diagnostic>> {
        let front = front_matter(file, text)?;
        let block = &text[front.start..front.end];
        let written: WrittenSlip = parse_block(file, block, 1).map_err(|error| vec![error])?;
        let place = Place { file, text, offset: front.start };
        let given = |text: &str| LineTemplate { text: text.to_owned(), line: 1 };
        Ok(ReportDefinition {
            name: step.to_owned(),
            file: file.to_owned(),
            text: text.to_owned(),
            body_start: front.body,
            title: place.line(written.title),
            subtitle: written.subtitle.map(|text| place.line(text)),
            subject: Some(place.line(written.brief)),
            addressees: written.addressees.map(|text| place.line(text)),
            signature: written.signature.map(|text| place.line(text)),
            doc_number: Some(
                written.doc_number.map_or_else(|| given(SLIP_NUMBER), |number| place.line(number)),
            ),
            imprint: written.imprint.into_iter().map(|text| place.line(text)).collect(),
            file_name: Some(
                written.file_name.map_or_else(|| given(SLIP_FILE), |name| place.line(name)),
            ),
            dated: written.dated,
            numbering: written.numbering,
            to: Vec::new(),
            formats: vec![ReportFormat::Pdf],
            attach: Vec::new(),
            audience: String::new(),
            approval: Vec::new(),
            params: BTreeMap::new(),
            burst: None,
            frequency: Frequency::Month,
            schedule: None,
            queries: IndexMap::new(),
            charts: IndexMap::new(),
        })
    }

    /// The Markdown template.
    pub fn body(&self) -> &str {
        &self.text[self.body_start..]
    }

    /// How many lines of the file stand before the body.
    pub fn lines_before_body(&self) -> usize {
        self.text[..self.body_start].matches('\n').count()
    }
}

/// The number of a slip, and how its file is called, unless its template says otherwise.
const SLIP_NUMBER: &str = "{{ q.slip[0].number }}";
const SLIP_FILE: &str = "{{ q.slip[0].number }} {{ q.slip[0].title }}（{{ q.slip[0].unit_name }}）";

impl LedgerDefinition {
    /// Reads `report_templates/_ledgers/<name>.md.j2`.
    ///
    /// # Errors
    /// All that is wrong with the front matter, with the lines of the whole file.
    pub fn load(name: &str, file: &str, text: &str) -> Result<LedgerDefinition, Vec<Diagnostic>> {
        let front = front_matter(file, text)?;
        let block = &text[front.start..front.end];
        let written: WrittenLedger = parse_block(file, block, 1).map_err(|error| vec![error])?;
        let place = Place { file, text, offset: front.start };
        let mut problems = Vec::new();
        let queries = place.queries(written.queries, &mut problems);
        for name in &written.if_there {
            if !queries.contains_key(name.get_ref()) {
                let message = format!("`if_there` names `{}`, which is no query", name.get_ref());
                problems.push(place.at(name, message));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let report = ReportDefinition {
            name: name.to_owned(),
            file: file.to_owned(),
            text: text.to_owned(),
            body_start: front.body,
            title: place.line(written.title),
            subtitle: written.subtitle.map(|text| place.line(text)),
            subject: None,
            addressees: None,
            signature: written.signature.map(|text| place.line(text)),
            doc_number: None,
            imprint: Vec::new(),
            file_name: written.file_name.map(|text| place.line(text)),
            dated: true,
            numbering: false,
            to: Vec::new(),
            formats: vec![ReportFormat::Xlsx],
            attach: Vec::new(),
            audience: String::new(),
            approval: Vec::new(),
            params: BTreeMap::new(),
            burst: None,
            frequency: Frequency::Month,
            schedule: None,
            queries,
            charts: IndexMap::new(),
        };
        let if_there = written.if_there.into_iter().map(Spanned::into_inner).collect();
        Ok(LedgerDefinition { report, if_there })
    }
}

struct Front {
    start: usize,
    end: usize,
    body: usize,
}

fn front_matter(file: &str, text: &str) -> Result<Front, Vec<Diagnostic>> {
    let missing = |line: usize, message: &str| {
        vec![Diagnostic::at_line(file, text, line, Some(1), message).hint(
            "a report begins with +++, TOML (title, to, formats, [queries]), +++, and then its text",
        )]
    };
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or("");
    if first.trim_end().trim_start_matches('\u{feff}') != "+++" {
        return Err(missing(1, "the front matter is missing: the first line is not +++"));
    }
    let start = first.len();
    let mut end = start;
    for line in lines {
        if line.trim_end() == "+++" {
            return Ok(Front { start, end, body: end + line.len() });
        }
        end += line.len();
    }
    Err(missing(1, "the front matter that begins here has no end"))
}

fn is_identifier(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Turns spans of the TOML block into places of the file.
struct Place<'a> {
    file: &'a str,
    text: &'a str,
    offset: usize,
}

impl Place<'_> {
    fn at<T>(&self, value: &Spanned<T>, message: impl Into<String>) -> Diagnostic {
        self.at_span(value.span(), message)
    }

    /// A span of the TOML block.
    fn at_span(&self, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        let span = span.start + self.offset..span.end + self.offset;
        Diagnostic::at(self.file, self.text, span, message)
    }

    fn line_at(&self, start: usize) -> usize {
        self.text[..start + self.offset].matches('\n').count() + 1
    }

    /// A text in `"""` that begins with a line break has its first line one below.
    fn line_of_content(&self, value: &Spanned<String>) -> usize {
        let start = value.span().start;
        let raw = &self.text[start + self.offset..];
        let opens_line = ["\"\"\"", "'''"].iter().any(|quotes| {
            raw.strip_prefix(quotes).is_some_and(|rest| rest.starts_with(['\n', '\r']))
        });
        self.line_at(start) + usize::from(opens_line)
    }

    fn queries(
        &self,
        written: IndexMap<Spanned<String>, Spanned<String>>,
        problems: &mut Vec<Diagnostic>,
    ) -> IndexMap<String, NamedQuery> {
        let mut queries = IndexMap::new();
        for (query, sql) in written {
            if !is_identifier(query.get_ref()) {
                let message = format!("`{}` cannot be the name of a query", query.get_ref());
                problems.push(
                    self.at(&query, message)
                        .hint("letters, digits and _, not beginning with a digit"),
                );
            }
            if sql.get_ref().trim().is_empty() {
                problems.push(self.at(&sql, "the query is empty"));
            }
            let line = self.line_of_content(&sql);
            queries.insert(query.into_inner(), NamedQuery { sql: sql.into_inner(), line });
        }
        // The TOML reader sorts by name; readers of the workbook expect the author's order.
        queries.sort_by(|_, a: &NamedQuery, _, b| a.line.cmp(&b.line));
        queries
    }

    /// What goes with the mail: all formats but the mail's own, unless it is said.
    fn attach(
        &self,
        written: Option<Spanned<Vec<ReportFormat>>>,
        formats: &[ReportFormat],
        problems: &mut Vec<Diagnostic>,
    ) -> Vec<ReportFormat> {
        let Some(written) = written else {
            let all = formats.iter().copied();
            return all.filter(|format| *format != ReportFormat::Html).collect();
        };
        for format in written.get_ref() {
            if *format == ReportFormat::Html {
                let message = "`html` is the mail itself: it cannot be attached to it";
                problems.push(self.at(&written, message));
            } else if !formats.contains(format) {
                let word = format.as_str();
                let message = format!("`attach` names `{word}`, which is not among the formats");
                problems
                    .push(self.at(&written, message).hint(format!("add \"{word}\" to formats")));
            }
        }
        written.into_inner()
    }

    fn params(
        &self,
        written: IndexMap<Spanned<String>, Spanned<ParamValue>>,
        problems: &mut Vec<Diagnostic>,
    ) -> BTreeMap<String, ParamValue> {
        let mut params = BTreeMap::new();
        for (name, value) in written {
            if !is_identifier(name.get_ref()) {
                let message = format!("`{}` cannot be the name of a constant", name.get_ref());
                let hint = "letters, digits and _, not beginning with a digit";
                problems.push(self.at(&name, message).hint(hint));
            }
            if GIVEN_PARAMS.contains(&name.get_ref().as_str()) {
                let message = format!("`${}` is given by the program", name.get_ref());
                problems.push(self.at(&name, message).hint("choose another name"));
            }
            if !value.get_ref().is_finite() {
                problems.push(self.at(&value, "a constant is a finite number"));
            }
            params.insert(name.into_inner(), value.into_inner());
        }
        params
    }

    fn burst(
        &self,
        written: WrittenBurst,
        queries: &IndexMap<String, NamedQuery>,
        problems: &mut Vec<Diagnostic>,
    ) -> Burst {
        if !matches!(written.by.get_ref(), Level::Town | Level::Group) {
            let message = format!("`{}` is no level to burst by", written.by.get_ref().as_str());
            problems.push(self.at(&written.by, message).hint("by = \"town\" or \"group\""));
        }
        for name in &written.shared {
            if !queries.contains_key(name.get_ref()) {
                let message = format!("`shared` names `{}`, which is no query", name.get_ref());
                let known: Vec<&str> = queries.keys().map(String::as_str).collect();
                let hint = match nearest(name.get_ref(), known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {}", known.join(", ")),
                };
                problems.push(self.at(name, message).hint(hint));
            }
        }
        Burst {
            by: written.by.into_inner(),
            column: written.column,
            shared: written.shared.into_iter().map(Spanned::into_inner).collect(),
        }
    }

    fn line(&self, value: Spanned<String>) -> LineTemplate {
        LineTemplate { line: self.line_of_content(&value), text: value.into_inner() }
    }
}
