//! The people who act on items: units sign, report, answer and ask for time; supervisors look at it, send
//! back, close and look again. All of it is invented, and the same on every machine.
//!
//! ## Design notes
//! - What somebody does today follows from the item as it stands and from a temper that is drawn from its
//!   key: so a demo that goes on after it was killed does nothing twice. What an item does not tell (that
//!   an extension was refused before) is asked of its events.
//! - The desk sits on three days a week, and a unit reports and answers on its own of six days in two
//!   weeks, but for what is pressing: the days between would cost the demo minutes and show nothing else.
//! - Acts of one kind, day and actor are one act on many items, as a person marks a list.

use jiff::civil::{Date, Time, Weekday};

use super::matters::{self, Plan};
use super::prng::Prng;
use super::replay::ReplayError;
use super::slips::SILENT_TOWN;
use crate::calendar::Calendar;
use crate::config::Config;
use crate::config::check::ClosesOn;
use crate::daemon::Daemon;
use crate::model::{
    Act, Action, Actor, BY_HAND, Item, ItemEventKind, ItemState, Level, Said, UnitCode,
};
use crate::pipeline::{Hand, ItemFilter, Pipeline, PipelineError, Progress};

/// When the desk sits: with the reminders, so that the clock makes no stop of its own.
pub(super) const OPENS_AT: Time = Time::constant(9, 0, 0, 0);

/// Who reads the reports that are approved before they go out; invented, as all people here.
const APPROVER: &str = "（示例）值班岗";

/// Whether people sit at the desk on a working day.
pub(super) fn sits_on(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Monday | Weekday::Wednesday | Weekday::Friday)
}

/// What all do on the day of the daemon's clock.
pub(super) fn sit(daemon: &Daemon, progress: &dyn Progress) -> Result<(), ReplayError> {
    let pipeline = daemon.pipeline()?;
    let today = pipeline.clock().today();
    matters::bring(&pipeline, today, progress)?;
    // What is done is looked at again once a week.
    let open_only = today.weekday() != Weekday::Wednesday;
    let filter = ItemFilter { open_only, ..ItemFilter::default() };
    let items = pipeline.ledger().items(&filter).map_err(PipelineError::from)?;
    let mut lists: Vec<(Act, Vec<i64>)> = Vec::new();
    for item in &items {
        let Some(act) = wanted(&pipeline, item, today)? else { continue };
        match lists.iter_mut().find(|(same, _)| *same == act) {
            Some((_, item_nos)) => item_nos.push(item.item_no),
            None => lists.push((act, vec![item.item_no])),
        }
    }
    for (act, item_nos) in lists {
        pipeline.act(&item_nos, &act, progress)?;
    }
    for (edition, approvers) in pipeline.awaiting_approval()? {
        let hand = Hand { name: APPROVER.to_owned(), reason: "同意印发".to_owned() };
        if let Some(role) = approvers.first() {
            pipeline.approve(edition, role, &hand, progress)?;
        }
    }
    Ok(())
}

/// How those who answer for an item go about it.
struct Temper {
    /// Never says a word.
    is_mute: bool,
    /// Working days until it is signed for: its unit's habit.
    signs_after: i64,
    /// Working days from then to a report, if there is one before the answer.
    reports_after: Option<i64>,
    is_checked_by_experts: bool,
    /// When it is answered: working days after the due date, before it where negative.
    answers: i32,
    /// Asks for so many working days more; whether they are granted.
    asks: Option<u32>,
    is_granted: bool,
    /// The first answer is sent back.
    is_returned: bool,
    /// Stands still for a while, between two working days of its work.
    suspended: Option<(i64, i64)>,
    /// Working days after which it is withdrawn by a person.
    withdrawn_after: Option<i64>,
    /// What was done is found not to have lasted.
    is_undone: bool,
}

