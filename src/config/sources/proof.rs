//! A sources.toml as it is written, and what makes [`HttpSource`]s of it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use toml::Spanned;

use super::{
    Auth, AuthKind, CONTENT_TYPES, HttpSource, PLACES, Piece, Place, SecretPlace, Surroundings,
    UrlPattern,
};
use crate::config::contract::Contract;
use crate::config::mail::{Secret, is_loopback};
use crate::config::{definition, may_report};
use crate::diagnostic::Diagnostic;
use crate::model::{Frequency, Period, UnitCode};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    http: Vec<WrittenHttp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHttp {
    name: Spanned<String>,
    url: Spanned<String>,
    #[serde(default)]
    units: Vec<Spanned<String>>,
    #[serde(default)]
    datasets: Vec<Spanned<String>>,
    auth: Option<Spanned<WrittenAuth>>,
    connect_timeout_seconds: Option<Spanned<u32>>,
    timeout_seconds: Option<Spanned<u32>>,
    max_mb: Option<Spanned<u32>>,
    retries: Option<Spanned<u32>>,
    retry_wait_ms: Option<u32>,
    max_redirects: Option<u32>,
    content_types: Option<Spanned<Vec<String>>>,
    ca_file: Option<Spanned<PathBuf>>,
    #[serde(default)]
    insecure_auth: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAuth {
    kind: AuthKind,
    #[serde(default)]
    username: String,
    secret_env: Option<String>,
    secret_file: Option<PathBuf>,
}

pub(super) fn load(
    file: &str,
    text: &str,
    around: &Surroundings<'_>,
) -> Result<Vec<HttpSource>, Vec<Diagnostic>> {
    let written: Written = definition::parse(file, text).map_err(|problem| vec![problem])?;
    let mut proof = Proof { file, text, around, problems: Vec::new() };
    let mut sources: Vec<HttpSource> = Vec::new();
    for one in &written.http {
        if sources.iter().any(|other| other.name == *one.name.get_ref()) {
            let message = format!("two sources are called `{}`", one.name.get_ref());
            proof.refuse(one.name.span(), message, "give each a name of its own");
        }
        if let Some(source) = proof.source(one) {
            if let Some((other, unit, dataset)) = proof.overlap(&sources, &source) {
                let message = format!(
                    "`{}` gives {dataset} of {unit} too: which of the two files counts would be chance",
                    other.name
                );
                let hint = "name `units` or `datasets`, so that each file has one source";
                proof.refuse(one.name.span(), message, hint);
            }
            sources.push(source);
        }
    }
    if proof.problems.is_empty() { Ok(sources) } else { Err(proof.problems) }
}

struct Proof<'a> {
    file: &'a str,
    text: &'a str,
    around: &'a Surroundings<'a>,
    problems: Vec<Diagnostic>,
}

