//! Items as a supervisor reads them: in Chinese on a terminal, in plain words where a program reads.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::args::Format;
use super::commands::{ledger_error, text};
use super::output::{Rows, put, say};
use super::{CliError, Verdict};
use crate::ledger::{ItemPage, RuleVersion};
use crate::model::{
    Action, Actor, Item, ItemChange, ItemEvent, ItemEventKind, ItemState, UnitCode,
};
use crate::pipeline::{ActOutcome, Foreseen, Pipeline};

/// How many lines of a preview a person reads.
const MAX_LINES: usize = 50;

/// A figure as it stands in a list: four digits behind the point tell 49.99 % from 50 %.
fn number(value: Option<f64>) -> Value {
    let Some(value) = value else { return Value::Null };
    let rounded = (value * 10_000.0).round() / 10_000.0;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of less than 53 bits")]
    if rounded.fract() == 0.0 && rounded.abs() < 9e15 {
        return json!(rounded as i64);
    }
    json!(rounded)
}

pub(super) fn unit_name(pipeline: &Pipeline, code: &UnitCode) -> String {
    pipeline.config().units.get(code).map_or_else(|| code.to_string(), |unit| unit.name.clone())
}

/// A role as supervisors call it: the post of its contact, where it has one contact's post for all.
fn role_name(pipeline: &Pipeline, role: &str) -> String {
    match role {
        crate::config::supervision::UNIT_ROLE => return "责任单位".to_owned(),
        Actor::PROGRAM => return "系统".to_owned(),
        _ => {}
    }
    let contacts = &pipeline.config().contacts;
    let mut of_role = contacts.iter().filter(|contact| contact.role == role);
    let first = of_role.next();
    match first {
        Some(first) if of_role.all(|other| other.unit_code == first.unit_code) => {
            format!("{}（{role}）", first.post)
        }
        _ => role.to_owned(),
    }
}

fn actor_name(pipeline: &Pipeline, actor: &Actor) -> String {
    let post = if actor.post.is_empty() {
        match &actor.unit_code {
            Some(code) => format!("{}（{}）", unit_name(pipeline, code), actor.role),
            None => role_name(pipeline, &actor.role),
        }
    } else {
        // Most posts in contacts.csv name their unit: 大黄堡镇学前教育专干.
        let unit = actor.unit_code.as_ref().map(|code| unit_name(pipeline, code));
        let unit = unit.filter(|unit| !actor.post.starts_with(unit.as_str()));
        format!("{}{}（{}）", unit.unwrap_or_default(), actor.post, actor.role)
    };
    post.trim().to_owned()
}

/// Whether its light went to and fro so often that it is shown as unsteady (反复).
fn is_unsteady(pipeline: &Pipeline, item: &Item) -> bool {
    item.light_changes >= pipeline.config().supervision.lights.flapping_changes
}

/// The page of a list, and how many items are not on it.
pub(super) fn list(pipeline: &Pipeline, page: &ItemPage, format: Format) -> Result<(), CliError> {
    let rows = match format {
        Format::Table => list_for_people(pipeline, &page.items),
        Format::Csv | Format::Json | Format::Ndjson => list_for_programs(pipeline, &page.items),
    };
    rows.print(format)?;
    let shown = page.items.len() as u64;
    if format == Format::Table || page.n_total > shown {
        let more = match page.n_total - shown {
            0 => String::new(),
            n => format!("; {n} more: --limit 0 shows all"),
        };
        say(format!("{shown} of {} items; 余 is in working days{more}", page.n_total));
    }
    Ok(())
}

/// The list in plain words and codes.
fn list_for_programs(pipeline: &Pipeline, items: &[Item]) -> Rows {
    let today = pipeline.clock().today();
    let calendar = &pipeline.config().calendar;
    let mut rows = Rows::new(&[
        "no",
        "light",
        "state",
        "due_on",
        "left",
        "unit",
        "subject",
        "check",
        "observed",
        "target",
        "check_id",
        "level",
        "source",
        "unit_code",
        "opened_on",
        "escalation",
        "n_slips",
        "asked_due_on",
        "held_by",
        "unsteady",
    ]);
    for item in items {
        rows.push(vec![
            json!(item.item_no),
            json!(item.light.as_str()),
            json!(item.state.as_str()),
            json!(item.due_on.to_string()),
            json!(calendar.workdays_between(today, item.due_on)),
            json!(unit_name(pipeline, item.responsible_unit())),
            json!(item.subject_name),
            json!(item.check_title),
            number(item.observed),
            number(item.target),
            json!(item.key.check_id),
            json!(item.level),
            json!(item.source.as_str()),
            json!(item.responsible_unit()),
            json!(item.opened_on.to_string()),
            json!(item.escalation),
            json!(item.n_slips),
            text(item.asked_due_on),
            json!(item.held_by),
            json!(is_unsteady(pipeline, item)),
        ]);
    }
    rows
}

