//! Whole editions: the joint meeting's in four formats beside Python's libraries, and town sheets by the thousand.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use duban::report::Rendered;
use duban::report::chart::Pictures;
use duban::report::document::Chart;
use duban::report::{chart, mail};
use rayon::prelude::*;

use crate::Outcome;
use crate::fixture::{Campaign, folder};
use crate::measure::{Line, Plan, forget_peak, median, peak_mb, time};
use crate::papers::Paper;

const FORMATS: [&str; 4] = ["html", "pdf", "docx", "xlsx"];

/// `benches/peer/edition.py`, waiting for the next format.
struct Peer {
    child: Child,
    ask: ChildStdin,
    answer: BufReader<ChildStdout>,
}

impl Peer {
    /// None, said loudly, if there is no Python with the peer's libraries: `DUBAN_PEER_PYTHON` names one.
    fn start(folder: &Path) -> Outcome<Option<Peer>> {
        let python = std::env::var_os("DUBAN_PEER_PYTHON").unwrap_or_else(|| "python3".into());
        let has = Command::new(&python)
            .args(["-c", "import docx, jinja2, weasyprint, xlsxwriter"])
            .stderr(Stdio::null())
            .status();
        if !has.is_ok_and(|status| status.success()) {
            eprintln!(
                "LEFT OUT: the peer. Set DUBAN_PEER_PYTHON to a Python with benches/peer/requirements.txt"
            );
            return Ok(None);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer/edition.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let ask = child.stdin.take().ok_or("the peer has no stdin")?;
        let answer = BufReader::new(child.stdout.take().ok_or("the peer has no stdout")?);
        Ok(Some(Peer { child, ask, answer }))
    }

    /// Its own time for one file, and the file's size.
    fn make(&mut self, format: &str) -> Outcome<(Duration, usize)> {
        writeln!(self.ask, "{format}")?;
        let mut line = String::new();
        self.answer.read_line(&mut line)?;
        let (seconds, size) =
            line.trim().split_once(' ').ok_or_else(|| format!("the peer failed on {format}"))?;
        Ok((Duration::from_secs_f64(seconds.parse()?), size.parse()?))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the peer reads: the typed document, and the charts as we drew them.
fn hand_over(paper: &Paper<'_>, rendered: &Rendered, folder: &Path) -> Outcome<()> {
    let document = rendered.document.for_print();
    fs_err::write(folder.join("document.json"), serde_json::to_vec(&document)?)?;
    let mut charts: Vec<&Chart> = Vec::new();
    mail::collect_charts(&document.blocks, &mut charts);
    for one in charts {
        let svg = chart::svg(one, &chart::Style::default())?;
        fs_err::write(folder.join(format!("{}.svg", one.name)), svg)?;
        fs_err::write(folder.join(format!("{}.png", one.name)), paper.chart_png(one)?)?;
    }
    Ok(())
}

fn make(
    paper: &Paper<'_>,
    rendered: &Rendered,
    pictures: &Pictures,
    format: &str,
) -> Outcome<usize> {
    Ok(match format {
        "html" => paper.mail(rendered, pictures, Vec::new())?.html.len(),
        "pdf" => paper.pdf(rendered)?.len(),
        "docx" => paper.docx(rendered, pictures)?.len(),
        _ => paper.xlsx(rendered)?.len(),
    })
}

/// No run sets the same paper twice: what the last round left must not help.
fn forget_the_last_round() {
    typst::comemo::evict(0);
}

/// All four as a run makes them: the paper beside the others.
fn make_all(paper: &Paper<'_>, rendered: &Rendered) -> Outcome<()> {
    let pictures = &paper.pictures()?;
    let one = |format| make(paper, rendered, pictures, format).map_err(|error| error.to_string());
    let (paper, (draft, (mail, workbook))) =
        rayon::join(|| one("pdf"), || rayon::join(|| one("docx"), || (one("html"), one("xlsx"))));
    for made in [paper, draft, mail, workbook] {
        made?;
    }
    Ok(())
}

/// The joint meeting's edition in turn with the peer: file by file on one thread, then all four as a run
/// makes them, against the sum of the peer's. Ours draws its charts (once for mail and Word, once for the paper); the peer
/// finds them drawn.
pub fn beside_python(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    let replayed = campaign.replayed()?;
    let paper = Paper::of(replayed)?;
    let rendered = paper.rendered()?;
    let folder = folder()?;
    hand_over(&paper, &rendered, folder.path())?;
    let mut peer = Peer::start(folder.path())?;
    let rounds = plan.rounds(7);
    // Of each round: ours and the peer's, format by format.
    let mut times: Vec<[(Duration, Duration); 4]> = Vec::new();
    let mut whole: Vec<Duration> = Vec::new();
    let mut sizes = [(0, 0); 4];
    for round in 0..=rounds {
        let mut of_round = [(Duration::ZERO, Duration::ZERO); 4];
        let pictures = paper.pictures()?;
        for (i, format) in FORMATS.iter().enumerate() {
            forget_the_last_round();
            // The template belongs to the first format, as it is run once for all.
            of_round[i].0 = time(|| {
                if i == 0 {
                    paper.rendered()?;
                }
                sizes[i].0 = make(&paper, &rendered, &pictures, format)?;
                Ok(())
            })?;
            if let Some(peer) = &mut peer {
                (of_round[i].1, sizes[i].1) = peer.make(format)?;
            }
        }
        forget_the_last_round();
        let together = time(|| {
            paper.rendered()?;
            make_all(&paper, &rendered)
        })?;
        if round > 0 || plan.quick {
            times.push(of_round);
            whole.push(together);
        }
    }
    let mut lines = Vec::new();
    let mut line = |name: String, ours: Vec<Duration>, peers: Vec<Duration>, sizes: String| {
        let mut ratios: Vec<f64> =
            ours.iter().zip(&peers).map(|(a, b)| b.as_secs_f64() / a.as_secs_f64()).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let (mut ours, mut peers) = (ours, peers);
        let line = Line::new(name, median(&mut ours));
        lines.push(if peer.is_some() {
            let theirs = format!("Python {:.3} s; {sizes}", median(&mut peers).as_secs_f64());
            line.ratio(ratios[ratios.len() / 2]).remark(theirs)
        } else {
            line.remark(sizes)
        });
    };
    for (i, format) in FORMATS.iter().enumerate() {
        let pick = |which: fn(&(Duration, Duration)) -> Duration| {
            times.iter().map(|round| which(&round[i])).collect::<Vec<_>>()
        };
        let bytes = format!("{} and {} bytes", sizes[i].0, sizes[i].1);
        line(format!("edition: {format}"), pick(|t| t.0), pick(|t| t.1), bytes);
    }
    let sum = |which: fn(&(Duration, Duration)) -> Duration| {
        times.iter().map(|round| round.iter().map(which).sum()).collect::<Vec<Duration>>()
    };
    let one_after_another = "one after another".to_owned();
    line("edition: all four".to_owned(), sum(|t| t.0), sum(|t| t.1), one_after_another);
    line("edition: all four".to_owned(), whole, sum(|t| t.1), "as a run makes them".to_owned());
    Ok(lines)
}

/// Town sheets as HTML (with PNG charts) and PDF, from stored rows, on all cores: how many a second once
/// warm, and the peak of memory after one and after ten thousand.
pub fn town_sheets(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    let replayed = campaign.replayed()?;
    let papers = Paper::all_of(replayed, "town_sheet")?;
    if papers.is_empty() {
        return Err("no town sheets were made".into());
    }
    let sheet = |i: usize| -> Result<usize, String> {
        let paper = &papers[i % papers.len()];
        let make = || -> Outcome<usize> {
            let rendered = paper.rendered()?;
            Ok(paper.mail(&rendered, &paper.pictures()?, Vec::new())?.html.len()
                + paper.pdf(&rendered)?.len())
        };
        make().map_err(|error| error.to_string())
    };
    let run = |n: usize| -> Outcome<Duration> {
        let start = Instant::now();
        // As many side by side as a run makes.
        let sheets: Vec<usize> = (0..n).collect();
        for some in sheets.chunks(2 * rayon::current_num_threads().max(1)) {
            some.par_iter().try_for_each(|i| sheet(*i).map(drop))?;
        }
        Ok(start.elapsed())
    };
    let (warm, thousand) = if plan.quick { (2, 4) } else { (60, 1_000) };
    run(warm)?;
    forget_peak();
    let first = run(thousand)?;
    let after_one = peak_mb().unwrap_or_default();
    let ten = if plan.quick { thousand } else { 9 * thousand };
    let rest = run(ten)?;
    let after_ten = peak_mb().unwrap_or_default();
    let rate = |n: usize, time: Duration| {
        #[expect(clippy::cast_precision_loss, reason = "a count of sheets")]
        let n = n as f64;
        format!("{:.1} a second", n / time.as_secs_f64())
    };
    Ok(vec![
        Line::new("burst: town sheets, html and pdf", first)
            .of(thousand, "sheet")
            .remark(format!("{}; peak {after_one} MB", rate(thousand, first))),
        Line::new("burst: and then", rest)
            .of(ten, "sheet")
            .remark(format!("{}; peak {after_ten} MB", rate(ten, rest))),
    ])
}
