//! Stories of placement: which executor a task goes to, and why it waits.

use emboflow_model::executor::{AtHand, Heartbeat, image_hash};
use emboflow_model::state::TaskState;
use emboflow_model::{Device, DeviceId, Resources, RunId};
use emboflow_protocol::command::Command;

use super::policy::Filling;
use super::testing::Paper;
use super::*;

const GIB: u64 = 1 << 30;

pub(super) fn workflow(tasks: &str) -> String {
    format!(
        "version: 1\nname: story\ndefaults: {{ image: busybox, resources: {{ cpu: 1 }} }}\ntasks:\n{tasks}"
    )
}

/// A heartbeat of an executor with this many cores, changed by `with`.
pub(super) fn beat_with(paper: &mut Paper, executor: &str, cores: u64, with: impl FnOnce(&mut Heartbeat)) {
    let mut beat = paper.heartbeat(executor, cores);
    with(&mut beat);
    paper.take(Input::Heartbeat(Box::new(beat)));
}

pub(super) fn with_gpus(beat: &mut Heartbeat, gpus: &[(&str, &str)]) {
    let device = |(id, model): &(&str, &str)| Device { id: id.parse().unwrap(), model: (*model).to_owned() };
    beat.devices = gpus.iter().map(device).collect();
    beat.capacity.gpu = gpus.len() as u64;
}

fn labelled(beat: &mut Heartbeat, label: (&str, &str)) {
    beat.labels.insert(label.0.to_owned(), label.1.to_owned());
}

pub(super) fn executor_of(paper: &Paper, run: RunId, task: &str) -> String {
    paper.open_attempt(run, task).2.to_string()
}

fn devices_of(paper: &Paper, run: RunId, task: &str) -> Vec<DeviceId> {
    paper.task(run, task).open_attempt().unwrap().devices.clone()
}

fn why(paper: &Paper, run: RunId, task: &str) -> String {
    let waits = paper.planner.explain(run, paper.now);
    let wait = waits.into_iter().find(|wait| wait.task.to_string() == task);
    wait.unwrap_or_else(|| panic!("{task} does not wait")).wait_reason
}

#[test]
fn only_a_task_that_tolerates_a_taint_comes_to_its_executor() {
    let mut paper = Paper::new();
    beat_with(&mut paper, "gpu", 4, |beat| drop(beat.taints.insert("team".into(), "red".into())));
    let plain = paper.submit(&workflow("  a: {}\n"));
    assert_eq!(paper.task_state(plain, "a"), TaskState::Queued);
    assert!(why(&paper, plain, "a").ends_with("does not tolerate: team=red"), "{}", why(&paper, plain, "a"));
    let other = paper.submit(&workflow("  a: { tolerations: [team=blue] }\n"));
    assert_eq!(paper.task_state(other, "a"), TaskState::Queued);
    for toleration in ["team", "team=red"] {
        let run = paper.submit(&workflow(&format!("  a: {{ tolerations: [{toleration}] }}\n")));
        assert_eq!(executor_of(&paper, run, "a"), "gpu");
    }
}

