//! How results look on a terminal.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::CliError;
use super::args::Format;
use super::commands::{ledger_error, text};
use super::output::{Rows, put, say};
use crate::ledger::{DeliveryFilter, DeliveryId, Edition};
use crate::model::{DeliveryState, Finding, Item, ItemEvent, ItemEventKind, Severity};
use crate::pipeline::{Built, Pipeline, Plan, RunOptions, RunOutcome, ScheduleStatus, Taken};

/// A file that was taken, with its findings.
pub(super) fn taken(pipeline: &Pipeline, taken: &Taken) {
    let name = pipeline.config().units.get(&taken.reporter).map_or("", |unit| unit.name.as_str());
    let mut words = format!(
        "{}: {} {} {} ({name}) {}, {} rows, submission {}",
        taken.file_name,
        taken.dataset,
        taken.period,
        taken.reporter,
        taken.state,
        taken.n_rows,
        taken.submission_id
    );
    if taken.already {
        words.push_str(", the same bytes as before: nothing changed");
    }
    if taken.late {
        words.push_str(", late");
    }
    put(words);
    let lines = lines(&taken.findings);
    for line in lines.iter().take(MAX_LINES) {
        put(format!("  {line}"));
    }
    if lines.len() > MAX_LINES {
        put(format!("  … and {} more findings", lines.len() - MAX_LINES));
        say(format!(
            "hint: see them all with `duban query \"SELECT * FROM findings WHERE submission_id = {}\"`",
            taken.submission_id
        ));
    }
}

/// How many lines of a list a person reads on a terminal.
const MAX_LINES: usize = 40;

/// A line a finding, what must be mended first; the same note on several sheets is one line.
fn lines(findings: &[Finding]) -> Vec<String> {
    let mut groups: Vec<(&Finding, Vec<String>)> = Vec::new();
    for finding in findings {
        let same = groups.iter_mut().find(|(first, _)| {
            finding.severity == Severity::Note
                && first.severity == Severity::Note
                && (&first.code, &first.read, &first.expected, &first.fix)
                    == (&finding.code, &finding.read, &finding.expected, &finding.fix)
        });
        match same {
            Some((_, places)) => places.push(finding.place.to_string()),
            None => groups.push((finding, vec![finding.place.to_string()])),
        }
    }
    let rank = |severity: Severity| match severity {
        Severity::Error => 0,
        Severity::Confirm => 1,
        Severity::Note => 2,
    };
    groups.sort_by_key(|(finding, _)| rank(finding.severity));
    groups
        .into_iter()
        .map(|(finding, places)| {
            let more =
                if places.len() > 3 { format!(" 等 {} 处", places.len()) } else { String::new() };
            let shown = &places[..places.len().min(3)];
            one_line(finding, &format!("{}{more}", shown.join("、")))
        })
        .collect()
}

fn one_line(finding: &Finding, place: &str) -> String {
    let read = if finding.read.is_empty() {
        String::new()
    } else {
        format!("读到「{}」，", finding.read)
    };
    format!(
        "[{}] {place}：{read}应为：{}。{} ({})",
        finding.severity.label(),
        finding.expected,
        finding.fix,
        finding.code
    )
}

pub(super) fn findings(findings: &[Finding], format: Format) -> Result<(), CliError> {
    if format == Format::Table {
        lines(findings).iter().for_each(put);
        return Ok(());
    }
    let mut rows = Rows::new(&["code", "severity", "sheet", "cell", "read", "expected", "fix"]);
    for finding in findings {
        rows.push(vec![
            json!(finding.code),
            json!(finding.severity.as_str()),
            text(finding.place.sheet.clone()),
            text(finding.place.a1()),
            json!(finding.read),
            json!(finding.expected),
            json!(finding.fix),
        ]);
    }
    Ok(rows.print(format)?)
}

