//! A report as it would be, without an edition: into a folder, or to oneself.

use std::path::{Path, PathBuf};

use super::outputs::{Output, mail_content};
use super::publish::sources;
use super::run::set_constants;
use super::{Pipeline, PipelineError, Progress};
use crate::config::report::ReportDefinition;
use crate::durable::{Access, write_all};
use crate::ledger::{Delivery, Edition};
use crate::model::{MailContent, Period, UnitCode};

/// What is to be previewed.
#[derive(Debug, Clone)]
pub struct PreviewOptions {
    pub report: String,
    pub period: Period,
    /// Whose sheet, of a report that is burst.
    pub unit: Option<UnitCode>,
    /// Constants that are set in the place of the definition's own.
    pub constants: Vec<(String, String)>,
}

/// A report that was rendered and nowhere recorded.
#[derive(Debug, Clone)]
pub struct Preview {
    outputs: Vec<Output>,
    subject: String,
    attach: Vec<String>,
}

impl Preview {
    /// Writes its files into a folder.
    pub fn write_to(&self, folder: &Path) -> Result<Vec<PathBuf>, PipelineError> {
        let files: Vec<(PathBuf, &[u8])> = self
            .outputs
            .iter()
            .map(|(_, name, bytes)| (folder.join(name), bytes.as_slice()))
            .collect();
        write_all(&files, Access::Shared)?;
        let shown = files.into_iter().zip(&self.outputs);
        Ok(shown
            .filter(|(_, (format, ..))| !format.starts_with("image:"))
            .map(|((path, _), _)| path)
            .collect())
    }

    fn mail(self) -> MailContent {
        mail_content(self.subject, self.outputs, Some(&self.attach))
    }
}

impl Pipeline {
    /// Renders a report without making an edition: no row of the ledger is written.
    ///
    /// # Errors
    /// The report, its period or unit is unknown; a query or the template fails.
    pub fn preview_report(
        &self,
        options: &PreviewOptions,
        progress: &dyn Progress,
    ) -> Result<Preview, PipelineError> {
        let mut definition = self.report(&options.report)?.clone();
        set_constants(std::slice::from_mut(&mut definition), &options.constants)?;
        if definition.frequency != options.period.frequency() {
            return Err(PipelineError::wrong(format!(
                "`{}` is about another kind of period than {}",
                definition.name, options.period
            )));
        }
        let session = self.session(None)?;
        let sheet = match (&definition.burst, &options.unit) {
            (None, None) => {
                self.sheet_of_all(&session, &definition, options.period, String::new())?
            }
            (Some(burst), Some(code)) => {
                let unit = self.units_of(burst).into_iter().find(|unit| unit.code == *code);
                let unit = unit.ok_or_else(|| {
                    PipelineError::wrong(format!(
                        "`{}` is made for each {}, and {code} is none",
                        definition.name,
                        burst.by.as_str()
                    ))
                })?;
                self.sheet_of_one(&session, &definition, burst, options.period, unit, progress)?
            }
            (Some(burst), None) => {
                return Err(PipelineError::wrong_hint(
                    format!("`{}` is made for each {}", definition.name, burst.by.as_str()),
                    "name one with --unit",
                ));
            }
            (None, Some(_)) => {
                return Err(PipelineError::wrong_hint(
                    format!("`{}` is one paper for all", definition.name),
                    "leave --unit away",
                ));
            }
        };
        let render = |number: u32| {
            let context = self.context(&sheet, number);
            let rendered = crate::report::render(&definition, &sheet.results, &context)
                .map_err(PipelineError::Definitions)?;
            Ok::<_, PipelineError>((context, rendered))
        };
        // A preview has no number, and says so; a template that reckons with it gets the next one.
        let (context, rendered) = match render(0) {
            Ok(rendered) => rendered,
            Err(PipelineError::Definitions(_)) => {
                let next = self.ledger.next_edition_no(&definition.name, sheet.scope())?;
                render(u32::try_from(next).unwrap_or(u32::MAX))?
            }
            Err(error) => return Err(error),
        };
        let sources = sources(&definition, &context, sheet.snapshots.clone());
        let outputs = Self::render_files(&self.look(), &definition, &rendered, &context, &sources)?;
        let attach = definition.attach.iter().map(|format| format.as_str().to_owned()).collect();
        Ok(Preview { outputs, subject: rendered.subject, attach })
    }

    /// Mails a preview to oneself, marked as a test.
    ///
    /// # Errors
    /// The address is outside the allowed domains; as [`Pipeline::with_run`].
    pub fn test_send_preview(
        &self,
        preview: Preview,
        to: &str,
        progress: &dyn Progress,
    ) -> Result<Vec<Delivery>, PipelineError> {
        self.test_send(preview.mail(), to, progress)
    }

    /// Mails an edition to oneself, marked as a test: it does not count as the edition's delivery.
    pub fn test_send_edition(
        &self,
        edition: &Edition,
        to: &str,
        progress: &dyn Progress,
    ) -> Result<Vec<Delivery>, PipelineError> {
        self.test_send(self.mail_of(edition)?, to, progress)
    }

    fn test_send(
        &self,
        mut content: MailContent,
        to: &str,
        progress: &dyn Progress,
    ) -> Result<Vec<Delivery>, PipelineError> {
        if !self.config.settings.mail.allows(to) {
            return Err(super::dispatch::outside(to));
        }
        content.subject = format!("{TEST_MARK}{}", content.subject);
        let command = format!("report test-send {to}");
        self.with_run_soon(super::ACT_PATIENCE, &command, progress, |run| {
            // The ledger's own number keeps two tests of one second apart.
            let key = format!("test:{}:{to}", self.ledger.event_no()?);
            let new = self.frozen_mail(TEST, key, to, &content)?;
            let queued = self.step(run, "queue", "test", progress, || {
                Ok(self.ledger.enqueue(&new, self.now())?.delivery)
            })?;
            let mut done = self.deliver(run, progress)?;
            done.retain(|delivery| delivery.delivery_id == queued.delivery_id);
            Ok(if done.is_empty() { vec![queued] } else { done })
        })
    }

    /// A report by its name.
    pub(super) fn report(&self, name: &str) -> Result<&ReportDefinition, PipelineError> {
        let known = self.config.reports.iter().find(|definition| definition.name == name);
        known.ok_or_else(|| self.unknown(name))
    }
}

/// What kind of mail a test is.
const TEST: &str = "test";
/// Before the subject of a test.
const TEST_MARK: &str = "【测试】";
