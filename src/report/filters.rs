//! The filters that templates may use on values, over those of minijinja.

#![expect(clippy::needless_pass_by_value, reason = "minijinja gives arguments by value")]

use jiff::civil::Date;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

use super::numbers::{self, NO_VALUE};

/// Names of our filters, for hints.
pub(super) const NAMES: [&str; 10] = [
    "percent",
    "points",
    "points_words",
    "change",
    "ratio",
    "int",
    "cn_number",
    "cn_date",
    "mask_phone",
    "cn_time",
];

pub(super) fn register(env: &mut Environment<'_>) {
    // What would let a template, or a value, pass as text that needs no escaping, or leave the page.
    for name in ["safe", "escape", "e", "tojson", "urlencode", "pprint"] {
        env.remove_filter(name);
    }
    env.add_filter("percent", percent);
    env.add_filter("points", |value: Value| with_number(&value, numbers::points));
    env.add_filter("points_words", |value: Value| with_number(&value, points_words));
    env.add_filter("change", |value: Value| with_number(&value, numbers::change));
    env.add_filter("ratio", |value: Value| with_number(&value, numbers::ratio));
    env.add_filter("int", |value: Value| with_number(&value, numbers::int));
    env.add_filter("cn_number", cn_number);
    env.add_filter("cn_date", cn_date);
    env.add_filter("cn_time", cn_time);
    env.add_filter("mask_phone", |value: Value| {
        Ok::<String, Error>(if value.is_none() {
            NO_VALUE.into()
        } else {
            numbers::mask_phone(&value.to_string())
        })
    });
}

/// `0.93 | percent`, or `num | percent(den)`: exact, as the integers are compared.
/// `target=0.93` guards a target that is no multiple of half a percent.
fn percent(value: Value, den: Option<Value>, kwargs: Kwargs) -> Result<String, Error> {
    let target: Option<f64> = kwargs.get("target")?;
    kwargs.assert_all_used()?;
    let Some(value) = number(&value)? else { return Ok(NO_VALUE.to_owned()) };
    let value = match den {
        None => value,
        Some(den) => match number(&den)? {
            Some(den) if den != 0.0 => value / den,
            _ => return Ok(NO_VALUE.to_owned()),
        },
    };
    Ok(numbers::percent(value, target))
}

/// `1.25` → `上升1.25个百分点`.
fn points_words(value: f64) -> String {
    let text = numbers::points(value);
    let amount = text.trim_start_matches(['+', '-']);
    match text.chars().next() {
        Some('+') => format!("上升{amount}个百分点"),
        Some('-') => format!("下降{amount}个百分点"),
        _ => "持平".to_owned(),
    }
}

fn cn_number(value: Value) -> Result<String, Error> {
    match value.as_i64().and_then(|n| u32::try_from(n).ok()) {
        Some(n) => Ok(numbers::cn_number(n)),
        None => Err(wrong(format!("cn_number takes a whole number from 0, not {value}"))),
    }
}

fn cn_date(value: Value) -> Result<String, Error> {
    if value.is_none() {
        return Ok(NO_VALUE.to_owned());
    }
    date(&value).map(numbers::cn_date)
}

/// `2024-12-09T08:05:00` → `2024年12月9日8时05分`.
fn cn_time(value: Value) -> Result<String, Error> {
    let text = value.as_str().unwrap_or_default();
    match text.parse::<jiff::civil::DateTime>() {
        Ok(at) => Ok(format!("{}{}时{:02}分", numbers::cn_date(at.date()), at.hour(), at.minute())),
        Err(_) => Err(wrong(format!(
            "cn_time takes a local time such as 2024-12-09T08:30:00, not {value}"
        ))),
    }
}

fn date(value: &Value) -> Result<Date, Error> {
    value
        .as_str()
        .and_then(numbers::date_in)
        .ok_or_else(|| wrong(format!("{value} is no date: 2024-12-09 is one")))
}

fn with_number(value: &Value, write: fn(f64) -> String) -> Result<String, Error> {
    Ok(number(value)?.map_or_else(|| NO_VALUE.to_owned(), write))
}

/// The number in a value; nothing in none. Text is no number: a query that gives text must say so.
pub(super) fn number(value: &Value) -> Result<Option<f64>, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if value.is_none() {
        return Ok(None);
    }
    if value.kind() != ValueKind::Number {
        return Err(wrong(format!("{value:?} is no number")));
    }
    f64::try_from(value.clone()).map(|number| number.is_finite().then_some(number))
}

pub(super) fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}
