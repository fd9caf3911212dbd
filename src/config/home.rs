//! The home: where a district's definitions and data lie, and the files that a new one begins with.

use std::path::{Path, PathBuf};

use fs_err as fs;
use include_dir::{Dir, include_dir};

static CONFIG: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/config");
static PIPELINES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/pipelines");
static REPORT_TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/report_templates");

/// A home folder. Only names paths; the modules that own the files read and write them.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    pub fn new(root: impl Into<PathBuf>) -> Home {
        Home { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn config(&self) -> PathBuf {
        self.root.join("config")
    }

    pub fn pipelines(&self) -> PathBuf {
        self.root.join("pipelines")
    }

    pub fn report_templates(&self) -> PathBuf {
        self.root.join("report_templates")
    }

    pub fn fonts(&self) -> PathBuf {
        self.root.join("fonts")
    }

    /// Where towns' files are dropped: `inbox/<period>/<unit>/…`.
    pub fn inbox(&self) -> PathBuf {
        self.root.join("inbox")
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn archive(&self) -> PathBuf {
        self.data().join("archive")
    }

    pub fn snapshots(&self) -> PathBuf {
        self.data().join("snapshots")
    }

    pub fn current(&self) -> PathBuf {
        self.data().join("current")
    }

    pub fn reports(&self) -> PathBuf {
        self.data().join("reports")
    }

    /// Papers of supervision, by day: `slips/2024-10-15/urge-120114104.pdf`.
    pub fn slips(&self) -> PathBuf {
        self.data().join("slips")
    }

    /// Where mails go with `mail.transport = "folder"`, and always with an `--as-of`.
    pub fn mail(&self) -> PathBuf {
        self.data().join("mail")
    }

    pub fn ledger(&self) -> PathBuf {
        self.data().join("ledger.sqlite")
    }

    /// A path as the operator would name it: relative to the home.
    pub fn label(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Whether definitions stand here.
    pub fn is_home(&self) -> bool {
        self.config().join("duban.toml").is_file()
    }
}

/// Why a home could not be made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("{0} is a home already: its definitions are left as they are")]
    AlreadyHome(String),
    #[error("{0} is not empty and no home")]
    NotEmpty(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Writes the embedded definitions to `root`, which must be empty or absent. Returns the files written.
pub fn init(root: &Path) -> Result<Vec<PathBuf>, InitError> {
    let home = Home::new(root);
    if home.is_home() {
        return Err(InitError::AlreadyHome(root.display().to_string()));
    }
    if root.is_dir() && fs::read_dir(root)?.next().is_some() {
        return Err(InitError::NotEmpty(root.display().to_string()));
    }
    let mut written = Vec::new();
    for (dir, to) in [
        (&PIPELINES, home.pipelines()),
        (&REPORT_TEMPLATES, home.report_templates()),
        // Last: `config/duban.toml` is what makes the folder a home.
        (&CONFIG, home.config()),
    ] {
        write_dir(dir, dir.path(), &to, &mut written)?;
    }
    fs::create_dir_all(home.inbox())?;
    Ok(written)
}

fn write_dir(
    dir: &Dir<'_>,
    base: &Path,
    to: &Path,
    written: &mut Vec<PathBuf>,
) -> Result<(), std::io::Error> {
    fs::create_dir_all(to)?;
    for file in dir.files() {
        let relative = file.path().strip_prefix(base).unwrap_or(file.path());
        if relative.to_string_lossy().contains(".local.") {
            continue;
        }
        let path = to.join(relative);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, file.contents())?;
        written.push(path);
    }
    for sub in dir.dirs() {
        write_dir(sub, base, to, written)?;
    }
    Ok(())
}
