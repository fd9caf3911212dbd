//! Forms that are kept as counts: one row a respondent becomes how many chose which option.
//!
//! ## Design notes
//! - What is kept says nothing of a respondent: neither the order of the answers nor the place of a row.
//!   `_row` is the header's.
//! - A sheet of respondents and a sheet of counts end as the same rows: an option that nobody chose is
//!   no row in either.

use std::collections::{BTreeMap, BTreeSet};

use super::Context;
use super::findings::{Collector, Says};
use super::header::Header;
use super::rows::{Row, Table};
use super::value::Value;
use super::workbook::{Cell, Sheet};
use crate::config::contract::{Constant, Contract, Layout, Tally, UnitSource, WithoutUnit};
use crate::model::{Level, Place, UnitCode, fold};

/// Values of columns that names tell: of the sheet first, then of the file, then a line above the header.
///
/// A column that the layout lists constants for and no name tells, or two at once, is a finding.
pub(super) fn constants(
    sheet: &Sheet,
    file_name: &str,
    header: &Header,
    contract: &Contract,
    layout: &Layout,
    findings: &mut Collector,
) -> Vec<Option<Value>> {
    let mut values: Vec<Option<Value>> = vec![None; contract.columns.len()];
    let columns: BTreeSet<usize> = layout.constants.iter().map(|c| c.column).collect();
    let title: Vec<String> = sheet
        .rows_from(0)
        .take_while(|cells| cells[0].row < header.first_row)
        .flatten()
        .filter_map(|entry| match &entry.cell {
            Cell::Text(text) => Some(fold(text)),
            _ => None,
        })
        .collect();
    let sheet_name: Vec<String> = sheet.name().map(fold).into_iter().collect();
    for column in columns {
        let candidates: Vec<&Constant> =
            layout.constants.iter().filter(|constant| constant.column == column).collect();
        let told = [&sheet_name[..], &[fold(file_name)], &title].into_iter().find_map(|texts| {
            let mut found: Vec<&str> = candidates
                .iter()
                .filter(|constant| {
                    constant.named.iter().any(|glob| texts.iter().any(|text| glob.matches(text)))
                })
                .map(|constant| constant.value.as_str())
                .collect();
            found.dedup();
            // A name that tells two things tells neither; another may.
            if let [one] = found[..] { Some(one) } else { None }
        });
        let anywhere = candidates.iter().find(|constant| constant.named.is_empty());
        if let Some(value) = told.or(anywhere.map(|constant| constant.value.as_str())) {
            values[column] = Some(Value::Text(value.to_owned()));
            continue;
        }
        let declared = &contract.columns[column];
        let names: Vec<&str> = candidates
            .iter()
            .map(|constant| {
                let labels = declared.codes.get(&constant.value);
                labels.and_then(|l| l.first()).unwrap_or(&constant.value).as_str()
            })
            .collect();
        findings.say(
            sheet.name().map_or_else(Place::file, Place::sheet),
            Says::error("sheet.unnamed")
                .read(format!("工作表“{}”、文件“{file_name}”", sheet.name().unwrap_or_default()))
                .expected(format!("名称能看出“{}”是哪一种：{}", declared.label(), names.join("、")))
                .fix("请在工作表名称中写明"),
        );
    }
    values
}

/// Whose an answer is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    /// The reporter's, as the contract has it.
    Reporter,
    District,
    Unit(UnitCode),
}

/// Counts the answers of a sheet with one row a respondent into the table.
pub(super) fn count(
    table: &mut Table<'_>,
    sheet: &Sheet,
    header: &Header,
    tally: &Tally,
    constants: &[Option<Value>],
    context: &Context<'_>,
    findings: &mut Collector,
) {
    let questions = read_questions(table, sheet, header, tally, findings);
    let mut counts: BTreeMap<(Whose, &str, String), i64> = BTreeMap::new();
    for entries in sheet.rows_from(header.last_row + 1) {
        let row = entries[0].row;
        let is_answer = |cell: &Cell| !tally.skipped.contains(&fold(&cell.display()));
        let answers: Vec<(u32, &str, &Cell)> = questions
            .iter()
            .filter_map(|(col, question)| {
                let cell = sheet.cell(row, *col).filter(|cell| is_answer(cell))?;
                Some((*col, question.as_str(), cell))
            })
            .collect();
        // A line below the answers, or somebody who answered nothing.
        if answers.is_empty() {
            continue;
        }
        let Some(whose) = whose(table, sheet, header, tally, context, row, findings) else {
            continue;
        };
        for (col, question, cell) in answers {
            match table.readers[tally.option].read(Some(cell)) {
                (Some(Value::Text(option)), _) => {
                    *counts.entry((whose.clone(), question, option)).or_default() += 1;
                }
                (_, Some(says)) => findings.say_of_cell(sheet.name(), row, col, says),
                _ => {}
            }
        }
    }
    push_counts(table, sheet, header, tally, constants, counts, context);
}

