//! `duban check config`: what only a compiler can tell, told before anything runs.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cases::{Definitions, read_cases, run_cases, uncovered};
use super::publish::constants;
use super::rows::column_kind;
use super::session::period_rows;
use super::{PipelineError, Session};
use crate::check;
use crate::config::Config;
use crate::config::report::{ReportDefinition, ReportFormat};
use crate::diagnostic::Diagnostic;
use crate::engine::{
    Param, periods_batch, reserved_schema, reserved_tables, targets_batch, units_batch,
};
use crate::metric;
use crate::model::Light;
use crate::report::document::{
    Align, Appendix, Block, Cell, Column, Document, Format, Heading, Inline, Row, Table, Value,
};
use crate::report::fonts::{Fonts, RoleReport};
use crate::report::{ColumnKind, Schemas, check_filled, check_mail, mail_lint, pdf};

/// As the operator would name it.
const MAIL_CSS_FILE: &str = "report_templates/_base/mail.css";

/// What proving the definitions found.
#[derive(Debug, Default)]
pub struct Proof {
    pub problems: Vec<Diagnostic>,
    /// What works and might be better, such as a style that a mail program knows in part.
    pub warnings: Vec<Diagnostic>,
    /// Metrics and checks without a case that hits and one that does not.
    pub uncovered: Vec<String>,
    pub n_cases: usize,
    pub roles: Vec<RoleReport>,
}

/// Compiles every metric, check and report query against empty tables, runs every case, renders
/// every template with invented rows, compiles the page style, and names the face of every font role.
pub fn prove(config: &Config) -> Result<Proof, PipelineError> {
    let mut proof = Proof::default();
    let session = Session::empty(config)?;
    let engine = session.engine();
    if let Err(wrong) = session.wait(metric::compile(engine, &config.metrics)) {
        proof.problems.extend(wrong);
        // Without the metrics, checks and reports would fail for want of their tables.
        return Ok(proof);
    }
    if let Err(wrong) = session.wait(check::compile(engine, &config.checks)) {
        proof.problems.extend(wrong);
    }
    prove_cases(config, &session, &mut proof)?;
    prove_reports(config, &session, &mut proof);
    if !config.reports.is_empty() || !config.supervision.ladders.is_empty() {
        let fonts = Fonts::discover(&config.home.fonts(), &config.settings.fonts);
        proof.roles = fonts.report();
        let missing = fonts.roles().filter_map(|role| fonts.resolve(role).err());
        let missing: Vec<Diagnostic> =
            missing.map(|error| Diagnostic::file("fonts", error.to_string())).collect();
        if missing.is_empty() {
            if let Err(error) = prove_page_style(config, &fonts) {
                match error {
                    pdf::PdfError::Style(wrong) => proof.problems.extend(wrong),
                    other => {
                        let problem = Diagnostic::file(pdf::STYLE_FILE, other.to_string());
                        proof.problems.push(problem);
                    }
                }
            }
        } else {
            proof.problems.extend(missing);
        }
    }
    Ok(proof)
}

/// Compiles every metric, check and report query against empty tables and renders every template with
/// invented rows: what the daemon asks of edited definitions. Cases, fonts and page style are left to
/// [`prove`].
pub fn compile(config: &Config) -> Result<Vec<Diagnostic>, PipelineError> {
    let session = Session::empty(config)?;
    let engine = session.engine();
    if let Err(wrong) = session.wait(metric::compile(engine, &config.metrics)) {
        return Ok(wrong);
    }
    let mut proof = Proof::default();
    if let Err(wrong) = session.wait(check::compile(engine, &config.checks)) {
        proof.problems.extend(wrong);
    }
    prove_reports(config, &session, &mut proof);
    Ok(proof.problems)
}

/// Sets a small paper on the page style.
fn prove_page_style(config: &Config, fonts: &Fonts) -> Result<(), pdf::PdfError> {
    let text = |text: &str| vec![Inline::Text { text: text.to_owned() }];
    let column = Column {
        name: "unit".into(),
        heading: vec!["镇街".into()],
        format: Format::Text,
        align: Align::Left,
        weight: 1.0,
    };
    let cell = Cell {
        value: Value::Text("示例镇".into()),
        text: "示例镇".into(),
        light: Some(Light::Red),
    };
    let document = Document {
        title: "版式检查".into(),
        addressees: "各镇街：".into(),
        signature: config.settings.district.name.clone(),
        dated_on: Some(jiff::civil::date(2024, 9, 1)),
        doc_number: "示例〔2024〕1号".into(),
        imprint: vec!["抄送：示例".into()],
        subtitle: String::new(),
        blocks: vec![
            Block::Heading(Heading { level: 1, number: "一、".into(), content: text("标题") }),
            Block::Para(text("正文 123 abc。")),
            Block::Table(Table {
                name: "sample".into(),
                caption: "表".into(),
                columns: vec![column],
                rows: vec![Row { cells: vec![cell], emphasis: false }],
                notes: vec!["注".into()],
                print_rows: None,
            }),
            Block::PageBreak,
            Block::AttachmentList(vec!["附件".into()]),
            Block::Appendix(Appendix {
                number: None,
                title: "附件".into(),
                blocks: vec![Block::Para(text("附件"))],
            }),
        ],
    };
    let no_charts = |_: &crate::report::document::Chart| Ok(String::new());
    let zone = config.settings.time_zone();
    let created_at = jiff::Timestamp::UNIX_EPOCH.to_zoned_datetime(zone);
    let meta = pdf::PdfMeta { author: "duban", created_at: &created_at };
    pdf::render(&document, &no_charts, fonts, &config.page_style, meta).map(|_| ())
}

