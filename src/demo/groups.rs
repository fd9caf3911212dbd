//! What the eight groups did each term: a 直属园 and the three 镇 that it helps, in six fields.

use jiff::ToSpan;

use super::months;
use super::office::{Office, blank_sheet, data, heading, sum_row};
use super::prng::Prng;
use super::sheet::{Cell, RowKind, Sheet};
use super::world::TOWNS;
use crate::model::{Frequency, Period};

const FIELDS: [&str; 6] = ["办园方向", "师资培训", "干部培养", "园本教研", "课程构建", "园内管理"];
const SORTS: [&str; 7] =
    ["专题讲座", "观摩展示", "入园指导", "联合教研", "跟岗学习", "送教交流", "其他"];

/// Where a group does nothing: group and field (counted from 0) in terms of the campaign (from 0). The
/// first is taken up in the third term; the others in the second.
const IDLE: [(usize, usize, usize); 5] = [(4, 4, 0), (4, 4, 1), (7, 0, 0), (7, 5, 0), (2, 2, 0)];
/// A town that the first term's activities pass by.
const PASSED_BY: &str = "120114124";

/// The activities of the term that ends with a month, one row a helped town.
pub(super) fn group_activities(office: &Office<'_>, month: usize) -> Sheet {
    let term = Period::containing(Frequency::Term, months::first_day(month));
    let title = format!("武清区八组团帮扶活动统计表（{}）", term.label());
    let mut sheet = blank_sheet(office, "组团帮扶", title);
    sheet.headings = vec![
        heading(office, "受助镇", "受帮扶镇"),
        heading(office, "领域", "帮扶领域"),
        heading(office, "活动日期", "开展日期"),
        heading(office, "活动内容类别", "活动类别"),
        heading(office, "参加人数", "参加教师数"),
    ];
    // More as the campaign goes on: percent of the groups that meet twice over one field.
    let often = match term {
        Period::Term { start: 2022, .. } => 40,
        Period::Term { start: 2023, term: 1 } => 50,
        _ => 60,
    };
    let n_term = months::TERM_ENDS.iter().position(|end| *end == month).unwrap_or(0);
    // Of a term the months in which kindergartens are open.
    let first_month = if term.starts_on().month() == 9 { 9 } else { 3 };
    let towns: Vec<_> = TOWNS.iter().filter(|town| !town.is_street()).collect();
    let mut all = 0;
    for (group, helped) in towns.chunks(3).enumerate() {
        for (field, name) in FIELDS.iter().enumerate() {
            if IDLE.contains(&(group, field, n_term)) {
                continue;
            }
            let mut rng = Prng::for_subject(&format!("group/{group}/{field}/{term}"));
            let n_activities = if rng.chance(often) { 2 } else { 1 };
            for n in 0..n_activities {
                let days = rng.between(0, 50) + 55 * n;
                let from = term.starts_on().with().month(first_month).build();
                let on = from.and_then(|day| day.checked_add(i64::from(days).days()));
                let held_on = months::workday_after(on.unwrap_or(term.starts_on()), 1);
                let sort = *rng.pick(&SORTS);
                for town in helped {
                    let participants = rng.between(6, 40);
                    let is_passed_by = n_term == 0 && town.code == PASSED_BY;
                    if is_passed_by || (n > 0 && participants < 20) {
                        continue;
                    }
                    sheet.rows.push(data(vec![
                        Cell::text(town.name),
                        Cell::text(*name),
                        Cell::Date(held_on),
                        Cell::text(sort),
                        Cell::Number(participants),
                    ]));
                    all += participants;
                }
            }
        }
    }
    sheet.rows.push(sum_row(RowKind::Total, "合计", 4, &[all], false));
    sheet
}
