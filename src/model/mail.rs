/// What a mail says, before it has an addressee, a Message-ID and bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailContent {
    pub subject: String,
    pub html: String,
    pub text: String,
    pub inline: Vec<InlineImage>,
    pub attachments: Vec<Attachment>,
}

/// A picture that the HTML body shows by `cid:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineImage {
    /// Without angle brackets.
    pub content_id: String,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// A file beside the mail's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub file_name: String,
    pub media_type: String,
    pub bytes: Vec<u8>,
}