impl Temper {
    fn of(item: &Item) -> Temper {
        let key = &item.key;
        let subject = format!("desk/{}/{}/{}", key.check_id, key.subject_code, item.episode);
        let mut rng = Prng::for_subject(&subject);
        let is_mute = rng.chance(9)
            || key.check_id == "town_silent" && key.subject_code == SILENT_TOWN
            // The form that is missing is the answer.
            || key.check_id == "submission_missing" && rng.chance(60);
        let unit = format!("desk/{}", item.responsible_unit());
        let signs_after = i64::from(Prng::for_subject(&unit).between(1, 3));
        let reports_after = rng.chance(35).then(|| i64::from(rng.between(3, 9)));
        let answers = if rng.chance(16) {
            i32::try_from(rng.between(2, 9)).unwrap_or(2)
        } else {
            -i32::try_from(rng.between(0, 4)).unwrap_or(0)
        };
        let often = if item.due_workdays >= 20 { 45 } else { 0 };
        let asks = rng.chance(often).then(|| *rng.pick(&[10, 15, 20]));
        let mut temper = Temper {
            is_mute,
            signs_after,
            reports_after,
            is_checked_by_experts: rng.chance(40),
            answers,
            asks,
            is_granted: rng.chance(70),
            is_returned: rng.chance(24),
            suspended: None,
            withdrawn_after: None,
            is_undone: item.episode == 1 && rng.chance(9),
        };
        if key.check_id == "facility_short" && rng.chance(20) {
            temper.suspended = Some((8, 25));
        }
        if key.check_id == BY_HAND {
            temper.follow(matters::plan_of(&item.check_title), item.episode);
        }
        temper
    }

    /// A matter that was brought by hand goes as its story has it.
    fn follow(&mut self, plan: Option<Plan>, episode: u32) {
        self.is_mute = false;
        (self.asks, self.is_undone, self.is_returned) = (None, false, false);
        match plan {
            Some(Plan::Granted) => (self.asks, self.is_granted) = (Some(20), true),
            Some(Plan::Refused) => (self.asks, self.is_granted) = (Some(15), false),
            Some(Plan::Undone) => self.is_undone = episode == 1,
            Some(Plan::Suspended) => self.suspended = Some((6, 40)),
            Some(Plan::Withdrawn) => self.withdrawn_after = Some(1),
            Some(Plan::Returned) => self.is_returned = true,
            Some(Plan::Plain) | None => {}
        }
    }
}

/// The act that somebody does on an item today, if anybody does anything.
fn wanted(pipeline: &Pipeline, item: &Item, today: Date) -> Result<Option<Act>, ReplayError> {
    let config = pipeline.config();
    let desk = Desk { config, calendar: &config.calendar, today };
    let temper = Temper::of(item);
    if let Some(act) = desk.supervises(item, &temper) {
        return Ok(Some(act));
    }
    let happened = |kind: ItemEventKind, before: Date| -> Result<bool, ReplayError> {
        let events = pipeline.ledger().item_events(item.item_no).map_err(PipelineError::from)?;
        Ok(events.iter().any(|event| event.kind == kind.as_str() && event.on_date < before))
    };
    if item.asked_due_on.is_some() {
        // Who was asked answers on another day.
        let was_asked = happened(ItemEventKind::ExtensionAsked, today)?;
        return Ok(was_asked.then(|| desk.answers_request(item, &temper)));
    }
    if desk.may_suspend(item, &temper) {
        return Ok((!happened(ItemEventKind::Suspended, Date::MAX)?).then(|| desk.suspends()));
    }
    if item.state != ItemState::Assigned && !desk.is_day_of(item) {
        return Ok(None);
    }
    if let Some(act) = desk.asks(item, &temper) {
        let asked_before = happened(ItemEventKind::ExtensionAsked, Date::MAX)?;
        return Ok(if asked_before { desk.works(item, &temper) } else { Some(act) });
    }
    Ok(desk.works(item, &temper))
}

fn act(action: Action, actor: Actor, reason: &str) -> Act {
    Act { action, actor, reason: reason.to_owned(), said: Said::default() }
}

struct Desk<'a> {
    config: &'a Config,
    calendar: &'a Calendar,
    today: Date,
}

