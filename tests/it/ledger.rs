//! The ledger as its callers see it: what is recorded once, what replaces what, and what stood when.

use duban::ledger::{
    AttemptEnd, CutInput, Decision, DeliveryFilter, Door, EditionFile, EditionFilter, Holder,
    ItemFilter, Ledger, LedgerError, NewCut, NewDelivery, NewEdition, NewRun, NewSubmission, Scope,
    SeenFile, Sighting, SubmissionFilter, SubmissionId, Transport,
};
use duban::model::{
    DeliveryPhase, DeliveryState, Finding, Item, ItemChange, ItemEventKind, ItemKey, ItemState,
    Light, Period, Place, RunState, Severity, SubmissionState, UnitCode,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

fn ledger() -> (TempDir, Ledger) {
    let home = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&home.path().join("ledger.sqlite")).unwrap();
    (home, ledger)
}

/// Minute `n` of 8 October 2024.
fn at(n: i64) -> Timestamp {
    let start: Timestamp = "2024-10-08T00:00:00Z".parse().unwrap();
    Timestamp::from_second(start.as_second() + n * 60).unwrap()
}

fn period() -> Period {
    "2024-09".parse().unwrap()
}

fn unit(code: &str) -> UnitCode {
    UnitCode::new(code)
}

fn arrival(reporter: &str, content: &str, minute: i64) -> NewSubmission {
    NewSubmission {
        dataset: "enrollment".to_owned(),
        reporter: unit(reporter),
        period: period(),
        sha256: format!("{content:0>64}"),
        file_name: format!("{reporter}.xlsx"),
        size: 10,
        door: Door::Inbox,
        received_at: at(minute),
        late: false,
        contract_hash: "contract-1".to_owned(),
    }
}

fn decision(state: SubmissionState, units: &[(&str, u64)]) -> Decision {
    Decision {
        state,
        n_rows: units.iter().map(|(_, n)| n).sum(),
        contract_hash: "contract-1".to_owned(),
        layout: Some("2024".to_owned()),
        scope: Scope::Units,
        units: units.iter().map(|(code, n)| (unit(code), *n)).collect(),
        findings: Vec::new(),
    }
}

fn accepted(units: &[(&str, u64)]) -> Decision {
    decision(SubmissionState::Accepted, units)
}

fn finding(code: &str, severity: Severity) -> Finding {
    Finding {
        code: code.to_owned(),
        severity,
        place: Place::cell(Some("在园幼儿"), 13, 3),
        read: "１２三".to_owned(),
        expected: "整数".to_owned(),
        fix: "请改为整数".to_owned(),
    }
}

fn take(
    ledger: &Ledger,
    reporter: &str,
    content: &str,
    minute: i64,
    units: &[(&str, u64)],
) -> SubmissionId {
    let received = ledger.receive(&arrival(reporter, content, minute)).unwrap();
    assert!(!received.already, "{content} of {reporter} was there before");
    ledger.decide(received.id, &accepted(units), at(minute)).unwrap();
    received.id
}

/// `unit:submission`, of the newest or of an as-of.
fn covered(ledger: &Ledger, as_of: Option<Timestamp>) -> Vec<String> {
    let rows = ledger.coverage(as_of).unwrap();
    rows.iter().map(|row| format!("{}:{}", row.unit_code, row.submission_id)).collect()
}

fn state(ledger: &Ledger, id: SubmissionId) -> SubmissionState {
    ledger.submission(id).unwrap().state
}

#[test]
fn the_same_bytes_received_twice_change_nothing() {
    let (_home, ledger) = ledger();
    let id = take(&ledger, "t1", "a", 0, &[("t1", 3)]);
    let before = ledger.event_no().unwrap();
    let again = ledger.receive(&arrival("t1", "a", 5)).unwrap();
    assert_eq!((again.id, again.already, again.state), (id, true, SubmissionState::Accepted));
    assert_eq!(ledger.event_no().unwrap(), before);
    assert_eq!(ledger.submissions(&SubmissionFilter::default()).unwrap().len(), 1);
}

#[test]
fn older_bytes_sent_again_after_a_correction_are_a_new_correction() {
    let (_home, ledger) = ledger();
    let first = take(&ledger, "t1", "a", 0, &[("t1", 3)]);
    let second = take(&ledger, "t1", "b", 1, &[("t1", 4)]);
    let third = take(&ledger, "t1", "a", 2, &[("t1", 3)]);
    assert_eq!(state(&ledger, first), SubmissionState::Superseded);
    assert_eq!(state(&ledger, second), SubmissionState::Superseded);
    assert_eq!(state(&ledger, third), SubmissionState::Accepted);
    assert_eq!(covered(&ledger, None), [format!("t1:{third}")]);
}