/// The list as supervisors read it.
fn list_for_people(pipeline: &Pipeline, items: &[Item]) -> Rows {
    let today = pipeline.clock().today();
    let calendar = &pipeline.config().calendar;
    let mut rows = Rows::new(&[
        "编号",
        "灯号",
        "状态",
        "时限",
        "余",
        "责任单位",
        "对象",
        "事项",
        "当前值",
        "目标值",
        "备注",
    ]);
    for item in items {
        let steady = if is_unsteady(pipeline, item) { "（反复）" } else { "" };
        let mut remarks = Vec::new();
        if let Some(day) = item.asked_due_on {
            remarks.push(format!("申请延至{day}"));
        }
        if let Some(cause) = item.held_by {
            remarks.push(format!("因{cause}号暂缓"));
        }
        if item.escalation > 0 {
            remarks.push(format!("升级{}级", item.escalation));
        }
        if item.data_passes {
            remarks.push("数据已达标".to_owned());
        }
        let left = calendar.workdays_between(today, item.due_on);
        rows.push(vec![
            json!(item.item_no),
            json!(format!("{}{steady}", item.light.label())),
            json!(item.state.label()),
            json!(item.due_on.to_string()),
            if item.is_done() { Value::Null } else { json!(left) },
            json!(unit_name(pipeline, item.responsible_unit())),
            json!(item.subject_name),
            json!(item.check_title),
            number(item.observed),
            number(item.target),
            json!(remarks.join("，")),
        ]);
    }
    rows
}

/// What an act would come to, item by item.
pub(super) fn foreseen(
    pipeline: &Pipeline,
    action: Action,
    foreseen: &[Foreseen],
) -> Result<(), CliError> {
    let mut rows =
        Rows::new(&["编号", "事项", "对象", "责任单位", "现状", "将变为", "时限", "说明"]);
    // Those that refuse first: they are what is to be looked at.
    let (well, refused): (Vec<_>, Vec<_>) = foreseen.iter().partition(|one| one.outcome.is_ok());
    for one in refused.iter().chain(&well).take(MAX_LINES) {
        let item = &one.item;
        let (state, due, words) = match &one.outcome {
            Ok(change) => {
                (change.item.state.label(), change.item.due_on, format!("可以{}", action.label()))
            }
            Err(refusal) => ("—", item.due_on, refusal.to_string()),
        };
        rows.push(vec![
            json!(item.item_no),
            json!(item.check_title),
            json!(item.subject_name),
            json!(unit_name(pipeline, item.responsible_unit())),
            json!(item.state.label()),
            json!(state),
            json!(due.to_string()),
            json!(words),
        ]);
    }
    rows.print(Format::Table)?;
    if foreseen.len() > MAX_LINES {
        say(format!("… and {} more", foreseen.len() - MAX_LINES));
    }
    Ok(())
}

/// What was done, a line an item.
pub(super) fn done(pipeline: &Pipeline, outcome: &ActOutcome) {
    let pairs = outcome.changes.iter().zip(&outcome.items);
    for (change, item) in pairs.take(MAX_LINES) {
        put(format!("{}号　{}", item.item_no, change_line(pipeline, change, item)));
    }
    if outcome.items.len() > MAX_LINES {
        put(format!("… 共 {} 件", outcome.items.len()));
    }
}

fn change_line(pipeline: &Pipeline, change: &ItemChange, item: &Item) -> String {
    let state = match change.from_state {
        Some(from) if from != item.state => format!("{} → {}", from.label(), item.state.label()),
        _ => item.state.label().to_owned(),
    };
    let asked = match item.asked_due_on {
        Some(day) => format!("，申请延至{day}"),
        None => String::new(),
    };
    format!(
        "{}：{}（{}），{state}，时限 {}{asked}",
        change.kind.label(),
        item.check_title,
        unit_name(pipeline, item.responsible_unit()),
        item.due_on,
    )
}

/// An item that was opened by hand.
pub(super) fn opened(pipeline: &Pipeline, item: &Item) {
    put(format!("{}号　{}", item.item_no, opening(pipeline, item)));
}

/// An item that would be opened.
pub(super) fn would_open(pipeline: &Pipeline, item: &Item) {
    put(format!("将立项：{}", opening(pipeline, item)));
}

