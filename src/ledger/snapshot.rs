//! Cuts: which snapshot was cut of which data set and period, when, and from what.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};
use serde::Serialize;
use serde_json::json;

use super::value::{as_of, count, get, get_count, get_json, get_opt, instant, json as to_json};
use super::{CutId, Ledger, LedgerError, RunId, SubmissionId, event};
use crate::model::{Period, UnitCode};

/// A unit's rows in a snapshot, and the submission that they came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CutInput {
    pub submission_id: SubmissionId,
    pub unit_code: UnitCode,
}

/// A snapshot that was cut: its file is in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCut {
    pub dataset: String,
    pub period: Period,
    pub snapshot_id: String,
    pub schema_version: u32,
    pub contract_hash: String,
    /// Relative to the home.
    pub path: String,
    pub n_rows: u64,
    pub inputs: Vec<CutInput>,
    pub missing_units: Vec<UnitCode>,
    pub cut_at: Timestamp,
    pub run_id: Option<RunId>,
}

/// A cut as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cut {
    pub cut_id: CutId,
    pub dataset: String,
    pub period: Period,
    pub snapshot_id: String,
    pub schema_version: u32,
    pub contract_hash: String,
    pub path: String,
    pub n_rows: u64,
    /// Units whose rows it holds.
    pub n_units: u64,
    pub missing_units: Vec<UnitCode>,
    pub cut_at: Timestamp,
    /// When the next one of the same data set and period was cut; none while it is current.
    pub superseded_at: Option<Timestamp>,
    pub run_id: Option<RunId>,
}

/// What recording a cut did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedCut {
    pub id: CutId,
    /// The newest cut holds the same data: no new one was made.
    pub already: bool,
}

