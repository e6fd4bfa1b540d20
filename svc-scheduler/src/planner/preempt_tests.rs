//! Stories of work that gives way.

use emboflow_model::queue::{Limits, Queue};
use emboflow_model::state::{Cause, Outcome, Reason, TaskState};
use emboflow_model::{RunId, TaskKey};
use emboflow_protocol::command::Command;

use super::input::Input;
use super::placement_tests::workflow;
use super::testing::{Paper, ended};

fn preemptible(more: &str) -> String {
    workflow(&format!("  a: {{ preemptible: true{more} }}\n"))
}

fn urgent(more: &str) -> String {
    workflow(&format!("  a: {{ priority: 10{more} }}\n"))
}

fn stopping(paper: &Paper, run: RunId) -> Option<Reason> {
    paper.task(run, "a").open_attempt().unwrap().stopping
}

fn give_way(paper: &mut Paper, run: RunId, task: &str) {
    paper.end(run, task, ended(Outcome::Preempted, Cause::Policy, Some(Reason::Preempted)));
}

#[test]
fn preemptible_work_gives_way_to_more_urgent_work_and_starts_again_for_free() {
    let mut paper = Paper::new();
    paper.beat("one", 1);
    let patient = paper.submit(&preemptible(""));
    let hurry = paper.submit(&urgent(""));
    assert_eq!(stopping(&paper, patient), Some(Reason::Preempted));
    let stops = paper.commands.iter().filter(|command| matches!(command, Command::Stop { .. })).count();
    assert_eq!(stops, 1);
    let passing = paper.submit(&workflow("  a: {}\n"));
    give_way(&mut paper, patient, "a");
    assert_eq!(paper.task_state(hurry, "a"), TaskState::Active);
    assert_eq!(paper.task_state(passing, "a"), TaskState::Queued, "the room was made for another");
    assert_eq!(paper.task_state(patient, "a"), TaskState::Queued, "it stands in its lane again");
    paper.succeed(hurry, "a");
    let key: TaskKey = "a".parse().unwrap();
    assert_eq!(paper.run(patient).tasks[&key].attempts.len(), 2);
    assert_eq!(
        paper.task_state(patient, "a"),
        TaskState::Active,
        "no retry was used up: the file allows none"
    );
}

#[test]
fn only_less_urgent_preemptible_work_is_stopped() {
    let mut paper = Paper::new();
    paper.beat("one", 2);
    let plain = paper.submit(&workflow("  a: {}\n"));
    let equal = paper.submit(&preemptible(", priority: 10"));
    paper.submit(&urgent(""));
    assert_eq!((stopping(&paper, plain), stopping(&paper, equal)), (None, None));
}

#[test]
fn nothing_is_stopped_that_makes_no_room() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    let plain = paper.submit(&workflow("  a: { resources: { cpu: 3 } }\n"));
    let small = paper.submit(&preemptible(""));
    paper.submit(&urgent(", resources: { cpu: 4 }"));
    assert_eq!((stopping(&paper, plain), stopping(&paper, small)), (None, None));
}

#[test]
fn the_least_harm_is_done_the_less_urgent_and_the_younger_first_and_no_more_than_needed() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    let old = paper.submit(&preemptible(""));
    paper.pass_ms(5_000);
    let young = paper.submit(&preemptible(""));
    let more_urgent = paper.submit(&preemptible(", priority: 5"));
    let large = paper.submit(&preemptible(", priority: 1"));
    paper.submit(&urgent(""));
    let all = [old, young, more_urgent, large].map(|run| stopping(&paper, run));
    assert_eq!(all, [None, Some(Reason::Preempted), None, None]);
    paper.submit(&urgent(""));
    assert_eq!(stopping(&paper, old), None, "one after the other: the first has no place yet");
    give_way(&mut paper, young, "a");
    assert_eq!(stopping(&paper, old), Some(Reason::Preempted));
    assert_eq!((stopping(&paper, more_urgent), stopping(&paper, large)), (None, None));
}

