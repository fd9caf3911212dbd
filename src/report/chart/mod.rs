//! A chart as SVG, and the SVG as PNG.
//!
//! ## Design notes
//! plotters draws axes and series, but sets Chinese labels by Latin widths (labels run into each
//! other), knows no hatching, and cannot keep two value labels apart; a report needs those three
//! and only three shapes. So the SVG is written here, by hand, and rendered by resvg. Nothing rests
//! on colour alone: the papers are copied in black and white.

mod png;

use std::fmt::Write as _;

use resvg::usvg;
use unicode_width::UnicodeWidthStr;

pub use png::{load_fonts, png};

use super::document::{Chart, ChartShape, Format};
use super::numbers;

/// Why there is no picture. A blank or half-lettered one is worse than none.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    #[error("chart {name:?} has no value to draw")]
    Blank { name: String },
    #[error("chart {name:?} is inconsistent: {what}")]
    Shape { name: String, what: String },
    #[error("chart text {text:?} has characters that no font of this machine has: {missing}")]
    MissingGlyphs { text: String, missing: String },
    #[error(
        "chart text is left out: no font for it on this machine (install fonts-noto-cjk, or put a Chinese font into the home's font folder)"
    )]
    NoFont,
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

const INK: &str = "#222222";
const GREY: &str = "#6b6b6b";
const GRID: &str = "#dddddd";
const TARGET: &str = "#a61b1b";
/// Tones that also differ in grey (luminance 28, 50, 64, 43 %).
const TONES: [&str; 4] = ["#1f4e79", "#d07a2d", "#6aa391", "#7a5195"];
const DASHES: [&str; 4] = ["", "7 3", "2 3", "9 3 2 3"];

/// Draws a chart. The same chart gives the same bytes.
///
/// # Errors
/// If there is nothing to draw, or series, categories and marks do not fit together.
pub fn svg(chart: &Chart, style: &Style) -> Result<String, ChartError> {
    let wrong = |what: &str| ChartError::Shape { name: chart.name.clone(), what: what.to_owned() };
    if chart.series.iter().any(|series| series.values.len() != chart.categories.len()) {
        return Err(wrong("a series has not as many values as there are categories"));
    }
    if !chart.missed.is_empty() && chart.missed.len() != chart.categories.len() {
        return Err(wrong("not as many marks as categories"));
    }
    if chart.series.iter().flat_map(|s| &s.values).flatten().any(|v| !v.is_finite())
        || chart.targets.iter().any(|(_, v)| !v.is_finite())
    {
        return Err(wrong("a value is not a finite number"));
    }
    if !chart.series.iter().flat_map(|s| &s.values).any(Option::is_some) {
        return Err(ChartError::Blank { name: chart.name.clone() });
    }
    match chart.shape {
        ChartShape::Line => Ok(vertical(chart, style, false)),
        ChartShape::Bar => Ok(vertical(chart, style, true)),
        ChartShape::HorizontalBar if chart.series.len() == 1 => Ok(horizontal(chart, style)),
        ChartShape::HorizontalBar => Err(wrong("horizontal bars show one series")),
    }
}

/// An SVG under construction.
struct Canvas {
    body: String,
    width: f64,
    height: f64,
}

#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, width: f64, dash: &str) {
        let dash =
            if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
        let _ = writeln!(
            self.body,
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{stroke}\" stroke-width=\"{}\"{dash}/>",
            n(from.0),
            n(from.1),
            n(to.0),
            n(to.1),
            n(width),
        );
    }

    fn rect(&mut self, x: f64, y: f64, w: f64, h: f64, fill: &str, stroke: &str) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"1\"/>",
            n(x),
            n(y),
            n(w),
            n(h),
        );
    }

    /// Text with a white rim, so that it stays readable over a line.
    fn text(&mut self, x: f64, y: f64, size: f64, anchor: Anchor, fill: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"{anchor}\" fill=\"{fill}\" stroke=\"#ffffff\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\">{}</text>",
            n(x),
            n(y),
            n(size),
            escape(text),
        );
    }

    fn marker(&mut self, x: f64, y: f64, which: usize, tone: &str) {
        let shape = match which % 4 {
            0 => format!("<circle cx=\"{}\" cy=\"{}\" r=\"4\"", n(x), n(y)),
            1 => {
                format!("<rect x=\"{}\" y=\"{}\" width=\"8\" height=\"8\"", n(x - 4.0), n(y - 4.0))
            }
            2 => polygon(&[(x, y - 5.0), (x + 4.8, y + 3.8), (x - 4.8, y + 3.8)]),
            _ => polygon(&[(x, y - 5.0), (x + 5.0, y), (x, y + 5.0), (x - 5.0, y)]),
        };
        let _ =
            writeln!(self.body, "{shape} fill=\"{tone}\" stroke=\"#ffffff\" stroke-width=\"1\"/>");
    }

    fn finish(self, chart: &Chart, style: &Style) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" font-family=\"{font}\">\n\
             <title>{title}</title>\n<desc>{desc}</desc>\n\
             <defs><pattern id=\"miss\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
             <rect width=\"6\" height=\"6\" fill=\"#ffffff\"/>\
             <path d=\"M-1.5,1.5 l3,-3 M0,6 l6,-6 M4.5,7.5 l3,-3\" stroke=\"{TARGET}\" stroke-width=\"1.6\"/></pattern></defs>\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n{body}</svg>\n",
            w = n(self.width),
            h = n(self.height),
            font = escape(&style.font_family),
            title = escape(&chart.caption),
            desc = escape(&chart.alt),
            body = self.body,
        )
    }
}

