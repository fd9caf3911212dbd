//! The life cycle: who may do what, from which state, and what is said to those who may not.

use duban::config::check::{ClosesOn, OnCorrection};
use duban::model::{
    Act, Action, Actor, Due, Item, ItemEventKind, ItemSource, ItemState, NewItem, Period, Said,
    UnitCode,
};
use duban::supervise::{Refusal, allowed, open_by_hand};
use jiff::civil::{Date, date};

use crate::supervise_support::{World, actor, judged, rule, violation, wants};

const AUGUST: Period = Period::Month { year: 2024, month: 8 };
const TODAY: Date = date(2024, 9, 23);

/// Monday 23 September; `share` ends by data, `visit` by verification.
fn world() -> World {
    let rules = vec![
        rule("share", ClosesOn::Data, OnCorrection::Withdraw),
        rule("visit", ClosesOn::Verification, OnCorrection::Withdraw),
    ];
    World { rules, ..World::on(TODAY) }
}

/// An item of town t1, opened on Friday the 20th, due on Friday the 27th, in a state.
fn item(check: &str, state: ItemState) -> Item {
    let world = World { today: date(2024, 9, 20), ..world() };
    let found = [violation(check, "t1", AUGUST, 0.4)];
    let opened = world.judge_and_store(&[], &found, &judged(&["share", "visit"], AUGUST)).remove(0);
    assert_eq!(opened.due_on, date(2024, 9, 27));
    let suspended_from = (state == ItemState::Suspended).then_some(ItemState::InWork);
    Item { state, suspended_from, paused_on: suspended_from.map(|_| TODAY), ..opened }
}

/// Somebody who may, saying all that is needed.
fn proper(action: Action) -> Act {
    let actor = match action {
        Action::Sign | Action::Progress | Action::Answer | Action::Extend => actor("town", "t1"),
        Action::Assign | Action::Archive => actor("secretariat", "d"),
        _ => actor("coordination", "d"),
    };
    let said = match action {
        Action::Assign => Said { to_unit: Some(UnitCode::new("t2")), ..Said::default() },
        Action::Progress => Said { progress: Some(40), ..Said::default() },
        Action::Answer => Said { measures: Some("已整改".to_owned()), ..Said::default() },
        Action::Extend => Said { due_on: Some(date(2024, 10, 10)), ..Said::default() },
        Action::LookBack => Said { lasted: Some(true), ..Said::default() },
        _ => Said::default(),
    };
    Act { said, ..wants(action, actor, "理由") }
}

/// From which states an action leads where: 立项 → 交办 → 签收 → 办理 → 反馈 → 复核 (或退回) → 销号 → 归档,
/// with 延期, 中止, 撤销 and 回头看. `=` keeps the state.
const TABLE: &[(Action, &str, &str)] = &[
    (Action::Assign, "opened assigned signed in_work sent_back", "assigned"),
    (Action::Sign, "assigned", "signed"),
    (Action::Progress, "signed in_work sent_back", "in_work"),
    (Action::Answer, "signed in_work sent_back", "answered"),
    (Action::Return, "answered verified", "sent_back"),
    (Action::Verify, "answered", "verified"),
    (Action::Close, "verified", "closed"),
    (Action::LookBack, "closed archived", "="),
    (Action::Archive, "closed", "archived"),
    (Action::Reopen, "closed archived withdrawn", "opened"),
    (Action::Extend, "assigned signed in_work sent_back", "="),
    (Action::Grant, "opened assigned signed in_work answered sent_back verified", "="),
    (Action::Refuse, "opened assigned signed in_work answered sent_back verified", "="),
    (Action::Suspend, "opened assigned signed in_work answered sent_back verified", "suspended"),
    (Action::Resume, "suspended", "in_work"),
    (
        Action::Withdraw,
        "opened assigned signed in_work answered sent_back verified suspended",
        "withdrawn",
    ),
    (
        Action::Note,
        "opened assigned signed in_work answered sent_back verified closed archived suspended withdrawn",
        "=",
    ),
];

