//! How the schedules stand: for `status`, `plan` and the daemon.

use jiff::{SignedDuration, Timestamp};

use super::{Job, Pipeline, PipelineError, process};
use crate::config::Config;
use crate::ledger::{KnownSchedule, Ledger, Run, Slot};
use crate::model::SlotState;
use crate::schedule::{GRACE, Occurrence, due_slots};

/// One schedule as it stands.
#[derive(Debug, Clone)]
pub struct ScheduleStatus {
    /// `dataset:enrollment`, `supervision`, `report:joint_meeting`, `reminders`.
    pub name: String,
    /// The days and times as they are written: `cron 30 8 * * *`, `workdays 5 at 08:30`.
    pub timing: String,
    pub timezone: String,
    pub enabled: bool,
    /// Since when it is what it is; none if no daemon has seen it yet.
    pub since: Option<Timestamp>,
    /// None if it is off.
    pub next: Option<Occurrence>,
    /// The newest slot that was run (or runs).
    pub last_run: Option<Slot>,
    /// How many due times were missed since it is what it is.
    pub n_missed: u64,
    /// The newest missed slot, with why.
    pub last_missed: Option<Slot>,
    /// Due and not begun, and the run that it waits for (none: for the daemon's next tick).
    pub waiting: Option<(Timestamp, Option<Run>)>,
}

/// The schedules of the definitions, in the order in which jobs of one instant are done.
pub fn schedule_statuses(
    config: &Config,
    ledger: &Ledger,
    now: Timestamp,
) -> Result<Vec<ScheduleStatus>, PipelineError> {
    let known = ledger.known_schedules()?;
    let holder = ledger.lease()?.filter(|run| process::is_alive(&run.holder));
    let mut statuses = Vec::new();
    for (job, schedule) in Job::scheduled(config) {
        let name = job.name();
        let since = known
            .iter()
            .find(|known| {
                known.name == name && known.enabled && known.definition == schedule.definition()
            })
            .map(|KnownSchedule { since, .. }| *since);
        let last_due = ledger.last_due(&name)?;
        let waiting = since.filter(|_| schedule.enabled).and_then(|since| {
            // What a run by hand holds up is not late.
            let grace = if holder.is_some() { SignedDuration::MAX } else { GRACE };
            let due = due_slots(schedule, since, last_due, now, grace, &config.calendar);
            due.run.last().map(|due_at| (*due_at, holder.clone()))
        });
        statuses.push(ScheduleStatus {
            timing: schedule.describe(),
            timezone: schedule.timezone().to_owned(),
            enabled: schedule.enabled,
            since,
            next: schedule.enabled.then(|| schedule.next_after(now, &config.calendar)).flatten(),
            last_run: ledger.last_slot(&name, |state| state != SlotState::Missed)?,
            n_missed: ledger.n_missed(&name)?,
            last_missed: ledger.last_slot(&name, |state| state == SlotState::Missed)?,
            waiting,
            name,
        });
    }
    Ok(statuses)
}

impl Pipeline {
    /// The schedules as they stand now.
    pub fn schedules(&self) -> Result<Vec<ScheduleStatus>, PipelineError> {
        schedule_statuses(&self.config, &self.ledger, self.now())
    }
}
