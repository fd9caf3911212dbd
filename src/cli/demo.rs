//! `duban demo`: a home with an invented campaign, run from files to mails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::Cli;
use super::commands::pipeline_of;
use super::output::{put, say};
use super::{CliError, Verdict, Watch, load};
use crate::clock::Clock;
use crate::config::home::{Home, init};
use crate::demo::{ReplayError, Span, replay};
use crate::durable::{Access, write_whole};
use crate::model::{ItemEventKind, SubmissionState};

/// Marks a home as the demo's own: on another the demo does not touch anything.
const MARKER: &str = "config/duban.local.toml";
const LOCAL: &str = r#"# Written by `duban demo`: this home holds invented data.
[reports]
notices = ["本报告所用数据均为虚构的示例数据，仅供演示。"]
"#;

pub(super) fn run(cli: &Cli, environment: &BTreeMap<String, String>) -> Result<Verdict, CliError> {
    if cli.as_of.is_some() {
        return Err(CliError::Usage {
            message: "the demo brings its own time".into(),
            hint: Some("leave --as-of away".into()),
        });
    }
    let root: PathBuf =
        if cli.home == Path::new(".") { "demo-home".into() } else { cli.home.clone() };
    let home = Home::new(&root);
    if home.is_home() {
        let marker = fs_err::read_to_string(root.join(MARKER)).unwrap_or_default();
        if marker != LOCAL {
            return Err(CliError::Usage {
                message: format!("{} is a home that no demo made: left as it is", root.display()),
                hint: Some("name an absent folder: duban demo --home DIR".into()),
            });
        }
        say(format!("going on with the demo in {}", root.display()));
    } else {
        init(&root).map_err(|error| CliError::Usage {
            message: error.to_string(),
            hint: Some("name an empty or absent folder: duban demo --home DIR".into()),
        })?;
        write_whole(&root.join(MARKER), LOCAL.as_bytes(), Access::Shared)?;
    }
    let config = load(&home, environment)?;
    let zone = config.settings.time_zone();
    let mut pipeline = pipeline_of(config, Clock::system(zone), environment)?;
    let watch = Watch::new(cli);
    say("every figure, institution and address of this demo is invented");
    let result = replay(&mut pipeline, Span::whole(), &watch, |pipeline, month| {
        let at = pipeline.clock().zone().to_datetime(month.run.at);
        let Some(outcome) = &month.outcome else {
            put(format!("{at}  run {}: done before", month.run.period));
            return;
        };
        put(format!(
            "{at}  run {}: {} files had arrived; {} snapshots, items +{} −{}, {} violations, {} reports, {} mails",
            month.run.period,
            month.n_arrived,
            outcome.cuts.iter().filter(|cut| !cut.already).count(),
            outcome.judged.count(ItemEventKind::Opened)
                + outcome.judged.count(ItemEventKind::Reopened),
            outcome.judged.count(ItemEventKind::Closed)
                + outcome.judged.count(ItemEventKind::Withdrawn),
            outcome.judged.n_violations,
            outcome.built.iter().filter(|built| !built.already).count(),
            outcome.delivered.len(),
        ));
    });
    watch.done();
    match result {
        Ok(()) => {}
        Err(ReplayError::Pipeline(error)) => return Err(error.into()),
        Err(ReplayError::Io(error)) => return Err(error.into()),
        Err(error @ ReplayError::Campaign(_)) => {
            return Err(CliError::Usage { message: error.to_string(), hint: None });
        }
    }
    summary(&pipeline, &root)?;
    Ok(Verdict::Done)
}

fn summary(pipeline: &crate::pipeline::Pipeline, root: &Path) -> Result<(), CliError> {
    let ledger = pipeline.ledger();
    let submissions = ledger
        .submissions(&crate::ledger::SubmissionFilter::default())
        .map_err(super::commands::ledger_error)?;
    let mut by_state: BTreeMap<SubmissionState, usize> = BTreeMap::new();
    for submission in &submissions {
        *by_state.entry(submission.state).or_insert(0) += 1;
    }
    let states: Vec<String> = by_state.iter().map(|(state, n)| format!("{state} {n}")).collect();
    put("");
    put(format!("submissions {}: {}", submissions.len(), states.join(", ")));
    put("reports:");
    let editions = ledger
        .editions(&crate::ledger::EditionFilter::default())
        .map_err(super::commands::ledger_error)?;
    for edition in &editions {
        for file in edition.files.iter().filter(|file| !file.format.starts_with("image:")) {
            put(format!("  {}", root.join(&file.path).display()));
        }
    }
    put("mails:");
    let deliveries = ledger
        .deliveries(&crate::ledger::DeliveryFilter::default())
        .map_err(super::commands::ledger_error)?;
    for delivery in &deliveries {
        put(format!(
            "  {}  {}  {}",
            root.join(&delivery.last_reply).display(),
            delivery.recipient,
            delivery.state
        ));
    }
    put("");
    put(format!("look around: duban --home {} status | items list | mail list", root.display()));
    put(format!(
        "             duban --home {} query \"SELECT * FROM three_rates WHERE level = 'district'\"",
        root.display()
    ));
    Ok(())
}
