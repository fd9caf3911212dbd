use duban::check::{self, CheckError, Moment};
use duban::config::check::{CheckRule, load, load_all};
use duban::config::supervision;
use duban::metric;
use duban::model::{JudgedSubjects, Period};
use duban::pipeline::cases::{Definitions, load_cases, read_cases, run_cases, uncovered};
use jiff::civil::date;
use serde_json::json;

use crate::metric_world::{datasets, engine, metrics, pipelines, tables};

fn at(period: &str) -> Moment {
    let as_of = "2024-10-15T01:00:00Z".parse().expect("an instant");
    Moment { period: period.parse().expect("a period"), as_of, today: date(2024, 10, 15) }
}

fn checks() -> Vec<CheckRule> {
    load_all(&pipelines()).unwrap_or_else(|problems| panic!("{}", problems[0]))
}

/// A check of one SQL text.
fn check_of(sql: &str) -> CheckRule {
    let toml = "[[check]]\nid = \"c\"\ntitle = \"某项\"\nsql = \"c.sql\"\nlevel = \"town\"\n\
                deadline_workdays = 5\n";
    let mut checks = load("pipelines/_supervision.toml", toml, |_| Ok(sql.to_owned()))
        .unwrap_or_else(|problems| panic!("{}", problems[0]));
    checks.remove(0)
}

/// That each holds is seen by `duban check config` (`definitions::the_embedded_definitions_hold`).
#[test]
fn every_check_and_metric_has_cases_that_hit_and_miss() {
    let (datasets, tables, metrics, checks) = (datasets(), tables(), metrics(), checks());
    let definitions =
        Definitions { datasets: &datasets, tables: &tables, metrics: &metrics, checks: &checks };
    let cases = read_cases(&pipelines()).unwrap_or_else(|p| panic!("{}", p[0]));
    assert_eq!(uncovered(&definitions, &cases), Vec::<String>::new());
    assert!(cases.len() >= checks.len() + metrics.len(), "{}", cases.len());
}

#[tokio::test]
async fn a_case_that_does_not_hold_says_what_was_expected_and_what_found() {
    let text = r#"
[[case]]
metric = "town_units"
name = "一个镇街"
period = "2024-09"
[case.tables]
units = """
code,name,level
t1,甲镇,town
"""
[case.expect]
rows = """
unit_code,level
t2,town
"""
"#;
    let cases = load_cases("pipelines/_tests/x.toml", text).expect("cases");
    let (datasets, tables, metrics) = (datasets(), tables(), metrics());
    let definitions =
        Definitions { datasets: &datasets, tables: &tables, metrics: &metrics, checks: &[] };
    let results = run_cases(&definitions, &cases).await;
    let failure = results[0].failure.as_ref().expect("a failure").to_string();
    assert_eq!(
        failure,
        "pipelines/_tests/x.toml:4: “一个镇街”: on unit_code,level: expected but not found \
         [t2,town]; found but not expected [t1,town]"
    );
}

#[tokio::test]
async fn a_case_over_a_misspelt_table_or_column_is_refused() {
    let case = |tables: &str| {
        let text = format!(
            "[[case]]\nmetric = \"town_units\"\nname = \"n\"\nperiod = \"2024-09\"\n\
             [case.tables]\n{tables}\n[case.expect]\nrows = \"unit_code\"\n"
        );
        load_cases("x.toml", &text).expect("cases").remove(0)
    };
    let cases = [case("unitz = \"code\\nt1\""), case("units = \"codes\\nt1\"")];
    let (datasets, tables, metrics) = (datasets(), tables(), metrics());
    let definitions =
        Definitions { datasets: &datasets, tables: &tables, metrics: &metrics, checks: &[] };
    let results = run_cases(&definitions, &cases).await;
    let said: Vec<&str> =
        results.iter().map(|r| r.failure.as_ref().map_or("", |f| f.message.as_str())).collect();
    assert_eq!(
        said,
        [
            "“n”: there is no table `unitz`; did you mean `units`?",
            "“n”: table units: row 0: there is no column codes"
        ]
    );
}

