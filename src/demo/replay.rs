//! Running the campaign as the daemon does, with the clock passed in.
//!
//! ## Design notes
//! - The loop knows four things that the daemon does not: when files are dropped into the inbox, what
//!   the towns' server has published by then, when people sit at the desk to act on items, and when
//!   somebody runs a month by hand. All else follows from the home's definitions: the clock goes from one
//!   due time to the next.
//! - What an earlier, interrupted demo did is not done again: of what lies before the ledger's last
//!   event only the files are put back.

use std::collections::BTreeMap;

use fs_err as fs;
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::campaign::{Arrival, CampaignError, MonthRun, Occasion, Span, campaign, story};
use super::server::Server;
use super::survey::{self, survey_files};
use super::{desk, months};
use crate::clock::Clock;
use crate::config::home::Home;
use crate::daemon::{Daemon, DaemonError, SlotEnd, Tick};
use crate::durable::{Access, write_whole};
use crate::model::{Period, RunState};
use crate::pipeline::{PipelineError, Progress, RunOptions};

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The daemon goes on when a job fails; a demo in which one fails shows nothing.
    #[error("{what} failed at {at}: {error}")]
    Failed { what: String, at: Timestamp, error: String },
}

/// A report's due time has been seen to, by the daemon or by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// The newest due month.
    pub period: Period,
    pub at: Timestamp,
    pub occasion: Occasion,
    /// An earlier demo on this home did it.
    pub already: bool,
}

/// A file for the inbox.
struct Dropped {
    /// Relative to the home.
    path: String,
    bytes: Vec<u8>,
}

/// What the world does to the home at an instant.
enum Event {
    /// Files reach the inbox.
    Arrive(Vec<Dropped>),
    /// People act on items.
    Desk,
    /// Somebody runs a month by hand.
    Run(MonthRun),
}

impl Event {
    /// Of what happens at one instant, files come first and runs last.
    fn rank(&self) -> u8 {
        match self {
            Event::Arrive(_) => 0,
            Event::Desk => 1,
            Event::Run(_) => 2,
        }
    }
}

/// The home's source definitions while the demo runs.
const SOURCES: &str = "config/sources.toml";

/// Replays a span of the campaign on a home that the demo made: half of the towns drop their files into
/// the inbox, the others publish them on a local server, and a daemon does the rest.
///
/// `each` is called after each report. Returns the daemon at the campaign's end.
pub fn replay(
    home: Home,
    environment: &BTreeMap<String, String>,
    span: Span,
    progress: &dyn Progress,
    mut each: impl FnMut(&Daemon, &Reported),
) -> Result<Daemon, ReplayError> {
    let zone = campaign_zone()?;
    let runs = story(span)?;
    let (published, dropped): (Vec<Arrival>, Vec<Arrival>) =
        campaign(span)?.into_iter().partition(Arrival::is_published);
    let begins = begin(span, dropped.first(), &zone)?;
    let mut events = arrivals(dropped, &zone)?;
    events.extend(surveys(span, &zone)?);
    events.extend(
        runs.iter()
            .filter(|run| run.occasion == Occasion::Correction)
            .map(|run| (run.at, Event::Run(*run))),
    );
    let ends = events.iter().map(|(at, _)| *at).chain(runs.iter().map(|run| run.at)).max();
    let ends = ends.unwrap_or(begins);
    events.extend(desk_days(begins, ends, &zone)?);
    events.sort_by_key(|(at, event)| (*at, event.rank()));

    let server = Server::start(published, zone.clone())?;
    write_whole(&home.root().join(SOURCES), sources(&server.pattern()).as_bytes(), Access::Shared)?;
    let mut daemon = Daemon::open(home, environment.clone(), Clock::fixed(begins, zone.clone()))?;
    let _fonts = daemon.pipeline()?.hold_fonts();
    let resumed = daemon.ledger().last_event_at().map_err(PipelineError::from)?;
    let mut now = resumed.map_or(begins, |last| last.max(begins));
    let mut events = events.into_iter().peekable();
    let mut reports = runs.iter().filter(|run| run.occasion == Occasion::Monthly).peekable();
    loop {
        // What lies in the past was done by an earlier demo: the files are put back, no more.
        while let Some((at, event)) = events.next_if(|(at, _)| *at <= now) {
            match event {
                Event::Arrive(files) => drop_files(&daemon, &files)?,
                Event::Desk => {
                    // A demo that was killed at the desk sits down at it again on that day.
                    let day = |at| zone.to_datetime(at).date();
                    if day(at) == day(now) {
                        daemon.set_clock(Clock::fixed(now, zone.clone()));
                        server.set_now(now);
                        desk::sit(&daemon, progress)?;
                    }
                }
                Event::Run(run) => {
                    let already = has_run(&daemon, &run)?;
                    if !already {
                        daemon.set_clock(Clock::fixed(now, zone.clone()));
                        server.set_now(now);
                        daemon.pipeline()?.run(&RunOptions::of(run.period), progress)?;
                    }
                    let MonthRun { period, occasion, .. } = run;
                    each(&daemon, &Reported { period, at, occasion, already });
                }
            }
        }
        daemon.set_clock(Clock::fixed(now, zone.clone()));
        server.set_now(now);
        failed(&daemon.tick(progress)?)?;
        while let Some(run) = reports.next_if(|run| run.at <= now) {
            let already = resumed.is_some_and(|last| run.at < last);
            let MonthRun { period, at, occasion } = *run;
            each(&daemon, &Reported { period, at, occasion, already });
        }
        if now >= ends {
            break;
        }
        let due = daemon.next_due()?;
        let next = [due, events.peek().map(|(at, _)| *at)].into_iter().flatten().min();
        now = next.unwrap_or(ends).min(ends);
    }
    drop(server);
    write_whole(&daemon.home().root().join(SOURCES), ENDED.as_bytes(), Access::Shared)?;
    Ok(daemon)
}

