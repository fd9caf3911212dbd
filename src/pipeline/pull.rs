//! Asking the sources for what is open, and taking what they have like the files of the drop folder.
//!
//! ## Design notes
//! - **What is asked for** follows from the definitions and the ledger: of each source, unit and data set
//!   the periods whose statistics date is past and of which nothing was accepted yet, or which may still be
//!   corrected. A run by hand for a period asks for that period in any case.
//! - **A file first, its answer after**: were the program killed between the two, the file would be asked
//!   for and taken again, which changes nothing.
//! - A source that asked us to come back later is not asked before, not even by hand. Other failures grow
//!   a time before which the daemon does not ask *by itself*; whoever runs it by hand is obeyed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;

use super::intake::{Fresh, ReadFile};
use super::{CutOutcome, Incoming, Pipeline, PipelineError, Progress, Taken};
use crate::config::contract::Contract;
use crate::durable::sha256_hex;
use crate::ledger::{Door, Fetch, NewFetch, RunId};
use crate::model::{FetchState, Period, UnitCode};
use crate::source::{Answer, Ask, FetchError, FileReply, Misplaced, Reply, ask_all};

/// A file that a source may have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    /// Index into the configured sources.
    source: usize,
    dataset: String,
    unit: UnitCode,
    period: Period,
}

/// Which periods are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reach {
    /// All that are open.
    Open,
    /// This one; of data sets of another frequency the newest that it can know of, if that is open.
    Of(Period),
}

/// What came of a pull.
#[derive(Debug, Clone, Default)]
pub struct Pulled {
    pub n_asked: usize,
    /// Files that came and were taken.
    pub taken: Vec<Taken>,
    pub n_unchanged: usize,
    pub n_absent: usize,
    /// Files that could not be had.
    pub troubles: Vec<SourceTrouble>,
    /// Files that were not asked for: the source named a time before which not to.
    pub n_held: usize,
    /// Files that were not asked for: the time of the whole pull was over.
    pub n_unasked: usize,
}

/// A file of a source that could not be had, and what is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SourceTrouble {
    pub source: String,
    pub dataset: String,
    pub period: Period,
    pub unit_code: UnitCode,
    pub unit_name: String,
    pub state: FetchState,
    pub since: Timestamp,
    pub message: String,
    pub hint: String,
    /// Asked again by itself from then on.
    pub not_before: Option<Timestamp>,
    pub failures: u64,
}

/// How many files of a source would be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPull {
    pub source: String,
    pub n_files: usize,
    /// Of these: not before a time that the source named.
    pub n_held: usize,
}

/// What collecting one data set, or asking again, did.
#[derive(Debug, Clone, Default)]
pub struct CollectOutcome {
    pub pulled: Pulled,
    /// Of the drop folder and of the sources.
    pub taken: Vec<Taken>,
    pub misplaced: Vec<Misplaced>,
    pub cuts: Vec<CutOutcome>,
}

impl Pipeline {
    /// Asks the sources for what is open of a data set, takes what newly lies in the drop folder, and
    /// cuts the data set's snapshots. Judges nothing, reports nothing.
    pub fn collect_dataset(
        &self,
        dataset: &str,
        progress: &dyn Progress,
    ) -> Result<CollectOutcome, PipelineError> {
        let datasets = [self.contract(dataset)?.name.clone()];
        self.with_run(&format!("collect {dataset}"), None, progress, |run| {
            let (pulled, mut fresh) = self.pull(run, &datasets, &[], Reach::Open, progress)?;
            let (mut taken, misplaced, more) = self.collect(run, &[], progress)?;
            fresh.extend(more);
            let cuts = self.cut_dirty(run, &datasets, &fresh, progress)?;
            taken.extend(pulled.taken.iter().cloned());
            Ok(CollectOutcome { pulled, taken, misplaced, cuts })
        })
    }

