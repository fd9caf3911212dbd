//! Building reports: queries → document → files → edition.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rayon::prelude::*;
use resvg::usvg::fontdb;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::outputs::mail_content;
use super::rows::query_rows;
use super::{Pipeline, PipelineError, Progress, Session};
use crate::config::burst::ParamValue;
use crate::config::report::ReportDefinition;
use crate::durable::{Access, sha256_hex, write_all};
use crate::engine::Param;
use crate::ledger::{Cut, Edition, EditionFile, NewEdition, RunId};
use crate::model::{MailContent, Period, Unit};
use crate::report::fonts::Fonts;
use crate::report::{Change, EditionInfo, PeriodInfo, QueryRows, ReportContext, UnitInfo, xlsx};

/// What building one report came to.
#[derive(Debug, Clone)]
pub struct Built {
    pub edition: Edition,
    /// Its inputs are those of the newest edition: no new one was made.
    pub already: bool,
}

/// What an edition is rendered from, with its parts ([`super::freeze`]); stored with it, so that it can be
/// rendered again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EditionContext {
    pub context: ReportContext,
    /// Of a unit's own sheet its own rows: those that all may see are kept once, as a part.
    pub results: BTreeMap<String, QueryRows>,
    /// Where the figures come from.
    #[serde(default)]
    pub snapshots: Vec<xlsx::SnapshotSource>,
    /// Of the mail.
    #[serde(default)]
    pub subject: String,
    /// Formats that go with the mail; none in an edition of a program that attached all.
    #[serde(default)]
    pub attach: Option<Vec<String>>,
}

/// See [`Pipeline::hold_fonts`].
#[must_use = "fonts are held as long as this lives"]
pub struct HeldFonts {
    _fonts: Arc<Fonts>,
}

/// The query whose rows are compared between editions: what was restated.
pub(super) const FIGURES: &str = "figures";

/// The editions that a new one follows.
#[derive(Debug, Clone, Default)]
pub(super) struct Before {
    /// Of the same period: it is corrected.
    pub corrected: Option<Edition>,
    /// The newest of the newest period before.
    pub earlier: Option<Edition>,
}

impl Before {
    /// The edition that `edition.previous` names.
    pub fn previous(&self) -> Option<&Edition> {
        self.corrected.as_ref().or(self.earlier.as_ref())
    }

    /// `$since`: what was known when that edition was made.
    pub fn since(&self) -> Timestamp {
        self.previous().map_or(Timestamp::UNIX_EPOCH, |edition| edition.as_of)
    }
}

/// A paper that is to be made: one of a report, or one unit's of a report that is burst.
pub(super) struct Sheet<'a> {
    pub definition: &'a ReportDefinition,
    pub period: Period,
    pub unit: Option<&'a Unit>,
    pub before: Before,
    pub results: BTreeMap<String, QueryRows>,
    /// Changes of rows since the edition before, of units that this paper may speak of.
    pub changes: Vec<Change>,
    pub snapshots: Vec<xlsx::SnapshotSource>,
    /// Queries whose rows other papers have too.
    pub shared: Vec<String>,
    pub inputs_hash: String,
}

impl Sheet<'_> {
    pub fn scope(&self) -> &str {
        self.unit.map_or("", |unit| unit.code.as_str())
    }
}

impl Pipeline {
    pub(super) fn fonts(&self) -> &Arc<Fonts> {
        let config = &self.config;
        self.fonts.get_or_init(|| Fonts::shared(&config.home.fonts(), &config.settings.fonts))
    }

    /// The fonts of this home, for whoever opens many pipelines one after the other: while they are held,
    /// all of them use these instead of reading tens of megabytes anew.
    pub fn hold_fonts(&self) -> HeldFonts {
        HeldFonts { _fonts: Arc::clone(self.fonts()) }
    }

    pub(super) fn chart_fonts(&self) -> &Arc<fontdb::Database> {
        self.chart_fonts.get_or_init(|| Arc::new(self.fonts().for_charts()))
    }

