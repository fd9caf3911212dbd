//! Editions (第 N 期): what a report said, from what, and the files that carried it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};
use serde::Serialize;
use serde_json::json;

use super::value::{as_of, count, get, get_count, instant, store_blob};
use super::{EditionId, Ledger, LedgerError, RunId, event};
use crate::model::Period;

/// An edition whose files are in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEdition {
    pub report: String,
    /// The code of the unit whose own sheet it is; empty for an edition of all.
    pub scope: String,
    pub period: Period,
    /// From [`Ledger::next_edition_no`]: it is printed in the paper.
    pub edition_no: i64,
    /// Of all that makes the paper's content (query results, templates, definitions); never the as-of.
    pub inputs_hash: String,
    /// Every named SQL result and value that the template saw.
    pub context_json: String,
    /// What it is rendered from besides the context.
    pub parts: Vec<EditionPart>,
    pub as_of: Timestamp,
    /// The ledger's event number when the context was computed.
    pub event_no: i64,
    /// Name and version of the program.
    pub program: String,
    /// Font files by hash.
    pub fonts_json: String,
    pub files: Vec<EditionFile>,
    pub run_id: Option<RunId>,
}

/// Something that an edition is rendered from: a definition, a style. Equal ones are kept once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditionPart {
    /// `definition`, `page`, …; each once in an edition.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// One output of an edition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EditionFile {
    /// `html`, `text`, `pdf`, `xlsx`, …; one file each.
    pub format: String,
    pub file_name: String,
    pub sha256: String,
    pub size: u64,
    /// Relative to the home.
    pub path: String,
}

/// An edition as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edition {
    pub edition_id: EditionId,
    pub report: String,
    /// The code of the unit whose own sheet it is; empty for an edition of all.
    pub scope: String,
    pub period: Period,
    /// 第 N 期 of this report (and scope).
    pub edition_no: i64,
    pub inputs_hash: String,
    pub created_at: Timestamp,
    pub as_of: Timestamp,
    pub event_no: i64,
    pub program: String,
    pub fonts_json: String,
    /// The edition of the same report, scope and period that this one corrects.
    pub supersedes: Option<EditionId>,
    pub files: Vec<EditionFile>,
}

/// What recording an edition did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub edition: Edition,
    /// The newest edition of the same report, scope and period says the same: no new one was made.
    pub already: bool,
}

/// Which editions to list; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct EditionFilter {
    pub report: Option<String>,
    pub scope: Option<String>,
    pub period: Option<Period>,
    pub as_of: Option<Timestamp>,
}

impl Ledger {
    /// The number that the next edition of a report bears, counted for each scope.
    pub fn next_edition_no(&self, report: &str, scope: &str) -> Result<i64, LedgerError> {
        self.read("number an edition", |conn| Ok(next_no(conn, report, scope)?))
    }

    /// The newest edition of a report and scope for a period.
    pub fn newest_edition(
        &self,
        report: &str,
        scope: &str,
        period: Period,
    ) -> Result<Option<Edition>, LedgerError> {
        self.read("find an edition", |conn| Ok(newest(conn, report, scope, period)?))
    }

    /// The newest edition of the newest period before this one: what the last paper said.
    pub fn previous_edition(
        &self,
        report: &str,
        scope: &str,
        period: Period,
    ) -> Result<Option<Edition>, LedgerError> {
        self.read("find the previous edition", |conn| {
            let filter = of_scope(report, scope);
            let before = list(conn, &filter)?.into_iter().filter(|edition| edition.period < period);
            // Of equals the last wins: the newest edition of that period.
            Ok(before.max_by_key(|edition| edition.period))
        })
    }

