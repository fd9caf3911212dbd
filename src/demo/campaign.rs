//! Who sends what, when, with which slip: the story of the 24 months.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rayon::prelude::*;
use rust_xlsxwriter::XlsxError;

use super::fault::{Expected, Fault, apply};
use super::form::Form;
use super::forms::fill;
use super::months::{self, BUILT, N_MONTHS};
use super::office::{Office, offices, published_units, unit_name};
use super::prng::Prng;
use super::sheet::{Sheet, cover_only};
use super::slips::{self, Slip};
use super::world::{World, build};
use crate::model::{Frequency, Period, UnitCode};

/// The campaign could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    #[error("cannot write the sample workbook {path}")]
    WriteWorkbook { path: String, source: XlsxError },
    #[error("cannot place {local} in the time zone Asia/Shanghai")]
    PlaceInZone { local: String, source: jiff::Error },
    #[error("{period} is no month of the campaign: it goes from 2023-01 to 2024-12")]
    NotInCampaign { period: Period },
    #[error("the campaign cannot end in {until} before it begins in {from}")]
    EndsBeforeItBegins { from: Period, until: Period },
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

impl Arrival {
    /// The file's own name.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether the office publishes it on its server instead of sending it: every second 镇街 does,
    /// once the campaign collects.
    pub fn is_published(&self) -> bool {
        let is_before = self.period.starts_on() < months::first_day(0)
            && self.form.frequency() != Frequency::Term;
        !is_before && published_units().any(|unit| unit == self.reporter.as_str())
    }
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

/// What part of the campaign is told: its months from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    first: usize,
    last: usize,
}

impl Span {
    /// 2023-01 to 2024-12.
    pub fn whole() -> Span {
        Span { first: 0, last: N_MONTHS - 1 }
    }

    /// 2024-09 to 2024-12: a campaign in a minute.
    pub fn last_months() -> Span {
        Span { first: BUILT, last: N_MONTHS - 1 }
    }

    /// From one month to another; the campaign's own first and last where none is named.
    pub fn between(from: Option<Period>, until: Option<Period>) -> Result<Span, CampaignError> {
        let index = |period: Period| {
            let found = (0..N_MONTHS).find(|month| months::period(*month) == period);
            found.ok_or(CampaignError::NotInCampaign { period })
        };
        let whole = Span::whole();
        let first = from.map_or(Ok(whole.first), index)?;
        let last = until.map_or(Ok(whole.last), index)?;
        if last < first {
            return Err(CampaignError::EndsBeforeItBegins {
                from: months::period(first),
                until: months::period(last),
            });
        }
        Ok(Span { first, last })
    }

    pub fn first(self) -> Period {
        months::period(self.first)
    }

    pub fn last(self) -> Period {
        months::period(self.last)
    }

    /// The periods of a form that are reported in these months, each with the month whose figures it
    /// tells.
    fn periods(self, form: Form) -> Vec<(Period, usize)> {
        let told = form.told();
        // What is counted as a school year begins is asked for as the campaign begins, too; a term's
        // forms only of terms that begin in it.
        let goes_on = told.iter().rev().find(|(_, month)| *month <= self.first).copied();
        let goes_on = goes_on.filter(|_| form.is_of_a_school_year());
        let begins = months::first_day(self.first);
        told.into_iter()
            .filter(|(period, month)| {
                let is_of_an_old_term =
                    form.frequency() == Frequency::Term && period.starts_on() < begins;
                let is_in_it = (self.first..=self.last).contains(month) && !is_of_an_old_term;
                is_in_it || goes_on.is_some_and(|(before, _)| before == *period)
            })
            .collect()
    }
}

/// The runs of the campaign's months, in order of time: each month once, and once more where an
/// office has mended figures weeks later (the next month's are not due yet, so it is the newest).
pub fn story(span: Span) -> Result<Vec<MonthRun>, CampaignError> {
    let mut runs = Vec::new();
    for month in span.first..=span.last {
        let at = instant(months::report_day(month).at(8, 30, 0, 0))?;
        runs.push(MonthRun { period: months::period(month), at, occasion: Occasion::Monthly });
    }
    for slip in slips::corrected_later() {
        if let Some(mended) = slip.mended_at()
            && (span.first..=span.last).contains(&slip.month)
        {
            let at = instant(months::workday_after(mended.date(), 1).at(8, 30, 0, 0))?;
            let period = months::period(slip.month);
            runs.push(MonthRun { period, at, occasion: Occasion::Correction });
        }
    }
    runs.sort_by_key(|run| run.at);
    Ok(runs)
}

