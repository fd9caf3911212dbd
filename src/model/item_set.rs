//! Items as the fold of their events: what an event sets, and the item that events together make.

use serde_json::{Map, Value};

use super::{Item, ItemEvent};

/// The fields of `after` that are new or differ from `before`; all of them if there is no `before`.
///
/// # Errors
/// If a figure is no JSON number (infinite, or not a number).
pub fn difference(
    before: Option<&Item>,
    after: &Item,
) -> Result<Map<String, Value>, serde_json::Error> {
    let mut set = fields(after)?;
    if let Some(before) = before {
        let old = fields(before)?;
        set.retain(|name, value| old.get(name) != Some(value));
    }
    Ok(set)
}

/// Sets fields in an item's JSON, or begins it.
pub fn merge(item: &mut Map<String, Value>, set: &Map<String, Value>) {
    for (name, value) in set {
        item.insert(name.clone(), value.clone());
    }
}

/// The item that its events make, in the order of their `seq`; nothing without events.
///
/// # Errors
/// If the events do not make a whole item: the first did not set all fields.
pub fn fold_events<'a>(
    events: impl IntoIterator<Item = &'a ItemEvent>,
) -> Result<Option<Item>, serde_json::Error> {
    let mut item = Map::new();
    for event in events {
        merge(&mut item, &event.set);
    }
    if item.is_empty() {
        return Ok(None);
    }
    serde_json::from_value(Value::Object(item)).map(Some)
}

fn fields(item: &Item) -> Result<Map<String, Value>, serde_json::Error> {
    match serde_json::to_value(item)? {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}
