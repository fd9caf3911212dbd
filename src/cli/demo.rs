//! `duban demo`: a home with an invented campaign, run from files to mails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::args::{Cli, DemoArgs, Format};
use super::output::{Rows, put, say};
use super::{CliError, Verdict, Watch, load};
use crate::config::home::Home;
use crate::daemon::{Daemon, DaemonError};
use crate::demo::{self, Occasion, ReplayError, Reported, Span, replay};
use crate::ledger::{DeliveryFilter, EditionFilter, ItemFilter, LedgerError, SubmissionFilter};
use crate::model::{DeliveryState, ItemState, SubmissionState};
use crate::pipeline::{Pipeline, PipelineError, Progress};

pub(super) fn run(
    cli: &Cli,
    args: &DemoArgs,
    environment: &BTreeMap<String, String>,
) -> Result<Verdict, CliError> {
    if cli.as_of.is_some() {
        return Err(CliError::Usage {
            message: "the demo brings its own time".into(),
            hint: Some("leave --as-of away".into()),
        });
    }
    let root: PathBuf =
        if cli.home == Path::new(".") { "demo-home".into() } else { cli.home.clone() };
    let home = Home::new(&root);
    let span = if home.is_home() { go_on(&root, args)? } else { make(&root, args)? };
    // All is compiled before anything is run.
    load(&home, environment)?;
    let watch = Watch::new(cli);
    say("every figure, institution and address of this demo is invented");
    let mut told = Told::default();
    let result = replay(home, environment, span, &Quiet(&watch), |daemon, reported| {
        let line = told.line(daemon, reported);
        put(line.unwrap_or_else(|error| format!("{}: {error}", reported.period)));
    });
    watch.done();
    let daemon = result.map_err(replay_error)?;
    let pipeline = daemon.pipeline().map_err(daemon_error)?;
    summary(&pipeline, &root)?;
    daemon.close().map_err(daemon_error)?;
    Ok(Verdict::Done)
}

fn span_of(args: &DemoArgs) -> Result<Span, CliError> {
    Span::between(args.from, args.until).map_err(|error| CliError::Usage {
        message: error.to_string(),
        hint: Some("months are written like 2024-09".into()),
    })
}

/// A new home.
fn make(root: &Path, args: &DemoArgs) -> Result<Span, CliError> {
    let span = span_of(args)?;
    demo::make(root, span).map_err(|error| CliError::Usage {
        message: error.to_string(),
        hint: Some("name an empty or absent folder: duban demo --home DIR".into()),
    })?;
    Ok(span)
}

/// The months of the demo that made this home.
fn go_on(root: &Path, args: &DemoArgs) -> Result<Span, CliError> {
    let Some(span) = demo::span_of(root) else {
        return Err(CliError::Usage {
            message: format!("{} is a home that no demo made: left as it is", root.display()),
            hint: Some("name an absent folder: duban demo --home DIR".into()),
        });
    };
    let is_other = args.from.is_some_and(|from| from != span.first())
        || args.until.is_some_and(|until| until != span.last());
    if is_other {
        return Err(CliError::Usage {
            message: format!(
                "the demo in {} goes from {} to {}",
                root.display(),
                span.first(),
                span.last()
            ),
            hint: Some("leave --from and --until away to go on, or name an absent folder".into()),
        });
    }
    say(format!("going on with the demo in {}", root.display()));
    Ok(span)
}

fn daemon_error(error: DaemonError) -> CliError {
    match error {
        DaemonError::Definitions(problems) => CliError::Definitions(problems),
        DaemonError::Ledger(error) => CliError::Pipeline(error.into()),
        DaemonError::Pipeline(error) => error.into(),
        DaemonError::Io(error) => error.into(),
    }
}

fn replay_error(error: ReplayError) -> CliError {
    match error {
        ReplayError::Daemon(error) => daemon_error(error),
        ReplayError::Pipeline(error) => error.into(),
        ReplayError::Io(error) => error.into(),
        ReplayError::Campaign(_) | ReplayError::Failed { .. } => {
            CliError::Usage { message: error.to_string(), hint: None }
        }
    }
}

