//! metrics: the daemon's state as OpenMetrics text, for Prometheus.
//!
//! Everything is read when it is asked for: from the ledger's counts ([`Tally`]) and from what the
//! worker last said of itself ([`Vitals`](super::health::Vitals)). No counter is kept beside the
//! ledger, so none is lost with the process; what could shrink (a migration, a restored backup) is a gauge.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::health::Signs;
use crate::ledger::{RUN_SECONDS, Tally};
use crate::model::{DeliveryState, Light};

/// What the text is sent as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that one answer says.
#[derive(Debug)]
pub struct Facts {
    pub tally: Tally,
    pub signs: Signs,
    /// Bytes of the ledger's file.
    pub ledger_bytes: u64,
    pub process: Process,
}

/// What the system says of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Process {
    /// Resident memory; 0 where the system does not tell.
    pub resident_bytes: u64,
    pub n_open_files: u64,
    pub n_threads: u64,
}

impl Process {
    /// Reads `/proc/self`.
    pub fn read() -> Process {
        let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        let n_open_files =
            fs_err::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
        Process {
            resident_bytes: field("VmRSS:") * 1024,
            n_open_files,
            n_threads: field("Threads:"),
        }
    }
}

/// The text of one answer.
pub fn render(facts: Facts) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(facts));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// Rows of one metric: labels and a value.
type Rows<const N: usize> = Vec<([(&'static str, String); N], f64)>;

impl Collector for Facts {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let out = &mut encoder;
        self.encode_process(out)?;
        self.encode_daemon(out)?;
        self.encode_ledger(out)?;
        self.encode_runs(out)
    }
}

impl Facts {
    fn encode_process(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        out.encode_descriptor("duban_build", "The program that answers", None, MetricType::Info)?
            .encode_info(&version)?;
        let bytes = Some(Unit::Bytes);
        let seconds = Some(Unit::Seconds);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
        let count = |n: u64| one(n as f64);
        gauge(
            out,
            "process_resident_memory",
            "Resident memory",
            bytes.as_ref(),
            &count(self.process.resident_bytes),
        )?;
        gauge(out, "process_open_fds", "Open files", None, &count(self.process.n_open_files))?;
        gauge(out, "process_threads", "Threads", None, &count(self.process.n_threads))?;
        gauge(
            out,
            "process_start_time",
            "When the process started, as Unix time",
            seconds.as_ref(),
            &one(unix(self.signs.started_at)),
        )
    }

    fn encode_daemon(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let signs = &self.signs;
        let seconds = Some(Unit::Seconds);
        if let Some(at) = signs.last_tick_at {
            gauge(
                out,
                "duban_last_tick_timestamp",
                "When the daemon last looked at what is due, as Unix time",
                seconds.as_ref(),
                &one(unix(at)),
            )?;
        }
        gauge(
            out,
            "duban_ticking",
            "1 while something is being done",
            None,
            &one(f64::from(u8::from(signs.ticking))),
        )?;
        gauge(
            out,
            "duban_trouble",
            "1 if the daemon refuses to go on: duban status says why",
            None,
            &one(f64::from(u8::from(!signs.trouble.is_empty()))),
        )?;
        let next = signs
            .schedules
            .iter()
            .filter_map(|one| Some(([("schedule", one.name.clone())], unix(one.next_at?))))
            .collect::<Rows<1>>();
        gauge(
            out,
            "duban_schedule_next_timestamp",
            "When a schedule is due next, as Unix time",
            seconds.as_ref(),
            &next,
        )?;
        let awaited = signs
            .awaited
            .iter()
            .flat_map(|one| {
                let of = |overdue: &str, n: usize| {
                    let labels =
                        [("dataset", one.dataset.clone()), ("overdue", overdue.to_owned())];
                    (labels, f64::from(u32::try_from(n).unwrap_or(u32::MAX)))
                };
                [of("true", one.n_overdue), of("false", one.n - one.n_overdue)]
            })
            .collect::<Rows<2>>();
        gauge(
            out,
            "duban_awaited_submissions",
            "Who is expected to report for the newest due period and has not",
            None,
            &awaited,
        )
    }

    fn encode_ledger(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let tally = &self.tally;
        let bytes = Some(Unit::Bytes);
        let seconds = Some(Unit::Seconds);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
        let size = self.ledger_bytes as f64;
        gauge(out, "duban_ledger_size", "Size of the ledger's file", bytes.as_ref(), &one(size))?;
        gauge(
            out,
            "duban_submissions",
            "Submissions by data set and state",
            None,
            &rows(["dataset", "state"], &tally.submissions),
        )?;
        gauge(
            out,
            "duban_findings",
            "Findings in submissions by severity",
            None,
            &rows(["severity"], &tally.findings),
        )?;
        gauge(
            out,
            "duban_slots",
            "Due times by schedule and what became of them",
            None,
            &rows(["schedule", "state"], &tally.slots),
        )?;
        let last: Rows<1> = tally
            .last_done
            .iter()
            .map(|(name, at)| ([("schedule", name.clone())], unix(*at)))
            .collect();
        gauge(
            out,
            "duban_schedule_last_success_timestamp",
            "When a schedule's newest successful slot ended, as Unix time",
            seconds.as_ref(),
            &last,
        )?;
        gauge(
            out,
            "duban_fetches",
            "What came of asking a source for a file the last time",
            None,
            &rows(["source", "state"], &tally.fetches),
        )?;
        let deliveries =
            with_zeros(&tally.deliveries, DeliveryState::ALL.iter().map(|s| s.as_str()));
        gauge(out, "duban_deliveries", "Mails by state", None, &rows(["state"], &deliveries))?;
        let items = with_zeros(&tally.items, Light::ALL.iter().map(|light| light.as_str()));
        gauge(
            out,
            "duban_open_items",
            "Open supervision items by light",
            None,
            &rows(["light"], &items),
        )?;
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
        let count = |n: u64| one(n as f64);
        gauge(
            out,
            "duban_overdue_items",
            "Open supervision items past their due date",
            None,
            &count(tally.n_overdue),
        )?;
        gauge(out, "duban_editions", "Editions of reports", None, &count(tally.n_editions))
    }

    fn encode_runs(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let seconds = Unit::Seconds;
        let mut metric = out.encode_descriptor(
            "duban_run_duration",
            "How long runs took, by how they ended",
            Some(&seconds),
            MetricType::Histogram,
        )?;
        for times in &self.tally.runs {
            let bounds = RUN_SECONDS.iter().copied().map(f64::from).chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(times.classes).collect();
            #[expect(clippy::cast_precision_loss, reason = "a sum of seconds is a double")]
            let sum = times.seconds as f64;
            let labels = [("state", times.state.as_str())];
            metric
                .encode_family(&labels)?
                .encode_histogram::<[(&str, &str); 0]>(sum, times.n, &buckets, None)?;
        }
        Ok(())
    }
}

fn gauge<const N: usize>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    rows: &Rows<N>,
) -> fmt::Result {
    let mut metric = out.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (labels, value) in rows {
        encode_value(&mut metric, labels, *value)?;
    }
    Ok(())
}

fn encode_value<const N: usize>(
    metric: &mut MetricEncoder<'_>,
    labels: &[(&'static str, String); N],
    value: f64,
) -> fmt::Result
where
    [(&'static str, String); N]: EncodeLabelSet,
{
    if N == 0 {
        metric.encode_gauge(&value)
    } else {
        metric.encode_family(labels)?.encode_gauge(&value)
    }
}

fn one(value: f64) -> Rows<0> {
    vec![([], value)]
}

#[expect(clippy::cast_precision_loss, reason = "Unix seconds fit a double for ages")]
fn unix(at: Timestamp) -> f64 {
    at.as_second() as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
fn rows<const N: usize>(names: [&'static str; N], counts: &[([String; N], u64)]) -> Rows<N> {
    counts
        .iter()
        .map(|(words, n)| {
            let mut words = words.iter().cloned();
            (names.map(|name| (name, words.next().unwrap_or_default())), *n as f64)
        })
        .collect()
}

/// A state without a row is there with 0: an alarm cannot be set on what is absent.
fn with_zeros(
    counts: &[([String; 1], u64)],
    known: impl Iterator<Item = &'static str>,
) -> Vec<([String; 1], u64)> {
    let mut all = counts.to_vec();
    for word in known {
        if !all.iter().any(|([there], _)| there == word) {
            all.push(([word.to_owned()], 0));
        }
    }
    all.sort();
    all
}
