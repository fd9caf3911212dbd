//! How results look on a terminal.

use jiff::tz::TimeZone;
use serde_json::json;

use super::CliError;
use super::args::Format;
use super::commands::text;
use super::output::{Rows, put, say};
use crate::ledger::{Compared, Effect};
use crate::model::{Finding, ItemEventKind, Severity};
use crate::pipeline::{
    Built, Pipeline, Plan, RuleChange, RunOptions, RunOutcome, ScheduleStatus, Taken,
};

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
        for rule in &outcome.judged.rules {
            rule_lines(rule);
        }
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

/// A rule that is judged under a new version: what differs, and whom that alone concerns.
fn rule_lines(rule: &RuleChange) {
    // All rules of a new home are new: that is no change.
    if rule.compared == Compared::First {
        return;
    }
    put(format!("  rule {} version {}: {}", rule.check_id, rule.version, rule.what));
    if rule.compared != Compared::SameData {
        put(format!("    {}", rule.compared.label()));
        return;
    }
    for effect in Effect::ALL {
        let names: Vec<&str> = rule
            .effects
            .iter()
            .filter(|one| one.effect == effect)
            .map(|one| one.subject_name.as_str())
            .collect();
        let more = if names.len() > 20 { " …" } else { "" };
        if !names.is_empty() {
            let shown = names[..names.len().min(20)].join("、");
            put(format!("    {} {}: {shown}{more}", effect.label(), names.len()));
        }
    }
    if rule.effects.is_empty() {
        put("    新旧规则按同一数据核对，结果相同");
    }
}

pub(super) fn built(pipeline: &Pipeline, built: &[Built]) {
    for one in built {
        let edition = &one.edition;
        let new = if one.already { "unchanged" } else { "new" };
        put(format!(
            "  report {} {}{} edition {} {new}",
            edition.report,
            edition.period,
            if edition.scope.is_empty() { String::new() } else { format!(" {}", edition.scope) },
            edition.edition_no
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
        for slip in &plan.escalation.slips {
            let items: Vec<i64> = slip.items.iter().map(|on| on.item.item_no).collect();
            let to: Vec<&str> = slip.reach.addresses.iter().map(String::as_str).collect();
            let key = format!("{}/{} {items:?}", slip.step.id, slip.unit_code);
            rows.push(vec![json!("escalate"), json!(key), json!(to.join(" "))]);
        }
        for (unit, why) in plan.escalation.unreachable() {
            rows.push(vec![json!("unreachable"), json!(unit), json!(why)]);
        }
        for recipient in &plan.digest.recipients {
            rows.push(vec![json!("digest"), json!(recipient), json!(plan.digest.n_overdue)]);
        }
        for change in &plan.judged.changes {
            let key = format!("{}/{}", change.item.key.check_id, change.item.key.subject_code);
            rows.push(vec![json!("item"), json!(key), json!(change.kind.as_str())]);
        }
        for rule in &plan.judged.rules {
            for effect in &rule.effects {
                let key = format!("{}/{}", rule.check_id, effect.key.subject_code);
                let what = format!(
                    "{} by version {}: {}",
                    effect.effect.as_str(),
                    rule.version,
                    rule.what
                );
                rows.push(vec![json!("rule"), json!(key), json!(what)]);
            }
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
    super::escalation::escalation_lines(&plan.escalation);
    if !plan.digest.recipients.is_empty() {
        put(format!("digests due: {}", plan.digest.recipients.len()));
    }
    put(format!("items, on the snapshots as they are: {}", item_changes(&plan.judged)));
    for rule in &plan.judged.rules {
        rule_lines(rule);
    }
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