fn polygon(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", n(*x), n(*y))).collect();
    format!("<polygon points=\"{}\"", points.join(" "))
}

/// Lines or grouped bars over categories.
fn vertical(chart: &Chart, style: &Style, bars: bool) -> String {
    let height = style.height.unwrap_or(340.0);
    let (low, high, step) = scale(chart, bars);
    let ticks = ticks(low, high, step);
    let left = 18.0
        + ticks
            .iter()
            .map(|t| width_of(&axis_label(chart.format, *t, step), 12.0))
            .fold(0.0, f64::max);
    let right = 14.0
        + chart.targets.iter().map(|(label, _)| width_of(label, 12.0) + 4.0).fold(8.0, f64::max);
    let legend = legend_rows(chart, style.width - 24.0);
    let top = 24.0 + 20.0 * count(legend.len());
    let bottom = 34.0;
    let plot_w = style.width - left - right;
    let plot_h = height - top - bottom;
    let y_of = |value: f64| top + plot_h * (high - value) / (high - low);
    let slot = plot_w / count(chart.categories.len().max(1));
    let x_of = |i: usize| left + slot * (count(i) + 0.5);
    let mut canvas = Canvas { body: String::new(), width: style.width, height };

    draw_legend(&mut canvas, chart, &legend, bars);
    for tick in &ticks {
        let y = y_of(*tick);
        canvas.line((left, y), (left + plot_w, y), GRID, 1.0, "");
        let label = axis_label(chart.format, *tick, step);
        canvas.text(left - 6.0, y + 4.0, 12.0, Anchor::End, GREY, &label);
    }
    canvas.line((left, top + plot_h), (left + plot_w, top + plot_h), INK, 1.2, "");
    // Where names would run into each other, every second (third, …) is written; the last always.
    let widest = chart.categories.iter().map(|c| width_of(c, 12.0)).fold(0.0, f64::max) + 8.0;
    let every = (1..1000).find(|k| slot * count(*k) >= widest).unwrap_or(1000);
    let last = chart.categories.len().saturating_sub(1);
    for (i, category) in chart.categories.iter().enumerate() {
        if (last - i).is_multiple_of(every) {
            canvas.text(x_of(i), top + plot_h + 20.0, 12.0, Anchor::Middle, INK, category);
        }
    }

    let mut labels: Vec<Label> = Vec::new();
    if bars {
        draw_bars(&mut canvas, chart, slot, &x_of, &y_of, y_of(low.max(0.0)), &mut labels);
    }
    draw_targets(&mut canvas, chart, left, plot_w, &y_of);
    if !bars {
        draw_lines(&mut canvas, chart, &x_of, &y_of, slot, &mut labels);
    }
    // Above the plot there is room for the label of a value at its top.
    keep_apart(&mut labels, top - 10.0, top + plot_h - 3.0);
    for label in labels {
        canvas.text(label.x, label.y, 11.5, Anchor::Middle, INK, &label.text);
    }
    canvas.finish(chart, style)
}

/// A value label: where it would like to stand, and how wide it is.
struct Label {
    x: f64,
    y: f64,
    half: f64,
    text: String,
}

