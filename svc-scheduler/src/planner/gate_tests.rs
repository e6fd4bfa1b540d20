//! Stories of keys, mutexes and rates.

use emboflow_model::RunId;
use emboflow_model::state::{RunState, TaskState};

use super::testing::Paper;
use super::{Input, RunCommand};

fn workflow(top: &str, task: &str) -> String {
    format!(
        "version: 1\nname: story\n{top}\ntasks:\n  a: {{ image: i, {task} resources: {{ cpu: 100m }} }}\n"
    )
}

fn keyed(policy: &str) -> String {
    workflow(&format!("concurrency: {{ key: robot, policy: {policy} }}"), "")
}

fn why(paper: &Paper, run: RunId) -> String {
    paper.planner.explain(run, paper.now).pop().map(|wait| wait.wait_reason).unwrap_or_default()
}

fn cancel(paper: &mut Paper, run: RunId) {
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
}

fn states(paper: &Paper, runs: &[RunId]) -> Vec<TaskState> {
    runs.iter().map(|run| paper.task_state(*run, "a")).collect()
}

#[test]
fn a_run_waits_until_nothing_of_its_key_runs_any_more_and_names_the_holder() {
    let mut paper = Paper::with_executor();
    let runs: Vec<_> = (0..3).map(|_| paper.submit(&keyed("queue"))).collect();
    assert_eq!(states(&paper, &runs), [TaskState::Active, TaskState::Waiting, TaskState::Waiting]);
    assert_eq!(why(&paper, runs[1]), format!("{} holds the key `robot`", runs[0]));
    assert_eq!(why(&paper, runs[2]), format!("{} holds the key `robot`, 1 before it", runs[0]));
    assert_eq!(paper.task(runs[1], "a").wait_reason, Some(why(&paper, runs[1])));
    assert_eq!(paper.planner.queued_tasks(), 0, "nobody stands in a lane");
    paper.succeed(runs[0], "a");
    assert_eq!(states(&paper, &runs[1..]), [TaskState::Active, TaskState::Waiting]);
    cancel(&mut paper, runs[1]);
    assert_eq!(states(&paper, &runs[2..]), [TaskState::Waiting], "it has not stopped yet");
    paper.succeed(runs[1], "a");
    assert_eq!(states(&paper, &runs[2..]), [TaskState::Active]);
}

#[test]
fn one_that_is_cancelled_while_it_waits_lets_the_next_pass() {
    let mut paper = Paper::with_executor();
    let runs: Vec<_> = (0..3).map(|_| paper.submit(&keyed("queue"))).collect();
    cancel(&mut paper, runs[1]);
    assert_eq!(paper.state(runs[1]), RunState::Cancelled);
    paper.succeed(runs[0], "a");
    assert_eq!(states(&paper, &runs[2..]), [TaskState::Active]);
}

#[test]
fn the_newest_is_cancelled_or_fails_and_says_who_was_there() {
    let mut paper = Paper::with_executor();
    let first = paper.submit(&keyed("queue"));
    let cancelled = paper.submit(&keyed("cancel_newest"));
    let failed = paper.submit(&keyed("fail"));
    assert_eq!((paper.state(cancelled), paper.state(failed)), (RunState::Cancelled, RunState::Failed));
    let said = paper.run(failed).summary.reason.clone().unwrap();
    assert_eq!(said, format!("{first} holds the key `robot` (fail)"));
    paper.succeed(first, "a");
    let next = paper.submit(&keyed("fail"));
    assert_eq!(paper.state(next), RunState::Running, "the key is free again");
}

#[test]
fn the_oldest_is_cancelled_and_the_new_one_starts_when_that_has_stopped() {
    let mut paper = Paper::with_executor();
    let runs: Vec<_> = (0..3).map(|_| paper.submit(&keyed("cancel_oldest"))).collect();
    assert_eq!(paper.state(runs[0]), RunState::Cancelling);
    assert_eq!(paper.state(runs[1]), RunState::Cancelled, "it never started");
    assert_eq!(states(&paper, &runs[2..]), [TaskState::Waiting]);
    paper.succeed(runs[0], "a");
    assert_eq!(paper.state(runs[0]), RunState::Cancelled);
    assert_eq!(states(&paper, &runs[2..]), [TaskState::Active]);
}

