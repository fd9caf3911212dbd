//! What people do to items: acts, what they would come to, and items by hand.
//!
//! ## Design notes
//! - An act is a run of its own, under the lease: what it read is what it changes. While another run holds the
//!   home it waits for it, so that no act is lost because the daemon happened to be at work.
//! - Of several items all change, or none: half a bulk act would have to be found out and finished by hand.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Pipeline, PipelineError, Progress, process};
use crate::ledger::{ItemFilter, LedgerError, RunId, Waiting};
use crate::model::{
    Act, Action, Actor, BY_HAND, Item, ItemChange, ItemKey, ItemState, NewItem, UnitCode,
};
use crate::supervise::{Refusal, Setting, act, allowed, open_by_hand};

/// How long an act waits for a run that holds the home.
pub const ACT_PATIENCE: Duration = Duration::from_secs(30);

const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What an act would come to for one item.
#[derive(Debug, Clone)]
pub struct Foreseen {
    pub item: Item,
    pub outcome: Result<ItemChange, Refusal>,
}

/// What was done.
#[derive(Debug, Clone)]
pub struct ActOutcome {
    pub changes: Vec<ItemChange>,
    /// The items as they are afterwards, in the order in which they were named.
    pub items: Vec<Item>,
}

/// An item that may not be acted on as asked.
#[derive(Debug, Clone)]
pub struct RefusedItem {
    /// 0: an item that was to be opened.
    pub item_no: i64,
    pub refusal: Refusal,
}

impl fmt::Display for RefusedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.item_no {
            0 => self.refusal.fmt(f),
            item_no => write!(f, "{item_no}号：{}", self.refusal),
        }
    }
}

/// What acts and judgings go by, besides the definitions.
#[derive(Debug, Clone, Default)]
pub(super) struct Ground {
    pub baselines: BTreeMap<ItemKey, f64>,
    pub versions: BTreeMap<String, u32>,
}

impl Pipeline {
    pub(super) fn setting<'a>(&'a self, ground: &'a Ground) -> Setting<'a> {
        Setting {
            rules: &self.config.checks,
            supervision: &self.config.supervision,
            calendar: &self.config.calendar,
            waves: &self.config.waves,
            today: self.clock.today(),
            baselines: &ground.baselines,
            versions: &ground.versions,
        }
    }

    pub(super) fn ground_of(&self, items: &[Item]) -> Result<Ground, PipelineError> {
        Ok(Ground {
            baselines: self.ledger.item_baselines_of(items)?,
            versions: self.ledger.rule_numbers()?,
        })
    }

    /// The items of these numbers, each once, in this order.
    fn named_items(&self, item_nos: &[i64]) -> Result<Vec<Item>, PipelineError> {
        let mut named = Vec::new();
        for item_no in item_nos {
            if !named.iter().any(|item: &Item| item.item_no == *item_no) {
                named.push(self.ledger.item(*item_no)?);
            }
        }
        Ok(named)
    }

    /// What an act would come to for each item; nothing is changed.
    pub fn preview(&self, item_nos: &[i64], wanted: &Act) -> Result<Vec<Foreseen>, PipelineError> {
        let items = self.named_items(item_nos)?;
        let ground = self.ground_of(&items)?;
        let setting = self.setting(&ground);
        let foresee = |item: Item| {
            let outcome = act(&item, wanted, &setting, &self.config.units);
            Foreseen { item, outcome }
        };
        Ok(items.into_iter().map(foresee).collect())
    }

    /// Does something to items, all of them or none.
    ///
    /// Waits up to [`ACT_PATIENCE`] for a run that holds the home.
    ///
    /// # Errors
    /// [`PipelineError::Refused`] with every item that may not be acted on so;
    /// [`PipelineError::ReadOnly`] at an as-of before the ledger's last event;
    /// [`LedgerError::Held`] if a run holds the home for longer.
    pub fn act(
        &self,
        item_nos: &[i64],
        wanted: &Act,
        progress: &dyn Progress,
    ) -> Result<ActOutcome, PipelineError> {
        self.act_within(ACT_PATIENCE, item_nos, wanted, progress)
    }

    /// As [`Pipeline::act`], with another patience.
    pub fn act_within(
        &self,
        patience: Duration,
        item_nos: &[i64],
        wanted: &Act,
        progress: &dyn Progress,
    ) -> Result<ActOutcome, PipelineError> {
        // What is refused now makes no run. It is looked at again under the lease.
        unless_refused(self.preview(item_nos, wanted)?)?;
        let numbers: Vec<String> = item_nos.iter().map(ToString::to_string).collect();
        let command = format!("items {} {}", wanted.action.as_str(), shortened(&numbers));
        self.with_run_soon(patience, &command, progress, |run| {
            let key = shortened(&numbers);
            self.step(run, "act", &key, progress, || {
                let seen = self.ledger.event_no()?;
                let changes = unless_refused(self.preview(item_nos, wanted)?)?;
                let items = self.store(seen, &changes, run)?;
                Ok(ActOutcome { changes, items })
            })
        })
    }

    /// Opens an item by hand: a meeting's decision, a complaint.
    ///
    /// # Errors
    /// As [`Pipeline::act`].
    pub fn open_item(
        &self,
        new: &NewItem,
        actor: &Actor,
        reason: &str,
        progress: &dyn Progress,
    ) -> Result<Item, PipelineError> {
        self.open_item_within(ACT_PATIENCE, new, actor, reason, progress)
    }