fn campaign_zone() -> Result<TimeZone, CampaignError> {
    TimeZone::get("Asia/Shanghai")
        .map_err(|source| CampaignError::PlaceInZone { local: "the campaign".to_owned(), source })
}

/// The daemon is started before anything happens: on the eve of the first month or file.
fn begin(span: Span, first: Option<&Arrival>, zone: &TimeZone) -> Result<Timestamp, CampaignError> {
    let month = months::instant(span.first().starts_on().at(0, 0, 0, 0), zone)?;
    Ok(first.map_or(month, |arrival| arrival.at.min(month)))
}

/// The files of a morning and of an afternoon, found by the watch at noon and at the end of office
/// hours: a look a minute would cost the demo hours and show nothing else.
fn arrivals(
    dropped: Vec<Arrival>,
    zone: &TimeZone,
) -> Result<Vec<(Timestamp, Event)>, CampaignError> {
    let mut batches: BTreeMap<Timestamp, Vec<Dropped>> = BTreeMap::new();
    for arrival in dropped {
        let local = zone.to_datetime(arrival.at);
        let found = if local.hour() < 12 { Time::constant(12, 0, 0, 0) } else { END_OF_OFFICE };
        let at = months::instant(local.date().to_datetime(found), zone)?;
        let Arrival { path, bytes, .. } = arrival;
        batches.entry(at).or_default().push(Dropped { path, bytes });
    }
    Ok(batches.into_iter().map(|(at, files)| (at, Event::Arrive(files))).collect())
}

/// The working days on which people sit at the desk.
fn desk_days(
    begins: Timestamp,
    ends: Timestamp,
    zone: &TimeZone,
) -> Result<Vec<(Timestamp, Event)>, CampaignError> {
    let last = zone.to_datetime(ends).date();
    let mut day = zone.to_datetime(begins).date();
    let mut events = Vec::new();
    while day < last {
        day = months::workday_after(day, 1);
        let at = months::instant(day.to_datetime(desk::OPENS_AT), zone)?;
        if desk::sits_on(day) && at < ends {
            events.push((at, Event::Desk));
        }
    }
    Ok(events)
}

/// The survey platform's exports, put into the inbox by the secretariat on the morning after a wave.
fn surveys(span: Span, zone: &TimeZone) -> Result<Vec<(Timestamp, Event)>, CampaignError> {
    let mut events = Vec::new();
    for (wave, on) in survey::waves(span) {
        let files = survey_files(wave).map_err(|source| CampaignError::WriteWorkbook {
            path: format!("the survey of {wave}"),
            source,
        })?;
        let dropped = files.into_iter().map(|(name, bytes)| Dropped {
            path: format!("inbox/{wave}/{DISTRICT}/{name}"),
            bytes,
        });
        let at = months::instant(on.at(10, 0, 0, 0), zone)?;
        events.push((at, Event::Arrive(dropped.collect())));
    }
    Ok(events)
}

/// The district reports the surveys itself.
const DISTRICT: &str = "120114";

const END_OF_OFFICE: Time = Time::constant(17, 30, 0, 0);

fn drop_files(daemon: &Daemon, files: &[Dropped]) -> Result<(), std::io::Error> {
    for file in files {
        let path = daemon.home().root().join(&file.path);
        let there = fs::read(&path).is_ok_and(|bytes| bytes == file.bytes);
        if !there {
            write_whole(&path, &file.bytes, Access::Shared)?;
        }
    }
    Ok(())
}

/// Whether an earlier demo made this run by hand.
fn has_run(daemon: &Daemon, run: &MonthRun) -> Result<bool, PipelineError> {
    let command = format!("run --period {}", run.period);
    let done = daemon.ledger().runs(usize::MAX)?;
    Ok(done.iter().any(|earlier| {
        earlier.command == command
            && earlier.started_at >= run.at
            && earlier.state == RunState::Done
    }))
}

fn failed(tick: &Tick) -> Result<(), ReplayError> {
    let slot = tick
        .slots
        .iter()
        .find(|slot| slot.state == SlotEnd::Failed)
        .map(|slot| (slot.name.clone(), slot.error.clone().unwrap_or_default()));
    let other = tick.errors.first().map(|error| (error.what.to_owned(), error.error.clone()));
    match slot.or(other) {
        Some((what, error)) => Err(ReplayError::Failed { what, at: tick.at, error }),
        None => Ok(()),
    }
}

fn sources(pattern: &str) -> String {
    let units: Vec<String> =
        super::office::published_units().map(|unit| format!("\"{unit}\"")).collect();
    format!(
        "# Written by `duban demo`, for as long as it runs: a server of its own on this machine, on which\n\
         # every second 镇街 publishes its files (invented).\n\
         [[http]]\n\
         name = \"town-platform\"\n\
         url = \"{pattern}\"\n\
         units = [{}]\n\
         retries = 0\n",
        units.join(", ")
    )
}

const ENDED: &str = "# Written by `duban demo`. While it ran, every second 镇街 published its files on a server of the\n\
     # demo's own, which ended with it; what came of asking it is in the ledger (`duban status`).\n\
     # The reference of this file is docs/definitions.md, “config/sources.toml”.\n";
