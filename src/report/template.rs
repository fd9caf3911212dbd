//! Running a template: limits, escaping, and errors with the lines of the report's file.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, OutputSpanKind, State, UndefinedBehavior,
};
use sha2::{Digest, Sha256};

use super::context::{QueryRows, ReportContext, UnitInfo};
use super::document::{self, Document};
use super::functions::{self, Pieces};
use super::{Rendered, filters, markdown, numbers};
use crate::config::burst::ParamValue;
use crate::config::report::{LineTemplate, ReportDefinition};
use crate::diagnostic::{Diagnostic, nearest};

/// Steps of the template machine: a report of 30 towns takes some ten thousand.
const FUEL: u64 = 2_000_000;
/// Bytes of Markdown: a report of 30 towns makes some twenty thousand.
const MAX_OUTPUT: usize = 4 << 20;

/// Names that stand at the top of a template's context.
const TOP: [&str; 11] = [
    "q", "period", "previous", "as_of", "edition", "district", "changes", "restated", "notices",
    "unit", "params",
];

pub(super) fn render(
    definition: &ReportDefinition,
    results: &BTreeMap<String, QueryRows>,
    context: &ReportContext,
) -> Result<Rendered, Vec<Diagnostic>> {
    let root = values(results, context);
    let shared = Arc::new(results.clone());
    let pieces =
        Pieces::new(token(definition, results, context), shared, definition.charts.clone());
    let mut problems = Vec::new();

    let mut lines =
        Lines { definition, root: &root, env: line_environment(), problems: &mut problems };
    let title = lines.render(Some(&definition.title));
    let subtitle = lines.render(definition.subtitle.as_ref());
    let addressees = lines.render(definition.addressees.as_ref());
    let signature = lines.render(definition.signature.as_ref());
    let doc_number = lines.render(definition.doc_number.as_ref());
    let imprint = definition.imprint.iter().map(|line| lines.render(Some(line))).collect();
    let subject = lines.render(definition.subject.as_ref());
    let file_name = lines.render(definition.file_name.as_ref());

    let blocks = match body(definition, &pieces, &root, results) {
        Ok(blocks) => blocks,
        Err(more) => {
            problems.extend(more);
            Vec::new()
        }
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let subject = if subject.is_empty() { title.clone() } else { subject };
    let file_name = safe_file_name(if file_name.is_empty() { &title } else { &file_name });
    let document = Document {
        title,
        addressees,
        signature,
        dated_on: definition.dated.then(|| context.as_of_local.date()),
        doc_number,
        imprint,
        subtitle,
        blocks,
    };
    Ok(Rendered { document, subject, file_name })
}

fn body(
    definition: &ReportDefinition,
    pieces: &Arc<Pieces>,
    root: &Value,
    results: &BTreeMap<String, QueryRows>,
) -> Result<Vec<document::Block>, Vec<Diagnostic>> {
    let env = body_environment(pieces);
    let locate = |error: &Error| {
        let shift = error.range().map(|range| range.start + definition.body_start);
        let line = error.line().map(|line| line + definition.lines_before_body());
        diagnostic(definition, error, shift, line, results)
    };
    let template = env
        .template_from_named_str(&definition.file, definition.body())
        .map_err(|error| vec![locate(&error)])?;
    let mut output = Limited::default();
    template.render_captured_to(root, &mut output).map_err(|error| vec![locate(&error)])?;
    let output = String::from_utf8(output.bytes).unwrap_or_default();
    let found = markdown::parse(&output, pieces.token(), &pieces.take(), definition.numbering);
    found.map_err(|problems| {
        // Rendered once more, now recording which line of the template wrote which line of output.
        pieces.clear();
        let spans = template.render_with_spans(root).map(|(_, spans)| spans).unwrap_or_default();
        let place = |offset: usize| {
            let span = spans.iter().find(|span| span.output_range().contains(&offset))?;
            let within = match span.kind() {
                OutputSpanKind::Raw => offset - span.output_range().start,
                _ => 0,
            };
            Some(span.source_range().start + within + definition.body_start)
        };
        let said = |problem: &markdown::Problem| match place(problem.offset) {
            Some(at) => {
                Diagnostic::at(&definition.file, &definition.text, at..at, &problem.message)
            }
            None => Diagnostic::file(&definition.file, &problem.message),
        };
        problems.iter().map(|problem| said(problem).hint(problem.hint)).collect()
    })
}

/// Renders the one-line templates of the front matter.
struct Lines<'a> {
    definition: &'a ReportDefinition,
    root: &'a Value,
    env: Environment<'static>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Lines<'_> {
    /// A line: breaks and control characters become blanks, as it may become a mail's subject.
    fn render(&mut self, line: Option<&LineTemplate>) -> String {
        let Some(line) = line else { return String::new() };
        let mut output = Limited::default();
        let rendered = self
            .env
            .template_from_named_str(&self.definition.file, &line.text)
            .and_then(|template| template.render_captured_to(self.root, &mut output).map(drop));
        match rendered {
            Ok(()) => one_line(&String::from_utf8_lossy(&output.bytes)),
            Err(error) => {
                let at = line.line + error.line().unwrap_or(1) - 1;
                let known = BTreeMap::new();
                self.problems.push(diagnostic(self.definition, &error, None, Some(at), &known));
                String::new()
            }
        }
    }
}

fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn safe_file_name(text: &str) -> String {
    let name: String = text
        .chars()
        .map(|c| if r#"/\:*?"<>|"#.contains(c) || c.is_control() { '_' } else { c })
        .take(80)
        .collect();
    name.trim_matches(['.', ' ']).to_owned()
}

/// Output that stops growing at a limit.
#[derive(Default)]
struct Limited {
    bytes: Vec<u8>,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other(format!("more than {} MiB of text", MAX_OUTPUT >> 20)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(60);
    env.set_debug(true);
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        env.set_syntax(syntax);
    }
    filters::register(&mut env);
    env.remove_global("debug");
    env
}

fn line_environment() -> Environment<'static> {
    let mut env = environment();
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_formatter(|out: &mut Output, _: &mut State, value: &Value| {
        write(out, value, str::to_owned)
    });
    env
}

fn body_environment(pieces: &Arc<Pieces>) -> Environment<'static> {
    let mut env = environment();
    // Anything but None: macros and call blocks then give text that is known to be escaped.
    env.set_auto_escape_callback(|_| AutoEscape::Custom("markdown".into()));
    env.set_formatter(|out: &mut Output, _: &mut State, value: &Value| write(out, value, escape));
    functions::register(&mut env, pieces);
    env
}

