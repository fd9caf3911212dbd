//! Each answer that a server can give ends in a state, and in a message of `duban status`.

use duban::model::FetchState;
use duban::pipeline::Silent;
use serde_json::{Value, json};

use crate::crash::kill_at;
use crate::home::Home;
use crate::http_support::{NOW, Server, ask_at, collect, csv, district, open, open_with, troubles};

/// The path of the one town's file for the newest due month.
const FILE: &str = "/t01/2024-09/counts.csv";

/// A home of one town whose server answers as told, and what asking it brought.
struct Asked {
    home: Home,
    server: Server,
    state: FetchState,
    code: Option<u16>,
}

fn asked(test: &str, replies: &Value, more: &str) -> Option<Asked> {
    asked_with(test, &json!({"paths": {FILE: replies}}), more, &[])
}

fn asked_with(
    test: &str,
    script: &Value,
    more: &str,
    environment: &[(&str, &str)],
) -> Option<Asked> {
    let server = Server::start(test, script)?;
    let home = district(1);
    ask_at(&home, &server.url(), more);
    let pipeline = open_with(&home, NOW, environment);
    pipeline.collect_dataset("counts", &Silent).unwrap();
    let fetches = pipeline.ledger().fetches(None).unwrap();
    assert_eq!(fetches.len(), 1, "{fetches:?}");
    let (state, code) = (fetches[0].state, fetches[0].code);
    drop(pipeline);
    Some(Asked { home, server, state, code })
}

impl Asked {
    /// It was taken for what it is, nothing was recorded, and `status` says so with the words given.
    fn is_trouble(&self, state: FetchState, code: Option<u16>, message: &str, hint: &str) {
        assert_eq!((self.state, self.code), (state, code));
        assert_eq!(self.home.count("SELECT count(*) FROM submissions"), 0);
        let troubles = troubles(&self.home, NOW);
        let [(key, value)] = troubles.as_slice() else { panic!("{troubles:?}") };
        assert_eq!(key, "web/counts/2024-09/t01");
        assert_eq!(value["state"], state.as_str());
        assert_eq!(value["since"], NOW);
        let said = |name: &str| value[name].as_str().unwrap().to_owned();
        assert!(said("message").contains(message), "{value}");
        assert!(said("hint").contains(hint), "{value}");
        let table = self.home.ok(&["--as-of", NOW, "status"]);
        // Long words go on in the next line.
        let flat = table.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!("web: counts 2024-09 of 示例1镇: {state} since ");
        assert!(flat.contains(&line) && flat.contains(message), "{table}");
        assert!(flat.contains("sources 1, 1 files not to be had"), "{table}");
    }
}

#[test]
fn a_file_that_a_server_has_is_taken_like_one_of_the_inbox() {
    let name = "attachment; filename=\"x.csv\"; filename*=UTF-8''%E7%A4%BA%E4%BE%8B.csv";
    let reply = json!([{"body": csv(7), "headers": {
        "Content-Type": "text/csv; charset=utf-8", "Content-Disposition": name}}]);
    let Some(asked) = asked("a file is taken", &reply, "") else { return };
    assert_eq!((asked.state, asked.code), (FetchState::Taken, Some(200)));
    let rows = asked.home.query(
        "SELECT dataset, reporter_code, period, file_name, door, state, late FROM submissions",
    );
    assert_eq!(
        rows,
        [json!({
            "dataset": "counts", "reporter_code": "t01", "period": "2024-09",
            "file_name": "示例.csv", "door": "http", "state": "accepted", "late": true,
        })]
    );
    let by_http = asked.home.query("SELECT snapshot_id FROM snapshots");
    assert_eq!(troubles(&asked.home, NOW), []);

    // The same bytes in the drop folder of another home.
    let home = district(1);
    home.write("inbox/2024-09/t01/示例.csv", csv(7));
    collect(&home, NOW);
    assert_eq!(home.query("SELECT snapshot_id FROM snapshots"), by_http);
    let archived = |home: &Home| home.query("SELECT sha256 FROM submissions");
    assert_eq!(archived(&home), archived(&asked.home));
}

#[test]
fn a_packed_file_is_unpacked() {
    let Some(asked) = asked("packed", &json!([{"body": csv(7), "gzip": true}]), "") else { return };
    assert_eq!(asked.state, FetchState::Taken);
    assert_eq!(asked.home.count("SELECT sum(n) FROM counts"), 7);
}

