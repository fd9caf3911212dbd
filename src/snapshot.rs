//! snapshot: the accepted rows of all units for one (data set, period), as an immutable Parquet file.
//!
//! Its id is the SHA-256 of a canonical encoding of the **data** columns, the schema version and the
//! reporting units. Provenance (`_submission`, `_sheet`, `_row`) and Parquet's own bytes stay out of it,
//! so that a file saved again by another office makes no new snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{
    SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, SchemaRef};
use arrow::error::ArrowError;
use fs_err as fs;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};

use crate::durable::{Access, hex, write_derived, write_whole};
use crate::model::{Period, UnitCode};

/// Why a snapshot could not be cut or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("snapshot {path}")]
    Io {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("snapshot {path}")]
    Parquet {
        path: String,
        #[source]
        source: parquet::errors::ParquetError,
    },
    #[error("assemble the rows of a snapshot")]
    Assemble(#[from] ArrowError),
    #[error("column `{column}` has type {found}, which no contract declares")]
    ColumnType { column: String, found: DataType },
}

/// The rows of one submission that count now: those of `units`.
#[derive(Debug, Clone)]
pub struct Part {
    pub submission_id: i64,
    pub units: BTreeSet<UnitCode>,
    /// As `normalize` gave it (without `_submission`), or as an earlier snapshot holds it (with).
    pub batch: RecordBatch,
}

/// What stands in the Parquet file's metadata beside the rows.
#[derive(Debug, Clone)]
pub struct Metadata {
    pub dataset: String,
    pub period: Period,
    pub schema_version: u32,
    /// SHA-256 of each submission that has rows here.
    pub inputs: BTreeMap<i64, String>,
    pub missing_units: Vec<UnitCode>,
}

/// Rows of a snapshot, sorted by their data, and the id that follows from them.
#[derive(Debug, Clone)]
pub struct Assembled {
    pub id: String,
    pub batch: RecordBatch,
}

/// Puts the parts together in the contract's `schema` (which has `_submission`), sorts them by their
/// data columns, and computes the snapshot's id. `reporting` are the units that have reported, with
/// or without rows.
pub fn assemble(
    schema: &SchemaRef,
    schema_version: u32,
    reporting: &BTreeSet<UnitCode>,
    parts: &[Part],
) -> Result<Assembled, SnapshotError> {
    let mut batches = Vec::with_capacity(parts.len());
    for part in parts {
        let kept = of_units(&part.batch, &part.units)?;
        batches.push(conform(schema, &kept, part.submission_id)?);
    }
    let whole = concat_batches(schema, &batches)?;
    let sort: Vec<SortColumn> = data_columns(schema)
        .chain(provenance_columns(schema))
        .map(|i| SortColumn { values: Arc::clone(whole.column(i)), options: None })
        .collect();
    let batch = if whole.num_rows() == 0 {
        whole
    } else {
        let order = lexsort_to_indices(&sort, None)?;
        take_record_batch(&whole, &order)?
    };
    let id = identify(&batch, schema_version, reporting)?;
    Ok(Assembled { id, batch })
}

/// The rows of one submission within an earlier snapshot.
pub fn rows_of(batch: &RecordBatch, submission_id: i64) -> Result<RecordBatch, SnapshotError> {
    let Some(column) = batch.column_by_name("_submission") else {
        return Ok(batch.slice(0, 0));
    };
    let keep: BooleanArray = column
        .as_primitive::<Int64Type>()
        .iter()
        .map(|id| Some(id == Some(submission_id)))
        .collect();
    Ok(filter_record_batch(batch, &keep)?)
}

/// The rows that lie in one unit.
pub fn unit_rows(batch: &RecordBatch, unit: &UnitCode) -> Result<RecordBatch, SnapshotError> {
    of_units(batch, &BTreeSet::from([unit.clone()]))
}

/// A digest of each unit's data rows: equal if and only if the rows are.
pub fn unit_digests(batch: &RecordBatch) -> Result<BTreeMap<UnitCode, String>, SnapshotError> {
    let Some(column) = batch.column_by_name("unit_code") else {
        return Ok(BTreeMap::new());
    };
    let units: BTreeSet<UnitCode> =
        column.as_string::<i32>().iter().flatten().map(UnitCode::new).collect();
    units
        .into_iter()
        .map(|unit| {
            let digest = identify(&unit_rows(batch, &unit)?, 0, &BTreeSet::new())?;
            Ok((unit, digest))
        })
        .collect()
}

fn of_units(batch: &RecordBatch, units: &BTreeSet<UnitCode>) -> Result<RecordBatch, SnapshotError> {
    let Some(column) = batch.column_by_name("unit_code") else {
        return Ok(batch.clone());
    };
    let keep: BooleanArray = column
        .as_string::<i32>()
        .iter()
        .map(|code| Some(code.is_some_and(|code| units.contains(&UnitCode::new(code)))))
        .collect();
    Ok(filter_record_batch(batch, &keep)?)
}

fn conform(
    schema: &SchemaRef,
    batch: &RecordBatch,
    submission_id: i64,
) -> Result<RecordBatch, SnapshotError> {
    let n = batch.num_rows();
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| match (field.name().as_str(), batch.column_by_name(field.name())) {
            ("_submission", _) => Arc::new(Int64Array::from(vec![submission_id; n])) as ArrayRef,
            (_, Some(column)) => Arc::clone(column),
            (_, None) => arrow::array::new_null_array(field.data_type(), n),
        })
        .collect();
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

