//! The monthly form of childcare points.

use jiff::civil::Date;

use super::months::{self, N_MONTHS};
use super::office::{
    NOTHING, Office, blank_sheet, data, date_cell, heading, say_nothing, sum_row, yes_no,
};
use super::prng::Prng;
use super::sheet::{Cell, RowKind, Sheet};
use super::world::Institution;

/// What becomes of a childcare point: all are reviewed again; the unfit are rectified, handed to
/// others or closed.
struct Fate {
    /// Month of the review.
    reviewed: usize,
    is_fit: bool,
    /// First month after the hazards were removed.
    rectified: usize,
    is_closed: bool,
    /// Handed to a kindergarten as a whole.
    is_merged: bool,
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
        let is_closed = rng.chance(60);
        let fate = Fate { reviewed, is_fit, rectified, is_closed, is_merged: rng.chance(35), day };
        if point.open_from == 0 {
            return fate;
        }
        // One that was filed after the plan forbade it: found out, and closed.
        let found = point.closed_from.unwrap_or(N_MONTHS).saturating_sub(2);
        Fate { reviewed: found, is_fit: false, is_closed: true, ..fate }
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
            (false, _) if point.open_from > 0 => "重新备案",
            (false, _) => "原备案",
            (true, true) => "重新备案",
            (true, false) => "不予备案",
        };
        let review = match (is_reviewed, is_right) {
            (false, _) if point.open_from > 0 => "合格",
            (false, _) => "未复审",
            (true, true) => "合格",
            (true, false) if point.closed_from.is_some() => "不合格",
            (true, false) => "限期整改",
        };
        // Hazards are to be removed within three months.
        let deadline = has_hazard.then(|| fate.reviewed + 3).filter(|month| *month < N_MONTHS);
        let (disposal, disposed) = match (is_gone, is_right && !fate.is_fit) {
            (true, _) if fate.is_closed => ("取缔", Some(month)),
            (true, _) => (if fate.is_merged { "合并" } else { "转办" }, Some(month)),
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
