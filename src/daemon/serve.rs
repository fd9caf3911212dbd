//! serve: wakes [`Daemon::tick`] when something is due, until it is told to stop.
//!
//! ## Design notes
//! - **The scheduler only wakes.** What is due is known by the ledger and the definitions, and
//!   `Daemon::tick` asks them. There is a job for each cron expression in its zone, one for the next instant
//!   that the daemon foresees of itself, and a heartbeat at least every minute. So it does no
//!   harm that tokio-cron-scheduler keeps the offset which a zone had when a job was laid, reads a
//!   day of the month beside a day of the week in its own way, and lets runs of one job overlap: a
//!   wake too many finds nothing to do, and one too few is made up for by the others.
//! - **One worker.** Wakes are permits of one [`Notify`]: many at once are one. The daemon is moved
//!   into a blocking thread for a tick and comes back with it, so nothing else can touch it meanwhile.
//! - **A panic in a tick ends the process.** What it left is put right at the next start, which a
//!   service manager sees to; a daemon that goes on with half a state is worse than none.
//! - **Stopping.** No new slot begins; what runs may end within `daemon.stop_seconds`. If it does not,
//!   or a second signal comes, the process ends as if it had been killed: recovery knows that case.
//! - **Resting.** What a report took stays with the process: the allocator's arenas, pages of code
//!   that only a report needs. Nothing but a new process image gives it back, so a daemon that has
//!   worked, is above `daemon.idle_memory_mb` and has nothing due soon leaves its place properly and
//!   begins anew by `exec`: the same process to the service manager, away for less than 0.1 s.
//!   (Measured unoptimised after one report with PDF and workbook: 270 MB before, 89 MB after, of which
//!   74 MB are pages of the program's file. mimalloc left 50 to 140 MB of heap behind, its purging set or not.)

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_cron_scheduler::JobSchedulerError;

use super::alarm::{Alarm, Alarms};
use super::health::{AwaitedCount, NextDue, Pages, Pulse, Vitals, router};
use super::log::Logged;
use super::metrics::Process;
use super::{Daemon, DaemonError, SlotEnd, Tick};
use crate::model::Frequency;
use crate::pipeline::Job;

/// Beats without a watch on the drop folder: deliveries and second asks are due at their own times.
const HEARTBEAT: Duration = Duration::from_mins(1);

/// Nothing may be due within this time for a rest.
const REST_BEFORE_SECONDS: i64 = 15;

/// What the daemon says when it begins.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Where `/healthz` and `/metrics` are answered.
    pub address: SocketAddr,
    pub schedules: Vec<NextDue>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As it was told to; nothing was running any more.
    Stopped,
    /// Something was still running: the next start puts it right.
    CutShort,
    /// It is to begin anew, and to answer at this address again.
    Resting(SocketAddr),
}

/// Why `duban serve` could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot start the asynchronous runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot start the scheduler")]
    Scheduler(#[from] JobSchedulerError),
    #[error("the worker stopped by a fault of the program; the log says where")]
    Worker,
}

/// What a daemon begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// The first of its process: what proving the definitions took is to be given back.
    Fresh,
    /// After a rest, with nothing on its hands.
    Rested,
}

/// Serves until a signal. `announce` is called once, when everything is ready.
///
/// # Errors
/// If it cannot begin, or the worker meets what it cannot go on with.
pub fn serve(
    daemon: Daemon,
    listen: SocketAddr,
    begin: Begin,
    announce: impl FnOnce(&Serving),
) -> Result<Ended, ServeError> {
    // One thread for alarms, signals and pages; the work is done in a blocking thread of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let ended = runtime.block_on(run(daemon, listen, begin, announce));
    // What still runs must not hold up the end.
    runtime.shutdown_background();
    ended
}

