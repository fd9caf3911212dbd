//! Versions of rules: what changed, since when, and what the change alone opened and closed.

use serde_json::Value;

use crate::desk_support::{home, judged, ok_on};
use crate::home::Home;
use crate::small;

const TARGETS: &str = "config/targets.csv";
const CHECK: &str = "pipelines/_checks/few_children.sql";
const METRIC: &str = "pipelines/_metrics/children.sql";
const SUPERVISION: &str = "pipelines/_supervision.toml";

fn judge(home: &Home, day: &str, period: &str) -> String {
    home.ok(&["--as-of", &format!("{day}T08:30:00+08:00"), "run", "--period", period])
}

fn plan(home: &Home, day: &str, period: &str) -> String {
    home.ok(&["--as-of", &format!("{day}T08:30:00+08:00"), "plan", "--period", period])
}

/// The versions of the check, as `duban items rules` gives them.
fn versions(home: &Home) -> Vec<Value> {
    let text = ok_on(home, "2024-12-31", &["rules", "few_children", "--format", "json"]);
    serde_json::from_str(&text).unwrap()
}

fn reasons(home: &Home, item_no: i64) -> Vec<String> {
    let sql = format!("SELECT reason FROM item_events WHERE item_no = {item_no} ORDER BY seq");
    home.query(&sql).iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_first_judging_records_the_rules_and_the_same_again_makes_no_version() {
    let home = judged();
    judge(&home, "2024-10-15", "2024-09");
    let versions = versions(&home);
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0]["version"], 1);
    assert_eq!(versions[0]["what"], "首次记录");
    assert_eq!(versions[0]["compared"], "first");
    assert_eq!(versions[0]["since"], "2024-10-14T00:30:00Z");
    let judgements = home.query("SELECT rule_version, period, n_violations, n_judged, n_held FROM judgements ORDER BY judgement_id");
    assert_eq!(judgements.len(), 2, "each judging is on record");
    assert_eq!(judgements[0]["n_violations"], 2);
    assert_eq!(judgements[0]["n_judged"], 3);
}

#[test]
fn a_comment_or_another_layout_is_no_other_rule() {
    let home = judged();
    home.replace(CHECK, "-- Towns with fewer", "-- Said otherwise: towns with fewer");
    home.replace(CHECK, "FROM children c\nJOIN units", "FROM children c JOIN units");
    judge(&home, "2024-10-15", "2024-09");
    assert_eq!(versions(&home).len(), 1);
}

#[test]
fn a_lower_target_closes_by_the_rule_and_the_plan_shows_it_before() {
    let home = judged();
    home.replace(TARGETS, "25,1", "15,1");
    let plan = plan(&home, "2024-10-15", "2024-09");
    assert!(plan.contains("rule few_children version 2: 目标由25改为15"), "{plan}");
    assert!(plan.contains("因规则销号或达标 1: 乙镇"), "{plan}");
    assert_eq!(versions(&home).len(), 1, "a plan records nothing");
    judge(&home, "2024-10-15", "2024-09");
    let versions = versions(&home);
    assert_eq!(versions[1]["what"], "目标由25改为15");
    assert_eq!(versions[1]["compared"], "same_data");
    assert_eq!(versions[1]["opened"], "");
    assert_eq!(versions[1]["closed"], "2号乙镇");
    let reason = reasons(&home, 2).pop().unwrap();
    assert!(reason.ends_with("（因规则第2版：目标由25改为15）"), "{reason}");
    assert_eq!(home.count("SELECT max(rule_version) FROM item_events WHERE item_no = 2"), 2);
}

#[test]
fn a_higher_target_opens_by_the_rule_and_what_the_data_opened_is_not_its_doing() {
    let home = home(&["2024-09", "2024-10"]);
    // September: 丙镇 has 30. October: 丙镇 has 20, which is below the old target too.
    home.write("inbox/2024-10/120114003/在园幼儿月报表.csv", small::form(20));
    home.write("inbox/2024-10/120114002/在园幼儿月报表.csv", small::form(28));
    judge(&home, "2024-10-14", "2024-09");
    home.replace(TARGETS, "25,1", "29,1");
    judge(&home, "2024-11-14", "2024-10");
    let versions = versions(&home);
    // 乙镇 has 28 now: the old target would have let it pass.
    assert_eq!(versions[1]["kept"], "2号乙镇");
    assert_eq!(versions[1]["opened"], "", "丙镇 fell below both");
    assert!(!reasons(&home, 3).pop().unwrap().contains("规则"), "opened by the data");
    // Once more, on the same data: 丙镇 is not at fault any more only because of the rule.
    home.replace(TARGETS, "29,1", "19,1");
    judge(&home, "2024-11-15", "2024-10");
    let versions = self::versions(&home);
    assert_eq!(versions[2]["closed"], "2号乙镇、3号丙镇");
}

