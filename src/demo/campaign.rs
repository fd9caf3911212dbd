//! Who sends what, when, with which slip: the story of the four months.

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rust_xlsxwriter::XlsxError;

use super::fault::{Expected, Fault, apply};
use super::forms::{Form, MONTHS, Office, fill, offices, unit_name};
use super::prng::Prng;
use super::sheet::{Sheet, cover_only};
use super::world::{N_MONTHS, build};
use crate::model::{Period, UnitCode};

/// The campaign could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    #[error("cannot write the sample workbook {path}")]
    WriteWorkbook { path: String, source: XlsxError },
    #[error("cannot place {local} in the time zone Asia/Shanghai")]
    PlaceInZone { local: String, source: jiff::Error },
}

/// One file, reaching the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When it reaches the inbox.
    pub at: Timestamp,
    /// `inbox/<period>/<unit code>/<file name>`, relative to the home.
    pub path: String,
    pub bytes: Vec<u8>,
    pub form: Form,
    pub period: Period,
    /// The office whose folder it lies in.
    pub reporter: UnitCode,
    /// The slip in this file; a file that mends one has none.
    pub fault: Option<Fault>,
    /// It replaces an earlier file that was returned, refused or incomplete.
    pub corrects: bool,
    pub expected: Expected,
    /// For the demo's own messages, in Chinese.
    pub note: String,
}

/// Why a month is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The report of the month, when its submissions were due.
    Monthly,
    /// Once more, because an earlier submission was corrected.
    Correction,
}

/// One run of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthRun {
    pub period: Period,
    pub at: Timestamp,
    pub occasion: Occasion,
}

/// A slip of one office in one form.
struct Slip {
    form: Form,
    /// Month of the demo; 0 for the yearly forms.
    month: usize,
    unit: &'static str,
    fault: Fault,
    /// When the right file comes; nothing if it never comes.
    mended: Option<Mended>,
}

/// Local date and hour of the file that mends a slip.
#[derive(Clone, Copy)]
struct Mended {
    month: i8,
    day: i8,
    hour: i8,
}

const fn slip(form: Form, month: usize, unit: &'static str, fault: Fault) -> Slip {
    Slip { form, month, unit, fault, mended: None }
}

impl Slip {
    const fn mended(mut self, month: i8, day: i8, hour: i8) -> Slip {
        self.mended = Some(Mended { month, day, hour });
        self
    }
}

use Fault as F;
use Form::{Enrollment, Institutions, Population, Staffing};

/// About a tenth of the files.
static SLIPS: &[Slip] = &[
    slip(Institutions, 0, "120114104", F::GbkCsv),
    slip(Institutions, 0, "120114005", F::RenamedHeader).mended(9, 19, 10),
    slip(Population, 0, "120114112", F::TotalDoesNotAddUp).mended(9, 18, 15),
    slip(Population, 0, "120114117", F::FullWidthDigits),
    // September
    slip(Enrollment, 0, "120114104", F::TextNumber),
    slip(Enrollment, 0, "120114110", F::FullWidthDigits),
    slip(Enrollment, 0, "120114103", F::TotalDoesNotAddUp).mended(10, 11, 9),
    slip(Enrollment, 0, "120114111", F::RenamedHeader).mended(10, 10, 14),
    slip(Enrollment, 0, "120114116", F::Late),
    slip(Enrollment, 0, "120114119", F::GbkCsv),
    slip(Enrollment, 0, "120114123", F::CorrectedLater).mended(10, 28, 11),
    slip(Enrollment, 0, "120114114", F::ImplausibleClass),
    slip(Staffing, 0, "120114006", F::FullWidthDigits),
    slip(Staffing, 0, "120114101", F::TotalDoesNotAddUp).mended(10, 11, 16),
    // October
    slip(Enrollment, 1, "120114B", F::UnknownUnit).mended(11, 6, 9),
    slip(Enrollment, 1, "120114122", F::SentTwice),
    slip(Enrollment, 1, "120114113", F::TotalDoesNotAddUp),
    slip(Enrollment, 1, "120114112", F::TextNumber),
    slip(Enrollment, 1, "120114121", F::IdNumberColumn).mended(11, 6, 10),
    slip(Staffing, 1, "120114003", F::RenamedHeader).mended(11, 7, 11),
    slip(Staffing, 1, "120114102", F::VacantHead),
    // November
    slip(Enrollment, 2, "120114107", F::MissingSheet).mended(12, 5, 9),
    slip(Enrollment, 2, "120114106", F::RenamedHeader),
    slip(Enrollment, 2, "120114124", F::Late),
    slip(Enrollment, 2, "120114117", F::GbkCsv),
    slip(Enrollment, 2, "120114001", F::SexesDoNotAddUp).mended(12, 4, 15),
    slip(Enrollment, 2, "120114004", F::SentTwice),
    slip(Staffing, 2, "120114002", F::Late),
    slip(Staffing, 2, "120114103", F::TextNumber),
    slip(Staffing, 2, "120114119", F::WrongPeriod).mended(12, 5, 14),
    // December
    slip(Enrollment, 3, "120114120", F::SilentMonth),
    slip(Staffing, 3, "120114120", F::SilentMonth),
    slip(Enrollment, 3, "120114115", F::TotalDoesNotAddUp).mended(1, 7, 10),
    slip(Enrollment, 3, "120114005", F::FullWidthDigits),
    slip(Enrollment, 3, "120114118", F::Late),
    slip(Staffing, 3, "120114109", F::MissingSheet).mended(1, 8, 9),
    slip(Staffing, 3, "120114123", F::TotalDoesNotAddUp),
    // 大黄堡镇 has never sent this form.
    slip(Staffing, 0, "120114122", F::SilentDataset),
    slip(Staffing, 1, "120114122", F::SilentDataset),
    slip(Staffing, 2, "120114122", F::SilentDataset),
    slip(Staffing, 3, "120114122", F::SilentDataset),
];

