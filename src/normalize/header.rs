//! Finding a form's header where it stands, and which sheet column is which declared one.
//!
//! A header of several rows is read as a path a column (`幼儿数/合计`): a merged cell covers all its
//! columns and rows. Where a format tells no merged cells (text files, ods) a blank upper cell
//! repeats the one to its left. Paths are compared without their slashes, so that `幼儿数合计` in one
//! row is the same header.

use std::collections::HashMap;

use super::findings::{Collector, Says, clip};
use super::value::without_enumerator;
use super::workbook::{Cell, Entry, Sheet};
use crate::config::contract::{Contract, Layout};
use crate::model::{Place, fold};

/// Rows of a sheet, counted by those that are not blank, among which a header is looked for.
const SEARCH_ROWS: usize = 300;

/// The declared headers of one layout, ready to be compared.
pub(super) struct Keys<'a> {
    contract: &'a Contract,
    layout: &'a Layout,
    /// Folded path without slashes → column.
    paths: HashMap<String, usize>,
    /// Every part of every path: a row without any of them is no header.
    parts: std::collections::HashSet<String>,
    drop: Vec<String>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(contract: &'a Contract, layout: &'a Layout) -> Keys<'a> {
        let mut paths = HashMap::new();
        let mut parts = std::collections::HashSet::new();
        for (i, column) in contract.columns.iter().enumerate() {
            if layout.is_given(i) {
                continue;
            }
            let declared: Vec<&String> = match layout.headers.get(&i) {
                Some(paths) => paths.iter().collect(),
                None => std::iter::once(&column.header).chain(&column.aliases).collect(),
            };
            for path in declared {
                paths.insert(key(&path.replace('/', "")), i);
                for part in path.split('/') {
                    parts.insert(key(part));
                }
                parts.insert(key(&path.replace('/', "")));
            }
        }
        let drop = contract.drop.iter().map(|name| key(&name.replace('/', ""))).collect();
        Keys { contract, layout, paths, parts, drop }
    }

    pub(super) fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// Whether the layout is one row a respondent.
    fn counts_answers(&self) -> bool {
        self.layout.tally.as_ref().is_some_and(|tally| tally.questions.is_some())
    }

    /// Whether a header is a question whose answers are counted: what it asks.
    fn question(&self, path: &str) -> Option<String> {
        let pattern = self.layout.tally.as_ref()?.questions.as_ref()?;
        if self.is_dropped(path) {
            return None;
        }
        let captures = pattern.captures(path)?;
        let question = captures.name("question").or_else(|| captures.get(0))?;
        Some(question.as_str().to_owned())
    }

    /// A dropped column is known: by its whole path or by the last part of it.
    fn is_dropped(&self, path: &str) -> bool {
        let is = |text: &str| self.drop.iter().any(|name| name == text);
        let leaf = path.rsplit('/').next().unwrap_or(path);
        is(&key(path))
            || is(leaf)
            || self.layout.tally.is_some() && is(without_enumerator(&key(path)))
    }

    /// Whether a text of a row makes the row worth a look.
    fn hints(&self, text: &str) -> bool {
        let bare = text.split('(').next().unwrap_or_default();
        self.parts.contains(text)
            || self.parts.contains(bare)
            || self.layout.tally.is_some()
                && (self.parts.contains(without_enumerator(text)) || self.question(text).is_some())
    }

    /// The column of a path; a unit of measure in brackets is the declared one or no match.
    fn find(&self, path: &str) -> Option<usize> {
        if let Some(&index) = self.paths.get(path) {
            return Some(index);
        }
        if self.layout.tally.is_some()
            && let Some(&index) = self.paths.get(without_enumerator(path))
        {
            return Some(index);
        }
        let (bare, unit) = path.strip_suffix(')')?.rsplit_once('(')?;
        let &index = self.paths.get(bare)?;
        let measure = self.contract.columns[index].measure.as_deref().map(fold)?;
        let fits = unit == measure || (measure == "人" && matches!(unit, "名" | "个" | "人数"));
        fits.then_some(index)
    }
}

/// A header's text as it is compared: folded, without the marks of a required field.
fn key(text: &str) -> String {
    let folded = fold(text);
    folded.trim_matches(['*', ':', '＊']).replace('/', "")
}

/// A header that was found.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) first_row: u32,
    /// The row under which data begins.
    pub(super) last_row: u32,
    /// Sheet column → declared column.
    pub(super) columns: Vec<Option<usize>>,
    /// Declared column → sheet column.
    pub(super) places: Vec<Option<u32>>,
    /// Sheet columns that mean a declared column a second time.
    twice: Vec<(u32, usize)>,
    /// Sheet columns with answers to a question, and what it asks.
    pub(super) questions: Vec<(u32, String)>,
    /// Sheet columns with a header that is not declared.
    unknown: Vec<(u32, String)>,
    n_required_missing: usize,
    n_found: usize,
}

