//! `[daemon]` of `duban.toml`: what `duban serve` needs to know beside the schedules.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// `[daemon]` as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonSettings {
    /// Where `/healthz` and `/metrics` are answered: an address of this machine with a port; port 0
    /// takes a free one.
    pub listen: String,
    /// Whether `listen` may be an address that others can reach.
    pub listen_anywhere: bool,
    /// How often the daemon looks into the drop folder; 0: never by itself.
    pub watch_seconds: u32,
    /// How long a running step may take to end after SIGTERM.
    pub stop_seconds: u32,
    /// Above so much resident memory the daemon begins anew when its work is done; 0: never.
    pub idle_memory_mb: u32,
}

impl Default for DaemonSettings {
    fn default() -> DaemonSettings {
        DaemonSettings {
            listen: "127.0.0.1:9820".to_owned(),
            listen_anywhere: false,
            watch_seconds: 60,
            stop_seconds: 30,
            idle_memory_mb: 50,
        }
    }
}

/// Why an address cannot be listened on, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ListenProblem {
    pub message: String,
    pub hint: &'static str,
}

/// Reads an address to listen on.
///
/// The pages ask nobody for a password, and name schedules and data sets: so they are for this
/// machine alone, unless `listen_anywhere` was said on purpose (in a container, whose network is its own).
///
/// # Errors
/// If it is no address with a port, or others could reach it and `anywhere` is false.
pub fn listen_address(text: &str, anywhere: bool) -> Result<SocketAddr, ListenProblem> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let Ok(address) = numeric.parse::<SocketAddr>() else {
        return Err(ListenProblem {
            message: format!("`{text}` is no address to listen on"),
            hint: "write an address and a port, such as 127.0.0.1:9820",
        });
    };
    if anywhere || address.ip().to_canonical().is_loopback() {
        return Ok(address);
    }
    Err(ListenProblem {
        message: format!(
            "{address} can be reached from other machines, and the pages there ask nobody for a password"
        ),
        hint: "use 127.0.0.1, or set daemon.listen_anywhere = true where the network is closed, as in a container",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_are_taken_and_others_only_where_it_was_said() {
        for text in
            ["127.0.0.1:9820", "localhost:0", "[::1]:80", "127.8.9.1:1", "[::ffff:127.0.0.1]:1"]
        {
            assert!(listen_address(text, false).is_ok(), "{text}");
        }
        for text in ["0.0.0.0:9820", "10.1.2.3:80", "[::]:80", "[2001:db8::1]:80"] {
            let problem = listen_address(text, false).expect_err(text);
            assert!(problem.message.contains("password"), "{problem}");
            assert!(listen_address(text, true).is_ok(), "{text}");
        }
        for text in ["9820", "127.0.0.1", "example.cn:80", ""] {
            let problem = listen_address(text, true).expect_err(text);
            assert!(problem.message.contains("no address"), "{problem}");
        }
    }
}
