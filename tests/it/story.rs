//! The whole campaign, 24 months, through the daemon: the story of the plan is in its figures.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use duban::demo::{Expected, Span, campaign};
use serde_json::Value;

use crate::home::Home;
use crate::tools::{python_with, repository};

/// The home of the whole demo, made once: all files, judgings, escalations, desk work, slips and mails of 24 months.
/// Of the reports it makes one, without papers, and of the ledger no weekly workbook: what these say, in all formats, is
/// held to account over the four months of [`crate::home::DEMO`]; 24 months of them would take longer than all other tests.
pub static WHOLE: LazyLock<Home> = LazyLock::new(|| {
    let home = Home::kept("story");
    duban::demo::make(&home.root, Span::whole()).expect("a home");
    home.keep_reports(&["joint_meeting"]);
    let papers = r#"formats = ["html", "pdf", "docx", "xlsx"]"#;
    home.replace("report_templates/joint_meeting/report.md.j2", papers, r#"formats = ["html"]"#);
    let digest = "[digest]\n";
    let without_book = format!("{digest}attach_ledger = \"never\"\n");
    home.replace("pipelines/_supervision.toml", digest, &without_book);
    home.ok(&["demo"]);
    home
});

fn numbers(sql: &str, column: &str) -> Vec<f64> {
    WHOLE.query(sql).iter().map(|row| row[column].as_f64().expect("a number")).collect()
}

fn district(column: &str) -> Vec<f64> {
    let sql = format!(
        "SELECT {column} FROM three_rates_carried WHERE level = 'district' ORDER BY period"
    );
    numbers(&sql, column)
}

#[test]
fn rates_rise_over_the_campaign_and_childcare_points_fall_from_about_150() {
    for (rate, least) in
        [("gross_enrolment", 0.03), ("inclusive_coverage", 0.04), ("public_share", 0.05)]
    {
        let values = district(rate);
        assert_eq!(values.len(), 24, "{rate}");
        assert!(values[23] - values[0] >= least, "{rate} rises: {values:?}");
        // Month by month hardly ever down, and never by more than a point.
        let falls = values.windows(2).filter(|pair| pair[1] < pair[0] - 0.003).count();
        assert!(falls <= 4, "{rate}: {values:?}");
        assert!(values.windows(2).all(|pair| pair[1] > pair[0] - 0.015), "{rate}: {values:?}");
    }
    let points = numbers(
        "SELECT points, n_reported FROM childcare_point_counts
         WHERE level = 'district' AND n_reported >= 29 ORDER BY period",
        "points",
    );
    assert!((130.0..=170.0).contains(&points[0]), "{points:?}");
    assert!(*points.last().unwrap() < 60.0, "{points:?}");
}

#[test]
fn a_town_reaches_the_public_share_and_one_loses_it() {
    let changes = WHOLE.query(
        "SELECT a.unit_code, a.met AS before, b.met AS after FROM rate_gaps a
         JOIN rate_gaps b ON b.unit_code = a.unit_code AND b.metric = a.metric
           AND b.target_set = a.target_set AND b.period = '2024-11'
         WHERE a.metric = 'public_share' AND a.level = 'town' AND a.target_set = 'campaign'
           AND a.period = '2024-06'",
    );
    let changed = |before: bool, after: bool| -> BTreeSet<&str> {
        let same = |row: &&Value| row["before"] == before && row["after"] == after;
        changes.iter().filter(same).map(|row| row["unit_code"].as_str().unwrap()).collect()
    };
    assert!(changed(true, false).contains("120114120"), "{changes:?}");
    assert!(!changed(false, true).is_empty(), "{changes:?}");
}

#[test]
fn enrolment_steps_in_september_and_stands_still_in_the_summer() {
    let enrolled = |period: &str| {
        let sql = format!(
            "SELECT enrolled FROM three_rates_carried WHERE level = 'district' AND period = '{period}'"
        );
        numbers(&sql, "enrolled")[0]
    };
    for (june, july, september) in
        [("2023-06", "2023-07", "2023-09"), ("2024-06", "2024-07", "2024-09")]
    {
        let step = (enrolled(september) - enrolled(june)).abs() / enrolled(june);
        let summer = (enrolled(july) - enrolled(june)).abs() / enrolled(june);
        assert!(step > 0.001, "{june} to {september}: {step}");
        assert!(summer < 0.0005, "{june} to {july}: {summer}");
    }
}

#[test]
fn files_come_by_both_doors_and_every_expected_one_is_known() {
    let by_door =
        WHOLE.query("SELECT door, count(*) AS n FROM submissions GROUP BY door ORDER BY door");
    assert_eq!(by_door.len(), 2, "{by_door:?}");
    assert!(by_door.iter().all(|row| row["n"].as_i64().unwrap() > 900), "{by_door:?}");
    let known: BTreeSet<String> = WHOLE
        .query("SELECT sha256 FROM submissions")
        .iter()
        .map(|row| row["sha256"].as_str().unwrap().to_owned())
        .collect();
    for arrival in campaign(Span::whole()).unwrap() {
        let sha256 = duban::durable::sha256_hex(&arrival.bytes);
        let is_known = known.contains(&sha256) || arrival.expected == Expected::Duplicate;
        assert!(is_known, "{}", arrival.path);
    }
}

#[test]
fn silences_corrections_and_nil_are_in_the_ledger() {
    let silences = WHOLE.query(
        "SELECT period, missing, late FROM reporting
         WHERE level = 'town' AND dataset = 'enrollment' AND unit_code = '120114120'
           AND period IN ('2023-02', '2023-03', '2023-04', '2024-12') ORDER BY period",
    );
    let told: Vec<(i64, i64)> = silences
        .iter()
        .map(|row| (row["missing"].as_i64().unwrap(), row["late"].as_i64().unwrap()))
        .collect();
    assert_eq!(
        told,
        [(0, 1), (0, 1), (0, 1), (1, 0)],
        "two months sent in April, the next a day late, one never sent"
    );
    let superseded = WHOLE.count("SELECT count(*) FROM submissions WHERE state = 'superseded'");
    assert!(superseded >= 3, "{superseded}");
    let again = WHOLE
        .count("SELECT count(*) FROM runs WHERE command LIKE 'run --period%' AND state = 'done'");
    assert_eq!(again, 3, "months that were reported once more");
    assert!(WHOLE.count("SELECT count(*) FROM submissions WHERE state = 'nil'") > 100);
    let failed = WHOLE.query("SELECT run_id, command FROM runs WHERE state <> 'done'");
    assert_eq!(failed, Vec::<Value>::new());
}

#[test]
fn the_figures_of_each_september_and_december_equal_a_computation_from_the_workbooks() {
    for period in ["2023-01", "2023-09", "2023-12", "2024-03", "2024-12"] {
        let Some(mut python) = python_with("openpyxl", "the campaign's figures") else { return };
        let output = python
            .arg(repository().join("tests/tools/oracle.py"))
            .arg(&WHOLE.root)
            .arg(period)
            .output()
            .expect("python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let oracle: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let ours = WHOLE.query(&format!(
            "SELECT unit_code, enrolled, public_enrolled, inclusive_enrolled, resident
             FROM three_rates WHERE period = '{period}' AND level <> 'group'"
        ));
        assert_eq!(ours.len(), 31, "{period}");
        for row in &ours {
            let theirs = oracle["three_rates"]
                .as_array()
                .unwrap()
                .iter()
                .find(|other| other["unit_code"] == row["unit_code"])
                .unwrap();
            for column in ["enrolled", "public_enrolled", "inclusive_enrolled", "resident"] {
                assert_eq!(row[column], theirs[column], "{period} {} {column}", row["unit_code"]);
            }
        }
        let points = WHOLE.query(&format!(
            "SELECT points, children FROM childcare_point_counts
             WHERE period = '{period}' AND level = 'district'"
        ));
        assert_eq!(points[0], oracle["childcare_points"], "{period}");
    }
}
