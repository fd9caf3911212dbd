//! The forms of a school year about single kindergartens: their premises, and what the bureau found
//! when it inspected them.

use jiff::civil::{Date, date};

use super::months::{self, BUILT};
use super::office::{
    Office, blank_sheet, data, date_cell, heading, place, say_nothing, sum_row, yes_no,
};
use super::prng::Prng;
use super::sheet::{Cell, RowKind, Sheet};
use super::world::{Institution, World};

/// The standard for one child, in hundredths (of a square metre, of a book).
const OUTDOOR: u32 = 400;
const ACTIVITY: u32 = 817;
const FLOOR: u32 = 1044;
const BOOKS: u32 = 300;

fn all_children(inst: &Institution, month: usize) -> u32 {
    inst.classes.iter().map(|class| class.children[month]).sum()
}

/// What a kindergarten has, in whole square metres and books.
struct Premises {
    land: u32,
    floor: u32,
    activity: u32,
    outdoor: u32,
    books: u32,
    has_toys: bool,
    meets_standard: bool,
}

impl Premises {
    /// Built for its classes. Some fall short of the standard in one thing; a good half of those have
    /// mended it by the second school year of the campaign.
    fn of(inst: &Institution, month: usize) -> Premises {
        let mut rng = Prng::for_subject(&format!("facilities/{}", inst.code));
        let children = all_children(inst, month);
        let capacity: u32 = inst.classes.iter().map(|class| class.sort.limit()).sum();
        let capacity = (0..=BUILT).map(|m| all_children(inst, m)).fold(capacity, u32::max) + 8;
        let floor = capacity * rng.between(1070, 1650) / 100;
        let activity = (floor * rng.between(78, 88) / 100).max(capacity * 840 / 100);
        let outdoor = capacity * rng.between(430, 880) / 100;
        let mut premises = Premises {
            land: outdoor + floor * rng.between(45, 75) / 100,
            floor,
            activity,
            outdoor,
            books: capacity * rng.between(330, 620) / 100,
            has_toys: true,
            meets_standard: true,
        };
        let is_short = rng.chance(if inst.kind[BUILT].is_public() { 9 } else { 24 });
        let lack = rng.between(0, 4);
        let percent = rng.between(68, 95);
        let lacks_standard = rng.chance(15);
        let is_mended = month >= BUILT && rng.chance(60);
        if is_mended {
            return premises;
        }
        let short = |per_child: u32| children * per_child * percent / 10_000;
        match lack {
            _ if !is_short => {}
            0 => premises.outdoor = short(OUTDOOR),
            1 => premises.activity = short(ACTIVITY),
            2 => {
                premises.floor = short(FLOOR);
                premises.activity = premises.activity.min(premises.floor);
            }
            3 => premises.books = short(BOOKS),
            _ => premises.has_toys = false,
        }
        premises.meets_standard = !lacks_standard;
        premises
    }
}

fn there<'a>(
    institutions: impl Iterator<Item = &'a Institution>,
    month: usize,
) -> impl Iterator<Item = &'a Institution> {
    // 教学点 count with their parent.
    institutions
        .filter(move |inst| inst.is_open(month) && !inst.is_point() && inst.parent_code.is_none())
}

/// Land, buildings, outdoor ground, books and toys of each kindergarten of an office.
pub(super) fn facilities(office: &Office<'_>, month: usize) -> Sheet {
    let start = months::school_year(month);
    let title = format!("武清区幼儿园办园条件表（{start}—{}学年）", start + 1);
    let mut sheet = blank_sheet(office, "办园条件", title);
    sheet.headings =
        vec![heading(office, "园所代码", "机构代码"), heading(office, "园所名称", "幼儿园名称")];
    if office.is_bureau() {
        sheet.headings.push(heading(office, "所属镇街", "所在镇街"));
    }
    let n_words = sheet.headings.len();
    sheet.headings.extend([
        heading(office, "在园幼儿数", "幼儿人数"),
        heading(office, "占地面积", "用地面积"),
        heading(office, "建筑面积", "园舍建筑面积"),
        heading(office, "活动用房面积", "活动用房"),
        heading(office, "户外场地面积", "户外活动场地面积"),
        heading(office, "图书册数", "图书"),
        heading(office, "玩教具是否达标", "玩教具达标"),
        heading(office, "是否2017年后规划", "2017年后规划设计"),
        heading(office, "是否符合建设标准", "符合建设标准"),
    ]);
    let mut all = [0; 6];
    for inst in there(office.institutions.iter().copied(), month) {
        let premises = Premises::of(inst, month);
        let is_new = inst.opened_on >= date(2018, 1, 1);
        let counts = [
            all_children(inst, month),
            premises.land,
            premises.floor,
            premises.activity,
            premises.outdoor,
            premises.books,
        ];
        let mut cells = vec![Cell::text(&inst.code), Cell::text(&inst.name)];
        if office.is_bureau() {
            cells.push(place(inst));
        }
        cells.extend(counts.map(Cell::Number));
        let standard = match (is_new, premises.meets_standard) {
            (false, _) => "不适用",
            (true, true) => "符合",
            (true, false) => "不符合",
        };
        cells.extend([yes_no(premises.has_toys), yes_no(is_new), Cell::text(standard)]);
        sheet.rows.push(data(cells));
        for (sum, n) in all.iter_mut().zip(counts) {
            *sum += n;
        }
    }
    if sheet.rows.is_empty() {
        say_nothing(&mut sheet);
        return sheet;
    }
    let mut total = sum_row(RowKind::Total, "合计", n_words, &all, office.habits.formulas);
    total.cells.resize(sheet.headings.len(), Cell::Blank);
    sheet.rows.push(total);
    sheet.notes.push("注：教学点随总园填报；面积单位为平方米。".to_owned());
    sheet
}

