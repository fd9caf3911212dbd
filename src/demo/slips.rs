//! Which office slips in which form and month: about a tenth of the files.
//!
//! The slips of the last months are told one by one; those of the 20 months before are partly drawn,
//! and fewer as the campaign goes on.

use jiff::civil::{DateTime, date};

use super::fault::Fault;
use super::form::Form;
use super::months::{self, BUILT};
use super::prng::Prng;
use super::world::BUREAU;

/// A slip of one office in one form.
#[derive(Clone, Copy)]
pub(super) struct Slip {
    pub form: Form,
    /// Month of the campaign; of the forms of a year or a term, its first.
    pub month: usize,
    pub unit: &'static str,
    pub fault: Fault,
    /// When the right file comes; nothing if it never comes.
    pub mended: Option<Mended>,
}

/// Local date and hour of the file that mends a slip, within a year after it.
#[derive(Clone, Copy)]
pub(super) struct Mended {
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

    /// When the right file comes, local time.
    pub(super) fn mended_at(&self) -> Option<DateTime> {
        let Mended { month, day, hour } = self.mended?;
        let first = months::first_day(self.month);
        let year = if month < first.month() { first.year() + 1 } else { first.year() };
        Some(date(year, month, day).at(hour, 20, 0, 0))
    }
}

use Fault as F;
use Form::{
    ChildcarePoints, CommunityKindergartens, Enrollment, ExtendedCare, Facilities, Institutions,
    PartyOrganisations, Population, Staffing, TaskProgress, Training,
};

/// The town that falls silent.
pub(super) const SILENT_TOWN: &str = "120114120";

static SLIPS: &[Slip] = &[
    // 2023
    slip(Population, 0, "120114109", F::FullWidthDigits),
    slip(Institutions, 0, "120114118", F::RenamedHeader).mended(1, 11, 10),
    // 豆张庄镇 sends nothing at all for two months, and then everything at once.
    slip(Enrollment, 1, SILENT_TOWN, F::SilentMonth).mended(4, 17, 9),
    slip(Enrollment, 2, SILENT_TOWN, F::SilentMonth).mended(4, 17, 9),
    slip(Staffing, 1, SILENT_TOWN, F::SilentMonth).mended(4, 17, 9),
    slip(Staffing, 2, SILENT_TOWN, F::SilentMonth).mended(4, 17, 9),
    slip(ChildcarePoints, 1, SILENT_TOWN, F::SilentMonth).mended(4, 17, 9),
    slip(ChildcarePoints, 2, SILENT_TOWN, F::SilentMonth).mended(4, 17, 9),
    // Six days after a community kindergarten's application was judged by these figures.
    slip(Enrollment, 4, "120114123", F::CorrectedLater).mended(6, 20, 10),
    slip(PartyOrganisations, 8, "120114103", F::JointBranch),
    slip(PartyOrganisations, 20, "120114109", F::JointBranch),
    slip(CommunityKindergartens, 1, "120114001", F::UndecidedNature),
    slip(TaskProgress, 5, "120114B", F::Late),
    slip(Facilities, 8, "120114109", F::RenamedHeader).mended(9, 20, 10),
    slip(ExtendedCare, 8, "120114101", F::NobodyOnDuty),
    slip(Training, 13, "120114118", F::SilentMonth),
    slip(Enrollment, 7, "120114114", F::SilentMonth),
    slip(Enrollment, 7, "120114111", F::SilentMonth),
    slip(Staffing, 7, "120114111", F::SilentMonth),
    slip(ChildcarePoints, 7, "120114114", F::SilentMonth),
    slip(Institutions, 8, "120114107", F::GbkCsv),
    slip(Population, 8, "120114102", F::TotalDoesNotAddUp).mended(9, 18, 15),
    slip(Enrollment, 8, "120114B", F::UnknownUnit).mended(10, 10, 9),
    // 2024
    slip(Enrollment, 14, "120114103", F::CorrectedLater).mended(4, 22, 11),
    slip(ChildcarePoints, 14, "120114002", F::CorrectedLater).mended(4, 19, 11),
    slip(Enrollment, 19, "120114114", F::SilentMonth),
    // 2024-09: the yearly forms
    slip(Institutions, 20, "120114104", F::GbkCsv),
    slip(Institutions, 20, "120114005", F::RenamedHeader).mended(9, 19, 10),
    slip(Population, 20, "120114112", F::TotalDoesNotAddUp).mended(9, 18, 15),
    slip(Population, 20, "120114117", F::FullWidthDigits),
    slip(ExtendedCare, 20, "120114004", F::NobodyOnDuty),
    slip(CommunityKindergartens, 20, "120114003", F::UndecidedNature),
    // 2024-09
    slip(Enrollment, 20, "120114104", F::TextNumber),
    slip(Enrollment, 20, "120114110", F::FullWidthDigits),
    slip(Enrollment, 20, "120114103", F::TotalDoesNotAddUp).mended(10, 11, 9),
    slip(Enrollment, 20, "120114111", F::RenamedHeader).mended(10, 10, 14),
    slip(Enrollment, 20, "120114116", F::Late),
    slip(Enrollment, 20, "120114119", F::GbkCsv),
    slip(Enrollment, 20, "120114123", F::CorrectedLater).mended(10, 24, 11),
    slip(Enrollment, 20, "120114114", F::ImplausibleClass),
    slip(Staffing, 20, "120114006", F::FullWidthDigits),
    slip(Staffing, 20, "120114101", F::TotalDoesNotAddUp).mended(10, 11, 16),
    // 2024-10
    slip(Enrollment, 21, "120114B", F::UnknownUnit).mended(11, 6, 9),
    slip(Enrollment, 21, "120114122", F::SentTwice),
    slip(Enrollment, 21, "120114113", F::TotalDoesNotAddUp),
    slip(Enrollment, 21, "120114112", F::TextNumber),
    slip(Enrollment, 21, "120114121", F::IdNumberColumn).mended(11, 6, 10),
    slip(Staffing, 21, "120114003", F::RenamedHeader).mended(11, 7, 11),
    slip(Staffing, 21, "120114102", F::VacantHead),
    // 2024-11
    slip(Enrollment, 22, "120114107", F::MissingSheet).mended(12, 5, 9),
    slip(Enrollment, 22, "120114106", F::RenamedHeader),
    slip(Enrollment, 22, "120114124", F::Late),
    slip(Enrollment, 22, "120114117", F::GbkCsv),
    slip(Enrollment, 22, "120114001", F::SexesDoNotAddUp).mended(12, 4, 15),
    slip(Enrollment, 22, "120114004", F::SentTwice),
    slip(Staffing, 22, "120114002", F::Late),
    slip(Staffing, 22, "120114103", F::TextNumber),
    slip(Staffing, 22, "120114119", F::WrongPeriod).mended(12, 5, 14),
    // 2024-12
    slip(Enrollment, 23, "120114120", F::SilentMonth),
    slip(Staffing, 23, "120114120", F::SilentMonth),
    slip(Enrollment, 23, "120114115", F::TotalDoesNotAddUp).mended(1, 7, 10),
    slip(Enrollment, 23, "120114005", F::FullWidthDigits),
    slip(Enrollment, 23, "120114118", F::Late),
    slip(Staffing, 23, "120114109", F::MissingSheet).mended(1, 8, 9),
    slip(Staffing, 23, "120114123", F::TotalDoesNotAddUp),
];

