//! Collection: who has to report what by when, and where each stands.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use super::{Pipeline, PipelineError};
use crate::calendar::Deadline;
use crate::config::contract::Contract;
use crate::engine::{batch_from_json, reserved_schema};
use crate::ledger::{Coverage, Submission, SubmissionFilter, SubmissionId};
use crate::model::{Finding, Period, Place, Severity, SubmissionState, UnitCode};

/// Where a reporter stands with one data set and period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing has come.
    Missing,
    /// What came was returned, and nothing acceptable before it.
    Returned,
    Accepted,
    AcceptedWithWarnings,
    /// Confirmed: nothing to report.
    Nil,
}

impl Standing {
    /// The word in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Missing => "missing",
            Standing::Returned => "returned",
            Standing::Accepted => "accepted",
            Standing::AcceptedWithWarnings => "accepted_with_warnings",
            Standing::Nil => "nil",
        }
    }

    /// Whether there is nothing acceptable yet.
    pub fn is_owed(self) -> bool {
        matches!(self, Standing::Missing | Standing::Returned)
    }
}

/// One reporter's duty to send one data set for one period.
#[derive(Debug, Clone)]
pub struct Duty<'a> {
    pub contract: &'a Contract,
    pub period: Period,
    pub reporter: &'a UnitCode,
    pub due: Deadline,
    pub standing: Standing,
    /// The day on which the first acceptable submission came, in the district's time zone.
    pub first_accepted_on: Option<Date>,
    /// The newest file, if it was returned.
    pub returned: Option<Submission>,
    /// Files of this period that were returned.
    pub n_returned: usize,
}

/// A unit that is expected to report and has nothing acceptable.
#[derive(Debug, Clone)]
pub struct Awaited {
    pub dataset: String,
    pub dataset_title: String,
    pub period: Period,
    pub unit_code: UnitCode,
    pub unit_name: String,
    pub due_on: Date,
    pub due_provisional: bool,
    /// Working days until the due date; negative: past it.
    pub days_left: i64,
    pub overdue: bool,
    /// Its newest file was returned, with so many errors.
    pub returned: bool,
    pub n_errors: u64,
    /// Files of this period that were returned.
    pub n_returned: usize,
}

/// A correction that came after the window for corrections, and stands.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ClosedCorrection {
    pub submission_id: SubmissionId,
    pub dataset: String,
    pub period: Period,
    pub unit_name: String,
    pub file_name: String,
    pub received_on: Date,
    pub until: Date,
}

type Key = (String, Period, UnitCode);

/// What the ledger knows of all reporters, read once.
pub(super) struct Facts {
    /// Current acceptable submission of each reporter, or of a collector for it.
    current: HashMap<Key, SubmissionState>,
    first: HashMap<Key, Timestamp>,
    newest: HashMap<Key, Submission>,
    n_returned: HashMap<Key, usize>,
}

impl Pipeline {
    /// Whether a submission of `reporter` that speaks for `unit` is the report of `unit`: its own, or that
    /// of a collector who is not expected to report for itself (the district's file of all towns).
    ///
    /// The bureau's file names the towns in which its kindergartens lie; it is not their report.
    pub(super) fn answers_for(
        &self,
        contract: &Contract,
        reporter: &UnitCode,
        unit: &UnitCode,
        expected: &UnitCode,
    ) -> bool {
        if reporter == expected {
            return true;
        }
        let level = self.config.units.get(reporter).map(|unit| unit.level);
        unit == expected && level.is_some_and(|level| !contract.reporters.contains(&level))
    }

    pub(super) fn facts(&self, at: Option<Timestamp>) -> Result<Facts, PipelineError> {
        let contracts: HashMap<&str, &Contract> =
            self.config.contracts.iter().map(|c| (c.name.as_str(), c)).collect();
        let mut facts = Facts {
            current: HashMap::new(),
            first: HashMap::new(),
            newest: HashMap::new(),
            n_returned: HashMap::new(),
        };
        // Own submissions are said last: they win over a collector's.
        let mut coverage = self.ledger.coverage(at)?;
        coverage.sort_by_key(|row| row.reporter_code == row.unit_code);
        for row in coverage {
            let Some(contract) = contracts.get(row.dataset.as_str()) else { continue };
            for code in [&row.unit_code, &row.reporter_code] {
                if self.answers_for(contract, &row.reporter_code, &row.unit_code, code) {
                    facts
                        .current
                        .insert((row.dataset.clone(), row.period, code.clone()), row.state);
                }
            }
        }
        for row in self.ledger.first_accepted(at)? {
            let Some(contract) = contracts.get(row.dataset.as_str()) else { continue };
            for code in [&row.unit_code, &row.reporter_code] {
                if self.answers_for(contract, &row.reporter_code, &row.unit_code, code) {
                    let key = (row.dataset.clone(), row.period, code.clone());
                    let first = facts.first.entry(key).or_insert(row.received_at);
                    *first = (*first).min(row.received_at);
                }
            }
        }
        let filter = SubmissionFilter { as_of: at, ..SubmissionFilter::default() };
        for submission in self.ledger.submissions(&filter)? {
            let key =
                (submission.dataset.clone(), submission.period, submission.reporter_code.clone());
            if submission.state == SubmissionState::Returned {
                *facts.n_returned.entry(key.clone()).or_insert(0) += 1;
            }
            facts.newest.insert(key, submission);
        }
        Ok(facts)
    }