#[test]
fn returned_bytes_stay_returned_until_the_contract_changes() {
    let (_home, ledger) = ledger();
    let first = ledger.receive(&arrival("t1", "a", 0)).unwrap();
    let returned = Decision {
        findings: vec![finding("cell.not_integer", Severity::Error)],
        ..decision(SubmissionState::Returned, &[])
    };
    ledger.decide(first.id, &returned, at(0)).unwrap();
    let again = ledger.receive(&arrival("t1", "a", 1)).unwrap();
    assert_eq!((again.already, again.state), (true, SubmissionState::Returned));
    let mended = NewSubmission { contract_hash: "contract-2".to_owned(), ..arrival("t1", "a", 2) };
    let anew = ledger.receive(&mended).unwrap();
    assert_eq!((anew.already, anew.state), (false, SubmissionState::Received));
}

#[test]
fn a_returned_correction_leaves_the_accepted_one_current() {
    let (_home, ledger) = ledger();
    let first = take(&ledger, "t1", "a", 0, &[("t1", 3)]);
    let second = ledger.receive(&arrival("t1", "b", 1)).unwrap().id;
    ledger.decide(second, &decision(SubmissionState::Returned, &[("t1", 9)]), at(1)).unwrap();
    assert_eq!(state(&ledger, first), SubmissionState::Accepted);
    assert_eq!(covered(&ledger, None), [format!("t1:{first}")]);
}

#[test]
fn a_submission_is_superseded_only_when_every_unit_of_it_is_covered_anew() {
    let (_home, ledger) = ledger();
    let all = take(&ledger, "bureau", "a", 0, &[("t1", 1), ("t2", 2), ("t3", 3)]);
    let two = take(&ledger, "bureau", "b", 1, &[("t1", 5), ("t2", 6)]);
    assert_eq!(state(&ledger, all), SubmissionState::Accepted);
    assert_eq!(
        covered(&ledger, None),
        [format!("t1:{two}"), format!("t2:{two}"), format!("t3:{all}")]
    );
    let last = take(&ledger, "bureau", "c", 2, &[("t3", 7)]);
    assert_eq!(state(&ledger, all), SubmissionState::Superseded);
    assert_eq!(state(&ledger, two), SubmissionState::Accepted);
    assert_eq!(
        covered(&ledger, None),
        [format!("t1:{two}"), format!("t2:{two}"), format!("t3:{last}")]
    );
}

#[test]
fn a_whole_report_drops_the_units_that_it_no_longer_names() {
    let (_home, ledger) = ledger();
    let first = take(&ledger, "bureau", "a", 0, &[("t1", 1), ("t2", 2)]);
    let second = ledger.receive(&arrival("bureau", "b", 1)).unwrap().id;
    let whole = Decision { scope: Scope::Whole, ..accepted(&[("t2", 3)]) };
    ledger.decide(second, &whole, at(1)).unwrap();
    assert_eq!(covered(&ledger, None), [format!("t2:{second}")]);
    assert_eq!(state(&ledger, first), SubmissionState::Superseded);
}

#[test]
fn two_reporters_may_cover_the_same_unit() {
    let (_home, ledger) = ledger();
    let town = take(&ledger, "t1", "a", 0, &[("t1", 1)]);
    let bureau = take(&ledger, "bureau", "b", 1, &[("t1", 2)]);
    let mut covered = covered(&ledger, None);
    covered.sort();
    assert_eq!(covered, [format!("t1:{town}"), format!("t1:{bureau}")]);
}

#[test]
fn what_is_decided_late_does_not_replace_what_arrived_after_it() {
    let (_home, ledger) = ledger();
    let first = ledger.receive(&arrival("t1", "a", 0)).unwrap().id;
    let second = take(&ledger, "t1", "b", 1, &[("t1", 2)]);
    assert_eq!(
        ledger.undecided().unwrap().iter().map(|s| s.submission_id).collect::<Vec<_>>(),
        [first]
    );
    ledger.decide(first, &accepted(&[("t1", 1)]), at(2)).unwrap();
    assert_eq!(state(&ledger, first), SubmissionState::Superseded);
    assert_eq!(covered(&ledger, None), [format!("t1:{second}")]);
}

