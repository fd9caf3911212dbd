//! A small home that supervises: three towns, one figure, one check, the roles of the district.

use std::process::Output;

use serde_json::Value;

use crate::home::Home;
use crate::small;

/// Towns of the small home, as people call them; 10, 20 and 30 children.
pub const NAMES: [&str; 3] = ["甲镇", "乙镇", "丙镇"];

const SUPERVISION: &str = r#"
[roles]
new = ["supervisor", "coordination"]
assign = ["supervisor", "coordination"]
sign = ["unit"]
progress = ["unit"]
answer = ["unit"]
return = ["supervisor"]
verify = ["supervisor"]
close = ["supervisor"]
look_back = ["supervisor"]
archive = ["supervisor"]
reopen = ["coordination"]
extend = ["unit"]
grant = { town = ["coordination"], district = ["committee"] }
refuse = { town = ["coordination"], district = ["committee"] }
suspend = ["coordination"]
resume = ["coordination"]
withdraw = ["coordination"]
note = ["unit", "supervisor", "coordination"]

[[check]]
id = "few_children"
title = "在园幼儿人数未达目标"
sql = "_checks/few_children.sql"
judged = "_checks/few_children_judged.sql"
params = { metric = "children" }
level = "town"
deadline_workdays = 20
closes_on = "verification"
"#;

const CHECK: &str = "-- Towns with fewer children than the target.
SELECT 'town' AS subject_kind, c.unit_code AS subject_code, u.name AS subject_name, c.unit_code, c.period,
       CAST(c.children AS DOUBLE) AS observed, CAST(t.num AS DOUBLE) / t.den AS target,
       concat('在园幼儿', CAST(c.children AS VARCHAR), '人，目标', CAST(t.num AS VARCHAR), '人') AS detail
FROM children c
JOIN units u ON u.code = c.unit_code
JOIN targets t ON t.metric = $metric AND t.level = $level
WHERE c.period = $period AND c.children * t.den < t.num
";

const JUDGED: &str = "SELECT 'town' AS subject_kind, unit_code AS subject_code FROM children WHERE period = $period\n";

/// The home, with the forms of `periods` in its inbox. 甲镇 and 乙镇 are below the target of 25.
pub fn home(periods: &[&str]) -> Home {
    let home = small::home(&["secretariat"]);
    let town = |(code, name): (&str, &str)| format!("{code},{name},town,镇,120114,120114G1,\n");
    let towns: String = small::TOWNS.into_iter().zip(NAMES).map(town).collect();
    home.write(
        "config/units.csv",
        format!(
            "code,name,level,kind,parent,group,aliases\n120114,武清区,district,区,,,\n\
             120114G1,第一组团,group,组团,120114,,\n{towns}"
        ),
    );
    let mut contacts = "unit_code,role,post,name,email,phone\n".to_owned();
    let district = [
        ("secretariat", "秘书处"),
        ("supervisor", "督查岗"),
        ("coordination", "综合协调组"),
        ("committee", "委员会办公室"),
    ];
    for (i, (role, post)) in district.into_iter().enumerate() {
        contacts +=
            &format!("120114,{role},{post},（示例）{post},{role}@wuqing.example,022-0000000{i}\n");
    }
    for (code, name) in small::TOWNS.into_iter().zip(NAMES) {
        contacts += &format!(
            "{code},town,{name}专干,（示例）{name}专干,t{code}@wuqing.example,022-00000009\n"
        );
    }
    home.write("config/contacts.csv", contacts);
    home.write(
        "config/targets.csv",
        "metric,level,unit_code,target_set,num,den,op,valid_from,valid_to\nchildren,town,,campaign,25,1,>=,,\n",
    );
    home.write("pipelines/_supervision.toml", SUPERVISION);
    home.write("pipelines/_checks/few_children.sql", CHECK);
    home.write("pipelines/_checks/few_children_judged.sql", JUDGED);
    for period in periods {
        small::drop_month(&home, period);
    }
    home
}

/// A home that was judged for September 2024 on 14 October: items 1 (甲镇) and 2 (乙镇) are open.
pub fn judged() -> Home {
    let home = home(&["2024-09"]);
    home.ok(&["--as-of", "2024-10-14T08:30:00+08:00", "run", "--period", "2024-09"]);
    assert_eq!(home.count("SELECT count(*) FROM items WHERE state = 'opened'"), 2);
    home
}

/// Runs `duban items …` at nine o'clock of a day.
pub fn on(home: &Home, day: &str, args: &[&str]) -> Output {
    let at = format!("{day}T09:00:00+08:00");
    let mut all = vec!["--as-of", &at, "items"];
    all.extend(args);
    home.duban(&all)
}

/// As [`on`], of what must succeed; its stdout.
pub fn ok_on(home: &Home, day: &str, args: &[&str]) -> String {
    let output = on(home, day, args);
    assert!(output.status.success(), "items {args:?}\n{}\n{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// As [`on`], of what must be refused: exit 1, and nothing in the ledger.
pub fn refused_on(home: &Home, day: &str, args: &[&str]) -> String {
    let before = home.query("SELECT item_no, seq FROM item_events ORDER BY item_no, seq");
    let output = on(home, day, args);
    assert_eq!(
        output.status.code(),
        Some(1),
        "items {args:?}\n{}\n{}",
        stdout(&output),
        stderr(&output)
    );
    let after = home.query("SELECT item_no, seq FROM item_events ORDER BY item_no, seq");
    assert_eq!(before, after, "a refusal changes nothing");
    stderr(&output)
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The states of all items by number, as words.
pub fn states(home: &Home) -> Vec<String> {
    let rows = home.query("SELECT state FROM items ORDER BY item_no");
    rows.iter().map(|row: &Value| row["state"].as_str().unwrap().to_owned()).collect()
}
