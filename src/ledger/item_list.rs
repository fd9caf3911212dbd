//! Pages of items, read by index: what needs action first, out of a million, without the others.
//!
//! ## Design notes
//! - One order for all lists: `urgency` (red, yellow, green, standing still, done), then the deadline, then
//!   the number. Each usual filter is the first column of an index whose next columns are that order, so a
//!   page is the beginning of a range. A filter of several values (the towns of a group) is as many ranges,
//!   whose beginnings are merged here: SQLite would sort all their rows.
//! - An item as of an instant is folded from its events; there the filter looks at items.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};

use super::error::Fault;
use super::item::{find, list};
use super::{Ledger, LedgerError};
use crate::model::{Item, ItemSource, ItemState, Light, UnitCode};

/// Which items; what is empty or `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemFilter {
    pub item_nos: Vec<i64>,
    pub check_id: Option<String>,
    /// One of them is responsible, or at fault.
    pub units: Vec<UnitCode>,
    pub level: Option<String>,
    pub light: Option<Light>,
    pub state: Option<ItemState>,
    pub source: Option<ItemSource>,
    /// Not done, and due before this day.
    pub overdue_on: Option<Date>,
    /// One of these: what waits for somebody.
    pub waiting: Option<Vec<Waiting>>,
    /// Not those that are done.
    pub open_only: bool,
    /// The items as they stood then.
    pub as_of: Option<Timestamp>,
}

/// How an item can wait for somebody. One that stands still waits for nobody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiting {
    /// It is in this state.
    In { state: ItemState, level: String },
    /// An extension was asked for.
    Asked { level: String },
}

/// The first items of a list, and how many there are.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemPage {
    pub items: Vec<Item>,
    pub n_total: u64,
}

impl Ledger {
    /// Items by number.
    pub fn items(&self, filter: &ItemFilter) -> Result<Vec<Item>, LedgerError> {
        self.read("list items", |conn| {
            if *filter == ItemFilter::default() || filter.as_of.is_some() {
                let mut items = list(conn, filter.as_of)?;
                items.retain(|item| filter.takes(item));
                return Ok(items);
            }
            let mut keys = keys(conn, filter, None)?;
            keys.sort_unstable_by_key(|key| key.item_no);
            read(conn, &keys)
        })
    }

    /// The first `limit` items in the order of what needs action, and how many there are in all.
    pub fn item_page(&self, filter: &ItemFilter, limit: usize) -> Result<ItemPage, LedgerError> {
        self.read("list items", |conn| {
            if filter.as_of.is_some() {
                let mut items = list(conn, filter.as_of)?;
                items.retain(|item| filter.takes(item));
                items.sort_by_key(|item| (urgency(item), item.due_on, item.item_no));
                let n_total = items.len() as u64;
                items.truncate(limit);
                return Ok(ItemPage { items, n_total });
            }
            // One view: what is counted is what is shown.
            let tx = conn.unchecked_transaction()?;
            let keys = keys(&tx, filter, Some(limit))?;
            Ok(ItemPage { items: read(&tx, &keys)?, n_total: count(&tx, filter)? })
        })
    }
}

/// How much an item needs action: 0 red, 1 yellow, 2 green, 3 stands still (suspended, or held back by a
/// cause), 4 done.
pub fn urgency(item: &Item) -> u8 {
    if item.is_done() {
        return 4;
    }
    if item.state == ItemState::Suspended || item.held_by.is_some() {
        return 3;
    }
    match item.light {
        Light::Red => 0,
        Light::Yellow => 1,
        Light::Green => 2,
    }
}

impl ItemFilter {
    /// Whether an item is one of these.
    pub fn takes(&self, item: &Item) -> bool {
        let is_unit = |unit: &UnitCode| *unit == item.unit_code || unit == item.responsible_unit();
        (self.item_nos.is_empty() || self.item_nos.contains(&item.item_no))
            && self.check_id.as_ref().is_none_or(|check| *check == item.key.check_id)
            && (self.units.is_empty() || self.units.iter().any(is_unit))
            && self.level.as_ref().is_none_or(|level| *level == item.level)
            && self.light.is_none_or(|light| light == item.light)
            && self.state.is_none_or(|state| state == item.state)
            && self.source.is_none_or(|source| source == item.source)
            && self.overdue_on.is_none_or(|day| !item.is_done() && item.due_on < day)
            && (!self.open_only || !item.is_done())
            && self.waiting.as_ref().is_none_or(|waiting| {
                urgency(item) < 3 && waiting.iter().any(|one| one.is_of(item))
            })
    }
}