    /// Builds the reports of a period into editions. One that fails is said and does not hold up the
    /// others.
    pub(super) fn publish(
        &self,
        run: RunId,
        session: &Session,
        period: Period,
        definitions: &[&ReportDefinition],
        progress: &dyn Progress,
    ) -> Result<Vec<Built>, PipelineError> {
        let mut built = Vec::new();
        let mut failed = Vec::new();
        for definition in definitions {
            if definition.frequency != period.frequency() {
                continue;
            }
            let results = match &definition.burst {
                None => {
                    let key = format!("{}/{period}", definition.name);
                    let one = self.step(run, "report", &key, progress, || {
                        self.build(run, session, definition, period)
                    });
                    vec![(key, one)]
                }
                Some(burst) => self.build_each(run, session, definition, burst, period, progress),
            };
            // What is wrong with the template is wrong for every unit: it is said once.
            let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (key, result) in results {
                match result {
                    Ok(one) => built.push(one),
                    Err(error) => {
                        said.entry(error.chain()).or_default().push(key);
                        failed.push(error);
                    }
                }
            }
            for (error, keys) in said {
                let more = match keys.len() {
                    0 | 1 => String::new(),
                    n => format!(" (and {} more)", n - 1),
                };
                let first = keys.first().map_or("", String::as_str);
                progress.warn(&format!("report {first}{more}: {error}"));
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
        if let Some(built) = self.standing(definition, "", period, &inputs_hash)? {
            return Ok(built);
        }
        let sheet = self.sheet_of_all(session, definition, period, inputs_hash)?;
        self.record_new(&self.make(run, sheet)?)
    }

    /// The one paper of a report that is not burst.
    pub(super) fn sheet_of_all<'a>(
        &self,
        session: &Session,
        definition: &'a ReportDefinition,
        period: Period,
        inputs_hash: String,
    ) -> Result<Sheet<'a>, PipelineError> {
        let before = self.before(definition, "", period)?;
        let results = self.answers(session, definition, period, before.since(), |_| true)?;
        let changes = match before.previous() {
            Some(edition) => self.changes_since(edition.created_at, period)?,
            None => Vec::new(),
        };
        Ok(Sheet {
            definition,
            period,
            unit: None,
            before,
            results,
            changes: changes.into_iter().map(|(_, change)| change).collect(),
            snapshots: self.snapshots_behind(period, None)?,
            shared: Vec::new(),
            inputs_hash,
        })
    }

    /// The newest edition of a scope, if it was made from the same and its files stand.
    pub(super) fn standing(
        &self,
        definition: &ReportDefinition,
        scope: &str,
        period: Period,
        inputs_hash: &str,
    ) -> Result<Option<Built>, PipelineError> {
        let newest = self.ledger.newest_edition(&definition.name, scope, period)?;
        let Some(edition) = newest.filter(|edition| edition.inputs_hash == inputs_hash) else {
            return Ok(None);
        };
        if self.stands_on_disk(&edition) {
            return Ok(Some(Built { edition, already: true }));
        }
        let of = if scope.is_empty() { String::new() } else { format!(" for {scope}") };
        Err(PipelineError::wrong_hint(
            format!(
                "edition {} of {}{of} ({period}) is in the ledger, but its files are missing or changed under {}",
                edition.edition_no,
                definition.name,
                self.config.home.label(&self.config.home.reports())
            ),
            format!(
                "`duban report rebuild {} --repair`, or restore data/reports from a backup",
                edition.edition_id
            ),
        ))
    }

    /// Renders a paper and writes its files: what is left to do is to record it.
    pub(super) fn make(&self, run: RunId, sheet: Sheet<'_>) -> Result<NewEdition, PipelineError> {
        let definition = sheet.definition;
        let (report, scope, period) =
            (definition.name.clone(), sheet.scope().to_owned(), sheet.period);
        let edition_no = self.ledger.next_edition_no(&report, &scope)?;
        let context = self.context(&sheet, u32::try_from(edition_no).unwrap_or(u32::MAX));
        let rendered = crate::report::render(definition, &sheet.results, &context)
            .map_err(PipelineError::Definitions)?;
        let sources = sources(definition, &context, sheet.snapshots.clone());
        let files = Self::render_files(&self.look(), definition, &rendered, &context, &sources)?;
        let mut folder: PathBuf = self.config.home.reports().join(&report).join(period.to_string());
        if !scope.is_empty() {
            folder.push(&scope);
        }
        folder.push(format!("{edition_no:03}"));
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
        let inputs_hash = sheet.inputs_hash.clone();
        let (context, parts) = self.freeze(sheet, context, &rendered.subject)?;
        Ok(NewEdition {
            report,
            scope,
            period,
            edition_no,
            inputs_hash,
            context_json: serde_json::to_string(&context)
                .map_err(|error| PipelineError::step("storing a report's context", error))?,
            parts,
            as_of: self.now(),
            event_no: self.ledger.event_no()?,
            program: PROGRAM.to_owned(),
            fonts_json: font_hashes(self.fonts())?,
            files: listed,
            run_id: Some(run),
        })
    }

