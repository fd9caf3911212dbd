//! The ledger's items, editions and outbox.

use duban::ledger::{
    AttemptEnd, DeliveryFilter, EditionFile, EditionFilter, ItemFilter, LedgerError, NewDelivery,
    NewEdition, Transport,
};
use duban::model::{
    Actor, DeliveryPhase, DeliveryState, Item, ItemChange, ItemEventKind, ItemKey, ItemState, Light,
};

use jiff::civil::Date;

use crate::ledger::{at, ledger, period, unit};

pub(crate) fn item(state: ItemState) -> Item {
    let key = ItemKey {
        check_id: "public_share_town".into(),
        subject_kind: "town".into(),
        subject_code: "t1".into(),
    };
    Item {
        check_title: "公办园在园幼儿占比未达标".into(),
        level: "town".into(),
        subject_name: "甲镇".into(),
        state,
        light: Light::Yellow,
        period: period(),
        observed: Some(0.45),
        target: Some(0.5),
        detail: "在园幼儿100人，公办45人".into(),
        ..Item::opened(key, unit("t1"), today(), "2024-11-05".parse().unwrap())
    }
}

/// The district's day of what these tests record.
pub(crate) fn today() -> Date {
    "2024-10-08".parse().unwrap()
}

pub(crate) fn change(kind: ItemEventKind, item: Item, from_state: Option<ItemState>) -> ItemChange {
    ItemChange { kind, item, from_state, actor: Actor::program(), reason: "数据".into() }
}

#[test]
fn items_are_numbered_kept_quietly_and_read_as_they_stood() {
    let (_home, ledger) = ledger();
    let opened = ledger
        .apply_item_changes(
            &[change(ItemEventKind::Opened, item(ItemState::Opened), None)],
            None,
            at(0),
            today(),
        )
        .unwrap();
    assert_eq!(opened[0].item_no, 1);
    let event_no = ledger.event_no().unwrap();
    let kept = change(ItemEventKind::Kept, opened[0].clone(), Some(ItemState::Opened));
    ledger.apply_item_changes(&[kept], None, at(1), today()).unwrap();
    assert_eq!(ledger.event_no().unwrap(), event_no, "the same data twice changes nothing");
    let closed = Item {
        state: ItemState::Closed,
        observed: Some(0.51),
        closed_on: Some("2024-10-08".parse().unwrap()),
        ..opened[0].clone()
    };
    let closing = change(ItemEventKind::Closed, closed.clone(), Some(ItemState::Opened));
    ledger.apply_item_changes(&[closing], None, at(5), today()).unwrap();
    assert_eq!(ledger.item(1).unwrap(), closed);
    let then = ItemFilter { as_of: Some(at(4)), ..ItemFilter::default() };
    assert_eq!(ledger.items(&then).unwrap(), opened);
    let open = ItemFilter { state: Some(ItemState::Opened), ..ItemFilter::default() };
    assert_eq!(ledger.items(&open).unwrap(), []);
    let events = ledger.item_events(1).unwrap();
    let kinds: Vec<_> =
        events.iter().map(|e| (e.seq, e.kind.as_str(), e.actor.role.as_ref())).collect();
    assert_eq!(kinds, [(1, "opened", "duban"), (2, "closed", "duban")]);
}

#[test]
fn one_matter_is_one_item() {
    let (_home, ledger) = ledger();
    let opening = change(ItemEventKind::Opened, item(ItemState::Opened), None);
    ledger.apply_item_changes(std::slice::from_ref(&opening), None, at(0), today()).unwrap();
    let mut other = opening.clone();
    other.item.key.subject_code = "t2".into();
    // All or nothing: the second is there already, so the first is not opened either.
    let error = ledger.apply_item_changes(&[other, opening], None, at(1), today()).unwrap_err();
    assert!(matches!(error, LedgerError::ItemExists { item_no: 1, .. }), "{error}");
    assert_eq!(ledger.items(&ItemFilter::default()).unwrap().len(), 1);
}

pub(crate) fn edition(report: &str, period: &str, no: i64, inputs: &str) -> NewEdition {
    NewEdition {
        report: report.to_owned(),
        scope: String::new(),
        period: period.parse().unwrap(),
        edition_no: no,
        inputs_hash: inputs.to_owned(),
        context_json: format!("{{\"inputs\":\"{inputs}\"}}"),
        parts: Vec::new(),
        as_of: at(0),
        event_no: 1,
        program: "duban 0.1.0".to_owned(),
        fonts_json: "[]".to_owned(),
        files: vec![EditionFile {
            format: "pdf".to_owned(),
            file_name: "report.pdf".to_owned(),
            sha256: "cc".to_owned(),
            size: 5,
            path: "data/reports/x.pdf".to_owned(),
        }],
        run_id: None,
    }
}

