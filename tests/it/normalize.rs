//! The forms of Wuqing as towns fill them in, well and badly. All names and figures are invented.

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use duban::model::{Severity, UnitCode};
use duban::normalize::{Normalized, Submitted, normalize};
use rust_xlsxwriter::{Format, Workbook, Worksheet};

use crate::normalize_support::{context, contract, small_district, told};

const TOWN: &str = "120114101";

/// One class: code, name, unit, kind, class, type, children, male, female.
type Class<'a> = [&'a str; 9];

const CLASSES: [Class<'_>; 3] = [
    ["1201140001", "梅厂镇一幼", "", "教育部门办", "小一班", "小班", "20", "11", "9"],
    ["1201140001", "梅厂镇一幼", "", "教育部门办", "中一班", "中班", "25", "12", "13"],
    ["1201140002", "梅厂镇二幼", "", "普惠性民办", "大一班", "大班", "30", "15", "15"],
];

/// The monthly form: title in row 1, header in rows 3–4, data from row 5, a total, a note.
fn monthly(title: &str, classes: &[Class<'_>], edit: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("在园幼儿").unwrap();
    let plain = Format::new();
    sheet.merge_range(0, 0, 0, 8, title, &plain).unwrap();
    let single = ["园所代码", "园所名称", "所属镇街", "办园类型", "班级名称", "班级类型"];
    for (col, header) in (0..).zip(single) {
        sheet.merge_range(2, col, 3, col, header, &plain).unwrap();
    }
    sheet.merge_range(2, 6, 2, 8, "幼儿数", &plain).unwrap();
    for (col, header) in (6..).zip(["合计", "男", "女"]) {
        sheet.write_string(3, col, header).unwrap();
    }
    let mut sums = [0.0; 3];
    for (row, class) in (4..).zip(classes) {
        for (col, text) in (0_u16..).zip(class) {
            match text.parse::<f64>() {
                Ok(number) if col >= 6 => {
                    sums[usize::from(col) - 6] += number;
                    sheet.write_number(row, col, number).unwrap();
                }
                _ if text.is_empty() => {}
                _ => {
                    sheet.write_string(row, col, *text).unwrap();
                }
            }
        }
    }
    let last = 4 + u32::try_from(classes.len()).unwrap();
    sheet.write_string(last, 0, "合　计").unwrap();
    for (col, sum) in (6..).zip(sums) {
        sheet.write_number(last, col, sum).unwrap();
    }
    sheet.write_string(last + 1, 0, "注：托幼点也要填报").unwrap();
    edit(sheet);
    book.save_to_buffer().unwrap()
}

fn read_as(bytes: &[u8], period: &str, reporter: Option<&str>) -> Normalized {
    let units = small_district();
    let contract = contract("", "enrollment");
    let context = context(&units, period, reporter);
    normalize(&Submitted { file_name: "月报.xlsx", bytes }, &contract, &context)
}

fn read(bytes: &[u8]) -> Normalized {
    read_as(bytes, "2024-09", Some(TOWN))
}

fn edited(edit: impl FnOnce(&mut Worksheet)) -> Normalized {
    read(&monthly("2024年9月在园幼儿月报表", &CLASSES, edit))
}

/// The one finding with this code: its severity, cell, read, expected and fix.
#[track_caller]
fn only(result: &Normalized, code: &str) -> (Severity, String, String, String, String) {
    let found: Vec<_> = result.findings.iter().filter(|finding| finding.code == code).collect();
    assert_eq!(found.len(), 1, "{code} in {:#?}", told(result));
    let cell = found[0].place.to_string();
    let finding = found[0].clone();
    (finding.severity, cell, finding.read, finding.expected, finding.fix)
}

#[test]
fn a_good_form_becomes_rows_without_a_word() {
    let result = edited(|_| {});
    assert_eq!(told(&result), Vec::<String>::new());
    let batch = result.batch.unwrap();
    let ints = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().clone();
    let texts = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
    assert_eq!(ints("children").values().to_vec(), [20, 25, 30]);
    assert_eq!(ints("_row").values().to_vec(), [5, 6, 7]);
    assert_eq!(texts("_sheet").value(0), "在园幼儿");
    assert_eq!(texts("inst_kind").value(2), "private_inclusive");
    assert_eq!(texts("class_type").value(1), "middle");
    assert_eq!(texts("unit_code").value(0), TOWN);
    assert_eq!(texts("period").value(0), "2024-09");
    assert!(texts("unit").is_null(0));
    assert_eq!(result.units.into_iter().collect::<Vec<_>>(), [(UnitCode::new(TOWN), 3)]);
    let names: Vec<&str> = batch
        .schema_ref()
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect::<Vec<_>>()
        .clone();
    assert_eq!(names[..3], ["unit_code", "reporter_code", "period"]);
    assert_eq!(names[names.len() - 2..], ["_sheet", "_row"]);
}

#[test]
fn a_total_that_does_not_add_up_is_pointed_at() {
    let result = edited(|sheet| {
        sheet.write_number(7, 6, 79.0).unwrap();
    });
    let (severity, cell, read, expected, _) = only(&result, "total.mismatch");
    assert_eq!((severity, cell.as_str()), (Severity::Error, "在园幼儿!G8"));
    assert_eq!(read, "“合计”的“幼儿数/合计”为 79人");
    assert_eq!(expected, "各行（第 5 行至第 7 行）相加是 75人，这里多了 4人");
    assert!(result.batch.is_none());
}

#[test]
fn full_width_digits_and_text_numbers_are_read_with_a_note() {
    let result = edited(|sheet| {
        sheet.write_string(4, 6, "２０").unwrap();
        sheet.write_string(5, 6, "25人").unwrap();
    });
    let notes: Vec<_> = result
        .findings
        .iter()
        .map(|f| (f.code.as_str(), f.severity, f.place.to_string()))
        .collect();
    assert_eq!(
        notes,
        [
            ("cell.text_number", Severity::Note, "在园幼儿!G5".to_owned()),
            ("cell.text_number", Severity::Note, "在园幼儿!G6".to_owned()),
        ]
    );
    assert_eq!(result.batch.unwrap().num_rows(), 3);
}

#[test]
fn what_is_no_whole_number_is_said_cell_by_cell() {
    for (text, code) in [
        ("二十", "cell.not_number"),
        ("2O", "cell.not_number"),
        ("1,23", "cell.not_number"),
        ("20.5", "cell.not_integer"),
        ("-20", "cell.negative"),
        ("2000", "cell.out_of_range"),
        ("", "cell.blank"),
        ("—", "cell.blank"),
    ] {
        let result = edited(|sheet| {
            sheet.clear_cell(4, 6);
            sheet.write_string(4, 6, text).unwrap();
        });
        let (severity, cell, ..) = only(&result, code);
        assert_eq!((severity, cell.as_str()), (Severity::Error, "在园幼儿!G5"), "{text}");
        // The sum over an unreadable cell says nothing.
        assert!(!result.findings.iter().any(|f| f.code == "total.mismatch"), "{text}");
    }
}

#[test]
fn dates_and_failed_formulas_in_place_of_numbers_are_said() {
    let result = edited(|sheet| {
        let date = Format::new().set_num_format("yyyy-mm-dd");
        sheet.write_number_with_format(4, 7, 11.0, &date).unwrap();
        let formula = rust_xlsxwriter::Formula::new("=A0").set_result("#REF!");
        sheet.write_formula(5, 7, formula).unwrap();
    });
    assert_eq!(only(&result, "cell.date_for_number").1, "在园幼儿!H5");
    let formula = result.findings.iter().find(|f| f.place.to_string() == "在园幼儿!H6").unwrap();
    assert!(formula.read.contains("#REF!"), "{:#?}", told(&result));
}

#[test]
fn a_renamed_header_is_named_with_the_one_that_stands_there() {
    let result = edited(|sheet| {
        let plain = Format::new();
        sheet.write_with_format(2, 1, "园所的名称", &plain).unwrap();
    });
    let (severity, cell, read, _, fix) = only(&result, "header.missing");
    assert_eq!((severity, cell.as_str()), (Severity::Error, "在园幼儿!B4"));
    assert_eq!(read, "没有“园所名称”，相近的表头是“园所的名称”");
    assert!(fix.contains("园所名称"));
}

#[test]
fn an_alias_line_breaks_and_stars_in_a_header_are_no_matter() {
    let result = edited(|sheet| {
        let plain = Format::new();
        sheet.write_with_format(2, 1, "*幼儿园\n名 称", &plain).unwrap();
        sheet.write_string(3, 6, "合计（人）").unwrap();
    });
    assert_eq!(told(&result), Vec::<String>::new());
}

#[test]
fn a_missing_column_a_second_one_and_an_extra_one_are_told_apart() {
    let result = edited(|sheet| {
        let plain = Format::new();
        sheet.write_with_format(2, 3, "", &plain).unwrap();
        sheet.write_string(3, 9, "男").unwrap();
        sheet.write_string(3, 10, "校车数").unwrap();
    });
    assert_eq!(only(&result, "header.missing").2, "没有“办园类型”这一列");
    assert_eq!(only(&result, "header.twice").1, "在园幼儿!J4");
    let (severity, _, read, ..) = only(&result, "header.extra");
    assert_eq!(severity, Severity::Note);
    assert!(read.contains("校车数"));
}

#[test]
fn another_months_title_is_the_wrong_file() {
    let bytes = monthly("武清区2024年8月在园幼儿月报表", &CLASSES, |_| {});
    let result = read(&bytes);
    let (severity, cell, read, expected, _) = only(&result, "period.mismatch");
    assert_eq!((severity, cell.as_str()), (Severity::Error, "在园幼儿!A1"));
    assert_eq!(
        (read.as_str(), expected.as_str()),
        ("标题写的是2024年8月", "本次报送的是2024年9月")
    );
    // The day of filling in is not the period.
    let bytes = monthly("2024年9月在园幼儿月报表", &CLASSES, |sheet| {
        sheet.write_string(1, 7, "填表日期：2024年10月8日").unwrap();
    });
    assert_eq!(told(&self::read(&bytes)), Vec::<String>::new());
}

#[test]
fn a_period_to_come_and_one_of_another_kind_are_refused() {
    let bytes = monthly("在园幼儿月报表", &CLASSES, |_| {});
    assert_eq!(only(&read_as(&bytes, "2027-01", Some(TOWN)), "period.future").0, Severity::Error);
    assert_eq!(only(&read_as(&bytes, "2024", Some(TOWN)), "period.frequency").0, Severity::Error);
}

#[test]
fn rules_point_at_their_cells() {
    let mut classes = CLASSES;
    classes[0][7] = "12";
    let result = read(&monthly("2024年9月", &classes, |_| {}));
    let (severity, cell, read, expected, _) = only(&result, "rule.sum_of_sexes");
    assert_eq!((severity, cell.as_str()), (Severity::Error, "在园幼儿!G5"));
    assert_eq!(read, "幼儿数/合计 20（G5），幼儿数/男 12（H5），幼儿数/女 9（I5）");
    assert_eq!(expected, "合计应等于男、女之和");
}

#[test]
fn a_class_of_odd_size_is_asked_about_and_accepted_meanwhile() {
    let mut classes = CLASSES;
    classes[2] = ["1201140002", "梅厂镇二幼", "", "普惠性民办", "大一班", "大班", "3", "1", "2"];
    let result = read(&monthly("2024年9月", &classes, |_| {}));
    assert_eq!(only(&result, "rule.class_of_plausible_size").0, Severity::Confirm);
    assert_eq!(result.batch.unwrap().num_rows(), 3);
}

#[test]
fn a_row_that_stands_twice_names_both() {
    let mut classes = CLASSES;
    classes[1][4] = "小一班";
    let result = read(&monthly("2024年9月", &classes, |_| {}));
    let (_, cell, read, expected, _) = only(&result, "key.duplicate");
    assert_eq!(cell, "在园幼儿!A6");
    assert!(read.starts_with("第 6 行") && expected.contains("第 5 行"), "{read} {expected}");
}

#[test]
fn one_institution_with_two_kinds_is_an_error() {
    let mut classes = CLASSES;
    classes[1][3] = "集体办";
    let result = read(&monthly("2024年9月", &classes, |_| {}));
    let (_, cell, read, ..) = only(&result, "rule.one_name_and_kind_per_institution");
    assert_eq!(cell, "在园幼儿!D6");
    assert_eq!(read, "办园类型 集体办，而第 5 行是 教育部门办");
}

#[test]
fn an_unknown_label_is_met_with_the_nearest() {
    let mut classes = CLASSES;
    classes[0][3] = "教育部门半";
    let result = read(&monthly("2024年9月", &classes, |_| {}));
    let (_, cell, read, expected, fix) = only(&result, "cell.unknown_code");
    assert_eq!((cell.as_str(), read.as_str()), ("在园幼儿!D5", "教育部门半"));
    assert!(expected.contains("普惠性民办") && fix.contains("教育部门办"), "{expected} {fix}");
}

#[test]
fn units_are_found_by_alias_and_park_and_a_town_sends_only_its_own() {
    let mut classes = CLASSES;
    classes[0][2] = "天津京滨工业园";
    classes[1][2] = "天津京滨工业园";
    classes[2][2] = "梅 厂 镇";
    let result = read(&monthly("2024年9月", &classes, |_| {}));
    assert_eq!(result.units.into_iter().collect::<Vec<_>>(), [(UnitCode::new(TOWN), 3)]);

    classes[2][2] = "陈嘴镇";
    let bytes = monthly("2024年9月", &classes, |_| {});
    assert_eq!(only(&read(&bytes), "unit.foreign").1, "在园幼儿!C7");
    // The same rows from the bureau lie where they say.
    let result = read_as(&bytes, "2024-09", Some("120114000"));
    assert_eq!(told(&result), Vec::<String>::new());
    let units: Vec<_> = result.units.keys().map(UnitCode::as_str).collect();
    assert_eq!(units, [TOWN, "120114119"]);

    classes[2][2] = "梅厂真";
    let result = read(&monthly("2024年9月", &classes, |_| {}));
    assert!(only(&result, "unit.unknown").4.contains("梅厂镇"));
}

#[test]
fn rows_of_the_bureau_must_say_where_they_lie() {
    let bytes = monthly("2024年9月", &CLASSES, |_| {});
    let result = read_as(&bytes, "2024-09", Some("120114000"));
    let missing = result.findings.iter().filter(|f| f.code == "unit.missing").count();
    assert_eq!(missing, 3, "{:#?}", told(&result));
}

#[test]
fn the_reporter_is_the_one_given_named_or_implied() {
    let bytes = monthly("2024年9月", &CLASSES, |_| {});
    assert_eq!(only(&read_as(&bytes, "2024-09", None), "unit.no_reporter").0, Severity::Error);

    let titled = |name: &str| {
        monthly("2024年9月", &CLASSES, |sheet| {
            sheet.write_string(1, 0, format!("填报单位（盖章）：{name}")).unwrap();
        })
    };
    let result = read_as(&titled("梅厂镇"), "2024-09", None);
    assert_eq!(result.reporter, Some(UnitCode::new(TOWN)));
    assert_eq!(only(&read(&titled("陈咀镇")), "unit.mismatch").1, "在园幼儿!A2");

    let mut classes = CLASSES;
    for class in &mut classes {
        class[2] = "梅厂镇";
    }
    let result = read_as(&monthly("2024年9月", &classes, |_| {}), "2024-09", None);
    assert_eq!(result.reporter, Some(UnitCode::new(TOWN)));
    classes[2][2] = "陈咀镇";
    let result = read_as(&monthly("2024年9月", &classes, |_| {}), "2024-09", None);
    assert_eq!(result.reporter, Some(UnitCode::new("120114")));
    assert!(result.batch.is_some(), "{:#?}", told(&result));
}

#[test]
fn identities_of_children_refuse_the_file_and_are_not_repeated() {
    // The example number of GB 11643; nobody's.
    const ID: &str = "11010519491231002X";
    let by_number = edited(|sheet| {
        sheet.write_string(4, 12, format!("身份证{ID}")).unwrap();
    });
    let by_header = edited(|sheet| {
        sheet.write_string(3, 12, "幼儿姓名").unwrap();
    });
    for (result, code) in [(by_number, "privacy.id_number"), (by_header, "privacy.identity_column")]
    {
        assert!(result.refused && result.batch.is_none());
        only(&result, code);
        assert!(!format!("{:?}", result.findings).contains("19491231"));
    }
    let harmless = edited(|sheet| {
        sheet.write_string(4, 12, "电子合同110105194912310021号").unwrap();
    });
    assert!(!harmless.refused);
}

#[test]
fn a_sheet_under_another_name_is_found_and_a_wrong_form_is_said() {
    let result = edited(|sheet| {
        sheet.set_name("九月数据").unwrap();
    });
    assert_eq!(only(&result, "sheet.renamed").0, Severity::Note);
    assert!(result.batch.is_some());

    let units = small_district();
    let bytes = monthly("2024年9月", &CLASSES, |_| {});
    let input = Submitted { file_name: "月报.xlsx", bytes: &bytes };
    let result =
        normalize(&input, &contract("", "population"), &context(&units, "2024", Some(TOWN)));
    assert_eq!(only(&result, "form.not_recognised").0, Severity::Error);
}

#[test]
fn a_second_sheet_of_the_same_form_and_columns_without_header_are_not_passed_over() {
    let mut book = Workbook::new();
    for name in ["在园幼儿", "在园幼儿(2)", "说明"] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        if name == "说明" {
            sheet.write_string(0, 0, "园所代码怎么填").unwrap();
            continue;
        }
        let headers =
            ["园所代码", "园所名称", "办园类型", "班级名称", "班级类型", "幼儿数", "男", "女"];
        let row = ["1201140001", "梅厂镇一幼", "集体办", "小一班", "小班", "9", "4", "5", "备忘"];
        for (col, text) in (0..).zip(headers) {
            sheet.write_string(0, col, text).unwrap();
        }
        for (col, text) in (0..).zip(row) {
            sheet.write_string(1, col, text).unwrap();
        }
    }
    let result = read(&book.save_to_buffer().unwrap());
    let (severity, place, ..) = only(&result, "sheet.unread");
    assert_eq!((severity, place.as_str()), (Severity::Confirm, "在园幼儿(2)"));
    let (severity, place, read, ..) = only(&result, "header.nameless");
    assert_eq!((severity, place.as_str()), (Severity::Note, "在园幼儿!I1"));
    assert_eq!(read, "I 列有内容而没有表头");
    assert_eq!(result.batch.unwrap().num_rows(), 1);
}

