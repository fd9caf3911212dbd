//! The ledger as its callers see it: submissions, snapshots and runs.

use duban::ledger::{
    CutInput, Decision, Door, Holder, Ledger, LedgerError, NewCut, NewRun, NewSubmission, Scope,
    SeenFile, Sighting, SubmissionFilter, SubmissionId,
};
use duban::model::{Finding, Period, Place, RunState, Severity, SubmissionState, UnitCode};
use jiff::Timestamp;
use tempfile::TempDir;

pub(crate) fn ledger() -> (TempDir, Ledger) {
    let home = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&home.path().join("ledger.sqlite")).unwrap();
    (home, ledger)
}

/// Minute `n` of 8 October 2024.
pub(crate) fn at(n: i64) -> Timestamp {
    let start: Timestamp = "2024-10-08T00:00:00Z".parse().unwrap();
    Timestamp::from_second(start.as_second() + n * 60).unwrap()
}

pub(crate) fn period() -> Period {
    "2024-09".parse().unwrap()
}

pub(crate) fn unit(code: &str) -> UnitCode {
    UnitCode::new(code)
}

pub(crate) fn arrival(reporter: &str, content: &str, minute: i64) -> NewSubmission {
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

pub(crate) fn decision(state: SubmissionState, units: &[(&str, u64)]) -> Decision {
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

pub(crate) fn accepted(units: &[(&str, u64)]) -> Decision {
    decision(SubmissionState::Accepted, units)
}

pub(crate) fn finding(code: &str, severity: Severity) -> Finding {
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

pub(crate) fn run(pid: u32) -> NewRun {
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

pub(crate) fn cut(snapshot: &str, submission: SubmissionId, minute: i64) -> NewCut {
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