/// What a run did, in a few lines.
pub(super) fn outcome(pipeline: &Pipeline, options: &RunOptions, outcome: &RunOutcome) {
    let returned: Vec<&Taken> = outcome
        .taken
        .iter()
        .filter(|taken| taken.findings.iter().any(|f| f.severity == Severity::Error))
        .collect();
    put(format!(
        "{}: new files {} ({} returned), new snapshots {}, violations {}",
        options.period,
        outcome.taken.len(),
        returned.len(),
        outcome.cuts.iter().filter(|cut| !cut.already).count(),
        outcome.judged.n_violations,
    ));
    for one in returned {
        taken(pipeline, one);
    }
    for cut in &outcome.cuts {
        let missing = if cut.missing_units.is_empty() {
            String::new()
        } else {
            format!(", {} units missing", cut.missing_units.len())
        };
        let new = if cut.already { "unchanged" } else { "new" };
        put(format!(
            "  snapshot {}/{} {} ({} rows{missing}) {new}",
            cut.dataset,
            cut.period,
            cut.snapshot_id.get(..12).unwrap_or(&cut.snapshot_id),
            cut.n_rows
        ));
    }
    let config = pipeline.config();
    if !config.checks.is_empty() {
        put(format!("  items {}", item_changes(&outcome.judged)));
    }
    built(pipeline, &outcome.built);
    for delivery in &outcome.delivered {
        put(format!(
            "  mail {} {} {} {}",
            delivery.delivery_id, delivery.recipient, delivery.state, delivery.last_reply
        ));
    }
    // What a home does not do at all is not said to have been withheld.
    let items = outcome.judged.withheld && !config.checks.is_empty();
    let mails = !options.send && !config.reports.is_empty();
    if !outcome.is_newest && (items || mails) {
        say(format!(
            "note: {} is not the newest due period: {}",
            options.period,
            match (items, mails) {
                (true, true) => {
                    "no item was changed (--items does), nobody was mailed (--send does)"
                }
                (false, _) => "nobody was mailed (--send does)",
                (true, false) => "no item was changed (--items does)",
            }
        ));
    }
}

fn item_changes(judged: &crate::pipeline::JudgeOutcome) -> String {
    let kinds = [
        ItemEventKind::Opened,
        ItemEventKind::Reopened,
        ItemEventKind::Kept,
        ItemEventKind::DataPasses,
        ItemEventKind::DataFails,
        ItemEventKind::Closed,
        ItemEventKind::Withdrawn,
    ];
    let counts: Vec<String> = kinds
        .into_iter()
        .map(|kind| (kind, judged.count(kind)))
        .filter(|(_, n)| *n > 0)
        .map(|(kind, n)| format!("{} {n}", kind.as_str()))
        .collect();
    let words = if counts.is_empty() { "unchanged".to_owned() } else { counts.join(", ") };
    if judged.withheld && !counts.is_empty() {
        format!("{words} (counted, not stored)")
    } else {
        words
    }
}

pub(super) fn built(pipeline: &Pipeline, built: &[Built]) {
    for one in built {
        let edition = &one.edition;
        let new = if one.already { "unchanged" } else { "new" };
        put(format!(
            "  report {} {} edition {} {new}",
            edition.report, edition.period, edition.edition_no
        ));
        for file in edition.files.iter().filter(|file| !file.format.starts_with("image:")) {
            put(format!("    {}", pipeline.config().home.root().join(&file.path).display()));
        }
    }
}

/// A schedule's next due time as the clock on the wall of its zone will show it; `?` if it was counted in a
/// year whose days off are not published.
fn next_of(schedule: &ScheduleStatus) -> String {
    match (schedule.enabled, schedule.next) {
        (false, _) => "off".to_owned(),
        (true, None) => "never".to_owned(),
        (true, Some(next)) => {
            let zone = TimeZone::get(&schedule.timezone).unwrap_or(TimeZone::UTC);
            let civil = zone.to_datetime(next.at).strftime("%Y-%m-%d %H:%M");
            format!("{civil}{}", if next.provisional { "?" } else { "" })
        }
    }
}

