//! Composed mails as a parser of another make reads them, and mails put into a folder.

use std::io::Write;
use std::process::{Command, Stdio};

use duban::config::mail::{MailSettings, MailTransport, SmtpSecurity, SmtpTable};
use duban::delivery::{
    ComposeError, Envelope, FolderError, Placed, address_of, backoff_minutes, compose,
    deliver_to_folder, message_id,
};
use duban::model::{Attachment, InlineImage, MailContent};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn content() -> MailContent {
    MailContent {
        subject: "学前教育普及普惠攻坚工作进展情况报告（2024年9月）：三率、台账与各镇街情况一览"
            .to_owned(),
        html: format!(
            "<html><body><h1>总体进展</h1><img src=\"cid:trend\" alt=\"趋势\">{}</body></html>",
            "<p>。</p>".repeat(400)
        ),
        text: "总体进展\n.以点开头的一行\nFrom 开头的一行\n全区在园幼儿 25113 人。\n".to_owned(),
        inline: vec![InlineImage {
            content_id: "trend".to_owned(),
            media_type: "image/png".to_owned(),
            bytes: (0..=255).cycle().take(5000).collect(),
        }],
        attachments: vec![
            Attachment {
                file_name: "武清区学前教育普及普惠攻坚工作进展情况报告（2024年9月，第3期）.pdf"
                    .to_owned(),
                media_type: "application/pdf".to_owned(),
                bytes: b"%PDF-1.7 \r\r\n\0 bytes".to_vec(),
            },
            Attachment {
                file_name: "各镇街 \"三率\".csv".to_owned(),
                media_type: "text/csv".to_owned(),
                // ASCII with lone line ends: they must arrive as they are.
                bytes: b"a,b\n1,2\n\n.\n".to_vec(),
            },
        ],
    }
}

fn envelope() -> Envelope {
    Envelope {
        from: "武清区联席会议秘书处 <duban@example.cn>".to_owned(),
        to: "town1@example.cn".to_owned(),
        reply_to: Some("office@example.cn".to_owned()),
        message_id: message_id("edition:12", "town1@example.cn", "秘书处 <duban@example.cn>"),
        date: "2024-10-08T01:30:00Z".parse().unwrap(),
        edition: Some("joint_meeting/2024-09/3".to_owned()),
    }
}

/// What Python's email package reads; none, said aloud, where there is no Python.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn read_by_python(test: &str, bytes: &[u8]) -> Option<Value> {
    let spawned = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/read_mail.py"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        assert!(std::env::var_os("CI").is_none(), "CI must have python3");
        eprintln!("LEFT OUT: {test}: no python3");
        return None;
    };
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[test]
fn a_composed_mail_reads_the_same_in_a_parser_of_another_make() {
    let bytes = compose(&content(), &envelope()).unwrap();
    let Some(read) = read_by_python("a composed mail", &bytes) else { return };
    let content = content();
    assert_eq!(read["defects"], json!([]));
    assert_eq!(read["subject"], content.subject);
    assert_eq!(
        read["from"],
        json!([{"name": "武清区联席会议秘书处", "address": "duban@example.cn"}])
    );
    assert_eq!(read["to"], json!([{"name": "", "address": "town1@example.cn"}]));
    assert_eq!(read["reply_to"], json!([{"name": "", "address": "office@example.cn"}]));
    assert_eq!(read["message_id"], format!("<{}>", envelope().message_id));
    assert_eq!(read["instant"], "2024-10-08T01:30:00+00:00");
    assert_eq!(read["auto_submitted"], "auto-generated");
    assert_eq!(read["edition"], "joint_meeting/2024-09/3");
    assert_eq!(
        read["tree"],
        json!([
            "multipart/mixed",
            [
                "multipart/alternative",
                "text/plain",
                ["multipart/related", "text/html", "image/png"]
            ],
            "application/pdf",
            "text/csv"
        ])
    );
    assert_eq!(
        read["text"].as_str().unwrap().replace("\r\n", "\n").trim_end(),
        content.text.trim_end()
    );
    assert_eq!(read["html"].as_str().unwrap().trim_end(), content.html);
    assert_eq!((&read["text_charset"], &read["html_charset"]), (&json!("utf-8"), &json!("utf-8")));
    assert_eq!(read["inline"][0]["content_id"], "<trend>");
    assert_eq!(read["inline"][0]["disposition"], "inline");
    assert_eq!(read["inline"][0]["sha256"], sha256(&content.inline[0].bytes));
    for (index, attachment) in content.attachments.iter().enumerate() {
        assert_eq!(read["attachments"][index]["file_name"], attachment.file_name);
        assert_eq!(read["attachments"][index]["disposition"], "attachment");
        assert_eq!(read["attachments"][index]["sha256"], sha256(&attachment.bytes));
    }
    // RFC 5322 2.1.1: at most 998; we keep to 7-bit lines that any server takes.
    assert!(read["longest_line"].as_u64().unwrap() <= 200, "{}", read["longest_line"]);
    assert_eq!((&read["lone_line_ends"], &read["ascii"]), (&json!(0), &json!(true)));
}

