//! From what was written to what is proven: all problems of a contract, each with its place.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

use indexmap::IndexMap;
use regex::Regex;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::written::{OneOrMore, Written, WrittenColumn, WrittenLayout};
use super::{
    BlankRule, Column, ColumnType, Contract, Glob, Layout, NilRule, RESERVED_COLUMNS,
    RESERVED_TABLES, RowKind, RowRule, RowRuleOfLayout, StatOn, TableRule, TableRuleKind, UnitRule,
    UnitSource,
};
use super::{tally, wave};
use crate::config::definition;
use crate::diagnostic::Diagnostic;
use crate::model::{Frequency, Period, fold};
use crate::schedule::Schedule;

/// The file under proof and what was found wrong with it so far.
pub(super) struct Proof<'a> {
    file: &'a str,
    text: &'a str,
    pub(super) problems: Vec<Diagnostic>,
}

impl Proof<'_> {
    pub(super) fn at(&self, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(self.file, self.text, span, message)
    }

    pub(super) fn refuse(&mut self, span: Range<usize>, message: impl Into<String>, hint: &str) {
        let diagnostic = self.at(span, message);
        self.problems.push(if hint.is_empty() { diagnostic } else { diagnostic.hint(hint) });
    }

    /// The index of a declared column, or a diagnostic with the nearest name.
    pub(super) fn column(&mut self, name: &Spanned<String>, columns: &[Column]) -> Option<usize> {
        let found = columns.iter().position(|column| column.name == *name.get_ref());
        if found.is_none() {
            let diagnostic = self
                .at(name.span(), format!("`{}` is no declared column", name.get_ref()))
                .did_you_mean(name.get_ref(), columns.iter().map(|column| column.name.as_str()));
            self.problems.push(diagnostic);
        }
        found
    }

    pub(super) fn regex(&mut self, pattern: &Spanned<String>) -> Option<Regex> {
        match Regex::new(pattern.get_ref()) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let reason = match &error {
                    regex::Error::Syntax(text) => {
                        text.lines().last().unwrap_or_default().to_owned()
                    }
                    other => other.to_string(),
                };
                self.refuse(
                    pattern.span(),
                    format!("not a regular expression: {reason}"),
                    "the syntax is that of https://docs.rs/regex",
                );
                None
            }
        }
    }
}

