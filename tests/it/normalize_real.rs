//! Real files of Kobe and Toronto, read with the definitions of `examples/`.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;

use crate::normalize_support::{context, contract, read_file, real_data, told, units};

/// Sums of integer columns by the unit's name, with the number of rows first.
fn by_unit(
    batch: &RecordBatch,
    units: &duban::model::UnitDirectory,
    columns: &[&str],
) -> BTreeMap<String, Vec<i64>> {
    let codes = batch.column_by_name("unit_code").unwrap().as_string::<i32>();
    let mut sums = BTreeMap::<String, Vec<i64>>::new();
    for row in 0..batch.num_rows() {
        let unit = units.find(codes.value(row)).unwrap().name.clone();
        let sum = sums.entry(unit).or_insert_with(|| vec![0; columns.len() + 1]);
        sum[0] += 1;
        for (i, column) in columns.iter().enumerate() {
            let values = batch.column_by_name(column).unwrap().as_primitive::<Int64Type>();
            if values.is_valid(row) {
                sum[i + 1] += values.value(row);
            }
        }
    }
    sums
}

#[test]
fn six_years_of_kobe_add_up_to_the_published_wards() {
    let Some(data) = real_data("six_years_of_kobe_add_up_to_the_published_wards") else { return };
    let (contract, units) = (contract("examples/kobe", "enrollment"), units("examples/kobe"));
    let mut expected = BTreeMap::<String, BTreeMap<String, Vec<i64>>>::new();
    let mut reader =
        csv::Reader::from_path(data.join("kobe/expected_wards_2010_2015.csv")).unwrap();
    for record in reader.records().map(Result::unwrap) {
        let figures = (2..5).map(|i| record[i].parse().unwrap()).collect();
        expected.entry(record[0].to_owned()).or_default().insert(record[1].to_owned(), figures);
    }
    assert_eq!(expected.len(), 6);
    for (year, wards) in expected {
        let extension = if year == "2015" { "xlsx" } else { "xls" };
        let path = data.join(format!("kobe/{year}0501.{extension}"));
        let context = context(&units, &format!("{year}-05"), None);
        let result = read_file(&path, &contract, &context);
        let batch = result.batch.as_ref().unwrap_or_else(|| panic!("{year}: {:#?}", told(&result)));
        let sums = by_unit(batch, &units, &["classes", "children"]);
        assert_eq!(sums, wards, "{year}");
        assert_eq!(result.reporter.unwrap().as_str(), "28100");
        let layout = if year == "2010" { "2010" } else { "2011" };
        assert_eq!(result.layout.as_deref(), Some(layout), "{year}");
    }
}

#[test]
fn residents_of_kobe_add_up_to_the_published_wards() {
    let Some(data) = real_data("residents_of_kobe_add_up_to_the_published_wards") else { return };
    let (contract, units) = (contract("examples/kobe", "population"), units("examples/kobe"));
    let result =
        read_file(&data.join("kobe/zensi2606.xls"), &contract, &context(&units, "2014", None));
    let batch = result.batch.as_ref().unwrap_or_else(|| panic!("{:#?}", told(&result)));
    let sums = by_unit(batch, &units, &["age_3", "age_4", "age_5"]);
    let residents: BTreeMap<String, i64> =
        sums.into_iter().map(|(ward, sum)| (ward, sum[1..].iter().sum())).collect();
    let mut reader = csv::Reader::from_path(data.join("kobe/expected_gross_2014.csv")).unwrap();
    let expected: BTreeMap<String, i64> = reader
        .records()
        .map(Result::unwrap)
        .filter(|record| &record[0] != "ALL")
        .map(|record| (record[0].to_owned(), record[4].parse().unwrap()))
        .collect();
    assert_eq!(residents, expected);
    assert_eq!(residents.values().sum::<i64>(), 39_243);
}

#[test]
fn last_years_workbook_of_kobe_is_told_by_its_title() {
    let Some(data) = real_data("last_years_workbook_of_kobe_is_told_by_its_title") else { return };
    let (contract, units) = (contract("examples/kobe", "enrollment"), units("examples/kobe"));
    for year in ["2010", "2013"] {
        let path = data.join(format!("kobe/{year}0501.xls"));
        let result = read_file(&path, &contract, &context(&units, "2015-05", None));
        let finding = result.findings.iter().find(|finding| finding.code == "period.mismatch");
        assert!(finding.unwrap().read.contains(&format!("{year}年5月")), "{:#?}", told(&result));
        assert!(result.batch.is_none());
    }
}

#[test]
fn the_centres_of_toronto_add_up_to_the_expected_places() {
    let Some(data) = real_data("the_centres_of_toronto_add_up_to_the_expected_places") else {
        return;
    };
    let (contract, units) = (contract("examples/toronto", "enrollment"), units("examples/toronto"));
    let path = data.join("toronto/raw_childcare_data.csv");
    let result = read_file(&path, &contract, &context(&units, "2024-01", None));
    let batch = result.batch.as_ref().unwrap_or_else(|| panic!("{:#?}", told(&result)));
    let auspice = batch.column_by_name("auspice").unwrap().as_string::<i32>();
    let subsidy = batch.column_by_name("subsidy").unwrap().as_boolean();
    let codes = batch.column_by_name("unit_code").unwrap().as_string::<i32>();
    let preschool = batch.column_by_name("preschool").unwrap().as_primitive::<Int64Type>();
    let kindergarten = batch.column_by_name("kindergarten").unwrap().as_primitive::<Int64Type>();
    let mut found = BTreeMap::<String, [i64; 5]>::new();
    for row in 0..batch.num_rows() {
        let places = preschool.value(row) + kindergarten.value(row);
        let kind = match (auspice.value(row), subsidy.value(row)) {
            ("public", _) => 2,
            (_, true) => 3,
            (_, false) => 4,
        };
        let sums = found.entry(codes.value(row).to_owned()).or_default();
        sums[0] += 1;
        sums[1] += places;
        sums[kind] += places;
    }
    let mut reader = csv::Reader::from_path(data.join("toronto/expected_toronto.csv")).unwrap();
    let expected: BTreeMap<String, [i64; 5]> = reader
        .records()
        .map(Result::unwrap)
        .filter(|record| &record[0] == "town")
        .map(|record| {
            (record[1].to_owned(), std::array::from_fn(|i| record[i + 2].parse().unwrap()))
        })
        .collect();
    assert_eq!(found, expected);
    assert!(batch.column_by_name("PHONE").is_none());
    assert!(!format!("{:?}", result.findings).contains("(416)"));
}