#[test]
fn a_mail_without_pictures_and_attachments_is_only_its_two_texts() {
    let plain = MailContent { inline: Vec::new(), attachments: Vec::new(), ..content() };
    let bytes = compose(&plain, &Envelope { edition: None, reply_to: None, ..envelope() }).unwrap();
    let Some(read) = read_by_python("a plain mail", &bytes) else { return };
    assert_eq!(read["tree"], json!(["multipart/alternative", "text/plain", "text/html"]));
    assert_eq!((&read["edition"], &read["reply_to"]), (&Value::Null, &json!([])));
    assert_eq!(read["defects"], json!([]));
}

#[test]
fn the_same_mail_composes_to_the_same_bytes() {
    let once = compose(&content(), &envelope()).unwrap();
    assert_eq!(once, compose(&content(), &envelope()).unwrap());
    let other = Envelope { to: "town2@example.cn".to_owned(), ..envelope() };
    assert_ne!(once, compose(&content(), &other).unwrap());
}

#[test]
fn a_message_id_belongs_to_one_subject_and_one_recipient() {
    let id = message_id("edition:12", "town1@example.cn", "秘书处 <duban@example.cn>");
    assert_eq!(id, message_id("edition:12", "town1@example.cn", "duban@example.cn"));
    assert_ne!(id, message_id("edition:13", "town1@example.cn", "duban@example.cn"));
    assert_ne!(id, message_id("edition:12", "town2@example.cn", "duban@example.cn"));
    let (hash, domain) = id.split_once('@').unwrap();
    assert!(hash.len() == 32 && hash.chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(domain, "example.cn");
}

#[test]
fn a_wrong_address_and_a_header_with_a_line_break_are_refused() {
    let wrong = Envelope { to: "town1 at example.cn".to_owned(), ..envelope() };
    let error = compose(&content(), &wrong).unwrap_err();
    assert_eq!(error.to_string(), "the recipient \"town1 at example.cn\" is no mail address");
    let smuggled = MailContent { subject: "a\r\nBcc: x@example.com".to_owned(), ..content() };
    assert!(matches!(compose(&smuggled, &envelope()), Err(ComposeError::Control { .. })));
    let smuggled = Envelope { to: "a@example.cn\r\nBcc: x@example.com".to_owned(), ..envelope() };
    assert!(matches!(compose(&content(), &smuggled), Err(ComposeError::Control { .. })));
    let mut odd = content();
    odd.attachments[0].media_type = "pdf".to_owned();
    assert_eq!(compose(&odd, &envelope()).unwrap_err().to_string(), "\"pdf\" is no media type");
    assert_eq!(address_of("the sender", "秘书处 <a@example.cn>").unwrap(), "a@example.cn");
    assert!(address_of("the sender", "秘书处").is_err());
}

#[test]
fn a_mail_is_put_into_its_folder_once() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("mail/2024-09");
    let (path, placed) = deliver_to_folder(&folder, "ab12@example.cn", b"one").unwrap();
    assert_eq!(path, folder.join("ab12@example.cn.eml"));
    assert_eq!(placed, Placed::Written);
    let written = path.metadata().unwrap().modified().unwrap();
    let again = deliver_to_folder(&folder, "ab12@example.cn", b"one").unwrap();
    assert_eq!(again, (path.clone(), Placed::Already));
    assert_eq!(path.metadata().unwrap().modified().unwrap(), written);
    let other = deliver_to_folder(&folder, "ab12@example.cn", b"two");
    assert!(matches!(other, Err(FolderError::Differs { .. })));
    assert_eq!(fs_err::read(&path).unwrap(), b"one");
    assert_eq!(fs_err::read_dir(&folder).unwrap().count(), 1, "nothing else is left there");
}

