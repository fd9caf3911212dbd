//! Properties of paragraphs and runs, written in the order that the schema demands: Word refuses a file
//! whose `w:jc` stands before its `w:keepNext`.
//!
//! Lengths are twips (1/20 pt), sizes half-points, as WordprocessingML counts.

use super::xml::{Element, el, val};

/// The faces of a paper by role, under the names that they have on an office's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Song,
    Fang,
    Hei,
    Kai,
    /// 小标宋, of titles.
    Biaosong,
}

impl Face {
    pub(super) const ALL: [Face; 5] =
        [Face::Song, Face::Fang, Face::Hei, Face::Kai, Face::Biaosong];

    pub(super) fn family(self) -> &'static str {
        match self {
            Face::Song => "宋体",
            Face::Fang => "仿宋_GB2312",
            Face::Hei => "黑体",
            Face::Kai => "楷体_GB2312",
            Face::Biaosong => "方正小标宋简体",
        }
    }
}

/// The face of Latin letters and figures.
pub(super) const LATIN: &str = "Times New Roman";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// A fixed pitch, whatever stands in the line.
    Exact(i64),
    /// As the line's content needs.
    Single,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alignment {
    Left,
    Center,
    Right,
}

impl Alignment {
    fn as_str(self) -> &'static str {
        match self {
            Alignment::Left => "left",
            Alignment::Center => "center",
            Alignment::Right => "right",
        }
    }
}

/// Indents. Where characters are given, Word follows them when the size changes, and other programs read
/// the twips.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Indent {
    pub(super) left: Option<i64>,
    pub(super) right: Option<i64>,
    /// In hundredths of a character.
    pub(super) right_chars: Option<i64>,
    pub(super) first_line: Option<i64>,
    /// In hundredths of a character.
    pub(super) first_line_chars: Option<i64>,
    /// How far the first line stands left of the others.
    pub(super) hanging: Option<i64>,
}

impl Indent {
    pub(super) const NONE: Indent = Indent {
        left: None,
        right: None,
        right_chars: None,
        first_line: None,
        first_line_chars: None,
        hanging: None,
    };

    fn element(self) -> Element {
        let parts = [
            ("w:left", self.left),
            ("w:rightChars", self.right_chars),
            ("w:right", self.right),
            ("w:hanging", self.hanging),
            ("w:firstLineChars", self.first_line_chars),
            ("w:firstLine", self.first_line),
        ];
        let given = parts.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.fold(el("w:ind"), |element, (name, value)| element.num(name, value))
    }
}

/// What is said of a paragraph, in its style or beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Para {
    pub(super) style: Option<&'static str>,
    /// Stays on one page with the next paragraph.
    pub(super) keep_next: bool,
    pub(super) keep_lines: bool,
    pub(super) page_break_before: bool,
    /// Its lines do not snap to the grid of 22 lines.
    pub(super) off_grid: bool,
    pub(super) before: Option<i64>,
    pub(super) after: Option<i64>,
    pub(super) line: Option<Line>,
    pub(super) indent: Indent,
    pub(super) align: Option<Alignment>,
    /// 0 is the outermost; what has one stands in the navigation pane.
    pub(super) outline: Option<i64>,
}

impl Para {
    pub(super) const PLAIN: Para = Para {
        style: None,
        keep_next: false,
        keep_lines: false,
        page_break_before: false,
        off_grid: false,
        before: None,
        after: None,
        line: None,
        indent: Indent::NONE,
        align: None,
        outline: None,
    };

    pub(super) const fn styled(style: &'static str) -> Para {
        Para { style: Some(style), ..Para::PLAIN }
    }

    /// `w:pPr`; may be empty.
    pub(super) fn element(&self) -> Element {
        let mut properties = el("w:pPr");
        if let Some(style) = self.style {
            properties.push(val("w:pStyle", style));
        }
        for (name, is_on) in [
            ("w:keepNext", self.keep_next),
            ("w:keepLines", self.keep_lines),
            ("w:pageBreakBefore", self.page_break_before),
        ] {
            if is_on {
                properties.push(el(name));
            }
        }
        if self.off_grid {
            properties.push(val("w:snapToGrid", "0"));
        }
        let mut spacing = el("w:spacing");
        if let Some(before) = self.before {
            spacing = spacing.num("w:before", before);
        }
        if let Some(after) = self.after {
            spacing = spacing.num("w:after", after);
        }
        spacing = match self.line {
            Some(Line::Exact(pitch)) => spacing.num("w:line", pitch).attr("w:lineRule", "exact"),
            Some(Line::Single) => spacing.num("w:line", 240).attr("w:lineRule", "auto"),
            None => spacing,
        };
        let indent = self.indent.element();
        properties
            .with_all([spacing, indent].into_iter().filter(|element| !element.is_empty()))
            .with_all(self.align.map(|align| val("w:jc", align.as_str())))
            .with_all(self.outline.map(|level| el("w:outlineLvl").num("w:val", level)))
    }

    /// A paragraph of these runs.
    pub(super) fn of(&self, runs: impl IntoIterator<Item = Element>) -> Element {
        let properties = self.element();
        let properties = (!properties.is_empty()).then_some(properties);
        el("w:p").with_all(properties).with_all(runs)
    }
}

/// What is said of a run of characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) style: Option<&'static str>,
    pub(super) face: Option<Face>,
    /// The face plays Latin letters and figures too.
    pub(super) latin_too: bool,
    pub(super) color: Option<&'static str>,
    pub(super) underline: bool,
    /// What stands between two characters beyond their own width.
    pub(super) tracking: Option<i64>,
    /// Half-points.
    pub(super) size: Option<i64>,
}

impl Run {
    pub(super) const PLAIN: Run = Run {
        style: None,
        face: None,
        latin_too: false,
        color: None,
        underline: false,
        tracking: None,
        size: None,
    };

    /// `w:rPr` of a style, which knows nothing of any text; may be empty.
    pub(super) fn element(&self) -> Element {
        self.properties(el("w:rFonts"))
    }

    fn properties(&self, mut fonts: Element) -> Element {
        if let Some(face) = self.face {
            if self.latin_too {
                fonts = fonts.attr("w:ascii", face.family()).attr("w:hAnsi", face.family());
            }
            fonts = fonts.attr("w:eastAsia", face.family());
        }
        let size = |name| self.size.map(|size| el(name).num("w:val", size));
        el("w:rPr")
            .with_all(self.style.map(|style| val("w:rStyle", style)))
            .with_all((!fonts.is_empty()).then_some(fonts))
            .with_all(self.color.map(|color| val("w:color", color)))
            .with_all(self.tracking.map(|space| el("w:spacing").num("w:val", space)))
            .with_all(size("w:sz"))
            .with_all(size("w:szCs"))
            .with_all(self.underline.then(|| val("w:u", "single")))
    }

    /// A run of this text; line ends in it are line breaks.
    pub(super) fn of(&self, text: &str) -> Element {
        // Quotation marks, dashes, ● and the like are Chinese or Latin by this hint alone.
        let hint = if text.is_ascii() {
            el("w:rFonts")
        } else {
            el("w:rFonts").attr("w:hint", "eastAsia")
        };
        let properties = self.properties(hint);
        let mut run = el("w:r");
        if !properties.is_empty() {
            run.push(properties);
        }
        for (at, line) in text.lines().enumerate() {
            if at > 0 {
                run.push(el("w:br"));
            }
            if !line.is_empty() {
                run.push(el("w:t").attr("xml:space", "preserve").text(line));
            }
        }
        run
    }
}
