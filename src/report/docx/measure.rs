//! How wide text will be, as far as it can be known without the office's faces: a Chinese character is a square, Latin
//! letters and figures are those of Times New Roman.

/// Width in em.
pub(super) fn ems(text: &str) -> f64 {
    text.chars().map(width).sum()
}

/// Width in em with the quarter that some programs put between Chinese and figures whatever the style says
/// (LibreOffice does); what must not be broken gets this much room.
pub(super) fn roomy_ems(text: &str) -> f64 {
    let is_latin = |c: char| c.is_ascii_alphanumeric();
    let is_chinese = |c: char| !c.is_ascii() && c.is_alphabetic();
    let meets = |(a, b): (char, char)| is_latin(a) && is_chinese(b) || is_chinese(a) && is_latin(b);
    let gaps = text.chars().zip(text.chars().skip(1)).filter(|pair| meets(*pair)).count();
    ems(text) + 0.25 * f64::from(u32::try_from(gaps).unwrap_or(u32::MAX))
}

fn width(c: char) -> f64 {
    match c {
        ' ' | '.' | ',' => 0.25,
        '%' => 0.83,
        '+' | '<' | '=' | '>' => 0.56,
        'A'..='Z' => 0.68,
        c if c.is_ascii() => 0.5,
        _ => 1.0,
    }
}

/// The length of so many em of letters of this size, all in twips.
#[expect(clippy::cast_possible_truncation, reason = "a text's length in twips fits by far")]
pub(super) fn length(ems: f64, size: i64) -> i64 {
    (ems * number(size)).round() as i64
}

/// A length to reckon with.
pub(super) fn number(length: i64) -> f64 {
    f64::from(i32::try_from(length).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_date_takes_half_a_square_a_figure_and_room_where_scripts_meet() {
        assert_eq!(length(ems("2024年12月27日"), 200), 1400);
        assert_eq!(length(roomy_ems("2024年12月27日"), 200), 1400 + 5 * 50);
        assert_eq!(length(roomy_ems("公办园"), 200), 600);
    }
}
