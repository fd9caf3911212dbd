//! How long a page of `duban items list` takes over a million items: `cargo bench --bench items`.
//!
//! ## Design notes
//! - Nine items of ten are open: that is far worse than a district's ledger, where nine of ten are done.
//! - The rows are made by SQLite itself from one item's JSON, in the shape that the ledger writes: a million
//!   items by runs would take hours, and the list reads rows.
//! - Without cargo's `--bench` (`cargo test --bench items`) it runs once, on ten thousand: the bench itself is tested,
//!   and every page is compared with what the plain filter picks out of all items.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::error::Error;
use std::time::{Duration, Instant};

use duban::ledger::{ItemFilter, Ledger, Waiting, urgency};
use duban::model::{Item, ItemKey, ItemSource, ItemState, Light, UnitCode};
use jiff::civil::{Date, date};

type Outcome<T> = Result<T, Box<dyn Error>>;

const PAGE: usize = 50;
const GOAL: Duration = Duration::from_millis(100);
const TODAY: Date = date(2024, 10, 14);

fn main() -> Outcome<()> {
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let n: u32 = if quick { 10_000 } else { 1_000_000 };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger.sqlite");
    drop(Ledger::open(&path)?);
    let begun = Instant::now();
    fill(&path, n)?;
    println!("{n} items made in {:.1} s", begun.elapsed().as_secs_f64());
    let ledger = Ledger::open(&path)?;
    if quick {
        compare(&ledger)?;
    }
    let mut worst = Duration::ZERO;
    for (name, filter) in filters() {
        let begun = Instant::now();
        let page = ledger.item_page(&filter, PAGE)?;
        let first = begun.elapsed();
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..if quick { 1 } else { 15 } {
            let begun = Instant::now();
            ledger.item_page(&filter, PAGE)?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let median = times[times.len() / 2];
        worst = worst.max(median);
        println!(
            "{name:<28} {:>8.2} ms  (first {:>8.2} ms)  {:>3} of {:>7}",
            millis(median),
            millis(first),
            page.items.len(),
            page.n_total
        );
    }
    if !quick && worst > GOAL {
        return Err(format!("the slowest page takes {:.1} ms, not 100", millis(worst)).into());
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn unit(n: u32) -> UnitCode {
    UnitCode::new(format!("1201141{n:02}"))
}

/// What a supervisor usually asks for.
fn filters() -> Vec<(&'static str, ItemFilter)> {
    let open = || ItemFilter { open_only: true, ..ItemFilter::default() };
    let waiting = |state, levels: &[&str]| -> Option<Vec<Waiting>> {
        let one = |level: &&str| Waiting::In { state, level: (*level).to_owned() };
        Some(levels.iter().map(one).collect())
    };
    let all_levels = ["institution", "town", "group", "district"];
    let mut unit_waits = Vec::new();
    for state in [ItemState::Assigned, ItemState::Signed, ItemState::InWork, ItemState::SentBack] {
        unit_waits.extend(waiting(state, &all_levels).unwrap_or_default());
    }
    let mut supervisor = waiting(ItemState::Answered, &all_levels).unwrap_or_default();
    supervisor.extend(waiting(ItemState::Verified, &all_levels).unwrap_or_default());
    supervisor.push(Waiting::Asked { level: "town".to_owned() });
    vec![
        ("all that is open", open()),
        ("also what is done", ItemFilter::default()),
        ("overdue", ItemFilter { overdue_on: Some(TODAY), ..open() }),
        ("level: town (most)", ItemFilter { level: Some("town".into()), ..open() }),
        ("level: district (few)", ItemFilter { level: Some("district".into()), ..open() }),
        ("one unit", ItemFilter { units: vec![unit(7)], ..open() }),
        ("a group's towns", ItemFilter { units: (1..4).map(unit).collect(), ..open() }),
        ("all 30 towns", ItemFilter { units: (0..30).map(unit).collect(), ..open() }),
        ("check", ItemFilter { check_id: Some("check_11".into()), ..open() }),
        ("light: red", ItemFilter { light: Some(Light::Red), ..open() }),
        ("light: green", ItemFilter { light: Some(Light::Green), ..open() }),
        ("state: answered", ItemFilter { state: Some(ItemState::Answered), ..open() }),
        ("source: complaint", ItemFilter { source: Some(ItemSource::Complaint), ..open() }),
        ("mine: a supervisor's", ItemFilter { waiting: Some(supervisor), ..open() }),
        (
            "mine: a town's",
            ItemFilter { units: vec![unit(7)], waiting: Some(unit_waits), ..open() },
        ),
        (
            "unit, overdue, red, check",
            ItemFilter {
                units: vec![unit(7)],
                overdue_on: Some(TODAY),
                light: Some(Light::Red),
                check_id: Some("check_11".into()),
                ..open()
            },
        ),
    ]
}

/// The pages must be those that the plain filter picks.
fn compare(ledger: &Ledger) -> Outcome<()> {
    let all = ledger.items(&ItemFilter::default())?;
    for (name, filter) in filters() {
        let mut wanted: Vec<&Item> = all.iter().filter(|item| filter.takes(item)).collect();
        wanted.sort_by_key(|item| (urgency(item), item.due_on, item.item_no));
        let page = ledger.item_page(&filter, PAGE)?;
        let numbers = |items: &mut dyn Iterator<Item = i64>| items.collect::<Vec<i64>>();
        let found = numbers(&mut page.items.iter().map(|item| item.item_no));
        let expected = numbers(&mut wanted.iter().take(PAGE).map(|item| item.item_no));
        if found != expected || page.n_total != wanted.len() as u64 {
            return Err(format!("{name}: {found:?} of {}, not {expected:?}", page.n_total).into());
        }
    }
    Ok(())
}

/// `n` items, their fields by remainders that have no common factor.
fn fill(path: &std::path::Path, n: u32) -> Outcome<()> {
    let key = ItemKey {
        check_id: "check_00".into(),
        subject_kind: "institution".into(),
        subject_code: "0".into(),
    };
    let mut item = Item::opened(key, unit(0), TODAY, TODAY);
    item.check_title = "镇街公办园在园幼儿占比未达目标".into();
    item.subject_name = "某镇第一幼儿园".into();
    item.detail =
        "公办园在园幼儿占比49.98%（1234/2469），目标不低于50%，在园总数不变须转1人".into();
    item.observed = Some(0.4998);
    item.target = Some(0.5);
    let template = serde_json::to_string(&item)?;
    let conn = rusqlite::Connection::open(path)?;
    conn.pragma_update(None, "synchronous", "off")?;
    conn.pragma_update(None, "journal_mode", "memory")?;
    conn.pragma_update(None, "cache_size", -1_000_000)?;
    conn.execute(
        "WITH RECURSIVE numbers (i) AS (
            SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ?1
         ),
         drawn AS (
            SELECT i,
                printf('check_%02d', i % 41) AS check_id,
                printf('1201141%02d', i % 30) AS unit_code,
                -- A few were assigned to another unit.
                printf('1201141%02d', CASE WHEN i % 997 = 0 THEN (i + 1) % 30 ELSE i % 30 END)
                    AS responsible_code,
                CASE WHEN i % 10 = 3 THEN 'closed'
                    ELSE (ARRAY ->> (i % 7)) END AS state,
                CASE i % 11 WHEN 0 THEN 'red' WHEN 1 THEN 'red' WHEN 2 THEN 'yellow'
                    WHEN 3 THEN 'yellow' WHEN 4 THEN 'yellow' ELSE 'green' END AS light,
                CASE WHEN i % 1009 = 0 THEN 'district' WHEN i % 5 = 0 THEN 'institution'
                    ELSE 'town' END AS level,
                CASE WHEN i % 2003 = 0 THEN 'complaint' ELSE 'indicator' END AS source,
                date('2024-08-01', printf('+%d days', i % 173)) AS due_on,
                CASE WHEN i % 499 = 0 THEN '2024-12-31' END AS asked
            FROM numbers,
                (SELECT '[\"opened\",\"assigned\",\"signed\",\"in_work\",\"answered\",\"verified\",\"suspended\"]'
                    AS ARRAY)
         )
         INSERT INTO items (item_no, check_id, subject_kind, subject_code, unit_code, state, level,
            light, source, due_on, responsible_code, asked, urgency, item_json)
         SELECT i, check_id, 'institution', CAST(i AS TEXT), unit_code, state, level, light, source,
            due_on, responsible_code, asked IS NOT NULL,
            CASE WHEN state = 'closed' THEN 4 WHEN state = 'suspended' THEN 3
                WHEN light = 'red' THEN 0 WHEN light = 'yellow' THEN 1 ELSE 2 END,
            json_set(?2, '$.item_no', i, '$.key.check_id', check_id,
                '$.key.subject_code', CAST(i AS TEXT), '$.unit_code', unit_code, '$.state', state,
                '$.level', level, '$.light', light, '$.source', source, '$.due_on', due_on,
                '$.responsible_code', responsible_code, '$.asked_due_on', asked)
         FROM drawn",
        (n, template),
    )?;
    Ok(())
}
