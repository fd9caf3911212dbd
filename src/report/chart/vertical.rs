//! Charts with categories along x: lines, grouped bars, stacks.

use super::canvas::{
    Anchor, Canvas, DASHES, GREY, GRID, INK, Rim, TARGET, TONES, count, widest, width_of,
};
use super::scale::{From, Scale};
use super::words::say;
use super::{ChartError, Style};
use crate::model::Light;
use crate::report::document::{Chart, Format, light_mark};

const LABEL: f64 = 11.5;

pub(super) fn lines(chart: &Chart, style: &Style) -> Result<String, ChartError> {
    let scale = Scale::of(chart, From::Lowest);
    let (mut canvas, frame) = Frame::draw(chart, style, scale, Key::Lines);
    draw_targets(&mut canvas, chart, &frame);
    let mut labels = Vec::new();
    draw_lines(&mut canvas, chart, &frame, &mut labels);
    frame.write(&mut canvas, labels);
    canvas.finish(chart, style)
}

pub(super) fn bars(chart: &Chart, style: &Style) -> Result<String, ChartError> {
    let scale = Scale::of(chart, From::Zero);
    let (mut canvas, frame) = Frame::draw(chart, style, scale, Key::Bars);
    let base = frame.y_of(frame.scale.low.max(0.0));
    let n_series = chart.series.len();
    let bar = (frame.slot * 0.76 / count(n_series)).min(48.0);
    let mut labels = Vec::new();
    for (s, series) in chart.series.iter().enumerate() {
        for (i, value) in series.values.iter().enumerate() {
            let x = frame.x_of(i) - bar * count(n_series) / 2.0 + bar * count(s);
            let Some(value) = value else { continue };
            let y = frame.y_of(*value);
            let (fill, stroke) =
                if is_missed(chart, s, i) { ("url(#miss)", TARGET) } else { tone(s) };
            canvas.rect(x + 1.0, y.min(base), bar - 2.0, (base - y).abs().max(0.5), fill, stroke);
            let text = say(chart, *value);
            let half = width_of(&text, LABEL) / 2.0;
            let is_kept = n_series * chart.categories.len() <= 12;
            labels.push(Label { x: x + bar / 2.0, y: y.min(base) - 5.0, half, text, is_kept });
        }
    }
    draw_targets(&mut canvas, chart, &frame);
    frame.write(&mut canvas, labels);
    canvas.finish(chart, style)
}

pub(super) fn stacked(chart: &Chart, style: &Style) -> Result<String, ChartError> {
    let n = chart.categories.len();
    let totals: Vec<Option<f64>> = (0..n)
        .map(|i| {
            let known: Vec<f64> = chart.series.iter().filter_map(|s| s.values[i]).collect();
            (!known.is_empty()).then(|| known.iter().sum())
        })
        .collect();
    let marks = chart.targets.iter().map(|(_, value)| *value);
    let all = totals.iter().flatten().copied().chain(marks);
    let scale = Scale::over(all, chart.format, From::Zero);
    let (mut canvas, frame) = Frame::draw(chart, style, scale, Key::Bars);
    let bar = (frame.slot * 0.66).min(56.0);
    let mut labels = Vec::new();
    for (i, total) in totals.iter().enumerate() {
        let Some(total) = total else { continue };
        let mut below = 0.0;
        for (s, series) in chart.series.iter().enumerate() {
            let Some(value) = series.values[i].filter(|value| *value > 0.0) else { continue };
            let (top, bottom) = (frame.y_of(below + value), frame.y_of(below));
            below += value;
            let (fill, stroke) = stack_tone(s, series.light);
            let left = frame.x_of(i) - bar / 2.0;
            canvas.rect(left, top, bar, (bottom - top).max(0.3), fill, stroke);
            let text = say(chart, value);
            let size = 10.5;
            if bottom - top >= size + 3.0 && width_of(&text, size) + 4.0 <= bar {
                let at = (frame.x_of(i), f64::midpoint(top, bottom) + size * 0.36);
                let (ink, rim) = if is_dark(s, series.light) {
                    ("#ffffff", Rim::None)
                } else {
                    (INK, Rim::AsNeeded)
                };
                canvas.lettered(at, size, Anchor::Middle, ink, rim, &text);
            }
        }
        let text = say(chart, *total);
        let half = width_of(&text, LABEL) / 2.0;
        let is_kept = i + 1 == n;
        labels.push(Label { x: frame.x_of(i), y: frame.y_of(*total) - 5.0, half, text, is_kept });
    }
    draw_targets(&mut canvas, chart, &frame);
    frame.write(&mut canvas, labels);
    canvas.finish(chart, style)
}

