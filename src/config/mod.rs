//! Definitions and settings: what was written, read with file and line, and proven before it is used.

pub mod burst;
pub mod chart;
pub mod check;
pub mod contract;
pub mod daemon;
pub mod definition;
pub mod files;
pub mod fonts;
pub mod home;
pub mod letter;
pub mod mail;
pub mod metric;
pub mod reference;
pub mod report;
pub mod schedule;
pub mod settings;
pub mod sources;
pub mod supervision;
pub mod tables;
pub mod targets;

use std::collections::BTreeMap;

use fs_err as fs;

use crate::calendar::Calendar;
use crate::diagnostic::Diagnostic;
use crate::model::{Level, UnitDirectory, Waves};
use check::CheckRule;
use contract::Contract;
use home::Home;
use letter::Letters;
use mail::{MailProblem, MailTransport, SmtpSettings};
use metric::Metric;
use reference::Reference;
use report::ReportDefinition;
use settings::{Origin, Settings};
use sources::HttpSource;
use supervision::Supervision;
use tables::Contact;
use targets::Target;

use crate::schedule::Schedule;

/// All definitions of a home, read and each proven in itself. What only a compiler can tell (SQL,
/// templates, fonts) is proven by `duban check config`.
#[derive(Debug, Clone)]
pub struct Config {
    pub home: Home,
    pub settings: Settings,
    pub origins: Vec<Origin>,
    pub units: UnitDirectory,
    pub contacts: Vec<Contact>,
    pub calendar: Calendar,
    pub targets: Vec<Target>,
    /// In the order of their names.
    pub references: Vec<Reference>,
    /// In the order of their names.
    pub contracts: Vec<Contract>,
    /// The waves of all contracts.
    pub waves: Waves,
    pub metrics: Vec<Metric>,
    pub checks: Vec<CheckRule>,
    /// When the daemon judges by itself.
    pub supervision: Supervision,
    /// When reminders are sent by themselves.
    pub reminders: Option<Schedule>,
    /// Servers that are asked for files, in the order of the file.
    pub sources: Vec<HttpSource>,
    pub reports: Vec<ReportDefinition>,
    /// `report_templates/_mails/reminder.md.j2`; there if any data set reminds.
    pub reminder: Option<ReportDefinition>,
    /// What supervision sends: slips, their mails, the digest, the ledger's workbook.
    pub letters: Letters,
    /// `report_templates/_base/mail.css`
    pub mail_css: String,
    /// `report_templates/_base/page.typ`
    pub page_style: String,
    /// The mail server, or why there is none to be used.
    pub smtp: Result<SmtpSettings, Vec<MailProblem>>,
}

