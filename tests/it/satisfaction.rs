//! Satisfaction: the platform's workbook to counts, counts to rates, held against a script of another
//! make that reads the same workbook.

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use duban::config::contract::Contract;
use duban::demo::survey_files;
use duban::engine::Engine;
use duban::metric;
use duban::model::{Severity, Waves};
use duban::normalize::{Normalized, Submitted, normalize};
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

use crate::metric_world::{self, metrics};
use crate::normalize_support::{context, contract, root, told, units};
use crate::tools::{python_with, repository};

const WAVES: [&str; 4] = ["2023-w1", "2023-w2", "2024-w1", "2024-w2"];
const DISTRICT: &str = "120114";

fn satisfaction() -> Contract {
    contract("", "satisfaction")
}

fn read(bytes: &[u8], name: &str, wave: &str) -> Normalized {
    let units = units("");
    let context = context(&units, wave, Some(DISTRICT));
    normalize(&Submitted { file_name: name, bytes }, &satisfaction(), &context)
}

fn demo_workbook(wave: &str) -> (String, Vec<u8>) {
    let mut files = survey_files(wave.parse().unwrap()).unwrap();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

/// (unit, paper, question, option, answers) of a batch.
fn counts(batch: &RecordBatch) -> BTreeSet<(String, String, String, String, i64)> {
    let text = |name: &str, i: usize| {
        batch.column_by_name(name).unwrap().as_string::<i32>().value(i).to_owned()
    };
    let answers = batch.column_by_name("answers").unwrap().as_primitive::<Int64Type>();
    let rows: Vec<_> = (0..batch.num_rows())
        .map(|i| {
            let [unit, paper, question, option] =
                ["unit_code", "paper", "question", "option"].map(|name| text(name, i));
            (unit, paper, question, option, answers.value(i))
        })
        .collect();
    let set: BTreeSet<_> = rows.iter().cloned().collect();
    assert_eq!(set.len(), rows.len(), "a count stands twice");
    set
}

fn counts_of(rows: &Value) -> BTreeSet<(String, String, String, String, i64)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let count = |row: &Value| {
        (
            text(row, "unit_code"),
            text(row, "paper"),
            text(row, "question"),
            text(row, "option"),
            row["answers"].as_i64().unwrap(),
        )
    };
    rows.as_array().unwrap().iter().map(count).collect()
}

