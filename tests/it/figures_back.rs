//! Every figure of every report, taken back out of its files by programs of another make.

use std::collections::{BTreeMap, BTreeSet};

use duban::clock::Clock;
use duban::config::{self, home};
use duban::engine::Param;
use duban::pipeline::{Pipeline, Session};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::home::{DEMO, Home};
use crate::tools::{python_with, repository};

/// The demo's home at the end of its year, with the year's review too.
fn home() -> Home {
    let home = Home::copy_of(&DEMO.root);
    let build = ["report", "build", "year_review", "--period", "2024"];
    home.ok(&[&["--as-of", "2025-01-20T01:00:00Z"], &build[..]].concat());
    home
}

/// The newest edition of each report; of one that is burst, of its first two units.
fn editions(home: &Home) -> Vec<Value> {
    let listed = home.ok(&["report", "list", "--format", "json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed).expect("editions");
    let mut newest: BTreeMap<(String, String), Value> = BTreeMap::new();
    for edition in listed {
        let word = |key: &str| edition[key].as_str().unwrap().to_owned();
        newest.insert((word("report"), word("scope")), edition.clone());
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let few = newest.into_iter().filter(|((report, _), _)| {
        let n = taken.entry(report.clone()).or_default();
        *n += 1;
        *n <= 2
    });
    few.map(|(_, edition)| edition).collect()
}

fn shown(home: &Home, id: i64) -> Value {
    let text = home.ok(&["report", "show", &id.to_string(), "--format", "json"]);
    serde_json::from_str(&text).expect("an edition")
}

/// What each query says now of what was known when the edition was made.
fn queried(session: &Session, shown: &Value) -> Value {
    let parameters: Vec<(&str, Param)> = shown["parameters"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let param = match value {
                Value::String(text) => Param::from(text.as_str()),
                Value::Number(number) if number.is_i64() => Param::Int(number.as_i64().unwrap()),
                Value::Number(number) => Param::Float(number.as_f64().unwrap()),
                other => panic!("no parameter: {other}"),
            };
            (name.as_str(), param)
        })
        .collect();
    let mut results = serde_json::Map::new();
    for query in shown["queries"].as_array().unwrap() {
        let name = query["name"].as_str().unwrap();
        let result = session
            .query(query["sql"].as_str().unwrap(), &parameters)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let columns = result.columns();
        let rows = result.rows().map(|row| {
            let cells = row.cells.iter().map(duban::engine::Cell::to_json);
            columns.iter().map(ToString::to_string).zip(cells).collect::<serde_json::Map<_, _>>()
        });
        let scope = &shown["edition"]["scope"];
        let own = |row: &serde_json::Map<String, Value>| match query["split_by"].as_str() {
            Some(column) => row[column] == *scope,
            None => true,
        };
        results.insert(name.to_owned(), rows.filter(own).map(Value::Object).collect());
    }
    Value::Object(results)
}

fn session(home: &Home, at: &str) -> Session {
    let at: Timestamp = at.parse().expect("an instant");
    let root = home::Home::new(&home.root);
    let config = config::load(&root, &BTreeMap::new()).expect("definitions");
    let clock = Clock::fixed(at, config.settings.time_zone());
    let pipeline = Pipeline::open(config, clock, &BTreeMap::new()).expect("a home");
    pipeline.session(Some(at)).expect("a session")
}

#[test]
fn every_figure_of_every_report_is_its_query_s_in_all_four_formats() {
    let Some(python) = python_with("docx", "figures_back") else { return };
    drop(python);
    let home = home();
    let folder = Home::empty();
    let mut reports = BTreeSet::new();
    let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
    let mut totals: BTreeMap<String, i64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for edition in editions(&home) {
        let id = edition["edition_id"].as_i64().unwrap();
        let shown = shown(&home, id);
        let at = shown["edition"]["as_of"].as_str().unwrap().to_owned();
        let session = sessions.entry(at.clone()).or_insert_with(|| session(&home, &at));
        let document = format!("{id}.json");
        let queries = format!("{id}-queries.json");
        folder.write(&document, shown.to_string());
        folder.write(&queries, queried(session, &shown).to_string());
        let mut files = BTreeMap::new();
        for file in shown["edition"]["files"].as_array().unwrap() {
            let path = home.root.join(file["path"].as_str().unwrap());
            files.insert(file["format"].as_str().unwrap().to_owned(), path);
        }
        let mut command = python_with("docx", "figures_back").unwrap();
        command.arg(repository().join("tests/tools/figures_back.py"));
        command.arg(folder.root.join(&document)).arg(folder.root.join(&queries));
        for format in ["html", "pdf", "docx", "xlsx"] {
            match files.get(format) {
                Some(path) => command.arg(path),
                None => command.arg("-"),
            };
        }
        let output = command.output().expect("Python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let report = edition["report"].as_str().unwrap();
        for one in told["wrong"].as_array().unwrap() {
            wrong.push(json!([report, edition["scope"], one]));
        }
        for (name, n) in told["counted"].as_object().unwrap() {
            *totals.entry(name.clone()).or_default() += n.as_i64().unwrap();
        }
        let n = |name: &str| told["counted"][name].as_i64().unwrap_or(0);
        assert!(n("html") > 0 && n("pdf") > 0, "{report}: nothing was compared: {told}");
        reports.insert(report.to_owned());
    }
    assert_eq!(wrong, Vec::<Value>::new(), "{totals:?}");
    assert!(reports.len() >= 8, "{reports:?}");
    for format in ["html", "pdf", "docx", "xlsx", "rows"] {
        assert!(totals[format] > 500, "{format}: {totals:?}");
    }
    // The others are differences and counts made in the wording.
    assert!(totals["figures_in_queries"] * 10 >= totals["figures"] * 8, "{totals:?}");
}
