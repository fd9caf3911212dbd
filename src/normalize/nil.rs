//! 零报告: a form that says in its first row that there is nothing to report.
//!
//! A blank form says nothing: it may be the wrong file, or one that was saved before it was filled in.
//! So a zero is only known where somebody wrote it.

use super::Context;
use super::findings::{Collector, Says};
use super::header::Header;
use super::rows::Table;
use super::workbook::{Cell, Entry, Sheet};
use crate::config::contract::Contract;
use crate::model::{Level, Place, UnitCode, fold};

/// Words that mean "nothing" to any reader: where a contract takes none of them, they are answered.
const WORDS: [&str; 10] =
    ["无", "本期无", "本月无", "零报告", "无数据", "没有", "なし", "該当なし", "nil", "none"];

/// Where the word stands, and as what it was read.
pub(super) struct Said {
    /// Index into [`Table::sheets`].
    pub(super) sheet: usize,
    place: Place,
    text: String,
    /// The contract takes this word.
    is_taken: bool,
}

/// Whether a row says that there is nothing to report: its first cell is such a word, and what stands
/// beside it in the form's columns is the word again, nought or a dash.
pub(super) fn said(
    sheet: &Sheet,
    sheet_index: usize,
    entries: &[Entry],
    contract: &Contract,
    header: &Header,
) -> Option<Said> {
    let first = entries.first()?;
    let text = fold(&first.cell.display());
    let is_taken = |text: &str| contract.nil.as_ref().is_some_and(|nil| nil.matches.is_match(text));
    let is_word = |text: &str| is_taken(text) || WORDS.contains(&text.to_lowercase().as_str());
    if !matches!(first.cell, Cell::Text(_)) || !is_word(&text) {
        return None;
    }
    let says_nothing = |entry: &Entry| {
        let text = fold(&entry.cell.display());
        is_word(&text) || matches!(text.as_str(), "0" | "0.0" | "-" | "—" | "——" | "/")
    };
    let of_form =
        |entry: &&Entry| header.columns.get(entry.col as usize).is_some_and(Option::is_some);
    entries.iter().skip(1).filter(of_form).all(says_nothing).then(|| Said {
        sheet: sheet_index,
        place: Place::cell(sheet.name(), first.row, first.col),
        is_taken: is_taken(&text),
        text: first.cell.display(),
    })
}

/// Says what the nil words come to; gives whether the form is a 零报告: every word is one that the
/// contract takes, and there is no row.
pub(super) fn judge(table: &Table<'_>, findings: &mut Collector) -> bool {
    let contract = table.contract;
    let mut is_nil = table.rows.is_empty();
    for said in &table.nil {
        let says = match &contract.nil {
            // Of a form on several sheets one may have nothing.
            Some(_) if said.is_taken && table.rows.iter().all(|row| row.sheet != said.sheet) => {
                continue;
            }
            Some(_) if said.is_taken => Says::error("nil.with_rows")
                .read(format!("第一行写了“{}”，下面又有数据", said.text))
                .expected("本期没有的只写这一行；有数据的不写")
                .fix("有数据的，请删去这一行；确实没有的，请删去下面的数据"),
            Some(nil) => Says::error("nil.other_word")
                .read(&said.text)
                .expected(format!("本期确实没有的，写“{}”", nil.word))
                .fix(format!("请改写为“{}”后重新报送；有数据的请填写", nil.word)),
            None => Says::error("nil.not_taken")
                .read(&said.text)
                .expected(format!("《{}》不收零报告，至少填一行数据", contract.title))
                .fix("请填写后重新报送；没有数据可填的，请与收件人联系"),
        };
        findings.say(said.place.clone(), says);
        is_nil = false;
    }
    if let Some(first) = table.nil.first().filter(|_| is_nil) {
        findings.say(
            first.place.clone(),
            Says::note("nil.taken")
                .read(&first.text)
                .expected("零报告：本期没有要报的内容，按已报送计"),
        );
    }
    is_nil
}

/// A form without a row and without a word.
pub(super) fn blank_form(contract: &Contract) -> Says {
    let says = Says::error("rows.none").read("表头下面没有数据");
    match &contract.nil {
        Some(nil) => says
            .expected(format!("至少一行数据；本期确实没有的，在表头下第一行写“{}”", nil.word))
            .fix(format!("请填写后重新报送；本期确实没有的，请写“{}”后重新报送", nil.word)),
        None => says.expected("至少一行数据").fix("请填写后重新报送"),
    }
}

/// A collector of many units cannot say for all of them that there is nothing.
pub(super) fn check_reporter(
    reporter: Option<&UnitCode>,
    contract: &Contract,
    context: &Context<'_>,
    findings: &mut Collector,
) {
    let Some(unit) = reporter.and_then(|code| context.units.get(code)) else { return };
    if unit.level == Level::District && !contract.reporters.contains(&Level::District) {
        findings.say(
            Place::file(),
            Says::error("nil.not_for_others")
                .read(format!("由“{}”报送的零报告", unit.name))
                .expected(format!("《{}》的零报告由各报送单位自己报送", contract.title))
                .fix("请写明填报单位后重新报送"),
        );
    }
}
