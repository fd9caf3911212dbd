//! The way of community kindergartens from the handover to the opening, told each term.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::months;
use super::office::{Office, data, date_cell, heading, say_nothing};
use super::prng::Prng;
use super::sheet::{Cell, Sheet};
use super::terms::of_term;
use super::world::Institution;

/// One that is not open yet when the campaign ends: it stands in no other form.
struct Planned {
    town: &'static str,
    name: &'static str,
    /// Handed over, applied, reviewed, approved.
    steps: [Option<Date>; 4],
    /// Since when it is to be public; inclusive private before that.
    public_from: Option<Date>,
    /// The day of the application stands in the form only from then on.
    applied_told_from: Date,
}

const fn planned(town: &'static str, name: &'static str, steps: [Option<Date>; 4]) -> Planned {
    Planned { town, name, steps, public_from: None, applied_told_from: date(2022, 9, 1) }
}

const fn dates(
    handed_over: Date,
    applied: Date,
    reviewed: Date,
    approved: Date,
) -> [Option<Date>; 4] {
    [Some(handed_over), Some(applied), Some(reviewed), Some(approved)]
}

impl Planned {
    const fn public_from(mut self, on: Date) -> Planned {
        self.public_from = Some(on);
        self
    }

    const fn applied_told_from(mut self, on: Date) -> Planned {
        self.applied_told_from = on;
        self
    }
}

static PLANNED: &[Planned] = &[
    // The town's public share was far below one half on the day of the application: it may not become
    // inclusive private. After half a year it is to be public.
    planned(
        "120114005",
        "徐官屯青禾幼儿园",
        dates(date(2023, 2, 20), date(2023, 4, 18), date(2023, 5, 17), date(2023, 6, 20)),
    )
    .public_from(date(2024, 1, 18)),
    // The same, and not mended when the campaign ends.
    planned(
        "120114004",
        "黄庄和园幼儿园",
        dates(date(2024, 2, 20), date(2024, 4, 18), date(2024, 5, 17), date(2024, 6, 20)),
    ),
    // 213 of 426, exactly one half, on that day: not below.
    planned(
        "120114123",
        "高村书院幼儿园",
        dates(date(2023, 3, 13), date(2023, 5, 16), date(2023, 6, 13), date(2023, 7, 18)),
    ),
    // Above one half by what was known on that day, and below it by what was corrected six days later:
    // it goes by what was known.
    planned(
        "120114123",
        "高村新悦幼儿园",
        dates(date(2023, 4, 10), date(2023, 6, 14), date(2023, 7, 11), date(2023, 8, 15)),
    ),
    // Handed over, and for a year nobody applied.
    planned(
        "120114006",
        "运河西锦里幼儿园",
        dates(date(2023, 2, 27), date(2024, 3, 19), date(2024, 4, 16), date(2024, 5, 28)),
    )
    .public_from(date(2024, 3, 19)),
    // Reviewed although no application was on record: the papers turn up a term later.
    planned(
        "120114003",
        "东蒲洼学府幼儿园",
        [
            Some(date(2023, 4, 10)),
            Some(date(2023, 5, 18)),
            Some(date(2023, 6, 15)),
            Some(date(2023, 12, 20)),
        ],
    )
    .public_from(date(2023, 4, 10))
    .applied_told_from(date(2024, 2, 1)),
    // On its way when the campaign ends.
    planned(
        "120114002",
        "下朱庄云溪幼儿园",
        [Some(date(2024, 6, 24)), Some(date(2024, 8, 6)), None, None],
    ),
];

/// Opened in September 2023; the committee's approval stands in the form only a year later.
const UNAPPROVED: (&str, Date) = ("9900200010", date(2024, 9, 1));

/// A community kindergarten's way: handed over, then the town applies, the bureau reviews, the
/// committee approves, and it opens. What has not happened by the term's first day is blank.
pub(super) fn community_kindergartens(office: &Office<'_>, month: usize) -> Sheet {
    let mut sheet = of_term(office, month, "小区配套园", "小区配套幼儿园移交和办园情况表");
    sheet.headings.extend([
        heading(office, "移交日期", "移交时间"),
        heading(office, "镇街申请日期", "申请日期"),
        heading(office, "教育局审核日期", "审核日期"),
        heading(office, "专委会批准日期", "批准日期"),
        heading(office, "开办日期", "开园日期"),
        heading(office, "办园性质", "办园类别"),
    ]);
    let today = months::first_day(month);
    let community = office.institutions.iter().filter(|inst| inst.is_community && !inst.is_point());
    for inst in community {
        let mut steps = steps_of(inst).map(|on| on.filter(|on| *on <= today));
        if inst.code == UNAPPROVED.0 && today < UNAPPROVED.1 {
            steps[3] = None;
        }
        let is_decided = steps[3].is_some() || steps[4].is_some();
        let nature = nature(is_decided, inst.kind[month].is_public());
        tell(&mut sheet, &inst.code, &inst.name, steps, nature);
    }
    for (n, plan) in (80_001..).zip(PLANNED).filter(|(_, plan)| plan.town == office.code) {
        let [handed_over, applied, reviewed, approved] =
            plan.steps.map(|on| on.filter(|on| *on <= today));
        let applied = applied.filter(|_| plan.applied_told_from <= today);
        let nature = nature(approved.is_some(), plan.public_from.is_some_and(|on| on <= today));
        let steps = [handed_over, applied, reviewed, approved, None];
        tell(&mut sheet, &format!("99{}{n:05}", &plan.town[6..]), plan.name, steps, nature);
    }
    if sheet.rows.is_empty() {
        say_nothing(&mut sheet);
    }
    sheet
}

/// A row, once it was handed over.
fn tell(sheet: &mut Sheet, code: &str, name: &str, steps: [Option<Date>; 5], nature: &str) {
    if steps[0].is_none() {
        return;
    }
    let mut row = vec![Cell::text(code), Cell::text(name)];
    row.extend(steps.map(date_cell));
    row.push(Cell::text(nature));
    sheet.rows.push(data(row));
}

fn nature(is_decided: bool, is_public: bool) -> &'static str {
    match (is_decided, is_public) {
        (false, _) => "待定",
        (true, true) => "公办",
        (true, false) => "普惠性民办",
    }
}

/// Backwards from its opening.
fn steps_of(inst: &Institution) -> [Option<Date>; 5] {
    let mut rng = Prng::for_subject(&format!("community/{}", inst.code));
    let days_before = [
        rng.between(240, 300),
        rng.between(190, 220),
        rng.between(140, 170),
        rng.between(90, 120),
        0,
    ];
    days_before.map(|days| inst.opened_on.checked_sub(i64::from(days).days()).ok())
}
