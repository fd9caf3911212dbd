//! One tick: all that is due at the clock's now.

use jiff::Timestamp;
use jiff::ToSpan;

use super::{Daemon, DaemonError, GRACE, SEEN_EVERY};
use crate::ledger::{Delivery, KnownSchedule, LedgerError, RunId, SlotKey};
use crate::model::SlotState;
use crate::pipeline::{Job, Pipeline, PipelineError, Progress, Taken};
use crate::schedule::{Missed, due_slots};

/// A slot whose process was gone is run again until it was begun so often.
const MOST_ATTEMPTS: u64 = 3;

/// How a slot stands after a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotEnd {
    Done,
    Failed,
    /// So many due times passed and are not made up for; the slot's is the newest of them.
    Missed {
        n: u64,
    },
    /// A run by hand holds the home: it stays due.
    Waiting,
}

/// What a tick did for one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotOutcome {
    /// `dataset:enrollment`, `supervision`, `report:joint_meeting`, `reminders`.
    pub name: String,
    pub due_at: Timestamp,
    pub state: SlotEnd,
    /// The run that was made for it, if one was.
    pub run_id: Option<RunId>,
    /// Why it failed, was missed or waits.
    pub error: Option<String>,
}

/// Something besides a slot that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickError {
    /// `recover`, `watch`, `deliver`, …
    pub what: &'static str,
    pub error: String,
}

/// What a tick did.
#[derive(Debug, Clone)]
pub struct Tick {
    pub at: Timestamp,
    /// A killed run's leavings were put back.
    pub recovered: bool,
    /// Taken by the drop folder's watch, and from sources that were asked again.
    pub taken: Vec<Taken>,
    /// In the order in which they were seen to.
    pub slots: Vec<SlotOutcome>,
    /// Delivered besides what the slots' runs delivered.
    pub delivered: Vec<Delivery>,
    pub errors: Vec<TickError>,
}

impl Tick {
    /// Whether there was anything to do.
    pub fn is_idle(&self) -> bool {
        !self.recovered
            && self.taken.is_empty()
            && self.slots.is_empty()
            && self.delivered.is_empty()
            && self.errors.is_empty()
    }
}

/// A slot that is to be run now.
struct DueSlot {
    job: Job,
    key: SlotKey,
}

impl Daemon {
    /// Does all that is due at the clock's now: puts back what a killed run left, looks into the drop
    /// folder, runs due slots (data sets before supervision before reports), and delivers mails. One that fails
    /// stops none of the others: it is in the [`Tick`] and in the ledger.
    ///
    /// # Errors
    /// What leaves no tick to speak of: the ledger cannot be read, or this is not the daemon any more.
    pub fn tick(&mut self, progress: &dyn Progress) -> Result<Tick, DaemonError> {
        let now = self.clock.now();
        self.require_daemon()?;
        self.read_again(now, progress)?;
        if self.last_seen.is_none_or(|seen| now.duration_since(seen) >= SEEN_EVERY) {
            self.say_seen(now)?;
        }
        let mut tick = Tick {
            at: now,
            recovered: false,
            taken: Vec::new(),
            slots: Vec::new(),
            delivered: Vec::new(),
            errors: Vec::new(),
        };
        self.try_again = false;
        let due = self.due(now, &mut tick)?;
        self.work(now, due, &mut tick, progress)?;
        self.last_tick = Some((now, self.clock.now()));
        Ok(tick)
    }

    fn require_daemon(&self) -> Result<(), DaemonError> {
        match self.ledger.daemon()? {
            Some(row) if row.holder == self.holder => Ok(()),
            other => Err(LedgerError::DaemonReplaced { by: other.map(|row| row.holder) }.into()),
        }
    }

