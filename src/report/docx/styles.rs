//! Styles and fonts of the package: what a secretary sees in the list of styles and changes there for the
//! whole paper. Built-in styles keep the names by which Word and WPS know them (`heading 1` shows as
//! 标题 1); the others are named in Chinese after the parts of an official paper.

use super::page::{PITCH, SQUARE, TRACKING};
use super::props::{Alignment, Face, Indent, LATIN, Line, Para, Run};
use super::xml::{Element, el, val};
use crate::model::Light;

pub(super) const TITLE: &str = "Title";
pub(super) const SUBTITLE: &str = "Subtitle";
pub(super) const HEADINGS: [&str; 4] = ["Heading1", "Heading2", "Heading3", "Heading4"];
pub(super) const BODY: &str = "OfficialBody";
pub(super) const ADDRESSEES: &str = "Addressees";
pub(super) const DOC_NUMBER: &str = "DocNumber";
pub(super) const LIST: &str = "ListParagraph";
pub(super) const QUOTE: &str = "Quote";
pub(super) const SIGNATURE: &str = "OfficialSignature";
pub(super) const DATE: &str = "OfficialDate";
pub(super) const ATTACHMENTS: &str = "Attachments";
pub(super) const APPENDIX_LABEL: &str = "AppendixLabel";
pub(super) const APPENDIX_TITLE: &str = "AppendixTitle";
pub(super) const TABLE: &str = "OfficialTable";
pub(super) const TABLE_CAPTION: &str = "TableCaption";
pub(super) const TABLE_HEAD: &str = "TableHead";
pub(super) const TABLE_TEXT: &str = "TableText";
pub(super) const TABLE_CENTER: &str = "TableCenter";
pub(super) const TABLE_NUMBER: &str = "TableNumber";
pub(super) const TABLE_NOTE: &str = "TableNote";
/// The line after a table, and after a section that ends in one.
pub(super) const TABLE_END: &str = "TableEnd";
pub(super) const FIGURE: &str = "Figure";
pub(super) const FIGURE_CAPTION: &str = "FigureCaption";
pub(super) const IMPRINT: &str = "Imprint";

pub(super) const STRONG: &str = "Strong";
pub(super) const EMPHASIS: &str = "Emphasis";
pub(super) const LINK: &str = "Hyperlink";

/// The character style of a light's colour.
pub(super) fn light(light: Light) -> &'static str {
    match light {
        Light::Green => "GreenLight",
        Light::Yellow => "YellowLight",
        Light::Red => "RedLight",
    }
}

/// 3号, of the text.
const BODY_SIZE: i64 = 32;
/// 小4号, of captions; 5号, of tables.
const CAPTION_SIZE: i64 = 24;
pub(super) const TABLE_SIZE: i64 = 21;
/// Between text and rule of a cell, at the sides.
pub(super) const CELL_MARGIN: i64 = 60;
const CELL_MARGIN_UPRIGHT: i64 = 28;

struct ParaStyle {
    id: &'static str,
    name: &'static str,
    /// None: it stands on 正文 itself.
    based_on: &'static str,
    /// The style of what is typed after it.
    next: &'static str,
    para: Para,
    run: Run,
}

const FIRST_LINE: Indent =
    Indent { first_line: Some(2 * SQUARE), first_line_chars: Some(200), ..Indent::NONE };

const fn of_size(size: i64) -> Run {
    Run { size: Some(size), ..Run::PLAIN }
}

const fn in_face(face: Face) -> Run {
    Run { face: Some(face), ..Run::PLAIN }
}

/// 3号 in the text block, 28 characters a line.
const RUNNING: Run = Run { tracking: Some(TRACKING), ..Run::PLAIN };

const fn running_in(face: Face) -> Run {
    Run { face: Some(face), ..RUNNING }
}

