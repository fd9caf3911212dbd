//! Collecting findings: all of them, but a column that is wrong from top to bottom is one problem.

use std::collections::HashMap;

use crate::model::{Finding, Place, Severity};

/// How often one problem is said for one column before it is said once for all.
const MOST_PROBLEMS: u32 = 50;
/// Notes ask for nothing: a handful shows the pattern.
const MOST_NOTES: u32 = 5;
/// Characters of what was read that are repeated to the clerk.
const MOST_READ: usize = 60;

/// A column of a sheet that has one kind of problem.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Spot {
    code: String,
    severity: Severity,
    sheet: Option<String>,
    col: u32,
}

#[derive(Debug)]
struct Flood {
    count: u32,
    /// The first one's place in the list.
    first: usize,
    last_row: u32,
}

/// The findings of one file, in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Collector {
    findings: Vec<Option<Finding>>,
    spots: HashMap<Spot, Flood>,
    /// Problems of a cell, by list index, for collapsing.
    of_spot: HashMap<Spot, Vec<usize>>,
    n_errors: usize,
}

/// What a finding says, before it has a place.
pub(super) struct Says {
    pub(super) code: String,
    pub(super) severity: Severity,
    pub(super) read: String,
    pub(super) expected: String,
    pub(super) fix: String,
}

impl Says {
    pub(super) fn error(code: impl Into<String>) -> Says {
        Says::new(code, Severity::Error)
    }

    pub(super) fn confirm(code: impl Into<String>) -> Says {
        Says::new(code, Severity::Confirm)
    }

    pub(super) fn note(code: impl Into<String>) -> Says {
        Says { fix: "无需处理".to_owned(), ..Says::new(code, Severity::Note) }
    }

    pub(super) fn new(code: impl Into<String>, severity: Severity) -> Says {
        Says {
            code: code.into(),
            severity,
            read: String::new(),
            expected: String::new(),
            fix: String::new(),
        }
    }

    pub(super) fn read(mut self, text: impl AsRef<str>) -> Says {
        self.read = clip(text.as_ref());
        self
    }

    pub(super) fn expected(mut self, text: impl Into<String>) -> Says {
        self.expected = text.into();
        self
    }

    pub(super) fn fix(mut self, text: impl Into<String>) -> Says {
        self.fix = text.into();
        self
    }

    fn at(self, place: Place) -> Finding {
        Finding {
            code: self.code,
            severity: self.severity,
            place,
            read: self.read,
            expected: self.expected,
            fix: self.fix,
        }
    }
}

/// What was read, short enough to quote.
pub(super) fn clip(text: &str) -> String {
    let text = text.replace(['\n', '\r', '\t'], " ");
    if text.chars().count() <= MOST_READ {
        return text;
    }
    let mut short: String = text.chars().take(MOST_READ).collect();
    short.push('…');
    short
}

impl Collector {
    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.push(finding);
        }
    }

    fn push(&mut self, finding: Finding) {
        self.n_errors += usize::from(finding.severity == Severity::Error);
        self.findings.push(Some(finding));
    }

    pub(super) fn has_errors(&self) -> bool {
        self.n_errors > 0
    }

    /// A problem of the file or a sheet, or one that stands alone.
    pub(super) fn say(&mut self, place: Place, says: Says) {
        self.push(says.at(place));
    }

    /// A problem of a cell, of which its column may have many.
    pub(super) fn say_of_cell(&mut self, sheet: Option<&str>, row: u32, col: u32, says: Says) {
        let spot = Spot {
            code: says.code.clone(),
            severity: says.severity,
            sheet: sheet.map(str::to_owned),
            col,
        };
        let most = if says.severity == Severity::Note { MOST_NOTES } else { MOST_PROBLEMS };
        let index = self.findings.len();
        let flood = self.spots.entry(spot.clone()).or_insert(Flood {
            count: 0,
            first: index,
            last_row: row,
        });
        flood.count += 1;
        flood.last_row = row;
        if flood.count <= most {
            self.of_spot.entry(spot).or_default().push(index);
            self.push(says.at(Place::cell(sheet, row, col)));
        }
    }

    /// A rule of the contract that a cell breaks: its code is `rule.` and the rule's id.
    pub(super) fn say_of_rule(
        &mut self,
        sheet: Option<&str>,
        row: u32,
        col: u32,
        rule: &str,
        mut says: Says,
    ) {
        says.code = format!("rule.{rule}");
        self.say_of_cell(sheet, row, col, says);
    }

    /// All findings; where a column had too many of one kind, the first of them speaks for all.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        for (spot, flood) in &self.spots {
            let most = if spot.severity == Severity::Note { MOST_NOTES } else { MOST_PROBLEMS };
            if flood.count <= most {
                continue;
            }
            for &index in self.of_spot.get(spot).into_iter().flatten().skip(1) {
                self.findings[index] = None;
            }
            if let Some(first) = &mut self.findings[flood.first] {
                let from = first.place.cell.map_or(0, |(row, _)| row);
                first.read = format!(
                    "第 {} 行至第 {} 行这一列共 {} 处，第一处为“{}”",
                    from + 1,
                    flood.last_row + 1,
                    flood.count,
                    first.read
                );
            }
        }
        self.findings.into_iter().flatten().collect()
    }
}
