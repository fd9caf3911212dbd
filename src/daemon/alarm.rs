//! alarm: tokio-cron-scheduler, told by the schedules when to wake the worker.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::schedule::{Schedule, Timing};

/// When to wake the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// By a cron expression of six fields, in a zone of this IANA name.
    Cron { text: String, zone: String },
    /// Once: what counts in working days, waits for a mail server, or asks a source again.
    At(Timestamp),
}

impl Alarm {
    /// The alarm of a schedule that is a cron expression and is on.
    pub fn of(schedule: &Schedule) -> Option<Alarm> {
        let Timing::Cron(cron) = &schedule.timing else { return None };
        // Five fields are understood as at second 0; the scheduler wants to be told.
        let seconds = if cron.text().split_whitespace().count() == 5 { "0 " } else { "" };
        schedule.enabled.then(|| Alarm::Cron {
            text: format!("{seconds}{}", cron.text()),
            zone: schedule.timezone().to_owned(),
        })
    }
}

/// The alarms that are laid.
pub struct Alarms {
    scheduler: JobScheduler,
    wake: Arc<Notify>,
    laid: Vec<(Alarm, Job)>,
}

impl Alarms {
    /// Begins with a heartbeat alone: it wakes whether or not anything is due.
    pub async fn start(
        wake: Arc<Notify>,
        heartbeat: Duration,
    ) -> Result<Alarms, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        let waker = Arc::clone(&wake);
        scheduler
            .add(Job::new_repeated_async(heartbeat, move |_, _| {
                waker.notify_one();
                Box::pin(async {})
            })?)
            .await?;
        scheduler.start().await?;
        Ok(Alarms { scheduler, wake, laid: Vec::new() })
    }

    /// Lays these alarms in the place of those that were laid before. What stays as it was is not touched.
    pub async fn lay(
        &mut self,
        alarms: Vec<Alarm>,
        now: Timestamp,
    ) -> Result<(), JobSchedulerError> {
        let (kept, gone): (Vec<_>, Vec<_>) =
            self.laid.drain(..).partition(|(alarm, _)| alarms.contains(alarm));
        self.laid = kept;
        for (_, job) in gone {
            self.scheduler.remove(&job.guid()).await?;
        }
        for alarm in alarms {
            if self.laid.iter().any(|(laid, _)| *laid == alarm) {
                continue;
            }
            match self.job(&alarm, now) {
                Ok(job) => {
                    self.scheduler.add(job.clone()).await?;
                    self.laid.push((alarm, job));
                }
                // Our own reading of the expression is what counts; the heartbeat wakes for it.
                Err(error) => tracing::debug!(?alarm, %error, "the scheduler does not take this"),
            }
        }
        Ok(())
    }

    fn job(&self, alarm: &Alarm, now: Timestamp) -> Result<Job, JobSchedulerError> {
        let wake = Arc::clone(&self.wake);
        match alarm {
            Alarm::Cron { text, zone } => {
                let zone: chrono_tz::Tz =
                    zone.parse().map_err(|_| JobSchedulerError::ParseSchedule)?;
                Job::new_async_tz(text, zone, move |_, _| {
                    wake.notify_one();
                    Box::pin(async {})
                })
            }
            Alarm::At(at) => {
                let seconds = u64::try_from(at.as_second() - now.as_second()).unwrap_or(0);
                Job::new_one_shot_async(Duration::from_secs(seconds), move |_, _| {
                    wake.notify_one();
                    Box::pin(async {})
                })
            }
        }
    }
}
