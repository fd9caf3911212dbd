//! Which unit a row belongs to, and who reports.

use std::collections::{BTreeSet, HashMap};

use super::Context;
use super::findings::{Collector, Says};
use super::rows::Table;
use super::workbook::{Cell, Sheet};
use crate::config::contract::{Contract, UnitSource};
use crate::model::{Level, Place, Unit, UnitCode, UnitDirectory, fold};

/// A name that is no unit's.
pub(super) fn unknown(name: &str, units: &UnitDirectory) -> Says {
    let says = Says::error("unit.unknown").read(name).expected("本区的一个镇街名称或代码");
    match units.nearest(name) {
        Some(near) => says.fix(format!("是否应为“{}”？请改正", near.name)),
        None => says.fix("请核对名称后改正"),
    }
}

/// The unit behind `填报单位：` above a header; an error if it is not the one that sent the file.
pub(super) fn reporter_in_title(
    sheet: &Sheet,
    header_row: u32,
    context: &Context<'_>,
    findings: &mut Collector,
) -> Option<UnitCode> {
    for cells in sheet.rows_from(0).take_while(|cells| cells[0].row < header_row) {
        for (i, entry) in cells.iter().enumerate() {
            let Cell::Text(text) = &entry.cell else { continue };
            let text = fold(text);
            let label = ["填报单位", "报送单位", "上报单位"];
            let Some(rest) = label.iter().find_map(|label| text.strip_prefix(label)) else {
                continue;
            };
            let rest = rest.trim_start_matches("(盖章)").trim_start_matches("(公章)");
            let mut name = rest.trim_start_matches(':').to_owned();
            if name.is_empty()
                && let Some(next) = cells.get(i + 1)
            {
                name = fold(&next.cell.display());
            }
            // The rest of a line often holds the date too: the longest name that it begins with.
            let found = context.units.find(&name).or_else(|| {
                let starts = |unit: &&Unit| name.starts_with(&fold(&unit.name));
                context.units.iter().filter(starts).max_by_key(|unit| unit.name.len())
            });
            let Some(unit) = found else { continue };
            if let Some(reporter) = context.reporter.as_ref().filter(|code| **code != unit.code) {
                let sent_by = context
                    .units
                    .get(reporter)
                    .map_or(reporter.as_str(), |unit| unit.name.as_str());
                findings.say(
                    Place::cell(sheet.name(), entry.row, entry.col),
                    Says::error("unit.mismatch")
                        .read(format!("填报单位写的是“{}”", unit.name))
                        .expected(format!("这份表由“{sent_by}”报送"))
                        .fix("请核对是否拿错了文件，或改正填报单位"),
                );
            }
            return Some(unit.code.clone());
        }
    }
    None
}

/// Finds each row's unit and says who reports.
///
/// Given, or named in the title; else, where the rows name units: the one unit that all of them name
/// if such units report, otherwise the district; else the only unit that may report, if there is but one.
pub(super) fn resolve(
    table: &mut Table<'_>,
    contract: &Contract,
    context: &Context<'_>,
    named_reporter: Option<UnitCode>,
    findings: &mut Collector,
) -> Option<UnitCode> {
    let directory = context.units;
    let mut cache: HashMap<String, Option<UnitCode>> = HashMap::new();
    for i in 0..table.rows.len() {
        let Some((name, col)) = table.rows[i].named_unit.clone() else { continue };
        let code = cache.entry(name.clone()).or_insert_with(|| {
            directory.find(&name).map(|unit| directory.town_of(unit).code.clone())
        });
        if let Some(code) = code {
            table.rows[i].unit = Some(code.clone());
        } else if !table.rows[i].is_unit_said {
            table.rows[i].is_unit_said = true;
            let sheet = table.sheets[table.rows[i].sheet].clone();
            let says = unknown(&name, directory);
            findings.say_of_cell(sheet.as_deref(), table.rows[i].number, col, says);
        }
    }
    let reporter = find_reporter(table, contract, context, named_reporter);
    let Some(reporter) = reporter else {
        findings.say(
            Place::file(),
            Says::error("unit.no_reporter")
                .read("文件里没有写明是哪个单位报送的")
                .expected("填报单位，或所属镇街一列")
                .fix("请在表格上方写明“填报单位：”，或由收件人指定报送单位"),
        );
        return None;
    };
    let Some(unit) = directory.get(&reporter) else {
        findings.say(
            Place::file(),
            Says::error("unit.unknown")
                .read(reporter.as_str())
                .expected("本区的一个单位")
                .fix("请核对报送单位的代码"),
        );
        return Some(reporter);
    };
    if unit.level != Level::District && !contract.reporters.contains(&unit.level) {
        findings.say(
            Place::file(),
            Says::error("unit.not_a_reporter")
                .read(format!("由“{}”报送", unit.name))
                .expected(format!("《{}》不由这一级单位报送", contract.title))
                .fix("请核对报送单位"),
        );
    }
    assign(table, contract, context, unit, findings);
    Some(reporter)
}

