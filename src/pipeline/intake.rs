//! Taking a file: which data set it is, reading it, archiving it, and deciding it. The drop folder, a
//! source that was asked and `duban submit` are one and the same from here on.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::{Pipeline, PipelineError, Progress};
use crate::config::contract::Contract;
use crate::durable::sha256_hex;
use crate::ledger::{
    Decision, Door, NewSubmission, RunId, Scope, SeenFile, Submission, SubmissionId,
};
use crate::model::{Finding, Level, Period, Place, Severity, SubmissionState, UnitCode};
use crate::normalize::{
    Context, Normalized, ReadProblem, Submitted, Workbook, examine, normalize, normalize_opened,
    read_workbook, recognise_workbook,
};
use crate::source::{Arrived, Misplaced, scan_inbox};

/// A data set's name in the ledger for a file that is none of those that are collected.
pub const UNRECOGNISED: &str = "unrecognised";

/// A file at the door.
pub struct Incoming {
    pub file_name: String,
    pub bytes: Vec<u8>,
    pub period: Period,
    pub reporter: Option<UnitCode>,
    pub dataset: Option<String>,
    pub door: Door,
}

/// What became of a file.
#[derive(Debug, Clone)]
pub struct Taken {
    pub submission_id: SubmissionId,
    pub file_name: String,
    pub dataset: String,
    pub reporter: UnitCode,
    pub period: Period,
    pub state: SubmissionState,
    /// The same bytes are this reporter's newest submission: nothing was changed.
    pub already: bool,
    pub late: bool,
    pub n_rows: u64,
    pub findings: Vec<Finding>,
}

/// Rows that were read in this process, by submission: a snapshot cut in the same run need not read again.
pub(super) type Fresh = BTreeMap<SubmissionId, RecordBatch>;

/// A file read but not yet recorded.
pub(super) struct ReadFile {
    incoming: Incoming,
    sha256: String,
    dataset: String,
    contract_hash: String,
    normalized: Normalized,
}

