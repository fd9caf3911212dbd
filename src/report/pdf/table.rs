//! Heading cells and column widths of a printed table.

use serde::Serialize;

use crate::report::document::{Column, Format, Table};

/// One cell of the heading: spans in columns and rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct HeadingCell {
    text: String,
    colspan: usize,
    rowspan: usize,
}

/// Heading rows, top first. Neighbours with the same path so far share a cell; a short path reaches down.
pub(super) fn header(columns: &[Column]) -> Vec<Vec<HeadingCell>> {
    let depth = columns.iter().map(|column| column.heading.len()).max().unwrap_or(0).max(1);
    (0..depth)
        .map(|row| {
            let mut cells = Vec::new();
            let mut at = 0;
            while at < columns.len() {
                let path = &columns[at].heading;
                let is_leaf = path.len() <= row + 1;
                if is_leaf {
                    // A leaf of an upper row reaches down here and is not set again.
                    if path.len() == row + 1 || (row == 0 && path.is_empty()) {
                        let text = path.last().cloned().unwrap_or_default();
                        cells.push(HeadingCell { text, colspan: 1, rowspan: depth - row });
                    }
                    at += 1;
                } else {
                    let same = columns[at..]
                        .iter()
                        .take_while(|column| {
                            column.heading.len() > row + 1 && column.heading[..=row] == path[..=row]
                        })
                        .count();
                    cells.push(HeadingCell { text: path[row].clone(), colspan: same, rowspan: 1 });
                    at += same;
                }
            }
            cells
        })
        .collect()
}

/// How wide a column must be and would like to be, in em.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Width {
    /// Figures stay on one line, names of up to six characters too (大王古庄镇 has five).
    need: f64,
    /// On one line, up to twenty characters.
    want: f64,
}

pub(super) fn widths(table: &Table) -> Vec<Width> {
    table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let leaf = column.heading.last().map_or(0.0, |text| width(text));
            // A heading may take three lines, but never one character a line.
            let heading = (leaf / 3.0).ceil().max(2.0).min(leaf).max(1.5);
            let start = Width { need: heading, want: leaf.min(8.0).max(heading) };
            table.rows.iter().filter_map(|row| row.cells.get(at)).fold(start, |widest, cell| {
                let mark = if cell.light.is_some() { 1.3 } else { 0.0 };
                let text = width(&cell.text);
                let need = if column.format == Format::Text { text.min(6.0) } else { text };
                Width {
                    need: widest.need.max(mark + need),
                    want: widest.want.max(mark + text.min(20.0)).max(mark + need),
                }
            })
        })
        .collect()
}

/// In em: Latin letters and figures take about half of a square.
fn width(text: &str) -> f64 {
    text.chars().map(|c| if c.is_ascii() { 0.56 } else { 1.0 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::Align;

    fn columns(paths: &[&[&str]]) -> Vec<Column> {
        paths
            .iter()
            .map(|path| Column {
                name: String::new(),
                heading: path.iter().map(|part| (*part).to_owned()).collect(),
                format: Format::Text,
                align: Align::Left,
                weight: 1.0,
            })
            .collect()
    }

    fn drawn(paths: &[&[&str]]) -> Vec<String> {
        header(&columns(paths))
            .iter()
            .map(|row| {
                let cells = row.iter().map(|c| format!("{} {}x{}", c.text, c.colspan, c.rowspan));
                cells.collect::<Vec<_>>().join(" | ")
            })
            .collect()
    }

    #[test]
    fn neighbours_with_the_same_first_part_share_a_cell_and_short_paths_reach_down() {
        assert_eq!(
            drawn(&[&["镇街"], &["公办园", "人数"], &["公办园", "占比"], &["备注"]]),
            ["镇街 1x2 | 公办园 2x1 | 备注 1x2", "人数 1x1 | 占比 1x1"]
        );
    }

    #[test]
    fn equal_parts_that_are_no_neighbours_stay_apart() {
        assert_eq!(
            drawn(&[&["甲", "a"], &["乙"], &["甲", "b"]]),
            ["甲 1x1 | 乙 1x2 | 甲 1x1", "a 1x1 | b 1x1"]
        );
    }

    #[test]
    fn a_plain_heading_has_one_row_even_if_two_columns_have_one_name() {
        assert_eq!(drawn(&[&["人数"], &["人数"]]), ["人数 1x1 | 人数 1x1"]);
        assert_eq!(drawn(&[&[]]), [" 1x1"]);
    }
}
