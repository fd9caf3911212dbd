//! Items in the ledger: found by index, folded from their events, never changed on an old state.

use duban::ledger::{
    Compared, Effect, ItemFilter, Ledger, LedgerError, NewHeld, NewJudgement, NewJudging, NewRule,
    RuleEffect, RunId, Waiting, urgency,
};
use duban::model::{
    Actor, Item, ItemChange, ItemEventKind, ItemKey, ItemSource, ItemState, Light, RunState,
    UnitCode,
};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use crate::ledger::{at, ledger, run, unit};
use crate::ledger_outbox::{change, item, today};

fn key(check: &str, code: &str) -> ItemKey {
    ItemKey { check_id: check.into(), subject_kind: "town".into(), subject_code: code.into() }
}

/// What a random item is made of.
type Drawn = (u8, u8, u8, u8, u8, u8, u8, bool, bool);

fn drawn() -> impl Strategy<Value = Drawn> {
    (0..3_u8, 0..4_u8, 0..4_u8, 0..11_u8, 0..3_u8, 0..4_u8, 0..6_u8, any::<bool>(), any::<bool>())
}

const LEVELS: [&str; 4] = ["institution", "town", "group", "district"];

fn made(i: usize, drawn: Drawn) -> Item {
    let (check, at_fault, responsible, state, light, level, source, asked, held) = drawn;
    let due = today() + i64::from(state + light).days();
    let unit = |n: u8| UnitCode::new(format!("t{n}"));
    let mut item =
        Item::opened(key(&format!("c{check}"), &i.to_string()), unit(at_fault), today(), due);
    item.responsible_code = Some(unit(responsible));
    item.state = ItemState::ALL[usize::from(state)];
    item.light = Light::ALL[usize::from(light)];
    item.level = LEVELS[usize::from(level)].into();
    item.source = ItemSource::ALL[usize::from(source)];
    item.asked_due_on = asked.then_some(due);
    item.held_by = held.then_some(1);
    item
}

fn opening(item: Item) -> ItemChange {
    ItemChange {
        kind: ItemEventKind::Opened,
        from_state: None,
        actor: Actor::program(),
        reason: "".into(),
        item,
    }
}

