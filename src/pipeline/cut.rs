//! Cutting snapshots: the rows that count now, of every unit, for one data set and period.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;

use super::intake::Fresh;
use super::{Pipeline, PipelineError, Progress};
use crate::config::contract::Contract;
use crate::ledger::{Coverage, Cut, CutInput, NewCut, RunId, SubmissionId};
use crate::model::{Period, SubmissionState, UnitCode};
use crate::snapshot::{Metadata, Part, assemble, publish, read, rows_of, write};

/// What cutting one snapshot came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOutcome {
    pub dataset: String,
    pub period: Period,
    pub snapshot_id: String,
    pub n_rows: u64,
    pub missing_units: Vec<UnitCode>,
    /// The rows are those of the newest snapshot: no new one was made.
    pub already: bool,
}

/// A data set and period whose current submissions are not those of its newest snapshot.
#[derive(Debug, Clone)]
pub(super) struct Dirty<'a> {
    pub contract: &'a Contract,
    pub period: Period,
    pub coverage: Vec<Coverage>,
    pub newest: Option<Cut>,
}

impl Pipeline {
    /// What a run would cut, of `only` these data sets if any are named.
    pub(super) fn dirty(&self, only: &[String]) -> Result<Vec<Dirty<'_>>, PipelineError> {
        let mut by_key: BTreeMap<(String, Period), Vec<Coverage>> = BTreeMap::new();
        for row in self.ledger.coverage_of(only)? {
            by_key.entry((row.dataset.clone(), row.period)).or_default().push(row);
        }
        let mut cuts: BTreeMap<(String, Period), Cut> = self
            .ledger
            .current_cuts(None)?
            .into_iter()
            .map(|cut| ((cut.dataset.clone(), cut.period), cut))
            .collect();
        let mut dirty = Vec::new();
        for ((dataset, period), coverage) in by_key {
            let Some(contract) = self.config.contracts.iter().find(|c| c.name == dataset) else {
                continue;
            };
            let newest = cuts.remove(&(dataset.clone(), period));
            let clean = match &newest {
                Some(cut) if cut.contract_hash == contract.hash => {
                    let now: BTreeSet<CutInput> = inputs(&coverage).into_iter().collect();
                    let then: BTreeSet<CutInput> =
                        self.ledger.cut_inputs(cut.cut_id)?.into_iter().collect();
                    now == then && cut.missing_units == self.missing(contract, &coverage)
                }
                _ => false,
            };
            if !clean {
                dirty.push(Dirty { contract, period, coverage, newest });
            }
        }
        Ok(dirty)
    }

    pub(super) fn reporters<'a>(
        &'a self,
        contract: &'a Contract,
    ) -> impl Iterator<Item = &'a UnitCode> {
        self.config
            .units
            .iter()
            .filter(|unit| contract.reporters.contains(&unit.level))
            .map(|unit| &unit.code)
    }

    pub(super) fn cut_dirty(
        &self,
        run: RunId,
        only: &[String],
        fresh: &Fresh,
        progress: &dyn Progress,
    ) -> Result<Vec<CutOutcome>, PipelineError> {
        let mut outcomes = Vec::new();
        for dirty in self.dirty(only)? {
            let key = format!("{}/{}", dirty.contract.name, dirty.period);
            outcomes
                .push(self.step(run, "snapshot", &key, progress, || self.cut(run, &dirty, fresh))?);
        }
        Ok(outcomes)
    }

    fn cut(
        &self,
        run: RunId,
        dirty: &Dirty<'_>,
        fresh: &Fresh,
    ) -> Result<CutOutcome, PipelineError> {
        let Dirty { contract, period, coverage, newest } = dirty;
        let mut units: BTreeMap<SubmissionId, BTreeSet<UnitCode>> = BTreeMap::new();
        for row in coverage {
            units.entry(row.submission_id).or_default().insert(row.unit_code.clone());
        }
        // Rows of submissions that the newest snapshot holds already are taken from there.
        let earlier = match newest {
            Some(cut) if cut.contract_hash == contract.hash => {
                let held: BTreeSet<CutInput> =
                    self.ledger.cut_inputs(cut.cut_id)?.into_iter().collect();
                Some((held, read(&self.config.home.root().join(&cut.path))?))
            }
            _ => None,
        };
        let mut parts = Vec::with_capacity(units.len());
        let mut hashes = BTreeMap::new();
        for (id, units) in units {
            let submission = self.ledger.submission(id)?;
            let held = earlier.as_ref().filter(|(held, _)| {
                units.iter().all(|unit| {
                    held.contains(&CutInput { submission_id: id, unit_code: unit.clone() })
                })
            });
            let batch = if submission.state == SubmissionState::Nil {
                Some(RecordBatch::new_empty(contract.arrow_schema()))
            } else if let Some(batch) = fresh.get(&id) {
                Some(batch.clone())
            } else if let Some((_, rows)) = held {
                Some(rows_of(rows, id.0)?)
            } else {
                let bytes = self.archive.read(&submission.sha256)?;
                let reporter = Some(submission.reporter_code.clone());
                self.normalize(&submission.file_name, &bytes, *period, reporter, contract).batch
            };
            hashes.insert(id.0, submission.sha256.clone());
            let Some(batch) = batch else {
                // Leaving its rows out would make a town that has reported look empty.
                return Err(PipelineError::wrong_hint(
                    format!(
                        "submission {id} ({}) was accepted before the contract of {} was changed, and does not fit it any more",
                        submission.file_name, contract.name
                    ),
                    format!(
                        "see why with `duban validate {} --dataset {} --period {period}`, then mend the contract or have the file sent again",
                        self.config.home.label(&self.archive.path(&submission.sha256)),
                        contract.name
                    ),
                ));
            };
            parts.push(Part { submission_id: id.0, units, batch });
        }
        let reporting: BTreeSet<UnitCode> =
            coverage.iter().map(|row| row.unit_code.clone()).collect();
        let missing_units = self.missing(contract, coverage);
        let assembled =
            assemble(&contract.arrow_schema(), contract.schema_version, &reporting, &parts)?;
        let n_rows = assembled.batch.num_rows() as u64;
        let metadata = Metadata {
            dataset: contract.name.clone(),
            period: *period,
            schema_version: contract.schema_version,
            inputs: hashes,
            missing_units: missing_units.clone(),
        };
        let path = write(&self.config.home.snapshots(), &assembled, &metadata)?;
        let recorded = self.ledger.record_cut(&NewCut {
            dataset: contract.name.clone(),
            period: *period,
            snapshot_id: assembled.id.clone(),
            schema_version: contract.schema_version,
            contract_hash: contract.hash.clone(),
            path: self.config.home.label(&path),
            n_rows,
            inputs: inputs(coverage),
            missing_units: missing_units.clone(),
            cut_at: self.now(),
            run_id: Some(run),
        })?;
        publish(&self.config.home.current(), &path, &contract.name, *period)?;
        Ok(CutOutcome {
            dataset: contract.name.clone(),
            period: *period,
            snapshot_id: assembled.id,
            n_rows,
            missing_units,
            already: recorded.already,
        })
    }

    /// Periods of a contract from the first that is collected (that of the first submission, if the
    /// contract names none) to the newest whose statistics date is past.
    pub(super) fn expected_periods(
        &self,
        contract: &Contract,
    ) -> Result<Vec<Period>, PipelineError> {
        let today = self.clock.today();
        self.collected_periods(contract, |period| contract.stat_on(period) <= today)
    }

    /// Periods of a contract from the first that is collected, for as long as `is_wanted`.
    pub(super) fn collected_periods(
        &self,
        contract: &Contract,
        is_wanted: impl Fn(Period) -> bool,
    ) -> Result<Vec<Period>, PipelineError> {
        let first = if contract.first_period.is_some() {
            contract.first_period
        } else {
            let submissions = self.ledger.submissions(&crate::ledger::SubmissionFilter {
                dataset: Some(contract.name.clone()),
                as_of: Some(self.now()),
                ..Default::default()
            })?;
            submissions.iter().map(|row| row.period).min()
        };
        let mut periods = Vec::new();
        let mut next = first;
        while let Some(period) = next.filter(|period| is_wanted(*period)) {
            periods.push(period);
            next = contract.next_period(period);
        }
        Ok(periods)
    }

    /// The newest period of a frequency whose statistics date is past for any data set of it.
    pub fn newest_due(&self, frequency: crate::model::Frequency) -> Option<Period> {
        let today = self.clock.today();
        self.config
            .contracts
            .iter()
            .filter(|contract| contract.frequency == frequency)
            .filter_map(|contract| {
                contract.newest_due(today).filter(|period| contract.collects(*period))
            })
            .max()
    }

    /// The unit names that a message needs.
    pub(super) fn unit_name(&self, code: &UnitCode) -> String {
        self.config.units.get(code).map_or_else(|| code.to_string(), |unit| unit.name.clone())
    }
}

fn inputs(coverage: &[Coverage]) -> Vec<CutInput> {
    coverage
        .iter()
        .map(|row| CutInput { submission_id: row.submission_id, unit_code: row.unit_code.clone() })
        .collect()
}
