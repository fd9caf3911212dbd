//! What mail programs know, as tables: facts of Can I email, what is reported of Chinese programs, and what
//! we allow all the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use super::Severity;

/// Programs that secretariats and towns read mail with. Families of [`SUPPORT`], then of [`REPORTED`].
const CLIENTS: [&str; 8] = [
    "Outlook for Windows",
    "Outlook.com",
    "Outlook on a telephone",
    "Apple Mail",
    "Gmail",
    "Samsung Email",
    "QQ Mail",
    "NetEase Mail",
];

/// Made by tests/tools/caniemail.py.
const SUPPORT: &str = include_str!("support.csv");
const REPORTED: &str = include_str!("reported.csv");
const ALLOWED: &str = include_str!("allowed.csv");

/// How well a program knows a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Support {
    Whole,
    Partial,
    None,
    Unknown,
}

impl Support {
    fn parse(text: &str) -> Support {
        match text {
            "y" => Support::Whole,
            "a" => Support::Partial,
            "n" => Support::None,
            _ => Support::Unknown,
        }
    }
}

/// One feature of CSS or HTML.
#[derive(Debug)]
pub(super) struct Feature {
    /// As Can I email names its page: `css-display-flex`.
    pub name: &'static str,
    support: [Support; CLIENTS.len()],
    tested_on: &'static str,
    /// Elements on which it may be used although not all know it; empty: on all. None: it is not listed.
    allowed: Option<Vec<&'static str>>,
}

/// Lines of a table without its comments and its heading, cut at commas.
fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.skip(1).map(|line| line.split(',').map(str::trim).collect())
}

struct Tables {
    features: Vec<Feature>,
    /// By kind (`property`, `element`, …) and name.
    by_use: HashMap<(&'static str, &'static str), Vec<usize>>,
    /// What Can I email has no page for and every program knows, by kind and name, with the elements.
    basics: HashMap<(&'static str, &'static str), Vec<&'static str>>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let words = |text: &'static str| text.split_whitespace().collect::<Vec<_>>();
    let mut allowed: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
    let mut basics = HashMap::new();
    for row in rows(ALLOWED) {
        let [name, only_on, ..] = row[..] else { continue };
        match name.split_once(' ') {
            Some(basic) => drop(basics.insert(basic, words(only_on))),
            None => drop(allowed.insert(name, words(only_on))),
        }
    }
    let reported: BTreeMap<&str, Vec<&'static str>> =
        rows(REPORTED).map(|row| (row[0], row)).collect();
    let mut tables = Tables { features: Vec::new(), by_use: HashMap::new(), basics };
    for row in rows(SUPPORT) {
        let [name, what, outlook, com, phone, apple, gmail, samsung, tested_on] = row[..] else {
            continue;
        };
        let said = reported.get(name);
        let of = |i: usize| said.and_then(|row| row.get(i)).copied().unwrap_or("?");
        let support =
            [outlook, com, phone, apple, gmail, samsung, of(1), of(2)].map(Support::parse);
        let mut uses = what.split_whitespace();
        let kind = uses.next().unwrap_or_default();
        let at = tables.features.len();
        tables.features.push(Feature {
            name,
            support,
            tested_on,
            allowed: allowed.get(name).cloned(),
        });
        let mut uses: Vec<&'static str> = uses.collect();
        if kind == "value" {
            // `value display flex inline-flex`: of one property, these values.
            let property = if uses.is_empty() { "" } else { uses.remove(0) };
            debug_assert_eq!(property, "display");
        }
        if uses.is_empty() {
            uses.push("");
        }
        for name in uses {
            tables.by_use.entry((kind, name)).or_default().push(at);
        }
    }
    tables
});

/// The features that a use of something touches: `("property", "margin-top")`. None: nothing is known of it.
///
/// A property that has no page of its own is judged as the one that it is a part of: `margin-top` as
/// `margin`.
pub(super) fn features(kind: &str, name: &str) -> Option<Vec<&'static Feature>> {
    let tables = &*TABLES;
    let find = |name: &str| -> Option<Vec<&'static Feature>> {
        let found = tables.by_use.get(&(kind, name))?;
        Some(found.iter().map(|at| &tables.features[*at]).collect())
    };
    let is_basic = |name: &str| tables.basics.contains_key(&(kind, name));
    let mut name = name;
    loop {
        if is_basic(name) {
            return Some(Vec::new());
        }
        if let Some(found) = find(name) {
            return Some(found);
        }
        if kind != "property" {
            return None;
        }
        name = &name[..name.rfind('-').filter(|at| *at > 0)?];
    }
}

/// Whether a basic attribute stands on an element that it is not for.
pub(super) fn is_out_of_place(attribute: &str, element: &str) -> bool {
    let found = TABLES.basics.get(&("attribute", attribute));
    found.is_some_and(|only_on| !only_on.is_empty() && !only_on.contains(&element))
}

impl Feature {
    /// What is to be said of the feature's use (`what`), on an element if that is known: nothing where every
    /// program knows it or it is allowed.
    pub(super) fn judge(&self, what: &str, element: Option<&str>) -> Option<(Severity, String)> {
        let name = self.name;
        let with = |level: Support| -> Vec<&str> {
            let programs = CLIENTS.iter().zip(&self.support);
            programs.filter(|(_, support)| **support == level).map(|(name, _)| *name).collect()
        };
        let (without, partly) = (with(Support::None), with(Support::Partial));
        if without.is_empty() && partly.is_empty() {
            return None;
        }
        if let Some(only_on) = &self.allowed {
            let element = element.filter(|element| !only_on.contains(element));
            let element = element.filter(|_| !only_on.is_empty())?;
            let message = format!(
                "{what} on <{element}> is not known everywhere; it is for {} (caniemail: {name})",
                only_on.join(", ")
            );
            return Some((Severity::Error, message));
        }
        let (severity, how, programs) = if without.is_empty() {
            (Severity::Warning, "supported in part by", partly)
        } else {
            (Severity::Error, "not supported by", without)
        };
        let message = format!(
            "{what} is {how} {} (caniemail: {name}, tested {})",
            programs.join(", "),
            self.tested_on
        );
        Some((severity, message))
    }
}

/// What is wrong with the tables themselves; for tests.
pub fn table_faults() -> Vec<String> {
    let tables = &*TABLES;
    let mut faults = Vec::new();
    let known: Vec<&str> = tables.features.iter().map(|feature| feature.name).collect();
    for (table, text) in [("reported.csv", REPORTED), ("allowed.csv", ALLOWED)] {
        for row in rows(text) {
            let name = row.first().copied().unwrap_or_default();
            if !name.contains(' ') && !known.contains(&name) {
                faults.push(format!("{table}: {name} is no feature of support.csv"));
            }
            if row.last().is_none_or(|last| last.is_empty()) {
                faults.push(format!("{table}: {name} has no reason or source"));
            }
        }
    }
    for row in rows(ALLOWED) {
        if row.len() != 3 {
            faults.push(format!("allowed.csv: {row:?} has not three columns"));
        }
    }
    if tables.features.len() < 250 {
        faults.push(format!("support.csv has only {} features", tables.features.len()));
    }
    faults
}
