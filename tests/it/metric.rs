use std::collections::BTreeMap;

use duban::config::metric::Metric;
use duban::engine::{Cell, Engine};
use duban::metric;
use serde_json::{Value, json};

use crate::metric_world::{engine, metrics};

/// Registers the metrics that `name` needs and gives its rows of a period, as JSON, by unit code.
async fn rows_of(engine: &Engine, name: &str, period: &str) -> Vec<Value> {
    let wanted = [name.to_owned()].into();
    let done = metric::register_needed(engine, &metrics(), &wanted).await;
    done.unwrap_or_else(|e| panic!("{}", e.diagnostic));
    let sql = format!("SELECT * FROM {name} WHERE period = $period ORDER BY level, unit_code");
    engine.query(&sql, &[("period", period.into())]).await.expect("query").to_json()
}

fn unit<'a>(rows: &'a [Value], code: &str) -> &'a Value {
    rows.iter().find(|row| row["unit_code"] == code).unwrap_or_else(|| panic!("no row of {code}"))
}

/// One class of an institution in a town.
fn class(period: &str, town: &str, reporter: &str, kind: &str, of: &str, n: i64) -> Value {
    json!({"period": period, "unit_code": town, "reporter_code": reporter,
           "inst_code": format!("{town}-{kind}-{reporter}"), "inst_name": "某园",
           "inst_kind": kind, "class_name": "一班", "class_type": of, "children": n})
}

fn covered(dataset: &str, period: &str, reporter: &str, town: &str, state: &str) -> Value {
    json!({"dataset": dataset, "period": period, "reporter_code": reporter, "unit_code": town,
           "submission_id": 1, "state": state, "n_rows": 1})
}

fn expected(dataset: &str, period: &str, reporter: &str) -> Value {
    json!({"dataset": dataset, "period": period, "reporter_code": reporter,
           "due_on": "2024-10-12", "provisional": false})
}

fn residents(period: &str, town: &str, n: i64) -> Value {
    json!({"period": period, "unit_code": town, "reporter_code": town, "resident_3_5": n,
           "basis": "常住3—5岁"})
}

fn direct(period: &str, town: &str) -> Value {
    json!({"period": period, "unit_code": town, "reporter_code": "b", "inst_code": "x",
           "inst_kind": "public_education", "is_direct": true})
}

const P: &str = "2024-09";

