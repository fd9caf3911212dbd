//! One run: everything from the drop folder to the outbox, for a period.

use super::judge::JudgeOutcome;
use super::publish::Built;
use super::pull::{Pulled, Reach};
use super::{CutOutcome, Pipeline, PipelineError, Progress, Taken};
use crate::config::report::ReportDefinition;
use crate::ledger::Delivery;
use crate::model::{Period, UnitCode};
use crate::source::Misplaced;

/// What a run is asked to do.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub period: Period,
    /// Data sets and reports; all if none is named.
    pub pipelines: Vec<String>,
    /// Collect from these units alone.
    pub units: Vec<UnitCode>,
    /// Open and close items although the period is not the newest due one.
    pub items: bool,
    /// Mail although the period is not the newest due one.
    pub send: bool,
}

impl RunOptions {
    pub fn of(period: Period) -> RunOptions {
        RunOptions { period, pipelines: Vec::new(), units: Vec::new(), items: false, send: false }
    }

    fn command(&self) -> String {
        let mut words = vec!["run".to_owned()];
        words.extend(self.pipelines.iter().cloned());
        words.push(format!("--period {}", self.period));
        words.extend(self.units.iter().map(|unit| format!("--unit {unit}")));
        if self.items {
            words.push("--items".into());
        }
        if self.send {
            words.push("--send".into());
        }
        words.join(" ")
    }
}

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct RunOutcome {
    /// Of the drop folder and of the sources.
    pub taken: Vec<Taken>,
    pub misplaced: Vec<Misplaced>,
    pub pulled: Pulled,
    pub cuts: Vec<CutOutcome>,
    pub judged: JudgeOutcome,
    pub built: Vec<Built>,
    pub queued: Vec<Delivery>,
    pub delivered: Vec<Delivery>,
    /// The period is the newest due one.
    pub is_newest: bool,
}

impl Pipeline {
    /// Takes what has newly arrived, without going on to figures: what the drop folder's watch does.
    pub fn collect_only(&self, progress: &dyn Progress) -> Result<Vec<Taken>, PipelineError> {
        self.with_run("collect", None, progress, |run| {
            let (taken, misplaced, _) = self.collect(run, &[], progress)?;
            say_misplaced(&misplaced, progress);
            Ok(taken)
        })
    }

    /// Runs a period from the drop folder to the outbox.
    pub fn run(
        &self,
        options: &RunOptions,
        progress: &dyn Progress,
    ) -> Result<RunOutcome, PipelineError> {
        let (datasets, reports) = self.named(&options.pipelines)?;
        let period = options.period;
        self.with_run(&options.command(), Some(period), progress, |run| {
            let is_newest = self.is_newest(period);
            let reach = Reach::Of(period);
            let (pulled, mut fresh) = self.pull(run, &datasets, &options.units, reach, progress)?;
            let (mut taken, misplaced, more) = self.collect(run, &options.units, progress)?;
            fresh.extend(more);
            taken.extend(pulled.taken.iter().cloned());
            say_misplaced(&misplaced, progress);
            let cuts = self.cut_dirty(run, &datasets, &fresh, progress)?;
            let session =
                self.step(run, "metric", &period.to_string(), progress, || self.session(None))?;
            let judged =
                self.judge_and_store(run, &session, period, is_newest || options.items, progress)?;
            // The report sees the items as they are after judging.
            if judged.is_news() {
                self.refresh_items(&session)?;
            }
            let mut outcome = RunOutcome {
                taken,
                misplaced,
                pulled,
                cuts,
                judged,
                is_newest,
                ..RunOutcome::default()
            };
            if options.pipelines.is_empty() || !reports.is_empty() {
                outcome.built =
                    self.publish(run, &session, period, &self.definitions(&reports), progress)?;
                if is_newest || options.send {
                    for built in &outcome.built {
                        outcome.queued.extend(self.enqueue(run, &built.edition, progress)?);
                    }
                }
            }
            outcome.delivered = self.deliver(run, progress)?;
            Ok(outcome)
        })
    }

