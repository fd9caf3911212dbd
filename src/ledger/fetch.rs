//! What came of asking sources for files: how each stands, since when, and when to ask again.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Serialize;
use serde_json::json;

use super::value::{as_of, count, get, get_count, get_opt, instant};
use super::{Ledger, LedgerError, event};
use crate::model::{FetchState, Period, UnitCode};

/// What came of asking once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFetch {
    pub source: String,
    pub dataset: String,
    pub unit_code: UnitCode,
    pub period: Period,
    /// Without its query.
    pub url: String,
    pub state: FetchState,
    /// Of HTTP, if a reply came.
    pub code: Option<u16>,
    /// What is wrong and what to do about it; empty if all is well.
    pub message: String,
    pub hint: String,
    /// Of a state that brought bytes or confirmed them: what to ask with next time.
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub sha256: Option<String>,
    pub asked_at: Timestamp,
    /// Not to be asked before; of a state that is not well.
    pub not_before: Option<Timestamp>,
}

/// How a file of a source stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fetch {
    pub source: String,
    pub dataset: String,
    pub unit_code: UnitCode,
    pub period: Period,
    pub url: String,
    pub state: FetchState,
    pub code: Option<u16>,
    pub message: String,
    pub hint: String,
    /// Of the bytes that were taken last, whatever has come since.
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub sha256: Option<String>,
    /// Since when the state is what it is.
    pub since: Timestamp,
    pub asked_at: Timestamp,
    pub not_before: Option<Timestamp>,
    /// How often in a row the file could not be had.
    pub failures: u64,
}

/// A file that a source may have: source, data set, period, unit.
pub type FileOf<'a> = (&'a str, &'a str, Period, &'a UnitCode);

/// What noting an answer came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// The answer is another than the last one (or brought other bytes).
    pub changed: bool,
    pub failures: u64,
}

impl Ledger {
    /// Notes what came of asking for a file. A file that came was recorded as a submission **before**:
    /// after a crash in between it is asked for and taken again, which changes nothing.
    ///
    /// `not_before` is given the number of failures in a row, this one included.
    pub fn note_fetch(
        &self,
        new: &NewFetch,
        not_before: impl FnOnce(u64) -> Option<Timestamp>,
    ) -> Result<Noted, LedgerError> {
        self.write("note a fetch", |tx| {
            let last = newest(tx, (&new.source, &new.dataset, new.period, &new.unit_code))?;
            let well = new.state.is_well();
            let before = last.as_ref().map_or(0, |(_, last)| last.failures);
            let failures = if well { 0 } else { before + 1 };
            let not_before = if well { None } else { new.not_before.or_else(|| not_before(failures)) };
            let changed = match &last {
                None => true,
                Some((_, last)) => {
                    last.state != new.state
                        || last.message != new.message
                        || (new.state == FetchState::Taken && last.sha256 != new.sha256)
                }
            };
            // What the source said of the bytes that we hold stays true while it cannot be asked.
            let held = last.as_ref().map(|(_, last)| last);
            let (etag, last_modified, sha256) = match new.state {
                FetchState::Taken | FetchState::Unchanged => (
                    new.etag.clone(),
                    new.last_modified.clone(),
                    new.sha256.clone().or_else(|| held.and_then(|last| last.sha256.clone())),
                ),
                _ => held.map_or((None, None, None), |last| {
                    (last.etag.clone(), last.last_modified.clone(), last.sha256.clone())
                }),
            };
            let since = match &last {
                Some((_, last)) if last.state == new.state => instant(last.since),
                _ => instant(new.asked_at),
            };
            let fields = named_params! {
                ":id": last.as_ref().map(|(id, _)| *id).filter(|_| !changed),
                ":source": new.source,
                ":dataset": new.dataset,
                ":unit": new.unit_code.as_str(),
                ":period": new.period.to_string(),
                ":url": new.url,
                ":state": new.state.as_str(),
                ":code": new.code,
                ":message": new.message,
                ":hint": new.hint,
                ":etag": etag,
                ":last_modified": last_modified,
                ":sha256": sha256,
                ":since": since,
                ":at": instant(new.asked_at),
                ":not_before": not_before.map(instant),
                ":failures": count(failures),
            };
            tx.prepare_cached(
                "INSERT INTO fetches (fetch_id, source, dataset, unit_code, period, url, state, code,
                    message, hint, etag, last_modified, sha256, since, noted_at, asked_at,
                    not_before, failures)
                 VALUES (:id, :source, :dataset, :unit, :period, :url, :state, :code,
                    :message, :hint, :etag, :last_modified, :sha256, :since, :at, :at,
                    :not_before, :failures)
                 ON CONFLICT (fetch_id) DO UPDATE SET url = excluded.url, code = excluded.code,
                    hint = excluded.hint, etag = excluded.etag,
                    last_modified = excluded.last_modified, sha256 = excluded.sha256,
                    asked_at = excluded.asked_at, not_before = excluded.not_before,
                    failures = excluded.failures",
            )?
            .execute(fields)?;
            if changed {
                let subject = format!(
                    "fetch:{}/{}/{}/{}",
                    new.source, new.dataset, new.period, new.unit_code
                );
                let detail = json!({
                    "state": new.state, "code": new.code, "message": new.message, "sha256": sha256,
                });
                event(tx, new.asked_at, "fetched", &subject, &detail)?;
            }
            Ok(Noted { changed, failures })
        })
    }

    /// How every file that was ever asked for stands now, or stood at an instant.
    ///
    /// Ordered by source, data set, period, unit.
    pub fn fetches(&self, at: Option<Timestamp>) -> Result<Vec<Fetch>, LedgerError> {
        self.read("list fetches", |conn| Ok(list(conn, at)?))
    }

    /// How these files stand now; those that were never asked for are left out.
    pub fn fetches_of<'a>(
        &self,
        files: impl Iterator<Item = FileOf<'a>>,
    ) -> Result<Vec<Fetch>, LedgerError> {
        self.read("look up fetches", |conn| {
            let mut fetches = Vec::new();
            for file in files {
                fetches.extend(newest(conn, file)?.map(|(_, fetch)| fetch));
            }
            Ok(fetches)
        })
    }

    /// The files that could not be had when they were last asked for; of all the few that matter between
    /// two pulls.
    pub fn troubled_fetches(&self) -> Result<Vec<Fetch>, LedgerError> {
        self.read("list fetches that failed", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT f.* FROM fetches f WHERE f.not_before IS NOT NULL AND f.fetch_id =
                    (SELECT max(fetch_id) FROM fetches WHERE source = f.source
                        AND dataset = f.dataset AND unit_code = f.unit_code AND period = f.period)
                 ORDER BY f.source, f.dataset, f.period, f.unit_code",
            )?;
            let rows: Vec<Fetch> =
                statement.query_map([], fetch)?.collect::<rusqlite::Result<_>>()?;
            Ok(rows.into_iter().filter(|fetch| !fetch.state.is_well()).collect())
        })
    }

    /// Files that could not be had and may be asked for again by now; the longest due first.
    pub fn fetches_due(&self, now: Timestamp) -> Result<Vec<Fetch>, LedgerError> {
        let mut due = self.troubled_fetches()?;
        due.retain(|fetch| fetch.not_before.is_some_and(|not_before| not_before <= now));
        due.sort_by_key(|fetch| fetch.not_before);
        Ok(due)
    }
}

