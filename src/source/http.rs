//! Asking servers for files, many at once, each within its limits.
//!
//! ## Design notes
//! - **A slow town holds up nobody**: requests run side by side, bounded as a whole and per host, and
//!   answers are handed over as they come. A file counts against the bound until its answer is dropped,
//!   so there are never more in memory than requests allowed at once.
//! - **Redirects are followed here**, not by the library: within the host that was named, never from
//!   https to http, and with a reason where they end. So the secret, too, goes to that host alone.
//! - No proxy of the environment is used: what is asked for, and by whom, is what the definitions say.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{
    AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Response, Url};
use rustls::RootCertStore;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use super::FetchError;
use super::http_error::of_request;
use super::http_name::file_name;
use super::http_tls::{client_config, system_roots};
use crate::config::mail::Secret;
use crate::config::settings::PullSettings;
use crate::config::sources::{Auth, AuthKind, HttpSource, SecretProblem};

/// A file to ask for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Index of its source.
    pub source: usize,
    pub url: String,
    /// What the source said of the bytes that we hold: it need not send them again.
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// What a source answered.
#[derive(Debug)]
pub enum Reply {
    File(FileReply),
    /// The bytes that we hold are still the newest.
    Unchanged {
        etag: Option<String>,
        last_modified: Option<String>,
    },
    /// There is no such file, or not yet.
    Absent {
        code: u16,
    },
}

