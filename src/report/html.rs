//! The document as the HTML of a mail: tables for layout, styles inlined, no script, no outer file.
//!
//! ## Design notes
//! - Outlook lays out with Word: it knows tables, `width`, `align`, `border` and `cellpadding`, and
//!   little of CSS; it pads cells and no paragraphs. What every cell has in common therefore stands in
//!   attributes of the table, which also keeps 30 towns × 12 columns far below the 100 KB at which mail
//!   programs cut. What it cannot inherit (fonts into tables) stands in a comment for it alone.
//! - The page is as wide as the window, and 760 px at most; Outlook, which knows no `max-width`, gets a
//!   table of that width in a conditional comment. On a telephone the page is as wide as the screen, and a
//!   table that needs more scrolls in its own frame: text is never cut off.
//! - What would make the mail too large goes by steps: first the appendices that are attached anyway, then
//!   rows of long tables. What is left out is said where it stood. [`super::mail_lint`] sees to the rest.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

use super::document::{
    Align, Appendix, Block, Cell, Chart, Document, Heading, Inline, Row, Table, light_mark, plain,
};
use super::{headings, numbers};
use crate::model::Light;

/// Bytes above which mail programs cut a message off (Gmail: 102 KB).
pub const MAX_BYTES: usize = 100_000;

/// Width of the page on a desk, in pixels; as `.sheet` of mail.css has it.
const PAGE_WIDTH: u32 = 760;
/// Rows that the tables of an attached appendix may have to stand in the mail as well.
const MAX_APPENDIX_ROWS: usize = 12;

/// Why a mail could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    #[error("inline the styles of the mail (report_templates/_base/mail.css)")]
    Inline(#[source] css_inline::InlineError),
    #[error("the mail has {n_bytes} bytes; mail programs cut above {MAX_BYTES}")]
    TooLarge { n_bytes: usize },
}

/// What a reader of the mail has besides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attached {
    /// The mail is all: nothing is left to an attachment.
    #[default]
    Nothing,
    /// Its tables alone, as a workbook.
    Tables,
    /// The whole document, as a paper.
    Whole,
}

/// A picture as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Such as `cid:…`.
    pub src: String,
    /// In CSS pixels: half of the picture's own, so that it is sharp.
    pub width: u32,
    pub height: u32,
}

/// Renders a mail's HTML. `image` gives the picture of a chart.
///
/// Where the tables would make the mail too large, long ones are cut after some rows and say so.
///
/// # Errors
/// If the styles cannot be read, or the mail is too large even so.
pub fn render(
    document: &Document,
    css: &str,
    attached: Attached,
    image: &dyn Fn(&Chart) -> Picture,
) -> Result<String, HtmlError> {
    let mut n_bytes = 0;
    // Rows of a table, rows of the appendices' tables together, and blocks that stand in the mail.
    let all = usize::MAX;
    let whole = [(all, MAX_APPENDIX_ROWS, all), (all, 0, all)];
    let cut = [60, 35, 20, 10, 5].map(|max_rows| (max_rows, 0, all));
    // Where the text itself is too long, its beginning: the rest is read in what is attached.
    let begun = [40, 20, 10].map(|max_blocks| (5, 0, max_blocks));
    let begun = begun.into_iter().filter(|_| attached == Attached::Whole);
    for (max_rows, appendix_rows, max_blocks) in whole.into_iter().chain(cut).chain(begun) {
        let page = Page { document, attached, image, max_rows, appendix_rows, max_blocks };
        let unstyled = page.html();
        n_bytes = unstyled.len();
        // Styles only make it longer.
        if n_bytes < MAX_BYTES {
            let html = inline_styles(&unstyled, css)?;
            n_bytes = html.len();
            if n_bytes < MAX_BYTES {
                return Ok(html);
            }
        }
    }
    Err(HtmlError::TooLarge { n_bytes })
}

fn inline_styles(html: &str, css: &str) -> Result<String, HtmlError> {
    let html = css_inline::CSSInliner::options()
        .load_remote_stylesheets(false)
        .extra_css(Some(Cow::Borrowed(css)))
        .keep_at_rules(true)
        .minify_css(true)
        .build()
        .inline(html)
        .map_err(HtmlError::Inline)?;
    Ok(styles_last(html))
}

/// What is not inlined stands first in the head then; the charset must come before it, within the bytes that
/// a browser looks through for it.
fn styles_last(html: String) -> String {
    const HEAD: &str = "<head>";
    const END: &str = "</style>";
    let begin = html.find(HEAD).map(|at| at + HEAD.len());
    let style = begin.filter(|at| html[*at..].starts_with("<style"));
    let moved = style.and_then(|begin| {
        let end = begin + html[begin..].find(END)? + END.len();
        let head_end = html.find("</head>")?;
        let (style, rest) = (&html[begin..end], &html[end..head_end]);
        Some([&html[..begin], rest, style, "\n", &html[head_end..]].concat())
    });
    moved.unwrap_or(html)
}

