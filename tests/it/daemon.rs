//! The daemon on real homes with the clock passed in: once each, or as the policy says; whatever is edited,
//! broken, held or killed on the way.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use duban::clock::Clock;
use duban::config::home::Home as HomeFolder;
use duban::daemon::{Daemon, DaemonError, SlotEnd, SlotOutcome, Tick};
use duban::ledger::{Ledger, LedgerError, NewDelivery, NewRun, Transport};
use duban::model::{DeliveryState, RunState, SlotState};
use duban::pipeline::{Silent, process};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::home::Home;
use crate::small::{self, TOWNS};

const PIPELINE: &str = "pipelines/enrollment/pipeline.toml";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

pub fn open_at(home: &Home, at: Timestamp) -> Result<Daemon, DaemonError> {
    open(home, Clock::fixed(at, zone()))
}

fn open(home: &Home, clock: Clock) -> Result<Daemon, DaemonError> {
    Daemon::open(HomeFolder::new(&home.root), BTreeMap::new(), clock)
}

pub fn tick_at(daemon: &mut Daemon, at: Timestamp) -> Tick {
    daemon.set_clock(Clock::fixed(at, zone()));
    daemon.tick(&Silent).unwrap()
}

/// A small home without a watch, its data set scheduled as given.
fn scheduled(schedule: &str) -> Home {
    let home = small::home(&["secretariat"]);
    only_what_the_test_schedules(&home);
    set_schedule(&home, schedule);
    home
}

/// No look into the drop folder, and none of the sample home's own schedules.
pub fn only_what_the_test_schedules(home: &Home) {
    home.write("config/duban.local.toml", "[daemon]\nwatch_seconds = 0\n");
    let settings = home.read("config/duban.toml");
    home.write("config/duban.toml", settings.split("[reminders.schedule]").next().unwrap());
}

fn set_schedule(home: &Home, schedule: &str) {
    let text = home.read(PIPELINE);
    let bare = text.split("\n[schedule]").next().unwrap();
    home.write(PIPELINE, format!("{bare}\n[schedule]\n{schedule}\n"));
}

fn names(tick: &Tick) -> Vec<(&str, SlotEnd)> {
    tick.slots.iter().map(|slot| (slot.name.as_str(), slot.state)).collect()
}

#[test]
fn a_day_of_a_small_home_goes_from_the_inbox_to_the_mail_by_schedule_alone() {
    let home = scheduled("cron = \"0 8 * * *\"");
    home.replace(
        "report_templates/note/report.md.j2",
        "[queries]",
        "[schedule]\nworkdays = [5]\nat = \"08:30\"\n[queries]",
    );
    home.write("pipelines/_supervision.toml", "[schedule]\nworkdays = \"every\"\nat = \"08:00\"\n");
    let mut daemon = open_at(&home, at("2024-10-11T12:00:00Z")).unwrap();
    assert!(daemon.tick(&Silent).unwrap().is_idle());
    small::drop_month(&home, "2024-09");
    // 12 October 2024, a worked Saturday: the fifth working day.
    let wake = daemon.next_wake().unwrap().unwrap();
    assert_eq!(wake, at("2024-10-12T00:00:00Z"));
    let tick = tick_at(&mut daemon, wake);
    // What is collected is collected before it is judged.
    assert_eq!(
        names(&tick),
        [("dataset:enrollment", SlotEnd::Done), ("supervision", SlotEnd::Done)]
    );
    let wake = daemon.next_wake().unwrap().unwrap();
    assert_eq!(wake, at("2024-10-12T00:30:00Z"));
    let tick = tick_at(&mut daemon, wake);
    assert_eq!(names(&tick), [("report:note", SlotEnd::Done)]);
    assert!(tick_at(&mut daemon, wake).is_idle(), "a tick too many does nothing");
    let statuses = daemon.schedules().unwrap();
    let report = statuses.iter().find(|status| status.name == "report:note").unwrap();
    assert_eq!(report.next.unwrap().at, at("2024-11-07T00:30:00Z"));
    assert_eq!((report.n_missed, report.waiting.is_none()), (0, true));
    let last = report.last_run.clone().unwrap();
    assert_eq!((last.state, last.due_at), (SlotState::Done, wake));
    daemon.close().unwrap();
    assert_eq!(home.count("SELECT COUNT(*) FROM submissions"), 3);
    assert_eq!(home.count("SELECT COUNT(*) FROM deliveries WHERE state = 'accepted'"), 1);
    let runs = home.query("SELECT command FROM runs ORDER BY run_id");
    let commands: Vec<&str> = runs.iter().map(|run| run["command"].as_str().unwrap()).collect();
    let plan = home.ok(&["--as-of", "2024-10-12T01:00:00Z", "plan"]);
    for line in [
        "dataset:enrollment     next 2024-10-13 08:00  (cron 0 8 * * *, Asia/Shanghai)",
        "report:note            next 2024-11-07 08:30  (workdays 5 at 08:30, Asia/Shanghai)",
    ] {
        assert!(plan.contains(line), "{plan}");
    }
    assert_eq!(commands, ["collect enrollment", "supervise", "run note --period 2024-09"]);
}

