//! log: what the daemon and the command line say while they work, one line an event, on stderr.
//!
//! ## Design notes
//! - **A failure is logged once, where it is handled.** A step that fails gives its error up; the slot
//!   that it belongs to says it. A line therefore begins where something is decided, not where it is noticed.
//! - **No personal data.** Every line goes through [`mask`] on its way out, whoever wrote it (a library
//!   too): of a mail address its first letter and its domain are left, of a URL's login nothing.
//!   Secrets print as `****` by their type (`config::mail::Secret`). Names of towns' files may stand there.
//! - **Levels.** `error`: a person must look. `warn`: something will be tried again, or is left out.
//!   `info`: a run, a slot or a step begins or ends. `debug`: for whoever mends the program.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Stderr, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::model::RunState;
use crate::pipeline::Progress;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object a line, for a program.
    Json,
}

/// Starts the log of this process. `directives` say what is told, as in `duban=info,warn`.
pub fn start(format: LogFormat, directives: &str) {
    let filter = EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Masked)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second subscriber (in a test) is no matter.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => {
            log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
    };
}

/// Stderr behind [`mask`]. The subscriber writes each event in one piece.
struct Masked;

impl<'a> MakeWriter<'a> for Masked {
    type Writer = MaskedStderr;

    fn make_writer(&'a self) -> MaskedStderr {
        MaskedStderr(std::io::stderr())
    }
}

struct MaskedStderr(Stderr);

impl Write for MaskedStderr {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        // A reader of the log that is gone is no reason to stop working.
        let _ = self.0.write_all(mask(&String::from_utf8_lossy(line)).as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

/// Hides whom a text is about: `secretary@wuqing.example` becomes `s***@wuqing.example`, and the
/// login in `https://name:word@host` becomes `***`.
pub fn mask(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let token = before
            .rfind(is_border)
            .map_or(0, |border| border + before[border..].chars().next().map_or(1, char::len_utf8));
        let names_host = after.chars().next().is_some_and(char::is_alphanumeric);
        if !names_host || token == at {
            masked.push_str(&rest[..=at]);
        } else if let Some(scheme) = before[token..].rfind("://") {
            masked.push_str(&before[..token + scheme + "://".len()]);
            masked.push_str("***@");
        } else {
            // In `to=a@b`, `mailto:a@b` and a path with an `@` it begins after the mark.
            let start =
                before[token..].rfind([':', '=', '/']).map_or(token, |mark| token + mark + 1);
            masked.push_str(&before[..start]);
            masked.extend(before[start..].chars().next());
            masked.push_str("***@");
        }
        rest = after;
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

/// What can stand before a mail address or a URL, and in neither.
fn is_border(c: char) -> bool {
    c.is_whitespace() || "<>()[]{}\"'`,;|（）《》，；、。".contains(c)
}

/// Tells a run's steps in the log.
#[derive(Debug, Default)]
pub struct Logged {
    begun: Mutex<BTreeMap<(String, String), Instant>>,
}

impl Logged {
    fn begun(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), Instant>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Logged {
    fn step(&self, name: &str, key: &str) {
        self.begun().insert((name.to_owned(), key.to_owned()), Instant::now());
        tracing::info!(step = name, key, "step begins");
    }

    fn step_ended(&self, name: &str, key: &str, state: RunState) {
        let begun = self.begun().remove(&(name.to_owned(), key.to_owned()));
        let ms =
            begun.map_or(0, |begun| u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        // Why a step failed is said where the failure is handled.
        tracing::info!(step = name, key, state = state.as_str(), ms, "step ends");
    }

    fn warn(&self, message: &str) {
        tracing::warn!("{message}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_logins_are_hidden_and_the_rest_of_a_line_is_not() {
        for (text, masked) in [
            (
                "mail 3 to secretary@wuqing.example: deferred",
                "mail 3 to s***@wuqing.example: deferred",
            ),
            ("<a.b+c@x.cn>, d@y.cn", "<a***@x.cn>, d***@y.cn"),
            ("{\"recipient\":\"li@x.cn\"}", "{\"recipient\":\"l***@x.cn\"}"),
            ("RCPT TO:<li@x.cn>", "RCPT TO:<l***@x.cn>"),
            ("to=li@x.cn", "to=l***@x.cn"),
            ("秘书处li@x.cn", "秘***@x.cn"),
            ("GET https://me:pass@host/a?b=c", "GET https://***@host/a?b=c"),
            ("https://tok:e=n@host/", "https://***@host/"),
            ("2024-09/大良镇/在园@9月.xlsx", "2024-09/大良镇/在***@9月.xlsx"),
            ("@ alone, x@ y, and nothing", "@ alone, x@ y, and nothing"),
            ("nothing at all", "nothing at all"),
        ] {
            assert_eq!(mask(text), masked, "{text}");
        }
    }
}
