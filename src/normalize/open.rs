//! Opening a submitted file: what it is by its content, and its cells.
//!
//! ## Design notes
//! - Names lie (`.xls` that are web pages, `.csv` with tabs), so only the content decides.
//! - calamine's own `Range` is dense: a sheet whose two cells stand in far corners would ask for
//!   the whole rectangle. Cells are taken one by one into a sparse sheet instead.
//! - A package is inflated once before it is parsed, with a limit: its directory may lie about
//!   sizes. The same pass finds merged regions, for which calamine would parse the sheet again.

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use calamine::{
    CellErrorType, Data, DataRef, Dimensions, ExcelDateTime, Ods, OdsError, Reader, SheetVisible,
    Xls, XlsError, Xlsb, XlsbError, Xlsx, XlsxError,
};
use jiff::civil::Date;
use memchr::memmem;
use regex::bytes::Regex;

use super::text;
use super::workbook::{Cell, Entry, Format, Merge, Sheet, Workbook};
use crate::model::{Finding, Place, Severity};

/// Bytes of a file that is read at all: the largest real form seen has 2.4 MB.
pub const MAX_BYTES: usize = 64 << 20;
/// Bytes that a package may unfold to.
const MAX_INFLATED: u64 = 1 << 30;
/// Cells of a workbook.
const MAX_CELLS: usize = 20_000_000;
/// Bytes of the list of merged regions of one sheet.
const MAX_MERGE_BYTES: usize = 32 << 20;

/// Why a file has no cells for us. [`ReadProblem::finding`] says it to the clerk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadProblem {
    #[error("the file is empty")]
    Empty,
    #[error("the file is too large: {what}")]
    TooLarge { what: &'static str },
    #[error("the workbook is encrypted")]
    Encrypted,
    #[error("the file is no spreadsheet but {what}")]
    NotSpreadsheet { what: &'static str },
    #[error("the file is a web page saved under a spreadsheet's name")]
    WebPage,
    #[error("the spreadsheet cannot be read: {reason}")]
    Broken { reason: String },
    #[error("the text is in no known encoding")]
    UnknownEncoding,
}

impl ReadProblem {
    /// The problem as the clerk reads it.
    pub fn finding(&self) -> Finding {
        let save = "请用 WPS 或 Excel 打开后另存为 .xlsx 再报送";
        let (code, read, expected, fix) = match self {
            ReadProblem::Empty => (
                "file.empty",
                "文件是空的，没有内容".to_owned(),
                "一份填好的表格",
                "请检查后重新报送",
            ),
            ReadProblem::TooLarge { what } => (
                "file.too_large",
                format!("文件过大（{what}）"),
                "一般不超过几兆字节的表格",
                "请删去图片、空白行列和无关的工作表，另存为 .xlsx 再报送",
            ),
            ReadProblem::Encrypted => (
                "file.encrypted",
                "文件已加密，需要密码才能打开".to_owned(),
                "没有设置打开密码的表格",
                "请用 WPS 或 Excel 打开，取消打开密码后另存，再报送",
            ),
            ReadProblem::NotSpreadsheet { what } => (
                "file.not_spreadsheet",
                format!("这不是电子表格，而是{what}"),
                "电子表格（.xlsx、.xls、.ods、.csv）",
                "请把数据填入下发的表格再报送",
            ),
            ReadProblem::WebPage => (
                "file.web_page",
                "文件名是电子表格，内容其实是网页".to_owned(),
                "真正的电子表格",
                save,
            ),
            ReadProblem::Broken { .. } => (
                "file.broken",
                "文件已损坏，或没有保存完整，无法读取".to_owned(),
                "能够正常打开的表格",
                save,
            ),
            ReadProblem::UnknownEncoding => (
                "file.encoding",
                "文字编码无法识别，会出现乱码".to_owned(),
                "UTF-8 或 GBK 编码的文本",
                save,
            ),
        };
        Finding {
            code: code.to_owned(),
            severity: Severity::Error,
            place: Place::file(),
            read,
            expected: expected.to_owned(),
            fix: fix.to_owned(),
        }
    }
}

/// Reads a submitted file: `.xlsx .xls .xlsb .ods`, separated text and JSON, told by content.
///
/// `file_name` is used only to tell a broken JSON file from a text file that begins with a bracket.
///
/// # Errors
/// [`ReadProblem`], if there is nothing in it that could be cells. Never panics: what a damaged file
/// provokes inside a parser is a [`ReadProblem::Broken`].
pub fn read_workbook(bytes: &[u8], file_name: &str) -> Result<Workbook, ReadProblem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ReadProblem::Empty);
    }
    if bytes.len() > MAX_BYTES {
        return Err(ReadProblem::TooLarge { what: "超过 64 MB" });
    }
    // Parsers of binary formats index into what the file claims; a damaged file must not take the
    // daemon's run with it.
    let opened = catch_unwind(AssertUnwindSafe(|| open(bytes, file_name)));
    let mut book = opened
        .unwrap_or_else(|_| Err(ReadProblem::Broken { reason: "the parser gave up".to_owned() }))?;
    file_name.clone_into(&mut book.file_name);
    Ok(book)
}

