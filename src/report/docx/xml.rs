//! XML as a tree of elements: parts of the package are built by functions that return elements, and
//! become text in one place, which is where characters that XML forbids end.

use std::borrow::Cow;
use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// An element with its prefix (`w:p`), attributes in the order given, and content.
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, Cow<'static, str>)>,
    content: Vec<Node>,
}

#[derive(Debug, Clone)]
enum Node {
    Element(Element),
    Text(String),
}

/// An element without attributes or content.
pub(super) fn el(name: &'static str) -> Element {
    Element { name, attributes: Vec::new(), content: Vec::new() }
}

/// `<name w:val="value"/>`, as most properties are written.
pub(super) fn val(name: &'static str, value: impl Into<Cow<'static, str>>) -> Element {
    el(name).attr("w:val", value)
}

impl Element {
    pub(super) fn attr(
        mut self,
        name: &'static str,
        value: impl Into<Cow<'static, str>>,
    ) -> Element {
        self.attributes.push((name, value.into()));
        self
    }

    pub(super) fn num(self, name: &'static str, value: i64) -> Element {
        self.attr(name, value.to_string())
    }

    pub(super) fn with(mut self, child: Element) -> Element {
        self.content.push(Node::Element(child));
        self
    }

    pub(super) fn with_all(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        self.content.extend(children.into_iter().map(Node::Element));
        self
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> Element {
        self.content.push(Node::Text(text.into()));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.content.is_empty() && self.attributes.is_empty()
    }

    /// The first child of that name, to add to it.
    pub(super) fn child_mut(&mut self, name: &str) -> Option<&mut Element> {
        self.content.iter_mut().find_map(|node| match node {
            Node::Element(child) if child.name == name => Some(child),
            _ => None,
        })
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    pub(super) fn push(&mut self, child: Element) {
        self.content.push(Node::Element(child));
    }

    /// Before the child that stands at this place now, or at the end.
    pub(super) fn insert(&mut self, at: usize, child: Element) {
        self.content.insert(at.min(self.content.len()), Node::Element(child));
    }

    /// The bytes of a part whose root this is.
    pub(super) fn into_part(self) -> io::Result<Vec<u8>> {
        let mut writer = Writer::new(Vec::new());
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), Some("yes"))))?;
        self.write(&mut writer)?;
        Ok(writer.into_inner())
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            start.push_attribute((*name, legal(value).as_ref()));
        }
        if self.content.is_empty() {
            return writer.write_event(Event::Empty(start));
        }
        writer.write_event(Event::Start(start))?;
        for node in &self.content {
            match node {
                Node::Element(element) => element.write(writer)?,
                Node::Text(text) => {
                    writer.write_event(Event::Text(BytesText::new(&legal(text))))?;
                }
            }
        }
        writer.write_event(Event::End(BytesEnd::new(self.name)))
    }
}

/// Control characters become blanks; the two code points that are no characters are dropped. XML 1.0
/// knows neither, and Word refuses the whole file for one of them.
fn legal(text: &str) -> Cow<'_, str> {
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    if !text.contains(forbidden) {
        return Cow::Borrowed(text);
    }
    let keep = |c: char| match c {
        '\u{fffe}' | '\u{ffff}' => None,
        c if c.is_control() => Some(' '),
        c => Some(c),
    };
    Cow::Owned(text.chars().filter_map(keep).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(element: Element) -> String {
        String::from_utf8(element.into_part().unwrap_or_default()).unwrap_or_default()
    }

    #[test]
    fn text_and_attributes_are_escaped_and_keep_no_character_that_xml_forbids() {
        let element = el("w:t").attr("w:val", "a\"<&\u{0}b").text("]]> <x>\u{b}&amp;\u{ffff}珺");
        assert_eq!(
            written(element),
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
             <w:t w:val=\"a&quot;&lt;&amp; b\">]]&gt; &lt;x&gt; &amp;amp;珺</w:t>"
        );
    }

    #[test]
    fn an_element_without_content_is_closed_at_once() {
        assert!(written(val("w:b", "0")).ends_with("<w:b w:val=\"0\"/>"));
    }
}
