//! The page of GB/T 9704-2012 in sections, and the page numbers in their footers. Lengths in twips.

use super::props::{Alignment, Indent, Para, Run};
use super::xml::{Element, el, val};

/// A4.
const SHORT_EDGE: i64 = 11_906;
const LONG_EDGE: i64 = 16_838;
/// 天头 37 mm.
const TOP: i64 = 2_098;
/// 订口 28 mm.
pub(super) const BINDING: i64 = 1_587;
/// What is left of the page beside and below 版心 156 mm × 225 mm: 26 mm and 35 mm.
const RIGHT: i64 = 1_474;
const BOTTOM: i64 = 1_984;

/// 版心.
pub(super) const BODY_WIDTH: i64 = SHORT_EDGE - BINDING - RIGHT;
pub(super) const BODY_HEIGHT: i64 = LONG_EDGE - TOP - BOTTOM;

/// 22 lines a page: 28.95 pt, a hair less than a 22nd of 版心, so that the last line is not pushed out.
pub(super) const PITCH: i64 = 579;
/// 28 characters a line.
pub(super) const SQUARE: i64 = 316;
/// What each character of 3号 gives up so that 28 of them stand in a line: 15.75 pt instead of 16.
pub(super) const TRACKING: i64 = -5;

/// 4号, of page numbers.
const NUMBER_SIZE: i64 = 280;
/// From the page's edge to the page number's line: its dashes then lie 7 mm from 版心.
const NUMBER_EDGE: i64 = 1_446;
/// Room for a page number that stands upright beside a landscape page.
const NUMBER_ROOM: i64 = 2_400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orientation {
    Portrait,
    Landscape,
}

impl Orientation {
    /// Width of the text.
    pub(super) fn width(self) -> i64 {
        match self {
            Orientation::Portrait => BODY_WIDTH,
            Orientation::Landscape => BODY_HEIGHT,
        }
    }
}