/// `Option::None` would print as "None": a report says —.
fn write(out: &mut Output, value: &Value, escape: fn(&str) -> String) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let text = if value.is_none() {
        numbers::NO_VALUE.to_owned()
    } else if value.is_safe() {
        value.to_string()
    } else {
        match value.kind() {
            minijinja::value::ValueKind::Bool if value.is_true() => "是".to_owned(),
            minijinja::value::ValueKind::Bool => "否".to_owned(),
            minijinja::value::ValueKind::Number | minijinja::value::ValueKind::String => {
                escape(&value.to_string())
            }
            kind => {
                return Err(filters::wrong(format!(
                    "a {kind} cannot be printed: name one of its parts"
                )));
            }
        }
    };
    out.write_str(&text).map_err(Error::from)
}

/// Escapes so that Markdown shows exactly these characters: every ASCII punctuation mark may be
/// escaped, and a text without line breaks and double blanks cannot open a block.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut blank = false;
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            escaped.push('\\');
            escaped.push(c);
            blank = false;
        } else if c.is_control() || c == ' ' || c == '\u{2028}' || c == '\u{2029}' {
            if !blank {
                escaped.push(' ');
            }
            blank = true;
        } else {
            escaped.push(c);
            blank = false;
        }
    }
    escaped
}

/// A word that no cell can contain, as it is a hash over all cells too.
fn token(
    definition: &ReportDefinition,
    results: &BTreeMap<String, QueryRows>,
    context: &ReportContext,
) -> String {
    let mut hash = Sha256::new();
    hash.update(definition.text.as_bytes());
    hash.update(serde_json::to_vec(results).unwrap_or_default());
    hash.update(serde_json::to_vec(context).unwrap_or_default());
    let mut token = String::from("DUBAN");
    for byte in hash.finalize().iter().take(16) {
        let _ = write!(token, "{byte:02x}");
    }
    token
}

