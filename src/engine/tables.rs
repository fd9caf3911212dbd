//! The reserved tables: configuration as batches, and rows of the ledger (JSON) as batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::calendar::Calendar;
use crate::config::tables::Contact;
use crate::config::targets::Target;
use crate::model::{Period, UnitCode, UnitDirectory, Waves};

/// Name and columns of every reserved table; `!` after a type: never null.
///
/// The reference is docs/definitions.md, “In SQL”.
const RESERVED: &[(&str, &str)] = &[
    ("units", "code text!, name text!, level text!, kind text, parent text, group_code text"),
    ("contacts", "unit_code text!, role text!, post text"),
    ("calendar", "date date!, workday bool!, workday_no int!, provisional bool!"),
    (
        "periods",
        "period text!, frequency text!, starts_on date!, ends_on date!, stat_on date!, \
         previous text, same_last_year text",
    ),
    (
        "targets",
        "metric text!, level text!, unit_code text, target_set text!, num int!, den int!, \
         op text!, valid_from date, valid_to date",
    ),
    (
        "coverage",
        "dataset text!, period text!, reporter_code text!, unit_code text!, submission_id int, \
         state text, n_rows int",
    ),
    (
        "expected",
        "dataset text!, dataset_title text, period text!, reporter_code text!, due_on date!, \
         provisional bool!, is_due bool, state text, first_accepted_on date",
    ),
    (
        "submissions",
        "submission_id int!, dataset text, reporter_code text, period text, file_name text, \
         sha256 text, door text, received_at instant, decided_at instant, state text, n_rows int, \
         n_errors int, n_confirms int, late bool",
    ),
    (
        "findings",
        "submission_id int!, seq int, code text, severity text, sheet text, cell text, \
         read text, expected text, fix text",
    ),
    (
        "items",
        "item_no int!, check_id text!, check_title text, level text, subject_kind text!, \
         subject_code text!, subject_name text, unit_code text, state text, light text, \
         opened_on date, due_on date, due_provisional bool, escalation int, episode int, \
         data_passes bool, period text, observed number, target number, detail text, \
         closed_on date, source text, lead text, responsible text, responsible_code text, \
         assigned_on date, signed_on date, answered_on date, verified_on date, archived_on date, \
         looked_back_on date, progress int, problem text, measures text, evidence text, \
         opinion text, remark text, original_due_on date, asked_due_on date, n_slips int, \
         n_extensions int, n_returns int, held_by int, suspended_from text, light_since date, \
         light_changes int, rule_version int",
    ),
    (
        "item_events",
        "item_no int!, seq int!, at instant, kind text, from_state text, to_state text, \
         on_date date, role text, unit_code text, post text, reason text, observed number, \
         rule_version int, run_id int, due_on date, light text",
    ),
    (
        "slips",
        "slip_id int!, step text!, title text, number text, unit_code text!, on_date date, \
         at instant, n_items int, item_nos text, recipients text, path text",
    ),
    ("slip_items", "slip_id int!, item_no int!, episode int"),
    (
        "judgements",
        "judgement_id int!, check_id text!, rule_version int, period text, at instant, \
         run_id int, n_violations int, n_judged int, n_held int",
    ),
    ("rules", "check_id text!, version int!, since instant, sha256 text, what text"),
    (
        "held",
        "check_id text!, subject_kind text!, subject_code text!, subject_name text, \
         unit_code text, period text, detail text, cause_item_no int, since instant",
    ),
    (
        "deliveries",
        "delivery_id int!, kind text, edition_id int, report text, period text, recipient text, \
         message_id text, state text, attempts int, not_before instant, updated_at instant, \
         last_reply text",
    ),
    (
        "reminders",
        "dataset text!, period text!, reporter_code text!, workdays int!, recipient text, \
         delivery_id int, at instant",
    ),
    (
        "editions",
        "edition_id int!, report text, period text, edition_no int, created_at instant, \
         as_of instant, supersedes int, scope text",
    ),
    (
        "snapshots",
        "snapshot_id text!, dataset text, period text, cut_at instant, n_rows int, n_units int, \
         missing_units text",
    ),
    (
        "runs",
        "run_id int!, period text, started_at instant, finished_at instant, state text, \
         command text",
    ),
    (
        "fetches",
        "source text!, dataset text!, unit_code text!, period text!, state text!, code int, \
         message text, hint text, url text, sha256 text, since instant!, asked_at instant!, \
         not_before instant, failures int!",
    ),
];

/// Names that no data set and no metric may take.
pub fn reserved_tables() -> impl Iterator<Item = &'static str> {
    RESERVED.iter().map(|(name, _)| *name)
}

