//! `duban status`: the state of a home in one screen.
//!
//! At most 40 lines of 100 columns; what does not fit is counted, and `--format json` has all of it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::args::{Cli, Format, StatusArgs};
use super::commands::ledger_error;
use super::output::{Rows, put};
use super::{CliError, Verdict, full_path, load, open};
use crate::config::home::Home;
use crate::ledger::{DaemonRow, Ledger, Run, Slot};
use crate::model::SlotState;
use crate::pipeline::{Collection, ScheduleStatus, Status, by_cause, process};

/// Columns of the screen.
const WIDTH: usize = 100;
/// How many causes of files that are not to be had are told.
const MOST_CAUSES: usize = 2;
/// How long the daemon may take to accept a connection, and then to answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// Columns of what a line is about.
const LABEL: usize = 11;

pub(super) fn run(
    cli: &Cli,
    environment: &BTreeMap<String, String>,
    args: &StatusArgs,
) -> Result<Verdict, CliError> {
    if args.check {
        return check(cli, environment);
    }
    let pipeline = open(cli, environment)?;
    let config = pipeline.config();
    let daemon = pipeline
        .ledger()
        .daemon()
        .map_err(ledger_error)?
        .map(|row| DaemonState { alive: process::is_alive(&row.holder), row });
    let screen = Screen {
        district: config.settings.district.name.clone(),
        home: full_path(config.home.root()),
        daemon,
        schedules: pipeline.schedules()?.into_iter().map(ScheduleState::from).collect(),
        status: pipeline.status()?,
        zone: pipeline.clock().zone().clone(),
    };
    screen.print(args.format)?;
    Ok(Verdict::Done)
}

/// Asks the running daemon whether it is well: what a service manager or a container asks again and
/// again, so it opens no more than it must.
fn check(cli: &Cli, environment: &BTreeMap<String, String>) -> Result<Verdict, CliError> {
    let home = Home::new(&cli.home);
    let row = match Ledger::open_read_only(&home.ledger()) {
        Ok(ledger) => ledger.daemon().map_err(ledger_error)?,
        // No ledger yet, no daemon either; what is wrong with the home is said by reading it.
        Err(_) if !home.ledger().exists() => {
            load(&home, environment)?;
            None
        }
        Err(error) => return Err(ledger_error(error)),
    };
    let Some(row) = row else {
        put("no daemon serves this home");
        return Ok(Verdict::AtFault);
    };
    if !process::is_alive(&row.holder) {
        put(format!("the daemon is gone: {}", row.holder));
        return Ok(Verdict::AtFault);
    }
    if row.address.is_empty() {
        put(format!("the daemon has not begun to answer yet: {}", row.holder));
        return Ok(Verdict::AtFault);
    }
    match ask(&row.address) {
        Ok((true, _)) => {
            put(format!("well: {} since {}", row.holder, row.started_at));
            Ok(Verdict::Done)
        }
        Ok((false, why)) => {
            put(format!("not well: {why}"));
            Ok(Verdict::AtFault)
        }
        Err(error) => {
            put(format!("the daemon does not answer on {}: {error}", row.address));
            Ok(Verdict::AtFault)
        }
    }
}

/// Asks `/healthz`: whether it is 200, and why not.
fn ask(address: &str) -> std::io::Result<(bool, String)> {
    // One line there and one answer back, from this machine to itself: no proxy, no TLS, no redirect.
    let wrong = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let address: SocketAddr = address.parse().map_err(|_| wrong("the address is unreadable"))?;
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(64 << 10).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| wrong("no HTTP answer"))?;
    let code = head.split(' ').nth(1).unwrap_or_default();
    let body: Value = serde_json::from_str(body).map_err(|_| wrong("no answer of this program"))?;
    let why: Vec<&str> = body["why"]
        .as_array()
        .map(|why| why.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    Ok((code == "200", why.join("; ")))
}

/// All that the screen shows.
#[derive(Debug, Serialize)]
struct Screen {
    district: String,
    home: String,
    daemon: Option<DaemonState>,
    schedules: Vec<ScheduleState>,
    #[serde(flatten)]
    status: Status,
    #[serde(skip)]
    zone: TimeZone,
}

