//! Submissions: what arrived, how it was decided, and which of it is current.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::Fault;
use super::value::{as_of, count, get, get_count, get_opt, instant};
use super::{Ledger, LedgerError, SubmissionId, event};
use crate::model::{Finding, Period, Place, Severity, SubmissionState, UnitCode};

/// How a file came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The drop folder.
    Inbox,
    /// `duban submit`.
    Command,
    /// A source that was asked (`config/sources.toml`).
    Http,
}

impl Door {
    pub fn as_str(self) -> &'static str {
        match self {
            Door::Inbox => "inbox",
            Door::Command => "command",
            Door::Http => "http",
        }
    }

    fn parse(word: &str) -> Door {
        match word {
            "inbox" => Door::Inbox,
            "http" => Door::Http,
            _ => Door::Command,
        }
    }
}

/// A file that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubmission {
    pub dataset: String,
    pub reporter: UnitCode,
    pub period: Period,
    /// Of the bytes, in lower-case hex.
    pub sha256: String,
    pub file_name: String,
    pub size: u64,
    pub door: Door,
    pub received_at: Timestamp,
    /// Arrived after the due date.
    pub late: bool,
    /// Of the contract that it would be read under: bytes returned under another one are read anew.
    pub contract_hash: String,
}

/// What receiving did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    pub id: SubmissionId,
    /// The same bytes are this reporter's newest submission: nothing was changed.
    pub already: bool,
    pub state: SubmissionState,
}

/// What a newer accepted submission of the same reporter, data set and period replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything: the file is all that the reporter reports. A unit that it no longer names drops out.
    Whole,
    /// Only the units that the file names; the others stay as they were last accepted.
    Units,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Whole => "whole",
            Scope::Units => "units",
        }
    }
}

/// How a submission was decided, with all that reading it gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// `Accepted`, `AcceptedWithWarnings`, `Returned` or `Nil`.
    pub state: SubmissionState,
    pub n_rows: u64,
    pub contract_hash: String,
    /// Name of the layout that fitted.
    pub layout: Option<String>,
    pub scope: Scope,
    /// Units that the file speaks for, with their rows; nothing is current of a returned file.
    pub units: Vec<(UnitCode, u64)>,
    pub findings: Vec<Finding>,
}

/// A submission as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Submission {
    pub submission_id: SubmissionId,
    pub dataset: String,
    pub reporter_code: UnitCode,
    pub period: Period,
    pub sha256: String,
    pub file_name: String,
    pub size: u64,
    pub door: Door,
    pub received_at: Timestamp,
    pub late: bool,
    pub decided_at: Option<Timestamp>,
    pub state: SubmissionState,
    pub n_rows: Option<u64>,
    pub n_errors: u64,
    pub n_confirms: u64,
    /// Of the contract that it was decided under (of the one that it arrived under, before that).
    pub contract_hash: String,
    pub layout: Option<String>,
    /// Refused because it held identities of children: its bytes must not be kept.
    pub identity: bool,
}

/// Which submissions to list; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct SubmissionFilter {
    pub dataset: Option<String>,
    pub period: Option<Period>,
    pub reporter: Option<UnitCode>,
    pub state: Option<SubmissionState>,
    pub as_of: Option<Timestamp>,
}

/// The newest accepted (or nil) submission of one reporter for one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    pub dataset: String,
    pub period: Period,
    pub reporter_code: UnitCode,
    pub unit_code: UnitCode,
    pub submission_id: SubmissionId,
    /// As it was decided.
    pub state: SubmissionState,
    /// Rows of this unit.
    pub n_rows: u64,
    pub accepted_at: Timestamp,
}

impl Ledger {
    /// Records that a file arrived.
    ///
    /// The same bytes as the reporter's newest submission of this data set and period change
    /// nothing. Older content that comes again after something else (A, B, A) is a new submission:
    /// the reporter takes a correction back. So is a returned file under another contract: the
    /// contract was mended, and the file deserves to be read again.
    pub fn receive(&self, new: &NewSubmission) -> Result<Received, LedgerError> {
        self.write("record a submission", |tx| receive(tx, new))
    }