/// The columns of a reserved table.
pub fn reserved_schema(name: &str) -> Option<SchemaRef> {
    let (_, columns) = RESERVED.iter().find(|(known, _)| *known == name)?;
    let fields: Vec<Field> = columns
        .split(',')
        .filter_map(|column| {
            let (name, kind) = column.trim().split_once(' ')?;
            let data_type = match kind.trim_end_matches('!') {
                "int" => DataType::Int64,
                "number" => DataType::Float64,
                "bool" => DataType::Boolean,
                "date" => DataType::Date32,
                "instant" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                _ => DataType::Utf8,
            };
            Some(Field::new(name, data_type, !kind.ends_with('!')))
        })
        .collect();
    Some(Arc::new(Schema::new(fields)))
}

/// Why rows do not fit a table.
#[derive(Debug, thiserror::Error)]
pub enum JsonRowsError {
    #[error("row {row}: column {column} takes {expected}, not {found}")]
    Cell { row: usize, column: String, expected: &'static str, found: String },
    #[error("row {row}: there is no column {column}")]
    UnknownColumn { row: usize, column: String },
    #[error("the rows do not fit the table")]
    Batch(#[from] ArrowError),
    #[error("there is no reserved table {name}")]
    NoSuchTable { name: String },
}

/// Rows as JSON objects (of the ledger, of a test) as one batch.
///
/// A missing key is null. Numbers are taken for text and 0/1 for booleans, so that a row of SQLite
/// fits as it is; days and instants are ISO 8601 text.
///
/// # Errors
/// [`JsonRowsError`] names row (0-based) and column.
pub fn batch_from_json(schema: &SchemaRef, rows: &[Value]) -> Result<RecordBatch, JsonRowsError> {
    for (i, row) in rows.iter().enumerate() {
        let mut keys = row.as_object().into_iter().flat_map(serde_json::Map::keys);
        if let Some(column) = keys.find(|key| schema.index_of(key).is_err()) {
            return Err(JsonRowsError::UnknownColumn { row: i, column: column.clone() });
        }
    }
    let columns = schema
        .fields()
        .iter()
        .map(|field| column_from_json(field, rows))
        .collect::<Result<Vec<ArrayRef>, _>>()?;
    let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

macro_rules! build {
    ($builder:expr, $field:expr, $rows:expr, $expected:literal, $value:expr) => {{
        let mut builder = $builder;
        for (row, value) in $rows.iter().map(|row| row.get($field.name())).enumerate() {
            let value = value.unwrap_or(&Value::Null);
            if value.is_null() {
                builder.append_null();
                continue;
            }
            match ($value)(value) {
                Some(value) => builder.append_value(value),
                None => {
                    return Err(JsonRowsError::Cell {
                        row,
                        column: $field.name().clone(),
                        expected: $expected,
                        found: value.to_string(),
                    });
                }
            }
        }
        Arc::new(builder.finish()) as ArrayRef
    }};
}

fn column_from_json(field: &Field, rows: &[Value]) -> Result<ArrayRef, JsonRowsError> {
    Ok(match field.data_type() {
        DataType::Int64 => {
            build!(Int64Builder::new(), field, rows, "a whole number", |value: &Value| value
                .as_i64()
                .or_else(|| value.as_str()?.parse().ok()))
        }
        DataType::Float64 => {
            build!(Float64Builder::new(), field, rows, "a number", |value: &Value| value
                .as_f64()
                .or_else(|| value.as_str()?.parse().ok()))
        }
        DataType::Boolean => {
            build!(BooleanBuilder::new(), field, rows, "true or false", |value: &Value| {
                match value {
                    Value::Bool(value) => Some(*value),
                    Value::Number(number) => match number.as_i64() {
                        Some(0) => Some(false),
                        Some(1) => Some(true),
                        _ => None,
                    },
                    Value::String(text) => text.parse().ok(),
                    _ => None,
                }
            })
        }
        DataType::Date32 => {
            build!(Date32Builder::new(), field, rows, "a day as 2024-09-01", |value: &Value| {
                days(value.as_str()?.parse().ok()?)
            })
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let builder = TimestampMicrosecondBuilder::new().with_timezone_opt(zone.clone());
            build!(builder, field, rows, "an instant as 2024-09-01T08:00:00Z", |value: &Value| {
                let at: Timestamp = value.as_str()?.parse().ok()?;
                Some(at.as_microsecond())
            })
        }
        data_type if !data_type.is_string() => {
            // Types that only metrics have (UInt64, Int32): through text, if Arrow can.
            let text = field.clone().with_data_type(DataType::Utf8);
            let text = column_from_json(&text, rows)?;
            arrow::compute::cast(&text, data_type)?
        }
        _ => {
            build!(StringBuilder::new(), field, rows, "text", |value: &Value| match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
                _ => None,
            })
        }
    })
}

/// Days since 1970-01-01.
fn days(day: Date) -> Option<i32> {
    date(1970, 1, 1).until(day).ok().map(|span| span.get_days())
}

fn reserved_batch(name: &str, rows: &[Value]) -> Result<RecordBatch, JsonRowsError> {
    let schema = reserved_schema(name)
        .ok_or_else(|| JsonRowsError::NoSuchTable { name: name.to_owned() })?;
    batch_from_json(&schema, rows)
}

/// `calendar`: every day from the first of `from_year` to the last of `to_year`.
///
/// `workday_no` counts working days since the beginning of the table: the number of working days
/// from one day to another is the difference of their numbers.
pub fn calendar_batch(
    calendar: &Calendar,
    from_year: i16,
    to_year: i16,
) -> Result<RecordBatch, JsonRowsError> {
    let mut rows = Vec::new();
    let mut workday_no = 0_i64;
    let mut day = date(from_year, 1, 1);
    while day.year() <= to_year {
        let workday = calendar.is_workday(day);
        workday_no += i64::from(workday);
        rows.push(json!({
            "date": day.to_string(), "workday": workday, "workday_no": workday_no,
            "provisional": calendar.is_provisional(day),
        }));
        let Ok(next) = day.checked_add(1.day()) else { break };
        day = next;
    }
    reserved_batch("calendar", &rows)
}

/// A period that a data set has, with the data set's statistics date in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodRow {
    pub period: Period,
    pub stat_on: Date,
}

/// `periods`: one row a period, sorted; of several statistics dates of one period the first holds.
/// Days and neighbours of waves are as listed; the first wave has no `previous`.
pub fn periods_batch(
    periods: impl IntoIterator<Item = PeriodRow>,
    waves: &Waves,
) -> Result<RecordBatch, JsonRowsError> {
    let mut by_period: BTreeMap<Period, Date> = BTreeMap::new();
    for row in periods {
        let stat_on = by_period.entry(row.period).or_insert(row.stat_on);
        *stat_on = (*stat_on).min(row.stat_on);
    }
    let rows: Vec<Value> = by_period
        .into_iter()
        .map(|(period, stat_on)| {
            json!({
                "period": period.to_string(), "frequency": period.frequency().as_str(),
                "starts_on": waves.starts_on(period).to_string(),
                "ends_on": waves.ends_on(period).to_string(), "stat_on": stat_on.to_string(),
                "previous": waves.previous(period).map(|other| other.to_string()),
                "same_last_year": waves.same_last_year(period).map(|other| other.to_string()),
            })
        })
        .collect();
    reserved_batch("periods", &rows)
}

/// `units`: all units, as `units.csv` has them.
pub fn units_batch(units: &UnitDirectory) -> Result<RecordBatch, JsonRowsError> {
    let rows: Vec<Value> = units
        .iter()
        .map(|unit| {
            json!({
                "code": unit.code.as_str(), "name": unit.name, "level": unit.level.as_str(),
                "kind": unit.kind, "parent": unit.parent.as_ref().map(UnitCode::as_str),
                "group_code": unit.group.as_ref().map(UnitCode::as_str),
            })
        })
        .collect();
    reserved_batch("units", &rows)
}

/// `contacts`: who answers for a unit, by post; no name, no address, no telephone. One row a post.
pub fn contacts_batch(contacts: &[Contact]) -> Result<RecordBatch, JsonRowsError> {
    let mut rows: Vec<Value> = Vec::new();
    for contact in contacts {
        let post = Some(contact.post.as_str()).filter(|post| !post.is_empty());
        let row = json!({
            "unit_code": contact.unit_code.as_str(), "role": contact.role, "post": post,
        });
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    reserved_batch("contacts", &rows)
}

/// `targets`: all targets, as `targets.csv` has them.
pub fn targets_batch(targets: &[Target]) -> Result<RecordBatch, JsonRowsError> {
    let rows: Vec<Value> = targets
        .iter()
        .map(|target| {
            json!({
                "metric": target.metric, "level": target.level.as_str(),
                "unit_code": target.unit_code.as_ref().map(UnitCode::as_str),
                "target_set": target.target_set, "num": target.num, "den": target.den,
                "op": target.op.as_str(),
                "valid_from": target.valid_from.map(|day| day.to_string()),
                "valid_to": target.valid_to.map(|day| day.to_string()),
            })
        })
        .collect();
    reserved_batch("targets", &rows)
}