/// The daemon's row of the ledger, and whether its process lives.
#[derive(Debug, Serialize)]
struct DaemonState {
    alive: bool,
    #[serde(flatten)]
    row: DaemonRow,
}

/// How a schedule stands.
#[derive(Debug, Serialize)]
struct ScheduleState {
    name: String,
    timing: String,
    timezone: String,
    enabled: bool,
    since: Option<Timestamp>,
    next_at: Option<Timestamp>,
    /// It was counted in working days of a year whose days off are not published.
    next_provisional: bool,
    last_run: Option<Slot>,
    n_missed: u64,
    last_missed: Option<Slot>,
    /// Due and not begun.
    waiting_since: Option<Timestamp>,
    waiting_for: Option<Run>,
}

impl From<ScheduleStatus> for ScheduleState {
    fn from(status: ScheduleStatus) -> ScheduleState {
        let (waiting_since, waiting_for) = status.waiting.unzip();
        ScheduleState {
            name: status.name,
            timing: status.timing,
            timezone: status.timezone,
            enabled: status.enabled,
            since: status.since,
            next_at: status.next.map(|next| next.at),
            next_provisional: status.next.is_some_and(|next| next.provisional),
            last_run: status.last_run,
            n_missed: status.n_missed,
            last_missed: status.last_missed,
            waiting_since,
            waiting_for: waiting_for.flatten(),
        }
    }
}

impl Screen {
    fn print(&self, format: Format) -> Result<(), CliError> {
        if format == Format::Table {
            self.lines().iter().for_each(put);
            return Ok(());
        }
        let whole = serde_json::to_value(self).map_err(std::io::Error::from)?;
        if format == Format::Json {
            put(serde_json::to_string_pretty(&whole).map_err(std::io::Error::from)?);
            return Ok(());
        }
        let mut rows = Rows::new(&["what", "value"]);
        flatten(&whole, "", &mut rows);
        Ok(rows.print(format)?)
    }

    fn lines(&self) -> Vec<String> {
        let status = &self.status;
        let mut lines = Vec::new();
        let at = self.at(status.at);
        let zone = self.zone.iana_name().unwrap_or("local time");
        lines.push(spread(&format!("{}  {at}  {zone}", self.district), &self.home));
        section(&mut lines, "daemon", self.daemon());
        section(&mut lines, "run", self.run());
        section(&mut lines, "runs", self.runs());
        section(&mut lines, "schedules", self.schedules());
        section(&mut lines, "inbox", self.inbox());
        section(&mut lines, "sources", self.sources());
        section(&mut lines, "collection", self.collection());
        section(&mut lines, "to ask", self.to_ask());
        section(&mut lines, "items", self.items());
        section(&mut lines, "report", self.report());
        section(&mut lines, "mails", self.mails());
        section(&mut lines, "disk", self.disk());
        lines
    }

    fn daemon(&self) -> Vec<String> {
        let Some(DaemonState { alive, row }) = &self.daemon else {
            return vec!["none: nothing is done by itself until `duban serve` is started".into()];
        };
        if !alive {
            return vec![format!(
                "gone: {} was last seen {} and did not end by itself; start `duban serve` again",
                row.holder,
                self.at(row.seen_at)
            )];
        }
        let page = if row.address.is_empty() {
            String::new()
        } else {
            format!(", http://{}", row.address)
        };
        let mut lines = vec![format!(
            "{} since {}, seen {}{page}",
            row.holder,
            self.at(row.started_at),
            self.at(row.seen_at)
        )];
        let trouble = row.trouble.lines().map(|line| format!("trouble: {line}"));
        lines.extend(at_most(2, trouble.collect()));
        lines
    }

