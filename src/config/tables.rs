//! The CSV files of `config/`: units, contacts, days off. Read whole, with file and line where wrong.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Level, Unit, UnitCode, UnitDirectory, fold};

/// Someone who sends, receives or answers: an address by role, never a private person's data in logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub unit_code: UnitCode,
    /// `secretariat`, `supervisor`, `town`, …
    pub role: String,
    pub post: String,
    pub name: String,
    pub email: String,
    pub phone: String,
}

/// One record of a CSV with the line that it stands on.
pub struct Record {
    pub line: usize,
    fields: HashMap<String, String>,
}

impl Record {
    /// The trimmed field; empty if it is not filled in.
    pub fn get(&self, column: &str) -> &str {
        self.fields.get(column).map_or("", String::as_str)
    }
}

/// Reads a CSV with exactly the `columns` named (in any order; `optional` may be absent). Lines that
/// begin with `#` are comments. Wrong headers and ragged rows are diagnostics.
pub fn read_csv(
    file: &str,
    text: &str,
    columns: &[&str],
    optional: &[&str],
    problems: &mut Vec<Diagnostic>,
) -> Vec<Record> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect(),
        Err(error) => {
            problems.push(Diagnostic::file(file, error.to_string()));
            return Vec::new();
        }
    };
    let header_line = text.lines().position(|line| !line.starts_with('#')).map_or(1, |i| i + 1);
    for name in &header {
        if !columns.contains(&name.as_str()) && !optional.contains(&name.as_str()) {
            let message = format!("unknown column `{name}`");
            let known = columns.iter().chain(optional).copied();
            problems.push(match nearest(name, known) {
                Some(near) => Diagnostic::at_line(file, text, header_line, None, message)
                    .hint(format!("did you mean `{near}`?")),
                None => Diagnostic::at_line(file, text, header_line, None, message)
                    .hint(format!("the columns are: {}", columns.join(","))),
            });
        }
    }
    for column in columns {
        if !header.iter().any(|name| name == column) {
            problems.push(
                Diagnostic::at_line(
                    file,
                    text,
                    header_line,
                    None,
                    format!("column `{column}` is missing"),
                )
                .hint(format!("the columns are: {}", columns.join(","))),
            );
        }
    }
    let mut records = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record
                    .position()
                    .map_or(0, |position| usize::try_from(position.line()).unwrap_or(0));
                if record.len() != header.len() {
                    problems.push(
                        Diagnostic::at_line(
                            file,
                            text,
                            line,
                            None,
                            format!(
                                "{} fields where the header has {}",
                                record.len(),
                                header.len()
                            ),
                        )
                        .hint("put a field that holds a comma between double quotes"),
                    );
                    continue;
                }
                let fields = header
                    .iter()
                    .cloned()
                    .zip(record.iter().map(str::to_owned))
                    .collect::<HashMap<_, _>>();
                records.push(Record { line, fields });
            }
            Err(error) => problems.push(Diagnostic::file(file, error.to_string())),
        }
    }
    records
}

