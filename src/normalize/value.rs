//! From a cell to a value of its column's type: every spelling that clerks use, and no guess in silence.

use jiff::civil::Date;
use std::collections::HashMap;

use super::findings::Says;
use super::workbook::Cell;
use crate::config::contract::{BlankRule, Column, ColumnType};
use crate::diagnostic::nearest;
use crate::model::fold;

/// A value as the snapshot keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Text(String),
    Int(i64),
    Number(f64),
    Date(Date),
    Bool(bool),
}

impl Value {
    /// For sums; nulls and other types count for nothing.
    pub(super) fn as_number(&self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "checked to be below 2^53 when read")]
            Value::Int(n) => *n as f64,
            Value::Number(n) => *n,
            _ => 0.0,
        }
    }

    /// As a message quotes it.
    pub(super) fn display(&self) -> String {
        match self {
            Value::Null => "空".to_owned(),
            Value::Text(text) => text.clone(),
            Value::Int(n) => n.to_string(),
            Value::Number(n) => n.to_string(),
            Value::Date(date) => date.to_string(),
            Value::Bool(true) => "是".to_owned(),
            Value::Bool(false) => "否".to_owned(),
        }
    }
}

/// A column with what its cells are looked up in.
pub(super) struct Reader<'a> {
    pub(super) column: &'a Column,
    /// Folded label or code → code.
    labels: HashMap<String, &'a str>,
    untyped: bool,
}

/// What became of a cell: a value, perhaps with something to say; or no value.
pub(super) type Read = (Option<Value>, Option<Says>);