impl ReadFile {
    pub(super) fn file_name(&self) -> &str {
        &self.incoming.file_name
    }

    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl Pipeline {
    /// Takes one file given by hand.
    pub fn submit(
        &self,
        incoming: Incoming,
        progress: &dyn Progress,
    ) -> Result<Taken, PipelineError> {
        let limit = u64::from(self.config.settings.intake.max_file_mb) << 20;
        if incoming.bytes.len() as u64 > limit {
            return Err(PipelineError::wrong_hint(
                format!("{} is larger than {} MB", incoming.file_name, limit >> 20),
                "raise intake.max_file_mb in config/duban.toml if it should be taken",
            ));
        }
        if let Some(dataset) = &incoming.dataset {
            let contract = self.contract(dataset)?;
            if contract.frequency != incoming.period.frequency() {
                return Err(PipelineError::wrong_hint(
                    format!(
                        "{dataset} is collected by {}; {} is not such a period",
                        contract.frequency.as_str(),
                        incoming.period
                    ),
                    format!("write it like --period {}", contract.frequency.example()),
                ));
            }
        }
        let command = format!("submit {} --period {}", incoming.file_name, incoming.period);
        self.submit_as(&command, incoming, progress)
    }

    /// Takes a unit's word, given by telephone, that it has nothing to report for a period: as the form
    /// that it would have sent.
    pub fn submit_nil(
        &self,
        dataset: &str,
        unit: &UnitCode,
        period: Period,
        reason: Option<&str>,
        progress: &dyn Progress,
    ) -> Result<Taken, PipelineError> {
        let contract = self.contract(dataset)?;
        let (file_name, bytes) = self.nil_form(contract, unit, period, reason)?;
        let command = format!("submit --nil --unit {unit} --dataset {dataset} --period {period}");
        let incoming = Incoming {
            file_name,
            bytes,
            period,
            reporter: Some(unit.clone()),
            dataset: Some(dataset.to_owned()),
            door: Door::Command,
        };
        self.submit_as(&command, incoming, progress)
    }

    fn submit_as(
        &self,
        command: &str,
        incoming: Incoming,
        progress: &dyn Progress,
    ) -> Result<Taken, PipelineError> {
        let period = incoming.period;
        self.with_run(command, Some(period), progress, |run| {
            let name = incoming.file_name.clone();
            self.step(run, "receive", &name, progress, || {
                self.record(self.read(incoming)).map(|(taken, _)| taken)
            })
        })
    }

    /// Takes what is new in the drop folder (of `only` these units, if any are named).
    pub(super) fn collect(
        &self,
        run: RunId,
        only: &[UnitCode],
        progress: &dyn Progress,
    ) -> Result<(Vec<Taken>, Vec<Misplaced>, Fresh), PipelineError> {
        let (arrived, misplaced) = self.waiting(only)?;
        self.take(run, arrived, misplaced, progress)
    }

    /// Takes files of the drop folder; those that cannot be read join the misplaced.
    pub(super) fn take(
        &self,
        run: RunId,
        arrived: Vec<Arrived>,
        mut misplaced: Vec<Misplaced>,
        progress: &dyn Progress,
    ) -> Result<(Vec<Taken>, Vec<Misplaced>, Fresh), PipelineError> {
        let mut taken = Vec::new();
        let mut fresh = Fresh::new();
        // Read in parallel a handful at a time: reading is most of a month's work, and the bytes
        // of all towns together need not be in memory at once.
        for chunk in arrived.chunks(32) {
            let seen = chunk
                .iter()
                .map(|file| Ok(self.ledger.seen_file(&file.label)?.map(|seen| seen.sha256)))
                .collect::<Result<Vec<Option<String>>, PipelineError>>()?;
            let read: Vec<(usize, Result<Option<ReadFile>, std::io::Error>)> = chunk
                .par_iter()
                .enumerate()
                .map(|(i, arrived)| (i, self.read_arrived(arrived, seen[i].as_deref())))
                .collect();
            self.keep(
                run,
                read.iter().filter_map(|(_, read)| read.as_ref().ok()?.as_ref()),
                progress,
            )?;
            for (i, read) in read {
                let arrived = &chunk[i];
                let read = match read {
                    Ok(Some(read)) => read,
                    // Copied or restored: the bytes that were taken, under another time.
                    Ok(None) => {
                        self.remember(arrived, seen[i].clone().unwrap_or_default())?;
                        continue;
                    }
                    Err(error) => {
                        misplaced.push(Misplaced {
                            label: arrived.label.clone(),
                            message: error.to_string(),
                            hint: "make the file readable to this user".into(),
                        });
                        continue;
                    }
                };
                let sha256 = read.sha256.clone();
                taken.push(self.receive(run, &arrived.label, read, &mut fresh, progress)?);
                self.remember(arrived, sha256)?;
            }
        }
        Ok((taken, misplaced, fresh))
    }

    /// The step that takes a file, by whatever door it came.
    pub(super) fn receive(
        &self,
        run: RunId,
        label: &str,
        read: ReadFile,
        fresh: &mut Fresh,
        progress: &dyn Progress,
    ) -> Result<Taken, PipelineError> {
        let (taken, batch) = self.step(run, "receive", label, progress, || self.record(read))?;
        if let Some(batch) = batch {
            fresh.insert(taken.submission_id, batch);
        }
        Ok(taken)
    }

    /// Archives what was read, all at once: one after another, the disk would take longer than all else
    /// of a month. A file that is refused for identities is not kept.
    fn keep<'a>(
        &self,
        run: RunId,
        read: impl Iterator<Item = &'a ReadFile>,
        progress: &dyn Progress,
    ) -> Result<(), PipelineError> {
        let kept: Vec<(&str, &[u8])> = read
            .filter(|read| !read.normalized.refused)
            .map(|read| (read.sha256.as_str(), read.incoming.bytes.as_slice()))
            .collect();
        if kept.is_empty() {
            return Ok(());
        }
        let key = format!("{} files", kept.len());
        self.step(run, "archive", &key, progress, || Ok(self.archive.store_all(&kept)?))
    }

