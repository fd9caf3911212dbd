//! Why a file could not be had, told apart by what is to be done about it.

use std::error::Error as StdError;
use std::io;

use jiff::Timestamp;

use crate::config::sources::SecretProblem;
use crate::model::FetchState;

/// Why asking for a file brought none. Operator text; never holds a secret nor an address's query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("the server does not let us in ({code})")]
    Unauthorised { code: u16, with_secret: bool },
    #[error("the server refuses the request ({code})")]
    Refused { code: u16 },
    #[error("the server asks us to come back later ({code})")]
    Throttled { code: u16, not_before: Option<Timestamp> },
    #[error("the server is not able to answer ({code})")]
    Unavailable { code: u16 },
    #[error("the reply was not complete within {seconds} s")]
    Slow { seconds: u32 },
    #[error("the reply broke off: {reason}")]
    Truncated { code: Option<u16>, reason: String },
    #[error("the file is larger than {max_mb} MB: the rest was not read")]
    TooLarge { max_mb: u32 },
    #[error("the server sends us on {reason}")]
    RedirectRefused { code: u16, reason: String, hint: &'static str },
    #[error("the reply is {found}, which is no table{}", if *.login { ": it looks like a login page" } else { "" })]
    WrongType { found: String, login: bool },
    #[error("the server's certificate or TLS is refused: {reason}")]
    BadCertificate { reason: String, hint: &'static str },
    #[error("no connection to {host}: {reason}")]
    Unreachable { host: String, reason: String },
    #[error(transparent)]
    NoSecret(#[from] SecretProblem),
}

impl FetchError {
    pub fn state(&self) -> FetchState {
        match self {
            FetchError::Unauthorised { .. } => FetchState::Unauthorised,
            FetchError::Refused { .. } => FetchState::Refused,
            FetchError::Throttled { .. } => FetchState::Throttled,
            FetchError::Unavailable { .. } => FetchState::Unavailable,
            FetchError::Slow { .. } => FetchState::Slow,
            FetchError::Truncated { .. } => FetchState::Truncated,
            FetchError::TooLarge { .. } => FetchState::TooLarge,
            FetchError::RedirectRefused { .. } => FetchState::RedirectRefused,
            FetchError::WrongType { .. } => FetchState::WrongType,
            FetchError::BadCertificate { .. } => FetchState::BadCertificate,
            FetchError::Unreachable { .. } => FetchState::Unreachable,
            FetchError::NoSecret(_) => FetchState::NoSecret,
        }
    }

    /// The status of the HTTP reply, if one came.
    pub fn code(&self) -> Option<u16> {
        match self {
            FetchError::Unauthorised { code, .. }
            | FetchError::Refused { code }
            | FetchError::Throttled { code, .. }
            | FetchError::Unavailable { code }
            | FetchError::RedirectRefused { code, .. } => Some(*code),
            FetchError::Truncated { code, .. } => *code,
            FetchError::TooLarge { .. } | FetchError::WrongType { .. } => Some(200),
            FetchError::Slow { .. }
            | FetchError::BadCertificate { .. }
            | FetchError::Unreachable { .. }
            | FetchError::NoSecret(_) => None,
        }
    }

    /// When the server wants to be asked again, if it said so.
    pub fn not_before(&self) -> Option<Timestamp> {
        match self {
            FetchError::Throttled { not_before, .. } => *not_before,
            _ => None,
        }
    }

    /// Whether the same request may succeed in a moment. A slow server is not helped by another
    /// request, and one that named a time is not asked before it.
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self,
            FetchError::Unavailable { .. }
                | FetchError::Truncated { .. }
                | FetchError::Unreachable { .. }
        )
    }

    /// What is to be done.
    pub fn hint(&self) -> String {
        match self {
            FetchError::Unauthorised { with_secret: true, .. } => {
                "check that the source's secret is still valid, and may read this file".into()
            }
            FetchError::Unauthorised { with_secret: false, .. } => {
                "the source needs a secret: give it `auth` in config/sources.toml".into()
            }
            FetchError::Refused { .. } => {
                "check the source's address in config/sources.toml with the server's operator".into()
            }
            FetchError::Throttled { .. } => "nothing to do: it is asked again by itself".into(),
            FetchError::Unavailable { .. } => {
                "it is asked again by itself; if it lasts, tell the server's operator".into()
            }
            FetchError::Slow { .. } => {
                "it is asked again by itself; if it lasts, tell the server's operator or raise timeout_seconds".into()
            }
            FetchError::Truncated { .. } => {
                "nothing was taken; it is asked again by itself; if it lasts, tell the server's operator".into()
            }
            FetchError::TooLarge { .. } => {
                "look at the file; raise max_mb in config/sources.toml if it should be taken".into()
            }
            FetchError::RedirectRefused { hint, .. } | FetchError::BadCertificate { hint, .. } => {
                (*hint).to_owned()
            }
            FetchError::WrongType { login: true, .. } => {
                "open the address in a browser: if it asks for a login, give the source `auth`".into()
            }
            FetchError::WrongType { login: false, .. } => {
                "check the address; add the type to content_types in config/sources.toml if it is right".into()
            }
            FetchError::Unreachable { .. } => {
                "check the address and the network; it is asked again by itself".into()
            }
            FetchError::NoSecret(problem) => problem.hint.clone(),
        }
    }
}