fn is_missed(chart: &Chart, series: usize, i: usize) -> bool {
    let own = chart.series[series].missed.get(i).copied();
    let common = chart.missed.get(i).copied().filter(|_| chart.series.len() == 1);
    own.or(common).unwrap_or(false)
}

fn is_judged(chart: &Chart) -> bool {
    (chart.series.len() == 1 && !chart.missed.is_empty())
        || chart.series.iter().any(|series| !series.missed.is_empty())
}

fn tone(series: usize) -> (&'static str, &'static str) {
    (TONES[series % TONES.len()], TONES[series % TONES.len()])
}

/// Dark, hatched and light in a copy too.
fn stack_tone(series: usize, light: Option<Light>) -> (&'static str, &'static str) {
    match light {
        Some(Light::Red) => ("#a61b1b", "#7c1010"),
        Some(Light::Yellow) => ("url(#warn)", "#8a5a00"),
        Some(Light::Green) => ("#dcefdf", "#3c7a48"),
        None => [
            ("#1f4e79", "#1f4e79"),
            ("url(#warn)", "#8a5a00"),
            ("url(#dots)", "#3f7a68"),
            ("#f4f4f4", "#6b6b6b"),
        ][series % 4],
    }
}

fn is_dark(series: usize, light: Option<Light>) -> bool {
    match light {
        Some(light) => light == Light::Red,
        None => series.is_multiple_of(4),
    }
}

/// How the legend shows a series.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    Lines,
    Bars,
}

/// The plot's place and axis.
struct Frame {
    scale: Scale,
    left: f64,
    top: f64,
    plot_w: f64,
    plot_h: f64,
    slot: f64,
}

impl Frame {
    fn draw(chart: &Chart, style: &Style, scale: Scale, key: Key) -> (Canvas, Frame) {
        let height = style.height.unwrap_or(340.0);
        let ticks = scale.ticks();
        let marks: Vec<String> = ticks.iter().map(|tick| scale.label(*tick)).collect();
        let left = 18.0 + widest(marks.iter().map(String::as_str), 12.0);
        let ends = chart.targets.iter().chain(&chart.references).map(|(label, _)| label.as_str());
        let right = 14.0 + (widest(ends, 12.0) + 4.0).max(8.0);
        let legend = legend(chart, key, style.width - 24.0);
        let n_rows = legend.iter().map(|entry| entry.row + 1).max().unwrap_or(1);
        let top = 28.0 + 20.0 * count(n_rows);
        let plot_w = style.width - left - right;
        let plot_h = height - top - 34.0;
        let slot = plot_w / count(chart.categories.len().max(1));
        let mut canvas = Canvas::new(style.width, height);
        for entry in &legend {
            entry.draw(&mut canvas, key);
        }
        let frame = Frame { scale, left, top, plot_w, plot_h, slot };
        for (tick, label) in ticks.iter().zip(&marks) {
            let y = frame.y_of(*tick);
            canvas.line((left, y), (left + plot_w, y), GRID, 1.0, "");
            canvas.text((left - 6.0, y + 4.0), 12.0, Anchor::End, GREY, label);
        }
        canvas.line((left, top + plot_h), (left + plot_w, top + plot_h), INK, 1.2, "");
        frame.name_categories(&mut canvas, chart);
        (canvas, frame)
    }

    /// Where names would run into each other, every second (third, …) is written; the last always.
    fn name_categories(&self, canvas: &mut Canvas, chart: &Chart) {
        let wide = widest(chart.categories.iter().map(String::as_str), 12.0) + 8.0;
        let every = (1..1000).find(|k| self.slot * count(*k) >= wide).unwrap_or(1000);
        let last = chart.categories.len().saturating_sub(1);
        let bottom = self.top + self.plot_h;
        for (i, category) in chart.categories.iter().enumerate() {
            let half = width_of(category, 12.0) / 2.0;
            let x = self.x_of(i).max(half).min(canvas.width - half);
            canvas.line((self.x_of(i), bottom), (self.x_of(i), bottom + 4.0), INK, 1.0, "");
            if (last - i).is_multiple_of(every) {
                canvas.text((x, bottom + 20.0), 12.0, Anchor::Middle, INK, category);
            }
        }
    }