/// Rows by table.
type World = Vec<(&'static str, Vec<Value>)>;

/// t1: exactly 50 % public, more children than residents. t2: 49.996 % public. t3: reported, its
/// direct institution by the bureau too.
fn three_towns() -> World {
    let all = ["t1", "t2", "t3", "b"];
    vec![
        (
            "enrollment",
            vec![
                class(P, "t1", "t1", "public_collective", "lower", 60),
                class(P, "t1", "t1", "private_inclusive", "middle", 30),
                class(P, "t1", "t1", "private_other", "upper", 30),
                class(P, "t1", "t1", "public_education", "toddler", 15),
                class(P, "t1", "t1", "childcare_point", "mixed", 12),
                class(P, "t2", "t2", "public_education", "upper", 12499),
                class(P, "t2", "t2", "private_inclusive", "upper", 12501),
                class(P, "t3", "t3", "private_other", "upper", 40),
                class(P, "t3", "b", "public_education", "upper", 60),
                // Sent with the code of the park that lies in t3.
                class(P, "p1", "t3", "private_inclusive", "upper", 100),
            ],
        ),
        (
            "population",
            vec![
                residents("2023", "t1", 200),
                residents("2024", "t1", 100),
                residents("2023", "t2", 26882),
                residents("2024", "t3", 220),
            ],
        ),
        ("institutions", vec![direct("2024-2025", "t3"), direct("2023-2024", "t1")]),
        (
            "coverage",
            vec![
                covered("enrollment", P, "t1", "t1", "accepted"),
                covered("enrollment", P, "t2", "t2", "accepted"),
                covered("enrollment", P, "t3", "t3", "accepted"),
                covered("enrollment", P, "b", "t3", "accepted"),
            ],
        ),
        ("expected", all.map(|reporter| expected("enrollment", P, reporter)).to_vec()),
    ]
}

fn without(mut world: World, table: &str, reporter: &str) -> World {
    for (name, rows) in &mut world {
        if *name == table {
            rows.retain(|row| row["reporter_code"] != reporter);
        }
    }
    world
}

#[tokio::test]
async fn three_rates_has_exactly_the_columns_that_reports_rely_on() {
    let engine = engine(&[]);
    metric::register_all(&engine, &metrics()).await.unwrap_or_else(|e| panic!("{}", e.diagnostic));
    let design = "level, unit_code, unit_name, period, resident, enrolled, inclusive_enrolled, \
        public_enrolled, gross_enrolment, inclusive_coverage, public_share, gross_num, gross_den, \
        coverage_num, coverage_den, share_num, share_den, n_units, n_reported, resident_basis, \
        resident_as_of";
    let result = engine.query("SELECT * FROM three_rates", &[]).await.expect("query");
    assert_eq!(result.columns().join(", "), design);
    let result = engine.query("SELECT * FROM three_rates_carried", &[]).await.expect("query");
    assert_eq!(result.columns().join(", "), format!("{design}, carried_from"));
}

#[tokio::test]
async fn three_rates_agree_with_figures_worked_out_by_hand() {
    let rows = rows_of(&engine(&three_towns()), "three_rates", P).await;
    // Toddlers (15) and the childcare point (12) stay outside: 60 + 30 + 30.
    let t1 = unit(&rows, "t1");
    assert_eq!((&t1["enrolled"], &t1["public_enrolled"]), (&json!(120), &json!(60)));
    assert_eq!((&t1["inclusive_enrolled"], &t1["resident"]), (&json!(90), &json!(100)));
    assert_eq!(t1["public_share"], json!(0.5));
    assert_eq!(t1["inclusive_coverage"], json!(0.75));
    // Above 100 % is shown as it is.
    assert_eq!(t1["gross_enrolment"], json!(1.2));
    assert_eq!(t1["resident_as_of"], json!("2024-09-01"));

    // t2 has no figure for 2024 yet: 2023's, and it says so.
    let t2 = unit(&rows, "t2");
    assert_eq!((&t2["share_num"], &t2["share_den"]), (&json!(12499), &json!(25000)));
    assert_eq!(t2["public_share"], json!(0.49996));
    assert_eq!((&t2["resident"], &t2["resident_as_of"]), (&json!(26882), &json!("2023-09-01")));

    // 40 of its own, 60 by the bureau, 100 in the park.
    let t3 = unit(&rows, "t3");
    assert_eq!((&t3["enrolled"], &t3["public_enrolled"]), (&json!(200), &json!(60)));
    assert_eq!(t3["inclusive_enrolled"], json!(160));

    // The group is t1 and t2; the district all three: sums, never means.
    let group = unit(&rows, "g");
    assert_eq!((&group["share_num"], &group["share_den"]), (&json!(12559), &json!(25120)));
    assert_eq!((&group["n_units"], &group["n_reported"]), (&json!(2), &json!(2)));
    let district = unit(&rows, "d");
    assert_eq!((&district["enrolled"], &district["resident"]), (&json!(25320), &json!(27202)));
    assert_eq!(district["public_share"], json!(12619.0 / 25320.0));
    assert_eq!(district["gross_enrolment"], json!(25320.0 / 27202.0));
    assert_eq!(district["resident_as_of"], json!("2023-09-01"));
    assert_eq!(rows.len(), 5);
}

#[tokio::test]
async fn a_missing_town_is_a_row_of_nulls_and_is_in_no_sum() {
    let world = without(three_towns(), "coverage", "t2");
    let rows = rows_of(&engine(&world), "three_rates", P).await;
    let t2 = unit(&rows, "t2");
    for column in
        ["resident", "enrolled", "public_enrolled", "public_share", "gross_num", "share_den"]
    {
        assert_eq!(t2[column], Value::Null, "{column}");
    }
    assert_eq!((&t2["n_units"], &t2["n_reported"]), (&json!(1), &json!(0)));
    let district = unit(&rows, "d");
    assert_eq!((&district["enrolled"], &district["resident"]), (&json!(320), &json!(320)));
    assert_eq!((&district["n_units"], &district["n_reported"]), (&json!(3), &json!(2)));
}

#[tokio::test]
async fn a_town_with_direct_institutions_waits_for_the_bureau() {
    let world = without(three_towns(), "coverage", "b");
    let rows = rows_of(&engine(&world), "three_rates", P).await;
    assert_eq!(unit(&rows, "t3")["enrolled"], Value::Null, "t3 has a direct one");
    // t1 had one in the register of 2023-2024, but not in the newest.
    assert_eq!(unit(&rows, "t1")["enrolled"], json!(120));
    assert_eq!(unit(&rows, "d")["n_reported"], json!(2));
}

#[tokio::test]
async fn the_bureau_s_rows_do_not_make_a_silent_town_reported() {
    let world = without(three_towns(), "coverage", "t3");
    let rows = rows_of(&engine(&world), "three_rates", P).await;
    assert_eq!(unit(&rows, "t3")["enrolled"], Value::Null);
}

#[tokio::test]
async fn a_town_without_residents_is_outside_both_sides_of_gross_enrolment() {
    let mut world = three_towns();
    for (name, rows) in &mut world {
        if *name == "population" {
            rows.retain(|row| row["unit_code"] != "t2");
        }
    }
    let rows = rows_of(&engine(&world), "three_rates", P).await;
    let t2 = unit(&rows, "t2");
    assert_eq!((&t2["gross_enrolment"], &t2["enrolled"]), (&Value::Null, &json!(25000)));
    let district = unit(&rows, "d");
    assert_eq!((&district["gross_num"], &district["gross_den"]), (&json!(320), &json!(320)));
    assert_eq!(district["share_den"], json!(25320));
}

#[tokio::test]
async fn a_nil_report_is_zero_and_its_rates_are_null() {
    let mut world = three_towns();
    for (name, rows) in &mut world {
        rows.retain(|row| *name != "enrollment" || row["unit_code"] != "t2");
        for row in rows.iter_mut() {
            if *name == "coverage" && row["unit_code"] == "t2" {
                row["state"] = json!("nil");
            }
        }
    }
    let rows = rows_of(&engine(&world), "three_rates", P).await;
    let t2 = unit(&rows, "t2");
    assert_eq!((&t2["enrolled"], &t2["n_reported"]), (&json!(0), &json!(1)));
    assert_eq!((&t2["public_share"], &t2["inclusive_coverage"]), (&Value::Null, &Value::Null));
    assert_eq!(t2["gross_enrolment"], json!(0.0));
}

#[tokio::test]
async fn a_missing_town_is_carried_with_its_last_figures_and_says_from_when() {
    let mut world = without(three_towns(), "coverage", "t2");
    for (name, rows) in &mut world {
        match *name {
            "enrollment" => {
                rows.push(class("2024-07", "t2", "t2", "public_education", "upper", 7));
                rows.push(class("2024-08", "t2", "t2", "public_education", "upper", 300));
                rows.push(class("2024-08", "t2", "t2", "private_other", "upper", 100));
            }
            "coverage" => {
                rows.push(covered("enrollment", "2024-07", "t2", "t2", "accepted"));
                rows.push(covered("enrollment", "2024-08", "t2", "t2", "accepted"));
            }
            _ => {}
        }
    }
    let rows = rows_of(&engine(&world), "three_rates_carried", P).await;
    let t2 = unit(&rows, "t2");
    assert_eq!((&t2["enrolled"], &t2["public_enrolled"]), (&json!(400), &json!(300)));
    assert_eq!((&t2["carried_from"], &t2["n_reported"]), (&json!("2024-08"), &json!(0)));
    assert_eq!(unit(&rows, "t1")["carried_from"], Value::Null);
    let district = unit(&rows, "d");
    assert_eq!(
        (&district["enrolled"], &district["carried_from"]),
        (&json!(720), &json!("2024-08"))
    );
    assert_eq!(district["n_reported"], json!(2));
}

#[tokio::test]
async fn the_gap_of_hengnan_county_comes_out_as_published() {
    // 衡南县 2020, as its government published, recomputed.
    let world = vec![
        (
            "enrollment",
            vec![
                class(P, "t1", "t1", "public_education", "upper", 10301),
                class(P, "t1", "t1", "private_inclusive", "upper", 7629),
                class(P, "t1", "t1", "private_other", "upper", 25113 - 10301 - 7629),
            ],
        ),
        (
            "staffing",
            vec![json!({"period": P, "unit_code": "t1", "reporter_code": "t1",
                "inst_code": "t1-public_education-t1", "teachers": 984})],
        ),
        (
            "coverage",
            vec![
                covered("enrollment", P, "t1", "t1", "accepted"),
                covered("staffing", P, "t1", "t1", "accepted"),
            ],
        ),
    ];
    let engine = engine(&world);
    let gaps = rows_of(&engine, "rate_gaps", P).await;
    let public = gaps
        .iter()
        .find(|row| row["unit_code"] == "t1" && row["metric"] == "public_share")
        .expect("a gap");
    assert_eq!(public["met"], json!(false));
    assert_eq!((&public["gap_unchanged"], &public["gap_added"]), (&json!(2256), &json!(4511)));
    let rates = rows_of(&engine, "three_rates", P).await;
    let percent = |value: &Value| format!("{:.2}", value.as_f64().expect("a rate") * 100.0);
    assert_eq!(percent(&unit(&rates, "t1")["public_share"]), "41.02");
    assert_eq!(percent(&unit(&rates, "t1")["inclusive_coverage"]), "71.40");
    let ratio = rows_of(&engine, "teacher_ratio", P).await;
    let children = unit(&ratio, "t1")["children_per_teacher"].as_f64().expect("a ratio");
    assert_eq!(format!("{children:.2}"), "25.52");
}

/// The two readings of the gap, found by trying one child after the other.
fn gap_by_trial(num: i64, den: i64, t_num: i64, t_den: i64) -> (i64, Option<i64>) {
    let unchanged = (0..100_000).find(|x| (num + x) * t_den >= t_num * den).expect("reached");
    let added = (0..100_000).find(|x| (num + x) * t_den >= t_num * (den + x));
    (unchanged, added)
}

#[tokio::test]
async fn gaps_are_the_least_numbers_that_reach_the_target() {
    let mut rates = Vec::new();
    for den in [1_i64, 2, 3, 7, 19, 20, 99, 100, 101, 997] {
        for num in [0, 1, den / 3, den / 2, den * 84 / 100, den * 93 / 100, den - 1, den] {
            rates.push((num, den));
        }
    }
    rates.sort_unstable();
    rates.dedup();
    let rows = rates.iter().enumerate().map(|(i, (num, den))| {
        json!({"level": "town", "unit_code": format!("u{i}"), "unit_name": "某镇", "period": P,
               "metric": "inclusive_coverage", "num": num, "den": den, "n_units": 1, "n_reported": 1})
    });
    let engine = engine(&[]);
    let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(
        [
            ("metric", arrow::datatypes::DataType::Utf8),
            ("level", arrow::datatypes::DataType::Utf8),
            ("unit_code", arrow::datatypes::DataType::Utf8),
            ("unit_name", arrow::datatypes::DataType::Utf8),
            ("period", arrow::datatypes::DataType::Utf8),
            ("num", arrow::datatypes::DataType::Int64),
            ("den", arrow::datatypes::DataType::Int64),
            ("n_units", arrow::datatypes::DataType::Int64),
            ("n_reported", arrow::datatypes::DataType::Int64),
        ]
        .map(|(name, data_type)| arrow::datatypes::Field::new(name, data_type, true))
        .to_vec(),
    ));
    let batch = duban::engine::batch_from_json(&schema, &rows.collect::<Vec<_>>()).expect("rows");
    engine.register_batches("rates", schema, vec![batch]).expect("register");
    let gaps = rows_of(&engine, "rate_gaps", P).await;
    assert_eq!(gaps.len(), rates.len() * 2, "both target sets");
    for gap in gaps {
        let int = |column: &str| gap[column].as_i64();
        let (Some(num), Some(den)) = (int("num"), int("den")) else { panic!("{gap}") };
        let target = if gap["target_set"] == "campaign" { 85 } else { 80 };
        let (unchanged, added) = gap_by_trial(num, den, target, 100);
        assert_eq!((int("gap_unchanged"), int("gap_added")), (Some(unchanged), added), "{gap}");
        assert_eq!(gap["met"], json!(unchanged == 0), "{gap}");
    }
}