fn opening(pipeline: &Pipeline, item: &Item) -> String {
    format!(
        "{}：{}（{}），时限 {}",
        item.source.label(),
        item.check_title,
        unit_name(pipeline, item.responsible_unit()),
        item.due_on
    )
}

/// A line `label　value`, if there is a value.
fn field(label: &str, value: impl AsRef<str>) {
    if !value.as_ref().is_empty() {
        put(format!("  {label}：{}", value.as_ref()));
    }
}

fn day(label: &str, value: Option<Date>) {
    if let Some(value) = value {
        field(label, value.to_string());
    }
}

/// One item: fields, what may be done, figures, slips, consequences that are held back, history.
pub(super) fn item(
    pipeline: &Pipeline,
    item: &Item,
    events: &[ItemEvent],
    format: Format,
) -> Result<(), CliError> {
    let ledger = pipeline.ledger();
    let papers = ledger.item_papers(item.item_no).map_err(ledger_error)?;
    let held = ledger.held_by(item.item_no).map_err(ledger_error)?;
    let allowed = pipeline.allowed_acts(item)?;
    let figures = figures(events);
    if format != Format::Table {
        let whole = json!({
            "item": item,
            "events": events,
            "figures": figures.iter().map(|figure| json!({
                "period": figure.period, "observed": figure.observed, "target": figure.target,
                "on": figure.on.to_string(),
            })).collect::<Vec<_>>(),
            "slips": papers,
            "held": held,
            "allowed": allowed.iter().map(|(action, roles)| json!({
                "action": action.as_str(), "roles": roles,
            })).collect::<Vec<_>>(),
        });
        put(match format {
            Format::Ndjson => whole.to_string(),
            _ => serde_json::to_string_pretty(&whole).unwrap_or_default(),
        });
        return Ok(());
    }
    fields(pipeline, item);
    if !allowed.is_empty() {
        put("现在可以办理");
        for (action, roles) in &allowed {
            let names: Vec<String> = roles.iter().map(|role| role_name(pipeline, role)).collect();
            put(format!("  {}（{}）：{}", action.label(), action.as_str(), names.join("、")));
        }
    }
    if !figures.is_empty() {
        put("各期数值");
        let mut rows = Rows::new(&["期", "核对日期", "数值", "目标"]);
        for figure in &figures {
            rows.push(vec![
                json!(figure.period),
                json!(figure.on.to_string()),
                number(figure.observed),
                number(figure.target),
            ]);
        }
        rows.print(Format::Table)?;
    }
    if !papers.is_empty() {
        put("督办文书");
        for paper in &papers {
            let number = if paper.number.is_empty() { "（无文号）" } else { &paper.number };
            put(format!("  {}　{}　{number}", paper.on_date, paper.title));
        }
    }
    if !held.is_empty() {
        put("由本事项说明、暂不另行督办的情形");
        for one in held.iter().take(MAX_LINES) {
            let no = one.item_no.map_or_else(String::new, |no| format!("（{no}号）"));
            let unit = unit_name(pipeline, &one.unit_code);
            put(format!("  {unit}　{}{no}　{}", one.subject_name, one.detail));
        }
    }
    put("经过");
    let mut rows = Rows::new(&["时间", "事件", "状态", "办理人", "数值", "规则版本", "说明"]);
    for event in events {
        let kind = ItemEventKind::ALL.into_iter().find(|kind| kind.as_str() == event.kind);
        let at = pipeline.clock().zone().to_datetime(event.at);
        rows.push(vec![
            json!(at.strftime("%Y-%m-%d %H:%M").to_string()),
            json!(kind.map_or(event.kind.as_str(), |kind| kind.label())),
            json!(event.to_state.label()),
            json!(actor_name(pipeline, &event.actor)),
            number(event.observed),
            if event.rule_version == 0 { Value::Null } else { json!(event.rule_version) },
            json!(event.reason),
        ]);
    }
    Ok(rows.print(Format::Table)?)
}

