//! report → document → html, text, xlsx, docx, pdf, mail.
//!
//! [`render()`] makes a [`Document`] of a definition, the results of its queries and the facts about
//! this edition. It does no IO and reads no clock: the same input gives the same document, and the
//! renderers the same bytes. [`check()`] does the same with invented rows, before anything runs.
//!
//! ## Design notes
//! - The queries are run by the caller. What came out is plain rows ([`QueryRows`]) that an edition
//!   can store, so that a report can be made again when the data has moved on.
//! - Templates write Markdown, and every value that they print is escaped: a town named `**x**`
//!   stays a name. Tables, charts and figures are typed and never pass through Markdown; a template
//!   prints a token for each, which is looked up after the Markdown is parsed. The token holds a
//!   hash over template *and data*, so that no cell of a workbook can contain it.

pub mod chart;
pub mod document;
pub mod docx;
pub mod fonts;
pub mod headings;
pub mod html;
pub mod mail;
pub mod mail_lint;
pub mod numbers;
pub mod pdf;
pub mod text;
pub mod xlsx;

mod check;
mod context;
mod filters;
mod functions;
mod markdown;
mod template;

use std::collections::BTreeMap;

pub use check::{Schemas, check, check_burst, check_filled, check_mail};
pub use context::{
    Change, ColumnKind, EditionInfo, PeriodInfo, QueryRows, ReportContext, Restatement, UnitInfo,
};

use crate::config::report::ReportDefinition;
use crate::diagnostic::Diagnostic;
use document::Document;

/// A rendered report: the document, and how its mail and files are called.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Rendered {
    pub document: Document,
    /// Of the mail.
    pub subject: String,
    /// Of attached files, without extension, safe on every file system.
    pub file_name: String,
}

/// Renders a report from the results of its queries.
///
/// # Errors
/// What is wrong with the template, with the lines of its file: an unknown variable or column, a
/// loop without end, raw HTML, …; a query without a result is the caller's fault and said so too.
pub fn render(
    definition: &ReportDefinition,
    results: &BTreeMap<String, QueryRows>,
    context: &ReportContext,
) -> Result<Rendered, Vec<Diagnostic>> {
    let missing: Vec<Diagnostic> = definition
        .queries
        .iter()
        .filter(|(name, _)| !results.contains_key(*name))
        .map(|(name, query)| {
            let message = format!("query `{name}` has no result");
            Diagnostic::at_line(&definition.file, &definition.text, query.line, None, message)
        })
        .collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    template::render(definition, results, context)
}