/// What templates see.
fn values(results: &BTreeMap<String, QueryRows>, context: &ReportContext) -> Value {
    let queries = results.iter().map(|(name, rows)| (name.clone(), rows_value(rows)));
    let period = |info: &super::PeriodInfo| {
        map([
            ("code", Value::from(info.code.clone())),
            ("label", Value::from(info.label.clone())),
            ("starts_on", Value::from(info.starts_on.to_string())),
            ("ends_on", Value::from(info.ends_on.to_string())),
            ("stat_on", Value::from(info.stat_on.to_string())),
        ])
    };
    let before = context.previous_edition.as_ref().map_or(Value::from(()), |edition| {
        map([
            ("number", Value::from(edition.number)),
            ("period", Value::from(edition.period.clone())),
            ("period_label", Value::from(edition.period_label.clone())),
            ("created_on", Value::from(edition.created_on.to_string())),
        ])
    });
    let changes: Vec<Value> = context
        .changes
        .iter()
        .map(|change| {
            map([
                ("unit_name", Value::from(change.unit_name.clone())),
                ("dataset_title", Value::from(change.dataset_title.clone())),
                ("period", Value::from(change.period.clone())),
                ("file_name", Value::from(change.file_name.clone())),
                ("what", Value::from(change.what.clone())),
            ])
        })
        .collect();
    let restated: Vec<Value> = context
        .restated
        .iter()
        .map(|figure| {
            map([
                ("metric_title", Value::from(figure.metric_title.clone())),
                ("level", Value::from(figure.level.clone())),
                ("unit_name", Value::from(figure.unit_name.clone())),
                ("period", Value::from(figure.period.clone())),
                ("before_num", Value::from(figure.before_num)),
                ("before_den", Value::from(figure.before_den)),
                ("after_num", Value::from(figure.after_num)),
                ("after_den", Value::from(figure.after_den)),
            ])
        })
        .collect();
    map([
        ("q", queries.collect::<BTreeMap<String, Value>>().into()),
        ("period", period(&context.period)),
        ("previous", period(&context.previous)),
        (
            "as_of",
            map([
                ("at", Value::from(context.as_of_local.to_string())),
                ("on", Value::from(context.as_of_local.date().to_string())),
            ]),
        ),
        (
            "edition",
            map([
                ("number", number(context.edition_number)),
                ("previous", before),
                ("corrects", context.corrects.map_or(Value::from(()), Value::from)),
            ]),
        ),
        ("unit", context.unit.as_ref().map_or(Value::from(()), unit_value)),
        (
            "params",
            context
                .params
                .iter()
                .map(|(name, value)| (name.clone(), param_value(value)))
                .collect::<BTreeMap<String, Value>>()
                .into(),
        ),
        ("district", Value::from(context.district.clone())),
        ("changes", Value::from(changes)),
        ("restated", Value::from(restated)),
        ("notices", Value::from(context.notices.clone())),
    ])
}

/// An edition's number; a preview has none, and says so.
fn number(number: u32) -> Value {
    if number == 0 { Value::from("预览") } else { Value::from(number) }
}

fn unit_value(unit: &UnitInfo) -> Value {
    map([
        ("code", Value::from(unit.code.clone())),
        ("name", Value::from(unit.name.clone())),
        ("level", Value::from(unit.level.as_str())),
    ])
}

fn param_value(value: &ParamValue) -> Value {
    match value {
        ParamValue::Bool(value) => Value::from(*value),
        ParamValue::Int(value) => Value::from(*value),
        ParamValue::Float(value) => Value::from(*value),
        ParamValue::Text(value) => Value::from(value.clone()),
    }
}

fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<BTreeMap<String, Value>>().into()
}