#[test]
fn every_act_from_every_state_leads_where_the_life_cycle_says_or_is_refused_for_its_state() {
    let world = world();
    for action in Action::ALL {
        let row = TABLE.iter().find(|(of, ..)| *of == action);
        let (from, to) = row.map_or(("", ""), |(_, from, to)| (*from, *to));
        for &state in ItemState::ALL {
            let mut item = item("visit", state);
            if matches!(action, Action::Grant | Action::Refuse) {
                item.asked_due_on = Some(date(2024, 10, 10));
            }
            let outcome = world.act(&item, &proper(action));
            let may = allowed(&item, &world.setting()).iter().any(|(may, _)| *may == action);
            if from.split(' ').any(|word| word == state.as_str()) {
                let change = outcome.unwrap_or_else(|refusal| panic!("{action:?}: {refusal}"));
                let expected = if to == "=" { state.as_str() } else { to };
                assert_eq!(change.item.state.as_str(), expected, "{action:?} from {state}");
                assert_eq!(change.from_state, Some(state));
                assert_eq!(change.actor, proper(action).actor);
                assert!(may, "{action:?} from {state}");
            } else {
                let refusal = outcome.expect_err("not from this state");
                let for_state = matches!(refusal, Refusal::State { .. });
                assert!(for_state, "{action:?} from {state}: {refusal}");
                assert!(!may, "{action:?} from {state}");
            }
        }
    }
}

#[test]
fn what_is_allowed_now_is_what_act_takes_and_by_whom() {
    let world = world();
    let names = |state| -> Vec<String> {
        allowed(&item("share", state), &world.setting())
            .into_iter()
            .map(|(action, roles)| format!("{}: {}", action.as_str(), roles.join(" ")))
            .collect()
    };
    assert_eq!(
        names(ItemState::Closed)[..3],
        [
            "look_back: supervisor experts coordination",
            "archive: secretariat supervisor",
            "reopen: supervisor coordination committee"
        ]
    );
    assert_eq!(names(ItemState::Assigned)[1], "sign: unit");
}

#[test]
fn the_whole_way_is_on_record() {
    let mut world = world();
    let mut item = item("visit", ItemState::Opened);
    let mut step = |world: &World, act: Act| {
        let change = world.act(&item, &act).unwrap_or_else(|refusal| panic!("{refusal}"));
        item = change.item.clone();
        change
    };
    let due = Said { due_on: Some(date(2024, 10, 11)), ..Said::default() };
    let assign = Act { said: due, ..wants(Action::Assign, actor("supervisor", "d"), "") };
    let change = step(&world, assign);
    assert_eq!((change.kind, change.item.due_on), (ItemEventKind::Assigned, date(2024, 10, 11)));
    assert_eq!(change.item.assigned_by, "supervisor");
    assert_eq!(step(&world, proper(Action::Sign)).item.signed_on, Some(TODAY));
    let said = Said {
        progress: Some(40),
        problem: Some("缺教师".to_owned()),
        measures: Some("招聘".to_owned()),
        ..Said::default()
    };
    let change = step(&world, Act { said, ..proper(Action::Progress) });
    assert_eq!((change.kind, change.item.progress), (ItemEventKind::Progressed, Some(40)));
    world.today = date(2024, 9, 25);
    let said = Said {
        progress: Some(100),
        evidence: Some("武教函〔2024〕1号".to_owned()),
        ..Said::default()
    };
    let change = step(&world, Act { said, ..proper(Action::Answer) });
    assert_eq!(change.item.answered_on, Some(date(2024, 9, 25)));
    assert_eq!((change.item.problem.as_str(), change.item.measures.as_str()), ("缺教师", "招聘"));
    assert_eq!(change.item.evidence, "武教函〔2024〕1号");
    let change = step(&world, wants(Action::Return, actor("experts", "d"), "佐证不足"));
    assert_eq!((change.item.n_returns, change.item.opinion.as_str()), (1, "佐证不足"));
    step(&world, proper(Action::Answer));
    let change = step(&world, wants(Action::Verify, actor("experts", "d"), "属实"));
    assert_eq!(
        (change.item.verified_on, change.item.opinion.as_str()),
        (Some(date(2024, 9, 25)), "属实")
    );
    assert_eq!(step(&world, proper(Action::Close)).item.closed_on, Some(date(2024, 9, 25)));
    world.today = date(2024, 12, 2);
    let change = step(&world, proper(Action::LookBack));
    assert_eq!(change.item.looked_back_on, Some(date(2024, 12, 2)));
    let change = step(&world, proper(Action::Archive));
    assert_eq!(change.item.archived_on, Some(date(2024, 12, 2)));
    // It did not last after all: the next episode, five working days, nothing said yet.
    let said = Said { lasted: Some(false), ..Said::default() };
    let change =
        step(&world, Act { said, ..wants(Action::LookBack, actor("experts", "d"), "又超员") });
    assert_eq!(
        (change.kind, change.reason.as_str()),
        (ItemEventKind::Reopened, "回头看未保持：又超员")
    );
    let again = change.item;
    assert_eq!(
        (again.episode, again.state, again.due_on),
        (2, ItemState::Opened, date(2024, 12, 9))
    );
    assert_eq!((again.progress, again.measures.as_str(), again.n_returns), (None, "", 0));
    assert_eq!((again.closed_on, again.archived_on, again.looked_back_on), (None, None, None));
}

