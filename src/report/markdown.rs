//! Markdown → blocks. Tokens of typed pieces are resolved here, after parsing.

use comrak::nodes::{ListType, Node, NodeValue, TableAlignment};
use comrak::{Arena, Options, parse_document};

use super::document::{
    self, Align, Appendix, Block, Cell, Column, Format, Heading, Inline, Row, Table,
};
use super::functions::Piece;
use super::numbers::cn_number;

/// What cannot stand in a report, at a byte offset of the Markdown.
pub(super) struct Problem {
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

/// Parses Markdown and puts the pieces where their tokens stand.
pub(super) fn parse(
    text: &str,
    token: &str,
    pieces: &[Piece],
    numbering: bool,
) -> Result<Vec<Block>, Vec<Problem>> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.cjk_friendly_emphasis = true;
    let arena = Arena::new();
    let root = parse_document(&arena, text, &options);
    let mut line_starts = vec![0];
    line_starts.extend(text.match_indices('\n').map(|(i, _)| i + 1));
    let mut reader = Reader {
        token,
        pieces,
        text,
        line_starts,
        numbers: numbering.then_some([0; 4]),
        problems: Vec::new(),
        open: vec![Vec::new()],
        appendices: Vec::new(),
    };
    for node in root.children() {
        reader.block(node, 0);
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    // Landscape is closed by the same function that opened it.
    let mut blocks: Vec<Block> = reader.open.into_iter().flatten().collect();
    list_appendices(&mut blocks);
    Ok(blocks)
}

/// Numbers the appendices, and puts them first in the list of attachments; a report with appendices
/// that lists nothing has its list before the first of them.
fn list_appendices(blocks: &mut Vec<Block>) {
    let is_appendix = |block: &Block| matches!(block, Block::Appendix(_));
    let titles: Vec<String> = blocks
        .iter()
        .filter_map(|block| match block {
            Block::Appendix(appendix) => Some(appendix.title.clone()),
            _ => None,
        })
        .collect();
    let is_list = |block: &Block| matches!(block, Block::AttachmentList(_));
    if !blocks.iter().any(is_list)
        && let Some(first) = blocks.iter().position(is_appendix)
    {
        blocks.insert(first, Block::AttachmentList(Vec::new()));
    }
    let mut n_listed = 0;
    if let Some(Block::AttachmentList(names)) = blocks.iter_mut().find(|block| is_list(block)) {
        names.splice(0..0, titles);
        n_listed = names.len();
    }
    let mut number = 0;
    for block in blocks.iter_mut() {
        if let Block::Appendix(appendix) = block {
            number += 1;
            appendix.number = (n_listed > 1).then_some(number);
        }
    }
    blocks.retain(|block| !matches!(block, Block::AttachmentList(names) if names.is_empty()));
}

struct Reader<'a> {
    token: &'a str,
    pieces: &'a [Piece],
    text: &'a str,
    line_starts: Vec<usize>,
    numbers: Option<[u32; 4]>,
    problems: Vec<Problem>,
    /// The document, and the landscape section or appendix that is open in it.
    open: Vec<Vec<Block>>,
    /// Titles of the appendices that are open: one at most, but for a template's mistake.
    appendices: Vec<String>,
}

