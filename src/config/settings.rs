//! `duban.toml`: the program's settings, layered with the `config` crate.
//!
//! Defaults of the program ← `config/duban.toml` ← `config/duban.local.toml` ← environment
//! (`DUBAN__SECTION__KEY`). Each file is first read on its own into the written type, because the
//! `config` crate knows a key's path but not its line.

use std::collections::BTreeMap;
use std::path::Path;

use fs_err as fs;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};

use super::daemon::{DaemonSettings, listen_address};
use super::definition;
use super::fonts::FontSettings;
use super::home::Home;
use super::mail::MailSettings;
use super::schedule::{ScheduleProblem, ScheduleSettings};
use crate::diagnostic::Diagnostic;

/// All settings. Every key has a default but the district's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub district: DistrictSettings,
    pub intake: IntakeSettings,
    pub pull: PullSettings,
    pub sql: SqlSettings,
    pub reports: ReportSettings,
    pub daemon: DaemonSettings,
    pub reminders: ReminderSettings,
    pub mail: MailSettings,
    pub fonts: FontSettings,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistrictSettings {
    /// Code of the unit of level `district` in `units.csv`.
    pub code: String,
    pub name: String,
    /// IANA name; civil dates (due dates, working days) are of this zone.
    pub timezone: String,
}

impl Default for DistrictSettings {
    fn default() -> Self {
        DistrictSettings {
            code: String::new(),
            name: String::new(),
            timezone: "Asia/Shanghai".into(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntakeSettings {
    /// A larger file is refused unread.
    pub max_file_mb: u32,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        IntakeSettings { max_file_mb: 50 }
    }
}

/// How servers (`config/sources.toml`) are asked for files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PullSettings {
    /// Requests at once; as many files are in memory at most.
    pub concurrency: u32,
    /// Of these, to one host.
    pub per_host: u32,
    /// What has not been asked by then waits for the next time.
    pub timeout_seconds: u32,
}

impl Default for PullSettings {
    fn default() -> Self {
        PullSettings { concurrency: 16, per_host: 4, timeout_seconds: 900 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqlSettings {
    pub memory_mb: u32,
    pub timeout_seconds: u32,
    pub max_rows: u32,
}

impl Default for SqlSettings {
    fn default() -> Self {
        SqlSettings { memory_mb: 512, timeout_seconds: 60, max_rows: 1_000_000 }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportSettings {
    /// Sentences that stand above every report, such as that the data is invented.
    pub notices: Vec<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReminderSettings {
    /// When reminders are sent by themselves; none: never.
    pub schedule: Option<ScheduleSettings>,
}

impl Settings {
    pub fn time_zone(&self) -> TimeZone {
        TimeZone::get(&self.district.timezone).unwrap_or(TimeZone::UTC)
    }
}

/// A setting's value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `mail.smtp.host`
    pub key: String,
    pub value: String,
    /// `default`, `config/duban.toml:12`, `environment DUBAN__MAIL__FROM`.
    pub origin: String,
}

/// Settings, and for each key who set it.
#[derive(Debug, Clone)]
pub struct Layered {
    pub settings: Settings,
    pub origins: Vec<Origin>,
}

const ENV_PREFIX: &str = "DUBAN__";

/// Reads and layers the settings of a home. `environment` is passed in (as `std::env::vars` gives it).
///
/// # Errors
/// One diagnostic per file or variable that is wrong.
pub fn load(
    home: &Home,
    environment: &BTreeMap<String, String>,
) -> Result<Layered, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let defaults = toml::to_string(&Settings::default()).unwrap_or_default();
    let mut builder = config::Config::builder()
        .add_source(config::File::from_str(&defaults, config::FileFormat::Toml));
    let mut who: BTreeMap<String, String> = BTreeMap::new();
    for name in ["duban.toml", "duban.local.toml"] {
        let path = home.config().join(name);
        let label = home.label(&path);
        let Some(text) = read_layer(&path, name == "duban.toml", &label, &mut problems) else {
            continue;
        };
        match definition::parse::<Settings>(&label, &text) {
            Ok(_) => {
                if let Ok(table) = DeTable::parse(&text) {
                    note_origins(table.get_ref(), &text, &label, "", &mut who);
                }
                builder =
                    builder.add_source(config::File::from_str(&text, config::FileFormat::Toml));
            }
            Err(problem) => problems.push(problem),
        }
    }
    let variables: config::Map<String, String> = environment
        .iter()
        .filter(|(name, _)| name.starts_with(ENV_PREFIX))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for name in variables.keys() {
        let key = name[ENV_PREFIX.len()..].to_lowercase().replace("__", ".");
        who.insert(key, format!("environment {name}"));
    }
    builder = builder.add_source(
        config::Environment::with_prefix("DUBAN")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .source(Some(variables)),
    );
    if !problems.is_empty() {
        return Err(problems);
    }
    let settings = builder.build().and_then(config::Config::try_deserialize::<Settings>);
    let settings = settings.map_err(|error| {
        let text = error.to_string();
        let at = who
            .iter()
            .find(|(key, _)| text.contains(key.as_str()))
            .map_or("the layered settings".to_owned(), |(_, origin)| origin.clone());
        let bare = text.split(" for key").next().unwrap_or(&text).to_owned();
        vec![definition::hint_from_message(Diagnostic::file(at, text.clone()), &bare)]
    })?;
    let origins = list_origins(&settings, &who);
    let problems = prove(&settings, &origins);
    if problems.is_empty() { Ok(Layered { settings, origins }) } else { Err(problems) }
}

fn read_layer(
    path: &Path,
    must_exist: bool,
    label: &str,
    problems: &mut Vec<Diagnostic>,
) -> Option<String> {
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if must_exist {
                problems.push(
                    Diagnostic::file(label, "there is no home here: this file is missing")
                        .hint("make one with `duban init DIR`, or name one with `--home DIR`"),
                );
            }
            None
        }
        Err(error) => {
            problems.push(Diagnostic::file(label, error.to_string()));
            None
        }
    }
}

fn note_origins(
    table: &DeTable<'_>,
    text: &str,
    label: &str,
    prefix: &str,
    who: &mut BTreeMap<String, String>,
) {
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{prefix}.{}", key.get_ref())
        };
        if let DeValue::Table(inner) = value.get_ref() {
            note_origins(inner, text, label, &path, who);
        } else {
            let line = text[..key.span().start.min(text.len())].matches('\n').count() + 1;
            who.insert(path, format!("{label}:{line}"));
        }
    }
}

fn list_origins(settings: &Settings, who: &BTreeMap<String, String>) -> Vec<Origin> {
    let mut origins = Vec::new();
    if let Ok(value) = serde_json::to_value(settings) {
        flatten(&value, "", &mut |key, value| {
            let origin = who.get(key).cloned().unwrap_or_else(|| "default".into());
            origins.push(Origin { key: key.to_owned(), value: value.to_string(), origin });
        });
    }
    origins
}

fn flatten(
    value: &serde_json::Value,
    prefix: &str,
    visit: &mut dyn FnMut(&str, &serde_json::Value),
) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(value, &path, visit);
            }
        }
        serde_json::Value::Null => {}
        other => visit(prefix, other),
    }
}

