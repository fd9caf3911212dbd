//! A table of the document as a table of Word: repeated heading rows, merged headings, fixed widths.

use super::measure::{ems, length, number, roomy_ems};
use super::page::Orientation;
use super::props::{Face, Indent, Para, Run};
use super::styles;
use super::xml::{Element, el, val};
use crate::report::document::{Align, Cell, Column, Format, Row, Table};
use crate::report::headings::{self, HeadCell};
use crate::report::html::with_mark;

/// Sizes that may be tried, in half-points; the first at which no figure is broken is taken.
const PORTRAIT_SIZES: [i64; 2] = [styles::TABLE_SIZE, 18];
const LANDSCAPE_SIZES: [i64; 3] = [styles::TABLE_SIZE, 18, 16];

/// Behind a total or the district's own row.
const EMPHASIS_FILL: &str = "EBEBEB";

fn sizes(orientation: Orientation) -> &'static [i64] {
    match orientation {
        Orientation::Portrait => &PORTRAIT_SIZES,
        Orientation::Landscape => &LANDSCAPE_SIZES,
    }
}

/// Whether every figure of the table stays on one line on pages of this orientation.
pub(super) fn fits(table: &Table, orientation: Orientation) -> bool {
    fitting_size(&wishes(table), orientation).is_some()
}

/// The table itself; its caption and notes are paragraphs of their own.
pub(super) fn table(table: &Table, orientation: Orientation) -> Element {
    let wishes = wishes(table);
    let size = fitting_size(&wishes, orientation)
        .or_else(|| sizes(orientation).last().copied())
        .unwrap_or(styles::TABLE_SIZE);
    let weights: Vec<f64> = table.columns.iter().map(|column| column.weight.max(0.1)).collect();
    let widths = column_widths(&wishes, &weights, size, orientation.width());
    let layout = Layout { columns: &table.columns, widths: &widths, size };
    let properties = el("w:tblPr")
        .with(val("w:tblStyle", styles::TABLE))
        .with(el("w:tblW").num("w:w", widths.iter().sum()).attr("w:type", "dxa"))
        .with(val("w:jc", "center"))
        .with(el("w:tblLayout").attr("w:type", "fixed"))
        .with(
            el("w:tblLook")
                .attr("w:val", "0020")
                .attr("w:firstRow", "1")
                .attr("w:lastRow", "0")
                .attr("w:firstColumn", "0")
                .attr("w:lastColumn", "0")
                .attr("w:noHBand", "1")
                .attr("w:noVBand", "1"),
        )
        .with_all((!table.caption.is_empty()).then(|| val("w:tblCaption", table.caption.clone())));
    let grid = widths.iter().map(|width| el("w:gridCol").num("w:w", *width));
    el("w:tbl")
        .with(properties)
        .with(el("w:tblGrid").with_all(grid))
        .with_all(layout.head())
        .with_all(table.rows.iter().map(|row| layout.row(row)))
}

/// The notes under a table: `注：`, and a number each if there is more than one.
pub(super) fn notes(lines: &[String]) -> Vec<Element> {
    const EM: i64 = 10 * styles::TABLE_SIZE;
    let count = lines.len();
    let note = |(at, line): (usize, &String)| {
        let lead = if at == 0 { "注：" } else { "" };
        let mark = if count > 1 { format!("{}. ", at + 1) } else { String::new() };
        let mark_width = length(ems(&mark), EM);
        let hanging = if at == 0 { 2 * EM } else { 0 } + mark_width;
        let indent =
            Indent { left: Some(2 * EM + mark_width), hanging: Some(hanging), ..Indent::NONE };
        let before = (at == 0).then_some(60);
        let after = (at + 1 == count).then_some(290);
        Para { before, after, indent, ..Para::styled(styles::TABLE_NOTE) }
            .of([Run::PLAIN.of(&format!("{lead}{mark}{line}"))])
    };
    lines.iter().enumerate().map(note).collect()
}

struct Layout<'a> {
    columns: &'a [Column],
    widths: &'a [i64],
    /// Half-points.
    size: i64,
}

