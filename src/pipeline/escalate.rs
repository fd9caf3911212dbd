//! Escalation: a working day's steps of the ladders, the slips over them, and one mail a recipient.
//!
//! ## Design notes
//! - The steps follow from the items and the calendar (`supervise::escalate`). What they come to is worked out
//!   under the run's lease: papers get the next numbers of the ledger, are set and put on disk, and then
//!   one transaction stores items, slips and mails. Killed before it, nothing happened but files that the next
//!   run writes again; killed after it, the mails are delivered and nothing is made twice. Recovery removes
//!   papers that the ledger does not know: a slip that was never issued must not lie about with a number.
//! - A slip is one paper a step, responsible unit and day. A step to all towns (通报) is one of all units.
//! - **One message a recipient and day.** All slips of a day go in one mail. What comes up after a
//!   recipient has had that mail waits for the next working day, as a whole: its items stay where they are.
//! - The reminders of the reports are another mail ([`super::remind`]), of what a clerk owes by the
//!   calendar, whether or not an item stands for it: at most one of each a day.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::civil::Date;
use rayon::prelude::*;

use super::letter::{HEAD, Reach};
use super::slips::{self, Paper};
use super::{Pipeline, PipelineError, Progress};
use crate::calendar::Deadline;
use crate::config::supervision::{LadderStep, TOWNS, UNIT_HEAD, UNIT_ROLE};
use crate::config::tables::Contact;
use crate::durable::{Access, sha256_hex, write_all};
use crate::ledger::{Delivery, ItemFilter, NewSlip, NewSlipMail, RunId, Slip};
use crate::model::{Attachment, Item, ItemChange, Level, UnitCode};
use crate::supervise::{self, Setting};

/// An item on a slip.
#[derive(Debug, Clone)]
pub struct OnSlip {
    /// As the step leaves it.
    pub item: Item,
    /// Working days past the deadline; 0 if it is not past.
    pub overdue_workdays: i64,
    /// By when an answer is asked: the deadline while that is ahead, then the working day before the next
    /// step; none where no step follows.
    pub answer_by: Option<Deadline>,
}

/// A slip that is due today.
#[derive(Debug, Clone)]
pub struct DueSlip {
    pub step: LadderStep,
    /// The responsible unit; of a paper of all units, the district.
    pub unit_code: UnitCode,
    /// By unit, deadline and number.
    pub items: Vec<OnSlip>,
    /// The number in its year, where the step counts.
    pub n: Option<i64>,
    /// As printed; empty without a number.
    pub number: String,
    pub reach: Reach,
    changes: Vec<ItemChange>,
}

/// What a run of the escalation would do today.
#[derive(Debug, Clone, Default)]
pub struct EscalationPlan {
    /// What the calendar alone does to items: lights, provisional deadlines, looks back.
    pub followed: Vec<ItemChange>,
    /// In the order of the ladder, then by unit.
    pub slips: Vec<DueSlip>,
    /// Steps that wait for the next working day: somebody had the day's mail already.
    pub postponed: Vec<DueSlip>,
}

impl EscalationPlan {
    pub fn is_empty(&self) -> bool {
        self.followed.is_empty() && self.slips.is_empty()
    }

    /// Whom today's slips do not reach.
    pub fn unreachable(&self) -> BTreeMap<UnitCode, String> {
        self.slips.iter().flat_map(|slip| slip.reach.trouble.clone()).collect()
    }

    /// The mails: recipient and slips, by index.
    pub fn mails(&self) -> BTreeMap<String, Vec<usize>> {
        let mut mails: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, slip) in self.slips.iter().enumerate() {
            for address in &slip.reach.addresses {
                mails.entry(address.clone()).or_default().push(index);
            }
        }
        mails
    }
}

/// What a run of the escalation did.
#[derive(Debug, Clone, Default)]
pub struct EscalationOutcome {
    /// Items whose light, deadline or state the calendar changed.
    pub n_followed: usize,
    pub slips: Vec<Slip>,
    pub queued: Vec<Delivery>,
    pub delivered: Vec<Delivery>,
    pub n_postponed: usize,
    /// Units that cannot be reached, said for the first time.
    pub unreachable: Vec<(UnitCode, String)>,
}