#[tokio::test]
async fn ranks_and_changes_follow_from_two_months() {
    let mut world = three_towns();
    for (name, rows) in &mut world {
        match *name {
            // Last month: t1 30 %, t2 20 %, t3 100 % public (and t3's direct one by the bureau).
            "enrollment" => rows.extend([
                class("2024-08", "t1", "t1", "public_education", "upper", 30),
                class("2024-08", "t1", "t1", "private_other", "upper", 70),
                class("2024-08", "t2", "t2", "public_education", "upper", 20),
                class("2024-08", "t2", "t2", "private_other", "upper", 80),
                class("2024-08", "t3", "b", "public_education", "upper", 10),
            ]),
            "coverage" => {
                for reporter in ["t1", "t2", "t3"] {
                    rows.push(covered("enrollment", "2024-08", reporter, reporter, "accepted"));
                }
                rows.push(covered("enrollment", "2024-08", "b", "t3", "accepted"));
            }
            _ => {}
        }
    }
    let trend = rows_of(&engine(&world), "rate_trend", P).await;
    let of = |code: &str| {
        trend
            .iter()
            .find(|row| row["unit_code"] == code && row["metric"] == "public_share")
            .expect("a trend")
    };
    // September: t1 50 %, t2 49.996 %, t3 30 %.
    assert_eq!((&of("t1")["rank"], &of("t1")["rank_change"]), (&json!(1), &json!(1)));
    assert_eq!((&of("t2")["rank"], &of("t2")["rank_change"]), (&json!(2), &json!(1)));
    assert_eq!((&of("t3")["rank"], &of("t3")["rank_change"]), (&json!(3), &json!(-2)));
    let change = of("t1")["change_points"].as_f64().expect("a change");
    assert!((change - 20.0).abs() < 1e-9, "{change}");
    assert_eq!(of("t1")["n_ranked"], json!(3));
}

