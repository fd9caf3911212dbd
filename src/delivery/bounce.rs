//! What other servers report of our mails (RFC 3464): returned, or late.

use std::io;
use std::path::{Path, PathBuf};

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

/// One recipient's part of a report of delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// Of our mail, without angle brackets.
    pub message_id: String,
    /// As the report names it; empty if it does not.
    pub recipient: String,
    pub action: BounceAction,
    /// RFC 3463, such as `5.1.1`; empty if none is given.
    pub status: String,
    /// What the other server said.
    pub diagnostic: String,
}

/// What became of the mail (RFC 3464, 2.3.3). Reports of success are none of our matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BounceAction {
    /// It was given up.
    Failed,
    /// It is still being tried.
    Delayed,
}

/// Reads a report of delivery; nothing if the mail is none, or does not say which mail it is about.
pub fn read_bounce(bytes: &[u8]) -> Vec<Bounce> {
    let Some(message) = MessageParser::default().parse(bytes) else { return Vec::new() };
    let is_report = message.content_type().is_some_and(|kind| {
        kind.ctype() == "multipart"
            && kind.subtype() == Some("report")
            && kind
                .attribute("report-type")
                .is_some_and(|of| of.eq_ignore_ascii_case("delivery-status"))
    });
    if !is_report {
        return Vec::new();
    }
    let Some(message_id) = original_id(&message) else { return Vec::new() };
    let status = message.parts.iter().find(|part| {
        part.content_type().is_some_and(|kind| kind.subtype() == Some("delivery-status"))
    });
    let Some(status) = status else { return Vec::new() };
    let text = String::from_utf8_lossy(status.contents()).replace("\r\n", "\n");
    // The first group is about the report as a whole; each further one about a recipient (2.1).
    let groups = text.split("\n\n").map(fields).filter(|group| !group.is_empty());
    groups
        .filter_map(|group| {
            let field = |name: &str| {
                let found = group.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.clone())
            };
            let action = match field("Action")?.to_ascii_lowercase().as_str() {
                "failed" => BounceAction::Failed,
                "delayed" => BounceAction::Delayed,
                _ => return None,
            };
            let recipient = field("Original-Recipient").or_else(|| field("Final-Recipient"));
            Some(Bounce {
                message_id: message_id.clone(),
                recipient: after_type(&recipient.unwrap_or_default()),
                action,
                status: field("Status").unwrap_or_default(),
                diagnostic: after_type(&field("Diagnostic-Code").unwrap_or_default()),
            })
        })
        .collect()
}

/// `rfc822; a@b.cn` → `a@b.cn`.
fn after_type(value: &str) -> String {
    value.split_once(';').map_or(value, |(_, rest)| rest).trim().to_owned()
}

/// Fields of a group; a line that begins with a blank goes on with the one before.
fn fields(group: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in group.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            fields.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    fields
}

/// The Message-ID of the mail that came back: whole, or its headers alone.
fn original_id(report: &Message<'_>) -> Option<String> {
    report.parts.iter().find_map(|part| match &part.body {
        PartType::Message(original) => original.message_id().map(str::to_owned),
        PartType::Text(_) | PartType::Binary(_) | PartType::InlineBinary(_) => {
            let is_headers =
                part.content_type().is_some_and(|kind| kind.subtype() == Some("rfc822-headers"));
            let original = is_headers.then(|| MessageParser::default().parse(part.contents()));
            original.flatten()?.message_id().map(str::to_owned)
        }
        PartType::Html(_) | PartType::Multipart(_) => None,
    })
}

/// The mails that nobody has looked at in a Maildir: path and bytes, sorted by name. A folder without `new` has
/// none.
///
/// # Errors
/// The folder cannot be read.
pub fn unseen(maildir: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let new = maildir.join("new");
    if !new.is_dir() {
        let message = format!("{} is no Maildir: it has no folder `new`", maildir.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    let mut paths: Vec<PathBuf> =
        fs_err::read_dir(new)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.is_file())
        .map(|path| Ok((path.clone(), fs_err::read(path)?)))
        .collect()
}

/// Marks a mail of a Maildir as seen: it goes from `new` to `cur`.
///
/// # Errors
/// It cannot be moved.
pub fn mark_seen(maildir: &Path, mail: &Path) -> io::Result<()> {
    let name = mail.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let cur = maildir.join("cur");
    fs_err::create_dir_all(&cur)?;
    fs_err::rename(mail, cur.join(format!("{name}:2,S")))
}
