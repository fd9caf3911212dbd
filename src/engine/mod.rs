//! SQL over snapshots, configuration and the ledger: a read-only DataFusion session with limits.
//!
//! The engine knows no district: it is given tables (as Arrow batches or Parquet files) and answers
//! queries. User-written SQL may only read, may only use what DataFusion has built in, and runs
//! within limits of memory, time and rows.
//!
//! ## Design notes
//! - Parameters (`$period`) are put into the parsed statement as literals before it is planned, so
//!   that they have a type wherever they stand; the text of a value never becomes SQL.
//! - Text is `Utf8` throughout (`Utf8View` is switched off): batches from JSON, from Parquet and
//!   from queries have the same schema and may stand in for each other.
//! - A query over less than [`SMALL_BYTES`] runs in one partition: shuffling a few thousand rows
//!   between threads costs more than it saves.
//! - No spilling: a district's data fit in memory, and a query that does not is at fault.
//! - [`ParquetFiles`] scans explicit files, each with its own constants, so `<name>_versions` is
//!   one scan over all versions and not a union of hundreds.

mod error;
mod export;
mod parquet;
mod result;
mod sql;
mod tables;
mod yielding;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::TableReference;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;

pub use error::{SqlError, TextError};
pub use export::ExportError;
pub use parquet::{ParquetFiles, VersionFile};
pub use result::{Cell, QueryResult, Row};
pub use sql::{Param, normal_form, table_references};
pub use tables::{
    JsonRowsError, PeriodRow, batch_from_json, calendar_batch, contacts_batch, periods_batch,
    reserved_schema, reserved_tables, targets_batch, units_batch,
};

/// Below this many bytes of registered tables a query runs in one partition.
pub const SMALL_BYTES: u64 = 32 << 20;

/// What one query may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory of all running queries of the engine together, without the tables themselves.
    pub memory_bytes: usize,
    /// Wall-clock time of one query.
    pub timeout: Duration,
    /// Rows of one result.
    pub max_rows: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { memory_bytes: 1 << 30, timeout: Duration::from_mins(1), max_rows: 1_000_000 }
    }
}