fn fields(pipeline: &Pipeline, item: &Item) {
    let config = pipeline.config();
    put(format!("{}号　{}", item.item_no, item.check_title));
    let at_fault = unit_name(pipeline, &item.unit_code);
    field(
        "对象",
        if item.subject_name == at_fault {
            at_fault
        } else {
            format!("{}（{at_fault}）", item.subject_name)
        },
    );
    field("情形", &item.detail);
    field("来源", item.source.label());
    let level = match item.level.as_str() {
        "institution" => "园所",
        "town" => "镇街",
        "group" => "组团",
        "district" => "全区",
        other => other,
    };
    field("层级", level);
    let mut state = item.state.label().to_owned();
    if let Some(from) = item.suspended_from {
        state.push_str(&format!("（中止前：{}）", from.label()));
    }
    field("状态", state);
    let steady = if is_unsteady(pipeline, item) {
        format!("，反复（本轮变化{}次）", item.light_changes)
    } else {
        String::new()
    };
    let since = item.light_since.map_or_else(String::new, |day| format!("，自{day}"));
    field("灯号", format!("{}{since}{steady}", item.light.label()));
    let provisional =
        if item.due_provisional { "（暂定：该年放假安排尚未公布）" } else { "" };
    let left = config.calendar.workdays_between(pipeline.clock().today(), item.due_on);
    let left = match left {
        _ if item.is_done() || item.state == ItemState::Suspended => String::new(),
        0.. => format!("，余{left}个工作日"),
        _ => format!("，逾期{}个工作日", -left),
    };
    field("时限", format!("{}{provisional}{left}", item.due_on));
    let mut extension = Vec::new();
    if let Some(day) = item.asked_due_on {
        extension.push(format!("已申请延至{day}，待批"));
    }
    if item.n_extensions > 0 {
        extension.push(format!("已延期{}次", item.n_extensions));
    }
    if let Some(day) = item.original_due_on {
        extension.push(format!("原时限{day}"));
    }
    field("延期", extension.join("，"));
    field("轮次", format!("第{}轮", item.episode));
    if item.data_passes {
        field("数据", "最新数据已达到要求");
    }
    if let Some(cause) = item.held_by {
        field("暂缓", format!("由{cause}号事项说明，其未了结前不另行催办"));
    }
    let responsible = match item.responsible.as_str() {
        "" | crate::config::supervision::UNIT_ROLE => unit_name(pipeline, item.responsible_unit()),
        role => {
            format!(
                "{}　{}",
                unit_name(pipeline, item.responsible_unit()),
                role_name(pipeline, role)
            )
        }
    };
    field("责任单位", responsible);
    if !item.lead.is_empty() {
        field("牵头", role_name(pipeline, &item.lead));
    }
    field(
        "升级级别",
        if item.escalation > 0 { item.escalation.to_string() } else { String::new() },
    );
    field("催办次数", if item.n_slips > 0 { item.n_slips.to_string() } else { String::new() });
    field("退回次数", if item.n_returns > 0 { item.n_returns.to_string() } else { String::new() });
    day("立项日期", Some(item.opened_on));
    day("交办日期", item.assigned_on);
    day("签收日期", item.signed_on);
    field("进展", item.progress.map_or_else(String::new, |percent| format!("{percent}%")));
    field("问题", &item.problem);
    field("措施", &item.measures);
    day("反馈日期", item.answered_on);
    field("佐证", &item.evidence);
    day("复核日期", item.verified_on);
    field("复核意见", &item.opinion);
    day("销号日期", item.closed_on);
    day("回头看", item.looked_back_on);
    day("归档日期", item.archived_on);
    field("备注", &item.remark);
    if item.rule_version > 0 {
        field("规则", format!("{} 第{}版", item.key.check_id, item.rule_version));
    }
}

/// A figure of a judged period, as it was judged last.
struct Figure {
    period: String,
    on: Date,
    observed: Option<f64>,
    target: Option<f64>,
}

/// What was observed, period by period, in the order in which they were judged.
fn figures(events: &[ItemEvent]) -> Vec<Figure> {
    let mut figures: Vec<Figure> = Vec::new();
    let (mut period, mut target) = (String::new(), None);
    for event in events {
        if let Some(Value::String(now)) = event.set.get("period") {
            period.clone_from(now);
        }
        if let Some(now) = event.set.get("target") {
            target = now.as_f64();
        }
        let is_new = event.set.contains_key("observed") || event.set.contains_key("period");
        if !is_new || event.observed.is_none() {
            continue;
        }
        figures.retain(|figure| figure.period != period);
        figures.push(Figure {
            period: period.clone(),
            on: event.on_date,
            observed: event.observed,
            target,
        });
    }
    figures
}

/// The metric that `items stats` reads.
const STATISTICS: &str = "item_statistics";

const STATISTICS_COLUMNS: [(&str, &str); 13] = [
    ("code", "代码"),
    ("title", "名称"),
    ("n_opened", "立项"),
    ("n_closed", "办结"),
    ("n_open", "在办"),
    ("n_overdue", "逾期"),
    ("n_due", "应办结"),
    ("n_on_time", "按期办结"),
    ("close_rate", "办结率"),
    ("on_time_rate", "按期办结率"),
    ("mean_workdays_overdue", "平均逾期工作日"),
    ("return_rate", "退回率"),
    ("extension_rate", "延期率"),
];

