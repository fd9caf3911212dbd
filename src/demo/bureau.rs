//! The bureau's own forms about the whole district: money and pay, the tasks' progress, and what it
//! declares for the national assessment.

use std::collections::BTreeMap;

use jiff::civil::date;

use super::months::{self, N_MONTHS};
use super::office::{Office, blank_sheet, data, heading, sum_row, under, yes_no};
use super::sheet::{Cell, RowKind, Sheet};
use super::world::{Kind, World};

/// Yuan a child and year, and a teacher and year, in the first and in the second year of the campaign:
/// the first below what the assessment asks for, the second above it.
struct Rates {
    funding: u32,
    subsidy: u32,
    /// The first year's is exactly what is asked for.
    inclusive: u32,
    tenured: u32,
    non_tenured: u32,
    private: u32,
}

const RATES: [Rates; 2] = [
    Rates {
        funding: 480,
        subsidy: 430,
        inclusive: 500,
        tenured: 92_400,
        non_tenured: 66_000,
        private: 44_400,
    },
    Rates {
        funding: 640,
        subsidy: 560,
        inclusive: 600,
        tenured: 95_400,
        non_tenured: 74_400,
        private: 52_800,
    },
];

const KINDS: [Kind; 7] = [
    Kind::Education,
    Kind::OtherDepartment,
    Kind::Enterprise,
    Kind::Institution,
    Kind::Collective,
    Kind::Inclusive,
    Kind::Other,
];

/// Institutions, children, tenured and other teachers of one kind.
#[derive(Default)]
struct OfKind {
    institutions: u32,
    children: u32,
    tenured: u32,
    others: u32,
}

pub(super) fn finance(office: &Office<'_>, world: &World, month: usize) -> Sheet {
    let year = months::first_day(month).year();
    let mut sheet = blank_sheet(
        office,
        "经费和工资",
        format!("武清区学前教育经费和教师工资情况表（{year}年）"),
    );
    sheet.headings = vec![
        heading(office, "办园类型", "园所类型"),
        heading(office, "园数", "园所数"),
        heading(office, "在园幼儿数", "幼儿数"),
        heading(office, "公用经费拨款", "公用经费"),
        heading(office, "财政补助", "补助金额"),
        under("在编教师", "人数"),
        under("在编教师", "工资总额"),
        under("非在编教师", "人数"),
        under("非在编教师", "工资总额"),
    ];
    let mut of_kinds: BTreeMap<usize, OfKind> = BTreeMap::new();
    for inst in world.institutions.iter().filter(|inst| inst.is_open(month)) {
        let Some(kind) = KINDS.iter().position(|kind| *kind == inst.kind[month]) else { continue };
        let sums = of_kinds.entry(kind).or_default();
        let staff = inst.staff[month];
        let tenured =
            if inst.kind[month].is_public() { staff.posts_filled.min(staff.teachers) } else { 0 };
        sums.institutions += u32::from(inst.parent_code.is_none());
        sums.children += inst.classes.iter().map(|class| class.children[month]).sum::<u32>();
        sums.tenured += tenured;
        sums.others += staff.teachers - tenured;
    }
    let rates = &RATES[usize::from(month + 1 == N_MONTHS)];
    let mut all = [0; 8];
    for (kind, sums) in &of_kinds {
        let kind = KINDS[*kind];
        let (funding, subsidy) = match kind {
            Kind::Education | Kind::OtherDepartment => (rates.funding, 0),
            Kind::Inclusive => (0, rates.inclusive),
            Kind::Other | Kind::ChildcarePoint => (0, 0),
            Kind::Enterprise | Kind::Institution | Kind::Collective => (0, rates.subsidy),
        };
        let pay = if kind.is_public() { rates.non_tenured } else { rates.private };
        let counts = [
            sums.institutions,
            sums.children,
            sums.children * funding,
            sums.children * subsidy,
            sums.tenured,
            sums.tenured * rates.tenured,
            sums.others,
            sums.others * pay,
        ];
        let mut cells = vec![Cell::text(kind.labels()[usize::from(office.habits.own_words)])];
        cells.extend(counts.map(Cell::Number));
        sheet.rows.push(data(cells));
        for (sum, n) in all.iter_mut().zip(counts) {
            *sum += n;
        }
    }
    sheet.rows.push(sum_row(RowKind::Total, "合计", 1, &all, office.habits.formulas));
    sheet.notes.push("注：金额单位为元；教学点随总园计。".to_owned());
    sheet
}

