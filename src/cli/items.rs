//! `duban items`: a supervisor's desk. What is asked goes to the pipeline; what comes back is shown.

use std::collections::BTreeSet;
use std::time::Duration;

use super::args::{Cli, Format};
use super::commands::{Environment, ledger_error, unit};
use super::items_args::{
    ActArgs, ItemsCommand, ListArgs, NewArgs, SaidArgs, WhichArgs, WhoArgs, YesOrNo,
};
use super::output::say;
use super::{CliError, Verdict, Watch, items_show as show, open};
use crate::config::Config;
use crate::diagnostic::nearest;
use crate::ledger::ItemFilter;
use crate::model::{
    Act, Action, Actor, BY_HAND, Due, Frequency, Item, ItemSource, ItemState, Level, Light,
    NewItem, Period, Said, UnitCode,
};
use crate::pipeline::Pipeline;

/// The levels that an item can belong to.
const LEVELS: [&str; 4] = ["institution", "town", "group", "district"];

pub(super) fn run(
    cli: &Cli,
    environment: &Environment,
    command: &ItemsCommand,
) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    let pipeline = &pipeline;
    use ItemsCommand as C;
    match command {
        C::List(args) => list(cli, pipeline, args),
        C::Show { item_no, format } => show_item(cli, pipeline, *item_no, *format),
        C::Export { file } => super::export::items(cli, pipeline, file).map(|()| Verdict::Done),
        C::New(args) => open_new(cli, pipeline, args),
        C::Stats { by, format } => show::statistics(cli, pipeline, by, *format),
        C::Rules { check, format } => {
            let known = check.as_deref().map(|check| check_id(pipeline, check)).transpose()?;
            show::rules(pipeline, known.as_deref(), *format)
        }
        C::Assign { act, to, due } => {
            let to_unit = to.as_deref().map(|text| unit(pipeline.config(), text)).transpose()?;
            do_act(
                cli,
                pipeline,
                Action::Assign,
                act,
                Said { to_unit, due_on: *due, ..Said::default() },
            )
        }
        C::Sign { act } => do_act(cli, pipeline, Action::Sign, act, Said::default()),
        C::Progress { act, said: words, percent } => {
            let said = Said { progress: *percent, ..said(words) };
            do_act(cli, pipeline, Action::Progress, act, said)
        }
        C::Answer { act, said: words, evidence } => {
            let said = Said { evidence: evidence.clone(), ..said(words) };
            do_act(cli, pipeline, Action::Answer, act, said)
        }
        C::Return { act } => do_act(cli, pipeline, Action::Return, act, Said::default()),
        C::Verify { act } => do_act(cli, pipeline, Action::Verify, act, Said::default()),
        C::Close { act } => do_act(cli, pipeline, Action::Close, act, Said::default()),
        C::LookBack { act, lasted } => {
            let said = Said { lasted: Some(*lasted == YesOrNo::Yes), ..Said::default() };
            do_act(cli, pipeline, Action::LookBack, act, said)
        }
        C::Archive { act } => do_act(cli, pipeline, Action::Archive, act, Said::default()),
        C::Reopen { act, due } => {
            do_act(cli, pipeline, Action::Reopen, act, Said { due_on: *due, ..Said::default() })
        }
        C::Extend { act, until } => {
            let said = Said { due_on: Some(*until), ..Said::default() };
            do_act(cli, pipeline, Action::Extend, act, said)
        }
        C::Grant { act } => do_act(cli, pipeline, Action::Grant, act, Said::default()),
        C::Refuse { act } => do_act(cli, pipeline, Action::Refuse, act, Said::default()),
        C::Suspend { act } => do_act(cli, pipeline, Action::Suspend, act, Said::default()),
        C::Resume { act } => do_act(cli, pipeline, Action::Resume, act, Said::default()),
        C::Withdraw { act } => do_act(cli, pipeline, Action::Withdraw, act, Said::default()),
        C::Note { act } => do_act(cli, pipeline, Action::Note, act, Said::default()),
    }
}

fn said(words: &SaidArgs) -> Said {
    Said { problem: words.problem.clone(), measures: words.measures.clone(), ..Said::default() }
}

fn wrong(message: impl Into<String>, hint: impl Into<String>) -> CliError {
    CliError::Usage { message: message.into(), hint: Some(hint.into()) }
}

