use std::fmt::Write as _;

use arrow::array::{
    Array, AsArray, BooleanArray, Date32Array, Float32Array, Float64Array, RecordBatch,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Number, Value};

/// What a query gave.
#[derive(Debug, Clone)]
pub struct QueryResult {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

/// One value of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    Date(Date),
    Timestamp(Timestamp),
}

impl Cell {
    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Cell::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// Numbers of both kinds.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "head counts lie far below 2^53")]
            Cell::Int(value) => Some(*value as f64),
            Cell::Float(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Cell::Text(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Cell::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Numbers as numbers, days and instants as ISO 8601 text; a float that is no number as null.
    pub fn to_json(&self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Int(value) => Value::from(*value),
            Cell::Float(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
            Cell::Text(value) => Value::from(value.as_str()),
            Cell::Bool(value) => Value::from(*value),
            Cell::Date(value) => Value::from(value.to_string()),
            Cell::Timestamp(value) => Value::from(value.to_string()),
        }
    }

    /// As a reader of a table or of CSV sees it; null is empty.
    pub fn to_text(&self) -> String {
        match self {
            Cell::Null => String::new(),
            Cell::Int(value) => value.to_string(),
            Cell::Float(value) => value.to_string(),
            Cell::Text(value) => value.clone(),
            Cell::Bool(value) => value.to_string(),
            Cell::Date(value) => value.to_string(),
            Cell::Timestamp(value) => value.to_string(),
        }
    }
}

/// One row of a result: its cells by the columns' names.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    schema: &'a SchemaRef,
    pub cells: Vec<Cell>,
}

impl Row<'_> {
    /// The cell of a column; null if there is no such column.
    pub fn get(&self, column: &str) -> &Cell {
        self.schema.index_of(column).ok().and_then(|i| self.cells.get(i)).unwrap_or(&Cell::Null)
    }

    /// The text of a column, if it has one.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.get(column).as_str()
    }

    pub fn int(&self, column: &str) -> Option<i64> {
        self.get(column).as_i64()
    }

    pub fn float(&self, column: &str) -> Option<f64> {
        self.get(column).as_f64()
    }
}

impl QueryResult {
    pub(super) fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> QueryResult {
        QueryResult { schema, batches }
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    pub fn into_batches(self) -> Vec<RecordBatch> {
        self.batches
    }

    pub fn n_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Names of the columns, in order.
    pub fn columns(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// All rows, in the order of the query.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.batches.iter().flat_map(move |batch| {
            let columns: Vec<Vec<Cell>> =
                batch.columns().iter().map(|column| cells(column.as_ref())).collect();
            (0..batch.num_rows()).map(move |i| Row {
                schema: &self.schema,
                cells: columns.iter().map(|column| column[i].clone()).collect(),
            })
        })
    }

    /// One object a row, keys in the order of the columns.
    pub fn to_json(&self) -> Vec<Value> {
        self.rows()
            .map(|row| {
                let pairs = self.columns().into_iter().zip(&row.cells);
                let object: Map<String, Value> =
                    pairs.map(|(name, cell)| (name.to_owned(), cell.to_json())).collect();
                Value::Object(object)
            })
            .collect()
    }

    /// One line a row.
    pub fn to_ndjson(&self) -> String {
        let mut text = String::new();
        for row in self.to_json() {
            let _ = writeln!(text, "{row}");
        }
        text
    }

    /// With a header line; a null is an empty field, an empty text is `""`.
    pub fn to_csv(&self) -> String {
        let line = |fields: Vec<String>| fields.join(",") + "\n";
        let mut text = line(self.columns().into_iter().map(csv_field).collect());
        for row in self.rows() {
            let field = |cell: &Cell| match cell {
                Cell::Text(text) => csv_field(text),
                cell => cell.to_text(),
            };
            text += &line(row.cells.iter().map(field).collect());
        }
        text
    }

    /// For a terminal: columns aligned, a Chinese character as wide as two letters.
    pub fn to_table(&self) -> String {
        let header: Vec<String> = self.columns().into_iter().map(str::to_owned).collect();
        let body: Vec<Vec<(String, bool)>> = self
            .rows()
            .map(|row| {
                let numeric = |cell: &Cell| matches!(cell, Cell::Int(_) | Cell::Float(_));
                row.cells.iter().map(|cell| (cell.to_text(), numeric(cell))).collect()
            })
            .collect();
        let widths: Vec<usize> = (0..header.len())
            .map(|i| {
                let longest = body.iter().map(|row| width(&row[i].0)).max().unwrap_or(0);
                longest.max(width(&header[i]))
            })
            .collect();
        let mut text = String::new();
        let line = |text: &mut String, cells: &[(String, bool)]| {
            let mut out = String::new();
            for ((cell, right), width_of_column) in cells.iter().zip(&widths) {
                let blank = " ".repeat(width_of_column.saturating_sub(width(cell)));
                let padded =
                    if *right { format!("{blank}{cell}") } else { format!("{cell}{blank}") };
                out += &padded;
                out += "  ";
            }
            *text += out.trim_end();
            text.push('\n');
        };
        line(&mut text, &header.iter().map(|name| (name.clone(), false)).collect::<Vec<_>>());
        let rule: Vec<_> = widths.iter().map(|width| ("-".repeat(*width), false)).collect();
        line(&mut text, &rule);
        for row in &body {
            line(&mut text, row);
        }
        text
    }
}

