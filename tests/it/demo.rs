//! The invented campaign: the same bytes each time, of the scale of the district, with every slip.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use calamine::{Data, Reader, Xlsx};
use duban::demo::{Arrival, Expected, Fault, Form, Occasion, Span, campaign, story};
use duban::model::Period;
use serde_json::{Value, json};

use crate::tools::{python_with, repository};

/// All 24 months.
pub static WHOLE: LazyLock<Vec<Arrival>> = LazyLock::new(|| campaign(Span::whole()).unwrap());

/// The last four months.
pub static CAMPAIGN: LazyLock<Vec<Arrival>> =
    LazyLock::new(|| campaign(Span::last_months()).unwrap());

fn is_workbook(arrival: &Arrival) -> bool {
    arrival.bytes.starts_with(b"PK")
}

/// All cells of all sheets as text.
fn cells(bytes: &[u8]) -> Vec<String> {
    let mut workbook = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let mut texts = Vec::new();
    for name in workbook.sheet_names() {
        let range = workbook.worksheet_range(&name).unwrap();
        texts.extend(range.used_cells().map(|(_, _, cell)| match cell {
            Data::String(text) => text.clone(),
            other => other.to_string(),
        }));
    }
    texts
}

fn text_of(arrival: &Arrival) -> Vec<String> {
    if is_workbook(arrival) {
        return cells(&arrival.bytes);
    }
    let (text, _, malformed) = encoding_rs::GBK.decode(&arrival.bytes);
    assert!(!malformed, "{} is no GBK", arrival.path);
    text.split([',', '\n']).map(|cell| cell.trim().to_owned()).collect()
}

/// 18 digits, the last perhaps X, with the check digit of GB 11643.
fn is_id_number(text: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let body: Vec<u32> = text.chars().take(17).filter_map(|c| c.to_digit(10)).collect();
    if text.chars().count() != 18 || body.len() != 17 {
        return false;
    }
    let sum: u32 = body.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    "10X98765432".chars().nth(sum as usize % 11) == text.chars().last()
}

#[test]
fn the_campaign_is_the_same_bytes_each_time() {
    let again = campaign(Span::whole()).unwrap();
    assert_eq!(WHOLE.len(), again.len());
    for (a, b) in WHOLE.iter().zip(&again) {
        assert!(a == b, "{} differs between two makings", a.path);
    }
}

#[test]
fn files_arrive_in_order_and_no_path_comes_twice() {
    assert!(WHOLE.is_sorted_by_key(|arrival| arrival.at));
    let paths: BTreeSet<&str> = WHOLE.iter().map(|arrival| arrival.path.as_str()).collect();
    assert_eq!(paths.len(), WHOLE.len());
    for arrival in WHOLE.iter() {
        let folder = format!("inbox/{}/{}/", arrival.period, arrival.reporter);
        assert!(arrival.path.starts_with(&folder), "{}", arrival.path);
        assert!(arrival.at.strftime("%F").to_string() > arrival.period.starts_on().to_string());
    }
}

#[test]
fn every_slip_happens_and_faulty_files_are_about_a_tenth() {
    let seen: BTreeSet<Fault> = CAMPAIGN.iter().filter_map(|arrival| arrival.fault).collect();
    let expected: BTreeSet<Fault> =
        Fault::ALL.into_iter().filter(|fault| !fault.is_silence()).collect();
    assert_eq!(seen, expected);
    let faulty = CAMPAIGN.iter().filter(|arrival| arrival.fault.is_some()).count();
    // Of the two forms of each month; the others are sent more carefully.
    let n = CAMPAIGN.iter().filter(|a| matches!(a.form, Form::Enrollment | Form::Staffing)).count();
    let percent = faulty * 100 / n;
    assert!((9..=15).contains(&percent), "{faulty} of {n}");
    let outcomes: BTreeSet<Expected> = CAMPAIGN.iter().map(|arrival| arrival.expected).collect();
    assert_eq!(outcomes.len(), 5, "{outcomes:?}");
}

