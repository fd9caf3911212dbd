//! The forms of the register, the residents, enrolment and staff, filled in by an office for one period;
//! the others stand in files of their own.

use super::form::Form;
use super::office::{Office, blank_sheet, heading, place, sum_row, under, yes_no};
use super::sheet::{Cell, Row, RowKind, Sheet};
use super::staff::Staff;
use super::world::{Institution, World};
use super::{bureau, community, groups, incidents, months, points, premises, terms};

/// The form of an office; `month` is the month of the demo (of a yearly form, the first that its year
/// has in the campaign).
pub(super) fn fill(form: Form, office: &Office<'_>, world: &World, month: usize) -> Sheet {
    match form {
        Form::Institutions => institutions(office, month),
        Form::Population => population(office, month),
        Form::Enrollment => enrollment(office, month),
        Form::Staffing => staffing(office, month),
        Form::ChildcarePoints => points::childcare_points(office, month),
        Form::PartyOrganisations => terms::party_organisations(office, month),
        Form::ExtendedCare => terms::extended_care(office, month),
        Form::Training => terms::training(office, month),
        Form::CommunityKindergartens => community::community_kindergartens(office, month),
        Form::GroupActivities => groups::group_activities(office, month),
        Form::Facilities => premises::facilities(office, month),
        Form::Inspections => premises::inspections(office, world, month),
        Form::Finance => bureau::finance(office, world, month),
        Form::Declarations => bureau::declarations(office, month),
        Form::TaskProgress => bureau::task_progress(office, month),
        Form::Incidents => incidents::incidents(office, world, month),
    }
}

fn kind_cell(office: &Office<'_>, inst: &Institution, month: usize) -> Cell {
    Cell::text(inst.kind[month].labels()[usize::from(office.habits.own_words)])
}

fn institutions(office: &Office<'_>, month: usize) -> Sheet {
    let start = months::school_year(month);
    let title = format!("武清区学前教育机构名册（{start}—{}学年）", start + 1);
    let mut sheet = blank_sheet(office, "机构名册", title);
    sheet.headings = vec![
        heading(office, "园所代码", "机构代码"),
        heading(office, "园所名称", "幼儿园名称"),
        heading(office, "所属镇街", "所在镇街"),
        heading(office, "主管单位", "举办单位"),
        heading(office, "办园类型", "园所类型"),
        heading(office, "是否直属园", "直属园"),
        heading(office, "是否镇街中心园", "是否中心园"),
        heading(office, "是否小区配套", "小区配套园"),
        heading(office, "所属总园代码", "总园代码"),
        heading(office, "开办日期", "建园日期"),
        heading(office, "停办日期", "撤销日期"),
        heading(office, "园长", "园长"),
        heading(office, "联系电话", "联系电话"),
    ];
    let there = office.institutions.iter().filter(|inst| inst.is_open(month));
    for (n, inst) in (1_u32..).zip(there) {
        let managed_by = if inst.is_direct { "区教育局" } else { inst.town.name };
        sheet.rows.push(Row {
            kind: RowKind::Data,
            cells: vec![
                Cell::text(&inst.code),
                Cell::text(&inst.name),
                place(inst),
                Cell::text(managed_by),
                kind_cell(office, inst, month),
                yes_no(inst.is_direct),
                yes_no(inst.is_central && month >= inst.central_from),
                yes_no(inst.is_community),
                inst.parent_code.as_ref().map_or(Cell::Blank, Cell::text),
                Cell::Date(inst.opened_on),
                Cell::Blank,
                Cell::text("（示例）园长岗"),
                Cell::text(format!("022-0000{n:04}")),
            ],
        });
    }
    sheet
}

fn population(office: &Office<'_>, month: usize) -> Sheet {
    let year = months::school_year(month);
    let title = format!("武清区常住3至5岁儿童统计表（{year}年）");
    let mut sheet = blank_sheet(office, "常住儿童", title);
    sheet.headings = vec![
        heading(office, "镇街", "镇街名称"),
        under("常住儿童数", "合计"),
        under("常住儿童数", "3岁"),
        under("常住儿童数", "4岁"),
        under("常住儿童数", "5岁"),
        heading(office, "统计口径", "口径"),
    ];
    let ages = office.residents.map_or([0; 3], |residents| residents.ages(year));
    let mut cells = vec![Cell::text(office.name), Cell::Number(ages.iter().sum())];
    cells.extend(ages.map(Cell::Number));
    cells.push(Cell::text("常住3-5岁"));
    sheet.rows.push(Row { kind: RowKind::Data, cells });
    sheet.notes.push(format!("注：统计时点为{year}年9月1日，年龄按满周岁计算。"));
    sheet
}

