//! Four months of the campaign from files to mails, held against computations of another make.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use duban::demo::{Expected, Form, Span, campaign, story};
use serde_json::Value;

use crate::home::{DEMO, Home, files};
use crate::tools::{python_with, repository};

fn python_json(command: &mut Command) -> Value {
    let output = command.output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn every_file_of_the_campaign_ends_as_it_should() {
    let decided: BTreeMap<(String, String, String), Vec<String>> = DEMO
        .query("SELECT reporter_code, period, file_name, state FROM submissions ORDER BY submission_id")
        .into_iter()
        .fold(BTreeMap::new(), |mut map, row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            map.entry((text("reporter_code"), text("period"), text("file_name")))
                .or_default()
                .push(text("state"));
            map
        });
    let mut wrong = Vec::new();
    for arrival in campaign(Span::last_months()).expect("a campaign") {
        let file_name = arrival.path.rsplit('/').next().expect("a name").to_owned();
        let key = (arrival.reporter.to_string(), arrival.period.to_string(), file_name);
        let states = decided.get(&key);
        let fits = match (arrival.expected, states) {
            (Expected::Duplicate, None) => true,
            (Expected::Duplicate, Some(_)) | (_, None) => false,
            (expected, Some(states)) => states.iter().all(|state| match expected {
                // What was accepted may have been superseded by a correction.
                Expected::Accepted if state == "nil" => {
                    [Form::ChildcarePoints, Form::CommunityKindergartens].contains(&arrival.form)
                }
                Expected::Accepted => ["accepted", "superseded"].contains(&state.as_str()),
                Expected::AcceptedWithWarnings => {
                    ["accepted_with_warnings", "superseded"].contains(&state.as_str())
                }
                Expected::Returned | Expected::Refused => state == "returned",
                Expected::Duplicate => false,
            }),
        };
        if !fits {
            wrong
                .push(format!("{}: expected {:?}, got {states:?}", arrival.path, arrival.expected));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_returned_file_says_why_and_where() {
    let silent = DEMO.query(
        "SELECT s.submission_id, s.file_name FROM submissions s
         LEFT JOIN findings f ON f.submission_id = s.submission_id AND f.severity = 'error'
         WHERE s.state = 'returned' AND f.submission_id IS NULL",
    );
    assert_eq!(silent, Vec::<Value>::new(), "returned without an error");
    let returned = DEMO.count("SELECT count(*) FROM submissions WHERE state = 'returned'");
    assert!(returned >= 5, "{returned} files were returned");
    let empty = DEMO.count("SELECT count(*) FROM findings WHERE expected = '' OR fix = ''");
    assert_eq!(empty, 0, "every finding says what was expected and what to do");
}

#[test]
fn a_file_with_a_childs_identity_is_not_kept_anywhere() {
    let refused: Vec<_> = campaign(Span::last_months())
        .expect("a campaign")
        .into_iter()
        .filter(|a| a.expected == Expected::Refused)
        .collect();
    assert!(!refused.is_empty(), "the campaign has such a file");
    for arrival in refused {
        let sha256 = duban::durable::sha256_hex(&arrival.bytes);
        let folder = DEMO.root.join("data/archive").join(&sha256[..2]);
        assert!(!folder.join(&sha256).exists(), "{} is in the archive", arrival.path);
        let known = DEMO.query(&format!("SELECT state FROM submissions WHERE sha256 = '{sha256}'"));
        assert_eq!(known.len(), 1, "its hash is known");
    }
}

/// Rows of two makes agree on all columns that both have; numbers to 1e-12.
fn same(ours: &[Value], theirs: &[Value], key: &[&str], columns: &[&str], what: &str) {
    let by_key = |rows: &[Value]| -> BTreeMap<String, Value> {
        rows.iter()
            .map(|row| {
                let parts: Vec<String> = key.iter().map(|name| row[*name].to_string()).collect();
                (parts.join("/"), row.clone())
            })
            .collect()
    };
    let (ours, theirs) = (by_key(ours), by_key(theirs));
    assert_eq!(
        ours.keys().collect::<Vec<_>>(),
        theirs.keys().collect::<Vec<_>>(),
        "{what}: the same rows"
    );
    let mut compared = 0;
    for (key, ours) in &ours {
        let theirs = &theirs[key];
        for column in columns {
            let (a, b) = (&ours[*column], &theirs[*column]);
            let equal = match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-12,
                _ => a == b,
            };
            assert!(equal, "{what} {key} {column}: ours {a}, theirs {b}");
            compared += 1;
        }
    }
    assert!(compared > 0, "{what}: something was compared");
}

#[test]
fn the_three_rates_equal_a_computation_from_the_workbooks_that_shares_no_code() {
    let Some(_) = python_with("openpyxl", "oracle") else { return };
    let mut periods: Vec<String> = story(Span::last_months())
        .expect("a story")
        .iter()
        .map(|run| run.period.to_string())
        .collect();
    periods.dedup();
    for period in periods {
        let mut python = python_with("openpyxl", "oracle").expect("it was there");
        python.arg(repository().join("tests/tools/oracle.py")).arg(&DEMO.root).arg(&period);
        let oracle = python_json(&mut python);
        let ours = DEMO.query(&format!("SELECT * FROM three_rates WHERE period = '{period}'"));
        let theirs = oracle["three_rates"].as_array().expect("rows");
        same(
            &ours,
            theirs,
            &["level", "unit_code"],
            &[
                "resident",
                "enrolled",
                "inclusive_enrolled",
                "public_enrolled",
                "gross_enrolment",
                "inclusive_coverage",
                "public_share",
                "gross_num",
                "gross_den",
                "coverage_num",
                "coverage_den",
                "share_num",
                "share_den",
                "n_units",
                "n_reported",
            ],
            &format!("three_rates {period}"),
        );
        let tables: [(&str, &[&str]); 5] = [
            ("three_rates_carried", &["level", "unit_code"]),
            ("rate_gaps", &["level", "unit_code", "metric", "target_set"]),
            ("class_size", &["level", "unit_code"]),
            ("teacher_ratio", &["level", "unit_code"]),
            ("certificates", &["level", "unit_code"]),
        ];
        for (table, key) in tables {
            // Groups have no targets in this district; the oracle gives their gaps all the same.
            let theirs: Vec<Value> = oracle[table]
                .as_array()
                .expect("rows")
                .iter()
                .filter(|row| table != "rate_gaps" || row["level"] != "group")
                .cloned()
                .collect();
            // It has no figures of facilities, training and the like: those have cases of their own.
            let known: BTreeSet<&str> =
                theirs.iter().filter_map(|row| row["metric"].as_str()).collect();
            let mut ours = DEMO.query(&format!("SELECT * FROM {table} WHERE period = '{period}'"));
            ours.retain(|row| row["metric"].as_str().is_none_or(|name| known.contains(name)));
            let of_both: Vec<&str> = theirs[0]
                .as_object()
                .expect("a row")
                .keys()
                .map(String::as_str)
                .filter(|name| !key.contains(name) && ours[0].get(*name).is_some())
                .filter(|name| !["unit_name", "period"].contains(name))
                .collect();
            assert!(of_both.len() >= 3, "{table}: {of_both:?}");
            same(&ours, &theirs, key, &of_both, &format!("{table} {period}"));
        }
    }
}

#[test]
fn a_rate_on_the_border_is_told_from_one_below_it() {
    // The campaign has a town at exactly one half and one a child short of it.
    let exact = DEMO.count(
        "SELECT count(*) FROM three_rates WHERE level = 'town' AND 2 * share_num = share_den",
    );
    assert!(exact > 0, "a town at exactly 50 %");
    let items = DEMO.query(
        "SELECT i.item_no FROM items i JOIN three_rates r
           ON r.unit_code = i.subject_code AND r.period = i.period AND r.level = 'town'
         WHERE i.check_id LIKE 'public_share%' AND 2 * r.share_num >= r.share_den
           AND i.state NOT IN ('closed', 'withdrawn') AND NOT i.data_passes",
    );
    assert_eq!(items, Vec::<Value>::new(), "no item for a town at or above 50 %");
}

#[test]
fn the_demo_again_changes_nothing() {
    let home = Home::copy_of(&DEMO.root);
    let before = home.state();
    home.ok(&["demo"]);
    assert_eq!(home.state(), before);
}

#[test]
fn the_mail_parses_in_another_parser() {
    let Some(mut python) = python_with("email", "read_mail") else { return };
    let mails = files(&DEMO.root.join("data/mail"), "eml");
    assert!(!mails.is_empty(), "mails were delivered");
    let newest = DEMO.query("SELECT message_id FROM deliveries ORDER BY delivery_id DESC LIMIT 1");
    let message_id = newest[0]["message_id"].as_str().expect("an id");
    let mail = DEMO.root.join("data/mail").join(format!("{message_id}.eml"));
    python.arg(repository().join("tests/tools/read_mail.py")).arg(&mail);
    let read = python_json(&mut python);
    let subject = read["subject"].as_str().expect("a subject");
    assert!(subject.contains("2024年12月"), "{subject}");
    let parts = read["parts"].as_array().expect("parts");
    let kind = |part: &Value| part["content_type"].as_str().unwrap_or_default().to_owned();
    let html = parts.iter().find(|part| kind(part) == "text/html").expect("an HTML body");
    let html = html["text"].as_str().expect("text");
    let plain = parts.iter().find(|part| kind(part) == "text/plain").expect("a plain body");
    let images: Vec<&Value> = parts.iter().filter(|part| kind(part) == "image/png").collect();
    assert!(!images.is_empty(), "charts are shown in the mail");
    for image in images {
        let cid = image["content_id"].as_str().expect("a content id");
        let cid = cid.trim_matches(['<', '>']);
        assert!(html.contains(&format!("cid:{cid}")), "{cid} is shown");
    }
    let attached: Vec<String> =
        parts.iter().filter_map(|part| part["file_name"].as_str().map(str::to_owned)).collect();
    for end in [".pdf", ".xlsx"] {
        assert!(attached.iter().any(|name| name.ends_with(end)), "{attached:?}");
    }
    assert!(html.len() < 100_000, "the HTML is {} bytes", html.len());
    // The district's figure stands in both bodies, to the digit that the query gives.
    let district = DEMO
        .query("SELECT enrolled FROM three_rates WHERE level = 'district' AND period = '2024-12'");
    let enrolled = district[0]["enrolled"].as_i64().expect("a count");
    let spoken = format!("{},{:03}", enrolled / 1000, enrolled % 1000);
    for body in [html, plain["text"].as_str().expect("text")] {
        assert!(
            body.contains(&spoken) || body.contains(&enrolled.to_string()),
            "{enrolled} stands in the body"
        );
    }
}

/// The newest edition's file with an extension.
fn newest_file(extension: &str) -> std::path::PathBuf {
    let newest =
        DEMO.query("SELECT max(edition_no) AS no FROM editions WHERE report = 'joint_meeting'");
    let no = newest[0]["no"].as_i64().expect("a number");
    let folder = DEMO.root.join(format!("data/reports/joint_meeting/2024-12/{no:03}"));
    files(&folder, extension).remove(0)
}

#[test]
fn the_workbook_of_the_last_report_holds_the_figures_of_the_query() {
    let Some(mut python) = python_with("openpyxl", "workbook") else { return };
    python.arg(repository().join("tests/tools/check_xlsx.py")).arg(newest_file("xlsx"));
    let read = python_json(&mut python);
    let sheets = read["sheets"].as_array().expect("sheets");
    let sheet = sheets
        .iter()
        .find(|sheet| sheet["name"].as_str().is_some_and(|name| name.contains("各镇街三率")))
        .expect("the towns' sheet");
    assert!(!sheet["freeze_panes"].is_null(), "the header stands still");
    assert_eq!(sheet["formulas"], serde_json::json!([]), "nothing runs as a formula");
    let cells: BTreeMap<&str, &Value> = sheet["cells"]
        .as_array()
        .expect("cells")
        .iter()
        .map(|cell| (cell["cell"].as_str().expect("a place"), &cell["value"]))
        .collect();
    let mut n = 0;
    for row in DEMO.query(
        "SELECT unit_name, enrolled, gross_enrolment, inclusive_coverage, public_share
         FROM three_rates WHERE level = 'town' AND period = '2024-12' AND enrolled IS NOT NULL",
    ) {
        let (place, _) = cells
            .iter()
            .find(|(_, value)| value.as_str() == row["unit_name"].as_str())
            .expect("the town has a row");
        let line: String = place.chars().filter(char::is_ascii_digit).collect();
        let shown: Vec<f64> = cells
            .iter()
            .filter(|(place, _)| {
                place.trim_start_matches(|c: char| c.is_ascii_alphabetic()) == line
            })
            .filter_map(|(_, value)| value.as_f64())
            .collect();
        for column in ["enrolled", "gross_enrolment", "inclusive_coverage", "public_share"] {
            let figure = row[column].as_f64().expect("a figure");
            assert!(
                shown.iter().any(|value| (value - figure).abs() < 1e-12),
                "{} {column} {figure} is among {shown:?}",
                row["unit_name"]
            );
            n += 1;
        }
    }
    assert_eq!(n, 29 * 4, "29 towns had reported");
}

#[test]
fn the_paper_holds_title_and_figures() {
    let found = Command::new("pdftotext").arg("-v").output().is_ok();
    if !found {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "pdftotext is missing");
        eprintln!("LEFT OUT: the paper's text: pdftotext is not installed (poppler-utils)");
        return;
    }
    let output = Command::new("pdftotext")
        .arg("-layout")
        .arg(newest_file("pdf"))
        .arg("-")
        .output()
        .expect("runs");
    let text: String =
        String::from_utf8_lossy(&output.stdout).chars().filter(|c| !c.is_whitespace()).collect();
    assert!(text.contains("进展情况报告（2024年12月）"), "the title");
    let rows = DEMO.query(
        "SELECT enrolled, public_enrolled, share_num, share_den FROM three_rates
         WHERE level = 'district' AND period = '2024-12'",
    );
    for column in ["enrolled", "public_enrolled"] {
        let n = rows[0][column].as_i64().expect("a count");
        let spoken = format!("{},{:03}", n / 1000, n % 1000);
        assert!(text.contains(&spoken), "{column} {spoken}");
    }
    let (num, den) =
        (rows[0]["share_num"].as_i64().unwrap(), rows[0]["share_den"].as_i64().unwrap());
    // Truncated to two decimals by integers alone.
    let hundredths = num * 10_000 / den;
    let down = format!("{}.{:02}%", hundredths / 100, hundredths % 100);
    let up = format!("{}.{:02}%", (hundredths + 1) / 100, (hundredths + 1) % 100);
    assert!(text.contains(&down) || text.contains(&up), "{down} or {up}");
}
