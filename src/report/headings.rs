//! Headings of more than one level, as merged cells.

use super::document::Column;

/// A heading cell, with its place and how far it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadCell {
    pub text: String,
    pub row: usize,
    pub column: usize,
    pub n_rows: usize,
    pub n_columns: usize,
}

/// How many rows the headings of these columns take: at least one.
pub fn depth(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.heading.len()).max().unwrap_or(1).max(1)
}

/// The cells of the heading, row by row. Neighbours with the same path so far are one cell; a path
/// that ends early reaches down to the rows of data.
pub fn cells(columns: &[Column]) -> Vec<Vec<HeadCell>> {
    let depth = depth(columns);
    let mut rows = vec![Vec::new(); depth];
    for (row, cells) in rows.iter_mut().enumerate() {
        let mut column = 0;
        while column < columns.len() {
            let path = &columns[column].heading;
            let Some(text) = path.get(row) else {
                // Reached into from above; a column without any heading has one empty cell.
                if path.is_empty() && row == 0 {
                    cells.push(HeadCell {
                        text: String::new(),
                        row,
                        column,
                        n_rows: depth,
                        n_columns: 1,
                    });
                }
                column += 1;
                continue;
            };
            let ends = row + 1 == path.len();
            let same = |other: &&Column| {
                !ends && other.heading.len() > row + 1 && other.heading[..=row] == path[..=row]
            };
            let n_columns = 1 + columns[column + 1..].iter().take_while(same).count();
            let n_rows = if ends { depth - row } else { 1 };
            cells.push(HeadCell { text: text.clone(), row, column, n_rows, n_columns });
            column += n_columns;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::{Align, Format};

    fn column(path: &str) -> Column {
        Column {
            name: path.to_owned(),
            heading: path.split('/').map(str::to_owned).collect(),
            format: Format::Int,
            align: Align::Right,
            weight: 1.0,
        }
    }

    #[test]
    fn neighbours_under_one_heading_are_merged() {
        let columns = ["镇街", "公办园/人数", "公办园/占比", "合计", "公办园/位次"].map(column);
        let rows = cells(&columns);
        let found: Vec<(&str, usize, usize, usize)> =
            rows[0].iter().map(|c| (c.text.as_str(), c.column, c.n_rows, c.n_columns)).collect();
        assert_eq!(
            found,
            [("镇街", 0, 2, 1), ("公办园", 1, 1, 2), ("合计", 3, 2, 1), ("公办园", 4, 1, 1)]
        );
        let found: Vec<(&str, usize)> =
            rows[1].iter().map(|c| (c.text.as_str(), c.column)).collect();
        assert_eq!(found, [("人数", 1), ("占比", 2), ("位次", 4)]);
        assert_eq!(depth(&[column("甲")]), 1);
    }
}
