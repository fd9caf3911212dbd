//! A home of three towns whose report is burst: each town gets its own sheet.

use std::path::PathBuf;

use serde_json::Value;

use crate::home::Home;
use crate::small;

/// Invented names; no figure or name of one is part of another's.
pub const NAMES: [&str; 3] = ["甲山镇", "乙水镇", "丙田镇"];
/// Children that each town reports.
pub const CHILDREN: [u32; 3] = [10_137, 20_259, 30_483];

/// The day of the first build.
pub const FIRST: &str = "2024-11-09T01:00:00Z";
pub const LATER: &str = "2024-11-16T01:00:00Z";

/// `front` stands in the front matter before `[burst]`.
pub fn sheet(front: &str, formats: &str) -> String {
    format!(
        r#"+++
title = "{{{{ unit.name }}}}在园幼儿情况单"
subject = "{{{{ unit.name }}}}第{{{{ edition.number }}}}期{{% if edition.corrects %}}（更正第{{{{ edition.corrects }}}}期）{{% endif %}}"
to = ["town"]
formats = [{formats}]
{front}

[burst]
by = "town"

[queries]
own = """
SELECT c.unit_code, u.name AS unit_name, c.children,
  rank() OVER (ORDER BY c.children DESC) AS place
FROM children AS c JOIN units AS u ON u.code = c.unit_code
WHERE c.period = $period"""
waiting = "SELECT unit_code, item_no, date_diff_days FROM (SELECT unit_code, item_no, CAST($today AS DATE) AS date_diff_days FROM items WHERE opened_on >= CAST(substr($since, 1, 10) AS DATE)) AS i"
+++
{{% if q.own %}}在园幼儿 {{{{ fig(q.own[0].children, unit="人") }}}}，列第{{{{ q.own[0].place }}}}位。{{% endif %}}

{{{{ table("own", columns=[col("unit_name", "镇街"), col("children", "在园幼儿")]) }}}}

{{% for change in changes %}}
- {{{{ change.unit_name }}}}：{{{{ change.what }}}}
{{% endfor %}}

截至{{{{ as_of.on }}}}，上一期{{% if edition.previous %}}第{{{{ edition.previous.number }}}}期{{% else %}}无{{% endif %}}，事项{{{{ q.waiting|length }}}}件。
"#
    )
}

/// A home with this report alone, and the month of September in its inbox. Two of the towns have a contact.
pub fn home(report: &str) -> Home {
    let home = small::home(&["secretariat"]);
    let town = |(code, name): (&str, &str)| format!("{code},{name},town,town,120114,,\n");
    let towns: String = small::TOWNS.into_iter().zip(NAMES).map(town).collect();
    home.write(
        "config/units.csv",
        format!(
            "code,name,level,kind,parent,group,aliases\n120114,武清区,district,district,,,\n{towns}"
        ),
    );
    let mut contacts = home.read("config/contacts.csv");
    for (i, code) in small::TOWNS.into_iter().enumerate().take(2) {
        contacts.push_str(&format!("{code},town,经办人,（示例）岗位,town{i}@wuqing.example,\n"));
    }
    home.write("config/contacts.csv", contacts);
    fs_err::remove_dir_all(home.root.join("report_templates/note")).unwrap();
    home.write("report_templates/town_sheet/report.md.j2", report);
    for (town, n) in small::TOWNS.into_iter().zip(CHILDREN) {
        drop_form(&home, town, n);
    }
    home
}

pub fn drop_form(home: &Home, town: &str, children: u32) {
    home.write(&format!("inbox/2024-09/{town}/在园幼儿月报表.csv"), small::form(children));
}

/// Collects and builds, mailing nobody but by `more` (`--send`).
pub fn run(home: &Home, at: &str, more: &[&str]) -> std::process::Output {
    let mut args = vec!["--as-of", at, "run", "--period", "2024-09"];
    args.extend(more);
    let output = home.duban(&args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output
}

/// The editions, as `report list` tells them to a program.
pub fn editions(home: &Home) -> Vec<Value> {
    serde_json::from_str(&home.ok(&["report", "list", "--format", "json"])).expect("JSON")
}

pub fn mails(home: &Home) -> Vec<Value> {
    serde_json::from_str(&home.ok(&["mail", "list", "--format", "json"])).expect("JSON")
}

/// The files of an edition of a town.
pub fn folder(home: &Home, town: &str, no: &str) -> PathBuf {
    home.root.join("data/reports/town_sheet/2024-09").join(town).join(no)
}

/// All bytes and names under a folder, sorted by name.
pub fn contents(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs_err::read(path).unwrap())
        })
        .collect();
    found.sort();
    found
}