/// What the mail is about, for the list of mails: it stands before everything and is not shown.
fn preview_line(document: &Document) -> String {
    let first = document.blocks.iter().find_map(|block| match block {
        Block::Para(content) => Some(plain(content)),
        _ => None,
    });
    let words = [document.subtitle.as_str(), first.as_deref().unwrap_or_default()];
    let words: Vec<&str> = words.into_iter().filter(|text| !text.is_empty()).collect();
    words.join("　").chars().take(MAX_PREVIEW_CHARS).collect()
}

const MAX_PREVIEW_CHARS: usize = 90;

/// Why one gets the mail, what it is, and whom to ask: the end of both bodies.
pub fn footer(document: &Document) -> Vec<String> {
    let mut lines = vec!["您收到本邮件，是因为通讯录将您列为相关单位或岗位的联系人。".to_owned()];
    if !document.subtitle.is_empty() {
        lines.push(format!("{}　{}", document.title, document.subtitle));
    }
    let office = if document.signature.is_empty() {
        String::new()
    } else {
        format!("，或与{}联系", document.signature)
    };
    lines.push(format!("对内容有疑问、联系人有变动的，请直接回复本邮件{office}。"));
    lines.push("本邮件由督办程序自动发出，不跟踪阅读情况。".to_owned());
    lines
}

/// Outlook alone reads this: Word gives cells its own face and size unless they are told.
const FOR_OUTLOOK: &str = "<!--[if mso]><xml><o:OfficeDocumentSettings><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml>\
    <style>td,th,p,h1,h2,h3,h4,h5{font-family:\"Microsoft YaHei\",SimSun,sans-serif}.data td,.data th{font-size:12px;line-height:145%}</style><![endif]-->";

struct Page<'a> {
    document: &'a Document,
    attached: Attached,
    image: &'a dyn Fn(&Chart) -> Picture,
    max_rows: usize,
    appendix_rows: usize,
    max_blocks: usize,
}

