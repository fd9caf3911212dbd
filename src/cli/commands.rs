//! What each command does: asks the pipeline, and prints.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::args::{
    CheckCommand, Cli, Command, ConfigCommand, Format, PlanArgs, QueryArgs, RemindArgs, RunArgs,
    SubmitArgs, ValidateArgs,
};
use super::output::{Rows, put, say};
use super::{
    CliError, Verdict, Watch, collection, demo, escalation, items, load, mails, open, reports,
    serve, show, status,
};
use crate::config::home::{Home, InitError, init};
use crate::config::{Config, may_report};
use crate::ledger::Door;
use crate::model::{Frequency, SubmissionState, UnitCode};
use crate::pipeline::{Incoming, RunOptions, prove};

pub(super) type Environment = BTreeMap<String, String>;

pub(super) fn run(cli: &Cli, environment: &Environment) -> Result<Verdict, CliError> {
    match &cli.command {
        Command::Demo(args) => demo::run(cli, args, environment),
        Command::Init { dir } => make_home(dir),
        Command::Check(CheckCommand::Config) => check_config(cli, environment),
        Command::Config(ConfigCommand::Show { origin, format }) => {
            show_config(cli, environment, *origin, *format)
        }
        Command::Submit(args) => submit(cli, environment, args),
        Command::Validate(args) => validate(cli, environment, args),
        Command::Plan(args) => plan(cli, environment, args),
        Command::Run(args) => run_period(cli, environment, args),
        Command::Serve(args) => serve::run(cli, environment, args),
        Command::Remind(args) => remind(cli, environment, args),
        Command::Escalate(args) => escalation::run(cli, environment, args),
        Command::Digest(args) => escalation::digest(cli, environment, args),
        Command::Query(args) => query(cli, environment, args),
        Command::Items(command) => items::run(cli, environment, command),
        Command::Report(command) => reports::run(cli, environment, command),
        Command::Mail(command) => mails::run(cli, environment, command),
        Command::Status(args) => status::run(cli, environment, args),
    }
}

fn make_home(dir: &Path) -> Result<Verdict, CliError> {
    let written = init(dir).map_err(|error| match error {
        InitError::Io(error) => CliError::Io(error),
        other => CliError::Usage {
            message: other.to_string(),
            hint: Some("name an empty or absent folder".into()),
        },
    })?;
    say(format!("a home with {} definition files is in {}", written.len(), dir.display()));
    say(format!(
        "hint: look through config/ (units, contacts, targets), then `duban --home {} check config`",
        dir.display()
    ));
    Ok(Verdict::Done)
}

fn check_config(cli: &Cli, environment: &Environment) -> Result<Verdict, CliError> {
    let config = load(&Home::new(&cli.home), environment)?;
    let proof = prove(&config)?;
    for problem in &proof.problems {
        say(format!("error: {problem}"));
    }
    for warning in &proof.warnings {
        say(format!("warning: {warning}"));
    }
    for name in &proof.uncovered {
        say(format!("warning: {name}"));
    }
    put(format!(
        "units {}  contacts {}  data sets {}  metrics {}  checks {}  cases {}  reports {}",
        config.units.iter().count(),
        config.contacts.len(),
        config.contracts.len(),
        config.metrics.len(),
        config.checks.len(),
        proof.n_cases,
        config.reports.len(),
    ));
    let years: Vec<String> =
        config.calendar.published_years().map(|year| year.to_string()).collect();
    if years.is_empty() {
        put("days off: none in config/calendar.csv, every due date is provisional");
    } else {
        put(format!("days off published for {}", years.join(" ")));
    }
    for role in &proof.roles {
        let face = match &role.face {
            Some(face) => format!("{} ({})", face.family, face.path.display()),
            None => "none: see the errors".to_owned(),
        };
        let stand_in = if role.is_stand_in { ", standing in" } else { "" };
        put(format!("font {} {}: {face}{stand_in}", role.role, role.label));
    }
    if proof.problems.is_empty() {
        put("all definitions hold");
    } else {
        say(format!("error: {} problem(s) in the definitions", proof.problems.len()));
    }
    Ok(Verdict::at_fault_if(!proof.problems.is_empty()))
}

fn show_config(
    cli: &Cli,
    environment: &Environment,
    origin: bool,
    format: Format,
) -> Result<Verdict, CliError> {
    let layered = crate::config::settings::load(&Home::new(&cli.home), environment)
        .map_err(CliError::Definitions)?;
    let mut rows = Rows::new(if origin { &["key", "value", "origin"] } else { &["key", "value"] });
    for setting in layered.origins {
        let mut row = vec![json!(setting.key), json!(setting.value)];
        if origin {
            row.push(json!(setting.origin));
        }
        rows.push(row);
    }
    rows.print(format)?;
    Ok(Verdict::Done)
}

/// The unit that an operator means by a code or a name.
pub(super) fn unit(config: &Config, text: &str) -> Result<UnitCode, CliError> {
    match config.units.find(text) {
        Some(unit) => Ok(unit.code.clone()),
        None => Err(CliError::Usage {
            message: format!("there is no unit `{text}`"),
            hint: config
                .units
                .nearest(text)
                .map(|unit| format!("did you mean {} ({})?", unit.name, unit.code)),
        }),
    }
}