fn open(bytes: &[u8], file_name: &str) -> Result<Workbook, ReadProblem> {
    const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
    let head = bytes.trim_ascii_start();
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
        return open_package(bytes);
    }
    if starts(OLE) {
        return open_ole(bytes);
    }
    let what = [
        (&b"%PDF"[..], "PDF 文档"),
        (b"\x89PNG", "图片"),
        (b"\xFF\xD8\xFF", "图片"),
        (b"GIF8", "图片"),
        (b"Rar!", "压缩包"),
        (b"7z\xBC\xAF\x27\x1C", "压缩包"),
        (b"\x1F\x8B", "压缩包"),
        (b"{\\rtf", "文字文档"),
    ];
    if let Some((_, what)) = what.iter().find(|(magic, _)| starts(magic)) {
        return Err(ReadProblem::NotSpreadsheet { what });
    }
    let opening = head[..head.len().min(2048)].to_ascii_lowercase();
    let has = |part: &[u8]| memmem::find(&opening, part).is_some();
    if opening.starts_with(b"<") && (has(b"<html") || has(b"<table") || has(b"<!doctype")) {
        return Err(ReadProblem::WebPage);
    }
    if opening.starts_with(b"<?xml") || opening.starts_with(b"\xEF\xBB\xBF<?xml") {
        return Err(ReadProblem::NotSpreadsheet { what: "XML 文件" });
    }
    text::read(bytes, file_name)
}

