//! Results that an earlier run made of the same, on paper.

use emboflow_model::state::{Cause, Outcome, RunState, TaskState};
use emboflow_model::transition::AttemptEnd;
use emboflow_model::{Anew, Change, LogSeal, RunId, Task};
use serde_json::{Map, json};

use super::child_tests::make as make_children;
use super::input::RunCommand;
use super::testing::{Paper, ended};
use super::{Input, LookUp, LookedUp};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const CHAIN: &str = "version: 1\nname: w\ntasks:\n  \
    make: { image: i, cache: { ttl: 7d }, outputs: { n: { path: n.json, value: true } } }\n  \
    use: { image: i, needs: [make], env: { N: \"${{ tasks.make.values.n }}\" }, cache: true }\n";

/// What the driver does, with records that hold the tasks of `known`.
fn found(look_up: &LookUp, known: &[Task]) -> LookedUp {
    let LookUp { run, task, spec, extra, anew, .. } = look_up.clone();
    let key = spec.content_key(&Default::default(), extra.as_deref());
    let is_it = |made: &&Task| made.result_key() == Some(&key) && !anew;
    LookedUp { run, task, found: known.iter().rev().find(is_it).cloned(), key }
}

impl Paper {
    /// Answers all that is asked, and what is asked after that.
    fn answer(&mut self, known: &[Task]) {
        while !self.questions.is_empty() {
            let asked = std::mem::take(&mut self.questions);
            let answers = asked.iter().map(|look_up| Input::LookedUp(Box::new(found(look_up, known))));
            self.take_all(answers.collect());
        }
    }

    fn made(&self, run: RunId) -> Vec<Task> {
        self.run(run).tasks.values().cloned().collect()
    }
}

fn gives_one() -> AttemptEnd {
    AttemptEnd {
        values: Map::from_iter([("n".to_owned(), json!(1))]),
        log: Some(LogSeal {
            prefix: "lab/run".to_owned(),
            size_bytes: 0,
            lines: 0,
            sha256: String::new(),
            truncated: None,
        }),
        ..ended(Outcome::Succeeded, Cause::User, None)
    }
}

/// A run whose two tasks have made their results.
fn first_run(paper: &mut Paper) -> RunId {
    let run = paper.submit(CHAIN);
    assert_eq!(paper.states(run), "make=waiting use=waiting", "it asks first");
    paper.answer(&[]);
    paper.end(run, "make", gives_one());
    paper.answer(&[]);
    paper.succeed(run, "use");
    assert_eq!(paper.state(run), RunState::Succeeded);
    run
}

#[test]
fn a_second_run_takes_over_what_the_first_one_made_and_starts_nothing() {
    let mut paper = Paper::with_executor();
    let first = first_run(&mut paper);
    let known = paper.made(first);
    let second = paper.submit(CHAIN);
    paper.answer(&known);
    assert_eq!(paper.states(second), "make=cached use=cached");
    assert_eq!(paper.state(second), RunState::Succeeded);
    let made = paper.task(second, "make");
    assert_eq!((made.taken_over_from, made.values["n"].clone()), (Some(first), json!(1)));
    assert!(made.attempts.is_empty() && made.log().is_some());
    assert_eq!(made.content_key, known[0].content_key);
    assert_eq!(made.result_key(), None, "only who made a result has one to give");
}

#[test]
fn a_result_of_other_values_is_another_one() {
    let mut paper = Paper::with_executor();
    let first = first_run(&mut paper);
    let known = paper.made(first);
    let second = paper.submit(CHAIN);
    paper.answer(&known[1..]);
    let other = AttemptEnd { values: Map::from_iter([("n".to_owned(), json!(2))]), ..gives_one() };
    paper.end(second, "make", other);
    paper.answer(&known);
    assert_eq!(paper.task_state(second, "use"), TaskState::Active);
    assert_ne!(paper.task(second, "use").content_key, known[1].content_key);
}

#[test]
fn what_is_too_old_runs_again_and_so_does_what_is_asked_for_anew() {
    let mut paper = Paper::with_executor();
    let first = first_run(&mut paper);
    let known = paper.made(first);
    paper.pass_ms(7 * DAY_MS);
    paper.beat("one", 4);
    let late = paper.submit(CHAIN);
    paper.answer(&known);
    assert_eq!(paper.task_state(late, "make"), TaskState::Active);
    let mut submission = paper.submission(CHAIN);
    submission.accepted.anew = Anew::Tasks(vec!["make".parse().unwrap()]);
    let anew = submission.run;
    paper.take(Input::Submit(Box::new(submission)));
    paper.answer(&known);
    assert_eq!(paper.task_state(anew, "make"), TaskState::Active);
    paper.end(anew, "make", gives_one());
    paper.answer(&known);
    assert_eq!(paper.task_state(anew, "use"), TaskState::Cached, "only what was named runs");
    assert!(paper.task(anew, "make").result_key().is_some(), "and gives a newer result");
}

#[test]
fn an_answer_that_is_no_result_of_this_key_or_of_a_run_that_goes_is_none() {
    let mut paper = Paper::with_executor();
    let first = first_run(&mut paper);
    let known = paper.made(first);
    let wrong: [fn(&mut Task); 4] = [
        |made| made.content_key = Some("other".to_owned()),
        |made| made.state = TaskState::Failed,
        |made| made.project = "other".parse().unwrap(),
        |made| made.run = RunId::from_bits(u128::MAX),
    ];
    for spoil in wrong {
        let run = paper.submit(CHAIN);
        let mut answer = found(&paper.questions.remove(0), &known);
        spoil(answer.found.as_mut().unwrap());
        paper.take(Input::LookedUp(Box::new(answer)));
        assert!(paper.task(run, "make").taken_over_from.is_none());
        assert!(paper.task(run, "make").content_key.is_some());
        paper.take(Input::Command { run, command: RunCommand::CancelWhole { reason: None } });
    }
    let run = paper.submit(CHAIN);
    paper.planner.begin_removal([first]);
    paper.answer(&known);
    assert!(paper.task(run, "make").taken_over_from.is_none(), "it is being removed");
}

