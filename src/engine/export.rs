use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

use super::{Engine, SqlError};

/// Why the tables could not be written as Parquet.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("table {table} cannot be read")]
    Read { table: String, source: SqlError },
    #[error("table {table} cannot be written as Parquet")]
    Write { table: String, source: ParquetError },
    #[error("{0}")]
    Folder(#[source] std::io::Error),
}

pub(super) async fn export(engine: &Engine, folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
    fs_err::create_dir_all(folder).map_err(ExportError::Folder)?;
    let mut files = Vec::new();
    for table in engine.table_names() {
        let result = engine
            .query(&format!("SELECT * FROM \"{table}\""), &[])
            .await
            .map_err(|source| ExportError::Read { table: table.clone(), source })?;
        let path = folder.join(format!("{table}.parquet"));
        let file = fs_err::File::create(&path).map_err(ExportError::Folder)?;
        let wrong = |source| ExportError::Write { table: table.clone(), source };
        let mut writer =
            ArrowWriter::try_new(file, result.schema().clone(), None).map_err(wrong)?;
        for batch in result.batches() {
            writer.write(batch).map_err(wrong)?;
        }
        writer.close().map_err(wrong)?;
        files.push(path);
    }
    Ok(files)
}
