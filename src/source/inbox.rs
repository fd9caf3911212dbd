//! The drop folder, `inbox/<period>/<unit>/<file>`.
//!
//! A file's place says what it is about and who sent it; what it holds, its bytes say. Files are left
//! where they are: the ledger knows which were taken.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::model::{Level, Period, UnitCode, UnitDirectory};

/// A file found in the drop folder, at a place that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub path: PathBuf,
    /// Relative to the inbox: the name by which the ledger knows it.
    pub label: String,
    pub file_name: String,
    pub period: Period,
    pub reporter: UnitCode,
    pub size: u64,
    /// Modification time in nanoseconds since 1970: only to see that a file was replaced.
    pub modified_ns: i64,
}

/// A file or folder of the drop folder that cannot be taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misplaced {
    pub label: String,
    pub message: String,
    pub hint: String,
}

/// Lists the drop folder in the order of names. An absent folder is empty.
///
/// Names that begin with `.` or `~$`, and `.tmp`, `.part`, `.crdownload` endings are what copying and
/// editing programs leave beside a file: they are passed over.
pub fn scan_inbox(
    inbox: &Path,
    units: &UnitDirectory,
) -> Result<(Vec<Arrived>, Vec<Misplaced>), std::io::Error> {
    let mut arrived = Vec::new();
    let mut misplaced = Vec::new();
    for (period_name, period_path, is_dir) in entries(inbox)? {
        let wrong = |message: String, hint: &str| Misplaced {
            label: period_name.clone(),
            message,
            hint: hint.to_owned(),
        };
        if !is_dir {
            misplaced.push(wrong(
                "a file directly in the inbox".into(),
                "put it into inbox/<period>/<unit>/, such as inbox/2024-09/120114101/",
            ));
            continue;
        }
        let period = match period_name.parse::<Period>() {
            Ok(period) => period,
            Err(error) => {
                misplaced.push(wrong(error.to_string(), "rename the folder to a period"));
                continue;
            }
        };
        for (unit_name, unit_path, is_dir) in entries(&period_path)? {
            let label = format!("{period_name}/{unit_name}");
            let Some(unit) = is_dir.then(|| units.find(&unit_name)).flatten() else {
                let hint = match units.nearest(&unit_name) {
                    Some(unit) => format!("did you mean `{}` ({})?", unit.code, unit.name),
                    None => "name the folder by a unit's code or name (config/units.csv)".into(),
                };
                let message = if is_dir {
                    format!("`{unit_name}` is no unit")
                } else {
                    "a file directly in a period's folder: nobody knows who sent it".into()
                };
                misplaced.push(Misplaced { label, message, hint });
                continue;
            };
            if matches!(unit.level, Level::Park | Level::Group) {
                misplaced.push(Misplaced {
                    label,
                    message: format!("{} never reports itself", unit.name),
                    hint: "put the file into the folder of the town that it lies in".into(),
                });
                continue;
            }
            for (file_name, path, is_dir) in entries(&unit_path)? {
                let label = format!("{label}/{file_name}");
                if is_dir {
                    misplaced.push(Misplaced {
                        label,
                        message: "a folder where a file should be".into(),
                        hint: "move its files one level up".into(),
                    });
                    continue;
                }
                let metadata = fs::metadata(&path)?;
                let modified_ns = metadata
                    .modified()
                    .ok()
                    .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
                    .and_then(|since| i64::try_from(since.as_nanos()).ok())
                    .unwrap_or(0);
                arrived.push(Arrived {
                    path,
                    label,
                    file_name,
                    period,
                    reporter: unit.code.clone(),
                    size: metadata.len(),
                    modified_ns,
                });
            }
        }
    }
    Ok((arrived, misplaced))
}

fn entries(dir: &Path) -> Result<Vec<(String, PathBuf, bool)>, std::io::Error> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let passing = name.starts_with('.')
            || name.starts_with("~$")
            || [".tmp", ".part", ".crdownload"].iter().any(|end| name.ends_with(end));
        if !passing {
            // The folder says what an entry is: only of a link the file itself must be asked.
            let kind = entry.file_type()?;
            let path = entry.path();
            let is_dir = kind.is_dir() || kind.is_symlink() && path.is_dir();
            found.push((name, path, is_dir));
        }
    }
    found.sort();
    Ok(found)
}