#[test]
fn the_same_inputs_make_no_new_edition_and_a_correction_supersedes() {
    let (_home, ledger) = ledger();
    let first = ledger.record_edition(&edition("meeting", "2024-09", 1, "x"), at(0)).unwrap();
    let later = NewEdition { as_of: at(99), ..edition("meeting", "2024-09", 2, "x") };
    let again = ledger.record_edition(&later, at(1)).unwrap();
    assert_eq!((again.already, again.edition), (true, first.edition.clone()));
    assert_eq!(ledger.next_edition_no("meeting", "").unwrap(), 2);
    let corrected = ledger.record_edition(&edition("meeting", "2024-09", 2, "y"), at(2)).unwrap();
    assert_eq!(corrected.edition.supersedes, Some(first.edition.edition_id));
    let october = ledger.record_edition(&edition("meeting", "2024-10", 3, "z"), at(3)).unwrap();
    assert_eq!(october.edition.supersedes, None);
    let before =
        ledger.previous_edition("meeting", "", "2024-10".parse().unwrap()).unwrap().unwrap();
    assert_eq!(before.edition_id, corrected.edition.edition_id);
    assert!(ledger.previous_edition("meeting", "", period()).unwrap().is_none());
    assert_eq!(ledger.next_edition_no("another", "").unwrap(), 1);
    let context = ledger.edition_context(corrected.edition.edition_id).unwrap();
    assert_eq!(context, "{\"inputs\":\"y\"}");
    assert_eq!(
        ledger.edition(october.edition.edition_id).unwrap().files[0].file_name,
        "report.pdf"
    );
    let september = EditionFilter { period: Some(period()), ..EditionFilter::default() };
    assert_eq!(ledger.editions(&september).unwrap().len(), 2);
}

#[test]
fn an_edition_number_is_given_once() {
    let (_home, ledger) = ledger();
    ledger.record_edition(&edition("meeting", "2024-09", 1, "x"), at(0)).unwrap();
    let error = ledger.record_edition(&edition("meeting", "2024-10", 1, "y"), at(1)).unwrap_err();
    assert_eq!(error.to_string(), "edition 1 of meeting is taken: the next is 2");
}

pub(crate) fn mail(key: &str, transport: Transport) -> NewDelivery {
    NewDelivery {
        edition_id: None,
        kind: "return".to_owned(),
        dedupe_key: key.to_owned(),
        recipient: "town@example.cn".to_owned(),
        message_id: format!("{key}@example.cn"),
        bytes: b"Subject: x\r\n\r\nbody\r\n".to_vec(),
        transport,
        awaits: duban::ledger::Awaits::Nothing,
        resend_of: None,
    }
}

#[test]
fn a_mail_is_queued_once_and_its_first_bytes_stand() {
    let (_home, ledger) = ledger();
    let first = ledger.enqueue(&mail("return:1", Transport::Smtp), at(0)).unwrap();
    let other = NewDelivery { bytes: b"other".to_vec(), ..mail("return:1", Transport::Smtp) };
    let again = ledger.enqueue(&other, at(1)).unwrap();
    assert_eq!((again.already, again.delivery.delivery_id), (true, first.delivery.delivery_id));
    assert_eq!(
        ledger.delivery_bytes(first.delivery.delivery_id).unwrap(),
        mail("", Transport::Smtp).bytes
    );
    let stranger =
        NewDelivery { recipient: "x@example.cn".to_owned(), ..mail("return:1", Transport::Smtp) };
    assert!(matches!(ledger.enqueue(&stranger, at(2)), Err(LedgerError::DeliveryDiffers { .. })));
}

#[test]
fn an_edition_goes_to_a_recipient_once() {
    let (_home, ledger) = ledger();
    let edition =
        ledger.record_edition(&edition("meeting", "2024-09", 1, "x"), at(0)).unwrap().edition;
    let to = |key: &str| NewDelivery {
        edition_id: Some(edition.edition_id),
        ..mail(key, Transport::Folder)
    };
    assert!(!ledger.enqueue(&to("a"), at(1)).unwrap().already);
    assert!(ledger.enqueue(&to("b"), at(2)).unwrap().already);
}

