//! Files at the door, and questions to the figures, by the command line.

use std::path::Path;

use crate::home::Home;

/// How many files lie under a folder.
pub fn count_files(folder: &Path) -> usize {
    let Ok(entries) = fs_err::read_dir(folder) else { return 0 };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { count_files(&path) } else { 1 })
        .sum()
}

fn submit(home: &Home, name: &str, text: &str) -> (i32, String) {
    home.write(name, text);
    let path = home.root.join(name).display().to_string();
    let output = home.duban(&["submit", &path, "--period", "2024-09", "--unit", "120114"]);
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_list_of_children_is_not_kept_although_it_is_no_known_form() {
    let home = Home::new();
    let (code, said) = submit(&home, "名单.csv", "序号,幼儿姓名\n1,示例\n");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("privacy.identity_column") && said.contains("B1"), "{said}");
    // The sample number of GB 11643 itself.
    let (code, said) = submit(&home, "号码.csv", "序号,号码\n1,11010519491231002X\n");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("privacy.id_number") && !said.contains("11010519491231002X"), "{said}");
    assert_eq!(count_files(&home.root.join("data/archive")), 0);
    assert_eq!(home.count("SELECT COUNT(*) FROM submissions WHERE state = 'returned'"), 2);
}

#[test]
fn a_file_of_no_known_form_is_kept_and_told_which_forms_there_are() {
    let home = Home::new();
    let (code, said) = submit(&home, "别的.csv", "甲,乙\n1,2\n");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("file.unrecognised") && said.contains("《在园幼儿月报表》"), "{said}");
    assert_eq!(count_files(&home.root.join("data/archive")), 1);
}

#[test]
fn a_long_list_of_findings_is_cut_and_the_rest_can_be_asked_for() {
    let home = Home::new();
    let header =
        "园所代码,园所名称,所属镇街,办园类型,班级名称,班级类型,幼儿数/合计,幼儿数/男,幼儿数/女\n";
    // Three cells of eighteen rows that are no numbers.
    let mut form = header.to_owned();
    for i in 0..18 {
        let cells = format!("{i}班,小班,甲{i},乙{i},丙{i}");
        form.push_str(&format!("12011410{i:02},示例园{i},运河西街道,教育部门办,{cells}\n"));
    }
    home.write("在园幼儿月报表.csv", form);
    let path = home.root.join("在园幼儿月报表.csv").display().to_string();
    let output = home.duban(&["submit", &path, "--dataset", "enrollment", "--period", "2024-09"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let hint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().filter(|line| line.starts_with("  [")).count(), 40, "{said}");
    assert!(said.contains("more findings"), "{said}");
    let sql = hint.split('"').nth(1).unwrap_or_else(|| panic!("no query in {hint:?}"));
    assert!(home.query(sql).len() > 40);
}

#[test]
fn a_typo_in_a_query_is_answered_with_its_place_and_a_hint() {
    let home = Home::new();
    let fails = |sql: &str| {
        let output = home.duban(&["query", sql]);
        assert_eq!(output.status.code(), Some(1), "{sql}");
        assert!(output.stdout.is_empty(), "{sql}");
        String::from_utf8(output.stderr).unwrap()
    };
    let column = fails("SELECT unit_nmae FROM three_rates");
    assert!(column.contains("query:1:8") && column.contains("`unit_name`"), "{column}");
    let table = fails("SELECT * FROM three_rats");
    assert!(table.contains("query:1:15") && table.contains("`three_rates`"), "{table}");
}
