//! Files as their publishers made them, through the command line, in copies of the example homes.
//!
//! The data is not part of the repository: `DUBAN_REALDATA` names its folder. Expected figures come from
//! the files that lie beside the data, made without this program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::home::Home;
use crate::intake::count_files;
use crate::normalize_support::real_data;
use crate::tools::repository;

fn example(name: &str) -> Home {
    let from = repository().join("examples").join(name);
    let home = Home::empty();
    // Definitions alone: what a try of the example left in its folder is not copied.
    for folder in ["config", "pipelines"] {
        crate::home::copy(&from.join(folder), &home.root.join(folder));
    }
    home
}

fn submit(home: &Home, file: &Path, rest: &[&str]) -> String {
    let file = file.display().to_string();
    let mut args = vec!["submit", file.as_str()];
    args.extend(rest);
    home.ok(&args)
}

/// Expected rows by some key, each column's name → text.
fn expected(file: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// A value as the expected files write it: an integer plainly, a rate with ten decimals.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.10}", number.as_f64().unwrap()),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn texts(row: &Value, columns: &[&str]) -> Vec<String> {
    columns.iter().map(|column| written(&row[column])).collect()
}

fn kobe_workbook(data: &Path, year: &str) -> PathBuf {
    let extension = if year == "2015" { "xlsx" } else { "xls" };
    data.join(format!("kobe/{year}0501.{extension}"))
}