impl<'a> Reader<'a> {
    /// `untyped`: the file's cells are all text, so that text is no remark.
    pub(super) fn new(column: &'a Column, untyped: bool) -> Reader<'a> {
        let mut labels = HashMap::new();
        for (code, names) in &column.codes {
            for label in std::iter::once(code).chain(names) {
                labels.entry(fold(label)).or_insert(code.as_str());
            }
        }
        Reader { column, labels, untyped }
    }

    /// Reads one cell. `None` as value: it is wrong, and what is said is an error.
    pub(super) fn read(&self, cell: Option<&Cell>) -> Read {
        let Some(cell) = cell else { return self.blank() };
        if let Cell::Error(name) = cell {
            return self.wrong(
                "cell.formula_error",
                name,
                "一个能算出结果的值",
                "公式出错，请修正公式或直接填写数值",
            );
        }
        match self.column.kind {
            ColumnType::Text => self.text(cell),
            ColumnType::Int => self.int(cell),
            ColumnType::Number => self.number(cell),
            ColumnType::Date => self.date(cell),
            ColumnType::Bool => self.bool(cell),
            ColumnType::Code => self.code(cell),
        }
    }

    fn blank(&self) -> Read {
        match self.column.blank {
            BlankRule::Null => (Some(Value::Null), None),
            BlankRule::Zero if self.column.kind == ColumnType::Number => {
                (Some(Value::Number(0.0)), None)
            }
            BlankRule::Zero => (Some(Value::Int(0)), None),
            BlankRule::False => (Some(Value::Bool(false)), None),
            BlankRule::Error => {
                let says = Says::error("cell.blank")
                    .read("空白")
                    .expected(format!("“{}”必须填写{}", self.column.label(), self.measure()))
                    .fix(if self.column.kind.is_numeric() {
                        "请填写；没有的填 0"
                    } else {
                        "请填写"
                    });
                (None, Some(says))
            }
        }
    }

    fn measure(&self) -> String {
        self.column
            .measure
            .as_ref()
            .map_or_else(String::new, |measure| format!("（单位：{measure}）"))
    }

    /// A value that cannot be taken.
    fn refusal(
        &self,
        code: &'static str,
        read: impl AsRef<str>,
        expected: impl std::fmt::Display,
        fix: impl Into<String>,
    ) -> Says {
        let expected = format!("“{}”应为{expected}{}", self.column.label(), self.measure());
        Says::error(code).read(read).expected(expected).fix(fix)
    }

    fn wrong(
        &self,
        code: &'static str,
        read: impl AsRef<str>,
        expected: impl std::fmt::Display,
        fix: impl Into<String>,
    ) -> Read {
        (None, Some(self.refusal(code, read, expected, fix)))
    }

    fn text(&self, cell: &Cell) -> Read {
        let text = match cell {
            Cell::Text(text) => tidy(text),
            Cell::Number(number) => display_number(*number),
            other => other.display(),
        };
        if is_dash(&text) {
            return self.blank();
        }
        if let Some(pattern) = self.column.pattern.as_ref().filter(|p| !p.is_match(&text)) {
            let expected = describe_pattern(pattern.as_str());
            return self.wrong("cell.pattern", &text, expected, "请核对后改正");
        }
        (Some(Value::Text(text)), None)
    }

    /// The number in a cell, with a note where it had to be made out of text.
    fn numeric(&self, cell: &Cell) -> Result<Option<(f64, Option<Says>)>, Box<Says>> {
        let what = if self.column.kind == ColumnType::Int { "整数" } else { "数字" };
        match cell {
            Cell::Number(number) if number.is_finite() => Ok(Some((*number, None))),
            Cell::Text(text) => {
                let bare = bare_number(text);
                if bare.is_empty() || is_dash(&bare) {
                    return Ok(None);
                }
                match parse_number(&bare, self.column.measure.as_deref()) {
                    Ok(number) => {
                        let plain = self.untyped
                            && text
                                .trim()
                                .bytes()
                                .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
                        let note = (!plain).then(|| {
                            Says::note("cell.text_number")
                                .read(format!("文本“{}”", text.trim()))
                                .expected(format!("已按数字 {} 读取", display_number(number)))
                        });
                        Ok(Some((number, note)))
                    }
                    Err(fix) => Err(Box::new(self.refusal("cell.not_number", text, what, fix))),
                }
            }
            Cell::Moment { date, serial } => {
                let read =
                    date.map_or_else(|| format!("时间 {serial}"), |date| format!("日期 {date}"));
                Err(Box::new(self.refusal(
                    "cell.date_for_number",
                    read,
                    what,
                    "这一格被设成了日期格式，请改为“常规”格式并重新填写数字",
                )))
            }
            other => Err(Box::new(self.refusal(
                "cell.not_number",
                other.display(),
                what,
                "请填写阿拉伯数字",
            ))),
        }
    }

    /// The number in a cell of a total: `None` if blank.
    pub(super) fn read_figure(&self, cell: &Cell) -> Result<Option<f64>, Box<Says>> {
        if let Cell::Error(_) = cell {
            return self.read(Some(cell)).1.map_or(Ok(None), |says| Err(Box::new(says)));
        }
        Ok(self.numeric(cell)?.map(|(number, _)| number))
    }

    fn in_range(&self, number: f64) -> Option<Says> {
        let column = self.column;
        let low = column.min.is_some_and(|min| number < min);
        let high = column.max.is_some_and(|max| number > max);
        if !low && !high {
            return None;
        }
        let shown = display_number(number);
        if number < 0.0 && column.min.is_some_and(|min| min >= 0.0) {
            return Some(self.refusal("cell.negative", shown, "不小于零的数", "请核对后改正"));
        }
        let expected = match (column.min, column.max) {
            (Some(min), Some(max)) => {
                format!("{} 至 {} 之间的数", display_number(min), display_number(max))
            }
            (Some(min), None) => format!("不小于 {} 的数", display_number(min)),
            (None, Some(max)) => format!("不大于 {} 的数", display_number(max)),
            (None, None) => return None,
        };
        self.wrong("cell.out_of_range", shown, expected, "请核对是否多填或少填了一位，或填错了列").1
    }

    fn int(&self, cell: &Cell) -> Read {
        let (number, note) = match self.numeric(cell) {
            Ok(Some(found)) => found,
            Ok(None) => return self.blank(),
            Err(says) => return (None, Some(*says)),
        };
        let whole = number.round();
        // Sums of binary fractions leave dust behind (2.0000000000000004).
        if (number - whole).abs() > 1e-9 * whole.abs().max(1.0) {
            return self.wrong(
                "cell.not_integer",
                display_number(number),
                "整数",
                "请填写整数，不能有小数",
            );
        }
        if whole.abs() >= 9_007_199_254_740_992.0 {
            return self.wrong(
                "cell.out_of_range",
                display_number(number),
                "合理大小的整数",
                "请核对后改正",
            );
        }
        if let Some(says) = self.in_range(whole) {
            return (None, Some(says));
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        let value = Value::Int(whole as i64);
        (Some(value), note)
    }

    fn number(&self, cell: &Cell) -> Read {
        match self.numeric(cell) {
            Ok(Some((number, note))) => match self.in_range(number) {
                Some(says) => (None, Some(says)),
                None => (Some(Value::Number(number)), note),
            },
            Ok(None) => self.blank(),
            Err(says) => (None, Some(*says)),
        }
    }

    fn date(&self, cell: &Cell) -> Read {
        let example = "日期，例如 2024-09-01";
        match cell {
            Cell::Moment { date: Some(date), .. } => (Some(Value::Date(*date)), None),
            Cell::Number(number) => match date_of_number(*number) {
                Some(date) => {
                    let note = Says::note("cell.number_date")
                        .read(format!("数字 {}", display_number(*number)))
                        .expected(format!("已按日期 {date} 读取"));
                    (Some(Value::Date(date)), Some(note))
                }
                None => self.wrong(
                    "cell.not_date",
                    display_number(*number),
                    example,
                    "请按 2024-09-01 的样式填写",
                ),
            },
            Cell::Text(text) => {
                let folded = fold(text);
                if is_dash(&folded) || folded.is_empty() {
                    return self.blank();
                }
                match parse_date(text) {
                    Ok(date) => (Some(Value::Date(date)), None),
                    Err(fix) => self.wrong("cell.not_date", text, example, fix),
                }
            }
            other => {
                self.wrong("cell.not_date", other.display(), example, "请按 2024-09-01 的样式填写")
            }
        }
    }

    fn bool(&self, cell: &Cell) -> Read {
        let text = match cell {
            Cell::Bool(b) => return (Some(Value::Bool(*b)), None),
            other => fold(&other.display()),
        };
        if is_dash(&text) || text.is_empty() {
            return self.blank();
        }
        match text.to_ascii_lowercase().as_str() {
            "是" | "√" | "✓" | "✔" | "☑" | "✅" | "有" | "对" | "y" | "yes" | "true" | "t"
            | "1" => (Some(Value::Bool(true)), None),
            "否" | "×" | "✗" | "✘" | "☒" | "╳" | "无" | "不是" | "n" | "no" | "false" | "f"
            | "0" | "x" => (Some(Value::Bool(false)), None),
            _ => self.wrong("cell.not_yes_no", &text, "“是”或“否”", "请填“是”或“否”"),
        }
    }

    fn code(&self, cell: &Cell) -> Read {
        let text = match cell {
            Cell::Number(number) => display_number(*number),
            other => other.display(),
        };
        let folded = fold(&text);
        if is_dash(&folded) || folded.is_empty() {
            return self.blank();
        }
        let bare = without_enumerator(&folded);
        if let Some(code) = self.labels.get(&folded).or_else(|| self.labels.get(bare)) {
            return (Some(Value::Text((*code).to_owned())), None);
        }
        let names: Vec<&str> = self
            .column
            .codes
            .iter()
            .map(|(code, labels)| labels.first().unwrap_or(code).as_str())
            .collect();
        // The names of the form first; other spellings of them only where none of these is near.
        let others = self.column.codes.values().flatten().map(String::as_str);
        let near = nearest(&folded, names.iter().copied()).or_else(|| nearest(&folded, others));
        let fix = match near {
            Some(near) => format!("是否应为“{near}”？请改为表中规定的名称"),
            None => "请改为表中规定的名称".to_owned(),
        };
        let expected = format!("下列之一：{}", names.join("、"));
        self.wrong("cell.unknown_code", text, expected, fix)
    }
}

/// Text as it is kept: no white space around it, none between Chinese or Japanese characters
/// (`魚    崎` is padding), full-width ASCII made plain so that one name is one name.
pub(super) fn tidy(text: &str) -> String {
    let is_wide =
        |c: char| ('\u{2e80}'..='\u{9fff}').contains(&c) || ('\u{f900}'..='\u{ffef}').contains(&c);
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        let c = match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '\u{200b}' | '\u{feff}' => continue,
            c => c,
        };
        if c.is_whitespace() {
            gap = true;
            continue;
        }
        if gap && !out.is_empty() && !(is_wide(c) && out.ends_with(is_wide)) {
            out.push(' ');
        }
        gap = false;
        out.push(c);
    }
    out
}