/// Troubles of the towns' server and files put in the wrong place are part of the story: they are told
/// where somebody wants to know more.
struct Quiet<'a>(&'a Watch);

impl Progress for Quiet<'_> {
    fn step(&self, name: &str, key: &str) {
        self.0.step(name, key);
    }

    fn warn(&self, message: &str) {
        if self.0.verbose {
            self.0.warn(message);
        }
    }
}

/// What the lines before have told.
#[derive(Default)]
struct Told {
    submissions: usize,
    mails: usize,
    editions: usize,
}

impl Told {
    fn line(&mut self, daemon: &Daemon, reported: &Reported) -> Result<String, LedgerError> {
        let ledger = daemon.ledger();
        let local = daemon.clock().zone().to_datetime(reported.at);
        let at = local.strftime("%Y-%m-%d %H:%M");
        let period = reported.period;
        if reported.already {
            return Ok(format!("{at}  {period}  done before"));
        }
        let submissions = ledger.submissions(&SubmissionFilter::default())?;
        let new = submissions.get(self.submissions..).unwrap_or_default();
        let count = |wanted: &dyn Fn(&crate::ledger::Submission) -> bool| {
            new.iter().filter(|submission| wanted(submission)).count()
        };
        let late = count(&|submission| submission.late);
        let returned = count(&|submission| submission.state == SubmissionState::Returned);
        let items = ledger.items(&ItemFilter::default())?;
        let open = items.iter().filter(|item| is_open(item.state)).count();
        let today = local.date();
        let overdue =
            items.iter().filter(|item| is_open(item.state) && item.due_on < today).count();
        let editions = ledger.editions(&EditionFilter::default())?;
        let mails = ledger.deliveries(&DeliveryFilter::default())?.len();
        let line = format!(
            "{at}  {period}{}  files {:3} (late {late}, returned {returned})  items {open:3} open, {overdue:3} overdue  \
             editions {}  mails {}",
            if reported.occasion == Occasion::Correction { " again" } else { "" },
            new.len(),
            editions.len() - self.editions.min(editions.len()),
            mails - self.mails.min(mails),
        );
        *self = Told { submissions: submissions.len(), mails, editions: editions.len() };
        Ok(line)
    }
}

fn is_open(state: ItemState) -> bool {
    !matches!(
        state,
        ItemState::Closed | ItemState::Archived | ItemState::Suspended | ItemState::Withdrawn
    )
}

/// The campaign by quarters: the three rates and the childcare points of the quarter's last month, how
/// many of the expected files came, items as they stood at its report, and mails.
const STORY: &str = "
WITH months AS (
    SELECT t.period, t.gross_enrolment, t.inclusive_coverage, t.public_share, t.n_reported, t.n_units,
           concat(substr(t.period, 1, 4), ' Q', CAST((CAST(substr(t.period, 6, 2) AS INT) + 2) / 3 AS VARCHAR)) AS quarter
    FROM three_rates t JOIN periods p ON p.period = t.period
    WHERE t.level = 'district' AND p.frequency = 'month'
),
newest AS (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY quarter ORDER BY period DESC) AS n FROM months
),
filed AS (
    SELECT m.quarter, SUM(r.rate_num) AS num, SUM(r.rate_den) AS den
    FROM reporting r JOIN months m ON m.period = r.period
    WHERE r.level = 'district' GROUP BY m.quarter
)
SELECT n.quarter, n.gross_enrolment, n.inclusive_coverage, n.public_share, c.points,
       CAST(f.num AS DOUBLE) / NULLIF(f.den, 0) AS reported
FROM newest n
LEFT JOIN childcare_point_counts c ON c.level = 'district' AND c.period = n.period
LEFT JOIN filed f ON f.quarter = n.quarter
WHERE n.n = 1
ORDER BY n.quarter";

