//! Building reports: queries → document → files → edition.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use resvg::usvg::fontdb;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Pipeline, PipelineError, Progress, Session};
use crate::config::report::{ReportDefinition, ReportFormat};
use crate::durable::{Access, sha256_hex, write_all};
use crate::engine::{Cell, Param, QueryResult};
use crate::ledger::{Edition, EditionFile, ItemFilter, NewEdition, RunId, SubmissionFilter};
use crate::model::{InlineImage, MailContent, Period};
use crate::report::document::{Chart, Value};
use crate::report::fonts::Fonts;
use crate::report::{
    ColumnKind, EditionInfo, PeriodInfo, QueryRows, Rendered, ReportContext, chart, mail, pdf, xlsx,
};

/// What building one report came to.
#[derive(Debug, Clone)]
pub struct Built {
    pub edition: Edition,
    /// Its inputs are those of the newest edition: no new one was made.
    pub already: bool,
}

/// What an edition is rendered from; stored with it, so that it can be rendered again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EditionContext {
    pub context: ReportContext,
    pub results: BTreeMap<String, QueryRows>,
}

/// The query whose rows are compared between editions: what was restated.
pub(super) const FIGURES: &str = "figures";

impl Pipeline {
    pub(super) fn fonts(&self) -> &Fonts {
        self.fonts
            .get_or_init(|| Fonts::discover(&self.config.home.fonts(), &self.config.settings.fonts))
    }

    pub(super) fn chart_fonts(&self) -> &Arc<fontdb::Database> {
        self.chart_fonts
            .get_or_init(|| Arc::new(chart::load_fonts(self.fonts().files_for_charts())))
    }

    /// Builds the reports (of `only` these names, if any) of a period into editions. One that fails
    /// is said and does not hold up the others.
    pub(super) fn publish(
        &self,
        run: RunId,
        session: &Session,
        period: Period,
        only: &[String],
        progress: &dyn Progress,
    ) -> Result<Vec<Built>, PipelineError> {
        let mut built = Vec::new();
        let mut failed = Vec::new();
        for definition in &self.config.reports {
            let wanted = only.is_empty() || only.contains(&definition.name);
            if !wanted || definition.frequency != period.frequency() {
                continue;
            }
            let key = format!("{}/{period}", definition.name);
            let result = self.step(run, "report", &key, progress, || {
                self.build(run, session, definition, period)
            });
            match result {
                Ok(one) => built.push(one),
                Err(error) => {
                    progress.warn(&format!("report {key}: {}", error.chain()));
                    failed.push(error);
                }
            }
        }
        match failed.into_iter().next() {
            Some(error) if built.is_empty() => Err(error),
            _ => Ok(built),
        }
    }

    fn build(
        &self,
        run: RunId,
        session: &Session,
        definition: &ReportDefinition,
        period: Period,
    ) -> Result<Built, PipelineError> {
        let inputs_hash = self.inputs_hash(definition, period)?;
        let newest = self.ledger.newest_edition(&definition.name, period)?;
        if let Some(edition) = newest.filter(|edition| edition.inputs_hash == inputs_hash) {
            if self.stands_on_disk(&edition) {
                return Ok(Built { edition, already: true });
            }
            return Err(PipelineError::wrong_hint(
                format!(
                    "edition {} of {} ({period}) is in the ledger, but its files are missing or changed under {}",
                    edition.edition_no,
                    definition.name,
                    self.config.home.label(&self.config.home.reports())
                ),
                "restore data/reports from a backup",
            ));
        }
        let edition_no = self.ledger.next_edition_no(&definition.name)?;
        let (results, context) = self.context(session, definition, period, edition_no)?;
        let rendered = crate::report::render(definition, &results, &context)
            .map_err(PipelineError::Definitions)?;
        let files = self.render_files(definition, &rendered, &context)?;
        let folder: PathBuf = self
            .config
            .home
            .reports()
            .join(&definition.name)
            .join(period.to_string())
            .join(format!("{edition_no:03}"));
        let whole: Vec<(PathBuf, &[u8])> =
            files.iter().map(|(_, name, bytes)| (folder.join(name), bytes.as_slice())).collect();
        write_all(&whole, Access::Shared)?;
        let mut listed = Vec::new();
        for (format, file_name, bytes) in &files {
            let path = folder.join(file_name);
            listed.push(EditionFile {
                format: format.clone(),
                file_name: file_name.clone(),
                sha256: sha256_hex(bytes),
                size: bytes.len() as u64,
                path: self.config.home.label(&path),
            });
        }
        let context = EditionContext { context, results };
        let recorded = self.ledger.record_edition(
            &NewEdition {
                report: definition.name.clone(),
                period,
                edition_no,
                inputs_hash,
                context_json: serde_json::to_string(&context)
                    .map_err(|error| PipelineError::step("storing a report's context", error))?,
                as_of: self.now(),
                event_no: self.ledger.event_no()?,
                program: concat!("duban ", env!("CARGO_PKG_VERSION")).to_owned(),
                fonts_json: self.font_hashes()?,
                files: listed,
                run_id: Some(run),
            },
            self.now(),
        )?;
        Ok(Built { edition: recorded.edition, already: recorded.already })
    }

