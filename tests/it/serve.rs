//! The daemon as a process: on a schedule of seconds, against a web server and a mail server of
//! another make, until it is told to stop.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::home::Home;
use crate::serve_home::{MailServer, RECIPIENTS, Serve, WebServer, home_month, small_home};
use crate::tools::{python_with, repository};

/// What programs of another make read from the daemon's pages.
fn pages(address: &str) -> Option<Value> {
    let mut python = python_with("prometheus_client", "the daemon's pages")?;
    let output = python
        .arg(repository().join("tests/tools/read_pages.py"))
        .arg(format!("http://{address}"))
        .output()
        .expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn code(home: &Home, args: &[&str]) -> (Option<i32>, String) {
    let output = home.duban(args);
    let words = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&words).into_owned())
}

/// What Python's `email` makes of a mail that the server saw.
fn parsed(base64: &str) -> Value {
    let script = "import base64,sys; sys.stdout.buffer.write(base64.b64decode(sys.stdin.read()))";
    let run = |command: &mut Command, input: &[u8]| {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python runs");
        let mut stdin = child.stdin.take().expect("piped");
        std::io::Write::write_all(&mut stdin, input).expect("written");
        drop(stdin);
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.success());
        output.stdout
    };
    let mut decode = python_with("email", "a mail").expect("Python has email");
    let mail = run(decode.args(["-c", script]), base64.as_bytes());
    let mut parse = python_with("email", "a mail").expect("Python has email");
    let told = run(parse.arg(repository().join("tests/tools/read_mail.py")).arg("-"), &mail);
    serde_json::from_slice(&told).expect("JSON")
}

