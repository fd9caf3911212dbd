//! Reading a TOML definition into its written type, with file, line and a hint where it is wrong.

use serde::de::DeserializeOwned;

use crate::diagnostic::{Diagnostic, nearest};

/// Parses `text` (of the file that the operator knows as `file`) into `T`.
///
/// `T` should deny unknown fields; fields whose place matters later are `toml::Spanned`.
///
/// # Errors
/// One diagnostic with line and column: the TOML reader stops at the first.
#[expect(
    clippy::result_large_err,
    reason = "a handful of calls at start; nobody propagates it far"
)]
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Diagnostic> {
    toml::from_str(text).map_err(|error| from_toml(file, text, &error))
}

/// As [`parse`], for a TOML block that begins at `line_offset` lines into a larger file (front matter).
#[expect(clippy::result_large_err, reason = "as above")]
pub fn parse_block<T: DeserializeOwned>(
    file: &str,
    block: &str,
    line_offset: usize,
) -> Result<T, Diagnostic> {
    parse(file, block).map_err(|mut diagnostic| {
        diagnostic.line = diagnostic.line.map(|line| line + line_offset);
        diagnostic
    })
}

fn from_toml(file: &str, text: &str, error: &toml::de::Error) -> Diagnostic {
    let message = error.message().to_owned();
    let diagnostic = match error.span() {
        Some(span) => Diagnostic::at(file, text, span, message.clone()),
        None => Diagnostic::file(file, message.clone()),
    };
    hint_from_message(diagnostic, &message)
}

/// serde names the unknown word and what it expected in backticks: the nearest is the hint.
pub fn hint_from_message(diagnostic: Diagnostic, message: &str) -> Diagnostic {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    match quoted.next() {
        Some(word) if unknown => {
            let known: Vec<&str> = quoted.collect();
            match nearest(word, known.iter().copied()) {
                Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                None if known.is_empty() => diagnostic,
                None => diagnostic.hint(format!("known here: {}", known.join(", "))),
            }
        }
        _ => diagnostic,
    }
}
