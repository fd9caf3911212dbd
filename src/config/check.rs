//! `[[check]]` tables of `pipelines/_supervision.toml` and of the data sets' `pipeline.toml`.

use std::collections::BTreeMap;

use ecow::EcoString;
use serde::Deserialize;
use toml::Spanned;

use super::definition;
use crate::diagnostic::Diagnostic;
use crate::model::ItemSource;

/// When an item is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosesOn {
    /// The check passes: the item closes itself.
    Data,
    /// Somebody has looked (复核).
    Verification,
}

/// What becomes of an item that nobody has acted on, if the figures of the very period that opened
/// it are corrected and no longer at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCorrection {
    /// It should never have been: withdrawn, outside the statistics.
    Withdraw,
    /// The correction is the cure (a missing submission that came): it counts, as passed.
    Pass,
}

/// A check as it was written, with its SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRule {
    pub id: String,
    pub title: EcoString,
    /// `town`, `institution`, `group`, `district`: `$level` in its SQL.
    pub level: EcoString,
    pub weight: u32,
    pub responsible: EcoString,
    pub deadline_workdays: u32,
    pub closes_on: ClosesOn,
    pub on_correction: OnCorrection,
    /// Every due period is judged, not only the newest.
    pub per_period: bool,
    /// Further parameters of its SQL, so that checks of one kind share a file.
    pub params: BTreeMap<String, String>,
    /// Checks whose open items explain a violation of this one: no item is opened meanwhile.
    pub held_by: Vec<Cause>,
    /// The escalation's ladder; none: the district's first.
    pub ladder: Option<String>,
    /// With [`ClosesOn::Data`]: how many judged periods in a row must pass before the item closes.
    pub passes: u32,
    /// 来源 of its items.
    pub source: ItemSource,
    /// 牵头单位, as a contact role.
    pub lead: EcoString,
    /// Violating subjects.
    pub query: SqlFile,
    /// Subjects that could be judged (`subject_kind, subject_code`); none: all could.
    pub judged: Option<SqlFile>,
    /// The file with the `[[check]]`, and its text's line of `id`.
    pub file: String,
    pub line: Option<usize>,
}

/// A check whose open item explains violations of another (a town that did not report has no figures).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    pub check: String,
    /// The subject code of the cause's item, with `{unit_code}` for the violation's unit; none: any item
    /// of that check for the same unit.
    pub subject: Option<String>,
}

/// The parameters that every check's SQL is given.
pub const GIVEN_PARAMS: [&str; 4] = ["period", "as_of", "today", "level"];

/// An SQL text and the file that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlFile {
    pub file: String,
    pub text: String,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    check: Vec<WrittenCheck>,
}

/// `_supervision.toml`, whose other tables [`super::supervision`] reads: a misspelt `[[chek]]` is refused
/// there.
#[derive(Deserialize)]
struct Supervision {
    #[serde(default)]
    check: Vec<WrittenCheck>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCheck {
    id: Spanned<String>,
    title: Spanned<String>,
    sql: Spanned<String>,
    judged: Option<Spanned<String>>,
    level: Spanned<Level>,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default = "unit")]
    responsible: String,
    deadline_workdays: Spanned<u32>,
    #[serde(default = "data")]
    closes_on: ClosesOn,
    #[serde(default = "withdraw")]
    on_correction: OnCorrection,
    #[serde(default)]
    per_period: bool,
    #[serde(default)]
    params: BTreeMap<Spanned<String>, String>,
    #[serde(default)]
    held_by: Vec<WrittenCause>,
    ladder: Option<Spanned<String>>,
    passes: Option<Spanned<u32>>,
    #[serde(default)]
    source: ItemSource,
    #[serde(default = "secretariat")]
    lead: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCause {
    check: Spanned<String>,
    subject: Option<String>,
}

fn secretariat() -> String {
    "secretariat".to_owned()
}

fn one() -> u32 {
    1
}

fn unit() -> String {
    "unit".to_owned()
}

fn data() -> ClosesOn {
    ClosesOn::Data
}

fn withdraw() -> OnCorrection {
    OnCorrection::Withdraw
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Town,
    Institution,
    Group,
    District,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Town => "town",
            Level::Institution => "institution",
            Level::Group => "group",
            Level::District => "district",
        }
    }
}