/// A file that came whole.
#[derive(Debug)]
pub struct FileReply {
    pub file_name: String,
    pub bytes: Vec<u8>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// The answer to one question. While it lives, its file counts against the files in memory.
#[derive(Debug)]
pub struct Answer {
    /// Index of the question.
    pub ask: usize,
    pub reply: Result<Reply, FetchError>,
    _room: Option<OwnedSemaphorePermit>,
}

/// Asks for all files and hands over the answers as they come, several at once where several wait.
/// Returns how many were not asked for within the time that the whole may take.
///
/// `now` is what a time to come back, given in seconds or as a date, is reckoned from. Blocks: call it
/// outside of any asynchronous context.
///
/// # Errors
/// What `take` fails with ends the whole; so does a machine that gives no thread.
pub fn ask_all<E: From<std::io::Error>>(
    sources: &[HttpSource],
    asks: &[Ask],
    limits: &PullSettings,
    now: Timestamp,
    mut take: impl FnMut(Vec<Answer>) -> Result<(), E>,
) -> Result<usize, E> {
    if asks.is_empty() {
        return Ok(0);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("duban-pull")
        .enable_all()
        .build()?;
    let begun: Arc<[AtomicBool]> = asks.iter().map(|_| AtomicBool::new(false)).collect();
    let room = usize::try_from(limits.concurrency).unwrap_or(usize::MAX).clamp(1, 1024);
    let (answers, mut waiting) = mpsc::channel(room);
    spawn_all(&runtime, sources, asks, limits, now, &begun, &answers);
    // The tasks hold the others: the channel closes with the last of them.
    drop(answers);
    let deadline = Instant::now() + Duration::from_secs(u64::from(limits.timeout_seconds));
    let mut open: Vec<bool> = vec![true; asks.len()];
    let mut result = Ok(());
    loop {
        let next =
            runtime.block_on(async { tokio::time::timeout_at(deadline, waiting.recv()).await });
        let Ok(Some(first)) = next else { break };
        let mut batch: Vec<Answer> = vec![first];
        while let Ok(more) = waiting.try_recv() {
            batch.push(more);
        }
        for answer in &batch {
            open[answer.ask] = false;
        }
        result = take(batch);
        if result.is_err() {
            break;
        }
    }
    // What came at the last moment.
    while let (true, Ok(last)) = (result.is_ok(), waiting.try_recv()) {
        open[last.ask] = false;
        result = take(vec![last]);
    }
    // Looking up a name cannot be broken off: it is not waited for.
    runtime.shutdown_background();
    result?;
    let late = |ask: usize| Answer {
        ask,
        reply: Err(FetchError::Slow { seconds: limits.timeout_seconds }),
        _room: None,
    };
    let (cut_short, unasked): (Vec<usize>, Vec<usize>) = (0..asks.len())
        .filter(|&ask| open[ask])
        .partition(|&ask| begun[ask].load(Ordering::Relaxed));
    if !cut_short.is_empty() {
        take(cut_short.into_iter().map(late).collect())?;
    }
    Ok(unasked.len())
}

fn spawn_all(
    runtime: &tokio::runtime::Runtime,
    sources: &[HttpSource],
    asks: &[Ask],
    limits: &PullSettings,
    now: Timestamp,
    begun: &Arc<[AtomicBool]>,
    answers: &mpsc::Sender<Answer>,
) {
    let permits = |n: u32| Arc::new(Semaphore::new(usize::try_from(n.max(1)).unwrap_or(1)));
    let whole = permits(limits.concurrency.min(1024));
    let mut hosts: HashMap<String, Arc<Semaphore>> = HashMap::new();
    let mut roots: Option<RootCertStore> = None;
    let mut askers: HashMap<usize, Arc<Asker>> = HashMap::new();
    for (index, ask) in asks.iter().enumerate() {
        let host = origin(&ask.url);
        let host = hosts.entry(host).or_insert_with(|| permits(limits.per_host)).clone();
        let asker = askers.entry(ask.source).or_insert_with(|| {
            let source = sources[ask.source].clone();
            let is_tls = source.url.text.starts_with("https:");
            let roots = if is_tls {
                roots.get_or_insert_with(system_roots).clone()
            } else {
                RootCertStore::empty()
            };
            Arc::new(Asker::new(source, roots, now))
        });
        let (asker, ask) = (asker.clone(), ask.clone());
        let (whole, answers, begun) = (whole.clone(), answers.clone(), begun.clone());
        runtime.spawn(async move {
            // The host first: who waits for a host holds no place that another could use.
            let Ok(_host) = host.acquire_owned().await else { return };
            let Ok(room) = whole.acquire_owned().await else { return };
            begun[index].store(true, Ordering::Relaxed);
            let reply = asker.ask(&ask).await;
            // Nobody listens any more: the pull has ended.
            let _ = answers.send(Answer { ask: index, reply, _room: Some(room) }).await;
        });
    }
}

/// Scheme, host and port: what a bound per host counts by.
fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}

/// One source with its client, for one pull.
struct Asker {
    source: HttpSource,
    /// Or why no file of the source can be asked for.
    client: Result<Client, FetchError>,
    login: Result<Option<Login>, FetchError>,
    now: Timestamp,
}

impl Asker {
    fn new(source: HttpSource, roots: RootCertStore, now: Timestamp) -> Asker {
        Asker {
            client: client(&source, roots),
            login: source.auth.as_ref().map(login).transpose(),
            source,
            now,
        }
    }

    /// Asks, and again where what went wrong may pass.
    async fn ask(&self, ask: &Ask) -> Result<Reply, FetchError> {
        let login = self.login.as_ref().map_err(Clone::clone)?.as_ref();
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let seconds = self.source.timeout_seconds;
        let limit = Duration::from_secs(u64::from(seconds));
        let mut wait = Duration::from_millis(u64::from(self.source.retry_wait_ms));
        let mut left = self.source.retries;
        loop {
            let once = self.once(client, login, ask);
            let reply = tokio::time::timeout(limit, once).await;
            match reply.unwrap_or(Err(FetchError::Slow { seconds })) {
                Err(error) if error.may_pass() && left > 0 => {
                    tracing::debug!(source = %self.source.name, %error, "asking again");
                    tokio::time::sleep(wait).await;
                    left -= 1;
                    wait = (wait * 2).min(Duration::from_secs(30));
                }
                reply => return reply,
            }
        }
    }

