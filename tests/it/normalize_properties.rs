//! Properties: nothing panics, and a number is the same number in every spelling.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use duban::config::contract::Contract;
use duban::normalize::{Submitted, normalize, read_workbook};
use proptest::prelude::*;

use crate::normalize_support::{context, small_district};

const ONE_COLUMN: &str = r#"
[dataset]
name = "one"
title = "一列"
frequency = "month"
stat_on = "last_day"
reporters = ["town"]
[unit]
from = "reporter"
[columns.n]
header = "人数"
type = "int"
measure = "人"
[columns.name]
header = "名称"
type = "text"
"#;

/// Reads one cell of a text file as an integer column.
fn read_int(cell: &str) -> Option<i64> {
    let contract = Contract::load("one.toml", ONE_COLUMN).unwrap();
    let units = small_district();
    let text = format!("名称\t人数\n甲\t{cell}\n");
    let input = Submitted { file_name: "a.txt", bytes: text.as_bytes() };
    let result = normalize(&input, &contract, &context(&units, "2024-09", Some("120114101")));
    let batch = result.batch?;
    Some(batch.column_by_name("n")?.as_primitive::<Int64Type>().value(0))
}

fn with_separators(n: i64) -> String {
    let digits = n.abs().to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if n < 0 { format!("-{out}") } else { out }
}

fn full_width(text: &str) -> String {
    text.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read_workbook(&bytes, "a.xlsx");
    }

    #[test]
    fn a_damaged_workbook_is_read_or_refused(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        end in any::<prop::sample::Index>(),
    ) {
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        for row in 0..20 {
            sheet.write_string(row, 0, "名称").unwrap();
            sheet.write_number(row, 1, f64::from(row)).unwrap();
        }
        let mut bytes = book.save_to_buffer().unwrap();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        let _ = read_workbook(&bytes, "a.xlsx");
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,300}") {
        let _ = read_workbook(text.as_bytes(), "a.csv");
    }

    #[test]
    fn a_number_is_the_same_in_every_spelling(n in -9_999_999_i64..9_999_999) {
        let grouped = with_separators(n);
        for spelling in [
            n.to_string(),
            grouped.clone(),
            full_width(&n.to_string()),
            full_width(&grouped),
            format!(" {n} "),
            format!("{n}人"),
            format!("{grouped} 名"),
            format!("{n}.0"),
            grouped.replace(',', " "),
        ] {
            prop_assert_eq!(read_int(&spelling), Some(n), "{}", spelling);
        }
    }

    #[test]
    fn what_is_not_one_number_is_never_one(n in 1_i64..999_999, m in 0_i64..99) {
        for text in [
            format!("约{n}"), format!("{n}-{m}"), format!("{n},{m:02}"), format!("{n}%"),
            format!("{n}.5"), format!("{n} {m:02}"), format!("{n}元"),
        ] {
            prop_assert_eq!(read_int(&text), None, "{}", text);
        }
    }
}
