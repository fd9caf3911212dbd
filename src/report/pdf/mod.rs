//! A typed document as PDF, set by typst on the page that `_base/page.typ` describes.
//!
//! ## Design notes
//! - The document reaches typst as data (`/document.json`) and is laid out by the page style. No text is ever pasted into
//!   typst source, so `#`, `$`, `*` or quotes in a town's file print as themselves.
//! - Families are named by role in the typesetter's font book (`fang/0`, `fang/1` …): the style says 仿宋, the machine
//!   says which face, and a family that is not set cannot be asked for.
//! - A warning is an error: typst only warns of an unknown family. A glyph that no face has is one too.
//! - The file is PDF/A-2u, tagged: an office keeps its papers for decades, and every character can be searched
//!   and copied. It costs nothing; where it cannot be had, the paper matters more than its standard.
//! - Same document, style, faces and program: same bytes. The one clock is [`PdfMeta::created_at`].

mod book;
mod data;
mod glyphs;
mod table;
mod world;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::ZonedDateTime;
use typst::diag::Warned;
use typst::foundations::{Datetime, Smart};
use typst::{WorldExt, comemo};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use super::document::{Chart, Document};
use super::fonts::{Fonts, MissingRole, RARE_HINT, ReadFontError};
use crate::diagnostic::Diagnostic;

pub use book::PaperBook;
use world::PaperWorld;

/// How operators know the page style.
pub const STYLE_FILE: &str = "report_templates/_base/page.typ";

/// What the file says of itself, besides the document's own title.
#[derive(Debug, Clone, Copy)]
pub struct PdfMeta<'a> {
    /// Shown as author by viewers; usually the signature.
    pub author: &'a str,
    /// The edition's moment, never the wall clock: part of the bytes.
    pub created_at: &'a ZonedDateTime,
}

/// A finished paper.
#[derive(Debug, Clone)]
pub struct Pdf {
    pub bytes: Vec<u8>,
    pub n_pages: usize,
    /// Whether it keeps to PDF/A-2u, as an archive asks. A face whose licence forbids embedding, or a chart that
    /// the standard refuses, leaves a plain PDF 1.7.
    pub is_archival: bool,
    /// The faces that draw at least one glyph, sorted: file, index in it, PostScript name.
    pub faces: Vec<UsedFace>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsedFace {
    pub path: PathBuf,
    pub index: u32,
    pub post_script_name: String,
}

/// Characters that no face of the roles in question can draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingGlyphs {
    /// `fang (仿宋)`, or both roles if one face plays both; `chart` for text inside a picture.
    pub role: String,
    /// Each once, in order of appearance.
    pub characters: Vec<char>,
}

