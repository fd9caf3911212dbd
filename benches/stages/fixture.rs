//! The demo's campaign: its files, and a home on which all of it was replayed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use duban::clock::Clock;
use duban::config::home::{Home, init};
use duban::config::{self, Config};
use duban::demo::{Arrival, Form, MonthRun, Span, campaign, make, replay, story};
use duban::model::Level;
use duban::pipeline::{Pipeline, Silent};
use tempfile::TempDir;

use crate::Outcome;

/// Files of the four months, and what is made of them once and used by several groups.
pub struct Campaign {
    pub arrivals: Vec<Arrival>,
    pub runs: Vec<MonthRun>,
    pub config: Config,
    replayed: Option<Replayed>,
    /// Holds the definitions that `config` was read from.
    _folder: TempDir,
}

/// A home with the four months in it.
pub struct Replayed {
    pub pipeline: Pipeline,
    /// The last month's run.
    pub last: MonthRun,
    _folder: TempDir,
}

/// A folder beside the build: on a disk, where a file system in memory would make `fsync` free.
pub fn folder() -> Outcome<TempDir> {
    fs_err::create_dir_all(env!("CARGO_TARGET_TMPDIR"))?;
    Ok(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}

/// A new home's definitions.
pub fn load(root: &Path) -> Outcome<Config> {
    config::load(&Home::new(root), &BTreeMap::new()).map_err(crate::told)
}

impl Campaign {
    pub fn new() -> Outcome<Campaign> {
        let folder = folder()?;
        let root = folder.path().join("home");
        init(&root)?;
        let config = load(&root)?;
        let mut runs = story(Span::last_months())?;
        runs.sort_by_key(|run| run.at);
        Ok(Campaign {
            arrivals: campaign(Span::last_months())?,
            runs,
            config,
            replayed: None,
            _folder: folder,
        })
    }

    /// One faultless workbook of each town, of `form`: the first that each sent. Of the yearly forms,
    /// which come once, a town or two sent nothing but a faulty one or a CSV.
    pub fn workbooks(&self, form: Form) -> Outcome<Vec<&Arrival>> {
        let mut seen = BTreeSet::new();
        let towns = self.arrivals.iter().filter(|arrival| {
            arrival.form == form
                && arrival.fault.is_none()
                && arrival.bytes.starts_with(b"PK")
                && self.config.units.get(&arrival.reporter).is_some_and(|u| u.level == Level::Town)
        });
        let chosen: Vec<&Arrival> =
            towns.filter(|arrival| seen.insert(arrival.reporter.clone())).collect();
        if chosen.len() >= 28 {
            Ok(chosen)
        } else {
            Err(format!("{} towns sent a faultless {}, too few", chosen.len(), form.dataset())
                .into())
        }
    }

    /// The home after the four months; made once.
    pub fn replayed(&mut self) -> Outcome<&Replayed> {
        let replayed = match self.replayed.take() {
            Some(replayed) => replayed,
            None => self.replay()?,
        };
        Ok(self.replayed.insert(replayed))
    }

    fn replay(&self) -> Outcome<Replayed> {
        let folder = folder()?;
        let root = folder.path().join("home");
        make(&root, Span::last_months())?;
        let home = Home::new(&root);
        let none = BTreeMap::new();
        let daemon = replay(home, &none, Span::last_months(), &Silent, |_, _| {})?;
        let mut pipeline = daemon.pipeline()?;
        daemon.close()?;
        let last = *self.runs.last().ok_or("the campaign has no run")?;
        pipeline.set_clock(Clock::fixed(last.at, pipeline.clock().zone().clone()));
        Ok(Replayed { pipeline, last, _folder: folder })
    }
}
