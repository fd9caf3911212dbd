//! The typed document: all that the renderers see.
//!
//! Markdown is the authors' syntax only. A template becomes a [`Document`]; HTML, plain text, PDF
//! and XLSX are made from it, each by a pure function, so that the four never differ in a digit.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthStr;

use crate::model::Light;

/// One report, complete: nothing in it is looked up later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub title: String,
    /// 主送: to whom the paper is addressed, as printed after the title; empty if to nobody.
    pub addressees: String,
    /// 署名: who signs.
    pub signature: String,
    /// 成文日期.
    pub dated_on: Option<Date>,
    /// 文号, such as 武学前督〔2024〕4号; empty if none.
    pub doc_number: String,
    /// 版记: lines such as 抄送 and 印发; empty if none.
    pub imprint: Vec<String>,
    /// One line under the title of mail and workbook: span of the data, as-of, edition.
    pub subtitle: String,
    pub blocks: Vec<Block>,
}

impl Document {
    /// The list of attachments, after which the signature stands.
    pub fn attachment_list(&self) -> Option<usize> {
        self.blocks.iter().position(|block| matches!(block, Block::AttachmentList(_)))
    }

    /// The paragraph or list item that goes along when the signature goes over to the next page, as no page has the
    /// signature alone (GB/T 9704-2012, 7.3.5.4): the last before it, if a page (of 22 lines of 28 characters, 5.2.3) has room
    /// for both and the list of attachments between them. Longer words stay as they fall: moved as a whole they would
    /// leave the page before them empty.
    pub fn last_words(&self) -> Option<usize> {
        const LINES: usize = 22;
        const PER_LINE: usize = 28;
        if self.signature.is_empty() && self.dated_on.is_none() {
            return None;
        }
        let list = self.attachment_list();
        let last = list.unwrap_or(self.blocks.len()).checked_sub(1)?;
        let (Block::Para(content) | Block::ListItem { content, .. }) = &self.blocks[last] else {
            return None;
        };
        // In half characters, with the two squares that a paragraph is indented by.
        let n_lines =
            |indent: usize, text: &str| (2 * indent + text.width()).div_ceil(2 * PER_LINE).max(1);
        let words = plain(content);
        let names = match list.map(|list| &self.blocks[list]) {
            // A line between, then a line or more a name, after 附件：1. and its indent.
            Some(Block::AttachmentList(names)) => {
                1 + names.iter().map(|name| n_lines(7, name)).sum::<usize>()
            }
            _ => 0,
        };
        // A heading that goes along, a line between, the signature and the date.
        let n_lines = 1 + n_lines(2, &words) + names + 3;
        (n_lines <= LINES).then_some(last)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "block", rename_all = "snake_case")]
pub enum Block {
    /// Level 1–4. Numbering (一、 (一) 1. (1)) is made by [`numbered`](Heading::number), not typed by the author.
    Heading(Heading),
    Para(Vec<Inline>),
    /// Nesting is flattened: `depth` 0 is the outermost.
    ListItem {
        depth: u8,
        ordered: Option<u32>,
        content: Vec<Inline>,
    },
    Quote(Vec<Inline>),
    Table(Table),
    Chart(Chart),
    AttachmentList(Vec<String>),
    PageBreak,
    /// Blocks on landscape pages in print.
    Landscape(Vec<Block>),
    /// 附件: after the signature, on pages of its own.
    Appendix(Appendix),
}

/// A paper that is bound with the report: `附件1` at the top left, its title below (GB/T 9704-2012, 7.3.7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Appendix {
    /// Its place in the list of attachments; none if that list has one entry.
    pub number: Option<u32>,
    pub title: String,
    pub blocks: Vec<Block>,
}