/// A small generator, so that the district below is the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn count(&mut self, n: u64) -> i64 {
        i64::try_from(self.roll(n)).expect("small")
    }
}

fn index(n: u64) -> usize {
    usize::try_from(n).expect("small")
}

/// What a town's rows amount to: enrolled, public, inclusive.
type Sums = BTreeMap<&'static str, (i64, i64, i64)>;

const TOWNS: [&str; 3] = ["t1", "t2", "t3"];

/// Twelve months of three towns with silent ones among them, and their sums, added up here.
fn random_year() -> (World, BTreeMap<String, Sums>) {
    let mut dice = Dice(2024);
    let mut rows = Vec::new();
    let mut coverage = Vec::new();
    let mut truth: BTreeMap<String, Sums> = BTreeMap::new();
    let kinds = [
        "public_education",
        "public_collective",
        "private_inclusive",
        "private_other",
        "childcare_point",
    ];
    let types = ["toddler", "lower", "middle", "upper", "mixed"];
    for month in 1..=12 {
        let period = format!("2024-{month:02}");
        for town in TOWNS {
            let silent = dice.roll(4) == 0;
            if !silent {
                coverage.push(covered("enrollment", &period, town, town, "accepted"));
            }
            let mut sums = (0, 0, 0);
            for _ in 0..dice.roll(12) {
                let (kind, of, n) = (dice.roll(5), dice.roll(5), dice.count(40));
                let (kind, of) = (kinds[index(kind)], types[index(of)]);
                rows.push(class(&period, town, town, kind, of, n));
                if of == "toddler" || kind == "childcare_point" {
                    continue;
                }
                sums.0 += n;
                if kind == "public_education" || kind == "public_collective" {
                    sums.1 += n;
                }
                if kind != "private_other" {
                    sums.2 += n;
                }
            }
            if !silent {
                truth.entry(period.clone()).or_default().insert(town, sums);
            }
        }
    }
    let world = vec![
        ("enrollment", rows),
        ("coverage", coverage),
        ("population", TOWNS.map(|town| residents("2023", town, 150)).to_vec()),
    ];
    (world, truth)
}

