//! Keys, row rules and table rules: what must hold between the cells of a file.

use std::collections::HashMap;

use minijinja::Environment;
use minijinja::value::Kwargs;

use super::findings::{Collector, Says};
use super::rows::Table;
use super::value::Value;
use crate::config::contract::{Contract, RowRule, TableRule, TableRuleKind};
use crate::model::Place;

pub(super) fn check(table: &Table<'_>, contract: &Contract, findings: &mut Collector) {
    check_keys(table, contract, findings);
    let environment = Environment::new();
    for rule in &contract.rules {
        check_rows(table, contract, rule, &environment, findings);
    }
    for rule in &contract.table_rules {
        match rule.kind {
            TableRuleKind::Unique => check_unique(table, contract, rule, findings),
            TableRuleKind::Constant => check_constant(table, contract, rule, findings),
            TableRuleKind::Complete => check_complete(table, contract, rule, findings),
        }
    }
}

/// The values of some columns of a row as one text; `None` if all are null.
fn joined(table: &Table<'_>, row: usize, columns: &[usize]) -> Option<String> {
    if columns.iter().all(|&column| table.columns[column][row] == Value::Null) {
        return None;
    }
    let values: Vec<String> =
        columns.iter().map(|&column| table.columns[column][row].display()).collect();
    Some(values.join("\u{1f}"))
}

/// `园所代码=1201140001、班级名称=小一班`, of a row.
fn describe(table: &Table<'_>, row: usize, columns: &[usize]) -> String {
    let parts: Vec<String> = columns
        .iter()
        .map(|&column| {
            let label = table.contract.columns[column].label();
            format!("{label}={}", table.columns[column][row].display())
        })
        .collect();
    parts.join("、")
}

/// `第 12 行`, with its sheet where another row's is not the same.
fn row_name(table: &Table<'_>, row: usize, beside: usize) -> String {
    let at = &table.rows[row];
    match &table.sheets[at.sheet] {
        Some(sheet) if at.sheet != table.rows[beside].sheet => {
            format!("工作表“{sheet}”第 {} 行", at.number + 1)
        }
        _ => format!("第 {} 行", at.number + 1),
    }
}

fn check_keys(table: &Table<'_>, contract: &Contract, findings: &mut Collector) {
    let keys: Vec<usize> = (0..contract.columns.len())
        .filter(|&i| contract.columns[i].key && table.places.iter().all(|place| place[i].is_some()))
        .collect();
    let declared = contract.columns.iter().filter(|column| column.key).count();
    // A part of the key says nothing: the missing column has been said.
    if keys.is_empty() || keys.len() < declared {
        return;
    }
    let mut first: HashMap<String, usize> = HashMap::with_capacity(table.rows.len());
    for row in 0..table.rows.len() {
        let Some(key) = joined(table, row, &keys) else { continue };
        if let Some(&other) = first.get(&key) {
            let (sheet, at, col) = table.cell_of(row, keys[0]);
            findings.say_of_cell(
                sheet,
                at,
                col,
                Says::error("key.duplicate")
                    .read(format!("第 {} 行：{}", at + 1, describe(table, row, &keys)))
                    .expected(format!(
                        "同样的内容已在{}出现过，应只有一行",
                        row_name(table, other, row)
                    ))
                    .fix("重复填报的请删去一行；填错的请改正"),
            );
        } else {
            first.insert(key, row);
        }
    }
}

fn to_jinja(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from(()),
        Value::Text(text) => minijinja::Value::from(text.as_str()),
        Value::Int(n) => minijinja::Value::from(*n),
        Value::Number(n) => minijinja::Value::from(*n),
        Value::Date(date) => minijinja::Value::from(date.to_string()),
        Value::Bool(b) => minijinja::Value::from(*b),
    }
}