#[test]
fn a_device_is_given_to_one_attempt_at_a_time_and_is_in_its_command() {
    let mut paper = Paper::new();
    beat_with(&mut paper, "one", 8, |beat| with_gpus(beat, &[("gpu-a", "T4"), ("gpu-b", "T4")]));
    let run = paper.submit(&workflow("  a: { matrix: { i: [1, 2, 3] }, resources: { gpu: 1 } }\n"));
    assert_eq!(paper.states(run), "a[0]=active a[1]=active a[2]=queued");
    let (first, second) = (devices_of(&paper, run, "a[0]"), devices_of(&paper, run, "a[1]"));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    let told = paper.commands.iter().filter_map(|command| match command {
        Command::Start(start) => Some(start.spec.devices.clone()),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [first.clone(), second]);
    paper.succeed(run, "a[0]");
    assert_eq!(devices_of(&paper, run, "a[2]"), first, "what is free is given again");
}

#[test]
fn after_a_restart_a_device_still_belongs_to_its_attempt() {
    let mut paper = Paper::new();
    let gpus = |beat: &mut Heartbeat| with_gpus(beat, &[("gpu-a", "T4"), ("gpu-b", "T4")]);
    beat_with(&mut paper, "one", 8, gpus);
    let task = "  a: { resources: { gpu: 1 } }\n";
    let first = paper.submit(&workflow(task));
    paper.restart();
    beat_with(&mut paper, "one", 8, gpus);
    let second = paper.submit(&workflow(task));
    assert_ne!(devices_of(&paper, first, "a"), devices_of(&paper, second, "a"));
    let third = paper.submit(&workflow(task));
    assert_eq!(paper.task_state(third, "a"), TaskState::Queued);
}

#[test]
fn a_model_is_asked_for_by_a_word_of_its_name() {
    let mut paper = Paper::new();
    let gpus = [("gpu-a", "Tesla T4"), ("gpu-b", "NVIDIA A100-SXM4-80GB")];
    beat_with(&mut paper, "one", 8, |beat| with_gpus(beat, &gpus));
    let run = paper.submit(&workflow("  a: { resources: { gpu: { model: a100 } } }\n"));
    assert_eq!(devices_of(&paper, run, "a")[0].as_str(), "gpu-b");
    let many = paper.submit(&workflow("  a: { resources: { gpu: { count: 2, model: a100 } } }\n"));
    assert!(why(&paper, many, "a").contains("2 graphics processors of the model a100"));
}

#[test]
fn a_task_waits_for_disk() {
    let mut paper = Paper::new();
    beat_with(&mut paper, "one", 8, |beat| beat.capacity.disk_bytes = 10 * GIB);
    let run = paper.submit(&workflow("  a: { matrix: { i: [1, 2] }, resources: { disk: 6Gi } }\n"));
    assert_eq!(paper.states(run), "a[0]=active a[1]=queued");
    let verdicts = paper.planner.verdicts(run, &"a[1]".parse().unwrap(), paper.now);
    assert_eq!((verdicts.len(), verdicts[0].fits), (1, false));
    assert_eq!(verdicts[0].why, "too little disk is free");
    paper.succeed(run, "a[0]");
    assert_eq!(paper.task_state(run, "a[1]"), TaskState::Active);
}

#[test]
fn tasks_spread_over_zones_where_there_is_room_and_come_together_where_there_is_none() {
    let mut paper = Paper::new();
    for (name, zone) in [("a", "north"), ("b", "north"), ("c", "south")] {
        beat_with(&mut paper, name, 2, |beat| labelled(beat, ("zone", zone)));
    }
    let run =
        paper.submit(&workflow("  t: { matrix: { i: [1, 2, 3, 4, 5, 6] }, placement: { spread: zone } }\n"));
    let in_south = (0..2).filter(|index| executor_of(&paper, run, &format!("t[{index}]")) == "c").count();
    assert_eq!(in_south, 1, "the first two are in two zones");
    assert!((0..6).all(|index| paper.task_state(run, &format!("t[{index}]")) == TaskState::Active));
}

#[test]
fn tasks_that_must_not_come_together_wait_for_another_executor_and_hold_nobody_up() {
    let mut paper = Paper::new();
    paper.beat("one", 8);
    let apart = "  t: { matrix: { i: [1, 2] }, placement: { anti_affinity: host } }\n";
    let run = paper.submit(&workflow(apart));
    assert_eq!(paper.states(run), "t[0]=active t[1]=queued");
    assert!(why(&paper, run, "t[1]").contains("anti_affinity: host"), "{}", why(&paper, run, "t[1]"));
    let other = paper.submit(&workflow(apart));
    assert_eq!(paper.states(other), "t[0]=active t[1]=queued", "other runs are others");
    paper.beat("two", 8);
    assert_eq!(
        (executor_of(&paper, run, "t[0]"), executor_of(&paper, run, "t[1]")),
        ("one".into(), "two".into())
    );
}

#[test]
fn after_a_restart_tasks_apart_by_a_label_wait_until_it_is_known_where_the_others_are() {
    let mut paper = Paper::new();
    let beat =
        |paper: &mut Paper, name: &str| beat_with(paper, name, 2, |beat| labelled(beat, ("zone", "north")));
    beat(&mut paper, "one");
    let tasks = "  t: { matrix: { i: [1, 2] }, placement: { anti_affinity: zone } }\n";
    let run = paper.submit(&workflow(tasks));
    assert_eq!(executor_of(&paper, run, "t[0]"), "one");
    paper.restart();
    beat(&mut paper, "two");
    assert_eq!(paper.task_state(run, "t[1]"), TaskState::Queued, "one may be in the same zone");
    beat(&mut paper, "one");
    assert_eq!(paper.task_state(run, "t[1]"), TaskState::Queued, "it is");
    paper.succeed(run, "t[0]");
    assert_eq!(paper.task_state(run, "t[1]"), TaskState::Active);
}

#[test]
fn the_least_loaded_executor_is_taken_or_the_fullest_where_the_pool_is_packed() {
    let placed = |filling: Filling| {
        let mut paper = Paper::new();
        paper.planner.policy.filling = [("default".parse().unwrap(), filling)].into();
        paper.beat("one", 4);
        paper.beat("two", 4);
        let run = paper.submit(&workflow("  t: { matrix: { i: [1, 2, 3, 4] } }\n"));
        let on = |name: &str| {
            (0..4).filter(|index| executor_of(&paper, run, &format!("t[{index}]")) == name).count()
        };
        (on("one"), on("two"))
    };
    assert_eq!(placed(Filling::Spread), (2, 2));
    assert_eq!(placed(Filling::Pack), (4, 0));
}

#[test]
fn of_equally_loaded_executors_the_one_that_has_the_image_is_taken() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    let images = [image_hash("docker.io/library/busybox:latest")].into();
    beat_with(&mut paper, "two", 4, |beat| beat.at_hand = AtHand { images, ..AtHand::default() });
    let run = paper.submit(&workflow("  a: {}\n"));
    assert_eq!(executor_of(&paper, run, "a"), "two");
    let next = paper.submit(&workflow("  a: {}\n"));
    assert_eq!(executor_of(&paper, next, "a"), "one", "a load that differs counts more");
}