#[test]
fn only_the_responsible_unit_s_own_contacts_and_its_head_act_as_the_unit() {
    let world = world();
    let assigned = item("visit", ItemState::Assigned);
    let sign = |who: Actor| world.act(&assigned, &wants(Action::Sign, who, "")).map(drop);
    assert_eq!(sign(actor("town", "t1")), Ok(()));
    assert_eq!(sign(actor("head", "t1")), Ok(()));
    for (role, unit) in [("town", "t2"), ("head", "t2"), ("bureau", "b")] {
        let refusal = sign(actor(role, unit)).expect_err("another unit");
        assert!(matches!(refusal, Refusal::Unit { .. }), "{refusal}");
    }
    // A role that is not that unit's, no unit at all, one that is not there, the program.
    for (role, unit) in
        [("bureau", "t1"), ("secretariat", "t1"), ("town", ""), ("town", "t9"), ("duban", "t1")]
    {
        let refusal = sign(actor(role, unit)).expect_err("another role");
        assert!(matches!(refusal, Refusal::Role { .. }), "{role} {unit}: {refusal}");
    }
    // Handed to another unit, it is that one's.
    let mut handed = world.act(&assigned, &proper(Action::Assign)).unwrap().item;
    let sign = |item: &Item, unit| world.act(item, &wants(Action::Sign, actor("town", unit), ""));
    assert!(sign(&handed, "t2").is_ok());
    assert!(sign(&handed, "t1").is_err());
    // What a role of the district answers for is that role's.
    handed.responsible = "secretariat".into();
    assert!(world.act(&handed, &wants(Action::Sign, actor("secretariat", "d"), "")).is_ok());
    assert!(sign(&handed, "t2").is_err());
}

#[test]
fn an_item_that_ends_by_data_is_verified_and_closed_only_when_its_check_passes() {
    let world = world();
    let close =
        |item: &Item| world.act(item, &proper(Action::Close)).map(|change| change.item.state);
    let verify =
        |item: &Item| world.act(item, &proper(Action::Verify)).map(|change| change.item.state);
    let answered = item("share", ItemState::Answered);
    assert!(matches!(verify(&answered), Err(Refusal::Data { .. })));
    let passes = Item { data_passes: true, ..answered.clone() };
    assert_eq!(verify(&passes), Ok(ItemState::Verified));
    assert_eq!(close(&passes), Ok(ItemState::Closed), "data that pass need no verification");
    assert!(matches!(close(&answered), Err(Refusal::State { .. })));
    let verified = item("share", ItemState::Verified);
    assert!(matches!(close(&verified), Err(Refusal::Data { .. })), "the data failed since");
    // Where somebody must have looked, data do not stand in the way; nor where no check judges.
    for check in ["visit", "vanished"] {
        let mut answered = item("visit", ItemState::Answered);
        answered.key.check_id = check.into();
        assert_eq!(verify(&answered), Ok(ItemState::Verified));
    }
    let suspended = Item { data_passes: true, ..item("share", ItemState::Suspended) };
    assert!(matches!(close(&suspended), Err(Refusal::State { .. })));
}