#[test]
fn a_file_that_is_returned_was_still_fetched() {
    let reply = json!([{"body": "地点,人数\n甲,多\n"}]);
    let Some(asked) = asked("a returned file", &reply, "") else { return };
    assert_eq!(asked.state, FetchState::Taken);
    let rows = asked.home.query("SELECT state, n_errors FROM submissions");
    assert_eq!(rows, [json!({"state": "returned", "n_errors": 1})]);
    assert_eq!(troubles(&asked.home, NOW), [], "it is the town's matter, not the source's");
}

#[test]
fn the_second_time_only_what_is_new_is_sent_and_nothing_changes() {
    let etag = "\"v1\"";
    let modified = "Mon, 07 Oct 2024 08:00:00 GMT";
    for validator in [json!({"etag": etag}), json!({"last_modified": modified})] {
        let mut reply = json!({"body": csv(7)});
        reply.as_object_mut().unwrap().extend(validator.as_object().unwrap().clone());
        let Some(asked) = asked("the second time", &json!([reply]), "") else { return };
        let event_no = open(&asked.home, NOW).ledger().event_no().unwrap();
        let later = "2024-10-09T01:00:00Z";
        let outcome = collect(&asked.home, later);
        assert_eq!((outcome.pulled.n_unchanged, outcome.taken.len()), (1, 0));
        let saw = asked.server.saw();
        assert_eq!(saw.len(), 2);
        let headers = &saw[1]["headers"];
        match validator.get("etag") {
            Some(etag) => assert_eq!(&headers["if-none-match"], etag),
            None => assert_eq!(headers["if-modified-since"], modified),
        }
        assert_eq!(saw[0]["headers"]["if-none-match"], Value::Null);
        let home = &asked.home;
        assert_eq!(home.count("SELECT count(*) FROM submissions"), 1);
        assert_eq!(home.count("SELECT count(*) FROM snapshots"), 1);
        let fetch = &home.query("SELECT state, code, since, asked_at FROM fetches")[0];
        assert_eq!((&fetch["state"], &fetch["code"]), (&json!("unchanged"), &json!(304)));
        // The third time there is nothing left to tell, not even that it is unchanged.
        let third = open(home, "2024-10-10T01:00:00Z");
        third.collect_dataset("counts", &Silent).unwrap();
        let fetches = third.ledger().fetches(None).unwrap();
        assert_eq!(fetches[0].since.to_string(), later, "since it is unchanged");
        assert_eq!(fetches[0].asked_at.to_string(), "2024-10-10T01:00:00Z");
        assert!(third.ledger().event_no().unwrap() > event_no);
    }
}

#[test]
fn the_same_bytes_without_a_validator_are_unchanged_too() {
    let Some(asked) = asked("the same bytes", &json!([{"body": csv(7)}]), "") else { return };
    let outcome = collect(&asked.home, "2024-10-09T01:00:00Z");
    assert_eq!((outcome.pulled.n_unchanged, outcome.taken.len()), (1, 0));
    assert_eq!(asked.home.count("SELECT count(*) FROM submissions"), 1);
}

#[test]
fn a_correction_is_taken_within_its_window_and_not_looked_for_after_it() {
    let replies = json!([{"body": csv(7), "etag": "\"a\""}, {"body": csv(8), "etag": "\"b\""}]);
    let Some(asked) = asked("a correction", &replies, "") else { return };
    let outcome = collect(&asked.home, "2024-10-09T01:00:00Z");
    assert_eq!(outcome.taken.len(), 1);
    assert_eq!(asked.home.count("SELECT sum(n) FROM counts"), 8);
    // Due on the fifth working day of October; by the end of the month the window has passed.
    collect(&asked.home, "2024-10-31T01:00:00Z");
    assert_eq!(asked.server.saw().len(), 2, "{:?}", asked.server.paths());
}

#[test]
fn a_file_that_is_not_there_yet_is_no_fault() {
    for code in [404, 410, 204] {
        let reply = json!([{"status": code}]);
        let Some(asked) = asked("not there yet", &reply, "") else { return };
        assert_eq!((asked.state, asked.code), (FetchState::Absent, Some(code)));
        assert_eq!(troubles(&asked.home, NOW), []);
        assert_eq!(asked.server.saw().len(), 1, "not asked twice");
        let refetches = open(&asked.home, "2024-10-09T01:00:00Z").n_refetches_due().unwrap();
        assert_eq!(refetches, 0);
    }
}

