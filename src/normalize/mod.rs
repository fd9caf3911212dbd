//! From a submitted file to rows and findings. Pure: no IO, no clock.
//!
//! The way of a file: what it is ([`read_workbook`]) → identities refuse it → right form and right
//! period → the header where it stands → rows (sections, totals, notes) → cells by type → units →
//! keys and rules → one record batch.
//!
//! ## Design notes
//! - A bad cell is data: everything that a clerk can mend is a [`Finding`], never an `Err`, and all
//!   of them are returned.
//! - Never a wrong guess in silence: what can be read in one way only is read, with a note where it
//!   was not written as it should be; what can be read in two ways is a finding.
//! - A file with an error has no batch: half a town would falsify a rate.

mod findings;
mod header;
mod identity;
mod nil;
mod open;
mod periods;
mod rows;
mod rules;
mod tally;
mod text;
mod units;
mod value;
mod workbook;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::Schema;
use jiff::civil::Date;

use self::findings::{Collector, Says, clip};
use self::header::{Header, Keys};
use self::rows::Table;
use self::value::Value;
use crate::config::contract::{ColumnType, Contract, Layout};
use crate::model::{Finding, Period, Place, UnitCode, UnitDirectory, fold};

pub use self::open::{MAX_BYTES, ReadProblem, read_workbook};
pub use self::workbook::{Cell, Entry, Format, Merge, Sheet, Workbook};

/// A file as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Submitted<'a> {
    pub file_name: &'a str,
    pub bytes: &'a [u8],
}

/// What a file is read for.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    pub units: &'a UnitDirectory,
    pub period: Period,
    /// Who sent it; `None`: the file says.
    pub reporter: Option<UnitCode>,
    /// For future periods.
    pub today: Date,
}

/// What a file says.
#[derive(Debug, Clone)]
pub struct Normalized {
    /// It holds identities of children: nothing of it may be kept but hash, name, time and findings.
    pub refused: bool,
    /// The rows, as [`Contract::arrow_schema`] without `_submission`; `None` if a finding is an error.
    /// `_row` counts from 1, as a spreadsheet program does.
    pub batch: Option<RecordBatch>,
    pub findings: Vec<Finding>,
    /// It says that there is nothing to report (零报告): a batch without rows.
    pub nil: bool,
    /// Units covered, with how many rows each.
    pub units: BTreeMap<UnitCode, u64>,
    /// Who reports: the one given, or the one that the file names; `None` if it names none.
    pub reporter: Option<UnitCode>,
    /// The layout that fitted best.
    pub layout: Option<String>,
}

/// Reads a submitted file for one data set and period.
pub fn normalize(input: &Submitted<'_>, contract: &Contract, context: &Context<'_>) -> Normalized {
    let opened = read_workbook(input.bytes, input.file_name);
    normalize_opened(opened.as_ref(), contract, context)
}

/// As [`normalize`], for a file that was opened before, with or without success.
pub fn normalize_opened(
    opened: Result<&Workbook, &ReadProblem>,
    contract: &Contract,
    context: &Context<'_>,
) -> Normalized {
    match opened {
        Ok(book) => normalize_workbook(book, contract, context),
        Err(problem) => Normalized {
            refused: false,
            batch: None,
            nil: false,
            findings: vec![problem.finding()],
            units: BTreeMap::new(),
            reporter: context.reporter.clone(),
            layout: None,
        },
    }
}

/// As [`normalize`], for a file that has been read already.
pub fn normalize_workbook(
    book: &Workbook,
    contract: &Contract,
    context: &Context<'_>,
) -> Normalized {
    let mut findings = Collector::default();
    let mut result = Normalized {
        refused: false,
        batch: None,
        nil: false,
        findings: Vec::new(),
        units: BTreeMap::new(),
        reporter: context.reporter.clone(),
        layout: None,
    };
    if identity::refuse(book, contract, &mut findings) {
        result.refused = true;
        result.findings = findings.finish();
        return result;
    }
    findings.extend(book.findings.iter().cloned());
    check_period(contract, context, &mut findings);
    if let Some(form) = choose_form(book, contract, &mut findings) {
        result.layout = Some(form.keys.layout().name.clone());
        say_unread_sheets(book, &form, &mut findings);
        read_form(book, contract, context, &form, &mut findings, &mut result);
    }
    if findings.has_errors() {
        result.batch = None;
        result.nil = false;
    }
    result.findings = findings.finish();
    result
}

