//! The life cycle once more, in another way, driven by long random sequences beside the real one.
//!
//! The model was written from the words of the design (立项 → 交办 → 签收 → 办理 → 反馈 → 复核 → 销号 → 归档, 延期, 中止,
//! 撤销, 回头看, the ladder, the lights), not from the code: states are words in a table, the official days off are
//! spelt out, and the ladder's clock is a counter that ticks when a working day begins.

use duban::model::{Act, Action, Actor, Light, Period};
use jiff::ToSpan;
use jiff::civil::{Date, date};

/// The first day; the last is 28 February 2025, so that nothing reaches an unpublished year.
pub const START: Date = date(2024, 9, 2);
pub const END: Date = date(2025, 2, 28);
pub const TOWNS: [&str; 2] = ["t1", "t2"];
pub const FIGURES: [f64; 5] = [0.4013, 0.4377, 0.4611, 0.4929, 0.3871];

/// 国办发明电〔2023〕7号 and 〔2024〕12号.
fn worked(day: Date) -> bool {
    let (y, m, d) = (day.year(), day.month(), day.day());
    match (y, m, d) {
        (2024, 9, 14 | 29) | (2024, 10, 12) | (2025, 1, 26) | (2025, 2, 8) => true,
        (2024, 9, 15..=17) | (2024, 10, 1..=7) | (2025, 1, 1 | 28..=31) | (2025, 2, 1..=4) => false,
        _ => day.weekday().to_monday_one_offset() <= 5,
    }
}

pub fn later(day: Date, n: i64) -> Date {
    let (mut day, mut n) = (day, n);
    while n > 0 {
        day = day.checked_add(1.day()).unwrap();
        n -= i64::from(worked(day));
    }
    day
}

fn days(from: Date, to: Date) -> i64 {
    let (mut day, mut n) = (from, 0);
    while day < to {
        day = day.checked_add(1.day()).unwrap();
        n += i64::from(worked(day));
    }
    n
}

/// check, working days, closes by data, periods that must pass, withdrawn by a correction, held by `missing`.
pub const CHECKS: [(&str, i64, bool, usize, bool, bool); 3] = [
    ("missing", 3, true, 1, false, false),
    ("share", 10, true, 2, true, true),
    ("visit", 8, false, 1, true, false),
];

/// action, from, to; `=` keeps it, `<` goes back to where it was suspended.
pub const MOVES: &str = "\
assign opened,assigned,signed,in_work,sent_back assigned
sign assigned signed
progress signed,in_work,sent_back in_work
answer signed,in_work,sent_back answered
return answered,verified sent_back
verify answered verified
close verified closed
look_back closed,archived =
archive closed archived
reopen closed,archived,withdrawn opened
extend assigned,signed,in_work,sent_back =
grant opened,assigned,signed,in_work,answered,sent_back,verified =
refuse opened,assigned,signed,in_work,answered,sent_back,verified =
suspend opened,assigned,signed,in_work,answered,sent_back,verified suspended
resume suspended <
withdraw opened,assigned,signed,in_work,answered,sent_back,verified,suspended withdrawn
note opened,assigned,signed,in_work,answered,sent_back,verified,suspended,closed,archived,withdrawn =";

/// Who may, of a town's item.
pub const MAY: &str = "\
assign secretariat,supervisor,coordination,committee
sign unit
progress unit
answer unit
return supervisor,experts,coordination
verify supervisor,experts,coordination
close supervisor,coordination
look_back supervisor,experts,coordination
archive secretariat,supervisor
reopen supervisor,coordination,committee
extend unit
grant coordination
refuse coordination
suspend coordination,committee
resume coordination,committee
withdraw coordination,committee
note unit,bureau,secretariat,supervisor,experts,coordination,committee";

/// Comes out once a week, when its last working day is there.
const CIRCULAR: &str = "circular";

fn is_the_week_s_last(day: Date) -> bool {
    let mut rest = std::iter::successors(day.checked_add(1.day()).ok(), |day| day.tomorrow().ok())
        .take_while(|later| later.weekday() != jiff::civil::Weekday::Monday);
    worked(day) && !rest.any(worked)
}