    /// The slots that are to be run, in order. What is missed is recorded on the way.
    fn due(&mut self, now: Timestamp, tick: &mut Tick) -> Result<Vec<DueSlot>, DaemonError> {
        let known = match self.known.take() {
            Some(known) => known,
            None => {
                let defined: Vec<(String, String, bool)> = Job::scheduled(&self.config)
                    .into_iter()
                    .map(|(job, schedule)| (job.name(), schedule.definition(), schedule.enabled))
                    .collect();
                self.ledger.sync_schedules(&defined, now)?
            }
        };
        // What was waited for before an edit is nobody's.
        let begins = |name: &str| known.iter().find(|known| known.name == name).map(|k| k.since);
        self.waiting.retain(|key, _| begins(&key.schedule).is_some_and(|since| since < key.due_at));
        let mut due = Vec::new();
        let died = self.ledger.running_slots()?;
        for (job, schedule) in Job::scheduled(&self.config) {
            let name = job.name();
            for slot in died.iter().filter(|slot| slot.schedule == name) {
                let key = SlotKey { schedule: name.clone(), due_at: slot.due_at };
                let again = schedule.enabled && schedule.missed != Missed::None;
                if again && slot.attempts < MOST_ATTEMPTS {
                    due.push(DueSlot { job: job.clone(), key });
                } else {
                    let why = format!(
                        "the daemon was gone while it ran ({} of {MOST_ATTEMPTS} attempts)",
                        slot.attempts
                    );
                    tick.slots.push(self.miss(key, 1, why, now)?);
                }
            }
            let since = known.iter().find(|known| known.name == name);
            let (Some(KnownSchedule { since, .. }), true) = (since, schedule.enabled) else {
                continue;
            };
            let last = self.ledger.last_due(&name)?;
            let grace = self.grace(&name, now);
            let found = due_slots(schedule, *since, last, now, grace, &self.config.calendar);
            if let Some(missed) = found.missed {
                let key = SlotKey { schedule: name.clone(), due_at: missed.due_at };
                let why = self.why_missed(&key);
                tick.slots.push(self.miss(key, missed.n, why, now)?);
            }
            due.extend(found.run.into_iter().map(|due_at| DueSlot {
                job: job.clone(),
                key: SlotKey { schedule: name.clone(), due_at },
            }));
        }
        for slot in died.iter().filter(|slot| {
            !Job::scheduled(&self.config).iter().any(|(job, _)| job.name() == slot.schedule)
        }) {
            let key = SlotKey { schedule: slot.schedule.clone(), due_at: slot.due_at };
            let why = "the daemon was gone while it ran, and its schedule is no more".to_owned();
            tick.slots.push(self.miss(key, 1, why, now)?);
        }
        due.sort_by(|a, b| (a.key.due_at, &a.job).cmp(&(b.key.due_at, &b.job)));
        self.known = Some(known);
        Ok(due)
    }

    /// How old a due time may be to be on time: it fell due while the daemon was at work on something
    /// else, or waits for a run by hand.
    fn grace(&self, name: &str, now: Timestamp) -> jiff::SignedDuration {
        let busy = self
            .last_tick
            .filter(|(_, ended)| now.duration_since(*ended) <= GRACE)
            .map(|(began, _)| now.duration_since(began));
        let waiting = self
            .waiting
            .keys()
            .filter(|key| key.schedule == name)
            .map(|key| now.duration_since(key.due_at));
        waiting.chain(busy).fold(GRACE, Ord::max)
    }

    fn why_missed(&self, key: &SlotKey) -> String {
        match self.waiting.get(key) {
            Some(holder) => format!("{holder} held the home, and a later one is due"),
            None if key.due_at > self.opened_at => {
                "the daemon was busy when it fell due".to_owned()
            }
            None => "no daemon was running when it fell due".to_owned(),
        }
    }

    fn miss(
        &self,
        key: SlotKey,
        n: u64,
        why: String,
        now: Timestamp,
    ) -> Result<SlotOutcome, DaemonError> {
        self.ledger.settle_slot(&key, SlotState::Missed, n, &why, now)?;
        Ok(SlotOutcome {
            name: key.schedule,
            due_at: key.due_at,
            state: SlotEnd::Missed { n },
            run_id: None,
            error: Some(why),
        })
    }

