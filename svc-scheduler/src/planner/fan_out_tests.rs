//! Stories of fan-outs over what other tasks gave.

use emboflow_model::state::{Cause, Outcome, Reason, RunState, TaskState};
use serde_json::{Value, json};

use super::testing::{Paper, ended};
use super::values_tests::{gives, started, workflow};
use super::*;

const SPLIT: &str = "  split: { outputs: { parts: { path: parts.json, value: true, optional: true } } }\n";
const PROCESS: &str =
    "  process: { matrix: { part: \"${{ tasks.split.values.parts }}\" }, args: [\"${{ matrix.part }}\"] }\n";
const JOIN: &str = "  join: { needs: [process] }\n";

fn fanning() -> String {
    workflow(&format!("{SPLIT}{PROCESS}{JOIN}"))
}

fn split(paper: &mut Paper, run: RunId, parts: Value) {
    paper.end(run, "split", gives(json!({ "parts": parts })));
}

/// The run after each transition has the same tasks when the planner dies in between.
fn restart(paper: &mut Paper) {
    paper.restart();
    paper.beat("one", 4);
}

#[test]
fn one_task_stands_for_the_fan_out_until_its_list_is_there() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&fanning());
    assert_eq!(paper.states(run), "split=active process=waiting join=waiting");
    assert_eq!(paper.run(run).summary.tasks.total, 3);
    split(&mut paper, run, json!(["a", "b"]));
    assert_eq!(paper.states(run), "split=succeeded process[0]=active process[1]=active join=waiting");
    let summary = &paper.run(run).summary;
    assert_eq!((summary.tasks.total, summary.graph[1].fan_out), (4, Some(2)));
    assert_eq!(summary.tasks.in_state(TaskState::Waiting), 1);
    let arguments: Vec<_> = started(&paper).into_iter().skip(1).map(|(_, args)| args[0].clone()).collect();
    assert_eq!(arguments, ["a", "b"]);
    paper.succeed(run, "process[1]");
    paper.succeed(run, "process[0]");
    paper.succeed(run, "join");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn a_restart_in_any_state_changes_nothing() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&fanning());
    restart(&mut paper);
    split(&mut paper, run, json!([{ "n": 1 }, { "n": 2 }, { "n": 3 }]));
    restart(&mut paper);
    paper.fail(run, "process[2]");
    paper.succeed(run, "process[0]");
    restart(&mut paper);
    paper.succeed(run, "process[1]");
    assert_eq!(
        paper.states(run),
        "split=succeeded process[0]=succeeded process[1]=succeeded process[2]=failed join=upstream_failed"
    );
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn a_task_that_has_yet_to_start_has_its_value_after_a_restart() {
    let mut paper = Paper::with_executor();
    let limited = PROCESS.replace("matrix:", "max_parallel: 1, matrix:");
    let run = paper.submit(&workflow(&format!("{SPLIT}{limited}{JOIN}")));
    split(&mut paper, run, json!(["a", "b"]));
    assert_eq!(paper.states(run), "split=succeeded process[0]=active process[1]=queued join=waiting");
    restart(&mut paper);
    paper.succeed(run, "process[0]");
    assert_eq!(started(&paper), [("process[1]".to_owned(), vec!["b".to_owned()])]);
}

#[test]
fn a_fan_out_over_nothing_has_ended_and_its_dependents_go_on() {
    let mut paper = Paper::with_executor();
    let counted = "  count: { needs: [process], args: [\"${{ tasks.process.state }}\"] }\n";
    let run = paper.submit(&workflow(&format!("{SPLIT}{PROCESS}{JOIN}{counted}")));
    split(&mut paper, run, json!([]));
    assert_eq!(paper.states(run), "split=succeeded join=active count=active");
    assert_eq!(paper.run(run).summary.tasks.total, 3);
    restart(&mut paper);
    paper.succeed(run, "join");
    paper.succeed(run, "count");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn a_fan_out_over_nothing_at_the_end_of_the_graph_ends_the_run_and_lets_finally_tasks_follow() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(&format!("{SPLIT}{PROCESS}")));
    split(&mut paper, run, json!([]));
    assert_eq!((paper.state(run), paper.states(run).as_str()), (RunState::Succeeded, "split=succeeded"));

    let run = paper.submit(&workflow(&format!("{SPLIT}{PROCESS}  tidy: {{ finally: always }}\n")));
    split(&mut paper, run, json!([]));
    assert_eq!(paper.states(run), "split=succeeded tidy=active");
    restart(&mut paper);
    paper.succeed(run, "tidy");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn what_stands_for_the_fan_out_ends_in_its_place_when_there_is_none() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&fanning());
    paper.fail(run, "split");
    assert_eq!(paper.states(run), "split=failed process=upstream_failed join=upstream_failed");

    let skipped = PROCESS.replace("matrix:", "if: \"${{ size(tasks.split.values.parts) > 2 }}\", matrix:");
    let run = paper.submit(&workflow(&format!("{SPLIT}{skipped}{JOIN}")));
    split(&mut paper, run, json!(["a"]));
    assert_eq!(paper.states(run), "split=succeeded process=skipped join=skipped");

    let run = paper.submit(&fanning());
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    paper.end(run, "split", ended(Outcome::Cancelled, Cause::Policy, Some(Reason::Cancelled)));
    assert_eq!(paper.states(run), "split=cancelled process=cancelled join=cancelled");
    assert_eq!(paper.state(run), RunState::Cancelled);

    let run = paper.submit(&fanning());
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    split(&mut paper, run, json!(["a"]));
    assert_eq!(paper.states(run), "split=succeeded process=cancelled join=cancelled", "it came too late");
    assert_eq!(paper.state(run), RunState::Cancelled);
}