#[test]
fn what_a_killed_attempt_left_behind_does_not_matter() {
    let home = tempfile::tempdir().unwrap();
    fs_err::write(home.path().join(".ab12@example.cn.tmp"), b"ha").unwrap();
    let (path, placed) = deliver_to_folder(home.path(), "ab12@example.cn", b"whole").unwrap();
    assert_eq!((placed, fs_err::read(path).unwrap()), (Placed::Written, b"whole".to_vec()));
    assert_eq!(fs_err::read_dir(home.path()).unwrap().count(), 1);
}

#[test]
fn a_message_id_that_would_leave_the_folder_is_refused() {
    let home = tempfile::tempdir().unwrap();
    for name in ["", "../x", "a/b@c", ".hidden", "a\0b"] {
        let error = deliver_to_folder(home.path(), name, b"x").unwrap_err();
        assert!(matches!(error, FolderError::Name { .. }), "{name:?}");
    }
    assert_eq!(fs_err::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn waiting_grows_to_a_few_times_a_day() {
    assert_eq!([1, 2, 3, 4, 5, 1000].map(backoff_minutes), [5, 15, 60, 240, 240, 240]);
}

fn settings(text: &str) -> MailSettings {
    toml::from_str(text).unwrap()
}

#[test]
fn mail_settings_are_read_and_secrets_come_from_the_environment_alone() {
    let written = settings(
        r#"
        transport = "smtp"
        from = "秘书处 <duban@example.cn>"
        allowed_domains = ["example.cn"]
        [smtp]
        host = "mail.example.cn"
        username_env = "MAIL_USER"
        password_env = "MAIL_PASSWORD"
        "#,
    );
    assert_eq!(written.transport, MailTransport::Smtp);
    let env = |name: &str| match name {
        "MAIL_USER" => Some("duban".to_owned()),
        "MAIL_PASSWORD" => Some("s3cret".to_owned()),
        _ => None,
    };
    let smtp = written.smtp_settings(env).unwrap();
    assert_eq!(
        (smtp.port, smtp.security, smtp.hello_name.as_str()),
        (587, SmtpSecurity::Starttls, "example.cn")
    );
    let login = smtp.login.clone().unwrap();
    assert_eq!((login.username.as_str(), login.password.expose()), ("duban", "s3cret"));
    assert!(!format!("{smtp:?} {}", login.password).contains("s3cret"));
    let missing = written.smtp_settings(|_| None).unwrap_err();
    let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        [
            "mail.smtp.username_env: the environment variable MAIL_USER is not set",
            "mail.smtp.password_env: the environment variable MAIL_PASSWORD is not set",
        ]
    );
    assert!(toml::from_str::<MailSettings>("transprot = \"smtp\"").is_err());
    assert!(toml::from_str::<MailSettings>("[smtp]\npassword = \"s3cret\"").is_err());
}

#[test]
fn unsecured_mail_is_for_this_machine_only() {
    let with = |host: &str| MailSettings {
        smtp: SmtpTable {
            host: host.to_owned(),
            security: SmtpSecurity::None,
            ..SmtpTable::default()
        },
        ..MailSettings::default()
    };
    for host in ["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"] {
        assert!(with(host).smtp_settings(|_| None).is_ok(), "{host}");
    }
    for host in ["mail.example.cn", "10.0.0.1", "localhost.example.cn", ""] {
        assert!(with(host).smtp_settings(|_| None).is_err(), "{host}");
    }
}

#[test]
fn only_allowed_domains_are_written_to() {
    let guarded = settings("allowed_domains = [\"example.cn\"]");
    assert!(guarded.allows("a@example.cn") && guarded.allows("a@EXAMPLE.CN"));
    assert!(!guarded.allows("a@example.com") && !guarded.allows("a@sub.example.cn"));
    assert!(!guarded.allows("no address"));
    assert!(settings("").allows("a@anywhere.org"));
}
