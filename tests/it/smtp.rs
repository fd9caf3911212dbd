//! Delivery to a real mail server of another make (aiosmtpd), which misbehaves as scripted.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use duban::config::mail::{Login, Secret, SmtpSecurity, SmtpSettings};
use duban::delivery::{Outcome, Outgoing, send};
use duban::model::DeliveryPhase;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::home::{DEMO, Home};

/// A Python that has aiosmtpd: the system's, or one that is set up once beside the build.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(find_python).as_deref()
}

fn find_python() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("smtp-venv");
    let own = venv.join("bin/python");
    let has_it = |python: &Path| {
        let asked = Command::new(python).args(["-c", "import aiosmtpd"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    for python in [PathBuf::from("python3"), own.clone()] {
        if has_it(&python) {
            return Some(python);
        }
    }
    let ran = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    let made = ran(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        && ran(Command::new(&own).args(["-m", "pip", "install", "-q", "aiosmtpd==1.4.6"]));
    (made && has_it(&own)).then_some(own)
}

/// The server under a script; gone with this value.
pub struct Server {
    child: Child,
    pub port: u16,
    folder: TempDir,
}

impl Server {
    /// None, said aloud, where there is no aiosmtpd and none can be had; a failure in CI.
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    pub fn start(test: &str, script: &Value) -> Option<Server> {
        let Some(python) = python() else {
            assert!(std::env::var_os("CI").is_none(), "CI must have aiosmtpd");
            eprintln!("LEFT OUT: {test}: no Python with aiosmtpd, and pip could not get it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/smtp_server.py"))
            .arg(script.to_string())
            .arg(folder.path().join("log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("no port but {line:?}"));
        Some(Server { child, port, folder })
    }

    fn settings(&self) -> SmtpSettings {
        SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            security: SmtpSecurity::None,
            hello_name: "duban.example.cn".to_owned(),
            login: None,
            timeout_seconds: 20,
            ca_file: None,
        }
    }

    pub fn saw(&self, event: &str) -> Vec<Value> {
        let log = fs_err::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == event).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

const MAIL: &[u8] = b"From: a@example.cn\r\nTo: b@example.cn\r\nSubject: x\r\n\r\n\
    first\r\n.a line that begins with a dot\r\n.\r\n..\r\nlast\r\n";

fn outgoing(bytes: &[u8]) -> Outgoing<'_> {
    Outgoing { from: "秘书处 <duban@example.cn>", to: "town@example.cn", bytes }
}

/// What became of a mail, and the phases that were put on record on the way.
fn deliver(settings: &SmtpSettings, mail: &Outgoing<'_>) -> (Outcome, Vec<DeliveryPhase>) {
    let mut phases = Vec::new();
    let outcome = send(settings, mail, &mut |phase| {
        phases.push(phase);
        Ok(())
    });
    (outcome, phases)
}

fn deferred(code: u16, text: &str) -> Outcome {
    Outcome::Deferred { code, text: text.to_owned() }
}

fn refused(code: u16, text: &str) -> Outcome {
    Outcome::Refused { code: Some(code), text: text.to_owned() }
}

fn not_sent(phase: DeliveryPhase, text: &str) -> Outcome {
    Outcome::NotSent { phase, text: text.to_owned() }
}

use DeliveryPhase::{Connect, Data, End, Mail, Rcpt};

#[test]
fn a_mail_arrives_byte_for_byte_and_every_phase_is_on_record_before_it_begins() {
    let Some(server) = Server::start("a mail arrives", &json!({})) else { return };
    let mut seen_before = Vec::new();
    let outcome = send(&server.settings(), &outgoing(MAIL), &mut |phase| {
        let happened = ["connect", "mail", "rcpt", "dot"].map(|event| server.saw(event).len());
        seen_before.push((phase, happened));
        Ok(())
    });
    let text = "2.0.0 taken as 4711".to_owned();
    assert_eq!(outcome, Outcome::Accepted { code: 250, text });
    // What the server had seen when the phase was put on record: never the phase itself.
    let expected = [
        (Connect, [0, 0, 0, 0]),
        (Mail, [1, 0, 0, 0]),
        (Rcpt, [1, 1, 0, 0]),
        (Data, [1, 1, 1, 0]),
        (End, [1, 1, 1, 0]),
    ];
    assert_eq!(seen_before, expected);
    let content = server.saw("dot").remove(0)["content"].as_str().unwrap().to_owned();
    assert_eq!(content, base64(MAIL));
    assert_eq!(server.saw("mail")[0]["address"], "duban@example.cn");
    assert_eq!(server.saw("rcpt")[0]["address"], "town@example.cn");
    assert_eq!(server.saw("quit").len(), 1);
}

#[test]
fn a_large_mail_whose_pieces_end_in_lines_and_dots_arrives_whole() {
    let Some(server) = Server::start("a large mail", &json!({})) else { return };
    let mut bytes = b"Subject: x\r\n\r\n".to_vec();
    for n in 0..40_000 {
        bytes.extend_from_slice(format!(".{n}\r\n").as_bytes());
    }
    let (outcome, _) = deliver(&server.settings(), &outgoing(&bytes));
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(server.saw("dot")[0]["content"].as_str().unwrap(), base64(&bytes));
}

#[test]
fn each_refusal_is_told_by_its_code_and_the_phase_it_came_in() {
    let cases = [
        (
            json!({"banner": "421 4.3.2 closing for maintenance"}),
            deferred(421, "4.3.2 closing for maintenance"),
            vec![Connect],
        ),
        (
            json!({"banner": "554 5.7.1 you are on a list"}),
            not_sent(Connect, "554 5.7.1 you are on a list"),
            vec![Connect],
        ),
        (
            json!({"replies": {"MAIL": ["451 4.7.1 later"]}}),
            deferred(451, "4.7.1 later"),
            vec![Connect, Mail],
        ),
        (
            json!({"replies": {"MAIL": ["550 5.7.1 not you"]}}),
            refused(550, "5.7.1 not you"),
            vec![Connect, Mail],
        ),
        (
            json!({"replies": {"RCPT": ["450 4.2.0 greylisted"]}}),
            deferred(450, "4.2.0 greylisted"),
            vec![Connect, Mail, Rcpt],
        ),
        (
            json!({"replies": {"RCPT": ["550 5.1.1 no such user"]}}),
            refused(550, "5.1.1 no such user"),
            vec![Connect, Mail, Rcpt],
        ),
        (
            json!({"replies": {"DATA": ["421 4.3.0 going down"]}}),
            deferred(421, "4.3.0 going down"),
            vec![Connect, Mail, Rcpt, Data],
        ),
        (
            json!({"replies": {"DATA": ["554 5.5.1 no valid recipients"]}}),
            refused(554, "5.5.1 no valid recipients"),
            vec![Connect, Mail, Rcpt, Data],
        ),
        (
            json!({"replies": {"DOT": ["452 4.3.1 disk full"]}}),
            deferred(452, "4.3.1 disk full"),
            vec![Connect, Mail, Rcpt, Data, End],
        ),
        (
            json!({"replies": {"DOT": ["550 5.7.1 spam"]}}),
            refused(550, "5.7.1 spam"),
            vec![Connect, Mail, Rcpt, Data, End],
        ),
    ];
    for (script, expected, phases) in cases {
        let Some(server) = Server::start("each refusal", &script) else { return };
        assert_eq!(deliver(&server.settings(), &outgoing(MAIL)), (expected, phases), "{script}");
    }
}

#[test]
fn a_deferred_mail_is_taken_the_second_time() {
    let script = json!({"replies": {"RCPT": ["451 4.7.1 greylisted", null]}});
    let Some(server) = Server::start("a deferred mail", &script) else { return };
    let (first, _) = deliver(&server.settings(), &outgoing(MAIL));
    assert_eq!(first, deferred(451, "4.7.1 greylisted"));
    let (second, _) = deliver(&server.settings(), &outgoing(MAIL));
    assert!(matches!(second, Outcome::Accepted { code: 250, .. }), "{second:?}");
    assert_eq!(server.saw("dot").len(), 1);
}

#[test]
fn a_connection_lost_before_the_content_leaves_the_mail_unsent() {
    for (abort, phase) in [("RCPT", Rcpt), ("DATA", Data)] {
        let Some(server) = Server::start("a lost connection", &json!({"abort": abort})) else {
            return;
        };
        let (outcome, _) = deliver(&server.settings(), &outgoing(MAIL));
        assert!(
            matches!(&outcome, Outcome::NotSent { phase: at, .. } if *at == phase),
            "{abort}: {outcome:?}"
        );
    }
}

#[test]
fn a_connection_lost_amid_the_content_leaves_the_mail_unsent() {
    let Some(server) =
        Server::start("a connection lost amid the content", &json!({"abort": "content"}))
    else {
        return;
    };
    // More than the kernels' buffers hold, so that the loss is felt before the final dot.
    let mut bytes = b"Subject: x\r\n\r\n".to_vec();
    bytes.resize(64 * 1024 * 1024, b'x');
    let (outcome, phases) = deliver(&server.settings(), &outgoing(&bytes));
    assert!(matches!(outcome, Outcome::NotSent { phase: Data, .. }), "{outcome:?}");
    assert_eq!(phases, [Connect, Mail, Rcpt, Data]);
    assert_eq!(server.saw("dot").len(), 0);
}

#[test]
fn a_connection_lost_after_the_final_dot_leaves_the_mail_uncertain() {
    let Some(server) = Server::start("a connection lost after the dot", &json!({"abort": "DOT"}))
    else {
        return;
    };
    let (outcome, phases) = deliver(&server.settings(), &outgoing(MAIL));
    let Outcome::Uncertain { text } = &outcome else { panic!("{outcome:?}") };
    assert!(text.starts_with("no reply after the whole mail was sent: "), "{text}");
    assert_eq!(phases, [Connect, Mail, Rcpt, Data, End]);
    assert_eq!(server.saw("dot").len(), 1, "the server has it");
}

#[test]
fn a_server_that_never_greets_is_given_up_in_time() {
    let Some(server) = Server::start("a silent server", &json!({"banner": "silent"})) else {
        return;
    };
    let settings = SmtpSettings { timeout_seconds: 1, ..server.settings() };
    let (outcome, _) = deliver(&settings, &outgoing(MAIL));
    assert_eq!(outcome, not_sent(Connect, "the server did not answer in time"));
}

#[test]
fn a_server_that_is_not_there_leaves_the_mail_unsent() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port,
        security: SmtpSecurity::None,
        hello_name: "duban.example.cn".to_owned(),
        login: None,
        timeout_seconds: 5,
        ca_file: None,
    };
    let (outcome, phases) = deliver(&settings, &outgoing(MAIL));
    assert!(matches!(outcome, Outcome::NotSent { phase: Connect, .. }), "{outcome:?}");
    assert_eq!(phases, [Connect]);
}

#[test]
fn what_cannot_be_put_on_record_is_not_sent() {
    let Some(server) = Server::start("what cannot be recorded", &json!({})) else { return };
    for stop in [Connect, Mail, Rcpt, Data] {
        let outcome = send(&server.settings(), &outgoing(MAIL), &mut |phase| {
            if phase == stop { Err("disk full".into()) } else { Ok(()) }
        });
        assert!(
            matches!(&outcome, Outcome::NotSent { text, .. } if text.contains("disk full")),
            "{stop}: {outcome:?}"
        );
    }
    assert_eq!(server.saw("dot").len(), 0);
}

#[test]
fn a_login_is_taken_and_a_wrong_one_leaves_the_mail_unsent_without_showing_the_password() {
    let Some(server) = Server::start("a login", &json!({"login": ["duban", "right-pass"]})) else {
        return;
    };
    let with = |password: &str| {
        let login = Login { username: "duban".to_owned(), password: Secret::new(password) };
        SmtpSettings { login: Some(login), ..server.settings() }
    };
    let (outcome, _) = deliver(&with("right-pass"), &outgoing(MAIL));
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let (outcome, phases) = deliver(&with("wrong-pass"), &outgoing(MAIL));
    let Outcome::NotSent { phase: Connect, text } = &outcome else { panic!("{outcome:?}") };
    assert!(text.starts_with("127.0.0.1 refused the login: 535 "), "{text}");
    assert!(!text.contains("wrong-pass"));
    assert_eq!(phases, [Connect]);
    assert!(!format!("{:?}", with("wrong-pass")).contains("wrong-pass"));
    assert_eq!(server.saw("dot").len(), 1);
}

#[test]
fn an_unsecured_connection_to_another_machine_is_never_made() {
    let settings = SmtpSettings {
        host: "192.0.2.1".to_owned(),
        port: 25,
        security: SmtpSecurity::None,
        hello_name: "duban.example.cn".to_owned(),
        login: None,
        timeout_seconds: 1,
        ca_file: None,
    };
    let (outcome, _) = deliver(&settings, &outgoing(MAIL));
    let text = "192.0.2.1 is another machine, and an unsecured connection is for this one only";
    assert_eq!(outcome, not_sent(Connect, text));
}

/// A certificate authority made for one test, and a server certificate of it for `name`.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub fn make(name: &str) -> Certificates {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let server_key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .signed_by(&server_key, &issuer)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write =
            |file: &str, text: String| fs_err::write(folder.path().join(file), text).unwrap();
        write("ca.pem", authority.pem());
        write("cert.pem", server.pem());
        write("key.pem", server_key.serialize_pem());
        Certificates { folder }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn script(&self, tls: &str) -> Value {
        json!({"tls": tls, "cert": self.path("cert.pem"), "key": self.path("key.pem")})
    }
}

#[test]
fn a_secured_connection_is_made_where_the_certificate_is_right() {
    let certificates = Certificates::make("127.0.0.1");
    for (tls, security) in [("starttls", SmtpSecurity::Starttls), ("implicit", SmtpSecurity::Tls)] {
        let Some(server) = Server::start("a secured connection", &certificates.script(tls)) else {
            return;
        };
        let ca_file = Some(certificates.path("ca.pem"));
        let settings = SmtpSettings { security, ca_file, ..server.settings() };
        let (outcome, _) = deliver(&settings, &outgoing(MAIL));
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{tls}: {outcome:?}");
        assert_eq!(server.saw("mail")[0]["tls"], true, "{tls}");
    }
}

#[test]
fn a_wrong_certificate_stops_the_mail() {
    // Of an authority that nobody named, and for another name.
    let unknown = Certificates::make("127.0.0.1");
    let other_name = Certificates::make("mail.example.cn");
    let named = Some(other_name.path("ca.pem"));
    for (certificates, ca_file) in [(&unknown, None), (&other_name, named)] {
        for (tls, security) in
            [("starttls", SmtpSecurity::Starttls), ("implicit", SmtpSecurity::Tls)]
        {
            let Some(server) = Server::start("a wrong certificate", &certificates.script(tls))
            else {
                return;
            };
            let settings = SmtpSettings { security, ca_file: ca_file.clone(), ..server.settings() };
            let (outcome, phases) = deliver(&settings, &outgoing(MAIL));
            let Outcome::NotSent { phase: Connect, text } = &outcome else { panic!("{outcome:?}") };
            assert!(
                text.starts_with("the server's certificate was not accepted: "),
                "{tls}: {text}"
            );
            assert_eq!(phases, [Connect]);
            assert_eq!(server.saw("mail").len(), 0);
        }
    }
}

#[test]
fn a_server_without_starttls_is_not_used_where_it_is_demanded() {
    let Some(server) = Server::start("no STARTTLS", &json!({})) else { return };
    let settings = SmtpSettings { security: SmtpSecurity::Starttls, ..server.settings() };
    let (outcome, _) = deliver(&settings, &outgoing(MAIL));
    let text = "127.0.0.1 offers no STARTTLS, which the settings demand";
    assert_eq!(outcome, not_sent(Connect, text));
    assert_eq!(server.saw("mail").len(), 0);
}

#[test]
fn what_the_server_cannot_take_is_refused_in_plain_words() {
    let Some(server) = Server::start("no SMTPUTF8", &json!({})) else { return };
    let mail = Outgoing { to: "秘书@example.cn", ..outgoing(MAIL) };
    let (outcome, _) = deliver(&server.settings(), &mail);
    let text = "the server takes only addresses of ASCII letters (no SMTPUTF8)".to_owned();
    assert_eq!(outcome, Outcome::Refused { code: None, text });
    let Some(server) = Server::start("SMTPUTF8", &json!({"smtputf8": true})) else { return };
    let (outcome, _) = deliver(&server.settings(), &mail);
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(server.saw("mail")[0]["options"], json!(["SMTPUTF8"]));
    let (outcome, _) =
        deliver(&server.settings(), &Outgoing { to: "no address", ..outgoing(MAIL) });
    assert!(matches!(outcome, Outcome::Refused { code: None, .. }), "{outcome:?}");
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let part = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let n = part(0) << 16 | part(1) << 8 | part(2);
        for place in 0..=three.len() {
            text.push(char::from(LETTERS[(n >> (18 - 6 * place)) as usize & 63]));
        }
        text.push_str(&"=".repeat(3 - three.len()));
    }
    text
}