fn list(cli: &Cli, pipeline: &Pipeline, args: &ListArgs) -> Result<Verdict, CliError> {
    let mut filter = filter(pipeline, &args.which, args.role.as_deref())?;
    let is_of_done = |state: ItemState| {
        matches!(state, ItemState::Closed | ItemState::Archived | ItemState::Withdrawn)
    };
    filter.open_only = !args.all && !filter.state.is_some_and(is_of_done);
    filter.as_of = cli.as_of;
    let limit = if args.limit == 0 { usize::MAX } else { args.limit };
    let page = pipeline.ledger().item_page(&filter, limit).map_err(ledger_error)?;
    show::list(pipeline, &page, args.format)?;
    Ok(Verdict::Done)
}

fn show_item(
    cli: &Cli,
    pipeline: &Pipeline,
    item_no: i64,
    format: Format,
) -> Result<Verdict, CliError> {
    let item = if cli.as_of.is_none() {
        pipeline.ledger().item(item_no).map_err(ledger_error)?
    } else {
        let filter =
            ItemFilter { item_nos: vec![item_no], as_of: cli.as_of, ..ItemFilter::default() };
        let mut items = pipeline.ledger().items(&filter).map_err(ledger_error)?;
        let message = format!("there was no item {item_no} then");
        items.pop().ok_or_else(|| wrong(message, "leave --as-of away to see it as it is"))?
    };
    let mut events = pipeline.ledger().item_events(item_no).map_err(ledger_error)?;
    events.retain(|event| cli.as_of.is_none_or(|at| event.at <= at));
    show::item(pipeline, &item, &events, format)?;
    Ok(Verdict::Done)
}

/// Does an act to the items that are named, or shows what it would come to.
fn do_act(
    cli: &Cli,
    pipeline: &Pipeline,
    action: Action,
    args: &ActArgs,
    said: Said,
) -> Result<Verdict, CliError> {
    let actor = actor(pipeline.config(), &args.who)?;
    let item_nos = chosen(pipeline, action, args)?;
    if item_nos.is_empty() {
        say("there is no such item: nothing was done");
        return Ok(Verdict::AtFault);
    }
    let reason = args.reason.clone().unwrap_or_default();
    let act = Act { action, actor, reason, said };
    let is_one = args.which.is_empty() && item_nos.len() == 1;
    if args.dry_run || !is_one {
        let foreseen = pipeline.preview(&item_nos, &act)?;
        let n_refused = foreseen.iter().filter(|one| one.outcome.is_err()).count();
        show::foreseen(pipeline, action, &foreseen)?;
        if n_refused > 0 {
            say(format!(
                "error: {n_refused} of {} items refuse it: nothing was done",
                foreseen.len()
            ));
            return Ok(Verdict::AtFault);
        }
        if args.dry_run {
            return Ok(Verdict::Done);
        }
        if !args.yes {
            return Err(wrong(
                format!("{} items would be changed, and were not", foreseen.len()),
                "the same with --yes does it",
            ));
        }
    }
    let watch = Watch::new(cli);
    let patience = Duration::from_secs(args.who.wait);
    let outcome = pipeline.act_within(patience, &item_nos, &act, &watch);
    watch.done();
    show::done(pipeline, &outcome?);
    Ok(Verdict::Done)
}

fn chosen(pipeline: &Pipeline, action: Action, args: &ActArgs) -> Result<Vec<i64>, CliError> {
    if args.which.is_empty() {
        if args.item_nos.is_empty() {
            return Err(wrong(
                "no item is named",
                "name numbers (`duban items list` shows them), or what they have in common, such as --check or --mine",
            ));
        }
        let mut seen = BTreeSet::new();
        return Ok(args.item_nos.iter().copied().filter(|no| seen.insert(*no)).collect());
    }
    let mut filter = filter(pipeline, &args.which, args.who.role.as_deref())?;
    filter.item_nos.clone_from(&args.item_nos);
    let of_done = [Action::Reopen, Action::Archive, Action::LookBack, Action::Note];
    filter.open_only = !of_done.contains(&action);
    let items = pipeline.ledger().items(&filter).map_err(ledger_error)?;
    Ok(items.iter().map(|item| item.item_no).collect())
}

