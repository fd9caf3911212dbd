//! `config/targets.csv`: what each rate must reach, per target set, level and unit.

use jiff::civil::Date;

use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Level, UnitCode};

const COLUMNS: [&str; 9] =
    ["metric", "level", "unit_code", "target_set", "num", "den", "op", "valid_from", "valid_to"];

/// How a figure is compared with its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetOp {
    AtLeast,
    MoreThan,
    AtMost,
    LessThan,
}

impl TargetOp {
    const ALL: [TargetOp; 4] =
        [TargetOp::AtLeast, TargetOp::MoreThan, TargetOp::AtMost, TargetOp::LessThan];

    pub fn as_str(self) -> &'static str {
        match self {
            TargetOp::AtLeast => ">=",
            TargetOp::MoreThan => ">",
            TargetOp::AtMost => "<=",
            TargetOp::LessThan => "<",
        }
    }
}

/// One target. It is a fraction `num/den`, never a decimal: 93 % is 93/100, one teacher to fifteen
/// children is 1/15, so that comparing is exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub metric: String,
    pub level: Level,
    /// None: every unit of the level that has no target of its own.
    pub unit_code: Option<UnitCode>,
    pub target_set: String,
    pub num: i64,
    pub den: i64,
    pub op: TargetOp,
    /// The first and the last day on which it holds; open where none.
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
}

/// Reads `targets.csv`; `file` is the name that the operator knows it by.
///
/// # Errors
/// All problems, each with its line.
pub fn load(file: &str, text: &str) -> Result<Vec<Target>, Vec<Diagnostic>> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return Err(vec![Diagnostic::file(file, error.to_string())]),
    };
    let mut problems = Vec::new();
    for name in &header {
        let name = name.trim_start_matches('\u{feff}');
        if !COLUMNS.contains(&name) {
            let problem =
                Diagnostic::at_line(file, text, 1, None, format!("unknown column `{name}`"));
            problems.push(match nearest(name, COLUMNS) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("known here: {}", COLUMNS.join(", "))),
            });
        }
    }
    for name in COLUMNS {
        if !header.iter().any(|column| column.trim_start_matches('\u{feff}') == name) {
            let message = format!("column `{name}` is missing");
            problems.push(Diagnostic::at_line(file, text, 1, None, message));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let place =
        |name: &str| header.iter().position(|column| column.trim_start_matches('\u{feff}') == name);
    let mut targets: Vec<Target> = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.push(Diagnostic::file(file, error.to_string()));
                break;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(0);
        let mut wrong = |message: String, hint: Option<String>| {
            let problem = Diagnostic::at_line(file, text, line, None, message);
            problems.push(match hint {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
        };
        let field = |name: &str| place(name).and_then(|i| record.get(i)).unwrap_or("");
        let level = Level::parse(field("level"));
        if level.is_none() {
            let hint = "levels: district, bureau, town, group, park".to_owned();
            wrong(format!("{:?} is no level", field("level")), Some(hint));
        }
        let op = TargetOp::ALL.into_iter().find(|op| op.as_str() == field("op"));
        if op.is_none() {
            wrong(format!("{:?} is no comparison", field("op")), Some(">=, >, <= or <".into()));
        }
        let mut number = |name: &str, least: i64| match field(name).parse::<i64>() {
            Ok(number) if number >= least => Some(number),
            _ => {
                let hint = "a target is a fraction of whole numbers: 93 % is num 93, den 100";
                let message = format!("`{name}` is {:?}", field(name));
                wrong(message, Some(hint.to_owned()));
                None
            }
        };
        let num = number("num", 0);
        let den = number("den", 1);
        let mut day = |name: &str| {
            let text = field(name);
            if text.is_empty() {
                return Some(None);
            }
            let day = text.parse::<Date>().ok();
            if day.is_none() {
                let hint = "write a day as 2024-09-01".to_owned();
                wrong(format!("`{name}` is {text:?}"), Some(hint));
            }
            day.map(Some)
        };
        let valid_from = day("valid_from");
        let valid_to = day("valid_to");
        for name in ["metric", "target_set"] {
            if field(name).is_empty() {
                wrong(format!("`{name}` is empty"), None);
            }
        }
        let unit = field("unit_code");
        let (Some(level), Some(op), Some(num), Some(den), Some(valid_from), Some(valid_to)) =
            (level, op, num, den, valid_from, valid_to)
        else {
            continue;
        };
        let target = Target {
            metric: field("metric").to_owned(),
            level,
            unit_code: (!unit.is_empty()).then(|| UnitCode::new(unit)),
            target_set: field("target_set").to_owned(),
            num,
            den,
            op,
            valid_from,
            valid_to,
        };
        if let Some(other) = targets.iter().find(|other| overlaps(other, &target)) {
            let message = format!(
                "a second target of `{}` for {} in set `{}` at the same time (the other: {}/{})",
                other.metric,
                other.level.as_str(),
                other.target_set,
                other.num,
                other.den
            );
            wrong(message, Some("end the older one with `valid_to`".to_owned()));
        }
        targets.push(target);
    }
    if problems.is_empty() { Ok(targets) } else { Err(problems) }
}

fn overlaps(a: &Target, b: &Target) -> bool {
    let same = (&a.metric, a.level, &a.unit_code, &a.target_set)
        == (&b.metric, b.level, &b.unit_code, &b.target_set);
    let begins = |target: &Target| target.valid_from.unwrap_or(Date::MIN);
    let ends = |target: &Target| target.valid_to.unwrap_or(Date::MAX);
    same && begins(a) <= ends(b) && begins(b) <= ends(a)
}
