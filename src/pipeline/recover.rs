//! Recovery: looks at ledger and disk, takes no other input, and puts back what a killed process left.

use super::{Pipeline, PipelineError, Progress};
use crate::durable::sweep_temporaries;
use crate::ledger::{Recovered, RunId};
use crate::model::DeliveryState;
use crate::snapshot::publish;

/// What recovery found and did.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    pub n_temporaries: usize,
    pub n_decided: usize,
    pub n_published: usize,
    pub deliveries: Vec<Recovered>,
}

impl Pipeline {
    /// Runs at the beginning of every run, under its lease.
    pub(super) fn recover(
        &self,
        run: RunId,
        progress: &dyn Progress,
    ) -> Result<Recovery, PipelineError> {
        let home = &self.config.home;
        let mut recovery = Recovery::default();
        for dir in [home.archive(), home.snapshots(), home.current(), home.reports(), home.mail()] {
            recovery.n_temporaries += sweep_temporaries(&dir)?;
        }
        for submission in self.ledger.undecided()? {
            let key = submission.submission_id.to_string();
            self.step(run, "decide", &key, progress, || self.decide_again(&submission))?;
            recovery.n_decided += 1;
        }
        for cut in self.ledger.current_cuts(None)? {
            let snapshot = home.root().join(&cut.path);
            let current = home.current().join(&cut.dataset).join(format!("{}.parquet", cut.period));
            let as_it_should = match (fs_err::metadata(&snapshot), fs_err::metadata(&current)) {
                (Ok(snapshot), Ok(current)) => snapshot.len() == current.len(),
                (Ok(_), Err(_)) => false,
                (Err(error), _) => return Err(error.into()),
            };
            if !as_it_should {
                publish(&home.current(), &snapshot, &cut.dataset, cut.period)?;
                recovery.n_published += 1;
            }
        }
        recovery.deliveries = self.ledger.recover_deliveries(self.now())?;
        for delivery in &recovery.deliveries {
            if delivery.state == DeliveryState::Uncertain {
                progress.warn(&format!(
                    "mail {} was being sent when the program was stopped; nobody knows whether it arrived: see `duban mail show {}`",
                    delivery.delivery_id, delivery.delivery_id
                ));
            }
        }
        Ok(recovery)
    }
}
