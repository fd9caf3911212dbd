//! A home as small as one can be and still do the whole job: one data set, one figure, a report of one line. A run
//! of it takes a moment, so that a test can make many.

use crate::home::Home;

const PIPELINE: &str = r#"
[dataset]
name = "enrollment"
title = "在园幼儿月报表"
frequency = "month"
stat_on = "last_day"
reporters = ["town"]
due_workdays = 5

[unit]
from = "reporter"

[columns.inst_code]
header = "园所代码"
type = "text"
blank = "error"
key = true

[columns.children]
header = "在园幼儿数"
type = "int"
blank = "error"
min = 0
"#;

const METRIC: &str = "-- title: 在园幼儿\n\
    SELECT period, unit_code, sum(children) AS children FROM enrollment GROUP BY period, unit_code\n";

const REPORT: &str = r#"+++
title = "在园幼儿（{{ period.label }}）"
to = ["secretariat"]
formats = ["html"]
[queries]
total = "SELECT coalesce(sum(children), 0) AS children FROM children WHERE period = $period"
+++
# 合计
在园幼儿 {{ fig(q.total[0].children if q.total else 0, unit="人") }}。
"#;

/// The first towns of the district; each sends ten children more than the one before, the first ten.
pub const TOWNS: [&str; 3] = ["120114001", "120114002", "120114003"];

/// A small home. `recipients` are the secretariat's addresses, local part alone.
pub fn home(recipients: &[&str]) -> Home {
    let home = Home::new();
    for folder in ["pipelines", "report_templates"] {
        for entry in fs_err::read_dir(home.root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("_base") || path.ends_with("_mails") {
                continue;
            }
            if path.is_dir() {
                fs_err::remove_dir_all(path).unwrap();
            } else {
                fs_err::remove_file(path).unwrap();
            }
        }
    }
    let town = |code: &&str| format!("{code},{code},town,town,120114,,\n");
    let towns: String = TOWNS.iter().map(town).collect();
    home.write(
        "config/units.csv",
        format!(
            "code,name,level,kind,parent,group,aliases\n120114,武清区,district,district,,,\n{towns}"
        ),
    );
    home.write(
        "config/targets.csv",
        "metric,level,unit_code,target_set,num,den,op,valid_from,valid_to\n",
    );
    let contact = |name: &&str| {
        format!("120114,secretariat,秘书处,（示例）值班岗,{name}@wuqing.example,022-00000001\n")
    };
    let contacts: String = recipients.iter().map(contact).collect();
    home.write("config/contacts.csv", format!("unit_code,role,post,name,email,phone\n{contacts}"));
    home.write("pipelines/enrollment/pipeline.toml", PIPELINE);
    home.write("pipelines/_metrics/children.sql", METRIC);
    home.write("report_templates/note/report.md.j2", REPORT);
    home
}

/// A town's form of a month, as text.
pub fn form(children: u32) -> String {
    format!("园所代码,在园幼儿数\n0001,{children}\n")
}

/// All towns' forms of a month, in the inbox.
pub fn drop_month(home: &Home, period: &str) {
    for (i, town) in (1..).zip(TOWNS) {
        home.write(&format!("inbox/{period}/{town}/在园幼儿月报表.csv"), form(10 * i));
    }
}
