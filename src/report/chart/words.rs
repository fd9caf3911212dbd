//! What a chart says, in one sentence: for those who do not see it, and for those who do.

use crate::report::document::{Chart, ChartShape, Format};
use crate::report::numbers;

/// The message of a chart: where it ends and how it got there, who is highest and lowest, how many miss the target.
pub fn describe(chart: &Chart) -> String {
    let parts = match chart.shape {
        ChartShape::Line => lines(chart),
        ChartShape::Bar => bars(chart),
        ChartShape::HorizontalBar => rows(chart),
        ChartShape::Heat => heat(chart),
        ChartShape::Stacked => stacks(chart),
        ChartShape::Dumbbell => pairs(chart),
    };
    let lead =
        if chart.caption.is_empty() { String::new() } else { format!("{}：", chart.caption) };
    format!("{lead}{}。", parts.join("；"))
}

/// A difference without its sign: points of a rate, else in the values' own unit.
pub(super) fn distance(format: Format, difference: f64) -> String {
    change_of(format, difference).trim_start_matches(['+', '-']).to_owned()
}

/// `+1.25` (points of a rate), `-3`.
pub(super) fn change_text(format: Format, before: f64, now: f64) -> String {
    change_of(format, now - before)
}

fn change_of(format: Format, difference: f64) -> String {
    match format {
        Format::Percent => numbers::points(difference * 100.0),
        Format::Points => numbers::points(difference),
        Format::Ratio if difference > 0.0 => format!("+{}", numbers::ratio(difference)),
        Format::Ratio => numbers::ratio(difference),
        Format::Int | Format::Change => numbers::change(difference),
        Format::Text | Format::Date => numbers::number(format, difference),
    }
}

/// `上升1.25个百分点`, `减少3`, `持平`.
fn moved(format: Format, before: f64, now: f64) -> String {
    let difference = now - before;
    let is_rate = matches!(format, Format::Percent | Format::Points);
    let (up, down) = if is_rate { ("上升", "下降") } else { ("增加", "减少") };
    let size = distance(format, difference);
    let unit = if is_rate { "个百分点" } else { "" };
    // A difference that prints as nothing is none.
    if size.chars().all(|c| matches!(c, '0' | '.')) {
        return "持平".to_owned();
    }
    format!("{}{size}{unit}", if difference > 0.0 { up } else { down })
}

/// A value as its format says it; never as a target that it is not.
pub(super) fn say(chart: &Chart, value: f64) -> String {
    let text = numbers::number(chart.format, value);
    if chart.format != Format::Percent {
        return text;
    }
    let looks_like = |target: &&(String, f64)| {
        numbers::number(Format::Percent, target.1) == text && (target.1 - value).abs() > 1e-12
    };
    match chart.targets.iter().find(looks_like) {
        Some((_, target)) => numbers::percent(value, Some(*target)),
        None => text,
    }
}

/// The values that are there, with their categories.
fn known<'a>(chart: &'a Chart, values: &'a [Option<f64>]) -> Vec<(&'a str, f64)> {
    let all = chart.categories.iter().zip(values);
    all.filter_map(|(name, value)| value.map(|value| (name.as_str(), value))).collect()
}

/// `最高甲镇60.00%，最低乙镇40.00%`.
fn extremes(chart: &Chart, known: &[(&str, f64)]) -> Option<String> {
    let highest = known.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let lowest = known.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let (high, low) = (say(chart, highest.1), say(chart, lowest.1));
    Some(format!("最高{}{high}，最低{}{low}", highest.0, lowest.0))
}

fn targets(chart: &Chart) -> Option<String> {
    let labels: Vec<&str> = chart.targets.iter().map(|(label, _)| label.as_str()).collect();
    (!labels.is_empty()).then(|| format!("目标线：{}", labels.join("、")))
}

fn lines(chart: &Chart) -> Vec<String> {
    let mut parts = Vec::new();
    for series in &chart.series {
        let known = known(chart, &series.values);
        let (Some(first), Some(last)) = (known.first(), known.last()) else {
            parts.push(format!("{}缺报", series.name));
            continue;
        };
        let mut text = format!("{}{}为{}", last.0, series.name, say(chart, last.1));
        if known.len() > 1 {
            text += &format!("，较{}{}", first.0, moved(chart.format, first.1, last.1));
        }
        if known.len() > 2 {
            text += &format!("（{}）", extremes(chart, &known).unwrap_or_default());
        }
        let at = series.values.iter().rposition(Option::is_some);
        let judged = at.and_then(|at| {
            let common = chart.missed.get(at).filter(|_| chart.series.len() == 1);
            series.missed.get(at).or(common)
        });
        match judged {
            Some(true) => text += "，未达目标",
            Some(false) => text += "，达到目标",
            None => {}
        }
        let n_gaps = series.values.len() - known.len();
        if n_gaps > 0 {
            text += &format!("，{n_gaps}期缺数");
        }
        parts.push(text);
    }
    parts.extend(targets(chart));
    parts
}

fn bars(chart: &Chart) -> Vec<String> {
    let mut parts = Vec::new();
    for series in &chart.series {
        let known = known(chart, &series.values);
        let told: Vec<String> =
            known.iter().map(|(name, value)| format!("{name}{}", say(chart, *value))).collect();
        let text = if known.len() <= 6 {
            told.join("，")
        } else {
            extremes(chart, &known).unwrap_or_default()
        };
        parts.push(format!("{}{text}", series.name));
    }
    let n_missed = n_missed(chart);
    if n_missed > 0 {
        parts.push(format!("{n_missed}个未达目标"));
    }
    parts.extend(targets(chart));
    parts
}

