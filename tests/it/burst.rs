//! One definition, a sheet for each town: nothing of another in it, and none made without need.

use calamine::{Reader, open_workbook_auto};

use crate::burst_home::{
    CHILDREN, FIRST, LATER, NAMES, contents, drop_form, editions, folder, home, mails, run, sheet,
};
use crate::crash::kill_at;
use crate::small::TOWNS;

/// Every text of a workbook's cells.
fn cells(path: &std::path::Path) -> String {
    let mut workbook = open_workbook_auto(path).unwrap();
    let mut text = String::new();
    for (name, range) in workbook.worksheets() {
        text.push_str(&name);
        for cell in range.cells() {
            text.push_str(&format!("\n{}", cell.2));
        }
    }
    text
}

#[test]
fn a_towns_sheet_holds_no_other_towns_name_or_figure() {
    let home = home(&sheet("", "\"html\", \"xlsx\""));
    run(&home, FIRST, &[]);
    for (i, town) in TOWNS.into_iter().enumerate() {
        let folder = folder(&home, town, "001");
        let mut texts = Vec::new();
        for (name, bytes) in contents(&folder) {
            let text = if std::path::Path::new(&name).extension().is_some_and(|end| end == "xlsx") {
                cells(&folder.join(&name))
            } else {
                String::from_utf8(bytes).unwrap()
            };
            texts.push((name, text));
        }
        assert_eq!(texts.len(), 3, "html, text, xlsx");
        for (name, text) in texts {
            let plain = text.replace([',', ' ', '\u{a0}', '\u{2009}'], "");
            assert!(plain.contains(&CHILDREN[i].to_string()), "{name} has its own figure: {text}");
            assert!(name.contains(NAMES[i]), "{name}");
            for (j, other) in NAMES.iter().enumerate().filter(|(j, _)| *j != i) {
                assert!(!text.contains(other), "{name} names {other}");
                assert!(!plain.contains(&CHILDREN[j].to_string()), "{name} tells {other}'s figure");
            }
        }
    }
    // The whole district's rows are not in what the sheet keeps either.
    let ledger = rusqlite::Connection::open(home.root.join("data/ledger.sqlite")).unwrap();
    let context: Vec<u8> = ledger
        .query_row(
            "SELECT bytes FROM editions JOIN blobs ON sha256 = context_sha256 WHERE scope = ?1",
            [TOWNS[0]],
            |row| row.get(0),
        )
        .unwrap();
    let context = String::from_utf8(context).unwrap();
    assert!(context.contains(&CHILDREN[0].to_string()) && !context.contains(NAMES[1]), "{context}");
    // Place in the district, from all rows: the third town has most children.
    let text = fs_err::read_to_string(
        folder(&home, TOWNS[2], "001").join(format!("{}在园幼儿情况单.txt", NAMES[2])),
    );
    assert!(text.unwrap().contains("列第1位"));
}