#[test]
fn the_watch_takes_what_arrives_and_begins_no_run_for_nothing() {
    let home = small::home(&["secretariat"]);
    let mut daemon = open_at(&home, at("2024-10-11T12:00:00Z")).unwrap();
    assert!(daemon.tick(&Silent).unwrap().is_idle());
    assert_eq!(daemon.next_wake().unwrap(), Some(at("2024-10-11T12:01:00Z")));
    small::drop_month(&home, "2024-09");
    assert!(tick_at(&mut daemon, at("2024-10-11T12:00:59Z")).is_idle(), "not before its minute");
    assert_eq!(tick_at(&mut daemon, at("2024-10-11T12:01:00Z")).taken.len(), 3);
    assert!(tick_at(&mut daemon, at("2024-10-11T12:02:00Z")).is_idle());
    daemon.close().unwrap();
    assert_eq!(home.count("SELECT COUNT(*) FROM runs"), 1);
}

#[test]
fn a_file_that_is_still_being_copied_is_left_until_the_next_look() {
    let home = small::home(&["secretariat"]);
    small::drop_month(&home, "2024-09");
    let set_age = |town: &str, seconds: u64| {
        let path = home.root.join(format!("inbox/2024-09/{town}/在园幼儿月报表.csv"));
        let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH
            + Duration::from_secs(u64::try_from(Clock::system(zone()).now().as_second()).unwrap());
        file.file().set_modified(now - Duration::from_secs(seconds)).unwrap();
    };
    set_age(TOWNS[0], 3600);
    set_age(TOWNS[1], 60);
    set_age(TOWNS[2], 0);
    let mut daemon = open(&home, Clock::system(zone())).unwrap();
    assert_eq!(daemon.tick(&Silent).unwrap().taken.len(), 2);
    set_age(TOWNS[2], 60);
    // Another daemon looks at once; this one would in a minute.
    daemon.close().unwrap();
    let mut daemon = open(&home, Clock::system(zone())).unwrap();
    assert_eq!(daemon.tick(&Silent).unwrap().taken.len(), 1);
}

#[test]
fn a_second_daemon_is_refused_with_the_firsts_name_and_welcome_after_it_ended() {
    let home = scheduled("cron = \"0 8 * * *\"");
    let now = at("2024-10-11T12:00:00Z");
    let first = open_at(&home, now).unwrap();
    let Err(refused) = open_at(&home, now) else { panic!("two daemons") };
    let said = refused.to_string();
    assert!(said.contains(&std::process::id().to_string()), "{said}");
    assert!(matches!(refused, DaemonError::Ledger(LedgerError::DaemonLives { .. })), "{said}");
    first.close().unwrap();
    open_at(&home, now).unwrap().close().unwrap();
}

