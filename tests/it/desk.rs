//! A supervisor's desk by its command line, over a real small home.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use duban::ledger::{ItemFilter, Ledger};

use crate::desk_support::{home, judged, ok_on, on, refused_on, states, stderr, stdout};
use crate::home::Home;

const TOWN: [&str; 2] = ["--as", "unit:甲镇"];
const SUPERVISOR: [&str; 2] = ["--as", "supervisor"];

fn act<'a>(words: &[&'a str], who: [&'a str; 2]) -> Vec<&'a str> {
    [words, &who].concat()
}

/// The ledger says what its events make of it.
fn assert_sound(home: &Home) {
    let ledger = Ledger::open_read_only(&home.root.join("data/ledger.sqlite")).unwrap();
    assert_eq!(ledger.item_faults().unwrap(), []);
    assert_eq!(ledger.replay_items().unwrap(), ledger.items(&ItemFilter::default()).unwrap());
}

#[test]
fn an_item_goes_its_whole_way_by_commands() {
    let home = judged();
    ok_on(&home, "2024-10-14", &act(&["assign", "1"], SUPERVISOR));
    ok_on(&home, "2024-10-15", &act(&["sign", "1", "--post", "学前专干"], TOWN));
    ok_on(
        &home,
        "2024-10-16",
        &act(&["progress", "1", "--percent", "40", "--problem", "园舍不足"], TOWN),
    );
    ok_on(
        &home,
        "2024-10-17",
        &act(&["extend", "1", "--until", "2024-11-29", "--reason", "园舍改造"], TOWN),
    );
    ok_on(&home, "2024-10-18", &["grant", "1", "--as", "coordination"]);
    ok_on(
        &home,
        "2024-10-21",
        &act(&["answer", "1", "--evidence", "甲政函〔2024〕1号", "--measures", "新增一班"], TOWN),
    );
    ok_on(&home, "2024-10-22", &act(&["return", "1", "--reason", "缺名册"], SUPERVISOR));
    ok_on(&home, "2024-10-23", &act(&["answer", "1", "--evidence", "甲政函〔2024〕2号"], TOWN));
    ok_on(&home, "2024-10-24", &act(&["verify", "1", "--reason", "属实"], SUPERVISOR));
    let closed = ok_on(&home, "2024-10-25", &act(&["close", "1"], SUPERVISOR));
    assert_eq!(closed, "1号　销号：在园幼儿人数未达目标（甲镇），已复核 → 销号，时限 2024-11-29\n");
    assert_eq!(states(&home), ["closed", "opened"]);
    let kinds = home.query(
        "SELECT kind, role, unit_code, post FROM item_events WHERE item_no = 1 ORDER BY seq",
    );
    let kinds: Vec<&str> = kinds.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "opened",
            "assigned",
            "signed",
            "progressed",
            "extension_asked",
            "extension_granted",
            "answered",
            "sent_back",
            "answered",
            "verified",
            "closed"
        ]
    );
    let signed = home.query("SELECT role, unit_code, post, CAST(on_date AS VARCHAR) AS on_date FROM item_events WHERE kind = 'signed'");
    assert_eq!(signed[0]["role"], "town");
    assert_eq!(signed[0]["unit_code"], "120114001");
    assert_eq!(signed[0]["post"], "学前专干");
    assert_eq!(signed[0]["on_date"], "2024-10-15");
    assert_sound(&home);
}

#[test]
fn an_illegal_transition_is_refused_with_what_is_allowed() {
    let home = judged();
    let words = refused_on(&home, "2024-10-15", &act(&["verify", "1"], SUPERVISOR));
    assert!(words.starts_with("error: 1号："), "{words}");
    assert!(words.contains("交办"), "{words}");
    assert!(words.contains("note: nothing was done"), "{words}");
}

