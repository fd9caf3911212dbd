//! Running the campaign as the daemon would, with the clock passed in.

use fs_err as fs;
use jiff::Timestamp;

use super::{Arrival, CampaignError, MonthRun, Span, campaign, story};
use crate::clock::Clock;
use crate::durable::{Access, write_whole};
use crate::model::RunState;
use crate::pipeline::{Pipeline, PipelineError, Progress, RunOptions, RunOutcome};

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// One month of the campaign, run.
pub struct Month {
    pub run: MonthRun,
    /// None if an earlier demo on this home ran it already.
    pub outcome: Option<RunOutcome>,
    /// Files that had arrived since the month before.
    pub n_arrived: usize,
}

/// What happens at one instant of the campaign.
enum Event {
    Arrival(Arrival),
    Run(MonthRun),
}

impl Event {
    fn at(&self) -> Timestamp {
        match self {
            Event::Arrival(arrival) => arrival.at,
            Event::Run(run) => run.at,
        }
    }
}

/// Replays the campaign on an open home: each file reaches the inbox and is taken at its instant,
/// each month is run at its own. What an earlier, interrupted demo has done is not done again.
pub fn replay(
    pipeline: &mut Pipeline,
    span: Span,
    progress: &dyn Progress,
    mut each: impl FnMut(&Pipeline, &Month),
) -> Result<(), ReplayError> {
    let mut events: Vec<Event> = campaign(span)?.into_iter().map(Event::Arrival).collect();
    events.extend(story(span)?.into_iter().map(Event::Run));
    // A file that arrives at the instant of a run is there before it.
    events.sort_by_key(|event| (event.at(), matches!(event, Event::Run(_))));
    let zone = pipeline.clock().zone().clone();
    let mut n_arrived = 0;
    let mut batch: Vec<Arrival> = Vec::new();
    for event in events {
        match event {
            Event::Arrival(arrival) => {
                n_arrived += 1;
                // The watch looks at the inbox once a minute: files of one minute are taken together.
                if batch.last().is_some_and(|last| !same_minute(last.at, arrival.at)) {
                    take(pipeline, &zone, &mut batch, progress)?;
                }
                batch.push(arrival);
            }
            Event::Run(run) => {
                take(pipeline, &zone, &mut batch, progress)?;
                let command = format!("run --period {}", run.period);
                let done = pipeline.ledger().runs(usize::MAX).map_err(PipelineError::from)?;
                let already = done.iter().any(|earlier| {
                    earlier.command == command
                        && earlier.started_at == run.at
                        && earlier.state == RunState::Done
                });
                let outcome = if already {
                    None
                } else {
                    pipeline.set_clock(Clock::fixed(run.at, zone.clone()));
                    Some(pipeline.run(&RunOptions::of(run.period), progress)?)
                };
                each(pipeline, &Month { run, outcome, n_arrived });
                n_arrived = 0;
            }
        }
    }
    take(pipeline, &zone, &mut batch, progress)
}

fn same_minute(a: Timestamp, b: Timestamp) -> bool {
    a.as_second().div_euclid(60) == b.as_second().div_euclid(60)
}

/// Puts a batch into the inbox and has it taken, unless the ledger has gone on beyond its instant.
fn take(
    pipeline: &mut Pipeline,
    zone: &jiff::tz::TimeZone,
    batch: &mut Vec<Arrival>,
    progress: &dyn Progress,
) -> Result<(), ReplayError> {
    let arrivals = std::mem::take(batch);
    let Some(at) = arrivals.last().map(|arrival| arrival.at) else { return Ok(()) };
    let root = pipeline.config().home.root().to_owned();
    for arrival in &arrivals {
        let path = root.join(&arrival.path);
        let there = fs::read(&path).is_ok_and(|bytes| bytes == arrival.bytes);
        if !there {
            write_whole(&path, &arrival.bytes, Access::Shared)?;
        }
    }
    let last = pipeline.ledger().last_event_at().map_err(PipelineError::from)?;
    if last.is_none_or(|last| last <= at) {
        pipeline.set_clock(Clock::fixed(at, zone.clone()));
        pipeline.collect_only(progress)?;
    }
    Ok(())
}