    /// Asks again for the files that could not be had and whose time has come, and cuts the data sets of
    /// those that came. Where there are none, no run is begun and nothing is recorded.
    pub fn refetch_due(&self, progress: &dyn Progress) -> Result<CollectOutcome, PipelineError> {
        let due = self.due()?;
        if due.is_empty() {
            return Ok(CollectOutcome::default());
        }
        self.with_run("refetch", None, progress, |run| {
            let (pulled, fresh) = self.ask(run, due, progress)?;
            let datasets: BTreeSet<String> =
                pulled.taken.iter().map(|taken| taken.dataset.clone()).collect();
            let datasets: Vec<String> = datasets.into_iter().collect();
            let cuts = if datasets.is_empty() {
                Vec::new()
            } else {
                self.cut_dirty(run, &datasets, &fresh, progress)?
            };
            let taken = pulled.taken.clone();
            Ok(CollectOutcome { pulled, taken, misplaced: Vec::new(), cuts })
        })
    }

    /// How many files of open periods could not be had and are to be asked for again by now.
    pub fn n_refetches_due(&self) -> Result<usize, PipelineError> {
        Ok(self.due()?.len())
    }

    /// When the next file of an open period that could not be had is asked for again; none if all is well.
    pub fn next_refetch_at(&self) -> Result<Option<Timestamp>, PipelineError> {
        // Mostly there is none, and who is wanted need not be looked up.
        if self.ledger.troubled_fetches()?.is_empty() {
            return Ok(None);
        }
        let troubles = self.source_troubles()?;
        Ok(troubles.iter().filter_map(|trouble| trouble.not_before).min())
    }

    /// Asks for the files of `datasets` (all, if none is named) and of `only` these units (of all, if none
    /// is named), and takes what comes.
    pub(super) fn pull(
        &self,
        run: RunId,
        datasets: &[String],
        only: &[UnitCode],
        reach: Reach,
        progress: &dyn Progress,
    ) -> Result<(Pulled, Fresh), PipelineError> {
        self.ask(run, self.wanted(datasets, only, reach)?, progress)
    }

    pub(super) fn plan_pull(
        &self,
        datasets: &[String],
        only: &[UnitCode],
        period: Period,
    ) -> Result<Vec<PlannedPull>, PipelineError> {
        let wanted = self.wanted(datasets, only, Reach::Of(period))?;
        let known = self.known(&wanted)?;
        let sources = self.config.sources.iter().enumerate().map(|(index, source)| {
            let mine = || wanted.iter().filter(|file| file.source == index);
            PlannedPull {
                source: source.name.clone(),
                n_files: mine().count(),
                n_held: mine().filter(|file| self.is_held(known.get(&self.key(file)))).count(),
            }
        });
        Ok(sources.collect())
    }

    /// The files of open periods that could not be had when they were last asked for.
    pub(super) fn source_troubles(&self) -> Result<Vec<SourceTrouble>, PipelineError> {
        if self.config.sources.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = self.wanted(&[], &[], Reach::Open)?;
        let known = self.known(&wanted)?;
        let fetches = wanted.iter().filter_map(|file| known.get(&self.key(file)));
        Ok(fetches.filter(|fetch| !fetch.state.is_well()).map(|f| self.trouble(f)).collect())
    }

    fn due(&self) -> Result<Vec<Wanted>, PipelineError> {
        let due: BTreeSet<Key> = self.ledger.fetches_due(self.now())?.iter().map(key_of).collect();
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted = self.wanted(&[], &[], Reach::Open)?;
        wanted.retain(|file| due.contains(&self.key(file)));
        Ok(wanted)
    }

    /// The files that the sources may have and that are not settled, in the order of data sets, periods and
    /// units.
    fn wanted(
        &self,
        datasets: &[String],
        only: &[UnitCode],
        reach: Reach,
    ) -> Result<Vec<Wanted>, PipelineError> {
        let config = &self.config;
        if config.sources.is_empty() {
            return Ok(Vec::new());
        }
        let mut accepted: BTreeSet<(String, Period, UnitCode)> = BTreeSet::new();
        for row in self.ledger.coverage_of(datasets)? {
            // The district's file may speak for a town.
            for unit in [row.reporter_code, row.unit_code] {
                accepted.insert((row.dataset.clone(), row.period, unit));
            }
        }
        let today = self.clock.today();
        let mut wanted = Vec::new();
        for contract in &config.contracts {
            if !datasets.is_empty() && !datasets.contains(&contract.name) {
                continue;
            }
            for (period, is_asked_for) in self.periods_to_ask(contract, reach)? {
                let until = contract.corrections_until(period, &config.calendar);
                let correctable = today <= until.on;
                for unit in config.units.iter().map(|unit| &unit.code) {
                    let key = (contract.name.clone(), period, unit.clone());
                    let open = is_asked_for || correctable || !accepted.contains(&key);
                    if !open || !(only.is_empty() || only.contains(unit)) {
                        continue;
                    }
                    // At most one: two sources of one file are refused with the definitions.
                    let source = config
                        .sources
                        .iter()
                        .position(|source| source.gives(unit, contract, &config.units));
                    wanted.extend(source.map(|source| Wanted {
                        source,
                        dataset: contract.name.clone(),
                        unit: unit.clone(),
                        period,
                    }));
                }
            }
        }
        Ok(wanted)
    }

