//! `config/reference/*.csv`: tables that SQL reads by their names.

use duban::config::reference::load;

use crate::home::Home;

const GOOD: &str = "# 注释\npaper,min:int,share:number,since:date,counts:bool\nA,10,0.5,2024-05-01,1\n# 另一种\nB,,,,否\n";

#[test]
fn a_typed_header_makes_a_typed_table() {
    let table = load("config/reference/papers.csv", GOOD).unwrap();
    assert_eq!((table.name.as_str(), table.batch.num_rows()), ("papers", 2));
    let types: Vec<String> =
        table.batch.schema().fields().iter().map(|f| f.data_type().to_string()).collect();
    assert_eq!(types, ["Utf8", "Int64", "Float64", "Date32", "Boolean"]);
    // Blank is null.
    assert_eq!(table.batch.column(1).null_count(), 1);
    assert_eq!(table.batch.column(4).null_count(), 0);
}

#[test]
fn each_slip_is_refused_with_its_line() {
    for (file, from, to, line, words) in [
        ("papers", "10", "ten", 3, "`min` is \"ten\", which is no whole number"),
        ("papers", "0.5", "half", 3, "which is no number"),
        ("papers", "2024-05-01", "5月1日", 3, "which is no day"),
        ("papers", ",否", ",perhaps", 5, "which is no yes or no"),
        ("papers", "min:int", "min:integer", 2, "`integer` is no type of `min`"),
        ("papers", "share:number", "min:number", 2, "`min` stands twice"),
        ("papers", "paper,", "Paper,", 2, "`Paper` cannot be a column's name"),
        ("papers", "A,10,", "A,10,,", 3, "6 cells, but the header has 5 columns"),
        ("items", "A", "A", 0, "`items` is the name of a table that Duban makes"),
        ("Papers", "A", "A", 0, "cannot be a table's name"),
    ] {
        let file = format!("config/reference/{file}.csv");
        let problems = load(&file, &GOOD.replacen(from, to, 1)).unwrap_err();
        let said = problems[0].to_string();
        assert!(said.contains(words), "{to}: {said}");
        if line > 0 {
            assert!(said.starts_with(&format!("{file}:{line}:")), "{to}: {said}");
        }
    }
    assert!(load("config/reference/papers.csv", "# nothing\n").is_err());
}

#[test]
fn a_home_s_own_table_is_queried_exported_and_kept_from_clashing() {
    let home = Home::new();
    let folder = home.root.join("config/reference");
    fs_err::write(folder.join("papers.csv"), GOOD).unwrap();
    let rows = home.query("SELECT p.min + 1 AS more, counts FROM papers p ORDER BY paper");
    assert_eq!(
        serde_json::json!(rows),
        serde_json::json!([
            {"more": 11, "counts": true}, {"more": null, "counts": false}
        ])
    );
    fs_err::rename(folder.join("papers.csv"), folder.join("enrollment.csv")).unwrap();
    let output = home.duban(&["check", "config"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("config/reference/enrollment.csv: `enrollment` is defined in"), "{said}");
}
