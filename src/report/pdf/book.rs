//! The faces as the typesetter knows them: one book for all papers.
//!
//! ## Design notes
//! Coverage tables of some twenty Chinese faces take longer to copy and hash than a page takes to set, and
//! they are the same for every town's sheet. So the book is made once and kept with the [`Fonts`].

use typst::text::FontBook;
use typst::utils::LazyHash;

use super::PdfError;
use crate::config::fonts::role_label;
use crate::report::fonts::Fonts;

/// See the module.
#[derive(Debug)]
pub struct PaperBook {
    pub(super) book: LazyHash<FontBook>,
    /// In the order of the book.
    pub(super) slots: Vec<Slot>,
    /// Each role with the families that play it, best first, as the page style asks for them.
    pub(super) families: Vec<(String, Vec<String>)>,
}

/// One entry of the font book.
#[derive(Debug)]
pub(super) struct Slot {
    /// Index into the faces of the [`Fonts`].
    pub(super) face: usize,
    /// The role whose first choice this is.
    pub(super) plays: Option<String>,
    /// Whether it answers to its own name, as charts call it.
    pub(super) is_for_charts: bool,
}

impl PaperBook {
    /// The book of these faces, made at the first call.
    pub(super) fn of(fonts: &Fonts) -> Result<&PaperBook, PdfError> {
        let slot = fonts.book_slot();
        if let Some(book) = slot.get() {
            return Ok(book);
        }
        let made = PaperBook::make(fonts)?;
        Ok(slot.get_or_init(|| made))
    }

    fn make(fonts: &Fonts) -> Result<PaperBook, PdfError> {
        let mut book = FontBook::new();
        let mut slots = Vec::new();
        let mut families: Vec<(String, Vec<String>)> = Vec::new();
        for role in fonts.roles() {
            let mut names = Vec::new();
            for (rank, face) in fonts.chain_indices(role)?.iter().copied().enumerate() {
                let mut info = fonts.info(&fonts.all_faces()[face])?;
                let name = format!("{role}/{rank}");
                info.family.clone_from(&name);
                book.push(info);
                let plays = (rank == 0).then(|| format!("{role} ({})", role_label(role)));
                slots.push(Slot { face, plays, is_for_charts: false });
                names.push(name);
            }
            families.push((role.to_owned(), names));
        }
        // Charts name the families themselves; each face answers to its own name as well.
        for (index, face) in fonts.all_faces().iter().enumerate() {
            let mut info = fonts.info(face)?;
            info.family.clone_from(&face.family);
            book.push(info);
            slots.push(Slot { face: index, plays: None, is_for_charts: true });
        }
        Ok(PaperBook { book: LazyHash::new(book), slots, families })
    }
}