/// The footers: relationship, part, and on which pages of which sections it stands.
pub(super) struct FooterPart {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    orientation: Orientation,
    parity: Parity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parity {
    Odd,
    Even,
}

pub(super) const FOOTERS: [FooterPart; 4] = [
    FooterPart {
        id: "rIdFooterOdd",
        name: "footer1.xml",
        orientation: Orientation::Portrait,
        parity: Parity::Odd,
    },
    FooterPart {
        id: "rIdFooterEven",
        name: "footer2.xml",
        orientation: Orientation::Portrait,
        parity: Parity::Even,
    },
    FooterPart {
        id: "rIdFooterLandscapeOdd",
        name: "footer3.xml",
        orientation: Orientation::Landscape,
        parity: Parity::Odd,
    },
    FooterPart {
        id: "rIdFooterLandscapeEven",
        name: "footer4.xml",
        orientation: Orientation::Landscape,
        parity: Parity::Even,
    },
];

/// `w:sectPr` of a section that begins on a new page.
pub(super) fn section(orientation: Orientation) -> Element {
    let footers = FOOTERS.iter().filter(|footer| footer.orientation == orientation).map(|footer| {
        let kind = match footer.parity {
            Parity::Odd => "default",
            Parity::Even => "even",
        };
        el("w:footerReference").attr("w:type", kind).attr("r:id", footer.id)
    });
    let size = match orientation {
        Orientation::Portrait => el("w:pgSz").num("w:w", SHORT_EDGE).num("w:h", LONG_EDGE),
        Orientation::Landscape => {
            el("w:pgSz").num("w:w", LONG_EDGE).num("w:h", SHORT_EDGE).attr("w:orient", "landscape")
        }
    };
    // A landscape page is a portrait one turned clockwise: its top is at the binding.
    let (top, right, bottom, left) = match orientation {
        Orientation::Portrait => (TOP, RIGHT, BOTTOM, BINDING),
        Orientation::Landscape => (BINDING, TOP, RIGHT, BOTTOM),
    };
    let footer_edge = match orientation {
        Orientation::Portrait => NUMBER_EDGE,
        Orientation::Landscape => RIGHT / 2,
    };
    let margins = el("w:pgMar")
        .num("w:top", top)
        .num("w:right", right)
        .num("w:bottom", bottom)
        .num("w:left", left)
        .num("w:header", 851)
        .num("w:footer", footer_edge)
        .num("w:gutter", 0);
    let grid = el("w:docGrid").attr("w:type", "lines").num("w:linePitch", PITCH);
    el("w:sectPr")
        .with_all(footers)
        .with(val("w:type", "nextPage"))
        .with(size)
        .with(margins)
        .with(el("w:cols").num("w:space", 425))
        .with(grid)
}

/// The root of a footer part.
///
/// 单页码居右空一字，双页码居左空一字. On landscape pages the number stands where it does on the others
/// once the sheet is bound: beside the left edge of the text, turned, odd below and even above
/// (GB/T 9704-2012, 7.5). Footers cannot be turned; a table that hangs in one at a fixed place can.
pub(super) fn footer(part: &FooterPart) -> Element {
    let root = el("w:ftr").attr("xmlns:w", super::NS_W).attr("xmlns:r", super::NS_R);
    let (align, indent) = match part.parity {
        Parity::Odd => {
            let right = Indent { right: Some(NUMBER_SIZE), ..Indent::NONE };
            (Alignment::Right, right)
        }
        Parity::Even => {
            let left = Indent { left: Some(NUMBER_SIZE), ..Indent::NONE };
            (Alignment::Left, left)
        }
    };
    let number = Para { align: Some(align), indent, ..Para::styled("Footer") }.of(page_number());
    match part.orientation {
        Orientation::Portrait => root.with(number),
        Orientation::Landscape => {
            let y = match part.parity {
                Parity::Odd => SHORT_EDGE - RIGHT - NUMBER_ROOM,
                Parity::Even => BINDING,
            };
            root.with(upright(number, y)).with(Para::styled("Footer").of([]))
        }
    }
}

fn page_number() -> Vec<Element> {
    let run = Run::PLAIN;
    let field = |kind: &'static str| el("w:r").with(el("w:fldChar").attr("w:fldCharType", kind));
    let code = el("w:r").with(el("w:instrText").attr("xml:space", "preserve").text(" PAGE "));
    vec![
        run.of("— "),
        field("begin"),
        code,
        field("separate"),
        run.of("1"),
        field("end"),
        run.of(" —"),
    ]
}

fn upright(number: Element, y: i64) -> Element {
    let place = el("w:tblpPr")
        .num("w:leftFromText", 0)
        .num("w:rightFromText", 0)
        .attr("w:vertAnchor", "page")
        .attr("w:horzAnchor", "page")
        .num("w:tblpX", NUMBER_EDGE)
        .num("w:tblpY", y);
    let margins = ["w:top", "w:left", "w:bottom", "w:right"]
        .map(|side| el(side).num("w:w", 0).attr("w:type", "dxa"));
    let width = |name| el(name).num("w:w", NUMBER_SIZE).attr("w:type", "dxa");
    let cell = el("w:tc")
        .with(el("w:tcPr").with(width("w:tcW")).with(val("w:textDirection", "tbRl")))
        .with(number);
    let height = el("w:trHeight").num("w:val", NUMBER_ROOM).attr("w:hRule", "exact");
    el("w:tbl")
        .with(
            el("w:tblPr")
                .with(place)
                .with(width("w:tblW"))
                .with(el("w:tblLayout").attr("w:type", "fixed"))
                .with(el("w:tblCellMar").with_all(margins)),
        )
        .with(el("w:tblGrid").with(el("w:gridCol").num("w:w", NUMBER_SIZE)))
        .with(el("w:tr").with(el("w:trPr").with(height)).with(cell))
}
