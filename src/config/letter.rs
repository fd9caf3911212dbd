//! Templates of what supervision sends and hands out: `report_templates/_mails`, `_slips`, `_ledgers`.

use std::collections::BTreeMap;

use super::files;
use super::home::Home;
use super::report::{LedgerDefinition, ReportDefinition};
use super::supervision::{AttachLedger, Supervision};
use crate::diagnostic::Diagnostic;

/// Letters of a home; those that its supervision needs are there.
#[derive(Debug, Clone, Default)]
pub struct Letters {
    /// `_mails/supervision.md.j2`: what goes with a day's slips.
    pub supervision: Option<ReportDefinition>,
    /// `_mails/digest.md.j2`.
    pub digest: Option<ReportDefinition>,
    /// `_slips/<step>.md.j2`, by step.
    pub slips: BTreeMap<String, ReportDefinition>,
    /// `_ledgers/<name>.md.j2`, by name.
    pub ledgers: BTreeMap<String, LedgerDefinition>,
}

/// The workbook of all items.
pub const ITEMS_LEDGER: &str = "items";

/// Reads the letters; what the ladders and the digest need must be there.
pub(super) fn load(
    home: &Home,
    supervision: &Supervision,
    problems: &mut Vec<Diagnostic>,
) -> Letters {
    let mut letters = Letters::default();
    let found = files::under(&home.report_templates(), &["_mails", "_slips", "_ledgers"], "j2");
    for (file, text) in found.unwrap_or_else(|wrong| {
        problems.extend(wrong);
        Vec::new()
    }) {
        let mut parts = file.rsplit('/');
        let (Some(name), Some(folder)) = (parts.next(), parts.next()) else { continue };
        let Some(name) = name.strip_suffix(".md.j2") else {
            let message = "no file that belongs here: templates end in .md.j2";
            problems.push(Diagnostic::file(&file, message));
            continue;
        };
        let loaded = match (folder, name) {
            ("_slips", step) => ReportDefinition::load_slip(step, &file, &text)
                .map(|slip| drop(letters.slips.insert(step.to_owned(), slip))),
            ("_ledgers", name) => LedgerDefinition::load(name, &file, &text)
                .map(|ledger| drop(letters.ledgers.insert(name.to_owned(), ledger))),
            ("_mails", "supervision") => ReportDefinition::load_mail(name, &file, &text)
                .map(|mail| letters.supervision = Some(mail)),
            ("_mails", "digest") => ReportDefinition::load_mail(name, &file, &text)
                .map(|mail| letters.digest = Some(mail)),
            // Read with the data sets that remind.
            ("_mails", "reminder") => Ok(()),
            _ => Err(vec![
                Diagnostic::file(&file, "no mail of this name is ever sent")
                    .hint("there are: digest, reminder, supervision"),
            ]),
        };
        if let Err(wrong) = loaded {
            problems.extend(wrong);
        }
    }
    problems.extend(missing(home, supervision, &letters, problems));
    letters
}

/// What is needed and not there; a file that is there and wrong has been said.
fn missing(
    home: &Home,
    supervision: &Supervision,
    letters: &Letters,
    said: &[Diagnostic],
) -> Vec<Diagnostic> {
    let steps = || supervision.ladders.iter().flat_map(|ladder| &ladder.steps);
    let mut missing: Vec<Diagnostic> = letters
        .slips
        .values()
        .filter(|slip| steps().any(|step| step.id == slip.name && step.number.is_some()))
        .filter(|slip| slip.body().trim().is_empty())
        .map(|slip| {
            let message = "a step with a number is a paper: its text is missing";
            let hint = "write it below the front matter, or take `number` from the step";
            Diagnostic::file(&slip.file, message).hint(hint)
        })
        .collect();
    let mut need = |name: String, why: String| {
        let path = home.report_templates().join(&name);
        let label = home.label(&path);
        let is_said = |problem: &Diagnostic| problem.file == label;
        if !said.iter().chain(&missing).any(is_said) {
            let message = format!("this file is missing: {why}");
            let hint = "take it from a new home: `duban init DIR`";
            missing.push(Diagnostic::file(label, message).hint(hint));
        }
    };
    for step in steps().filter(|step| !letters.slips.contains_key(&step.id)) {
        need(format!("_slips/{}.md.j2", step.id), format!("a ladder has the step `{}`", step.id));
    }
    if !supervision.ladders.is_empty() && letters.supervision.is_none() {
        need("_mails/supervision.md.j2".into(), "slips are mailed with it".into());
    }
    if let Some(digest) = &supervision.digest {
        if letters.digest.is_none() {
            need("_mails/digest.md.j2".into(), "[digest] is mailed with it".into());
        }
        let attaches = digest.attach_ledger != AttachLedger::Never;
        if attaches && !letters.ledgers.contains_key(ITEMS_LEDGER) {
            need(format!("_ledgers/{ITEMS_LEDGER}.md.j2"), "[digest] attaches the ledger".into());
        }
    }
    missing
}