    /// Builds reports into files; queues nothing. `constants` are set in the place of the definitions' own.
    pub fn build_reports(
        &self,
        reports: &[String],
        period: Period,
        constants: &[(String, String)],
        progress: &dyn Progress,
    ) -> Result<Vec<Built>, PipelineError> {
        for name in reports {
            if !self.config.reports.iter().any(|definition| definition.name == *name) {
                return Err(self.unknown(name));
            }
        }
        let mut definitions: Vec<ReportDefinition> =
            self.definitions(reports).into_iter().cloned().collect();
        set_constants(&mut definitions, constants)?;
        let mut command = format!("report build {} --period {period}", reports.join(" "));
        for (name, value) in constants {
            command.push_str(&format!(" --param {name}={value}"));
        }
        self.with_run(&command, Some(period), progress, |run| {
            let session = self.session(None)?;
            let definitions: Vec<&ReportDefinition> = definitions.iter().collect();
            self.publish(run, &session, period, &definitions, progress)
        })
    }

    /// The reports of these names; all if none is named.
    fn definitions(&self, names: &[String]) -> Vec<&ReportDefinition> {
        let all = self.config.reports.iter();
        all.filter(|report| names.is_empty() || names.contains(&report.name)).collect()
    }

    /// Whether items may be opened and mails sent for a period without being told to.
    pub fn is_newest(&self, period: Period) -> bool {
        self.newest_due(period.frequency()) == Some(period)
    }

    /// Parts names into data sets and reports.
    pub(super) fn named(
        &self,
        names: &[String],
    ) -> Result<(Vec<String>, Vec<String>), PipelineError> {
        let mut datasets = Vec::new();
        let mut reports = Vec::new();
        for name in names {
            if self.config.contracts.iter().any(|contract| contract.name == *name) {
                datasets.push(name.clone());
            } else if self.config.reports.iter().any(|definition| definition.name == *name) {
                reports.push(name.clone());
            } else {
                return Err(self.unknown(name));
            }
        }
        Ok((datasets, reports))
    }

    pub(super) fn unknown(&self, name: &str) -> PipelineError {
        let known: Vec<&str> = self
            .config
            .contracts
            .iter()
            .map(|contract| contract.name.as_str())
            .chain(self.config.reports.iter().map(|definition| definition.name.as_str()))
            .collect();
        let hint = match crate::diagnostic::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        PipelineError::wrong_hint(format!("`{name}` is no data set and no report"), hint)
    }
}

/// Sets constants of reports by hand. Each is to be one that a report declares, and of its kind.
pub(super) fn set_constants(
    definitions: &mut [ReportDefinition],
    constants: &[(String, String)],
) -> Result<(), PipelineError> {
    for (name, text) in constants {
        let mut is_known = false;
        for definition in &mut *definitions {
            if let Some(value) = definition.params.get_mut(name) {
                *value = value
                    .read_like(text)
                    .map_err(|error| PipelineError::wrong(format!("--param {name}: {error}")))?;
                is_known = true;
            }
        }
        if !is_known {
            let known: Vec<&str> = definitions
                .iter()
                .flat_map(|definition| definition.params.keys().map(String::as_str))
                .collect();
            let hint = if known.is_empty() {
                "a report declares its constants under [params]".to_owned()
            } else {
                format!("there are: {}", known.join(", "))
            };
            return Err(PipelineError::wrong_hint(
                format!("no report that is built has a constant `{name}`"),
                hint,
            ));
        }
    }
    Ok(())
}

pub(super) fn say_misplaced(misplaced: &[Misplaced], progress: &dyn Progress) {
    for file in misplaced {
        progress.warn(&format!("inbox/{}: {}; {}", file.label, file.message, file.hint));
    }
}