/// What a file that is read under no contract is to be told: that it cannot be opened and why, or that
/// it holds what one of the contracts refuses (identities). No findings if neither.
pub fn examine(
    input: &Submitted<'_>,
    contracts: &[Contract],
    reporter: Option<UnitCode>,
) -> Normalized {
    let mut findings = Collector::default();
    let mut refused = false;
    match read_workbook(input.bytes, input.file_name) {
        Ok(book) => refused = identity::refuse_for(&book, contracts, &mut findings),
        Err(problem) => findings.extend([problem.finding()]),
    }
    Normalized {
        refused,
        batch: None,
        nil: false,
        findings: findings.finish(),
        units: BTreeMap::new(),
        reporter,
        layout: None,
    }
}

/// The names of the contracts whose form the file is: those of which it has every required column.
pub fn recognise(bytes: &[u8], file_name: &str, contracts: &[Contract]) -> Vec<String> {
    match read_workbook(bytes, file_name) {
        Ok(book) => recognise_workbook(&book, contracts),
        Err(_) => Vec::new(),
    }
}

/// As [`recognise`], for a file that has been read already.
pub fn recognise_workbook(book: &Workbook, contracts: &[Contract]) -> Vec<String> {
    contracts
        .iter()
        .filter(|contract| {
            contract.layouts.iter().any(|layout| {
                let keys = Keys::new(contract, layout);
                book.sheets
                    .iter()
                    .filter(|sheet| !(layout.skip_hidden && sheet.hidden))
                    .any(|sheet| header::find(sheet, &keys).is_some_and(|h| h.is_complete()))
            })
        })
        .map(|contract| contract.name.clone())
        .collect()
}

fn check_period(contract: &Contract, context: &Context<'_>, findings: &mut Collector) {
    let period = context.period;
    if period.frequency() != contract.frequency {
        findings.say(
            Place::file(),
            Says::error("period.frequency")
                .read(format!("报送期写的是 {period}"))
                .expected(format!(
                    "《{}》的报送期写法如 {}",
                    contract.title,
                    contract.frequency.example()
                ))
                .fix("请按规定的报送期重新报送"),
        );
    } else if !contract.has_period(period) {
        let listed: Vec<String> =
            contract.waves.iter().map(|wave| wave.period.to_string()).collect();
        findings.say(
            Place::file(),
            Says::error("period.unlisted")
                .read(format!("报送期 {period}（{}）", period.label()))
                .expected(format!("《{}》安排的调查：{}", contract.title, listed.join("、")))
                .fix("请核对是哪一次调查；确有这次调查的，请秘书处先在调查安排中登记"),
        );
    } else if contract.span(period).0 > context.today {
        findings.say(
            Place::file(),
            Says::error("period.future")
                .read(format!("报送期 {}", period.label()))
                .expected("报送期不能在今天以后")
                .fix("请核对报送期"),
        );
    }
}

/// The layout that fits, with the sheets that it is read from.
struct Form<'a> {
    keys: Keys<'a>,
    sheets: Vec<(usize, Header)>,
}

impl Form<'_> {
    fn is_complete(&self) -> bool {
        !self.sheets.is_empty() && self.sheets.iter().all(|(_, header)| header.is_complete())
    }

    /// The worst of its sheets.
    fn score(&self) -> Option<(isize, usize)> {
        self.sheets.iter().map(|(_, header)| header.score()).min()
    }
}

/// Indices of the sheets that a layout's globs name, in their order; all, if it has none.
fn named_sheets(book: &Workbook, layout: &Layout) -> Vec<usize> {
    let visible = |i: &usize| !(layout.skip_hidden && book.sheets[*i].hidden);
    let all = 0..book.sheets.len();
    if layout.sheets.is_empty() || book.sheets.iter().all(|sheet| sheet.name.is_none()) {
        return all.filter(visible).collect();
    }
    let mut found = Vec::new();
    for glob in &layout.sheets {
        let matching = all
            .clone()
            .filter(visible)
            .filter(|i| book.sheets[*i].name().is_some_and(|name| glob.matches(&fold(name))));
        for i in matching {
            if !found.contains(&i) {
                found.push(i);
            }
        }
    }
    if layout.every_sheet {
        found.sort_unstable();
    }
    found
}

fn fit<'a>(
    book: &Workbook,
    contract: &'a Contract,
    layout: &'a Layout,
    sheets: &[usize],
) -> Option<Form<'a>> {
    let keys = Keys::new(contract, layout);
    let mut found: Vec<(usize, Header)> = sheets
        .iter()
        .filter_map(|&i| header::find(&book.sheets[i], &keys).map(|header| (i, header)))
        .collect();
    if layout.every_sheet {
        // A sheet of another kind among them (a cover, a summary) is none of the form's.
        if found.iter().any(|(_, header)| !header.is_hopeless(contract)) {
            found.retain(|(_, header)| !header.is_hopeless(contract));
        }
    } else if let Some(best) = best_of(&found) {
        found = vec![found.swap_remove(best)];
    }
    (!found.is_empty()).then_some(Form { keys, sheets: found })
}

