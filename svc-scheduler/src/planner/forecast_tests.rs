//! Stories of looking ahead: what is foretold against what then happens, on paper.

use std::collections::{BTreeMap, HashMap};

use emboflow_model::state::{Cause, Outcome, Reason, TaskState};
use emboflow_model::{AttemptId, Change, LogEntry, Resources, RunId, TaskKey, Timestamp};
use emboflow_protocol::forecast::{Missing, PlannedExecutor};
use emboflow_protocol::report::{Phase, Report};

use super::testing::{Paper, ended};
use super::{Decisions, Input};
use crate::forecast::{Bounds, Changes, Durations, Lasted, Outlook, Snapshot, TaskOf, look_ahead};

const HEARTBEAT_MS: u64 = 5_000;

/// A world on paper in which programs end by themselves.
struct World {
    paper: Paper,
    /// Executors and their cores.
    executors: Vec<(&'static str, u64)>,
    durations: Durations,
    /// How long an attempt takes in milliseconds.
    takes: fn(&AttemptId) -> u64,
    ends: BTreeMap<(Timestamp, AttemptId), ()>,
    starts: HashMap<(RunId, TaskKey), Timestamp>,
    over: HashMap<RunId, Timestamp>,
    beats_at: Timestamp,
}

impl World {
    fn new(executors: &[(&'static str, u64)], takes: fn(&AttemptId) -> u64) -> Self {
        let paper = Paper::new();
        let beats_at = paper.now;
        let mut world = Self {
            paper,
            executors: executors.to_vec(),
            durations: Durations::default(),
            takes,
            ends: BTreeMap::new(),
            starts: HashMap::new(),
            over: HashMap::new(),
            beats_at,
        };
        world.beat();
        world
    }

    fn beat(&mut self) {
        for (executor, cores) in self.executors.clone() {
            let beat = self.paper.heartbeat(executor, cores);
            self.take(vec![Input::Heartbeat(Box::new(beat))]);
        }
        self.beats_at = self.paper.now.plus_ms(HEARTBEAT_MS);
    }

    fn take(&mut self, inputs: Vec<Input>) {
        let decisions = self.paper.take_all(inputs);
        self.note(&decisions);
    }

    fn note(&mut self, decisions: &Decisions) {
        let now = self.paper.now;
        for entry in &decisions.entries {
            let LogEntry::Transition(transition) = entry else { continue };
            for change in &transition.changes {
                if let Change::AttemptOpened { task, number, .. } = change {
                    let id = AttemptId { run: transition.run, task: task.clone(), number: *number };
                    self.starts.entry((transition.run, task.clone())).or_insert(now);
                    self.ends.insert((now.plus_ms((self.takes)(&id)), id), ());
                }
            }
        }
        let over = decisions.runs.iter().filter(|run| run.state.is_terminal());
        self.over.extend(over.map(|run| (run.id, now)));
    }

    /// The next thing happens: an end, a timer or a heartbeat.
    fn go_on(&mut self) {
        let end = self.ends.first_key_value().map(|((at, _), ())| *at);
        let next = end.into_iter().chain(self.paper.planner.next_timer()).chain([self.beats_at]).min();
        self.paper.now = next.unwrap().max(self.paper.now);
        let mut inputs = Vec::new();
        while let Some(entry) = self.ends.first_entry().filter(|entry| entry.key().0 <= self.paper.now) {
            let ((_, attempt), ()) = entry.remove_entry();
            let open = self.paper.planner.runs.get(&attempt.run);
            let Some(open) = open.and_then(|open| open.attempt(&attempt.task, attempt.number)) else {
                continue;
            };
            let (fence, executor) = (open.fence, open.executor.clone());
            let end = Box::new(ended(Outcome::Succeeded, Cause::User, None));
            inputs.push(Input::Report {
                executor,
                report: Report { attempt, fence, phase: Phase::Ended { end } },
            });
        }
        self.take(inputs);
        if self.paper.now >= self.beats_at {
            self.beat();
        }
    }

    fn go_on_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..100_000 {
            if is_so(self) {
                return;
            }
            self.go_on();
        }
        panic!("it never comes");
    }

    fn submit(&mut self, source: &str, project: &str) -> RunId {
        let mut submission = self.paper.submission(source);
        submission.project = project.parse().unwrap();
        let run = submission.run;
        self.take(vec![Input::Submit(Box::new(submission))]);
        run
    }

    fn know(&mut self, project: &str, workflow: &str, task: &str, ends: &[u64]) {
        let of = TaskOf {
            project: project.parse().unwrap(),
            workflow: workflow.parse().unwrap(),
            task: task.parse().unwrap(),
        };
        for ms in ends {
            self.durations.learn(of.clone(), Lasted { ms: *ms, ended_well: true });
        }
    }

    fn snapshot(&self) -> Snapshot {
        let planner = self.paper.planner.clone();
        Snapshot { planner, durations: self.durations.clone(), at: self.paper.now }
    }

    fn look(&self) -> Outlook {
        look_ahead(&self.snapshot(), &Changes::default(), Bounds::default(), &|_| true)
    }

    fn look_if(&self, added: &[PlannedExecutor], removed: &[&str]) -> Outlook {
        let snapshot = self.snapshot();
        let removed: Vec<_> = removed.iter().map(|executor| executor.parse().unwrap()).collect();
        let changes = Changes::of(&snapshot, added, &removed);
        look_ahead(&snapshot, &changes, Bounds::default(), &|_| true)
    }

    fn still_to_start(&self) -> Vec<(RunId, TaskKey)> {
        let runs = self.paper.planner.all_open().map(|open| open.id());
        let tasks = runs.flat_map(|run| {
            self.paper.planner.still_to_start(run).map(move |task| (run, task.clone())).collect::<Vec<_>>()
        });
        tasks.collect()
    }
}

fn single(name: &str, cpu: u32) -> String {
    format!(
        "version: 1\nname: {name}\ntasks:\n  a: {{ image: i, resources: {{ cpu: {cpu}, memory: 1Mi }} }}\n"
    )
}

const CHAIN: &str = "version: 1\nname: chain\ndefaults: { image: i, resources: { cpu: 1, memory: 1Mi } }\ntasks:\n  a: { matrix: { n: [1, 2, 3] }, max_parallel: 2 }\n  b: { needs: [a], replicas: 2, gang: true }\n  c: { needs: [b], priority: high }\n";

fn planned(cores: u64) -> PlannedExecutor {
    PlannedExecutor {
        count: 1,
        pool: "default".parse().unwrap(),
        capacity: Resources {
            cpu_millis: cores * 1_000,
            memory_bytes: 64 << 30,
            disk_bytes: 64 << 30,
            gpu: 0,
        },
        slots: 100,
        labels: BTreeMap::new(),
        taints: BTreeMap::new(),
        gpu_model: None,
    }
}

/// Always the same for a task, and another for each.
fn constant(id: &AttemptId) -> u64 {
    match id.task.name.as_str() {
        "a" => 7_000,
        "b" => 11_000,
        _ => 3_000,
    }
}

#[test]
fn with_constant_durations_every_start_and_every_end_comes_when_it_was_foretold() {
    for seed in 0..12_u64 {
        let mut world = World::new(&[("one", 3), ("two", 2)], constant);
        for project in ["lab", "fab"] {
            for (task, ms) in [("a", 7_000), ("b", 11_000), ("c", 3_000)] {
                world.know(project, "chain", task, &[ms]);
            }
            world.know(project, "single", "a", &[7_000]);
        }
        for number in 0..18 {
            let project = if (number * 7 + seed) % 3 == 0 { "fab" } else { "lab" };
            let single = single("single", 1);
            world.submit(if (number + seed) % 4 == 0 { CHAIN } else { &single }, project);
            for _ in 0..(number + seed) % 3 {
                world.go_on();
            }
        }
        let outlook = world.look();
        assert_eq!(outlook.walks(), 1, "one way is all there are");
        let waiting = world.still_to_start();
        assert!(waiting.len() > 4, "{}", waiting.len());
        world.go_on_until(|world| world.paper.planner.open_runs() == 0);
        for (run, task) in &waiting {
            let (start, came) = (outlook.start(*run, task), world.starts[&(*run, task.clone())]);
            assert_eq!((start.p50, start.p90), (Some(came), Some(came)), "{task} of {run}, seed {seed}");
            assert_eq!(outlook.end(*run).p50, Some(world.over[run]), "{run}, seed {seed}");
        }
        assert_eq!(outlook.all_ended().p90, world.over.values().max().copied());
    }
}

/// One of eight, by chance.
fn by_chance(id: &AttemptId) -> u64 {
    let mixed = (id.run.bits() as u64 ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    CHANCES[(mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 61) as usize]
}

const CHANCES: [u64; 8] = [2_000, 3_000, 5_000, 8_000, 13_000, 21_000, 34_000, 55_000];

#[test]
fn by_the_ninetieth_of_a_hundred_ways_80_to_97_of_a_hundred_have_started_and_by_the_half_about_the_half() {
    let (mut by_p50, mut by_p90, mut all) = (0, 0, 0);
    for seed in 0..60 {
        let mut world = World::new(&[("one", 3)], by_chance);
        world.know("lab", "single", "a", &CHANCES);
        world.paper.skip_runs(seed * 1_000);
        let runs: Vec<_> = (0..12).map(|_| world.submit(&single("single", 1), "lab")).collect();
        world.go_on();
        let outlook = world.look();
        assert!(outlook.walks() > 1);
        let waiting = world.still_to_start();
        world.go_on_until(|world| runs.iter().all(|run| world.over.contains_key(run)));
        for (run, task) in waiting {
            let (start, came) = (outlook.start(run, &task), world.starts[&(run, task)]);
            all += 1;
            by_p50 += u32::from(start.p50.unwrap() >= came);
            by_p90 += u32::from(start.p90.unwrap() >= came);
        }
    }
    let (half, ninety) = (100 * by_p50 / all, 100 * by_p90 / all);
    assert!((80..=97).contains(&ninety), "{ninety} of 100");
    assert!((35..=65).contains(&half), "{half} of 100");
}

#[test]
fn what_nobody_knows_is_not_invented_and_a_time_limit_says_by_when_at_the_latest() {
    let mut world = World::new(&[("one", 1)], |_| 20_000);
    world.submit(&single("new", 1), "lab");
    let next = world.submit(&single("new", 1), "lab");
    let key: TaskKey = "a".parse().unwrap();
    let start = world.look().start(next, &key);
    assert_eq!((start.p50, start.p90, start.missing), (None, None, Some(Missing::Unknown)));
    assert_eq!(world.look().unknown(&"lab".parse().unwrap()), ["a of new"]);
    assert_eq!(world.look().unknown(&"other".parse().unwrap()), ["tasks of other projects"]);

    let limited = "version: 1\nname: limited\ntasks:\n  a: { image: i, timeout: 10m, resources: { cpu: 1, memory: 1Mi } }\n";
    let mut world = World::new(&[("one", 1)], |_| 20_000);
    world.submit(limited, "lab");
    let next = world.submit(limited, "lab");
    let start = world.look().start(next, &key);
    assert_eq!(start.p50, Some(world.paper.now.plus_ms(600_000)));
    assert!(!world.look().unknown(&"lab".parse().unwrap()).is_empty(), "it says what it rests on");
}

#[test]
fn a_start_may_be_later_than_it_is_looked_or_never_come_as_things_are() {
    let day = 24 * 3_600_000;
    let mut world = World::new(&[("one", 1)], |_| 1_000);
    world.know("lab", "slow", "a", &[day]);
    let runs: Vec<_> = (0..3).map(|_| world.submit(&single("slow", 1), "lab")).collect();
    let key: TaskKey = "a".parse().unwrap();
    let outlook = world.look();
    assert_eq!(outlook.start(runs[1], &key).p50, Some(world.paper.now.plus_ms(day)));
    assert_eq!(outlook.start(runs[2], &key).missing, Some(Missing::Later));

    let mut world = World::new(&[("one", 1)], |_| 1_000);
    let large = world.submit(&single("large", 64), "lab");
    assert_eq!(world.look().start(large, &key).missing, Some(Missing::Never));
}

#[test]
fn what_is_open_is_taken_to_last_longer_than_it_has_so_far() {
    let mut world = World::new(&[("one", 1)], |_| 1_000_000);
    world.know("lab", "single", "a", &[10_000, 60_000]);
    let began = world.paper.now;
    world.submit(&single("single", 1), "lab");
    let next = world.submit(&single("single", 1), "lab");
    let key: TaskKey = "a".parse().unwrap();
    while world.paper.now < began.plus_ms(30_000) {
        world.go_on();
    }
    let start = world.look().start(next, &key);
    assert_eq!((start.p50, start.p90), (Some(began.plus_ms(60_000)), Some(began.plus_ms(60_000))));
    while world.paper.now < began.plus_ms(80_000) {
        world.go_on();
    }
    assert_eq!(world.look().start(next, &key).p50, Some(began.plus_ms(160_000)), "as long again");
}

#[test]
fn failures_are_foretold_with_the_retries_that_follow() {
    let source = "version: 1\nname: flaky\ndefaults: { image: i, resources: { cpu: 1, memory: 1Mi } }\ntasks:\n  a: { retry: { attempts: 2, delay: 4s, backoff: constant } }\n  b: { needs: [a], if: \"${{ failure() }}\" }\n";
    let mut world = World::new(&[("one", 1)], |_| 10_000);
    let of = |task: &str| TaskOf {
        project: "lab".parse().unwrap(),
        workflow: "flaky".parse().unwrap(),
        task: task.parse().unwrap(),
    };
    world.durations.learn(of("a"), Lasted { ms: 10_000, ended_well: false });
    world.durations.learn(of("b"), Lasted { ms: 1_000, ended_well: true });
    let run = world.submit(source, "lab");
    let start = world.look().start(run, &"b".parse().unwrap()).p50.unwrap();
    let waited = start.ms_since(world.paper.now);
    assert!((20_000 + 2_000..=20_000 + 6_000).contains(&waited), "two attempts and a pause: {waited}");
}

#[test]
fn looking_ahead_changes_nothing_and_gives_the_same_twice() {
    let history = |looks: bool| {
        let mut world = World::new(&[("one", 2)], constant);
        world.know("lab", "chain", "a", &[5_000, 9_000]);
        for _ in 0..4 {
            world.submit(CHAIN, "lab");
        }
        for _ in 0..40 {
            world.go_on();
            if looks {
                let (one, other) = (world.look(), world.look());
                for (run, task) in world.still_to_start() {
                    assert_eq!(one.start(run, &task), other.start(run, &task));
                }
                world.look_if(&[planned(8)], &["one"]);
            }
        }
        world.paper.log.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(history(false), history(true));
}

#[test]
fn more_executors_start_work_at_once_and_fewer_make_it_later() {
    let mut world = World::new(&[("one", 2), ("two", 2)], constant);
    world.know("lab", "single", "a", &[7_000]);
    let runs: Vec<_> = (0..12).map(|_| world.submit(&single("single", 1), "lab")).collect();
    let now = world.paper.now;
    let (as_is, more, fewer) =
        (world.look(), world.look_if(&[planned(4)], &[]), world.look_if(&[], &["two"]));
    assert!(as_is.at_once().is_empty());
    assert_eq!(more.at_once().len(), 4);
    let ends = |outlook: &Outlook| outlook.all_ended().p50.map(|at| at.ms_since(now));
    assert_eq!((ends(&as_is), ends(&more), ends(&fewer)), (Some(21_000), Some(14_000), Some(35_000)));
    assert_eq!(more.first_start(runs[4]).p50, Some(now));
    assert_eq!(as_is.first_start(runs[4]).p50, Some(now.plus_ms(7_000)));

    let labelled =
        PlannedExecutor { taints: BTreeMap::from([("gpu".to_owned(), String::new())]), ..planned(4) };
    assert!(world.look_if(&[labelled], &[]).at_once().is_empty(), "nobody tolerates its taint");
    let many = PlannedExecutor { count: 3, ..planned(1) };
    assert_eq!(world.look_if(&[many], &[]).at_once().len(), 3);
    assert_eq!(world.paper.planner.executors.len(), 2, "nothing is changed");
}

#[test]
fn whoever_is_silent_now_is_not_counted_on() {
    let mut world = World::new(&[("one", 1), ("two", 1)], constant);
    world.know("lab", "single", "a", &[7_000]);
    world.executors.truncate(1);
    let silent_from = world.paper.now.plus_ms(20_000);
    world.go_on_until(|world| world.paper.now >= silent_from);
    let runs: Vec<_> = (0..3).map(|_| world.submit(&single("single", 1), "lab")).collect();
    let start = world.look().first_start(runs[2]).p50.unwrap();
    assert_eq!(start.ms_since(world.paper.now), 14_000, "one after the other");
}

#[test]
fn what_is_told_to_stop_makes_room_in_the_forecast_too() {
    let mut world = World::new(&[("one", 1)], |_| 1_000_000);
    world.know("lab", "single", "a", &[500_000]);
    let first = world.submit(&single("single", 1), "lab");
    let next = world.submit(&single("single", 1), "lab");
    let command = super::RunCommand::Cancel { reason: None };
    world.take(vec![Input::Command { run: first, command }]);
    let outlook = world.look();
    assert_eq!(outlook.first_start(next).p50, Some(world.paper.now));
    assert_eq!(outlook.end(first).p50, Some(world.paper.now));
}

#[test]
fn a_look_that_has_no_time_says_so() {
    let mut world = World::new(&[("one", 1)], constant);
    world.know("lab", "single", "a", &[7_000]);
    let runs: Vec<_> = (0..5).map(|_| world.submit(&single("single", 1), "lab")).collect();
    let key: TaskKey = "a".parse().unwrap();
    let given_up = look_ahead(&world.snapshot(), &Changes::default(), Bounds::default(), &|_| false);
    assert_eq!(given_up.start(runs[4], &key).missing, Some(Missing::TooFar));
    let bounds = Bounds { starts: 2, ..Bounds::default() };
    let short = look_ahead(&world.snapshot(), &Changes::default(), bounds, &|_| true);
    assert_eq!(short.start(runs[4], &key).missing, Some(Missing::TooFar));
    assert!(short.start(runs[1], &key).p50.is_some());
    let empty = World::new(&[], constant).look();
    assert_eq!(empty.all_ended().p50, Some(Timestamp(1_000_000)), "there is nothing to wait for");
    assert_eq!(empty.start(runs[0], &key).missing, Some(Missing::Never));
}

#[test]
fn only_what_ended_by_itself_teaches() {
    let mut world = World::new(&[("one", 4)], |_| 60_000);
    let runs: Vec<_> = (0..4).map(|_| world.submit(&single("single", 1), "lab")).collect();
    world.paper.now = world.paper.now.plus_ms(5_000);
    let ends = [
        (Outcome::Succeeded, Cause::User, None),
        (Outcome::Failed, Cause::User, Some(Reason::ExitCode)),
        (Outcome::Lost, Cause::Infra, Some(Reason::ExecutorLost)),
        (Outcome::Preempted, Cause::Policy, Some(Reason::Preempted)),
    ];
    let mut learned = Vec::new();
    for (run, (outcome, cause, reason)) in runs.iter().zip(ends) {
        world.paper.end(*run, "a", ended(outcome, cause, reason));
        let attempt = world.paper.task(*run, "a").attempts[0].clone();
        learned.push(Lasted::of(&attempt));
    }
    let well = Lasted { ms: 5_000, ended_well: true };
    assert_eq!(learned, [Some(well), Some(Lasted { ended_well: false, ..well }), None, None]);
    let open = world.submit(&single("single", 1), "lab");
    assert_eq!(world.paper.task_state(open, "a"), TaskState::Active);
    assert_eq!(Lasted::of(&world.paper.task(open, "a").attempts[0]), None, "it is open");
}
