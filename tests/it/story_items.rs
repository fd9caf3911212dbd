//! The items of the whole campaign: the ledger against its events, the events against a life cycle that is
//! written down here once more, deadlines against another calendar, statistics against a count by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use duban::model::{BY_HAND, Item};
use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::story::WHOLE;
use crate::tools::{python_with, repository};

/// An event as it stands in the ledger's own table.
pub struct Event {
    pub seq: i64,
    pub on: Date,
    pub kind: String,
    pub from: Option<String>,
    pub to: String,
    pub role: String,
    pub reason: String,
    pub set: Map<String, Value>,
}

/// All items by number: as the ledger has them, and their events in order.
pub struct Story {
    pub items: BTreeMap<i64, Item>,
    pub events: BTreeMap<i64, Vec<Event>>,
}

pub static STORY: LazyLock<Story> = LazyLock::new(|| {
    let ledger = rusqlite::Connection::open(WHOLE.root.join("data/ledger.sqlite")).unwrap();
    let mut items = BTreeMap::new();
    let mut statement = ledger.prepare("SELECT item_json FROM items").unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    for text in rows {
        let item: Item = serde_json::from_str(&text.unwrap()).unwrap();
        items.insert(item.item_no, item);
    }
    let mut events: BTreeMap<i64, Vec<Event>> = BTreeMap::new();
    let sql = "SELECT item_no, seq, on_date, kind, from_state, to_state, role, reason, set_json
               FROM item_events ORDER BY item_no, seq";
    let mut statement = ledger.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        let event = Event {
            seq: row.get(1)?,
            on: row.get::<_, String>(2)?.parse().unwrap(),
            kind: row.get(3)?,
            from: row.get(4)?,
            to: row.get(5)?,
            role: row.get(6)?,
            reason: row.get(7)?,
            set: serde_json::from_str(&row.get::<_, String>(8)?).unwrap(),
        };
        Ok((row.get::<_, i64>(0)?, event))
    });
    for row in rows.unwrap() {
        let (item_no, event) = row.unwrap();
        events.entry(item_no).or_default().push(event);
    }
    Story { items, events }
});

fn all_events() -> impl Iterator<Item = (&'static Item, &'static Event)> {
    STORY.events.iter().flat_map(|(item_no, events)| {
        let item = &STORY.items[item_no];
        events.iter().map(move |event| (item, event))
    })
}

#[test]
fn the_ledger_at_the_end_is_what_its_events_make() {
    assert!(STORY.items.len() > 500, "{}", STORY.items.len());
    assert_eq!(STORY.items.len(), STORY.events.len());
    for (item_no, events) in &STORY.events {
        let mut made = Map::new();
        for event in events {
            made.extend(event.set.clone());
            let state = made["state"].as_str().unwrap();
            assert_eq!(state, event.to, "item {item_no} after event {}", event.seq);
        }
        let item = serde_json::to_value(&STORY.items[item_no]).unwrap();
        assert_eq!(Value::Object(made), item, "item {item_no}");
    }
}

const OPEN: &[&str] =
    &["opened", "assigned", "signed", "in_work", "answered", "sent_back", "verified"];
const IN_WORK: &[&str] = &["signed", "in_work", "sent_back"];
const PROGRAM: &[&str] = &["duban"];
const UNITS: &[&str] = &["town", "bureau", "group", "secretariat", "head"];
const CHIEFS: &[&str] = &["coordination", "committee"];
const JUDGES: &[&str] = &["supervisor", "experts", "coordination"];

