//! The digest and the ledger as a workbook.

use duban::pipeline::{DigestOutcome, Silent};
use serde_json::Value;

use crate::collection_support::{mails, open, send};
use crate::home::Home;
use crate::slips_support::{answer, judge, judged_home, silent_home};
use crate::tools::{python_with, repository};

fn digest(home: &Home, when: &str) -> DigestOutcome {
    open(home, when).digest(&Silent).unwrap()
}

/// The newest digest as Python's email reads it.
fn read(home: &Home) -> Value {
    let all = mails(home, "2024-12-31 09:00");
    let newest = all.iter().rfind(|mail| mail.kind == "digest").expect("a digest");
    let path = home.root.join("data/mail").join(format!("{}.eml", newest.message_id));
    let mut python = python_with("email", "digest").expect("a Python");
    let output =
        python.arg(repository().join("tests/tools/read_mail.py")).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mail: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(mail["defects"], Value::Array(Vec::new()));
    mail
}

fn text(home: &Home) -> String {
    read(home)["text"].as_str().unwrap().to_owned()
}

#[test]
fn it_says_what_is_new_due_overdue_and_waiting_once_a_working_day() {
    let home = silent_home();
    assert!(digest(&home, "2024-09-19 08:40").queued.is_empty(), "no item, nothing to say");
    judge(&home, "2024-09-20 08:00");
    let first = digest(&home, "2024-09-20 08:40");
    let to: Vec<&str> = first.queued.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!(to, ["eye@district.example"]);
    assert!(digest(&home, "2024-09-20 15:00").queued.is_empty(), "once a day");
    let said = text(&home);
    for part in ["在办督办事项3件", "立项3件", "5个工作日内到期3件", "无逾期事项", "新的变化"]
    {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    assert!(digest(&home, "2024-09-21 08:40").queued.is_empty(), "a Saturday");
    // Past the deadline by one working day; slips went out this morning; one town has answered.
    for when in ["2024-09-20 08:50", "2024-09-25 08:20", "2024-09-29 08:20"] {
        open(&home, when).escalate(&Silent).unwrap();
    }
    answer(&home, "2024-09-29 08:30", "t3");
    digest(&home, "2024-09-29 08:40");
    let said = text(&home);
    for part in [
        "2024年9月20日以来：立项0件",
        "已逾期2件",
        "待复核1件",
        "已反馈，待复核",
        "催办单（催〔2024〕1号）：甲镇，1件",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let overdue = said.lines().find(|line| line.contains("甲镇") && line.contains("催办单"));
    assert!(overdue.is_some_and(|line| line.contains('1')), "unit, days and step:\n{said}");
    // Everything is reported: closed, and then there is nothing to say.
    for town in ["t1", "t2", "t3"] {
        send(&home, "2024-10-08 07:00", town, "census", "2024", "常住儿童\n900\n");
    }
    judge(&home, "2024-10-08 08:00");
    digest(&home, "2024-10-08 08:40");
    assert!(text(&home).contains("销号3件"), "{}", text(&home));
    assert!(digest(&home, "2024-10-09 08:40").queued.is_empty(), "nothing new and nothing due");
}

#[test]
fn the_ledger_goes_with_the_first_working_days_digest_of_a_week() {
    let attached = |home: &Home| read(home)["attachments"].as_array().unwrap().len();
    let home = judged_home();
    for (day, n) in [
        ("2024-09-20", 0), // a Friday
        ("2024-09-23", 1), // Monday
        ("2024-09-24", 0),
        ("2024-09-29", 0), // a Sunday that is worked is no new week's
        ("2024-09-30", 1), // Monday
        ("2024-10-08", 1), // Tuesday: Monday was off
        ("2024-10-12", 0), // a Saturday that is worked
    ] {
        assert_eq!(digest(&home, &format!("{day} 08:40")).queued.len(), 1, "{day}");
        assert_eq!(attached(&home), n, "{day}");
    }
    home.replace(
        "pipelines/_supervision.toml",
        "[digest]\n",
        "[digest]\nattach_ledger = \"daily\"\n",
    );
    digest(&home, "2024-10-15 08:40");
    assert_eq!(attached(&home), 1);
    home.replace("pipelines/_supervision.toml", "\"daily\"", "\"never\"");
    digest(&home, "2024-10-21 08:40");
    assert_eq!(attached(&home), 0);
}

const READ: &str = r"
import datetime, json, openpyxl, sys
book = openpyxl.load_workbook(sys.argv[1])
out = {}
for sheet in book:
    rows = [[v.isoformat()[:10] if isinstance(v, datetime.datetime) else v for v in row]
            for row in sheet.iter_rows(values_only=True)]
    kinds = sorted({cell.data_type for row in sheet.iter_rows() for cell in row})
    out[sheet.title] = {'rows': rows, 'kinds': kinds, 'freeze': sheet.freeze_panes,
        'filter': sheet.auto_filter.ref, 'rules': len(sheet.conditional_formatting)}
print(json.dumps(out, ensure_ascii=False))
";

#[test]
fn the_exported_ledger_says_what_sql_says_with_real_numbers_and_dates() {
    let Some(mut python) = python_with("openpyxl", "the_exported_ledger") else { return };
    let home = judged_home();
    // A name that a spreadsheet would take for a formula.
    home.replace("config/units.csv", "t1,甲镇", "t1,=1+1镇");
    judge(&home, "2024-09-20 08:10");
    for when in ["2024-09-20 08:20", "2024-09-25 08:20", "2024-09-29 08:20"] {
        open(&home, when).escalate(&Silent).unwrap();
    }
    answer(&home, "2024-09-30 08:30", "t3");
    let as_of = "2024-09-30T09:00:00+08:00";
    let file = home.root.join("台账.xlsx");
    home.ok(&["--as-of", as_of, "items", "export", &file.display().to_string()]);
    let output = python.args(["-c", READ]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let book: Value = serde_json::from_slice(&output.stdout).unwrap();
    let sheet = &book["台账"];
    assert_eq!(sheet["freeze"], "B5");
    assert!(sheet["filter"].as_str().unwrap().starts_with("A4:"), "{}", sheet["filter"]);
    assert!(sheet["rules"].as_i64().unwrap() >= 1, "lights are conditional formats");
    for name in ["台账", "督办文书", "办理经过"] {
        let kinds = book[name]["kinds"].as_array().unwrap();
        assert!(!kinds.contains(&Value::from("f")), "{name} has a formula");
    }
    let rows = sheet["rows"].as_array().unwrap();
    let heads = rows[2].as_array().unwrap();
    let column = |name: &str| heads.iter().position(|head| head == name).expect(name);
    let items = home.query("SELECT * FROM items ORDER BY item_no");
    assert_eq!(items.len(), 3);
    for (item, row) in items.iter().zip(&rows[4..]) {
        assert_eq!(row[column("编号")], item["item_no"]);
        assert_eq!(row[column("事项")], item["check_title"]);
        assert_eq!(row[column("立项日期")], item["opened_on"]);
        assert_eq!(row[column("交办日期")], item["assigned_on"]);
        assert_eq!(row[column("时限")], item["due_on"]);
        assert_eq!(row[column("反馈日期")], item["answered_on"]);
        assert_eq!(row[column("目标值")], item["target"]);
        assert_eq!(row[column("当前值")], item["observed"], "49.996 % is not rounded");
        assert_eq!(row[column("催办次数")], item["n_slips"]);
        assert_eq!(row[column("升级级别")], item["escalation"]);
        assert_eq!(row[column("最近督办文书")], "催办单");
        assert_eq!(row[column("逾期（工作日）")], 2);
    }
    assert_eq!(rows[4][column("责任单位")], "=1+1镇");
    assert_eq!(rows[4][column("责任人（岗位）")], "甲镇专干");
    assert_eq!(rows[6][column("措施")], "逐村核对");
    assert_eq!(rows[6][column("状态")], "已反馈");
    let n_events = home.count("SELECT COUNT(*) FROM item_events WHERE kind <> 'kept'");
    let events = book["办理经过"]["rows"].as_array().unwrap();
    assert_eq!(i64::try_from(events.len()).unwrap(), 3 + n_events);
    assert_eq!(book["督办文书"]["rows"].as_array().unwrap().len(), 3 + 9);
    assert!(book["数据来源"].is_object() && book["统计"].is_null(), "this home has no statistics");
    // As it was at noon of the first day: nobody was urged yet.
    let early = home.root.join("early.xlsx");
    let noon = "2024-09-20T12:00:00+08:00";
    home.ok(&["--as-of", noon, "items", "export", &early.display().to_string()]);
    let mut python = python_with("openpyxl", "the_exported_ledger").unwrap();
    let output = python.args(["-c", READ]).arg(&early).output().unwrap();
    let book: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = book["台账"]["rows"].as_array().unwrap();
    assert_eq!(rows[4][column("最近督办文书")], "督办交办单");
    assert_eq!(rows[4][column("反馈日期")], Value::Null);
    let refused = home.duban(&["items", "export", "ledger.csv"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn who_answers_is_in_sql_by_post_without_name_or_address() {
    let home = judged_home();
    let rows = home.query("SELECT * FROM contacts WHERE unit_code = 't1' ORDER BY role");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].as_object().unwrap().len(), 3);
    assert_eq!((&rows[0]["role"], &rows[0]["post"]), (&"head".into(), &"甲镇分管负责人".into()));
    assert_eq!(home.count("SELECT COUNT(*) FROM slip_items"), 0);
}