/// The home's ladder: days past the due date of its steps after the first two, and their levels.
const LADDER: [(&str, i64, u8); 7] = [
    ("assign", 0, 0),
    ("near_due", -5, 0),
    ("urge", 1, 1),
    ("notice", 4, 2),
    (CIRCULAR, 8, 3),
    ("talk", 13, 4),
    ("committee", 18, 5),
];

#[derive(Debug, Clone)]
pub struct Matter {
    pub check: &'static str,
    pub town: &'static str,
    pub state: &'static str,
    pub suspended_from: &'static str,
    pub suspended_days: i64,
    pub unit: String,
    pub episode: u32,
    pub opened: Date,
    pub due: Date,
    /// The newest month that failed, and in this episode the months that passed since.
    pub failed: i8,
    pub passed: Vec<i8>,
    pub passes: bool,
    /// Passed when a person reopened it: does not count.
    pub known_pass: Option<i8>,
    pub by_person: bool,
    pub signed: bool,
    pub answered: Option<Date>,
    pub closed: Option<Date>,
    pub looked: Option<Date>,
    pub asked: Option<(Date, Actor)>,
    pub original_due: Option<Date>,
    pub extensions: u32,
    pub returns: u32,
    pub held: bool,
    pub over: i64,
    pub step: usize,
    pub climbed: Option<Date>,
    pub slips: u32,
    pub level: u8,
    pub baseline: Option<f64>,
    pub figure: Option<f64>,
    pub light: Light,
    pub raw: Light,
    pub better: Option<Date>,
    pub changes: u32,
}

impl Matter {
    pub fn new(
        check: &'static str,
        town: &'static str,
        today: Date,
        due: Date,
        failed: i8,
    ) -> Matter {
        Matter {
            check,
            town,
            state: "opened",
            suspended_from: "",
            suspended_days: 0,
            unit: town.to_owned(),
            episode: 1,
            opened: today,
            due,
            failed,
            passed: Vec::new(),
            passes: false,
            known_pass: None,
            by_person: false,
            signed: false,
            answered: None,
            closed: None,
            looked: None,
            asked: None,
            original_due: None,
            extensions: 0,
            returns: 0,
            held: false,
            over: 0,
            step: 0,
            climbed: None,
            slips: 0,
            level: 0,
            baseline: None,
            figure: None,
            light: Light::Green,
            raw: Light::Green,
            better: None,
            changes: 0,
        }
    }

    pub fn begin(mut self, figure: Option<f64>, today: Date) -> Matter {
        (self.baseline, self.figure) = (figure, figure);
        self.raw = self.raw_light(today);
        self.light = self.raw;
        self
    }

    fn rule(&self) -> Option<(i64, bool, usize, bool, bool)> {
        let rule = CHECKS.iter().find(|(id, ..)| *id == self.check)?;
        Some((rule.1, rule.2, rule.3, rule.4, rule.5))
    }

    fn done(&self) -> bool {
        ["closed", "archived", "withdrawn"].contains(&self.state)
    }

    fn last_pass(&self) -> Option<i8> {
        self.passed.last().copied().or(self.known_pass)
    }

    fn still(&self, today: Date) -> bool {
        self.done()
            || self.held
            || self.passes
            || self.state == "verified"
            || self.state == "suspended"
            || self.state == "answered" && self.answered.is_some_and(|on| days(on, today) <= 5)
    }

    /// A day begins.
    pub fn tick(&mut self, today: Date) {
        if worked(today) && today > self.due && !self.still(today) {
            self.over += 1;
        }
        if worked(today) && self.state == "suspended" {
            self.suspended_days += 1;
        }
    }

