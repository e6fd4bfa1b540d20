//! Whatever happens in whatever order: no executor holds more than it has, no device is given twice, a gang starts as a
//! whole, and what is held follows from the log.

use std::collections::{BTreeMap, BTreeSet};

use emboflow_model::state::{Cause, Outcome, Reason};
use emboflow_model::transition::Change;
use emboflow_model::{AttemptId, DeviceId, LogEntry, Resources, RunId, TaskKey};
use proptest::prelude::*;

use super::placement_tests::{beat_with, with_gpus, workflow};
use super::testing::{Paper, ended};

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    /// A run of the n-th kind is submitted.
    Submit(usize),
    /// The n-th open attempt ends.
    End(usize, Ending),
    /// An executor sends a heartbeat.
    Beat(usize),
    /// Time passes.
    Pass(u64),
    /// The scheduler is started anew.
    Restart,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Well,
    Badly,
    AsTold,
    Lost,
}

const KINDS: [&str; 8] = [
    "  t: {}\n",
    "  t: { resources: { cpu: 3 }, priority: 5 }\n",
    "  t: { resources: { gpu: 1 }, matrix: { i: [1, 2] } }\n",
    "  t: { replicas: 3, gang: true, retry: { attempts: 2, delay: 1s } }\n",
    "  t: { replicas: 2, gang: true, resources: { gpu: { count: 1, model: t4 } }, preemptible: true }\n",
    "  t: { preemptible: true, timeout: 1m, priority: -5 }\n",
    "  t: { replicas: 2, gang: true, placement: { anti_affinity: host }, priority: 3 }\n",
    "  t: { matrix: { i: [1, 2, 3] }, placement: { spread: host, anti_affinity: zone }, timeout: 2m }\n",
];

/// Name, cores, and the ids and models of its graphics processors.
type Machine = (&'static str, u64, &'static [(&'static str, &'static str)]);

const EXECUTORS: [Machine; 3] = [
    ("one", 4, &[("gpu-a", "Tesla T4"), ("gpu-b", "A100")]),
    ("two", 2, &[]),
    ("three", 3, &[("gpu-c", "Tesla T4"), ("gpu-d", "Tesla T4")]),
];

fn happening() -> impl Strategy<Value = Happening> {
    let ending = prop_oneof![
        4 => Just(Ending::Well),
        2 => Just(Ending::Badly),
        4 => Just(Ending::AsTold),
        1 => Just(Ending::Lost),
    ];
    prop_oneof![
        4 => (0..KINDS.len()).prop_map(Happening::Submit),
        6 => (any::<usize>(), ending).prop_map(|(which, ending)| Happening::End(which, ending)),
        3 => (0..EXECUTORS.len()).prop_map(Happening::Beat),
        2 => (0_u64..9_000).prop_map(Happening::Pass),
        1 => Just(Happening::Restart),
    ]
}

fn beat(paper: &mut Paper, which: usize) {
    let (name, cores, gpus) = EXECUTORS[which];
    beat_with(paper, name, cores, |beat| {
        with_gpus(beat, gpus);
        beat.slots = 6;
        beat.labels.insert("zone".to_owned(), if which == 0 { "north" } else { "south" }.to_owned());
    });
}

fn open_attempts(paper: &Paper) -> Vec<AttemptId> {
    let runs = paper.planner.runs.values().flat_map(|open| {
        let id = open.id();
        open.run.tasks.values().filter_map(move |task| {
            let number = task.open_attempt()?.number;
            Some(AttemptId { run: id, task: task.key.clone(), number })
        })
    });
    let mut open: Vec<AttemptId> = runs.collect();
    open.sort();
    open
}

fn end(paper: &mut Paper, id: &AttemptId, ending: Ending) {
    let stopping = paper.task(id.run, &id.task.to_string()).open_attempt().unwrap().stopping;
    let end = match (ending, stopping) {
        (Ending::AsTold, Some(Reason::Preempted)) => {
            ended(Outcome::Preempted, Cause::Policy, Some(Reason::Preempted))
        }
        (Ending::AsTold, Some(reason)) => ended(Outcome::Cancelled, Cause::Policy, Some(reason)),
        (Ending::Badly, _) => ended(Outcome::Failed, Cause::User, Some(Reason::ExitCode)),
        (Ending::Lost, _) => ended(Outcome::Lost, Cause::Infra, Some(Reason::ExecutorLost)),
        (Ending::Well | Ending::AsTold, _) => ended(Outcome::Succeeded, Cause::User, None),
    };
    paper.end(id.run, &id.task.to_string(), end);
}

fn carry_out(paper: &mut Paper, happening: &Happening) {
    match happening {
        Happening::Submit(kind) => drop(paper.submit(&workflow(KINDS[*kind]))),
        Happening::End(which, ending) => {
            let open = open_attempts(paper);
            if !open.is_empty() {
                end(paper, &open[which % open.len()].clone(), *ending);
            }
        }
        Happening::Beat(which) => beat(paper, *which),
        Happening::Pass(ms) => paper.pass_ms(*ms),
        Happening::Restart => {
            paper.restart();
            (0..EXECUTORS.len()).for_each(|which| beat(paper, which));
        }
    }
}

