//! Two hours of the daemon in the tests' clock, with restarts, deaths amid a slot, runs by hand, edits and broken
//! definitions at random (seeded): the ledger's slots equal those of a model that knows nothing of ours.
//!
//! The model walks every second of the two hours and knows when a schedule is due by a remainder.

use std::collections::BTreeMap;

use duban::daemon::{Daemon, SlotEnd};
use duban::ledger::{Holder, Ledger, NewRun, RunId, SlotKey};
use duban::model::RunState;
use duban::pipeline::process;
use jiff::Timestamp;

use crate::daemon::{at, open_at, tick_at};
use crate::home::Home;
use crate::schedule_cron::Dice;
use crate::small;

const GRACE: i64 = 300;
const MOST_ATTEMPTS: u64 = 3;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Policy {
    None,
    Last,
    All(usize),
}

/// A cron line and, apart from it, the seconds since 1970 at which it is due (Asia/Shanghai is whole
/// hours from Greenwich).
#[derive(Clone, Copy)]
struct Beat {
    cron: &'static str,
    is_due: fn(i64) -> bool,
}

impl PartialEq for Beat {
    fn eq(&self, other: &Beat) -> bool {
        self.cron == other.cron
    }
}

const BEATS: [Beat; 5] = [
    Beat { cron: "*/30 * * * * *", is_due: |t| t % 30 == 0 },
    Beat { cron: "15 * * * * *", is_due: |t| t % 60 == 15 },
    Beat { cron: "*/3 * * * *", is_due: |t| t % 180 == 0 },
    Beat {
        cron: "20,50 */7 * * * *",
        is_due: |t| t % 3600 / 60 % 7 == 0 && (t % 60 == 20 || t % 60 == 50),
    },
    Beat { cron: "0 */10 * * * *", is_due: |t| t % 600 == 0 },
];

#[derive(Clone, PartialEq)]
struct Definition {
    beat: Beat,
    policy: Policy,
    enabled: bool,
}

impl Definition {
    fn toml(&self) -> String {
        let missed = match self.policy {
            Policy::None => "missed = \"none\"".to_owned(),
            Policy::Last => String::new(),
            Policy::All(limit) => format!("missed = \"all\"\nlimit = {limit}"),
        };
        format!("[schedule]\ncron = \"{}\"\n{missed}\nenabled = {}\n", self.beat.cron, self.enabled)
    }
}

