//! Bursting: the queries of a report are run once, each unit gets its own rows, and an edition of its own.
//!
//! ## Design notes
//! - **Isolation is not the template's business.** A unit's paper is rendered from rows that are its own by
//!   the column that `[burst]` names, and from those of queries that the definition calls shared: what is not
//!   there cannot be printed. The same holds for changes since the last edition and for the workbook's sheet
//!   of sources.
//! - **Memory is flat.** A unit's rows are taken out, its files rendered, written and dropped by one task; as
//!   many run as there are cores.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use rayon::prelude::*;

use super::inputs::Facts;
use super::publish::{Before, Built, Sheet};
use super::{Pipeline, PipelineError, Progress, Session};
use crate::config::burst::Burst;
use crate::config::report::ReportDefinition;
use crate::ledger::{Cut, NewEdition, RunId};
use crate::model::{Level, Period, Unit, UnitCode};
use crate::report::document::Value;
use crate::report::{Change, QueryRows, check_burst, xlsx};

/// The rows of a report's queries, and where each unit's are.
struct Split {
    results: BTreeMap<String, QueryRows>,
    /// By query and unit: which rows. A query that is shared is not there.
    own: BTreeMap<String, HashMap<String, Vec<usize>>>,
}

impl Split {
    fn new(burst: &Burst, results: BTreeMap<String, QueryRows>) -> Split {
        let mut own = BTreeMap::new();
        for (name, rows) in &results {
            if burst.is_shared(name) {
                continue;
            }
            let mut by_unit: HashMap<String, Vec<usize>> = HashMap::new();
            let at = rows.columns.iter().position(|(column, _)| *column == burst.column);
            for (i, row) in rows.rows.iter().enumerate() {
                // A row that names no unit is nobody's.
                if let Some(Value::Text(code)) = at.and_then(|at| row.get(at)) {
                    by_unit.entry(code.clone()).or_default().push(i);
                }
            }
            own.insert(name.clone(), by_unit);
        }
        Split { results, own }
    }

    /// What one unit may see.
    fn of(&self, unit: &UnitCode) -> BTreeMap<String, QueryRows> {
        let seen = self.results.iter().map(|(name, rows)| {
            let Some(by_unit) = self.own.get(name) else { return (name.clone(), rows.clone()) };
            let mine = by_unit.get(unit.as_str()).map(Vec::as_slice).unwrap_or_default();
            let mine = mine.iter().filter_map(|i| rows.rows.get(*i).cloned()).collect();
            (name.clone(), QueryRows { columns: rows.columns.clone(), rows: mine })
        });
        seen.collect()
    }
}

/// All that the papers of one burst are made of.
struct Whole<'a> {
    definition: &'a ReportDefinition,
    period: Period,
    /// Rows of queries that do not ask what is new.
    always: Split,
    /// Rows of those that do, and changes, by the as-of and the instant of the edition before.
    since: BTreeMap<Timestamp, Split>,
    changes: BTreeMap<Timestamp, Vec<(UnitCode, Change)>>,
    cuts: Vec<Cut>,
    n_rows: BTreeMap<(String, Period, UnitCode), u64>,
    facts: Facts,
    steady: BTreeSet<String>,
}

/// What came of one unit's paper.
enum Made {
    Before(Box<Built>),
    New(Box<NewEdition>),
}

impl Pipeline {
    /// The units of a burst report.
    pub(super) fn units_of(&self, burst: &Burst) -> Vec<&Unit> {
        self.config.units.of_level(burst.by).collect()
    }