#[tokio::test]
async fn three_rates_of_a_year_agree_with_sums_that_share_no_code() {
    let (world, truth) = random_year();
    let engine = engine(&world);
    let mut n_missing = 0;
    for (period, sums) in &truth {
        let rows = rows_of(&engine, "three_rates", period).await;
        for (code, towns) in [("t1", &TOWNS[..1]), ("g", &TOWNS[..2]), ("d", &TOWNS[..])] {
            let found: Vec<_> = towns.iter().filter_map(|town| sums.get(town)).collect();
            let row = unit(&rows, code);
            n_missing += towns.len() - found.len();
            assert_eq!(row["n_reported"], json!(found.len()), "{period} {code}");
            let add = |of: fn(&(i64, i64, i64)) -> i64| {
                let sum: i64 = found.iter().map(|sums| of(sums)).sum();
                (!found.is_empty()).then_some(sum)
            };
            let (enrolled, public, inclusive) = (add(|s| s.0), add(|s| s.1), add(|s| s.2));
            assert_eq!(row["enrolled"], json!(enrolled), "{period} {code}");
            assert_eq!(row["public_enrolled"], json!(public), "{period} {code}");
            assert_eq!(row["inclusive_enrolled"], json!(inclusive), "{period} {code}");
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            let rate = |num: Option<i64>, den: Option<i64>| match (num, den) {
                (Some(num), Some(den)) if den > 0 => json!(num as f64 / den as f64),
                _ => Value::Null,
            };
            // 2023's residents hold to the end of August; then 2024's are missing, so 2023's still.
            let residents = (!found.is_empty()).then(|| found.iter().map(|_| 150).sum());
            assert_eq!(row["gross_enrolment"], rate(enrolled, residents), "{period} {code}");
            assert_eq!(row["public_share"], rate(public, enrolled), "{period} {code}");
            assert_eq!(row["inclusive_coverage"], rate(inclusive, enrolled), "{period} {code}");
        }
    }
    assert!(truth.len() == 12 && n_missing > 5, "{} {n_missing}", truth.len());
}