const fn heading(level: i64) -> Para {
    Para {
        keep_next: true,
        keep_lines: true,
        indent: FIRST_LINE,
        outline: Some(level),
        ..Para::PLAIN
    }
}

/// A line of its own pitch, off the grid.
const fn lone(align: Alignment, pitch: i64) -> Para {
    Para { off_grid: true, line: Some(Line::Exact(pitch)), align: Some(align), ..Para::PLAIN }
}

const fn in_table(align: Alignment) -> Para {
    Para { off_grid: true, line: Some(Line::Single), align: Some(align), ..Para::PLAIN }
}

const PARA_STYLES: [ParaStyle; 28] = [
    ParaStyle {
        id: TITLE,
        name: "Title",
        based_on: "Normal",
        next: ADDRESSEES,
        // A blank line follows: GB/T 9704-2012, 7.3.1.
        para: Para { keep_lines: true, after: Some(PITCH), ..lone(Alignment::Center, 720) },
        run: Run { face: Some(Face::Biaosong), size: Some(44), ..Run::PLAIN },
    },
    ParaStyle {
        id: SUBTITLE,
        name: "Subtitle",
        based_on: "Normal",
        next: ADDRESSEES,
        para: Para { before: Some(145), after: Some(PITCH), ..lone(Alignment::Center, 440) },
        run: Run { face: Some(Face::Kai), size: Some(28), ..Run::PLAIN },
    },
    ParaStyle {
        id: HEADINGS[0],
        name: "heading 1",
        based_on: "Normal",
        next: BODY,
        para: heading(0),
        run: running_in(Face::Hei),
    },
    ParaStyle {
        id: HEADINGS[1],
        name: "heading 2",
        based_on: "Normal",
        next: BODY,
        para: heading(1),
        run: running_in(Face::Kai),
    },
    ParaStyle {
        id: HEADINGS[2],
        name: "heading 3",
        based_on: "Normal",
        next: BODY,
        para: heading(2),
        run: running_in(Face::Fang),
    },
    ParaStyle {
        id: HEADINGS[3],
        name: "heading 4",
        based_on: "Normal",
        next: BODY,
        para: heading(3),
        run: running_in(Face::Fang),
    },
    ParaStyle {
        id: BODY,
        name: "公文正文",
        based_on: "Normal",
        next: BODY,
        para: Para { indent: FIRST_LINE, ..Para::PLAIN },
        run: RUNNING,
    },
    ParaStyle {
        id: ADDRESSEES,
        name: "主送机关",
        based_on: "Normal",
        next: BODY,
        para: Para { align: Some(Alignment::Left), ..Para::PLAIN },
        run: RUNNING,
    },
    ParaStyle {
        id: DOC_NUMBER,
        name: "发文字号",
        based_on: "Normal",
        next: TITLE,
        para: Para { after: Some(2 * PITCH), align: Some(Alignment::Center), ..Para::PLAIN },
        run: RUNNING,
    },
    ParaStyle {
        id: LIST,
        name: "List Paragraph",
        based_on: BODY,
        next: LIST,
        para: Para::PLAIN,
        run: Run::PLAIN,
    },
    ParaStyle {
        id: QUOTE,
        name: "Quote",
        based_on: BODY,
        next: BODY,
        para: Para {
            indent: Indent { left: Some(2 * SQUARE), right: Some(2 * SQUARE), ..FIRST_LINE },
            ..Para::PLAIN
        },
        run: running_in(Face::Kai),
    },
    ParaStyle {
        id: SIGNATURE,
        name: "发文机关署名",
        based_on: "Normal",
        next: DATE,
        para: Para {
            keep_next: true,
            align: Some(Alignment::Right),
            indent: Indent { right: Some(2 * SQUARE), right_chars: Some(200), ..Indent::NONE },
            ..Para::PLAIN
        },
        run: RUNNING,
    },
    ParaStyle {
        id: DATE,
        name: "成文日期",
        based_on: "Normal",
        next: BODY,
        para: Para { align: Some(Alignment::Right), ..Para::PLAIN },
        run: RUNNING,
    },
    ParaStyle {
        id: ATTACHMENTS,
        name: "附件说明",
        based_on: "Normal",
        next: ATTACHMENTS,
        para: Para { align: Some(Alignment::Left), ..Para::PLAIN },
        run: RUNNING,
    },
    ParaStyle {
        id: APPENDIX_LABEL,
        name: "附件序号",
        based_on: "Normal",
        next: APPENDIX_TITLE,
        para: Para { keep_next: true, align: Some(Alignment::Left), ..Para::PLAIN },
        run: running_in(Face::Hei),
    },
    ParaStyle {
        id: APPENDIX_TITLE,
        name: "附件标题",
        based_on: "Normal",
        next: BODY,
        // On the third line: GB/T 9704-2012, 7.3.7.
        para: Para {
            keep_next: true,
            keep_lines: true,
            before: Some(PITCH),
            after: Some(PITCH),
            outline: Some(0),
            ..lone(Alignment::Center, 720)
        },
        run: Run { face: Some(Face::Biaosong), size: Some(44), ..Run::PLAIN },
    },
    ParaStyle {
        id: TABLE_CAPTION,
        name: "表题",
        based_on: "Normal",
        next: TABLE_TEXT,
        para: Para {
            keep_next: true,
            keep_lines: true,
            before: Some(145),
            ..lone(Alignment::Center, 480)
        },
        run: Run { face: Some(Face::Hei), size: Some(CAPTION_SIZE), ..Run::PLAIN },
    },
    ParaStyle {
        id: TABLE_TEXT,
        name: "表格文字",
        based_on: "Normal",
        next: TABLE_TEXT,
        para: in_table(Alignment::Left),
        run: of_size(TABLE_SIZE),
    },
    ParaStyle {
        id: TABLE_HEAD,
        name: "表头",
        based_on: TABLE_TEXT,
        next: TABLE_TEXT,
        para: Para { keep_next: true, align: Some(Alignment::Center), ..Para::PLAIN },
        run: in_face(Face::Hei),
    },
    ParaStyle {
        id: TABLE_CENTER,
        name: "表格居中",
        based_on: TABLE_TEXT,
        next: TABLE_CENTER,
        para: Para { align: Some(Alignment::Center), ..Para::PLAIN },
        run: Run::PLAIN,
    },
    ParaStyle {
        id: TABLE_NUMBER,
        name: "表格数字",
        based_on: TABLE_TEXT,
        next: TABLE_NUMBER,
        para: Para { align: Some(Alignment::Right), ..Para::PLAIN },
        run: Run::PLAIN,
    },
    ParaStyle {
        id: TABLE_NOTE,
        name: "附注",
        based_on: "Normal",
        next: BODY,
        para: lone(Alignment::Left, 320),
        run: of_size(TABLE_SIZE),
    },
    ParaStyle {
        id: TABLE_END,
        name: "表后空行",
        based_on: "Normal",
        next: BODY,
        para: lone(Alignment::Left, 290),
        run: of_size(TABLE_SIZE),
    },
    ParaStyle {
        id: FIGURE,
        name: "图",
        based_on: "Normal",
        next: FIGURE_CAPTION,
        para: Para { before: Some(145), ..in_table(Alignment::Center) },
        run: Run::PLAIN,
    },
    ParaStyle {
        id: FIGURE_CAPTION,
        name: "图题",
        based_on: "Normal",
        next: BODY,
        para: Para { after: Some(290), ..lone(Alignment::Center, 480) },
        run: Run { face: Some(Face::Hei), size: Some(CAPTION_SIZE), ..Run::PLAIN },
    },
    ParaStyle {
        id: IMPRINT,
        name: "版记",
        based_on: "Normal",
        next: IMPRINT,
        para: lone(Alignment::Left, 480),
        run: of_size(28),
    },
    ParaStyle {
        id: "Footer",
        name: "footer",
        based_on: "Normal",
        next: "Footer",
        para: lone(Alignment::Left, 280),
        run: Run { face: Some(Face::Song), latin_too: true, size: Some(28), ..Run::PLAIN },
    },
    ParaStyle {
        id: "Header",
        name: "header",
        based_on: "Normal",
        next: "Header",
        para: lone(Alignment::Center, 280),
        run: of_size(18),
    },
];