#[tokio::test]
async fn all_checks_compile_over_empty_tables() {
    let engine = engine(&[]);
    metric::register_all(&engine, &metrics()).await.unwrap_or_else(|e| panic!("{}", e.diagnostic));
    check::compile(&engine, &checks()).await.unwrap_or_else(|p| panic!("{}", p[0]));
}

#[tokio::test]
async fn every_metric_with_a_target_is_checked_at_town_and_district() {
    let checks = checks();
    let result = engine(&[])
        .query("SELECT DISTINCT metric, level FROM targets ORDER BY 1, 2", &[])
        .await
        .expect("query");
    assert!(result.n_rows() >= 19, "{}", result.n_rows());
    for row in result.rows() {
        let (metric, level) = (row.text("metric").expect("text"), row.text("level").expect("text"));
        // An item a kindergarten, and an indicator of the self-assessment (26, 33) for the district.
        let elsewhere = [
            ("facility_standard", "town", "facility_short"),
            ("facility_standard", "district", "indicator_failed"),
            ("training_coverage", "district", "indicator_failed"),
        ];
        let elsewhere = elsewhere.iter().find(|(name, of, _)| (*name, *of) == (metric, level));
        let found = checks.iter().any(|check| {
            elsewhere.is_some_and(|(_, _, id)| check.id == *id)
                || check.level == level
                    && (check.params.get("metric").is_some_and(|name| name == metric)
                        || check.id == format!("{metric}_{level}"))
        });
        assert!(found, "no check of {metric} at {level}");
    }
}

#[tokio::test]
async fn a_check_that_lacks_a_column_is_refused_with_a_hint() {
    let check = check_of(
        "SELECT 'town' AS subject_kind, code AS subject, name AS subject_name, code AS unit_code,\n\
         $period AS period, 1 AS observed, 'x' AS target, '' AS detail FROM units",
    );
    let problems = check::compile(&engine(&[]), &[check]).await.expect_err("two columns");
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "pipelines/c.sql: the query of check `c` returns no column `subject_code`\n  \
             hint: it returns subject_kind, subject, subject_name, unit_code, period, observed, \
             target, detail",
            "pipelines/c.sql: column `target` of check `c` is Utf8, not a number\n  \
             hint: CAST(target AS DOUBLE) AS target",
        ]
    );
}

#[tokio::test]
async fn a_check_with_an_unknown_parameter_is_refused_with_its_place() {
    let check = check_of("SELECT *\nFROM units WHERE name = $perid");
    let problems = check::compile(&engine(&[]), &[check]).await.expect_err("a parameter");
    assert_eq!(
        problems[0].to_string(),
        "pipelines/c.sql:2:25: unknown parameter `$perid`\n     2 | FROM units WHERE name = $perid\n       \
         |                         ^\n  hint: did you mean `$period`?"
    );
}

#[tokio::test]
async fn a_subject_returned_twice_is_an_error_and_not_two_items() {
    let row = "SELECT 'town' AS subject_kind, 't1' AS subject_code, '甲镇' AS subject_name, \
               't1' AS unit_code, $period AS period, 0.1 AS observed, 0.5 AS target, 'x' AS detail";
    let check = check_of(&format!("{row} UNION ALL {row}"));
    let error = check::run(&engine(&[]), &check, &at("2024-09")).await.expect_err("twice");
    assert!(matches!(error, CheckError::Twice { .. }), "{error}");
    let outcome = check::run(&engine(&[]), &check_of(row), &at("2024-09")).await.expect("once");
    assert_eq!(outcome.violations.len(), 1);
    assert_eq!(outcome.violations[0].period, Period::Month { year: 2024, month: 9 });
    assert_eq!(outcome.judged, JudgedSubjects::All);
}

#[tokio::test]
async fn a_row_without_a_subject_names_the_row() {
    let check = check_of(
        "SELECT 'town' AS subject_kind, code AS subject_code, name AS subject_name, \
         parent AS unit_code, $period AS period, CAST(NULL AS DOUBLE) AS observed, \
         CAST(NULL AS DOUBLE) AS target, '' AS detail FROM units WHERE code = 'd'",
    );
    let error = check::run(&engine(&[]), &check, &at("2024-09")).await.expect_err("no unit");
    assert_eq!(error.to_string(), "check c: row 1 of its result: unit_code is empty");
}

