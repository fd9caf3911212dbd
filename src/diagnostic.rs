//! What is wrong with a definition (TOML, SQL, template, CSV), said with file, line and a hint.
//!
//! Diagnostics are for operators, in English; findings ([`crate::model::Finding`]) are for town
//! clerks, in Chinese.

use std::fmt;
use std::ops::Range;

/// One problem of one definition file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// As the operator would name it: relative to the home.
    pub file: String,
    /// 1-based line and column, where known.
    pub line: Option<usize>,
    pub column: Option<usize>,
    pub message: String,
    pub hint: Option<String>,
    /// The line of the file that is meant.
    pub excerpt: Option<String>,
}

impl Diagnostic {
    /// A problem of a whole file.
    pub fn file(file: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            file: file.into(),
            line: None,
            column: None,
            message: message.into(),
            hint: None,
            excerpt: None,
        }
    }

    /// A problem at a byte range of a file's text.
    pub fn at(
        file: impl Into<String>,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line = text[..start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count() + 1;
        Diagnostic::at_line(file, text, line, Some(column), message)
    }

    /// A problem at a 1-based line (and column) of a file's text.
    pub fn at_line(
        file: impl Into<String>,
        text: &str,
        line: usize,
        column: Option<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        let mut diagnostic = Diagnostic::file(file, message);
        diagnostic.line = Some(line);
        diagnostic.column = column;
        diagnostic.excerpt = text.lines().nth(line.saturating_sub(1)).map(str::to_owned);
        diagnostic
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// Adds `did you mean …` if one of the `known` words is near `word`.
    #[must_use]
    pub fn did_you_mean<'a>(
        self,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Diagnostic {
        match nearest(word, known) {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

/// The known word nearest to a misspelt one, if one is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate))
        .filter(|(score, _)| *score >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        write!(f, ": {}", self.message)?;
        if let (Some(line), Some(excerpt)) = (self.line, &self.excerpt) {
            let excerpt: String = excerpt.chars().take(120).collect();
            write!(f, "\n  {line:>4} | {excerpt}")?;
            if let Some(column) = self.column.filter(|column| *column <= 120) {
                let blank: String = excerpt
                    .chars()
                    .take(column - 1)
                    .map(|c| if c.is_ascii() { ' ' } else { '\u{3000}' })
                    .collect();
                write!(f, "\n       | {blank}^")?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}