    /// Records what reading a submission came to; at once, which older ones it replaces.
    ///
    /// # Errors
    /// [`LedgerError::Decided`] if it was decided before.
    pub fn decide(
        &self,
        id: SubmissionId,
        decision: &Decision,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        self.write("decide a submission", |tx| decide(tx, id, decision, at))
    }

    /// Refuses a file that holds identities of children: hash, file name, time and the findings'
    /// codes and places are kept, nothing that was read from it.
    ///
    /// The file may or may not have been received before; its bytes must not stay in the archive.
    pub fn refuse_identity(
        &self,
        new: &NewSubmission,
        findings: &[Finding],
        at: Timestamp,
    ) -> Result<Received, LedgerError> {
        self.write_durably("refuse a submission", |tx| {
            let received = receive(tx, new)?;
            if received.state != SubmissionState::Received {
                return Ok(received);
            }
            let findings =
                findings.iter().map(|f| Finding { read: String::new(), ..f.clone() }).collect();
            let decision = Decision {
                state: SubmissionState::Returned,
                n_rows: 0,
                contract_hash: new.contract_hash.clone(),
                layout: None,
                scope: Scope::Units,
                units: Vec::new(),
                findings,
            };
            decide(tx, received.id, &decision, at)?;
            tx.execute(
                "UPDATE submissions SET identity = 1 WHERE submission_id = ?1",
                [received.id],
            )?;
            Ok(Received { state: SubmissionState::Returned, ..received })
        })
    }

    /// The newest submission that holds these bytes for this reporter, data set and period.
    pub fn find_submission(
        &self,
        dataset: &str,
        reporter: &UnitCode,
        period: Period,
        sha256: &str,
    ) -> Result<Option<Submission>, LedgerError> {
        self.read("find a submission", |conn| {
            let sql = format!(
                "{SELECT} WHERE dataset = :dataset AND reporter_code = :reporter
                    AND period = :period AND sha256 = :sha256 AND received_at <= :as_of
                  ORDER BY submission_id DESC LIMIT 1"
            );
            let found = conn
                .prepare_cached(&sql)?
                .query_row(
                    named_params! {
                        ":dataset": dataset,
                        ":reporter": reporter.as_str(),
                        ":period": period.to_string(),
                        ":sha256": sha256,
                        ":as_of": as_of(None),
                    },
                    submission,
                )
                .optional()?;
            Ok(found)
        })
    }

    /// Whether any submission with these bytes must be kept in the archive.
    pub fn keeps_bytes(&self, sha256: &str) -> Result<bool, LedgerError> {
        self.read("look for bytes", |conn| {
            let sql =
                "SELECT EXISTS (SELECT 1 FROM submissions WHERE sha256 = ?1 AND identity = 0)";
            Ok(conn.query_row(sql, [sha256], |row| row.get(0))?)
        })
    }

    /// One submission.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`]
    pub fn submission(&self, id: SubmissionId) -> Result<Submission, LedgerError> {
        self.read("read a submission", |conn| {
            let sql = format!("{SELECT} WHERE submission_id = :id");
            conn.prepare_cached(&sql)?
                .query_row(named_params! { ":id": id, ":as_of": as_of(None) }, submission)
                .optional()?
                .ok_or_else(|| not_found(id))
        })
    }

    /// Submissions in the order of their arrival.
    pub fn submissions(&self, filter: &SubmissionFilter) -> Result<Vec<Submission>, LedgerError> {
        self.read("list submissions", |conn| Ok(list(conn, filter)?))
    }

    /// Submissions that were received and not decided: recovery reads them (again).
    pub fn undecided(&self) -> Result<Vec<Submission>, LedgerError> {
        self.submissions(&SubmissionFilter {
            state: Some(SubmissionState::Received),
            ..SubmissionFilter::default()
        })
    }