fn written(name: &str, sql: &str) -> Metric {
    let text = format!("-- title: 某项\n{sql}");
    duban::config::metric::load(name, &format!("pipelines/_metrics/{name}.sql"), &text)
        .unwrap_or_else(|problems| panic!("{}", problems[0]))
}

#[test]
fn metrics_that_read_each_other_in_a_circle_are_refused() {
    let circle = [
        written("a", "SELECT * FROM b"),
        written("b", "WITH x AS (SELECT * FROM c) SELECT * FROM x"),
        written("c", "SELECT * FROM a"),
        written("d", "SELECT 1 AS one"),
    ];
    let problems = metric::in_order(&circle).expect_err("a circle");
    assert_eq!(
        problems[0].to_string(),
        "pipelines/_metrics/a.sql: metrics read each other in a circle: a → b → c → a\n  \
         hint: move what both need into a metric of its own"
    );
    assert_eq!(metric::in_order(&circle[3..]).expect("no circle").len(), 1);
}

#[test]
fn a_metric_may_not_take_a_reserved_name() {
    let problems = metric::in_order(&[written("units", "SELECT 1 AS one")]).expect_err("reserved");
    assert!(problems[0].to_string().contains("`units` is the name of a reserved table"));
}

#[test]
fn a_metric_s_header_is_checked() {
    let load = |text: &str| duban::config::metric::load("m", "m.sql", text);
    let problems = load("-- titel: 三率\nSELECT 1").expect_err("no title");
    assert_eq!(
        problems[0].to_string(),
        "m.sql:1: unknown key `titel` in the header\n     1 | -- titel: 三率\n  \
         hint: did you mean `title`?"
    );
    assert!(load("-- title: 三率\n").expect_err("no query")[0].message.contains("no query"));
    let metric = load("-- title: 三率\n-- description: 一\n-- 二\nSELECT 1").expect("a metric");
    assert_eq!((metric.title.as_str(), metric.description.as_str()), ("三率", "一 二"));
}

