//! A typed document as a Word file that is edited by hand afterwards, in Word or WPS.
//!
//! ## Design notes
//! - The parts are written here, over quick-xml and zip. docx-rs 0.4.22 was measured first and lacks what an official
//!   paper turns on: repeated heading rows (`w:tblHeader`), alternative text of pictures (`wp:docPr/@descr`), East Asian
//!   language, spacing between Chinese and figures (`w:autoSpaceDE`), latent styles; it packs empty parts for comments and
//!   footnotes, uncompressed. Patching all that afterwards would be a second writer over the first.
//! - Numbers of headings, lists and attachments are text, not numbering of Word's: they come from the document, where all
//!   formats take them, and must be the same in each to the character. Word would count anew, print `（一）` otherwise
//!   than WPS does, and hide the number from who searches the text.
//! - Looks are in styles; beside the text stands only what belongs to one place (a title's balanced lines, the date under
//!   its signature). Office faces are named, not embedded: the office has them, and the font table says what stands in.
//! - 22 lines a page come from the grid (`w:docGrid`) and a fixed pitch, 28 characters a line from the styles' character
//!   spacing. Word's grid of characters would do the same, but LibreOffice reads its narrowing as widening (19 characters
//!   a line, 25 pages for 19), and WPS and Word set the styles' spacing alike.
//! - 版记 is a table that hangs at the foot of the text block of the page that its anchor, the last
//!   paragraph, falls on; so it moves when the text is edited.
//! - Same document, pictures and meta: same bytes. The one clock is [`DocxMeta::created_at`].

mod body;
mod closing;
mod measure;
mod package;
mod page;
mod picture;
mod props;
mod styles;
mod table;
mod theme;
mod xml;

use jiff::Timestamp;

use super::document::{Chart, Document};

const NS_W: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const NS_R: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const NS_WP: &str = "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing";
const NS_DRAWING: &str = "http://schemas.openxmlformats.org/drawingml/2006/main";
const NS_PICTURE: &str = "http://schemas.openxmlformats.org/drawingml/2006/picture";

/// The media type of what [`render`] makes.
pub const MEDIA_TYPE: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/// What the file says of itself, besides the document's own title.
#[derive(Debug, Clone, Copy)]
pub struct DocxMeta<'a> {
    /// Usually the signature.
    pub author: &'a str,
    /// The edition's moment, never the wall clock: part of the bytes.
    pub created_at: Timestamp,
}

/// Why a document did not become a Word file.
#[derive(Debug, thiserror::Error)]
pub enum DocxError {
    #[error("draw the chart `{chart}`")]
    DrawChart { chart: String, source: BoxError },
    #[error("the picture of the chart `{chart}` is no PNG")]
    Picture { chart: String },
    #[error("write a part of the Word file")]
    Part(#[from] std::io::Error),
    #[error("pack the Word file")]
    Pack(#[from] zip::result::ZipError),
}

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Draws a chart as PNG.
pub type DrawPng<'a> = &'a dyn Fn(&Chart) -> Result<Vec<u8>, BoxError>;

/// Writes `document` as a Word file on the page of GB/T 9704-2012.
///
/// Tables that would break their figures on a portrait page lie on landscape pages, as in print. Characters that XML does
/// not know become blanks.
///
/// # Errors
/// If a chart cannot be drawn, or its picture is no PNG.
pub fn render(
    document: &Document,
    charts: DrawPng<'_>,
    meta: DocxMeta<'_>,
) -> Result<Vec<u8>, DocxError> {
    let written = body::write(document, charts)?;
    package::write(document, meta, written)
}
