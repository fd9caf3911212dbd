//! Children's identities: what refuses a file.
//!
//! The program stores no row of a child (PIPL Art. 28). A file that holds citizens' ID numbers, or
//! columns of names of children or guardians, is refused whole, and no message repeats what it read.

use super::findings::{Collector, Says};
use super::workbook::{Cell, Sheet, Workbook};
use crate::config::contract::Contract;
use crate::model::{Place, fold};

/// Rows of a sheet in which a column's header may stand.
const HEADER_ROWS: usize = 60;

/// Looks through every sheet, also those that nothing is read from. True: the file is refused.
pub(super) fn refuse(book: &Workbook, contract: &Contract, findings: &mut Collector) -> bool {
    refuse_for(book, std::slice::from_ref(contract), findings)
}

/// As [`refuse`], for a file that may be any of these contracts' or none: what one refuses, all do.
pub(super) fn refuse_for(
    book: &Workbook,
    contracts: &[Contract],
    findings: &mut Collector,
) -> bool {
    let words: Vec<String> =
        contracts.iter().flat_map(|contract| &contract.refuse).map(|word| fold(word)).collect();
    let mut refused = false;
    for sheet in &book.sheets {
        refused |= refuse_headers(sheet, &words, findings);
        for entry in sheet.entries() {
            let found = match &entry.cell {
                Cell::Text(text) => has_id_number(text),
                Cell::Number(number) => is_id_number_as_number(*number),
                _ => false,
            };
            if found {
                refused = true;
                findings.say_of_cell(
                    sheet.name(),
                    entry.row,
                    entry.col,
                    Says::error("privacy.id_number")
                        .read("公民身份号码（内容不显示、不保存）")
                        .expected("表中只填人数等统计数字，不得填写任何人的身份号码")
                        .fix("整个文件已拒收。请删除身份号码后重新报送"),
                );
            }
        }
    }
    refused
}

fn refuse_headers(sheet: &Sheet, words: &[String], findings: &mut Collector) -> bool {
    let mut refused = false;
    for i in 0..sheet.n_rows().min(HEADER_ROWS) {
        for entry in sheet.nth_row(i) {
            let Cell::Text(text) = &entry.cell else { continue };
            // A header is short; instructions that mention the word are long.
            if text.len() > 120 {
                continue;
            }
            let text = fold(text);
            let bare = text.trim_matches(['*', ':']);
            if words.iter().any(|word| bare == word || is_header_with(bare, word)) {
                refused = true;
                findings.say(
                    Place::cell(sheet.name(), entry.row, entry.col),
                    Says::error("privacy.identity_column")
                        .read(format!("表头“{bare}”"))
                        .expected("表中不得有幼儿或家长的姓名、身份号码")
                        .fix("整个文件已拒收。请删除这一列后重新报送"),
                );
            }
        }
    }
    refused
}

/// `身份证号(必填)` is the column 身份证号.
fn is_header_with(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| rest.starts_with('(') && rest.ends_with(')'))
}

/// Whether a text holds an 18-digit citizen ID number (GB 11643) with a valid date and check digit.
pub(super) fn has_id_number(text: &str) -> bool {
    if text.len() < 18 {
        return false;
    }
    let mut run: Vec<u8> = Vec::new();
    for c in text.chars().chain(std::iter::once('|')) {
        match ascii_digit(c) {
            Some(digit) => run.push(digit),
            None if c == ' ' || c == '\u{3000}' || c == '\u{a0}' => {}
            None => {
                if matches!(c, 'X' | 'x' | 'Ｘ' | 'ｘ') && run.len() == 17 {
                    run.push(10);
                }
                if is_id_number(&run) {
                    return true;
                }
                run.clear();
            }
        }
    }
    false
}

fn ascii_digit(c: char) -> Option<u8> {
    let value = match c {
        '0'..='9' => u32::from(c) - u32::from('0'),
        '０'..='９' => u32::from(c) - u32::from('０'),
        _ => return None,
    };
    u8::try_from(value).ok()
}

/// 17 digits and a check digit: ISO 7064, MOD 11-2.
fn is_id_number(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECK: [u8; 11] = [1, 0, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    if digits.len() != 18 || !has_birth_date(digits) {
        return false;
    }
    let sum: u32 =
        WEIGHTS.iter().zip(digits).map(|(weight, &digit)| weight * u32::from(digit)).sum();
    CHECK.get((sum % 11) as usize) == digits.last()
}

/// Digits 1–6 are a region (11–82), 7–14 a day.
fn has_birth_date(digits: &[u8]) -> bool {
    let number = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0_i16, |n, &digit| n.saturating_mul(10) + i16::from(digit))
    };
    let (year, month, day) = (number(6..10), number(10..12), number(12..14));
    let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day)) else { return false };
    (11..=82).contains(&number(0..2))
        && (1900..=2100).contains(&year)
        && jiff::civil::Date::new(year, month, day).is_ok()
}

/// A spreadsheet keeps 15 digits of a number: the check digit of an ID number typed as one is lost,
/// its region and day of birth are not.
fn is_id_number_as_number(number: f64) -> bool {
    if !(1.1e17..8.3e17).contains(&number) {
        return false;
    }
    let digits: Vec<u8> = format!("{number:.0}").bytes().map(|byte| byte - b'0').collect();
    digits.len() == 18 && has_birth_date(&digits)
}

#[cfg(test)]
mod tests {
    use super::has_id_number;

    #[test]
    fn an_id_number_is_known_by_its_check_digit() {
        // The example of GB 11643-1999 itself.
        assert!(has_id_number("110105 19491231 002X"));
        assert!(has_id_number("身份证：１１０１０５１９４９１２３１００２Ｘ。"));
        assert!(!has_id_number("110105194912310021"));
        assert!(!has_id_number("11010519491331002X"));
        assert!(!has_id_number("91110105194912310021"));
        assert!(!has_id_number("园所代码 1201140001"));
    }
}
