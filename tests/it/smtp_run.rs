//! Whole runs against a mail server that misbehaves as scripted: what the ledger says is what the server saw.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde_json::json;

use crate::home::Home;
use crate::small;
use crate::smtp::{Certificates, Server};

/// One run that sends what is due, to this server.
fn send(home: &Home, server: &Server, environment: &[(&str, &str)]) {
    let mut command = home.command(&["run", "--period", "2024-03", "--send"]);
    command
        .env("DUBAN__MAIL__TRANSPORT", "smtp")
        .env("DUBAN__MAIL__SMTP__HOST", "127.0.0.1")
        .env("DUBAN__MAIL__SMTP__PORT", server.port.to_string())
        .env("DUBAN__MAIL__SMTP__SECURITY", "none")
        .env("DUBAN__MAIL__SMTP__TIMEOUT_SECONDS", "1")
        .envs(environment.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Who waits for a later attempt is due at once: the hours of the backoff pass.
fn let_time_pass(home: &Home) {
    let ledger = Connection::open(home.root.join("data/ledger.sqlite")).unwrap();
    ledger
        .execute(
            "UPDATE deliveries SET not_before = '2024-01-01T00:00:00Z' WHERE not_before IS NOT NULL",
            [],
        )
        .unwrap();
}

/// Recipient (local part) → state and the server's last word.
fn ledger(home: &Home) -> BTreeMap<String, (String, String)> {
    let rows = home.query("SELECT recipient, state, last_reply FROM deliveries");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    rows.iter()
        .map(|row| {
            let name = text(&row["recipient"]).replace("@wuqing.example", "");
            (name, (text(&row["state"]), text(&row["last_reply"])))
        })
        .collect()
}

fn states(home: &Home) -> BTreeSet<String> {
    ledger(home).into_values().map(|(state, _)| state).collect()
}

/// How often the server took the whole content for each recipient, and what it answered.
fn taken(server: &Server) -> BTreeMap<String, Vec<Option<String>>> {
    let mut taken: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for dot in server.saw("dot") {
        assert_eq!(dot["to"].as_array().unwrap().len(), 1, "one recipient a message");
        let name = dot["to"][0].as_str().unwrap().replace("@wuqing.example", "");
        taken.entry(name).or_default().push(dot["reply"].as_str().map(str::to_owned));
    }
    taken
}

const NAMES: [&str; 8] =
    ["first", "later", "never", "lost-before", "lost-after", "lost-at-rcpt", "busy-dot", "last"];

#[test]
fn the_ledger_of_a_run_is_what_the_mail_server_saw() {
    let home = small::home(&NAMES);
    small::drop_month(&home, "2024-03");

    // Servers that nothing can be said to: each mail waits for another attempt, none was sent.
    for (banner, word) in
        [("421 4.3.2 closing for maintenance", "closing for maintenance"), ("silent", "connect")]
    {
        let Some(server) = Server::start("a run over SMTP", &json!({ "banner": banner })) else {
            return;
        };
        send(&home, &server, &[]);
        assert_eq!(server.saw("mail").len(), 0);
        assert!(!states(&home).iter().any(|state| state == "accepted" || state == "refused"));
        assert!(
            ledger(&home).values().any(|(_, reply)| reply.contains(word)),
            "{banner}: {:?}",
            ledger(&home)
        );
        let_time_pass(&home);
    }

    // A refused login.
    let server = Server::start("a run over SMTP", &json!({"login": ["duban", "right"]})).unwrap();
    let login = [
        ("DUBAN__MAIL__SMTP__USERNAME_ENV", "MAIL_NAME"),
        ("DUBAN__MAIL__SMTP__PASSWORD_ENV", "MAIL_SECRET"),
        ("MAIL_NAME", "duban"),
        ("MAIL_SECRET", "wrong-and-secret"),
    ];
    send(&home, &server, &login);
    assert!(server.saw("login").iter().all(|login| login["right"] == false));
    assert!(!server.saw("login").is_empty());
    assert_eq!(server.saw("dot").len(), 0);
    assert!(ledger(&home).values().all(|(_, reply)| !reply.contains("wrong-and-secret")));
    let replies = ledger(&home);
    assert!(replies.values().any(|(_, reply)| reply.contains("login")), "{replies:?}");
    let_time_pass(&home);

    // A certificate that nobody vouches for.
    let certificates = Certificates::make("127.0.0.1");
    let server = Server::start("a run over SMTP", &certificates.script("starttls")).unwrap();
    send(&home, &server, &[("DUBAN__MAIL__SMTP__SECURITY", "starttls")]);
    assert_eq!(server.saw("mail").len(), 0);
    let replies = ledger(&home);
    assert!(replies.values().any(|(_, reply)| reply.contains("certificate")), "{replies:?}");
    let_time_pass(&home);

    // Now each recipient meets its own fate.
    let at = |name: &str| format!("{name}@wuqing.example");
    let server = Server::start(
        "a run over SMTP",
        &json!({"recipients": {
            at("later"): {"replies": {"RCPT": ["451 4.7.1 greylisted"]}},
            at("never"): {"replies": {"RCPT": ["550 5.1.1 no such person"]}},
            at("lost-before"): {"abort": "DATA"},
            at("lost-after"): {"abort": "DOT"},
            at("lost-at-rcpt"): {"abort": "RCPT"},
            at("busy-dot"): {"replies": {"DOT": ["452 4.3.1 disk full"]}},
        }}),
    )
    .unwrap();
    send(&home, &server, &[]);
    let after = ledger(&home);
    let state = |name: &str| after[name].0.as_str();
    assert_eq!([state("first"), state("last")], ["accepted", "accepted"]);
    assert_eq!(state("never"), "refused");
    assert_eq!(state("lost-after"), "uncertain");
    assert_eq!([state("later"), state("busy-dot")], ["deferred", "deferred"]);
    for name in ["lost-before", "lost-at-rcpt"] {
        assert!(["queued", "deferred"].contains(&state(name)), "{name}: {}", state(name));
    }
    assert!(after["later"].1.contains("greylisted"));
    assert!(after["never"].1.contains("no such person"));

    // Nothing that is to wait is tried before its time; then all of it goes, and never again.
    let before = server.saw("rcpt").len();
    send(&home, &server, &[]);
    assert_eq!(server.saw("rcpt").len(), before, "not before its time");
    let_time_pass(&home);
    send(&home, &server, &[]);
    let_time_pass(&home);
    send(&home, &server, &[]);
    let end = ledger(&home);
    let took = taken(&server);
    for name in NAMES {
        let accepted: Vec<_> = took
            .get(name)
            .into_iter()
            .flatten()
            .filter(|reply| reply.as_deref().is_some_and(|reply| reply.starts_with("250")))
            .collect();
        match name {
            "never" => {
                assert_eq!(end[name].0, "refused");
                assert!(!took.contains_key(name), "its content was never sent");
            }
            // The server has it, and did not live to say so: shown, and never sent again.
            "lost-after" => {
                assert_eq!(end[name].0, "uncertain");
                assert_eq!(took[name], [None]);
            }
            _ => {
                assert_eq!(end[name].0, "accepted", "{name}: {}", end[name].1);
                assert_eq!(accepted.len(), 1, "{name} has it once");
            }
        }
    }
    assert_eq!(end.len(), NAMES.len());
}