#[test]
fn thirty_sheets_keep_one_template() {
    let home = home(&sheet("", "\"html\""));
    run(&home, FIRST, &[]);
    let ledger = rusqlite::Connection::open(home.root.join("data/ledger.sqlite")).unwrap();
    for name in ["definition", "mail_css", "page", "settings"] {
        let (all, different): (i64, i64) = ledger
            .query_row(
                "SELECT count(*), count(DISTINCT sha256) FROM edition_parts WHERE name = ?1",
                [name],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert_eq!((all, different), (3, 1), "{name}");
    }
}

#[test]
fn each_contact_is_mailed_its_own_towns_sheet_and_a_town_without_one_is_said() {
    let report = sheet("", "\"html\", \"xlsx\"");
    let home = home(&report.replace("to = [\"town\"]", "to = [\"town\"]\nattach = []"));
    let output = run(&home, FIRST, &["--send"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("{} ({}) has no contact", NAMES[2], TOWNS[2])), "{said}");
    let mails = mails(&home);
    assert_eq!(mails.len(), 2, "{mails:?}");
    for (i, mail) in mails.iter().enumerate() {
        assert_eq!(mail["recipient"], format!("town{i}@wuqing.example"));
        assert_eq!(mail["state"], "accepted");
        let raw = home.ok(&["mail", "show", "--raw", &mail["id"].to_string()]);
        assert!(raw.contains(&format!("X-Duban-Edition: town_sheet {} 1", TOWNS[i])), "{raw}");
        assert!(!raw.contains("spreadsheetml"), "the workbook is not attached: attach = []");
    }
}

#[test]
fn a_correction_makes_a_new_sheet_for_its_town_alone_and_the_clock_makes_none() {
    let home = home(
        &sheet("", "\"html\"")
            .replace("  rank() OVER (ORDER BY c.children DESC) AS place", "  1 AS place"),
    );
    run(&home, FIRST, &[]);
    run(&home, LATER, &[]);
    assert_eq!(editions(&home).len(), 3, "another day alone makes none");
    drop_form(&home, TOWNS[1], 55_555);
    run(&home, LATER, &["--send"]);
    let all = editions(&home);
    let made: Vec<(String, i64)> = all
        .iter()
        .map(|e| (e["scope"].as_str().unwrap().to_owned(), e["no"].as_i64().unwrap()))
        .collect();
    let expected = [(0, 1), (1, 1), (2, 1), (1, 2)].map(|(i, no)| (TOWNS[i].to_owned(), no));
    assert_eq!(made, expected);
    assert_eq!(all[3]["supersedes"], all[1]["edition_id"].to_string());
    assert_eq!(all[3]["corrects_no"], "1");
    let folder = folder(&home, TOWNS[1], "002");
    let text = fs_err::read_to_string(folder.join(format!("{}在园幼儿情况单.txt", NAMES[1])));
    let text = text.unwrap();
    assert!(text.contains("20259→55555"), "its own change is told: {text}");
    let mail = mails(&home).pop().unwrap();
    let raw = home.ok(&["mail", "show", "--raw", &mail["id"].to_string()]);
    let subject = mail_parser::MessageParser::default().parse(raw.as_bytes()).unwrap();
    assert_eq!(subject.subject(), Some("乙水镇第2期（更正第1期）"));
}

#[test]
fn a_figure_that_all_may_see_makes_new_sheets_for_all() {
    let report = sheet("", "\"html\"")
        .replace("by = \"town\"", "by = \"town\"\nshared = [\"total\"]")
        .replace(
            "[queries]\n",
            "[queries]\ntotal = \"SELECT sum(children) AS children FROM children WHERE period = $period\"\n",
        )
        .replace("在园幼儿 {{", "全区{{ q.total[0].children }}，在园幼儿 {{");
    let home = home(&report);
    run(&home, FIRST, &[]);
    drop_form(&home, TOWNS[1], 55_555);
    run(&home, LATER, &[]);
    assert_eq!(editions(&home).len(), 6);
    let ledger = rusqlite::Connection::open(home.root.join("data/ledger.sqlite")).unwrap();
    let shared: i64 = ledger
        .query_row(
            "SELECT count(DISTINCT sha256) FROM edition_parts WHERE name = 'shared'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(shared, 2, "the rows that all see are kept once a build");
}

#[test]
fn a_query_whose_rows_cannot_be_parted_is_refused_with_its_place() {
    let report = sheet("", "\"html\"").replace("SELECT c.unit_code, u.name", "SELECT u.name");
    let home = home(&report);
    let checked = home.duban(&["check", "config"]);
    let built = home.duban(&["--as-of", FIRST, "report", "build", "--period", "2024-09"]);
    for output in [checked, built] {
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("town_sheet/report.md.j2:13"), "{said}");
        assert!(said.contains("query `own` has no column `unit_code`"), "{said}");
        assert!(said.contains("add \"own\" to `shared`"), "{said}");
    }
    assert!(editions(&home).is_empty());
}

#[test]
fn what_the_front_matter_gets_wrong_is_said_at_its_line() {
    for (from, to, said) in [
        ("by = \"town\"", "by = \"park\"", "`park` is no level to burst by"),
        ("by = \"town\"", "by = \"town\"\nshared = [\"owm\"]", "did you mean `own`?"),
        ("to = [\"town\"]", "to = [\"town\"]\nattach = [\"pdf\"]", "not among the formats"),
        ("to = [\"town\"]", "to = [\"town\"]\napproval = []", "no role could approve it"),
        ("[burst]", "[params]\ntoday = 1\n[burst]", "`$today` is given by the program"),
        ("[burst]", "[params]\nnear = nan\n[burst]", "a constant is a finite number"),
    ] {
        let text = sheet("", "\"html\"").replace(from, to);
        let problems =
            duban::config::report::ReportDefinition::load("t", "t.md", &text).unwrap_err();
        let words: String = problems.iter().map(ToString::to_string).collect();
        assert!(words.contains(said) && words.contains("t.md:"), "{to}: {words}");
    }
}

#[test]
fn constants_stand_in_sql_and_text_and_are_set_by_hand() {
    let report = sheet("[params]\nleast = 20000", "\"html\"")
        .replace("WHERE c.period = $period", "WHERE c.period = $period AND c.children > $least")
        .replace("截至", "多于{{ params.least }}人，截至");
    let home = home(&report);
    run(&home, FIRST, &[]);
    let text = |i: usize, no: &str| {
        let name = format!("{}在园幼儿情况单.txt", NAMES[i]);
        fs_err::read_to_string(folder(&home, TOWNS[i], no).join(name)).unwrap()
    };
    assert!(!text(0, "001").contains("列第"), "10,137 is not more than 20,000");
    assert!(text(1, "001").contains("列第2位") && text(1, "001").contains("多于20000人"));
    let build = ["--as-of", LATER, "report", "build", "--period", "2024-09"];
    home.ok(&[&build[..], &["--param", "least=25000"]].concat());
    assert!(!text(1, "002").contains("列第") && text(1, "002").contains("多于25000人"));
    let refused = home.duban(&[&build[..], &["--param", "least=many"]].concat());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("`many` is not a whole number"), "{said}");
}

#[test]
fn a_report_that_fails_leaves_the_others_running() {
    let home = home(&sheet("", "\"html\""));
    home.write(
        "report_templates/broken/report.md.j2",
        sheet("", "\"html\"")
            .replace("q.own[0].place", "q.own[0].place / (q.own[0].children - 20259)"),
    );
    let output = run(&home, FIRST, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("report broken/2024-09/{}", TOWNS[1])), "{said}");
    assert!(said.contains("broken/report.md.j2:"), "with its place: {said}");
    let made = editions(&home);
    let of = |name: &str| made.iter().filter(|edition| edition["report"] == name).count();
    assert_eq!(
        (of("town_sheet"), of("broken")),
        (3, 2),
        "one town's sheet alone could not be made"
    );
}

#[test]
fn a_burst_killed_at_any_point_ends_as_an_undisturbed_one() {
    let home_of = || home(&sheet("approval = [\"secretariat\"]", "\"html\""));
    let undisturbed = home_of();
    run(&undisturbed, FIRST, &["--send"]);
    let home = home_of();
    for point in ["rows:work", "report:begin", "report:work", "report:end"] {
        kill_at(&home, point, "2024-09", FIRST);
    }
    run(&home, FIRST, &["--send"]);
    assert_eq!(home.state(), undisturbed.state());
    assert_eq!(editions(&home).len(), 3);
}
