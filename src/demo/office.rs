//! The offices that report, each with its habits, and what all their forms have in common.

use jiff::civil::Date;

use super::sheet::{Cell, Heading, INVENTED, Row, RowKind, Sheet};
use super::world::{BUREAU, Institution, Residents, TOWNS, Town, World};

/// The habits of one office: every form looks a little different, and all are right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// Headings and codes in words of its own (aliases of the contract).
    pub(super) own_words: bool,
    /// Merges the cells of one kindergarten.
    pub(super) merges: bool,
    /// A 小计 below each kindergarten (then never merged, and totals typed).
    pub(super) subtotals: bool,
    /// Totals are `=SUM(…)`.
    pub(super) formulas: bool,
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
    pub(super) habits: Habits,
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

/// A row of data.
pub(super) fn data(cells: Vec<Cell>) -> Row {
    Row { kind: RowKind::Data, cells }
}

/// A day, or nothing yet.
pub(super) fn date_cell(day: Option<Date>) -> Cell {
    day.map_or(Cell::Blank, Cell::Date)
}

/// Where a form has nothing to tell.
pub(super) const NOTHING: &str = "无";

pub(super) fn say_nothing(sheet: &mut Sheet) {
    let mut cells = vec![Cell::text(NOTHING)];
    cells.resize(sheet.headings.len(), Cell::Blank);
    sheet.rows.push(data(cells));
}

pub(super) fn yes_no(yes: bool) -> Cell {
    Cell::text(if yes { "是" } else { "否" })
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

/// The town's name by its code, for file names.
pub(super) fn unit_name(code: &str) -> &'static str {
    TOWNS.iter().find(|town: &&Town| town.code == code).map_or("区教育局", |town| town.name)
}

/// The 镇街 that publish their files on a server instead of sending them: every second one.
pub(super) fn published_units() -> impl Iterator<Item = &'static str> {
    TOWNS.iter().skip(1).step_by(2).map(|town| town.code)
}
