//! A home that asks a server of another make (Python's http.server), which answers as scripted.
//!
//! The district, its towns and all figures are invented.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Mutex;

use duban::clock::Clock;
use duban::config;
use duban::pipeline::{CollectOutcome, Pipeline, Progress, Silent};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use tempfile::TempDir;

use crate::home::Home;
use crate::tools::{python_with, repository};

/// 2024-09 is the newest due month then.
pub const NOW: &str = "2024-10-08T01:00:00Z";

/// The server under a script; gone with this value.
pub struct Server {
    child: Child,
    pub port: u16,
    folder: TempDir,
}

impl Server {
    /// None, said aloud, where there is no Python; a failure in CI.
    pub fn start(test: &str, script: &Value) -> Option<Server> {
        let mut python = python_with("http.server", test)?;
        let folder = tempfile::tempdir().unwrap();
        let mut child = python
            .arg(repository().join("tests/tools/http_server.py"))
            .arg(script.to_string())
            .arg(folder.path().join("log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("no port but {line:?}"));
        Some(Server { child, port, folder })
    }

    /// What it was asked, in order: `path` and `headers`.
    pub fn saw(&self) -> Vec<Value> {
        let log = fs_err::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn paths(&self) -> Vec<String> {
        self.saw().iter().map(|line| line["path"].as_str().unwrap().to_owned()).collect()
    }

    /// The address of the example's files.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{{unit}}/{{period}}/{{dataset}}.csv", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A district of `n` towns, `t01`, `t02`, …, that send one number a month each.
pub fn district(n: usize) -> Home {
    let home = Home::empty();
    let mut units =
        String::from("code,name,level,kind,parent,group,aliases\n1,示例区,district,,,,\n");
    for i in 1..=n {
        units.push_str(&format!("t{i:02},示例{i}镇,town,镇,1,,\n"));
    }
    home.write("config/units.csv", units);
    home.write("config/duban.toml", "[district]\ncode = \"1\"\nname = \"示例区\"\n");
    home.write(
        "pipelines/counts/pipeline.toml",
        r#"[dataset]
name = "counts"
title = "人数月报表"
frequency = "month"
stat_on = "last_day"
reporters = ["town"]
due_workdays = 5
[unit]
from = "reporter"
[columns.place]
header = "地点"
type = "text"
key = true
blank = "error"
[columns.n]
header = "人数"
type = "int"
min = 0
"#,
    );
    home
}

/// A town's file.
pub fn csv(n: u32) -> String {
    format!("地点,人数\n甲,{n}\n")
}

/// Sets the home's one source. `more` is further keys.
pub fn ask_at(home: &Home, url: &str, more: &str) {
    let text = format!("[[http]]\nname = \"web\"\nurl = \"{url}\"\nretry_wait_ms = 1\n{more}\n");
    home.write("config/sources.toml", text);
}

pub fn open_with(home: &Home, at: &str, environment: &[(&str, &str)]) -> Pipeline {
    let environment: BTreeMap<String, String> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let config = config::load(&config::home::Home::new(&home.root), &environment)
        .unwrap_or_else(|problems| panic!("{problems:#?}"));
    let at: Timestamp = at.parse().unwrap();
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    Pipeline::open(config, Clock::fixed(at, zone), &environment).unwrap()
}

pub fn open(home: &Home, at: &str) -> Pipeline {
    open_with(home, at, &[])
}

/// Collects the example's data set as the daemon does.
pub fn collect(home: &Home, at: &str) -> CollectOutcome {
    open(home, at).collect_dataset("counts", &Silent).unwrap()
}

/// What `duban status --format json` says about sources: which file, and its trouble.
pub fn troubles(home: &Home, at: &str) -> Vec<(String, Value)> {
    let text = home.ok(&["--as-of", at, "status", "--format", "json"]);
    let status: Value = serde_json::from_str(&text).unwrap();
    let key = |row: &Value| {
        ["source", "dataset", "period", "unit_code"]
            .map(|name| row[name].as_str().unwrap().to_owned())
            .join("/")
    };
    status["sources"].as_array().unwrap().iter().map(|row| (key(row), row.clone())).collect()
}

/// Keeps all that was said.
#[derive(Default)]
pub struct Heard {
    pub warnings: Mutex<Vec<String>>,
    pub steps: Mutex<Vec<(String, String)>>,
}

impl Progress for Heard {
    fn step(&self, name: &str, key: &str) {
        self.steps.lock().unwrap().push((name.to_owned(), key.to_owned()));
    }

    fn warn(&self, message: &str) {
        self.warnings.lock().unwrap().push(message.to_owned());
    }
}
