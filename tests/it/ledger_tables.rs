//! The ledger as a whole: its tables for SQL, its file, and who may open it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use duban::ledger::{
    AttemptEnd, Compared, Decision, Ledger, LedgerError, NewDelivery, NewHeld, NewJudgement,
    NewJudging, NewRule, ReminderKey, Transport,
};
use duban::model::{
    FetchState, ItemChange, ItemEventKind, ItemKey, ItemState, RunState, Severity, SubmissionState,
    UnitCode,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http_ledger::answer;
use crate::ledger::{arrival, at, cut, decision, finding, ledger, run};
use crate::ledger_outbox::{change, edition, item, mail, today};

/// A ledger with a row of everything.
fn full() -> (TempDir, Ledger) {
    let (home, ledger) = ledger();
    let run_id = ledger.begin_run(&run(7), |_| true, at(0)).unwrap();
    let id = ledger.receive(&arrival("t1", "a", 0)).unwrap().id;
    let decision = Decision {
        findings: vec![finding("row.sum", Severity::Confirm)],
        ..decision(SubmissionState::AcceptedWithWarnings, &[("t1", 3)])
    };
    ledger.decide(id, &decision, at(1)).unwrap();
    ledger.record_cut(&cut("s1", id, 2)).unwrap();
    let opening = change(ItemEventKind::Opened, item(ItemState::Opened), None);
    ledger.record_judging(&judging(&ledger, &[opening]), run_id, at(3), today()).unwrap();
    slip(&ledger, 5);
    let edition =
        ledger.record_edition(&edition("meeting", "2024-09", 1, "x"), at(4)).unwrap().edition;
    let new =
        NewDelivery { edition_id: Some(edition.edition_id), ..mail("report:1", Transport::Smtp) };
    let reminder = ReminderKey {
        dataset: "enrollment".into(),
        period: "2024-09".parse().unwrap(),
        reporter_code: UnitCode::new("t2"),
        workdays: -2,
    };
    let delivery = ledger.enqueue_reminder(&new, &[reminder], at(5)).unwrap().delivery.delivery_id;
    ledger.claim_next(Transport::Smtp, &[], at(6)).unwrap();
    ledger.finish_attempt(delivery, AttemptEnd::Accepted, Some(250), "OK", at(7)).unwrap();
    ledger.note_fetch(&answer(FetchState::Absent, 8), |_| None).unwrap();
    ledger.finish_run(run_id, RunState::Done, "", at(8)).unwrap();
    (home, ledger)
}

/// A judging with one version of a rule, and one violation that the new item explains.
fn judging<'a>(ledger: &Ledger, changes: &'a [ItemChange]) -> NewJudging<'a> {
    static CHECKS: LazyLock<[NewJudgement; 1]> = LazyLock::new(|| [judgement()]);
    static HELD: LazyLock<[NewHeld; 1]> = LazyLock::new(|| [held()]);
    static RULES: LazyLock<[NewRule; 1]> = LazyLock::new(|| [rule()]);
    NewJudging {
        seen: ledger.event_no().unwrap(),
        changes,
        holding: &[],
        period: "2024-09".parse().unwrap(),
        checks: &*CHECKS,
        held: &*HELD,
        rules: &*RULES,
    }
}

fn judgement() -> NewJudgement {
    NewJudgement {
        check_id: "class_size_town".into(),
        rule_version: 1,
        n_violations: 1,
        n_judged: None,
        n_held: 1,
        inputs_sha256: "00".into(),
    }
}

fn held() -> NewHeld {
    let of = item(ItemState::Opened);
    NewHeld {
        key: ItemKey { check_id: "class_size_town".into(), ..of.key.clone() },
        subject_name: of.subject_name.into(),
        unit_code: of.unit_code,
        period: of.period,
        detail: "班额".into(),
        cause: of.key,
    }
}

fn rule() -> NewRule {
    NewRule {
        check_id: "class_size_town".into(),
        version: 1,
        sha256: "11".into(),
        content_json: "{}".into(),
        texts: BTreeMap::new(),
        what: "首次记录".into(),
        compared: Compared::First,
        effects: Vec::new(),
    }
}

/// A slip of the item, by hand: how slips come about is another test's matter.
fn slip(ledger: &Ledger, minute: i64) {
    let conn = rusqlite::Connection::open(ledger.path()).unwrap();
    conn.execute(
        "INSERT INTO slips (step, title, year, n, number, unit_code, on_date, at)
         VALUES ('urge', '催办单', 2024, 1, '催〔2024〕1号', 't1', '2024-10-08', ?1)",
        [at(minute).to_string()],
    )
    .unwrap();
    conn.execute("INSERT INTO slip_items (slip_id, item_no, episode) VALUES (1, 1, 1)", [])
        .unwrap();
}