pub(super) fn plan(plan: &Plan, format: Format) -> Result<(), CliError> {
    if format != Format::Table {
        let mut rows = Rows::new(&["what", "key", "detail"]);
        for file in &plan.waiting {
            rows.push(vec![json!("take"), json!(file.label), json!(file.size)]);
        }
        for file in &plan.misplaced {
            rows.push(vec![json!("misplaced"), json!(file.label), json!(file.message)]);
        }
        for pull in &plan.pulls {
            rows.push(vec![json!("ask"), json!(pull.source), json!(pull.n_files - pull.n_held)]);
        }
        for cut in &plan.cuts {
            let key = format!("{}/{}", cut.dataset, cut.period);
            rows.push(vec![json!("cut"), json!(key), json!(cut.n_submissions)]);
        }
        for one in &plan.awaited {
            let key = format!("{}/{}", one.dataset, one.period);
            rows.push(vec![json!("await"), json!(key), json!(one.unit_name)]);
        }
        for mail in &plan.reminders.mails {
            let codes: Vec<String> = mail.owed.iter().map(crate::pipeline::Owed::code).collect();
            rows.push(vec![json!("remind"), json!(mail.recipient), json!(codes.join(" "))]);
        }
        for (unit, why) in &plan.reminders.unreachable {
            rows.push(vec![json!("unreachable"), json!(unit), json!(why)]);
        }
        for change in &plan.judged.changes {
            let key = format!("{}/{}", change.item.key.check_id, change.item.key.subject_code);
            rows.push(vec![json!("item"), json!(key), json!(change.kind.as_str())]);
        }
        for (report, to) in &plan.reports {
            rows.push(vec![json!("report"), json!(report), json!(to.join(" "))]);
        }
        for schedule in &plan.schedules {
            let next = schedule.next.map(|next| next.at.to_string());
            rows.push(vec![json!("due"), json!(schedule.name), json!(next)]);
        }
        return Ok(rows.print(format)?);
    }
    put(format!(
        "period {}{}",
        plan.period,
        if plan.is_newest { ", the newest due one" } else { ", not the newest due one" }
    ));
    put(format!("files waiting in the inbox: {}", plan.waiting.len()));
    for file in plan.waiting.iter().take(20) {
        put(format!("  {}", file.label));
    }
    if plan.waiting.len() > 20 {
        put(format!("  … and {} more", plan.waiting.len() - 20));
    }
    for file in &plan.misplaced {
        put(format!("  cannot be taken: {}: {}; {}", file.label, file.message, file.hint));
    }
    for pull in &plan.pulls {
        let held = match pull.n_held {
            0 => String::new(),
            n => format!(", {n} of them not yet: the source named a later time"),
        };
        put(format!("files to ask {} for: {}{held}", pull.source, pull.n_files));
    }
    if !plan.undecided.is_empty() {
        put(format!("submissions to decide again: {}", plan.undecided.len()));
    }
    put(format!("snapshots to cut (before waiting files are taken): {}", plan.cuts.len()));
    for cut in &plan.cuts {
        put(format!(
            "  {}/{} from {} submissions, {} units missing{}",
            cut.dataset,
            cut.period,
            cut.n_submissions,
            cut.n_missing,
            if cut.is_first { ", the first" } else { "" }
        ));
    }
    put(format!("reports awaited: {}", plan.awaited.len()));
    for one in plan.awaited.iter().take(MAX_LINES) {
        let days = one.days_left.abs();
        let left = match one.days_left {
            0 if one.overdue => ", overdue".to_owned(),
            0 => ", today".to_owned(),
            1.. => format!(", {days} working days left"),
            _ => format!(", {days} working days overdue"),
        };
        let returned = if one.returned {
            format!(", last file returned with {} errors", one.n_errors)
        } else {
            String::new()
        };
        put(format!(
            "  {} {} {} due {}{left}{returned}",
            one.dataset, one.period, one.unit_name, one.due_on
        ));
    }
    if plan.awaited.len() > MAX_LINES {
        put(format!("  … and {} more: --format csv has all", plan.awaited.len() - MAX_LINES));
    }
    super::collection::reminder_lines(&plan.reminders);
    put(format!("items, on the snapshots as they are: {}", item_changes(&plan.judged)));
    if !plan.is_newest {
        put("  not stored unless --items");
    }
    for (report, to) in &plan.reports {
        let gate = if plan.is_newest { "" } else { ", not mailed unless --send" };
        put(format!("report {report} to {}{gate}", to.join(" ")));
    }
    put(format!("mails queued: {}", plan.n_queued));
    put(format!("what the daemon does by itself: {}", plan.schedules.len()));
    for schedule in &plan.schedules {
        put(format!(
            "  {:<22} next {:<17} ({}, {})",
            schedule.name,
            next_of(schedule),
            schedule.timing,
            schedule.timezone
        ));
    }
    Ok(())
}

pub(super) fn items(pipeline: &Pipeline, items: &[Item], format: Format) -> Result<(), CliError> {
    let today = pipeline.clock().today();
    let mut rows = Rows::new(&[
        "no", "light", "state", "due_on", "left", "unit", "subject", "check", "observed", "target",
    ]);
    for item in items {
        let left = pipeline.config().calendar.workdays_between(today, item.due_on);
        rows.push(vec![
            json!(item.item_no),
            json!(item.light.label()),
            json!(item.state.label()),
            json!(item.due_on.to_string()),
            json!(left),
            json!(unit_name(pipeline, item.unit_code.as_str())),
            json!(item.subject_name),
            json!(item.check_title),
            number(item.observed),
            number(item.target),
        ]);
    }
    rows.print(format)?;
    if format == Format::Table {
        say(format!("{} items; `left` is in working days", items.len()));
    }
    Ok(())
}

fn number(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| json!((value * 10_000.0).round() / 10_000.0))
}