/// What a request failed of that brought no (whole) reply.
pub(super) fn of_request(
    error: &reqwest::Error,
    host: &str,
    seconds: u32,
    code: Option<u16>,
) -> FetchError {
    if let Some(tls) = find::<rustls::Error>(error) {
        return of_tls(tls);
    }
    if error.is_connect() {
        let reason = if error.is_timeout() {
            "nobody answered in time".to_owned()
        } else {
            innermost(error)
        };
        return FetchError::Unreachable { host: host.to_owned(), reason };
    }
    if error.is_timeout() {
        return FetchError::Slow { seconds };
    }
    FetchError::Truncated { code, reason: innermost(error) }
}

fn of_tls(error: &rustls::Error) -> FetchError {
    use rustls::CertificateError as C;
    let rustls::Error::InvalidCertificate(wrong) = error else {
        let hint = "check that the address has the right port and the server speaks TLS 1.2 or 1.3";
        return FetchError::BadCertificate { reason: error.to_string(), hint };
    };
    let renew = "the server's operator must renew it; nothing was sent to the server";
    let (reason, hint) = match wrong {
        C::UnknownIssuer => (
            "no known authority signed it".to_owned(),
            "if it is of an office's own authority, name that authority's certificate as `ca_file` in config/sources.toml",
        ),
        C::Expired | C::ExpiredContext { .. } => ("it has expired".to_owned(), renew),
        C::NotValidYet | C::NotValidYetContext { .. } => (
            "it is not valid yet".to_owned(),
            "check this machine's clock, or tell the server's operator",
        ),
        C::NotValidForName => ("it is for another host".to_owned(), NAME_HINT),
        C::NotValidForNameContext { expected, presented } => {
            (format!("it is for {}, not for {}", names(presented), expected.to_str()), NAME_HINT)
        }
        C::Revoked => ("it was revoked".to_owned(), renew),
        other => (other.to_string(), renew),
    };
    FetchError::BadCertificate { reason, hint }
}

/// The names that a certificate is for; rustls gives them as `DnsName("data.example")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| match name.split_once('(') {
        Some((_, rest)) => rest.trim_end_matches(')').trim_matches('"').to_owned(),
        None => name.clone(),
    };
    match presented {
        [] => "no host".to_owned(),
        some => some.iter().map(bare).collect::<Vec<_>>().join(", "),
    }
}

const NAME_HINT: &str = "check the host in the address; if it is right, tell the server's operator";

/// The first cause of a type. What `io::Error` wraps is no source of it, but its inner error.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The last cause: the one that says what happened.
fn innermost(error: &reqwest::Error) -> String {
    let mut last: &(dyn StdError + 'static) = error;
    loop {
        let inner = last.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| last.source()) {
            Some(cause) => last = cause,
            None => break,
        }
    }
    // Only reqwest's own words name the address.
    if last.is::<reqwest::Error>() { "the request failed".to_owned() } else { last.to_string() }
}
