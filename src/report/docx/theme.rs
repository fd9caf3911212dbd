//! `word/theme/theme1.xml`: the colours that Word's menus offer, and its default faces. Nothing in the paper
//! refers to it; without one Word falls back on whatever the machine has.

use super::NS_DRAWING;
use super::props::{Face, LATIN};
use super::xml::{Element, el};

/// Name in the theme, colour: those of Office since 2013, which people know from the menu.
const COLORS: [(&str, &str); 10] = [
    ("a:dk2", "44546A"),
    ("a:lt2", "E7E6E6"),
    ("a:accent1", "4472C4"),
    ("a:accent2", "ED7D31"),
    ("a:accent3", "A5A5A5"),
    ("a:accent4", "FFC000"),
    ("a:accent5", "5B9BD5"),
    ("a:accent6", "70AD47"),
    ("a:hlink", "0563C1"),
    ("a:folHlink", "954F72"),
];

/// The part. Of fills, lines and effects the schema asks for three each; here they are all the same.
pub(super) fn part() -> Element {
    let system =
        |name, color, last| el(name).with(el("a:sysClr").attr("val", color).attr("lastClr", last));
    let colors = COLORS.map(|(name, color)| el(name).with(el("a:srgbClr").attr("val", color)));
    let fonts = |name, face: Face| {
        el(name)
            .with(el("a:latin").attr("typeface", LATIN))
            .with(el("a:ea").attr("typeface", face.family()))
            .with(el("a:cs").attr("typeface", ""))
    };
    let fill = || el("a:solidFill").with(el("a:schemeClr").attr("val", "phClr"));
    let line = || el("a:ln").num("w", 6350).with(fill());
    let effect = || el("a:effectStyle").with(el("a:effectLst"));
    let formats = el("a:fmtScheme")
        .attr("name", "公文")
        .with(el("a:fillStyleLst").with_all([fill(), fill(), fill()]))
        .with(el("a:lnStyleLst").with_all([line(), line(), line()]))
        .with(el("a:effectStyleLst").with_all([effect(), effect(), effect()]))
        .with(el("a:bgFillStyleLst").with_all([fill(), fill(), fill()]));
    let elements = el("a:themeElements")
        .with(
            el("a:clrScheme")
                .attr("name", "公文")
                .with(system("a:dk1", "windowText", "000000"))
                .with(system("a:lt1", "window", "FFFFFF"))
                .with_all(colors),
        )
        .with(
            el("a:fontScheme")
                .attr("name", "公文")
                .with(fonts("a:majorFont", Face::Hei))
                .with(fonts("a:minorFont", Face::Fang)),
        )
        .with(formats);
    el("a:theme").attr("xmlns:a", NS_DRAWING).attr("name", "公文").with(elements)
}