/// What a kind of event may do, from the life cycle as supervision practice has it: from which states, to which (`=`: it stays as it is), and
/// by whom.
fn rule(kind: &str) -> (&'static [&'static str], &'static [&'static str], Vec<&'static str>) {
    let by = |roles: &[&[&'static str]]| roles.concat();
    match kind {
        "kept" | "held" | "released" | "data_passes" | "data_fails" => {
            (&["=open", "suspended"], &["="], by(&[PROGRAM]))
        }
        "escalated" => (&["=open"], &["=", "assigned"], by(&[PROGRAM])),
        "assigned" => (
            &["opened", "assigned", "signed", "in_work", "sent_back"],
            &["assigned"],
            by(&[&["secretariat", "supervisor"], CHIEFS]),
        ),
        "signed" => (&["assigned"], &["signed"], by(&[UNITS])),
        "progressed" => (IN_WORK, &["in_work"], by(&[UNITS])),
        "answered" => (IN_WORK, &["answered"], by(&[UNITS])),
        "sent_back" => (&["answered", "verified"], &["sent_back"], by(&[JUDGES])),
        "verified" => (&["answered"], &["verified"], by(&[JUDGES])),
        "closed" => (&["=open"], &["closed"], by(&[PROGRAM, &["supervisor", "coordination"]])),
        "looked_back" => (&["closed", "archived"], &["="], by(&[PROGRAM, JUDGES])),
        "archived" => (&["closed"], &["archived"], by(&[PROGRAM, &["secretariat", "supervisor"]])),
        "reopened" => {
            (&["closed", "archived", "withdrawn"], &["opened"], by(&[PROGRAM, JUDGES, CHIEFS]))
        }
        "withdrawn" => (&["=open", "suspended"], &["withdrawn"], by(&[PROGRAM, CHIEFS])),
        "extension_asked" => {
            (&["assigned", "signed", "in_work", "sent_back"], &["="], by(&[UNITS]))
        }
        "extension_granted" | "extension_refused" => {
            (&["=open"], &["="], by(&[&["bureau"], CHIEFS]))
        }
        "suspended" => (&["=open"], &["suspended"], by(&[CHIEFS])),
        "resumed" => (&["suspended"], &["=before"], by(&[CHIEFS])),
        "noted" => {
            (&["=open", "suspended", "closed", "archived"], &["="], by(&[UNITS, JUDGES, CHIEFS]))
        }
        other => panic!("an event that the life cycle does not know: {other}"),
    }
}

#[test]
fn every_event_of_the_campaign_is_a_step_that_the_life_cycle_allows() {
    let mut wrong = Vec::new();
    for (item_no, events) in &STORY.events {
        let mut state: Option<&str> = None;
        let mut before_suspension = "";
        let mut last = Date::MIN;
        let (mut episode, mut asked) = (0, false);
        for event in events {
            let mut complain = |what: &str| {
                wrong.push(format!(
                    "{item_no}/{} {} on {}: {what}",
                    event.seq, event.kind, event.on
                ));
            };
            if event.from.as_deref() != state {
                complain(&format!("comes from {:?}, the item was {state:?}", event.from));
            }
            if event.on < last {
                complain("before the event before it");
            }
            last = event.on;
            match state {
                None => {
                    let may = ["duban", "secretariat", "supervisor", "coordination", "committee"];
                    if event.kind != "opened" || event.to != "opened" {
                        complain("an item begins with being opened");
                    }
                    if !may.contains(&event.role.as_str()) {
                        complain(&format!("by {}", event.role));
                    }
                    episode = 1;
                }
                Some(from) => {
                    let (froms, tos, roles) = rule(&event.kind);
                    let fits = |pattern: &&&str| match **pattern {
                        "=open" => OPEN.contains(&from),
                        exact => exact == from,
                    };
                    if froms.iter().find(fits).is_none() {
                        complain(&format!("not from {from}"));
                    }
                    let leads = |pattern: &&&str| match **pattern {
                        "=" => event.to == from,
                        "=before" => event.to == before_suspension,
                        exact => event.to == exact,
                    };
                    if tos.iter().find(leads).is_none() {
                        complain(&format!("not to {}", event.to));
                    }
                    if !roles.contains(&event.role.as_str()) {
                        complain(&format!("not by {}", event.role));
                    }
                }
            }
            match event.kind.as_str() {
                "suspended" => before_suspension = event.from.as_deref().unwrap_or(""),
                "reopened" => (episode, asked) = (episode + 1, false),
                "extension_asked" if asked => complain("asked twice"),
                "extension_asked" => asked = true,
                "extension_granted" | "extension_refused" if !asked => complain("nobody asked"),
                "extension_granted" | "extension_refused" => asked = false,
                _ => {}
            }
            // What undoes or puts off says why.
            let needs_reason =
                ["sent_back", "reopened", "withdrawn", "suspended", "extension_asked"];
            if needs_reason.contains(&event.kind.as_str()) && event.reason.is_empty() {
                complain("without a reason");
            }
            state = Some(&event.to);
        }
        let item = &STORY.items[item_no];
        if state != Some(item.state.as_str()) || episode != item.episode {
            wrong.push(format!("{item_no}: ends as {state:?} in episode {episode}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}

#[test]
fn people_do_all_that_people_can_do_to_an_item() {
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, event) in all_events().filter(|(_, event)| event.role != "duban") {
        *done.entry(event.kind.as_str()).or_default() += 1;
    }
    let expected = [
        "answered",
        "archived",
        "assigned",
        "closed",
        "extension_asked",
        "extension_granted",
        "extension_refused",
        "looked_back",
        "opened",
        "progressed",
        "reopened",
        "resumed",
        "sent_back",
        "signed",
        "suspended",
        "verified",
        "withdrawn",
    ];
    assert_eq!(done.keys().copied().collect::<Vec<_>>(), expected, "{done:?}");
    // In office hours of working days, by a post and never by a name.
    let calendar = crate::calendar::of_the_repository();
    let rows = WHOLE.query("SELECT on_date, at, post FROM item_events WHERE role <> 'duban'");
    for row in &rows {
        let on: Date = row["on_date"].as_str().unwrap()[..10].parse().unwrap();
        assert!(calendar.is_workday(on), "{row}");
        // UTC: 08:00 to 17:30 in the district.
        let time = &row["at"].as_str().unwrap()[11..16];
        assert!(("00:00".."09:31").contains(&time), "{row}");
        assert!(!row["post"].as_str().unwrap().is_empty(), "{row}");
    }
}

#[test]
fn what_is_brought_by_hand_lives_in_the_same_ledger() {
    let by_hand: Vec<&Item> =
        STORY.items.values().filter(|item| item.key.check_id == BY_HAND).collect();
    assert!(by_hand.len() >= 8, "{}", by_hand.len());
    let sources: BTreeSet<&str> = by_hand.iter().map(|item| item.source.as_str()).collect();
    assert_eq!(sources, BTreeSet::from(["complaint", "inspection", "meeting"]));
    let kinds = |item: &Item| -> Vec<&str> {
        STORY.events[&item.item_no].iter().map(|event| event.kind.as_str()).collect()
    };
    let with = |kind: &str| by_hand.iter().filter(|item| kinds(item).contains(&kind)).count();
    for kind in ["withdrawn", "suspended", "resumed", "reopened", "extension_granted", "closed"] {
        assert!(with(kind) >= 1, "a matter by hand is {kind}");
    }
    assert!(with("extension_refused") >= 1);
    // The same life as others: handed over, signed for, answered, verified, closed.
    let plain =
        by_hand.iter().find(|item| item.check_title == "制定小区配套园移交办理流程").unwrap();
    let steps = ["opened", "assigned", "signed", "answered", "verified", "closed", "looked_back"];
    let lived = kinds(plain);
    let mut at = 0;
    for step in steps {
        at += lived[at..].iter().position(|kind| *kind == step).unwrap_or_else(|| {
            panic!("{step} after {:?} of {lived:?}", &lived[..at]);
        }) + 1;
    }
}

/// Working days by another make: all days of 2023 to 2026 that are worked, in order.
fn worked_days(test: &str) -> Option<Vec<Date>> {
    let mut python = python_with("chinese_calendar", test)?;
    let output = python.arg(repository().join("tests/tools/chinese_workdays.py")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let worked = text.lines().filter_map(|line| line.strip_suffix(" 1"));
    Some(worked.map(|day| day.parse().unwrap()).collect())
}

/// The `n`-th worked day after a day.
fn after(worked: &[Date], day: Date, n: usize) -> Date {
    worked[worked.partition_point(|on| *on <= day) + n - 1]
}

#[test]
fn every_deadline_is_that_of_another_calendar() {
    let Some(worked) = worked_days("every_deadline_is_that_of_another_calendar") else { return };
    let days: BTreeMap<String, usize> = deadlines();
    let date_of = |value: &Value| -> Date { value.as_str().unwrap().parse().unwrap() };
    let (mut n_opened, mut n_granted, mut n_resumed) = (0, 0, 0);
    for (item_no, events) in &STORY.events {
        let item = &STORY.items[item_no];
        let mut made = Map::new();
        let mut suspended_on = None;
        for event in events {
            let before = made.clone();
            made.extend(event.set.clone());
            let due_on = date_of(&made["due_on"]);
            let by_check = days.get(item.key.check_id.as_str());
            match event.kind.as_str() {
                "opened" | "reopened" if by_check.is_some() && event.role == "duban" => {
                    n_opened += 1;
                    let expected = after(&worked, event.on, *by_check.unwrap());
                    assert_eq!(due_on, expected, "item {item_no}, opened on {}", event.on);
                }
                "extension_granted" => {
                    n_granted += 1;
                    let asked = date_of(&before["asked_due_on"]);
                    assert_eq!(due_on, asked, "item {item_no}");
                    assert!(worked.binary_search(&asked).is_ok(), "item {item_no} until {asked}");
                    assert!(event.on <= asked && asked > date_of(&before["due_on"]));
                }
                "extension_asked" => {
                    assert!(
                        event.on < date_of(&before["due_on"]),
                        "item {item_no}: asked too late"
                    );
                }
                "suspended" => suspended_on = Some(event.on),
                "resumed" => {
                    n_resumed += 1;
                    let between =
                        |a, b| worked.iter().filter(|day| **day > a && **day <= b).count();
                    let stood = between(suspended_on.unwrap(), event.on);
                    let expected = after(&worked, date_of(&before["due_on"]), stood);
                    assert_eq!(due_on, expected, "item {item_no}, {stood} days suspended");
                }
                _ if before.contains_key("due_on") => {
                    let same = date_of(&before["due_on"]) == due_on;
                    let by_hand = ["opened", "reopened", "assigned"].contains(&event.kind.as_str());
                    assert!(same || by_hand, "item {item_no}: {} moved it", event.kind);
                }
                _ => {}
            }
        }
    }
    assert!(
        n_opened > 500 && n_granted > 10 && n_resumed > 1,
        "{n_opened} {n_granted} {n_resumed}"
    );
}

/// The checks' deadlines, read from the definitions as text.
fn deadlines() -> BTreeMap<String, usize> {
    let mut days = BTreeMap::new();
    let mut id = String::new();
    let mut files = crate::home::files(&WHOLE.root.join("pipelines"), "toml");
    files.sort();
    for file in files {
        for line in fs_err::read_to_string(&file).unwrap().lines() {
            if line == "[[check]]" {
                id.clear();
            } else if let Some(name) = line.strip_prefix("id = \"") {
                name.trim_end_matches('"').clone_into(&mut id);
            } else if let Some(n) = line.strip_prefix("deadline_workdays = ") {
                let n = n.split_whitespace().next().unwrap();
                days.insert(id.clone(), n.parse().unwrap());
            }
        }
    }
    assert!(days.len() > 40, "{days:?}");
    days
}

/// One way of an item from its opening to its end.
#[derive(Default)]
struct Episode {
    due_on: Option<Date>,
    closed_on: Option<Date>,
    is_withdrawn: bool,
    is_suspended: bool,
    is_returned: bool,
    is_extended: bool,
}

#[test]
fn the_statistics_are_those_of_a_count_by_hand() {
    let Some(worked) = worked_days("the_statistics_are_those_of_a_count_by_hand") else { return };
    let last_run = WHOLE.query("SELECT max(started_at) AS at FROM runs")[0]["at"].clone();
    let last_run: jiff::Timestamp = last_run.as_str().unwrap().parse().unwrap();
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    let today = zone.to_datetime(last_run).date();
    let mut counted: BTreeMap<(String, String), [i64; 8]> = BTreeMap::new();
    for (item_no, events) in &STORY.events {
        let item = &STORY.items[item_no];
        let mut episodes: Vec<Episode> = Vec::new();
        for event in events {
            if ["opened", "reopened"].contains(&event.kind.as_str()) {
                episodes.push(Episode::default());
            }
            let now = episodes.last_mut().unwrap();
            if let Some(due_on) = event.set.get("due_on") {
                now.due_on = Some(due_on.as_str().unwrap().parse().unwrap());
            }
            match event.kind.as_str() {
                "closed" => now.closed_on = Some(event.on),
                "withdrawn" => now.is_withdrawn = true,
                "sent_back" => now.is_returned = true,
                "extension_granted" => now.is_extended = true,
                _ => {}
            }
            now.is_suspended = event.to == "suspended";
        }
        for one in episodes.iter().filter(|episode| !episode.is_withdrawn) {
            let due_on = one.due_on.unwrap();
            let until = one.closed_on.or((!one.is_suspended).then_some(today));
            let is_overdue = until.is_some_and(|until| until > due_on);
            let is_on_time = one.closed_on.is_some_and(|on| on <= due_on);
            let workdays = until.filter(|_| is_overdue).map_or(0, |until| {
                worked.iter().filter(|day| **day > due_on && **day <= until).count()
            });
            let row = [
                1,
                i64::from(one.closed_on.is_some()),
                i64::from(is_overdue),
                i64::from(is_on_time || is_overdue),
                i64::from(is_on_time),
                i64::from(one.is_returned),
                i64::from(one.is_extended),
                i64::try_from(workdays).unwrap(),
            ];
            let keys = [("all", "all"), ("level", &item.level), ("check", &item.key.check_id)];
            for (dimension, code) in keys {
                let sums = counted.entry((dimension.to_owned(), code.to_owned())).or_default();
                for (sum, n) in sums.iter_mut().zip(row) {
                    *sum += n;
                }
            }
        }
    }
    let ours =
        WHOLE.query("SELECT * FROM item_statistics WHERE dimension IN ('all', 'level', 'check')");
    assert_eq!(ours.len(), counted.len());
    for row in &ours {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let expected = counted[&(text("dimension"), text("code"))];
        let columns = [
            "n_opened",
            "n_closed",
            "n_overdue",
            "n_due",
            "n_on_time",
            "return_num",
            "extension_num",
            "overdue_num",
        ];
        let found = columns.map(|name| row[name].as_i64().unwrap());
        assert_eq!(found, expected, "{} {}: {columns:?}", row["dimension"], row["code"]);
    }
}