/// 大黄堡镇 has never sent the staffing form.
const NEVER: (Form, &str) = (Staffing, "120114122");

/// Those of September's figures that were corrected later: the month is reported once more.
pub(super) fn corrected_later() -> impl Iterator<Item = &'static Slip> {
    SLIPS.iter().filter(|slip| slip.form == Enrollment && slip.fault == F::CorrectedLater)
}

/// The slip of an office in a form of a month, if it makes one.
pub(super) fn find(form: Form, month: usize, unit: &'static str) -> Option<Slip> {
    if (form, unit) == NEVER {
        return Some(slip(form, month, unit, F::SilentDataset));
    }
    SLIPS
        .iter()
        .find(|slip| slip.form == form && slip.month == month && slip.unit == unit)
        .copied()
        .or_else(|| draw(form, month, unit))
}

/// A slip drawn for a month before the last ones. As people learn the forms they are fewer.
fn draw(form: Form, month: usize, unit: &'static str) -> Option<Slip> {
    if month >= BUILT || !form.is_monthly() {
        return None;
    }
    let mut rng = Prng::for_subject(&format!("slip/{unit}/{month}/{}", form.dataset()));
    // Per thousand: 145 in the first months, 85 in the last.
    let often = 145 - 3 * u32::try_from(month).unwrap_or(0);
    if rng.between(0, 999) >= often {
        return None;
    }
    // The bureau's own registers are kept with care.
    if matches!(form, Form::Incidents | Form::TaskProgress) {
        return None;
    }
    let is_bureau = unit == BUREAU;
    // A form that may say 无 has no figure to slip in.
    let has_figures = form != ChildcarePoints;
    let (fault, is_mended) = match (form, rng.between(0, 19)) {
        (_, 0..=5) => (F::Late, false),
        (_, 6..=7) if !is_bureau => (F::SilentMonth, false),
        (_, 8..=10) => (F::RenamedHeader, true),
        (_, 11) => (F::SentTwice, false),
        (_, 12) => (F::MissingSheet, true),
        (_, 13..=15) if has_figures => (F::TotalDoesNotAddUp, rng.chance(80)),
        (_, 16) if has_figures && month > 0 => (F::WrongPeriod, true),
        (Enrollment, 17) => (F::SexesDoNotAddUp, true),
        _ if has_figures => {
            (if rng.chance(50) { F::TextNumber } else { F::FullWidthDigits }, false)
        }
        _ => (F::Late, false),
    };
    let mut drawn = slip(form, month, unit, fault);
    if is_mended {
        // Sent on the first working day, mended on the third to the fifth.
        let day = months::sending_days(month)[rng.between(2, 4) as usize];
        let hour = i8::try_from(rng.between(9, 15)).unwrap_or(9);
        drawn = drawn.mended(day.month(), day.day(), hour);
    }
    Some(drawn)
}
