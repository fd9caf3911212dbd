//! `duban report`: editions, previews, approval, sending, rebuilding.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::args::{Cli, Format, ShownAs};
use super::commands::{Environment, ledger_error, text, unit};
use super::output::{Rows, put, say};
use super::report_args::{PreviewArgs, ReportCommand};
use super::{CliError, Verdict, Watch, mails, open, show};
use crate::ledger::{Edition, EditionFilter, EditionId, Hand};
use crate::model::{DeliveryState, Period};
use crate::pipeline::{Pipeline, PreviewOptions, RebuildVerdict, Rebuilt, Repair, SendWhat};

pub(super) fn run(
    cli: &Cli,
    environment: &Environment,
    command: &ReportCommand,
) -> Result<Verdict, CliError> {
    let pipeline = open(cli, environment)?;
    match command {
        ReportCommand::List { report, period, format } => {
            let filter = EditionFilter {
                report: report.clone(),
                period: *period,
                as_of: cli.as_of,
                ..EditionFilter::default()
            };
            let editions = pipeline.ledger().editions(&filter).map_err(ledger_error)?;
            list(&pipeline, &editions, *format)?;
        }
        ReportCommand::Show { edition_id, format } => {
            let shown = pipeline.show_edition(EditionId(*edition_id))?;
            let words = match format {
                ShownAs::Text => shown.text(),
                ShownAs::Json => serde_json::to_string(&shown).map_err(std::io::Error::from)?,
            };
            put(words);
        }
        ReportCommand::Build { reports, period, params } => {
            let watch = Watch::new(cli);
            let built = pipeline.build_reports(reports, *period, params, &watch)?;
            watch.done();
            show::built(&pipeline, &built);
        }
        ReportCommand::Preview(args) => preview(cli, &pipeline, args)?,
        ReportCommand::Approve { edition_id, role, by, note } => {
            let watch = Watch::new(cli);
            let hand = Hand { name: by.clone(), reason: note.clone() };
            let sent = pipeline.approve(EditionId(*edition_id), role, &hand, &watch)?;
            watch.done();
            put(format!("edition {edition_id} is approved by {by} ({role})"));
            mails::lines(&sent);
        }
        ReportCommand::Send { what, period, test_send } => {
            send(cli, &pipeline, what, *period, test_send.as_deref())?;
        }
        ReportCommand::Rebuild { edition_id, to, repair, format } => {
            let repair = if *repair { Repair::PutBack } else { Repair::Leave };
            let rebuilt = pipeline.rebuild(EditionId(*edition_id), to.as_deref(), repair)?;
            say_rebuilt(&rebuilt, to.as_deref(), *format);
            return Ok(Verdict::at_fault_if(!rebuilt.is_whole()));
        }
    }
    Ok(Verdict::Done)
}

fn list(pipeline: &Pipeline, editions: &[Edition], format: Format) -> Result<(), CliError> {
    let config = pipeline.config();
    let numbers: BTreeMap<EditionId, i64> = pipeline
        .ledger()
        .editions(&EditionFilter::default())
        .map_err(ledger_error)?
        .into_iter()
        .map(|edition| (edition.edition_id, edition.edition_no))
        .collect();
    let mut rows = Rows::new(&[
        "edition_id",
        "report",
        "audience",
        "period",
        "scope",
        "no",
        "created_at",
        "supersedes",
        "corrects_no",
        "approved_by",
        "files",
    ]);
    for edition in editions {
        let files: Vec<&str> = edition
            .files
            .iter()
            .filter(|file| !file.format.starts_with("image:"))
            .map(|file| file.path.as_str())
            .collect();
        let definition = config.reports.iter().find(|report| report.name == edition.report);
        let approval = pipeline.ledger().approval(edition.edition_id).map_err(ledger_error)?;
        rows.push(vec![
            json!(edition.edition_id.0),
            json!(edition.report),
            json!(definition.map_or("", |definition| definition.audience.as_str())),
            json!(edition.period.to_string()),
            json!(edition.scope),
            json!(edition.edition_no),
            json!(edition.created_at.to_string()),
            text(edition.supersedes.map(|id| id.0)),
            text(edition.supersedes.and_then(|id| numbers.get(&id))),
            text(approval.map(|approval| format!("{} ({})", approval.name, approval.role))),
            json!(files.join(" ")),
        ]);
    }
    Ok(rows.print(format)?)
}