fn find_reporter(
    table: &Table<'_>,
    contract: &Contract,
    context: &Context<'_>,
    named: Option<UnitCode>,
) -> Option<UnitCode> {
    if let Some(given) = context.reporter.clone().or(named) {
        return Some(given);
    }
    let units: BTreeSet<&UnitCode> =
        table.rows.iter().filter_map(|row| row.unit.as_ref()).collect();
    let only = match units.iter().next() {
        None => return sole_reporter(contract, context.units),
        Some(only) if units.len() == 1 => context.units.get(only),
        Some(_) => None,
    };
    let district = context.units.district();
    only.filter(|unit| contract.reporters.contains(&unit.level))
        .or(district)
        .map(|unit| unit.code.clone())
}

/// The one unit that may report at all, where there is but one: the district of a yearbook.
fn sole_reporter(contract: &Contract, directory: &UnitDirectory) -> Option<UnitCode> {
    let mut may = directory.iter().filter(|unit| contract.reporters.contains(&unit.level));
    may.next().filter(|_| may.next().is_none()).map(|unit| unit.code.clone())
}

/// Gives each row without a named unit the reporter's; says which rows are another's.
fn assign(
    table: &mut Table<'_>,
    contract: &Contract,
    context: &Context<'_>,
    reporter: &Unit,
    findings: &mut Collector,
) {
    let unit_column = contract.unit.column;
    for i in 0..table.rows.len() {
        let row = &table.rows[i];
        let sheet = table.sheets[row.sheet].clone();
        let at = row.number;
        let col = row
            .named_unit
            .as_ref()
            .map(|(_, col)| *col)
            .or_else(|| unit_column.and_then(|column| table.places[row.sheet][column]))
            .unwrap_or(0);
        let Some(code) = row.unit.clone() else {
            if row.is_unit_said {
                continue;
            }
            let lies_there = contract.unit.from == UnitSource::Reporter
                && (reporter.level == Level::Town
                    || (matches!(reporter.level, Level::District | Level::Bureau)
                        && unit_column.is_none()));
            if lies_there {
                table.rows[i].unit = Some(reporter.code.clone());
            } else {
                let expected = match contract.unit.from {
                    UnitSource::Section => "数据行上面应有一行写明单位".to_owned(),
                    _ => unit_column.map_or_else(
                        || "每一行都要能看出属于哪个镇街".to_owned(),
                        |column| format!("“{}”必须填写", contract.columns[column].label()),
                    ),
                };
                findings.say_of_cell(
                    sheet.as_deref(),
                    at,
                    col,
                    Says::error("unit.missing")
                        .read("没有写明属于哪个镇街")
                        .expected(expected)
                        .fix("请填写所属镇街的名称"),
                );
            }
            continue;
        };
        let Some(unit) = context.units.get(&code) else { continue };
        if unit.level != Level::Town && !row.is_own {
            findings.say_of_cell(
                sheet.as_deref(),
                at,
                col,
                Says::error("unit.not_a_town")
                    .read(unit.name.as_str())
                    .expected("一个镇街的名称；全区、片区的数不单列一行")
                    .fix("请改为所在镇街，或删去这一行"),
            );
        } else if reporter.level == Level::Town && code != reporter.code {
            findings.say_of_cell(
                sheet.as_deref(),
                at,
                col,
                Says::error("unit.foreign")
                    .read(format!("所属镇街写的是“{}”", unit.name))
                    .expected(format!("“{}”只报送本镇街的数据", reporter.name))
                    .fix("请改正所属镇街，或删去这一行"),
            );
        }
    }
}
