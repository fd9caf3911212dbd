//! The binary by its command line, on homes in temporary folders.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

/// The demo's home, made once: four months of the campaign. Tests that change it copy it.
pub static DEMO: LazyLock<Home> = LazyLock::new(|| {
    let home = Home::kept("demo");
    let output = home.duban(&["demo", "--from", "2024-09"]);
    assert!(
        output.status.success(),
        "the demo failed:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    home
});

pub struct Home {
    _folder: Option<TempDir>,
    pub root: PathBuf,
}

impl Home {
    /// A folder that is no home yet.
    pub fn empty() -> Home {
        let folder = TempDir::new().expect("a temporary folder");
        let root = folder.path().join("home");
        Home { _folder: Some(folder), root }
    }

    /// As [`Home::empty`], for a home that lives as long as the tests do: nothing removes it at their end, but it lies
    /// beside the build, and the next tests begin it anew.
    pub fn kept(name: &str) -> Home {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("homes").join(name);
        match fs_err::remove_dir_all(&root) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => Home { _folder: None, root },
        }
    }

    /// A new home with the embedded definitions.
    pub fn new() -> Home {
        let home = Home::empty();
        home.ok(&["init", &home.root.display().to_string()]);
        home
    }

    /// Leaves only these reports in the home: what others say and whom they reach is their own tests' matter.
    pub fn keep_reports(&self, names: &[&str]) {
        for entry in fs_err::read_dir(self.root.join("report_templates")).expect("templates") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('_') && !names.contains(&name.as_str()) {
                fs_err::remove_dir_all(entry.path()).expect("a report is removed");
            }
        }
    }

    /// A copy of a home, which takes hardly more of the disk: see [`copy`].
    pub fn copy_of(from: &Path) -> Home {
        let home = Home::empty();
        copy(from, &home.root);
        home
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_duban"));
        command.arg("--home").arg(&self.root).args(args);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DUBAN_")) {
            command.env_remove(name);
        }
        command
    }

    pub fn duban(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the binary runs")
    }

    /// Runs a command that must succeed; its stdout.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.duban(args);
        assert!(
            output.status.success(),
            "duban {args:?} ended with {:?}\n{}\n{}",
            output.status.code(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Rows of a query.
    pub fn query(&self, sql: &str) -> Vec<Value> {
        let text = self.ok(&["query", "--format", "json", sql]);
        serde_json::from_str(&text).expect("JSON rows")
    }

    /// The single number of a query.
    pub fn count(&self, sql: &str) -> i64 {
        let rows = self.query(sql);
        let first = rows[0].as_object().expect("a row");
        first.values().next().and_then(Value::as_i64).expect("a whole number")
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("folders");
        // The file may be shared with the home that this one is a copy of.
        match fs_err::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
        fs_err::write(path, bytes).expect("a file");
    }

    pub fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.root.join(path)).expect("a text file")
    }

    /// Replaces text in a file of the home; it must be there.
    pub fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, text.replacen(from, to, 1));
    }

    /// What counts of a home's state: figures, items, editions and mails, without instants of recovery.
    pub fn state(&self) -> Value {
        let tables = [
            "SELECT dataset, period, reporter_code, file_name, sha256, state, n_rows, n_errors FROM submissions ORDER BY dataset, period, reporter_code, sha256",
            "SELECT dataset, period, snapshot_id, n_rows, n_units, missing_units FROM snapshots ORDER BY dataset, period, snapshot_id",
            "SELECT check_id, subject_kind, subject_code, state, light, opened_on, due_on, episode, data_passes, observed, target FROM items ORDER BY check_id, subject_kind, subject_code",
            "SELECT report, period, edition_no FROM editions ORDER BY report, edition_no",
            "SELECT report, period, recipient, message_id, state FROM deliveries ORDER BY recipient, message_id",
        ];
        Value::Array(tables.iter().map(|sql| Value::Array(self.query(sql))).collect())
    }
}

/// The folders under `data/` in which duban never writes into a file that is there: all in them is put
/// there by a rename (`duban::durable`, `delivery::folder`). The ledger and its kin lie beside them.
const RENAMED_INTO: [&str; 6] = ["archive", "current", "mail", "reports", "slips", "snapshots"];

/// Copies a folder. Of a home's data, what is only ever replaced by a rename is shared by hard links:
/// the home of the whole campaign has gigabytes.
pub fn copy(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).expect("a folder");
    for entry in fs_err::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        let is_data = from.file_name().is_some_and(|name| name == "data");
        if !entry.file_type().expect("a type").is_dir() {
            fs_err::copy(entry.path(), target).expect("a copy");
        } else if is_data && RENAMED_INTO.iter().any(|name| entry.file_name() == *name) {
            share(&entry.path(), &target);
        } else {
            copy(&entry.path(), &target);
        }
    }
}

/// Makes a folder with the same files as another one.
fn share(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).expect("a folder");
    for entry in fs_err::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            share(&entry.path(), &target);
        } else {
            // On another disk there is no linking.
            let linked = fs_err::hard_link(entry.path(), &target);
            linked.or_else(|_| fs_err::copy(entry.path(), &target).map(drop)).expect("a link");
        }
    }
}

/// All files under a folder with an extension, sorted.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_copy_of_a_home_shares_its_mails_and_nothing_that_is_written_in_place() {
    let home = Home::empty();
    let files = ["data/mail/a.eml", "data/archive/ab/abc", "data/ledger.sqlite", "config/data/b"];
    for path in files {
        home.write(path, "as it was");
    }
    let copy = Home::copy_of(&home.root);
    let node = |home: &Home, path: &str| {
        use std::os::unix::fs::MetadataExt;
        fs_err::metadata(home.root.join(path)).unwrap().ino()
    };
    let shared = files.map(|path| node(&home, path) == node(&copy, path));
    assert_eq!(shared, [true, true, false, false]);
    for path in files {
        copy.write(path, "changed");
        assert_eq!((home.read(path).as_str(), copy.read(path).as_str()), ("as it was", "changed"));
    }
}