    /// One request, with the redirects that are followed.
    async fn once(
        &self,
        client: &Client,
        login: Option<&Login>,
        ask: &Ask,
    ) -> Result<Reply, FetchError> {
        let start = Url::parse(&ask.url).map_err(|error| FetchError::Unreachable {
            host: self.source.name.clone(),
            reason: error.to_string(),
        })?;
        let host = start.host_str().unwrap_or_default();
        let seconds = self.source.timeout_seconds;
        let mut seen = vec![start.clone()];
        loop {
            let url = seen.last().unwrap_or(&start).clone();
            let mut request = client.get(url);
            request = match login {
                Some(Login::Bearer(value)) => request.header(AUTHORIZATION, value.clone()),
                Some(Login::Basic { username, password }) => {
                    request.basic_auth(username, Some(password.expose()))
                }
                None => request,
            };
            for (name, value) in
                [(IF_NONE_MATCH, &ask.etag), (IF_MODIFIED_SINCE, &ask.last_modified)]
            {
                if let Some(value) = value {
                    request = request.header(name, value.as_str());
                }
            }
            let response = request.send().await;
            let response = response.map_err(|error| of_request(&error, host, seconds, None))?;
            let code = response.status().as_u16();
            let headers = response.headers();
            match code {
                200 => return self.file(response, host).await.map(Reply::File),
                204 | 404 | 410 => return Ok(Reply::Absent { code }),
                304 if ask.etag.is_some() || ask.last_modified.is_some() => {
                    return Ok(Reply::Unchanged {
                        etag: text(headers, ETAG).or_else(|| ask.etag.clone()),
                        last_modified: text(headers, LAST_MODIFIED)
                            .or_else(|| ask.last_modified.clone()),
                    });
                }
                301 | 302 | 303 | 307 | 308 => {
                    let next = next_address(code, headers, &seen, self.source.max_redirects)?;
                    seen.push(next);
                }
                401 | 403 | 407 => {
                    let with_secret = login.is_some();
                    return Err(FetchError::Unauthorised { code, with_secret });
                }
                429 => return Err(self.throttled(code, headers)),
                503 if headers.contains_key(RETRY_AFTER) => {
                    return Err(self.throttled(code, headers));
                }
                408 | 425 | 500..=599 => return Err(FetchError::Unavailable { code }),
                _ => return Err(FetchError::Refused { code }),
            }
        }
    }

    fn throttled(&self, code: u16, headers: &HeaderMap) -> FetchError {
        let not_before = text(headers, RETRY_AFTER).and_then(|value| come_back(&value, self.now));
        FetchError::Throttled { code, not_before }
    }

    /// Reads the file, counting the unpacked bytes as they come.
    async fn file(&self, mut response: Response, host: &str) -> Result<FileReply, FetchError> {
        let code = Some(response.status().as_u16());
        let allowed = &self.source.content_types;
        let html = allowed.iter().any(|kind| kind == "text/html");
        if let Some(found) = text(response.headers(), CONTENT_TYPE) {
            let kind = found.split(';').next().unwrap_or_default().trim().to_lowercase();
            if !allowed.contains(&kind) {
                let login = matches!(kind.as_str(), "text/html" | "application/xhtml+xml");
                return Err(FetchError::WrongType { found: kind, login });
            }
        }
        let max_mb = self.source.max_mb;
        let max = u64::from(max_mb) << 20;
        if response.content_length().is_some_and(|length| length > max) {
            return Err(FetchError::TooLarge { max_mb });
        }
        let mut bytes = Vec::new();
        let seconds = self.source.timeout_seconds;
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| of_request(&error, host, seconds, code))? {
                Some(chunk) if (bytes.len() + chunk.len()) as u64 > max => {
                    return Err(FetchError::TooLarge { max_mb });
                }
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => break,
            }
        }
        if bytes.is_empty() {
            return Err(FetchError::Truncated { code, reason: "it has no content".to_owned() });
        }
        if !html && is_html(&bytes) {
            return Err(FetchError::WrongType { found: "HTML".to_owned(), login: true });
        }
        let headers = response.headers();
        let disposition = headers.get(CONTENT_DISPOSITION).map(HeaderValue::as_bytes);
        Ok(FileReply {
            file_name: file_name(disposition, response.url()),
            etag: text(headers, ETAG),
            last_modified: text(headers, LAST_MODIFIED),
            bytes,
        })
    }
}