/// What types cannot say.
fn prove(settings: &Settings, origins: &[Origin]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut problem = |key: &str, message: String, hint: &str| {
        let origin = origins.iter().find(|o| o.key == key).map_or("default", |o| &o.origin);
        let mut diagnostic = match origin.rsplit_once(':') {
            Some((file, line)) if line.parse::<usize>().is_ok() => {
                let mut diagnostic = Diagnostic::file(file, message);
                diagnostic.line = line.parse().ok();
                diagnostic
            }
            _ => Diagnostic::file(format!("{key} ({origin})"), message),
        };
        diagnostic.hint = Some(hint.to_owned());
        problems.push(diagnostic);
    };
    if settings.district.code.is_empty() {
        problem(
            "district.code",
            "`district.code` is empty".into(),
            "name the unit of level `district` in config/units.csv",
        );
    }
    if let Err(error) = TimeZone::get(&settings.district.timezone) {
        problem(
            "district.timezone",
            format!("`{}` is no time zone: {error}", settings.district.timezone),
            "write an IANA name such as \"Asia/Shanghai\"",
        );
    }
    let daemon = &settings.daemon;
    if let Err(wrong) = listen_address(&daemon.listen, daemon.listen_anywhere) {
        problem("daemon.listen", wrong.message, wrong.hint);
    }
    if let Some(Err(wrong)) = settings.reminders.schedule.as_ref().map(ScheduleSettings::prove) {
        for ScheduleProblem { key, message, hint, .. } in wrong {
            let key = match key {
                "" => "cron",
                key => key,
            };
            problem(&format!("reminders.schedule.{key}"), message, &hint);
        }
    }
    for (key, value) in [
        ("intake.max_file_mb", settings.intake.max_file_mb),
        ("pull.concurrency", settings.pull.concurrency),
        ("pull.per_host", settings.pull.per_host),
        ("pull.timeout_seconds", settings.pull.timeout_seconds),
        ("sql.memory_mb", settings.sql.memory_mb),
        ("sql.timeout_seconds", settings.sql.timeout_seconds),
        ("sql.max_rows", settings.sql.max_rows),
        ("daemon.stop_seconds", settings.daemon.stop_seconds),
    ] {
        if value == 0 {
            problem(key, format!("`{key}` is 0"), "it must be at least 1");
        }
    }
    problems
}