impl Waiting {
    fn is_of(&self, item: &Item) -> bool {
        match self {
            Waiting::In { state, level } => *state == item.state && *level == item.level,
            Waiting::Asked { level } => item.asked_due_on.is_some() && *level == item.level,
        }
    }
}

/// A stretch of one index, in the order of the list, with what else its items must be.
struct Range {
    index: &'static str,
    conditions: Vec<String>,
    values: Vec<SqlValue>,
}

impl Range {
    fn of(index: &'static str, column: &str, value: impl Into<SqlValue>) -> Range {
        let mut range = Range { index, conditions: Vec::new(), values: Vec::new() };
        range.equal(column, value);
        range
    }

    fn equal(&mut self, column: &str, value: impl Into<SqlValue>) {
        self.conditions.push(format!("{column} = ?"));
        self.values.push(value.into());
    }

    /// `column` is, or is not (`negated` as `NOT`), one of the values.
    fn among(&mut self, column: &str, negated: &str, values: impl Iterator<Item = String>) {
        let values: Vec<SqlValue> = values.map(SqlValue::Text).collect();
        let marks = vec!["?"; values.len()].join(", ");
        self.conditions.push(format!("{column} {negated} IN ({marks})"));
        self.values.extend(values);
    }

    fn sql(&self, select: &str, end: &str) -> String {
        let conditions = if self.conditions.is_empty() {
            "TRUE".to_owned()
        } else {
            self.conditions.join(" AND ")
        };
        let indexed = match self.index {
            "" => String::new(),
            index => format!("INDEXED BY {index} "),
        };
        format!("SELECT {select} FROM items {indexed}WHERE {conditions} {end}")
    }
}

/// The ranges that hold the items of a filter, each item in one of them.
fn ranges(filter: &ItemFilter) -> Vec<Range> {
    let mut first = first_ranges(filter);
    for range in &mut first {
        if let Some(check) = &filter.check_id {
            range.equal("check_id", check.clone());
        }
        if let Some(level) = &filter.level {
            range.equal("level", level.clone());
        }
        if let Some(light) = filter.light {
            range.equal("light", light.as_str().to_owned());
        }
        if let Some(state) = filter.state {
            range.equal("state", state.as_str().to_owned());
        }
        if let Some(source) = filter.source {
            range.equal("source", source.as_str().to_owned());
        }
        if let Some(waiting) = &filter.waiting {
            wait(range, waiting);
        }
        if filter.open_only && filter.overdue_on.is_none() && filter.waiting.is_none() {
            range.conditions.push("urgency < 4".to_owned());
        }
    }
    let Some(day) = filter.overdue_on else { return first };
    // With urgency an equality, the day bounds the range.
    let mut by_urgency = Vec::new();
    for range in first {
        for urgency in 0..4_i64 {
            let mut conditions = range.conditions.clone();
            conditions.push(format!("urgency = {urgency} AND due_on < ?"));
            let mut values = range.values.clone();
            values.push(SqlValue::Text(day.to_string()));
            by_urgency.push(Range { index: range.index, conditions, values });
        }
    }
    by_urgency
}