fn draw_bars(
    canvas: &mut Canvas,
    chart: &Chart,
    slot: f64,
    x_of: &impl Fn(usize) -> f64,
    y_of: &impl Fn(f64) -> f64,
    base: f64,
    labels: &mut Vec<Label>,
) {
    let n_series = chart.series.len();
    let bar = (slot * 0.76 / count(n_series)).min(48.0);
    for (s, series) in chart.series.iter().enumerate() {
        for (i, value) in series.values.iter().enumerate() {
            let Some(value) = value else { continue };
            let x = x_of(i) - bar * count(n_series) / 2.0 + bar * count(s);
            let y = y_of(*value);
            let missed = n_series == 1 && chart.missed.get(i).copied().unwrap_or(false);
            let (fill, stroke) = bar_tone(s, missed);
            canvas.rect(x + 1.0, y.min(base), bar - 2.0, (base - y).abs().max(0.5), fill, stroke);
            let text = numbers::number(chart.format, *value);
            let half = width_of(&text, 11.5) / 2.0;
            if half * 2.0 <= bar + 14.0 || n_series * chart.categories.len() <= 12 {
                labels.push(Label { x: x + bar / 2.0, y: y.min(base) - 5.0, half, text });
            }
        }
    }
}

fn bar_tone(series: usize, missed: bool) -> (&'static str, &'static str) {
    if missed {
        ("url(#miss)", TARGET)
    } else {
        (TONES[series % TONES.len()], TONES[series % TONES.len()])
    }
}

fn draw_lines(
    canvas: &mut Canvas,
    chart: &Chart,
    x_of: &impl Fn(usize) -> f64,
    y_of: &impl Fn(f64) -> f64,
    slot: f64,
    labels: &mut Vec<Label>,
) {
    for (s, series) in chart.series.iter().enumerate() {
        let tone = TONES[s % TONES.len()];
        // A missing value is a gap: the line is broken, not drawn through.
        for pair in series.values.windows(2).enumerate() {
            if let (i, [Some(a), Some(b)]) = pair {
                let dash = DASHES[s % DASHES.len()];
                canvas.line((x_of(i), y_of(*a)), (x_of(i + 1), y_of(*b)), tone, 2.2, dash);
            }
        }
        for (i, value) in series.values.iter().enumerate() {
            if let Some(value) = value {
                canvas.marker(x_of(i), y_of(*value), s, tone);
            }
        }
    }
    label_points(chart, x_of, y_of, slot, labels);
}

/// Puts each point's value above or below it, where it is least in the way of target lines, other
/// points and other labels.
fn label_points(
    chart: &Chart,
    x_of: &impl Fn(usize) -> f64,
    y_of: &impl Fn(f64) -> f64,
    slot: f64,
    labels: &mut Vec<Label>,
) {
    let target_lines: Vec<f64> = chart.targets.iter().map(|(_, value)| y_of(*value)).collect();
    for i in 0..chart.categories.len() {
        let mut points: Vec<(f64, f64, bool)> = chart
            .series
            .iter()
            .filter_map(|series| {
                let value = series.values[i]?;
                Some((y_of(value), value, series.values[i + 1..].iter().all(Option::is_none)))
            })
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let column = labels.len();
        for (y, value, is_last) in &points {
            let text = numbers::number(chart.format, *value);
            let half = width_of(&text, 11.5) / 2.0;
            if half * 2.0 + 6.0 > slot && !is_last {
                continue;
            }
            let cost = |baseline: f64| {
                let (top, bottom) = (baseline - 11.0, baseline + 3.0);
                let crossed = target_lines.iter().filter(|t| (top..bottom).contains(*t)).count();
                let covered = points
                    .iter()
                    .filter(|p| (p.0 - y).abs() > 0.1 && (top - 5.0..bottom + 5.0).contains(&p.0))
                    .count();
                let taken =
                    labels[column..].iter().filter(|l| (l.y - baseline).abs() < 12.5).count();
                2 * crossed + 3 * covered + 5 * taken
            };
            let (above, below) = (y - 9.0, y + 18.0);
            let y = if cost(below) < cost(above) { below } else { above };
            labels.push(Label { x: x_of(i), y, half, text });
        }
    }
}

/// Target lines with their labels in the right margin, pushed apart where they lie close.
fn draw_targets(
    canvas: &mut Canvas,
    chart: &Chart,
    left: f64,
    plot_w: f64,
    y_of: &impl Fn(f64) -> f64,
) {
    let mut labels: Vec<(f64, &str)> = Vec::new();
    for (label, value) in &chart.targets {
        let y = y_of(*value);
        canvas.line((left, y), (left + plot_w, y), TARGET, 1.3, "6 4");
        labels.push((y + 4.0, label));
    }
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut lowest = f64::NEG_INFINITY;
    for (y, label) in labels {
        let y = y.max(lowest + 14.0);
        lowest = y;
        canvas.text(left + plot_w + 5.0, y, 12.0, Anchor::Start, TARGET, label);
    }
}