impl Layout<'_> {
    /// Only what differs from the style is said beside the text.
    fn run(&self) -> Run {
        Run { size: (self.size != styles::TABLE_SIZE).then_some(self.size), ..Run::PLAIN }
    }

    fn head(&self) -> Vec<Element> {
        let rows = headings::cells(self.columns);
        let all: Vec<&HeadCell> = rows.iter().flatten().collect();
        (0..rows.len()).map(|row| self.head_row(&all, row)).collect()
    }

    /// Every row of the grid has all its cells: one that reaches down goes on in the rows below.
    fn head_row(&self, all: &[&HeadCell], row: usize) -> Element {
        let mut cells: Vec<&&HeadCell> =
            all.iter().filter(|cell| (cell.row..cell.row + cell.n_rows).contains(&row)).collect();
        cells.sort_by_key(|cell| cell.column);
        let cells = cells.into_iter().map(|cell| {
            let begins = cell.row == row;
            let width = self.widths.iter().skip(cell.column).take(cell.n_columns).sum();
            let span = (cell.n_columns > 1).then(|| val("w:gridSpan", cell.n_columns.to_string()));
            let merge = match (cell.n_rows > 1, begins) {
                (false, _) => None,
                (true, true) => Some(val("w:vMerge", "restart")),
                (true, false) => Some(val("w:vMerge", "continue")),
            };
            let properties = el("w:tcPr")
                .with(el("w:tcW").num("w:w", width).attr("w:type", "dxa"))
                .with_all(span)
                .with_all(merge)
                .with(val("w:vAlign", "center"));
            let text = if begins { cell.text.as_str() } else { "" };
            let runs = (!text.is_empty()).then(|| self.run().of(text));
            el("w:tc").with(properties).with(Para::styled(styles::TABLE_HEAD).of(runs))
        });
        let properties = el("w:trPr").with(el("w:cantSplit")).with(el("w:tblHeader"));
        el("w:tr").with(properties).with_all(cells)
    }

    fn row(&self, row: &Row) -> Element {
        let cells =
            self.columns.iter().zip(self.widths).enumerate().map(|(at, (column, width))| {
                let fill = row.emphasis.then(|| {
                    el("w:shd")
                        .attr("w:val", "clear")
                        .attr("w:color", "auto")
                        .attr("w:fill", EMPHASIS_FILL)
                });
                let properties = el("w:tcPr")
                    .with(el("w:tcW").num("w:w", *width).attr("w:type", "dxa"))
                    .with_all(fill)
                    .with(val("w:vAlign", "center"));
                let style = match column.align {
                    Align::Left => styles::TABLE_TEXT,
                    Align::Center => styles::TABLE_CENTER,
                    Align::Right => styles::TABLE_NUMBER,
                };
                let runs = row.cells.get(at).and_then(|cell| self.cell_run(cell, row.emphasis));
                el("w:tc").with(properties).with(Para::styled(style).of(runs))
            });
        el("w:tr").with(el("w:trPr").with(el("w:cantSplit"))).with_all(cells)
    }

    fn cell_run(&self, cell: &Cell, emphasis: bool) -> Option<Element> {
        let text = with_mark(cell);
        let face = emphasis.then_some(Face::Hei);
        let run = Run { style: cell.light.map(styles::light), face, ..self.run() };
        (!text.is_empty()).then(|| run.of(&text))
    }
}

/// How wide a column must be and would like to be, in em.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wish {
    /// Figures stay on one line, names of up to six characters too (大王古庄镇 has five).
    need: f64,
    /// On one line, up to twenty characters.
    want: f64,
}

fn wishes(table: &Table) -> Vec<Wish> {
    let of_column = |(at, column): (usize, &Column)| {
        let leaf = column.heading.last().map_or(0.0, |text| roomy_ems(text));
        // A heading may take three lines, but never one character a line.
        let heading = (leaf / 3.0).ceil().max(2.0).min(leaf).max(1.5);
        let start = Wish { need: heading, want: leaf.min(8.0).max(heading) };
        table.rows.iter().filter_map(|row| row.cells.get(at)).fold(start, |widest, cell| {
            let mark = if cell.light.is_some() { 1.0 } else { 0.0 };
            let text = roomy_ems(&cell.text);
            let need = least(column.format, &cell.text);
            Wish {
                need: widest.need.max(mark + need),
                want: widest.want.max(mark + text.min(20.0)).max(mark + need),
            }
        })
    };
    table.columns.iter().enumerate().map(of_column).collect()
}

