use jiff::Timestamp;

use super::act::RefusedItem;
use crate::archive::ArchiveError;
use crate::diagnostic::Diagnostic;
use crate::engine::SqlError;
use crate::ledger::LedgerError;
use crate::snapshot::SnapshotError;

/// Why a run, a step or a command failed. Written for the operator, with the whole chain of causes.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("query")]
    Sql(#[from] SqlError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{}", list(.0))]
    Definitions(Vec<Diagnostic>),
    #[error(
        "as of {as_of} the ledger is read-only: its last event is of {last}. Leave --as-of away, or name a later instant"
    )]
    ReadOnly { as_of: Timestamp, last: Timestamp },
    /// In Chinese: a supervisor reads it. Nothing was done.
    #[error("{}", refusals(.0))]
    Refused(Vec<RefusedItem>),
    #[error("{message}")]
    Wrong { message: String, hint: Option<String> },
    #[error("{what} failed")]
    Step {
        what: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn list(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn refusals(refused: &[RefusedItem]) -> String {
    refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl PipelineError {
    /// What the operator asked for cannot be done as asked.
    pub fn wrong(message: impl Into<String>) -> PipelineError {
        PipelineError::Wrong { message: message.into(), hint: None }
    }

    /// As [`PipelineError::wrong`], with what to do instead.
    pub fn wrong_hint(message: impl Into<String>, hint: impl Into<String>) -> PipelineError {
        PipelineError::Wrong { message: message.into(), hint: Some(hint.into()) }
    }

    pub fn step(
        what: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> PipelineError {
        PipelineError::Step { what: what.into(), source: Box::new(source) }
    }

    pub fn hint(&self) -> Option<&str> {
        match self {
            PipelineError::Wrong { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }

    /// The error with all its causes, in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        text
    }
}
