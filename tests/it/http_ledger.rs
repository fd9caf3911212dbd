//! What the ledger keeps of asking, and how a ledger of before learns it.

use duban::ledger::{Door, Ledger, LedgerError, NewFetch};
use duban::model::{FetchState, Period, UnitCode};

use crate::ledger::{at, ledger};

pub(crate) fn answer(state: FetchState, minute: i64) -> NewFetch {
    NewFetch {
        source: "web".into(),
        dataset: "counts".into(),
        unit_code: UnitCode::new("t1"),
        period: "2024-09".parse::<Period>().unwrap(),
        url: "https://data.example/t1".into(),
        state,
        code: None,
        message: if state.is_well() { String::new() } else { "down".into() },
        hint: String::new(),
        etag: None,
        last_modified: None,
        sha256: None,
        asked_at: at(minute),
        not_before: None,
    }
}

fn note(ledger: &Ledger, new: &NewFetch) -> (bool, u64) {
    let hour = |failures: u64| {
        Some(new.asked_at + jiff::SignedDuration::from_mins(10 * i64::try_from(failures).unwrap()))
    };
    let noted = ledger.note_fetch(new, hour).unwrap();
    (noted.changed, noted.failures)
}

#[test]
fn an_answer_is_kept_since_when_it_stands_and_as_it_was_known_then() {
    let (_home, ledger) = ledger();
    let taken = NewFetch {
        etag: Some("\"1\"".into()),
        sha256: Some("aa".into()),
        ..answer(FetchState::Taken, 0)
    };
    assert_eq!(note(&ledger, &taken), (true, 0));
    assert_eq!(note(&ledger, &answer(FetchState::Slow, 10)), (true, 1));
    let event_no = ledger.event_no().unwrap();
    assert_eq!(note(&ledger, &answer(FetchState::Slow, 20)), (false, 2));
    assert_eq!(ledger.event_no().unwrap(), event_no, "the same answer is no news");
    assert_eq!(note(&ledger, &answer(FetchState::Unavailable, 30)), (true, 3));
    let now = &ledger.fetches(None).unwrap()[0];
    assert_eq!((now.state, now.since, now.failures), (FetchState::Unavailable, at(30), 3));
    // What is held is still held.
    assert_eq!((now.etag.as_deref(), now.sha256.as_deref()), (Some("\"1\""), Some("aa")));
    let then = &ledger.fetches(Some(at(25))).unwrap()[0];
    assert_eq!((then.state, then.since, then.asked_at), (FetchState::Slow, at(10), at(20)));
    let then = &ledger.fetches(Some(at(15))).unwrap()[0];
    assert_eq!((then.state, then.asked_at, then.not_before), (FetchState::Slow, at(10), None));
    assert_eq!(ledger.fetches(Some(at(5))).unwrap()[0].state, FetchState::Taken);
    let before = "2024-10-07T00:00:00Z".parse().unwrap();
    assert_eq!(ledger.fetches(Some(before)).unwrap(), []);
}

#[test]
fn what_could_not_be_had_is_due_when_its_time_has_come() {
    let (_home, ledger) = ledger();
    note(&ledger, &answer(FetchState::Slow, 0));
    let due = |minute| ledger.fetches_due(at(minute)).unwrap().len();
    assert_eq!((due(9), due(10)), (0, 1));
    let named = NewFetch { not_before: Some(at(100)), ..answer(FetchState::Throttled, 10) };
    note(&ledger, &named);
    assert_eq!((due(99), due(100)), (0, 1));
    note(&ledger, &answer(FetchState::Absent, 100));
    assert_eq!((due(10_000), ledger.fetches(None).unwrap()[0].failures), (0, 0));
}

#[test]
fn new_bytes_are_news_and_the_same_bytes_are_not() {
    let (_home, ledger) = ledger();
    let taken = |sha256: &str, minute| NewFetch {
        sha256: Some(sha256.into()),
        ..answer(FetchState::Taken, minute)
    };
    assert_eq!(note(&ledger, &taken("aa", 0)), (true, 0));
    assert_eq!(note(&ledger, &taken("bb", 1)), (true, 0));
    assert_eq!(note(&ledger, &answer(FetchState::Unchanged, 2)), (true, 0));
    assert_eq!(note(&ledger, &answer(FetchState::Unchanged, 3)), (false, 0));
    assert_eq!(ledger.fetches(None).unwrap()[0].sha256.as_deref(), Some("bb"));
}

