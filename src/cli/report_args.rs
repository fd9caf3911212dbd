//! The words of `duban report` and `duban mail`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::{Format, ShownAs};
use crate::model::Period;

#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// The editions
    List {
        #[arg(long)]
        report: Option<String>,
        #[arg(long)]
        period: Option<Period>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// What an edition says, from what was stored with it: its text; as JSON its document with every
    /// value, and the queries that they came from
    Show {
        edition_id: i64,
        #[arg(long, value_enum, default_value_t = ShownAs::Text)]
        format: ShownAs,
    },
    /// Build the reports of a period into files; no mail is queued
    Build {
        /// Reports to build; all if none is named
        reports: Vec<String>,
        #[arg(long)]
        period: Period,
        /// Set a constant of the reports' [params]
        #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse_constant)]
        params: Vec<(String, String)>,
    },
    /// Render a report into a folder, without making an edition
    Preview(PreviewArgs),
    /// Let an edition go out that waits for approval
    Approve {
        /// The number that `report list` shows first
        edition_id: i64,
        /// The role that approves: one of the definition's `approval`
        #[arg(long)]
        role: String,
        /// Who approves
        #[arg(long, value_name = "NAME")]
        by: String,
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Mail editions that were built without being sent: a report's newest, or one by its number
    Send {
        /// A report, or the number of an edition as `report list` shows it
        what: String,
        /// With a report: of this period instead of its newest
        #[arg(long)]
        period: Option<Period>,
        /// Mail it to this address alone, marked 【测试】; nothing counts as sent
        #[arg(long, value_name = "ADDRESS")]
        test_send: Option<String>,
    },
    /// Render an edition again from what it keeps, and say whether it comes out the same
    ///
    /// With the same program and fonts it does, to the byte. Otherwise the stored files are handed out, and
    /// what is different is named.
    Rebuild {
        edition_id: i64,
        /// Hand its files out into this folder
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// Put missing or damaged files of the edition back, if they come out as they were
        #[arg(long)]
        repair: bool,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

#[derive(Debug, Args)]
pub struct PreviewArgs {
    pub report: String,
    #[arg(long)]
    pub period: Period,
    /// Whose sheet, of a report that is made for each unit: code or name
    #[arg(long)]
    pub unit: Option<String>,
    /// Set a constant of the report's [params]
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse_constant)]
    pub params: Vec<(String, String)>,
    /// The folder for its files
    #[arg(long, value_name = "DIR", required_unless_present = "test_send")]
    pub to: Option<PathBuf>,
    /// Mail it to this address, marked 【测试】
    #[arg(long, value_name = "ADDRESS")]
    pub test_send: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Each mail, its recipient, its state and what the server said
    List {
        #[arg(long)]
        state: Option<String>,
        /// Of the editions of this report
        #[arg(long)]
        report: Option<String>,
        /// Of this edition
        #[arg(long, value_name = "EDITION_ID")]
        edition: Option<i64>,
        /// To this address
        #[arg(long, value_name = "ADDRESS")]
        recipient: Option<String>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// One mail: its headers and attempts; with `--raw` its bytes
    Show {
        delivery_id: i64,
        #[arg(long)]
        raw: bool,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Keep mails back that have not gone yet
    Hold(MailsArgs),
    /// Let mails go that were held by hand
    Release(MailsArgs),
    /// Never send mails that have not gone yet
    Cancel(MailsArgs),
    /// Send a mail once more, marked 【重发】 and with a Message-ID of its own
    ///
    /// Nothing is ever sent again by itself once a server may have taken it.
    Resend {
        delivery_id: i64,
        #[command(flatten)]
        hand: HandArgs,
    },
}

#[derive(Debug, Args)]
pub struct MailsArgs {
    /// The numbers that `mail list` shows
    #[arg(required_unless_present = "edition")]
    pub delivery_ids: Vec<i64>,
    /// All mails of this edition whose state allows it
    #[arg(long, value_name = "EDITION_ID", conflicts_with = "delivery_ids")]
    pub edition: Option<i64>,
    #[command(flatten)]
    pub hand: HandArgs,
}

#[derive(Debug, Args)]
pub struct HandArgs {
    /// Why
    #[arg(long)]
    pub reason: String,
    /// Who
    #[arg(long, value_name = "NAME", default_value = "operator")]
    pub by: String,
}

fn parse_constant(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err("write it as near=3".to_owned()),
    }
}
