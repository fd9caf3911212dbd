//! The SVG of a chart as PNG, with every character of it or not at all.

use std::sync::Arc;

use resvg::{tiny_skia, usvg};
use usvg::fontdb;

use super::ChartError;

/// The picture of an SVG, `scale` device pixels for one CSS pixel (2 for sharp print).
///
/// # Errors
/// If a text of it has a character that no face of `fonts` has, or no text could be set at all.
pub fn png(svg: &str, fonts: &Arc<fontdb::Database>, scale: f32) -> Result<Vec<u8>, ChartError> {
    let options = usvg::Options {
        fontdb: Arc::clone(fonts),
        font_resolver: usvg::FontResolver {
            select_font: any_font_rather_than_none(),
            ..usvg::FontResolver::default()
        },
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options)?;
    let mut n_texts = 0;
    check_glyphs(tree.root(), &mut n_texts)?;
    if n_texts < svg.matches("<text ").count() {
        return Err(ChartError::NoFont);
    }
    let (width, height) = (tree.size().width(), tree.size().height());
    let wrong = || ChartError::Size { width, height, scale };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels")]
    let (w, h) = ((width * scale).ceil() as u32, (height * scale).ceil() as u32);
    let mut pixmap = tiny_skia::Pixmap::new(w, h).ok_or_else(wrong)?;
    pixmap.fill(tiny_skia::Color::WHITE);
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| ChartError::Png(error.to_string()))
}

/// The faces of these files. Files that are no fonts are passed over: the caller has looked for them.
pub fn load_fonts<'a>(files: impl IntoIterator<Item = &'a std::path::Path>) -> fontdb::Database {
    let mut fonts = fontdb::Database::new();
    for file in files {
        // Not a font, or unreadable: the glyph check says what is missing in the end.
        drop(fonts.load_font_file(file));
    }
    fonts
}

/// Where no family of the list is there, usvg would leave the text out without a word. Any face
/// will do to begin with: for characters that it lacks the others are asked.
fn any_font_rather_than_none() -> usvg::FontSelectionFn<'static> {
    let listed = usvg::FontResolver::default_font_selector();
    Box::new(move |font, fonts| {
        listed(font, fonts).or_else(|| {
            let mut faces = fonts.faces();
            let plain = |face: &&fontdb::FaceInfo| {
                face.style == fontdb::Style::Normal && face.weight == fontdb::Weight::NORMAL
            };
            faces.find(plain).or_else(|| fonts.faces().next()).map(|face| face.id)
        })
    })
}

fn check_glyphs(group: &usvg::Group, n_texts: &mut usize) -> Result<(), ChartError> {
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => check_glyphs(group, n_texts)?,
            usvg::Node::Text(text) => {
                *n_texts += 1;
                let glyphs = || text.layouted().iter().flat_map(|span| &span.positioned_glyphs);
                let missing: String =
                    glyphs().filter(|g| g.id.0 == 0).map(|g| g.text.as_str()).collect();
                let whole: String = text.chunks().iter().map(usvg::TextChunk::text).collect();
                if !missing.is_empty() {
                    return Err(ChartError::MissingGlyphs { text: whole, missing });
                }
                if glyphs().next().is_none() && !whole.trim().is_empty() {
                    return Err(ChartError::NoFont);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
