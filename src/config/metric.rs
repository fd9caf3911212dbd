//! `pipelines/_metrics/<name>.sql`: a SELECT under a header of comment lines `-- key: value`.

use crate::diagnostic::{Diagnostic, nearest};

/// A metric as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// The file's name without `.sql`: its name in SQL.
    pub name: String,
    /// As the operator knows it, relative to the home.
    pub file: String,
    pub title: String,
    pub description: String,
    /// The whole text: comments are SQL too, and lines stay what they are.
    pub sql: String,
}

const KEYS: [&str; 2] = ["title", "description"];

/// Reads one metric. `name` is the file's stem, `file` the path as the operator knows it.
///
/// # Errors
/// Every problem of the header: an unknown key, no title, no query below it.
pub fn load(name: &str, file: &str, text: &str) -> Result<Metric, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut title = String::new();
    let mut description = String::new();
    let mut in_key = None;
    for (i, line) in text.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix("--") else { break };
        match comment.trim().split_once(':') {
            Some((key, value)) if is_key(key) => {
                in_key = Some(key);
                match key {
                    "title" => value.trim().clone_into(&mut title),
                    "description" => value.trim().clone_into(&mut description),
                    _ => {
                        let message = format!("unknown key `{key}` in the header");
                        let problem = Diagnostic::at_line(file, text, i + 1, None, message);
                        problems.push(match nearest(key, KEYS) {
                            Some(near) => problem.hint(format!("did you mean `{near}`?")),
                            None => problem.hint(format!("known here: {}", KEYS.join(", "))),
                        });
                    }
                }
            }
            // A line that begins no key continues the description.
            _ if in_key == Some("description") => {
                if !description.is_empty() {
                    description.push(' ');
                }
                description.push_str(comment.trim());
            }
            _ => {}
        }
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        let message = format!("`{name}` is no name for a metric");
        let hint = "a metric is named by its file: small letters, digits and _";
        problems.push(Diagnostic::file(file, message).hint(hint));
    }
    if title.is_empty() && problems.is_empty() {
        let problem = Diagnostic::at_line(file, text, 1, None, "the metric has no title");
        problems.push(problem.hint("begin the file with a line `-- title: …`"));
    }
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with("--")) {
        problems.push(Diagnostic::file(file, "there is no query under the header"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let (name, file, sql) = (name.to_owned(), file.to_owned(), text.to_owned());
    Ok(Metric { name, file, title, description, sql })
}

/// One small word: so that `-- Trap: …` and Chinese sentences with a colon stay comments.
fn is_key(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// Reads all metrics of a home's `pipelines` folder.
///
/// # Errors
/// All problems of all files.
pub fn load_all(pipelines: &std::path::Path) -> Result<Vec<Metric>, Vec<Diagnostic>> {
    let mut metrics = Vec::new();
    let mut problems = Vec::new();
    for (file, text) in super::files::under(pipelines, &["_metrics"], "sql")? {
        let name = file.rsplit('/').next().and_then(|name| name.strip_suffix(".sql"));
        match load(name.unwrap_or_default(), &file, &text) {
            Ok(metric) => metrics.push(metric),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(metrics) } else { Err(problems) }
}
