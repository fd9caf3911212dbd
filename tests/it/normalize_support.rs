//! What the tests of `normalize` share: contracts and units of the repository and its examples.

use std::path::{Path, PathBuf};

use duban::config::contract::Contract;
use duban::model::{Level, Unit, UnitCode, UnitDirectory};
use duban::normalize::{Context, Normalized, Submitted, normalize};
use jiff::civil::{Date, date};

pub const TODAY: Date = date(2026, 1, 1);

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The contract in `<home>/pipelines/<dataset>/pipeline.toml`.
pub fn contract(home: &str, dataset: &str) -> Contract {
    let path = root().join(home).join("pipelines").join(dataset).join("pipeline.toml");
    let text = fs_err::read_to_string(&path).unwrap();
    Contract::load(&format!("pipelines/{dataset}/pipeline.toml"), &text).unwrap_or_else(
        |problems| {
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}", all.join("\n"))
        },
    )
}

/// The units of `<home>/config/units.csv`, read without the program's own loader.
pub fn units(home: &str) -> UnitDirectory {
    let path = root().join(home).join("config/units.csv");
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let none = |text: &str| (!text.is_empty()).then(|| UnitCode::new(text));
    UnitDirectory::new(
        reader
            .records()
            .map(Result::unwrap)
            .map(|record| Unit {
                code: UnitCode::new(&record[0]),
                name: record[1].to_owned(),
                level: Level::parse(&record[2]).unwrap(),
                kind: record[3].to_owned(),
                parent: none(&record[4]),
                group: none(&record[5]),
                aliases: record[6]
                    .split(';')
                    .filter(|a| !a.is_empty())
                    .map(str::to_owned)
                    .collect(),
            })
            .collect(),
    )
}

/// A small district: two towns, a park in the first, the bureau.
pub fn small_district() -> UnitDirectory {
    let unit = |code: &str, name: &str, level, parent: Option<&str>, aliases: &[&str]| Unit {
        code: UnitCode::new(code),
        name: name.to_owned(),
        level,
        kind: String::new(),
        parent: parent.map(UnitCode::new),
        group: None,
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
    };
    UnitDirectory::new(vec![
        unit("120114", "武清区", Level::District, None, &[]),
        unit("120114000", "区教育局", Level::Bureau, Some("120114"), &[]),
        unit("120114101", "梅厂镇", Level::Town, Some("120114"), &[]),
        unit("120114119", "陈咀镇", Level::Town, Some("120114"), &["陈嘴镇"]),
        unit("120114403", "天津京滨工业园", Level::Park, Some("120114101"), &[]),
    ])
}

pub fn context<'a>(units: &'a UnitDirectory, period: &str, reporter: Option<&str>) -> Context<'a> {
    Context {
        units,
        period: period.parse().unwrap(),
        reporter: reporter.map(UnitCode::new),
        today: TODAY,
    }
}

/// Reads a file of real data.
pub fn read_file(path: &Path, contract: &Contract, context: &Context<'_>) -> Normalized {
    let bytes = fs_err::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    normalize(&Submitted { file_name: &name, bytes: &bytes }, contract, context)
}

/// The folder of real data, or `None` after saying by name which test is left out.
pub fn real_data(test: &str) -> Option<PathBuf> {
    let found = std::env::var_os("DUBAN_REALDATA").map(PathBuf::from);
    if found.is_none() {
        eprintln!("LEFT OUT: {test}: DUBAN_REALDATA is not set");
    }
    found
}

/// `code place: read` of each finding, for messages of failed assertions.
pub fn told(result: &Normalized) -> Vec<String> {
    result
        .findings
        .iter()
        .map(|f| {
            format!(
                "{} {} {}: {} | {} | {}",
                f.severity.as_str(),
                f.code,
                f.place,
                f.read,
                f.expected,
                f.fix
            )
        })
        .collect()
}