#[test]
fn a_refusal_says_whether_a_secret_is_missing_or_wrong() {
    let reply = json!({"paths": {FILE: [{"login": "right", "body": csv(7)}]}});
    let Some(asked) = asked_with("refused", &reply, "", &[]) else { return };
    asked.is_trouble(FetchState::Unauthorised, Some(401), "(401)", "give it `auth`");
    assert_eq!(asked.server.saw().len(), 1, "asking again would be no use");
    let auth = "auth = { kind = \"bearer\", secret_env = \"WEB_TOKEN\" }";
    let secret = [("WEB_TOKEN", "wrong-secret")];
    let Some(asked) = asked_with("refused", &reply, auth, &secret) else { return };
    asked.is_trouble(FetchState::Unauthorised, Some(401), "(401)", "still valid");
    let secret = [("WEB_TOKEN", "right\n")];
    let Some(asked) = asked_with("let in", &reply, auth, &secret) else { return };
    assert_eq!(asked.state, FetchState::Taken);
}

#[test]
fn a_name_and_password_let_us_in() {
    let reply = json!({"paths": {FILE: [{"login": "示例:pass:word", "body": csv(7)}]}});
    let auth = "auth = { kind = \"basic\", username = \"示例\", secret_file = \"secret.txt\" }";
    let server = Server::start("a name and password", &reply);
    let Some(server) = server else { return };
    let home = district(1);
    home.write("secret.txt", "pass:word\n");
    ask_at(&home, &server.url(), auth);
    assert_eq!(collect(&home, NOW).taken.len(), 1);
}

#[test]
fn without_its_secret_a_source_is_not_asked() {
    let reply = json!({"paths": {FILE: [{"body": csv(7)}]}});
    let auth = "auth = { kind = \"bearer\", secret_env = \"WEB_TOKEN\" }";
    let Some(asked) = asked_with("no secret", &reply, auth, &[]) else { return };
    let hint = "start duban with the source's secret in WEB_TOKEN";
    asked.is_trouble(FetchState::NoSecret, None, "WEB_TOKEN is not set", hint);
    assert_eq!(asked.server.saw(), Vec::<Value>::new());
    let auth = "auth = { kind = \"bearer\", secret_file = \"nowhere.txt\" }";
    let Some(asked) = asked_with("no secret", &reply, auth, &[]) else { return };
    asked.is_trouble(FetchState::NoSecret, None, "the secret cannot be read", "into that file");
}

#[test]
fn a_server_that_names_a_time_is_not_asked_before_it() {
    // In seconds, as a date, and 503 with either.
    let later = "Tue, 08 Oct 2024 03:00:00 GMT";
    for (status, retry) in [(429, "7200"), (429, later), (503, "7200")] {
        let replies = json!([
            {"status": status, "headers": {"Retry-After": retry}}, {"body": csv(7)}]);
        let Some(asked) = asked("come back later", &replies, "") else { return };
        asked.is_trouble(FetchState::Throttled, Some(status), "come back later", "by itself");
        assert_eq!(asked.server.saw().len(), 1);
        let not_before = "2024-10-08T03:00:00Z";
        assert_eq!(troubles(&asked.home, NOW)[0].1["not_before"], not_before);
        let before = "2024-10-08T02:59:59Z";
        let outcome = collect(&asked.home, before);
        assert_eq!((outcome.pulled.n_asked, outcome.pulled.n_held), (0, 1));
        assert_eq!(asked.server.saw().len(), 1, "not asked before its time");
        assert_eq!(open(&asked.home, before).n_refetches_due().unwrap(), 0);
        let next = open(&asked.home, before).next_refetch_at().unwrap();
        assert_eq!(next.map(|at| at.to_string()).as_deref(), Some(not_before));
        assert_eq!(open(&asked.home, not_before).n_refetches_due().unwrap(), 1);
        let again = open(&asked.home, not_before).refetch_due(&Silent).unwrap();
        assert_eq!((again.taken.len(), again.cuts.len()), (1, 1));
        assert_eq!(troubles(&asked.home, not_before), []);
        assert_eq!(open(&asked.home, not_before).next_refetch_at().unwrap(), None);
    }
}

