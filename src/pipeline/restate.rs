//! What changed since an earlier edition: rows of units, and figures that follow from them.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use jiff::Timestamp;

use super::{Pipeline, PipelineError};
use crate::config::contract::{ColumnType, Contract};
use crate::model::{Period, SubmissionState, UnitCode};
use crate::report::document::Value;
use crate::report::{Change, QueryRows, Restatement};
use crate::snapshot::{read, unit_digests, unit_rows};

impl Pipeline {
    /// Units whose rows of periods up to `until` are other than they were at `since`, and in what.
    ///
    /// What is new for a period that had no snapshot at `since`, or was not due yet, is no change but the news
    /// itself.
    pub(super) fn changes_since(
        &self,
        since: Timestamp,
        until: Period,
    ) -> Result<Vec<(UnitCode, Change)>, PipelineError> {
        let mut changes = Vec::new();
        let then = self.ledger.current_cuts(Some(since))?;
        let coverage = self.ledger.coverage(None)?;
        for cut in self.ledger.current_cuts(None)? {
            let waves = &self.config.waves;
            if waves.counts_from(cut.period) > waves.ends_on(until) {
                continue;
            }
            let Some(contract) = self.config.contracts.iter().find(|c| c.name == cut.dataset)
            else {
                continue;
            };
            let Some(old) = then.iter().find(|old| {
                old.dataset == cut.dataset
                    && old.period == cut.period
                    && old.snapshot_id != cut.snapshot_id
            }) else {
                continue;
            };
            // Until it is due a form is still coming in: what comes is no correction of what was said.
            let due = contract.due_on(cut.period, &self.config.calendar);
            if self.clock.date_of(since) <= due.on {
                continue;
            }
            let root = self.config.home.root();
            let before = read(&root.join(&old.path))?;
            let after = read(&root.join(&cut.path))?;
            let digests_before = unit_digests(&before)?;
            if contract.keeps_counts() {
                // A town's own counts may be too few to be told, before and after.
                if unit_digests(&after)? != digests_before
                    && let Some(district) = self.config.units.district()
                {
                    let submissions = self.ledger.coverage(None)?;
                    let newest = submissions
                        .iter()
                        .filter(|row| row.dataset == cut.dataset && row.period == cut.period)
                        .max_by_key(|row| row.submission_id);
                    let change = Change {
                        unit_name: district.name.clone(),
                        dataset_title: contract.title.clone(),
                        period: cut.period.to_string(),
                        file_name: match newest {
                            Some(row) => self.ledger.submission(row.submission_id)?.file_name,
                            None => String::new(),
                        },
                        what: "作了更正".to_owned(),
                    };
                    changes.push((district.code.clone(), change));
                }
                continue;
            }
            let digests_after = unit_digests(&after)?;
            let nil: BTreeMap<&UnitCode, Timestamp> = coverage
                .iter()
                .filter(|row| {
                    row.dataset == cut.dataset
                        && row.period == cut.period
                        && row.state == SubmissionState::Nil
                })
                .map(|row| (&row.unit_code, row.accepted_at))
                .collect();
            let mut say = |unit: &UnitCode, what: String| -> Result<(), PipelineError> {
                let change = Change {
                    unit_name: self.unit_name(unit),
                    dataset_title: contract.title.clone(),
                    period: cut.period.to_string(),
                    file_name: self.newest_file_name(contract, cut.period, unit)?,
                    what,
                };
                changes.push((unit.clone(), change));
                Ok(())
            };
            for (unit, digest) in &digests_after {
                let what = match digests_before.get(unit) {
                    Some(same) if same == digest => continue,
                    Some(_) => {
                        let differences = differences(
                            contract,
                            &unit_rows(&before, unit)?,
                            &unit_rows(&after, unit)?,
                        );
                        format!("作了更正：{differences}")
                    }
                    None => format!("已补报，{}行", unit_rows(&after, unit)?.num_rows()),
                };
                say(unit, what)?;
            }
            for unit in digests_before.keys().filter(|unit| !digests_after.contains_key(*unit)) {
                let n = unit_rows(&before, unit)?.num_rows();
                let now = if nil.contains_key(unit) { "改报零报告" } else { "不再报送" };
                say(unit, format!("{now}，原{n}行不再计入"))?;
            }
            for (unit, accepted_at) in nil {
                if accepted_at > since && !digests_before.contains_key(unit) {
                    say(unit, "已补报，为零报告".into())?;
                }
            }
        }
        Ok(changes)
    }