/// Reads all definitions of a home. `environment` is as `std::env::vars` gives it.
///
/// # Errors
/// Every problem of every file, not the first; `settings` must be right before the others are read.
pub fn load(
    home: &Home,
    environment: &BTreeMap<String, String>,
) -> Result<Config, Vec<Diagnostic>> {
    let layered = settings::load(home, environment)?;
    let mut problems = Vec::new();
    let settings = layered.settings;

    let table = |name: &str, must_exist: bool, problems: &mut Vec<Diagnostic>| {
        let path = home.config().join(name);
        let label = home.label(&path);
        let text = read(&path, &label, must_exist, problems);
        (label, text)
    };
    let (file, text) = table("units.csv", true, &mut problems);
    let units = match text {
        Some(text) => tables::load_units(&file, &text, &mut problems),
        None => UnitDirectory::default(),
    };
    if let Some(district) = units.district()
        && district.code.as_str() != settings.district.code
    {
        problems.push(Diagnostic::file(
            file,
            format!(
                "the unit of level `district` is {}, but district.code in duban.toml is {}",
                district.code, settings.district.code
            ),
        ));
    }
    let (file, text) = table("contacts.csv", false, &mut problems);
    let contacts = text
        .map(|text| tables::load_contacts(&file, &text, &units, &mut problems))
        .unwrap_or_default();
    let (file, text) = table("calendar.csv", false, &mut problems);
    let calendar =
        text.map(|text| tables::load_calendar(&file, &text, &mut problems)).unwrap_or_default();
    let (file, text) = table("targets.csv", false, &mut problems);
    let targets =
        take(text.map_or(Ok(Vec::new()), |text| targets::load(&file, &text)), &mut problems);

    let mut contracts = load_contracts(home, &mut problems);
    let metrics = load_metrics(home, &mut problems);
    let references = load_references(home, &contracts, &metrics, &mut problems);
    let checks = take(check::load_all(&home.pipelines()), &mut problems);
    let mut reports = load_reports(home, &mut problems);
    let mut supervision = load_supervision(home, &checks, &mut problems);
    let mut reminders =
        settings.reminders.schedule.as_ref().and_then(|schedule| schedule.prove().ok());
    let zone = settings.time_zone();
    let schedules = contracts
        .iter_mut()
        .filter_map(|contract| contract.schedule.as_mut())
        .chain(reports.iter_mut().filter_map(|report| report.schedule.as_mut()))
        .chain(supervision.schedules_mut())
        .chain(&mut reminders);
    schedules.for_each(|schedule| schedule.default_zone(&zone));
    let (file, text) = table("sources.toml", false, &mut problems);
    let around = sources::Surroundings {
        home,
        units: &units,
        contracts: &contracts,
        max_file_mb: settings.intake.max_file_mb,
        environment,
    };
    let sources = text.map_or(Ok(Vec::new()), |text| sources::load(&file, &text, &around));
    let sources = take(sources, &mut problems);
    for report in &reports {
        for role in &report.to {
            if !contacts.iter().any(|contact| contact.role == *role) {
                let known: Vec<&str> = contacts.iter().map(|c| c.role.as_str()).collect();
                problems.push(
                    Diagnostic::file(
                        &report.file,
                        format!(
                            "`to` names the role `{role}`, which nobody in config/contacts.csv has"
                        ),
                    )
                    .did_you_mean(role, known),
                );
            }
        }
    }
    let base = |name: &str, needed: bool, problems: &mut Vec<Diagnostic>| {
        let path = home.report_templates().join("_base").join(name);
        read(&path, &home.label(&path), needed, problems).unwrap_or_default()
    };
    let reminder = load_reminder(home, &contracts, &mut problems);
    let letters = letter::load(home, &supervision, &mut problems);
    problems.extend(supervision::unreachable_roles(&supervision, &contacts));
    let slips = !supervision.ladders.is_empty();
    let mails = !reports.is_empty() || reminder.is_some() || slips || supervision.digest.is_some();
    let mail_css = base("mail.css", mails, &mut problems);
    let page_style = base("page.typ", !reports.is_empty() || slips, &mut problems);
    let smtp = settings.mail.smtp_settings(|name| environment.get(name).cloned());
    if settings.mail.transport == MailTransport::Smtp
        && let Err(wrong) = &smtp
    {
        problems.extend(wrong.iter().map(|problem| {
            let origin = layered.origins.iter().find(|origin| origin.key == problem.key);
            let file = origin.map_or("config/duban.toml", |origin| origin.origin.as_str());
            Diagnostic::file(file, problem.to_string())
        }));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Config {
        home: home.clone(),
        settings,
        origins: layered.origins,
        units,
        contacts,
        calendar,
        targets,
        references,
        waves: Waves::new(contracts.iter().flat_map(|contract| contract.waves.iter().copied())),
        contracts,
        metrics,
        checks,
        supervision,
        reminders,
        sources,
        reports,
        reminder,
        letters,
        mail_css,
        page_style,
        smtp,
    })
}

fn read(
    path: &std::path::Path,
    label: &str,
    must_exist: bool,
    problems: &mut Vec<Diagnostic>,
) -> Option<String> {
    match fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).ok();
            if text.is_none() {
                problems.push(
                    Diagnostic::file(label, "is not UTF-8 text")
                        .hint("save it as UTF-8 (a spreadsheet program offers “CSV UTF-8”)"),
                );
            }
            text
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if must_exist {
                problems.push(Diagnostic::file(label, "this file is missing"));
            }
            None
        }
        Err(error) => {
            problems.push(Diagnostic::file(label, error.to_string()));
            None
        }
    }
}

fn take<T>(result: Result<Vec<T>, Vec<Diagnostic>>, problems: &mut Vec<Diagnostic>) -> Vec<T> {
    result.unwrap_or_else(|wrong| {
        problems.extend(wrong);
        Vec::new()
    })
}