#[test]
fn a_verdict_says_of_each_executor_what_is_in_the_way() {
    let mut paper = Paper::new();
    beat_with(&mut paper, "away", 8, |beat| labelled(beat, ("arm", "left")));
    paper.pass_ms(20_000);
    beat_with(&mut paper, "full", 1, |beat| labelled(beat, ("arm", "left")));
    let blocker = paper.submit(&workflow("  a: {}\n"));
    assert_eq!(executor_of(&paper, blocker, "a"), "full");
    paper.beat("other", 8);
    beat_with(&mut paper, "small", 1, |beat| {
        labelled(beat, ("arm", "left"));
        beat.capacity.cpu_millis = 100;
    });
    beat_with(&mut paper, "tainted", 8, |beat| {
        labelled(beat, ("arm", "left"));
        beat.taints.insert("lab".to_owned(), String::new());
    });
    beat_with(&mut paper, "elsewhere", 8, |beat| beat.pool = "edge".parse().unwrap());
    let run = paper.submit(&workflow("  a: { labels: { arm: left } }\n"));
    let verdicts = paper.planner.verdicts(run, &"a".parse().unwrap(), paper.now);
    assert!(verdicts.iter().all(|verdict| !verdict.fits));
    let said: BTreeMap<_, _> =
        verdicts.iter().map(|verdict| (verdict.executor.as_str(), &*verdict.why)).collect();
    assert_eq!(said["full"], "too little cpu is free");
    assert_eq!(said["other"], "it has not the label arm=left");
    assert_eq!(said["small"], "it is too small: too little cpu");
    assert_eq!(said["tainted"], "it has the taint lab");
    assert_eq!(said["elsewhere"], "it is in pool edge, not in default");
    assert!(said["away"].contains("takes no work"), "{}", said["away"]);
    assert_eq!(verdicts.last().unwrap().executor.as_str(), "elsewhere", "those of its pool come first");
}

#[test]
fn an_executor_that_changes_its_pool_is_found_in_the_new_one_only() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    beat_with(&mut paper, "one", 4, |beat| beat.pool = "edge".parse().unwrap());
    let here = paper.submit(&workflow("  a: {}\n"));
    let there = paper.submit(&workflow("  a: { pool: edge }\n"));
    assert_eq!(paper.task_state(here, "a"), TaskState::Queued);
    assert_eq!(executor_of(&paper, there, "a"), "one");
}

#[test]
fn a_task_that_waits_long_for_much_is_not_passed_for_ever() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    let small = "  a: { timeout: 10m }\n";
    let mut running: Vec<RunId> = (0..4).map(|_| paper.submit(&workflow(small))).collect();
    let large = paper.submit(&workflow("  a: { resources: { cpu: 4 } }\n"));
    for _ in 0..20 {
        // As long as nobody keeps room for the large one, small ones that come later take every core that gets free.
        let oldest = running.remove(0);
        running.push(paper.submit(&workflow(small)));
        paper.pass_ms(10_000);
        paper.beat("one", 4);
        if paper.task_state(oldest, "a") == TaskState::Active {
            paper.succeed(oldest, "a");
        }
    }
    assert_eq!(paper.task_state(large, "a"), TaskState::Active);
}

#[test]
fn what_becomes_free_next_is_kept_where_nobody_can_tell_when_the_rest_ends() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    let small: Vec<RunId> = (0..8).map(|_| paper.submit(&workflow("  a: {}\n"))).collect();
    let large = paper.submit(&workflow("  a: { priority: 1, resources: { cpu: 2 } }\n"));
    for _ in 0..6 {
        paper.pass_ms(10_000);
        paper.beat("one", 4);
    }
    let active =
        |paper: &Paper| small.iter().filter(|run| paper.task_state(**run, "a") == TaskState::Active).count();
    paper.succeed(small[0], "a");
    assert_eq!(active(&paper), 3);
    paper.succeed(small[1], "a");
    assert_eq!((paper.task_state(large, "a"), active(&paper)), (TaskState::Active, 2));
    paper.succeed(small[2], "a");
    assert_eq!(active(&paper), 2, "room that nobody waits for is given away");
}

#[test]
fn a_decision_needs_no_more_than_the_executors_of_its_pool() {
    let mut paper = Paper::new();
    for index in 0..1_000 {
        let pool = if index % 100 == 0 { "default".to_owned() } else { format!("pool-{}", index % 100) };
        beat_with(&mut paper, &format!("e{index}"), 4, |beat| beat.pool = pool.parse().unwrap());
    }
    assert_eq!(paper.planner.in_pool(&"default".parse().unwrap()).count(), 10);
    let run = paper.submit(&workflow("  a: {}\n"));
    assert_eq!(executor_of(&paper, run, "a"), "e0");
    let resources = Resources { cpu_millis: 1_000, ..Resources::default() };
    assert_eq!(resources.copies_in(&Resources { cpu_millis: 4_500, ..Resources::default() }), 4);
}
