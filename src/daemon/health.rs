//! health: what the worker says of itself, and the pages that tell it on loopback.
//!
//! `/healthz` is 200 while the worker shows signs of life and the ledger answers, and 503 with why
//! otherwise. Definitions that do not compile are *trouble*, not ill health: a restart would not
//! mend them, so the page stays 200 and says so, as `duban status` and `duban_trouble` do.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use serde_json::json;

use super::metrics::{self, Facts, Process};
use crate::clock::Clock;
use crate::ledger::{Ledger, LedgerError, Tally};
use crate::model::RunState;
use crate::pipeline::Progress;

/// How long one step may take before the worker counts as stuck. The longest step known (the first
/// cut of two years, unoptimised) takes under a minute.
const LONGEST_STEP: Duration = Duration::from_mins(15);

/// How long the ledger may take to answer.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(5);

/// What the worker last said of itself.
#[derive(Debug, Clone)]
pub struct Signs {
    pub started_at: Timestamp,
    /// When it last had looked at what is due, and done it.
    pub last_tick_at: Option<Timestamp>,
    /// Something is being done.
    pub ticking: bool,
    /// The step that is being done: name and key.
    pub step: Option<(String, String)>,
    /// What it refuses to go on with; empty if all is well.
    pub trouble: String,
    pub schedules: Vec<NextDue>,
    pub awaited: Vec<AwaitedCount>,
    /// The last tick, or the last step's begin or end.
    last_sign: Instant,
}

/// When a schedule is due next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextDue {
    pub name: String,
    /// Days, times and zone as they are written.
    pub when: String,
    pub next_at: Option<Timestamp>,
}

/// How many are awaited of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwaitedCount {
    pub dataset: String,
    pub n: usize,
    /// Of these, past the due date.
    pub n_overdue: usize,
}

/// Signs of life, written by the worker and read by the pages and the service manager's watchdog.
#[derive(Debug)]
pub struct Vitals {
    signs: Mutex<Signs>,
    /// How often a tick is to be expected.
    watch: Duration,
}

impl Vitals {
    pub fn new(started_at: Timestamp, watch: Duration) -> Vitals {
        let signs = Signs {
            started_at,
            last_tick_at: None,
            ticking: false,
            step: None,
            trouble: String::new(),
            schedules: Vec::new(),
            awaited: Vec::new(),
            last_sign: Instant::now(),
        };
        Vitals { signs: Mutex::new(signs), watch }
    }

    pub fn read(&self) -> Signs {
        self.signs().clone()
    }

    /// Changes what is known, and counts as a sign of life.
    pub fn note(&self, change: impl FnOnce(&mut Signs)) {
        let mut signs = self.signs();
        change(&mut signs);
        signs.last_sign = Instant::now();
    }

    /// Why the worker counts as stuck; none if it lives.
    pub fn stuck(&self) -> Option<String> {
        let signs = self.signs();
        let quiet = signs.last_sign.elapsed();
        let idle_limit = self.watch * 3 + Duration::from_secs(10);
        if signs.ticking {
            let step = signs
                .step
                .as_ref()
                .map_or_else(String::new, |(name, key)| format!(" (the last begun: {name} {key})"));
            (quiet > LONGEST_STEP)
                .then(|| format!("no step has ended or begun for {} s{step}", quiet.as_secs()))
        } else {
            (quiet > idle_limit).then(|| {
                format!(
                    "the daemon last looked at what is due {} s ago; it should every {} s",
                    quiet.as_secs(),
                    self.watch.as_secs()
                )
            })
        }
    }

    fn signs(&self) -> MutexGuard<'_, Signs> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes a run's progress on, and takes it as signs of life.
pub struct Pulse<'a> {
    pub vitals: &'a Vitals,
    pub inner: &'a dyn Progress,
    /// Set when the process was told to stop.
    pub stopping: &'a AtomicBool,
}

impl Progress for Pulse<'_> {
    fn step(&self, name: &str, key: &str) {
        self.vitals.note(|signs| signs.step = Some((name.to_owned(), key.to_owned())));
        self.inner.step(name, key);
    }

    fn step_ended(&self, name: &str, key: &str, state: RunState) {
        self.vitals.note(|signs| signs.step = None);
        self.inner.step_ended(name, key, state);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn warn(&self, message: &str) {
        self.inner.warn(message);
    }
}

/// What the pages are made of.
#[derive(Debug)]
pub struct Pages {
    pub vitals: Arc<Vitals>,
    pub ledger: PathBuf,
    pub clock: Clock,
}

/// The pages: `/healthz` and `/metrics`.
pub fn router(pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics_page))
        .with_state(pages)
}

async fn healthz(State(pages): State<Arc<Pages>>) -> Response {
    let answered = pages.ask(|ledger, _| ledger.event_no()).await;
    let signs = pages.vitals.read();
    let mut why: Vec<String> = pages.vitals.stuck().into_iter().collect();
    if let Err(error) = &answered {
        why.push(error.clone());
    }
    let healthy = why.is_empty();
    let body = json!({
        "healthy": healthy,
        "why": why,
        "trouble": signs.trouble,
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "started_at": signs.started_at.to_string(),
        "last_tick_at": signs.last_tick_at.map(|at| at.to_string()),
        "ticking": signs.ticking,
        "step": signs.step.map(|(name, key)| format!("{name} {key}")),
        "ledger_event": answered.ok(),
        "next": signs.schedules.iter().map(|one| json!({
            "schedule": one.name,
            "at": one.next_at.map(|at| at.to_string()),
        })).collect::<Vec<_>>(),
    });
    let code = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (code, headers, body.to_string() + "\n").into_response()
}

async fn metrics_page(State(pages): State<Arc<Pages>>) -> Response {
    let answered = pages
        .ask(|ledger, clock| {
            let tally = ledger.tally(clock.today())?;
            let bytes = fs_err::metadata(ledger.path()).map_or(0, |file| file.len());
            Ok::<(Tally, u64), LedgerError>((tally, bytes))
        })
        .await;
    let rendered = answered.and_then(|(tally, ledger_bytes)| {
        let signs = pages.vitals.read();
        metrics::render(Facts { tally, signs, ledger_bytes, process: Process::read() })
            .map_err(|error| error.to_string())
    });
    match rendered {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
    }
}

impl Pages {
    /// Asks the ledger as it stands on disk, through a connection of its own: that it can be opened
    /// is part of the answer.
    async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Ledger, &Clock) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, String> {
        let pages = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || {
            let ledger = Ledger::open_read_only(&pages.ledger)?;
            question(&ledger, &pages.clock)
        });
        match tokio::time::timeout(LEDGER_TIMEOUT, asked).await {
            Ok(Ok(answer)) => answer.map_err(|error| chain(&error)),
            Ok(Err(_)) => Err("asking the ledger went wrong: the log says more".to_owned()),
            Err(_) => {
                Err(format!("the ledger has not answered for {} s", LEDGER_TIMEOUT.as_secs()))
            }
        }
    }
}

/// An error with what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