#[test]
fn an_extension_is_asked_for_before_the_due_date_and_answered_by_the_next_level() {
    let mut world = world();
    let signed = item("visit", ItemState::Signed);
    let ask = proper(Action::Extend);
    world.today = date(2024, 9, 26);
    let asked = world.act(&signed, &ask).unwrap().item;
    assert_eq!((asked.due_on, asked.asked_due_on), (date(2024, 9, 27), Some(date(2024, 10, 10))));
    for today in [date(2024, 9, 27), date(2024, 9, 28)] {
        let late = World { today, ..self::world() };
        assert!(matches!(late.act(&signed, &ask), Err(Refusal::TooLate { .. })), "{today}");
    }
    let grant = |item: &Item, who| world.act(item, &wants(Action::Grant, who, ""));
    // A town's by the coordination group; the district's by the committee; another level by nobody here.
    assert!(grant(&asked, actor("coordination", "d")).is_ok());
    for role in ["committee", "bureau", "supervisor"] {
        assert!(matches!(grant(&asked, actor(role, "d")), Err(Refusal::Role { .. })), "{role}");
    }
    let district = Item { level: "district".into(), ..asked.clone() };
    assert!(grant(&district, actor("committee", "d")).is_ok());
    assert!(matches!(grant(&district, actor("coordination", "d")), Err(Refusal::Role { .. })));
    // Never by who asked, nor by the unit that answers for it.
    let by_bureau = Item {
        level: "institution".into(),
        responsible_code: Some(UnitCode::new("b")),
        asked_by: Some(actor("head", "b")),
        ..asked.clone()
    };
    assert!(matches!(grant(&by_bureau, actor("bureau", "b")), Err(Refusal::Asker { .. })));
    assert!(grant(&by_bureau, actor("coordination", "d")).is_ok());
    let own = Item { asked_by: Some(actor("coordination", "d")), ..asked.clone() };
    assert!(matches!(grant(&own, actor("coordination", "d")), Err(Refusal::Asker { .. })));
    // Refused: as it was, and it may be asked again.
    let refuse = wants(Action::Refuse, actor("coordination", "d"), "理由不充分");
    let refused = world.act(&asked, &refuse).unwrap().item;
    assert_eq!(
        (refused.asked_due_on, refused.asked_by.is_none(), refused.n_extensions),
        (None, true, 0)
    );
    assert!(world.act(&refused, &ask).is_ok());
    assert!(matches!(world.act(&asked, &ask), Err(Refusal::AlreadyAsked { .. })));
    // The day that was asked for is past: too late to agree.
    let late = World { today: date(2024, 10, 11), ..self::world() };
    let outcome = late.act(&asked, &wants(Action::Grant, actor("coordination", "d"), ""));
    assert!(matches!(outcome, Err(Refusal::RanOut { .. })));
    assert!(late.act(&asked, &refuse).is_ok());
}

#[test]
fn a_person_reopens_with_a_reason_a_new_deadline_and_the_figures_that_were_known() {
    let world = world();
    let closed = Item {
        data_passes: true,
        passed_for: Some(AUGUST),
        closed_on: Some(TODAY),
        remark: "备注".into(),
        ..item("share", ItemState::Closed)
    };
    let change = world.act(&closed, &proper(Action::Reopen)).unwrap();
    let again = change.item;
    assert_eq!((again.episode, again.due_on), (2, date(2024, 9, 29)), "five working days");
    assert_eq!((again.observed, again.passed_for), (Some(0.4), Some(AUGUST)));
    assert_eq!((again.remark.as_str(), again.data_passes, again.closed_on), ("备注", false, None));
    let said = Said { due_on: Some(date(2024, 11, 1)), ..Said::default() };
    let dated = world.act(&closed, &Act { said, ..proper(Action::Reopen) }).unwrap().item;
    assert_eq!(dated.due_on, date(2024, 11, 1));
}