    fn y_of(&self, value: f64) -> f64 {
        self.top + self.plot_h * (1.0 - self.scale.share(value))
    }

    fn x_of(&self, i: usize) -> f64 {
        self.left + self.slot * (count(i) + 0.5)
    }

    /// Writes value labels where there is room; those that must stand are moved up until there is.
    fn write(&self, canvas: &mut Canvas, mut labels: Vec<Label>) {
        let (top, bottom) = (self.top - 12.0, self.top + self.plot_h - 3.0);
        labels.sort_by(|a, b| {
            b.is_kept.cmp(&a.is_kept).then(b.y.total_cmp(&a.y)).then(a.x.total_cmp(&b.x))
        });
        let mut written: Vec<Label> = Vec::new();
        for mut label in labels {
            let mut y = label.y.clamp(top, bottom);
            let mut is_free = false;
            for step in 0..=40 {
                let in_the_way = written.iter().any(|other| {
                    (other.x - label.x).abs() < other.half + label.half + 3.0
                        && (other.y - y).abs() < 12.5
                });
                if !in_the_way {
                    is_free = true;
                    break;
                }
                // Up first, then down: nearest first, within the plot.
                let away = 4.0 * count(step / 2 + 1);
                let aside = if step % 2 == 0 { label.y - away } else { label.y + away };
                y = aside.clamp(top, bottom);
                if !label.is_kept && step >= 6 {
                    break;
                }
            }
            if is_free {
                label.y = y;
                canvas.text((label.x, y), LABEL, Anchor::Middle, INK, &label.text);
                written.push(label);
            } else if label.is_kept {
                // Said by the canvas: nothing is left out in silence.
                canvas.text((label.x, y), LABEL, Anchor::Middle, INK, &label.text);
            }
        }
    }
}

/// A value label: where it would like to stand, and how wide it is.
struct Label {
    x: f64,
    y: f64,
    half: f64,
    text: String,
    /// Whether the chart fails without it: the last value of a line.
    is_kept: bool,
}

fn draw_lines(canvas: &mut Canvas, chart: &Chart, frame: &Frame, labels: &mut Vec<Label>) {
    for (s, series) in chart.series.iter().enumerate() {
        let tone = TONES[s % TONES.len()];
        // A missing value is a gap: the line is broken, not drawn through.
        for (i, pair) in series.values.windows(2).enumerate() {
            if let [Some(a), Some(b)] = pair {
                let (from, to) =
                    ((frame.x_of(i), frame.y_of(*a)), (frame.x_of(i + 1), frame.y_of(*b)));
                canvas.line(from, to, tone, 2.2, DASHES[s % DASHES.len()]);
            }
        }
        for (i, value) in series.values.iter().enumerate() {
            if let Some(value) = value {
                let (fill, stroke) =
                    if is_missed(chart, s, i) { ("#ffffff", tone) } else { (tone, tone) };
                canvas.marker(frame.x_of(i), frame.y_of(*value), s, fill, stroke);
            }
        }
    }
    let target_lines: Vec<f64> = chart
        .targets
        .iter()
        .chain(&chart.references)
        .map(|(_, value)| frame.y_of(*value))
        .collect();
    for i in 0..chart.categories.len() {
        let points: Vec<(f64, f64, bool)> = chart
            .series
            .iter()
            .filter_map(|series| {
                let value = series.values[i]?;
                let is_last = series.values[i + 1..].iter().all(Option::is_none);
                Some((frame.y_of(value), value, is_last))
            })
            .collect();
        for (y, value, is_last) in &points {
            let text = say(chart, *value);
            let half = width_of(&text, LABEL) / 2.0;
            if half * 2.0 + 6.0 > frame.slot && !is_last {
                continue;
            }
            // Above or below the point, where it is least in the way of target lines and other points.
            let cost = |baseline: f64| {
                let (top, bottom) = (baseline - 11.0, baseline + 3.0);
                let crossed = target_lines.iter().filter(|t| (top..bottom).contains(*t)).count();
                let near = |p: &&(f64, f64, bool)| {
                    (p.0 - y).abs() > 0.1 && (top - 5.0..bottom + 5.0).contains(&p.0)
                };
                2 * crossed + 3 * points.iter().filter(near).count()
            };
            let (above, below) = (y - 9.0, y + 18.0);
            let y = if cost(below) < cost(above) { below } else { above };
            // Within the plot: beyond it stand the labels of the target lines.
            let x = frame.x_of(i).min(frame.left + frame.plot_w - half).max(frame.left + half);
            labels.push(Label { x, y, half, text, is_kept: *is_last });
        }
    }
}

