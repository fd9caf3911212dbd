//! What `normalize` makes of each file of the invented campaign, against what the story says.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use duban::config::contract::Contract;
use duban::demo::{Arrival, Expected, Fault, Form, Occasion, Span, story};
use duban::model::{Finding, Level, Severity, Unit, UnitCode, UnitDirectory};
use duban::normalize::{Context, Normalized, Submitted, normalize, recognise};

use crate::demo::{CAMPAIGN, WHOLE, measured};
use crate::tools::repository;

/// `config/units.csv`, read by itself: the loader of the home is tested elsewhere.
fn units() -> UnitDirectory {
    let text = fs_err::read_to_string(repository().join("config/units.csv")).unwrap();
    let code = |text: &str| (!text.is_empty()).then(|| UnitCode::new(text));
    let units = text.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let [unit, name, level, kind, parent, group, aliases] = fields[..] else {
            panic!("{line}");
        };
        Unit {
            code: UnitCode::new(unit),
            name: name.to_owned(),
            level: Level::parse(level).unwrap(),
            kind: kind.to_owned(),
            parent: code(parent),
            group: code(group),
            aliases: aliases.split(';').filter(|a| !a.is_empty()).map(str::to_owned).collect(),
        }
    });
    UnitDirectory::new(units.collect())
}

fn contracts() -> BTreeMap<Form, Contract> {
    let load = |form: Form| {
        let file = format!("pipelines/{}/pipeline.toml", form.dataset());
        let text = fs_err::read_to_string(repository().join(&file)).unwrap();
        (form, Contract::load(&file, &text).unwrap())
    };
    Form::ALL.into_iter().map(load).collect()
}

fn outcome(normalized: &Normalized) -> Expected {
    let confirms = |finding: &Finding| finding.severity == Severity::Confirm;
    match &normalized.batch {
        _ if normalized.refused => Expected::Refused,
        None => Expected::Returned,
        Some(_) if normalized.findings.iter().any(confirms) => Expected::AcceptedWithWarnings,
        Some(_) => Expected::Accepted,
    }
}

fn read(arrival: &Arrival, contract: &Contract, units: &UnitDirectory) -> Normalized {
    let file_name = arrival.path.rsplit('/').next().unwrap();
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    let context = Context {
        units,
        period: arrival.period,
        reporter: Some(arrival.reporter.clone()),
        today: zone.to_datetime(arrival.at).date(),
    };
    normalize(&Submitted { file_name, bytes: &arrival.bytes }, contract, &context)
}

/// The finding that a slip must lead to; nothing where the file is right.
fn told(fault: Fault) -> Option<&'static str> {
    match fault {
        Fault::FullWidthDigits | Fault::TextNumber => Some("cell.text_number"),
        Fault::TotalDoesNotAddUp => Some("total.mismatch"),
        Fault::SexesDoNotAddUp => Some("rule.sum_of_sexes"),
        Fault::RenamedHeader => Some("header.missing"),
        Fault::MissingSheet => Some("form.not_recognised"),
        Fault::WrongPeriod => Some("period.mismatch"),
        Fault::GbkCsv => Some("file.encoding"),
        Fault::ImplausibleClass => Some("rule.class_of_plausible_size"),
        Fault::VacantHead => Some("rule.has_a_head"),
        Fault::NobodyOnDuty => Some("rule.children_are_looked_after"),
        Fault::JointBranch => Some("rule.three_members_have_their_own_branch"),
        Fault::UndecidedNature => Some("rule.nature_decided_before_opening"),
        Fault::UnknownUnit => Some("unit.unknown"),
        Fault::IdNumberColumn => Some("privacy.id_number"),
        Fault::Late
        | Fault::SentTwice
        | Fault::CorrectedLater
        | Fault::SilentMonth
        | Fault::SilentDataset => None,
    }
}

#[test]
fn every_file_of_the_campaign_fares_as_the_story_says() {
    let (units, contracts) = (units(), contracts());
    let mut wrong = Vec::new();
    for arrival in WHOLE.iter().filter(|arrival| arrival.expected != Expected::Duplicate) {
        let normalized = read(arrival, &contracts[&arrival.form], &units);
        let codes: Vec<&str> = normalized.findings.iter().map(|f| f.code.as_str()).collect();
        // Of the yearly form the total is a sum of ages, held by a rule.
        let wanted = match (arrival.form, arrival.fault) {
            (Form::Population, Some(Fault::TotalDoesNotAddUp)) => Some("rule.sum_of_ages"),
            (_, Some(fault)) => told(fault),
            (_, None) => None,
        };
        // That a 零报告 was taken is said, and no trouble.
        let told = wanted
            .map_or(codes.iter().all(|code| *code == "nil.taken"), |code| codes.contains(&code));
        if outcome(&normalized) != arrival.expected || !told {
            wrong.push(format!(
                "{} ({:?}) is {:?}, not {:?}, with {codes:?}",
                arrival.path,
                arrival.fault,
                outcome(&normalized),
                arrival.expected
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_with_a_whole_header_is_recognised_as_its_own_form_alone() {
    let contracts: Vec<Contract> = contracts().into_values().collect();
    for arrival in WHOLE.iter() {
        let file_name = arrival.path.rsplit('/').next().unwrap();
        let forms = recognise(&arrival.bytes, file_name, &contracts);
        match arrival.fault {
            Some(Fault::RenamedHeader | Fault::MissingSheet) => {
                assert!(forms.is_empty(), "{}: {forms:?}", arrival.path);
            }
            _ => assert_eq!(forms, [arrival.form.dataset()], "{}", arrival.path),
        }
    }
}

/// Children of all rows, whatever their kind: the oracle's enrolled, under-threes and 托幼点.
#[test]
fn the_rows_of_each_month_hold_as_many_children_as_the_oracle_reads() {
    let Some(months) = measured("the_rows_of_each_month_hold_as_many_children_as_the_oracle_reads")
    else {
        return;
    };
    let (units, contracts) = (units(), contracts());
    let runs = story(Span::last_months()).unwrap();
    let monthly = runs.iter().filter(|run| run.occasion == Occasion::Monthly);
    for (run, figures) in monthly.zip(months) {
        let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
        for arrival in CAMPAIGN.iter().filter(|arrival| {
            (arrival.form, arrival.period) == (Form::Enrollment, run.period) && arrival.at <= run.at
        }) {
            let normalized = read(arrival, &contracts[&Form::Enrollment], &units);
            if let Some(batch) = normalized.batch {
                let column = batch.column_by_name("children").unwrap();
                let children = column.as_primitive::<Int64Type>().iter().flatten().sum();
                newest.insert(arrival.reporter.as_str(), children);
            }
        }
        let district = figures["three_rates"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["level"] == "district")
            .unwrap();
        let expected = ["childcare_point_children", "toddlers"]
            .iter()
            .map(|key| figures["outside"][key].as_i64().unwrap())
            .sum::<i64>()
            + district["enrolled"].as_i64().unwrap();
        assert_eq!(newest.values().sum::<i64>(), expected, "{}", run.period);
    }
}