/// The first of the best-fitting headers.
fn best_of(found: &[(usize, Header)]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (i, (_, header)) in found.iter().enumerate() {
        if best.is_none_or(|b| header.score() > found[b].1.score()) {
            best = Some(i);
        }
    }
    best
}

fn best_form<'a>(forms: Vec<Form<'a>>) -> Option<Form<'a>> {
    let mut best: Option<Form<'a>> = None;
    for form in forms {
        if best.as_ref().is_none_or(|best| form.score() > best.score()) {
            best = Some(form);
        }
    }
    best
}

/// Right form first: which layout the file has, on which sheets; or what it is instead.
fn choose_form<'a>(
    book: &Workbook,
    contract: &'a Contract,
    findings: &mut Collector,
) -> Option<Form<'a>> {
    let by_name: Vec<Form<'a>> = contract
        .layouts
        .iter()
        .filter_map(|layout| fit(book, contract, layout, &named_sheets(book, layout)))
        .collect();
    let by_name = best_form(by_name);
    if by_name.as_ref().is_some_and(Form::is_complete) {
        return by_name;
    }
    // A sheet under another name that has the whole form is the form.
    let everywhere: Vec<usize> = (0..book.sheets.len()).collect();
    let elsewhere = contract.layouts.iter().filter(|layout| !layout.every_sheet);
    let elsewhere =
        elsewhere.filter_map(|layout| fit(book, contract, layout, &everywhere)).collect();
    if let Some(form) = best_form(elsewhere).filter(Form::is_complete) {
        let sheet = &book.sheets[form.sheets[0].0];
        findings.say(
            sheet.name().map_or_else(Place::file, Place::sheet),
            Says::note("sheet.renamed")
                .read(format!("工作表名为“{}”", sheet.name().unwrap_or_default()))
                .expected(format!("内容是《{}》，已从这张表读取", contract.title)),
        );
        return Some(form);
    }
    if let Some(form) = by_name
        && form.sheets.iter().any(|(_, header)| !header.is_hopeless(contract))
    {
        return Some(form);
    }
    say_wrong_form(book, contract, findings);
    None
}

/// A second sheet with the whole form may be rows that would be lost, or last month's: only the clerk
/// knows.
fn say_unread_sheets(book: &Workbook, form: &Form<'_>, findings: &mut Collector) {
    let layout = form.keys.layout();
    let is_read = |i: usize| form.sheets.iter().any(|(read, _)| *read == i);
    for (i, sheet) in book.sheets.iter().enumerate() {
        if layout.every_sheet || is_read(i) || (layout.skip_hidden && sheet.hidden) {
            continue;
        }
        let Some(header) = header::find(sheet, &form.keys).filter(Header::is_complete) else {
            continue;
        };
        if sheet.rows_from(header.last_row + 1).next().is_some() {
            findings.say(
                sheet_place(sheet),
                Says::confirm("sheet.unread")
                    .read("这张工作表也是同样的表格，里面有内容，没有读取")
                    .expected("一个文件只有一张这样的表")
                    .fix("要报的内容请并入一张表；无关的请删去这张工作表，或说明原因"),
            );
        }
    }
}

fn say_wrong_form(book: &Workbook, contract: &Contract, findings: &mut Collector) {
    if book.sheets.iter().all(Sheet::is_empty) {
        findings.say(
            Place::file(),
            Says::error("file.no_cells")
                .read("所有工作表都是空的")
                .expected(format!("填好的《{}》", contract.title))
                .fix("请检查后重新报送"),
        );
        return;
    }
    let headers: Vec<&str> = contract
        .columns
        .iter()
        .filter(|column| column.required)
        .map(|column| column.header.as_str())
        .take(8)
        .collect();
    let names: Vec<String> = book
        .sheets
        .iter()
        .filter_map(|sheet| sheet.name())
        .take(8)
        .map(|name| format!("“{}”", clip(name)))
        .collect();
    let read = if names.is_empty() {
        "文件中找不到这张表的表头".to_owned()
    } else {
        format!("各工作表（{}）中都找不到这张表的表头", names.join("、"))
    };
    let place = match &book.sheets[..] {
        [only] => only.name().map_or_else(Place::file, Place::sheet),
        _ => Place::file(),
    };
    findings.say(
        place,
        Says { read, ..Says::error("form.not_recognised") }
            .expected(format!("《{}》，表头有：{}等", contract.title, headers.join("、")))
            .fix("请核对是否报错了表；表头被改动的，请使用下发的表格"),
    );
}

