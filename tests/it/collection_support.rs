//! A small home of collection: three towns, a bureau, two data sets, no report.

use std::collections::BTreeMap;

use duban::clock::Clock;
use duban::ledger::{Delivery, DeliveryFilter, Door};
use duban::model::UnitCode;
use duban::pipeline::{Incoming, Pipeline, Silent, Taken};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::home::Home;
use crate::tools::repository;

const SETTINGS: &str = r#"
[district]
code = "d"
name = "某区"
timezone = "Asia/Shanghai"

[mail]
transport = "folder"
from = "某区秘书处 <duban@district.example>"
allowed_domains = ["district.example"]
"#;

const UNITS: &str = "code,name,level,kind,parent,group,aliases
d,某区,district,,,,
b,某区教育局,bureau,,d,,
g,第一组团,group,,d,,
t1,甲镇,town,,d,g,
t2,乙镇,town,,d,g,
t3,丙街道,town,,d,,
";

const CONTACTS: &str = "unit_code,role,post,name,email,phone
b,bureau,学前教育科,（示例）,b@district.example,
t1,town,专干,（示例）,t1@district.example,
t2,town,专干,（示例）,t2@district.example,
t3,town,专干,（示例）,t3@district.example,
t3,supervisor,督查岗,（示例）,eye@district.example,
d,secretariat,秘书处,（示例）,office@district.example,
";

/// Due on the fifth working day after the month: of 2024-09 on Saturday 2024-10-12, which is worked.
pub const CLASSES: &str = r#"[dataset]
name = "classes"
title = "班级月报表"
frequency = "month"
stat_on = "last_day"
reporters = ["town", "bureau"]
due_workdays = 5
first_period = "2024-09"
corrections_workdays = 10
reminder_workdays = [-2, 1, 3]
nil = "^(无|本期无)$"

[unit]
from = "reporter"
column = "unit"

[columns.inst_code]
header = "园所代码"
type = "text"
blank = "error"
key = true

[columns.unit]
header = "所属镇街"
type = "text"
required = false

[columns.children]
header = "幼儿数"
type = "int"
blank = "error"
min = 0
max = 500

[[layout]]
name = "2024"
[[layout.rows]]
kind = "total"
any = true
matches = "^合计$"
checked = true
"#;

/// A yearly form that takes no 零报告 and reminds nobody.
const CENSUS: &str = r#"[dataset]
name = "census"
title = "人口年报表"
frequency = "year"
stat_on = "09-01"
reporters = ["town"]
due_workdays = 13

[unit]
from = "reporter"

[columns.residents]
header = "常住儿童"
type = "int"
blank = "error"
"#;

/// A home with these definitions and nothing taken.
pub fn small_home() -> Home {
    let home = Home::empty();
    let root = repository();
    home.write("config/duban.toml", SETTINGS);
    home.write("config/units.csv", UNITS);
    home.write("config/contacts.csv", CONTACTS);
    for path in [
        "config/calendar.csv",
        "report_templates/_mails/reminder.md.j2",
        "report_templates/_base/mail.css",
        "report_templates/_base/page.typ",
        "pipelines/_metrics/reporting.sql",
    ] {
        home.write(path, fs_err::read(root.join(path)).unwrap());
    }
    home.write("pipelines/classes/pipeline.toml", CLASSES);
    home.write("pipelines/census/pipeline.toml", CENSUS);
    home
}

/// An instant on the district's clock: `2024-10-10 09:00`.
pub fn at(text: &str) -> Timestamp {
    let local: jiff::civil::DateTime = text.replace(' ', "T").parse().unwrap();
    zone().to_timestamp(local).unwrap()
}

fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

/// The home's pipeline, with the clock standing at that instant.
pub fn open(home: &Home, when: &str) -> Pipeline {
    let environment = BTreeMap::new();
    let config = duban::config::load(&duban::config::home::Home::new(&home.root), &environment)
        .unwrap_or_else(|problems| {
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}", all.join("\n"))
        });
    Pipeline::open(config, Clock::fixed(at(when), zone()), &environment).unwrap()
}

pub fn unit(code: &str) -> UnitCode {
    UnitCode::new(code)
}

/// A form of `classes` with these rows under the header.
pub fn form(rows: &str) -> String {
    format!("园所代码,所属镇街,幼儿数\n{rows}")
}

/// Takes a file of a unit as it lies in the drop folder at that instant.
pub fn send(home: &Home, when: &str, from: &str, dataset: &str, period: &str, text: &str) -> Taken {
    let incoming = Incoming {
        file_name: format!("{dataset}-{from}-{period}.csv"),
        bytes: text.as_bytes().to_vec(),
        period: period.parse().unwrap(),
        reporter: Some(unit(from)),
        dataset: Some(dataset.to_owned()),
        door: Door::Inbox,
    };
    open(home, when).submit(incoming, &Silent).unwrap()
}

/// Codes of the findings of a file.
pub fn codes(taken: &Taken) -> Vec<&str> {
    taken.findings.iter().map(|finding| finding.code.as_str()).collect()
}

/// Runs the reminders at that instant; the recipients of what was queued, in order.
pub fn remind(home: &Home, when: &str) -> Vec<String> {
    let outcome = open(home, when).remind(&Silent).unwrap();
    outcome.queued.into_iter().map(|delivery| delivery.recipient).collect()
}

/// All mails of the outbox.
pub fn mails(home: &Home, when: &str) -> Vec<Delivery> {
    open(home, when).ledger().deliveries(&DeliveryFilter::default()).unwrap()
}
