//! Stories of values: what a task gives, and what those that follow make of it.

use emboflow_model::state::{Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::transition::AttemptEnd;
use emboflow_model::workflow::limits::MAX_RUN_VALUE_BYTES;
use emboflow_protocol::command::Command;
use serde_json::{Value, json};

use super::testing::{Paper, ended};

pub(super) fn workflow(tasks: &str) -> String {
    format!("version: 1\nname: story\ndefaults: {{ image: busybox }}\ntasks:\n{tasks}")
}

/// An end that gives these values.
pub(super) fn gives(values: Value) -> AttemptEnd {
    let values = values.as_object().cloned().unwrap();
    AttemptEnd { values, ..ended(Outcome::Succeeded, Cause::User, None) }
}

/// The arguments of all tasks that were started, in order.
pub(super) fn started(paper: &Paper) -> Vec<(String, Vec<String>)> {
    let starts = paper.commands.iter().filter_map(|command| match command {
        Command::Start(start) => Some((start.attempt.task.to_string(), start.spec.args.clone())),
        _ => None,
    });
    starts.collect()
}

const LOOKS: &str = "  look: { outputs: { found: { path: found.json, value: true, optional: true } } }\n";

#[test]
fn what_a_task_gave_reaches_those_that_follow_also_after_a_restart() {
    let mut paper = Paper::with_executor();
    let then = "  then: { args: [\"${{ tasks.look.values.found.name }}\"] }\n  last: { needs: [then], args: [\"${{ tasks.look.values.found.name }}\"] }\n";
    let run = paper.submit(&workflow(&format!("{LOOKS}{then}")));
    paper.end(run, "look", gives(json!({ "found": { "name": "left" } })));
    assert_eq!(started(&paper)[1], ("then".to_owned(), vec!["left".to_owned()]));
    assert_eq!(paper.task(run, "look").values["found"]["name"], "left");
    paper.restart();
    paper.beat("one", 4);
    paper.succeed(run, "then");
    assert_eq!(started(&paper), [("last".to_owned(), vec!["left".to_owned()])]);
}

#[test]
fn what_a_fan_out_gave_is_a_list_with_null_for_what_is_missing() {
    let mut paper = Paper::with_executor();
    let tasks = LOOKS.replace("look: {", "look: { continue_on_error: true, matrix: { side: [l, r, m] },");
    let then = "  then: { args: [\"${{ tasks.look.values.found }}\"] }\n";
    let run = paper.submit(&workflow(&format!("{tasks}{then}")));
    paper.end(run, "look[2]", gives(json!({ "found": 3 })));
    paper.end(run, "look[0]", gives(json!({ "found": [1] })));
    paper.fail(run, "look[1]");
    assert_eq!(started(&paper)[3], ("then".to_owned(), vec!["[[1],null,3]".to_owned()]));
}

#[test]
fn who_reads_a_value_that_was_not_given_fails_with_its_name() {
    let mut paper = Paper::with_executor();
    let then = "  then: { resources: { cpu: \"${{ tasks.look.values.found }}\" } }\n";
    let run = paper.submit(&workflow(&format!("{LOOKS}{then}")));
    paper.succeed(run, "look");
    let task = paper.task(run, "then");
    assert_eq!((task.state, task.reason), (TaskState::Failed, Some(Reason::SpecInvalid)));
    assert!(task.message.as_ref().unwrap().contains("`found`"), "{:?}", task.message);
}

#[test]
fn an_end_that_is_no_success_gives_nothing() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(LOOKS));
    let failed = ended(Outcome::Failed, Cause::User, Some(Reason::ExitCode));
    paper.end(run, "look", AttemptEnd { values: gives(json!({ "found": 1 })).values, ..failed });
    assert!(paper.task(run, "look").values.is_empty());
}

#[test]
fn a_run_keeps_so_many_values_and_the_task_that_gives_more_fails() {
    let mut paper = Paper::with_executor();
    let each = "x".repeat(MAX_RUN_VALUE_BYTES / 2 - 20);
    let tasks = LOOKS.replace("look: {", "look: { matrix: { side: [l, r, m] },");
    let run = paper.submit(&workflow(&tasks));
    paper.end(run, "look[0]", gives(json!({ "found": each })));
    paper.restart();
    paper.beat("one", 4);
    paper.end(run, "look[1]", gives(json!({ "found": each })));
    paper.end(run, "look[2]", gives(json!({ "found": "one too many, of a few bytes more" })));
    let task = paper.task(run, "look[2]");
    assert_eq!((task.state, task.reason), (TaskState::Failed, Some(Reason::StageOutFailed)));
    assert!(task.message.as_ref().unwrap().contains("a run keeps 1048576"), "{:?}", task.message);
    assert!(task.values.is_empty() && task.artifacts.is_empty());
    assert_eq!(paper.state(run), RunState::Failed);
}