fn new_item() -> NewItem {
    NewItem {
        title: "某园搬迁".to_owned(),
        detail: "联席会议议定：年底前完成搬迁".to_owned(),
        source: ItemSource::Meeting,
        level: "town".to_owned(),
        unit_code: UnitCode::new("t1"),
        subject_name: "甲镇".to_owned(),
        responsible: "unit".to_owned(),
        lead: "bureau".to_owned(),
        due: Due::On(date(2024, 12, 31)),
        period: AUGUST,
    }
}

#[test]
fn an_item_by_hand_is_opened_by_who_may_with_a_title_a_content_and_a_deadline_ahead() {
    let world = world();
    let open = |new: &NewItem, role: &str| {
        open_by_hand(new, "2024-001", &actor(role, "d"), "会议纪要第3号", &world.setting())
    };
    let change = open(&new_item(), "secretariat").unwrap();
    assert_eq!((change.kind, change.from_state), (ItemEventKind::Opened, None));
    let item = change.item;
    assert_eq!((item.key.check_id.as_str(), item.key.subject_kind.as_str()), ("by_hand", "matter"));
    assert_eq!((item.source, item.lead.as_str()), (ItemSource::Meeting, "bureau"));
    assert_eq!((item.due_on, item.due_provisional), (date(2024, 12, 31), false));
    assert_eq!(change.reason, "会议纪要第3号");
    assert!(matches!(open(&new_item(), "experts"), Err(Refusal::Role { .. })));
    assert!(matches!(open(&new_item(), "duban"), Err(Refusal::Role { .. })));
    let nameless = NewItem { title: " ".to_owned(), ..new_item() };
    assert!(matches!(open(&nameless, "secretariat"), Err(Refusal::Missing { .. })));
    for due in [Due::On(TODAY), Due::Workdays(0)] {
        let late = NewItem { due, ..new_item() };
        assert!(matches!(open(&late, "secretariat"), Err(Refusal::NotAhead { .. })));
    }
    // It is verified and closed by people alone.
    let answered = Item { state: ItemState::Answered, ..item };
    let verified = world.act(&answered, &proper(Action::Verify)).unwrap().item;
    assert!(world.act(&verified, &proper(Action::Close)).is_ok());
}

/// What goes with an action and what does not.
#[test]
fn what_must_be_said_is_asked_for_and_what_does_not_belong_is_refused() {
    let world = world();
    let state_of = |action| match action {
        Action::Sign => ItemState::Assigned,
        Action::Verify | Action::Return => ItemState::Answered,
        Action::Close => ItemState::Verified,
        Action::LookBack | Action::Archive | Action::Reopen => ItemState::Closed,
        Action::Resume => ItemState::Suspended,
        Action::Assign => ItemState::Opened,
        _ => ItemState::InWork,
    };
    let all = [
        ("to_unit", Said { to_unit: Some(UnitCode::new("t2")), ..Said::default() }),
        ("due_on", Said { due_on: Some(date(2024, 10, 10)), ..Said::default() }),
        ("progress", Said { progress: Some(50), ..Said::default() }),
        ("problem", Said { problem: Some("问题".to_owned()), ..Said::default() }),
        ("measures", Said { measures: Some("措施".to_owned()), ..Said::default() }),
        ("evidence", Said { evidence: Some("佐证".to_owned()), ..Said::default() }),
        ("lasted", Said { lasted: Some(true), ..Said::default() }),
    ];
    let belongs = |action| match action {
        Action::Assign => "to_unit due_on",
        Action::Progress => "progress problem measures",
        Action::Answer => "progress problem measures evidence",
        Action::LookBack => "lasted due_on",
        Action::Reopen | Action::Extend => "due_on",
        _ => "",
    };
    let must_say_why = [
        Action::Return,
        Action::Reopen,
        Action::Extend,
        Action::Refuse,
        Action::Suspend,
        Action::Withdraw,
        Action::Note,
    ];
    for action in Action::ALL.into_iter().filter(|action| *action != Action::New) {
        let mut item = item("visit", state_of(action));
        if matches!(action, Action::Grant | Action::Refuse) {
            item.asked_due_on = Some(date(2024, 10, 10));
        }
        for (word, said) in &all {
            // Without a day an extension, without a verdict a look back, lack something else.
            let outcome = world.act(&item, &Act { said: said.clone(), ..proper(action) });
            let belongs = belongs(action).split(' ').any(|known| known == *word);
            let refused = matches!(outcome, Err(Refusal::NotBelonging { .. }));
            assert_eq!(refused, !belongs, "{action:?} with {word}");
        }
        let silent = Act { reason: "  ".to_owned(), ..proper(action) };
        let missing = matches!(world.act(&item, &silent), Err(Refusal::Missing { .. }));
        assert_eq!(missing, must_say_why.contains(&action), "{action:?} without a reason");
    }
}

