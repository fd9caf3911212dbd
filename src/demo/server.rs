//! The local server of the demo: half of the towns publish their files here instead of sending them.
//!
//! It serves from memory what has been published by the campaign's time, which is passed in, and shows
//! the weather of a real one: files that are not there yet, a server that is busy and says when to come
//! back, a town's bad day and a slow one.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::oneshot;

use super::campaign::Arrival;
use super::months;
use super::prng::Prng;
use crate::durable::sha256_hex;

/// How long a slow town lets one wait.
const SLOW: Duration = Duration::from_millis(150);

type Key = (String, String, String);

struct Published {
    at: Timestamp,
    file_name: String,
    bytes: Bytes,
    etag: String,
}

struct Shelf {
    /// The campaign's time.
    now: Timestamp,
    zone: TimeZone,
    /// By unit, period and data set, in order of time.
    files: BTreeMap<Key, Vec<Published>>,
}

/// A running server. It ends when it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts on a free port of this machine alone.
    pub(super) fn start(
        arrivals: impl IntoIterator<Item = Arrival>,
        zone: TimeZone,
    ) -> Result<Server, std::io::Error> {
        let mut files: BTreeMap<Key, Vec<Published>> = BTreeMap::new();
        for arrival in arrivals {
            let key = (
                arrival.reporter.to_string(),
                arrival.period.to_string(),
                arrival.form.dataset().to_owned(),
            );
            files.entry(key).or_default().push(Published {
                at: arrival.at,
                file_name: arrival.file_name().to_owned(),
                etag: format!("\"{}\"", &sha256_hex(&arrival.bytes)[..16]),
                bytes: arrival.bytes.into(),
            });
        }
        for of_key in files.values_mut() {
            of_key.sort_by_key(|published| published.at);
        }
        let shelf = Arc::new(Mutex::new(Shelf { now: Timestamp::MIN, zone, files }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let routes = Router::new()
            .route("/{unit}/{period}/{dataset}", get(answer))
            .with_state(Arc::clone(&shelf));
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("demo-server".into()).spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    _ = axum::serve(listener, routes).into_future() => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Server { address, shelf, stop: Some(stop), thread: Some(thread) })
    }

    /// Where a file is asked for, as `config/sources.toml` writes it.
    pub(super) fn pattern(&self) -> String {
        format!("http://{}/{{unit}}/{{period}}/{{dataset}}", self.address)
    }

    /// What has been published by then is there from now on.
    pub(super) fn set_now(&self, now: Timestamp) {
        locked(&self.shelf).now = now;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn locked(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    // A panic elsewhere leaves a shelf as good as before.
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a town's server is like on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    /// Comes to itself by seven in the evening.
    Busy,
    /// Answers nothing of use.
    Down,
    Slow,
}

fn weather(unit: &str, day: Date) -> Weather {
    match (unit, day.to_string().as_str()) {
        ("120114106", "2023-11-03") | ("120114112", "2024-10-10") => return Weather::Down,
        ("120114104", "2024-03-05") | ("120114108", "2024-11-05") => return Weather::Slow,
        _ => {}
    }
    // On the second and third working day of a month: what it holds back is there before the report.
    let first = day.first_of_month();
    let before = first.yesterday().unwrap_or(first);
    let days = [2, 3].map(|n| months::workday_after(before, n));
    let mut rng = Prng::for_subject(&format!("weather/{unit}/{day}"));
    if days.contains(&day) && rng.chance(2) { Weather::Busy } else { Weather::Fair }
}

async fn answer(
    State(shelf): State<Arc<Mutex<Shelf>>>,
    Path((unit, period, dataset)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let (weather, answer) = {
        let shelf = locked(&shelf);
        let local = shelf.zone.to_datetime(shelf.now);
        let weather = weather(&unit, local.date());
        (weather, look(&shelf, weather, local.hour(), &(unit, period, dataset), &headers))
    };
    if weather == Weather::Slow {
        tokio::time::sleep(SLOW).await;
    }
    answer
}

fn look(shelf: &Shelf, weather: Weather, hour: i8, key: &Key, headers: &HeaderMap) -> Response {
    match weather {
        Weather::Down => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Weather::Busy if hour < 19 => {
            let busy = [(header::RETRY_AFTER, "5400")];
            return (StatusCode::SERVICE_UNAVAILABLE, busy).into_response();
        }
        Weather::Fair | Weather::Busy | Weather::Slow => {}
    }
    let of_key = shelf.files.get(key).map(Vec::as_slice).unwrap_or_default();
    let Some(newest) = of_key.iter().rev().find(|published| published.at <= shelf.now) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known == Some(newest.etag.as_str()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, newest.etag.clone())]).into_response();
    }
    let is_text = newest.file_name.to_lowercase().ends_with(".csv");
    let content_type = if is_text {
        "text/csv"
    } else {
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    };
    let name = utf8_percent_encode(&newest.file_name, NON_ALPHANUMERIC);
    let headers = [
        (header::ETAG, newest.etag.clone()),
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}")),
    ];
    (headers, Body::from(newest.bytes.clone())).into_response()
}