    fn remember(&self, arrived: &Arrived, sha256: String) -> Result<(), PipelineError> {
        self.ledger.record_seen_file(&SeenFile {
            path: arrived.label.clone(),
            size: arrived.size,
            mtime_ns: arrived.modified_ns,
            sha256,
            seen_at: self.now(),
        })?;
        Ok(())
    }

    /// What lies in the drop folder and was not taken yet, and what cannot be taken.
    pub(super) fn waiting(
        &self,
        only: &[UnitCode],
    ) -> Result<(Vec<Arrived>, Vec<Misplaced>), PipelineError> {
        let (arrived, mut misplaced) = scan_inbox(&self.config.home.inbox(), &self.config.units)?;
        let limit = u64::from(self.config.settings.intake.max_file_mb) << 20;
        // One query for all: the watch looks once a minute at every file of every year.
        let seen = self.ledger.seen_files()?;
        let mut waiting = Vec::new();
        for file in arrived {
            if !only.is_empty() && !only.contains(&file.reporter) {
                continue;
            }
            let seen = seen.get(&file.label);
            if seen.is_some_and(|seen| seen.is_unchanged(file.size, file.modified_ns)) {
                continue;
            }
            if file.size > limit {
                misplaced.push(Misplaced {
                    label: file.label,
                    message: format!("larger than {} MB: not read", limit >> 20),
                    hint: "raise intake.max_file_mb in config/duban.toml if it should be taken"
                        .into(),
                });
                continue;
            }
            waiting.push(file);
        }
        Ok((waiting, misplaced))
    }

    /// Nothing if the bytes are those that were `seen` under this name.
    fn read_arrived(
        &self,
        arrived: &Arrived,
        seen: Option<&str>,
    ) -> Result<Option<ReadFile>, std::io::Error> {
        let bytes = fs_err::read(&arrived.path)?;
        if seen.is_some_and(|seen| seen == sha256_hex(&bytes)) {
            return Ok(None);
        }
        Ok(Some(self.read(Incoming {
            file_name: arrived.file_name.clone(),
            bytes,
            period: arrived.period,
            reporter: Some(arrived.reporter.clone()),
            dataset: None,
            door: Door::Inbox,
        })))
    }

    pub(super) fn contract(&self, dataset: &str) -> Result<&Contract, PipelineError> {
        let known = || self.config.contracts.iter().map(|contract| contract.name.as_str());
        self.config.contracts.iter().find(|contract| contract.name == dataset).ok_or_else(|| {
            PipelineError::wrong_hint(
                format!("there is no data set `{dataset}`"),
                match crate::diagnostic::nearest(dataset, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {}", known().collect::<Vec<_>>().join(", ")),
                },
            )
        })
    }

    pub(super) fn read(&self, incoming: Incoming) -> ReadFile {
        let sha256 = sha256_hex(&incoming.bytes);
        // Opened once, for telling which form it is and for reading it.
        let opened = read_workbook(&incoming.bytes, &incoming.file_name);
        match self.choose(&incoming, opened.as_ref()) {
            Ok(contract) => {
                let context = self.normalize_context(incoming.period, incoming.reporter.clone());
                let normalized = normalize_opened(opened.as_ref(), contract, &context);
                ReadFile {
                    sha256,
                    dataset: contract.name.clone(),
                    contract_hash: contract.hash.clone(),
                    normalized,
                    incoming,
                }
            }
            Err(finding) => {
                // A file of no known form may still be locked, or hold identities that must not be kept.
                let submitted =
                    Submitted { file_name: &incoming.file_name, bytes: &incoming.bytes };
                let contracts = &self.config.contracts;
                let mut normalized = examine(&submitted, contracts, incoming.reporter.clone());
                if normalized.findings.is_empty() {
                    normalized.findings.push(finding);
                }
                ReadFile {
                    sha256,
                    dataset: UNRECOGNISED.into(),
                    contract_hash: String::new(),
                    normalized,
                    incoming,
                }
            }
        }
    }