/// Target lines, and those of references, with their labels in the right margin, pushed apart where they lie close.
fn draw_targets(canvas: &mut Canvas, chart: &Chart, frame: &Frame) {
    let targets = chart.targets.iter().map(|mark| (mark, TARGET, "6 4"));
    let references = chart.references.iter().map(|mark| (mark, INK, "1.5 2.5"));
    let mut marks: Vec<_> = targets.chain(references).collect();
    marks.sort_by(|a, b| b.0.1.total_cmp(&a.0.1));
    let right = frame.left + frame.plot_w;
    let mut lowest = f64::NEG_INFINITY;
    for ((label, value), ink, dash) in marks {
        let y = frame.y_of(*value);
        canvas.line((frame.left, y), (right, y), ink, 1.3, dash);
        lowest = (y + 4.0).max(lowest + 14.0);
        canvas.text((right + 5.0, lowest), 12.0, Anchor::Start, ink, label);
    }
}

struct Entry {
    row: usize,
    x: f64,
    swatch: Swatch,
    name: String,
}

enum Swatch {
    Series { index: usize, light: Option<Light> },
    Missed,
}

/// The legend's entries, in rows that fit the width.
fn legend(chart: &Chart, key: Key, width: f64) -> Vec<Entry> {
    let series = chart.series.iter().enumerate().map(|(index, series)| {
        let mark = series.light.map_or("", light_mark);
        (Swatch::Series { index, light: series.light }, format!("{mark}{}", series.name))
    });
    let mut named: Vec<(Swatch, String)> = series.collect();
    if is_judged(chart) && chart.series.iter().all(|series| series.light.is_none()) {
        let words = if key == Key::Lines { "空心为未达目标" } else { "未达目标" };
        named.push((Swatch::Missed, words.to_owned()));
    }
    if matches!(chart.format, Format::Points) {
        // The unit of numbers that carry none.
        if let Some(first) = named.first_mut() {
            first.1 += "（百分点）";
        }
    }
    let (mut row, mut x) = (0, 0.0);
    let mut entries = Vec::new();
    for (swatch, name) in named {
        let w = width_of(&name, 12.5) + 56.0;
        if x > 0.0 && x + w > width {
            row += 1;
            x = 0.0;
        }
        entries.push(Entry { row, x: 14.0 + x, swatch, name });
        x += w;
    }
    entries
}

impl Entry {
    fn draw(&self, canvas: &mut Canvas, key: Key) {
        let (x, y) = (self.x, 16.0 + 20.0 * count(self.row));
        match (&self.swatch, key) {
            (Swatch::Series { index, .. }, Key::Lines) => {
                let tone = TONES[index % TONES.len()];
                canvas.line((x, y), (x + 30.0, y), tone, 2.2, DASHES[index % DASHES.len()]);
                canvas.marker(x + 15.0, y, *index, tone, tone);
            }
            (Swatch::Series { index, light }, Key::Bars) => {
                let (fill, stroke) =
                    if light.is_some() { stack_tone(*index, *light) } else { tone(*index) };
                canvas.rect(x + 4.0, y - 6.0, 22.0, 12.0, fill, stroke);
            }
            (Swatch::Missed, Key::Lines) => canvas.marker(x + 15.0, y, 0, "#ffffff", INK),
            (Swatch::Missed, Key::Bars) => {
                canvas.rect(x + 4.0, y - 6.0, 22.0, 12.0, "url(#miss)", TARGET);
            }
        }
        canvas.text((x + 36.0, y + 4.5), 12.5, Anchor::Start, INK, &self.name);
    }
}