#[test]
fn a_server_that_names_no_sensible_time_is_asked_again_soon() {
    for retry in [None, Some("0"), Some("soon"), Some("Tue, 08 Oct 2023 03:00:00 GMT")] {
        let headers = retry.map_or(json!({}), |value| json!({"Retry-After": value}));
        let reply = json!([{"status": 429, "headers": headers}]);
        let Some(asked) = asked("no sensible time", &reply, "") else { return };
        let trouble = &troubles(&asked.home, NOW)[0].1;
        assert_eq!(trouble["not_before"], "2024-10-08T01:05:00Z", "{retry:?}");
    }
    let reply = json!([{"status": 429, "headers": {"Retry-After": "99999999999999"}}]);
    let Some(asked) = asked("far too late", &reply, "") else { return };
    assert_eq!(troubles(&asked.home, NOW)[0].1["not_before"], "2024-10-15T01:00:00Z");
}

#[test]
fn a_server_error_is_asked_again_at_once_and_then_said() {
    let Some(asked) = asked("500", &json!([{"status": 500}]), "retries = 2") else { return };
    asked.is_trouble(FetchState::Unavailable, Some(500), "(500)", "asked again by itself");
    assert_eq!(asked.server.saw().len(), 3);
    let replies = json!([{"status": 500}, {"status": 503}, {"body": csv(7)}]);
    let Some(asked) = asked_with("500 passes", &json!({"paths": {FILE: replies}}), "", &[]) else {
        return;
    };
    assert_eq!(asked.state, FetchState::Taken);
    assert_eq!(asked.server.saw().len(), 3);
}

#[test]
fn a_request_that_is_refused_otherwise_is_said() {
    let Some(asked) = asked("405", &json!([{"status": 405}]), "") else { return };
    asked.is_trouble(FetchState::Refused, Some(405), "(405)", "check the source's address");
    // 304 although nothing was named that could be unchanged.
    let Some(asked) = asked_with("304", &json!({"paths": {FILE: [{"status": 304}]}}), "", &[])
    else {
        return;
    };
    asked.is_trouble(FetchState::Refused, Some(304), "(304)", "check the source's address");
}

#[test]
fn failures_in_a_row_are_asked_again_ever_later() {
    let Some(asked) = asked("in a row", &json!([{"status": 500}]), "retries = 0") else { return };
    let mut at: jiff::Timestamp = NOW.parse().unwrap();
    let mut waits = Vec::new();
    for _ in 0..9 {
        let pipeline = open(&asked.home, &at.to_string());
        let fetch = &pipeline.ledger().fetches(None).unwrap()[0];
        let next = fetch.not_before.unwrap();
        waits.push(at.duration_until(next).as_mins());
        assert_eq!(fetch.since.to_string(), NOW, "since the first failure");
        at = next;
        assert_eq!(open(&asked.home, &at.to_string()).refetch_due(&Silent).unwrap().taken.len(), 0);
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 360, 360]);
}

#[test]
fn a_slow_reply_is_given_up() {
    // Nobody ever releases it.
    let script = json!({"paths": {FILE: [{"body": csv(7)}]}, "hang_for": [FILE]});
    let Some(asked) = asked_with("slow", &script, "timeout_seconds = 1", &[]) else { return };
    asked.is_trouble(FetchState::Slow, None, "within 1 s", "raise timeout_seconds");
    assert_eq!(asked.server.saw().len(), 1, "a slow server is not asked twice at once");
}

#[test]
fn a_reply_that_breaks_off_is_not_taken() {
    let half = "retries = 0";
    let body = csv(7);
    for reply in [
        json!({"body": body, "keep": 12}),
        json!({"body": body, "chunked": "cut"}),
        json!({"body": body, "gzip": true, "keep": 20}),
        json!({"body": ""}),
    ] {
        let Some(asked) = asked("broken off", &json!([reply]), half) else { return };
        asked.is_trouble(FetchState::Truncated, Some(200), "broke off", "nothing was taken");
    }
    let replies = json!([{"body": body, "keep": 12}, {"body": body}]);
    let Some(asked) = asked_with("whole at last", &json!({"paths": {FILE: replies}}), "", &[])
    else {
        return;
    };
    assert_eq!(asked.state, FetchState::Taken, "the second time it came whole");
}