    /// As [`Pipeline::open_item`], with another patience.
    pub fn open_item_within(
        &self,
        patience: Duration,
        new: &NewItem,
        actor: &Actor,
        reason: &str,
        progress: &dyn Progress,
    ) -> Result<Item, PipelineError> {
        let ground = Ground::default();
        let open = |matter: &str| {
            open_by_hand(new, matter, actor, reason, &self.setting(&ground)).map_err(refused_new)
        };
        open("0")?;
        self.with_run_soon(patience, "items new", progress, |run| {
            self.step(run, "act", "new", progress, || {
                let seen = self.ledger.event_no()?;
                let change = open(&self.next_matter()?)?;
                let mut items = self.store(seen, &[change], run)?;
                items.pop().ok_or_else(|| PipelineError::wrong("the ledger gave no item back"))
            })
        })
    }

    /// What opening an item by hand would come to; nothing is changed.
    pub fn preview_new(
        &self,
        new: &NewItem,
        actor: &Actor,
        reason: &str,
    ) -> Result<ItemChange, PipelineError> {
        let ground = Ground::default();
        let matter = self.next_matter()?;
        open_by_hand(new, &matter, actor, reason, &self.setting(&ground)).map_err(refused_new)
    }

    /// What may be done to an item now, and by which roles.
    pub fn allowed_acts(&self, item: &Item) -> Result<Vec<(Action, Vec<String>)>, PipelineError> {
        let ground = self.ground_of(std::slice::from_ref(item))?;
        Ok(allowed(item, &self.setting(&ground)))
    }

    /// The filter of what waits for a role: the next act of each is the role's (or the unit's own).
    ///
    /// With a unit: of those for which it is responsible.
    pub fn waiting_for(&self, role: &str, unit: Option<&UnitCode>) -> ItemFilter {
        let roles = &self.config.supervision.roles;
        let may = |action: Action, level: &str| {
            roles.may(action, level).iter().any(|allowed| {
                allowed == role
                    || allowed == crate::config::supervision::UNIT_ROLE && unit.is_some()
            })
        };
        let mut waiting = Vec::new();
        for level in ["institution", "town", "group", "district"] {
            for (state, action) in NEXT {
                if may(action, level) {
                    waiting.push(Waiting::In { state, level: level.to_owned() });
                }
            }
            if may(Action::Grant, level) {
                waiting.push(Waiting::Asked { level: level.to_owned() });
            }
        }
        ItemFilter {
            units: unit.cloned().into_iter().collect(),
            waiting: Some(waiting),
            open_only: true,
            ..ItemFilter::default()
        }
    }

    fn store(
        &self,
        seen: i64,
        changes: &[ItemChange],
        run: RunId,
    ) -> Result<Vec<Item>, PipelineError> {
        let (at, on) = (self.now(), self.clock.today());
        Ok(self.ledger.apply_item_changes_seen(seen, changes, Some(run), at, on)?)
    }

    /// The code of the next matter that is opened by hand: `2024-001`, counted by year.
    fn next_matter(&self) -> Result<String, PipelineError> {
        let by_hand = ItemFilter { check_id: Some(BY_HAND.to_owned()), ..ItemFilter::default() };
        let year = self.clock.today().year();
        let last = self
            .ledger
            .items(&by_hand)?
            .iter()
            .filter_map(|item| {
                let (of, n) = item.key.subject_code.split_once('-')?;
                (of == year.to_string()).then(|| n.parse::<u32>().ok())?
            })
            .max();
        Ok(format!("{year}-{:03}", last.unwrap_or(0) + 1))
    }

    /// As [`Pipeline::with_run`], but waits for a living run that holds the home.
    pub(super) fn with_run_soon<T>(
        &self,
        patience: Duration,
        command: &str,
        progress: &dyn Progress,
        work: impl Fn(RunId) -> Result<T, PipelineError>,
    ) -> Result<T, PipelineError> {
        let mut waited = Duration::ZERO;
        loop {
            let result = self.with_run(command, None, progress, &work);
            match result {
                Err(PipelineError::Ledger(LedgerError::Held { .. })) if waited < patience => {
                    if waited.is_zero()
                        && let Some(run) = self.ledger.lease()?
                        && process::is_alive(&run.holder)
                    {
                        progress.warn(&format!(
                            "run {} ({}, {}) holds this home since {}; waiting for it, {} s at most",
                            run.run_id,
                            run.command,
                            run.holder,
                            run.started_at,
                            patience.as_secs()
                        ));
                    }
                    std::thread::sleep(LOOK_AGAIN);
                    waited += LOOK_AGAIN;
                }
                other => return other,
            }
        }
    }
}

/// The act that an item of a state waits for.
const NEXT: [(ItemState, Action); 7] = [
    (ItemState::Opened, Action::Assign),
    (ItemState::Assigned, Action::Sign),
    (ItemState::Signed, Action::Answer),
    (ItemState::InWork, Action::Answer),
    (ItemState::SentBack, Action::Answer),
    (ItemState::Answered, Action::Verify),
    (ItemState::Verified, Action::Close),
];

fn refused_new(refusal: Refusal) -> PipelineError {
    PipelineError::Refused(vec![RefusedItem { item_no: 0, refusal }])
}

/// The changes, if none of them is refused.
fn unless_refused(foreseen: Vec<Foreseen>) -> Result<Vec<ItemChange>, PipelineError> {
    let mut changes = Vec::new();
    let mut refused = Vec::new();
    for one in foreseen {
        match one.outcome {
            Ok(change) => changes.push(change),
            Err(refusal) => refused.push(RefusedItem { item_no: one.item.item_no, refusal }),
        }
    }
    if refused.is_empty() { Ok(changes) } else { Err(PipelineError::Refused(refused)) }
}

/// `1 2 3 … (40)`: a run's command is read by people.
fn shortened(numbers: &[String]) -> String {
    match numbers {
        [] => String::new(),
        few if few.len() <= 12 => few.join(" "),
        many => format!("{} … ({})", many[..12].join(" "), many.len()),
    }
}