    fn reporter_or_district(&self, reporter: Option<UnitCode>) -> UnitCode {
        reporter
            .or_else(|| self.config.units.district().map(|unit| unit.code.clone()))
            .unwrap_or_else(|| UnitCode::new(self.config.settings.district.code.clone()))
    }

    pub(super) fn normalize(
        &self,
        file_name: &str,
        bytes: &[u8],
        period: Period,
        reporter: Option<UnitCode>,
        contract: &Contract,
    ) -> Normalized {
        let submitted = Submitted { file_name, bytes };
        normalize(&submitted, contract, &self.normalize_context(period, reporter))
    }

    fn normalize_context(&self, period: Period, reporter: Option<UnitCode>) -> Context<'_> {
        Context { units: &self.config.units, period, reporter, today: self.clock.today() }
    }

    /// The contract that a file is read under: the one named; else the one whose form it has; else,
    /// if the form is broken, the one that the file's name speaks of.
    #[expect(clippy::result_large_err, reason = "at most one a file, and it is kept")]
    fn choose(
        &self,
        incoming: &Incoming,
        opened: Result<&Workbook, &ReadProblem>,
    ) -> Result<&Contract, Finding> {
        let contracts = &self.config.contracts;
        if let Some(name) = &incoming.dataset
            && let Some(contract) = contracts.iter().find(|contract| contract.name == *name)
        {
            return Ok(contract);
        }
        let fitting =
            opened.map_or_else(|_| Vec::new(), |book| recognise_workbook(book, contracts));
        let of_period = |contract: &&Contract| contract.frequency == incoming.period.frequency();
        let fits: Vec<&Contract> =
            contracts.iter().filter(|contract| fitting.contains(&contract.name)).collect();
        let timely: Vec<&Contract> = fits.iter().copied().filter(|c| of_period(c)).collect();
        let titles = |list: &[&Contract]| {
            list.iter().map(|c| format!("《{}》", c.title)).collect::<Vec<_>>().join("、")
        };
        let named: Vec<&Contract> = contracts
            .iter()
            .filter(of_period)
            .filter(|contract| speaks_of(&incoming.file_name, contract))
            .collect();
        match (timely.as_slice(), named.as_slice()) {
            ([one], _) | ([], [one]) => Ok(one),
            ([], _) if !fits.is_empty() => Err(Finding {
                code: "period.frequency".into(),
                severity: Severity::Error,
                place: Place::file(),
                read: format!("{}，报送期间 {}", titles(&fits), incoming.period.label()),
                expected: format!("报送期间写成 {} 这样", fits[0].frequency.example()),
                fix: "请放入正确期间的文件夹后重新报送".into(),
            }),
            ([], _) => Err(Finding {
                code: "file.unrecognised".into(),
                severity: Severity::Error,
                place: Place::file(),
                read: incoming.file_name.clone(),
                expected: match &contracts.iter().filter(of_period).collect::<Vec<_>>()[..] {
                    [one] => format!("《{}》", one.title),
                    several => format!("{}之一", titles(several)),
                },
                fix: "请使用下发的表样填报，不要改动工作表名称和表头".into(),
            }),
            (several, named) => {
                let both: Vec<&Contract> = several
                    .iter()
                    .copied()
                    .filter(|c| named.iter().any(|n| n.name == c.name))
                    .collect();
                match both.as_slice() {
                    [one] => Ok(one),
                    _ => Err(Finding {
                        code: "file.ambiguous".into(),
                        severity: Severity::Error,
                        place: Place::file(),
                        read: incoming.file_name.clone(),
                        expected: format!("只属于一张报表；现在同时像{}", titles(several)),
                        fix: "请一个文件只报一张表，并在文件名中写明表名".into(),
                    }),
                }
            }
        }
    }

    /// Archives, receives and decides a file that was read.
    fn record(&self, read: ReadFile) -> Result<(Taken, Option<RecordBatch>), PipelineError> {
        let ReadFile { incoming, sha256, dataset, contract_hash, mut normalized } = read;
        let now = self.now();
        let reporter = self.reporter_or_district(normalized.reporter.clone());
        let contract = self.config.contracts.iter().find(|contract| contract.name == dataset);
        // Nothing was asked of anybody for a period before the first that is collected.
        let due = contract
            .filter(|contract| contract.collects(incoming.period))
            .map(|contract| contract.due_on(incoming.period, &self.config.calendar).on);
        let new = NewSubmission {
            dataset: dataset.clone(),
            reporter: reporter.clone(),
            period: incoming.period,
            sha256: sha256.clone(),
            file_name: incoming.file_name.clone(),
            size: incoming.bytes.len() as u64,
            door: incoming.door,
            received_at: now,
            late: due.is_some_and(|due| self.clock.date_of(now) > due),
            contract_hash: contract_hash.clone(),
        };
        let received = if normalized.refused {
            self.ledger.refuse_identity(&new, &normalized.findings, now)?
        } else {
            self.archive.store(&incoming.bytes)?;
            let received = self.ledger.receive(&new)?;
            if received.state == SubmissionState::Received {
                if let Some(contract) = contract {
                    self.ask_about_correction(&mut normalized, received.id, contract, now)?;
                }
                let decision = self.decision(&normalized, &reporter, contract_hash);
                self.ledger.decide(received.id, &decision, now)?;
            }
            received
        };
        let submission = self.ledger.submission(received.id)?;
        let accepted = matches!(
            submission.state,
            SubmissionState::Accepted
                | SubmissionState::AcceptedWithWarnings
                | SubmissionState::Nil
        );
        let taken = Taken {
            submission_id: received.id,
            file_name: incoming.file_name,
            dataset,
            reporter,
            period: incoming.period,
            state: submission.state,
            already: received.already,
            late: submission.late,
            n_rows: submission.n_rows.unwrap_or(0),
            findings: normalized.findings,
        };
        tracing::info!(
            submission_id = %taken.submission_id, dataset = %taken.dataset, unit = %taken.reporter,
            period = %taken.period, state = %taken.state, n_findings = taken.findings.len(), "file taken"
        );
        Ok((taken, normalized.batch.filter(|_| accepted)))
    }

    /// Decides submissions that a run received and did not decide before it died.
    pub(super) fn decide_again(&self, submission: &Submission) -> Result<(), PipelineError> {
        let decision = match self.config.contracts.iter().find(|c| c.name == submission.dataset) {
            Some(contract) => {
                let bytes = self.archive.read(&submission.sha256)?;
                let mut normalized = self.normalize(
                    &submission.file_name,
                    &bytes,
                    submission.period,
                    Some(submission.reporter_code.clone()),
                    contract,
                );
                if normalized.refused {
                    return self.refuse_archived(submission, contract, &normalized.findings);
                }
                let (id, at) = (submission.submission_id, submission.received_at);
                self.ask_about_correction(&mut normalized, id, contract, at)?;
                self.decision(&normalized, &submission.reporter_code, contract.hash.clone())
            }
            None => Decision {
                state: SubmissionState::Returned,
                n_rows: 0,
                contract_hash: String::new(),
                layout: None,
                scope: Scope::Units,
                units: Vec::new(),
                findings: vec![Finding {
                    code: "file.unrecognised".into(),
                    severity: Severity::Error,
                    place: Place::file(),
                    read: submission.file_name.clone(),
                    expected: "下发的表样之一".into(),
                    fix: "请使用下发的表样填报，不要改动工作表名称和表头".into(),
                }],
            },
        };
        Ok(self.ledger.decide(submission.submission_id, &decision, self.now())?)
    }

    /// A contract that has learnt since the file came that it holds identities of children.
    fn refuse_archived(
        &self,
        submission: &Submission,
        contract: &Contract,
        findings: &[Finding],
    ) -> Result<(), PipelineError> {
        let new = NewSubmission {
            dataset: submission.dataset.clone(),
            reporter: submission.reporter_code.clone(),
            period: submission.period,
            sha256: submission.sha256.clone(),
            file_name: submission.file_name.clone(),
            size: submission.size,
            door: submission.door,
            received_at: submission.received_at,
            late: submission.late,
            contract_hash: contract.hash.clone(),
        };
        self.ledger.refuse_identity(&new, findings, self.now())?;
        if !self.ledger.keeps_bytes(&submission.sha256)? {
            self.archive.remove(&submission.sha256)?;
        }
        Ok(())
    }

    /// A correction after the window for corrections is taken, and asked about.
    fn ask_about_correction(
        &self,
        normalized: &mut Normalized,
        id: SubmissionId,
        contract: &Contract,
        received_at: jiff::Timestamp,
    ) -> Result<(), PipelineError> {
        if normalized.batch.is_some()
            && let Some(finding) = self.closed_correction(id, contract, received_at)?
        {
            normalized.findings.push(finding);
        }
        Ok(())
    }

    fn decision(
        &self,
        normalized: &Normalized,
        reporter: &UnitCode,
        contract_hash: String,
    ) -> Decision {
        let worst = normalized.findings.iter().map(|finding| finding.severity).min();
        let state = match (worst, &normalized.batch) {
            (Some(Severity::Error), _) | (_, None) => SubmissionState::Returned,
            _ if normalized.nil => SubmissionState::Nil,
            (Some(Severity::Confirm), Some(_)) => SubmissionState::AcceptedWithWarnings,
            _ => SubmissionState::Accepted,
        };
        let level = self.config.units.get(reporter).map(|unit| unit.level);
        let mut units: BTreeMap<UnitCode, u64> = normalized.units.clone();
        // A town that reports no row has reported all the same; so has whoever says that there is none.
        if level == Some(Level::Town) || normalized.nil {
            units.entry(reporter.clone()).or_insert(0);
        }
        let returned = state == SubmissionState::Returned;
        Decision {
            state,
            n_rows: normalized.batch.as_ref().map_or(0, |batch| batch.num_rows() as u64),
            contract_hash,
            layout: normalized.layout.clone(),
            // The district's file may be one of several; a town's or the bureau's is all it reports.
            scope: if level == Some(Level::District) { Scope::Units } else { Scope::Whole },
            units: if returned { Vec::new() } else { units.into_iter().collect() },
            findings: normalized.findings.clone(),
        }
    }

    /// Findings of a file that is not taken.
    pub fn validate(
        &self,
        file_name: &str,
        bytes: &[u8],
        period: Period,
        reporter: Option<UnitCode>,
        dataset: &str,
    ) -> Result<(SubmissionState, u64, Vec<Finding>), PipelineError> {
        let contract = self.contract(dataset)?;
        let normalized = self.normalize(file_name, bytes, period, reporter, contract);
        let reporter = self.reporter_or_district(normalized.reporter.clone());
        let decision = self.decision(&normalized, &reporter, String::new());
        let state = if normalized.refused { SubmissionState::Returned } else { decision.state };
        Ok((state, decision.n_rows, normalized.findings))
    }
}

/// Whether a file's name speaks of a data set: by its title (with or without 表) or its name.
fn speaks_of(file_name: &str, contract: &Contract) -> bool {
    let name = crate::model::fold(file_name);
    let title = crate::model::fold(&contract.title);
    let stem = title.trim_end_matches('表').trim_end_matches("月报");
    name.contains(&title) || name.contains(&contract.name) || name.contains(stem)
}
