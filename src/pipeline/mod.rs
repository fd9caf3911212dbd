//! pipeline: the only room that knows the order.
//!
//! `source → archive → normalize → snapshot → metric → check → item → report → delivery`; each arrow is a
//! step between two rows of the ledger. Demo, hand run and command line call the same functions.
//!
//! ## Design notes
//! - A step that is cut short is not continued: recovery (`recover.rs`) looks at ledger and disk, puts
//!   back what is half done, and the next run does the step again. Every step is idempotent.
//! - Rows are not kept between acceptance and snapshot. They are read again from the archive if they
//!   are needed: the archive and the contract determine them.

mod act;
mod bounces;
mod burst;
pub mod cases;
mod collection;
mod cut;
mod digest;
mod dispatch;
mod error;
mod escalate;
mod freeze;
mod hand;
mod inputs;
mod intake;
mod jobs;
mod judge;
mod ledger_book;
mod letter;
mod outputs;
mod plan;
mod preview;
pub mod process;
mod prove;
mod publish;
mod pull;
mod rebuild;
mod recover;
mod remind;
mod restate;
mod rows;
mod rules;
mod rules_words;
mod run;
mod schedules;
mod session;
mod shown;
mod slips;
mod status;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

/// Which items [`Pipeline::waiting_for`] and [`Pipeline::act`] are about: for rooms that know no ledger.
pub use crate::ledger::{Hand, ItemFilter};
pub use act::{ACT_PATIENCE, ActOutcome, Foreseen, RefusedItem};
pub use collection::{Awaited, ClosedCorrection, Duty, Standing};
pub use cut::CutOutcome;
pub use digest::{DigestOutcome, DigestPlan};
pub use error::PipelineError;
pub use escalate::{DueSlip, EscalationOutcome, EscalationPlan, OnSlip};
pub use hand::{HandAct, SendWhat};
pub use intake::{Incoming, Taken};
pub use jobs::Job;
pub use judge::JudgeOutcome;
pub use ledger_book::LedgerBook;
pub use letter::Reach;
pub use plan::{Plan, PlannedCut};
pub use preview::{Preview, PreviewOptions};
pub use prove::{Proof, compile, prove};
pub use publish::{Built, HeldFonts};
pub use pull::{CollectOutcome, PlannedPull, Pulled, SourceTrouble, by_cause};
pub use rebuild::{Rebuilt, RebuiltFile, Repair, Verdict as RebuildVerdict};
pub use recover::Recovery;
pub use remind::{DueReminder, Owed, ReminderOutcome, ReminderPlan};
pub use rules::RuleChange;
pub use run::{RunOptions, RunOutcome};
pub use schedules::{ScheduleStatus, schedule_statuses};
pub use session::Session;
pub use shown::{EditionShown, QueryShown};
pub use status::{Collection, MailToSee, Status};

use crate::archive::Archive;
use crate::clock::Clock;
use crate::config::Config;
use crate::ledger::{Holder, Ledger, NewRun, RunId, SlotKey, StepId};
use crate::model::{Period, RunState};

/// An open home: its definitions, its ledger and archive, and what time it is.
pub struct Pipeline {
    config: Config,
    ledger: Ledger,
    archive: Archive,
    clock: Clock,
    holder: Holder,
    /// The slot that the next run is for.
    slot: Option<SlotKey>,
    /// Where a test wants this process to stand still, to be killed: `DUBAN_STOP_AT=snapshot:work`.
    stop_at: Option<String>,
    fonts: OnceLock<Arc<crate::report::fonts::Fonts>>,
    chart_fonts: OnceLock<Arc<resvg::usvg::fontdb::Database>>,
}

/// A step whose begin row is on record.
struct Begun {
    step: StepId,
    name: &'static str,
    key: String,
}

/// What a run says while it goes on; the command line shows it.
pub trait Progress: Sync {
    fn step(&self, name: &str, key: &str);
    /// The step that was begun under this name and key has ended.
    fn step_ended(&self, _name: &str, _key: &str, _state: RunState) {}
    /// Whether the process was told to stop: what has begun ends, nothing else begins.
    fn is_stopping(&self) -> bool {
        false
    }
    fn warn(&self, message: &str);
}

