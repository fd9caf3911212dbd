//! The invented answers of a satisfaction survey, as a survey platform exports them: one row a
//! respondent, one sheet a paper, in one workbook.
//!
//! Nobody was asked: rates rise from about 82 % to about 90 % over the four waves, a few towns answer
//! so little that their figures must not be published, some answers name no town.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};

use jiff::civil::{Date, date};

use super::campaign::Span;
use super::prng::Prng;
use super::sheet::INVENTED;
use super::world::TOWNS;
use crate::model::Period;

/// What the four waves come to, in per mille of those who have an opinion.
const APPROVAL: [(Period, u32); 4] = [
    (Period::Wave { year: 2023, n: 1 }, 835),
    (Period::Wave { year: 2023, n: 2 }, 855),
    (Period::Wave { year: 2024, n: 1 }, 875),
    (Period::Wave { year: 2024, n: 2 }, 900),
];

/// The day after each wave was closed, on which the secretariat takes its files from the platform.
const TAKEN_ON: [(Period, Date); 4] = [
    (Period::Wave { year: 2023, n: 1 }, date(2023, 5, 29)),
    (Period::Wave { year: 2023, n: 2 }, date(2023, 11, 20)),
    (Period::Wave { year: 2024, n: 1 }, date(2024, 5, 27)),
    (Period::Wave { year: 2024, n: 2 }, date(2024, 11, 18)),
];

/// The waves that were asked within a span of months, with the day on which their files are taken.
pub(super) fn waves(span: Span) -> impl Iterator<Item = (Period, Date)> {
    let months = span.first().starts_on()..=span.last().ends_on();
    TAKEN_ON.into_iter().filter(move |(_, on)| months.contains(on))
}

const OPTIONS: [&str; 6] = ["非常满意", "满意", "基本满意", "不满意", "很不满意", "不了解"];

/// Towns that answer little, by the number of their code, and how many parents do.
const SMALL: [(&str, u32); 3] = [("120114004", 6), ("120114107", 4), ("120114124", 8)];

/// In the first wave fewer deputies answered than the sample plan asks for (50).
const FEW: ((Period, &str), usize) =
    ((Period::Wave { year: 2023, n: 1 }, "人大代表政协委员问卷"), 47);

struct Paper {
    sheet: &'static str,
    questions: &'static [&'static str],
    /// Respondents of an ordinary town: least and most.
    size: (u32, u32),
    /// The platform was asked for the options' letters too.
    letters: bool,
    /// Against the wave's approval, per mille.
    shift: i32,
}

const PAPERS: [Paper; 3] = [
    Paper {
        sheet: "家长问卷",
        questions: &[
            "您对武清区学前教育工作的总体满意程度是",
            "您对就近就便入园的满意程度是",
            "您对幼儿园收费的满意程度是",
            "您对幼儿园安全和卫生的满意程度是",
            "您对幼儿园保育教育质量的满意程度是",
            "您对幼儿园家园沟通的满意程度是",
        ],
        size: (36, 90),
        letters: false,
        shift: 0,
    },
    Paper {
        sheet: "人大代表政协委员问卷",
        questions: &[
            "您对武清区学前教育工作的总体满意程度是",
            "您对公办和普惠性学位供给的满意程度是",
            "您对政府履行学前教育职责的满意程度是",
            "您对学前教育经费投入的满意程度是",
        ],
        size: (1, 5),
        letters: false,
        shift: 15,
    },
    Paper {
        sheet: "园长教师问卷",
        questions: &[
            "您对武清区学前教育工作的总体满意程度是",
            "您对教职工工资待遇的满意程度是",
            "您对教师培训的满意程度是",
            "您对工作负担的满意程度是",
        ],
        size: (8, 24),
        letters: true,
        shift: -10,
    },
];

/// The files that the secretariat takes from the survey platform after a wave: name and bytes. None for
/// a wave in which nobody was asked. The same bytes at every call.
///
/// # Errors
/// If the workbook cannot be written.
pub fn survey_files(wave: Period) -> Result<Vec<(String, Vec<u8>)>, XlsxError> {
    let Some(&(_, approval)) = APPROVAL.iter().find(|(period, _)| *period == wave) else {
        return Ok(Vec::new());
    };
    let mut workbook = Workbook::new();
    let year = u16::try_from(wave.starts_on().year()).unwrap_or(2024);
    let properties = DocProperties::new()
        .set_title(format!("{}学前教育满意度", wave.label()))
        .set_comment(INVENTED)
        .set_author("（示例）问卷平台")
        .set_creation_datetime(&ExcelDateTime::from_ymd(year, 12, 1)?);
    workbook.set_properties(&properties);
    for paper in &PAPERS {
        write_paper(&mut workbook, wave, paper, approval)?;
    }
    let name = format!("{}学前教育满意度调查_答卷明细.xlsx", wave.label().trim_end_matches("调查"));
    Ok(vec![(name, workbook.save_to_buffer()?)])
}