fn read_form(
    book: &Workbook,
    contract: &Contract,
    context: &Context<'_>,
    form: &Form<'_>,
    findings: &mut Collector,
    result: &mut Normalized,
) {
    let mut table = Table::new(contract, book.format.is_untyped());
    let mut named_reporter = None;
    for (index, header) in &form.sheets {
        let sheet = &book.sheets[*index];
        let span = contract.span(context.period);
        periods::check_title(sheet, header.first_row, context.period, span, findings);
        header::say(header, &form.keys, sheet, findings);
        let named = units::reporter_in_title(sheet, header.first_row, context, findings);
        named_reporter = named_reporter.or(named);
        let layout = form.keys.layout();
        let given = tally::constants(sheet, &book.file_name, header, contract, layout, findings);
        match &layout.tally {
            Some(tally) if tally.questions.is_some() => {
                tally::count(&mut table, sheet, header, tally, &given, context, findings);
            }
            _ => rows::read(&mut table, sheet, header, layout, given, context, findings),
        }
    }
    if let Some(tally) = &form.keys.layout().tally {
        tally::settle(&mut table, tally, context);
    }
    if !table.nil.is_empty() {
        result.nil = nil::judge(&table, findings);
    } else if table.rows.is_empty() {
        let place = match &form.sheets[..] {
            [(index, header)] => {
                Place { cell: Some((header.last_row + 1, 0)), ..sheet_place(&book.sheets[*index]) }
            }
            _ => Place::file(),
        };
        findings.say(place, nil::blank_form(contract));
    }
    result.reporter = units::resolve(&mut table, contract, context, named_reporter, findings);
    if result.nil {
        nil::check_reporter(result.reporter.as_ref(), contract, context, findings);
    }
    rules::check(&table, contract, findings);
    for row in &table.rows {
        if let Some(unit) = &row.unit {
            *result.units.entry(unit.clone()).or_default() += 1;
        }
    }
    if !findings.has_errors()
        && let Some(reporter) = &result.reporter
    {
        result.batch = build_batch(table, contract, context.period, reporter);
    }
}

fn sheet_place(sheet: &Sheet) -> Place {
    sheet.name().map_or_else(Place::file, Place::sheet)
}

/// The rows as Arrow, in the order of the file.
fn build_batch(
    table: Table<'_>,
    contract: &Contract,
    period: Period,
    reporter: &UnitCode,
) -> Option<RecordBatch> {
    let n = table.rows.len();
    let period = period.to_string();
    let units = table.rows.iter().map(|row| row.unit.as_ref().map(UnitCode::as_str));
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(units.collect::<StringArray>()),
        Arc::new(StringArray::from(vec![reporter.as_str(); n])),
        Arc::new(StringArray::from(vec![period.as_str(); n])),
    ];
    for (column, values) in contract.columns.iter().zip(table.columns) {
        if !column.drop {
            arrays.push(array(column.kind, &values));
        }
    }
    let sheets = table.rows.iter().map(|row| table.sheets[row.sheet].as_deref());
    arrays.push(Arc::new(sheets.collect::<StringArray>()));
    arrays.push(Arc::new(
        table.rows.iter().map(|row| Some(i64::from(row.number) + 1)).collect::<Int64Array>(),
    ));
    let schema = contract.arrow_schema();
    let fields: Vec<_> =
        schema.fields().iter().filter(|field| field.name() != "_submission").cloned().collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).ok()
}

fn array(kind: ColumnType, values: &[Value]) -> ArrayRef {
    let epoch = Date::constant(1970, 1, 1);
    match kind {
        ColumnType::Text | ColumnType::Code => Arc::new(
            values
                .iter()
                .map(|value| match value {
                    Value::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect::<StringArray>(),
        ),
        ColumnType::Int => Arc::new(
            values
                .iter()
                .map(|value| match value {
                    Value::Int(n) => Some(*n),
                    _ => None,
                })
                .collect::<Int64Array>(),
        ),
        ColumnType::Number => Arc::new(
            values
                .iter()
                .map(|value| match value {
                    Value::Number(n) => Some(*n),
                    _ => None,
                })
                .collect::<Float64Array>(),
        ),
        ColumnType::Date => Arc::new(
            values
                .iter()
                .map(|value| match value {
                    Value::Date(date) => date.since(epoch).ok().map(|span| span.get_days()),
                    _ => None,
                })
                .collect::<Date32Array>(),
        ),
        ColumnType::Bool => Arc::new(
            values
                .iter()
                .map(|value| match value {
                    Value::Bool(b) => Some(*b),
                    _ => None,
                })
                .collect::<BooleanArray>(),
        ),
    }
}
