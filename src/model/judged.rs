use std::collections::{BTreeMap, BTreeSet};

use ecow::EcoString;

use super::{ItemKey, Period};

/// What was judged: which checks ran for which period, and whom each could judge.
///
/// That a subject is not among the violations may mean that it is well, or that nothing is known of
/// it this period; only the first may close an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub period: Period,
    /// By check id. A check that is not here did not run, or failed: its items are left alone.
    pub checks: BTreeMap<String, JudgedSubjects>,
}

/// Whom a check could judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JudgedSubjects {
    /// Every subject there is: what is no violation passes.
    All,
    /// These, as (subject_kind, subject_code). A town that sent nothing is not among them.
    Only(BTreeSet<(EcoString, EcoString)>),
}

impl Judged {
    /// Whether the item's check ran and could judge its subject.
    pub fn covers(&self, key: &ItemKey) -> bool {
        match self.checks.get(key.check_id.as_str()) {
            None => false,
            Some(JudgedSubjects::All) => true,
            Some(JudgedSubjects::Only(subjects)) => {
                subjects.contains(&(key.subject_kind.clone(), key.subject_code.clone()))
            }
        }
    }
}