/// All files of the campaign, sorted by the time at which they arrive.
pub fn campaign(span: Span) -> Result<Vec<Arrival>, CampaignError> {
    let world = &build();
    let offices = offices(world);
    let told: Vec<(Form, Period, usize)> = Form::ALL
        .into_iter()
        .flat_map(|form| span.periods(form).into_iter().map(move |(p, month)| (form, p, month)))
        .collect();
    // Writing workbooks is the most of it.
    let sent: Result<Vec<Vec<Arrival>>, CampaignError> = told
        .par_iter()
        .flat_map_iter(|&(form, period, month)| {
            offices.iter().map(move |office| send(form, period, month, office, world))
        })
        .collect();
    let mut arrivals: Vec<Arrival> = sent?.into_iter().flatten().collect();
    arrivals.sort_by(|a, b| (a.at, &a.path).cmp(&(b.at, &b.path)));
    Ok(arrivals)
}

fn instant(local: DateTime) -> Result<Timestamp, CampaignError> {
    months::instant(local, &TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC))
}

/// When an office sends a form, within office hours; with a slip that is mended, on the first day.
fn sent_at(
    form: Form,
    period: Period,
    month: usize,
    office: &Office<'_>,
    slip: Option<&Slip>,
) -> DateTime {
    // The last months, and the years that they lie in, were there before the months before them.
    let seed = match (form.is_monthly(), month.checked_sub(BUILT)) {
        (true, Some(since)) => since.to_string(),
        (false, Some(_)) => "0".to_owned(),
        (_, None) => format!("past {period}"),
    };
    let mut rng = Prng::for_subject(&format!("{}/{seed}/{}", office.code, form.dataset()));
    let days = form.sending_days(period, month);
    let day = match slip {
        Some(slip) if slip.fault == Fault::Late => months::late_day(month),
        Some(slip) if slip.mended.is_some() => days[0],
        _ => *rng.pick(&days),
    };
    let hour = i8::try_from(rng.between(8, 16)).unwrap_or(9);
    let minute = i8::try_from(rng.between(0, 59)).unwrap_or(0);
    day.at(hour, minute, 0, 0)
}

/// The files that an office sends of one form for one period: none, one, or two.
fn send(
    form: Form,
    period: Period,
    month: usize,
    office: &Office<'_>,
    world: &World,
) -> Result<Vec<Arrival>, CampaignError> {
    if !form.is_sent_by(office) {
        return Ok(Vec::new());
    }
    let slip = slips::find(form, month, office.code);
    let fault = slip.map(|slip| slip.fault);
    let right = fill(form, office, world, month);
    let mended = |at| {
        let draft = Draft { form, period, office: office.code, fault: None, corrects: true };
        draft.write(&right, at, "（更正）")
    };
    if fault.is_some_and(Fault::is_silence) {
        // Some break their silence weeks later.
        return slip.and_then(|slip| slip.mended_at()).map(mended).into_iter().collect();
    }
    let mut first = match fault {
        Some(Fault::WrongPeriod) => fill(form, office, world, month.saturating_sub(1)),
        _ => right.clone(),
    };
    if let Some(fault) = fault {
        apply(fault, form, &mut first);
    }
    let sent = sent_at(form, period, month, office, slip.as_ref());
    let draft = Draft { form, period, office: office.code, fault, corrects: false };
    let first = draft.write(&first, sent, "")?;
    let mut arrivals = Vec::new();
    if fault == Some(Fault::SentTwice) {
        let again = months::next_day(sent.date()).to_datetime(sent.time());
        let mut copy = first.clone();
        copy.at = instant(again)?;
        copy.path = copy.path.replace(".xlsx", "-副本.xlsx");
        copy.expected = Expected::Duplicate;
        copy.note = format!("{}重复报送同一文件", unit_name(office.code));
        arrivals.push(copy);
    }
    arrivals.push(first);
    arrivals.extend(slip.and_then(|slip| slip.mended_at()).map(mended).transpose()?);
    Ok(arrivals)
}

struct Draft {
    form: Form,
    period: Period,
    office: &'static str,
    fault: Option<Fault>,
    corrects: bool,
}

impl Draft {
    fn write(&self, sheet: &Sheet, sent: DateTime, suffix: &str) -> Result<Arrival, CampaignError> {
        let period = self.period;
        let name = unit_name(self.office);
        let label = match period {
            Period::SchoolYear { start } => format!("{start}-{}学年", start + 1),
            Period::Term { start, term } => format!("{start}-{}-{term}学期", start + 1),
            other => other.label(),
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
