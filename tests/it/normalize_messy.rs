//! Spreadsheets as people really make them: each ends in rows or in findings that name the place.

use duban::config::contract::Contract;
use duban::normalize::{ReadProblem, read_workbook, recognise};

use crate::normalize_support::{context, contract, read_file, real_data, units};

fn every_contract() -> Vec<(&'static str, Contract, &'static str)> {
    let mut all = Vec::new();
    for dataset in ["institutions", "population", "enrollment", "staffing"] {
        let period = match dataset {
            "institutions" => "2024-2025",
            "population" => "2024",
            _ => "2024-09",
        };
        all.push(("wuqing", contract("", dataset), period));
    }
    all.push(("kobe", contract("examples/kobe", "enrollment"), "2015-05"));
    all.push(("kobe", contract("examples/kobe", "population"), "2014"));
    all.push(("toronto", contract("examples/toronto", "enrollment"), "2024-01"));
    all
}

#[test]
fn every_messy_file_ends_in_rows_or_in_findings_that_name_the_place() {
    let Some(data) = real_data("every_messy_file_ends_in_rows_or_in_findings_that_name_the_place")
    else {
        return;
    };
    let contracts = every_contract();
    let units = units("examples/kobe");
    let mut files: Vec<_> =
        fs_err::read_dir(data.join("messy")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut outcome = String::new();
    for path in files {
        let bytes = fs_err::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match read_workbook(&bytes, &name) {
            Ok(book) => {
                outcome.push_str(&format!("{name}: {:?}\n", book.format));
                for sheet in &book.sheets {
                    outcome.push_str(&format!(
                        "  sheet {}: {} cells, {} merged\n",
                        sheet.name().unwrap_or("-"),
                        sheet.entries().len(),
                        sheet.merges.len()
                    ));
                }
            }
            Err(problem) => outcome.push_str(&format!("{name}: {problem}\n")),
        }
        for (home, contract, period) in &contracts {
            let result = read_file(&path, contract, &context(&units, period, None));
            let rows = result.batch.as_ref().map_or(0, arrow::array::RecordBatch::num_rows);
            assert!(rows > 0 || !result.findings.is_empty(), "{name}: neither rows nor findings");
            for finding in &result.findings {
                assert!(!finding.expected.is_empty() && !finding.fix.is_empty(), "{finding:?}");
            }
            let codes: Vec<String> = result
                .findings
                .iter()
                .take(3)
                .map(|finding| format!("{} {}", finding.code, finding.place))
                .collect();
            let of = &contract.name;
            outcome.push_str(&format!("  {home}/{of}: {rows} rows; {}\n", codes.join("; ")));
        }
    }
    insta::assert_snapshot!(outcome);
}

#[test]
fn the_encrypted_workbook_is_said_to_be_encrypted() {
    let Some(data) = real_data("the_encrypted_workbook_is_said_to_be_encrypted") else { return };
    let name = "kobe_zaiseijoukyousiryoushuu2012.xls";
    let bytes = fs_err::read(data.join("messy").join(name)).unwrap();
    let problem = read_workbook(&bytes, name).unwrap_err();
    assert_eq!(problem, ReadProblem::Encrypted);
    assert!(problem.finding().read.contains("加密"));
}

#[test]
fn tabs_and_shift_jis_under_the_name_csv_are_read_right() {
    let Some(data) = real_data("tabs_and_shift_jis_under_the_name_csv_are_read_right") else {
        return;
    };
    let name = "kobe_institution03_tsv_named_csv.csv";
    let bytes = fs_err::read(data.join("messy").join(name)).unwrap();
    let book = read_workbook(&bytes, name).unwrap();
    let cell = |row, col| book.sheets[0].cell(row, col).unwrap().display();
    assert_eq!((cell(0, 1), cell(0, 10)), ("施設名".to_owned(), "カテゴリリスト".to_owned()));
    assert_eq!((cell(2, 1), cell(2, 9)), ("ＪＲ三ノ宮駅".to_owned(), "中央区".to_owned()));
    assert!(
        book.findings.iter().any(|f| f.code == "file.encoding" && f.read.contains("Shift_JIS"))
    );
}

#[test]
fn a_form_is_recognised_by_its_columns() {
    let Some(data) = real_data("a_form_is_recognised_by_its_columns") else { return };
    let contracts: Vec<Contract> = every_contract().into_iter().map(|(_, c, _)| c).collect();
    let kobe: Vec<Contract> =
        ["enrollment", "population"].iter().map(|d| contract("examples/kobe", d)).collect();
    let recognised = |path: &str, contracts: &[Contract]| {
        let bytes = fs_err::read(data.join(path)).unwrap();
        recognise(&bytes, path, contracts)
    };
    assert_eq!(recognised("kobe/zensi2606.xls", &kobe), ["population"]);
    assert_eq!(recognised("kobe/20100501.xls", &kobe), ["enrollment"]);
    assert_eq!(recognised("kobe/20150501.xlsx", &kobe), ["enrollment"]);
    assert!(recognised("messy/t04.xlsx", &contracts).is_empty());
}
