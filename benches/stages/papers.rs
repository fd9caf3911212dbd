//! The report of the last month: its queries, its document, its files; its mails.

use std::collections::BTreeMap;
use std::sync::Arc;

use duban::config::report::ReportDefinition;
use duban::delivery::{Envelope, compose, deliver_to_folder, message_id};
use duban::engine::Param;
use duban::ledger::EditionFilter;
use duban::model::{Attachment, MailContent};
use duban::report::chart::Pictures;
use duban::report::document::Chart;
use duban::report::fonts::Fonts;
use duban::report::{QueryRows, Rendered, ReportContext, chart, docx, mail, pdf, render, xlsx};
use serde::Deserialize;

use crate::Outcome;
use crate::fixture::{Campaign, Replayed, folder};
use crate::measure::{Line, Plan, median_of};

/// What an edition stores of its making.
#[derive(Deserialize)]
struct Stored {
    context: ReportContext,
    results: BTreeMap<String, QueryRows>,
}

/// A report's last edition, ready to be made again.
pub struct Paper<'a> {
    replayed: &'a Replayed,
    definition: &'a ReportDefinition,
    stored: Stored,
    fonts: Arc<Fonts>,
    chart_fonts: Arc<resvg::usvg::fontdb::Database>,
}

impl<'a> Paper<'a> {
    /// The joint meeting's of the last month.
    pub fn of(replayed: &'a Replayed) -> Outcome<Paper<'a>> {
        Paper::all_of(replayed, "joint_meeting")?
            .pop()
            .ok_or_else(|| "the last month has no report".into())
    }

    /// All editions of a report for the newest month that it was made for: one a unit if it is burst.
    pub fn all_of(replayed: &'a Replayed, report: &str) -> Outcome<Vec<Paper<'a>>> {
        let pipeline = &replayed.pipeline;
        let filter = EditionFilter { report: Some(report.to_owned()), ..Default::default() };
        let mut editions = pipeline.ledger().editions(&filter)?;
        let newest = editions.iter().map(|edition| edition.period).max();
        editions.retain(|edition| Some(edition.period) == newest);
        let config = pipeline.config();
        let definition = config
            .reports
            .iter()
            .find(|definition| definition.name == report)
            .ok_or_else(|| format!("there is no report {report}"))?;
        let fonts = Arc::new(Fonts::discover(&config.home.fonts(), &config.settings.fonts));
        let chart_fonts = Arc::new(fonts.for_charts());
        let mut papers = Vec::new();
        for edition in editions {
            let context = pipeline.ledger().edition_context(edition.edition_id)?;
            let mut stored: Stored = serde_json::from_str(&context)?;
            if let Some(shared) = pipeline.ledger().edition_parts(edition.edition_id)?.get("shared")
            {
                let shared: BTreeMap<String, QueryRows> = serde_json::from_slice(shared)?;
                stored.results.extend(shared);
            }
            papers.push(Paper {
                replayed,
                definition,
                stored,
                fonts: Arc::clone(&fonts),
                chart_fonts: Arc::clone(&chart_fonts),
            });
        }
        Ok(papers)
    }

    /// None is drawn yet: of each edition anew.
    pub fn pictures(&self) -> Outcome<Pictures> {
        let style = chart::Style {
            font_family: self.fonts.css_families("hei")?,
            ..chart::Style::default()
        };
        Ok(Pictures::new(Arc::clone(&self.chart_fonts), style))
    }

    pub fn chart_png(&self, chart: &Chart) -> Outcome<Vec<u8>> {
        Ok(self.pictures()?.of(chart)?.to_vec())
    }

    pub fn docx(&self, rendered: &Rendered, pictures: &Pictures) -> Outcome<Vec<u8>> {
        let document = &rendered.document.for_print();
        let draw = |chart: &Chart| Ok(pictures.of(chart)?.to_vec());
        let meta =
            docx::DocxMeta { author: &document.signature, created_at: self.stored.context.as_of };
        Ok(docx::render(document, &draw, meta)?)
    }

    pub fn rendered(&self) -> Outcome<Rendered> {
        render(self.definition, &self.stored.results, &self.stored.context).map_err(crate::told)
    }

    pub fn mail(
        &self,
        rendered: &Rendered,
        pictures: &Pictures,
        attachments: Vec<Attachment>,
    ) -> Outcome<MailContent> {
        let css = &self.replayed.pipeline.config().mail_css;
        let subject = &rendered.subject;
        Ok(mail::compose(&rendered.document.for_print(), subject, css, pictures, attachments)?)
    }

    pub fn pdf(&self, rendered: &Rendered) -> Outcome<Vec<u8>> {
        let style = chart::Style {
            font_family: self.fonts.css_families("hei")?,
            ..chart::Style::default()
        };
        let draw = |chart: &Chart| chart::svg(chart, &style).map_err(Into::into);
        let zone = self.replayed.pipeline.clock().zone().clone();
        let created_at = self.stored.context.as_of.to_zoned_datetime(zone);
        let document = &rendered.document.for_print();
        let meta = pdf::PdfMeta { author: &document.signature, created_at: &created_at };
        let page_style = &self.replayed.pipeline.config().page_style;
        Ok(pdf::render(document, &draw, &self.fonts, page_style, meta)?.bytes)
    }

    pub fn xlsx(&self, rendered: &Rendered) -> Outcome<Vec<u8>> {
        let queries = self.definition.queries.iter();
        let sources = xlsx::Sources {
            as_of: self.stored.context.as_of_local,
            queries: queries.map(|(name, query)| (name.clone(), query.sql.clone())).collect(),
            snapshots: Vec::new(),
        };
        Ok(xlsx::render(&rendered.document, &sources)?)
    }
}

/// The report: queries, template, then each of its files.
pub fn reports(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    let replayed = campaign.replayed()?;
    let paper = Paper::of(replayed)?;
    let config = replayed.pipeline.config();
    let rounds = plan.rounds(11);
    let session = replayed.pipeline.session(None)?;
    let today = replayed.pipeline.clock().date_of(replayed.last.at);
    let params = [
        ("period", Param::from(replayed.last.period.to_string().as_str())),
        ("previous", Param::from(replayed.last.period.previous().to_string().as_str())),
        ("as_of", Param::from(replayed.last.at.to_string().as_str())),
        ("today", Param::from(today.to_string().as_str())),
    ];
    let queries = &paper.definition.queries;
    let querying = median_of(rounds, || {
        for (_, query) in queries {
            session.query(&query.sql, &params)?;
        }
        Ok(())
    })?;
    let rendered = paper.rendered()?;
    let finding =
        median_of(rounds, || Ok(Fonts::discover(&config.home.fonts(), &config.settings.fonts)))?;
    let rendering = median_of(rounds, || paper.rendered())?;
    let mailing = median_of(rounds, || paper.mail(&rendered, &paper.pictures()?, Vec::new()))?;
    let printing = median_of(rounds, || paper.pdf(&rendered))?;
    let drafting = median_of(rounds, || paper.docx(&rendered, &paper.pictures()?))?;
    let tabling = median_of(rounds, || paper.xlsx(&rendered))?;
    let n_charts = paper.mail(&rendered, &paper.pictures()?, Vec::new())?.inline.len();
    Ok(vec![
        Line::new("report: fonts, once a process", finding),
        Line::new("report: queries", querying).of(queries.len(), "query"),
        Line::new("report: template to document", rendering),
        Line::new("report: html, text, png", mailing).remark(format!("{n_charts} charts")),
        Line::new("report: pdf", printing).remark(format!("{} bytes", paper.pdf(&rendered)?.len())),
        Line::new("report: docx", drafting)
            .remark(format!("{} bytes", paper.docx(&rendered, &paper.pictures()?)?.len())),
        Line::new("report: xlsx", tabling)
            .remark(format!("{} bytes", paper.xlsx(&rendered)?.len())),
    ])
}

/// The report's mail: composed, and put into a folder.
pub fn deliveries(campaign: &mut Campaign, plan: &Plan) -> Outcome<Vec<Line>> {
    const N_MAILS: usize = 20;
    let replayed = campaign.replayed()?;
    let paper = Paper::of(replayed)?;
    let rendered = paper.rendered()?;
    let attach = |extension: &str, media_type: &str, bytes: Vec<u8>| Attachment {
        file_name: format!("{}.{extension}", rendered.file_name),
        media_type: media_type.to_owned(),
        bytes,
    };
    let attachments = vec![
        attach("pdf", "application/pdf", paper.pdf(&rendered)?),
        attach("xlsx", "application/octet-stream", paper.xlsx(&rendered)?),
    ];
    let content = paper.mail(&rendered, &paper.pictures()?, attachments)?;
    let from = "duban@example.cn";
    let envelopes: Vec<Envelope> = (0..N_MAILS)
        .map(|i| {
            let to = format!("recipient{i}@example.cn");
            Envelope {
                from: from.to_owned(),
                message_id: message_id("edition:bench", &to, from),
                to,
                reply_to: None,
                date: replayed.last.at,
                edition: None,
            }
        })
        .collect();
    let compose_all = || -> Outcome<Vec<Vec<u8>>> {
        envelopes.iter().map(|envelope| Ok(compose(&content, envelope)?)).collect()
    };
    let mails = compose_all()?;
    let rounds = plan.rounds(11);
    let composing = median_of(rounds, compose_all)?;
    let placing = median_of(rounds, || {
        let folder = folder()?;
        for (envelope, bytes) in envelopes.iter().zip(&mails) {
            deliver_to_folder(folder.path(), &envelope.message_id, bytes)?;
        }
        Ok(())
    })?;
    Ok(vec![
        Line::new("delivery: compose", composing)
            .of(N_MAILS, "mail")
            .remark(format!("{} bytes each", mails[0].len())),
        Line::new("delivery: into a folder, fsync", placing).of(N_MAILS, "mail"),
    ])
}