    /// An edition for each unit, and how each went, under its key `report/period/unit`.
    pub(super) fn build_each(
        &self,
        run: RunId,
        session: &Session,
        definition: &ReportDefinition,
        burst: &Burst,
        period: Period,
        progress: &dyn Progress,
    ) -> Vec<(String, Result<Built, PipelineError>)> {
        let units = self.units_of(burst);
        let key = format!("{}/{period}", definition.name);
        let whole = self.step(run, "rows", &key, progress, || {
            self.whole(session, definition, burst, period, &units, progress)
        });
        let (whole, before) = match whole {
            Ok(whole) => whole,
            Err(error) => return vec![(key, Err(error))],
        };
        let making: Vec<_> = units.into_iter().zip(before).collect();
        let mut built = Vec::new();
        // A few at a time: made side by side, recorded one after another, so that the same inputs leave the
        // same ledger.
        for some in making.chunks(2 * rayon::current_num_threads().max(1)) {
            let keys: Vec<String> =
                some.iter().map(|(unit, _)| format!("{key}/{}", unit.code)).collect();
            let mut begun = Vec::new();
            for key in &keys {
                begun.push(self.begin_step(run, "report", key, progress));
            }
            let made: Vec<Result<Made, PipelineError>> = some
                .par_iter()
                .zip(begun.par_iter())
                .map(|((unit, before), begun)| {
                    if begun.is_err() {
                        return Err(PipelineError::wrong("its step could not be begun"));
                    }
                    let sheet = self.sheet_of(&whole, burst, unit, before.clone());
                    let scope = unit.code.as_str();
                    match self.standing(definition, scope, period, &sheet.inputs_hash)? {
                        Some(built) => Ok(Made::Before(Box::new(built))),
                        None => Ok(Made::New(Box::new(self.make(run, sheet)?))),
                    }
                })
                .collect();
            for ((key, begun), made) in keys.into_iter().zip(begun).zip(made) {
                let result = begun.and_then(|begun| {
                    let recorded = made.and_then(|made| match made {
                        Made::Before(built) => Ok(*built),
                        Made::New(new) => self.record_new(&new),
                    });
                    self.end_step(begun, recorded, progress)
                });
                built.push((key, result));
            }
        }
        built
    }

