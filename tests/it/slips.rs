//! Escalation over a holiday, day by day: which slip on which working day, with which number, to whom; one
//! mail a recipient and day; nothing on days off. The days are worked out in `slips_support`.

use std::process::Command;

use duban::model::ItemState;
use duban::pipeline::{EscalationOutcome, Silent};
use serde_json::Value;

use crate::collection_support::{mails, open, send};
use crate::home::{Home, files};
use crate::slips_support::{answer, items, judge, judged_home, silent_home};
use crate::tools::{python_with, repository};

const SUPERVISION: &str = "pipelines/_supervision.toml";

fn escalate(home: &Home, when: &str) -> EscalationOutcome {
    open(home, when).escalate(&Silent).unwrap()
}

/// A day's slips as `number unit items`, in their order.
fn slips(home: &Home, day: &str) -> Vec<String> {
    let outcome = escalate(home, &format!("{day} 08:20"));
    let name = |slip: &duban::ledger::Slip| {
        let number = if slip.number.is_empty() { &slip.step } else { &slip.number };
        let items: Vec<String> = slip.item_nos.iter().map(ToString::to_string).collect();
        format!("{number} {} {}", slip.unit_code, items.join("+"))
    };
    outcome.slips.iter().map(name).collect()
}

/// Who was mailed slips on a day, sorted; each once.
fn mailed(home: &Home, day: &str) -> Vec<String> {
    let day = format!(":{day}");
    let all = mails(home, "2024-12-31 09:00");
    let of_day =
        all.iter().filter(|mail| mail.kind == "supervision" && mail.dedupe_key.ends_with(&day));
    let mut to: Vec<String> =
        of_day.map(|mail| mail.recipient.replace("@district.example", "")).collect();
    to.sort();
    to
}

