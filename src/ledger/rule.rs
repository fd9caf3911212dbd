//! What a judging came to: changes of items, what was held back, and under which version of each rule.
//!
//! One transaction takes all of it: a version of a rule is on record if and only if what it brought about is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{OptionalExtension, Row, Transaction};
use serde_json::json;

use super::error::Fault;
use super::item::apply_seen;
use super::value::{count, get, instant, store_blob};
use super::{Ledger, LedgerError, RunId, event};
use crate::model::{Item, ItemChange, ItemKey, Period, UnitCode};

/// All that a judging changes.
#[derive(Debug, Clone)]
pub struct NewJudging<'a> {
    /// The ledger's event number when the items were read.
    pub seen: i64,
    pub changes: &'a [ItemChange],
    /// Changes of items that one of `changes` holds back, by its key: its number is known only when it is
    /// stored.
    pub holding: &'a [(ItemChange, ItemKey)],
    pub period: Period,
    /// The checks that ran. What they held back before, and not now, is forgotten.
    pub checks: &'a [NewJudgement],
    pub held: &'a [NewHeld],
    /// Versions of rules that are new.
    pub rules: &'a [NewRule],
}

/// One check that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJudgement {
    pub check_id: String,
    pub rule_version: u32,
    pub n_violations: u64,
    /// Subjects that it could judge; none: all there are.
    pub n_judged: Option<u64>,
    pub n_held: u64,
    /// A hash of the data that it read.
    pub inputs_sha256: String,
}

/// A violation for which no item was opened, because the open item of a cause explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHeld {
    pub key: ItemKey,
    pub subject_name: String,
    pub unit_code: UnitCode,
    pub period: Period,
    pub detail: String,
    pub cause: ItemKey,
}

/// A version of a rule that was not there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRule {
    pub check_id: String,
    pub version: u32,
    pub sha256: String,
    /// Its fields; its texts by their hash.
    pub content_json: String,
    /// Large texts of the content, by their SHA-256.
    pub texts: BTreeMap<String, String>,
    /// What differs from the version before.
    pub what: String,
    pub compared: Compared,
    pub effects: Vec<RuleEffect>,
}

/// How a version's effect is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// There was no version before.
    First,
    /// It judges as the version before: other texts or days differ.
    Unchanged,
    /// Both versions were run on the same data.
    SameData,
    /// The version before could not be run any more: rule and data changed together.
    Both,
}

impl Compared {
    const ALL: [Compared; 4] =
        [Compared::First, Compared::Unchanged, Compared::SameData, Compared::Both];

    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Compared::First => "first",
            Compared::Unchanged => "unchanged",
            Compared::SameData => "same_data",
            Compared::Both => "both",
        }
    }

    /// What supervisors read.
    pub fn label(self) -> &'static str {
        match self {
            Compared::First => "首次记录",
            Compared::Unchanged => "不影响是否立项",
            Compared::SameData => "新旧规则按同一数据核对",
            Compared::Both => "规则与数据同时变化",
        }
    }
}

/// What the rule alone did to a subject: on the same data the version before judged it otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleEffect {
    pub key: ItemKey,
    pub subject_name: String,
    pub effect: Effect,
}

/// How a version told otherwise than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// An item was opened (or opened again).
    Opened,
    /// An item was closed, withdrawn, or passes since.
    Closed,
    /// An open item stays, which would have passed.
    Kept,
    /// No item was opened, where one would have been.
    Spared,
}

impl Effect {
    pub const ALL: [Effect; 4] = [Effect::Opened, Effect::Closed, Effect::Kept, Effect::Spared];

    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Opened => "opened",
            Effect::Closed => "closed",
            Effect::Kept => "kept",
            Effect::Spared => "spared",
        }
    }

    /// What supervisors read.
    pub fn label(self) -> &'static str {
        match self {
            Effect::Opened => "因规则立项",
            Effect::Closed => "因规则销号或达标",
            Effect::Kept => "因规则继续督办",
            Effect::Spared => "因规则未立项",
        }
    }
}

/// A version of a rule as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleVersion {
    pub check_id: String,
    pub version: u32,
    pub since: Timestamp,
    pub sha256: String,
    pub content_json: String,
    pub what: String,
    pub compared: Compared,
    pub run_id: Option<RunId>,
}

/// A subject on which a version told otherwise, and its item if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleItem {
    pub version: u32,
    pub effect: Effect,
    pub subject_name: String,
    pub subject_code: String,
    pub item_no: Option<i64>,
}

