//! A month from files in the inbox to mails in a folder, through the pipeline, in a fresh home.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use duban::clock::Clock;
use duban::config::home::init;
use duban::demo::Arrival;
use duban::model::DeliveryState;
use duban::pipeline::{Pipeline, Progress, RunOptions, RunOutcome};

use crate::Outcome;
use crate::fixture::{Campaign, folder, load};
use crate::measure::{Line, Plan, forget_peak, median, peak_mb};

/// The steps of a run, in their order, with what they hold here.
const STEPS: [(&str, &str); 9] = [
    ("archive", "looking into the inbox, reading on all cores, files synced together"),
    ("receive", "ledger"),
    ("snapshot", ""),
    ("metric", "tables and metrics"),
    ("check", ""),
    ("item", "and the items' table again"),
    ("report", "queries, html, png, pdf, xlsx"),
    ("queue", ""),
    ("deliver", ""),
];

/// What one month took.
struct Month {
    whole: Duration,
    steps: BTreeMap<String, Duration>,
    outcome: RunOutcome,
}

pub fn run(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    let first = *campaign.runs.first().ok_or("the campaign has no run")?;
    let arrived: Vec<&Arrival> =
        campaign.arrivals.iter().filter(|arrival| arrival.at <= first.at).collect();
    forget_peak();
    let mut months = Vec::new();
    // The first warms up.
    for _ in 0..plan.rounds(6) {
        months.push(one(&arrived, &first)?);
    }
    let peak = peak_mb();
    if months.len() > 1 {
        months.remove(0);
    }
    let outcome = &months[0].outcome;
    let n_files = outcome.taken.len();
    let mut wholes: Vec<Duration> = months.iter().map(|month| month.whole).collect();
    let mut lines =
        vec![Line::new("month: files to mails", median(&mut wholes)).of(n_files, "file").remark(
            format!(
                "{} snapshots, {} items, {} reports, {} mails; peak memory {}",
                outcome.cuts.len(),
                outcome.judged.changes.len(),
                outcome.built.len(),
                outcome.delivered.len(),
                peak.map_or("unknown here".to_owned(), |mb| format!("{mb} MB")),
            ),
        )];
    for (step, what) in STEPS {
        let mut times: Vec<Duration> =
            months.iter().filter_map(|month| month.steps.get(step).copied()).collect();
        lines.push(Line::new(format!("  of it {step}"), median(&mut times)).remark(what));
    }
    Ok(lines)
}

fn one(arrived: &[&Arrival], run: &duban::demo::MonthRun) -> Outcome<Month> {
    let folder = folder()?;
    let root = folder.path().join("home");
    init(&root)?;
    for arrival in arrived {
        let path = root.join(&arrival.path);
        fs_err::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
        fs_err::write(path, &arrival.bytes)?;
    }
    let watch = Watch::default();
    let start = Instant::now();
    let config = load(&root)?;
    let clock = Clock::fixed(run.at, config.settings.time_zone());
    let pipeline = Pipeline::open(config, clock, &BTreeMap::new())?;
    let begun = Instant::now();
    let outcome = pipeline.run(&RunOptions::of(run.period), &watch)?;
    let end = Instant::now();
    let all = outcome.delivered.iter().all(|mail| mail.state == DeliveryState::Accepted);
    if outcome.taken.len() != arrived.len() || outcome.delivered.is_empty() || !all {
        return Err("the month did not come to its end: files not taken, or no mails".into());
    }
    Ok(Month { whole: end - start, steps: watch.steps(begun, end), outcome })
}

/// Notes when each step began.
#[derive(Default)]
pub struct Watch {
    begun: Mutex<Vec<(String, Instant)>>,
}

impl Watch {
    /// From one step's beginning to the next one's, by the steps' names; what comes before the first
    /// step (looking into the inbox, reading) is the first step's.
    pub fn steps(&self, start: Instant, end: Instant) -> BTreeMap<String, Duration> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, first)) = begun.first_mut() {
            *first = start;
        }
        let mut steps = BTreeMap::new();
        for (i, (name, at)) in begun.iter().enumerate() {
            let until = begun.get(i + 1).map_or(end, |(_, next)| *next);
            *steps.entry(name.clone()).or_insert(Duration::ZERO) += until - *at;
        }
        steps
    }
}

impl Progress for Watch {
    fn step(&self, name: &str, _key: &str) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push((name.to_owned(), Instant::now()));
    }

    fn warn(&self, message: &str) {
        crate::warn(message);
    }
}
