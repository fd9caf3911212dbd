//! A run killed by SIGKILL at named points: the next run ends in the state of an undisturbed one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use duban::demo::{Span, campaign, story};

use crate::home::Home;

/// A home whose inbox holds the first month of the campaign, and nothing taken yet. Of the reports it has one for all
/// and one that is burst: their steps are those of all others.
fn waiting_home() -> (Home, String, String) {
    let home = Home::new();
    home.keep_reports(&["joint_meeting", "group_brief"]);
    home.write("config/duban.local.toml", "[reports]\nnotices = [\"虚构\"]\n");
    let run = story(Span::last_months()).expect("a story")[0];
    for arrival in campaign(Span::last_months()).expect("a campaign") {
        if arrival.at <= run.at {
            home.write(&arrival.path, &arrival.bytes);
        }
    }
    (home, run.period.to_string(), run.at.to_string())
}

/// What a killed writer leaves behind: `.tmp-…` beside a file, `….tmp` beside a mail.
fn temporaries(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(temporaries(&path));
        } else if name.starts_with(".tmp-") || path.extension().is_some_and(|end| end == "tmp") {
            found.push(path);
        }
    }
    found
}

/// Waits until the process stands still at the point that it was asked to, then kills it.
pub fn kill_at(home: &Home, point: &str, period: &str, at: &str) {
    let marker = home.root.join("data/standing-still");
    let mut child = home
        .command(&["--as-of", at, "run", "--period", period])
        .env("DUBAN_STOP_AT", point)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let begun = Instant::now();
    while !marker.exists() {
        if let Some(status) = child.try_wait().expect("a status") {
            panic!("the run ended with {status} before it came to {point}");
        }
        assert!(begun.elapsed() < Duration::from_mins(5), "the run never came to {point}");
        std::thread::yield_now();
    }
    // SIGKILL: nothing of the process runs any more.
    child.kill().expect("killed");
    child.wait().expect("gone");
    fs_err::remove_file(marker).expect("the marker");
}

#[test]
fn a_run_killed_at_any_of_five_points_leaves_nothing_behind() {
    let (undisturbed, period, at) = waiting_home();
    undisturbed.ok(&["--as-of", &at, "run", "--period", &period]);
    let wanted = undisturbed.state();
    assert!(wanted[0].as_array().is_some_and(|rows| rows.len() > 60), "the month was taken");
    assert!(wanted[4].as_array().is_some_and(|rows| !rows.is_empty()), "mails were delivered");
    // Taking, cutting, judging, building, queueing: before the work, and between work and record.
    for point in ["receive:work", "snapshot:work", "item:begin", "report:work", "deliver:begin"] {
        let (home, period, at) = waiting_home();
        kill_at(&home, point, &period, &at);
        // As a writer killed amid its work would: the next run must sweep it away.
        let half_written = home.root.join("data/snapshots/.tmp-half");
        home.write("data/snapshots/.tmp-half", b"half a snapshot");
        assert_eq!(temporaries(&home.root.join("data")), [half_written], "killed at {point}");
        home.ok(&["--as-of", &at, "run", "--period", &period]);
        assert_eq!(home.state(), wanted, "killed at {point}");
        let left = temporaries(&home.root.join("data"));
        assert!(left.is_empty(), "killed at {point}: {left:?}");
    }
}

/// The points at which a run can be stopped, in the order in which it comes by them: each step that the ledger of an
/// undisturbed run names, at its begin, with its work done, and at its end.
fn points_of(home: &Home) -> Vec<String> {
    let ledger = rusqlite::Connection::open(home.root.join("data/ledger.sqlite")).unwrap();
    let mut names =
        ledger.prepare("SELECT name FROM steps GROUP BY name ORDER BY min(step_id)").unwrap();
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let at = |name: &String| ["begin", "work", "end"].map(|point| format!("{name}:{point}"));
    names.iter().flat_map(at).collect()
}

#[test]
fn a_run_killed_again_and_again_at_every_point_ends_as_an_undisturbed_one() {
    let (undisturbed, period, at) = waiting_home();
    undisturbed.ok(&["--as-of", &at, "run", "--period", &period]);
    let points = points_of(&undisturbed);
    assert!(
        points.len() >= 21,
        "receive, snapshot, metric, item, report, queue, deliver: {points:?}"
    );
    let (home, period, at) = waiting_home();
    for point in &points {
        kill_at(&home, point, &period, &at);
    }
    home.ok(&["--as-of", &at, "run", "--period", &period]);
    assert_eq!(home.state(), undisturbed.state());
    let left = temporaries(&home.root.join("data"));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_second_run_beside_a_living_one_is_refused_with_the_holders_name() {
    let (home, period, at) = waiting_home();
    let marker = home.root.join("data/standing-still");
    let mut child = home
        .command(&["--as-of", &at, "run", "--period", &period])
        .env("DUBAN_STOP_AT", "receive:begin")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    while !marker.exists() {
        assert!(child.try_wait().expect("a status").is_none(), "it still runs");
        std::thread::yield_now();
    }
    let second = home.duban(&["--as-of", &at, "run", "--period", &period]);
    child.kill().expect("killed");
    child.wait().expect("gone");
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success());
    assert!(words.contains(&format!("{}", child.id())), "names the holder: {words}");
}
