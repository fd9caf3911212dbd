//! A frozen mail, marked as one that is sent again.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

/// Before the subject of a mail that is sent again: 【重发】, as RFC 2047 writes it.
const MARK: &str = "=?utf-8?B?44CQ6YeN5Y+R44CR?=";

/// The same mail with a Message-ID and date of its own, 【重发】 before its subject, and a header that
/// names the mail that it repeats. The body is not touched.
pub fn marked_again(bytes: &[u8], message_id: &str, of: &str, at: Timestamp) -> Vec<u8> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |i| i + 2);
    let (head, rest) = bytes.split_at(end);
    let head = String::from_utf8_lossy(head);
    // Years before 0 and after 9999 alone have no such form.
    let date = rfc2822::to_string(&at.to_zoned_datetime(TimeZone::UTC)).unwrap_or_default();
    let mut marked = Vec::with_capacity(bytes.len() + 256);
    let mut is_dropped = false;
    for line in head.split_inclusive("\r\n") {
        // A folded line belongs to the header above.
        if line.starts_with([' ', '\t']) {
            if !is_dropped {
                marked.extend_from_slice(line.as_bytes());
            }
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        is_dropped = ["message-id", "date"].contains(&name.to_ascii_lowercase().as_str());
        if is_dropped {
            continue;
        }
        if name.eq_ignore_ascii_case("subject") {
            // Encoded words with only a fold between them are read as one text (RFC 2047, 6.2).
            marked
                .extend_from_slice(format!("{name}: {MARK}\r\n {}", value.trim_start()).as_bytes());
        } else {
            marked.extend_from_slice(line.as_bytes());
        }
    }
    let own =
        format!("Message-ID: <{message_id}>\r\nDate: {date}\r\nX-Duban-Resend-Of: <{of}>\r\n");
    marked.extend_from_slice(own.as_bytes());
    marked.extend_from_slice(rest);
    marked
}