    /// Periods whose files may be asked for, and whether that is so even if they are settled.
    fn periods_to_ask(
        &self,
        contract: &Contract,
        reach: Reach,
    ) -> Result<Vec<(Period, bool)>, PipelineError> {
        let today = self.clock.today();
        match reach {
            Reach::Of(period) if period.frequency() == contract.frequency => {
                Ok(vec![(period, true)])
            }
            Reach::Of(period) => {
                let ends_on = self.config.waves.ends_on(period);
                let known_by = ends_on.tomorrow().unwrap_or(today).min(today);
                Ok(contract
                    .newest_due(known_by)
                    .map(|newest| (newest, false))
                    .into_iter()
                    .collect())
            }
            Reach::Open => {
                let mut periods = self.expected_periods(contract)?;
                periods.retain(|period| contract.stat_on(*period) < today);
                // A new home has nothing to begin with but the newest.
                if periods.is_empty() {
                    periods.extend(contract.newest_due(today));
                }
                Ok(periods.into_iter().map(|period| (period, false)).collect())
            }
        }
    }

    fn ask(
        &self,
        run: RunId,
        mut wanted: Vec<Wanted>,
        progress: &dyn Progress,
    ) -> Result<(Pulled, Fresh), PipelineError> {
        let known = self.known(&wanted)?;
        let fetch_of = |file: &Wanted| known.get(&self.key(file));
        let mut pulled = Pulled::default();
        let n = wanted.len();
        wanted.retain(|file| !self.is_held(fetch_of(file)));
        pulled.n_held = n - wanted.len();
        if wanted.is_empty() {
            return Ok((pulled, Fresh::new()));
        }
        // Those that failed before come last: a server that hangs takes nobody's place.
        wanted.sort_by_key(|file| fetch_of(file).map_or(0, |fetch| fetch.failures));
        let sources = &self.config.sources;
        let asks: Vec<Ask> = wanted
            .iter()
            .map(|file| {
                let held = fetch_of(file).filter(|fetch| fetch.sha256.is_some());
                Ask {
                    source: file.source,
                    url: sources[file.source].url.fill(&file.unit, file.period, &file.dataset),
                    etag: held.and_then(|fetch| fetch.etag.clone()),
                    last_modified: held.and_then(|fetch| fetch.last_modified.clone()),
                }
            })
            .collect();
        pulled.n_asked = asks.len();
        let mut fresh = Fresh::new();
        let key = format!("{} files", asks.len());
        let limits = &self.config.settings.pull;
        pulled.n_unasked = self.step(run, "pull", &key, progress, || {
            ask_all(sources, &asks, limits, self.now(), |answers| {
                let files = answers.into_iter().map(|answer| {
                    let file = &wanted[answer.ask];
                    Answered { file, url: &asks[answer.ask].url, held: fetch_of(file), answer }
                });
                self.take_answers(run, files.collect(), &mut pulled, &mut fresh, progress)
            })
        })?;
        pulled.n_asked -= pulled.n_unasked;
        self.say(&pulled, progress);
        Ok((pulled, fresh))
    }