    fn font_hashes(&self) -> Result<String, PipelineError> {
        let hashes = self
            .fonts()
            .file_hashes()
            .map_err(|error| PipelineError::step("reading the fonts", error))?;
        Ok(json!(hashes).to_string())
    }

    fn stands_on_disk(&self, edition: &Edition) -> bool {
        edition.files.iter().all(|file| {
            fs_err::read(self.config.home.root().join(&file.path))
                .is_ok_and(|bytes| sha256_hex(&bytes) == file.sha256)
        })
    }

    /// All that a paper's content depends on but the as-of: a new as-of alone makes no new edition.
    fn inputs_hash(
        &self,
        definition: &ReportDefinition,
        period: Period,
    ) -> Result<String, PipelineError> {
        let config = &self.config;
        let until = config.waves.ends_on(period);
        let snapshots: Vec<_> = self
            .ledger
            .current_cuts(None)?
            .into_iter()
            .filter(|cut| config.waves.counts_from(cut.period) <= until)
            .map(|cut| (cut.dataset, cut.period, cut.snapshot_id))
            .collect();
        let items: Vec<_> = self
            .ledger
            .items(&ItemFilter::default())?
            .into_iter()
            .map(|item| {
                json!([
                    item.item_no,
                    item.state,
                    item.episode,
                    item.data_passes,
                    item.due_on,
                    item.period,
                    item.observed,
                    item.detail
                ])
            })
            .collect();
        // A file that was returned and not replaced is said in the report; one that was accepted
        // shows in the snapshots, or changes nothing.
        let mut newest: BTreeMap<_, _> = BTreeMap::new();
        for submission in self.ledger.submissions(&SubmissionFilter::default())? {
            if config.waves.counts_from(submission.period) <= until {
                let key = (
                    submission.dataset.clone(),
                    submission.period,
                    submission.reporter_code.to_string(),
                );
                newest.insert(key, submission);
            }
        }
        let returned: Vec<_> = newest
            .into_iter()
            .filter(|(_, submission)| submission.state == crate::model::SubmissionState::Returned)
            .map(|(key, submission)| (key, submission.sha256))
            .collect();
        let references: Vec<_> = config.references.iter().map(|r| (&r.name, &r.text)).collect();
        let targets: Vec<String> =
            config.targets.iter().map(|target| format!("{target:?}")).collect();
        let units: Vec<String> = config.units.iter().map(|unit| format!("{unit:?}")).collect();
        let inputs = json!({
            "report": definition.text,
            "mail_css": config.mail_css, "page": config.page_style,
            "metrics": config.metrics.iter().map(|m| &m.sql).collect::<Vec<_>>(),
            "checks": config.checks.iter().map(|c| (&c.id, &c.title)).collect::<Vec<_>>(),
            "contracts": config.contracts.iter().map(|c| &c.hash).collect::<Vec<_>>(),
            "references": references, "targets": targets, "units": units, "notices": config.settings.reports.notices,
            "snapshots": snapshots, "items": items, "returned": returned,
        });
        Ok(sha256_hex(inputs.to_string().as_bytes()))
    }