fn write_paper(
    workbook: &mut Workbook,
    wave: Period,
    paper: &Paper,
    approval: u32,
) -> Result<(), XlsxError> {
    let sheet = workbook.add_worksheet();
    sheet.set_name(paper.sheet)?;
    let title = format!(
        "{}学前教育满意度调查　{}　{INVENTED}",
        wave.label().trim_end_matches("调查"),
        paper.sheet
    );
    sheet.write_string(0, 0, title)?;
    let mut headings: Vec<String> =
        ["序号", "提交答卷时间", "所用时间", "来源", "来自IP"].map(str::to_owned).to_vec();
    headings.push("1、您所在的镇街".to_owned());
    for (i, question) in paper.questions.iter().enumerate() {
        headings.push(format!("{}、{question}？", i + 2));
    }
    let last = paper.questions.len() + 2;
    headings.push(format!("{last}、您对学前教育工作还有哪些意见和建议"));
    for (col, heading) in (0_u16..).zip(&headings) {
        sheet.write_string(1, col, heading)?;
    }
    for (row, cells) in (2_u32..).zip(answers(wave, paper, approval)) {
        sheet.write_number(row, 0, f64::from(row - 1))?;
        for (col, text) in (1_u16..).zip(cells) {
            sheet.write_string(row, col, text)?;
        }
    }
    Ok(())
}

/// The rows of a paper in the order in which they came in, without their numbers.
fn answers(wave: Period, paper: &Paper, approval: u32) -> Vec<Vec<String>> {
    let mut rows: Vec<(u32, Vec<String>)> = Vec::new();
    for town in TOWNS.iter().map(Some).chain([None]) {
        let code = town.map_or("", |town| town.code);
        let mut rng = Prng::for_subject(&format!("survey/{wave}/{}/{code}", paper.sheet));
        // A town's own level stays with it from wave to wave.
        let town_shift =
            Prng::for_subject(&format!("survey/{}/{code}", paper.sheet)).between(0, 80);
        let level = i64::from(approval) + i64::from(paper.shift) + i64::from(town_shift) - 40;
        let level = u32::try_from(level.clamp(0, 1000)).unwrap_or(0);
        let small = SMALL.iter().find(|(small, _)| *small == code).map(|(_, n)| *n);
        let n = match (small, town) {
            (Some(n), _) if paper.size.0 > 30 => n,
            (Some(n), _) => n / 2,
            (None, Some(_)) => rng.between(paper.size.0, paper.size.1),
            // A few do not say where they live.
            (None, None) => paper.size.1 / 6,
        };
        for _ in 0..n {
            let order = rng.between(0, 1_000_000);
            rows.push((order, respondent(&mut rng, wave, paper, town.map(|t| t.name), level)));
        }
    }
    rows.sort();
    if (wave, paper.sheet) == FEW.0 {
        rows.truncate(FEW.1);
    }
    rows.into_iter().map(|(_, cells)| cells).collect()
}

fn respondent(
    rng: &mut Prng,
    wave: Period,
    paper: &Paper,
    town: Option<&str>,
    level: u32,
) -> Vec<String> {
    // Within the days that pipelines/satisfaction lists.
    let (year, month, first) = match wave {
        Period::Wave { year, n: 1 } => (year, 5, 22),
        other => (other.starts_on().year(), 11, 13),
    };
    let mut cells = vec![
        format!(
            "{year}/{month}/{} {}:{:02}:{:02}",
            first + rng.between(0, 3),
            rng.between(8, 21),
            rng.between(0, 59),
            rng.between(0, 59)
        ),
        format!("{}秒", rng.between(35, 400)),
        (*rng.pick(&["微信", "手机提交", "链接"])).to_owned(),
        // RFC 5737: addresses of documentation, nobody's.
        format!("192.0.2.{}", rng.between(1, 254)),
        town.unwrap_or("(空)").to_owned(),
    ];
    for question in 0..paper.questions.len() {
        let option = match rng.between(0, 999) {
            0..30 => 5,
            _ if rng.between(0, 999) < level => match rng.between(0, 99) {
                0..45 => 0,
                45..80 => 1,
                _ => 2,
            },
            _ if rng.chance(75) => 3,
            _ => 4,
        };
        let text = OPTIONS[option];
        let skipped = question > 0 && rng.chance(2);
        cells.push(match (skipped, paper.letters) {
            (true, _) => "(跳过)".to_owned(),
            (false, true) => format!("{}.{text}", ["A", "B", "C", "D", "E", "F"][option]),
            (false, false) => text.to_owned(),
        });
    }
    cells.push(if rng.chance(8) {
        "（示例）希望家门口多些学位".to_owned()
    } else {
        "(空)".to_owned()
    });
    cells
}
