//! A chart as SVG, the SVG as PNG, its numbers as a table, and its message as a sentence.
//!
//! ## Design notes
//! - Letters are shaped and pictures made by kept crates (usvg, resvg). Where marks and letters stand
//!   is decided here: plotters and its like draw axes and series, but set Chinese labels by Latin
//!   widths (labels run into each other), know neither hatching nor gaps, and have no heat table with
//!   readable numbers, no dumbbell, and no way to keep labels apart; what is left of them is a way to
//!   write `<line>`.
//! - Nothing rests on colour alone: the papers are copied in black and white.
//! - Every text claims its room on the canvas, by widths that are rather too large; texts that cover
//!   each other or leave the picture fail the chart. [`png()`] asks the same of the letters as they were set.

mod canvas;
mod dumbbell;
mod heat;
mod horizontal;
mod pictures;
mod png;
mod scale;
mod table;
mod vertical;
mod words;

use resvg::usvg;

pub use pictures::{Pictures, SCALE};
pub use png::png;
pub use words::describe;

use super::document::{Chart, ChartShape};

/// Why there is no picture. A blank or half-lettered one is worse than none.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    #[error("chart {name:?} has no value to draw")]
    Blank { name: String },
    #[error("chart {name:?} is inconsistent: {what}")]
    Shape { name: String, what: String },
    #[error("chart {name:?} is too full to be read: {what}")]
    Crowded { name: String, what: String },
    #[error("chart text {text:?} has characters that no font of this machine has: {missing}")]
    MissingGlyphs { text: String, missing: String },
    #[error(
        "chart text is left out: no font for it on this machine (install fonts-noto-cjk, or put a Chinese font into the home's font folder)"
    )]
    NoFont,
    #[error("chart texts do not fit as the fonts of this machine set them: {what}")]
    Overlap { what: String },
    #[error("the picture is blank: {n_marked} of {n_pixels} pixels are not white")]
    Faint { n_marked: usize, n_pixels: usize },
    #[error("read chart SVG")]
    Svg(#[from] usvg::Error),
    #[error("a picture of {width}×{height} at scale {scale} cannot be made")]
    Size { width: f32, height: f32, scale: f32 },
    #[error("encode PNG: {0}")]
    Png(String),
}

/// How large, and in what letters.
#[derive(Debug, Clone, PartialEq)]
pub struct Style {
    /// In CSS pixels.
    pub width: f64,
    /// Nothing: what the content needs.
    pub height: Option<f64>,
    /// CSS list of families, the first that is there is taken.
    pub font_family: String,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            width: 680.0,
            height: None,
            font_family: "'Noto Sans CJK SC', 'Source Han Sans SC', 'Microsoft YaHei', SimHei, \
                          FandolHei, 'LXGW WenKai', sans-serif"
                .to_owned(),
        }
    }
}

/// Bars down the page, or rows of a heat table: more make a picture taller than a page.
pub const MAX_ROWS: usize = 40;

/// Draws a chart. The same chart gives the same bytes.
///
/// # Errors
/// If there is nothing to draw; series, categories and marks do not fit together; a value is no
/// number; or its texts would cover each other.
pub fn svg(chart: &Chart, style: &Style) -> Result<String, ChartError> {
    prove(chart)?;
    match chart.shape {
        ChartShape::Line => vertical::lines(chart, style),
        ChartShape::Bar => vertical::bars(chart, style),
        ChartShape::Stacked => vertical::stacked(chart, style),
        ChartShape::HorizontalBar => horizontal::draw(chart, style),
        ChartShape::Heat => heat::draw(chart, style),
        ChartShape::Dumbbell => dumbbell::draw(chart, style),
    }
}

/// What no picture can be made of.
fn prove(chart: &Chart) -> Result<(), ChartError> {
    let wrong =
        |what: &str| Err(ChartError::Shape { name: chart.name.clone(), what: what.to_owned() });
    let n = chart.categories.len();
    if chart.series.iter().any(|series| series.values.len() != n) {
        return wrong("a series has not as many values as there are categories");
    }
    let is_short = |marks: &[bool], of: usize| !marks.is_empty() && marks.len() != of;
    if is_short(&chart.missed, n) || chart.series.iter().any(|s| is_short(&s.missed, n)) {
        return wrong("not as many marks as categories");
    }
    let mut values = chart.series.iter().flat_map(|s| &s.values).flatten();
    if values.any(|v| !v.is_finite())
        || chart.targets.iter().chain(&chart.references).any(|(_, v)| !v.is_finite())
    {
        return wrong("a value is not a finite number");
    }
    if !chart.series.iter().flat_map(|s| &s.values).any(Option::is_some) {
        return Err(ChartError::Blank { name: chart.name.clone() });
    }
    let values = || chart.series.iter().flat_map(|s| &s.values).flatten();
    match chart.shape {
        ChartShape::HorizontalBar if chart.series.len() != 1 => {
            wrong("horizontal bars show one series")
        }
        ChartShape::Dumbbell if chart.series.len() != 2 => {
            wrong("a dumbbell compares two series: before and now")
        }
        ChartShape::HorizontalBar | ChartShape::Dumbbell if n > MAX_ROWS => {
            wrong("more than 40 rows cannot be read on one page")
        }
        ChartShape::Heat if chart.series.len() > MAX_ROWS || n > 24 => {
            wrong("a heat table has at most 40 rows and 24 columns")
        }
        ChartShape::Stacked if values().any(|v| *v < 0.0) => {
            wrong("a stack cannot hold a value below nought")
        }
        ChartShape::Stacked if values().all(|v| *v == 0.0) => {
            Err(ChartError::Blank { name: chart.name.clone() })
        }
        _ => Ok(()),
    }
}