#[test]
fn a_new_target_opens_items_because_of_the_rule() {
    let home = judged();
    home.replace(TARGETS, "25,1", "35,1");
    judge(&home, "2024-10-15", "2024-09");
    assert_eq!(versions(&home)[1]["opened"], "3号丙镇");
    assert_eq!(reasons(&home, 3), ["在园幼儿30人，目标35人（因规则第2版：目标由25改为35）"]);
}

#[test]
fn a_deadline_is_a_version_that_judges_as_before() {
    let home = judged();
    home.replace(SUPERVISION, "deadline_workdays = 20", "deadline_workdays = 15");
    judge(&home, "2024-10-15", "2024-09");
    let versions = versions(&home);
    assert_eq!(versions[1]["what"], "办结期限由20个工作日改为15个工作日");
    assert_eq!(versions[1]["compared"], "unchanged");
}

#[test]
fn a_metric_that_changed_is_run_as_it_was_on_the_same_data() {
    let home = judged();
    home.replace(METRIC, "sum(children)", "sum(children) + 10");
    judge(&home, "2024-10-15", "2024-09");
    let versions = versions(&home);
    assert_eq!(versions[1]["what"], "计算语句有变：children");
    assert_eq!(versions[1]["compared"], "same_data");
    assert_eq!(versions[1]["closed"], "2号乙镇");
}

#[test]
fn where_the_old_rule_cannot_run_any_more_that_is_said() {
    let home = home(&["2024-09"]);
    let extra =
        home.read("pipelines/enrollment/pipeline.toml").replace("\"enrollment\"", "\"extra\"");
    home.write("pipelines/extra/pipeline.toml", extra);
    home.replace(
        METRIC,
        "FROM enrollment",
        "FROM (SELECT * FROM enrollment UNION ALL SELECT * FROM extra)",
    );
    let submit = ["--dataset", "enrollment"];
    for (i, town) in (1..).zip(small::TOWNS) {
        let file = format!("inbox/2024-09/{town}/在园幼儿月报表.csv");
        let path = home.root.join(&file);
        home.ok(&[
            &[
                "--as-of",
                "2024-10-08T08:30:00+08:00",
                "submit",
                path.to_str().unwrap(),
                "--unit",
                town,
                "--period",
                "2024-09",
            ],
            &submit[..],
        ]
        .concat());
        fs_err::remove_file(&path).unwrap();
        assert!(i < 4);
    }
    judge(&home, "2024-10-14", "2024-09");
    assert_eq!(home.count("SELECT count(*) FROM items WHERE check_id = 'few_children'"), 2);
    fs_err::remove_dir_all(home.root.join("pipelines/extra")).unwrap();
    home.replace(
        METRIC,
        "FROM (SELECT * FROM enrollment UNION ALL SELECT * FROM extra)",
        "FROM enrollment",
    );
    home.replace(TARGETS, "25,1", "35,1");
    judge(&home, "2024-10-15", "2024-09");
    let versions = versions(&home);
    assert_eq!(versions[1]["compared"], "both");
    let reason = reasons(&home, 3).pop().unwrap();
    assert!(
        reason.contains("规则与数据同时变化：目标由25改为35；计算语句有变：children"),
        "{reason}"
    );
}

/// A check that reads targets without `params`: those whose metric it names are its own, others are not.
#[test]
fn a_target_that_a_rule_does_not_name_is_none_of_its() {
    let home = home(&["2024-09"]);
    let supervision = home.read(SUPERVISION);
    let second = "\n[[check]]\nid = \"crowded\"\ntitle = \"在园幼儿过多\"\nsql = \"_checks/crowded.sql\"\n\
                  level = \"town\"\ndeadline_workdays = 5\n";
    home.write(SUPERVISION, supervision + second);
    let crowded = home
        .read(CHECK)
        .replace("t.metric = $metric AND t.level = $level", "t.metric = 'crowd'")
        .replace("c.children * t.den < t.num", "c.children * t.den > t.num");
    home.write("pipelines/_checks/crowded.sql", crowded);
    home.write(TARGETS, home.read(TARGETS) + "crowd,town,,campaign,28,1,<=,,\n");
    judge(&home, "2024-10-14", "2024-09");
    let newest = |check: &str| {
        home.count(&format!("SELECT max(version) FROM rules WHERE check_id = '{check}'"))
    };
    home.replace(TARGETS, "25,1", "15,1");
    judge(&home, "2024-10-15", "2024-09");
    assert_eq!((newest("few_children"), newest("crowded")), (2, 1));
    home.replace(TARGETS, "28,1", "18,1");
    judge(&home, "2024-10-16", "2024-09");
    assert_eq!((newest("few_children"), newest("crowded")), (2, 2));
    let text = ok_on(&home, "2024-10-16", &["rules", "crowded", "--format", "json"]);
    let versions: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(versions[1]["what"], "目标由不高于28改为不高于18");
    // 乙镇 has 20; 丙镇 (30) was at fault before.
    assert_eq!(versions[1]["opened"], "4号乙镇");
}
