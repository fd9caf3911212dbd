//! Before and now on one line a category: two marks, and how far they lie apart.

use super::canvas::{Anchor, Canvas, GREY, GRID, INK, TARGET, TONES, count, widest, width_of};
use super::horizontal::marks;
use super::scale::{From, Scale};
use super::words::{change_text, say};
use super::{ChartError, Style};
use crate::report::document::Chart;

const LABEL: f64 = 11.5;

pub(super) fn draw(chart: &Chart, style: &Style) -> Result<String, ChartError> {
    let [before, now] = &chart.series[..] else { return Ok(String::new()) };
    let scale = Scale::of(chart, From::Lowest);
    let told: Vec<String> = before
        .values
        .iter()
        .zip(&now.values)
        .map(|values| match values {
            (Some(a), Some(b)) => format!(
                "{} → {}（{}）",
                say(chart, *a),
                say(chart, *b),
                change_text(chart.format, *a, *b),
            ),
            (None, Some(b)) => format!("缺报 → {}", say(chart, *b)),
            (Some(a), None) => format!("{} → 缺报", say(chart, *a)),
            (None, None) => "缺报".to_owned(),
        })
        .collect();
    let left = widest(chart.categories.iter().map(String::as_str), 12.5) + 20.0;
    let right = widest(told.iter().map(String::as_str), LABEL) + 40.0;
    let top = 44.0 + if chart.targets.len() + chart.references.len() == 0 { 0.0 } else { 16.0 };
    let n = count(chart.categories.len());
    let height = style.height.unwrap_or(top + 24.0 * n + 30.0);
    let row = (height - top - 30.0) / n;
    let plot_w = style.width - left - right;
    let bottom = top + row * n;
    let x_of = |value: f64| left + plot_w * scale.share(value);
    let mut canvas = Canvas::new(style.width, height);

    canvas.marker(24.0, 16.0, 0, "#ffffff", INK);
    canvas.text((34.0, 20.5), 12.0, Anchor::Start, INK, &before.name);
    let x = 34.0 + width_of(&before.name, 12.0) + 24.0;
    canvas.marker(x, 16.0, 0, TONES[0], TONES[0]);
    canvas.text((x + 10.0, 20.5), 12.0, Anchor::Start, INK, &now.name);
    if !chart.missed.is_empty() {
        let x = x + 10.0 + width_of(&now.name, 12.0) + 24.0;
        canvas.rect(x - 4.0, 12.0, 8.0, 8.0, TARGET, TARGET);
        canvas.text((x + 10.0, 20.5), 12.0, Anchor::Start, INK, "未达目标");
    }
    for tick in scale.ticks() {
        let x = x_of(tick);
        canvas.line((x, top), (x, bottom), GRID, 1.0, "");
        canvas.text((x, bottom + 18.0), 12.0, Anchor::Middle, GREY, &scale.label(tick));
    }
    marks(&mut canvas, chart, &x_of, (top, bottom));
    for (i, category) in chart.categories.iter().enumerate() {
        let y = top + row * (count(i) + 0.5);
        canvas.text((left - 12.0, y + 4.4), 12.5, Anchor::End, INK, category);
        if let (Some(a), Some(b)) = (before.values[i], now.values[i]) {
            canvas.line((x_of(a), y), (x_of(b), y), TONES[0], 2.6, "");
        }
        if let Some(a) = before.values[i] {
            canvas.marker(x_of(a), y, 0, "#ffffff", INK);
        }
        if let Some(b) = now.values[i] {
            canvas.marker(x_of(b), y, 0, TONES[0], TONES[0]);
        }
        let at = style.width - right + 26.0;
        if chart.missed.get(i) == Some(&true) && now.values[i].is_some() {
            canvas.rect(at - 13.0, y - 4.0, 8.0, 8.0, TARGET, TARGET);
        }
        let ink = if now.values[i].is_some() { INK } else { GREY };
        canvas.text((at, y + 4.2), LABEL, Anchor::Start, ink, &told[i]);
    }
    canvas.finish(chart, style)
}
