//! The bureau's monthly register of incidents and complaints: invented cases, without a name.

use jiff::civil::{Date, date};

use super::months;
use super::office::{Office, blank_sheet, data, date_cell, heading, say_nothing};
use super::sheet::{Cell, Sheet};
use super::world::{Kind, TOWNS, World};

/// What a case turned out to be, and when that was known.
#[derive(Clone, Copy)]
enum Verdict {
    True(Date),
    Untrue(Date),
    Open,
}

struct Case {
    kind: &'static str,
    occurred_on: Date,
    town: &'static str,
    grade: &'static str,
    verdict: Verdict,
    resolved_on: Option<Date>,
}

const fn case(kind: &'static str, occurred_on: Date, town: &'static str) -> Case {
    Case { kind, occurred_on, town, grade: "一般", verdict: Verdict::Open, resolved_on: None }
}

impl Case {
    const fn grave(mut self, grade: &'static str) -> Case {
        self.grade = grade;
        self
    }

    const fn found_true(mut self, on: Date) -> Case {
        self.verdict = Verdict::True(on);
        self
    }

    const fn found_untrue(mut self, on: Date) -> Case {
        self.verdict = Verdict::Untrue(on);
        self
    }

    const fn resolved(mut self, on: Date) -> Case {
        self.resolved_on = Some(on);
        self
    }
}

/// In the order of their numbers.
static CASES: &[Case] = &[
    case("安全责任事故", date(2023, 3, 14), "120114001")
        .found_true(date(2023, 3, 22))
        .resolved(date(2023, 3, 29)),
    case("收费投诉", date(2023, 4, 11), "120114114")
        .found_true(date(2023, 4, 25))
        .resolved(date(2023, 6, 2)),
    case("无证办园", date(2023, 5, 16), "120114103")
        .found_true(date(2023, 5, 23))
        .resolved(date(2023, 9, 20)),
    case("师德师风", date(2023, 6, 7), "120114003")
        .found_untrue(date(2023, 6, 19))
        .resolved(date(2023, 6, 21)),
    case("跨学期收费", date(2023, 9, 12), "120114005")
        .found_true(date(2023, 9, 20))
        .resolved(date(2023, 10, 17)),
    case("小学化", date(2023, 10, 10), "120114003")
        .found_true(date(2023, 10, 24))
        .resolved(date(2023, 12, 5)),
    // Thought to be serious; the inquiry found that it was none.
    case("安全责任事故", date(2023, 11, 8), "120114006")
        .grave("较大")
        .found_untrue(date(2024, 1, 18))
        .resolved(date(2024, 1, 18)),
    case("拖欠工资", date(2024, 1, 16), "120114114")
        .found_true(date(2024, 1, 24))
        .resolved(date(2024, 3, 8)),
    case("其他", date(2024, 3, 5), "120114110")
        .found_untrue(date(2024, 3, 12))
        .resolved(date(2024, 3, 14)),
    case("无证办园", date(2024, 3, 20), "120114108")
        .found_true(date(2024, 3, 27))
        .resolved(date(2024, 6, 13)),
    // Serious if it is true; after a month it is not.
    case("师德师风", date(2024, 4, 9), "120114002")
        .grave("较大")
        .found_untrue(date(2024, 6, 6))
        .resolved(date(2024, 6, 7)),
    case("收费投诉", date(2024, 5, 8), "120114001")
        .found_true(date(2024, 5, 16))
        .resolved(date(2024, 5, 30)),
    case("安全责任事故", date(2024, 9, 10), "120114104")
        .found_true(date(2024, 9, 19))
        .resolved(date(2024, 10, 25)),
    case("小学化", date(2024, 11, 6), "120114101"),
];

/// What happened in a month, what was resolved in it, and what was not yet resolved at its end.
pub(super) fn incidents(office: &Office<'_>, world: &World, month: usize) -> Sheet {
    let title = format!("武清区学前教育事件和投诉台账（{}）", months::label(month));
    let mut sheet = blank_sheet(office, "事件和投诉", title);
    sheet.headings = vec![
        heading(office, "事件编号", "受理编号"),
        heading(office, "事件类别", "事件类型"),
        heading(office, "发生日期", "受理日期"),
        heading(office, "所属镇街", "涉及镇街"),
        heading(office, "园所代码", "机构代码"),
        heading(office, "等级", "事件等级"),
        heading(office, "是否属实", "核查结论"),
        heading(office, "办结日期", "办结时间"),
    ];
    let (begins, ends) = (months::first_day(month), months::period(month).ends_on());
    for (n, case) in (1_u32..).zip(CASES) {
        let was_resolved = case.resolved_on.is_some_and(|on| on < begins);
        if case.occurred_on > ends || was_resolved {
            continue;
        }
        let validity = match case.verdict {
            Verdict::True(on) if on <= ends => "属实",
            Verdict::Untrue(on) if on <= ends => "不属实",
            _ => "核查中",
        };
        let town = TOWNS.iter().find(|town| town.code == case.town);
        // Of an unlicensed one there is no code.
        let inst = world.institutions.iter().find(|inst| {
            inst.town.code == case.town && inst.kind[month] == Kind::Other && inst.is_open(month)
        });
        let inst = inst.filter(|_| case.kind != "无证办园");
        sheet.rows.push(data(vec![
            Cell::text(format!("SL{}-{n:03}", case.occurred_on.year())),
            Cell::text(case.kind),
            Cell::Date(case.occurred_on),
            town.map_or(Cell::Blank, |town| Cell::text(town.name)),
            inst.map_or(Cell::Blank, |inst| Cell::text(&inst.code)),
            Cell::text(case.grade),
            Cell::text(validity),
            date_cell(case.resolved_on.filter(|on| *on <= ends)),
        ]));
    }
    if sheet.rows.is_empty() {
        say_nothing(&mut sheet);
    }
    sheet
}