#[test]
fn each_slip_goes_on_its_working_day_over_a_holiday_with_the_next_number() {
    let home = judged_home();
    let none: [&str; 0] = [];
    // Opened on the 20th: handed over the same day.
    assert_eq!(
        slips(&home, "2024-09-20"),
        ["交〔2024〕1号 t1 1", "交〔2024〕2号 t2 2", "交〔2024〕3号 t3 3"]
    );
    assert_eq!(mailed(&home, "2024-09-20"), ["t1", "t2", "t3"]);
    for day in ["2024-09-21", "2024-09-22", "2024-09-23", "2024-09-24"] {
        assert_eq!(slips(&home, day), none, "{day}");
    }
    // Two working days before the deadline: a mail without a number.
    assert_eq!(slips(&home, "2024-09-25"), ["near_due t1 1", "near_due t2 2", "near_due t3 3"]);
    for day in ["2024-09-26", "2024-09-27", "2024-09-28"] {
        assert_eq!(slips(&home, day), none, "{day}: before and on the deadline, and a Saturday");
    }
    // The first working day after it is a Sunday that is worked.
    assert_eq!(
        slips(&home, "2024-09-29"),
        ["催〔2024〕1号 t1 1", "催〔2024〕2号 t2 2", "催〔2024〕3号 t3 3"]
    );
    assert_eq!(slips(&home, "2024-09-30"), none);
    for day in 1..=7 {
        assert_eq!(slips(&home, &format!("2024-10-0{day}")), none, "October {day} is off");
    }
    // The third working day past it. One town has answered in the holiday's last hours.
    answer(&home, "2024-10-08 08:00", "t2");
    assert_eq!(slips(&home, "2024-10-08"), ["通〔2024〕1号 t1 1", "通〔2024〕2号 t3 3"]);
    assert_eq!(mailed(&home, "2024-10-08"), ["h1", "h3", "t1", "t3"]);
    // Another reports: its item closes by its data, and is not in the circular.
    send(&home, "2024-10-09 07:00", "t1", "census", "2024", "常住儿童\n900\n");
    judge(&home, "2024-10-09 08:00");
    assert_eq!(slips(&home, "2024-10-09"), none);
    // One paper of all units, to all towns.
    assert_eq!(slips(&home, "2024-10-10"), ["报〔2024〕1号 d 3"]);
    assert_eq!(mailed(&home, "2024-10-10"), ["h3", "office", "t1", "t2", "t3"]);
    // The answer stopped the ladder on the 8th, 9th and 10th; two of those days do not count. On the 11th the
    // clock of t2 stands at 6 - 2 = 4: its notice is due, and on the 12th (5) the circular.
    assert_eq!(slips(&home, "2024-10-11"), ["通〔2024〕3号 t2 2"]);
    assert_eq!(slips(&home, "2024-10-12"), ["报〔2024〕2号 d 2", "约〔2024〕1号 t3 3"]);
    // t3 has one mail with both papers.
    assert_eq!(mailed(&home, "2024-10-12"), ["group", "h2", "h3", "office", "t1", "t2", "t3"]);
    assert_eq!(slips(&home, "2024-10-13"), none, "a Sunday");
    assert_eq!(slips(&home, "2024-10-14"), none);
    assert_eq!(slips(&home, "2024-10-15"), ["约〔2024〕2号 t2 2", "委〔2024〕1号 t3 3"]);
    assert_eq!(mailed(&home, "2024-10-15"), ["board", "group", "h2", "h3", "office", "t2"]);
    assert_eq!(slips(&home, "2024-10-16"), none);
    assert_eq!(slips(&home, "2024-10-17"), ["委〔2024〕2号 t2 2"]);
    for day in ["2024-10-18", "2024-10-21", "2024-11-29"] {
        assert_eq!(slips(&home, day), none, "{day}: the ladder has ended");
    }
    let now = items(&home, "2024-12-01 09:00");
    let levels: Vec<u8> = now.iter().map(|item| item.escalation).collect();
    assert_eq!(levels, [2, 5, 5], "the town that reported came no further than the notice");
    let counts: Vec<u32> = now.iter().map(|item| item.n_slips).collect();
    assert_eq!(counts, [4, 7, 7]);
    assert_eq!(now[0].state, ItemState::Closed);
    assert_eq!(now[2].state, ItemState::Assigned);
    // What SQL says of it.
    let rows = home.query(
        "SELECT number, unit_code, recipients FROM slips WHERE step = 'notice' ORDER BY slip_id",
    );
    assert_eq!(rows[0]["number"], "通〔2024〕1号");
    assert_eq!(rows[0]["recipients"], "h1@district.example t1@district.example");
    assert_eq!(home.count("SELECT COUNT(*) FROM slips WHERE number IS NULL"), 3, "the reminders");
    let twice =
        "SELECT COUNT(*) FROM (SELECT recipient, date_trunc('day', updated_at) d FROM deliveries
        WHERE kind = 'supervision' GROUP BY 1, 2 HAVING COUNT(*) > 1)";
    assert_eq!(home.count(twice), 0, "one mail a recipient and day");
}

#[test]
fn a_step_that_gathers_is_one_paper_a_week_and_the_steps_after_it_count_from_there() {
    let home = judged_home();
    home.replace(SUPERVISION, "level = 3\n", "level = 3\ngather = \"week\"\n");
    for day in ["2024-09-20", "2024-09-25", "2024-09-29"] {
        assert_eq!(slips(&home, day).len(), 3, "{day}");
    }
    answer(&home, "2024-10-08 08:00", "t2");
    assert_eq!(slips(&home, "2024-10-08"), ["通〔2024〕1号 t1 1", "通〔2024〕2号 t3 3"]);
    let none: [&str; 0] = [];
    // Of t1 and t3 it is due on the 10th, of t2 on Saturday the 12th, the last working day of that week.
    assert_eq!(slips(&home, "2024-10-09"), none);
    assert_eq!(slips(&home, "2024-10-10"), none);
    assert_eq!(slips(&home, "2024-10-11"), ["通〔2024〕3号 t2 2"]);
    assert_eq!(slips(&home, "2024-10-12"), ["报〔2024〕1号 d 1+2+3"]);
    assert_eq!(mailed(&home, "2024-10-12"), ["h1", "h2", "h3", "office", "t1", "t2", "t3"]);
    // The talk is two working days after it for all of them.
    assert_eq!(slips(&home, "2024-10-14"), none);
    assert_eq!(
        slips(&home, "2024-10-15"),
        ["约〔2024〕1号 t1 1", "约〔2024〕2号 t2 2", "约〔2024〕3号 t3 3"]
    );
}

