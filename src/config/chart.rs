//! `[charts.<name>]` of a report's front matter: a chart declared once, printed by `{{ chart("<name>") }}`.

use std::ops::Range;

use indexmap::IndexMap;
use serde_json::Value;
use toml::Spanned;

use crate::diagnostic::nearest;

/// What a chart may be told, in front matter and in `chart(…)` alike; `query` in front matter alone.
pub const KEYS: [&str; 18] = [
    "query",
    "type",
    "shape",
    "x",
    "x_title",
    "y",
    "series",
    "by",
    "targets",
    "references",
    "format",
    "missed",
    "sort",
    "caption",
    "alt",
    "empty",
    "name",
    "lights",
];

/// A chart as its table declares it: keys that are known, of a query that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredChart {
    pub query: String,
    /// The other keys, as `chart(…)` takes them.
    pub keys: IndexMap<String, Value>,
    /// Where each key stands: 1-based line of the file.
    pub lines: IndexMap<String, usize>,
    /// Where the chart's name stands.
    pub line: usize,
}

/// `[charts]` as TOML gives it.
pub type WrittenCharts = IndexMap<Spanned<String>, IndexMap<Spanned<String>, Spanned<Value>>>;

/// Proves the charts of a front matter. `line_of` turns an offset of the TOML block into a line,
/// `is_query` knows the report's queries, `problem` is told (span, message, hint).
pub fn prove(
    written: WrittenCharts,
    line_of: impl Fn(usize) -> usize,
    is_query: impl Fn(&str) -> bool,
    mut problem: impl FnMut(Range<usize>, String, String),
) -> IndexMap<String, DeclaredChart> {
    let mut charts = IndexMap::new();
    for (name, keys) in written {
        let mut chart = DeclaredChart {
            query: String::new(),
            keys: IndexMap::new(),
            lines: IndexMap::new(),
            line: line_of(name.span().start),
        };
        for (key, value) in keys {
            let word = key.get_ref().as_str();
            if !KEYS.contains(&word) {
                let hint = nearest(word, KEYS).map_or_else(
                    || format!("known here: {}", KEYS.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                problem(key.span(), format!("a chart has no key `{word}`"), hint);
                continue;
            }
            if word == "query" {
                match value.get_ref() {
                    Value::String(query) if is_query(query) => chart.query.clone_from(query),
                    other => {
                        let message = format!("{other} is no query of this report");
                        problem(value.span(), message, "name one of [queries]".to_owned());
                    }
                }
                continue;
            }
            chart.lines.insert(word.to_owned(), line_of(key.span().start));
            chart.keys.insert(word.to_owned(), value.into_inner());
        }
        if chart.query.is_empty() {
            // A chart is called as its query, unless it says otherwise.
            if is_query(name.get_ref()) {
                chart.query.clone_from(name.get_ref());
            } else {
                let message = format!("the chart `{}` names no query", name.get_ref());
                problem(name.span(), message, "query = \"…\", one of [queries]".to_owned());
            }
        }
        charts.insert(name.into_inner(), chart);
    }
    charts
}
