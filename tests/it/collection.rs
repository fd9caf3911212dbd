//! Collection: 零报告, late and corrected files, and the rates of reporting. Dates are of the State
//! Council's calendar of 2024, counted by hand: 1–7 October are off, Saturday 12 October is worked.

use duban::config::contract::Contract;
use duban::model::{Severity, SubmissionState};
use duban::pipeline::{Silent, Standing};
use jiff::civil::date;
use serde_json::Value;

use crate::calendar::of_the_repository;
use crate::collection_support::{CLASSES, codes, form, open, send, small_home, unit};
use crate::home::Home;
use crate::tools::python_with;

fn contract() -> Contract {
    Contract::load("pipelines/classes/pipeline.toml", CLASSES).unwrap()
}

/// What a contract with a slip is refused with.
fn refused(from: &str, to: &str) -> String {
    assert!(CLASSES.contains(from), "{from}");
    let text = CLASSES.replacen(from, to, 1);
    let problems = Contract::load("pipelines/classes/pipeline.toml", &text)
        .expect_err(&format!("{to} was taken"));
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

#[test]
fn keys_of_collection_are_refused_with_line_and_hint() {
    let cases = [
        ("\"2024-09\"", "\"2024\"", ":8:16", "`2024` is a year", "like \"2024-09\""),
        ("\"2024-09\"", "\"9月\"", ":8:16", "`9月` is no period", "like \"2024-09\""),
        ("[-2, 1, 3]", "[-2, 1, 99]", ":10:29", "99 working days", "at most 60"),
        ("[-2, 1, 3]", "[1, -2, 1]", ":10:29", "the reminder 1 stands here twice", "once"),
        ("^(无|本期无)$", "^(无|本期无", ":11:7", "not a regular expression", "docs.rs/regex"),
        ("^(无|本期无)$", "^(无|)$", ":11:7", "a blank form would be taken", "^ and $"),
        ("^(无|本期无)$", "^[无没]有$", ":11:7", "`[无没]有`, its first word", "first alternative"),
    ];
    for (from, to, place, message, hint) in cases {
        let words = refused(from, to);
        assert!(words.starts_with("pipelines/classes/pipeline.toml"), "{words}");
        for part in [place, message, hint] {
            assert!(words.contains(part), "{to}: no {part:?} in\n{words}");
        }
    }
}

#[test]
fn keys_of_collection_have_their_defaults_and_are_read() {
    let full = contract();
    assert_eq!(full.first_period.map(|p| p.to_string()).as_deref(), Some("2024-09"));
    assert_eq!(full.reminder_workdays, [-2, 1, 3]);
    assert_eq!(full.nil.as_ref().map(|nil| nil.word.as_str()), Some("无"));
    assert!(full.collects("2024-09".parse().unwrap()));
    assert!(!full.collects("2024-08".parse().unwrap()), "before the first");
    assert!(!full.collects("2024".parse().unwrap()), "another frequency");
    let bare: Vec<&str> = CLASSES
        .lines()
        .filter(|line| {
            !["first_period", "corrections_", "reminder_", "nil"]
                .iter()
                .any(|k| line.starts_with(k))
        })
        .collect();
    let bare = Contract::load("pipelines/classes/pipeline.toml", &bare.join("\n")).unwrap();
    assert!(bare.first_period.is_none() && bare.nil.is_none());
    assert!(bare.reminder_workdays.is_empty());
    assert_eq!(bare.corrections_workdays, 10);
}

#[test]
fn reminders_and_the_end_of_corrections_count_working_days_over_the_national_day() {
    let (contract, calendar) = (contract(), of_the_repository());
    let period = "2024-09".parse().unwrap();
    assert_eq!(contract.due_on(period, &calendar).on, date(2024, 10, 12));
    assert_eq!(contract.corrections_until(period, &calendar).on, date(2024, 10, 25));
    for (workdays, on) in [
        (-5, date(2024, 9, 30)),
        (-2, date(2024, 10, 10)),
        (0, date(2024, 10, 12)),
        (1, date(2024, 10, 14)),
        (3, date(2024, 10, 16)),
    ] {
        assert_eq!(contract.reminder_on(period, workdays, &calendar).on, on, "{workdays}");
    }
    // 2027 has no notice yet: what reaches into it is provisional.
    let december = contract.corrections_until("2026-12".parse().unwrap(), &calendar);
    assert!(december.provisional);
    assert!(!contract.corrections_until(period, &calendar).provisional);
}

#[test]
fn dates_of_collection_agree_with_chinesecalendar() {
    let Some(mut python) =
        python_with("chinese_calendar", "dates_of_collection_agree_with_chinesecalendar")
    else {
        return;
    };
    let script = "
import calendar, chinese_calendar, datetime
def shift(day, n):
    step = datetime.timedelta(1 if n > 0 else -1)
    while n:
        day += step
        if chinese_calendar.is_workday(day):
            n -= step.days
    return day
for year in (2023, 2024, 2025):
    for month in range(1, 13):
        last = datetime.date(year, month, calendar.monthrange(year, month)[1])
        due = shift(last, 5)
        print(f'{year}-{month:02}', due, shift(due, 10), *[shift(due, k) for k in (-5, -2, -1, 1, 3)])
";
    let output = python.args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (contract, calendar) = (contract(), of_the_repository());
    let theirs = String::from_utf8(output.stdout).unwrap();
    assert_eq!(theirs.lines().count(), 36);
    for line in theirs.lines() {
        let period = line.split(' ').next().unwrap().parse().unwrap();
        let mut ours = format!(
            "{period} {} {}",
            contract.due_on(period, &calendar).on,
            contract.corrections_until(period, &calendar).on
        );
        for workdays in [-5, -2, -1, 1, 3] {
            ours.push_str(&format!(" {}", contract.reminder_on(period, workdays, &calendar).on));
        }
        assert_eq!(ours, line);
    }
}

#[test]
fn a_form_that_says_there_is_nothing_is_a_nil_and_a_blank_one_is_told_how_to_say_it() {
    let home = small_home();
    let day = "2024-10-09 09:00";
    let nil = send(&home, day, "t1", "classes", "2024-09", &form("无,,\n合计,,0\n"));
    assert_eq!((nil.state, nil.n_rows), (SubmissionState::Nil, 0), "{:?}", nil.findings);
    assert_eq!(codes(&nil), ["nil.taken"]);
    assert_eq!(nil.findings[0].severity, Severity::Note);
    // In every cell, or beside noughts and dashes: still nothing.
    let nil = send(&home, day, "t2", "classes", "2024-09", &form("本期无,无,0\n"));
    assert_eq!(nil.state, SubmissionState::Nil, "{:?}", nil.findings);

    let blank = send(&home, day, "t3", "classes", "2024-09", &form(""));
    assert_eq!((blank.state, codes(&blank)), (SubmissionState::Returned, vec!["rows.none"]));
    assert!(blank.findings[0].fix.contains("请写“无”"), "{:?}", blank.findings);
    let rows = send(&home, day, "t3", "classes", "2024-09", &form("无,,\nK1,,12\n"));
    assert_eq!((rows.state, codes(&rows)), (SubmissionState::Returned, vec!["nil.with_rows"]));
    let other = send(&home, day, "t3", "classes", "2024-09", &form("没有,,\n"));
    assert_eq!((other.state, codes(&other)), (SubmissionState::Returned, vec!["nil.other_word"]));
    assert!(other.findings[0].fix.contains("“无”"), "{:?}", other.findings);
    // The word in a row with figures is a row like any other.
    let row = send(&home, day, "t3", "classes", "2024-09", &form("无,,12\n"));
    assert_eq!((row.state, row.n_rows), (SubmissionState::Accepted, 1), "{:?}", row.findings);
    // A total that is not nought contradicts it.
    let total = send(&home, day, "t3", "classes", "2024-09", &form("无,,\n合计,,7\n"));
    assert_eq!(total.state, SubmissionState::Returned);
    assert!(codes(&total).contains(&"total.mismatch"), "{:?}", total.findings);
    // Right period first, for a 零报告 too.
    let august = format!("2024年8月班级月报表\n{}", form("无,,\n"));
    let wrong = send(&home, day, "t3", "classes", "2024-09", &august);
    assert_eq!(wrong.state, SubmissionState::Returned);
    assert!(codes(&wrong).contains(&"period.mismatch"), "{:?}", wrong.findings);
}

#[test]
fn a_contract_that_takes_no_nil_returns_it_and_says_so() {
    let home = small_home();
    let day = "2024-09-10 09:00";
    let nil = send(&home, day, "t1", "census", "2024", "常住儿童\n无\n");
    assert_eq!((nil.state, codes(&nil)), (SubmissionState::Returned, vec!["nil.not_taken"]));
    assert!(nil.findings[0].expected.contains("《人口年报表》不收零报告"), "{:?}", nil.findings);
    let blank = send(&home, day, "t1", "census", "2024", "常住儿童\n");
    assert_eq!(codes(&blank), ["rows.none"]);
    assert!(!blank.findings[0].fix.contains("无”"), "{:?}", blank.findings);
    let said =
        open(&home, day).submit_nil("census", &unit("t1"), "2024".parse().unwrap(), None, &Silent);
    let error = said.expect_err("no word of mouth either");
    assert!(error.hint().is_some_and(|hint| hint.contains("census/pipeline.toml")), "{error:?}");
}

#[test]
fn a_nil_supersedes_and_is_superseded_and_the_same_again_changes_nothing() {
    let home = small_home();
    let period = "2024-09".parse().unwrap();
    let say = |when: &str, from: &str, reason: Option<&str>| {
        open(&home, when).submit_nil("classes", &unit(from), period, reason, &Silent).unwrap()
    };
    let rows = send(&home, "2024-10-08 09:00", "t1", "classes", "2024-09", &form("K1,,12\n"));
    let nil = say("2024-10-09 09:00", "t1", Some("本镇“无”园, 电话告知"));
    assert_eq!((nil.state, nil.already), (SubmissionState::Nil, false), "{:?}", nil.findings);
    let again = say("2024-10-09 10:00", "t1", Some("本镇“无”园, 电话告知"));
    assert_eq!((again.submission_id, again.already), (nil.submission_id, true));
    let pipeline = open(&home, "2024-10-09 11:00");
    let state = |id| pipeline.ledger().submission(id).unwrap().state;
    assert_eq!(state(rows.submission_id), SubmissionState::Superseded);
    assert_eq!(state(nil.submission_id), SubmissionState::Nil);
    // What was said by telephone lies in the archive as the form that it stands for.
    let kept = pipeline.ledger().submission(nil.submission_id).unwrap();
    let text = String::from_utf8(pipeline.archive().read(&kept.sha256).unwrap()).unwrap();
    assert!(text.contains("电话告知") && text.contains("填报单位：甲镇"), "{text}");
    let later = send(&home, "2024-10-10 09:00", "t1", "classes", "2024-09", &form("K1,,13\n"));
    assert_eq!(later.state, SubmissionState::Accepted);
    assert_eq!(state(nil.submission_id), SubmissionState::Superseded);
    // The bureau and nobody else may say it for the bureau; a group and the district never.
    assert_eq!(say("2024-10-10 10:00", "b", None).state, SubmissionState::Nil);
    for other in ["g", "d"] {
        let result = pipeline.submit_nil("classes", &unit(other), period, None, &Silent);
        assert!(result.is_err(), "{other}");
    }
    let before_first =
        pipeline.submit_nil("classes", &unit("t1"), "2024-08".parse().unwrap(), None, &Silent);
    assert!(before_first.unwrap_err().hint().unwrap().contains("2024-09"));
}

#[test]
fn a_snapshot_knows_the_zero_of_a_nil_from_a_missing_town() {
    let home = small_home();
    home.write("pipelines/_metrics/towns.sql", "-- title: 各镇\n-- description: 人数\nSELECT u.code, c.unit_code IS NOT NULL AS reported, COALESCE(SUM(r.children), 0) AS n FROM units u LEFT JOIN (SELECT DISTINCT unit_code FROM coverage WHERE dataset = 'classes') c ON c.unit_code = u.code LEFT JOIN classes r ON r.unit_code = u.code WHERE u.level = 'town' GROUP BY u.code, c.unit_code ORDER BY u.code\n");
    home.write("inbox/2024-09/t1/班级月报表.csv", form("K1,,12\n"));
    home.write("inbox/2024-09/t2/班级月报表.csv", form("无,,\n"));
    let run = |when: &str| {
        let pipeline = open(&home, when);
        let options = duban::pipeline::RunOptions::of("2024-09".parse().unwrap());
        pipeline.run(&options, &Silent).unwrap()
    };
    let first = run("2024-10-09 09:00");
    let cut = &first.cuts[0];
    assert_eq!((cut.n_rows, cut.missing_units.clone()), (1, vec![unit("b"), unit("t3")]));
    let pipeline = open(&home, "2024-10-09 09:30");
    let session = pipeline.session(None).unwrap();
    let rows = session.query("SELECT * FROM towns", &[]).unwrap().to_json();
    assert_eq!(
        rows,
        serde_json::json!([
            {"code": "t1", "reported": true, "n": 12},
            {"code": "t2", "reported": true, "n": 0},
            {"code": "t3", "reported": false, "n": 0},
        ])
        .as_array()
        .unwrap()
        .clone()
    );
    // A second nil by telephone is news of who reports, so a new snapshot; nothing after it is.
    pipeline.submit_nil("classes", &unit("b"), "2024-09".parse().unwrap(), None, &Silent).unwrap();
    let second = run("2024-10-09 10:00");
    assert_ne!(second.cuts[0].snapshot_id, cut.snapshot_id);
    assert_eq!(second.cuts[0].missing_units, [unit("t3")]);
    assert!(run("2024-10-09 11:00").cuts.is_empty());
}

/// `dataset/period/level/unit: expected actual on_time late nil missing pending`, as SQL has them.
fn reporting(home: &Home, when: &str) -> Vec<String> {
    let session = open(home, when).session(None).unwrap();
    let sql = "SELECT concat_ws(' ', period, unit_code, expected, actual, on_time, late, nil, missing, pending) AS line
        FROM reporting WHERE dataset = 'classes' ORDER BY period, level, unit_code";
    let rows = session.query(sql, &[]).unwrap().to_json();
    rows.iter().map(|row| row["line"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn timeliness_is_of_the_first_acceptable_file_and_not_of_the_first_nor_the_last() {
    let home = small_home();
    // The bureau's rows lie in t3, and do not speak for it.
    send(&home, "2024-10-09 09:00", "b", "classes", "2024-09", &form("K9,丙街道,7\n"));
    // On time, returned, and mended after the due date: late.
    let bad = send(&home, "2024-10-11 09:00", "t2", "classes", "2024-09", &form("K2,,many\n"));
    assert_eq!((bad.state, bad.late), (SubmissionState::Returned, false));
    // Returned and never mended: missing once the date is past.
    send(&home, "2024-10-12 09:00", "t3", "classes", "2024-09", &form(""));
    // On time, and corrected after the due date: on time.
    send(&home, "2024-10-12 23:59", "t1", "classes", "2024-09", &form("K1,,12\n"));
    let mended = send(&home, "2024-10-13 00:01", "t2", "classes", "2024-09", &form("无,,\n"));
    assert_eq!((mended.state, mended.late), (SubmissionState::Nil, true));
    let fixed = send(&home, "2024-10-15 09:00", "t1", "classes", "2024-09", &form("K1,,13\n"));
    assert!(fixed.late, "its own row tells when it came");
    assert_eq!(
        reporting(&home, "2024-10-20 09:00"),
        [
            "2024-09 b 1 1 1 0 0 0 0",
            "2024-09 d 4 3 2 1 1 1 0",
            "2024-09 g 2 2 1 1 1 0 0",
            "2024-09 t1 1 1 1 0 0 0 0",
            "2024-09 t2 1 1 0 1 1 0 0",
            "2024-09 t3 1 0 0 0 0 1 0",
        ]
    );
    let awaited = open(&home, "2024-10-21 09:00").awaited("2024-09".parse().unwrap()).unwrap();
    let classes: Vec<_> = awaited.iter().filter(|one| one.dataset == "classes").collect();
    assert_eq!(classes.len(), 1, "{classes:?}");
    // From 12 to 21 October: 14, 15, 16, 17, 18, 21.
    assert_eq!((classes[0].unit_code.as_str(), classes[0].days_left), ("t3", -6));
    assert_eq!((classes[0].returned, classes[0].n_returned, classes[0].n_errors), (true, 1, 1));
    assert!(classes[0].overdue);
}

#[test]
fn before_the_due_date_nobody_is_missing_and_before_the_first_period_nothing_is_expected() {
    let home = small_home();
    // Asked of nobody: taken, not late, not counted.
    let early = send(&home, "2024-10-08 09:00", "t1", "classes", "2024-08", &form("K1,,12\n"));
    assert_eq!((early.state, early.late), (SubmissionState::Accepted, false));
    send(&home, "2024-10-08 09:00", "t1", "classes", "2024-09", &form("K1,,12\n"));
    let lines = reporting(&home, "2024-10-12 09:00");
    assert_eq!(lines[1], "2024-09 d 4 1 1 0 0 0 3", "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("2024-09")), "{lines:?}");
    // The census has no first period: nothing of it is expected until something has come.
    let pipeline = open(&home, "2024-10-12 10:00");
    let expected = |pipeline: &duban::pipeline::Pipeline| {
        let session = pipeline.session(None).unwrap();
        let sql = "SELECT COUNT(*) AS n FROM expected WHERE dataset = 'census'";
        session.query(sql, &[]).unwrap().to_json()[0]["n"].as_i64()
    };
    assert_eq!(expected(&pipeline), Some(0));
    send(&home, "2024-10-12 11:00", "t1", "census", "2024", "常住儿童\n100\n");
    assert_eq!(expected(&open(&home, "2024-10-12 12:00")), Some(3));
}

#[test]
fn a_correction_after_its_window_is_taken_and_asked_about_and_nothing_is_lost() {
    let home = small_home();
    send(&home, "2024-10-09 08:00", "t3", "classes", "2024-09", &form(""));
    let first = send(&home, "2024-10-09 09:00", "t1", "classes", "2024-09", &form("K1,,12\n"));
    // 25 October is the last day.
    let inside = send(&home, "2024-10-25 23:00", "t1", "classes", "2024-09", &form("K1,,13\n"));
    assert_eq!((inside.state, codes(&inside)), (SubmissionState::Accepted, vec![]));
    let outside = send(&home, "2024-10-26 00:01", "t1", "classes", "2024-09", &form("K1,,14\n"));
    assert_eq!(outside.state, SubmissionState::AcceptedWithWarnings);
    assert_eq!(codes(&outside), ["period.corrections_closed"]);
    let finding = &outside.findings[0];
    assert_eq!(finding.severity, Severity::Confirm);
    assert!(finding.expected.contains("截至2024-10-25"), "{finding:?}");
    assert!(finding.fix.contains("说明更正的原因"), "{finding:?}");
    // A first file is late, however late it is, and no correction.
    let tardy = send(&home, "2024-11-20 09:00", "t2", "classes", "2024-09", &form("K2,,5\n"));
    assert_eq!((tardy.state, tardy.late, codes(&tardy)), (SubmissionState::Accepted, true, vec![]));
    // A file that was returned before leaves nothing to correct.
    let mended = send(&home, "2024-11-20 09:00", "t3", "classes", "2024-09", &form("K3,,5\n"));
    assert_eq!((mended.state, codes(&mended)), (SubmissionState::Accepted, vec![]));
    // A correction to nothing stays a nil, and is asked about.
    let nil = send(&home, "2024-11-20 10:00", "t3", "classes", "2024-09", &form("无,,\n"));
    assert_eq!(nil.state, SubmissionState::Nil);
    assert!(codes(&nil).contains(&"period.corrections_closed"), "{:?}", nil.findings);
    let pipeline = open(&home, "2024-11-21 09:00");
    let status = pipeline.status().unwrap();
    let asked: Vec<_> = status.closed_corrections.iter().map(|one| one.submission_id).collect();
    assert_eq!(asked, [nil.submission_id, outside.submission_id]);
    assert_eq!(status.closed_corrections[1].until, date(2024, 10, 25));
    assert_eq!(
        pipeline.ledger().submission(first.submission_id).unwrap().state,
        SubmissionState::Superseded
    );
}

#[test]
fn a_future_period_is_an_error() {
    let home = small_home();
    let early = send(&home, "2024-09-30 09:00", "t1", "classes", "2024-10", &form("K1,,12\n"));
    assert_eq!((early.state, codes(&early)), (SubmissionState::Returned, vec!["period.future"]));
    // The month that runs is not the future.
    let running = send(&home, "2024-10-01 09:00", "t1", "classes", "2024-10", &form("K1,,12\n"));
    assert_eq!(running.state, SubmissionState::Accepted, "{:?}", running.findings);
}

#[test]
fn a_telephone_call_is_taken_by_the_command_line() {
    let home = small_home();
    let call = ["--as-of", "2024-10-09T01:00:00Z", "submit", "--nil", "--period", "2024-09"];
    let with = |more: &[&str]| home.duban(&[&call[..], more].concat());
    let done = with(&["--unit", "甲镇", "--dataset", "classes", "--reason", "无园"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("classes 2024-09 t1 (甲镇) nil, 0 rows"), "{said}");
    for incomplete in [&["--unit", "甲镇"][..], &["--dataset", "classes"][..], &[][..]] {
        assert_eq!(with(incomplete).status.code(), Some(2), "{incomplete:?}");
    }
    let both = with(&["--unit", "t1", "--dataset", "classes", "file.csv"]);
    assert_eq!(both.status.code(), Some(2), "a file and a nil");
    let not_taken = with(&["--unit", "t1", "--dataset", "census"]);
    assert_eq!(not_taken.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&not_taken.stderr).contains("hint:"));
}

/// Where the standing of a unit shows in `expected`.
#[test]
fn expected_says_where_each_stands() {
    let home = small_home();
    send(&home, "2024-10-09 09:00", "t1", "classes", "2024-09", &form("K1,,12\n"));
    send(&home, "2024-10-09 09:00", "t2", "classes", "2024-09", &form(""));
    send(&home, "2024-10-09 09:00", "t3", "classes", "2024-09", &form("无,,\n"));
    let session = open(&home, "2024-10-13 09:00").session(None).unwrap();
    let sql = "SELECT reporter_code, dataset_title, CAST(due_on AS VARCHAR) AS due_on, is_due, state,
        CAST(first_accepted_on AS VARCHAR) AS first_accepted_on FROM expected ORDER BY reporter_code";
    let rows = session.query(sql, &[]).unwrap().to_json();
    let state = |i: usize| rows[i]["state"].as_str().unwrap();
    assert_eq!(
        [state(0), state(1), state(2), state(3)],
        [Standing::Missing, Standing::Accepted, Standing::Returned, Standing::Nil]
            .map(Standing::as_str)
    );
    assert_eq!(rows[1]["first_accepted_on"], Value::from("2024-10-09"));
    assert_eq!(rows[2]["first_accepted_on"], Value::Null);
    assert!(rows.iter().all(|row| row["due_on"] == "2024-10-12" && row["is_due"] == true));
    assert!(rows.iter().all(|row| row["dataset_title"] == "班级月报表"));
}