fn reporter(config: &Config, text: Option<&str>) -> Result<Option<UnitCode>, CliError> {
    let Some(text) = text else { return Ok(None) };
    let code = unit(config, text)?;
    match config.units.get(&code) {
        Some(unit) if !may_report(unit.level) => Err(CliError::Usage {
            message: format!("{} never reports itself", unit.name),
            hint: Some("name the town that it lies in".into()),
        }),
        _ => Ok(Some(code)),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn submit(cli: &Cli, environment: &Environment, args: &SubmitArgs) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    let reporter = reporter(pipeline.config(), args.unit.as_deref())?;
    let watch = Watch::new(cli);
    let taken = match (&args.file, &reporter, &args.dataset) {
        (Some(file), _, _) => pipeline.submit(
            Incoming {
                file_name: file_name(file),
                bytes: fs_err::read(file)?,
                period: args.period,
                reporter,
                dataset: args.dataset.clone(),
                door: Door::Command,
            },
            &watch,
        )?,
        (None, Some(unit), Some(dataset)) => {
            let reason = args.reason.as_deref();
            pipeline.submit_nil(dataset, unit, args.period, reason, &watch)?
        }
        // The parser asks for both with --nil, and for one of --nil and a file.
        (None, _, _) => {
            return Err(CliError::Usage {
                message: "name a file, or --nil with --unit and --dataset".into(),
                hint: None,
            });
        }
    };
    watch.done();
    show::taken(&pipeline, &taken);
    Ok(Verdict::at_fault_if(taken.state == SubmissionState::Returned))
}

fn validate(
    cli: &Cli,
    environment: &Environment,
    args: &ValidateArgs,
) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    let reporter = reporter(pipeline.config(), args.unit.as_deref())?;
    let frequency = pipeline
        .config()
        .contracts
        .iter()
        .find(|contract| contract.name == args.dataset)
        .map(|contract| contract.frequency);
    let period = match (args.period, frequency) {
        (Some(period), _) => Some(period),
        (None, Some(frequency)) => pipeline.newest_due(frequency),
        (None, None) => pipeline.newest_due(Frequency::Month),
    };
    let Some(period) = period else {
        return Err(CliError::Usage {
            message: "this home has no data set".into(),
            hint: Some("name the period with --period".into()),
        });
    };
    let bytes = fs_err::read(&args.file)?;
    let (state, n_rows, findings) =
        pipeline.validate(&file_name(&args.file), &bytes, period, reporter, &args.dataset)?;
    show::findings(&findings, args.format)?;
    say(format!("{}: {n_rows} rows of {period}, would be {state}", file_name(&args.file)));
    Ok(Verdict::at_fault_if(state == SubmissionState::Returned))
}

fn plan(cli: &Cli, environment: &Environment, args: &PlanArgs) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    let period = args.period.or_else(|| pipeline.newest_due(Frequency::Month));
    let Some(period) = period else {
        return Err(CliError::Usage {
            message: "this home collects nothing by month".into(),
            hint: Some("name the period with --period".into()),
        });
    };
    let plan = pipeline.plan(&RunOptions::of(period))?;
    show::plan(&plan, args.format)?;
    Ok(Verdict::Done)
}

fn run_period(cli: &Cli, environment: &Environment, args: &RunArgs) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    let mut units = Vec::new();
    for text in &args.unit {
        units.push(unit(pipeline.config(), text)?);
    }
    let options = RunOptions {
        period: args.period,
        pipelines: args.pipelines.clone(),
        units,
        items: args.items,
        send: args.send,
    };
    if args.dry_run {
        show::plan(&pipeline.plan(&options)?, Format::Table)?;
        return Ok(Verdict::Done);
    }
    let watch = Watch::new(cli);
    let outcome = pipeline.run(&options, &watch)?;
    watch.done();
    show::outcome(&pipeline, &options, &outcome);
    Ok(Verdict::Done)
}

fn remind(cli: &Cli, environment: &Environment, args: &RemindArgs) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    if args.dry_run {
        collection::reminders(&pipeline.reminders_due()?, args.format)?;
        return Ok(Verdict::Done);
    }
    let watch = Watch::new(cli);
    let outcome = pipeline.remind(&watch)?;
    watch.done();
    collection::reminded(&outcome);
    Ok(Verdict::Done)
}

fn query(cli: &Cli, environment: &Environment, args: &QueryArgs) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    let session = pipeline.session_for(&args.sql, cli.as_of)?;
    match session.query(&args.sql, &[]) {
        Ok(result) => {
            let columns = result.columns();
            let mut rows = Rows::new(&columns);
            for row in result.rows() {
                rows.push(row.cells.iter().map(crate::engine::Cell::to_json).collect());
            }
            rows.print(args.format)?;
            Ok(Verdict::Done)
        }
        Err(error) => {
            say(format!("error: {}", error.to_diagnostic("query", &args.sql, 0)));
            Ok(Verdict::AtFault)
        }
    }
}

/// JSON of a text that may be absent.
pub(super) fn text(value: Option<impl ToString>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_string()))
}

/// For commands that need the ledger alone.
pub(super) fn ledger_error(error: crate::ledger::LedgerError) -> CliError {
    CliError::Pipeline(error.into())
}
