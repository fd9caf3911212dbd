//! The slips of clerks, each made in the form as a clerk makes it.

use super::form::Form;
use super::sheet::{Cell, Heading, RowKind, Sheet};

/// What should become of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expected {
    Accepted,
    AcceptedWithWarnings,
    Returned,
    /// It holds identities of children: not kept at all.
    Refused,
    /// The same bytes came before: nothing changes.
    Duplicate,
}

/// What is wrong with a file, or with the way it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Counts typed with an input method in full width: `２５`. Readable, so taken.
    FullWidthDigits,
    /// Counts in cells that are formatted as text: `"25"`. Readable, so taken.
    TextNumber,
    /// A typed total that is not the sum of its rows (of the yearly form: of the ages).
    TotalDoesNotAddUp,
    /// 男 and 女 of one class do not add up to its 合计.
    SexesDoNotAddUp,
    /// A heading that the contract does not know.
    RenamedHeader,
    /// The workbook holds only the sheet of instructions.
    MissingSheet,
    /// Last month's form in this month's folder: its title names another month.
    WrongPeriod,
    /// Exported as text in GBK, with the right content.
    GbkCsv,
    /// Right, but after the due date.
    Late,
    /// Right, and sent again the next day under another name.
    SentTwice,
    /// A kindergarten was forgotten; the full figures come weeks later, for an earlier period.
    CorrectedLater,
    /// A class of more than 50 children: taken, to be confirmed.
    ImplausibleClass,
    /// A kindergarten without a head: taken, to be confirmed.
    VacantHead,
    /// Children stay after hours, and no teacher is on the rota: taken, to be confirmed.
    NobodyOnDuty,
    /// Three party members and more, and no branch of their own: taken, to be confirmed.
    JointBranch,
    /// A community kindergarten is open and its nature not decided: taken, to be confirmed.
    UndecidedNature,
    /// The unit's column names a town that the district does not have.
    UnknownUnit,
    /// A column of ID numbers (one invented number): refused.
    IdNumberColumn,
    /// Nothing comes for one month.
    SilentMonth,
    /// Nothing ever comes of one data set.
    SilentDataset,
}

impl Fault {
    pub const ALL: [Fault; 20] = [
        Fault::FullWidthDigits,
        Fault::TextNumber,
        Fault::TotalDoesNotAddUp,
        Fault::SexesDoNotAddUp,
        Fault::RenamedHeader,
        Fault::MissingSheet,
        Fault::WrongPeriod,
        Fault::GbkCsv,
        Fault::Late,
        Fault::SentTwice,
        Fault::CorrectedLater,
        Fault::ImplausibleClass,
        Fault::VacantHead,
        Fault::NobodyOnDuty,
        Fault::JointBranch,
        Fault::UndecidedNature,
        Fault::UnknownUnit,
        Fault::IdNumberColumn,
        Fault::SilentMonth,
        Fault::SilentDataset,
    ];

    /// What should become of the first file that has it.
    pub fn expected(self) -> Expected {
        match self {
            Fault::TotalDoesNotAddUp
            | Fault::SexesDoNotAddUp
            | Fault::RenamedHeader
            | Fault::MissingSheet
            | Fault::WrongPeriod
            | Fault::UnknownUnit => Expected::Returned,
            Fault::IdNumberColumn => Expected::Refused,
            Fault::ImplausibleClass
            | Fault::VacantHead
            | Fault::NobodyOnDuty
            | Fault::JointBranch
            | Fault::UndecidedNature => Expected::AcceptedWithWarnings,
            Fault::FullWidthDigits
            | Fault::TextNumber
            | Fault::GbkCsv
            | Fault::Late
            | Fault::SentTwice
            | Fault::CorrectedLater
            | Fault::SilentMonth
            | Fault::SilentDataset => Expected::Accepted,
        }
    }

    /// No file comes at all.
    pub fn is_silence(self) -> bool {
        matches!(self, Fault::SilentMonth | Fault::SilentDataset)
    }
}

/// Invented: no one was registered with it (the birth date is of 1900, the check digit is right,
/// so that a validator takes it for one).
const INVENTED_ID_NUMBER: &str = "110101190001010014";

/// Makes the slip in the form. Faults of the way (late, twice, another month's) leave it as it is.
pub(super) fn apply(fault: Fault, form: Form, sheet: &mut Sheet) {
    match fault {
        Fault::FullWidthDigits => retype(sheet, first_count(form), full_width),
        Fault::TextNumber => retype(sheet, first_count(form), |n| n.to_string()),
        Fault::TotalDoesNotAddUp => spoil_total(sheet, first_count(form)),
        Fault::SexesDoNotAddUp => change_number(sheet, 5, "男", |n| n + 2),
        Fault::RenamedHeader => rename(sheet, form),
        Fault::ImplausibleClass => swell_class(sheet),
        Fault::VacantHead => vacate_head(sheet),
        Fault::NobodyOnDuty => send_rota_home(sheet),
        Fault::JointBranch => join_branch(sheet),
        Fault::UndecidedNature => forget_nature(sheet),
        Fault::UnknownUnit => misname_unit(sheet),
        Fault::IdNumberColumn => add_id_numbers(sheet),
        Fault::CorrectedLater => forget_last(sheet),
        Fault::MissingSheet
        | Fault::WrongPeriod
        | Fault::GbkCsv
        | Fault::Late
        | Fault::SentTwice
        | Fault::SilentMonth
        | Fault::SilentDataset => {}
    }
}