fn broken(error: impl std::fmt::Display) -> ReadProblem {
    ReadProblem::Broken { reason: error.to_string() }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn open_ole(bytes: &[u8]) -> Result<Workbook, ReadProblem> {
    let has = |stream: &str| memmem::find(bytes, &utf16(stream)).is_some();
    if has("EncryptedPackage") {
        return Err(ReadProblem::Encrypted);
    }
    if !has("Workbook") && !has("Book") {
        let what = if has("WordDocument") {
            "文字文档"
        } else if has("PowerPoint") {
            "演示文稿"
        } else {
            "别的文件"
        };
        return Err(ReadProblem::NotSpreadsheet { what });
    }
    let mut book: Xls<_> = Xls::new(Cursor::new(bytes)).map_err(|error| match error {
        XlsError::Password => ReadProblem::Encrypted,
        error => broken(error),
    })?;
    let mut sheets = Vec::new();
    for meta in book.sheets_metadata().to_vec() {
        let range = book.worksheet_range(&meta.name).map_err(broken)?;
        let mut sheet = Sheet::new(Some(meta.name.clone()), from_range(&range));
        sheet.hidden = meta.visible != SheetVisible::Visible;
        if let Ok(merges) = book.merge_cells_by_sheet_name(&meta.name) {
            sheet.merges = merges.iter().map(merge).collect();
        }
        sheets.push(sheet);
    }
    Ok(Workbook { file_name: String::new(), format: Format::Xls, sheets, findings: Vec::new() })
}

/// What one inflating pass over a package finds.
#[derive(Default)]
struct Package {
    names: Vec<String>,
    /// Part name → merged regions.
    merges: HashMap<String, Vec<Merge>>,
    workbook: Vec<u8>,
    relations: Vec<u8>,
}

fn inspect(bytes: &[u8]) -> Result<Package, ReadProblem> {
    const TOO_LARGE: ReadProblem = ReadProblem::TooLarge { what: "解压后超过 1 GB" };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if archive.len() > 10_000 {
        return Err(ReadProblem::TooLarge { what: "内含文件过多" });
    }
    let mut package = Package::default();
    // What the directory admits is refused at once; what it hides is met while inflating.
    let mut declared: u64 = 0;
    for i in 0..archive.len() {
        declared += archive.by_index_raw(i).map_or(0, |part| part.size());
    }
    if declared > MAX_INFLATED {
        return Err(TOO_LARGE);
    }
    let mut total: u64 = 0;
    let mut chunk = vec![0_u8; 1 << 16];
    for i in 0..archive.len() {
        if archive.by_index_raw(i).is_ok_and(|part| part.encrypted()) {
            return Err(ReadProblem::Encrypted);
        }
        let Ok(mut part) = archive.by_index(i) else { continue };
        let name = part.name().map_err(broken)?.into_owned();
        let is_xml = [".xml", ".rels", ".bin"].iter().any(|ending| name.ends_with(ending));
        if !is_xml {
            package.names.push(name);
            continue;
        }
        let mut scan = MergeScan::default();
        let is_sheet = name.starts_with("xl/worksheets/");
        let mut whole = match name.as_str() {
            "xl/workbook.xml" => Some(&mut package.workbook),
            "xl/_rels/workbook.xml.rels" => Some(&mut package.relations),
            _ => None,
        };
        loop {
            let n = part.read(&mut chunk).map_err(broken)?;
            if n == 0 {
                break;
            }
            total += n as u64;
            if total > MAX_INFLATED {
                return Err(TOO_LARGE);
            }
            if is_sheet {
                scan.feed(&chunk[..n])?;
            }
            if let Some(whole) = &mut whole {
                whole.extend_from_slice(&chunk[..n]);
            }
        }
        if is_sheet && !scan.found.is_empty() {
            package.merges.insert(name.clone(), scan.regions());
        }
        package.names.push(name);
    }
    Ok(package)
}

/// Finds the list of merged regions, which follows the cells, in a sheet that passes by in chunks.
#[derive(Default)]
struct MergeScan {
    /// The end of the last chunk: the word may be cut in two.
    tail: Vec<u8>,
    /// From the word on.
    found: Vec<u8>,
}

impl MergeScan {
    fn feed(&mut self, chunk: &[u8]) -> Result<(), ReadProblem> {
        // Without its bracket: some programs give every element a namespace prefix.
        const WORD: &[u8] = b"mergeCells";
        if !self.found.is_empty() {
            if self.found.len() + chunk.len() > MAX_MERGE_BYTES {
                return Err(ReadProblem::TooLarge { what: "合并单元格过多" });
            }
            self.found.extend_from_slice(chunk);
            return Ok(());
        }
        if let Some(at) = memmem::find(chunk, WORD) {
            self.found.extend_from_slice(&chunk[at..]);
            return Ok(());
        }
        self.tail.extend_from_slice(&chunk[..chunk.len().min(WORD.len())]);
        if let Some(at) = memmem::find(&self.tail, WORD) {
            self.found = self.tail.split_off(at);
            self.found.extend_from_slice(&chunk[chunk.len().min(WORD.len())..]);
            return Ok(());
        }
        self.tail = chunk[chunk.len().saturating_sub(WORD.len())..].to_vec();
        Ok(())
    }

    fn regions(&self) -> Vec<Merge> {
        // It begins with the word, and ends where the word closes.
        const WORD: &[u8] = b"mergeCells";
        let end = memmem::find_iter(&self.found, WORD).nth(1).unwrap_or(self.found.len());
        self.found[..end]
            .split(|&byte| byte == b'"')
            .filter_map(|value| std::str::from_utf8(value).ok())
            .filter_map(parse_region)
            .collect()
    }
}

/// `B3:G3` as a merge.
fn parse_region(text: &str) -> Option<Merge> {
    let (from, to) = text.split_once(':')?;
    let cell = |text: &str| -> Option<(u32, u32)> {
        let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
        let row: u32 = text.get(letters..)?.parse().ok()?;
        if letters == 0 || letters > 3 {
            return None;
        }
        let col = text.bytes().take(letters).fold(0, |n, b| n * 26 + u32::from(b - b'A') + 1);
        Some((row.checked_sub(1)?, col - 1))
    };
    let ((first_row, first_col), (last_row, last_col)) = (cell(from)?, cell(to)?);
    Some(Merge { first_row, first_col, last_row, last_col })
}

fn open_package(bytes: &[u8]) -> Result<Workbook, ReadProblem> {
    let package = inspect(bytes)?;
    let has = |name: &str| package.names.iter().any(|part| part == name);
    if has("xl/workbook.bin") {
        return open_xlsb(bytes);
    }
    if has("content.xml") {
        return open_ods(bytes);
    }
    if package.names.iter().any(|part| part.starts_with("xl/")) {
        return open_xlsx(bytes, &package);
    }
    let what = if package.names.iter().any(|part| part.starts_with("word/")) {
        "文字文档"
    } else if package.names.iter().any(|part| part.starts_with("ppt/")) {
        "演示文稿"
    } else {
        "压缩包"
    };
    Err(ReadProblem::NotSpreadsheet { what })
}

/// A sheet's relation in the workbook; a relation, its id and its target. Compiled once: it takes
/// longer than reading a small workbook does.
static PART_PATTERNS: LazyLock<Option<[Regex; 4]>> = LazyLock::new(|| {
    let compile = |pattern: &str| Regex::new(pattern).ok();
    Some([
        compile(r#"<(?:\w+:)?sheet\s[^>]*?\b\w+:id="([^"]+)""#)?,
        compile(r"<(?:\w+:)?Relationship\s[^>]*>")?,
        compile(r#"\bId="([^"]+)""#)?,
        compile(r#"\bTarget="([^"]+)""#)?,
    ])
});

/// The part names of the sheets, in the order of the workbook.
fn sheet_parts(package: &Package) -> Vec<Option<String>> {
    let Some([sheet, relation, id, target]) = &*PART_PATTERNS else { return Vec::new() };
    let group = |regex: &Regex, text: &[u8]| -> Option<String> {
        let value = regex.captures(text)?.get(1)?.as_bytes();
        String::from_utf8(value.to_vec()).ok()
    };
    let targets: HashMap<String, String> = relation
        .find_iter(&package.relations)
        .filter_map(|found| {
            let target = group(target, found.as_bytes())?;
            let part = match target.strip_prefix('/') {
                Some(absolute) => absolute.to_owned(),
                None => format!("xl/{target}"),
            };
            Some((group(id, found.as_bytes())?, part))
        })
        .collect();
    sheet
        .captures_iter(&package.workbook)
        .map(|found| {
            let id = std::str::from_utf8(found.get(1)?.as_bytes()).ok()?;
            targets.get(id).cloned()
        })
        .collect()
}

fn open_xlsx(bytes: &[u8], package: &Package) -> Result<Workbook, ReadProblem> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| match error {
        XlsxError::Password => ReadProblem::Encrypted,
        error => broken(error),
    })?;
    let parts = sheet_parts(package);
    let metas = book.sheets_metadata().to_vec();
    let mut sheets = Vec::new();
    let mut n_cells = 0;
    for (i, meta) in metas.iter().enumerate() {
        let mut entries = Vec::new();
        match book.worksheet_cells_reader(&meta.name) {
            Ok(mut cells) => {
                while let Some(cell) = cells.next_cell().map_err(broken)? {
                    let (row, col) = cell.get_position();
                    push(&mut entries, row, col, from_data_ref(cell.get_value()));
                    if n_cells + entries.len() > MAX_CELLS {
                        return Err(ReadProblem::TooLarge { what: "单元格过多" });
                    }
                }
            }
            // A sheet that holds only a chart.
            Err(XlsxError::NotAWorksheet(_)) => continue,
            Err(error) => return Err(broken(error)),
        }
        n_cells += entries.len();
        let mut sheet = Sheet::new(Some(meta.name.clone()), entries);
        sheet.hidden = meta.visible != SheetVisible::Visible;
        sheet.merges = if parts.len() == metas.len() {
            let part = parts[i].as_ref();
            part.and_then(|part| package.merges.get(part)).cloned().unwrap_or_default()
        } else {
            let merges = book.merge_cells_by_sheet_name(&meta.name).unwrap_or_default();
            merges.iter().map(merge).collect()
        };
        sheets.push(sheet);
    }
    Ok(Workbook { file_name: String::new(), format: Format::Xlsx, sheets, findings: Vec::new() })
}

fn open_xlsb(bytes: &[u8]) -> Result<Workbook, ReadProblem> {
    let mut book: Xlsb<_> = Xlsb::new(Cursor::new(bytes)).map_err(|error| match error {
        XlsbError::Password => ReadProblem::Encrypted,
        error => broken(error),
    })?;
    let mut sheets = Vec::new();
    for meta in book.sheets_metadata().to_vec() {
        let mut entries = Vec::new();
        let mut cells = book.worksheet_cells_reader(&meta.name).map_err(broken)?;
        while let Some(cell) = cells.next_cell().map_err(broken)? {
            let (row, col) = cell.get_position();
            push(&mut entries, row, col, from_data_ref(cell.get_value()));
            if entries.len() > MAX_CELLS {
                return Err(ReadProblem::TooLarge { what: "单元格过多" });
            }
        }
        let mut sheet = Sheet::new(Some(meta.name.clone()), entries);
        sheet.hidden = meta.visible != SheetVisible::Visible;
        sheets.push(sheet);
    }
    Ok(Workbook { file_name: String::new(), format: Format::Xlsb, sheets, findings: Vec::new() })
}

fn open_ods(bytes: &[u8]) -> Result<Workbook, ReadProblem> {
    let mut book: Ods<_> = Ods::new(Cursor::new(bytes)).map_err(|error| match error {
        OdsError::Password => ReadProblem::Encrypted,
        error => broken(error),
    })?;
    let mut sheets = Vec::new();
    for meta in book.sheets_metadata().to_vec() {
        let range = book.worksheet_range(&meta.name).map_err(broken)?;
        let mut sheet = Sheet::new(Some(meta.name.clone()), from_range(&range));
        sheet.hidden = meta.visible != SheetVisible::Visible;
        sheets.push(sheet);
    }
    Ok(Workbook { file_name: String::new(), format: Format::Ods, sheets, findings: Vec::new() })
}

fn merge(dimensions: &Dimensions) -> Merge {
    let ((first_row, first_col), (last_row, last_col)) = (dimensions.start, dimensions.end);
    Merge { first_row, first_col, last_row, last_col }
}

fn push(entries: &mut Vec<Entry>, row: u32, col: u32, cell: Option<Cell>) {
    if let Some(cell) = cell
        && !cell.is_blank()
    {
        entries.push(Entry { row, col, cell });
    }
}

/// A range begins at its first used cell, not at A1: its own places are relative.
fn from_range(range: &calamine::Range<Data>) -> Vec<Entry> {
    let Some((first_row, first_col)) = range.start() else { return Vec::new() };
    let mut entries = Vec::new();
    for (row, cells) in (first_row..).zip(range.rows()) {
        for (col, data) in (first_col..).zip(cells) {
            push(&mut entries, row, col, from_data(data));
        }
    }
    entries
}

fn from_data_ref(data: &DataRef<'_>) -> Option<Cell> {
    Some(match data {
        DataRef::Empty => return None,
        #[expect(clippy::cast_precision_loss, reason = "spreadsheets hold doubles")]
        DataRef::Int(n) => Cell::Number(*n as f64),
        DataRef::Float(n) => Cell::Number(*n),
        DataRef::String(text) => Cell::Text(text.clone()),
        DataRef::SharedString(text) => Cell::Text((*text).to_owned()),
        DataRef::Bool(b) => Cell::Bool(*b),
        DataRef::DateTime(moment) => from_moment(*moment),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => from_iso(text),
        DataRef::Error(error) => Cell::Error(error_name(error)),
    })
}

fn from_data(data: &Data) -> Option<Cell> {
    Some(match data {
        Data::Empty => return None,
        #[expect(clippy::cast_precision_loss, reason = "spreadsheets hold doubles")]
        Data::Int(n) => Cell::Number(*n as f64),
        Data::Float(n) => Cell::Number(*n),
        Data::String(text) => Cell::Text(text.clone()),
        Data::Bool(b) => Cell::Bool(*b),
        Data::DateTime(moment) => from_moment(*moment),
        Data::DateTimeIso(text) | Data::DurationIso(text) => from_iso(text),
        Data::Error(error) => Cell::Error(error_name(error)),
    })
}

fn from_moment(moment: ExcelDateTime) -> Cell {
    let serial = moment.as_f64();
    let is_day = !moment.is_duration() && (1.0..2_958_466.0).contains(&serial);
    let (year, month, day, ..) = moment.to_ymd_hms_milli();
    let date = || {
        let (year, month, day) =
            (year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?);
        Date::new(year, month, day).ok()
    };
    Cell::Moment { serial, date: if is_day { date() } else { None } }
}

fn from_iso(text: &str) -> Cell {
    match text.get(..10).and_then(|day| day.parse::<Date>().ok()) {
        Some(date) => Cell::Moment { serial: 0.0, date: Some(date) },
        None => Cell::Text(text.to_owned()),
    }
}

fn error_name(error: &CellErrorType) -> &'static str {
    match error {
        CellErrorType::Div0 => "#DIV/0!",
        CellErrorType::NA => "#N/A",
        CellErrorType::Name => "#NAME?",
        CellErrorType::Null => "#NULL!",
        CellErrorType::Num => "#NUM!",
        CellErrorType::Ref => "#REF!",
        CellErrorType::Value => "#VALUE!",
        CellErrorType::GettingData => "#DATA!",
    }
}
