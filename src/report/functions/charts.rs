//! `{{ chart(…) }}`: a chart from rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::Error;
use minijinja::value::{Kwargs, Serde, Value, ValueKind};
use serde::Deserialize;

use super::{ColumnSpec, Piece, Pieces, Source, as_number, nothing, unknown, word};
use crate::config::chart::{DeclaredChart, KEYS};
use crate::config::report::ReportDefinition;
use crate::diagnostic::Diagnostic;
use crate::model::Light;
use crate::report::chart::describe;
use crate::report::context::{ColumnKind, QueryRows};
use crate::report::document::{self, Chart, ChartShape, Format, Series};
use crate::report::filters::{number, wrong};
use crate::report::numbers::{self, NO_VALUE};

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Shape {
    Line,
    Bar,
    Hbar,
    Heat,
    Stacked,
    Dumbbell,
}

/// By which end rows of bars and dumbbells begin; missing ones stand last either way.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// The highest first.
    Down,
    Up,
}

type Keys = BTreeMap<String, Value>;

pub(super) fn chart(pieces: &Pieces, source: &Value, kwargs: &Kwargs) -> Result<Value, Error> {
    let declared = source.as_str().and_then(|name| pieces.charts.get_key_value(name));
    let mut keys = declared.map_or_else(Keys::new, |(name, chart)| keys_of(name, chart));
    let given: Vec<String> = kwargs.args().map(str::to_owned).collect();
    for key in given {
        if key == "query" || !KEYS.contains(&key.as_str()) {
            return Err(unknown("key of a chart", &key, KEYS[1..].iter().copied()));
        }
        let value: Value = kwargs.get(&key)?;
        keys.insert(canonical(&key), value);
    }
    let piece = match declared {
        Some((_, chart)) => make(pieces, &Value::from(chart.query.clone()), &keys)?,
        None => make(pieces, source, &keys)?,
    };
    Ok(pieces.block(piece))
}

/// `type` and `series` are `shape` and `y` by other names.
fn canonical(key: &str) -> String {
    match key {
        "type" => "shape",
        "series" => "y",
        other => other,
    }
    .to_owned()
}

fn keys_of(name: &str, chart: &DeclaredChart) -> Keys {
    let mut keys: Keys =
        chart.keys.iter().map(|(key, value)| (canonical(key), Value::from(Serde(value)))).collect();
    keys.entry("name".to_owned()).or_insert_with(|| Value::from(name.to_owned()));
    keys
}

