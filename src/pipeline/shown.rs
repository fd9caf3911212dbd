//! An edition for programs: its typed document, and the queries that its figures came from.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Pipeline, PipelineError};
use crate::config::burst::ParamValue;
use crate::config::report::ReportDefinition;
use crate::ledger::{Edition, EditionFilter, EditionId};
use crate::report::document::Document;

/// What `duban report show --format json` prints: enough to run every query of the edition anew.
#[derive(Debug, Clone, Serialize)]
pub struct EditionShown {
    pub edition: Edition,
    pub subject: String,
    pub document: Document,
    /// In the order of the template.
    pub queries: Vec<QueryShown>,
    /// Values of `$period`, `$since`, … and of the report's own constants.
    pub parameters: BTreeMap<String, ParamValue>,
}

/// A named query of an edition.
#[derive(Debug, Clone, Serialize)]
pub struct QueryShown {
    pub name: String,
    pub sql: String,
    /// In a report that is burst: the column by which rows were handed to this unit; none where all see all.
    pub split_by: Option<String>,
}

impl EditionShown {
    /// As the plain text part of its mail has it, without what is cut there.
    pub fn text(&self) -> String {
        crate::report::text::render(&self.document)
    }
}

impl Pipeline {
    /// An edition's document and queries, from what was stored with it.
    ///
    /// # Errors
    /// There is no such edition, or what it stored cannot be read.
    pub fn show_edition(&self, id: EditionId) -> Result<EditionShown, PipelineError> {
        let edition = self.ledger.edition(id)?;
        let parts = self.ledger.edition_parts(id)?;
        let stored = self.frozen(&edition)?;
        let definition = match Self::frozen_definition(&edition, &parts)? {
            Some(definition) => definition,
            None => self.todays_definition(&edition)?.clone(),
        };
        let rendered = crate::report::render(&definition, &stored.results, &stored.context)
            .map_err(PipelineError::Definitions)?;
        let context = &stored.context;
        let since = match &context.previous_edition {
            None => jiff::Timestamp::UNIX_EPOCH,
            Some(previous) => self.as_of_number(&edition, previous.number)?,
        };
        let mut parameters = context.params.clone();
        let given = [
            ("period", context.period.code.clone()),
            ("previous", context.previous.code.clone()),
            ("as_of", context.as_of.to_string()),
            ("today", context.as_of_local.date().to_string()),
            ("since", since.to_string()),
        ];
        parameters.extend(given.map(|(name, value)| (name.to_owned(), ParamValue::Text(value))));
        let split_by = |name: &str| {
            let burst = definition.burst.as_ref()?;
            (!burst.is_shared(name)).then(|| burst.column.clone())
        };
        let queries = definition
            .queries
            .iter()
            .map(|(name, query)| QueryShown {
                name: name.clone(),
                sql: query.sql.clone(),
                split_by: split_by(name),
            })
            .collect();
        Ok(EditionShown {
            subject: rendered.subject,
            document: rendered.document,
            edition,
            queries,
            parameters,
        })
    }

    /// As it stands in the home now: for an edition of a program that kept no definition.
    fn todays_definition(&self, edition: &Edition) -> Result<&ReportDefinition, PipelineError> {
        self.config.reports.iter().find(|definition| definition.name == edition.report).ok_or_else(
            || PipelineError::wrong(format!("there is no report `{}` any more", edition.report)),
        )
    }

    /// What was known when 第 `number` 期 of the same report was made.
    fn as_of_number(&self, of: &Edition, number: u32) -> Result<jiff::Timestamp, PipelineError> {
        let filter = EditionFilter { report: Some(of.report.clone()), ..Default::default() };
        let editions = self.ledger.editions(&filter)?;
        let same = |edition: &&Edition| {
            edition.scope == of.scope && edition.edition_no == i64::from(number)
        };
        Ok(editions.iter().find(same).map_or(jiff::Timestamp::UNIX_EPOCH, |edition| edition.as_of))
    }
}
