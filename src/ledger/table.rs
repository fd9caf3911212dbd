//! The ledger as tables for SQL, with the columns of docs/definitions.md.

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, named_params};
use serde_json::{Value, json};

use super::value::as_of;
use super::{
    EditionFilter, Ledger, LedgerError, SubmissionFilter, edition, fetch, item, snapshot,
    submission,
};
use crate::model::{Finding, Place, Severity, UnitCode};

/// What kind of value a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    Text,
    Int,
    Float,
    Bool,
    /// A civil date, as `2024-09-01`.
    Date,
    /// An instant, as `2024-09-01T00:00:00Z`.
    Instant,
}

/// One table; each row has as many values as there are columns, null where there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerTable {
    pub name: &'static str,
    pub columns: &'static [(&'static str, ColumnKind)],
    pub rows: Vec<Vec<Value>>,
}

use ColumnKind::{Bool, Date, Float, Instant, Int, Text};

const SUBMISSIONS: &[(&str, ColumnKind)] = &[
    ("submission_id", Int),
    ("dataset", Text),
    ("reporter_code", Text),
    ("period", Text),
    ("file_name", Text),
    ("sha256", Text),
    ("door", Text),
    ("received_at", Instant),
    ("decided_at", Instant),
    ("state", Text),
    ("n_rows", Int),
    ("n_errors", Int),
    ("n_confirms", Int),
    ("late", Bool),
];

const FINDINGS: &[(&str, ColumnKind)] = &[
    ("submission_id", Int),
    ("seq", Int),
    ("code", Text),
    ("severity", Text),
    ("sheet", Text),
    ("cell", Text),
    ("read", Text),
    ("expected", Text),
    ("fix", Text),
];

const COVERAGE: &[(&str, ColumnKind)] = &[
    ("dataset", Text),
    ("period", Text),
    ("reporter_code", Text),
    ("unit_code", Text),
    ("submission_id", Int),
    ("state", Text),
    ("n_rows", Int),
];

const ITEMS: &[(&str, ColumnKind)] = &[
    ("item_no", Int),
    ("check_id", Text),
    ("check_title", Text),
    ("level", Text),
    ("subject_kind", Text),
    ("subject_code", Text),
    ("subject_name", Text),
    ("unit_code", Text),
    ("state", Text),
    ("light", Text),
    ("opened_on", Date),
    ("due_on", Date),
    ("due_provisional", Bool),
    ("escalation", Int),
    ("episode", Int),
    ("data_passes", Bool),
    ("period", Text),
    ("observed", Float),
    ("target", Float),
    ("detail", Text),
    ("closed_on", Date),
    ("source", Text),
    ("lead", Text),
    ("responsible", Text),
    ("responsible_code", Text),
    ("assigned_on", Date),
    ("signed_on", Date),
    ("answered_on", Date),
    ("verified_on", Date),
    ("archived_on", Date),
    ("looked_back_on", Date),
    ("progress", Int),
    ("problem", Text),
    ("measures", Text),
    ("evidence", Text),
    ("opinion", Text),
    ("remark", Text),
    ("original_due_on", Date),
    ("asked_due_on", Date),
    ("n_slips", Int),
    ("n_extensions", Int),
    ("n_returns", Int),
    ("held_by", Int),
    ("suspended_from", Text),
    ("light_since", Date),
    ("light_changes", Int),
    ("rule_version", Int),
];

const ITEM_EVENTS: &[(&str, ColumnKind)] = &[
    ("item_no", Int),
    ("seq", Int),
    ("at", Instant),
    ("kind", Text),
    ("from_state", Text),
    ("to_state", Text),
    ("on_date", Date),
    ("role", Text),
    ("unit_code", Text),
    ("post", Text),
    ("reason", Text),
    ("observed", Float),
    ("rule_version", Int),
    ("run_id", Int),
    ("due_on", Date),
    ("light", Text),
];

const DELIVERIES: &[(&str, ColumnKind)] = &[
    ("delivery_id", Int),
    ("kind", Text),
    ("edition_id", Int),
    ("report", Text),
    ("period", Text),
    ("recipient", Text),
    ("message_id", Text),
    ("state", Text),
    ("attempts", Int),
    ("not_before", Instant),
    ("updated_at", Instant),
    ("last_reply", Text),
];

const REMINDERS: &[(&str, ColumnKind)] = &[
    ("dataset", Text),
    ("period", Text),
    ("reporter_code", Text),
    ("workdays", Int),
    ("recipient", Text),
    ("delivery_id", Int),
    ("at", Instant),
];

const EDITIONS: &[(&str, ColumnKind)] = &[
    ("edition_id", Int),
    ("report", Text),
    ("period", Text),
    ("edition_no", Int),
    ("created_at", Instant),
    ("as_of", Instant),
    ("supersedes", Int),
    ("scope", Text),
];

