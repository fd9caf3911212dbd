//! pipeline.toml: read whole, refused with place and hint.

use std::collections::BTreeMap;

use duban::calendar::Calendar;
use duban::config::contract::{Contract, UnitSource};
use duban::model::Period;
use jiff::civil::date;

use crate::normalize_support::{contract, root};

#[test]
fn every_contract_of_the_repository_is_proven() {
    let mut n = 0;
    for home in ["", "examples/kobe", "examples/toronto"] {
        for folder in fs_err::read_dir(root().join(home).join("pipelines")).unwrap() {
            let path = folder.unwrap().path();
            if path.join("pipeline.toml").exists() {
                contract(home, &path.file_name().unwrap().to_string_lossy());
                n += 1;
            }
        }
    }
    assert!(n >= 7, "{n}");
}

#[test]
fn columns_keep_the_order_of_the_file() {
    let schema = contract("", "enrollment").arrow_schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(
        names,
        [
            "unit_code",
            "reporter_code",
            "period",
            "inst_code",
            "inst_name",
            "unit",
            "inst_kind",
            "class_name",
            "class_type",
            "children",
            "male",
            "female",
            "_submission",
            "_sheet",
            "_row",
        ]
    );
}

#[test]
fn statistics_dates_and_deadlines_follow_the_contract() {
    let day = |name: &str, home: &str, period: &str| {
        contract(home, name).stat_on(period.parse::<Period>().unwrap())
    };
    assert_eq!(day("enrollment", "", "2024-09"), date(2024, 9, 30));
    assert_eq!(day("institutions", "", "2024-2025"), date(2024, 9, 1));
    assert_eq!(day("population", "", "2024"), date(2024, 9, 1));
    assert_eq!(day("enrollment", "examples/kobe", "2015-05"), date(2015, 5, 1));
    // 2024-10-01 to 10-07 are days off, 10-12 is worked: 国办发明电〔2023〕7号.
    let mut days: BTreeMap<_, _> = (1..=7).map(|d| (date(2024, 10, d), false)).collect();
    days.insert(date(2024, 10, 12), true);
    let due = contract("", "enrollment").due_on("2024-09".parse().unwrap(), &Calendar::new(days));
    assert_eq!((due.on, due.provisional), (date(2024, 10, 12), false));
}

#[test]
fn what_a_definition_leaves_out_is_filled_in() {
    let contract = contract("examples/toronto", "enrollment");
    assert_eq!(contract.unit.from, UnitSource::Column);
    assert_eq!(contract.unit.column, contract.column_index("unit"));
    assert!(contract.schedule.is_none());
    assert_eq!(contract.hash.len(), 64);
}

const GOOD: &str = r#"
[dataset]
name = "enrollment"
title = "月报"
frequency = "month"
stat_on = "last_day"
reporters = ["town"]
[schedule]
cron = "0 30 8 * * *"
timezone = "Asia/Shanghai"
[unit]
from = "reporter"
[columns.children]
header = "幼儿数"
type = "int"
[columns.male]
header = "男"
type = "int"
[[layout]]
name = "a"
sheets = ["在园*"]
[[layout.rows]]
kind = "total"
any = true
matches = "^合计$"
[[rule]]
id = "r"
expr = "children >= male"
expected = "…"
[[check]]
id = "another module's"
level = "town"
"#;

/// Replaces a piece of a good contract and returns what is said, as the operator sees it.
#[track_caller]
fn refused(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let problems = Contract::load("p.toml", &GOOD.replacen(from, to, 1)).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_good_contract_with_checks_of_another_module_loads() {
    Contract::load("p.toml", GOOD).unwrap();
}

#[test]
fn each_slip_is_refused_with_its_line_and_a_hint() {
    for (from, to, line, words) in [
        ("frequency = \"month\"", "frequency = \"monthly\"", 5, "did you mean `month`?"),
        ("title =", "titel =", 4, "did you mean `title`?"),
        ("\"enrollment\"", "\"items\"", 3, "a table that Duban makes"),
        ("\"last_day\"", "\"09-01\"", 6, "every month"),
        ("[\"town\"]", "[]", 7, "nobody is expected"),
        ("0 30 8 * * *", "30 8 * *", 9, "4 fields, not five or six"),
        ("Asia/Shanghai", "Asia/Shangai", 10, "no time zone"),
        ("from = \"reporter\"", "from = \"column\"", 12, "none is named"),
        (
            "from = \"reporter\"",
            "from = \"reporter\"\ncolumn = \"chidren\"",
            13,
            "did you mean `children`?",
        ),
        ("from = \"reporter\"", "from = \"section\"", 12, "kind = \"section\""),
        ("[columns.male]", "[columns.unit_code]", 16, "column that Duban makes"),
        ("[columns.male]", "[columns._male]", 16, "cannot be a column's name"),
        ("\"男\"", "\"幼 儿 数\"", 17, "already that of `children`"),
        ("在园*", "在园[*", 21, "`*` is any text"),
        ("\"^合计$\"", "\"^(合计$\"", 25, "regular expression"),
        ("any = true", "column = \"mael\"", 24, "did you mean `male`?"),
        ("children >= male", "children >= mal", 28, "did you mean `male`?"),
        ("children >= male", "children >=", 28, "not an expression"),
    ] {
        let said = refused(from, to);
        assert!(said.contains(&format!("p.toml:{line}:")), "{to}: expected line {line} in\n{said}");
        assert!(said.contains(words), "{to}: expected {words:?} in\n{said}");
    }
}

#[test]
fn all_slips_are_told_at_once_in_the_order_of_the_file() {
    let text = GOOD
        .replace("0 30 8 * * *", "8")
        .replace("children >= male", "childrn >= male")
        .replace("\"^合计$\"", "\"(\"");
    let problems = Contract::load("p.toml", &text).unwrap_err();
    let lines: Vec<_> = problems.iter().map(|problem| problem.line.unwrap()).collect();
    assert_eq!(lines, [9, 25, 28]);
}