impl Page<'_> {
    fn html(&self) -> String {
        let document = self.document;
        let mut body = String::new();
        if !document.doc_number.is_empty() {
            body += &tag("p", "number", &escape(&document.doc_number));
        }
        body += &tag("h1", "", &escape(&document.title));
        if !document.subtitle.is_empty() {
            body += &tag("p", "subtitle", &escape(&document.subtitle));
        }
        body += &layout("", "<tr><td class=\"rule\">&nbsp;</td></tr>");
        if !document.addressees.is_empty() {
            body += &tag("p", "flush", &escape(&document.addressees));
        }
        let is_appendix = |block: &&Block| matches!(block, Block::Appendix(_));
        let text: Vec<&Block> = document.blocks.iter().filter(|b| !is_appendix(b)).collect();
        for block in text.iter().take(self.max_blocks) {
            self.block(block, &mut body);
        }
        if text.len() > self.max_blocks {
            body += &tag("p", "", "（以下从略，全文见附件。）");
        }
        if !document.signature.is_empty() {
            body += &tag("p", "right", &escape(&document.signature));
        }
        if let Some(date) = document.dated_on {
            body += &tag("p", "right", &numbers::cn_date(date));
        }
        for block in document.blocks.iter().filter(is_appendix) {
            self.block(block, &mut body);
        }
        let mut imprint = String::new();
        for line in &document.imprint {
            imprint += &format!("<tr><td class=\"imprint\">{}</td></tr>\n", escape(line));
        }
        if !imprint.is_empty() {
            body += &layout("around", &imprint);
        }
        let foot: String =
            footer(document).iter().map(|line| tag("p", "line", &escape(line))).collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"format-detection\" content=\"telephone=no, date=no, address=no\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n{FOR_OUTLOOK}\n</head>\n<body>\n\
             <div class=\"preheader\">{preview}</div>\n\
             <table class=\"page\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td align=\"center\">\n\
             <!--[if mso]><table role=\"presentation\" align=\"center\" width=\"{PAGE_WIDTH}\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td><![endif]-->\n\
             <table class=\"sheet\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\n<tr><td class=\"body\" align=\"left\">\n\
             {body}</td></tr>\n<tr><td class=\"foot\" align=\"left\">\n{foot}</td></tr></table>\n\
             <!--[if mso]></td></tr></table><![endif]-->\n\
             </td></tr></table>\n</body></html>\n",
            title = escape(&document.title),
            preview = escape(&preview_line(document)),
        )
    }

    fn block(&self, block: &Block, out: &mut String) {
        match block {
            Block::Heading(heading) => *out += &heading_html(heading),
            Block::Para(content) => *out += &tag("p", "", &inlines(content)),
            Block::ListItem { depth, ordered, content } => {
                let mark = ordered.map_or_else(|| "•".to_owned(), |n| format!("{n}."));
                let class = if *depth == 0 { "item" } else { "deep" };
                let indent = "\u{3000}".repeat(usize::from(*depth).saturating_sub(1));
                *out += &tag("p", class, &format!("{indent}{mark} {}", inlines(content)));
            }
            Block::Quote(content) => {
                let row = format!("<tr><td class=\"quote\">{}</td></tr>", inlines(content));
                *out += &layout("around", &row);
            }
            Block::Table(table) => self.table(table, out),
            Block::Chart(chart) => {
                let Picture { src, width, height } = (self.image)(chart);
                *out += &format!(
                    "<p class=\"chart\"><img class=\"picture\" src=\"{}\" alt=\"{}\" width=\"{width}\" height=\"{height}\" border=\"0\"></p>\n",
                    escape(&src),
                    escape(&chart.alt),
                );
                if !chart.caption.is_empty() {
                    *out += &tag("p", "caption", &escape(&chart.caption));
                }
            }
            Block::AttachmentList(names) => {
                for (i, name) in names.iter().enumerate() {
                    let lead = if i == 0 { "附件：" } else { "\u{3000}\u{3000}\u{3000}" };
                    *out += &tag("p", "flush", &format!("{lead}{}. {}", i + 1, escape(name)));
                }
            }
            Block::PageBreak => {}
            Block::Landscape(blocks) => {
                for block in blocks {
                    self.block(block, out);
                }
            }
            Block::Appendix(appendix) => self.appendix(appendix, out),
        }
    }

    /// A short appendix stands in the mail; a long one is read in the attached paper.
    fn appendix(&self, appendix: &Appendix, out: &mut String) {
        let label = escape(&appendix.label());
        if self.attached == Attached::Whole && n_rows(&appendix.blocks) > self.appendix_rows {
            let line = format!("{label}　{}：见所附文件。", escape(&appendix.title));
            *out += &tag("p", "flush", &line);
            return;
        }
        *out += &tag("h2", "", &format!("{label}　{}", escape(&appendix.title)));
        for block in &appendix.blocks {
            self.block(block, out);
        }
    }

    fn table(&self, table: &Table, out: &mut String) {
        if !table.caption.is_empty() {
            *out += &tag("p", "caption", &escape(&table.caption));
        }
        let least = least_width(table);
        let is_wide = least > FITS;
        let style = if is_wide { format!(" style=\"min-width:{least}px\"") } else { String::new() };
        if is_wide {
            // Telephones show no bar where something scrolls.
            *out += "<div class=\"swipe\">左右滑动可看全表</div>\n";
        }
        *out += &format!(
            "<div class=\"scroll\"><table class=\"data\" width=\"100%\" cellpadding=\"4\" cellspacing=\"0\" border=\"1\" bordercolor=\"#b8bcc2\"{style}>\n"
        );
        for row in headings::cells(&table.columns) {
            *out += "<tr class=\"head\">";
            for cell in row {
                let columns = if cell.n_columns > 1 {
                    format!(" colspan=\"{}\"", cell.n_columns)
                } else {
                    String::new()
                };
                let rows = if cell.n_rows > 1 {
                    format!(" rowspan=\"{}\"", cell.n_rows)
                } else {
                    String::new()
                };
                let nowrap = if cell.text.width() <= 8 { " nowrap" } else { "" };
                *out += &format!("<th{columns}{rows}{nowrap}>{}</th>\n", escape(&cell.text));
            }
            *out += "</tr>\n";
        }
        let widths: Vec<usize> = (0..table.columns.len()).map(|i| widest(table, i)).collect();
        let has_long = widths.iter().any(|width| *width > SHORT);
        // Figures do not break, and every attribute costs bytes.
        let is_text = |i: usize| table.columns[i].align != Align::Right;
        let is_whole = |(i, width): (usize, &usize)| {
            is_text(i) && (*width <= WORD || (*width <= SHORT && (has_long || i == 0)))
        };
        let whole: Vec<bool> = widths.iter().enumerate().map(is_whole).collect();
        for row in table.rows.iter().take(self.max_rows) {
            row_html(table, row, &whole, out);
        }
        *out += "</table></div>\n";
        if table.rows.len() > self.max_rows {
            let left = table.rows.len() - self.max_rows;
            let rest = match self.attached {
                Attached::Whole | Attached::Tables => format!("其余{left}行见附件。"),
                Attached::Nothing => format!("其余{left}行从略，需要的请回复本邮件索取。"),
            };
            *out += &tag("p", "note", &rest);
        }
        for note in &table.notes {
            *out += &tag("p", "note", &escape(note));
        }
    }
}

