//! A query's result as the rows that a report's language knows and an edition stores.

use crate::engine::{Cell, QueryResult};
use crate::report::document::Value;
use crate::report::{ColumnKind, QueryRows};

/// A query's result as plain rows, which an edition stores.
pub(super) fn query_rows(result: &QueryResult) -> QueryRows {
    let columns = result
        .schema()
        .fields()
        .iter()
        .map(|field| (field.name().clone(), column_kind(field.data_type())))
        .collect();
    let rows = result.rows().map(|row| row.cells.into_iter().map(value).collect()).collect();
    QueryRows { columns, rows }
}

/// The kind of a column that the report's language knows.
pub fn column_kind(data_type: &arrow::datatypes::DataType) -> ColumnKind {
    use arrow::datatypes::DataType;
    match data_type {
        data_type if data_type.is_integer() => ColumnKind::Int,
        data_type if data_type.is_numeric() => ColumnKind::Float,
        DataType::Boolean => ColumnKind::Bool,
        DataType::Date32 | DataType::Date64 => ColumnKind::Date,
        _ => ColumnKind::Text,
    }
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(value) => Value::Int(value),
        Cell::Float(value) => Value::Float(value),
        Cell::Text(value) => Value::Text(value),
        Cell::Bool(value) => Value::Bool(value),
        Cell::Date(value) => Value::Date(value),
        Cell::Timestamp(value) => Value::Text(value.to_string()),
    }
}
