//! The design's rules that a compiler cannot hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs_err::read_dir(dir)
        .expect("src is readable")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The room of a file: `src/normalize/cell.rs` and `src/normalize.rs` are in `normalize`.
fn room(path: &Path) -> String {
    let relative = path.strip_prefix(src()).expect("under src");
    let first = relative.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Rooms that a source text names by `crate::room`, comments left out.
fn named_rooms(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        let mut rest = line;
        while let Some(at) = rest.find("crate::") {
            rest = &rest[at + "crate::".len()..];
            if let Some(group) = rest.strip_prefix('{') {
                for part in group.split(['{', '}', ',']) {
                    let name: String = part
                        .trim()
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect();
                    if name.chars().next().is_some_and(char::is_lowercase) {
                        rooms.push(name);
                    }
                }
            } else {
                rooms.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    rooms
}

const LEAF: &[&str] = &["model", "clock", "calendar", "diagnostic", "durable", "schedule"];
const STAGES: &[&str] = &[
    "source",
    "archive",
    "normalize",
    "snapshot",
    "engine",
    "metric",
    "check",
    "supervise",
    "report",
    "delivery",
];

/// ARCHITECTURE.md, "Who may import whom".
fn allowed() -> BTreeMap<&'static str, Vec<&'static str>> {
    let with = |rooms: &[&[&'static str]]| rooms.concat();
    let mut allowed = BTreeMap::new();
    allowed.insert("model", vec![]);
    allowed.insert("clock", vec![]);
    allowed.insert("calendar", vec![]);
    allowed.insert("diagnostic", vec![]);
    allowed.insert("durable", vec![]);
    // Working-day schedules count on the calendar.
    allowed.insert("schedule", vec!["calendar"]);
    allowed.insert("config", LEAF.to_vec());
    for stage in STAGES {
        let mut rooms = with(&[LEAF, &["config"]]);
        if ["metric", "check", "report"].contains(stage) {
            rooms.push("engine");
        }
        allowed.insert(stage, rooms);
    }
    allowed.insert("ledger", LEAF.to_vec());
    allowed.insert("pipeline", with(&[LEAF, STAGES, &["config", "ledger"]]));
    allowed.insert("daemon", with(&[LEAF, &["config", "ledger", "pipeline"]]));
    allowed.insert("demo", with(&[LEAF, &["config", "pipeline", "daemon"]]));
    allowed
        .insert("cli", with(&[LEAF, STAGES, &["config", "ledger", "pipeline", "daemon", "demo"]]));
    allowed.insert("lib", vec![]);
    allowed.insert("main", vec![]);
    allowed
}

#[test]
fn modules_import_only_what_the_design_allows() {
    let allowed = allowed();
    let mut files = Vec::new();
    sources(&src(), &mut files);
    assert!(files.len() > 20, "the sources were found");
    let mut wrong = Vec::new();
    for path in &files {
        let room = room(path);
        let Some(may) = allowed.get(room.as_str()) else {
            wrong.push(format!("{}: room `{room}` is not in the design", path.display()));
            continue;
        };
        let text = fs_err::read_to_string(path).expect("a source file");
        for named in named_rooms(&text) {
            if named != room
                && allowed.contains_key(named.as_str())
                && !may.contains(&named.as_str())
            {
                wrong.push(format!("{room} imports {named} ({})", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_ledger_touches_sqlite() {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    for path in files.iter().filter(|path| room(path) != "ledger") {
        let text = fs_err::read_to_string(path).expect("a source file");
        assert!(!text.contains("rusqlite"), "{} names rusqlite", path.display());
    }
}

#[test]
fn the_pure_stages_do_no_io() {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    for path in
        files.iter().filter(|path| ["normalize", "supervise"].contains(&room(path).as_str()))
    {
        let text = fs_err::read_to_string(path).expect("a source file");
        for word in ["fs_err", "std::fs", "std::net", "tokio::fs", "now()"] {
            assert!(!text.contains(word), "{} has `{word}`", path.display());
        }
    }
}

#[test]
fn source_files_stay_one_room_each() {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    let long: Vec<String> = files
        .iter()
        .filter_map(|path| {
            let n = fs_err::read_to_string(path).expect("a source file").lines().count();
            (n > 750).then(|| format!("{}: {n} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "split these: {long:#?}");
}