    /// Records an edition; `supersedes` is the newest one of the same report, scope and period.
    ///
    /// If that one has the same `inputs_hash`, it is given back and nothing is recorded: a new as-of
    /// alone makes no new edition.
    ///
    /// # Errors
    /// [`LedgerError::EditionNumber`] if another edition took the number in between.
    pub fn record_edition(&self, new: &NewEdition, at: Timestamp) -> Result<Recorded, LedgerError> {
        self.write("record an edition", |tx| {
            let before = newest(tx, &new.report, &new.scope, new.period)?;
            let supersedes = before.as_ref().map(|edition| edition.edition_id);
            if let Some(edition) = before.filter(|edition| edition.inputs_hash == new.inputs_hash) {
                return Ok(Recorded { edition, already: true });
            }
            let next = next_no(tx, &new.report, &new.scope)?;
            if next != new.edition_no {
                let report = new.report.clone();
                let wanted = new.edition_no;
                return Err(LedgerError::EditionNumber { report, wanted, next }.into());
            }
            let id = insert(tx, new, supersedes, at)?;
            let edition = find(tx, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            Ok(Recorded { edition, already: false })
        })
    }

    /// One edition.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`]
    pub fn edition(&self, id: EditionId) -> Result<Edition, LedgerError> {
        self.read("read an edition", |conn| {
            find(conn, id)?.ok_or_else(|| {
                LedgerError::NotFound { what: "edition", key: id.to_string() }.into()
            })
        })
    }

    /// The context that an edition was rendered from, as JSON.
    pub fn edition_context(&self, id: EditionId) -> Result<String, LedgerError> {
        self.read("read an edition's context", |conn| {
            let bytes: Vec<u8> = conn
                .query_row(
                    "SELECT bytes FROM editions JOIN blobs ON sha256 = context_sha256
                     WHERE edition_id = ?1",
                    [id],
                    |row| row.get(0),
                )
                .optional()?
                .ok_or_else(|| LedgerError::NotFound { what: "edition", key: id.to_string() })?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        })
    }

    /// What an edition is rendered from besides its context, by name. Empty for an edition of a program
    /// that did not keep it.
    pub fn edition_parts(&self, id: EditionId) -> Result<BTreeMap<String, Vec<u8>>, LedgerError> {
        self.read("read an edition's parts", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT name, bytes FROM edition_parts JOIN blobs USING (sha256)
                 WHERE edition_id = ?1",
            )?;
            let parts = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(parts.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Editions in the order in which they were made.
    pub fn editions(&self, filter: &EditionFilter) -> Result<Vec<Edition>, LedgerError> {
        self.read("list editions", |conn| Ok(list(conn, filter)?))
    }
}

fn of_scope(report: &str, scope: &str) -> EditionFilter {
    EditionFilter {
        report: Some(report.to_owned()),
        scope: Some(scope.to_owned()),
        ..EditionFilter::default()
    }
}

fn next_no(conn: &Connection, report: &str, scope: &str) -> rusqlite::Result<i64> {
    conn.query_row(
        "SELECT coalesce(max(edition_no), 0) + 1 FROM editions WHERE report = ?1 AND scope = ?2",
        [report, scope],
        |row| row.get(0),
    )
}

fn newest(
    conn: &Connection,
    report: &str,
    scope: &str,
    period: Period,
) -> rusqlite::Result<Option<Edition>> {
    let filter = EditionFilter { period: Some(period), ..of_scope(report, scope) };
    Ok(list(conn, &filter)?.pop())
}

fn insert(
    tx: &Transaction<'_>,
    new: &NewEdition,
    supersedes: Option<EditionId>,
    at: Timestamp,
) -> rusqlite::Result<EditionId> {
    let context_sha256 = store_blob(tx, new.context_json.as_bytes())?;
    tx.execute(
        "INSERT INTO editions (report, period, edition_no, inputs_hash, context_sha256, created_at,
            as_of, event_no, program, fonts_json, supersedes, run_id, scope)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        (
            &new.report,
            new.period.to_string(),
            new.edition_no,
            &new.inputs_hash,
            context_sha256,
            instant(at),
            instant(new.as_of),
            new.event_no,
            &new.program,
            &new.fonts_json,
            supersedes,
            new.run_id,
            &new.scope,
        ),
    )?;
    let id = EditionId(tx.last_insert_rowid());
    for file in &new.files {
        tx.execute(
            "INSERT INTO edition_files (edition_id, format, file_name, sha256, size, path)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (id, &file.format, &file.file_name, &file.sha256, count(file.size), &file.path),
        )?;
    }
    for part in &new.parts {
        let sha256 = store_blob(tx, &part.bytes)?;
        tx.execute(
            "INSERT INTO edition_parts (edition_id, name, sha256) VALUES (?1, ?2, ?3)",
            (id, &part.name, sha256),
        )?;
    }
    let detail = json!({
        "report": new.report, "scope": new.scope, "period": new.period, "edition_no": new.edition_no,
        "inputs_hash": new.inputs_hash, "supersedes": supersedes, "run_id": new.run_id,
    });
    event(tx, at, "edition_made", &format!("edition:{id}"), &detail)?;
    Ok(id)
}

fn find(conn: &Connection, id: EditionId) -> rusqlite::Result<Option<Edition>> {
    let edition =
        conn.query_row("SELECT * FROM editions WHERE edition_id = ?1", [id], edition).optional()?;
    edition.map(|edition| with_files(conn, edition)).transpose()
}

pub(super) fn list(conn: &Connection, filter: &EditionFilter) -> rusqlite::Result<Vec<Edition>> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM editions
         WHERE (:report IS NULL OR report = :report) AND (:period IS NULL OR period = :period)
            AND (:scope IS NULL OR scope = :scope) AND created_at <= :as_of
         ORDER BY edition_id",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":report": filter.report,
            ":scope": filter.scope,
            ":period": filter.period.map(|period| period.to_string()),
            ":as_of": as_of(filter.as_of),
        },
        edition,
    )?;
    rows.map(|edition| with_files(conn, edition?)).collect()
}

fn with_files(conn: &Connection, edition: Edition) -> rusqlite::Result<Edition> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM edition_files WHERE edition_id = ?1 ORDER BY format")?;
    let files = statement.query_map([edition.edition_id], |row| {
        Ok(EditionFile {
            format: row.get("format")?,
            file_name: row.get("file_name")?,
            sha256: row.get("sha256")?,
            size: get_count(row, "size")?,
            path: row.get("path")?,
        })
    })?;
    Ok(Edition { files: files.collect::<rusqlite::Result<_>>()?, ..edition })
}

fn edition(row: &Row<'_>) -> rusqlite::Result<Edition> {
    Ok(Edition {
        edition_id: row.get("edition_id")?,
        report: row.get("report")?,
        scope: row.get("scope")?,
        period: get(row, "period")?,
        edition_no: row.get("edition_no")?,
        inputs_hash: row.get("inputs_hash")?,
        created_at: get(row, "created_at")?,
        as_of: get(row, "as_of")?,
        event_no: row.get("event_no")?,
        program: row.get("program")?,
        fonts_json: row.get("fonts_json")?,
        supersedes: row.get("supersedes")?,
        files: Vec::new(),
    })
}