impl Ledger {
    /// Stores a judging, all of it or nothing, and gives the changed items as they are afterwards.
    ///
    /// # Errors
    /// As [`Ledger::apply_item_changes_seen`].
    pub fn record_judging(
        &self,
        judging: &NewJudging<'_>,
        run: RunId,
        at: Timestamp,
        on: Date,
    ) -> Result<Vec<Item>, LedgerError> {
        self.write("store a judging", |tx| {
            let items = apply_seen(tx, judging.seen, judging.changes, Some(run), at, on)?;
            let mut holding = Vec::with_capacity(judging.holding.len());
            for (change, cause) in judging.holding {
                let mut change = change.clone();
                change.item.held_by = item_no_of(tx, cause)?;
                holding.push(change);
            }
            // What this judging has changed itself is none of these: an item changes once.
            apply_seen(tx, judging.seen, &holding, Some(run), at, on)?;
            for rule in judging.rules {
                record_rule(tx, rule, run, at)?;
            }
            for check in judging.checks {
                record_judgement(tx, check, judging.period, run, at)?;
            }
            record_held(tx, judging, at)?;
            if !judging.checks.is_empty() {
                let detail = json!({
                    "period": judging.period, "n_checks": judging.checks.len(),
                    "n_held": judging.held.len(), "n_rules": judging.rules.len(),
                });
                event(tx, at, "judged", &format!("run:{run}"), &detail)?;
            }
            Ok(items)
        })
    }