#[test]
fn a_matrix_that_gives_no_list_or_too_much_fails_what_stands_for_it() {
    for (parts, why) in [
        (json!({ "parts": 7 }), "must be a list, but the expression gives an integer"),
        (json!({}), "no key `parts`"),
        (json!({ "parts": (0..400).collect::<Vec<_>>() }), "it may have 100000"),
    ] {
        let mut paper = Paper::with_executor();
        let squared = PROCESS.replace("part: ", "other: \"${{ tasks.split.values.parts }}\", part: ");
        let run = paper.submit(&workflow(&format!("{SPLIT}{squared}{JOIN}")));
        paper.end(run, "split", gives(parts));
        let task = paper.task(run, "process");
        assert_eq!((task.state, task.reason), (TaskState::Failed, Some(Reason::SpecInvalid)));
        assert!(task.message.as_ref().unwrap().contains(why), "{:?}", task.message);
        assert_eq!(paper.task_state(run, "join"), TaskState::UpstreamFailed);
        assert_eq!(paper.state(run), RunState::Failed);
    }
}

#[test]
fn fan_outs_follow_from_each_other() {
    let mut paper = Paper::with_executor();
    let process = PROCESS.replace("args:", "outputs: { n: { path: n.json, value: true } }, args:");
    let then = "  then: { matrix: { n: \"${{ tasks.process.values.n.filter(n, n > 1) }}\" }, args: [\"${{ matrix.n }}\"] }\n";
    let run = paper.submit(&workflow(&format!("{SPLIT}{process}{then}")));
    split(&mut paper, run, json!(["a", "b", "c"]));
    for index in [2, 0, 1] {
        restart(&mut paper);
        paper.end(run, &format!("process[{index}]"), gives(json!({ "n": index })));
    }
    assert_eq!(started(&paper), [("then[0]".to_owned(), vec!["2".to_owned()])]);
}

#[test]
fn a_run_that_repeats_another_keeps_the_indices_unless_the_list_is_made_anew() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&fanning());
    split(&mut paper, run, json!(["a", "b", "c"]));
    paper.succeed(run, "process[0]");
    paper.fail(run, "process[1]");
    paper.succeed(run, "process[2]");
    assert_eq!(paper.state(run), RunState::Failed);

    let old = paper.run(run).clone();
    let repeat = |paper: &mut Paper, tasks: Vec<emboflow_model::TaskKey>| {
        let submission = paper.submission(&fanning());
        let run = submission.run;
        let (old, submission) = (Box::new(old.clone()), Box::new(submission));
        paper.take(Input::Recover { old, tasks, submission });
        run
    };
    let again = repeat(&mut paper, Vec::new());
    assert_eq!(
        paper.states(again),
        "split=cached process[0]=cached process[1]=active process[2]=cached join=waiting"
    );
    restart(&mut paper);
    paper.succeed(again, "process[1]");
    paper.succeed(again, "join");
    assert_eq!(paper.state(again), RunState::Succeeded);

    let anew = repeat(&mut paper, vec!["split".parse().unwrap()]);
    assert_eq!(paper.states(anew), "split=active process=waiting join=waiting");
    split(&mut paper, anew, json!(["d"]));
    assert_eq!(paper.states(anew), "split=succeeded process[0]=active join=waiting");
}

#[test]
fn a_copy_that_looks_ahead_counts_what_stands_for_the_fan_out_as_one_task() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&fanning());
    let mut copy = paper.planner.clone();
    copy.go_alone(paper.now);
    for task in ["split", "process", "join"] {
        let open = copy.run(run).unwrap();
        let key: emboflow_model::TaskKey = task.parse().unwrap();
        let attempt = open.run.tasks[&key].open_attempt().unwrap_or_else(|| panic!("{task} does not run"));
        let id = emboflow_model::AttemptId { run, task: key, number: 1 };
        let (fence, executor) = (attempt.fence, attempt.executor.clone());
        let end = Box::new(ended(Outcome::Succeeded, Cause::User, None));
        let phase = emboflow_protocol::report::Phase::Ended { end };
        let report = emboflow_protocol::report::Report { attempt: id, fence, phase };
        copy.step(vec![Input::Report { executor, report }], paper.now);
    }
    assert_eq!(copy.open_runs(), 0);
}