impl Appendix {
    /// `附件1`, or `附件` if it is the only one.
    pub fn label(&self) -> String {
        self.number.map_or_else(|| "附件".to_owned(), |number| format!("附件{number}"))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heading {
    pub level: u8,
    /// `一、`, `（一）`, `1.`, `（1）`; empty if the report does not number.
    pub number: String,
    pub content: Vec<Inline>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Inline {
    Text {
        text: String,
    },
    Strong {
        text: String,
    },
    Emphasis {
        text: String,
    },
    Link {
        text: String,
        url: String,
    },
    /// A number that was computed, shown by `text`; renderers may colour it by its light.
    Figure(Figure),
    LineBreak,
}

impl Inline {
    /// The words alone; of a line's end a blank.
    pub fn text(&self) -> &str {
        match self {
            Inline::Text { text }
            | Inline::Strong { text }
            | Inline::Emphasis { text }
            | Inline::Link { text, .. } => text,
            Inline::Figure(figure) => &figure.text,
            Inline::LineBreak => " ",
        }
    }
}

/// The words of running text alone.
pub fn plain(content: &[Inline]) -> String {
    content.iter().map(Inline::text).collect()
}

/// A number in running text: its integers, how it is shown, and its light if it is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub num: Option<f64>,
    pub den: Option<f64>,
    pub unit: String,
    pub light: Option<Light>,
    /// As printed, already rounded so that a failing value never prints as its target.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Name of the query or table: the sheet's name in the workbook is made from `caption`.
    pub name: String,
    pub caption: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// Printed under the table: basis, missing units, source.
    pub notes: Vec<String>,
    /// On paper and in mail only so many rows stand; the workbook has all. See [`Document::for_print`].
    #[serde(default)]
    pub print_rows: Option<usize>,
}

impl Document {
    /// The document as it stands on paper and in mail: long tables end after their `print_rows`, and
    /// say how many rows are in the workbook.
    #[must_use]
    pub fn for_print(&self) -> Document {
        let blocks = self.blocks.iter().map(shorten).collect();
        Document { blocks, ..self.clone() }
    }
}

fn shorten(block: &Block) -> Block {
    match block {
        Block::Landscape(blocks) => Block::Landscape(blocks.iter().map(shorten).collect()),
        Block::Appendix(appendix) => Block::Appendix(Appendix {
            blocks: appendix.blocks.iter().map(shorten).collect(),
            ..appendix.clone()
        }),
        Block::Table(table) => {
            let mut table = table.clone();
            if let Some(n) = table.print_rows.filter(|n| *n < table.rows.len()) {
                let left = table.rows.len() - n;
                table.rows.truncate(n);
                table.notes.insert(0, format!("共{}行，其余{left}行见所附工作簿。", n + left));
            }
            Block::Table(table)
        }
        other => other.clone(),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    /// Heading path: `["公办园", "占比"]` is two levels; neighbours with the same first part are merged.
    pub heading: Vec<String>,
    pub format: Format,
    pub align: Align,
    /// Relative width in print.
    pub weight: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub cells: Vec<Cell>,
    /// A total or the district's own row: set apart.
    pub emphasis: bool,
}

/// A typed cell: the value for the workbook, the text for everything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub value: Value,
    /// As printed; 缺报 or — where there is no value.
    pub text: String,
    pub light: Option<Light>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Value {
    Null,
    Text(String),
    Int(i64),
    /// Percent values are fractions (0.5 is 50 %).
    Float(f64),
    Date(Date),
    Bool(bool),
}

/// How a column's numbers are shown, in print and in the workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Text,
    /// `1,234`
    #[default]
    Int,
    /// Two decimals, never rounded up to a target.
    Percent,
    /// Percentage points with sign: `+1.25`.
    Points,
    /// A whole number with sign.
    Change,
    /// One decimal.
    Ratio,
    Date,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    Left,
    Center,
    Right,
}

/// A chart: what is drawn, and what is said of it. [`Chart::table`] has its numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Chart {
    pub name: String,
    pub caption: String,
    pub shape: ChartShape,
    pub categories: Vec<String>,
    pub series: Vec<Series>,
    /// Target lines: label and value on the value axis.
    pub targets: Vec<(String, f64)>,
    pub format: Format,
    /// Categories that miss their target, drawn apart: as many as categories, or empty if none is judged.
    #[serde(default)]
    pub missed: Vec<bool>,
    /// What the picture shows, for those who do not see it.
    pub alt: String,
    /// What the categories are (镇街, 月份): the first heading of the table of numbers.
    #[serde(default)]
    pub category_title: String,
    /// Marked values that are no targets: label (全区) and value.
    #[serde(default)]
    pub references: Vec<(String, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartShape {
    /// Categories along x, a line a series.
    #[default]
    Line,
    /// Categories along x, grouped bars.
    Bar,
    /// Categories down y, one bar each, sorted as given; for towns.
    HorizontalBar,
    /// A table of shaded numbers: a column a category, a row a series.
    Heat,
    /// Categories along x, the series upon each other, totals on top.
    Stacked,
    /// Categories down y, two series as two marks joined by a line: before and now.
    Dumbbell,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Series {
    pub name: String,
    /// As many as there are categories; a missing value is a gap, not zero.
    pub values: Vec<Option<f64>>,
    /// Values that miss their target: as many as values, or empty if none is judged.
    #[serde(default)]
    pub missed: Vec<bool>,
    /// The light that the series counts (items by light).
    #[serde(default)]
    pub light: Option<Light>,
}

/// The mark that stands before a judged value, so that a print in black and white still tells.
pub fn light_mark(light: Light) -> &'static str {
    match light {
        Light::Green => "●",
        Light::Yellow => "▲",
        Light::Red => "■",
    }
}
