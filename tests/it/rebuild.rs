//! An edition is rendered again from what it keeps: the same bytes, whatever has changed since.

use serde_json::Value;

use crate::burst_home::{
    FIRST, NAMES, contents, drop_form, editions, folder, home, mails, run, sheet,
};
use crate::home::Home;
use crate::small::TOWNS;

fn rebuilt(home: &Home, at: &str, edition: &str, more: &[&str]) -> Value {
    let mut args = vec!["--as-of", at, "report", "rebuild", edition, "--format", "json"];
    args.extend(more);
    let output = home.duban(&args);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn an_edition_comes_out_the_same_in_another_folder_on_another_day_under_other_definitions() {
    let first = home(&sheet("", "\"html\", \"pdf\", \"xlsx\""));
    run(&first, FIRST, &[]);
    // Moved, edited, years later, with other data.
    let moved = Home::copy_of(&first.root);
    moved.write(
        "report_templates/town_sheet/report.md.j2",
        sheet("", "\"html\"").replace("情况单", "别的"),
    );
    moved.write("report_templates/_base/mail.css", "body { color: red }");
    moved.replace("config/units.csv", NAMES[1], "改名镇");
    drop_form(&moved, TOWNS[1], 1);
    let id = editions(&moved)[1]["edition_id"].to_string();
    let out = moved.root.join("out");
    let said = rebuilt(&moved, "2027-03-01T00:00:00Z", &id, &["--to", &out.display().to_string()]);
    assert_eq!(
        (&said["identical"], &said["differs"]),
        (&Value::Bool(true), &serde_json::json!([]))
    );
    let stored = contents(&folder(&first, TOWNS[1], "001"));
    assert_eq!(stored.len(), 4, "html, text, pdf, xlsx");
    assert!(contents(&out) == stored, "the same files, to the byte");
}

#[test]
fn a_damaged_file_is_said_and_put_back_only_when_asked() {
    let home = home(&sheet("", "\"html\", \"xlsx\""));
    run(&home, FIRST, &[]);
    let folder = folder(&home, TOWNS[0], "001");
    let whole = contents(&folder);
    fs_err::write(folder.join(&whole[0].0), "damaged").unwrap();
    fs_err::remove_file(folder.join(&whole[1].0)).unwrap();
    // A new run does not take the damaged edition for good.
    let output = home.duban(&["--as-of", FIRST, "report", "build", "--period", "2024-09"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("missing or changed"), "{said}");
    let id = editions(&home)[0]["edition_id"].to_string();
    let looked = rebuilt(&home, FIRST, &id, &[]);
    assert_eq!(looked["identical"], true, "it can be made again");
    assert_ne!(contents(&folder), whole, "looking changes nothing");
    let put = rebuilt(&home, FIRST, &id, &["--repair"]);
    let back = put["files"].as_array().unwrap().iter().filter(|file| file["put_back"] == true);
    assert_eq!(back.count(), 2);
    assert_eq!(contents(&folder), whole);
}

#[test]
fn what_differs_is_said_and_the_stored_files_are_handed_out() {
    let home = home(&sheet("", "\"html\""));
    run(&home, FIRST, &[]);
    let ledger = rusqlite::Connection::open(home.root.join("data/ledger.sqlite")).unwrap();
    // As if an earlier program with another style had made it.
    let made = "UPDATE editions SET program = 'duban 0.0.9',
        fonts_json = '{\"/fonts/Gone-Song.ttf\":\"00\"}' WHERE edition_id = 1";
    ledger.execute(made, []).unwrap();
    let sha = "UPDATE edition_parts SET sha256 = (SELECT sha256 FROM edition_parts WHERE name = 'page' LIMIT 1)
        WHERE edition_id = 1 AND name = 'mail_css'";
    ledger.execute(sha, []).unwrap();
    drop(ledger);
    let out = home.root.join("out");
    let said = rebuilt(&home, FIRST, "1", &["--to", &out.display().to_string()]);
    assert_eq!(said["identical"], false);
    let differs = said["differs"].to_string();
    assert!(differs.contains("program duban 0.0.9 → duban "), "{differs}");
    assert!(differs.contains("font file Gone-Song.ttf is gone"), "{differs}");
    assert_eq!(contents(&out), contents(&folder(&home, TOWNS[0], "001")), "the stored ones");
    let verdicts: Vec<&str> =
        said["files"].as_array().unwrap().iter().map(|f| f["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["differs", "identical"], "html by the style, text as it was");
}

#[test]
fn an_old_editions_mail_is_not_changed_by_a_new_template() {
    let home = home(&sheet("", "\"html\", \"xlsx\""));
    run(&home, FIRST, &[]);
    let edited = sheet("", "\"html\"").replace("subject = \"", "subject = \"改过的");
    home.write("report_templates/town_sheet/report.md.j2", edited);
    home.ok(&["--as-of", FIRST, "report", "send", "1"]);
    let mail = mails(&home).pop().unwrap();
    let raw = home.ok(&["mail", "show", "--raw", &mail["id"].to_string()]);
    let message = mail_parser::MessageParser::default().parse(raw.as_bytes()).unwrap();
    assert_eq!(message.subject(), Some("甲山镇第1期"));
    assert_eq!(message.attachment_count(), 1, "the workbook, which the new template does not make");
}