/// Reads the checks of one TOML file. Other tables of the file are left to their readers.
///
/// `read_sql` gives the text of an SQL file beside the TOML file, by the path written there.
///
/// # Errors
/// All problems with their places: unknown keys, empty texts, ids given twice, SQL files that
/// cannot be read.
pub fn load(
    file: &str,
    text: &str,
    mut read_sql: impl FnMut(&str) -> std::io::Result<String>,
) -> Result<Vec<CheckRule>, Vec<Diagnostic>> {
    let written: Written = if file.ends_with("_supervision.toml") {
        // Nothing else stands here, so a misspelt `[[chek]]` is one.
        let only: Supervision = definition::parse(file, text).map_err(|problem| vec![problem])?;
        Written { check: only.check }
    } else {
        definition::parse(file, text).map_err(|problem| vec![problem])?
    };
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut problems = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut checks = Vec::new();
    for check in written.check {
        let place = Diagnostic::at(file, text, check.id.span(), "");
        let line = place.line;
        let id = check.id.get_ref().clone();
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let problem = Diagnostic::at(file, text, check.id.span(), format!("`{id}` is no id"));
            problems.push(problem.hint("letters, digits and _: items are known by it"));
        }
        if let Some(first) = seen.insert(id.clone(), line.unwrap_or(0)) {
            let message = format!("a second check `{id}`; the first is in line {first}");
            problems.push(Diagnostic::at(file, text, check.id.span(), message));
        }
        if check.title.get_ref().trim().is_empty() {
            let message = "the title is empty: it is what a supervisor reads";
            problems.push(Diagnostic::at(file, text, check.title.span(), message));
        }
        if *check.deadline_workdays.get_ref() == 0 {
            let message = "a deadline of 0 working days would be over on the day of issue";
            problems.push(Diagnostic::at(file, text, check.deadline_workdays.span(), message));
        }
        for name in check.params.keys() {
            if GIVEN_PARAMS.contains(&name.get_ref().as_str()) {
                let message = format!("`{}` is given to every check", name.get_ref());
                let problem = Diagnostic::at(file, text, name.span(), message);
                problems.push(problem.hint("name the parameter otherwise"));
            }
        }
        if let Some(passes) = &check.passes
            && (*passes.get_ref() == 0 || check.closes_on != ClosesOn::Data)
        {
            let message =
                "`passes` counts judged periods that pass: at least 1, with closes_on = \"data\"";
            problems.push(Diagnostic::at(file, text, passes.span(), message));
        }
        for cause in &check.held_by {
            if *cause.check.get_ref() == id {
                let message = "a check does not hold itself back";
                problems.push(Diagnostic::at(file, text, cause.check.span(), message));
            }
        }
        let mut read = |path: &Spanned<String>| match read_sql(path.get_ref()) {
            Ok(sql) => {
                let path = path.get_ref();
                let file =
                    if folder.is_empty() { path.clone() } else { format!("{folder}/{path}") };
                Some(SqlFile { file, text: sql })
            }
            Err(error) => {
                let message = format!("`{}` cannot be read: {error}", path.get_ref());
                let problem = Diagnostic::at(file, text, path.span(), message);
                problems.push(problem.hint("the path is relative to this TOML file"));
                None
            }
        };
        let query = read(&check.sql);
        let judged = check.judged.as_ref().map(&mut read);
        let (Some(query), Some(judged)) = (query, judged.map_or(Some(None), |sql| sql.map(Some)))
        else {
            continue;
        };
        checks.push(CheckRule {
            id,
            title: check.title.into_inner().into(),
            level: check.level.get_ref().as_str().into(),
            weight: check.weight,
            responsible: check.responsible.into(),
            deadline_workdays: check.deadline_workdays.into_inner(),
            closes_on: check.closes_on,
            on_correction: check.on_correction,
            per_period: check.per_period,
            params: check
                .params
                .into_iter()
                .map(|(name, value)| (name.into_inner(), value))
                .collect(),
            held_by: check
                .held_by
                .into_iter()
                .map(|cause| Cause { check: cause.check.into_inner(), subject: cause.subject })
                .collect(),
            ladder: check.ladder.map(Spanned::into_inner),
            passes: check.passes.map_or(1, Spanned::into_inner),
            source: check.source,
            lead: check.lead.into(),
            query,
            judged,
            file: file.to_owned(),
            line,
        });
    }
    if problems.is_empty() { Ok(checks) } else { Err(problems) }
}

/// Reads all checks of a home's `pipelines` folder: `_supervision.toml` and each data set's.
///
/// # Errors
/// All problems of all files, and ids that two files give.
pub fn load_all(pipelines: &std::path::Path) -> Result<Vec<CheckRule>, Vec<Diagnostic>> {
    let mut checks: Vec<CheckRule> = Vec::new();
    let mut problems = Vec::new();
    for (file, text) in super::files::under(pipelines, &["", "*"], "toml")? {
        let below = file.split_once('/').map_or(file.as_str(), |(_, below)| below);
        if below != "_supervision.toml" && !below.ends_with("/pipeline.toml") {
            continue;
        }
        let beside = pipelines.join(below.rsplit_once('/').map_or("", |(folder, _)| folder));
        match load(&file, &text, |path| fs_err::read_to_string(beside.join(path))) {
            Ok(read) => {
                for check in read {
                    if let Some(other) = checks.iter().find(|other| other.id == check.id) {
                        let message = format!(
                            "a second check `{}`; the first is in {}",
                            check.id, other.file
                        );
                        let line = check.line.unwrap_or(1);
                        problems.push(Diagnostic::at_line(&file, &text, line, None, message));
                    }
                    checks.push(check);
                }
            }
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(checks) } else { Err(problems) }
}