/// The ranges of the filter's most telling condition.
fn first_ranges(filter: &ItemFilter) -> Vec<Range> {
    if !filter.item_nos.is_empty() {
        let json = serde_json::json!(filter.item_nos).to_string();
        let mut range = Range { index: "", conditions: Vec::new(), values: Vec::new() };
        range.conditions.push("item_no IN (SELECT value FROM json_each(?))".to_owned());
        range.values.push(SqlValue::Text(json));
        if !filter.units.is_empty() {
            let codes = || filter.units.iter().map(|unit| unit.as_str().to_owned());
            range.among("(responsible_code", "", codes());
            if let Some(last) = range.conditions.last_mut() {
                last.push_str(" OR unit_code IN (");
                last.push_str(&vec!["?"; filter.units.len()].join(", "));
                last.push_str("))");
            }
            range.values.extend(codes().map(SqlValue::Text));
        }
        return vec![range];
    }
    if !filter.units.is_empty() {
        let mut ranges = Vec::new();
        for unit in &filter.units {
            let code = unit.as_str().to_owned();
            ranges.push(Range::of("items_by_unit", "responsible_code", code.clone()));
            let mut at_fault = Range::of("items_by_fault", "unit_code", code);
            at_fault.conditions.push("responsible_code <> unit_code".to_owned());
            let others = filter.units.iter().map(|unit| unit.as_str().to_owned());
            at_fault.among("responsible_code", "NOT", others);
            ranges.push(at_fault);
        }
        return ranges;
    }
    if let Some(check) = &filter.check_id {
        return vec![Range::of("items_by_check", "check_id", check.clone())];
    }
    if let Some(state) = filter.state {
        return vec![Range::of("items_by_state", "state", state.as_str().to_owned())];
    }
    if let Some(waiting) = &filter.waiting {
        let states = states(waiting);
        let mut ranges: Vec<Range> = states
            .iter()
            .map(|state| Range::of("items_by_state", "state", (*state).to_owned()))
            .collect();
        if waiting.iter().any(|one| matches!(one, Waiting::Asked { .. })) {
            let mut asked =
                Range { index: "items_asked", conditions: Vec::new(), values: Vec::new() };
            asked.conditions.push("asked = 1".to_owned());
            asked.among("state", "NOT", states.iter().map(|state| (*state).to_owned()));
            ranges.push(asked);
        }
        return ranges;
    }
    if let Some(source) = filter.source {
        return vec![Range::of("items_by_source", "source", source.as_str().to_owned())];
    }
    if let Some(light) = filter.light {
        return vec![Range::of("items_by_light", "light", light.as_str().to_owned())];
    }
    if let Some(level) = &filter.level {
        return vec![Range::of("items_by_level", "level", level.clone())];
    }
    vec![Range { index: "items_by_urgency", conditions: Vec::new(), values: Vec::new() }]
}

fn states(waiting: &[Waiting]) -> Vec<&'static str> {
    let mut states: Vec<&str> = waiting
        .iter()
        .filter_map(|one| match one {
            Waiting::In { state, .. } => Some(state.as_str()),
            Waiting::Asked { .. } => None,
        })
        .collect();
    states.sort_unstable();
    states.dedup();
    states
}

fn wait(range: &mut Range, waiting: &[Waiting]) {
    let mut any = Vec::new();
    for one in waiting {
        match one {
            Waiting::In { state, level } => {
                any.push("(state = ? AND level = ?)");
                range.values.push(SqlValue::Text(state.as_str().to_owned()));
                range.values.push(SqlValue::Text(level.clone()));
            }
            Waiting::Asked { level } => {
                any.push("(asked = 1 AND level = ?)");
                range.values.push(SqlValue::Text(level.clone()));
            }
        }
    }
    let any = if any.is_empty() { "FALSE".to_owned() } else { any.join(" OR ") };
    range.conditions.push(format!("urgency < 3 AND ({any})"));
}

/// Where an item stands in the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    urgency: i64,
    due_on: String,
    item_no: i64,
}

/// The first keys of a list; all of them without a limit.
fn keys(
    conn: &Connection,
    filter: &ItemFilter,
    limit: Option<usize>,
) -> rusqlite::Result<Vec<Key>> {
    let limit = limit.unwrap_or(usize::MAX);
    let bound = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut keys = Vec::new();
    for range in ranges(filter) {
        let sql = range.sql(
            "urgency, due_on, item_no",
            &format!("ORDER BY urgency, due_on, item_no LIMIT {bound}"),
        );
        let mut statement = conn.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(&range.values), |row| {
            Ok(Key { urgency: row.get(0)?, due_on: row.get(1)?, item_no: row.get(2)? })
        })?;
        for key in rows {
            keys.push(key?);
        }
    }
    keys.sort_unstable();
    keys.truncate(limit);
    Ok(keys)
}

fn count(conn: &Connection, filter: &ItemFilter) -> rusqlite::Result<u64> {
    let mut n = 0_i64;
    for range in ranges(filter) {
        let mut statement = conn.prepare_cached(&range.sql("count(*)", ""))?;
        n += statement.query_row(params_from_iter(&range.values), |row| row.get::<_, i64>(0))?;
    }
    Ok(n.unsigned_abs())
}

fn read(conn: &Connection, keys: &[Key]) -> Result<Vec<Item>, Fault> {
    keys.iter()
        .map(|key| {
            let missing =
                || LedgerError::NotFound { what: "item", key: key.item_no.to_string() }.into();
            find(conn, key.item_no)?.ok_or_else(missing)
        })
        .collect()
}
