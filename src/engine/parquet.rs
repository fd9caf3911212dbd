use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::config::TableParquetOptions;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::object_store::path::Path as ObjectPath;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use jiff::Timestamp;

/// One version of a snapshot, and from when until when it was the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionFile {
    pub path: PathBuf,
    pub recorded_at: Timestamp,
    /// None: it still is.
    pub superseded_at: Option<Timestamp>,
}

/// Explicit Parquet files as one table, each with constants of its own as further columns.
#[derive(Debug)]
pub struct ParquetFiles {
    schema: TableSchema,
    files: Vec<PartitionedFile>,
}

impl ParquetFiles {
    /// The files' rows as they are.
    pub(super) fn current(schema: SchemaRef, files: &[PathBuf]) -> io::Result<ParquetFiles> {
        let files = files.iter().map(|path| partitioned(path)).collect::<io::Result<_>>()?;
        Ok(ParquetFiles { schema: TableSchema::builder(schema).build(), files })
    }

    /// The files' rows with `_recorded_at` and `_superseded_at`.
    pub(super) fn versions(schema: SchemaRef, files: &[VersionFile]) -> io::Result<ParquetFiles> {
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let columns = vec![
            Arc::new(Field::new("_recorded_at", instant.clone(), false)),
            Arc::new(Field::new("_superseded_at", instant, true)),
        ];
        let value = |at: Option<Timestamp>| {
            ScalarValue::TimestampMicrosecond(at.map(Timestamp::as_microsecond), Some("UTC".into()))
        };
        let files = files
            .iter()
            .map(|file| {
                Ok(partitioned(&file.path)?.with_partition_values(vec![
                    value(Some(file.recorded_at)),
                    value(file.superseded_at),
                ]))
            })
            .collect::<io::Result<_>>()?;
        let schema =
            TableSchema::builder(schema).with_table_partition_cols(Fields::from(columns)).build();
        Ok(ParquetFiles { schema, files })
    }

    /// Size of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.object_meta.size).sum()
    }
}

fn partitioned(path: &Path) -> io::Result<PartitionedFile> {
    let path = fs_err::canonicalize(path)?;
    let size = fs_err::metadata(&path)?.len();
    let location = ObjectPath::from_absolute_path(&path).map_err(io::Error::other)?;
    let mut file = PartitionedFile::new(String::new(), size);
    file.object_meta.location = location;
    Ok(file)
}

#[async_trait]
impl TableProvider for ParquetFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    // Filters are left to the plan above: its physical optimizer pushes them down into the scan.
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema().project(columns)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let options = TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        let source = ParquetSource::new(self.schema.clone()).with_table_parquet_options(options);
        let groups = FileGroup::new(self.files.clone())
            .split_files(state.config_options().execution.target_partitions);
        let scan = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}
