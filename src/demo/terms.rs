//! The forms that kindergartens fill in each term: party organisations, extended care, training.

use super::months::{self, BUILT};
use super::office::{Office, blank_sheet, data, heading, place, sum_row, yes_no};
use super::prng::Prng;
use super::sheet::{Cell, RowKind, Sheet};
use super::world::Institution;
use crate::model::{Frequency, Period};

fn term_of(month: usize) -> Period {
    Period::containing(Frequency::Term, months::first_day(month))
}

/// Terms of the campaign before a month: 0 in the first.
fn terms_before(month: usize) -> u32 {
    let mut term = term_of(0);
    let mut n = 0;
    while term != term_of(month) && n < 8 {
        term = term.next();
        n += 1;
    }
    n
}

fn kindergartens<'a>(
    office: &'a Office<'_>,
    month: usize,
) -> impl Iterator<Item = &'a Institution> {
    let there = move |inst: &&Institution| inst.is_open(month) && !inst.is_point();
    office.institutions.iter().copied().filter(there)
}

/// The sheet of a form of a term, with the columns that name a kindergarten.
pub(super) fn of_term(office: &Office<'_>, month: usize, name: &str, title: &str) -> Sheet {
    let title = format!("武清区{title}（{}）", term_of(month).label());
    let mut sheet = blank_sheet(office, name, title);
    sheet.headings =
        vec![heading(office, "园所代码", "机构代码"), heading(office, "园所名称", "幼儿园名称")];
    if office.is_bureau() {
        sheet.headings.push(heading(office, "所在镇街", "所属街镇"));
    }
    sheet
}

fn named(office: &Office<'_>, inst: &Institution) -> Vec<Cell> {
    let mut cells = vec![Cell::text(&inst.code), Cell::text(&inst.name)];
    if office.is_bureau() {
        cells.push(place(inst));
    }
    cells
}

/// Three members and more: a branch of their own; fewer: a joint or attached one; none: a guide.
pub(super) fn party_organisations(office: &Office<'_>, month: usize) -> Sheet {
    let mut sheet = of_term(office, month, "党组织情况", "幼儿园党组织设置情况表");
    sheet
        .headings
        .extend([heading(office, "党员人数", "党员数"), heading(office, "组织形式", "党组织形式")]);
    let now = terms_before(month);
    for inst in kindergartens(office, month) {
        let mut rng = Prng::for_subject(&format!("party/{}", inst.code));
        let is_public = inst.kind[BUILT].is_public();
        let members = if is_public { rng.between(1, 8) } else { rng.between(0, 3) };
        // Public kindergartens have theirs by the second term, the last private ones by the fourth.
        let since =
            if is_public { rng.between(0, 1) } else { *rng.pick(&[0, 1, 1, 1, 1, 2, 3, 4]) };
        let form = match members {
            _ if now < since => "未覆盖",
            0 => "派驻指导员",
            1 => "挂靠支部",
            2 => "联合支部",
            _ => "独立支部",
        };
        let mut cells = named(office, inst);
        cells.extend([Cell::Number(members), Cell::text(form)]);
        sheet.rows.push(data(cells));
    }
    sheet
}

/// Towns whose central kindergarten, or whose other public ones, begin only in this term of the
/// campaign: the first ones half a year or more after the plan's date, the last one not at all.
const LATE_WITH_CARE: [(&str, bool, u32); 4] = [
    ("120114111", true, 3),
    ("120114114", true, 4),
    ("120114122", true, 3),
    ("120114111", false, 9),
];

/// Daily after-hours and holiday care: 直属园 and 中心园 first, then all public kindergartens.
pub(super) fn extended_care(office: &Office<'_>, month: usize) -> Sheet {
    let mut sheet = of_term(office, month, "延时服务", "幼儿园延时服务开展情况表");
    sheet.headings.extend([
        heading(office, "每日延时服务", "是否开展每日延时服务"),
        heading(office, "假期服务", "是否开展假期服务"),
        heading(office, "参加幼儿数", "参加服务幼儿数"),
        heading(office, "轮值教师数", "参与轮值教师数"),
    ]);
    let now = terms_before(month);
    for inst in kindergartens(office, month) {
        let mut rng = Prng::for_subject(&format!("care/{}", inst.code));
        let since = match (inst.is_direct, inst.is_central, inst.kind[BUILT].is_public()) {
            (true, ..) => 0,
            (_, true, _) => rng.between(0, 1),
            (.., true) => rng.between(1, 4),
            _ => rng.between(3, 9),
        };
        let since = LATE_WITH_CARE
            .iter()
            .find(|(town, is_central, _)| *town == inst.town.code && *is_central == inst.is_central)
            .filter(|_| !inst.is_direct && inst.kind[BUILT].is_public())
            .map_or(since, |(.., later)| since.max(*later));
        let is_daily = now >= since;
        let is_holiday = is_daily && now > since && rng.chance(40);
        let enrolled = inst.enrolled(month);
        let children = if is_daily { (enrolled * rng.between(15, 40) / 100).max(1) } else { 0 };
        let mut cells = named(office, inst);
        cells.extend([
            yes_no(is_daily),
            yes_no(is_holiday),
            Cell::Number(children),
            Cell::Number(if is_daily { children.div_ceil(15) } else { 0 }),
        ]);
        sheet.rows.push(data(cells));
    }
    sheet
}

/// Teachers who have had the training of the round that began with the campaign. Towns go at their own
/// pace; one of them slowly.
pub(super) fn training(office: &Office<'_>, month: usize) -> Sheet {
    let mut sheet = of_term(office, month, "教师轮训", "幼儿园教师轮训情况表");
    let n_words = sheet.headings.len();
    sheet.headings.extend([
        heading(office, "专任教师数", "专任教师人数"),
        heading(office, "已参训教师数", "参训教师数"),
        heading(office, "本学期培训学时", "培训学时"),
    ]);
    let now = terms_before(month);
    let mut all = [0; 3];
    for inst in kindergartens(office, month) {
        let mut rng = Prng::for_subject(&format!("training/{}", inst.code));
        let pace =
            if inst.town.code == SLOW_TO_TRAIN { rng.between(10, 18) } else { rng.between(23, 36) };
        let teachers = inst.staff[month].teachers;
        let trained = (teachers * pace * now / 100).min(teachers);
        let hours = teachers * pace / 100 * rng.between(12, 36);
        let counts = [teachers, trained, hours];
        let mut cells = named(office, inst);
        cells.extend(counts.map(Cell::Number));
        sheet.rows.push(data(cells));
        for (sum, n) in all.iter_mut().zip(counts) {
            *sum += n;
        }
    }
    sheet.rows.push(sum_row(RowKind::Total, "合计", n_words, &all, office.habits.formulas));
    sheet
}

const SLOW_TO_TRAIN: &str = "120114114";
