//! How long each stage takes: `cargo bench`, or `cargo bench -- NAME` for the groups whose name holds
//! `NAME`. What each line means stands in `benches/README.md`.
//!
//! ## Design notes
//! - No framework: what matters is a ratio to another program's work on the same bytes, so the two are
//!   run in turn within one round. Whatever else the machine does then slows both.
//! - Without cargo's `--bench` (`cargo test --bench stages`) everything runs once, on less data: the
//!   bench itself is tested.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]
#![expect(clippy::print_stderr, reason = "a bench says what it is about to do")]

mod editions;
mod figures;
mod fixture;
mod floor;
mod measure;
mod month;
mod papers;
mod reading;
mod supervise;

use std::error::Error;
use std::process::ExitCode;

use duban::diagnostic::Diagnostic;
use fixture::Campaign;
use measure::{Line, Plan};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A group of lines, by which one is picked on the command line.
struct Group {
    name: &'static str,
    run: fn(&mut Campaign, &Plan) -> Outcome<Vec<Line>>,
}

/// The month stands first: its peak of memory must not be that of the large workbook.
const GROUPS: [Group; 11] = [
    Group { name: "month", run: month::run },
    Group { name: "floor", run: floor::run },
    Group { name: "read", run: reading::run },
    Group { name: "snapshot", run: figures::snapshots },
    Group { name: "metric", run: figures::metrics },
    Group { name: "check", run: figures::checks },
    Group { name: "supervise", run: supervise::run },
    Group { name: "report", run: papers::reports },
    Group { name: "edition", run: editions::beside_python },
    Group { name: "burst", run: editions::town_sheets },
    Group { name: "delivery", run: papers::deliveries },
];

fn main() -> ExitCode {
    let (flags, names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let plan = Plan { quick: !flags.iter().any(|flag| flag == "--bench") };
    let wanted: Vec<&Group> = GROUPS
        .iter()
        .filter(|group| names.is_empty() || names.iter().any(|name| group.name.contains(name)))
        .collect();
    if wanted.is_empty() {
        let known: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
        eprintln!("error: no group is called {}; there are {}", names.join(" "), known.join(", "));
        return ExitCode::from(2);
    }
    // As the program does.
    if let Err(error) = duban::report::pdf::widen_threads() {
        warn(&error.to_string());
    }
    match run(&wanted, &plan) {
        Ok(lines) => {
            measure::print(&lines);
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut message = error.to_string();
            let mut source = error.source();
            while let Some(error) = source {
                message = format!("{message}: {error}");
                source = error.source();
            }
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Wrong definitions as one error.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn told(problems: Vec<Diagnostic>) -> Box<dyn Error> {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n").into()
}

fn warn(message: &str) {
    eprintln!("warning: {message}");
}

fn run(groups: &[&Group], plan: &Plan) -> Outcome<Vec<Line>> {
    let mut campaign = Campaign::new()?;
    let mut lines = Vec::new();
    for group in groups {
        eprintln!("measuring {} …", group.name);
        lines.extend((group.run)(&mut campaign, plan)?);
    }
    Ok(lines)
}