#[test]
fn a_file_that_is_too_large_is_not_read_to_its_end() {
    // 200 MB of zeros in 200 kB: only as much is unpacked as may be taken.
    let limit = "max_mb = 1";
    let Some(asked) = asked("a bomb", &json!([{"bomb_mb": 200}]), limit) else { return };
    asked.is_trouble(FetchState::TooLarge, Some(200), "larger than 1 MB", "raise max_mb");
    let reply = json!([{"body": "x", "pad_mb": 1}]);
    let Some(asked) = asked_with("too large", &json!({"paths": {FILE: reply}}), limit, &[]) else {
        return;
    };
    asked.is_trouble(FetchState::TooLarge, Some(200), "larger than 1 MB", "raise max_mb");
}

#[test]
fn a_login_page_is_not_taken_for_a_table() {
    let page = "<!DOCTYPE html><title>登录</title>";
    for headers in [json!({"Content-Type": "text/html; charset=utf-8"}), json!({})] {
        let reply = json!([{"body": page, "headers": headers}]);
        let Some(asked) = asked("a login page", &reply, "") else { return };
        let words = "it looks like a login page";
        asked.is_trouble(FetchState::WrongType, Some(200), words, "give the source `auth`");
    }
    let reply = json!([{"body": "%PDF-1.7", "headers": {"Content-Type": "application/pdf"}}]);
    let Some(asked) = asked("a PDF", &reply, "") else { return };
    let words = "the reply is application/pdf, which is no table";
    asked.is_trouble(FetchState::WrongType, Some(200), words, "add the type to content_types");
    let reply = json!([{"body": csv(7), "headers": {"Content-Type": "Application/X-Stat"}}]);
    let more = "content_types = [\"application/x-stat\"]";
    let Some(asked) = asked_with("a type of its own", &json!({"paths": {FILE: reply}}), more, &[])
    else {
        return;
    };
    assert_eq!(asked.state, FetchState::Taken);
}

#[test]
fn a_redirect_within_the_host_is_followed() {
    let script = json!({"paths": {
        FILE: [{"status": 302, "headers": {"Location": "/store/7.csv?v=1"}}],
        "/store/7.csv": [{"status": 307, "headers": {"Location": "http://127.0.0.1:{port}/8.csv"}}],
        "/8.csv": [{"body": csv(7), "login": "s3cret"}],
    }});
    let auth = "auth = { kind = \"bearer\", secret_env = \"WEB_TOKEN\" }";
    let secret = [("WEB_TOKEN", "s3cret")];
    let Some(asked) = asked_with("a redirect", &script, auth, &secret) else { return };
    assert_eq!(asked.state, FetchState::Taken);
    assert_eq!(asked.server.paths(), [FILE, "/store/7.csv?v=1", "/8.csv"]);
    assert_eq!(asked.home.query("SELECT file_name FROM submissions")[0]["file_name"], "8.csv");
}

#[test]
fn a_redirect_in_circles_ends() {
    let script = json!({"paths": {
        FILE: [{"status": 302, "headers": {"Location": "/a"}}],
        "/a": [{"status": 302, "headers": {"Location": "/b"}}],
        "/b": [{"status": 302, "headers": {"Location": "/a"}}],
    }});
    let Some(asked) = asked_with("in circles", &script, "", &[]) else { return };
    asked.is_trouble(
        FetchState::RedirectRefused,
        Some(302),
        "sends us on in circles",
        "a login page",
    );
    assert_eq!(asked.server.paths(), [FILE, "/a", "/b"]);
    let Some(asked) = asked_with("too often", &script, "max_redirects = 1", &[]) else { return };
    asked.is_trouble(
        FetchState::RedirectRefused,
        Some(302),
        "sends us on more than 1 times",
        "raise max_redirects",
    );
}

#[test]
fn a_redirect_to_another_host_is_refused_and_the_secret_never_gets_there() {
    let auth = "auth = { kind = \"bearer\", secret_env = \"WEB_TOKEN\" }";
    let secret = [("WEB_TOKEN", "s3cret-token")];
    let Some(other) = Server::start("another host", &json!({})) else { return };
    for (to, words) in [
        // The same machine under another name, and another server under the same name.
        ("http://localhost:{port}/x.csv".to_owned(), "to another host, localhost"),
        (format!("http://127.0.0.1:{}/x.csv", other.port), "to another port, "),
        (format!("//localhost:{}/x.csv", other.port), "to another host, localhost"),
        ("https://127.0.0.1:{port}/x.csv".to_owned(), "from http to https"),
        ("ftp://127.0.0.1/x.csv".to_owned(), "to `ftp:`"),
    ] {
        let script = json!({"paths": {
            FILE: [{"status": 301, "headers": {"Location": to}}], "/x.csv": [{"body": csv(7)}]}});
        let Some(asked) = asked_with("another host", &script, auth, &secret) else { return };
        asked.is_trouble(FetchState::RedirectRefused, Some(301), words, "");
        let saw = asked.server.saw();
        assert_eq!(saw.len(), 1, "{saw:?}");
        assert_eq!(saw[0]["headers"]["authorization"], "Bearer s3cret-token");
        assert_eq!(saw[0]["path"], FILE);
    }
    assert_eq!(other.saw(), Vec::<Value>::new(), "the other server was never asked");
}

