//! `sources.toml`: servers that are asked for towns' files.
//!
//! What was written and what was proven are two types: an [`HttpSource`] has an address for every unit,
//! period and data set that it is asked for, and never sends its secret in the clear.
//!
//! ## Design notes
//! - A secret never stands in a file of definitions: `secret_env` names the environment variable that
//!   holds it, `secret_file` a file (of a secrets' mount, so that it can be changed while the daemon
//!   runs). [`Auth::secret`] is the one way to it, and `source` the one caller.
//! - A missing secret is no wrong definition: the home may be checked elsewhere than where it runs. It is
//!   said of each file that could not be asked for.
//! - Two sources that both give a town's file of one data set are refused: which of the two files counts
//!   would hang on which server answered last.

mod proof;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::contract::Contract;
use super::home::Home;
use super::mail::Secret;
use crate::diagnostic::Diagnostic;
use crate::model::{Period, UnitCode, UnitDirectory};

/// A server that is asked for files. Proven; see [`load`].
#[derive(Debug, Clone)]
pub struct HttpSource {
    /// How the ledger, `status` and the log call it.
    pub name: String,
    pub url: UrlPattern,
    /// Whose files it has; empty: of all units that a data set expects to report.
    pub units: Vec<UnitCode>,
    /// Which data sets it has; empty: all.
    pub datasets: Vec<String>,
    pub auth: Option<Auth>,
    /// How long it may take to open a connection.
    pub connect_timeout_seconds: u32,
    /// How long one request may take, from the first byte sent to the last one received.
    pub timeout_seconds: u32,
    /// A larger file is not taken; unpacked bytes are counted.
    pub max_mb: u32,
    /// How often a request is repeated that failed for a reason that may pass.
    pub retries: u32,
    /// The wait before the first repetition; it doubles with each.
    pub retry_wait_ms: u32,
    pub max_redirects: u32,
    /// Media types that are taken, in small letters and without parameters.
    pub content_types: Vec<String>,
    /// PEM file of further certificate authorities (an office's own), beside those of the system.
    pub ca_file: Option<PathBuf>,
}

impl HttpSource {
    /// Whether it is asked for the files of a unit and data set.
    ///
    /// Units that are named are asked for the data sets that their level reports; where the data sets
    /// are named too, for each of them.
    pub fn gives(&self, unit: &UnitCode, contract: &Contract, units: &UnitDirectory) -> bool {
        let named_dataset = self.datasets.contains(&contract.name);
        let named_unit = self.units.contains(unit);
        let reports = || units.get(unit).is_some_and(|u| contract.reporters.contains(&u.level));
        (named_dataset || self.datasets.is_empty())
            && (named_unit || self.units.is_empty())
            && ((named_dataset && named_unit) || reports())
    }
}

/// An address with places for unit, period and data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlPattern {
    /// As it was written.
    pub text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Unit,
    Period,
    Dataset,
    Year,
    Month,
}

const PLACES: &[(&str, Place)] = &[
    ("unit", Place::Unit),
    ("period", Place::Period),
    ("dataset", Place::Dataset),
    ("year", Place::Year),
    ("month", Place::Month),
];

/// What may stand in an address as it is (RFC 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl UrlPattern {
    /// The address of one file. Values are escaped; the text around them is as it was written.
    pub fn fill(&self, unit: &UnitCode, period: Period, dataset: &str) -> String {
        let first = period.starts_on();
        let mut url = String::new();
        for piece in &self.pieces {
            let value = match piece {
                Piece::Text(text) => {
                    url.push_str(text);
                    continue;
                }
                Piece::Place(Place::Unit) => unit.as_str().to_owned(),
                Piece::Place(Place::Period) => period.to_string(),
                Piece::Place(Place::Dataset) => dataset.to_owned(),
                Piece::Place(Place::Year) => format!("{:04}", first.year()),
                Piece::Place(Place::Month) => format!("{:02}", first.month()),
            };
            url.extend(utf8_percent_encode(&value, ESCAPED));
        }
        url
    }

    fn has(&self, place: Place) -> bool {
        self.pieces.contains(&Piece::Place(place))
    }
}

/// How the program says who it is. The secret itself is read when it is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    pub kind: AuthKind,
    /// Of `basic`; empty with `bearer`.
    pub username: String,
    secret: SecretPlace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// `Authorization: Bearer <secret>`
    Bearer,
    /// `Authorization: Basic`, name and password.
    Basic,
}

#[derive(Clone, PartialEq, Eq)]
enum SecretPlace {
    Env { name: String, value: Option<Secret> },
    File(PathBuf),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.secret {
            SecretPlace::Env { name, .. } => format!("environment {name}"),
            SecretPlace::File(path) => format!("file {}", path.display()),
        };
        write!(f, "{:?} {} **** ({place})", self.kind, self.username)
    }
}

/// A secret that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SecretProblem {
    pub message: String,
    pub hint: String,
}

impl Auth {
    /// The secret: for the request, and nothing else.
    pub fn secret(&self) -> Result<Secret, SecretProblem> {
        let usable = |text: &str| {
            let text = text.trim_end_matches(['\r', '\n']);
            (!text.is_empty()).then(|| Secret::new(text))
        };
        match &self.secret {
            SecretPlace::Env { name, value } => value
                .as_ref()
                .and_then(|value| usable(value.expose()))
                .ok_or_else(|| SecretProblem {
                    message: format!("the environment variable {name} is not set"),
                    hint: format!("start duban with the source's secret in {name}"),
                }),
            SecretPlace::File(path) => {
                let problem = |message: String| SecretProblem {
                    message,
                    hint: "put the source's secret into that file, readable to this user".into(),
                };
                let text = fs_err::read_to_string(path)
                    .map_err(|error| problem(format!("the secret cannot be read: {error}")))?;
                usable(&text)
                    .ok_or_else(|| problem(format!("the secret file {} is empty", path.display())))
            }
        }
    }
}

/// Media types of what towns send, if `content_types` is not given.
pub const CONTENT_TYPES: &[&str] = &[
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.ms-excel",
    "application/vnd.ms-excel.sheet.macroenabled.12",
    "application/vnd.ms-excel.sheet.binary.macroenabled.12",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/octet-stream",
    "application/zip",
    "application/x-zip-compressed",
    "application/json",
    "application/x-ndjson",
    "application/csv",
    "text/csv",
    "text/tab-separated-values",
    "text/plain",
];

/// What the sources are proven against.
pub struct Surroundings<'a> {
    pub home: &'a Home,
    pub units: &'a UnitDirectory,
    pub contracts: &'a [Contract],
    /// `intake.max_file_mb`
    pub max_file_mb: u32,
    pub environment: &'a BTreeMap<String, String>,
}

/// Reads and proves `sources.toml`.
///
/// # Errors
/// Every problem that can be told at once; a text that is no TOML of this shape gives the first.
pub fn load(
    file: &str,
    text: &str,
    around: &Surroundings<'_>,
) -> Result<Vec<HttpSource>, Vec<Diagnostic>> {
    proof::load(file, text, around)
}