    /// Records what came: files are read side by side, and taken one after the other.
    fn take_answers(
        &self,
        run: RunId,
        answers: Vec<Answered<'_>>,
        pulled: &mut Pulled,
        fresh: &mut Fresh,
        progress: &dyn Progress,
    ) -> Result<(), PipelineError> {
        let read: Vec<Received<'_>> =
            answers.into_par_iter().map(|answered| self.read_answer(answered)).collect();
        for received in read {
            let Received { file, url, held, outcome, _answer } = received;
            let now = self.now();
            let source = &self.config.sources[file.source].name;
            let mut new = NewFetch {
                source: source.clone(),
                dataset: file.dataset.clone(),
                unit_code: file.unit.clone(),
                period: file.period,
                url: url.split(['?', '#']).next().unwrap_or_default().to_owned(),
                state: FetchState::Absent,
                code: None,
                message: String::new(),
                hint: String::new(),
                etag: None,
                last_modified: None,
                sha256: None,
                asked_at: now,
                not_before: None,
            };
            match outcome {
                Outcome::New { read, etag, last_modified } => {
                    let label =
                        format!("{source}/{}/{}/{}", file.period, file.unit, read.file_name());
                    let sha256 = read.sha256().to_owned();
                    pulled.taken.push(self.receive(run, &label, *read, fresh, progress)?);
                    new.state = FetchState::Taken;
                    new.code = Some(200);
                    (new.etag, new.last_modified, new.sha256) = (etag, last_modified, Some(sha256));
                }
                Outcome::Same { code, etag, last_modified } => {
                    pulled.n_unchanged += 1;
                    new.state = FetchState::Unchanged;
                    new.code = Some(code);
                    (new.etag, new.last_modified) = (etag, last_modified);
                }
                Outcome::Absent { code } => {
                    pulled.n_absent += 1;
                    new.code = Some(code);
                }
                Outcome::Failed(error) => {
                    new.state = error.state();
                    new.code = error.code();
                    new.message = error.to_string();
                    new.hint = error.hint();
                    new.not_before = error.not_before();
                }
            }
            let state = new.state;
            let noted = self.ledger.note_fetch(&new, |failures| later(now, state, failures))?;
            tracing::info!(
                source = %new.source, dataset = %new.dataset, unit = %new.unit_code,
                period = %new.period, state = %new.state, code = new.code, message = %new.message,
                failures = noted.failures, "source asked"
            );
            if !state.is_well() {
                let since = match held {
                    Some(held) if held.state == state => held.since,
                    _ => now,
                };
                pulled.troubles.push(SourceTrouble {
                    unit_name: self.unit_name(&new.unit_code),
                    since,
                    not_before: new.not_before.or_else(|| later(now, state, noted.failures)),
                    failures: noted.failures,
                    source: new.source,
                    dataset: new.dataset,
                    period: new.period,
                    unit_code: new.unit_code,
                    state,
                    message: new.message,
                    hint: new.hint,
                });
            }
        }
        Ok(())
    }