/// The column that slips with numbers are made in.
fn first_count(form: Form) -> &'static str {
    match form {
        Form::Institutions | Form::CommunityKindergartens | Form::Inspections => "园所代码",
        Form::Population | Form::Enrollment | Form::Staffing => "合计",
        Form::ChildcarePoints => "幼儿数",
        Form::PartyOrganisations => "党员人数",
        Form::ExtendedCare => "参加幼儿数",
        Form::GroupActivities => "参加人数",
        Form::Training => "已参训教师数",
        Form::Facilities | Form::Finance => "在园幼儿数",
        Form::Declarations => "指标编号",
        Form::Incidents => "事件编号",
        Form::TaskProgress => "实际进度",
    }
}

fn full_width(n: u32) -> String {
    n.to_string().chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c)).collect()
}

/// Writes three counts as text.
fn retype(sheet: &mut Sheet, column: &str, write: impl Fn(u32) -> String) {
    let Some(column) = sheet.column(column) else { return };
    for nth in 0..3 {
        if let Some(cell) = sheet.number_at(nth, column)
            && let Cell::Number(n) = *cell
        {
            *cell = Cell::Text(write(n));
        }
    }
}

fn change_number(sheet: &mut Sheet, nth: usize, column: &str, change: impl Fn(u32) -> u32) {
    let Some(column) = sheet.column(column) else { return };
    if let Some(cell) = sheet.number_at(nth, column)
        && let Cell::Number(n) = *cell
    {
        *cell = Cell::Number(change(n));
    }
}

fn spoil_total(sheet: &mut Sheet, column: &str) {
    let Some(column) = sheet.column(column) else { return };
    match sheet.total(column) {
        Some(cell) => {
            if let Cell::Number(n) | Cell::Sum(n) = *cell {
                *cell = Cell::Number(n + 10);
            }
        }
        None => {
            if let Some(cell) = sheet.number_at(0, column)
                && let Cell::Number(n) = *cell
            {
                *cell = Cell::Number(n + 10);
            }
        }
    }
}

fn rename(sheet: &mut Sheet, form: Form) {
    let (from, to): (&[&str], &str) = match form {
        Form::Institutions => (&["办园类型", "园所类型"], "属性"),
        Form::Population => (&["3岁"], "托大"),
        Form::Enrollment => (&["班级类型", "班型"], "层次"),
        Form::Staffing => (&["保育员"], "生活老师"),
        Form::ChildcarePoints => (&["备案状态", "备案情况"], "手续"),
        Form::PartyOrganisations => (&["组织形式", "党组织形式"], "方式"),
        Form::ExtendedCare => (&["每日延时服务", "是否开展每日延时服务"], "延时"),
        Form::CommunityKindergartens => (&["办园性质", "办园类别"], "性质"),
        Form::GroupActivities => (&["领域", "帮扶领域"], "方面"),
        Form::Training => (&["已参训教师数", "参训教师数"], "培训情况"),
        Form::Facilities => (&["玩教具是否达标", "玩教具达标"], "玩具"),
        Form::Inspections => (&["年检结论", "年检结果"], "结论"),
        Form::Finance => (&["财政补助", "补助金额"], "其他收入"),
        Form::Declarations => (&["完成情况", "自评结论"], "自评"),
        Form::Incidents => (&["等级", "事件等级"], "程度"),
        Form::TaskProgress => (&["本月进展", "进展类别"], "说明"),
    };
    if let Some(heading) =
        sheet.headings.iter_mut().find(|heading| from.contains(&heading.name.as_str()))
    {
        to.clone_into(&mut heading.name);
    }
}

/// One class too large, with its sexes and the totals right.
fn swell_class(sheet: &mut Sheet) {
    let (Some(all), Some(male)) = (sheet.column("合计"), sheet.column("男")) else { return };
    let Some(row) = sheet.rows.iter_mut().find(|row| row.kind == RowKind::Data) else { return };
    let Some(Cell::Number(children)) = row.cells.get(all).cloned() else { return };
    let added = 53_u32.saturating_sub(children);
    add(&mut row.cells[all], added);
    add(&mut row.cells[male], added);
    let after = sheet.rows.iter_mut().filter(|row| row.kind != RowKind::Data);
    let mut subtotal_done = false;
    for row in after {
        if row.kind == RowKind::Subtotal && std::mem::replace(&mut subtotal_done, true) {
            continue;
        }
        add(&mut row.cells[all], added);
        add(&mut row.cells[male], added);
    }
}

fn add(cell: &mut Cell, more: u32) {
    if let Cell::Number(n) | Cell::Sum(n) = cell {
        *n += more;
    }
}