#[tokio::test]
async fn from_rows_to_violations_a_silent_town_raises_none() {
    let engine = engine(&[
        (
            "enrollment",
            vec![json!({"period": "2024-09", "unit_code": "t1", "reporter_code": "t1",
                "inst_code": "a", "inst_kind": "private_other", "class_type": "upper",
                "class_name": "一班", "children": 10})],
        ),
        (
            "coverage",
            vec![json!({"dataset": "enrollment", "period": "2024-09", "reporter_code": "t1",
                "unit_code": "t1", "state": "accepted"})],
        ),
    ]);
    metric::register_all(&engine, &metrics()).await.unwrap_or_else(|e| panic!("{}", e.diagnostic));
    let check =
        checks().into_iter().find(|check| check.id == "public_share_town").expect("a check");
    let outcome = check::run(&engine, &check, &at("2024-09")).await.expect("runs");
    let subjects: Vec<&str> =
        outcome.violations.iter().map(|v| v.key.subject_code.as_str()).collect();
    assert_eq!(subjects, ["t1"]);
    let judged = [("town".into(), "t1".into())].into();
    assert_eq!(outcome.judged, JudgedSubjects::Only(judged));
}

#[tokio::test]
async fn one_failing_check_does_not_stop_the_others_and_judges_nobody() {
    let row = "SELECT 'town' AS subject_kind, 't1' AS subject_code, '甲镇' AS subject_name, \
               't1' AS unit_code, $period AS period, 0.1 AS observed, 0.5 AS target, 'x' AS detail";
    let checks = [
        CheckRule { id: "good".to_owned(), ..check_of(row) },
        CheckRule { id: "bad".to_owned(), ..check_of("SELECT 1 AS one FROM gone") },
        CheckRule { id: "each".to_owned(), per_period: true, ..check_of(row) },
    ];
    let checked = check::run_all(&engine(&[]), &checks, &at("2024-09")).await;
    let keys: Vec<String> = checked
        .violations
        .iter()
        .map(|v| format!("{} {}", v.key.check_id, v.key.subject_code))
        .collect();
    assert_eq!(keys, ["each t1@2024-09", "good t1"]);
    assert_eq!(checked.judged.checks.keys().collect::<Vec<_>>(), ["each", "good"]);
    assert_eq!(checked.errors.len(), 1);
    assert_eq!(checked.errors[0].to_string(), "check bad cannot be run");
}

#[test]
fn a_wrong_check_is_refused_with_all_its_faults() {
    let toml = r#"[[check]]
id = "a b"
title = ""
sql = "missing.sql"
level = "town"
deadline_workdays = 0
params = { period = "x" }
"#;
    let gone = || std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
    let problems = load("pipelines/_supervision.toml", toml, |_| Err(gone())).expect_err("wrong");
    let said: Vec<String> =
        problems.iter().map(|p| format!("{}: {}", p.line.unwrap_or(0), p.message)).collect();
    assert_eq!(
        said,
        [
            "2: `a b` is no id",
            "3: the title is empty: it is what a supervisor reads",
            "6: a deadline of 0 working days would be over on the day of issue",
            "7: `period` is given to every check",
            "4: `missing.sql` cannot be read: no such file",
        ]
    );
    let toml = "[[check]]\nid = \"a\"\ntitel = \"t\"\n";
    let problems = load("x/pipeline.toml", toml, |_| Err(gone())).expect_err("unknown key");
    assert_eq!(
        (problems[0].line, problems[0].hint.as_deref()),
        (Some(3), Some("did you mean `title`?"))
    );
    let toml = "[[chek]]\nid = \"a\"\n";
    let problems = supervision::load("pipelines/_supervision.toml", toml).expect_err("chek");
    assert_eq!(
        (problems[0].line, problems[0].hint.as_deref()),
        (Some(1), Some("did you mean `check`?"))
    );
}
