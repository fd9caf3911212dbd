//! The section 报送情况 of the joint meeting's report: the same figures as SQL has, in every format.

use std::io::Read;
use std::process::Command;

use serde_json::Value;

use crate::home::{Home, files};
use crate::tools::{python_with, repository};

/// A home of Wuqing in which two units have said that there is nothing, one of them late.
fn reported() -> Home {
    let home = Home::new();
    home.keep_reports(&["joint_meeting"]);
    let nil = |at: &str, unit: &str| {
        let call = ["--as-of", at, "submit", "--nil", "--dataset", "enrollment", "--period"];
        home.ok(&[&call[..], &["2024-09", "--unit", unit]].concat());
    };
    nil("2024-10-09T01:00:00Z", "杨村街道");
    // The due date is Saturday 12 October.
    nil("2024-10-14T01:00:00Z", "梅厂镇");
    home.ok(&["--as-of", "2024-10-20T01:00:00Z", "run", "--period", "2024-09"]);
    home
}

fn newest(home: &Home, extension: &str) -> std::path::PathBuf {
    files(&home.root.join("data/reports/joint_meeting/2024-09/001"), extension).remove(0)
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn the_section_on_reporting_equals_sql_in_every_format() {
    let home = reported();
    let rows = home.query(
        "SELECT dataset_title, expected, actual, on_time, late, nil, rate, on_time_rate FROM reporting
         WHERE level = 'district' AND dataset = 'enrollment' AND period = '2024-09'",
    );
    // 30 towns and the bureau.
    let counts: Vec<i64> = ["expected", "actual", "on_time", "late", "nil"]
        .map(|column| rows[0][column].as_i64().unwrap())
        .to_vec();
    assert_eq!(counts, [31, 2, 1, 1, 2]);
    let rate = rows[0]["rate"].as_f64().unwrap();
    let on_time_rate = rows[0]["on_time_rate"].as_f64().unwrap();
    assert!((rate - 2.0 / 31.0).abs() < 1e-12 && (on_time_rate - 1.0 / 31.0).abs() < 1e-12);

    let text = fs_err::read_to_string(newest(&home, "txt")).unwrap();
    let line = text.lines().find(|line| line.starts_with("在园幼儿月报表")).expect("a row");
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells[..5], ["在园幼儿月报表", "2024-09", "31", "2", "1"], "{line}");
    // 2/31 = 6.4516 %, 1/31 = 3.2258 %.
    assert!(cells[5].starts_with("6.45") && cells[6].starts_with("3.2"), "{line}");
    let (shown_rate, shown_on_time) = (cells[5], cells[6]);
    for part in [
        "（迟报）的有：",
        "在园幼儿月报表：梅厂镇。",
        "（零报告）的有：",
        "在园幼儿月报表：杨村街道、梅厂镇。",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let html = squeezed(&fs_err::read_to_string(newest(&home, "html")).unwrap());
    // An appendix as long as this one stands in what the mail carries.
    assert!(html.contains("报送情况：见所附文件。"), "{html}");
    let mut word =
        zip::ZipArchive::new(fs_err::File::open(newest(&home, "docx")).unwrap()).unwrap();
    let mut xml = String::new();
    word.by_name("word/document.xml").unwrap().read_to_string(&mut xml).unwrap();
    let tags = regex::Regex::new("<[^>]*>").unwrap();
    let word = squeezed(&tags.replace_all(&xml, ""));
    let row = format!("在园幼儿月报表2024-093121{shown_rate}{shown_on_time}");
    assert!(word.contains(&row), "no {row} in\n{word}");

    if let Some(mut python) = python_with("openpyxl", "the_section_on_reporting_equals_sql") {
        python.arg(repository().join("tests/tools/check_xlsx.py")).arg(newest(&home, "xlsx"));
        let output = python.output().unwrap();
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        let sheet = read["sheets"]
            .as_array()
            .unwrap()
            .iter()
            .find(|sheet| sheet["name"].as_str().is_some_and(|name| name.contains("报送情况")))
            .expect("a sheet of the table");
        let cells = sheet["cells"].as_array().unwrap();
        let place = |cell: &Value| cell["cell"].as_str().unwrap().to_owned();
        let title = cells.iter().find(|cell| cell["value"] == "在园幼儿月报表").expect("a row");
        let line: String = place(title).chars().filter(char::is_ascii_digit).collect();
        let figures: Vec<f64> = cells
            .iter()
            .filter(|cell| place(cell).trim_start_matches(|c: char| c.is_alphabetic()) == line)
            .filter_map(|cell| cell["value"].as_f64())
            .collect();
        assert_eq!(figures[..3], [31.0, 2.0, 1.0]);
        assert!((figures[3] - rate).abs() < 1e-12 && (figures[4] - on_time_rate).abs() < 1e-12);
    }

    if Command::new("pdftotext").arg("-v").output().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "pdftotext is missing");
        eprintln!("LEFT OUT: the paper's section: pdftotext is not installed (poppler-utils)");
        return;
    }
    let output =
        Command::new("pdftotext").arg("-layout").arg(newest(&home, "pdf")).arg("-").output();
    let paper = squeezed(&String::from_utf8_lossy(&output.unwrap().stdout));
    assert!(paper.contains(&row), "no {row} in\n{paper}");
}