#[test]
fn a_slot_waits_for_a_run_by_hand_and_is_then_run_once() {
    let home = scheduled("cron = \"0 * * * *\"\nmissed = \"none\"");
    let mut daemon = open_at(&home, at("2024-10-11T12:30:00Z")).unwrap();
    daemon.tick(&Silent).unwrap();
    let ledger = Ledger::open(&home.root.join("data/ledger.sqlite")).unwrap();
    let by_hand =
        NewRun { command: "run --period 2024-09".into(), period: None, holder: process::this() };
    let run = ledger.begin_run(&by_hand, process::is_alive, at("2024-10-11T12:59:00Z")).unwrap();
    let due = at("2024-10-11T13:00:00Z");
    let tick = tick_at(&mut daemon, due);
    assert_eq!(names(&tick), [("dataset:enrollment", SlotEnd::Waiting)]);
    let why = tick.slots[0].error.clone().unwrap();
    assert!(why.contains(&format!("run {run} (run --period 2024-09")), "{why}");
    assert_eq!(daemon.next_wake().unwrap(), Some(at("2024-10-11T13:00:10Z")));
    let waiting = daemon.schedules().unwrap()[0].waiting.clone().unwrap();
    assert_eq!((waiting.0, waiting.1.unwrap().run_id), (due, run));
    // Half an hour, longer than a slot that is not made up for may be late: it was seen in time.
    let later = at("2024-10-11T13:30:00Z");
    assert_eq!(names(&tick_at(&mut daemon, later)), [("dataset:enrollment", SlotEnd::Waiting)]);
    ledger.finish_run(run, RunState::Done, "", later).unwrap();
    let tick = tick_at(&mut daemon, at("2024-10-11T13:30:10Z"));
    assert_eq!(names(&tick), [("dataset:enrollment", SlotEnd::Done)]);
    assert_eq!(tick.slots[0].due_at, due);
    assert!(tick_at(&mut daemon, at("2024-10-11T13:31:00Z")).is_idle());
    let slots = ledger.slots(None, 10).unwrap();
    assert_eq!((slots.len(), slots[0].attempts), (1, 1));
}

#[test]
fn an_edited_a_disabled_and_an_enabled_schedule_begin_anew() {
    let home = scheduled("cron = \"0 * * * *\"\nmissed = \"all\"");
    let mut daemon = open_at(&home, at("2024-10-11T12:30:00Z")).unwrap();
    daemon.tick(&Silent).unwrap();
    assert_eq!(tick_at(&mut daemon, at("2024-10-11T14:00:00Z")).slots.len(), 2);
    // Edited at 16:30: 15:00 and 16:00 are nobody's, 16:45 is the new one's.
    set_schedule(&home, "cron = \"15,45 * * * *\"\nmissed = \"all\"");
    assert!(tick_at(&mut daemon, at("2024-10-11T16:30:00Z")).slots.is_empty());
    let slots = tick_at(&mut daemon, at("2024-10-11T16:50:00Z")).slots;
    assert_eq!((slots.len(), slots[0].due_at), (1, at("2024-10-11T16:45:00Z")));
    set_schedule(&home, "cron = \"15,45 * * * *\"\nmissed = \"all\"\nenabled = false");
    assert!(tick_at(&mut daemon, at("2024-10-11T17:00:00Z")).slots.is_empty());
    assert_eq!(daemon.next_wake().unwrap(), None);
    assert!(tick_at(&mut daemon, at("2024-10-11T19:00:00Z")).slots.is_empty());
    set_schedule(&home, "cron = \"15,45 * * * *\"\nmissed = \"all\"");
    assert!(tick_at(&mut daemon, at("2024-10-11T20:00:00Z")).slots.is_empty());
    assert_eq!(tick_at(&mut daemon, at("2024-10-11T20:20:00Z")).slots.len(), 1);
    // Gone from the definitions and back again: the same.
    let text = home.read(PIPELINE);
    home.write(PIPELINE, text.split("\n[schedule]").next().unwrap());
    assert!(tick_at(&mut daemon, at("2024-10-11T21:00:00Z")).slots.is_empty());
    assert!(daemon.schedules().unwrap().is_empty());
    home.write(PIPELINE, text);
    assert!(tick_at(&mut daemon, at("2024-10-11T22:00:00Z")).slots.is_empty());
    assert_eq!(daemon.schedules().unwrap()[0].since, Some(at("2024-10-11T22:00:00Z")));
}

