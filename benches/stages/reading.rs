//! Reading a workbook: ours, from bytes to rows and findings, beside calamine's, from the same bytes to
//! its ranges.

use std::fmt::Write as _;
use std::io::Cursor;

use calamine::{Reader, Xlsx};
use duban::config::contract::Contract;
use duban::demo::Form;
use duban::model::{Level, Period, UnitCode};
use duban::normalize::{
    Context, Submitted, normalize, normalize_workbook, read_workbook, recognise_workbook,
};
use jiff::civil::date;
use rust_xlsxwriter::{Format, Workbook};

use crate::Outcome;
use crate::fixture::Campaign;
use crate::measure::{Contestant, Line, Plan, race};

/// One workbook to read.
struct Input<'a> {
    name: &'a str,
    bytes: &'a [u8],
    contract: &'a Contract,
    reporter: UnitCode,
    period: Period,
}

pub fn run(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    let campaign = &*campaign;
    let mut lines = Vec::new();
    for form in Form::ALL {
        let books = campaign.workbooks(form)?;
        let contract = campaign
            .config
            .contracts
            .iter()
            .find(|contract| contract.name == form.dataset())
            .ok_or("a form without a contract")?;
        let inputs: Vec<Input<'_>> = books
            .iter()
            .map(|arrival| Input {
                name: &arrival.path,
                bytes: &arrival.bytes,
                contract,
                reporter: arrival.reporter.clone(),
                period: arrival.period,
            })
            .collect();
        let title = format!("read {}", form.dataset());
        lines.extend(read(campaign, &title, &inputs, "workbook", plan.rounds(21))?);
    }
    let town = campaign.config.units.of_level(Level::Town).next().ok_or("no town")?;
    let contract = wide_contract()?;
    let large = if plan.quick { 2_000 } else { 100_000 };
    for (n_rows, rounds) in [(300, 21), (large, 5)] {
        let bytes = wide_workbook(n_rows)?;
        let input = Input {
            name: "wide.xlsx",
            bytes: &bytes,
            contract: &contract,
            reporter: town.code.clone(),
            period: Period::Month { year: 2024, month: 9 },
        };
        let title = format!("read {n_rows} × {WIDTH}");
        lines.extend(read(campaign, &title, &[input], "workbook", plan.rounds(rounds))?);
    }
    Ok(lines)
}

fn read(
    campaign: &Campaign,
    title: &str,
    inputs: &[Input<'_>],
    what: &'static str,
    rounds: usize,
) -> Outcome<Vec<Line>> {
    let config = &campaign.config;
    let context = |input: &Input<'_>| Context {
        units: &config.units,
        period: input.period,
        reporter: Some(input.reporter.clone()),
        today: date(2025, 1, 31),
    };
    let normalized = |input: &Input<'_>| {
        let submitted = Submitted { file_name: input.name, bytes: input.bytes };
        normalize(&submitted, input.contract, &context(input))
    };
    let bare = |input: &Input<'_>| {
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(input.bytes))?;
        for name in book.sheet_names() {
            book.worksheet_range(&name)?;
        }
        Ok(())
    };
    let open = |input: &Input<'_>| Ok(read_workbook(input.bytes, input.name).map(drop)?);
    let ours = |input: &Input<'_>| match normalized(input).batch {
        Some(batch) if batch.num_rows() > 0 => Ok(()),
        _ => Err(format!("{} has no rows: {:?}", input.name, normalized(input).findings).into()),
    };
    let chosen = |input: &Input<'_>| {
        let book = read_workbook(input.bytes, input.name)?;
        if recognise_workbook(&book, &config.contracts).is_empty() {
            return Err(format!("{} is none of the forms", input.name).into());
        }
        drop(normalize_workbook(&book, input.contract, &context(input)));
        Ok(())
    };
    let mut contestants = vec![
        Contestant { name: "bare calamine", work: &bare },
        Contestant { name: "cells (read_workbook)", work: &open },
        Contestant { name: "normalize", work: &ours },
    ];
    let is_form =
        |input: &Input<'_>| config.contracts.iter().any(|c| c.name == input.contract.name);
    if inputs.iter().all(is_form) {
        contestants.push(Contestant { name: "recognise, normalize", work: &chosen });
    }
    let mut lines = Vec::new();
    for standing in race(rounds, inputs, &contestants)? {
        let line = Line::new(format!("{title}: {}", standing.name), standing.median);
        lines.push(line.of(inputs.len(), what).ratio(standing.ratio));
    }
    Ok(lines)
}