fn preview(cli: &Cli, pipeline: &Pipeline, args: &PreviewArgs) -> Result<(), CliError> {
    let whose = args.unit.as_deref().map(|text| unit(pipeline.config(), text)).transpose()?;
    let options = PreviewOptions {
        report: args.report.clone(),
        period: args.period,
        unit: whose,
        constants: args.params.clone(),
    };
    let watch = Watch::new(cli);
    let preview = pipeline.preview_report(&options, &watch)?;
    if let Some(folder) = &args.to {
        for path in preview.write_to(folder)? {
            put(format!("  {}", path.display()));
        }
    }
    if let Some(address) = &args.test_send {
        mails::lines(&pipeline.test_send_preview(preview, address, &watch)?);
    }
    watch.done();
    Ok(())
}

fn send(
    cli: &Cli,
    pipeline: &Pipeline,
    what: &str,
    period: Option<Period>,
    test_to: Option<&str>,
) -> Result<(), CliError> {
    let what = match what.parse::<i64>() {
        Ok(id) => SendWhat::Edition(EditionId(id)),
        Err(_) => SendWhat::Report { name: what.to_owned(), period },
    };
    let watch = Watch::new(cli);
    if let Some(address) = test_to {
        for edition in pipeline.editions_to_send(&what)? {
            mails::lines(&pipeline.test_send_edition(&edition, address, &watch)?);
        }
        watch.done();
        return Ok(());
    }
    let sent = pipeline.send_editions(&what, &watch)?;
    watch.done();
    mails::lines(&sent);
    let held = sent.iter().filter(|mail| mail.state == DeliveryState::Held).count();
    if held > 0 {
        say(format!(
            "note: {held} mail(s) are held: the edition is to be approved, or a hand holds them"
        ));
        say("hint: duban report approve EDITION --role … --by …, or duban mail release");
    }
    Ok(())
}

fn say_rebuilt(rebuilt: &Rebuilt, to: Option<&Path>, format: Format) {
    let edition = &rebuilt.edition;
    if format == Format::Json {
        let value = json!({
            "edition_id": edition.edition_id, "identical": rebuilt.is_identical(),
            "differs": rebuilt.differs, "files": rebuilt.files,
            "written": rebuilt.written.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        });
        put(serde_json::to_string_pretty(&value).unwrap_or_default());
        return;
    }
    let scope =
        if edition.scope.is_empty() { String::new() } else { format!(" {}", edition.scope) };
    put(format!(
        "{} {}{scope} edition {}: {}",
        edition.report,
        edition.period,
        edition.edition_no,
        if rebuilt.is_identical() { "identical in every file" } else { "not identical" }
    ));
    for file in &rebuilt.files {
        let verdict = match file.verdict {
            RebuildVerdict::Identical => "identical",
            RebuildVerdict::Differs => "comes out otherwise now; the stored file stands",
            RebuildVerdict::Stored => "not rendered again; the stored file stands",
            RebuildVerdict::Lost => "lost: the stored file is missing or damaged",
        };
        let disk = match (file.put_back, file.stands) {
            (true, _) => ", put back",
            (false, true) => "",
            (false, false) => ", missing or damaged on disk",
        };
        put(format!("  {} {verdict}{disk}", file.file_name));
    }
    for what in &rebuilt.differs {
        say(format!("note: different now: {what}"));
    }
    if rebuilt.files.iter().any(|file| !file.stands && file.verdict == RebuildVerdict::Identical) {
        say(format!("hint: duban report rebuild {} --repair", edition.edition_id));
    }
    if let Some(folder) = to {
        put(format!("{} files in {}", rebuilt.written.len(), folder.display()));
    }
}