impl Proof<'_> {
    fn refuse(&mut self, span: Range<usize>, message: impl Into<String>, hint: &str) {
        let problem = Diagnostic::at(self.file, self.text, span, message);
        self.problems.push(if hint.is_empty() { problem } else { problem.hint(hint) });
    }

    /// None where the address is so wrong that nothing more can be said.
    fn source(&mut self, written: &WrittenHttp) -> Option<HttpSource> {
        let name = written.name.get_ref();
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || !name.chars().all(plain) {
            let message = format!("`{name}` cannot be a source's name");
            self.refuse(written.name.span(), message, "use letters, digits, _ and -");
        }
        let units = self.units(&written.units);
        let datasets = self.datasets(&written.datasets);
        let limit = |value: &Option<Spanned<u32>>, default: u32| {
            value.as_ref().map_or(default, |value| *value.get_ref())
        };
        for (key, value) in [
            ("connect_timeout_seconds", &written.connect_timeout_seconds),
            ("timeout_seconds", &written.timeout_seconds),
            ("max_mb", &written.max_mb),
        ] {
            if let Some(value) = value.as_ref().filter(|value| *value.get_ref() == 0) {
                self.refuse(value.span(), format!("`{key}` is 0"), "it must be at least 1");
            }
        }
        if let Some(retries) = written.retries.as_ref().filter(|n| *n.get_ref() > 10) {
            let hint = "at most 10: what fails that often is asked again later anyway";
            self.refuse(retries.span(), "too many repetitions", hint);
        }
        let content_types = match &written.content_types {
            None => CONTENT_TYPES.iter().map(|kind| (*kind).to_owned()).collect(),
            Some(kinds) => {
                let kinds_of: Vec<String> =
                    kinds.get_ref().iter().map(|kind| kind.trim().to_lowercase()).collect();
                if kinds_of.iter().any(|kind| !kind.contains('/') || kind.contains(';')) {
                    let hint = "media types without parameters, such as \"text/csv\"";
                    self.refuse(kinds.span(), "not a list of media types", hint);
                }
                kinds_of
            }
        };
        let ca_file = written.ca_file.as_ref().map(|path| self.authorities(path));
        let url = self.url(&written.url)?;
        let source = HttpSource {
            name: name.clone(),
            url,
            units,
            datasets,
            auth: written.auth.as_ref().map(|auth| self.auth(auth)),
            connect_timeout_seconds: limit(&written.connect_timeout_seconds, 10),
            timeout_seconds: limit(&written.timeout_seconds, 60),
            max_mb: limit(&written.max_mb, self.around.max_file_mb),
            retries: limit(&written.retries, 2),
            retry_wait_ms: written.retry_wait_ms.unwrap_or(500),
            max_redirects: written.max_redirects.unwrap_or(5),
            content_types,
            ca_file,
        };
        self.addresses(written, &source);
        Some(source)
    }

    fn units(&mut self, written: &[Spanned<String>]) -> Vec<UnitCode> {
        let directory = self.around.units;
        let mut units = Vec::new();
        for text in written {
            match directory.find(text.get_ref()) {
                Some(unit) if !may_report(unit.level) => {
                    let message = format!("{} never reports itself", unit.name);
                    self.refuse(text.span(), message, "name the town that it lies in");
                }
                Some(unit) if units.contains(&unit.code) => {
                    self.refuse(text.span(), format!("{} is named twice", unit.name), "");
                }
                Some(unit) => units.push(unit.code.clone()),
                None => {
                    let hint = match directory.nearest(text.get_ref()) {
                        Some(unit) => format!("did you mean `{}` ({})?", unit.name, unit.code),
                        None => "name a unit by its code or name (config/units.csv)".to_owned(),
                    };
                    let message = format!("`{}` is no unit", text.get_ref());
                    self.refuse(text.span(), message, &hint);
                }
            }
        }
        units
    }

    fn datasets(&mut self, written: &[Spanned<String>]) -> Vec<String> {
        let known: Vec<&str> =
            self.around.contracts.iter().map(|contract| contract.name.as_str()).collect();
        let mut datasets = Vec::new();
        for name in written {
            if known.contains(&name.get_ref().as_str()) {
                datasets.push(name.get_ref().clone());
                continue;
            }
            let message = format!("there is no data set `{}`", name.get_ref());
            let problem = Diagnostic::at(self.file, self.text, name.span(), message)
                .did_you_mean(name.get_ref(), known.iter().copied());
            self.problems.push(problem);
        }
        datasets
    }

    /// The pattern, and whether what stands around its places is an address at all.
    fn url(&mut self, written: &Spanned<String>) -> Option<UrlPattern> {
        let text = written.get_ref();
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some(open) = rest.find(['{', '}']) {
            let closed = rest[open..].find('}').filter(|_| rest[open..].starts_with('{'));
            let Some(close) = closed else {
                let hint = "write places as {unit}, {period}, {dataset}, {year} or {month}";
                self.refuse(written.span(), "a brace without its other half", hint);
                return None;
            };
            let word = &rest[open + 1..open + close];
            let Some((_, place)) = PLACES.iter().find(|(name, _)| *name == word) else {
                let known = || PLACES.iter().map(|(name, _)| *name);
                let hint = match crate::diagnostic::nearest(word, known()) {
                    Some(near) => format!("did you mean {{{near}}}?"),
                    None => "there are {unit}, {period}, {dataset}, {year} and {month}".to_owned(),
                };
                self.refuse(written.span(), format!("`{{{word}}}` is no place"), &hint);
                return None;
            };
            if open > 0 {
                pieces.push(Piece::Text(rest[..open].to_owned()));
            }
            pieces.push(Piece::Place(*place));
            rest = &rest[open + close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Some(UrlPattern { text: text.clone(), pieces })
    }

    /// What can only be told of the filled-in addresses: that they are such, that no two files have the
    /// same, and that no secret goes out in the clear.
    fn addresses(&mut self, written: &WrittenHttp, source: &HttpSource) {
        let around = self.around;
        let span = || written.url.span();
        let contracts: Vec<&Contract> = around
            .contracts
            .iter()
            .filter(|c| source.datasets.is_empty() || source.datasets.contains(&c.name))
            .collect();
        if source.units.len() != 1 && !source.url.has(Place::Unit) {
            let hint =
                "put {unit} into the address, or name the one unit whose file it is in `units`";
            self.refuse(span(), "every unit would be asked for at the same address", hint);
        }
        if contracts.len() > 1 && !source.url.has(Place::Dataset) {
            let hint = "put {dataset} into the address, or name the one data set in `datasets`";
            self.refuse(span(), "every data set would be asked for at the same address", hint);
        }
        // Year and month name a month, the year a year or a school year; a term has no other name.
        let dated = |frequency: Frequency| {
            source.url.has(Place::Year)
                && (matches!(frequency, Frequency::Year | Frequency::SchoolYear)
                    || (frequency == Frequency::Month && source.url.has(Place::Month)))
        };
        if let Some(contract) = contracts
            .iter()
            .find(|contract| !source.url.has(Place::Period) && !dated(contract.frequency))
        {
            let message =
                format!("every period of {} would be asked for at the same address", contract.name);
            let hint =
                "put {period} into the address ({year} and {month} do for monthly data sets)";
            self.refuse(span(), message, hint);
        }
        if source.url.has(Place::Month)
            && let Some(contract) = contracts.iter().find(|c| c.frequency != Frequency::Month)
        {
            let message =
                format!("{} is not collected by month: {{month}} says nothing", contract.name);
            self.refuse(span(), message, "use {period}, or name monthly data sets in `datasets`");
        }
        let day = jiff::civil::date(2024, 9, 1);
        let mut wrong = BTreeSet::new();
        for contract in contracts {
            let period = Period::containing(contract.frequency, day);
            for unit in
                around.units.iter().filter(|u| source.gives(&u.code, contract, around.units))
            {
                let url = source.url.fill(&unit.code, period, &contract.name);
                wrong.extend(address_problem(&url, written));
            }
        }
        // With nobody to be asked for, the text itself is at least looked at.
        let sample =
            source.url.fill(&UnitCode::new("1"), Period::containing(Frequency::Month, day), "x");
        wrong.extend(address_problem(&sample, written));
        for (message, hint) in wrong {
            self.refuse(span(), message, hint);
        }
    }

    fn auth(&mut self, written: &Spanned<WrittenAuth>) -> Auth {
        let span = || written.span();
        let auth = written.get_ref();
        match (auth.kind, auth.username.is_empty()) {
            (AuthKind::Basic, true) => {
                self.refuse(span(), "who logs in?", "username = \"…\"");
            }
            (AuthKind::Bearer, false) => {
                self.refuse(span(), "a bearer token has no name", "kind = \"basic\" has");
            }
            _ => {}
        }
        if auth.username.contains(':') {
            self.refuse(span(), "a name with a colon cannot be sent", "");
        }
        let secret = match (&auth.secret_env, &auth.secret_file) {
            (Some(name), None) => SecretPlace::Env {
                name: name.clone(),
                value: self.around.environment.get(name).map(Secret::new),
            },
            (None, Some(path)) => SecretPlace::File(self.around.home.root().join(path)),
            _ => {
                let hint =
                    "secret_env = \"NAME\" (of an environment variable) or secret_file = \"path\"";
                self.refuse(span(), "where is the secret? Name one place", hint);
                SecretPlace::Env { name: String::new(), value: None }
            }
        };
        Auth { kind: auth.kind, username: auth.username.clone(), secret }
    }

    /// A PEM file that holds a certificate at least; relative to the home.
    fn authorities(&mut self, written: &Spanned<PathBuf>) -> PathBuf {
        let path = self.around.home.root().join(written.get_ref());
        let problem = match fs_err::read(&path) {
            Err(error) => Some(error.to_string()),
            Ok(bytes) => {
                match CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>() {
                    Ok(certificates) if certificates.is_empty() => {
                        Some("there is no certificate in it".to_owned())
                    }
                    Ok(_) => None,
                    Err(error) => Some(format!("not a PEM file: {error}")),
                }
            }
        };
        if let Some(problem) = problem {
            let hint = "the certificate of the authority, as PEM (-----BEGIN CERTIFICATE-----)";
            self.refuse(written.span(), format!("`ca_file`: {problem}"), hint);
        }
        path
    }

    /// Another source that gives one of the same files.
    fn overlap<'s>(
        &self,
        sources: &'s [HttpSource],
        new: &HttpSource,
    ) -> Option<(&'s HttpSource, String, String)> {
        let around = self.around;
        for other in sources {
            for contract in around.contracts {
                let both = around.units.iter().find(|unit| {
                    other.gives(&unit.code, contract, around.units)
                        && new.gives(&unit.code, contract, around.units)
                });
                if let Some(unit) = both {
                    return Some((other, unit.name.clone(), contract.name.clone()));
                }
            }
        }
        None
    }
}

/// What is wrong with a filled-in address, and what to write instead.
fn address_problem(url: &str, written: &WrittenHttp) -> Option<(String, &'static str)> {
    let url = match reqwest::Url::parse(url) {
        Ok(url) => url,
        Err(error) => {
            return Some((
                format!("not an address: {error}"),
                "for example \"https://data.example.cn/{unit}/{period}/{dataset}.xlsx\"",
            ));
        }
    };
    let host = url.host_str().unwrap_or_default();
    if !matches!(url.scheme(), "http" | "https") || host.is_empty() {
        return Some((
            format!("`{}` is not asked for files", url.scheme()),
            "write an address that begins with https:// (or http://)",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some((
            "a name or password in the address would be written to the log".into(),
            "use [http.auth] with kind = \"basic\"",
        ));
    }
    if written.auth.is_some()
        && url.scheme() == "http"
        && !is_loopback(host)
        && !written.insecure_auth
    {
        return Some((
            format!("the secret would go to {host} in the clear"),
            "write https://, or insecure_auth = true if the way there is safe",
        ));
    }
    None
}
