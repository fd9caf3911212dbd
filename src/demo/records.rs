//! The forms about single things: childcare points each month; party organisations, extended care and
//! community kindergartens each term.

use jiff::ToSpan;
use jiff::civil::Date;

use super::forms::{Office, blank_sheet, heading, place, sum_row, yes_no};
use super::months::{self, BUILT, N_MONTHS};
use super::prng::Prng;
use super::sheet::{Cell, Row, RowKind, Sheet};
use super::world::Institution;
use crate::model::{Frequency, Period};

/// Where a form has nothing to tell.
const NOTHING: &str = "无";

fn data(cells: Vec<Cell>) -> Row {
    Row { kind: RowKind::Data, cells }
}

fn say_nothing(sheet: &mut Sheet) {
    let mut cells = vec![Cell::text(NOTHING)];
    cells.resize(sheet.headings.len(), Cell::Blank);
    sheet.rows.push(data(cells));
}

fn date_cell(day: Option<Date>) -> Cell {
    day.map_or(Cell::Blank, Cell::Date)
}

/// What becomes of a childcare point: all are reviewed again; the unfit are rectified, handed to
/// others or closed.
struct Fate {
    /// Month of the review.
    reviewed: usize,
    is_fit: bool,
    /// First month after the hazards were removed.
    rectified: usize,
    is_closed: bool,
    day: i8,
}

impl Fate {
    fn of(point: &Institution) -> Fate {
        let mut rng = Prng::for_subject(&format!("fate/{}", point.code));
        let day = i8::try_from(rng.between(6, 26)).unwrap_or(15);
        let (reviewed, is_fit) = match point.closed_from {
            Some(gone) => (gone.saturating_sub(rng.between(3, 6) as usize), false),
            None => (rng.between(1, 12) as usize, rng.chance(65)),
        };
        let rectified = reviewed + rng.between(2, 5) as usize;
        Fate { reviewed, is_fit, rectified, is_closed: rng.chance(60), day }
    }

    fn on(&self, month: usize) -> Option<Date> {
        months::first_day(month).with().day(self.day).build().ok()
    }
}

/// The points of a town that are there in a month, and those that it disposed of in it.
pub(super) fn childcare_points(office: &Office<'_>, month: usize) -> Sheet {
    let title = format!("武清区民办托幼点情况月报表（{}）", months::label(month));
    let mut sheet = blank_sheet(office, "托幼点月报", title);
    sheet.headings = vec![
        heading(office, "托幼点代码", "机构代码"),
        heading(office, "托幼点名称", "机构名称"),
        heading(office, "幼儿数", "在托幼儿数"),
        heading(office, "从业人员数", "工作人员数"),
        heading(office, "备案状态", "备案情况"),
        heading(office, "复审结论", "复核结论"),
        heading(office, "是否存在隐患", "有无隐患"),
        heading(office, "整改期限", "隐患整改期限"),
        heading(office, "处置方式", "处置情况"),
        heading(office, "处置日期", "处置时间"),
    ];
    let (mut children, mut workers) = (0, 0);
    let points = office.institutions.iter().filter(|inst| inst.is_point());
    for point in points.filter(|inst| inst.is_open(month) || inst.closed_from == Some(month)) {
        let fate = Fate::of(point);
        let is_gone = point.closed_from == Some(month);
        let n: u32 =
            if is_gone { 0 } else { point.classes.iter().map(|class| class.children[month]).sum() };
        let n_workers = if is_gone { 0 } else { n.div_ceil(9) + 1 };
        let is_reviewed = month >= fate.reviewed;
        let is_rectified = !is_gone && point.closed_from.is_none() && month >= fate.rectified;
        let is_right = is_reviewed && (fate.is_fit || is_rectified);
        let has_hazard = is_reviewed && !is_right && !is_gone;
        let filing = match (is_reviewed, is_right) {
            (false, _) => "原备案",
            (true, true) => "重新备案",
            (true, false) => "不予备案",
        };
        let review = match (is_reviewed, is_right) {
            (false, _) => "未复审",
            (true, true) => "合格",
            (true, false) if point.closed_from.is_some() => "不合格",
            (true, false) => "限期整改",
        };
        // Hazards are to be removed within three months.
        let deadline = has_hazard.then(|| fate.reviewed + 3).filter(|month| *month < N_MONTHS);
        let (disposal, disposed) = match (is_gone, is_right && !fate.is_fit) {
            (true, _) => (if fate.is_closed { "取缔" } else { "转办" }, Some(month)),
            (false, true) => ("整改", Some(fate.rectified)),
            (false, false) => (NOTHING, None),
        };
        sheet.rows.push(data(vec![
            Cell::text(&point.code),
            Cell::text(&point.name),
            Cell::Number(n),
            Cell::Number(n_workers),
            Cell::text(filing),
            Cell::text(review),
            yes_no(has_hazard),
            date_cell(deadline.and_then(|month| fate.on(month))),
            Cell::text(disposal),
            date_cell(disposed.filter(|month| *month < N_MONTHS).and_then(|month| fate.on(month))),
        ]));
        children += n;
        workers += n_workers;
    }
    if sheet.rows.is_empty() {
        say_nothing(&mut sheet);
    } else {
        let mut total = sum_row(RowKind::Total, "合计", 2, &[children, workers], false);
        total.cells.resize(sheet.headings.len(), Cell::Blank);
        sheet.rows.push(total);
    }
    sheet
}

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
fn of_term(office: &Office<'_>, month: usize, name: &str, title: &str) -> Sheet {
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
        let since = if is_public { rng.between(0, 1) } else { rng.between(0, 4) };
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
        let mut rng = Prng::for_subject(&format!("community/{}", inst.code));
        let days_before = [
            rng.between(240, 300),
            rng.between(190, 220),
            rng.between(140, 170),
            rng.between(90, 120),
            0,
        ];
        let steps = days_before.map(|days| {
            let on = inst.opened_on.checked_sub(i64::from(days).days()).ok()?;
            (on <= today).then_some(on)
        });
        if steps[0].is_none() {
            continue;
        }
        let nature = match (steps[3].is_some(), inst.kind[month].is_public()) {
            (false, _) => "待定",
            (true, true) => "公办",
            (true, false) => "普惠性民办",
        };
        let mut cells = named(office, inst);
        cells.extend(steps.map(date_cell));
        cells.push(Cell::text(nature));
        sheet.rows.push(data(cells));
    }
    if sheet.rows.is_empty() {
        say_nothing(&mut sheet);
    }
    sheet
}