#[test]
fn a_mutex_is_held_by_one_task_at_a_time_and_not_during_a_back_off() {
    let mut paper = Paper::with_executor();
    let source = workflow("", "mutex: arm, retry: { attempts: 2, delay: 60s },");
    let runs: Vec<_> = (0..2).map(|_| paper.submit(&source)).collect();
    assert_eq!(states(&paper, &runs), [TaskState::Active, TaskState::Queued]);
    assert_eq!(why(&paper, runs[1]), format!("a of {} holds the key `arm`", runs[0]));
    paper.fail(runs[0], "a");
    assert_eq!(states(&paper, &runs), [TaskState::Waiting, TaskState::Active]);
    paper.pass_ms(30_000);
    paper.beat("one", 4);
    paper.pass_ms(31_000);
    assert_eq!(states(&paper, &runs), [TaskState::Queued, TaskState::Active]);
    paper.succeed(runs[1], "a");
    assert_eq!(states(&paper, &runs[..1]), [TaskState::Active]);
}

#[test]
fn a_run_that_repeats_another_waits_for_its_key_although_results_stay() {
    let mut paper = Paper::with_executor();
    let chain = "version: 1\nname: story\nconcurrency: { key: robot }\ndefaults: { image: i }\ntasks:\n  z: {}\n  a: { needs: [z] }\n";
    let first = paper.submit(chain);
    paper.succeed(first, "z");
    paper.fail(first, "a");
    let holder = paper.submit(chain);
    let submission = Box::new(paper.submission(chain));
    let again = submission.run;
    let old = Box::new(paper.run(first).clone());
    paper.take(Input::Recover { old, tasks: Vec::new(), submission });
    assert_eq!(paper.states(again), "z=cached a=waiting");
    paper.restart();
    paper.beat("one", 4);
    assert_eq!(paper.states(again), "z=cached a=waiting");
    paper.succeed(holder, "z");
    paper.succeed(holder, "a");
    assert_eq!(paper.states(again), "z=cached a=active");
}

#[test]
fn a_run_and_its_task_with_the_same_key_do_not_wait_for_each_other() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("concurrency: { key: arm }", "mutex: arm,"));
    assert_eq!(states(&paper, &[run]), [TaskState::Active]);
}

#[test]
fn keys_of_other_projects_are_other_keys() {
    let mut paper = Paper::with_executor();
    let first = paper.submit(&keyed("queue"));
    let mut submission = paper.submission(&keyed("queue"));
    submission.project = "other".parse().unwrap();
    let second = submission.run;
    paper.take(Input::Submit(Box::new(submission)));
    assert_eq!(states(&paper, &[first, second]), [TaskState::Active, TaskState::Active]);
}

#[test]
fn no_more_start_within_the_time_than_the_rate_allows() {
    let mut paper = Paper::with_executor();
    let source = workflow("", "rate_limit: { key: api, limit: 2, per: 20s },");
    let runs: Vec<_> = (0..5).map(|_| paper.submit(&source)).collect();
    let active =
        |paper: &Paper| states(paper, &runs).into_iter().filter(|state| *state == TaskState::Active).count();
    assert_eq!(active(&paper), 2);
    assert_eq!(why(&paper, runs[2]), "the rate of `api` is used up: 2 starts in 20 s");
    paper.succeed(runs[0], "a");
    assert_eq!(active(&paper), 1, "an end makes no room");
    paper.pass_ms(10_000);
    paper.beat("one", 4);
    paper.pass_ms(9_999);
    assert_eq!(active(&paper), 1);
    paper.beat("one", 4);
    paper.pass_ms(1);
    assert_eq!(active(&paper), 3);
    paper.pass_ms(10_000);
    paper.beat("one", 4);
    paper.pass_ms(10_000);
    assert_eq!(active(&paper), 4);
}

