//! The whole campaign against its floor: bare reads of the same workbooks, and rendering the reports.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::time::{Duration, Instant};

use calamine::{Reader, Xlsx};
use duban::clock::Clock;
use duban::config::home::init;
use duban::demo::Arrival;
use duban::pipeline::{Pipeline, RunOptions};

use crate::Outcome;
use crate::fixture::{Campaign, folder, load};
use crate::measure::{Line, Plan, cpu_time, median, median_of};
use crate::month::Watch;

/// What the floor is made of besides reading: the step in which reports are rendered. Its queries
/// are in it.
const RENDERING: &str = "report";

pub fn run(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    let books: Vec<&Arrival> =
        campaign.arrivals.iter().filter(|arrival| arrival.bytes.starts_with(b"PK")).collect();
    let read = median_of(plan.rounds(5), || {
        for arrival in &books {
            let mut book: Xlsx<_> = Xlsx::new(Cursor::new(arrival.bytes.as_slice()))?;
            for name in book.sheet_names() {
                book.worksheet_range(&name)?;
            }
        }
        Ok(())
    })?;
    let mut replays = Vec::new();
    for _ in 0..plan.rounds(3) {
        replays.push(replay(campaign)?);
    }
    let mut walls: Vec<Duration> = replays.iter().map(|replay| replay.wall).collect();
    let mut cpus: Vec<Duration> = replays.iter().map(|replay| replay.cpu).collect();
    let (wall, cpu) = (median(&mut walls), median(&mut cpus));
    let names: Vec<String> = replays.first().map_or_else(Vec::new, |replay| {
        let mut parts: Vec<(&String, &Duration)> = replay.steps.iter().collect();
        parts.sort_by_key(|(_, took)| std::cmp::Reverse(**took));
        parts.into_iter().map(|(name, _)| name.clone()).collect()
    });
    let step = |name: &str| {
        let mut times: Vec<Duration> =
            replays.iter().filter_map(|replay| replay.steps.get(name).copied()).collect();
        median(&mut times)
    };
    let rendering = step(RENDERING);
    let floor = read + rendering;
    let n_files = campaign.arrivals.len();
    let mut lines = vec![
        Line::new("floor: bare calamine", read).of(books.len(), "workbook"),
        Line::new("floor: rendering", rendering).of(campaign.runs.len(), "run"),
        Line::new("campaign: wall", wall)
            .of(n_files, "file")
            .ratio(wall.as_secs_f64() / floor.as_secs_f64())
            .remark("ratio to both floors together"),
        Line::new("campaign: CPU", cpu)
            .of(n_files, "file")
            .ratio(cpu.as_secs_f64() / floor.as_secs_f64()),
    ];
    for name in names {
        lines.push(Line::new(format!("  of it {name}"), step(&name)));
    }
    Ok(lines)
}

struct Replay {
    wall: Duration,
    cpu: Duration,
    steps: BTreeMap<String, Duration>,
}

/// All runs of the campaign in a fresh home, each with the files that have arrived by then.
fn replay(campaign: &Campaign) -> Outcome<Replay> {
    let folder = folder()?;
    let root = folder.path().join("home");
    init(&root)?;
    let config = load(&root)?;
    let zone = config.settings.time_zone();
    let clock = Clock::system(zone.clone());
    let mut pipeline = Pipeline::open(config, clock, &BTreeMap::new())?;
    let mut waiting: Vec<&Arrival> = campaign.arrivals.iter().collect();
    let mut whole = Replay { wall: Duration::ZERO, cpu: Duration::ZERO, steps: BTreeMap::new() };
    for run in &campaign.runs {
        let (come, later) = waiting.into_iter().partition(|arrival| arrival.at <= run.at);
        waiting = later;
        let come: Vec<&Arrival> = come;
        for arrival in come {
            let path = root.join(&arrival.path);
            fs_err::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
            fs_err::write(path, &arrival.bytes)?;
        }
        pipeline.set_clock(Clock::fixed(run.at, zone.clone()));
        let watch = Watch::default();
        let (begun, cpu) = (Instant::now(), cpu_time());
        pipeline.run(&RunOptions::of(run.period), &watch)?;
        let end = Instant::now();
        whole.wall += end - begun;
        whole.cpu += cpu_time().saturating_sub(cpu);
        for (name, took) in watch.steps(begun, end) {
            *whole.steps.entry(name).or_default() += took;
        }
    }
    Ok(whole)
}