/// What the open attempts hold, computed from the runs alone, is what the planner says, and is no more than there is.
fn check_holdings(paper: &Paper) {
    let mut used: BTreeMap<String, (Resources, BTreeSet<AttemptId>, Vec<DeviceId>)> = BTreeMap::new();
    for open in paper.planner.runs.values() {
        for task in open.run.tasks.values() {
            let Some(attempt) = task.open_attempt() else { continue };
            let (resources, ids, devices) = used.entry(attempt.executor.to_string()).or_default();
            *resources = resources.plus(&attempt.resources);
            ids.insert(AttemptId { run: open.id(), task: task.key.clone(), number: attempt.number });
            assert_eq!(attempt.devices.len() as u64, attempt.resources.gpu, "{}", task.key);
            devices.extend(attempt.devices.iter().cloned());
        }
    }
    for (name, known) in &paper.planner.executors {
        let (resources, ids, devices) = used.remove(name.as_str()).unwrap_or_default();
        assert_eq!(known.used, resources, "{name}");
        assert_eq!(known.open.keys().cloned().collect::<BTreeSet<_>>(), ids, "{name}");
        let given: BTreeSet<DeviceId> = devices.iter().cloned().collect();
        assert_eq!(given.len(), devices.len(), "a device of {name} is given twice");
        assert_eq!(known.taken, given, "{name}");
        assert!(known.open.values().all(|hold| hold.lane.is_some()), "{name}");
        let is_preemptible = |id: &&AttemptId| known.open[*id].lane.as_ref().unwrap().shape.preemptible;
        assert!(known.open.keys().filter(is_preemptible).eq(&known.preemptible), "{name}");
        let Some(beat) = &known.heartbeat else { continue };
        assert!(resources.fits(&beat.capacity) && ids.len() <= beat.slots as usize, "{name} holds too much");
        assert!(given.iter().all(|id| beat.devices.iter().any(|device| device.id == *id)));
    }
    assert!(used.is_empty(), "{used:?}");
}

/// A transition that starts one of a gang starts all of it.
fn check_gangs(paper: &Paper, from: usize) {
    for entry in &paper.log[from..] {
        let LogEntry::Transition(transition) = entry else { continue };
        let mut opened: BTreeMap<String, Vec<(TaskKey, u32)>> = BTreeMap::new();
        for change in &transition.changes {
            if let Change::AttemptOpened { task, number, .. } = change {
                opened.entry(task.name.to_string()).or_default().push((task.clone(), *number));
            }
        }
        let source = source_of(paper, transition.run);
        if source.contains("gang: true") {
            for members in opened.values() {
                assert_eq!(members.len(), paper.run(transition.run).tasks.len(), "{members:?}");
                assert!(members.iter().all(|(_, number)| *number == members[0].1), "{members:?}");
            }
        }
    }
}

fn source_of(paper: &Paper, run: RunId) -> String {
    emboflow_model::run::accepted(paper.history(run)[0]).unwrap().source.to_string()
}

/// Never two of a fan-out that is to be apart in one place.
fn check_apart(paper: &Paper) {
    for open in paper.planner.runs.values() {
        let Some(spec) = open.workflow.task("t") else { continue };
        let Some(by) = spec.placement.as_ref().and_then(|placement| placement.anti_affinity.clone()) else {
            continue;
        };
        let mut places = BTreeSet::new();
        for attempt in open.run.tasks.values().filter_map(|task| task.open_attempt()) {
            let place = match by.as_str() {
                "host" => attempt.executor.to_string(),
                _ => {
                    if attempt.executor.as_str() == "one" {
                        "north".to_owned()
                    } else {
                        "south".to_owned()
                    }
                }
            };
            assert!(places.insert(place), "two tasks of {} are together", open.id());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn placement_keeps_its_promises_whatever_happens(happenings in prop::collection::vec(happening(), 1..80)) {
        let mut paper = Paper::new();
        (0..EXECUTORS.len()).for_each(|which| beat(&mut paper, which));
        for happening in &happenings {
            let from = paper.log.len();
            carry_out(&mut paper, happening);
            check_holdings(&paper);
            check_gangs(&paper, from);
            check_apart(&paper);
        }
        // Whatever is left comes to an end: nobody waits for what nobody will give.
        for _ in 0..400 {
            if paper.planner.open_runs() == 0 {
                break;
            }
            for id in open_attempts(&paper) {
                let is_open = paper.planner.runs.get(&id.run).and_then(|open| open.attempt(&id.task, id.number));
                if is_open.is_some_and(|attempt| attempt.is_open()) {
                    end(&mut paper, &id, Ending::AsTold);
                }
            }
            paper.pass_ms(5_000);
            (0..EXECUTORS.len()).for_each(|which| beat(&mut paper, which));
            check_holdings(&paper);
        }
        prop_assert_eq!(paper.planner.open_runs(), 0);
    }
}