/// Part of a text: as written, or a piece.
enum Part<'a> {
    Text(&'a str),
    Piece(&'a Piece),
}

impl<'a> Reader<'a> {
    fn push(&mut self, block: Block) {
        if let Some(blocks) = self.open.last_mut() {
            blocks.push(block);
        }
    }

    fn refuse(&mut self, node: Node<'_>, message: impl Into<String>, hint: &'static str) {
        let at = node.data().sourcepos.start;
        let line = self.line_starts.get(at.line.saturating_sub(1)).copied().unwrap_or(0);
        let mut offset = (line + at.column.saturating_sub(1)).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        self.problems.push(Problem { offset, message: message.into(), hint });
    }

    fn block(&mut self, node: Node<'_>, depth: u8) {
        let value = node.data().value.clone();
        match value {
            NodeValue::Heading(heading) if heading.level > 4 => {
                self.refuse(
                    node,
                    "a heading has level 1 to 4",
                    "一、（一）1.（1）are #, ##, ###, ####",
                );
            }
            NodeValue::Heading(heading) => {
                let content = self.inlines(node);
                let number = self.number(heading.level);
                self.push(Block::Heading(Heading { level: heading.level, number, content }));
            }
            NodeValue::Paragraph => {
                if let Some(piece) = self.lone_piece(node) {
                    self.piece(piece);
                } else {
                    let content = self.inlines(node);
                    if !content.is_empty() {
                        self.push(Block::Para(content));
                    }
                }
            }
            NodeValue::List(list) => {
                let first = u32::try_from(list.start).unwrap_or(1);
                for (n, item) in (first..).zip(node.children()) {
                    let ordered = (list.list_type == ListType::Ordered).then_some(n);
                    self.item(item, depth, ordered);
                }
            }
            NodeValue::BlockQuote => {
                for child in node.children() {
                    if matches!(child.data().value, NodeValue::Paragraph)
                        && self.lone_piece(child).is_none()
                    {
                        let content = self.inlines(child);
                        self.push(Block::Quote(content));
                    } else {
                        self.block(child, depth);
                    }
                }
            }
            NodeValue::Table(table) => self.table(node, &table.alignments),
            NodeValue::HtmlBlock(html) => {
                self.refuse(
                    node,
                    format!("raw HTML: {}", first_line(&html.literal)),
                    "write Markdown; a remark to other authors is {# … #}",
                );
            }
            NodeValue::CodeBlock(code) => {
                self.refuse(
                    node,
                    format!("a code block: {}", first_line(&code.literal)),
                    "a line that begins with four blanks is code in Markdown",
                );
            }
            NodeValue::ThematicBreak => {
                self.refuse(node, "a rule across the page", "a new page is {{ pagebreak() }}");
            }
            other => {
                self.refuse(
                    node,
                    format!("{} cannot stand in a report", kind(&other)),
                    "headings, paragraphs, lists, quotes and tables can",
                );
            }
        }
    }

    fn item(&mut self, item: Node<'_>, depth: u8, ordered: Option<u32>) {
        let mut first = true;
        for child in item.children() {
            let is_text = matches!(child.data().value, NodeValue::Paragraph);
            if is_text && self.lone_piece(child).is_none() {
                let content = self.inlines(child);
                if first {
                    self.push(Block::ListItem { depth, ordered, content });
                } else {
                    self.push(Block::Para(content));
                }
                first = false;
            } else {
                self.block(child, depth + 1);
            }
        }
    }

    fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Table(table) => self.push(Block::Table(table.clone())),
            Piece::Chart(chart) => self.push(Block::Chart(chart.clone())),
            Piece::Empty(text) => self.push(Block::Para(vec![Inline::Text { text: text.clone() }])),
            Piece::Figure(figure) => self.push(Block::Para(vec![Inline::Figure(figure.clone())])),
            Piece::Attachments(names) => self.push(Block::AttachmentList(names.clone())),
            Piece::PageBreak => self.push(Block::PageBreak),
            Piece::LandscapeBegin => self.open.push(Vec::new()),
            Piece::AppendixBegin(title) => {
                self.open.push(Vec::new());
                self.appendices.push(title.clone());
                if let Some(numbers) = &mut self.numbers {
                    *numbers = [0; 4];
                }
            }
            Piece::AppendixEnd => {
                if self.open.len() > 1
                    && let Some(blocks) = self.open.pop()
                {
                    let title = self.appendices.pop().unwrap_or_default();
                    self.push(Block::Appendix(Appendix { number: None, title, blocks }));
                }
            }
            Piece::LandscapeEnd => {
                if self.open.len() > 1
                    && let Some(blocks) = self.open.pop()
                {
                    self.push(Block::Landscape(blocks));
                }
            }
        }
    }

    /// The number of the next heading of a level; deeper levels begin again.
    fn number(&mut self, level: u8) -> String {
        let Some(numbers) = &mut self.numbers else { return String::new() };
        let i = usize::from(level.clamp(1, 4)) - 1;
        numbers[i] += 1;
        for deeper in &mut numbers[i + 1..] {
            *deeper = 0;
        }
        let n = numbers[i];
        match level {
            1 => format!("{}、", cn_number(n)),
            2 => format!("（{}）", cn_number(n)),
            3 => format!("{n}."),
            _ => format!("（{n}）"),
        }
    }

    fn split<'t>(&self, text: &'t str) -> Vec<Part<'t>>
    where
        'a: 't,
    {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(self.token) {
            let found = after.strip_prefix('N').and_then(|after| after.split_once('E')).and_then(
                |(index, after)| Some((self.pieces.get(index.parse::<usize>().ok()?)?, after)),
            );
            let Some((piece, after)) = found else { break };
            if !before.is_empty() {
                parts.push(Part::Text(before));
            }
            parts.push(Part::Piece(piece));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest));
        }
        parts
    }

    /// The piece that is all of a paragraph, if it stands on its own.
    fn lone_piece(&self, node: Node<'_>) -> Option<&'a Piece> {
        let only = node.first_child()?;
        if only.next_sibling().is_some() {
            return None;
        }
        let NodeValue::Text(text) = only.data().value.clone() else { return None };
        let index = text.strip_prefix(self.token)?.strip_prefix('N')?.strip_suffix('E')?;
        let piece = self.pieces.get(index.parse::<usize>().ok()?)?;
        (!matches!(piece, Piece::Figure(_))).then_some(piece)
    }

    fn inlines(&mut self, node: Node<'_>) -> Vec<Inline> {
        let mut out = Vec::new();
        for child in node.children() {
            self.inline(child, &mut out);
        }
        tidy(out)
    }

    fn inline(&mut self, node: Node<'_>, out: &mut Vec<Inline>) {
        let value = node.data().value.clone();
        match value {
            NodeValue::Text(text) => self.text(node, &text, out, |text| Inline::Text { text }),
            NodeValue::Code(code) => {
                self.text(node, &code.literal, out, |text| Inline::Text { text });
            }
            NodeValue::SoftBreak => out.push(Inline::Text { text: "\n".to_owned() }),
            NodeValue::LineBreak => out.push(Inline::LineBreak),
            NodeValue::Strong => {
                let text = node.collect_text();
                self.text(node, &text, out, |text| Inline::Strong { text });
            }
            NodeValue::Emph => {
                let text = node.collect_text();
                self.text(node, &text, out, |text| Inline::Emphasis { text });
            }
            NodeValue::Link(link) => {
                if !["https://", "http://", "mailto:"].iter().any(|s| link.url.starts_with(s)) {
                    self.refuse(
                        node,
                        format!("a link to `{}`", link.url),
                        "links begin with https://, http:// or mailto:",
                    );
                }
                out.push(Inline::Link { text: node.collect_text(), url: link.url.clone() });
            }
            NodeValue::HtmlInline(html) => {
                self.refuse(
                    node,
                    format!("raw HTML: {html}"),
                    "write Markdown; a remark to other authors is {# … #}",
                );
            }
            NodeValue::Image(_) => {
                self.refuse(node, "a picture", "charts are drawn from data: {{ chart(…) }}");
            }
            other => self.refuse(
                node,
                format!("{} cannot stand in a text", kind(&other)),
                "text, **strong**, *emphasis* and links can",
            ),
        }
    }

    fn text(
        &mut self,
        node: Node<'_>,
        text: &str,
        out: &mut Vec<Inline>,
        wrap: fn(String) -> Inline,
    ) {
        let mut misplaced = false;
        for part in self.split(text) {
            match part {
                Part::Text(text) => out.push(wrap(text.to_owned())),
                Part::Piece(Piece::Figure(figure)) => out.push(Inline::Figure(figure.clone())),
                Part::Piece(_) => misplaced = true,
            }
        }
        if misplaced {
            self.refuse(
                node,
                "a table, chart or list of attachments within a text",
                "put it on a line of its own",
            );
        }
    }

    /// A table typed by the author: text only.
    fn table(&mut self, node: Node<'_>, alignments: &[TableAlignment]) {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for row in node.children() {
            rows.push(row.children().map(|cell| self.plain(cell)).collect());
        }
        if rows.is_empty() {
            return;
        }
        let header = rows.remove(0);
        let columns = header
            .into_iter()
            .enumerate()
            .map(|(i, heading)| Column {
                name: format!("c{i}"),
                heading: vec![heading],
                format: Format::Text,
                align: match alignments.get(i) {
                    Some(TableAlignment::Center) => Align::Center,
                    Some(TableAlignment::Right) => Align::Right,
                    _ => Align::Left,
                },
                weight: 8.0,
            })
            .collect();
        let cell =
            |text: String| Cell { value: document::Value::Text(text.clone()), text, light: None };
        let rows = rows
            .into_iter()
            .map(|cells| Row { cells: cells.into_iter().map(cell).collect(), emphasis: false })
            .collect();
        self.push(Block::Table(Table {
            name: String::new(),
            caption: String::new(),
            columns,
            rows,
            notes: Vec::new(),
            print_rows: None,
        }));
    }

    fn plain(&mut self, node: Node<'_>) -> String {
        self.inlines(node)
            .iter()
            .map(|inline| match inline {
                Inline::Text { text }
                | Inline::Strong { text }
                | Inline::Emphasis { text }
                | Inline::Link { text, .. } => text.as_str(),
                Inline::Figure(figure) => &figure.text,
                Inline::LineBreak => " ",
            })
            .collect()
    }
}

