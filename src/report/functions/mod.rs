//! The functions by which a template puts typed pieces (tables, charts, figures) into a document.

pub(super) mod charts;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, State};
use serde::Deserialize;
use unicode_width::UnicodeWidthStr;

use crate::config::chart::DeclaredChart;
use crate::diagnostic::nearest;
use crate::model::Light;
use crate::report::context::{ColumnKind, QueryRows};
use crate::report::document::{self, Align, Cell, Chart, Column, Figure, Format, Row, Table};
use crate::report::filters::{number, wrong};
use crate::report::numbers::{self, NO_VALUE};

pub(super) const NAMES: [&str; 8] =
    ["table", "chart", "fig", "col", "attachments", "appendix", "pagebreak", "landscape"];

/// What a token stands for.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Table(Table),
    Chart(Chart),
    /// A table or chart without data: what is said instead.
    Empty(String),
    Figure(Figure),
    Attachments(Vec<String>),
    PageBreak,
    LandscapeBegin,
    LandscapeEnd,
    AppendixBegin(String),
    AppendixEnd,
}

/// What the functions of one rendering share.
pub(super) struct Pieces {
    /// Letters and digits that stand nowhere in template or data.
    token: String,
    results: Arc<BTreeMap<String, QueryRows>>,
    /// Charts that the front matter declares.
    charts: IndexMap<String, DeclaredChart>,
    found: Mutex<Vec<Piece>>,
}

