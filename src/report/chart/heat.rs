//! A table of shaded numbers: towns down, months across.

use super::canvas::{Anchor, Canvas, GREY, INK, Rim, TARGET, count, widest, width_of};
use super::words::say;
use super::{ChartError, Style};
use crate::report::document::{Chart, Format};
use crate::report::numbers;

/// Shades, lightest first; each with the ink that is readable on it (contrast above 4.5 : 1).
const FAR: [(&str, &str); 5] = [
    ("#ffffff", INK),
    ("#fde6cc", INK),
    ("#f7bb84", INK),
    ("#e08a3f", "#111111"),
    ("#8a3b0c", "#ffffff"),
];
const HIGH: [(&str, &str); 5] = [
    ("#f6f9fc", INK),
    ("#d3e2f1", INK),
    ("#a3c4e3", INK),
    ("#6ba0cf", "#111111"),
    ("#1f4e79", "#ffffff"),
];
/// Gaps at which the shade changes: points of a rate, hundredths of any other target.
const GAPS: [f64; 3] = [2.0, 5.0, 10.0];

pub(super) fn draw(chart: &Chart, style: &Style) -> Result<String, ChartError> {
    let shades = Shades::of(chart);
    let n_columns = count(chart.categories.len());
    let left = widest(chart.series.iter().map(|series| series.name.as_str()), 12.0) + 14.0;
    let cell_w = ((style.width - left - 6.0) / n_columns).min(130.0);
    let texts: Vec<Vec<String>> = chart
        .series
        .iter()
        .map(|series| {
            let short = |value: &Option<f64>| {
                value.map(|value| short(chart.format, value, &shades, cell_w))
            };
            series.values.iter().map(|value| short(value).unwrap_or_default()).collect()
        })
        .collect();
    let widest_text = widest(texts.iter().flatten().map(String::as_str), 1.0).max(1.0);
    let size = ((cell_w - 4.0) / widest_text).clamp(7.0, 12.0);
    let row = (size + 10.0).max(18.0);
    let heads = Heads::of(&chart.categories, cell_w);
    let top = 34.0 + heads.height();
    let height = style.height.unwrap_or(top + row * count(chart.series.len()) + 8.0);
    let row = (height - top - 8.0) / count(chart.series.len());
    let mut canvas = Canvas::new(style.width, height);
    shades.legend(&mut canvas, chart);
    heads.draw(&mut canvas, &chart.categories, (left, top), cell_w);
    for (r, series) in chart.series.iter().enumerate() {
        let y = top + row * count(r);
        canvas.text((left - 6.0, y + row / 2.0 + 4.2), 12.0, Anchor::End, INK, &series.name);
        for (c, value) in series.values.iter().enumerate() {
            let x = left + cell_w * count(c);
            let middle = (x + cell_w / 2.0, y + row / 2.0 + size * 0.36);
            let Some(value) = value else {
                canvas.rect(x, y, cell_w, row, "url(#none)", "#d0d0d0");
                let word = if cell_w >= 30.0 { "缺报" } else { "缺" };
                canvas.text(middle, size.min(11.0), Anchor::Middle, GREY, word);
                continue;
            };
            let is_missed = series.missed.get(c) == Some(&true);
            let (fill, ink) = shades.of_value(*value, is_missed);
            canvas.rect(x, y, cell_w, row, fill, "#d0d0d0");
            if is_missed {
                let mark = if ink == "#ffffff" { "#ffffff" } else { TARGET };
                canvas.rect(x + 1.5, y + 1.5, 3.5, 3.5, mark, mark);
            }
            canvas.lettered(middle, size, Anchor::Middle, ink, Rim::None, &texts[r][c]);
        }
    }
    canvas.finish(chart, style)
}

/// What decides on a cell's shade.
enum Shades {
    /// Cells are judged, and there is one target: by how far a cell is from it.
    Target(f64, Format),
    /// Five equal steps between the lowest and the highest.
    Range(f64, f64),
}

impl Shades {
    fn of(chart: &Chart) -> Shades {
        let is_judged = chart.series.iter().any(|series| !series.missed.is_empty());
        if let (true, [(_, target)]) = (is_judged, &chart.targets[..]) {
            return Shades::Target(*target, chart.format);
        }
        let values = chart.series.iter().flat_map(|series| series.values.iter().flatten());
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
        Shades::Range(low, high)
    }

    fn of_value(&self, value: f64, is_missed: bool) -> (&'static str, &'static str) {
        match self {
            Shades::Target(..) if !is_missed => FAR[0],
            Shades::Target(target, format) => {
                let gap = (target - value).abs() * 100.0;
                let gap = if *format == Format::Percent || *target == 0.0 {
                    gap
                } else {
                    gap / target.abs()
                };
                FAR[1 + GAPS.iter().filter(|limit| gap >= **limit).count()]
            }
            Shades::Range(low, high) => {
                let steps = (1..5).map(|k| low + (high - low) * f64::from(k) / 5.0);
                HIGH[steps.filter(|limit| value >= *limit && high > low).count()]
            }
        }
    }

    fn target(&self) -> Option<f64> {
        match self {
            Shades::Target(target, _) => Some(*target),
            Shades::Range(..) => None,
        }
    }

