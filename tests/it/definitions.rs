//! A definition with a slip is refused by `duban check config`, with its place and a hint.

use crate::home::Home;

/// Makes a slip in a fresh home; what `check config` says.
fn refused(path: &str, from: &str, to: &str) -> String {
    let home = Home::new();
    home.replace(path, from, to);
    let output = home.duban(&["check", "config"]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{path}: {from:?} → {to:?} was taken:\n{words}");
    words
}

#[test]
fn the_embedded_definitions_hold() {
    let home = Home::new();
    let words = home.ok(&["check", "config"]);
    assert!(words.contains("all definitions hold"), "{words}");
    assert!(words.contains("font"), "names the face of each font role: {words}");
}

#[test]
fn an_unknown_key_is_refused_with_line_and_hint() {
    let words = refused("config/duban.toml", "max_file_mb", "max_file_mbs");
    assert!(words.contains("config/duban.toml:"), "{words}");
    assert!(words.contains("did you mean `max_file_mb`?"), "{words}");
}

#[test]
fn a_wrong_value_is_refused_with_its_line() {
    let words = refused("config/duban.toml", "Asia/Shanghai", "Asia/Shanghi");
    assert!(words.contains("config/duban.toml:"), "{words}");
    assert!(words.contains("Asia/Shanghi"), "{words}");
}

#[test]
fn a_column_that_is_not_declared_is_refused_in_a_rule() {
    let words = refused(
        "pipelines/enrollment/pipeline.toml",
        "children == male + female",
        "children == male + femal",
    );
    assert!(words.contains("pipelines/enrollment/pipeline.toml:"), "{words}");
    assert!(words.contains("femal"), "{words}");
    assert!(words.contains("female"), "hint: {words}");
}

#[test]
fn a_wrong_cron_expression_is_refused_with_its_line() {
    let words = refused(
        "pipelines/enrollment/pipeline.toml",
        "workdays = [1, 2, 3, 4, 5, 6, 10, 15]\nat = \"17:30\"",
        "cron = \"0 30 25 * * *\"",
    );
    assert!(words.contains("pipelines/enrollment/pipeline.toml:"), "{words}");
    assert!(words.contains("0 30 25 * * *"), "{words}");
}

#[test]
fn a_column_that_sql_does_not_know_is_refused_with_line_and_hint() {
    let home = Home::new();
    let path = "pipelines/_metrics/institution_staff.sql";
    let text = home.read(path);
    home.write(path, text.replacen("SUM(children)", "SUM(childern)", 1));
    let output = home.duban(&["check", "config"]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains(&format!("{path}:")), "{words}");
    assert!(words.contains("children"), "hint: {words}");
}

#[test]
fn a_template_with_an_unknown_variable_is_refused_with_its_line() {
    let home = Home::new();
    let path = "report_templates/joint_meeting/report.md.j2";
    let text = home.read(path);
    let line = text.lines().count() + 1;
    home.write(path, format!("{text}{{{{ distrct }}}}\n"));
    let output = home.duban(&["check", "config"]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains(&format!("{path}:{line}")), "line {line}: {words}");
    assert!(words.contains("district"), "hint: {words}");
}

#[test]
fn a_unit_with_a_wrong_level_and_a_contact_without_an_address_are_both_said() {
    let home = Home::new();
    home.replace("config/units.csv", "town", "twon");
    let contacts = home.read("config/contacts.csv");
    home.write("config/contacts.csv", contacts.replacen('@', " at ", 1));
    let output = home.duban(&["check", "config"]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("config/units.csv:") && words.contains("twon"), "{words}");
    assert!(words.contains("config/contacts.csv:") && words.contains(" at "), "{words}");
}

#[test]
fn who_set_a_setting_is_told() {
    let home = Home::new();
    home.write("config/duban.local.toml", "[sql]\nmemory_mb = 256\n");
    let mut command = home.command(&["config", "show", "--origin", "--format", "csv"]);
    command.env("DUBAN__SQL__TIMEOUT_SECONDS", "7");
    let output = command.output().expect("the binary runs");
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(words.contains("sql.memory_mb,256,config/duban.local.toml:2"), "{words}");
    assert!(
        words.contains("sql.timeout_seconds,7,environment DUBAN__SQL__TIMEOUT_SECONDS"),
        "{words}"
    );
    assert!(words.contains("default"), "{words}");
}

#[test]
fn a_folder_that_is_no_home_is_said_to_be_none() {
    let home = Home::empty();
    let output = home.duban(&["status"]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(words.contains("duban init"), "{words}");
}