    fn raw_light(&self, today: Date) -> Light {
        if self.done() || self.state == "suspended" || self.passes {
            return Light::Green;
        }
        if today > self.due {
            return Light::Red;
        }
        let mut behind = 0.0;
        let total = days(self.opened, self.due);
        if let (Some(from), Some(now), true) = (self.baseline, self.figure, total > 0) {
            #[expect(clippy::cast_precision_loss, reason = "a few days")]
            let planned = (days(self.opened, today) as f64 / total as f64).min(1.0);
            let actual = ((now - from) / (0.5 - from)).clamp(0.0, 1.0);
            behind = 100.0 * (planned - actual);
        }
        if behind > 30.0 {
            Light::Red
        } else if behind >= 10.0 || days(today, self.due) <= 5 {
            Light::Yellow
        } else {
            Light::Green
        }
    }

    fn shine(&mut self, today: Date) {
        let raw = self.raw_light(today);
        if self.done() || self.state == "suspended" {
            (self.light, self.raw, self.better) = (Light::Green, Light::Green, None);
            return;
        }
        self.changes += u32::from(raw != self.raw);
        self.raw = raw;
        if raw >= self.light {
            (self.light, self.better) = (raw, None);
            return;
        }
        let since = self.better.unwrap_or(today);
        (self.light, self.better) =
            if days(since, today) >= 5 { (raw, None) } else { (self.light, Some(since)) };
    }

    pub fn climb(&mut self, today: Date) -> Option<&'static str> {
        if self.still(today) || !worked(today) || self.climbed == Some(today) || self.slips >= 12 {
            return None;
        }
        let mut at = self.step;
        loop {
            let (_, day, _) = *LADDER.get(at)?;
            let handed = self.signed || !["opened", "assigned"].contains(&self.state);
            let skip = if at == 0 { handed } else { day < 0 && today > self.due };
            if !skip {
                break;
            }
            at += 1;
        }
        let (step, day, level) = LADDER[at];
        let due = match at {
            0 => true,
            1 => days(today, self.due) <= -day || today > self.due,
            _ => self.over >= day,
        };
        if !due || step == CIRCULAR && !is_the_week_s_last(today) {
            return None;
        }
        if step == CIRCULAR {
            // What comes after it keeps its distance.
            self.over = day;
        }
        if at == 0 && self.state == "opened" {
            self.state = "assigned";
        }
        self.step = at + 1;
        self.climbed = Some(today);
        self.slips += 1;
        self.level = self.level.max(level);
        Some(step)
    }

    fn end(&mut self, state: &'static str, today: Date) {
        self.state = state;
        self.closed = Some(today);
        self.asked = None;
        self.held = false;
    }

    fn reopened(&self, today: Date, due: Date) -> Matter {
        let mut next = Matter::new(self.check, self.town, today, due, self.failed);
        next.episode = self.episode + 1;
        next.unit.clone_from(&self.unit);
        next
    }
}

pub fn word(table: &str, action: Action) -> Vec<&str> {
    let line = table.lines().find(|line| line.split(' ').next() == Some(action.as_str()));
    line.unwrap_or("new").split(' ').skip(1).collect()
}