/// The questions of the header, read by the column that takes them.
fn read_questions(
    table: &Table<'_>,
    sheet: &Sheet,
    header: &Header,
    tally: &Tally,
    findings: &mut Collector,
) -> Vec<(u32, String)> {
    let mut questions: Vec<(u32, String)> = Vec::new();
    for (col, text) in &header.questions {
        match table.readers[tally.question].read(Some(&Cell::Text(text.clone()))) {
            (Some(Value::Text(question)), _) => {
                if let Some((other, _)) = questions.iter().find(|(_, known)| *known == question) {
                    let other = Place::cell(None, header.last_row, *other).a1().unwrap_or_default();
                    findings.say(
                        Place::cell(sheet.name(), header.last_row, *col),
                        Says::error("header.twice")
                            .read(format!("“{text}”这一题出现了两次，另一处在 {other}"))
                            .expected("每一题只出现一次")
                            .fix("请删去多余的一列"),
                    );
                    continue;
                }
                questions.push((*col, question));
            }
            (_, says) => {
                // Answers to a question that is not known would be lost without a word.
                let says =
                    says.unwrap_or_else(|| Says::error("header.unknown_question").read(text));
                let says = Says { code: "header.unknown_question".to_owned(), ..says };
                findings.say(
                    Place::cell(sheet.name(), header.last_row, *col),
                    says.fix("题目改动过的，请改回原文；新增的题目，请秘书处先登记"),
                );
            }
        }
    }
    questions
}

/// Whose the answers of a respondent's row are; `None` if that has been said to be wrong.
fn whose(
    table: &Table<'_>,
    sheet: &Sheet,
    header: &Header,
    tally: &Tally,
    context: &Context<'_>,
    row: u32,
    findings: &mut Collector,
) -> Option<Whose> {
    let contract = table.contract;
    let place = contract.unit.column.and_then(|index| Some((index, header.places[index]?)));
    let Some((index, col)) = place else { return Some(Whose::Reporter) };
    let cell = sheet.cell(row, col).filter(|cell| !tally.skipped.contains(&fold(&cell.display())));
    let name = match table.readers[index].read(cell) {
        (Some(Value::Text(name)), _) => name,
        // A blank cell may be an error of its own, where nobody else can have answered.
        _ if tally.without_unit == WithoutUnit::District => return Some(Whose::District),
        _ if contract.unit.from == UnitSource::Reporter => return Some(Whose::Reporter),
        _ => {
            let says = Says::error("unit.missing")
                .read("没有写明属于哪个镇街")
                .expected(format!("“{}”必须填写", contract.columns[index].label()))
                .fix("请填写所属镇街的名称");
            findings.say_of_cell(sheet.name(), row, col, says);
            return None;
        }
    };
    let Some(unit) = context.units.find(super::value::without_enumerator(&fold(&name))) else {
        findings.say_of_cell(sheet.name(), row, col, super::units::unknown(&name, context.units));
        return None;
    };
    let town = context.units.town_of(unit);
    match (town.level, tally.without_unit) {
        (Level::Town, _) => Some(Whose::Unit(town.code.clone())),
        (Level::District, WithoutUnit::District) => Some(Whose::District),
        _ => {
            let says = Says::error("unit.not_a_town")
                .read(&unit.name)
                .expected("一个镇街的名称")
                .fix("请改为所在镇街");
            findings.say_of_cell(sheet.name(), row, col, says);
            None
        }
    }
}

fn push_counts(
    table: &mut Table<'_>,
    sheet: &Sheet,
    header: &Header,
    tally: &Tally,
    constants: &[Option<Value>],
    counts: BTreeMap<(Whose, &str, String), i64>,
    context: &Context<'_>,
) {
    table.sheets.push(sheet.name.clone());
    table.places.push(header.places.clone());
    let sheet_index = table.sheets.len() - 1;
    let district = context.units.district().map(|unit| unit.code.clone());
    for ((whose, question, option), n) in counts {
        let is_own = whose == Whose::District;
        table.rows.push(Row {
            sheet: sheet_index,
            number: header.last_row,
            named_unit: None,
            is_unit_said: false,
            unit: match whose {
                Whose::Reporter => None,
                Whose::District => district.clone(),
                Whose::Unit(code) => Some(code),
            },
            is_own,
        });
        for (i, values) in table.columns.iter_mut().enumerate() {
            values.push(match &constants[i] {
                _ if i == tally.question => Value::Text(question.to_owned()),
                _ if i == tally.option => Value::Text(option.clone()),
                _ if i == tally.answers => Value::Int(n),
                Some(value) => value.clone(),
                None => Value::Null,
            });
        }
    }
}

/// Brings the rows of a sheet of counts to the form of counted answers: no row of an option that nobody
/// chose; what names no town is the district's own.
pub(super) fn settle(table: &mut Table<'_>, tally: &Tally, context: &Context<'_>) {
    let is_nothing = |value: &Value| matches!(value, Value::Int(0) | Value::Null);
    let keep: Vec<bool> =
        table.columns[tally.answers].iter().map(|value| !is_nothing(value)).collect();
    let mut kept = keep.iter();
    table.rows.retain(|_| kept.next().copied().unwrap_or(true));
    for values in &mut table.columns {
        let mut kept = keep.iter();
        values.retain(|_| kept.next().copied().unwrap_or(true));
    }
    if tally.without_unit != WithoutUnit::District || tally.questions.is_some() {
        return;
    }
    let Some(district) = context.units.district() else { return };
    for row in &mut table.rows {
        let names_district = match &row.named_unit {
            None => true,
            Some((name, _)) => {
                tally.skipped.contains(&fold(name))
                    || context.units.find(name).is_some_and(|unit| unit.code == district.code)
            }
        };
        if names_district && !row.is_unit_said {
            row.named_unit = None;
            row.unit = Some(district.code.clone());
            row.is_own = true;
        }
    }
}
