//! Items beside violations, by key.
//!
//! ## Design notes
//! - Sorting once and walking both is quicker than a table of hashes, and what comes of it is in order
//!   already. A million keys of strings are sorted by numbers: the rank of check and kind among those
//!   there are, and the first bytes of the code; the strings are compared only where these are equal.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use crate::model::{Item, ItemKey, Period, Violation};

/// An item, the violation of its key, or both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub key: &'a ItemKey,
    /// The place of its check in [`Joined::checks`].
    pub check: usize,
    pub item: Option<&'a Item>,
    pub violation: Option<&'a Violation>,
}

/// All keys that items and violations have, in order.
pub(super) struct Joined<'a> {
    /// The checks, in order.
    pub checks: Vec<&'a str>,
    pub pairs: Vec<Pair<'a>>,
}

/// What keys are compared by before their texts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    check: u32,
    kind: u32,
    code: u128,
}

#[derive(Clone, Copy)]
struct Entry<'a> {
    head: Head,
    key: &'a ItemKey,
    item: Option<&'a Item>,
    violation: Option<&'a Violation>,
}

/// Joins items and violations. Of several violations with one key the greatest counts.
pub(super) fn join<'a>(items: &'a [Item], violations: &'a [Violation]) -> Joined<'a> {
    let keys = || items.iter().map(|item| &item.key).chain(violations.iter().map(|v| &v.key));
    let checks = distinct(keys().map(|key| key.check_id.as_str()));
    let kinds = distinct(keys().map(|key| key.subject_kind.as_str()));
    let (by_check, by_kind) = (ranks(&checks), ranks(&kinds));
    let head = |key: &ItemKey| Head {
        check: by_check.get(key.check_id.as_str()).copied().unwrap_or(0),
        kind: by_kind.get(key.subject_kind.as_str()).copied().unwrap_or(0),
        code: first_bytes(&key.subject_code),
    };
    let mut entries: Vec<Entry<'a>> = items
        .par_iter()
        .map(|item| (&item.key, Some(item), None))
        .chain(violations.par_iter().map(|violation| (&violation.key, None, Some(violation))))
        .map(|(key, item, violation)| Entry { head: head(key), key, item, violation })
        .collect();
    entries.par_sort_unstable_by(|a, b| a.head.cmp(&b.head).then_with(|| a.key.cmp(b.key)));

    let mut pairs: Vec<Pair<'a>> = Vec::with_capacity(entries.len());
    let mut last: Option<Head> = None;
    for Entry { head, key, item, violation } in entries {
        match pairs.last_mut() {
            Some(pair) if last == Some(head) && pair.key == key => {
                pair.item = pair.item.or(item);
                pair.violation = greatest(pair.violation, violation);
            }
            _ => pairs.push(Pair { key, check: head.check as usize, item, violation }),
        }
        last = Some(head);
    }
    Joined { checks, pairs }
}

fn greatest<'a>(one: Option<&'a Violation>, other: Option<&'a Violation>) -> Option<&'a Violation> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if rank(other) > rank(one) { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// All that two violations of one key can differ in: the order in which they come must not matter.
fn rank(violation: &Violation) -> (Period, &str, &str, &str, Option<u64>, Option<u64>) {
    (
        violation.period,
        violation.detail.as_str(),
        violation.subject_name.as_str(),
        violation.unit_code.as_str(),
        violation.observed.map(f64::to_bits),
        violation.target.map(f64::to_bits),
    )
}

fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let seen: HashSet<&str> = words.collect();
    let mut words: Vec<&str> = seen.into_iter().collect();
    words.sort_unstable();
    words
}

fn ranks<'a>(words: &[&'a str]) -> HashMap<&'a str, u32> {
    words.iter().copied().zip(0..).collect()
}

/// The first 16 bytes as a number, in the order of the texts; shorter ones are filled with zeros.
fn first_bytes(text: &str) -> u128 {
    let mut bytes = [0; 16];
    let n = text.len().min(16);
    if let (Some(place), Some(text)) = (bytes.get_mut(..n), text.as_bytes().get(..n)) {
        place.copy_from_slice(text);
    }
    u128::from_be_bytes(bytes)
}