impl Pipeline {
    /// Takes the steps of the ladders that are due today: a run of its own. On a day off, or if nothing
    /// is due, nothing is done and no run is begun.
    ///
    /// # Errors
    /// If the lease is held, or a template or the page style cannot be rendered: nothing is stored then.
    pub fn escalate(&self, progress: &dyn Progress) -> Result<EscalationOutcome, PipelineError> {
        if self.escalation_due()?.is_empty() {
            return Ok(EscalationOutcome::default());
        }
        self.with_run("escalate", None, progress, |run| {
            let plan = self.escalation_due()?;
            let unreachable = self.note_unreachable(&plan.unreachable(), progress)?;
            let mut outcome = EscalationOutcome {
                n_followed: plan.followed.len(),
                n_postponed: plan.postponed.len(),
                unreachable,
                ..EscalationOutcome::default()
            };
            let today = self.clock.today();
            let papers = if plan.slips.is_empty() {
                Vec::new()
            } else {
                self.step(run, "slip", &today.to_string(), progress, || self.papers(&plan))?
            };
            outcome.queued = self.step(run, "escalate", &today.to_string(), progress, || {
                self.store_escalation(run, &plan, papers)
            })?;
            if !plan.slips.is_empty() {
                outcome.slips = self.ledger.slips(Some(today))?;
            }
            outcome.delivered = self.deliver(run, progress)?;
            Ok(outcome)
        })
    }

    /// What [`Pipeline::escalate`] would do now. On a day off: nothing.
    pub fn escalation_due(&self) -> Result<EscalationPlan, PipelineError> {
        let today = self.clock.today();
        let mut plan = EscalationPlan::default();
        if !self.config.calendar.is_workday(today) {
            return Ok(plan);
        }
        let mut items = self.ledger.items(&ItemFilter::default())?;
        if items.is_empty() {
            return Ok(plan);
        }
        let ground = self.ground_of(&items)?;
        let setting = self.setting(&ground);
        plan.followed = supervise::follow_day(&items, &setting);
        let at: BTreeMap<i64, usize> =
            items.iter().enumerate().map(|(index, item)| (item.item_no, index)).collect();
        for change in &plan.followed {
            if let Some(index) = at.get(&change.item.item_no) {
                items[*index] = change.item.clone();
            }
        }
        let mut due: BTreeMap<(usize, UnitCode), DueSlip> = BTreeMap::new();
        for climb in supervise::escalate(&items, &setting) {
            self.put_on_slip(&mut due, climb, &setting);
        }
        self.number_slips(&mut plan, due.into_values(), today)?;
        Ok(plan)
    }

    /// Puts a step of an item on the slip of its unit, or of all units.
    fn put_on_slip(
        &self,
        due: &mut BTreeMap<(usize, UnitCode), DueSlip>,
        climb: supervise::Climb,
        setting: &Setting<'_>,
    ) {
        let Some((position, step)) = self.step_of(&climb.ladder, &climb.step) else {
            return;
        };
        let item = climb.change.item.clone();
        let unit = match self.config.units.district() {
            Some(district) if step.is_joint() => district.code.clone(),
            _ => item.responsible_unit().clone(),
        };
        let reach = self.reach_step(step, &item);
        let calendar = &self.config.calendar;
        let on_slip = OnSlip {
            overdue_workdays: calendar.workdays_between(item.due_on, setting.today).max(0),
            answer_by: answer_by(&item, setting),
            item,
        };
        let slip = due.entry((position, unit.clone())).or_insert_with(|| DueSlip {
            step: step.clone(),
            unit_code: unit,
            items: Vec::new(),
            n: None,
            number: String::new(),
            reach: Reach::default(),
            changes: Vec::new(),
        });
        slip.items.push(on_slip);
        slip.reach.extend(reach);
        slip.changes.push(climb.change);
    }