#[test]
fn after_a_restart_keys_are_held_and_starts_count_as_before() {
    let mut paper = Paper::with_executor();
    let keyed = keyed("queue");
    let runs: Vec<_> = (0..2).map(|_| paper.submit(&keyed)).collect();
    let rated = workflow("", "rate_limit: { key: api, limit: 1, per: 10s },");
    let starts: Vec<_> = (0..2).map(|_| paper.submit(&rated)).collect();
    let mutexed = workflow("", "mutex: arm,");
    let held: Vec<_> = (0..2).map(|_| paper.submit(&mutexed)).collect();
    let before = |paper: &Paper| [states(paper, &runs), states(paper, &starts), states(paper, &held)];
    let (was, said) = (before(&paper), [why(&paper, runs[1]), why(&paper, starts[1]), why(&paper, held[1])]);
    paper.pass_ms(5_000);
    paper.restart();
    paper.beat("one", 4);
    assert_eq!(before(&paper), was);
    assert_eq!([why(&paper, runs[1]), why(&paper, starts[1]), why(&paper, held[1])], said);
    paper.pass_ms(5_000);
    assert_eq!(states(&paper, &starts), [TaskState::Active, TaskState::Active]);
    paper.succeed(runs[0], "a");
    paper.succeed(held[0], "a");
    assert_eq!(states(&paper, &[runs[1], held[1]]), [TaskState::Active, TaskState::Active]);
}

#[test]
fn starts_of_runs_that_are_over_count_after_a_restart_when_they_are_read_back() {
    let source = workflow("", "rate_limit: { key: api, limit: 1, per: 10s },");
    let mut paper = Paper::with_executor();
    let over = paper.submit(&source);
    paper.succeed(over, "a");
    paper.pass_ms(4_000);
    paper.restart();
    let parsed = emboflow_model::workflow::parse(&source).unwrap();
    let ended = super::OpenRun::new(paper.run(over).clone(), std::sync::Arc::new(parsed)).unwrap();
    paper.planner.remember_ended(&ended);
    paper.beat("one", 4);
    let next = paper.submit(&source);
    assert_eq!(states(&paper, &[next]), [TaskState::Queued]);
    paper.pass_ms(5_999);
    assert_eq!(states(&paper, &[next]), [TaskState::Queued]);
    paper.pass_ms(1);
    assert_eq!(states(&paper, &[next]), [TaskState::Active]);
}

#[test]
fn when_all_is_over_no_gate_remembers_anything() {
    let mut paper = Paper::with_executor();
    for source in [keyed("queue"), workflow("rate_limit: { limit: 1, per: 10s }", "mutex: arm,")] {
        let runs: Vec<_> = (0..2).map(|_| paper.submit(&source)).collect();
        paper.succeed(runs[0], "a");
        cancel(&mut paper, runs[1]);
        if paper.state(runs[1]) == RunState::Cancelling {
            paper.succeed(runs[1], "a");
        }
    }
    paper.pass_ms(10_000);
    assert!(paper.planner.gates.is_empty());
}

#[test]
fn a_paused_run_holds_no_mutex_that_it_does_not_use() {
    let mut paper = Paper::new();
    let chain = "version: 1\nname: story\ndefaults: { image: i, resources: { cpu: 1 } }\ntasks:\n  z: {}\n  a: { needs: [z], mutex: arm }\n";
    paper.beat("one", 1);
    let first = paper.submit(chain);
    let blocker = paper.submit(&workflow("", "").replace("100m", "1"));
    paper.pass_ms(1);
    paper.succeed(first, "z");
    assert_eq!(states(&paper, &[blocker, first]), [TaskState::Active, TaskState::Queued]);
    paper.take(Input::Command { run: first, command: RunCommand::Pause { reason: None } });
    let second = paper.submit(&workflow("", "mutex: arm,"));
    paper.succeed(blocker, "a");
    paper.pass_ms(0);
    assert_eq!(states(&paper, &[first, second]), [TaskState::Queued, TaskState::Active]);
    paper.succeed(second, "a");
    paper.take(Input::Command { run: first, command: RunCommand::Resume });
    assert_eq!(states(&paper, &[first]), [TaskState::Active]);
}
