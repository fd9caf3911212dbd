//! `[layout.tally]` and `[[layout.constant]]`: forms that are kept as counts, and columns that a sheet
//! does not have because its name says them.

use regex::Regex;
use serde::Deserialize;
use toml::Spanned;

use super::proof::{Proof, prove_glob};
use super::{Column, ColumnType, Glob};
use crate::model::fold;

/// What becomes of answers of which nobody says to which town they belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithoutUnit {
    /// Each is a finding.
    #[default]
    Refuse,
    /// They are the district's own: in its figures, and in no town's.
    District,
}

/// A form whose answers are counted: one row of the data set a (unit, constants, question, option).
///
/// Nothing else of a respondent's row is read, and the rows that are kept point at the header.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Which headers are questions, held against the folded header: each column below one holds an
    /// option a respondent. None: the sheet has counts, with a column each for question, option and
    /// count.
    pub questions: Option<Regex>,
    /// The column that takes the question: the group `question` of the header's match, or all of it.
    pub question: usize,
    /// The code column that takes the option.
    pub option: usize,
    /// The whole-number column that takes how many chose it.
    pub answers: usize,
    /// Folded texts that mean that nothing was answered: `(跳过)`.
    pub skipped: Vec<String>,
    pub without_unit: WithoutUnit,
}

/// A value of a column that a sheet's name, the file's name or a line above the header tells.
#[derive(Debug, Clone)]
pub struct Constant {
    pub column: usize,
    /// As the snapshot keeps it: a code of a code column.
    pub value: String,
    /// Any of them, on folded text; none: it holds everywhere.
    pub named: Vec<Glob>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenTally {
    pub questions: Option<Spanned<String>>,
    pub question: Spanned<String>,
    pub option: Spanned<String>,
    pub answers: Spanned<String>,
    #[serde(default)]
    pub skipped: Vec<String>,
    #[serde(default)]
    pub without_unit: WithoutUnit,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenConstant {
    pub column: Spanned<String>,
    pub value: Spanned<String>,
    #[serde(default)]
    pub named: Vec<Spanned<String>>,
}

pub(super) fn prove(
    proof: &mut Proof<'_>,
    written: &WrittenTally,
    columns: &[Column],
) -> Option<Tally> {
    let question = proof.column(&written.question, columns);
    let option = proof.column(&written.option, columns);
    let answers = proof.column(&written.answers, columns);
    let mut of_kind = |index: Option<usize>, name: &Spanned<String>, kinds: &[ColumnType], what| {
        let kind = columns[index?].kind;
        if !kinds.contains(&kind) {
            proof.refuse(name.span(), format!("`{}` must be {what}", name.get_ref()), "");
            return None;
        }
        index
    };
    let question = of_kind(
        question,
        &written.question,
        &[ColumnType::Text, ColumnType::Code],
        "text or a code: it names the question",
    );
    let option = of_kind(
        option,
        &written.option,
        &[ColumnType::Code],
        "a code: an option that nobody has listed cannot be counted",
    );
    let answers =
        of_kind(answers, &written.answers, &[ColumnType::Int], "a whole number: it is a count");
    let questions = match &written.questions {
        Some(pattern) => Some(proof.regex(pattern)?),
        None => None,
    };
    let (Some(question), Some(option), Some(answers)) = (question, option, answers) else {
        return None;
    };
    if question == option {
        proof.refuse(written.option.span(), "question and option are one column", "");
    }
    Some(Tally {
        questions,
        question,
        option,
        answers,
        skipped: written.skipped.iter().map(|text| fold(text)).collect(),
        without_unit: written.without_unit,
    })
}

pub(super) fn prove_constants(
    proof: &mut Proof<'_>,
    written: &[WrittenConstant],
    tally: Option<&Tally>,
    columns: &[Column],
) -> Vec<Constant> {
    let mut constants = Vec::with_capacity(written.len());
    for constant in written {
        let Some(column) = proof.column(&constant.column, columns) else { continue };
        let (value, span) = (constant.value.get_ref(), constant.value.span());
        match columns[column].kind {
            ColumnType::Text => {}
            ColumnType::Code if columns[column].codes.contains_key(value) => {}
            ColumnType::Code => {
                let codes = columns[column].codes.keys().map(String::as_str);
                let diagnostic = proof
                    .at(span, format!("`{value}` is no code of `{}`", columns[column].name))
                    .did_you_mean(value, codes);
                proof.problems.push(diagnostic);
            }
            _ => proof.refuse(span, "only text and codes can be told by a name", ""),
        }
        let is_counted = tally.is_some_and(|t| [t.question, t.option, t.answers].contains(&column));
        if is_counted {
            let message = format!("`{}` is filled by the tally", columns[column].name);
            proof.refuse(constant.column.span(), message, "");
        }
        let named = constant.named.iter().filter_map(|glob| prove_glob(proof, glob)).collect();
        constants.push(Constant { column, value: value.clone(), named });
    }
    constants
}