/// Columns of the wide form.
const WIDTH: u16 = 40;
/// Those before the figures.
const N_LABELS: u16 = 6;

/// The wide form, with what a form has: a key, codes, dates, figures with limits, a rule.
fn wide_contract() -> Outcome<Contract> {
    let mut text = String::from(
        r#"
[dataset]
name = "wide"
title = "宽表"
frequency = "month"
stat_on = "last_day"
schema_version = 1
reporters = ["town"]
due_workdays = 5

[unit]
from = "reporter"

[refuse]
columns = ["身份证号", "幼儿姓名"]

[columns.inst_code]
header = "园所代码"
type = "text"
blank = "error"
key = true
pattern = "^[0-9A-Z]{10}$"

[columns.inst_name]
header = "园所名称"
type = "text"
blank = "error"

[columns.inst_kind]
header = "办园类型"
type = "code"
blank = "error"
codes = { public_education = ["教育部门办"], public_collective = ["集体办"], private_inclusive = ["普惠性民办"] }

[columns.opened_on]
header = "开园日期"
type = "date"

[columns.is_central]
header = "中心园"
type = "bool"

[columns.remark]
header = "说明"
type = "text"
"#,
    );
    for i in 1..=WIDTH - N_LABELS {
        write!(
            text,
            "\n[columns.n{i}]\nheader = \"指标{i}\"\ntype = \"int\"\nblank = \"zero\"\nmin = 0\nmax = 2000\nmeasure = \"人\"\n"
        )?;
    }
    text.push_str(
        r#"
[[layout]]
name = "宽表"

[[rule]]
id = "sum_of_sexes"
expr = "n1 == n2 + n3"
severity = "error"
expected = "合计应等于男、女之和"
fix = "请核对"
"#,
    );
    Contract::load("wide/pipeline.toml", &text).map_err(crate::told)
}

/// `n_rows` invented rows of the wide form.
fn wide_workbook(n_rows: u32) -> Outcome<Vec<u8>> {
    let kinds = ["教育部门办", "集体办", "普惠性民办"];
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let labels = ["园所代码", "园所名称", "办园类型", "开园日期", "中心园", "说明"];
    for (col, label) in (0..).zip(labels) {
        sheet.write_string(0, col, label)?;
    }
    for col in N_LABELS..WIDTH {
        sheet.write_string(0, col, format!("指标{}", col - N_LABELS + 1))?;
    }
    for row in 1..=n_rows {
        sheet.write_string(row, 0, format!("12{row:08}"))?;
        sheet.write_string(row, 1, format!("示例第{row}幼儿园（虚构）"))?;
        sheet.write_string(row, 2, kinds[row as usize % kinds.len()])?;
        sheet.write_number_with_format(row, 3, 36_000 + row % 9_000, &day)?;
        sheet.write_string(row, 4, if row.is_multiple_of(7) { "是" } else { "否" })?;
        if row.is_multiple_of(10) {
            sheet.write_string(row, 5, "示例数据")?;
        }
        let (boys, girls) = (row % 97, row % 89);
        for (col, figure) in (N_LABELS..).zip([boys + girls, boys, girls]) {
            sheet.write_number(row, col, figure)?;
        }
        for col in N_LABELS + 3..WIDTH {
            sheet.write_number(row, col, (row * u32::from(col)) % 1_000)?;
        }
    }
    Ok(book.save_to_buffer()?)
}
