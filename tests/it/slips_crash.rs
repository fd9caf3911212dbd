//! Escalation and digest killed by SIGKILL at every named point: the next run ends in the state of an
//! undisturbed one.

use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use duban::durable::sha256_hex;
use duban::pipeline::Silent;
use serde_json::{Value, json};

use crate::collection_support::{at, open};
use crate::home::{Home, files};
use crate::slips_support::judged_home;

/// A home on the morning of 2024-09-29, when three papers are due and three reminders went out before.
static WAITING: LazyLock<Home> = LazyLock::new(|| {
    let home = judged_home();
    for day in ["2024-09-20", "2024-09-25"] {
        open(&home, &format!("{day} 08:20")).escalate(&Silent).unwrap();
    }
    home
});

fn waiting_home() -> Home {
    Home::copy_of(&WAITING.root)
}

/// Items, events, slips, mails and files, without what a further run leaves of itself.
fn state(home: &Home) -> Value {
    let tables = [
        "SELECT * FROM items ORDER BY item_no",
        "SELECT item_no, seq, at, kind, from_state, to_state, on_date, role, reason FROM item_events ORDER BY item_no, seq",
        "SELECT * FROM slips ORDER BY slip_id",
        "SELECT * FROM slip_items ORDER BY slip_id, item_no",
        "SELECT delivery_id, kind, recipient, message_id, state FROM deliveries ORDER BY delivery_id",
    ];
    let mut state: Vec<Value> = tables.iter().map(|sql| json!(home.query(sql))).collect();
    for (folder, extension) in [("data/slips", "pdf"), ("data/mail", "eml")] {
        let found = files(&home.root.join(folder), extension);
        let hashes = found.iter().map(|path| {
            json!([
                path.file_name().unwrap().to_string_lossy(),
                sha256_hex(&fs_err::read(path).unwrap())
            ])
        });
        state.push(Value::Array(hashes.collect()));
    }
    Value::Array(state)
}

fn kill_at(home: &Home, command: &[&str], point: &str) {
    let marker = home.root.join("data/standing-still");
    let mut child = home
        .command(command)
        .env("DUBAN_STOP_AT", point)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !marker.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before {point}");
        assert!(begun.elapsed() < Duration::from_mins(2), "never came to {point}");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fs_err::remove_file(marker).unwrap();
}

#[test]
fn an_escalation_killed_at_any_point_ends_as_an_undisturbed_one() {
    let as_of = at("2024-09-29 08:20").to_string();
    let command = ["--as-of", as_of.as_str(), "escalate"];
    let undisturbed = waiting_home();
    undisturbed.ok(&command);
    let wanted = state(&undisturbed);
    assert_eq!(wanted[2].as_array().unwrap().len(), 3 + 3 + 3, "slips");
    assert_eq!(wanted[5].as_array().unwrap().len(), 3 + 3, "papers");
    assert_eq!(wanted[6].as_array().unwrap().len(), 3 + 3 + 3, "mails");
    for point in [
        "slip:begin",
        "slip:work",
        "slip:end",
        "escalate:begin",
        "escalate:work",
        "escalate:end",
        "deliver:begin",
        "deliver:work",
        "deliver:end",
    ] {
        let home = waiting_home();
        kill_at(&home, &command, point);
        home.ok(&command);
        // Killed after everything was stored, nothing is due: the mails wait for any run.
        open(&home, "2024-09-29 08:20").deliver_due(&Silent).unwrap();
        assert_eq!(state(&home), wanted, "killed at {point}");
    }
}

#[test]
fn papers_of_a_killed_run_that_are_not_due_any_more_are_removed() {
    let as_of = at("2024-09-29 08:20").to_string();
    let home = waiting_home();
    kill_at(&home, &["--as-of", &as_of, "escalate"], "slip:end");
    let folder = home.root.join("data/slips/2024-09-29");
    assert_eq!(files(&folder, "pdf").len(), 3, "on disk, and not in the ledger");
    // Meanwhile a clerk answers: no slip is due over that item.
    crate::slips_support::answer(&home, "2024-09-29 08:30", "t1");
    let outcome = open(&home, "2024-09-29 08:40").escalate(&Silent).unwrap();
    let made: Vec<&str> = outcome.slips.iter().map(|slip| slip.number.as_str()).collect();
    assert_eq!(made, ["催〔2024〕1号", "催〔2024〕2号"], "the numbers have no gap");
    let left: Vec<String> = files(&folder, "pdf")
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(left, ["urge-t2.pdf", "urge-t3.pdf"]);
}

#[test]
fn a_digest_killed_at_any_point_is_mailed_once() {
    let as_of = at("2024-09-29 08:40").to_string();
    let command = ["--as-of", as_of.as_str(), "digest"];
    let prepared = || {
        let home = waiting_home();
        home.replace(
            "config/contacts.csv",
            "d,supervisor,督查岗,（示例）,eye@district.example,\n",
            "d,supervisor,督查岗,（示例）,eye@district.example,\nd,supervisor,督查副岗,（示例）,eye2@district.example,\n",
        );
        home
    };
    let undisturbed = prepared();
    undisturbed.ok(&command);
    let wanted = state(&undisturbed);
    assert_eq!(wanted[6].as_array().unwrap().len(), 6 + 2, "mails");
    for point in ["digest:begin", "digest:work", "digest:end", "deliver:begin", "deliver:work"] {
        let home = prepared();
        kill_at(&home, &command, point);
        home.ok(&command);
        open(&home, "2024-09-29 08:40").deliver_due(&Silent).unwrap();
        assert_eq!(state(&home), wanted, "killed at {point}");
    }
}