fn load_contracts(home: &Home, problems: &mut Vec<Diagnostic>) -> Vec<Contract> {
    let mut contracts: Vec<Contract> = Vec::new();
    for (file, text) in take(files::under(&home.pipelines(), &["*"], "toml"), problems) {
        if !file.ends_with("/pipeline.toml") {
            let message = "no file that belongs here: a data set's folder holds pipeline.toml, checks/ and tests/";
            problems.push(Diagnostic::file(file, message));
            continue;
        }
        match Contract::load(&file, &text) {
            Ok(contract) => {
                if let Some(other) = contracts.iter().find(|other| other.name == contract.name) {
                    let message =
                        format!("the data set `{}` is defined in {} too", other.name, other.file);
                    problems.push(Diagnostic::file(&file, message));
                }
                problems.extend(wave_clashes(&contract, &contracts));
                contracts.push(contract);
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    contracts
}

/// Waves that another data set lists with other days: a period is one row of `periods`.
fn wave_clashes<'a>(
    contract: &'a Contract,
    others: &'a [Contract],
) -> impl Iterator<Item = Diagnostic> + 'a {
    contract.waves.iter().flat_map(move |wave| {
        let clashes = others
            .iter()
            .filter(move |other| other.waves.get(wave.period).is_some_and(|listed| listed != wave));
        clashes.map(move |other| {
            let message = format!("{} lists the wave {} with other days", other.file, wave.period);
            Diagnostic::file(&contract.file, message)
                .hint("surveys of one name are held on the same days; give this one another number")
        })
    })
}

fn load_metrics(home: &Home, problems: &mut Vec<Diagnostic>) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for (file, text) in take(files::under(&home.pipelines(), &["_metrics"], "sql"), problems) {
        let name = file.rsplit('/').next().unwrap_or(&file).trim_end_matches(".sql").to_owned();
        match metric::load(&name, &file, &text) {
            Ok(metric) => metrics.push(metric),
            Err(wrong) => problems.extend(wrong),
        }
    }
    metrics
}

fn load_supervision(
    home: &Home,
    checks: &[CheckRule],
    problems: &mut Vec<Diagnostic>,
) -> Supervision {
    let path = home.pipelines().join("_supervision.toml");
    let label = home.label(&path);
    let Some(text) = read(&path, &label, false, &mut Vec::new()) else {
        return Supervision::default();
    };
    let supervision = supervision::load(&label, &text).unwrap_or_else(|wrong| {
        // What is no TOML at all, the reader of its checks has said already.
        for problem in wrong {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        Supervision::default()
    });
    problems.extend(supervision::unknown_names(checks, &supervision));
    supervision
}

fn load_references(
    home: &Home,
    contracts: &[Contract],
    metrics: &[Metric],
    problems: &mut Vec<Diagnostic>,
) -> Vec<Reference> {
    let mut references = Vec::new();
    for (file, text) in take(files::under(&home.config(), &["reference"], "csv"), problems) {
        match reference::load(&file, &text) {
            Ok(reference) => {
                let contract = contracts.iter().find(|other| other.name == reference.name);
                let metric = metrics.iter().find(|other| other.name == reference.name);
                let other = contract.map(|c| &c.file).or(metric.map(|m| &m.file));
                if let Some(other) = other {
                    let message = format!("`{}` is defined in {other} too", reference.name);
                    problems
                        .push(Diagnostic::file(&file, message).hint("give the file another name"));
                }
                references.push(reference);
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    references
}

fn load_reports(home: &Home, problems: &mut Vec<Diagnostic>) -> Vec<ReportDefinition> {
    let mut reports = Vec::new();
    for (file, text) in take(files::under(&home.report_templates(), &["*"], "j2"), problems) {
        let parts: Vec<&str> = file.split('/').collect();
        let [.., name, "report.md.j2"] = parts[..] else {
            let message = "no file that belongs here: a report's folder holds report.md.j2";
            problems.push(Diagnostic::file(&file, message));
            continue;
        };
        match ReportDefinition::load(name, &file, &text) {
            Ok(report) => reports.push(report),
            Err(wrong) => problems.extend(wrong),
        }
    }
    reports
}

/// The template of reminders; it must be there if a data set says when to remind.
fn load_reminder(
    home: &Home,
    contracts: &[Contract],
    problems: &mut Vec<Diagnostic>,
) -> Option<ReportDefinition> {
    let path = home.report_templates().join("_mails/reminder.md.j2");
    let file = home.label(&path);
    let reminding = contracts.iter().find(|contract| !contract.reminder_workdays.is_empty());
    let Some(text) = read(&path, &file, false, problems) else {
        if let Some(contract) = reminding {
            let message =
                format!("this file is missing: {} has `reminder_workdays`", contract.file);
            let hint = "take it from a new home: `duban init DIR`";
            problems.push(Diagnostic::file(file, message).hint(hint));
        }
        return None;
    };
    match ReportDefinition::load_mail("reminder", &file, &text) {
        Ok(mail) => Some(mail),
        Err(wrong) => {
            problems.extend(wrong);
            None
        }
    }
}

/// Whether a unit may be named as who sent a file.
pub fn may_report(level: Level) -> bool {
    !matches!(level, Level::Park | Level::Group)
}