#[tokio::test]
async fn a_metric_with_an_unknown_column_is_refused_once_with_its_place() {
    let wrong = [
        written("a", "SELECT code,\n  nmae FROM units"),
        written("b", "SELECT * FROM a"),
        written("c", "SELECT * FROM unitz"),
    ];
    let problems = metric::compile(&engine(&[]), &wrong).await.expect_err("faulty");
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "pipelines/_metrics/a.sql:3:3: there is no column `nmae` here\n     3 |   nmae FROM units\n       |   ^\n  hint: did you mean `name`?",
            "pipelines/_metrics/c.sql:2:15: there is no table `unitz`\n     2 | SELECT * FROM unitz\n       |               ^\n  hint: did you mean `units`?",
        ]
    );
}

#[tokio::test]
async fn every_metric_gives_the_same_over_the_exported_tables() {
    let world = engine(&three_towns());
    let folder = tempfile::tempdir().expect("a folder");
    world.export(folder.path()).await.expect("export");
    let copy = Engine::new(duban::engine::Limits::default()).expect("engine");
    for name in world.table_names() {
        let schema = world.table_schema(&name).await.expect("schema");
        let file = folder.path().join(format!("{name}.parquet"));
        copy.register_parquet(&name, schema, &[file]).expect("register");
    }
    let metrics = metrics();
    for engine in [&world, &copy] {
        metric::register_all(engine, &metrics).await.unwrap_or_else(|e| panic!("{}", e.diagnostic));
    }
    let mut n_rows = 0;
    for metric in &metrics {
        let sql = format!("SELECT * FROM {}", metric.name);
        let mut rows = Vec::new();
        for engine in [&world, &copy] {
            let result = engine.query(&sql, &[]).await.expect("query");
            n_rows += result.n_rows();
            let mut lines: Vec<String> = result.to_json().iter().map(ToString::to_string).collect();
            lines.sort();
            rows.push(lines);
        }
        assert_eq!(rows[0], rows[1], "{}", metric.name);
    }
    assert!(n_rows > 100, "{n_rows}");
    let result = copy.query("SELECT public_share FROM three_rates WHERE unit_code = 't1'", &[]);
    let result = result.await.expect("query");
    assert_eq!(result.rows().next().expect("a row").cells, [Cell::Float(0.5)]);
}