#[test]
fn the_definitions_of_the_examples_hold_and_every_metric_has_its_cases() {
    for name in ["kobe", "toronto"] {
        let home = example(name);
        let output = home.duban(&["check", "config"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("all definitions hold"), "{name}: {said}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
        assert_eq!(count_files(&home.root.join("data")), 0, "{name} holds definitions alone");
    }
}

#[test]
fn six_years_of_kobe_equal_the_published_wards_by_the_command_line() {
    let Some(data) = real_data("six_years_of_kobe_equal_the_published_wards_by_the_command_line")
    else {
        return;
    };
    let home = example("kobe");
    let mut wards = BTreeMap::<String, Vec<Vec<String>>>::new();
    for row in expected(&data.join("kobe/expected_wards_2010_2015.csv")) {
        let figures = ["ward", "institutions", "classes", "enrolled"].map(|name| row[name].clone());
        wards.entry(row["year"].clone()).or_default().push(figures.to_vec());
    }
    assert_eq!(wards.len(), 6);
    for (year, mut wards) in wards {
        let period = format!("{year}-05");
        submit(
            &home,
            &kobe_workbook(&data, &year),
            &["--dataset", "enrollment", "--period", &period],
        );
        let said = home.ok(&["run", "--period", &period]);
        assert!(said.contains("new snapshots 1"), "{said}");
        let sql = format!(
            "SELECT unit_name, institutions, classes, enrolled FROM wards WHERE period = '{period}'"
        );
        let columns = ["unit_name", "institutions", "classes", "enrolled"];
        let mut found: Vec<_> = home.query(&sql).iter().map(|row| texts(row, &columns)).collect();
        found.sort();
        wards.sort();
        assert_eq!(found, wards, "{year}");
        // The rates' own sums are of the same figures; without a register there is no gross rate.
        let sql = format!(
            "SELECT level, enrolled, gross_enrolment, n_units, n_reported FROM three_rates
             WHERE period = '{period}' AND level = 'district'"
        );
        let city = &home.query(&sql)[0];
        let sum: i64 = wards.iter().map(|ward| ward[3].parse::<i64>().unwrap()).sum();
        assert_eq!(city["enrolled"].as_i64(), Some(sum));
        assert!(city["gross_enrolment"].is_null());
        assert_eq!((city["n_units"].as_i64(), city["n_reported"].as_i64()), (Some(9), Some(9)));
    }
}

#[test]
fn enrolment_and_residents_of_kobe_in_2014_make_the_expected_rates() {
    let Some(data) = real_data("enrolment_and_residents_of_kobe_in_2014_make_the_expected_rates")
    else {
        return;
    };
    let home = example("kobe");
    // A register of 2014 says nothing of 2015.
    for year in ["2014", "2015"] {
        let period = format!("{year}-05");
        submit(
            &home,
            &kobe_workbook(&data, year),
            &["--dataset", "enrollment", "--period", &period],
        );
    }
    submit(
        &home,
        &data.join("kobe/zensi2606.xls"),
        &["--dataset", "population", "--period", "2014"],
    );
    home.ok(&["run", "--period", "2014-05"]);
    let columns =
        ["unit_name", "institutions", "classes", "enrolled", "resident", "gross_enrolment"];
    let sql = "SELECT r.level, r.unit_name, w.institutions, w.classes, r.enrolled, r.resident,
                      r.gross_enrolment, r.resident_as_of, r.resident_basis
               FROM three_rates r
               LEFT JOIN wards w ON w.period = r.period AND w.unit_code = r.unit_code
               WHERE r.period = '2014-05'";
    let rows = home.query(sql);
    let mut found: Vec<Vec<String>> = rows.iter().map(|row| texts(row, &columns)).collect();
    for (row, texts) in rows.iter().zip(&mut found) {
        if row["level"] == "district" {
            texts[0] = "ALL".to_owned();
        }
        assert!(row["resident_as_of"].as_str().unwrap().starts_with("2014-06-30"), "{row}");
        assert_eq!(row["resident_basis"], "住民基本台帳");
    }
    let file = data.join("kobe/expected_gross_2014.csv");
    let names = [
        "ward",
        "institutions",
        "classes",
        "enrolled",
        "resident_3_5",
        "gross_enrolment_municipal_only",
    ];
    let mut wanted: Vec<Vec<String>> = expected(&file)
        .iter()
        .map(|row| names.iter().map(|name| row[*name].clone()).collect())
        .collect();
    found.sort();
    wanted.sort();
    assert_eq!(found.len(), 10);
    assert_eq!(found, wanted);
    let later =
        "SELECT COUNT(*) FROM three_rates WHERE period = '2015-05' AND resident IS NOT NULL";
    assert_eq!(home.count(later), 0);
}

#[test]
fn the_centres_and_the_census_of_toronto_make_the_expected_rates() {
    let Some(data) = real_data("the_centres_and_the_census_of_toronto_make_the_expected_rates")
    else {
        return;
    };
    let home = example("toronto");
    // No data set is named: only one contract fits each of them.
    submit(&home, &data.join("toronto/raw_childcare_data.csv"), &["--period", "2024-01"]);
    submit(&home, &data.join("toronto/raw_census_data.csv"), &["--period", "2021"]);
    home.ok(&["run", "--period", "2024-01"]);
    let sql = "SELECT r.level, r.unit_code, r.institutions, r.enrolled, r.public_enrolled,
                      r.inclusive_private_enrolled, r.private_enrolled, r.public_share,
                      r.inclusive_coverage, CAST(c.pop_0_to_4 AS DOUBLE) AS pop_0_to_4,
                      CAST(c.pop_5_to_9 AS DOUBLE) AS pop_5_to_9, c.capacity_per_pop_0_4
               FROM three_rates r
               JOIN capacity_rate c ON c.level = r.level AND c.unit_code = r.unit_code
                                   AND c.period = r.period
               WHERE r.period = '2024-01'";
    let columns = [
        "level",
        "unit_code",
        "institutions",
        "enrolled",
        "public_enrolled",
        "inclusive_private_enrolled",
        "private_enrolled",
        "public_share",
        "inclusive_coverage",
        "pop_0_to_4",
        "pop_5_to_9",
        "capacity_per_pop_0_4",
    ];
    let names = [
        "level",
        "ward",
        "institutions",
        "enrolled_total",
        "enrolled_public",
        "enrolled_inclusive_private",
        "enrolled_private",
        "public_share",
        "inclusive_coverage",
        "pop_0_to_4",
        "pop_5_to_9",
        "capacity_per_pop_0_4",
    ];
    let mut found: Vec<Vec<String>> =
        home.query(sql).iter().map(|row| texts(row, &columns)).collect();
    let mut wanted: Vec<Vec<String>> = expected(&data.join("toronto/expected_toronto.csv"))
        .iter()
        .map(|row| names.iter().map(|name| row[*name].clone()).collect())
        .collect();
    for row in found.iter_mut().filter(|row| row[0] == "district") {
        row[1] = "ALL".to_owned();
    }
    found.sort();
    wanted.sort();
    assert_eq!(found.len(), 26);
    assert_eq!(found, wanted);
    // Telephone numbers are taken and never leave the archive.
    let output = home.duban(&["query", "SELECT PHONE FROM enrollment"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_same_bytes_submitted_again_change_nothing() {
    let Some(data) = real_data("the_same_bytes_submitted_again_change_nothing") else { return };
    let home = example("kobe");
    let workbook = kobe_workbook(&data, "2015");
    let rest = ["--dataset", "enrollment", "--period", "2015-05"];
    submit(&home, &workbook, &rest);
    home.ok(&["run", "--period", "2015-05"]);
    let n_files = |folder: &str| count_files(&home.root.join(folder));
    let before = (home.state(), n_files("data/archive"), n_files("data/snapshots"));
    assert_eq!((before.1, before.2), (1, 1));
    let said = submit(&home, &workbook, &rest);
    assert!(said.contains("the same bytes as before: nothing changed"), "{said}");
    let said = home.ok(&["run", "--period", "2015-05"]);
    assert!(said.contains("new snapshots 0"), "{said}");
    assert_eq!((home.state(), n_files("data/archive"), n_files("data/snapshots")), before);
}

/// A Wuqing home, its data sets each with a period, and the messy files.
fn messy(data: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs_err::read_dir(data.join("messy")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 14);
    files
}

#[test]
fn every_messy_file_ends_in_rows_or_findings_by_the_command_line() {
    let Some(data) = real_data("every_messy_file_ends_in_rows_or_findings_by_the_command_line")
    else {
        return;
    };
    let home = Home::new();
    let datasets = [
        ("institutions", "2024-2025"),
        ("population", "2024"),
        ("enrollment", "2024-09"),
        ("staffing", "2024-09"),
    ];
    for file in messy(&data) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let path = file.display().to_string();
        let ended = |args: &[&str]| {
            let output = home.duban(args);
            let code = output.status.code();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(matches!(code, Some(0 | 1)), "{args:?}: {code:?}\n{stderr}");
            assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
            (code == Some(0), String::from_utf8(output.stdout).unwrap())
        };
        for (dataset, period) in datasets {
            let of = ["--dataset", dataset, "--period", period];
            let validate = [&["validate", &path, "--format", "json"][..], &of].concat();
            let (is_taken, said) = ended(&validate);
            let findings: Vec<Value> = serde_json::from_str(&said).unwrap();
            let mut errors = findings.iter().filter(|finding| finding["severity"] == "error");
            assert_eq!(is_taken, errors.next().is_none(), "{name} as {dataset}: {said}");
            for finding in &findings {
                let says = |key: &str| finding[key].as_str().is_some_and(|text| !text.is_empty());
                assert!(says("read") && says("expected") && says("fix"), "{name}: {finding}");
            }
            let submitted = [&["submit", &path][..], &of].concat();
            assert_eq!(ended(&submitted).0, is_taken, "{name} as {dataset}");
        }
        let (is_taken, said) = ended(&["submit", &path, "--period", "2024-09"]);
        // The place is a cell, a sheet or, where the whole file is meant, said to be the file.
        assert!(!is_taken && said.contains("[须更正]"), "{name}: {said}");
    }
    let placed = "SELECT COUNT(*) FROM findings WHERE cell IS NOT NULL AND sheet IS NULL
                  AND code NOT LIKE 'privacy.%' AND code NOT LIKE 'file.%'";
    assert_eq!(home.count(placed), 0, "a cell of a workbook is named with its sheet");
    assert_eq!(home.count("SELECT COUNT(*) FROM enrollment"), 0);
}

#[test]
fn an_encrypted_workbook_is_said_to_be_encrypted_at_every_door() {
    let Some(data) = real_data("an_encrypted_workbook_is_said_to_be_encrypted_at_every_door")
    else {
        return;
    };
    let home = Home::new();
    let file = data.join("messy/kobe_zaiseijoukyousiryoushuu2012.xls");
    let path = file.display().to_string();
    let named = ["submit", &path, "--dataset", "enrollment", "--period", "2024-09"];
    for args in [&named[..], &["submit", &path, "--period", "2024-09"]] {
        let output = home.duban(args);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("file.encrypted") && said.contains("文件已加密"), "{said}");
    }
    home.write("inbox/2024-09/120114006/报表.xls", fs_err::read(&file).unwrap());
    let output = home.duban(&["run", "enrollment", "--period", "2024-09"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("file.encrypted"), "{said}");
}