#[test]
fn the_tables_for_sql_have_the_columns_of_the_reference() {
    let (_home, ledger) = full();
    let reference = include_str!("../../docs/definitions.md");
    let tables = ledger.tables(None).unwrap();
    assert_eq!(tables.len(), 16);
    for table in tables {
        let marker = format!("| `{}` | `", table.name);
        let line = reference.lines().find_map(|line| line.strip_prefix(&marker));
        let line = line.unwrap_or_else(|| panic!("{} is not in the reference", table.name));
        let expected: Vec<&str> = line.split('`').next().unwrap().split(", ").collect();
        let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        assert_eq!(columns, expected, "{}", table.name);
        assert_eq!(table.rows.len(), 1, "{}", table.name);
        for row in &table.rows {
            assert_eq!(row.len(), columns.len(), "{}", table.name);
        }
    }
}

#[test]
fn the_tables_for_sql_hold_what_was_recorded() {
    let (_home, ledger) = full();
    let row = |name: &str| -> Vec<Value> {
        let tables = ledger.tables(None).unwrap();
        tables.into_iter().find(|table| table.name == name).unwrap().rows.remove(0)
    };
    let sha256 = format!("{:0>64}", "a");
    assert_eq!(
        json!(row("submissions")),
        json!([
            1,
            "enrollment",
            "t1",
            "2024-09",
            "t1.xlsx",
            sha256,
            "inbox",
            "2024-10-08T00:00:00Z",
            "2024-10-08T00:01:00Z",
            "accepted_with_warnings",
            3,
            0,
            1,
            false
        ])
    );
    assert_eq!(
        json!(row("findings")),
        json!([1, 1, "row.sum", "confirm", "在园幼儿", "D14", "１２三", "整数", "请改为整数"])
    );
    assert_eq!(
        json!(row("coverage")),
        json!(["enrollment", "2024-09", "t1", "t1", 1, "accepted_with_warnings", 3])
    );
    assert_eq!(
        json!(row("items")),
        json!([
            1,
            "public_share_town",
            "公办园在园幼儿占比未达标",
            "town",
            "town",
            "t1",
            "甲镇",
            "t1",
            "opened",
            "yellow",
            "2024-10-08",
            "2024-11-05",
            false,
            0,
            1,
            false,
            "2024-09",
            0.45,
            0.5,
            "在园幼儿100人，公办45人",
            null,
            "indicator",
            "",
            "",
            "t1",
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            "",
            "",
            "",
            "",
            "",
            null,
            null,
            0,
            0,
            0,
            null,
            null,
            null,
            0,
            0
        ])
    );
    assert_eq!(
        json!(row("judgements")),
        json!([1, "class_size_town", 1, "2024-09", "2024-10-08T00:03:00Z", 1, 1, null, 1])
    );
    assert_eq!(
        json!(row("rules")),
        json!(["class_size_town", 1, "2024-10-08T00:03:00Z", "11", "首次记录"])
    );
    assert_eq!(
        json!(row("held")),
        json!([
            "class_size_town",
            "town",
            "t1",
            "甲镇",
            "t1",
            "2024-09",
            "班额",
            1,
            "2024-10-08T00:03:00Z"
        ])
    );
    assert_eq!(
        json!(row("slips")),
        json!([
            1,
            "urge",
            "催办单",
            "催〔2024〕1号",
            "t1",
            "2024-10-08",
            "2024-10-08T00:05:00Z",
            1,
            "1",
            null,
            null
        ])
    );
    assert_eq!(
        json!(row("deliveries")),
        json!([
            1,
            "return",
            1,
            "meeting",
            "2024-09",
            "town@example.cn",
            "report:1@example.cn",
            "accepted",
            1,
            null,
            "2024-10-08T00:07:00Z",
            "OK"
        ])
    );
    assert_eq!(
        json!(row("reminders")),
        json!(["enrollment", "2024-09", "t2", -2, "town@example.cn", 1, "2024-10-08T00:05:00Z"])
    );
    assert_eq!(
        json!(row("snapshots")),
        json!(["s1", "enrollment", "2024-09", "2024-10-08T00:02:00Z", 3, 1, "t2;t3"])
    );
    assert_eq!(
        json!(row("runs")),
        json!([
            1,
            "2024-09",
            "2024-10-08T00:00:00Z",
            "2024-10-08T00:08:00Z",
            "done",
            "run --period 2024-09"
        ])
    );
}

