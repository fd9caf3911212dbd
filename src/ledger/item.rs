//! Supervision items (台账) and what happened to each.

use std::collections::{BTreeMap, BTreeSet};

use ecow::EcoString;
use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::error::Fault;
use super::item_list::urgency;
use super::value::{as_of, get, get_json, get_opt, instant, json as to_json};
use super::{Ledger, LedgerError, RunId, event};
use crate::model::{
    Actor, Item, ItemChange, ItemEvent, ItemEventKind, ItemKey, ItemState, UnitCode, difference,
    merge,
};

/// An item whose row does not say what its events make of it: the ledger was changed by another hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFault {
    pub item_no: i64,
    /// The fields that differ; none where the item has no events, or the events no item.
    pub fields: Vec<String>,
}

/// A numbered paper that speaks of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemPaper {
    pub step: String,
    pub title: String,
    pub number: String,
    pub unit_code: UnitCode,
    pub on_date: Date,
    pub path: Option<String>,
}

/// What an item explains: a violation without an item of its own, or an item that stands still meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldMatter {
    /// None: no item was opened.
    pub item_no: Option<i64>,
    pub check_id: String,
    pub subject_name: String,
    pub unit_code: UnitCode,
    pub detail: String,
}

impl Ledger {
    /// One item.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`]
    pub fn item(&self, item_no: i64) -> Result<Item, LedgerError> {
        self.read("read an item", |conn| {
            find(conn, item_no)?.ok_or_else(|| {
                LedgerError::NotFound { what: "item", key: item_no.to_string() }.into()
            })
        })
    }