fn open_new(cli: &Cli, pipeline: &Pipeline, args: &NewArgs) -> Result<Verdict, CliError> {
    let config = pipeline.config();
    let actor = actor(config, &args.who)?;
    let code = unit(config, &args.unit)?;
    let Some(at) = config.units.get(&code) else {
        return Err(wrong(format!("there is no unit `{}`", args.unit), "see config/units.csv"));
    };
    let level = match &args.level {
        Some(text) => level(text)?,
        None => match at.level {
            Level::District | Level::Bureau => "district".to_owned(),
            Level::Group => "group".to_owned(),
            Level::Town | Level::Park => "town".to_owned(),
        },
    };
    let known = roles(config);
    for role in [&args.responsible, &args.lead] {
        if role != crate::config::supervision::UNIT_ROLE && !known.contains(role.as_str()) {
            return Err(unknown_role(role, &known));
        }
    }
    let due = match (args.due, args.workdays) {
        (Some(day), _) => Due::On(day),
        (None, Some(n)) => Due::Workdays(n),
        (None, None) => Due::Workdays(config.supervision.life.by_hand_workdays),
    };
    let month = || Period::containing(Frequency::Month, pipeline.clock().today());
    let new = NewItem {
        title: args.title.clone(),
        detail: args.detail.clone(),
        source: source(&args.source)?,
        level,
        unit_code: code,
        subject_name: args.subject.clone().unwrap_or_else(|| at.name.clone()),
        responsible: args.responsible.clone(),
        lead: args.lead.clone(),
        due,
        period: args.period.unwrap_or_else(month),
    };
    if args.dry_run {
        show::would_open(pipeline, &pipeline.preview_new(&new, &actor, &args.reason)?.item);
        return Ok(Verdict::Done);
    }
    let watch = Watch::new(cli);
    let patience = Duration::from_secs(args.who.wait);
    let item = pipeline.open_item_within(patience, &new, &actor, &args.reason, &watch);
    watch.done();
    let item: Item = item?;
    show::opened(pipeline, &item);
    Ok(Verdict::Done)
}

/// The filter that a person's words mean. Whether done items are among them is the command's matter.
fn filter(
    pipeline: &Pipeline,
    which: &WhichArgs,
    default_role: Option<&str>,
) -> Result<ItemFilter, CliError> {
    let config = pipeline.config();
    let mut filter = ItemFilter {
        check_id: which.check.as_deref().map(|text| check_id(pipeline, text)).transpose()?,
        level: which.level.as_deref().map(level).transpose()?,
        light: which.light.as_deref().map(light).transpose()?,
        state: which.state.as_deref().map(state).transpose()?,
        source: which.source.as_deref().map(source).transpose()?,
        overdue_on: which.overdue.then(|| pipeline.clock().today()),
        ..ItemFilter::default()
    };
    for text in &which.unit {
        filter.units.extend(with_towns(config, unit(config, text)?));
    }
    filter.units.sort();
    filter.units.dedup();
    if let Some(text) = &which.mine {
        let text = if text.is_empty() { default_role.unwrap_or("") } else { text };
        if text.is_empty() {
            return Err(wrong(
                "whose items? --mine names no role",
                "--mine ROLE[:UNIT], or DUBAN_ROLE",
            ));
        }
        let (role, of) = role_of(config, text)?;
        let mine = pipeline.waiting_for(&role, of.as_ref());
        filter.waiting = mine.waiting;
        if let Some(of) = of {
            if !filter.units.is_empty() && !filter.units.contains(&of) {
                let message = format!("--unit does not hold {of}, whose items --mine asks for");
                return Err(wrong(message, "leave --unit away"));
            }
            filter.units = vec![of];
        }
    }
    Ok(filter)
}

/// A unit; of a group, its towns too.
fn with_towns(config: &Config, code: UnitCode) -> Vec<UnitCode> {
    let towns = config.units.iter().filter(|unit| unit.group.as_ref() == Some(&code));
    let mut codes: Vec<UnitCode> = towns.map(|unit| unit.code.clone()).collect();
    codes.push(code);
    codes
}

fn check_id(pipeline: &Pipeline, text: &str) -> Result<String, CliError> {
    let mut known: Vec<&str> =
        pipeline.config().checks.iter().map(|rule| rule.id.as_str()).collect();
    known.push(BY_HAND);
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    // A check that was taken out of the definitions leaves its items and versions.
    let of_old = ItemFilter { check_id: Some(text.to_owned()), ..ItemFilter::default() };
    let ledger = pipeline.ledger();
    if ledger.item_page(&of_old, 1).map_err(ledger_error)?.n_total > 0
        || !ledger.rule_versions(Some(text)).map_err(ledger_error)?.is_empty()
    {
        return Ok(text.to_owned());
    }
    Err(unknown("check", text, &known))
}

