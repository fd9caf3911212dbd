//! Bars down the page, for towns: sorted as given, those that miss their target hatched and with the gap.

use super::canvas::{Anchor, Canvas, GREY, GRID, INK, Rim, TARGET, TONES, count, widest, width_of};
use super::scale::{From, Scale};
use super::words::say;
use super::{ChartError, Style};
use crate::report::document::{Chart, Format};

const LABEL: f64 = 11.5;

pub(super) fn draw(chart: &Chart, style: &Style) -> Result<String, ChartError> {
    let Some(series) = chart.series.first() else { return Ok(String::new()) };
    let scale = Scale::of(chart, From::Zero);
    let is_judged = !chart.missed.is_empty();
    let labels: Vec<String> = series
        .values
        .iter()
        .enumerate()
        .map(|(i, value)| value.map_or_else(|| "缺报".to_owned(), |value| label(chart, i, value)))
        .collect();
    let name_w = widest(chart.categories.iter().map(String::as_str), 12.5);
    let left = name_w + 16.0;
    // A bar that nearly fills the plot needs its label's width beside it; a short one has the plot's.
    let full = style.width - left - 14.0;
    let needs = series.values.iter().zip(&labels).filter_map(|(value, label)| {
        let share = scale.share((*value)?);
        let width = width_of(label, LABEL) + 6.0;
        (share > 0.2).then(|| (full - width) / share)
    });
    let last_tick = width_of(&scale.label(scale.high), 12.0) / 2.0;
    let plot_w = needs.fold(full - last_tick, f64::min).max(style.width * 0.25);
    let n_marks = chart.targets.len() + chart.references.len();
    let top = 22.0 + if is_judged { 22.0 } else { 0.0 } + if n_marks == 0 { 0.0 } else { 16.0 };
    let n = count(chart.categories.len());
    let height = style.height.unwrap_or(top + 21.0 * n + 30.0);
    let row = (height - top - 30.0) / n;
    let x_of = |value: f64| left + plot_w * scale.share(value);
    let bottom = top + row * n;
    let mut canvas = Canvas::new(style.width, height);

    if is_judged {
        canvas.rect(left, 10.0, 22.0, 12.0, TONES[0], TONES[0]);
        canvas.text((left + 28.0, 20.5), 12.0, Anchor::Start, INK, "达到目标");
        canvas.rect(left + 100.0, 10.0, 22.0, 12.0, "url(#miss)", TARGET);
        let unit = if chart.format == Format::Percent { "百分点" } else { "与目标同单位" };
        let words = if has_gap(chart) {
            format!("未达目标（括号内为差距，{unit}）")
        } else {
            "未达目标".to_owned()
        };
        canvas.text((left + 128.0, 20.5), 12.0, Anchor::Start, INK, &words);
    }
    for tick in scale.ticks() {
        let x = x_of(tick);
        canvas.line((x, top), (x, bottom), GRID, 1.0, "");
        canvas.text((x, bottom + 18.0), 12.0, Anchor::Middle, GREY, &scale.label(tick));
    }
    let base = x_of(scale.low.max(0.0));
    for (i, (category, value)) in chart.categories.iter().zip(&series.values).enumerate() {
        let y = top + row * count(i);
        canvas.text((left - 8.0, y + row / 2.0 + 4.4), 12.5, Anchor::End, INK, category);
        let Some(value) = value else { continue };
        let is_missed = chart.missed.get(i).copied().unwrap_or(false);
        let (fill, stroke) = if is_missed { ("url(#miss)", TARGET) } else { (TONES[0], TONES[0]) };
        let x = x_of(*value);
        canvas.rect(base.min(x), y + 3.0, (x - base).abs().max(0.5), row - 6.0, fill, stroke);
    }
    canvas.line((base, top - 3.0), (base, bottom), INK, 1.2, "");
    marks(&mut canvas, chart, &x_of, (top, bottom));
    // Labels last, on a ground of their own: they stand over the lines.
    for (i, (value, label)) in series.values.iter().zip(&labels).enumerate() {
        let y = top + row * count(i);
        let x = value.map_or(left + 1.0, |value| x_of(value).max(base)) + 5.0;
        canvas.rect(
            x - 2.0,
            y + 3.0,
            width_of(label, LABEL) + 3.0,
            row - 6.0,
            "#ffffff",
            "#ffffff",
        );
        let ink = if value.is_some() { INK } else { GREY };
        let at = (x, y + row / 2.0 + 4.2);
        canvas.lettered(at, LABEL, Anchor::Start, ink, Rim::None, label);
    }
    canvas.finish(chart, style)
}

/// Whether there is one target from which a gap can be told.
fn has_gap(chart: &Chart) -> bool {
    chart.targets.len() == 1
}

/// `48.60%`, and behind a value that misses the target how far it is from it.
fn label(chart: &Chart, i: usize, value: f64) -> String {
    let text = say(chart, value);
    match chart.targets.first() {
        Some((_, target)) if has_gap(chart) && chart.missed.get(i) == Some(&true) => {
            format!("{text}（差{}）", super::words::distance(chart.format, value - target))
        }
        _ => text,
    }
}

/// Targets and references down the plot, their labels above it and apart.
pub(super) fn marks(
    canvas: &mut Canvas,
    chart: &Chart,
    x_of: &impl Fn(f64) -> f64,
    (top, bottom): (f64, f64),
) {
    let targets = chart.targets.iter().map(|mark| (mark, TARGET, "6 4"));
    let references = chart.references.iter().map(|mark| (mark, INK, "1.5 2.5"));
    let mut marks: Vec<_> = targets.chain(references).collect();
    marks.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
    let halves: Vec<f64> = marks.iter().map(|m| width_of(&m.0.0, 12.0) / 2.0).collect();
    // From the right edge back, then from the left on: as near their lines as there is room.
    let mut middles: Vec<f64> = marks.iter().map(|m| x_of(m.0.1)).collect();
    let mut limit = canvas.width - 4.0;
    for (middle, half) in middles.iter_mut().zip(&halves).rev() {
        *middle = middle.min(limit - half);
        limit = *middle - half - 8.0;
    }
    let mut taken = 4.0;
    for (middle, half) in middles.iter_mut().zip(&halves) {
        *middle = middle.max(taken + half);
        taken = *middle + half + 8.0;
    }
    for (((label, value), ink, dash), middle) in marks.into_iter().zip(middles) {
        let x = x_of(*value);
        // On a ground of white, or a copy would lose it on dark bars.
        canvas.line((x, top - 5.0), (x, bottom), "#ffffff", 3.2, "");
        canvas.line((x, top - 5.0), (x, bottom), ink, 1.3, dash);
        canvas.text((middle, top - 9.0), 12.0, Anchor::Middle, ink, label);
    }
}
