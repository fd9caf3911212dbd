//! A mail's bytes in the ledger: frozen, each part that many mails share kept once.
//!
//! ## Design notes
//! - A circular goes to seventy people with the same papers. The message is cut before and after lines that begin
//!   with `--` (the boundaries of MIME, which are each message's own): what stands between two is the same in all.
//! - Nothing is parsed: a cut at a line that is no boundary costs a row and changes no byte. What is put together
//!   again is proven against the hash of the whole.

use rusqlite::{Connection, OptionalExtension};

use super::error::Fault;
use super::value::{digest, store_blob};
use super::{DeliveryId, LedgerError};

/// Parts below this are kept with their neighbours.
const MIN_PART: usize = 4096;

/// Stores a message; the SHA-256 of the whole.
pub(super) fn store(conn: &Connection, bytes: &[u8]) -> rusqlite::Result<String> {
    let parts = parts(bytes);
    if parts.len() < 2 {
        return store_blob(conn, bytes);
    }
    let sha256 = digest(bytes);
    let mut insert = conn.prepare_cached(
        "INSERT OR IGNORE INTO mail_parts (bytes_sha256, position, part_sha256) VALUES (?1, ?2, ?3)",
    )?;
    for (position, part) in (0_i64..).zip(parts) {
        let part = store_blob(conn, part)?;
        insert.execute((&sha256, position, part))?;
    }
    Ok(sha256)
}

/// The message of a delivery.
///
/// # Errors
/// There is no such delivery, or its parts are not what was stored.
pub(super) fn read(conn: &Connection, id: DeliveryId) -> Result<Vec<u8>, Fault> {
    let missing = || LedgerError::NotFound { what: "mail", key: id.to_string() };
    let sha256: String = conn
        .query_row("SELECT bytes_sha256 FROM deliveries WHERE delivery_id = ?1", [id], |row| {
            row.get(0)
        })
        .optional()?
        .ok_or_else(missing)?;
    let mut statement = conn.prepare_cached(
        "SELECT bytes FROM mail_parts JOIN blobs ON sha256 = part_sha256
         WHERE bytes_sha256 = ?1 ORDER BY position",
    )?;
    let parts: Vec<Vec<u8>> =
        statement.query_map([&sha256], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if parts.is_empty() {
        let whole = "SELECT bytes FROM blobs WHERE sha256 = ?1";
        let bytes = conn.query_row(whole, [&sha256], |row| row.get(0)).optional()?;
        return Ok(bytes.ok_or_else(missing)?);
    }
    let bytes = parts.concat();
    if digest(&bytes) == sha256 { Ok(bytes) } else { Err(missing().into()) }
}

/// Cut around lines that begin with `--`: what is long stands alone, what is short with its neighbours.
fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    // Where the short pieces that wait for a long one begin, and where the piece in hand does.
    let (mut waiting, mut begin) = (0, 0);
    let cuts = memchr::memmem::find_iter(bytes, b"\n--").flat_map(|at| {
        let line_end = memchr::memchr(b'\n', &bytes[at + 1..]).map(|end| at + 1 + end + 1);
        [Some(at + 1), line_end]
    });
    for cut in cuts.flatten().chain([bytes.len()]) {
        if cut - begin >= MIN_PART {
            parts.extend((waiting < begin).then(|| &bytes[waiting..begin]));
            parts.push(&bytes[begin..cut]);
            waiting = cut;
        }
        begin = cut;
    }
    parts.extend((waiting < bytes.len()).then(|| &bytes[waiting..]));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_at_its_boundaries_and_loses_no_byte() {
        let paper = "QUJD".repeat(3000);
        let message = |to: &str| {
            format!(
                "To: {to}\r\n\r\n--{to}\r\nshort\r\n--{to}\r\nX: 1\r\n\r\n{paper}\r\n--{to}\r\nX: 2\r\n\r\n{paper}\r\n--{to}--\r\n"
            )
        };
        let (one, other) = (message("a@example.cn"), message("bcd@example.cn"));
        let (cut_one, cut_other) = (parts(one.as_bytes()), parts(other.as_bytes()));
        assert_eq!(cut_one.concat(), one.as_bytes());
        assert_eq!(cut_one.len(), 5, "head, paper, boundary, paper, end");
        assert_eq!((cut_one[1], cut_one[3]), (cut_other[1], cut_other[3]), "the papers are shared");
        assert_ne!((cut_one[0], cut_one[2]), (cut_other[0], cut_other[2]));
        assert_eq!(parts(b"short\n--b\nshort"), [b"short\n--b\nshort"]);
    }
}
