//! What a cell shows of its number: the digits of the paper, or more of them, never others.

use crate::report::document::Format;

/// More digits than these a double does not have, and a spreadsheet does not show.
const DIGITS: usize = 15;
const MOST_DECIMALS: usize = 9;

/// The number format of a value that the paper prints as `printed`.
///
/// The paper keeps a value off the round figure (or target) that it is not; a spreadsheet rounds to the nearest.
/// Where the two differ, the cell gets the fewest decimals that show the value apart from the figure that
/// plain rounding would show. Formats without decimals (counts) stay as they are.
pub(super) fn number_code(format: Format, value: f64, printed: &str) -> String {
    let zeros = |n: usize| "0".repeat(n);
    match format {
        Format::Percent => {
            format!("0.{}%", zeros(decimals(value, Shift::Hundred, 2, printed)))
        }
        Format::Points => {
            let n = decimals(value, Shift::None, 2, printed);
            format!("+0.{z};-0.{z};0.{z}", z = zeros(n))
        }
        Format::Ratio => format!("0.{}", zeros(decimals(value, Shift::None, 1, printed))),
        Format::Change => "+#,##0;-#,##0;0".to_owned(),
        Format::Int => "#,##0".to_owned(),
        Format::Text | Format::Date => "General".to_owned(),
    }
}

/// The format of a figure in running text, which knows its print alone: `47.27%`, `+1.25`, `12.3`, `25,113`.
pub(super) fn format_of_print(printed: &str, unit: &str) -> Format {
    let number = printed.strip_suffix(unit).unwrap_or(printed);
    let n_decimals =
        number.split_once('.').map(|(_, tail)| tail.bytes().take_while(u8::is_ascii_digit).count());
    let is_signed = number.starts_with('+');
    match (n_decimals, number.ends_with('%')) {
        (_, true) => Format::Percent,
        (Some(1), false) => Format::Ratio,
        (Some(_), false) => Format::Points,
        (None, false) if is_signed => Format::Change,
        (None, false) => Format::Int,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shift {
    None,
    /// A percent format shows a hundred times the value.
    Hundred,
}

fn decimals(value: f64, shift: Shift, least: usize, printed: &str) -> usize {
    let usual = units(value, shift, least);
    if usual == printed_units(printed, least) || usual.is_none() {
        return least;
    }
    let is_apart = |n: &usize| {
        let scaled = usual.and_then(|u| u.checked_mul(10_u128.pow(u32::try_from(n - least).ok()?)));
        units(value, shift, *n) != scaled
    };
    (least + 1..=MOST_DECIMALS).find(is_apart).unwrap_or(least)
}

/// The digits of `|value|` as a spreadsheet shows it with `decimals`, without point: fifteen digits are what it
/// knows of the value, and halves go up.
fn units(value: f64, shift: Shift, decimals: usize) -> Option<u128> {
    let text = format!("{:.*e}", DIGITS - 1, value.abs());
    let (mantissa, exponent) = text.split_once('e')?;
    let digits: Vec<u128> =
        mantissa.bytes().filter(u8::is_ascii_digit).map(|b| u128::from(b - b'0')).collect();
    let shift = if shift == Shift::Hundred { 2 } else { 0 };
    // How many of the digits stand before the cut.
    let kept = exponent.parse::<i64>().ok()? + 1 + shift + i64::try_from(decimals).ok()?;
    if kept < 0 {
        return Some(0);
    }
    let kept = usize::try_from(kept).ok()?;
    let mut whole: u128 = 0;
    for at in 0..kept {
        whole = whole.checked_mul(10)?.checked_add(digits.get(at).copied().unwrap_or(0))?;
    }
    let next = digits.get(kept).copied().unwrap_or(0);
    Some(if next >= 5 { whole + 1 } else { whole })
}

/// The digits of a printed number with exactly so many decimals, without point and sign.
fn printed_units(printed: &str, decimals: usize) -> Option<u128> {
    let number: String = printed.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let (_, tail) = number.split_once('.')?;
    if tail.len() != decimals {
        return None;
    }
    number.replace('.', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::numbers;

    fn percent(value: f64, target: Option<f64>) -> String {
        number_code(Format::Percent, value, &numbers::percent(value, target))
    }

    #[test]
    fn two_decimals_stand_where_they_show_what_the_paper_prints() {
        for value in [0.4102, 0.5, 0.499_84, 0.0, 1.0, 1.104_56, 0.57, 0.29, 0.924_93] {
            assert_eq!(percent(value, None), "0.00%", "{value}");
        }
        // Every rate of head counts below 400.
        for den in 1..400_u32 {
            for num in (0..=den).step_by(7) {
                let value = f64::from(num) / f64::from(den);
                let code = percent(value, None);
                let shown = units(value, Shift::Hundred, 2);
                let printed = printed_units(&numbers::percent(value, None), 2);
                assert_eq!(code == "0.00%", shown == printed, "{num}/{den}");
            }
        }
    }

    #[test]
    fn a_value_that_plain_rounding_would_lift_onto_its_target_shows_more_digits() {
        assert_eq!(percent(0.499_96, None), "0.000%");
        assert_eq!(percent(0.924_98, None), "0.000%", "92.50 % is a round figure too");
        assert_eq!(percent(0.499_999_6, None), "0.00000%");
        assert_eq!(percent(0.849_999, None), "0.0000%");
        // 85.33 % is no round figure: only the printed text knows that it is a target.
        assert_eq!(percent(0.853_299_7, Some(0.8533)), "0.00000%");
        assert_eq!(percent(0.853_299_7, None), "0.00%");
        assert_eq!(percent(0.853_300_1, Some(0.8533)), "0.00000%");
        assert_eq!(percent(0.8533, Some(0.8533)), "0.00%");
    }

    #[test]
    fn differences_and_ratios_keep_their_side_too() {
        let points = |value: f64| number_code(Format::Points, value, &numbers::points(value));
        assert_eq!(points(1.254), "+0.00;-0.00;0.00");
        assert_eq!(points(-0.003), "+0.000;-0.000;0.000");
        let ratio = |value: f64| number_code(Format::Ratio, value, &numbers::ratio(value));
        assert_eq!((ratio(25.52), ratio(15.04)), ("0.0".to_owned(), "0.00".to_owned()));
        assert_eq!(ratio(15.0), "0.0");
    }

    #[test]
    fn halves_go_up_as_in_a_spreadsheet() {
        // 1.005 is 1.00499999999999989… in doubles, and 1.01 in a spreadsheet.
        assert_eq!(units(1.005, Shift::None, 2), Some(101));
        assert_eq!(units(0.012_345, Shift::Hundred, 2), Some(123));
        assert_eq!(units(0.000_04, Shift::Hundred, 2), Some(0));
        assert_eq!(units(0.000_05, Shift::Hundred, 2), Some(1));
        assert_eq!(units(25_113.0, Shift::None, 0), Some(25_113));
    }

    #[test]
    fn a_figure_of_the_text_tells_its_format_by_its_print() {
        for (printed, unit, format) in [
            ("47.27%", "", Format::Percent),
            ("12.3人", "人", Format::Ratio),
            ("+1.25个百分点", "个百分点", Format::Points),
            ("+12", "", Format::Change),
            ("25,113人", "人", Format::Int),
        ] {
            assert_eq!(format_of_print(printed, unit), format, "{printed}");
        }
    }
}