const SNAPSHOTS: &[(&str, ColumnKind)] = &[
    ("snapshot_id", Text),
    ("dataset", Text),
    ("period", Text),
    ("cut_at", Instant),
    ("n_rows", Int),
    ("n_units", Int),
    ("missing_units", Text),
];

const RUNS: &[(&str, ColumnKind)] = &[
    ("run_id", Int),
    ("period", Text),
    ("started_at", Instant),
    ("finished_at", Instant),
    ("state", Text),
    ("command", Text),
];

const SLIPS: &[(&str, ColumnKind)] = &[
    ("slip_id", Int),
    ("step", Text),
    ("title", Text),
    ("number", Text),
    ("unit_code", Text),
    ("on_date", Date),
    ("at", Instant),
    ("n_items", Int),
    ("item_nos", Text),
    ("recipients", Text),
    ("path", Text),
];

const SLIPS_SQL: &str = "SELECT slip_id, step, title, nullif(number, ''), unit_code, on_date, at,
        (SELECT count(*) FROM slip_items WHERE slip_items.slip_id = slips.slip_id),
        (SELECT group_concat(item_no, ' ') FROM (SELECT item_no FROM slip_items
            WHERE slip_items.slip_id = slips.slip_id ORDER BY item_no)),
        (SELECT group_concat(recipient, ' ') FROM (SELECT recipient FROM slip_mails
            JOIN deliveries USING (delivery_id) WHERE slip_mails.slip_id = slips.slip_id
            ORDER BY recipient)),
        path
    FROM slips WHERE at <= :as_of ORDER BY slip_id";

const SLIP_ITEMS: &[(&str, ColumnKind)] = &[("slip_id", Int), ("item_no", Int), ("episode", Int)];

const SLIP_ITEMS_SQL: &str = "SELECT slip_id, item_no, episode
    FROM slip_items JOIN slips USING (slip_id) WHERE at <= :as_of ORDER BY slip_id, item_no";

const JUDGEMENTS: &[(&str, ColumnKind)] = &[
    ("judgement_id", Int),
    ("check_id", Text),
    ("rule_version", Int),
    ("period", Text),
    ("at", Instant),
    ("run_id", Int),
    ("n_violations", Int),
    ("n_judged", Int),
    ("n_held", Int),
];

const JUDGEMENTS_SQL: &str = "SELECT judgement_id, check_id, rule_version, period, at, run_id,
        n_violations, n_judged, n_held
    FROM judgements WHERE at <= :as_of ORDER BY judgement_id";

const RULES: &[(&str, ColumnKind)] =
    &[("check_id", Text), ("version", Int), ("since", Instant), ("sha256", Text), ("what", Text)];

const RULES_SQL: &str = "SELECT check_id, version, since, sha256, what
    FROM rules WHERE since <= :as_of ORDER BY check_id, version";

const HELD: &[(&str, ColumnKind)] = &[
    ("check_id", Text),
    ("subject_kind", Text),
    ("subject_code", Text),
    ("subject_name", Text),
    ("unit_code", Text),
    ("period", Text),
    ("detail", Text),
    ("cause_item_no", Int),
    ("since", Instant),
];

const HELD_SQL: &str =
    "SELECT check_id, subject_kind, subject_code, subject_name, unit_code, period,
        detail, cause_item_no, since
    FROM held WHERE since <= :as_of ORDER BY check_id, subject_kind, subject_code";

const FETCHES: &[(&str, ColumnKind)] = &[
    ("source", Text),
    ("dataset", Text),
    ("unit_code", Text),
    ("period", Text),
    ("state", Text),
    ("code", Int),
    ("message", Text),
    ("hint", Text),
    ("url", Text),
    ("sha256", Text),
    ("since", Instant),
    ("asked_at", Instant),
    ("not_before", Instant),
    ("failures", Int),
];

impl Ledger {
    /// Every table that SQL may see, as of now or of an instant: nothing that happened later shows.
    ///
    /// One view of the ledger: no change of another process falls between two tables.
    pub fn tables(&self, at: Option<Timestamp>) -> Result<Vec<LedgerTable>, LedgerError> {
        self.tables_named(at, |_| true)
    }