#[test]
fn nothing_is_done_twice_on_a_day_and_no_run_is_begun_on_a_day_off() {
    let home = judged_home();
    assert_eq!(slips(&home, "2024-09-20").len(), 3);
    let n_runs = home.count("SELECT COUNT(*) FROM runs");
    for when in ["2024-09-20 08:25", "2024-09-20 15:00", "2024-09-21 08:20", "2024-09-22 08:20"] {
        let outcome = escalate(&home, when);
        assert!(outcome.slips.is_empty() && outcome.queued.is_empty(), "{when}");
    }
    assert_eq!(home.count("SELECT COUNT(*) FROM runs"), n_runs, "nothing to do is no run");
}

#[test]
fn what_comes_up_after_the_days_mail_waits_for_the_next_working_day() {
    let home = silent_home();
    // Two towns have sent the form; the third is opened alone, and handed over in the morning.
    for town in ["t2", "t3"] {
        send(&home, "2024-09-18 09:00", town, "census", "2024", "常住儿童\n900\n");
    }
    judge(&home, "2024-09-20 08:00");
    assert_eq!(slips(&home, "2024-09-20"), ["交〔2024〕1号 t1 1"]);
    // At noon a second matter of the same town is opened.
    home.replace(
        "pipelines/_supervision.toml",
        "[[check]]\n",
        "[[check]]\nid = \"again\"\ntitle = \"再查\"\nsql = \"_checks/census_missing.sql\"\nlevel = \"town\"\nresponsible = \"unit\"\ndeadline_workdays = 30\n\n[[check]]\n",
    );
    judge(&home, "2024-09-20 12:00");
    let afternoon = escalate(&home, "2024-09-20 14:00");
    assert!(afternoon.slips.is_empty() && afternoon.queued.is_empty());
    let due = open(&home, "2024-09-20 14:00").escalation_due().unwrap();
    assert_eq!((due.slips.len(), due.postponed.len()), (0, 1));
    assert_eq!(
        items(&home, "2024-09-20 15:00")[1].n_slips,
        0,
        "it is as if it had not been looked at"
    );
    assert_eq!(slips(&home, "2024-09-23"), ["交〔2024〕2号 t1 2"]);
}

#[test]
fn a_cap_ends_the_messages_over_an_item() {
    let home = judged_home();
    home.replace("pipelines/_supervision.toml", "cap = 12", "cap = 3");
    let mut n = 0;
    for day in ["2024-09-20", "2024-09-25", "2024-09-29", "2024-10-08", "2024-10-10", "2024-10-12"]
    {
        n += slips(&home, day).len();
    }
    assert_eq!(n, 9, "three over each of three items");
}

#[test]
fn numbers_begin_anew_with_the_year_and_have_no_gap() {
    let home = judged_home();
    // Nobody looks until the year's last working day; then one step a day.
    let days = ["2024-12-30", "2024-12-31", "2025-01-02", "2025-01-03"];
    let made: Vec<Vec<String>> = days.iter().map(|day| slips(&home, day)).collect();
    // Handing over comes first, whatever the date; the reminder before the deadline is left out.
    assert_eq!(made[0][0], "交〔2024〕1号 t1 1");
    assert_eq!(made[1], ["催〔2024〕1号 t1 1", "催〔2024〕2号 t2 2", "催〔2024〕3号 t3 3"]);
    assert_eq!(made[2], ["通〔2025〕1号 t1 1", "通〔2025〕2号 t2 2", "通〔2025〕3号 t3 3"]);
    assert_eq!(made[3], ["报〔2025〕1号 d 1+2+3"]);
}