#[test]
fn two_silences_are_no_files_and_nothing_else_is_missing() {
    let mut files: BTreeMap<(Form, String), BTreeSet<&str>> = BTreeMap::new();
    for arrival in CAMPAIGN.iter() {
        let key = (arrival.form, arrival.period.to_string());
        files.entry(key).or_default().insert(arrival.reporter.as_str());
    }
    let count = |form, period: &str| files[&(form, period.to_owned())].len();
    assert_eq!(count(Form::Institutions, "2024-2025"), 31);
    assert_eq!(count(Form::Population, "2024"), 30);
    for (period, enrollment, staffing) in
        [("2024-09", 31, 30), ("2024-10", 31, 30), ("2024-11", 31, 30), ("2024-12", 30, 29)]
    {
        assert_eq!(count(Form::Enrollment, period), enrollment, "{period}");
        assert_eq!(count(Form::Staffing, period), staffing, "{period}");
    }
    let silent = |form, period: &str, unit: &str| !files[&(form, period.to_owned())].contains(unit);
    assert!(silent(Form::Enrollment, "2024-12", "120114120"));
    assert!(silent(Form::Staffing, "2024-12", "120114120"));
    assert!(silent(Form::Staffing, "2024-10", "120114122"));
    assert!(!silent(Form::Enrollment, "2024-10", "120114122"));
}

#[test]
fn a_file_sent_twice_has_the_same_bytes_and_another_name() {
    let copies: Vec<&Arrival> =
        CAMPAIGN.iter().filter(|arrival| arrival.expected == Expected::Duplicate).collect();
    assert_eq!(copies.len(), 2);
    for copy in copies {
        let first = CAMPAIGN
            .iter()
            .find(|arrival| arrival.bytes == copy.bytes && arrival.path != copy.path)
            .unwrap();
        assert!(first.at < copy.at);
        assert_eq!(first.fault, Some(Fault::SentTwice));
    }
}

#[test]
fn what_was_returned_is_mostly_mended_and_some_never_is() {
    let spoilt: Vec<&Arrival> = CAMPAIGN
        .iter()
        .filter(|a| matches!(a.expected, Expected::Returned | Expected::Refused))
        .collect();
    let mended = |spoilt: &&&Arrival| {
        CAMPAIGN.iter().any(|a| {
            a.corrects
                && a.at > spoilt.at
                && (a.form, a.period, &a.reporter) == (spoilt.form, spoilt.period, &spoilt.reporter)
        })
    };
    let n_mended = spoilt.iter().filter(mended).count();
    assert_eq!((spoilt.len(), n_mended), (16, 13));
}

#[test]
fn every_file_says_that_it_is_invented() {
    for arrival in WHOLE.iter() {
        let said = text_of(arrival).iter().any(|cell| cell.contains("示例数据（虚构）"));
        assert!(said, "{}", arrival.path);
    }
}

#[test]
fn no_file_but_the_one_to_be_refused_holds_an_id_number() {
    assert!(is_id_number("11010519491231002X"), "the published example of GB 11643");
    assert!(!is_id_number("110105194912310021"));
    let holding: Vec<&Arrival> = WHOLE
        .iter()
        .filter(|arrival| text_of(arrival).iter().any(|cell| is_id_number(cell)))
        .collect();
    assert_eq!(holding.len(), 1);
    assert_eq!(holding[0].expected, Expected::Refused);
}

#[test]
fn heads_and_telephones_are_plainly_invented() {
    for arrival in WHOLE.iter().filter(|arrival| arrival.form == Form::Institutions) {
        let texts = text_of(arrival);
        let telephones: Vec<&String> =
            texts.iter().filter(|cell| cell.starts_with("022-")).collect();
        assert!(!telephones.is_empty(), "{}", arrival.path);
        assert!(telephones.iter().all(|number| number.starts_with("022-0000")));
        assert!(texts.iter().any(|cell| cell == "（示例）园长岗"));
        for cell in &texts {
            let digits = cell.chars().filter(char::is_ascii_digit).count();
            assert!(!(cell.starts_with('1') && digits == 11), "a mobile number: {cell}");
        }
    }
}

#[test]
fn months_are_run_after_their_submissions_are_due() {
    let runs = story(Span::last_months()).unwrap();
    assert!(runs.is_sorted_by_key(|run| run.at));
    let monthly: Vec<String> = runs
        .iter()
        .filter(|run| run.occasion == Occasion::Monthly)
        .map(|run| format!("{} {}", run.period, run.at))
        .collect();
    // 08:30 in Asia/Shanghai is 00:30 UTC; due dates 12 October, 7 November, 6 December, 8 January.
    assert_eq!(
        monthly,
        [
            "2024-09 2024-10-15T00:30:00Z",
            "2024-10 2024-11-11T00:30:00Z",
            "2024-11 2024-12-10T00:30:00Z",
            "2024-12 2025-01-10T00:30:00Z"
        ]
    );
    let again = runs.iter().find(|run| run.occasion == Occasion::Correction).unwrap();
    let correction = CAMPAIGN
        .iter()
        .find(|a| a.corrects && a.period == again.period && a.at > runs[0].at)
        .unwrap();
    assert_eq!(correction.reporter.as_str(), "120114123");
    assert!(correction.at < again.at);
}

