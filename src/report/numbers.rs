//! How numbers, dates and telephone numbers are written in reports.
//!
//! ## Design notes
//! A figure is judged by its integers and *printed* here. Plain rounding would print 49.996 % as
//! `50.00%` beside the word 未达标: a reader would call one of the two a lie. So a value below a
//! round figure never prints as it: it keeps its last digit below. Round figures are the multiples of half a
//! percent, where targets lie; another target can be named, and is guarded on both sides.

use jiff::civil::Date;

use super::document::{Format, Value};

/// What stands where there is no value.
pub const NO_VALUE: &str = "—";

/// Differences below this (in units of the last digit) are noise of the double, not of the data:
/// two unequal rates over fewer than 10 million children differ by far more.
const NOISE: f64 = 1e-6;

/// `0.49996` → `49.99%`. With a `target` (a fraction), a value on one side of it never prints as it.
pub fn percent(value: f64, target: Option<f64>) -> String {
    let hundredths = guarded(value * 10_000.0, 50.0, target.map(|t| t * 10_000.0), Guard::Below);
    format!("{}%", with_decimals(hundredths, 2))
}

/// The same from the two integers; nothing at x/0.
#[expect(clippy::cast_precision_loss, reason = "head counts lie far below 2^53")]
pub fn percent_of(num: i64, den: i64, target: Option<f64>) -> Option<String> {
    (den != 0).then(|| percent(num as f64 / den as f64, target))
}

/// Percentage points with sign: `+1.25`, `-0.40`, `0.00`. A difference that is not nothing never prints as nothing.
pub fn points(value: f64) -> String {
    let hundredths = guarded(value * 100.0, f64::INFINITY, Some(0.0), Guard::Both);
    signed(&with_decimals(hundredths, 2), hundredths)
}

/// A whole number with sign: `+12`, `-3`, `0`.
pub fn change(value: f64) -> String {
    let whole = whole(value);
    signed(&thousands(whole.abs(), whole < 0.0), whole)
}

/// `25.5`. The whole number that it is not, it never prints (15.04 children a teacher are not 15.0).
pub fn ratio(value: f64) -> String {
    with_decimals(guarded(value * 10.0, 10.0, None, Guard::Both), 1)
}

/// `25,113`; a number with a fraction is rounded.
pub fn int(value: f64) -> String {
    let whole = whole(value);
    thousands(whole.abs(), whole < 0.0)
}

/// A number as its column's format says it.
pub fn number(format: Format, value: f64) -> String {
    if !value.is_finite() {
        return NO_VALUE.to_owned();
    }
    match format {
        Format::Percent => percent(value, None),
        Format::Points => points(value),
        Format::Change => change(value),
        Format::Ratio => ratio(value),
        Format::Int => int(value),
        Format::Text | Format::Date => plain(value),
    }
}

/// A typed value as its column's format says it; `null` where there is none.
#[expect(clippy::cast_precision_loss, reason = "counts lie far below 2^53")]
pub fn value(format: Format, value: &Value, null: &str) -> String {
    match value {
        Value::Null => null.to_owned(),
        Value::Float(number) if !number.is_finite() => null.to_owned(),
        Value::Text(text) if format == Format::Date => {
            date_in(text).map_or_else(|| text.clone(), cn_date)
        }
        Value::Text(text) => text.clone(),
        Value::Int(whole) if format == Format::Text => whole.to_string(),
        Value::Int(whole) => number(format, *whole as f64),
        Value::Float(value) => number(format, *value),
        Value::Date(date) => cn_date(*date),
        Value::Bool(true) => "是".to_owned(),
        Value::Bool(false) => "否".to_owned(),
    }
}