async fn run(
    daemon: Daemon,
    listen: SocketAddr,
    begin: Begin,
    announce: impl FnOnce(&Serving),
) -> Result<Ended, ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Runtime)?;
    let listening = |source| ServeError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    daemon.ledger().set_daemon_address(&address.to_string()).map_err(DaemonError::from)?;

    let settings = daemon.config().settings.daemon.clone();
    let heartbeat = match settings.watch_seconds {
        0 => HEARTBEAT,
        seconds => HEARTBEAT.min(Duration::from_secs(seconds.into())),
    };
    let vitals = Arc::new(Vitals::new(daemon.clock().now(), heartbeat));
    let pages = Arc::new(Pages {
        vitals: Arc::clone(&vitals),
        ledger: daemon.home().ledger(),
        clock: daemon.clock().clone(),
    });
    let server = tokio::spawn(async move { axum::serve(listener, router(pages)).await });

    let wake = Arc::new(Notify::new());
    let stopping = Arc::new(AtomicBool::new(false));
    let mut worker = Worker {
        alarms: Alarms::start(Arc::clone(&wake), heartbeat).await?,
        progress: Logged::default(),
        vitals: Arc::clone(&vitals),
        wake: Arc::clone(&wake),
        stopping: Arc::clone(&stopping),
        waiting: Vec::new(),
        counted: None,
        has_worked: begin == Begin::Fresh,
        idle_memory: u64::from(settings.idle_memory_mb) * 1_000_000,
    };
    worker.lay(&daemon).await?;
    announce(&Serving { address, schedules: vitals.read().schedules });
    tell(&[NotifyState::Ready, NotifyState::Status("watching")]);
    let watchdog = tokio::spawn(watchdog(Arc::clone(&vitals)));
    let mut work = tokio::spawn(worker.work(daemon));

    let how = |ended: Result<Result<Worked, ServeError>, tokio::task::JoinError>| {
        // What a panic said is on stderr by now.
        match ended.map_err(|_| ServeError::Worker)?? {
            Worked::Stopped => Ok(Ended::Stopped),
            Worked::Resting => Ok(Ended::Resting(address)),
        }
    };
    let ended = tokio::select! {
        ended = &mut work => how(ended),
        signal = signals.stop(&wake) => {
            let limit = Duration::from_secs(settings.stop_seconds.into());
            tracing::info!(signal, limit_seconds = limit.as_secs(), "stopping: no new slot begins");
            let micros = u32::try_from(limit.as_micros()).unwrap_or(u32::MAX);
            tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(micros.saturating_add(5_000_000))]);
            stopping.store(true, Ordering::SeqCst);
            wake.notify_one();
            tokio::select! {
                // It may have been about to rest: it stays so.
                ended = &mut work => how(ended).map(|_| Ended::Stopped),
                () = tokio::time::sleep(limit) => {
                    tracing::warn!("what runs did not end in time: the next start puts it right");
                    Ok(Ended::CutShort)
                }
                signal = signals.stop(&wake) => {
                    tracing::warn!(signal, "told again: the next start puts right what is left");
                    Ok(Ended::CutShort)
                }
            }
        }
    };
    watchdog.abort();
    server.abort();
    ended
}

/// What does the work: the daemon, one tick after another.
struct Worker {
    alarms: Alarms,
    progress: Logged,
    vitals: Arc<Vitals>,
    wake: Arc<Notify>,
    stopping: Arc<AtomicBool>,
    /// Slots that wait for a run by hand, and of which that was said.
    waiting: Vec<(String, Timestamp)>,
    /// What the count of who is awaited was made from.
    counted: Option<Counted>,
    /// Something was done that takes memory.
    has_worked: bool,
    /// Bytes above which it rests; 0: never.
    idle_memory: u64,
}

/// The ledger's newest event and the day.
type Counted = (i64, Date);

/// Who is awaited, counted again if anything has changed since the last count.
fn count_awaited(daemon: &Daemon, last: Option<Counted>) -> Option<(Counted, Vec<AwaitedCount>)> {
    let counted = (daemon.ledger().event_no().ok()?, daemon.clock().today());
    if last == Some(counted) {
        return None;
    }
    let pipeline = daemon.pipeline().ok()?;
    let rows = pipeline.collection(pipeline.newest_due(Frequency::Month)).ok()?;
    let awaited = rows
        .into_iter()
        .map(|row| AwaitedCount {
            n: row.missing.len(),
            n_overdue: row.missing.iter().filter(|one| one.overdue).count(),
            dataset: row.dataset,
        })
        .collect();
    Some((counted, awaited))
}

/// How the worker ended.
enum Worked {
    Stopped,
    Resting,
}

impl Worker {
    async fn work(mut self, mut daemon: Daemon) -> Result<Worked, ServeError> {
        loop {
            daemon = self.tick(daemon).await?;
            if self.stopping.load(Ordering::SeqCst) {
                break;
            }
            self.lay(&daemon).await?;
            if self.may_rest(daemon.clock().now()) {
                daemon.close()?;
                return Ok(Worked::Resting);
            }
            self.wake.notified().await;
            if self.stopping.load(Ordering::SeqCst) {
                break;
            }
        }
        daemon.close()?;
        tracing::info!("stopped");
        Ok(Worked::Stopped)
    }

    /// Whether work has left too much memory behind, and nothing is due so soon that beginning anew
    /// could make it late.
    fn may_rest(&mut self, now: Timestamp) -> bool {
        if !self.has_worked || self.idle_memory == 0 || !self.waiting.is_empty() {
            return false;
        }
        let soon = now.as_second() + REST_BEFORE_SECONDS;
        let due_soon = |one: &NextDue| one.next_at.is_some_and(|at| at.as_second() < soon);
        if self.vitals.read().schedules.iter().any(due_soon) {
            return false;
        }
        let resident = Process::read().resident_bytes;
        self.has_worked = false;
        if resident > self.idle_memory {
            tracing::info!(resident_mb = resident / 1_000_000, "resting: begins anew");
        }
        resident > self.idle_memory
    }

