//! `pipelines/_supervision.toml` besides its checks: who may do what to an item, when its light turns, how
//! it is escalated, and when all this is done.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::check::CheckRule;
use super::definition;
use super::schedule::WrittenSchedule;
use super::tables::Contact;
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::Action;
use crate::schedule::Schedule;

/// How a district supervises; proven.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Supervision {
    /// When the newest due period is judged.
    pub schedule: Option<Schedule>,
    pub life: Life,
    pub roles: Roles,
    pub lights: Lights,
    /// The first is that of checks that name none.
    pub ladders: Vec<Ladder>,
    /// When items are escalated and slips go out.
    pub escalation: Option<Schedule>,
    pub digest: Option<Digest>,
}

impl Supervision {
    /// The ladder of a check; none if the district has no ladder, or none of that name.
    pub fn ladder(&self, name: Option<&str>) -> Option<&Ladder> {
        match name {
            None => self.ladders.first(),
            Some(name) => self.ladders.iter().find(|ladder| ladder.name == name),
        }
    }

    /// All schedules of the file: a district's zone is set in those that name none.
    pub fn schedules_mut(&mut self) -> impl Iterator<Item = &mut Schedule> {
        let digest = self.digest.as_mut().and_then(|digest| digest.schedule.as_mut());
        self.schedule.iter_mut().chain(&mut self.escalation).chain(digest)
    }
}

/// `[life]`: the days of an item's life that no check sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Life {
    /// 回头看: so many working days after closing, what was done is looked at again.
    pub look_back_workdays: u32,
    /// The deadline of an item by hand that names none.
    pub by_hand_workdays: u32,
}

impl Default for Life {
    fn default() -> Life {
        Life { look_back_workdays: 60, by_hand_workdays: 15 }
    }
}

/// `[roles]`: which roles may make which transition. What is not in it nobody may.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles {
    table: BTreeMap<Action, Allowed>,
}

/// Who may do something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Allowed {
    /// These roles, at every level.
    Everywhere(Vec<String>),
    /// By the item's level: the next level grants.
    ByLevel(BTreeMap<String, Vec<String>>),
}

/// The role that stands for the contacts of the responsible unit itself.
pub const UNIT_ROLE: &str = "unit";

impl Roles {
    pub fn new(table: BTreeMap<Action, Allowed>) -> Roles {
        Roles { table }
    }

    /// The roles that may do this to an item of this level; [`UNIT_ROLE`] is the responsible unit.
    pub fn may(&self, action: Action, level: &str) -> &[String] {
        match self.table.get(&action) {
            None => &[],
            Some(Allowed::Everywhere(roles)) => roles,
            Some(Allowed::ByLevel(levels)) => levels.get(level).map_or(&[], Vec::as_slice),
        }
    }

    /// All roles that are named anywhere.
    pub fn named(&self) -> BTreeSet<&str> {
        self.table
            .values()
            .flat_map(|allowed| match allowed {
                Allowed::Everywhere(roles) => roles.iter().collect::<Vec<_>>(),
                Allowed::ByLevel(levels) => levels.values().flatten().collect(),
            })
            .map(String::as_str)
            .collect()
    }
}

/// `[lights]`: by progress against plan (序时进度).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lights {
    /// Yellow when so near to the due date, in working days.
    pub near_due_workdays: u32,
    /// Points of progress behind plan from which it is yellow.
    pub behind_yellow: f64,
    /// Points above which it is red.
    pub behind_red: f64,
    /// A better light is shown only after it has lasted so many working days; 0: at once.
    pub better_after_workdays: u32,
    /// From so many changes in one episode on, a light is shown as unsteady (反复).
    pub flapping_changes: u32,
}

impl Default for Lights {
    fn default() -> Lights {
        Lights {
            near_due_workdays: 5,
            behind_yellow: 10.0,
            behind_red: 30.0,
            better_after_workdays: 5,
            flapping_changes: 4,
        }
    }
}

/// `[[ladder]]`: who is told what, and when, as an item runs into and past its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    pub name: String,
    /// In the order in which they are taken: one a day and item at most, none left out but those before
    /// the due date once that is past.
    pub steps: Vec<LadderStep>,
    /// So long an answer stops the ladder, in working days; if nothing follows it goes on.
    pub answer_pause_workdays: u32,
    /// Messages over one item and episode at most.
    pub cap: u32,
}