/// Character styles: id, name, properties.
const RUN_STYLES: [(&str, &str, Run); 6] = [
    (STRONG, "Strong", in_face(Face::Hei)),
    (EMPHASIS, "Emphasis", in_face(Face::Kai)),
    (LINK, "Hyperlink", Run { color: Some("0563C1"), underline: true, ..Run::PLAIN }),
    ("GreenLight", "绿灯", Run { color: Some("1B6E2A"), ..Run::PLAIN }),
    ("YellowLight", "黄灯", Run { color: Some("8A5A00"), ..Run::PLAIN }),
    ("RedLight", "红灯", Run { color: Some("B00020"), ..Run::PLAIN }),
];

/// Whether Word has a style of this name of its own.
fn is_built_in(name: &str) -> bool {
    name.is_ascii()
}

fn para_style(style: &ParaStyle) -> Element {
    let mut element = el("w:style").attr("w:type", "paragraph");
    if !is_built_in(style.name) {
        element = element.attr("w:customStyle", "1");
    }
    let run = style.run.element();
    element
        .attr("w:styleId", style.id)
        .with(val("w:name", style.name))
        .with(val("w:basedOn", style.based_on))
        .with(val("w:next", style.next))
        .with(el("w:qFormat"))
        .with_all(Some(style.para.element()).filter(|properties| !properties.is_empty()))
        .with_all((!run.is_empty()).then_some(run))
}