/// One session: tables by name, and queries over them. Registering a name again replaces it.
pub struct Engine {
    context: SessionContext,
    limits: Limits,
    /// Bytes behind each table: decides on the number of partitions.
    sizes: Mutex<BTreeMap<String, u64>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("tables", &self.table_names()).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine without tables.
    ///
    /// # Errors
    /// [`SqlError::Session`] if DataFusion refuses the limits.
    pub fn new(limits: Limits) -> Result<Engine, SqlError> {
        let mut config = SessionConfig::new();
        let options = config.options_mut();
        options.sql_parser.collect_spans = true;
        options.sql_parser.map_string_types_to_utf8view = false;
        options.execution.parquet.pushdown_filters = true;
        options.execution.parquet.schema_force_view_types = false;
        options.catalog.information_schema = false;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory_bytes)))
            .with_disk_manager_builder(
                DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
            )
            .build_arc()
            .map_err(|error| SqlError::Session { source: Box::new(error) })?;
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_physical_optimizer_rule(Arc::new(yielding::YieldingJoins))
            .build();
        Ok(Engine {
            context: SessionContext::new_with_state(state),
            limits,
            sizes: Mutex::default(),
        })
    }

    /// Makes batches a table. All must have `schema`; none may be given.
    pub fn register_batches(
        &self,
        name: &str,
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Result<(), SqlError> {
        let bytes = batches.iter().map(|batch| batch.get_array_memory_size() as u64).sum();
        let wrong = |error| SqlError::Register { table: name.to_owned(), source: Box::new(error) };
        let table = MemTable::try_new(schema, vec![batches]).map_err(wrong)?;
        self.register(name, Arc::new(table), bytes)
    }

    /// Makes Parquet files one table. Columns that a file lacks are null in its rows; without files
    /// the table is empty.
    pub fn register_parquet(
        &self,
        name: &str,
        schema: SchemaRef,
        files: &[PathBuf],
    ) -> Result<(), SqlError> {
        let table = ParquetFiles::current(schema, files)
            .map_err(|source| SqlError::ReadFile { table: name.to_owned(), source })?;
        let bytes = table.bytes();
        self.register(name, Arc::new(table), bytes)
    }

    /// Makes `<name>_versions`: the rows of every version, with `_recorded_at` and
    /// `_superseded_at` (null for the current one).
    pub fn register_versions(
        &self,
        name: &str,
        schema: SchemaRef,
        files: &[VersionFile],
    ) -> Result<(), SqlError> {
        let name = format!("{name}_versions");
        let table = ParquetFiles::versions(schema, files)
            .map_err(|source| SqlError::ReadFile { table: name.clone(), source })?;
        let bytes = table.bytes();
        self.register(&name, Arc::new(table), bytes)
    }

    fn register(
        &self,
        name: &str,
        table: Arc<dyn TableProvider>,
        bytes: u64,
    ) -> Result<(), SqlError> {
        let reference = TableReference::bare(name);
        let wrong = |error| SqlError::Register { table: name.to_owned(), source: Box::new(error) };
        // A name is taken once in DataFusion's catalogue.
        self.context.deregister_table(reference.clone()).map_err(wrong)?;
        self.context.register_table(reference, table).map_err(wrong)?;
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), bytes);
        Ok(())
    }

    /// Names of all tables, sorted.
    pub fn table_names(&self) -> Vec<String> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Whether a table of this name is there.
    pub fn has_table(&self, name: &str) -> bool {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// The columns of a table.
    pub async fn table_schema(&self, name: &str) -> Option<SchemaRef> {
        let reference = TableReference::bare(name);
        self.context.table_provider(reference).await.ok().map(|table| table.schema())
    }

    /// Runs a read-only query with named parameters (`$period`).
    ///
    /// # Errors
    /// See [`SqlError`]; those of the text carry line and column.
    pub async fn query(
        &self,
        sql: &str,
        params: &[(&str, Param)],
    ) -> Result<QueryResult, SqlError> {
        match tokio::time::timeout(self.limits.timeout, self.run(sql, params)).await {
            Ok(result) => result,
            Err(_) => Err(SqlError::TooLong { limit: self.limits.timeout }),
        }
    }

    /// The output columns of a query, without running it.
    ///
    /// # Errors
    /// As [`Engine::query`] before anything is read.
    pub async fn explain_schema(
        &self,
        sql: &str,
        params: &[(&str, Param)],
    ) -> Result<SchemaRef, SqlError> {
        let state = self.state();
        let plan = sql::plan(&state, sql, params, &self.table_names()).await?;
        // Optimised once, because types are checked there and not in planning.
        let plan = state
            .optimize(&plan)
            .map_err(|error| SqlError::from_planning(&error, sql, &self.table_names()))?;
        Ok(Arc::new(plan.schema().as_arrow().clone()))
    }

    async fn run(&self, sql: &str, params: &[(&str, Param)]) -> Result<QueryResult, SqlError> {
        let state = self.state();
        let plan = sql::plan(&state, sql, params, &self.table_names()).await?;
        let schema: SchemaRef = Arc::new(plan.schema().as_arrow().clone());
        let failed = |error| SqlError::from_execution(error, sql, self.limits.memory_bytes);
        let frame = datafusion::dataframe::DataFrame::new(state, plan);
        let mut stream = frame.execute_stream().await.map_err(failed)?;
        let mut batches = Vec::new();
        let mut n_rows = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(failed)?;
            n_rows += batch.num_rows();
            if n_rows > self.limits.max_rows {
                return Err(SqlError::TooManyRows { limit: self.limits.max_rows });
            }
            if batch.num_rows() > 0 {
                batches.push(batch);
            }
        }
        // The plan's nullability and the stream's may differ; the batches' own is what holds.
        let schema = batches.first().map_or(schema, RecordBatch::schema);
        Ok(QueryResult::new(schema, batches))
    }

    /// The session's state for one query, with as many partitions as its data deserve.
    fn state(&self) -> datafusion::execution::SessionState {
        let bytes: u64 = self.sizes.lock().unwrap_or_else(PoisonError::into_inner).values().sum();
        let mut state = self.context.state();
        if bytes < SMALL_BYTES {
            state.config_mut().options_mut().execution.target_partitions =
                std::num::NonZeroUsize::MIN.into();
        }
        state
    }

    /// Writes every table as `<folder>/<name>.parquet`, so that any other engine (Ballista, DuckDB)
    /// can run the same definitions over them.
    ///
    /// # Errors
    /// [`ExportError`] names the table and file.
    pub async fn export(&self, folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
        export::export(self, folder).await
    }
}