    fn work(
        &mut self,
        now: Timestamp,
        due: Vec<DueSlot>,
        tick: &mut Tick,
        progress: &dyn Progress,
    ) -> Result<(), DaemonError> {
        let watch_seconds = self.config.settings.daemon.watch_seconds;
        let watch = watch_seconds > 0 && self.next_watch <= now;
        // Engine, fonts and figures live as long as this does.
        let mut pipeline = self.pipeline()?;
        let recovered = pipeline.recover_if_need_be(progress);
        tick.recovered = self.note("recover", recovered, tick).unwrap_or(false);
        if watch {
            let seconds = i64::from(watch_seconds);
            self.next_watch = now.checked_add(seconds.seconds()).unwrap_or(now);
            let taken = pipeline.watch(progress);
            tick.taken = self.note("watch", taken, tick).flatten().unwrap_or_default();
        }
        let refetched = pipeline.refetch_due(progress);
        if let Some(refetched) = self.note("refetch", refetched, tick) {
            tick.taken.extend(refetched.taken);
        }
        for slot in due {
            // What was due stays due: the next start sees to it by its policy.
            if progress.is_stopping() {
                break;
            }
            let outcome = self.run_slot(&mut pipeline, slot, progress)?;
            tick.slots.push(outcome);
        }
        pipeline.set_slot(None);
        if !progress.is_stopping()
            && pipeline.next_delivery()?.is_some_and(|at| at <= self.clock.now())
        {
            let delivered = pipeline.deliver_due(progress);
            tick.delivered = self.note("deliver", delivered, tick).unwrap_or_default();
        }
        Ok(())
    }

    /// Keeps an error in the tick. That a run by hand holds the home is none: it is tried again.
    fn note<T>(
        &mut self,
        what: &'static str,
        result: Result<T, PipelineError>,
        tick: &mut Tick,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(PipelineError::Ledger(LedgerError::Held { .. })) => {
                self.try_again = true;
                None
            }
            Err(error) => {
                let error = error.chain();
                tracing::error!(what, error, "failed");
                tick.errors.push(TickError { what, error });
                self.try_again = true;
                None
            }
        }
    }

    fn run_slot(
        &mut self,
        pipeline: &mut Pipeline,
        slot: DueSlot,
        progress: &dyn Progress,
    ) -> Result<SlotOutcome, DaemonError> {
        let DueSlot { job, key } = slot;
        pipeline.set_slot(Some(key.clone()));
        let result = pipeline.do_job(&job, progress);
        let outcome = |state, run_id, error| SlotOutcome {
            name: key.schedule.clone(),
            due_at: key.due_at,
            state,
            run_id,
            error,
        };
        if let Err(PipelineError::Ledger(LedgerError::Held { run, by, command, .. })) = &result {
            let holder = format!("run {run} ({command}, {by})");
            self.try_again = true;
            self.waiting.insert(key.clone(), holder.clone());
            return Ok(outcome(SlotEnd::Waiting, None, Some(format!("waiting for {holder}"))));
        }
        self.waiting
            .retain(|waiting, _| waiting.schedule != key.schedule || waiting.due_at > key.due_at);
        let (state, error) = match result {
            Ok(()) => (SlotState::Done, None),
            Err(error) => (SlotState::Failed, Some(error.chain())),
        };
        let row = self.ledger.slot(&key)?;
        // A job that had nothing to do, or failed before its run could begin, has no run to end it.
        if row.as_ref().is_none_or(|row| row.state == SlotState::Running) {
            let detail = error.as_deref().unwrap_or("there was nothing to do");
            self.ledger.settle_slot(&key, state, 1, detail, self.clock.now())?;
        }
        if let Some(error) = &error {
            tracing::error!(schedule = key.schedule, due_at = %key.due_at, error, "slot failed");
        }
        let end = if state == SlotState::Done { SlotEnd::Done } else { SlotEnd::Failed };
        Ok(outcome(end, row.and_then(|row| row.run_id), error))
    }
}