/// One step of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LadderStep {
    /// Names its template: `report_templates/_slips/<id>.md.j2`.
    pub id: String,
    /// 催办, 督办通知, …
    pub title: String,
    pub when: StepDay,
    /// Contact roles; `unit` is the responsible unit's own, `unit:head` its head, `towns` those of all towns.
    pub to: Vec<String>,
    /// The number of its slips, such as `武督催〔{year}〕{n}号`, counted a year; none: a mail without a slip.
    pub number: Option<String>,
    /// What `escalation` of the item becomes.
    pub level: u8,
    /// It hands the item over (交办): an opened item is then assigned.
    pub assigns: bool,
    /// Taken again after so many working days, until the next step is due.
    pub repeat_workdays: Option<u32>,
    /// Only taken on the last working day of a week or month, so that its paper is one a week or month.
    pub gather: Option<Gather>,
}

/// `gather` of a step: for whose last working day it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gather {
    /// The calendar week, Monday to Sunday.
    Week,
    /// The calendar month.
    Month,
}

/// When a step is due, in working days; the ladder's own clock stands still while it is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepDay {
    /// After the day of opening; 0 is that day.
    Opened(u32),
    /// After the due date, or before it where negative.
    Due(i32),
}

/// `[digest]`: one mail a day of what is due and overdue.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    /// Contact roles.
    pub to: Vec<String>,
    pub schedule: Option<Schedule>,
    /// When the workbook of all items goes with it.
    pub attach_ledger: AttachLedger,
}

/// `attach_ledger` of `[digest]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachLedger {
    /// With the digest of the first working day of a week (Monday to Sunday).
    #[default]
    Weekly,
    Daily,
    Never,
}

/// In `to` of a step: the head (role `head`) of the responsible unit.
pub const UNIT_HEAD: &str = "unit:head";
/// In `to` of a step: the own contacts of every town. Such a step is one paper of all units concerned (通报).
pub const TOWNS: &str = "towns";