fn run_style((id, name, run): &(&'static str, &'static str, Run)) -> Element {
    let mut element = el("w:style").attr("w:type", "character");
    if !is_built_in(name) {
        element = element.attr("w:customStyle", "1");
    }
    element
        .attr("w:styleId", *id)
        .with(val("w:name", *name))
        .with(val("w:basedOn", "DefaultParagraphFont"))
        .with(el("w:qFormat"))
        .with(run.element())
}

fn default_style(kind: &'static str, id: &'static str, name: &'static str) -> Element {
    el("w:style")
        .attr("w:type", kind)
        .attr("w:default", "1")
        .attr("w:styleId", id)
        .with(val("w:name", name))
}

fn cell_margins(upright: i64, side: i64) -> Element {
    let margin = |name, width| el(name).num("w:w", width).attr("w:type", "dxa");
    el("w:tblCellMar")
        .with(margin("w:top", upright))
        .with(margin("w:left", side))
        .with(margin("w:bottom", upright))
        .with(margin("w:right", side))
}

/// Half-point rules all around.
fn table_style() -> Element {
    let rule = |side| {
        el(side).attr("w:val", "single").num("w:sz", 4).num("w:space", 0).attr("w:color", "auto")
    };
    let sides = ["w:top", "w:left", "w:bottom", "w:right", "w:insideH", "w:insideV"];
    let properties = el("w:tblPr")
        .with(el("w:tblBorders").with_all(sides.map(rule)))
        .with(cell_margins(CELL_MARGIN_UPRIGHT, CELL_MARGIN));
    el("w:style")
        .attr("w:type", "table")
        .attr("w:customStyle", "1")
        .attr("w:styleId", TABLE)
        .with(val("w:name", "公文表格"))
        .with(val("w:basedOn", "TableNormal"))
        .with(el("w:qFormat"))
        .with(properties)
}

