//! The closed world that typst sees: the style, the data, the charts and the faces; no disk, no packages, no clock.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, Source};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};

use super::book::PaperBook;
use super::data::{self, Prepared};
use super::{DrawChart, PdfError, PdfMeta};
use crate::report::document::Document;
use crate::report::fonts::{Face, Fonts, ReadFontError};

static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));

/// The style as it is parsed: all papers of a run have the same.
fn parsed(style: &str) -> Source {
    static LAST: Mutex<Option<Source>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    match &*last {
        Some(source) if source.text() == style => source.clone(),
        _ => last.insert(Source::detached(style)).clone(),
    }
}

pub(super) struct PaperWorld<'a> {
    main: Source,
    files: HashMap<String, Bytes>,
    fonts: &'a Fonts,
    faces: &'a [Face],
    book: &'a PaperBook,
    font_error: Mutex<Option<ReadFontError>>,
}

impl<'a> PaperWorld<'a> {
    pub(super) fn new(
        document: &Document,
        charts: DrawChart<'_>,
        fonts: &'a Fonts,
        style: &str,
        meta: &PdfMeta<'_>,
    ) -> Result<PaperWorld<'a>, PdfError> {
        let book = PaperBook::of(fonts)?;
        let Prepared { json, svgs } = data::prepare(document, charts, &book.families, meta)?;
        let mut files = HashMap::new();
        files.insert("document.json".to_owned(), Bytes::new(json));
        for (path, svg) in svgs {
            files.insert(path, Bytes::from_string(svg));
        }
        let main = parsed(style);
        let faces = fonts.all_faces();
        Ok(PaperWorld { main, files, fonts, faces, book, font_error: Mutex::new(None) })
    }

    pub(super) fn main_id(&self) -> FileId {
        self.main.id()
    }

    /// The roles whose first choice is this font.
    pub(super) fn roles_of(&self, font: &Font) -> Vec<&str> {
        self.book
            .slots
            .iter()
            .filter(|slot| slot.plays.is_some() && is_same(&self.faces[slot.face], font))
            .filter_map(|slot| slot.plays.as_deref())
            .collect()
    }

    pub(super) fn face_of(&self, font: &Font) -> Option<&'a Face> {
        self.faces.iter().find(|face| is_same(face, font))
    }

    /// The face whose loaded bytes these are: how a picture's font is told.
    pub(super) fn face_at(&self, data: &[u8], index: u32) -> Option<&'a Face> {
        let is_here = |face: &&Face| {
            face.loaded_lettering().is_some_and(|font| {
                font.index() == index && font.data().as_slice().as_ptr() == data.as_ptr()
            })
        };
        self.faces.iter().find(is_here)
    }

    /// A file that was there at the scan could not be read when typst asked.
    pub(super) fn take_font_error(&self) -> Option<ReadFontError> {
        self.font_error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn is_same(face: &Face, font: &Font) -> bool {
    face.loaded().is_some_and(|loaded| loaded == font)
}

impl World for PaperWorld<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book.book
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() { Ok(self.main.clone()) } else { Err(not_here(id)) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files.get(id.get().vpath().get_without_slash()).cloned().ok_or_else(|| not_here(id))
    }

    fn font(&self, index: usize) -> Option<Font> {
        let slot = self.book.slots.get(index)?;
        let face = self.faces.get(slot.face)?;
        match if slot.is_for_charts { self.fonts.lettering(face) } else { face.font() } {
            Ok(font) => Some(font),
            Err(error) => {
                let mut first = self.font_error.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(error);
                None
            }
        }
    }

    /// A paper carries the date of its edition; the style has no business with today.
    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn not_here(id: FileId) -> FileError {
    FileError::NotFound(id.get().vpath().get_without_slash().into())
}