/// What must stay on one line: figures always, text with figures in it up to a written date
/// (2024年12月27日), names up to six characters.
fn least(format: Format, text: &str) -> f64 {
    let width = roomy_ems(text);
    let has_figures = text.contains(|c: char| c.is_ascii_digit());
    match format {
        Format::Text if has_figures && width <= 8.0 => width,
        Format::Text => width.min(6.0),
        _ => width,
    }
}

/// Twips that a column of that need takes, its rules included.
fn needed(need: f64, size: i64) -> f64 {
    const RULE: i64 = 20;
    need * em(size) + number(2 * styles::CELL_MARGIN + RULE)
}

/// Half-points to twips.
fn em(size: i64) -> f64 {
    number(10 * size)
}

fn fitting_size(wishes: &[Wish], orientation: Orientation) -> Option<i64> {
    let width = number(orientation.width());
    let fits =
        |size: &i64| wishes.iter().map(|wish| needed(wish.need, *size)).sum::<f64>() <= width;
    sizes(orientation).iter().copied().find(fits)
}

/// What each column gets of `spare`, by weight, but none more than it wishes.
fn shares(wishes: &[f64], weights: &[f64], spare: f64) -> Vec<f64> {
    let mut granted = vec![0.0; wishes.len()];
    let mut open: Vec<usize> = (0..wishes.len()).collect();
    let mut left = spare;
    while !open.is_empty() {
        let weight: f64 = open.iter().map(|at| weights[*at]).sum();
        let (full, more): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|at| wishes[**at] <= left * weights[**at] / weight);
        if full.is_empty() {
            for at in more {
                granted[at] = left * weights[at] / weight;
            }
            break;
        }
        for at in full {
            granted[at] = wishes[at];
            left -= wishes[at];
        }
        open = more;
    }
    granted
}

/// Needed widths first, then what long texts would like, then what is over, each by weight; together exactly
/// `width`. As `column-widths` of `page.typ` does it.
fn column_widths(wishes: &[Wish], weights: &[f64], size: i64, width: i64) -> Vec<i64> {
    let room = number(width);
    let needs: Vec<f64> = wishes.iter().map(|wish| needed(wish.need, size)).collect();
    let total: f64 = needs.iter().sum();
    let spare = room - total;
    let ideal: Vec<f64> = if spare <= 0.0 {
        needs.iter().map(|need| need / total * room).collect()
    } else {
        let wanted: Vec<f64> =
            wishes.iter().map(|wish| (wish.want - wish.need) * em(size)).collect();
        let granted = shares(&wanted, weights, spare);
        let rest = (spare - granted.iter().sum::<f64>()) / weights.iter().sum::<f64>();
        needs
            .iter()
            .zip(&granted)
            .zip(weights)
            .map(|((need, more), weight)| need + more + rest * weight)
            .collect()
    };
    // Rounded at the columns' edges, so that nothing is lost between them.
    let mut edge = 0.0;
    let mut before = 0;
    ideal
        .iter()
        .map(|wide| {
            edge += wide;
            #[expect(clippy::cast_possible_truncation, reason = "within a page's width")]
            let at = edge.round() as i64;
            let column = at - before;
            before = at;
            column
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_fill_the_page_and_follow_need_then_weight() {
        let wish = |need, want| Wish { need, want };
        let even = column_widths(&[wish(2.0, 2.0); 3], &[1.0, 1.0, 2.0], 21, 9000);
        assert_eq!(even.iter().sum::<i64>(), 9000);
        assert_eq!(even[0], even[1]);
        assert!(even[2] > even[0]);
        let tight = column_widths(&[wish(30.0, 60.0), wish(60.0, 60.0)], &[1.0, 1.0], 21, 9000);
        assert_eq!(tight.iter().sum::<i64>(), 9000);
        assert!(tight[1] > tight[0], "{tight:?}");
    }

    #[test]
    fn what_there_is_goes_by_weight_and_to_none_more_than_it_wishes() {
        assert_eq!(shares(&[100.0, 100.0], &[3.0, 1.0], 40.0), [30.0, 10.0]);
        // The first is full with 6: the others share what it leaves.
        assert_eq!(shares(&[6.0, 100.0, 100.0], &[3.0, 1.0, 2.0], 36.0), [6.0, 10.0, 20.0]);
        assert_eq!(shares(&[5.0, 0.0], &[1.0, 1.0], 40.0), [5.0, 0.0]);
    }
}