    /// The findings of a submission, in the order in which they were made.
    pub fn findings(&self, id: SubmissionId) -> Result<Vec<Finding>, LedgerError> {
        self.read("read findings", |conn| {
            let mut statement = conn
                .prepare_cached("SELECT * FROM findings WHERE submission_id = ?1 ORDER BY seq")?;
            let rows = statement.query_map([id], finding)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Who has a current accepted (or nil) submission for which unit; newest by receipt.
    ///
    /// With an `as_of`: as it stood then. Ordered by data set, period, unit, reporter.
    pub fn coverage(&self, at: Option<Timestamp>) -> Result<Vec<Coverage>, LedgerError> {
        self.read("read the coverage", |conn| Ok(coverage(conn, None, at)?))
    }

    /// As [`Ledger::coverage`], now, of these data sets alone; of all if none is named.
    pub fn coverage_of(&self, datasets: &[String]) -> Result<Vec<Coverage>, LedgerError> {
        self.read("read the coverage", |conn| {
            if let [dataset] = datasets {
                return Ok(coverage(conn, Some(dataset), None)?);
            }
            let mut rows = coverage(conn, None, None)?;
            rows.retain(|row| datasets.is_empty() || datasets.contains(&row.dataset));
            Ok(rows)
        })
    }
}

/// State and counts as they stood at `:as_of`.
const SELECT: &str = "
    SELECT submission_id, dataset, reporter_code, period, sha256, file_name, size, door,
        received_at, late, layout, identity, contract_hash,
        CASE WHEN decided_at <= :as_of THEN decided_at END AS decided_at,
        CASE WHEN decided_at <= :as_of THEN n_rows END AS n_rows,
        CASE WHEN decided_at IS NULL OR decided_at > :as_of THEN 'received'
            WHEN superseded_at <= :as_of THEN 'superseded'
            ELSE decision END AS state,
        (SELECT count(*) FROM findings AS f WHERE f.submission_id = s.submission_id
            AND severity = 'error' AND decided_at <= :as_of) AS n_errors,
        (SELECT count(*) FROM findings AS f WHERE f.submission_id = s.submission_id
            AND severity = 'confirm' AND decided_at <= :as_of) AS n_confirms
    FROM submissions AS s";

fn submission(row: &Row<'_>) -> rusqlite::Result<Submission> {
    let door: String = row.get("door")?;
    let contract_hash: Option<String> = row.get("contract_hash")?;
    let n_rows: Option<i64> = row.get("n_rows")?;
    Ok(Submission {
        submission_id: row.get("submission_id")?,
        dataset: row.get("dataset")?,
        reporter_code: UnitCode::new(row.get::<_, String>("reporter_code")?),
        period: get(row, "period")?,
        sha256: row.get("sha256")?,
        file_name: row.get("file_name")?,
        size: get_count(row, "size")?,
        door: Door::parse(&door),
        received_at: get(row, "received_at")?,
        late: row.get("late")?,
        decided_at: get_opt(row, "decided_at")?,
        state: get(row, "state")?,
        n_rows: n_rows.and_then(|n| u64::try_from(n).ok()),
        n_errors: get_count(row, "n_errors")?,
        n_confirms: get_count(row, "n_confirms")?,
        contract_hash: contract_hash.unwrap_or_default(),
        layout: row.get("layout")?,
        identity: row.get("identity")?,
    })
}

pub(super) fn finding(row: &Row<'_>) -> rusqlite::Result<Finding> {
    let severity: String = row.get("severity")?;
    let cell: Option<u32> = row.get("cell_row")?;
    let col: Option<u32> = row.get("cell_col")?;
    Ok(Finding {
        code: row.get("code")?,
        severity: match severity.as_str() {
            "error" => Severity::Error,
            "confirm" => Severity::Confirm,
            _ => Severity::Note,
        },
        place: Place { sheet: row.get("sheet")?, cell: cell.zip(col) },
        read: row.get("read")?,
        expected: row.get("expected")?,
        fix: row.get("fix")?,
    })
}

pub(super) fn list(
    conn: &Connection,
    filter: &SubmissionFilter,
) -> rusqlite::Result<Vec<Submission>> {
    let sql = format!(
        "SELECT * FROM ({SELECT}
            WHERE (:dataset IS NULL OR dataset = :dataset)
            AND (:period IS NULL OR period = :period)
            AND (:reporter IS NULL OR reporter_code = :reporter)
            AND received_at <= :as_of)
         WHERE :state IS NULL OR state = :state
         ORDER BY submission_id"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":dataset": filter.dataset,
            ":period": filter.period.map(|period| period.to_string()),
            ":reporter": filter.reporter.as_ref().map(UnitCode::as_str),
            ":state": filter.state.map(SubmissionState::as_str),
            ":as_of": as_of(filter.as_of),
        },
        submission,
    )?;
    rows.collect()
}

pub(super) fn coverage(
    conn: &Connection,
    dataset: Option<&str>,
    at: Option<Timestamp>,
) -> rusqlite::Result<Vec<Coverage>> {
    let sql = format!(
        "SELECT s.dataset, s.period, s.reporter_code, u.unit_code, s.submission_id,
            s.decision AS state, u.n_rows, s.decided_at
         FROM submissions AS s JOIN submission_units AS u USING (submission_id)
         WHERE s.decision <> 'returned' AND s.decided_at <= :as_of
            AND (:dataset IS NULL OR s.dataset = :dataset) AND NOT {COVERED}
         ORDER BY s.dataset, s.period, u.unit_code, s.reporter_code"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let params = named_params! { ":as_of": as_of(at), ":dataset": dataset };
    let rows = statement.query_map(params, |row| {
        Ok(Coverage {
            dataset: row.get("dataset")?,
            period: get(row, "period")?,
            reporter_code: UnitCode::new(row.get::<_, String>("reporter_code")?),
            unit_code: UnitCode::new(row.get::<_, String>("unit_code")?),
            submission_id: row.get("submission_id")?,
            state: get(row, "state")?,
            n_rows: get_count(row, "n_rows")?,
            accepted_at: get(row, "decided_at")?,
        })
    })?;
    rows.collect()
}

/// Whether the unit row `u` of the accepted submission `s` is covered by a newer accepted one.
const COVERED: &str = "EXISTS (
    SELECT 1 FROM submissions AS newer
    WHERE newer.dataset = s.dataset AND newer.period = s.period
        AND newer.reporter_code = s.reporter_code
        AND newer.submission_id > s.submission_id
        AND newer.decision <> 'returned' AND newer.decided_at <= :as_of
        AND (newer.scope = 'whole' OR EXISTS (
            SELECT 1 FROM submission_units AS n
            WHERE n.submission_id = newer.submission_id AND n.unit_code = u.unit_code)))";

fn receive(tx: &Transaction<'_>, new: &NewSubmission) -> Result<Received, Fault> {
    let sql = format!(
        "{SELECT} WHERE dataset = :dataset AND reporter_code = :reporter AND period = :period
         ORDER BY submission_id DESC LIMIT 1"
    );
    let newest = tx
        .prepare_cached(&sql)?
        .query_row(
            named_params! {
                ":dataset": new.dataset,
                ":reporter": new.reporter.as_str(),
                ":period": new.period.to_string(),
                ":as_of": as_of(None),
            },
            submission,
        )
        .optional()?;
    if let Some(newest) = newest
        && newest.sha256 == new.sha256
        && (newest.state != SubmissionState::Returned
            || (newest.contract_hash == new.contract_hash && !was_too_early(tx, &newest)?))
    {
        return Ok(Received { id: newest.submission_id, already: true, state: newest.state });
    }
    tx.prepare_cached(
        "INSERT INTO submissions (dataset, reporter_code, period, sha256, file_name, size, door,
            received_at, late, contract_hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute((
        &new.dataset,
        new.reporter.as_str(),
        new.period.to_string(),
        &new.sha256,
        &new.file_name,
        count(new.size),
        new.door.as_str(),
        instant(new.received_at),
        new.late,
        &new.contract_hash,
    ))?;
    let id = SubmissionId(tx.last_insert_rowid());
    event(
        tx,
        new.received_at,
        "submission_received",
        &format!("submission:{id}"),
        &json!({
            "dataset": new.dataset, "reporter_code": new.reporter, "period": new.period,
            "sha256": new.sha256, "file_name": new.file_name, "door": new.door,
        }),
    )?;
    Ok(Received { id, already: false, state: SubmissionState::Received })
}

/// Whether a returned file came before its period had begun: the same bytes may be right later.
fn was_too_early(tx: &Transaction<'_>, returned: &Submission) -> rusqlite::Result<bool> {
    tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM findings
            WHERE submission_id = ?1 AND code = 'period.future')",
        [returned.submission_id],
        |row| row.get(0),
    )
}