/// Says nothing.
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _name: &str, _key: &str) {}
    fn warn(&self, _message: &str) {}
}

impl Pipeline {
    /// Opens a home's ledger (making it if need be). `environment` as `std::env::vars` gives it.
    pub fn open(
        config: Config,
        clock: Clock,
        environment: &BTreeMap<String, String>,
    ) -> Result<Pipeline, PipelineError> {
        let path = config.home.ledger();
        fs_err::create_dir_all(config.home.data())?;
        let ledger = Ledger::open(&path)?;
        let archive = Archive::new(config.home.archive());
        Ok(Pipeline {
            config,
            ledger,
            archive,
            clock,
            holder: process::this(),
            slot: None,
            stop_at: environment.get("DUBAN_STOP_AT").cloned(),
            fonts: OnceLock::new(),
            chart_fonts: OnceLock::new(),
        })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Moves the clock: the demo replays a campaign.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Refuses to change the ledger at an as-of before its last event.
    fn require_writable(&self) -> Result<(), PipelineError> {
        match self.ledger.last_event_at()? {
            Some(last) if self.now() < last => {
                Err(PipelineError::ReadOnly { as_of: self.now(), last })
            }
            _ => Ok(()),
        }
    }

    /// Runs `work` under the run lease, with recovery first, and records how it ended.
    pub fn with_run<T>(
        &self,
        command: &str,
        period: Option<Period>,
        progress: &dyn Progress,
        work: impl FnOnce(RunId) -> Result<T, PipelineError>,
    ) -> Result<T, PipelineError> {
        self.require_writable()?;
        let new = NewRun { command: command.to_owned(), period, holder: self.holder.clone() };
        let run = match &self.slot {
            Some(slot) => self.ledger.begin_slot_run(slot, &new, process::is_alive, self.now())?,
            None => self.ledger.begin_run(&new, process::is_alive, self.now())?,
        };
        let result = self.recover(run, progress).and_then(|_| work(run));
        let (state, detail) = match &result {
            Ok(_) => (RunState::Done, String::new()),
            Err(error) => (RunState::Failed, error.chain()),
        };
        self.ledger.finish_run(run, state, &detail, self.now())?;
        result
    }

    /// One step: begin row → `work` → finish row.
    fn step<T>(
        &self,
        run: RunId,
        name: &'static str,
        key: &str,
        progress: &dyn Progress,
        work: impl FnOnce() -> Result<T, PipelineError>,
    ) -> Result<T, PipelineError> {
        let begun = self.begin_step(run, name, key, progress)?;
        let result = work();
        self.end_step(begun, result, progress)
    }

    /// The first half of a step, for those whose work is done side by side.
    fn begin_step(
        &self,
        run: RunId,
        name: &'static str,
        key: &str,
        progress: &dyn Progress,
    ) -> Result<Begun, PipelineError> {
        progress.step(name, key);
        let step = self.ledger.begin_step(run, name, key, self.now())?;
        self.stand_still(name, "begin");
        Ok(Begun { step, name, key: key.to_owned() })
    }

    /// The second half: what the work came to is put on record.
    fn end_step<T>(
        &self,
        begun: Begun,
        result: Result<T, PipelineError>,
        progress: &dyn Progress,
    ) -> Result<T, PipelineError> {
        let Begun { step, name, key } = begun;
        self.stand_still(name, "work");
        let (state, detail) = match &result {
            Ok(_) => (RunState::Done, String::new()),
            Err(error) => (RunState::Failed, error.chain()),
        };
        self.ledger.finish_step(step, state, &detail, self.now())?;
        progress.step_ended(name, &key, state);
        self.stand_still(name, "end");
        result
    }

    /// Stands still for ever if a test asked for it here, so that it can kill this process.
    fn stand_still(&self, name: &str, point: &str) {
        if let Some(wanted) = &self.stop_at
            && *wanted == format!("{name}:{point}")
        {
            tracing::warn!(at = %wanted, "standing still, as DUBAN_STOP_AT asks");
            let marker = self.config.home.data().join("standing-still");
            let _ = fs_err::write(marker, wanted);
            loop {
                std::thread::park();
            }
        }
    }
}
