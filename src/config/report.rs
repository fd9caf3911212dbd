//! The definition of a report: `report_templates/<name>/report.md.j2`.
//!
//! TOML front matter between two `+++` lines, then Markdown with minijinja. What is written there
//! is proven here as far as it can be without data; `report::check` renders the rest.

use std::ops::Range;

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;

use crate::config::definition::parse_block;
use crate::config::schedule::WrittenSchedule;
use crate::diagnostic::Diagnostic;
use crate::model::Frequency;
use crate::schedule::Schedule;

/// In what a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    Html,
    Pdf,
    Xlsx,
}

impl ReportFormat {
    /// The word in the front matter, and the extension of the file.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportFormat::Html => "html",
            ReportFormat::Pdf => "pdf",
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
    /// Which kind of period it is about.
    pub frequency: Frequency,
    /// When it is run and mailed by itself.
    pub schedule: Option<Schedule>,
    /// In the order of the file.
    pub queries: IndexMap<String, NamedQuery>,
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
    #[serde(default = "monthly")]
    frequency: Frequency,
    schedule: Option<Spanned<WrittenSchedule>>,
    queries: IndexMap<Spanned<String>, Spanned<String>>,
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
        let mut queries = IndexMap::new();
        for (query, sql) in written.queries {
            if !is_identifier(query.get_ref()) {
                let message = format!("`{}` cannot be the name of a query", query.get_ref());
                problems.push(
                    place
                        .at(&query, message)
                        .hint("letters, digits and _, not beginning with a digit"),
                );
            }
            if sql.get_ref().trim().is_empty() {
                problems.push(place.at(&sql, "the query is empty"));
            }
            let line = place.line_of_content(&sql);
            queries.insert(query.into_inner(), NamedQuery { sql: sql.into_inner(), line });
        }
        // The TOML reader sorts by name; readers of the workbook expect the author's order.
        queries.sort_by(|_, a: &NamedQuery, _, b| a.line.cmp(&b.line));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(ReportDefinition {
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
            frequency: Frequency::Month,
            schedule: None,
            queries: IndexMap::new(),
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

    fn line(&self, value: Spanned<String>) -> LineTemplate {
        LineTemplate { line: self.line_of_content(&value), text: value.into_inner() }
    }
}