#[test]
fn only_late_files_come_after_the_due_date_and_still_before_the_report() {
    let calendar = crate::calendar::of_the_repository();
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    let runs = story(Span::whole()).unwrap();
    let first = jiff::civil::date(2023, 1, 1);
    for arrival in WHOLE.iter().filter(|a| !a.corrects && a.expected != Expected::Duplicate) {
        // stat_on and due_workdays of the pipeline.toml.
        let (counted, workdays) = match arrival.form {
            Form::Population => (jiff::civil::date(arrival.period.starts_on().year(), 9, 1), 14),
            Form::Enrollment
            | Form::Staffing
            | Form::ChildcarePoints
            | Form::Incidents
            | Form::TaskProgress => (arrival.period.ends_on(), 5),
            Form::PartyOrganisations
            | Form::ExtendedCare
            | Form::CommunityKindergartens
            | Form::Training => (arrival.period.starts_on(), 20),
            Form::GroupActivities => (arrival.period.ends_on(), 10),
            Form::Institutions | Form::Facilities | Form::Inspections => {
                (arrival.period.starts_on(), 14)
            }
            Form::Declarations => (jiff::civil::date(arrival.period.starts_on().year(), 9, 1), 20),
            Form::Finance => (arrival.period.ends_on(), 20),
        };
        let on = zone.to_datetime(arrival.at).date();
        // What was there before the campaign is asked for as it begins.
        if counted >= first {
            let due = calendar.add_workdays(counted, workdays).on;
            let is_late = arrival.fault == Some(Fault::Late);
            assert_eq!(on > due, is_late, "{} came on {on}, due {due}", arrival.path);
        }
        let run = runs.iter().find(|run| run.period == arrival.period);
        assert!(run.is_none_or(|run| arrival.at < run.at), "{}", arrival.path);
    }
}

#[test]
fn a_shorter_campaign_is_the_same_in_its_own_months() {
    let of = |arrivals: &[Arrival]| -> BTreeMap<String, Vec<u8>> {
        let own = arrivals.iter().filter(|a| a.at.to_string().as_str() > "2024-09-01");
        own.filter(|a| {
            a.period.starts_on() >= jiff::civil::date(2024, 9, 1) || a.form == Form::Population
        })
        .map(|a| (a.path.clone(), a.bytes.clone()))
        .collect()
    };
    let (short, whole) = (of(&CAMPAIGN), of(&WHOLE));
    assert!(short.len() > 400, "{}", short.len());
    assert!(short == whole, "the last four months");
}

/// The files that count at an instant, as the oracle's list.
fn current(at: jiff::Timestamp) -> Value {
    let accepted = |a: &&Arrival| {
        a.at <= at && matches!(a.expected, Expected::Accepted | Expected::AcceptedWithWarnings)
    };
    let list = CAMPAIGN.iter().filter(accepted).map(|a| {
        json!({ "path": a.path, "dataset": a.form.dataset(), "period": a.period.to_string(),
                "reporter_code": a.reporter.as_str() })
    });
    Value::Array(list.collect())
}

/// The oracle's figures of each monthly run; nothing without openpyxl.
static MEASURED: LazyLock<Option<Vec<Value>>> = LazyLock::new(|| measure("demo"));

pub fn measured(test: &str) -> Option<&'static Vec<Value>> {
    python_with("openpyxl", test)?;
    MEASURED.as_ref()
}

/// Measures in a home that holds only the files.
fn measure(test: &str) -> Option<Vec<Value>> {
    python_with("openpyxl", test)?;
    let home = tempfile::tempdir().unwrap();
    for arrival in CAMPAIGN.iter() {
        let path = home.path().join(&arrival.path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, &arrival.bytes).unwrap();
    }
    fs_err::create_dir_all(home.path().join("config")).unwrap();
    fs_err::copy(repository().join("config/units.csv"), home.path().join("config/units.csv"))
        .unwrap();
    let runs = story(Span::last_months()).unwrap();
    let figures = runs.iter().filter(|run| run.occasion == Occasion::Monthly).map(|run| {
        let list = home.path().join("list.json");
        fs_err::write(&list, current(run.at).to_string()).unwrap();
        let output = python_with("openpyxl", test)
            .unwrap()
            .arg(repository().join("tests/tools/oracle.py"))
            .arg(home.path())
            .arg(run.period.to_string())
            .arg("--files")
            .arg(&list)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    });
    Some(figures.collect())
}