#[test]
fn nil_covers_a_unit_with_no_rows() {
    let (_home, ledger) = ledger();
    let id = ledger.receive(&arrival("t1", "a", 0)).unwrap().id;
    ledger.decide(id, &decision(SubmissionState::Nil, &[("t1", 0)]), at(0)).unwrap();
    let rows = ledger.coverage(None).unwrap();
    assert_eq!((rows[0].state, rows[0].n_rows), (SubmissionState::Nil, 0));
}

#[test]
fn a_decision_is_made_once() {
    let (_home, ledger) = ledger();
    let id = take(&ledger, "t1", "a", 0, &[("t1", 3)]);
    let error = ledger.decide(id, &decision(SubmissionState::Returned, &[]), at(1)).unwrap_err();
    assert!(
        matches!(error, LedgerError::Decided { state: SubmissionState::Accepted, .. }),
        "{error}"
    );
    let error = ledger.decide(SubmissionId(99), &accepted(&[]), at(1)).unwrap_err();
    assert_eq!(error.to_string(), "the ledger holds no submission 99");
    let open = ledger.receive(&arrival("t2", "b", 2)).unwrap().id;
    let error =
        ledger.decide(open, &decision(SubmissionState::Superseded, &[]), at(2)).unwrap_err();
    assert_eq!(error.to_string(), "a submission cannot be decided as superseded");
}

#[test]
fn a_failed_decision_leaves_nothing_behind() {
    let (_home, ledger) = ledger();
    let id = ledger.receive(&arrival("t1", "a", 0)).unwrap().id;
    let before = ledger.event_no().unwrap();
    // The same unit twice cannot be stored.
    assert!(ledger.decide(id, &accepted(&[("t1", 1), ("t1", 2)]), at(1)).is_err());
    assert_eq!(state(&ledger, id), SubmissionState::Received);
    assert_eq!(ledger.event_no().unwrap(), before);
}

#[test]
fn findings_come_back_as_they_were_made() {
    let (_home, ledger) = ledger();
    let id = ledger.receive(&arrival("t1", "a", 0)).unwrap().id;
    let findings = vec![
        finding("cell.not_integer", Severity::Error),
        finding("row.sum", Severity::Confirm),
        Finding { place: Place::file(), ..finding("file.late", Severity::Note) },
    ];
    let decision =
        Decision { findings: findings.clone(), ..decision(SubmissionState::Returned, &[]) };
    ledger.decide(id, &decision, at(1)).unwrap();
    assert_eq!(ledger.findings(id).unwrap(), findings);
    let row = ledger.submission(id).unwrap();
    assert_eq!((row.n_errors, row.n_confirms, row.layout.as_deref()), (1, 1, Some("2024")));
}

#[test]
fn a_file_with_identities_leaves_no_trace_of_what_was_read() {
    let (_home, ledger) = ledger();
    let secret = Finding {
        read: "120114201901010011".to_owned(),
        ..finding("file.identity", Severity::Error)
    };
    let refused = ledger.refuse_identity(&arrival("t1", "a", 0), &[secret], at(0)).unwrap();
    let row = ledger.submission(refused.id).unwrap();
    assert_eq!((row.state, row.identity), (SubmissionState::Returned, true));
    assert_eq!(ledger.findings(refused.id).unwrap()[0].read, "");
    assert!(!ledger.keeps_bytes(&row.sha256).unwrap());
    let again = ledger.refuse_identity(&arrival("t1", "a", 1), &[], at(1)).unwrap();
    assert_eq!((again.id, again.already), (refused.id, true));
    let other = ledger.receive(&arrival("t2", "b", 2)).unwrap();
    assert!(ledger.keeps_bytes(&ledger.submission(other.id).unwrap().sha256).unwrap());
}

#[test]
fn an_as_of_shows_nothing_that_happened_later() {
    let (_home, ledger) = ledger();
    let first = take(&ledger, "t1", "a", 0, &[("t1", 3)]);
    let second = ledger.receive(&arrival("t1", "b", 10)).unwrap().id;
    ledger.decide(second, &accepted(&[("t1", 4)]), at(20)).unwrap();
    let states = |minute| -> Vec<SubmissionState> {
        let filter = SubmissionFilter { as_of: Some(at(minute)), ..SubmissionFilter::default() };
        ledger.submissions(&filter).unwrap().iter().map(|s| s.state).collect()
    };
    assert_eq!(states(-1), []);
    assert_eq!(states(5), [SubmissionState::Accepted]);
    assert_eq!(states(15), [SubmissionState::Accepted, SubmissionState::Received]);
    assert_eq!(states(20), [SubmissionState::Superseded, SubmissionState::Accepted]);
    assert_eq!(covered(&ledger, Some(at(15))), [format!("t1:{first}")]);
    assert_eq!(covered(&ledger, Some(at(20))), [format!("t1:{second}")]);
}