fn tell_story(pipeline: &Pipeline) -> Result<(), CliError> {
    let session = pipeline.session(None)?;
    let result = session.query(STORY, &[]).map_err(PipelineError::from)?;
    let items = pipeline.ledger().items(&ItemFilter::default()).map_err(PipelineError::from)?;
    let deliveries =
        pipeline.ledger().deliveries(&DeliveryFilter::default()).map_err(PipelineError::from)?;
    let mut rows = Rows::new(&[
        "quarter",
        "gross enrolment",
        "inclusive",
        "public",
        "points",
        "reported",
        "items opened",
        "closed",
        "mails",
    ]);
    let of_quarter = |day: jiff::civil::Date| format!("{} Q{}", day.year(), (day.month() + 2) / 3);
    for row in result.rows() {
        let quarter = row.text("quarter").unwrap_or_default();
        let percent = |column: &str| match row.float(column) {
            // Cut, not rounded: 49.996 % is not 50 %.
            Some(value) => json!(format!("{:.1}%", (value * 1000.0).floor() / 10.0)),
            None => Value::Null,
        };
        let opened = items.iter().filter(|item| of_quarter(item.opened_on) == quarter).count();
        let closed =
            items.iter().filter(|item| item.closed_on.is_some_and(|on| of_quarter(on) == quarter));
        let mails = deliveries.iter().filter(|delivery| {
            delivery.state == DeliveryState::Accepted
                && of_quarter(pipeline.clock().date_of(delivery.updated_at)) == quarter
        });
        rows.push(vec![
            json!(quarter),
            percent("gross_enrolment"),
            percent("inclusive_coverage"),
            percent("public_share"),
            json!(row.int("points")),
            percent("reported"),
            json!(opened),
            json!(closed.count()),
            json!(mails.count()),
        ]);
    }
    rows.print(Format::Table)?;
    Ok(())
}

fn summary(pipeline: &Pipeline, root: &Path) -> Result<(), CliError> {
    let ledger = pipeline.ledger();
    let submissions =
        ledger.submissions(&SubmissionFilter::default()).map_err(super::commands::ledger_error)?;
    let mut by_state: BTreeMap<SubmissionState, usize> = BTreeMap::new();
    for submission in &submissions {
        *by_state.entry(submission.state).or_insert(0) += 1;
    }
    let states: Vec<String> = by_state.iter().map(|(state, n)| format!("{state} {n}")).collect();
    put("");
    tell_story(pipeline)?;
    put("");
    put(format!("submissions {}: {}", submissions.len(), states.join(", ")));
    let editions =
        ledger.editions(&EditionFilter::default()).map_err(super::commands::ledger_error)?;
    if let Some(edition) = editions.last() {
        put(format!("reports {}; the newest:", editions.len()));
        for file in edition.files.iter().filter(|file| !file.format.starts_with("image:")) {
            put(format!("  {}", root.join(&file.path).display()));
        }
    }
    let deliveries =
        ledger.deliveries(&DeliveryFilter::default()).map_err(super::commands::ledger_error)?;
    put(format!("mails {}; the newest:", deliveries.len()));
    for delivery in deliveries.iter().rev().take(4) {
        put(format!(
            "  {}  {}  {}",
            root.join(&delivery.last_reply).display(),
            delivery.recipient,
            delivery.state
        ));
    }
    put("");
    let home = format!("duban --home {}", root.display());
    put(format!("look around: {home} status | items list | mail list"));
    put(format!(
        "             {home} query \"SELECT * FROM three_rates WHERE level = 'district'\""
    ));
    look_at(pipeline, &home).map_err(super::commands::ledger_error)?;
    Ok(())
}

/// What a supervisor looks at first: what is overdue, an item that climbed the whole ladder, the ledger.
fn look_at(pipeline: &Pipeline, home: &str) -> Result<(), LedgerError> {
    put("a supervisor looks at:");
    put(format!("  {home} items list --overdue"));
    let silent = ItemFilter { check_id: Some("town_silent".to_owned()), ..ItemFilter::default() };
    let items = pipeline.ledger().items(&silent)?;
    if let Some(item) = items.iter().max_by_key(|item| item.escalation) {
        put(format!(
            "  {home} items show {}    {} {}",
            item.item_no, item.subject_name, item.check_title
        ));
    }
    put(format!("  {home} items stats --by town"));
    put(format!("  {home} items export 台账.xlsx"));
    Ok(())
}