/// What each task had reached, in percent, at the ends of some months; in between it goes on evenly.
/// Those of which the district has figures are reported too, and the figures count.
const REACHED: [(u32, &[(usize, u32)]); 11] = [
    (1, &[(0, 6), (8, 48), (20, 96), (23, 100)]),
    (2, &[(0, 3), (11, 46), (23, 95)]),
    // The committee and the two groups are there within a quarter.
    (3, &[(0, 40), (1, 80), (2, 100), (23, 100)]),
    // Late to begin, and caught up with.
    (4, &[(0, 0), (4, 2), (7, 14), (11, 48), (23, 100)]),
    // Stands still for a term, is far behind, and is caught up with in the second year.
    (5, &[(0, 4), (5, 18), (11, 18), (16, 60), (22, 100), (23, 100)]),
    (6, &[(0, 4), (11, 50), (23, 93)]),
    (7, &[(0, 4), (11, 52), (23, 100)]),
    (8, &[(0, 5), (11, 44), (23, 98)]),
    (9, &[(0, 5), (11, 49), (23, 97)]),
    (10, &[(0, 8), (11, 55), (23, 99)]),
    // Held up in the spring of the second year, and not done at the campaign's end.
    (11, &[(0, 4), (12, 52), (16, 53), (23, 88)]),
];

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(0)
}

fn reached(points: &[(usize, u32)], month: usize) -> u32 {
    let after = points.iter().position(|(at, _)| *at >= month).unwrap_or(points.len() - 1);
    let (to, high) = points[after];
    let (from, low) = points[after.saturating_sub(1)];
    if month >= to || to == from {
        return high;
    }
    low + (high - low) * number(month - from) / number(to - from)
}

pub(super) fn task_progress(office: &Office<'_>, month: usize) -> Sheet {
    let title = format!("武清区学前教育重点任务进展月报表（{}）", months::label(month));
    let mut sheet = blank_sheet(office, "重点任务", title);
    sheet.headings = vec![
        heading(office, "任务编号", "任务序号"),
        heading(office, "实际进度", "累计进度"),
        heading(office, "本月进展", "进展类别"),
        heading(office, "是否受阻", "有无困难"),
    ];
    let planned = number(month + 1) * 100 / number(N_MONTHS);
    for (task, points) in REACHED {
        let progress = reached(points, month);
        let status = match progress {
            0 => "未启动",
            100 => "已完成",
            _ if progress + 10 <= planned => "推进缓慢",
            _ => "正常推进",
        };
        let is_blocked = matches!((task, month), (5, 7..=11) | (11, 14..=16));
        sheet.rows.push(data(vec![
            Cell::Number(task),
            Cell::Number(progress),
            Cell::text(status),
            yes_no(is_blocked),
        ]));
    }
    sheet
}

/// Answered at the end of the first and of the second September: `+` done and proven, `?` done and no
/// proof named, `~` on the way, `-` not done.
const ANSWERS: [(u32, [char; 2]); 14] = [
    (5, ['+', '+']),
    (6, ['~', '+']),
    (8, ['+', '+']),
    (11, ['+', '+']),
    (12, ['+', '+']),
    (13, ['?', '+']),
    (14, ['-', '~']),
    (16, ['~', '+']),
    (17, ['~', '~']),
    (18, ['+', '+']),
    (20, ['+', '+']),
    (21, ['+', '+']),
    (33, ['~', '+']),
    (34, ['?', '+']),
];

pub(super) fn declarations(office: &Office<'_>, month: usize) -> Sheet {
    let year = months::first_day(month).year();
    let title = format!("武清区学前教育普及普惠督导评估自评申报表（{year}年）");
    let mut sheet = blank_sheet(office, "自评申报", title);
    sheet.headings = vec![
        heading(office, "指标编号", "指标序号"),
        heading(office, "完成情况", "自评结论"),
        heading(office, "佐证材料", "佐证材料编号"),
        heading(office, "申报日期", "填报时间"),
    ];
    let which = usize::from(year > 2023);
    for (no, answers) in ANSWERS {
        let (answer, is_proven) = match answers[which] {
            '+' => ("已完成", true),
            '?' => ("已完成", false),
            '~' => ("推进中", false),
            _ => ("未完成", false),
        };
        let evidence = format!("（示例）督评{year}-{no:02}");
        sheet.rows.push(data(vec![
            Cell::Number(no),
            Cell::text(answer),
            if is_proven { Cell::text(evidence) } else { Cell::Blank },
            Cell::Date(date(year, 9, 5)),
        ]));
    }
    sheet
}