    /// The versions of a check's rule, or of all, by check and version.
    pub fn rule_versions(&self, check_id: Option<&str>) -> Result<Vec<RuleVersion>, LedgerError> {
        self.read("list versions of rules", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT * FROM rules WHERE ?1 IS NULL OR check_id = ?1 ORDER BY check_id, version",
            )?;
            let rows = statement.query_map([check_id], rule_version)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The newest version of every check's rule, by check.
    pub fn newest_rules(&self) -> Result<BTreeMap<String, RuleVersion>, LedgerError> {
        let versions = self.rule_versions(None)?;
        Ok(versions.into_iter().map(|rule| (rule.check_id.clone(), rule)).collect())
    }

    /// The number of the newest version of every check's rule, by check.
    pub fn rule_numbers(&self) -> Result<BTreeMap<String, u32>, LedgerError> {
        self.read("count versions of rules", |conn| {
            let mut statement =
                conn.prepare_cached("SELECT check_id, max(version) FROM rules GROUP BY check_id")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A text of a rule's content.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`]
    pub fn rule_text(&self, sha256: &str) -> Result<String, LedgerError> {
        self.read("read a rule's text", |conn| {
            let bytes: Option<Vec<u8>> = conn
                .prepare_cached("SELECT bytes FROM blobs WHERE sha256 = ?1")?
                .query_row([sha256], |row| row.get(0))
                .optional()?;
            let bytes = bytes
                .ok_or_else(|| LedgerError::NotFound { what: "text", key: sha256.to_owned() })?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        })
    }

    /// On whom the versions of a check's rule told otherwise than those before.
    pub fn rule_effects(&self, check_id: &str) -> Result<Vec<RuleItem>, LedgerError> {
        self.read("list effects of rules", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT * FROM rule_effects WHERE check_id = ?1
                 ORDER BY version, effect, subject_kind, subject_code",
            )?;
            let rows = statement.query_map([check_id], |row| {
                let word: String = row.get("effect")?;
                let known = Effect::ALL.into_iter().find(|effect| effect.as_str() == word);
                Ok(RuleItem {
                    version: row.get("version")?,
                    effect: known.ok_or_else(|| unknown(row, "effect"))?,
                    subject_name: row.get("subject_name")?,
                    subject_code: row.get("subject_code")?,
                    item_no: row.get("item_no")?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn unknown(row: &Row<'_>, column: &str) -> rusqlite::Error {
    let index = row.as_ref().column_index(column).unwrap_or(usize::MAX);
    rusqlite::Error::InvalidColumnType(index, column.to_owned(), rusqlite::types::Type::Text)
}

fn rule_version(row: &Row<'_>) -> rusqlite::Result<RuleVersion> {
    let word: String = row.get("compared")?;
    let known = Compared::ALL.into_iter().find(|compared| compared.as_str() == word);
    Ok(RuleVersion {
        check_id: row.get("check_id")?,
        version: row.get("version")?,
        since: get(row, "since")?,
        sha256: row.get("sha256")?,
        content_json: row.get("content_json")?,
        what: row.get("what")?,
        compared: known.ok_or_else(|| unknown(row, "compared"))?,
        run_id: row.get("run_id")?,
    })
}

fn item_no_of(tx: &Transaction<'_>, key: &ItemKey) -> rusqlite::Result<Option<i64>> {
    tx.prepare_cached(
        "SELECT item_no FROM items WHERE check_id = ?1 AND subject_kind = ?2 AND subject_code = ?3",
    )?
    .query_row(
        (key.check_id.as_str(), key.subject_kind.as_str(), key.subject_code.as_str()),
        |row| row.get(0),
    )
    .optional()
}

fn record_rule(
    tx: &Transaction<'_>,
    rule: &NewRule,
    run: RunId,
    at: Timestamp,
) -> Result<(), Fault> {
    for text in rule.texts.values() {
        store_blob(tx, text.as_bytes())?;
    }
    tx.prepare_cached(
        "INSERT INTO rules (check_id, version, since, sha256, content_json, what, compared, run_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute((
        &rule.check_id,
        rule.version,
        instant(at),
        &rule.sha256,
        &rule.content_json,
        &rule.what,
        rule.compared.as_str(),
        run,
    ))?;
    for effect in &rule.effects {
        tx.prepare_cached(
            "INSERT INTO rule_effects (check_id, version, subject_kind, subject_code, subject_name,
                effect, item_no)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            &rule.check_id,
            rule.version,
            effect.key.subject_kind.as_str(),
            effect.key.subject_code.as_str(),
            &effect.subject_name,
            effect.effect.as_str(),
            item_no_of(tx, &effect.key)?,
        ))?;
    }
    let detail = json!({ "version": rule.version, "what": rule.what });
    event(tx, at, "rule_changed", &format!("check:{}", rule.check_id), &detail)?;
    Ok(())
}

fn record_judgement(
    tx: &Transaction<'_>,
    check: &NewJudgement,
    period: Period,
    run: RunId,
    at: Timestamp,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO judgements (check_id, rule_version, period, at, run_id, n_violations,
            n_judged, n_held, inputs_sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        &check.check_id,
        check.rule_version,
        period.to_string(),
        instant(at),
        run,
        count(check.n_violations),
        check.n_judged.map(count),
        count(check.n_held),
        &check.inputs_sha256,
    ))?;
    Ok(())
}

fn record_held(tx: &Transaction<'_>, judging: &NewJudging<'_>, at: Timestamp) -> Result<(), Fault> {
    for check in judging.checks {
        let mut before =
            tx.prepare_cached("SELECT subject_kind, subject_code FROM held WHERE check_id = ?1")?;
        let before: Vec<(String, String)> = before
            .query_map([&check.check_id], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (kind, code) in before {
            let key = ItemKey {
                check_id: check.check_id.as_str().into(),
                subject_kind: kind.into(),
                subject_code: code.into(),
            };
            if !judging.held.iter().any(|held| held.key == key) {
                tx.prepare_cached(
                    "DELETE FROM held
                     WHERE check_id = ?1 AND subject_kind = ?2 AND subject_code = ?3",
                )?
                .execute((
                    key.check_id.as_str(),
                    key.subject_kind.as_str(),
                    key.subject_code.as_str(),
                ))?;
            }
        }
    }
    for held in judging.held {
        let ItemKey { check_id, subject_kind, subject_code } = &held.cause;
        let cause = item_no_of(tx, &held.cause)?.ok_or_else(|| LedgerError::NotFound {
            what: "item of the cause",
            key: format!("{check_id} {subject_kind} {subject_code}"),
        })?;
        tx.prepare_cached(
            "INSERT INTO held (check_id, subject_kind, subject_code, subject_name, unit_code, period,
                detail, cause_item_no, since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET subject_name = excluded.subject_name,
                unit_code = excluded.unit_code, period = excluded.period,
                detail = excluded.detail, cause_item_no = excluded.cause_item_no",
        )?
        .execute((
            held.key.check_id.as_str(),
            held.key.subject_kind.as_str(),
            held.key.subject_code.as_str(),
            &held.subject_name,
            held.unit_code.as_str(),
            held.period.to_string(),
            &held.detail,
            cause,
            instant(at),
        ))?;
    }
    Ok(())
}
