//! The forms of the campaign: who sends each, of which periods, and when.

use jiff::civil::Date;

use super::months::{self, BUILT, N_MONTHS, YEAR_BEFORE};
use super::office::Office;
use crate::model::{Frequency, Period};

/// One of the data sets of `pipelines/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    Institutions,
    Population,
    Enrollment,
    Staffing,
    ChildcarePoints,
    PartyOrganisations,
    ExtendedCare,
    CommunityKindergartens,
    GroupActivities,
    Training,
    Facilities,
    Inspections,
    Finance,
    Declarations,
    Incidents,
    TaskProgress,
}

/// Who fills in a form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Senders {
    All,
    Towns,
    Bureau,
}

impl Form {
    pub const ALL: [Form; 16] = [
        Form::Institutions,
        Form::Population,
        Form::Enrollment,
        Form::Staffing,
        Form::ChildcarePoints,
        Form::PartyOrganisations,
        Form::ExtendedCare,
        Form::CommunityKindergartens,
        Form::GroupActivities,
        Form::Training,
        Form::Facilities,
        Form::Inspections,
        Form::Finance,
        Form::Declarations,
        Form::Incidents,
        Form::TaskProgress,
    ];

    /// Its data set's name in SQL, the beginning of the file names that clerks give it, how often and by
    /// whom it is sent.
    fn facts(self) -> (&'static str, &'static str, Frequency, Senders) {
        use Frequency::{Month, SchoolYear, Term, Year};
        use Senders::{All, Bureau, Towns};
        match self {
            Form::Institutions => ("institutions", "机构名册", SchoolYear, All),
            Form::Population => ("population", "常住儿童统计表", Year, Towns),
            Form::Enrollment => ("enrollment", "在园幼儿月报", Month, All),
            Form::Staffing => ("staffing", "教职工月报", Month, All),
            Form::ChildcarePoints => ("childcare_points", "托幼点月报", Month, Towns),
            Form::PartyOrganisations => ("party_organisations", "党组织情况表", Term, All),
            Form::ExtendedCare => ("extended_care", "延时服务情况表", Term, All),
            Form::CommunityKindergartens => {
                ("community_kindergartens", "小区配套园情况表", Term, Towns)
            }
            Form::GroupActivities => ("group_activities", "组团帮扶活动统计表", Term, Bureau),
            Form::Training => ("training", "教师轮训情况表", Term, All),
            Form::Facilities => ("facilities", "办园条件表", SchoolYear, All),
            Form::Inspections => ("inspections", "办园监管情况表", SchoolYear, Bureau),
            Form::Finance => ("finance", "经费和工资情况表", Year, Bureau),
            Form::Declarations => ("declarations", "督导评估自评申报表", Year, Bureau),
            Form::Incidents => ("incidents", "事件和投诉台账", Month, Bureau),
            Form::TaskProgress => ("task_progress", "重点任务进展月报", Month, Bureau),
        }
    }

    pub fn frequency(self) -> Frequency {
        self.facts().2
    }

    pub(super) fn is_monthly(self) -> bool {
        self.frequency() == Frequency::Month
    }

    /// Whether an office reports this at all.
    pub(super) fn is_sent_by(self, office: &Office<'_>) -> bool {
        match self.facts().3 {
            Senders::All => true,
            Senders::Towns => !office.is_bureau(),
            Senders::Bureau => office.is_bureau(),
        }
    }

    /// The data set's name in SQL.
    pub fn dataset(self) -> &'static str {
        self.facts().0
    }

    /// The beginning of the file names that clerks give it.
    pub(super) fn file_stem(self) -> &'static str {
        self.facts().1
    }

    /// Counted on the first of September, and asked for as the campaign begins too.
    pub(super) fn is_of_a_school_year(self) -> bool {
        matches!(
            self,
            Form::Institutions
                | Form::Population
                | Form::Facilities
                | Form::Inspections
                | Form::Declarations
        )
    }

    /// The periods that the campaign has of it, each with the month whose figures it tells.
    pub(super) fn told(self) -> Vec<(Period, usize)> {
        let of = |months: &[usize]| -> Vec<(Period, usize)> {
            months.iter().map(|month| (self.period_of(*month), *month)).collect()
        };
        match self {
            // The register and the residents of the school year that goes on are asked for first.
            Form::Institutions | Form::Population => of(&[0, YEAR_BEFORE, BUILT]),
            Form::Facilities | Form::Inspections | Form::Declarations => of(&[YEAR_BEFORE, BUILT]),
            Form::Finance => of(&[11, N_MONTHS - 1]),
            Form::PartyOrganisations
            | Form::ExtendedCare
            | Form::CommunityKindergartens
            | Form::Training => of(&months::TERM_BEGINS),
            Form::GroupActivities => of(&months::TERM_ENDS),
            Form::Enrollment
            | Form::Staffing
            | Form::ChildcarePoints
            | Form::Incidents
            | Form::TaskProgress => of(&std::array::from_fn::<usize, N_MONTHS, _>(|month| month)),
        }
    }

    fn period_of(self, month: usize) -> Period {
        match self {
            // Residents are counted as a school year begins.
            Form::Population => Period::Year { year: months::school_year(month) },
            _ => Period::containing(self.frequency(), months::first_day(month)),
        }
    }

    /// The working days on which offices send it, all within the time that its contract gives.
    pub(super) fn sending_days(self, period: Period, month: usize) -> Vec<Date> {
        match self.frequency() {
            Frequency::Month => months::sending_days(month).to_vec(),
            Frequency::Term if self == Form::GroupActivities => {
                (3..=8).map(|n| months::workday_after(period.ends_on(), n)).collect()
            }
            Frequency::Term => months::term_days(period).to_vec(),
            _ if self == Form::Finance => {
                (2..=6).map(|n| months::workday_after(period.ends_on(), n)).collect()
            }
            _ => months::yearly_days(period.starts_on().year()).to_vec(),
        }
    }
}