    pub(super) fn record_new(&self, new: &NewEdition) -> Result<Built, PipelineError> {
        let recorded = self.ledger.record_edition(new, self.now())?;
        Ok(Built { edition: recorded.edition, already: recorded.already })
    }

    fn stands_on_disk(&self, edition: &Edition) -> bool {
        edition.files.iter().all(|file| self.stored(file).is_some())
    }

    /// The bytes of an edition's file, if it stands on disk as it was made.
    pub(super) fn stored(&self, file: &EditionFile) -> Option<Vec<u8>> {
        let bytes = fs_err::read(self.config.home.root().join(&file.path)).ok()?;
        (sha256_hex(&bytes) == file.sha256).then_some(bytes)
    }

    /// The editions that a new one of a report and scope follows.
    pub(super) fn before(
        &self,
        definition: &ReportDefinition,
        scope: &str,
        period: Period,
    ) -> Result<Before, PipelineError> {
        Ok(Before {
            corrected: self.ledger.newest_edition(&definition.name, scope, period)?,
            earlier: self.ledger.previous_edition(&definition.name, scope, period)?,
        })
    }

    /// Runs those of a report's queries that are `wanted`.
    pub(super) fn answers(
        &self,
        session: &Session,
        definition: &ReportDefinition,
        period: Period,
        since: Timestamp,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, QueryRows>, PipelineError> {
        let as_of = self.now();
        // Before the first wave there is none: the number before it names nothing.
        let previous = self.config.waves.previous(period).unwrap_or(period.previous());
        let given = [
            ("period", Param::from(period.to_string())),
            ("previous", Param::from(previous.to_string())),
            ("as_of", Param::from(as_of.to_string())),
            ("today", Param::from(self.clock.date_of(as_of).to_string())),
            ("since", Param::from(since.to_string())),
        ];
        let params: Vec<(&str, Param)> = given.into_iter().chain(constants(definition)).collect();
        let queries: Vec<_> =
            definition.queries.iter().filter(|(_, query)| wanted(&query.sql)).collect();
        let answers: Vec<_> =
            queries.par_iter().map(|(_, query)| session.query(&query.sql, &params)).collect();
        let mut results = BTreeMap::new();
        for ((name, query), answer) in queries.into_iter().zip(answers) {
            let result = answer.map_err(|error| {
                PipelineError::Definitions(vec![error.to_diagnostic(
                    &definition.file,
                    &definition.text,
                    query.line.saturating_sub(1),
                )])
            })?;
            results.insert(name.clone(), query_rows(&result));
        }
        Ok(results)
    }

    /// The facts of a paper besides its rows.
    pub(super) fn context(&self, sheet: &Sheet<'_>, edition_number: u32) -> ReportContext {
        let as_of = self.now();
        let period = sheet.period;
        let waves = &self.config.waves;
        let previous = waves.previous(period).unwrap_or(period.previous());
        let since = sheet.before.previous();
        let restated = match (since, sheet.results.get(FIGURES)) {
            // An edition whose context cannot be read any more is compared with nothing.
            (Some(edition), Some(now)) => match self.frozen(edition) {
                Ok(then) => super::restate::restated(then.results.get(FIGURES), now),
                Err(_) => Vec::new(),
            },
            _ => Vec::new(),
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
        let number = |no: i64| u32::try_from(no).unwrap_or(u32::MAX);
        ReportContext {
            period: info(period),
            previous: info(previous),
            as_of,
            as_of_local: self.clock.zone().to_datetime(as_of),
            edition_number,
            previous_edition: since.map(|edition| EditionInfo {
                number: number(edition.edition_no),
                period: edition.period.to_string(),
                period_label: edition.period.label(),
                created_on: self.clock.date_of(edition.created_at),
            }),
            corrects: sheet.before.corrected.as_ref().map(|edition| number(edition.edition_no)),
            unit: sheet.unit.map(UnitInfo::from),
            params: sheet.definition.params.clone(),
            district: self.config.settings.district.name.clone(),
            changes: sheet.changes.clone(),
            restated,
            notices: self.config.settings.reports.notices.clone(),
        }
    }

    /// The snapshots that figures up to a period come from (as of now, or of an instant).
    pub(super) fn snapshots_behind(
        &self,
        until: Period,
        at: Option<Timestamp>,
    ) -> Result<Vec<xlsx::SnapshotSource>, PipelineError> {
        let cuts = self.cuts_until(until, at)?.into_iter();
        Ok(cuts
            .map(|cut| xlsx::SnapshotSource {
                dataset_title: self.dataset_title(&cut.dataset),
                period: cut.period.label(),
                snapshot_id: cut.snapshot_id,
                n_rows: cut.n_rows,
                missing_units: cut.missing_units.iter().map(|unit| self.unit_name(unit)).collect(),
            })
            .collect())
    }

    pub(super) fn dataset_title(&self, dataset: &str) -> String {
        let contract = self.config.contracts.iter().find(|contract| contract.name == dataset);
        contract.map_or(dataset.to_owned(), |contract| contract.title.clone())
    }

    /// The current snapshots of periods that count until the end of one.
    pub(super) fn cuts_until(
        &self,
        until: Period,
        at: Option<Timestamp>,
    ) -> Result<Vec<Cut>, PipelineError> {
        let waves = &self.config.waves;
        let mut cuts = self.ledger.current_cuts(at)?;
        cuts.retain(|cut| waves.counts_from(cut.period) <= waves.ends_on(until));
        Ok(cuts)
    }

    /// Where a report's figures come from (as of now, or of an instant): the last sheet of its workbook.
    pub(super) fn sources(
        &self,
        definition: &ReportDefinition,
        context: &ReportContext,
        at: Option<Timestamp>,
    ) -> Result<xlsx::Sources, PipelineError> {
        let until: Period = context
            .period
            .code
            .parse()
            .map_err(|error| PipelineError::step("reading the report's period", error))?;
        Ok(sources(definition, context, self.snapshots_behind(until, at)?))
    }

    /// The mail of an edition, put together from its files as they stand on disk.
    pub(super) fn mail_of(&self, edition: &Edition) -> Result<MailContent, PipelineError> {
        let (subject, attach) = self.mail_terms(edition)?;
        let mut outputs = Vec::new();
        for file in &edition.files {
            let bytes = self.stored(file).ok_or_else(|| {
                PipelineError::wrong_hint(
                    format!("{} is not as it was when the edition was made", file.path),
                    format!("`duban report rebuild {} --repair`", edition.edition_id),
                )
            })?;
            outputs.push((file.format.clone(), file.file_name.clone(), bytes));
        }
        Ok(mail_content(subject, outputs, attach.as_deref()))
    }
}

/// SHA-256 of each font file that a role may use, as an edition stores them.
pub(super) fn font_hashes(fonts: &Fonts) -> Result<String, PipelineError> {
    let hashes =
        fonts.file_hashes().map_err(|error| PipelineError::step("reading the fonts", error))?;
    Ok(json!(hashes).to_string())
}

/// Name and version of the program, as an edition stores it.
pub(super) const PROGRAM: &str = concat!("duban ", env!("CARGO_PKG_VERSION"));

/// A report's constants as parameters of its SQL.
pub(super) fn constants(definition: &ReportDefinition) -> impl Iterator<Item = (&str, Param)> {
    definition.params.iter().map(|(name, value)| {
        let value = match value {
            ParamValue::Bool(value) => Param::Bool(*value),
            ParamValue::Int(value) => Param::Int(*value),
            ParamValue::Float(value) => Param::Float(*value),
            ParamValue::Text(value) => Param::Text(value.clone()),
        };
        (name.as_str(), value)
    })
}

/// The last sheet of a workbook.
pub(super) fn sources(
    definition: &ReportDefinition,
    context: &ReportContext,
    snapshots: Vec<xlsx::SnapshotSource>,
) -> xlsx::Sources {
    let queries = definition.queries.iter();
    xlsx::Sources {
        as_of: context.as_of_local,
        queries: queries.map(|(name, query)| (name.clone(), query.sql.clone())).collect(),
        snapshots,
    }
}
