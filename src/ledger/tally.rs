//! Counts over the whole ledger, for gauges: each by one short query, none of them reads a blob.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::Connection;

use super::value::get_opt;
use super::{Ledger, LedgerError};

/// Upper bounds, in seconds, of the classes that runs are counted in by how long they took; what
/// took longer is in the last class, without a bound.
pub const RUN_SECONDS: [u32; 10] = [1, 2, 5, 10, 30, 60, 120, 300, 900, 3600];

/// How many rows there are, by one or two words of theirs.
pub type Counts<const N: usize> = Vec<([String; N], u64)>;

/// What there is of each thing in the ledger.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// By data set and state.
    pub submissions: Counts<2>,
    /// By severity.
    pub findings: Counts<1>,
    /// Due times by schedule and state: one row may stand for many that were missed at once.
    pub slots: Counts<2>,
    /// When the newest done slot of each schedule ended.
    pub last_done: Vec<(String, Timestamp)>,
    /// By how they ended.
    pub runs: Vec<RunTimes>,
    /// What came of asking for a file the last time, by source and state.
    pub fetches: Counts<2>,
    /// By state.
    pub deliveries: Counts<1>,
    /// Open items by light.
    pub items: Counts<1>,
    /// Open items past their due date.
    pub n_overdue: u64,
    pub n_editions: u64,
}

/// How long runs took that ended in the same way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunTimes {
    pub state: String,
    pub n: u64,
    pub seconds: u64,
    /// How many took at most as long as [`RUN_SECONDS`] says and longer than the class before; the
    /// last class has no bound.
    pub classes: [u64; RUN_SECONDS.len() + 1],
}

impl Ledger {
    /// Counts as they stand now; items are overdue after `today`.
    pub fn tally(&self, today: Date) -> Result<Tally, LedgerError> {
        self.read("count what it holds", |conn| {
            let open = "state NOT IN ('closed', 'archived', 'withdrawn')";
            let overdue = format!(
                "SELECT count(*) FROM items WHERE {open} AND json_extract(item_json, '$.due_on') < '{today}'"
            );
            Ok(Tally {
                submissions: counts(
                    conn,
                    "SELECT dataset, CASE WHEN decided_at IS NULL THEN 'received'
                        WHEN superseded_at IS NOT NULL THEN 'superseded' ELSE decision END, count(*)
                     FROM submissions GROUP BY 1, 2",
                )?,
                findings: counts(conn, "SELECT severity, count(*) FROM findings GROUP BY 1")?,
                slots: counts(conn, "SELECT schedule, state, sum(n) FROM slots GROUP BY 1, 2")?,
                last_done: last_done(conn)?,
                runs: run_times(conn)?,
                fetches: counts(
                    conn,
                    "SELECT source, state, count(*) FROM fetches WHERE fetch_id IN (
                        SELECT max(fetch_id) FROM fetches
                        GROUP BY source, dataset, unit_code, period)
                     GROUP BY 1, 2",
                )?,
                deliveries: counts(conn, "SELECT state, count(*) FROM deliveries GROUP BY 1")?,
                items: counts(
                    conn,
                    &format!(
                        "SELECT json_extract(item_json, '$.light'), count(*) FROM items
                         WHERE {open} GROUP BY 1"
                    ),
                )?,
                n_overdue: one(conn, &overdue)?,
                n_editions: one(conn, "SELECT count(*) FROM editions")?,
            })
        })
    }
}

/// Rows of `N` words and a count.
fn counts<const N: usize>(conn: &Connection, sql: &str) -> rusqlite::Result<Counts<N>> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let mut words = [const { String::new() }; N];
        for (i, word) in words.iter_mut().enumerate() {
            *word = row.get(i)?;
        }
        Ok((words, row.get::<_, i64>(N)?.unsigned_abs()))
    })?;
    rows.collect()
}

fn one(conn: &Connection, sql: &str) -> rusqlite::Result<u64> {
    conn.prepare_cached(sql)?.query_row([], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
}

fn last_done(conn: &Connection) -> rusqlite::Result<Vec<(String, Timestamp)>> {
    let mut statement = conn.prepare_cached(
        "SELECT schedule, max(finished_at) AS at FROM slots WHERE state = 'done' GROUP BY 1",
    )?;
    let rows = statement
        .query_map([], |row| Ok((row.get("schedule")?, get_opt::<Timestamp>(row, "at")?)))?;
    rows.filter_map(|row| row.map(|(name, at)| at.map(|at| (name, at))).transpose()).collect()
}

fn run_times(conn: &Connection) -> rusqlite::Result<Vec<RunTimes>> {
    let mut statement = conn.prepare_cached(
        "SELECT state, unixepoch(finished_at) - unixepoch(started_at) AS seconds, count(*) AS n
         FROM runs WHERE finished_at IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>("state")?, row.get::<_, i64>("seconds")?, row.get::<_, i64>("n")?))
    })?;
    let mut times: Vec<RunTimes> = Vec::new();
    for row in rows {
        let (state, seconds, n) = row?;
        // A clock that was set back makes a run of no time.
        let (seconds, n) = (u64::try_from(seconds).unwrap_or(0), n.unsigned_abs());
        if times.last().is_none_or(|last| last.state != state) {
            times.push(RunTimes { state, ..RunTimes::default() });
        }
        if let Some(of_state) = times.last_mut() {
            let class = RUN_SECONDS.iter().position(|bound| seconds <= u64::from(*bound));
            of_state.classes[class.unwrap_or(RUN_SECONDS.len())] += n;
            of_state.seconds += seconds * n;
            of_state.n += n;
        }
    }
    Ok(times)
}