fn prove_cases(config: &Config, session: &Session, proof: &mut Proof) -> Result<(), PipelineError> {
    let cases = match read_cases(&config.home.pipelines()) {
        Ok(cases) => cases,
        Err(wrong) => {
            proof.problems.extend(wrong);
            return Ok(());
        }
    };
    let datasets: Vec<_> = config
        .contracts
        .iter()
        .map(|contract| (contract.name.clone(), contract.arrow_schema()))
        .collect();
    let mut tables = Vec::new();
    let wrong = |error| PipelineError::step("making the tables of configuration", error);
    tables.push(("units".to_owned(), units_batch(&config.units).map_err(wrong)?));
    tables.push(("targets".to_owned(), targets_batch(&config.targets).map_err(wrong)?));
    // Periods are the same in every home but for the statistics dates that its contracts declare;
    // cases may lie in any of these years.
    let periods = period_rows(config, 2022, 2026);
    tables.push(("periods".to_owned(), periods_batch(periods, &config.waves).map_err(wrong)?));
    tables.extend(config.references.iter().map(|r| (r.name.clone(), r.batch.clone())));
    for name in reserved_tables() {
        if tables.iter().any(|(known, _)| known == name) {
            continue;
        }
        if let Some(schema) = reserved_schema(name) {
            tables.push((name.to_owned(), arrow::array::RecordBatch::new_empty(schema)));
        }
    }
    let definitions = Definitions {
        datasets: &datasets,
        tables: &tables,
        metrics: &config.metrics,
        checks: &config.checks,
    };
    // On all cores: each case plans its own queries, and that is most of a case's time.
    let share = cases.len().div_ceil(rayon::current_num_threads()).max(1);
    let results: Vec<_> = cases
        .par_chunks(share)
        .flat_map_iter(|cases| session.wait(run_cases(&definitions, cases)))
        .collect();
    proof.n_cases = results.len();
    proof.problems.extend(results.into_iter().filter_map(|result| result.failure));
    proof.uncovered = uncovered(&definitions, &cases);
    Ok(())
}

fn prove_reports(config: &Config, session: &Session, proof: &mut Proof) {
    let given = [
        ("period", Param::from("2024-09")),
        ("previous", Param::from("2024-08")),
        ("as_of", Param::from("2024-10-10T00:30:00Z")),
        ("today", Param::from("2024-10-10")),
        ("since", Param::from("2024-09-10T00:30:00Z")),
    ];
    let (errors, warnings) = mail_lint::lint_css(MAIL_CSS_FILE, &config.mail_css);
    let has_right_css = errors.is_empty();
    proof.problems.extend(errors);
    proof.warnings.extend(warnings);
    // What is wrong with the style sheet is said with its lines, and not again of every mail.
    let lint = |proof: &mut Proof, mail: &ReportDefinition, schemas: &Schemas| {
        if has_right_css {
            let (errors, warnings) = check_mail(mail, schemas, &config.mail_css);
            proof.problems.extend(errors);
            proof.warnings.extend(warnings);
        }
    };
    if let Some(mail) = &config.reminder {
        let schemas = super::remind::schemas();
        proof.problems.extend(crate::report::check(mail, &schemas));
        lint(proof, mail, &schemas);
    }
    let letters = &config.letters;
    for slip in letters.slips.values() {
        proof.problems.extend(check_filled(slip, &super::slips::slip_schemas()));
    }
    if let Some(mail) = &letters.supervision {
        let schemas = super::slips::mail_schemas();
        proof.problems.extend(check_filled(mail, &schemas));
        lint(proof, mail, &schemas);
    }
    if let Some(mail) = &letters.digest {
        let schemas = super::digest::schemas();
        proof.problems.extend(crate::report::check(mail, &schemas));
        lint(proof, mail, &schemas);
    }
    let ledgers = letters.ledgers.values().map(|ledger| (&ledger.report, &ledger.if_there[..]));
    let reports = config.reports.iter().map(|report| (report, &[][..]));
    for (report, if_there) in reports.chain(ledgers) {
        let mut schemas: BTreeMap<String, Vec<(String, ColumnKind)>> = BTreeMap::new();
        let params: Vec<(&str, Param)> = given.iter().cloned().chain(constants(report)).collect();
        let mut whole = true;
        for (name, query) in &report.queries {
            if if_there.contains(name) && !super::ledger_book::has_tables(session, &query.sql) {
                schemas.insert(name.clone(), Vec::new());
                continue;
            }
            match session.wait(session.engine().explain_schema(&query.sql, &params)) {
                Ok(schema) => {
                    let columns = schema.fields().iter();
                    schemas.insert(
                        name.clone(),
                        columns.map(|f| (f.name().clone(), column_kind(f.data_type()))).collect(),
                    );
                }
                Err(error) => {
                    whole = false;
                    proof.problems.push(error.to_diagnostic(
                        &report.file,
                        &report.text,
                        query.line.saturating_sub(1),
                    ));
                }
            }
        }
        if whole {
            proof.problems.extend(crate::report::check(report, &schemas));
            // The ledger's workbook is no mail.
            if report.formats.contains(&ReportFormat::Html) {
                lint(proof, report, &schemas);
            }
        }
    }
}
