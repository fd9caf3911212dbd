//! Packages of every make, and those that would take the program down with them.

use std::io::Write;

use duban::normalize::{Cell, Format, ReadProblem, read_workbook};

fn package(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const ODS_TYPE: &[u8] = b"application/vnd.oasis.opendocument.spreadsheet";

const MANIFEST: &str = r#"<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">HERE</manifest:file-entry></manifest:manifest>"#;

fn ods(rows: &str, in_manifest: &str) -> Vec<u8> {
    let content = format!(
        r#"<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet><table:table table:name="表一">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"#
    );
    package(&[
        ("mimetype", ODS_TYPE),
        ("META-INF/manifest.xml", MANIFEST.replace("HERE", in_manifest).as_bytes()),
        ("content.xml", content.as_bytes()),
    ])
}

#[test]
fn an_ods_keeps_the_places_of_its_cells() {
    let bytes = ods(
        r#"<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row><table:table-row><table:table-cell/><table:table-cell office:value-type="string"><text:p>甲</text:p></table:table-cell><table:table-cell office:value-type="float" office:value="12"><text:p>12</text:p></table:table-cell><table:table-cell office:value-type="date" office:date-value="2024-09-01"><text:p>24/9/1</text:p></table:table-cell></table:table-row>"#,
        "",
    );
    let book = read_workbook(&bytes, "a.ods").unwrap();
    assert_eq!(book.format, Format::Ods);
    let sheet = &book.sheets[0];
    assert_eq!(sheet.name(), Some("表一"));
    assert_eq!(sheet.cell(2, 1), Some(&Cell::Text("甲".to_owned())));
    assert_eq!(sheet.cell(2, 2), Some(&Cell::Number(12.0)));
    assert_eq!(sheet.cell(2, 3).unwrap().display(), "2024-09-01");
    assert_eq!(sheet.entries().len(), 3);
}

#[test]
fn an_encrypted_ods_is_said_to_be_encrypted() {
    let bytes = ods("", "<manifest:encryption-data/>");
    assert_eq!(read_workbook(&bytes, "a.ods").unwrap_err(), ReadProblem::Encrypted);
}

#[test]
fn an_encrypted_package_in_an_ole_container_is_said_to_be_encrypted() {
    let mut bytes = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    bytes.resize(1536, 0);
    bytes.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(read_workbook(&bytes, "a.xlsx").unwrap_err(), ReadProblem::Encrypted);
}

#[test]
fn two_cells_in_far_corners_cost_two_cells() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_number(0, 0, 1).unwrap();
    sheet.write_number(1_048_575, 16_383, 2).unwrap();
    let book = read_workbook(&book.save_to_buffer().unwrap(), "a.xlsx").unwrap();
    assert_eq!(book.sheets[0].entries().len(), 2);
    assert_eq!(book.sheets[0].cell(1_048_575, 16_383), Some(&Cell::Number(2.0)));
}

#[test]
fn a_package_that_unfolds_without_end_is_refused_before_it_is_parsed() {
    // One part of 32 MB of blanks, copied to forty names: 1.3 GB in about one megabyte.
    let one = package(&[("xl/0.xml", vec![b' '; 32 << 20].as_slice())]);
    let mut source = zip::ZipArchive::new(std::io::Cursor::new(one)).unwrap();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for i in 0..40 {
        let part = source.by_index_raw(0).unwrap();
        zip.raw_copy_file_rename(part, format!("xl/{i}.xml")).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 4 << 20, "{}", bytes.len());
    let problem = read_workbook(&bytes, "a.xlsx").unwrap_err();
    assert!(matches!(problem, ReadProblem::TooLarge { .. }), "{problem}");
}

#[test]
fn other_packages_are_told_from_workbooks() {
    for (part, what) in [
        ("word/document.xml", "文字文档"),
        ("ppt/presentation.xml", "演示文稿"),
        ("a.txt", "压缩包"),
    ] {
        let bytes = package(&[(part, b"<x/>")]);
        assert_eq!(
            read_workbook(&bytes, "a.xlsx").unwrap_err(),
            ReadProblem::NotSpreadsheet { what },
        );
    }
}

#[test]
fn merged_regions_are_those_that_were_merged() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let plain = rust_xlsxwriter::Format::new();
    for (name, to) in [("一", 3), ("二", 5)] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        sheet.merge_range(1, 2, 1, to, "合并", &plain).unwrap();
        sheet.write_url(4, 0, "https://example.org/").unwrap();
    }
    let book = read_workbook(&book.save_to_buffer().unwrap(), "a.xlsx").unwrap();
    let of = |i: usize| {
        let merges = &book.sheets[i].merges;
        assert_eq!(merges.len(), 1);
        (merges[0].first_row, merges[0].first_col, merges[0].last_row, merges[0].last_col)
    };
    assert_eq!((of(0), of(1)), ((1, 2, 1, 3), (1, 2, 1, 5)));
}