#[test]
fn definitions_that_do_not_compile_leave_the_last_good_ones_in_force() {
    let home = scheduled("cron = \"0 * * * *\"");
    let mut daemon = open_at(&home, at("2024-10-11T12:30:00Z")).unwrap();
    daemon.tick(&Silent).unwrap();
    let good = home.read(PIPELINE);
    set_schedule(&home, "cron = \"0 25 * * *\"");
    // The wrong line is the last but one.
    let line = home.read(PIPELINE).lines().count();
    let tick = tick_at(&mut daemon, at("2024-10-11T13:00:00Z"));
    assert_eq!(names(&tick), [("dataset:enrollment", SlotEnd::Done)]);
    let trouble = daemon.trouble().to_owned();
    assert!(
        trouble.starts_with(&format!("{PIPELINE}:{line}:11: not a schedule: `25`")),
        "{trouble}"
    );
    assert_eq!(daemon.ledger().daemon().unwrap().unwrap().trouble, trouble);
    // What only the engine knows is trouble too.
    home.write(PIPELINE, &good);
    home.replace("pipelines/_metrics/children.sql", "sum(children)", "sum(childern)");
    tick_at(&mut daemon, at("2024-10-11T13:10:00Z"));
    let trouble = daemon.trouble().to_owned();
    assert!(trouble.contains("pipelines/_metrics/children.sql:2"), "{trouble}");
    home.replace("pipelines/_metrics/children.sql", "sum(childern)", "sum(children)");
    tick_at(&mut daemon, at("2024-10-11T13:20:00Z"));
    assert_eq!(daemon.trouble(), "");
    assert_eq!(daemon.ledger().daemon().unwrap().unwrap().trouble, "");
    // The schedule was the same all the time: it did not begin anew.
    assert_eq!(daemon.schedules().unwrap()[0].since, Some(at("2024-10-11T12:30:00Z")));
}

#[test]
fn a_job_that_fails_stops_no_other_and_waits_for_its_next_due_time() {
    let home = scheduled("cron = \"0 * * * *\"");
    // Whatever this report asks for fails when it is run, though it compiles.
    home.replace("report_templates/note/report.md.j2", "[queries]", "[schedule]\ncron = \"0 * * * *\"\n[queries]\nbroken = \"SELECT 1 / (SELECT count(*) FROM findings) AS n\"");
    let mut daemon = open_at(&home, at("2024-10-11T12:30:00Z")).unwrap();
    daemon.tick(&Silent).unwrap();
    small::drop_month(&home, "2024-09");
    let tick = tick_at(&mut daemon, at("2024-10-11T13:00:00Z"));
    assert_eq!(
        names(&tick),
        [("dataset:enrollment", SlotEnd::Done), ("report:note", SlotEnd::Failed)]
    );
    let why = tick.slots[1].error.clone().unwrap();
    assert!(why.to_lowercase().contains("zero"), "{why}");
    assert!(tick_at(&mut daemon, at("2024-10-11T13:30:00Z")).is_idle());
    let slots = daemon.ledger().slots(Some("report:note"), 9).unwrap();
    assert_eq!((slots.len(), slots[0].state, &slots[0].detail), (1, SlotState::Failed, &why));
    assert_eq!(tick_at(&mut daemon, at("2024-10-11T14:00:00Z")).slots.len(), 2);
}

#[test]
fn a_mail_that_never_gets_through_is_given_up_after_five_days() {
    let home = scheduled("cron = \"0 0 1 1 *\"");
    let begun = at("2024-10-11T12:00:00Z");
    let mut daemon = open_at(&home, begun).unwrap();
    // A file where the folder should be: no mail can be put there.
    home.write("data/mail", "");
    let mail = NewDelivery {
        edition_id: None,
        kind: "report".into(),
        dedupe_key: "1".into(),
        recipient: "a@wuqing.example".into(),
        message_id: "1@wuqing.example".into(),
        bytes: b"Subject: x\r\n\r\nx\r\n".to_vec(),
        transport: Transport::Folder,
        awaits: duban::ledger::Awaits::Nothing,
        resend_of: None,
    };
    let id = daemon.ledger().enqueue(&mail, begun).unwrap().delivery.delivery_id;
    let mut now = begun;
    let mut waits = Vec::new();
    loop {
        let tick = tick_at(&mut daemon, now);
        assert_eq!(tick.delivered.len(), 1, "{now}: {:?}", tick.errors);
        if tick.delivered[0].state == DeliveryState::Refused {
            break;
        }
        let wake = daemon.next_wake().unwrap().unwrap();
        waits.push(wake.duration_since(now).as_mins());
        now = wake;
    }
    assert_eq!(waits[..5], [5, 15, 60, 240, 240]);
    let tried = now.duration_since(begun);
    let days = |n: i64| SignedDuration::from_hours(24 * n);
    assert!(tried <= days(5) && tried > days(5) - SignedDuration::from_hours(4), "{tried}");
    let last = daemon.ledger().delivery(id).unwrap();
    assert!(last.last_reply.starts_with("given up after 5 days: "), "{}", last.last_reply);
    assert_eq!(daemon.next_wake().unwrap(), Some(at("2024-12-31T16:00:00Z")));
}

