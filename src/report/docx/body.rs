//! The text of the paper: blocks in their order, in sections of portrait and landscape pages.

use super::measure::{ems, length, roomy_ems};
use super::page::{self, Orientation, PITCH, SQUARE};
use super::props::{Indent, Para, Run};
use super::xml::{Element, el};
use super::{DocxError, DrawPng, closing, picture, styles, table};
use crate::report::document::{Appendix, Block, Chart, Document, Figure, Heading, Inline, Table};

/// 2号 and 4号, in twips.
const TITLE_SIZE: i64 = 440;
const SUBTITLE_SIZE: i64 = 280;

/// What the text refers to outside itself, in the order of the relationships `rIdImage1`, `rIdLink1` ….
pub(super) struct Written {
    pub(super) body: Element,
    pub(super) pictures: Vec<Vec<u8>>,
    pub(super) links: Vec<String>,
}

/// Writes the whole text.
///
/// # Errors
/// If a chart cannot be drawn.
pub(super) fn write(document: &Document, charts: DrawPng<'_>) -> Result<Written, DocxError> {
    let mut body = Body {
        charts,
        elements: Vec::new(),
        orientation: Orientation::Portrait,
        is_fresh: true,
        break_before: false,
        pictures: Vec::new(),
        links: Vec::new(),
    };
    body.head(document);
    // What is enclosed follows signature and date.
    let list = document.attachment_list();
    let (text, enclosed) =
        document.blocks.split_at(list.map_or(document.blocks.len(), |at| at + 1));
    // With the signature stay the list of attachments and, if there is room, the last words.
    let kept = document.last_words().or(list).unwrap_or(text.len());
    body.blocks(&text[..kept], Orientation::Portrait)?;
    let from = body.elements.len();
    body.blocks(&text[kept..], Orientation::Portrait)?;
    let signature = closing::signature(document);
    if !signature.is_empty() {
        body.keep_with_next(from);
    }
    for (para, line) in signature {
        body.para(Orientation::Portrait, para, [Run::PLAIN.of(&line)]);
    }
    body.blocks(enclosed, Orientation::Portrait)?;
    if !document.imprint.is_empty() {
        body.push(Orientation::Portrait, closing::imprint(&document.imprint));
        // A table that hangs on the page needs a paragraph to hang on.
        body.push(Orientation::Portrait, closing::anchor());
    }
    Ok(body.finish())
}

struct Body<'a> {
    charts: DrawPng<'a>,
    elements: Vec<Element>,
    orientation: Orientation,
    /// Nothing stands in this section yet.
    is_fresh: bool,
    /// The next paragraph begins a page.
    break_before: bool,
    pictures: Vec<Vec<u8>>,
    links: Vec<String>,
}