#[test]
fn who_cannot_be_reached_is_said_once_and_the_slip_is_made_all_the_same() {
    let home = judged_home();
    home.replace("config/contacts.csv", "t2@district.example", "t2@elsewhere.example");
    home.replace(
        "config/contacts.csv",
        "t3,head,丙街道分管负责人,（示例）,h3@district.example,\n",
        "",
    );
    let first = escalate(&home, "2024-09-20 08:20");
    assert_eq!(first.slips.len(), 3);
    assert_eq!(mailed(&home, "2024-09-20"), ["t1", "t3"]);
    let said: Vec<(&str, bool)> = first
        .unreachable
        .iter()
        .map(|(unit, why)| (unit.as_str(), why.contains("allowed_domains")))
        .collect();
    assert_eq!(said, [("t2", true)]);
    escalate(&home, "2024-09-25 08:20");
    escalate(&home, "2024-09-29 08:20");
    let notice = escalate(&home, "2024-10-08 08:20");
    let said: Vec<(&str, bool)> = notice
        .unreachable
        .iter()
        .map(|(unit, why)| (unit.as_str(), why.contains("role `head`")))
        .collect();
    assert_eq!(said, [("t3", true)], "t2 was said before");
    let status = open(&home, "2024-10-08 09:00").status().unwrap();
    assert_eq!(status.unreachable.len(), 2);
    // Reminders of reports do not forget what is theirs to forget alone.
    open(&home, "2024-10-10 09:00").remind(&Silent).unwrap();
    assert_eq!(open(&home, "2024-10-10 10:00").status().unwrap().unreachable.len(), 2);
    home.replace("config/contacts.csv", "t2@elsewhere.example", "t2@district.example");
    escalate(&home, "2024-10-10 10:20");
    let left = open(&home, "2024-10-10 11:00").status().unwrap().unreachable;
    assert_eq!(left.keys().map(duban::model::UnitCode::as_str).collect::<Vec<_>>(), ["t3"]);
}

fn pdf_text(path: &std::path::Path) -> Option<String> {
    if Command::new("pdftotext").arg("-v").output().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "pdftotext is missing");
        eprintln!("LEFT OUT: the text of slips: pdftotext is not installed (poppler-utils)");
        return None;
    }
    let output = Command::new("pdftotext").arg("-layout").arg(path).arg("-").output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_slip_says_what_is_asked_by_when_of_whom_and_no_telephone_number() {
    let home = judged_home();
    for day in ["2024-09-20", "2024-09-25", "2024-09-29", "2024-10-08", "2024-10-10", "2024-10-12"]
    {
        slips(&home, day);
    }
    let folder = home.root.join("data/slips");
    assert_eq!(files(&folder, "pdf").len(), 3 + 3 + 3 + 1 + 3, "no paper for the reminders");
    let Some(urge) = pdf_text(&folder.join("2024-09-29/urge-t1.pdf")) else { return };
    for part in [
        "催〔2024〕1号",
        "督办事项催办单",
        "甲镇：",
        "人口年报表逾期未报",
        "2024年9月27日",
        // Cut, never rounded up to the target.
        "49.99%",
        "50%",
        // The notice is due on 8 October: an answer is asked by the working day before.
        "2024年9月30日前书面反馈",
        "甲镇人口年报表尚未收到",
        "2024年9月29日",
    ] {
        assert!(urge.contains(part), "no {part:?} in\n{urge}");
    }
    assert!(!urge.contains("乙镇"), "no other town's matters:\n{urge}");
    let circular = pdf_text(&folder.join("2024-10-10/circular-d.pdf")).unwrap();
    for part in ["报〔2024〕1号", "各镇街", "甲镇", "乙镇", "丙街道", "3个单位", "3件"]
    {
        assert!(circular.contains(part), "no {part:?} in\n{circular}");
    }
    let talk = pdf_text(&folder.join("2024-10-12/talk-t3.pdf")).unwrap();
    assert!(talk.contains("约谈时间：另行通知") && talk.contains("约谈地点：另行通知"), "{talk}");
    for path in files(&folder, "pdf") {
        let text = pdf_text(&path).unwrap();
        assert!(!text.contains("1111000") && !text.contains('@'), "{text}");
    }
}

