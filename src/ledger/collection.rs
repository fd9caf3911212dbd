//! When each unit's first acceptable submission came: what timeliness speaks of.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, named_params};

use super::value::{as_of, get};
use super::{Ledger, LedgerError, SubmissionId};
use crate::model::{Period, UnitCode};

/// The first acceptable (accepted or nil) submission of one reporter for one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstAccepted {
    pub dataset: String,
    pub period: Period,
    pub reporter_code: UnitCode,
    pub unit_code: UnitCode,
    /// When the file came, not when it was decided.
    pub received_at: Timestamp,
}

impl Ledger {
    /// The first acceptable submission of each reporter for each unit of its, and for itself.
    ///
    /// A file that was returned does not count, even if it came in time; one that was superseded
    /// since does. With an `at`: as it stood then.
    pub fn first_accepted(&self, at: Option<Timestamp>) -> Result<Vec<FirstAccepted>, LedgerError> {
        self.read("find first submissions", |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT s.dataset, s.period, s.reporter_code, u.unit_code,
                    min(s.received_at) AS received_at
                 FROM submissions AS s JOIN (
                    SELECT submission_id, unit_code FROM submission_units
                    UNION SELECT submission_id, reporter_code FROM submissions
                 ) AS u USING (submission_id)
                 WHERE s.decision <> 'returned' AND s.decided_at <= :as_of
                 GROUP BY s.dataset, s.period, s.reporter_code, u.unit_code",
            )?;
            let rows = statement.query_map(named_params! { ":as_of": as_of(at) }, |row| {
                Ok(FirstAccepted {
                    dataset: row.get("dataset")?,
                    period: get(row, "period")?,
                    reporter_code: UnitCode::new(row.get::<_, String>("reporter_code")?),
                    unit_code: UnitCode::new(row.get::<_, String>("unit_code")?),
                    received_at: get(row, "received_at")?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Whether the reporter of a submission had an acceptable one of the same data set and period
    /// before it: then it is a correction.
    pub fn is_correction(&self, id: SubmissionId) -> Result<bool, LedgerError> {
        self.read("look for an earlier submission", |conn| {
            let sql = "SELECT EXISTS (SELECT 1 FROM submissions AS earlier
                JOIN submissions AS this ON this.submission_id = ?1
                WHERE earlier.dataset = this.dataset AND earlier.period = this.period
                    AND earlier.reporter_code = this.reporter_code
                    AND earlier.submission_id < this.submission_id
                    AND earlier.decision <> 'returned')";
            Ok(conn.query_row(sql, [id], |row| row.get(0))?)
        })
    }

    /// When the first recorded event happened: the home's first day.
    pub fn first_event_at(&self) -> Result<Option<Timestamp>, LedgerError> {
        self.read("find its first event", |conn| {
            let first = conn
                .query_row("SELECT at FROM events ORDER BY seq LIMIT 1", [], |row| get(row, "at"))
                .optional()?;
            Ok(first)
        })
    }
}