fn check_rows(
    table: &Table<'_>,
    contract: &Contract,
    rule: &RowRule,
    environment: &Environment<'_>,
    findings: &mut Collector,
) {
    // Proven to compile when the contract was loaded.
    let Ok(expression) = environment.compile_expression(&rule.expr) else { return };
    for row in 0..table.rows.len() {
        let values = rule.columns.iter().map(|&column| &table.columns[column][row]);
        if values.clone().any(|value| *value == Value::Null) {
            continue;
        }
        let operands: Kwargs = rule
            .columns
            .iter()
            .zip(values)
            .map(|(&column, value)| (contract.columns[column].name.as_str(), to_jinja(value)))
            .collect();
        let Some(&anchor) = rule.columns.first() else { continue };
        let (sheet, at, col) = table.cell_of(row, anchor);
        match expression.eval(minijinja::Value::from(operands)) {
            Ok(holds) if holds.is_true() => continue,
            Ok(_) => {}
            // Text where the expression counts on a number: the definition's fault, not the clerk's;
            // but silence would pass for agreement.
            Err(_) => {
                let says = Says::confirm(format!("rule.{}", rule.id))
                    .read("这一行的规则无法计算")
                    .expected(&rule.expected)
                    .fix("请联系区里的管理员核对这条规则");
                findings.say_of_cell(sheet, at, col, says);
                continue;
            }
        }
        let parts: Vec<String> = rule
            .columns
            .iter()
            .map(|&column| {
                let (_, at, col) = table.cell_of(row, column);
                let cell = Place::cell(None, at, col).a1().unwrap_or_default();
                let label = contract.columns[column].label();
                format!("{label} {}（{cell}）", shown(contract, table, row, column))
            })
            .collect();
        let mut says = Says::new("rule", rule.severity).expected(&rule.expected).fix(&rule.fix);
        says.read = parts.join("，");
        findings.say_of_rule(sheet, at, col, &rule.id, says);
    }
}

/// A value as the clerk wrote it: the label of a code.
fn shown(contract: &Contract, table: &Table<'_>, row: usize, column: usize) -> String {
    let value = &table.columns[column][row];
    if let Value::Text(code) = value
        && let Some(label) = contract.columns[column].codes.get(code).and_then(|l| l.first())
    {
        return label.clone();
    }
    value.display()
}

fn check_complete(
    table: &Table<'_>,
    contract: &Contract,
    rule: &TableRule,
    findings: &mut Collector,
) {
    for &column in &rule.columns {
        let declared = &contract.columns[column];
        let is_there = |code: &str| {
            let found = |value: &Value| matches!(value, Value::Text(text) if text == code);
            table.columns[column].iter().any(found)
        };
        let missing: Vec<&str> = declared
            .codes
            .iter()
            .filter(|(code, _)| !is_there(code))
            .map(|(code, labels)| labels.first().unwrap_or(code).as_str())
            .collect();
        if !missing.is_empty() {
            let mut says = Says::new("rule", rule.severity).expected(&rule.expected).fix(&rule.fix);
            says.code = format!("rule.{}", rule.id);
            says.read = format!("“{}”中没有：{}", declared.label(), missing.join("、"));
            findings.say(Place::file(), says);
        }
    }
}

fn check_unique(
    table: &Table<'_>,
    contract: &Contract,
    rule: &TableRule,
    findings: &mut Collector,
) {
    let mut columns = rule.within.clone();
    columns.extend(&rule.columns);
    let mut first: HashMap<String, usize> = HashMap::new();
    for row in 0..table.rows.len() {
        if rule.columns.iter().any(|&column| table.columns[column][row] == Value::Null) {
            continue;
        }
        let Some(key) = joined(table, row, &columns) else { continue };
        let Some(&other) = first.get(&key) else {
            first.insert(key, row);
            continue;
        };
        let anchor = rule.columns[0];
        let (sheet, at, col) = table.cell_of(row, anchor);
        let says = Says::new("rule", rule.severity)
            .read(format!(
                "{} {}，与{}相同",
                contract.columns[anchor].label(),
                shown(contract, table, row, anchor),
                row_name(table, other, row)
            ))
            .expected(&rule.expected)
            .fix(&rule.fix);
        findings.say_of_rule(sheet, at, col, &rule.id, says);
    }
}

fn check_constant(
    table: &Table<'_>,
    contract: &Contract,
    rule: &TableRule,
    findings: &mut Collector,
) {
    for &column in &rule.columns {
        let mut first: HashMap<String, usize> = HashMap::new();
        for row in 0..table.rows.len() {
            if table.columns[column][row] == Value::Null {
                continue;
            }
            let Some(group) = joined(table, row, &rule.within) else { continue };
            let other = *first.entry(group).or_insert(row);
            if table.columns[column][other] == table.columns[column][row] {
                continue;
            }
            let (sheet, at, col) = table.cell_of(row, column);
            let says = Says::new("rule", rule.severity)
                .read(format!(
                    "{} {}，而{}是 {}",
                    contract.columns[column].label(),
                    shown(contract, table, row, column),
                    row_name(table, other, row),
                    shown(contract, table, other, column)
                ))
                .expected(&rule.expected)
                .fix(&rule.fix);
            findings.say_of_rule(sheet, at, col, &rule.id, says);
        }
    }
}