    fn schedules(&self) -> Vec<String> {
        if self.schedules.is_empty() {
            return vec!["none".into()];
        }
        let name = self.schedules.iter().map(|one| one.name.width()).max().unwrap_or(0).min(28);
        let rows = self.schedules.iter().map(|one| {
            let next = match (one.enabled, one.next_at) {
                (false, _) => "off".to_owned(),
                (true, None) => "never".to_owned(),
                (true, Some(at)) => self.at(at) + if one.next_provisional { "?" } else { "" },
            };
            let last = one.last_run.as_ref().map_or_else(
                || "not run yet".to_owned(),
                |slot| format!("{} {}", self.at(slot.due_at), slot.state),
            );
            let name = padded(&cut_to(&one.name, name), name);
            format!(
                "{name}  next {}  last {}{}",
                padded(&next, 17),
                padded(&last, 23),
                self.why(one)
            )
        });
        at_most(12, rows.collect())
    }

    /// What is to be said of a schedule beside its times: why it waits, failed or was missed.
    fn why(&self, one: &ScheduleState) -> String {
        if let Some(since) = one.waiting_since {
            let what = one.waiting_for.as_ref().map_or_else(
                || "the daemon".to_owned(),
                |run| format!("run {} ({})", run.run_id, run.command),
            );
            return format!("  due since {}, waits for {what}", self.at(since));
        }
        let failed = one.last_run.as_ref().filter(|slot| slot.state == SlotState::Failed);
        if let Some(slot) = failed {
            return format!("  {}", slot.detail);
        }
        match &one.last_missed {
            Some(slot) if one.n_missed > 0 => {
                format!(
                    "  missed {} (last {}): {}",
                    one.n_missed,
                    self.at(slot.due_at),
                    slot.detail
                )
            }
            _ => String::new(),
        }
    }

    fn run(&self) -> Vec<String> {
        let Some(lease) = &self.status.lease else { return vec!["nothing is running".into()] };
        let run = &lease.run;
        let end = if lease.alive { "" } else { ", which is gone: the next run puts things right" };
        vec![format!("{} since {}, by {}{end}", run.command, self.at(run.started_at), run.holder)]
    }

    fn runs(&self) -> Vec<String> {
        let lines = self.status.last_runs.iter().map(|run| {
            let seconds = run
                .finished_at
                .map_or(0, |end| end.as_second().saturating_sub(run.started_at.as_second()));
            let why =
                if run.detail.is_empty() { String::new() } else { format!(": {}", run.detail) };
            format!(
                "{}  {} {} in {seconds} s{why}",
                self.at(run.started_at),
                run.command,
                run.state
            )
        });
        lines.collect()
    }

    fn inbox(&self) -> Vec<String> {
        let status = &self.status;
        let mut lines =
            vec![format!("{} waiting, {} misplaced", status.n_waiting, status.misplaced.len())];
        let misplaced =
            status.misplaced.iter().map(|file| format!("{}: {}", file.label, file.message));
        lines.extend(at_most(2, misplaced.collect()));
        lines
    }

    /// One matter a cause, however many files it keeps away: what, and what to do about it.
    fn sources(&self) -> Vec<String> {
        let status = &self.status;
        if status.n_sources == 0 {
            return Vec::new();
        }
        let mut lines =
            vec![format!("{}, {} files not to be had", status.n_sources, status.sources.len())];
        let causes = by_cause(&status.sources);
        let n = causes.len();
        for ((source, state, message, hint), files) in causes.into_iter().take(MOST_CAUSES) {
            let of = match files.as_slice() {
                [one] => format!("{} {} of {}", one.dataset, one.period, one.unit_name),
                several => {
                    let names: Vec<&str> =
                        several.iter().map(|one| one.unit_name.as_str()).collect();
                    format!("{} files ({})", several.len(), names_within(&names, 40))
                }
            };
            let since = files.iter().map(|one| one.since).min();
            let since = since.map_or_else(String::new, |at| format!(" since {}", self.at(at)));
            lines.push(format!("{source}: {of}: {state}{since}"));
            let again = files.iter().filter_map(|one| one.not_before).min();
            let again =
                again.map_or_else(String::new, |at| format!("; asked again from {}", self.at(at)));
            lines.extend(wrapped(&format!("{message}; {hint}{again}"), WIDTH - LABEL - 2, 2));
        }
        if n > MOST_CAUSES {
            let left = n - MOST_CAUSES;
            lines.push(format!("… and {left} more causes: duban status --format json"));
        }
        lines
    }