/// Working days within the due date of each month's forms, as (year, month, day).
///
/// The fifth working day after 30 September 2024 is Saturday 12 October, which was worked.
const DAYS: [[(i16, i8, i8); 5]; N_MONTHS] = [
    [(2024, 10, 8), (2024, 10, 9), (2024, 10, 10), (2024, 10, 11), (2024, 10, 12)],
    [(2024, 11, 1), (2024, 11, 4), (2024, 11, 5), (2024, 11, 6), (2024, 11, 7)],
    [(2024, 12, 2), (2024, 12, 3), (2024, 12, 4), (2024, 12, 5), (2024, 12, 6)],
    [(2025, 1, 2), (2025, 1, 3), (2025, 1, 6), (2025, 1, 7), (2025, 1, 8)],
];

/// Of the yearly forms: the statistics date is 1 September, the due date 20 September.
const YEARLY_DAYS: [(i16, i8, i8); 5] =
    [(2024, 9, 9), (2024, 9, 10), (2024, 9, 11), (2024, 9, 12), (2024, 9, 13)];

/// The first day after each month's due date; the report is made after it.
const LATE_DAYS: [(i16, i8, i8); N_MONTHS] =
    [(2024, 10, 13), (2024, 11, 8), (2024, 12, 9), (2025, 1, 9)];

/// The first working day from the 10th on that lies after the due date, at 08:30.
const RUN_DAYS: [(i16, i8, i8); N_MONTHS] =
    [(2024, 10, 14), (2024, 11, 11), (2024, 12, 10), (2025, 1, 10)];

/// The runs of the four months, in order of time: each month once, and September once more after
/// 高村镇 has mended its figures (October's are not due yet, so September is still the newest).
pub fn story() -> Result<Vec<MonthRun>, CampaignError> {
    let mut runs = Vec::new();
    for (month, day) in RUN_DAYS.into_iter().enumerate() {
        let at = instant(at_hour(day, 8, 30))?;
        runs.push(MonthRun { period: month_period(month), at, occasion: Occasion::Monthly });
    }
    let at = instant(at_hour((2024, 10, 29), 8, 30))?;
    runs.push(MonthRun { period: month_period(0), at, occasion: Occasion::Correction });
    runs.sort_by_key(|run| run.at);
    Ok(runs)
}

/// All files of the campaign, sorted by the time at which they reach the inbox.
pub fn campaign() -> Result<Vec<Arrival>, CampaignError> {
    let world = build();
    let offices = offices(&world);
    let mut arrivals = Vec::new();
    for form in [Institutions, Population] {
        for office in &offices {
            arrivals.extend(send(form, 0, office)?);
        }
    }
    for month in 0..N_MONTHS {
        for form in [Enrollment, Staffing] {
            for office in &offices {
                arrivals.extend(send(form, month, office)?);
            }
        }
    }
    arrivals.sort_by(|a, b| (a.at, &a.path).cmp(&(b.at, &b.path)));
    Ok(arrivals)
}

fn month_period(month: usize) -> Period {
    let month = i8::try_from(month).unwrap_or(0);
    Period::Month { year: 2024, month: 9 + month }
}

fn period_of(form: Form, month: usize) -> Period {
    match form {
        Institutions => Period::SchoolYear { start: 2024 },
        Population => Period::Year { year: 2024 },
        Enrollment | Staffing => month_period(month),
    }
}

