//! A linter of mails: what the programs that our readers use cannot show, or would not.
//!
//! [`lint_mail`] judges a mail as it is made, [`lint_css`] the style sheet that mails are made with. An error
//! is what some reader would not see as it is meant; a warning, what a program knows in part.
//!
//! ## Design notes
//! - Which program knows what is not our judgement: `support.csv` carries the facts of Can I email
//!   (<https://www.caniemail.com>, MIT), feature by feature, with the day of the test; it is made by
//!   tests/tools/caniemail.py. Of QQ Mail and NetEase Mail that project has nothing: `reported.csv` has what
//!   is reported in public, with its sources.
//! - A feature that not all know is an error unless `allowed.csv` lists it, with the elements that it may
//!   stand on and the reason why it does no harm. So what is new in a style sheet is refused until somebody
//!   has thought of Outlook.
//! - A feature of which nothing is known is an error too.

mod page;
mod style;
mod support;

use std::fmt;

pub use support::table_faults;

use crate::diagnostic::Diagnostic;
use crate::model::MailContent;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A program knows it in part.
    Warning,
    /// A reader would not see the mail as it is meant: it is not sent.
    Error,
}

/// One problem of a mail or of its style sheet. Operator text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    /// The rule: a feature of Can I email, or a name of ours such as `size`.
    pub rule: String,
    /// 1-based; of the HTML or of the style sheet. None: of the whole.
    pub line: Option<usize>,
    /// What is meant: a tag, a declaration.
    pub excerpt: String,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.message)?;
        if !self.excerpt.is_empty() {
            write!(f, ": {}", self.excerpt)?;
        }
        Ok(())
    }
}

/// Judges a mail as it is about to be sent: its HTML, its pictures, its plain text. Each problem is said
/// once, where it stands first.
pub fn lint_mail(content: &MailContent) -> Vec<Problem> {
    let mut problems = page::lint(&content.html, &content.inline);
    let mut whole = |rule: &str, message: &str| {
        problems.push(Problem {
            severity: Severity::Error,
            rule: rule.to_owned(),
            line: None,
            excerpt: String::new(),
            message: message.to_owned(),
        });
    };
    if content.subject.trim().is_empty() {
        whole("subject", "the mail has no subject");
    }
    if content.text.trim().is_empty() {
        whole("text", "the mail has no plain text");
    }
    problems
}

/// Judges the style sheet of mails, `report_templates/_base/mail.css`: every problem with its line, errors
/// and warnings apart.
pub fn lint_css(file: &str, css: &str) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        style::lint_sheet(css).into_iter().partition(|problem| problem.severity == Severity::Error);
    let told = |problems: Vec<Problem>| {
        let told = problems.into_iter().map(|problem| match problem.line {
            Some(line) => Diagnostic::at_line(file, css, line, None, problem.message),
            None => Diagnostic::file(file, problem.message),
        });
        told.collect()
    };
    (told(errors), told(warnings))
}

/// The errors among problems, as one text; none if there are none.
pub fn errors(problems: &[Problem]) -> Option<String> {
    let errors: Vec<String> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}