/// Moves labels that would cover each other up, and within the plot.
fn keep_apart(labels: &mut [Label], top: f64, bottom: f64) {
    labels.sort_by(|a, b| b.y.total_cmp(&a.y).then(a.x.total_cmp(&b.x)));
    for i in 0..labels.len() {
        let mut y = labels[i].y.clamp(top, bottom);
        // Lower ones are settled: step above each that is in the way.
        for _ in 0..=i {
            let in_the_way = labels[..i].iter().find(|other| {
                (other.x - labels[i].x).abs() < other.half + labels[i].half + 3.0
                    && (other.y - y).abs() < 12.5
            });
            match in_the_way {
                Some(other) => y = other.y - 12.5,
                None => break,
            }
        }
        labels[i].y = y;
    }
}

/// Bars down the page, for towns.
fn horizontal(chart: &Chart, style: &Style) -> String {
    let Some(series) = chart.series.first() else { return String::new() };
    let row = 21.0;
    let (low, high, step) = scale(chart, true);
    let judged = chart.missed.iter().any(|missed| *missed) || !chart.missed.is_empty();
    let name_w = chart.categories.iter().map(|c| width_of(c, 12.5)).fold(0.0, f64::max);
    let value_w = series
        .values
        .iter()
        .flatten()
        .map(|v| width_of(&numbers::number(chart.format, *v), 11.5))
        .fold(24.0, f64::max);
    let left = name_w + 16.0;
    let right = value_w + 14.0;
    let top =
        22.0 + if judged { 22.0 } else { 0.0 } + if chart.targets.is_empty() { 0.0 } else { 16.0 };
    let height = style.height.unwrap_or(top + row * count(chart.categories.len()) + 30.0);
    let row = (height - top - 30.0) / count(chart.categories.len());
    let plot_w = style.width - left - right;
    let x_of = |value: f64| left + plot_w * (value - low) / (high - low);
    let bottom = top + row * count(chart.categories.len());
    let mut canvas = Canvas { body: String::new(), width: style.width, height };

    if judged {
        let tone = bar_tone(0, false);
        canvas.rect(left, 10.0, 22.0, 12.0, tone.0, tone.1);
        canvas.text(left + 28.0, 20.5, 12.0, Anchor::Start, INK, "达到目标");
        let tone = bar_tone(0, true);
        canvas.rect(left + 100.0, 10.0, 22.0, 12.0, tone.0, tone.1);
        canvas.text(left + 128.0, 20.5, 12.0, Anchor::Start, INK, "未达目标");
    }
    for tick in ticks(low, high, step) {
        let x = x_of(tick);
        canvas.line((x, top), (x, bottom), GRID, 1.0, "");
        let label = axis_label(chart.format, tick, step);
        canvas.text(x, bottom + 18.0, 12.0, Anchor::Middle, GREY, &label);
    }
    let base = x_of(low.max(0.0));
    for (i, (category, value)) in chart.categories.iter().zip(&series.values).enumerate() {
        let y = top + row * count(i);
        let middle = y + row / 2.0 + 4.2;
        canvas.text(left - 8.0, middle, 12.5, Anchor::End, INK, category);
        let Some(value) = value else {
            canvas.text(left + 6.0, middle, 11.5, Anchor::Start, GREY, "缺报");
            continue;
        };
        let (fill, stroke) = bar_tone(0, chart.missed.get(i).copied().unwrap_or(false));
        let x = x_of(*value);
        canvas.rect(base.min(x), y + 3.0, (x - base).abs().max(0.5), row - 6.0, fill, stroke);
    }
    canvas.line((base, top - 3.0), (base, bottom), INK, 1.2, "");
    let mut taken = f64::NEG_INFINITY;
    let mut targets: Vec<&(String, f64)> = chart.targets.iter().collect();
    targets.sort_by(|a, b| a.1.total_cmp(&b.1));
    for (label, value) in targets {
        let x = x_of(*value);
        canvas.line((x, top - 5.0), (x, bottom), TARGET, 1.3, "6 4");
        let half = width_of(label, 12.0) / 2.0;
        let middle = x.max(taken + half + 6.0).min(style.width - half - 4.0);
        taken = middle + half;
        canvas.text(middle, top - 9.0, 12.0, Anchor::Middle, TARGET, label);
    }
    // Labels last: they stand over the target lines.
    for (i, value) in series.values.iter().enumerate() {
        let Some(value) = value else { continue };
        let middle = top + row * count(i) + row / 2.0 + 4.2;
        let text = numbers::number(chart.format, *value);
        canvas.text(x_of(*value).max(base) + 5.0, middle, 11.5, Anchor::Start, INK, &text);
    }
    canvas.finish(chart, style)
}