#[test]
fn the_daemon_collects_reports_and_mails_by_itself_and_after_a_restart_nothing_twice() {
    const PASSWORD: &str = "a-secret-of-the-test";
    let script = json!({"login": ["duban", PASSWORD]});
    let Some(mails) = MailServer::start("the daemon end to end", &script) else { return };
    let Some(web) = WebServer::start("the daemon end to end") else { return };
    let home = small_home();
    let month = home_month(&home);
    web.put(&format!("9002/{month}/headcount.csv"), "园所,人数\n虚构三园,57\n");
    home.write(
        "config/sources.toml",
        format!(
            "[[http]]\nname = \"platform\"\nurl = \"http://127.0.0.1:{}/{{unit}}/{{period}}/{{dataset}}.csv\"\n\
             units = [\"9002\"]\n",
            web.port
        ),
    );
    let begin = || {
        Serve::start(&home, |command| {
            command.envs(mails.settings());
            command.env("DUBAN__MAIL__SMTP__USERNAME_ENV", "TEST_USER").env("TEST_USER", "duban");
            command.env("DUBAN__MAIL__SMTP__PASSWORD_ENV", "TEST_PASSWORD");
            command.env("TEST_PASSWORD", PASSWORD);
        })
    };

    let mut serve = begin();
    let address = serve.address();
    serve.wait_for("the report's slot is done", |line| {
        line["message"] == "slot done" && line["schedule"] == "report:brief"
    });

    // Both towns came in, by the drop folder and by HTTP, and the report went to both recipients.
    let doors = home.query("SELECT reporter_code, door, state FROM submissions ORDER BY 1");
    let accepted =
        |unit: &str, door: &str| json!({"reporter_code": unit, "door": door, "state": "accepted"});
    assert_eq!(doors, [accepted("9001", "inbox"), accepted("9002", "http")]);
    let to: BTreeSet<String> =
        mails.saw("rcpt").iter().map(|seen| seen["address"].as_str().unwrap().to_owned()).collect();
    assert_eq!(to, RECIPIENTS.map(str::to_owned).into());
    let sent = mails.saw("dot");
    assert_eq!(sent.len(), 2);
    let mail = parsed(sent[0]["content"].as_str().unwrap());
    assert_eq!(mail["defects"], json!([]));
    assert!(mail["subject"].as_str().unwrap().contains("示例简报"), "{}", mail["subject"]);
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("43") && text.contains("57"), "31 + 12 and 57: {text}");

    // Who asks is told.
    let (asked, words) = code(&home, &["status", "--check"]);
    assert_eq!(asked, Some(0), "{words}");
    let screen = home.ok(&["status"]);
    assert!(screen.contains(&format!("process {}", serve.pid())), "{screen}");
    assert!(screen.contains("report:brief"), "{screen}");
    if let Some(pages) = pages(&address) {
        assert_eq!(pages["health"]["code"], 200, "{}", pages["health"]);
        assert_eq!(pages["health"]["pid"], serve.pid());
        assert_eq!(pages["elsewhere"], 404);
        let metrics = &pages["metrics"];
        assert_eq!(metrics["duban_submissions{dataset=headcount,state=accepted}"], 2.0);
        assert_eq!(metrics["duban_deliveries{state=accepted}"], 2.0);
        assert_eq!(metrics["duban_deliveries{state=uncertain}"], 0.0, "there, though none is");
        assert_eq!(metrics["duban_editions"], 1.0);
        assert_eq!(metrics["duban_awaited_submissions{dataset=headcount,overdue=true}"], 0.0);
        let fetched = |state: &str| {
            let name = format!("duban_fetches{{source=platform,state={state}}}");
            metrics[name].as_f64().unwrap_or(0.0)
        };
        assert!((fetched("taken") + fetched("unchanged") - 1.0).abs() < 1e-9, "{metrics}");
        assert!(metrics["duban_slots{schedule=report:brief,state=done}"].as_f64() >= Some(1.0));
        assert!(metrics["duban_run_duration_seconds_count{state=done}"].as_f64() >= Some(2.0));
        assert!(metrics["process_resident_memory_bytes"].as_f64() > Some(1e6));
        assert_eq!(
            pages["families"]["duban_run_duration_seconds"],
            json!(["histogram", "seconds"])
        );
        let text = pages["metrics_text"].as_str().unwrap();
        assert!(!text.contains('@') && !text.contains(PASSWORD), "{text}");
    }

    // A second one is told who is there.
    let (refused, words) = code(&home, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused, Some(2), "{words}");
    assert!(words.contains(&format!("process {}", serve.pid())), "{words}");

    serve.signal("TERM");
    assert_eq!(serve.ended().code(), Some(0), "{}", serve.raw.join("\n"));
    let (asked, words) = code(&home, &["status", "--check"]);
    assert_eq!(asked, Some(1), "{words}");

    // Begun again it finds nothing to send.
    let mut again = begin();
    again.wait_for("the report's slot is done again", |line| {
        line["message"] == "slot done" && line["schedule"] == "report:brief"
    });
    again.signal("TERM");
    assert_eq!(again.ended().code(), Some(0));
    assert_eq!(mails.saw("dot").len(), 2, "nothing was sent twice");
    assert_eq!(home.count("SELECT count(*) FROM editions"), 1);
    let twice = home.count(
        "SELECT count(*) FROM (SELECT sha256 FROM submissions GROUP BY sha256 HAVING count(*) > 1)",
    );
    assert_eq!(twice, 0);

    // What was said meanwhile names nobody, and no secret.
    for line in serve.raw.iter().chain(&again.raw) {
        assert!(!line.contains(PASSWORD), "{line}");
        assert!(RECIPIENTS.iter().all(|address| !line.contains(address)), "{line}");
        assert!(!line.contains("022-"), "{line}");
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    }
    let steps: BTreeSet<&str> = serve.log.iter().filter_map(|line| line["step"].as_str()).collect();
    for step in ["receive", "snapshot", "report", "queue", "deliver"] {
        assert!(steps.contains(step), "{step} is told: {steps:?}");
    }
}