/// A ledger as the program before this one left it: a submission with findings, units and a snapshot.
fn of_before(broken: bool) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch(include_str!("../../src/ledger/migrations/001_begin.sql")).unwrap();
    conn.execute_batch(
        "INSERT INTO submissions VALUES (3, 'counts', 't1', '2024-09', 'aa', 'a.csv', 9, 'inbox',
            '2024-10-08T00:00:00Z', 0, '2024-10-08T00:00:01Z', 'accepted', 'whole', 1, 'c1', NULL, 0, NULL);
         INSERT INTO submissions VALUES (7, 'counts', 't2', '2024-09', 'bb', 'b.csv', 9, 'command',
            '2024-10-08T00:01:00Z', 1, '2024-10-08T00:01:01Z', 'returned', 'units', 0, 'c1', 'x', 1, NULL);
         INSERT INTO submission_units VALUES (3, 't1', 1);
         INSERT INTO findings VALUES (7, 0, 'row.sum', 'error', 's', 1, 2, 'r', 'e', 'f');
         INSERT INTO cuts VALUES (1, 'counts', '2024-09', 's1', 1, 'c1', 'p', 1, '[]', '2024-10-08T00:02:00Z', NULL);
         INSERT INTO cut_inputs VALUES (1, 3, 't1');
         PRAGMA user_version = 1;",
    )
    .unwrap();
    if broken {
        conn.execute_batch(
            "PRAGMA foreign_keys = off; INSERT INTO cut_inputs VALUES (1, 99, 't9');",
        )
        .unwrap();
    }
    (folder, path)
}

#[test]
fn a_ledger_of_before_keeps_its_rows_and_their_references() {
    let (_folder, path) = of_before(false);
    let ledger = Ledger::open(&path).unwrap();
    let submissions = ledger.submissions(&duban::ledger::SubmissionFilter::default()).unwrap();
    let kept: Vec<_> = submissions
        .iter()
        .map(|s| (s.submission_id.0, s.file_name.as_str(), s.door, s.late, s.identity))
        .collect();
    assert_eq!(
        kept,
        [(3, "a.csv", Door::Inbox, false, false), (7, "b.csv", Door::Command, true, true)]
    );
    assert_eq!(ledger.findings(submissions[1].submission_id).unwrap().len(), 1);
    assert_eq!(ledger.coverage(None).unwrap().len(), 1);
    drop(ledger);
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "foreign_keys", true).unwrap();
    // The references are of the table that took the old one's place, and still hold.
    let orphan = conn.execute("INSERT INTO submission_units VALUES (99, 't9', 1)", []);
    assert!(orphan.unwrap_err().to_string().contains("FOREIGN KEY"));
    let used = conn.execute("DELETE FROM submissions WHERE submission_id = 3", []);
    assert!(used.unwrap_err().to_string().contains("FOREIGN KEY"));
    let sql: String = conn
        .query_row(
            "SELECT group_concat(sql) FROM sqlite_schema WHERE sql LIKE '%REFERENCES%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(!sql.contains("submissions_new"), "{sql}");
    // A number that was given is not given again.
    conn.execute(
        "INSERT INTO submissions (dataset, reporter_code, period, sha256, file_name, size, door,
            received_at, late) VALUES ('counts', 't3', '2024-09', 'cc', 'c.csv', 1, 'http', '2024-10-09T00:00:00Z', 0)",
        [],
    )
    .unwrap();
    assert_eq!(conn.last_insert_rowid(), 8);
}

#[test]
fn a_ledger_with_broken_references_is_left_as_it_was() {
    let (_folder, path) = of_before(true);
    let error = Ledger::open(&path).unwrap_err();
    assert!(
        matches!(&error, LedgerError::BrokenReferences { table, n_rows: 1, version: 2, .. } if table == "cut_inputs"),
        "{error:?}"
    );
    assert!(error.to_string().contains("it was left as it was"), "{error}");
    let conn = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
}
