//! The name of a file that came over HTTP.

use encoding_rs::GBK;
use percent_encoding::percent_decode_str;
use reqwest::Url;

/// What `Content-Disposition` says (`filename*` before `filename`), else the last part of the address.
///
/// Only a bare name is taken: no folders, no control characters, at most 120 characters.
pub(super) fn file_name(disposition: Option<&[u8]>, url: &Url) -> String {
    disposition
        .and_then(of_disposition)
        .or_else(|| {
            let last = url.path_segments()?.next_back()?;
            Some(percent_decode_str(last).decode_utf8_lossy().into_owned())
        })
        .and_then(|name| bare(&name))
        .unwrap_or_else(|| "download".to_owned())
}

fn bare(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).collect();
    let clean = clean.trim();
    if clean.chars().all(|c| c == '.') {
        return None;
    }
    // The end tells the kind of file: it is the beginning that a long name loses.
    let n = clean.chars().count();
    Some(clean.chars().skip(n.saturating_sub(120)).collect())
}

fn of_disposition(header: &[u8]) -> Option<String> {
    let parameters = parameters(header);
    let value = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice()).filter(|value| !value.is_empty())
    };
    value("filename*").and_then(extended).or_else(|| value("filename").map(plain))
}

/// `UTF-8'zh'%E5%A4%A7.xlsx` (RFC 8187, formerly 5987); GBK as some servers write it.
fn extended(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let (charset, rest) = text.split_once('\'')?;
    let (_, escaped) = rest.split_once('\'')?;
    let bytes: Vec<u8> = percent_decode_str(escaped).collect();
    let encoding = encoding_rs::Encoding::for_label(charset.as_bytes())?;
    let (text, wrong) = encoding.decode_without_bom_handling(&bytes);
    (!wrong).then(|| text.into_owned())
}

/// Servers write names raw in UTF-8 or GBK, or percent-escaped, which the plain form does not allow.
fn plain(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
        }
        Err(_) => GBK.decode_without_bom_handling(value).0.into_owned(),
    }
}

/// The parameters behind the disposition's type; quoted values without their quotes.
fn parameters(header: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = header;
    let skip_to = |bytes: &[u8], stop: &[u8]| {
        bytes.iter().position(|b| stop.contains(b)).unwrap_or(bytes.len())
    };
    rest = &rest[skip_to(rest, b";")..];
    while let Some((_, after)) = rest.split_first() {
        let end = skip_to(after, b"=;");
        let key = String::from_utf8_lossy(&after[..end]).trim().to_owned();
        rest = &after[end..];
        if rest.first() != Some(&b'=') {
            continue;
        }
        let value = rest[1..].trim_ascii_start();
        if let Some(quoted) = value.strip_prefix(b"\"") {
            let mut text = Vec::new();
            let mut i = 0;
            while i < quoted.len() && quoted[i] != b'"' {
                if quoted[i] == b'\\' && i + 1 < quoted.len() {
                    i += 1;
                }
                text.push(quoted[i]);
                i += 1;
            }
            rest = &quoted[i.min(quoted.len())..];
            rest = &rest[skip_to(rest, b";")..];
            found.push((key, text));
        } else {
            let end = skip_to(value, b";");
            found.push((key, value[..end].trim_ascii().to_vec()));
            rest = &value[end..];
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::file_name;

    fn named(disposition: &[u8]) -> String {
        let url = "https://x.example/a/%E8%A1%A8.xlsx?token=1".parse().expect("a URL");
        file_name(Some(disposition), &url)
    }

    #[test]
    fn a_name_is_read_as_the_standard_has_it_and_as_servers_write_it() {
        // RFC 6266, section 5, and its kin.
        assert_eq!(named(b"attachment; filename=\"EURO rates.xlsx\""), "EURO rates.xlsx");
        assert_eq!(
            named(b"attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac%20rates.csv"),
            "\u{20ac} rates.csv"
        );
        assert_eq!(named(b"Attachment; FILENAME=a.csv ; size=1"), "a.csv");
        assert_eq!(named(b"attachment; filename=\"a\\\"b;c.csv\"; x=1"), "a\"b;c.csv");
        assert_eq!(named("attachment; filename=\"大良镇.xlsx\"".as_bytes()), "大良镇.xlsx");
        // 大良镇 in GBK.
        assert_eq!(named(b"attachment; filename=\"\xb4\xf3\xc1\xbc\xd5\xf2.xlsx\""), "大良镇.xlsx");
        assert_eq!(named(b"attachment; filename=%E5%A4%A7.xlsx"), "大.xlsx");
        assert_eq!(named(b"attachment; filename*=GBK''%B4%F3.xlsx"), "大.xlsx");
    }

    #[test]
    fn a_name_never_leads_out_of_its_folder() {
        assert_eq!(named(b"attachment; filename=\"../../etc/passwd\""), "passwd");
        assert_eq!(named(b"attachment; filename=\"C:\\\\x\\\\y.csv\""), "y.csv");
        assert_eq!(named(b"attachment; filename=\"..\""), "download");
        assert_eq!(named(b"attachment; filename=\"a\x09\x0ab.csv\""), "ab.csv");
        let long = format!("attachment; filename=\"{}.csv\"", "长".repeat(300));
        assert_eq!(named(long.as_bytes()).chars().count(), 120);
        assert!(named(long.as_bytes()).ends_with("长.csv"));
    }

    #[test]
    fn without_a_name_the_address_gives_one() {
        assert_eq!(named(b"inline"), "表.xlsx");
        assert_eq!(named(b"attachment; filename*=nonsense"), "表.xlsx");
        let url = "https://x.example/".parse().expect("a URL");
        assert_eq!(file_name(None, &url), "download");
    }
}
