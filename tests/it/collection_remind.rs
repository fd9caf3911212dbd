//! Reminders: who is mailed when, once. Of 2024-09 the form is due on Saturday 2024-10-12 (worked); its
//! reminders are of 10, 14 and 16 October.

use std::process::Stdio;
use std::time::{Duration, Instant};

use duban::pipeline::{ReminderPlan, Silent};
use serde_json::Value;

use crate::collection_support::{at, form, mails, open, remind, send, small_home, unit};
use crate::home::{Home, files};
use crate::tools::{python_with, repository};

const ALL: [&str; 4] =
    ["b@district.example", "t1@district.example", "t2@district.example", "t3@district.example"];

/// A home that has lived since 8 October: what falls due later is its own.
fn living() -> Home {
    let home = small_home();
    open(&home, "2024-10-08 09:00").collect_only(&Silent).unwrap();
    home
}

fn plan(home: &Home, when: &str) -> ReminderPlan {
    open(home, when).reminders_due().unwrap()
}

/// The plain text of the newest mail to an address.
fn text_to(home: &Home, when: &str, recipient: &str) -> String {
    let all = mails(home, when);
    let newest = all.iter().rfind(|mail| mail.recipient == recipient).unwrap();
    let bytes = open(home, when).ledger().delivery_bytes(newest.delivery_id).unwrap();
    let path = home.root.join("mail.eml");
    fs_err::write(&path, bytes).unwrap();
    let script = "
import email, email.policy, sys
message = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)
assert not message.defects, message.defects
print(message['Subject']); print(message.get_body(('plain',)).get_content())
";
    let mut python = python_with("email", "reminders").expect("a Python");
    let output = python.args(["-c", script]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_is_reminded_on_its_days_once_and_who_has_reported_never() {
    let home = living();
    assert!(remind(&home, "2024-10-09 09:00").is_empty(), "the day before the first reminder");
    // Two working days before the due date.
    assert_eq!(remind(&home, "2024-10-10 09:00"), ALL);
    assert!(remind(&home, "2024-10-10 15:00").is_empty(), "again on the same day");
    assert!(remind(&home, "2024-10-11 09:00").is_empty(), "the day after");
    send(&home, "2024-10-11 10:00", "t1", "classes", "2024-09", &form("K1,,12\n"));
    send(&home, "2024-10-11 11:00", "t2", "classes", "2024-09", &form("无,,\n"));
    send(&home, "2024-10-11 12:00", "t3", "classes", "2024-09", &form("K3,,many\n"));
    assert!(remind(&home, "2024-10-12 09:00").is_empty(), "the due date itself");
    assert!(remind(&home, "2024-10-13 09:00").is_empty(), "a Sunday");
    assert_eq!(remind(&home, "2024-10-14 09:00"), [ALL[0], ALL[3]]);
    send(&home, "2024-10-15 09:00", "t3", "classes", "2024-09", &form("K3,,7\n"));
    assert_eq!(remind(&home, "2024-10-16 09:00"), [ALL[0]]);
    send(&home, "2024-10-16 10:00", "b", "classes", "2024-09", &form("K9,丙街道,7\n"));
    for day in ["2024-10-17 09:00", "2024-10-18 09:00", "2024-10-21 09:00"] {
        assert!(remind(&home, day).is_empty(), "everything is reported: {day}");
    }
    let sent = mails(&home, "2024-10-22 09:00");
    assert_eq!(sent.len(), 4 + 2 + 1);
    assert!(sent.iter().all(|mail| mail.kind == "reminder" && mail.edition_id.is_none()));
    assert_eq!(sent[0].dedupe_key, "reminder:b@district.example:2024-10-10");
    assert_eq!(files(&home.root.join("data/mail"), "eml").len(), 7, "each delivered once");
}

#[test]
fn a_mail_says_what_is_owed_by_when_and_what_to_do() {
    let home = living();
    send(&home, "2024-10-09 09:00", "t3", "classes", "2024-09", &form("K3,,many\nK4,,-1\n"));
    remind(&home, "2024-10-10 09:00");
    let said = text_to(&home, "2024-10-10 10:00", "t1@district.example");
    for part in [
        "1张报表待报送",
        "甲镇：",
        "《班级月报表》2024年9月",
        "2024年10月12日，还有2个工作日",
        "尚未收到",
        "第一行写“无”",
        "编号：classes/2024-09/t1",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    for line in ["报送时限", "目前情况", "请办理", "编号"] {
        let is_line = |text: &str| text.trim_start().starts_with(&format!("- {line}："));
        assert!(said.lines().any(is_line), "{line} begins a line:\n{said}");
    }
    assert!(!said.contains("乙镇") && !said.contains("丙街道"), "no other town's matters:\n{said}");
    let said = text_to(&home, "2024-10-10 10:00", "t3@district.example");
    for part in ["已退回，须更正2处", "classes-t3-2024-09.csv", "C2：读到“many”", "C3"]
    {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    remind(&home, "2024-10-14 09:00");
    let said = text_to(&home, "2024-10-14 10:00", "t1@district.example");
    assert!(said.contains("已逾期1个工作日"), "{said}");
}

#[test]
fn a_reminder_parses_in_pythons_email_and_has_both_bodies() {
    let Some(mut python) = python_with("email", "a_reminder_parses_in_pythons_email") else {
        return;
    };
    let home = living();
    remind(&home, "2024-10-10 09:00");
    let all = files(&home.root.join("data/mail"), "eml");
    assert_eq!(all.len(), 4);
    let output =
        python.arg(repository().join("tests/tools/read_mail.py")).arg(&all[0]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mail: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(mail["defects"], Value::Array(Vec::new()));
    assert_eq!(mail["subject"], "【报表催报】1张报表待报送（2024年10月10日）");
    assert_eq!(mail["from"][0]["address"], "duban@district.example");
    assert_eq!(mail["to"].as_array().unwrap().len(), 1, "one recipient a mail");
    let kinds: Vec<&str> = mail["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["content_type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["multipart/alternative", "text/plain", "text/html"]);
    for part in &mail["parts"].as_array().unwrap()[1..] {
        assert!(part["text"].as_str().unwrap().contains("《班级月报表》2024年9月"), "{part}");
    }
}

#[test]
fn a_machine_that_was_down_makes_up_for_three_working_days_and_no_more() {
    // Down on the 10th and 11th; Saturday the 12th is worked, two working days after the 10th.
    let home = living();
    assert_eq!(remind(&home, "2024-10-12 09:00"), ALL);
    // Down until the 15th: three working days after the 10th (11, 12, 14) is the 14th, so the first
    // reminder is over; the second, of the 14th, is made up.
    let home = living();
    assert_eq!(remind(&home, "2024-10-15 09:00"), ALL);
    let ledger = open(&home, "2024-10-15 10:00");
    let keys: Vec<i32> =
        ledger.ledger().reminders(None).unwrap().into_iter().map(|r| r.key.workdays).collect();
    assert_eq!(keys, [1, 1, 1, 1]);
    // Down until the 17th: the second and the third in one mail.
    let home = living();
    assert_eq!(remind(&home, "2024-10-17 09:00"), ALL);
    let keys: Vec<i32> = open(&home, "2024-10-17 10:00")
        .ledger()
        .reminders(None)
        .unwrap()
        .into_iter()
        .map(|r| r.key.workdays)
        .collect();
    assert_eq!(keys, [1, 3, 1, 3, 1, 3, 1, 3]);
    // Down for a week: over.
    let home = living();
    assert!(remind(&home, "2024-10-22 09:00").is_empty());
}

#[test]
fn a_new_home_never_mails_about_days_before_it() {
    let home = small_home();
    // Its first day is the 15th: the reminders of the 10th and the 14th are not its own.
    assert!(remind(&home, "2024-10-15 09:00").is_empty());
    assert_eq!(remind(&home, "2024-10-16 09:00"), ALL);
    let home = small_home();
    assert!(remind(&home, "2024-10-17 09:00").is_empty());
    assert!(remind(&home, "2024-11-01 09:00").is_empty());
    // October is due on 7 November; its first reminder is of the 5th, and says nothing of September.
    let due = plan(&home, "2024-11-05 09:00");
    assert_eq!(due.mails.len(), 4);
    let periods: Vec<String> = due.mails[0].owed.iter().map(|one| one.period.to_string()).collect();
    assert_eq!(periods, ["2024-10"]);
}

#[test]
fn one_mail_lists_all_that_a_recipient_owes() {
    let home = living();
    // One clerk for two towns.
    home.replace("config/contacts.csv", "t2@district.example", "t1@district.example");
    assert_eq!(remind(&home, "2024-10-10 09:00"), [ALL[0], ALL[1], ALL[3]]);
    let said = text_to(&home, "2024-10-10 10:00", ALL[1]);
    assert!(said.contains("2张报表待报送") && said.contains("甲镇、乙镇："), "{said}");
    assert!(said.contains("classes/2024-09/t1") && said.contains("classes/2024-09/t2"), "{said}");
    // A month later September is still owed, and stands in October's mail.
    let due = plan(&home, "2024-11-05 09:00");
    let owed: Vec<String> = due.mails[1].owed.iter().map(duban::pipeline::Owed::code).collect();
    assert_eq!(
        owed,
        ["classes/2024-09/t1", "classes/2024-09/t2", "classes/2024-10/t1", "classes/2024-10/t2"]
    );
    assert_eq!(due.mails[1].owed[0].reminders, Vec::<i32>::new());
    assert_eq!(due.mails[1].owed[2].reminders, [-2]);
}

#[test]
fn a_unit_without_a_contact_is_said_once_and_one_outside_the_domains_is_not_mailed() {
    let home = living();
    home.replace("config/contacts.csv", "t1,town,专干,（示例）,t1@district.example,\n", "");
    home.replace("config/contacts.csv", "t2@district.example", "t2@elsewhere.example");
    let first = open(&home, "2024-10-10 09:00").remind(&Silent).unwrap();
    let queued: Vec<&str> = first.queued.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!(queued, [ALL[0], ALL[3]]);
    let said: Vec<(&str, bool, bool)> = first
        .unreachable
        .iter()
        .map(|(unit, why)| (unit.as_str(), why.contains("role `town`"), why.contains("elsewhere")))
        .collect();
    assert_eq!(said, [("t1", true, false), ("t2", false, true)]);
    let second = open(&home, "2024-10-14 09:00").remind(&Silent).unwrap();
    assert!(second.unreachable.is_empty(), "said once: {:?}", second.unreachable);
    assert_eq!(open(&home, "2024-10-14 10:00").status().unwrap().unreachable.len(), 2);
    // A contact is added: it is reminded, and no problem any more.
    home.replace("config/contacts.csv", "t2@elsewhere.example", "t2@district.example");
    assert_eq!(remind(&home, "2024-10-15 09:00"), ["t2@district.example"]);
    let left = open(&home, "2024-10-15 10:00").status().unwrap().unreachable;
    assert_eq!(left.keys().collect::<Vec<_>>(), [&unit("t1")]);
}

#[test]
fn what_is_due_can_be_seen_before_it_is_mailed() {
    let home = living();
    send(&home, "2024-10-09 09:00", "t3", "classes", "2024-09", &form(""));
    let as_of = at("2024-10-10 09:00").to_string();
    let shown = home.ok(&["--as-of", &as_of, "remind", "--dry-run"]);
    assert!(shown.contains("reminders due: 4"), "{shown}");
    assert!(shown.contains("t1@district.example: classes/2024-09 due 2024-10-12"), "{shown}");
    assert!(shown.contains("classes/2024-09 due 2024-10-12 returned"), "{shown}");
    let planned = home.ok(&["--as-of", &as_of, "plan", "--period", "2024-09"]);
    assert!(planned.contains("reminders due: 4"), "{planned}");
    assert!(planned.contains("甲镇 due 2024-10-12, 2 working days left"), "{planned}");
    assert!(planned.contains("last file returned with 1 errors"), "{planned}");
    assert!(mails(&home, "2024-10-10 10:00").is_empty(), "nothing was mailed");
    let done = home.ok(&["--as-of", &as_of, "remind"]);
    assert!(done.contains("reminders queued: 4"), "{done}");
    let listed = home.ok(&["--as-of", &as_of, "mail", "list"]);
    assert_eq!(listed.matches("reminder").count(), 4, "{listed}");
    let rows = home.query("SELECT workdays, recipient FROM reminders ORDER BY recipient");
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0]["workdays"], -2);
    assert_eq!(home.count("SELECT COUNT(*) FROM deliveries WHERE kind = 'reminder'"), 4);
}

#[test]
fn a_run_of_reminders_killed_at_any_step_mails_each_once() {
    let as_of = at("2024-10-10 09:00").to_string();
    let wanted: Vec<String> = ALL.iter().map(|to| (*to).to_owned()).collect();
    for point in ["remind:begin", "remind:work", "remind:end", "deliver:begin", "deliver:work"] {
        let home = living();
        let marker = home.root.join("data/standing-still");
        let mut child = home
            .command(&["--as-of", &as_of, "remind"])
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
        home.ok(&["--as-of", &as_of, "remind"]);
        let all = mails(&home, "2024-10-10 09:00");
        let to: Vec<String> = all.iter().map(|mail| mail.recipient.clone()).collect();
        assert_eq!(to, wanted, "killed at {point}");
        assert!(all.iter().all(|mail| mail.state.as_str() == "accepted"), "killed at {point}");
        assert_eq!(files(&home.root.join("data/mail"), "eml").len(), 4, "killed at {point}");
        let recorded = open(&home, "2024-10-10 10:00").ledger().reminders(None).unwrap();
        assert_eq!(recorded.len(), 4, "killed at {point}");
        assert!(remind(&home, "2024-10-10 11:00").is_empty(), "killed at {point}");
    }
}

#[test]
fn a_home_that_reminds_needs_the_template_and_a_slip_in_it_is_refused() {
    let home = living();
    let path = "report_templates/_mails/reminder.md.j2";
    home.replace(path, "row.unit_name", "row.unit_nmae");
    let refused = home.duban(&["check", "config"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert!(words.contains("_mails/reminder.md.j2:") && words.contains("`unit_name`"), "{words}");
    fs_err::remove_file(home.root.join(path)).unwrap();
    let refused = home.duban(&["check", "config"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert!(words.contains("_mails/reminder.md.j2: this file is missing"), "{words}");
    assert!(words.contains("hint:"), "{words}");
}