fn rows(chart: &Chart) -> Vec<String> {
    let Some(series) = chart.series.first() else { return Vec::new() };
    let known = known(chart, &series.values);
    let mut parts = vec![format!("共{}个", chart.categories.len())];
    parts.extend(extremes(chart, &known));
    if !chart.missed.is_empty() {
        let target = chart.targets.first().map_or("目标", |(label, _)| label.as_str());
        match n_missed(chart) {
            0 => parts.push(format!("有数的均达到{target}")),
            n => parts.push(format!("{n}个未达{target}")),
        }
    }
    for (label, value) in &chart.references {
        // The number may stand in the label already.
        let value = say(chart, *value);
        let is_told = label.contains(&value);
        parts.push(if is_told { label.clone() } else { format!("{label}{value}") });
    }
    let n_missing = series.values.len() - known.len();
    if n_missing > 0 {
        parts.push(format!("{n_missing}个缺报"));
    }
    parts
}

/// How many values that are there miss their target.
fn n_missed(chart: &Chart) -> usize {
    let of = |values: &[Option<f64>], missed: &[bool]| {
        values.iter().zip(missed).filter(|(value, missed)| value.is_some() && **missed).count()
    };
    let own: usize = chart.series.iter().map(|s| of(&s.values, &s.missed)).sum();
    let common = chart.series.last().map_or(0, |series| of(&series.values, &chart.missed));
    if own > 0 { own } else { common }
}

fn heat(chart: &Chart) -> Vec<String> {
    let mut parts = Vec::new();
    let column = |i: usize| -> Vec<(&str, f64)> {
        let all = chart.series.iter();
        all.filter_map(|s| s.values[i].map(|value| (s.name.as_str(), value))).collect()
    };
    let n_missed = |i: usize| {
        let missed = |s: &&crate::report::document::Series| {
            s.values[i].is_some() && s.missed.get(i) == Some(&true)
        };
        chart.series.iter().filter(missed).count()
    };
    let with_values: Vec<usize> =
        (0..chart.categories.len()).filter(|i| !column(*i).is_empty()).collect();
    let (Some(first), Some(last)) = (with_values.first(), with_values.last()) else {
        return parts;
    };
    let ends = extremes(chart, &column(*last)).unwrap_or_default();
    parts.push(format!("{}行{}列", chart.series.len(), chart.categories.len()));
    parts.push(format!("{}{ends}", chart.categories[*last]));
    if chart.series.iter().any(|series| !series.missed.is_empty()) {
        let mut text = format!("{}个未达目标", n_missed(*last));
        if first != last {
            text += &format!("（{}为{}个）", chart.categories[*first], n_missed(*first));
        }
        parts.push(text);
    }
    let n_missing = chart.series.iter().filter(|series| series.values[*last].is_none()).count();
    if n_missing > 0 {
        parts.push(format!("{n_missing}个缺报"));
    }
    parts
}

fn stacks(chart: &Chart) -> Vec<String> {
    let total = |i: usize| -> Option<f64> {
        let known: Vec<f64> = chart.series.iter().filter_map(|series| series.values[i]).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    };
    let totals: Vec<(usize, f64)> =
        (0..chart.categories.len()).filter_map(|i| total(i).map(|sum| (i, sum))).collect();
    let Some((last, sum)) = totals.last().copied() else { return Vec::new() };
    let of_last: Vec<String> = chart
        .series
        .iter()
        .filter_map(|s| s.values[last].map(|value| format!("{}{}", s.name, say(chart, value))))
        .collect();
    let mut text = format!("{}合计{}", chart.categories[last], say(chart, sum));
    text += &format!("（{}）", of_last.join("，"));
    if let [.., (before, then), _] = totals[..] {
        text += &format!("，较{}{}", chart.categories[before], moved(chart.format, then, sum));
    }
    let mut parts = vec![text];
    if let Some((at, most)) = totals.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))
        && totals.len() > 2
    {
        parts.push(format!("最多为{}的{}", chart.categories[at], say(chart, most)));
    }
    parts
}

fn pairs(chart: &Chart) -> Vec<String> {
    let [before, now] = &chart.series[..] else { return Vec::new() };
    let both: Vec<(&str, f64, f64)> = chart
        .categories
        .iter()
        .zip(before.values.iter().zip(&now.values))
        .filter_map(|(name, (a, b))| Some((name.as_str(), (*a)?, (*b)?)))
        .collect();
    let mut parts = Vec::new();
    let n_up = both.iter().filter(|(_, a, b)| b > a).count();
    let n_down = both.iter().filter(|(_, a, b)| b < a).count();
    parts.push(format!(
        "{}与{}相比，{n_up}个上升、{n_down}个下降、{}个持平",
        now.name,
        before.name,
        both.len() - n_up - n_down
    ));
    let by_change =
        |a: &&(&str, f64, f64), b: &&(&str, f64, f64)| (a.2 - a.1).total_cmp(&(b.2 - b.1));
    if let (Some(most), Some(least)) =
        (both.iter().max_by(by_change), both.iter().min_by(by_change))
    {
        let told =
            |one: &(&str, f64, f64)| format!("{}{}", one.0, moved(chart.format, one.1, one.2));
        parts.push(if most.0 == least.0 {
            told(most)
        } else {
            format!("变化最大的两端为{}、{}", told(most), told(least))
        });
    }
    parts.extend(
        extremes(chart, &known(chart, &now.values)).map(|ends| format!("{}{ends}", now.name)),
    );
    if !chart.missed.is_empty() {
        parts.push(format!("{}个未达目标", n_missed(chart)));
    }
    parts
}