fn at_hour((year, month, day): (i16, i8, i8), hour: i8, minute: i8) -> DateTime {
    date(year, month, day).at(hour, minute, 0, 0)
}

fn instant(local: DateTime) -> Result<Timestamp, CampaignError> {
    TimeZone::get("Asia/Shanghai")
        .and_then(|zone| zone.to_timestamp(local))
        .map_err(|source| CampaignError::PlaceInZone { local: local.to_string(), source })
}

/// When an office sends a form, within office hours; with a slip that is mended, on the first day.
fn sent_at(form: Form, month: usize, office: &Office<'_>, slip: Option<&Slip>) -> DateTime {
    let mut rng = Prng::for_subject(&format!("{}/{month}/{}", office.code, form.dataset()));
    let days = match form {
        Institutions | Population => YEARLY_DAYS,
        Enrollment | Staffing => DAYS[month],
    };
    let day = match slip {
        Some(slip) if slip.fault == Fault::Late => LATE_DAYS[month],
        Some(slip) if slip.mended.is_some() => days[0],
        _ => *rng.pick(&days),
    };
    let hour = i8::try_from(rng.between(8, 16)).unwrap_or(9);
    let minute = i8::try_from(rng.between(0, 59)).unwrap_or(0);
    at_hour(day, hour, minute)
}

/// The files that an office sends of one form for one period: none, one, or two.
fn send(form: Form, month: usize, office: &Office<'_>) -> Result<Vec<Arrival>, CampaignError> {
    if form == Population && office.residents.is_none() {
        return Ok(Vec::new());
    }
    let slip = SLIPS
        .iter()
        .find(|slip| slip.form == form && slip.month == month && slip.unit == office.code);
    let fault = slip.map(|slip| slip.fault);
    if fault.is_some_and(Fault::is_silence) {
        return Ok(Vec::new());
    }
    let right = fill(form, office, month);
    let mut first = match fault {
        Some(Fault::WrongPeriod) => fill(form, office, month.saturating_sub(1)),
        _ => right.clone(),
    };
    if let Some(fault) = fault {
        apply(fault, form, &mut first);
    }
    let sent = sent_at(form, month, office, slip);
    let draft = Draft { form, month, office: office.code, fault, corrects: false };
    let first = draft.write(&first, sent, "")?;
    let mut arrivals = Vec::new();
    if fault == Some(Fault::SentTwice) {
        let again = sent.checked_add(1.day()).unwrap_or(sent);
        let mut copy = first.clone();
        copy.at = instant(again)?;
        copy.path = copy.path.replace(".xlsx", "-副本.xlsx");
        copy.expected = Expected::Duplicate;
        copy.note = format!("{}重复报送同一文件", unit_name(office.code));
        arrivals.push(copy);
    }
    arrivals.push(first);
    if let Some(Mended { month: m, day, hour }) = slip.and_then(|slip| slip.mended) {
        let year = if m == 1 { 2025 } else { 2024 };
        let draft = Draft { form, month, office: office.code, fault: None, corrects: true };
        arrivals.push(draft.write(&right, at_hour((year, m, day), hour, 20), "（更正）")?);
    }
    Ok(arrivals)
}

struct Draft {
    form: Form,
    month: usize,
    office: &'static str,
    fault: Option<Fault>,
    corrects: bool,
}

impl Draft {
    fn write(&self, sheet: &Sheet, sent: DateTime, suffix: &str) -> Result<Arrival, CampaignError> {
        let period = period_of(self.form, self.month);
        let name = unit_name(self.office);
        let label = match self.form {
            Institutions => "2024-2025学年",
            Population => "2024年",
            Enrollment | Staffing => MONTHS[self.month],
        };
        let stem = self.form.file_stem();
        let extension = if self.fault == Some(Fault::GbkCsv) { "csv" } else { "xlsx" };
        let path =
            format!("inbox/{period}/{}/{stem}_{name}_{label}{suffix}.{extension}", self.office);
        let bytes = match self.fault {
            Some(Fault::GbkCsv) => Ok(sheet.to_gbk_csv()),
            Some(Fault::MissingSheet) => cover_only(sent),
            _ => sheet.to_xlsx(sent),
        }
        .map_err(|source| CampaignError::WriteWorkbook { path: path.clone(), source })?;
        let what = if self.corrects { "更正后重新报送" } else { "报送" };
        Ok(Arrival {
            at: instant(sent)?,
            path,
            bytes,
            form: self.form,
            period,
            reporter: UnitCode::new(self.office),
            fault: self.fault,
            corrects: self.corrects,
            expected: self.fault.map_or(Expected::Accepted, Fault::expected),
            note: format!("{name}{what}{label}{stem}"),
        })
    }
}
