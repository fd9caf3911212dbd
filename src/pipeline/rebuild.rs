//! An old edition, rendered again from what it keeps.
//!
//! ## Design notes
//! - The same program and fonts give the same bytes; that is compared and said. Where they differ, what the
//!   edition said then is handed out as it lies on disk, and what is different now is named: an edition is
//!   what its readers were sent, not what today's program would make of it.
//! - Nothing that stands is written over. A file that is missing or damaged is put back if, and only if, what
//!   was rendered is what was recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::freeze::{FrozenSettings, MAIL_CSS, PAGE, SETTINGS};
use super::letter::Look;
use super::outputs::Output;
use super::publish::{PROGRAM, font_hashes, sources};
use super::{Pipeline, PipelineError};
use crate::config::fonts::FontSettings;
use crate::durable::{Access, sha256_hex, write_all};
use crate::ledger::{Edition, EditionId};
use crate::report::fonts::Fonts;

/// What is to be done about files of an edition that are missing or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    Leave,
    PutBack,
}

/// What became of one file of an edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Rendered again: the same bytes.
    Identical,
    /// Rendered again to other bytes; those that were stored are handed out.
    Differs,
    /// Not rendered again; the stored bytes are handed out.
    Stored,
    /// Neither to be rendered to the same bytes nor on disk as it was.
    Lost,
}

/// One file of an edition that was rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RebuiltFile {
    pub format: String,
    pub file_name: String,
    pub sha256: String,
    pub verdict: Verdict,
    /// It stands on disk as it was made (now, if it was put back).
    pub stands: bool,
    pub put_back: bool,
}

/// What rebuilding an edition came to.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    pub edition: Edition,
    pub files: Vec<RebuiltFile>,
    /// What is not as it was when the edition was made, in words.
    pub differs: Vec<String>,
    /// Where the files were handed out to.
    pub written: Vec<PathBuf>,
}

impl Rebuilt {
    pub fn is_identical(&self) -> bool {
        self.files.iter().all(|file| file.verdict == Verdict::Identical)
    }

    pub fn is_whole(&self) -> bool {
        self.files.iter().all(|file| file.verdict != Verdict::Lost)
    }
}

impl Pipeline {
    /// Renders an edition again from what it keeps and compares; hands its files out to a folder, if one is
    /// named.
    ///
    /// # Errors
    /// The ledger holds no such edition; a folder or a font cannot be read or written.
    pub fn rebuild(
        &self,
        id: EditionId,
        to: Option<&Path>,
        repair: Repair,
    ) -> Result<Rebuilt, PipelineError> {
        let edition = self.ledger.edition(id)?;
        let mut differs = Vec::new();
        if edition.program != PROGRAM {
            differs.push(format!("program {} → {PROGRAM}", edition.program));
        }
        let rendered = self.render_again(&edition, &mut differs)?;
        let mut files = Vec::new();
        let mut handed = Vec::new();
        let mut to_put_back = Vec::new();
        for file in &edition.files {
            let again = rendered.as_ref().and_then(|outputs| {
                outputs.iter().find(|(format, _, _)| *format == file.format).map(|(.., b)| b)
            });
            let stored = self.stored(file);
            let mut stands = stored.is_some();
            let same = again.filter(|bytes| sha256_hex(bytes) == file.sha256);
            let verdict = match (same, again, &stored) {
                (Some(_), _, _) => Verdict::Identical,
                (None, Some(_), Some(_)) => Verdict::Differs,
                (None, None, Some(_)) => Verdict::Stored,
                (None, _, None) => Verdict::Lost,
            };
            let put_back = !stands && same.is_some() && repair == Repair::PutBack;
            if let (true, Some(bytes)) = (put_back, same) {
                to_put_back.push((self.config.home.root().join(&file.path), bytes.as_slice()));
                stands = true;
            }
            if let Some(bytes) = same.cloned().or(stored) {
                handed.push((file.file_name.clone(), bytes));
            }
            files.push(RebuiltFile {
                format: file.format.clone(),
                file_name: file.file_name.clone(),
                sha256: file.sha256.clone(),
                verdict,
                stands,
                put_back,
            });
        }
        write_all(&to_put_back, Access::Shared)?;
        let mut written = Vec::new();
        if let Some(folder) = to {
            let whole: Vec<(PathBuf, &[u8])> =
                handed.iter().map(|(name, bytes)| (folder.join(name), bytes.as_slice())).collect();
            write_all(&whole, Access::Shared)?;
            written.extend(whole.into_iter().map(|(path, _)| path));
        }
        if differs.is_empty() && files.iter().any(|f| f.verdict == Verdict::Differs) {
            differs.push("nothing that is known: the same program made other bytes".to_owned());
        }
        Ok(Rebuilt { edition, files, differs, written })
    }

