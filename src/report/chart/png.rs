//! The SVG of a chart as PNG, with every character of it or not at all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use resvg::{tiny_skia, usvg};
use usvg::fontdb;

use super::ChartError;
use super::canvas::{Room, crowded};

/// Of how many pixels one is looked at when a picture is judged to be blank.
const SAMPLED_EVERY: usize = 7;

/// The picture of an SVG, `scale` device pixels for one CSS pixel (2 for sharp print).
///
/// # Errors
/// If a text of it has a character that no face of `fonts` has, or no text could be set at all; if texts as
/// they were set cover each other or leave the picture; if next to nothing of it is not white.
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
    let mut rooms = Vec::new();
    collect_rooms(tree.root(), &mut rooms);
    if let Some(what) = crowded(&rooms, f64::from(width), f64::from(height)) {
        return Err(ChartError::Overlap { what });
    }
    let wrong = || ChartError::Size { width, height, scale };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels")]
    let (w, h) = ((width * scale).ceil() as u32, (height * scale).ceil() as u32);
    let size = tiny_skia::IntSize::from_wh(w, h).ok_or_else(wrong)?;
    let white = vec![u8::MAX; 4 * w as usize * h as usize];
    let mut pixmap = tiny_skia::Pixmap::from_vec(white, size).ok_or_else(wrong)?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    // A sample tells as much as all two million.
    let is_marked =
        |p: &&tiny_skia::PremultipliedColorU8| p.red().min(p.green()).min(p.blue()) < 200;
    let n_pixels = pixmap.pixels().len() / SAMPLED_EVERY;
    let n_marked = pixmap.pixels().iter().step_by(SAMPLED_EVERY).filter(is_marked).count();
    // The emptiest true chart, one line over two months, marks three in a hundred.
    if n_marked * 200 < n_pixels {
        return Err(ChartError::Faint { n_marked, n_pixels });
    }
    encode(&pixmap).map_err(|error| ChartError::Png(error.to_string()))
}

/// How hard PNG's deflate tries, of 9: more makes a chart smaller by a fifth, in twice the time.
const DEFLATE: u8 = 3;

/// A byte a pixel, with a table of colours, where there are no more than 256 (of a chart there are: a few inks, and their
/// shades at the edges of letters); else in full.
fn encode(pixmap: &tiny_skia::Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_deflate_compression(png::DeflateCompression::Level(DEFLATE));
    if let Some((palette, places)) = indexed(pixmap) {
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(palette);
        encoder.set_filter(png::Filter::NoFilter);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&places)?;
        writer.finish()?;
    } else {
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_filter(png::Filter::Up);
        let mut writer = encoder.write_header()?;
        // Nothing shines through a picture on white: its colours are the same multiplied by their cover or not.
        writer.write_image_data(pixmap.data())?;
        writer.finish()?;
    }
    Ok(bytes)
}

/// The colours of a picture (red, green, blue each) and the place of each pixel's among them.
fn indexed(pixmap: &tiny_skia::Pixmap) -> Option<(Vec<u8>, Vec<u8>)> {
    const N_MET: usize = 1 << 10;
    let mut known: HashMap<u32, u8> = HashMap::new();
    let mut palette = Vec::new();
    let mut places = vec![0; pixmap.pixels().len()];
    // At the edges of letters every pixel has another colour than the one before: those that were met last are found
    // without asking the map. Nothing has the colour of nothing at all, as the ground is white.
    let mut met = [(0, 0); N_MET];
    let mut last = (0, 0);
    for (place, colour) in places.iter_mut().zip(pixmap.data().as_chunks::<4>().0) {
        let [red, green, blue, _] = *colour;
        let colour = u32::from_le_bytes(*colour);
        if colour != last.0 {
            let met = &mut met[usize::from(red) << 2 | usize::from(green ^ blue) & 3];
            if colour != met.0 {
                let next = known.len();
                *met = (
                    colour,
                    match known.entry(colour) {
                        Entry::Occupied(entry) => *entry.get(),
                        Entry::Vacant(entry) => {
                            palette.extend_from_slice(&[red, green, blue]);
                            *entry.insert(u8::try_from(next).ok()?)
                        }
                    },
                );
            }
            last = *met;
        }
        *place = last.1;
    }
    Some((palette, places))
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

/// Where the letters of each text stand as the faces set them. The box of a text reaches from the face's
/// ascent to its descent, which of CJK faces is half as high again as the letters: that is taken off.
fn collect_rooms(group: &usvg::Group, rooms: &mut Vec<(Room, String)>) {
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => collect_rooms(group, rooms),
            usvg::Node::Text(text) => {
                let room = text.abs_bounding_box();
                let (w, h) = (f64::from(room.width()), f64::from(room.height()));
                let (x, y) = (f64::from(room.left()), f64::from(room.top()));
                let whole: String = text.chunks().iter().map(usvg::TextChunk::text).collect();
                // Of a text that runs upwards the height is its length.
                let is_upright = text.abs_transform().kx.abs() > 0.5;
                let room = if is_upright {
                    (x + 0.25 * w, y, x + 0.8 * w, y + h)
                } else {
                    (x, y + 0.25 * h, x + w, y + 0.8 * h)
                };
                rooms.push((room, whole));
            }
            _ => {}
        }
    }
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
