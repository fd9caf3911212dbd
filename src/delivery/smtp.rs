use std::error::Error as StdError;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};

use super::compose::mailbox;
use crate::config::mail::{SmtpSecurity, SmtpSettings, is_loopback};
use crate::model::DeliveryPhase;

/// The message's content goes to the server in pieces of this size: the time limit holds for each.
const CHUNK: usize = 64 * 1024;

/// One mail to one recipient.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// `名称 <address>` or an address; only the address is used.
    pub from: &'a str,
    pub to: &'a str,
    /// The whole message with its headers.
    pub bytes: &'a [u8],
}

/// What became of one attempt. `text` is the server's reply, or what went wrong, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server took the mail.
    Accepted { code: u16, text: String },
    /// The server said "later" (4yz).
    Deferred { code: u16, text: String },
    /// The server will not take this mail (5yz); or (without a code) it cannot be said in a way that
    /// the server understands.
    Refused { code: Option<u16>, text: String },
    /// The whole mail was sent and no reply came: it must not be sent again by itself.
    Uncertain { text: String },
    /// The mail was not sent; it is to be tried again.
    NotSent { phase: DeliveryPhase, text: String },
}

/// Puts a phase on record; called before the phase begins. What it fails with keeps the mail here.
pub type RecordPhase<'a> =
    &'a mut dyn FnMut(DeliveryPhase) -> Result<(), Box<dyn StdError + Send + Sync>>;

/// Sends one mail, over a connection of its own. Blocks: call it where that does no harm.
///
/// `record` is called before connecting, before MAIL, RCPT and DATA, and before the final dot
/// (`end`). If it fails, nothing more is sent.
pub fn send(settings: &SmtpSettings, mail: &Outgoing<'_>, record: RecordPhase<'_>) -> Outcome {
    let mut phase = DeliveryPhase::Connect;
    match converse(settings, mail, record, &mut phase) {
        Ok(outcome) => outcome,
        Err(stop) => stop.outcome(phase),
    }
}

/// Why a conversation ended early.
enum Stop {
    Smtp(SmtpError),
    /// In plain words; nothing was sent.
    Said(String),
    /// This mail can never go this way.
    Never(String),
}

impl From<SmtpError> for Stop {
    fn from(error: SmtpError) -> Stop {
        Stop::Smtp(error)
    }
}

impl Stop {
    fn outcome(self, phase: DeliveryPhase) -> Outcome {
        let error = match self {
            Stop::Said(text) => return Outcome::NotSent { phase, text },
            Stop::Never(text) => return Outcome::Refused { code: None, text },
            Stop::Smtp(error) => error,
        };
        match error.status().map(u16::from) {
            Some(code) if error.is_transient() => Outcome::Deferred { code, text: reply(&error) },
            Some(code) if phase == DeliveryPhase::Connect => {
                Outcome::NotSent { phase, text: format!("{code} {}", reply(&error)) }
            }
            Some(code) => Outcome::Refused { code: Some(code), text: reply(&error) },
            None if phase == DeliveryPhase::End => Outcome::Uncertain {
                text: format!("no reply after the whole mail was sent: {}", plain(&error)),
            },
            None => Outcome::NotSent { phase, text: plain(&error) },
        }
    }
}

fn converse(
    settings: &SmtpSettings,
    mail: &Outgoing<'_>,
    record: RecordPhase<'_>,
    phase: &mut DeliveryPhase,
) -> Result<Outcome, Stop> {
    let from = address("the sender", mail.from)?;
    let to = address("the recipient", mail.to)?;

    begin(DeliveryPhase::Connect, phase, record)?;
    let mut server = connect(settings)?;

    begin(DeliveryPhase::Mail, phase, record)?;
    let parameters = match mail_parameters(&server, &from, &to, mail.bytes) {
        Ok(parameters) => parameters,
        Err(text) => return Ok(leave(server, Outcome::Refused { code: None, text })),
    };
    let greeted = server.command(Mail::new(Some(from), parameters)).map_err(Stop::from);
    if let Err(stop) = greeted.and_then(|response| completed(&response)) {
        return Ok(leave(server, stop.outcome(*phase)));
    }

    begin(DeliveryPhase::Rcpt, phase, record)?;
    let named = server.command(Rcpt::new(to, Vec::new())).map_err(Stop::from);
    if let Err(stop) = named.and_then(|response| completed(&response)) {
        return Ok(leave(server, stop.outcome(*phase)));
    }

    begin(DeliveryPhase::Data, phase, record)?;
    match server.command(Data) {
        Ok(response) if response.has_code(354) => {}
        Ok(response) => {
            let text = format!("the server answered DATA with {}", spoken(&response));
            return Ok(Outcome::NotSent { phase: *phase, text });
        }
        Err(error) => {
            let outcome = Stop::from(error).outcome(*phase);
            return Ok(leave(server, outcome));
        }
    }
    let response = server.message_iter(Content::new(mail.bytes, phase, record))?;
    let outcome = match response.code().severity {
        Severity::PositiveCompletion => {
            Outcome::Accepted { code: response.code().into(), text: joined(&response) }
        }
        _ => Outcome::Uncertain {
            text: format!("the server answered the mail with {}", spoken(&response)),
        },
    };
    Ok(leave(server, outcome))
}

/// The message in pieces. The iterator's end is the moment before the final dot: all pieces were
/// written, and lettre tells no later one apart.
struct Content<'a, 'r> {
    pieces: std::slice::Chunks<'a, u8>,
    phase: &'r mut DeliveryPhase,
    record: RecordPhase<'r>,
}

