//! What the drop folder held when it was last looked at, so that no file is hashed or taken twice.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row};
use serde_json::json;

use super::value::{count, get, get_count, instant};
use super::{Ledger, LedgerError, event};

/// A file of the drop folder as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFile {
    /// As the caller writes it; relative to the home, so that a moved home takes nothing twice.
    pub path: String,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
    pub sha256: String,
    pub seen_at: Timestamp,
}

impl SeenFile {
    /// Size and time of change are as they were: there is no need to hash the file again.
    pub fn is_unchanged(&self, size: u64, mtime_ns: i64) -> bool {
        self.size == size && self.mtime_ns == mtime_ns
    }
}

/// What looking at a file's bytes said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// Never seen under this path.
    New,
    /// Other bytes than before: a correction.
    Changed,
    /// The same bytes, touched or copied back: nothing has arrived.
    Same,
}

impl Ledger {
    /// The file as it was last seen under this path, if it was.
    pub fn seen_file(&self, path: &str) -> Result<Option<SeenFile>, LedgerError> {
        self.read("look up a seen file", |conn| {
            let found = conn
                .prepare_cached("SELECT * FROM seen_files WHERE path = ?1")?
                .query_row([path], seen_file)
                .optional()?;
            Ok(found)
        })
    }

    /// All files that were seen, by path.
    pub fn seen_files(&self) -> Result<BTreeMap<String, SeenFile>, LedgerError> {
        self.read("list seen files", |conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM seen_files")?;
            let rows = statement.query_map([], seen_file)?;
            Ok(rows
                .map(|file| file.map(|file| (file.path.clone(), file)))
                .collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Records a file of the drop folder **after** it was taken (received and archived, or refused):
    /// after a crash in between it is taken again, which changes nothing.
    pub fn record_seen_file(&self, file: &SeenFile) -> Result<Sighting, LedgerError> {
        self.write("record a seen file", |tx| {
            let before: Option<String> = tx
                .query_row("SELECT sha256 FROM seen_files WHERE path = ?1", [&file.path], |row| {
                    row.get(0)
                })
                .optional()?;
            let sighting = match before {
                None => Sighting::New,
                Some(sha256) if sha256 == file.sha256 => Sighting::Same,
                Some(_) => Sighting::Changed,
            };
            tx.execute(
                "INSERT INTO seen_files (path, size, mtime_ns, sha256, seen_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (path) DO UPDATE SET size = excluded.size,
                    mtime_ns = excluded.mtime_ns, sha256 = excluded.sha256,
                    seen_at = excluded.seen_at",
                (&file.path, count(file.size), file.mtime_ns, &file.sha256, instant(file.seen_at)),
            )?;
            if sighting != Sighting::Same {
                event(
                    tx,
                    file.seen_at,
                    "file_seen",
                    &format!("file:{}", file.path),
                    &json!({ "sha256": file.sha256, "size": file.size }),
                )?;
            }
            Ok(sighting)
        })
    }
}

fn seen_file(row: &Row<'_>) -> rusqlite::Result<SeenFile> {
    Ok(SeenFile {
        path: row.get("path")?,
        size: get_count(row, "size")?,
        mtime_ns: row.get("mtime_ns")?,
        sha256: row.get("sha256")?,
        seen_at: get(row, "seen_at")?,
    })
}