#[test]
fn a_touched_file_has_not_arrived_again() {
    let (_home, ledger) = ledger();
    let seen = SeenFile {
        path: "inbox/2024-09/t1/a.xlsx".to_owned(),
        size: 10,
        mtime_ns: 1,
        sha256: "aa".to_owned(),
        seen_at: at(0),
    };
    assert!(ledger.seen_file(&seen.path).unwrap().is_none());
    assert_eq!(ledger.record_seen_file(&seen).unwrap(), Sighting::New);
    assert!(ledger.seen_file(&seen.path).unwrap().unwrap().is_unchanged(10, 1));
    let touched = SeenFile { mtime_ns: 2, ..seen.clone() };
    assert!(!ledger.seen_file(&seen.path).unwrap().unwrap().is_unchanged(10, 2));
    assert_eq!(ledger.record_seen_file(&touched).unwrap(), Sighting::Same);
    assert!(ledger.seen_file(&seen.path).unwrap().unwrap().is_unchanged(10, 2));
    let edited = SeenFile { sha256: "bb".to_owned(), ..touched };
    assert_eq!(ledger.record_seen_file(&edited).unwrap(), Sighting::Changed);
}

fn holder(pid: u32) -> Holder {
    Holder { pid, host: "h".to_owned(), started: String::new() }
}

fn run(pid: u32) -> NewRun {
    NewRun {
        command: "run --period 2024-09".to_owned(),
        period: Some(period()),
        holder: holder(pid),
    }
}