/// Why a document did not become a PDF.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    #[error(transparent)]
    MissingRole(#[from] MissingRole),
    #[error("reading a font failed")]
    ReadFont(#[from] ReadFontError),
    #[error("drawing the chart `{chart}` failed")]
    DrawChart { chart: String, source: BoxError },
    /// The page style, or what it did with this document; warnings count.
    #[error("the page style does not compile:\n{}", join(.0))]
    Style(Vec<Diagnostic>),
    #[error("no font on this machine draws {}\n  hint: {RARE_HINT}", describe(.0))]
    MissingGlyphs(Vec<MissingGlyphs>),
    #[error("the document does not serialise")]
    Serialise(#[from] serde_json::Error),
    #[error("the moment of creation {0} is not in the calendar of PDF")]
    CreatedAt(Box<ZonedDateTime>),
}

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Draws a chart as SVG; its text is set in the faces of `fonts`.
pub type DrawChart<'a> = &'a dyn Fn(&Chart) -> Result<String, BoxError>;

/// Sets `document` on the page of `style` (the text of `page.typ`).
///
/// # Errors
/// No face for a role; a character without a glyph; a style that does not compile or warns; a chart
/// that cannot be drawn. Nothing is printed with boxes or in a family that was not asked for.
pub fn render(
    document: &Document,
    charts: DrawChart<'_>,
    fonts: &Fonts,
    style: &str,
    meta: PdfMeta<'_>,
) -> Result<Pdf, PdfError> {
    let timestamp = timestamp(meta.created_at)?;
    let world = PaperWorld::new(document, charts, fonts, style, &meta)?;
    let pdf = typeset(&world, style, timestamp);
    forget(pdf.as_ref().map_or(0, |pdf| pdf.n_pages));
    match world.take_font_error() {
        Some(error) => Err(error.into()),
        None => pdf,
    }
}

/// A thread's stack: room for some papers upon each other.
const STACK_BYTES: usize = 32 << 20;

/// Gives rayon's threads room. While typst waits for a part of a paper it takes up whatever other work there is, another
/// paper too, on the same stack.
///
/// # Errors
/// If the threads have been started already: then they are as they are.
pub fn widen_threads() -> Result<(), rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().stack_size(STACK_BYTES).build_global()
}

/// Pages after which the intermediates of papers are let go of.
const PAGES_HELD: usize = 32;

/// typst keeps every intermediate of every paper otherwise. Letting go walks through all there are: of short papers
/// several are waited for. Those of the last ones stay: another thread may be amid its own paper.
fn forget(n_pages: usize) {
    static PAGES: AtomicUsize = AtomicUsize::new(0);
    if PAGES.fetch_add(n_pages.max(1), Ordering::Relaxed) + n_pages >= PAGES_HELD {
        PAGES.store(0, Ordering::Relaxed);
        comemo::evict(1);
    }
}

fn typeset(world: &PaperWorld<'_>, style: &str, timestamp: Timestamp) -> Result<Pdf, PdfError> {
    let Warned { output, warnings } = typst::compile::<PagedDocument>(world);
    let paper = output.map_err(|errors| diagnose(world, style, &errors))?;
    if !warnings.is_empty() {
        return Err(diagnose(world, style, &warnings));
    }
    let found = glyphs::inspect(&paper, world);
    if !found.missing.is_empty() {
        return Err(PdfError::MissingGlyphs(found.missing));
    }
    let options = |standards: PdfStandards| PdfOptions {
        creator: Smart::Custom(Some(concat!("duban ", env!("CARGO_PKG_VERSION")).to_owned())),
        timestamp: Some(timestamp),
        standards,
        ..PdfOptions::default()
    };
    let archival = PdfStandards::new(&[PdfStandard::A_2u])
        .ok()
        .and_then(|standards| typst_pdf::pdf(&paper, &options(standards)).ok());
    let is_archival = archival.is_some();
    let bytes = match archival {
        Some(bytes) => bytes,
        None => typst_pdf::pdf(&paper, &options(PdfStandards::default()))
            .map_err(|errors| diagnose(world, style, &errors))?,
    };
    Ok(Pdf { bytes, n_pages: paper.pages().len(), is_archival, faces: found.faces })
}

fn timestamp(at: &ZonedDateTime) -> Result<Timestamp, PdfError> {
    let part = |value: i8| u8::try_from(value).ok();
    let build = || {
        let datetime = Datetime::from_ymd_hms(
            i32::from(at.year()),
            part(at.month())?,
            part(at.day())?,
            part(at.hour())?,
            part(at.minute())?,
            part(at.second())?,
        )?;
        Timestamp::new_local(datetime, at.offset().seconds() / 60)
    };
    build().ok_or_else(|| PdfError::CreatedAt(Box::new(at.clone())))
}

fn diagnose(
    world: &PaperWorld<'_>,
    style: &str,
    problems: &[typst::diag::SourceDiagnostic],
) -> PdfError {
    let diagnostics = problems.iter().map(|problem| {
        let mut diagnostic = match world.range(problem.span) {
            Some(range) if problem.span.id() == Some(world.main_id()) => {
                Diagnostic::at(STYLE_FILE, style, range, problem.message.as_str())
            }
            _ => Diagnostic::file(STYLE_FILE, problem.message.as_str()),
        };
        if let Some(hint) = problem.hints.first() {
            diagnostic = diagnostic.hint(hint.v.as_str());
        }
        diagnostic
    });
    PdfError::Style(diagnostics.collect())
}

fn join(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn describe(missing: &[MissingGlyphs]) -> String {
    let parts = missing.iter().map(|group| {
        let characters = group.characters.iter().map(|c| format!("{c} (U+{:04X})", u32::from(*c)));
        format!("{} in {}", characters.collect::<Vec<_>>().join(", "), group.role)
    });
    parts.collect::<Vec<_>>().join("; ")
}