/// Folded text without the letter or number that forms and survey platforms put before an option or a
/// question (`A.`, `1、`, `(2)`), and without the mark behind it; as it is, if nothing else would be left.
pub(super) fn without_enumerator(folded: &str) -> &str {
    let marks = ['.', '、', ')', ':', ','];
    let inner = folded.strip_prefix('(').unwrap_or(folded);
    let number = inner.bytes().take_while(u8::is_ascii_digit).count();
    let letter = usize::from(number == 0 && inner.starts_with(|c: char| c.is_ascii_uppercase()));
    let rest = match inner[number + letter..].strip_prefix(marks) {
        Some(rest) if number + letter > 0 && number <= 3 => rest,
        _ => folded,
    };
    let rest = rest.trim_end_matches(['?', ':', '。', '*']);
    if rest.is_empty() { folded } else { rest }
}

fn is_dash(text: &str) -> bool {
    let is_stroke = |c: char| matches!(c, '-' | '—' | '–' | '−' | '―' | '─' | '－');
    (!text.is_empty() && text.chars().all(is_stroke)) || matches!(text, "/" | "\\")
}

/// A number as it is typed, ready to be parsed: plain width, no blanks. A blank between digits is a
/// separator of thousands or a slip, and is held to the same groups of three as a comma.
pub(super) fn bare_number(text: &str) -> String {
    let is_digit = |c: char| fold(c.encode_utf8(&mut [0; 4])).bytes().all(|b| b.is_ascii_digit());
    let trimmed = text.trim();
    if !trimmed.contains(char::is_whitespace) {
        return fold(trimmed);
    }
    let mut joined = String::new();
    for part in trimmed.split_whitespace() {
        if joined.ends_with(is_digit) && part.starts_with(is_digit) {
            joined.push(',');
        }
        joined.push_str(part);
    }
    fold(&joined)
}