/// Joins neighbouring texts, and drops line breaks of the source between Chinese characters, where
/// a blank would be seen.
fn tidy(inlines: Vec<Inline>) -> Vec<Inline> {
    let mut out: Vec<Inline> = Vec::new();
    for inline in inlines {
        match (out.last_mut(), inline) {
            (Some(Inline::Text { text: before }), Inline::Text { text }) => before.push_str(&text),
            (_, inline) => out.push(inline),
        }
    }
    let firsts: Vec<Option<char>> = out.iter().map(|inline| shown(inline).chars().next()).collect();
    let lasts: Vec<Option<char>> =
        out.iter().map(|inline| shown(inline).chars().next_back()).collect();
    for (i, inline) in out.iter_mut().enumerate() {
        if let Inline::Text { text } = inline {
            let before = i.checked_sub(1).and_then(|i| lasts[i]);
            let after = firsts.get(i + 1).copied().flatten();
            *text = unbreak(text, before, after);
        }
    }
    out.retain(|inline| !matches!(inline, Inline::Text { text } if text.is_empty()));
    out
}

fn shown(inline: &Inline) -> &str {
    if matches!(inline, Inline::LineBreak) { "" } else { inline.text() }
}

fn unbreak(text: &str, before: Option<char>, after: Option<char>) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (i, c) in chars.iter().enumerate() {
        if *c != '\n' {
            out.push(*c);
            continue;
        }
        let left = if i == 0 { before } else { Some(chars[i - 1]) };
        let right = chars.get(i + 1).copied().or(after);
        let wide = |c: Option<char>| c.is_none_or(|c| !c.is_ascii());
        if !wide(left) && !wide(right) {
            out.push(' ');
        }
    }
    out
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(60).collect()
}

fn kind(value: &NodeValue) -> String {
    let name = format!("{value:?}");
    name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}