/// Series names in rows that fit the width: (index, x) each.
fn legend_rows(chart: &Chart, width: f64) -> Vec<Vec<(usize, f64)>> {
    let mut rows: Vec<Vec<(usize, f64)>> = vec![Vec::new()];
    let mut x = 0.0;
    for (i, series) in chart.series.iter().enumerate() {
        let w = width_of(&series.name, 12.5) + 56.0;
        if x > 0.0 && x + w > width {
            rows.push(Vec::new());
            x = 0.0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((i, x));
        }
        x += w;
    }
    rows
}

fn draw_legend(canvas: &mut Canvas, chart: &Chart, rows: &[Vec<(usize, f64)>], bars: bool) {
    for (r, row) in rows.iter().enumerate() {
        let y = 16.0 + 20.0 * count(r);
        for (i, x) in row {
            let x = 14.0 + x;
            let tone = TONES[i % TONES.len()];
            if bars {
                canvas.rect(x + 4.0, y - 6.0, 22.0, 12.0, tone, tone);
            } else {
                canvas.line((x, y), (x + 30.0, y), tone, 2.2, DASHES[i % DASHES.len()]);
                canvas.marker(x + 15.0, y, *i, tone);
            }
            canvas.text(x + 36.0, y + 4.5, 12.5, Anchor::Start, INK, &chart.series[*i].name);
        }
    }
}

/// The value axis: low, high and step, round and with room for labels. Bars begin at nought: their
/// length is what is compared.
fn scale(chart: &Chart, from_zero: bool) -> (f64, f64, f64) {
    let values = chart
        .series
        .iter()
        .flat_map(|series| series.values.iter().flatten().copied())
        .chain(chart.targets.iter().map(|(_, value)| *value));
    let (mut low, mut high) =
        values.clone().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if from_zero {
        low = low.min(0.0);
        high = high.max(0.0);
    }
    let span = (high - low).max(high.abs() * 0.02).max(if chart.format == Format::Percent {
        0.02
    } else {
        1e-9
    });
    let step = nice_step(span / 5.0);
    if !from_zero {
        low -= span * 0.08;
        high += span * 0.12;
        if chart.format == Format::Percent {
            low = low.max(0.0);
        }
    }
    let top = values.clone().fold(0.0, f64::max);
    let low = (low / step + 1e-9).floor() * step;
    let high = (high / step - 1e-9).ceil() * step;
    // Nothing lies above the whole, so neither does the axis.
    let high = if chart.format == Format::Percent && top <= 1.0 { high.min(1.0) } else { high };
    (low, if high > low { high } else { low + step }, step)
}

fn nice_step(rough: f64) -> f64 {
    let magnitude = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(10.0 * magnitude)
}

fn ticks(low: f64, high: f64, step: f64) -> Vec<f64> {
    let mut ticks = Vec::new();
    let mut i = 0.0;
    while low + i * step <= high + step * 1e-6 && ticks.len() < 40 {
        ticks.push(low + i * step);
        i += 1.0;
    }
    ticks
}

/// As few decimals as the step needs.
fn axis_label(format: Format, value: f64, step: f64) -> String {
    let (value, step, sign) = if format == Format::Percent {
        (value * 100.0, step * 100.0, "%")
    } else {
        (value, step, "")
    };
    let decimals = (0..4)
        .find(|d| {
            let scaled = step * 10f64.powi(*d);
            (scaled - scaled.round()).abs() < 1e-6
        })
        .unwrap_or(4);
    let decimals = usize::try_from(decimals).unwrap_or(0);
    if decimals == 0 {
        return format!("{}{sign}", numbers::int(value));
    }
    format!("{value:.decimals$}{sign}")
}

/// Width of a text: a Chinese character is as wide as the letters are high, the others a good half.
fn width_of(text: &str, size: f64) -> f64 {
    count(text.width()) * size * 0.54
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
fn count(n: usize) -> f64 {
    n as f64
}

/// A coordinate, to a tenth of a pixel: stable bytes, small files.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