/// Tries every declared chart on these rows: what is wrong with one is said with the line of its key,
/// whether a template prints it or not.
pub(in crate::report) fn prove(
    definition: &ReportDefinition,
    results: &BTreeMap<String, QueryRows>,
) -> Vec<Diagnostic> {
    let charts = definition.charts.clone();
    let pieces = Pieces::new(String::new(), Arc::new(results.clone()), charts);
    let mut problems = Vec::new();
    for (name, chart) in &definition.charts {
        let made = make(&pieces, &Value::from(chart.query.clone()), &keys_of(name, chart));
        let Err(error) = made else { continue };
        let message = error.detail().unwrap_or("it cannot be drawn").to_owned();
        // Our messages quote the word at fault: the key that holds it is where to look.
        let word = message.split('`').nth(1).unwrap_or_default();
        let holds = |(key, value): &(&String, &serde_json::Value)| {
            canonical(key) == word || value.to_string().contains(&format!("\"{word}\""))
        };
        let key = chart.keys.iter().find(holds).map(|(key, _)| key);
        let line = key.and_then(|key| chart.lines.get(key)).copied().unwrap_or(chart.line);
        let (head, hint) = match message.split_once("; ") {
            Some((head, hint)) => (head.to_owned(), Some(hint.to_owned())),
            None => (message, None),
        };
        let said = format!("chart `{name}`: {head}");
        let problem = Diagnostic::at_line(&definition.file, &definition.text, line, None, said);
        problems.push(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }
    problems
}

fn text(keys: &Keys, key: &str) -> Result<Option<String>, Error> {
    match keys.get(key).filter(|value| !value.is_none() && !value.is_undefined()) {
        None => Ok(None),
        Some(value) => value
            .as_str()
            .map(|text| Some(text.to_owned()))
            .ok_or_else(|| wrong(format!("`{key}` of a chart is a text"))),
    }
}

fn make(pieces: &Pieces, source: &Value, keys: &Keys) -> Result<Piece, Error> {
    let mut source = Source::of(pieces, source)?;
    let caption = text(keys, "caption")?.unwrap_or_default();
    let shape = match word::<Shape>(keys.get("shape"), "shape")? {
        None | Some(Shape::Line) => ChartShape::Line,
        Some(Shape::Bar) => ChartShape::Bar,
        Some(Shape::Hbar) => ChartShape::HorizontalBar,
        Some(Shape::Heat) => ChartShape::Heat,
        Some(Shape::Stacked) => ChartShape::Stacked,
        Some(Shape::Dumbbell) => ChartShape::Dumbbell,
    };
    let x = text(keys, "x")?.ok_or_else(|| wrong("a chart names its categories: x=\"column\""))?;
    let specs = specs(keys)?;
    let by = text(keys, "by")?;
    let sort = word::<Sort>(keys.get("sort"), "sort")?;
    let format = word::<Format>(keys.get("format"), "format")?;
    let missed = text(keys, "missed")?;
    let lights = lights(keys)?;
    if by.is_some() && specs.len() != 1 {
        return Err(wrong("a chart with `by` has one column of values: y=\"column\""));
    }
    match (shape, by.is_some()) {
        (ChartShape::HorizontalBar, _) if by.is_some() || specs.len() != 1 => {
            return Err(wrong("horizontal bars (hbar) show one series: y=\"column\""));
        }
        (ChartShape::Heat, false) => {
            return Err(wrong("a heat table names the column of its rows: by=\"column\""));
        }
        (ChartShape::Dumbbell, _) if by.is_some() || specs.len() != 2 => {
            return Err(wrong("a dumbbell compares two columns: y=[before, now]"));
        }
        _ => {}
    }
    let targets = marks_of(pieces, keys.get("targets"))?;
    let references = marks_of(pieces, keys.get("references"))?;
    let empty = text(keys, "empty")?;
    let alt = text(keys, "alt")?;
    let name = text(keys, "name")?;
    let category_title = text(keys, "x_title")?.unwrap_or_default();
    let say_nothing = || Piece::Empty(empty.clone().unwrap_or_else(|| nothing(&caption)));
    if source.is_bare() {
        return Ok(say_nothing());
    }
    let columns = Columns::of(&source, &x, by.as_deref(), missed.as_deref(), &specs)?;
    if let Some(sort) = sort {
        let last = columns.values.last().copied().unwrap_or(0);
        source.rows.sort_by(|a, b| {
            let (a, b) = (as_number(&a[last]), as_number(&b[last]));
            match (a, b) {
                (Some(a), Some(b)) if sort == Sort::Down => b.total_cmp(&a),
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => a.is_none().cmp(&b.is_none()),
            }
        });
    }
    let format =
        format.or_else(|| specs.iter().find_map(|spec| spec.format)).unwrap_or(Format::Int);
    let (categories, mut series) = match columns.by {
        Some(by) => columns.spread(&source, by)?,
        None => columns.side_by_side(&source, &specs)?,
    };
    for series in &mut series {
        series.light = lights.get(&series.name).copied();
    }
    // No value at all: said in words. A blank picture would look like a fault.
    if !series.iter().flat_map(|s| &s.values).any(Option::is_some) {
        return Ok(say_nothing());
    }
    let missed = match (columns.missed, columns.by) {
        (Some(i), None) => {
            source.rows.iter().map(|row| row[i] == document::Value::Bool(true)).collect()
        }
        _ => Vec::new(),
    };
    let mut chart = Chart {
        name: name.unwrap_or(source.name),
        caption,
        shape,
        categories,
        series,
        targets,
        format,
        missed,
        alt: String::new(),
        category_title,
        references,
    };
    // The judgement of one series is that of its categories.
    if let ([only], true) = (&mut chart.series[..], shape != ChartShape::Heat)
        && chart.missed.is_empty()
    {
        chart.missed = std::mem::take(&mut only.missed);
    }
    chart.alt = alt.unwrap_or_else(|| describe(&chart));
    Ok(Piece::Chart(chart))
}

fn specs(keys: &Keys) -> Result<Vec<ColumnSpec>, Error> {
    let y =
        keys.get("y").ok_or_else(|| wrong("a chart names its values: y=\"column\" or y=[…]"))?;
    let specs: Vec<ColumnSpec> = if y.as_str().is_some() || y.kind() == ValueKind::Map {
        vec![ColumnSpec::read(y)?]
    } else {
        y.try_iter()?.map(|item| ColumnSpec::read(&item)).collect::<Result<_, _>>()?
    };
    if specs.is_empty() {
        return Err(wrong("a chart names its values: y=\"column\" or y=[…]"));
    }
    Ok(specs)
}

/// `lights={"红": "red"}`: which series counts which light.
fn lights(keys: &Keys) -> Result<BTreeMap<String, Light>, Error> {
    let mut lights = BTreeMap::new();
    let Some(given) = keys.get("lights").filter(|value| !value.is_none()) else {
        return Ok(lights);
    };
    for name in given.try_iter()? {
        let light = given.get_item(&name)?.to_string();
        let light = light.parse::<Light>().map_err(|error| wrong(error.to_string()))?;
        lights.insert(name.to_string(), light);
    }
    Ok(lights)
}

/// Where in a row the chart's parts are.
struct Columns {
    x: usize,
    by: Option<usize>,
    missed: Option<usize>,
    /// One a series.
    values: Vec<usize>,
    /// Whether the target is met, one a series.
    met: Vec<Option<usize>>,
}

impl Columns {
    fn of(
        source: &Source,
        x: &str,
        by: Option<&str>,
        missed: Option<&str>,
        specs: &[ColumnSpec],
    ) -> Result<Columns, Error> {
        let index = |name: Option<&str>| name.map(|name| source.index(name)).transpose();
        // Rows that a template filtered have lost the kinds of their columns.
        let is_typed = !source.name.is_empty();
        let judging = specs.iter().filter_map(|spec| spec.met.as_deref()).chain(missed);
        for name in judging {
            if is_typed && source.columns[source.index(name)?].1 != ColumnKind::Bool {
                return Err(wrong(format!("column `{name}` of a chart is not true or false")));
            }
        }
        for spec in specs {
            let kind = source.columns[source.index(&spec.name)?].1;
            if is_typed && !matches!(kind, ColumnKind::Int | ColumnKind::Float) {
                return Err(wrong(format!("column `{}` of a chart holds no numbers", spec.name)));
            }
        }
        Ok(Columns {
            x: source.index(x)?,
            by: index(by)?,
            missed: index(missed)?,
            values: specs.iter().map(|spec| source.index(&spec.name)).collect::<Result<_, _>>()?,
            met: specs.iter().map(|spec| index(spec.met.as_deref())).collect::<Result<_, _>>()?,
        })
    }

    /// A row a category, a column a series.
    fn side_by_side(
        &self,
        source: &Source,
        specs: &[ColumnSpec],
    ) -> Result<(Vec<String>, Vec<Series>), Error> {
        let categories = source.rows.iter().map(|row| name_of(&row[self.x])).collect();
        let mut series = Vec::new();
        for ((spec, i), met) in specs.iter().zip(&self.values).zip(&self.met) {
            let mut one = Series { name: spec.heading().join("·"), ..Series::default() };
            for row in &source.rows {
                one.values.push(finite(&row[*i], &spec.name)?);
                if let Some(met) = met {
                    one.missed.push(row[*met] == document::Value::Bool(false));
                }
            }
            series.push(one);
        }
        Ok((categories, series))
    }

    /// A row a value: `x` says its category, `by` its series, each in order of first appearance.
    fn spread(&self, source: &Source, by: usize) -> Result<(Vec<String>, Vec<Series>), Error> {
        let mut categories: Vec<String> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut cells: BTreeMap<(usize, usize), (Option<f64>, bool)> = BTreeMap::new();
        let mut seen: BTreeSet<(usize, usize)> = BTreeSet::new();
        let met = self.met.first().copied().flatten();
        let value = self.values.first().copied().unwrap_or(0);
        for row in &source.rows {
            let at = (
                place(&mut names, name_of(&row[by])),
                place(&mut categories, name_of(&row[self.x])),
            );
            if !seen.insert(at) {
                return Err(wrong(format!(
                    "two rows give a value for {} and {}",
                    names[at.0], categories[at.1]
                )));
            }
            let is_missed = met.is_some_and(|i| row[i] == document::Value::Bool(false))
                || self.missed.is_some_and(|i| row[i] == document::Value::Bool(true));
            cells.insert(at, (finite(&row[value], &source.columns[value].0)?, is_missed));
        }
        let is_judged = met.is_some() || self.missed.is_some();
        let series = names
            .into_iter()
            .enumerate()
            .map(|(s, name)| {
                let row = (0..categories.len()).map(|i| cells.get(&(s, i)).copied());
                let (values, missed): (Vec<Option<f64>>, Vec<bool>) =
                    row.map(|cell| cell.unwrap_or((None, false))).unzip();
                let missed = if is_judged { missed } else { Vec::new() };
                Series { name, values, missed, light: None }
            })
            .collect();
        Ok((categories, series))
    }
}

fn place(known: &mut Vec<String>, name: String) -> usize {
    if let Some(at) = known.iter().position(|one| *one == name) {
        return at;
    }
    known.push(name);
    known.len() - 1
}

fn name_of(value: &document::Value) -> String {
    numbers::value(Format::Text, value, NO_VALUE)
}

/// A value to draw; none where there is none. What is no number (0/0 in doubles) would be drawn nowhere.
fn finite(value: &document::Value, column: &str) -> Result<Option<f64>, Error> {
    match as_number(value) {
        Some(number) if !number.is_finite() => {
            Err(wrong(format!("column `{column}` of a chart holds {number}: guard it by NULLIF")))
        }
        number => Ok(number),
    }
}

/// Lines with a label: `{"93%": 0.93}`, pairs, rows with `label` and `value`, or the name of a query with such rows.
fn marks_of(pieces: &Pieces, given: Option<&Value>) -> Result<Vec<(String, f64)>, Error> {
    let Some(given) = given.filter(|value| !value.is_none()) else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    if given.as_str().is_some() {
        let source = Source::of(pieces, given)?;
        let (label, value) = (source.index("label")?, source.index("value")?);
        for row in &source.rows {
            if let Some(number) = as_number(&row[value]) {
                lines.push((name_of(&row[label]), number));
            }
        }
        return Ok(lines);
    }
    for item in given.try_iter()? {
        let (label, value) = if item.as_str().is_some() {
            let value = given.get_item(&item)?;
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