    /// Runs the report's queries and gathers the facts of this edition.
    fn context(
        &self,
        session: &Session,
        definition: &ReportDefinition,
        period: Period,
        edition_no: i64,
    ) -> Result<(BTreeMap<String, QueryRows>, ReportContext), PipelineError> {
        let as_of = self.now();
        let waves = &self.config.waves;
        // Before the first wave there is none: the number before it names nothing.
        let previous = waves.previous(period).unwrap_or(period.previous());
        let params = [
            ("period", Param::from(period.to_string().as_str())),
            ("previous", Param::from(previous.to_string().as_str())),
            ("as_of", Param::from(as_of.to_string().as_str())),
            ("today", Param::from(self.clock.date_of(as_of).to_string().as_str())),
        ];
        let mut results = BTreeMap::new();
        for (name, query) in &definition.queries {
            let result = session.query(&query.sql, &params).map_err(|error| {
                PipelineError::Definitions(vec![error.to_diagnostic(
                    &definition.file,
                    &definition.text,
                    query.line.saturating_sub(1),
                )])
            })?;
            results.insert(name.clone(), query_rows(&result));
        }
        let before = self.ledger.previous_edition(&definition.name, period)?;
        let corrected = self.ledger.newest_edition(&definition.name, period)?;
        let since = corrected.as_ref().or(before.as_ref());
        let restated = match (since, results.get(FIGURES)) {
            (Some(edition), Some(now)) => {
                let then = self.ledger.edition_context(edition.edition_id)?;
                match serde_json::from_str::<EditionContext>(&then) {
                    Ok(then) => super::restate::restated(then.results.get(FIGURES), now),
                    Err(_) => Vec::new(),
                }
            }
            _ => Vec::new(),
        };
        let changes = match since {
            Some(edition) => self.changes_since(edition.created_at, period)?,
            None => Vec::new(),
        };
        let stat_on = |period: Period| {
            self.config
                .contracts
                .iter()
                .filter(|contract| contract.frequency == period.frequency())
                .map(|contract| contract.stat_on(period))
                .min()
                .unwrap_or(waves.ends_on(period))
        };
        let info = |period: Period| {
            let span = (waves.starts_on(period), waves.ends_on(period));
            PeriodInfo::spanning(period, span, stat_on(period))
        };
        let context = ReportContext {
            period: info(period),
            previous: info(previous),
            as_of,
            as_of_local: self.clock.zone().to_datetime(as_of),
            edition_number: u32::try_from(edition_no).unwrap_or(u32::MAX),
            previous_edition: since.map(|edition| EditionInfo {
                number: u32::try_from(edition.edition_no).unwrap_or(u32::MAX),
                period: edition.period.to_string(),
                period_label: edition.period.label(),
                created_on: self.clock.date_of(edition.created_at),
            }),
            district: self.config.settings.district.name.clone(),
            changes,
            restated,
            notices: self.config.settings.reports.notices.clone(),
        };
        Ok((results, context))
    }

    /// All files of an edition: (format, file name, bytes). Pictures have the format `image:<content id>`.
    fn render_files(
        &self,
        definition: &ReportDefinition,
        rendered: &Rendered,
        context: &ReportContext,
    ) -> Result<Vec<(String, String, Vec<u8>)>, PipelineError> {
        let fonts = self.fonts();
        let document = &rendered.document.for_print();
        let content = mail::compose(
            document,
            &rendered.subject,
            &self.config.mail_css,
            self.chart_fonts(),
            Vec::new(),
        )
        .map_err(|error| PipelineError::step("composing the mail", error))?;
        let mut files = Vec::new();
        let mut browsable = content.html.clone();
        for image in &content.inline {
            let file_name =
                format!("{}.png", image.content_id.split('@').next().unwrap_or("image"));
            browsable = browsable.replace(&format!("cid:{}", image.content_id), &file_name);
            files.push((format!("image:{}", image.content_id), file_name, image.bytes.clone()));
        }
        let name = &rendered.file_name;
        files.push(("html".into(), format!("{name}.html"), browsable.into_bytes()));
        files.push(("text".into(), format!("{name}.txt"), content.text.into_bytes()));
        if definition.formats.contains(&ReportFormat::Pdf) {
            let style = chart::Style {
                font_family: fonts
                    .css_families("hei")
                    .map_err(|error| PipelineError::step("finding the charts' font", error))?,
                ..chart::Style::default()
            };
            let draw = |chart: &Chart| chart::svg(chart, &style).map_err(Into::into);
            let created_at = context.as_of.to_zoned_datetime(self.clock.zone().clone());
            let meta = pdf::PdfMeta { author: &document.signature, created_at: &created_at };
            let paper = pdf::render(document, &draw, fonts, &self.config.page_style, meta)
                .map_err(|error| PipelineError::step("setting the PDF", error))?;
            files.push(("pdf".into(), format!("{name}.pdf"), paper.bytes));
        }
        if definition.formats.contains(&ReportFormat::Xlsx) {
            let bytes = xlsx::render(&rendered.document, &self.sources(definition, context)?)
                .map_err(|error| PipelineError::step("writing the workbook", error))?;
            files.push(("xlsx".into(), format!("{name}.xlsx"), bytes));
        }
        Ok(files)
    }