fn is_provenance(name: &str) -> bool {
    name.starts_with('_')
}

fn data_columns(schema: &SchemaRef) -> impl Iterator<Item = usize> {
    let schema = Arc::clone(schema);
    (0..schema.fields().len()).filter(move |&i| !is_provenance(schema.field(i).name()))
}

fn provenance_columns(schema: &SchemaRef) -> impl Iterator<Item = usize> {
    let schema = Arc::clone(schema);
    (0..schema.fields().len()).filter(move |&i| is_provenance(schema.field(i).name()))
}

/// The canonical encoding: version, units, then column by column name, type and values, each value
/// with its length or a fixed width, nulls told from empty texts.
fn identify(
    batch: &RecordBatch,
    schema_version: u32,
    reporting: &BTreeSet<UnitCode>,
) -> Result<String, SnapshotError> {
    let mut hash = Sha256::new();
    let text = |hash: &mut Sha256, text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    hash.update(b"duban snapshot 1\n");
    hash.update(schema_version.to_le_bytes());
    hash.update((reporting.len() as u64).to_le_bytes());
    for unit in reporting {
        text(&mut hash, unit.as_str());
    }
    let schema = batch.schema();
    for i in data_columns(&schema) {
        let field = schema.field(i);
        let column = batch.column(i);
        text(&mut hash, field.name());
        text(&mut hash, &field.data_type().to_string());
        hash.update((column.len() as u64).to_le_bytes());
        for row in 0..column.len() {
            if column.is_null(row) {
                hash.update([0]);
                continue;
            }
            hash.update([1]);
            match field.data_type() {
                DataType::Utf8 => text(&mut hash, column.as_string::<i32>().value(row)),
                DataType::Int64 => {
                    hash.update(column.as_primitive::<Int64Type>().value(row).to_le_bytes());
                }
                DataType::Float64 => hash.update(
                    column.as_primitive::<Float64Type>().value(row).to_bits().to_le_bytes(),
                ),
                DataType::Date32 => {
                    hash.update(column.as_primitive::<Date32Type>().value(row).to_le_bytes());
                }
                DataType::Boolean => hash.update([u8::from(column.as_boolean().value(row))]),
                other => {
                    return Err(SnapshotError::ColumnType {
                        column: field.name().clone(),
                        found: other.clone(),
                    });
                }
            }
        }
    }
    Ok(hex(&hash.finalize()))
}

/// `<root>/<data set>/<period>/<snapshot id>.parquet`.
pub fn path(root: &Path, dataset: &str, period: Period, id: &str) -> PathBuf {
    root.join(dataset).join(period.to_string()).join(format!("{id}.parquet"))
}

/// Writes the Parquet file of a snapshot, unless it stands there already: same id, same data.
pub fn write(
    root: &Path,
    assembled: &Assembled,
    metadata: &Metadata,
) -> Result<PathBuf, SnapshotError> {
    let path = path(root, &metadata.dataset, metadata.period, &assembled.id);
    if path.is_file() {
        return Ok(path);
    }
    let wrap = |source| SnapshotError::Parquet { path: path.display().to_string(), source };
    let inputs: Vec<String> =
        metadata.inputs.iter().map(|(id, sha256)| format!("{id}:{sha256}")).collect();
    let missing: Vec<&str> = metadata.missing_units.iter().map(UnitCode::as_str).collect();
    let note = |key: &str, value: String| KeyValue::new(format!("duban.{key}"), value);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("duban".to_owned())
        .set_key_value_metadata(Some(vec![
            note("dataset", metadata.dataset.clone()),
            note("period", metadata.period.to_string()),
            note("snapshot_id", assembled.id.clone()),
            note("schema_version", metadata.schema_version.to_string()),
            note("inputs", inputs.join(" ")),
            note("missing_units", missing.join(" ")),
        ]))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, assembled.batch.schema(), Some(properties))
        .map_err(wrap)?;
    writer.write(&assembled.batch).map_err(wrap)?;
    writer.close().map_err(wrap)?;
    write_whole(&path, &bytes, Access::Shared)
        .map_err(|source| SnapshotError::Io { path: path.display().to_string(), source })?;
    Ok(path)
}

/// Reads a snapshot whole.
pub fn read(path: &Path) -> Result<RecordBatch, SnapshotError> {
    let io = |source| SnapshotError::Io { path: path.display().to_string(), source };
    let parquet = |source| SnapshotError::Parquet { path: path.display().to_string(), source };
    let file = fs::File::open(path).map_err(io)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.into_file()).map_err(parquet)?;
    let schema = Arc::clone(builder.schema());
    let batches: Result<Vec<RecordBatch>, ArrowError> = builder.build().map_err(parquet)?.collect();
    Ok(concat_batches(&schema, &batches?)?)
}

/// Puts a snapshot's bytes at `<current>/<data set>/<period>.parquet` for any other tool. A copy, not a
/// link: what a tool does to it must not reach the snapshot. Derived: recovery makes it again.
pub fn publish(
    current: &Path,
    snapshot: &Path,
    dataset: &str,
    period: Period,
) -> Result<(), SnapshotError> {
    let path = current.join(dataset).join(format!("{period}.parquet"));
    let wrap = |source| SnapshotError::Io { path: path.display().to_string(), source };
    let bytes = fs::read(snapshot).map_err(wrap)?;
    write_derived(&path, &bytes).map_err(wrap)
}
