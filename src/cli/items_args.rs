//! `duban items …`: what a supervisor can ask for and do.

use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::args::Format;
use crate::model::Period;

#[derive(Debug, Subcommand)]
pub enum ItemsCommand {
    /// What needs action first: red, yellow, green, then what stands still
    List(ListArgs),
    /// One item: its fields, history, slips, figures over time, and what may be done now
    Show {
        item_no: i64,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Write the ledger of items (台账) as a workbook; with `--as-of` as it was then
    Export {
        /// The workbook to write: NAME.xlsx
        file: std::path::PathBuf,
    },
    /// 立项: open an item by hand (a meeting's decision, a complaint)
    New(NewArgs),
    /// 交办: hand over to the responsible unit
    Assign {
        #[command(flatten)]
        act: ActArgs,
        /// To another unit than the one at fault: name or code
        #[arg(long, help_heading = "What is done", value_name = "UNIT")]
        to: Option<String>,
        /// Another deadline
        #[arg(long, help_heading = "What is done", value_name = "DATE")]
        due: Option<Date>,
    },
    /// 签收: the responsible unit signs for it
    Sign {
        #[command(flatten)]
        act: ActArgs,
    },
    /// 办理进展: how far the work is
    Progress {
        #[command(flatten)]
        act: ActArgs,
        #[command(flatten)]
        said: SaidArgs,
        /// How much is done
        #[arg(long, help_heading = "What is done", value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
        percent: Option<u8>,
    },
    /// 反馈: the responsible unit says that it is done
    Answer {
        #[command(flatten)]
        act: ActArgs,
        #[command(flatten)]
        said: SaidArgs,
        /// Where the proof lies, such as a document's number
        #[arg(long, help_heading = "What is done", value_name = "TEXT")]
        evidence: Option<String>,
    },
    /// 退回: what was answered is not enough
    Return {
        #[command(flatten)]
        act: ActArgs,
    },
    /// 复核通过: what was answered holds
    Verify {
        #[command(flatten)]
        act: ActArgs,
    },
    /// 销号
    Close {
        #[command(flatten)]
        act: ActArgs,
    },
    /// 回头看: look again at what was done
    LookBack {
        #[command(flatten)]
        act: ActArgs,
        /// Whether it has lasted
        #[arg(long, help_heading = "What is done", value_name = "YES_OR_NO", value_parser = yes_or_no)]
        lasted: YesOrNo,
    },
    /// 归档
    Archive {
        #[command(flatten)]
        act: ActArgs,
    },
    /// 重新立项: open a closed item again
    Reopen {
        #[command(flatten)]
        act: ActArgs,
        /// The new deadline; without it, that of a new item
        #[arg(long, help_heading = "What is done", value_name = "DATE")]
        due: Option<Date>,
    },
    /// 申请延期: ask for more time, before the due date
    Extend {
        #[command(flatten)]
        act: ActArgs,
        /// Until when
        #[arg(long, help_heading = "What is done", value_name = "DATE")]
        until: Date,
    },
    /// 同意延期
    Grant {
        #[command(flatten)]
        act: ActArgs,
    },
    /// 不同意延期
    Refuse {
        #[command(flatten)]
        act: ActArgs,
    },
    /// 中止
    Suspend {
        #[command(flatten)]
        act: ActArgs,
    },
    /// 恢复办理
    Resume {
        #[command(flatten)]
        act: ActArgs,
    },
    /// 撤销: it should not have been opened
    Withdraw {
        #[command(flatten)]
        act: ActArgs,
    },
    /// 备注
    Note {
        #[command(flatten)]
        act: ActArgs,
    },
    /// How many were opened, closed, closed on time, put off and returned
    Stats {
        /// town, group, level or check
        #[arg(long, value_name = "DIMENSION", default_value = "town", value_parser = ["town", "group", "level", "check"])]
        by: String,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// The versions of checks: what changed, since when, and which items that opened and closed
    Rules {
        /// The versions of this check; without it, the newest of each
        check: Option<String>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

/// Which items.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which items")]
pub struct WhichArgs {
    /// Those past their due date
    #[arg(long)]
    pub overdue: bool,
    /// institution, town, group or district
    #[arg(long)]
    pub level: Option<String>,
    /// For which this unit is responsible, or which is at fault; of a group, all its towns too
    #[arg(long, value_name = "UNIT")]
    pub unit: Vec<String>,
    /// Of this check (`by_hand`: opened by hand)
    #[arg(long)]
    pub check: Option<String>,
    /// green, yellow or red (绿, 黄, 红)
    #[arg(long)]
    pub light: Option<String>,
    /// opened, assigned, signed, in_work, answered, sent_back, verified, closed, archived, suspended or
    /// withdrawn
    #[arg(long)]
    pub state: Option<String>,
    /// What waits for a role; without one, for that of --as or DUBAN_ROLE
    #[arg(long, value_name = "ROLE[:UNIT]", num_args = 0..=1, default_missing_value = "")]
    pub mine: Option<String>,
    /// indicator, task, reporting, meeting, complaint or inspection
    #[arg(long)]
    pub source: Option<String>,
}

impl WhichArgs {
    pub fn is_empty(&self) -> bool {
        !self.overdue
            && self.level.is_none()
            && self.unit.is_empty()
            && self.check.is_none()
            && self.light.is_none()
            && self.state.is_none()
            && self.mine.is_none()
            && self.source.is_none()
    }
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub which: WhichArgs,
    /// Also those that are closed, archived or withdrawn
    #[arg(long)]
    pub all: bool,
    /// How many at most; 0: all of them
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// For `--mine` without a role
    #[arg(long = "as", value_name = "ROLE[:UNIT]", env = "DUBAN_ROLE")]
    pub role: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Who acts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who acts")]
pub struct WhoArgs {
    /// In which role, and for which unit (name or code): `supervisor`, `unit:大良镇`
    #[arg(long = "as", value_name = "ROLE[:UNIT]", env = "DUBAN_ROLE")]
    pub role: Option<String>,
    /// The post, as it is to stand in the ledger; no private person's name
    #[arg(long, value_name = "TEXT")]
    pub post: Option<String>,
    /// How long to wait for a run that holds the home
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,
}

/// What all acts have.
#[derive(Debug, Args)]
pub struct ActArgs {
    /// Numbers of items; or name them by what they have in common
    pub item_nos: Vec<i64>,
    #[command(flatten)]
    pub who: WhoArgs,
    /// Why; must be there for what undoes or puts off
    #[arg(long, help_heading = "What is done", value_name = "TEXT")]
    pub reason: Option<String>,
    /// Show what would be done, and do nothing
    #[arg(long, help_heading = "What is done")]
    pub dry_run: bool,
    /// Do it to all of them; without it, more than one is only shown
    #[arg(long, help_heading = "What is done")]
    pub yes: bool,
    #[command(flatten)]
    pub which: WhichArgs,
}

/// What a unit says of its work.
#[derive(Debug, Args)]
pub struct SaidArgs {
    /// What is in the way
    #[arg(long, help_heading = "What is done", value_name = "TEXT")]
    pub problem: Option<String>,
    /// What is being done, or was done
    #[arg(long, help_heading = "What is done", value_name = "TEXT")]
    pub measures: Option<String>,
}

#[derive(Debug, Args)]
pub struct NewArgs {
    /// What is to be done, as it stands in the ledger
    #[arg(long, value_name = "TEXT")]
    pub title: String,
    /// The unit that must act: name or code
    #[arg(long, value_name = "UNIT")]
    pub unit: String,
    /// meeting, complaint, inspection, task, reporting or indicator
    #[arg(long, default_value = "meeting")]
    pub source: String,
    /// What is behind it, and what is to be reached
    #[arg(long, value_name = "TEXT")]
    pub detail: String,
    /// institution, town, group or district; default: the unit's own
    #[arg(long)]
    pub level: Option<String>,
    /// Whom it is about (an institution), if not the unit itself
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// The role that must act; `unit`: the unit's own contacts
    #[arg(long, value_name = "ROLE", default_value = "unit")]
    pub responsible: String,
    /// The role that leads
    #[arg(long, value_name = "ROLE", default_value = "secretariat")]
    pub lead: String,
    /// By when; default: the working days of [life] `by_hand_workdays`
    #[arg(long, value_name = "DATE", conflicts_with = "workdays")]
    pub due: Option<Date>,
    /// In how many working days
    #[arg(long, value_name = "N")]
    pub workdays: Option<u32>,
    /// The period that it belongs to; default: this month
    #[arg(long)]
    pub period: Option<Period>,
    /// What decided it, such as a meeting's minutes
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    #[command(flatten)]
    pub who: WhoArgs,
    /// Show what would be opened, and do nothing
    #[arg(long, help_heading = "What is done")]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YesOrNo {
    Yes,
    No,
}

fn yes_or_no(text: &str) -> Result<YesOrNo, String> {
    match text {
        "yes" | "true" => Ok(YesOrNo::Yes),
        "no" | "false" => Ok(YesOrNo::No),
        _ => Err("yes or no".to_owned()),
    }
}