#[test]
fn a_failure_is_told_once_with_masked_recipients_and_the_mail_waits() {
    let script = json!({"replies": {"RCPT": ["550 no such person <zhao.invented@example.cn>", "450 later"]}});
    let Some(mails) = MailServer::start("a failure is told once", &script) else { return };
    let home = small_home();
    let mut serve = Serve::start(&home, |command| {
        command.envs(mails.settings());
    });
    let address = serve.address();
    for _ in 0..2 {
        serve.wait_for("the report's slot is done", |line| {
            line["message"] == "slot done" && line["schedule"] == "report:brief"
        });
    }
    if let Some(pages) = pages(&address) {
        let of = |overdue| {
            let name = format!("duban_awaited_submissions{{dataset=headcount,overdue={overdue}}}");
            pages["metrics"][name].as_f64().expect("a count")
        };
        assert!((of(true) + of(false) - 1.0).abs() < 1e-9, "乙镇 has sent nothing");
        assert_eq!(pages["metrics"]["duban_deliveries{state=refused}"], 1.0);
    }
    serve.signal("INT");
    assert_eq!(serve.ended().code(), Some(0));
    let told: Vec<&String> =
        serve.raw.iter().filter(|line| line.contains("***@example.cn")).collect();
    assert_eq!(told.len(), 2, "one line a mail that did not go: {told:#?}");
    assert!(told[0].contains("refused") && !told[0].contains("zhao"), "{}", told[0]);
    let states = home.query("SELECT state FROM deliveries ORDER BY state");
    assert_eq!(states, [json!({"state": "deferred"}), json!({"state": "refused"})]);
}

#[test]
fn what_it_cannot_serve_is_refused_with_why() {
    let home = small_home();
    let (refused, words) = code(&home, &["--as-of", "2024-10-10T00:00:00Z", "serve"]);
    assert_eq!(refused, Some(2), "{words}");
    for address in ["0.0.0.0:0", "10.0.0.1:80"] {
        let (refused, words) = code(&home, &["serve", "--listen", address]);
        assert_eq!(refused, Some(2), "{words}");
        assert!(words.contains("password") && words.contains("listen_anywhere"), "{words}");
    }
    let settings = home.read("config/duban.toml");
    home.write("config/duban.toml", format!("{settings}listen = \"0.0.0.0:9820\"\n"));
    let (refused, words) = code(&home, &["serve"]);
    assert_eq!(refused, Some(1), "{words}");
    assert!(words.contains("config/duban.toml:10"), "names the line: {words}");
    home.write("config/duban.toml", &settings);

    // All that is wrong, also what only a compiler can tell.
    home.write("pipelines/_metrics/wrong.sql", "-- title: 错\nSELECT no_such FROM headcount\n");
    home.write("pipelines/_metrics/worse.sql", "-- title: 错\nSELECT 1 FROM headcuont\n");
    let (refused, words) = code(&home, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused, Some(1), "{words}");
    assert!(words.contains("headcuont") && words.contains("no_such"), "both: {words}");
    assert_eq!(home.count("SELECT count(*) FROM runs"), 0, "nothing was begun");
}

/// A daemon that stands still in a step, as a test asked it to.
fn standing_still(home: &Home, stop_seconds: &str) -> Serve {
    let mut serve = Serve::start(home, |command| {
        command.env("DUBAN_STOP_AT", "metric:begin");
        command.env("DUBAN__DAEMON__STOP_SECONDS", stop_seconds);
    });
    serve.wait_for("it stands still", |line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("standing still"))
    });
    serve
}

#[test]
fn a_step_that_does_not_end_holds_up_the_stop_only_so_long_and_the_next_start_mends_it() {
    let home = small_home();
    let mut serve = standing_still(&home, "1");
    serve.signal("TERM");
    assert_eq!(serve.ended().code(), Some(2), "{}", serve.raw.join("\n"));

    // A second signal does not wait for the hour that the first one would.
    let mut serve = standing_still(&home, "3600");
    serve.signal("TERM");
    serve.wait_for("it stops", |line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("stopping"))
    });
    serve.signal("TERM");
    assert_eq!(serve.ended().code(), Some(2), "{}", serve.raw.join("\n"));

    let mut serve = Serve::start(&home, |_| {});
    serve.wait_for("the report's slot is done", |line| {
        line["message"] == "slot done" && line["schedule"] == "report:brief"
    });
    serve.signal("TERM");
    assert_eq!(serve.ended().code(), Some(0), "{}", serve.raw.join("\n"));
    assert_eq!(home.count("SELECT count(*) FROM snapshots"), 1);
    assert_eq!(home.count("SELECT count(*) FROM runs WHERE state = 'running'"), 0);
}