/// Statistics of items by a dimension, as the home's metric counts them.
pub(super) fn statistics(
    cli: &super::args::Cli,
    pipeline: &Pipeline,
    by: &str,
    format: Format,
) -> Result<Verdict, CliError> {
    if !pipeline.config().metrics.iter().any(|metric| metric.name == STATISTICS) {
        return Err(CliError::Usage {
            message: format!(
                "this home has no metric `{STATISTICS}`: nothing says how items are counted"
            ),
            hint: Some(format!(
                "add pipelines/_metrics/{STATISTICS}.sql; docs/definitions.md names its columns"
            )),
        });
    }
    let names: Vec<&str> = STATISTICS_COLUMNS.iter().map(|(name, _)| *name).collect();
    let sql = format!(
        "SELECT {} FROM {STATISTICS} WHERE dimension = $by ORDER BY code",
        names.join(", ")
    );
    let session = pipeline.session_for(&sql, cli.as_of)?;
    let result = match session.query(&sql, &[("by", crate::engine::Param::from(by))]) {
        Ok(result) => result,
        Err(error) => {
            say(format!("error: {}", error.to_diagnostic("items stats", &sql, 0)));
            return Ok(Verdict::AtFault);
        }
    };
    let headings: Vec<&str> = match format {
        Format::Table => STATISTICS_COLUMNS.iter().map(|(_, heading)| *heading).collect(),
        _ => names,
    };
    let mut rows = Rows::new(&headings);
    for row in result.rows() {
        let cells = row.cells.iter().map(crate::engine::Cell::to_json);
        rows.push(match format {
            Format::Table => cells
                .zip(STATISTICS_COLUMNS)
                .map(|(value, (name, _))| shown(name, &value))
                .collect(),
            _ => cells.collect(),
        });
    }
    rows.print(format)?;
    Ok(Verdict::Done)
}

/// Rates in percent, cut and not rounded: 99.996 % is not all.
fn shown(name: &str, value: &Value) -> Value {
    match value.as_f64() {
        Some(rate) if name.ends_with("_rate") => {
            json!(format!("{:.1}%", (rate * 1000.0 + 1e-9).floor() / 10.0))
        }
        Some(days) if name.starts_with("mean_") => json!((days * 10.0).round() / 10.0),
        _ => value.clone(),
    }
}

/// Versions of rules: of one check with what each brought about, or the newest of all.
pub(super) fn rules(
    pipeline: &Pipeline,
    check: Option<&str>,
    format: Format,
) -> Result<Verdict, CliError> {
    let ledger = pipeline.ledger();
    let versions: Vec<RuleVersion> = match check {
        Some(check) => ledger.rule_versions(Some(check)).map_err(ledger_error)?,
        None => ledger.newest_rules().map_err(ledger_error)?.into_values().collect(),
    };
    let mut rows = Rows::new(if format == Format::Table {
        &[
            "事项",
            "版本",
            "自",
            "变化",
            "核对方式",
            "因规则立项",
            "因规则销号或达标",
            "因规则继续督办",
            "因规则未立项",
        ]
    } else {
        &["check_id", "version", "since", "what", "compared", "opened", "closed", "kept", "spared"]
    });
    for rule in &versions {
        use crate::ledger::Effect;
        let effects = ledger.rule_effects(&rule.check_id).map_err(ledger_error)?;
        let of = |effect: Effect| {
            let named: Vec<String> = effects
                .iter()
                .filter(|one| one.version == rule.version && one.effect == effect)
                .map(|one| match one.item_no {
                    Some(no) => format!("{no}号{}", one.subject_name),
                    None => one.subject_name.clone(),
                })
                .collect();
            json!(named.join("、"))
        };
        let since = pipeline.clock().zone().to_datetime(rule.since);
        rows.push(vec![
            json!(rule.check_id),
            json!(rule.version),
            json!(match format {
                Format::Table => since.strftime("%Y-%m-%d %H:%M").to_string(),
                _ => rule.since.to_string(),
            }),
            json!(rule.what),
            json!(if format == Format::Table {
                rule.compared.label()
            } else {
                rule.compared.as_str()
            }),
            of(Effect::Opened),
            of(Effect::Closed),
            of(Effect::Kept),
            of(Effect::Spared),
        ]);
    }
    rows.print(format)?;
    if versions.is_empty() {
        say("no rule is on record yet: the first judging records them");
    }
    Ok(Verdict::Done)
}