/// A table of layout: screen readers read over it.
fn layout(class: &str, rows: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!(
        "<table{class} role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">{rows}</table>\n"
    )
}

/// Rows of all tables among the blocks; a chart is worth more than any mail repeats.
fn n_rows(blocks: &[Block]) -> usize {
    let rows = blocks.iter().map(|block| match block {
        Block::Table(table) => table.rows.len(),
        Block::Landscape(inner) => n_rows(inner),
        Block::Appendix(appendix) => n_rows(&appendix.blocks),
        Block::Chart(_) => MAX_APPENDIX_ROWS,
        Block::Para(_) | Block::ListItem { .. } | Block::Quote(_) => 1,
        _ => 0,
    });
    rows.sum()
}

/// What a telephone shows without scrolling, in pixels.
const FITS: usize = 330;
/// What the page has on a desk, in pixels, less than which every table is kept.
const DESK: usize = 680;

/// Pixels that a table needs to be readable: on a telephone it scrolls rather than break every name.
fn least_width(table: &Table) -> usize {
    // Half a Chinese character in the size of tables; borders and padding of a cell; a text that breaks
    // after eleven characters still reads.
    const HALF: usize = 6;
    const AROUND: usize = 10;
    const BREAKS_AT: usize = 22;
    let column = |i: usize| {
        let cells = table.rows.iter().take(100).filter_map(|row| row.cells.get(i));
        let widest = cells.map(|cell| with_mark(cell).width()).max().unwrap_or(0);
        let heading = table.columns[i].heading.last().map_or(0, |text| text.width().min(8));
        widest.max(heading).min(BREAKS_AT) * HALF + AROUND
    };
    (0..table.columns.len()).map(column).sum::<usize>().min(DESK)
}

/// Names, dates and lights stay on one line; beside a long column they would be broken. In half characters.
const SHORT: usize = 18;
/// A word or two, a figure: never broken, whatever stands beside it.
const WORD: usize = 10;

fn widest(table: &Table, column: usize) -> usize {
    let cells = table.rows.iter().filter_map(|row| row.cells.get(column));
    cells.map(|cell| cell.text.width()).max().unwrap_or(0)
}

/// `whole`: the columns whose cells stay on one line.
fn row_html(table: &Table, row: &Row, whole: &[bool], out: &mut String) {
    *out += if row.emphasis { "<tr class=\"sum\">" } else { "<tr>" };
    for ((column, cell), whole) in table.columns.iter().zip(&row.cells).zip(whole) {
        let align = match column.align {
            Align::Left => "",
            Align::Center => " align=\"center\"",
            Align::Right => " align=\"right\"",
        };
        let nowrap = if *whole { " nowrap" } else { "" };
        let class = cell.light.map(|light| format!(" class=\"{light}\"")).unwrap_or_default();
        *out += &format!("<td{align}{class}{nowrap}>{}</td>", escape(&with_mark(cell)));
    }
    *out += "</tr>\n";
}

/// The text of a judged cell, with the mark that tells without colour.
pub fn with_mark(cell: &Cell) -> String {
    match cell.light {
        Some(light) => format!("{}{}", light_mark(light), cell.text),
        None => cell.text.clone(),
    }
}

fn heading_html(heading: &Heading) -> String {
    let name = ["h2", "h3", "h4", "h5"][usize::from(heading.level.clamp(1, 4)) - 1];
    tag(name, "", &format!("{}{}", escape(&heading.number), inlines(&heading.content)))
}

fn inlines(content: &[Inline]) -> String {
    content
        .iter()
        .map(|inline| match inline {
            Inline::Text { text } => escape(text),
            Inline::Strong { text } => format!("<strong>{}</strong>", escape(text)),
            Inline::Emphasis { text } => format!("<em>{}</em>", escape(text)),
            Inline::Link { text, url } => {
                format!("<a href=\"{}\">{}</a>", escape(url), escape(text))
            }
            Inline::Figure(figure) => match figure.light {
                Some(light) => figure_html(light, &figure.text),
                None => escape(&figure.text),
            },
            Inline::LineBreak => "<br>".to_owned(),
        })
        .collect()
}

fn figure_html(light: Light, text: &str) -> String {
    format!("<strong class=\"{light}\">{}</strong>", escape(text))
}

fn tag(name: &str, class: &str, inner: &str) -> String {
    if class.is_empty() {
        format!("<{name}>{inner}</{name}>\n")
    } else {
        format!("<{name} class=\"{class}\">{inner}</{name}>\n")
    }
}

/// Escapes for text and for attributes in double quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("<br>"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
