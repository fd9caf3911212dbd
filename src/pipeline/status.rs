//! The state of a home in one screen.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::plan::Awaited;
use super::{ClosedCorrection, Pipeline, PipelineError, SourceTrouble};
use crate::ledger::{Cut, DeliveryFilter, Edition, EditionFilter, ItemFilter, Run};
use crate::model::{DeliveryState, Frequency, ItemState, Light, Period, UnitCode};

/// What `duban status` shows.
#[derive(Debug, Clone)]
pub struct Status {
    pub at: Timestamp,
    pub newest_month: Option<Period>,
    pub lease: Option<Run>,
    pub last_runs: Vec<Run>,
    pub n_waiting: usize,
    pub misplaced: Vec<crate::source::Misplaced>,
    /// Files of open periods that a source could not give.
    pub sources: Vec<SourceTrouble>,
    pub n_sources: usize,
    /// Newest snapshot of each data set.
    pub cuts: Vec<Cut>,
    pub awaited: Vec<Awaited>,
    /// Corrections that came after their window and stand: somebody should ask why.
    pub closed_corrections: Vec<ClosedCorrection>,
    /// Units that should have been reminded and cannot be: unit and why.
    pub unreachable: BTreeMap<UnitCode, String>,
    pub items_by_state: BTreeMap<ItemState, usize>,
    pub items_by_light: BTreeMap<Light, usize>,
    pub n_overdue: usize,
    pub last_edition: Option<Edition>,
    pub mails_by_state: BTreeMap<DeliveryState, usize>,
    /// Mails that need a person: refused or uncertain.
    pub mails_to_see: Vec<(i64, String, DeliveryState, String)>,
}

impl Pipeline {
    pub fn status(&self) -> Result<Status, PipelineError> {
        let today = self.clock.today();
        let newest_month = self.newest_due(Frequency::Month);
        let (waiting, misplaced) = self.waiting(&[])?;
        let mut cuts: BTreeMap<String, Cut> = BTreeMap::new();
        for cut in self.ledger.current_cuts(None)? {
            let newer = cuts.get(&cut.dataset).is_none_or(|other| other.period < cut.period);
            if newer {
                cuts.insert(cut.dataset.clone(), cut);
            }
        }
        let items = self.ledger.items(&ItemFilter::default())?;
        let is_open = |state: ItemState| {
            !matches!(state, ItemState::Closed | ItemState::Archived | ItemState::Withdrawn)
        };
        let mut items_by_state = BTreeMap::new();
        let mut items_by_light = BTreeMap::new();
        let mut n_overdue = 0;
        for item in &items {
            *items_by_state.entry(item.state).or_insert(0) += 1;
            if is_open(item.state) {
                *items_by_light.entry(item.light).or_insert(0) += 1;
                n_overdue += usize::from(item.due_on < today);
            }
        }
        let mut mails_by_state = BTreeMap::new();
        let mut mails_to_see = Vec::new();
        for delivery in self.ledger.deliveries(&DeliveryFilter::default())? {
            *mails_by_state.entry(delivery.state).or_insert(0) += 1;
            if matches!(delivery.state, DeliveryState::Refused | DeliveryState::Uncertain) {
                mails_to_see.push((
                    delivery.delivery_id.0,
                    delivery.recipient,
                    delivery.state,
                    delivery.last_reply,
                ));
            }
        }
        let last_edition = self
            .ledger
            .editions(&EditionFilter::default())?
            .into_iter()
            .max_by_key(|edition| edition.edition_id);
        Ok(Status {
            at: self.clock.now(),
            newest_month,
            lease: self.ledger.lease()?,
            last_runs: self.ledger.runs(3)?,
            n_waiting: waiting.len(),
            misplaced,
            sources: self.source_troubles()?,
            n_sources: self.config.sources.len(),
            cuts: cuts.into_values().collect(),
            awaited: match newest_month {
                Some(period) => self.awaited(period)?,
                None => Vec::new(),
            },
            closed_corrections: self.closed_corrections()?,
            unreachable: self.ledger.unreachable()?,
            items_by_state,
            items_by_light,
            n_overdue,
            last_edition,
            mails_by_state,
            mails_to_see,
        })
    }
}