    /// As [`Ledger::tables`], of those names that are `wanted`: the others are not read.
    pub fn tables_named(
        &self,
        at: Option<Timestamp>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<LedgerTable>, LedgerError> {
        type Rows = rusqlite::Result<Vec<Vec<Value>>>;
        self.read("read its tables", |conn| {
            let tx = conn.unchecked_transaction()?;
            let mut tables = Vec::new();
            let mut add = |name, columns, read: &dyn Fn() -> Rows| -> rusqlite::Result<()> {
                if wanted(name) {
                    tables.push(LedgerTable { name, columns, rows: read()? });
                }
                Ok(())
            };
            add("submissions", SUBMISSIONS, &|| submissions(&tx, at))?;
            add("findings", FINDINGS, &|| findings(&tx, at))?;
            add("coverage", COVERAGE, &|| coverage(&tx, at))?;
            add("items", ITEMS, &|| items(&tx, at))?;
            add("item_events", ITEM_EVENTS, &|| item_events(&tx, at))?;
            add("deliveries", DELIVERIES, &|| rows(&tx, DELIVERIES_SQL, at))?;
            add("reminders", REMINDERS, &|| rows(&tx, REMINDERS_SQL, at))?;
            add("editions", EDITIONS, &|| editions(&tx, at))?;
            add("snapshots", SNAPSHOTS, &|| snapshots(&tx, at))?;
            add("runs", RUNS, &|| rows(&tx, RUNS_SQL, at))?;
            add("slips", SLIPS, &|| rows(&tx, SLIPS_SQL, at))?;
            add("slip_items", SLIP_ITEMS, &|| rows(&tx, SLIP_ITEMS_SQL, at))?;
            add("judgements", JUDGEMENTS, &|| rows(&tx, JUDGEMENTS_SQL, at))?;
            add("rules", RULES, &|| rows(&tx, RULES_SQL, at))?;
            add("held", HELD, &|| rows(&tx, HELD_SQL, at))?;
            add("fetches", FETCHES, &|| fetches(&tx, at))?;
            Ok(tables)
        })
    }
}

fn submissions(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let filter = SubmissionFilter { as_of: at, ..SubmissionFilter::default() };
    let rows = submission::list(conn, &filter)?.into_iter().map(|s| {
        vec![
            json!(s.submission_id),
            json!(s.dataset),
            json!(s.reporter_code),
            json!(s.period),
            json!(s.file_name),
            json!(s.sha256),
            json!(s.door),
            json!(s.received_at),
            json!(s.decided_at),
            json!(s.state),
            json!(s.n_rows),
            json!(s.n_errors),
            json!(s.n_confirms),
            json!(s.late),
        ]
    });
    Ok(rows.collect())
}

fn findings(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = conn.prepare_cached(
        "SELECT findings.* FROM findings JOIN submissions USING (submission_id)
         WHERE decided_at <= :as_of ORDER BY submission_id, seq",
    )?;
    let rows = statement.query_map(named_params! { ":as_of": as_of(at) }, |row| {
        let id: i64 = row.get("submission_id")?;
        let seq: i64 = row.get("seq")?;
        let finding: Finding = submission::finding(row)?;
        let Finding { code, severity, place, read, expected, fix } = finding;
        let cell = place.a1();
        let Place { sheet, .. } = place;
        Ok(vec![
            json!(id),
            json!(seq),
            json!(code),
            json!(Severity::as_str(severity)),
            json!(sheet),
            json!(cell),
            json!(read),
            json!(expected),
            json!(fix),
        ])
    })?;
    rows.collect()
}

fn coverage(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let rows = submission::coverage(conn, None, at)?.into_iter().map(|c| {
        vec![
            json!(c.dataset),
            json!(c.period),
            json!(c.reporter_code),
            json!(c.unit_code),
            json!(c.submission_id),
            json!(c.state),
            json!(c.n_rows),
        ]
    });
    Ok(rows.collect())
}

fn items(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let rows = item::list(conn, at)?.into_iter().map(|i| {
        vec![
            json!(i.item_no),
            json!(i.key.check_id),
            json!(i.check_title),
            json!(i.level),
            json!(i.key.subject_kind),
            json!(i.key.subject_code),
            json!(i.subject_name),
            json!(i.unit_code),
            json!(i.state),
            json!(i.light),
            json!(i.opened_on),
            json!(i.due_on),
            json!(i.due_provisional),
            json!(i.escalation),
            json!(i.episode),
            json!(i.data_passes),
            json!(i.period),
            json!(i.observed),
            json!(i.target),
            json!(i.detail),
            json!(i.closed_on),
            json!(i.source),
            json!(i.lead),
            json!(i.responsible),
            json!(i.responsible_unit()),
            json!(i.assigned_on),
            json!(i.signed_on),
            json!(i.answered_on),
            json!(i.verified_on),
            json!(i.archived_on),
            json!(i.looked_back_on),
            json!(i.progress),
            json!(i.problem),
            json!(i.measures),
            json!(i.evidence),
            json!(i.opinion),
            json!(i.remark),
            json!(i.original_due_on),
            json!(i.asked_due_on),
            json!(i.n_slips),
            json!(i.n_extensions),
            json!(i.n_returns),
            json!(i.held_by),
            json!(i.suspended_from),
            json!(i.light_since),
            json!(i.light_changes),
            json!(i.rule_version),
        ]
    });
    Ok(rows.collect())
}

fn item_events(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let rows = item::list_events(conn, at)?.into_iter().map(|e| {
        vec![
            json!(e.item_no),
            json!(e.seq),
            json!(e.at),
            json!(e.kind),
            json!(e.from_state),
            json!(e.to_state),
            json!(e.on_date),
            json!(e.actor.role),
            json!(e.actor.unit_code),
            json!(e.actor.post),
            json!(e.reason),
            json!(e.observed),
            json!(e.rule_version),
            json!(e.run_id),
            // The deadline where it was set: an earlier episode's is not in `items` any more.
            json!(e.set.get("due_on")),
            // The light where it changed: how many stood at red on a day is told by no other column.
            json!(e.set.get("light")),
        ]
    });
    Ok(rows.collect())
}

fn editions(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let filter = EditionFilter { as_of: at, ..EditionFilter::default() };
    let rows = edition::list(conn, &filter)?.into_iter().map(|e| {
        vec![
            json!(e.edition_id),
            json!(e.report),
            json!(e.period),
            json!(e.edition_no),
            json!(e.created_at),
            json!(e.as_of),
            json!(e.supersedes),
            json!(e.scope),
        ]
    });
    Ok(rows.collect())
}

/// The current snapshots: one row a data set and period. Missing units are separated by `;`.
fn snapshots(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let current = snapshot::list(conn, None, at)?.into_iter().filter(|c| c.superseded_at.is_none());
    let rows = current.map(|c| {
        let missing: Vec<&str> = c.missing_units.iter().map(UnitCode::as_str).collect();
        vec![
            json!(c.snapshot_id),
            json!(c.dataset),
            json!(c.period),
            json!(c.cut_at),
            json!(c.n_rows),
            json!(c.n_units),
            json!(missing.join(";")),
        ]
    });
    Ok(rows.collect())
}

fn fetches(conn: &Connection, at: Option<Timestamp>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let rows = fetch::list(conn, at)?.into_iter().map(|f| {
        vec![
            json!(f.source),
            json!(f.dataset),
            json!(f.unit_code),
            json!(f.period),
            json!(f.state),
            json!(f.code),
            json!(f.message),
            json!(f.hint),
            json!(f.url),
            json!(f.sha256),
            json!(f.since),
            json!(f.asked_at),
            json!(f.not_before),
            json!(f.failures),
        ]
    });
    Ok(rows.collect())
}

/// A delivery stood where its last attempt of that day had left it.
const DELIVERIES_SQL: &str = "
    SELECT d.delivery_id, d.kind, d.edition_id, e.report, e.period, d.recipient, d.message_id,
        CASE WHEN a.attempt_no IS NULL THEN 'queued'
            WHEN a.finished_at IS NULL OR a.finished_at > :as_of THEN 'sending'
            ELSE a.state END,
        coalesce(a.attempt_no, 0),
        CASE WHEN a.finished_at <= :as_of THEN a.not_before END,
        CASE WHEN a.attempt_no IS NULL THEN d.created_at
            WHEN a.finished_at <= :as_of THEN a.finished_at
            ELSE a.started_at END,
        CASE WHEN a.finished_at <= :as_of THEN a.reply ELSE '' END
    FROM deliveries AS d
    LEFT JOIN editions AS e USING (edition_id)
    LEFT JOIN attempts AS a ON a.delivery_id = d.delivery_id AND a.attempt_no =
        (SELECT max(attempt_no) FROM attempts AS last
            WHERE last.delivery_id = d.delivery_id AND last.started_at <= :as_of)
    WHERE d.created_at <= :as_of
    ORDER BY d.delivery_id";

const REMINDERS_SQL: &str = "
    SELECT dataset, period, reporter_code, workdays, recipient, delivery_id, at
    FROM reminders WHERE at <= :as_of
    ORDER BY at, delivery_id, dataset, period, reporter_code, workdays";

const RUNS_SQL: &str = "
    SELECT run_id, period, started_at,
        CASE WHEN finished_at <= :as_of THEN finished_at END,
        CASE WHEN finished_at <= :as_of THEN state ELSE 'running' END,
        command
    FROM runs WHERE started_at <= :as_of
    ORDER BY run_id";

/// The rows of a query that holds only text and integers.
fn rows(conn: &Connection, sql: &str, at: Option<Timestamp>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = conn.prepare_cached(sql)?;
    let width = statement.column_count();
    let rows = statement.query_map(named_params! { ":as_of": as_of(at) }, |row| {
        (0..width)
            .map(|index| {
                Ok(match row.get_ref(index)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(n) => json!(n),
                    ValueRef::Real(x) => json!(x),
                    ValueRef::Text(text) | ValueRef::Blob(text) => {
                        json!(String::from_utf8_lossy(text))
                    }
                })
            })
            .collect()
    })?;
    rows.collect()
}
