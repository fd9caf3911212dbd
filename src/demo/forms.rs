//! The four forms of the campaign, filled in by an office for one period.

use super::months;
use super::records;
use super::sheet::{Cell, Heading, INVENTED, Row, RowKind, Sheet};
use super::staff::Staff;
use super::world::{BUREAU, Institution, Residents, TOWNS, Town, World};
use crate::model::Frequency;

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
}

impl Form {
    pub const ALL: [Form; 8] = [
        Form::Institutions,
        Form::Population,
        Form::Enrollment,
        Form::Staffing,
        Form::ChildcarePoints,
        Form::PartyOrganisations,
        Form::ExtendedCare,
        Form::CommunityKindergartens,
    ];

    pub fn frequency(self) -> Frequency {
        match self {
            Form::Institutions => Frequency::SchoolYear,
            Form::Population => Frequency::Year,
            Form::Enrollment | Form::Staffing | Form::ChildcarePoints => Frequency::Month,
            Form::PartyOrganisations | Form::ExtendedCare | Form::CommunityKindergartens => {
                Frequency::Term
            }
        }
    }

    pub(super) fn is_monthly(self) -> bool {
        self.frequency() == Frequency::Month
    }

    /// Whether an office reports this at all.
    pub(super) fn is_sent_by(self, office: &Office<'_>) -> bool {
        match self {
            Form::Population | Form::ChildcarePoints | Form::CommunityKindergartens => {
                !office.is_bureau()
            }
            _ => true,
        }
    }

    /// The data set's name in SQL.
    pub fn dataset(self) -> &'static str {
        match self {
            Form::Institutions => "institutions",
            Form::Population => "population",
            Form::Enrollment => "enrollment",
            Form::Staffing => "staffing",
            Form::ChildcarePoints => "childcare_points",
            Form::PartyOrganisations => "party_organisations",
            Form::ExtendedCare => "extended_care",
            Form::CommunityKindergartens => "community_kindergartens",
        }
    }

    /// The beginning of the file names that clerks give it.
    pub(super) fn file_stem(self) -> &'static str {
        match self {
            Form::Institutions => "机构名册",
            Form::Population => "常住儿童统计表",
            Form::Enrollment => "在园幼儿月报",
            Form::Staffing => "教职工月报",
            Form::ChildcarePoints => "托幼点月报",
            Form::PartyOrganisations => "党组织情况表",
            Form::ExtendedCare => "延时服务情况表",
            Form::CommunityKindergartens => "小区配套园情况表",
        }
    }
}

/// The habits of one office: every form looks a little different, and all are right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// Headings and codes in words of its own (aliases of the contract).
    own_words: bool,
    /// Merges the cells of one kindergarten.
    merges: bool,
    /// A 小计 below each kindergarten (then never merged, and totals typed).
    subtotals: bool,
    /// Totals are `=SUM(…)`.
    formulas: bool,
    cover: bool,
    gap_rows: u32,
}

impl Habits {
    pub(super) fn of(unit: &str) -> Habits {
        let n = unit.bytes().filter(u8::is_ascii_digit).map(u32::from).sum::<u32>()
            + u32::from(unit == BUREAU);
        Habits {
            own_words: n % 5 == 1,
            merges: n % 4 == 2,
            subtotals: n % 7 == 3,
            formulas: n % 3 != 0,
            cover: n % 6 == 0,
            gap_rows: u32::from(n % 8 == 5),
        }
    }
}

/// An office that reports, with what it reports about.
pub(super) struct Office<'a> {
    pub code: &'static str,
    pub name: &'static str,
    pub institutions: Vec<&'a Institution>,
    pub residents: Option<&'a Residents>,
    habits: Habits,
}

impl Office<'_> {
    pub(super) fn is_bureau(&self) -> bool {
        self.code == BUREAU
    }
}

/// All offices that report, the bureau last.
pub(super) fn offices(world: &World) -> Vec<Office<'_>> {
    let reported_by = |code: &'static str| -> Vec<&Institution> {
        world.institutions.iter().filter(|inst| inst.reporter() == code).collect()
    };
    let mut offices: Vec<Office<'_>> = TOWNS
        .iter()
        .zip(&world.residents)
        .map(|(town, residents)| Office {
            code: town.code,
            name: town.name,
            institutions: reported_by(town.code),
            residents: Some(residents),
            habits: Habits::of(town.code),
        })
        .collect();
    offices.push(Office {
        code: BUREAU,
        name: "区教育局",
        institutions: reported_by(BUREAU),
        residents: None,
        habits: Habits::of(BUREAU),
    });
    offices
}

/// The form of an office; `month` is the month of the demo (of a yearly form, the first that its year
/// has in the campaign).
pub(super) fn fill(form: Form, office: &Office<'_>, month: usize) -> Sheet {
    match form {
        Form::Institutions => institutions(office, month),
        Form::Population => population(office, month),
        Form::Enrollment => enrollment(office, month),
        Form::Staffing => staffing(office, month),
        Form::ChildcarePoints => records::childcare_points(office, month),
        Form::PartyOrganisations => records::party_organisations(office, month),
        Form::ExtendedCare => records::extended_care(office, month),
        Form::CommunityKindergartens => records::community_kindergartens(office, month),
    }
}

pub(super) fn heading(office: &Office<'_>, usual: &str, own: &str) -> Heading {
    let name = if office.habits.own_words { own } else { usual };
    Heading { group: None, name: name.to_owned(), merge: false }
}

pub(super) fn under(group: &'static str, name: &str) -> Heading {
    Heading { group: Some(group), name: name.to_owned(), merge: false }
}

pub(super) fn blank_sheet(office: &Office<'_>, name: &str, title: String) -> Sheet {
    Sheet {
        name: name.to_owned(),
        title,
        subtitle: format!(
            "填报单位：{}　　填表人：（岗位）学前教育专干　　填报日期：　　{INVENTED}",
            office.name
        ),
        headings: Vec::new(),
        rows: Vec::new(),
        notes: vec![format!("注：本表为{INVENTED}，不反映任何单位的真实情况。")],
        cover: office.habits.cover,
        gap_rows: office.habits.gap_rows,
    }
}

/// Where it lies, as the clerk writes it: the town, or the park in it.
pub(super) fn place(inst: &Institution) -> Cell {
    Cell::text(inst.park.unwrap_or(inst.town.name))
}

pub(super) fn yes_no(yes: bool) -> Cell {
    Cell::text(if yes { "是" } else { "否" })
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
                yes_no(inst.is_central),
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

pub(super) fn sum_row(
    kind: RowKind,
    word: &str,
    n_words: usize,
    sums: &[u32],
    formulas: bool,
) -> Row {
    let mut cells = vec![Cell::text(word)];
    cells.resize(n_words, Cell::Blank);
    cells.extend(sums.iter().map(|n| if formulas { Cell::Sum(*n) } else { Cell::Number(*n) }));
    Row { kind, cells }
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

/// The town's name by its code, for file names.
pub(super) fn unit_name(code: &str) -> &'static str {
    TOWNS.iter().find(|town: &&Town| town.code == code).map_or("区教育局", |town| town.name)
}