    /// The files of an edition as this program makes them today. None, and why, if it does not keep enough.
    fn render_again(
        &self,
        edition: &Edition,
        differs: &mut Vec<String>,
    ) -> Result<Option<Vec<Output>>, PipelineError> {
        let parts = self.ledger.edition_parts(edition.edition_id)?;
        let Some(definition) = Self::frozen_definition(edition, &parts)? else {
            differs.push(
                "it keeps no definition: the program that made it did not store one".to_owned(),
            );
            return Ok(None);
        };
        let failed = |error| PipelineError::step("reading an edition's settings", error);
        let settings = parts.get(SETTINGS).map(Vec::as_slice).unwrap_or_default();
        let settings: FrozenSettings = serde_json::from_slice(settings).map_err(failed)?;
        let families = FontSettings { roles: settings.fonts };
        let others;
        let drawn;
        let (fonts, chart_fonts) = if families == self.config.settings.fonts {
            (&**self.fonts(), self.chart_fonts())
        } else {
            others = Fonts::discover(&self.config.home.fonts(), &families);
            drawn = Arc::new(others.for_charts());
            (&others, &drawn)
        };
        say_fonts(&edition.fonts_json, &font_hashes(fonts)?, differs);
        let zone = TimeZone::get(&settings.timezone)
            .map_err(|error| PipelineError::step("finding an edition's time zone", error))?;
        let text =
            |name: &str| parts.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (mail_css, page) = (text(MAIL_CSS).unwrap_or_default(), text(PAGE).unwrap_or_default());
        let look = Look { mail_css: &mail_css, page: &page, fonts, chart_fonts, zone: &zone };
        let stored = self.frozen(edition)?;
        let outputs = crate::report::render(&definition, &stored.results, &stored.context)
            .map_err(PipelineError::Definitions)
            .and_then(|rendered| {
                let sources = sources(&definition, &stored.context, stored.snapshots);
                Self::render_files(&look, &definition, &rendered, &stored.context, &sources)
            });
        match outputs {
            Ok(outputs) => Ok(Some(outputs)),
            // Such as a font that is gone, or a template that this program understands otherwise.
            Err(error) => {
                differs.push(format!("it cannot be rendered: {}", error.chain()));
                Ok(None)
            }
        }
    }
}

/// Says which font files are others than they were. What lies at another path is the same font.
fn say_fonts(then: &str, now: &str, differs: &mut Vec<String>) {
    let by_hash = |json: &str| -> BTreeMap<String, String> {
        let by_path: BTreeMap<String, String> = serde_json::from_str(json).unwrap_or_default();
        let name = |path: &str| {
            Path::new(path)
                .file_name()
                .map_or(path.to_owned(), |n| n.to_string_lossy().into_owned())
        };
        by_path.into_iter().map(|(path, sha256)| (sha256, name(&path))).collect()
    };
    let (then, now) = (by_hash(then), by_hash(now));
    for (_, name) in then.iter().filter(|(sha256, _)| !now.contains_key(*sha256)) {
        let word = if now.values().any(|other| other == name) { "has changed" } else { "is gone" };
        differs.push(format!("font file {name} {word}"));
    }
    let new = now.iter().filter(|(sha256, name)| {
        !then.contains_key(*sha256) && !then.values().any(|other| other == *name)
    });
    for (_, name) in new {
        differs.push(format!("font file {name} is new"));
    }
}