#[test]
fn a_wrong_role_and_a_wrong_unit_are_refused() {
    let home = judged();
    ok_on(&home, "2024-10-14", &act(&["assign", "1"], SUPERVISOR));
    refused_on(&home, "2024-10-15", &act(&["sign", "1"], SUPERVISOR));
    refused_on(&home, "2024-10-15", &["sign", "1", "--as", "unit:乙镇"]);
    ok_on(&home, "2024-10-15", &act(&["sign", "1"], TOWN));
}

#[test]
fn an_extension_is_asked_for_before_the_due_date() {
    let home = judged();
    ok_on(&home, "2024-10-14", &act(&["assign", "1"], SUPERVISOR));
    ok_on(&home, "2024-10-15", &act(&["sign", "1"], TOWN));
    // Due on 2024-11-11: 20 working days after 14 October.
    let words = refused_on(
        &home,
        "2024-11-12",
        &act(&["extend", "1", "--until", "2024-12-02", "--reason", "来不及"], TOWN),
    );
    assert!(
        words.contains("延期须在办结期限之前申请：期限为2024-11-11，今天是2024-11-12"),
        "{words}"
    );
}

#[test]
fn a_role_or_unit_that_is_not_there_is_said_with_the_nearest() {
    let home = judged();
    for (who, hint) in [
        ("supervisr", "did you mean `supervisor`?"),
        ("unit:甲甲镇", "did you mean 甲镇 (120114001)?"),
        ("town", "town:NAME or town:CODE"),
        ("unit", "unit:NAME or unit:CODE"),
    ] {
        let output = on(&home, "2024-10-15", &["sign", "1", "--as", who]);
        assert_eq!(output.status.code(), Some(2), "{who}");
        assert!(stderr(&output).contains(hint), "{who}: {}", stderr(&output));
    }
    let output = on(&home, "2024-10-15", &["sign", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("DUBAN_ROLE"), "{}", stderr(&output));
    let by_environment = home
        .command(&["--as-of", "2024-10-15T09:00:00+08:00", "items", "assign", "1"])
        .env("DUBAN_ROLE", "supervisor")
        .output()
        .unwrap();
    assert!(by_environment.status.success(), "{}", stderr(&by_environment));
}

#[test]
fn several_items_change_together_or_not_at_all() {
    let home = judged();
    ok_on(&home, "2024-10-14", &act(&["assign", "1"], SUPERVISOR));
    // One of the two is assigned already: neither changes, and both are shown.
    let output = on(&home, "2024-10-15", &act(&["assign", "1", "2", "--yes"], SUPERVISOR));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("1 of 2 items refuse it: nothing was done"),
        "{}",
        stderr(&output)
    );
    let preview = stdout(&output);
    assert!(
        preview.contains("可以交办") && preview.contains("甲镇") && preview.contains("乙镇"),
        "{preview}"
    );
    assert_eq!(states(&home), ["assigned", "opened"]);
    // Without --yes more than one is only shown, by filter even one.
    let output = on(&home, "2024-10-15", &act(&["assign", "--state", "opened"], SUPERVISOR));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--yes"), "{}", stderr(&output));
    assert_eq!(states(&home), ["assigned", "opened"]);
    let output =
        on(&home, "2024-10-15", &act(&["assign", "--state", "opened", "--dry-run"], SUPERVISOR));
    assert!(output.status.success());
    assert_eq!(states(&home), ["assigned", "opened"]);
    ok_on(&home, "2024-10-15", &act(&["assign", "--state", "opened", "--yes"], SUPERVISOR));
    assert_eq!(states(&home), ["assigned", "assigned"]);
    let none = on(&home, "2024-10-15", &act(&["assign", "--state", "opened", "--yes"], SUPERVISOR));
    assert_eq!(none.status.code(), Some(1));
}