impl Desk<'_> {
    /// Working days since a day; none if there is no such day.
    fn since(&self, day: Option<Date>) -> i64 {
        day.map_or(-1, |day| self.calendar.workdays_between(day, self.today))
    }

    fn of_role(&self, role: &str, unit: Option<&UnitCode>) -> Actor {
        let is_of_unit = |code: &UnitCode| unit.is_none_or(|unit| unit == code);
        let contact =
            self.config.contacts.iter().find(|c| c.role == role && is_of_unit(&c.unit_code));
        Actor {
            role: role.into(),
            unit_code: unit.cloned().or_else(|| contact.map(|c| c.unit_code.clone())),
            post: contact.map(|contact| contact.post.as_str()).unwrap_or_default().into(),
        }
    }

    /// Who answers for an item.
    fn answerer(&self, item: &Item) -> Actor {
        if !item.is_for_its_unit() {
            return self.of_role(&item.responsible, None);
        }
        let code = item.responsible_unit();
        let level = self.config.units.get(code).map_or(Level::Town, |unit| unit.level);
        self.of_role(level.as_str(), Some(code))
    }

    /// Each unit has its own of the desk's six days in two weeks; what is pressing has all.
    fn is_day_of(&self, item: &Item) -> bool {
        let digits = item.responsible_unit().as_str().bytes().map(u32::from).sum::<u32>();
        let day = match self.today.weekday() {
            Weekday::Monday => 0,
            Weekday::Wednesday => 1,
            _ => 2,
        };
        let week = self.today.iso_week_date().week().unsigned_abs() % 2;
        item.due_workdays <= 10 || digits % 6 == day + 3 * u32::from(week)
    }

    /// Whether a person may find the matter done: its data say so, or no data will.
    fn may_be_done(&self, item: &Item) -> bool {
        let rule = self.config.checks.iter().find(|rule| rule.id == item.key.check_id);
        // What was verified to be as it is stays as it is.
        let is_explained = item.key.check_id == "gross_over_full" && item.episode == 1;
        rule.is_none_or(|rule| {
            item.data_passes || is_explained && rule.closes_on == ClosesOn::Verification
        })
    }

    /// What supervisors, experts and the secretariat do.
    fn supervises(&self, item: &Item, temper: &Temper) -> Option<Act> {
        let supervisor = || self.of_role("supervisor", None);
        match item.state {
            ItemState::Answered => {
                let is_first = item.n_returns == 0 && temper.is_returned;
                match (self.may_be_done(item), self.since(item.answered_on)) {
                    (_, 2..) if is_first => {
                        let reason = "佐证材料与反馈内容不一致，请核实后重新反馈";
                        Some(act(Action::Return, supervisor(), reason))
                    }
                    (true, 2..) => {
                        let experts = item.level == "institution" && temper.is_checked_by_experts;
                        let role = if experts { "experts" } else { "supervisor" };
                        let actor = self.of_role(role, None);
                        Some(act(Action::Verify, actor, "经复核，整改到位，佐证齐全"))
                    }
                    _ => None,
                }
            }
            // The ladder hands over on the next morning; what it does not, a person does.
            ItemState::Opened
                if item.held_by.is_none() && self.since(Some(item.opened_on)) >= 3 =>
            {
                Some(act(Action::Assign, supervisor(), ""))
            }
            ItemState::Verified if self.since(item.verified_on) >= 1 => {
                Some(act(Action::Close, supervisor(), "复核通过，予以销号"))
            }
            // What data closed, the program looks back at.
            ItemState::Closed if item.verified_on.is_some() => self.looks_back(item, temper),
            ItemState::Suspended => {
                let (_, until) = temper.suspended?;
                (self.since(item.paused_on) >= until).then(|| {
                    let actor = self.of_role("coordination", None);
                    act(Action::Resume, actor, "中止的原因已消除，恢复办理")
                })
            }
            ItemState::Assigned if temper.withdrawn_after.is_some() => {
                let actor = self.of_role("coordination", None);
                (self.since(item.assigned_on) >= 1)
                    .then(|| act(Action::Withdraw, actor, "与已立项的投诉为同一事项，合并办理"))
            }
            _ => None,
        }
    }

    fn looks_back(&self, item: &Item, temper: &Temper) -> Option<Act> {
        if item.looked_back_on.is_some() {
            let actor = self.of_role("secretariat", None);
            return (self.since(item.looked_back_on) >= 3)
                .then(|| act(Action::Archive, actor, "资料齐全，予以归档"));
        }
        let after = i64::from(self.config.supervision.life.look_back_workdays);
        if self.since(item.closed_on) < after {
            return None;
        }
        let reason = if temper.is_undone {
            "问题反弹，须重新整改"
        } else {
            "整改成效保持，未见反弹"
        };
        let mut wanted = act(Action::LookBack, self.of_role("supervisor", None), reason);
        wanted.said.lasted = Some(!temper.is_undone);
        Some(wanted)
    }

    fn answers_request(&self, item: &Item, temper: &Temper) -> Act {
        let role = if item.level == "district" { "committee" } else { "coordination" };
        let actor = self.of_role(role, None);
        if temper.is_granted {
            act(Action::Grant, actor, "理由充分，同意延期")
        } else {
            act(Action::Refuse, actor, "理由不充分，请按原时限办结")
        }
    }

    fn may_suspend(&self, item: &Item, temper: &Temper) -> bool {
        let after = temper.suspended.map(|(after, _)| after);
        matches!(item.state, ItemState::Signed | ItemState::InWork)
            && after.is_some_and(|after| self.since(item.signed_on) >= after)
    }

    fn suspends(&self) -> Act {
        let actor = self.of_role("coordination", None);
        act(Action::Suspend, actor, "须先完成规划审批，其间无法施工，中止办理")
    }

    /// Asks for more time, in the week before the deadline.
    fn asks(&self, item: &Item, temper: &Temper) -> Option<Act> {
        let days = temper.asks.filter(|_| !temper.is_mute)?;
        let is_at_work =
            matches!(item.state, ItemState::Signed | ItemState::InWork | ItemState::SentBack);
        let opens = self.calendar.shift_workdays(item.due_on, -6).on;
        let may = is_at_work
            && !item.data_passes
            && item.n_extensions == 0
            && (opens..item.due_on).contains(&self.today);
        may.then(|| {
            let reason = "整改涉及招聘和施工周期，原时限内难以完成";
            let mut wanted = act(Action::Extend, self.answerer(item), reason);
            wanted.said.due_on = Some(self.calendar.add_workdays(item.due_on, days).on);
            wanted
        })
    }

    /// What those who answer for it do: sign, report, answer.
    fn works(&self, item: &Item, temper: &Temper) -> Option<Act> {
        if temper.is_mute || item.held_by.is_some() {
            return None;
        }
        let answer_on = self.calendar.shift_workdays(item.due_on, temper.answers).on;
        match item.state {
            ItemState::Assigned => (self.since(item.assigned_on) >= temper.signs_after)
                .then(|| act(Action::Sign, self.answerer(item), "")),
            // A form that comes is the answer to its being missing.
            _ if item.key.check_id == "submission_missing" => None,
            ItemState::Signed | ItemState::InWork if self.today >= answer_on => {
                Some(self.answer(item))
            }
            ItemState::Signed
                if temper.reports_after.is_some_and(|days| self.since(item.signed_on) >= days) =>
            {
                let mut wanted = act(Action::Progress, self.answerer(item), "");
                wanted.said.progress = Some(40);
                wanted.said.problem = Some(Words::of(item).problem.to_owned());
                wanted.said.measures = Some(Words::of(item).measures.to_owned());
                Some(wanted)
            }
            ItemState::SentBack if self.since(item.answered_on) >= 6 => Some(self.answer(item)),
            _ => None,
        }
    }

    fn answer(&self, item: &Item) -> Act {
        let actor = self.answerer(item);
        let unit = item.responsible_unit().as_str();
        let tail = unit.get(unit.len().saturating_sub(3)..).unwrap_or(unit);
        let (year, day) = (self.today.year(), self.today.day_of_year());
        let mut wanted = act(Action::Answer, actor, "");
        wanted.said.progress = Some(100);
        wanted.said.measures = Some(Words::of(item).measures.to_owned());
        wanted.said.evidence = Some(format!("（示例）整改报告〔{year}〕{tail}-{day}号"));
        wanted
    }
}

/// What is said of a matter: invented, in the words of such answers.
struct Words {
    problem: &'static str,
    measures: &'static str,
}

impl Words {
    fn of(item: &Item) -> Words {
        let (problem, measures) = match item.level.as_str() {
            "institution" => {
                ("招聘和改造周期长", "逐园明确专人，限期补齐人员、整改场所，留存佐证材料")
            }
            "town" | "group" => ("公办学位和师资不足", "挖潜扩班、补充教师，引导民办园转为普惠"),
            _ => ("涉及多个部门，协调需要时间", "列入联席会议议题，分解到部门和镇街"),
        };
        Words { problem, measures }
    }
}