pub(super) fn load(file: &str, text: &str) -> Result<Contract, Vec<Diagnostic>> {
    let written: Written = definition::parse(file, text).map_err(|problem| vec![problem])?;
    let mut proof = Proof { file, text, problems: Vec::new() };

    let name = written.dataset.name.get_ref().clone();
    check_dataset_name(&mut proof, &written.dataset.name);
    let stat_on = parse_stat_on(&mut proof, &written);
    let waves =
        wave::prove(&mut proof, written.dataset.frequency, &written.dataset.stat_on, &written.wave);
    if written.dataset.reporters.get_ref().is_empty() {
        let span = written.dataset.reporters.span();
        proof.refuse(span, "nobody is expected to report", "for example reporters = [\"town\"]");
    }
    let first_period = prove_first_period(&mut proof, &written);
    let reminder_workdays = prove_reminders(&mut proof, &written);
    let nil = prove_nil(&mut proof, &written);
    let schedule = prove_schedule(&mut proof, &written);
    let columns = prove_columns(&mut proof, &written);
    let unit = prove_unit(&mut proof, &written, &columns);
    let mut layouts: Vec<Layout> =
        written.layout.iter().map(|layout| prove_layout(&mut proof, layout, &columns)).collect();
    for (i, layout) in written.layout.iter().enumerate() {
        if written.layout[..i].iter().any(|other| other.name.get_ref() == layout.name.get_ref()) {
            let message = format!("two layouts are named `{}`", layout.name.get_ref());
            proof.refuse(layout.name.span(), message, "");
        }
    }
    if layouts.is_empty() {
        layouts.push(Layout {
            name: "default".to_owned(),
            sheets: Vec::new(),
            every_sheet: false,
            header_rows: 1,
            skip_hidden: false,
            headers: IndexMap::new(),
            rows: Vec::new(),
            tally: None,
            constants: Vec::new(),
        });
    }
    if unit.from == UnitSource::Section
        && !layouts.iter().all(|l| l.rows.iter().any(|row| row.kind == RowKind::Section))
    {
        proof.refuse(
            written.unit.from.span(),
            "units come from sections, but a layout has no row rule of kind \"section\"",
            "add [[layout.rows]] with kind = \"section\" and matches = \"^(?<unit>…)$\"",
        );
    }
    let rules = prove_rules(&mut proof, &written, &columns);
    let table_rules = prove_table_rules(&mut proof, &written, &columns);

    let Some(stat_on) = stat_on.filter(|_| proof.problems.is_empty()) else {
        proof.problems.sort_by_key(|problem| (problem.line, problem.column));
        return Err(proof.problems);
    };
    Ok(Contract {
        file: file.to_owned(),
        hash: hex(&Sha256::digest(text.as_bytes())),
        name,
        title: written.dataset.title,
        frequency: written.dataset.frequency,
        stat_on,
        waves,
        schema_version: written.dataset.schema_version,
        reporters: written.dataset.reporters.into_inner(),
        due_workdays: written.dataset.due_workdays,
        first_period,
        corrections_workdays: written.dataset.corrections_workdays,
        reminder_workdays,
        nil,
        schedule,
        unit,
        drop: written.drop.columns,
        refuse: written.refuse.columns,
        columns,
        layouts,
        rules,
        table_rules,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn is_sql_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn check_dataset_name(proof: &mut Proof<'_>, name: &Spanned<String>) {
    let word = name.get_ref();
    if !is_sql_name(word) {
        let message = format!("`{word}` cannot be a table's name");
        proof.refuse(name.span(), message, "use a–z, 0–9 and _, beginning with a letter");
    } else if RESERVED_TABLES.contains(&word.as_str()) || word.ends_with("_versions") {
        let message = format!("`{word}` is the name of a table that Duban makes");
        proof.refuse(name.span(), message, "give the data set another name");
    }
}

fn parse_stat_on(proof: &mut Proof<'_>, written: &Written) -> Option<StatOn> {
    let word = &written.dataset.stat_on;
    match word.get_ref().as_str() {
        "first_day" => return Some(StatOn::FirstDay),
        "last_day" => return Some(StatOn::LastDay),
        _ => {}
    }
    let day = word.get_ref().split_once('-').and_then(|(month, day)| {
        let (month, day) = (month.parse::<i8>().ok()?, day.parse::<i8>().ok()?);
        // 2023 is no leap year: 02-29 would have no day in three years of four.
        jiff::civil::Date::new(2023, month, day).ok().map(|_| StatOn::MonthDay { month, day })
    });
    let hint = "write \"first_day\", \"last_day\" or a day of the year such as \"09-01\"";
    match day {
        None => proof.refuse(word.span(), "no statistics date", hint),
        // Said by the waves themselves.
        Some(_) if written.dataset.frequency == Frequency::Wave => {}
        Some(_) if written.dataset.frequency == Frequency::Month => {
            proof.refuse(
                word.span(),
                "a day of the year cannot be the statistics date of every month",
                "write \"first_day\" or \"last_day\"",
            );
            return None;
        }
        Some(_) => {}
    }
    day
}

fn prove_first_period(proof: &mut Proof<'_>, written: &Written) -> Option<Period> {
    let first = written.dataset.first_period.as_ref()?;
    let frequency = written.dataset.frequency;
    let hint = format!("a {} is written like \"{}\"", frequency.as_str(), frequency.example());
    match first.get_ref().parse::<Period>() {
        Ok(period) if period.frequency() == frequency => Some(period),
        Ok(period) => {
            let message = format!(
                "`{period}` is a {}, but the data set is collected by {}",
                period.frequency().as_str(),
                frequency.as_str()
            );
            proof.refuse(first.span(), message, &hint);
            None
        }
        Err(_) => {
            proof.refuse(first.span(), format!("`{}` is no period", first.get_ref()), &hint);
            None
        }
    }
}

/// Farther from the due date than this a reminder is a slip of the pen.
const MOST_REMINDER_WORKDAYS: i32 = 60;

fn prove_reminders(proof: &mut Proof<'_>, written: &Written) -> Vec<i32> {
    let mut reminders: Vec<i32> = Vec::new();
    for workdays in &written.dataset.reminder_workdays {
        let n = *workdays.get_ref();
        if n.abs() > MOST_REMINDER_WORKDAYS {
            let message = format!("a reminder {n} working days from the due date");
            let hint = "at most 60; negative numbers are before the due date: [-2, 1, 3]";
            proof.refuse(workdays.span(), message, hint);
        } else if reminders.contains(&n) {
            let message = format!("the reminder {n} stands here twice");
            proof.refuse(workdays.span(), message, "each working day once: [-2, 1, 3]");
        }
        reminders.push(n);
    }
    reminders.sort_unstable();
    reminders
}

/// The word that a clerk is told to write is the pattern's first alternative.
fn prove_nil(proof: &mut Proof<'_>, written: &Written) -> Option<NilRule> {
    let pattern = written.dataset.nil.as_ref()?;
    let matches = proof.regex(pattern)?;
    let hint = "words with ^ and $ around them: \"^(无|本期无|零报告)$\"";
    if matches.is_match("") {
        let message = "a blank form would be taken for one that says there is nothing to report";
        proof.refuse(pattern.span(), message, hint);
        return None;
    }
    let bare = pattern.get_ref().trim_start_matches('^').trim_end_matches('$');
    let bare = bare.strip_prefix("(?:").or_else(|| bare.strip_prefix('(')).unwrap_or(bare);
    let word = bare.split('|').next().unwrap_or_default().trim_end_matches(')');
    if fold(word) != word || !matches.is_match(word) {
        let message = format!("`{word}`, its first word, is not what it matches");
        proof.refuse(
            pattern.span(),
            message,
            "the first alternative is what a clerk is told to write: \"^(无|本期无|零报告)$\"",
        );
        return None;
    }
    Some(NilRule { word: word.to_owned(), matches })
}

fn prove_schedule(proof: &mut Proof<'_>, written: &Written) -> Option<Schedule> {
    let schedule = written.schedule.as_ref()?;
    schedule
        .get_ref()
        .prove(schedule.span(), |span, message, hint| proof.refuse(span, message, hint))
}

/// The entries of a table as they were written: the TOML reader sorts them by name.
fn in_order<V>(table: &IndexMap<Spanned<String>, V>) -> Vec<(&Spanned<String>, &V)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

fn prove_columns(proof: &mut Proof<'_>, written: &Written) -> Vec<Column> {
    let mut headers: HashMap<String, String> = HashMap::new();
    let mut columns = Vec::with_capacity(written.columns.len());
    for (name, column) in in_order(&written.columns) {
        let word = name.get_ref();
        if RESERVED_COLUMNS.contains(&word.as_str()) {
            proof.refuse(
                name.span(),
                format!("`{word}` is a column that Duban makes"),
                "give the column another name; `unit` is free",
            );
        } else if !is_sql_name(word) {
            proof.refuse(
                name.span(),
                format!("`{word}` cannot be a column's name"),
                "use a–z, 0–9 and _, beginning with a letter; names with _ in front are Duban's",
            );
        }
        for header in std::iter::once(&column.header).chain(&column.aliases) {
            if fold(header.get_ref()).is_empty() {
                proof.refuse(header.span(), "an empty header", "");
                continue;
            }
            let other = headers.insert(fold(header.get_ref()).replace('/', ""), word.clone());
            if let Some(other) = other.filter(|other| other != word) {
                let message =
                    format!("the header `{}` is already that of `{other}`", header.get_ref());
                proof.refuse(header.span(), message, "a header can mean one column only");
            }
        }
        columns.push(prove_column(proof, word, column));
    }
    if columns.is_empty() {
        proof.problems.push(Diagnostic::file(proof.file, "no columns are declared"));
    }
    columns
}

fn prove_column(proof: &mut Proof<'_>, name: &str, written: &WrittenColumn) -> Column {
    let kind = written.kind;
    let blank = written.blank.as_ref().map_or(BlankRule::Null, |blank| *blank.get_ref());
    if let Some(spanned) = &written.blank {
        match blank {
            BlankRule::Zero if !kind.is_numeric() => {
                proof.refuse(spanned.span(), "only a number can be zero where it is blank", "");
            }
            BlankRule::False if kind != ColumnType::Bool => {
                proof.refuse(spanned.span(), "only a yes/no column can be false where blank", "");
            }
            _ => {}
        }
    }
    for limit in [&written.min, &written.max].into_iter().flatten() {
        if !kind.is_numeric() {
            proof.refuse(limit.span(), "only numbers have a least and a greatest value", "");
        }
    }
    if let (Some(min), Some(max)) = (&written.min, &written.max)
        && min.get_ref() > max.get_ref()
    {
        proof.refuse(max.span(), "`max` is less than `min`", "");
    }
    if let Some(pattern) = written.pattern.as_ref().filter(|_| kind != ColumnType::Text) {
        proof.refuse(pattern.span(), "only text is held against a pattern", "");
    }
    let mut codes = IndexMap::new();
    match (&written.codes, kind) {
        (Some(table), ColumnType::Code) => {
            let mut seen: HashMap<String, &str> = HashMap::new();
            for (code, labels) in in_order(table.get_ref()) {
                let code = code.get_ref();
                for label in labels {
                    let other = seen.insert(fold(label.get_ref()), code);
                    if let Some(other) = other.filter(|other| other != code) {
                        let message =
                            format!("the label `{}` already means `{other}`", label.get_ref());
                        proof.refuse(label.span(), message, "a label can mean one code only");
                    }
                }
                let labels = labels.iter().map(|label| label.get_ref().clone()).collect();
                codes.insert(code.clone(), labels);
            }
        }
        (Some(table), _) => {
            proof.refuse(table.span(), "only a column of type \"code\" has codes", "");
        }
        (None, ColumnType::Code) => {
            let message = format!("column `{name}` is of type \"code\" and lists no codes");
            proof.refuse(
                written.header.span(),
                message,
                "codes = { yes = [\"是\"], no = [\"否\"] }",
            );
        }
        (None, _) => {}
    }
    Column {
        name: name.to_owned(),
        header: written.header.get_ref().clone(),
        aliases: written.aliases.iter().map(|alias| alias.get_ref().clone()).collect(),
        kind,
        required: written.required,
        blank,
        fill_down: written.fill_down,
        min: written.min.as_ref().map(|min| *min.get_ref()),
        max: written.max.as_ref().map(|max| *max.get_ref()),
        measure: written.measure.clone(),
        key: written.key,
        pattern: written.pattern.as_ref().and_then(|pattern| proof.regex(pattern)),
        drop: written.drop,
        codes,
    }
}

fn prove_unit(proof: &mut Proof<'_>, written: &Written, columns: &[Column]) -> UnitRule {
    let from = *written.unit.from.get_ref();
    let column = written.unit.column.as_ref().and_then(|name| proof.column(name, columns));
    if let (Some(index), Some(name)) = (column, &written.unit.column)
        && columns[index].kind != ColumnType::Text
    {
        proof.refuse(name.span(), "the column that names the unit must be text", "");
    }
    match (from, &written.unit.column) {
        (UnitSource::Column, None) => {
            let span = written.unit.from.span();
            proof.refuse(span, "units come from a column, but none is named", "column = \"unit\"");
        }
        (UnitSource::Section, Some(name)) => {
            proof.refuse(name.span(), "units come from sections: a column cannot name them", "");
        }
        _ => {}
    }
    UnitRule { from, column }
}

fn prove_layout(proof: &mut Proof<'_>, written: &WrittenLayout, columns: &[Column]) -> Layout {
    let rows = *written.header_rows.get_ref();
    if !(1..=6).contains(&rows) {
        proof.refuse(written.header_rows.span(), "a header has one to six rows", "");
    }
    let mut headers = IndexMap::new();
    let mut taken: HashMap<String, usize> = HashMap::new();
    for (name, paths) in &written.headers {
        let Some(index) = proof.column(name, columns) else { continue };
        let paths = match paths {
            OneOrMore::One(path) => vec![path.clone()],
            OneOrMore::More(paths) => paths.clone(),
        };
        for path in &paths {
            if taken.insert(fold(path).replace('/', ""), index).is_some_and(|i| i != index) {
                let message = format!("the header `{path}` already means another column");
                proof.refuse(name.span(), message, "a header can mean one column only");
            }
        }
        headers.insert(index, paths);
    }
    let mut rules = Vec::new();
    for row in &written.rows {
        let column = row.column.as_ref().and_then(|name| proof.column(name, columns));
        if row.any == row.column.is_some() {
            proof.refuse(
                row.kind.span(),
                "which cell of the row is meant?",
                "either column = \"…\" or any = true (the first cell that is not blank)",
            );
        }
        let kind = *row.kind.get_ref();
        if row.checked && matches!(kind, RowKind::Skip | RowKind::End) {
            proof.refuse(row.kind.span(), "such a row has no figures to be checked", "");
        }
        if let Some(matches) = proof.regex(&row.matches) {
            rules.push(RowRuleOfLayout { kind, column, matches, checked: row.checked });
        }
    }
    let tally = written.tally.as_ref().and_then(|tally| tally::prove(proof, tally, columns));
    let constants = tally::prove_constants(proof, &written.constant, tally.as_ref(), columns);
    let sheets = written.sheets.iter().filter_map(|glob| prove_glob(proof, glob)).collect();
    Layout {
        name: written.name.get_ref().clone(),
        sheets,
        every_sheet: written.every_sheet,
        header_rows: rows,
        skip_hidden: written.skip_hidden,
        headers,
        rows: rules,
        tally,
        constants,
    }
}

pub(super) fn prove_glob(proof: &mut Proof<'_>, glob: &Spanned<String>) -> Option<Glob> {
    let text = fold(glob.get_ref());
    if text.is_empty() || text.contains(['[', ']', '{', '}']) {
        proof.refuse(
            glob.span(),
            "not a sheet name with wildcards",
            "`*` is any text, `?` one character",
        );
        return None;
    }
    let pattern = regex::escape(&text).replace(r"\*", ".*").replace(r"\?", ".");
    let regex = Regex::new(&format!("(?is)^{pattern}$")).ok()?;
    Some(Glob { text, regex })
}

fn prove_rules(proof: &mut Proof<'_>, written: &Written, columns: &[Column]) -> Vec<RowRule> {
    let environment = minijinja::Environment::new();
    let mut rules = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    for rule in &written.rule {
        check_rule_id(proof, &rule.id, &mut ids);
        let expr = rule.expr.get_ref();
        let compiled = match environment.compile_expression(expr) {
            Ok(compiled) => compiled,
            Err(error) => {
                let detail = error.detail().unwrap_or("syntax error").to_owned();
                proof.refuse(
                    rule.expr.span(),
                    format!("not an expression: {detail}"),
                    "for example \"children == male + female\"",
                );
                continue;
            }
        };
        let mut used: Vec<(usize, usize)> = Vec::new();
        for variable in compiled.undeclared_variables(false) {
            let place = word_position(expr, &variable).unwrap_or(0);
            if let Some(index) = columns.iter().position(|column| column.name == variable) {
                used.push((place, index));
            } else {
                let diagnostic = proof
                    .at(rule.expr.span(), format!("`{variable}` is no declared column"))
                    .did_you_mean(&variable, columns.iter().map(|c| c.name.as_str()));
                proof.problems.push(diagnostic);
            }
        }
        used.sort_unstable();
        if used.is_empty() && proof.problems.is_empty() {
            proof.refuse(rule.expr.span(), "a rule that reads no column", "");
        }
        rules.push(RowRule {
            id: rule.id.get_ref().clone(),
            expr: expr.clone(),
            columns: used.into_iter().map(|(_, index)| index).collect(),
            severity: rule.severity,
            expected: rule.expected.clone(),
            fix: rule.fix.clone(),
        });
    }
    rules
}

/// Where `word` stands by itself in `text`.
fn word_position(text: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .find(|&at| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

fn check_rule_id<'a>(proof: &mut Proof<'_>, id: &'a Spanned<String>, seen: &mut Vec<&'a str>) {
    if !is_sql_name(id.get_ref()) {
        let message = format!("`{}` cannot be a rule's id", id.get_ref());
        proof.refuse(id.span(), message, "use a–z, 0–9 and _");
    }
    if seen.contains(&id.get_ref().as_str()) {
        proof.refuse(id.span(), format!("two rules are called `{}`", id.get_ref()), "");
    }
    seen.push(id.get_ref());
}

fn prove_table_rules(
    proof: &mut Proof<'_>,
    written: &Written,
    columns: &[Column],
) -> Vec<TableRule> {
    let mut ids: Vec<&str> = Vec::new();
    let mut rules = Vec::new();
    for rule in &written.table_rule {
        check_rule_id(proof, &rule.id, &mut ids);
        let mut resolve = |names: &[Spanned<String>]| -> Vec<usize> {
            names.iter().filter_map(|name| proof.column(name, columns)).collect()
        };
        let within = resolve(&rule.within);
        let of = resolve(&rule.columns);
        if rule.columns.is_empty() {
            proof.refuse(rule.id.span(), "a table rule over no columns", "columns = [\"…\"]");
        }
        if rule.kind == TableRuleKind::Complete
            && of.iter().any(|&column| columns[column].kind != ColumnType::Code)
        {
            proof.refuse(rule.id.span(), "only a code column can be complete", "");
        }
        rules.push(TableRule {
            id: rule.id.get_ref().clone(),
            kind: rule.kind,
            within,
            columns: of,
            severity: rule.severity,
            expected: rule.expected.clone(),
            fix: rule.fix.clone(),
        });
    }
    rules
}
