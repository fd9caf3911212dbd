//! A chart's picture in the text.

use super::DocxError;
use super::page::{BODY_WIDTH, Orientation};
use super::xml::{Element, el};
use crate::report::document::Chart;

/// English Metric Units in a twip (1/20 pt).
const EMU_PER_TWIP: i64 = 635;
/// How high a picture may be: 110 mm; 190 mm if it is higher than wide (a row a town), so that its letters are
/// read in print; 125 mm on landscape pages.
const MAX_HEIGHT: i64 = 6_236;
const MAX_HEIGHT_TALL: i64 = 10_772;
const MAX_HEIGHT_LANDSCAPE: i64 = 7_087;

/// Width and height in pixels, from the picture's own header.
///
/// # Errors
/// If it is no PNG, or empty.
pub(super) fn pixels(chart: &Chart, png: &[u8]) -> Result<(i64, i64), DocxError> {
    let be = |at: usize| {
        let bytes = png.get(at..at + 4)?.try_into().ok()?;
        Some(i64::from(u32::from_be_bytes(bytes))).filter(|length| *length > 0)
    };
    let is_png = png.starts_with(b"\x89PNG\r\n\x1a\n") && png.get(12..16) == Some(b"IHDR");
    is_png
        .then(|| Some((be(16)?, be(20)?)))
        .flatten()
        .ok_or_else(|| DocxError::Picture { chart: chart.name.clone() })
}

/// The run's drawing: as wide as the text of a portrait page, or as high as it may be.
pub(super) fn drawing(
    chart: &Chart,
    (width, height): (i64, i64),
    number: usize,
    relationship: String,
    orientation: Orientation,
) -> Element {
    let max_height = match orientation {
        Orientation::Portrait if height > width => MAX_HEIGHT_TALL,
        Orientation::Portrait => MAX_HEIGHT,
        Orientation::Landscape => MAX_HEIGHT_LANDSCAPE,
    };
    let (cx, cy) = if BODY_WIDTH * height <= max_height * width {
        (BODY_WIDTH, BODY_WIDTH * height / width)
    } else {
        (max_height * width / height, max_height)
    };
    let (cx, cy) = (cx * EMU_PER_TWIP, cy * EMU_PER_TWIP);
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let name = format!("图表{number}");
    let file = format!("{}.png", chart.name);
    let properties = |tag| el(tag).num("id", number).attr("name", name.clone());
    let size = |tag| el(tag).num("cx", cx).num("cy", cy);
    let picture = el("pic:pic")
        .attr("xmlns:pic", super::NS_PICTURE)
        .with(
            el("pic:nvPicPr")
                .with(
                    el("pic:cNvPr")
                        .num("id", number)
                        .attr("name", file)
                        .attr("descr", chart.alt.clone()),
                )
                .with(el("pic:cNvPicPr").with(el("a:picLocks").attr("noChangeAspect", "1"))),
        )
        .with(
            el("pic:blipFill")
                .with(el("a:blip").attr("r:embed", relationship))
                .with(el("a:stretch").with(el("a:fillRect"))),
        )
        .with(
            el("pic:spPr")
                .with(el("a:xfrm").with(el("a:off").num("x", 0).num("y", 0)).with(size("a:ext")))
                .with(el("a:prstGeom").attr("prst", "rect").with(el("a:avLst"))),
        );
    let graphic = el("a:graphic")
        .attr("xmlns:a", super::NS_DRAWING)
        .with(el("a:graphicData").attr("uri", super::NS_PICTURE).with(picture));
    let frame = el("wp:cNvGraphicFramePr").with(
        el("a:graphicFrameLocks").attr("xmlns:a", super::NS_DRAWING).attr("noChangeAspect", "1"),
    );
    let inline = el("wp:inline")
        .num("distT", 0)
        .num("distB", 0)
        .num("distL", 0)
        .num("distR", 0)
        .with(size("wp:extent"))
        .with(el("wp:effectExtent").num("l", 0).num("t", 0).num("r", 0).num("b", 0))
        .with(properties("wp:docPr").attr("descr", chart.alt.clone()))
        .with(frame)
        .with(graphic);
    el("w:r").with(el("w:drawing").with(inline))
}