#[test]
fn whoever_starts_again_asks_again_and_says_meanwhile_what_it_waits_for() {
    let mut paper = Paper::with_executor();
    let first = first_run(&mut paper);
    let known = paper.made(first);
    let second = paper.submit(CHAIN);
    let waits = paper.planner.explain(second, paper.now);
    assert!(waits[0].wait_reason.contains("whether its result is there already"), "{waits:?}");
    paper.restart();
    paper.beat("one", 4);
    assert_eq!(paper.questions.len(), 1, "the answer was lost");
    let asked = paper.questions.clone();
    paper.answer(&known);
    paper.restart();
    assert_eq!(paper.states(second), "make=cached use=cached");
    // An answer to the question of the life before comes late.
    paper.take(Input::LookedUp(Box::new(found(&asked[0], &[]))));
    assert_eq!(paper.states(second), "make=cached use=cached");
}

#[test]
fn between_two_tasks_a_start_asks_for_the_second_one_only() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(CHAIN);
    paper.answer(&[]);
    paper.end(run, "make", gives_one());
    paper.restart();
    paper.beat("one", 4);
    let asked: Vec<_> = paper.questions.iter().map(|asked| asked.task.to_string()).collect();
    assert_eq!(asked, ["use"]);
    paper.answer(&[]);
    assert_eq!(paper.task_state(run, "use"), TaskState::Active);
}

#[test]
fn a_retry_asks_nothing_more_and_a_cancelled_task_takes_no_answer() {
    let source = "version: 1\nname: w\ntasks:\n  a: { image: i, cache: true, retry: { attempts: 2 } }\n";
    let mut paper = Paper::with_executor();
    let run = paper.submit(source);
    paper.answer(&[]);
    paper.fail(run, "a");
    paper.pass_ms(5_000);
    assert!(paper.questions.is_empty() && paper.task(run, "a").attempts.len() == 2);
    let other = paper.submit(source);
    let asked = paper.questions.remove(0);
    paper.take(Input::Command { run: other, command: RunCommand::Cancel { reason: None } });
    paper.take(Input::LookedUp(Box::new(found(&asked, &[]))));
    assert_eq!(paper.task_state(other, "a"), TaskState::Cancelled);
    assert!(!paper.history(other).iter().any(|transition| {
        transition.changes.iter().any(|change| matches!(change, Change::TaskKeyed { .. }))
    }));
}

#[test]
fn of_a_great_fan_out_only_some_are_asked_at_a_time_and_all_get_their_answer() {
    let source = "version: 1\nname: w\ntasks:\n  \
                  a: { image: i, matrix: { n: \"${{ range(600) }}\" }, args: [\"${{ matrix.n }}\"], cache: true }\n";
    let mut paper = Paper::with_executor();
    let run = paper.submit(source);
    assert_eq!(paper.questions.len(), 256);
    let mut keys = std::collections::BTreeSet::new();
    while !paper.questions.is_empty() {
        let asked = std::mem::take(&mut paper.questions);
        let answers: Vec<_> = asked.iter().map(|asked| found(asked, &[])).collect();
        keys.extend(answers.iter().map(|answer| answer.key.clone()));
        paper.take_all(answers.into_iter().map(|answer| Input::LookedUp(Box::new(answer))).collect());
    }
    assert_eq!(keys.len(), 600, "each has a key of its own");
    assert_eq!(paper.run(run).summary.tasks.in_state(TaskState::Waiting), 0);
}

#[test]
fn a_key_that_cannot_be_evaluated_fails_its_task() {
    let source = "version: 1\nname: w\ntasks:\n  \
                  a: { image: i, cache: { key: \"${{ tasks.b.values.n }}\" } }\n  \
                  b: { image: i, outputs: { n: { path: n.json, value: true } } }\n";
    let mut paper = Paper::with_executor();
    let run = paper.submit(source);
    let long =
        AttemptEnd { values: Map::from_iter([("n".to_owned(), json!("x".repeat(300)))]), ..gives_one() };
    paper.end(run, "b", long);
    let task = paper.task(run, "a");
    assert_eq!(task.state, TaskState::Failed, "{task:?}");
    assert!(task.message.as_deref().unwrap().contains("300"), "{task:?}");
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn a_run_that_carries_a_task_out_takes_nothing_from_the_one_above_it_and_everything_from_the_one_beside() {
    let mut paper = Paper::with_executor();
    let source = "version: 1\nname: parent\ntasks:\n  make: { image: i, cache: true }\n  \
        part: { needs: [make], matrix: { n: [1, 2] }, max_parallel: 1, uses: { workflow: child } }\n";
    let child = "version: 1\nname: child\ntasks: { work: { image: i, cache: true } }\n";
    let run = paper.submit(source);
    paper.answer(&[]);
    paper.succeed(run, "make");
    let made = paper.made(run);
    let first = make_children(&mut paper, child)[0];
    paper.answer(&made);
    assert_eq!(paper.states(first), "work=active", "it is kept by its parent, and must not keep that");
    paper.succeed(first, "work");
    let beside = paper.made(first);
    let second = make_children(&mut paper, child)[0];
    paper.answer(&beside);
    assert_eq!(paper.states(second), "work=cached");
    assert_eq!(paper.state(run), RunState::Succeeded);
}