/// The demo's home with one more secretary, who has not had the last report yet, and its server.
fn home_with_a_new_secretary(server: &Server) -> (Home, impl Fn(&Home) -> Command) {
    let home = Home::copy_of(&DEMO.root);
    home.keep_reports(&["joint_meeting"]);
    let contacts = home.read("config/contacts.csv");
    home.write(
        "config/contacts.csv",
        format!(
            "{contacts}120114,secretariat,秘书处,（示例）新到岗,new@wuqing.example,022-00000099\n"
        ),
    );
    let port = server.port.to_string();
    let run = move |home: &Home| {
        let mut command = home.command(&["run", "--period", "2024-12", "--send"]);
        command
            .env("DUBAN__MAIL__TRANSPORT", "smtp")
            .env("DUBAN__MAIL__SMTP__HOST", "127.0.0.1")
            .env("DUBAN__MAIL__SMTP__PORT", &port)
            .env("DUBAN__MAIL__SMTP__SECURITY", "none");
        command
    };
    (home, run)
}

fn state_of_the_new_mail(home: &Home) -> String {
    let rows = home.query("SELECT state FROM deliveries WHERE recipient = 'new@wuqing.example'");
    assert_eq!(rows.len(), 1, "one mail for one recipient");
    rows[0]["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_mails_its_report_to_a_real_server_once() {
    let Some(server) = Server::start("a run over SMTP", &json!({})) else { return };
    let (home, run) = home_with_a_new_secretary(&server);
    for _ in 0..2 {
        let output = run(&home).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(state_of_the_new_mail(&home), "accepted");
        assert_eq!(server.saw("dot").len(), 1, "the server took it once");
        assert_eq!(server.saw("rcpt").len(), 1, "those who had it by folder are not written to");
    }
}

#[test]
fn a_run_killed_after_data_began_leaves_the_mail_uncertain_and_never_sends_it_again() {
    let Some(server) = Server::start("a run killed at DATA", &json!({})) else { return };
    let (home, run) = home_with_a_new_secretary(&server);
    let marker = home.root.join("data/standing-still");
    let mut child = run(&home)
        .env("DUBAN_STOP_AT", "deliver:data")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !marker.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it still runs");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for _ in 0..2 {
        let output = run(&home).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(state_of_the_new_mail(&home), "uncertain");
        assert!(server.saw("dot").len() <= 1, "the server saw it at most once");
    }
    let shown = home.ok(&["mail", "list", "--state", "uncertain"]);
    assert!(shown.contains("new@wuqing.example"), "{shown}");
}
