//! Reports of delivery from the mailbox that `[mail.bounces]` names.

use super::{Pipeline, PipelineError, Progress};
use crate::delivery::{BounceAction, mark_seen, read_bounce, unseen};
use crate::ledger::Returned;

impl Pipeline {
    /// Reads the reports that nobody has looked at. What is about a mail of ours is recorded and marked as seen; all
    /// else stays unseen for the people who read that mailbox. A mailbox that cannot be read is said and holds
    /// nothing up.
    pub(super) fn read_bounces(&self, progress: &dyn Progress) -> Result<(), PipelineError> {
        let Some(maildir) = &self.config.settings.mail.bounces.maildir else { return Ok(()) };
        if self.clock.is_fixed() {
            // A replay asks no mailbox of today.
            return Ok(());
        }
        let maildir = self.config.home.root().join(maildir);
        let mails = match unseen(&maildir) {
            Ok(mails) => mails,
            Err(error) => {
                progress.warn(&format!("mail.bounces: {error}"));
                return Ok(());
            }
        };
        for (path, bytes) in mails {
            let mut is_ours = false;
            for bounce in read_bounce(&bytes) {
                let returned = Returned {
                    message_id: bounce.message_id,
                    recipient: bounce.recipient,
                    has_failed: bounce.action == BounceAction::Failed,
                    status: bounce.status,
                    diagnostic: bounce.diagnostic,
                };
                if let Some(id) = self.ledger.record_bounce(&returned, self.now())? {
                    is_ours = true;
                    let what = if returned.has_failed { "came back" } else { "is late" };
                    let (status, said) = (&returned.status, &returned.diagnostic);
                    progress.warn(&format!(
                        "mail {id} to {} {what}: {status} {said}",
                        returned.recipient
                    ));
                }
            }
            if is_ours {
                mark_seen(&maildir, &path)?;
            }
        }
        Ok(())
    }
}