fn enrollment(office: &Office<'_>, month: usize) -> Sheet {
    let mut sheet = blank_sheet(
        office,
        "在园幼儿月报",
        format!("武清区在园幼儿情况月报表（{}）", months::label(month)),
    );
    let group = if office.habits.own_words { "在园幼儿数" } else { "幼儿数" };
    let merge = office.habits.merges && !office.habits.subtotals;
    let mut code = heading(office, "园所代码", "机构代码");
    let mut name = heading(office, "园所名称", "幼儿园名称");
    let mut kind = heading(office, "办园类型", "园所类型");
    for heading in [&mut code, &mut name, &mut kind] {
        heading.merge = merge;
    }
    sheet.headings = vec![code, name];
    if office.is_bureau() {
        sheet.headings.push(heading(office, "所在镇街", "所属街镇"));
    }
    sheet.headings.extend([
        kind,
        heading(office, "班级名称", "班级"),
        heading(office, "班级类型", "班型"),
        under(group, "合计"),
        under(group, "男"),
        under(group, "女"),
    ]);
    let n_words = sheet.headings.len() - 3;
    let mut all = [0; 3];
    for inst in office.institutions.iter().filter(|inst| inst.is_open(month)) {
        let mut of_inst = [0; 3];
        for class in &inst.classes {
            let (children, male) = (class.children[month], class.male[month]);
            let counts = [children, male, children - male];
            let mut cells = vec![Cell::text(&inst.code), Cell::text(&inst.name)];
            if office.is_bureau() {
                cells.push(place(inst));
            }
            cells.extend([
                kind_cell(office, inst, month),
                Cell::text(&class.name),
                Cell::text(class.sort.label()),
            ]);
            cells.extend(counts.map(Cell::Number));
            sheet.rows.push(Row { kind: RowKind::Data, cells });
            for (sum, n) in of_inst.iter_mut().zip(counts) {
                *sum += n;
            }
        }
        if office.habits.subtotals {
            sheet.rows.push(sum_row(RowKind::Subtotal, "小计", n_words, &of_inst, false));
        }
        for (sum, n) in all.iter_mut().zip(of_inst) {
            *sum += n;
        }
    }
    let formulas = office.habits.formulas && !office.habits.subtotals;
    sheet.rows.push(sum_row(RowKind::Total, "合计", n_words, &all, formulas));
    sheet.notes.push("注：托幼点、托班一并填报，不计入三率。".to_owned());
    sheet
}

fn staffing(office: &Office<'_>, month: usize) -> Sheet {
    let mut sheet = blank_sheet(
        office,
        "教职工月报",
        format!("武清区幼儿园教职工情况月报表（{}）", months::label(month)),
    );
    sheet.headings =
        vec![heading(office, "园所代码", "机构代码"), heading(office, "园所名称", "幼儿园名称")];
    if office.is_bureau() {
        sheet.headings.push(heading(office, "所在镇街", "所属街镇"));
    }
    let n_words = sheet.headings.len();
    sheet.headings.extend(
        ["合计", "园长", "专任教师", "保育员", "卫生保健人员", "行政人员", "教辅人员", "工勤人员"]
            .map(|name| under("教职工数", name)),
    );
    sheet.headings.push(heading(office, "其中保安", "保安人员"));
    sheet.headings.extend(["园长", "专任教师"].map(|name| under("持证人数", name)));
    sheet.headings.extend(["编制数", "在编数"].map(|name| under("编制", name)));

    let mut all = [0; 13];
    // 托幼点 do not fill in this form.
    let kindergartens = office.institutions.iter().filter(|inst| !inst.is_point());
    for inst in kindergartens.filter(|inst| inst.is_open(month)) {
        let mut staff = inst.staff[month];
        // 编制 come with being public.
        if !inst.kind[month].is_public() {
            (staff.posts, staff.posts_filled) = (0, 0);
        }
        let counts = staff_counts(staff);
        let mut cells = vec![Cell::text(&inst.code), Cell::text(&inst.name)];
        if office.is_bureau() {
            cells.push(place(inst));
        }
        cells.extend(counts.map(Cell::Number));
        sheet.rows.push(Row { kind: RowKind::Data, cells });
        for (sum, n) in all.iter_mut().zip(counts) {
            *sum += n;
        }
    }
    sheet.rows.push(sum_row(RowKind::Total, "合计", n_words, &all, office.habits.formulas));
    sheet.notes.push("注：保安计入工勤人员；托幼点不填本表。".to_owned());
    sheet
}

fn staff_counts(staff: Staff) -> [u32; 13] {
    [
        staff.total(),
        staff.heads,
        staff.teachers,
        staff.nurses,
        staff.health,
        staff.admin,
        staff.support,
        staff.logistics,
        staff.guards,
        staff.heads_certified,
        staff.teachers_certified,
        staff.posts,
        staff.posts_filled,
    ]
}