#[test]
fn an_item_by_hand_lives_in_the_same_ledger() {
    let home = judged();
    let new = [
        "new",
        "--title",
        "落实联席会议议定事项",
        "--detail",
        "年内新增一所公办园",
        "--unit",
        "丙镇",
        "--due",
        "2024-11-01",
        "--reason",
        "第3次联席会议纪要",
    ];
    let opened = ok_on(&home, "2024-10-15", &act(&new, SUPERVISOR));
    assert_eq!(opened, "3号　会议议定：落实联席会议议定事项（丙镇），时限 2024-11-01\n");
    ok_on(&home, "2024-10-15", &act(&new, SUPERVISOR));
    let rows = home.query("SELECT check_id, subject_kind, subject_code, unit_code, source FROM items WHERE item_no >= 3 ORDER BY item_no");
    assert_eq!(rows[0]["check_id"], "by_hand");
    assert_eq!(rows[0]["subject_code"], "2024-001");
    assert_eq!(rows[1]["subject_code"], "2024-002");
    assert_eq!(rows[0]["source"], "meeting");
    // A check's items and those by hand are found together, and apart.
    let by_hand = ok_on(&home, "2024-10-15", &["list", "--check", "by_hand", "--format", "csv"]);
    assert_eq!(by_hand.lines().count(), 3, "{by_hand}");
    assert_sound(&home);
}

