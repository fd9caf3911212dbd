//! The same month again, a workbook saved again, a workbook corrected.

use std::path::PathBuf;

use serde_json::Value;

use crate::home::{DEMO, Home, files};
use crate::tools::{python_with, repository};

/// After the campaign's last run, while its last month is still the newest due one.
const LATER: &str = "2025-01-20T01:00:00Z";

/// What must not grow: snapshots, item events but for lights, editions, mails.
fn made(home: &Home) -> Vec<i64> {
    [
        "SELECT count(*) FROM snapshots",
        "SELECT count(*) FROM item_events WHERE kind <> 'kept'",
        "SELECT count(*) FROM editions",
        "SELECT count(*) FROM deliveries",
    ]
    .map(|sql| home.count(sql))
    .to_vec()
}

/// The demo's home with the joint meeting's report alone: others fall due on other days.
fn home() -> Home {
    let home = Home::copy_of(&DEMO.root);
    home.keep_reports(&["joint_meeting"]);
    home
}

fn run_later(home: &Home) -> String {
    home.ok(&["--as-of", LATER, "run", "--period", "2024-12"])
}

/// An accepted month's workbook of a town, in the inbox.
fn workbook(home: &Home) -> (PathBuf, String) {
    let rows = home.query(
        "SELECT reporter_code, file_name FROM submissions
         WHERE dataset = 'enrollment' AND period = '2024-12' AND state = 'accepted'
           AND file_name LIKE '%.xlsx' AND reporter_code <> '120114B' ORDER BY reporter_code",
    );
    let text = |name: &str| rows[0][name].as_str().expect("text").to_owned();
    let unit = text("reporter_code");
    (home.root.join("inbox/2024-12").join(&unit).join(text("file_name")), unit)
}

/// Puts a workbook beside the town's own, saved by a program of another make.
fn edited(home: &Home, mode: &str) -> Option<String> {
    let (from, unit) = workbook(home);
    let to = from.with_file_name("再报_在园幼儿月报.xlsx");
    let mut python = python_with("openpyxl", mode)?;
    python.arg(repository().join("tests/tools/edit_workbook.py")).arg(mode).arg(&from).arg(&to);
    let output = python.output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_ne!(fs_err::read(&from).unwrap(), fs_err::read(&to).unwrap(), "other bytes");
    Some(unit)
}

#[test]
fn the_same_month_again_makes_nothing_new() {
    let home = home();
    let before = made(&home);
    let said = run_later(&home);
    assert_eq!(made(&home), before, "{said}");
    assert!(said.contains("unchanged"), "{said}");
    run_later(&home);
    assert_eq!(made(&home), before, "and a third time");
}

#[test]
fn a_workbook_saved_again_by_another_program_makes_nothing_new() {
    let home = home();
    let before = made(&home);
    let Some(unit) = edited(&home, "resave") else { return };
    let said = run_later(&home);
    assert_eq!(made(&home), before, "{said}");
    let taken = home.query(&format!(
        "SELECT state FROM submissions WHERE reporter_code = '{unit}' AND period = '2024-12'
           AND dataset = 'enrollment' ORDER BY submission_id DESC"
    ));
    assert_eq!(taken[0]["state"], "accepted", "it was taken all the same");
    assert_eq!(taken[1]["state"], "superseded");
}

#[test]
fn a_corrected_workbook_makes_a_new_snapshot_and_an_edition_that_says_what_changed() {
    let home = home();
    let before = made(&home);
    let snapshots = files(&home.root.join("data/snapshots"), "parquet");
    let enrolled =
        "SELECT enrolled FROM three_rates WHERE level = 'district' AND period = '2024-12'";
    let was = home.count(enrolled);
    let Some(unit) = edited(&home, "correct") else { return };
    let said = run_later(&home);
    let after = made(&home);
    let now = files(&home.root.join("data/snapshots"), "parquet");
    assert_eq!(now.len(), snapshots.len() + 1, "one snapshot more: {said}");
    assert_eq!(after[2], before[2] + 1, "one edition more: {said}");
    assert!(after[3] > before[3], "it was mailed: {said}");
    for old in snapshots {
        assert!(old.is_file(), "{} is still there", old.display());
    }
    assert_eq!(home.count(enrolled), was + 1);
    // What was known then can still be asked.
    let then: Vec<Value> = serde_json::from_str(&home.ok(&[
        "--as-of",
        "2025-01-15T00:00:00Z",
        "query",
        "--format",
        "json",
        enrolled,
    ]))
    .expect("JSON");
    assert_eq!(then[0]["enrolled"], was);
    let newest =
        home.query("SELECT max(edition_no) AS no FROM editions WHERE report = 'joint_meeting'");
    let folder =
        format!("data/reports/joint_meeting/2024-12/{:03}", newest[0]["no"].as_i64().unwrap());
    let text = files(&home.root.join(folder), "txt");
    let text = fs_err::read_to_string(&text[0]).unwrap();
    let name = home.query(&format!("SELECT name FROM units WHERE code = '{unit}'"));
    let name = name[0]["name"].as_str().unwrap();
    let line = text.lines().find(|line| line.contains("更正") && line.contains(name));
    assert!(line.is_some(), "the correction of {name} is said:\n{text}");
    assert!(text.contains("更正为"), "a restated figure is said:\n{text}");
}

#[test]
fn a_town_whose_file_was_taken_but_not_yet_cut_shows_as_not_reported_and_never_as_zero() {
    let home = Home::new();
    let arrivals: Vec<_> = duban::demo::campaign(duban::demo::Span::last_months())
        .expect("a campaign")
        .into_iter()
        .filter(|arrival| {
            arrival.form == duban::demo::Form::Enrollment
                && arrival.period.to_string() == "2024-09"
                && arrival.expected == duban::demo::Expected::Accepted
                // 镇 without a 直属园: nothing of theirs hangs on the bureau's file.
                && ("120114100".."120114200").contains(&arrival.reporter.as_str())
                && arrival.fault.is_none()
        })
        .take(2)
        .collect();
    let take = |arrival: &duban::demo::Arrival, minute: u32| {
        let name = arrival.path.rsplit('/').next().expect("a name");
        home.write(&format!("out/{name}"), &arrival.bytes);
        let file = home.root.join("out").join(name).display().to_string();
        let at = format!("2024-10-14T01:{minute:02}:00Z");
        home.ok(&[
            "--as-of",
            &at,
            "submit",
            &file,
            "--unit",
            arrival.reporter.as_str(),
            "--period",
            "2024-09",
        ]);
    };
    let enrolled = |arrival: &duban::demo::Arrival| {
        home.query(&format!(
            "SELECT enrolled FROM three_rates WHERE unit_code = '{}' AND period = '2024-09'",
            arrival.reporter
        ))
    };
    take(&arrivals[0], 1);
    home.ok(&["--as-of", "2024-10-14T01:02:00Z", "run", "--period", "2024-09"]);
    assert!(enrolled(&arrivals[0])[0]["enrolled"].as_i64().is_some_and(|n| n > 0));
    take(&arrivals[1], 3);
    assert_eq!(enrolled(&arrivals[1])[0]["enrolled"], Value::Null, "taken, not cut");
    home.ok(&["--as-of", "2024-10-14T01:04:00Z", "run", "--period", "2024-09"]);
    assert!(enrolled(&arrivals[1])[0]["enrolled"].as_i64().is_some_and(|n| n > 0), "cut");
}