/// Nothing falls due while the test looks, and the drop folder is left alone.
fn nothing_due(home: &Home) {
    for file in ["pipelines/headcount/pipeline.toml", "report_templates/brief/report.md.j2"] {
        home.replace(file, "cron = \"* * * * * *\"", "cron = \"0 0 4 1 1 *\"");
    }
    home.replace("config/duban.toml", "watch_seconds = 1", "watch_seconds = 0");
}

#[test]
fn when_its_work_is_done_it_begins_anew_in_the_same_process_to_give_memory_back() {
    let home = small_home();
    nothing_due(&home);
    let mut serve = Serve::start(&home, |command| {
        command.env("DUBAN__DAEMON__IDLE_MEMORY_MB", "1");
    });
    let address = serve.address();
    let before = serve.wait_for("it rests", |line| line["message"] == "resting: begins anew");
    let after = serve.wait_for("it has rested", |line| line["message"] == "rested");
    let mb = |line: &Value| line["resident_mb"].as_u64().expect("megabytes");
    assert!(mb(&after) < mb(&before), "{before} {after}");
    if let Some(pages) = pages(&address) {
        assert_eq!(pages["health"]["code"], 200);
        assert_eq!(pages["health"]["pid"], serve.pid(), "the same process at the same address");
    }
    let (asked, words) = code(&home, &["status", "--check"]);
    assert_eq!(asked, Some(0), "{words}");
    serve.signal("TERM");
    assert_eq!(serve.ended().code(), Some(0));
    let rests = serve.log.iter().filter(|line| line["message"] == "resting: begins anew").count();
    assert_eq!(rests, 1, "above its limit it does not rest again without having worked");
}

#[test]
fn the_service_manager_is_told_that_it_is_ready_lives_and_stops() {
    let home = small_home();
    let socket = home.root.join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_mins(4))).unwrap();
    let told = || {
        let mut buffer = [0; 4096];
        let n = manager.recv(&mut buffer).expect("it tells something");
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    };
    let mut serve = Serve::start(&home, |command| {
        command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "600000");
    });
    let first = told();
    assert!(first.contains("READY=1"), "{first}");
    assert_eq!(told().trim(), "WATCHDOG=1");
    serve.signal("TERM");
    while !told().contains("STOPPING=1") {}
    assert_eq!(serve.ended().code(), Some(0));
}

#[test]
fn health_is_denied_while_the_ledger_does_not_answer() {
    let home = small_home();
    nothing_due(&home);
    let mut serve = Serve::start(&home, |command| {
        command.env("DUBAN__DAEMON__IDLE_MEMORY_MB", "0");
    });
    let address = serve.address();
    // The first look at what is due comes at once, and at the heartbeat the next.
    let mut told = pages(&address);
    while told.as_ref().is_some_and(|told| told["health"]["last_tick_at"].is_null()) {
        told = pages(&address);
    }
    let ledger = home.root.join("data/ledger.sqlite");
    let aside = home.root.join("data/aside");
    fs_err::rename(&ledger, &aside).unwrap();
    let told = pages(&address);
    fs_err::rename(&aside, &ledger).unwrap();
    let Some(told) = told else { return };
    assert_eq!(told["health"]["code"], 503);
    assert!(told["health"]["why"][0].as_str().unwrap().contains("ledger.sqlite"), "{told}");
    assert_eq!(told["metrics_code"], 503);
    let told = pages(&address).expect("as before");
    assert_eq!(told["health"]["code"], 200, "{}", told["health"]);
    serve.signal("TERM");
    serve.ended();
}
