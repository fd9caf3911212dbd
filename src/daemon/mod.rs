//! daemon: what is due, when, and that it is done once.
//!
//! A [`Daemon`] keeps no time of its own: whoever holds it passes the clock in and calls
//! [`Daemon::tick`], which does all that is due at its clock's now, and asks [`Daemon::next_wake`] when to
//! come again. `duban serve` is such a shell; the demo is another, and so are the tests.
//!
//! ## Design notes
//! - **The ledger is the truth of the schedule**, not a timer: a slot (schedule, due time) has one row, which
//!   begins and ends in one transaction with its run. A tick compares schedules with rows, so a tick
//!   too many does nothing and a tick too few is made up for by policy.
//! - **Definitions are read again when their files change**, and compiled. If
//!   they do not compile, the last good ones stay in force, and the daemon's row says what is wrong.
//! - **Between ticks it holds definitions and one connection**, no engine, no fonts, no figures: a
//!   pipeline is opened for a tick with work and dropped after it.

mod alarm;
mod files;
pub mod health;
pub mod log;
pub mod metrics;
pub mod serve;
mod tick;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::clock::Clock;
use crate::config::home::Home;
use crate::config::{self, Config};
use crate::diagnostic::Diagnostic;
use crate::ledger::{Holder, KnownSchedule, Ledger, LedgerError, SlotKey};
use crate::pipeline::{
    Job, Pipeline, PipelineError, Progress, ScheduleStatus, compile, process, schedule_statuses,
};

use files::Files;
pub use tick::{SlotEnd, SlotOutcome, Tick, TickError};

/// When a tick is repeated in which a run by hand held the home, or something failed.
const RETRY_SECONDS: i64 = 10;

/// How often the daemon says that it lives, if nothing else happens.
const SEEN_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// Why the daemon cannot begin or go on. What fails within a tick is in the [`Tick`] instead.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Definitions(Vec<Diagnostic>),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The daemon of one home.
pub struct Daemon {
    home: Home,
    environment: BTreeMap<String, String>,
    clock: Clock,
    ledger: Ledger,
    holder: Holder,
    opened_at: Timestamp,
    /// The last good definitions.
    config: Config,
    /// The definitions' files when they were last read, good or not.
    files: Files,
    /// What is wrong with them now; empty if nothing is.
    trouble: String,
    /// Since when each schedule is what it is; none: to be asked of the ledger.
    known: Option<Vec<KnownSchedule>>,
    next_watch: Timestamp,
    /// When the last tick began and ended.
    last_tick: Option<(Timestamp, Timestamp)>,
    last_seen: Option<Timestamp>,
    /// Slots that fell due while a run by hand held the home, and which run it was.
    waiting: BTreeMap<SlotKey, String>,
    /// Something that is still to be done could not be done at the last tick.
    try_again: bool,
}

impl Daemon {
    /// Becomes the daemon of a home. `environment` as `std::env::vars` gives it.
    ///
    /// # Errors
    /// Definitions that cannot be read; [`LedgerError::DaemonLives`] if another daemon of this home lives.
    pub fn open(
        home: Home,
        environment: BTreeMap<String, String>,
        clock: Clock,
    ) -> Result<Daemon, DaemonError> {
        let files = Files::look(&home)?;
        let config = config::load(&home, &environment).map_err(DaemonError::Definitions)?;
        fs_err::create_dir_all(home.data())?;
        let ledger = Ledger::open(&home.ledger())?;
        let holder = process::this();
        let now = clock.now();
        ledger.begin_daemon(&holder, process::is_alive, now)?;
        Ok(Daemon {
            home,
            environment,
            clock,
            ledger,
            holder,
            opened_at: now,
            config,
            files,
            trouble: String::new(),
            known: None,
            next_watch: now,
            last_tick: None,
            last_seen: None,
            waiting: BTreeMap::new(),
            try_again: false,
        })
    }