/// `word/styles.xml`.
pub(super) fn part() -> Element {
    let fonts = el("w:rFonts")
        .attr("w:ascii", LATIN)
        .attr("w:eastAsia", Face::Fang.family())
        .attr("w:hAnsi", LATIN)
        .attr("w:cs", LATIN);
    let run = el("w:rPr")
        .with(fonts)
        .with(el("w:sz").num("w:val", BODY_SIZE))
        .with(el("w:szCs").num("w:val", BODY_SIZE))
        .with(
            el("w:lang").attr("w:val", "en-US").attr("w:eastAsia", "zh-CN").attr("w:bidi", "ar-SA"),
        );
    // 28 characters a line hold only if no space is put between Chinese and figures, and 22 lines a
    // page only if none is moved for company.
    let para = el("w:pPr")
        .with(val("w:widowControl", "0"))
        .with(val("w:autoSpaceDE", "0"))
        .with(val("w:autoSpaceDN", "0"))
        .with(el("w:spacing").num("w:line", PITCH).attr("w:lineRule", "exact"))
        .with(val("w:jc", "both"));
    let defaults =
        el("w:docDefaults").with(el("w:rPrDefault").with(run)).with(el("w:pPrDefault").with(para));
    let known = PARA_STYLES.iter().map(|style| style.name).filter(|name| is_built_in(name));
    let exceptions = ["Normal"].into_iter().chain(known).map(|name| {
        el("w:lsdException")
            .attr("w:name", name)
            .attr("w:semiHidden", "0")
            .attr("w:uiPriority", "1")
            .attr("w:unhideWhenUsed", "0")
            .attr("w:qFormat", "1")
    });
    let latent = el("w:latentStyles")
        .attr("w:defLockedState", "0")
        .attr("w:defUIPriority", "99")
        .attr("w:defSemiHidden", "1")
        .attr("w:defUnhideWhenUsed", "1")
        .attr("w:defQFormat", "0")
        .attr("w:count", "376")
        .with_all(exceptions);
    let table_normal = default_style("table", "TableNormal", "Normal Table")
        .with(val("w:uiPriority", "99"))
        .with(el("w:semiHidden"))
        .with(el("w:unhideWhenUsed"))
        .with(
            el("w:tblPr")
                .with(el("w:tblInd").num("w:w", 0).attr("w:type", "dxa"))
                .with(cell_margins(0, 108)),
        );
    el("w:styles")
        .attr("xmlns:w", super::NS_W)
        .with(defaults)
        .with(latent)
        .with(
            // 3号, said here too: Word reckons the grid of a page from this style alone.
            default_style("paragraph", "Normal", "Normal")
                .with(el("w:qFormat"))
                .with(of_size(BODY_SIZE).element()),
        )
        .with(default_style("character", "DefaultParagraphFont", "Default Paragraph Font"))
        .with(table_normal)
        .with_all(PARA_STYLES.iter().map(para_style))
        .with_all(RUN_STYLES.iter().map(run_style))
        .with(table_style())
}

/// `word/fontTable.xml`: what may stand in where a machine lacks a face of the standard.
pub(super) fn font_table() -> Element {
    let font = |face: Face| {
        let stand_in = match face {
            Face::Song => "SimSun",
            Face::Fang => "仿宋",
            Face::Hei => "SimHei",
            Face::Kai => "楷体",
            Face::Biaosong => "FZXiaoBiaoSong-B05S",
        };
        el("w:font")
            .attr("w:name", face.family())
            .with(val("w:altName", stand_in))
            .with(val("w:charset", "86"))
            .with(val("w:family", if face == Face::Song { "auto" } else { "modern" }))
            .with(val("w:pitch", "variable"))
    };
    let latin = el("w:font")
        .attr("w:name", LATIN)
        .with(val("w:charset", "00"))
        .with(val("w:family", "roman"))
        .with(val("w:pitch", "variable"));
    el("w:fonts").attr("xmlns:w", super::NS_W).with(latin).with_all(Face::ALL.map(font))
}