#[test]
fn names_merged_over_their_classes_are_filled_and_merged_figures_refused() {
    let mut classes = CLASSES;
    let plain = Format::new();
    (classes[1][0], classes[1][1], classes[1][3]) = ("", "", "");
    let result = read(&monthly("2024年9月", &classes, |sheet| {
        for (col, text) in [(0, CLASSES[0][0]), (1, CLASSES[0][1]), (3, CLASSES[0][3])] {
            sheet.merge_range(4, col, 5, col, text, &plain).unwrap();
        }
    }));
    assert_eq!(told(&result), Vec::<String>::new());

    let result = edited(|sheet| {
        sheet.merge_range(4, 6, 5, 6, "", &plain).unwrap();
        sheet.write_number(4, 6, 45.0).unwrap();
    });
    assert_eq!(only(&result, "cell.merged_figure").1, "在园幼儿!G5");
}

#[test]
fn a_header_printed_again_on_the_next_page_is_no_row() {
    let result = edited(|sheet| {
        for (row, col, text) in
            [(8, 0, "园所代码"), (8, 1, "园所名称"), (9, 6, "合计"), (9, 7, "男")]
        {
            sheet.write_string(row, col, text).unwrap();
        }
    });
    assert_eq!(told(&result), Vec::<String>::new());
}

