//! Reports of delivery (RFC 3464) in a Maildir: which mail came back is told, and nothing else is touched.

use serde_json::Value;

use crate::home::Home;
use crate::small;

/// A report as servers write it: with the original's headers, or the whole of it.
fn report(message_id: &str, recipient: &str, action: &str, status: &str, part: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.wuqing.example\r\nTo: duban@wuqing.example\r\n\
         Subject: Delivery Status Notification\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nYour mail could not be delivered.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.wuqing.example\r\n\r\n\
         Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; 550 {status} no such user,\r\n\tor none any more\r\n\r\n\
         --b\r\nContent-Type: {part}\r\n\r\n\
         From: duban@wuqing.example\r\nTo: {recipient}\r\nMessage-ID: <{message_id}>\r\nSubject: x\r\n\r\n\
         --b--\r\n"
    )
}

fn mails(home: &Home) -> Vec<Value> {
    serde_json::from_str(&home.ok(&["mail", "list", "--format", "json"])).expect("mails")
}

fn state(home: &Home, recipient: &str) -> String {
    let mails = mails(home);
    let mail = mails.iter().find(|mail| mail["recipient"] == recipient).expect("a mail");
    mail["state"].as_str().unwrap().to_owned()
}

fn message_id(home: &Home, recipient: &str) -> String {
    let rows =
        home.query(&format!("SELECT message_id FROM deliveries WHERE recipient = '{recipient}'"));
    rows[0]["message_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_mail_that_came_back_is_bounced_one_that_is_late_is_not_and_other_mails_stay_unseen() {
    let home = small::home(&["gone", "late", "well"]);
    small::drop_month(&home, "2024-03");
    let settings = home.read("config/duban.toml");
    home.write("config/duban.toml", settings + "\n[mail.bounces]\nmaildir = \"Maildir\"\n");
    let run = ["run", "--period", "2024-03", "--send"];
    // A mailbox that is not there is said, and holds nothing up.
    let output = home.duban(&run);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no Maildir"));
    let at = |name: &str| format!("{name}@wuqing.example");
    assert_eq!(state(&home, &at("gone")), "accepted");

    let (gone, late, well) = (
        message_id(&home, &at("gone")),
        message_id(&home, &at("late")),
        message_id(&home, &at("well")),
    );
    let headers = "text/rfc822-headers";
    let whole = "message/rfc822";
    home.write("Maildir/new/1", report(&gone, &at("gone"), "failed", "5.1.1", headers));
    home.write("Maildir/new/2", report(&late, &at("late"), "delayed", "4.4.1", whole));
    home.write("Maildir/new/3", report("nobody@elsewhere", &at("x"), "failed", "5.1.1", whole));
    // It names another address than the one that this mail went to.
    home.write("Maildir/new/4", report(&well, &at("somebody"), "failed", "5.1.1", whole));
    home.write("Maildir/new/5", "From: a@b.cn\r\nSubject: question\r\n\r\nhello\r\n");
    home.write("Maildir/new/6", report(&well, &at("well"), "delivered", "2.0.0", whole));
    home.ok(&run);
    assert_eq!(state(&home, &at("gone")), "bounced");
    assert_eq!(state(&home, &at("late")), "accepted");
    assert_eq!(state(&home, &at("well")), "accepted");
    let unseen = |name: &str| home.root.join("Maildir/new").join(name).exists();
    assert_eq!(["1", "2", "3", "4", "5", "6"].map(unseen), [false, false, true, true, true, true]);
    assert!(home.root.join("Maildir/cur/1:2,S").is_file());
    let id = |name: &str| {
        let all = mails(&home);
        all.iter().find(|mail| mail["recipient"] == at(name)).unwrap()["id"].to_string()
    };
    let told = home.ok(&["mail", "show", &id("gone"), "--format", "json"]);
    assert!(told.contains("5.1.1") && told.contains("no such user, or none any more"), "{told}");
    assert!(home.ok(&["mail", "show", &id("late"), "--format", "json"]).contains("4.4.1"));

    // The same report again changes nothing, and a bounced mail is not sent by itself.
    let before = mails(&home);
    home.write("Maildir/new/7", report(&gone, &at("gone"), "failed", "5.1.1", headers));
    home.ok(&run);
    assert_eq!(mails(&home), before);
}
