//! The document as a mail: HTML, the same in plain text, and its charts as inline pictures.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use resvg::usvg::fontdb;
use sha2::{Digest, Sha256};

use super::chart::{self, ChartError, Style};
use super::document::{Block, Chart, Document};
use super::html::{self, HtmlError};
use super::text;
use crate::model::{Attachment, InlineImage, MailContent};

/// Why a mail could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("draw chart {name:?}")]
    Chart { name: String, source: ChartError },
    #[error(transparent)]
    Html(#[from] HtmlError),
}

/// Pictures are made twice as fine as they are shown.
const SCALE: f32 = 2.0;

/// Makes the mail of a report. `css` is `report_templates/_base/mail.css`, `fonts` has the faces for
/// the charts. The same document, styles and faces give the same bytes and Content-IDs.
///
/// # Errors
/// If a chart cannot be drawn (a character that no face has), or the HTML is too large.
pub fn compose(
    document: &Document,
    subject: &str,
    css: &str,
    fonts: &Arc<fontdb::Database>,
    attachments: Vec<Attachment>,
) -> Result<MailContent, MailError> {
    let mut charts = Vec::new();
    collect_charts(&document.blocks, &mut charts);
    let mut inline: Vec<InlineImage> = Vec::new();
    let mut ids: HashMap<*const Chart, String> = HashMap::new();
    for chart in charts {
        let wrong = |source| MailError::Chart { name: chart.name.clone(), source };
        let svg = chart::svg(chart, &Style::default()).map_err(wrong)?;
        let bytes = chart::png(&svg, fonts, SCALE).map_err(wrong)?;
        let content_id = content_id(&bytes);
        ids.insert(std::ptr::from_ref(chart), content_id.clone());
        if inline.iter().all(|image| image.content_id != content_id) {
            inline.push(InlineImage { content_id, media_type: "image/png".to_owned(), bytes });
        }
    }
    let source = |chart: &Chart| {
        let id = ids.get(&std::ptr::from_ref(chart)).cloned().unwrap_or_default();
        format!("cid:{id}")
    };
    let html = html::render(document, css, &source)?;
    let text = text::render(document);
    Ok(MailContent { subject: subject.to_owned(), html, text, inline, attachments })
}

/// All charts of a document, in their order.
pub fn collect_charts<'a>(blocks: &'a [Block], charts: &mut Vec<&'a Chart>) {
    for block in blocks {
        match block {
            Block::Chart(chart) => charts.push(chart),
            Block::Landscape(blocks) => collect_charts(blocks, charts),
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
