//! `duban status`: one screen, and all of it for a program.

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::home::{DEMO, Home};
use crate::serve_home::{home_month, small_home};

fn whole(home: &Home) -> Value {
    serde_json::from_str(&home.ok(&["status", "--format", "json"])).expect("JSON")
}

fn fits_one_screen(screen: &str) {
    let lines: Vec<&str> = screen.lines().collect();
    assert!(lines.len() <= 40, "{} lines:\n{screen}", lines.len());
    let wide = lines.iter().find(|line| line.width() > 100);
    assert_eq!(wide, None, "too wide:\n{screen}");
}

#[test]
fn the_whole_demo_fits_one_screen_of_forty_lines_and_a_hundred_columns() {
    let screen = DEMO.ok(&["status"]);
    fits_one_screen(&screen);
    for part in ["daemon", "schedules", "inbox", "collection", "items", "report", "mails", "disk"] {
        assert!(screen.lines().any(|line| line.starts_with(part)), "{part} is there:\n{screen}");
    }
    let whole = whole(&DEMO);
    let missing: usize = whole["collection"]
        .as_array()
        .expect("data sets")
        .iter()
        .map(|row| row["missing"].as_array().expect("names").len())
        .sum();
    let open = whole["items"]["n_open"].as_u64().expect("a count");
    assert!(missing > 0 && open > 0, "the story has both: {whole}");
    assert!(screen.contains(&format!("open {open}:")), "{screen}");
}

#[test]
fn who_is_missing_what_never_ran_and_that_nobody_serves_is_said() {
    let home = small_home();
    let month = home_month(&home);
    let screen = home.ok(&["status"]);
    fits_one_screen(&screen);
    assert!(screen.contains("none: nothing is done by itself until `duban serve`"), "{screen}");
    assert!(screen.contains("report:brief"), "{screen}");
    assert!(screen.contains("not run yet"), "{screen}");
    assert!(screen.contains("1 waiting, 0 misplaced"), "{screen}");
    assert!(screen.contains("nothing has come yet"), "{screen}");

    home.ok(&["run", "--period", &month]);
    let screen = home.ok(&["status"]);
    fits_one_screen(&screen);
    assert!(screen.contains("0 waiting, 0 misplaced"), "{screen}");
    let row = screen.lines().find(|line| line.starts_with("collection")).expect("a row");
    assert!(row.contains("1 of 2") && row.contains("乙镇") && !row.contains("甲镇"), "{row}");
    let whole = whole(&home);
    assert_eq!(whole["collection"][0]["missing"][0]["unit_name"], "乙镇");
    assert_eq!(whole["mails_by_state"]["accepted"], 2);
    let rows = home.ok(&["status", "--format", "csv"]);
    assert!(rows.contains("collection[0].n_reported,1"), "{rows}");
}

#[test]
fn a_home_without_a_daemon_is_not_well() {
    let home = small_home();
    let output = home.duban(&["status", "--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "no daemon serves this home\n");
}
