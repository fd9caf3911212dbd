//! What a finished page really draws: the faces used, and the characters that got no glyph.

use std::collections::BTreeSet;

use resvg::usvg::{self, fontdb};
use typst::layout::{Frame, FrameItem};
use typst::text::{Font, TextItem};
use typst::visualize::ImageKind;
use typst_layout::PagedDocument;

use super::world::PaperWorld;
use super::{MissingGlyphs, UsedFace};
use crate::report::fonts::Face;

pub(super) struct Found {
    pub(super) missing: Vec<MissingGlyphs>,
    pub(super) faces: Vec<UsedFace>,
}

pub(super) fn inspect(paper: &PagedDocument, world: &PaperWorld<'_>) -> Found {
    let mut seen = Seen { world, missing: Vec::new(), fonts: Vec::new(), chart_faces: Vec::new() };
    for page in paper.pages() {
        seen.frame(&page.frame);
    }
    let faces: BTreeSet<UsedFace> = seen
        .fonts
        .iter()
        .filter_map(|font| world.face_of(font))
        .chain(seen.chart_faces)
        .map(|face| UsedFace {
            path: face.path().to_owned(),
            index: face.index,
            post_script_name: face.post_script_name.clone(),
        })
        .collect();
    Found { missing: seen.missing, faces: faces.into_iter().collect() }
}

struct Seen<'a> {
    world: &'a PaperWorld<'a>,
    missing: Vec<MissingGlyphs>,
    fonts: Vec<Font>,
    chart_faces: Vec<&'a Face>,
}

impl<'a> Seen<'a> {
    fn frame(&mut self, frame: &Frame) {
        for (_, item) in frame.items() {
            match item {
                FrameItem::Group(group) => self.frame(&group.frame),
                FrameItem::Text(text) => self.text(text),
                FrameItem::Image(image, ..) => {
                    if let ImageKind::Svg(svg) = image.kind() {
                        self.svg(svg.tree(), svg.tree().root());
                    }
                }
                FrameItem::Shape(..) | FrameItem::Link(..) | FrameItem::Tag(..) => {}
            }
        }
    }

    fn text(&mut self, text: &TextItem) {
        let font = text.font.font();
        if !self.fonts.contains(font) {
            self.fonts.push(font.clone());
        }
        for glyph in text.glyphs.iter().filter(|glyph| glyph.id == 0) {
            // typst sets what nobody can draw in the first face of the role.
            let role = self.world.roles_of(font).join(", ");
            let characters = text.text.get(glyph.range()).unwrap_or_default();
            self.note(&role, characters);
        }
    }

    fn svg(&mut self, tree: &usvg::Tree, group: &usvg::Group) {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => self.svg(tree, group),
                usvg::Node::Text(text) => {
                    let spans = text.layouted().iter();
                    for glyph in spans.flat_map(|span| &span.positioned_glyphs) {
                        if glyph.id.0 == 0 {
                            self.note("chart", &glyph.text);
                        }
                        self.chart_face(tree.fontdb(), glyph.font);
                    }
                }
                usvg::Node::Path(_) | usvg::Node::Image(_) => {}
            }
        }
    }

    fn chart_face(&mut self, db: &fontdb::Database, id: fontdb::ID) {
        let world: &'a PaperWorld<'a> = self.world;
        let face = db.with_face_data(id, |data, index| world.face_at(data, index)).flatten();
        if let Some(face) = face
            && !self.chart_faces.iter().any(|known| std::ptr::eq(*known, face))
        {
            self.chart_faces.push(face);
        }
    }

    fn note(&mut self, role: &str, text: &str) {
        let at = self.missing.iter().position(|group| group.role == role).unwrap_or_else(|| {
            self.missing.push(MissingGlyphs { role: role.to_owned(), characters: Vec::new() });
            self.missing.len() - 1
        });
        for character in text.chars() {
            if !self.missing[at].characters.contains(&character) {
                self.missing[at].characters.push(character);
            }
        }
    }
}