    /// Passes the time in: for replay and tests. The system's clock goes on by itself.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The definitions in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What is wrong with the definitions as they stand, while older ones are in force; empty if nothing.
    pub fn trouble(&self) -> &str {
        &self.trouble
    }

    /// A pipeline on the definitions in force, at the daemon's clock.
    pub fn pipeline(&self) -> Result<Pipeline, DaemonError> {
        Ok(Pipeline::open(self.config.clone(), self.clock.clone(), &self.environment)?)
    }

    /// The schedules in force: last slot, next due time, what was missed and why.
    pub fn schedules(&self) -> Result<Vec<ScheduleStatus>, DaemonError> {
        Ok(schedule_statuses(&self.config, &self.ledger, self.clock.now())?)
    }

    /// When the next tick has something to do, as far as is known now: the next due time, look into the
    /// drop folder, deferred mail or postponed request. Always later than now; none if nothing is
    /// ahead. Definitions that are edited meanwhile are not foreseen: look in from time to time.
    pub fn next_wake(&self) -> Result<Option<Timestamp>, DaemonError> {
        let watch_seconds = self.config.settings.daemon.watch_seconds;
        let watch = (watch_seconds > 0).then(|| self.next_watch.max(self.soonest()));
        Ok(self.next_due()?.into_iter().chain(watch).min())
    }

    /// As [`Daemon::next_wake`], without the looks into the drop folder: for whoever knows when files
    /// come, as the demo does.
    pub fn next_due(&self) -> Result<Option<Timestamp>, DaemonError> {
        let now = self.clock.now();
        let mut wakes: Vec<Timestamp> = Vec::new();
        for (_, schedule) in Job::scheduled(&self.config) {
            if schedule.enabled {
                let next = schedule.next_after(now, &self.config.calendar);
                wakes.extend(next.map(|next| next.at));
            }
        }
        let pipeline = self.pipeline()?;
        wakes.extend(pipeline.next_delivery()?);
        wakes.extend(pipeline.next_refetch_at()?);
        let soonest = self.soonest();
        if self.try_again {
            wakes.push(soonest);
        }
        Ok(wakes.into_iter().min().map(|wake| wake.max(soonest)))
    }

    fn soonest(&self) -> Timestamp {
        let seconds = if self.try_again { RETRY_SECONDS } else { 1 };
        self.clock.now().checked_add(seconds.seconds()).unwrap_or(self.clock.now())
    }

    /// Ends the daemon: another may take its place.
    pub fn close(self) -> Result<(), DaemonError> {
        Ok(self.ledger.end_daemon(&self.holder, self.clock.now())?)
    }

    /// Reads the definitions again if their files have changed since they were last read.
    fn read_again(&mut self, now: Timestamp, progress: &dyn Progress) -> Result<(), DaemonError> {
        let files = Files::look(&self.home)?;
        if files == self.files {
            return Ok(());
        }
        self.files = files;
        let read = config::load(&self.home, &self.environment).and_then(|config| {
            // What the engine itself cannot do (no memory) says nothing against the definitions.
            match compile(&config) {
                Ok(problems) if !problems.is_empty() => Err(problems),
                _ => Ok(config),
            }
        });
        match read {
            Ok(config) => {
                self.config = config;
                self.known = None;
                if !self.trouble.is_empty() {
                    progress.warn("the definitions compile again and are in force");
                }
                self.trouble.clear();
            }
            Err(problems) => {
                self.trouble =
                    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
                progress.warn(&format!(
                    "the definitions do not compile: the last good ones stay in force\n{}",
                    self.trouble
                ));
            }
        }
        self.say_seen(now)
    }

    /// Writes to the ledger that the daemon lives and what troubles it.
    fn say_seen(&mut self, now: Timestamp) -> Result<(), DaemonError> {
        self.ledger.daemon_seen(&self.holder, &self.trouble, now)?;
        self.last_seen = Some(now);
        Ok(())
    }
}
