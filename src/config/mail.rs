//! How mail leaves: `[mail]` of `duban.toml`.
//!
//! Passwords never stand in a file: the file names the environment variables that hold them, and
//! [`SmtpSettings`] is the one value that has read them.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[mail]` as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSettings {
    pub transport: MailTransport,
    /// `武清区联席会议秘书处 <duban@example.cn>` or an address alone.
    pub from: String,
    /// Where answers go, if not to `from`.
    pub reply_to: Option<String>,
    /// Domains that may be written to; empty: any. A guard against a slip in `contacts.csv`.
    pub allowed_domains: Vec<String>,
    /// How many mails a mail server is given in a minute; 0: as many as there are.
    pub per_minute: u32,
    /// How many mails an address is sent in an hour; 0: as many as there are.
    pub per_recipient_per_hour: u32,
    pub smtp: SmtpTable,
    pub bounces: BounceTable,
}

/// `[mail.bounces]`: where reports of delivery arrive.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BounceTable {
    /// A Maildir of this machine into which the mailbox of `from` is delivered or fetched; relative to the home.
    pub maildir: Option<PathBuf>,
}

/// How fast mails may go out by SMTP; 0: as fast as they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    pub per_minute: u32,
    pub per_recipient_per_hour: u32,
}

impl Default for MailSettings {
    fn default() -> MailSettings {
        MailSettings {
            transport: MailTransport::Folder,
            from: "duban@localhost".to_owned(),
            reply_to: None,
            allowed_domains: Vec::new(),
            // What most offices' servers take from one sender without a word.
            per_minute: 60,
            per_recipient_per_hour: 0,
            smtp: SmtpTable::default(),
            bounces: BounceTable::default(),
        }
    }
}

/// Where mails go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTransport {
    /// Into a folder, one `.eml` a mail.
    Folder,
    Smtp,
}

/// How the connection to the mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpSecurity {
    /// Not at all; only to a server on this machine.
    None,
    /// Upgraded by STARTTLS before anything is said; a server that cannot is not used.
    Starttls,
    /// TLS from the first byte.
    Tls,
}

/// `[mail.smtp]` as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmtpTable {
    pub host: String,
    /// 587 with `starttls`, 465 with `tls`, 25 with `none` if it is not given.
    pub port: Option<u16>,
    pub security: SmtpSecurity,
    /// The name that we greet with; the domain of `from` if it is not given.
    pub hello_name: Option<String>,
    /// Names of the environment variables that hold the login; both or none.
    pub username_env: Option<String>,
    pub password_env: Option<String>,
    /// How long we wait for each answer.
    pub timeout_seconds: u64,
    /// PEM file of further certificate authorities (an office's own), beside the public ones.
    pub ca_file: Option<PathBuf>,
}

impl Default for SmtpTable {
    fn default() -> SmtpTable {
        SmtpTable {
            host: String::new(),
            port: None,
            security: SmtpSecurity::Starttls,
            hello_name: None,
            username_env: None,
            password_env: None,
            timeout_seconds: 60,
            ca_file: None,
        }
    }
}

/// All that is needed to talk to the mail server; proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    pub hello_name: String,
    pub login: Option<Login>,
    pub timeout_seconds: u64,
    pub ca_file: Option<PathBuf>,
}

/// A name and password for the mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub username: String,
    pub password: Secret,
}

/// A text that prints as `****`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself: to be handed to the library that needs it, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// What is wrong with `[mail]`: the key, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct MailProblem {
    /// `mail.smtp.host`
    pub key: &'static str,
    pub message: String,
}

impl MailSettings {
    /// Whether the settings let us write to an address.
    pub fn allows(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.allowed_domains.is_empty()
            || self.allowed_domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain))
    }

    pub fn limits(&self) -> RateLimits {
        RateLimits {
            per_minute: self.per_minute,
            per_recipient_per_hour: self.per_recipient_per_hour,
        }
    }

    /// The settings of the mail server, with what `env` (a look-up of environment variables) holds.
    ///
    /// # Errors
    /// Every problem, not the first.
    pub fn smtp_settings(
        &self,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<SmtpSettings, Vec<MailProblem>> {
        let SmtpTable { host, port, security, hello_name, timeout_seconds, ca_file, .. } =
            self.smtp.clone();
        let mut problems = Vec::new();
        let mut problem =
            |key: &'static str, message: String| problems.push(MailProblem { key, message });
        if host.is_empty() {
            problem("mail.smtp.host", "names no server".to_owned());
        } else if security == SmtpSecurity::None && !is_loopback(&host) {
            problem(
                "mail.smtp.security",
                format!(
                    "`none` is for a server on this machine only, and {host} is not: use `starttls` or `tls`"
                ),
            );
        }
        if timeout_seconds == 0 {
            problem("mail.smtp.timeout_seconds", "must be at least 1".to_owned());
        }
        let mut read = |key, name: &Option<String>| match name {
            None => None,
            Some(name) => {
                let value = env(name).filter(|value| !value.is_empty());
                if value.is_none() {
                    problem(key, format!("the environment variable {name} is not set"));
                }
                value
            }
        };
        let username = read("mail.smtp.username_env", &self.smtp.username_env);
        let password = read("mail.smtp.password_env", &self.smtp.password_env);
        if self.smtp.username_env.is_some() != self.smtp.password_env.is_some() {
            problem(
                "mail.smtp.username_env",
                "a login needs both `username_env` and `password_env`".to_owned(),
            );
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let from_domain = self.from.rsplit_once('@').map(|(_, rest)| rest.trim_end_matches('>'));
        Ok(SmtpSettings {
            port: port.unwrap_or(match security {
                SmtpSecurity::None => 25,
                SmtpSecurity::Starttls => 587,
                SmtpSecurity::Tls => 465,
            }),
            hello_name: hello_name.unwrap_or_else(|| from_domain.unwrap_or("localhost").to_owned()),
            login: username
                .zip(password)
                .map(|(username, password)| Login { username, password: Secret(password) }),
            host,
            security,
            timeout_seconds,
            ca_file,
        })
    }
}

/// Whether a host is this machine, by its name alone: nothing is looked up.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