#[test]
fn a_server_that_is_not_there_is_said() {
    // The port of a server that has gone.
    let Some(server) = Server::start("gone", &json!({})) else { return };
    let url = server.url();
    drop(server);
    let home = district(1);
    ask_at(&home, &url, "");
    let outcome = collect(&home, NOW);
    let [trouble] = outcome.pulled.troubles.as_slice() else { panic!("{outcome:?}") };
    assert_eq!(trouble.state, FetchState::Unreachable);
    assert!(trouble.message.starts_with("no connection to 127.0.0.1: "), "{}", trouble.message);
    assert!(trouble.message.contains("refused"), "{}", trouble.message);
    // A name that there never is (RFC 6761).
    ask_at(&home, "http://nobody.invalid/{unit}/{period}/{dataset}.csv", "retries = 0");
    let outcome = collect(&home, NOW);
    assert_eq!(outcome.pulled.troubles[0].state, FetchState::Unreachable);
    assert_eq!(troubles(&home, NOW)[0].1["state"], "unreachable");
}

#[test]
fn neither_secrets_nor_queries_reach_the_ledger_the_log_or_status() {
    let script = json!({"paths": {FILE: [{"status": 500}]}});
    let Some(server) = Server::start("no secrets", &script) else { return };
    let home = district(1);
    let auth = "auth = { kind = \"bearer\", secret_env = \"WEB_TOKEN\" }\nretries = 0";
    ask_at(&home, &format!("{}?key=0p3n-sesame", server.url()), auth);
    let output = home
        .command(&["-vv", "--as-of", NOW, "run", "--period", "2024-09"])
        .env("WEB_TOKEN", "s3cret-token")
        .env("DUBAN_LOG", "trace")
        .output()
        .unwrap();
    let mut all = String::from_utf8(output.stderr).unwrap();
    assert!(all.contains("source asked") && all.contains("unavailable"), "{all}");
    let saw = server.saw();
    assert_eq!(saw[0]["headers"]["authorization"], "Bearer s3cret-token");
    assert_eq!(saw[0]["path"], format!("{FILE}?key=0p3n-sesame"));
    // Our own words; what the libraries trace of a connection is not ours to judge.
    all = all.lines().filter(|line| line.contains("duban")).collect();
    all.push_str(&home.ok(&["--as-of", NOW, "status", "--format", "json"]));
    all.push_str(&format!("{:?}", home.query("SELECT * FROM fetches")));
    let ledger = fs_err::read(home.root.join("data/ledger.sqlite")).unwrap();
    all.push_str(&String::from_utf8_lossy(&ledger));
    for secret in ["s3cret-token", "0p3n-sesame"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[test]
fn a_run_killed_while_it_asks_is_made_good_by_the_next() {
    let script = json!({"paths": {FILE: [{"body": csv(7), "etag": "\"v1\""}]}});
    for point in ["pull:begin", "receive:work", "receive:end", "pull:work"] {
        let Some(server) = Server::start("killed while it asks", &script) else { return };
        let home = district(1);
        ask_at(&home, &server.url(), "");
        kill_at(&home, point, "2024-09", NOW);
        home.ok(&["--as-of", NOW, "run", "--period", "2024-09"]);
        let rows = home.query("SELECT state, door FROM submissions");
        assert_eq!(rows, [json!({"state": "accepted", "door": "http"})], "killed at {point}");
        assert_eq!(home.count("SELECT sum(n) FROM counts"), 7, "killed at {point}");
        // Killed after the answer was noted, the file need not be sent again.
        let state = if point == "pull:work" { "unchanged" } else { "taken" };
        assert_eq!(home.query("SELECT state FROM fetches"), [json!({"state": state})], "{point}");
    }
}