#[test]
fn a_list_knows_units_groups_lights_and_whose_turn_it_is() {
    let home = judged();
    ok_on(&home, "2024-10-14", &act(&["assign", "2"], SUPERVISOR));
    let numbers = |args: &[&str]| -> Vec<String> {
        let text = ok_on(&home, "2024-11-20", &[&["list", "--format", "csv"], args].concat());
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(numbers(&["--unit", "乙镇"]), ["2"]);
    assert_eq!(numbers(&["--unit", "第一组团"]), ["1", "2"]);
    assert_eq!(numbers(&["--mine", "supervisor"]), ["1"]);
    assert_eq!(numbers(&["--mine", "unit:乙镇"]), ["2"]);
    assert!(numbers(&["--mine", "unit:甲镇"]).is_empty());
    assert_eq!(numbers(&["--overdue"]), ["1", "2"]);
    assert_eq!(numbers(&["--state", "交办"]), ["2"]);
    assert_eq!(numbers(&["--level", "town", "--check", "few_children", "--limit", "1"]), ["1"]);
    assert!(numbers(&["--level", "district"]).is_empty());
    let output = on(&home, "2024-11-20", &["list", "--limit", "1"]);
    assert!(stderr(&output).contains("1 of 2 items"), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 more"), "{}", stderr(&output));
    let wrong = on(&home, "2024-11-20", &["list", "--check", "few_childrn"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("did you mean `few_children`?"));
}

#[test]
fn an_act_as_of_a_day_before_the_last_event_is_refused() {
    let home = judged();
    let output = on(&home, "2024-10-01", &act(&["assign", "1"], SUPERVISOR));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("read-only"), "{}", stderr(&output));
}

#[test]
fn an_act_waits_for_a_run_that_holds_the_home_and_is_told_who_does() {
    let home = judged();
    let mut standing = home
        .command(&["--as-of", "2024-10-15T08:30:00+08:00", "run", "--period", "2024-09"])
        .env("DUBAN_STOP_AT", "check:begin")
        .spawn()
        .unwrap();
    let marker = home.root.join("data/standing-still");
    let begun = Instant::now();
    while !marker.exists() {
        assert!(begun.elapsed() < Duration::from_mins(1), "the run never came to the checks");
        std::thread::yield_now();
    }
    let impatient = on(&home, "2024-10-15", &act(&["assign", "1", "--wait", "0"], SUPERVISOR));
    assert_eq!(impatient.status.code(), Some(2));
    let words = stderr(&impatient);
    assert!(words.contains("run --period 2024-09") && words.contains("holds this home"), "{words}");
    assert_eq!(states(&home), ["opened", "opened"]);
    // It waits, and does it once the run is gone.
    let mut waiting = home
        .command(&["--as-of", "2024-10-15T09:00:00+08:00", "items", "assign", "1"])
        .args(SUPERVISOR)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut words = BufReader::new(waiting.stderr.take().unwrap());
    words.read_line(&mut said).unwrap();
    assert!(said.contains("waiting for it, 30 s at most"), "{said}");
    standing.kill().unwrap();
    standing.wait().unwrap();
    words.read_to_string(&mut said).unwrap();
    assert!(waiting.wait().unwrap().success(), "{said}");
    assert_eq!(states(&home), ["assigned", "opened"]);
    assert_sound(&home);
}

#[test]
fn a_past_period_opens_nothing_and_mails_nobody_unless_told_to() {
    let home = home(&["2023-03"]);
    let today = ["--as-of", "2024-10-14T08:30:00+08:00"];
    let run = |args: &[&str]| home.ok(&[&today[..], args].concat());
    let plan = run(&["plan", "--period", "2023-03"]);
    assert!(plan.contains("not the newest due one"), "{plan}");
    assert!(plan.contains("not stored unless --items"), "{plan}");
    assert!(plan.contains("not mailed unless --send"), "{plan}");
    run(&["run", "--period", "2023-03"]);
    assert_eq!(home.count("SELECT count(*) FROM items"), 0);
    assert_eq!(home.count("SELECT count(*) FROM deliveries"), 0);
    assert_eq!(home.count("SELECT count(*) FROM rules"), 0, "nothing was judged for the record");
    // The figures are there now: the plan counts what --items would open.
    let plan = run(&["plan", "--period", "2023-03"]);
    assert!(plan.contains("opened 2"), "{plan}");
    run(&["run", "--period", "2023-03", "--items"]);
    // The deadline counts from today, not from the period.
    let rows = home.query("SELECT period, CAST(opened_on AS VARCHAR) AS opened_on, CAST(due_on AS VARCHAR) AS due_on FROM items ORDER BY item_no");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["period"], "2023-03");
    assert_eq!(rows[0]["opened_on"], "2024-10-14");
    assert_eq!(rows[0]["due_on"], "2024-11-11");
    assert_eq!(home.count("SELECT count(*) FROM deliveries"), 0);
}

/// The district's day at nine in the morning, as every test here acts.
#[test]
fn what_a_supervisor_reads_is_pinned() {
    let home = judged();
    ok_on(&home, "2024-10-14", &act(&["assign", "1"], SUPERVISOR));
    ok_on(&home, "2024-10-15", &act(&["sign", "1", "--post", "学前专干"], TOWN));
    let args =
        ["progress", "1", "--percent", "40", "--problem", "园舍不足", "--measures", "改建旧校舍"];
    ok_on(&home, "2024-10-16", &act(&args, TOWN));
    let args = ["extend", "1", "--until", "2024-11-29", "--reason", "改建未完"];
    ok_on(&home, "2024-10-17", &act(&args, TOWN));
    insta::assert_snapshot!("items_list", ok_on(&home, "2024-10-18", &["list"]));
    insta::assert_snapshot!(
        "items_list_csv",
        ok_on(&home, "2024-10-18", &["list", "--format", "csv"])
    );
    insta::assert_snapshot!("items_show", ok_on(&home, "2024-10-18", &["show", "1"]));
    insta::assert_snapshot!("items_rules", ok_on(&home, "2024-10-18", &["rules", "few_children"]));
    let preview = on(&home, "2024-10-18", &act(&["assign", "1", "2"], SUPERVISOR));
    insta::assert_snapshot!("items_preview", stdout(&preview) + &stderr(&preview));
    let whole: serde_json::Value =
        serde_json::from_str(&ok_on(&home, "2024-10-18", &["show", "1", "--format", "json"]))
            .unwrap();
    assert_eq!(whole["figures"][0]["period"], "2024-09");
    assert_eq!(whole["figures"][0]["observed"], 10.0);
    assert_eq!(whole["item"]["asked_due_on"], "2024-11-29");
    // As it stood on an earlier day.
    let then: serde_json::Value =
        serde_json::from_str(&ok_on(&home, "2024-10-15", &["show", "1", "--format", "json"]))
            .unwrap();
    assert_eq!(then["item"]["state"], "signed");
    assert_eq!(then["events"].as_array().unwrap().len(), 3);
}

#[test]
fn the_help_of_items_is_pinned() {
    let home = Home::empty();
    insta::assert_snapshot!("items_help", home.ok(&["items", "--help"]));
    insta::assert_snapshot!("items_answer_help", home.ok(&["items", "answer", "--help"]));
}

#[test]
fn statistics_are_those_of_the_homes_metric() {
    let home = judged();
    let none = on(&home, "2024-10-15", &["stats"]);
    assert_eq!(none.status.code(), Some(2));
    let words = stderr(&none);
    assert!(
        words.contains("no metric `item_statistics`") && words.contains("hint: add"),
        "{words}"
    );
    home.write(
        "pipelines/_metrics/item_statistics.sql",
        "-- title: 督办统计\n\
         SELECT 'town' AS dimension, unit_code AS code, min(subject_name) AS title, count(*) AS n_opened, \
         0 AS n_closed, count(*) AS n_open, 0 AS n_overdue, 0 AS n_due, 0 AS n_on_time, \
         CAST(0.99996 AS DOUBLE) AS close_rate, CAST(NULL AS DOUBLE) AS on_time_rate, \
         CAST(2.25 AS DOUBLE) AS mean_workdays_overdue, CAST(0 AS DOUBLE) AS return_rate, \
         CAST(1 AS DOUBLE) AS extension_rate FROM items GROUP BY unit_code\n",
    );
    let table = ok_on(&home, "2024-10-15", &["stats", "--by", "town"]);
    // 99.996 % is not all.
    let row = table.lines().nth(2).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(
        cells,
        ["120114001", "甲镇", "1", "0", "1", "0", "0", "0", "99.9%", "2.3", "0.0%", "100.0%"]
    );
    let csv = ok_on(&home, "2024-10-15", &["stats", "--by", "town", "--format", "csv"]);
    assert!(csv.starts_with("code,title,n_opened,"), "{csv}");
    assert_eq!(csv.lines().count(), 3);
    assert_eq!(ok_on(&home, "2024-10-15", &["stats", "--by", "group"]).lines().count(), 2);
}

/// A cause that explains a violation: no item is opened for that, and the cause's item says so.
#[test]
fn what_a_cause_explains_is_shown_with_it_and_followed_up_once() {
    let home = home(&["2024-09"]);
    let with_cause = home
        .read("pipelines/_supervision.toml")
        .replace("closes_on = \"verification\"\n", "held_by = [{ check = \"closed_town\" }]\n");
    let cause = "\n[[check]]\nid = \"closed_town\"\ntitle = \"园舍停用\"\nsql = \"_checks/closed_town.sql\"\n\
                 level = \"town\"\ndeadline_workdays = 5\n";
    home.write("pipelines/_supervision.toml", with_cause + cause);
    home.write(
        "pipelines/_checks/closed_town.sql",
        "SELECT 'town' AS subject_kind, code AS subject_code, name AS subject_name, code AS unit_code, \
         $period AS period, CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS target, \
         '园舍停用' AS detail FROM units WHERE name = '甲镇'",
    );
    home.ok(&["--as-of", "2024-10-14T08:30:00+08:00", "run", "--period", "2024-09"]);
    let rows = home.query("SELECT item_no, check_id, unit_code FROM items ORDER BY check_id");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(
        (&rows[0]["check_id"], &rows[0]["unit_code"]),
        (&"closed_town".into(), &"120114001".into())
    );
    assert_eq!(
        (&rows[1]["check_id"], &rows[1]["unit_code"]),
        (&"few_children".into(), &"120114002".into())
    );
    let cause = rows[0]["item_no"].to_string();
    let shown = ok_on(&home, "2024-10-15", &["show", &cause]);
    assert!(
        shown.contains("由本事项说明、暂不另行督办的情形\n  甲镇　甲镇　在园幼儿10人，目标25人"),
        "{shown}"
    );
    assert_eq!(home.count("SELECT n_held FROM judgements WHERE check_id = 'few_children'"), 1);
    assert_sound(&home);
}
