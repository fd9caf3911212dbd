//! `{{ chart(…) }}`: a chart from rows, and what it shows in words.

use minijinja::Error;
use minijinja::value::{Kwargs, Value, ValueKind};
use serde::Deserialize;

use super::{ColumnSpec, Piece, Pieces, Source, as_number, nothing, word};
use crate::report::document::{self, Chart, ChartShape, Format, Series};
use crate::report::filters::{number, wrong};
use crate::report::numbers::{self, NO_VALUE};

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Shape {
    Line,
    Bar,
    Hbar,
}

pub(super) fn chart(pieces: &Pieces, source: &Value, kwargs: &Kwargs) -> Result<Value, Error> {
    let source = Source::of(pieces, source)?;
    let caption: String = kwargs.get::<Option<String>>("caption")?.unwrap_or_default();
    let shape: Option<Value> = kwargs.get("shape")?;
    let x: String =
        kwargs.get("x").map_err(|_| wrong("a chart names its categories: x=\"column\""))?;
    let y: Value =
        kwargs.get("y").map_err(|_| wrong("a chart names its values: y=\"column\" or y=[…]"))?;
    let targets: Option<Value> = kwargs.get("targets")?;
    let format: Option<Value> = kwargs.get("format")?;
    let missed: Option<String> = kwargs.get("missed")?;
    let alt: Option<String> = kwargs.get("alt")?;
    let empty: Option<String> = kwargs.get("empty")?;
    let name: Option<String> = kwargs.get("name")?;
    kwargs.assert_all_used()?;
    let shape = match word::<Shape>(shape.as_ref(), "shape")? {
        None | Some(Shape::Line) => ChartShape::Line,
        Some(Shape::Bar) => ChartShape::Bar,
        Some(Shape::Hbar) => ChartShape::HorizontalBar,
    };
    let format = word::<Format>(format.as_ref(), "format")?;
    let specs: Vec<ColumnSpec> = if y.as_str().is_some() {
        vec![ColumnSpec::read(&y)?]
    } else {
        y.try_iter()?.map(|item| ColumnSpec::read(&item)).collect::<Result<_, _>>()?
    };
    if shape == ChartShape::HorizontalBar && specs.len() != 1 {
        return Err(wrong("horizontal bars (hbar) show one series: y=\"column\""));
    }
    let targets = targets_of(targets.as_ref())?;
    let say_nothing = || empty.clone().unwrap_or_else(|| nothing(&caption));
    if source.is_bare() {
        return Ok(pieces.block(Piece::Empty(say_nothing())));
    }
    let category = source.index(&x)?;
    let missed = source.optional(missed.as_ref())?;
    let format =
        format.or_else(|| specs.iter().find_map(|spec| spec.format)).unwrap_or(Format::Int);
    let mut series = Vec::new();
    for spec in &specs {
        let i = source.index(&spec.name)?;
        let values = source.rows.iter().map(|row| as_number(&row[i]).filter(|v| v.is_finite()));
        series.push(Series { name: spec.heading().join("·"), values: values.collect() });
    }
    // No value at all: said in words. A blank picture would look like a fault.
    if !series.iter().flat_map(|s| &s.values).any(Option::is_some) {
        return Ok(pieces.block(Piece::Empty(say_nothing())));
    }
    let categories = source
        .rows
        .iter()
        .map(|row| numbers::value(Format::Text, &row[category], NO_VALUE))
        .collect();
    let missed = missed.map_or_else(Vec::new, |i| {
        source.rows.iter().map(|row| row[i] == document::Value::Bool(true)).collect()
    });
    let name = name.unwrap_or(source.name);
    let mut chart = Chart {
        name,
        caption,
        shape,
        categories,
        series,
        targets,
        format,
        missed,
        alt: String::new(),
    };
    chart.alt = alt.unwrap_or_else(|| describe(&chart));
    Ok(pieces.block(Piece::Chart(chart)))
}

/// A chart in words: its ends for lines, all values for up to eight bars, else the extremes.
fn describe(chart: &Chart) -> String {
    let shape = match chart.shape {
        ChartShape::Line => "折线图",
        ChartShape::Bar => "柱状图",
        ChartShape::HorizontalBar => "条形图",
    };
    let mut parts: Vec<String> = Vec::new();
    for series in &chart.series {
        let known: Vec<(&String, f64)> = chart
            .categories
            .iter()
            .zip(&series.values)
            .filter_map(|(c, v)| v.map(|v| (c, v)))
            .collect();
        let say = |(category, value): &(&String, f64)| {
            format!("{category}{}", numbers::number(chart.format, *value))
        };
        let text = if known.len() <= 8 {
            known.iter().map(say).collect::<Vec<_>>().join("，")
        } else {
            let highest = known.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(say);
            let lowest = known.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(say);
            format!("最高{}，最低{}", highest.unwrap_or_default(), lowest.unwrap_or_default())
        };
        parts.push(format!("{}：{text}", series.name));
    }
    let missed = chart.missed.iter().filter(|missed| **missed).count();
    if missed > 0 {
        parts.push(format!("未达目标{missed}个"));
    }
    for (label, _) in &chart.targets {
        parts.push(label.clone());
    }
    format!("{}（{shape}）。{}。", chart.caption, parts.join("；"))
}

fn targets_of(targets: Option<&Value>) -> Result<Vec<(String, f64)>, Error> {
    let Some(targets) = targets.filter(|value| !value.is_none()) else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    for item in targets.try_iter()? {
        // {"93%": 0.93} gives its keys, [["93%", 0.93]] its pairs, a query its rows.
        let (label, value) = if item.as_str().is_some() {
            let value = targets.get_item(&item)?;
            (item, value)
        } else if item.kind() == ValueKind::Map {
            (item.get_attr("label")?, item.get_attr("value")?)
        } else {
            (item.get_item_by_index(0)?, item.get_item_by_index(1)?)
        };
        if let Some(number) = number(&value)? {
            lines.push((label.to_string(), number));
        }
    }
    Ok(lines)
}