/// `units.csv`: `code,name,level,kind,parent,group,aliases`.
pub fn load_units(file: &str, text: &str, problems: &mut Vec<Diagnostic>) -> UnitDirectory {
    let columns = ["code", "name", "level"];
    let optional = ["kind", "parent", "group", "aliases"];
    let records = read_csv(file, text, &columns, &optional, problems);
    let mut units: Vec<Unit> = Vec::new();
    let mut codes: HashMap<String, usize> = HashMap::new();
    let mut names: HashMap<String, usize> = HashMap::new();
    let some = |text: &str| (!text.is_empty()).then(|| UnitCode::new(text));
    let mut problem = |line: usize, message: String| {
        problems.push(Diagnostic::at_line(file, text, line, None, message));
    };
    for record in &records {
        let Some(level) = Level::parse(record.get("level")) else {
            problem(
                record.line,
                format!(
                    "`{}` is no level: district, bureau, town, group or park",
                    record.get("level")
                ),
            );
            continue;
        };
        let code = record.get("code").to_owned();
        if code.is_empty() || record.get("name").is_empty() {
            problem(record.line, "a unit needs a code and a name".into());
            continue;
        }
        if let Some(first) = codes.insert(code.clone(), record.line) {
            problem(record.line, format!("code `{code}` stands in line {first} already"));
        }
        let aliases: Vec<String> = record
            .get("aliases")
            .split(';')
            .map(str::trim)
            .filter(|alias| !alias.is_empty())
            .map(str::to_owned)
            .collect();
        for name in std::iter::once(record.get("name")).chain(aliases.iter().map(String::as_str)) {
            if let Some(first) = names.insert(fold(name), record.line)
                && first != record.line
            {
                problem(
                    record.line,
                    format!("the name `{name}` means the unit of line {first} already"),
                );
            }
        }
        units.push(Unit {
            code: UnitCode::new(code),
            name: record.get("name").to_owned(),
            level,
            kind: record.get("kind").to_owned(),
            parent: some(record.get("parent")),
            group: some(record.get("group")),
            aliases,
        });
    }
    for (unit, record) in units.iter().zip(&records) {
        for (what, reference) in [("parent", &unit.parent), ("group", &unit.group)] {
            if let Some(reference) = reference
                && !codes.contains_key(reference.as_str())
            {
                problem(
                    record.line,
                    format!("{what} `{reference}` is the code of no unit of this file"),
                );
            }
        }
    }
    match units.iter().filter(|unit| unit.level == Level::District).count() {
        1 => {}
        n => problems.push(Diagnostic::file(
            file,
            format!("{n} units of level `district`; there must be exactly one"),
        )),
    }
    UnitDirectory::new(units)
}

/// `contacts.csv`: `unit_code,role,post,name,email,phone`.
pub fn load_contacts(
    file: &str,
    text: &str,
    units: &UnitDirectory,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Contact> {
    let columns = ["unit_code", "role", "email"];
    let records = read_csv(file, text, &columns, &["post", "name", "phone"], problems);
    let mut contacts: Vec<Contact> = Vec::new();
    for record in records {
        let unit_code = UnitCode::new(record.get("unit_code"));
        let email = record.get("email");
        if units.get(&unit_code).is_none() {
            problems.push(Diagnostic::at_line(
                file,
                text,
                record.line,
                None,
                format!("`{unit_code}` is no unit of units.csv"),
            ));
        }
        if email.parse::<lettre::Address>().is_err() {
            problems.push(
                Diagnostic::at_line(
                    file,
                    text,
                    record.line,
                    None,
                    format!("`{email}` is no mail address"),
                )
                .hint("write it as name@host, without a display name"),
            );
        }
        contacts.push(Contact {
            unit_code,
            role: record.get("role").to_owned(),
            post: record.get("post").to_owned(),
            name: record.get("name").to_owned(),
            email: email.to_owned(),
            phone: record.get("phone").to_owned(),
        });
    }
    contacts
}

/// `calendar.csv`: `date,workday,note`; days that differ from plain weekdays.
pub fn load_calendar(file: &str, text: &str, problems: &mut Vec<Diagnostic>) -> Calendar {
    let mut exceptions: BTreeMap<Date, bool> = BTreeMap::new();
    for record in read_csv(file, text, &["date", "workday"], &["note"], problems) {
        let mut problem = |message: String| {
            problems.push(Diagnostic::at_line(file, text, record.line, None, message));
        };
        let workday = match record.get("workday") {
            "1" => true,
            "0" => false,
            other => {
                problem(format!("`{other}`: workday is 1 (worked) or 0 (day off)"));
                continue;
            }
        };
        match record.get("date").parse::<Date>() {
            Ok(day) => {
                if exceptions.insert(day, workday).is_some() {
                    problem(format!("{day} stands here twice"));
                }
            }
            Err(error) => problem(format!("`{}` is no date: {error}", record.get("date"))),
        }
    }
    Calendar::new(exceptions)
}