/// What came last of asking for a file, and its number.
fn newest(
    conn: &Connection,
    (source, dataset, period, unit): FileOf<'_>,
) -> rusqlite::Result<Option<(i64, Fetch)>> {
    conn.prepare_cached(
        "SELECT * FROM fetches WHERE source = ?1 AND dataset = ?2 AND unit_code = ?3 AND period = ?4
         ORDER BY fetch_id DESC LIMIT 1",
    )?
    .query_row((source, dataset, unit.as_str(), period.to_string()), |row| {
        Ok((row.get("fetch_id")?, fetch(row)?))
    })
    .optional()
}

/// The answers that stood at an instant: of each file the newest that had come. What was asked again
/// later, with the same answer, is shown as it was when that answer first came.
pub(super) fn list(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Fetch>> {
    let mut statement = conn.prepare_cached(
        "SELECT source, dataset, unit_code, period, url, state, code, message, hint, etag,
            last_modified, sha256, since,
            CASE WHEN asked_at <= :as_of THEN asked_at ELSE noted_at END AS asked_at,
            CASE WHEN asked_at <= :as_of THEN not_before END AS not_before,
            CASE WHEN asked_at <= :as_of THEN failures
                ELSE min(failures, 1) END AS failures
         FROM fetches WHERE fetch_id IN
            (SELECT max(fetch_id) FROM fetches WHERE noted_at <= :as_of
                GROUP BY source, dataset, unit_code, period)
         ORDER BY source, dataset, period, unit_code",
    )?;
    let rows = statement.query_map(named_params! { ":as_of": as_of(at) }, fetch)?;
    rows.collect()
}

fn fetch(row: &Row<'_>) -> rusqlite::Result<Fetch> {
    Ok(Fetch {
        source: row.get("source")?,
        dataset: row.get("dataset")?,
        unit_code: UnitCode::new(row.get::<_, String>("unit_code")?),
        period: get(row, "period")?,
        url: row.get("url")?,
        state: get(row, "state")?,
        code: row.get("code")?,
        message: row.get("message")?,
        hint: row.get("hint")?,
        etag: row.get("etag")?,
        last_modified: row.get("last_modified")?,
        sha256: row.get("sha256")?,
        since: get(row, "since")?,
        asked_at: get(row, "asked_at")?,
        not_before: get_opt(row, "not_before")?,
        failures: get_count(row, "failures")?,
    })
}
