//! Nobody can recover what is not published: random surveys against a script that tries to.

use std::io::Write;
use std::process::Stdio;

use duban::config::metric::Metric;
use duban::metric;
use duban::model::{Level, Period, Wave, Waves};
use jiff::civil::date;
use serde_json::{Value, json};

use crate::metric_world::metrics;
use crate::normalize_support::units;
use crate::satisfaction::engine_with;
use crate::tools::{python_with, repository};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn pick(&mut self, choices: &[u64]) -> u64 {
        let i = self.below(choices.len() as u64);
        choices[usize::try_from(i).unwrap()]
    }
}

/// Two surveys a year from 1950 on, over so many years.
fn waves(years: i16) -> Waves {
    Waves::new((1950..1950 + years).flat_map(|year| {
        [1_u8, 2].map(|n| {
            let day = date(year, if n == 1 { 5 } else { 11 }, 20);
            Wave { period: Period::Wave { year, n }, opens_on: day, closes_on: day }
        })
    }))
}

/// Answers of the headline question with all that makes hiding hard: silent towns, tiny ones, whole
/// groups of them, one tiny town among large ones, towns where all or none approve.
fn surveys(waves: &Waves) -> Vec<Value> {
    let units = units("");
    let mut random = Random(20_240_520);
    let mut rows = Vec::new();
    for (i, wave) in waves.iter().enumerate() {
        for paper in ["A", "B", "C"] {
            let smallness = random.pick(&[5, 15, 30, 50, 80, 97]);
            let only_one = i % 8 == 3;
            let chosen = random.below(30);
            let mut leaves: Vec<&str> =
                units.of_level(Level::Town).map(|unit| unit.code.as_str()).collect();
            if random.below(2) == 0 {
                leaves.push("120114");
            }
            for (k, unit) in leaves.into_iter().enumerate() {
                let is_small =
                    if only_one { k as u64 == chosen } else { random.below(100) < smallness };
                // Hardly anybody in the whole district.
                let n = if i % 8 == 1 {
                    // Large 街道 and one group of next to nobody: another group must cover for it.
                    match k {
                        0..6 => 300 + random.below(60),
                        6..9 => 1 + random.below(2),
                        _ => 10 + random.below(60),
                    }
                } else if i % 6 == 5 {
                    u64::from(random.below(9) == 0)
                } else if is_small {
                    random.below(11)
                } else {
                    10 + random.below(60)
                };
                let mood = random.below(if i % 5 == 0 { 3 } else { 10 });
                let approving = match mood {
                    0 => n,
                    1 => 0,
                    _ => random.below(n + 1),
                };
                for (option, answers) in
                    [("satisfied", approving), ("dissatisfied", n - approving), ("unknown", 2)]
                {
                    rows.push(json!({
                        "period": wave.period.to_string(), "unit_code": unit, "paper": paper,
                        "question": "overall", "option": option, "answers": answers,
                    }));
                }
            }
        }
    }
    rows
}

async fn published(metrics: &[Metric], years: i16) -> Value {
    let waves = waves(years);
    let engine = engine_with(surveys(&waves), &waves).await;
    let wanted = ["satisfaction_published".to_owned()].into();
    let done = metric::register_needed(&engine, metrics, &wanted).await;
    done.unwrap_or_else(|error| panic!("{}", error.diagnostic));
    let sql = "SELECT period, paper, level, unit_code, hidden, n, approving, rate, ci_low, ci_high,
                      previous_period, previous_rate, change_points, met
               FROM satisfaction_published WHERE headline";
    let rows = engine.query(sql, &[]).await.unwrap_or_else(|error| panic!("{error}")).to_json();
    let units: Vec<Value> = units("")
        .of_level(Level::Town)
        .map(|unit| {
            json!({"code": unit.code.as_str(),
                   "group": unit.group.as_ref().map(duban::model::UnitCode::as_str)})
        })
        .collect();
    json!({"units": units, "rows": rows})
}

fn attack(test: &str, publication: &Value) -> Option<Value> {
    let mut command = python_with("scipy", test)?;
    let mut child = command
        .arg(repository().join("tests/tools/satisfaction_attack.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = publication.to_string();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test]
async fn no_hidden_figure_follows_from_what_is_shown() {
    let publication = published(&metrics(), 10).await;
    let rows = publication["rows"].as_array().unwrap();
    let of = |level: &str, hidden: bool| {
        rows.iter().filter(|row| row["level"] == level && row["hidden"] == hidden).count()
    };
    // All kinds of rows are there, hidden and shown, or nothing is proven.
    for level in ["town", "group", "district", "unstated"] {
        assert!(of(level, true) > 0 && of(level, false) > 0, "{level}");
    }
    assert!(rows.iter().filter(|row| !row["change_points"].is_null()).count() > 100);
    let small = |row: &&Value| row["n"].as_i64().is_some_and(|n| n < 10);
    assert_eq!(rows.iter().find(small), None);
    let Some(result) = attack("no_hidden_figure_follows_from_what_is_shown", &publication) else {
        return;
    };
    assert_eq!((&result["trees"], &result["recovered"]), (&json!(60), &json!([])));
    assert!(result["hidden"].as_u64().unwrap() > 500, "{}", result["hidden"]);
}

#[tokio::test]
async fn the_attack_sees_through_simple_suppression_and_through_each_rule_left_out() {
    let test = "the_attack_sees_through_simple_suppression_and_through_each_rule_left_out";
    let simple = "SELECT r.period, r.paper, r.question, r.level, r.unit_code
                  FROM satisfaction_rates r JOIN survey_papers p ON p.paper = r.paper
                  WHERE r.n < p.min_answers";
    let of_all = "sum_approving > 0 AND sum_approving < sum_n";
    let changed = "AND NOT before.hidden";
    let lines = "k >= 2 AND k >= n_small AND sum_n >= min_answers";
    let children = "k >= 2 AND k >= n_must AND sum_n >= min_answers";
    let town = "THEN 0 ELSE 1 END)\nUNION";
    for (what, name, changes, words) in [
        (
            "one hidden town is enough",
            "satisfaction_hidden",
            vec![(lines, "k >= n_small"), (of_all, "TRUE")],
            "follows from the sums",
        ),
        (
            "one hidden child is enough",
            "satisfaction_hidden",
            vec![(children, "k >= n_must"), (of_all, "TRUE")],
            "follows from the sums",
        ),
        ("all may approve", "satisfaction_hidden", vec![(of_all, "TRUE")], "hidden approves"),
        (
            "a hidden group hides no town",
            "satisfaction_hidden",
            vec![(town, "THEN 0 ELSE 0 END)\nUNION")],
            "shown below it",
        ),
        ("changes are shown", "satisfaction_published", vec![(changed, "")], "gives back"),
        (
            "nothing but small figures",
            "satisfaction_hidden",
            vec![("", simple)],
            "follows from the sums",
        ),
    ] {
        let mut metrics = metrics();
        let mutated = metrics.iter_mut().find(|metric| metric.name == name).unwrap();
        for (from, to) in changes {
            let sql = if from.is_empty() { to.to_owned() } else { mutated.sql.replace(from, to) };
            assert!(sql != mutated.sql, "{what}: {from}");
            mutated.sql = sql;
        }
        let Some(result) = attack(test, &published(&metrics, 4).await) else { return };
        let recovered = result["recovered"].as_array().unwrap();
        let seen = recovered.iter().any(|text| text.as_str().unwrap().contains(words));
        assert!(seen, "{what}: {recovered:?}");
    }
}