    /// The paper of one unit alone: for a preview.
    pub(super) fn sheet_of_one<'a>(
        &'a self,
        session: &Session,
        definition: &'a ReportDefinition,
        burst: &Burst,
        period: Period,
        unit: &'a Unit,
        progress: &dyn Progress,
    ) -> Result<Sheet<'a>, PipelineError> {
        let (whole, before) = self.whole(session, definition, burst, period, &[unit], progress)?;
        let before = before.into_iter().next().unwrap_or_default();
        Ok(self.sheet_of(&whole, burst, unit, before))
    }

    /// Runs the queries, once for all units; those that ask what is new since the edition before, once for
    /// each such instant: a unit whose sheet was corrected has another one before it than the others.
    fn whole<'a>(
        &self,
        session: &Session,
        definition: &'a ReportDefinition,
        burst: &Burst,
        period: Period,
        units: &[&Unit],
        progress: &dyn Progress,
    ) -> Result<(Whole<'a>, Vec<Before>), PipelineError> {
        let asks_since = |sql: &str| sql.contains("$since");
        let before = units
            .iter()
            .map(|unit| self.before(definition, unit.code.as_str(), period))
            .collect::<Result<Vec<_>, _>>()?;
        let ask = |since, wanted: &dyn Fn(&str) -> bool| {
            let results = self.answers(session, definition, period, since, wanted)?;
            let schemas =
                results.iter().map(|(name, rows)| (name.clone(), rows.columns.clone())).collect();
            let problems = check_burst(definition, &schemas);
            if !problems.is_empty() {
                return Err(PipelineError::Definitions(problems));
            }
            Ok(Split::new(burst, results))
        };
        let always = ask(Timestamp::UNIX_EPOCH, &|sql| !asks_since(sql))?;
        for (name, by_unit) in &always.own {
            let all = self.units_of(burst);
            let is_known = |code: &String| all.iter().any(|unit| unit.code.as_str() == code);
            if !by_unit.is_empty() && !by_unit.keys().any(is_known) {
                progress.warn(&format!(
                    "report {}: no row of query `{name}` belongs to a {}: its column `{}` names others",
                    definition.name, burst.by.as_str(), burst.column
                ));
            }
        }
        let mut since = BTreeMap::new();
        let mut changes = BTreeMap::new();
        let any_since = definition.queries.values().any(|query| asks_since(&query.sql));
        for before in &before {
            let at = before.since();
            if any_since && !since.contains_key(&at) {
                since.insert(at, ask(at, &asks_since)?);
            }
            if let Some(edition) = before.previous()
                && !changes.contains_key(&edition.created_at)
            {
                let at = edition.created_at;
                changes.insert(at, self.changes_since(at, period)?);
            }
        }
        let n_rows = self.ledger.coverage(None)?.into_iter();
        let n_rows = n_rows.map(|row| ((row.dataset, row.period, row.unit_code), row.n_rows));
        let mut by_unit = BTreeMap::new();
        for (key, n) in n_rows {
            *by_unit.entry(key).or_insert(0) += n;
        }
        let whole = Whole {
            definition,
            period,
            always,
            since,
            changes,
            cuts: self.cuts_until(period, None)?,
            n_rows: by_unit,
            facts: self.stated(period)?,
            steady: self.steady_queries(definition),
        };
        Ok((whole, before))
    }

    fn sheet_of<'a>(
        &self,
        whole: &Whole<'a>,
        burst: &Burst,
        unit: &'a Unit,
        before: Before,
    ) -> Sheet<'a> {
        let mut results = whole.always.of(&unit.code);
        if let Some(split) = whole.since.get(&before.since()) {
            results.extend(split.of(&unit.code));
        }
        let concerns = |code: &UnitCode| self.concerns(unit, code);
        let changes = before.previous().and_then(|edition| whole.changes.get(&edition.created_at));
        let changes = changes.into_iter().flatten().filter(|(code, _)| concerns(code));
        let mut sheet = Sheet {
            definition: whole.definition,
            period: whole.period,
            unit: Some(unit),
            before,
            results,
            changes: changes.map(|(_, change)| change.clone()).collect(),
            snapshots: self.own_snapshots(whole, &concerns),
            shared: burst.shared.clone(),
            inputs_hash: String::new(),
        };
        sheet.inputs_hash = self.sheet_hash(&sheet, &whole.steady, &whole.facts, concerns);
        sheet
    }

    /// Whether what is told of a unit concerns another: itself, a park in it, or a town of its group.
    fn concerns(&self, unit: &Unit, code: &UnitCode) -> bool {
        let Some(other) = self.config.units.get(code) else { return false };
        let town = self.config.units.town_of(other);
        town.code == unit.code
            || (unit.level == Level::Group && town.group.as_ref() == Some(&unit.code))
    }

    /// The snapshots with a unit's own rows in them: how many others sent is not its business.
    fn own_snapshots(
        &self,
        whole: &Whole<'_>,
        concerns: &dyn Fn(&UnitCode) -> bool,
    ) -> Vec<xlsx::SnapshotSource> {
        let own = whole.cuts.iter().map(|cut| {
            let missing = cut.missing_units.iter().filter(|code| concerns(code));
            let of_cut = whole.n_rows.range((cut.dataset.clone(), cut.period, UnitCode::new(""))..);
            let of_cut = of_cut
                .take_while(|((dataset, period, _), _)| {
                    *dataset == cut.dataset && *period == cut.period
                })
                .filter(|((_, _, code), _)| concerns(code));
            xlsx::SnapshotSource {
                dataset_title: self.dataset_title(&cut.dataset),
                period: cut.period.label(),
                snapshot_id: cut.snapshot_id.clone(),
                n_rows: of_cut.map(|(_, n)| n).sum(),
                missing_units: missing.map(|code| self.unit_name(code)).collect(),
            }
        });
        own.collect()
    }
}