/// Reads folded text as a number: thousands separators, a sign, a unit of measure behind it.
///
/// The error is the advice for the clerk.
pub(super) fn parse_number(text: &str, measure: Option<&str>) -> Result<f64, String> {
    let digits = text.replace(['−', '–', '—'], "-");
    let end = digits.find(|c: char| !(c.is_ascii_digit() || matches!(c, ',' | '.' | '+' | '-')));
    let (number, unit) = digits.split_at(end.unwrap_or(digits.len()));
    if number.is_empty() || !number.contains(|c: char| c.is_ascii_digit()) {
        return Err("请填写阿拉伯数字，不要填文字".to_owned());
    }
    if !unit.is_empty() && !is_measure(unit, measure) {
        return Err(if unit.contains(['O', 'o', 'l', 'I']) {
            "数字中夹有字母，是否把字母 O 当成了 0、把 l 当成了 1？请改正".to_owned()
        } else if unit == "%" {
            "不要填百分数，请填数字".to_owned()
        } else {
            format!("数字后面有“{unit}”，请只填数字")
        });
    }
    let number = number.strip_prefix('+').unwrap_or(number);
    let plain = if number.contains(',') {
        without_separators(number)
            .ok_or_else(|| "逗号的位置不对，看不出是多少，请去掉逗号只填数字".to_owned())?
    } else {
        number.to_owned()
    };
    if plain.matches('.').count() > 1 || plain.trim_start_matches('-').contains('-') {
        return Err("请填写一个数字".to_owned());
    }
    plain.parse().map_err(|_| "请填写阿拉伯数字".to_owned())
}

/// `1,234,567` in groups of three, or nothing: `1,23` may be a decimal comma or a slip.
fn without_separators(number: &str) -> Option<String> {
    let (sign, rest) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let first_fits = (1..=3).contains(&first.len());
    if !first_fits
        || !groups.all(|group| group.len() == 3)
        || fraction.is_some_and(|f| f.contains(','))
    {
        return None;
    }
    let fraction = fraction.map_or_else(String::new, |fraction| format!(".{fraction}"));
    Some(format!("{sign}{}{fraction}", whole.replace(',', "")))
}

fn is_measure(unit: &str, measure: Option<&str>) -> bool {
    let Some(measure) = measure else { return false };
    let bare = unit.trim_start_matches('(').trim_end_matches(')');
    bare == fold(measure)
        || (fold(measure) == "人" && matches!(bare, "人" | "名" | "个" | "位"))
        || (fold(measure) == "平方米" && matches!(bare, "m2" | "平米" | "㎡"))
}