impl Ledger {
    /// Records a cut.
    ///
    /// If the newest one of this data set and period holds the same snapshot, it stays, and only
    /// what it was last cut from (inputs, contract, missing units) is brought up to date: so the
    /// next run sees that there is nothing to cut.
    pub fn record_cut(&self, new: &NewCut) -> Result<RecordedCut, LedgerError> {
        self.write("record a snapshot", |tx| {
            let newest: Option<(CutId, String)> = tx
                .query_row(
                    "SELECT cut_id, snapshot_id FROM cuts WHERE dataset = ?1 AND period = ?2
                     ORDER BY cut_id DESC LIMIT 1",
                    (&new.dataset, new.period.to_string()),
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let missing = to_json(&new.missing_units)?;
            if let Some((id, _)) = newest.filter(|(_, snapshot)| *snapshot == new.snapshot_id) {
                refresh(tx, id, new, &missing)?;
                return Ok(RecordedCut { id, already: true });
            }
            tx.execute(
                "INSERT INTO cuts (dataset, period, snapshot_id, schema_version, contract_hash, path,
                    n_rows, missing_units_json, cut_at, run_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                (
                    &new.dataset,
                    new.period.to_string(),
                    &new.snapshot_id,
                    new.schema_version,
                    &new.contract_hash,
                    &new.path,
                    count(new.n_rows),
                    &missing,
                    instant(new.cut_at),
                    new.run_id,
                ),
            )?;
            let id = CutId(tx.last_insert_rowid());
            store_inputs(tx, id, &new.inputs)?;
            let detail = json!({
                "snapshot_id": new.snapshot_id, "n_rows": new.n_rows, "run_id": new.run_id,
                "inputs": new.inputs,
            });
            let subject = format!("snapshot:{}/{}", new.dataset, new.period);
            event(tx, new.cut_at, "snapshot_cut", &subject, &detail)?;
            Ok(RecordedCut { id, already: false })
        })
    }

    /// The newest cut of each data set and period, or as it stood at an instant; ordered by both.
    pub fn current_cuts(&self, at: Option<Timestamp>) -> Result<Vec<Cut>, LedgerError> {
        self.read("list current snapshots", |conn| {
            Ok(list(conn, None, at)?
                .into_iter()
                .filter(|cut| cut.superseded_at.is_none())
                .collect())
        })
    }

    /// Every cut of a data set, oldest first within each period; `at` hides what was cut later.
    pub fn cuts(&self, dataset: &str, at: Option<Timestamp>) -> Result<Vec<Cut>, LedgerError> {
        self.read("list snapshots", |conn| Ok(list(conn, Some(dataset), at)?))
    }

    /// The newest cut of a data set and period, or the one that was current at an instant.
    pub fn cut_of(
        &self,
        dataset: &str,
        period: Period,
        at: Option<Timestamp>,
    ) -> Result<Option<Cut>, LedgerError> {
        let cuts = self.cuts(dataset, at)?;
        Ok(cuts.into_iter().rfind(|cut| cut.period == period))
    }

    /// What a cut was last made from, ordered by submission and unit.
    pub fn cut_inputs(&self, id: CutId) -> Result<Vec<CutInput>, LedgerError> {
        self.read("list a snapshot's inputs", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT submission_id, unit_code FROM cut_inputs WHERE cut_id = ?1
                 ORDER BY submission_id, unit_code",
            )?;
            let rows = statement.query_map([id], |row| {
                Ok(CutInput {
                    submission_id: row.get(0)?,
                    unit_code: UnitCode::new(row.get::<_, String>(1)?),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn refresh(tx: &Transaction<'_>, id: CutId, new: &NewCut, missing: &str) -> rusqlite::Result<()> {
    let known: (String, String) = tx.query_row(
        "SELECT contract_hash, missing_units_json FROM cuts WHERE cut_id = ?1",
        [id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut before: Vec<CutInput> = tx
        .prepare_cached("SELECT submission_id, unit_code FROM cut_inputs WHERE cut_id = ?1")?
        .query_map([id], |row| {
            Ok(CutInput {
                submission_id: row.get(0)?,
                unit_code: UnitCode::new(row.get::<_, String>(1)?),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut after = new.inputs.clone();
    before.sort();
    after.sort();
    if before == after && known.0 == new.contract_hash && known.1 == missing {
        return Ok(());
    }
    tx.execute(
        "UPDATE cuts SET contract_hash = ?2, missing_units_json = ?3 WHERE cut_id = ?1",
        (id, &new.contract_hash, missing),
    )?;
    tx.execute("DELETE FROM cut_inputs WHERE cut_id = ?1", [id])?;
    store_inputs(tx, id, &new.inputs)?;
    let detail = json!({ "snapshot_id": new.snapshot_id, "inputs": new.inputs });
    let subject = format!("snapshot:{}/{}", new.dataset, new.period);
    event(tx, new.cut_at, "snapshot_confirmed", &subject, &detail)
}

fn store_inputs(tx: &Transaction<'_>, id: CutId, inputs: &[CutInput]) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO cut_inputs (cut_id, submission_id, unit_code) VALUES (?1, ?2, ?3)",
    )?;
    for input in inputs {
        insert.execute((id, input.submission_id, input.unit_code.as_str()))?;
    }
    Ok(())
}

pub(super) fn list(
    conn: &Connection,
    dataset: Option<&str>,
    at: Option<Timestamp>,
) -> rusqlite::Result<Vec<Cut>> {
    let mut statement = conn.prepare_cached(
        "SELECT *,
            lead(cut_at) OVER (PARTITION BY dataset, period ORDER BY cut_id) AS superseded_at,
            (SELECT count(DISTINCT unit_code) FROM cut_inputs WHERE cut_inputs.cut_id = cuts.cut_id)
                AS n_units
         FROM cuts
         WHERE cut_at <= :as_of AND (:dataset IS NULL OR dataset = :dataset)
         ORDER BY dataset, period, cut_id",
    )?;
    let rows =
        statement.query_map(named_params! { ":as_of": as_of(at), ":dataset": dataset }, cut)?;
    rows.collect()
}

fn cut(row: &Row<'_>) -> rusqlite::Result<Cut> {
    Ok(Cut {
        cut_id: row.get("cut_id")?,
        dataset: row.get("dataset")?,
        period: get(row, "period")?,
        snapshot_id: row.get("snapshot_id")?,
        schema_version: row.get("schema_version")?,
        contract_hash: row.get("contract_hash")?,
        path: row.get("path")?,
        n_rows: get_count(row, "n_rows")?,
        n_units: get_count(row, "n_units")?,
        missing_units: get_json(row, "missing_units_json")?,
        cut_at: get(row, "cut_at")?,
        superseded_at: get_opt(row, "superseded_at")?,
        run_id: row.get("run_id")?,
    })
}