#[test]
fn the_tables_of_an_as_of_are_those_of_a_ledger_that_ended_there() {
    let (_home, ledger) = full();
    let n_rows = |minute| -> Vec<usize> {
        ledger.tables(Some(at(minute))).unwrap().iter().map(|table| table.rows.len()).collect()
    };
    // submissions, findings, coverage, items, item_events, deliveries, reminders, editions, snapshots, runs,
    // slips, slip_items, judgements, rules, held, fetches
    assert_eq!(n_rows(-1), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(n_rows(0), [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(n_rows(1), [1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(n_rows(3), [1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0]);
    assert_eq!(n_rows(5), [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
    assert_eq!(n_rows(8), [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    let state_of = |name: &str, column: usize, minute| -> Value {
        let tables = ledger.tables(Some(at(minute))).unwrap();
        tables.iter().find(|table| table.name == name).unwrap().rows[0][column].clone()
    };
    assert_eq!(state_of("deliveries", 7, 5), "queued");
    assert_eq!(state_of("deliveries", 7, 6), "sending");
    assert_eq!(state_of("deliveries", 7, 7), "accepted");
    assert_eq!(state_of("runs", 4, 7), "running");
    assert_eq!(state_of("submissions", 9, 0), "received");
}

#[test]
fn every_change_moves_the_event_number_and_reopening_changes_nothing() {
    let (home, ledger) = full();
    let tables = ledger.tables(None).unwrap();
    let event_no = ledger.event_no().unwrap();
    assert_eq!(ledger.last_event_at().unwrap(), Some(at(8)));
    let path = ledger.path().to_owned();
    drop(ledger);
    let again = Ledger::open(&path).unwrap();
    assert_eq!(again.tables(None).unwrap(), tables);
    assert_eq!(again.event_no().unwrap(), event_no);
    // A copy made by SQLite itself says the same.
    let copy = home.path().join("copy.sqlite");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    assert_eq!(Ledger::open(&copy).unwrap().tables(None).unwrap(), tables);
    again.receive(&arrival("t9", "z", 9)).unwrap();
    assert_eq!(again.event_no().unwrap(), event_no + 1);
}

#[test]
fn a_ledger_of_a_newer_program_is_refused() {
    let (_home, ledger) = ledger();
    let path = ledger.path().to_owned();
    drop(ledger);
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    for opened in [Ledger::open(&path), Ledger::open_read_only(&path)] {
        let error = opened.unwrap_err();
        assert!(matches!(error, LedgerError::Newer { found: 99, .. }), "{error}");
        assert!(error.to_string().ends_with("use the newer program"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_ledger_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.sqlite");
    fs_err::write(&path, "this is a text that is certainly no database\n".repeat(50)).unwrap();
    let before = fs_err::read(&path).unwrap();
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Open { .. })));
    assert_eq!(fs_err::read(&path).unwrap(), before);
}

#[test]
fn a_ledger_opened_for_reading_cannot_be_changed() {
    let (_home, ledger) = full();
    let reader = Ledger::open_read_only(ledger.path()).unwrap();
    assert_eq!(reader.tables(None).unwrap(), ledger.tables(None).unwrap());
    assert!(reader.receive(&arrival("t9", "z", 9)).is_err());
    let nowhere = ledger.path().with_file_name("nowhere.sqlite");
    assert!(Ledger::open_read_only(&nowhere).is_err());
    assert!(!nowhere.exists(), "reading creates nothing");
    fs_err::write(&nowhere, "").unwrap();
    let error = Ledger::open_read_only(&nowhere).unwrap_err();
    assert!(matches!(error, LedgerError::Older { found: 0, .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn the_ledger_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (home, _ledger) = full();
    for entry in fs_err::read_dir(home.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn two_processes_that_receive_the_same_file_at_once_record_it_once() {
    let (_home, ledger) = ledger();
    let other = Ledger::open(ledger.path()).unwrap();
    let new = arrival("t1", "a", 0);
    let (a, b) = std::thread::scope(|scope| {
        let a = scope.spawn(|| ledger.receive(&new).unwrap());
        let b = scope.spawn(|| other.receive(&new).unwrap());
        (a.join().unwrap(), b.join().unwrap())
    });
    assert_eq!(a.id, b.id);
    assert_ne!(a.already, b.already);
}