    /// Where every expected reporter of a contract stands with a period.
    pub(super) fn duties<'a>(
        &'a self,
        contract: &'a Contract,
        period: Period,
        facts: &Facts,
    ) -> Vec<Duty<'a>> {
        let due = contract.due_on(period, &self.config.calendar);
        self.reporters(contract)
            .map(|reporter| {
                let key = (contract.name.clone(), period, reporter.clone());
                let returned = facts
                    .newest
                    .get(&key)
                    .filter(|submission| submission.state == SubmissionState::Returned);
                let standing = match facts.current.get(&key) {
                    Some(SubmissionState::Nil) => Standing::Nil,
                    Some(SubmissionState::AcceptedWithWarnings) => Standing::AcceptedWithWarnings,
                    Some(_) => Standing::Accepted,
                    None if returned.is_some() => Standing::Returned,
                    None => Standing::Missing,
                };
                Duty {
                    contract,
                    period,
                    reporter,
                    due,
                    standing,
                    first_accepted_on: facts.first.get(&key).map(|at| self.clock.date_of(*at)),
                    returned: returned.cloned(),
                    n_returned: facts.n_returned.get(&key).copied().unwrap_or(0),
                }
            })
            .collect()
    }

    /// The table `expected`: who is expected to report what, by when, and where each stands.
    pub(super) fn expected(
        &self,
        at: Option<Timestamp>,
    ) -> Result<arrow::array::RecordBatch, PipelineError> {
        let facts = self.facts(at)?;
        let today = self.clock.date_of(at.unwrap_or(self.now()));
        let mut rows = Vec::new();
        for contract in &self.config.contracts {
            for period in self.expected_periods(contract)? {
                for duty in self.duties(contract, period, &facts) {
                    rows.push(json!({
                        "dataset": contract.name, "dataset_title": contract.title,
                        "period": period.to_string(), "reporter_code": duty.reporter.as_str(),
                        "due_on": duty.due.on.to_string(), "provisional": duty.due.provisional,
                        "is_due": duty.due.on < today, "state": duty.standing.as_str(),
                        "first_accepted_on": duty.first_accepted_on.map(|on| on.to_string()),
                    }));
                }
            }
        }
        let schema = reserved_schema("expected")
            .ok_or_else(|| PipelineError::wrong("the engine knows no table `expected`"))?;
        batch_from_json(&schema, &rows)
            .map_err(|error| PipelineError::step("making the table `expected`", error))
    }

    /// Who has not reported for a period, or for the longer periods that it lies in.
    pub fn awaited(&self, period: Period) -> Result<Vec<Awaited>, PipelineError> {
        let facts = self.facts(None)?;
        let today = self.clock.today();
        let mut awaited = Vec::new();
        for contract in &self.config.contracts {
            let ends_on = self.config.waves.ends_on(period);
            let Some(period) = contract.period_joined_on(ends_on) else { continue };
            // Of a period that is not due yet, somebody may have sent already.
            let begun = facts
                .newest
                .keys()
                .any(|(dataset, of, _)| *dataset == contract.name && *of == period);
            let is_expected = self.expected_periods(contract)?.contains(&period)
                || (begun && contract.collects(period));
            if !is_expected {
                continue;
            }
            for duty in self.duties(contract, period, &facts) {
                if duty.standing.is_owed() {
                    awaited.push(self.awaited_of(&duty, today));
                }
            }
        }
        Ok(awaited)
    }

    fn awaited_of(&self, duty: &Duty<'_>, today: Date) -> Awaited {
        Awaited {
            dataset: duty.contract.name.clone(),
            dataset_title: duty.contract.title.clone(),
            period: duty.period,
            unit_code: duty.reporter.clone(),
            unit_name: self.unit_name(duty.reporter),
            due_on: duty.due.on,
            due_provisional: duty.due.provisional,
            days_left: self.config.calendar.workdays_between(today, duty.due.on),
            overdue: today > duty.due.on,
            returned: duty.returned.is_some(),
            n_errors: duty.returned.as_ref().map_or(0, |submission| submission.n_errors),
            n_returned: duty.n_returned,
        }
    }

    /// The units that are expected to report and have nothing current.
    pub(super) fn missing(&self, contract: &Contract, coverage: &[Coverage]) -> Vec<UnitCode> {
        self.reporters(contract)
            .filter(|code| {
                !coverage
                    .iter()
                    .any(|row| self.answers_for(contract, &row.reporter_code, &row.unit_code, code))
            })
            .cloned()
            .collect()
    }

    /// What a correction is told that came after the window for corrections: it is taken all the same.
    ///
    /// `None` if it is no correction, or came in time.
    pub(super) fn closed_correction(
        &self,
        id: SubmissionId,
        contract: &Contract,
        received_at: Timestamp,
    ) -> Result<Option<Finding>, PipelineError> {
        let period = self.ledger.submission(id)?.period;
        let until = contract.corrections_until(period, &self.config.calendar).on;
        let received_on = self.clock.date_of(received_at);
        if received_on <= until || !self.ledger.is_correction(id)? {
            return Ok(None);
        }
        Ok(Some(Finding {
            code: CORRECTIONS_CLOSED.into(),
            severity: Severity::Confirm,
            place: Place::file(),
            read: format!("{received_on}报来{}的更正", period.label()),
            expected: format!("《{}》这一期的更正截至{until}", contract.title),
            fix: "更正已采用；请向收件人说明更正的原因，并写明此前的数为何有误".into(),
        }))
    }

    /// Corrections that came after their window and stand now, newest first.
    pub fn closed_corrections(&self) -> Result<Vec<ClosedCorrection>, PipelineError> {
        let mut found = Vec::new();
        for submission in self.ledger.submissions(&SubmissionFilter::default())? {
            let stands = matches!(
                submission.state,
                SubmissionState::AcceptedWithWarnings | SubmissionState::Nil
            );
            if !stands || submission.n_confirms == 0 {
                continue;
            }
            let findings = self.ledger.findings(submission.submission_id)?;
            let contract = self.config.contracts.iter().find(|c| c.name == submission.dataset);
            let Some(contract) =
                contract.filter(|_| findings.iter().any(|f| f.code == CORRECTIONS_CLOSED))
            else {
                continue;
            };
            found.push(ClosedCorrection {
                submission_id: submission.submission_id,
                dataset: submission.dataset,
                period: submission.period,
                unit_name: self.unit_name(&submission.reporter_code),
                file_name: submission.file_name,
                received_on: self.clock.date_of(submission.received_at),
                until: contract.corrections_until(submission.period, &self.config.calendar).on,
            });
        }
        found.reverse();
        Ok(found)
    }

    /// The form that a unit would have sent with nothing in it, as a telephone call is recorded: it is
    /// archived, read and decided like any other file.
    ///
    /// # Errors
    /// If the contract takes no 零报告, or the unit does not report this data set.
    pub fn nil_form(
        &self,
        contract: &Contract,
        unit: &UnitCode,
        period: Period,
        reason: Option<&str>,
    ) -> Result<(String, Vec<u8>), PipelineError> {
        let name = self.unit_name(unit);
        let Some(nil) = &contract.nil else {
            return Err(PipelineError::wrong_hint(
                format!("{} is not taken without rows", contract.name),
                format!("say what a clerk may write with `nil = …` in {}", contract.file),
            ));
        };
        let level = self.config.units.get(unit).map(|unit| unit.level);
        if !level.is_some_and(|level| contract.reporters.contains(&level)) {
            let levels: Vec<&str> = contract.reporters.iter().map(|level| level.as_str()).collect();
            return Err(PipelineError::wrong_hint(
                format!("{name} ({unit}) does not report {}", contract.name),
                format!("it is reported by units of level {}", levels.join(", ")),
            ));
        }
        if !contract.collects(period) {
            return Err(PipelineError::wrong_hint(
                format!("{} is not collected for {period}", contract.name),
                match contract.first_period {
                    Some(first) => format!("it is collected from {first} on"),
                    None => format!("write it like {}", contract.frequency.example()),
                },
            ));
        }
        // One cell a line, but for the header: the title and the reason may hold commas.
        let cell =
            |text: &str| format!("\"{}\"", text.replace('"', "\"\"").replace(['\n', '\r'], " "));
        let mut text = format!("{}\n", cell(&contract.title));
        text.push_str(&format!("{}\n", cell(&format!("填报单位：{name}"))));
        if let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) {
            text.push_str(&format!("{}\n", cell(&format!("零报告说明：{reason}"))));
        }
        let layout = contract.layouts.first();
        let headers =
            contract.columns.iter().enumerate().filter(|(_, column)| column.required).map(
                |(i, column)| {
                    let paths = layout.and_then(|layout| layout.headers.get(&i));
                    cell(paths.and_then(|paths| paths.first()).unwrap_or(&column.header))
                },
            );
        text.push_str(&headers.collect::<Vec<_>>().join(","));
        text.push_str(&format!("\n{}\n", cell(&nil.word)));
        Ok((format!("零报告_{name}_{period}.csv"), text.into_bytes()))
    }
}

/// The code of the finding of a correction that came after its window.
pub const CORRECTIONS_CLOSED: &str = "period.corrections_closed";
