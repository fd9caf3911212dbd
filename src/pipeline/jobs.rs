//! What the daemon has done by schedule, by watching, and by what fell due in the outbox. Each job is one
//! run; a hand run calls the same functions.

use super::{JudgeOutcome, Pipeline, PipelineError, Progress, RunOptions, Taken};
use crate::config::Config;
use crate::ledger::{Delivery, SlotKey};
use crate::model::{Frequency, Period};
use crate::schedule::Schedule;
use crate::source::Arrived;

/// A job that a schedule can ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Collects and cuts a data set; nothing is judged.
    Dataset(String),
    /// Judges the newest due period and keeps the items.
    Supervision,
    /// Takes the steps of the ladders that are due today, and mails the slips.
    Escalation,
    /// Mails the supervisors' list of what is due and overdue.
    Digest,
    /// Runs the newest due period of the report's frequency, publishes it and mails it.
    Report(String),
    /// Reminds those who have not reported.
    Reminders,
}

impl Job {
    /// Its name in the ledger, in `status` and in the log.
    pub fn name(&self) -> String {
        match self {
            Job::Dataset(name) => format!("dataset:{name}"),
            Job::Supervision => "supervision".to_owned(),
            Job::Escalation => "escalation".to_owned(),
            Job::Digest => "digest".to_owned(),
            Job::Report(name) => format!("report:{name}"),
            Job::Reminders => "reminders".to_owned(),
        }
    }

    /// All that the definitions schedule, in the order in which jobs of one instant are done: figures
    /// are collected before they are judged, judged before they are escalated, and both before they are
    /// reported.
    pub fn scheduled(config: &Config) -> Vec<(Job, &Schedule)> {
        let contracts = config.contracts.iter().filter_map(|contract| {
            Some((Job::Dataset(contract.name.clone()), contract.schedule.as_ref()?))
        });
        let supervision =
            config.supervision.schedule.iter().map(|schedule| (Job::Supervision, schedule));
        let escalation =
            config.supervision.escalation.iter().map(|schedule| (Job::Escalation, schedule));
        let digest = config.supervision.digest.iter();
        let digest = digest.filter_map(|digest| Some((Job::Digest, digest.schedule.as_ref()?)));
        let reports = config.reports.iter().filter_map(|report| {
            Some((Job::Report(report.name.clone()), report.schedule.as_ref()?))
        });
        let reminders = config.reminders.iter().map(|schedule| (Job::Reminders, schedule));
        let mut jobs: Vec<_> = contracts
            .chain(supervision)
            .chain(escalation)
            .chain(digest)
            .chain(reports)
            .chain(reminders)
            .collect();
        jobs.sort_by(|a, b| a.0.cmp(&b.0));
        jobs
    }
}

/// How fresh a file may be before the watch takes it: a copy that is under way changes its time.
const SETTLED_AFTER_SECONDS: i64 = 5;

impl Pipeline {
    /// Names the slot that the next run is for: its row begins and ends with the run.
    pub fn set_slot(&mut self, slot: Option<SlotKey>) {
        self.slot = slot;
    }

    /// Does a job that fell due. Nothing to do is `Ok` without a run.
    pub fn do_job(&self, job: &Job, progress: &dyn Progress) -> Result<(), PipelineError> {
        match job {
            Job::Dataset(name) => self.collect_dataset(name, progress).map(drop),
            Job::Supervision => self.supervise(progress).map(drop),
            Job::Escalation => self.escalate(progress).map(drop),
            Job::Digest => self.digest(progress).map(drop),
            Job::Report(name) => self.run_report(name, progress).map(drop),
            Job::Reminders => self.remind(progress).map(drop),
        }
    }

    /// Judges the newest due period and keeps the items. None if no period is due yet.
    pub fn supervise(
        &self,
        progress: &dyn Progress,
    ) -> Result<Option<(Period, JudgeOutcome)>, PipelineError> {
        let Some(period) = self.supervised_period() else { return Ok(None) };
        self.with_run("supervise", Some(period), progress, |run| {
            let session = self.step(run, "metric", &period.to_string(), progress, || {
                let checks = self.config.checks.iter();
                let queries =
                    checks.flat_map(|rule| std::iter::once(&rule.query).chain(&rule.judged));
                self.session_of(queries.map(|query| query.text.as_str()), None)
            })?;
            let judged = self.judge_and_store(run, &session, period, true, progress)?;
            Ok(Some((period, judged)))
        })
    }

    /// The newest due period of the shortest frequency that is collected. Forms of longer periods are judged
    /// with it: checks look for the figures that are the newest at its end.
    fn supervised_period(&self) -> Option<Period> {
        Frequency::ALL.into_iter().find_map(|frequency| self.newest_due(frequency))
    }

    /// Runs, publishes and mails a report for the newest due period of its frequency. None if no period
    /// is due yet.
    pub fn run_report(
        &self,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<Option<super::RunOutcome>, PipelineError> {
        self.named(&[name.to_owned()])?;
        let due = self.config.reports.iter().find(|report| report.name == name);
        let Some(period) = due.and_then(|report| self.newest_due(report.frequency)) else {
            return Ok(None);
        };
        let options = RunOptions { pipelines: vec![name.to_owned()], ..RunOptions::of(period) };
        self.run(&options, progress).map(Some)
    }

    /// What the drop folder's watch does: takes what has arrived and is whole. None, and no run, if there
    /// is nothing of that kind.
    pub fn watch(&self, progress: &dyn Progress) -> Result<Option<Vec<Taken>>, PipelineError> {
        let (mut waiting, _) = self.waiting(&[])?;
        // A file that cannot be read would begin a run at every look; `status` shows it.
        waiting.retain(|file| !self.is_settling(file) && fs_err::File::open(&file.path).is_ok());
        if waiting.is_empty() {
            return Ok(None);
        }
        self.with_run("collect", None, progress, |run| {
            let (taken, _, _) = self.take(run, &waiting, Vec::new(), progress)?;
            Ok(Some(taken))
        })
    }

    fn is_settling(&self, file: &Arrived) -> bool {
        if self.clock.is_fixed() {
            return false;
        }
        let age = self.now().as_second() - file.modified_ns.div_euclid(1_000_000_000);
        // From the future it was not copied just now: another machine's clock is wrong.
        (-SETTLED_AFTER_SECONDS..SETTLED_AFTER_SECONDS).contains(&age)
    }

    /// Delivers what is queued, or deferred until now at the latest.
    pub fn deliver_due(&self, progress: &dyn Progress) -> Result<Vec<Delivery>, PipelineError> {
        self.with_run("deliver", None, progress, |run| self.deliver(run, progress))
    }

    /// Puts back what a killed run left, if anything is to be put back. Whether there was.
    pub fn recover_if_need_be(&self, progress: &dyn Progress) -> Result<bool, PipelineError> {
        let left = match self.ledger.lease()? {
            Some(run) => !super::process::is_alive(&run.holder),
            None => self.ledger.is_unfinished()?,
        };
        if left {
            self.with_run("recover", None, progress, |_| Ok(()))?;
        }
        Ok(left)
    }
}
