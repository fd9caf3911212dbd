//! Certificates that are right, and each way in which they are not.

use duban::model::FetchState;
use duban::pipeline::Silent;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::home::Home;
use crate::http_support::{NOW, Server, ask_at, csv, district, open, troubles};

/// An authority made for one test, and a server's certificate of it.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// For a name, valid until the end of a year; none: for a long time.
    fn make(name: &str, until: Option<i32>) -> Certificates {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let server_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if let Some(year) = until {
            params.not_before = date_time_ymd(year, 1, 1);
            params.not_after = date_time_ymd(year, 12, 31);
        }
        let server = params.signed_by(&server_key, &issuer).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write =
            |file: &str, text: String| fs_err::write(folder.path().join(file), text).unwrap();
        write("ca.pem", authority.pem());
        write("cert.pem", server.pem());
        write("key.pem", server_key.serialize_pem());
        Certificates { folder }
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    fn script(&self) -> Value {
        let reply = json!([{"body": csv(7)}]);
        json!({
            "cert": self.path("cert.pem"), "key": self.path("key.pem"),
            "paths": {"/t01/2024-09/counts.csv": reply},
        })
    }
}

/// What asking a server with these certificates brought, and the home.
fn asked(test: &str, certificates: &Certificates, trusted: bool) -> Option<(Home, Server)> {
    let server = Server::start(test, &certificates.script())?;
    let home = district(1);
    let more = if trusted {
        // Relative to the home, as an operator writes it.
        home.write("config/ca.pem", fs_err::read(certificates.path("ca.pem")).unwrap());
        "ca_file = \"config/ca.pem\"\nretries = 0"
    } else {
        "retries = 0"
    };
    ask_at(&home, &server.url().replace("http:", "https:"), more);
    open(&home, NOW).collect_dataset("counts", &Silent).unwrap();
    Some((home, server))
}

fn is_refused(test: &str, certificates: &Certificates, trusted: bool, reason: &str, hint: &str) {
    let Some((home, server)) = asked(test, certificates, trusted) else { return };
    let troubles = troubles(&home, NOW);
    let [(_, trouble)] = troubles.as_slice() else { panic!("{troubles:?}") };
    assert_eq!(trouble["state"], FetchState::BadCertificate.as_str(), "{trouble}");
    assert!(trouble["message"].as_str().unwrap().contains(reason), "{trouble}");
    assert!(trouble["hint"].as_str().unwrap().contains(hint), "{trouble}");
    assert_eq!(server.saw(), Vec::<Value>::new(), "nothing was said to it");
}

#[test]
fn a_certificate_of_an_authority_that_is_named_is_trusted() {
    let right = Certificates::make("127.0.0.1", None);
    let Some((home, _server)) = asked("a certificate", &right, true) else { return };
    assert_eq!(troubles(&home, NOW), []);
    assert_eq!(home.count("SELECT sum(n) FROM counts"), 7);
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let unknown = Certificates::make("127.0.0.1", None);
    is_refused("an unknown authority", &unknown, false, "no known authority signed it", "ca_file");
}

#[test]
fn an_expired_certificate_is_refused() {
    let expired = Certificates::make("127.0.0.1", Some(2020));
    is_refused("an expired certificate", &expired, true, "it has expired", "must renew it");
    let early = Certificates::make("127.0.0.1", Some(2100));
    is_refused("a certificate of tomorrow", &early, true, "not valid yet", "this machine's clock");
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let other = Certificates::make("other.example", None);
    let reason = "it is for other.example, not for 127.0.0.1";
    is_refused("another host", &other, true, reason, "check the host in the address");
}

#[test]
fn a_server_that_speaks_no_tls_is_said() {
    let Some(server) = Server::start("no TLS", &json!({})) else { return };
    let home = district(1);
    ask_at(&home, &server.url().replace("http:", "https:"), "retries = 0");
    open(&home, NOW).collect_dataset("counts", &Silent).unwrap();
    let (_, trouble) = &troubles(&home, NOW)[0];
    assert_eq!(trouble["state"], FetchState::BadCertificate.as_str(), "{trouble}");
    assert!(trouble["hint"].as_str().unwrap().contains("the right port"), "{trouble}");
}

#[test]
fn an_authority_whose_file_is_gone_is_said() {
    let right = Certificates::make("127.0.0.1", None);
    let Some((home, _server)) = asked("the file is gone", &right, true) else { return };
    let pipeline = open(&home, "2024-10-09T01:00:00Z");
    fs_err::remove_file(home.root.join("config/ca.pem")).unwrap();
    let outcome = pipeline.collect_dataset("counts", &Silent).unwrap();
    let trouble = &outcome.pulled.troubles[0];
    assert_eq!(trouble.state, FetchState::BadCertificate);
    assert!(trouble.message.contains("ca_file"), "{}", trouble.message);
}