fn district<'a>(figures: &'a Value, table: &str) -> &'a Value {
    figures[table].as_array().unwrap().iter().find(|row| row["level"] == "district").unwrap()
}

fn towns(figures: &Value) -> impl Iterator<Item = &Value> {
    figures["three_rates"].as_array().unwrap().iter().filter(|row| row["level"] == "town")
}

#[test]
fn the_figures_are_of_the_scale_of_the_district() {
    let Some(months) = measured("the_figures_are_of_the_scale_of_the_district") else { return };
    let mut shares = Vec::new();
    for figures in months {
        let rates = district(figures, "three_rates");
        let enrolled = rates["enrolled"].as_i64().unwrap();
        assert!((24_000..=27_000).contains(&enrolled), "{enrolled}");
        let classes = district(figures, "class_size")["classes"].as_i64().unwrap();
        assert!((900..=1300).contains(&classes), "{classes}");
        let within = district(figures, "class_size")["class_size_rate"].as_f64().unwrap();
        assert!((0.85..0.98).contains(&within), "{within}");
        let ratio = district(figures, "teacher_ratio")["children_per_teacher"].as_f64().unwrap();
        assert!((10.0..15.0).contains(&ratio), "{ratio}");
        let gross = rates["gross_enrolment"].as_f64().unwrap();
        assert!((0.90..0.95).contains(&gross), "{gross}");
        let in_streets: i64 = towns(figures)
            .filter(|row| row["unit_name"].as_str().unwrap().ends_with("街道"))
            .map(|row| row["enrolled"].as_i64().unwrap())
            .sum();
        assert!((45..=55).contains(&(in_streets * 100 / enrolled)), "{in_streets} of {enrolled}");
        shares.push((
            rates["public_share"].as_f64().unwrap(),
            rates["inclusive_coverage"].as_f64().unwrap(),
        ));
    }
    assert!((0.44..0.47).contains(&shares[0].0) && (0.78..0.82).contains(&shares[0].1));
    assert!(shares.is_sorted(), "the public share rises month by month: {shares:?}");
    assert!(shares.is_sorted_by_key(|share| share.1), "so does the coverage: {shares:?}");
    // Towns above and below each target in every month; some over 100 % gross.
    for figures in months {
        for (rate, target) in
            [("public_share", 0.5), ("inclusive_coverage", 0.85), ("gross_enrolment", 0.93)]
        {
            let met: Vec<bool> = towns(figures)
                .filter_map(|row| row[rate].as_f64())
                .map(|value| value >= target)
                .collect();
            assert!(met.contains(&true) && met.contains(&false), "{rate}");
        }
        assert!(towns(figures).any(|row| row["gross_enrolment"].as_f64() > Some(1.1)));
    }
    let institutions: BTreeSet<String> = CAMPAIGN
        .iter()
        .filter(|a| a.form == Form::Institutions && a.expected == Expected::Accepted)
        .flat_map(text_of)
        .filter(|cell| cell.len() == 10 && cell.starts_with("99"))
        .collect();
    assert!((150..=260).contains(&institutions.len()), "{}", institutions.len());
}

#[test]
fn december_has_a_town_at_one_half_and_one_a_child_short_of_it() {
    let Some(months) = measured("december_has_a_town_at_one_half_and_one_a_child_short_of_it")
    else {
        return;
    };
    let december = &months[3];
    assert_eq!(december["period"], Period::Month { year: 2024, month: 12 }.to_string());
    let counts = |code: &str| {
        let row = towns(december).find(|row| row["unit_code"] == code).unwrap();
        (row["share_num"].as_i64().unwrap(), row["share_den"].as_i64().unwrap())
    };
    let (public, enrolled) = counts("120114108");
    assert_eq!(2 * public, enrolled, "泗村店镇");
    let (public, enrolled) = counts("120114002");
    assert_eq!(2 * public + 1, enrolled, "下朱庄街道");
    assert!(1_000_000 * public > 499_000 * enrolled, "49.9x %: {public} of {enrolled}");
}

#[test]
fn missing_towns_are_missing_in_the_month_that_they_were_returned_or_silent() {
    let Some(months) =
        measured("missing_towns_are_missing_in_the_month_that_they_were_returned_or_silent")
    else {
        return;
    };
    let missing: Vec<&Value> =
        months.iter().map(|figures| &figures["missing_enrollment"]).collect();
    assert_eq!(
        missing,
        [&json!([]), &json!(["120114113"]), &json!(["120114106"]), &json!(["120114120"])]
    );
    let unit = district(&months[1], "three_rates");
    assert_eq!((&unit["n_units"], &unit["n_reported"]), (&json!(30), &json!(29)));
}