/// What an act makes of a matter; nothing if it is refused.
pub fn model_act(matter: &Matter, act: &Act, today: Date) -> Option<Matter> {
    let [from, to] = word(MOVES, act.action)[..] else { return None };
    let rule = matter.rule();
    let by_data = rule.is_some_and(|(_, data, ..)| data);
    let closes_by_data = act.action == Action::Close
        && rule.is_some()
        && matter.passes
        && !matter.done()
        && matter.state != "suspended";
    if !from.split(',').any(|state| state == matter.state) && !closes_by_data {
        return None;
    }
    if matches!(act.action, Action::Verify | Action::Close) && by_data && !matter.passes {
        return None;
    }
    let is_unit = act.actor.unit_code.as_ref().is_some_and(|unit| unit.as_str() == matter.unit)
        && ["town", "head"].contains(&act.actor.role.as_ref());
    let may = word(MAY, act.action)[0];
    if !may.split(',').any(|role| role == act.actor.role || role == "unit" && is_unit) {
        return None;
    }
    let no_reason = act.reason.is_empty();
    let must_say_why = [
        Action::Return,
        Action::Withdraw,
        Action::Extend,
        Action::Refuse,
        Action::Suspend,
        Action::Reopen,
        Action::Note,
    ];
    if no_reason && must_say_why.contains(&act.action) {
        return None;
    }
    let mut next = matter.clone();
    let target = match to {
        "=" => matter.state,
        "<" => matter.suspended_from,
        other => MOVES
            .split([' ', ',', '\n'])
            .find(|state| *state == other)
            .expect("a state of the table"),
    };
    next.state = target;
    match act.action {
        Action::Assign => {
            let other = act.said.to_unit.as_ref().filter(|unit| unit.as_str() != matter.unit);
            if matter.state != "opened" && (other.is_none() || no_reason) {
                return None;
            }
            if let Some(unit) = other {
                if matter.state != "opened" {
                    next.step = 0;
                }
                next.unit = unit.to_string();
                next.asked = None;
            }
            if let Some(due) = act.said.due_on {
                next.due = Some(due).filter(|due| *due > today)?;
                next.step = next.step.min(1);
                next.over = 0;
            }
            next.by_person = true;
            next.signed = false;
        }
        Action::Sign => next.signed = true,
        Action::Answer => next.answered = Some(today),
        Action::Return => next.returns += 1,
        Action::Close => next.end("closed", today),
        Action::Withdraw => next.end("withdrawn", today),
        Action::Extend => {
            let asked = act.said.due_on?;
            if today >= matter.due || matter.asked.is_some() || asked <= matter.due {
                return None;
            }
            next.asked = Some((asked, act.actor.clone()));
        }
        Action::Grant | Action::Refuse => {
            let (until, by) = next.asked.take()?;
            if by == act.actor || is_unit {
                return None;
            }
            if act.action == Action::Grant {
                next.original_due = next.original_due.or(Some(matter.due));
                next.due = Some(until).filter(|until| *until >= today)?;
                next.extensions += 1;
                next.step = next.step.min(1);
                next.over = 0;
            }
        }
        Action::Suspend => {
            (next.suspended_from, next.suspended_days) = (matter.state, 0);
        }
        Action::Resume if matter.suspended_days > 0 => {
            next.due = later(matter.due, matter.suspended_days);
            next.asked = next.asked.map(|(until, by)| (later(until, matter.suspended_days), by));
        }
        Action::LookBack => {
            let lasted = act.said.lasted?;
            if lasted {
                next.looked = Some(today);
            } else if no_reason {
                return None;
            }
        }
        _ => {}
    }
    if act.action == Action::Reopen || act.said.lasted == Some(false) {
        let default = later(today, rule.map_or(15, |(days, ..)| days));
        let due = act.said.due_on.unwrap_or(default);
        if due <= today {
            return None;
        }
        next = matter.reopened(today, due);
        next.known_pass = matter.last_pass();
        next = next.begin(matter.figure, today);
    }
    next.shine(today);
    Some(next)
}

/// A judging of a month: what was found, and who could be judged.
#[derive(Debug, Clone)]
pub struct Judging {
    pub month: i8,
    /// By check and town: found with a figure, judged.
    pub cells: Vec<(Option<usize>, bool)>,
}

impl Judging {
    pub fn cells(
        &self,
    ) -> impl Iterator<Item = (usize, &'static str, &'static str, Option<f64>, bool)> {
        let pairs = CHECKS.iter().enumerate().flat_map(|(at, (check, ..))| {
            TOWNS.iter().enumerate().map(move |(n, town)| (at * TOWNS.len() + n, *check, *town))
        });
        pairs.map(|(at, check, town)| {
            let (found, judged) = self.cells[at];
            (at, check, town, found.map(|n| FIGURES[n]), judged)
        })
    }

    pub fn period(&self) -> Period {
        month(self.month)
    }
}

/// Months are counted from January 2024.
pub fn month(n: i8) -> Period {
    Period::Month { year: 2024 + i16::from((n - 1) / 12), month: (n - 1) % 12 + 1 }
}