    /// What happened to an item, oldest first.
    pub fn item_events(&self, item_no: i64) -> Result<Vec<ItemEvent>, LedgerError> {
        self.read("read an item's events", |conn| {
            let mut statement =
                conn.prepare_cached("SELECT * FROM item_events WHERE item_no = ?1 ORDER BY seq")?;
            let rows = statement.query_map([item_no], item_event)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The slips on which an item stands, oldest first.
    pub fn item_papers(&self, item_no: i64) -> Result<Vec<ItemPaper>, LedgerError> {
        self.read("list an item's slips", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT slips.* FROM slip_items JOIN slips USING (slip_id)
                 WHERE item_no = ?1 ORDER BY slip_id",
            )?;
            let rows = statement.query_map([item_no], |row| {
                Ok(ItemPaper {
                    step: row.get("step")?,
                    title: row.get("title")?,
                    number: row.get("number")?,
                    unit_code: UnitCode::new(row.get::<_, String>("unit_code")?),
                    on_date: get(row, "on_date")?,
                    path: row.get("path")?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// What an item explains while it is open.
    pub fn held_by(&self, item_no: i64) -> Result<Vec<HeldMatter>, LedgerError> {
        self.read("list what an item explains", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT check_id, subject_name, unit_code, detail FROM held
                 WHERE cause_item_no = ?1 ORDER BY check_id, subject_kind, subject_code",
            )?;
            let rows = statement.query_map([item_no], |row| {
                Ok(HeldMatter {
                    item_no: None,
                    check_id: row.get("check_id")?,
                    subject_name: row.get("subject_name")?,
                    unit_code: UnitCode::new(row.get::<_, String>("unit_code")?),
                    detail: row.get("detail")?,
                })
            })?;
            let mut matters: Vec<HeldMatter> = rows.collect::<rusqlite::Result<_>>()?;
            // What stands still has an urgency of its own.
            let mut statement = conn.prepare_cached(
                "SELECT item_json FROM items INDEXED BY items_by_urgency
                 WHERE urgency = 3 AND item_json ->> 'held_by' = ?1 ORDER BY item_no",
            )?;
            for item in statement.query_map([item_no], |row| get_json::<Item>(row, "item_json"))? {
                let item = item?;
                matters.push(HeldMatter {
                    item_no: Some(item.item_no),
                    check_id: item.key.check_id.into(),
                    subject_name: item.subject_name.into(),
                    unit_code: item.unit_code,
                    detail: item.detail.into(),
                });
            }
            Ok(matters)
        })
    }

    /// What was observed of each item when its episode began: where its progress is counted from.
    pub fn item_baselines(&self) -> Result<BTreeMap<ItemKey, f64>, LedgerError> {
        self.read("read the items' baselines", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT check_id, subject_kind, subject_code, e.observed AS observed
                 FROM items JOIN item_events e USING (item_no)
                 WHERE e.observed IS NOT NULL AND e.seq = (
                    SELECT max(seq) FROM item_events
                    WHERE item_no = items.item_no AND kind IN ('opened', 'reopened'))",
            )?;
            let rows = statement.query_map([], |row| {
                let text = |column| row.get::<_, String>(column).map(EcoString::from);
                let key = ItemKey {
                    check_id: text("check_id")?,
                    subject_kind: text("subject_kind")?,
                    subject_code: text("subject_code")?,
                };
                Ok((key, row.get("observed")?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// As [`Ledger::item_baselines`], of some items.
    pub fn item_baselines_of(&self, items: &[Item]) -> Result<BTreeMap<ItemKey, f64>, LedgerError> {
        self.read("read items' baselines", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT observed FROM item_events
                 WHERE item_no = ?1 AND kind IN ('opened', 'reopened') ORDER BY seq DESC LIMIT 1",
            )?;
            let mut baselines = BTreeMap::new();
            for item in items {
                let observed: Option<Option<f64>> =
                    statement.query_row([item.item_no], |row| row.get(0)).optional()?;
                if let Some(observed) = observed.flatten() {
                    baselines.insert(item.key.clone(), observed);
                }
            }
            Ok(baselines)
        })
    }

    /// The items that all events together make, by number: what [`Ledger::items`] must give.
    pub fn replay_items(&self) -> Result<Vec<Item>, LedgerError> {
        self.read("replay the items", |conn| Ok(replay(conn, None)?))
    }

    /// Items whose rows differ from what their events make; none in a sound ledger.
    pub fn item_faults(&self) -> Result<Vec<ItemFault>, LedgerError> {
        self.read("compare the items with their events", |conn| {
            let tx = conn.unchecked_transaction()?;
            let mut made: BTreeMap<i64, Item> =
                replay(&tx, None)?.into_iter().map(|item| (item.item_no, item)).collect();
            let mut faults = Vec::new();
            for item in list(&tx, None)? {
                let fields = match made.remove(&item.item_no) {
                    Some(made) if made == item => continue,
                    Some(made) => difference(Some(&made), &item)
                        .map_err(unwritable)?
                        .keys()
                        .cloned()
                        .collect(),
                    None => Vec::new(),
                };
                faults.push(ItemFault { item_no: item.item_no, fields });
            }
            let gone = made.into_keys().map(|item_no| ItemFault { item_no, fields: Vec::new() });
            faults.extend(gone);
            faults.sort_by_key(|fault| fault.item_no);
            Ok(faults)
        })
    }

    /// Stores what a run or a person changed, all of it or nothing, and gives the items as they are
    /// afterwards (in the order of the changes, newly opened ones with their numbers). `on` is the
    /// district's day of `at`.
    ///
    /// `Kept` with nothing new in the item leaves no trace: the same data twice changes nothing.
    ///
    /// # Errors
    /// [`LedgerError::ItemExists`] if an item that is to be opened is there already, and
    /// [`LedgerError::ItemChanged`] if one is not in the state that the change begins from: they were
    /// computed on an old state. [`LedgerError::NotFound`] if a numbered one is not.
    pub fn apply_item_changes(
        &self,
        changes: &[ItemChange],
        run: Option<RunId>,
        at: Timestamp,
        on: Date,
    ) -> Result<Vec<Item>, LedgerError> {
        self.write("store changes of items", |tx| {
            changes.iter().map(|change| apply(tx, change, run, at, on)).collect()
        })
    }

    /// As [`Ledger::apply_item_changes`], of changes that were computed on the ledger as it was at event
    /// number `seen`: refused as a whole if one of the items has changed since, in whatever field.
    pub fn apply_item_changes_seen(
        &self,
        seen: i64,
        changes: &[ItemChange],
        run: Option<RunId>,
        at: Timestamp,
        on: Date,
    ) -> Result<Vec<Item>, LedgerError> {
        self.write("store changes of items", |tx| apply_seen(tx, seen, changes, run, at, on))
    }
}

pub(super) fn apply_seen(
    tx: &Transaction<'_>,
    seen: i64,
    changes: &[ItemChange],
    run: Option<RunId>,
    at: Timestamp,
    on: Date,
) -> Result<Vec<Item>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT substr(subject, 6) AS item_no FROM events
         WHERE seq > ?1 AND subject GLOB 'item:*'",
    )?;
    let changed: BTreeSet<i64> =
        statement.query_map([seen], |row| get(row, "item_no"))?.collect::<rusqlite::Result<_>>()?;
    if let Some(change) = changes.iter().find(|change| changed.contains(&change.item.item_no)) {
        return Err(LedgerError::ItemChanged { item_no: change.item.item_no }.into());
    }
    changes.iter().map(|change| apply(tx, change, run, at, on)).collect()
}

pub(super) fn apply(
    tx: &Transaction<'_>,
    change: &ItemChange,
    run: Option<RunId>,
    at: Timestamp,
    on: Date,
) -> Result<Item, Fault> {
    let mut item = change.item.clone();
    let before = if item.item_no == 0 {
        item.item_no = insert(tx, &item)?;
        None
    } else {
        let before = find(tx, item.item_no)?
            .ok_or_else(|| LedgerError::NotFound { what: "item", key: item.item_no.to_string() })?;
        if change.from_state != Some(before.state) {
            return Err(LedgerError::ItemChanged { item_no: item.item_no }.into());
        }
        if change.kind == ItemEventKind::Kept && before == item {
            return Ok(item);
        }
        Some(before)
    };
    let set = difference(before.as_ref(), &item).map_err(unwritable)?;
    if before.is_some() {
        tx.prepare_cached(
            "UPDATE items SET unit_code = ?2, state = ?3, item_json = ?4, level = ?5, light = ?6,
                source = ?7, due_on = ?8, responsible_code = ?9, asked = ?10, urgency = ?11
             WHERE item_no = ?1",
        )?
        .execute((
            item.item_no,
            item.unit_code.as_str(),
            item.state.as_str(),
            to_json(&item)?,
            item.level.as_str(),
            item.light.as_str(),
            item.source.as_str(),
            item.due_on.to_string(),
            item.responsible_unit().as_str(),
            item.asked_due_on.is_some(),
            urgency(&item),
        ))?;
    } else {
        // Its number is in it, so it is written once that is known; no index is touched again.
        tx.prepare_cached("UPDATE items SET item_json = ?2 WHERE item_no = ?1")?
            .execute((item.item_no, to_json(&item)?))?;
    }
    tx.prepare_cached(
        "INSERT INTO item_events (item_no, seq, at, on_date, kind, from_state, to_state, role,
            unit_code, post, reason, observed, rule_version, run_id, set_json)
         VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM item_events WHERE item_no = ?1),
            ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute((
        item.item_no,
        instant(at),
        on.to_string(),
        change.kind.as_str(),
        change.from_state.map(ItemState::as_str),
        item.state.as_str(),
        change.actor.role.as_str(),
        change.actor.unit_code.as_ref().map(UnitCode::as_str),
        change.actor.post.as_str(),
        change.reason.as_str(),
        item.observed,
        item.rule_version,
        run,
        to_json(&set)?,
    ))?;
    event(
        tx,
        at,
        &format!("item_{}", change.kind.as_str()),
        &format!("item:{}", item.item_no),
        &json!({ "state": item.state, "run_id": run }),
    )?;
    Ok(item)
}

/// A figure that is no number cannot stand in the ledger.
fn unwritable(error: serde_json::Error) -> Fault {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error)).into()
}

fn insert(tx: &Transaction<'_>, item: &Item) -> Result<i64, Fault> {
    let ItemKey { check_id, subject_kind, subject_code } = &item.key;
    let existing: Option<i64> = tx
        .prepare_cached(
            "SELECT item_no FROM items
             WHERE check_id = ?1 AND subject_kind = ?2 AND subject_code = ?3",
        )?
        .query_row((check_id.as_str(), subject_kind.as_str(), subject_code.as_str()), |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(item_no) = existing {
        let key = format!("{check_id} {subject_kind} {subject_code}");
        return Err(LedgerError::ItemExists { key, item_no }.into());
    }
    tx.prepare_cached(
        "INSERT INTO items (check_id, subject_kind, subject_code, unit_code, state, level, light,
            source, due_on, responsible_code, asked, urgency, item_json)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, '')",
    )?
    .execute((
        check_id.as_str(),
        subject_kind.as_str(),
        subject_code.as_str(),
        item.unit_code.as_str(),
        item.state.as_str(),
        item.level.as_str(),
        item.light.as_str(),
        item.source.as_str(),
        item.due_on.to_string(),
        item.responsible_unit().as_str(),
        item.asked_due_on.is_some(),
        urgency(item),
    ))?;
    Ok(tx.last_insert_rowid())
}

pub(super) fn find(conn: &Connection, item_no: i64) -> rusqlite::Result<Option<Item>> {
    conn.prepare_cached("SELECT item_json FROM items WHERE item_no = ?1")?
        .query_row([item_no], |row| get_json(row, "item_json"))
        .optional()
}

/// All items by number: as they are, or as their events had made them by an instant.
pub(super) fn list(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Item>> {
    if at.is_none() {
        let mut statement = conn.prepare_cached("SELECT item_json FROM items ORDER BY item_no")?;
        let rows = statement.query_map([], |row| get_json(row, "item_json"))?;
        return rows.collect();
    }
    replay(conn, at)
}

/// The items that their events had made by an instant, by number.
fn replay(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Item>> {
    let mut statement = conn.prepare_cached(
        "SELECT item_no, set_json FROM item_events WHERE at <= :as_of ORDER BY item_no, seq",
    )?;
    let mut rows = statement.query(named_params! { ":as_of": as_of(at) })?;
    let mut items = Vec::new();
    let mut folded: Option<(i64, Map<String, Value>)> = None;
    while let Some(row) = rows.next()? {
        let item_no: i64 = row.get("item_no")?;
        let set: Map<String, Value> = get_json(row, "set_json")?;
        match &mut folded {
            Some((of, fields)) if *of == item_no => merge(fields, &set),
            _ => {
                items.extend(folded.replace((item_no, set)));
            }
        }
    }
    items.extend(folded);
    items.into_iter().map(|(_, fields)| whole(fields)).collect()
}

fn whole(fields: Map<String, Value>) -> rusqlite::Result<Item> {
    serde_json::from_value(Value::Object(fields)).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

pub(super) fn list_events(
    conn: &Connection,
    at: Option<Timestamp>,
) -> rusqlite::Result<Vec<ItemEvent>> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM item_events WHERE at <= :as_of ORDER BY item_no, seq")?;
    let rows = statement.query_map(named_params! { ":as_of": as_of(at) }, item_event)?;
    rows.collect()
}

fn item_event(row: &Row<'_>) -> rusqlite::Result<ItemEvent> {
    let unit_code: Option<String> = row.get("unit_code")?;
    Ok(ItemEvent {
        item_no: row.get("item_no")?,
        seq: row.get("seq")?,
        at: get(row, "at")?,
        on_date: get(row, "on_date")?,
        kind: row.get("kind")?,
        from_state: get_opt(row, "from_state")?,
        to_state: get(row, "to_state")?,
        actor: Actor {
            role: row.get::<_, String>("role")?.into(),
            unit_code: unit_code.map(UnitCode::new),
            post: row.get::<_, String>("post")?.into(),
        },
        reason: row.get("reason")?,
        observed: row.get("observed")?,
        rule_version: row.get("rule_version")?,
        run_id: row.get("run_id")?,
        set: get_json(row, "set_json")?,
    })
}
