//! The ledger (台账) as a workbook, from a template of `_ledgers`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::rows::query_rows;
use super::{Pipeline, PipelineError, Session};
use crate::engine::{Param, table_references};
use crate::report::{QueryRows, render, xlsx};

/// A workbook that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerBook {
    /// With its extension; safe on every file system.
    pub file_name: String,
    pub bytes: Vec<u8>,
}

impl Pipeline {
    /// Makes a workbook of the ledger as of now, or of an instant.
    ///
    /// # Errors
    /// If there is no template of that name, or a query or the template fails.
    pub fn ledger_book(
        &self,
        name: &str,
        at: Option<Timestamp>,
    ) -> Result<LedgerBook, PipelineError> {
        let Some(definition) = self.config.letters.ledgers.get(name) else {
            return Err(PipelineError::wrong_hint(
                format!("there is no template report_templates/_ledgers/{name}.md.j2"),
                "it stands in a new home: `duban init DIR`",
            ));
        };
        let report = &definition.report;
        let session =
            self.session_of(report.queries.values().map(|query| query.sql.as_str()), at)?;
        let context = self.letter_context();
        let params = [
            ("period", Param::from(context.period.code.as_str())),
            ("previous", Param::from(context.previous.code.as_str())),
            ("as_of", Param::from(context.as_of.to_string().as_str())),
            ("today", Param::from(self.clock.today().to_string().as_str())),
        ];
        let mut results = BTreeMap::new();
        for (name, query) in &report.queries {
            if definition.if_there.contains(name) && !has_tables(&session, &query.sql) {
                results.insert(name.clone(), QueryRows::default());
                continue;
            }
            let result = session.query(&query.sql, &params).map_err(|error| {
                PipelineError::Definitions(vec![error.to_diagnostic(
                    &report.file,
                    &report.text,
                    query.line.saturating_sub(1),
                )])
            })?;
            results.insert(name.clone(), query_rows(&result));
        }
        let rendered = render(report, &results, &context).map_err(PipelineError::Definitions)?;
        let sources = self.sources(report, &context, at)?;
        let bytes = xlsx::render(&rendered.document, &sources)
            .map_err(|error| PipelineError::step("writing the workbook", error))?;
        Ok(LedgerBook { file_name: format!("{}.xlsx", rendered.file_name), bytes })
    }
}

/// Whether a session has all tables that a query reads.
pub(super) fn has_tables(session: &Session, sql: &str) -> bool {
    table_references(sql)
        .is_ok_and(|tables| tables.iter().all(|table| session.engine().has_table(table)))
}