#[test]
fn a_flood_of_one_problem_in_one_column_is_said_once() {
    let names: Vec<String> = (0..60).map(|i| format!("小{i}班")).collect();
    let classes: Vec<Class<'_>> = names
        .iter()
        .map(|name| {
            ["1201140001", "梅厂镇一幼", "", "教育部门办", name.as_str(), "小班", "x", "1", "1"]
        })
        .collect();
    let result = read(&monthly("2024年9月", &classes, |_| {}));
    let (_, cell, read, ..) = only(&result, "cell.not_number");
    assert_eq!(cell, "在园幼儿!G5");
    assert!(read.starts_with("第 5 行至第 64 行这一列共 60 处"), "{read}");
}

/// The same rows as text with the header in two rows, as an export of a merged header looks.
fn as_text(separator: &str) -> String {
    let mut text = String::from("2024年9月在园幼儿月报表\n\n");
    let top =
        ["园所代码", "园所名称", "所属镇街", "办园类型", "班级名称", "班级类型", "幼儿数", "", ""];
    let leaf = ["", "", "", "", "", "", "合计", "男", "女"];
    for line in [&top, &leaf].into_iter().chain(&CLASSES) {
        text.push_str(&line.join(separator));
        text.push('\n');
    }
    text
}

#[test]
fn text_files_are_read_in_every_encoding_and_separator() {
    let gbk = |text: &str| encoding_rs::GBK.encode(text).0.into_owned();
    let utf16 = |text: &str, le: bool| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(|u: u16| if le { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
    };
    let comma = as_text(",");
    let with_mark = [b"\xEF\xBB\xBF".as_slice(), comma.as_bytes()].concat();
    let files = [
        ("utf-8", comma.clone().into_bytes()),
        ("utf-8 with a mark", with_mark),
        ("gbk", gbk(&comma)),
        ("utf-16 le", utf16(&as_text("\t"), true)),
        ("utf-16 be", utf16(&comma, false)),
        ("semicolons", as_text(";").into_bytes()),
        ("tabs in gbk", gbk(&as_text("\t"))),
    ];
    for (what, bytes) in files {
        let result = read(&bytes);
        let codes: Vec<&str> = result.findings.iter().map(|f| f.code.as_str()).collect();
        let expected: &[&str] = if what.contains("gbk") { &["file.encoding"] } else { &[] };
        assert_eq!(codes, expected, "{what}: {:#?}", told(&result));
        let batch = result.batch.unwrap();
        let names = batch.column_by_name("inst_name").unwrap().as_string::<i32>();
        assert_eq!(names.value(2), "梅厂镇二幼", "{what}");
        let rows = batch.column_by_name("_row").unwrap().as_primitive::<Int64Type>();
        assert_eq!(rows.values().to_vec(), [5, 6, 7], "{what}: the empty line counts");
    }
}

#[test]
fn japanese_text_is_told_from_chinese() {
    let text = "施設名,区,住所\nひよどり台こども園,北区,神戸市北区ひよどり台\nみなと保育所,灘区,神戸市灘区\n";
    let (bytes, _, failed) = encoding_rs::SHIFT_JIS.encode(text);
    assert!(!failed);
    let book = duban::normalize::read_workbook(&bytes, "a.csv").unwrap();
    assert_eq!(book.sheets[0].cell(1, 0).unwrap().display(), "ひよどり台こども園");
    assert!(book.findings[0].read.contains("Shift_JIS"));
    assert_eq!(book.findings[0].severity, Severity::Note);
}

#[test]
fn json_is_read_by_its_keys() {
    let row = |class: &Class<'_>| {
        format!(
            r#"{{"园所代码":"{}","园所名称":"{}","办园类型":"{}","班级名称":"{}","班级类型":"{}","幼儿数":{{"合计":{},"男":{},"女":{}}}}}"#,
            class[0], class[1], class[3], class[4], class[5], class[6], class[7], class[8]
        )
    };
    let rows: Vec<String> = CLASSES.iter().map(row).collect();
    for text in [format!("[{}]", rows.join(",\n")), rows.join("\n")] {
        let result = read(text.as_bytes());
        assert_eq!(told(&result), Vec::<String>::new());
        assert_eq!(result.batch.unwrap().num_rows(), 3);
    }
}

#[test]
fn files_that_are_no_spreadsheets_are_said_to_be_what_they_are() {
    for (bytes, code, word) in [
        (&b""[..], "file.empty", "空"),
        (b"  \r\n ", "file.empty", "空"),
        (b"%PDF-1.7\n...", "file.not_spreadsheet", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "file.not_spreadsheet", "图片"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "file.web_page", "网页"),
        (b"PK\x03\x04garbage", "file.broken", "损坏"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1garbage", "file.not_spreadsheet", "不是"),
        (b"\x00\x01\x02\x03\xff\xfe\x80", "file.not_spreadsheet", "无法识别"),
    ] {
        let result = read(bytes);
        assert_eq!(only(&result, code).0, Severity::Error);
        assert!(result.findings[0].read.contains(word), "{:#?}", told(&result));
    }
}

#[test]
fn a_quote_that_is_never_closed_is_said_with_its_row() {
    let text = as_text(",").replace(
        "1201140001,梅厂镇一幼,,教育部门办,中一班",
        "1201140001,\"梅厂镇一幼,,教育部门办,中一班",
    );
    assert_eq!(only(&read(text.as_bytes()), "file.quote").1, "A6");
}
