//! Before a report goes out: previews, test mails, approval; and what hands do to mails.

use std::process::Output;

use serde_json::Value;

use crate::burst_home::{FIRST, LATER, contents, drop_form, editions, home, mails, run, sheet};
use crate::home::Home;
use crate::small::TOWNS;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn refused(home: &Home, args: &[&str]) -> String {
    let output = home.duban(&[&["--as-of", LATER], args].concat());
    assert!(!output.status.success(), "{args:?} was not refused");
    said(&output)
}

fn ok(home: &Home, args: &[&str]) -> String {
    home.ok(&[&["--as-of", LATER], args].concat())
}

fn states(home: &Home) -> Vec<String> {
    mails(home).iter().map(|mail| mail["state"].as_str().unwrap().to_owned()).collect()
}

fn raw(home: &Home, mail: &Value) -> String {
    home.ok(&["mail", "show", "--raw", &mail["id"].to_string()])
}

fn subject(home: &Home, mail: &Value) -> String {
    let raw = raw(home, mail);
    let message = mail_parser::MessageParser::default().parse(raw.as_bytes()).unwrap();
    message.subject().unwrap().to_owned()
}

fn with_approval() -> Home {
    let home = home(&sheet("approval = [\"secretariat\"]", "\"html\""));
    run(&home, FIRST, &["--send"]);
    home
}

#[test]
fn an_edition_waits_for_its_approval_and_a_role_that_may_not_is_refused() {
    let home = with_approval();
    assert_eq!(states(&home), ["held", "held"]);
    let words = refused(&home, &["report", "approve", "1", "--role", "town", "--by", "示例甲"]);
    assert!(words.contains("`town` may not approve") && words.contains("secretariat"), "{words}");
    let words = refused(&home, &["mail", "release", "1", "--reason", "急"]);
    assert!(words.contains("waits for the approval of edition 1"), "{words}");
    assert_eq!(states(&home), ["held", "held"]);

    let args =
        ["report", "approve", "1", "--role", "secretariat", "--by", "示例乙", "--note", "可发"];
    ok(&home, &args);
    assert_eq!(states(&home), ["accepted", "held"], "the other town's sheet is another edition");
    assert!(refused(&home, &args).contains("was approved already by 示例乙"));
    assert_eq!(editions(&home)[0]["approved_by"], "示例乙 (secretariat)");
    let ledger = rusqlite::Connection::open(home.root.join("data/ledger.sqlite")).unwrap();
    let event: String = ledger
        .query_row("SELECT detail_json FROM events WHERE kind = 'edition_approved'", [], |row| {
            row.get(0)
        })
        .unwrap();
    for word in ["示例乙", "可发", "\"n_released\":1"] {
        assert!(event.contains(word), "{event}");
    }
}

#[test]
fn a_correction_takes_the_place_of_what_was_not_approved() {
    let home = with_approval();
    drop_form(&home, TOWNS[0], 11_111);
    run(&home, LATER, &["--send"]);
    let all = mails(&home);
    assert_eq!(all[0]["state"], "cancelled");
    assert_eq!(all.last().unwrap()["state"], "held");
    let words =
        refused(&home, &["report", "approve", "1", "--role", "secretariat", "--by", "示例"]);
    assert!(words.contains("was corrected by"), "{words}");
}

#[test]
fn a_report_without_approval_goes_at_once_and_cannot_be_approved() {
    let home = home(&sheet("", "\"html\""));
    run(&home, FIRST, &["--send"]);
    assert_eq!(states(&home), ["accepted", "accepted"]);
    let words =
        refused(&home, &["report", "approve", "1", "--role", "secretariat", "--by", "示例"]);
    assert!(words.contains("needs no approval"), "{words}");
}

