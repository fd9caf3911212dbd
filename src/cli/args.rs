//! The command line. A command that is not built yet is absent.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::items_args::ItemsCommand;
use super::report_args::{MailCommand, ReportCommand};
use crate::model::Period;

/// 督办: collects a district's preschool statistics, checks them, follows up, and reports.
#[derive(Debug, Parser)]
#[command(name = "duban", version, about, max_term_width = 100)]
pub struct Cli {
    /// The home: definitions, inbox and data
    #[arg(long, global = true, value_name = "DIR", env = "DUBAN_HOME", default_value = ".")]
    pub home: PathBuf,

    /// Act as at this instant (RFC 3339); mail then goes to a folder, never to SMTP. Before the
    /// ledger's last event the command is read-only
    #[arg(long, global = true, value_name = "TIMESTAMP", value_parser = parse_timestamp)]
    pub as_of: Option<Timestamp>,

    /// Say more (twice: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// How the log on stderr looks; DUBAN_LOG says what is told, as in `duban=debug,warn`
    #[arg(long, global = true, value_enum, env = "DUBAN_LOG_FORMAT", default_value_t = LogStyle::Text)]
    pub log_format: LogStyle,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a home with a campaign of 24 months of invented submissions and run it from files to mails
    ///
    /// On a home that a demo left half done it goes on. The data is deterministic and marked as invented.
    Demo(DemoArgs),
    /// Make a new home with the embedded definitions
    Init {
        /// An empty or absent folder
        dir: PathBuf,
    },
    /// Compile and render all definitions, and say what is wrong with file, line and a hint
    #[command(subcommand)]
    Check(CheckCommand),
    /// Show settings, and which file or variable set them
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Take a file as if it had arrived in the drop folder
    Submit(SubmitArgs),
    /// Say what is wrong with a file, without taking it
    Validate(ValidateArgs),
    /// Show what a run would do now
    Plan(PlanArgs),
    /// Collect, cut snapshots, measure, check, report and mail for a period
    ///
    /// For a period that is not the newest due one, no item is opened and nobody is mailed unless
    /// `--items` and `--send` say so.
    Run(RunArgs),
    /// The daemon: collect, judge, report, remind and deliver by the schedules, until told to stop
    ///
    /// SIGTERM or SIGINT ends it (the running step may end first), SIGHUP makes it look at the
    /// definitions at once. `/healthz` and `/metrics` are answered on this machine alone.
    Serve(ServeArgs),
    /// Mail the reminders that are due to who has not reported
    ///
    /// One mail a recipient and day; nobody is reminded of the same twice. The daemon does it by itself.
    Remind(RemindArgs),
    /// Take the steps of the escalation that are due today: slips, and one mail a recipient and day
    ///
    /// Nothing is done on a day off, and nothing twice on one day. The daemon does it by itself.
    Escalate(EscalateArgs),
    /// Mail the supervisors what is due, overdue and new
    ///
    /// Once a working day; nobody is mailed if there is nothing to say. The daemon does it by itself.
    Digest(DigestArgs),
    /// Query the figures and the ledger, read-only
    Query(QueryArgs),
    /// Supervision items: list, show, and act on them
    #[command(subcommand)]
    Items(Box<ItemsCommand>),
    /// Reports and their editions
    #[command(subcommand)]
    Report(ReportCommand),
    /// Mails and what became of them
    #[command(subcommand)]
    Mail(MailCommand),
    /// The state of the home in one screen
    Status(StatusArgs),
}

#[derive(Debug, Subcommand)]
pub enum CheckCommand {
    /// All definitions: settings, units, contracts, metrics, checks and their tests, reports, fonts
    Config,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// The settings in force
    Show {
        /// Also the file and line, or the variable, that set each
        #[arg(long)]
        origin: bool,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// First month of a shorter campaign, such as 2024-09
    #[arg(long, value_name = "MONTH")]
    pub from: Option<Period>,
    /// Last month
    #[arg(long, value_name = "MONTH")]
    pub until: Option<Period>,
}

#[derive(Debug, Args)]
pub struct SubmitArgs {
    #[arg(required_unless_present = "nil")]
    pub file: Option<PathBuf>,
    /// Take the unit's word (a telephone call) that it has nothing to report; in place of a file
    #[arg(long, conflicts_with = "file", requires = "unit", requires = "dataset")]
    pub nil: bool,
    /// With `--nil`: why there is nothing
    #[arg(long, requires = "nil", value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who sent it: code or name; only if the file names no units
    #[arg(long, value_name = "REPORTER")]
    pub unit: Option<String>,
    /// Which data set it is; only if more than one contract fits
    #[arg(long)]
    pub dataset: Option<String>,
    /// What it is about: 2024-09, 2024-2025-1, 2024-2025 or 2024
    #[arg(long)]
    pub period: Period,
}

#[derive(Debug, Args)]
pub struct ValidateArgs {
    pub file: PathBuf,
    #[arg(long)]
    pub dataset: String,
    #[arg(long, value_name = "REPORTER")]
    pub unit: Option<String>,
    /// Default: the newest period of the data set whose statistics date is past
    #[arg(long)]
    pub period: Option<Period>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Default: the newest month whose statistics date is past
    #[arg(long)]
    pub period: Option<Period>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// Data sets and reports to run; all if none is named
    pub pipelines: Vec<String>,
    /// What to measure and report: 2024-09 (yearly data sets follow from it)
    #[arg(long)]
    pub period: Period,
    /// Collect from these units alone
    #[arg(long, value_name = "UNIT")]
    pub unit: Vec<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Open and close items although the period is not the newest due one
    #[arg(long)]
    pub items: bool,
    /// Mail the reports although the period is not the newest due one
    #[arg(long)]
    pub send: bool,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where to answer /healthz and /metrics, instead of daemon.listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

#[derive(Debug, Args)]
pub struct RemindArgs {
    /// Show which reminders are due to whom, and mail nothing
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct EscalateArgs {
    /// Show which slips are due to whom, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct DigestArgs {
    /// Show whether a digest is due and to whom, and mail nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// A SELECT over data sets, metrics, configuration and the ledger
    pub sql: String,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Ask the running daemon whether it is well, print one line, and exit 0 if it is, 1 if not
    #[arg(long, conflicts_with = "format")]
    pub check: bool,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShownAs {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Csv,
    Json,
    Ndjson,
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogStyle {
    /// For a person
    Text,
    /// One JSON object a line
    Json,
}

fn parse_timestamp(text: &str) -> Result<Timestamp, String> {
    text.parse::<Timestamp>()
        .map_err(|error| format!("{error}; write it as 2024-10-10T08:30:00+08:00"))
}
