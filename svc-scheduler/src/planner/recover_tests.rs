//! Runs that repeat others: with other inputs, of runs that are still open, and one after the other.

use emboflow_model::state::{RunState, TaskState};
use emboflow_model::{RunId, TaskKey};
use serde_json::{Map, Value, json};

use super::input::Input;
use super::testing::Paper;

const SOURCE: &str = "version: 1\nname: story\ndefaults: { image: busybox }\ninputs:\n  folds: { type: integer, default: 2 }\n  \
                      rate: { type: integer, default: 1 }\ntasks:\n  a: {}\n  b: { needs: [a], matrix: { fold: '${{ range(inputs.folds) }}' } }\n  \
                      c: { needs: [a], command: ['${{ inputs.rate }}'] }\n  d: { needs: [b, c] }\n";

/// Makes a run of the same file that repeats `old`.
fn rerun(paper: &mut Paper, old: RunId, tasks: &[&str], given: Value) -> RunId {
    let before = paper.run(old).clone();
    let mut submission = paper.submission(SOURCE);
    let mut inputs: Map<String, Value> = before.summary.inputs.as_ref().clone();
    inputs.extend(given.as_object().unwrap().clone());
    submission.accepted.tasks = submission.workflow.layout(&inputs).unwrap().graph.to_vec();
    submission.accepted.inputs = inputs;
    submission.accepted.recovered_from = Some(old);
    let run = submission.run;
    let tasks: Vec<TaskKey> = tasks.iter().map(|task| task.parse().unwrap()).collect();
    paper.take(Input::Recover { old: Box::new(before), tasks, submission: Box::new(submission) });
    run
}

fn finish(paper: &mut Paper, run: RunId, tasks: &[&str]) {
    for task in tasks {
        paper.succeed(run, task);
    }
    assert_eq!(paper.state(run), RunState::Succeeded);
}

fn succeeded(paper: &mut Paper) -> RunId {
    let run = paper.submit(SOURCE);
    finish(paper, run, &["a", "b[0]", "b[1]", "c", "d"]);
    run
}

#[test]
fn a_changed_input_repeats_what_reads_it_and_takes_over_the_rest() {
    let mut paper = Paper::with_executor();
    let old = succeeded(&mut paper);
    let run = rerun(&mut paper, old, &[], json!({ "rate": 7 }));
    assert_eq!(paper.states(run), "a=cached b[0]=cached b[1]=cached c=active d=waiting");
    finish(&mut paper, run, &["c", "d"]);
}

#[test]
fn a_fan_out_of_more_tasks_runs_as_a_whole() {
    let mut paper = Paper::with_executor();
    let old = succeeded(&mut paper);
    let run = rerun(&mut paper, old, &[], json!({ "folds": 3 }));
    assert_eq!(paper.states(run), "a=cached b[0]=active b[1]=active b[2]=active c=cached d=waiting");
    finish(&mut paper, run, &["b[0]", "b[1]", "b[2]", "d"]);
}

#[test]
fn a_run_of_fewer_tasks_takes_over_none_that_it_does_not_have() {
    let mut paper = Paper::with_executor();
    let old = succeeded(&mut paper);
    let run = rerun(&mut paper, old, &["b[1]"], json!({ "folds": 1 }));
    assert_eq!(paper.states(run), "a=cached b[0]=active c=cached d=waiting");
}

#[test]
fn a_part_of_an_open_run_is_repeated_beside_it() {
    let mut paper = Paper::with_executor();
    let old = paper.submit(SOURCE);
    paper.succeed(old, "a");
    paper.succeed(old, "b[0]");
    let run = rerun(&mut paper, old, &[], json!({ "rate": 7 }));
    assert_eq!(paper.states(run), "a=cached b[0]=cached b[1]=active c=active d=waiting");
    assert_eq!(paper.states(old), "a=succeeded b[0]=succeeded b[1]=active c=active d=waiting", "it goes on");
    finish(&mut paper, old, &["b[1]", "c", "d"]);
    finish(&mut paper, run, &["b[1]", "c", "d"]);
}

#[test]
fn what_is_taken_over_again_names_the_run_that_made_it() {
    let mut paper = Paper::with_executor();
    let first = succeeded(&mut paper);
    let second = rerun(&mut paper, first, &[], json!({ "rate": 2 }));
    finish(&mut paper, second, &["c", "d"]);
    let third = rerun(&mut paper, second, &["d"], json!({}));
    let origin = |paper: &Paper, task: &str| paper.task(third, task).taken_over_from;
    assert_eq!((origin(&paper, "a"), origin(&paper, "c")), (Some(first), Some(second)));
    assert_eq!(paper.task(third, "d").taken_over_from, None);
    // A start in between folds the same.
    paper.restart();
    paper.beat("one", 4);
    assert_eq!((origin(&paper, "a"), origin(&paper, "c")), (Some(first), Some(second)));
    assert_eq!(paper.task_state(third, "d"), TaskState::Active);
}