fn csv_field(text: &str) -> String {
    let quoted = text.is_empty() || text.contains([',', '"', '\n', '\r']);
    if quoted { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Columns on a terminal: East Asian characters take two.
fn width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3
            | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6
            | 0x20000..=0x3fffd)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

fn cells(array: &dyn Array) -> Vec<Cell> {
    let n = array.len();
    let collect = |cell: &dyn Fn(usize) -> Cell| {
        (0..n).map(|i| if array.is_null(i) { Cell::Null } else { cell(i) }).collect()
    };
    match array.data_type() {
        DataType::Null => vec![Cell::Null; n],
        DataType::Boolean => {
            let values: &BooleanArray = array.as_boolean();
            collect(&|i| Cell::Bool(values.value(i)))
        }
        DataType::Float64 => {
            let values: &Float64Array = array.as_primitive();
            collect(&|i| Cell::Float(values.value(i)))
        }
        DataType::Float32 => {
            let values: &Float32Array = array.as_primitive();
            collect(&|i| Cell::Float(f64::from(values.value(i))))
        }
        DataType::Decimal128(..) => match cast(array, &DataType::Float64) {
            Ok(values) => cells(values.as_ref()),
            Err(_) => collect(&|i| as_text(array, i)),
        },
        DataType::Date32 => {
            let values: &Date32Array = array.as_primitive();
            let day = |days: i32| date(1970, 1, 1).checked_add(i64::from(days).days());
            collect(&|i| match day(values.value(i)) {
                Ok(day) => Cell::Date(day),
                Err(_) => as_text(array, i),
            })
        }
        DataType::Timestamp(_, zone) => {
            let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            match cast(array, &micros) {
                Ok(values) => {
                    let values = values.as_primitive::<TimestampMicrosecondType>().clone();
                    collect(&|i| match Timestamp::from_microsecond(values.value(i)) {
                        Ok(at) => Cell::Timestamp(at),
                        Err(_) => as_text(array, i),
                    })
                }
                Err(_) => collect(&|i| as_text(array, i)),
            }
        }
        data_type if data_type.is_integer() => match cast(array, &DataType::Int64) {
            Ok(values) => {
                let values = values.as_primitive::<Int64Type>().clone();
                // A count beyond i64 became null in the cast: say it as text.
                collect(&|i| {
                    if values.is_null(i) { as_text(array, i) } else { Cell::Int(values.value(i)) }
                })
            }
            Err(_) => collect(&|i| as_text(array, i)),
        },
        _ => collect(&|i| as_text(array, i)),
    }
}

fn as_text(array: &dyn Array, i: usize) -> Cell {
    Cell::Text(array_value_to_string(array, i).unwrap_or_default())
}