    fn legend(&self, canvas: &mut Canvas, chart: &Chart) {
        let mut x = 8.0;
        let mut entry = |canvas: &mut Canvas, fill: &str, words: &str, is_missed: bool| {
            canvas.rect(x, 8.0, 18.0, 12.0, fill, "#8a8a8a");
            if is_missed {
                canvas.rect(x + 1.5, 9.5, 3.5, 3.5, TARGET, TARGET);
            }
            canvas.text((x + 23.0, 18.0), 11.0, Anchor::Start, INK, words);
            x += 23.0 + width_of(words, 11.0) + 12.0;
        };
        match self {
            Shades::Target(_, format) => {
                let unit = if *format == Format::Percent { "个百分点" } else { "%" };
                entry(canvas, FAR[0].0, "达标", false);
                entry(canvas, FAR[1].0, &format!("■未达标，差2{unit}以内"), true);
                entry(canvas, FAR[2].0, "2～5", true);
                entry(canvas, FAR[3].0, "5～10", true);
                entry(canvas, FAR[4].0, "10以上", false);
            }
            Shades::Range(low, high) => {
                let limits: Vec<f64> =
                    (0..=5).map(|k| low + (high - low) * f64::from(k) / 5.0).collect();
                let word = |value: f64| say(chart, value);
                if high > low {
                    for (k, (fill, _)) in HIGH.iter().enumerate() {
                        entry(canvas, fill, &format!("{}起", word(limits[k])), false);
                    }
                }
            }
        }
        if chart.series.iter().flat_map(|series| &series.values).any(Option::is_none) {
            entry(canvas, "url(#none)", "缺报", false);
        }
        if chart.format == Format::Percent {
            canvas.text((canvas.width - 8.0, 18.0), 11.0, Anchor::End, GREY, "单位：%");
        }
    }
}

/// A cell's number, without the sign that the legend says; in a narrow cell with one decimal, which
/// rounds no failing value up to its target.
fn short(format: Format, value: f64, shades: &Shades, cell_w: f64) -> String {
    let target = shades.target();
    if format != Format::Percent {
        return numbers::number(format, value);
    }
    let text = numbers::percent(value, target);
    let text = text.trim_end_matches('%');
    if width_of(text, 10.5) + 4.0 <= cell_w {
        return text.to_owned();
    }
    let tenths = value * 1000.0;
    let mut rounded = tenths.round();
    let limits = target.into_iter().map(|target| target * 1000.0);
    for limit in limits {
        if tenths < limit - 1e-6 && rounded >= limit - 1e-6 {
            rounded = (limit - 1e-6).floor();
        }
    }
    format!("{:.1}", rounded / 10.0)
}

/// The columns' headings: years above months where all are months, else each whole.
enum Heads {
    Months(Vec<(String, String)>),
    Flat,
    Upright(f64),
}

impl Heads {
    fn of(categories: &[String], cell_w: f64) -> Heads {
        let wide = widest(categories.iter().map(String::as_str), 11.0);
        if wide + 4.0 <= cell_w {
            return Heads::Flat;
        }
        let months: Option<Vec<(String, String)>> = categories
            .iter()
            .map(|name| {
                let (year, month) = name.split_once('年')?;
                year.parse::<u16>().ok()?;
                Some((format!("{year}年"), month.to_owned()))
            })
            .collect();
        match months {
            Some(months) if widest(months.iter().map(|m| m.1.as_str()), 9.0) + 2.0 <= cell_w => {
                Heads::Months(months)
            }
            _ => Heads::Upright(wide),
        }
    }

    fn height(&self) -> f64 {
        match self {
            Heads::Months(_) => 36.0,
            Heads::Flat => 20.0,
            Heads::Upright(wide) => wide + 8.0,
        }
    }

    fn draw(
        &self,
        canvas: &mut Canvas,
        categories: &[String],
        (left, top): (f64, f64),
        cell_w: f64,
    ) {
        let x_of = |i: usize| left + cell_w * (count(i) + 0.5);
        match self {
            Heads::Flat => {
                for (i, name) in categories.iter().enumerate() {
                    canvas.text((x_of(i), top - 6.0), 11.0, Anchor::Middle, INK, name);
                }
            }
            Heads::Upright(_) => {
                for (i, name) in categories.iter().enumerate() {
                    canvas.upright((x_of(i), top - 5.0), 11.0_f64.min(cell_w - 2.0), INK, name);
                }
            }
            Heads::Months(months) => {
                let size = if cell_w >= 28.0 { 11.0 } else { 9.0 };
                let mut start = 0;
                for (i, (year, month)) in months.iter().enumerate() {
                    canvas.text((x_of(i), top - 6.0), size, Anchor::Middle, INK, month);
                    if months.get(i + 1).is_none_or(|next| next.0 != *year) {
                        let span = cell_w * count(i + 1 - start);
                        let from = left + cell_w * count(start);
                        canvas.line(
                            (from + 1.5, top - 18.0),
                            (from + span - 1.5, top - 18.0),
                            GREY,
                            1.0,
                            "",
                        );
                        // One month alone may have no room for its year.
                        let short = year.trim_end_matches('年');
                        let text = if width_of(year, 11.0) <= span { year.as_str() } else { short };
                        let size = if width_of(text, 11.0) <= span { 11.0 } else { 9.0 };
                        if width_of(text, size) <= span {
                            let at = (from + span / 2.0, top - 22.0);
                            canvas.text(at, size, Anchor::Middle, INK, text);
                        }
                        start = i + 1;
                    }
                }
            }
        }
    }
}