impl Body<'_> {
    /// Goes over to pages of this orientation: a section ends if it has begun.
    fn turn(&mut self, orientation: Orientation) {
        if orientation == self.orientation {
            return;
        }
        if !self.is_fresh {
            self.end_section();
            self.is_fresh = true;
            self.break_before = false;
        }
        self.orientation = orientation;
    }

    /// A section's set-up stands in its last paragraph.
    fn end_section(&mut self) {
        if !self.elements.last().is_some_and(|last| last.is("w:p")) {
            self.elements.push(Para::styled(styles::TABLE_END).of([]));
        }
        let Some(last) = self.elements.last_mut() else { return };
        if last.child_mut("w:pPr").is_none() {
            last.insert(0, el("w:pPr"));
        }
        if let Some(properties) = last.child_mut("w:pPr") {
            properties.push(page::section(self.orientation));
        }
    }

    fn finish(mut self) -> Written {
        // Word wants a paragraph after the last table.
        if !self.elements.last().is_some_and(|last| last.is("w:p")) {
            self.elements.push(Para::styled(styles::TABLE_END).of([]));
        }
        let body = el("w:body").with_all(self.elements).with(page::section(self.orientation));
        Written { body, pictures: self.pictures, links: self.links }
    }

    /// Paragraphs from this element on stay on one page with the next.
    fn keep_with_next(&mut self, from: usize) {
        for element in self.elements.iter_mut().skip(from) {
            if let Some(properties) = element.child_mut("w:pPr")
                && properties.child_mut("w:keepNext").is_none()
            {
                // After the style, which all have.
                properties.insert(1, el("w:keepNext"));
            }
        }
    }

    fn push(&mut self, orientation: Orientation, element: Element) {
        self.turn(orientation);
        if self.break_before && !self.is_fresh && !element.is("w:p") {
            let before = Para { page_break_before: true, ..Para::styled(styles::TABLE_END) };
            self.elements.push(before.of([]));
        }
        self.break_before = false;
        self.is_fresh = false;
        self.elements.push(element);
    }

    fn para(
        &mut self,
        orientation: Orientation,
        para: Para,
        runs: impl IntoIterator<Item = Element>,
    ) {
        self.turn(orientation);
        let page_break_before = self.break_before && !self.is_fresh;
        self.push(orientation, Para { page_break_before, ..para }.of(runs));
    }

    /// 发文字号, 标题, 主送机关.
    fn head(&mut self, document: &Document) {
        let portrait = Orientation::Portrait;
        if !document.doc_number.is_empty() {
            let number = Run::PLAIN.of(&document.doc_number);
            self.para(portrait, Para::styled(styles::DOC_NUMBER), [number]);
        }
        if !document.title.is_empty() {
            let after = (!document.subtitle.is_empty()).then_some(0);
            let indent = balanced(&document.title, TITLE_SIZE, page::BODY_WIDTH);
            let title = Para { after, indent, ..Para::styled(styles::TITLE) };
            self.para(portrait, title, [Run::PLAIN.of(&document.title)]);
        }
        if !document.subtitle.is_empty() {
            let tracking = squeezed(&document.subtitle, SUBTITLE_SIZE, page::BODY_WIDTH);
            let subtitle = Run { tracking, ..Run::PLAIN }.of(&document.subtitle);
            self.para(portrait, Para::styled(styles::SUBTITLE), [subtitle]);
        }
        if !document.addressees.is_empty() {
            let addressees = Run::PLAIN.of(&document.addressees);
            self.para(portrait, Para::styled(styles::ADDRESSEES), [addressees]);
        }
    }

    fn blocks(&mut self, blocks: &[Block], on: Orientation) -> Result<(), DocxError> {
        blocks.iter().try_for_each(|block| self.block(block, on))
    }

    fn block(&mut self, block: &Block, on: Orientation) -> Result<(), DocxError> {
        match block {
            Block::Heading(heading) => self.heading(heading, on),
            Block::Para(content) => {
                let runs = self.inlines(content);
                self.para(on, Para::styled(styles::BODY), runs);
            }
            Block::ListItem { depth, ordered, content } => {
                let mark = ordered.map_or_else(|| "· ".to_owned(), |number| format!("{number}. "));
                let left = (*depth > 0).then(|| i64::from(*depth) * 2 * SQUARE);
                let indent = Indent { left, ..Indent::NONE };
                let mut runs = vec![Run::PLAIN.of(&mark)];
                runs.extend(self.inlines(content));
                self.para(on, Para { indent, ..Para::styled(styles::LIST) }, runs);
            }
            Block::Quote(content) => {
                let runs = self.inlines(content);
                self.para(on, Para::styled(styles::QUOTE), runs);
            }
            Block::Table(table) => self.table(table, on),
            Block::Chart(chart) => self.chart(chart, on)?,
            Block::AttachmentList(names) => self.attachments(names, on),
            Block::PageBreak => self.break_before = true,
            // Landscape inside landscape stays on the same page.
            Block::Landscape(inner) => self.blocks(inner, Orientation::Landscape)?,
            Block::Appendix(appendix) => {
                // It begins where its first table lies: a page with nothing but its title helps nobody.
                let place = match appendix.blocks.first() {
                    Some(Block::Landscape(_)) => Orientation::Landscape,
                    Some(Block::Table(table)) => place_of(table, on),
                    _ => on,
                };
                self.appendix_head(appendix, place);
                self.blocks(&appendix.blocks, on)?;
            }
        }
        Ok(())
    }

    fn heading(&mut self, heading: &Heading, on: Orientation) {
        let style = styles::HEADINGS[usize::from(heading.level.clamp(1, 4)) - 1];
        let mut runs = Vec::new();
        if !heading.number.is_empty() {
            runs.push(Run::PLAIN.of(&heading.number));
        }
        runs.extend(self.inlines(&heading.content));
        self.para(on, Para::styled(style), runs);
    }

    fn appendix_head(&mut self, appendix: &Appendix, on: Orientation) {
        self.turn(on);
        self.break_before = true;
        let label = Run::PLAIN.of(&appendix.label());
        self.para(on, Para::styled(styles::APPENDIX_LABEL), [label]);
        let indent = balanced(&appendix.title, TITLE_SIZE, on.width());
        let title = Para { indent, ..Para::styled(styles::APPENDIX_TITLE) };
        self.para(on, title, [Run::PLAIN.of(&appendix.title)]);
    }

    fn table(&mut self, table: &Table, on: Orientation) {
        let on = place_of(table, on);
        self.turn(on);
        if !table.caption.is_empty() {
            let caption = Run::PLAIN.of(&table.caption);
            self.para(on, Para::styled(styles::TABLE_CAPTION), [caption]);
        }
        if !table.columns.is_empty() {
            self.push(on, table::table(table, on));
        }
        for note in table::notes(&table.notes) {
            self.push(on, note);
        }
        if table.notes.is_empty() {
            self.para(on, Para::styled(styles::TABLE_END), []);
        }
    }

    fn chart(&mut self, chart: &Chart, on: Orientation) -> Result<(), DocxError> {
        let png = (self.charts)(chart)
            .map_err(|source| DocxError::DrawChart { chart: chart.name.clone(), source })?;
        let size = picture::pixels(chart, &png)?;
        self.pictures.push(png);
        let number = self.pictures.len();
        let relationship = format!("rIdImage{number}");
        let drawing = picture::drawing(chart, size, number, relationship, on);
        let keep_next = !chart.caption.is_empty();
        self.para(on, Para { keep_next, ..Para::styled(styles::FIGURE) }, [drawing]);
        if keep_next {
            let caption = Run::PLAIN.of(&chart.caption);
            self.para(on, Para::styled(styles::FIGURE_CAPTION), [caption]);
        }
        Ok(())
    }

    /// 附件说明: a line after the text, two characters in; what wraps stands under the name's first
    /// character (GB/T 9704-2012, 7.3.4).
    fn attachments(&mut self, names: &[String], on: Orientation) {
        let lead_width = 3 * SQUARE;
        for (at, name) in names.iter().enumerate() {
            let lead = if at == 0 { "附件：" } else { "" };
            let number = if names.len() > 1 { format!("{}. ", at + 1) } else { String::new() };
            let number_width = length(ems(&number), SQUARE);
            let indent = Indent {
                left: Some(2 * SQUARE + lead_width + number_width),
                hanging: Some(number_width + if at == 0 { lead_width } else { 0 }),
                ..Indent::NONE
            };
            let before = (at == 0).then_some(PITCH);
            let item = Para { before, indent, ..Para::styled(styles::ATTACHMENTS) };
            self.para(on, item, [Run::PLAIN.of(&format!("{lead}{number}{name}"))]);
        }
    }

    fn inlines(&mut self, content: &[Inline]) -> Vec<Element> {
        content.iter().map(|inline| self.inline(inline)).collect()
    }

    fn inline(&mut self, inline: &Inline) -> Element {
        let styled = |style| Run { style: Some(style), ..Run::PLAIN };
        match inline {
            Inline::Strong { text } => styled(styles::STRONG).of(text),
            Inline::Emphasis { text } => styled(styles::EMPHASIS).of(text),
            Inline::Link { text, url } if is_safe(url) => {
                self.links.push(url.clone());
                el("w:hyperlink")
                    .attr("r:id", format!("rIdLink{}", self.links.len()))
                    .with(styled(styles::LINK).of(text))
            }
            Inline::Text { text } | Inline::Link { text, .. } => Run::PLAIN.of(text),
            Inline::Figure(Figure { light: Some(light), text, .. }) => {
                styled(styles::light(*light)).of(text)
            }
            Inline::Figure(figure) => Run::PLAIN.of(&figure.text),
            Inline::LineBreak => el("w:r").with(el("w:br")),
        }
    }
}