fn rows_value(rows: &QueryRows) -> Value {
    let row = |cells: &Vec<document::Value>| -> Value {
        let pairs = rows.columns.iter().zip(cells).map(|((name, _), cell)| {
            let value = match cell {
                document::Value::Text(text) => Value::from(text.clone()),
                document::Value::Int(int) => Value::from(*int),
                document::Value::Float(float) if float.is_finite() => Value::from(*float),
                document::Value::Null | document::Value::Float(_) => Value::from(()),
                document::Value::Date(date) => Value::from(date.to_string()),
                document::Value::Bool(bool) => Value::from(*bool),
            };
            (name.clone(), value)
        });
        pairs.collect::<BTreeMap<String, Value>>().into()
    };
    Value::from(rows.rows.iter().map(row).collect::<Vec<Value>>())
}

/// An error of the template machine as a problem of the file, with a hint where one can be had.
fn diagnostic(
    definition: &ReportDefinition,
    error: &Error,
    start: Option<usize>,
    line: Option<usize>,
    results: &BTreeMap<String, QueryRows>,
) -> Diagnostic {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let detail = error.detail().unwrap_or_default();
    let what = match error.kind() {
        ErrorKind::InvalidOperation if !detail.is_empty() => String::new(),
        kind => kind.to_string(),
    };
    let colon = if what.is_empty() || detail.is_empty() { "" } else { ": " };
    let word =
        error.range().and_then(|range| error.template_source()?.get(range)).map(str::to_owned);
    let mut message = format!("{what}{colon}{detail}{cause}");
    let mut hint = None;
    match error.kind() {
        ErrorKind::UndefinedError => {
            // In `perid.label` it is `perid` that is not there: the machine says so in its detail.
            let origin = detail.split('`').nth(1).map(str::to_owned);
            if let Some(word) = origin.or(word) {
                message = format!("`{word}` is not defined");
                hint = hint_for(&word, definition, results);
            }
        }
        ErrorKind::OutOfFuel => {
            message = format!("the template does more than {FUEL} steps: a loop without end?");
        }
        ErrorKind::WriteFailure => message = format!("the template writes too much{cause}"),
        ErrorKind::UnknownFilter => {
            hint = suggest(
                detail,
                filters::NAMES.into_iter().chain([
                    "join",
                    "length",
                    "default",
                    "selectattr",
                    "rejectattr",
                    "map",
                    "first",
                    "last",
                    "sum",
                    "round",
                    "sort",
                    "unique",
                    "groupby",
                    "list",
                ]),
            );
        }
        ErrorKind::UnknownFunction => {
            hint =
                suggest(detail, functions::NAMES.into_iter().chain(["range", "dict", "namespace"]));
        }
        _ => {}
    }
    // Our own messages carry their hint after a semicolon.
    if let Some((head, tail)) = message.clone().split_once("; ")
        && (tail.starts_with("did you mean") || tail.starts_with("known here"))
    {
        head.clone_into(&mut message);
        hint = Some(tail.to_owned());
    }
    let diagnostic = match (start, line) {
        (Some(start), _) => {
            Diagnostic::at(&definition.file, &definition.text, start..start, message)
        }
        (None, Some(line)) => {
            Diagnostic::at_line(&definition.file, &definition.text, line, None, message)
        }
        (None, None) => Diagnostic::file(&definition.file, message),
    };
    match hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

fn suggest<'a>(detail: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let word =
        detail.split_whitespace().find(|word| !matches!(*word, "filter" | "function" | "test"))?;
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
    nearest(word, known).map(|near| format!("did you mean `{near}`?"))
}

/// The nearest word to the last name of an undefined expression such as `q.rates[0].enroled`.
fn hint_for(
    word: &str,
    definition: &ReportDefinition,
    results: &BTreeMap<String, QueryRows>,
) -> Option<String> {
    let last = word
        .rsplit(['.', ' ', '(', '['])
        .next()?
        .trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
    let known: Vec<&str> = if word == last {
        TOP.into_iter().chain(functions::NAMES).collect()
    } else if word == format!("q.{last}") {
        definition.queries.keys().map(String::as_str).collect()
    } else {
        let columns = results.values().flat_map(|rows| rows.columns.iter().map(|c| c.0.as_str()));
        columns
            .chain([
                "code",
                "label",
                "starts_on",
                "ends_on",
                "stat_on",
                "at",
                "on",
                "number",
                "previous",
            ])
            .collect()
    };
    match nearest(last, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if word == last => Some(format!("known here: {}", TOP.join(", "))),
        None => None,
    }
}
