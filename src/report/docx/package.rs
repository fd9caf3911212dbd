//! The parts around the text, and the package that holds them all.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::body::Written;
use super::xml::{Element, el, val};
use super::{DocxError, DocxMeta, NS_R, NS_W, NS_WP, page, styles, theme};
use crate::report::document::Document;

const NS_TYPES: &str = "http://schemas.openxmlformats.org/package/2006/content-types";
const NS_RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const NS_CORE: &str = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties";
const NS_EXTENDED: &str =
    "http://schemas.openxmlformats.org/officeDocument/2006/extended-properties";

const XML: &str = "application/xml";
const RELATIONSHIPS: &str = "application/vnd.openxmlformats-package.relationships+xml";
const CORE: &str = "application/vnd.openxmlformats-package.core-properties+xml";
const CORE_RELATION: &str =
    "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties";

fn word_type(kind: &str) -> String {
    office_type(&format!("wordprocessingml.{kind}"))
}

fn office_type(kind: &str) -> String {
    format!("application/vnd.openxmlformats-officedocument.{kind}+xml")
}

fn relation_type(kind: &str) -> String {
    format!("http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}")
}

/// Puts the parts into a package. The order and the times of its entries are fixed.
///
/// # Errors
/// If a part or the package cannot be written.
pub(super) fn write(
    document: &Document,
    meta: DocxMeta<'_>,
    written: Written,
) -> Result<Vec<u8>, DocxError> {
    let Written { body, pictures, links } = written;
    let root = el("w:document")
        .attr("xmlns:w", NS_W)
        .attr("xmlns:r", NS_R)
        .attr("xmlns:wp", NS_WP)
        .with(body);
    let mut package = Package { zip: ZipWriter::new(Cursor::new(Vec::new())) };
    package.part("[Content_Types].xml", content_types())?;
    package.part("_rels/.rels", package_relationships())?;
    package.part("word/document.xml", root)?;
    package.part("word/_rels/document.xml.rels", relationships(pictures.len(), &links))?;
    package.part("word/styles.xml", styles::part())?;
    package.part("word/settings.xml", settings())?;
    package.part("word/fontTable.xml", styles::font_table())?;
    package.part("word/theme/theme1.xml", theme::part())?;
    for footer in &page::FOOTERS {
        package.part(&format!("word/{}", footer.name), page::footer(footer))?;
    }
    package.part("docProps/core.xml", core_properties(document, meta))?;
    package.part("docProps/app.xml", extended_properties())?;
    for (at, picture) in pictures.iter().enumerate() {
        package.picture(&format!("word/media/image{}.png", at + 1), picture)?;
    }
    Ok(package.zip.finish()?.into_inner())
}

struct Package {
    zip: ZipWriter<Cursor<Vec<u8>>>,
}

impl Package {
    fn part(&mut self, name: &str, root: Element) -> Result<(), DocxError> {
        self.zip.start_file(name, entry(CompressionMethod::Deflated))?;
        Ok(self.zip.write_all(&root.into_part()?)?)
    }

    /// A PNG is packed already.
    fn picture(&mut self, name: &str, bytes: &[u8]) -> Result<(), DocxError> {
        self.zip.start_file(name, entry(CompressionMethod::Stored))?;
        Ok(self.zip.write_all(bytes)?)
    }
}

fn entry(method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(method)
        .compression_level((method == CompressionMethod::Deflated).then_some(6))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644)
}

fn content_types() -> Element {
    let by_end = |end: &'static str, kind: &'static str| {
        el("Default").attr("Extension", end).attr("ContentType", kind)
    };
    let part = |name: String, kind: String| {
        el("Override").attr("PartName", name).attr("ContentType", kind)
    };
    el("Types")
        .attr("xmlns", NS_TYPES)
        .with(by_end("rels", RELATIONSHIPS))
        .with(by_end("xml", XML))
        .with(by_end("png", "image/png"))
        .with(part("/word/document.xml".into(), word_type("document.main")))
        .with(part("/word/styles.xml".into(), word_type("styles")))
        .with(part("/word/settings.xml".into(), word_type("settings")))
        .with(part("/word/fontTable.xml".into(), word_type("fontTable")))
        .with(part("/word/theme/theme1.xml".into(), office_type("theme")))
        .with_all(
            page::FOOTERS
                .iter()
                .map(|footer| part(format!("/word/{}", footer.name), word_type("footer"))),
        )
        .with(part("/docProps/core.xml".into(), CORE.into()))
        .with(part("/docProps/app.xml".into(), office_type("extended-properties")))
}