    /// A step and its place among all steps. Steps of one id are one paper in every ladder.
    fn step_of(&self, ladder: &str, step: &str) -> Option<(usize, &LadderStep)> {
        let ladders = &self.config.supervision.ladders;
        let all = ladders.iter().flat_map(|ladder| &ladder.steps);
        let position = all.into_iter().position(|other| other.id == step)?;
        let ladder = ladders.iter().find(|other| other.name == ladder)?;
        let step = ladder.steps.iter().find(|other| other.id == step)?;
        Some((position, step))
    }

    /// Whom a step reaches over an item.
    fn reach_step(&self, step: &LadderStep, item: &Item) -> Reach {
        let unit = item.responsible_unit();
        let role = self.responsible_role(item);
        let is_unit = role == UNIT_ROLE;
        let mut reach = Reach::default();
        for to in &step.to {
            reach.extend(match to.as_str() {
                UNIT_ROLE if is_unit => self.reach_unit(unit),
                UNIT_ROLE => self.reach_of(&self.responsible_of(item), unit, role),
                UNIT_HEAD => {
                    let heads = self.contacts_of(unit, HEAD);
                    // Who answers in a role of the district has no head of its own to be told.
                    if heads.is_empty() && !is_unit {
                        continue;
                    }
                    self.reach_of(&heads, unit, HEAD)
                }
                TOWNS => {
                    let towns = self.config.units.iter().filter(|u| u.level == Level::Town);
                    towns.fold(Reach::default(), |mut all, town| {
                        all.extend(self.reach_unit(&town.code));
                        all
                    })
                }
                role => self.reach_of(&self.contacts_with(role), unit, role),
            });
        }
        reach
    }

    /// The role that answers for an item; `unit` is the responsible unit's own. Items of earlier versions do
    /// not say it: their check does.
    pub(super) fn responsible_role<'a>(&'a self, item: &'a Item) -> &'a str {
        if !item.responsible.is_empty() {
            return &item.responsible;
        }
        let rule = self.config.checks.iter().find(|rule| rule.id == item.key.check_id);
        rule.map_or(UNIT_ROLE, |rule| rule.responsible.as_str())
    }

    /// The contacts who answer for an item: the responsible unit's own, or those of a role.
    pub(super) fn responsible_of(&self, item: &Item) -> Vec<&Contact> {
        let unit = item.responsible_unit();
        let role = self.responsible_role(item);
        if role == UNIT_ROLE {
            return self.own_contacts(unit);
        }
        let there = self.contacts_of(unit, role);
        if there.is_empty() { self.contacts_with(role) } else { there }
    }

    /// Parts slips into those of today and those that wait, and gives the former their numbers.
    fn number_slips(
        &self,
        plan: &mut EscalationPlan,
        due: impl Iterator<Item = DueSlip>,
        today: Date,
    ) -> Result<(), PipelineError> {
        let made: BTreeSet<(String, UnitCode)> = self
            .ledger
            .slips(Some(today))?
            .into_iter()
            .map(|slip| (slip.step, slip.unit_code))
            .collect();
        let mailed = self.ledger.slip_recipients(today)?;
        let mut numbers = self.ledger.slip_numbers(today.year())?;
        for mut slip in due {
            let unit_of = |on: &OnSlip| on.item.responsible_unit().clone();
            slip.items.sort_by_key(|on| (unit_of(on), on.item.due_on, on.item.item_no));
            let is_made = made.contains(&(slip.step.id.clone(), slip.unit_code.clone()));
            if is_made || !slip.reach.addresses.is_disjoint(&mailed) {
                plan.postponed.push(slip);
                continue;
            }
            if let Some(pattern) = &slip.step.number {
                let last = numbers.entry(slip.step.id.clone()).or_default();
                *last += 1;
                slip.n = Some(*last);
                slip.number = pattern
                    .replace("{year}", &today.year().to_string())
                    .replace("{n}", &last.to_string());
            }
            plan.slips.push(slip);
        }
        Ok(())
    }