/// Reads a date as it is written in Chinese forms. The error is the advice for the clerk.
pub(super) fn parse_date(text: &str) -> Result<Date, String> {
    let style = || "请按 2024-09-01 的样式填写".to_owned();
    let text = text.trim();
    // A time of day behind the date is what a program's export adds.
    let day_part = match text.split_once([' ', 'T']) {
        Some((day, time)) if time.contains(':') => day,
        _ => text,
    };
    let folded = fold(day_part);
    if folded.len() == 8 && folded.bytes().all(|b| b.is_ascii_digit()) {
        return folded.parse().ok().and_then(date_of_number).ok_or_else(style);
    }
    let parts: Vec<&str> = folded
        .split(['年', '月', '日', '号', '.', '-', '/'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    if !parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())) {
        return Err(style());
    }
    match parts[..] {
        [year, month, day] if year.len() == 4 => {
            let numbers = (year.parse(), month.parse(), day.parse());
            let (Ok(year), Ok(month), Ok(day)) = numbers else { return Err(style()) };
            Date::new(year, month, day).map_err(|_| "没有这一天，请核对".to_owned())
        }
        [year, _] if year.len() == 4 => Err("缺少日，请按 2024-09-01 的样式填写完整".to_owned()),
        [_, _, _] => Err("看不出哪个是年，请把年份写成四位，例如 2024-09-01".to_owned()),
        _ => Err(style()),
    }
}

/// A date typed as a number: 20240901, or a spreadsheet's day count (1954–2064).
fn date_of_number(number: f64) -> Option<Date> {
    if number.fract() != 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "range checked on the next lines")]
    let n = number as i64;
    if (19_000_101..=21_001_231).contains(&n) {
        let part = |n: i64| i8::try_from(n).ok();
        return Date::new(i16::try_from(n / 10_000).ok()?, part(n / 100 % 100)?, part(n % 100)?)
            .ok();
    }
    if (20_000..=60_000).contains(&n) {
        // Day 0 as Excel counts from March 1900 on.
        return jiff::civil::date(1899, 12, 30).checked_add(jiff::Span::new().days(n)).ok();
    }
    None
}

/// A number as it is quoted: no `.0`, no exponent.
pub(super) fn display_number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e18 {
        format!("{number:.0}")
    } else {
        number.to_string()
    }
}

/// A pattern in words where it is one of the plain ones.
fn describe_pattern(pattern: &str) -> String {
    match pattern {
        "^[0-9]{10}$" => "10 位数字".to_owned(),
        "^[0-9A-Z]{10}$" => "10 位数字或大写字母的代码".to_owned(),
        other => format!("符合规定样式的代码（{other}）"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_spelling_and_never_guessed() {
        let read = |text: &str| parse_number(&bare_number(text), Some("人"));
        for (text, number) in [
            ("１２３", 123.0),
            ("1,234", 1234.0),
            ("１，２３４人", 1234.0),
            ("12名", 12.0),
            ("-5", -5.0),
            (" 1 234 ", 1234.0),
            ("12.50", 12.5),
        ] {
            assert_eq!(read(text), Ok(number), "{text}");
        }
        for text in
            ["1,23", "12,3456", "约120", "十二", "1O", "12%", "1 2", "1.2.3", "3-4", "12元", ","]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_read_as_chinese_forms_write_them() {
        let day = jiff::civil::date(2024, 9, 1);
        for text in [
            "2024年9月1日",
            "2024.9.1",
            "20240901",
            "2024/09/01",
            "２０２４－９－１",
            "2024-09-01 00:00:00",
        ] {
            assert_eq!(parse_date(text), Ok(day), "{text}");
        }
        for text in ["2024年9月", "9/1/2024", "24.9.1", "2024-02-30", "去年"] {
            assert!(parse_date(text).is_err(), "{text}");
        }
        assert_eq!(date_of_number(45_536.0), Some(day));
    }

    #[test]
    fn padding_between_characters_is_removed_and_words_are_kept_apart() {
        assert_eq!(tidy("  魚    崎 "), "魚崎");
        assert_eq!(tidy("Lakeshore  Community"), "Lakeshore Community");
        assert_eq!(tidy("Ａ园（一）"), "A园(一)");
    }
}