fn relationship(id: String, kind: String, target: String) -> Element {
    el("Relationship").attr("Id", id).attr("Type", kind).attr("Target", target)
}

fn package_relationships() -> Element {
    let relation =
        |id: &str, kind: String, target: &str| relationship(id.to_owned(), kind, target.to_owned());
    el("Relationships")
        .attr("xmlns", NS_RELATIONSHIPS)
        .with(relation("rId1", relation_type("officeDocument"), "word/document.xml"))
        .with(relation("rId2", CORE_RELATION.to_owned(), "docProps/core.xml"))
        .with(relation("rId3", relation_type("extended-properties"), "docProps/app.xml"))
}

fn relationships(n_pictures: usize, links: &[String]) -> Element {
    let fixed = [
        ("rIdStyles", "styles", "styles.xml"),
        ("rIdSettings", "settings", "settings.xml"),
        ("rIdFontTable", "fontTable", "fontTable.xml"),
        ("rIdTheme", "theme", "theme/theme1.xml"),
    ]
    .into_iter()
    .chain(page::FOOTERS.iter().map(|footer| (footer.id, "footer", footer.name)))
    .map(|(id, kind, target)| relationship(id.into(), relation_type(kind), target.into()));
    let pictures = (1..=n_pictures).map(|number| {
        relationship(
            format!("rIdImage{number}"),
            relation_type("image"),
            format!("media/image{number}.png"),
        )
    });
    let links = links.iter().enumerate().map(|(at, url)| {
        relationship(format!("rIdLink{}", at + 1), relation_type("hyperlink"), url.clone())
            .attr("TargetMode", "External")
    });
    el("Relationships")
        .attr("xmlns", NS_RELATIONSHIPS)
        .with_all(fixed)
        .with_all(pictures)
        .with_all(links)
}

/// What a Chinese Word sets for a new file, as far as it bears on the layout.
fn settings() -> Element {
    let compat_setting = |name: &'static str, value: &'static str| {
        el("w:compatSetting")
            .attr("w:name", name)
            .attr("w:uri", "http://schemas.microsoft.com/office/word")
            .attr("w:val", value)
    };
    let compat = el("w:compat")
        .with(el("w:spaceForUL"))
        .with(el("w:balanceSingleByteDoubleByteWidth"))
        .with(el("w:doNotLeaveBackslashAlone"))
        .with(el("w:ulTrailSpace"))
        .with(el("w:doNotExpandShiftReturn"))
        .with(el("w:useFELayout"))
        .with(compat_setting("compatibilityMode", "15"))
        .with(compat_setting("overrideTableStyleFontSizeAndJustification", "1"))
        .with(compat_setting("enableOpenTypeFeatures", "1"))
        .with(compat_setting("doNotFlipMirrorIndents", "1"))
        .with(compat_setting("differentiateMultirowTableHeaders", "1"));
    el("w:settings")
        .attr("xmlns:w", NS_W)
        .with(el("w:zoom").attr("w:percent", "100"))
        .with(el("w:defaultTabStop").num("w:val", 420))
        .with(el("w:evenAndOddHeaders"))
        .with(val("w:characterSpacingControl", "compressPunctuation"))
        .with(compat)
        .with(el("w:themeFontLang").attr("w:val", "en-US").attr("w:eastAsia", "zh-CN"))
        .with(val("w:decimalSymbol", "."))
        .with(val("w:listSeparator", ","))
}

fn core_properties(document: &Document, meta: DocxMeta<'_>) -> Element {
    let at = meta.created_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let text = |name: &'static str, text: &str| (!text.is_empty()).then(|| el(name).text(text));
    let moment = |name: &'static str| el(name).attr("xsi:type", "dcterms:W3CDTF").text(at.clone());
    el("cp:coreProperties")
        .attr("xmlns:cp", NS_CORE)
        .attr("xmlns:dc", "http://purl.org/dc/elements/1.1/")
        .attr("xmlns:dcterms", "http://purl.org/dc/terms/")
        .attr("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
        .with_all(text("dc:title", &document.title))
        .with_all(text("dc:subject", &document.subtitle))
        .with_all(text("dc:creator", meta.author))
        .with_all(text("cp:lastModifiedBy", meta.author))
        .with(el("cp:revision").text("1"))
        .with(moment("dcterms:created"))
        .with(moment("dcterms:modified"))
        .with(el("dc:language").text("zh-CN"))
}

fn extended_properties() -> Element {
    el("Properties")
        .attr("xmlns", NS_EXTENDED)
        .with(el("Application").text(concat!("duban ", env!("CARGO_PKG_VERSION"))))
}