    /// Does all that is due.
    async fn tick(&mut self, mut daemon: Daemon) -> Result<Daemon, ServeError> {
        let vitals = Arc::clone(&self.vitals);
        let stopping = Arc::clone(&self.stopping);
        let progress = std::mem::take(&mut self.progress);
        let counted = self.counted;
        vitals.note(|signs| signs.ticking = true);
        let done = tokio::task::spawn_blocking(move || {
            let pulse = Pulse { vitals: &vitals, inner: &progress, stopping: &stopping };
            let ended = daemon.tick(&pulse);
            let awaited = count_awaited(&daemon, counted);
            (daemon, progress, ended, awaited)
        });
        // The panic's message is on stderr by now.
        let (daemon, progress, ended, awaited) = done.await.map_err(|_| ServeError::Worker)?;
        self.progress = progress;
        let now = daemon.clock().now();
        self.vitals.note(|signs| {
            if let Some((counted, awaited)) = awaited {
                self.counted = Some(counted);
                signs.awaited = awaited;
            }
            signs.ticking = false;
            signs.step = None;
            signs.last_tick_at = Some(now);
        });
        self.tell(&ended?);
        Ok(daemon)
    }

    /// Says what a tick did. What failed was said where it failed.
    fn tell(&mut self, tick: &Tick) {
        if tick.recovered {
            tracing::info!("what an earlier run left undone was put right");
        }
        if !tick.taken.is_empty() {
            tracing::info!(n = tick.taken.len(), "files taken from the drop folder");
        }
        self.has_worked |= !tick.taken.is_empty() || tick.slots.iter().any(|s| s.run_id.is_some());
        for slot in &tick.slots {
            let why = slot.error.as_deref().unwrap_or_default();
            let (schedule, due_at) = (slot.name.as_str(), slot.due_at);
            let run = slot.run_id.map(|run| run.0);
            match slot.state {
                SlotEnd::Done => tracing::info!(schedule, %due_at, run, "slot done"),
                SlotEnd::Failed => tracing::debug!(schedule, %due_at, run, "slot ended"),
                SlotEnd::Missed { n } => {
                    tracing::warn!(schedule, %due_at, n, why, "due times passed and are not made up for");
                }
                SlotEnd::Waiting => {
                    let slot = (slot.name.clone(), slot.due_at);
                    // It is looked at again every few seconds; once is enough.
                    if !self.waiting.contains(&slot) {
                        tracing::info!(schedule, %due_at, why, "slot waits");
                        self.waiting.push(slot);
                    }
                    continue;
                }
            }
            self.waiting.retain(|(name, _)| *name != slot.name);
        }
    }

    /// Lays the alarms as the schedules are now, and notes when each is due next.
    async fn lay(&mut self, daemon: &Daemon) -> Result<(), ServeError> {
        let config = daemon.config();
        let now = daemon.clock().now();
        let scheduled = Job::scheduled(config);
        let mut alarms: Vec<Alarm> =
            scheduled.into_iter().filter_map(|(_, schedule)| Alarm::of(schedule)).collect();
        alarms.extend(daemon.next_wake()?.map(Alarm::At));
        self.alarms.lay(alarms, now).await?;
        let schedules = daemon
            .schedules()?
            .into_iter()
            .map(|schedule| NextDue {
                next_at: schedule.next.map(|next| next.at),
                when: format!("{} {}", schedule.timing, schedule.timezone),
                name: schedule.name,
            })
            .collect();
        self.vitals.note(|signs| {
            signs.schedules = schedules;
            daemon.trouble().clone_into(&mut signs.trouble);
        });
        Ok(())
    }
}

/// The signals that this process listens to.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until told to stop, and gives the signal's name. SIGHUP wakes the worker, which reads
    /// changed definitions.
    async fn stop(&mut self, wake: &Notify) -> &'static str {
        loop {
            tokio::select! {
                _ = self.term.recv() => return "SIGTERM",
                _ = self.int.recv() => return "SIGINT",
                _ = self.hup.recv() => wake.notify_one(),
            }
        }
    }
}

/// Tells the service manager, if there is one (`NOTIFY_SOCKET`).
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// Tells the service manager that the worker lives, if it wants to know (`WATCHDOG_USEC`).
async fn watchdog(vitals: Arc<Vitals>) {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    let mut beat = tokio::time::interval((period / 3).max(Duration::from_millis(100)));
    loop {
        beat.tick().await;
        match vitals.stuck() {
            None => tell(&[NotifyState::Watchdog]),
            Some(why) => tracing::error!(why, "the worker shows no sign of life"),
        }
    }
}