    /// What a person should look into: corrections after their window, units without a contact.
    fn to_ask(&self) -> Vec<String> {
        let corrections = self.status.closed_corrections.iter().map(|one| {
            format!(
                "correction after {}: {} {} of {}, submission {}",
                one.until, one.dataset, one.period, one.unit_name, one.submission_id
            )
        });
        let mut lines = at_most(2, corrections.collect());
        let unreachable = self.status.unreachable.iter();
        let unreachable = unreachable.map(|(unit, why)| format!("{unit} cannot be reached: {why}"));
        lines.extend(at_most(2, unreachable.collect()));
        lines
    }

    fn collection(&self) -> Vec<String> {
        let rows = &self.status.collection;
        let name = rows.iter().map(|row| row.dataset.width()).max().unwrap_or(0);
        let period = rows.iter().map(|row| row.period.to_string().width()).max().unwrap_or(0);
        let lines = rows.iter().map(|row| {
            let head = format!(
                "{}  {}  ",
                padded(&row.dataset, name),
                padded(&row.period.to_string(), period)
            );
            let room = WIDTH - LABEL - head.width();
            head + &reported(row, room)
        });
        at_most(8, lines.collect())
    }

    fn items(&self) -> Vec<String> {
        let items = &self.status.items;
        if items.by_state.is_empty() {
            return vec!["none".into()];
        }
        let lights = counts(&items.by_light);
        vec![format!(
            "open {}: {lights}; overdue {}; all: {}",
            items.n_open,
            items.n_overdue,
            counts(&items.by_state)
        )]
    }

    fn report(&self) -> Vec<String> {
        let Some(edition) = &self.status.last_edition else { return vec!["none yet".into()] };
        vec![format!(
            "{} {} edition {} of {}",
            edition.report,
            edition.period,
            edition.edition_no,
            self.at(edition.created_at)
        )]
    }

    fn mails(&self) -> Vec<String> {
        let mut lines = vec![counts(&self.status.mails_by_state)];
        let to_see = self.status.mails_to_see.iter().map(|mail| {
            let again = mail
                .not_before
                .map_or_else(String::new, |at| format!(", again at {}", self.at(at)));
            format!(
                "#{} to {} {}{again}: {}",
                mail.delivery_id, mail.recipient, mail.state, mail.last_reply
            )
        });
        lines.extend(at_most(3, to_see.collect()));
        lines
    }

    fn disk(&self) -> Vec<String> {
        let disk = &self.status.disk;
        let parts = [
            ("archive", disk.archive),
            ("snapshots", disk.snapshots),
            ("reports", disk.reports),
            ("mail", disk.mail),
            ("ledger", disk.ledger),
        ];
        let words: Vec<String> =
            parts.iter().map(|(what, bytes)| format!("{what} {}", size(*bytes))).collect();
        vec![words.join(", ")]
    }

    /// An instant as the district's clocks show it.
    fn at(&self, at: Timestamp) -> String {
        self.zone.to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string()
    }
}

/// `29 of 31; overdue: A镇 B镇 +3; returned: C镇`, within the room that there is.
fn reported(row: &Collection, room: usize) -> String {
    if row.n_reported == 0 && row.missing.is_empty() {
        return "nothing has come yet".into();
    }
    let mut text = format!("{} of {}", row.n_reported, row.n_expected);
    if row.missing.is_empty() {
        return text;
    }
    let part = |wanted: &dyn Fn(bool, bool) -> bool| -> Vec<&str> {
        let of_kind = row.missing.iter().filter(|one| wanted(one.returned, one.overdue));
        of_kind.map(|one| one.unit_name.as_str()).collect()
    };
    let kinds = [
        ("returned", part(&|returned, _| returned)),
        ("overdue", part(&|returned, overdue| !returned && overdue)),
        ("awaited", part(&|returned, overdue| !returned && !overdue)),
    ];
    let mut kinds: Vec<_> = kinds.into_iter().filter(|(_, names)| !names.is_empty()).collect();
    let mut left = kinds.len();
    // The short lists first, so that what one does not need is there for the others.
    kinds.sort_by_key(|(_, names)| names.len());
    for (kind, names) in kinds {
        let head = format!("; {kind} {}: ", names.len());
        let share = room.saturating_sub(text.width()) / left;
        text.push_str(&head);
        text.push_str(&names_within(&names, share.saturating_sub(head.width())));
        left -= 1;
    }
    if row.missing.iter().all(|one| !one.overdue) {
        let due = format!("; due {}", row.due_on);
        if text.width() + due.width() <= room {
            text.push_str(&due);
        }
    }
    text
}

