//! The document as a mail: HTML, the same in plain text, and its charts as inline pictures.

use std::cell::RefCell;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::chart::{self, ChartError, Pictures};
use super::document::{Block, Chart, Document};
use super::html::{self, Attached, HtmlError, Picture};
use super::{mail_lint, text};
use crate::model::{Attachment, InlineImage, MailContent};

/// Why a mail could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("draw chart {name:?}")]
    Chart { name: String, source: ChartError },
    #[error(transparent)]
    Html(#[from] HtmlError),
    #[error("some mail programs would not show the mail as it is meant: {0}")]
    Lint(String),
}

/// What a mail is besides its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub subject: &'a str,
    /// Whether the reader has the whole document beside the mail: then long appendices are left to it.
    pub attached: Attached,
}

impl<'a> From<&'a String> for Frame<'a> {
    /// A mail that is all there is.
    fn from(subject: &'a String) -> Frame<'a> {
        Frame { subject, attached: Attached::Nothing }
    }
}

/// Makes the mail of a report. `css` is `report_templates/_base/mail.css`. The same document, styles and
/// pictures give the same bytes and Content-IDs.
///
/// # Errors
/// If a chart cannot be drawn (a character that no face has), the HTML is too large, or the linter finds
/// what some mail program would not show.
pub fn compose<'a>(
    document: &Document,
    frame: impl Into<Frame<'a>>,
    css: &str,
    pictures: &Pictures,
    attachments: Vec<Attachment>,
) -> Result<MailContent, MailError> {
    let frame = frame.into();
    let draw = |chart: &Chart| {
        let picture = pictures.of(chart);
        let wrong = |source| MailError::Chart { name: chart.name.clone(), source };
        Ok(picture.map_err(wrong)?.to_vec())
    };
    let content = compose_with(document, frame, css, &draw, attachments)?;
    match mail_lint::errors(&mail_lint::lint_mail(&content)) {
        Some(errors) => Err(MailError::Lint(errors)),
        None => Ok(content),
    }
}

/// What the linter says of a document's mail, with empty pictures in place of its charts.
///
/// # Errors
/// If the HTML cannot be made.
pub fn lint_sample(document: &Document, css: &str) -> Result<Vec<mail_lint::Problem>, MailError> {
    let subject = document.title.clone() + " ";
    let frame = Frame { subject: &subject, attached: Attached::Nothing };
    let draw = |chart: &Chart| {
        let name = chart.name.as_bytes();
        Ok([&PNG_OF_A_CHART[..], name].concat())
    };
    let content = compose_with(document, frame, css, &draw, Vec::new())?;
    let problems = mail_lint::lint_mail(&content);
    // A letter's title may be empty in a sample; its subject is proven elsewhere.
    Ok(problems.into_iter().filter(|problem| problem.rule != "subject").collect())
}

/// The beginning of a picture of 1360 × 680.
const PNG_OF_A_CHART: [u8; 24] = [
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 5,
    0x50, 0, 0, 2, 0xa8,
];

type Draw<'a> = dyn Fn(&Chart) -> Result<Vec<u8>, MailError> + 'a;

fn compose_with(
    document: &Document,
    frame: Frame<'_>,
    css: &str,
    draw: &Draw<'_>,
    attachments: Vec<Attachment>,
) -> Result<MailContent, MailError> {
    // Drawn when the page comes to it: an appendix that is left to its paper takes its charts along.
    let drawn: RefCell<Vec<(*const Chart, Picture, InlineImage)>> = RefCell::default();
    let failed: RefCell<Option<MailError>> = RefCell::default();
    let picture = |chart: &Chart| {
        let is_it = |known: &&(*const Chart, Picture, InlineImage)| std::ptr::eq(known.0, chart);
        if let Some((_, picture, _)) = drawn.borrow().iter().find(is_it) {
            return picture.clone();
        }
        let bytes = draw(chart).unwrap_or_else(|error| {
            failed.borrow_mut().get_or_insert(error);
            Vec::new()
        });
        let content_id = content_id(&bytes);
        let (width, height) = shown_size(&bytes);
        let picture = Picture { src: format!("cid:{content_id}"), width, height };
        let image = InlineImage { content_id, media_type: "image/png".to_owned(), bytes };
        drawn.borrow_mut().push((chart, picture.clone(), image));
        picture
    };
    let html = html::render(document, css, frame.attached, &picture);
    if let Some(error) = failed.take() {
        return Err(error);
    }
    let html = html?;
    let mut inline: Vec<InlineImage> = Vec::new();
    for (_, picture, image) in drawn.take() {
        let is_new = inline.iter().all(|known| known.content_id != image.content_id);
        // A longer page may have been tried before.
        if is_new && html.contains(&picture.src) {
            inline.push(image);
        }
    }
    let text = text::render(document);
    Ok(MailContent { subject: frame.subject.to_owned(), html, text, inline, attachments })
}

/// Width and height at which a PNG is shown: its chart's own, by its header.
fn shown_size(png: &[u8]) -> (u32, u32) {
    let side = |at: usize| {
        let bytes = png.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        bytes.map_or(0, u32::from_be_bytes)
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels")]
    let shown = |pixels: u32| (f64::from(pixels) / f64::from(chart::SCALE)).round() as u32;
    (shown(side(16)), shown(side(20)))
}

/// All charts of a document, in their order.
pub fn collect_charts<'a>(blocks: &'a [Block], charts: &mut Vec<&'a Chart>) {
    for block in blocks {
        match block {
            Block::Chart(chart) => charts.push(chart),
            Block::Landscape(blocks) => collect_charts(blocks, charts),
            Block::Appendix(appendix) => collect_charts(&appendix.blocks, charts),
            _ => {}
        }
    }
}

/// By the picture's bytes: the same picture has the same name in every mail.
fn content_id(bytes: &[u8]) -> String {
    let mut id = String::new();
    for byte in Sha256::digest(bytes).iter().take(12) {
        let _ = write!(id, "{byte:02x}");
    }
    format!("chart-{id}@duban")
}
