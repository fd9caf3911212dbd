//! The value axis: round steps, and labels with as few decimals as they need.

use crate::report::document::{Chart, Format};
use crate::report::numbers;

/// Where an axis begins.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum From {
    /// At nought: the length of a bar is what is compared.
    Zero,
    /// A little below the lowest value or target, so that neither is hidden.
    Lowest,
}

pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    step: f64,
    format: Format,
}

impl Scale {
    /// An axis on which all series, targets and references of a chart lie.
    pub(super) fn of(chart: &Chart, from: From) -> Scale {
        let marks = chart.targets.iter().chain(&chart.references).map(|(_, value)| *value);
        let values = chart.series.iter().flat_map(|series| series.values.iter().flatten().copied());
        Scale::over(values.chain(marks), chart.format, from)
    }

    pub(super) fn over(values: impl Iterator<Item = f64>, format: Format, from: From) -> Scale {
        let (mut low, mut high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let top = high;
        let is_rate = format == Format::Percent;
        if from == From::Zero {
            low = low.min(0.0);
            high = high.max(0.0);
        }
        let least = if is_rate { 0.02 } else { 1e-9 };
        let span = (high - low).max(high.abs() * 0.02).max(least);
        // A scale that begins anywhere is read by finer steps, and wastes less below its lowest value.
        let mut step = nice_step(span / if from == From::Zero { 5.0 } else { 7.0 });
        if format == Format::Int || format == Format::Change {
            // Half a case is none.
            step = step.max(1.0);
        }
        if from == From::Lowest {
            let is_positive = low >= 0.0;
            low -= span * 0.08;
            high += span * 0.12;
            if is_positive {
                low = low.max(0.0);
            }
        }
        let low = (low / step + 1e-9).floor() * step;
        let high = (high / step - 1e-9).ceil() * step;
        // Nothing lies above the whole, so neither does the axis.
        let high = if is_rate && top <= 1.0 { high.min(1.0) } else { high };
        Scale { low, high: if high > low { high } else { low + step }, step, format }
    }

    /// How far along the axis a value lies: 0 at its low end, 1 at its high one.
    pub(super) fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        let mut ticks = Vec::new();
        let mut i = 0.0;
        while self.low + i * self.step <= self.high + self.step * 1e-6 && ticks.len() < 40 {
            ticks.push(self.low + i * self.step);
            i += 1.0;
        }
        ticks
    }

    pub(super) fn label(&self, value: f64) -> String {
        let (value, step, sign) = if self.format == Format::Percent {
            (value * 100.0, self.step * 100.0, "%")
        } else {
            (value, self.step, "")
        };
        let is_whole = |d: &i32| {
            let scaled = step * 10f64.powi(*d);
            (scaled - scaled.round()).abs() < 1e-6
        };
        let decimals = usize::try_from((0..4).find(is_whole).unwrap_or(4)).unwrap_or(0);
        if decimals == 0 {
            return format!("{}{sign}", numbers::int(value));
        }
        format!("{value:.decimals$}{sign}")
    }
}

fn nice_step(rough: f64) -> f64 {
    let magnitude = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(10.0 * magnitude)
}