fn unit_name(pipeline: &Pipeline, code: &str) -> String {
    let code = crate::model::UnitCode::new(code);
    pipeline.config().units.get(&code).map_or_else(|| code.to_string(), |unit| unit.name.clone())
}

pub(super) fn item(
    pipeline: &Pipeline,
    item: &Item,
    events: &[ItemEvent],
    format: Format,
) -> Result<(), CliError> {
    if format == Format::Json {
        put(serde_json::to_string_pretty(&json!({ "item": item, "events": events }))
            .unwrap_or_default());
        return Ok(());
    }
    put(format!("{} 号　{}", item.item_no, item.check_title));
    put(format!("  {}（{}）", item.subject_name, unit_name(pipeline, item.unit_code.as_str())));
    put(format!("  {}", item.detail));
    put(format!(
        "  {}，{}灯，第 {} 次，立项 {}，时限 {}{}",
        item.state.label(),
        item.light.label(),
        item.episode,
        item.opened_on,
        item.due_on,
        if item.due_provisional { "（暂定：该年放假安排尚未公布）" } else { "" }
    ));
    let mut rows = Rows::new(&["at", "kind", "state", "by", "observed", "reason"]);
    for event in events {
        rows.push(vec![
            json!(pipeline.clock().zone().to_datetime(event.at).to_string()),
            json!(event.kind),
            json!(event.to_state.label()),
            json!(event.actor),
            number(event.observed),
            json!(event.reason),
        ]);
    }
    Ok(rows.print(format)?)
}

pub(super) fn editions(editions: &[Edition], format: Format) -> Result<(), CliError> {
    let mut rows =
        Rows::new(&["edition_id", "report", "period", "no", "created_at", "supersedes", "files"]);
    for edition in editions {
        let files: Vec<&str> = edition
            .files
            .iter()
            .filter(|file| !file.format.starts_with("image:"))
            .map(|file| file.path.as_str())
            .collect();
        rows.push(vec![
            json!(edition.edition_id.0),
            json!(edition.report),
            json!(edition.period.to_string()),
            json!(edition.edition_no),
            json!(edition.created_at.to_string()),
            text(edition.supersedes.map(|id| id.0)),
            json!(files.join(" ")),
        ]);
    }
    Ok(rows.print(format)?)
}

pub(super) fn mails(
    pipeline: &Pipeline,
    state: Option<DeliveryState>,
    format: Format,
) -> Result<(), CliError> {
    let filter = DeliveryFilter { state, ..DeliveryFilter::default() };
    let mut rows =
        Rows::new(&["id", "kind", "recipient", "state", "attempts", "not_before", "reply"]);
    for delivery in pipeline.ledger().deliveries(&filter).map_err(ledger_error)? {
        rows.push(vec![
            json!(delivery.delivery_id.0),
            json!(match delivery.kind.as_str() {
                // Which edition of which report it carries.
                "report" => delivery.dedupe_key.rsplit_once(':').map_or("", |(what, _)| what),
                kind => kind,
            }),
            json!(delivery.recipient),
            json!(delivery.state.as_str()),
            json!(delivery.attempts),
            text(delivery.not_before),
            json!(delivery.last_reply),
        ]);
    }
    Ok(rows.print(format)?)
}

pub(super) fn mail(
    pipeline: &Pipeline,
    delivery_id: i64,
    raw: bool,
    format: Format,
) -> Result<(), CliError> {
    let ledger = pipeline.ledger();
    let id = DeliveryId(delivery_id);
    let delivery = ledger.delivery(id).map_err(ledger_error)?;
    let bytes = ledger.delivery_bytes(id).map_err(ledger_error)?;
    if raw {
        use std::io::Write;
        std::io::stdout().lock().write_all(&bytes)?;
        return Ok(());
    }
    let attempts = ledger.attempts(id).map_err(ledger_error)?;
    if format == Format::Json {
        let value = json!({ "delivery": delivery, "attempts": attempts, "size": bytes.len() });
        put(serde_json::to_string_pretty(&value).unwrap_or_default());
        return Ok(());
    }
    put(format!("mail {delivery_id} to {}: {}", delivery.recipient, delivery.state));
    put(format!("  Message-ID <{}>, {} bytes", delivery.message_id, bytes.len()));
    let mut rows = Rows::new(&["attempt", "started_at", "reached", "ended", "code", "reply"]);
    for attempt in attempts {
        rows.push(vec![
            json!(attempt.attempt_no),
            json!(attempt.started_at.to_string()),
            json!(attempt.phase.as_str()),
            text(attempt.state),
            attempt.code.map_or(Value::Null, |code| json!(code)),
            json!(attempt.reply),
        ]);
    }
    Ok(rows.print(format)?)
}