fn take(cell: &mut Cell, less: u32) {
    if let Cell::Number(n) | Cell::Sum(n) = cell {
        *n = n.saturating_sub(less);
    }
}

/// The first kindergarten's head has left: no head, one person fewer, totals right.
fn vacate_head(sheet: &mut Sheet) {
    let at = |group: &str, name: &str| {
        sheet.headings.iter().position(|h| h.group == Some(group) && h.name == name)
    };
    let (Some(all), Some(heads), Some(certified)) =
        (at("教职工数", "合计"), at("教职工数", "园长"), at("持证人数", "园长"))
    else {
        return;
    };
    let counts = |row: &super::sheet::Row| {
        [heads, certified].map(|column| match row.cells.get(column) {
            Some(Cell::Number(n)) => *n,
            _ => 0,
        })
    };
    let Some(first) = sheet.rows.iter_mut().find(|row| row.kind == RowKind::Data) else { return };
    let [n_heads, n_certified] = counts(first);
    let all_rows = sheet.rows.iter_mut().enumerate();
    for (_, row) in all_rows.filter(|(i, row)| *i == 0 || row.kind == RowKind::Total) {
        take(&mut row.cells[all], n_heads);
        take(&mut row.cells[heads], n_heads);
        take(&mut row.cells[certified], n_certified);
    }
}

/// The first kindergarten with children after hours has no teacher for them.
fn send_rota_home(sheet: &mut Sheet) {
    let column = ["轮值教师数", "参与轮值教师数"].iter().find_map(|name| sheet.column(name));
    let Some(column) = column else { return };
    let mut on_duty = sheet.rows.iter_mut().filter_map(|row| row.cells.get_mut(column));
    if let Some(cell) = on_duty.find(|cell| matches!(cell, Cell::Number(n) if *n > 0)) {
        *cell = Cell::Number(0);
    }
}

/// The first branch of its own is a joint one.
fn join_branch(sheet: &mut Sheet) {
    let cells = sheet.rows.iter_mut().filter_map(|row| row.cells.last_mut());
    let mut own = cells.filter(|cell| matches!(cell, Cell::Text(text) if text == "独立支部"));
    if let Some(cell) = own.next() {
        *cell = Cell::text("联合支部");
    }
}

/// The nature of the first one that is open is put down as not decided.
fn forget_nature(sheet: &mut Sheet) {
    let at = |names: [&str; 2]| names.iter().find_map(|name| sheet.column(name));
    let (Some(opened), Some(nature)) = (at(["开办日期", "开园日期"]), at(["办园性质", "办园类别"]))
    else {
        return;
    };
    let mut rows = sheet.rows.iter_mut();
    if let Some(row) = rows.find(|row| matches!(row.cells.get(opened), Some(Cell::Date(_)))) {
        row.cells[nature] = Cell::text("待定");
    }
}

fn misname_unit(sheet: &mut Sheet) {
    let column = ["所在镇街", "所属街镇", "所属镇街"].iter().find_map(|name| sheet.column(name));
    let Some(column) = column else { return };
    let code = sheet.rows.first().and_then(|row| row.cells.first()).cloned();
    for row in sheet.rows.iter_mut().filter(|row| row.cells.first() == code.as_ref()) {
        row.cells[column] = Cell::text("柳林街道");
    }
}

fn add_id_numbers(sheet: &mut Sheet) {
    sheet.headings.push(Heading { group: None, name: "身份证号".to_owned(), merge: false });
    let mut first = true;
    for row in &mut sheet.rows {
        let id = row.kind == RowKind::Data && std::mem::replace(&mut first, false);
        row.cells.push(if id { Cell::text(INVENTED_ID_NUMBER) } else { Cell::Blank });
    }
}

/// Leaves out the last kindergarten (of the childcare points' own form: point), with totals that fit what is there.
fn forget_last(sheet: &mut Sheet) {
    let is_point = |row: &&super::sheet::Row| {
        row.cells.iter().any(|cell| matches!(cell, Cell::Text(text) if text.contains("托幼点")))
    };
    let rows = || sheet.rows.iter().rev().filter(|row| row.kind == RowKind::Data);
    let last = rows().find(|row| !is_point(row)).or_else(|| rows().next());
    let Some(code) = last.and_then(|row| row.cells.first()).cloned() else { return };
    let mut left_out: Vec<u32> = vec![0; sheet.headings.len()];
    let mut in_it = false;
    sheet.rows.retain(|row| {
        let goes = match row.kind {
            RowKind::Data => {
                in_it = row.cells.first() == Some(&code);
                in_it
            }
            RowKind::Subtotal => in_it,
            RowKind::Total => false,
        };
        if goes && row.kind == RowKind::Data {
            for (sum, cell) in left_out.iter_mut().zip(&row.cells) {
                if let Cell::Number(n) = cell {
                    *sum += n;
                }
            }
        }
        !goes
    });
    for row in sheet.rows.iter_mut().filter(|row| row.kind == RowKind::Total) {
        for (cell, less) in row.cells.iter_mut().zip(&left_out) {
            take(cell, *less);
        }
    }
}