    /// Renders the slips, and puts their papers on disk.
    fn papers(&self, plan: &EscalationPlan) -> Result<Vec<Paper>, PipelineError> {
        let papers: Vec<Paper> = plan
            .slips
            .par_iter()
            .map(|slip| self.paper_of(slip))
            .collect::<Result<_, PipelineError>>()?;
        let folder = self.config.home.slips().join(self.clock.today().to_string());
        let files: Vec<(PathBuf, &[u8])> = plan
            .slips
            .iter()
            .zip(&papers)
            .filter_map(|(slip, paper)| {
                Some((folder.join(slips::file_of(slip)), paper.bytes.as_deref()?))
            })
            .collect();
        write_all(&files, Access::Shared)?;
        Ok(papers)
    }

    /// Freezes the mails and stores everything in one transaction.
    fn store_escalation(
        &self,
        run: RunId,
        plan: &EscalationPlan,
        mut papers: Vec<Paper>,
    ) -> Result<Vec<Delivery>, PipelineError> {
        let (at, today) = (self.now(), self.clock.today());
        let folder = self.config.home.slips().join(today.to_string());
        let mut new_slips = Vec::new();
        for (slip, paper) in plan.slips.iter().zip(&mut papers) {
            new_slips.push(NewSlip {
                step: slip.step.id.clone(),
                title: slip.step.title.clone(),
                year: today.year(),
                n: slip.n,
                number: slip.number.clone(),
                unit_code: slip.unit_code.clone(),
                on: today,
                items: slip.items.iter().map(|on| (on.item.item_no, on.item.episode)).collect(),
                context_json: std::mem::take(&mut paper.context_json),
                file: paper.bytes.as_ref().map(|bytes| {
                    let path = folder.join(slips::file_of(slip));
                    (self.config.home.label(&path), sha256_hex(bytes))
                }),
            });
        }
        let mut mails = Vec::new();
        for (recipient, carried) in plan.mails() {
            let of: Vec<(&DueSlip, &Paper)> =
                carried.iter().map(|index| (&plan.slips[*index], &papers[*index])).collect();
            let attachments = of
                .iter()
                .filter_map(|(_, paper)| {
                    Some(Attachment {
                        file_name: format!("{}.pdf", paper.file_name),
                        media_type: "application/pdf".into(),
                        bytes: paper.bytes.clone()?,
                    })
                })
                .collect();
            let content = self.supervision_mail(&recipient, &of, attachments)?;
            let key = format!("supervision:{recipient}:{today}");
            let mail = self.frozen_mail("supervision", key, &recipient, &content)?;
            mails.push(NewSlipMail { mail, slips: carried });
        }
        let climbed = plan.slips.iter().flat_map(|slip| &slip.changes);
        let changes: Vec<ItemChange> = plan.followed.iter().chain(climbed).cloned().collect();
        let stored = self.ledger.record_escalation(&changes, &new_slips, &mails, run, at, today)?;
        Ok(stored.queued)
    }

    /// Removes papers of slips that the ledger does not know: their run was killed before it stored them.
    pub(super) fn sweep_slips(&self) -> Result<usize, PipelineError> {
        let home = &self.config.home;
        if !home.slips().is_dir() {
            return Ok(0);
        }
        let mut n = crate::durable::sweep_temporaries(&home.slips())?;
        let known = self.ledger.slip_paths()?;
        for day in fs_err::read_dir(home.slips())? {
            let day = day?.path();
            if !day.is_dir() {
                continue;
            }
            for file in fs_err::read_dir(&day)? {
                let path = file?.path();
                if !known.contains(&home.label(&path)) {
                    fs_err::remove_file(&path)?;
                    n += 1;
                }
            }
        }
        Ok(n)
    }
}

/// By when an answer is asked: the deadline while that is ahead, then the working day before the next step,
/// so that an answer within it stops that step.
fn answer_by(item: &Item, setting: &Setting<'_>) -> Option<Deadline> {
    if setting.today <= item.due_on {
        return Some(Deadline { on: item.due_on, provisional: item.due_provisional });
    }
    let next = supervise::next_step(item, setting)?;
    let before = setting.calendar.shift_workdays(next.on, -1).on;
    // A step that is due on the next working day still leaves that day.
    let on = if before > setting.today { before } else { next.on };
    Some(Deadline { on, provisional: next.provisional })
}