/// Every kind of refusal, as its reader sees it.
#[test]
fn a_refusal_says_why_and_what_is_allowed_now_and_to_whom() {
    let world = world();
    let told = |item: &Item, act: &Act| world.act(item, act).expect_err("refused").to_string();
    let assigned = item("share", ItemState::Assigned);
    let signed = item("visit", ItemState::Signed);
    let said = |said: Said, action| Act { said, ..proper(action) };
    let asked = Item {
        asked_due_on: Some(date(2024, 10, 10)),
        asked_by: Some(actor("coordination", "d")),
        ..signed.clone()
    };
    let due = |day| Said { due_on: Some(day), ..Said::default() };
    let ran_out = Item { asked_due_on: Some(date(2024, 9, 20)), ..asked.clone() };
    let late = Item { due_on: TODAY, ..signed.clone() };
    let unknown = Said { to_unit: Some(UnitCode::new("120999")), ..Said::default() };
    let lines = [
        ("state", told(&assigned, &proper(Action::Verify))),
        ("role", told(&signed, &wants(Action::Answer, actor("experts", "d"), "改了"))),
        ("program", told(&assigned, &wants(Action::Sign, Actor::program(), ""))),
        ("unit", told(&assigned, &wants(Action::Sign, actor("town", "t2"), ""))),
        ("asker", told(&asked, &proper(Action::Grant))),
        ("too late", told(&late, &proper(Action::Extend))),
        ("not later", told(&signed, &said(due(date(2024, 9, 27)), Action::Extend))),
        ("not ahead", told(&item("visit", ItemState::Closed), &said(due(TODAY), Action::Reopen))),
        ("asked already", told(&asked, &proper(Action::Extend))),
        ("nothing asked", told(&signed, &proper(Action::Grant))),
        ("ran out", told(&ran_out, &proper(Action::Refuse).with(Action::Grant, "supervisor"))),
        ("data", told(&item("share", ItemState::Answered), &proper(Action::Verify))),
        ("missing", told(&signed, &said(Said::default(), Action::Extend))),
        ("no reason", told(&signed, &wants(Action::Suspend, actor("committee", "d"), ""))),
        ("not belonging", told(&assigned, &said(due(date(2024, 10, 1)), Action::Sign))),
        (
            "progress",
            told(&signed, &said(Said { progress: Some(101), ..Said::default() }, Action::Progress)),
        ),
        ("unit unknown", told(&item("visit", ItemState::Opened), &said(unknown, Action::Assign))),
        ("nothing at all", {
            let mut nobody = self::world();
            nobody.supervision.roles = duban::config::supervision::Roles::default();
            nobody.act(&assigned, &proper(Action::Note)).expect_err("refused").to_string()
        }),
    ];
    let lines: Vec<String> = lines.iter().map(|(what, text)| format!("{what}: {text}")).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// The same wish as another action and role.
trait With {
    fn with(self, action: Action, role: &str) -> Act;
}

impl With for Act {
    fn with(self, action: Action, role: &str) -> Act {
        Act { action, actor: actor(role, "d"), ..self }
    }
}