fn filter() -> impl Strategy<Value = ItemFilter> {
    let level = || proptest::sample::select(LEVELS.to_vec()).prop_map(str::to_owned);
    let waiting = prop_oneof![
        (0..11_usize, level())
            .prop_map(|(state, level)| Waiting::In { state: ItemState::ALL[state], level }),
        level().prop_map(|level| Waiting::Asked { level }),
    ];
    use proptest::option::weighted as some;
    (
        some(0.3, (0..3_u8).prop_map(|n| format!("c{n}"))),
        prop_oneof![2 => Just(Vec::new()), 1 => proptest::collection::btree_set(0..4_u8, 1..3)
            .prop_map(|units| units.into_iter().map(|n| UnitCode::new(format!("t{n}"))).collect())],
        some(0.3, level()),
        some(0.3, (0..3_usize).prop_map(|n| Light::ALL[n])),
        some(0.3, (0..11_usize).prop_map(|n| ItemState::ALL[n])),
        some(0.2, (0..6_usize).prop_map(|n| ItemSource::ALL[n])),
        some(0.3, (0..12_i64).prop_map(|n| today() + n.days())),
        some(0.4, proptest::collection::vec(waiting, 0..4)),
        any::<bool>(),
        prop_oneof![3 => Just(Vec::new()), 1 => proptest::collection::vec(1..30_i64, 1..6)],
    )
        .prop_map(
            |(
                check_id,
                units,
                level,
                light,
                state,
                source,
                overdue_on,
                waiting,
                open_only,
                item_nos,
            )| {
                ItemFilter {
                    item_nos,
                    check_id,
                    units,
                    level,
                    light,
                    state,
                    source,
                    overdue_on,
                    waiting,
                    open_only,
                    as_of: None,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever is asked for: the indexes give what looking at every item gives, now and by the events.
    #[test]
    fn a_page_by_index_is_what_looking_at_every_item_gives(
        drawn in proptest::collection::vec(drawn(), 1..40),
        filters in proptest::collection::vec(filter(), 1..12),
        limit in 1..20_usize,
    ) {
        let (_home, ledger) = ledger();
        let changes: Vec<ItemChange> =
            drawn.into_iter().enumerate().map(|(i, drawn)| opening(made(i, drawn))).collect();
        let all = ledger.apply_item_changes(&changes, None, at(0), today()).unwrap();
        prop_assert_eq!(&ledger.items(&ItemFilter::default()).unwrap(), &all);
        for filter in filters {
            let wanted: Vec<Item> = all.iter().filter(|item| filter.takes(item)).cloned().collect();
            prop_assert_eq!(&ledger.items(&filter).unwrap(), &wanted, "{:?}", filter);
            let mut sorted = wanted.clone();
            sorted.sort_by_key(|item| (urgency(item), item.due_on, item.item_no));
            let page = ledger.item_page(&filter, limit).unwrap();
            prop_assert_eq!(page.n_total, wanted.len() as u64, "{:?}", filter);
            sorted.truncate(limit);
            prop_assert_eq!(&page.items, &sorted, "{:?}", filter);
            let then = ItemFilter { as_of: Some(at(1)), ..filter.clone() };
            prop_assert_eq!(&ledger.item_page(&then, limit).unwrap(), &page);
        }
    }
}

/// A ledger with one open item.
fn one() -> (tempfile::TempDir, Ledger, Item) {
    let (home, ledger) = ledger();
    let opened = ledger
        .apply_item_changes(&[opening(item(ItemState::Opened))], None, at(0), today())
        .unwrap()
        .remove(0);
    (home, ledger, opened)
}

fn noted(item: &Item, remark: &str) -> ItemChange {
    change(ItemEventKind::Noted, Item { remark: remark.into(), ..item.clone() }, Some(item.state))
}

#[test]
fn what_was_computed_on_an_old_state_is_refused_as_a_whole() {
    let (_home, ledger, opened) = one();
    let seen = ledger.event_no().unwrap();
    // Somebody writes a note between reading and storing.
    ledger.apply_item_changes_seen(seen, &[noted(&opened, "甲")], None, at(1), today()).unwrap();
    let mut other = opening(item(ItemState::Opened));
    other.item.key.subject_code = "t9".into();
    let late = [other, noted(&opened, "乙")];
    let error = ledger.apply_item_changes_seen(seen, &late, None, at(2), today()).unwrap_err();
    assert!(matches!(error, LedgerError::ItemChanged { item_no: 1 }), "{error}");
    assert_eq!(ledger.item(1).unwrap().remark, "甲");
    assert_eq!(ledger.items(&ItemFilter::default()).unwrap().len(), 1, "nor was the other opened");
    // Read again, it can be stored.
    let seen = ledger.event_no().unwrap();
    let now = ledger.item(1).unwrap();
    ledger.apply_item_changes_seen(seen, &[noted(&now, "乙")], None, at(2), today()).unwrap();
    assert_eq!(ledger.item(1).unwrap().remark, "乙");
}

#[test]
fn a_change_from_a_state_that_is_gone_is_refused() {
    let (_home, ledger, opened) = one();
    let assigned = Item { state: ItemState::Assigned, ..opened.clone() };
    let assign = change(ItemEventKind::Assigned, assigned, Some(ItemState::Opened));
    ledger.apply_item_changes(std::slice::from_ref(&assign), None, at(1), today()).unwrap();
    let error = ledger.apply_item_changes(&[assign], None, at(2), today()).unwrap_err();
    assert!(matches!(error, LedgerError::ItemChanged { item_no: 1 }), "{error}");
}

#[test]
fn an_item_that_another_hand_changed_is_found() {
    let (_home, ledger, opened) = one();
    ledger.apply_item_changes(&[noted(&opened, "甲")], None, at(1), today()).unwrap();
    assert_eq!(ledger.item_faults().unwrap(), []);
    assert_eq!(ledger.replay_items().unwrap(), ledger.items(&ItemFilter::default()).unwrap());
    let conn = rusqlite::Connection::open(ledger.path()).unwrap();
    conn.execute("UPDATE items SET item_json = json_set(item_json, '$.remark', '乙')", []).unwrap();
    let faults = ledger.item_faults().unwrap();
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].item_no, &faults[0].fields[..]), (1, &["remark".to_owned()][..]));
}

fn begun(ledger: &Ledger, minute: i64) -> RunId {
    ledger.begin_run(&run(7), |_| true, at(minute)).unwrap()
}

fn judgement(check: &str) -> NewJudgement {
    NewJudgement {
        check_id: check.into(),
        rule_version: 1,
        n_violations: 0,
        n_judged: Some(3),
        n_held: 0,
        inputs_sha256: String::new(),
    }
}

fn held(code: &str, cause: &ItemKey) -> NewHeld {
    NewHeld {
        key: key("share", code),
        subject_name: code.into(),
        unit_code: unit(code),
        period: "2024-09".parse().unwrap(),
        detail: "占比".into(),
        cause: cause.clone(),
    }
}

