//! The ladder over the whole campaign: slips, their days, their numbers, and the town that fell silent.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};

use crate::story::WHOLE;
use crate::story_items::STORY;

fn ledger() -> rusqlite::Connection {
    rusqlite::Connection::open(WHOLE.root.join("data/ledger.sqlite")).unwrap()
}

/// Rows of text of a statement.
fn rows(sql: &str) -> Vec<Vec<String>> {
    let ledger = ledger();
    let mut statement = ledger.prepare(sql).unwrap();
    let n = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..n).map(|i| row.get::<_, Option<String>>(i).map(Option::unwrap_or_default)).collect()
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_slip_lies_on_a_working_day() {
    let calendar = crate::calendar::of_the_repository();
    let slips = rows("SELECT on_date FROM slips");
    assert!(slips.len() > 500, "{}", slips.len());
    for slip in &slips {
        assert!(calendar.is_workday(slip[0].parse().unwrap()), "{slip:?}");
    }
    let climbs = STORY.events.values().flatten().filter(|event| event.kind == "escalated");
    for event in climbs {
        assert!(calendar.is_workday(event.on), "{}", event.on);
    }
}

#[test]
fn nobody_is_mailed_slips_twice_on_one_day() {
    let mails = rows(
        "SELECT DISTINCT slips.on_date, recipient, CAST(delivery_id AS TEXT)
         FROM slips JOIN slip_mails USING (slip_id) JOIN deliveries USING (delivery_id)",
    );
    assert!(mails.len() > 300, "{}", mails.len());
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for mail in &mails {
        assert!(seen.insert((&mail[0], &mail[1])), "{mail:?} again on that day");
    }
}

#[test]
fn slips_are_numbered_by_step_and_year_without_gaps() {
    let slips = rows(
        "SELECT step, CAST(year AS TEXT), CAST(n AS TEXT), on_date FROM slips
         WHERE n IS NOT NULL ORDER BY step, year, n",
    );
    let mut last: BTreeMap<(String, String), (u32, String)> = BTreeMap::new();
    for slip in slips {
        let [step, year, n, on] = slip.try_into().unwrap();
        assert_eq!(on[..4], year, "{step} {n}");
        let n: u32 = n.parse().unwrap();
        let (before, day) = last.entry((step.clone(), year)).or_default();
        assert_eq!(n, *before + 1, "{step} on {on}");
        assert!(*day <= on, "{step} {n} on {on} after {day}");
        (*before, *day) = (n, on);
    }
    let steps: BTreeSet<&str> = last.keys().map(|(step, _)| step.as_str()).collect();
    let all = BTreeSet::from(["assign", "urge", "notice", "circular", "talk", "committee"]);
    assert_eq!(steps, all, "every step of the ladder has slips");
}

#[test]
fn no_item_is_urged_after_an_answer_or_beyond_the_cap() {
    for (item_no, events) in &STORY.events {
        let mut n = 0;
        for event in events {
            match event.kind.as_str() {
                "opened" | "reopened" => n = 0,
                "escalated" => {
                    n += 1;
                    let is_done = ["closed", "archived", "withdrawn", "suspended", "verified"];
                    assert!(!is_done.contains(&event.to.as_str()), "item {item_no} {}", event.on);
                }
                _ => {}
            }
            // `cap` of the ladder in pipelines/_supervision.toml.
            assert!(n <= 12, "item {item_no} was urged {n} times");
        }
        let on: Vec<Date> =
            events.iter().filter(|event| event.kind == "escalated").map(|event| event.on).collect();
        assert!(on.windows(2).all(|pair| pair[0] < pair[1]), "item {item_no}: twice on a day");
    }
}

/// 豆张庄镇 sent nothing for 2023-02 and 2023-03. The forms of February were due on 2023-03-07, the fifth
/// working day; the item was opened by the report on the seventh, 2023-03-09, and due three working days
/// later, 2023-03-14. The days below are counted by hand in config/calendar.csv: 2023-04-05 is 清明节.
const CLIMB: [(&str, Date); 7] = [
    ("assign", date(2023, 3, 10)),
    ("near_due", date(2023, 3, 13)),
    ("urge", date(2023, 3, 15)),
    ("notice", date(2023, 3, 20)),
    ("circular", date(2023, 3, 24)),
    ("talk", date(2023, 3, 31)),
    ("committee", date(2023, 4, 10)),
];

#[test]
fn a_town_that_is_silent_for_two_months_is_one_item_that_climbs_to_the_committee() {
    let (item_no, item) = STORY
        .items
        .iter()
        .find(|(_, item)| {
            item.key.check_id == "town_silent" && item.key.subject_code == "120114120"
        })
        .expect("the silent town's item");
    let events = &STORY.events[item_no];
    assert_eq!((events[0].kind.as_str(), events[0].on), ("opened", date(2023, 3, 9)));
    assert_eq!(events[0].set["due_on"], "2023-03-14");
    let slips = rows(&format!(
        "SELECT step, on_date FROM slips JOIN slip_items USING (slip_id)
         WHERE item_no = {item_no} AND episode = 1 ORDER BY on_date"
    ));
    let expected: Vec<Vec<String>> =
        CLIMB.iter().map(|(step, on)| vec![(*step).to_owned(), on.to_string()]).collect();
    assert_eq!(slips, expected);
    // It sent everything on 2023-04-17; the fifteenth working day of April is Sunday the 23rd, worked.
    let closed = events.iter().find(|event| event.kind == "closed").expect("closed");
    assert_eq!((closed.on, closed.role.as_str()), (date(2023, 4, 23), "duban"));
    assert_eq!(item.subject_name, "豆张庄镇");
}

#[test]
fn what_follows_from_a_silence_opens_no_item_of_its_own() {
    let silent = date(2023, 3, 9)..date(2023, 4, 23);
    let raised: Vec<(&str, &str, Date)> = STORY
        .items
        .values()
        .filter(|item| item.unit_code.as_str() == "120114120")
        .filter(|item| item.key.check_id != "town_silent" && item.key.check_id != "by_hand")
        .filter_map(|item| {
            let events = &STORY.events[&item.item_no];
            let opens = events.iter().find(|event| event.kind == "opened")?;
            silent.contains(&opens.on).then_some((
                item.key.check_id.as_str(),
                item.key.subject_code.as_str(),
                opens.on,
            ))
        })
        .filter(|(check, ..)| *check == "submission_missing")
        .collect();
    assert_eq!(raised, [], "the missing forms are explained by the silence");
    let held = WHOLE.count(
        "SELECT sum(n_held) FROM judgements
         WHERE check_id = 'submission_missing' AND period IN ('2023-02', '2023-03')",
    );
    assert!(held >= 4, "{held} consequences were held back");
}

#[test]
fn a_backfilled_month_opens_no_item_and_mails_nobody() {
    let home = crate::home::Home::copy_of(&WHOLE.root);
    let count = |sql: &str| home.count(sql);
    let (items, mails) = ("SELECT count(*) FROM item_events", "SELECT count(*) FROM deliveries");
    let before = (count(items), count(mails));
    home.ok(&["run", "--period", "2023-03"]);
    assert_eq!((count(items), count(mails)), before);
}