#[test]
fn who_waits_for_stopping_work_stops_no_more() {
    let mut paper = Paper::new();
    paper.beat("one", 2);
    let first = paper.submit(&preemptible(""));
    paper.pass_ms(1_000);
    let second = paper.submit(&preemptible(""));
    paper.submit(&urgent(""));
    for _ in 0..5 {
        paper.pass_ms(1_000);
        paper.beat("one", 2);
    }
    assert_eq!((stopping(&paper, first), stopping(&paper, second)), (None, Some(Reason::Preempted)));
}

#[test]
fn a_gang_gives_way_as_a_whole_and_comes_back_as_a_whole() {
    let mut paper = Paper::new();
    paper.beat("one", 3);
    let train = paper.submit(&workflow("  train: { replicas: 3, gang: true, preemptible: true }\n"));
    let hurry = paper.submit(&urgent(""));
    for index in 0..3 {
        give_way(&mut paper, train, &format!("train[{index}]"));
    }
    assert_eq!(paper.task_state(hurry, "a"), TaskState::Active);
    paper.pass_ms(0);
    assert_eq!(paper.states(train), "train[0]=queued train[1]=queued train[2]=queued");
    paper.succeed(hurry, "a");
    assert_eq!(paper.states(train), "train[0]=active train[1]=active train[2]=active");
}

#[test]
fn a_gang_makes_room_for_itself_on_several_executors() {
    let mut paper = Paper::new();
    paper.beat("one", 2);
    paper.beat("two", 2);
    let small: Vec<RunId> = (0..4).map(|_| paper.submit(&preemptible(""))).collect();
    let train = paper.submit(&workflow("  train: { replicas: 3, gang: true, priority: 1 }\n"));
    let victims: Vec<RunId> = small.iter().copied().filter(|run| stopping(&paper, *run).is_some()).collect();
    assert_eq!(victims.len(), 3);
    for run in victims {
        give_way(&mut paper, run, "a");
    }
    assert_eq!(paper.states(train), "train[0]=active train[1]=active train[2]=active");
}

#[test]
fn what_a_queue_borrowed_goes_back_to_one_that_is_guaranteed_it() {
    let mut paper = Paper::new();
    let slots = |count| Limits { slots: Some(count), ..Limits::default() };
    let rules = |guarantee| Queue { guarantee: slots(guarantee), ..Queue::default() };
    let rules = [("lab".parse().unwrap(), rules(1)), ("arm".parse().unwrap(), rules(1))];
    paper.take(Input::Queues(rules.into()));
    let submit = |paper: &mut Paper, queue: &str, source: &str| {
        let mut submission = paper.submission(source);
        submission.accepted.queue = queue.parse().unwrap();
        let run = submission.run;
        paper.take(Input::Submit(Box::new(submission)));
        run
    };
    paper.beat("one", 3);
    let borrowed: Vec<RunId> =
        (0..3).map(|_| submit(&mut paper, "lab", &preemptible(", priority: 7"))).collect();
    let owed = submit(&mut paper, "arm", &preemptible(""));
    let stopped: Vec<RunId> =
        borrowed.iter().copied().filter(|run| stopping(&paper, *run).is_some()).collect();
    assert_eq!(stopped.len(), 1, "although it is less urgent");
    give_way(&mut paper, stopped[0], "a");
    assert_eq!(paper.task_state(owed, "a"), TaskState::Active);
    let stopping_owed = paper.task(owed, "a").open_attempt().unwrap().stopping;
    assert_eq!(
        stopping_owed, None,
        "the more urgent one that gave way does not take back what is guaranteed"
    );
    let more = submit(&mut paper, "arm", &workflow("  a: {}\n"));
    assert_eq!(paper.task_state(more, "a"), TaskState::Queued, "more is not guaranteed to it");
    let left = borrowed.iter().filter(|run| paper.task_state(**run, "a") == TaskState::Active);
    assert!(left.into_iter().all(|run| stopping(&paper, *run).is_none()));
}
