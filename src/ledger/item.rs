//! Supervision items (台账) and what happened to each.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};
use serde_json::json;

use super::error::Fault;
use super::value::{as_of, get, get_json, get_opt, instant, json as to_json};
use super::{Ledger, LedgerError, RunId, event};
use crate::model::{Item, ItemChange, ItemEvent, ItemEventKind, ItemKey, ItemState, UnitCode};

/// Which items to list; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct ItemFilter {
    pub check_id: Option<String>,
    pub unit: Option<UnitCode>,
    pub state: Option<ItemState>,
    /// The items as they stood then.
    pub as_of: Option<Timestamp>,
}

impl Ledger {
    /// Items by number.
    pub fn items(&self, filter: &ItemFilter) -> Result<Vec<Item>, LedgerError> {
        self.read("list items", |conn| {
            let items = list(conn, filter.as_of)?.into_iter().filter(|item| {
                filter.check_id.as_ref().is_none_or(|check| *check == item.key.check_id)
                    && filter.unit.as_ref().is_none_or(|unit| *unit == item.unit_code)
                    && filter.state.is_none_or(|state| state == item.state)
            });
            Ok(items.collect())
        })
    }

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

    /// What was observed of each item when its episode began: where its progress is counted from.
    pub fn item_baselines(&self) -> Result<BTreeMap<ItemKey, f64>, LedgerError> {
        self.read("read the items' baselines", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT items.item_json AS item_json, e.observed AS observed
                 FROM items JOIN item_events e USING (item_no)
                 WHERE e.observed IS NOT NULL AND e.seq = (
                    SELECT max(seq) FROM item_events
                    WHERE item_no = items.item_no AND kind IN ('opened', 'reopened'))",
            )?;
            let rows = statement.query_map([], |row| {
                let item: Item = get_json(row, "item_json")?;
                Ok((item.key, row.get("observed")?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Stores what a run changed, all of it or nothing, and gives the items as they are afterwards
    /// (in the order of the changes, newly opened ones with their numbers).
    ///
    /// `Kept` with nothing new in the item leaves no trace: the same data twice changes nothing.
    ///
    /// # Errors
    /// [`LedgerError::ItemExists`] if an item that is to be opened is there already: the changes were
    /// computed on an old state. [`LedgerError::NotFound`] if a numbered one is not.
    pub fn apply_item_changes(
        &self,
        changes: &[ItemChange],
        run: Option<RunId>,
        at: Timestamp,
    ) -> Result<Vec<Item>, LedgerError> {
        self.write("store changes of items", |tx| {
            changes.iter().map(|change| apply(tx, change, "duban", run, at)).collect()
        })
    }
}

fn apply(
    tx: &Transaction<'_>,
    change: &ItemChange,
    actor: &str,
    run: Option<RunId>,
    at: Timestamp,
) -> Result<Item, Fault> {
    let mut item = change.item.clone();
    if item.item_no == 0 {
        item.item_no = insert(tx, &item)?;
    } else {
        let before = find(tx, item.item_no)?
            .ok_or_else(|| LedgerError::NotFound { what: "item", key: item.item_no.to_string() })?;
        if change.kind == ItemEventKind::Kept && before == item {
            return Ok(item);
        }
    }
    let item_json = to_json(&item)?;
    tx.prepare_cached(
        "UPDATE items SET unit_code = ?2, state = ?3, item_json = ?4 WHERE item_no = ?1",
    )?
    .execute((item.item_no, item.unit_code.as_str(), item.state.as_str(), &item_json))?;
    tx.prepare_cached(
        "INSERT INTO item_events (item_no, seq, at, kind, from_state, to_state, actor, reason,
            observed, run_id, item_json)
         VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM item_events WHERE item_no = ?1),
            ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute((
        item.item_no,
        instant(at),
        change.kind.as_str(),
        change.from_state.map(ItemState::as_str),
        item.state.as_str(),
        actor,
        &change.reason,
        item.observed,
        run,
        &item_json,
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

fn insert(tx: &Transaction<'_>, item: &Item) -> Result<i64, Fault> {
    let ItemKey { check_id, subject_kind, subject_code } = &item.key;
    let existing: Option<i64> = tx
        .prepare_cached(
            "SELECT item_no FROM items
             WHERE check_id = ?1 AND subject_kind = ?2 AND subject_code = ?3",
        )?
        .query_row((check_id, subject_kind, subject_code), |row| row.get(0))
        .optional()?;
    if let Some(item_no) = existing {
        let key = format!("{check_id} {subject_kind} {subject_code}");
        return Err(LedgerError::ItemExists { key, item_no }.into());
    }
    tx.prepare_cached(
        "INSERT INTO items (check_id, subject_kind, subject_code, unit_code, state, item_json)
         VALUES (?1, ?2, ?3, ?4, ?5, '')",
    )?
    .execute((
        check_id,
        subject_kind,
        subject_code,
        item.unit_code.as_str(),
        item.state.as_str(),
    ))?;
    Ok(tx.last_insert_rowid())
}

fn find(conn: &Connection, item_no: i64) -> rusqlite::Result<Option<Item>> {
    conn.prepare_cached("SELECT item_json FROM items WHERE item_no = ?1")?
        .query_row([item_no], |row| get_json(row, "item_json"))
        .optional()
}

pub(super) fn list(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Item>> {
    let mut statement = conn.prepare_cached(
        "SELECT item_json FROM item_events AS e
         WHERE seq = (SELECT max(seq) FROM item_events AS last
            WHERE last.item_no = e.item_no AND last.at <= :as_of)
         ORDER BY item_no",
    )?;
    let rows = statement
        .query_map(named_params! { ":as_of": as_of(at) }, |row| get_json(row, "item_json"))?;
    rows.collect()
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
    Ok(ItemEvent {
        item_no: row.get("item_no")?,
        seq: row.get("seq")?,
        at: get(row, "at")?,
        kind: row.get("kind")?,
        from_state: get_opt(row, "from_state")?,
        to_state: get(row, "to_state")?,
        actor: row.get("actor")?,
        reason: row.get("reason")?,
        observed: row.get("observed")?,
    })
}