/// What the oracle makes of a workbook; it also writes the same answers as counts by option.
fn oracle(test: &str, workbook: &Path, counts: &Path) -> Option<Value> {
    let mut command = python_with("openpyxl", test)?;
    let output = command
        .arg(repository().join("tests/tools/satisfaction_oracle.py"))
        .arg(repository())
        .arg(workbook)
        .arg("--counts")
        .arg(counts)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// An engine with Wuqing's units, waves and definitions, and these answers.
pub async fn engine_with(answers: Vec<Value>, waves: &Waves) -> Engine {
    let unit = |unit: &duban::model::Unit| {
        json!({
            "code": unit.code.as_str(), "name": unit.name, "level": unit.level.as_str(),
            "kind": unit.kind, "parent": unit.parent.as_ref().map(duban::model::UnitCode::as_str),
            "group_code": unit.group.as_ref().map(duban::model::UnitCode::as_str),
        })
    };
    let months = (1..=12).flat_map(|month| {
        let period = |year| duban::model::Period::Month { year, month };
        [period(2023), period(2024)]
    });
    let month = |period: duban::model::Period| {
        json!({"period": period.to_string(), "frequency": "month",
               "starts_on": period.starts_on().to_string(),
               "ends_on": period.ends_on().to_string(),
               "stat_on": period.ends_on().to_string()})
    };
    let wave = |wave: &duban::model::Wave| {
        json!({"period": wave.period.to_string(), "frequency": "wave",
               "starts_on": wave.opens_on.to_string(), "ends_on": wave.closes_on.to_string(),
               "stat_on": wave.closes_on.to_string(),
               "previous": waves.previous(wave.period).map(|period| period.to_string())})
    };
    metric_world::engine(&[
        ("units", units("").iter().map(unit).collect()),
        ("periods", waves.iter().map(wave).chain(months.map(month)).collect()),
        ("satisfaction", answers),
    ])
}

pub async fn rows(engine: &Engine, sql: &str, metric_name: &str) -> Vec<Value> {
    let wanted = [metric_name.to_owned()].into();
    let done = metric::register_needed(engine, &metrics(), &wanted).await;
    done.unwrap_or_else(|error| panic!("{}", error.diagnostic));
    engine.query(sql, &[]).await.unwrap_or_else(|error| panic!("{error}")).to_json()
}

#[tokio::test]
async fn counts_and_rates_equal_those_of_a_script_of_another_make_in_both_layouts() {
    let folder = tempfile::tempdir().unwrap();
    let mut answers = Vec::new();
    let mut theirs = Vec::new();
    for wave in WAVES {
        let (name, bytes) = demo_workbook(wave);
        let path = folder.path().join(&name);
        fs_err::write(&path, &bytes).unwrap();
        let by_option = folder.path().join("counts.xlsx");
        let test = "counts_and_rates_equal_those_of_a_script_of_another_make_in_both_layouts";
        let Some(oracle) = oracle(test, &path, &by_option) else { return };

        let ours = read(&bytes, &name, wave);
        assert_eq!(told(&ours), Vec::<String>::new());
        assert_eq!(ours.layout.as_deref(), Some("答卷明细"));
        let expected = counts_of(&oracle["counts"]);
        assert!(expected.len() > 1000 && counts(ours.batch.as_ref().unwrap()) == expected);

        let ours = read(&fs_err::read(&by_option).unwrap(), "选项统计.xlsx", wave);
        assert_eq!(told(&ours), Vec::<String>::new());
        assert_eq!(ours.layout.as_deref(), Some("选项统计"));
        assert_eq!(counts(ours.batch.as_ref().unwrap()), expected);

        for row in oracle["counts"].as_array().unwrap() {
            let mut row = row.clone();
            row["period"] = json!(wave);
            answers.push(row);
        }
        for row in oracle["rates"].as_array().unwrap() {
            let mut row = row.clone();
            row["period"] = json!(wave);
            theirs.push(row);
        }
    }
    let engine = engine_with(answers, &satisfaction().waves).await;
    let sql = "SELECT * FROM satisfaction_rates WHERE n > 0";
    let ours = rows(&engine, sql, "satisfaction_rates").await;
    assert_eq!(ours.len(), theirs.len());
    let key = |row: &Value| {
        ["period", "paper", "question", "level", "unit_code"]
            .map(|name| row[name].as_str().unwrap().to_owned())
    };
    let near = |a: &Value, b: f64| (a.as_f64().unwrap() - b).abs() < 1e-12;
    for row in &ours {
        let same = theirs.iter().find(|other| key(other) == key(row)).expect("the same row");
        assert_eq!((&row["n"], &row["approving"]), (&same["n"], &same["approving"]), "{row}");
        for figure in ["rate", "ci_low", "ci_high"] {
            assert!(near(&row[figure], same[figure].as_f64().unwrap()), "{figure}: {row} {same}");
        }
        let mut before = key(row);
        before[0] = match WAVES.iter().position(|wave| *wave == before[0]).unwrap() {
            0 => String::new(),
            i => WAVES[i - 1].to_owned(),
        };
        match theirs.iter().find(|other| key(other) == before) {
            Some(before) => {
                let rate = |row: &Value| row["rate"].as_f64().unwrap();
                assert!(near(&row["previous_rate"], rate(before)), "{row}");
                assert!(near(&row["change_points"], (rate(same) - rate(before)) * 100.0), "{row}");
            }
            None => assert!(row["change_points"].is_null(), "{row}"),
        }
    }
}

#[tokio::test]
async fn the_interval_is_that_of_the_literature() {
    // Newcombe, Statistics in Medicine 17 (1998), 857–872, table I, method 3 (Wilson score).
    let published = [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ];
    let towns = ["120114001", "120114002", "120114003", "120114004"];
    let answer = |unit: &str, option: &str, answers: i64| {
        json!({"period": "2024-w1", "unit_code": unit, "paper": "A", "question": "overall",
               "option": option, "answers": answers})
    };
    let mut answers = Vec::new();
    for (town, (yes, n, _, _)) in towns.iter().zip(published) {
        answers.push(answer(town, "fair", yes));
        answers.push(answer(town, "dissatisfied", n - yes));
        // Outside the base: no effect.
        answers.push(answer(town, "unknown", 7));
    }
    let engine = engine_with(answers, &satisfaction().waves).await;
    let sql = "SELECT unit_code, n, ci_low, ci_high FROM satisfaction_rates
               WHERE level = 'town' AND n > 0 ORDER BY unit_code";
    let found = rows(&engine, sql, "satisfaction_rates").await;
    assert_eq!(found.len(), 4);
    for (row, (_, n, low, high)) in found.iter().zip(published) {
        assert_eq!(row["n"], n);
        for (name, value) in [("ci_low", low), ("ci_high", high)] {
            assert!((row[name].as_f64().unwrap() - value).abs() < 0.00005, "{row}");
        }
    }
}

#[tokio::test]
async fn exactly_the_target_is_not_above_it() {
    let answer = |paper: &str, option: &str, answers: i64| {
        json!({"period": "2024-w1", "unit_code": "120114001", "paper": paper,
               "question": "overall", "option": option, "answers": answers})
    };
    let answers = vec![
        answer("A", "satisfied", 85),
        answer("A", "dissatisfied", 15),
        answer("B", "satisfied", 8501),
        answer("B", "very_dissatisfied", 1499),
    ];
    let engine = engine_with(answers, &satisfaction().waves).await;
    let sql = "SELECT paper, met FROM satisfaction_rates WHERE level = 'district' AND headline
               ORDER BY paper";
    let found = rows(&engine, sql, "satisfaction_rates").await;
    assert_eq!(json!(found), json!([{"paper": "A", "met": false}, {"paper": "B", "met": true}]));
}

/// A workbook with one sheet a paper; each sheet a list of rows.
fn workbook(sheets: &[(&str, Vec<Vec<&str>>)]) -> Vec<u8> {
    let mut book = Workbook::new();
    for (name, rows) in sheets {
        let sheet = book.add_worksheet();
        sheet.set_name(*name).unwrap();
        for (row, cells) in (0_u32..).zip(rows) {
            for (col, text) in (0_u16..).zip(cells) {
                if !text.is_empty() {
                    sheet.write_string(row, col, *text).unwrap();
                }
            }
        }
    }
    book.save_to_buffer().unwrap()
}

const HEADER: [&str; 5] = [
    "序号",
    "来自IP",
    "1、您所在的镇街是：",
    "2、您对武清区学前教育工作的总体满意程度是？",
    "3、您的意见和建议",
];

fn sheet<'a>(rows: &[[&'a str; 5]]) -> Vec<Vec<&'a str>> {
    std::iter::once(HEADER.to_vec()).chain(rows.iter().map(|row| row.to_vec())).collect()
}

