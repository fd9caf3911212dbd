//! What explains what: a town that did not report has no figures, so its other faults follow from that.
//!
//! ## Design notes
//! - A matter *explains* while it is open and its check fails (an item), or would be (a violation).
//! - Of a chain the root counts: what a silent town's missing form explains is explained by its silence.
//! - Checks that explain each other in a circle explain nothing: of each circle one matter stands (one
//!   that stood before, else the least by key) and explains the others. Otherwise a mistake in the
//!   definitions would silence all of them.
//! - Only matters of checks that are somebody's cause are nodes here; everything else asks once.

use std::collections::{BTreeSet, HashMap};

use super::found::RuleNow;
use crate::config::check::CheckRule;
use crate::model::{ItemKey, UnitCode};

/// A matter that may explain others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Explains<'a> {
    pub key: &'a ItemKey,
    pub unit: &'a UnitCode,
    /// What explains it.
    pub rule: &'a CheckRule,
    /// Of an item that is there; none of one that this judging opens.
    pub item_no: Option<i64>,
    /// An open item that nothing held back until now.
    pub stood: bool,
}

/// Where an explanation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Root<'a> {
    pub key: &'a ItemKey,
    pub item_no: Option<i64>,
}

/// All matters that explain, with their roots.
#[derive(Debug, Default)]
pub(super) struct Causes<'a> {
    matters: Vec<Explains<'a>>,
    /// The least matter of a check and unit.
    by_unit: HashMap<(&'a str, &'a str), usize>,
    by_subject: HashMap<(&'a str, &'a str), usize>,
    /// The root of each matter; itself, if nothing explains it.
    roots: Vec<usize>,
}

/// The checks that explain others.
pub(super) fn cause_checks(rules: &[CheckRule]) -> BTreeSet<&str> {
    rules.iter().flat_map(|rule| &rule.held_by).map(|cause| cause.check.as_str()).collect()
}

impl<'a> Causes<'a> {
    pub(super) fn new(mut matters: Vec<Explains<'a>>) -> Causes<'a> {
        matters.sort_unstable_by_key(|matter| matter.key);
        let mut causes = Causes { matters, ..Causes::default() };
        for (at, matter) in causes.matters.iter().enumerate() {
            let check = matter.key.check_id.as_str();
            causes.by_unit.entry((check, matter.unit.as_str())).or_insert(at);
            causes.by_subject.entry((check, matter.key.subject_code.as_str())).or_insert(at);
        }
        causes.roots = causes.resolve();
        causes
    }

    /// What explains a matter of a rule and unit; nothing if it stands by itself.
    pub(super) fn root(
        &self,
        key: &ItemKey,
        now: &RuleNow<'_>,
        unit: &UnitCode,
    ) -> Option<Root<'a>> {
        let rule = now.rule;
        if rule.held_by.is_empty() || self.matters.is_empty() {
            return None;
        }
        let itself = if now.explains { self.place(key) } else { None };
        let at = match itself {
            Some(at) => Some(at).filter(|at| self.roots.get(*at) != Some(at)),
            None => self.explained_by(rule, unit).next(),
        };
        let root = self.matters.get(*self.roots.get(at?)?)?;
        Some(Root { key: root.key, item_no: root.item_no })
    }

    fn place(&self, key: &ItemKey) -> Option<usize> {
        self.matters.binary_search_by(|matter| matter.key.cmp(key)).ok()
    }

    /// The matters that explain one of a rule and unit, in the order of the rule's causes.
    fn explained_by(&self, rule: &CheckRule, unit: &UnitCode) -> impl Iterator<Item = usize> {
        rule.held_by.iter().filter_map(|cause| {
            let check = cause.check.as_str();
            match &cause.subject {
                None => self.by_unit.get(&(check, unit.as_str())).copied(),
                Some(subject) => {
                    let subject = subject.replace("{unit_code}", unit.as_str());
                    self.by_subject.get(&(check, subject.as_str())).copied()
                }
            }
        })
    }

    fn resolve(&self) -> Vec<usize> {
        let explained: Vec<Vec<usize>> = self
            .matters
            .iter()
            .enumerate()
            .map(|(at, matter)| {
                let by = self.explained_by(matter.rule, matter.unit);
                by.filter(|by| *by != at).collect()
            })
            .collect();
        let mut roots: Vec<Option<usize>> =
            explained.iter().enumerate().map(|(at, by)| by.is_empty().then_some(at)).collect();
        loop {
            // All at once from what was known before: the order of matters must not count.
            let found: Vec<(usize, usize)> = unresolved(&roots)
                .filter_map(|at| {
                    let root = explained.get(at)?.iter().find_map(|by| *roots.get(*by)?)?;
                    Some((at, root))
                })
                .collect();
            let found =
                if found.is_empty() { self.break_circles(&explained, &roots) } else { found };
            if found.is_empty() {
                break;
            }
            for (at, root) in found {
                if let Some(place) = roots.get_mut(at) {
                    *place = Some(root);
                }
            }
        }
        roots.into_iter().enumerate().map(|(at, root)| root.unwrap_or(at)).collect()
    }

    /// One matter of each circle, as its own root. Every unresolved matter leads to a circle.
    fn break_circles(
        &self,
        explained: &[Vec<usize>],
        roots: &[Option<usize>],
    ) -> Vec<(usize, usize)> {
        let next = |at: usize| explained.get(at).and_then(|by| by.first()).copied();
        let mut walked_by: HashMap<usize, usize> = HashMap::new();
        let mut broken = Vec::new();
        for start in unresolved(roots) {
            let mut path = Vec::new();
            let mut at = Some(start);
            while let Some(here) = at.filter(|here| !walked_by.contains_key(here)) {
                walked_by.insert(here, start);
                path.push(here);
                at = next(here);
            }
            let Some(met) = at.filter(|met| walked_by.get(met) == Some(&start)) else { continue };
            let circle = path.iter().skip_while(|here| **here != met);
            let stands = |at: &usize| self.matters.get(*at).map(|m| (!m.stood, m.key));
            broken.extend(circle.min_by_key(|at| stands(at)).map(|at| (*at, *at)));
        }
        broken
    }
}

fn unresolved(roots: &[Option<usize>]) -> impl Iterator<Item = usize> {
    roots.iter().enumerate().filter(|(_, root)| root.is_none()).map(|(at, _)| at)
}