impl LadderStep {
    /// One paper a day of all units concerned, instead of one a unit: it goes to all towns.
    pub fn is_joint(&self) -> bool {
        self.to.iter().any(|to| to == TOWNS)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schedule: Option<Spanned<WrittenSchedule>>,
    #[serde(default)]
    life: Life,
    #[serde(default)]
    roles: BTreeMap<Spanned<Action>, Allowed>,
    #[serde(default)]
    lights: Option<Spanned<Lights>>,
    #[serde(default)]
    ladder: Vec<WrittenLadder>,
    escalation: Option<WrittenEscalation>,
    digest: Option<WrittenDigest>,
    #[serde(default, rename = "check")]
    _check: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEscalation {
    schedule: Spanned<WrittenSchedule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDigest {
    to: Vec<Spanned<String>>,
    schedule: Option<Spanned<WrittenSchedule>>,
    #[serde(default)]
    attach_ledger: AttachLedger,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLadder {
    name: Spanned<String>,
    #[serde(default = "five")]
    answer_pause_workdays: u32,
    #[serde(default = "twelve")]
    cap: u32,
    step: Vec<WrittenStep>,
}

fn five() -> u32 {
    5
}

fn twelve() -> u32 {
    12
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    id: Spanned<String>,
    title: Spanned<String>,
    opened_workdays: Option<u32>,
    due_workdays: Option<i32>,
    to: Spanned<Vec<String>>,
    number: Option<Spanned<String>>,
    #[serde(default)]
    level: u8,
    #[serde(default)]
    assigns: bool,
    repeat_workdays: Option<Spanned<u32>>,
    gather: Option<Spanned<Gather>>,
}

/// Reads `pipelines/_supervision.toml` but for its checks.
///
/// # Errors
/// All problems with their places. A file that is no TOML of its shape is one.
pub fn load(file: &str, text: &str) -> Result<Supervision, Vec<Diagnostic>> {
    let written: Written = definition::parse(file, text).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let mut schedule = |written: &Option<Spanned<WrittenSchedule>>| {
        let written = written.as_ref()?;
        written.get_ref().prove(written.span(), |span, message, hint| {
            problems.push(Diagnostic::at(file, text, span, message).hint(hint));
        })
    };
    let judging = schedule(&written.schedule);
    let escalation = written.escalation.map(|table| Some(table.schedule));
    let escalation = escalation.and_then(|table| schedule(&table));
    let digest = written.digest.map(|table| Digest {
        to: table.to.iter().map(|role| role.get_ref().clone()).collect(),
        schedule: schedule(&table.schedule),
        attach_ledger: table.attach_ledger,
    });
    let mut names = BTreeSet::new();
    let mut ladders = Vec::new();
    for ladder in written.ladder {
        if !names.insert(ladder.name.get_ref().clone()) {
            let message = format!("a second ladder `{}`", ladder.name.get_ref());
            problems.push(Diagnostic::at(file, text, ladder.name.span(), message));
        }
        let span = ladder.name.span();
        let proven = prove_ladder(file, text, ladder, &mut problems);
        for message in other_papers(&proven, &ladders) {
            let hint = "a step's id names one paper: give another id where it differs";
            problems.push(Diagnostic::at(file, text, span.clone(), message).hint(hint));
        }
        ladders.push(proven);
    }
    let lights = match written.lights {
        Some(table) => {
            let lights = *table.get_ref();
            let right = lights.behind_yellow >= 0.0 && lights.behind_red >= lights.behind_yellow;
            if !right {
                let message = "behind_red must not be less than behind_yellow, nor either below 0";
                problems.push(Diagnostic::at(file, text, table.span(), message));
            }
            lights
        }
        None => Lights::default(),
    };
    let roles = Roles::new(
        written.roles.into_iter().map(|(action, roles)| (action.into_inner(), roles)).collect(),
    );
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Supervision {
        schedule: judging,
        life: written.life,
        roles,
        lights,
        ladders,
        escalation,
        digest,
    })
}

/// Names that checks use and nobody defines: causes and ladders.
pub fn unknown_names(checks: &[CheckRule], supervision: &Supervision) -> Vec<Diagnostic> {
    let ids: Vec<&str> = checks.iter().map(|rule| rule.id.as_str()).collect();
    let ladders: Vec<&str> = supervision.ladders.iter().map(|l| l.name.as_str()).collect();
    let mut problems = Vec::new();
    for rule in checks {
        let mut refuse = |what: &str, name: &str, known: &[&str]| {
            let message =
                format!("check `{}` names the {what} `{name}`, which is not there", rule.id);
            let mut problem = Diagnostic::file(&rule.file, message);
            problem.line = rule.line;
            problems.push(match nearest(name, known.iter().copied()) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("there are: {}", known.join(", "))),
            });
        };
        for cause in rule.held_by.iter().filter(|cause| !ids.contains(&cause.check.as_str())) {
            refuse("check", &cause.check, &ids);
        }
        if let Some(name) = rule.ladder.as_deref().filter(|name| !ladders.contains(name)) {
            refuse("ladder", name, &ladders);
        }
    }
    problems
}

/// Roles in `to` that nobody has.
pub fn unreachable_roles(supervision: &Supervision, contacts: &[Contact]) -> Vec<Diagnostic> {
    let known: BTreeSet<&str> = contacts.iter().map(|contact| contact.role.as_str()).collect();
    let steps = supervision.ladders.iter().flat_map(|ladder| {
        let places = ladder.steps.iter();
        places.map(|step| (format!("step `{}` of `{}`", step.id, ladder.name), &step.to))
    });
    let digest = supervision.digest.iter().map(|digest| ("[digest]".to_owned(), &digest.to));
    let mut problems = Vec::new();
    for (place, to) in steps.chain(digest) {
        let is_unit = |role: &str| place != "[digest]" && GIVEN_ROLES.contains(&role);
        for role in to.iter().filter(|role| !is_unit(role) && !known.contains(role.as_str())) {
            let message = format!(
                "{place} goes to the role `{role}`, which nobody in config/contacts.csv has"
            );
            let roles = known.iter().copied().chain(GIVEN_ROLES);
            problems.push(Diagnostic::file(FILE, message).did_you_mean(role, roles));
        }
    }
    problems
}

const FILE: &str = "pipelines/_supervision.toml";
const GIVEN_ROLES: [&str; 3] = [UNIT_ROLE, UNIT_HEAD, TOWNS];

/// Steps of other ladders with the same id that are another paper.
fn other_papers(ladder: &Ladder, others: &[Ladder]) -> Vec<String> {
    let of = |step: &LadderStep| (step.title.clone(), step.number.clone(), step.to.clone());
    let mut problems = Vec::new();
    for step in &ladder.steps {
        let same = others.iter().flat_map(|other| other.steps.iter().map(move |s| (other, s)));
        for (other, twin) in same.filter(|(_, twin)| twin.id == step.id) {
            if of(twin) != of(step) {
                problems.push(format!(
                    "step `{}` has another title, number or recipients than in the ladder `{}`",
                    step.id, other.name
                ));
            }
        }
    }
    problems
}

fn prove_ladder(
    file: &str,
    text: &str,
    ladder: WrittenLadder,
    problems: &mut Vec<Diagnostic>,
) -> Ladder {
    let mut ids = BTreeSet::new();
    let mut steps: Vec<LadderStep> = Vec::new();
    let mut wrong = |span, message: String, hint: &str| {
        problems.push(Diagnostic::at(file, text, span, message).hint(hint));
    };
    if ladder.step.is_empty() {
        wrong(ladder.name.span(), "a ladder without steps".into(), "add [[ladder.step]]");
    }
    for step in ladder.step {
        let span = step.id.span();
        let id = step.id.into_inner();
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            wrong(
                span.clone(),
                format!("`{id}` is no id"),
                "letters, digits and _: it names the template",
            );
        }
        if !ids.insert(id.clone()) {
            wrong(
                span.clone(),
                format!("a second step `{id}` in this ladder"),
                "ids are given once",
            );
        }
        let when = match (step.opened_workdays, step.due_workdays) {
            (Some(n), None) => StepDay::Opened(n),
            (None, Some(n)) => StepDay::Due(n),
            _ => {
                let hint = "opened_workdays = 0 (after opening) or due_workdays = 1 (after the due date; -5: before it)";
                wrong(span.clone(), "a step needs one day".into(), hint);
                StepDay::Due(0)
            }
        };
        if let Some(before) = steps.last()
            && order(when) <= order(before.when)
        {
            wrong(
                span.clone(),
                format!("step `{id}` is not after the one before it"),
                "steps stand in the order of their days; those of opening come first",
            );
        }
        if step.to.get_ref().is_empty() {
            wrong(step.to.span(), "a step to nobody".into(), "to = [\"unit\"]");
        }
        if let Some(number) = &step.number
            && !number.get_ref().contains("{n}")
        {
            wrong(
                number.span(),
                "a number without {n} would be the same on every slip".into(),
                "for example 武督催〔{year}〕{n}号",
            );
        }
        if let Some(repeat) = &step.repeat_workdays
            && *repeat.get_ref() == 0
        {
            wrong(repeat.span(), "repeated every 0 working days".into(), "at least 1");
        }
        if let Some(gather) = &step.gather
            && !matches!(when, StepDay::Due(1..))
        {
            wrong(
                gather.span(),
                format!(
                    "step `{id}` gathers before the due date: it might wait until that is past"
                ),
                "only steps with due_workdays of at least 1 gather",
            );
        }
        steps.push(LadderStep {
            id,
            title: step.title.into_inner(),
            when,
            to: step.to.into_inner(),
            number: step.number.map(Spanned::into_inner),
            level: step.level,
            assigns: step.assigns,
            repeat_workdays: step.repeat_workdays.map(Spanned::into_inner),
            gather: step.gather.map(Spanned::into_inner),
        });
    }
    Ladder {
        name: ladder.name.into_inner(),
        steps,
        answer_pause_workdays: ladder.answer_pause_workdays,
        cap: ladder.cap,
    }
}

fn order(when: StepDay) -> (u8, i64) {
    match when {
        StepDay::Opened(n) => (0, i64::from(n)),
        StepDay::Due(n) => (1, i64::from(n)),
    }
}