/// Not a test of its own: the process that the next one kills. It is the daemon of the home that the
/// environment names, and stands still amid its first slot.
#[test]
fn the_daemon_that_is_killed() {
    let Ok(root) = std::env::var("DUBAN_KILLED_HOME") else { return };
    let environment = std::env::vars().collect();
    let clock = Clock::fixed(at("2024-10-11T12:30:00Z"), zone());
    let mut daemon = Daemon::open(HomeFolder::new(root), environment, clock).unwrap();
    daemon.tick(&Silent).unwrap();
    tick_at(&mut daemon, at("2024-10-11T13:00:00Z"));
    panic!("it never came to the point");
}

fn kill_amid_a_slot(home: &Home, look: impl FnOnce(&Child)) {
    let marker = home.root.join("data/standing-still");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "daemon::the_daemon_that_is_killed"])
        .env("DUBAN_KILLED_HOME", &home.root)
        .env("DUBAN_STOP_AT", "receive:work")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !marker.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it came to the point");
        assert!(begun.elapsed() < Duration::from_mins(5), "it never came to the point");
        std::thread::yield_now();
    }
    look(&child);
    child.kill().unwrap();
    child.wait().unwrap();
    fs_err::remove_file(marker).unwrap();
}

#[test]
fn a_killed_daemon_is_taken_over_and_its_slot_run_again_under_its_own_row() {
    let home = scheduled("cron = \"0 * * * *\"");
    small::drop_month(&home, "2024-09");
    kill_amid_a_slot(&home, |child| {
        let Err(refused) = open_at(&home, at("2024-10-11T13:00:00Z")) else {
            panic!("two daemons")
        };
        assert!(refused.to_string().contains(&child.id().to_string()), "{refused}");
        let by_hand =
            home.duban(&["--as-of", "2024-10-11T13:00:00Z", "run", "--period", "2024-09"]);
        let words = String::from_utf8_lossy(&by_hand.stderr).into_owned();
        assert!(!by_hand.status.success() && words.contains(&child.id().to_string()), "{words}");
    });
    let later = at("2024-10-11T13:20:00Z");
    let mut daemon = open_at(&home, later).unwrap();
    let tick = daemon.tick(&Silent).unwrap();
    assert!(tick.recovered);
    assert_eq!(names(&tick), [("dataset:enrollment", SlotEnd::Done)]);
    let slots = daemon.ledger().slots(None, 9).unwrap();
    let [slot] = &slots[..] else { panic!("{slots:?}") };
    assert_eq!(
        (slot.state, slot.attempts, slot.due_at),
        (SlotState::Done, 2, at("2024-10-11T13:00:00Z"))
    );
    daemon.close().unwrap();
    assert_eq!(home.count("SELECT COUNT(*) FROM submissions WHERE state = 'accepted'"), 3);
    assert_eq!(home.count("SELECT COUNT(*) FROM runs WHERE state = 'interrupted'"), 1);
}

#[test]
fn a_killed_slot_that_is_not_made_up_for_is_missed() {
    let home = scheduled("cron = \"0 * * * *\"\nmissed = \"none\"");
    small::drop_month(&home, "2024-09");
    kill_amid_a_slot(&home, |_| {});
    let mut daemon = open_at(&home, at("2024-10-11T13:01:00Z")).unwrap();
    let tick = daemon.tick(&Silent).unwrap();
    let [SlotOutcome { state: SlotEnd::Missed { n: 1 }, error: Some(why), .. }] = &tick.slots[..]
    else {
        panic!("{:?}", tick.slots)
    };
    assert!(why.contains("gone while it ran"), "{why}");
    assert_eq!(daemon.schedules().unwrap()[0].n_missed, 1);
}