#[test]
fn a_preview_makes_files_and_no_row_and_says_that_it_has_no_number() {
    let home = home(&sheet("", "\"html\", \"xlsx\""));
    run(&home, FIRST, &[]);
    let before = home.count("SELECT count(*) FROM editions");
    let events = || {
        let ledger = rusqlite::Connection::open(home.root.join("data/ledger.sqlite")).unwrap();
        let n: i64 = ledger.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
        n
    };
    let recorded = events();
    let out = home.root.join("preview");
    let to = out.display().to_string();
    let args = ["report", "preview", "town_sheet", "--period", "2024-09", "--to", &to];
    assert!(refused(&home, &args).contains("name one with --unit"));
    ok(&home, &[&args[..], &["--unit", "乙水镇"]].concat());
    let names: Vec<String> = contents(&out).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("乙水镇")), "{names:?}");
    assert_eq!((home.count("SELECT count(*) FROM editions"), events()), (before, recorded));

    let args = ["report", "preview", "town_sheet", "--period", "2024-09", "--unit", TOWNS[1]];
    let outside = refused(&home, &[&args[..], &["--test-send", "me@elsewhere.example"]].concat());
    assert!(outside.contains("outside mail.allowed_domains"), "{outside}");
    ok(&home, &[&args[..], &["--test-send", "me@wuqing.example"]].concat());
    let all = mails(&home);
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0]["kind"], &all[0]["state"]), (&"test".into(), &"accepted".into()));
    assert_eq!(subject(&home, &all[0]), "【测试】乙水镇第预览期（更正第1期）");
    // It does not count: the edition still goes to everybody.
    ok(&home, &["report", "send", "town_sheet"]);
    assert_eq!(mails(&home).len(), 3);
    ok(&home, &["report", "send", "town_sheet"]);
    assert_eq!(mails(&home).len(), 3, "and only once");
}

#[test]
fn mails_are_held_released_and_cancelled_with_who_and_why() {
    let home = with_approval();
    let cancel = ["mail", "cancel", "1", "--reason", "发错了", "--by", "示例丙"];
    ok(&home, &cancel);
    assert_eq!(states(&home), ["cancelled", "held"]);
    assert!(refused(&home, &cancel).contains("is cancelled: it cannot be cancelled"));
    ok(&home, &["report", "approve", "1", "--role", "secretariat", "--by", "示例"]);
    assert_eq!(states(&home)[0], "cancelled", "an approval does not bring it back");
    let shown = home.ok(&["mail", "show", "1"]);
    assert!(shown.contains("发错了") && shown.contains("示例丙"), "{shown}");

    // A mail that is queued and not sent: its address's own folder is in the way.
    ok(&home, &["mail", "resend", "1", "--reason", "还是要发", "--by", "示例丙"]);
    let all = mails(&home);
    let again = all.last().unwrap();
    assert_eq!(again["state"], "accepted");
    assert_eq!(subject(&home, again), "【重发】甲山镇第1期");
    let (old, new) = (raw(&home, &all[0]), raw(&home, again));
    let id = |raw: &str| {
        let message = mail_parser::MessageParser::default().parse(raw.as_bytes()).unwrap();
        message.message_id().unwrap().to_owned()
    };
    assert_ne!(id(&old), id(&new));
    assert!(new.contains(&format!("X-Duban-Resend-Of: <{}>", id(&old))), "{new}");
    let body = |raw: &str| raw.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(body(&old), body(&new), "what it says is not touched");
    assert!(
        refused(&home, &["mail", "resend", "2", "--reason", "x"]).contains("cannot be sent again")
    );
    let filtered: Vec<Value> = serde_json::from_str(&home.ok(&[
        "mail",
        "list",
        "--edition",
        "1",
        "--state",
        "accepted",
        "--recipient",
        "town0@wuqing.example",
        "--report",
        "town_sheet",
        "--format",
        "json",
    ]))
    .unwrap();
    assert_eq!(filtered.len(), 1);
    assert_eq!(filtered[0]["id"], again["id"]);
}