impl Header {
    pub(super) fn is_complete(&self) -> bool {
        self.n_required_missing == 0
    }

    /// Whether a sheet column has a header, declared or not.
    pub(super) fn names(&self, col: u32) -> bool {
        self.columns.get(col as usize).is_some_and(Option::is_some)
            || self.unknown.iter().any(|(unknown, _)| *unknown == col)
            || self.twice.iter().any(|(twice, _)| *twice == col)
            || self.questions.iter().any(|(question, _)| *question == col)
    }

    /// Better fits sort later: by required columns that are there, then by columns found.
    pub(super) fn score(&self) -> (isize, usize) {
        (-isize::try_from(self.n_required_missing).unwrap_or(isize::MAX), self.n_found)
    }

    /// Whether so little of the form is there that this is another form.
    pub(super) fn is_hopeless(&self, contract: &Contract) -> bool {
        let required = contract.columns.iter().filter(|column| column.required).count();
        self.n_found == 0 || self.n_found * 3 < required
    }
}

/// The best header of a sheet, if any row looks like one.
pub(super) fn find(sheet: &Sheet, keys: &Keys<'_>) -> Option<Header> {
    let n = sheet.n_rows().min(SEARCH_ROWS);
    let hits: Vec<usize> = (0..n)
        .map(|i| {
            let texts = sheet.nth_row(i).iter().filter_map(|entry| match &entry.cell {
                // A header is short; a paragraph of instructions is not.
                Cell::Text(text) if text.len() <= 200 => Some(key(text)),
                _ => None,
            });
            texts.filter(|text| keys.hints(text)).count()
        })
        .collect();
    let mut best: Option<Header> = None;
    for i in (0..n).filter(|&i| hits[i] > 0) {
        let first_row = sheet.nth_row(i)[0].row;
        for depth in 1..=keys.layout.header_rows {
            // A window over rows without any header text below the first is a shallower header.
            let header = read(sheet, keys, first_row, depth);
            if header.n_found > 0 && best.as_ref().is_none_or(|best| header.score() > best.score())
            {
                best = Some(header);
            }
        }
    }
    best
}

/// Reads `depth` rows from `first_row` as a header.
fn read(sheet: &Sheet, keys: &Keys<'_>, first_row: u32, depth: u32) -> Header {
    let last_row = first_row + depth - 1;
    let rows: Vec<&[Entry]> = (first_row..=last_row).map(|row| sheet.row(row)).collect();
    let merges: Merges = sheet
        .merges
        .iter()
        .filter(|m| m.first_row <= last_row && m.last_row >= first_row)
        .map(|m| ((m.first_row, m.first_col), m.last_col))
        .collect();
    let width =
        rows.iter().filter_map(|row| row.last()).map(|entry| entry.col + 1).max().unwrap_or(0);
    let own = path_rows(&rows, first_row, width, &merges, Spread::Merged);
    let spread = path_rows(&rows, first_row, width, &merges, Spread::Right);
    let mut header = Header {
        first_row,
        last_row,
        columns: vec![None; width as usize],
        places: vec![None; keys.contract.columns.len()],
        twice: Vec::new(),
        questions: Vec::new(),
        unknown: Vec::new(),
        n_required_missing: 0,
        n_found: 0,
    };
    let mut open: Vec<u32> = Vec::new();
    for col in 0..width {
        let path = &own[col as usize];
        match keys.find(&path.concat()) {
            Some(index) => header.take(col, index),
            None if !path.is_empty() => open.push(col),
            None => {}
        }
    }
    for col in open {
        let path = spread[col as usize].concat();
        match keys.find(&path).filter(|&index| header.places[index].is_none()) {
            Some(index) => header.take(col, index),
            None => match keys.question(&own[col as usize].concat()) {
                Some(question) => header.questions.push((col, question)),
                None => header.unknown.push((col, own[col as usize].join("/"))),
            },
        }
    }
    header.n_found = header.places.iter().flatten().count() + header.questions.len();
    header.n_required_missing = keys
        .contract
        .columns
        .iter()
        .zip(&header.places)
        .enumerate()
        .filter(|(i, (column, place))| {
            column.required && place.is_none() && !keys.layout.is_given(*i)
        })
        .count();
    if keys.counts_answers() && header.questions.is_empty() {
        header.n_required_missing += 1;
    }
    header
}

impl Header {
    fn take(&mut self, col: u32, index: usize) {
        if self.places[index].is_some() {
            self.twice.push((col, index));
        } else {
            self.places[index] = Some(col);
            self.columns[col as usize] = Some(index);
        }
    }
}

/// Where a merged region begins → its last column.
type Merges = HashMap<(u32, u32), u32>;

