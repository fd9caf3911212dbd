use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use lettre::address::AddressError;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

use crate::model::{InlineImage, MailContent};

/// From whom, to whom, and what identifies the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `名称 <address>` or an address.
    pub from: String,
    pub to: String,
    pub reply_to: Option<String>,
    /// Without angle brackets; see [`message_id`].
    pub message_id: String,
    pub date: Timestamp,
    /// For the header `X-Duban-Edition`: `joint_meeting/2024-09/3`; none for a mail of another kind.
    pub edition: Option<String>,
}

/// Why a mail could not be composed. Operator text.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    #[error("{field} {text:?} is no mail address")]
    Address { field: &'static str, text: String, source: AddressError },
    #[error("{field} {text:?} holds a line break or another control character")]
    Control { field: &'static str, text: String },
    #[error("{text:?} is no media type")]
    MediaType { text: String },
    #[error("cannot put the mail together")]
    Build(#[source] lettre::error::Error),
}

/// The Message-ID (without angle brackets) of an edition's (or another thing's) mail to a recipient:
/// the same pair has the same one for ever, so that a mail sent twice is shown once.
///
/// `subject` says what is sent, such as `edition:12`; `from` gives the domain.
pub fn message_id(subject: &str, recipient: &str, from: &str) -> String {
    let digest = Sha256::digest(format!("{subject}\0{recipient}"));
    let prefix =
        digest.iter().take(16).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let domain = from.rsplit_once('@').map_or("localhost", |(_, rest)| rest.trim_end_matches('>'));
    let domain = if domain.is_ascii() { domain } else { "localhost" };
    format!("{prefix}@{domain}")
}

/// The bare address within `名称 <address>`.
///
/// # Errors
/// [`ComposeError::Address`], naming the `field`.
pub fn address_of(field: &'static str, text: &str) -> Result<String, ComposeError> {
    Ok(mailbox(field, text)?.email.to_string())
}

/// A whole message (RFC 5322), as it is frozen in the outbox.
///
/// Text and HTML side by side, pictures shown by `cid:` beside the HTML, attachments after. The
/// same arguments make the same bytes. Every line is ASCII and short enough for any server.
///
/// # Errors
/// A wrong address, a header that would break, an unknown media type.
pub fn compose(content: &MailContent, envelope: &Envelope) -> Result<Vec<u8>, ComposeError> {
    for (field, text) in [
        ("the subject", &content.subject),
        ("the Message-ID", &envelope.message_id),
        ("the edition", envelope.edition.as_ref().unwrap_or(&String::new())),
    ] {
        no_control(field, text)?;
    }
    let mut builder = lettre::Message::builder()
        .from(mailbox("the sender", &envelope.from)?)
        .to(mailbox("the recipient", &envelope.to)?)
        .date(
            UNIX_EPOCH + Duration::from_secs(u64::try_from(envelope.date.as_second()).unwrap_or(0)),
        )
        .message_id(Some(format!("<{}>", envelope.message_id)))
        .subject(&content.subject);
    if let Some(reply_to) = &envelope.reply_to {
        builder = builder.reply_to(mailbox("the address for answers", reply_to)?);
    }
    // Robots are not answered by robots (RFC 3834; the second is how Exchange wants to hear it).
    builder = builder.raw_header(header("Auto-Submitted", "auto-generated"));
    builder = builder.raw_header(header("X-Auto-Response-Suppress", "OOF, AutoReply"));
    if let Some(edition) = &envelope.edition {
        builder = builder.raw_header(header("X-Duban-Edition", edition));
    }
    let message = builder.multipart(body(content, envelope)?).map_err(ComposeError::Build)?;
    Ok(message.formatted())
}

fn body(content: &MailContent, envelope: &Envelope) -> Result<MultiPart, ComposeError> {
    // `=_` can stand neither in base64 nor in quoted-printable text (RFC 2045, 6.7).
    let hash = &envelope.message_id;
    let seed: String = hash.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    let boundary = |part: &str| format!("=_duban_{part}_{seed}");

    let text = SinglePart::plain(content.text.clone());
    let html = SinglePart::html(content.html.clone());
    let both = MultiPart::alternative().boundary(boundary("alternative")).singlepart(text);
    let both = if content.inline.is_empty() {
        both.singlepart(html)
    } else {
        let mut related = MultiPart::related().boundary(boundary("related")).singlepart(html);
        for image in &content.inline {
            related = related.singlepart(inline(image)?);
        }
        both.multipart(related)
    };
    if content.attachments.is_empty() {
        return Ok(both);
    }
    let mut mixed = MultiPart::mixed().boundary(boundary("mixed")).multipart(both);
    for attachment in &content.attachments {
        no_control("the attachment", &attachment.file_name)?;
        let part = Attachment::new(attachment.file_name.clone())
            .body(base64(&attachment.bytes), named_type(attachment)?);
        mixed = mixed.singlepart(part);
    }
    Ok(mixed)
}

fn inline(image: &InlineImage) -> Result<SinglePart, ComposeError> {
    no_control("the picture", &image.content_id)?;
    Ok(Attachment::new_inline(image.content_id.clone())
        .body(base64(&image.bytes), media_type(&image.media_type)?))
}

/// Base64 whatever the bytes are: an ASCII file would else have its line ends changed on the way.
fn base64(bytes: &[u8]) -> Body {
    match Body::new_with_encoding(bytes.to_vec(), ContentTransferEncoding::Base64) {
        Ok(body) => body,
        // The other side of the result is for texts that an encoding cannot hold; base64 holds all.
        Err(bytes) => Body::new(bytes),
    }
}

/// The media type with the file's name as encoded words (RFC 2047) beside the name that RFC 2231 wants in
/// Content-Disposition: older webmail and Foxmail read only this one.
fn named_type(attachment: &crate::model::Attachment) -> Result<ContentType, ComposeError> {
    // Proven alone, so that the error names what was given.
    media_type(&attachment.media_type)?;
    let name = &attachment.file_name;
    if name.is_ascii() {
        return media_type(&attachment.media_type);
    }
    media_type(&format!("{}; name=\"{}\"", attachment.media_type, encoded_words(name)))
}

/// A text as encoded words of at most 75 characters each (RFC 2047, 2), a blank between them.
fn encoded_words(text: &str) -> String {
    // 45 bytes are 60 characters of base64.
    let mut words: Vec<String> = vec![String::new()];
    for c in text.chars() {
        if words.last().is_some_and(|word| word.len() + c.len_utf8() > 45) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let encoded = words.iter().map(|word| format!("=?utf-8?b?{}?=", STANDARD.encode(word)));
    encoded.collect::<Vec<_>>().join(" ")
}

fn media_type(text: &str) -> Result<ContentType, ComposeError> {
    ContentType::parse(text).map_err(|_| ComposeError::MediaType { text: text.to_owned() })
}

pub(super) fn mailbox(field: &'static str, text: &str) -> Result<Mailbox, ComposeError> {
    no_control(field, text)?;
    text.parse().map_err(|source| ComposeError::Address { field, text: text.to_owned(), source })
}

/// A control character in a header would end it: what follows would be taken for another header.
fn no_control(field: &'static str, text: &str) -> Result<(), ComposeError> {
    if text.chars().any(char::is_control) {
        return Err(ComposeError::Control { field, text: text.to_owned() });
    }
    Ok(())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
