//! The HTML of a mail, tag by tag.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::support::{features, is_out_of_place};
use super::{Problem, Severity, style};
use crate::model::InlineImage;
use crate::report::html::MAX_BYTES;

/// Elements that have no end tag.
const VOID: [&str; 9] = ["br", "img", "meta", "hr", "input", "link", "area", "base", "wbr"];

/// Judges the HTML of a mail with the pictures that go with it.
pub(super) fn lint(html: &str, inline: &[InlineImage]) -> Vec<Problem> {
    let reader = Reader::default();
    reader.0.borrow_mut().known_ids = inline.iter().map(|i| i.content_id.clone()).collect();
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html));
    let tokenizer = Tokenizer::new(reader, TokenizerOpts::default());
    // Scripts, the only thing that it could stop for, are refused and not run.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    let mut page = tokenizer.sink.0.into_inner();
    page.finish(html);
    page.problems
}

#[derive(Default)]
struct Reader(RefCell<Page>);

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        page.line = usize::try_from(line).unwrap_or(usize::MAX);
        match token {
            Token::DoctypeToken(doctype) => page.doctype(doctype.name.as_deref()),
            Token::TagToken(tag) => match tag.kind {
                TagKind::StartTag => {
                    page.open(&tag);
                    match &*tag.name {
                        "style" | "script" => return TokenSinkResult::RawData(RawKind::Rawtext),
                        "title" => return TokenSinkResult::RawData(RawKind::Rcdata),
                        _ => {}
                    }
                }
                TagKind::EndTag => page.close(&tag.name),
            },
            Token::CharacterTokens(text) => page.text(&text),
            Token::CommentToken(text) => page.comment(&text),
            Token::ParseError(what) => {
                page.error("syntax", format!("the HTML is malformed ({what})"));
            }
            Token::NullCharacterToken | Token::EOFToken => {}
        }
        TokenSinkResult::Continue
    }
}

/// An element that is open.
struct Open {
    name: String,
    line: usize,
    /// Of a table: whether it lays out, and whether it has headings.
    is_layout: bool,
    has_headings: bool,
}

#[derive(Default)]
struct Page {
    problems: Vec<Problem>,
    /// Of the token at hand, and the tag that problems are shown with.
    line: usize,
    excerpt: String,
    stack: Vec<Open>,
    /// Styles of elements that were judged: most cells have the same.
    judged: HashSet<(String, String)>,
    known_ids: BTreeSet<String>,
    used_ids: BTreeSet<String>,
    has_doctype: bool,
    lang: String,
    charset: String,
    has_viewport: bool,
    title: String,
    /// What the <style> at hand holds: it comes in pieces.
    sheet: String,
    /// What stands between `<!--[if mso]>` and `<![endif]-->`, all of it.
    for_outlook: String,
}

impl Page {
    fn say(&mut self, severity: Severity, rule: &str, message: String) {
        if self.problems.iter().any(|said| said.rule == rule && said.message == message) {
            return;
        }
        self.problems.push(Problem {
            severity,
            rule: rule.to_owned(),
            line: Some(self.line),
            excerpt: self.excerpt.clone(),
            message,
        });
    }

    fn error(&mut self, rule: &str, message: impl Into<String>) {
        self.say(Severity::Error, rule, message.into());
    }

    /// Judges the use of an element, an attribute, …
    fn judge(&mut self, kind: &str, name: &str, what: &str, element: &str) {
        match features(kind, name) {
            Some(found) => {
                for feature in found {
                    if let Some((severity, message)) = feature.judge(what, Some(element)) {
                        self.say(severity, feature.name, message);
                    }
                }
            }
            None => {
                self.error(
                    "unknown",
                    format!("{what}: nothing is known of which mail programs know it"),
                );
            }
        }
    }

    fn doctype(&mut self, name: Option<&str>) {
        self.has_doctype |= name.is_some_and(|name| name.eq_ignore_ascii_case("html"));
        self.judge("doctype", "", "the doctype", "html");
    }

