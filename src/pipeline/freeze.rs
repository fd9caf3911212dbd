//! What an edition keeps of that which it was rendered from.
//!
//! ## Design notes
//! - Context and parts are blobs by hash: thirty towns' sheets keep one template, one style and one copy of
//!   the rows that all may see.
//! - What is kept is enough to render the edition again, in another folder and on another day, without
//!   today's definitions: template, styles, zone and font roles besides the rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::publish::{EditionContext, Sheet};
use super::{Pipeline, PipelineError};
use crate::config::report::ReportDefinition;
use crate::ledger::{Edition, EditionPart};
use crate::report::{QueryRows, ReportContext};

/// Names of the parts.
pub(super) const DEFINITION: &str = "definition";
pub(super) const SHARED: &str = "shared";
pub(super) const MAIL_CSS: &str = "mail_css";
pub(super) const PAGE: &str = "page";
pub(super) const SETTINGS: &str = "settings";

/// Settings that a paper's bytes depend on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FrozenSettings {
    /// As the operator knew the definition's file.
    pub file: String,
    pub timezone: String,
    /// Families of each font role, as `[fonts]` had them.
    pub fonts: BTreeMap<String, Vec<String>>,
}

impl Pipeline {
    /// What an edition keeps: its context, and the parts that others may share.
    pub(super) fn freeze(
        &self,
        sheet: Sheet<'_>,
        context: ReportContext,
        subject: &str,
    ) -> Result<(EditionContext, Vec<EditionPart>), PipelineError> {
        let definition = sheet.definition;
        let failed = |error| PipelineError::step("storing what an edition is made of", error);
        let (shared, results): (BTreeMap<String, QueryRows>, _) =
            sheet.results.into_iter().partition(|(name, _)| sheet.shared.contains(name));
        let settings = FrozenSettings {
            file: definition.file.clone(),
            timezone: self.config.settings.district.timezone.clone(),
            fonts: self.config.settings.fonts.roles.clone(),
        };
        let part = |name: &str, bytes: Vec<u8>| EditionPart { name: name.to_owned(), bytes };
        let mut parts = vec![
            part(DEFINITION, definition.text.clone().into_bytes()),
            part(MAIL_CSS, self.config.mail_css.clone().into_bytes()),
            part(PAGE, self.config.page_style.clone().into_bytes()),
            part(SETTINGS, serde_json::to_vec(&settings).map_err(failed)?),
        ];
        if !shared.is_empty() {
            parts.push(part(SHARED, serde_json::to_vec(&shared).map_err(failed)?));
        }
        let attach = definition.attach.iter().map(|format| format.as_str().to_owned()).collect();
        let context = EditionContext {
            context,
            results,
            snapshots: sheet.snapshots,
            subject: subject.to_owned(),
            attach: Some(attach),
        };
        Ok((context, parts))
    }

    /// What an edition was rendered from, with the rows that it shared with others.
    pub(super) fn frozen(&self, edition: &Edition) -> Result<EditionContext, PipelineError> {
        let failed = |error| PipelineError::step("reading a report's context", error);
        let stored = self.ledger.edition_context(edition.edition_id)?;
        let mut stored: EditionContext = serde_json::from_str(&stored).map_err(failed)?;
        if !edition.scope.is_empty() {
            let parts = self.ledger.edition_parts(edition.edition_id)?;
            if let Some(shared) = parts.get(SHARED) {
                let shared: BTreeMap<String, QueryRows> =
                    serde_json::from_slice(shared).map_err(failed)?;
                stored.results.extend(shared);
            }
        }
        Ok(stored)
    }

    /// The definition that an edition was rendered from. None in an edition of a program that did not keep
    /// it.
    pub(super) fn frozen_definition(
        edition: &Edition,
        parts: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Option<ReportDefinition>, PipelineError> {
        let (Some(text), Some(settings)) = (parts.get(DEFINITION), parts.get(SETTINGS)) else {
            return Ok(None);
        };
        let settings: FrozenSettings = serde_json::from_slice(settings)
            .map_err(|error| PipelineError::step("reading an edition's settings", error))?;
        let text = String::from_utf8_lossy(text);
        let definition = ReportDefinition::load(&edition.report, &settings.file, &text)
            .map_err(PipelineError::Definitions)?;
        Ok(Some(definition))
    }

    /// The subject of an edition's mail, and the formats that go with it (none: all), as they were when it
    /// was made.
    pub(super) fn mail_terms(
        &self,
        edition: &Edition,
    ) -> Result<(String, Option<Vec<String>>), PipelineError> {
        let stored = self.frozen(edition)?;
        if !stored.subject.is_empty() {
            return Ok((stored.subject, stored.attach));
        }
        // An edition of a program that did not keep it: today's template must do.
        let definition = self
            .config
            .reports
            .iter()
            .find(|definition| definition.name == edition.report)
            .ok_or_else(|| {
                PipelineError::wrong(format!("there is no report `{}` any more", edition.report))
            })?;
        let rendered = crate::report::render(definition, &stored.results, &stored.context)
            .map_err(PipelineError::Definitions)?;
        Ok((rendered.subject, None))
    }
}