/// How an upper cell covers the columns to its right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    Merged,
    /// A blank upper cell repeats the one to its left.
    Right,
}

/// For each sheet column the parts of its header path, from above.
fn path_rows(
    rows: &[&[Entry]],
    first_row: u32,
    width: u32,
    merges: &Merges,
    spread: Spread,
) -> Vec<Vec<String>> {
    let mut paths: Vec<Vec<String>> = vec![Vec::new(); width as usize];
    for (level, cells) in rows.iter().enumerate() {
        let is_leaf = level + 1 == rows.len();
        let row = first_row + u32::try_from(level).unwrap_or(0);
        for (i, entry) in cells.iter().enumerate() {
            let text = key(&entry.cell.display());
            let merged = merges.get(&(row, entry.col)).copied();
            let last = match (merged, spread) {
                (Some(last), _) => last,
                (None, Spread::Right) if !is_leaf => {
                    cells.get(i + 1).map_or(width, |next| next.col).saturating_sub(1)
                }
                _ => entry.col,
            };
            for col in entry.col..=last.min(width.saturating_sub(1)) {
                paths[col as usize].push(text.clone());
            }
        }
    }
    paths
}

/// Says what is wrong with a header: missing, renamed, twice, unknown.
pub(super) fn say(header: &Header, keys: &Keys<'_>, sheet: &Sheet, findings: &mut Collector) {
    let columns = &keys.contract.columns;
    let name = sheet.name();
    let mut unknown: Vec<&(u32, String)> =
        header.unknown.iter().filter(|(_, path)| !keys.is_dropped(path)).collect();
    for (index, column) in columns.iter().enumerate() {
        if !column.required || header.places[index].is_some() || keys.layout.is_given(index) {
            continue;
        }
        let declared = keys.layout.headers.get(&index).and_then(|paths| paths.first());
        let expected = declared.unwrap_or(&column.header);
        let nearest = nearest_header(expected, &column.aliases, &unknown);
        let says = Says::error("header.missing").expected(format!("应有一列“{expected}”"));
        match nearest {
            Some(at) => {
                let (col, path) = unknown.remove(at);
                let read = format!("没有“{expected}”，相近的表头是“{}”", clip(path));
                let fix = format!("如果就是这一列，请把表头改回“{expected}”");
                findings.say(Place::cell(name, header.last_row, *col), says.read(read).fix(fix));
            }
            None => findings.say(
                Place::cell(name, header.last_row, 0),
                says.read(format!("没有“{expected}”这一列")).fix("请使用下发的表格，不要删改表头"),
            ),
        }
    }
    if keys.counts_answers() && header.questions.is_empty() {
        findings.say(
            Place::cell(name, header.last_row, 0),
            Says::error("header.no_questions")
                .read("没有一列是要统计的题目")
                .expected("问卷各题各占一列，表头为题目原文")
                .fix("请使用问卷平台导出的答卷明细（按选项文本导出），不要删改表头"),
        );
    }
    for &(col, index) in &header.twice {
        let first = header.places[index].unwrap_or(0);
        let other = Place::cell(None, header.last_row, first).a1().unwrap_or_default();
        findings.say(
            Place::cell(name, header.last_row, col),
            Says::error("header.twice")
                .read(format!("“{}”这一列出现了两次，另一处在 {other}", columns[index].label()))
                .expected("每一列只出现一次")
                .fix("请删去多余的一列"),
        );
    }
    if let Some((col, _)) = unknown.first() {
        let names: Vec<String> = unknown.iter().take(8).map(|(_, path)| clip(path)).collect();
        let more =
            if unknown.len() > 8 { format!("等 {} 列", unknown.len()) } else { String::new() };
        findings.say(
            Place::cell(name, header.last_row, *col),
            Says::note("header.extra")
                .read(format!("多出的列：{}{more}", names.join("、")))
                .expected("这些列不在规定的表格里，没有读取"),
        );
    }
}

/// Which of the unknown headers is most like a missing one.
fn nearest_header(expected: &str, aliases: &[String], unknown: &[&(u32, String)]) -> Option<usize> {
    let wanted: Vec<String> = std::iter::once(expected)
        .chain(aliases.iter().map(String::as_str))
        .map(|name| key(&name.replace('/', "")))
        .collect();
    unknown
        .iter()
        .enumerate()
        .map(|(i, (_, path))| {
            let path = key(&path.replace('/', ""));
            let score = wanted
                .iter()
                .map(|name| {
                    let near = strsim::normalized_damerau_levenshtein(name, &path);
                    let contains = path.contains(name.as_str())
                        || (path.chars().count() > 1 && name.contains(&path));
                    if contains { near.max(0.6) } else { near }
                })
                .fold(0.0, f64::max);
            (score, i)
        })
        .filter(|(score, _)| *score >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, i)| i)
}