fn decide(
    tx: &Transaction<'_>,
    id: SubmissionId,
    decision: &Decision,
    at: Timestamp,
) -> Result<(), Fault> {
    if matches!(decision.state, SubmissionState::Received | SubmissionState::Superseded) {
        return Err(LedgerError::NoDecision { state: decision.state }.into());
    }
    let before = tx
        .prepare_cached(&format!("{SELECT} WHERE submission_id = :id"))?
        .query_row(named_params! { ":id": id, ":as_of": as_of(None) }, submission)
        .optional()?
        .ok_or_else(|| not_found(id))?;
    if before.state != SubmissionState::Received {
        return Err(LedgerError::Decided { id, state: before.state }.into());
    }
    tx.prepare_cached(
        "UPDATE submissions SET decided_at = ?2, decision = ?3, n_rows = ?4, contract_hash = ?5,
            layout = ?6, scope = ?7
         WHERE submission_id = ?1",
    )?
    .execute((
        id,
        instant(at),
        decision.state.as_str(),
        count(decision.n_rows),
        &decision.contract_hash,
        &decision.layout,
        decision.scope.as_str(),
    ))?;
    store_units(tx, id, &decision.units)?;
    store_findings(tx, id, &decision.findings)?;
    event(
        tx,
        at,
        "submission_decided",
        &format!("submission:{id}"),
        &json!({
            "state": decision.state, "n_rows": decision.n_rows,
            "n_findings": decision.findings.len(),
        }),
    )?;
    if decision.state != SubmissionState::Returned {
        supersede(tx, &before, at)?;
    }
    Ok(())
}