impl<'a, 'r> Content<'a, 'r> {
    fn new(bytes: &'a [u8], phase: &'r mut DeliveryPhase, record: RecordPhase<'r>) -> Self {
        // lettre begins the final dot on a line of its own: without this the mail would grow by one.
        let bytes = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        Content { pieces: bytes.chunks(CHUNK), phase, record }
    }
}

impl<'a> Iterator for Content<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let piece = self.pieces.next();
        if piece.is_none() {
            *self.phase = DeliveryPhase::End;
            // If it cannot be put on record, the phase on record is `data`, from which recovery
            // concludes the same: uncertain.
            if let Err(error) = (self.record)(DeliveryPhase::End) {
                tracing::warn!(error, "the end of a mail could not be put on record");
            }
        }
        piece
    }
}

fn begin(
    next: DeliveryPhase,
    phase: &mut DeliveryPhase,
    record: RecordPhase<'_>,
) -> Result<(), Stop> {
    record(next).map_err(|error| {
        Stop::Said(format!("phase {next} could not be put on record, so nothing was sent: {error}"))
    })?;
    *phase = next;
    Ok(())
}

/// Connects, secures the connection as the settings demand, and logs in.
fn connect(settings: &SmtpSettings) -> Result<SmtpConnection, Stop> {
    let SmtpSettings { host, port, security, hello_name, timeout_seconds, .. } = settings;
    if *security == SmtpSecurity::None && !is_loopback(host) {
        return Err(Stop::Said(format!(
            "{host} is another machine, and an unsecured connection is for this one only"
        )));
    }
    let hello = match hello_name.parse() {
        Ok(std::net::IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(std::net::IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(hello_name.clone()),
    };
    let tls = match security {
        SmtpSecurity::None => None,
        SmtpSecurity::Starttls | SmtpSecurity::Tls => Some(tls_parameters(settings)?),
    };
    let timeout = Some(Duration::from_secs(*timeout_seconds));
    let at_once = tls.as_ref().filter(|_| *security == SmtpSecurity::Tls);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut server = SmtpConnection::connect((bare, *port), timeout, &hello, at_once, None)?;
    if *security == SmtpSecurity::Starttls
        && let Some(tls) = &tls
    {
        if !server.can_starttls() {
            server.quit().ok();
            return Err(Stop::Said(format!(
                "{host} offers no STARTTLS, which the settings demand"
            )));
        }
        server.starttls(tls, &hello)?;
    }
    if let Some(login) = &settings.login {
        let credentials =
            Credentials::new(login.username.clone(), login.password.expose().to_owned());
        if let Err(error) = server.auth(DEFAULT_MECHANISMS, &credentials) {
            if error.is_permanent() {
                server.quit().ok();
                let code = error.status().map_or(String::new(), |code| code.to_string());
                return Err(Stop::Said(format!(
                    "{host} refused the login: {code} {}",
                    reply(&error)
                )));
            }
            return Err(error.into());
        }
    }
    Ok(server)
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, Stop> {
    let host = settings.host.trim_start_matches('[').trim_end_matches(']');
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = &settings.ca_file {
        let pem = fs_err::read(path).map_err(|error| Stop::Said(error.to_string()))?;
        let unreadable = || Stop::Said(format!("{} holds no PEM certificate", path.display()));
        let certificate = Certificate::from_pem(&pem).map_err(|_| unreadable())?;
        builder = builder.add_root_certificate(certificate);
    }
    Ok(builder.build()?)
}

fn address(field: &'static str, text: &str) -> Result<Address, Stop> {
    mailbox(field, text)
        .map(|mailbox| mailbox.email)
        .map_err(|error| Stop::Never(error.to_string()))
}

/// What the server must be told of the mail; or why it cannot take it.
fn mail_parameters(
    server: &SmtpConnection,
    from: &Address,
    to: &Address,
    bytes: &[u8],
) -> Result<Vec<MailParameter>, String> {
    let supports = |extension| server.server_info().supports_feature(extension);
    let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    let mut parameters = Vec::new();
    if !(ascii(from) && ascii(to)) {
        if !supports(Extension::SmtpUtfEight) {
            return Err("the server takes only addresses of ASCII letters (no SMTPUTF8)".to_owned());
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !bytes.is_ascii() {
        if !supports(Extension::EightBitMime) {
            return Err("the server takes only ASCII mails (no 8BITMIME)".to_owned());
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

/// A 2yz; lettre also lets a 3yz pass, which MAIL and RCPT never get.
fn completed(response: &Response) -> Result<(), Stop> {
    match response.code().severity {
        Severity::PositiveCompletion => Ok(()),
        _ => Err(Stop::Said(format!("the server answered out of turn: {}", spoken(response)))),
    }
}

/// Says goodbye. What the server answers no longer matters.
fn leave(mut server: SmtpConnection, outcome: Outcome) -> Outcome {
    server.quit().ok();
    outcome
}

fn joined(response: &Response) -> String {
    response.message().collect::<Vec<_>>().join(" ")
}

fn spoken(response: &Response) -> String {
    format!("{} {}", u16::from(response.code()), joined(response))
}

/// The server's words in a refusal.
fn reply(error: &SmtpError) -> String {
    error.source().map_or_else(String::new, |said| said.to_string().replace(['\r', '\n'], " "))
}

/// An error without a reply, in the operator's words.
fn plain(error: &SmtpError) -> String {
    let mut causes = Vec::new();
    let mut cause: Option<&dyn StdError> = error.source();
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    let chain = causes.join(": ");
    if chain.contains("certificate") {
        return format!("the server's certificate was not accepted: {chain}");
    }
    if error.is_timeout() || chain.contains("Resource temporarily unavailable") {
        return "the server did not answer in time".to_owned();
    }
    if chain.contains("incomplete response") {
        return "the server closed the connection".to_owned();
    }
    if chain.is_empty() { error.to_string() } else { chain }
}