/// A number without a format: no digits that say nothing.
fn plain(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// 2024年12月9日: Arabic figures, no leading zero (GB/T 9704-2012).
pub fn cn_date(date: Date) -> String {
    format!("{}年{}月{}日", date.year(), date.month(), date.day())
}

/// The day in a text such as `2024-12-09` or `2024-12-09T08:30:00+08:00`, as it stands there.
pub fn date_in(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

/// 一, 十, 二十三, 一百零五: for headings and 第…期.
pub fn cn_number(n: u32) -> String {
    const DIGITS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
    if n == 0 {
        return DIGITS[0].to_owned();
    }
    if n >= 10_000 {
        let (high, low) = (n / 10_000, n % 10_000);
        let gap = if low == 0 {
            ""
        } else if low < 1_000 {
            "零"
        } else {
            ""
        };
        let rest = if low == 0 { String::new() } else { cn_number(low) };
        // 一万零一十五: within a larger number ten keeps its 一.
        let rest = if rest.starts_with('十') { format!("一{rest}") } else { rest };
        return format!("{}万{gap}{rest}", cn_number(high));
    }
    let mut text = String::new();
    let mut zero = false;
    for (unit, word) in [(1_000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = n / unit % 10;
        if digit == 0 {
            zero = !text.is_empty();
            continue;
        }
        if zero {
            text.push_str(DIGITS[0]);
            zero = false;
        }
        if !(unit == 10 && digit == 1 && text.is_empty()) {
            text.push_str(DIGITS[digit as usize]);
        }
        text.push_str(word);
    }
    text
}

/// `13800001234` → `138****1234`; other numbers keep at most their last two digits.
pub fn mask_phone(text: &str) -> String {
    let chars: Vec<char> = text.trim().chars().collect();
    if chars.len() == 11 && chars.iter().all(char::is_ascii_digit) {
        let head: String = chars[..3].iter().collect();
        let tail: String = chars[7..].iter().collect();
        return format!("{head}****{tail}");
    }
    let keep = if chars.len() > 5 { 2 } else { 0 };
    let tail: String = chars[chars.len() - keep..].iter().collect();
    format!("{}{tail}", "*".repeat(chars.len() - keep))
}

#[derive(Clone, Copy, PartialEq)]
enum Guard {
    /// A value below a round figure stays below it.
    Below,
    /// A value beside a round figure stays beside it.
    Both,
}

/// Rounds to whole units of the last digit, except onto a multiple of `step` (or the target) that
/// the value is not.
fn guarded(units: f64, step: f64, target: Option<f64>, guard: Guard) -> f64 {
    let rounded = units.round();
    let off = units - rounded;
    if off.abs() < NOISE {
        return rounded;
    }
    let on_target = target.is_some_and(|t| (rounded - t).abs() < NOISE);
    let on_step = step.is_finite() && (rounded % step).abs() < NOISE;
    if (on_target || on_step) && off < 0.0 {
        return rounded - 1.0;
    }
    if (on_target || (on_step && guard == Guard::Both)) && off > 0.0 {
        return rounded + 1.0;
    }
    rounded
}

fn whole(value: f64) -> f64 {
    let rounded = value.round();
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// `units` of the last digit as a decimal number; exact, as `units` is whole.
fn with_decimals(units: f64, decimals: usize) -> String {
    let negative = units < 0.0;
    let digits = format!("{:0width$.0}", units.abs(), width = decimals + 1);
    let (head, tail) = digits.split_at(digits.len() - decimals);
    format!("{}{head}.{tail}", if negative { "-" } else { "" })
}

fn signed(text: &str, value: f64) -> String {
    if value > 0.0 { format!("+{text}") } else { text.to_owned() }
}

fn thousands(value: f64, negative: bool) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if negative { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_rate_below_a_round_figure_never_prints_as_it() {
        for (value, text) in [
            (0.49996, "49.99%"),
            (0.499_999_9, "49.99%"),
            (0.5, "50.00%"),
            (0.500_04, "50.00%"),
            (0.999_99, "99.99%"),
            (1.0, "100.00%"),
            (0.929_99, "92.99%"),
            (0.93, "93.00%"),
            (0.57, "57.00%"), // 0.57 × 100 is 56.99999999999999 in doubles
            (0.29, "29.00%"),
            (0.924_98, "92.49%"),
            (1.104_56, "110.46%"),
            (0.0, "0.00%"),
        ] {
            assert_eq!(percent(value, None), text, "{value}");
        }
        // 衡南县 2020, as its government published: 10301 and 17930 of 25113.
        assert_eq!(percent_of(10_301, 25_113, None).as_deref(), Some("41.02%"));
        assert_eq!(percent_of(17_930, 25_113, None).as_deref(), Some("71.40%"));
        assert_eq!(percent_of(1, 0, None), None);
        // Every whole percent prints as itself.
        for whole in 0..=100 {
            assert_eq!(percent_of(whole, 100, None), Some(format!("{whole}.00%")));
        }
    }

    #[test]
    fn a_named_target_is_guarded_on_both_sides() {
        assert_eq!(percent(0.853_299_9, Some(0.8533)), "85.32%");
        assert_eq!(percent(0.853_300_1, Some(0.8533)), "85.34%");
        assert_eq!(percent(0.8533, Some(0.8533)), "85.33%");
    }

    #[test]
    fn differences_keep_their_sign() {
        for (value, text) in
            [(1.254, "+1.25"), (-0.4, "-0.40"), (0.0, "0.00"), (-0.003, "-0.01"), (0.001, "+0.01")]
        {
            assert_eq!(points(value), text, "{value}");
        }
        assert_eq!((change(12.0), change(-1234.0), change(0.0)).0, "+12");
        assert_eq!(change(-1234.0), "-1,234");
        assert_eq!(change(-0.0), "0");
    }

    #[test]
    fn a_ratio_is_never_the_whole_number_that_it_is_not() {
        for (value, text) in [(25.52, "25.5"), (15.0, "15.0"), (15.04, "15.1"), (14.96, "14.9")] {
            assert_eq!(ratio(value), text);
        }
    }

    #[test]
    fn chinese_numbers_and_dates() {
        for (n, text) in [
            (1, "一"),
            (10, "十"),
            (12, "十二"),
            (20, "二十"),
            (23, "二十三"),
            (100, "一百"),
            (105, "一百零五"),
            (110, "一百一十"),
            (2024, "二千零二十四"),
            (10_015, "一万零一十五"),
        ] {
            let expected = text;
            assert_eq!(cn_number(n), expected, "{n}");
        }
        assert_eq!(cn_date(date(2024, 12, 9)), "2024年12月9日");
        assert_eq!(date_in("2024-12-09T08:30:00+08:00"), Some(date(2024, 12, 9)));
    }

    #[test]
    fn a_telephone_number_is_masked() {
        assert_eq!(mask_phone("13800001234"), "138****1234");
        assert_eq!(mask_phone("022-12345678"), "**********78");
        assert_eq!(mask_phone("110"), "***");
    }
}