fn three_papers(parents: &[[&'static str; 5]]) -> Vec<u8> {
    let other = sheet(&[["1", "", "梅厂镇", "满意", ""]]);
    workbook(&[("家长", sheet(parents)), ("代表委员", other.clone()), ("园长、教师", other)])
}

#[test]
fn answers_are_counted_whatever_way_the_platform_writes_them() {
    let bytes = three_papers(&[
        ["1", "192.0.2.1", "梅厂镇", "非常满意", "示例"],
        ["2", "192.0.2.2", "A.梅厂镇", "A.非常满意", ""],
        ["3", "192.0.2.3", "梅厂", "（2）满意", ""],
        ["4", "192.0.2.4", "天津武清汽车产业园", "满意", ""],
        // Nothing answered: nothing counted.
        ["5", "192.0.2.5", "梅厂镇", "(跳过)", ""],
        ["6", "192.0.2.6", "梅厂镇", "", ""],
        // No town: the district's own.
        ["7", "192.0.2.7", "(空)", "不了解", ""],
        ["8", "192.0.2.8", "", "不了解", ""],
    ]);
    let result = read(&bytes, "答卷.xlsx", "2024-w1");
    assert_eq!(told(&result), Vec::<String>::new());
    let batch = result.batch.unwrap();
    let of_parents: Vec<_> =
        counts(&batch).into_iter().filter(|row| row.1 == "A").map(|r| (r.0, r.3, r.4)).collect();
    let row = |unit: &str, option: &str, n| (unit.to_owned(), option.to_owned(), n);
    assert_eq!(
        of_parents,
        [
            row("120114", "unknown", 2),
            row("120114101", "satisfied", 2),
            row("120114101", "very_satisfied", 2),
        ]
    );
    let names: Vec<String> =
        batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(
        names,
        [
            "unit_code",
            "reporter_code",
            "period",
            "paper",
            "question",
            "option",
            "answers",
            "_sheet",
            "_row"
        ]
    );
    // No row of a respondent is pointed at: only the header's.
    let places = batch.column_by_name("_row").unwrap().as_primitive::<Int64Type>();
    assert!(places.iter().all(|row| row == Some(1)));
}

#[test]
fn what_cannot_be_counted_is_a_finding_in_its_cell() {
    let bytes = three_papers(&[
        ["1", "", "梅厂镇", "非常满意", ""],
        ["2", "", "梅厂镇", "还可以吧", ""],
        ["3", "", "梅场镇", "满意", ""],
        ["4", "", "第一组团", "满意", ""],
    ]);
    let result = read(&bytes, "答卷.xlsx", "2024-w1");
    assert!(result.batch.is_none());
    let found: Vec<(String, String, String)> = result
        .findings
        .iter()
        .map(|f| (f.code.clone(), f.place.to_string(), f.read.clone()))
        .collect();
    let row =
        |code: &str, place: &str, read: &str| (code.to_owned(), place.to_owned(), read.to_owned());
    assert_eq!(
        found,
        [
            row("cell.unknown_code", "家长!D3", "还可以吧"),
            row("unit.unknown", "家长!C4", "梅场镇"),
            row("unit.not_a_town", "家长!C5", "第一组团"),
        ]
    );
    assert!(result.findings[0].expected.contains("非常满意、满意、基本满意"));
    assert!(result.findings[1].fix.contains("梅厂镇"));
}

#[test]
fn a_question_that_nobody_has_listed_is_not_dropped_in_silence() {
    let mut parents = sheet(&[["1", "", "梅厂镇", "满意", ""]]);
    parents[0][4] = "3、您对幼儿园伙食的满意程度是？";
    parents[1][4] = "满意";
    let other = sheet(&[["1", "", "梅厂镇", "满意", ""]]);
    let bytes = workbook(&[("家长", parents), ("代表委员", other.clone()), ("教师", other)]);
    let result = read(&bytes, "答卷.xlsx", "2024-w1");
    let finding = &result.findings[0];
    assert_eq!(
        (finding.code.as_str(), finding.severity),
        ("header.unknown_question", Severity::Error)
    );
    assert_eq!(finding.place.to_string(), "家长!E1");
    assert!(finding.read.contains("伙食") && finding.expected.contains("总体满意程度"));
}

#[test]
fn a_sheet_that_names_no_paper_and_a_paper_that_is_missing_are_said() {
    let parents = sheet(&[["1", "", "梅厂镇", "满意", ""]]);
    let codes = |bytes: &[u8], name: &str| -> Vec<(String, String)> {
        let result = read(bytes, name, "2024-w1");
        result.findings.iter().map(|f| (f.code.clone(), f.read.clone())).collect()
    };
    let found = codes(&workbook(&[("Sheet1", parents.clone())]), "导出.xlsx");
    assert_eq!(found[0].0, "sheet.unnamed");
    // The file's name tells it where the sheet's does not.
    let found = codes(&workbook(&[("Sheet1", parents)]), "家长卷_导出.xlsx");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "rule.all_papers");
    assert!(found[0].1.contains("人大代表政协委员问卷、园长教师问卷"), "{}", found[0].1);
    // A name that tells two papers tells none.
    let both = sheet(&[["1", "", "梅厂镇", "满意", ""]]);
    let found = codes(&workbook(&[("家长和教师", both)]), "导出.xlsx");
    assert_eq!(found[0].0, "sheet.unnamed");
}

#[test]
fn a_wave_that_is_not_listed_or_not_yet_open_takes_no_file() {
    let bytes = three_papers(&[["1", "", "梅厂镇", "满意", ""]]);
    let codes = |wave: &str, today| {
        let units = units("");
        let context = duban::normalize::Context { today, ..context(&units, wave, Some(DISTRICT)) };
        let input = Submitted { file_name: "答卷.xlsx", bytes: &bytes };
        let result = normalize(&input, &satisfaction(), &context);
        result.findings.iter().map(|f| f.code.clone()).collect::<Vec<_>>()
    };
    let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    assert_eq!(codes("2024-w3", day("2024-12-31")), ["period.unlisted"]);
    assert_eq!(codes("2024-w1", day("2024-05-19")), ["period.future"]);
    assert_eq!(codes("2024-w1", day("2024-05-20")), Vec::<String>::new());
}

#[test]
fn nothing_of_a_respondent_is_kept_or_repeated() {
    let (name, bytes) = demo_workbook("2024-w2");
    let result = read(&bytes, &name, "2024-w2");
    let batch = format!("{:?}", result.batch.unwrap());
    for private in ["192.0.2.", "微信", "秒", "希望家门口"] {
        assert!(!batch.contains(private), "{private}");
    }
    assert_eq!(result.findings, []);
}

#[test]
fn slips_in_a_tally_are_refused_with_their_lines() {
    let text = fs_err::read_to_string(root().join("pipelines/satisfaction/pipeline.toml")).unwrap();
    let line_of = |part: &str| text[..text.find(part).unwrap()].matches('\n').count() + 1;
    for (from, to, words) in [
        ("question = \"question\"", "question = \"questoin\"", "did you mean `question`?"),
        ("option = \"option\"", "option = \"unit\"", "must be a code"),
        ("answers = \"answers\"", "answers = \"paper\"", "must be a whole number"),
        ("value = \"A\"", "value = \"Z\"", "no code of `paper`"),
        ("questions = \"(?<question>", "questions = \"(?<question", "not a regular expression"),
        ("without_unit = \"district\"", "without_unit = \"distrct\"", "did you mean `district`?"),
    ] {
        let problems = Contract::load("p.toml", &text.replacen(from, to, 1)).unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let said = said.join("\n");
        assert!(said.contains(&format!("p.toml:{}:", line_of(from))), "{to}: {said}");
        assert!(said.contains(words), "{to}: {said}");
    }
    let constant = text.replacen("column = \"paper\"", "column = \"option\"", 1);
    let said = Contract::load("p.toml", &constant).unwrap_err()[0].to_string();
    assert!(said.contains("`option`"), "{said}");
}