pub fn model_judge(matters: &mut Vec<Matter>, judging: &Judging, today: Date) {
    let m = judging.month;
    let mut opening: Vec<(Option<usize>, &'static str, &'static str, f64)> = Vec::new();
    for (_, check, town, found, judged) in judging.cells() {
        let at = matters.iter().position(|one| (one.check, one.town) == (check, town));
        let Some(at) = at else {
            opening.extend(found.map(|figure| (None, check, town, figure)));
            continue;
        };
        let matter = &mut matters[at];
        let (_, by_data, needed, withdrawn, _) = matter.rule().expect("a check");
        let stale = m < matter.failed || matter.last_pass().is_some_and(|last| m < last);
        match found {
            Some(_) if stale => {}
            Some(figure) if matter.done() => {
                if matter.passes || m > matter.failed {
                    opening.push((Some(at), check, town, figure));
                }
            }
            Some(figure) => {
                matter.failed = m;
                matter.figure = Some(figure);
                matter.passed.clear();
                matter.known_pass = None;
                matter.passes = false;
            }
            None if !judged || stale => {}
            None if matter.done() => {
                let known = matter.last_pass().unwrap_or(matter.failed);
                let long_ago = matter.closed.is_some_and(|on| days(on, today) >= 60);
                let fresh = matter.state == "closed" && matter.looked.is_none() && m > known;
                if fresh && by_data && matter.passes && long_ago {
                    matter.looked = Some(today);
                }
            }
            None => {
                let first = matter.last_pass().is_none_or(|last| m > last);
                let untouched = ["opened", "assigned"].contains(&matter.state)
                    && !matter.by_person
                    && !matter.signed
                    && matter.asked.is_none()
                    && matter.extensions == 0;
                let its_own = m == matter.failed && month(m).ends_on() <= matter.opened;
                if !first && !matter.passes {
                    continue;
                }
                let corrected = withdrawn
                    && first
                    && its_own
                    && untouched
                    && matter.episode == 1
                    && !matter.passes;
                if first {
                    matter.passed.push(m);
                }
                matter.passes = true;
                if corrected {
                    matter.end("withdrawn", today);
                } else if by_data && matter.state != "suspended" && matter.passed.len() >= needed {
                    matter.end("closed", today);
                }
            }
        }
    }
    let silent: Vec<&str> = TOWNS
        .into_iter()
        .filter(|town| {
            let is_it = |check: &str, of: &str| check == "missing" && of == *town;
            opening.iter().any(|(_, check, of, _)| is_it(check, of))
                || matters
                    .iter()
                    .any(|one| is_it(one.check, one.town) && !one.done() && !one.passes)
        })
        .collect();
    for matter in matters.iter_mut().filter(|one| one.check != "by_hand" && !one.done()) {
        matter.held = matter.check == "share" && silent.contains(&matter.town);
    }
    for (at, check, town, figure) in opening {
        if check == "share" && silent.contains(&town) {
            continue;
        }
        let workdays = CHECKS.iter().find(|(id, ..)| *id == check).map_or(0, |rule| rule.1);
        let due = later(today, workdays);
        match at {
            None => {
                let matter = Matter::new(check, town, today, due, m).begin(Some(figure), today);
                matters.push(matter);
            }
            Some(at) => {
                let mut next = matters[at].reopened(today, due);
                next.failed = m;
                matters[at] = next.begin(Some(figure), today);
            }
        }
    }
    for matter in matters.iter_mut().filter(|one| one.check != "by_hand") {
        matter.shine(today);
    }
}

pub fn model_day(matters: &mut [Matter], today: Date) {
    let silent = |town: &str, matters: &[Matter]| {
        let mut open = matters.iter().filter(|one| (one.check, one.town) == ("missing", town));
        open.any(|one| !one.done() && !one.passes)
    };
    for at in 0..matters.len() {
        let (check, town) = (matters[at].check, matters[at].town);
        let explained = silent(town, matters);
        let matter = &mut matters[at];
        matter.held &= explained;
        let by_data = CHECKS.iter().any(|rule| rule.0 == check && rule.2);
        let looked = matter.looked.is_some_and(|on| on < today);
        if matter.state == "closed" && by_data && matter.passes && looked {
            matter.state = "archived";
        }
        if !matter.done() {
            matter.shine(today);
        }
    }
}