/// What an inspection found.
struct Inspection {
    has_licence: bool,
    annual: &'static str,
    is_published: bool,
    evaluated_on: Option<Date>,
    has_inspector: bool,
    is_profit_seeking: bool,
    is_school_like: bool,
    fees: &'static str,
}

impl Inspection {
    /// Faults are those of the first school year; most are gone in the second.
    fn of(inst: &Institution, month: usize) -> Inspection {
        let mut rng = Prng::for_subject(&format!("inspection/{}", inst.code));
        let is_second = month >= BUILT;
        let is_private = !inst.kind[month].is_public();
        let mut fault = |percent: u32, lasting: u32| {
            let (is_found, lasts) = (rng.chance(percent), rng.chance(lasting));
            is_found && (!is_second || lasts)
        };
        let unlicensed = is_private && fault(4, 20);
        let unchecked = fault(6, 20);
        let is_profit_seeking = is_private && fault(3, 0);
        let is_school_like = fault(4, 30);
        let is_unreasonable = is_private && fault(5, 25);
        let is_cross_term = is_private && fault(4, 25);
        let unpublished = fault(7, 20);
        let uninspected = fault(9, 15);
        let unevaluated = fault(30, 20);
        let evaluated = date(
            i16::try_from(rng.between(2020, 2022)).unwrap_or(2021),
            i8::try_from(rng.between(3, 12)).unwrap_or(6),
            i8::try_from(rng.between(2, 26)).unwrap_or(15),
        );
        let is_imperfect = is_profit_seeking || is_school_like || is_unreasonable || is_cross_term;
        let annual = match (unlicensed, unchecked, is_imperfect || rng.chance(6)) {
            (true, ..) | (_, true, _) => "未年检",
            (.., true) => "基本合格",
            _ => "合格",
        };
        let fees = match (is_cross_term, is_unreasonable) {
            (true, _) => "跨学期预收费",
            (false, true) => "不合理收费",
            (false, false) => "规范",
        };
        Inspection {
            has_licence: !unlicensed,
            annual,
            is_published: !unpublished,
            evaluated_on: (!unevaluated).then_some(evaluated),
            has_inspector: !uninspected,
            is_profit_seeking,
            is_school_like,
            fees,
        }
    }
}

/// The bureau's findings in all kindergartens of the district.
pub(super) fn inspections(office: &Office<'_>, world: &World, month: usize) -> Sheet {
    let start = months::school_year(month);
    let title = format!("武清区幼儿园办园监管情况表（{start}—{}学年）", start + 1);
    let mut sheet = blank_sheet(office, "办园监管", title);
    sheet.headings = vec![
        heading(office, "园所代码", "机构代码"),
        heading(office, "园所名称", "幼儿园名称"),
        heading(office, "所属镇街", "所在镇街"),
        heading(office, "是否取得办园许可", "办园许可"),
        heading(office, "年检结论", "年检结果"),
        heading(office, "基本信息是否公示", "信息公示"),
        heading(office, "督导评估日期", "评估日期"),
        heading(office, "责任督学是否挂牌", "责任督学挂牌"),
        heading(office, "是否上市或过度逐利", "上市或过度逐利"),
        heading(office, "是否存在小学化", "小学化"),
        heading(office, "收费情况", "收费检查结论"),
    ];
    for inst in there(world.institutions.iter(), month) {
        let found = Inspection::of(inst, month);
        sheet.rows.push(data(vec![
            Cell::text(&inst.code),
            Cell::text(&inst.name),
            place(inst),
            yes_no(found.has_licence),
            Cell::text(found.annual),
            yes_no(found.is_published),
            date_cell(found.evaluated_on),
            yes_no(found.has_inspector),
            yes_no(found.is_profit_seeking),
            yes_no(found.is_school_like),
            Cell::text(found.fees),
        ]));
    }
    sheet
}