fn level(text: &str) -> Result<String, CliError> {
    if LEVELS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(unknown("level of items", text, &LEVELS))
}

fn light(text: &str) -> Result<Light, CliError> {
    let named = |light: &&Light| light.as_str() == text || light.label() == text;
    let words: Vec<&str> = Light::ALL.iter().map(|light| light.as_str()).collect();
    Light::ALL.iter().find(named).copied().ok_or_else(|| unknown("light", text, &words))
}

fn state(text: &str) -> Result<ItemState, CliError> {
    let named = |state: &&ItemState| state.as_str() == text || state.label() == text;
    let words: Vec<&str> = ItemState::ALL.iter().map(|state| state.as_str()).collect();
    ItemState::ALL.iter().find(named).copied().ok_or_else(|| unknown("state", text, &words))
}

fn source(text: &str) -> Result<ItemSource, CliError> {
    let named = |source: &&ItemSource| source.as_str() == text || source.label() == text;
    let words: Vec<&str> = ItemSource::ALL.iter().map(|source| source.as_str()).collect();
    ItemSource::ALL.iter().find(named).copied().ok_or_else(|| unknown("source", text, &words))
}

fn unknown(what: &str, text: &str, known: &[&str]) -> CliError {
    let hint = match nearest(text, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", known.join(", ")),
    };
    wrong(format!("there is no {what} `{text}`"), hint)
}

/// The roles that contacts have or that `[roles]` names.
fn roles(config: &Config) -> BTreeSet<&str> {
    let contacts = config.contacts.iter().map(|contact| contact.role.as_str());
    let mut roles: BTreeSet<&str> = config.supervision.roles.named();
    roles.extend(contacts);
    roles
}

fn unknown_role(text: &str, known: &BTreeSet<&str>) -> CliError {
    unknown("role", text, &known.iter().copied().collect::<Vec<_>>())
}

fn actor(config: &Config, who: &WhoArgs) -> Result<Actor, CliError> {
    let Some(text) = who.role.as_deref().filter(|text| !text.is_empty()) else {
        let known: Vec<&str> = roles(config).into_iter().collect();
        return Err(wrong(
            "who acts? no role is named",
            format!("--as ROLE[:UNIT], or DUBAN_ROLE; there are: {}", known.join(", ")),
        ));
    };
    let (role, of) = role_of(config, text)?;
    let unit_code = match of {
        Some(of) => Some(of),
        // A town's clerk acts for that town: which one must be said, unless there is only one of the kind.
        None if is_units_own(&role) => Some(only_unit(config, &role)?),
        None => None,
    };
    Ok(Actor { role: role.into(), unit_code, post: who.post.clone().unwrap_or_default().into() })
}

/// `supervisor`, `town:大良镇`, `unit:120114104` (the unit's own role is that of its level).
fn role_of(config: &Config, text: &str) -> Result<(String, Option<UnitCode>), CliError> {
    let (role, of) = match text.split_once([':', '：']) {
        Some((role, of)) => (role.trim(), Some(unit(config, of.trim())?)),
        None => (text.trim(), None),
    };
    if role == crate::config::supervision::UNIT_ROLE {
        let found = of.as_ref().and_then(|code| config.units.get(code));
        let Some(found) = found else {
            return Err(wrong(
                "`unit` acts for a unit, and none is named",
                "unit:NAME or unit:CODE",
            ));
        };
        return Ok((found.level.as_str().to_owned(), of));
    }
    let known = roles(config);
    if !known.contains(role) {
        return Err(unknown_role(role, &known));
    }
    Ok((role.to_owned(), of))
}

/// Roles that many units have, each for itself.
fn is_units_own(role: &str) -> bool {
    Level::parse(role).is_some_and(|level| level != Level::District) || role == "head"
}

fn only_unit(config: &Config, role: &str) -> Result<UnitCode, CliError> {
    let units: BTreeSet<&UnitCode> = config
        .contacts
        .iter()
        .filter(|contact| contact.role == role)
        .map(|contact| &contact.unit_code)
        .collect();
    match (units.first(), units.len()) {
        (Some(only), 1) => Ok((*only).clone()),
        _ => Err(wrong(
            format!("`{role}` acts for a unit, and none is named"),
            format!("{role}:NAME or {role}:CODE"),
        )),
    }
}
