//! Text files: their encoding, their separator, and JSON.

use encoding_rs::{Encoding, GB18030, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};
use serde_json::Value;

use super::open::ReadProblem;
use super::workbook::{Cell, Entry, Format, Sheet, Workbook};
use crate::model::{Finding, Place, Severity};

pub(super) fn read(bytes: &[u8], file_name: &str) -> Result<Workbook, ReadProblem> {
    let (text, mut findings) = decode(bytes)?;
    let opening = text.trim_start();
    if opening.is_empty() {
        return Err(ReadProblem::Empty);
    }
    if opening.starts_with(['[', '{']) {
        match read_json(opening) {
            Ok(sheet) => {
                return Ok(Workbook {
                    file_name: String::new(),
                    format: Format::Json,
                    sheets: vec![sheet],
                    findings,
                });
            }
            Err(reason) => {
                let extension = file_name.rsplit('.').next().unwrap_or_default();
                if ["json", "ndjson", "jsonl"].iter().any(|e| extension.eq_ignore_ascii_case(e)) {
                    return Err(ReadProblem::Broken { reason });
                }
            }
        }
    }
    let sheet = read_separated(&text, &mut findings)?;
    Ok(Workbook { file_name: String::new(), format: Format::Text, sheets: vec![sheet], findings })
}

/// The text of a file, with what had to be concluded about its encoding.
///
/// A byte order mark decides; then strict UTF-8. Of the older encodings only those that decode every
/// byte are candidates, and the one whose characters are the common ones of its language wins;
/// where two are near each other the clerk is asked.
fn decode(bytes: &[u8]) -> Result<(String, Vec<Finding>), ReadProblem> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let text = strict(encoding, &bytes[mark..]).ok_or(ReadProblem::UnknownEncoding)?;
        return Ok((text, Vec::new()));
    }
    if let Some(text) = strict(UTF_8, bytes) {
        return if looks_like_text(&text) {
            Ok((text, Vec::new()))
        } else {
            utf16_without_mark(bytes)
                .ok_or(ReadProblem::NotSpreadsheet { what: "无法识别的文件" })
        };
    }
    if let Some(found) = utf16_without_mark(bytes) {
        return Ok(found);
    }
    if bytes.contains(&0) {
        return Err(ReadProblem::NotSpreadsheet { what: "无法识别的文件" });
    }
    let chinese = strict(GB18030, bytes).filter(|text| looks_like_text(text));
    let japanese = strict(SHIFT_JIS, bytes).filter(|text| looks_like_text(text));
    let (text, name, certain) = match (chinese, japanese) {
        (None, None) => return Err(ReadProblem::UnknownEncoding),
        (Some(text), None) => {
            let certain = share(&text, is_common_chinese) >= 0.5;
            (text, "GBK", certain)
        }
        (None, Some(text)) => {
            let certain = share(&text, is_common_japanese) >= 0.5;
            (text, "Shift_JIS", certain)
        }
        (Some(chinese), Some(japanese)) => {
            let (zh, ja) =
                (share(&chinese, is_common_chinese), share(&japanese, is_common_japanese));
            let certain = (zh - ja).abs() >= 0.2;
            if ja > zh { (japanese, "Shift_JIS", certain) } else { (chinese, "GBK", certain) }
        }
    };
    let finding = Finding {
        code: "file.encoding".to_owned(),
        severity: if certain { Severity::Note } else { Severity::Confirm },
        place: Place::file(),
        read: format!("文件没有注明文字编码，已按 {name} 读取"),
        expected: "文字显示正常，没有乱码".to_owned(),
        fix: if certain {
            "无需处理".to_owned()
        } else {
            "请核对园所名称等文字是否正确；有乱码的，请另存为 .xlsx 再报送".to_owned()
        },
    };
    Ok((text, vec![finding]))
}

/// Decodes all of it or nothing: a byte that does not fit must not become a silent `�`.
fn strict(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(Into::into)
}

fn looks_like_text(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1a}'))
}

/// UTF-16 without a mark: ASCII commas and digits leave every other byte zero.
fn utf16_without_mark(bytes: &[u8]) -> Option<(String, Vec<Finding>)> {
    let sample = &bytes[..bytes.len().min(4096)];
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|&&b| b == 0).count();
    let encoding = match (zeros(0), zeros(1)) {
        (0, odd) if odd > 0 => UTF_16LE,
        (even, 0) if even > 0 => UTF_16BE,
        _ => return None,
    };
    strict(encoding, bytes).filter(|text| looks_like_text(text)).map(|text| (text, Vec::new()))
}

/// The share of characters beyond ASCII that are common in a language.
fn share(text: &str, is_common: fn(char) -> bool) -> f64 {
    let (mut common, mut all) = (0_u32, 0_u32);
    for c in text.chars().filter(|c| !c.is_ascii()).take(20_000) {
        all += 1;
        common += u32::from(is_common(c));
    }
    if all == 0 { 1.0 } else { f64::from(common) / f64::from(all) }
}

/// In GB 2312: what Chinese forms are written in. Read in the wrong encoding, text falls outside it.
fn is_common_chinese(c: char) -> bool {
    let mut buffer = [0; 4];
    let (bytes, _, failed) = encoding_rs::GBK.encode(c.encode_utf8(&mut buffer));
    let kana = ('\u{3040}'..='\u{30ff}').contains(&c);
    !failed && !kana && matches!(*bytes, [0xA1..=0xA3 | 0xB0..=0xF7, 0xA1..=0xFE])
}