#[test]
fn a_mail_carries_the_days_papers_and_parses_in_pythons_email() {
    let Some(mut python) = python_with("email", "a_mail_carries_the_days_papers") else { return };
    let home = judged_home();
    home.write("config/duban.local.toml", "[reports]\nnotices = [\"本材料为示例。\"]\n");
    for day in ["2024-09-20", "2024-09-25", "2024-09-29", "2024-10-08"] {
        slips(&home, day);
    }
    answer(&home, "2024-10-09 08:00", "t1");
    for day in ["2024-10-10", "2024-10-14"] {
        slips(&home, day);
    }
    // On the 15th: t1 (clock 9 - 2 = 7) is summoned, t2 and t3 go to the committee.
    slips(&home, "2024-10-15");
    let all = mails(&home, "2024-10-16 09:00");
    let to = |recipient: &str, day: &str| {
        let key = format!("supervision:{recipient}@district.example:{day}");
        all.iter().find(|mail| mail.dedupe_key == key).unwrap_or_else(|| panic!("no {key}"))
    };
    let id = &to("h3", "2024-10-15").message_id;
    let path = home.root.join("data/mail").join(format!("{id}.eml"));
    let output =
        python.arg(repository().join("tests/tools/read_mail.py")).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mail: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(mail["defects"], Value::Array(Vec::new()));
    assert_eq!(mail["subject"], "【督办】提请专项工作委员会研究（2024年10月15日）");
    assert_eq!(mail["to"].as_array().unwrap().len(), 1, "one recipient a mail");
    let attached = mail["attachments"].as_array().unwrap();
    assert_eq!(attached.len(), 1);
    assert_eq!(attached[0]["file_name"], "委〔2024〕2号 提请专项工作委员会研究（丙街道）.pdf");
    let paper = fs_err::read(home.root.join("data/slips/2024-10-15/committee-t3.pdf")).unwrap();
    assert_eq!(attached[0]["sha256"], duban::durable::sha256_hex(&paper));
    let text = mail["text"].as_str().unwrap();
    for part in ["本材料为示例。", "丙街道分管负责人：", "委〔2024〕2号，见附件", "2024年9月27日"]
    {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    assert!(!text.contains("本报告") && !text.contains("乙镇"), "{text}");
}

#[test]
fn what_is_due_can_be_seen_before_it_is_done() {
    let home = judged_home();
    let as_of = ["--as-of", "2024-09-20T08:20:00+08:00"];
    let shown = home.ok(&[as_of[0], as_of[1], "escalate", "--dry-run"]);
    assert!(shown.contains("slips due: 3"), "{shown}");
    assert!(shown.contains("assign 交〔2024〕1号 t1 items 1 to t1@district.example"), "{shown}");
    let planned = home.ok(&[as_of[0], as_of[1], "plan", "--period", "2024-08"]);
    assert!(planned.contains("slips due: 3") && planned.contains("escalation"), "{planned}");
    assert!(mails(&home, "2024-09-20 09:00").is_empty() && !home.root.join("data/slips").exists());
    let done = home.ok(&[as_of[0], as_of[1], "escalate"]);
    assert!(done.contains("slips: 3, mails queued: 3"), "{done}");
    let again = home.ok(&[as_of[0], as_of[1], "escalate"]);
    assert!(again.contains("slips: 0, mails queued: 0"), "{again}");
    assert_eq!(files(&home.root.join("data/mail"), "eml").len(), 3);
}