#[test]
fn a_second_run_is_held_off_by_a_living_one() {
    let (_home, ledger) = ledger();
    let first = ledger.begin_run(&run(7), |_| true, at(0)).unwrap();
    let error = ledger.begin_run(&run(8), |_| true, at(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "run 1 (run --period 2024-09, process 7 on h) holds this home since 2024-10-08T00:00:00Z; wait for it to end"
    );
    ledger.finish_run(first, RunState::Done, "", at(2)).unwrap();
    ledger.begin_run(&run(8), |_| true, at(3)).unwrap();
}

#[test]
fn the_lease_of_a_dead_process_is_taken_over_and_its_steps_are_interrupted() {
    let (_home, ledger) = ledger();
    let first = ledger.begin_run(&run(7), |_| true, at(0)).unwrap();
    let done = ledger.begin_step(first, "receive", "1", at(0)).unwrap();
    ledger.finish_step(done, RunState::Done, "", at(0)).unwrap();
    let open = ledger.begin_step(first, "snapshot", "enrollment/2024-09", at(1)).unwrap();
    let second = ledger.begin_run(&run(8), |holder| holder.pid != 7, at(9)).unwrap();
    let cut_short: Vec<_> = ledger.interrupted().unwrap().iter().map(|s| s.step_id).collect();
    assert_eq!(cut_short, [open]);
    let runs = ledger.runs(10).unwrap();
    assert_eq!(
        runs.iter().map(|r| r.state).collect::<Vec<_>>(),
        [RunState::Running, RunState::Interrupted]
    );
    assert_eq!(ledger.lease().unwrap().unwrap().run_id, second);
    assert!(ledger.finish_run(first, RunState::Done, "", at(10)).is_err(), "it no longer runs");
}

fn cut(snapshot: &str, submission: SubmissionId, minute: i64) -> NewCut {
    NewCut {
        dataset: "enrollment".to_owned(),
        period: period(),
        snapshot_id: snapshot.to_owned(),
        schema_version: 1,
        contract_hash: "contract-1".to_owned(),
        path: format!("data/snapshots/enrollment/2024-09/{snapshot}.parquet"),
        n_rows: 3,
        inputs: vec![CutInput { submission_id: submission, unit_code: unit("t1") }],
        missing_units: vec![unit("t2"), unit("t3")],
        cut_at: at(minute),
        run_id: None,
    }
}

#[test]
fn the_same_snapshot_is_recorded_once_and_remembers_what_it_was_last_cut_from() {
    let (_home, ledger) = ledger();
    let a = take(&ledger, "t1", "a", 0, &[("t1", 3)]);
    let b = take(&ledger, "t1", "b", 1, &[("t1", 3)]);
    let first = ledger.record_cut(&cut("s1", a, 2)).unwrap();
    let event_no = ledger.event_no().unwrap();
    assert!(ledger.record_cut(&cut("s1", a, 3)).unwrap().already);
    assert_eq!(ledger.event_no().unwrap(), event_no, "nothing happened");
    // Saved again by another office: other bytes, the same data.
    let again = ledger.record_cut(&cut("s1", b, 4)).unwrap();
    assert_eq!((again.id, again.already), (first.id, true));
    assert_eq!(ledger.cut_inputs(first.id).unwrap()[0].submission_id, b);
    assert_eq!(ledger.cuts("enrollment", None).unwrap().len(), 1);
}

#[test]
fn a_corrected_snapshot_supersedes_and_an_as_of_still_sees_the_old_one() {
    let (_home, ledger) = ledger();
    let a = take(&ledger, "t1", "a", 0, &[("t1", 3)]);
    ledger.record_cut(&cut("s1", a, 2)).unwrap();
    ledger.record_cut(&cut("s2", a, 5)).unwrap();
    ledger.record_cut(&cut("s1", a, 8)).unwrap();
    let all = ledger.cuts("enrollment", None).unwrap();
    let spans: Vec<_> =
        all.iter().map(|c| (c.snapshot_id.as_str(), c.cut_at, c.superseded_at)).collect();
    assert_eq!(
        spans,
        [("s1", at(2), Some(at(5))), ("s2", at(5), Some(at(8))), ("s1", at(8), None)]
    );
    let current = |minute| -> Vec<String> {
        let cuts = ledger.current_cuts(Some(at(minute))).unwrap();
        cuts.into_iter().map(|c| c.snapshot_id).collect()
    };
    assert_eq!(
        (current(1), current(4), current(6), current(9)),
        (vec![], vec!["s1".to_owned()], vec!["s2".to_owned()], vec!["s1".to_owned()])
    );
    assert_eq!(
        ledger.cut_of("enrollment", period(), Some(at(6))).unwrap().unwrap().snapshot_id,
        "s2"
    );
}

fn item(state: ItemState) -> Item {
    Item {
        item_no: 0,
        key: ItemKey {
            check_id: "public_share_town".to_owned(),
            subject_kind: "town".to_owned(),
            subject_code: "t1".to_owned(),
        },
        check_title: "公办园在园幼儿占比未达标".to_owned(),
        level: "town".to_owned(),
        subject_name: "甲镇".to_owned(),
        unit_code: unit("t1"),
        state,
        light: Light::Yellow,
        opened_on: "2024-10-08".parse().unwrap(),
        due_on: "2024-11-05".parse().unwrap(),
        due_provisional: false,
        escalation: 0,
        episode: 1,
        data_passes: false,
        period: period(),
        observed: Some(0.45),
        target: Some(0.5),
        detail: "在园幼儿100人，公办45人".to_owned(),
        closed_on: None,
    }
}

fn change(kind: ItemEventKind, item: Item, from_state: Option<ItemState>) -> ItemChange {
    ItemChange { kind, item, from_state, reason: "数据".to_owned() }
}

#[test]
fn items_are_numbered_kept_quietly_and_read_as_they_stood() {
    let (_home, ledger) = ledger();
    let opened = ledger
        .apply_item_changes(
            &[change(ItemEventKind::Opened, item(ItemState::Opened), None)],
            None,
            at(0),
        )
        .unwrap();
    assert_eq!(opened[0].item_no, 1);
    let event_no = ledger.event_no().unwrap();
    let kept = change(ItemEventKind::Kept, opened[0].clone(), Some(ItemState::Opened));
    ledger.apply_item_changes(&[kept], None, at(1)).unwrap();
    assert_eq!(ledger.event_no().unwrap(), event_no, "the same data twice changes nothing");
    let closed = Item {
        state: ItemState::Closed,
        observed: Some(0.51),
        closed_on: Some("2024-10-08".parse().unwrap()),
        ..opened[0].clone()
    };
    let closing = change(ItemEventKind::Closed, closed.clone(), Some(ItemState::Opened));
    ledger.apply_item_changes(&[closing], None, at(5)).unwrap();
    assert_eq!(ledger.item(1).unwrap(), closed);
    let then = ItemFilter { as_of: Some(at(4)), ..ItemFilter::default() };
    assert_eq!(ledger.items(&then).unwrap(), opened);
    let open = ItemFilter { state: Some(ItemState::Opened), ..ItemFilter::default() };
    assert_eq!(ledger.items(&open).unwrap(), []);
    let events = ledger.item_events(1).unwrap();
    let kinds: Vec<_> = events.iter().map(|e| (e.seq, e.kind.as_str(), e.actor.as_str())).collect();
    assert_eq!(kinds, [(1, "opened", "duban"), (2, "closed", "duban")]);
}

#[test]
fn one_matter_is_one_item() {
    let (_home, ledger) = ledger();
    let opening = change(ItemEventKind::Opened, item(ItemState::Opened), None);
    ledger.apply_item_changes(std::slice::from_ref(&opening), None, at(0)).unwrap();
    let mut other = opening.clone();
    other.item.key.subject_code = "t2".to_owned();
    // All or nothing: the second is there already, so the first is not opened either.
    let error = ledger.apply_item_changes(&[other, opening], None, at(1)).unwrap_err();
    assert!(matches!(error, LedgerError::ItemExists { item_no: 1, .. }), "{error}");
    assert_eq!(ledger.items(&ItemFilter::default()).unwrap().len(), 1);
}

fn edition(report: &str, period: &str, no: i64, inputs: &str) -> NewEdition {
    NewEdition {
        report: report.to_owned(),
        period: period.parse().unwrap(),
        edition_no: no,
        inputs_hash: inputs.to_owned(),
        context_json: format!("{{\"inputs\":\"{inputs}\"}}"),
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
    assert_eq!(ledger.next_edition_no("meeting").unwrap(), 2);
    let corrected = ledger.record_edition(&edition("meeting", "2024-09", 2, "y"), at(2)).unwrap();
    assert_eq!(corrected.edition.supersedes, Some(first.edition.edition_id));
    let october = ledger.record_edition(&edition("meeting", "2024-10", 3, "z"), at(3)).unwrap();
    assert_eq!(october.edition.supersedes, None);
    let before = ledger.previous_edition("meeting", "2024-10".parse().unwrap()).unwrap().unwrap();
    assert_eq!(before.edition_id, corrected.edition.edition_id);
    assert!(ledger.previous_edition("meeting", period()).unwrap().is_none());
    assert_eq!(ledger.next_edition_no("another").unwrap(), 1);
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

fn mail(key: &str, transport: Transport) -> NewDelivery {
    NewDelivery {
        edition_id: None,
        kind: "return".to_owned(),
        dedupe_key: key.to_owned(),
        recipient: "town@example.cn".to_owned(),
        message_id: format!("{key}@example.cn"),
        bytes: b"Subject: x\r\n\r\nbody\r\n".to_vec(),
        transport,
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
        ledger.claim_next(Transport::Folder, at(1)).unwrap().is_none(),
        "it is not for a folder"
    );
    let claim = ledger.claim_next(Transport::Smtp, at(1)).unwrap().unwrap();
    let id = claim.delivery.delivery_id;
    assert_eq!((claim.delivery.state, claim.attempt_no), (DeliveryState::Sending, 1));
    assert_eq!(claim.bytes, mail("", Transport::Smtp).bytes);
    assert!(ledger.claim_next(Transport::Smtp, at(1)).unwrap().is_none(), "it is being sent");
    ledger.attempt_phase(id, DeliveryPhase::Rcpt, at(2)).unwrap();
    let later = AttemptEnd::Deferred { not_before: at(7) };
    ledger.finish_attempt(id, later, Some(451), "try later", at(2)).unwrap();
    assert!(ledger.claim_next(Transport::Smtp, at(6)).unwrap().is_none(), "it is not yet time");
    let second = ledger.claim_next(Transport::Smtp, at(7)).unwrap().unwrap();
    assert_eq!(second.attempt_no, 2);
    ledger.finish_attempt(id, AttemptEnd::Accepted, Some(250), "OK", at(8)).unwrap();
    assert!(ledger.claim_next(Transport::Smtp, at(999)).unwrap().is_none());
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
        let id = ledger.claim_next(transport, at(1)).unwrap().unwrap().delivery.delivery_id;
        ledger.attempt_phase(id, phase, at(1)).unwrap();
        let recovered = ledger.recover_deliveries(at(2)).unwrap();
        assert_eq!((recovered[0].phase, recovered[0].state), (phase, expected));
        assert_eq!(ledger.delivery(id).unwrap().state, expected, "{transport} {phase}");
        let claimed_again = ledger.claim_next(transport, at(2)).unwrap().is_some();
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

/// A ledger with a row of everything.
fn full() -> (TempDir, Ledger) {
    let (home, ledger) = ledger();
    let run_id = ledger.begin_run(&run(7), |_| true, at(0)).unwrap();
    let id = ledger.receive(&arrival("t1", "a", 0)).unwrap().id;
    let decision = Decision {
        findings: vec![finding("row.sum", Severity::Confirm)],
        ..decision(SubmissionState::AcceptedWithWarnings, &[("t1", 3)])
    };
    ledger.decide(id, &decision, at(1)).unwrap();
    ledger.record_cut(&cut("s1", id, 2)).unwrap();
    let opening = change(ItemEventKind::Opened, item(ItemState::Opened), None);
    ledger.apply_item_changes(&[opening], Some(run_id), at(3)).unwrap();
    let edition =
        ledger.record_edition(&edition("meeting", "2024-09", 1, "x"), at(4)).unwrap().edition;
    let new =
        NewDelivery { edition_id: Some(edition.edition_id), ..mail("report:1", Transport::Smtp) };
    let delivery = ledger.enqueue(&new, at(5)).unwrap().delivery.delivery_id;
    ledger.claim_next(Transport::Smtp, at(6)).unwrap();
    ledger.finish_attempt(delivery, AttemptEnd::Accepted, Some(250), "OK", at(7)).unwrap();
    ledger.finish_run(run_id, RunState::Done, "", at(8)).unwrap();
    (home, ledger)
}

#[test]
fn the_tables_for_sql_have_the_columns_of_the_reference() {
    let (_home, ledger) = full();
    let reference = include_str!("../../docs/definitions.md");
    let tables = ledger.tables(None).unwrap();
    assert_eq!(tables.len(), 9);
    for table in tables {
        let marker = format!("| `{}` | `", table.name);
        let line = reference.lines().find_map(|line| line.strip_prefix(&marker));
        let line = line.unwrap_or_else(|| panic!("{} is not in the reference", table.name));
        let expected: Vec<&str> = line.split('`').next().unwrap().split(", ").collect();
        let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        assert_eq!(columns, expected, "{}", table.name);
        assert_eq!(table.rows.len(), 1, "{}", table.name);
        for row in &table.rows {
            assert_eq!(row.len(), columns.len(), "{}", table.name);
        }
    }
}

#[test]
fn the_tables_for_sql_hold_what_was_recorded() {
    let (_home, ledger) = full();
    let row = |name: &str| -> Vec<Value> {
        let tables = ledger.tables(None).unwrap();
        tables.into_iter().find(|table| table.name == name).unwrap().rows.remove(0)
    };
    let sha256 = format!("{:0>64}", "a");
    assert_eq!(
        json!(row("submissions")),
        json!([
            1,
            "enrollment",
            "t1",
            "2024-09",
            "t1.xlsx",
            sha256,
            "inbox",
            "2024-10-08T00:00:00Z",
            "2024-10-08T00:01:00Z",
            "accepted_with_warnings",
            3,
            0,
            1,
            false
        ])
    );
    assert_eq!(
        json!(row("findings")),
        json!([1, 1, "row.sum", "confirm", "在园幼儿", "D14", "１２三", "整数", "请改为整数"])
    );
    assert_eq!(
        json!(row("coverage")),
        json!(["enrollment", "2024-09", "t1", "t1", 1, "accepted_with_warnings", 3])
    );
    assert_eq!(
        json!(row("items")),
        json!([
            1,
            "public_share_town",
            "公办园在园幼儿占比未达标",
            "town",
            "town",
            "t1",
            "甲镇",
            "t1",
            "opened",
            "yellow",
            "2024-10-08",
            "2024-11-05",
            false,
            0,
            1,
            false,
            "2024-09",
            0.45,
            0.5,
            "在园幼儿100人，公办45人",
            null
        ])
    );
    assert_eq!(
        json!(row("deliveries")),
        json!([
            1,
            1,
            "meeting",
            "2024-09",
            "town@example.cn",
            "report:1@example.cn",
            "accepted",
            1,
            null,
            "2024-10-08T00:07:00Z",
            "OK"
        ])
    );
    assert_eq!(
        json!(row("snapshots")),
        json!(["s1", "enrollment", "2024-09", "2024-10-08T00:02:00Z", 3, 1, "t2;t3"])
    );
    assert_eq!(
        json!(row("runs")),
        json!([
            1,
            "2024-09",
            "2024-10-08T00:00:00Z",
            "2024-10-08T00:08:00Z",
            "done",
            "run --period 2024-09"
        ])
    );
}

#[test]
fn the_tables_of_an_as_of_are_those_of_a_ledger_that_ended_there() {
    let (_home, ledger) = full();
    let n_rows = |minute| -> Vec<usize> {
        ledger.tables(Some(at(minute))).unwrap().iter().map(|table| table.rows.len()).collect()
    };
    // submissions, findings, coverage, items, item_events, deliveries, editions, snapshots, runs
    assert_eq!(n_rows(-1), [0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(n_rows(0), [1, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(n_rows(1), [1, 1, 1, 0, 0, 0, 0, 0, 1]);
    assert_eq!(n_rows(3), [1, 1, 1, 1, 1, 0, 0, 1, 1]);
    assert_eq!(n_rows(5), [1, 1, 1, 1, 1, 1, 1, 1, 1]);
    let state_of = |name: &str, column: usize, minute| -> Value {
        let tables = ledger.tables(Some(at(minute))).unwrap();
        tables.iter().find(|table| table.name == name).unwrap().rows[0][column].clone()
    };
    assert_eq!(state_of("deliveries", 6, 5), "queued");
    assert_eq!(state_of("deliveries", 6, 6), "sending");
    assert_eq!(state_of("deliveries", 6, 7), "accepted");
    assert_eq!(state_of("runs", 4, 7), "running");
    assert_eq!(state_of("submissions", 9, 0), "received");
}

#[test]
fn every_change_moves_the_event_number_and_reopening_changes_nothing() {
    let (home, ledger) = full();
    let tables = ledger.tables(None).unwrap();
    let event_no = ledger.event_no().unwrap();
    assert_eq!(ledger.last_event_at().unwrap(), Some(at(8)));
    let path = ledger.path().to_owned();
    drop(ledger);
    let again = Ledger::open(&path).unwrap();
    assert_eq!(again.tables(None).unwrap(), tables);
    assert_eq!(again.event_no().unwrap(), event_no);
    // A copy made by SQLite itself says the same.
    let copy = home.path().join("copy.sqlite");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    assert_eq!(Ledger::open(&copy).unwrap().tables(None).unwrap(), tables);
    again.receive(&arrival("t9", "z", 9)).unwrap();
    assert_eq!(again.event_no().unwrap(), event_no + 1);
}

#[test]
fn a_ledger_of_a_newer_program_is_refused() {
    let (_home, ledger) = ledger();
    let path = ledger.path().to_owned();
    drop(ledger);
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    for opened in [Ledger::open(&path), Ledger::open_read_only(&path)] {
        let error = opened.unwrap_err();
        assert!(matches!(error, LedgerError::Newer { found: 99, .. }), "{error}");
        assert!(error.to_string().ends_with("use the newer program"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_ledger_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.sqlite");
    fs_err::write(&path, "this is a text that is certainly no database\n".repeat(50)).unwrap();
    let before = fs_err::read(&path).unwrap();
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Open { .. })));
    assert_eq!(fs_err::read(&path).unwrap(), before);
}

#[test]
fn a_ledger_opened_for_reading_cannot_be_changed() {
    let (_home, ledger) = full();
    let reader = Ledger::open_read_only(ledger.path()).unwrap();
    assert_eq!(reader.tables(None).unwrap(), ledger.tables(None).unwrap());
    assert!(reader.receive(&arrival("t9", "z", 9)).is_err());
    let nowhere = ledger.path().with_file_name("nowhere.sqlite");
    assert!(Ledger::open_read_only(&nowhere).is_err());
    assert!(!nowhere.exists(), "reading creates nothing");
}

#[cfg(unix)]
#[test]
fn the_ledger_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (home, _ledger) = full();
    for entry in fs_err::read_dir(home.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn two_processes_that_receive_the_same_file_at_once_record_it_once() {
    let (_home, ledger) = ledger();
    let other = Ledger::open(ledger.path()).unwrap();
    let new = arrival("t1", "a", 0);
    let (a, b) = std::thread::scope(|scope| {
        let a = scope.spawn(|| ledger.receive(&new).unwrap());
        let b = scope.spawn(|| other.receive(&new).unwrap());
        (a.join().unwrap(), b.join().unwrap())
    });
    assert_eq!(a.id, b.id);
    assert_ne!(a.already, b.already);
}
