//! The document as the HTML of a mail: tables for layout, styles inlined, no script, no outer file.
//!
//! ## Design notes
//! Outlook lays out with Word: it knows tables, `width`, `align`, `border` and `cellpadding`, and
//! little of CSS. What every cell has in common therefore stands in attributes of the table, which
//! also keeps 30 towns × 12 columns far below the 100 KB at which mail programs cut.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

use super::document::{
    Align, Block, Cell, Chart, Document, Heading, Inline, Row, Table, light_mark,
};
use super::{headings, numbers};
use crate::model::Light;

/// Bytes above which mail programs cut a message off (Gmail: 102 KB).
pub const MAX_BYTES: usize = 100_000;

/// Why a mail could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    #[error("inline the styles of the mail (report_templates/_base/mail.css)")]
    Inline(#[source] css_inline::InlineError),
    #[error("the mail has {n_bytes} bytes; mail programs cut above {MAX_BYTES}")]
    TooLarge { n_bytes: usize },
}

/// Renders a mail's HTML. `image` gives the `src` of a chart, such as `cid:…`.
///
/// Where the tables would make the mail too large, long ones are cut after some rows and say so:
/// the whole of them is in the attached workbook.
///
/// # Errors
/// If the styles cannot be read, or the mail is too large even so.
pub fn render(
    document: &Document,
    css: &str,
    image: &dyn Fn(&Chart) -> String,
) -> Result<String, HtmlError> {
    let mut n_bytes = 0;
    for max_rows in [usize::MAX, 60, 35, 20, 10, 5] {
        let html = inline_styles(&Page { image, max_rows }.document(document), css)?;
        if html.len() < MAX_BYTES {
            return Ok(html);
        }
        n_bytes = html.len();
    }
    Err(HtmlError::TooLarge { n_bytes })
}

fn inline_styles(html: &str, css: &str) -> Result<String, HtmlError> {
    css_inline::CSSInliner::options()
        .load_remote_stylesheets(false)
        .extra_css(Some(Cow::Borrowed(css)))
        .minify_css(true)
        .build()
        .inline(html)
        .map_err(HtmlError::Inline)
}

struct Page<'a> {
    image: &'a dyn Fn(&Chart) -> String,
    max_rows: usize,
}

impl Page<'_> {
    fn document(&self, document: &Document) -> String {
        let mut body = String::new();
        if !document.doc_number.is_empty() {
            body += &tag("p", "number", &escape(&document.doc_number));
        }
        body += &tag("h1", "", &escape(&document.title));
        body += &tag("p", "subtitle", &escape(&document.subtitle));
        if !document.addressees.is_empty() {
            body += &tag("p", "flush", &escape(&document.addressees));
        }
        for block in &document.blocks {
            self.block(block, &mut body);
        }
        if !document.signature.is_empty() {
            body += &tag("p", "right", &escape(&document.signature));
        }
        if let Some(date) = document.dated_on {
            body += &tag("p", "right", &numbers::cn_date(date));
        }
        for line in &document.imprint {
            body += &tag("p", "imprint", &escape(line));
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title></head>\n<body>\n\
             <table class=\"page\" role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td align=\"center\">\n\
             <table class=\"sheet\" role=\"presentation\" width=\"760\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td class=\"body\">\n\
             {body}</td></tr></table>\n</td></tr></table>\n</body></html>\n",
            title = escape(&document.title),
        )
    }

    fn block(&self, block: &Block, out: &mut String) {
        match block {
            Block::Heading(heading) => *out += &heading_html(heading),
            Block::Para(content) => *out += &tag("p", "", &inlines(content)),
            Block::ListItem { depth, ordered, content } => {
                let mark = ordered.map_or_else(|| "•".to_owned(), |n| format!("{n}."));
                let indent = "\u{3000}".repeat(usize::from(*depth));
                *out += &tag("p", "item", &format!("{indent}{mark} {}", inlines(content)));
            }
            Block::Quote(content) => *out += &tag("p", "quote", &inlines(content)),
            Block::Table(table) => self.table(table, out),
            Block::Chart(chart) => {
                *out += &format!(
                    "<p class=\"chart\"><img src=\"{}\" alt=\"{}\" width=\"680\" border=\"0\" style=\"max-width:100%;height:auto\"></p>\n",
                    escape(&(self.image)(chart)),
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
        }
    }

    fn table(&self, table: &Table, out: &mut String) {
        if !table.caption.is_empty() {
            *out += &tag("p", "caption", &escape(&table.caption));
        }
        *out += "<table class=\"data\" width=\"100%\" cellpadding=\"4\" cellspacing=\"0\" border=\"1\" bordercolor=\"#b8bcc2\">\n";
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
                *out += &format!("<th{columns}{rows}{nowrap}>{}</th>", escape(&cell.text));
            }
            *out += "</tr>\n";
        }
        let short: Vec<bool> = (0..table.columns.len()).map(|i| is_short(table, i)).collect();
        for row in table.rows.iter().take(self.max_rows) {
            row_html(table, row, &short, out);
        }
        *out += "</table>\n";
        if table.rows.len() > self.max_rows {
            let left = table.rows.len() - self.max_rows;
            *out += &tag("p", "note", &format!("其余{left}行见附件。"));
        }
        for note in &table.notes {
            *out += &tag("p", "note", &escape(note));
        }
    }
}

/// Names, dates and lights stay on one line; beside a long column they would be broken.
fn is_short(table: &Table, column: usize) -> bool {
    table.rows.iter().filter_map(|row| row.cells.get(column)).all(|cell| cell.text.width() <= 16)
}

fn row_html(table: &Table, row: &Row, short: &[bool], out: &mut String) {
    *out += if row.emphasis { "<tr class=\"sum\">" } else { "<tr>" };
    let has_long = short.contains(&false);
    for ((column, cell), short) in table.columns.iter().zip(&row.cells).zip(short) {
        let align = match column.align {
            Align::Left => "",
            Align::Center => " align=\"center\"",
            Align::Right => " align=\"right\"",
        };
        let nowrap = if has_long && *short { " nowrap" } else { "" };
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
