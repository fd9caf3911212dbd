//! What the title of a form says about its period.

use jiff::civil::Date;
use regex::Regex;

use super::findings::{Collector, Says};
use super::workbook::{Cell, Sheet};
use crate::model::{Period, Place, fold};

/// Words before a date that is not the period's: when the form was filled in, printed or sent.
const OTHER_DATES: [&str; 9] =
    ["填表", "填报日期", "填报时间", "制表", "报送", "打印", "上报", "导出", "更新"];

/// A span of time that a title names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Month { year: i16, month: i8 },
    Year { year: i16 },
    SchoolYear { start: i16 },
}

/// Holds the rows above a header against the period that the file was submitted for.
///
/// A month or year that is another one is an error: the commonest slip is last month's file. `span`:
/// the period's first and last day.
pub(super) fn check_title(
    sheet: &Sheet,
    header_row: u32,
    period: Period,
    span: (Date, Date),
    findings: &mut Collector,
) {
    let mut wrong: Option<(Place, String)> = None;
    for cells in sheet.rows_from(0).take_while(|cells| cells[0].row < header_row) {
        for entry in cells {
            let Cell::Text(text) = &entry.cell else { continue };
            let folded = fold(text);
            if OTHER_DATES.iter().any(|word| folded.contains(word)) {
                continue;
            }
            for named in named(&folded) {
                if fits(named, span) {
                    return;
                }
                wrong.get_or_insert_with(|| {
                    (Place::cell(sheet.name(), entry.row, entry.col), label(named))
                });
            }
        }
    }
    if let Some((place, read)) = wrong {
        findings.say(
            place,
            Says::error("period.mismatch")
                .read(format!("标题写的是{read}"))
                .expected(format!("本次报送的是{}", period.label()))
                .fix("请核对：拿错了文件的，请换成本期的；只是标题没有改的，请改正标题"),
        );
    }
}

fn label(named: Named) -> String {
    match named {
        Named::Month { year, month } => format!("{year}年{month}月"),
        Named::Year { year } => format!("{year}年"),
        Named::SchoolYear { start } => format!("{start}—{}学年", start + 1),
    }
}

fn fits(named: Named, (first, last): (Date, Date)) -> bool {
    match named {
        Named::Month { year, month } => {
            Date::new(year, month, 1).is_ok_and(|day| day <= last && day.last_of_month() >= first)
        }
        Named::Year { year } => (first.year()..=last.year()).contains(&year),
        Named::SchoolYear { start } => {
            let school_year = Period::SchoolYear { start };
            first <= school_year.ends_on() && last >= school_year.starts_on()
        }
    }
}

/// The spans that folded text names: 2024年9月, 2024-09, 2024—2025学年, 2024年, 平成26年6月.
fn named(text: &str) -> Vec<Named> {
    use std::sync::LazyLock;
    static SCHOOL_YEAR: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"((?:19|20)\d{2})\D{1,3}((?:19|20)\d{2})年?学年").ok());
    static MONTH: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(平成|令和)?(\d{1,4}|元)(?:年|[-./])(\d{1,2})(?:月|[-./日]|$)").ok()
    });
    static YEAR: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(平成|令和)?(\d{1,4}|元)年").ok());
    let group = |captures: &regex::Captures<'_>, i: usize| -> Option<i16> {
        let text = captures.get(i)?.as_str();
        if text == "元" { Some(1) } else { text.parse().ok() }
    };
    let western = |captures: &regex::Captures<'_>| -> Option<i16> {
        let year = group(captures, 2)?;
        match captures.get(1).map(|era| era.as_str()) {
            Some("平成") => Some(1988 + year),
            Some(_) => Some(2018 + year),
            None => Some(year),
        }
        .filter(|year| (1990..=2100).contains(year))
    };
    if let Some(captures) = SCHOOL_YEAR.as_ref().and_then(|regex| regex.captures(text)) {
        return group(&captures, 1).map(|start| Named::SchoolYear { start }).into_iter().collect();
    }
    let months: Vec<Named> = MONTH
        .iter()
        .flat_map(|regex| regex.captures_iter(text))
        .filter_map(|captures| {
            let year = western(&captures)?;
            let month = i8::try_from(group(&captures, 3)?).ok()?;
            (1..=12).contains(&month).then_some(Named::Month { year, month })
        })
        .collect();
    if !months.is_empty() {
        return months;
    }
    YEAR.iter()
        .flat_map(|regex| regex.captures_iter(text))
        .filter_map(|captures| western(&captures).map(|year| Named::Year { year }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_name_months_years_and_school_years() {
        let month = |year, month| vec![Named::Month { year, month }];
        assert_eq!(named("武清区2024年9月在园幼儿月报表"), month(2024, 9));
        assert_eq!(named("(平成22年5月1日現在)"), month(2010, 5));
        assert_eq!(named("截至2024-09-30"), month(2024, 9));
        assert_eq!(named("2024—2025学年机构名册"), vec![Named::SchoolYear { start: 2024 }]);
        assert_eq!(named("2024年常住儿童"), vec![Named::Year { year: 2024 }]);
        assert_eq!(named("在园幼儿月报表(一)"), vec![]);
    }
}