fn client(source: &HttpSource, roots: RootCertStore) -> Result<Client, FetchError> {
    let tls = client_config(roots, source.ca_file.as_deref())?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .referer(false)
        .connect_timeout(Duration::from_secs(u64::from(source.connect_timeout_seconds)))
        .user_agent(concat!("duban/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| FetchError::BadCertificate {
            reason: error.to_string(),
            hint: "check `ca_file` in config/sources.toml",
        })
}

/// How we say who we are. Both headers are marked, so that no log of the libraries prints them.
enum Login {
    Bearer(HeaderValue),
    Basic { username: String, password: Secret },
}

fn login(auth: &Auth) -> Result<Login, FetchError> {
    let secret = auth.secret()?;
    if auth.kind == AuthKind::Basic {
        return Ok(Login::Basic { username: auth.username.clone(), password: secret });
    }
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", secret.expose())).map_err(|_| {
            SecretProblem {
                message: "the secret has characters that no header can carry".to_owned(),
                hint: "a bearer token is one line of ASCII".to_owned(),
            }
        })?;
    value.set_sensitive(true);
    Ok(Login::Bearer(value))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Where a redirect leads, if it may be followed: to the same scheme, host and port, and to no address
/// that was asked already.
fn next_address(code: u16, headers: &HeaderMap, seen: &[Url], max: u32) -> Result<Url, FetchError> {
    const HOST_HINT: &str = "nothing was sent there; if the files have moved, correct the address in config/sources.toml (a login page needs `auth`)";
    let refused = |reason: String, hint| Err(FetchError::RedirectRefused { code, reason, hint });
    let from = &seen[seen.len() - 1];
    let next = text(headers, LOCATION).and_then(|to| from.join(&to).ok());
    let Some(mut next) = next else {
        return refused("without an address".into(), "tell the server's operator");
    };
    next.set_fragment(None);
    let host = next.host_str().unwrap_or("nowhere").to_owned();
    if from.host_str() != next.host_str() {
        return refused(format!("to another host, {host}"), HOST_HINT);
    }
    match (from.scheme(), next.scheme()) {
        ("https", "http") => {
            return refused(
                "from https to http".into(),
                "tell the server's operator: the way there would be open to all",
            );
        }
        ("http", "https") => {
            return refused("from http to https".into(), "write https:// in the source's address");
        }
        (one, other) if one != other => return refused(format!("to `{other}:`"), HOST_HINT),
        _ => {}
    }
    if from.port_or_known_default() != next.port_or_known_default() {
        let port = next.port_or_known_default().unwrap_or_default();
        return refused(format!("to another port, {port}"), HOST_HINT);
    }
    if seen.contains(&next) {
        return refused(
            "in circles".into(),
            "a login page may be behind it: give the source `auth`, or tell the server's operator",
        );
    }
    if seen.len() > usize::try_from(max).unwrap_or(usize::MAX) {
        return refused(
            format!("more than {max} times"),
            "correct the address, or raise max_redirects in config/sources.toml",
        );
    }
    Ok(next)
}

/// `Retry-After` in seconds or as a date; later than now, and within a week: nobody is silenced for ever
/// by a slip.
fn come_back(value: &str, now: Timestamp) -> Option<Timestamp> {
    const WEEK: i64 = 7 * 24 * 3600;
    let at = match value.trim().parse::<u64>() {
        Ok(seconds) => {
            let seconds = i64::try_from(seconds).unwrap_or(WEEK).min(WEEK);
            now.checked_add(SignedDuration::from_secs(seconds)).ok()?
        }
        Err(_) => Timestamp::try_from(httpdate::parse_http_date(value.trim()).ok()?).ok()?,
    };
    let latest = now.checked_add(SignedDuration::from_secs(WEEK)).unwrap_or(at);
    Some(at.min(latest)).filter(|at| *at > now)
}

/// A page for a browser, whatever the header calls it.
fn is_html(bytes: &[u8]) -> bool {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    ["<!doctype html", "<html"].iter().any(|mark| {
        start.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark.as_bytes()))
    })
}