    fn open(&mut self, tag: &Tag) {
        let name = &*tag.name;
        self.excerpt = excerpt(tag);
        self.judge("element", name, &format!("<{name}>"), name);
        for attribute in &tag.attrs {
            self.attribute(name, &attribute.name.local, &attribute.value);
        }
        let get = |name: &str| {
            let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == name);
            found.map(|attribute| attribute.value.to_string())
        };
        match name {
            "html" => self.lang = get("lang").unwrap_or_default(),
            "meta" => self.meta(&get),
            "img" => self.picture(&get),
            "th" => {
                if let Some(table) = self.stack.iter_mut().rev().find(|open| open.name == "table") {
                    table.has_headings = true;
                }
            }
            _ => {}
        }
        if name == "table" && self.stack.iter().any(|open| open.name == "table" && !open.is_layout)
        {
            self.error("table", "a table within a table of data: screen readers lose their way");
        }
        if !VOID.contains(&name) && !tag.self_closing {
            self.stack.push(Open {
                name: name.to_owned(),
                line: self.line,
                is_layout: get("role").as_deref() == Some("presentation"),
                has_headings: false,
            });
        }
        self.excerpt.clear();
    }

    fn attribute(&mut self, element: &str, name: &str, value: &str) {
        if name.starts_with("on") {
            self.error("script", format!("{name}: mails run no script"));
            return;
        }
        self.judge("attribute", name, &format!("the attribute {name}"), element);
        if is_out_of_place(name, element) {
            self.error("attribute", format!("the attribute {name} does nothing on <{element}>"));
        }
        match name {
            "style" if self.judged.insert((element.to_owned(), value.to_owned())) => {
                for problem in style::lint_inline(value, element, self.line) {
                    self.say(problem.severity, &problem.rule, problem.message);
                }
            }
            "href" => {
                let scheme = value.split_once(':').map_or("", |(scheme, _)| scheme);
                if value.starts_with('#') {
                    self.judge("url", "#", "a link within the mail", element);
                } else if !["http", "https", "mailto"]
                    .contains(&scheme.to_ascii_lowercase().as_str())
                {
                    self.error(
                        "link",
                        "a link leads to the web (http, https) or to an address (mailto)",
                    );
                }
            }
            "src" | "background" | "srcset" | "poster" | "data" if !value.starts_with("cid:") => {
                let what = "a mail fetches nothing: pictures go with it, and are named by cid";
                self.error("resource", what);
            }
            _ => {}
        }
    }

    fn meta(&mut self, get: &dyn Fn(&str) -> Option<String>) {
        if let Some(charset) = get("charset") {
            self.charset = charset;
        }
        match get("name").as_deref() {
            Some("viewport") => self.has_viewport = true,
            Some("color-scheme") => {
                self.judge("meta", "color-scheme", "<meta name=color-scheme>", "meta");
            }
            _ => {}
        }
    }

    fn picture(&mut self, get: &dyn Fn(&str) -> Option<String>) {
        if get("alt").is_none_or(|alt| alt.trim().is_empty()) {
            self.error(
                "picture",
                "a picture has no words (alt): many programs show no pictures at first",
            );
        }
        for side in ["width", "height"] {
            match get(side).and_then(|length| length.parse::<u32>().ok()) {
                None => self.error(
                    "picture",
                    format!("a picture has no {side} in pixels: Outlook shows it at its own size"),
                ),
                Some(0..=2) => {
                    self.error("tracking", "a picture that nobody sees tracks its readers");
                }
                Some(_) => {}
            }
        }
        let Some(id) = get("src").and_then(|src| src.strip_prefix("cid:").map(str::to_owned))
        else {
            return;
        };
        if !self.known_ids.contains(&id) {
            self.error("picture", format!("no picture of the mail is called {id}"));
        }
        self.used_ids.insert(id);
    }

    fn close(&mut self, name: &str) {
        match self.stack.pop() {
            Some(open) if open.name == name => {
                self.line = open.line;
                match name {
                    "table" => self.table(&open),
                    "style" => {
                        for problem in style::lint_sheet(&std::mem::take(&mut self.sheet)) {
                            self.line = open.line + problem.line.unwrap_or(1) - 1;
                            self.say(problem.severity, &problem.rule, problem.message);
                        }
                    }
                    _ => {}
                }
            }
            Some(open) => {
                let (was, line) = (open.name.clone(), open.line);
                self.error("nesting", format!("</{name}> closes <{was}> of line {line}"));
            }
            None => self.error("nesting", format!("</{name}> closes nothing")),
        }
    }

    fn table(&mut self, table: &Open) {
        match (table.is_layout, table.has_headings) {
            (true, true) => self.error("table", "a table with headings has role=presentation: screen readers would not read it as one"),
            (false, false) => self.error("table", "a table without headings lays out: it needs role=presentation, or screen readers read it as data"),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let inside = self.stack.last().map(|open| open.name.as_str());
        match inside {
            Some("title") => self.title.push_str(text),
            Some("style") => self.sheet.push_str(text),
            _ if text.contains('\u{fffd}') => {
                self.error("charset", "a character was lost on the way (U+FFFD)");
            }
            _ => {}
        }
    }

    fn comment(&mut self, text: &str) {
        let Some(rest) = text.strip_prefix("[if ") else {
            if !text.starts_with("<![endif]") {
                self.error("comment", "a comment that only readers of the source see");
            }
            return;
        };
        match rest.split_once("]>").and_then(|(_, rest)| rest.strip_suffix("<![endif]")) {
            Some(inside) => self.for_outlook.push_str(inside),
            None => self.error("comment", "a conditional comment has no end"),
        }
    }

    /// What can be said only of the whole.
    fn finish(&mut self, html: &str) {
        self.excerpt.clear();
        let whole = |rule: &str, message: String| Problem {
            severity: Severity::Error,
            rule: rule.to_owned(),
            line: None,
            excerpt: String::new(),
            message,
        };
        let mut wrong = Vec::new();
        if html.len() >= MAX_BYTES {
            wrong.push(whole(
                "size",
                format!(
                    "the HTML has {} bytes; mail programs cut off above {MAX_BYTES}",
                    html.len()
                ),
            ));
        }
        for open in &self.stack {
            wrong.push(whole(
                "nesting",
                format!("<{}> of line {} is never closed", open.name, open.line),
            ));
        }
        let charset_at = html.find("charset=").unwrap_or(usize::MAX);
        let needs = [
            (
                self.has_doctype,
                "doctype",
                "the HTML has no doctype: programs lay it out by the rules of the nineties",
            ),
            (
                !self.lang.is_empty(),
                "lang",
                "<html> has no lang: screen readers would not know that it is Chinese",
            ),
            (
                self.charset.eq_ignore_ascii_case("utf-8") && charset_at < 1000,
                "charset",
                "<meta charset=utf-8> is missing from the first 1,000 bytes, where programs look for it",
            ),
            (
                self.has_viewport,
                "viewport",
                "<meta name=viewport> is missing: telephones would show the page of a desk",
            ),
            (!self.title.trim().is_empty(), "title", "<title> is missing"),
        ];
        for (_, rule, message) in needs.into_iter().filter(|(is_there, ..)| !is_there) {
            wrong.push(whole(rule, message.to_owned()));
        }
        let outlook = self.for_outlook.as_str();
        if !outlook
            .split("<table")
            .skip(1)
            .any(|table| table.split('>').next().is_some_and(|tag| tag.contains("width=\"")))
        {
            wrong.push(whole("outlook-width", "no table with a width stands in <!--[if mso]>: Outlook, which knows no max-width, would fill the window".to_owned()));
        }
        for name in ["table", "tr", "td"] {
            let n_open = outlook.matches(&format!("<{name}")).count();
            if n_open != outlook.matches(&format!("</{name}>")).count() {
                wrong.push(whole(
                    "outlook-width",
                    format!("<{name}> in <!--[if mso]> is not closed there"),
                ));
            }
        }
        for id in self.known_ids.difference(&self.used_ids) {
            wrong.push(whole(
                "picture",
                format!("the picture {id} goes with the mail and is shown nowhere"),
            ));
        }
        self.problems.extend(wrong);
    }
}

/// The tag as one would point at it.
fn excerpt(tag: &Tag) -> String {
    let mut text = format!("<{}", tag.name);
    for attribute in &tag.attrs {
        text += &format!(" {}=\"{}\"", attribute.name.local, attribute.value);
    }
    text.push('>');
    if text.chars().count() > 100 {
        text = text.chars().take(99).collect();
        text.push('…');
    }
    text
}