/// A slot as it must stand: state, how many due times, attempts.
type Rows = BTreeMap<(String, i64), (&'static str, u64, u64)>;

/// What must come of it all, written without a look at ours.
#[derive(Default)]
struct Model {
    /// As they are in force.
    definitions: BTreeMap<String, Definition>,
    since: BTreeMap<String, i64>,
    rows: Rows,
    /// Slots that were seen due while a run by hand held the home.
    seen_waiting: BTreeMap<String, i64>,
}

impl Model {
    fn put_in_force(&mut self, written: &BTreeMap<String, Definition>, now: i64) {
        for (name, definition) in written {
            let before = self.definitions.get(name);
            let anew = before.is_none_or(|before| {
                before.beat != definition.beat
                    || before.policy != definition.policy
                    || definition.enabled && !before.enabled
            });
            if anew {
                self.since.insert(name.clone(), now);
                self.seen_waiting.remove(name);
            }
            self.definitions.insert(name.clone(), definition.clone());
        }
    }

    /// One look at `now`: which slots are run or wait, with what is missed put down.
    fn look(&mut self, now: i64, held: bool) {
        for (name, definition) in &self.definitions {
            // A slot that was begun by a process that is gone.
            let died: Vec<(String, i64)> = self
                .rows
                .iter()
                .filter(|((of, _), row)| of == name && row.0 == "running")
                .map(|(key, _)| key.clone())
                .collect();
            for key in died {
                let row = self.rows.get_mut(&key).unwrap();
                let again = definition.enabled && definition.policy != Policy::None;
                if !again || row.2 >= MOST_ATTEMPTS {
                    *row = ("missed", 1, row.2);
                } else if !held {
                    *row = ("done", 1, row.2 + 1);
                }
            }
            if !definition.enabled {
                continue;
            }
            let last = self.rows.keys().filter(|(of, _)| of == name).map(|(_, due)| *due).max();
            let from = last.unwrap_or(i64::MIN).max(self.since[name]);
            let due: Vec<i64> = (from + 1..=now).filter(|t| (definition.beat.is_due)(*t)).collect();
            let Some(newest) = due.last() else { continue };
            let waited = self.seen_waiting.contains_key(name);
            let n_run = match definition.policy {
                Policy::None => usize::from(waited || now - newest <= GRACE),
                Policy::Last => 1,
                Policy::All(limit) => due.len().min(limit),
            };
            let (lost, run) = due.split_at(due.len() - n_run);
            if let Some(newest) = lost.last() {
                let n = lost.len() as u64;
                self.rows.insert((name.clone(), *newest), ("missed", n, 0));
            }
            if held && !run.is_empty() {
                self.seen_waiting.entry(name.clone()).or_insert(run[0]);
            } else {
                for due in run {
                    self.rows.insert((name.clone(), *due), ("done", 1, 1));
                }
                self.seen_waiting.remove(name);
            }
        }
    }
}

/// A process that is gone: no system gives so large a number.
fn dead() -> Holder {
    Holder { pid: 4_294_967_294, started: "gone".into(), ..process::this() }
}

fn second(t: i64) -> Timestamp {
    Timestamp::from_second(t).unwrap()
}

const DATASETS: [&str; 4] = ["alpha", "beta", "gamma", "delta"];

fn file(name: &str) -> String {
    format!("pipelines/{name}/pipeline.toml")
}

struct World {
    home: Home,
    bare: String,
    /// As the files say; a broken file keeps its definition until it is mended.
    written: BTreeMap<String, Definition>,
    broken: Option<String>,
    model: Model,
    ledger: Ledger,
    now: i64,
    n_ticks: usize,
}

impl World {
    fn new() -> World {
        let home = small::home(&[]);
        home.write("config/duban.local.toml", "[daemon]\nwatch_seconds = 0\n");
        let bare = home.read("pipelines/enrollment/pipeline.toml");
        for folder in ["pipelines/enrollment", "pipelines/_metrics", "report_templates/note"] {
            fs_err::remove_dir_all(home.root.join(folder)).unwrap();
        }
        let policies = [Policy::Last, Policy::All(4), Policy::None, Policy::All(31)];
        let written: BTreeMap<String, Definition> = (0..4)
            .map(|i| {
                let definition = Definition { beat: BEATS[i], policy: policies[i], enabled: true };
                (format!("dataset:{}", DATASETS[i]), definition)
            })
            .collect();
        fs_err::create_dir_all(home.root.join("data")).unwrap();
        let ledger = Ledger::open(&home.root.join("data/ledger.sqlite")).unwrap();
        let now = at("2024-10-11T12:00:07Z").as_second();
        let world = World {
            home,
            bare,
            written,
            broken: None,
            model: Model::default(),
            ledger,
            now,
            n_ticks: 0,
        };
        world.written.keys().for_each(|name| world.write(name));
        world
    }

    fn write(&self, name: &str) {
        let dataset = name.strip_prefix("dataset:").unwrap();
        let bare = self.bare.replace("name = \"enrollment\"", &format!("name = \"{dataset}\""));
        self.home.write(&file(dataset), format!("{bare}\n{}", self.written[name].toml()));
    }

    fn edit(&mut self, dice: &mut Dice) {
        let name = format!("dataset:{}", dice.of(&DATASETS));
        let definition = self.written.get_mut(&name).unwrap();
        match dice.within(0, 2) {
            0 => definition.beat = BEATS[usize::try_from(dice.within(0, 4)).unwrap()],
            1 => {
                definition.policy = match dice.within(0, 2) {
                    0 => Policy::None,
                    1 => Policy::Last,
                    _ => Policy::All(usize::try_from(dice.within(1, 5)).unwrap()),
                }
            }
            _ => definition.enabled = !definition.enabled,
        }
        self.write(&name);
    }

    fn tick(&mut self, daemon: &mut Daemon, held: bool) {
        self.n_ticks += 1;
        let tick = tick_at(daemon, second(self.now));
        assert!(tick.errors.is_empty(), "{:?}", tick.errors);
        let waits = tick.slots.iter().any(|slot| slot.state == SlotEnd::Waiting);
        assert!(!waits || held, "{:?}", tick.slots);
        if self.broken.is_none() {
            let written = self.written.clone();
            self.model.put_in_force(&written, self.now);
        }
        self.model.look(self.now, held);
        let trouble = daemon.trouble();
        match &self.broken {
            Some(broken) => assert!(trouble.contains(&format!("{broken}:")), "{trouble}"),
            None => assert_eq!(trouble, ""),
        }
    }

    /// The ledger as the model has it.
    fn compare(&self) {
        let rows: Rows = self
            .ledger
            .slots(None, usize::MAX)
            .unwrap()
            .into_iter()
            .map(|slot| {
                let key = (slot.schedule, slot.due_at.as_second());
                (key, (slot.state.as_str(), slot.n, slot.attempts))
            })
            .collect();
        let differ: Vec<_> = rows
            .iter()
            .filter(|(key, row)| self.model.rows.get(*key) != Some(*row))
            .map(|(key, row)| (key, Some(row), self.model.rows.get(key)))
            .chain(
                self.model
                    .rows
                    .iter()
                    .filter(|(key, _)| !rows.contains_key(*key))
                    .map(|(key, row)| (key, None, Some(row))),
            )
            .collect();
        assert!(differ.is_empty(), "at {}: (ledger, model) {differ:#?}", second(self.now));
    }

    /// Dies amid the next slot of one schedule, as SIGKILL would leave it.
    fn die_amid_a_slot(&mut self, dice: &mut Dice) {
        let names: Vec<String> = self
            .model
            .definitions
            .iter()
            .filter(|(_, definition)| definition.enabled)
            .map(|(name, _)| name.clone())
            .collect();
        if names.is_empty() {
            return;
        }
        let name = &names[usize::try_from(dice.next()).unwrap() % names.len()];
        let beat = self.model.definitions[name].beat;
        let due = (self.now + 1..).find(|t| (beat.is_due)(*t)).unwrap();
        // Whatever else falls due until then is the next daemon's matter.
        self.now = due;
        let key = SlotKey { schedule: name.clone(), due_at: second(due) };
        let mut attempts = 0;
        for _ in 0..dice.within(1, 4).min(3) {
            let new = NewRun { command: "collect".into(), period: None, holder: dead() };
            self.ledger.begin_slot_run(&key, &new, |_| false, second(self.now)).unwrap();
            attempts += 1;
        }
        self.model.rows.insert((name.clone(), due), ("running", 1, attempts));
    }
}

fn two_hours(seed: u64) -> (World, BTreeMap<&'static str, usize>) {
    let mut dice = Dice(seed);
    let mut world = World::new();
    let end = world.now + 7200;
    let mut daemon = open_at(&world.home, second(world.now)).unwrap();
    let mut by_hand: Option<(RunId, i64)> = None;
    let mut happened: BTreeMap<&'static str, usize> = BTreeMap::new();
    world.tick(&mut daemon, false);
    while world.now < end {
        let mut did = |what| *happened.entry(what).or_insert(0) += 1;
        match dice.within(0, 99) {
            0..=2 => {
                did("restart");
                daemon.close().unwrap();
                world.now += dice.within(0, 400);
                if world.broken.is_none() && dice.one_in(2) {
                    did("edit while no daemon runs");
                    world.edit(&mut dice);
                }
                daemon = open_at(&world.home, second(world.now)).unwrap();
                world.model.seen_waiting.clear();
            }
            3..=7 if by_hand.is_none() => {
                did("death");
                // It cannot take its row back.
                drop(daemon);
                if !dice.one_in(3) {
                    did("death amid a slot");
                    world.die_amid_a_slot(&mut dice);
                }
                world.ledger.end_daemon(&process::this(), second(world.now)).unwrap();
                world.ledger.begin_daemon(&dead(), |_| false, second(world.now)).unwrap();
                world.now += dice.within(0, 400);
                daemon = open_at(&world.home, second(world.now)).unwrap();
                world.model.seen_waiting.clear();
            }
            8..=10 if by_hand.is_none() => {
                did("run by hand");
                let holder = process::this();
                let new = NewRun { command: "run".into(), period: None, holder };
                let run =
                    world.ledger.begin_run(&new, process::is_alive, second(world.now)).unwrap();
                by_hand = Some((run, world.now + dice.within(1, 500)));
            }
            11..=15 if world.broken.is_none() => {
                did("edit");
                world.edit(&mut dice);
            }
            16..=17 if world.broken.is_none() => {
                did("broken definition");
                let path = file(dice.of(&DATASETS));
                let text = world.home.read(&path);
                world.home.write(&path, text.replace("cron = \"", "cron = \"x"));
                world.broken = Some(path);
            }
            _ => {}
        }
        // The shell comes a little late now and then.
        let wake = daemon.next_wake().unwrap().map_or(world.now + 60, Timestamp::as_second);
        world.now = wake.max(world.now + 1) + if dice.one_in(5) { dice.within(0, 40) } else { 0 };
        if let Some((run, until)) = by_hand
            && until <= world.now
        {
            world.ledger.finish_run(run, RunState::Done, "", second(world.now)).unwrap();
            by_hand = None;
        }
        world.tick(&mut daemon, by_hand.is_some());
        // Mended after a tick that saw it: a daemon does not begin on definitions that do not compile.
        if let Some(path) = world.broken.take() {
            let text = world.home.read(&path);
            world.home.write(&path, text.replace("cron = \"x", "cron = \""));
        }
        world.compare();
    }
    daemon.close().unwrap();
    (world, happened)
}

#[test]
fn in_two_hours_of_restarts_each_slot_is_run_once_or_as_its_policy_says() {
    // More of them: DUBAN_TEST_SEEDS=40.
    let n = std::env::var("DUBAN_TEST_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(4_u64);
    let (mut n_again, mut happened) = (0, BTreeMap::<&str, usize>::new());
    for seed in 1..=n {
        let (world, this) = two_hours(seed);
        this.into_iter().for_each(|(what, n)| *happened.entry(what).or_insert(0) += n);
        let count = |state: &str| world.model.rows.values().filter(|row| row.0 == state).count();
        assert!(
            count("done") > 150 && count("missed") > 10,
            "seed {seed}: {} ticks",
            world.n_ticks
        );
        n_again += world.model.rows.values().filter(|row| row.0 == "done" && row.2 > 1).count();
        // The ledger alone: of what is done and was run, each has one run, and no run is of two.
        let runs =
            world.home.query("SELECT state, COUNT(*) AS n FROM runs GROUP BY state ORDER BY state");
        assert!(runs.iter().all(|row| row["state"] != "failed"), "{runs:?}");
    }
    for what in [
        "restart",
        "edit while no daemon runs",
        "death",
        "death amid a slot",
        "run by hand",
        "edit",
        "broken definition",
    ] {
        assert!(happened.get(what).is_some_and(|n| *n >= 4), "{what}: {happened:?}");
    }
    assert!(n_again > 0, "one was run again: {happened:?}");
}
