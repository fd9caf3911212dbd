//! The files of a paper in its formats, and the mail that carries them.

use std::sync::Arc;

use super::letter::Look;
use super::{Pipeline, PipelineError};
use crate::config::report::{ReportDefinition, ReportFormat};
use crate::model::{InlineImage, MailContent};
use crate::report::chart::Pictures;
use crate::report::{Rendered, ReportContext, docx, html, mail, xlsx};

/// One output of a paper: its format, the file's name, its bytes. Pictures have the format
/// `image:<content id>`.
pub(super) type Output = (String, String, Vec<u8>);

impl Pipeline {
    /// All files of an edition: (format, file name, bytes). Pictures have the format `image:<content id>`.
    pub(super) fn render_files(
        look: &Look<'_>,
        definition: &ReportDefinition,
        rendered: &Rendered,
        context: &ReportContext,
        sources: &xlsx::Sources,
    ) -> Result<Vec<Output>, PipelineError> {
        let document = &rendered.document.for_print();
        let name = &rendered.file_name;
        let attached = attached(&definition.attach);
        // Where there is no face for them, drawing says so.
        let style = look.chart_style().unwrap_or_default();
        let pictures = Pictures::new(Arc::clone(look.chart_fonts), style);
        let mail = || {
            mail::compose(
                document,
                mail::Frame { subject: &rendered.subject, attached },
                look.mail_css,
                &pictures,
                Vec::new(),
            )
            .map_err(|error| PipelineError::step("composing the mail", error))
        };
        let workbook = || {
            xlsx::render(&rendered.document, sources)
                .map_err(|error| PipelineError::step("writing the workbook", error))
        };
        let paper = || Self::set_paper_in(look, document, context.as_of);
        let draft = || Self::write_draft(document, &pictures, context.as_of);
        let wanted = |format: ReportFormat| definition.formats.contains(&format);
        // The paper takes about as long as all the others.
        let (paper, (draft, (content, workbook))) = rayon::join(
            || wanted(ReportFormat::Pdf).then(paper).transpose(),
            || {
                rayon::join(
                    || wanted(ReportFormat::Docx).then(draft).transpose(),
                    || (mail(), wanted(ReportFormat::Xlsx).then(workbook).transpose()),
                )
            },
        );
        let content = content?;
        let mut files = Vec::new();
        let mut browsable = content.html;
        for image in content.inline {
            let file_name =
                format!("{}.png", image.content_id.split('@').next().unwrap_or("image"));
            browsable = browsable.replace(&format!("cid:{}", image.content_id), &file_name);
            files.push((format!("image:{}", image.content_id), file_name, image.bytes));
        }
        files.push(("html".into(), format!("{name}.html"), browsable.into_bytes()));
        files.push(("text".into(), format!("{name}.txt"), content.text.into_bytes()));
        if let Some(paper) = paper? {
            files.push(("pdf".into(), format!("{name}.pdf"), paper));
        }
        if let Some(bytes) = draft? {
            files.push(("docx".into(), format!("{name}.docx"), bytes));
        }
        if let Some(bytes) = workbook? {
            files.push(("xlsx".into(), format!("{name}.xlsx"), bytes));
        }
        Ok(files)
    }
}

/// What the mail may leave to its attachments.
fn attached(attach: &[ReportFormat]) -> html::Attached {
    let has = |format: ReportFormat| attach.contains(&format);
    if has(ReportFormat::Pdf) || has(ReportFormat::Docx) {
        html::Attached::Whole
    } else if has(ReportFormat::Xlsx) {
        html::Attached::Tables
    } else {
        html::Attached::Nothing
    }
}

/// A mail of a paper's files; of the other formats those that are to be attached (none said: all).
pub(super) fn mail_content(
    subject: String,
    outputs: Vec<Output>,
    attach: Option<&[String]>,
) -> MailContent {
    let mut content = MailContent {
        subject,
        html: String::new(),
        text: String::new(),
        inline: Vec::new(),
        attachments: Vec::new(),
    };
    let mut pictures = Vec::new();
    for (format, file_name, bytes) in outputs {
        match format.as_str() {
            "html" => content.html = String::from_utf8_lossy(&bytes).into_owned(),
            "text" => content.text = String::from_utf8_lossy(&bytes).into_owned(),
            other => {
                if let Some(content_id) = other.strip_prefix("image:") {
                    pictures.push((file_name, content_id.to_owned()));
                    content.inline.push(InlineImage {
                        content_id: content_id.to_owned(),
                        media_type: "image/png".into(),
                        bytes,
                    });
                } else if attach.is_none_or(|attach| attach.iter().any(|known| known == other)) {
                    content.attachments.push(crate::model::Attachment {
                        media_type: media_type(other).into(),
                        file_name,
                        bytes,
                    });
                }
            }
        }
    }
    for (file_name, content_id) in pictures {
        content.html =
            content.html.replace(&format!("\"{file_name}\""), &format!("\"cid:{content_id}\""));
    }
    content
}

pub(super) fn media_type(format: &str) -> &'static str {
    match format {
        "pdf" => "application/pdf",
        "docx" => docx::MEDIA_TYPE,
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workbook has the tables alone: a mail leaves its words to a paper only.
    #[test]
    fn a_mail_leaves_to_its_attachments_what_they_have() {
        use ReportFormat::{Docx, Pdf, Xlsx};
        assert_eq!(attached(&[]), html::Attached::Nothing);
        assert_eq!(attached(&[Xlsx]), html::Attached::Tables);
        assert_eq!(attached(&[Xlsx, Pdf]), html::Attached::Whole);
        assert_eq!(attached(&[Docx]), html::Attached::Whole);
    }
}