/// Kana, full-width forms and the first level of JIS X 0208; half-width kana are what Chinese bytes
/// look like to a Japanese decoder.
fn is_common_japanese(c: char) -> bool {
    let mut buffer = [0; 4];
    let (bytes, _, failed) = SHIFT_JIS.encode(c.encode_utf8(&mut buffer));
    !failed && matches!(*bytes, [0x81..=0x83 | 0x88..=0x97, _])
}

fn read_separated(text: &str, findings: &mut Vec<Finding>) -> Result<Sheet, ReadProblem> {
    let (text, declared) = declared_separator(text);
    let separator = declared.unwrap_or_else(|| guess_separator(text));
    let (rows, unclosed) = row_numbers(text.as_bytes(), separator);
    if let Some(row) = unclosed {
        findings.push(Finding {
            code: "file.quote".to_owned(),
            severity: Severity::Error,
            place: Place::cell(None, row, 0),
            read: "从这一行起有一个引号没有配对，后面的内容会并成一格".to_owned(),
            expected: "引号成对出现".to_owned(),
            fix: "请在这一行补上或删去引号，或另存为 .xlsx 再报送".to_owned(),
        });
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let mut entries = Vec::new();
    let offset = u32::from(declared.is_some());
    let mut record = csv::StringRecord::new();
    let mut i = 0_u32;
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(ReadProblem::Broken { reason: error.to_string() }),
        }
        let row = rows.get(i as usize).copied().unwrap_or(i) + offset;
        for (col, field) in (0_u32..).zip(&record) {
            let cell = Cell::Text(field.to_owned());
            if !cell.is_blank() {
                entries.push(Entry { row, col, cell });
            }
        }
        i += 1;
    }
    Ok(Sheet::new(None, entries))
}

/// Excel writes and reads a first line `sep=;`.
fn declared_separator(text: &str) -> (&str, Option<u8>) {
    let line = text.lines().next().unwrap_or_default();
    match line.strip_prefix("sep=").map(str::as_bytes) {
        Some([separator]) => {
            (text[line.len()..].trim_start_matches(['\r', '\n']), Some(*separator))
        }
        _ => (text, None),
    }
}

/// The separator that cuts most lines into the same number of fields, more than one.
fn guess_separator(text: &str) -> u8 {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(100).collect();
    let score = |separator: u8| -> usize {
        let mut counts = std::collections::HashMap::<usize, usize>::new();
        for line in &lines {
            let mut quoted = false;
            let n = line.bytes().filter(|&byte| {
                quoted ^= byte == b'"';
                byte == separator && !quoted
            });
            *counts.entry(n.count()).or_default() += 1;
        }
        counts.remove(&0);
        // Lines that agree count first, the number of fields second.
        counts.into_iter().map(|(fields, n)| n * 1000 + fields.min(999)).max().unwrap_or(0)
    };
    // In this order where nothing separates anything.
    [b',', b'\t', b';', b'|']
        .into_iter()
        .rev()
        .max_by_key(|&separator| score(separator))
        .unwrap_or(b',')
}

/// The row, as a spreadsheet program counts them, of each record that the `csv` crate returns (it
/// passes over empty lines), and the row of a quote that is never closed.
fn row_numbers(text: &[u8], separator: u8) -> (Vec<u32>, Option<u32>) {
    let mut rows = Vec::new();
    let mut row = 0;
    let mut opened_at = None;
    let (mut field_start, mut empty) = (true, true);
    let mut i = 0;
    while i < text.len() {
        let (byte, next) = (text[i], text.get(i + 1).copied());
        i += 1;
        if opened_at.is_some() {
            match (byte, next) {
                (b'"', Some(b'"')) => i += 1,
                (b'"', _) => opened_at = None,
                _ => {}
            }
            continue;
        }
        match byte {
            b'\n' | b'\r' => {
                if byte == b'\r' && next == Some(b'\n') {
                    i += 1;
                }
                if !empty {
                    rows.push(row);
                }
                row += 1;
                (field_start, empty) = (true, true);
                continue;
            }
            b'"' if field_start => opened_at = Some(row),
            _ => {}
        }
        empty = false;
        field_start = byte == separator;
    }
    if !empty {
        rows.push(row);
    }
    (rows, opened_at)
}

/// An array of objects, or an object a line; keys are the header.
fn read_json(text: &str) -> Result<Sheet, String> {
    let objects: Vec<Value> = if text.starts_with('[') {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        serde_json::Deserializer::from_str(text)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?
    };
    let mut keys = indexmap::IndexSet::<String>::new();
    let mut entries = Vec::new();
    for (row, object) in (1_u32..).zip(&objects) {
        let Value::Object(fields) = object else {
            return Err(format!("record {row} is no object"));
        };
        add_object(&mut entries, &mut keys, row, "", fields);
    }
    for (col, key) in (0_u32..).zip(keys) {
        entries.push(Entry { row: 0, col, cell: Cell::Text(key) });
    }
    Ok(Sheet::new(None, entries))
}

fn add_object(
    entries: &mut Vec<Entry>,
    keys: &mut indexmap::IndexSet<String>,
    row: u32,
    path: &str,
    fields: &serde_json::Map<String, Value>,
) {
    for (key, value) in fields {
        let key = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
        let cell = match value {
            Value::Object(inner) => {
                add_object(entries, keys, row, &key, inner);
                continue;
            }
            Value::Null => None,
            Value::Bool(b) => Some(Cell::Bool(*b)),
            Value::Number(n) => n.as_f64().map(Cell::Number),
            Value::String(text) => Some(Cell::Text(text.clone())),
            Value::Array(_) => Some(Cell::Text(value.to_string())),
        };
        let (col, _) = keys.insert_full(key);
        if let (Some(cell), Ok(col)) = (cell, u32::try_from(col))
            && !cell.is_blank()
        {
            entries.push(Entry { row, col, cell });
        }
    }
}