    fn newest_file_name(
        &self,
        contract: &Contract,
        period: Period,
        unit: &UnitCode,
    ) -> Result<String, PipelineError> {
        let coverage = self.ledger.coverage(None)?;
        let newest = coverage
            .iter()
            .filter(|row| {
                row.dataset == contract.name && row.period == period && row.unit_code == *unit
            })
            .max_by_key(|row| row.submission_id);
        match newest {
            Some(row) => Ok(self.ledger.submission(row.submission_id)?.file_name),
            None => Ok(String::new()),
        }
    }
}

/// `幼儿数/合计 512→520；行数 20→21`: sums of the whole-number columns that differ.
fn differences(contract: &Contract, before: &RecordBatch, after: &RecordBatch) -> String {
    let mut parts = Vec::new();
    if before.num_rows() != after.num_rows() {
        parts.push(format!("行数 {}→{}", before.num_rows(), after.num_rows()));
    }
    let sum = |batch: &RecordBatch, name: &str| -> i64 {
        batch.column_by_name(name).map_or(0, |column| {
            column.as_primitive_opt::<Int64Type>().map_or(0, |c| c.iter().flatten().sum())
        })
    };
    for column in contract.kept_columns().filter(|column| column.kind == ColumnType::Int) {
        let (was, is) = (sum(before, &column.name), sum(after, &column.name));
        if was != is {
            parts.push(format!("{} {was}→{is}", column.label()));
        }
    }
    if parts.is_empty() { "合计未变，明细有改动".into() } else { parts.join("；") }
}

/// Figures that both editions have and that differ. Their query names the columns `metric` (and
/// `metric_title`), `level`, `unit_code`, `unit_name`, `period`, `num`, `den`.
pub(super) fn restated(then: Option<&QueryRows>, now: &QueryRows) -> Vec<Restatement> {
    let Some(then) = then else { return Vec::new() };
    let before = figures(then);
    figures(now)
        .into_iter()
        .filter_map(|(key, after)| {
            let before = before.get(&key)?;
            // A figure that was not there yet is news, not a restatement.
            before.num?;
            ((before.num, before.den) != (after.num, after.den)).then(|| Restatement {
                metric_title: after.title.clone(),
                level: key.1.clone(),
                unit_name: after.unit_name.clone(),
                period: key.3.clone(),
                before_num: before.num,
                before_den: before.den,
                after_num: after.num,
                after_den: after.den,
            })
        })
        .collect()
}

struct Figure {
    title: String,
    unit_name: String,
    num: Option<i64>,
    den: Option<i64>,
}

fn figures(rows: &QueryRows) -> BTreeMap<(String, String, String, String), Figure> {
    let at = |name: &str| rows.columns.iter().position(|(column, _)| column == name);
    let text = |row: &[Value], name: &str| match at(name).and_then(|i| row.get(i)) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let int = |row: &[Value], name: &str| match at(name).and_then(|i| row.get(i)) {
        Some(Value::Int(value)) => Some(*value),
        _ => None,
    };
    rows.rows
        .iter()
        .map(|row| {
            let key = (
                text(row, "metric"),
                text(row, "level"),
                text(row, "unit_code"),
                text(row, "period"),
            );
            let title = text(row, "metric_title");
            let figure = Figure {
                title: if title.is_empty() { key.0.clone() } else { title },
                unit_name: text(row, "unit_name"),
                num: int(row, "num"),
                den: int(row, "den"),
            };
            (key, figure)
        })
        .collect()
}
