//! The command line: arguments in, words out, exit codes.
//!
//! Data goes to stdout, messages to stderr. Exit 0: done; 1: the data or the definitions are at
//! fault; 2: wrong usage, or the program's own fault.

mod args;
mod collection;
mod commands;
mod demo;
mod escalation;
mod export;
mod items;
mod items_args;
mod items_show;
mod mails;
mod output;
mod report_args;
mod reports;
mod serve;
mod show;
mod status;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;
use jiff::tz::TimeZone;

use crate::clock::Clock;
use crate::config::home::Home;
use crate::config::{self, Config};
use crate::daemon::DaemonError;
use crate::daemon::log::{self, LogFormat};
use crate::daemon::serve::ServeError;
use crate::diagnostic::Diagnostic;
use crate::pipeline::{Pipeline, PipelineError, Progress};
use args::{Cli, Command, LogStyle};
use output::say;

/// How a command ended that did not fail by our fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Done,
    /// The data or the definitions are at fault, and what is wrong has been said.
    AtFault,
    /// It was made to end before it was done, and that has been said.
    CutShort,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error("{} of the definitions' files are at fault", .0.len())]
    Definitions(Vec<Diagnostic>),
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{message}")]
    Usage { message: String, hint: Option<String> },
}

/// Runs the command line with the process's arguments and environment.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    start_log(&cli);
    if let Err(error) = crate::report::pdf::widen_threads() {
        tracing::warn!(%error, "threads have less room than papers may want");
    }
    match commands::run(&cli, &environment) {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::AtFault) => ExitCode::from(1),
        Ok(Verdict::CutShort) => ExitCode::from(2),
        Err(error) => report(&error),
    }
}

fn report(error: &CliError) -> ExitCode {
    match error {
        CliError::Definitions(problems)
        | CliError::Pipeline(PipelineError::Definitions(problems))
        | CliError::Daemon(DaemonError::Definitions(problems)) => {
            for problem in problems {
                say(format!("error: {problem}"));
            }
            say(format!("error: {} problem(s) in the definitions", problems.len()));
            ExitCode::from(1)
        }
        CliError::Pipeline(PipelineError::Refused(refused)) => {
            for one in refused {
                say(format!("error: {one}"));
            }
            say("note: nothing was done");
            ExitCode::from(1)
        }
        CliError::Pipeline(error) => {
            say(format!("error: {}", error.chain()));
            if let Some(hint) = error.hint() {
                say(format!("hint: {hint}"));
            }
            ExitCode::from(match error {
                PipelineError::Sql(_) | PipelineError::ReadOnly { .. } => 1,
                _ => 2,
            })
        }
        CliError::Serve(error) => {
            say(format!("error: {}", chain(error)));
            if matches!(error, ServeError::Listen { .. }) {
                say(
                    "hint: `--listen 127.0.0.1:0` takes a free port, and daemon.listen another one for good",
                );
            }
            ExitCode::from(2)
        }
        CliError::Daemon(error) => {
            say(format!("error: {}", chain(error)));
            ExitCode::from(2)
        }
        CliError::Io(error) => {
            say(format!("error: {error}"));
            ExitCode::from(2)
        }
        CliError::Usage { message, hint } => {
            say(format!("error: {message}"));
            if let Some(hint) = hint {
                say(format!("hint: {hint}"));
            }
            ExitCode::from(2)
        }
    }
}

/// A folder as it is called from everywhere.
fn full_path(folder: &std::path::Path) -> String {
    fs_err::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()).display().to_string()
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(&format!(": {words}"));
        }
        source = cause.source();
    }
    text
}

fn start_log(cli: &Cli) {
    let level = match (cli.verbose, &cli.command) {
        (0, Command::Serve(_)) => "duban=info,tokio_cron_scheduler=off,warn",
        (0, _) => "error",
        (1, _) => "duban=info",
        _ => "duban=debug",
    };
    let directives = std::env::var("DUBAN_LOG").unwrap_or_else(|_| level.to_owned());
    let format = match cli.log_format {
        LogStyle::Text => LogFormat::Text,
        LogStyle::Json => LogFormat::Json,
    };
    log::start(format, &directives);
}

/// A home's definitions, or all that is wrong with them.
fn load(home: &Home, environment: &BTreeMap<String, String>) -> Result<Config, CliError> {
    config::load(home, environment).map_err(CliError::Definitions)
}

/// Opens a home for a command.
fn open(cli: &Cli, environment: &BTreeMap<String, String>) -> Result<Pipeline, CliError> {
    let config = load(&Home::new(&cli.home), environment)?;
    let zone = config.settings.time_zone();
    Ok(Pipeline::open(config, clock(cli, zone), environment)?)
}

fn clock(cli: &Cli, zone: TimeZone) -> Clock {
    match cli.as_of {
        Some(at) => Clock::fixed(at, zone),
        None => Clock::system(zone),
    }
}

/// Progress for a person: one line that changes where someone watches, plain lines elsewhere.
struct Watch {
    bar: Option<indicatif::ProgressBar>,
    verbose: bool,
}

impl Watch {
    fn new(cli: &Cli) -> Watch {
        let bar = output::is_watched().then(|| {
            let bar = indicatif::ProgressBar::new_spinner();
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            bar
        });
        Watch { bar, verbose: cli.verbose > 0 }
    }

    fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Watch {
    fn step(&self, name: &str, key: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(format!("{name} {key}")),
            None if self.verbose => say(format!("{name} {key}")),
            None => {}
        }
    }

    fn warn(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(format!("warning: {message}"))),
            None => say(format!("warning: {message}")),
        }
    }
}

impl Verdict {
    fn at_fault_if(fault: bool) -> Verdict {
        if fault { Verdict::AtFault } else { Verdict::Done }
    }
}