    fn read_answer<'a>(&self, answered: Answered<'a>) -> Received<'a> {
        let Answered { file, url, held, mut answer } = answered;
        let reply = std::mem::replace(&mut answer.reply, Ok(Reply::Absent { code: 0 }));
        let outcome = match reply {
            Ok(Reply::File(FileReply { file_name, bytes, etag, last_modified })) => {
                let is_held = held.and_then(|held| held.sha256.as_ref());
                if is_held.is_some_and(|sha256| *sha256 == sha256_hex(&bytes)) {
                    Outcome::Same { code: 200, etag, last_modified }
                } else {
                    let read = self.read(Incoming {
                        file_name,
                        bytes,
                        period: file.period,
                        reporter: Some(file.unit.clone()),
                        dataset: Some(file.dataset.clone()),
                        door: Door::Http,
                    });
                    Outcome::New { read: Box::new(read), etag, last_modified }
                }
            }
            Ok(Reply::Unchanged { etag, last_modified }) => {
                Outcome::Same { code: 304, etag, last_modified }
            }
            Ok(Reply::Absent { code }) => Outcome::Absent { code },
            Err(error) => Outcome::Failed(error),
        };
        Received { file, url, held, outcome, _answer: answer }
    }

    /// What could not be had, said once for all files of a source with the same trouble.
    fn say(&self, pulled: &Pulled, progress: &dyn Progress) {
        for ((source, state, message, hint), files) in by_cause(&pulled.troubles) {
            let of = match files.as_slice() {
                [one] => format!("{} {} of {}", one.dataset, one.period, one.unit_name),
                several => format!("{} files", several.len()),
            };
            progress.warn(&format!("source {source}: {of}: {state}: {message}; {hint}"));
        }
        if pulled.n_held > 0 {
            let n = pulled.n_held;
            progress
                .warn(&format!("{n} files are not asked for yet: their source named a later time"));
        }
        if pulled.n_unasked > 0 {
            progress.warn(&format!(
                "{} files were not asked for within {} s (pull.timeout_seconds)",
                pulled.n_unasked, self.config.settings.pull.timeout_seconds
            ));
        }
    }

    /// A time that the source itself named has not come yet.
    fn is_held(&self, fetch: Option<&Fetch>) -> bool {
        fetch.is_some_and(|fetch| {
            fetch.state == FetchState::Throttled
                && fetch.not_before.is_some_and(|not_before| not_before > self.now())
        })
    }

    /// How wanted files stand that were asked for before.
    fn known(&self, wanted: &[Wanted]) -> Result<HashMap<Key, Fetch>, PipelineError> {
        let files = wanted.iter().map(|file| {
            let source = self.config.sources[file.source].name.as_str();
            (source, file.dataset.as_str(), file.period, &file.unit)
        });
        let fetches = self.ledger.fetches_of(files)?;
        Ok(fetches.into_iter().map(|fetch| (key_of(&fetch), fetch)).collect())
    }

    fn key(&self, file: &Wanted) -> Key {
        let source = self.config.sources[file.source].name.clone();
        (source, file.dataset.clone(), file.period, file.unit.clone())
    }

    fn trouble(&self, fetch: &Fetch) -> SourceTrouble {
        SourceTrouble {
            source: fetch.source.clone(),
            dataset: fetch.dataset.clone(),
            period: fetch.period,
            unit_code: fetch.unit_code.clone(),
            unit_name: self.unit_name(&fetch.unit_code),
            state: fetch.state,
            since: fetch.since,
            message: fetch.message.clone(),
            hint: fetch.hint.clone(),
            not_before: fetch.not_before,
            failures: fetch.failures,
        }
    }
}

type Key = (String, String, Period, UnitCode);

fn key_of(fetch: &Fetch) -> Key {
    (fetch.source.clone(), fetch.dataset.clone(), fetch.period, fetch.unit_code.clone())
}

/// An answer with what it is the answer to.
struct Answered<'a> {
    file: &'a Wanted,
    url: &'a str,
    held: Option<&'a Fetch>,
    answer: Answer,
}

/// The same, with its file read.
struct Received<'a> {
    file: &'a Wanted,
    url: &'a str,
    held: Option<&'a Fetch>,
    outcome: Outcome,
    /// Held until the file is recorded: it is what bounds the files in memory.
    _answer: Answer,
}

enum Outcome {
    New { read: Box<ReadFile>, etag: Option<String>, last_modified: Option<String> },
    Same { code: u16, etag: Option<String>, last_modified: Option<String> },
    Absent { code: u16 },
    Failed(FetchError),
}

/// When a file that could not be had is asked for again by itself: after 5, 10, 20 … minutes, at most 6
/// hours; where a person must act, after 6 hours.
fn later(now: Timestamp, state: FetchState, failures: u64) -> Option<Timestamp> {
    const LONGEST: i64 = 6 * 60;
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    let minutes = if state.needs_a_person() { LONGEST } else { (5_i64 << doublings).min(LONGEST) };
    now.checked_add(SignedDuration::from_mins(minutes)).ok()
}

/// Source, state, message and hint.
pub type Cause<'a> = (&'a str, FetchState, &'a str, &'a str);

/// Troubles by what is wrong: thirty files of a server that is down are one matter.
pub fn by_cause(troubles: &[SourceTrouble]) -> BTreeMap<Cause<'_>, Vec<&SourceTrouble>> {
    let mut causes: BTreeMap<Cause<'_>, Vec<&SourceTrouble>> = BTreeMap::new();
    for one in troubles {
        let cause = (one.source.as_str(), one.state, one.message.as_str(), one.hint.as_str());
        causes.entry(cause).or_default().push(one);
    }
    causes
}
