//! Many towns at once, and what a run by hand, the daemon and `plan` ask for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use duban::model::FetchState;
use duban::pipeline::{Progress, RunOptions, Silent};
use serde_json::{Value, json};

use crate::http_support::{Heard, NOW, Server, ask_at, collect, csv, district, open, troubles};

/// Lets the server's hanging reply go once so many files were recorded.
struct Releases {
    port: u16,
    after: usize,
    n: AtomicUsize,
    order: Mutex<Vec<String>>,
}

impl Progress for Releases {
    fn step(&self, name: &str, key: &str) {
        if name != "receive" {
            return;
        }
        self.order.lock().unwrap().push(key.to_owned());
        if self.n.fetch_add(1, Ordering::Relaxed) + 1 == self.after {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
            stream.write_all(b"GET /release HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.ends_with("released"), "{answer}");
        }
    }

    fn warn(&self, message: &str) {
        self.order.lock().unwrap().push(message.to_owned());
    }
}

fn path(town: usize) -> String {
    format!("/t{town:02}/2024-09/counts.csv")
}

fn thirty() -> Value {
    let replies = |i: usize| (path(i), json!([{"body": csv(u32::try_from(i).unwrap())}]));
    Value::Object((1..=30).map(replies).collect())
}

#[test]
fn a_town_that_hangs_holds_up_no_other() {
    // The first in line hangs until the other 29 are recorded; the last of them lets it go. Were it
    // waited for, it would never be let go, and end as `slow`.
    let script = json!({"paths": thirty(), "hang_for": [path(1)]});
    let Some(server) = Server::start("a town that hangs", &script) else { return };
    let home = district(30);
    ask_at(&home, &server.url(), "timeout_seconds = 120");
    home.write(
        "config/duban.toml",
        "[district]\ncode = \"1\"\nname = \"示例区\"\n[pull]\nconcurrency = 3\nper_host = 2\n",
    );
    let progress =
        Releases { port: server.port, after: 29, n: AtomicUsize::new(0), order: Mutex::default() };
    let outcome = open(&home, NOW).collect_dataset("counts", &progress).unwrap();
    assert_eq!((outcome.pulled.n_asked, outcome.taken.len()), (30, 30), "{outcome:?}");
    let order = progress.order.into_inner().unwrap();
    assert_eq!(order[29], "web/2024-09/t01/counts.csv", "{order:?}");
    let rows = home.query("SELECT reporter_code FROM submissions ORDER BY submission_id");
    assert_eq!(rows[29]["reporter_code"], "t01");
    // 1 + 2 + … + 30
    assert_eq!(home.count("SELECT sum(n) FROM counts"), 465);
}

#[test]
fn a_town_that_failed_is_asked_last() {
    let mut replies = thirty();
    replies[path(1)] = json!([{"status": 500}]);
    let Some(server) = Server::start("asked last", &json!({"paths": replies})) else { return };
    let home = district(30);
    ask_at(&home, &server.url(), "retries = 0");
    home.write(
        "config/duban.toml",
        "[district]\ncode = \"1\"\nname = \"示例区\"\n[pull]\nconcurrency = 1\n",
    );
    collect(&home, NOW);
    collect(&home, NOW);
    let paths = server.paths();
    assert_eq!((&paths[0], &paths[59]), (&path(1), &path(1)));
    assert_eq!(paths.len(), 60);
}

#[test]
fn what_could_not_be_asked_for_in_time_waits_for_the_next_time() {
    let hang: Vec<String> = (1..=30).map(path).collect();
    let script = json!({"paths": thirty(), "hang_for": hang});
    let Some(server) = Server::start("in time", &script) else { return };
    let home = district(30);
    ask_at(&home, &server.url(), "timeout_seconds = 120");
    home.write(
        "config/duban.toml",
        "[district]\ncode = \"1\"\nname = \"示例区\"\n[pull]\nconcurrency = 4\nper_host = 4\ntimeout_seconds = 1\n",
    );
    let heard = Heard::default();
    let outcome = open(&home, NOW).collect_dataset("counts", &heard).unwrap();
    assert_eq!((outcome.pulled.n_asked, outcome.pulled.n_unasked), (4, 26), "{outcome:?}");
    assert!(outcome.pulled.troubles.iter().all(|one| one.state == FetchState::Slow));
    assert_eq!(troubles(&home, NOW).len(), 4);
    let warnings = heard.warnings.into_inner().unwrap();
    assert!(warnings.iter().any(|words| words.contains("26 files were not asked")), "{warnings:?}");
    // One matter, however many files.
    let table = home.ok(&["--as-of", NOW, "status"]);
    assert!(table.contains("web: 4 files (示例1镇 示例2镇 示例3镇 示例4镇): slow"), "{table}");
}

#[test]
fn a_new_home_asks_for_the_newest_period_and_later_for_all_that_is_open() {
    let script = json!({"paths": {
        "/t01/2024-08/counts.csv": [{"body": csv(1)}],
        "/t01/2024-10/counts.csv": [{"body": csv(2)}],
    }});
    let Some(server) = Server::start("open periods", &script) else { return };
    let home = district(2);
    ask_at(&home, &server.url(), "");
    let asked = |at: &str| -> Vec<String> {
        let n = server.saw().len();
        collect(&home, at);
        let mut paths = server.paths().split_off(n);
        paths.sort();
        paths
    };
    let file = |town: &str, period: &str| format!("/{town}/{period}/counts.csv");
    // Nothing has ever come: the newest whose statistics date is past, and it alone.
    assert_eq!(asked("2024-08-31T01:00:00Z"), [file("t01", "2024-07"), file("t02", "2024-07")]);
    let august = [file("t01", "2024-08"), file("t02", "2024-08")];
    assert_eq!(asked("2024-09-02T01:00:00Z"), august);
    // Due on the fifth working day, and to be corrected for ten more: until 20 September.
    assert_eq!(asked("2024-09-20T01:00:00Z"), august);
    assert_eq!(asked("2024-09-23T01:00:00Z"), [file("t02", "2024-08")]);
    let october = [file("t01", "2024-09"), file("t02", "2024-08"), file("t02", "2024-09")];
    assert_eq!(asked("2024-10-01T01:00:00Z"), october);
    // What never came is still looked for.
    let later = asked("2024-11-04T01:00:00Z");
    assert_eq!(
        later,
        [
            file("t01", "2024-09"),
            file("t01", "2024-10"),
            file("t02", "2024-08"),
            file("t02", "2024-09"),
            file("t02", "2024-10"),
        ]
    );
}

#[test]
fn a_run_by_hand_asks_for_its_period_and_its_units_alone() {
    let script = json!({"paths": thirty()});
    let Some(server) = Server::start("by hand", &script) else { return };
    let home = district(30);
    ask_at(&home, &server.url(), "");
    let options = |period: &str| {
        let mut options = RunOptions::of(period.parse().unwrap());
        options.units = vec![duban::model::UnitCode::new("t07")];
        options
    };
    let run = |at: &str, period: &str| open(&home, at).run(&options(period), &Silent).unwrap();
    let outcome = run(NOW, "2024-09");
    assert_eq!((outcome.taken.len(), outcome.pulled.n_asked), (1, 1));
    assert_eq!(outcome.cuts[0].n_rows, 1);
    // Long settled, and asked for all the same: that is what it was told to do.
    let outcome = run("2025-03-03T01:00:00Z", "2024-09");
    assert_eq!((outcome.pulled.n_asked, outcome.pulled.n_unchanged), (1, 1));
    let outcome = run("2025-03-03T01:00:00Z", "2023-01");
    assert_eq!((outcome.pulled.n_asked, outcome.pulled.n_absent), (1, 1));
    assert_eq!(server.paths(), [path(7), path(7), "/t07/2023-01/counts.csv".to_owned()]);
}

#[test]
fn a_plan_says_what_would_be_asked_and_asks_nothing() {
    let mut replies = thirty();
    replies[path(3)] = json!([{"status": 429, "headers": {"Retry-After": "7200"}}]);
    let Some(server) = Server::start("a plan", &json!({"paths": replies})) else { return };
    let home = district(30);
    ask_at(&home, &server.url(), "");
    let plan = |home: &crate::home::Home| home.ok(&["--as-of", NOW, "plan", "--period", "2024-09"]);
    assert!(plan(&home).contains("files to ask web for: 30\n"), "{}", plan(&home));
    assert_eq!(server.saw(), Vec::<Value>::new());
    collect(&home, NOW);
    let held = "files to ask web for: 30, 1 of them not yet: the source named a later time";
    assert!(plan(&home).contains(held), "{}", plan(&home));
}