fn store_units(
    tx: &Transaction<'_>,
    id: SubmissionId,
    units: &[(UnitCode, u64)],
) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO submission_units (submission_id, unit_code, n_rows) VALUES (?1, ?2, ?3)",
    )?;
    for (unit, n_rows) in units {
        insert.execute((id, unit.as_str(), count(*n_rows)))?;
    }
    Ok(())
}

fn store_findings(
    tx: &Transaction<'_>,
    id: SubmissionId,
    findings: &[Finding],
) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO findings (submission_id, seq, code, severity, sheet, cell_row, cell_col, read,
            expected, fix)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for (seq, finding) in (1_i64..).zip(findings) {
        insert.execute((
            id,
            seq,
            &finding.code,
            finding.severity.as_str(),
            &finding.place.sheet,
            finding.place.cell.map(|(row, _)| row),
            finding.place.cell.map(|(_, col)| col),
            &finding.read,
            &finding.expected,
            &finding.fix,
        ))?;
    }
    Ok(())
}

/// Marks the submissions of the same reporter, data set and period that nothing is current of any
/// more: the older ones that this one replaces, or this one itself if a newer one was decided first.
fn supersede(tx: &Transaction<'_>, cause: &Submission, at: Timestamp) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT submission_id FROM submissions AS s
         WHERE s.dataset = :dataset AND s.period = :period AND s.reporter_code = :reporter
            AND s.decision <> 'returned' AND s.superseded_at IS NULL
            AND EXISTS (SELECT 1 FROM submissions AS later
                WHERE later.dataset = s.dataset AND later.period = s.period
                AND later.reporter_code = s.reporter_code AND later.decision <> 'returned'
                AND later.submission_id > s.submission_id)
            AND NOT EXISTS (SELECT 1 FROM submission_units AS u
                WHERE u.submission_id = s.submission_id AND NOT {COVERED})
         ORDER BY submission_id"
    );
    let replaced: Vec<SubmissionId> = tx
        .prepare_cached(&sql)?
        .query_map(
            named_params! {
                ":dataset": cause.dataset,
                ":period": cause.period.to_string(),
                ":reporter": cause.reporter_code.as_str(),
                ":as_of": as_of(None),
            },
            |row| row.get(0),
        )?
        .collect::<rusqlite::Result<_>>()?;
    for id in replaced {
        tx.execute(
            "UPDATE submissions SET superseded_at = ?2 WHERE submission_id = ?1",
            (id, instant(at)),
        )?;
        event(
            tx,
            at,
            "submission_superseded",
            &format!("submission:{id}"),
            &json!({ "decided": cause.submission_id }),
        )?;
    }
    Ok(())
}

fn not_found(id: SubmissionId) -> Fault {
    LedgerError::NotFound { what: "submission", key: id.to_string() }.into()
}
