//! Recovery: looks at ledger and disk, takes no other input, and puts back what a killed process left.

use super::{Pipeline, PipelineError, Progress};
use crate::durable::sweep_temporaries;
use crate::ledger::{Recovered, RunId};
use crate::model::{DeliveryState, RunState};
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
        if self.may_have_left_files(run)? {
            for dir in
                [home.archive(), home.snapshots(), home.current(), home.reports(), home.mail()]
            {
                recovery.n_temporaries += sweep_temporaries(&dir)?;
            }
            recovery.n_temporaries += self.sweep_slips()?;
            for cut in self.ledger.current_cuts(None)? {
                let snapshot = home.root().join(&cut.path);
                let current =
                    home.current().join(&cut.dataset).join(format!("{}.parquet", cut.period));
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
        }
        for submission in self.ledger.undecided()? {
            let key = submission.submission_id.to_string();
            self.step(run, "decide", &key, progress, || self.decide_again(&submission))?;
            recovery.n_decided += 1;
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

    /// Whether files may be half written or lacking: the run before this one did not come to its end, or it was on
    /// another day. Every folder is walked through for them, which a home of two years would feel at each of its
    /// many runs; once a day is for what the ledger cannot tell, as after a power cut.
    fn may_have_left_files(&self, run: RunId) -> Result<bool, PipelineError> {
        let newest = self.ledger.runs(2)?;
        let before = newest.iter().find(|earlier| earlier.run_id != run);
        Ok(before.is_none_or(|before| {
            before.state != RunState::Done
                || self.clock.date_of(before.started_at) != self.clock.today()
        }))
    }
}