/// A table that would break its figures on a portrait page lies on landscape pages.
fn place_of(table: &Table, on: Orientation) -> Orientation {
    match on {
        Orientation::Portrait if table::fits(table, on) => on,
        _ => Orientation::Landscape,
    }
}

/// Indents that make the lines of a long title, in letters of that size, about equally long (GB/T 9704-2012, 7.3.1).
fn balanced(text: &str, size: i64, width: i64) -> Indent {
    let length = length(roomy_ems(text), size);
    let n_lines = (length + width - 1) / width;
    if n_lines <= 1 {
        return Indent::NONE;
    }
    let line = (length / n_lines + size * 3 / 2).min(width);
    let side = Some((width - line) / 2);
    Indent { left: side, right: side, ..Indent::NONE }
}

/// What each character gives up so that a line which is a little too long stays one, as is done by hand; at
/// most 0.6 pt, and nothing where that would not help.
fn squeezed(text: &str, size: i64, width: i64) -> Option<i64> {
    const MOST: i64 = 12;
    let excess = length(ems(text), size) - width;
    let n_characters = i64::try_from(text.chars().count()).ok().filter(|n| *n > 0)?;
    let each = (excess + n_characters - 1) / n_characters;
    (1..=MOST).contains(&each).then_some(-each)
}

/// Addresses that a reader may be led to; others stay text.
fn is_safe(url: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    }) && !url.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_squeezed_only_if_that_keeps_it_one() {
        let of = |n: usize| squeezed(&"字".repeat(n), 280, 8845);
        // 31 squares of 14 pt are 8,680 twips, 32 are 8,960, 40 are 11,200.
        assert_eq!([of(0), of(31), of(32), of(40)], [None, None, Some(-4), None]);
    }
}
