//! From a survey's workbook in the inbox to the report: what is said, and what is not.

use duban::demo::survey_files;
use serde_json::json;

use crate::home::{Home, files};

/// A home that renders web pages alone.
fn home() -> Home {
    let home = Home::new();
    home.keep_reports(&["joint_meeting"]);
    let path = home.root.join("report_templates/joint_meeting/report.md.j2");
    let text = fs_err::read_to_string(&path).unwrap();
    let all = "formats = [\"html\", \"pdf\", \"docx\", \"xlsx\"]";
    let only_html = text.replace(all, "formats = [\"html\"]");
    assert_ne!(only_html, text);
    fs_err::write(&path, only_html).unwrap();
    home
}

/// Puts the workbook of a wave into the inbox of a period.
fn send(home: &Home, wave: &str, period: &str) {
    let folder = home.root.join("inbox").join(period).join("120114");
    fs_err::create_dir_all(&folder).unwrap();
    for (name, bytes) in survey_files(wave.parse().unwrap()).unwrap() {
        fs_err::write(folder.join(name), bytes).unwrap();
    }
}

/// Runs a month and gives the text of its newest edition, without tags.
fn report(home: &Home, as_of: &str, period: &str) -> String {
    home.ok(&["--as-of", as_of, "run", "--period", period]);
    let folder = home.root.join("data/reports/joint_meeting").join(period);
    let mut pages = files(&folder, "html");
    pages.sort();
    let html = fs_err::read_to_string(pages.last().unwrap()).unwrap();
    let tags = regex::Regex::new("(?s)<style.*?</style>|<[^>]*>").unwrap();
    tags.replace_all(&html, "|").into_owned()
}

/// The cells of the row of a table that begins with a name.
fn row(text: &str, name: &str) -> Vec<String> {
    let section = text.split("家长满意率").nth(1).expect("the towns' table");
    let from = section.find(&format!("|{name}|")).unwrap_or_else(|| panic!("no row of {name}"));
    let cells = section[from..].split('|').map(str::trim).filter(|cell| !cell.is_empty());
    cells.take(6).map(str::to_owned).collect()
}

#[test]
fn the_report_joins_the_newest_wave_and_prints_no_small_figure() {
    let home = home();
    let text = report(&home, "2023-04-10T00:30:00Z", "2023-03");
    assert!(text.contains("五、") && text.contains("社会满意度"));
    assert!(text.contains("至本期末尚无社会满意度调查结果。"), "no survey yet");

    send(&home, "2023-w2", "2023-w2");
    send(&home, "2024-w1", "2024-w1");
    let text = report(&home, "2024-06-10T00:30:00Z", "2024-05");
    assert!(text.contains("本期完成2024年第1次调查（2024年5月26日截止）"));
    assert!(text.contains("选“非常满意、满意、基本满意”计为满意"));
    assert!(text.contains("选“不了解”不计入有效答卷"));
    let silent = home.query(
        "SELECT c.unit_name, c.n FROM satisfaction_cells c
         WHERE c.period = '2024-w1' AND c.paper = 'A' AND c.headline AND c.n < 10 AND c.level = 'town'",
    );
    assert!(silent.len() >= 3, "{silent:?}");
    for town in &silent {
        let cells = row(&text, town["unit_name"].as_str().unwrap());
        assert_eq!(cells[1..], ["不公布", "样本不足，不公布", "—", "—", "—"], "{town}");
    }
    // Their groups' other towns cover for them, and no change gives back the wave before.
    let hidden = home.query(
        "SELECT count(*) AS n FROM satisfaction_published
         WHERE period = '2024-w1' AND paper = 'A' AND hidden AND level = 'town'",
    );
    assert!(hidden[0]["n"].as_u64().unwrap() > silent.len() as u64);

    // June had no survey: the last one stands, with its day.
    let text = report(&home, "2024-07-10T00:30:00Z", "2024-06");
    assert!(
        text.contains("本期无调查，以下为最近一次（2024年第1次调查，2024年5月26日截止）的结果")
    );
    // In May, October's report knew nothing of November's wave.
    let text = report(&home, "2024-07-10T00:40:00Z", "2023-10");
    assert!(text.contains("至本期末尚无社会满意度调查结果。"));
}

#[test]
fn a_corrected_survey_is_said_without_a_town_s_figures() {
    let home = home();
    send(&home, "2024-w1", "2024-w1");
    report(&home, "2024-06-10T00:30:00Z", "2024-05");
    // Other answers for the same wave.
    send(&home, "2024-w2", "2024-w1");
    let text = report(&home, "2024-06-11T00:30:00Z", "2024-05");
    let changes =
        text.split("补报和更正如下").nth(1).expect("changes").split("二、").next().unwrap();
    assert!(changes.contains("武清区2024-w1《学前教育满意度调查》作了更正"), "{changes}");
    assert!(!changes.contains('→') && !changes.contains("镇2024"), "{changes}");
}

#[test]
fn a_wave_below_its_target_opens_an_item_that_the_next_wave_closes() {
    let home = home();
    send(&home, "2023-w1", "2023-w1");
    report(&home, "2023-06-12T00:30:00Z", "2023-05");
    let items = |state: &str| {
        home.query(&format!(
            "SELECT subject_code, period FROM items
             WHERE check_id = 'satisfaction_district' AND state = '{state}' ORDER BY 1"
        ))
    };
    let opened = items("opened");
    assert!(
        opened.contains(&json!({"subject_code": "120114:A", "period": "2023-w1"})),
        "{opened:?}"
    );
    // A month without a survey changes nothing.
    report(&home, "2023-07-12T00:30:00Z", "2023-06");
    assert_eq!(items("opened"), opened);
    send(&home, "2023-w2", "2023-w2");
    report(&home, "2023-12-12T00:30:00Z", "2023-11");
    let closed = items("closed");
    assert!(closed.iter().any(|item| item["subject_code"] == "120114:A"), "{closed:?}");
}

#[test]
fn plan_awaits_a_wave_once_it_has_closed() {
    let home = home();
    send(&home, "2023-w1", "2023-w1");
    home.ok(&["--as-of", "2023-06-12T00:30:00Z", "run", "--period", "2023-05"]);
    let plan = |as_of: &str, period: &str| {
        home.ok(&["--as-of", as_of, "plan", "--period", period, "--format", "csv"])
    };
    assert!(!plan("2023-11-10T00:30:00Z", "2023-10").contains("await,satisfaction"));
    let said = plan("2023-12-11T00:30:00Z", "2023-11");
    assert!(said.contains("await,satisfaction/2023-w2,武清区"), "{said}");
    let sql = "SELECT CAST(due_on AS VARCHAR) AS due_on FROM expected WHERE period = '2023-w2'";
    let due = home.ok(&["--as-of", "2023-12-11T00:30:00Z", "query", "--format", "csv", sql]);
    assert_eq!(due.trim(), "due_on\n2023-11-24");
}
