//! Timing: medians, contestants in turn, the peak of memory; and the table.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::Outcome;

/// How thoroughly to measure.
pub struct Plan {
    /// Once each, on less data: only whether it works.
    pub quick: bool,
}

impl Plan {
    pub fn rounds(&self, thorough: usize) -> usize {
        if self.quick { 1 } else { thorough }
    }
}

/// One line of the table.
pub struct Line {
    pub stage: String,
    pub median: Duration,
    /// How many of what the median is for: `(30, "workbook")`.
    pub of: Option<(usize, &'static str)>,
    /// To bare calamine.
    pub ratio: Option<f64>,
    pub remark: String,
}

impl Line {
    pub fn new(stage: impl Into<String>, median: Duration) -> Line {
        Line { stage: stage.into(), median, of: None, ratio: None, remark: String::new() }
    }

    pub fn of(mut self, n: usize, what: &'static str) -> Line {
        self.of = Some((n, what));
        self
    }

    pub fn ratio(mut self, ratio: f64) -> Line {
        self.ratio = Some(ratio);
        self
    }

    pub fn remark(mut self, remark: impl Into<String>) -> Line {
        self.remark = remark.into();
        self
    }
}

/// The time of one piece of work, its result's end included.
pub fn time<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<Duration> {
    let start = Instant::now();
    drop(black_box(work()?));
    Ok(start.elapsed())
}

/// The median time of `rounds` rounds, after one that does not count.
pub fn median_of<T>(rounds: usize, mut work: impl FnMut() -> Outcome<T>) -> Outcome<Duration> {
    if rounds > 1 {
        time(&mut work)?;
    }
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        times.push(time(&mut work)?);
    }
    Ok(median(&mut times))
}

pub fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A way to do the same work on an input.
pub struct Contestant<'a, I> {
    pub name: &'a str,
    pub work: &'a dyn Fn(&I) -> Outcome<()>,
}

/// What a contestant came to.
pub struct Standing {
    pub name: String,
    /// Of the time for all inputs.
    pub median: Duration,
    /// To the first contestant: the median of the rounds' ratios.
    pub ratio: f64,
}

/// Runs contestants in turn on each input, another one first in each round.
///
/// The ratio is taken within each round and only then the median of it, so that a round in which the
/// machine was busy with something else counts for no more than any other.
pub fn race<I>(
    rounds: usize,
    inputs: &[I],
    contestants: &[Contestant<'_, I>],
) -> Outcome<Vec<Standing>> {
    let n = contestants.len();
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); n];
    // The first round warms up.
    for round in 0..=rounds {
        let mut sums = vec![Duration::ZERO; n];
        for (i, input) in inputs.iter().enumerate() {
            for turn in 0..n {
                let at = (round + i + turn) % n;
                sums[at] += time(|| (contestants[at].work)(input))?;
            }
        }
        if round > 0 {
            times.iter_mut().zip(sums).for_each(|(times, sum)| times.push(sum));
        }
    }
    let first = times.first().cloned().unwrap_or_default();
    let standings = contestants.iter().zip(times).map(|(contestant, mut times)| {
        let mut ratios: Vec<f64> =
            times.iter().zip(&first).map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        Standing {
            name: contestant.name.to_owned(),
            median: median(&mut times),
            ratio: ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN),
        }
    });
    Ok(standings.collect())
}

/// Forgets the peak of memory so far; without Linux it cannot.
pub fn forget_peak() {
    // proc(5): 5 resets the peak resident set size.
    let _ = fs_err::write("/proc/self/clear_refs", "5");
}

/// The most memory that was resident since [`forget_peak`], in MB (10⁶ bytes).
pub fn peak_mb() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024 / 1_000_000)
}

/// The processor time of this process so far, of all its threads; zero without Linux.
pub fn cpu_time() -> Duration {
    let Ok(stat) = fs_err::read_to_string("/proc/self/stat") else { return Duration::ZERO };
    // proc(5): after the name in brackets, user and system time are the 12th and 13th field, in
    // hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let hundredths: u64 = fields.skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(hundredths * 10)
}

pub fn print(lines: &[Line]) {
    let mut rows = vec![["stage", "median", "per unit", "ratio", ""].map(str::to_owned)];
    for line in lines {
        let per = match line.of {
            Some((n, what)) => {
                let each = line.median / u32::try_from(n.max(1)).unwrap_or(u32::MAX);
                format!("{} a {what} ({n})", show(each))
            }
            None => String::new(),
        };
        let ratio = line.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        rows.push([line.stage.clone(), show(line.median), per, ratio, line.remark.clone()]);
    }
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    for [stage, median, per, ratio, remark] in &rows {
        let line = format!(
            "{stage:<0$}  {median:>1$}  {per:<2$}  {ratio:>3$}  {remark}",
            widths[0], widths[1], widths[2], widths[3]
        );
        println!("{}", line.trim_end());
    }
}

fn show(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 0.001 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{:.1} µs", seconds * 1e6)
    }
}