    /// Where a report's figures come from: the last sheet of its workbook.
    fn sources(
        &self,
        definition: &ReportDefinition,
        context: &ReportContext,
    ) -> Result<xlsx::Sources, PipelineError> {
        let until: Period = context
            .period
            .code
            .parse()
            .map_err(|error| PipelineError::step("reading the report's period", error))?;
        let mut snapshots = Vec::new();
        for cut in self.ledger.current_cuts(None)? {
            let waves = &self.config.waves;
            if waves.counts_from(cut.period) > waves.ends_on(until) {
                continue;
            }
            let contract = self.config.contracts.iter().find(|c| c.name == cut.dataset);
            snapshots.push(xlsx::SnapshotSource {
                dataset_title: contract.map_or(cut.dataset.clone(), |c| c.title.clone()),
                period: cut.period.label(),
                snapshot_id: cut.snapshot_id,
                n_rows: cut.n_rows,
                missing_units: cut.missing_units.iter().map(|unit| self.unit_name(unit)).collect(),
            });
        }
        Ok(xlsx::Sources {
            as_of: context.as_of_local,
            queries: definition
                .queries
                .iter()
                .map(|(name, query)| (name.clone(), query.sql.clone()))
                .collect(),
            snapshots,
        })
    }

    /// The mail of an edition, put together from its files as they stand on disk.
    pub(super) fn mail_of(&self, edition: &Edition) -> Result<MailContent, PipelineError> {
        let definition = self
            .config
            .reports
            .iter()
            .find(|definition| definition.name == edition.report)
            .ok_or_else(|| {
                PipelineError::wrong(format!("there is no report `{}` any more", edition.report))
            })?;
        let stored: EditionContext =
            serde_json::from_str(&self.ledger.edition_context(edition.edition_id)?)
                .map_err(|error| PipelineError::step("reading a report's context", error))?;
        let rendered = crate::report::render(definition, &stored.results, &stored.context)
            .map_err(PipelineError::Definitions)?;
        let mut content = MailContent {
            subject: rendered.subject,
            html: String::new(),
            text: String::new(),
            inline: Vec::new(),
            attachments: Vec::new(),
        };
        for file in &edition.files {
            let bytes = fs_err::read(self.config.home.root().join(&file.path))?;
            if sha256_hex(&bytes) != file.sha256 {
                return Err(PipelineError::wrong(format!(
                    "{} is not as it was when the edition was made",
                    file.path
                )));
            }
            match file.format.as_str() {
                "html" => content.html = String::from_utf8_lossy(&bytes).into_owned(),
                "text" => content.text = String::from_utf8_lossy(&bytes).into_owned(),
                other => {
                    if let Some(content_id) = other.strip_prefix("image:") {
                        content.inline.push(InlineImage {
                            content_id: content_id.to_owned(),
                            media_type: "image/png".into(),
                            bytes,
                        });
                    } else {
                        content.attachments.push(crate::model::Attachment {
                            file_name: file.file_name.clone(),
                            media_type: media_type(other).into(),
                            bytes,
                        });
                    }
                }
            }
        }
        for file in &edition.files {
            if let Some(content_id) = file.format.strip_prefix("image:") {
                content.html = content
                    .html
                    .replace(&format!("\"{}\"", file.file_name), &format!("\"cid:{content_id}\""));
            }
        }
        Ok(content)
    }
}

fn media_type(format: &str) -> &'static str {
    match format {
        "pdf" => "application/pdf",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}

/// A query's result as plain rows, which an edition stores.
pub(super) fn query_rows(result: &QueryResult) -> QueryRows {
    let columns = result
        .schema()
        .fields()
        .iter()
        .map(|field| (field.name().clone(), column_kind(field.data_type())))
        .collect();
    let rows = result.rows().map(|row| row.cells.into_iter().map(value).collect()).collect();
    QueryRows { columns, rows }
}

/// The kind of a column that the report's language knows.
pub fn column_kind(data_type: &arrow::datatypes::DataType) -> ColumnKind {
    use arrow::datatypes::DataType;
    match data_type {
        data_type if data_type.is_integer() => ColumnKind::Int,
        data_type if data_type.is_numeric() => ColumnKind::Float,
        DataType::Boolean => ColumnKind::Bool,
        DataType::Date32 | DataType::Date64 => ColumnKind::Date,
        _ => ColumnKind::Text,
    }
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(value) => Value::Int(value),
        Cell::Float(value) => Value::Float(value),
        Cell::Text(value) => Value::Text(value),
        Cell::Bool(value) => Value::Bool(value),
        Cell::Date(value) => Value::Date(value),
        Cell::Timestamp(value) => Value::Text(value.to_string()),
    }
}