/// As many names as fit, and how many do not.
fn names_within(names: &[&str], room: usize) -> String {
    let mut text = String::new();
    for (i, name) in names.iter().enumerate() {
        let left = names.len() - i - 1;
        let more = if left > 0 { format!(" +{left}") } else { String::new() };
        let gap = usize::from(i > 0);
        if text.width() + gap + name.width() + more.width() > room {
            return if i == 0 { "…".to_owned() } else { format!("{text} +{}", names.len() - i) };
        }
        if i > 0 {
            text.push(' ');
        }
        text.push_str(name);
    }
    text
}

/// A text in lines of a width, broken at blanks, with two blanks before each; at most `n` lines.
fn wrapped(text: &str, width: usize, n: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        // The last line is cut where it is shown.
        let is_last = lines.len() == n;
        match lines.last_mut() {
            Some(line) if is_last || line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines
}

/// Lines about one thing: its label stands before the first.
fn section(lines: &mut Vec<String>, label: &str, about: Vec<String>) {
    for (i, line) in about.into_iter().enumerate() {
        let label = padded(if i == 0 { label } else { "" }, LABEL);
        lines.push(cut_to(&format!("{label}{}", line.replace('\n', " ")), WIDTH));
    }
}

/// The first lines, and how many are left out.
fn at_most(n: usize, mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > n {
        let left = lines.len() - n + 1;
        lines.truncate(n - 1);
        lines.push(format!("… and {left} more: duban status --format json"));
    }
    lines
}

/// One text at the left, one at the right.
fn spread(left: &str, right: &str) -> String {
    let room = WIDTH.saturating_sub(left.width() + 2);
    let right = if right.width() <= room { right.to_owned() } else { cut_to(right, room) };
    let gap = WIDTH.saturating_sub(left.width() + right.width()).max(2);
    format!("{left}{}{right}", " ".repeat(gap))
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// A text within a width, with `…` where it was cut. A Chinese character takes two columns.
fn cut_to(text: &str, width: usize) -> String {
    let text = text.trim_end();
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    kept + "…"
}

/// `accepted 96, refused 1`
fn counts<K: Display>(by: &BTreeMap<K, usize>) -> String {
    if by.is_empty() {
        return "none".to_owned();
    }
    by.iter().map(|(what, n)| format!("{what} {n}")).collect::<Vec<_>>().join(", ")
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// Every leaf of a JSON value with its path, such as `last_runs[0].command`.
fn flatten(value: &Value, path: &str, rows: &mut Rows) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(inner, &format!("{path}{dot}{key}"), rows);
            }
        }
        Value::Array(list) => {
            for (i, inner) in list.iter().enumerate() {
                flatten(inner, &format!("{path}[{i}]"), rows);
            }
        }
        leaf => rows.push(vec![json!(path), leaf.clone()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_the_columns_that_they_take() {
        assert_eq!(cut_to("大良镇", 6), "大良镇");
        assert_eq!(cut_to("大良镇", 5), "大良…");
        assert_eq!(cut_to("大良镇", 4), "大…");
        assert_eq!(padded("大良", 6), "大良  ");
        assert_eq!(
            names_within(&["大良镇", "河西务镇", "杨村街道"], 100),
            "大良镇 河西务镇 杨村街道"
        );
        assert_eq!(names_within(&["大良镇", "河西务镇", "杨村街道"], 12), "大良镇 +2");
        assert_eq!(names_within(&["大良镇", "河西务镇"], 3), "…");
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_234_567, "1.2 MB"),
            (250_000_000, "250 MB"),
            (5_000_000_000_000, "5000 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
