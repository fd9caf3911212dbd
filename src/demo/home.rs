//! The demo's own home: the sample definitions, marked as holding invented data.

use std::path::Path;

use fs_err as fs;

use super::campaign::Span;
use super::survey;
use crate::config::home::{InitError, init};
use crate::durable::{Access, write_whole};
use crate::model::{Frequency, Period};

/// Marks a home as the demo's own, and says which months it tells.
const MARKER: &str = "config/duban.local.toml";
const BEGINS: &str = "# Written by `duban demo` (";

/// Why the demo's home could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn marker(span: Span) -> String {
    format!(
        "{BEGINS}{} to {}): this home holds invented data.\n\
         [reports]\n\
         notices = [\"本材料所用数据均为虚构的示例数据，仅供演示。\"]\n",
        span.first(),
        span.last()
    )
}

/// Makes the home of a demo in an empty or absent folder. Its definitions collect from the span's
/// first month on.
pub fn make(root: &Path, span: Span) -> Result<(), MakeError> {
    let written = init(root)?;
    if span.first() != Span::whole().first() {
        for path in written.iter().filter(|path| path.ends_with("pipeline.toml")) {
            collect_from(path, span)?;
        }
    }
    write_whole(&root.join(MARKER), marker(span).as_bytes(), Access::Shared)?;
    Ok(())
}

/// Moves a data set's first period to the one in which a shorter campaign begins.
fn collect_from(path: &Path, span: Span) -> Result<(), std::io::Error> {
    let text = fs::read_to_string(path)?;
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let first = line
                .strip_prefix("first_period = \"")
                .and_then(|rest| rest.split('"').next())
                .and_then(|period| period.parse::<Period>().ok())
                .and_then(|own| {
                    let of_span = first_period(own.frequency(), span)?;
                    Some(if of_span.starts_on() < own.starts_on() { own } else { of_span })
                });
            first.map_or_else(|| line.to_owned(), |first| format!("first_period = \"{first}\""))
        })
        .collect();
    write_whole(path, (lines.join("\n") + "\n").as_bytes(), Access::Shared)
}

/// The first period of a frequency that a span tells; none if it tells none.
fn first_period(frequency: Frequency, span: Span) -> Option<Period> {
    let begins = span.first().starts_on();
    match frequency {
        Frequency::Wave => survey::waves(span).next().map(|(wave, _)| wave),
        // Of terms those that begin in it.
        Frequency::Term => {
            let term = Period::containing(frequency, begins);
            Some(if term.starts_on() < begins { term.next() } else { term })
        }
        _ => Some(Period::containing(frequency, begins)),
    }
}

/// The months that the demo of a home tells; none of a home that no demo made.
pub fn span_of(root: &Path) -> Option<Span> {
    let text = fs::read_to_string(root.join(MARKER)).ok()?;
    let (months, _) = text.strip_prefix(BEGINS)?.split_once(')')?;
    let (first, last) = months.split_once(" to ")?;
    let span = Span::between(first.parse().ok(), last.parse().ok()).ok()?;
    (text == marker(span)).then_some(span)
}