impl Pieces {
    pub(super) fn new(
        token: String,
        results: Arc<BTreeMap<String, QueryRows>>,
        charts: IndexMap<String, DeclaredChart>,
    ) -> Arc<Pieces> {
        Arc::new(Pieces { token, results, charts, found: Mutex::new(Vec::new()) })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Piece>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn take(&self) -> Vec<Piece> {
        std::mem::take(&mut *self.lock())
    }

    fn put(&self, piece: Piece) -> String {
        let mut pieces = self.lock();
        pieces.push(piece);
        format!("{}N{}E", self.token, pieces.len() - 1)
    }

    /// A piece that stands on its own, whatever is around it.
    fn block(&self, piece: Piece) -> Value {
        Value::from_safe_string(format!("\n\n{}\n\n", self.put(piece)))
    }
}

pub(super) fn register(env: &mut Environment<'_>, pieces: &Arc<Pieces>) {
    let p = Arc::clone(pieces);
    env.add_function("table", move |source: Value, kwargs: Kwargs| table(&p, &source, &kwargs));
    let p = Arc::clone(pieces);
    env.add_function("chart", move |source: Value, kwargs: Kwargs| {
        charts::chart(&p, &source, &kwargs)
    });
    let p = Arc::clone(pieces);
    env.add_function("fig", move |value: Value, den: Option<Value>, kwargs: Kwargs| {
        fig(&p, &value, den.as_ref(), &kwargs)
    });
    env.add_function("col", col);
    let p = Arc::clone(pieces);
    env.add_function("attachments", move |names: Option<Vec<String>>| {
        p.block(Piece::Attachments(names.unwrap_or_default()))
    });
    let p = Arc::clone(pieces);
    env.add_function("pagebreak", move || p.block(Piece::PageBreak));
    let p = Arc::clone(pieces);
    env.add_function("landscape", move |state: &mut State, kwargs: Kwargs| {
        let hint = "landscape is a block: {% call landscape() %} … {% endcall %}";
        section(&p, state, &kwargs, (Piece::LandscapeBegin, Piece::LandscapeEnd), hint)
    });
    let p = Arc::clone(pieces);
    env.add_function("appendix", move |state: &mut State, title: String, kwargs: Kwargs| {
        let hint = "appendix is a block: {% call appendix(\"标题\") %} … {% endcall %}";
        section(&p, state, &kwargs, (Piece::AppendixBegin(title), Piece::AppendixEnd), hint)
    });
}

/// What a call block holds, between two pieces.
fn section(
    pieces: &Pieces,
    state: &mut State,
    kwargs: &Kwargs,
    (begin, end): (Piece, Piece),
    hint: &'static str,
) -> Result<Value, Error> {
    let caller: Value = kwargs.get("caller").map_err(|_| wrong(hint))?;
    kwargs.assert_all_used()?;
    let begin = pieces.put(begin);
    let inner = caller.call(state, &[])?;
    let end = pieces.put(end);
    Ok(Value::from_safe_string(format!("\n\n{begin}\n\n{inner}\n\n{end}\n\n")))
}

/// `col("share", "公办占比", format="percent", met="share_met")`: a column of a table or chart.
#[expect(clippy::needless_pass_by_value, reason = "minijinja gives arguments by value")]
fn col(name: String, heading: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let mut map: BTreeMap<String, Value> = BTreeMap::new();
    map.insert("name".to_owned(), Value::from(name));
    if let Some(heading) = heading {
        map.insert("heading".to_owned(), heading);
    }
    for key in kwargs.args() {
        map.insert(key.to_owned(), kwargs.get(key)?);
    }
    // Spelt wrong here is said here, with this line.
    let value = Value::from(map);
    ColumnSpec::read(&value)?;
    Ok(value)
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnSpec {
    name: String,
    #[serde(default)]
    heading: Option<Heading>,
    format: Option<Format>,
    /// A column that holds green, yellow or red.
    light: Option<String>,
    /// A column that holds whether the target is met.
    met: Option<String>,
    /// A column that holds the target (in the unit of this one): it is never printed for a value that is not it.
    target: Option<String>,
    /// What is printed where there is no value; `—` if not given.
    null: Option<String>,
    align: Option<Align>,
    /// Relative width in print; from the texts if not given.
    weight: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Heading {
    Text(String),
    Path(Vec<String>),
}

impl ColumnSpec {
    fn read(value: &Value) -> Result<ColumnSpec, Error> {
        if let Some(name) = value.as_str() {
            return Ok(ColumnSpec { name: name.to_owned(), ..ColumnSpec::default() });
        }
        ColumnSpec::deserialize(value.clone())
            .map_err(|error| wrong(error.detail().unwrap_or("not a column").to_owned()))
    }

    fn heading(&self) -> Vec<String> {
        match &self.heading {
            None => vec![self.name.clone()],
            Some(Heading::Text(text)) => text.split('/').map(str::to_owned).collect(),
            Some(Heading::Path(path)) => path.clone(),
        }
    }
}

/// Rows that a table or chart is made of.
struct Source {
    name: String,
    columns: Vec<(String, ColumnKind)>,
    rows: Vec<Vec<document::Value>>,
}

impl Source {
    /// By the name of a query, or a list of rows (filtered by the template).
    fn of(pieces: &Pieces, value: &Value) -> Result<Source, Error> {
        if let Some(name) = value.as_str() {
            let rows = pieces
                .results
                .get(name)
                .ok_or_else(|| unknown("query", name, pieces.results.keys().map(String::as_str)))?;
            return Ok(Source {
                name: name.to_owned(),
                columns: rows.columns.clone(),
                rows: rows.rows.clone(),
            });
        }
        if value.is_undefined() || value.is_none() {
            return Err(wrong("the rows are not there: give a query's name or a list of rows"));
        }
        let mut columns: Vec<(String, ColumnKind)> = Vec::new();
        let mut rows = Vec::new();
        for item in value.try_iter()? {
            if rows.is_empty() {
                for key in item.try_iter()? {
                    columns.push((key.to_string(), ColumnKind::Text));
                }
            }
            let row: Result<Vec<document::Value>, Error> =
                columns.iter().map(|(name, _)| typed(&item.get_attr(name)?)).collect();
            rows.push(row?);
        }
        for (i, column) in columns.iter_mut().enumerate() {
            let found = rows.iter().map(|row| &row[i]).find_map(kind_of);
            column.1 = found.unwrap_or(ColumnKind::Text);
        }
        Ok(Source { name: String::new(), columns, rows })
    }

    fn index(&self, name: &str) -> Result<usize, Error> {
        self.columns
            .iter()
            .position(|(column, _)| column == name)
            .ok_or_else(|| unknown("column", name, self.columns.iter().map(|c| c.0.as_str())))
    }

    fn optional(&self, name: Option<&String>) -> Result<Option<usize>, Error> {
        name.map(|name| self.index(name)).transpose()
    }

    /// Rows filtered down to none have no columns to check against: there is nothing to show either.
    fn is_bare(&self) -> bool {
        self.columns.is_empty()
    }
}

fn kind_of(value: &document::Value) -> Option<ColumnKind> {
    match value {
        document::Value::Null => None,
        document::Value::Text(_) => Some(ColumnKind::Text),
        document::Value::Int(_) => Some(ColumnKind::Int),
        document::Value::Float(_) => Some(ColumnKind::Float),
        document::Value::Date(_) => Some(ColumnKind::Date),
        document::Value::Bool(_) => Some(ColumnKind::Bool),
    }
}

fn typed(value: &Value) -> Result<document::Value, Error> {
    use minijinja::value::ValueKind;
    Ok(match value.kind() {
        ValueKind::None => document::Value::Null,
        ValueKind::Bool => document::Value::Bool(value.is_true()),
        ValueKind::Number => match value.as_i64() {
            Some(int) if value.is_integer() => document::Value::Int(int),
            _ => number(value)?.map_or(document::Value::Null, document::Value::Float),
        },
        ValueKind::String => document::Value::Text(value.to_string()),
        kind => return Err(wrong(format!("a cell cannot hold a {kind}"))),
    })
}

fn table(pieces: &Pieces, source: &Value, kwargs: &Kwargs) -> Result<Value, Error> {
    let source = Source::of(pieces, source)?;
    let caption: String = kwargs.get::<Option<String>>("caption")?.unwrap_or_default();
    let columns: Vec<Value> = kwargs.get::<Option<Vec<Value>>>("columns")?.ok_or_else(|| {
        wrong("a table names its columns: columns=[col(\"name\", \"heading\"), …]")
    })?;
    let notes: Option<Value> = kwargs.get("notes")?;
    let emphasis: Option<String> = kwargs.get("emphasis")?;
    let empty: Option<String> = kwargs.get("empty")?;
    let name: Option<String> = kwargs.get("name")?;
    let print_rows: Option<usize> = kwargs.get("print_rows")?;
    kwargs.assert_all_used()?;
    let specs: Vec<ColumnSpec> = columns.iter().map(ColumnSpec::read).collect::<Result<_, _>>()?;
    if specs.is_empty() {
        return Err(wrong("a table has at least one column"));
    }
    let notes = notes_of(notes.as_ref())?;
    let emphasis = if source.is_bare() { None } else { source.optional(emphasis.as_ref())? };
    let mut shown = Vec::new();
    if !source.is_bare() {
        for spec in &specs {
            shown.push(ShownColumn::of(&source, spec)?);
        }
    }
    if source.rows.is_empty() {
        return Ok(pieces.block(Piece::Empty(empty.unwrap_or_else(|| nothing(&caption)))));
    }
    let rows: Vec<Row> = source
        .rows
        .iter()
        .map(|row| Row {
            cells: shown.iter().map(|column| column.cell(row)).collect(),
            emphasis: emphasis.is_some_and(|i| row[i] == document::Value::Bool(true)),
        })
        .collect();
    let columns = shown
        .iter()
        .enumerate()
        .map(|(i, column)| column.finish(rows.iter().map(|row| row.cells[i].text.as_str())))
        .collect();
    let name = name.unwrap_or(source.name);
    Ok(pieces.block(Piece::Table(Table { name, caption, columns, rows, notes, print_rows })))
}

fn nothing(caption: &str) -> String {
    if caption.is_empty() {
        "本期无数据。".to_owned()
    } else {
        format!("{caption}：本期无数据。")
    }
}

fn notes_of(notes: Option<&Value>) -> Result<Vec<String>, Error> {
    let mut texts = Vec::new();
    match notes {
        None => {}
        Some(note) if note.is_none() => {}
        Some(note) if note.as_str().is_some() => texts.push(note.to_string()),
        Some(list) => {
            for note in list.try_iter()? {
                if !note.is_none() {
                    texts.push(note.to_string());
                }
            }
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    Ok(texts)
}

/// A column of a table, with the places of what its cells need.
struct ShownColumn<'a> {
    spec: &'a ColumnSpec,
    value: usize,
    light: Option<usize>,
    met: Option<usize>,
    target: Option<usize>,
    format: Format,
    align: Align,
}

impl<'a> ShownColumn<'a> {
    fn of(source: &Source, spec: &'a ColumnSpec) -> Result<ShownColumn<'a>, Error> {
        let value = source.index(&spec.name)?;
        let kind = source.columns[value].1;
        let format = spec.format.unwrap_or(match kind {
            ColumnKind::Int => Format::Int,
            ColumnKind::Date => Format::Date,
            ColumnKind::Text | ColumnKind::Float | ColumnKind::Bool => Format::Text,
        });
        let align = spec.align.unwrap_or(match (format, kind) {
            (Format::Date, _) | (_, ColumnKind::Bool) => Align::Center,
            (Format::Text, ColumnKind::Text) => Align::Left,
            _ => Align::Right,
        });
        Ok(ShownColumn {
            spec,
            value,
            light: source.optional(spec.light.as_ref())?,
            met: source.optional(spec.met.as_ref())?,
            target: source.optional(spec.target.as_ref())?,
            format,
            align,
        })
    }

    fn cell(&self, row: &[document::Value]) -> Cell {
        let mut value = row[self.value].clone();
        if let (Format::Date, document::Value::Text(text)) = (self.format, &value)
            && let (10, Some(date)) = (text.len(), numbers::date_in(text))
        {
            value = document::Value::Date(date);
        }
        if matches!(&value, document::Value::Float(number) if !number.is_finite()) {
            value = document::Value::Null;
        }
        let null = self.spec.null.as_deref().unwrap_or(NO_VALUE);
        let target = self.target.and_then(|i| as_number(&row[i]));
        let text = match (self.format, as_number(&value)) {
            (Format::Percent, Some(number)) => numbers::percent(number, target),
            _ => numbers::value(self.format, &value, null),
        };
        let by_light = self.light.and_then(|i| match &row[i] {
            document::Value::Text(word) => word.parse::<Light>().ok(),
            _ => None,
        });
        let by_met = self.met.and_then(|i| match row[i] {
            document::Value::Bool(true) => Some(Light::Green),
            document::Value::Bool(false) => Some(Light::Red),
            _ => None,
        });
        let light = if value == document::Value::Null { None } else { by_light.or(by_met) };
        Cell { value, text, light }
    }

    fn finish<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Column {
        let heading = self.spec.heading();
        let head = heading.last().map_or(0, |text| text.width().div_ceil(2));
        let longest = texts.map(UnicodeWidthStr::width).max().unwrap_or(0).max(head);
        #[expect(clippy::cast_precision_loss, reason = "a width of a few characters")]
        let weight = self.spec.weight.unwrap_or(longest.clamp(4, 30) as f64);
        Column {
            name: self.spec.name.clone(),
            heading,
            format: self.format,
            align: self.align,
            weight,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts lie far below 2^53")]
fn as_number(value: &document::Value) -> Option<f64> {
    match value {
        document::Value::Int(int) => Some(*int as f64),
        document::Value::Float(float) => Some(*float),
        _ => None,
    }
}

fn word<T: for<'de> Deserialize<'de>>(
    value: Option<&Value>,
    key: &str,
) -> Result<Option<T>, Error> {
    match value.filter(|value| !value.is_none()) {
        None => Ok(None),
        Some(value) => T::deserialize(value.clone())
            .map(Some)
            .map_err(|error| wrong(format!("{key}: {}", error.detail().unwrap_or("wrong")))),
    }
}

/// `fig(25113, unit="人")`, `fig(num, den)` (a rate), `fig(value, format="points")`; `met=` or `light=` judge it.
fn fig(
    pieces: &Pieces,
    value: &Value,
    den: Option<&Value>,
    kwargs: &Kwargs,
) -> Result<Value, Error> {
    let unit: String = kwargs.get::<Option<String>>("unit")?.unwrap_or_default();
    let format: Option<Value> = kwargs.get("format")?;
    let target: Option<f64> = kwargs.get("target")?;
    let met: Option<Value> = kwargs.get("met")?;
    let light: Option<Value> = kwargs.get("light")?;
    let null: String = kwargs.get::<Option<String>>("null")?.unwrap_or_else(|| NO_VALUE.to_owned());
    kwargs.assert_all_used()?;
    let num = number(value)?;
    let den = den.map(number).transpose()?;
    let is_rate = den.is_some();
    let den = den.flatten();
    let format = word::<Format>(format.as_ref(), "format")?;
    let format = format.unwrap_or(if is_rate { Format::Percent } else { Format::Int });
    let shown = match (num, is_rate, den) {
        (Some(num), true, Some(den)) if den != 0.0 => Some(num / den),
        (_, true, _) => None,
        (num, false, _) => num,
    };
    let text = match shown {
        None => null,
        Some(value) if format == Format::Percent => numbers::percent(value, target) + &unit,
        Some(value) => numbers::number(format, value) + &unit,
    };
    let by_met = met
        .filter(|met| !met.is_none())
        .map(|met| if met.is_true() { Light::Green } else { Light::Red });
    let by_light = match light.filter(|light| !light.is_none()) {
        None => None,
        Some(word) => Some(word.to_string().parse::<Light>().map_err(|e| wrong(e.to_string()))?),
    };
    let light = shown.and(by_light.or(by_met));
    let token = pieces.put(Piece::Figure(Figure { num, den, unit, light, text }));
    Ok(Value::from_safe_string(token))
}

fn unknown<'a>(kind: &str, word: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    let mut message = format!("unknown {kind} `{word}`");
    if let Some(near) = nearest(word, known.clone()) {
        message += &format!("; did you mean `{near}`?");
    } else {
        let all: Vec<&str> = known.take(30).collect();
        message += &format!("; known here: {}", all.join(", "));
    }
    wrong(message)
}
