//! Finding the definition files of a home.

use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;

/// The files with an extension in folders under `root`, sorted, as (name relative to the home, text).
///
/// A folder is a path under `root`; its first part may be `*`: every folder that begins with no
/// `_`. Folders that are not there hold nothing. `root` is a folder of the home (`pipelines`).
///
/// # Errors
/// A diagnostic for every file or folder that cannot be read.
pub fn under(
    root: &Path,
    folders: &[&str],
    extension: &str,
) -> Result<Vec<(String, String)>, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let parents = match folder.strip_prefix('*') {
            None => vec![root.join(folder)],
            Some(rest) => entries(root, &mut problems)
                .into_iter()
                .filter(|path| path.is_dir() && !file_name(path).starts_with('_'))
                .map(|path| path.join(rest.trim_start_matches('/')))
                .collect(),
        };
        for parent in parents {
            let files = entries(&parent, &mut problems);
            paths.extend(files.into_iter().filter(|path| {
                path.is_file() && path.extension().is_some_and(|found| found == extension)
            }));
        }
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        match fs_err::read_to_string(&path) {
            Ok(text) => files.push((name_in_home(root, &path), text)),
            Err(error) => {
                problems.push(Diagnostic::file(name_in_home(root, &path), error.to_string()));
            }
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

/// `pipelines/_metrics/three_rates.sql`, with `/` on every machine.
pub fn name_in_home(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts = std::iter::once(file_name(root))
        .chain(below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()));
    parts.collect::<Vec<_>>().join("/")
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn entries(folder: &Path, problems: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    if !folder.is_dir() {
        return Vec::new();
    }
    let read = fs_err::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    read.unwrap_or_else(|error: std::io::Error| {
        problems.push(Diagnostic::file(folder.display().to_string(), error.to_string()));
        Vec::new()
    })
}