#[test]
fn what_is_held_back_is_that_of_the_last_judging() {
    let (_home, ledger, cause) = one();
    let judge = |minute: i64, codes: &[&str], checks: &[NewJudgement]| {
        let run = begun(&ledger, minute);
        let held: Vec<NewHeld> = codes.iter().map(|code| held(code, &cause.key)).collect();
        let judging = NewJudging {
            seen: ledger.event_no().unwrap(),
            changes: &[],
            holding: &[],
            period: "2024-09".parse().unwrap(),
            checks,
            held: &held,
            rules: &[],
        };
        ledger.record_judging(&judging, run, at(minute), today()).unwrap();
        ledger.finish_run(run, RunState::Done, "", at(minute)).unwrap();
        let held = ledger.held_by(cause.item_no).unwrap();
        held.iter().map(|one| one.subject_name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(judge(1, &["t1", "t2"], &[judgement("share")]), ["t1", "t2"]);
    assert_eq!(judge(2, &["t2", "t3"], &[judgement("share")]), ["t2", "t3"]);
    // Another check's judging says nothing of this one's.
    assert_eq!(judge(3, &[], &[judgement("size")]), ["t2", "t3"]);
    let tables = ledger.tables(None).unwrap();
    let since = tables.iter().find(|table| table.name == "held").unwrap();
    assert_eq!(since.rows[0][8], "2024-10-08T00:01:00Z", "held since it was held first");
}

#[test]
fn a_version_of_a_rule_is_there_with_its_items_or_not_at_all() {
    let (_home, ledger, opened) = one();
    let run = begun(&ledger, 1);
    let mut new = opening(item(ItemState::Opened));
    new.item.key = key("share", "t2");
    let effect = |code: &str, effect| RuleEffect {
        key: key("share", code),
        subject_name: code.into(),
        effect,
    };
    let rule = NewRule {
        check_id: "share".into(),
        version: 2,
        sha256: "aa".into(),
        content_json: "{}".into(),
        texts: [("bb".to_owned(), "SELECT 1".to_owned())].into(),
        what: "目标由50%改为55%".into(),
        compared: Compared::SameData,
        effects: vec![effect("t2", Effect::Opened), effect("t5", Effect::Spared)],
    };
    let rules = [rule];
    let seen = ledger.event_no().unwrap();
    let good = [new.clone()];
    let bad = [new, change(ItemEventKind::Noted, opened.clone(), Some(ItemState::Closed))];
    let judging = |changes| NewJudging {
        seen,
        changes,
        holding: &[],
        period: "2024-09".parse().unwrap(),
        checks: &[],
        held: &[],
        rules: &rules,
    };
    ledger.record_judging(&judging(&bad), run, at(2), today()).unwrap_err();
    assert!(ledger.rule_versions(None).unwrap().is_empty());
    ledger.record_judging(&judging(&good), run, at(2), today()).unwrap();
    let newest = &ledger.newest_rules().unwrap()["share"];
    assert_eq!((newest.version, newest.compared), (2, Compared::SameData));
    let effects = ledger.rule_effects("share").unwrap();
    let said: Vec<_> = effects.iter().map(|one| (one.effect, one.item_no)).collect();
    assert_eq!(said, [(Effect::Opened, Some(2)), (Effect::Spared, None)]);
    let kept = duban::durable::sha256_hex(b"SELECT 1");
    assert_eq!(ledger.rule_text(&kept).unwrap(), "SELECT 1");
}

/// The order of a list is that of what needs action; what stands still comes after what does not.
#[test]
fn a_list_begins_with_what_needs_action() {
    let (_home, ledger) = ledger();
    let with = |code: &str, light, due: Date, state, held_by| {
        let mut item = Item::opened(key("c", code), unit("t1"), today(), due);
        item.light = light;
        item.state = state;
        item.held_by = held_by;
        opening(item)
    };
    let (soon, late) = (date(2024, 11, 1), date(2024, 12, 1));
    let changes = [
        with("done", Light::Red, soon, ItemState::Closed, None),
        with("held", Light::Red, soon, ItemState::Assigned, Some(2)),
        with("green", Light::Green, soon, ItemState::Assigned, None),
        with("yellow", Light::Yellow, late, ItemState::Answered, None),
        with("red later", Light::Red, late, ItemState::Signed, None),
        with("red", Light::Red, soon, ItemState::Opened, None),
        with("suspended", Light::Green, soon, ItemState::Suspended, None),
    ];
    ledger.apply_item_changes(&changes, None, at(0), today()).unwrap();
    let page = ledger.item_page(&ItemFilter::default(), 10).unwrap();
    let order: Vec<&str> = page.items.iter().map(|item| item.key.subject_code.as_str()).collect();
    assert_eq!(order, ["red", "red later", "yellow", "green", "held", "suspended", "done"]);
    let open = ItemFilter { open_only: true, ..ItemFilter::default() };
    assert_eq!(ledger.item_page(&open, 2).unwrap().n_total, 6);
}