#[test]
fn a_mail_is_claimed_once_and_a_deferred_one_waits_for_its_time() {
    let (_home, ledger) = ledger();
    ledger.enqueue(&mail("return:1", Transport::Smtp), at(0)).unwrap();
    assert!(
        ledger.claim_next(Transport::Folder, &[], at(1)).unwrap().is_none(),
        "it is not for a folder"
    );
    let claim = ledger.claim_next(Transport::Smtp, &[], at(1)).unwrap().unwrap();
    let id = claim.delivery.delivery_id;
    assert_eq!((claim.delivery.state, claim.attempt_no), (DeliveryState::Sending, 1));
    assert_eq!(claim.bytes, mail("", Transport::Smtp).bytes);
    assert!(ledger.claim_next(Transport::Smtp, &[], at(1)).unwrap().is_none(), "it is being sent");
    ledger.attempt_phase(id, DeliveryPhase::Rcpt, at(2)).unwrap();
    let later = AttemptEnd::Deferred { not_before: at(7) };
    ledger.finish_attempt(id, later, Some(451), "try later", at(2)).unwrap();
    assert!(
        ledger.claim_next(Transport::Smtp, &[], at(6)).unwrap().is_none(),
        "it is not yet time"
    );
    let second = ledger.claim_next(Transport::Smtp, &[], at(7)).unwrap().unwrap();
    assert_eq!(second.attempt_no, 2);
    ledger.finish_attempt(id, AttemptEnd::Accepted, Some(250), "OK", at(8)).unwrap();
    assert!(ledger.claim_next(Transport::Smtp, &[], at(999)).unwrap().is_none());
    let attempts = ledger.attempts(id).unwrap();
    let told: Vec<_> = attempts.iter().map(|a| (a.phase, a.state.unwrap(), a.code)).collect();
    assert_eq!(
        told,
        [
            (DeliveryPhase::Rcpt, DeliveryState::Deferred, Some(451)),
            (DeliveryPhase::Connect, DeliveryState::Accepted, Some(250)),
        ]
    );
    let error = ledger.finish_attempt(id, AttemptEnd::Refused, None, "", at(9)).unwrap_err();
    assert_eq!(error.to_string(), "delivery 1 is accepted, not being sent");
}

#[test]
fn what_a_dead_process_left_sending_is_settled_by_its_phase() {
    let cases = [
        (Transport::Smtp, DeliveryPhase::Connect, DeliveryState::Queued),
        (Transport::Smtp, DeliveryPhase::Mail, DeliveryState::Queued),
        (Transport::Smtp, DeliveryPhase::Rcpt, DeliveryState::Queued),
        (Transport::Smtp, DeliveryPhase::Data, DeliveryState::Uncertain),
        (Transport::Smtp, DeliveryPhase::End, DeliveryState::Uncertain),
        (Transport::Folder, DeliveryPhase::Data, DeliveryState::Queued),
    ];
    for (transport, phase, expected) in cases {
        let (_home, ledger) = ledger();
        ledger.enqueue(&mail("return:1", transport), at(0)).unwrap();
        let id = ledger.claim_next(transport, &[], at(1)).unwrap().unwrap().delivery.delivery_id;
        ledger.attempt_phase(id, phase, at(1)).unwrap();
        let recovered = ledger.recover_deliveries(at(2)).unwrap();
        assert_eq!((recovered[0].phase, recovered[0].state), (phase, expected));
        assert_eq!(ledger.delivery(id).unwrap().state, expected, "{transport} {phase}");
        let claimed_again = ledger.claim_next(transport, &[], at(2)).unwrap().is_some();
        assert_eq!(claimed_again, expected == DeliveryState::Queued, "{transport} {phase}");
        assert!(ledger.recover_deliveries(at(3)).unwrap().len() == usize::from(claimed_again));
    }
}

#[test]
fn deliveries_are_found_by_state() {
    let (_home, ledger) = ledger();
    ledger.enqueue(&mail("return:1", Transport::Smtp), at(0)).unwrap();
    let filter = |state| DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
    assert_eq!(ledger.deliveries(&filter(DeliveryState::Queued)).unwrap().len(), 1);
    assert_eq!(ledger.deliveries(&filter(DeliveryState::Uncertain)).unwrap().len(), 0);
}
